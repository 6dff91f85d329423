//! `workflow.pinned`: is everything that the pipelines take from others named by a full commit?

use avouch_model::{observation::Population, state::Outcome};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, one},
    pipelines::{Allowed, Pipelines, SPOTS_MAX, Spot, count, decide, listed, spot},
};

/// See the module.
pub(super) struct WorkflowPinned;

/// Which pipelines, and what may stay unpinned.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    /// Whether images (`docker://`) count as well.
    #[serde(default = "yes")]
    images: bool,
    #[serde(default)]
    allowed: Vec<Allowed>,
    #[serde(default = "one")]
    uses_min: u64,
}

const fn yes() -> bool {
    true
}

/// What is used, and what of it is not pinned.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// How many actions, reusable workflows, images and includes are used; local ones are not counted.
    uses: u64,
    unpinned: Vec<Spot>,
    /// How many more are not pinned than are kept.
    more: u64,
    unreadable: Vec<String>,
}

impl Question for WorkflowPinned {
    const ID: &'static str = "workflow.pinned";
    const QUESTION: &'static str = "Is everything that the pipelines take from others named by a full commit?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/workflow-pinned.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let pipelines = Pipelines::of(world, asked.files.as_ref())?;
        let mut seen = Seen { uses: 0, unpinned: vec![], more: 0, unreadable: pipelines.unreadable.clone() };
        for workflow in &pipelines.read {
            let of_jobs = workflow.jobs.iter().flat_map(|job| {
                let uses = job.uses.iter().chain(job.steps.iter().filter_map(|step| step.uses.as_ref()));
                uses.map(|uses| (job.id.as_str(), uses))
            });
            for (job, uses) in of_jobs.chain(workflow.includes.iter().map(|uses| ("", uses))) {
                if uses.is_local() || (uses.is_image() && !asked.images) {
                    continue;
                }
                seen.uses += 1;
                if uses.is_pinned() || Allowed::any(&asked.allowed, &workflow.source.path, job, &uses.what) {
                    continue;
                }
                if seen.unpinned.len() < SPOTS_MAX {
                    seen.unpinned.push(spot(&workflow.source, uses.span.start, &uses.what));
                } else {
                    seen.more += 1;
                }
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        if !seen.unpinned.is_empty() {
            let unpinned = seen.unpinned.len() as u64 + seen.more;
            findings.push(format!(
                "{unpinned} of {} are not named by a full commit or digest: {}",
                seen.uses,
                listed(&seen.unpinned)
            ));
        }
        let sentence = format!(
            "{} of others {} named by full commit or digest.",
            count(seen.uses, "action", "actions"),
            if seen.uses == 1 { "is" } else { "are" }
        );
        decide(Population { examined: seen.uses, required: asked.uses_min }, &seen.unreadable, findings, sentence)
    }
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "every action is named by its commit",
        asked: "{}",
        seen: r#"{"uses":3,"unpinned":[],"more":0,"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "an action is named by a tag",
        asked: "{}",
        seen: r#"{"uses":3,"unpinned":[{"place":{"file":"ci.yml","line":8,"column":15},"what":"actions/checkout@v4"}],"more":0,"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a workflow cannot be read",
        asked: "{}",
        seen: r#"{"uses":3,"unpinned":[],"more":0,"unreadable":["ci.yml:3:1: this is not YAML"]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "nothing of others is used",
        asked: "{}",
        seen: r#"{"uses":0,"unpinned":[],"more":0,"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(files: &[(&str, &str)], asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = Scene::of(files.iter().copied()).with(|world| WorkflowPinned::gather(world, &asked)).unwrap();
        WorkflowPinned::judge(&seen, &asked)
    }

    #[test]
    fn tags_branches_and_images_without_digest_are_named_with_their_place() {
        let commit = "a".repeat(40);
        let text = format!(
            "on: push\njobs:\n  a:\n    uses: o/r/.github/workflows/x.yml@main\n  b:\n    steps:\n      - uses: o/a@{commit}\n      - uses: ./x\n      - uses: docker://alpine:3\n"
        );
        let files = [(".github/workflows/a.yml", text.as_str())];
        let judged = judge(&files, "{}");
        assert!(judged.findings[0].starts_with("2 of 3"), "{:?}", judged.findings);
        assert!(judged.findings[0].contains("a.yml:4:11"), "{:?}", judged.findings);
        let judged = judge(&files, r#"{"images":false,"allowed":[{"what":"o/r/**","reason":"our own"}]}"#);
        assert_eq!(judged.outcome, Outcome::Pass, "{:?}", judged.findings);
        let judged = judge(&files, r#"{"images":false,"allowed":[{"what":"o/r/**","reason":""}]}"#);
        assert_eq!(judged.outcome, Outcome::Fail, "an exception needs a reason");
    }

    #[test]
    fn composite_actions_and_includes_of_gitlab_count() {
        let action = "runs:\n  using: composite\n  steps:\n    - uses: o/a@v1\n";
        assert_eq!(judge(&[("tools/action.yml", action)], "{}").outcome, Outcome::Fail);
        let gitlab = "include:\n  - project: a/b\n    ref: v1\na:\n  script: x\n";
        assert_eq!(judge(&[(".gitlab-ci.yml", gitlab)], "{}").outcome, Outcome::Fail);
        assert_eq!(judge(&[(".gitlab-ci.yml", "a:\n  script: x\n")], "{}").outcome, Outcome::NotExercised);
    }
}

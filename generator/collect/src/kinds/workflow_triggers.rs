//! `workflow.triggers`: can no stranger's change run where the repository's secrets are?

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::workflow::{
    Format, Step, Workflow,
    expression::{Expression, fences},
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::Globs,
    pipelines::{Allowed, Pipelines, count, decide},
    sources::{Place, place},
};

/// Triggers that run with the repository's own token and secrets on what a stranger sent.
const PRIVILEGED: &[&str] = &["pull_request_target", "workflow_run", "issue_comment"];

/// More triggers that strangers pull, with the repository's token; dangerous only with a checkout.
const ANSWERING: &[&str] = &["pull_request_review", "pull_request_review_comment", "discussion_comment", "issues"];

/// See the module.
pub(super) struct WorkflowTriggers;

/// Which workflows, and what counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    #[serde(default)]
    counts: Counts,
    /// Triggers that may be used, each with its reason; never together with a checkout of the stranger's change.
    #[serde(default)]
    allowed: Vec<Allowed>,
}

/// What counts as a danger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Counts {
    /// A privileged trigger.
    #[default]
    Trigger,
    /// A privileged trigger with a checkout of the stranger's change.
    Checkout,
}

/// The workflows with privileged triggers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// How many workflows were looked at.
    workflows: u64,
    dangers: Vec<Danger>,
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Danger {
    event: String,
    place: Place,
    /// It only labels, with the action that GitHub made for it.
    labels: bool,
    /// Where the stranger's change is checked out.
    checkouts: Vec<Place>,
}

impl Question for WorkflowTriggers {
    const ID: &'static str = "workflow.triggers";
    const QUESTION: &'static str = "Can no stranger's change run where the repository's secrets are?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/workflow-triggers.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let pipelines = Pipelines::of(world, asked.files.as_ref())?;
        let mut seen = Seen { workflows: 0, dangers: vec![], unreadable: vec![] };
        for workflow in pipelines.read.iter().filter(|workflow| workflow.format == Format::Actions) {
            seen.workflows += 1;
            let checkouts = checkouts(&pipelines, workflow);
            for trigger in &workflow.triggers {
                let privileged = PRIVILEGED.contains(&trigger.event.as_str());
                if privileged || (ANSWERING.contains(&trigger.event.as_str()) && !checkouts.is_empty()) {
                    seen.dangers.push(Danger {
                        event: trigger.event.clone(),
                        place: place(&workflow.source, trigger.span.start),
                        labels: trigger.event == "pull_request_target" && only_labels(workflow),
                        checkouts: checkouts.clone(),
                    });
                }
            }
        }
        seen.unreadable = pipelines.unreadable.clone();
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for danger in &seen.dangers {
            let (event, at) = (&danger.event, &danger.place);
            if let Some(checkout) = danger.checkouts.first() {
                findings.push(format!("`{event}` at {at} checks out the stranger's change at {checkout}"));
            } else if asked.counts == Counts::Trigger && !danger.labels && !Allowed::any(&asked.allowed, &at.file, "", event) {
                findings.push(format!("`{event}` at {at} runs with the repository's token on what strangers send"));
            }
        }
        findings.sort_by_key(|finding| !finding.contains("checks out"));
        let sentence = format!("{} let no stranger's change run with secrets.", count(seen.workflows, "workflow", "workflows"));
        decide(Population { examined: seen.workflows, required: 1 }, &seen.unreadable, findings, sentence)
    }
}

/// A single step that uses `actions/labeler`, which reads names of files and nothing else.
fn only_labels(workflow: &Workflow) -> bool {
    let [job] = &workflow.jobs[..] else { return false };
    let [step] = &job.steps[..] else { return false };
    step.uses.as_ref().is_some_and(|uses| uses.name() == "actions/labeler")
}

/// Where a workflow fetches the change of whoever triggered it.
fn checkouts(pipelines: &Pipelines, workflow: &Workflow) -> Vec<Place> {
    let mut found = Vec::new();
    for job in &workflow.jobs {
        for within in pipelines.steps(workflow, job) {
            if !within.off && !job.off && fetches_change(within.step) {
                found.push(place(&within.workflow.source, within.step.span.start));
            }
        }
    }
    found
}

fn fetches_change(step: &Step) -> bool {
    let names_change = |text: &str| {
        text.contains("refs/pull/")
            || fences(text).iter().any(|fence| {
                let paths = Expression::parse(fence.inner).map(|parsed| parsed.paths()).unwrap_or_default();
                paths.iter().any(|path| {
                    path == "github.head_ref"
                        || path.starts_with("github.event.pull_request.head")
                        || path.starts_with("github.event.workflow_run.head")
                        || path.starts_with("github.event.workflow_run.pull_requests")
                        || path == "github.event.pull_request.merge_commit_sha"
                })
            })
    };
    if step.uses.as_ref().is_some_and(|uses| uses.name() == "actions/checkout") {
        return step.with.iter().any(|(name, value)| matches!(name.as_str(), "ref" | "repository") && names_change(&value.text));
    }
    step.run.as_ref().is_some_and(|run| {
        let text = &run.text;
        let handed = step.variables.entries.iter().any(|(_, value)| names_change(&value.text));
        text.contains("gh pr checkout")
            || text.contains("hub pr checkout")
            || (text.contains("git fetch") && text.contains("pull/"))
            || ((text.contains("git checkout")
                || text.contains("git fetch")
                || text.contains("git clone")
                || text.contains("git switch"))
                && (handed || names_change(text)))
    })
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "no workflow has a privileged trigger",
        asked: "{}",
        seen: r#"{"workflows":4,"dangers":[],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a privileged trigger that only labels",
        asked: "{}",
        seen: r#"{"workflows":4,"dangers":[{"event":"pull_request_target","place":{"file":"label.yml","line":2,"column":3},"labels":true,"checkouts":[]}],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a stranger's change is checked out beside the secrets, whatever is allowed",
        asked: r#"{"counts":"checkout","allowed":[{"what":"pull_request_target","reason":"previews"}]}"#,
        seen: r#"{"workflows":4,"dangers":[{"event":"pull_request_target","place":{"file":"ci.yml","line":2,"column":3},"labels":false,"checkouts":[{"file":"ci.yml","line":9,"column":9}]}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a privileged trigger without a reason",
        asked: "{}",
        seen: r#"{"workflows":4,"dangers":[{"event":"workflow_run","place":{"file":"ci.yml","line":2,"column":3},"labels":false,"checkouts":[]}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no workflow",
        asked: "{}",
        seen: r#"{"workflows":0,"dangers":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn findings(text: &str, asked: &str) -> Vec<String> {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let scene = Scene::of([(".github/workflows/a.yml", text)]);
        let seen = scene.with(|world| WorkflowTriggers::gather(world, &asked)).unwrap();
        WorkflowTriggers::judge(&seen, &asked).findings
    }

    #[test]
    fn a_checkout_of_the_head_is_found_however_it_is_written() {
        for step in [
            "{ uses: actions/checkout@v4, with: { ref: \"${{ github.event.pull_request.head.sha }}\" } }",
            "{ uses: Actions/Checkout@v4, with: { repository: \"${{ github.event.pull_request.head.repo.full_name }}\" } }",
            "{ run: gh pr checkout 5 }",
            "{ run: git fetch origin pull/5/head }",
            "{ run: git checkout $REF, env: { REF: \"${{ github.head_ref }}\" } }",
        ] {
            let text = format!("on: pull_request_target\njobs:\n  a:\n    steps:\n      - {step}\n");
            let found = findings(&text, r#"{"counts":"checkout"}"#);
            assert!(found.len() == 1 && found[0].contains("checks out"), "{step} {found:?}");
        }
        let plain = "on: pull_request_target\njobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n      - run: x\n";
        assert_eq!(findings(plain, r#"{"counts":"checkout"}"#), Vec::<String>::new());
        assert_eq!(findings(plain, "{}").len(), 1);
        assert_eq!(
            findings(plain, r#"{"allowed":[{"what":"pull_request_target","reason":"adds a comment"}]}"#),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_comment_that_runs_the_change_is_a_danger_and_a_comment_alone_is_none() {
        let text = "on: issue_comment\njobs:\n  a:\n    steps:\n      - run: gh pr checkout 1\n";
        assert_eq!(findings(text, "{}").len(), 1);
        let harmless = text.replace("gh pr checkout 1", "echo");
        assert_eq!(findings(&harmless, r#"{"counts":"checkout"}"#), Vec::<String>::new());
        assert_eq!(findings(&harmless.replace("issue_comment", "pull_request_review"), "{}"), Vec::<String>::new());
    }
}

//! `workflow.credentials`: does no checkout leave the token behind for the steps after it?

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::workflow::Format;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::Globs,
    pipelines::{Allowed, Pipelines, SPOTS_MAX, Spot, count, decide, listed, spot},
};

/// See the module.
pub(super) struct WorkflowCredentials;

/// Which pipelines, and which checkouts may keep the token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    /// Whether `persist-credentials: true`, written out, is taken for a decision.
    #[serde(default = "yes")]
    explicit: bool,
    #[serde(default)]
    allowed: Vec<Allowed>,
}

const fn yes() -> bool {
    true
}

/// The checkouts, and which of them keep the token.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    checkouts: u64,
    kept: Vec<Spot>,
    unreadable: Vec<String>,
}

impl Question for WorkflowCredentials {
    const ID: &'static str = "workflow.credentials";
    const QUESTION: &'static str = "Does no checkout leave the token behind for the steps after it?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/workflow-credentials.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let pipelines = Pipelines::of(world, asked.files.as_ref())?;
        let mut seen = Seen { checkouts: 0, kept: vec![], unreadable: vec![] };
        for workflow in pipelines.read.iter().filter(|workflow| workflow.format != Format::Gitlab) {
            for (job, step) in workflow.jobs.iter().flat_map(|job| job.steps.iter().map(move |step| (job, step))) {
                let Some(uses) = step.uses.as_ref().filter(|uses| uses.name() == "actions/checkout") else { continue };
                seen.checkouts += 1;
                let said = step.with.iter().find(|(name, _)| name == "persist-credentials").map(|(_, value)| value.text.trim());
                let dropped = said == Some("false") || (asked.explicit && said == Some("true"));
                if dropped || Allowed::any(&asked.allowed, &workflow.source.path, &job.id, "persist-credentials") {
                    continue;
                }
                if seen.kept.len() < SPOTS_MAX {
                    seen.kept.push(spot(&workflow.source, step.span.start, &uses.what));
                }
            }
        }
        seen.unreadable = pipelines.unreadable.clone();
        Ok(seen)
    }

    fn judge(seen: &Seen, _: &Asked) -> Judgement {
        let mut findings = Vec::new();
        if !seen.kept.is_empty() {
            findings.push(format!("{} of {} checkouts keep the token: {}", seen.kept.len(), seen.checkouts, listed(&seen.kept)));
        }
        let sentence = format!("{} leave no token behind, or say that they do.", count(seen.checkouts, "checkout", "checkouts"));
        decide(Population { examined: seen.checkouts, required: 1 }, &seen.unreadable, findings, sentence)
    }
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "every checkout drops the token",
        asked: "{}",
        seen: r#"{"checkouts":3,"kept":[],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a checkout keeps the token",
        asked: "{}",
        seen: r#"{"checkouts":3,"kept":[{"place":{"file":"ci.yml","line":8,"column":9},"what":"actions/checkout@v4"}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nothing is checked out",
        asked: "{}",
        seen: r#"{"checkouts":0,"kept":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn outcome(with: &str, asked: &str) -> Outcome {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let text = format!("on: push\njobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n{with}");
        let seen =
            Scene::of([(".github/workflows/a.yml", text)]).with(|world| WorkflowCredentials::gather(world, &asked)).unwrap();
        WorkflowCredentials::judge(&seen, &asked).outcome
    }

    #[test]
    fn a_checkout_drops_the_token_only_if_it_says_so() {
        assert_eq!(outcome("", "{}"), Outcome::Fail);
        assert_eq!(outcome("        with: { persist-credentials: false }", "{}"), Outcome::Pass);
        assert_eq!(outcome("        with: { persist-credentials: \"${{ inputs.x }}\" }", "{}"), Outcome::Fail);
        let explicit = "        with: { persist-credentials: true }";
        assert_eq!(outcome(explicit, "{}"), Outcome::Pass);
        assert_eq!(outcome(explicit, r#"{"explicit":false}"#), Outcome::Fail);
        let allowed = r#"{"explicit":false,"allowed":[{"what":"persist-credentials","jobs":"a","reason":"pushes a tag"}]}"#;
        assert_eq!(outcome(explicit, allowed), Outcome::Pass);
    }
}

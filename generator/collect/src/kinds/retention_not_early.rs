//! `retention.not-early`: is no row deleted before its time?

use avouch_model::{
    Span,
    observation::{Population, PositiveControl},
    receipt::{Ended, RetentionRun},
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct RetentionNotEarly;

/// The rule and how long it promises to keep.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    rule: String,
    keep: Span,
}

/// The last run of the rule.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    run: Option<RetentionRun>,
}

impl Question for RetentionNotEarly {
    const ID: &'static str = "retention.not-early";
    const QUESTION: &'static str = "Is no row deleted before its time?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/retention-not-early.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        Ok(Seen { run: world.retention.get(&asked.rule).cloned() })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let Some(run) = &seen.run else {
            return Judgement::decide(Population::default(), PositiveControl::NotNeeded, vec![], "");
        };
        let promised = asked.keep.before(run.at);
        let mut findings = Vec::new();
        if run.cutoff > promised {
            findings.push(format!(
                "the run deletes what is older than {}; by the promise of {} rows are kept back to {promised}",
                run.cutoff, asked.keep
            ));
        }
        if let Some(newest) = run.newest_deleted
            && newest > promised.day()
        {
            findings.push(format!("a row of {newest} was deleted; rows since {promised} are to be kept"));
        }
        // A deletion whose youngest row is unknown cannot be judged; a run that deleted nothing shows what it kept.
        let unknown = run.deleted > 0 && run.newest_deleted.is_none();
        let control = if unknown || run.ended == Ended::Failed {
            findings.push("the run does not tell which rows it deleted".to_owned());
            PositiveControl::Broken
        } else {
            PositiveControl::NotNeeded
        };
        let kept = run.rows_after.saturating_sub(run.due_after);
        Judgement::decide(
            Population { examined: if run.purged { run.deleted.saturating_add(kept) } else { 0 }, required: 1 },
            control,
            findings,
            if run.deleted == 0 {
                format!("The run deleted nothing, and rows of the last {} are still there.", asked.keep)
            } else {
                format!("The youngest row that the run deleted was older than {}.", asked.keep)
            },
        )
    }
}

const ASKED: &str = r#"{"rule":"audit-log","keep":"90 days"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the youngest deleted row was over its time",
        asked: ASKED,
        seen: r#"{"run":{"promise":{"rule":"audit-log","keep":"90 days","max_lag":"1 day","enforce":"avouch"},"purged":true,"at":"2026-11-21T03:00:00Z","cutoff":"2026-08-23T03:00:00Z","due":7,"deleted":7,"due_after":0,"overdue_after":0,"rows_after":40,"undated":0,"future":0,"oldest_after":"2026-08-24","newest_deleted":"2026-08-22","ended":"done"}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "rows are deleted after eighty days",
        asked: ASKED,
        seen: r#"{"run":{"promise":{"rule":"audit-log","keep":"80 days","max_lag":"1 day","enforce":"avouch"},"purged":true,"at":"2026-11-21T03:00:00Z","cutoff":"2026-09-02T03:00:00Z","due":7,"deleted":7,"due_after":0,"overdue_after":0,"rows_after":40,"undated":0,"future":0,"oldest_after":"2026-09-03","newest_deleted":"2026-09-01","ended":"done"}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a row younger than the cut-off went too",
        asked: ASKED,
        seen: r#"{"run":{"promise":{"rule":"audit-log","keep":"90 days","max_lag":"1 day","enforce":"avouch"},"purged":true,"at":"2026-11-21T03:00:00Z","cutoff":"2026-08-23T03:00:00Z","due":7,"deleted":7,"due_after":0,"overdue_after":0,"rows_after":40,"undated":0,"future":0,"oldest_after":"2026-08-24","newest_deleted":"2026-10-01","ended":"done"}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nobody knows what was deleted",
        asked: ASKED,
        seen: r#"{"run":{"promise":{"rule":"audit-log","keep":"90 days","max_lag":"1 day","enforce":"avouch"},"purged":true,"at":"2026-11-21T03:00:00Z","cutoff":"2026-08-23T03:00:00Z","due":7,"deleted":7,"due_after":0,"overdue_after":0,"rows_after":40,"undated":0,"future":0,"oldest_after":"2026-08-24","newest_deleted":null,"ended":"done"}}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "a run that only looked deletes nothing early and proves nothing",
        asked: ASKED,
        seen: r#"{"run":{"promise":{"rule":"audit-log","keep":"90 days","max_lag":"1 day","enforce":"product"},"purged":false,"at":"2026-11-21T03:00:00Z","cutoff":"2026-08-23T03:00:00Z","due":0,"deleted":0,"due_after":0,"overdue_after":0,"rows_after":40,"undated":0,"future":0,"oldest_after":"2026-08-24","newest_deleted":null,"ended":"done"}}"#,
        outcome: Outcome::NotExercised,
    },
    Example { name: "the rule never ran", asked: ASKED, seen: r#"{"run":null}"#, outcome: Outcome::NotExercised },
];

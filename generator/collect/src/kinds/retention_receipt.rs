//! `retention.receipt`: is every row older than promised gone?

use avouch_model::{
    Span, Timestamp,
    observation::{Population, PositiveControl},
    receipt::{Ended, RetentionRun},
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use crate::{Example, Judgement, Question, Unasked, Vantage, World, parameters::one};

/// See the module.
pub(super) struct RetentionReceipt;

/// The rule and its promise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    rule: String,
    keep: Span,
    #[serde(default = "one")]
    rows_min: u64,
    lag_max: Option<Span>,
}

/// The last run of the rule.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    now: Timestamp,
    run: Option<RetentionRun>,
}

impl Question for RetentionReceipt {
    const ID: &'static str = "retention.receipt";
    const QUESTION: &'static str = "Is every row older than promised gone?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/retention-receipt.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        Ok(Seen { now: (world.clock)(), run: world.retention.get(&asked.rule).cloned() })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let required = asked.rows_min.max(1);
        let Some(run) = &seen.run else {
            let nothing = Population { examined: 0, required };
            return Judgement::decide(nothing, PositiveControl::NotNeeded, vec![], "");
        };
        let looked = if run.ended == Ended::Done { PositiveControl::Held } else { PositiveControl::Broken };
        Judgement::decide(
            Population { examined: run.rows_after.saturating_add(run.deleted), required },
            looked,
            findings(seen.now, run, asked),
            format!("A second look found no row older than {}; the cut-off was {}.", run.promise.keep, run.cutoff.day()),
        )
    }
}

fn findings(now: Timestamp, run: &RetentionRun, asked: &Asked) -> Vec<String> {
    let mut findings = Vec::new();
    let mut found = |wrong: bool, what: String| {
        if wrong {
            findings.push(what);
        }
    };
    found(run.overdue_after > 0, format!("{} rows are older than the promise and its lag", run.overdue_after));
    found(run.purged && run.due_after > 0, format!("{} rows older than the cut-off were left after the deletion", run.due_after));
    found(run.promise.keep != asked.keep, format!("the rule keeps rows for {}; the promise is {}", run.promise.keep, asked.keep));
    found(
        run.cutoff != run.promise.keep.before(run.at),
        format!("the cut-off {} is not {} before {}", run.cutoff, run.promise.keep, run.at),
    );
    found(run.undated > 0, format!("{} rows have no time and would be kept for ever", run.undated));
    found(run.future > 0, format!("{} rows are dated in the future and would be kept too long", run.future));
    if let Some(lag_max) = asked.lag_max {
        found(
            run.promise.max_lag.seconds_min() > lag_max.seconds_min(),
            format!("the rule may lag {}; at most {lag_max} is promised", run.promise.max_lag),
        );
    }
    let age = now.seconds_since(run.at);
    found(
        u64::try_from(age).is_ok_and(|age| age > run.promise.max_lag.seconds_min()),
        format!("the rule was last looked at on {}, longer ago than its lag of {}", run.at, run.promise.max_lag),
    );
    found(age < 0, format!("the rule was looked at on {}, which is in the future", run.at));
    if run.ended != Ended::Done {
        findings.push(match run.ended {
            Ended::Fused => "the fuse stopped the run: more rows were due than one run may delete".to_owned(),
            Ended::Failed | Ended::Done => "the run stopped on an error".to_owned(),
        });
    }
    findings
}

const ASKED: &str = r#"{"rule":"interactions","keep":"24 months"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "rows over their time were deleted and none is left",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:05Z","run":{"promise":{"rule":"interactions","keep":"24 months","max_lag":"1 day","enforce":"avouch"},"purged":true,"at":"2026-11-21T03:00:00Z","cutoff":"2024-11-21T00:00:00Z","due":7,"deleted":7,"due_after":0,"overdue_after":0,"rows_after":900,"undated":0,"future":0,"oldest_after":"2024-11-21","newest_deleted":"2024-11-20","ended":"done"}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a row that is due within the lag is not yet a breach",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:05Z","run":{"promise":{"rule":"interactions","keep":"24 months","max_lag":"1 day","enforce":"product"},"purged":false,"at":"2026-11-21T03:00:00Z","cutoff":"2024-11-21T00:00:00Z","due":3,"deleted":0,"due_after":3,"overdue_after":0,"rows_after":900,"undated":0,"future":0,"oldest_after":"2024-11-20","newest_deleted":null,"ended":"done"}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a row a month too old is still there",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:05Z","run":{"promise":{"rule":"interactions","keep":"24 months","max_lag":"1 day","enforce":"avouch"},"purged":false,"at":"2026-11-21T03:00:00Z","cutoff":"2024-11-21T00:00:00Z","due":1,"deleted":0,"due_after":1,"overdue_after":1,"rows_after":900,"undated":0,"future":0,"oldest_after":"2024-10-21","newest_deleted":null,"ended":"done"}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the rule keeps rows longer than the page promises",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:05Z","run":{"promise":{"rule":"interactions","keep":"25 months","max_lag":"1 day","enforce":"avouch"},"purged":true,"at":"2026-11-21T03:00:00Z","cutoff":"2024-10-21T00:00:00Z","due":0,"deleted":0,"due_after":0,"overdue_after":0,"rows_after":900,"undated":0,"future":0,"oldest_after":"2024-10-22","newest_deleted":null,"ended":"done"}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "rows without a time are never deleted",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:05Z","run":{"promise":{"rule":"interactions","keep":"24 months","max_lag":"1 day","enforce":"avouch"},"purged":true,"at":"2026-11-21T03:00:00Z","cutoff":"2024-11-21T00:00:00Z","due":0,"deleted":0,"due_after":0,"overdue_after":0,"rows_after":900,"undated":12,"future":0,"oldest_after":"2024-11-22","newest_deleted":null,"ended":"done"}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the last look is older than the lag allows",
        asked: ASKED,
        seen: r#"{"now":"2026-11-23T03:00:05Z","run":{"promise":{"rule":"interactions","keep":"24 months","max_lag":"1 day","enforce":"avouch"},"purged":true,"at":"2026-11-21T03:00:00Z","cutoff":"2024-11-21T00:00:00Z","due":0,"deleted":0,"due_after":0,"overdue_after":0,"rows_after":900,"undated":0,"future":0,"oldest_after":"2024-11-22","newest_deleted":null,"ended":"done"}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the fuse stopped the run",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:05Z","run":{"promise":{"rule":"interactions","keep":"24 months","max_lag":"1 day","enforce":"avouch"},"purged":true,"at":"2026-11-21T03:00:00Z","cutoff":"2024-11-21T00:00:00Z","due":800,"deleted":0,"due_after":800,"overdue_after":800,"rows_after":900,"undated":0,"future":0,"oldest_after":"2023-11-22","newest_deleted":null,"ended":"fused"}}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "an empty table proves nothing",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:05Z","run":{"promise":{"rule":"interactions","keep":"24 months","max_lag":"1 day","enforce":"avouch"},"purged":true,"at":"2026-11-21T03:00:00Z","cutoff":"2024-11-21T00:00:00Z","due":0,"deleted":0,"due_after":0,"overdue_after":0,"rows_after":0,"undated":0,"future":0,"oldest_after":null,"newest_deleted":null,"ended":"done"}}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "the rule never ran",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:05Z","run":null}"#,
        outcome: Outcome::NotExercised,
    },
];

//! Metrics in Prometheus' text format, version 0.0.4.

use std::{collections::BTreeMap, fmt::Write as _};

use avouch_model::{
    Timestamp,
    assessment::{Assessment, RetentionFinding, Trend},
    configuration::Schedule,
    state::State,
};

use crate::pipeline::retaining;

/// What this is sent as.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the daemon counts itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    /// Jobs that ended, by job and how.
    pub(super) jobs: BTreeMap<(String, &'static str), u64>,
    /// Slots that nobody ran, by job.
    pub(super) missed: BTreeMap<String, u64>,
    /// When each job last ended well.
    pub(super) last_success: BTreeMap<String, Timestamp>,
    /// The jobs that run now.
    pub(super) running: Vec<String>,
}

/// The metrics as text.
pub(super) fn text(counters: &Counters, assessment: Option<&Assessment>, schedule: &Schedule) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, i64)>| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let jobs = counters.jobs.iter();
    family(
        "avouch_jobs_total",
        "counter",
        "Jobs that ended, by how they ended.",
        jobs.map(|((job, outcome), count)| (labels(&[("job", job), ("outcome", outcome)]), number(*count))).collect(),
    );
    let missed = counters.missed.iter();
    family(
        "avouch_slots_missed_total",
        "counter",
        "Scheduled slots that nobody ran.",
        missed.map(|(job, count)| (labels(&[("job", job)]), number(*count))).collect(),
    );
    family(
        "avouch_job_last_success_timestamp_seconds",
        "gauge",
        "When a job last ended well.",
        counters.last_success.iter().map(|(job, at)| (labels(&[("job", job)]), at.unix())).collect(),
    );
    family("avouch_jobs_running", "gauge", "Jobs that run now.", vec![(String::new(), number(counters.running.len() as u64))]);
    let readable = i64::from(assessment.is_some());
    family(
        "avouch_ledger_readable",
        "gauge",
        "Whether the ledger could be read (1) or not (0).",
        vec![(String::new(), readable)],
    );
    let Some(assessment) = assessment else { return out };
    family("avouch_log_entries", "gauge", "Entries of the log.", vec![(String::new(), number(assessment.entries))]);
    let count = |states: &mut dyn Iterator<Item = State>| {
        let mut counts: BTreeMap<State, i64> = State::ALL.iter().map(|state| (*state, 0)).collect();
        states.for_each(|state| *counts.entry(state).or_default() += 1);
        counts.into_iter().map(|(state, count)| (labels(&[("state", state.name())]), count)).collect::<Vec<_>>()
    };
    family(
        "avouch_checks",
        "gauge",
        "Checks by how they stand, those of the baseline among them.",
        count(&mut assessment.checks.iter().map(|finding| finding.state)),
    );
    family(
        "avouch_claims",
        "gauge",
        "Claims by how they stand.",
        count(&mut assessment.claims.iter().map(|finding| finding.state)),
    );
    if let Some(run) = &assessment.last_run {
        family(
            "avouch_last_run_timestamp_seconds",
            "gauge",
            "When the last run was recorded.",
            vec![(String::new(), run.at.unix())],
        );
    }
    let rules = assessment.retention.iter();
    family(
        "avouch_retention_holds",
        "gauge",
        "Whether a retention rule is proven to hold (1) or not (0).",
        rules.map(|rule| (labels(&[("rule", &rule.promise.rule)]), i64::from(rule.state == State::Pass))).collect(),
    );
    for (name, help, value) in OF_RULES {
        let rules = assessment.retention.iter();
        let samples = rules.filter_map(|rule| Some((labels(&[("rule", &rule.promise.rule)]), value(rule, schedule)?)));
        family(name, "gauge", help, samples.collect());
    }
    out
}

/// A number of a rule; none when it is not known: then there is no sample.
type OfRule = fn(&RetentionFinding, &Schedule) -> Option<i64>;

/// What is told of every retention rule.
const OF_RULES: &[(&str, &str, OfRule)] = &[
    ("avouch_retention_last_run_timestamp_seconds", "When the rule was last executed, by its last receipt.", |rule, _| {
        Some(rule.last.as_ref()?.1.to.unix())
    }),
    ("avouch_retention_next_due_timestamp_seconds", "The first scheduled slot after the last run.", |rule, schedule| {
        Some(retaining::next_due(schedule, &rule.promise, rule.last.as_ref()?.1.to)?.unix())
    }),
    ("avouch_retention_due_by_timestamp_seconds", "When the rule must have been executed again.", |rule, _| {
        Some(rule.due_by?.unix())
    }),
    ("avouch_retention_oldest_row_timestamp_seconds", "The beginning of the day of the oldest row.", |rule, _| {
        Some(rule.last.as_ref()?.1.oldest_after?.start().unix())
    }),
    ("avouch_retention_overdue_rows", "Rows older than the promise and its lag; 1 stands for fewer than five.", |rule, _| {
        i64::try_from(rule.last.as_ref()?.1.overdue().order()?).ok()
    }),
    ("avouch_retention_overdue_trend", "Whether overdue rows become more (1), stay (0) or become fewer (-1).", |rule, _| {
        Some(match rule.trend? {
            Trend::Falling => -1,
            Trend::Steady => 0,
            Trend::Rising => 1,
        })
    }),
    ("avouch_retention_backlog_days", "For how many days the oldest row had been due.", |rule, _| {
        i64::try_from(rule.backlog_days?).ok()
    }),
    ("avouch_retention_longest_gap_seconds", "The longest time between two runs, by the last receipt.", |rule, _| {
        i64::try_from(rule.last.as_ref()?.1.gap_seconds_max).ok()
    }),
    ("avouch_retention_held_rows", "Rows under a legal hold; fewer than five have no sample.", |rule, _| {
        i64::try_from(rule.last.as_ref()?.1.held?).ok()
    }),
    ("avouch_retention_undated_rows", "Rows without a time; fewer than five have no sample.", |rule, _| {
        i64::try_from(rule.last.as_ref()?.1.undated?).ok()
    }),
    ("avouch_retention_future_rows", "Rows dated in the future; fewer than five have no sample.", |rule, _| {
        i64::try_from(rule.last.as_ref()?.1.future?).ok()
    }),
    ("avouch_retention_missed_slots", "Scheduled slots that nobody ran since the last run of the rule.", |rule, _| {
        i64::try_from(rule.missed_slots).ok()
    }),
    ("avouch_retention_recovery_window_seconds", "For how long backups can restore what was deleted, as stated.", |rule, _| {
        i64::try_from(rule.last.as_ref()?.1.recovery_window?.seconds_min()).ok()
    }),
];

/// `{name="value"}` with values escaped as the format asks.
fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(labels(&[("job", "a\"b\\c\nd")]), "{job=\"a\\\"b\\\\c\\nd\"}");
    }

    #[test]
    fn what_is_not_known_of_a_rule_has_no_sample() {
        let mut assessment = avouch_evaluate::assess(&[], Timestamp::from_unix(0));
        let promise = r#"{"rule":"events","keep":"2 hours","max_lag":"1 hour","enforce":"avouch"}"#;
        assessment.retention.push(RetentionFinding {
            promise: serde_json::from_str(promise).unwrap(),
            state: State::NoData,
            last: None,
            deleted_30_days: 0,
            lag_is_large: false,
            overdue: Vec::new(),
            trend: None,
            backlog_days: None,
            due_by: None,
            missed_slots: 2,
        });
        let schedule = Schedule { purge: Some("0 0 * * * *".into()), ..Schedule::default() };
        let samples = |assessment: &Assessment| {
            let text = text(&Counters::default(), Some(assessment), &schedule);
            let of_rules = text.lines().filter_map(|line| line.strip_prefix("avouch_retention_"));
            of_rules.map(|line| line.replace("{rule=\"events\"}", "")).collect::<Vec<_>>()
        };
        assert_eq!(samples(&assessment), ["holds 0", "missed_slots 2"]);
        let receipt = format!(
            r#"{{"v":1,"promise":{promise},"from":"1970-01-02T03:20:00Z","to":"1970-01-02T03:20:00Z","runs":1,"failures":0,"gap_seconds_max":0,
            "deleted":null,"cutoff":"1970-01-02T01:20:00Z","due_after":9,"overdue_after":7,"holds":false,"exercised":true,
            "oldest_after":"1970-01-02","newest_deleted":null,"ended":"done","recovery_window":"1 hour"}}"#
        );
        let finding = &mut assessment.retention[0];
        finding.last = Some((avouch_model::Digest::of(b""), serde_json::from_str(&receipt).unwrap()));
        (finding.trend, finding.backlog_days, finding.due_by) =
            (Some(Trend::Falling), Some(0), Some(Timestamp::from_unix(102_000)));
        assert_eq!(
            samples(&assessment),
            [
                "holds 0",
                "last_run_timestamp_seconds 98400",
                "next_due_timestamp_seconds 100800",
                "due_by_timestamp_seconds 102000",
                "oldest_row_timestamp_seconds 86400",
                "overdue_rows 7",
                "overdue_trend -1",
                "backlog_days 0",
                "longest_gap_seconds 0",
                "missed_slots 2",
                "recovery_window_seconds 3600",
            ]
        );
    }

    #[test]
    fn every_family_is_announced() {
        let mut counters = Counters::default();
        counters.jobs.insert(("run".into(), "done"), 3);
        let text = text(&counters, None, &Schedule::default());
        assert!(text.contains("# TYPE avouch_jobs_total counter\navouch_jobs_total{job=\"run\",outcome=\"done\"} 3\n"));
        assert!(text.contains("avouch_jobs_running 0\n") && text.contains("avouch_ledger_readable 0\n"));
    }
}

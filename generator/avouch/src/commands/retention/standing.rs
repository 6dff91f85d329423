//! `avouch retention status`: how the rules stand, from the record alone.

use std::fmt::Write as _;

use avouch_model::{
    Span, Timestamp,
    assessment::{RetentionFinding, Trend},
    product::RetentionRule,
    receipt::{Ended, Told},
    state::State,
};
use serde_json::{Value, json};

use crate::{
    clock,
    exit::Exit,
    output::{Output, plain},
    pipeline::{record, retaining, scoping},
    project::Project,
};

/// One rule, and what the record and the schedule say of it.
struct Standing<'a> {
    rule: &'a RetentionRule,
    /// None when no scope names the rule yet.
    finding: Option<&'a RetentionFinding>,
    next_due: Option<Timestamp>,
}

/// Tells how the rules stand. Exit code 1 when one does not hold, 3 when of one it cannot be told.
pub(super) fn status(project: &Project, output: &Output, rules: &[&RetentionRule], json: bool) -> anyhow::Result<Exit> {
    let ledger = record::open(project)?;
    let now = clock::now();
    let assessment = avouch_evaluate::assess(&ledger.recorded(None)?, now);
    let configuration = &project.configuration;
    let standing = rules.iter().map(|rule| {
        let finding = assessment.retention.iter().find(|finding| finding.promise.rule == rule.name);
        let last = finding.and_then(|finding| finding.last.as_ref()).map_or(now, |(_, receipt)| receipt.to);
        let next_due = retaining::next_due(&configuration.schedule, &scoping::promise(rule, configuration), last);
        Standing { rule, finding, next_due }
    });
    let standing: Vec<Standing<'_>> = standing.collect();
    if json {
        let rules: Vec<Value> = standing.iter().map(Standing::json).collect();
        output.result(&format!("{}\n", serde_json::to_string_pretty(&json!({ "v": 1, "as_of": now, "rules": rules }))?))?;
    } else {
        let told: Vec<String> = standing.iter().map(|rule| rule.text(output, now)).collect();
        output.result(&told.concat())?;
    }
    let any = |wanted: fn(State) -> bool| standing.iter().any(|rule| wanted(rule.state()));
    Ok(if any(|state| state == State::Fail) {
        Exit::NotSatisfied
    } else if any(|state| state != State::Pass) {
        Exit::CouldNotTell
    } else {
        Exit::Satisfied
    })
}

impl Standing<'_> {
    fn state(&self) -> State {
        self.finding.map_or(State::NoData, |finding| finding.state)
    }

    fn text(&self, output: &Output, now: Timestamp) -> String {
        let mut text = format!("{}  {}\n", output.strong(&plain(&self.rule.name)), output.state(self.state()));
        let mut line = |what: &str, said: &str| {
            let _ = writeln!(text, "  {what:12} {said}");
        };
        let next = self.next_due.map(|at| if at < now { format!("{at}, which is over") } else { at.to_string() });
        let next = next.unwrap_or_else(|| "nothing is scheduled".to_owned());
        let Some((finding, (_, receipt))) = self.finding.and_then(|finding| Some((finding, finding.last.as_ref()?))) else {
            line("last run", "no receipt yet: `avouch run` proves it, `avouch run --purge` deletes and proves it");
            line("next due", &next);
            return text;
        };
        line("last run", &format!("{}, cut-off {}", receipt.to, receipt.cutoff));
        let by = finding.due_by.map(|by| format!("; by {by} at the latest")).unwrap_or_default();
        line("next due", &format!("{next}{by}"));
        let failed = receipt.ended == Ended::Failed;
        if failed {
            line("", "it stopped on an error, so what is left is not known: `avouch retention plan` says what the error is");
        } else if !receipt.exercised {
            line("", "no row has a time, so nothing is proven");
        }
        let no_day = if failed { "not known" } else { "too few rows to say" };
        line("oldest row", &receipt.oldest_after.map_or_else(|| no_day.to_owned(), |day| day.to_string()));
        let overdue: Vec<String> = finding.overdue.iter().map(|told| count(*told)).collect();
        let trend = match finding.trend {
            None => "",
            Some(Trend::Falling) => ": fewer than before",
            Some(Trend::Steady) => ": as before",
            Some(Trend::Rising) => ": more than before",
        };
        line("overdue rows", &format!("{}{trend}", overdue.join(", then ")));
        line(
            "backlog",
            &match finding.backlog_days {
                None => "not known".to_owned(),
                Some(0) => "none, or of less than a day".to_owned(),
                Some(days) => format!("the oldest row was due for {}", Span::Seconds(days.saturating_mul(86_400))),
            },
        );
        for (rows, what, said) in [
            (receipt.held, "held", "rows stay under a legal hold"),
            (receipt.undated, "undated", "rows have no time: no cut-off reaches them"),
            (receipt.future, "future", "rows are dated in the future"),
            (receipt.strays, "archive", "objects may hold rows that stay, or as they were before they changed"),
        ] {
            if let Some(rows) = rows {
                line(what, &format!("{rows} {said}"));
            }
        }
        line("longest gap", &Span::Seconds(receipt.gap_seconds_max).to_string());
        if receipt.outlasted_lag() {
            line(
                "",
                &format!("longer than the lag of {}: rows may have stayed longer than is promised", receipt.promise.max_lag),
            );
        }
        if finding.missed_slots > 0 {
            line("missed", &format!("{} scheduled slots since the last run", finding.missed_slots));
        }
        let stated = receipt.recovery_window.zip(receipt.recoverable_until());
        line(
            "restorable",
            &stated.map_or_else(
                || format!("not stated: `recovery_window` in `[databases.{}]`", plain(&self.rule.database)),
                |(window, until)| format!("from backups for {window}, so until {until}"),
            ),
        );
        if finding.lag_is_large {
            line("", "rows may stay more than a quarter longer than promised: purge more often");
        }
        text
    }

    fn json(&self) -> Value {
        let finding = self.finding;
        let last = finding.and_then(|finding| finding.last.as_ref());
        let receipt = last.map(|(_, receipt)| receipt);
        json!({
            "rule": self.rule.name,
            "state": self.state(),
            "receipt": last.map(|(digest, _)| digest),
            "last_run": receipt.map(|receipt| receipt.to),
            "cutoff": receipt.map(|receipt| receipt.cutoff),
            "next_due": self.next_due,
            "due_by": finding.and_then(|finding| finding.due_by),
            "exercised": receipt.is_some_and(|receipt| receipt.exercised),
            "oldest_row": receipt.and_then(|receipt| receipt.oldest_after),
            "overdue_rows": finding.map_or(Told::Unknown, overdue_now),
            "overdue_rows_of_last_receipts": finding.map_or(&[][..], |finding| &finding.overdue[..]),
            "trend": finding.and_then(|finding| finding.trend),
            "backlog_days": finding.and_then(|finding| finding.backlog_days),
            "held_rows": receipt.and_then(|receipt| receipt.held),
            "undated_rows": receipt.and_then(|receipt| receipt.undated),
            "future_rows": receipt.and_then(|receipt| receipt.future),
            "stray_objects": receipt.and_then(|receipt| receipt.strays),
            "gap_outlasted_lag": receipt.map(avouch_model::receipt::Receipt::outlasted_lag),
            "longest_gap_seconds": receipt.map(|receipt| receipt.gap_seconds_max),
            "missed_slots": finding.map(|finding| finding.missed_slots),
            "recovery_window": receipt.and_then(|receipt| receipt.recovery_window),
            "recoverable_until": receipt.and_then(avouch_model::receipt::Receipt::recoverable_until),
        })
    }
}

/// How many rows the last receipt tells to be overdue.
fn overdue_now(finding: &RetentionFinding) -> Told {
    finding.last.as_ref().map_or(Told::Unknown, |(_, receipt)| receipt.overdue())
}

fn count(told: Told) -> String {
    match told {
        Told::Counted(count) => count.to_string(),
        Told::Few => "a few".to_owned(),
        Told::Unknown => "not known".to_owned(),
    }
}

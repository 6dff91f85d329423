//! `avouch due`: what expires or is owed.

use std::fmt::Write as _;

use avouch_model::{Span, Timestamp, decision::Decision, payload::Payload};

use avouch_read::schedule::Slots;

use crate::{
    cli::Global,
    clock,
    exit::Exit,
    output::{Output, plain},
    pipeline::record,
    project::Project,
};

/// One thing that is due.
struct Due {
    at: Timestamp,
    what: String,
}

/// Lists what is due within a span, the earliest first. What is overdue makes the exit code 1.
pub(crate) fn due(global: &Global, output: &Output, within: Span) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let ledger = record::open(&project)?;
    let now = clock::as_of(global.as_of);
    let recorded = ledger.recorded(Some(now))?;
    let assessment = avouch_evaluate::assess(&recorded, now);
    let mut found = Vec::new();
    // A later decision with the same id takes the place of an earlier one.
    let mut decisions: std::collections::BTreeMap<&str, &Decision> = std::collections::BTreeMap::new();
    for recorded in &recorded {
        if let Payload::Decision(decision) = &recorded.payload {
            decisions.insert(decision.subject(), decision);
        }
    }
    for (id, decision) in decisions {
        let what = match decision {
            Decision::Waiver { .. } => "the waiver ends",
            Decision::Attestation { .. } => "the attestation ends: sign it anew",
            Decision::Provider { .. } => "the provider's statement ends: read it anew",
            Decision::Gap { .. } => "the gap is to be closed",
            Decision::NotApplicable { .. } => "the reason is to be read again",
        };
        found.push(Due { at: decision.last_day().end(), what: format!("{}: {what}", plain(id)) });
    }
    let schedule = &project.configuration.schedule;
    let last_run = assessment.last_run.as_ref().map(|run| run.at);
    let last_purge = assessment.retention.iter().filter_map(|rule| Some(rule.last.as_ref()?.1.to)).min();
    for (what, expression, last) in [("run", &schedule.run, last_run), ("purge", &schedule.purge, last_purge)] {
        let slots = expression.as_ref().and_then(|expression| Slots::parse(expression).ok());
        if let (Some(last), Some(slots)) = (last, slots)
            && let Some(next) = slots.after(last)
        {
            found.push(Due { at: next, what: format!("the next {what}") });
        }
    }
    for finding in &assessment.checks {
        let check = project.catalogue.check(&finding.check);
        if let (Some(run), Some(check)) = (&finding.last, check) {
            found.push(Due {
                at: check.max_age.after(run.at),
                what: format!("{}: its answer becomes out of date", plain(&finding.check)),
            });
        }
    }
    let end = within.after(now);
    found.retain(|due| due.at <= end);
    found.sort_by(|one, other| one.at.cmp(&other.at).then_with(|| one.what.cmp(&other.what)));
    let mut text = String::new();
    for due in &found {
        let overdue = if due.at < now { "  overdue" } else { "" };
        let _ = writeln!(text, "{}  {}{overdue}", due.at, due.what);
    }
    if found.is_empty() {
        let _ = writeln!(text, "nothing is due within {within}");
    }
    output.result(&text)?;
    Ok(if found.iter().any(|due| due.at < now) { Exit::NotSatisfied } else { Exit::Satisfied })
}

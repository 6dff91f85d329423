//! How everything stands: a pure function of the record and an as-of time.
//!
//! Architecture invariants: nothing is read but the entries given, and of those nothing recorded after the as-of time;
//! the order in which they are given does not matter; the work is linear in them. Whatever is missing (a scope, an
//! answer, a payload that was withdrawn) makes a state worse, never better. An answer that failed never improves
//! anything.

mod answer;
mod attention;
mod checks;
mod decided;
mod gate;
mod period;
mod record;
mod reference;
mod retention;
mod retired;
mod standing;

use avouch_model::{
    Timestamp,
    assessment::{Assessment, GateFinding},
    payload::{Recorded, Scope},
    state::Verdict,
};

pub use period::{CheckPeriod, Period, period};
pub use retired::{Retired, retired};

use crate::{decided::Decisions, record::Record, reference::Measure};

/// How everything stood at `as_of`, by what the log held then.
pub fn assess(recorded: &[Recorded], as_of: Timestamp) -> Assessment {
    let record = Record::until(recorded, as_of);
    // A run is not its own measure.
    let judged = record.last_run().map(|run| run.index);
    judged_by(&record, |scope| reference::of(&record, scope, judged))
}

/// The same of answers that are not in the record yet, held against what is: a gate that asks for nothing worse finds its
/// reference there.
pub fn assess_beside(recorded: &[Recorded], as_of: Timestamp, ledger: &[Recorded]) -> Assessment {
    let (record, ledger) = (Record::until(recorded, as_of), Record::until(ledger, as_of));
    judged_by(&record, |scope| reference::of(&ledger, scope, None))
}

fn judged_by<'a>(record: &Record<'a>, reference: impl FnOnce(&'a Scope) -> Option<Measure<'a>>) -> Assessment {
    let decisions = Decisions::of(record, record.as_of);
    match record.scope {
        Some((_, scope)) => judge(record, &decisions, scope, reference(scope)),
        None => nothing_to_judge_by(record, &decisions),
    }
}

fn judge(record: &Record<'_>, decisions: &Decisions<'_>, scope: &Scope, measure: Option<Measure<'_>>) -> Assessment {
    let checks = checks::findings(record, decisions, scope);
    let by_check = checks.iter().map(|finding| (finding.check.as_str(), finding)).collect();
    let claims = standing::claims(&scope.catalogue, decisions, &by_check);
    let controls = standing::controls(&scope.catalogue, decisions, &by_check, &claims);
    let requirements = standing::requirements(&scope.catalogue, decisions, &claims, &controls);
    let retention = retention::findings(record, scope);
    let waivers = decisions.waivers(&by_check);
    let attention = attention::of(record, scope, &by_check, &controls, &retention, &waivers);
    let baseline = standing::baseline(&scope.catalogue, &by_check);
    let settled = standing::settled(&scope.catalogue, &by_check);
    let gate = gate::verdict(scope, &checks, settled, measure);
    Assessment {
        v: 1,
        as_of: record.as_of,
        entries: record.entries,
        scope: record.scope.map(|(entry, _)| entry.entry.digest),
        release: record.release().cloned(),
        last_run: record.last_run(),
        checks,
        claims,
        controls,
        baseline,
        requirements,
        retention,
        waivers,
        attention,
        gate,
    }
}

/// Without a scope there is no catalogue, so nothing stands; that is not a pass.
fn nothing_to_judge_by(record: &Record<'_>, decisions: &Decisions<'_>) -> Assessment {
    Assessment {
        v: 1,
        as_of: record.as_of,
        entries: record.entries,
        scope: None,
        release: record.release().cloned(),
        last_run: record.last_run(),
        checks: Vec::new(),
        claims: Vec::new(),
        controls: Vec::new(),
        baseline: Vec::new(),
        requirements: Vec::new(),
        retention: Vec::new(),
        waivers: decisions.waivers(&checks::ById::new()),
        attention: Vec::new(),
        gate: GateFinding {
            verdict: Verdict::CouldNotTell,
            required: 0,
            failed: Vec::new(),
            undecided: Vec::new(),
            settled: Vec::new(),
            tolerated: Vec::new(),
            reference: None,
            untested: 0,
        },
    }
}

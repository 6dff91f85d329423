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

use crate::{decided::Decisions, record::Record};

/// How everything stood at `as_of`, by what the log held then.
pub fn assess(recorded: &[Recorded], as_of: Timestamp) -> Assessment {
    let record = Record::until(recorded, as_of);
    let decisions = Decisions::of(&record, as_of);
    match record.scope {
        Some((_, scope)) => judge(&record, &decisions, scope),
        None => nothing_to_judge_by(&record, &decisions),
    }
}

fn judge(record: &Record<'_>, decisions: &Decisions<'_>, scope: &Scope) -> Assessment {
    let checks = checks::findings(record, decisions, scope);
    let by_check = checks.iter().map(|finding| (finding.check.as_str(), finding)).collect();
    let claims = standing::claims(&scope.catalogue, decisions, &by_check);
    let controls = standing::controls(&scope.catalogue, decisions, &by_check, &claims);
    let requirements = standing::requirements(&scope.catalogue, decisions, &claims, &controls);
    let retention = retention::findings(record, scope);
    let waivers = decisions.waivers(&by_check);
    let attention = attention::of(record, scope, &by_check, &controls, &retention, &waivers);
    let gate = gate::verdict(scope, &checks);
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
        requirements: Vec::new(),
        retention: Vec::new(),
        waivers: decisions.waivers(&checks::ById::new()),
        attention: Vec::new(),
        gate: GateFinding { verdict: Verdict::CouldNotTell, required: 0, failed: Vec::new(), undecided: Vec::new(), untested: 0 },
    }
}

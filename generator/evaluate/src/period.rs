//! A period instead of a point: how often each check ran, and what it said.

use std::collections::BTreeMap;

use avouch_model::{
    Timestamp,
    payload::{Payload, Recorded},
    state::State,
};
use serde::{Deserialize, Serialize};

use crate::{
    answer::{Circumstances, weigh},
    checks::{answer, missed_slots, worst_of_each},
    record::Record,
};

/// What the record says of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// The first second.
    pub from: Timestamp,
    /// The last second.
    pub to: Timestamp,
    /// When the record began; none when it holds nothing until then. Of what was before nothing is known.
    pub recorded_from: Option<Timestamp>,
    /// Every check that was in a scope during the period, by id in order.
    pub checks: Vec<CheckPeriod>,
}

/// What the record says of one check in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckPeriod {
    /// The check's id.
    pub check: String,
    /// From when it counts: the period's start, or when a later scope brought it. The time before the first scope of all counts
    /// too: nobody looked then, and that is a gap.
    pub from: Timestamp,
    /// How many answers the schedule asks for at least; none without a schedule.
    pub expected: Option<u64>,
    /// How many answers there are.
    pub ran: u64,
    /// How many of them passed, by what was promised and current then; inherited ones too.
    pub passed: u64,
    /// How many failed, waived or not.
    pub failed: u64,
    /// How long a pass stood, in seconds: from the answer until the next one, at most for as long as it counts. An answer from
    /// before the period stands into it.
    pub covered_seconds: u64,
    /// How many slots nobody ran: those recorded as missed, or those that the schedule lacks, whichever is more.
    pub missed: u64,
    /// The longest time without an answer within the period, in seconds, from its start and to its end.
    pub gap_seconds_max: u64,
}

/// What happened from `from` to `to`, both inclusive. Uses every entry given, so that a slot counts as missed even when
/// that was recorded only afterwards; whoever asks as of an earlier time leaves the later entries out.
pub fn period(recorded: &[Recorded], from: Timestamp, to: Timestamp) -> Period {
    let last = recorded.iter().map(|recorded| recorded.entry.at).max().unwrap_or(to).max(to);
    let record = Record::until(recorded, last);
    let missed: Vec<_> = missed_slots(&record).into_iter().filter(|slot| (from..=to).contains(slot)).collect();
    let (first_seen, gap) = checks_until(recorded, from, to);
    // An answer, how it stood, and until when it could count.
    let mut answers: BTreeMap<&str, Vec<(Timestamp, State, Timestamp)>> = BTreeMap::new();
    for answered in record.runs.iter().filter(|answered| answered.at <= to) {
        let Some((run, then)) = answered.run.and_then(|run| Some((run, record.scopes.get(&run.scope)?))) else {
            continue;
        };
        for observation in worst_of_each(&run.observations) {
            let Some(check) = then.get(observation.check.as_str()) else { continue };
            let circumstances = Circumstances { now: answered.at, release: run.release.as_ref(), torn: false };
            let (state, _) = weigh(check, &answer(answered, observation), &circumstances);
            answers.entry(&check.id).or_default().push((answered.at, state, check.max_age.after(answered.at)));
        }
    }
    let period_from = from;
    let recorded_from = recorded.iter().map(|recorded| recorded.entry.at).min().filter(|at| *at <= to);
    let checks = first_seen.into_iter().map(|(check, from)| {
        let all = answers.remove(check).unwrap_or_default();
        let answers: Vec<_> = all.iter().filter(|(at, ..)| *at >= period_from).collect();
        let count = |wanted: &[State]| answers.iter().filter(|(_, state, _)| wanted.contains(state)).count() as u64;
        let expected = gap.map(|gap| seconds(from, to) / gap.max(1));
        let ran = answers.len() as u64;
        let recorded_missed = missed.iter().filter(|slot| **slot >= from).count() as u64;
        CheckPeriod {
            check: check.to_owned(),
            from,
            expected,
            ran,
            passed: count(&[State::Pass, State::Inherited]),
            failed: count(&[State::Fail]),
            covered_seconds: covered(from, to, &all),
            missed: recorded_missed.max(expected.unwrap_or(0).saturating_sub(ran)),
            gap_seconds_max: longest_gap(from, to, answers.iter().map(|(at, ..)| *at)),
        }
    });
    Period { from, to, recorded_from, checks: checks.collect() }
}

/// The checks that were in a scope between the two times, each with the first moment of that, and the schedule's gap. What the
/// first scope of all holds is asked for from the beginning: a record that begins late covers nothing before.
fn checks_until(recorded: &[Recorded], from: Timestamp, to: Timestamp) -> (BTreeMap<&str, Timestamp>, Option<u64>) {
    let mut scopes: Vec<_> = recorded
        .iter()
        .filter(|recorded| recorded.entry.at <= to)
        .filter_map(|recorded| match &recorded.payload {
            Payload::Scope(scope) => Some((recorded.index, recorded.entry.at, scope)),
            _ => None,
        })
        .collect();
    scopes.sort_by_key(|(index, ..)| *index);
    let mut first_seen = BTreeMap::new();
    for (place, (_, at, scope)) in scopes.iter().enumerate() {
        let replaced = scopes.get(place + 1).map(|(_, at, _)| *at);
        if replaced.is_none_or(|replaced| replaced > from) {
            let since = if place == 0 { from } else { (*at).max(from) };
            for check in &scope.catalogue.checks {
                first_seen.entry(check.id.as_str()).or_insert(since);
            }
        }
    }
    (first_seen, scopes.last().and_then(|(_, _, scope)| scope.run_gap_seconds))
}

/// The time between the two moments in which the last answer was a pass and still counted.
fn covered(from: Timestamp, to: Timestamp, answers: &[(Timestamp, State, Timestamp)]) -> u64 {
    let next = answers.iter().skip(1).map(|(at, ..)| *at).chain([to]);
    let stood = answers.iter().zip(next).filter(|((_, state, _), _)| matches!(state, State::Pass | State::Inherited));
    stood.map(|((at, _, until), next)| seconds((*at).max(from), (*until).min(next).min(to))).sum()
}

fn longest_gap(from: Timestamp, to: Timestamp, answers: impl Iterator<Item = Timestamp>) -> u64 {
    let mut before = from;
    let mut longest = 0;
    for at in answers.filter(|at| *at >= from).chain([to]) {
        longest = longest.max(seconds(before, at));
        before = at;
    }
    longest
}

fn seconds(earlier: Timestamp, later: Timestamp) -> u64 {
    u64::try_from(later.seconds_since(earlier)).unwrap_or(0)
}

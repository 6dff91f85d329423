//! A period instead of a point: how often each check ran, and what it said.

use std::collections::BTreeMap;

use avouch_model::{
    Timestamp,
    catalogue::Bound,
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
    /// How long a pass stood, in seconds: from the answer until the next one, at most for as long as it counts, and not beyond a
    /// run that was withdrawn or, where it is bound to its release, one of another release. An answer from before the period
    /// stands into it.
    pub covered_seconds: u64,
    /// How many slots nobody ran: those recorded as missed, those that the schedule lacks, or those within the times without an
    /// answer, whichever is most. Many answers on one day make up for no other day.
    pub missed: u64,
    /// The longest time without an answer within the period, in seconds, from its start and to its end.
    pub gap_seconds_max: u64,
}

impl CheckPeriod {
    /// Whether something in the period could not be told: a slot that nobody ran, or a time in which no pass stood.
    pub fn is_silent(&self, to: Timestamp) -> bool {
        self.missed > 0 || self.ran == 0 || self.covered_seconds < seconds(self.from, to)
    }
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
    let ends = ends(&record);
    for (answered, end) in record.runs.iter().zip(ends).filter(|(answered, _)| answered.at <= to) {
        let Some((run, then)) = answered.run.and_then(|run| Some((run, record.scopes.get(&run.scope)?))) else {
            continue;
        };
        for observation in worst_of_each(&run.observations) {
            let Some(check) = then.get(observation.check.as_str()) else { continue };
            let circumstances = Circumstances { now: answered.at, release: run.release.as_ref(), torn: false };
            let (state, _) = weigh(check, &answer(answered, observation), &circumstances);
            let end = if check.bound == Bound::Release { end.of_release } else { end.of_all };
            let until = end.into_iter().chain([check.max_age.after(answered.at)]).min().unwrap_or(answered.at);
            answers.entry(&check.id).or_default().push((answered.at, state, until));
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
            missed: recorded_missed
                .max(expected.unwrap_or(0).saturating_sub(ran))
                .max(gap.map_or(0, |gap| lacking(gap.max(1), from, to, all.iter().map(|(at, ..)| *at)))),
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

/// When the answers of a run count no more, whatever their age.
#[derive(Clone, Copy, Default)]
struct End {
    /// A later run was withdrawn: what it said is unknown.
    of_all: Option<Timestamp>,
    /// That, or a later run was of another release.
    of_release: Option<Timestamp>,
}

/// The ends of all runs, from the last one to the first.
fn ends(record: &Record<'_>) -> Vec<End> {
    let mut ends = Vec::with_capacity(record.runs.len());
    let mut withdrawn = None;
    // The next run that names a release, and when one of a third comes after it.
    let mut next: Option<(&str, Timestamp, Option<Timestamp>)> = None;
    for answered in record.runs.iter().rev() {
        let Some(run) = answered.run else {
            ends.push(End::default());
            withdrawn = Some(answered.at);
            continue;
        };
        let mut other = None;
        if let Some(release) = &run.release {
            other = next.and_then(|(commit, at, other)| if commit == release.commit { other } else { Some(at) });
            next = Some((&release.commit, answered.at, other));
        }
        ends.push(End { of_all: withdrawn, of_release: withdrawn.into_iter().chain(other).min() });
    }
    ends.reverse();
    ends
}

/// How many slots, one every `gap` seconds, lie in the times without an answer. Between two answers a slot is allowed to be late by
/// half of that: runs do not all last equally long.
fn lacking(gap: u64, from: Timestamp, to: Timestamp, answers: impl Iterator<Item = Timestamp>) -> u64 {
    let mut slots = 0;
    let mut before: Option<Timestamp> = None;
    for at in answers.filter(|at| *at <= to) {
        if at >= from {
            let within = strictly(seconds(from, at), gap);
            slots += match before {
                Some(before) if before >= from => late(seconds(before, at), gap),
                Some(before) => late(seconds(before, at), gap).min(within),
                None => within,
            };
        }
        before = Some(at);
    }
    slots + strictly(seconds(before.map_or(from, |before| before.max(from)), to), gap)
}

/// The slots that are over before the end of a time without an answer.
const fn strictly(apart: u64, gap: u64) -> u64 {
    apart.saturating_sub(1) / gap
}

/// The slots between two answers that are this far apart.
const fn late(apart: u64, gap: u64) -> u64 {
    ((apart + gap / 2) / gap).saturating_sub(1)
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

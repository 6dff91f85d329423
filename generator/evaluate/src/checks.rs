//! How each check stands, since when, and what it answered in the last ninety days.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use avouch_model::{
    Digest, Timestamp,
    assessment::{CheckFinding, Mark, Reason},
    catalogue::{Catalogue, Check, Claim, Strength},
    observation::Observation,
    payload::Scope,
    state::{Outcome, State},
};

use crate::{
    answer::{Answer, Circumstances, weigh},
    decided::{Decided, Decisions, excused, waived},
    record::{Answered, Record},
};

/// Findings by the id of their check.
pub(crate) type ById<'a> = HashMap<&'a str, &'a CheckFinding>;

/// How far back the history of a check goes.
const HISTORY_SECONDS: i64 = 90 * 86_400;
/// The most marks that one report of missed slots makes.
const MISSED_MARKS_MAX: u64 = 400;

/// What the runs said of one check, folded oldest first.
#[derive(Default)]
struct Answers<'a> {
    last: Option<(&'a Answered<'a>, &'a Observation)>,
    /// Since when the runs agree with the last one, and how: before waivers.
    streak: Option<(State, Timestamp)>,
    history: Vec<Mark>,
}

/// How each check of the scope in force stands.
pub(crate) fn findings(record: &Record<'_>, decisions: &Decisions<'_>, scope: &Scope) -> Vec<CheckFinding> {
    let mut answers = fold(record, decisions, scope);
    let roles = Roles::of(&scope.catalogue, decisions);
    let now = Now {
        circumstances: Circumstances { now: record.as_of, release: record.release(), torn: torn_since(record).is_some() },
        torn_since: torn_since(record),
        release_since: record.release_since(),
        withdrawn: record.last_withdrawn(),
    };
    let checks = scope.catalogue.checks.iter();
    checks
        .map(|check| {
            let answers = answers.remove(check.id.as_str()).unwrap_or_default();
            finding(check, answers, scope, decisions, &roles, &now)
        })
        .collect()
}

/// What is current at the as-of time, and since when.
struct Now<'a> {
    circumstances: Circumstances<'a>,
    torn_since: Option<Timestamp>,
    release_since: Option<Timestamp>,
    withdrawn: Option<(Timestamp, u64)>,
}

fn finding(
    check: &Check,
    answers: Answers<'_>,
    scope: &Scope,
    decisions: &Decisions<'_>,
    roles: &Roles<'_>,
    now: &Now<'_>,
) -> CheckFinding {
    let mut finding = CheckFinding {
        check: check.id.clone(),
        state: State::NoData,
        reason: Some(Reason::NeverAsked),
        since: None,
        last: answers.last.map(|(answered, _)| answered.reference()),
        population: answers.last.map(|(_, observation)| observation.population),
        tested: answers.last.map(|(_, observation)| observation.tested.clone()).unwrap_or_default(),
        seen: None,
        history: answers.history,
    };
    if let Some((answered, observation)) = answers.last {
        let answer = answer(answered, observation);
        let (state, reason) = if now.withdrawn.is_some_and(|withdrawn| withdrawn > answered.order()) {
            (State::NoData, None)
        } else {
            weigh(check, &answer, &now.circumstances)
        };
        let streak = answers.streak.filter(|(then, _)| *then == state).map(|(_, since)| since);
        finding.since = match (&reason, state) {
            (Some(Reason::TooOld { since }), _) => Some(*since),
            (Some(Reason::OtherRelease), _) => streak.or(now.release_since),
            (_, State::Fail) => streak.or(now.torn_since),
            _ => streak,
        };
        (finding.state, finding.reason) = (state, reason);
        if state == State::Fail
            && let Some(waiver) = decisions.waiver(&check.id, now.circumstances.now)
        {
            finding.state = State::Waived;
            finding.reason = waived(&waiver);
            finding.since = finding.since.map(|since| since.max(waiver.from));
        }
    }
    if roles.planned.contains(check.id.as_str()) && finding.state != State::Fail {
        (finding.state, finding.reason, finding.since) = (State::Planned, None, None);
    }
    if let Some(keys) = scope.unfilled.get(&check.id) {
        let reason = (!keys.is_empty()).then(|| Reason::Unfilled { keys: keys.clone() });
        (finding.state, finding.reason, finding.since) = (State::NotConfigured, reason, None);
    }
    if let Some(decided) = roles.not_applicable.get(check.id.as_str()) {
        (finding.state, finding.reason, finding.since) = (State::NotApplicable, excused(decided), Some(decided.from));
    }
    if matches!(finding.state, State::Pass | State::Inherited) {
        finding.seen = answers.last.and_then(|(_, observation)| observation.seen.clone());
    }
    finding
}

/// Goes through the runs once, oldest first.
fn fold<'a>(record: &'a Record<'a>, decisions: &Decisions<'_>, scope: &'a Scope) -> HashMap<&'a str, Answers<'a>> {
    let history_from = record.as_of.plus_seconds(-HISTORY_SECONDS);
    let mut answers: HashMap<&str, Answers<'_>> = HashMap::new();
    let mut missed = missed_slots(record).into_iter().filter(|slot| *slot > history_from).peekable();
    let same = same_questions(record, scope);
    for answered in &record.runs {
        while let Some(slot) = missed.next_if(|slot| *slot < answered.at) {
            mark_missed(&mut answers, slot);
        }
        let Some(run) = answered.run else { continue };
        // A run whose scope is not in the record answered nobody knows what.
        let (Some(then), Some(same)) = (record.scopes.get(&run.scope), same.get(&run.scope)) else {
            continue;
        };
        for observation in worst_of_each(&run.observations) {
            let (Some(check), true) = (then.get(observation.check.as_str()), same.contains(observation.check.as_str())) else {
                continue;
            };
            let circumstances = Circumstances { now: answered.at, release: run.release.as_ref(), torn: false };
            let (state, _) = weigh(check, &answer(answered, observation), &circumstances);
            let entry = answers.entry(check.id.as_str()).or_default();
            entry.last = Some((answered, observation));
            entry.streak = match entry.streak {
                Some((before, since)) if before == state => Some((before, since)),
                _ => Some((state, answered.at)),
            };
            if answered.at > history_from {
                let excused = state == State::Fail && decisions.waiver(&check.id, answered.at).is_some();
                entry.history.push(Mark { at: answered.at, state: if excused { State::Waived } else { state } });
            }
        }
    }
    for slot in missed {
        mark_missed(&mut answers, slot);
    }
    answers
}

pub(crate) fn answer<'a>(answered: &'a Answered<'a>, observation: &'a Observation) -> Answer<'a> {
    Answer {
        observation,
        at: answered.at,
        from_the_future: answered.from_the_future,
        release: answered.run.and_then(|run| run.release.as_ref()),
    }
}

/// One observation a check: should a run hold several, the worst.
pub(crate) fn worst_of_each(observations: &[Observation]) -> impl Iterator<Item = &Observation> {
    const fn gravity(outcome: Outcome) -> u8 {
        match outcome {
            Outcome::Fail => 3,
            Outcome::Error => 2,
            Outcome::NotExercised => 1,
            Outcome::Pass => 0,
        }
    }
    let mut worst: BTreeMap<&str, &Observation> = BTreeMap::new();
    for observation in observations {
        let kept = worst.entry(&observation.check).or_insert(observation);
        if gravity(observation.outcome) > gravity(kept.outcome) {
            *kept = observation;
        }
    }
    worst.into_values()
}

/// By scope, the checks that ask now what they asked then. An answer to another question is no answer.
pub(crate) fn same_questions<'a>(record: &'a Record<'a>, scope: &'a Scope) -> BTreeMap<Digest, HashSet<&'a str>> {
    let now: HashMap<&str, &Check> = scope.catalogue.checks.iter().map(|check| (check.id.as_str(), check)).collect();
    let asked = |check: &Check| {
        now.get(check.id.as_str()).is_some_and(|now| {
            (&now.kind, &now.parameters, &now.needs) == (&check.kind, &check.parameters, &check.needs)
                && now.numbers == check.numbers
        })
    };
    let scopes = record.scopes.iter();
    scopes
        .map(|(digest, checks)| (*digest, checks.values().filter(|check| asked(check)).map(|check| check.id.as_str()).collect()))
        .collect()
}

/// When slots of the job `run` were missed, oldest first: a report of several is spread evenly over its time.
pub(crate) fn missed_slots(record: &Record<'_>) -> Vec<Timestamp> {
    let reports = record.missed.iter().filter(|(_, missed)| missed.job == "run");
    let mut slots: Vec<_> = reports
        .flat_map(|(_, missed)| {
            let count = missed.slots.clamp(1, MISSED_MARKS_MAX);
            let length = missed.to.seconds_since(missed.from).max(0);
            (0..count).map(move |place| {
                let part = i128::from(length) * i128::from(place) / i128::from(count.max(2) - 1);
                missed.from.plus_seconds(i64::try_from(part).unwrap_or(length))
            })
        })
        .filter(|slot| *slot <= record.as_of)
        .collect();
    slots.sort();
    slots
}

/// A missed slot is a mark on every check that had been asked before.
fn mark_missed(answers: &mut HashMap<&str, Answers<'_>>, slot: Timestamp) {
    for answers in answers.values_mut() {
        answers.history.push(Mark { at: slot, state: State::NoData });
    }
}

fn torn_since(record: &Record<'_>) -> Option<Timestamp> {
    let current = record.release().filter(|release| release.is_released())?;
    record.torn_versions().get(current.version.as_str()).copied()
}

/// What the catalogue and decisions make of checks, whatever they answered.
struct Roles<'a> {
    /// Checks that only planned claims lean on.
    planned: BTreeSet<&'a str>,
    /// Checks that do not apply: themselves, or every control that they serve.
    not_applicable: BTreeMap<&'a str, Decided<'a>>,
}

impl<'a> Roles<'a> {
    fn of(catalogue: &'a Catalogue, decisions: &Decisions<'a>) -> Self {
        let planned = only_planned(catalogue);
        let mut serves: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for claim in &catalogue.claims {
            for check in claim.deciding() {
                serves.entry(check).or_default().insert(&claim.control);
            }
        }
        let excused = catalogue.checks.iter().filter_map(|check| {
            let decided = decisions.not_applicable(&check.id).or_else(|| {
                let controls = serves.get(check.id.as_str())?;
                let decided: Option<Vec<_>> = controls.iter().map(|control| decisions.not_applicable(control)).collect();
                decided?.first().copied()
            });
            Some((check.id.as_str(), decided?))
        });
        Self { planned, not_applicable: excused.collect() }
    }
}

/// The checks that only planned claims lean on.
pub(crate) fn only_planned(catalogue: &Catalogue) -> BTreeSet<&str> {
    let of = |planned: bool| {
        let claims = catalogue.claims.iter();
        claims
            .filter(move |claim| (claim.strength == Strength::Planned) == planned)
            .flat_map(Claim::deciding)
            .collect::<BTreeSet<_>>()
    };
    of(true).difference(&of(false)).copied().collect()
}

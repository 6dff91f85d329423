//! What one answer is worth at a time.

use avouch_model::{
    Json, Timestamp,
    assessment::Reason,
    canonical,
    catalogue::{Bound, Check, PROVIDER_INHERITED},
    observation::{Observation, PositiveControl},
    release::{Binding, Release},
    state::{Outcome, State},
};

/// When an answer is weighed, and what is current then.
#[derive(Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    /// The time.
    pub(crate) now: Timestamp,
    /// The current release.
    pub(crate) release: Option<&'a Release>,
    /// Whether the current version was seen with another commit too.
    pub(crate) torn: bool,
}

/// An answer with the circumstances in which it was given.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) observation: &'a Observation,
    pub(crate) at: Timestamp,
    pub(crate) from_the_future: bool,
    /// The release that was current in the run.
    pub(crate) release: Option<&'a Release>,
}

/// How a check stands by an answer, before waivers.
///
/// Age comes first, so that no answer stands worse than a newer one only because it is forgotten. After that a failure
/// stays a failure: neither an unproven release nor another number excuses it.
pub(crate) fn weigh(check: &Check, answer: &Answer<'_>, circumstances: &Circumstances<'_>) -> (State, Option<Reason>) {
    let until = check.max_age.after(answer.at);
    if circumstances.now > until {
        return (State::Stale, Some(Reason::TooOld { since: until }));
    }
    if answer.from_the_future {
        return (State::Error, Some(Reason::FromTheFuture));
    }
    let bound = check.bound == Bound::Release;
    if bound && moved_on(answer, circumstances.release) {
        return (State::Stale, Some(Reason::OtherRelease));
    }
    if bound && circumstances.torn {
        return (State::Fail, None);
    }
    match answer.observation.outcome {
        Outcome::Fail => (State::Fail, None),
        Outcome::Error => (State::Error, Some(Reason::CouldNotAsk)),
        Outcome::NotExercised => (State::NoData, Some(Reason::TooFew)),
        Outcome::Pass => passed(check, answer.observation, circumstances.release),
    }
}

/// A pass counts only when it is about enough, about the current release and about the claim's own numbers.
fn passed(check: &Check, observation: &Observation, release: Option<&Release>) -> (State, Option<Reason>) {
    let population = observation.population;
    if observation.positive_control == PositiveControl::Broken {
        return (State::Error, Some(Reason::CouldNotAsk));
    }
    if population.required == 0 || population.examined < population.required {
        return (State::NoData, Some(Reason::TooFew));
    }
    if check.bound == Bound::Release {
        let Some(release) = release.filter(|release| release.is_released()) else {
            return (State::NoData, Some(Reason::Unreleased));
        };
        match &observation.binding {
            Binding::Commit { commit } if *commit == release.commit => {}
            Binding::Commit { .. } => return (State::Stale, Some(Reason::OtherRelease)),
            Binding::Unproven | Binding::Time => return (State::NoData, Some(Reason::ReleaseUnproven)),
        }
    }
    if let Some(other) = other_number(check, observation) {
        return (State::NoData, Some(other));
    }
    if check.kind == PROVIDER_INHERITED {
        return (State::Inherited, None);
    }
    (State::Pass, None)
}

/// Whether the answer belongs to a release that is not the current one any more.
fn moved_on(answer: &Answer<'_>, current: Option<&Release>) -> bool {
    let (Some(then), Some(current)) = (answer.release, current) else {
        return false;
    };
    let about_current = matches!(&answer.observation.binding, Binding::Commit { commit } if *commit == current.commit);
    then.commit != current.commit && !about_current
}

/// The first number that was not tested as it is claimed. A number that the claim lacks is none that was tested.
fn other_number(check: &Check, observation: &Observation) -> Option<Reason> {
    check.numbers.iter().find_map(|name| {
        let (claimed, tested) = (check.parameters.get(name), observation.tested.get(name));
        (claimed.is_none() || claimed != tested).then(|| Reason::OtherNumber {
            name: name.clone(),
            claimed: shown(claimed),
            tested: shown(tested),
        })
    })
}

fn shown(value: Option<&Json>) -> String {
    match value {
        None => String::new(),
        Some(Json::Text(text)) => text.clone(),
        Some(json) => canonical::to_bytes(json).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default(),
    }
}

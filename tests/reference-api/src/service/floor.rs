//! The least time of an authentication, and what defects make of it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use hyper::Method;

use super::authentication::{Outcome, Reason};
use crate::defect::{Chosen, Defect};

/// How long a wrong credential is remembered as wrong.
const WRONG: Duration = Duration::from_secs(60);
/// How long a key that is over its limit is remembered so.
const LIMITED: Duration = Duration::from_secs(1);
/// How long a key that was recognised is remembered so.
const RECOGNISED: Duration = Duration::from_secs(5);
/// What an unknown prefix takes beyond the floor.
const BEYOND: Duration = Duration::from_millis(25);

/// What defects remember of credentials: when each was last met.
#[derive(Default)]
pub(super) struct Remembered(Mutex<HashMap<String, Instant>>);

impl Remembered {
    const MOST: usize = 10_000;

    /// Whether this credential was met so recently; from now on it was.
    fn meets(&self, credential: &str, now: Instant, within: Duration) -> bool {
        let mut met = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if met.len() >= Self::MOST {
            met.clear();
        }
        let before = met.insert(credential.to_owned(), now);
        before.is_some_and(|before| now.saturating_duration_since(before) <= within)
    }
}

/// The least time that an attempt takes which ended so.
pub(super) fn of(
    chosen: Chosen,
    remembered: &Remembered,
    floor: Duration,
    method: &Method,
    credential: &str,
    outcome: &Outcome,
) -> Duration {
    let writes = *method != Method::GET;
    let met = |defect, within| chosen.is(defect) && remembered.meets(credential, Instant::now(), within);
    let skipped = match outcome {
        Outcome::Admitted(_) => chosen.is(Defect::NoFloorSuccess) || met(Defect::SuccessRemembered, RECOGNISED),
        Outcome::Refused(Reason::Missing | Reason::Malformed) => {
            chosen.is(Defect::NoFloorMalformed) || writes && chosen.is(Defect::NoFloorOnWrites)
        }
        Outcome::Refused(Reason::UnknownPrefix) => chosen.is(Defect::NoFloorUnknownPrefix),
        Outcome::Refused(Reason::WrongHash) => chosen.is(Defect::NoFloorWrongHash) || met(Defect::WrongHashRemembered, WRONG),
        Outcome::Refused(Reason::Inactive) => chosen.is(Defect::NoFloorInactive),
        Outcome::Refused(Reason::Expired) => {
            chosen.is(Defect::NoFloorExpired) || writes && chosen.is(Defect::NoFloorExpiredOnWrites)
        }
        Outcome::Limited(_) => chosen.is(Defect::NoFloorLimited) || met(Defect::LimitedRemembered, LIMITED),
        Outcome::Unavailable => false,
    };
    match outcome {
        _ if skipped => Duration::ZERO,
        Outcome::Refused(Reason::UnknownPrefix) if chosen.is(Defect::SlowUnknownPrefix) => floor + BEYOND,
        Outcome::Refused(Reason::Inactive) if chosen.is(Defect::ShortFloorInactive) => floor * 7 / 8,
        _ => floor,
    }
}

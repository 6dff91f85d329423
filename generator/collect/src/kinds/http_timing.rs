//! What the kinds that measure time share: every outcome of a call timed once a round, in a fresh random order.

use std::{collections::BTreeMap, time::Duration};

use avouch_model::product::ProbeClass;
use avouch_probe::{Credential, Source};
use serde::{Deserialize, Serialize};

use super::http_call::{Call, Site, Wrong, cause, is_success, unasked};
use crate::{Unasked, World};

/// The least time by which the control is answered later than its twin.
const HELD_MS_MIN: u64 = 30;
/// In how many rounds the control is asked: enough for it to be told apart though a busy machine delays a few of its twins.
const CONTROL_ROUNDS: u64 = 20;

/// How often an allowance is used up again when its window ended while it was measured.
const REFILLS_MAX: usize = 5;
/// How many requests a lane sends before it is looked whether the allowance is used up.
const LANE_REQUESTS: usize = 8;

/// What is measured, as the parameters of a check say it.
#[derive(Debug)]
pub(super) struct Measurement<'a> {
    pub(super) route: Option<&'a str>,
    pub(super) call: Option<&'a str>,
    /// A route that writes: every outcome that must be refused is asked by it as well.
    pub(super) writes: Option<&'a str>,
    pub(super) principal: &'a str,
    pub(super) outcomes: &'a [Attempt],
    pub(super) samples: u64,
    pub(super) concurrency: usize,
    /// By how much the control has to be later.
    pub(super) apart_ms: u64,
}

/// A way to be answered, and how it is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Attempt {
    pub(super) name: String,
    #[serde(default)]
    credential: Option<Wrong>,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    status: Vec<u16>,
    #[serde(default)]
    burst: Option<usize>,
}

/// The rounds, each with one duration of every outcome, and the first ones with one of the control.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rounds {
    pub(super) outcomes: Vec<Series>,
    /// The first outcome once more, asked with the end of the request held back: how much later, and what came of it.
    pub(super) held_ms: u64,
    pub(super) held_us: Vec<u64>,
}

/// One outcome in every round.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Series {
    pub(super) name: String,
    /// How many answers had the status by which this outcome is known.
    pub(super) as_expected: u64,
    pub(super) statuses: BTreeMap<u16, u64>,
    /// From the first byte sent to the head of the answer, in microseconds, in the order of the rounds.
    pub(super) micros: Vec<u64>,
    /// The call whose answer was the fastest.
    pub(super) fastest: String,
}

pub(super) const fn thirty() -> u64 {
    30
}

pub(super) const fn thirty_two() -> usize {
    32
}

/// The measurement; checks of one run that ask for the same one share it, and cannot disagree.
pub(super) fn measured(world: &World<'_>, site: &Site<'_>, asked: &Measurement<'_>) -> Result<Rounds, Unasked> {
    let held_ms = asked.apart_ms.saturating_mul(3).max(HELD_MS_MIN);
    let Measurement { route, call, writes, principal, outcomes, samples, concurrency, .. } = asked;
    let key = format!("timing {route:?} {call:?} {writes:?} {principal} {outcomes:?} {samples} {concurrency} {held_ms}");
    let unfit = |error: serde_json::Error| Unasked(format!("the measurement cannot be kept: {error}"));
    site.prober.remember(&key, unfit, || measure(world, site, asked, held_ms))
}

struct Way {
    credential: Credential,
    expected: Vec<u16>,
    /// How many requests use up its allowance first.
    burst: Option<usize>,
    series: Series,
}

fn measure(world: &World<'_>, site: &Site<'_>, asked: &Measurement<'_>, held_ms: u64) -> Result<Rounds, Unasked> {
    let call = site.call(asked.route, asked.call)?;
    // What is let in would have written something: where that is not allowed, the route is not asked for.
    let may_write = site.target.allow.contains(&ProbeClass::Intrusive);
    let writes = asked.writes.filter(|_| may_write).map(|name| site.route(name)).transpose()?;
    let writing = writes.map(|route| site.call_of(route)).transpose()?;
    let valid = Credential::Principal(asked.principal.to_owned());
    // At most so many requests, and no more than until the answers turn to the expected ones: a window may be over before
    // all of them are answered.
    let use_up = |credential: &Credential, expected: &[u16], burst: usize| -> Result<(), Unasked> {
        let request = call.request(ProbeClass::Intrusive, credential.clone());
        let (mut left, mut otherwise) = (burst, false);
        while left > 0 {
            let some = left.min(asked.concurrency.max(1) * LANE_REQUESTS);
            left -= some;
            let sent = site.prober.burst(&request, some, asked.concurrency, Source::Common).map_err(|error| unasked(&error))?;
            let is_expected: Vec<bool> = sent.answers.iter().flatten().map(|answer| expected.contains(&answer.status)).collect();
            otherwise |= is_expected.contains(&false);
            if otherwise && is_expected.contains(&true) {
                break;
            }
        }
        Ok(())
    };
    let mut ways = Vec::new();
    let mut alone = Vec::new();
    for attempt in asked.outcomes {
        let credential = cause(&attempt.name, attempt.credential, attempt.principal.as_deref(), asked.principal)?;
        let expected = match (attempt.status.as_slice(), attempt.burst) {
            ([], Some(_)) => vec![401, 429],
            ([], None) if credential == valid => vec![call.ok],
            ([], None) => vec![401, 403, 429],
            (given, _) => given.to_vec(),
        };
        if let Some(burst) = attempt.burst {
            alone.extend(credential.principal().map(|principal| site.prober.hold_principal(principal, Duration::ZERO)));
            use_up(&credential, &expected, burst)?;
        }
        let series = Series {
            name: attempt.name.clone(),
            as_expected: 0,
            statuses: BTreeMap::new(),
            micros: Vec::new(),
            fastest: String::new(),
        };
        ways.push(Way { credential, expected, burst: attempt.burst, series });
    }
    let Some(twin) = ways.first().map(|way| way.credential.clone()) else {
        return Err(Unasked("`outcomes` is empty: name what is to be compared".to_owned()));
    };
    let held = call.request(ProbeClass::Active, twin).held(Duration::from_millis(held_ms));
    let (mut held_us, mut refills, seed) = (Vec::new(), 0, (world.random)());
    let mut conversation = site.prober.conversation(Source::Common);
    // The first answer pays for the connection and for what the target prepares.
    conversation.send(&call.request(ProbeClass::Active, valid)).map_err(|error| unasked(&error))?;
    for round in 0..asked.samples {
        // In a fresh order each round, so that a drift of the line or of the machine falls on all outcomes alike.
        for place in shuffled(ways.len() + usize::from(round < CONTROL_ROUNDS), world.random) {
            let Some(way) = ways.get_mut(place) else {
                held_us.push(conversation.send(&held).map_err(|error| unasked(&error))?.micros());
                continue;
            };
            // Two rounds each by the same call and with the same wrong credentials: an answer that is remembered is fast the
            // second time, and a way that only some calls take is found.
            let refused = !way.expected.iter().any(|status| is_success(*status));
            let writing = writing.as_ref().filter(|_| refused && round / 2 % 2 == 1);
            let request = match writing {
                Some(writing) => writing.request(ProbeClass::Intrusive, way.credential.clone()),
                None => call.request(ProbeClass::Active, way.credential.clone()),
            };
            let request = request.seeded(seed.wrapping_add(round / 2));
            let mut answer = conversation.send(&request).map_err(|error| unasked(&error))?;
            if let Some(burst) = way.burst.filter(|_| refills < REFILLS_MAX && !way.expected.contains(&answer.status)) {
                // Its window ended meanwhile: what is measured is an allowance that is used up.
                refills += 1;
                use_up(&way.credential, &way.expected, burst)?;
                answer = conversation.send(&request).map_err(|error| unasked(&error))?;
            }
            if let (Some(_), Some(route), 200..300) = (writing, writes, answer.status) {
                site.undo(route, &answer, &way.credential);
            }
            if way.series.micros.iter().all(|micros| answer.micros() < *micros) {
                let Call { method, path, .. } = writing.unwrap_or(&call);
                way.series.fastest = format!("{method} {path}");
            }
            way.series.micros.push(answer.micros());
            *way.series.statuses.entry(answer.status).or_default() += 1;
            way.series.as_expected += u64::from(way.expected.contains(&answer.status));
        }
    }
    Ok(Rounds { outcomes: ways.into_iter().map(|way| way.series).collect(), held_ms, held_us })
}

/// The numbers below `count` in a random order (Fisher and Yates).
fn shuffled(count: usize, random: &dyn Fn() -> u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let pick = random() % (last as u64 + 1);
        order.swap(last, usize::try_from(pick).unwrap_or(0));
    }
    order
}

//! `http.timing-floor`: does an attempt to authenticate take the same least time, whatever its outcome?

use std::{collections::BTreeMap, time::Duration};

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Credential, Source};
use serde::{Deserialize, Serialize};

use super::http_call::{Site, Wrong, cause, unasked};
use crate::{Example, Judgement, Patience, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct TimingFloor;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    call: Option<String>,
    principal: String,
    floor_ms: u64,
    outcome: String,
    outcomes: Vec<Attempt>,
    #[serde(default = "two")]
    tolerance_ms: u64,
    #[serde(default)]
    band_ms: Option<u64>,
    #[serde(default = "thirty")]
    samples: u64,
    #[serde(default = "thirty_two")]
    concurrency: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt {
    name: String,
    #[serde(default)]
    credential: Option<Wrong>,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    status: Vec<u16>,
    #[serde(default)]
    burst: Option<usize>,
}

const fn two() -> u64 {
    2
}

const fn thirty() -> u64 {
    30
}

const fn thirty_two() -> usize {
    32
}

/// The durations of each outcome, in microseconds from the first byte sent to the head of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    outcomes: Vec<Measured>,
    pooled_median_us: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    name: String,
    samples: u64,
    /// How many samples had the status by which this outcome is known.
    as_expected: u64,
    statuses: BTreeMap<u16, u64>,
    min_us: u64,
    median_us: u64,
}

impl Question for TimingFloor {
    const ID: &'static str = "http.timing-floor";
    const QUESTION: &'static str = "Does an attempt to authenticate take the same least time, whatever its outcome?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const PATIENCE: Patience = Patience::Quiet;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-timing-floor.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if !asked.outcomes.iter().any(|attempt| attempt.name == asked.outcome) {
            return Err(Unasked(format!("`outcomes` has no outcome named `{}`", asked.outcome)));
        }
        let site = Site::of(world, &asked.target)?;
        // Checks that differ only in what they judge share one measurement, and cannot disagree.
        let (route, call, principal, outcomes) = (&asked.route, &asked.call, &asked.principal, &asked.outcomes);
        let key = format!("timing {route:?} {call:?} {principal} {outcomes:?} {} {}", asked.samples, asked.concurrency);
        let unfit = |error: serde_json::Error| Unasked(format!("the measurement cannot be kept: {error}"));
        site.prober.remember(&key, unfit, || measure(world, &site, asked))
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let Some(judged) = seen.outcomes.iter().find(|measured| measured.name == asked.outcome) else {
            let nothing = Population { examined: 0, required: asked.samples };
            return Judgement::decide(nothing, PositiveControl::Broken, Vec::new(), "");
        };
        let mut findings = Vec::new();
        let floor = asked.floor_ms.saturating_sub(asked.tolerance_ms).saturating_mul(1_000);
        let shown = |micros: u64| format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100);
        let name = &judged.name;
        if judged.min_us < floor {
            let (fastest, floor_ms) = (shown(judged.min_us), asked.floor_ms);
            findings.push(format!("`{name}` was answered in {fastest}, under the floor of {floor_ms} ms"));
        }
        let distance = judged.median_us.abs_diff(seen.pooled_median_us);
        if let Some(band_ms) = asked.band_ms
            && distance > band_ms.saturating_mul(1_000)
        {
            let (median, pooled) = (shown(judged.median_us), shown(seen.pooled_median_us));
            findings
                .push(format!("the median of `{name}` is {median}, that of all outcomes {pooled}: more than {band_ms} ms apart"));
        }
        let held = judged.samples > 0 && judged.as_expected == judged.samples;
        Judgement::decide(
            Population { examined: judged.samples, required: asked.samples },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!("{} answers took {} or longer.", judged.samples, shown(judged.min_us)),
        )
    }
}

fn measure(world: &World<'_>, site: &Site<'_>, asked: &Asked) -> Result<Seen, Unasked> {
    let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
    let valid = Credential::Principal(asked.principal.clone());
    let mut ways = Vec::new();
    let mut held = Vec::new();
    for attempt in &asked.outcomes {
        let credential = cause(&attempt.name, attempt.credential, attempt.principal.as_deref(), &asked.principal)?;
        let status = match (attempt.status.as_slice(), attempt.burst) {
            ([], Some(_)) => vec![401, 429],
            ([], None) if credential == valid => vec![call.ok],
            ([], None) => vec![401, 403, 429],
            (given, _) => given.to_vec(),
        };
        if let Some(burst) = attempt.burst {
            let request = call.request(ProbeClass::Intrusive, credential.clone());
            held.extend(credential.principal().map(|principal| site.prober.hold_principal(principal, Duration::ZERO)));
            site.prober.burst(&request, burst, asked.concurrency, Source::Common).map_err(|error| unasked(&error))?;
        }
        ways.push((attempt, credential, status, Vec::new(), BTreeMap::<u16, u64>::new(), 0_u64));
    }
    let mut conversation = site.prober.conversation(Source::Common);
    // The first answer pays for the connection and for what the target prepares.
    conversation.send(&call.request(ProbeClass::Active, valid)).map_err(|error| unasked(&error))?;
    for _ in 0..asked.samples {
        // In a fresh order each round, so that a drift of the line or of the machine falls on all outcomes alike.
        let mut order: Vec<usize> = (0..ways.len()).collect();
        for last in (1..order.len()).rev() {
            let pick = (world.random)() % (last as u64 + 1);
            order.swap(last, usize::try_from(pick).unwrap_or(0));
        }
        for index in order {
            let Some((_, credential, status, durations, statuses, as_expected)) = ways.get_mut(index) else { continue };
            let request = call.request(ProbeClass::Active, credential.clone());
            let answer = conversation.send(&request).map_err(|error| unasked(&error))?;
            durations.push(answer.micros());
            *statuses.entry(answer.status).or_default() += 1;
            *as_expected += u64::from(status.contains(&answer.status));
        }
    }
    let mut all: Vec<u64> = ways.iter().flat_map(|(_, _, _, durations, ..)| durations.iter().copied()).collect();
    Ok(Seen {
        pooled_median_us: median(&mut all),
        outcomes: ways
            .into_iter()
            .map(|(attempt, _, _, mut durations, statuses, as_expected)| Measured {
                name: attempt.name.clone(),
                samples: durations.len() as u64,
                as_expected,
                statuses,
                min_us: durations.iter().copied().min().unwrap_or(0),
                median_us: median(&mut durations),
            })
            .collect(),
    })
}

/// The middle value; of an even number the lower one.
fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

const ASKED: &str = r#"{"target":"api","route":"list","principal":"a","floor_ms":80,"band_ms":10,"samples":3,
    "outcome":"wrong hash","outcomes":[{"name":"wrong hash","credential":"altered"},{"name":"success","principal":"a"}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "both outcomes take the floor and are alike",
        asked: ASKED,
        seen: r#"{"pooled_median_us":81000,"outcomes":[
            {"name":"wrong hash","samples":3,"as_expected":3,"statuses":{"401":3},"min_us":80100,"median_us":81000},
            {"name":"success","samples":3,"as_expected":3,"statuses":{"200":3},"min_us":80200,"median_us":82000}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one outcome skips the floor",
        asked: ASKED,
        seen: r#"{"pooled_median_us":81000,"outcomes":[
            {"name":"wrong hash","samples":3,"as_expected":3,"statuses":{"401":3},"min_us":1200,"median_us":1500},
            {"name":"success","samples":3,"as_expected":3,"statuses":{"200":3},"min_us":80200,"median_us":82000}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one outcome is slower than the others",
        asked: ASKED,
        seen: r#"{"pooled_median_us":82000,"outcomes":[
            {"name":"wrong hash","samples":3,"as_expected":3,"statuses":{"401":3},"min_us":95000,"median_us":97000},
            {"name":"success","samples":3,"as_expected":3,"statuses":{"200":3},"min_us":80200,"median_us":82000}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the attempt did not end as it was meant to",
        asked: ASKED,
        seen: r#"{"pooled_median_us":81000,"outcomes":[
            {"name":"wrong hash","samples":3,"as_expected":1,"statuses":{"401":1,"500":2},"min_us":80100,"median_us":81000}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "too few answers were timed",
        asked: ASKED,
        seen: r#"{"pooled_median_us":81000,"outcomes":[
            {"name":"wrong hash","samples":1,"as_expected":1,"statuses":{"401":1},"min_us":80100,"median_us":81000}]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex};

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, serve, target},
        testing::Scene,
    };

    /// Answers after 30 ms, but for one cause.
    fn outcome(judged: &str, hasty: &'static str) -> Outcome {
        let counts = Mutex::new(BTreeMap::<String, u32>::new());
        let at = serve(Caps::NONE, move |got| {
            let key = got.header("authorization").to_owned();
            let limited = {
                let mut counts = counts.lock().unwrap();
                let count = counts.entry(key.clone()).or_default();
                *count += 1;
                key.contains("BBBB") && *count > 3
            };
            let (kind, status) = match key.as_str() {
                "" => ("none", 401),
                _ if limited => ("limited", 429),
                "Bearer ck_live_AAAAAAAAAAAAAAAA0123456789" => ("success", 200),
                _ => ("altered", 401),
            };
            if kind != hasty {
                std::thread::sleep(Duration::from_millis(30));
            }
            json(status, "{}")
        });
        let asked = format!(
            r#"{{"target":"api","call":"GET /v1","principal":"a","floor_ms":30,"samples":4,"outcome":"{judged}","outcomes":[
            {{"name":"none","credential":"none"}},{{"name":"altered","credential":"altered"}},
            {{"name":"success","principal":"a"}},{{"name":"limited","principal":"b","status":[429],"burst":4}}]}}"#
        );
        ask::<TimingFloor>(Scene::default(), &target(at), &asked).outcome
    }

    #[test]
    fn an_outcome_that_skips_the_floor_is_found_and_only_that() {
        for each in ["none", "altered", "success", "limited"] {
            assert_eq!(outcome(each, "nothing"), Outcome::Pass, "{each}");
            assert_eq!(outcome(each, each), Outcome::Fail, "{each}");
        }
        assert_eq!(outcome("altered", "none"), Outcome::Pass);
    }
}

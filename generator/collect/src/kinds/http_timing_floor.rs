//! `http.timing-floor`: does an attempt to authenticate take the same least time, whatever its outcome?

use std::collections::BTreeMap;

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use super::{
    http_call::Site,
    http_timing::{Attempt, Measurement, Series, measured, thirty, thirty_two},
};
use crate::{Example, Judgement, Patience, Question, Unasked, Vantage, World, statistics::median};

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
    #[serde(default)]
    writes: Option<String>,
    principal: String,
    floor_ms: u64,
    outcome: String,
    outcomes: Vec<Attempt>,
    #[serde(default = "two")]
    tolerance_ms: u64,
    #[serde(default = "thirty")]
    samples: u64,
    #[serde(default = "thirty_two")]
    concurrency: usize,
}

const fn two() -> u64 {
    2
}

/// The durations of each outcome, in microseconds from the first byte sent to the head of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    outcomes: Vec<Measured>,
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
    /// The call whose answer was the fastest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    fastest: String,
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
        let rounds = measured(
            world,
            &site,
            &Measurement {
                route: asked.route.as_deref(),
                call: asked.call.as_deref(),
                writes: asked.writes.as_deref(),
                principal: &asked.principal,
                outcomes: &asked.outcomes,
                samples: asked.samples,
                concurrency: asked.concurrency,
                apart_ms: 0,
            },
        )?;
        Ok(Seen { outcomes: rounds.outcomes.into_iter().map(Measured::of).collect() })
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
            let by = if judged.fastest.is_empty() { String::new() } else { format!(" to `{}`", judged.fastest) };
            findings.push(format!("`{name}` was answered in {fastest}{by}, under the floor of {floor_ms} ms"));
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

impl Measured {
    fn of(series: Series) -> Self {
        Self {
            samples: series.micros.len() as u64,
            as_expected: series.as_expected,
            statuses: series.statuses,
            min_us: series.micros.iter().copied().min().unwrap_or(0),
            median_us: median(&series.micros),
            fastest: series.fastest,
            name: series.name,
        }
    }
}

const ASKED: &str = r#"{"target":"api","route":"list","principal":"a","floor_ms":80,"samples":3,
    "outcome":"wrong hash","outcomes":[{"name":"wrong hash","credential":"altered"},{"name":"success","principal":"a"}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "both outcomes take the floor",
        asked: ASKED,
        seen: r#"{"outcomes":[
            {"name":"wrong hash","samples":3,"as_expected":3,"statuses":{"401":3},"min_us":80100,"median_us":81000},
            {"name":"success","samples":3,"as_expected":3,"statuses":{"200":3},"min_us":80200,"median_us":82000}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one outcome skips the floor",
        asked: ASKED,
        seen: r#"{"outcomes":[
            {"name":"wrong hash","samples":3,"as_expected":3,"statuses":{"401":3},"min_us":1200,"median_us":1500},
            {"name":"success","samples":3,"as_expected":3,"statuses":{"200":3},"min_us":80200,"median_us":82000}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the attempt did not end as it was meant to",
        asked: ASKED,
        seen: r#"{"outcomes":[
            {"name":"wrong hash","samples":3,"as_expected":1,"statuses":{"401":1,"500":2},"min_us":80100,"median_us":81000}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "too few answers were timed",
        asked: ASKED,
        seen: r#"{"outcomes":[
            {"name":"wrong hash","samples":1,"as_expected":1,"statuses":{"401":1},"min_us":80100,"median_us":81000}]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex, time::Duration};

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, Got, ask, json, route, serve, target},
        testing::Scene,
    };

    /// Answers after 30 ms, but for what is hasty; an altered key is judged, and half of the time it would write.
    fn altered(hasty: impl Fn(&Got) -> bool + Send + Sync + 'static) -> Judgement {
        let at = serve(Caps::NONE, move |got| {
            let good = got.header("authorization").ends_with("AAAA0123456789");
            if good || !hasty(got) {
                std::thread::sleep(Duration::from_millis(30));
            }
            json(if good { 200 } else { 401 }, "{}")
        });
        let mut target = target(at);
        target.routes = [route("make", "POST /v1", 201)].into();
        let asked = r#"{"target":"api","call":"GET /v1","writes":"make","principal":"a","floor_ms":30,"samples":4,
            "outcome":"altered","outcomes":[{"name":"success","principal":"a"},{"name":"altered","credential":"altered"}]}"#;
        ask::<TimingFloor>(Scene::default(), &target, asked)
    }

    #[test]
    fn a_refusal_of_a_write_and_one_that_comes_again_are_found() {
        assert_eq!(altered(|_| false).outcome, Outcome::Pass);
        let of_writes = altered(|got| got.method == "POST");
        assert_eq!(of_writes.outcome, Outcome::Fail);
        assert!(of_writes.findings[0].contains("`POST /v1`"), "{:?}", of_writes.findings);
        let met = Mutex::new(std::collections::BTreeSet::new());
        let again = altered(move |got| !met.lock().unwrap().insert(got.header("authorization").to_owned()));
        assert_eq!(again.outcome, Outcome::Fail);
    }

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

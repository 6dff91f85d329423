//! `http.timing-equality`: does the time of an answer tell one outcome from the others?

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use super::{
    http_call::Site,
    http_timing::{Attempt, Measurement, Rounds, Series, measured, thirty, thirty_two},
};
use crate::{
    Example, Judgement, Patience, Question, Unasked, Vantage, World,
    statistics::{Verdict, compare, median, median_interval},
};

/// See the module.
pub(super) struct TimingEquality;

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
    outcome: String,
    #[serde(default)]
    against: Option<String>,
    outcomes: Vec<Attempt>,
    #[serde(default = "five")]
    margin_ms: u64,
    #[serde(default = "thirty")]
    samples: u64,
    #[serde(default = "thirty_two")]
    concurrency: usize,
}

const fn five() -> u64 {
    5
}

/// The pairs, in microseconds: the outcome and what it is compared with, and the control with its twin, of the same round.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// How many answers, of all that are compared, there were and had the status by which their outcome is known.
    answers: u64,
    as_expected: u64,
    pairs: Vec<[u64; 2]>,
    /// By how much the control was held back.
    held_ms: u64,
    control: Vec<[u64; 2]>,
}

impl Question for TimingEquality {
    const ID: &'static str = "http.timing-equality";
    const QUESTION: &'static str = "Does an answer take the same time whatever its outcome?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const PATIENCE: Patience = Patience::Quiet;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-timing-equality.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        for name in [Some(&asked.outcome), asked.against.as_ref()].into_iter().flatten() {
            if !asked.outcomes.iter().any(|attempt| attempt.name == *name) {
                return Err(Unasked(format!("`outcomes` has no outcome named `{name}`")));
            }
        }
        if asked.outcomes.len() < if asked.against.is_some() { 2 } else { 3 } {
            return Err(Unasked("`outcomes` has too few to compare: two with `against`, three without".to_owned()));
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
                apart_ms: asked.margin_ms,
            },
        )?;
        Ok(paired(&rounds, asked))
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let margin = i64::try_from(asked.margin_ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let differences = differences(&seen.pairs);
        let told_apart = compare(&self::differences(&seen.control), margin) == Verdict::Apart;
        let mut held = seen.answers > 0 && seen.as_expected == seen.answers;
        let mut findings = Vec::new();
        let (name, margin_ms) = (&asked.outcome, asked.margin_ms);
        let other = asked.against.as_ref().map_or_else(|| "the others".to_owned(), |against| format!("`{against}`"));
        let middle = shown(median(&differences));
        let interval = median_interval(&differences, 0.9)
            .map(|(low, high)| format!(" (90 % interval {} to {})", shown(low), shown(high)))
            .unwrap_or_default();
        if !held {
            findings.push(format!("{} of {} answers had the status of their outcome", seen.as_expected, seen.answers));
        } else if !told_apart {
            held = false;
            findings.push(format!(
                "inconclusive: answers that were held back by {} ms are not told apart from others, so nothing smaller would be",
                seen.held_ms
            ));
        } else {
            match compare(&differences, margin) {
                Verdict::Alike => {}
                Verdict::Apart => findings
                    .push(format!("`{name}` is answered {middle} later than {other}{interval}: more than {margin_ms} ms apart")),
                Verdict::Inconclusive => {
                    held = false;
                    findings.push(format!(
                        "inconclusive: `{name}` is answered {middle} later than {other}{interval}; {} pairs show neither that \
                         this is within {margin_ms} ms nor that it is not",
                        differences.len()
                    ));
                }
            }
        }
        Judgement::decide(
            Population { examined: seen.pairs.len() as u64, required: asked.samples },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!(
                "{} pairs differ by less than {margin_ms} ms, and a delay of {} ms was noticed.",
                seen.pairs.len(),
                seen.held_ms
            ),
        )
    }
}

/// The durations of each round side by side.
fn paired(rounds: &Rounds, asked: &Asked) -> Seen {
    let is_judged = |series: &&Series| series.name == asked.outcome;
    let is_other = |series: &&Series| match &asked.against {
        Some(against) => series.name == *against,
        None => series.name != asked.outcome,
    };
    let judged = rounds.outcomes.iter().find(is_judged);
    let others: Vec<&Series> = rounds.outcomes.iter().filter(is_other).collect();
    let compared = || judged.into_iter().chain(others.iter().copied());
    let pairs = judged.into_iter().flat_map(|series| series.micros.iter().enumerate()).map(|(round, micros)| {
        let each: Vec<u64> = others.iter().filter_map(|series| series.micros.get(round).copied()).collect();
        [*micros, middle(each)]
    });
    let twins = rounds.outcomes.first().map(|series| series.micros.as_slice()).unwrap_or_default();
    Seen {
        answers: compared().map(|series| series.micros.len() as u64).sum(),
        as_expected: compared().map(|series| series.as_expected).sum(),
        pairs: pairs.collect(),
        held_ms: rounds.held_ms,
        control: rounds.held_us.iter().zip(twins).map(|(held, twin)| [*held, *twin]).collect(),
    }
}

/// The median, of an even number the mean of the two in the middle: one that is off among several does not move it far.
fn middle(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    let at = |place: usize| values.get(place).copied().unwrap_or_default();
    let last = values.len().saturating_sub(1);
    at(last / 2).midpoint(at(last.div_ceil(2)))
}

fn differences(pairs: &[[u64; 2]]) -> Vec<i64> {
    pairs.iter().map(|[one, other]| one.cast_signed().saturating_sub(other.cast_signed())).collect()
}

fn shown(micros: i64) -> String {
    format!("{}{}.{} ms", if micros < 0 { "-" } else { "" }, micros.abs() / 1_000, micros.abs() % 1_000 / 100)
}

const ASKED: &str = r#"{"target":"api","route":"list","principal":"a","samples":8,"margin_ms":5,"outcome":"wrong hash",
    "against":"unknown","outcomes":[{"name":"unknown","credential":"unknown"},{"name":"wrong hash","credential":"altered"}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "both outcomes take the same time",
        asked: ASKED,
        seen: r#"{"answers":16,"as_expected":16,"held_ms":40,
            "pairs":[[80100,80300],[81000,80200],[80400,80500],[80100,82000],[90100,80600],[80700,80300],[80200,80100],[80500,80900]],
            "control":[[120100,80300],[121000,80200],[120400,80500],[120100,82000],[130100,80600],[120700,80300],[120200,80100],[120500,80900]]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a wrong hash is compared for longer than an unknown key is looked for",
        asked: ASKED,
        seen: r#"{"answers":16,"as_expected":16,"held_ms":40,
            "pairs":[[92100,80300],[91000,80200],[90400,80500],[91100,82000],[93100,80600],[90700,80300],[90200,80100],[90500,80900]],
            "control":[[120100,80300],[121000,80200],[120400,80500],[120100,82000],[130100,80600],[120700,80300],[120200,80100],[120500,80900]]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the noise is as large as the margin: inconclusive",
        asked: ASKED,
        seen: r#"{"answers":16,"as_expected":16,"held_ms":40,
            "pairs":[[92100,80300],[71000,80200],[90400,80500],[71100,82000],[93100,80600],[70700,80300],[90200,80100],[80500,80900]],
            "control":[[120100,80300],[121000,80200],[120400,80500],[120100,82000],[130100,80600],[120700,80300],[120200,80100],[120500,80900]]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "a known delay is not noticed, so likeness shows nothing",
        asked: ASKED,
        seen: r#"{"answers":16,"as_expected":16,"held_ms":40,
            "pairs":[[80100,80300],[81000,80200],[80400,80500],[80100,82000],[90100,80600],[80700,80300],[80200,80100],[80500,80900]],
            "control":[[80100,80300],[81000,80200],[80400,80500],[80100,82000],[90100,80600],[80700,80300],[80200,80100],[80500,80900]]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "an attempt did not end as it was meant to",
        asked: ASKED,
        seen: r#"{"answers":16,"as_expected":9,"held_ms":40,"pairs":[],"control":[]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "too few pairs were measured",
        asked: r#"{"target":"api","route":"list","principal":"a","samples":30,"outcome":"x","against":"y",
            "outcomes":[{"name":"x","credential":"altered"},{"name":"y","credential":"unknown"}]}"#,
        seen: r#"{"answers":16,"as_expected":16,"held_ms":40,
            "pairs":[[80100,80300],[81000,80200],[80400,80500],[80100,82000],[90100,80600],[80700,80300],[80200,80100],[80500,80900]],
            "control":[[120100,80300],[121000,80200],[120400,80500],[120100,82000],[130100,80600],[120700,80300],[120200,80100],[120500,80900]]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, serve, target},
        testing::Scene,
    };

    /// A service that compares altered keys for so many milliseconds longer.
    fn judged(slower_ms: u64, against: &str) -> Judgement {
        let at = serve(Caps::NONE, move |got| {
            let key = got.header("authorization");
            let altered = key.contains("AAAA") && !key.ends_with("6789");
            std::thread::sleep(Duration::from_millis(if altered { slower_ms } else { 0 }));
            json(if key.ends_with("AAAA0123456789") { 200 } else { 401 }, "{}")
        });
        let asked = format!(
            r#"{{"target":"api","call":"GET /v1","principal":"a","samples":12,"margin_ms":12,"outcome":"altered"{against},"outcomes":[
            {{"name":"good","principal":"a"}},{{"name":"none","credential":"none"}},
            {{"name":"unknown","credential":"unknown"}},{{"name":"altered","credential":"altered"}}]}}"#
        );
        ask::<TimingEquality>(Scene::default(), &target(at), &asked)
    }

    #[test]
    fn an_outcome_that_takes_longer_is_found_whatever_it_is_compared_with() {
        for against in ["", r#","against":"unknown""#] {
            assert_eq!(judged(0, against).outcome, Outcome::Pass, "{against}");
            let slow = judged(50, against);
            assert_eq!(slow.outcome, Outcome::Fail, "{against} {:?}", slow.findings);
        }
    }

    #[test]
    fn one_that_is_off_does_not_move_the_middle_of_the_others() {
        assert_eq!(middle(vec![3, 80, 81, 82, 83, 84]), 81);
        assert_eq!(middle(vec![80, 82]), 81);
        assert_eq!((middle(vec![7]), middle(vec![])), (7, 0));
    }
}

//! `http.rate-window`: does a limit count over a window that slides?

use std::{collections::BTreeMap, time::Duration};

use avouch_model::{
    Span,
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Burst, Credential, Source};
use serde::{Deserialize, Serialize};

use super::{
    http_call::{Site, unasked},
    http_figure::Figure,
    http_rate_limit::{By, too_many},
};
use crate::{Example, Judgement, Patience, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct RateWindow;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    call: Option<String>,
    limit: Figure,
    window: Span,
    #[serde(default = "principal")]
    by: By,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default = "sixty")]
    part_percent: u64,
    #[serde(default)]
    tolerance_percent: u64,
    #[serde(default = "too_many")]
    status: Vec<u16>,
    #[serde(default = "thirty_two")]
    concurrency: usize,
}

const fn principal() -> By {
    By::Principal
}

const fn sixty() -> u64 {
    60
}

const fn thirty_two() -> usize {
    32
}

/// One request at the start of a window, and a burst on each side of its end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The limit, where a file of the product says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    first_status: u16,
    ok: u16,
    before: Part,
    after: Part,
    /// Whether the first burst was over before the boundary.
    before_in_time: bool,
    /// From the start of the first burst to the end of the second.
    span_ms: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    sent: u64,
    passed: u64,
    refused: u64,
    unanswered: u64,
    unexpected: BTreeMap<u16, u64>,
}

impl Question for RateWindow {
    const ID: &'static str = "http.rate-window";
    const QUESTION: &'static str = "Does the limit count over a window that slides?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Intrusive);
    const PATIENCE: Patience = Patience::Waits;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-rate-window.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if !(51..=95).contains(&asked.part_percent) {
            return Err(Unasked("`part_percent` must lie between 51 and 95".to_owned()));
        }
        let site = Site::of(world, &asked.target)?;
        let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
        let prober = site.prober;
        let window = Duration::from_secs(asked.window.seconds_min());
        let credential = asked.principal.clone().map_or(Credential::None, Credential::Principal);
        let (lease, _alone) = match (asked.by, &asked.principal) {
            (By::Address, _) => (Some(prober.lend_address(window).map_err(|error| unasked(&error))?), None),
            (By::Principal, Some(name)) => (None, Some(prober.hold_principal(name, window))),
            (By::Principal, None) => return Err(Unasked("a limit by principal needs `principal`".to_owned())),
        };
        let source = lease.as_ref().map_or(Source::Common, Source::Lent);
        let request = call.request(ProbeClass::Intrusive, credential);
        let limit = asked.limit.number(world)?;
        let count = usize::try_from(limit.saturating_mul(asked.part_percent) / 100)
            .map_err(|_| Unasked("`limit` is too large".to_owned()))?;
        let burst = || prober.burst(&request, count, asked.concurrency, source).map_err(|error| unasked(&error));
        // A fixed window begins at a multiple of its length, or at the first request: here both begin together.
        let margin = window / 20;
        prober.pause(prober.until_boundary(window) + margin / 4);
        let first = prober.conversation(source).send(&request).map_err(|error| unasked(&error))?;
        let answered = std::time::Instant::now();
        // Up to a quarter of the window before the boundary, so that the burst is over when it comes.
        prober.pause(prober.until_boundary(window).saturating_sub(window / 4));
        let started = std::time::Instant::now();
        let left = prober.until_boundary(window);
        let before = burst()?;
        let in_time = before.elapsed < left;
        if in_time {
            prober.pause(left.saturating_sub(started.elapsed()) + margin);
            // A window that began with the first request began at the latest when that was answered: it is over, too.
            prober.pause((window + margin / 4).saturating_sub(answered.elapsed()));
        }
        let after = burst()?;
        Ok(Seen {
            limit: matches!(asked.limit, Figure::Of(_)).then_some(limit),
            first_status: first.status,
            ok: call.ok,
            before: part(&before, &asked.status, call.ok),
            after: part(&after, &asked.status, call.ok),
            before_in_time: in_time,
            span_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let together = seen.before.passed + seen.after.passed;
        let limit = asked.limit.seen(seen.limit);
        let most = limit.saturating_add(limit.saturating_mul(asked.tolerance_percent) / 100);
        let mut findings = Vec::new();
        if together > most {
            let window = asked.window;
            findings.push(format!(
                "{together} requests were let through across the edge of a window; the limit is {limit} per {window}"
            ));
        }
        let clean = |part: &Part| part.unanswered == 0 && part.unexpected.is_empty();
        let whole = seen.first_status == seen.ok && seen.before.refused == 0 && seen.before.passed > 0;
        let within = seen.before_in_time && seen.span_ms < asked.window.seconds_min().saturating_mul(1_000);
        let held = whole && within && clean(&seen.before) && clean(&seen.after);
        Judgement::decide(
            // Fewer than the limit together could not have been refused.
            Population { examined: seen.before.sent + seen.after.sent, required: most.saturating_add(1) },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!(
                "Of {} requests around the edge of a window {together} were let through.",
                seen.before.sent + seen.after.sent
            ),
        )
    }
}

fn part(burst: &Burst, refusals: &[u16], ok: u16) -> Part {
    let mut part = Part { sent: burst.answers.len() as u64, ..Part::default() };
    for answer in &burst.answers {
        match answer {
            Err(_) => part.unanswered += 1,
            Ok(answer) if refusals.contains(&answer.status) => part.refused += 1,
            Ok(answer) if answer.status == ok => part.passed += 1,
            Ok(answer) => *part.unexpected.entry(answer.status).or_default() += 1,
        }
    }
    part
}

const ASKED: &str = r#"{"target":"api","route":"list","limit":1000,"window":"60 seconds","principal":"a"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the second burst is cut off where the limit is reached",
        asked: ASKED,
        seen: r#"{"first_status":200,"ok":200,"before_in_time":true,"span_ms":20000,
            "before":{"sent":600,"passed":600,"refused":0,"unanswered":0,"unexpected":{}},
            "after":{"sent":600,"passed":399,"refused":201,"unanswered":0,"unexpected":{}}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a fixed window lets both bursts through",
        asked: ASKED,
        seen: r#"{"first_status":200,"ok":200,"before_in_time":true,"span_ms":20000,
            "before":{"sent":600,"passed":600,"refused":0,"unanswered":0,"unexpected":{}},
            "after":{"sent":600,"passed":600,"refused":0,"unanswered":0,"unexpected":{}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "more than the tolerance is let through",
        asked: r#"{"target":"api","route":"list","limit":1000,"window":"60 seconds","principal":"a","tolerance_percent":5}"#,
        seen: r#"{"first_status":200,"ok":200,"before_in_time":true,"span_ms":20000,
            "before":{"sent":600,"passed":600,"refused":0,"unanswered":0,"unexpected":{}},
            "after":{"sent":600,"passed":500,"refused":100,"unanswered":0,"unexpected":{}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the first burst was refused in part, so the second shows nothing",
        asked: ASKED,
        seen: r#"{"first_status":200,"ok":200,"before_in_time":true,"span_ms":20000,
            "before":{"sent":600,"passed":59,"refused":541,"unanswered":0,"unexpected":{}},
            "after":{"sent":600,"passed":0,"refused":600,"unanswered":0,"unexpected":{}}}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "the first burst was not over at the boundary",
        asked: ASKED,
        seen: r#"{"first_status":200,"ok":200,"before_in_time":false,"span_ms":20000,
            "before":{"sent":600,"passed":600,"refused":0,"unanswered":0,"unexpected":{}},
            "after":{"sent":600,"passed":400,"refused":200,"unanswered":0,"unexpected":{}}}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "too few were sent to reach the limit",
        asked: ASKED,
        seen: r#"{"first_status":200,"ok":200,"before_in_time":true,"span_ms":20000,
            "before":{"sent":400,"passed":400,"refused":0,"unanswered":0,"unexpected":{}},
            "after":{"sent":400,"passed":400,"refused":0,"unanswered":0,"unexpected":{}}}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use std::{
        sync::Mutex,
        time::{Instant, SystemTime, UNIX_EPOCH},
    };

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, serve, target},
        testing::Scene,
    };

    fn outcome(sliding: bool) -> Outcome {
        let seen = Mutex::new((Vec::<Instant>::new(), BTreeMap::<u64, usize>::new()));
        let at = serve(Caps::NONE, move |_| {
            let mut seen = seen.lock().unwrap();
            let (list, fixed) = &mut *seen;
            let slot = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 2;
            list.retain(|at| at.elapsed() < Duration::from_secs(2));
            let count = if sliding { list.len() } else { *fixed.entry(slot).or_default() };
            if count >= 20 {
                return (429, vec![], String::new());
            }
            list.push(Instant::now());
            *fixed.entry(slot).or_default() += 1;
            (200, vec![], String::new())
        });
        let asked = r#"{"target":"api","call":"GET /v1","limit":20,"window":"2 seconds","principal":"a","concurrency":4}"#;
        ask::<RateWindow>(Scene::default(), &target(at), asked).outcome
    }

    #[test]
    fn a_fixed_window_is_told_from_one_that_slides() {
        let fixed = std::thread::spawn(|| outcome(false));
        assert_eq!(outcome(true), Outcome::Pass);
        assert_eq!(fixed.join().unwrap(), Outcome::Fail);
    }
}

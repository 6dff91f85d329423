//! `http.rate-limit`: is the stated number of requests let through, and no more?

use std::{
    cell::Cell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use avouch_model::{
    Span,
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Credential, Request, Source};
use serde::{Deserialize, Serialize};

use super::{
    http_call::{Site, unasked},
    http_figure::Figure,
};
use crate::{Example, Judgement, Patience, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct RateLimit;

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
    by: By,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    other: Option<String>,
    #[serde(default)]
    others: Vec<Somebody>,
    #[serde(default)]
    same: Vec<Somebody>,
    #[serde(default)]
    tolerance_percent: u64,
    #[serde(default = "too_many")]
    status: Vec<u16>,
    #[serde(default = "yes")]
    retry_after: bool,
    #[serde(default = "eight")]
    concurrency: usize,
}

/// Somebody else, or the same one by another name: with what is left out taken from the check.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Somebody {
    name: String,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// What a limit is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    Address,
    Principal,
}

pub(super) fn too_many() -> Vec<u16> {
    vec![429]
}

const fn yes() -> bool {
    true
}

const fn eight() -> usize {
    8
}

/// One burst, somebody else during it, and the same one after the window.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The limit, where a file of the product says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    sent: u64,
    passed: u64,
    refused: u64,
    /// Requests that were not answered.
    unanswered: u64,
    /// Answers that are neither the call's success nor a refusal, by status.
    unexpected: BTreeMap<u16, u64>,
    elapsed_ms: u64,
    /// Refusals without a Retry-After that can be read (RFC 9110 section 10.2.3).
    without_retry_after: u64,
    other_status: u16,
    recovered_status: u16,
    /// The statuses for the others, and for the same one by other names, in the order of the parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    same: Vec<u16>,
    /// From the start of the burst until all of those had answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    same_by_ms: Option<u64>,
}

impl Question for RateLimit {
    const ID: &'static str = "http.rate-limit";
    const QUESTION: &'static str = "Is the stated number of requests let through, and no more?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Intrusive);
    const PATIENCE: Patience = Patience::Waits;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-rate-limit.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
        let prober = site.prober;
        let window = Duration::from_secs(asked.window.seconds_min());
        let request = |who: Option<&String>| {
            call.request(ProbeClass::Intrusive, who.map_or(Credential::None, |who| Credential::Principal(who.clone())))
        };
        let limit = asked.limit.number(world)?;
        let count = usize::try_from(let_through(limit, asked).saturating_add(1))
            .map_err(|_| Unasked("`limit` is too large".to_owned()))?;
        let mine = request(asked.principal.as_ref());
        let lend = || prober.lend_address(window).map_err(|error| unasked(&error));
        let one = |request: &Request, source: Source<'_>| {
            let answer = prober.conversation(source).send(request);
            answer.map(|answer| answer.status).map_err(|error| unasked(&error))
        };
        let started = Cell::new(Instant::now());
        let burst = |source: Source<'_>| {
            started.set(Instant::now());
            prober.burst(&mine, count, asked.concurrency, source).map_err(|error| unasked(&error))
        };
        let ask = |somebody: &Somebody, source: Source<'_>| -> Result<u16, Unasked> {
            let route = somebody.route.as_deref().or(asked.route.as_deref());
            let call = site.call(route, asked.call.as_deref().filter(|_| route.is_none()))?;
            let who = somebody.principal.as_ref().or(asked.principal.as_ref());
            let mut request =
                call.request(ProbeClass::Intrusive, who.map_or(Credential::None, |who| Credential::Principal(who.clone())));
            for (name, value) in &somebody.headers {
                request = request.header(name, value);
            }
            let answer = prober.conversation(source).send(&request).map_err(|error| unasked(&error))?;
            if let (Some(route), 200..300) = (route, answer.status) {
                // It was let through, and may have made something.
                site.undo(site.route(route)?, &answer, &Credential::Principal(who.cloned().unwrap_or_default()));
            }
            Ok(answer.status)
        };
        let all = |many: &[Somebody], source: Source<'_>| many.iter().map(|one| ask(one, source)).collect::<Result<Vec<_>, _>>();
        // An address has no other address: who else there is is asked from another one, and the same one from its own.
        let names = |same: Source<'_>, others: Source<'_>| -> Result<_, Unasked> {
            let same = all(&asked.same, same)?;
            let by = u64::try_from(started.get().elapsed().as_millis()).unwrap_or(u64::MAX);
            Ok((same, all(&asked.others, others)?, by))
        };
        // A tenth more than the window, so that a clock that is a little late does not look like a limit that stays.
        let pause = || prober.pause(window + window / 10);
        let (burst, (same, others, same_by_ms), other_status, recovered_status) = match (asked.by, &asked.principal, &asked.other)
        {
            (By::Address, ..) => {
                let (first, second) = (lend()?, lend()?);
                let burst = burst(Source::Lent(&first))?;
                let names = names(Source::Lent(&first), Source::Lent(&second))?;
                let other = one(&mine, Source::Lent(&second))?;
                pause();
                (burst, names, other, one(&mine, Source::Lent(&first))?)
            }
            (By::Principal, Some(principal), other) if other.is_some() || !asked.others.is_empty() => {
                let _alone = prober.hold_principal(principal, window);
                let burst = burst(Source::Common)?;
                let names = names(Source::Common, Source::Common)?;
                let other = match other {
                    Some(other) => one(&request(Some(other)), Source::Common)?,
                    None => names.1.first().copied().unwrap_or(call.ok),
                };
                pause();
                (burst, names, other, one(&mine, Source::Common)?)
            }
            _ => return Err(Unasked("a limit by principal needs `principal`, and `other` or `others`".to_owned())),
        };
        let mut seen = Seen {
            limit: matches!(asked.limit, Figure::Of(_)).then_some(limit),
            sent: count as u64,
            passed: 0,
            refused: 0,
            unanswered: 0,
            unexpected: BTreeMap::new(),
            elapsed_ms: u64::try_from(burst.elapsed.as_millis()).unwrap_or(u64::MAX),
            without_retry_after: 0,
            other_status,
            recovered_status,
            others,
            same_by_ms: (!same.is_empty()).then_some(same_by_ms),
            same,
        };
        for answer in &burst.answers {
            match answer {
                Err(_) => seen.unanswered += 1,
                Ok(answer) if asked.status.contains(&answer.status) => {
                    seen.refused += 1;
                    seen.without_retry_after += u64::from(!answer.header("retry-after").is_some_and(is_readable));
                }
                Ok(answer) => {
                    seen.passed += 1;
                    // Without a credential the limit lies before the refusal of nobody.
                    let nobody = asked.principal.is_none() && matches!(answer.status, 401 | 403);
                    if answer.status != call.ok && !nobody {
                        *seen.unexpected.entry(answer.status).or_default() += 1;
                    }
                }
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let (limit, window) = (asked.limit.seen(seen.limit), asked.window);
        let mut findings = Vec::new();
        if seen.refused == 0 {
            findings.push(format!("none of {} requests within {window} was refused; the limit is {limit}", seen.sent));
        } else if seen.passed < limit {
            findings.push(format!("only {} requests within {window} were let through; the limit is {limit}", seen.passed));
        }
        if asked.retry_after && seen.without_retry_after > 0 {
            let (without, refused) = (seen.without_retry_after, seen.refused);
            findings.push(format!("{without} of {refused} refusals carry no readable Retry-After"));
        }
        let who = if asked.by == By::Address { "address" } else { "principal" };
        if seen.refused > 0 && asked.status.contains(&seen.other_status) {
            findings.push(format!("another {who} is refused as well"));
        }
        for (somebody, status) in asked.others.iter().zip(&seen.others) {
            if seen.refused > 0 && asked.status.contains(status) {
                findings.push(format!("{} is refused as well", somebody.name));
            }
        }
        for (somebody, status) in asked.same.iter().zip(&seen.same) {
            if seen.refused > 0 && !asked.status.contains(status) {
                findings.push(format!("{} was answered with {status}, although the limit was reached", somebody.name));
            }
        }
        if seen.refused > 0 && asked.status.contains(&seen.recovered_status) {
            findings.push(format!("the {who} is still refused after {window}"));
        }
        // Later than that, the limit is no longer reached by anybody.
        let until = seen.elapsed_ms.max(seen.same_by_ms.unwrap_or_default());
        let in_time = until < asked.window.seconds_min().saturating_mul(1_000);
        let held = seen.unanswered == 0 && seen.unexpected.is_empty() && seen.passed > 0 && in_time;
        Judgement::decide(
            Population { examined: seen.passed + seen.refused, required: limit.saturating_add(1) },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!("{} of {} requests were let through; another {who} was not affected.", seen.passed, seen.sent),
        )
    }
}

/// The most that may be let through.
const fn let_through(limit: u64, asked: &Asked) -> u64 {
    limit.saturating_add(limit.saturating_mul(asked.tolerance_percent) / 100)
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
fn is_readable(value: &str) -> bool {
    let value = value.trim();
    let seconds = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    seconds || chrono::DateTime::parse_from_rfc2822(value).is_ok()
}

const ASKED: &str = r#"{"target":"api","route":"list","limit":60,"window":"60 seconds","by":"address","tolerance_percent":20}"#;

const NAMES: &str = r#"{"target":"api","route":"list","limit":{"file":"tenant.json","at":"perMinute"},"window":"60 seconds","by":"principal","principal":"a","others":[{"name":"a neighbour","principal":"b"}],"same":[{"name":"a, by key","principal":"a-key"}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "sixty are let through and the rest is refused",
        asked: ASKED,
        seen: r#"{"sent":73,"passed":60,"refused":13,"unanswered":0,"unexpected":{},"elapsed_ms":900,"without_retry_after":0,"other_status":200,"recovered_status":200}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "nothing is refused",
        asked: ASKED,
        seen: r#"{"sent":73,"passed":73,"refused":0,"unanswered":0,"unexpected":{},"elapsed_ms":900,"without_retry_after":0,"other_status":200,"recovered_status":200}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "fewer than promised are let through",
        asked: ASKED,
        seen: r#"{"sent":73,"passed":30,"refused":43,"unanswered":0,"unexpected":{},"elapsed_ms":900,"without_retry_after":0,"other_status":200,"recovered_status":200}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "another address is refused with the first",
        asked: ASKED,
        seen: r#"{"sent":73,"passed":60,"refused":13,"unanswered":0,"unexpected":{},"elapsed_ms":900,"without_retry_after":0,"other_status":429,"recovered_status":200}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the limit of the file is kept, and not got around by another name",
        asked: NAMES,
        seen: r#"{"limit":60,"sent":61,"passed":60,"refused":1,"unanswered":0,"unexpected":{},"elapsed_ms":900,"without_retry_after":0,"other_status":200,"recovered_status":200,"others":[200],"same":[429]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the same one is let through again by another name",
        asked: NAMES,
        seen: r#"{"limit":60,"sent":61,"passed":60,"refused":1,"unanswered":0,"unexpected":{},"elapsed_ms":900,"without_retry_after":0,"other_status":200,"recovered_status":200,"others":[200],"same":[200]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the same one was asked for by another name when the window was over",
        asked: NAMES,
        seen: r#"{"limit":60,"sent":61,"passed":60,"refused":1,"unanswered":0,"unexpected":{},"elapsed_ms":900,"without_retry_after":0,"other_status":200,"recovered_status":200,"others":[200],"same":[200],"same_by_ms":60100}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "requests that fail for another reason show no limit",
        asked: ASKED,
        seen: r#"{"sent":73,"passed":73,"refused":0,"unanswered":0,"unexpected":{"401":73},"elapsed_ms":900,"without_retry_after":0,"other_status":401,"recovered_status":401}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "a burst that took longer than the window shows no limit",
        asked: ASKED,
        seen: r#"{"sent":73,"passed":73,"refused":0,"unanswered":0,"unexpected":{},"elapsed_ms":61000,"without_retry_after":0,"other_status":200,"recovered_status":200}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, route, serve, target},
        testing::Scene,
    };

    /// A server with a sliding limit by a name of the request.
    fn outcome(limit: usize, by: &str, name: fn(&crate::kinds::http_testing::Got) -> String) -> Outcome {
        let seen = Mutex::new(BTreeMap::<String, Vec<Instant>>::new());
        let at = serve(Caps::NONE, move |got| {
            let mut seen = seen.lock().unwrap();
            let list = seen.entry(name(got)).or_default();
            list.retain(|at| at.elapsed() < Duration::from_secs(1));
            if list.len() >= limit {
                return (429, vec![("Retry-After", "1".to_owned())], String::new());
            }
            list.push(Instant::now());
            (200, vec![], String::new())
        });
        let asked = format!(
            r#"{{"target":"api","call":"GET /v1","limit":20,"window":"1 second","by":"{by}","principal":"a","other":"b","tolerance_percent":20}}"#
        );
        ask::<RateLimit>(Scene::default(), &target(at), &asked).outcome
    }

    #[test]
    fn a_limit_by_address_is_told_from_a_larger_and_a_shared_one() {
        assert_eq!(outcome(20, "address", |got| got.peer.clone()), Outcome::Pass);
        assert_eq!(outcome(200, "address", |got| got.peer.clone()), Outcome::Fail);
        assert_eq!(outcome(20, "address", |_| String::new()), Outcome::Fail);
    }

    #[test]
    fn a_limit_by_principal_is_told_from_a_smaller_one() {
        assert_eq!(outcome(20, "principal", |got| got.header("authorization").to_owned()), Outcome::Pass);
        assert_eq!(outcome(10, "principal", |got| got.header("authorization").to_owned()), Outcome::Fail);
    }

    #[test]
    fn an_address_that_is_let_through_on_another_path_is_found() {
        let judged = |name: fn(&crate::kinds::http_testing::Got) -> String| {
            let counts = Mutex::new(BTreeMap::<String, usize>::new());
            let at = serve(Caps::NONE, move |got| {
                let mut counts = counts.lock().unwrap();
                let count = counts.entry(name(got)).or_default();
                *count += 1;
                let status = if *count > 20 { 429 } else { 200 };
                (status, vec![("Retry-After", "1".to_owned())], String::new())
            });
            let mut target = target(at);
            target.routes = [route("list", "GET /v1", 200), route("keys", "GET /v1/keys", 200)].into();
            let asked = r#"{"target":"api","route":"list","limit":20,"window":"1 second","by":"address",
                "same":[{"name":"the same address, on another route","route":"keys"}]}"#;
            ask::<RateLimit>(Scene::default(), &target, asked).findings
        };
        let elsewhere = |findings: &[String]| findings.iter().any(|finding| finding.contains("on another route"));
        assert!(!elsewhere(&judged(|got| got.peer.clone())));
        assert!(elsewhere(&judged(|got| format!("{} {}", got.peer, got.path))));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert!(is_readable("60") && is_readable("Sun, 22 Nov 2026 01:00:00 GMT"));
        assert!(!is_readable("") && !is_readable("soon") && !is_readable("-1"));
    }
}

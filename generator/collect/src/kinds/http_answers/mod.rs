//! `http.answers`: is each of these calls answered as promised, and do all answers have one form?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    Digest,
    observation::{Population, PositiveControl},
    product::ProbeClass,
};
use avouch_probe::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http_call::{Site, or_ok};
use crate::{Judgement, Question, Unasked, Vantage, World};

mod asked;
mod examples;
mod judge;
#[cfg(test)]
mod tests;

use asked::{Asked, Case, Moment, Ready, TraceAsked};

/// How many properties are kept of one answer, and how much of a code.
const PROPERTIES_MAX: usize = 200;
const CODE_MAX: usize = 80;

/// See the module.
pub(super) struct Answers;

/// The answers, in the order of the cases; never what they say.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    answers: Vec<Answer>,
    control: Option<Answer>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// Which case it belongs to, from 0.
    case: usize,
    /// The method and the path as configured.
    call: String,
    /// The success of that call.
    ok: u16,
    status: u16,
    json: bool,
    code: Option<String>,
    /// Pointers with `*` for items.
    properties: BTreeSet<String>,
    headers: BTreeMap<String, bool>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    numbers: BTreeMap<String, Number>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    moments: BTreeMap<String, Option<Told>>,
    absent: BTreeMap<String, bool>,
    values: BTreeMap<String, bool>,
    forbids: Vec<bool>,
    trace: Option<Trace>,
}

/// A number in a header: what is promised, and what is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    promised: u64,
    told: Option<u64>,
}

/// A moment in a header: in which unit it makes sense, and how far ahead it lies.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    unit: Unit,
    ahead_ms: i64,
}

/// How a header tells a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    /// Seconds from now.
    Delay,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
}

/// The id of the request as the answer carries it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trace {
    header: Option<Id>,
    body: Option<Id>,
    /// Whether it is the one that was sent, or that the edge in front wrote into the answer under the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_from: Option<bool>,
    /// Whether it is one that must not be taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_refused: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Id {
    digest: Digest,
    formed: bool,
    forbidden: bool,
}

impl Question for Answers {
    const ID: &'static str = "http.answers";
    const QUESTION: &'static str = "Is each of these calls answered as promised, and do all answers have one form?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const EXPLANATION: &'static str = include_str!("../../../../../docs/kinds/http-answers.md");
    const EXAMPLES: &'static [crate::Example] = examples::EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.control.is_none() && !asked.cases.iter().any(Case::lets_in) {
            return Err(Unasked("every case expects a refusal: give a `control` that is let in".to_owned()));
        }
        let site = Site::of(world, &asked.target)?;
        let put = |index: usize, case: &Case| -> Result<Vec<Answer>, Unasked> {
            let requests = case.requests(world, &site, asked.principal.as_deref())?;
            let answers = requests.iter().map(|ready| {
                let answer = case.ask(&site, ready)?;
                noted(world, asked, index, case, ready, &answer)
            });
            answers.collect()
        };
        let mut answers = Vec::new();
        for (index, case) in asked.cases.iter().enumerate() {
            answers.extend(put(index, case)?);
        }
        let control = asked.control.as_ref().map(|control| put(0, control)).transpose()?;
        Ok(Seen { answers, control: control.and_then(|mut answers| answers.pop()) })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let findings = judge::findings(seen, asked);
        let control = match (&asked.control, &seen.control) {
            (Some(control), Some(answer)) if or_ok(&control.status, answer.ok).contains(&answer.status) => PositiveControl::Held,
            (Some(_), _) => PositiveControl::Broken,
            (None, _) => PositiveControl::NotNeeded,
        };
        Judgement::decide(
            Population { examined: seen.answers.len() as u64, required: (asked.cases.len() as u64).max(1) },
            control,
            findings,
            format!("{} calls were answered as promised.", seen.answers.len()),
        )
    }
}

/// What is kept of an answer.
fn noted(
    world: &World<'_>,
    asked: &Asked,
    index: usize,
    case: &Case,
    ready: &Ready<'_>,
    answer: &Response,
) -> Result<Answer, Unasked> {
    let json = answer.json();
    let mut properties = BTreeSet::new();
    if let Some(json) = &json {
        walk(json, "", &mut properties);
    }
    let text_at = |pointer: &str| json.as_ref().and_then(|json| json.pointer(pointer)).and_then(Value::as_str);
    let mut numbers = BTreeMap::new();
    for (name, figure) in &case.header_numbers {
        let told = answer.header(name).and_then(|value| value.trim().parse().ok());
        numbers.insert(name.clone(), Number { promised: figure.number(world)?, told });
    }
    let moment = |(name, moment): (&String, &Moment)| {
        let told = answer.header(name).and_then(|value| value.trim().parse().ok());
        (name.clone(), told.and_then(|told| read_moment(told, world, moment)))
    };
    let held = |wanted: bool, name: &String| (name.clone(), wanted);
    let everything = || {
        let heads = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
        format!("{heads}\n{}", answer.text())
    };
    let whole = if asked.forbids.is_empty() { String::new() } else { everything() };
    Ok(Answer {
        case: index,
        call: ready.call.clone(),
        ok: ready.ok,
        status: answer.status,
        json: json.is_some(),
        code: text_at(&asked.code_at).map(|code| code.chars().take(CODE_MAX).collect()),
        properties,
        headers: case
            .header_matches
            .iter()
            .map(|(name, pattern)| held(answer.headers_named(name).any(|value| pattern.is_match(value)), name))
            .collect(),
        numbers,
        moments: case.header_moments.iter().map(moment).collect(),
        absent: case.header_absent.iter().map(|name| held(answer.header(name).is_none(), name)).collect(),
        values: case
            .json
            .iter()
            .map(|place| held(json.as_ref().and_then(|json| json.pointer(&place.at)) == Some(&place.is), &place.at))
            .collect(),
        forbids: asked.forbids.iter().map(|pattern| pattern.is_match(&whole)).collect(),
        trace: asked.trace.as_ref().map(|trace| traced(trace, case, ready, answer, text_at)),
    })
}

fn traced<'a>(
    asked: &TraceAsked,
    case: &Case,
    ready: &Ready<'_>,
    answer: &'a Response,
    text_at: impl Fn(&str) -> Option<&'a str>,
) -> Trace {
    let in_header = asked.header.as_deref().and_then(|name| answer.header(name)).filter(|id| !id.is_empty());
    let in_body = asked.body.as_deref().and_then(text_at).filter(|id| !id.is_empty());
    let id = |id: &str| Id {
        digest: Digest::of(id.as_bytes()),
        formed: match &asked.form {
            Some(form) => form.is_whole(id),
            // What fits into a log line and into a search for it.
            None => id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
        },
        forbidden: asked.forbids.iter().any(|pattern| pattern.is_match(id)),
    };
    let is = |name: &String| {
        let sent = ready.sent.get(&name.to_ascii_lowercase()).map(String::as_str);
        let told = in_header.or(in_body);
        told.is_some() && (told == sent || told == answer.header(name))
    };
    Trace {
        header: in_header.map(id),
        body: in_body.map(id),
        is_from: case.trace_from.as_ref().map(is),
        is_refused: case.trace_not_from.as_ref().map(is),
    }
}

/// In which unit a number is a moment ahead, if in any: decided by what makes sense, unless the unit is stated.
fn read_moment(told: i64, world: &World<'_>, asked: &Moment) -> Option<Told> {
    let now = (world.clock)().chrono().timestamp_millis();
    let within = i64::try_from(asked.within.seconds_min()).unwrap_or(i64::MAX).saturating_mul(1_000);
    let readings = [
        (Unit::Delay, told.saturating_mul(1_000)),
        (Unit::Seconds, told.saturating_mul(1_000).saturating_sub(now)),
        (Unit::Milliseconds, told.saturating_sub(now)),
    ];
    let mut possible = readings.into_iter().filter(|(unit, _)| asked.unit.is_none_or(|stated| stated == *unit));
    // Whole seconds are rounded, and two clocks differ a little.
    possible
        .find(|(_, ahead)| (-1_500..=within.saturating_add(1_500)).contains(ahead))
        .map(|(unit, ahead_ms)| Told { unit, ahead_ms })
}

/// The pointers of a value's properties. `serde_json` bounds the depth.
fn walk(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                if into.len() < PROPERTIES_MAX {
                    into.insert(path.clone());
                }
                walk(member, &path, into);
            }
        }
        Value::Array(items) => {
            for item in items {
                walk(item, &format!("{path}/*"), into);
            }
        }
        _ => {}
    }
}

//! `http.body-cap`: are bodies over the limit refused, whatever way their length is told?

use std::sync::Arc;

use avouch_model::{
    observation::{Population, PositiveControl},
    product::{ProbeClass, Route},
    state::Outcome,
};
use avouch_probe::{Body, Credential, ProbeError, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    http_call::{Call, Site, is_success, listed, unasked},
    http_figure::Figure,
};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct BodyCap;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    route: String,
    principal: String,
    limit: Figure,
    #[serde(default)]
    unit: Unit,
    #[serde(default)]
    items: String,
    #[serde(default)]
    pad: Option<String>,
    #[serde(default)]
    refused: Vec<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    #[default]
    Bytes,
    Items,
    /// Of the text at `pad`: whether they take one byte, several, or an escape.
    Characters,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Items => "items",
            Self::Characters => "characters",
        }
    }
}

/// The body at the limit, and those over it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The limit, where a file of the product says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    ok: u16,
    at_limit: Sent,
    over: Vec<Sent>,
    /// Bodies at the limit that must be accepted as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fits: Vec<Sent>,
    left_behind: u64,
}

/// One body: its size in the unit, how it was sent, and the answer's status (none: closed without an answer).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    way: Way,
    size: u64,
    status: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Declared,
    Chunked,
    ChunkedBesideLength,
    TwoBytes,
    ThreeBytes,
    Escaped,
    /// Of bytes over the limit, and of characters far below it.
    Wide,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Declared => "with its length declared",
            Self::Chunked => "in chunks",
            Self::ChunkedBesideLength => "in chunks beside a small Content-Length",
            Self::TwoBytes => "of two bytes each",
            Self::ThreeBytes => "of three bytes each",
            Self::Escaped => "each escaped as six bytes",
            Self::Wide => "in a third as many characters",
        }
    }

    /// The character that a text is made of: each is one character by any count, none lies beyond U+FFFF.
    const fn character(self) -> char {
        match self {
            Self::TwoBytes | Self::Escaped => '\u{e9}',
            Self::ThreeBytes | Self::Wide => '\u{20ac}',
            Self::Declared | Self::Chunked | Self::ChunkedBesideLength => 'x',
        }
    }
}

impl Question for BodyCap {
    const ID: &'static str = "http.body-cap";
    const QUESTION: &'static str = "Are bodies over the limit refused, whatever way their length is told?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Intrusive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-body-cap.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let route = site.route(&asked.route)?;
        let mut left_behind = 0;
        let mut send = |size: u64, way: Way| -> Result<Sent, Unasked> {
            let call = site.call_of(route)?;
            let bytes: Arc<[u8]> = sized(&site, route, &call, asked, size, way)?.into();
            let body = match way {
                Way::Declared | Way::TwoBytes | Way::ThreeBytes | Way::Escaped | Way::Wide => Body::Declared(bytes),
                Way::Chunked => Body::Chunked(bytes),
                Way::ChunkedBesideLength => Body::ChunkedBesideLength(bytes, 2),
            };
            let credential = Credential::Principal(asked.principal.clone());
            let request = Request::new(ProbeClass::Intrusive, &call.method, &call.path)
                .header("Content-Type", call.media_type)
                .credential(credential.clone())
                .body(body);
            let answer = answered(&site, &request)?;
            if let Some(answer) = &answer
                && is_success(answer.status)
                && !site.undo(route, answer, &credential)
            {
                left_behind += 1;
            }
            Ok(Sent { way, size, status: answer.map(|answer| answer.status) })
        };
        let limit = asked.limit.number(world)?;
        let at_limit = send(limit, Way::Declared)?;
        let (ways, also): (&[Way], &[Way]) = match asked.unit {
            Unit::Bytes | Unit::Items => (&[Way::Declared, Way::Chunked, Way::ChunkedBesideLength], &[]),
            Unit::Characters => {
                (&[Way::Declared, Way::TwoBytes, Way::ThreeBytes, Way::Escaped], &[Way::TwoBytes, Way::ThreeBytes, Way::Escaped])
            }
        };
        let fits = also.iter().map(|way| send(limit, *way)).collect::<Result<_, _>>()?;
        let mut over = ways.iter().map(|way| send(limit.saturating_add(1), *way)).collect::<Result<Vec<_>, _>>()?;
        if asked.unit == Unit::Bytes && is_object(site.call_of(route)?.body.as_deref()) {
            over.push(send(limit.saturating_add(1), Way::Wide)?);
        }
        let limit = matches!(asked.limit, Figure::Of(_)).then_some(limit);
        Ok(Seen { limit, ok: route.ok, at_limit, over, fits, left_behind })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let (unit, limit) = (asked.unit.name(), asked.limit.seen(seen.limit));
        let refusals: &[u16] = match (asked.refused.as_slice(), asked.unit) {
            ([], Unit::Bytes) => &[413],
            ([], Unit::Items | Unit::Characters) => &[400, 413, 422],
            (given, _) => given,
        };
        let mut findings = Vec::new();
        let mut examined = 0;
        for sent in &seen.over {
            // A target may insist on a length, and may refuse a message with two framings outright (RFC 9112 6.3).
            let also: &[u16] = match sent.way {
                Way::Declared | Way::TwoBytes | Way::ThreeBytes | Way::Escaped => &[],
                // It may be refused for the member that it holds.
                Way::Wide => &[400, 422],
                Way::Chunked => &[411],
                Way::ChunkedBesideLength => &[400, 411, 413, 501],
            };
            match sent.status {
                Some(status) if refusals.contains(&status) || also.contains(&status) => examined += 1,
                Some(status) if is_success(status) => {
                    examined += 1;
                    findings.push(format!("{} {unit} sent {} were accepted with {status}", sent.size, sent.way.name()));
                }
                Some(status) => {
                    examined += 1;
                    let (size, way, expected) = (sent.size, sent.way.name(), listed(refusals));
                    findings.push(format!("{size} {unit} sent {way} were answered with {status}, expected {expected}"));
                }
                None if sent.way == Way::ChunkedBesideLength => examined += 1,
                None => {}
            }
        }
        for sent in seen.fits.iter().filter(|sent| sent.status != Some(seen.ok)) {
            let told = sent.status.map_or_else(|| "closed".to_owned(), |status| format!("answered with {status}"));
            findings.push(format!("{} {unit} {} fit the limit and were {told}", sent.size, sent.way.name()));
        }
        let held = seen.at_limit.status == Some(seen.ok) && seen.at_limit.size == limit;
        Judgement::decide(
            Population { examined, required: 3 },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            match asked.unit {
                Unit::Characters => {
                    format!("{limit} characters are accepted, however many bytes each takes, and one more is refused.")
                }
                _ => format!("{limit} {unit} are accepted and one more is refused, with its length declared and in chunks."),
            },
        )
    }
}

/// The answer; none when the connection was closed without one, three times.
fn answered(site: &Site<'_>, request: &Request) -> Result<Option<Response>, Unasked> {
    for _ in 0..3 {
        match site.prober.send(request) {
            Ok(answer) if answer.status == 429 => return site.ask(request).map(Some),
            Ok(answer) => return Ok(Some(answer)),
            Err(ProbeError::Reset { .. }) => {}
            Err(error) => return Err(unasked(&error)),
        }
    }
    Ok(None)
}

/// A body of exactly this size.
fn sized(site: &Site<'_>, route: &Route, call: &Call, asked: &Asked, size: u64, way: Way) -> Result<Vec<u8>, Unasked> {
    let wrong = |what: &str| Unasked(format!("the body of the route `{}` {what}", asked.route));
    let parsed = |call: &Call| -> Result<Value, Unasked> {
        let bytes = call.body.as_deref().ok_or_else(|| wrong("is missing: give it a `body` file"))?;
        serde_json::from_slice(bytes).map_err(|error| wrong(&format!("is not JSON: {error}")))
    };
    let count = usize::try_from(size).map_err(|_| wrong("would be too large"))?;
    let mut json = parsed(call)?;
    let write = |json: &Value| serde_json::to_vec(json).map_err(|error| wrong(&error.to_string()));
    match (asked.unit, &asked.pad) {
        (Unit::Items, _) => {
            let missing = || wrong(&format!("has no list with an item at `{}`", asked.items));
            let first = |json: &Value| json.pointer(&asked.items).and_then(|list| list.get(0)).cloned();
            // Each item from a body of its own, so that what must be unique in one is.
            let fresh = |_| first(&parsed(&site.call_of(route)?)?).ok_or_else(missing);
            let items = (0..count).map(fresh).collect::<Result<Vec<_>, _>>()?;
            *json.pointer_mut(&asked.items).ok_or_else(missing)? = Value::Array(items);
            write(&json)
        }
        (Unit::Characters, pad) => {
            let pad = pad.as_deref().ok_or_else(|| wrong("is measured in characters: give `pad`, the pointer to the text"))?;
            match json.pointer_mut(pad) {
                Some(Value::String(text)) => *text = way.character().to_string().repeat(count),
                _ => return Err(wrong(&format!("has no text at `{pad}`"))),
            }
            let bytes = write(&json)?;
            Ok(if way == Way::Escaped { escaped(&bytes) } else { bytes })
        }
        (Unit::Bytes, pad) if way == Way::Wide => {
            let text = match pad {
                Some(pad) => json.pointer_mut(pad),
                None => json.as_object_mut().map(|members| members.entry("padding").or_insert(Value::String(String::new()))),
            };
            let Some(Value::String(text)) = text else { return Err(wrong("has no text to make wide")) };
            text.clear();
            let short = count.checked_sub(write(&json)?.len()).ok_or_else(|| wrong("is larger than the limit"))?;
            let wide = way.character().to_string();
            let filling = wide.repeat(short / wide.len()) + &"x".repeat(short % wide.len());
            let text = match pad {
                Some(pad) => json.pointer_mut(pad),
                None => json.get_mut("padding"),
            };
            if let Some(text) = text {
                *text = Value::String(filling);
            }
            write(&json)
        }
        (Unit::Bytes, Some(pad)) => {
            let short = count.checked_sub(write(&json)?.len()).ok_or_else(|| wrong("is larger than the limit"))?;
            match json.pointer_mut(pad) {
                Some(Value::String(text)) => text.push_str(&"x".repeat(short)),
                _ => return Err(wrong(&format!("has no text at `{pad}`"))),
            }
            write(&json)
        }
        (Unit::Bytes, None) => {
            let mut bytes = write(&json)?;
            if bytes.len() > count {
                return Err(wrong("is larger than the limit"));
            }
            bytes.resize(count, b' ');
            Ok(bytes)
        }
    }
}

/// Whether a body is an object, which takes another member.
fn is_object(body: Option<&[u8]>) -> bool {
    body.is_some_and(|body| serde_json::from_slice::<serde_json::Map<String, Value>>(body).is_ok())
}

/// JSON in which every character beyond ASCII is escaped (RFC 8259 section 7).
fn escaped(json: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for character in String::from_utf8_lossy(json).chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out.into_bytes()
}

const ASKED: &str = r#"{"target":"api","route":"submit","principal":"a","limit":1000000}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "one byte more is refused in each way",
        asked: ASKED,
        seen: r#"{"ok":201,"at_limit":{"way":"declared","size":1000000,"status":201},"over":[
            {"way":"declared","size":1000001,"status":413},{"way":"chunked","size":1000001,"status":413},
            {"way":"chunked_beside_length","size":1000001,"status":null}],"left_behind":0}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a body over the cap is accepted when it is sent in chunks",
        asked: ASKED,
        seen: r#"{"ok":201,"at_limit":{"way":"declared","size":1000000,"status":201},"over":[
            {"way":"declared","size":1000001,"status":413},{"way":"chunked","size":1000001,"status":201},
            {"way":"chunked_beside_length","size":1000001,"status":400}],"left_behind":0}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no cap",
        asked: r#"{"target":"api","route":"batch","principal":"a","limit":100,"unit":"items","items":"/items"}"#,
        seen: r#"{"ok":201,"at_limit":{"way":"declared","size":100,"status":201},"over":[
            {"way":"declared","size":101,"status":201},{"way":"chunked","size":101,"status":201},
            {"way":"chunked_beside_length","size":101,"status":201}],"left_behind":0}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a text at its limit is refused when its characters take three bytes",
        asked: r#"{"target":"api","route":"chat","principal":"a","limit":10000,"unit":"characters","pad":"/message"}"#,
        seen: r#"{"ok":200,"at_limit":{"way":"declared","size":10000,"status":200},"over":[
            {"way":"declared","size":10001,"status":400},{"way":"two_bytes","size":10001,"status":400},
            {"way":"three_bytes","size":10001,"status":413},{"way":"escaped","size":10001,"status":413}],
            "fits":[{"way":"two_bytes","size":10000,"status":200},{"way":"three_bytes","size":10000,"status":413},
            {"way":"escaped","size":10000,"status":200}],"left_behind":0}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a target that refuses everything does not refuse by size",
        asked: ASKED,
        seen: r#"{"ok":201,"at_limit":{"way":"declared","size":1000000,"status":413},"over":[
            {"way":"declared","size":1000001,"status":413},{"way":"chunked","size":1000001,"status":413},
            {"way":"chunked_beside_length","size":1000001,"status":413}],"left_behind":0}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "a connection that is closed without an answer shows nothing",
        asked: ASKED,
        seen: r#"{"ok":201,"at_limit":{"way":"declared","size":1000000,"status":201},"over":[
            {"way":"declared","size":1000001,"status":null},{"way":"chunked","size":1000001,"status":null},
            {"way":"chunked_beside_length","size":1000001,"status":null}],"left_behind":0}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, route, serve, target},
        testing::Scene,
    };

    fn outcome(caps: Caps, asked: &str) -> Outcome {
        let at = serve(caps, |got| {
            let items = serde_json::from_slice::<Value>(&got.body).unwrap();
            let count = items["items"].as_array().map_or(0, Vec::len);
            if count > 5 { json(422, "{}") } else { json(201, "{}") }
        });
        let mut target = target(at);
        let (name, mut made) = route("submit", "POST /v1/items", 201);
        made.body = Some("probe/item.json".to_owned());
        target.routes.insert(name, made);
        let scene = Scene::of([("probe/item.json", r#"{"items":[{"n":"{{random}}"}],"note":""}"#)]);
        ask::<BodyCap>(scene, &target, asked).outcome
    }

    #[test]
    fn a_cap_on_the_declared_length_alone_is_found() {
        let asked = r#"{"target":"api","route":"submit","principal":"a","limit":20000}"#;
        assert_eq!(outcome(Caps { declared: 20_000, chunked: 20_000 }, asked), Outcome::Pass);
        assert_eq!(outcome(Caps { declared: 20_000, chunked: usize::MAX }, asked), Outcome::Fail);
        assert_eq!(outcome(Caps::NONE, asked), Outcome::Fail);
        assert_eq!(outcome(Caps { declared: 19_999, chunked: 19_999 }, asked), Outcome::Error);
        let padded = r#"{"target":"api","route":"submit","principal":"a","limit":20000,"pad":"/note"}"#;
        assert_eq!(outcome(Caps { declared: 20_000, chunked: 20_000 }, padded), Outcome::Pass);
    }

    #[test]
    fn a_cap_that_counts_characters_for_bytes_is_found() {
        let outcome = |most: fn(&[u8]) -> bool, asked: &str| {
            let at = serve(Caps::NONE, move |got| if most(&got.body) { json(201, "{}") } else { json(413, "{}") });
            let mut target = target(at);
            let (name, mut made) = route("submit", "POST /v1/items", 201);
            made.body = Some("probe/item.json".to_owned());
            target.routes.insert(name, made);
            let scene = Scene::of([("probe/item.json", r#"{"note":"a"}"#)]);
            ask::<BodyCap>(scene, &target, asked).outcome
        };
        let asked = r#"{"target":"api","route":"submit","principal":"a","limit":2000}"#;
        for asked in [asked, &asked.replace('}', r#","pad":"/note"}"#)] {
            assert_eq!(outcome(|body| body.len() <= 2_000, asked), Outcome::Pass);
            assert_eq!(outcome(|body| String::from_utf8_lossy(body).chars().count() <= 2_000, asked), Outcome::Fail);
        }
    }

    #[test]
    fn characters_are_counted_whatever_bytes_they_take() {
        let outcome = |most: fn(&str) -> bool| {
            let at = serve(Caps::NONE, move |got| {
                let body = serde_json::from_slice::<Value>(&got.body).unwrap();
                if most(body["note"].as_str().unwrap()) { json(201, "{}") } else { json(400, "{}") }
            });
            let mut target = target(at);
            let (name, mut made) = route("submit", "POST /v1/items", 201);
            made.body = Some("probe/item.json".to_owned());
            target.routes.insert(name, made);
            let scene = Scene::of([("probe/item.json", r#"{"note":"a"}"#)]);
            let asked = r#"{"target":"api","route":"submit","principal":"a","limit":100,"unit":"characters","pad":"/note"}"#;
            ask::<BodyCap>(scene, &target, asked).outcome
        };
        assert_eq!(outcome(|text| text.chars().count() <= 100), Outcome::Pass);
        assert_eq!(outcome(|text| text.len() <= 100), Outcome::Fail);
        assert_eq!(outcome(|text| text.len() <= 300), Outcome::Fail);
        assert_eq!(outcome(|_| true), Outcome::Fail);
    }

    #[test]
    fn items_are_counted_one_by_one() {
        let asked = |limit| {
            format!(r#"{{"target":"api","route":"submit","principal":"a","limit":{limit},"unit":"items","items":"/items"}}"#)
        };
        assert_eq!(outcome(Caps::NONE, &asked(5)), Outcome::Pass);
        assert_eq!(outcome(Caps::NONE, &asked(4)), Outcome::Fail);
        assert_eq!(outcome(Caps::NONE, &asked(6)), Outcome::Error);
    }
}

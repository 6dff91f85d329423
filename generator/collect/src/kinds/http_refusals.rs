//! `http.refusals`: is malformed input refused, with a status that says so?

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Body, Credential, Request};
use serde::{Deserialize, Serialize};

use super::http_call::{Call, Site};
use crate::{Example, Judgement, Question, Unasked, Vantage, World, malformed, pipelines::count};

/// The length of a header's value that nobody needs; below what servers cut off themselves.
const LONG: usize = 4_096;
/// A value that no header of ours has and that may be sent (RFC 9110 section 5.5).
const ODD: &str = "<{[avouch]}>;\"";

/// See the module.
pub(super) struct Refusals;

/// What is sent wrong, and where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    /// Calls that are made right once, and then wrong.
    routes: Vec<String>,
    #[serde(default)]
    principal: Option<String>,
    /// Whether bodies are made wrong; those of the routes that have one.
    #[serde(default = "yes")]
    bodies: bool,
    /// Members of bodies that may be missing, as JSON Pointers.
    #[serde(default)]
    optional: Vec<String>,
    /// Header fields that are made wrong: too long, of no form, twice.
    #[serde(default)]
    headers: Vec<String>,
    /// Statuses that refuse; otherwise every one from 400 to 499.
    #[serde(default)]
    status: Vec<u16>,
    /// Where a refusal says in words what is wrong, as a JSON Pointer.
    message_at: Option<String>,
}

const fn yes() -> bool {
    true
}

/// The answers.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    routes: Vec<RouteSeen>,
    wrong: Vec<WrongSeen>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteSeen {
    route: String,
    expected: u16,
    status: u16,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrongSeen {
    route: String,
    what: String,
    status: u16,
    /// Whether the answer says in words what is wrong; none where that is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<bool>,
}

impl Question for Refusals {
    const ID: &'static str = "http.refusals";
    const QUESTION: &'static str = "Is malformed input refused, with a status that says so?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-refusals.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let credential = asked.principal.clone().map_or(Credential::None, Credential::Principal);
        let mut seen = Seen::default();
        for name in &asked.routes {
            let route = site.route(name)?;
            let call = site.call_of(route)?;
            let request = call.request(ProbeClass::Active, credential.clone());
            let valid = site.ask(&request)?;
            if valid.status == call.ok {
                site.undo(route, &valid, &credential);
            }
            seen.routes.push(RouteSeen { route: name.clone(), expected: call.ok, status: valid.status });
            for (what, request) in wrong(asked, &call, &credential)? {
                let answer = site.ask(&request)?;
                if answer.status == call.ok {
                    site.undo(route, &answer, &credential);
                }
                let said = |pointer: &String| {
                    let json = answer.json();
                    let text = json.as_ref().and_then(|json| json.pointer(pointer)).and_then(serde_json::Value::as_str);
                    text.is_some_and(|text| !text.trim().is_empty())
                };
                let message = asked.message_at.as_ref().map(said);
                seen.wrong.push(WrongSeen { route: name.clone(), what, status: answer.status, message });
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for WrongSeen { route, what, status, message } in &seen.wrong {
            let refuses = if asked.status.is_empty() { (400..500).contains(status) } else { asked.status.contains(status) };
            if !refuses {
                findings.push(format!("`{route}` {what} is answered with {status}"));
            } else if *message == Some(false) {
                findings.push(format!("`{route}` {what} is refused without a message"));
            }
        }
        let held = !seen.routes.is_empty() && seen.routes.iter().all(|route| route.status == route.expected);
        let number = seen.wrong.len() as u64;
        Judgement::decide(
            Population { examined: number, required: 1 },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!(
                "{} were refused; the same calls in their right form were not.",
                count(number, "malformed request", "malformed requests")
            ),
        )
    }
}

/// The wrong requests of a call, each with what is wrong with it.
fn wrong(asked: &Asked, call: &Call, credential: &Credential) -> Result<Vec<(String, Request)>, Unasked> {
    let right = || call.request(ProbeClass::Active, credential.clone());
    let mut made = Vec::new();
    if let Some(body) = call.body.as_ref().filter(|_| asked.bodies) {
        let valid: serde_json::Value = serde_json::from_slice(body)
            .map_err(|error| Unasked(format!("the body of `{} {}` is no JSON: {error}", call.method, call.path)))?;
        let of = |bytes: Vec<u8>| {
            let request = Request::new(ProbeClass::Active, &call.method, &call.path).credential(credential.clone());
            request.header("Content-Type", call.media_type).body(Body::Declared(bytes.into()))
        };
        made.push(("with a body that is empty".to_owned(), of(Vec::new())));
        made.extend(
            malformed::of(&valid, &asked.optional).into_iter().map(|one| (format!("with a body {}", one.name), of(one.bytes))),
        );
    }
    for name in &asked.headers {
        if name.eq_ignore_ascii_case("content-type") {
            let Some(body) = &call.body else { continue };
            let typed = |value: &str| {
                let request = Request::new(ProbeClass::Active, &call.method, &call.path).credential(credential.clone());
                request.header("Content-Type", value).body(Body::Declared(body.clone().into()))
            };
            made.push((format!("with another `{name}`"), typed("text/plain")));
            made.push((format!("with a malformed `{name}`"), typed(ODD)));
        } else {
            made.push((format!("with an over-long `{name}`"), right().header(name, &"a".repeat(LONG))));
            made.push((format!("with a malformed `{name}`"), right().header(name, ODD)));
            made.push((format!("with `{name}` twice"), right().header(name, "avouch-1").header(name, "avouch-2")));
        }
    }
    if made.is_empty() {
        return Err(Unasked(format!(
            "nothing of `{} {}` can be made wrong: it has no body, and `headers` names none",
            call.method, call.path
        )));
    }
    Ok(made)
}

const ASKED: &str = r#"{"target":"api","routes":["chat"],"principal":"a","message_at":"/error/message"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "what is malformed is refused, with a message",
        asked: ASKED,
        seen: r#"{"routes":[{"route":"chat","expected":200,"status":200}],"wrong":[{"route":"chat","what":"with a body that is no JSON","status":400,"message":true},{"route":"chat","what":"with a body without /model","status":422,"message":true}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a body without a member is taken",
        asked: ASKED,
        seen: r#"{"routes":[{"route":"chat","expected":200,"status":200}],"wrong":[{"route":"chat","what":"with a body without /model","status":200,"message":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the server stumbles over what is no JSON",
        asked: ASKED,
        seen: r#"{"routes":[{"route":"chat","expected":200,"status":200}],"wrong":[{"route":"chat","what":"with a body that is no JSON","status":500,"message":true}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a refusal says nothing",
        asked: ASKED,
        seen: r#"{"routes":[{"route":"chat","expected":200,"status":200}],"wrong":[{"route":"chat","what":"with a body that is no JSON","status":400,"message":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the right call is refused as well",
        asked: ASKED,
        seen: r#"{"routes":[{"route":"chat","expected":200,"status":400}],"wrong":[{"route":"chat","what":"with a body that is no JSON","status":400,"message":true}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "nothing was sent wrong",
        asked: ASKED,
        seen: r#"{"routes":[{"route":"chat","expected":200,"status":200}],"wrong":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, route, serve, target, try_ask},
        testing::Scene,
    };

    fn outcome(strict: bool, headers: bool, asked: &str) -> Judgement {
        let at = serve(Caps::NONE, move |got| {
            let body: Option<serde_json::Value> = serde_json::from_slice(&got.body).ok();
            let good = body.is_some_and(|body| body["n"].is_number() && (!strict || body["m"].is_string()));
            let id = got.header("x-request-id");
            let fine = !headers || id.is_empty() || (id.len() < 65 && id.chars().all(|one| one.is_ascii_alphanumeric()));
            if good && fine && got.header("content-type") == "application/json" {
                json(200, "{}")
            } else {
                json(400, r#"{"error":{"message":"no"}}"#)
            }
        });
        let mut target = target(at);
        let (name, mut chat) = route("chat", "POST /chat", 200);
        chat.body = Some("probe/chat.json".to_owned());
        target.routes.insert(name, chat);
        ask::<Refusals>(Scene::of([("probe/chat.json", r#"{"n":1,"m":"x"}"#)]), &target, asked)
    }

    #[test]
    fn a_member_that_nobody_checks_is_found() {
        assert_eq!(outcome(true, true, ASKED).outcome, Outcome::Pass, "{:?}", outcome(true, true, ASKED).findings);
        let lax = outcome(false, true, ASKED);
        assert_eq!(lax.outcome, Outcome::Fail);
        assert!(lax.findings.iter().any(|finding| finding.contains("without /m")), "{:?}", lax.findings);
        let asked = ASKED.replace("/error/message", "/message");
        assert!(outcome(true, true, &asked).findings[0].contains("without a message"));
        let optional = ASKED.replace(r#""principal""#, r#""optional":["/m"],"principal""#);
        assert!(!outcome(false, true, &optional).findings.iter().any(|finding| finding.contains("without /m")));
    }

    #[test]
    fn a_header_that_nobody_checks_is_found() {
        let asked = r#"{"target":"api","routes":["chat"],"bodies":false,"headers":["X-Request-Id","Content-Type"]}"#;
        assert_eq!(outcome(true, true, asked).outcome, Outcome::Pass, "{:?}", outcome(true, true, asked).findings);
        assert!(outcome(true, false, asked).findings.iter().any(|finding| finding.contains("malformed `X-Request-Id`")));
        let mut target = target(serve(Caps::NONE, |_| json(200, "{}")));
        target.routes.extend([route("list", "GET /list", 200)]);
        let nothing = try_ask::<Refusals>(Scene::default(), &target, r#"{"target":"api","routes":["list"]}"#);
        assert!(nothing.unwrap_err().to_string().contains("can be made wrong"));
    }
}

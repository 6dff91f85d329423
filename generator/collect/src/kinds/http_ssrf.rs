//! `http.ssrf`: does the target call an address that a caller gives it?

use std::time::Duration;

use avouch_model::{
    observation::{Population, PositiveControl},
    percent::encoded,
    product::ProbeClass,
    span::Span,
    state::Outcome,
};
use avouch_probe::{Credential, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http_call::{Call, Site, edited, is_success, unasked};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct Ssrf;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    call: Option<String>,
    #[serde(default)]
    principal: Option<String>,
    places: Vec<Place>,
    listen: String,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    control: Option<Control>,
    #[serde(default = "two_seconds")]
    wait: Span,
}

/// Where the address is put: exactly one of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    header: Option<String>,
}

/// A call of the target that is meant to call out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
    route: String,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    header: Option<String>,
}

const fn two_seconds() -> Span {
    Span::Seconds(2)
}

/// Which of the addresses that were given away were called.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    ok: u16,
    /// The answer to the call as it is.
    status: u16,
    /// Whether the listener could be called: by the target's own control, or else by ourselves at the address given away.
    reached: bool,
    tried: Vec<Told>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    place: String,
    form: Form,
    status: u16,
    called: bool,
}

/// How the address is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Plain,
    /// With the target's own name before an `@`, for who looks at the beginning.
    UserInformation,
    /// Without a scheme, for who compares schemes.
    SchemeRelative,
    /// With the scheme in capitals.
    Capitals,
}

impl Form {
    const ALL: [Self; 4] = [Self::Plain, Self::UserInformation, Self::SchemeRelative, Self::Capitals];

    /// The address of a listener in this form.
    fn of(self, authority: &str, own: &str, token: &str) -> String {
        match self {
            Self::Plain => format!("http://{authority}/{token}"),
            Self::UserInformation => format!("http://{own}@{authority}/{token}"),
            Self::SchemeRelative => format!("//{authority}/{token}"),
            Self::Capitals => format!("HTTP://{authority}/{token}"),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "an address",
            Self::UserInformation => "an address with another host before an `@`",
            Self::SchemeRelative => "an address without a scheme",
            Self::Capitals => "an address with its scheme in capitals",
        }
    }
}

impl Question for Ssrf {
    const ID: &'static str = "http.ssrf";
    const QUESTION: &'static str = "Does the target call an address that a caller gives it?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Intrusive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-ssrf.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
        let credential = asked.principal.clone().map_or(Credential::None, Credential::Principal);
        let callbacks = site.prober.listen(&asked.listen).map_err(|error| unasked(&error))?;
        let url = asked.url.clone().unwrap_or_else(|| format!("http://{}", callbacks.at()));
        let authority = url.strip_prefix("http://").filter(|rest| !rest.contains('/'));
        let authority =
            authority.ok_or_else(|| Unasked(format!("`{url}` is no address of a listener: write `http://HOST:PORT`")))?;
        let own = site.target.url.split("://").nth(1).unwrap_or_default();
        let send = |request: &Request, route: Option<&str>| -> Result<u16, Unasked> {
            let answer = site.ask(request)?;
            if let Some(name) = route
                && is_success(answer.status)
            {
                site.undo(site.route(name)?, &answer, &credential);
            }
            Ok(answer.status)
        };
        let route = asked.route.as_deref();
        let wait = Duration::from_secs(asked.wait.seconds_min());
        let token = site.random();
        let reached = match &asked.control {
            Some(control) => {
                let calling = site.call(Some(&control.route), None)?;
                let address = Form::Plain.of(authority, own, &token);
                let place = Place { query: control.query.clone(), body: control.body.clone(), header: control.header.clone() };
                send(&place.filled(&calling, &address, &credential)?, Some(&control.route))?;
                callbacks.hears(&token, wait)
            }
            None => callbacks.is_reached_at(&url, &token).map_err(|error| unasked(&error))?,
        };
        // Beside them the call as it is, which must be answered as it should.
        let (mut tried, mut requests) = (Vec::new(), vec![call.request(ProbeClass::Intrusive, credential.clone())]);
        for place in &asked.places {
            for form in Form::ALL {
                // A fresh body each time: what must be unique in it stays so.
                let call = site.call(route, asked.call.as_deref())?;
                let token = site.random();
                requests.push(place.filled(&call, &form.of(authority, own, &token), &credential)?);
                tried.push((Told { place: place.name()?, form, status: 0, called: false }, token));
            }
        }
        let made = route.map(|name| site.route(name)).transpose()?;
        let mut answers = site.try_together(made, requests, &credential)?.into_iter().map(|(answer, _)| answer.status);
        let status = answers.next().unwrap_or_default();
        for ((told, _), status) in tried.iter_mut().zip(answers) {
            told.status = status;
        }
        site.prober.pause(wait);
        let told = |(told, token): (Told, String)| Told { called: callbacks.heard(&token), ..told };
        Ok(Seen { ok: call.ok, status, reached, tried: tried.into_iter().map(told).collect() })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let called = seen.tried.iter().filter(|told| told.called);
        let findings: Vec<String> =
            called.map(|told| format!("{} in {} was called from the target's side", told.form.name(), told.place)).collect();
        // What falls over before it looks at the address shows nothing.
        let examined = seen.tried.iter().filter(|told| told.status < 500).count() as u64;
        // Who was called need not ask whether it can be.
        let held = !findings.is_empty() || (seen.reached && seen.status == seen.ok);
        Judgement::decide(
            Population { examined, required: (asked.places.len() * Form::ALL.len()) as u64 },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!("{examined} requests with an address of ours were sent, and none of them was called."),
        )
    }
}

impl Place {
    /// For a sentence.
    fn name(&self) -> Result<String, Unasked> {
        match (&self.query, &self.body, &self.header) {
            (Some(name), None, None) => Ok(format!("the query's `{name}`")),
            (None, Some(pointer), None) => Ok(format!("the body's {pointer}")),
            (None, None, Some(name)) => Ok(format!("the header `{name}`")),
            _ => Err(Unasked("a place is exactly one of `query`, `body` and `header`".to_owned())),
        }
    }

    /// A call with an address in this place.
    fn filled(&self, call: &Call, address: &str, credential: &Credential) -> Result<Request, Unasked> {
        let mut call = call.clone();
        let name = self.name()?;
        if let Some(query) = &self.query {
            let mark = if call.path.contains('?') { '&' } else { '?' };
            call.path = format!("{}{mark}{}={}", call.path, encoded(query), encoded(address));
        }
        if let Some(pointer) = &self.body {
            let value = Value::String(address.to_owned());
            let body = edited(call.body.as_deref().unwrap_or(b"{}"), [(pointer.as_str(), Some(&value))]);
            call.body = Some(body.map_err(|what| Unasked(format!("{name} cannot be set: the body {what}")))?);
        }
        let request = call.request(ProbeClass::Intrusive, credential.clone());
        Ok(match &self.header {
            Some(header) => request.header(header, address),
            None => request,
        })
    }
}

const ASKED: &str = r#"{"target":"api","route":"hook","principal":"a","places":[{"body":"/url"}],"listen":"127.0.0.1:0"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "no address that a caller gives is called",
        asked: ASKED,
        seen: r#"{"ok":201,"status":201,"reached":true,"tried":[
            {"place":"the body's /url","form":"plain","status":422,"called":false},
            {"place":"the body's /url","form":"user_information","status":422,"called":false},
            {"place":"the body's /url","form":"scheme_relative","status":422,"called":false},
            {"place":"the body's /url","form":"capitals","status":201,"called":false}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "an address is called that hides behind another name",
        asked: ASKED,
        seen: r#"{"ok":201,"status":201,"reached":true,"tried":[
            {"place":"the body's /url","form":"plain","status":422,"called":false},
            {"place":"the body's /url","form":"user_information","status":201,"called":true},
            {"place":"the body's /url","form":"scheme_relative","status":422,"called":false},
            {"place":"the body's /url","form":"capitals","status":422,"called":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nobody could have called the listener",
        asked: ASKED,
        seen: r#"{"ok":201,"status":201,"reached":false,"tried":[
            {"place":"the body's /url","form":"plain","status":422,"called":false},
            {"place":"the body's /url","form":"user_information","status":422,"called":false},
            {"place":"the body's /url","form":"scheme_relative","status":422,"called":false},
            {"place":"the body's /url","form":"capitals","status":422,"called":false}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "the call is refused whatever is in it",
        asked: ASKED,
        seen: r#"{"ok":201,"status":401,"reached":true,"tried":[{"place":"the body's /url","form":"plain","status":401,"called":false}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "nothing was tried",
        asked: ASKED,
        seen: r#"{"ok":201,"status":201,"reached":true,"tried":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, serve, target},
        testing::Scene,
    };

    /// Gets what is at an address, as a careless service does: whatever stands between the last `@` and the path is the host.
    fn fetch(address: &str) {
        let rest = address.split_once("//").map_or("", |(_, rest)| rest);
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or_default();
        if let Ok(mut stream) = std::net::TcpStream::connect(host) {
            let _ = stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
            let _ = stream.read(&mut [0; 64]);
        }
    }

    fn judged(calls: fn(&str) -> bool, control: &str) -> Judgement {
        let at = serve(Caps::NONE, move |got| {
            let (path, query) = got.path.split_once('?').unwrap_or((&got.path, ""));
            let given = query.split('&').find_map(|pair| pair.strip_prefix("url=")).map(avouch_model::percent::decoded_as_far);
            if let Some(url) = given.filter(|url| path == "/webhook" || calls(url)) {
                fetch(&url);
            }
            json(200, "{}")
        });
        let mut target = target(at);
        target.routes = [crate::kinds::http_testing::route("webhook", "GET /webhook", 200)].into();
        let asked = format!(
            r#"{{"target":"api","call":"GET /preview","principal":"a","places":[{{"query":"url"}}],"listen":"127.0.0.1:0","wait":"0 seconds"{control}}}"#
        );
        ask::<Ssrf>(Scene::default(), &target, &asked)
    }

    #[test]
    fn an_address_that_is_called_is_found_in_whatever_form() {
        assert_eq!(judged(|_| false, "").outcome, Outcome::Pass);
        for (calls, found) in [
            ((|_| true) as fn(&str) -> bool, 4),
            (|url| url.starts_with("http://127.0.0.1:") && url.contains('@'), 1),
            (|url| !url.starts_with("http://"), 2),
        ] {
            let judgement = judged(calls, "");
            assert_eq!((judgement.outcome, judgement.findings.len()), (Outcome::Fail, found), "{:?}", judgement.findings);
        }
    }

    #[test]
    fn a_listener_that_cannot_be_called_shows_nothing() {
        assert_eq!(judged(|_| false, r#","control":{"route":"webhook","query":"url"}"#).outcome, Outcome::Pass);
        assert_eq!(judged(|_| false, r#","control":{"route":"webhook","query":"other"}"#).outcome, Outcome::Error);
        assert_eq!(judged(|_| false, r#","url":"http://127.0.0.1:1""#).outcome, Outcome::Error);
    }
}

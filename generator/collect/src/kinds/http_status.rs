//! `http.status`: is a call answered as promised?

use std::collections::BTreeMap;

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::Credential;
use serde::{Deserialize, Serialize};

use super::http_call::{Site, Wrong, listed, or_ok, unasked};
use crate::{Example, Judgement, Question, Unasked, Vantage, World, parameters::Pattern};

/// See the module.
pub(super) struct Status;

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
    #[serde(default)]
    credential: Option<Wrong>,
    #[serde(default)]
    of: Option<String>,
    #[serde(default)]
    status: Vec<u16>,
    #[serde(default)]
    control: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, Pattern>,
    #[serde(default)]
    body_matches: Vec<Pattern>,
    #[serde(default)]
    body_forbids: Vec<Pattern>,
    #[serde(default)]
    code: Option<Code>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    at: String,
    is: String,
}

/// The status, and which expectations hold, in the order of the parameters.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    ok: u16,
    status: u16,
    /// The status for the principal that must be let in.
    control_status: Option<u16>,
    headers: BTreeMap<String, bool>,
    body_matches: Vec<bool>,
    body_forbids: Vec<bool>,
    code: Option<bool>,
}

impl Question for Status {
    const ID: &'static str = "http.status";
    const QUESTION: &'static str = "Is the call answered as promised?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-status.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
        let credential = match (&asked.principal, asked.credential, &asked.of) {
            (None, None, None) | (None, Some(Wrong::None), None) => Credential::None,
            (Some(principal), None, None) => Credential::Principal(principal.clone()),
            (None, Some(wrong), Some(of)) => wrong.of(of),
            _ => return Err(Unasked("give `principal`, or `credential` with `of`, or neither".to_owned())),
        };
        let ask = |credential: Credential| {
            let request = call.request(ProbeClass::Active, credential.clone());
            let answer = site.prober.send(&request).map_err(|error| unasked(&error))?;
            if let Some(route) = asked.route.as_deref()
                && answer.status == call.ok
            {
                site.undo(site.route(route)?, &answer, &credential);
            }
            Ok::<_, Unasked>(answer)
        };
        let answer = ask(credential)?;
        let reads_body = !asked.body_matches.is_empty() || !asked.body_forbids.is_empty() || asked.code.is_some();
        if reads_body && answer.truncated {
            // What is missing could be what must not be there.
            return Err(Unasked("the answer was cut off before its end, so its body cannot be judged".to_owned()));
        }
        let control = asked.control.clone().map(|name| ask(Credential::Principal(name))).transpose()?;
        let text = answer.text();
        let each = |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.is_match(&text)).collect();
        let json = answer.json();
        Ok(Seen {
            ok: call.ok,
            status: answer.status,
            control_status: control.map(|answer| answer.status),
            headers: asked
                .headers
                .iter()
                .map(|(name, pattern)| (name.clone(), answer.headers_named(name).any(|value| pattern.is_match(value))))
                .collect(),
            body_matches: each(&asked.body_matches),
            body_forbids: each(&asked.body_forbids),
            code: asked.code.as_ref().map(|code| {
                json.as_ref().and_then(|json| json.pointer(&code.at)).and_then(|found| found.as_str()) == Some(&code.is)
            }),
        })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let expected = or_ok(&asked.status, seen.ok);
        let mut findings = Vec::new();
        if !expected.contains(&seen.status) {
            findings.push(format!("the call is answered with {}, expected {}", seen.status, listed(&expected)));
        }
        for (name, _) in seen.headers.iter().filter(|(_, holds)| !**holds) {
            findings.push(format!("the header `{name}` is not as expected"));
        }
        for (pattern, _) in asked.body_matches.iter().zip(&seen.body_matches).filter(|(_, found)| !**found) {
            findings.push(format!("the body does not match `{}`", pattern.as_str()));
        }
        for (pattern, _) in asked.body_forbids.iter().zip(&seen.body_forbids).filter(|(_, found)| **found) {
            findings.push(format!("the body matches `{}`, which it must not", pattern.as_str()));
        }
        if seen.code == Some(false) {
            findings.push("the body does not carry the expected code".to_owned());
        }
        let control = match (&asked.control, seen.control_status) {
            (Some(_), Some(status)) if status == seen.ok => PositiveControl::Held,
            (Some(_), _) => PositiveControl::Broken,
            (None, _) => PositiveControl::NotNeeded,
        };
        let enough = Population { examined: 1, required: 1 };
        Judgement::decide(enough, control, findings, format!("The call was answered with {}.", seen.status))
    }
}

const ASKED: &str = r#"{"target":"api","route":"list","status":[401],"control":"a"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "nobody is let in without a credential",
        asked: ASKED,
        seen: r#"{"ok":200,"status":401,"control_status":200,"headers":{},"body_matches":[],"body_forbids":[],"code":null}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "everybody is let in",
        asked: ASKED,
        seen: r#"{"ok":200,"status":200,"control_status":200,"headers":{},"body_matches":[],"body_forbids":[],"code":null}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the answer shows the path of a file",
        asked: r#"{"target":"api","call":"GET /none","status":[404],"body_forbids":["\\.ts:\\d+"]}"#,
        seen: r#"{"ok":200,"status":404,"control_status":null,"headers":{},"body_matches":[],"body_forbids":[true],"code":null}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nobody at all is let in, so a refusal shows nothing",
        asked: ASKED,
        seen: r#"{"ok":200,"status":401,"control_status":401,"headers":{},"body_matches":[],"body_forbids":[],"code":null}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, serve, target},
        testing::Scene,
    };

    #[test]
    fn a_route_that_lets_everybody_in_is_found() {
        let outcome = |open: bool| {
            let at = serve(Caps::NONE, move |got| {
                let known = got.header("authorization").contains("AAAA");
                if open || known { json(200, "{}") } else { json(401, r#"{"error":{"code":"UNAUTHORIZED"}}"#) }
            });
            let asked = r#"{"target":"api","call":"GET /v1","status":[401],"control":"a","code":{"at":"/error/code","is":"UNAUTHORIZED"},"headers":{"Content-Type":"json"}}"#;
            ask::<Status>(Scene::default(), &target(at), asked).outcome
        };
        assert_eq!(outcome(false), Outcome::Pass);
        assert_eq!(outcome(true), Outcome::Fail);
    }
}

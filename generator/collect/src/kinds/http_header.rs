//! `http.header`: do answers carry the headers that they must, and none that they must not?

use std::collections::BTreeMap;

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::Credential;
use serde::{Deserialize, Serialize};

use super::http_call::{Site, or_ok};
use crate::{Example, Judgement, Question, Unasked, Vantage, World, parameters::Pattern};

/// See the module.
pub(super) struct Header;

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
    status: Vec<u16>,
    #[serde(default)]
    require: BTreeMap<String, Pattern>,
    #[serde(default)]
    forbid: BTreeMap<String, Pattern>,
}

/// How many fields of each header there are, and how many of them match.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    ok: u16,
    status: u16,
    require: BTreeMap<String, Fields>,
    forbid: BTreeMap<String, Fields>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    there: u64,
    matching: u64,
}

impl Question for Header {
    const ID: &'static str = "http.header";
    const QUESTION: &'static str = "Do answers carry the headers that they must, and none that they must not?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-header.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.require.is_empty() && asked.forbid.is_empty() {
            return Err(Unasked("nothing is asked of the headers: give `require` or `forbid`".to_owned()));
        }
        let site = Site::of(world, &asked.target)?;
        let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
        let credential = asked.principal.clone().map_or(Credential::None, Credential::Principal);
        let answer = site.ask(&call.request(ProbeClass::Active, credential.clone()))?;
        if let Some(route) = asked.route.as_deref() {
            site.undo(site.route(route)?, &answer, &credential);
        }
        let count = |patterns: &BTreeMap<String, Pattern>| {
            let fields = |(name, pattern): (&String, &Pattern)| {
                let there = answer.headers_named(name).count() as u64;
                let matching = answer.headers_named(name).filter(|value| pattern.is_match(value)).count() as u64;
                (name.clone(), Fields { there, matching })
            };
            patterns.iter().map(fields).collect()
        };
        Ok(Seen { ok: call.ok, status: answer.status, require: count(&asked.require), forbid: count(&asked.forbid) })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for (name, fields) in &seen.require {
            if fields.there == 0 {
                findings.push(format!("the header `{name}` is missing"));
            } else if fields.matching < fields.there {
                findings.push(format!("the header `{name}` is not as it must be"));
            }
        }
        for (name, _) in seen.forbid.iter().filter(|(_, fields)| fields.matching > 0) {
            findings.push(format!("the header `{name}` is there as it must not be"));
        }
        let held = or_ok(&asked.status, seen.ok).contains(&seen.status);
        let examined = (seen.require.len() + seen.forbid.len()) as u64;
        Judgement::decide(
            Population { examined, required: 1 },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!("{examined} headers are as promised."),
        )
    }
}

const ASKED: &str = r#"{"target":"api","route":"list","principal":"a","require":{"x-content-type-options":"^nosniff$"},"forbid":{"x-powered-by":".*"}}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "one header is there and the other is not",
        asked: ASKED,
        seen: r#"{"ok":200,"status":200,"require":{"x-content-type-options":{"there":1,"matching":1}},"forbid":{"x-powered-by":{"there":0,"matching":0}}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the header is missing",
        asked: ASKED,
        seen: r#"{"ok":200,"status":200,"require":{"x-content-type-options":{"there":0,"matching":0}},"forbid":{"x-powered-by":{"there":0,"matching":0}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the answer names what runs there",
        asked: ASKED,
        seen: r#"{"ok":200,"status":200,"require":{"x-content-type-options":{"there":1,"matching":1}},"forbid":{"x-powered-by":{"there":1,"matching":1}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the headers of an error page prove nothing of the API",
        asked: ASKED,
        seen: r#"{"ok":200,"status":502,"require":{"x-content-type-options":{"there":1,"matching":1}},"forbid":{"x-powered-by":{"there":0,"matching":0}}}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, serve, target},
        testing::Scene,
    };

    #[test]
    fn a_second_field_of_another_value_is_found() {
        let outcome = |values: &'static [&'static str]| {
            let at = serve(Caps::NONE, move |_| {
                (200, values.iter().map(|value| ("X-Frame-Options", (*value).to_owned())).collect(), String::new())
            });
            let asked = r#"{"target":"api","call":"GET /","require":{"x-frame-options":"^DENY$"}}"#;
            ask::<Header>(Scene::default(), &target(at), asked).outcome
        };
        assert_eq!(outcome(&["DENY"]), Outcome::Pass);
        assert_eq!(outcome(&["DENY", "ALLOWALL"]), Outcome::Fail);
        assert_eq!(outcome(&[]), Outcome::Fail);
    }
}

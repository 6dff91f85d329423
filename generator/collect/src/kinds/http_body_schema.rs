//! `http.body-schema`: does an answer hold what it may and nothing else?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::Credential;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http_call::{Site, apart, or_ok};
use crate::{Example, Judgement, Question, Unasked, Vantage, World, parameters::Pattern};

/// How many properties are kept of an answer.
const PROPERTIES_MAX: usize = 500;

/// See the module.
pub(super) struct BodySchema;

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
    /// Without it, properties may have any name that is not forbidden.
    #[serde(default)]
    allowed: Option<Vec<String>>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    forbid_values: Vec<Pattern>,
    #[serde(default)]
    forbid_names: Vec<Pattern>,
    #[serde(default)]
    count: Option<String>,
    #[serde(default = "crate::parameters::one")]
    min: u64,
}

/// The paths of an answer's properties; never their values.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    ok: u16,
    status: u16,
    json: bool,
    /// Pointer with `*` for items → how often it appears.
    properties: BTreeMap<String, u64>,
    /// Whether there were more properties than are kept.
    cut: bool,
    items: u64,
    /// Where texts match the forbidden forms, in the order of the parameters.
    forbidden: Vec<BTreeSet<String>>,
}

impl Question for BodySchema {
    const ID: &'static str = "http.body-schema";
    const QUESTION: &'static str = "Does the answer hold what it may and nothing else?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-body-schema.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
        let credential = asked.principal.clone().map_or(Credential::None, Credential::Principal);
        let answer = site.ask(&call.request(ProbeClass::Active, credential.clone()))?;
        if let Some(route) = asked.route.as_deref() {
            site.undo(site.route(route)?, &answer, &credential);
        }
        let json = answer.json();
        let mut seen = Seen {
            ok: call.ok,
            status: answer.status,
            json: json.is_some(),
            properties: BTreeMap::new(),
            cut: false,
            items: 0,
            forbidden: vec![BTreeSet::new(); asked.forbid_values.len()],
        };
        if let Some(json) = &json {
            let list = asked.count.as_ref().and_then(|pointer| json.pointer(pointer)).and_then(Value::as_array);
            seen.items = list.map_or(0, |list| list.len() as u64);
            walk(json, String::new(), asked, &mut seen);
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for (pattern, places) in asked.forbid_values.iter().zip(&seen.forbidden).filter(|(_, places)| !places.is_empty()) {
            let places = places.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            findings.push(format!("a text at {places} matches `{}`, which none may", pattern.as_str()));
        }
        let allowed = asked.allowed.as_deref().map(apart);
        for path in seen.properties.keys() {
            let name = path.rsplit('/').next().unwrap_or_default();
            if let Some(pattern) = asked.forbid_names.iter().find(|pattern| pattern.is_match(name)) {
                findings.push(format!("the property {path} has a name that matches `{}`", pattern.as_str()));
            }
            let parent = format!("{path}/");
            let is_among = |allowed: &Vec<&str>| allowed.iter().any(|one| one == path || one.starts_with(&parent));
            if !allowed.as_ref().is_none_or(is_among) {
                findings.push(format!("the property {path} is not among those that may be there"));
            }
        }
        if seen.cut {
            findings.push(format!("the answer has more than {PROPERTIES_MAX} different properties"));
        }
        for path in asked.required.iter().filter(|path| !seen.properties.contains_key(*path)) {
            findings.push(format!("the property {path} is missing"));
        }
        let held = seen.json && or_ok(&asked.status, seen.ok).contains(&seen.status);
        let population = match asked.count {
            Some(_) => Population { examined: seen.items, required: asked.min },
            None => Population { examined: seen.properties.len() as u64, required: 1 },
        };
        Judgement::decide(
            population,
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            match allowed {
                Some(_) => format!("The answer holds {} properties, all of them allowed.", seen.properties.len()),
                None => format!("The answer holds {} properties, none of them forbidden.", seen.properties.len()),
            },
        )
    }
}

/// Notes the properties of a value and where its texts have forbidden forms. `serde_json` bounds the depth.
fn walk(value: &Value, path: String, asked: &Asked, seen: &mut Seen) {
    let mut note = |path: &str| {
        if seen.properties.len() < PROPERTIES_MAX || seen.properties.contains_key(path) {
            *seen.properties.entry(path.to_owned()).or_default() += 1;
        } else {
            seen.cut = true;
        }
    };
    match value {
        Value::Object(members) => {
            for name in members.keys() {
                let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                note(&path);
            }
            for (name, member) in members {
                walk(member, format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), asked, seen);
            }
        }
        Value::Array(items) => {
            for item in items {
                if !item.is_object() && !item.is_array() {
                    note(&format!("{path}/*"));
                }
            }
            for item in items {
                walk(item, format!("{path}/*"), asked, seen);
            }
        }
        Value::String(text) => {
            for (pattern, places) in asked.forbid_values.iter().zip(&mut seen.forbidden) {
                if places.len() < 20 && pattern.is_match(text) {
                    places.insert(path.clone());
                }
            }
        }
        _ => {}
    }
}

const ASKED: &str = r#"{"target":"api","route":"keys","principal":"a","allowed":["/keys/*/id","/keys/*/prefix"],
    "forbid_values":["ck_live_[0-9A-Z]{26}"],"count":"/keys"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "keys are listed by id and prefix alone",
        asked: ASKED,
        seen: r#"{"ok":200,"status":200,"json":true,"properties":{"/keys":1,"/keys/*/id":2,"/keys/*/prefix":2},"cut":false,"items":2,"forbidden":[[]]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a hash is listed",
        asked: ASKED,
        seen: r#"{"ok":200,"status":200,"json":true,"properties":{"/keys":1,"/keys/*/id":2,"/keys/*/key_hash":2},"cut":false,"items":2,"forbidden":[[]]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a whole key stands where its prefix should",
        asked: ASKED,
        seen: r#"{"ok":200,"status":200,"json":true,"properties":{"/keys":1,"/keys/*/prefix":2},"cut":false,"items":2,"forbidden":[["/keys/*/prefix"]]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "an empty list shows nothing",
        asked: ASKED,
        seen: r#"{"ok":200,"status":200,"json":true,"properties":{"/keys":1},"cut":false,"items":0,"forbidden":[[]]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "a refusal shows nothing",
        asked: ASKED,
        seen: r#"{"ok":200,"status":403,"json":true,"properties":{},"cut":false,"items":0,"forbidden":[[]]}"#,
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
    fn a_property_too_many_a_key_and_an_empty_list_are_told_apart() {
        let outcome = |body: &'static str| {
            let at = serve(Caps::NONE, move |_| json(200, body));
            let asked = r#"{"target":"api","call":"GET /keys","allowed":["/keys/*/id, /keys/*/tags/*"],"required":["/keys"],
                "forbid_values":["^ck_live_[0-9]{4}$"],"forbid_names":["hash"],"count":"/keys"}"#;
            ask::<BodySchema>(Scene::default(), &target(at), asked).outcome
        };
        let open = |body: &'static str| {
            let at = serve(Caps::NONE, move |_| json(200, body));
            let asked = r#"{"target":"api","call":"GET /keys","forbid_names":["hash"]}"#;
            ask::<BodySchema>(Scene::default(), &target(at), asked).outcome
        };
        assert_eq!(open(r#"{"id":"1","anything":true}"#), Outcome::Pass);
        assert_eq!(open(r#"{"id":"1","hash":"2"}"#), Outcome::Fail);
        assert_eq!(outcome(r#"{"keys":[{"id":"1","tags":["x"]},{"id":"2"}]}"#), Outcome::Pass);
        assert_eq!(outcome(r#"{"keys":[{"id":"1"},{"id":"2","secret":null}]}"#), Outcome::Fail);
        assert_eq!(outcome(r#"{"keys":[{"id":"ck_live_1234"}]}"#), Outcome::Fail);
        assert_eq!(outcome(r#"{"keys":[]}"#), Outcome::NotExercised);
        assert_eq!(outcome("keys"), Outcome::Error);
    }
}

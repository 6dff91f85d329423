//! `http.mass-assignment`: can a caller set what the service decides itself?

use avouch_model::{
    observation::{Population, PositiveControl},
    product::{ProbeClass, Route},
    state::Outcome,
};
use avouch_probe::{Credential, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http_call::{Call, Site, edited, made_id};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct MassAssignment;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    route: String,
    #[serde(default)]
    read: Option<String>,
    principal: String,
    members: Vec<Member>,
    #[serde(default = "refusals")]
    status: Vec<u16>,
}

/// A member that is added to the body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    at: String,
    #[serde(default)]
    value: Option<Value>,
    /// In the place of `value`: the same as a text of JSON, which may come from a slot.
    #[serde(default)]
    json: Option<String>,
    /// Where the answer shows it, if not at the same place.
    #[serde(default)]
    shown: Option<String>,
}

impl Member {
    /// What is sent: exactly one of the two is given.
    fn value(&self) -> Result<Value, Unasked> {
        match (&self.value, &self.json) {
            (Some(value), None) => Ok(value.clone()),
            (None, Some(json)) => {
                serde_json::from_str(json).map_err(|error| Unasked(format!("the value of {} is no JSON: {error}", self.at)))
            }
            _ => Err(Unasked(format!("give {} a `value` or `json`", self.at))),
        }
    }
}

fn refusals() -> Vec<u16> {
    vec![400, 403, 422]
}

/// What came of each member; never a value.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// Whether the body as it is was accepted, and what it made could be read.
    made: bool,
    members: Vec<Told>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    at: String,
    status: u16,
    did: Did,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Did {
    /// The request was refused.
    Refused,
    /// It was accepted, and what was made has another value.
    Ignored,
    /// What was made has the caller's value.
    Taken,
    /// It was accepted, and no answer shows the member.
    Unseen,
    /// What is made without it has that value too.
    Same,
    /// It was neither accepted nor refused.
    Neither,
}

impl Question for MassAssignment {
    const ID: &'static str = "http.mass-assignment";
    const QUESTION: &'static str = "Can a caller set what the service decides itself?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Intrusive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-mass-assignment.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let making = Making {
            site: &site,
            route: site.route(&asked.route)?,
            read: asked.read.as_deref().map(|read| site.route(read)).transpose()?,
            credential: Credential::Principal(asked.principal.clone()),
        };
        let call = site.call_of(making.route)?;
        let (_, plain) = making.made(&call)?;
        let Some(plain) = plain else {
            return Ok(Seen { made: false, members: Vec::new() });
        };
        let mut members = Vec::new();
        for member in &asked.members {
            let value = member.value()?;
            let mut call = site.call_of(making.route)?;
            let body = call.body.as_deref().ok_or_else(|| Unasked(format!("give the route `{}` a `body` file", asked.route)))?;
            let with = edited(body, [(member.at.as_str(), Some(&value))]);
            call.body = Some(with.map_err(|what| Unasked(format!("the body of `{}` {what}", asked.route)))?);
            let (answer, found) = making.made(&call)?;
            let shown = member.shown.as_ref().unwrap_or(&member.at);
            let before = plain.pointer(shown);
            let did = match &found {
                None if asked.status.contains(&answer.status) => Did::Refused,
                None => Did::Neither,
                Some(_) if before == Some(&value) => Did::Same,
                Some(found) => match found.pointer(shown) {
                    Some(found) if *found == value => Did::Taken,
                    // Where it is shown otherwise, that it is gone here says nothing.
                    Some(_) => Did::Ignored,
                    None => Did::Unseen,
                },
            };
            members.push(Told { at: member.at.clone(), status: answer.status, did });
        }
        Ok(Seen { made: true, members })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let mut conclusive = 0;
        let mut refused = 0;
        for told in &seen.members {
            match told.did {
                Did::Taken => findings.push(format!("the caller set {}, which the service decides itself", told.at)),
                Did::Refused => refused += 1,
                Did::Ignored => {}
                Did::Unseen | Did::Same | Did::Neither => continue,
            }
            conclusive += 1;
        }
        Judgement::decide(
            Population { examined: conclusive, required: asked.members.len() as u64 },
            if seen.made { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!("Of {conclusive} members that a caller may not set, {refused} are refused and the others ignored."),
        )
    }
}

/// How an object is made, looked at and removed.
struct Making<'a> {
    site: &'a Site<'a>,
    route: &'a Route,
    read: Option<&'a Route>,
    credential: Credential,
}

impl Making<'_> {
    /// The answer to a call, and what it made as it is read afterwards; none where it made nothing.
    fn made(&self, call: &Call) -> Result<(Response, Option<Value>), Unasked> {
        let answer = self.site.ask(&call.request(ProbeClass::Intrusive, self.credential.clone()))?;
        if answer.status != call.ok {
            return Ok((answer, None));
        }
        let found = match self.read {
            None => answer.json(),
            Some(read) => {
                let mut reading = self.site.call_of(read)?;
                if let Some(id) = made_id(self.route, &answer) {
                    reading = reading.with_id(&id);
                }
                let read = self.site.ask(&reading.request(ProbeClass::Intrusive, self.credential.clone()))?;
                read.json().filter(|_| read.status == reading.ok)
            }
        };
        if !self.site.undo(self.route, &answer, &self.credential) {
            return Err(Unasked(format!("what `{}` made could not be removed: give it `id` and `undo`", self.route.name)));
        }
        match found {
            Some(found) => Ok((answer, Some(found))),
            None => Err(Unasked(format!("what `{}` made cannot be read as JSON: name a route in `read`", self.route.name))),
        }
    }
}

const ASKED: &str = r#"{"target":"api","route":"make","read":"read","principal":"a",
    "members":[{"at":"/org_id","value":"other"},{"at":"/role","value":"admin"}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "one member is refused and one ignored",
        asked: ASKED,
        seen: r#"{"made":true,"members":[{"at":"/org_id","status":422,"did":"refused"},{"at":"/role","status":201,"did":"ignored"}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a caller makes itself an administrator",
        asked: ASKED,
        seen: r#"{"made":true,"members":[{"at":"/org_id","status":422,"did":"refused"},{"at":"/role","status":201,"did":"taken"}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "no answer shows the member, so that it is ignored is not known",
        asked: ASKED,
        seen: r#"{"made":true,"members":[{"at":"/org_id","status":422,"did":"refused"},{"at":"/role","status":201,"did":"unseen"}]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "the service falls over",
        asked: ASKED,
        seen: r#"{"made":true,"members":[{"at":"/org_id","status":500,"did":"neither"},{"at":"/role","status":201,"did":"ignored"}]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "not even the body as it is was accepted",
        asked: ASKED,
        seen: r#"{"made":false,"members":[]}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{Arc, Mutex},
    };

    use serde_json::json;

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, Got, ask, json as answer, route, serve, target},
        testing::Scene,
    };

    type Store = Arc<Mutex<BTreeMap<String, Value>>>;

    /// A service that takes of a body what `takes` names, and refuses what `refuses` names.
    fn judged(takes: &'static [&'static str], refuses: &'static [&'static str]) -> (Judgement, Store) {
        let store = Store::default();
        let rows = Arc::clone(&store);
        let at = serve(Caps::NONE, move |got: &Got| {
            let mut rows = rows.lock().unwrap();
            let id = got.path.strip_prefix("/items/").map(str::to_owned);
            match (got.method.as_str(), id) {
                ("POST", None) => {
                    let sent: Value = serde_json::from_slice(&got.body).unwrap();
                    if refuses.iter().any(|name| sent.get(name).is_some()) {
                        return answer(422, "{}");
                    }
                    let id = (rows.len() + 1).to_string();
                    let mut row = json!({"id": id, "name": sent["name"], "role": "reader", "org_id": "A"});
                    for name in takes.iter().filter(|name| sent.get(*name).is_some()) {
                        row[*name] = sent[*name].clone();
                    }
                    rows.insert(id.clone(), row);
                    answer(201, json!({"id": id}).to_string())
                }
                ("GET", Some(id)) if rows.contains_key(&id) => answer(200, rows[&id].to_string()),
                ("DELETE", Some(id)) => answer(if rows.remove(&id).is_some() { 204 } else { 404 }, ""),
                _ => answer(404, "{}"),
            }
        });
        let mut target = target(at);
        let (name, mut make) = route("make", "POST /items", 201);
        make.body = Some("item.json".to_owned());
        make.id = Some("/id".to_owned());
        make.undo = Some(("DELETE".to_owned(), "/items/{id}".to_owned()));
        target.routes = [(name, make), route("read", "GET /items/{id}", 200)].into();
        let scene = Scene::of([("item.json", r#"{"name":"probe {{random}}"}"#)]);
        (ask::<MassAssignment>(scene, &target, ASKED), store)
    }

    #[test]
    fn a_member_that_is_taken_is_found_and_nothing_is_left_behind() {
        for (takes, refuses, outcome) in [
            (&[][..], &[][..], Outcome::Pass),
            (&[], &["role", "org_id"], Outcome::Pass),
            (&["role"], &[], Outcome::Fail),
            (&["org_id"], &["role"], Outcome::Fail),
        ] {
            let (judgement, store) = judged(takes, refuses);
            assert_eq!(judgement.outcome, outcome, "{takes:?} {refuses:?} {:?}", judgement.findings);
            assert!(store.lock().unwrap().is_empty());
        }
    }

    #[test]
    fn a_service_that_refuses_the_body_itself_shows_nothing() {
        assert_eq!(judged(&[], &["name"]).0.outcome, Outcome::Error);
    }
}

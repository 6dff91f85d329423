//! `http.tenant-isolation`: can one tenant reach what another has made?

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Credential, Response};
use serde::{Deserialize, Serialize};

use super::{
    http_call::{Site, listed, made_id},
    http_form::{Form, Ignored, ignored_body, ignored_headers},
};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct TenantIsolation;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    make: String,
    read: String,
    routes: Vec<String>,
    owner: String,
    intruder: String,
    #[serde(default = "refusals")]
    status: Vec<u16>,
    #[serde(default = "ignored_headers")]
    ignore_headers: Vec<String>,
    #[serde(default = "ignored_body")]
    ignore_body: Vec<String>,
}

fn refusals() -> Vec<u16> {
    vec![403, 404]
}

/// What the owner saw before and after, and what the intruder was told on each route.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    ok: u16,
    before: Form,
    after: Form,
    routes: Vec<Tried>,
    removed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tried {
    route: String,
    /// The answer for the other tenant's object.
    theirs: Form,
    /// The answer for an object that does not exist.
    nothing: Form,
}

impl Question for TenantIsolation {
    const ID: &'static str = "http.tenant-isolation";
    const QUESTION: &'static str = "Is what one tenant has made out of reach for another?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Intrusive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-tenant-isolation.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let tenant = |name: &str| site.target.principals.get(name).and_then(|principal| principal.tenant.as_deref());
        if tenant(&asked.owner) == tenant(&asked.intruder) {
            return Err(Unasked(format!(
                "`{}` and `{}` are of the same tenant: set `tenant` in `[targets.{}.principals]`",
                asked.owner, asked.intruder, asked.target
            )));
        }
        let (owner, intruder) = (Credential::Principal(asked.owner.clone()), Credential::Principal(asked.intruder.clone()));
        let make = site.route(&asked.make)?;
        let read = site.route(&asked.read)?;
        let send = |call: super::http_call::Call, who: &Credential| {
            let request = call.request(ProbeClass::Intrusive, who.clone());
            site.ask(&request)
        };
        let made = send(site.call_of(make)?, &owner)?;
        let id = made_id(make, &made).ok_or_else(|| {
            Unasked(format!("the route `{}` answered {} without an id at its `id` pointer", asked.make, made.status))
        })?;
        let ignored = Ignored { headers: &asked.ignore_headers, body: &asked.ignore_body };
        let seen = (|| {
            let look = || send(site.call_of(read)?.with_id(&id), &owner);
            let before = look()?;
            let absent = unlike(&id, &site.random());
            let form = |answer: &Response, id: &str| Form::of(answer, &ignored, &[id]);
            let mut routes = Vec::new();
            for name in &asked.routes {
                let call = site.call_of(site.route(name)?)?;
                if !call.path.contains("{id}") {
                    return Err(Unasked(format!("the path of the route `{name}` has no `{{id}}`")));
                }
                // What does not exist first: an object that is removed by mistake would not be there any more.
                let nothing = send(call.clone().with_id(&absent), &intruder)?;
                let theirs = send(call.with_id(&id), &intruder)?;
                routes.push(Tried { route: name.clone(), theirs: form(&theirs, &id), nothing: form(&nothing, &absent) });
            }
            let after = look()?;
            Ok((form(&before, &id), form(&after, &id), routes))
        })();
        // Removed whatever happened in between.
        let removed = site.undo(make, &made, &owner);
        let (before, after, routes) = seen?;
        Ok(Seen { ok: read.ok, before, after, routes, removed })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for tried in &seen.routes {
            let (route, status) = (&tried.route, tried.theirs.status);
            if !asked.status.contains(&status) {
                findings.push(format!("`{route}` answers another tenant with {status}, expected {}", listed(&asked.status)));
            }
            let differences = tried.theirs.differences(&tried.nothing);
            if !differences.is_empty() {
                findings.push(format!("`{route}` tells another tenant that the object exists, by {}", differences.join(", ")));
            }
        }
        let readable = seen.before.status == seen.ok;
        if readable && seen.after != seen.before {
            findings.insert(0, "the object is changed or gone after another tenant's requests".to_owned());
        }
        Judgement::decide(
            Population { examined: seen.routes.len() as u64, required: asked.routes.len() as u64 },
            if readable { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!("On {} routes another tenant's object looks as if it did not exist, and stays unchanged.", seen.routes.len()),
        )
    }
}

/// An id of the same form that names nothing: its digits and letters replaced where they can be.
fn unlike(id: &str, random: &str) -> String {
    let mut fresh = random.bytes().cycle();
    id.chars()
        .map(|old| {
            let byte = fresh.next().unwrap_or(b'0');
            let digit = if byte.is_ascii_digit() { byte - b'0' } else { byte.wrapping_sub(b'a') % 6 };
            match old {
                // 1 to 9, so that a number keeps its length.
                '0'..='9' => char::from(b'1' + digit % 9),
                'a'..='f' => char::from(b'a' + digit % 6),
                'g'..='z' => char::from(b'g' + digit),
                'A'..='F' => char::from(b'A' + digit % 6),
                // Without I, L, O and U, for ids in Crockford's base 32.
                'G'..='Z' => char::from(*b"GHJKMNPQRS".get(usize::from(digit)).unwrap_or(&b'G')),
                other => other,
            }
        })
        .collect()
}

const ASKED: &str = r#"{"target":"api","make":"submit","read":"item","routes":["item"],"owner":"b","intruder":"a"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the object looks as if it did not exist",
        asked: ASKED,
        seen: r#"{"ok":200,"removed":true,
            "before":{"status":200,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40},
            "after":{"status":200,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40},
            "routes":[{"route":"item",
            "theirs":{"status":404,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b866","body_bytes":20},
            "nothing":{"status":404,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b866","body_bytes":20}}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "another tenant can read it",
        asked: ASKED,
        seen: r#"{"ok":200,"removed":true,
            "before":{"status":200,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40},
            "after":{"status":200,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40},
            "routes":[{"route":"item",
            "theirs":{"status":200,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40},
            "nothing":{"status":404,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b866","body_bytes":20}}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a refusal tells that the object exists",
        asked: ASKED,
        seen: r#"{"ok":200,"removed":true,
            "before":{"status":200,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40},
            "after":{"status":200,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40},
            "routes":[{"route":"item",
            "theirs":{"status":403,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b866","body_bytes":20},
            "nothing":{"status":404,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b866","body_bytes":20}}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the owner cannot read it either",
        asked: ASKED,
        seen: r#"{"ok":200,"removed":true,
            "before":{"status":404,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b866","body_bytes":20},
            "after":{"status":404,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b866","body_bytes":20},
            "routes":[{"route":"item",
            "theirs":{"status":404,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b866","body_bytes":20},
            "nothing":{"status":404,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b866","body_bytes":20}}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "no route was tried",
        asked: r#"{"target":"api","make":"submit","read":"item","routes":[],"owner":"b","intruder":"a"}"#,
        seen: r#"{"ok":200,"removed":true,
            "before":{"status":200,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40},
            "after":{"status":200,"headers":{},"body":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","body_bytes":40},
            "routes":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex};

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, route, serve, target},
        testing::Scene,
    };

    /// An API of items; `forgets` says on which method it does not compare the tenant.
    fn outcome(forgets: &'static str, refusal: u16) -> Outcome {
        let items = Mutex::new(BTreeMap::<String, (String, String)>::new());
        let at = serve(Caps::NONE, move |got| {
            let mut items = items.lock().unwrap();
            let tenant = if got.header("authorization").contains("AAAA") { "A" } else { "B" };
            if got.method == "POST" {
                let id = format!("item-{}", items.len() + 17);
                items.insert(id.clone(), (tenant.to_owned(), "made".to_owned()));
                return json(201, format!(r#"{{"id":"{id}"}}"#));
            }
            let id = got.path.rsplit('/').next().unwrap().to_owned();
            let Some((owner, text)) = items.get_mut(&id) else {
                return json(404, format!(r#"{{"error":"no {id}"}}"#));
            };
            if owner != tenant && forgets != got.method {
                return json(refusal, format!(r#"{{"error":"no {id}"}}"#));
            }
            match got.method.as_str() {
                "PUT" => *text = "changed".to_owned(),
                "DELETE" => {
                    items.remove(&id);
                    return (204, vec![], String::new());
                }
                _ => {}
            }
            json(200, format!(r#"{{"id":"{id}","text":"{text}"}}"#))
        });
        let mut target = target(at);
        let (name, mut made) = route("submit", "POST /v1/items", 201);
        made.id = Some("/id".to_owned());
        made.undo = Some(("DELETE".to_owned(), "/v1/items/{id}".to_owned()));
        target.routes.insert(name, made);
        target.routes.extend([route("item", "GET /v1/items/{id}", 200), route("change", "PUT /v1/items/{id}", 200)]);
        target.routes.extend([route("remove", "DELETE /v1/items/{id}", 204)]);
        let asked =
            r#"{"target":"api","make":"submit","read":"item","routes":["item","change","remove"],"owner":"b","intruder":"a"}"#;
        ask::<TenantIsolation>(Scene::default(), &target, asked).outcome
    }

    #[test]
    fn a_forgotten_comparison_and_an_oracle_are_found() {
        assert_eq!(outcome("", 404), Outcome::Pass);
        for method in ["GET", "PUT", "DELETE"] {
            assert_eq!(outcome(method, 404), Outcome::Fail, "{method}");
        }
        assert_eq!(outcome("", 403), Outcome::Fail);
    }

    #[test]
    fn an_absent_id_keeps_its_form() {
        let id = unlike("01HZX-abc9", "0123456789abcdef");
        assert_eq!(id.len(), 10);
        assert_ne!(id, "01HZX-abc9");
        assert_eq!(&id[5..6], "-");
    }
}

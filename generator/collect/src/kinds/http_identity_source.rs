//! `http.identity-source`: does a tenant's id that is sent along have any effect?

use avouch_model::{
    observation::{Population, PositiveControl},
    percent::encoded,
    product::{ProbeClass, Route},
    state::Outcome,
};
use avouch_probe::{Credential, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http_call::{Call, Site, made_id};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct IdentitySource;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    make: String,
    read: String,
    #[serde(default)]
    list: Option<String>,
    /// Other routes that make such things: with the id in the body.
    #[serde(default)]
    also: Vec<String>,
    principal: String,
    other: String,
    #[serde(default = "everywhere")]
    places: Vec<Place>,
    #[serde(default = "names")]
    names: Vec<String>,
    #[serde(default = "headers")]
    headers: Vec<String>,
    #[serde(default = "path_prefix")]
    path_prefix: String,
}

/// Where the id of the other tenant is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Query,
    Body,
    Header,
    Path,
}

fn everywhere() -> Vec<Place> {
    vec![Place::Query, Place::Body, Place::Header, Place::Path]
}

fn names() -> Vec<String> {
    vec!["org_id".to_owned()]
}

fn headers() -> Vec<String> {
    vec!["X-Org-Id".to_owned()]
}

fn path_prefix() -> String {
    "/orgs/{tenant}".to_owned()
}

/// What each place came to. No ids, no bodies.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// Whether the other tenant can read what it made, and this one what it made.
    other_reads_own: bool,
    own_reads_own: bool,
    places: Vec<Tried>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also: Vec<Made>,
    left_behind: u64,
}

/// What another route made with the id in the body.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    route: String,
    status: u16,
    wrote_to_theirs: bool,
    /// Whether this tenant can read it; none when nothing was made.
    wrote_to_own: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tried {
    place: Place,
    read_status: u16,
    /// Whether the other tenant's object was read, or stood in a list.
    read_theirs: bool,
    /// The status of making something; none where it was not tried.
    write_status: Option<u16>,
    /// Whether the other tenant can read what was made.
    wrote_to_theirs: bool,
    /// Whether this tenant can read what was made; none when nothing was.
    wrote_to_own: Option<bool>,
}

impl Question for IdentitySource {
    const ID: &'static str = "http.identity-source";
    const QUESTION: &'static str = "Does a tenant's id that is sent along have no effect?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Intrusive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-identity-source.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let tenant = |name: &str| site.target.principals.get(name).and_then(|principal| principal.tenant.clone());
        let theirs = match (tenant(&asked.principal), tenant(&asked.other)) {
            (Some(own), Some(theirs)) if own != theirs => theirs,
            _ => {
                return Err(Unasked(format!(
                    "`{}` and `{}` must have different tenants: set `tenant` in `[targets.{}.principals]`",
                    asked.principal, asked.other, asked.target
                )));
            }
        };
        let own = Credential::Principal(asked.principal.clone());
        let other = Credential::Principal(asked.other.clone());
        let make = site.route(&asked.make)?;
        let read = site.route(&asked.read)?;
        let others = asked.also.iter().map(|name| site.route(name)).collect::<Result<Vec<_>, _>>()?;
        let send = |call: &Call, who: &Credential, header: Option<&String>| {
            let mut request = call.request(ProbeClass::Intrusive, who.clone());
            if let Some(header) = header {
                request = request.header(header, &theirs);
            }
            site.ask(&request)
        };
        let can_read =
            |who: &Credential, id: &str| Ok::<_, Unasked>(send(&site.call_of(read)?.with_id(id), who, None)?.status == read.ok);
        let mut made: Vec<(&Route, Response, bool)> = Vec::new();
        let mut gathered = || -> Result<Seen, Unasked> {
            let mut create_by = |route, call: &Call, who: &Credential, header: Option<&String>| {
                let answer = send(call, who, header)?;
                let id = if (200..300).contains(&answer.status) { made_id(route, &answer) } else { None };
                let status = answer.status;
                if id.is_some() {
                    made.push((route, answer, who == &other));
                }
                Ok::<(u16, Option<String>), Unasked>((status, id))
            };
            let mut create = |call: &Call, who: &Credential, header: Option<&String>| create_by(make, call, who, header);
            let nothing =
                |status: u16| Unasked(format!("the route `{}` answered {status} without an id at its `id` pointer", asked.make));
            let (status, canary) = create(&site.call_of(make)?, &other, None)?;
            let canary = canary.ok_or_else(|| nothing(status))?;
            let (status, mine) = create(&site.call_of(make)?, &own, None)?;
            let mine = mine.ok_or_else(|| nothing(status))?;
            let (other_reads_own, own_reads_own) = (can_read(&other, &canary)?, can_read(&own, &mine)?);
            let mut places = Vec::new();
            for &place in &asked.places {
                let header = |each: &String| (place == Place::Header).then(|| each.clone());
                let names = if place == Place::Header { &asked.headers } else { &asked.names };
                for name in names.iter().take(if place == Place::Path { 1 } else { usize::MAX }) {
                    let header = header(name);
                    let mut tried = Tried {
                        place,
                        read_status: 0,
                        read_theirs: false,
                        write_status: None,
                        wrote_to_theirs: false,
                        wrote_to_own: None,
                    };
                    let reading = placed(site.call_of(read)?.with_id(&canary), place, name, &theirs, asked);
                    let answer = send(&reading, &own, header.as_ref())?;
                    tried.read_status = answer.status;
                    // By the path of the object itself, or of its absence: only success shows the object.
                    tried.read_theirs = (200..300).contains(&answer.status) && answer.text().contains(&canary);
                    if let Some(list) = &asked.list {
                        let listing = placed(site.call_of(site.route(list)?)?, place, name, &theirs, asked);
                        let answer = send(&listing, &own, header.as_ref())?;
                        tried.read_theirs |= (200..300).contains(&answer.status) && answer.text().contains(&canary);
                    }
                    let making = placed(site.call_of(make)?, place, name, &theirs, asked);
                    let (status, id) = create(&making, &own, header.as_ref())?;
                    tried.write_status = Some(status);
                    if let Some(id) = id {
                        tried.wrote_to_theirs = can_read(&other, &id)?;
                        tried.wrote_to_own = Some(can_read(&own, &id)?);
                    }
                    places.push(tried);
                }
            }
            let mut also = Vec::new();
            for route in &others {
                for name in &asked.names {
                    let making = placed(site.call_of(route)?, Place::Body, name, &theirs, asked);
                    let (status, id) = create_by(route, &making, &own, None)?;
                    let (wrote_to_theirs, wrote_to_own) = match id {
                        Some(id) => (can_read(&other, &id)?, Some(can_read(&own, &id)?)),
                        None => (false, None),
                    };
                    also.push(Made { route: route.name.clone(), status, wrote_to_theirs, wrote_to_own });
                }
            }
            Ok(Seen { other_reads_own, own_reads_own, places, also, left_behind: 0 })
        };
        let seen = gathered();
        // Removed whatever happened; what was made for the wrong tenant is removed as that tenant.
        let mut left_behind = 0;
        for (route, answer, by_other) in &made {
            let (first, second) = if *by_other { (&other, &own) } else { (&own, &other) };
            let id = made_id(route, answer).unwrap_or_default();
            let whose = if can_read(first, &id).unwrap_or(false) { first } else { second };
            left_behind += u64::from(!site.undo(route, answer, whose));
        }
        Ok(Seen { left_behind, ..seen? })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for tried in &seen.places {
            let place = match tried.place {
                Place::Query => "the query",
                Place::Body => "the body",
                Place::Header => "a header",
                Place::Path => "the path",
            };
            if tried.read_theirs {
                findings.push(format!("with the other tenant's id in {place} its data can be read"));
            }
            if tried.wrote_to_theirs {
                findings.push(format!("with the other tenant's id in {place} things are written to it"));
            } else if tried.wrote_to_own == Some(false) {
                findings.push(format!("what is made with the other tenant's id in {place} is not in the key's own tenant"));
            }
        }
        for made in &seen.also {
            let route = &made.route;
            if made.wrote_to_theirs {
                findings.push(format!("with the other tenant's id in the body of `{route}` things are written to it"));
            } else if made.wrote_to_own == Some(false) {
                findings
                    .push(format!("what `{route}` makes with the other tenant's id in the body is not in the key's own tenant"));
            }
        }
        let held = seen.other_reads_own && seen.own_reads_own;
        Judgement::decide(
            // A target in trouble has not been asked (429 is waited for when gathering).
            Population {
                examined: (seen.places.iter().filter(|tried| heard(tried)).count()
                    + seen.also.iter().filter(|made| is_clear(made.status)).count()) as u64,
                required: expected(asked),
            },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!(
                "A tenant's id in {} places had no effect: data and writes stayed with the key.",
                seen.places.len() + seen.also.len()
            ),
        )
    }
}

/// Whether both answers were about the request.
fn heard(tried: &Tried) -> bool {
    is_clear(tried.read_status) && tried.write_status.is_some_and(is_clear)
}

const fn is_clear(status: u16) -> bool {
    status != 429 && status < 500
}

/// How many tries the parameters ask for.
fn expected(asked: &Asked) -> u64 {
    let tries = |place: &Place| match place {
        Place::Header => asked.headers.len(),
        Place::Path => asked.names.len().min(1),
        Place::Query | Place::Body => asked.names.len(),
    };
    (asked.places.iter().map(tries).sum::<usize>() + asked.also.len() * asked.names.len()) as u64
}

/// The call with the other tenant's id in this place (a header is added when it is sent).
fn placed(mut call: Call, place: Place, name: &str, tenant: &str, asked: &Asked) -> Call {
    match place {
        Place::Query => {
            let mark = if call.path.contains('?') { '&' } else { '?' };
            call.path = format!("{}{mark}{}={}", call.path, encoded(name), encoded(tenant));
        }
        Place::Body => {
            // A call without a body gets one: a handler may read it all the same.
            let json = call
                .body
                .as_deref()
                .map_or_else(|| Some(Value::Object(serde_json::Map::new())), |body| serde_json::from_slice(body).ok());
            if let Some(Value::Object(mut members)) = json {
                members.insert(name.to_owned(), Value::String(tenant.to_owned()));
                call.body = serde_json::to_vec(&members).ok();
            }
        }
        Place::Header => {}
        Place::Path => call.path = format!("{}{}", asked.path_prefix.replace("{tenant}", &encoded(tenant)), call.path),
    }
    call
}

const ASKED: &str = r#"{"target":"api","make":"submit","read":"item","principal":"a","other":"b","places":["query","body"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "an id in the query or the body has no effect",
        asked: ASKED,
        seen: r#"{"other_reads_own":true,"own_reads_own":true,"left_behind":0,"places":[
            {"place":"query","read_status":404,"read_theirs":false,"write_status":201,"wrote_to_theirs":false,"wrote_to_own":true},
            {"place":"body","read_status":404,"read_theirs":false,"write_status":422,"wrote_to_theirs":false,"wrote_to_own":null}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the query decides what is read",
        asked: ASKED,
        seen: r#"{"other_reads_own":true,"own_reads_own":true,"left_behind":0,"places":[
            {"place":"query","read_status":200,"read_theirs":true,"write_status":201,"wrote_to_theirs":false,"wrote_to_own":true},
            {"place":"body","read_status":404,"read_theirs":false,"write_status":201,"wrote_to_theirs":false,"wrote_to_own":true}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the body decides where things are written",
        asked: ASKED,
        seen: r#"{"other_reads_own":true,"own_reads_own":true,"left_behind":0,"places":[
            {"place":"query","read_status":404,"read_theirs":false,"write_status":201,"wrote_to_theirs":false,"wrote_to_own":true},
            {"place":"body","read_status":404,"read_theirs":false,"write_status":201,"wrote_to_theirs":true,"wrote_to_own":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the other tenant cannot read its own, so nothing is shown",
        asked: ASKED,
        seen: r#"{"other_reads_own":false,"own_reads_own":true,"left_behind":0,"places":[
            {"place":"query","read_status":404,"read_theirs":false,"write_status":201,"wrote_to_theirs":false,"wrote_to_own":true},
            {"place":"body","read_status":404,"read_theirs":false,"write_status":201,"wrote_to_theirs":false,"wrote_to_own":true}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "requests that are refused for their number show nothing",
        asked: ASKED,
        seen: r#"{"other_reads_own":true,"own_reads_own":true,"left_behind":0,"places":[
            {"place":"query","read_status":404,"read_theirs":false,"write_status":201,"wrote_to_theirs":false,"wrote_to_own":true},
            {"place":"body","read_status":429,"read_theirs":false,"write_status":429,"wrote_to_theirs":false,"wrote_to_own":null}]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "no place was tried",
        asked: ASKED,
        seen: r#"{"other_reads_own":true,"own_reads_own":true,"left_behind":0,"places":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex};

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, Got, ask, json, route, serve, target},
        testing::Scene,
    };

    fn outcome(honours: fn(&Got) -> bool) -> Outcome {
        let items = Mutex::new(BTreeMap::<String, String>::new());
        let at = serve(Caps::NONE, move |got| {
            let mut items = items.lock().unwrap();
            let own = if got.header("authorization").contains("AAAA") { "A" } else { "B" };
            let tenant = if honours(got) { "B" } else { own };
            let path = got.path.split('?').next().unwrap().trim_start_matches("/orgs/B").to_owned();
            if got.method == "POST" {
                let id = format!("item-{}", items.len() + 100);
                items.insert(id.clone(), tenant.to_owned());
                return json(201, format!(r#"{{"id":"{id}"}}"#));
            }
            let id = path.rsplit('/').next().unwrap().to_owned();
            if id == "items" {
                let ids: Vec<_> = items.iter().filter(|(_, owner)| *owner == tenant).map(|(id, _)| id.clone()).collect();
                return json(200, serde_json::to_string(&ids).unwrap());
            }
            if items.get(&id).map(String::as_str) != Some(tenant) {
                return json(404, "{}");
            }
            if got.method == "DELETE" {
                items.remove(&id);
            }
            json(200, format!(r#"{{"id":"{id}"}}"#))
        });
        let mut target = target(at);
        let (name, mut made) = route("submit", "POST /v1/items", 201);
        made.id = Some("/id".to_owned());
        made.undo = Some(("DELETE".to_owned(), "/v1/items/{id}".to_owned()));
        target.routes.insert(name, made);
        target.routes.extend([route("item", "GET /v1/items/{id}", 200), route("list", "GET /v1/items", 200)]);
        let (name, mut several) = route("batch", "POST /v1/batch", 201);
        (several.id, several.undo) = (Some("/id".to_owned()), Some(("DELETE".to_owned(), "/v1/items/{id}".to_owned())));
        target.routes.insert(name, several);
        let asked =
            r#"{"target":"api","make":"submit","read":"item","list":"list","also":["batch"],"principal":"a","other":"b"}"#;
        ask::<IdentitySource>(Scene::default(), &target, asked).outcome
    }

    #[test]
    fn an_id_that_is_honoured_is_found_in_every_place() {
        assert_eq!(outcome(|_| false), Outcome::Pass);
        assert_eq!(outcome(|got| got.path.contains("org_id=B")), Outcome::Fail);
        assert_eq!(outcome(|got| String::from_utf8_lossy(&got.body).contains("org_id")), Outcome::Fail);
        assert_eq!(outcome(|got| got.header("x-org-id") == "B"), Outcome::Fail);
        let of_the_other_route = |got: &Got| got.path == "/v1/batch" && String::from_utf8_lossy(&got.body).contains("org_id");
        assert_eq!(outcome(of_the_other_route), Outcome::Fail);
        assert_eq!(outcome(|got| got.path.starts_with("/orgs/B")), Outcome::Fail);
        assert_eq!(outcome(|got| got.method == "GET" && got.path.contains("items?org_id=B")), Outcome::Fail);
    }
}

//! `http.identity-source`: does a tenant's id that is sent along have any effect?

use avouch_model::{
    observation::{Population, PositiveControl},
    percent::encoded,
    product::{ProbeClass, Route},
    state::Outcome,
};
use avouch_probe::{Credential, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::http_call::{Call, Site, is_success, made_id, not_all};
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

/// A request that makes something, by which route, and whether the other tenant sends it.
struct Making {
    route: Route,
    request: Request,
    by_other: bool,
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
        let request = |call: Call, who: &Credential, header: Option<&String>| {
            let request = call.request(ProbeClass::Intrusive, who.clone());
            if let Some(header) = header { request.header(header, &theirs) } else { request }
        };
        let reading = |who: &Credential, id: &str| Ok::<_, Unasked>(request(site.call_of(read)?.with_id(id), who, None));
        let can_read = |asked: Vec<Request>| -> Result<Vec<bool>, Unasked> {
            site.ask_together(asked)?.into_iter().map(|answer| Ok(answer?.status == read.ok)).collect()
        };
        // What was made by which route, and whether the other tenant asked for it.
        let mut made: Vec<(Route, Response, bool)> = Vec::new();
        let mut gathered = || -> Result<Seen, Unasked> {
            let mut create = |asked: Vec<Making>| -> Result<Vec<(u16, Option<String>)>, Unasked> {
                let (requests, by): (Vec<_>, Vec<_>) =
                    asked.into_iter().map(|making| (making.request, (making.route, making.by_other))).unzip();
                // All are kept before the first that was not answered ends it: what was made is removed whatever happened.
                let kept = |(answer, (route, by_other))| {
                    let answer: Result<Response, Unasked> = answer;
                    let answer = answer?;
                    let id = if is_success(answer.status) { made_id(&route, &answer) } else { None };
                    let status = answer.status;
                    if id.is_some() {
                        made.push((route, answer, by_other));
                    }
                    Ok((status, id))
                };
                let each: Vec<_> = site.ask_together(requests)?.into_iter().zip(by).map(kept).collect();
                each.into_iter().collect()
            };
            let first = create(vec![
                Making { route: make.clone(), request: request(site.call_of(make)?, &other, None), by_other: true },
                Making { route: make.clone(), request: request(site.call_of(make)?, &own, None), by_other: false },
            ])?;
            let mut ids = first.into_iter().map(|(status, id)| {
                let nothing =
                    || Unasked(format!("the route `{}` answered {status} without an id at its `id` pointer", asked.make));
                id.ok_or_else(nothing)
            });
            let mut id = || ids.next().unwrap_or_else(|| Err(not_all()));
            let (canary, mine) = (id()?, id()?);
            let control = can_read(vec![reading(&other, &canary)?, reading(&own, &mine)?])?;

            // The places do not depend on one another, nor does what is read of the canary on what is made meanwhile.
            let (mut places, mut asks) = (Vec::new(), Vec::new());
            for &place in &asked.places {
                let names = if place == Place::Header { &asked.headers } else { &asked.names };
                for name in names.iter().take(if place == Place::Path { 1 } else { usize::MAX }) {
                    let header = (place == Place::Header).then_some(name);
                    let put = |call: Call| request(placed(call, place, name, &theirs, asked), &own, header);
                    asks.push(put(site.call_of(read)?.with_id(&canary)));
                    if let Some(list) = &asked.list {
                        asks.push(put(site.call_of(site.route(list)?)?));
                    }
                    places.push((place, put(site.call_of(make)?)));
                }
            }
            let mut answers = site.ask_together(asks)?.into_iter();
            let mut shows = || -> Result<(u16, bool), Unasked> {
                let answer = answers.next().unwrap_or_else(|| Err(not_all()))?;
                // By the path of the object itself, or of its absence: only success shows the object.
                Ok((answer.status, is_success(answer.status) && answer.text().contains(&canary)))
            };
            let mut tried = Vec::new();
            for (place, _) in &places {
                let (read_status, mut read_theirs) = shows()?;
                if asked.list.is_some() {
                    read_theirs |= shows()?.1;
                }
                tried.push(Tried {
                    place: *place,
                    read_status,
                    read_theirs,
                    write_status: None,
                    wrote_to_theirs: false,
                    wrote_to_own: None,
                });
            }
            let mut makings: Vec<Making> = Vec::new();
            makings.extend(places.into_iter().map(|(_, request)| Making { route: make.clone(), request, by_other: false }));
            for &route in &others {
                for name in &asked.names {
                    let making = placed(site.call_of(route)?, Place::Body, name, &theirs, asked);
                    makings.push(Making { route: route.clone(), request: request(making, &own, None), by_other: false });
                }
            }
            let routes: Vec<String> = makings.iter().map(|making| making.route.name.clone()).collect();
            let makes = create(makings)?;
            let mut asks = Vec::new();
            for id in makes.iter().filter_map(|(_, id)| id.as_ref()) {
                asks.extend([reading(&other, id)?, reading(&own, id)?]);
            }
            let seen_by = can_read(asks)?;
            let mut seen_by = seen_by.chunks_exact(2);
            let mut also = Vec::new();
            for (nth, (route, (status, id))) in routes.into_iter().zip(makes).enumerate() {
                let (wrote_to_theirs, wrote_to_own) = match id.and_then(|_| seen_by.next()) {
                    Some(&[by_other, by_own]) => (by_other, Some(by_own)),
                    _ => (false, None),
                };
                match tried.get_mut(nth) {
                    Some(tried) => {
                        tried.write_status = Some(status);
                        (tried.wrote_to_theirs, tried.wrote_to_own) = (wrote_to_theirs, wrote_to_own);
                    }
                    None => also.push(Made { route, status, wrote_to_theirs, wrote_to_own }),
                }
            }
            let held = |nth: usize| control.get(nth).copied().unwrap_or(false);
            Ok(Seen { other_reads_own: held(0), own_reads_own: held(1), places: tried, also, left_behind: 0 })
        };
        let seen = gathered();
        // Removed whatever happened; what was made for the wrong tenant is removed as that tenant.
        let ids: Vec<String> = made.iter().map(|(route, answer, _)| made_id(route, answer).unwrap_or_default()).collect();
        let whoever = |by_other: bool| if by_other { (&other, &own) } else { (&own, &other) };
        let looks = made.iter().zip(&ids).map(|((_, _, by_other), id)| reading(whoever(*by_other).0, id));
        let theirs = looks.collect::<Result<Vec<_>, _>>().and_then(|looks| site.ask_together(looks)).unwrap_or_default();
        let mut theirs = theirs.into_iter();
        let mut removing = Vec::new();
        for (route, answer, by_other) in &made {
            let (first, second) = whoever(*by_other);
            let is_first = theirs.next().is_some_and(|answer| answer.is_ok_and(|answer| answer.status == read.ok));
            removing.push((route, answer, if is_first { first } else { second }));
        }
        Ok(Seen { left_behind: site.undo_together(&removing), ..seen? })
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

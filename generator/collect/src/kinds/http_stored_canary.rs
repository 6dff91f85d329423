//! `http.stored-canary`: is what the API gives back to its owner unreadable in the database?

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Credential, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::http_call::{Call, Site, listed, made_id};
use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    databases::hold,
    parameters::Globs,
    secret::{self, Needle},
};

/// What is replaced in a stored text, as in the body of a route.
const MARK: &str = "{{random}}";

/// See the module.
pub(super) struct StoredCanary;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    principals: Vec<String>,
    read: String,
    #[serde(default)]
    make: Option<String>,
    #[serde(default = "mark")]
    text: String,
    #[serde(default)]
    secret_env: Option<String>,
    database: String,
    #[serde(default)]
    except: Globs,
}

fn mark() -> String {
    MARK.to_owned()
}

/// What was stored and searched; never what it was.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The API gave it back.
    given_back: bool,
    /// The row's id was found by the same search, so that this is the database in which it was stored.
    id_found: bool,
    /// Columns that were not searched, as they are named.
    except: Vec<String>,
    columns: u64,
    values: u64,
    hits: Vec<Hit>,
    removed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hit {
    column: String,
    readable: u64,
    /// Values with its bare SHA-256, which anyone can compute of a guess.
    hashed: u64,
}

impl Question for StoredCanary {
    const ID: &'static str = "http.stored-canary";
    const QUESTION: &'static str = "Is what the API gives back to its owner unreadable in the database?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Intrusive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-stored-canary.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let read = site.route(&asked.read)?;
        match (&asked.make, &asked.secret_env) {
            (Some(make), None) => {
                let make = site.route(make)?;
                if make.undo.is_none() {
                    return Err(Unasked(format!("what the route `{}` makes must be removed again: set its `undo`", make.name)));
                }
                let mark = site.random();
                let (who, made) = first(&site, asked, &site.call_marked(make, &mark)?, make.ok)?;
                let id = made_id(make, &made)
                    .ok_or_else(|| Unasked(format!("the route `{}` tells no id: set its `id`", make.name)))?;
                let stored = asked.text.replace(MARK, &mark);
                let seen = (|| {
                    let call = site.call_of(read)?.with_id(&id);
                    let given_back = first(&site, asked, &call, read.ok).is_ok_and(|(_, answer)| answer.text().contains(&stored));
                    search(world, asked, &Needle::of("make", &stored)?, &stored, &id, given_back)
                })();
                // Removed whatever happened in between, by whoever may.
                let removed = std::iter::once(&who)
                    .chain(&asked.principals)
                    .any(|who| site.undo(make, &made, &Credential::Principal(who.clone())));
                Ok(Seen { removed, ..seen? })
            }
            (None, Some(name)) => {
                let stored = secret::value(world, name)?;
                let (_, answer) = first(&site, asked, &site.call_of(read)?, read.ok)?;
                let id = made_id(read, &answer)
                    .ok_or_else(|| Unasked(format!("the route `{}` tells no id of what it shows: set its `id`", read.name)))?;
                let given_back = answer.text().contains(&stored);
                let seen = search(world, asked, &Needle::of(name, &stored)?, &stored, &id, given_back)?;
                Ok(Seen { removed: true, ..seen })
            }
            _ => Err(Unasked("give either `make`, or `secret_env` with what is stored already".to_owned())),
        }
    }

    fn judge(seen: &Seen, _: &Asked) -> Judgement {
        let findings = seen
            .hits
            .iter()
            .map(|hit| match hit {
                Hit { column, readable: 0, hashed } => {
                    format!("`{column}` holds its SHA-256 without a key in {hashed} values, which a guess can be compared with")
                }
                Hit { column, readable, .. } => format!("`{column}` holds it in {readable} values for everyone to read"),
            })
            .collect();
        Judgement::decide(
            Population { examined: if seen.values == 0 { 0 } else { seen.columns }, required: 1 },
            if seen.given_back && seen.id_found { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!(
                "The API gave it back, its row was found in the database, and in {} values of {} columns it was not readable.",
                seen.values, seen.columns
            ),
        )
    }
}

/// The first principal who is let in, and the answer.
fn first(site: &Site<'_>, asked: &Asked, call: &Call, ok: u16) -> Result<(String, Response), Unasked> {
    let mut statuses = Vec::new();
    for who in &asked.principals {
        let answer = site.ask(&call.request(ProbeClass::Intrusive, Credential::Principal(who.clone())))?;
        if answer.status == ok {
            return Ok((who.clone(), answer));
        }
        statuses.push(answer.status);
    }
    Err(Unasked(format!("no principal is let in: {} {} answers {}", call.method, call.path, listed(&statuses))))
}

fn search(
    world: &World<'_>,
    asked: &Asked,
    readable: &Needle,
    stored: &str,
    id: &str,
    given_back: bool,
) -> Result<Seen, Unasked> {
    let hashed = Needle::of_bytes(&Sha256::digest(stored.as_bytes()))?;
    let row = Needle::exactly(id)?;
    let mut database = hold(world, Some(&asked.database))?;
    let mut seen = Seen { given_back, ..Seen::default() };
    for table in database.tables()? {
        for column in &table.columns {
            let name = format!("{}.{}", table.name, column.name);
            if asked.except.matches(&name) {
                seen.except.push(name);
                continue;
            }
            let mut hit = Hit { column: name, readable: 0, hashed: 0 };
            seen.columns += 1;
            seen.values += database.scan(&table.name, &column.name, &mut |bytes| {
                hit.readable += u64::from(readable.is_in(bytes));
                hit.hashed += u64::from(hashed.is_in(bytes));
                seen.id_found = seen.id_found || row.is_in(bytes);
            })?;
            if hit.readable + hit.hashed > 0 {
                seen.hits.push(hit);
            }
        }
    }
    Ok(seen)
}

const ASKED: &str = r#"{"target":"api","principals":["a"],"make":"write","read":"item","database":"main"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "it is given back and readable nowhere",
        asked: ASKED,
        seen: r#"{"given_back":true,"id_found":true,"except":[],"columns":20,"values":300,"hits":[],"removed":true}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a column holds it in base64",
        asked: ASKED,
        seen: r#"{"given_back":true,"id_found":true,"except":[],"columns":20,"values":300,
            "hits":[{"column":"secrets.value","readable":1,"hashed":0}],"removed":true}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a column holds a hash that anyone can compute of a guess",
        asked: ASKED,
        seen: r#"{"given_back":true,"id_found":true,"except":[],"columns":20,"values":300,
            "hits":[{"column":"secrets.name_index","readable":0,"hashed":1}],"removed":true}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the API does not give it back, so that it may never have been stored",
        asked: ASKED,
        seen: r#"{"given_back":false,"id_found":true,"except":[],"columns":20,"values":300,"hits":[],"removed":true}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "the row is not in the database that was searched",
        asked: ASKED,
        seen: r#"{"given_back":true,"id_found":false,"except":[],"columns":20,"values":300,"hits":[],"removed":true}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "nothing was searched",
        asked: ASKED,
        seen: r#"{"given_back":true,"id_found":true,"except":["a.b"],"columns":0,"values":0,"hits":[],"removed":true}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, Got, json, route, serve, target, try_ask},
        testing::Scene,
    };

    /// An API that stores nothing itself: the database of the scene holds what it would have stored.
    fn judge(row: &str, asked: &str) -> Result<Judgement, Unasked> {
        let held = Mutex::new(String::new());
        let at = serve(Caps::NONE, move |got: &Got| {
            let mut held = held.lock().unwrap();
            match got.method.as_str() {
                _ if got.header("authorization").contains("BBBB") => json(403, "{}"),
                "POST" => {
                    *held = String::from_utf8_lossy(&got.body).into_owned();
                    json(201, r#"{"id":"row-17"}"#)
                }
                "DELETE" => (204, vec![], String::new()),
                _ if held.is_empty() => json(200, r#"{"id":"row-17","label":"c0ffee-label-canary"}"#),
                _ => json(200, held.clone()),
            }
        });
        let mut target = target(at);
        let (name, mut made) = route("write", "POST /items", 201);
        (made.id, made.undo) = (Some("/id".to_owned()), Some(("DELETE".to_owned(), "/items/{id}".to_owned())));
        made.body = Some("item.json".to_owned());
        let (_, mut me) = route("me", "GET /me", 200);
        me.id = Some("/id".to_owned());
        target.routes.extend([(name, made), route("item", "GET /items/{id}", 200), ("me".to_owned(), me)]);
        let mut scene = Scene::of_database(&format!("CREATE TABLE items (id TEXT, kept BLOB); {row}"));
        scene.tree.0.insert("item.json".to_owned(), br#"{"value":"{{random}}"}"#.to_vec());
        scene.environment.insert("CANARY".to_owned(), "c0ffee-label-canary".to_owned());
        try_ask::<StoredCanary>(scene, &target, asked)
    }

    const FRESH: &str = r#"{"target":"api","principals":["b","a"],"make":"write","read":"item","database":"main"}"#;
    const KNOWN: &str = r#"{"target":"api","principals":["a"],"read":"me","secret_env":"CANARY","database":"main"}"#;

    #[test]
    fn a_row_that_is_there_and_says_nothing_passes() {
        let row = "INSERT INTO items VALUES ('row-17', x'00ff00');";
        assert_eq!(judge(row, FRESH).unwrap().outcome, Outcome::Pass);
        assert_eq!(judge(row, KNOWN).unwrap().outcome, Outcome::Pass);
        // The row is missing: this is not the database that the API writes to.
        assert_eq!(judge("INSERT INTO items VALUES ('row-99', 'x');", FRESH).unwrap().outcome, Outcome::Error);
    }

    #[test]
    fn what_is_stored_is_found_in_clear_encoded_and_hashed() {
        // The test's source of randomness counts from 1, and each call of it is one mark.
        for kept in ["'0000000000000001'", "x'3030303030303030303030303030303031'", "'eyJ2IjoiMDAwMDAwMDAwMDAwMDAwMSJ9'"] {
            let row = format!("INSERT INTO items VALUES ('row-17', {kept});");
            assert_eq!(judge(&row, FRESH).unwrap().outcome, Outcome::Fail, "{kept}");
        }
        let digest = Sha256::digest(b"0000000000000001");
        for kept in [format!("'{}'", hex::encode(digest)), format!("x'{}'", hex::encode(digest))] {
            let row = format!("INSERT INTO items VALUES ('row-17', {kept});");
            assert_eq!(judge(&row, FRESH).unwrap().outcome, Outcome::Fail, "{kept}");
        }
        assert_eq!(judge("INSERT INTO items VALUES ('row-17', 'c0ffee-label-canary');", KNOWN).unwrap().outcome, Outcome::Fail);
    }

    #[test]
    fn columns_that_are_published_as_readable_are_left_out_by_name() {
        let row = "INSERT INTO items VALUES ('row-17', 'c0ffee-label-canary');";
        let asked = KNOWN.replace("\"main\"", "\"main\",\"except\":\"items.kept\"");
        assert_eq!(judge(row, &asked).unwrap().outcome, Outcome::Pass);
    }
}

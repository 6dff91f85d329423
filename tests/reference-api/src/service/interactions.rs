//! Interactions: made one at a time or in batches, shown and deleted by whoever made them.

use hyper::{Method, StatusCode, body::Incoming};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Deserialize;
use serde_json::json;

use super::{
    answer::{
        Answer, FORBIDDEN, INVALID_BODY, METHOD_NOT_ALLOWED, NOT_FOUND, Refusal, TOO_MANY_ITEMS, UNAVAILABLE, empty, json_answer,
    },
    app::{App, Call, random_id},
    authentication::Caller,
    body::{self, Cap},
};
use crate::defect::Defect;

/// The most interactions in one list.
const LISTED_MAX: u32 = 50;
/// Where only the declared length is checked, a body still ends somewhere.
const UNCHECKED_BYTES: usize = 64 * 1024 * 1024;
/// The longest name of a channel, in bytes.
const CHANNEL_MAX: usize = 40;

/// An interaction as it is sent. Members that are not known are ignored, `org_id` like any other.
#[derive(Deserialize)]
struct Sent {
    #[serde(default = "chat")]
    channel: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    org_id: Option<String>,
}

fn chat() -> String {
    "chat".to_owned()
}

#[derive(Deserialize)]
struct Batch {
    interactions: Vec<Sent>,
    #[serde(default)]
    org_id: Option<String>,
}

/// `POST /v1/interactions` and `GET /v1/interactions`.
pub(super) async fn collection(app: &App, call: &Call<'_>, body: Incoming, caller: &Caller) -> Result<Answer, Refusal> {
    match *call.method {
        Method::POST => {
            let bytes = body::read(call.headers, body, single_cap(app)).await?;
            let sent: Sent = serde_json::from_slice(&bytes).map_err(|_| INVALID_BODY)?;
            let ids = insert(app, call, caller, None, vec![sent]).await?;
            Ok(json_answer(StatusCode::CREATED, &json!({ "id": ids.first() })))
        }
        Method::GET => list(app, call, caller).await,
        _ => Err(METHOD_NOT_ALLOWED),
    }
}

/// `POST /v1/interactions/batch`.
pub(super) async fn batch(app: &App, call: &Call<'_>, body: Incoming, caller: &Caller) -> Result<Answer, Refusal> {
    if *call.method != Method::POST {
        return Err(METHOD_NOT_ALLOWED);
    }
    let bytes = body::read(call.headers, body, cap(app, app.settings.limits.batch_bytes, Defect::BatchLengthOnly)).await?;
    let Batch { interactions, org_id } = serde_json::from_slice(&bytes).map_err(|_| INVALID_BODY)?;
    if interactions.is_empty() {
        return Err(INVALID_BODY);
    }
    if interactions.len() > app.settings.limits.batch_items {
        return Err(TOO_MANY_ITEMS);
    }
    let org = org_id.filter(|_| app.chosen().is(Defect::BatchOrgHonoured));
    let ids = insert(app, call, caller, org, interactions).await?;
    Ok(json_answer(StatusCode::CREATED, &json!({ "accepted": ids.len(), "ids": ids })))
}

/// `GET /v1/interactions/{id}` and `DELETE /v1/interactions/{id}`: what is somebody else's is not there.
pub(super) async fn one(app: &App, call: &Call<'_>, caller: &Caller, id: &str) -> Result<Answer, Refusal> {
    let (id, org) = (id.to_owned(), org_of(app, call, caller));
    let anybodys = app.chosen().is(Defect::RouterCheckDropped) && *call.method == Method::GET
        || app.chosen().is(Defect::ForeignDeletionConfirmed) && *call.method == Method::DELETE;
    let found = {
        let (id, org) = (id.clone(), org.clone());
        app.store.read(move |database| find(database, &id, (!anybodys).then_some(&org))).await?
    };
    let Some((channel, content, created_at)) = found else {
        if app.chosen().is(Defect::ForeignForbidden) && app.store.read(move |database| find(database, &id, None)).await?.is_some()
        {
            return Err(FORBIDDEN);
        }
        return Err(NOT_FOUND);
    };
    match *call.method {
        Method::GET => Ok(json_answer(
            StatusCode::OK,
            &json!({ "id": id, "channel": channel, "content": content, "created_at": created_at }),
        )),
        Method::DELETE => {
            app.store
                .write(move |database| {
                    database.execute("DELETE FROM interactions WHERE id = ?1 AND org_id = ?2", params![id, org])
                })
                .await?;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => Err(METHOD_NOT_ALLOWED),
    }
}

fn cap(app: &App, bytes: usize, length_only: Defect) -> Cap {
    let undeclared_bytes = if app.chosen().is(length_only) { UNCHECKED_BYTES } else { bytes };
    Cap { bytes, undeclared_bytes, characters: None }
}

/// No character of UTF-16 takes more than three bytes in UTF-8.
fn single_cap(app: &App) -> Cap {
    let bytes = app.settings.limits.single_bytes;
    if app.chosen().is(Defect::SingleCountedInCharacters) {
        let most = bytes.saturating_mul(3);
        return Cap { bytes: most, undeclared_bytes: most, characters: Some(bytes) };
    }
    cap(app, bytes, Defect::SingleLengthOnly)
}

/// The organisation that a request is about: the key's, and nothing that the request says.
fn org_of(app: &App, call: &Call<'_>, caller: &Caller) -> String {
    let claimed = if app.chosen().is(Defect::HonourQueryOrg) {
        call.query.split('&').find_map(|pair| pair.strip_prefix("org_id="))
    } else if app.chosen().is(Defect::HonourHeaderOrg) {
        call.headers.get("x-org-id").and_then(|value| value.to_str().ok())
    } else {
        None
    };
    claimed.unwrap_or(&caller.org).to_owned()
}

type Found = (String, String, i64);

fn find(database: &Connection, id: &str, org: Option<&String>) -> rusqlite::Result<Option<Found>> {
    database
        .prepare_cached("SELECT channel, content, created_at FROM interactions WHERE id = ?1 AND (?2 IS NULL OR org_id = ?2)")?
        .query_row(params![id, org], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
}

async fn list(app: &App, call: &Call<'_>, caller: &Caller) -> Result<Answer, Refusal> {
    let org = org_of(app, call, caller);
    let listed = app
        .store
        .read(move |database| {
            let mut statement = database.prepare_cached(
                "SELECT id, channel, created_at FROM interactions WHERE org_id = ?1 ORDER BY created_at DESC, rowid DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![org, LISTED_MAX], |row| {
                let (id, channel, created_at): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(json!({ "id": id, "channel": channel, "created_at": created_at }))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })
        .await?;
    Ok(json_answer(StatusCode::OK, &json!({ "interactions": listed })))
}

async fn insert(
    app: &App,
    call: &Call<'_>,
    caller: &Caller,
    org: Option<String>,
    sent: Vec<Sent>,
) -> Result<Vec<String>, Refusal> {
    if sent.iter().any(|interaction| interaction.channel.is_empty() || interaction.channel.len() > CHANNEL_MAX) {
        return Err(INVALID_BODY);
    }
    let ids = (0..sent.len()).map(|_| random_id()).collect::<Option<Vec<_>>>().ok_or(UNAVAILABLE)?;
    let (org, created_at) = (org.unwrap_or_else(|| org_of(app, call, caller)), call.at.timestamp());
    let honour_body = app.chosen().is(Defect::HonourBodyOrg);
    let made = ids.clone();
    app.store
        .write(move |database| {
            let mut insert = database.prepare_cached(
                "INSERT INTO interactions (id, org_id, channel, content, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for (id, interaction) in ids.iter().zip(&sent) {
                let org = interaction.org_id.as_ref().filter(|_| honour_body).unwrap_or(&org);
                insert.execute(params![id, org, interaction.channel, interaction.content, created_at])?;
            }
            Ok(())
        })
        .await?;
    Ok(made)
}

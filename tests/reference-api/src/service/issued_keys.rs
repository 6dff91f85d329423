//! Keys: issued once in clear, listed without key or hash, deleted.

use std::sync::{Mutex, PoisonError};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use hyper::{Method, StatusCode};
use rusqlite::params;
use serde_json::{Value, json};

use super::{
    answer::{Answer, METHOD_NOT_ALLOWED, NOT_FOUND, Refusal, TOO_MANY_KEYS, UNAVAILABLE, empty, json_answer},
    app::{App, Call, random_id},
    authentication::Caller,
};
use crate::{
    database::{lookup_prefix, stored_hash},
    defect::{Chosen, Defect},
    keys,
};

/// The most keys of an organisation.
const KEYS_MAX: u32 = 5_000;
/// How long a key is good, in seconds.
const KEY_SECONDS: i64 = 365 * 86_400;

/// What defects remember of issued keys: id and key, the latest last.
#[derive(Default)]
pub(super) struct Issued(Mutex<Vec<(String, String)>>);

impl Issued {
    const REMEMBERED_MAX: usize = 1_000;

    fn remember(&self, id: &str, key: &str) {
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() >= Self::REMEMBERED_MAX {
            issued.remove(0);
        }
        issued.push((id.to_owned(), key.to_owned()));
    }

    fn key(&self, id: &str) -> Option<String> {
        let issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        issued.iter().rev().find(|(known, _)| known == id).map(|(_, key)| key.clone())
    }

    /// Every hundredth time, the key before.
    fn repeated(&self) -> Option<String> {
        let issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (issued.len() % 100 == 99).then(|| issued.last().map(|(_, key)| key.clone())).flatten()
    }
}

/// `POST /v1/keys` and `GET /v1/keys`.
pub(super) async fn collection(app: &App, call: &Call<'_>, caller: &Caller) -> Result<Answer, Refusal> {
    match *call.method {
        Method::POST => issue(app, call, caller).await,
        Method::GET => list(app, caller).await,
        _ => Err(METHOD_NOT_ALLOWED),
    }
}

/// `DELETE /v1/keys/{id}`.
pub(super) async fn one(app: &App, call: &Call<'_>, caller: &Caller, id: &str) -> Result<Answer, Refusal> {
    if *call.method != Method::DELETE {
        return Err(METHOD_NOT_ALLOWED);
    }
    let (id, org, event) = (id.to_owned(), caller.org.clone(), Event::of(call, "key_deleted"));
    let deleted = app
        .store
        .write(move |database| {
            let deleted = database.execute("DELETE FROM api_keys WHERE id = ?1 AND org_id = ?2", params![id, org])?;
            if deleted > 0 {
                event.record(database, &org)?;
            }
            Ok(deleted)
        })
        .await?;
    if deleted == 0 { Err(NOT_FOUND) } else { Ok(empty(StatusCode::NO_CONTENT)) }
}

async fn issue(app: &App, call: &Call<'_>, caller: &Caller) -> Result<Answer, Refusal> {
    let chosen = app.chosen();
    let key = match app.issued.repeated().filter(|_| chosen.is(Defect::RepeatedKeys)) {
        Some(key) => key,
        None => new_key(chosen, call.at.timestamp_millis()).ok_or(UNAVAILABLE)?,
    };
    let id = format!("key_{}", random_id().ok_or(UNAVAILABLE)?);
    let created_at = call.at.timestamp();
    let expires_at = created_at + KEY_SECONDS;
    let prefix = keys::prefix(&key, lookup_prefix(chosen)).unwrap_or_default().to_owned();
    let hash = stored_hash(chosen, &app.settings.pepper, &key);
    let fingerprint = hex::decode(&hash).unwrap_or_default();
    let (row_id, row_prefix, org, event) = (id.clone(), prefix.clone(), caller.org.clone(), Event::of(call, "key_issued"));
    let made = app
        .store
        .write(move |database| {
            let count: u32 = database.query_row("SELECT count(*) FROM api_keys WHERE org_id = ?1", [&org], |row| row.get(0))?;
            if count >= KEYS_MAX {
                return Ok(false);
            }
            database.execute(
                "INSERT INTO api_keys (id, org_id, prefix, hash, active, expires_at, created_at) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)",
                params![row_id, org, row_prefix, hash, expires_at, created_at],
            )?;
            event.record(database, &org)?;
            Ok(true)
        })
        .await?;
    if !made {
        return Err(TOO_MANY_KEYS);
    }
    if chosen.is_any(&[Defect::KeysListed, Defect::RepeatedKeys]) {
        app.issued.remember(&id, &key);
    }
    let mut body = json!({ "id": id, "key": key, "prefix": prefix, "created_at": created_at, "expires_at": expires_at });
    if chosen.is(Defect::FingerprintOnIssue) {
        body["fingerprint"] = json!(format!("SHA256:{}", STANDARD_NO_PAD.encode(fingerprint)));
    }
    Ok(json_answer(StatusCode::CREATED, &body))
}

/// A key of 130 random bits; none when the system has no randomness to give.
fn new_key(chosen: Chosen, now_ms: i64) -> Option<String> {
    let mut bytes = [0; 17];
    let (drawn, _) = bytes.split_at_mut(if chosen.is(Defect::LastByteNotDrawn) { 16 } else { 17 });
    getrandom::fill(drawn).ok()?;
    let key = if chosen.is(Defect::ShortKeys) {
        format!("{}{}", keys::TAG, keys::base32(&bytes, 25))
    } else if chosen.is(Defect::LowerCaseKeys) {
        format!("{}{}", keys::TAG, keys::base32(&bytes, 26).to_lowercase())
    } else if chosen.is(Defect::UlidKeys) {
        // 48 bits of time in ten characters, 80 random bits in sixteen.
        let time = now_ms.unsigned_abs() << 14;
        format!("{}{}{}", keys::TAG, keys::base32(&time.to_be_bytes(), 10), keys::base32(&bytes, 16))
    } else if chosen.is(Defect::KeysWithU) {
        keys::with_u(&keys::from_random(&bytes))
    } else if chosen.is(Defect::RegionCharacter) {
        // Which of the four regions: what is random stands around it.
        let (mut key, region) = (keys::from_random(&bytes), keys::base32(&[bytes[16] << 6 >> 3], 1));
        key.replace_range(keys::TAG.len() + 12..keys::TAG.len() + 13, &region);
        key
    } else {
        keys::from_random(&bytes)
    };
    Some(key)
}

async fn list(app: &App, caller: &Caller) -> Result<Answer, Refusal> {
    let org = caller.org.clone();
    let mut listed = app
        .store
        .read(move |database| {
            let mut statement = database.prepare_cached(
                "SELECT id, prefix, active, created_at, expires_at, hash FROM api_keys WHERE org_id = ?1 ORDER BY created_at DESC LIMIT 100",
            )?;
            let rows = statement.query_map([org], |row| {
                let (id, prefix, active): (String, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let (created_at, expires_at): (i64, Option<i64>) = (row.get(3)?, row.get(4)?);
                let shown = json!({
                    "id": id, "prefix": prefix, "active": active, "created_at": created_at, "expires_at": expires_at
                });
                Ok((shown, row.get::<_, String>(5)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<(Value, String)>>>()
        })
        .await?;
    for (shown, hash) in &mut listed {
        let id = shown["id"].as_str().unwrap_or_default().to_owned();
        if app.chosen().is(Defect::HashesListed) {
            shown["hash"] = json!(hash);
        }
        if app.chosen().is(Defect::KeysListed) {
            shown["key"] = json!(if id == caller.key_id { Some(caller.key.clone()) } else { app.issued.key(&id) });
        }
    }
    let keys: Vec<Value> = listed.into_iter().map(|(shown, _)| shown).collect();
    Ok(json_answer(StatusCode::OK, &json!({ "keys": keys })))
}

/// Something that was done with a key, for `audit_log`.
struct Event {
    request_id: String,
    at: String,
    name: &'static str,
}

impl Event {
    fn of(call: &Call<'_>, name: &'static str) -> Self {
        Self { request_id: call.request_id.to_owned(), at: crate::database::iso(call.at), name }
    }

    fn record(&self, database: &rusqlite::Connection, org: &str) -> rusqlite::Result<()> {
        database
            .prepare_cached("INSERT INTO audit_log (org_id, request_id, at, event, reason) VALUES (?1, ?2, ?3, ?4, 'requested')")?
            .execute(params![org, self.request_id, self.at, self.name])
            .map(drop)
    }
}

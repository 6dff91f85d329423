//! Authentication: one answer for every refusal, one least time for every outcome, the cause in `audit_log` only.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{Method, header::AUTHORIZATION};
use rusqlite::{Connection, params};
use subtle::ConstantTimeEq as _;

use super::{
    app::{App, Call},
    floor,
    limits::{Admission, FixedWindows, SlidingWindows, admit_key, admit_key_by_the_clock},
};
use crate::{
    database::{OLD_PREFIX, counted_under, lookup_prefix, stored_hash},
    defect::{Chosen, Defect},
    fixture::ORG_NONE,
    keys,
};

/// Who calls: everything that is known follows from the key.
pub(super) struct Caller {
    /// The organisation.
    pub(super) org: String,
    /// The id of the key.
    pub(super) key_id: String,
    /// The key as it was presented.
    pub(super) key: String,
    /// The origins of the organisation.
    pub(super) allowed_origins: Vec<String>,
}

/// How an authentication ended.
pub(super) enum Outcome {
    /// Known, in force, within its limit.
    Admitted(Caller),
    /// Refused, and told nothing more.
    Refused(Reason),
    /// The limit of the key is used up for so many seconds.
    Limited(u32),
    /// It could not be decided.
    Unavailable,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// No credential.
    Missing,
    /// A credential that is no key.
    Malformed,
    /// A key whose prefix is not known.
    UnknownPrefix,
    /// A key whose prefix is known, and which is not that key.
    WrongHash,
    /// A key that was switched off.
    Inactive,
    /// A key whose time is over.
    Expired,
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing_credential",
            Self::Malformed => "malformed_credential",
            Self::UnknownPrefix => "unknown_prefix",
            Self::WrongHash => "wrong_hash",
            Self::Inactive => "inactive_key",
            Self::Expired => "expired_key",
        }
    }
}

/// What `audit_log` says of a request that went over its key's limit.
const OVER_LIMIT: &str = "key_over_limit";

impl Outcome {
    /// The cause as `audit_log` has it.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Admitted(_) | Self::Unavailable => None,
            Self::Refused(reason) => Some(reason.name()),
            Self::Limited(_) => Some(OVER_LIMIT),
        }
    }
}

/// Finds out who calls. Takes at least the floor, whatever comes out.
pub(super) async fn authenticate(app: &App, call: &Call<'_>, began: Instant) -> Outcome {
    let presented = call.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let presented = presented.map(|value| value.strip_prefix("Bearer ").unwrap_or_default());
    let chosen = app.chosen();
    let ask = Ask {
        presented: presented.map(ToOwned::to_owned),
        pepper: app.settings.pepper.clone(),
        counting: Counting {
            elsewhere: chosen.is(Defect::CountedInMemory).then(|| Arc::clone(&app.sliding_windows)),
            by_the_clock: chosen.is(Defect::ClockWindows),
            uncounted: chosen.is(Defect::WritesNotCounted) && *call.method != Method::GET,
            ..Counting::new(chosen, &app.fixed_windows, app.settings.limits.key_window, call.at.timestamp_millis())
        },
        at: crate::database::iso(call.at),
        request_id: call.request_id.to_owned(),
        limit: app.settings.limits.key,
    };
    let outcome = app.store.write(move |database| decide(database, ask)).await.unwrap_or(Outcome::Unavailable);
    let floor = Duration::from_millis(app.settings.limits.floor_ms.into());
    let floor = floor::of(chosen, &app.remembered, floor, call.method, presented.unwrap_or_default(), &outcome);
    tokio::time::sleep_until((began + floor).into()).await;
    outcome
}

/// What the database is asked.
struct Ask {
    presented: Option<String>,
    pepper: String,
    counting: Counting,
    at: String,
    request_id: String,
    limit: u32,
}

/// How a request of a key is counted, and when.
pub(super) struct Counting {
    chosen: Chosen,
    now_ms: i64,
    window: u32,
    fixed: Option<Arc<FixedWindows>>,
    /// Where the service counts when that is not the table; its tests count in the table all the same.
    elsewhere: Option<Arc<SlidingWindows>>,
    by_the_clock: bool,
    uncounted: bool,
}

impl Counting {
    pub(super) fn new(chosen: Chosen, windows: &Arc<FixedWindows>, window: u32, now_ms: i64) -> Self {
        let fixed = chosen.is_any(&[Defect::FixedWindow, Defect::RateTableWithoutTimestamp]).then(|| Arc::clone(windows));
        Self { chosen, now_ms, window, fixed, elsewhere: None, by_the_clock: false, uncounted: false }
    }
}

/// A key as it is stored.
struct Row {
    id: String,
    org: String,
    hash: String,
    active: bool,
    rate_limit: Option<u32>,
    expires_at: Option<i64>,
    origins: String,
}

fn decide(database: &Connection, ask: Ask) -> rusqlite::Result<Outcome> {
    let (outcome, org) = recognise(database, &ask)?;
    if let Some(reason) = outcome.reason()
        && !ask.counting.chosen.is(Defect::ReasonNotAudited)
    {
        database
            .prepare_cached("INSERT INTO audit_log (org_id, request_id, at, event, reason) VALUES (?1, ?2, ?3, 'refused', ?4)")?
            .execute(params![org, ask.request_id, ask.at, reason])?;
    }
    Ok(outcome)
}

fn recognise(database: &Connection, ask: &Ask) -> rusqlite::Result<(Outcome, String)> {
    let unattributed = |reason| Ok((Outcome::Refused(reason), ORG_NONE.to_owned()));
    let Some(key) = &ask.presented else { return unattributed(Reason::Missing) };
    let chosen = ask.counting.chosen;
    // With U in the alphabet, a key is one that would be with another symbol in its place.
    let formed = keys::body(key).is_some() || chosen.is(Defect::KeysWithU) && keys::body(&key.replace('U', "V")).is_some();
    let Some(prefix) = keys::prefix(key, lookup_prefix(chosen)).filter(|_| formed) else {
        return unattributed(Reason::Malformed);
    };
    let hash = stored_hash(ask.counting.chosen, &ask.pepper, key);
    let old_hash = ask.counting.chosen.is(Defect::UnpepperedOldKey).then(|| keys::peppered_hash("", key));
    let old_prefix = ask.counting.chosen.is(Defect::LongOldPrefixes).then(|| keys::prefix(key, OLD_PREFIX)).flatten();
    let rows = rows_of_prefix(database, prefix, old_prefix)?;
    let Some(first) = rows.first() else { return unattributed(Reason::UnknownPrefix) };
    let is_this = |row: &&Row| {
        let equals = |hash: &String| row.hash.as_bytes().ct_eq(hash.as_bytes()).into();
        equals(&hash) || old_hash.as_ref().is_some_and(equals)
    };
    let known = rows.iter().find(is_this);
    let Some(row) = known else { return Ok((Outcome::Refused(Reason::WrongHash), first.org.clone())) };
    let outcome = if !row.active {
        Outcome::Refused(Reason::Inactive)
    } else if row.expires_at.is_some_and(|expires| expires * 1_000 <= ask.counting.now_ms) {
        Outcome::Refused(Reason::Expired)
    } else {
        match count(database, &ask.counting, &row.org, row.rate_limit.unwrap_or(ask.limit), key)? {
            Admission::Refused(seconds) => Outcome::Limited(seconds),
            Admission::Admitted => Outcome::Admitted(Caller {
                org: row.org.clone(),
                key_id: row.id.clone(),
                key: key.clone(),
                allowed_origins: serde_json::from_str(&row.origins).unwrap_or_default(),
            }),
        }
    };
    Ok((outcome, row.org.clone()))
}

fn rows_of_prefix(database: &Connection, prefix: &str, or: Option<&str>) -> rusqlite::Result<Vec<Row>> {
    let mut statement = database.prepare_cached(
        "SELECT k.id, k.org_id, k.hash, k.active, k.rate_limit, k.expires_at, o.allowed_origins
         FROM api_keys k JOIN orgs o ON o.id = k.org_id WHERE k.prefix IN (?1, ?2) ORDER BY k.id LIMIT 16",
    )?;
    let rows = statement.query_map([Some(prefix), or], |row| {
        Ok(Row {
            id: row.get(0)?,
            org: row.get(1)?,
            hash: row.get(2)?,
            active: row.get(3)?,
            rate_limit: row.get(4)?,
            expires_at: row.get(5)?,
            origins: row.get(6)?,
        })
    })?;
    rows.collect()
}

/// Counts a request of this key. What cannot be counted is refused, as an error.
pub(super) fn count(database: &Connection, counting: &Counting, org: &str, limit: u32, key: &str) -> rusqlite::Result<Admission> {
    let Counting { chosen, now_ms, window, ref fixed, ref elsewhere, by_the_clock, uncounted } = *counting;
    let prefix = counted_under(chosen, key);
    if uncounted {
        return Ok(Admission::Admitted);
    }
    if let Some(windows) = elsewhere {
        return Ok(windows.admit(&prefix, now_ms, limit, window));
    }
    if by_the_clock {
        return admit_key_by_the_clock(database, org, &prefix, now_ms, limit, window);
    }
    if let Some(windows) = fixed {
        let admission = windows.admit(&prefix, now_ms, limit, window);
        if admission == Admission::Admitted {
            record(database, counting, org, &prefix)?;
        }
        return Ok(admission);
    }
    let admission = admit_key(database, org, &prefix, now_ms, limit, window);
    match admission {
        Err(_) if chosen.is(Defect::FailsOpen) => Ok(Admission::Admitted),
        other => other,
    }
}

/// The row that a request leaves where its time is counted elsewhere.
fn record(database: &Connection, counting: &Counting, org: &str, prefix: &str) -> rusqlite::Result<()> {
    if counting.chosen.is(Defect::RateTableWithoutTimestamp) {
        let mut insert = database.prepare_cached("INSERT INTO rate_limits (org_id, key_prefix) VALUES (?1, ?2)")?;
        insert.execute(params![org, prefix])?;
    } else {
        let mut insert = database.prepare_cached("INSERT INTO rate_limits (org_id, key_prefix, at) VALUES (?1, ?2, ?3)")?;
        insert.execute(params![org, prefix, counting.now_ms])?;
    }
    Ok(())
}

//! The rows: most of them young, some over their time, as a product has that never deleted anything.

use chrono::{DateTime, Months, SecondsFormat, TimeDelta, Utc};
use rusqlite::{Connection, params};

use super::{Seeding, blind, counted_under, stored_hash};
use crate::{
    defect::Defect,
    fixture::{Fixture, ORGS, Stream},
};

const DAY: u64 = 86_400;

pub(super) fn fill(connection: &Connection, seeding: &Seeding, fixture: &Fixture) -> rusqlite::Result<()> {
    orgs(connection, seeding)?;
    keys(connection, seeding, fixture)?;
    interactions(connection, seeding)?;
    rate_limits(connection, seeding)?;
    audit_log(connection, seeding)?;
    alerts(connection, seeding)?;
    seeding.chosen.iter().try_for_each(|defect| {
        old_row(connection, seeding, defect)?;
        other_defects(connection, seeding, fixture, defect)?;
        blind::breaks(connection, seeding, fixture, defect)
    })
}

/// The instant as `audit_log` has it.
pub(crate) fn iso(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn orgs(connection: &Connection, seeding: &Seeding) -> rusqlite::Result<()> {
    for org in ORGS {
        let origins = serde_json::json!(org.allowed_origins).to_string();
        let created = months_ago(seeding.now, 30).timestamp();
        connection.execute("INSERT INTO orgs VALUES (?1, ?2, ?3, ?4)", params![org.id, org.name, origins, created])?;
    }
    Ok(())
}

fn keys(connection: &Connection, seeding: &Seeding, fixture: &Fixture) -> rusqlite::Result<()> {
    let now = seeding.now.timestamp();
    for key in &fixture.keys {
        let Some(stored) = key.stored else { continue };
        let id = key.variable.replace("PROBE_", "key_").to_lowercase();
        let prefix = crate::keys::prefix(&key.key, blind::prefix_of(seeding.chosen, key.variable)).unwrap_or_default();
        let pepper = if blind::is_unpeppered(seeding.chosen, key.variable) { "" } else { &fixture.pepper };
        connection.execute(
            "INSERT INTO api_keys (id, org_id, prefix, hash, active, rate_limit, expires_at, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                id,
                stored.org,
                prefix,
                stored_hash(seeding.chosen, pepper, &key.key),
                stored.active,
                stored.rate_limit,
                stored.expires_in.map(|seconds| now + seconds),
                now - 90 * DAY as i64,
            ],
        )?;
    }
    Ok(())
}

/// Whether the row of this number is over its time: every n-th, so that the part is exact.
fn is_due(number: u32, percent: u32) -> bool {
    u64::from(number + 1) * u64::from(percent) / 100 > u64::from(number) * u64::from(percent) / 100
}

pub(super) fn months_ago(now: DateTime<Utc>, months: u32) -> DateTime<Utc> {
    now.checked_sub_months(Months::new(months)).unwrap_or(now)
}

/// A point `from` to `to` seconds before `start`.
fn before(start: DateTime<Utc>, stream: &mut Stream, from: u64, to: u64) -> DateTime<Utc> {
    let seconds = from + stream.below(to - from);
    i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds).map_or(start, |span| start - span)
}

pub(super) fn org_of(number: u32) -> &'static str {
    ORGS.get(number as usize % ORGS.len()).map_or("", |org| org.id)
}

fn interactions(connection: &Connection, seeding: &Seeding) -> rusqlite::Result<()> {
    let mut stream = Stream::new(seeding.seed, "interactions");
    let mut insert = connection.prepare("INSERT INTO interactions VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for number in 0..seeding.interactions {
        let created = if is_due(number, seeding.due_percent) {
            before(months_ago(seeding.now, 25), &mut stream, 0, 150 * DAY)
        } else {
            before(seeding.now, &mut stream, 60, 690 * DAY)
        };
        let id = hex::encode(stream.block().get(..16).unwrap_or_default());
        let channel = if number % 3 == 0 { "voice" } else { "chat" };
        insert.execute(params![id, org_of(number), channel, format!("Conversation {number}"), created.timestamp()])?;
    }
    Ok(())
}

fn rate_limits(connection: &Connection, seeding: &Seeding) -> rusqlite::Result<()> {
    let mut stream = Stream::new(seeding.seed, "rate limits");
    // Keys that nobody holds: the counts of the principals begin at nothing.
    let keys: Vec<String> = (0..8).map(|_| stream.key()).collect();
    for number in 0..seeding.rate_limits {
        // The youngest are five minutes old and the oldest that may stay an hour, so that they stay so during a trial.
        let at = if is_due(number, seeding.due_percent) {
            before(seeding.now, &mut stream, 3 * 3_600, 5 * 3_600)
        } else {
            before(seeding.now, &mut stream, 300, 3_600)
        };
        let prefix = if seeding.chosen.is(Defect::SharedBucket) {
            Some(crate::keys::TAG.to_owned())
        } else {
            keys.get(number as usize % keys.len()).map(|key| counted_under(seeding.chosen, key))
        };
        if seeding.chosen.is(Defect::RateTableWithoutTimestamp) {
            connection
                .prepare_cached("INSERT INTO rate_limits (org_id, key_prefix) VALUES (?1, ?2)")?
                .execute(params![org_of(number), prefix])?;
        } else {
            connection
                .prepare_cached("INSERT INTO rate_limits (org_id, key_prefix, at) VALUES (?1, ?2, ?3)")?
                .execute(params![org_of(number), prefix, at.timestamp_millis()])?;
        }
    }
    Ok(())
}

fn audit_log(connection: &Connection, seeding: &Seeding) -> rusqlite::Result<()> {
    let mut stream = Stream::new(seeding.seed, "audit log");
    let mut insert =
        connection.prepare("INSERT INTO audit_log (org_id, request_id, at, event, reason) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for number in 0..seeding.audit_log {
        let at = if is_due(number, seeding.due_percent) {
            before(seeding.now, &mut stream, 92 * DAY, 120 * DAY)
        } else {
            before(seeding.now, &mut stream, 60, 88 * DAY)
        };
        let id = hex::encode(stream.block().get(..16).unwrap_or_default());
        insert.execute(params![org_of(number), id, iso(at), "key_issued", "requested"])?;
    }
    Ok(())
}

fn alerts(connection: &Connection, seeding: &Seeding) -> rusqlite::Result<()> {
    let mut stream = Stream::new(seeding.seed, "alerts");
    let mut insert = connection.prepare("INSERT INTO alerts (org_id, created_at, severity, detail) VALUES (?1, ?2, ?3, ?4)")?;
    for number in 0..seeding.alerts {
        let at = if is_due(number, seeding.due_percent) {
            before(seeding.now, &mut stream, 92 * DAY, 120 * DAY)
        } else {
            before(seeding.now, &mut stream, 60, 88 * DAY)
        };
        insert.execute(params![org_of(number), at.timestamp(), "info", "Many refused requests from one address"])?;
    }
    Ok(())
}

/// A row that is over its time, under a trigger that ignores its deletion: what a forgotten hold looks like.
fn old_row(connection: &Connection, seeding: &Seeding, defect: Defect) -> rusqlite::Result<()> {
    let org = org_of(0);
    let hours = |hours| seeding.now - TimeDelta::hours(hours);
    let table = match defect {
        Defect::OldInteractions => {
            let created = months_ago(seeding.now, 25).timestamp();
            connection.execute(
                "INSERT INTO interactions VALUES ('held', ?1, 'chat', 'Conversation on hold', ?2)",
                params![org, created],
            )?;
            "interactions"
        }
        Defect::OldRateLimits => {
            let at = hours(3).timestamp_millis();
            connection
                .execute("INSERT INTO rate_limits (org_id, key_prefix, at) VALUES (?1, '00000000', ?2)", params![org, at])?;
            "rate_limits"
        }
        Defect::OldAuditLog => {
            connection.execute(
                "INSERT INTO audit_log (org_id, request_id, at, event, reason) VALUES (?1, 'held', ?2, 'key_issued', 'requested')",
                params![org, iso(hours(91 * 24))],
            )?;
            "audit_log"
        }
        Defect::OldAlerts => {
            connection.execute(
                "INSERT INTO alerts (org_id, created_at, severity, detail) VALUES (?1, ?2, 'info', 'On hold')",
                params![org, hours(91 * 24).timestamp()],
            )?;
            "alerts"
        }
        _ => return Ok(()),
    };
    let row = connection.last_insert_rowid();
    connection.execute_batch(&format!(
        "CREATE TRIGGER hold_{table} BEFORE DELETE ON {table} WHEN old.rowid = {row} BEGIN SELECT RAISE(IGNORE); END"
    ))
}

fn other_defects(connection: &Connection, seeding: &Seeding, fixture: &Fixture, defect: Defect) -> rusqlite::Result<()> {
    let (org, now) = (org_of(0), seeding.now.timestamp() - 3_600);
    let alert = |detail: &str| {
        connection.execute(
            "INSERT INTO alerts (org_id, created_at, severity, detail) VALUES (?1, ?2, 'info', ?3)",
            params![org, now, detail],
        )
    };
    match defect {
        Defect::PepperInDatabase => alert(&format!("Deployed with API_KEY_PEPPER={}", fixture.pepper)).map(drop),
        Defect::PlaintextKeyRow => {
            let key = Stream::new(seeding.seed, "plaintext").key();
            alert(&format!("Key {key} was used from a new network")).map(drop)
        }
        Defect::LegacyColumn => {
            let key = Stream::new(seeding.seed, "legacy").key();
            connection.execute("UPDATE api_keys SET legacy_key = ?1 WHERE id = 'key_b'", [key]).map(drop)
        }
        Defect::RowsWithoutOrg => connection.execute("UPDATE alerts SET org_id = NULL WHERE id % 7 = 0", []).map(drop),
        Defect::TableWithoutRule => connection
            .execute("INSERT INTO exports (org_id, created_at, file) VALUES (?1, ?2, 'export-1.csv')", params![org, now])
            .map(drop),
        Defect::TableWithoutOrg => {
            connection.execute("INSERT INTO notes (created_at, text) VALUES (?1, 'Call back on Monday')", params![now]).map(drop)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_is_due_is_exact() {
        for percent in [0, 1, 5, 30, 100] {
            let due = (0..1_000).filter(|number| is_due(*number, percent)).count();
            assert_eq!(due, percent as usize * 10);
        }
    }
}

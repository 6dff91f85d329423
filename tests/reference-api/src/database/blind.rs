//! The defects of the database that were written without reading the checks.

use chrono::TimeDelta;
use rusqlite::{Connection, params};

use super::{Seeding, fill, lookup_prefix};
use crate::{
    defect::{Chosen, Defect},
    fixture::{Fixture, Stream},
};

/// How much of a key was stored in clear before the change to eight characters.
pub(crate) const OLD_PREFIX: usize = 16;

/// Keys that were issued before a change of how they are stored.
const OLD_KEYS: [&str; 2] = ["PROBE_INACTIVE", "PROBE_EXPIRED"];

/// How many characters of this fixture key are stored in clear.
pub(super) fn prefix_of(chosen: Chosen, variable: &str) -> usize {
    if chosen.is(Defect::LongOldPrefixes) && OLD_KEYS.contains(&variable) { OLD_PREFIX } else { lookup_prefix(chosen) }
}

/// Whether this fixture key is one that was issued before there was a pepper.
pub(super) fn is_unpeppered(chosen: Chosen, variable: &str) -> bool {
    chosen.is(Defect::UnpepperedOldKey) && variable == "PROBE_B"
}

pub(super) fn breaks(connection: &Connection, seeding: &Seeding, fixture: &Fixture, defect: Defect) -> rusqlite::Result<()> {
    let org = fill::org_of(0);
    let ago = |span| seeding.now - span;
    match defect {
        Defect::PepperInBlob => {
            let attached = serde_json::json!({ "ENVIRONMENT": "production", "PEPPER": fixture.pepper }).to_string().into_bytes();
            let created = ago(TimeDelta::days(40)).timestamp();
            connection
                .execute("INSERT INTO interactions VALUES ('support-17', ?1, 'chat', ?2, ?3)", params![org, attached, created])
                .map(drop)
        }
        Defect::MicrosecondRows => {
            let prefix = crate::keys::prefix(&Stream::new(seeding.seed, "importer").key(), crate::keys::PREFIX).map(str::to_owned);
            (0..20).try_for_each(|minutes| {
                let at = ago(TimeDelta::hours(3) + TimeDelta::minutes(minutes)).timestamp_micros();
                connection
                    .execute("INSERT INTO rate_limits (org_id, key_prefix, at) VALUES (?1, ?2, ?3)", params![org, prefix, at])
                    .map(drop)
            })
        }
        Defect::HttpDateRows => (0..20).try_for_each(|days| {
            let at = ago(TimeDelta::days(100 + days)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let id = hex::encode(Stream::new(seeding.seed, &at).block().get(..16).unwrap_or_default());
            connection
                .execute(
                    "INSERT INTO audit_log (org_id, request_id, at, event, reason) VALUES (?1, ?2, ?3, 'key_deleted', 'requested')",
                    params![org, id, at],
                )
                .map(drop)
        }),
        // What is left when a table was rebuilt to change a column, and the old one was renamed first.
        Defect::RenamedTableLeft => connection.execute_batch(
            "CREATE TABLE _interactions_old (id TEXT PRIMARY KEY, org_id TEXT NOT NULL, content TEXT NOT NULL, created_at INTEGER NOT NULL);
             INSERT INTO _interactions_old SELECT id, org_id, content, created_at FROM interactions LIMIT 200;",
        ),
        // An alert is marked as deleted instead of going, so that support can bring it back.
        Defect::SoftDeletedAlerts => connection.execute_batch(
            "ALTER TABLE alerts RENAME TO alerts_all;
             ALTER TABLE alerts_all ADD COLUMN deleted_at INTEGER;
             CREATE VIEW alerts AS SELECT id, org_id, created_at, severity, detail FROM alerts_all WHERE deleted_at IS NULL;
             CREATE TRIGGER alerts_deleted INSTEAD OF DELETE ON alerts
             BEGIN UPDATE alerts_all SET deleted_at = unixepoch() WHERE id = old.id; END;",
        ),
        // Older than 24 months and younger than 744 days.
        Defect::MonthsOf31Days => (0..20).try_for_each(|hours| {
            let created = (fill::months_ago(seeding.now, 24) - TimeDelta::days(5) - TimeDelta::hours(hours)).timestamp();
            connection
                .execute(
                    "INSERT INTO interactions VALUES (?1, ?2, 'chat', 'Conversation of a leap year', ?3)",
                    params![format!("leap-{hours}"), org, created],
                )
                .map(drop)
        }),
        Defect::RowsOfUndefined => {
            connection.execute("UPDATE interactions SET org_id = 'undefined' WHERE rowid % 11 = 0 AND channel = 'voice'", []).map(drop)
        }
        Defect::KeyWithoutTagStored => {
            let key = crate::keys::body(fixture.key("PROBE_A")).unwrap_or_default();
            connection
                .execute(
                    "INSERT INTO alerts (org_id, created_at, severity, detail) VALUES (?1, ?2, 'info', ?3)",
                    params![org, ago(TimeDelta::days(3)).timestamp(), format!("Key {key} was used from two countries at once")],
                )
                .map(drop)
        }
        Defect::AuditLogCapped => {
            connection.execute_batch(
                "CREATE TRIGGER audit_log_cap AFTER INSERT ON audit_log
                 BEGIN DELETE FROM audit_log WHERE id <= new.id - 500; END",
            )?;
            connection
                .execute(
                    "INSERT INTO audit_log (org_id, request_id, at, event, reason) VALUES (?1, 'deploy', ?2, 'key_issued', 'requested')",
                    params![org, fill::iso(ago(TimeDelta::hours(1)))],
                )
                .map(drop)
        }
        _ => Ok(()),
    }
}

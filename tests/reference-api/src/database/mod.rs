//! The product's database: its tables, and the rows that a product of some age has.

mod blind;
mod fill;
mod schema;

use std::path::Path;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use rusqlite::Connection;

use crate::{defect::Chosen, fixture::Fixture};

pub(crate) use blind::OLD_PREFIX;
pub(crate) use fill::iso;
pub(crate) use schema::create as create_tables;

/// How the database is filled.
#[derive(Clone, Debug)]
pub struct Seeding {
    /// The present, which the ages of rows are counted from.
    pub now: DateTime<Utc>,
    /// What the fixture and all rows follow from.
    pub seed: u64,
    /// Which part of each table is older than its rule allows, in percent.
    pub due_percent: u32,
    /// Rows of `interactions`.
    pub interactions: u32,
    /// Rows of `rate_limits`.
    pub rate_limits: u32,
    /// Rows of `audit_log`.
    pub audit_log: u32,
    /// Rows of `alerts`.
    pub alerts: u32,
    /// The defect.
    pub chosen: Chosen,
}

/// Creates the database at a path where nothing is yet.
///
/// # Errors
/// When something is there, or SQLite cannot write it.
pub fn create(path: &Path, seeding: &Seeding) -> anyhow::Result<Fixture> {
    if path.exists() {
        bail!("`{}` exists already; name another file or remove this one", path.display());
    }
    let fixture = Fixture::of(seeding.seed);
    let mut connection = Connection::open(path).with_context(|| format!("cannot create the database `{}`", path.display()))?;
    connection.pragma_update(None, "journal_mode", "wal").context("cannot turn on write-ahead logging")?;
    let transaction = connection.transaction().context("cannot begin to fill the database")?;
    schema::create(&transaction, seeding.chosen).context("cannot create the tables")?;
    fill::fill(&transaction, seeding, &fixture).context("cannot fill the tables")?;
    transaction.commit().context("cannot commit the rows")?;
    Ok(fixture)
}

/// How many characters of a key are stored in clear to find it.
pub fn lookup_prefix(chosen: Chosen) -> usize {
    if chosen.is(crate::defect::Defect::Prefix24Stored) { 24 } else { crate::keys::PREFIX }
}

/// What requests of this key are counted under.
pub fn counted_under(chosen: Chosen, key: &str) -> String {
    use crate::{defect::Defect, keys};
    let counted = match () {
        () if chosen.is(Defect::Prefix12) => 0..12,
        () if chosen.is(Defect::PrefixFromSecond) => 1..1 + keys::PREFIX,
        () => 0..keys::PREFIX,
    };
    key.strip_prefix(keys::TAG).and_then(|body| body.get(counted)).unwrap_or_default().to_owned()
}

/// What is stored to recognise this key.
pub fn stored_hash(chosen: Chosen, pepper: &str, key: &str) -> String {
    let pepper = if chosen.is(crate::defect::Defect::UnpepperedHash) { "" } else { pepper };
    crate::keys::peppered_hash(pepper, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{defect::Defect, fixture};

    fn seeding(chosen: Option<Defect>) -> Seeding {
        Seeding {
            now: "2026-11-22T00:00:00Z".parse().unwrap(),
            seed: 1,
            due_percent: 5,
            interactions: 200,
            rate_limits: 200,
            audit_log: 100,
            alerts: 100,
            chosen: chosen.into(),
        }
    }

    /// A database with the folder that it lies in.
    struct Made {
        connection: Connection,
        _folder: tempfile::TempDir,
    }

    impl std::ops::Deref for Made {
        type Target = Connection;

        fn deref(&self) -> &Connection {
            &self.connection
        }
    }

    fn made(chosen: Option<Defect>) -> Made {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        create(&path, &seeding(chosen)).unwrap();
        assert!(create(&path, &seeding(chosen)).is_err(), "an existing file is never overwritten");
        Made { connection: Connection::open(&path).unwrap(), _folder: folder }
    }

    fn count(connection: &Connection, sql: &str) -> i64 {
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    const OVER: [(&str, &str); 4] = [
        ("interactions", "created_at < unixepoch('2024-11-22')"),
        ("rate_limits", "at < (unixepoch('2026-11-22') - 7200) * 1000"),
        ("audit_log", "at < '2026-08-24T00:00:00.000Z'"),
        ("alerts", "created_at < unixepoch('2026-08-24')"),
    ];

    #[test]
    fn five_percent_of_each_table_are_due_and_can_be_deleted() {
        let connection = made(None);
        for (table, over) in OVER {
            let (all, due) = (
                count(&connection, &format!("SELECT count(*) FROM {table}")),
                count(&connection, &format!("SELECT count(*) FROM {table} WHERE {over}")),
            );
            assert!(due > 0 && due * 20 == all, "{table}: {due} of {all}");
            connection.execute(&format!("DELETE FROM {table} WHERE {over}"), []).unwrap();
            assert_eq!(count(&connection, &format!("SELECT count(*) FROM {table}")), all - due);
        }
    }

    #[test]
    fn an_old_row_outlives_its_deletion_where_that_is_the_defect() {
        let defects = [Defect::OldInteractions, Defect::OldRateLimits, Defect::OldAuditLog, Defect::OldAlerts];
        for (defect, (table, over)) in defects.into_iter().zip(OVER) {
            let connection = made(Some(defect));
            for (other, over) in OVER {
                connection.execute(&format!("DELETE FROM {other} WHERE {over}"), []).unwrap();
                let left = count(&connection, &format!("SELECT count(*) FROM {other} WHERE {over}"));
                assert_eq!(left, i64::from(other == table), "{defect:?} in {other}");
            }
            assert_eq!(count(&connection, &format!("SELECT count(*) FROM {table} WHERE {over}")), 1);
        }
    }

    #[test]
    fn every_row_of_every_table_but_orgs_has_its_organisation() {
        let tables = |connection: &Connection| -> Vec<String> {
            let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        let connection = made(None);
        assert_eq!(tables(&connection), ["orgs", "api_keys", "interactions", "rate_limits", "audit_log", "alerts"]);
        for table in tables(&connection).iter().filter(|table| *table != "orgs") {
            let nulls = count(&connection, &format!("SELECT count(*) FROM {table} WHERE coalesce(org_id, '') = ''"));
            let required =
                count(&connection, &format!("SELECT \"notnull\" FROM pragma_table_info('{table}') WHERE name = 'org_id'"));
            assert_eq!((nulls, required), (0, 1), "{table}");
        }
        let without = made(Some(Defect::RowsWithoutOrg));
        assert!(count(&without, "SELECT count(*) FROM alerts WHERE org_id IS NULL") > 0);
        assert!(tables(&made(Some(Defect::TableWithoutOrg))).contains(&"notes".to_owned()));
        assert!(tables(&made(Some(Defect::TableWithoutRule))).contains(&"exports".to_owned()));
    }

    #[test]
    fn keys_are_kept_as_peppered_hashes_only() {
        let fixture = Fixture::of(1);
        let key = fixture.key("PROBE_A");
        let stored = |connection: &Connection| -> String {
            connection.query_row("SELECT hash FROM api_keys WHERE id = 'key_a'", [], |row| row.get(0)).unwrap()
        };
        let (good, bad) = (made(None), made(Some(Defect::UnpepperedHash)));
        assert_eq!(stored(&good), crate::keys::peppered_hash(&fixture.pepper, key));
        assert_eq!(stored(&bad), crate::keys::peppered_hash("", key));
        for (defect, found) in [(None, 0), (Some(Defect::PlaintextKeyRow), 1)] {
            let hits = count(&made(defect), "SELECT count(*) FROM alerts WHERE detail GLOB '*ck_live_*'");
            assert_eq!(hits, found);
        }
        let pepper = |connection: &Connection| {
            connection
                .query_row("SELECT count(*) FROM alerts WHERE instr(detail, ?1)", [&fixture.pepper], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!((pepper(&good), pepper(&made(Some(Defect::PepperInDatabase)))), (0, 1));
        assert!(count(&made(Some(Defect::LegacyColumn)), "SELECT count(legacy_key) FROM api_keys") > 0);
        assert_eq!(count(&good, "SELECT count(*) FROM orgs"), fixture::ORGS.len() as i64);
    }
}

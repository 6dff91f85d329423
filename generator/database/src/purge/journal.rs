//! The journal and the claims, in two tables of the target database itself: what a window did commits or fails with it.

use std::{path::Path, time::Instant};

use avouch_model::{
    Timestamp,
    product::{Database, Location},
};

use crate::{DatabaseError, d1, postgres, sqlite};

/// One row a rule: who works on it, under which number, and until when (Unix seconds; 0: nobody).
pub const LEASE_TABLE: &str = "avouch_retention_lease";
/// One row a window: how many rows went, and where they are kept. Holds no value of any row.
pub const JOURNAL_TABLE: &str = "avouch_retention_journal";
/// For how long a claim keeps others out when nothing is heard of it: longer than any window takes.
const LEASE_SECONDS: i64 = 120;

/// The statements that make both, in any of the databases.
pub const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS avouch_retention_lease (rule TEXT PRIMARY KEY, claim BIGINT NOT NULL, owner TEXT NOT NULL, \
     expires BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS avouch_retention_journal (rule TEXT NOT NULL, claim BIGINT NOT NULL, batch BIGINT NOT NULL, \
     at BIGINT NOT NULL, deleted BIGINT NOT NULL, children BIGINT NOT NULL, archive TEXT, PRIMARY KEY (rule, claim, batch))",
];

/// The clock of an owner when it claimed, and how long ago that was: a clock that jumps meanwhile changes nothing.
#[derive(Clone, Copy)]
pub(crate) struct Clock(Timestamp, Instant);

impl Clock {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(now, Instant::now())
    }

    pub(crate) fn now(self) -> Timestamp {
        self.0.plus_seconds(i64::try_from(self.1.elapsed().as_secs()).unwrap_or(i64::MAX))
    }

    /// Until when a claim lasts that is made or renewed now, in Unix seconds.
    pub(crate) fn expires(self) -> i64 {
        self.now().unix() + LEASE_SECONDS
    }
}

/// Whether a table is one of ours: no rule need name it.
pub(crate) fn is_ours(table: &str) -> bool {
    [LEASE_TABLE, JOURNAL_TABLE].iter().any(|ours| ours.eq_ignore_ascii_case(table))
}

/// Makes the tables, if they are not there. Tells whether it made them.
///
/// # Errors
/// When the database cannot be written.
pub fn prepare(database: &Database, root: &Path) -> Result<bool, DatabaseError> {
    match &database.location {
        Location::Sqlite(file) => sqlite::prepare_journal(&database.name, file, root),
        Location::Postgres { purge_url_env, ca_file, .. } => {
            let way = postgres::Way { database: &database.name, variable: purge_url_env, ca_file: ca_file.as_deref(), root };
            postgres::prepare_journal(way)
        }
        Location::D1(place) => d1::prepare_journal(&database.name, place),
    }
}

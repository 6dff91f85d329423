//! Claims and the journal, on SQLite.

use std::path::Path;

use avouch_model::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use super::place::{BUSY_TIMEOUT, Place};
use crate::{
    DatabaseError,
    purge::{
        Claim,
        journal::{Clock, JOURNAL_TABLE, LEASE_TABLE, TABLES},
    },
};

/// A claim that this process has.
pub(super) struct Lease {
    rule: String,
    owner: String,
    number: i64,
    clock: Clock,
    /// Windows that are in the journal.
    pub(super) batches: u64,
}

/// Why a claim was not given.
pub(super) enum Refused {
    /// Somebody else has it until then.
    Taken(Timestamp),
    /// The database said no.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Refused {
    fn from(cause: rusqlite::Error) -> Self {
        Self::Sqlite(cause)
    }
}

impl Refused {
    pub(super) fn of(self, place: &Place, rule: &str) -> DatabaseError {
        let database = place.database.clone();
        match self {
            Self::Taken(until) => DatabaseError::Claimed { database, rule: rule.to_owned(), until },
            Self::Sqlite(
                rusqlite::Error::SqliteFailure(_, Some(message)) | rusqlite::Error::SqlInputError { msg: message, .. },
            ) if message.starts_with("no such table: avouch_retention") => DatabaseError::NoJournal { database },
            Self::Sqlite(cause) => place.failed("claim the rule", BUSY_TIMEOUT, cause),
        }
    }
}

pub(super) fn claim(
    connection: &Connection,
    rule: &str,
    owner: &str,
    now: Timestamp,
    told: Option<u64>,
) -> Result<(Claim, Lease), Refused> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let last: Option<(i64, String, i64)> = transaction
        .query_row(&format!("SELECT claim, owner, expires FROM {LEASE_TABLE} WHERE rule = ?1"), [rule], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    if let Some((_, _, expires)) = last.as_ref().filter(|(_, holder, expires)| *expires > now.unix() && holder != owner) {
        return Err(Refused::Taken(Timestamp::from_unix(*expires)));
    }
    let told = told.and_then(|told| i64::try_from(told).ok()).unwrap_or(0);
    // A database that was restored from a copy may have forgotten claims that the record knows.
    let number = last.map_or(0, |(number, ..)| number).max(told) + 1;
    let clock = Clock::at(now);
    transaction.execute(
        &format!(
            "INSERT INTO {LEASE_TABLE} (rule, claim, owner, expires) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (rule) DO UPDATE SET claim = excluded.claim, owner = excluded.owner, expires = excluded.expires"
        ),
        params![rule, number, owner, clock.expires()],
    )?;
    transaction.execute(&format!("DELETE FROM {JOURNAL_TABLE} WHERE rule = ?1 AND claim <= ?2"), params![rule, told])?;
    let (recovered, children): (i64, i64) = transaction.query_row(
        &format!(
            "SELECT coalesce(sum(deleted), 0), coalesce(sum(children), 0) FROM {JOURNAL_TABLE} WHERE rule = ?1 AND claim < ?2"
        ),
        params![rule, number],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    transaction.commit()?;
    let lease = Lease { rule: rule.to_owned(), owner: owner.to_owned(), number, clock, batches: 0 };
    let (recovered, recovered_children) = (recovered.unsigned_abs(), children.unsigned_abs());
    Ok((Claim { number: number.unsigned_abs(), recovered, recovered_children }, lease))
}

impl Lease {
    /// Whether it is still the last claim; then it lasts a while longer.
    pub(super) fn renew(&self, transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
        let sql = format!("UPDATE {LEASE_TABLE} SET expires = ?1 WHERE rule = ?2 AND claim = ?3 AND owner = ?4");
        let expires = self.clock.expires();
        Ok(transaction.prepare_cached(&sql)?.execute(params![expires, self.rule, self.number, self.owner])? == 1)
    }

    /// Writes what a window did.
    pub(super) fn journal(
        &self,
        transaction: &Transaction<'_>,
        batch: u64,
        deleted: u64,
        children: u64,
        archive: Option<&str>,
    ) -> rusqlite::Result<()> {
        let sql = format!(
            "INSERT INTO {JOURNAL_TABLE} (rule, claim, batch, at, deleted, children, archive) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        );
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        transaction.prepare_cached(&sql)?.execute(params![
            self.rule,
            self.number,
            number(batch),
            self.clock.now().unix(),
            number(deleted),
            number(children),
            archive
        ])?;
        Ok(())
    }

    /// Gives it back, if nobody took it.
    pub(super) fn release(self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = format!("UPDATE {LEASE_TABLE} SET expires = 0 WHERE rule = ?1 AND claim = ?2 AND owner = ?3");
        connection.execute(&sql, params![self.rule, self.number, self.owner])?;
        Ok(())
    }
}

/// Makes the tables, if they are not there. Tells whether it made them.
pub(crate) fn prepare_journal(database: &str, file: &str, root: &Path) -> Result<bool, DatabaseError> {
    let place = Place::find(database, file, root)?;
    let connection = place.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let make = || {
        let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)?;
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN (?1, ?2)";
        let there: i64 = transaction.query_row(sql, [LEASE_TABLE, JOURNAL_TABLE], |row| row.get(0))?;
        for table in TABLES {
            transaction.execute(table, [])?;
        }
        transaction.commit()?;
        Ok(there < 2)
    };
    make().map_err(|cause: rusqlite::Error| match cause.sqlite_error_code() {
        Some(ErrorCode::ReadOnly) => DatabaseError::Open { database: place.database.clone(), path: place.path.clone(), cause },
        _ => place.failed("CREATE TABLE avouch_retention_journal", BUSY_TIMEOUT, cause),
    })
}

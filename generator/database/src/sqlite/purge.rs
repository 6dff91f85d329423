//! The face that purges, on SQLite: windows of keys, `secure_delete`, bounded locks and a bounded write-ahead log.
//!
//! Windows of the primary key need no index on the time, and cost the least of all ways measured; a window is bounded by
//! counting rows, so sparse keys make no empty windows.

use std::{path::Path, thread, time::Duration};

use avouch_model::Timestamp;
use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior};

use super::{
    erase, lease,
    place::{BUSY_TIMEOUT, Place},
    read::value_of,
    schema,
    statements::bound,
    stopwatch::Stopwatch,
};
use crate::{
    DatabaseError, Rows, Value, fingerprint,
    purge::{
        Batch, Claim, Deletion, Keep, Kept, Key, Purge, counted,
        statements::{LOOKED_AT, Statements, Work},
    },
    value::named,
};

/// How long the reset of the write-ahead log may wait for readers: writers wait with it.
const RESET_TIMEOUT: Duration = Duration::from_millis(50);
/// As long as less than this waits to be moved, a checkpoint costs more than it saves: pages that several windows change are
/// moved once.
const CHECKPOINT_BYTES: u64 = 32 * 1024 * 1024;
/// Beside another writer. It checkpoints by itself with every commit once the log has a thousand pages (SQLite,
/// `wal_autocheckpoint`), and would move what is ours while it should answer somebody.
const CHECKPOINT_BYTES_BESIDE: u64 = 2 * 1024 * 1024;
/// The header of a frame in the log (SQLite, "WAL File Format", section 4.1).
const FRAME_HEADER_BYTES: u64 = 24;
/// The page cache: the default of 2 MB costs a fifth of the speed on tables with several indexes.
const CACHE_KIB: i64 = 64 * 1024;
/// How often a window is begun again because its rows changed while they were being kept.
const KEEP_TRIES: usize = 5;

/// A SQLite table that is being purged.
pub(crate) struct Purger {
    place: Place,
    connection: Connection,
    deletion: Deletion,
    statements: Statements,
    /// The size of a frame of the write-ahead log; none without one.
    frame_bytes: Option<u64>,
    /// SQLite's `data_version` at the last look: it changes when somebody else commits.
    version: i64,
    /// SQLite's `schema_version` when the schema was last held against the plan.
    schema: i64,
    lease: Option<lease::Lease>,
}

/// How full the write-ahead log is, in frames.
struct Log {
    frames: u64,
    moved: u64,
}

impl Purger {
    pub(crate) fn open(database: &str, file: &str, root: &Path, deletion: &Deletion) -> Result<Self, DatabaseError> {
        let place = Place::find(database, file, root)?;
        let mut connection = place.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let failed = |sql: &str, cause| place.failed(sql, BUSY_TIMEOUT, cause);
        let mut prepare = || {
            connection.busy_handler(Some(wait_for_the_lock))?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "trusted_schema", false)?;
            connection.pragma_update(None, "secure_delete", true)?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            // A checkpoint with every window would be most of the work: `tidy` does it, more seldom and outside the lock.
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            if mode.eq_ignore_ascii_case("wal") {
                // No wait for the disk while the lock is held. A power failure may bring back rows of the last windows, in a
                // consistent database, until `settle` or the next checkpoint; the next run deletes them again.
                connection.pragma_update(None, "synchronous", "normal")?;
            }
            let page: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
            let frame_bytes = mode.eq_ignore_ascii_case("wal").then_some(u64::from(page) + FRAME_HEADER_BYTES);
            let schema = schema_version(&connection)?;
            Ok((frame_bytes, schema, schema::tables(&connection)?))
        };
        let (frame_bytes, schema, tables) = prepare().map_err(|cause| failed("PRAGMA secure_delete = 1", cause))?;
        let due = &deletion.due;
        let (table, _) = named(&tables, database, &due.table, &due.column)?;
        if fingerprint(&tables, &deletion.touched()) != deletion.schema {
            return Err(DatabaseError::SchemaChanged { database: database.to_owned(), table: table.name.clone() });
        }
        let statements = Statements::of(&tables, table, deletion)
            .ok_or_else(|| DatabaseError::NoKey { database: database.to_owned(), table: table.name.clone() })?;
        let deletion = deletion.clone();
        Ok(Self { place, connection, deletion, statements, frame_bytes, version: 0, schema, lease: None })
    }

    fn failed(&self, sql: &str, cause: rusqlite::Error) -> DatabaseError {
        self.place.failed(sql, BUSY_TIMEOUT, cause)
    }

    /// Runs a checkpoint. Tells whether it went through to the end of the log, and how full that is.
    fn checkpoint(&mut self, how: &str, wait: Duration) -> Result<(bool, Log), DatabaseError> {
        let sql = format!("PRAGMA wal_checkpoint({how})");
        let connection = &mut self.connection;
        let mut run = || {
            connection.busy_timeout(wait)?;
            // -1 in a database without a log.
            let frames = |count: i64| u64::try_from(count).unwrap_or(0);
            let told = connection.prepare_cached(&sql)?.query_row([], |row| {
                Ok((row.get::<_, i64>(0)? == 0, Log { frames: frames(row.get(1)?), moved: frames(row.get(2)?) }))
            });
            connection.busy_handler(Some(wait_for_the_lock))?;
            told
        };
        let (idle, log) = run().map_err(|cause| self.failed(&sql, cause))?;
        Ok((idle && log.frames == log.moved, log))
    }

    /// Whether somebody else committed since the last look.
    fn others_write(&mut self) -> Result<bool, DatabaseError> {
        let sql = "PRAGMA data_version";
        let version = self.connection.prepare_cached(sql).and_then(|mut version| version.query_row([], |row| row.get(0)));
        let version = version.map_err(|cause| self.failed(sql, cause))?;
        Ok(std::mem::replace(&mut self.version, version) != version)
    }

    /// The key that a question finds.
    fn find(&self, sql: &str, window: &[(String, Value)]) -> Result<Option<Key>, DatabaseError> {
        let run = || {
            let mut statement = bound(&self.connection, sql, &self.deletion.bound(window))?;
            let mut rows = statement.raw_query();
            rows.next()?.map(|row| self.key(row)).transpose()
        };
        run().map_err(|cause| self.failed(sql, cause))
    }

    /// The key in a row of `first` or `end`.
    fn key(&self, row: &Row<'_>) -> rusqlite::Result<Key> {
        let values = (0..self.statements.keys).map(|place| Ok(value_of(row.get_ref(place)?)));
        Ok(Key(values.collect::<rusqlite::Result<_>>()?))
    }

    /// The rows that would go, by table.
    fn going(&self, work: &Work, binds: &[(&str, &Value)]) -> rusqlite::Result<Vec<(String, Rows)>> {
        let read = |(table, sql): &(String, String)| Ok((table.clone(), all_rows(&self.connection, sql, binds)?));
        work.going.iter().map(read).collect()
    }

    /// The rows that were chosen, and how many.
    fn chosen(&self, work: &Work, binds: &[(&str, &Value)]) -> rusqlite::Result<Option<(Value, u64)>> {
        let Some(chosen) = &work.chosen else { return Ok(None) };
        let sql = format!("SELECT chosen, json_array_length(chosen) FROM (SELECT ({chosen}) AS chosen)");
        let mut statement = bound(&self.connection, &sql, binds)?;
        let mut rows = statement.raw_query();
        let read = |row: &Row<'_>| Ok((value_of(row.get_ref(0)?), row.get::<_, i64>(1)?.unsigned_abs()));
        rows.next()?.map(read).transpose()
    }

    /// One transaction; none when the rows that go are no longer those that were `kept`.
    fn delete(
        &self,
        number: u64,
        work: &Work,
        binds: &[(&str, &Value)],
        kept: Option<&Kept>,
    ) -> Result<Option<Done>, DatabaseError> {
        let failed = |cause| self.failed(&work.rows, cause);
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate).map_err(failed)?;
        let watch = Stopwatch::start();
        // Dropping the transaction undoes it, wherever this returns.
        let lease = self.lease.as_ref().ok_or_else(|| DatabaseError::ClaimLost { database: self.place.database.clone() })?;
        if !lease.renew(&transaction).map_err(failed)? {
            return Err(DatabaseError::ClaimLost { database: self.place.database.clone() });
        }
        self.same_schema(&transaction)?;
        if let Some(kept) = kept
            && self.going(work, binds).map_err(failed)? != kept.rows
        {
            return Ok(None);
        }
        let chosen = self.chosen(work, binds).map_err(failed)?;
        let mut binds = binds.to_vec();
        binds.extend(chosen.iter().map(|(chosen, _)| ("chosen", chosen)));
        let run = || {
            let before = transaction.total_changes();
            let mut children = 0;
            for child in &work.children {
                children += bound(&transaction, child, &binds)?.raw_execute()? as u64;
            }
            let deleted = bound(&transaction, &work.rows, &binds)?.raw_execute()? as u64;
            let others = (transaction.total_changes() - before).saturating_sub(deleted + children);
            let others = others + chosen.as_ref().map_or(0, |(_, count)| count.abs_diff(deleted));
            let left: i64 = match &work.left {
                Some(left) => bound(&transaction, left, &binds)?.raw_query().next()?.map_or(Ok(0), |row| row.get(0))?,
                None => 0,
            };
            Ok((deleted, children, others, left))
        };
        let (deleted, children, others, left) = run().map_err(failed)?;
        let (database, table) = (self.place.database.clone(), self.deletion.due.table.clone());
        // What a cascade or a trigger changed counts in the total and nowhere else, or is gone before.
        if others > 0 {
            return Err(DatabaseError::SideEffect { database, table, others });
        }
        if left > 0 {
            return Err(DatabaseError::NotSettled { database, table, rows: left.unsigned_abs() });
        }
        let archive = kept.map(|kept| kept.name.as_str());
        let journalled = lease.journal(&transaction, number, deleted, children, archive);
        journalled.and_then(|()| transaction.commit()).map_err(failed)?;
        Ok(Some(Done { deleted, children, watch }))
    }

    /// Whether the schema is still that of the plan. An index that was made meanwhile is none of our business.
    fn same_schema(&self, transaction: &Transaction<'_>) -> Result<(), DatabaseError> {
        let failed = |cause| self.failed("PRAGMA schema_version", cause);
        if schema_version(transaction).map_err(failed)? == self.schema {
            return Ok(());
        }
        let tables = schema::tables(transaction).map_err(failed)?;
        if fingerprint(&tables, &self.deletion.touched()) == self.deletion.schema {
            return Ok(());
        }
        Err(DatabaseError::SchemaChanged { database: self.place.database.clone(), table: self.deletion.due.table.clone() })
    }
}

impl Purge for Purger {
    fn claim(&mut self, owner: &str, now: Timestamp, told: Option<u64>) -> Result<Claim, DatabaseError> {
        let claimed = lease::claim(&self.connection, &self.deletion.rule, owner, now, told);
        let (claim, lease) = claimed.map_err(|trouble| trouble.of(&self.place, &self.deletion.rule))?;
        self.lease = Some(lease);
        Ok(claim)
    }

    fn first(&mut self) -> Result<Option<Key>, DatabaseError> {
        let Statements { begin, first, first_of_rest, end, .. } = &self.statements;
        let mut from = self.find(begin, &[])?;
        while let Some(key) = from {
            let mut window = key.bound("from");
            window.push(counted(LOOKED_AT));
            let next = self.find(end, &window)?;
            window.extend(next.iter().flat_map(|key| key.bound("to")));
            let found = self.find(if next.is_some() { first } else { first_of_rest }, &window)?;
            if found.is_some() {
                return Ok(found);
            }
            from = next;
        }
        Ok(None)
    }

    fn batch(&mut self, from: &Key, rows: u64, mut keep: Option<&mut Keep<'_>>) -> Result<Batch, DatabaseError> {
        let mut window = from.bound("from");
        window.push(counted(rows));
        // Before the lock, so that the pages are read from the disk while others write.
        let next = self.find(&self.statements.end, &window)?;
        let work = if next.is_some() { &self.statements.window } else { &self.statements.rest };
        window.extend(next.iter().flat_map(|key| key.bound("to")));
        let number = self.lease.as_ref().map_or(0, |lease| lease.batches + 1);
        for _ in 0..KEEP_TRIES {
            let binds = self.deletion.bound(&window);
            let kept = match keep.as_deref_mut() {
                Some(keep) => {
                    let rows = self.going(work, &binds).map_err(|cause| self.failed(&work.rows, cause))?;
                    Some(Kept::by(keep, rows, &self.place.database)?)
                }
                None => None,
            };
            if let Some(done) = self.delete(number, work, &binds, kept.as_ref())? {
                if let Some(lease) = &mut self.lease {
                    lease.batches = number;
                }
                let (held, worked) = (done.watch.wall(), done.watch.worked());
                return Ok(Batch { deleted: done.deleted, children: done.children, next, held, worked });
            }
        }
        Err(DatabaseError::Restless { database: self.place.database.clone() })
    }

    fn tidy(&mut self, wal_bytes_max: u64) -> Result<u64, DatabaseError> {
        let Some(frame_bytes) = self.frame_bytes else { return Ok(0) };
        // The file says little: it keeps its length when the log starts over.
        let (_, log) = self.checkpoint("NOOP", Duration::ZERO)?;
        let size = log.frames.saturating_mul(frame_bytes);
        let waiting = log.frames.saturating_sub(log.moved).saturating_mul(frame_bytes);
        let worth_it = if self.others_write()? { CHECKPOINT_BYTES_BESIDE } else { CHECKPOINT_BYTES };
        if waiting < worth_it && size < wal_bytes_max {
            return Ok(size);
        }
        let (mut caught_up, _) = self.checkpoint("PASSIVE", Duration::ZERO)?;
        if size >= wal_bytes_max {
            // PASSIVE alone never catches up while two connections keep committing. RESTART keeps writers out, but most is
            // moved by now.
            (caught_up, _) = self.checkpoint("RESTART", RESET_TIMEOUT)?;
        }
        if !caught_up && size > wal_bytes_max.saturating_mul(4) {
            return Err(DatabaseError::WalBlocked { database: self.place.database.clone(), bytes: size });
        }
        Ok(size)
    }

    fn settle(&mut self) -> Result<bool, DatabaseError> {
        match self.frame_bytes {
            Some(_) => Ok(self.checkpoint("TRUNCATE", RESET_TIMEOUT)?.0),
            None => Ok(true),
        }
    }

    fn release(&mut self) -> Result<(), DatabaseError> {
        let Some(lease) = self.lease.take() else { return Ok(()) };
        lease.release(&self.connection).map_err(|cause| self.failed("release the claim", cause))
    }

    fn canaries(&mut self, at_most: usize) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let found = erase::canaries(&self.connection, &self.deletion.due, &self.deletion.bound(&[]), at_most);
        found.map_err(|cause| self.failed("sample rows that are due", cause))
    }

    fn erase(&mut self, canaries: &[Vec<u8>]) -> Result<Option<u64>, DatabaseError> {
        self.connection.execute_batch("VACUUM").map_err(|cause| self.failed("VACUUM", cause))?;
        // As long as the log is not empty it may hold what the file no longer does.
        self.settle()?;
        let cause = |cause| DatabaseError::Unreadable {
            database: self.place.database.clone(),
            path: self.place.path.clone(),
            cause: Some(cause),
        };
        erase::remnants(&self.place.path, canaries).map(Some).map_err(cause)
    }
}

struct Done {
    deleted: u64,
    children: u64,
    watch: Stopwatch,
}

fn all_rows(connection: &Connection, sql: &str, binds: &[(&str, &Value)]) -> rusqlite::Result<Rows> {
    let mut statement = bound(connection, sql, binds)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut answer = Rows { rows: Vec::new(), columns };
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let values = (0..answer.columns.len()).map(|place| Ok(value_of(row.get_ref(place)?)));
        answer.rows.push(values.collect::<rusqlite::Result<_>>()?);
    }
    Ok(answer)
}

fn schema_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA schema_version")?.query_row([], |row| row.get(0))
}

/// Polls for the lock every millisecond, for as long as any other connection waits. SQLite's own handler polls ever more
/// seldom, and beside a writer that never rests it would find the lock taken every time.
fn wait_for_the_lock(tries: i32) -> bool {
    const POLL: Duration = Duration::from_millis(1);
    thread::sleep(POLL);
    u128::try_from(tries).is_ok_and(|tries| tries * POLL.as_millis() < BUSY_TIMEOUT.as_millis())
}

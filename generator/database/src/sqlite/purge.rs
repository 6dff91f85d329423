//! The face that purges, on SQLite: windows of keys, `secure_delete`, bounded locks and a bounded write-ahead log.
//!
//! Windows of the primary key need no index on the time, and cost the least of all ways measured; a window is bounded by
//! counting rows, so sparse keys make no empty windows.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, TransactionBehavior, params_from_iter};

use super::{
    place::{BUSY_TIMEOUT, Place},
    read::value_of,
    schema,
};
use crate::{
    DatabaseError, Table, Value,
    purge::{Batch, Deletion, Key, Purge},
    quote,
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

/// A SQLite table that is being purged.
pub(crate) struct Purger {
    place: Place,
    connection: Connection,
    statements: Statements,
    cutoff: Value,
    table: String,
    /// The size of a frame of the write-ahead log; none without one.
    frame_bytes: Option<u64>,
    /// SQLite's `data_version` at the last look: it changes when somebody else commits.
    version: i64,
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
            Ok((frame_bytes, schema::tables(&connection)?))
        };
        let (frame_bytes, tables) = prepare().map_err(|cause| failed("PRAGMA secure_delete = 1", cause))?;
        let table = tables.iter().find(|table| table.name.eq_ignore_ascii_case(&deletion.table));
        let missing = |message: String| DatabaseError::WrongSchema { database: database.to_owned(), message };
        let table = table.ok_or_else(|| missing(format!("no such table: {}", deletion.table)))?;
        let column = table
            .column(&deletion.column)
            .ok_or_else(|| missing(format!("no such column: {}.{}", deletion.table, deletion.column)))?;
        let statements = Statements::of(table, &column.name, &deletion.cutoff)
            .ok_or_else(|| DatabaseError::NoKey { database: database.to_owned(), table: table.name.clone() })?;
        Ok(Self {
            cutoff: deletion.cutoff.clone(),
            table: table.name.clone(),
            place,
            connection,
            statements,
            frame_bytes,
            version: 0,
        })
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

    /// The place `rows` rows after `from`; none when the table ends before.
    fn end_of_window(&self, from: &Key, rows: u64) -> rusqlite::Result<Option<Key>> {
        let mut statement = self.connection.prepare_cached(&self.statements.end)?;
        let rows = Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX));
        statement.query_row(params_from_iter(from.0.iter().chain([&rows])), |row| self.statements.key(row)).optional()
    }

    fn delete(&mut self, from: &Key, to: Option<&Key>) -> Result<(u64, Stopwatch), DatabaseError> {
        let statements = &self.statements;
        let sql = if to.is_some() { &statements.delete } else { &statements.delete_rest };
        let run = || {
            let transaction = rusqlite::Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
            let watch = Stopwatch::start();
            let before = transaction.total_changes();
            let deleted = {
                let values = from.0.iter().chain(to.iter().flat_map(|key| key.0.iter())).chain([&self.cutoff]);
                transaction.prepare_cached(sql)?.execute(params_from_iter(values))? as u64
            };
            let changed = transaction.total_changes() - before;
            // What a cascade or a trigger changed counts here and not there; dropping the transaction undoes it.
            if changed == deleted {
                transaction.commit()?;
            }
            Ok((deleted, changed, watch))
        };
        let (deleted, changed, watch) = run().map_err(|cause| self.failed(sql, cause))?;
        if changed != deleted {
            return Err(DatabaseError::SideEffect {
                database: self.place.database.clone(),
                table: self.table.clone(),
                others: changed.saturating_sub(deleted),
            });
        }
        Ok((deleted, watch))
    }
}

impl Purge for Purger {
    fn first(&mut self) -> Result<Option<Key>, DatabaseError> {
        let run = || {
            let mut statement = self.connection.prepare(&self.statements.first)?;
            statement.query_row([&self.cutoff], |row| self.statements.key(row)).optional()
        };
        run().map_err(|cause| self.failed(&self.statements.first, cause))
    }

    fn batch(&mut self, from: &Key, rows: u64) -> Result<Batch, DatabaseError> {
        // Before the lock, so that the pages are read from the disk while others write.
        let next = self.end_of_window(from, rows.max(1)).map_err(|cause| self.failed(&self.statements.end, cause))?;
        let (deleted, watch) = self.delete(from, next.as_ref())?;
        Ok(Batch { deleted, next, held: watch.wall(), worked: watch.worked() })
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
}

/// Polls for the lock every millisecond, for as long as any other connection waits. SQLite's own handler polls ever more
/// seldom, and beside a writer that never rests it would find the lock taken every time.
fn wait_for_the_lock(tries: i32) -> bool {
    const POLL: Duration = Duration::from_millis(1);
    thread::sleep(POLL);
    u128::try_from(tries).is_ok_and(|tries| tries * POLL.as_millis() < BUSY_TIMEOUT.as_millis())
}

/// The SQL of one deletion. A key is the rowid, or the primary key of a table without one.
struct Statements {
    keys: usize,
    first: String,
    end: String,
    delete: String,
    delete_rest: String,
}

impl Statements {
    /// None when the table has columns named after all three names of the rowid.
    fn of(table: &Table, column: &str, cutoff: &Value) -> Option<Self> {
        let keys: Vec<String> = if table.without_rowid {
            table.primary_key.iter().map(|name| quote(name)).collect()
        } else {
            let free = ["rowid", "_rowid_", "oid"].into_iter().find(|name| table.column(name).is_none());
            vec![free?.to_owned()]
        };
        let (count, name, key) = (keys.len(), quote(&table.name), keys.join(", "));
        let places = |start: usize| {
            let places: Vec<_> = (start..start + count).map(|place| format!("?{place}")).collect();
            format!("({})", places.join(", "))
        };
        // The `+` keeps SQLite from leaving the window for an index on the column. No text and no blob is less than a number,
        // so only a text needs to be told from the rest.
        let texts_only = matches!(cutoff, Value::Text(_));
        let due = |place: usize| {
            let column = quote(column);
            let guard = if texts_only { format!("typeof({column}) = 'text' AND ") } else { String::new() };
            format!("{guard}+{column} < ?{place}")
        };
        let (from, to) = (places(1), places(count + 1));
        Some(Self {
            keys: count,
            first: format!("SELECT {key} FROM {name} WHERE {} ORDER BY {key} LIMIT 1", due(1)),
            end: format!("SELECT {key} FROM {name} WHERE ({key}) >= {from} ORDER BY {key} LIMIT 1 OFFSET ?{}", count + 1),
            delete: format!("DELETE FROM {name} WHERE ({key}) >= {from} AND ({key}) < {to} AND {}", due(2 * count + 1)),
            delete_rest: format!("DELETE FROM {name} WHERE ({key}) >= {from} AND {}", due(count + 1)),
        })
    }

    fn key(&self, row: &Row<'_>) -> rusqlite::Result<Key> {
        let values = (0..self.keys).map(|place| Ok(value_of(row.get_ref(place)?)));
        Ok(Key(values.collect::<rusqlite::Result<_>>()?))
    }
}

/// Wall time, and the time that this thread was on a processor: on a busy machine the two differ, and only the second
/// tells how large a window may be.
struct Stopwatch {
    wall: Instant,
    worked: Option<Duration>,
}

impl Stopwatch {
    fn start() -> Self {
        Self { wall: Instant::now(), worked: processor_time() }
    }

    fn wall(&self) -> Duration {
        self.wall.elapsed()
    }

    fn worked(&self) -> Duration {
        let worked = processor_time().zip(self.worked).map(|(now, then)| now.saturating_sub(then));
        worked.unwrap_or_else(|| self.wall())
    }
}

/// Nanoseconds on a processor (Linux, `Documentation/scheduler/sched-stats.rst`, first field); none elsewhere.
fn processor_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

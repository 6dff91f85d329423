//! The write-ahead log of a database that is being purged: bounded, and moved into the file by us alone.
//!
//! Any connection moves the log with its commit once it has a thousand pages (SQLite, `wal_autocheckpoint`). One window fills as
//! many, so a writer of the product would move our pages, and wait for the disk, while it should answer somebody. A reader keeps it
//! from that: nothing is moved that is newer than what somebody still reads (SQLite, "Write-Ahead Logging", "Checkpointing"). Ours,
//! the guard, reads nothing but its place in the log, and goes when we move the log ourselves, outside of any lock.

use std::{thread, time::Duration};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::place::{BUSY_TIMEOUT, Place};
use crate::DatabaseError;

/// How long making the log start over may wait for readers: writers wait with it.
const RESET_TIMEOUT: Duration = Duration::from_millis(10);
/// As long as the log is smaller, moving it costs more than it saves: pages that several windows change are moved once. A
/// larger one makes every page that is read dearer: it is looked for in the log first, four thousand frames at a time.
const MOVED_BYTES: u64 = 16 * 1024 * 1024;
/// Where no guard keeps others from it: what is left is moved by the next who commits.
const MOVED_BYTES_UNGUARDED: u64 = 2 * 1024 * 1024;
/// The header of a frame in the log (SQLite, "WAL File Format", section 4.1).
const FRAME_HEADER_BYTES: u64 = 24;
/// How often a lock is polled for, once a millisecond, before the guard goes.
const TRIES_GUARDED: i32 = 5;

/// The write-ahead log.
pub(super) struct Log {
    frame_bytes: u64,
    guard: Connection,
    /// Whether it is moved after the next window.
    is_due: bool,
}

/// How full it is, in frames.
struct Fill {
    frames: u64,
    moved: u64,
    /// Whether all was moved that could be.
    idle: bool,
}

impl Fill {
    fn is_moved(&self) -> bool {
        self.idle && self.frames == self.moved
    }
}

impl Log {
    /// None for a database without one.
    pub(super) fn of(place: &Place, connection: &Connection) -> Result<Option<Self>, DatabaseError> {
        let look = || {
            let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            let page: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
            Ok((mode.eq_ignore_ascii_case("wal"), u64::from(page) + FRAME_HEADER_BYTES))
        };
        let (has_log, frame_bytes) = look().map_err(|cause| place.failed("PRAGMA journal_mode", BUSY_TIMEOUT, cause))?;
        has_log.then(|| Ok(Self { frame_bytes, guard: place.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?, is_due: false })).transpose()
    }

    /// From now on nobody moves what is written.
    pub(super) fn guard(&self) {
        let begin = || {
            self.guard.execute_batch("BEGIN")?;
            self.guard.prepare_cached("SELECT count(*) FROM sqlite_schema")?.query_row([], |row| row.get::<_, i64>(0))
        };
        if !self.is_guarded() && begin().is_err() {
            // Without it writers move the log as they always do.
            self.unguard();
        }
    }

    pub(super) fn unguard(&self) {
        if self.is_guarded() {
            // Nothing was written: it ends whatever this says.
            let _ = self.guard.execute_batch("ROLLBACK");
        }
    }

    fn is_guarded(&self) -> bool {
        !self.guard.is_autocommit()
    }

    /// To be called before a commit after which the log is moved, while nobody else can commit: whoever did would move it first.
    pub(super) fn before_commit(&self) {
        if self.is_due {
            self.unguard();
        }
    }

    /// After a commit: moves what was written into the file when that is worth it, and so that the log starts over beyond `bytes_max`.
    /// Returns how many bytes of it are in use, and whether a reader keeps it from starting over.
    pub(super) fn tidy(&mut self, connection: &mut Connection, bytes_max: u64) -> rusqlite::Result<(u64, bool)> {
        let moved = if std::mem::take(&mut self.is_due) { Some(self.move_all(connection)?) } else { None };
        // The file says little: it keeps its length when the log starts over.
        let fill = checkpoint(connection, "NOOP", Duration::ZERO)?;
        let size = fill.frames.saturating_mul(self.frame_bytes);
        let worth_it = if self.is_guarded() { MOVED_BYTES } else { MOVED_BYTES_UNGUARDED };
        let moved = match moved {
            Some(moved) => moved,
            None if size < bytes_max => {
                self.is_due = size >= worth_it && !fill.is_moved();
                return Ok((size, false));
            }
            None => self.move_all(connection)?,
        };
        // Where two connections keep committing something may be left every time. This keeps writers out, but most is moved by now.
        let moved = moved || size >= bytes_max && checkpoint(connection, "RESTART", RESET_TIMEOUT)?.is_moved();
        // As long as it does not start over there is something to move with every window: little.
        self.is_due = !moved;
        Ok((size, !moved))
    }

    /// Moves all of it and empties it, when nobody reads. Returns whether it could.
    pub(super) fn settle(&self, connection: &mut Connection) -> rusqlite::Result<bool> {
        self.move_all(connection)?;
        Ok(checkpoint(connection, "TRUNCATE", RESET_TIMEOUT)?.is_moved())
    }

    /// Moves what can be moved, while others write. The next who writes begins the log anew when nothing is left.
    fn move_all(&self, connection: &mut Connection) -> rusqlite::Result<bool> {
        self.unguard();
        let moved = checkpoint(connection, "PASSIVE", Duration::ZERO)?.is_moved();
        // What was written meanwhile is little.
        Ok(moved || checkpoint(connection, "PASSIVE", Duration::ZERO)?.is_moved())
    }

    /// Takes the write lock; polls for it, and leaves the connection so that it waits for no other. Whoever moves the log with writers locked out
    /// (`wal_checkpoint(TRUNCATE)`) waits for readers, and would for the guard: when the lock is not to be had soon it goes.
    pub(super) fn begin<'c>(&self, connection: &'c Connection) -> rusqlite::Result<Transaction<'c>> {
        connection.busy_timeout(Duration::ZERO)?;
        let mut tries = 0;
        loop {
            match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
                Err(cause) if cause.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && wait_for_the_lock(tries) => {
                    tries += 1
                }
                begun => return begun,
            }
            if tries == TRIES_GUARDED {
                self.unguard();
            }
        }
    }
}

fn checkpoint(connection: &mut Connection, how: &str, wait: Duration) -> rusqlite::Result<Fill> {
    connection.busy_timeout(wait)?;
    // -1 in a database without a log.
    let frames = |count: i64| u64::try_from(count).unwrap_or(0);
    let told = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({how})")).and_then(|mut statement| {
        statement.query_row([], |row| {
            Ok(Fill { idle: row.get::<_, i64>(0)? == 0, frames: frames(row.get(1)?), moved: frames(row.get(2)?) })
        })
    });
    connection.busy_handler(Some(wait_for_the_lock))?;
    told
}

/// Polls for the lock every millisecond, for as long as any other connection waits. SQLite's own handler polls ever more
/// seldom, and beside a writer that never rests it would find the lock taken every time.
pub(super) fn wait_for_the_lock(tries: i32) -> bool {
    const POLL: Duration = Duration::from_millis(1);
    thread::sleep(POLL);
    u128::try_from(tries).is_ok_and(|tries| tries * POLL.as_millis() < BUSY_TIMEOUT.as_millis())
}

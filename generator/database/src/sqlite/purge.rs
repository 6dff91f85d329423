//! The face that purges, on SQLite: windows of keys, `secure_delete`, bounded locks and a bounded write-ahead log.
//!
//! Windows of the primary key need no index on the time, and cost the least of all ways measured; a window is bounded by
//! counting rows, so sparse keys make no empty windows.

use std::{path::Path, time::Duration};

use avouch_model::Timestamp;
use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior};

use super::{
    erase, lease,
    log::{Log, wait_for_the_lock},
    parts::Parts,
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
        statements::{LOOKED_AT, Statements, Work, rowid},
    },
    value::named,
};

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
    log: Option<Log>,
    /// How windows are cut; none: a window is one statement, as its rows refer to each other or to rows that go with them.
    parts: Option<Parts>,
    /// SQLite's `data_version` at the last look: it changes when somebody else commits.
    version: i64,
    /// Whether the key is a number of which no two rows have the same.
    by_rowid: bool,
    /// SQLite's `schema_version` when the schema was last held against the plan.
    schema: i64,
    lease: Option<lease::Lease>,
    /// How many rows may still go.
    allowed: u64,
}

impl Purger {
    pub(crate) fn open(database: &str, file: &str, root: &Path, deletion: &Deletion) -> Result<Self, DatabaseError> {
        let place = Place::find(database, file, root)?;
        place.identity.clone().must_be_of(deletion, database)?;
        let mut connection = place.open(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let failed = |sql: &str, cause| place.failed(sql, BUSY_TIMEOUT, cause);
        let mut prepare = || {
            connection.busy_handler(Some(wait_for_the_lock))?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "trusted_schema", false)?;
            connection.pragma_update(None, "secure_delete", true)?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            // A checkpoint with every window would be most of the work: `Log` does it, more seldom and outside the lock.
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            if mode.eq_ignore_ascii_case("wal") {
                // No wait for the disk while the lock is held. A power failure may bring back rows of the last windows, in a
                // consistent database, until `settle` or the next checkpoint; the next run deletes them again.
                connection.pragma_update(None, "synchronous", "normal")?;
            }
            let schema = schema_version(&connection)?;
            Ok((schema, schema::tables(&connection)?))
        };
        let (schema, tables) = prepare().map_err(|cause| failed("PRAGMA secure_delete = 1", cause))?;
        let due = &deletion.due;
        let (table, _) = named(&tables, database, &due.table, &due.column)?;
        if fingerprint(&tables, &deletion.touched()) != deletion.schema {
            return Err(DatabaseError::SchemaChanged { database: database.to_owned(), table: table.name.clone() });
        }
        let statements = Statements::of(&tables, table, deletion, false)
            .ok_or_else(|| DatabaseError::NoKey { database: database.to_owned(), table: table.name.clone() })?;
        let whole = !deletion.children.is_empty() || table.foreign_keys.iter().any(|key| key.parent == table.name);
        let parts = (!whole).then(|| Parts::of(Duration::ZERO, 0));
        let (by_rowid, deletion) = (rowid(table).is_some(), deletion.clone());
        let log = Log::of(&place, &connection)?;
        Ok(Self { place, connection, deletion, statements, log, parts, version: 0, by_rowid, schema, lease: None, allowed: 0 })
    }

    fn failed(&self, sql: &str, cause: rusqlite::Error) -> DatabaseError {
        self.place.failed(sql, BUSY_TIMEOUT, cause)
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

    /// Where the next `rows` rows from a key end; none: with the table. Where as many keys were rows lately no row is counted: there
    /// are no more rows than keys.
    fn end(&self, from: &Key, rows: u64, dense: bool) -> Result<Option<Key>, DatabaseError> {
        if dense
            && let [Value::Integer(first)] = from.0[..]
            && let Some(end) = i64::try_from(rows).ok().and_then(|rows| first.checked_add(rows))
        {
            return Ok(Some(Key(vec![Value::Integer(end)])));
        }
        let mut window = from.bound("from");
        window.push(counted(rows));
        self.find(&self.statements.end, &window)
    }

    /// Does the rows from a key on in one transaction: those of the `whole` window, or `rows` and as many as the clock lets it.
    /// None when the rows that go are no longer those that were kept.
    fn delete(&self, from: &Key, rows: u64, parts: &mut Parts, whole: Option<&Whole>) -> Result<Option<Batch>, DatabaseError> {
        let failed = |cause| self.failed(&self.statements.rest.rows, cause);
        let transaction = match &self.log {
            Some(log) => log.begin(&self.connection),
            None => Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate),
        };
        let transaction = transaction.map_err(failed)?;
        let mut watch = Stopwatch::start();
        // Dropping the transaction undoes it, wherever this returns.
        let lease = self.lease.as_ref().ok_or_else(|| DatabaseError::ClaimLost { database: self.place.database.clone() })?;
        if !lease.renew(&transaction).map_err(failed)? {
            return Err(DatabaseError::ClaimLost { database: self.place.database.clone() });
        }
        self.same_schema(&transaction)?;
        let kept = whole.and_then(|whole| whole.kept.as_ref());
        let done = match whole {
            Some(Whole { window, .. }) => match self.delete_part(window, kept)? {
                Some((deleted, children)) => Done { deleted, children, next: window.to.clone() },
                None => return Ok(None),
            },
            None => self.delete_parts(from, rows, parts, &mut watch)?,
        };
        self.deletion.within(done.deleted, self.allowed, &self.place.database)?;
        let before = watch.worked();
        let archive = kept.map(|kept| kept.name.as_str());
        let journalled = lease.journal(&transaction, lease.batches + 1, done.deleted, done.children, archive);
        if let Some(log) = &self.log {
            log.before_commit();
        }
        journalled.and_then(|()| transaction.commit()).map_err(failed)?;
        let (held, worked) = (watch.wall(), watch.worked());
        parts.committed(before, worked);
        Ok(Some(Batch { deleted: done.deleted, children: done.children, next: done.next, held, worked }))
    }

    /// Part after part, until the window has its rows or its time.
    fn delete_parts(&self, from: &Key, rows: u64, parts: &mut Parts, watch: &mut Stopwatch) -> Result<Done, DatabaseError> {
        let mut done = Done { next: Some(from.clone()), ..Done::default() };
        let (mut seen, mut worked, mut dense) = (0, watch.worked(), false);
        while let Some(from) = done.next.take() {
            let part = parts.rows().min(rows - seen);
            let window = Window::of(&from, self.end(&from, part, dense)?);
            let (deleted, children) = self.delete_part(&window, None)?.unwrap_or_default();
            seen += part;
            dense = self.by_rowid && deleted * 2 >= part;
            done = Done { deleted: done.deleted + deleted, children: done.children + children, next: window.to };
            let before = std::mem::replace(&mut worked, watch.worked());
            // Before more of what is undone in the end.
            self.deletion.within(done.deleted, self.allowed, &self.place.database)?;
            if !parts.another(worked.saturating_sub(before), seen, worked) || seen >= rows {
                break;
            }
        }
        Ok(done)
    }

    /// The rows of a window and its children, in the transaction that there is; none when they are no longer those that were `kept`.
    fn delete_part(&self, window: &Window, kept: Option<&Kept>) -> Result<Option<(u64, u64)>, DatabaseError> {
        let work = window.work(&self.statements);
        let failed = |cause| self.failed(&work.rows, cause);
        let mut binds = self.deletion.bound(&window.binds);
        if let Some(kept) = kept
            && self.going(work, &binds).map_err(failed)? != kept.rows
        {
            return Ok(None);
        }
        let chosen = self.chosen(work, &binds).map_err(failed)?;
        binds.extend(chosen.iter().map(|(chosen, _)| ("chosen", chosen)));
        let connection = &self.connection;
        let run = || {
            let before = connection.total_changes();
            let mut children = 0;
            for child in &work.children {
                children += bound(connection, child, &binds)?.raw_execute()? as u64;
            }
            let deleted = bound(connection, &work.rows, &binds)?.raw_execute()? as u64;
            let others = (connection.total_changes() - before).saturating_sub(deleted + children);
            let others = others + chosen.as_ref().map_or(0, |(_, count)| count.abs_diff(deleted));
            let left: i64 = match &work.left {
                Some(left) => bound(connection, left, &binds)?.raw_query().next()?.map_or(Ok(0), |row| row.get(0))?,
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
        Ok(Some((deleted, children)))
    }

    /// A window with its rows, where they are to be kept.
    fn whole(&self, window: Window, keep: Option<&mut Keep<'_>>) -> Result<Whole, DatabaseError> {
        let kept = match keep {
            Some(keep) => {
                let work = window.work(&self.statements);
                let rows =
                    self.going(work, &self.deletion.bound(&window.binds)).map_err(|cause| self.failed(&work.rows, cause))?;
                let kept = rows.first().map_or(0, |(_, own)| own.rows.len() as u64);
                self.deletion.within(kept, self.allowed, &self.place.database)?;
                Some(Kept::by(keep, rows, &self.place.database)?)
            }
            None => None,
        };
        Ok(Whole { window, kept })
    }

    /// Deletes a window: a whole one, or as much of it as the clock lets it.
    fn batch_of(
        &mut self,
        from: &Key,
        rows: u64,
        window: Option<Window>,
        parts: Option<Parts>,
        mut keep: Option<&mut Keep<'_>>,
    ) -> Result<Batch, DatabaseError> {
        for _ in 0..KEEP_TRIES {
            let whole = window.clone().map(|window| self.whole(window, keep.as_deref_mut())).transpose()?;
            let mut cut = parts.unwrap_or_else(|| Parts::of(Duration::ZERO, 0));
            if let Some(batch) = self.delete(from, rows, &mut cut, whole.as_ref())? {
                self.parts = parts.map_or(self.parts, |_| Some(cut));
                if let Some(lease) = &mut self.lease {
                    lease.batches += 1;
                }
                return Ok(batch);
            }
        }
        Err(DatabaseError::Restless { database: self.place.database.clone() })
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

    fn allow(&mut self, rows: u64) {
        self.allowed = rows;
    }

    fn hold_at_most(&mut self, hold: Duration, rows_min: u64) -> bool {
        self.parts = self.parts.map(|_| Parts::of(hold, rows_min));
        self.parts.is_some()
    }

    fn batch(&mut self, from: &Key, rows: u64, keep: Option<&mut Keep<'_>>) -> Result<Batch, DatabaseError> {
        let parts = self.parts.filter(|_| keep.is_none());
        let window = match parts {
            Some(_) => None,
            // Before the lock, so that the pages are read from the disk while others write.
            None => Some(Window::of(from, self.end(from, rows, false)?)),
        };
        // Not while rows are kept, which may take long: whoever waits for readers would wait for that.
        if let Some(log) = &self.log {
            if keep.is_some() { log.unguard() } else { log.guard() }
        }
        let done = self.batch_of(from, rows.max(1), window, parts, keep);
        if self.log.is_some() {
            // Taking the lock by `Log::begin` left it without.
            let waits = self.connection.busy_handler(Some(wait_for_the_lock));
            waits.map_err(|cause| self.failed("wait for the lock", cause))?;
        }
        done
    }

    fn tidy(&mut self, wal_bytes_max: u64) -> Result<u64, DatabaseError> {
        let Some(log) = &mut self.log else { return Ok(0) };
        let tidied = log.tidy(&mut self.connection, wal_bytes_max);
        let (size, is_blocked) = tidied.map_err(|cause| self.failed("PRAGMA wal_checkpoint", cause))?;
        let others_write = self.others_write()?;
        self.parts.iter_mut().for_each(|parts| parts.beside(others_write));
        if is_blocked && size > wal_bytes_max.saturating_mul(4) {
            return Err(DatabaseError::WalBlocked { database: self.place.database.clone(), bytes: size });
        }
        Ok(size)
    }

    fn settle(&mut self) -> Result<bool, DatabaseError> {
        let Some(log) = &self.log else { return Ok(true) };
        log.settle(&mut self.connection).map_err(|cause| self.failed("PRAGMA wal_checkpoint(TRUNCATE)", cause))
    }

    fn release(&mut self) -> Result<(), DatabaseError> {
        if let Some(log) = &self.log {
            log.unguard();
        }
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

/// What a window did so far, and where the rest begins.
#[derive(Default)]
struct Done {
    deleted: u64,
    children: u64,
    next: Option<Key>,
}

/// The rows between two keys, or from one to the end of the table.
#[derive(Clone)]
struct Window {
    binds: Vec<(String, Value)>,
    to: Option<Key>,
}

impl Window {
    fn of(from: &Key, to: Option<Key>) -> Self {
        let mut binds = from.bound("from");
        binds.extend(to.iter().flat_map(|key| key.bound("to")));
        Self { binds, to }
    }

    fn work<'s>(&self, statements: &'s Statements) -> &'s Work {
        if self.to.is_some() { &statements.window } else { &statements.rest }
    }
}

/// A window that is done at once, and its rows where they were kept.
struct Whole {
    window: Window,
    kept: Option<Kept>,
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

//! The face that purges, on Postgres: windows of the primary key, each a transaction that waits neither long for a lock nor
//! for a statement, and that is begun again after a deadlock.

use std::time::{Duration, Instant};

use avouch_model::Timestamp;

use super::{
    lease::{self, Lease, count},
    parts, schema,
    session::{Session, Way},
};
use crate::{
    DatabaseError, Limits, Rows, Table, Value, fingerprint,
    purge::{
        Batch, Claim, Deletion, Keep, Kept, Key, Purge, counted,
        statements::{LOOKED_AT, Statements, Work},
    },
};

/// How long one statement of a window may take.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a window is begun again: because of a deadlock or a lock, or because its rows changed while they were being kept.
const TRIES: usize = 5;
/// A window that takes less than this part of what was too long is no reason for small ones any more.
const QUICK: u32 = 8;
/// Of how many rows of a window one is counted, where nearly every whole number is a row's key.
const PART_COUNTED: u64 = 8;
/// The rows of a window are all that is read.
const LIMITS: Limits = Limits { rows_max: 1_000_000, bytes_max: 256 * 1024 * 1024, time: STATEMENT_TIMEOUT };

/// A Postgres table that is being purged.
pub(crate) struct Purger {
    session: Session,
    deletion: Deletion,
    statements: Statements,
    /// What the catalogue said of the tables when the schema was held against the plan.
    catalogue: Rows,
    /// The type of the column, where whole partitions may be dropped.
    droppable: Option<String>,
    /// After so long the server ended a statement for as many rows as this; none since windows are quick again.
    ended: Option<(Duration, u64)>,
    /// Nearly every number was a row's key where rows were counted last.
    dense: bool,
    lease: Option<Lease>,
    /// How many rows may still go.
    allowed: u64,
}

impl Purger {
    pub(crate) fn open(way: Way<'_>, deletion: &Deletion) -> Result<Self, DatabaseError> {
        let database = way.database;
        let mut session = Session::open(way)?;
        session.at_most("statement_timeout", STATEMENT_TIMEOUT)?;
        session.is_durable()?;
        schema::identity(&mut session)?.must_be_of(deletion, database)?;
        let (catalogue, tables) = shape(&mut session, deletion)?;
        let due = &deletion.due;
        let table = tables.iter().find(|table| table.name == due.table);
        let missing = |message: String| DatabaseError::WrongSchema { database: database.to_owned(), message };
        let table = table.ok_or_else(|| missing(format!("no such table: {}", due.table)))?;
        let inherited = is_inherited(&mut session, &table.name)?;
        let statements = Statements::of(&tables, table, deletion, inherited)
            .ok_or_else(|| DatabaseError::NoKey { database: database.to_owned(), table: table.name.clone() })?;
        let kind = table.column(&due.column).map(|column| column.declared.clone());
        let droppable = kind.filter(|_| parts::may_drop(deletion, &tables));
        let deletion = deletion.clone();
        Ok(Self { session, deletion, statements, catalogue, droppable, ended: None, dense: false, lease: None, allowed: 0 })
    }

    fn ask(&mut self, sql: &str, window: &[(String, Value)]) -> Result<Rows, DatabaseError> {
        let binds = self.deletion.bound(window);
        self.session.ask(sql, &binds, LIMITS)
    }

    fn change(&mut self, sql: &str, window: &[(String, Value)]) -> Result<u64, DatabaseError> {
        let binds = self.deletion.bound(window);
        self.session.change(sql, &binds)
    }

    /// Rows by table.
    fn read(&mut self, of: &[(String, String)], window: &[(String, Value)]) -> Result<Vec<(String, Rows)>, DatabaseError> {
        of.iter().map(|(table, sql)| Ok((table.clone(), self.ask(sql, window)?))).collect()
    }

    fn key(&self, rows: &Rows) -> Option<Key> {
        rows.rows.first().map(|row| Key(row.iter().take(self.statements.keys).cloned().collect()))
    }

    /// Where a window of at most so many rows ends, which begins at a key; none: with the table. Where nearly every whole number was a
    /// row's key so far, an eighth of the rows is counted: before these are no more rows than numbers.
    fn end(&mut self, from: &Key, rows: u64) -> Result<Option<Key>, DatabaseError> {
        let part = rows.div_ceil(PART_COUNTED);
        let leap = self.number(from).filter(|_| self.dense).and_then(|number| number.checked_add_unsigned(rows - part));
        let (found, begun, rows) = match (self.statements.leap.clone(), leap) {
            (Some(sql), Some(leap)) => {
                let window = [("leap".to_owned(), Value::Integer(leap)), counted(part)];
                (again(|| self.ask(&sql, &window))?, Some(leap), part)
            }
            _ => {
                let (sql, window) = (self.statements.end.clone(), [from.bound("from"), vec![counted(rows)]].concat());
                (again(|| self.ask(&sql, &window))?, self.number(from), rows)
            }
        };
        let next = self.key(&found);
        let numbers = next.as_ref().and_then(|next| self.number(next)?.checked_sub(begun?));
        self.dense =
            numbers.and_then(|numbers| u64::try_from(numbers).ok()).is_some_and(|numbers| numbers <= rows + rows / PART_COUNTED);
        Ok(next)
    }

    /// A key that is one whole number.
    fn number(&self, key: &Key) -> Option<i64> {
        match &key.0[..] {
            [Value::Text(number)] if self.statements.leap.is_some() => number.parse().ok(),
            _ => None,
        }
    }

    /// One transaction, undone unless it comes to its end; none when the rows that go are no longer those that were `kept`.
    fn delete(
        &mut self,
        number: u64,
        work: &Work,
        window: &[(String, Value)],
        kept: Option<&Kept>,
    ) -> Result<Option<(u64, u64)>, DatabaseError> {
        self.session.run("BEGIN")?;
        let done = self.delete_within(number, work, window, kept);
        self.session.end(done, Option::is_some)
    }

    fn delete_within(
        &mut self,
        number: u64,
        work: &Work,
        window: &[(String, Value)],
        kept: Option<&Kept>,
    ) -> Result<Option<(u64, u64)>, DatabaseError> {
        let (database, table) = (self.session.database.clone(), self.deletion.due.table.clone());
        let Some(lease) = &self.lease else { return Err(DatabaseError::ClaimLost { database }) };
        if !lease.renew(&mut self.session)? {
            return Err(DatabaseError::ClaimLost { database });
        }
        // A lock is a write to each row: it is taken only where something is looked at before the rows go. Where nothing but an age decides
        // it is not, as the server looks at the age of a row that it waited for once more.
        let looked = kept.is_some() || !work.guards.is_empty() || !work.children.is_empty() || work.still.is_some();
        let (mut locked, mut window) = (Vec::new(), window.to_vec());
        for lock in work.locks.iter().filter(|_| looked) {
            let rows = self.ask(lock, &window)?;
            locked.push(count(&rows));
            if let Some(chosen) = rows.field(1) {
                window.push(("chosen".to_owned(), chosen.clone()));
            }
        }
        if let Some(still) = &work.still
            && Some(count(&self.ask(still, &window)?)) != locked.first().copied()
        {
            return Ok(None);
        }
        for guard in &work.guards {
            let others = count(&self.ask(guard, &window)?);
            if others > 0 {
                return Err(DatabaseError::SideEffect { database, table, others });
            }
        }
        if let Some(kept) = kept
            && self.read(&work.locked, &window)? != kept.rows
        {
            return Ok(None);
        }
        let mut gone = Vec::new();
        for child in &work.children {
            gone.push(self.change(child, &window)?);
        }
        let children = gone.iter().sum();
        let deleted = self.change(&work.rows, &window)?;
        self.deletion.within(deleted, self.allowed, &database)?;
        gone.push(deleted);
        // A row that came in between is not locked, and may be referred to by now.
        if looked && !locked.iter().eq(gone.iter().rev()) {
            return Ok(None);
        }
        if let Some(left) = &work.left {
            let rows = count(&self.ask(left, &window)?);
            if rows > 0 {
                return Err(DatabaseError::NotSettled { database, table, rows });
            }
        }
        // By now the tables are locked against another shape.
        if catalogue(&mut self.session, &self.deletion)? != self.catalogue {
            return Err(DatabaseError::SchemaChanged { database, table });
        }
        if let Some(lease) = &self.lease {
            lease.journal(&mut self.session, number, deleted, children, kept.map(|kept| kept.name.as_str()))?;
        }
        Ok(Some((deleted, children)))
    }

    /// A window of so many rows, begun again when somebody else stands in the way.
    fn window(&mut self, from: &Key, rows: u64, mut keep: Option<&mut Keep<'_>>) -> Result<Batch, DatabaseError> {
        // Objects of an archive are to hold as many rows as they may.
        self.dense &= keep.is_none();
        let next = self.end(from, rows)?;
        let mut window = from.bound("from");
        let work = if next.is_some() { self.statements.window.clone() } else { self.statements.rest.clone() };
        window.extend(next.iter().flat_map(|key| key.bound("to")));
        let number = self.lease.as_ref().map_or(0, |lease| lease.batches + 1);
        let mut last = None;
        for _ in 0..TRIES {
            let kept = match keep.as_deref_mut() {
                Some(keep) => {
                    let rows = self.read(&work.going, &window)?;
                    let kept = rows.first().map_or(0, |(_, own)| own.rows.len() as u64);
                    self.deletion.within(kept, self.allowed, &self.session.database)?;
                    Some(Kept::by(keep, rows, &self.session.database)?)
                }
                None => None,
            };
            let start = Instant::now();
            match self.delete(number, &work, &window, kept.as_ref()) {
                Ok(Some((deleted, children))) => {
                    if let Some(lease) = &mut self.lease {
                        lease.batches = number;
                    }
                    let held = start.elapsed();
                    return Ok(Batch { deleted, children, next, held, worked: held });
                }
                Ok(None) => {}
                Err(error @ DatabaseError::Contended { .. }) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| DatabaseError::Restless { database: self.session.database.clone() }))
    }

    /// Does something for at most so many rows. What the server ends because it took too long is done for half as many, and
    /// later ones are no larger until they are quick.
    fn in_parts<T>(
        &mut self,
        rows: u64,
        mut once: impl FnMut(&mut Self, u64) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let mut rows = self.ended.map_or(rows, |(_, ended)| rows.min((ended / 2).max(1)));
        loop {
            let start = Instant::now();
            match once(self, rows) {
                Err(DatabaseError::Cancelled { cause, .. }) if took_too_long(&cause) => {
                    if rows <= 1 {
                        return Err(DatabaseError::TooSlowForOne { database: self.session.database.clone(), cause });
                    }
                    self.ended = Some((start.elapsed(), rows));
                    rows /= 2;
                }
                done => {
                    let took = start.elapsed();
                    self.ended = self.ended.filter(|(limit, _)| took * QUICK > *limit);
                    return done;
                }
            }
        }
    }
}

impl Purge for Purger {
    fn claim(&mut self, owner: &str, now: Timestamp, told: Option<u64>) -> Result<Claim, DatabaseError> {
        let (claim, lease) = again(|| lease::claim(&mut self.session, &self.deletion.rule, owner, now, told))?;
        self.lease = Some(lease);
        Ok(claim)
    }

    fn allow(&mut self, rows: u64) {
        self.allowed = rows;
    }

    fn lets_others_write(&self) -> bool {
        true
    }

    fn first(&mut self) -> Result<Option<Key>, DatabaseError> {
        let Statements { begin, first, first_of_rest, .. } = self.statements.clone();
        let found = again(|| self.ask(&begin, &[]))?;
        let mut from = self.key(&found);
        while let Some(key) = from {
            let (next, found) = self.in_parts(LOOKED_AT, |purger, rows| {
                let next = purger.end(&key, rows)?;
                let mut window = key.bound("from");
                window.extend(next.iter().flat_map(|key| key.bound("to")));
                let first = if next.is_some() { &first } else { &first_of_rest };
                let found = again(|| purger.ask(first, &window))?;
                Ok((next, purger.key(&found)))
            })?;
            if found.is_some() {
                return Ok(found);
            }
            from = next;
        }
        Ok(None)
    }

    fn batch(&mut self, from: &Key, rows: u64, mut keep: Option<&mut Keep<'_>>) -> Result<Batch, DatabaseError> {
        self.in_parts(rows, |purger, rows| purger.window(from, rows, keep.as_deref_mut()))
    }

    fn part(&mut self) -> Result<Option<u64>, DatabaseError> {
        let (Some(kind), Some(lease)) = (&self.droppable, &mut self.lease) else { return Ok(None) };
        let dropped = parts::drop_one(&mut self.session, &self.deletion, kind, lease, self.allowed)?;
        if dropped.is_some() {
            lease.batches += 1;
            self.catalogue = shape(&mut self.session, &self.deletion)?.0;
        }
        Ok(dropped)
    }

    fn release(&mut self) -> Result<(), DatabaseError> {
        match self.lease.take() {
            Some(lease) => lease.release(&mut self.session),
            None => Ok(()),
        }
    }
}

/// Whether the server ended a statement because of its time-out, and not because somebody asked it to.
fn took_too_long(cause: &tokio_postgres::Error) -> bool {
    cause.as_db_error().is_none_or(|error| !error.message().contains("user request"))
}

/// Does once more what somebody else stood in the way of.
fn again<T>(mut once: impl FnMut() -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
    for _ in 1..TRIES {
        match once() {
            Err(DatabaseError::Contended { .. }) => {}
            done => return done,
        }
    }
    once()
}

/// What the catalogue says now, and the tables, which are those of the plan.
fn shape(session: &mut Session, deletion: &Deletion) -> Result<(Rows, Vec<Table>), DatabaseError> {
    let catalogue = catalogue(session, deletion)?;
    let tables = schema::tables(session)?;
    if fingerprint(&tables, &deletion.touched()) != deletion.schema {
        return Err(DatabaseError::SchemaChanged { database: session.database.clone(), table: deletion.due.table.clone() });
    }
    Ok((catalogue, tables))
}

/// Everything that changes with the shape of the tables: a column, a trigger, a rule, a foreign key to or from them; and what
/// their parts have of their own.
fn catalogue(session: &mut Session, deletion: &Deletion) -> Result<Rows, DatabaseError> {
    let names = deletion.touched().iter().map(|name| Value::from(*name)).collect::<Vec<_>>();
    let places: Vec<String> = (0..names.len()).map(|place| format!(":table_{place}")).collect();
    let tables = format!("(SELECT oid FROM pg_class WHERE relname IN ({}) AND pg_table_is_visible(oid))", places.join(", "));
    let below = "(SELECT part FROM parts)";
    let sql = format!(
        "{parts} SELECT 'a', CAST(attrelid AS BIGINT), CAST(attnum AS BIGINT), CAST(attname AS TEXT), CAST(atttypid AS BIGINT) \
         FROM pg_attribute WHERE attrelid IN {tables} AND attnum > 0 UNION ALL \
         SELECT 'c', CAST(conrelid AS BIGINT), CAST(oid AS BIGINT), CAST(conname AS TEXT), 0 FROM pg_constraint \
         WHERE conrelid IN {tables} OR confrelid IN {tables} OR (confrelid IN {below} AND contype = 'f' AND conparentid = 0) UNION ALL \
         SELECT 't', CAST(tgrelid AS BIGINT), CAST(oid AS BIGINT), CAST(tgname AS TEXT), CAST(tgtype AS BIGINT) FROM pg_trigger t \
         WHERE tgrelid IN {tables} OR (tgrelid IN {below} AND NOT tgisinternal AND NOT EXISTS (SELECT 1 FROM pg_trigger w \
         WHERE w.tgrelid IN {tables} AND w.tgname = t.tgname AND w.tgfoid = t.tgfoid AND w.tgtype = t.tgtype)) UNION ALL \
         SELECT 'w', CAST(ev_class AS BIGINT), CAST(oid AS BIGINT), CAST(rulename AS TEXT), 0 FROM pg_rewrite WHERE ev_class IN {tables} \
         ORDER BY 1, 2, 3",
        parts = schema::parts(&format!("oid IN {tables}")),
    );
    let names: Vec<(String, Value)> =
        names.into_iter().enumerate().map(|(place, name)| (format!("table_{place}"), name)).collect();
    let binds: Vec<(&str, &Value)> = names.iter().map(|(name, value)| (name.as_str(), value)).collect();
    session.ask(&sql, &binds, Limits::default())
}

/// Whether other tables inherit from this one, other than its partitions.
fn is_inherited(session: &mut Session, table: &str) -> Result<bool, DatabaseError> {
    let sql = "SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent \
               WHERE c.relname = :table AND pg_table_is_visible(c.oid) AND c.relkind = 'r'";
    Ok(count(&session.ask(sql, &[("table", &Value::from(table))], LIMITS)?) > 0)
}

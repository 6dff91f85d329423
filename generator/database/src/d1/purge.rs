//! The face that purges, on D1: a window is one request, and what is not answered is found in the journal.

use std::time::Duration;

use avouch_model::{Timestamp, product::D1};

use super::{
    error::D1Error,
    lease::{self, Lease, unread},
    mirror::{Mirror, SCHEMA},
    session::{Session, TRIES, VALUE_MAX, may_pass, rest},
    sweep::{By, LINE, Sweep, lines},
    width::Width,
};
use crate::{
    DatabaseError, Identity, Limits, Rows, Table, Value, exact, fingerprint,
    purge::{
        Batch, Claim, Deletion, Keep, Kept, Key, Purge, counted,
        journal::{JOURNAL_TABLE, LEASE_TABLE},
        statements::{LOOKED_AT, Work},
    },
    value::named,
};

/// D1 ends what takes longer by itself.
const LIMITS: Limits = Limits { rows_max: 1_000_000, bytes_max: 16 * 1024 * 1024, time: Duration::from_secs(45) };
/// How often a window is begun again because it was too much: each time with a quarter of the keys.
const NARROWED_MAX: u32 = 24;

/// A table on D1 that is being purged.
pub(crate) struct Purger {
    session: Session,
    deletion: Deletion,
    tables: Vec<Table>,
    /// What D1 said of the schema when it was held against the plan.
    schema: Value,
    sweep: Sweep,
    /// The ways through the table that are left when that one cannot be gone.
    others: Vec<Sweep>,
    /// None before the first window.
    width: Option<Width>,
    /// So many rows were too much for a window.
    rows_max: u64,
    lease: Option<Lease>,
    /// How many rows may still go.
    allowed: u64,
}

/// What one request did.
struct Done {
    deleted: u64,
    children: u64,
    next: Option<Key>,
    /// Rows that D1 met in the window.
    met: u64,
    took: Duration,
}

/// The rows of a window that were kept, as D1 wrote them: a text for each table.
struct Keeping {
    name: String,
    lines: Vec<Value>,
}

impl Purger {
    pub(crate) fn open(database: &str, place: &D1, deletion: &Deletion) -> Result<Self, DatabaseError> {
        Identity::of_d1(place).must_be_of(deletion, database)?;
        let mut session = Session::open(database, place, &place.purge_token_env)?;
        let mirror = Mirror::of(&mut session)?;
        let tables = mirror.tables(&session)?;
        let (table, _) = named(&tables, database, &deletion.due.table, &deletion.due.column)?;
        if fingerprint(&tables, &deletion.touched()) != deletion.schema {
            return Err(DatabaseError::SchemaChanged { database: database.to_owned(), table: table.name.clone() });
        }
        let mut others = Sweep::all(&tables, table, deletion);
        if others.is_empty() {
            return Err(DatabaseError::NoKey { database: database.to_owned(), table: table.name.clone() });
        }
        let sweep = others.remove(0);
        for sql in sweep.statements().chain(others.iter().flat_map(Sweep::statements)) {
            mirror.check(database, sql).map_err(|error| match error {
                DatabaseError::WrongSchema { database, message } if message.ends_with(JOURNAL_TABLE) => {
                    DatabaseError::NoJournal { database }
                }
                error => error,
            })?;
        }
        let (deletion, schema) = (deletion.clone(), mirror.text);
        Ok(Self { session, deletion, tables, schema, sweep, others, width: None, rows_max: u64::MAX, lease: None, allowed: 0 })
    }

    fn ask(&mut self, sql: &str, window: &[(String, Value)]) -> Result<Rows, DatabaseError> {
        let binds = self.deletion.bound(window);
        self.session.ask(sql, &binds, LIMITS)
    }

    /// The end of the window that begins at `from`; none when it is the last.
    fn end(&mut self, from: &Key, rows: u64) -> Result<Option<Key>, DatabaseError> {
        if self.sweep.by == By::Key {
            let mut window = from.bound("from");
            window.push(counted(rows));
            let sql = self.sweep.end.clone();
            return Ok(key(&self.ask(&sql, &window)?));
        }
        let Some(start) = from.0.first() else { return Ok(None) };
        let cutoff = self.deletion.binds.iter().find(|(name, _)| name == "cutoff").map(|(_, value)| value);
        let (first, end) = match self.sweep.by {
            By::Time => (cutoff.map_or(Width::of_rows(1), |cutoff| Width::of_times(start, cutoff)), cutoff),
            By::Row | By::Key => (Width::of_rows(rows), None),
        };
        let width = *self.width.get_or_insert(first);
        Ok(width.end(start, end).map(|end| Key(vec![end])))
    }

    /// The first row that is due in the window that begins at `from`, and where the next window begins.
    fn first_from(&mut self, from: &Key, rows: u64) -> Result<(Option<Key>, Option<Key>), DatabaseError> {
        let to = self.end(from, rows)?;
        let mut window = from.bound("from");
        window.extend(to.iter().flat_map(|key| key.bound("to")));
        let sql = if to.is_some() { self.sweep.first.clone() } else { self.sweep.first_of_rest.clone() };
        let found = key(&self.ask(&sql, &window)?);
        let next = if found.is_some() { None } else { self.after(to, &window)? };
        Ok((found, next))
    }

    /// Where the window begins that follows one that ends at `to`.
    fn after(&mut self, to: Option<Key>, window: &[(String, Value)]) -> Result<Option<Key>, DatabaseError> {
        match (to, self.sweep.by) {
            (None, _) => Ok(None),
            (to, By::Key) => Ok(to),
            (Some(_), By::Time | By::Row) => {
                let sql = self.sweep.next.clone();
                Ok(key(&self.ask(&sql, window)?))
            }
        }
    }

    /// Makes windows smaller; tells whether that can be done.
    fn narrow(&mut self, from: &Key, rows: u64) -> bool {
        self.rows_max = (rows / 4).max(1);
        match self.sweep.by {
            By::Key => rows > 1,
            By::Time | By::Row => {
                let narrower = self.width.zip(from.0.first()).and_then(|(width, from)| width.narrower(from));
                self.width = narrower.or(self.width);
                narrower.is_some()
            }
        }
    }

    /// One window in one request, which is undone unless all of it is done.
    fn send(
        &mut self,
        batch: u64,
        work: &Work,
        window: &[(String, Value)],
        to: Option<&Key>,
        kept: Option<&Keeping>,
    ) -> Result<Done, DatabaseError> {
        let database = self.session.database.clone();
        let Some(lease) = &self.lease else { return Err(DatabaseError::ClaimLost { database }) };
        let ours = "rule = :rule AND claim = :claim AND owner = :owner";
        let kept_lines = kept.map(|kept| &kept.lines[..]).unwrap_or_default();
        let same: Vec<_> = (work.going.iter().zip(0..kept_lines.len()))
            .map(|((table, going), place)| format!("{} IS :kept_{place}", lines(&self.tables, table, going)))
            .collect();
        let same = if same.is_empty() { "TRUE".to_owned() } else { same.join(" AND ") };
        // What is chosen stands where the name of the archive will.
        let chosen = work.chosen.as_ref().map_or_else(|| ":archive".to_owned(), |chosen| format!("({chosen})"));
        let all_chosen = if work.chosen.is_some() { " AND changes() = json_array_length(archive)" } else { "" };
        // Of the columns that are not NULL each is NULL when something is wrong; then nothing of the request is done.
        let begin = format!(
            "INSERT INTO {JOURNAL_TABLE} (rule, claim, batch, at, deleted, children, archive) SELECT :rule, \
             CASE WHEN EXISTS (SELECT 1 FROM {LEASE_TABLE} WHERE {ours}) THEN :claim END, :batch, CASE WHEN {SCHEMA} IS :schema THEN :at END, \
             -total_changes(), CASE WHEN {same} THEN 0 END, {chosen}"
        );
        let renew = format!("UPDATE {LEASE_TABLE} SET expires = :expires WHERE {ours}");
        let add = format!("UPDATE {JOURNAL_TABLE} SET children = children + changes() WHERE {LINE}");
        // Our own changes: the line, the claim, and the line again after every child. What is beyond was done by a cascade.
        let own = 2 + work.children.len();
        let settled =
            work.left.as_ref().map_or_else(String::new, |left| format!(", children = CASE WHEN ({left}) = 0 THEN children END"));
        let count = format!(
            "UPDATE {JOURNAL_TABLE} SET archive = :archive, \
             batch = CASE WHEN changes() <= :allowed THEN batch END, \
             deleted = CASE WHEN total_changes() + deleted = {own} + children + changes(){all_chosen} THEN changes() END{settled} \
             WHERE {LINE}"
        );
        let told = format!("SELECT deleted, children FROM {JOURNAL_TABLE} WHERE {LINE}");
        let mut statements: Vec<&str> = vec![&begin, &renew];
        statements.extend(work.children.iter().flat_map(|child| [child.as_str(), &add]));
        let rows = statements.len();
        statements.extend([work.rows.as_str(), &count, &told]);
        if to.is_some() && self.sweep.by != By::Key {
            statements.push(&self.sweep.next);
        }

        let values = [
            ("batch", Value::Integer(i64::try_from(batch).unwrap_or(i64::MAX))),
            ("at", Value::Integer(lease.clock.now().unix())),
            ("expires", Value::Integer(lease.clock.expires())),
            ("allowed", Value::Integer(i64::try_from(self.allowed).unwrap_or(i64::MAX))),
            ("archive", kept.map_or(Value::Null, |kept| Value::from(kept.name.as_str()))),
        ];
        let names: Vec<_> = (0..kept_lines.len()).map(|place| format!("kept_{place}")).collect();
        let mut binds = self.deletion.bound(window);
        binds.extend(values.iter().map(|(name, value)| (*name, value)));
        binds.extend([("rule", &lease.rule), ("claim", &lease.number), ("owner", &lease.owner), ("schema", &self.schema)]);
        binds.extend(names.iter().map(String::as_str).zip(kept_lines));
        let request: Vec<_> = statements.into_iter().map(|sql| (sql, binds.clone())).collect();
        let answers = self.session.once(&request, LIMITS)?;
        let Some((told, next)) = answers.get(rows + 2).map(|told| (&told.rows, answers.get(rows + 3))) else {
            return Err(unread(&self.session));
        };
        Ok(Done {
            deleted: told.number(0).unsigned_abs(),
            children: told.number(1).unsigned_abs(),
            next: if self.sweep.by == By::Key { to.cloned() } else { next.and_then(|next| key(&next.rows)) },
            // One more than there are: the row that it ends at.
            met: answers.get(rows).map_or(0, |rows| rows.rows_read.saturating_sub(1)),
            took: answers.iter().map(|answer| answer.took).sum(),
        })
    }

    /// Keeps the rows of a window.
    fn kept(&mut self, work: &Work, window: &[(String, Value)], keep: &mut Keep<'_>) -> Result<Keeping, DatabaseError> {
        let (mut texts, mut rows) = (Vec::new(), Vec::new());
        for (table, going) in &work.going {
            let sql = format!("SELECT {}", lines(&self.tables, table, going));
            let text = self.ask(&sql, window)?.single().cloned().unwrap_or(Value::Null);
            // Before anything is written: it is sent back to be compared.
            if text.as_text().is_some_and(|text| text.len() > VALUE_MAX) {
                return Err(self.session.failed(D1Error::TooMuch { message: format!("at most {VALUE_MAX} bytes in a value") }));
            }
            let known = self.tables.iter().find(|known| known.name == *table);
            let columns = known.map(|table| table.columns.iter().map(|column| column.name.clone()).collect()).unwrap_or_default();
            let read = text.as_text().map_or_else(
                || Some(Vec::new()),
                |text| text.split('\n').map(|line| line.split(',').map(exact::value).collect::<Option<Vec<_>>>()).collect(),
            );
            rows.push((table.clone(), Rows { columns, rows: read.ok_or_else(|| unread(&self.session))? }));
            texts.push(text);
        }
        let own = rows.first().map_or(0, |(_, own): &(String, Rows)| own.rows.len() as u64);
        self.deletion.within(own, self.allowed, &self.session.database)?;
        let kept = Kept::by(keep, rows, &self.session.database)?;
        Ok(Keeping { name: kept.name, lines: texts })
    }

    /// The same schema in other words, or another: an index or a table that was made meanwhile is none of our business.
    fn look_at_the_schema(&mut self) -> Result<(), DatabaseError> {
        let mirror = Mirror::of(&mut self.session)?;
        let tables = mirror.tables(&self.session)?;
        if fingerprint(&tables, &self.deletion.touched()) != self.deletion.schema {
            let (database, table) = (self.session.database.clone(), self.deletion.due.table.clone());
            return Err(DatabaseError::SchemaChanged { database, table });
        }
        self.schema = mirror.text;
        Ok(())
    }

    /// What stands in the way of a window, where that is not the request itself.
    fn obstacle(
        &mut self,
        work: &Work,
        window: &[(String, Value)],
        column: &str,
        error: DatabaseError,
    ) -> Result<DatabaseError, DatabaseError> {
        let (database, table) = (self.session.database.clone(), self.deletion.due.table.clone());
        Ok(match (column, &work.left) {
            ("claim", _) => DatabaseError::ClaimLost { database },
            ("allowed", _) => DatabaseError::BeyondAllowance { database, table, allowed: self.allowed },
            ("deleted", _) => {
                let mut others = 0;
                for sql in self.sweep.referring.clone() {
                    others += self.ask(&sql, window)?.number(0).unsigned_abs();
                }
                DatabaseError::SideEffect { database, table, others: others.max(1) }
            }
            ("children", Some(left)) => {
                let rows = self.ask(&left.clone(), window)?.number(0).unsigned_abs();
                DatabaseError::NotSettled { database, table, rows }
            }
            ("children", None) => DatabaseError::Restless { database },
            _ => error,
        })
    }

    fn batched(&mut self, batch: u64, done: Done) -> Batch {
        if let Some(lease) = &mut self.lease {
            lease.batches = batch;
        }
        Batch { deleted: done.deleted, children: done.children, next: done.next, held: done.took, worked: done.took }
    }

    /// A window that the journal knows already: an answer to it was lost.
    fn done_before(&mut self, batch: u64, window: &[(String, Value)], to: Option<&Key>) -> Result<Option<Batch>, DatabaseError> {
        let Some(lease) = &self.lease else { return Ok(None) };
        let Some((deleted, children)) = lease.line(&mut self.session, batch)? else { return Ok(None) };
        let next = self.after(to.cloned(), window)?;
        Ok(Some(self.batched(batch, Done { deleted, children, next, met: 0, took: Duration::ZERO })))
    }
}

impl Purge for Purger {
    fn claim(&mut self, owner: &str, now: Timestamp, told: Option<u64>) -> Result<Claim, DatabaseError> {
        let (claim, lease) = lease::claim(&mut self.session, &self.deletion.rule, owner, now, told)?;
        self.lease = Some(lease);
        Ok(claim)
    }

    fn allow(&mut self, rows: u64) {
        self.allowed = rows;
    }

    fn first(&mut self) -> Result<Option<Key>, DatabaseError> {
        let sql = self.sweep.begin.clone();
        let mut from = key(&self.ask(&sql, &[])?);
        let mut rows = LOOKED_AT;
        while let Some(start) = &from {
            match self.first_from(start, rows) {
                Ok((Some(found), _)) => {
                    self.width = None;
                    return Ok(Some(found));
                }
                Ok((None, next)) => from = next,
                Err(error) if is_too_much(&error) && self.narrow(start, rows) => rows = (rows / 4).max(1),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn batch(&mut self, from: &Key, rows: u64, mut keep: Option<&mut Keep<'_>>) -> Result<Batch, DatabaseError> {
        let batch = self.lease.as_ref().map_or(0, |lease| lease.batches + 1);
        let (mut tried, mut narrowed) = (1, 0);
        // Why it is not known whether the window was done.
        let mut open: Option<DatabaseError> = None;
        let mut ended: Option<Option<Key>> = None;
        loop {
            let rows = rows.min(self.rows_max);
            let to = match ended.take() {
                Some(to) => to,
                None => self.end(from, rows)?,
            };
            let mut window = from.bound("from");
            window.extend(to.iter().flat_map(|key| key.bound("to")));
            let work = if to.is_some() { self.sweep.window.clone() } else { self.sweep.rest.clone() };
            let kept = keep.as_deref_mut().map(|keep| self.kept(&work, &window, keep)).transpose();
            let sent = kept.and_then(|kept| self.send(batch, &work, &window, to.as_ref(), kept.as_ref()));
            let error = match sent {
                Ok(done) => {
                    if to.is_some() {
                        self.width = self.width.map(|width| width.after(done.met.max(done.deleted), rows));
                    }
                    return Ok(self.batched(batch, done));
                }
                Err(error) => error,
            };
            let column = failed_column(&error);
            // Once an answer was missed, the journal is asked first.
            if (open.is_some() || error.leaves_it_open() || column == Some("batch"))
                && let Some(done) = self.done_before(batch, &window, to.as_ref())?
            {
                return Ok(done);
            }
            match column {
                // Only here it is sure that what was sent before cannot be done any more.
                Some("claim") => return Err(self.obstacle(&work, &window, "claim", error)?),
                Some("at") if tried < TRIES => {
                    self.look_at_the_schema()?;
                    tried += 1;
                    continue;
                }
                Some("children") if keep.is_some() && tried < TRIES => {
                    tried += 1;
                    continue;
                }
                Some(column) => {
                    let obstacle = self.obstacle(&work, &window, column, error)?;
                    return Err(open.unwrap_or(obstacle));
                }
                None => {}
            }
            if is_too_much(&error) && narrowed < NARROWED_MAX {
                narrowed += 1;
                // Where the end is counted, it may have moved with what is open.
                if !(open.is_some() && self.sweep.by == By::Key) && self.narrow(from, rows) {
                    continue;
                }
                if open.is_none() && !self.others.is_empty() {
                    // More rows of one moment than D1 takes: through them by another way.
                    (self.sweep, self.width) = (self.others.remove(0), None);
                    let next = self.first()?;
                    return Ok(Batch { deleted: 0, children: 0, next, held: Duration::ZERO, worked: Duration::ZERO });
                }
            }
            if tried >= TRIES || !may_pass(&error) {
                return Err(open.unwrap_or(error));
            }
            if error.leaves_it_open() {
                open = Some(error);
            }
            rest(tried);
            tried += 1;
            ended = Some(to);
        }
    }

    fn release(&mut self) -> Result<(), DatabaseError> {
        match self.lease.take() {
            Some(lease) => lease.release(&mut self.session),
            None => Ok(()),
        }
    }

    fn rows_read(&self) -> Option<u64> {
        Some(self.session.rows_read)
    }
}

fn is_too_much(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::D1 { cause: D1Error::TooMuch { .. }, .. })
}

/// The key that a row holds.
fn key(rows: &Rows) -> Option<Key> {
    let values = rows.rows.first()?.iter().map(|value| value.as_text().and_then(exact::value));
    values.collect::<Option<_>>().map(Key)
}

/// The column of the journal that made a request fail; of its number, what is `allowed`.
fn failed_column(error: &DatabaseError) -> Option<&'static str> {
    let DatabaseError::D1 { cause: D1Error::Refused { message }, .. } = error else { return None };
    let failed = |kind: &str, column: &str| message.contains(&format!("{kind} constraint failed: {JOURNAL_TABLE}.{column}"));
    if failed("UNIQUE", "rule") {
        return Some("batch");
    }
    if failed("NOT NULL", "batch") {
        return Some("allowed");
    }
    ["claim", "at", "deleted", "children"].into_iter().find(|column| failed("NOT NULL", column))
}

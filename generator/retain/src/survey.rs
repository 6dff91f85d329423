//! One look at a whole table: how many rows, how old, and whether every time in it can be read.

use std::time::Duration;

use avouch_database::{Limits, Read, Value, quote};
use avouch_model::{Timestamp, time::Day};

use crate::{Asked, Encoding, RetainError};

/// A row dated further ahead of now is from the future.
pub(crate) const FUTURE_SECONDS: i64 = 86_400;
/// 2000-01-01T00:00:00Z: times before it are defaults and mistakes, not times at which a row was made.
const PLAUSIBLE_FROM: i64 = 946_684_800;
/// 9999-12-31T23:59:59Z
const PLAUSIBLE_TO: i64 = 253_402_300_799;
/// A whole table takes longer than a question about it.
const LIMITS: Limits = Limits { rows_max: 10_000, bytes_max: 16 * 1024 * 1024, time: Duration::from_secs(900) };

/// The table and column of a rule as the schema spells them.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) table: String,
    pub(crate) column: String,
    /// Whether an index begins with the column.
    pub(crate) indexed: bool,
}

/// What was counted, in one statement and so at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    /// None when no row has a date.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) rows: u64,
    pub(crate) due: u64,
    pub(crate) overdue: u64,
    pub(crate) undated: u64,
    pub(crate) future: u64,
    pub(crate) oldest: Option<Day>,
    pub(crate) newest: Option<Day>,
    pub(crate) newest_due: Option<Day>,
}

/// Finds the rule's table and column in the schema.
pub(crate) fn find(asked: &Asked<'_>, read: &mut dyn Read) -> Result<Place, RetainError> {
    let rule = asked.rule;
    let tables = read.tables().map_err(database(asked, "read the schema"))?;
    let table = tables.iter().find(|table| table.name.eq_ignore_ascii_case(&rule.table));
    let table = table.ok_or_else(|| RetainError::NoTable {
        rule: rule.name.clone(),
        database: asked.database.name.clone(),
        table: rule.table.clone(),
    })?;
    let column = table.column(&rule.column).ok_or_else(|| RetainError::NoColumn {
        rule: rule.name.clone(),
        table: table.name.clone(),
        column: rule.column.clone(),
    })?;
    let leads = |columns: &[String]| columns.first().is_some_and(|first| first.eq_ignore_ascii_case(&column.name));
    Ok(Place {
        indexed: leads(&table.primary_key) || table.indexes.iter().any(|index| !index.partial && leads(&index.columns)),
        table: table.name.clone(),
        column: column.name.clone(),
    })
}

/// Counts. Refuses a column that is not in one encoding throughout.
pub(crate) fn survey(asked: &Asked<'_>, read: &mut dyn Read, place: &Place) -> Result<Survey, RetainError> {
    let (table, column) = (quote(&place.table), quote(&place.column));
    let failed = database(asked, "count the rows that are due");
    let first = read.query(&format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT 1"), &[], LIMITS);
    let first = first.map_err(failed)?;
    let Some(first) = first.single() else {
        let count = read.query(&format!("SELECT count(*) FROM {table}"), &[], LIMITS);
        let rows = count.map_err(database(asked, "count the rows"))?.single().map_or(0, count_of);
        return Ok(Survey { rows, undated: rows, ..Survey::default() });
    };
    let Some(encoding) = Encoding::of(first) else {
        return Err(RetainError::Unreadable {
            rule: asked.rule.name.clone(),
            table: place.table.clone(),
            column: place.column.clone(),
            sorts: sorts(asked, read, place)?,
        });
    };

    let sql = if place.indexed && encoding.is_number() { ranges(&table, &column) } else { pass(&table, &column, encoding) };
    let (cutoff, overdue) = cutoffs(asked);
    let binds = [
        ("first", Timestamp::from_unix(PLAUSIBLE_FROM)),
        ("horizon", asked.now.plus_seconds(FUTURE_SECONDS)),
        ("end", Timestamp::from_unix(PLAUSIBLE_TO)),
        ("cutoff", cutoff),
        ("overdue", overdue),
    ]
    .map(|(name, at)| (name, encoding.write(at)));
    let counted = read.query(&sql, &binds, LIMITS).map_err(database(asked, "count the rows that are due"))?;
    let values = counted.rows.into_iter().next().unwrap_or_default();
    let count = |place: usize| values.get(place).map_or(0, count_of);
    let day = |place: usize| values.get(place).and_then(|value| encoding.day(value));
    let (rows, dated, plausible, future) = (count(0), count(1), count(2), count(3));
    if plausible + future != dated {
        return Err(RetainError::Mixed {
            rule: asked.rule.name.clone(),
            table: place.table.clone(),
            column: place.column.clone(),
            encoding,
            others: dated.saturating_sub(plausible + future),
            dated,
            sorts: sorts(asked, read, place)?,
        });
    }
    Ok(Survey {
        encoding: Some(encoding),
        rows,
        due: count(4),
        overdue: count(5),
        undated: rows.saturating_sub(dated),
        future,
        oldest: day(6),
        newest: day(7),
        newest_due: day(8),
    })
}

/// One pass over every row: the shape of a text is in no index.
fn pass(table: &str, column: &str, encoding: Encoding) -> String {
    format!(
        "SELECT count(*), count({column}), \
         coalesce(sum({shape} AND {column} >= :first AND {column} <= :horizon), 0), \
         coalesce(sum({shape} AND {column} > :horizon AND {column} < :end), 0), \
         coalesce(sum({column} < :cutoff), 0), coalesce(sum({column} < :overdue), 0), \
         min({column}), max(CASE WHEN {column} <= :horizon THEN {column} END), max(CASE WHEN {column} < :cutoff THEN {column} END) \
         FROM {table}",
        shape = encoding.shape().replace("{}", column),
    )
}

/// The same answer from the ends of an index: what is young enough to be kept, most of a table, is never looked at one by
/// one. Every value but NULL lies below, between or above the bounds, whatever its type, so what is between follows. It is
/// one statement, and so one moment.
fn ranges(table: &str, column: &str) -> String {
    let count = |condition: &str| format!("(SELECT count(*) FROM {table} WHERE {condition})");
    format!(
        "SELECT rows, rows - undated, rows - undated - early - future - late, future, overdue + due, overdue, \
         (SELECT min({column}) FROM {table}), (SELECT max({column}) FROM {table} WHERE {column} <= :horizon), \
         (SELECT max({column}) FROM {table} WHERE {column} < :cutoff) \
         FROM (SELECT (SELECT count(*) FROM {table}) AS rows, {undated} AS undated, {early} AS early, {future} AS future, \
         {late} AS late, {overdue} AS overdue, {due} AS due)",
        undated = count(&format!("{column} IS NULL")),
        early = count(&format!("{column} < :first")),
        future = count(&format!("{column} > :horizon AND {column} < :end")),
        late = count(&format!("{column} >= :end")),
        overdue = count(&format!("{column} < :overdue")),
        due = count(&format!("{column} >= :overdue AND {column} < :cutoff")),
    )
}

/// Before when a row is due, and before when it is overdue: a row is overdue when it was due for longer than the lag.
pub(crate) fn cutoffs(asked: &Asked<'_>) -> (Timestamp, Timestamp) {
    let keep = asked.rule.keep;
    (keep.before(asked.now), keep.before(asked.promise.max_lag.before(asked.now)))
}

/// Names the operation that failed.
pub(crate) fn database(
    asked: &Asked<'_>,
    operation: &'static str,
) -> impl FnOnce(avouch_database::DatabaseError) -> RetainError + use<> {
    let rule = asked.rule.name.clone();
    move |cause| RetainError::Database { rule, operation, cause: Box::new(cause) }
}

/// How many values of which type there are; never the values.
fn sorts(asked: &Asked<'_>, read: &mut dyn Read, place: &Place) -> Result<String, RetainError> {
    let (table, column) = (quote(&place.table), quote(&place.column));
    let sql = format!("SELECT typeof({column}), count(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1");
    let found = read.query(&sql, &[], LIMITS).map_err(database(asked, "look at the types of the column"))?;
    let told = found.rows.iter().map(|row| match &row[..] {
        [sort, count] => format!("{} {}", count_of(count), sort.as_text().unwrap_or("?")),
        _ => String::new(),
    });
    Ok(told.collect::<Vec<_>>().join(", "))
}

fn count_of(value: &Value) -> u64 {
    value.as_integer().and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

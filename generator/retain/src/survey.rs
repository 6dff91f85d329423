//! One look at a whole table: how many rows, how old, and whether every time in it can be read.

use std::time::Duration;

use avouch_database::{Limits, Read, Value, purge::Dialect, quote};
use avouch_model::{Timestamp, product::Undated, time::Day};

use crate::{Asked, Encoding, RetainError, place::Place};

/// A row dated further ahead of now is from the future.
pub(crate) const FUTURE_SECONDS: i64 = 86_400;
/// 2000-01-01T00:00:00Z: times before it are defaults and mistakes, not times at which a row was made.
pub(crate) const PLAUSIBLE_FROM: i64 = 946_684_800;
/// 9999-12-31T23:59:59Z
const PLAUSIBLE_TO: i64 = 253_402_300_799;
/// A whole table takes longer than a question about it.
pub(crate) const LIMITS: Limits = Limits { rows_max: 10_000, bytes_max: 16 * 1024 * 1024, time: Duration::from_secs(900) };

/// What was counted, in one statement and so at one moment. Only rows under the rule's condition count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    /// None when no row has a date.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) rows: u64,
    pub(crate) due: u64,
    pub(crate) overdue: u64,
    pub(crate) undated: u64,
    pub(crate) future: u64,
    /// Rows that would be due, were it not for a legal hold.
    pub(crate) held: u64,
    pub(crate) oldest: Option<Day>,
    pub(crate) newest: Option<Day>,
    pub(crate) newest_due: Option<Day>,
}

/// Counts, and writes the cut-offs of the place in the encoding that is found. Refuses a column that is not in one encoding
/// throughout, and rows without a time or from the future where the rule does.
pub(crate) fn survey(asked: &Asked<'_>, read: &mut dyn Read, place: &mut Place) -> Result<Survey, RetainError> {
    let (table, column, scope) = (quote(place.table()), quote(place.column()), place.deletion.due.scope());
    // A type tells at once. A row that tells may lie behind all those that were deleted, which Postgres looks at one by one.
    let encoding = if place.deletion.due.native.is_some() {
        Some(Encoding::Native)
    } else {
        let first = shown(place, &column);
        let sql = format!("SELECT {first} FROM {table} WHERE {column} IS NOT NULL AND {scope} LIMIT 1");
        match read.query(&sql, &[], LIMITS).map_err(database(asked, "count the rows that are due"))?.single() {
            Some(first) => match Encoding::of(first) {
                Some(encoding) => Some(encoding),
                None => return Err(unreadable(asked, read, place)?),
            },
            None => None,
        }
    };
    place.bind(asked, encoding);
    let survey = match encoding {
        Some(encoding) => dated(asked, read, place, encoding)?,
        None => undated(asked, read, place)?,
    };
    if asked.rule.terms.undated == Undated::Refuse && survey.undated > 0 {
        return Err(RetainError::Undated { rule: asked.rule.name.clone(), undated: survey.undated });
    }
    if asked.rule.terms.refuse_future && survey.future > 0 {
        return Err(RetainError::Future { rule: asked.rule.name.clone(), future: survey.future });
    }
    Ok(survey)
}

/// No row has a time; they may be due all the same.
fn undated(asked: &Asked<'_>, read: &mut dyn Read, place: &Place) -> Result<Survey, RetainError> {
    let due = &place.deletion.due;
    let (table, scope, held, done) = (quote(place.table()), due.scope(), due.held(), due.done());
    let aged = if due.undated { "TRUE" } else { "FALSE" };
    let sql = format!(
        "SELECT count(*), count(*) FILTER (WHERE {aged} AND NOT {held} AND NOT {done}), \
         count(*) FILTER (WHERE {aged} AND {held} AND NOT {done}) FROM {table} WHERE {scope}"
    );
    let counted = read.query(&sql, &[], LIMITS).map_err(database(asked, "count the rows"))?;
    let count = |place: usize| counted.rows.first().and_then(|row| row.get(place)).map_or(0, count_of);
    let (rows, due) = (count(0), count(1));
    // For how long they are due nobody knows: of no row can be said that it is overdue.
    Ok(Survey { rows, due, undated: rows, held: count(2), ..Survey::default() })
}

fn dated(asked: &Asked<'_>, read: &mut dyn Read, place: &Place, encoding: Encoding) -> Result<Survey, RetainError> {
    let due = &place.deletion.due;
    let plain = due.is_plain() && place.indexed && encoding.is_number();
    let sql = if plain { ranges(place) } else { pass(place, encoding) };
    let mut binds = place.binds(&["cutoff", "overdue"]);
    let bounds = [("horizon", asked.now.plus_seconds(FUTURE_SECONDS)), ("end", Timestamp::from_unix(PLAUSIBLE_TO))];
    binds.extend(bounds.map(|(name, at)| (name, encoding.write(at))));
    let counted = read.query(&sql, &binds, LIMITS).map_err(database(asked, "count the rows that are due"))?;
    let values = counted.rows.into_iter().next().unwrap_or_default();
    let (survey, others) = if plain { of_ranges(&values, encoding, due.dialect) } else { of_pass(&values, encoding) };
    if others > 0 {
        return Err(RetainError::Mixed {
            rule: asked.rule.name.clone(),
            table: place.table().to_owned(),
            column: place.column().to_owned(),
            encoding,
            others,
            dated: survey.rows.saturating_sub(survey.undated),
            sorts: sorts(asked, read, place)?,
        });
    }
    // The type alone says nothing of a table without a time.
    let encoding = Some(encoding).filter(|_| survey.rows > survey.undated);
    Ok(Survey { encoding, ..survey })
}

/// One pass over every row: the shape of a text is in no index, and neither is who is under a hold.
fn pass(place: &Place, encoding: Encoding) -> String {
    let due = &place.deletion.due;
    let (table, column) = (quote(place.table()), quote(place.column()));
    let (first, horizon, end) = (due.parameter("first"), due.parameter("horizon"), due.parameter("end"));
    let (held, done) = (due.held(), due.done());
    let free = |bound: &str| format!("({}) AND NOT {held} AND NOT {done}", due.aged(bound));
    format!(
        "SELECT count(*), count({column}), \
         count(*) FILTER (WHERE {shape} AND {column} >= {first} AND {column} <= {horizon}), \
         count(*) FILTER (WHERE {shape} AND {column} > {horizon} AND {column} < {end}), \
         count(*) FILTER (WHERE {cutoff}), count(*) FILTER (WHERE {column} IS NOT NULL AND {overdue}), \
         {oldest}, {newest}, {newest_due}, count(*) FILTER (WHERE ({aged}) AND {held} AND NOT {done}) \
         FROM {table} WHERE {scope}",
        oldest = shown(place, &format!("min(CASE WHEN NOT {held} AND NOT {done} THEN {column} END)")),
        newest = shown(place, &format!("max(CASE WHEN {column} <= {horizon} THEN {column} END)")),
        newest_due = shown(place, &format!("max(CASE WHEN {cutoff} THEN {column} END)", cutoff = free("cutoff"))),
        shape = encoding.shape(due.dialect).replace("{}", &column),
        cutoff = free("cutoff"),
        overdue = free("overdue"),
        aged = due.aged("cutoff"),
        scope = due.scope(),
    )
}

/// What [`pass`] counted, and how many times are in another encoding.
fn of_pass(values: &[Value], encoding: Encoding) -> (Survey, u64) {
    let count = |place: usize| values.get(place).map_or(0, count_of);
    let day = |place: usize| values.get(place).and_then(|value| encoding.day(value));
    let (rows, dated, plausible, future) = (count(0), count(1), count(2), count(3));
    let survey = Survey {
        encoding: None,
        rows,
        due: count(4),
        overdue: count(5),
        undated: rows.saturating_sub(dated),
        future,
        oldest: day(6),
        newest: day(7),
        newest_due: day(8),
        held: count(9),
    };
    (survey, dated.abs_diff(plausible + future))
}

/// The same from the ends of an index: what is young enough to be kept, most of a table, is never looked at one by
/// one. Every value but NULL lies below, between or above the bounds, whatever its type. It is one statement, and so one moment.
///
/// Nothing is computed from the counts here: whoever names one twice has Postgres count twice.
fn ranges(place: &Place) -> String {
    let due = &place.deletion.due;
    let (table, column) = (quote(place.table()), quote(place.column()));
    let at = |name: &str| due.parameter(name);
    let count = |condition: String| format!("(SELECT count(*) FROM {table} WHERE {condition})");
    let all = match due.dialect {
        // It counts a whole index by its pages.
        Dialect::Sqlite => format!("(SELECT count(*) FROM {table})"),
        // It looks at every row, so each is counted once.
        Dialect::Postgres => count(format!("{column} >= {} AND {column} <= {}", at("cutoff"), at("horizon"))),
    };
    format!(
        "SELECT {all}, {undated}, {early}, {future}, {late}, {overdue}, {due}, (SELECT {oldest} FROM {table}), \
         (SELECT {newest} FROM {table} WHERE {column} <= {horizon}), (SELECT {newest} FROM {table} WHERE {column} < {cutoff})",
        oldest = shown(place, &format!("min({column})")),
        newest = shown(place, &format!("max({column})")),
        horizon = at("horizon"),
        cutoff = at("cutoff"),
        undated = count(format!("{column} IS NULL")),
        early = count(format!("{column} < {}", at("first"))),
        future = count(format!("{column} > {} AND {column} < {}", at("horizon"), at("end"))),
        late = count(format!("{column} >= {}", at("end"))),
        overdue = count(format!("{column} >= {} AND {column} < {}", at("first"), at("overdue"))),
        due = count(format!("{column} >= {} AND {column} < {}", at("overdue"), at("cutoff"))),
    )
}

/// A time of the column as it is read: a number of any length as one of a fixed one, which a day is still told by.
fn shown(place: &Place, time: &str) -> String {
    let table = place.tables.iter().find(|table| table.name == place.table());
    let kind = table.and_then(|table| table.column(place.column())).map(avouch_database::Column::kind);
    if place.deletion.due.dialect == Dialect::Postgres && kind.as_deref() == Some("numeric") {
        return format!("CAST({time} AS DOUBLE PRECISION)");
    }
    time.to_owned()
}

/// What [`ranges`] counted, and how many times are in another encoding.
fn of_ranges(values: &[Value], encoding: Encoding, dialect: Dialect) -> (Survey, u64) {
    let count = |place: usize| values.get(place).map_or(0, count_of);
    let day = |place: usize| values.get(place).and_then(|value| encoding.day(value));
    let (undated, early, future, late, overdue, due) = (count(1), count(2), count(3), count(4), count(5), count(6));
    let rows = match dialect {
        Dialect::Sqlite => count(0),
        Dialect::Postgres => count(0) + undated + early + future + late + overdue + due,
    };
    let survey = Survey {
        encoding: None,
        rows,
        due: overdue + due,
        overdue,
        undated,
        future,
        oldest: day(7),
        newest: day(8),
        newest_due: day(9),
        held: 0,
    };
    (survey, early + late)
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

fn unreadable(asked: &Asked<'_>, read: &mut dyn Read, place: &Place) -> Result<RetainError, RetainError> {
    Ok(RetainError::Unreadable {
        rule: asked.rule.name.clone(),
        table: place.table().to_owned(),
        column: place.column().to_owned(),
        sorts: sorts(asked, read, place)?,
    })
}

/// How many values of which type there are; never the values.
fn sorts(asked: &Asked<'_>, read: &mut dyn Read, place: &Place) -> Result<String, RetainError> {
    let (table, column) = (quote(place.table()), quote(place.column()));
    let kind = match place.deletion.due.dialect {
        Dialect::Sqlite => format!("typeof({column})"),
        Dialect::Postgres => format!("CAST(pg_typeof({column}) AS TEXT)"),
    };
    let scope = place.deletion.due.scope();
    let sql =
        format!("SELECT {kind}, count(*) FROM {table} WHERE {column} IS NOT NULL AND {scope} GROUP BY 1 ORDER BY 2 DESC, 1");
    let found = read.query(&sql, &[], LIMITS).map_err(database(asked, "look at the types of the column"))?;
    let told = found.rows.iter().map(|row| match &row[..] {
        [sort, count] => format!("{} {}", count_of(count), sort.as_text().unwrap_or("?")),
        _ => String::new(),
    });
    Ok(told.collect::<Vec<_>>().join(", "))
}

pub(crate) fn count_of(value: &Value) -> u64 {
    value.as_integer().and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

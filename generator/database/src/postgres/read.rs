//! The face that reads, on Postgres: every question is a transaction of its own that may only read, and is undone.

use avouch_model::Timestamp;

use super::{
    schema,
    session::{Session, Way},
};
use crate::{DatabaseError, Identity, Limits, Read, Rows, Table, Value, purge::Dialect, quote, value::named};

/// A Postgres database that can only be read.
pub(crate) struct Reader(Session);

impl Reader {
    pub(crate) fn open(way: Way<'_>) -> Result<Self, DatabaseError> {
        let mut session = Session::open(way)?;
        session.run("SET default_transaction_read_only = on")?;
        Ok(Self(session))
    }

    fn within<T>(
        &mut self,
        limits: Limits,
        ask: impl FnOnce(&mut Session) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let time = limits.time.as_millis();
        self.0.run(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {time}"))?;
        let answer = ask(&mut self.0).map_err(|error| match error {
            DatabaseError::Cancelled { database, .. } => DatabaseError::TooSlow { database, limit: limits.time },
            error => error,
        });
        self.0.end(answer, |_| false)
    }
}

impl Read for Reader {
    fn query(&mut self, sql: &str, binds: &[(&str, Value)], limits: Limits) -> Result<Rows, DatabaseError> {
        let binds: Vec<_> = binds.iter().map(|(name, value)| (*name, value)).collect();
        self.within(limits, |session| session.ask(sql, &binds, limits))
    }

    fn tables(&mut self) -> Result<Vec<Table>, DatabaseError> {
        self.within(Limits::default(), schema::tables)
    }

    fn scan(
        &mut self,
        table: &str,
        column: &str,
        limits: Limits,
        each: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<u64, DatabaseError> {
        let known = self.tables()?;
        let (found, column) = named(&known, &self.0.database, table, column)?;
        let (bytes, column, table) = (column.declared == "bytea", quote(&column.name), quote(&found.name));
        let shown = if bytes { column.clone() } else { format!("CAST({column} AS TEXT)") };
        self.within(limits, |session| {
            session.run(&format!("DECLARE scan NO SCROLL CURSOR FOR SELECT {shown} FROM {table} WHERE {column} IS NOT NULL"))?;
            let mut count = 0;
            loop {
                let found =
                    session.ask("FETCH 1000 FROM scan", &[], Limits { rows_max: 1_000, bytes_max: usize::MAX, ..limits })?;
                if found.rows.is_empty() {
                    return Ok(count);
                }
                for value in found.rows.iter().flatten() {
                    count += 1;
                    let more = match value {
                        Value::Text(text) => each(text.as_bytes()),
                        Value::BrokenText(bytes) | Value::Blob(bytes) => each(bytes),
                        _ => each(b""),
                    };
                    if !more {
                        return Ok(count);
                    }
                }
            }
        })
    }

    fn identity(&mut self) -> Result<Identity, DatabaseError> {
        // Every question by itself: one that fails would end a transaction.
        schema::identity(&mut self.0)
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn now(&mut self) -> Result<Timestamp, DatabaseError> {
        let sql = "SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)";
        let found = self.query(sql, &[], Limits::default())?;
        Ok(Timestamp::from_unix(found.single().and_then(Value::as_integer).unwrap_or_default()))
    }
}

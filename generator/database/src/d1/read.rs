//! The face that reads, on D1. Every question is looked at in the [`Mirror`] before it is asked.

use avouch_model::{Timestamp, product::D1};

use super::{error::D1Error, mirror::Mirror, session::Session};
use crate::{DatabaseError, Identity, Limits, Read, Rows, Table, Value, exact, purge::Dialect, quote, value::named};

/// Values that are shown from one answer.
const SHOWN_ROWS: i64 = 500;

/// A database on D1 that is only read.
pub(crate) struct Reader {
    session: Session,
    mirror: Mirror,
    identity: Identity,
}

impl Reader {
    pub(crate) fn open(database: &str, place: &D1) -> Result<Self, DatabaseError> {
        let mut session = Session::open(database, place, &place.read_token_env)?;
        let mirror = Mirror::of(&mut session)?;
        Ok(Self { session, mirror, identity: Identity::of_d1(place) })
    }
}

impl Read for Reader {
    fn query(&mut self, sql: &str, binds: &[(&str, Value)], limits: Limits) -> Result<Rows, DatabaseError> {
        let (database, names) = (self.session.database.clone(), binds.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        if let Err(DatabaseError::WrongSchema { .. }) = self.mirror.check_question(&database, sql, &names) {
            // The table may have come since.
            self.mirror = Mirror::of(&mut self.session)?;
        }
        self.mirror.check_question(&database, sql, &names)?;
        let binds: Vec<_> = binds.iter().map(|(name, value)| (*name, value)).collect();
        let answer = self.session.ask(sql, &binds, limits).map_err(|error| limited(error, limits))?;
        if answer.rows.len() > limits.rows_max {
            return Err(DatabaseError::TooManyRows { database, rows_max: limits.rows_max });
        }
        if answer.rows.iter().flatten().map(Value::bytes).sum::<usize>() > limits.bytes_max {
            return Err(DatabaseError::TooManyBytes { database, bytes_max: limits.bytes_max });
        }
        Ok(answer)
    }

    fn tables(&mut self) -> Result<Vec<Table>, DatabaseError> {
        self.mirror = Mirror::of(&mut self.session)?;
        self.mirror.tables(&self.session)
    }

    fn scan(
        &mut self,
        table: &str,
        column: &str,
        limits: Limits,
        each: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<u64, DatabaseError> {
        let known = self.tables()?;
        let (found, column) = named(&known, &self.session.database, table, column)?;
        let (column, table) = (quote(&column.name), quote(&found.name));
        // Bytes as they are; a number is its text.
        let sql = format!("SELECT hex({column}) FROM {table} WHERE {column} IS NOT NULL LIMIT {SHOWN_ROWS} OFFSET :shown");
        let mut shown: i64 = 0;
        loop {
            let answer = self.session.ask(&sql, &[("shown", &Value::Integer(shown))], limits);
            let rows = answer.map_err(|error| limited(error, limits))?.rows;
            for row in &rows {
                let bytes = row.first().and_then(Value::as_text).and_then(exact::bytes);
                let bytes = bytes
                    .ok_or_else(|| self.session.failed(D1Error::Unread { what: "a value that is not hexadecimal".to_owned() }))?;
                shown += 1;
                if !each(&bytes) {
                    return Ok(shown.unsigned_abs());
                }
            }
            if rows.len() < SHOWN_ROWS.unsigned_abs() as usize {
                return Ok(shown.unsigned_abs());
            }
        }
    }

    fn identity(&mut self) -> Result<Identity, DatabaseError> {
        Ok(self.identity.clone())
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn now(&mut self) -> Result<Timestamp, DatabaseError> {
        let found = self.session.ask("SELECT CAST(strftime('%s', 'now') AS INTEGER)", &[], Limits::default())?;
        let seconds = found.single().and_then(Value::as_integer);
        let unread = || self.session.failed(D1Error::Unread { what: "the time of the database is no number".to_owned() });
        Ok(Timestamp::from_unix(seconds.ok_or_else(unread)?))
    }
}

/// What a limit of the question is, in its words.
fn limited(error: DatabaseError, limits: Limits) -> DatabaseError {
    match error {
        DatabaseError::D1 { database, cause: D1Error::Unanswered { cause } } if cause.kind() == std::io::ErrorKind::TimedOut => {
            DatabaseError::TooSlow { database, limit: limits.time }
        }
        DatabaseError::D1 { database, cause: D1Error::Unanswered { cause } }
            if cause.kind() == std::io::ErrorKind::FileTooLarge =>
        {
            DatabaseError::TooManyBytes { database, bytes_max: limits.bytes_max }
        }
        error => error,
    }
}

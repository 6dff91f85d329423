//! What a server says went wrong, without what it says of rows: a detail quotes the key that is in the way, or the whole row, and a
//! message the value that is no number.

use std::{error::Error, fmt, ops::Deref};

use tokio_postgres::error::DbError;

/// The classes of errors whose messages name tables, columns, constraints and roles, and no values (PostgreSQL 15, Appendix A).
const NAMING: [&str; 14] = ["08", "0A", "23", "25", "28", "2B", "34", "40", "42", "53", "54", "55", "57", "58"];

/// An error of a server or of the connection to it.
pub struct Said(tokio_postgres::Error);

impl From<tokio_postgres::Error> for Said {
    fn from(cause: tokio_postgres::Error) -> Self {
        Self(cause)
    }
}

impl Deref for Said {
    type Target = tokio_postgres::Error;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_db_error() {
            Some(error) => formatter.write_str(&told(error.code().code(), error)),
            None => self.0.fmt(formatter),
        }
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Said({self})")
    }
}

impl Error for Said {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The cause of what the server says is what it says, in full.
        if self.0.as_db_error().is_some() { None } else { self.0.source() }
    }
}

fn told(code: &str, error: &DbError) -> String {
    let class = code.get(..2).unwrap_or_default();
    if !NAMING.contains(&class) {
        return format!("SQLSTATE {code}; its message may hold values of rows, and is in the server's log alone");
    }
    // What is hinted at when a statement is wrong are names.
    let hint = error.hint().filter(|_| class == "42").map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{}: {}{hint} (SQLSTATE {code})", error.severity(), error.message())
}

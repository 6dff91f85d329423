//! Databases: a face that reads ([`Read`]) and a face that purges ([`purge::Purge`]); and the buckets that rows are archived in
//! ([`bucket`]).
//!
//! Architecture invariants: a [`Read`] cannot write, whatever SQL it is given, and never creates a database; every
//! question it answers is bounded in rows, bytes and time. Identifiers are text from outside: they are held against the
//! schema and quoted with [`quote`], never pasted.

pub mod bucket;
mod d1;
mod error;
mod exact;
mod http;
mod identity;
mod parameters;
mod postgres;
pub mod purge;
mod sqlite;
mod tls;
mod value;

use std::path::Path;

use avouch_model::{
    Timestamp,
    product::{Database, Location},
};

pub use d1::D1Error;
pub use error::DatabaseError;
pub use identity::Identity;
pub use postgres::Said as PostgresSaid;
pub use value::{Column, ForeignKey, Index, Limits, Rows, Table, Trigger, Value, fingerprint};

/// The face that reads: SELECT only.
pub trait Read: Send {
    /// Asks one question. `binds` fill the named parameters of the statement, `("cutoff", …)` fills `:cutoff`.
    ///
    /// # Errors
    /// When the text is not exactly one statement, when the statement could write or attach, when a parameter is left
    /// without a value or a value without a parameter, when the answer would go over a limit (a part of an answer is
    /// never returned), or when the database is locked or does not have the tables and columns that are named.
    fn query(&mut self, sql: &str, binds: &[(&str, Value)], limits: Limits) -> Result<Rows, DatabaseError>;

    /// The ordinary tables with their columns, keys and indexes, by name in order. Views, virtual and internal tables are
    /// left out.
    ///
    /// # Errors
    /// When the database is locked or cannot be read.
    fn tables(&mut self) -> Result<Vec<Table>, DatabaseError>;

    /// Shows the values of one column one after the other, without holding them: bytes of texts and blobs as they are,
    /// numbers as their decimal text; NULL is left out. Stops when `each` answers `false`. Returns how many were shown.
    ///
    /// # Errors
    /// When there is no such table or column, when it takes longer than `limits.time`, or when reading fails; the limits
    /// on rows and bytes do not apply, as nothing is held.
    fn scan(
        &mut self,
        table: &str,
        column: &str,
        limits: Limits,
        each: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<u64, DatabaseError>;

    /// What it reaches, so that nothing is deleted elsewhere.
    ///
    /// # Errors
    /// When the database cannot be asked.
    fn identity(&mut self) -> Result<Identity, DatabaseError>;

    /// The SQL that it speaks.
    fn dialect(&self) -> purge::Dialect;

    /// Whether the database's clock is that of this machine.
    fn clock_is_ours(&self) -> bool {
        false
    }

    /// What the database's own clock says.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn now(&mut self) -> Result<Timestamp, DatabaseError>;
}

/// Opens a database for reading. Relative files lie beneath `root`.
///
/// A SQLite database in WAL mode gets its `-wal` and `-shm` companions if they are not there: readers and writers agree
/// through them. Nothing else is ever created.
///
/// # Errors
/// When the file is missing, lies outside `root`, is not a SQLite database, or stays locked.
pub fn open_read(database: &Database, root: &Path) -> Result<Box<dyn Read>, DatabaseError> {
    match &database.location {
        Location::Sqlite(file) => Ok(Box::new(sqlite::Reader::open(&database.name, file, root)?)),
        Location::Postgres { read_url_env, ca_file, .. } => {
            let way = postgres::Way { database: &database.name, variable: read_url_env, ca_file: ca_file.as_deref(), root };
            Ok(Box::new(postgres::Reader::open(way)?))
        }
        Location::D1(place) => Ok(Box::new(d1::Reader::open(&database.name, place)?)),
    }
}

/// An identifier in double quotes for SQL, quotes within doubled (SQL-92 section 5.2, `<delimited identifier>`).
pub fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_within_an_identifier_are_doubled() {
        assert_eq!(quote("users"), "\"users\"");
        assert_eq!(quote("a\"; DROP TABLE b; --"), "\"a\"\"; DROP TABLE b; --\"");
    }
}

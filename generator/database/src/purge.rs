//! The face that purges: deletes what is older than a cut-off, a window of keys at a time. Only `avouch-retain` names it.

use std::time::Duration;

use crate::{DatabaseError, Value};

/// What is to be deleted: the rows of a table whose column is strictly less than the cut-off.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletion {
    /// The table.
    pub table: String,
    /// The column with the time.
    pub column: String,
    /// The cut-off in the column's own encoding. Only values of the same sort (numbers or texts) are compared with it:
    /// SQLite would find every number less than every text.
    pub cutoff: Value,
}

/// A place between the rows of a table, in the order of its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key(pub(crate) Vec<Value>);

/// What one window did. It is committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Rows deleted.
    pub deleted: u64,
    /// Where the next window begins; none when the table is done.
    pub next: Option<Key>,
    /// How long other writers were locked out.
    pub held: Duration,
    /// How much of that this thread worked, where the system tells; otherwise the same.
    pub worked: Duration,
}

/// The face that purges one [`Deletion`]. Each window is one transaction: a process that dies between two leaves a
/// consistent database, and the next purge finishes.
pub trait Purge: Send {
    /// The place of the first row that is due; none when no row is.
    ///
    /// # Errors
    /// When the database is locked or cannot be read.
    fn first(&mut self) -> Result<Option<Key>, DatabaseError>;

    /// Deletes the rows that are due among the next `rows` rows from `from` (inclusive), in one transaction that takes
    /// the write lock at once. Nothing else may change by it: a cascade or a trigger that touches another row undoes it.
    ///
    /// # Errors
    /// When the database stays locked, when a foreign key forbids it, or when it would change anything else. Nothing of
    /// the window is deleted then.
    fn batch(&mut self, from: &Key, rows: u64) -> Result<Batch, DatabaseError>;

    /// Moves what was written from the write-ahead log into the database file, gently; beyond `wal_bytes_max` so that the
    /// log starts over. Deleted rows stay readable in the file until then. Returns how many bytes of the log are in use, 0 without one.
    ///
    /// # Errors
    /// When a reader keeps the log from starting over until it is four times as large as allowed.
    fn tidy(&mut self, wal_bytes_max: u64) -> Result<u64, DatabaseError>;

    /// Moves all of the write-ahead log into the database file and empties it, when nobody reads. Returns whether it could.
    ///
    /// # Errors
    /// When the database fails otherwise than by being in use.
    fn settle(&mut self) -> Result<bool, DatabaseError>;
}

//! The face that purges: deletes or anonymises the rows that are due, a window of keys at a time. Only `avouch-retain`
//! names it.

mod due;
mod expression;
pub mod journal;
pub(crate) mod statements;

use std::{io, path::Path, time::Duration};

use avouch_model::{
    Digest, Timestamp,
    product::{Database, Location},
};

pub use due::{Dialect, Due, Held, TenantPeriods};
pub use expression::{NotAnExpression, expression};

use crate::{DatabaseError, Identity, Rows, Value, d1, postgres, quote, sqlite};

/// What is to be done to the rows that are due.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletion {
    /// The rule, as the journal names it.
    pub rule: String,
    /// Which rows are due.
    pub due: Due,
    /// The values of its parameters.
    pub binds: Vec<(String, Value)>,
    /// Columns that are set to expressions instead of deleting the row; empty: the row is deleted.
    pub set: Vec<(String, String)>,
    /// The tables whose rows go with it, each after the tables that its links name.
    pub children: Vec<Child>,
    /// The schema that all of this was read from: [`crate::fingerprint`]. With another one nothing is done.
    pub schema: Digest,
    /// What was read: [`crate::Read::identity`]. Elsewhere nothing is done.
    pub reached: Identity,
}

impl Deletion {
    /// The tables of which rows are changed: those whose schema must be that of the plan.
    pub fn touched(&self) -> Vec<&str> {
        let children = self.children.iter().map(|child| child.table.as_str());
        std::iter::once(self.due.table.as_str()).chain(children).collect()
    }

    /// Refuses to change more rows of the rule than are `allowed`.
    pub(crate) fn within(&self, rows: u64, allowed: u64, database: &str) -> Result<(), DatabaseError> {
        let beyond = || DatabaseError::BeyondAllowance { database: database.to_owned(), table: self.due.table.clone(), allowed };
        if rows > allowed { Err(beyond()) } else { Ok(()) }
    }

    /// The values of the rule and of a window, all of which a statement may name.
    pub(crate) fn bound<'a>(&'a self, window: &'a [(String, Value)]) -> Vec<(&'a str, &'a Value)> {
        self.binds.iter().chain(window).map(|(name, value)| (name.as_str(), value)).collect()
    }

    /// The SQL condition of the rows of each child that go with the rows of the rule's table that are `going`.
    pub fn doomed(&self, going: &str) -> Vec<String> {
        let list = |columns: &[String]| columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ");
        let mut doomed: Vec<String> = Vec::new();
        for child in &self.children {
            let links = child.links.iter().map(|link| {
                let (parent, condition) = match link.parent {
                    Some(place) => (
                        self.children.get(place).map_or("", |parent| parent.table.as_str()),
                        doomed.get(place).map_or("FALSE", String::as_str),
                    ),
                    None => (self.due.table.as_str(), going),
                };
                let (columns, referred) = (link.columns.join(", "), list(&link.parent_columns));
                format!("({columns}) IN (SELECT {referred} FROM {} WHERE {condition})", quote(parent))
            });
            let links: Vec<_> = links.collect();
            doomed.push(format!("({})", links.join(" OR ")));
        }
        doomed
    }
}

/// A table whose rows go with the rows that they refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its name.
    pub table: String,
    /// How it refers to the table of the rule, or to another child.
    pub links: Vec<Link>,
}

/// A foreign key by which rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The columns that refer, as SQL: [`crate::ForeignKey::compared`].
    pub columns: Vec<String>,
    /// Which child is referred to, by its place in the list; none: the table of the rule.
    pub parent: Option<usize>,
    /// The columns referred to.
    pub parent_columns: Vec<String>,
}

/// A place between the rows of a table, in the order of its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key(pub(crate) Vec<Value>);

impl Key {
    /// Its values by the names under which a window's statements ask for them on this side.
    pub(crate) fn bound(&self, side: &str) -> Vec<(String, Value)> {
        self.0.iter().enumerate().map(|(place, value)| (format!("{side}_{place}"), value.clone())).collect()
    }
}

/// A right to work on a rule, until it expires or somebody else takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its number: each is greater than all before. Every window checks in its transaction that none is greater.
    pub number: u64,
    /// Rows that earlier claims deleted and nobody told of.
    pub recovered: u64,
    /// Rows of the children that went with those.
    pub recovered_children: u64,
}

/// What one window did. It is committed, and in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Rows deleted or anonymised.
    pub deleted: u64,
    /// Rows of the children that went with them.
    pub children: u64,
    /// Where the next window begins; none when the table is done.
    pub next: Option<Key>,
    /// How long other writers were locked out.
    pub held: Duration,
    /// How much of that this thread worked, where the system tells; otherwise the same.
    pub worked: Duration,
}

/// Keeps the rows of a window, by table, before they are deleted; gives back the name under which they are kept. Must be
/// durable once it returns. The same rows may come again: then the name is the same.
pub type Keep<'a> = dyn FnMut(&[(String, Rows)]) -> io::Result<String> + 'a;

/// What was kept of a window, and under which name; an empty one where nothing was there to keep.
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) rows: Vec<(String, Rows)>,
}

impl Kept {
    pub(crate) fn by(keep: &mut Keep<'_>, rows: Vec<(String, Rows)>, database: &str) -> Result<Self, DatabaseError> {
        let is_empty = rows.iter().all(|(_, rows)| rows.rows.is_empty());
        let name = if is_empty { Ok(String::new()) } else { keep(&rows) };
        let name = name.map_err(|cause| DatabaseError::NotKept { database: database.to_owned(), cause })?;
        Ok(Self { name, rows })
    }
}

/// The face that purges one [`Deletion`]. Each window is one transaction with its line in the journal: a process that dies
/// between two leaves a consistent database and an exact count, and the next purge finishes.
pub trait Purge: Send {
    /// Claims the rule for this `owner`, whose clock says `now`. Lines of the journal up to the claim `told` are forgotten;
    /// what later ones did is counted as recovered.
    ///
    /// # Errors
    /// When there is no journal, when somebody else's claim has not expired, or when the database is locked.
    fn claim(&mut self, owner: &str, now: Timestamp, told: Option<u64>) -> Result<Claim, DatabaseError>;

    /// The place of the first row that is due; none when no row is. It is looked for a window at a time.
    ///
    /// # Errors
    /// When the database is locked or cannot be read.
    fn first(&mut self) -> Result<Option<Key>, DatabaseError>;

    /// How many rows may be deleted or anonymised from now on, by the next window or part: more undo it. None, as long as nothing is said.
    fn allow(&mut self, rows: u64);

    /// From now on ends a window by the clock: when it held the lock so long, and has `rows_min` rows. Where nobody else wrote for a
    /// while it may take somewhat longer. False where others write meanwhile, or where a window is one statement: then the number
    /// of its rows is all that bounds it. Not for rows that are kept.
    fn hold_at_most(&mut self, hold: Duration, rows_min: u64) -> bool {
        let _ = (hold, rows_min);
        false
    }

    /// Deletes the rows that are due among the next `rows` rows from `from` (inclusive), or fewer, in one transaction that takes
    /// the write lock at once. Nothing else may change by it: a cascade or a trigger that touches another row undoes it.
    /// With `keep`, exactly the rows that are deleted were kept before.
    ///
    /// # Errors
    /// When the claim was lost, the schema changed, the database stays locked, a foreign key forbids it, the rows cannot be
    /// kept, are more than were [allowed](Self::allow), or it would change anything else. Nothing of the window is deleted then.
    fn batch(&mut self, from: &Key, rows: u64, keep: Option<&mut Keep<'_>>) -> Result<Batch, DatabaseError>;

    /// Drops one part of the table that lies before the cut-off as a whole, where the table has such parts and nothing but an age
    /// decides. Tells how many rows it had; none when no such part is left.
    ///
    /// # Errors
    /// When the claim was lost, the part has more rows than were [allowed](Self::allow), or the database cannot be asked.
    fn part(&mut self) -> Result<Option<u64>, DatabaseError> {
        Ok(None)
    }

    /// Moves what was written from the write-ahead log into the database file, gently; beyond `wal_bytes_max` so that the
    /// log starts over. Deleted rows stay readable in the file until then. Returns how many bytes of the log are in use, 0 without one:
    /// a server keeps its log by itself.
    ///
    /// # Errors
    /// When a reader keeps the log from starting over until it is four times as large as allowed.
    fn tidy(&mut self, wal_bytes_max: u64) -> Result<u64, DatabaseError> {
        let _ = wal_bytes_max;
        Ok(0)
    }

    /// Moves all of the write-ahead log into the database file and empties it, when nobody reads. Returns whether it could.
    ///
    /// # Errors
    /// When the database fails otherwise than by being in use.
    fn settle(&mut self) -> Result<bool, DatabaseError> {
        Ok(true)
    }

    /// Whether other writers go on while a window is done: they wait for its rows alone, which are due, and not for the database.
    fn lets_others_write(&self) -> bool {
        false
    }

    /// Gives the claim back, so that nobody has to wait until it expires.
    ///
    /// # Errors
    /// When the database is locked.
    fn release(&mut self) -> Result<(), DatabaseError>;

    /// Values of rows that are due, to be looked for after the deletion: at most so many, long enough not to be found by
    /// chance, and in no row that stays. None where no file can be looked through.
    ///
    /// # Errors
    /// When the database is locked or cannot be read.
    fn canaries(&mut self, at_most: usize) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let _ = at_most;
        Ok(Vec::new())
    }

    /// Rewrites the database file without what was deleted, then counts which of these values its files still hold.
    /// Others wait while it does. None when this kind of database has no file that could be looked through: logs, replicas and
    /// backups of a server, or the provider's way back in time, may still hold them.
    ///
    /// # Errors
    /// When there is no room for it, when somebody reads all the while, or when the files cannot be read.
    fn erase(&mut self, canaries: &[Vec<u8>]) -> Result<Option<u64>, DatabaseError> {
        let _ = canaries;
        Ok(None)
    }

    /// How many rows the database says it read for this purge so far, where it says so: D1 bills them.
    fn rows_read(&self) -> Option<u64> {
        None
    }
}

/// How many rows a window begins with, as a parameter.
pub(crate) fn counted(rows: u64) -> (String, Value) {
    ("rows".to_owned(), Value::Integer(i64::try_from(rows.max(1)).unwrap_or(i64::MAX)))
}

/// Opens a database for one deletion. Relative files lie beneath `root`. Nothing is deleted by opening.
///
/// # Errors
/// As [`crate::open_read`]; when it is another database, or a name means another table, than was read; when there is no such table or
/// column, or when the table has no key to go by.
pub fn open(database: &Database, root: &Path, deletion: &Deletion) -> Result<Box<dyn Purge>, DatabaseError> {
    match &database.location {
        Location::Sqlite(file) => Ok(Box::new(sqlite::Purger::open(&database.name, file, root, deletion)?)),
        Location::Postgres { purge_url_env, ca_file, .. } => {
            let way = postgres::Way { database: &database.name, variable: purge_url_env, ca_file: ca_file.as_deref(), root };
            Ok(Box::new(postgres::Purger::open(way, deletion)?))
        }
        Location::D1(place) => Ok(Box::new(d1::Purger::open(&database.name, place, deletion)?)),
    }
}

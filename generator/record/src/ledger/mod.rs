//! The ledger: one SQLite file with every entry, every payload, and what must survive between two runs.
//!
//! One transaction is one append: entries, payloads, statements and the new head are there together or not at all.

mod append;
mod changes;
mod open;
mod pending;
mod read;
mod slots;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use avouch_log::{
    keyring::Keyring,
    merkle::{CompactRange, Hash},
};
use avouch_model::{
    Digest, Timestamp, canonical,
    entry::{Entry, EntryKind},
    payload::{Genesis, Payload},
};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

pub(crate) use append::Adopted;
pub use append::{Appended, Content, NewEntry, Sealed};
pub(crate) use open::discard;
pub use pending::PendingRun;
pub use read::PayloadState;
pub use slots::{Claim, Promised, Slot, SlotState, Standing};

use crate::error::RecordError;

/// The append-only record of one product.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    database: Connection,
    genesis: Genesis,
}

impl Ledger {
    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log's origin, fixed for ever.
    pub fn origin(&self) -> &str {
        &self.genesis.origin
    }

    /// The first payload.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// How many entries it has.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn size(&self) -> Result<u64, RecordError> {
        Ok(self.head()?.size())
    }

    /// The root over its entries.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn root(&self) -> Result<Hash, RecordError> {
        Ok(self.head()?.root())
    }

    /// The keys that sign now.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn keyring(&self) -> Result<Keyring, RecordError> {
        keyring(&self.database, &self.path, &self.genesis)
    }

    /// The time of the last entry.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn last_at(&self) -> Result<Timestamp, RecordError> {
        last_at(&self.database)
    }

    pub(crate) fn head(&self) -> Result<CompactRange, RecordError> {
        head(&self.database, &self.path)
    }

    /// Reads several things as they stood at one moment. Does not nest.
    pub(crate) fn snapshot<T>(&self, read: impl FnOnce(&Self) -> Result<T, RecordError>) -> Result<T, RecordError> {
        let moment = self.database.unchecked_transaction().map_err(RecordError::database("read"))?;
        let found = read(self);
        moment.rollback().map_err(RecordError::database("read"))?;
        found
    }

    /// Begins a transaction that no other writer can be within.
    fn write(&mut self) -> Result<(Transaction<'_>, &Path, &Genesis), RecordError> {
        let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate);
        Ok((transaction.map_err(RecordError::database("write to"))?, &self.path, &self.genesis))
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> RecordError {
        damaged(&self.path, what)
    }
}

fn damaged(path: &Path, what: impl Into<String>) -> RecordError {
    RecordError::Damaged { path: path.to_owned(), what: what.into() }
}

/// The newest head.
fn head(database: &Connection, path: &Path) -> Result<CompactRange, RecordError> {
    let row = database
        .query_row("SELECT size, nodes, root FROM heads ORDER BY size DESC LIMIT 1", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Hash>(2)?))
        })
        .optional()
        .map_err(RecordError::database("read"))?;
    let Some((size, nodes, root)) = row else { return Err(damaged(path, "it has no head")) };
    let range = range_of(size, &nodes).filter(|range| range.root() == root);
    range.ok_or_else(|| damaged(path, format!("the head of {size} entries contradicts itself")))
}

fn range_of(size: i64, nodes: &[u8]) -> Option<CompactRange> {
    let (nodes, rest) = nodes.as_chunks::<32>();
    CompactRange::from_parts(u64::try_from(size).ok()?, nodes.to_vec()).filter(|_| rest.is_empty())
}

fn write_head(database: &Connection, range: &CompactRange) -> Result<(), RecordError> {
    database
        .execute(
            "INSERT INTO heads (size, root, nodes) VALUES (?1, ?2, ?3)",
            params![range.size().cast_signed(), range.root(), range.nodes().concat()],
        )
        .map_err(RecordError::database("write to"))?;
    Ok(())
}

fn last_at(database: &Connection) -> Result<Timestamp, RecordError> {
    let seconds = database
        .query_row("SELECT at FROM entries ORDER BY idx DESC LIMIT 1", [], |row| row.get::<_, i64>(0))
        .optional()
        .map_err(RecordError::database("read"))?;
    Ok(Timestamp::from_unix(seconds.unwrap_or(i64::MIN)))
}

fn keyring(database: &Connection, path: &Path, genesis: &Genesis) -> Result<Keyring, RecordError> {
    let mut keyring = Keyring::begin(genesis, &[]).map_err(RecordError::Keyring)?;
    let mut statement = database
        .prepare_cached(
            "SELECT payloads.bytes FROM entries JOIN payloads USING (digest) WHERE entries.kind = 'key' ORDER BY entries.idx",
        )
        .map_err(RecordError::database("read"))?;
    let rows = statement.query_map([], |row| row.get::<_, Option<Vec<u8>>>(0)).map_err(RecordError::database("read"))?;
    for bytes in rows {
        let bytes = bytes.map_err(RecordError::database("read"))?.unwrap_or_default();
        match Payload::read(EntryKind::Key, &bytes) {
            Ok(Payload::Key(event)) => keyring.apply(&event, None).map_err(RecordError::Keyring)?,
            _ => return Err(damaged(path, "the payload of a key entry cannot be read")),
        }
    }
    Ok(keyring)
}

/// Reads a stored leaf.
fn read_leaf(path: &Path, index: u64, leaf: &[u8]) -> Result<Entry, RecordError> {
    canonical::from_bytes(leaf).map_err(|error| damaged(path, format!("entry {index} cannot be read: {error}")))
}

fn digest_of(bytes: [u8; 32]) -> Digest {
    Digest::from_bytes(bytes)
}

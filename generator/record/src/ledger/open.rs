//! Creating and opening: the file is private, it is a ledger, and its head follows from its entries.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use avouch_log::{
    Checkpoint, dsse,
    keyring::Keyring,
    merkle::{CompactRange, Hash, leaf_hash},
};
use avouch_model::{
    Digest, Timestamp, canonical,
    entry::{Entry, EntryKind},
    payload::{Genesis, Payload},
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::{Ledger, NewEntry, append, damaged, head, range_of, read_leaf, write_head};
use crate::{error::RecordError, signer::Signer};

/// `avou`, so that `file` and SQLite's tools can tell a ledger.
const APPLICATION_ID: i64 = 0x6176_6f75;
const FORMAT: i64 = 1;
/// How many of the last entries are hashed again when a ledger is opened.
const RECHECKED: i64 = 1024;

impl Ledger {
    /// Makes a new ledger and records its genesis. The signer must be the one that the genesis names.
    ///
    /// # Errors
    /// When the file exists, cannot be written, or the genesis does not name the signer.
    pub fn create(path: &Path, genesis: Genesis, signer: &Signer, at: Timestamp) -> Result<Self, RecordError> {
        let keyring = Keyring::begin(&genesis, &[]).map_err(RecordError::Keyring)?;
        if !keyring.active().any(|key| key == signer.vkey()) {
            return Err(RecordError::NotASigner { key: signer.vkey().short() });
        }
        let payload = canonical::to_bytes(&genesis).map_err(RecordError::Canonical)?;
        let subject = genesis.origin.clone();
        let mut ledger = Self::empty(path, genesis)?;
        let made = ledger.append_any(signer, at, vec![NewEntry::json(EntryKind::Genesis, &subject, payload)]);
        match made {
            Ok(_) => Ok(ledger),
            Err(error) => {
                drop(ledger);
                discard(path);
                Err(error)
            }
        }
    }

    /// A ledger without entries, in a new file.
    pub(crate) fn empty(path: &Path, genesis: Genesis) -> Result<Self, RecordError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path).map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => RecordError::LedgerExists { path: path.to_owned() },
            _ => RecordError::CreateLedger { path: path.to_owned(), cause },
        })?;
        let database = connect(path)?;
        let made = database.execute_batch(&format!(
            "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; {} COMMIT;",
            include_str!("schema.sql")
        ));
        made.map_err(RecordError::database("create"))?;
        write_head(&database, &CompactRange::default())?;
        Ok(Self { path: path.to_owned(), database, genesis })
    }

    /// Opens a ledger and holds its head against its last entries.
    ///
    /// # Errors
    /// When there is none, it is something else, of a newer format, or contradicts itself.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        if !path.is_file() {
            return Err(RecordError::NoLedger { path: path.to_owned() });
        }
        let database = connect(path)?;
        let pragma = |name: &str| {
            database.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).map_err(RecordError::database("open"))
        };
        if pragma("application_id")? != APPLICATION_ID {
            return Err(RecordError::NotALedger { path: path.to_owned() });
        }
        let found = pragma("user_version")?;
        if found != FORMAT {
            return Err(RecordError::Schema { path: path.to_owned(), found, known: FORMAT });
        }
        recheck(&database, path)?;
        let genesis = read_genesis(&database, path)?;
        Ok(Self { path: path.to_owned(), database, genesis })
    }

    /// Holds everything in the ledger against everything else: each entry, payload, statement and the head. Linear.
    ///
    /// # Errors
    /// When anything contradicts anything.
    pub fn check(&self) -> Result<Checkpoint, RecordError> {
        let sound: String =
            self.database.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(RecordError::database("check"))?;
        if sound != "ok" {
            return Err(self.damaged(sound));
        }
        let mut range = CompactRange::default();
        let mut keyring = Keyring::begin(&self.genesis, &[]).map_err(RecordError::Keyring)?;
        let mut seen = std::collections::HashSet::new();
        self.each_leaf(0, u64::MAX, &mut |index, leaf| {
            range.push(leaf_hash(leaf));
            let entry = read_leaf(&self.path, index, leaf)?;
            if seen.insert(entry.digest) {
                self.check_payload(index, &entry, &keyring)?;
            }
            if entry.kind == EntryKind::Key {
                match self.payload(&entry.digest)?.map(|state| state.read(entry.kind)) {
                    Some(Ok(Payload::Key(event))) => keyring.apply(&event, None).map_err(RecordError::Keyring)?,
                    _ => return Err(self.damaged(format!("the key event of entry {index} cannot be read"))),
                }
            }
            Ok(())
        })?;
        let head = self.head()?;
        if head.size() != range.size() || head.root() != range.root() {
            return Err(self.damaged("the head does not follow from the entries"));
        }
        Ok(Checkpoint { origin: self.genesis.origin.clone(), size: head.size(), root: head.root() })
    }

    fn check_payload(&self, index: u64, entry: &Entry, keyring: &Keyring) -> Result<(), RecordError> {
        let missing = || self.damaged(format!("the payload of entry {index} is missing"));
        let envelope = self.envelope(&entry.digest)?.ok_or_else(missing)?;
        dsse::verify(&envelope, entry, keyring.signers(entry.kind)).map_err(RecordError::Statement)?;
        let stored = self.payload(&entry.digest)?.ok_or_else(missing)?;
        let Some(bytes) = &stored.bytes else {
            // Withdrawn, or sealed in another store; a public one that is neither is lost.
            return if stored.withdrawn || stored.sealed { Ok(()) } else { Err(missing()) };
        };
        let salt = stored.salt.as_ref().map(|salt| salt.as_slice()).unwrap_or_default();
        if Digest::of_parts(&[salt, bytes]) != entry.digest || bytes.len() as u64 != entry.size {
            return Err(self.damaged(format!("the payload of entry {index} is not what the entry says")));
        }
        Ok(())
    }
}

fn connect(path: &Path) -> Result<Connection, RecordError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).map_err(RecordError::database("open"))?;
    database.busy_timeout(Duration::from_secs(10)).map_err(RecordError::database("open"))?;
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
                    PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;";
    database.execute_batch(settings).map_err(|cause| match cause.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => RecordError::NotALedger { path: path.to_owned() },
        _ => RecordError::database("open")(cause),
    })?;
    Ok(database)
}

/// Hashes the last entries again, from a stored head before them, and holds the result against the newest head.
fn recheck(database: &Connection, path: &Path) -> Result<(), RecordError> {
    let head = head(database, path)?;
    let (count, last): (i64, i64) = database
        .query_row("SELECT count(*), ifnull(max(idx), -1) FROM entries", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(RecordError::database("read"))?;
    if count.cast_unsigned() != head.size() || last != count - 1 {
        return Err(damaged(path, format!("it has {count} entries, and its head says {}", head.size())));
    }
    let (size, nodes): (i64, Vec<u8>) = database
        .query_row(
            "SELECT size, nodes FROM heads WHERE size <= ?1 ORDER BY size DESC LIMIT 1",
            [(count - RECHECKED).max(0)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(RecordError::database("read"))?
        .unwrap_or_default();
    let mut range = range_of(size, &nodes).ok_or_else(|| damaged(path, format!("the head of {size} entries is misshapen")))?;
    let mut statement = database
        .prepare("SELECT idx, leaf, digest, at FROM entries WHERE idx >= ?1 ORDER BY idx")
        .map_err(RecordError::database("read"))?;
    let mut rows = statement.query(params![size]).map_err(RecordError::database("read"))?;
    while let Some(row) = rows.next().map_err(RecordError::database("read"))? {
        let read = || -> rusqlite::Result<(i64, Vec<u8>, Hash, i64)> { Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)) };
        let (index, leaf, digest, at) = read().map_err(RecordError::database("read"))?;
        range.push(leaf_hash(&leaf));
        let entry = read_leaf(path, index.cast_unsigned(), &leaf)?;
        if entry.digest.as_bytes() != &digest || entry.at.unix() != at {
            return Err(damaged(path, format!("entry {index} contradicts its own columns")));
        }
    }
    if range != head {
        return Err(damaged(path, "the head does not follow from the last entries"));
    }
    Ok(())
}

fn read_genesis(database: &Connection, path: &Path) -> Result<Genesis, RecordError> {
    let bytes: Option<Vec<u8>> = database
        .query_row("SELECT payloads.bytes FROM entries JOIN payloads USING (digest) WHERE entries.idx = 0", [], |row| row.get(0))
        .optional()
        .map_err(RecordError::database("read"))?
        .flatten();
    match Payload::read(EntryKind::Genesis, &bytes.unwrap_or_default()) {
        Ok(Payload::Genesis(genesis)) => Ok(genesis),
        _ => Err(damaged(path, "its genesis cannot be read")),
    }
}

/// Removes a ledger that was made a moment ago and is not whole.
pub(crate) fn discard(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        // What cannot be removed is found by the next attempt, which refuses to overwrite it.
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
}

impl Ledger {
    /// Does several things in one transaction, or none of them.
    pub(crate) fn transaction(&mut self, steps: impl FnOnce(&mut Self) -> Result<(), RecordError>) -> Result<(), RecordError> {
        self.database.execute_batch("BEGIN IMMEDIATE").map_err(RecordError::database("write to"))?;
        let done = steps(self);
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.database.execute_batch(end).map_err(RecordError::database("write to")).and(done)
    }

    /// Takes over an entry with its statement from a published record, as it is.
    pub(crate) fn adopt(
        &mut self,
        range: &mut CompactRange,
        leaf: &[u8],
        adopted: &append::Adopted<'_>,
    ) -> Result<(), RecordError> {
        append::adopt(&self.database, range, leaf, adopted)
    }

    /// Ends taking over: writes the head.
    pub(crate) fn adopt_head(&mut self, range: &CompactRange) -> Result<(), RecordError> {
        write_head(&self.database, range)
    }
}

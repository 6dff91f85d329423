//! Appending: one transaction, in which entries, payloads, statements and the new head come to be together.

use avouch_log::merkle::{CompactRange, leaf_hash};
use avouch_model::{
    Digest, Timestamp, canonical,
    entry::{Entry, EntryKind, Visibility},
    payload::Payload,
};
use rusqlite::{Connection, Transaction, params};
use zeroize::Zeroizing;

use super::{Ledger, head, keyring, last_at};
use crate::{error::RecordError, signer::Signer};

/// A payload that is kept in the private store, with the salt that its digest covers.
///
/// Without the salt nobody can guess a payload from its digest. Make it before the entry that refers to it.
pub struct Sealed {
    salt: Zeroizing<[u8; 32]>,
    bytes: Vec<u8>,
    digest: Digest,
}

impl Sealed {
    /// Seals these bytes with a salt from the system's randomness.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new(bytes: Vec<u8>) -> Result<Self, RecordError> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(RecordError::Random)?;
        Ok(Self::with_salt(bytes, salt))
    }

    /// Seals these bytes with a salt: 32 random bytes, never used twice.
    pub fn with_salt(bytes: Vec<u8>, salt: [u8; 32]) -> Self {
        let digest = Digest::of_parts(&[&salt, &bytes]);
        Self { salt: Zeroizing::new(salt), bytes, digest }
    }

    /// The digest over salt and bytes, under which it is recorded.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Sealed({})", self.digest)
    }
}

/// A payload with its visibility.
#[derive(Debug)]
pub enum Content {
    /// Published.
    Public(Vec<u8>),
    /// Kept in the private store.
    Sealed(Sealed),
}

/// An entry to be appended.
#[derive(Debug)]
pub struct NewEntry {
    /// What it records.
    pub kind: EntryKind,
    /// What it is about: a slug, never a person.
    pub subject: String,
    /// The payload's media type.
    pub media_type: String,
    /// The payload.
    pub content: Content,
}

impl NewEntry {
    /// A public entry whose payload is canonical JSON.
    pub fn json(kind: EntryKind, subject: &str, payload: Vec<u8>) -> Self {
        Self::public(kind, subject, Entry::JSON, payload)
    }

    /// A public entry.
    pub fn public(kind: EntryKind, subject: &str, media_type: &str, payload: Vec<u8>) -> Self {
        Self { kind, subject: subject.to_owned(), media_type: media_type.to_owned(), content: Content::Public(payload) }
    }

    /// A sealed entry whose payload is canonical JSON.
    pub fn sealed(kind: EntryKind, subject: &str, payload: Sealed) -> Self {
        Self { kind, subject: subject.to_owned(), media_type: Entry::JSON.to_owned(), content: Content::Sealed(payload) }
    }
}

/// Where an entry came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place in the log, from 0.
    pub index: u64,
    /// Its payload's digest.
    pub digest: Digest,
}

impl Ledger {
    /// Appends entries: all of them durably, or none.
    ///
    /// A public payload that is recorded already is stored once; one that was withdrawn stays withdrawn.
    ///
    /// # Errors
    /// When the clock is behind the last entry, the key does not sign this log, a payload is not what its kind says, another
    /// process writes for ten seconds, or the kind has a method of its own.
    pub fn append(&mut self, signer: &Signer, at: Timestamp, entries: Vec<NewEntry>) -> Result<Vec<Appended>, RecordError> {
        use EntryKind::{Genesis, Key, Site, Unsealing, Withdrawal};
        let reserved = |entry: &&NewEntry| matches!(entry.kind, Genesis | Key | Site | Unsealing | Withdrawal);
        if let Some(entry) = entries.iter().find(reserved) {
            return Err(RecordError::Reserved(entry.kind));
        }
        self.append_any(signer, at, entries)
    }

    /// Appends entries of any kind.
    pub(crate) fn append_any(
        &mut self,
        signer: &Signer,
        at: Timestamp,
        entries: Vec<NewEntry>,
    ) -> Result<Vec<Appended>, RecordError> {
        self.append_with(signer, at, entries, |_| Ok(()))
    }

    /// Appends entries of any kind, and changes something else in the same transaction.
    pub(crate) fn append_with(
        &mut self,
        signer: &Signer,
        at: Timestamp,
        entries: Vec<NewEntry>,
        also: impl FnOnce(&Transaction<'_>) -> Result<(), RecordError>,
    ) -> Result<Vec<Appended>, RecordError> {
        let (transaction, path, genesis) = self.write()?;
        let keyring = keyring(&transaction, path, genesis)?;
        let mut range = head(&transaction, path)?;
        let last = last_at(&transaction)?;
        if at < last {
            return Err(RecordError::ClockWentBack { at, last });
        }
        let mut appended = Vec::with_capacity(entries.len());
        for new in entries {
            if !keyring.signers(new.kind).any(|key| key == signer.vkey()) {
                return Err(RecordError::NotASigner { key: signer.vkey().short() });
            }
            let index = range.size();
            let digest = insert(&transaction, &mut range, signer, at, new)?;
            appended.push(Appended { index, digest });
        }
        if !appended.is_empty() {
            super::write_head(&transaction, &range)?;
        }
        also(&transaction)?;
        transaction.commit().map_err(RecordError::database("write to"))?;
        Ok(appended)
    }
}

fn insert(
    database: &Connection,
    range: &mut CompactRange,
    signer: &Signer,
    at: Timestamp,
    new: NewEntry,
) -> Result<Digest, RecordError> {
    let (visibility, digest, salt, bytes) = match new.content {
        Content::Public(bytes) => (Visibility::Public, Digest::of(&bytes), None, bytes),
        Content::Sealed(sealed) => (Visibility::Sealed, sealed.digest, Some(sealed.salt), sealed.bytes),
    };
    Payload::read(new.kind, &bytes).map_err(|cause| RecordError::Payload { kind: new.kind, cause })?;
    let entry = Entry {
        v: Entry::VERSION,
        kind: new.kind,
        at,
        subject: new.subject,
        visibility,
        media_type: new.media_type,
        digest,
        size: bytes.len() as u64,
    };
    let leaf = leaf_of(&entry)?;
    let stored: bool = database
        .query_row("SELECT EXISTS (SELECT 1 FROM payloads WHERE digest = ?1)", [digest.as_bytes()], |row| row.get(0))
        .map_err(RecordError::database("read"))?;
    if !stored {
        let envelope = signer.sign_dsse(&entry)?;
        let salt = salt.as_ref().map(|salt| salt.as_slice());
        database
            .prepare_cached("INSERT INTO payloads (digest, sealed, salt, bytes, envelope) VALUES (?1, ?2, ?3, ?4, ?5)")
            .and_then(|mut insert| {
                insert.execute(params![digest.as_bytes(), visibility == Visibility::Sealed, salt, bytes, envelope])
            })
            .map_err(RecordError::database("write to"))?;
    }
    insert_entry(database, range, &entry, &leaf)?;
    Ok(digest)
}

/// The bytes of an entry, held against what readers accept.
fn leaf_of(entry: &Entry) -> Result<Vec<u8>, RecordError> {
    let refuse = |what: &str| RecordError::Entry { subject: entry.subject.clone(), what: what.to_owned() };
    let leaf = canonical::to_bytes(entry).map_err(RecordError::Canonical)?;
    if leaf.len() > Entry::BYTES_MAX {
        return Err(refuse("it has more than 1024 bytes; shorten the subject"));
    }
    if entry.subject.is_empty() || entry.subject.chars().chain(entry.media_type.chars()).any(char::is_control) {
        return Err(refuse("the subject is empty or holds control characters"));
    }
    Ok(leaf)
}

fn insert_entry(database: &Connection, range: &mut CompactRange, entry: &Entry, leaf: &[u8]) -> Result<(), RecordError> {
    database
        .prepare_cached("INSERT INTO entries (idx, at, kind, digest, leaf) VALUES (?1, ?2, ?3, ?4, ?5)")
        .and_then(|mut insert| {
            insert.execute(params![range.size().cast_signed(), entry.at.unix(), entry.kind.name(), entry.digest.as_bytes(), leaf])
        })
        .map_err(RecordError::database("write to"))?;
    range.push(leaf_hash(leaf));
    Ok(())
}

/// An entry of a published record with what is published about it.
pub(crate) struct Adopted<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) envelope: Option<&'a [u8]>,
    pub(crate) bytes: Option<&'a [u8]>,
    pub(crate) salt: Option<&'a [u8]>,
    pub(crate) released: Option<&'a Digest>,
    pub(crate) withdrawn: bool,
}

/// Stores an entry as it was published; the caller holds the whole against its checkpoint afterwards.
pub(crate) fn adopt(
    database: &Connection,
    range: &mut CompactRange,
    leaf: &[u8],
    adopted: &Adopted<'_>,
) -> Result<(), RecordError> {
    let entry = adopted.entry;
    if let Some(envelope) = adopted.envelope {
        database
            .prepare_cached(
                "INSERT INTO payloads (digest, sealed, salt, bytes, envelope, released, withdrawn) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    entry.digest.as_bytes(),
                    entry.visibility == Visibility::Sealed,
                    adopted.salt,
                    adopted.bytes,
                    envelope,
                    adopted.released.map(Digest::as_bytes),
                    adopted.withdrawn
                ])
            })
            .map_err(RecordError::database("write to"))?;
    }
    insert_entry(database, range, entry, leaf)
}

//! Reading the ledger: as judging and rendering read it, and payload by payload.

use std::collections::HashSet;

use avouch_log::merkle::Hash;
use avouch_model::{
    Digest, Timestamp,
    canonical::CanonicalError,
    entry::{Entry, EntryKind},
    payload::{Payload, Recorded, SiteManifest},
};
use rusqlite::{OptionalExtension as _, params};

use super::{Ledger, digest_of, read_leaf};
use crate::error::RecordError;

/// Takes a place and the leaf there.
pub(crate) type EachLeaf<'a> = dyn FnMut(u64, &[u8]) -> Result<(), RecordError> + 'a;

/// A payload as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct PayloadState {
    /// Whether it was recorded sealed.
    pub sealed: bool,
    /// Its bytes; none when it was withdrawn, or sealed and this ledger was rebuilt from a published record.
    pub bytes: Option<Vec<u8>>,
    /// The digest of its bytes, when it was sealed and then made public.
    pub released: Option<Digest>,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
    pub(crate) salt: Option<[u8; 32]>,
}

impl PayloadState {
    /// The bytes, when they may be published.
    pub fn public_bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref().filter(|_| !self.sealed || self.released.is_some())
    }

    /// The payload, read by the kind of its entry; absent when the bytes are.
    ///
    /// # Errors
    /// When the bytes are not what the kind says.
    pub fn read(&self, kind: EntryKind) -> Result<Payload, CanonicalError> {
        self.bytes.as_ref().map_or(Ok(Payload::Absent), |bytes| Payload::read(kind, bytes))
    }
}

impl std::fmt::Debug for PayloadState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.bytes.as_ref().map(Vec::len);
        write!(formatter, "PayloadState(sealed {}, withdrawn {}, {length:?} bytes)", self.sealed, self.withdrawn)
    }
}

impl Ledger {
    /// The record as it stood at a time (none: now), oldest first: sealed and withdrawn payloads are absent. A sealed payload
    /// is there once its release is recorded by then.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn recorded(&self, until: Option<Timestamp>) -> Result<Vec<Recorded>, RecordError> {
        self.snapshot(|ledger| ledger.recorded_as(until, false))
    }

    /// As [`Self::recorded`], with the sealed payloads of the private store.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn recorded_with_sealed(&self, until: Option<Timestamp>) -> Result<Vec<Recorded>, RecordError> {
        self.snapshot(|ledger| ledger.recorded_as(until, true))
    }

    fn recorded_as(&self, until: Option<Timestamp>, with_sealed: bool) -> Result<Vec<Recorded>, RecordError> {
        let until = until.map_or(i64::MAX, Timestamp::unix);
        // A release counts from its own entry; withdrawn bytes are gone for every as-of time.
        let released = self.released_until(until)?;
        let mut statement = self
            .database
            .prepare_cached(
                "SELECT idx, leaf, sealed, bytes FROM entries LEFT JOIN payloads USING (digest) \
                 WHERE at <= ?1 ORDER BY idx",
            )
            .map_err(RecordError::database("read"))?;
        let mut rows = statement.query(params![until]).map_err(RecordError::database("read"))?;
        let mut recorded = Vec::new();
        while let Some(row) = rows.next().map_err(RecordError::database("read"))? {
            type Row = (i64, Vec<u8>, bool, Option<Vec<u8>>);
            let read = || -> rusqlite::Result<Row> { Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)) };
            let (index, leaf, sealed, bytes) = read().map_err(RecordError::database("read"))?;
            let index = index.cast_unsigned();
            let entry = read_leaf(&self.path, index, &leaf)?;
            let visible = !sealed || with_sealed || released.contains(&entry.digest);
            let payload = match bytes.filter(|_| visible) {
                Some(bytes) => Payload::read(entry.kind, &bytes)
                    .map_err(|error| self.damaged(format!("the payload of entry {index} cannot be read: {error}")))?,
                None => Payload::Absent,
            };
            recorded.push(Recorded { index, entry, payload });
        }
        Ok(recorded)
    }

    /// The digests of sealed payloads that were released by then.
    fn released_until(&self, until: i64) -> Result<HashSet<Digest>, RecordError> {
        let mut statement = self
            .database
            .prepare_cached(
                "SELECT payloads.bytes FROM entries JOIN payloads USING (digest) \
                 WHERE entries.kind = 'unsealing' AND entries.at <= ?1",
            )
            .map_err(RecordError::database("read"))?;
        let rows = statement.query_map([until], |row| row.get::<_, Option<Vec<u8>>>(0)).map_err(RecordError::database("read"))?;
        rows.map(|bytes| {
            let bytes = bytes.map_err(RecordError::database("read"))?.unwrap_or_default();
            match Payload::read(EntryKind::Unsealing, &bytes) {
                Ok(Payload::Unsealing(unsealing)) => Ok(unsealing.sealed),
                _ => Err(self.damaged("the payload of an unsealing entry cannot be read")),
            }
        })
        .collect()
    }

    /// All entries, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, RecordError> {
        let mut entries = Vec::new();
        self.each_leaf(0, u64::MAX, &mut |index, leaf| {
            entries.push(read_leaf(&self.path, index, leaf)?);
            Ok(())
        })?;
        Ok(entries)
    }

    /// What `take` makes of the newest entry of this kind about this subject of which it makes something. Entries of other kinds are
    /// not read, however many there are; a payload that is sealed or withdrawn is absent.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn newest<T>(
        &self,
        kind: EntryKind,
        subject: &str,
        mut take: impl FnMut(&Entry, Payload) -> Option<T>,
    ) -> Result<Option<T>, RecordError> {
        let mut statement = self
            .database
            .prepare_cached(
                "SELECT idx, leaf, CASE WHEN NOT sealed THEN bytes END FROM entries LEFT JOIN payloads USING (digest) \
                 WHERE kind = ?1 ORDER BY idx DESC",
            )
            .map_err(RecordError::database("read"))?;
        let mut rows = statement.query([kind.name()]).map_err(RecordError::database("read"))?;
        while let Some(row) = rows.next().map_err(RecordError::database("read"))? {
            let read = || -> rusqlite::Result<(i64, Vec<u8>, Option<Vec<u8>>)> { Ok((row.get(0)?, row.get(1)?, row.get(2)?)) };
            let (index, leaf, bytes) = read().map_err(RecordError::database("read"))?;
            let entry = read_leaf(&self.path, index.cast_unsigned(), &leaf)?;
            if entry.subject != subject {
                continue;
            }
            let payload = bytes.map_or(Ok(Payload::Absent), |bytes| Payload::read(kind, &bytes));
            let payload =
                payload.map_err(|error| self.damaged(format!("the payload of entry {index} cannot be read: {error}")))?;
            if let Some(taken) = take(&entry, payload) {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    /// A payload by the digest of its entry; none when nothing is recorded under it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn payload(&self, digest: &Digest) -> Result<Option<PayloadState>, RecordError> {
        self.database
            .prepare_cached("SELECT sealed, bytes, released, withdrawn, salt FROM payloads WHERE digest = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([digest.as_bytes()], |row| {
                        Ok(PayloadState {
                            sealed: row.get(0)?,
                            bytes: row.get(1)?,
                            released: row.get::<_, Option<[u8; 32]>>(2)?.map(digest_of),
                            withdrawn: row.get(3)?,
                            salt: row.get(4)?,
                        })
                    })
                    .optional()
            })
            .map_err(RecordError::database("read"))
    }

    /// The signed statement about a payload (DSSE, canonical JSON).
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn envelope(&self, digest: &Digest) -> Result<Option<Vec<u8>>, RecordError> {
        self.database
            .prepare_cached("SELECT envelope FROM payloads WHERE digest = ?1")
            .and_then(|mut statement| statement.query_row([digest.as_bytes()], |row| row.get(0)).optional())
            .map_err(RecordError::database("read"))
    }

    /// The first entry with this digest, and its place.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn first_entry(&self, digest: &Digest) -> Result<Option<(u64, Entry)>, RecordError> {
        let row: Option<(i64, Vec<u8>)> = self
            .database
            .prepare_cached("SELECT idx, leaf FROM entries WHERE digest = ?1 ORDER BY idx LIMIT 1")
            .and_then(|mut statement| statement.query_row([digest.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .map_err(RecordError::database("read"))?;
        row.map(|(index, leaf)| Ok((index.cast_unsigned(), read_leaf(&self.path, index.cast_unsigned(), &leaf)?))).transpose()
    }

    /// The manifest of the last `site` entry.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn last_site(&self) -> Result<Option<SiteManifest>, RecordError> {
        self.sites(1).map(|sites| sites.into_iter().next())
    }

    /// The manifests of the last `site` entries, newest first.
    pub(crate) fn sites(&self, count: i64) -> Result<Vec<SiteManifest>, RecordError> {
        let mut statement = self
            .database
            .prepare_cached(
                "SELECT payloads.bytes FROM entries JOIN payloads USING (digest) \
                 WHERE entries.kind = 'site' ORDER BY entries.idx DESC LIMIT ?1",
            )
            .map_err(RecordError::database("read"))?;
        let rows = statement.query_map([count], |row| row.get::<_, Option<Vec<u8>>>(0)).map_err(RecordError::database("read"))?;
        rows.map(|bytes| {
            match Payload::read(EntryKind::Site, &bytes.map_err(RecordError::database("read"))?.unwrap_or_default()) {
                Ok(Payload::Site(manifest)) => Ok(manifest),
                _ => Err(self.damaged("the payload of a site entry cannot be read")),
            }
        })
        .collect()
    }

    /// Gives every leaf from `from` to before `to`, in order.
    pub(crate) fn each_leaf(&self, from: u64, to: u64, give: &mut EachLeaf<'_>) -> Result<(), RecordError> {
        let mut statement = self
            .database
            .prepare_cached("SELECT idx, leaf FROM entries WHERE idx >= ?1 AND idx < ?2 ORDER BY idx")
            .map_err(RecordError::database("read"))?;
        let bounds = params![i64::try_from(from).unwrap_or(i64::MAX), i64::try_from(to).unwrap_or(i64::MAX)];
        let mut rows = statement.query(bounds).map_err(RecordError::database("read"))?;
        let mut expected = from;
        while let Some(row) = rows.next().map_err(RecordError::database("read"))? {
            let index: i64 = row.get(0).map_err(RecordError::database("read"))?;
            let leaf = row.get_ref(1).map_err(RecordError::database("read"))?;
            let leaf = leaf.as_blob().map_err(|_| self.damaged(format!("entry {index} is no blob")))?;
            if index.cast_unsigned() != expected {
                return Err(self.damaged(format!("entry {expected} is missing")));
            }
            give(expected, leaf)?;
            expected += 1;
        }
        Ok(())
    }

    /// The root over the first entries.
    pub(crate) fn root_at(&self, size: u64) -> Result<Hash, RecordError> {
        let mut range = avouch_log::merkle::CompactRange::default();
        self.each_leaf(0, size, &mut |_, leaf| {
            range.push(avouch_log::merkle::leaf_hash(leaf));
            Ok(())
        })?;
        Ok(range.root())
    }
}

/// What is stored of a payload, without its bytes.
pub(crate) struct Stored {
    pub(crate) digest: Digest,
    /// The digest under which its bytes are published, or were; none while it is sealed.
    pub(crate) published: Option<Digest>,
    pub(crate) withdrawn: bool,
    /// The place of its first entry; for a released payload that of the last entry that may have released it.
    pub(crate) first: u64,
    pub(crate) length: Option<u64>,
    pub(crate) envelope_length: u64,
}

impl Ledger {
    /// What is stored, payload by payload, by first entry. Bytes that another payload publishes still are not withdrawn.
    pub(crate) fn stored(&self) -> Result<Vec<Stored>, RecordError> {
        let mut statement = self
            .database
            .prepare_cached(
                "SELECT digest, sealed, released, withdrawn, length(bytes), length(envelope), \
                 (SELECT min(idx) FROM entries WHERE entries.digest = payloads.digest) AS first \
                 FROM payloads WHERE first IS NOT NULL ORDER BY first",
            )
            .map_err(RecordError::database("read"))?;
        let rows = statement
            .query_map([], |row| {
                let digest = digest_of(row.get(0)?);
                let (sealed, released): (bool, Option<[u8; 32]>) = (row.get(1)?, row.get(2)?);
                let unsigned = |number: i64| number.cast_unsigned();
                Ok(Stored {
                    digest,
                    published: if sealed { released.map(digest_of) } else { Some(digest) },
                    withdrawn: row.get(3)?,
                    // A released payload may have been released after the last publication: it is looked at as new.
                    first: if sealed { u64::MAX } else { unsigned(row.get(6)?) },
                    length: row.get::<_, Option<i64>>(4)?.map(unsigned),
                    envelope_length: unsigned(row.get(5)?),
                })
            })
            .map_err(RecordError::database("read"))?;
        rows.collect::<Result<_, _>>().map_err(RecordError::database("read"))
    }
}

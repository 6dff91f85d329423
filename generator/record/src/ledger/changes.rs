//! What entries do to other entries and to the keys: withdrawing, releasing, key events, site entries.

use avouch_model::{
    Digest, Timestamp, canonical,
    entry::EntryKind,
    payload::{KeyEvent, SiteManifest, Unsealing, Withdrawal, WithdrawalReason},
};
use rusqlite::{OptionalExtension as _, params};

use super::{Appended, Ledger, NewEntry, append::Content, digest_of};
use crate::{error::RecordError, signer::Signer};

impl Ledger {
    /// Removes a payload from the ledger and records that and why. Its entry and digest stay; the next publication removes
    /// its file. A released payload may be named by either of its digests.
    ///
    /// # Errors
    /// When nothing is recorded under the digest, it was withdrawn before, or it keeps the log verifiable.
    pub fn withdraw(
        &mut self,
        signer: &Signer,
        at: Timestamp,
        digest: &Digest,
        reason: WithdrawalReason,
    ) -> Result<Appended, RecordError> {
        let digest = self.recorded_digest(digest)?;
        let entry = self.first_entry(&digest)?.ok_or(RecordError::NotRecorded(digest))?.1;
        if matches!(
            entry.kind,
            EntryKind::Genesis | EntryKind::Key | EntryKind::Withdrawal | EntryKind::Unsealing | EntryKind::Site
        ) {
            return Err(RecordError::NotWithdrawable(entry.kind));
        }
        if self.payload(&digest)?.is_some_and(|state| state.withdrawn) {
            return Err(RecordError::Withdrawn(digest));
        }
        let payload = canonical::to_bytes(&Withdrawal { v: 1, withdrawn: digest, reason }).map_err(RecordError::Canonical)?;
        let new = NewEntry::json(EntryKind::Withdrawal, &digest.short(), payload);
        let appended = self.append_with(signer, at, vec![new], |transaction| {
            transaction
                .execute(
                    "UPDATE payloads SET bytes = NULL, salt = NULL, withdrawn = 1 WHERE digest = ?1 OR released = ?1",
                    [digest.as_bytes()],
                )
                .map_err(RecordError::database("write to"))?;
            Ok(())
        })?;
        // The bytes must leave the write-ahead log, too. A reader that holds it back does not undo the withdrawal.
        let _ = self.database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        one(appended)
    }

    /// Makes a sealed payload public: records its salt and the digest of its bytes, under which it is published.
    ///
    /// # Errors
    /// When nothing is sealed under the digest, it was released or withdrawn, or its bytes are in another store.
    pub fn release(&mut self, signer: &Signer, at: Timestamp, digest: &Digest) -> Result<Appended, RecordError> {
        let entry = self.first_entry(digest)?.ok_or(RecordError::NotRecorded(*digest))?.1;
        let state = self.payload(digest)?.ok_or(RecordError::NotRecorded(*digest))?;
        if !state.sealed {
            return Err(RecordError::NotSealed(*digest));
        }
        if state.withdrawn {
            return Err(RecordError::Withdrawn(*digest));
        }
        if state.released.is_some() {
            return Err(RecordError::Released(*digest));
        }
        let (Some(bytes), Some(salt)) = (&state.bytes, &state.salt) else {
            return Err(RecordError::SealedElsewhere(*digest));
        };
        let released = Digest::of(bytes);
        if self.payload(&released)?.is_some_and(|public| public.withdrawn) {
            return Err(RecordError::Withdrawn(released));
        }
        let unsealing = Unsealing { v: 1, sealed: *digest, salt: hex::encode(salt), released };
        let payload = canonical::to_bytes(&unsealing).map_err(RecordError::Canonical)?;
        let new = NewEntry::json(EntryKind::Unsealing, &entry.subject, payload);
        one(self.append_with(signer, at, vec![new], |transaction| {
            transaction
                .execute("UPDATE payloads SET released = ?2 WHERE digest = ?1", params![digest.as_bytes(), released.as_bytes()])
                .map_err(RecordError::database("write to"))?;
            Ok(())
        })?)
    }

    /// Adds, retires or revokes signing keys, in this order and in one append. The signer signs already, or is the recovery key.
    ///
    /// To rotate: add the new key, publish signed by both, and retire the old one when everyone had time to follow. To recover
    /// from a lost key: add a new one and revoke the lost, signed by the recovery key.
    ///
    /// # Errors
    /// When an event cannot be: a key returns, does not sign, or is the last to be retired.
    pub fn change_keys(&mut self, signer: &Signer, at: Timestamp, events: &[KeyEvent]) -> Result<Vec<Appended>, RecordError> {
        let mut keyring = self.keyring()?;
        let mut entries = Vec::with_capacity(events.len());
        for event in events {
            if !keyring.signers(EntryKind::Key).any(|key| key == signer.vkey()) {
                return Err(RecordError::NotASigner { key: signer.vkey().short() });
            }
            keyring.apply(event, None).map_err(RecordError::Keyring)?;
            let payload = canonical::to_bytes(event).map_err(RecordError::Canonical)?;
            entries.push(NewEntry::json(EntryKind::Key, "signing-key", payload));
        }
        self.append_any(signer, at, entries)
    }

    /// Records the digests of the pages.
    pub(crate) fn append_site(&mut self, signer: &Signer, at: Timestamp, manifest: &SiteManifest) -> Result<(), RecordError> {
        let payload = canonical::to_bytes(manifest).map_err(RecordError::Canonical)?;
        let new = NewEntry {
            kind: EntryKind::Site,
            subject: "pages".to_owned(),
            media_type: avouch_model::entry::Entry::JSON.to_owned(),
            content: Content::Public(payload),
        };
        self.append_any(signer, at, vec![new])?;
        Ok(())
    }

    /// The digest of the entry behind a digest that may be that of a released payload's bytes.
    fn recorded_digest(&self, digest: &Digest) -> Result<Digest, RecordError> {
        if self.first_entry(digest)?.is_some() {
            return Ok(*digest);
        }
        let sealed: Option<[u8; 32]> = self
            .database
            .query_row("SELECT digest FROM payloads WHERE released = ?1", [digest.as_bytes()], |row| row.get(0))
            .optional()
            .map_err(RecordError::database("read"))?;
        sealed.map(digest_of).ok_or(RecordError::NotRecorded(*digest))
    }
}

fn one(appended: Vec<Appended>) -> Result<Appended, RecordError> {
    appended.into_iter().next().ok_or(RecordError::Entry { subject: String::new(), what: "nothing was appended".to_owned() })
}

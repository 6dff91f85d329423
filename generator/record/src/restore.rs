//! Rebuilding a ledger from a published record: public payloads come back, sealed ones stay where they were.

use std::{collections::HashMap, path::Path};

use avouch_log::{Checkpoint, Grade, Outcome, Request, Source, layout, merkle::CompactRange, tile, verify};
use avouch_model::{
    Digest, canonical,
    entry::{Entry, EntryKind},
    payload::{Payload, Unsealing},
};

use crate::{
    error::RecordError,
    ledger::{Adopted, Ledger, discard},
};

/// Verifies a published record and rebuilds its ledger in a new file.
///
/// A record that is unanchored or stale is taken (the outcome says so; ask before going on); one that is tampered with,
/// forked or unreadable is not. Appending goes on with the same signing key. Sealed payloads that were not released are
/// absent, as are pending retention runs and slots: they are in the private store only.
///
/// # Errors
/// When the record does not verify, changes while it is read, or the file exists or cannot be written.
pub fn restore(source: &dyn Source, request: &Request<'_>, path: &Path) -> Result<(Ledger, Outcome), RecordError> {
    let outcome = verify(source, request);
    let grave = |grade: Grade| matches!(grade, Grade::Tampered | Grade::Fork | Grade::Unreachable);
    let checkpoint = outcome.checkpoint.clone().filter(|_| !outcome.gravest.is_some_and(grave));
    let Some(checkpoint) = checkpoint else {
        let first = outcome.findings.iter().find(|finding| grave(finding.grade));
        return Err(RecordError::NotVerified {
            findings: outcome.findings.len() as u64 + outcome.more_findings,
            first: first.map(ToString::to_string).unwrap_or_default(),
        });
    };
    let leaves = leaves(source, checkpoint.size)?;
    let ledger = rebuild(source, &leaves, &checkpoint, path);
    if ledger.is_err() && !matches!(ledger, Err(RecordError::LedgerExists { .. })) {
        discard(path);
    }
    Ok((ledger?, outcome))
}

fn rebuild(source: &dyn Source, leaves: &[Vec<u8>], checkpoint: &Checkpoint, path: &Path) -> Result<Ledger, RecordError> {
    let entries: Vec<Entry> =
        leaves.iter().map(|leaf| canonical::from_bytes(leaf).map_err(RecordError::Canonical)).collect::<Result<_, _>>()?;
    let changed = || RecordError::ChangedMeanwhile { path: layout::CHECKPOINT.to_owned() };
    let first = entries.first().ok_or_else(changed)?;
    let bytes = need(source, &layout::blob(&first.digest))?;
    let Ok(Payload::Genesis(genesis)) = Payload::read(EntryKind::Genesis, &bytes) else { return Err(changed()) };
    let mut ledger = Ledger::empty(path, genesis)?;
    let about = About::gather(source, &entries)?;
    ledger.transaction(|ledger| {
        let mut range = CompactRange::default();
        let mut seen = std::collections::HashSet::new();
        for (entry, leaf) in entries.iter().zip(leaves) {
            let first = seen.insert(entry.digest);
            adopt(source, ledger, &mut range, entry, leaf, first, &about)?;
        }
        ledger.adopt_head(&range)?;
        // The source may have changed since it was verified: everything is held against everything once more.
        if ledger.check()? == *checkpoint { Ok(()) } else { Err(changed()) }
    })?;
    Ok(ledger)
}

/// What later entries say about payloads.
#[derive(Default)]
struct About {
    withdrawn: std::collections::HashSet<Digest>,
    unsealed: HashMap<Digest, Unsealing>,
}

impl About {
    fn gather(source: &dyn Source, entries: &[Entry]) -> Result<Self, RecordError> {
        let mut about = Self::default();
        for entry in entries {
            if !matches!(entry.kind, EntryKind::Withdrawal | EntryKind::Unsealing) {
                continue;
            }
            let path = layout::blob(&entry.digest);
            match Payload::read(entry.kind, &need(source, &path)?) {
                Ok(Payload::Withdrawal(withdrawal)) => {
                    about.withdrawn.insert(withdrawal.withdrawn);
                }
                Ok(Payload::Unsealing(unsealing)) => {
                    about.unsealed.insert(unsealing.sealed, unsealing);
                }
                _ => return Err(RecordError::ChangedMeanwhile { path }),
            }
        }
        Ok(about)
    }
}

fn adopt(
    source: &dyn Source,
    ledger: &mut Ledger,
    range: &mut CompactRange,
    entry: &Entry,
    leaf: &[u8],
    first: bool,
    about: &About,
) -> Result<(), RecordError> {
    if !first {
        let again = Adopted { entry, envelope: None, bytes: None, salt: None, released: None, withdrawn: false };
        return ledger.adopt(range, leaf, &again);
    }
    let envelope = need(source, &layout::envelope(&entry.digest))?;
    let unsealing = about.unsealed.get(&entry.digest);
    let gone = |digest: &Digest| about.withdrawn.contains(digest);
    let withdrawn = gone(&entry.digest) || unsealing.is_some_and(|unsealing| gone(&unsealing.released));
    let public = match (entry.visibility, unsealing) {
        (avouch_model::entry::Visibility::Public, _) => Some(entry.digest),
        (_, unsealing) => unsealing.map(|unsealing| unsealing.released),
    };
    let bytes = match public.filter(|_| !withdrawn) {
        Some(digest) => Some(need(source, &layout::blob(&digest))?),
        None => None,
    };
    let salt = unsealing.filter(|_| !withdrawn).and_then(|unsealing| hex::decode(&unsealing.salt).ok());
    let adopted = Adopted {
        entry,
        envelope: Some(&envelope),
        bytes: bytes.as_deref(),
        salt: salt.as_deref(),
        released: unsealing.map(|unsealing| &unsealing.released),
        withdrawn,
    };
    ledger.adopt(range, leaf, &adopted)
}

fn leaves(source: &dyn Source, size: u64) -> Result<Vec<Vec<u8>>, RecordError> {
    let mut leaves = Vec::new();
    for bundle in tile::entry_bundles(size) {
        let path = bundle.path();
        let bytes = need(source, &path)?;
        let entries = tile::read_bundle(&bytes).ok_or(RecordError::ChangedMeanwhile { path })?;
        leaves.extend(entries.into_iter().map(<[u8]>::to_vec));
    }
    Ok(leaves)
}

fn need(source: &dyn Source, path: &str) -> Result<Vec<u8>, RecordError> {
    let changed = || RecordError::ChangedMeanwhile { path: path.to_owned() };
    source.get(path).map_err(|_| changed())?.ok_or_else(changed)
}

#[cfg(test)]
mod tests {
    use avouch_log::Memory;
    use avouch_model::payload::WithdrawalReason;

    use super::*;
    use crate::{
        Sealed,
        fixture::{House, SALT, SECRET, at, bom, check, details, missed, pages},
    };

    #[test]
    fn a_restored_ledger_goes_on_where_the_published_record_ends() {
        let mut house = House::furnished();
        let withdrawn = house.append(vec![bom("{\"withdrawn\":1}")])[0];
        let released = Sealed::with_salt(details("released"), [7; 32]);
        let digest = released.digest();
        house.append(vec![crate::NewEntry::sealed(EntryKind::Details, "run", released)]);
        let now = house.now();
        house.ledger.release(&house.signer, now, &digest).unwrap();
        house.ledger.withdraw(&house.signer, now, &withdrawn, WithdrawalReason::Mistake).unwrap();
        house.publish(&pages(1)).unwrap();
        let before = house.verify().remember().unwrap();
        let source = Memory(house.files());
        let key = [house.signer.vkey().clone()];
        let request = Request { keys: &key, remembered: None, max_age_seconds: None, now: at(1000) };
        let path = house.folder.path().join("restored.db");
        let (restored, outcome) = restore(&source, &request, &path).unwrap();
        assert!(outcome.anchored);
        assert_eq!(restored.recorded(None).unwrap(), house.ledger.recorded(None).unwrap());
        let sealed = Digest::of_parts(&[&SALT, &details(SECRET)]);
        assert_eq!(restored.payload(&sealed).unwrap().unwrap().bytes, None);
        assert!(matches!(restore(&source, &request, &path), Err(RecordError::LedgerExists { .. })));
        drop(restored);
        house.ledger = Ledger::open(&path).unwrap();
        let now = house.now();
        let again = house.ledger.release(&house.signer, now, &sealed);
        assert!(matches!(again, Err(RecordError::SealedElsewhere(_))));
        assert_eq!(house.publish(&pages(1)).unwrap().written, 0);
        house.append(vec![missed(9)]);
        house.publish(&pages(2)).unwrap();
        let outcome = check(&crate::Folder::new(house.out()), &key, Some(&before));
        assert_eq!(outcome.findings, vec![]);
    }

    #[test]
    fn a_record_that_does_not_verify_is_not_taken_over() {
        let mut house = House::furnished();
        house.publish(&pages(1)).unwrap();
        let mut files = house.files();
        files.get_mut("index.html").unwrap().push(b'x');
        let key = [house.signer.vkey().clone()];
        let request = Request { keys: &key, remembered: None, max_age_seconds: None, now: at(1000) };
        let path = house.folder.path().join("restored.db");
        let error = restore(&Memory(files), &request, &path).unwrap_err();
        assert!(error.to_string().contains("index.html"), "{error}");
        assert!(!path.exists());
    }
}

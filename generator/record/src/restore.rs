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

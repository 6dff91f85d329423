//! One piece of evidence: is this payload in the log, where, and who says so?

use avouch_model::{Digest, entry::Entry};

use super::{Check, Outcome, Request, payloads, walk};
use crate::{
    merkle::{self, Hash},
    proof,
    source::Source,
};

/// Where a payload was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The place of the first entry with this digest.
    pub index: u64,
    /// That entry.
    pub entry: Entry,
    /// The inclusion proof of that entry (RFC 9162 section 2.1.3), nearest sibling first.
    pub proof: Vec<Hash>,
}

/// Checks one payload: its entry in the log, the signed root, the signed statement, and its bytes.
///
/// Reads the checkpoint, the entry bundles (about 250 bytes an entry; they hold what was withdrawn, released and which keys
/// sign), the payloads of those few entries, and this one payload. Tiles, other payloads and pages are left alone:
/// [`super::verify`] checks those. That nothing records the digest is a finding, too.
pub fn verify_entry(source: &dyn Source, request: &Request<'_>, digest: &Digest) -> (Outcome, Option<Found>) {
    let mut check = Check { source, request, outcome: Outcome::default(), lost: 0 };
    let found = find(&mut check, digest);
    (check.outcome, found)
}

fn find(check: &mut Check<'_>, digest: &Digest) -> Option<Found> {
    let log = walk::walk(check, walk::Tiles::Skip)?;
    check.freshness(&log.entries);
    let place = log.entries.iter().position(|entry| entry.as_ref().is_some_and(|entry| entry.digest == *digest));
    payloads::payloads(check, &log, Some(digest));
    let Some((index, entry)) = place.and_then(|index| Some((index, log.entries.get(index)?.clone()?))) else {
        check.tampered(digest, "no entry of the log records this digest");
        return None;
    };
    let mut nodes = |level: u32, at: u64| {
        let from = usize::try_from(at << level).ok()?;
        Some(merkle::root(log.leaves.get(from..from.checked_add(1 << level)?)?))
    };
    let proof = proof::prove_inclusion(index as u64, log.checkpoint.size, &mut nodes)?;
    let leaf = log.leaves.get(index)?;
    if !proof::check_inclusion(leaf, index as u64, log.checkpoint.size, &log.checkpoint.root, &proof) {
        check.tampered(format_args!("entry {index}"), "is not under the signed root");
        return None;
    }
    Some(Found { index: index as u64, entry, proof })
}

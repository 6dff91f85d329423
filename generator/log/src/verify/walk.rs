//! From the checkpoint through every entry bundle and tile to the root; what was remembered is held against it on the way.

use avouch_model::{
    Digest, Timestamp, canonical,
    entry::{Entry, EntryKind, Visibility},
};

use super::{CLOCK_TOLERANCE_SECONDS, Check, ENTRIES_MAX, Got, Grade};
use crate::{
    checkpoint::Checkpoint,
    layout,
    merkle::{self, CompactRange, Hash},
    note::Note,
    tile::{self, Tile, TileWriter},
};

/// The log as it was read.
pub(super) struct Log {
    pub(super) checkpoint: Checkpoint,
    /// The signed note around the checkpoint: its signatures are checked once the keys are known.
    pub(super) note: Vec<u8>,
    /// The entries; none where one cannot be read.
    pub(super) entries: Vec<Option<Entry>>,
    /// The hashes of the leaves.
    pub(super) leaves: Vec<Hash>,
    /// Whether the remembered head is the beginning of this log.
    pub(super) extends: bool,
}

/// Whether the tiles of hashes are read, too. The root follows from the entries without them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tiles {
    Hold,
    Skip,
}

/// Reads the whole log. None when there is nothing to go on with.
pub(super) fn walk(check: &mut Check<'_>, hold: Tiles) -> Option<Log> {
    let (note, checkpoint) = head(check)?;
    check.outcome.checkpoint = Some(checkpoint.clone());
    if !memory_allows(check, &checkpoint) {
        return None;
    }
    let remembered = check.request.remembered;
    let mut log = Log { checkpoint, note, entries: Vec::new(), leaves: Vec::new(), extends: false };
    let mut range = CompactRange::default();
    let mut tiles = TileWriter::default();
    let size = log.checkpoint.size;
    for bundle in tile::entry_bundles(size) {
        let path = bundle.path();
        let bytes = check.need(&path, "an entry bundle")?;
        let Some(leaves) = tile::read_bundle(&bytes).filter(|leaves| leaves.len() == usize::from(bundle.width())) else {
            check.tampered(&path, "does not hold the entries that it should");
            return None;
        };
        for leaf in leaves {
            let hash = merkle::leaf_hash(leaf);
            range.push(hash);
            log.leaves.push(hash);
            if hold == Tiles::Hold {
                tiles.push(hash, &mut |tile, expected| hold_tile(check, tile, &expected));
            }
            if let Some(seen) = remembered.filter(|seen| seen.size == range.size()) {
                log.extends = range.root() == *seen.root.as_bytes();
            }
            let entry = read_entry(check, log.entries.len(), log.entries.last().and_then(Option::as_ref), leaf);
            log.entries.push(entry);
        }
    }
    for (tile, expected) in tiles.partials() {
        hold_tile(check, tile, &expected);
    }
    check.outcome.entries = size;
    if range.root() != log.checkpoint.root {
        check.tampered(layout::CHECKPOINT, "the root does not follow from the entries");
    }
    if let Some(seen) = remembered.filter(|_| !log.extends) {
        let what = format!("the first {} entries are others than those seen before: the log was forked", seen.size);
        check.outcome.find(Grade::Fork, layout::CHECKPOINT, what);
    }
    Some(log)
}

/// The checkpoint, taken apart.
fn head(check: &mut Check<'_>) -> Option<(Vec<u8>, Checkpoint)> {
    let bytes = match check.get(layout::CHECKPOINT) {
        Got::Bytes(bytes) => bytes,
        Got::Missing if check.source.list().is_some() => {
            check.tampered(layout::CHECKPOINT, "is missing: this is no published folder, or no longer one");
            return None;
        }
        Got::Missing => {
            let what = "is not there: this is not the address of a published folder, or no longer";
            check.outcome.find(Grade::Unreachable, layout::CHECKPOINT, what);
            return None;
        }
        Got::Lost => return None,
    };
    let checkpoint = match Note::read(&bytes) {
        Ok(note) => note.text().parse::<Checkpoint>().map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match checkpoint {
        Ok(checkpoint) => Some((bytes, checkpoint)),
        Err(error) => {
            check.tampered(layout::CHECKPOINT, error);
            None
        }
    }
}

/// Whether the size can be walked and does not contradict what was seen before.
fn memory_allows(check: &mut Check<'_>, checkpoint: &Checkpoint) -> bool {
    if checkpoint.size == 0 || checkpoint.size > ENTRIES_MAX {
        let what = format!("a log of {} entries cannot be: it has at least one and at most {ENTRIES_MAX}", checkpoint.size);
        check.tampered(layout::CHECKPOINT, what);
        return false;
    }
    let Some(seen) = check.request.remembered else { return true };
    if seen.origin != checkpoint.origin {
        let what = format!("the origin is `{}`, and `{}` was seen before: this is another log", checkpoint.origin, seen.origin);
        check.outcome.find(Grade::Fork, layout::CHECKPOINT, what);
        return false;
    }
    if seen.size > checkpoint.size {
        let what = format!("the log has {} entries, and had {} before: it was rolled back", checkpoint.size, seen.size);
        check.outcome.find(Grade::Fork, layout::CHECKPOINT, what);
        return false;
    }
    true
}

fn hold_tile(check: &mut Check<'_>, tile: Tile, expected: &[u8]) {
    let path = tile.path();
    if check.need(&path, "a tile").is_some_and(|bytes| bytes != expected) {
        check.tampered(&path, "does not follow from the entries");
    }
}

/// Reads one leaf strictly, and holds it against the one before.
fn read_entry(check: &mut Check<'_>, index: usize, before: Option<&Entry>, leaf: &[u8]) -> Option<Entry> {
    let place = format!("entry {index}");
    let entry = match parse_entry(leaf) {
        Ok(entry) => entry,
        Err(what) => {
            check.tampered(&place, what);
            return None;
        }
    };
    if (index == 0) != (entry.kind == EntryKind::Genesis) {
        check.tampered(&place, "the genesis is the first entry of a log and no other");
    }
    if before.is_some_and(|before| before.at > entry.at) {
        check.tampered(&place, format_args!("is dated {}, before the entry before it", entry.at));
    }
    if entry.at > latest(check.request.now) {
        check.tampered(&place, format_args!("is dated {}, in the future of this computer's clock", entry.at));
    }
    Some(entry)
}

fn latest(now: Timestamp) -> Timestamp {
    now.plus_seconds(CLOCK_TOLERANCE_SECONDS)
}

/// One leaf as an entry: canonical JSON of at most 1 KiB in the one spelling, of a version and visibility that can be.
fn parse_entry(leaf: &[u8]) -> Result<Entry, String> {
    if leaf.len() > Entry::BYTES_MAX {
        return Err(format!("has {} bytes; an entry has at most {}", leaf.len(), Entry::BYTES_MAX));
    }
    // Whatever was read leniently must be written as it was: one entry has one spelling, times within it included.
    let entry: Entry = serde_json::from_slice(leaf).map_err(|error| format!("is no entry: {error}"))?;
    if canonical::to_bytes(&entry).ok().as_deref() != Some(leaf) {
        return Err("is no entry: it is not in the one spelling".to_owned());
    }
    if entry.v != Entry::VERSION {
        return Err(format!("is of version {}; this program reads version {}", entry.v, Entry::VERSION));
    }
    if entry.subject.is_empty() || entry.subject.chars().chain(entry.media_type.chars()).any(char::is_control) {
        return Err("has no subject, or one with control characters".to_owned());
    }
    if entry.visibility == Visibility::Sealed && !may_be_sealed(entry.kind) {
        return Err(format!("is sealed; a {} is always public", entry.kind.name()));
    }
    Ok(entry)
}

/// What keeps the log verifiable cannot be sealed, and cannot be withdrawn.
pub(super) const fn may_be_sealed(kind: EntryKind) -> bool {
    !matches!(kind, EntryKind::Genesis | EntryKind::Key | EntryKind::Withdrawal | EntryKind::Unsealing | EntryKind::Site)
}

/// The name of a payload in a finding.
pub(super) fn name(index: usize, digest: &Digest) -> String {
    format!("entry {index} ({})", digest.short())
}

//! git's index, read as the file that it is (gitformat-index(5), versions 2 to 4): what is staged, and how each file looked
//! when git last saw it. What this file does not know of an index is left to `git ls-files`.
//!
//! A file that looks as it did then (times, size, inode, owner) has not changed: this is what git itself goes by.

use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::look::Look;

/// `.git/index` of two million files fits.
pub(crate) const BYTES_MAX: u64 = 1 << 30;
/// Folders within folders.
const DEPTH_MAX: usize = 4_096;

/// The index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Index {
    /// In the order of the file: by path, byte by byte.
    pub(crate) entries: Vec<Entry>,
    /// Whether a merge is not resolved.
    pub(crate) unmerged: bool,
}

/// A staged file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: Vec<u8>,
    /// As in a tree: `100644`, `100755`, `120000` or `160000`, octal.
    pub(crate) mode: u32,
    pub(crate) id: Vec<u8>,
    /// Whether a sparse checkout leaves it out of the folder.
    pub(crate) left_out: bool,
    seen: Seen,
}

/// How a file looked, each number cut to 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    changed: (u32, u32),
    modified: (u32, u32),
    inode: u32,
    user: u32,
    group: u32,
    size: u32,
}

/// Reads an index whose object ids have this many bytes. None when it holds what only git can tell: a split index, a
/// sparse one, an extension that must be understood, or an unknown version.
pub(crate) fn read(bytes: &[u8], id_bytes: usize) -> Option<Index> {
    let mut rest = Bytes(bytes);
    if rest.take(4)? != b"DIRC" {
        return None;
    }
    let version = rest.number()?;
    let count = rest.number()?;
    if !(2..=4).contains(&version) {
        return None;
    }
    let mut index = Index { entries: Vec::new(), unmerged: false };
    for _ in 0..count {
        let start = rest.0.len();
        let mut numbers = [0; 10];
        for number in &mut numbers {
            *number = rest.number()?;
        }
        let [changed, changed_nanos, modified, modified_nanos, _device, inode, mode, user, group, size] = numbers;
        let seen = Seen { changed: (changed, changed_nanos), modified: (modified, modified_nanos), inode, user, group, size };
        let id = rest.take(id_bytes)?.to_vec();
        let flags = u16::from_be_bytes(rest.take(2)?.try_into().ok()?);
        let extended = if flags & 0x4000 == 0 { 0 } else { u16::from_be_bytes(rest.take(2)?.try_into().ok()?) };
        let path = if version == 4 {
            let cut = rest.variable()?;
            let before = index.entries.last().map_or(&[][..], |entry| entry.path.as_slice());
            let kept = before.get(..before.len().checked_sub(cut)?)?;
            [kept, rest.text()?].concat()
        } else {
            let path = rest.text()?.to_vec();
            // The text's own NUL is the first of one to eight that make the entry a multiple of eight bytes.
            let length = start - rest.0.len();
            rest.take(length.next_multiple_of(8) - length)?;
            path
        };
        // The folder of a sparse index stands for what is below it.
        if !matches!(mode, 0o100_644 | 0o100_755 | 0o120_000 | 0o160_000) || path.is_empty() {
            return None;
        }
        index.unmerged |= flags & 0x3000 != 0;
        index.entries.push(Entry { path, mode, id, left_out: extended & 0x4000 != 0, seen });
    }
    // Extensions, then a checksum. One whose name begins in lower case must be understood.
    while rest.0.len() > id_bytes {
        let name = rest.take(4)?;
        let length = usize::try_from(rest.number()?).ok()?;
        rest.take(length)?;
        if !name.first()?.is_ascii_uppercase() {
            return None;
        }
    }
    (rest.0.len() == id_bytes).then_some(index)
}

impl Index {
    /// The id of the tree that a commit of this index would have, as hexadecimal digits.
    pub(crate) fn tree(&self) -> Option<String> {
        let entries: Vec<(&[u8], &Entry)> = self.entries.iter().map(|entry| (entry.path.as_slice(), entry)).collect();
        tree(&entries, 0).map(|id| hex(&id))
    }
}

impl Entry {
    /// The object's id, as hexadecimal digits.
    pub(crate) fn hex(&self) -> String {
        hex(&self.id)
    }

    /// Whether the file looks as it did when its content was the staged one. `index` is what the index file itself looks
    /// like: what was changed while it was being written cannot be told apart from what it holds.
    pub(crate) fn looks_the_same(&self, found: &Look, index: &Look) -> bool {
        let (Some(told), Some(index)) = (found.told, index.told) else { return false };
        let cut = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or_default();
        let time = |(seconds, nanos): (i64, u32)| (cut(seconds.cast_unsigned()), nanos);
        let looks = Seen {
            changed: time(told.changed),
            modified: time(told.modified),
            inode: cut(told.inode),
            user: told.user,
            group: told.group,
            size: cut(found.size),
        };
        // Whoever writes a file, or sets its time of modification, moves its time of change, and nobody can set that. One without
        // nanoseconds was taken where none are kept; then it proves nothing about its second.
        looks == self.seen && self.seen.changed < time(index.modified) && self.seen.changed.1 != 0
    }
}

/// The id of the tree of these entries, whose paths are relative to it. Entries are in the order of a tree already: the
/// slash after a folder's name counts in both.
fn tree(entries: &[(&[u8], &Entry)], depth: usize) -> Option<Vec<u8>> {
    if depth > DEPTH_MAX {
        return None;
    }
    let mut object = Vec::new();
    let mut at = 0;
    let mut id_bytes = 20;
    while let Some((path, entry)) = entries.get(at) {
        id_bytes = entry.id.len();
        let (mode, name, id) = match path.iter().position(|byte| *byte == b'/') {
            None => {
                at += 1;
                (entry.mode, *path, entry.id.clone())
            }
            Some(slash) => {
                let name = path.get(..slash)?;
                let below: Vec<(&[u8], &Entry)> = entries
                    .get(at..)?
                    .iter()
                    .map_while(|(path, entry)| Some((path.strip_prefix(name)?.strip_prefix(b"/")?, *entry)))
                    .collect();
                at += below.len();
                (0o40_000, name, tree(&below, depth + 1)?)
            }
        };
        object.extend_from_slice(format!("{mode:o} ").as_bytes());
        object.extend_from_slice(name);
        object.push(0);
        object.extend_from_slice(&id);
    }
    let header = format!("tree {}\0", object.len());
    Some(match id_bytes {
        32 => Sha256::new().chain_update(header).chain_update(object).finalize().to_vec(),
        _ => Sha1::new().chain_update(header).chain_update(object).finalize().to_vec(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// Up to a NUL, which is taken too.
    fn text(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.take(end)?;
        self.take(1)?;
        Some(text)
    }

    /// A number of variable length, as in OFS_DELTA of a pack (gitformat-pack(5)).
    fn variable(&mut self) -> Option<usize> {
        let mut number = 0_usize;
        loop {
            let byte = *self.take(1)?.first()?;
            number = number.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            number = number.checked_add(1)?;
        }
    }
}

/// The paths and their entries, for whoever compares with something that has no order.
#[cfg(test)]
pub(crate) fn by_path(index: &Index) -> std::collections::BTreeMap<Vec<u8>, (u32, String)> {
    index.entries.iter().map(|entry| (entry.path.clone(), (entry.mode, entry.hex()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_index_is_left_to_git() {
        assert_eq!(read(b"", 20), None);
        assert_eq!(read(b"DIRC\0\0\0\x05\0\0\0\0", 20), None);
        assert_eq!(read(b"DIRC\0\0\0\x02\0\0\0\x01", 20), None);
        let checksum = [0; 20];
        let empty = [b"DIRC\0\0\0\x02\0\0\0\0".as_slice(), &checksum].concat();
        assert_eq!(read(&empty, 20), Some(Index { entries: Vec::new(), unmerged: false }));
        let split = [b"DIRC\0\0\0\x02\0\0\0\0link\0\0\0\0".as_slice(), &checksum].concat();
        assert_eq!(read(&split, 20), None);
        let cached = [b"DIRC\0\0\0\x02\0\0\0\0TREE\0\0\0\0".as_slice(), &checksum].concat();
        assert!(read(&cached, 20).is_some());
    }

    #[test]
    fn the_tree_of_nothing_has_the_id_that_everybody_knows() {
        let index = Index { entries: Vec::new(), unmerged: false };
        assert_eq!(index.tree().unwrap(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }
}

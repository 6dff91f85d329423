//! What was searched before and held nothing, so that it is not searched again.
//!
//! A memory holds digests of what was searched, commits and paths; no value, and nothing by which one could be guessed: contents with
//! secrets are remembered by their ids only, to be searched again. It counts for the same rules and the same program alone, and one
//! that was cut off or changed is no memory at all.

use std::collections::BTreeSet;

use avouch_model::Digest;
use avouch_scan::Profile;
use serde::{Deserialize, Serialize};

const MAGIC: &str = "avouch secrets memory 2";
/// More is not kept: the least that is forgotten is what would be searched again.
const KEYS_MAX: usize = 4_000_000;

/// By what a searched content is known again.
pub(super) type Seen = [u8; 16];

/// The memory of the searches of one repository.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    binding: Option<Digest>,
    /// Files of the folder that held nothing, by path, profile and stamp.
    pub(super) files: BTreeSet<Seen>,
    /// Committed contents that held nothing, by id and profile.
    pub(super) blobs: BTreeSet<Seen>,
    /// What the history was searched to, and the contents in it that hold something.
    pub(super) history: History,
}

/// How far the history was searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct History {
    /// Commits of which everything before was searched.
    pub(super) tips: Vec<String>,
    /// Contents with something in them.
    pub(super) holding: Vec<Holding>,
    /// Commits with something in their message.
    pub(super) messages: Vec<String>,
}

/// A content with something in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Holding {
    pub(super) blob: String,
    pub(super) path: String,
    pub(super) commit: String,
}

/// What a memory counts for: these rules and this program.
pub fn binding(rules: Digest, program: &str) -> Digest {
    Digest::of_parts(&[MAGIC.as_bytes(), b"\n", program.as_bytes(), b"\n", rules.as_bytes()])
}

impl Memory {
    /// The memory in these bytes, if it counts for this; otherwise an empty one.
    pub fn recall(bytes: Option<&[u8]>, binding: Digest) -> Self {
        let recalled = bytes.and_then(|bytes| Self::read(bytes, binding));
        recalled.unwrap_or(Self { binding: Some(binding), ..Self::default() })
    }

    /// As bytes, to be kept.
    pub fn bytes(&self) -> Vec<u8> {
        let history = serde_json::to_string(&self.history).unwrap_or_default();
        let binding = self.binding.map(|binding| binding.hex()).unwrap_or_default();
        let mut bytes =
            format!("{MAGIC}\n{binding}\n{} {}\n{history}\n", self.files.len().min(KEYS_MAX), self.blobs.len().min(KEYS_MAX))
                .into_bytes();
        for key in self.files.iter().take(KEYS_MAX).chain(self.blobs.iter().take(KEYS_MAX)) {
            bytes.extend_from_slice(key);
        }
        let digest = Digest::of(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        bytes
    }

    fn read(bytes: &[u8], binding: Digest) -> Option<Self> {
        let (body, digest) = bytes.split_last_chunk::<32>()?;
        if Digest::of(body).as_bytes() != digest {
            return None;
        }
        let mut lines = body.splitn(5, |byte| *byte == b'\n');
        let mut text = || std::str::from_utf8(lines.next()?).ok();
        let (magic, bound, numbers, history) = (text()?, text()?, text()?, text()?);
        if magic != MAGIC || bound != binding.hex() {
            return None;
        }
        let (files, blobs) = numbers.split_once(' ')?;
        let (files, blobs): (usize, usize) = (files.parse().ok()?, blobs.parse().ok()?);
        let history = serde_json::from_str(history).ok()?;
        let (keys, rest) = lines.next()?.as_chunks::<16>();
        if !rest.is_empty() || keys.len() != files.checked_add(blobs)? {
            return None;
        }
        let (files, blobs) = keys.split_at_checked(files)?;
        Some(Self {
            binding: Some(binding),
            files: files.iter().copied().collect(),
            blobs: blobs.iter().copied().collect(),
            history,
        })
    }
}

/// The key of something with this identity at paths of this profile.
pub(super) fn seen(what: &[u8], identity: &[u8], profile: &Profile) -> Seen {
    let digest = Digest::of_parts(&[what, &profile.bytes(), b"\0", identity]);
    digest.as_bytes().first_chunk::<16>().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_counts_for_its_rules_and_program_and_as_a_whole() {
        let bound = binding(Digest::of(b"rules"), "avouch 1");
        let mut memory = Memory::recall(None, bound);
        memory.files.insert([1; 16]);
        memory.blobs.extend([[2; 16], [3; 16]]);
        memory.history = History {
            tips: vec!["a".repeat(40)],
            holding: vec![Holding { blob: "b".repeat(40), path: "odd\n\"path\"".into(), commit: "c".repeat(40) }],
            messages: vec!["d".repeat(40)],
        };
        let bytes = memory.bytes();
        let again = Memory::recall(Some(&bytes), bound);
        assert_eq!((&again.files, &again.blobs, &again.history), (&memory.files, &memory.blobs, &memory.history));
        assert_eq!(again.bytes(), bytes);
        for other in [binding(Digest::of(b"other"), "avouch 1"), binding(Digest::of(b"rules"), "avouch 2")] {
            assert!(Memory::recall(Some(&bytes), other).blobs.is_empty());
        }
        for end in 0..bytes.len() {
            assert!(Memory::recall(Some(&bytes[..end]), bound).blobs.is_empty());
        }
        let mut changed = bytes.clone();
        changed[60] ^= 1;
        assert!(Memory::recall(Some(&changed), bound).blobs.is_empty());
    }
}

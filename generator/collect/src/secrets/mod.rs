//! Looking for secrets in a folder, in a commit and in everything that was ever committed.
//!
//! The contents come through `repository`, the rules and the search are `scan`'s; here they meet: which contents there are, which
//! of them were searched before and held nothing, what could not be searched. What is given is free of every value.

mod history;
mod memory;
mod messages;
mod tree;
mod workers;

use std::collections::BTreeMap;

use avouch_repository::RepositoryError;
use avouch_scan::{Hit, Key, PathClass, Place, Rules, ScanError, Scanner};

pub use history::{everything_committed, everything_that_led_to};
pub use memory::{Memory, binding};
pub use tree::{files, folder};

/// How many contents that could not be searched are named; all are counted.
const NAMED_MAX: usize = 50;

/// What a search brought.
#[derive(Clone, Debug, Default)]
pub struct Searched {
    /// The secrets, in order of path or of commit.
    pub found: Vec<Found>,
    /// What was looked at, and what was not.
    pub counts: Counts,
}

/// A secret and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The rule, the place in the content, the digest.
    pub hit: Hit,
    /// The path.
    pub path: String,
    /// What the path tells of the file.
    pub class: PathClass,
    /// The commit that brought it; none for the folder as it lies.
    pub commit: Option<String>,
    /// Whether it is staged for the next commit and not in the folder any more.
    pub staged: bool,
}

/// What was looked at, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Contents that the search can speak of, searched now or before; the same for the same contents, whatever is remembered.
    pub contents: u64,
    /// Contents that were searched, now.
    pub searched: u64,
    /// Contents that were searched before, by the same rules and program, and held nothing.
    pub remembered: u64,
    /// Contents that are no text. They were looked at for the forms of key files, and not searched.
    pub binary: u64,
    /// The bytes that were searched.
    pub bytes: u64,
    /// Contents that could not be searched.
    pub unsearched: u64,
    /// Some of them, with the reason.
    pub unsearched_named: BTreeMap<String, String>,
    /// Links, submodules, pipes: nothing to search by themselves.
    pub passed_over: u64,
    /// Contents at paths that the rules leave out; they were not searched.
    pub left_out: u64,
    /// Commits that were walked through, now.
    pub commits: u64,
    /// Messages of commits and annotated tags that were searched, now. They are no contents.
    pub messages: u64,
    /// Whether older commits may be missing, as in a pipeline's checkout.
    pub shallow: bool,
    /// Matches that are none because an allow-list names the commit.
    pub allowed_by_commit: u64,
}

impl Counts {
    fn not_searched(&mut self, path: &str, why: String) {
        self.unsearched += 1;
        if self.unsearched_named.len() < NAMED_MAX {
            self.unsearched_named.insert(path.to_owned(), why);
        }
    }

    fn add(&mut self, other: Self) {
        self.contents += other.contents;
        self.searched += other.searched;
        self.remembered += other.remembered;
        self.binary += other.binary;
        self.bytes += other.bytes;
        self.unsearched += other.unsearched;
        self.unsearched_named.extend(other.unsearched_named);
        self.passed_over += other.passed_over;
        self.left_out += other.left_out;
        self.commits += other.commits;
        self.messages += other.messages;
        self.shallow |= other.shallow;
        self.allowed_by_commit += other.allowed_by_commit;
    }
}

/// Why a search could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The repository or the folder cannot be read.
    #[error("the contents cannot be read")]
    Repository(#[from] RepositoryError),
    /// A rule cannot be used.
    #[error("the rules cannot be used: {0}")]
    Rules(String),
}

impl Searched {
    /// Both searches as one: what lies in the folder is told there, with the commit that brought it, and not a second time.
    #[must_use]
    pub fn and(mut self, history: Self) -> Self {
        let same = |one: &Found, other: &Found| {
            one.hit.digest == other.hit.digest && one.path == other.path && one.hit.id == other.hit.id
        };
        for found in history.found {
            match self.found.iter_mut().find(|known| same(known, &found)) {
                Some(known) => known.commit = known.commit.take().or(found.commit),
                None => self.found.push(found),
            }
        }
        self.counts.add(history.counts);
        self
    }
}

/// Whether the rules find what they must: credentials made up for this moment, of the forms that our own rules know. A set of rules
/// that cannot find them proves nothing by finding nothing.
///
/// # Errors
/// When a rule cannot be used.
pub fn finds_a_planted_secret(rules: &Rules, random: &dyn Fn() -> u64) -> Result<bool, ScanError> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let letters = |count: usize| -> String {
        let mut text = String::new();
        while text.len() < count {
            let mut drawn = random();
            // A source of randomness that is stuck still gives a text with enough different letters.
            drawn = drawn.wrapping_add(text.len() as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for _ in 0..12 {
                let letter = LETTERS.get((drawn >> 59) as usize).copied().unwrap_or(b'Q');
                text.push(char::from(letter));
                drawn = drawn.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            }
        }
        text.truncate(count);
        text
    };
    let (id, token) = (letters(16), letters(36));
    let text = format!("const id = \"{}{id}\";\n// {}{token}\n", ["AK", "IA"].concat(), ["gh", "p_"].concat());
    let scanner = Scanner::new(rules, Key::from_bytes([7; 32]));
    let path = "src/planted.ts";
    let profile = rules.profile(path);
    let scanned = scanner.scan_bytes(text.as_bytes(), Place { path, profile: &profile, commit: None })?;
    let on = |line: u64| scanned.hits.iter().any(|hit| hit.line == line);
    Ok(on(1) && on(2))
}

#[cfg(test)]
mod tests;

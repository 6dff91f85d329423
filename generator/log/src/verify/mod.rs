//! The whole check of a published folder: checkpoint, tiles, entries, payloads, statements, keys, pages, time, memory.
//!
//! One pass, linear in what is published. Every finding is kept with its grade; the verdict is the gravest of them.

mod pages;
mod payloads;
mod single;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;

use avouch_model::{Digest, Timestamp, entry::Entry};
use serde::{Deserialize, Serialize};

pub use single::{Found, verify_entry};

use crate::{
    checkpoint::Checkpoint,
    note::VerifierKey,
    source::{Source, SourceError},
};

/// An entry dated this many seconds after the verifier's clock is still believed: clocks differ.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 300;

/// Findings beyond this many are counted and not kept: a hostile folder must not fill the memory.
pub const FINDINGS_MAX: usize = 200;

/// A log of more entries is not walked: it would not fit a verifier's memory.
pub const ENTRIES_MAX: u64 = 1 << 24;

/// What the auditor brings along.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The keys that are trusted, from `--key` or a policy. Empty: nothing anchors the check but `remembered`.
    pub keys: &'a [VerifierKey],
    /// The head seen at the last verification.
    pub remembered: Option<&'a Remembered>,
    /// How old the last run or site entry may be, in seconds; none: any age.
    pub max_age_seconds: Option<u64>,
    /// The verifier's time.
    pub now: Timestamp,
}

/// A head that was verified: kept by the auditor, so that the log can never be shown shorter or otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// The log's origin.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
}

/// How grave a finding is, least first: the order of precedence of the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// The last sign of life is too old.
    Stale,
    /// The key came from the folder itself: it agrees with itself, and may be anybody's.
    Unanchored,
    /// Something could not be read.
    Unreachable,
    /// The log was shortened, or shows another history than before.
    Fork,
    /// What is published is not what was signed.
    Tampered,
}

impl Grade {
    /// The exit code of `avouch verify` when this is the gravest finding.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Tampered => 1,
            Self::Stale => 3,
            Self::Unanchored => 4,
            Self::Fork => 5,
            Self::Unreachable => 6,
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How grave it is.
    pub grade: Grade,
    /// The file or entry, `blob/sha256/ab/…` or `entry 7`. Text from the folder: escape it before showing it.
    pub place: String,
    /// What is wrong, and where it helps, the way out. Text from the folder: escape it before showing it.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.what)
    }
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Every finding, as it was met, up to [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many more there were.
    pub more_findings: u64,
    /// The gravest grade of all findings.
    pub gravest: Option<Grade>,
    /// The checkpoint, once it could be read.
    pub checkpoint: Option<Checkpoint>,
    /// The keys that signed the checkpoint and may.
    pub signers: Vec<VerifierKey>,
    /// Whether the key was given, was added by one that was, or the log extends a remembered head.
    pub anchored: bool,
    /// Entries read.
    pub entries: u64,
    /// Public payloads held against their digest.
    pub payloads: u64,
    /// Signed statements checked.
    pub statements: u64,
    /// Payloads that are withdrawn.
    pub withdrawn: u64,
    /// Payloads that are sealed and not released.
    pub sealed: u64,
    /// Pages held against the last `site` entry.
    pub pages: u64,
    /// Whether files that belong to nothing could be looked for: a folder can be listed, a web server cannot.
    pub listed: bool,
    /// The time of the last run or site entry.
    pub last_sign_of_life: Option<Timestamp>,
    /// The time of the last entry.
    pub last_entry: Option<Timestamp>,
}

impl Outcome {
    /// The exit code: 0 verified, anchored and fresh, otherwise that of the gravest finding (1, 5, 6, 4, 3 in this order).
    pub fn exit_code(&self) -> u8 {
        self.gravest.map_or(0, Grade::exit_code)
    }

    /// The head to keep for the next verification; none unless what is published is what was signed.
    pub fn remember(&self) -> Option<Remembered> {
        if self.gravest > Some(Grade::Unanchored) {
            return None;
        }
        let checkpoint = self.checkpoint.as_ref()?;
        Some(Remembered { origin: checkpoint.origin.clone(), size: checkpoint.size, root: Digest::from_bytes(checkpoint.root) })
    }

    fn find(&mut self, grade: Grade, place: impl fmt::Display, what: impl fmt::Display) {
        self.gravest = self.gravest.max(Some(grade));
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { grade, place: place.to_string(), what: what.to_string() });
        } else {
            self.more_findings += 1;
        }
    }
}

/// Checks a published folder as a whole.
pub fn verify(source: &dyn Source, request: &Request<'_>) -> Outcome {
    let mut check = Check { source, request, outcome: Outcome::default(), lost: 0 };
    if let Some(log) = walk::walk(&mut check, walk::Tiles::Hold) {
        check.freshness(&log.entries);
        let record = payloads::payloads(&mut check, &log, None);
        pages::pages(&mut check, &log, &record);
    }
    check.outcome
}

/// After this many failures of the source the rest is not asked for.
const LOST_MAX: u32 = 5;

struct Check<'a> {
    source: &'a dyn Source,
    request: &'a Request<'a>,
    outcome: Outcome,
    lost: u32,
}

/// What a file turned out to be.
enum Got {
    Bytes(Vec<u8>),
    Missing,
    Lost,
}

impl Check<'_> {
    /// Reads a file; that it cannot be asked for becomes a finding here.
    fn get(&mut self, path: &str) -> Got {
        if self.lost >= LOST_MAX {
            return Got::Lost;
        }
        match self.source.get(path) {
            Ok(Some(bytes)) => Got::Bytes(bytes),
            Ok(None) => Got::Missing,
            Err(error) => {
                self.unreachable(&error);
                Got::Lost
            }
        }
    }

    /// Reads a file that must be there; that it is missing becomes a finding here, too.
    fn need(&mut self, path: &str, what: &str) -> Option<Vec<u8>> {
        match self.get(path) {
            Got::Bytes(bytes) => Some(bytes),
            Got::Missing => {
                self.tampered(path, format_args!("{what} is missing"));
                None
            }
            Got::Lost => None,
        }
    }

    fn unreachable(&mut self, error: &SourceError) {
        self.lost += 1;
        let place = if error.path.is_empty() { "the published folder" } else { &error.path };
        self.outcome.find(Grade::Unreachable, place, format_args!("cannot be read: {}", error.cause));
        if self.lost == LOST_MAX {
            self.outcome.find(Grade::Unreachable, place, "too many failures: nothing further was asked for");
        }
    }

    fn tampered(&mut self, place: impl fmt::Display, what: impl fmt::Display) {
        self.outcome.find(Grade::Tampered, place, what);
    }

    fn freshness(&mut self, entries: &[Option<Entry>]) {
        use avouch_model::entry::EntryKind::{Run, Site};
        let known = || entries.iter().flatten();
        self.outcome.last_entry = known().map(|entry| entry.at).max();
        let last = known().filter(|entry| matches!(entry.kind, Run | Site)).map(|entry| entry.at).max();
        self.outcome.last_sign_of_life = last;
        let Some(max_age) = self.request.max_age_seconds else { return };
        match last {
            None => self.outcome.find(Grade::Stale, "the log", "holds no run and no site yet: nothing shows that it is alive"),
            Some(last) => {
                let age = self.request.now.seconds_since(last);
                if u64::try_from(age).is_ok_and(|age| age > max_age) {
                    let what = format!("the last run or site entry is of {last}, {age} s ago; {max_age} s are allowed");
                    self.outcome.find(Grade::Stale, "the log", what);
                }
            }
        }
    }
}

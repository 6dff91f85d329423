//! What was found out of the archives in Cargo's cache before, so that they need not be read and hashed again.
//!
//! As git's index does, it goes by how files look: size, times, inode and device of the archive, of the folder beside it and of
//! every file that was read there. A file that looks otherwise is read. What changed less than [`SECONDS_MIN`] before is not
//! remembered: another write within the same tick of a clock could go unseen. Names of folders are not in it.
//!
//! It is of one program, by its digest: another build may find out more of the same files. Whoever can write the file that holds
//! it can make a BOM say what is not so; `docs/decisions/0009-what-is-remembered-of-archives.md` weighs that.
//!
//! A line for the program, then a line for each archive, sorted, each with a check of its own: a damaged line is no line.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use avouch_model::{Digest, Timestamp};
use avouch_repository::{Folder, Stamp};
use serde::{Deserialize, Serialize};

use crate::caches::{Told, licence_id};

/// How many bytes it may have. Beyond, what the last run did not need is forgotten.
pub const MEMORY_BYTES_MAX: usize = 16 << 20;
/// How old a change must be to be remembered: file systems tell times in steps of up to two seconds.
const SECONDS_MIN: i64 = 3;
/// The first word of a line for the program; the number is that of the format.
const HEAD: &str = "avouch-sbom-memory-1";
/// Hexadecimal digits of a SHA-256.
const DIGEST_CHARS: usize = 64;
/// Hexadecimal digits of the check of a line.
const CHECK_CHARS: usize = 16;

/// What is remembered of archives, by the SHA-256 that a lockfile has of each. An empty one remembers nothing and keeps nothing.
#[derive(Debug, Default)]
pub struct Memory {
    /// The lines of archives, sorted.
    lines: String,
    /// The program, by its digest; without one nothing is kept.
    program: Option<Digest>,
    /// How the program's file looks, if that may be remembered.
    stamp: Option<Stamp>,
    now: i64,
    /// Whether the first line is another one than it was.
    begun: bool,
    news: Mutex<News>,
}

/// What this run did.
#[derive(Debug, Default)]
struct News {
    /// Lines by their key.
    found: BTreeMap<String, String>,
    used: BTreeSet<String>,
}

/// How the files looked that something was told by: only its own archive, folder and files look so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looks {
    archive: Stamp,
    /// The unpacked folder, and the files in it that are read; none where there is no folder.
    unpacked: Option<(Stamp, Vec<(String, Stamp)>)>,
}

/// A line of an archive.
#[derive(Serialize, Deserialize)]
struct Fact {
    archive: String,
    unpacked: Option<(String, Vec<(String, String)>)>,
    licence: Option<String>,
    texts: Vec<String>,
    authors: Vec<String>,
    page: Option<String>,
    source: Option<String>,
    sha512: Option<String>,
}

impl Memory {
    /// What earlier runs of this very program kept in these bytes. `looks` is how its file looks, and `digest` finds out what it
    /// is where that is not known; `now` is the time, before anything else is read.
    ///
    /// # Errors
    /// When the program's digest cannot be found out.
    pub fn recall<E>(
        kept: Option<Vec<u8>>,
        looks: Option<Stamp>,
        now: Timestamp,
        digest: impl FnOnce() -> Result<Digest, E>,
    ) -> Result<Self, E> {
        let kept = kept.filter(|kept| kept.len() <= MEMORY_BYTES_MAX).and_then(|kept| String::from_utf8(kept).ok());
        let (first, lines) = kept.as_deref().and_then(|kept| kept.split_once('\n')).unwrap_or_default();
        let known = program(first);
        let seen = known.as_ref().filter(|(_, stamp)| looks.is_some() && *stamp == looks).map(|(digest, _)| *digest);
        let begun = seen.is_none();
        let program = seen.map_or_else(digest, Ok)?;
        let same = known.is_some_and(|(digest, _)| digest == program);
        let stamp = looks.filter(|stamp| is_settled(stamp, now.unix()));
        let lines = if same { lines.to_owned() } else { String::new() };
        Ok(Self { lines, program: Some(program), stamp, now: now.unix(), begun, news: Mutex::default() })
    }

    /// The digest of the program.
    pub fn program(&self) -> Option<Digest> {
        self.program
    }

    /// What to keep for the next run; none where nothing was learned.
    pub fn kept(&self) -> Option<Vec<u8>> {
        let program = self.program?;
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if news.found.is_empty() && !self.begun {
            return None;
        }
        let old = self.lines.lines().filter_map(|line| Some((checked(line)?.0, line)));
        let mut lines: BTreeMap<&str, &str> = old.collect();
        lines.extend(news.found.iter().map(|(key, line)| (key.as_str(), line.as_str())));
        let size = |lines: &BTreeMap<&str, &str>| lines.values().map(|line| line.len() + 1).sum::<usize>();
        let most = MEMORY_BYTES_MAX - (1 << 10);
        if size(&lines) > most {
            lines.retain(|key, _| news.found.contains_key(*key) || news.used.contains(*key));
        }
        // What this run alone learned may be too much; then a part of it is as good as another.
        let mut over = size(&lines).saturating_sub(most);
        while over > 0 {
            over = lines.pop_last().map_or(0, |(_, line)| over.saturating_sub(line.len() + 1));
        }
        let stamp = self.stamp.map_or_else(|| "-".to_owned(), |stamp| stamp.to_string());
        let mut kept = with_check(HEAD, &format!("{} {stamp}", program.hex()));
        for line in lines.values() {
            kept.push('\n');
            kept.push_str(line);
        }
        kept.push('\n');
        Some(kept.into_bytes())
    }

    /// What is remembered of the archive of this SHA-256, if everything that tells it still looks as it did.
    pub(crate) fn told(&self, sha256: &str, archives: &Folder, unpacked: Option<&Folder>, place: &str) -> Option<Told> {
        let (key, body) = checked(self.line(sha256)?)?;
        let fact: Fact = serde_json::from_str(body).ok()?;
        if !fact.looks()?.still_holds(archives, unpacked, place) {
            return None;
        }
        let told = fact.told()?;
        self.news.lock().unwrap_or_else(PoisonError::into_inner).used.insert(key.to_owned());
        Some(told)
    }

    /// Remembers what an archive and its folder tell, if they look as they did before they were read.
    pub(crate) fn remember(
        &self,
        sha256: &str,
        looks: &Looks,
        archives: &Folder,
        unpacked: Option<&Folder>,
        place: &str,
        told: &Told,
    ) {
        if self.program.is_none() || !looks.are_settled(self.now) || !looks.still_holds(archives, unpacked, place) {
            return;
        }
        let Ok(body) = serde_json::to_string(&Fact::of(looks, told)) else { return };
        let line = with_check(sha256, &body);
        self.news.lock().unwrap_or_else(PoisonError::into_inner).found.insert(sha256.to_owned(), line);
    }

    /// Whether anything is remembered at all.
    pub(crate) const fn is_kept(&self) -> bool {
        self.program.is_some()
    }

    /// The line with this key, found by halving; in a text that is not sorted it may not be found, which does no harm.
    fn line(&self, key: &str) -> Option<&str> {
        let bytes = self.lines.as_bytes();
        let (mut from, mut to) = (0, bytes.len());
        while from < to {
            let middle = from + (to - from) / 2;
            let start = bytes.get(from..middle)?.iter().rposition(|byte| *byte == b'\n').map_or(from, |at| from + at + 1);
            let end = bytes.get(middle..to)?.iter().position(|byte| *byte == b'\n').map_or(to, |at| middle + at + 1);
            let line = self.lines.get(start..end)?;
            match line.get(..DIGEST_CHARS)?.cmp(key) {
                Ordering::Equal => return Some(line.trim_end_matches('\n')),
                Ordering::Less => from = end,
                Ordering::Greater => to = start,
            }
        }
        None
    }
}

impl Looks {
    /// How an archive, the folder beside it and the files in it that are read look now; none where that cannot be told.
    pub(crate) fn of(archives: &Folder, unpacked: Option<&Folder>, place: &str, reads: impl Fn(&str) -> bool) -> Option<Self> {
        let archive = archives.stamp(&archive_name(place))?;
        let found = unpacked.and_then(|unpacked| Some((unpacked, unpacked.folder_stamp(place)?)));
        let Some((unpacked, folder)) = found else { return Some(Self { archive, unpacked: None }) };
        let names = unpacked.names(place).ok()?.into_iter().filter(|name| !name.folder && reads(&name.name));
        let files = names.map(|name| Some((unpacked.stamp(&format!("{place}/{}", name.name))?, name.name)));
        let files: Vec<(String, Stamp)> = files.map(|file| file.map(|(stamp, name)| (name, stamp))).collect::<Option<_>>()?;
        Some(Self { archive, unpacked: Some((folder, files)) })
    }

    fn still_holds(&self, archives: &Folder, unpacked: Option<&Folder>, place: &str) -> bool {
        let folder = unpacked.and_then(|unpacked| unpacked.folder_stamp(place));
        let same_folder = match (&self.unpacked, unpacked) {
            (None, _) => folder.is_none(),
            (Some((stamp, files)), Some(unpacked)) => {
                let is_same = |(name, stamp): &(String, Stamp)| unpacked.stamp(&format!("{place}/{name}")) == Some(*stamp);
                folder == Some(*stamp) && files.iter().all(is_same)
            }
            (Some(_), None) => false,
        };
        same_folder && archives.stamp(&archive_name(place)) == Some(self.archive)
    }

    fn are_settled(&self, now: i64) -> bool {
        let folder = self.unpacked.iter().flat_map(|(folder, files)| files.iter().map(|(_, stamp)| stamp).chain([folder]));
        folder.chain([&self.archive]).all(|stamp| is_settled(stamp, now))
    }
}

impl Fact {
    fn of(looks: &Looks, told: &Told) -> Self {
        let named = |(name, stamp): &(String, Stamp)| (name.clone(), stamp.to_string());
        Self {
            archive: looks.archive.to_string(),
            unpacked: looks.unpacked.as_ref().map(|(folder, files)| (folder.to_string(), files.iter().map(named).collect())),
            licence: told.licence.clone(),
            texts: told.texts.iter().map(|id| (*id).to_owned()).collect(),
            authors: told.authors.clone(),
            page: told.page.clone(),
            source: told.source.clone(),
            sha512: told.sha512.clone(),
        }
    }

    fn looks(&self) -> Option<Looks> {
        let named = |(name, stamp): &(String, String)| Some((name.clone(), Stamp::read(stamp)?));
        let unpacked = match &self.unpacked {
            None => None,
            Some((folder, files)) => Some((Stamp::read(folder)?, files.iter().map(named).collect::<Option<Vec<_>>>()?)),
        };
        Some(Looks { archive: Stamp::read(&self.archive)?, unpacked })
    }

    fn told(self) -> Option<Told> {
        Some(Told {
            licence: self.licence,
            texts: self.texts.iter().map(|id| licence_id(id)).collect::<Option<_>>()?,
            authors: self.authors,
            page: self.page,
            source: self.source,
            sha512: self.sha512,
        })
    }
}

/// Whether a file has looked so for long enough that a later write makes it look otherwise.
fn is_settled(stamp: &Stamp, now: i64) -> bool {
    stamp.changed() < now.saturating_sub(SECONDS_MIN)
}

fn archive_name(place: &str) -> String {
    format!("{place}.crate")
}

/// The first line: the program's digest and how its file looked.
fn program(line: &str) -> Option<(Digest, Option<Stamp>)> {
    let (head, body) = checked(line)?;
    let (digest, stamp) = body.split_once(' ')?;
    let digest = Digest::from_str(&format!("sha256:{digest}")).ok()?;
    (head == HEAD).then(|| (digest, Stamp::read(stamp)))
}

/// A line: its key, a check of all of it, and what it holds.
fn with_check(key: &str, body: &str) -> String {
    format!("{key} {} {body}", check(key, body))
}

/// The key of a line and what it holds, if it is whole.
fn checked(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.split_once(' ')?;
    let (stated, body) = rest.split_once(' ')?;
    (stated == check(key, body)).then_some((key, body))
}

fn check(key: &str, body: &str) -> String {
    let mut check = Digest::of_parts(&[key.as_bytes(), b" ", body.as_bytes()]).hex();
    check.truncate(CHECK_CHARS);
    check
}

//! Searching a content: keywords first, patterns only where they can match, then everything that makes a match no hit.

mod judge;
mod windows;

use std::{
    borrow::Cow,
    io::{self, Read},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memchr_iter;
use regex_automata::util::captures::Captures;

use crate::{
    Content, Key, KeyedDigest, Profile, Rules,
    content::{Utf8, content, order},
    key_file::{self, FORMS},
    pattern::{Reach, each_match, each_match_at},
};

use judge::{Verdict, judge, path_excuses};
use windows::Windows;

/// How much of a content is searched at a time, in bytes. What is larger is searched piece by piece.
pub(crate) const PIECE: usize = 4 << 20;
/// Enough of a content to tell what it is.
const KIND: usize = 16 << 10;
/// How far pieces reach into each other: a match that is longer, across the end of a piece, can be missed.
const OVERLAP: usize = 64 << 10;

/// Looks for secrets by some rules, under a key. Shared between threads.
#[derive(Debug)]
pub struct Scanner<'r> {
    rules: &'r Rules,
    key: Key,
    keywords: Option<AhoCorasick>,
    /// The rules of each keyword.
    rules_of: Vec<Vec<u32>>,
    /// Rules that are tried whatever a content holds.
    always: Vec<u32>,
    /// Search everything with every pattern: slow, and what the quick search is held against.
    whole: bool,
}

/// Where a content lies.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its path, with forward slashes.
    pub path: &'a str,
    /// The profile of the path, by the same rules.
    pub profile: &'a Profile,
    /// The commit that brought it, for allow-lists that name commits.
    pub commit: Option<&'a str>,
}

/// A secret: where it is, and nothing of what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The rule, as an index into [`Rules::all`]; none for a key file told by its structure.
    pub rule: Option<usize>,
    /// The id of the rule.
    pub id: String,
    /// The line that the value begins on, from 1.
    pub line: u64,
    /// The column that it begins at, in bytes from 1.
    pub column: u64,
    /// The line that it ends on.
    pub line_end: u64,
    /// The digest of the value.
    pub digest: KeyedDigest,
    /// Whether a line of it holds a marker by which a scanner is asked to be silent (`gitleaks:allow`).
    pub marked: bool,
    /// Whether it is only worth knowing.
    pub notice: bool,
}

/// What a content holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// The hits, in order of their places.
    pub hits: Vec<Hit>,
    /// Matches that are none because an allow-list names the commit.
    pub allowed_by_commit: u64,
    /// The bytes that were read.
    pub bytes: u64,
    /// Whether it was no text: then it was only looked at for the forms of key files.
    pub binary: bool,
}

/// Why a content could not be searched.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It cannot be read.
    #[error("cannot read it to its end")]
    Read(#[source] io::Error),
    /// A pattern cannot be used.
    #[error("the pattern of the rule `{rule}` cannot be used: {what}")]
    Pattern {
        /// The rule.
        rule: String,
        /// Why not.
        what: String,
    },
}

/// A match with what is needed to weigh it against others. Never leaves this room.
struct Found {
    rule: usize,
    /// The value, in bytes of the content.
    start: usize,
    end: usize,
    hit: Hit,
}

impl<'r> Scanner<'r> {
    /// A scanner of these rules, with digests under this key.
    pub fn new(rules: &'r Rules, key: Key) -> Self {
        let mut words: Vec<&str> = rules.rules.iter().flat_map(|rule| &rule.keywords).map(String::as_str).collect();
        words.sort_unstable();
        words.dedup();
        let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let (mut rules_of, mut always) = (vec![Vec::new(); words.len()], Vec::new());
        for (index, rule) in rules.rules.iter().enumerate().filter(|(_, rule)| rule.pattern.is_some()) {
            if rule.keywords.is_empty() {
                always.push(number(index));
            }
            for keyword in &rule.keywords {
                if let Some(of) = words.binary_search(&keyword.as_str()).ok().and_then(|word| rules_of.get_mut(word)) {
                    of.push(number(index));
                }
            }
        }
        let build = |kind| AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(&words);
        // The table is quicker than the links, and has its limits.
        let keywords = build(Some(AhoCorasickKind::DFA)).or_else(|_| build(None)).ok();
        Self { rules, key, keywords: keywords.filter(|_| !words.is_empty()), rules_of, always, whole: false }
    }

    /// The same, searching every content whole with every pattern that its keywords allow: what a scanner without our
    /// shortcuts would find. For tests and for measuring.
    #[must_use]
    pub fn without_shortcuts(mut self) -> Self {
        self.whole = true;
        self
    }

    /// The rules.
    pub const fn rules(&self) -> &'r Rules {
        self.rules
    }

    /// Searches a content that is read to its end. `buffer` is used again from one content to the next.
    ///
    /// A content of more than 4 MiB is searched in pieces that reach 64 KiB into each other.
    ///
    /// # Errors
    /// [`ScanError`]. What was found until then is lost: the content counts as not searched.
    pub fn scan(&self, from: &mut dyn Read, place: Place<'_>, buffer: &mut Vec<u8>) -> Result<Scanned, ScanError> {
        self.scan_text(from, place, buffer, false)
    }

    /// The same; `decoded` where it is known to be text, UTF-16 once.
    fn scan_text(
        &self,
        from: &mut dyn Read,
        place: Place<'_>,
        buffer: &mut Vec<u8>,
        decoded: bool,
    ) -> Result<Scanned, ScanError> {
        let mut all = Scanned::default();
        let (mut lines_before, mut offset) = (0, 0);
        let mut reached: Vec<(usize, usize)> = Vec::new();
        buffer.clear();
        loop {
            let more = read_piece(&mut *from, buffer).map_err(ScanError::Read)?;
            if offset == 0 && !decoded {
                match content(buffer.get(..KIND).unwrap_or(buffer)) {
                    Content::Text(Cow::Owned(_)) => {
                        if let Some(order) = order(buffer) {
                            let raw = io::Cursor::new(std::mem::take(buffer));
                            return self.scan_text(&mut Utf8::of(raw.chain(from), order), place, buffer, true);
                        }
                    }
                    Content::Binary => all.binary = true,
                    Content::Text(_) => {}
                }
            }
            if offset == 0 {
                self.path_hit(place, &mut all);
            }
            if all.binary {
                self.key_file_hit(buffer, place, offset, &mut all);
                all.bytes = (offset + buffer.len()) as u64 + io::copy(&mut *from, &mut io::sink()).map_err(ScanError::Read)?;
                return Ok(all);
            }
            // A value that begins in the part that the next piece begins with is left to that piece.
            let keep = if more { buffer.len().saturating_sub(OVERLAP) } else { buffer.len() + 1 };
            let found = self.search(buffer, place, &mut all.allowed_by_commit)?;
            let mut across = Vec::new();
            for found in found.into_iter().filter(|found| found.start < keep) {
                // The rest of a value that the piece before ended in is no value of its own.
                if reached.iter().any(|(rule, end)| *rule == found.rule && offset + found.start < *end) {
                    continue;
                }
                if found.end > keep {
                    across.push((found.rule, offset + found.end));
                }
                let mut hit = found.hit;
                hit.line += lines_before;
                hit.line_end += lines_before;
                all.hits.push(hit);
            }
            all.bytes = (offset + buffer.len()) as u64;
            if !more {
                return Ok(all);
            }
            lines_before += memchr_iter(b'\n', buffer.get(..keep).unwrap_or_default()).count() as u64;
            buffer.drain(..keep);
            offset += keep;
            reached = across;
        }
    }

    /// Searches bytes that are there already.
    ///
    /// # Errors
    /// [`ScanError`].
    pub fn scan_bytes(&self, bytes: &[u8], place: Place<'_>) -> Result<Scanned, ScanError> {
        self.scan(&mut &*bytes, place, &mut Vec::new())
    }

    /// Everything that the rules find in one piece of text, in order.
    fn search(&self, text: &[u8], place: Place<'_>, allowed_by_commit: &mut u64) -> Result<Vec<Found>, ScanError> {
        let windows = self.windows(text, place.profile);
        let mut found: Vec<Found> = Vec::new();
        for (index, windows) in windows {
            let Some(rule) = self.rules.rules.get(index) else { continue };
            let Some(pattern) = &rule.pattern else { continue };
            let wrong = |what| ScanError::Pattern { rule: rule.id.clone(), what };
            let regex = pattern.regex().map_err(wrong)?;
            let mut captures = regex.create_captures();
            let mut weigh = |captures: &Captures| {
                let Some((whole, value)) = value_of(captures, rule.secret_group) else { return Ok(()) };
                match judge(self.rules, rule, text, whole, value, place).map_err(wrong)? {
                    Verdict::NoHit => {}
                    Verdict::AllowedByCommit => *allowed_by_commit += 1,
                    Verdict::Hit { marked } => {
                        let digest = self.key.digest(text.get(value.0..value.1).unwrap_or_default());
                        let hit = Hit {
                            rule: Some(index),
                            id: rule.id.clone(),
                            line: 0,
                            column: 0,
                            line_end: 0,
                            digest,
                            marked,
                            notice: rule.is_notice(),
                        };
                        found.push(Found { rule: index, start: value.0, end: value.1, hit });
                    }
                }
                Ok(())
            };
            match rule.reach {
                Reach { begins: true, bytes: Some(bytes_max), .. } if !self.whole => {
                    let places = windows.into_iter().map(|(place, _)| place);
                    each_match_at(regex, text, places, bytes_max, &mut captures, &mut weigh)?;
                }
                _ => {
                    for window in windows {
                        each_match(regex, text, window, &mut captures, &mut weigh)?;
                    }
                }
            }
        }
        found.sort_by_key(|found| (found.start, found.rule));
        self.drop_generic(&mut found);
        number_lines(text, &mut found);
        Ok(found)
    }

    /// The rules that can match, each with the parts of the text that its matches lie in.
    fn windows(&self, text: &[u8], profile: &Profile) -> Vec<(usize, Vec<(usize, usize)>)> {
        let applies = |index: usize| {
            let rule = self.rules.rules.get(index);
            // The plain search judges each match by its path.
            rule.is_some_and(|rule| {
                rule.path.is_none_or(|path| profile.has(path)) && (self.whole || !path_excuses(self.rules, rule, profile))
            })
        };
        // Whether a rule is for this path is asked once, of those that a keyword calls for.
        let mut asked: Vec<Option<bool>> = vec![None; self.rules.rules.len()];
        let mut windows = Windows::new(self.rules.rules.len(), text);
        if let Some(keywords) = &self.keywords {
            for word in keywords.find_overlapping_iter(text) {
                let rules = self.rules_of.get(word.pattern().as_usize()).map(Vec::as_slice).unwrap_or_default();
                for index in rules.iter().map(|index| *index as usize) {
                    let Some(answer) = asked.get_mut(index) else { continue };
                    if !*answer.get_or_insert_with(|| applies(index)) {
                        continue;
                    }
                    let reach = self.rules.rules.get(index).map_or(Reach::WHOLE, |rule| rule.reach);
                    windows.add(index, word.start(), word.end(), if self.whole { Reach::WHOLE } else { reach });
                }
            }
        }
        for index in self.always.iter().map(|index| *index as usize).filter(|index| applies(*index)) {
            windows.add(index, 0, 0, Reach::WHOLE);
        }
        windows.into_iter().collect()
    }

    /// A value that a rule knows the form of is not told again by the name of what holds it; nor twice by that.
    fn drop_generic(&self, found: &mut Vec<Found>) {
        let generic = |found: &Found| self.rules.rules.get(found.rule).is_some_and(crate::Rule::is_generic);
        let ranges: Vec<(usize, usize, usize, bool)> =
            found.iter().map(|found| (found.start, found.end, found.rule, generic(found))).collect();
        found.retain(|one| {
            let weak = generic(one);
            !ranges.iter().any(|(start, end, rule, generic)| {
                let overlaps = *start < one.end && one.start < *end;
                weak && overlaps && *rule != one.rule && (!generic || *rule < one.rule)
            })
        });
    }

    /// Rules that are about a path alone.
    fn path_hit(&self, place: Place<'_>, all: &mut Scanned) {
        for (index, rule) in self.rules.rules.iter().enumerate().filter(|(_, rule)| rule.pattern.is_none()) {
            if rule.path.is_some_and(|path| place.profile.has(path))
                && !judge::path_allowed(self.rules, &rule.id, &rule.allowed, place)
            {
                all.hits.push(self.whole_file(Some(index), &rule.id, place, rule.is_notice()));
            }
        }
    }

    fn key_file_hit(&self, beginning: &[u8], place: Place<'_>, offset: usize, all: &mut Scanned) {
        if offset > 0 || !self.rules.key_files {
            return;
        }
        if let Some(form) = key_file::form(beginning)
            && !judge::path_allowed(self.rules, form.id, &[], place)
        {
            let mut hit = self.whole_file(None, form.id, place, false);
            hit.digest = self.key.digest(beginning);
            all.hits.push(hit);
        }
    }

    fn whole_file(&self, rule: Option<usize>, id: &str, place: Place<'_>, notice: bool) -> Hit {
        let digest = self.key.digest(place.path.as_bytes());
        Hit { rule, id: id.to_owned(), line: 1, column: 1, line_end: 1, digest, marked: false, notice }
    }

    /// What a rule finds, for people: by its id.
    pub fn description(&self, id: &str) -> &'r str {
        let written = self.rules.rules.iter().find(|rule| rule.id == id).map(|rule| rule.description.as_str());
        written.or_else(|| FORMS.iter().find(|form| form.id == id).map(|form| form.description)).unwrap_or_default()
    }
}

/// Reads until there is a piece and a byte more, or nothing more.
fn read_piece(from: &mut dyn Read, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let wanted = (PIECE + OVERLAP + 1).saturating_sub(buffer.len());
    Read::take(&mut *from, wanted as u64).read_to_end(buffer)?;
    Ok(buffer.len() > PIECE + OVERLAP)
}

/// The whole match and the value in it, both not empty: the group that the rule names, otherwise the first group that took part,
/// otherwise the whole.
fn value_of(captures: &Captures, group: Option<usize>) -> Option<((usize, usize), (usize, usize))> {
    let whole = captures.get_match()?;
    let value = match group.filter(|group| *group > 0) {
        Some(group) => captures.get_group(group)?,
        None => (1..captures.group_len())
            .find_map(|group| captures.get_group(group).filter(|span| !span.is_empty()))
            .unwrap_or_else(|| whole.span()),
    };
    (!value.is_empty()).then_some(((whole.start(), whole.end()), (value.start, value.end)))
}

/// Fills in lines and columns; the hits are in order.
fn number_lines(text: &[u8], found: &mut [Found]) {
    let (mut counted, mut line, mut line_start) = (0, 1, 0);
    for found in found {
        for newline in memchr_iter(b'\n', text.get(counted..found.start).unwrap_or_default()) {
            line += 1;
            line_start = counted + newline + 1;
        }
        counted = counted.max(found.start);
        found.hit.line = line;
        found.hit.column = (found.start - line_start) as u64 + 1;
        let within = text.get(found.start..found.end.saturating_sub(1)).unwrap_or_default();
        found.hit.line_end = line + memchr_iter(b'\n', within).count() as u64;
    }
}

#[cfg(test)]
mod tests;

//! What makes a match no hit: too little entropy, an allow-list, a placeholder.

use super::Place;
use crate::{
    Profile, Rule, Rules,
    placeholder::{is_filled_form, is_placeholder},
    rules::{AllowList, Target},
};

/// What asks a scanner to be silent about a line. Whether it is honoured is for whoever asked for the scan.
const MARKERS: [&[u8]; 2] = [b"gitleaks:allow", b"betterleaks:allow"];

/// What a match is.
pub(super) enum Verdict {
    /// Nothing.
    NoHit,
    /// Nothing, in this commit.
    AllowedByCommit,
    /// A secret.
    Hit {
        /// Whether a marker stands on its lines.
        marked: bool,
    },
}

/// Judges a match of a rule: `whole` in the text, with the value `value`.
pub(super) fn judge(
    rules: &Rules,
    rule: &Rule,
    text: &[u8],
    whole: (usize, usize),
    value: (usize, usize),
    place: Place<'_>,
) -> Result<Verdict, String> {
    let part = |(start, end): (usize, usize)| text.get(start..end).unwrap_or_default();
    let secret = part(value);
    if rule.entropy.is_some_and(|least| entropy(secret) <= least) {
        return Ok(Verdict::NoHit);
    }
    let lines = (line_start(text, whole.0), line_end(text, whole.1));
    let seen = Seen { secret, whole: part(whole), lines: part(lines), place };
    let global = rules.allowed.iter().filter(|list| list.rules.is_empty() || list.rules.contains(&rule.id));
    let mut by_commit = false;
    for list in rule.allowed.iter().chain(global) {
        if seen.is_allowed(list)? {
            if list.commits.is_empty() {
                return Ok(Verdict::NoHit);
            }
            by_commit = true;
        }
    }
    if rule.own && if rule.is_by_name() { is_placeholder(secret) } else { is_filled_form(secret) } {
        return Ok(Verdict::NoHit);
    }
    if by_commit {
        return Ok(Verdict::AllowedByCommit);
    }
    let marked = MARKERS.iter().any(|marker| memchr::memmem::find(seen.lines, marker).is_some());
    Ok(Verdict::Hit { marked })
}

/// Whether an allow-list names the path or commit of a file that a rule finds as a whole.
pub(super) fn path_allowed(rules: &Rules, id: &str, own: &[AllowList], place: Place<'_>) -> bool {
    let global = rules.allowed.iter().filter(|list| list.rules.is_empty() || list.rules.iter().any(|rule| rule == id));
    own.iter().chain(global).any(|list| {
        let path = list.paths.iter().any(|path| place.profile.has(*path));
        let commit = is_of(list, place);
        let only_these = list.patterns.is_empty() && list.stopwords.is_empty();
        if list.all {
            only_these && (list.paths.is_empty() || path) && (list.commits.is_empty() || commit) && (path || commit)
        } else {
            path || commit
        }
    })
}

/// Whether a path alone excuses whatever a rule finds in a file of this profile, so that it need not be looked for.
pub(super) fn path_excuses(rules: &Rules, rule: &Rule, profile: &Profile) -> bool {
    let global = rules.allowed.iter().filter(|list| list.rules.is_empty() || list.rules.contains(&rule.id));
    rule.allowed.iter().chain(global).any(|list| {
        // What a commit allows is counted, so it has to be found.
        let alone = list.patterns.is_empty() && list.stopwords.is_empty();
        list.commits.is_empty() && (alone || !list.all) && list.paths.iter().any(|path| profile.has(*path))
    })
}

struct Seen<'a> {
    secret: &'a [u8],
    whole: &'a [u8],
    lines: &'a [u8],
    place: Place<'a>,
}

impl Seen<'_> {
    /// Whether the list allows it: by one of the things that it names, or only by all of them together.
    fn is_allowed(&self, list: &AllowList) -> Result<bool, String> {
        let mut held = Vec::with_capacity(4);
        if !list.paths.is_empty() {
            held.push(list.paths.iter().any(|path| self.place.profile.has(*path)));
        }
        if !list.commits.is_empty() {
            held.push(is_of(list, self.place));
        }
        if !list.stopwords.is_empty() {
            let secret = self.secret.to_ascii_lowercase();
            held.push(list.stopwords.iter().any(|word| memchr::memmem::find(&secret, word.as_bytes()).is_some()));
        }
        if !list.patterns.is_empty() {
            let against = match list.target {
                Target::Secret => self.secret,
                Target::Match => self.whole,
                Target::Line => self.lines,
            };
            let mut any = false;
            for pattern in &list.patterns {
                any = any || pattern.is_match(against)?;
            }
            held.push(any);
        }
        Ok(!held.is_empty() && if list.all { held.iter().all(|held| *held) } else { held.contains(&true) })
    }
}

fn is_of(list: &AllowList, place: Place<'_>) -> bool {
    place.commit.is_some_and(|commit| list.commits.iter().any(|allowed| allowed == commit))
}

fn line_start(text: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', text.get(..at).unwrap_or_default()).map_or(0, |newline| newline + 1)
}

fn line_end(text: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', text.get(at..).unwrap_or_default()).map_or(text.len(), |newline| at + newline)
}

/// Shannon's entropy of the bytes, in bits a byte.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let length = bytes.len() as f64;
    let term = |count: u32| {
        let share = f64::from(count) / length;
        -share * share.log2()
    };
    counts.into_iter().filter(|count| *count > 0).map(term).sum()
}

#[cfg(test)]
mod tests {
    use super::entropy;

    #[test]
    fn entropy_is_shannons() {
        assert!(entropy(b"aaaa").abs() < 1e-9);
        assert!((entropy(b"abab") - 1.0).abs() < 1e-9);
        assert!((entropy(b"abcdefgh") - 3.0).abs() < 1e-9);
        assert!(entropy(b"").abs() < 1e-9);
    }
}

//! The pattern of a rule: Go's RE2 syntax, as gitleaks reads it, on bytes; and what can be told of it before it is tried.

use std::sync::OnceLock;

use regex_automata::{
    Anchored, Input, MatchKind,
    meta::{BuildError, Config, Regex},
    nfa::thompson::WhichCaptures,
    util::captures::Captures,
};
use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind},
};

/// Longer matches are looked for in the whole content: windows of this size would hardly be smaller.
const REACH_MAX: usize = 8_192;
/// Matches that begin with a keyword are tried at each place of one only where they are at most this long: however often the keyword
/// stands in a text, the work stays within this many times its length.
const BEGINS_MAX: usize = 512;
/// How many texts a part of a pattern may stand for, to be counted out.
const TEXTS_MAX: usize = 512;
/// A compiled pattern is at most this large, in bytes; hostile repetitions end here.
const PROGRAM_BYTES_MAX: usize = 10 << 20;
/// What the matcher of one pattern may keep to be quicker, in bytes: there are many, and memory is bounded.
const CACHE_BYTES_MAX: usize = 256 << 10;

/// A pattern, compiled when it is first needed.
#[derive(Debug)]
pub(crate) struct Pattern {
    hir: Hir,
    compiled: OnceLock<Result<Regex, String>>,
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let translated = translated(text);
        // In Go `\w`, `\d` and `\b` are about ASCII; only what names a Unicode class is read otherwise.
        let parse = |unicode| {
            let parsed = ParserBuilder::new().unicode(unicode).utf8(false).nest_limit(100).build().parse(&translated);
            parsed.map_err(|error| last_line(&error.to_string()))
        };
        let hir = parse(false).or_else(|what| parse(true).map_err(|_| what))?;
        Ok(Self { hir, compiled: OnceLock::new() })
    }

    /// How many groups it has.
    pub(crate) fn groups(&self) -> usize {
        self.hir.properties().explicit_captures_len()
    }

    /// The compiled pattern.
    pub(crate) fn regex(&self) -> Result<&Regex, String> {
        let compiled = self.compiled.get_or_init(|| {
            let built = Regex::builder().configure(config()).build_from_hir(&self.hir);
            built.map_err(|error| too_large(&error))
        });
        compiled.as_ref().map_err(Clone::clone)
    }

    /// Whether it matches anywhere.
    pub(crate) fn is_match(&self, bytes: &[u8]) -> Result<bool, String> {
        Ok(self.regex()?.is_match(bytes))
    }

    /// How far a match can reach around one of these keywords (lower case), where every match holds one: then no match is missed by
    /// looking no further than this around each keyword.
    pub(crate) fn reach(&self, keywords: &[String]) -> Reach {
        let keywords: Vec<&[u8]> = keywords.iter().map(|keyword| keyword.as_bytes()).collect();
        if keywords.is_empty() || !always_holds(&self.hir, &keywords) {
            return Reach::WHOLE;
        }
        let bytes = self.hir.properties().maximum_len().filter(|reach| *reach <= REACH_MAX);
        let begins = bytes.is_some_and(|bytes| bytes <= BEGINS_MAX) && always_begins(&self.hir, &keywords);
        Reach { bytes, line: !crosses_lines(&self.hir), begins }
    }
}

/// How far the matches of a pattern lie from its keywords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// At most so many bytes.
    pub(crate) bytes: Option<usize>,
    /// On the same line.
    pub(crate) line: bool,
    /// With a keyword at their beginning.
    pub(crate) begins: bool,
}

impl Reach {
    /// Anywhere.
    pub(crate) const WHOLE: Self = Self { bytes: None, line: false, begins: false };
}

/// Whether a match can hold the end of a line.
fn crosses_lines(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&b'\n'),
        HirKind::Class(Class::Bytes(class)) => class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&b'\n')),
        HirKind::Class(Class::Unicode(class)) => class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&'\n')),
        HirKind::Repetition(repetition) => crosses_lines(&repetition.sub),
        HirKind::Capture(capture) => crosses_lines(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(crosses_lines),
    }
}

/// Calls `each` with every match within `from..to`, leftmost first, none overlapping; what stands outside is seen by `\b`, `^`
/// and `$` only. Ends early when `each` fails.
pub(crate) fn each_match<E>(
    regex: &Regex,
    bytes: &[u8],
    (from, to): (usize, usize),
    captures: &mut Captures,
    mut each: impl FnMut(&Captures) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = from;
    while at <= to {
        regex.search_captures(&Input::new(bytes).span(at..to), captures);
        let Some(found) = captures.get_match() else { break };
        each(captures)?;
        // An empty match would be found again for ever.
        at = if found.is_empty() { found.end() + 1 } else { found.end() };
    }
    Ok(())
}

/// Calls `each` with every match that begins at one of these places, in order, none overlapping; each is at most `bytes_max` long.
pub(crate) fn each_match_at<E>(
    regex: &Regex,
    bytes: &[u8],
    places: impl IntoIterator<Item = usize>,
    bytes_max: usize,
    captures: &mut Captures,
    mut each: impl FnMut(&Captures) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = 0;
    for place in places {
        if place < at {
            continue;
        }
        let end = place.saturating_add(bytes_max).min(bytes.len());
        regex.search_captures(&Input::new(bytes).span(place..end).anchored(Anchored::Yes), captures);
        let Some(found) = captures.get_match() else { continue };
        each(captures)?;
        at = found.end();
    }
    Ok(())
}

/// Many patterns that are only asked whether they match.
#[derive(Debug)]
pub(crate) struct Patterns(Option<Regex>);

impl Patterns {
    pub(crate) fn new(patterns: &[Pattern]) -> Result<Self, String> {
        if patterns.is_empty() {
            return Ok(Self(None));
        }
        let hirs: Vec<&Hir> = patterns.iter().map(|pattern| &pattern.hir).collect();
        let config = config().match_kind(MatchKind::All).which_captures(WhichCaptures::None);
        Regex::builder()
            .configure(config)
            .build_many_from_hir(&hirs)
            .map(|regex| Self(Some(regex)))
            .map_err(|error| too_large(&error))
    }

    /// Which of them match.
    pub(crate) fn matching(&self, text: &str) -> Vec<usize> {
        let Some(regex) = &self.0 else { return Vec::new() };
        let mut found = regex_automata::PatternSet::new(regex.pattern_len());
        regex.which_overlapping_matches(&Input::new(text), &mut found);
        found.iter().map(|pattern| pattern.as_usize()).collect()
    }
}

fn config() -> Config {
    Regex::config()
        .utf8_empty(false)
        .nfa_size_limit(Some(PROGRAM_BYTES_MAX))
        .hybrid_cache_capacity(CACHE_BYTES_MAX)
        .onepass(false)
        .backtrack(true)
}

fn too_large(error: &BuildError) -> String {
    match error.size_limit() {
        Some(_) => format!("it is too large: compiled it has more than {} MiB", PROGRAM_BYTES_MAX >> 20),
        None => last_line(&error.to_string()),
    }
}

/// What is wrong, without the drawing above it.
fn last_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Go reads some characters literally that Rust does not: a `{` that begins no repetition; in a class `[`, `&&`, `--` and `~~`.
fn translated(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied();
    let (mut index, mut class_since) = (0, None);
    while let Some(character) = at(index) {
        match (character, class_since) {
            ('\\', _) => {
                out.push('\\');
                index += 1;
                if let Some(escaped) = at(index) {
                    out.push(escaped);
                    // `\x{…}` and `\p{…}` name a character or a class.
                    if matches!(escaped, 'x' | 'p' | 'P') && at(index + 1) == Some('{') {
                        while let Some(inner) = at(index + 1) {
                            out.push(inner);
                            index += 1;
                            if inner == '}' {
                                break;
                            }
                        }
                    }
                }
            }
            ('[', None) => {
                out.push('[');
                let mut first = index + 1;
                if at(first) == Some('^') {
                    out.push('^');
                    first += 1;
                }
                if at(first) == Some(']') {
                    out.push_str("\\]");
                    first += 1;
                }
                index = first - 1;
                class_since = Some(index);
            }
            ('[', Some(_)) if at(index + 1) == Some(':') => {
                // A POSIX class, which ends with `:]`.
                let mut end = index + 2;
                while at(end).is_some_and(|inner| inner.is_ascii_alphabetic() || inner == '^') {
                    end += 1;
                }
                if at(end) == Some(':') && at(end + 1) == Some(']') {
                    out.extend(characters.get(index..=end + 1).unwrap_or_default());
                    index = end + 1;
                } else {
                    out.push_str("\\[");
                }
            }
            ('[', Some(_)) => out.push_str("\\["),
            (']', Some(_)) => {
                out.push(']');
                class_since = None;
            }
            ('&' | '-' | '~', Some(_)) if at(index + 1) == Some(character) => {
                out.push('\\');
                out.push(character);
            }
            ('{', None) if !repeats(characters.get(index + 1..).unwrap_or_default()) => out.push_str("\\{"),
            _ => out.push(character),
        }
        index += 1;
    }
    out
}

/// Whether what follows a `{` makes it a counted repetition: `3}`, `3,}`, `3,5}`.
fn repeats(rest: &[char]) -> bool {
    let digits = |from: usize| rest.iter().skip(from).take_while(|character| character.is_ascii_digit()).count();
    let first = digits(0);
    match rest.get(first) {
        Some('}') => first > 0,
        Some(',') => first > 0 && rest.get(first + 1 + digits(first + 1)) == Some(&'}'),
        _ => false,
    }
}

/// Whether every match holds one of the keywords, letters of either case taken as one.
fn always_holds(hir: &Hir, keywords: &[&[u8]]) -> bool {
    let holds = |text: &[u8]| keywords.iter().any(|keyword| memchr::memmem::find(text, keyword).is_some());
    match hir.kind() {
        HirKind::Capture(capture) => always_holds(&capture.sub, keywords),
        HirKind::Repetition(repetition) => repetition.min >= 1 && always_holds(&repetition.sub, keywords),
        HirKind::Alternation(parts) => parts.iter().all(|part| always_holds(part, keywords)),
        HirKind::Concat(parts) => {
            // The texts that can stand directly before the next part.
            let mut before: Vec<Vec<u8>> = vec![Vec::new()];
            for part in parts {
                if always_holds(part, keywords) {
                    return true;
                }
                before = match texts(part).and_then(|texts| product(&before, &texts)) {
                    Some(longer) => longer,
                    None => vec![Vec::new()],
                };
                if before.iter().all(|text| holds(text)) {
                    return true;
                }
            }
            false
        }
        _ => texts(hir).is_some_and(|texts| texts.iter().all(|text| holds(text))),
    }
}

/// Whether every match begins with one of the keywords, letters of either case taken as one.
fn always_begins(hir: &Hir, keywords: &[&[u8]]) -> bool {
    let begin = |found: &[Vec<u8>]| found.iter().all(|text| keywords.iter().any(|keyword| text.starts_with(keyword)));
    match hir.kind() {
        HirKind::Capture(capture) => always_begins(&capture.sub, keywords),
        HirKind::Repetition(repetition) => repetition.min >= 1 && always_begins(&repetition.sub, keywords),
        HirKind::Alternation(parts) => parts.iter().all(|part| always_begins(part, keywords)),
        HirKind::Concat(parts) => {
            let mut before: Vec<Vec<u8>> = vec![Vec::new()];
            for part in parts {
                // What stands before this part is nothing yet: a border of a word, the beginning of a line.
                if before.iter().all(Vec::is_empty) && always_begins(part, keywords) {
                    return true;
                }
                match texts(part).and_then(|texts| product(&before, &texts)) {
                    Some(longer) => before = longer,
                    None => return false,
                }
                if begin(&before) {
                    return true;
                }
            }
            false
        }
        _ => texts(hir).is_some_and(|texts| begin(&texts)),
    }
}

/// The texts that a part matches, in lower case, where they are few.
fn texts(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let mut found = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => vec![literal.0.to_ascii_lowercase()],
        HirKind::Class(class) => letters(class)?,
        HirKind::Capture(capture) => texts(&capture.sub)?,
        HirKind::Repetition(repetition) => {
            let max = repetition.max.filter(|max| *max <= 64)?;
            let once = texts(&repetition.sub)?;
            let (mut all, mut times) = (Vec::new(), vec![Vec::new()]);
            for count in 0..=max {
                if count >= repetition.min {
                    all.extend(times.iter().cloned());
                }
                if count < max {
                    times = product(&times, &once)?;
                }
            }
            all
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(texts(part)?);
            }
            all
        }
        HirKind::Concat(parts) => {
            let mut all = vec![Vec::new()];
            for part in parts {
                all = product(&all, &texts(part)?)?;
            }
            all
        }
    };
    found.sort();
    found.dedup();
    (found.len() <= TEXTS_MAX).then_some(found)
}

fn letters(class: &Class) -> Option<Vec<Vec<u8>>> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Bytes(class) => class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect(),
        Class::Unicode(class) => class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect(),
    };
    let count: u32 = ranges.iter().map(|(start, end)| end - start + 1).sum();
    let ascii = ranges.iter().all(|(_, end)| *end < 128);
    (ascii && count <= 32).then(|| {
        let all = ranges.into_iter().flat_map(|(start, end)| start..=end);
        all.filter_map(|letter| u8::try_from(letter).ok()).map(|letter| vec![letter.to_ascii_lowercase()]).collect()
    })
}

fn product(before: &[Vec<u8>], after: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if before.len().saturating_mul(after.len()) > TEXTS_MAX {
        return None;
    }
    let mut all: Vec<Vec<u8>> =
        before.iter().flat_map(|first| after.iter().map(move |second| [first.as_slice(), second].concat())).collect();
    all.sort();
    all.dedup();
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().is_match(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_go_reads_literally_is_read_literally() {
        assert!(matches(r"^\${[^}]+}$", "${NAME}"));
        assert!(matches(r"{{[^}]+}}", "{{x}}"));
        assert!(matches(r"import[ \t]+{", "import {"));
        assert!(matches(r"a{2,3}b{1}c{2,}", "aabcc"));
        assert!(matches(r"[[a]+", "[a["));
        assert!(matches(r"^[]x]+$", "]x]"));
        assert!(matches(r"^[[:alnum:]_]+$", "a_1"));
        assert!(matches(r"^[!--]+$", "!-"));
        assert!(matches(r"^[\w.=-]{3}$", "a=-"));
        assert!(matches(r"(?i)key", "KEY") && !matches(r"\bkey\b", "keys"));
        assert!(!matches(r"^\w$", "é"));
        assert!(matches(r"^\p{Lu}$", "É"));
    }

    #[test]
    fn what_is_no_pattern_or_too_large_says_so() {
        assert!(Pattern::new("(").unwrap_err().contains("unclosed group"));
        assert!(Pattern::new(r"(?=x)").is_err());
        let large = Pattern::new(r"(?:[a-z]{1000}){1000}");
        assert!(large.map_or(true, |large| large.regex().is_err()));
    }

    #[test]
    fn a_reach_is_known_where_every_match_holds_a_keyword() {
        let all = |pattern: &str, keyword: &str| Pattern::new(pattern).unwrap().reach(&[keyword.to_owned()]);
        let reach = |pattern: &str, keyword: &str| all(pattern, keyword).bytes;
        assert_eq!(reach(r"ghp_[0-9a-zA-Z]{36}", "ghp_"), Some(40));
        assert_eq!(reach(r"\b(gh[pousr]_[0-9]{2})\b", "ghp_"), None, "gho_ holds no such keyword");
        assert_eq!(reach(r"(?i)[\w.-]{0,5}(?:api[_-]?key)=([a-z]{3})", "key"), Some(5 + 7 + 1 + 3));
        assert_eq!(reach(r"(?i)TOKEN\s*=", "token"), None, "unbounded");
        assert_eq!(reach(r"(?:sk|rk)_live_[a-z]{9}", "k_live"), Some(17));
        assert_eq!(reach(r"(?:a|b)c", "bc"), None);
        assert_eq!(reach(r"(?:token)?x", "token"), None);
        let on_line = Reach { bytes: None, line: true, begins: false };
        assert_eq!(all(r"(?i)TOKEN[ \t]*=[^\n\r]*", "token"), on_line);
        assert_eq!(all(r"(?m)^token=.*$", "token"), on_line);
        assert_eq!(all(r"(?s)token=.*", "token"), Reach::WHOLE);
        assert_eq!(all(r"token[^x]{3}", "token"), Reach { bytes: Some(8), line: false, begins: true });
        assert_eq!(all(r"x.*", "token"), Reach::WHOLE, "no match needs the keyword");
        for begins in [r"\b(token\.[0-9a-f]{64})\b", r"(?i)(?:TOKEN|tokens)x{0,9}", r"(?m)^token"] {
            assert!(all(begins, "token").begins, "{begins}");
        }
        for does_not in [r"x?token", r"(?:a|token)token", r"token|.token", r"token[a-z]{900}"] {
            assert!(!all(does_not, "token").begins, "{does_not}");
        }
    }
}

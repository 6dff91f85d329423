//! The lines of a `requirements.txt`, and the options in them.

use std::{ops::Range, sync::Arc};

use avouch_model::diagnostic::Source;

use crate::structured::Unreadable;

/// The options that stand in a line of their own, as pip knows them; whether a value follows.
const OPTIONS: [(&str, &str, bool); 16] = [
    ("--constraint", "-c", true),
    ("--editable", "-e", true),
    ("--extra-index-url", "", true),
    ("--find-links", "-f", true),
    ("--index-url", "-i", true),
    ("--no-binary", "", true),
    ("--no-index", "", false),
    ("--only-binary", "", true),
    ("--pre", "", false),
    ("--prefer-binary", "", false),
    ("--process-dependency-links", "", false),
    ("--pypi-url", "", true),
    ("--require-hashes", "", false),
    ("--requirement", "-r", true),
    ("--trusted-host", "", true),
    ("--use-feature", "", true),
];

/// A line with those that continue it, without comments.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// An option and its value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Given<'a> {
    Index(&'a str),
    Requirement(&'a str),
    Constraint(&'a str),
    Editable(&'a str),
    /// One that changes nothing of what the file lists.
    Other,
    /// One that pip does not know.
    Unknown(&'a str),
}

impl Line {
    /// The options of a line that begins with one; none of a requirement. Of several files in one line pip reads the first.
    pub(super) fn options(&self) -> Option<Vec<Given<'_>>> {
        if !self.text.starts_with('-') {
            return None;
        }
        let mut given = Vec::new();
        let mut words = words(&self.text).into_iter();
        while let Some(word) = words.next() {
            let Some((name, takes_value, joined)) = option(word) else {
                // What follows a value and is no option is passed over by pip too.
                if word.starts_with('-') {
                    given.push(Given::Unknown(word.split('=').next().unwrap_or(word)));
                }
                continue;
            };
            let value = if takes_value { joined.or_else(|| words.next()).unwrap_or_default() } else { "" };
            given.push(match name {
                "--index-url" | "--pypi-url" => Given::Index(value),
                "--requirement" => Given::Requirement(value),
                "--constraint" => Given::Constraint(value),
                "--editable" => Given::Editable(value),
                _ => Given::Other,
            });
        }
        Some(given)
    }

    /// The requirement without the options after it, and the values of `--hash` among these.
    pub(super) fn requirement(&self) -> (&str, Vec<&str>) {
        let start = self.text.find(" --").unwrap_or(self.text.len());
        let (requirement, options) = self.text.split_at_checked(start).unwrap_or((&self.text, ""));
        let mut hashes = Vec::new();
        let mut words = words(options).into_iter();
        while let Some(word) = words.next() {
            match word.strip_prefix("--hash") {
                Some("") => hashes.extend(words.next()),
                Some(joined) => hashes.extend(joined.strip_prefix('=')),
                None => {}
            }
        }
        (requirement.trim(), hashes)
    }

    /// Why this line of a file is refused.
    pub(super) fn refuse(&self, source: &Arc<Source>, message: impl Into<String>) -> Unreadable {
        Unreadable::at(source, "requirements", self.span.clone(), message)
    }
}

/// The full name of an option, whether it takes a value, and the value that is joined to it: `--requirement=a`, `-ra`. A long
/// name may be cut short where it stays the only one (Python's `optparse`, which pip reads these lines with).
fn option(word: &str) -> Option<(&'static str, bool, Option<&str>)> {
    if let Some(long) = word.strip_prefix("--") {
        let (cut, joined) = long.split_once('=').map_or((long, None), |(cut, joined)| (cut, Some(joined)));
        let fits = |name: &str| !cut.is_empty() && name.strip_prefix("--").is_some_and(|name| name.starts_with(cut));
        let exact = OPTIONS.iter().find(|(name, ..)| name.strip_prefix("--") == Some(cut));
        let mut fitting = OPTIONS.iter().filter(|(name, ..)| fits(name));
        let (name, _, takes_value) = exact.or_else(|| fitting.next().filter(|_| fitting.next().is_none()))?;
        return Some((name, *takes_value, joined.map(bare)));
    }
    let (short, joined) = word.split_at_checked(2)?;
    let (name, _, takes_value) = OPTIONS.iter().find(|(_, known, _)| *known == short)?;
    Some((name, *takes_value, Some(bare(joined)).filter(|joined| !joined.is_empty())))
}

/// The words of a line. What stands in quotes is one.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let mut quote = None;
        let end = rest.find(|character: char| match (quote, character) {
            (None, '"' | '\'') => {
                quote = Some(character);
                false
            }
            (Some(open), close) => {
                if open == close {
                    quote = None;
                }
                false
            }
            (None, _) => character.is_whitespace(),
        });
        let (word, more) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
        words.push(bare(word));
        rest = more.trim_start();
    }
    words
}

/// A word without the quotes around it.
fn bare(word: &str) -> &str {
    let inner = |quote: char| word.strip_prefix(quote).and_then(|word| word.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(word)
}

/// The lines of a file; more than `lines_max` are refused.
pub(super) fn lines(source: &Arc<Source>, lines_max: usize) -> Result<Vec<Line>, Unreadable> {
    let mut lines: Vec<Line> = Vec::new();
    let mut open = false;
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        // A comment begins a line or follows a space.
        let comment = if line.trim_start().starts_with('#') { Some(0) } else { line.find(" #").or_else(|| line.find("\t#")) };
        let text = comment.and_then(|end| line.get(..end)).unwrap_or(line);
        let continues = text.ends_with('\\');
        let text = text.strip_suffix('\\').unwrap_or(text).trim();
        if open && let Some(last) = lines.last_mut() {
            last.text.push(' ');
            last.text.push_str(text);
            last.span.end = at + line.len();
        } else if !text.is_empty() {
            lines.push(Line { text: text.to_owned(), span: at..at + line.len() });
        }
        open = continues && (open || !text.is_empty());
        if lines.len() > lines_max {
            let message = "there are too many lines for a lockfile, counted up to here";
            return Err(Unreadable::at(source, "requirements", at..at, message));
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Option<Vec<Given<'static>>> {
        let line: &'static Line = Box::leak(Box::new(Line { text: text.to_owned(), span: 0..0 }));
        line.options()
    }

    #[test]
    fn options_are_told_as_pip_writes_and_reads_them() {
        use Given::*;
        for (text, expected) in [
            ("-r a.txt", vec![Requirement("a.txt")]),
            ("-ra.txt", vec![Requirement("a.txt")]),
            ("--requirement=a.txt", vec![Requirement("a.txt")]),
            ("--requirement   a.txt", vec![Requirement("a.txt")]),
            ("--requirem a.txt", vec![Requirement("a.txt")]),
            ("-c 'two words.txt'", vec![Constraint("two words.txt")]),
            ("--constraint=\"two words.txt\"", vec![Constraint("two words.txt")]),
            ("--con a.txt", vec![Constraint("a.txt")]),
            ("-i https://x.example/simple --pre -r a.txt", vec![Index("https://x.example/simple"), Other, Requirement("a.txt")]),
            ("-e ./lib", vec![Editable("./lib")]),
            ("--no-binary :all:", vec![Other]),
            // Of `--requirement` and `--require-hashes`.
            ("--require a.txt", vec![Unknown("--require")]),
            ("--nonsense", vec![Unknown("--nonsense")]),
            ("-r", vec![Requirement("")]),
        ] {
            assert_eq!(given(text).unwrap(), expected, "{text}");
        }
        assert_eq!(given("a==1.0 -r b.txt"), None);
    }

    #[test]
    fn hashes_are_told_in_both_forms() {
        let line = Line { text: "a==1 ; python_version < '3' --hash=sha256:0 --hash sha256:1 --other x".into(), span: 0..0 };
        assert_eq!(line.requirement(), ("a==1 ; python_version < '3'", vec!["sha256:0", "sha256:1"]));
    }
}

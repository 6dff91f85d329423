//! Hits that a team lives with: each entry with a reason and an end, found again by the digest of the value.

use std::{fmt::Write as _, sync::Arc};

use avouch_model::{
    Timestamp,
    decision::TERM_DAYS_MAX,
    diagnostic::{Diagnostic, Source},
    time::Day,
};
use serde::Deserialize;
use toml::Spanned;

use crate::{Hit, KeyedDigest};

/// Longer reasons are cut off nowhere, and refused.
const REASON_CHARACTERS_MAX: usize = 500;

/// The entries of a file.
#[derive(Clone, Debug, Default)]
pub struct Exceptions(Vec<Exception>);

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The rule.
    pub rule: String,
    /// The path, exactly.
    pub path: String,
    /// The value, by its digest under the key of the scan.
    pub digest: KeyedDigest,
    /// Why it may stay.
    pub reason: String,
    /// The last day that it counts.
    pub until: Day,
    /// The line of the file that it stands on, from 1.
    pub line: usize,
}

/// What the entries say of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged<'a> {
    /// No entry is about it.
    New,
    /// An entry in force is about it.
    Excepted(&'a Exception),
    /// The entry about it has ended.
    Ended(&'a Exception),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: Spanned<u32>,
    #[serde(default)]
    allow: Vec<WrittenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    rule: Spanned<String>,
    path: String,
    digest: Spanned<String>,
    reason: Spanned<String>,
    until: Spanned<String>,
}

impl Exceptions {
    /// Reads a file, today.
    ///
    /// # Errors
    /// Every mistake in its place; an entry of a longer term than [`TERM_DAYS_MAX`] is one.
    pub fn load(source: &Arc<Source>, today: Day) -> Result<Self, Vec<Diagnostic>> {
        const HELP: &str =
            "an entry has `rule`, `path`, `digest`, `reason` and `until`; `avouch scan --write-baseline` writes them";
        let written: Written = toml::from_str(&source.text).map_err(|error| {
            vec![Diagnostic::error("bad-baseline", source, error.span().unwrap_or(0..0), error.message()).help(HELP)]
        })?;
        let mut problems = Vec::new();
        if *written.version.get_ref() != 1 {
            let message = format!("version {} of a baseline is not known", written.version.get_ref());
            problems.push(Diagnostic::error("bad-baseline", source, written.version.span(), message).help("write `version = 1`"));
        }
        let mut entries = Vec::new();
        for entry in written.allow {
            let mut problem = |span, message: String| {
                problems.push(Diagnostic::error("bad-baseline", source, span, message).help(HELP));
            };
            let reason = entry.reason.get_ref().trim();
            if reason.chars().count() < 4 || reason.chars().count() > REASON_CHARACTERS_MAX {
                problem(entry.reason.span(), format!("a reason is a sentence of at most {REASON_CHARACTERS_MAX} characters"));
            }
            let digest = entry.digest.get_ref().parse::<KeyedDigest>();
            if let Err(what) = &digest {
                problem(entry.digest.span(), what.clone());
            }
            let until = entry.until.get_ref().parse::<Day>();
            if until.is_err() {
                problem(entry.until.span(), format!("`{}` is no day such as 2027-03-31", entry.until.get_ref()));
            }
            if let Some(Err(too_long)) = until.as_ref().ok().map(|until| within_term(*until, today)) {
                let message = format!("a term of {} days is too long: at most {TERM_DAYS_MAX}", too_long.days);
                let help = format!("write {} or an earlier day, and decide again then", too_long.last);
                problems.push(Diagnostic::error("long-term", source, entry.until.span(), message).help(help));
            }
            if let (Ok(digest), Ok(until)) = (digest, until) {
                let (line, _) = source.position(entry.rule.span().start);
                let (rule, path, reason) = (entry.rule.into_inner(), entry.path, reason.to_owned());
                entries.push(Exception { rule, path, digest, reason, until, line });
            }
        }
        if problems.is_empty() { Ok(Self(entries)) } else { Err(problems) }
    }

    /// What they say of a hit at this path, now.
    pub fn judge(&self, hit: &Hit, path: &str, now: Timestamp) -> Judged<'_> {
        let about = |entry: &&Exception| entry.digest == hit.digest && entry.path == path && entry.rule == hit.id;
        let mut entries = self.0.iter().filter(about);
        let Some(first) = entries.next() else { return Judged::New };
        // Where two are about one hit, the one that ends later counts.
        let last = entries.fold(first, |last, entry| if entry.until > last.until { entry } else { last });
        if now <= last.until.end() { Judged::Excepted(last) } else { Judged::Ended(last) }
    }

    /// Every entry.
    pub fn all(&self) -> &[Exception] {
        &self.0
    }
}

/// Whether a secret may be let stand through this day.
///
/// # Errors
/// How long that would be, and the last day that may be written.
pub fn within_term(until: Day, today: Day) -> Result<(), TooLong> {
    let days = until.days_since(today);
    if days > TERM_DAYS_MAX { Err(TooLong { days, last: today.plus_days(TERM_DAYS_MAX).unwrap_or(today) }) } else { Ok(()) }
}

/// A term that is longer than [`TERM_DAYS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// The term, in days.
    pub days: i64,
    /// The last day that may be written today.
    pub last: Day,
}

/// A file of entries for these hits, each with its path.
pub fn write_exceptions<'a>(hits: impl IntoIterator<Item = (&'a Hit, &'a str)>, reason: &str, until: Day) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = String::from(
        "# Secrets that are known. Each entry ends, and says why it stands; a digest shows the value to nobody without the key.\n\
         version = 1\n",
    );
    let mut entries: Vec<(&str, &str, String)> =
        hits.into_iter().map(|(hit, path)| (path, hit.id.as_str(), hit.digest.to_string())).collect();
    entries.sort();
    entries.dedup();
    for (path, rule, digest) in entries {
        let _ = write!(
            text,
            "\n[[allow]]\nrule = {}\npath = {}\ndigest = \"{digest}\"\nreason = {}\nuntil = \"{until}\"\n",
            quoted(rule),
            quoted(path),
            quoted(reason),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    fn hit(value: &str) -> Hit {
        let digest = Key::from_bytes([3; 32]).digest(value.as_bytes());
        Hit { rule: None, id: "github-pat".into(), line: 3, column: 1, line_end: 3, digest, marked: false, notice: false }
    }

    fn load(text: &str) -> Result<Exceptions, Vec<Diagnostic>> {
        Exceptions::load(&Arc::new(Source { path: "known.toml".into(), text: text.into() }), "2026-11-22".parse().unwrap())
    }

    #[test]
    fn an_entry_counts_through_its_last_day_and_for_its_value_only() {
        let text =
            write_exceptions([(&hit("a"), "src/a \"b\".ts")], "Revoked; \"kept\" for a test.", "2027-03-31".parse().unwrap());
        let entries = load(&text).unwrap();
        let judge = |hit: &Hit, path: &str, now: &str| match entries.judge(hit, path, now.parse().unwrap()) {
            Judged::New => "new",
            Judged::Excepted(_) => "excepted",
            Judged::Ended(_) => "ended",
        };
        let (path, day) = ("src/a \"b\".ts", "2027-03-31T23:59:59Z");
        assert_eq!(judge(&hit("a"), path, day), "excepted");
        assert_eq!(judge(&hit("a"), path, "2027-04-01T00:00:00Z"), "ended");
        assert_eq!(judge(&hit("b"), path, day), "new");
        assert_eq!(judge(&hit("a"), "src/b.ts", day), "new");
        assert_eq!(entries.all()[0].reason, "Revoked; \"kept\" for a test.");
    }

    #[test]
    fn an_entry_without_an_end_or_a_reason_is_refused_in_its_place() {
        let digest = hit("a").digest;
        let entry = |reason: &str, until: &str| {
            format!(
                "version = 1\n[[allow]]\nrule = \"r\"\npath = \"p\"\ndigest = \"{digest}\"\nreason = \"{reason}\"\nuntil = \"{until}\"\n"
            )
        };
        assert!(load(&entry("It was revoked.", "2027-01-01")).is_ok());
        assert!(load(&entry("", "2027-01-01")).unwrap_err()[0].line().starts_with("known.toml:6:10:"));
        assert!(load(&entry("It was revoked.", "never")).unwrap_err()[0].line().starts_with("known.toml:7:9:"));
        // The last day that may be written is the 180th from today, and the next is refused with it.
        assert!(load(&entry("It was revoked.", "2027-05-21")).is_ok());
        let long = &load(&entry("It was revoked.", "2027-05-22")).unwrap_err()[0];
        assert_eq!(long.line(), "known.toml:7:9: a term of 181 days is too long: at most 180");
        assert_eq!(long.help.as_deref(), Some("write 2027-05-21 or an earlier day, and decide again then"));
        assert!(load("version = 2").is_err());
        assert!(load("version = 1\n[[allow]]\nrule = \"r\"\n").is_err());
        assert!(load("[{\"RuleID\":\"x\"}]").is_err());
    }
}

//! Test reports: which tests ran, how they ended, and the commit that they ran on.

use avouch_model::diagnostic::Source;

mod jest;
mod junit;
pub mod sarif;
mod scanners;
mod schemathesis;
pub mod secrets;

/// The largest report that is read, in bytes.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most tests in one report.
const CASES_MAX: usize = 500_000;

/// A report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The full commit id that the report names.
    pub commit: Option<String>,
    /// The tests, in the order of the report.
    pub cases: Vec<Case>,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its suite, class or file.
    pub suite: String,
    /// Its full name, suites and name separated by ` > `.
    pub name: String,
    /// How it ended.
    pub ended: Ended,
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As it should.
    Passed,
    /// Otherwise, or with an error.
    Failed,
    /// It was not run.
    Skipped,
}

/// Why a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It is too large.
    #[error("`{path}` is larger than {} MiB; split the report", BYTES_MAX / 1024 / 1024)]
    TooLarge {
        /// The report.
        path: String,
    },
    /// It is in no format that is read.
    #[error("`{path}` is neither JUnit XML, nor the JSON of Vitest or Jest, nor the NDJSON of schemathesis")]
    Unknown {
        /// The report.
        path: String,
    },
    /// Its text is wrong.
    #[error("{path}:{line}:{column}: {what}")]
    Wrong {
        /// The report.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
}

impl ReportError {
    fn at(path: &str, text: &str, offset: usize, what: impl Into<String>) -> Self {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        let (line, column) = source.position(offset);
        Self::Wrong { path: source.path, line, column, what: what.into() }
    }
}

/// Reads a report: JUnit XML, the JSON of Vitest and Jest, or the NDJSON of schemathesis.
///
/// # Errors
/// [`ReportError`], when it is too large, in another format, or wrong.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Report, ReportError> {
    if bytes.len() > BYTES_MAX {
        return Err(ReportError::TooLarge { path: path.to_owned() });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let readable = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        ReportError::at(path, &readable, error.valid_up_to(), "the bytes from here on are not UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.trim_start().bytes().next() {
        Some(b'<') => junit::parse(path, text),
        Some(b'{') if schemathesis::fits(text) => schemathesis::parse(path, text),
        Some(b'{') => jest::parse(path, text),
        _ => Err(ReportError::Unknown { path: path.to_owned() }),
    }
}

/// A commit id as reports name it: full, lower case.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn commit(text: &str) -> Result<String, String> {
    let text = text.trim().to_ascii_lowercase();
    if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text)
    } else {
        Err("the commit that the report names is no full commit id of 40 or 64 hexadecimal digits".to_owned())
    }
}

/// A full name of its parts; empty parts and a part that repeats the one before it are left out.
fn full_name<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for part in parts {
        if !part.is_empty() && names.last() != Some(&part) {
            names.push(part);
        }
    }
    names.join(" > ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_its_first_character() {
        assert!(matches!(parse("a.txt", b"ok 1"), Err(ReportError::Unknown { .. })));
        assert!(matches!(parse("a.xml", b""), Err(ReportError::Unknown { .. })));
        assert!(parse("a.xml", b"\xef\xbb\xbf<testsuites/>").unwrap().cases.is_empty());
        assert!(parse("a.xml", b"<a>\n\xff").unwrap_err().to_string().starts_with("a.xml:2:1:"));
    }

    #[test]
    fn only_a_full_commit_id_is_one() {
        assert_eq!(commit(&"A".repeat(40)), Ok("a".repeat(40)));
        assert!(commit("abc1234").is_err() && commit(&"g".repeat(40)).is_err());
    }
}

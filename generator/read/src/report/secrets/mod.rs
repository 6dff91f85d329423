//! Reports of scanners for secrets: gitleaks (JSON, SARIF), TruffleHog (JSON lines) and detect-secrets (its baseline).
//!
//! These reports hold the secrets themselves, unless whoever made them asked for otherwise. What is read here is the rule, the path, the
//! line and the commit; the members with values are never looked at, so that they cannot end up anywhere.

mod detect_secrets;
mod gitleaks;
mod sarif;
mod trufflehog;

use super::{BYTES_MAX, ReportError, commit};

/// The most secrets in one report.
const SECRETS_MAX: usize = 200_000;

/// A report of a scanner for secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretsReport {
    /// The scanner, by its name in lower case.
    pub tool: String,
    /// The commit that was scanned, where the report names it.
    pub commit: Option<String>,
    /// What it found.
    pub secrets: Vec<Secret>,
    /// What the scanner itself says went wrong: such a report shows nothing by holding nothing.
    pub failures: Vec<String>,
}

/// A secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The rule or detector.
    pub rule: String,
    /// The path, as the scanner gives it.
    pub path: String,
    /// The line, from 1; 0 when the scanner does not tell.
    pub line: u64,
    /// The commit that brought it.
    pub commit: Option<String>,
    /// Whether somebody looked at it and said in the report that it is none.
    pub dismissed: bool,
}

/// Reads a report.
///
/// # Errors
/// [`ReportError`], when it is too large, in another format, or wrong. An empty file is wrong: a scanner that found nothing says so.
pub fn parse(path: &str, bytes: &[u8]) -> Result<SecretsReport, ReportError> {
    if bytes.len() > BYTES_MAX {
        return Err(ReportError::TooLarge { path: path.to_owned() });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let readable = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
        ReportError::at(path, &readable, error.valid_up_to(), "the bytes from here on are not UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end();
    let report = match text.trim_start().bytes().next() {
        None => {
            return Err(ReportError::at(path, text, 0, "the report is empty; a scanner that found nothing writes that it did"));
        }
        Some(b'[') => gitleaks::parse(path, text),
        Some(b'{') if trufflehog::fits(text) => trufflehog::parse(path, text),
        Some(b'{') if detect_secrets::fits(text) => detect_secrets::parse(path, text),
        Some(b'{') if sarif::fits(text) => sarif::parse(path, text),
        _ => {
            let what = "this is no report of gitleaks (JSON or SARIF), TruffleHog (JSON) or detect-secrets";
            return Err(ReportError::at(path, text, 0, what));
        }
    }?;
    if report.secrets.len() > SECRETS_MAX {
        return Err(ReportError::at(path, text, 0, format!("the report holds more than {SECRETS_MAX} secrets")));
    }
    Ok(report)
}

/// A mistake of JSON at its place. What stands there is not shown: it may be a secret.
fn wrong(path: &str, tool: &str, line: usize, column: usize) -> ReportError {
    ReportError::Wrong { path: path.to_owned(), line, column, what: format!("this is no report of {tool}") }
}

/// The commit that a finding names, where it is a full id.
fn brought(text: Option<&str>) -> Option<String> {
    text.and_then(|text| commit(text).ok())
}

#[cfg(test)]
mod tests;

//! Ignores: a dated decision to let a match pass. Each has a reason, an owner and an end; those that count in a record are
//! signed decisions, those of a file are for where there is none.

use std::ops::Range;

use avouch_model::{
    Timestamp,
    decision::{Decision, TERM_DAYS_MAX},
    time::Day,
};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::{AffectedComponent, Match, OfEcosystem, Purl};

/// A match that is let pass through a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// The advisory: its id, or an alias.
    pub advisory: String,
    /// Only for this package: a name, or a package URL with or without a version.
    pub package: Option<String>,
    /// Why.
    pub reason: String,
    /// The role that carries it.
    pub owner: String,
    /// The last day it counts (inclusive, UTC).
    pub expires: Day,
    /// The decision that it is; none for one that nobody approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

/// Who let something pass: what a signed decision adds to an ignore.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// The id of the decision, `I-2026-003`.
    pub decision: String,
    /// The role that approved it.
    pub by: String,
}

/// What is wrong with a file of ignores, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{line}:{column}: {message}")]
pub struct IgnoreError {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, and the way out.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    ignore: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    advisory: Spanned<String>,
    package: Option<Spanned<String>>,
    reason: Spanned<String>,
    owner: Spanned<String>,
    expires: Spanned<toml::value::Datetime>,
}

/// Reads `[[ignore]]` tables that nobody signs: `advisory`, `package` (optional), `reason`, `owner`, `expires`. The keys mean what they mean in a waiver.
///
/// # Errors
/// When the text is no TOML, a key is missing, unknown or empty, or the term is longer than [`TERM_DAYS_MAX`] days from `today`.
pub fn read_ignores(path: &str, text: &str, today: Day) -> Result<Vec<Ignore>, IgnoreError> {
    let fail = |span: Option<Range<usize>>, message: String| {
        let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        IgnoreError { path: path.to_owned(), line: before.matches('\n').count() + 1, column, message }
    };
    let file: File = toml::from_str(text).map_err(|error| fail(error.span(), error.message().trim().to_owned()))?;
    let mut ignores = Vec::with_capacity(file.ignore.len());
    for written in file.ignore {
        for words in
            [Some(&written.advisory), written.package.as_ref(), Some(&written.reason), Some(&written.owner)].into_iter().flatten()
        {
            if words.get_ref().trim().is_empty() {
                return Err(fail(Some(words.span()), "this is empty: write what it is, or who or why".to_owned()));
            }
        }
        let expires: Day = written.expires.get_ref().to_string().parse().map_err(|_| {
            fail(Some(written.expires.span()), format!("`{}` is no day; write 2027-01-31", written.expires.get_ref()))
        })?;
        let term = expires.days_since(today);
        if term > TERM_DAYS_MAX {
            let message = format!("a term of {term} days is too long: at most {TERM_DAYS_MAX}; decide again then");
            return Err(fail(Some(written.expires.span()), message));
        }
        ignores.push(Ignore {
            advisory: written.advisory.into_inner(),
            package: written.package.map(Spanned::into_inner),
            reason: written.reason.into_inner(),
            owner: written.owner.into_inner(),
            expires,
            approved: None,
        });
    }
    Ok(ignores)
}

impl Ignore {
    /// The ignore that a signed decision is; none for others.
    pub fn of(decision: &Decision) -> Option<Self> {
        let Decision::Ignore { id, advisory, package, reason, owner, approver, expires } = decision else { return None };
        Some(Self {
            advisory: advisory.clone(),
            package: package.clone(),
            reason: reason.clone(),
            owner: owner.clone(),
            expires: *expires,
            approved: Some(Approved { decision: id.clone(), by: approver.clone() }),
        })
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now > self.expires.end()
    }

    /// Whether it speaks of this component of this match.
    pub fn covers(&self, matched: &Match, component: &AffectedComponent) -> bool {
        matched.names().any(|name| name == self.advisory)
            && self.package.as_ref().is_none_or(|package| is_package(package, component))
    }
}

fn is_package(package: &str, component: &AffectedComponent) -> bool {
    let Ok(wanted) = package.parse::<Purl>() else { return package == component.name };
    let Ok(there) = component.purl.parse::<Purl>() else { return false };
    let Some(ecosystem) = wanted.ecosystem() else { return false };
    let same = wanted.kind == there.kind && ecosystem.normal(&wanted.full_name()) == ecosystem.normal(&there.full_name());
    same && (wanted.version.is_none() || wanted.version == there.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Ignore>, String> {
        read_ignores("advisories.toml", text, "2026-11-22".parse().unwrap()).map_err(|error| error.to_string())
    }

    const WHOLE: &str = "[[ignore]]\nadvisory = \"CVE-2026-1\"\npackage = \"pkg:npm/a\"\nreason = \"Not reached.\"\nowner = \"security\"\nexpires = 2027-01-31\n";

    #[test]
    fn an_ignore_needs_a_reason_an_owner_and_an_end() {
        assert_eq!(read(WHOLE).unwrap()[0].expires.to_string(), "2027-01-31");
        for key in ["advisory", "reason", "owner", "expires"] {
            let without: String = WHOLE.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
            let error = read(&without).unwrap_err();
            assert!(error.contains(key) && error.starts_with("advisories.toml:1:"), "{error}");
        }
        assert!(read(&WHOLE.replace("Not reached.", " ")).unwrap_err().starts_with("advisories.toml:4:10: "));
        assert!(read(&WHOLE.replace("2027-01-31", "2027-12-31")).unwrap_err().contains("at most 180"));
        assert!(read(&WHOLE.replace("2027-01-31", "12:00:00")).unwrap_err().contains("is no day"));
        assert!(read(&WHOLE.replace("owner", "ower")).is_err());
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn a_package_is_named_or_located() {
        let component = |purl: &str| AffectedComponent {
            reference: purl.to_owned(),
            name: purl.parse::<Purl>().unwrap().full_name(),
            version: None,
            purl: purl.to_owned(),
            scope: crate::Scope::Required,
            certainty: crate::Certainty::Certain,
            fixed: vec![],
            ignored: None,
        };
        let a = component("pkg:npm/a@1.0.0");
        for (package, covered) in [
            ("a", true),
            ("pkg:npm/a", true),
            ("pkg:npm/a@1.0.0", true),
            ("pkg:npm/a@1.0.1", false),
            ("pkg:cargo/a", false),
            ("b", false),
        ] {
            assert_eq!(is_package(package, &a), covered, "{package}");
        }
    }
}

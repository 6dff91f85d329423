//! Ranges of versions as people type them: `>=1.2.0 <1.4.3 || 2.0.0`, `^1.2`, `<2`.

use std::cmp::Ordering;

use crate::{Scheme, Version};

/// Versions that meet one of several alternatives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    scheme: Scheme,
    /// One of them must be met, and of it every comparator.
    alternatives: Vec<Vec<Comparator>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparator {
    operator: Operator,
    version: Version,
    /// How many numbers were written, for `^0.0` and `~1`.
    written: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
    /// `^1.2.3`: up to what may break.
    Caret,
    /// `~1.2.3`: up to the next minor version; `~1`: up to the next major one.
    Tilde,
}

/// The text is no range of versions.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no range of versions: {what}; write for example `>=1.2.0 <1.4.3` or `<2.0.0 || 3.0.0`")]
pub struct NotARequirement {
    /// The text.
    pub text: String,
    /// What is wrong.
    pub what: String,
}

impl Requirement {
    /// Reads a range: comparators separated by spaces or commas must all be met, and `||` separates alternatives. `*` is every
    /// version, a version alone is that one. `^` and `~` are of Semantic Versioning only.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(scheme: Scheme, text: &str) -> Result<Self, NotARequirement> {
        let fail = |what: String| NotARequirement { text: text.to_owned(), what };
        let mut alternatives = Vec::new();
        for alternative in text.split("||") {
            let comparators = comparators(scheme, alternative).map_err(fail)?;
            alternatives.push(comparators);
        }
        Ok(Self { scheme, alternatives })
    }

    /// Whether a version meets it; none when the version cannot be ordered. A pre-release is where the order has it.
    pub fn is_met_by(&self, version: &str) -> Option<bool> {
        let version = Version::parse(self.scheme, version).ok()?;
        let met = |comparators: &Vec<Comparator>| comparators.iter().all(|comparator| comparator.is_met_by(&version));
        Some(self.alternatives.iter().any(met))
    }
}

fn comparators(scheme: Scheme, text: &str) -> Result<Vec<Comparator>, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("an alternative is empty".to_owned());
    }
    if rest == "*" {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    while !rest.is_empty() {
        let after = rest.trim_start_matches(['<', '>', '=', '!', '^', '~']);
        let sign = rest.strip_suffix(after).unwrap_or_default();
        let after = after.trim_start();
        let end = after.find(|character: char| character.is_whitespace() || character == ',').unwrap_or(after.len());
        let (word, left) = after.split_at(end);
        let operator = match (sign, scheme) {
            ("<", _) => Operator::Less,
            ("<=", _) => Operator::LessOrEqual,
            ("" | "=" | "==", _) => Operator::Equal,
            ("!=", _) => Operator::NotEqual,
            (">=", _) => Operator::GreaterOrEqual,
            (">", _) => Operator::Greater,
            ("^", Scheme::Semver) => Operator::Caret,
            ("~", Scheme::Semver) => Operator::Tilde,
            _ => return Err(format!("`{sign}` is no comparison that is known")),
        };
        let version = Version::parse(scheme, word).map_err(|error| error.to_string())?;
        let core = word.split(['-', '+']).next().unwrap_or_default();
        found.push(Comparator { operator, version, written: core.split('.').count() });
        rest = left.trim_start_matches(|character: char| character.is_whitespace() || character == ',');
    }
    Ok(found)
}

impl Comparator {
    fn is_met_by(&self, version: &Version) -> bool {
        let Some(order) = version.against(&self.version) else { return false };
        match self.operator {
            Operator::Less => order == Ordering::Less,
            Operator::LessOrEqual => order != Ordering::Greater,
            Operator::Equal => order == Ordering::Equal,
            Operator::NotEqual => order != Ordering::Equal,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::Greater => order == Ordering::Greater,
            Operator::Caret | Operator::Tilde => {
                let (Some(core), Some(least)) = (version.core(), self.version.core()) else { return false };
                // As many numbers agree as may not change: with `^` those through the first that is not zero. What was not written
                // may be anything.
                let fixed = match self.operator {
                    Operator::Tilde => self.written.min(2),
                    _ => least.iter().position(|number| *number > 0).map_or(self.written, |place| place + 1),
                };
                order != Ordering::Less && core.iter().zip(&least).take(fixed).all(|(one, two)| one == two)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(scheme: Scheme, range: &str, version: &str) -> bool {
        Requirement::parse(scheme, range).unwrap().is_met_by(version).unwrap()
    }

    #[test]
    fn comparators_are_met_together_and_alternatives_apart() {
        for (range, yes, no) in [
            (">=1.2.0 <1.4.3", "1.4.3-rc.1", "1.4.3"),
            (">= 1.2.0, < 1.4.3 || 2.0.0", "2.0.0", "2.0.1"),
            ("^1.2", "1.9.0", "2.0.0"),
            ("^0.2.3", "0.2.9", "0.3.0"),
            ("~1.2.3", "1.2.9", "1.3.0"),
            ("~1.2", "1.2.9", "1.3.0"),
            ("~1", "1.9.0", "2.0.0"),
            ("^0", "0.9.0", "1.0.0"),
            ("^0.0", "0.0.9", "0.1.0"),
            ("^0.0.3", "0.0.3", "0.0.4"),
            ("^0.0.0", "0.0.0", "0.0.1"),
            ("^1.0.0-rc.1", "1.0.0-rc.2", "2.0.0"),
            ("1.2.3", "v1.2.3+b", "1.2.4"),
            ("!=1.0.0", "1.0.1", "1.0.0"),
            ("<=2 >1", "2.0.0", "1.0.0"),
        ] {
            assert!(met(Scheme::Semver, range, yes), "{range} {yes}");
            assert!(!met(Scheme::Semver, range, no), "{range} {no}");
        }
        assert!(met(Scheme::Semver, "*", "0.0.1-a"));
        assert!(met(Scheme::Pep440, ">=1.0,<2", "2.0.dev1") && !met(Scheme::Pep440, "<2", "2.0"));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "||", "1.0 ||", ">", "=>1", "1.x", "1.0 - 2.0", "latest", "<<1"] {
            assert!(Requirement::parse(Scheme::Semver, text).is_err(), "{text}");
        }
        assert!(Requirement::parse(Scheme::Pep440, "^1").is_err());
        assert_eq!(Requirement::parse(Scheme::Semver, "<1").unwrap().is_met_by("latest"), None);
    }
}

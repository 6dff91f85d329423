//! Simple types of XML Schema (part 2, datatypes): those that CycloneDX uses.

use std::{cmp::Ordering, collections::HashSet};

use regex::Regex;

use super::Schema;
use crate::xml_tree::is_space;

/// A type of the specification itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    String,
    NormalizedString,
    Token,
    AnyUri,
    Boolean,
    Decimal,
    Integer,
    NonNegativeInteger,
    PositiveInteger,
    DateTime,
    Date,
}

/// A simple type.
pub(super) enum Simple {
    Builtin(Builtin),
    Restriction { base: usize, facets: Facets },
    Union(Vec<usize>),
}

/// What a restriction demands besides its base.
#[derive(Default)]
pub(super) struct Facets {
    /// One of these, where there is any.
    pub(super) values: HashSet<String>,
    /// All of these; the patterns of one restriction are one, with `|` between them.
    pub(super) pattern: Option<Regex>,
    pub(super) length_min: Option<usize>,
    pub(super) length_max: Option<usize>,
    pub(super) least: Option<String>,
    pub(super) most: Option<String>,
}

impl Builtin {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "normalizedString" => Self::NormalizedString,
            "token" => Self::Token,
            "anyURI" => Self::AnyUri,
            "boolean" => Self::Boolean,
            "decimal" => Self::Decimal,
            "integer" => Self::Integer,
            "nonNegativeInteger" => Self::NonNegativeInteger,
            "positiveInteger" => Self::PositiveInteger,
            "dateTime" => Self::DateTime,
            "date" => Self::Date,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::String | Self::NormalizedString | Self::Token => "text",
            Self::AnyUri => "URI",
            Self::Boolean => "boolean (true, false, 1 or 0)",
            Self::Decimal => "decimal number",
            Self::Integer => "whole number",
            Self::NonNegativeInteger => "whole number of 0 or more",
            Self::PositiveInteger => "whole number of 1 or more",
            Self::DateTime => "date and time (2026-01-31T12:00:00Z)",
            Self::Date => "date (2026-01-31)",
        }
    }

    fn holds(self, value: &str) -> bool {
        let not_less = |least: &str| is_integer(value) && compare(value, least) != Ordering::Less;
        match self {
            Self::String | Self::NormalizedString | Self::Token => true,
            Self::AnyUri => is_uri(value),
            Self::Boolean => matches!(value, "true" | "false" | "1" | "0"),
            Self::Decimal => is_decimal(value),
            Self::Integer => is_integer(value),
            Self::NonNegativeInteger => not_less("0"),
            Self::PositiveInteger => not_less("1"),
            Self::DateTime => is_date_time(value),
            Self::Date => is_date(value),
        }
    }
}

impl Schema {
    /// What is wrong with a value of a simple type.
    pub(super) fn wrong(&self, kind: usize, value: &str) -> Option<String> {
        match self.simple.get(kind)? {
            Simple::Builtin(builtin) => {
                let value = self.normalized(kind, value);
                (!builtin.holds(&value)).then(|| format!("`{value}` is no {}", builtin.name()))
            }
            Simple::Union(members) => {
                let mut wrongs = Vec::new();
                for member in members {
                    wrongs.push(self.wrong(*member, value)?);
                }
                wrongs.dedup();
                Some(wrongs.join(", and "))
            }
            Simple::Restriction { base, facets } => {
                if let Some(wrong) = self.wrong(*base, value) {
                    return Some(wrong);
                }
                let value = self.normalized(kind, value);
                facets.wrong(&value)
            }
        }
    }

    /// A value after the white space handling of its type (section 4.3.6).
    fn normalized(&self, kind: usize, value: &str) -> String {
        match self.simple.get(kind) {
            Some(Simple::Restriction { base, .. }) => self.normalized(*base, value),
            Some(Simple::Builtin(Builtin::String)) | Some(Simple::Union(_)) | None => value.to_owned(),
            Some(Simple::Builtin(Builtin::NormalizedString)) => value.replace(is_space, " "),
            Some(Simple::Builtin(_)) => value.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "),
        }
    }
}

impl Facets {
    fn wrong(&self, value: &str) -> Option<String> {
        if !self.values.is_empty() && !self.values.contains(value) {
            return Some(format!("`{value}` is not one of the {} values that stand here", self.values.len()));
        }
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(value)) {
            return Some(format!("`{value}` does not have the form that is wanted"));
        }
        let length = value.chars().count();
        if self.length_min.is_some_and(|least| length < least) {
            return Some(format!("`{value}` is too short"));
        }
        if self.length_max.is_some_and(|most| length > most) {
            return Some(format!("a value of {length} characters is too long"));
        }
        if self.least.as_deref().is_some_and(|least| compare(value, least) == Ordering::Less) {
            return Some(format!("`{value}` is too small"));
        }
        if self.most.as_deref().is_some_and(|most| compare(value, most) == Ordering::Greater) {
            return Some(format!("`{value}` is too large"));
        }
        None
    }
}

fn unsigned(value: &str) -> &str {
    value.strip_prefix(['+', '-']).unwrap_or(value)
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_integer(value: &str) -> bool {
    let value = unsigned(value);
    !value.is_empty() && digits(value)
}

fn is_decimal(value: &str) -> bool {
    let (whole, fraction) = unsigned(value).split_once('.').unwrap_or((unsigned(value), ""));
    !(whole.is_empty() && fraction.is_empty()) && digits(whole) && digits(fraction)
}

/// Compares two decimal numbers of any length.
fn compare(one: &str, other: &str) -> Ordering {
    let parts = |text: &str| {
        let (whole, fraction) = unsigned(text).split_once('.').unwrap_or((unsigned(text), ""));
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let negative = text.starts_with('-') && !(whole.is_empty() && fraction.is_empty());
        (negative, whole, fraction)
    };
    let ((negative, whole, fraction), (other_negative, other_whole, other_fraction)) = (parts(one), parts(other));
    let size = whole.len().cmp(&other_whole.len()).then(whole.cmp(&other_whole)).then(fraction.cmp(&other_fraction));
    match (negative, other_negative) {
        (false, false) => size,
        (true, true) => size.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// `[-]YYYY-MM-DD`, and what follows.
fn split_date(value: &str) -> Option<&str> {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let (year, rest) = unsigned.split_once('-')?;
    let (month, day, rest) = (rest.get(..2)?, rest.get(2..5)?.strip_prefix('-')?, rest.get(5..)?);
    if year.len() < 4 || !digits(year) || (year.len() > 4 && year.starts_with('0')) || year.bytes().all(|byte| byte == b'0') {
        return None;
    }
    if !digits(month) || !digits(day) {
        return None;
    }
    // The calendar repeats every 400 years, so the last four digits tell a leap year.
    let last: u32 = year.get(year.len() - 4..)?.parse().ok()?;
    let leap = last.is_multiple_of(4) && (!last.is_multiple_of(100) || last.is_multiple_of(400));
    let days = match month.parse::<u32>().ok()? {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    (1..=days).contains(&day.parse().ok()?).then_some(rest)
}

/// Nothing, `Z` or `±hh:mm` up to fourteen hours.
fn is_zone(text: &str) -> bool {
    if text.is_empty() || text == "Z" {
        return true;
    }
    let Some((hours, minutes)) = text.strip_prefix(['+', '-']).and_then(|rest| rest.split_once(':')) else { return false };
    let number = |text: &str| (text.len() == 2 && digits(text)).then(|| text.parse::<u32>().ok()).flatten();
    matches!((number(hours), number(minutes)), (Some(hours), Some(minutes)) if minutes < 60 && hours * 60 + minutes <= 840)
}

fn is_date(value: &str) -> bool {
    split_date(value).is_some_and(is_zone)
}

fn is_date_time(value: &str) -> bool {
    let Some(rest) = split_date(value).and_then(|rest| rest.strip_prefix('T')) else { return false };
    let (Some(time), Some(rest)) = (rest.get(..8), rest.get(8..)) else { return false };
    let parts: Vec<&str> = time.split(':').collect();
    let [hours, minutes, seconds] = *parts.as_slice() else { return false };
    let number = |text: &str| (text.len() == 2 && digits(text)).then(|| text.parse::<u32>().ok()).flatten();
    let (Some(hours), Some(minutes), Some(seconds)) = (number(hours), number(minutes), number(seconds)) else { return false };
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => {
            let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
            if end == 0 {
                return false;
            }
            rest.split_at(end)
        }
    };
    let midnight = hours == 24 && minutes == 0 && seconds == 0 && fraction.bytes().all(|byte| byte == b'0');
    ((hours < 24 && minutes < 60 && seconds < 60) || midnight) && is_zone(zone)
}

/// A reference by RFC 3986, or one that becomes such by escaping the characters that it does not allow (RFC 3987 and XLink
/// section 5.4, as XML Schema says).
fn is_uri(value: &str) -> bool {
    let bytes = value.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        if *byte == b'%' && !(hex(at + 1) && hex(at + 2)) {
            return false;
        }
    }
    let (before, fragment) = value.split_once('#').unwrap_or((value, ""));
    if fragment.contains('#') {
        return false;
    }
    let path = before.split('?').next().unwrap_or_default();
    let first = path.split('/').next().unwrap_or_default();
    let rest = match first.split_once(':') {
        None => path,
        Some((scheme, _)) => {
            let is_scheme = scheme.starts_with(|character: char| character.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
            if !is_scheme {
                return false;
            }
            path.get(scheme.len() + 1..).unwrap_or_default()
        }
    };
    let Some(authority) = rest.strip_prefix("//").and_then(|rest| rest.split('/').next()) else { return true };
    let host = authority.rsplit('@').next().unwrap_or_default();
    let port = if host.starts_with('[') { host.rsplit(']').next().unwrap_or_default() } else { host };
    port.rsplit_once(':').is_none_or(|(_, port)| digits(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_of_the_calendar() {
        for good in ["2024-02-29", "2026-12-31Z", "-0004-02-29", "12026-01-01+14:00", "2000-02-29-00:30"] {
            assert!(is_date(good), "{good}");
        }
        for bad in ["2026-02-29", "2026-13-01", "2026-1-01", "0000-01-01", "026-01-01", "2026-01-01+14:01", "2026-01-0é", "-"] {
            assert!(!is_date(bad), "{bad}");
        }
        for good in ["2026-01-31T12:00:00", "2026-01-31T24:00:00Z", "2026-01-31T23:59:59.999-05:00"] {
            assert!(is_date_time(good), "{good}");
        }
        for bad in [
            "2026-01-31",
            "2026-01-31T24:00:01Z",
            "2026-01-31T12:00",
            "2026-01-31T12:00:00.Z",
            "2026-01-31 12:00:00",
            "2026-01-31T12:00:60Z",
        ] {
            assert!(!is_date_time(bad), "{bad}");
        }
    }

    #[test]
    fn numbers_of_any_length_are_compared() {
        for (one, other, order) in [
            ("0", "-0.0", Ordering::Equal),
            ("1.50", "1.5", Ordering::Equal),
            ("-2", "-1", Ordering::Less),
            ("0010", "9", Ordering::Greater),
            ("0.09", "0.1", Ordering::Less),
            ("100000000000000000000000000001", "100000000000000000000000000000.9", Ordering::Greater),
        ] {
            assert_eq!(compare(one, other), order, "{one} {other}");
        }
        assert!(is_decimal(".5") && is_decimal("5.") && !is_decimal(".") && !is_decimal("1e3") && !is_decimal(""));
        assert!(is_integer("+07") && !is_integer("1.0") && !is_integer("-"));
    }

    #[test]
    fn references_are_told_from_what_is_none() {
        for good in ["", "a b", "../x", "https://[::1]:8080/a?b#c", "urn:cdx:x/1#y", "pkg:npm/%40s/a@1", "./a:b", "é"] {
            assert!(is_uri(good), "{good}");
        }
        for bad in ["%zz", "a#b#c", "1a:b", "https://host:port/"] {
            assert!(!is_uri(bad), "{bad}");
        }
    }
}

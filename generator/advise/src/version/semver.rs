//! Semantic Versioning 2.0.0, read kindly, ordered strictly.

use std::cmp::Ordering;

/// A version without its build metadata, which has no place in the order (section 10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Semver {
    pub(super) core: [u64; 3],
    /// The identifiers of a pre-release, as written.
    pre: Option<Box<str>>,
}

impl Semver {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let text = text.strip_prefix("go").unwrap_or(text);
        let mut rest = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let mut core = [0; 3];
        for (place, part) in core.iter_mut().enumerate() {
            (*part, rest) = number(rest)?;
            match rest.strip_prefix('.') {
                Some(after) if place < 2 => rest = after,
                _ => break,
            }
        }
        if rest.is_empty() {
            return Some(Self { core, pre: None });
        }
        let rest = rest.split_once('+').map_or(rest, |(rest, _)| rest);
        let pre = if rest.is_empty() { None } else { Some(rest.strip_prefix('-')?) };
        let identifier = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if pre.is_some_and(|pre| !pre.split('.').all(identifier)) {
            return None;
        }
        Some(Self { core, pre: pre.map(Into::into) })
    }
}

/// The number that a text begins with, and what follows it. A sign is no digit.
fn number(text: &str) -> Option<(u64, &str)> {
    let mut number: u64 = 0;
    let mut digits = 0;
    for digit in text.bytes().take_while(u8::is_ascii_digit) {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        digits += 1;
    }
    Some((number, text.get(digits..)?)).filter(|_| digits > 0)
}

impl Ord for Semver {
    fn cmp(&self, other: &Self) -> Ordering {
        let pre = || match (&self.pre, &other.pre) {
            (None, None) => Ordering::Equal,
            // Section 11.3: a pre-release comes before its release.
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(two)) => identifiers(one, two),
        };
        self.core.cmp(&other.core).then_with(pre)
    }
}

impl PartialOrd for Semver {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Section 11.4: identifier by identifier; of two that agree as far as the shorter goes, the longer is later.
fn identifiers(one: &str, two: &str) -> Ordering {
    let (mut one, mut two) = (one.split('.'), two.split('.'));
    loop {
        let order = match (one.next(), two.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(two)) => identifier(one, two),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Numbers by value, whatever their length; a number is before a word; words by ASCII.
fn identifier(one: &str, two: &str) -> Ordering {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match (number(one), number(two)) {
        (true, true) => {
            let (one, two) = (one.trim_start_matches('0'), two.trim_start_matches('0'));
            one.len().cmp(&two.len()).then_with(|| one.cmp(two))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => one.cmp(two),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_specification() {
        let order = [
            "0.0.0-0",
            "0.0.0-20210101000000-abcdefabcdef",
            "0.0.0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1-0.99999999999999999999999",
            "1.0.1-0.100000000000000000000000",
            "1.0.1",
            "1.10.0",
            "18446744073709551615.0.0",
        ];
        for pair in order.windows(2) {
            let parsed = |text: &str| Semver::parse(text).unwrap();
            assert!(parsed(pair[0]) < parsed(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn what_is_almost_a_version_is_read_kindly() {
        for (one, two) in
            [("v1.2.3", "1.2.3"), ("1.2", "1.2.0"), ("go1.21", "1.21.0"), ("2.0.0+incompatible", "2"), ("01.2", "1.2")]
        {
            assert_eq!(Semver::parse(one).unwrap().cmp(&Semver::parse(two).unwrap()), Ordering::Equal, "{one} {two}");
        }
        for text in
            ["", "v", "1.2.3.4", "1..2", "+1.0", "-1", "1.0.0-", "1.0.0-a..b", "1.x", "18446744073709551616.0.0", "1.0.0-ä"]
        {
            assert_eq!(Semver::parse(text), None, "{text}");
        }
    }
}

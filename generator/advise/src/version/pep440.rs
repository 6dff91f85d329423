//! PEP 440: the versions of Python packages, in any of their spellings.

use std::cmp::Ordering;

/// A version by what its order is made of (PEP 440, "Summary of permitted suffixes and relative ordering").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pep440 {
    public: Public,
    /// The label of a local build; empty without one, which is before any.
    local: Vec<Label>,
}

/// In the order in which the parts count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Public {
    epoch: u64,
    /// Without zeros at the end: `1.0` is `1`.
    release: Vec<u64>,
    pre: Pre,
    /// None is before any.
    post: Option<u64>,
    dev: Dev,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    /// A development release of the release itself is before its first alpha.
    BeforeAll,
    Alpha(u64),
    Beta(u64),
    Candidate(u64),
    /// No pre-release.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dev {
    Number(u64),
    /// No development release.
    None,
}

/// A number is after any word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Word(Box<str>),
    Number(u64),
}

impl Pep440 {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (public, local) = text.split_once('+').map_or((text, None), |(public, local)| (public, Some(local)));
        let mut cursor = Cursor(public);
        let first = cursor.number()?;
        let (epoch, mut release) = if cursor.take("!") { (first, vec![cursor.number()?]) } else { (0, vec![first]) };
        while let Some(number) = cursor.after_point() {
            release.push(number);
        }
        while release.last() == Some(&0) {
            release.pop();
        }
        let pre = cursor.pre();
        let post = cursor.post();
        let dev = cursor.suffix(&["dev"]);
        if !cursor.0.is_empty() {
            return None;
        }
        let pre = match (pre, post, dev) {
            (Some(pre), ..) => pre,
            (None, None, Some(_)) => Pre::BeforeAll,
            (None, ..) => Pre::None,
        };
        let local = match local {
            Some(local) => local.split(['.', '-', '_']).map(label).collect::<Option<_>>()?,
            None => Vec::new(),
        };
        let public = Public { epoch, release, pre, post, dev: dev.map_or(Dev::None, Dev::Number) };
        Some(Self { public, local })
    }

    pub(super) fn against(&self, bound: &Self) -> Ordering {
        let local = || if bound.local.is_empty() { Ordering::Equal } else { self.local.cmp(&bound.local) };
        self.public.cmp(&bound.public).then_with(local)
    }
}

fn label(text: &str) -> Option<Label> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    Some(text.parse().map_or_else(|_| Label::Word(text.into()), Label::Number))
}

/// What is left to read.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn take(&mut self, text: &str) -> bool {
        let rest = self.0.strip_prefix(text);
        if let Some(rest) = rest {
            self.0 = rest;
        }
        rest.is_some()
    }

    fn number(&mut self) -> Option<u64> {
        let end = self.0.find(|character: char| !character.is_ascii_digit()).unwrap_or(self.0.len());
        let number = self.0.get(..end)?.parse().ok()?;
        self.0 = self.0.get(end..)?;
        Some(number)
    }

    /// A number after a point; the cursor stays where it is when there is none.
    fn after_point(&mut self) -> Option<u64> {
        let before = self.0;
        let number = if self.take(".") { self.number() } else { None };
        if number.is_none() {
            self.0 = before;
        }
        number
    }

    fn separator(&mut self) {
        let _ = self.take(".") || self.take("-") || self.take("_");
    }

    /// One of these words, separators around it, and its number, which is 0 where it is left out.
    fn suffix(&mut self, words: &[&str]) -> Option<u64> {
        let before = self.0;
        self.separator();
        if !words.iter().any(|word| self.take(word)) {
            self.0 = before;
            return None;
        }
        let after = self.0;
        self.separator();
        Some(self.number().unwrap_or_else(|| {
            self.0 = after;
            0
        }))
    }

    fn pre(&mut self) -> Option<Pre> {
        // The longer words first: `preview` begins with `pre`, and `alpha` with `a`.
        let alpha = self.suffix(&["alpha", "a"]).map(Pre::Alpha);
        let beta = |cursor: &mut Self| cursor.suffix(&["beta", "b"]).map(Pre::Beta);
        let candidate = |cursor: &mut Self| cursor.suffix(&["preview", "pre", "rc", "c"]).map(Pre::Candidate);
        alpha.or_else(|| beta(self)).or_else(|| candidate(self))
    }

    fn post(&mut self) -> Option<u64> {
        let before = self.0;
        if self.take("-")
            && let Some(number) = self.number()
        {
            return Some(number);
        }
        self.0 = before;
        self.suffix(&["post", "rev", "r"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Pep440 {
        Pep440::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn the_order_is_that_of_the_standard() {
        let order = [
            "0.9",
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.15",
            "1.1.dev1",
            "1!0.1",
        ];
        for pair in order.windows(2) {
            assert_eq!(parsed(pair[0]).against(&parsed(pair[1])), Ordering::Less, "{pair:?}");
            assert_eq!(parsed(pair[1]).against(&parsed(pair[0])), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(parsed("1.0+abc.5").against(&parsed("1.0+abc.7")), Ordering::Less);
        assert_eq!(parsed("1.0+5").against(&parsed("1.0+abc")), Ordering::Greater);
    }

    #[test]
    fn one_version_has_many_spellings() {
        let same = [
            ("1.0", "1"),
            ("v1.0.0", "1"),
            ("1.1RC1", "1.1c1"),
            ("1.1-a_1", "1.1a1"),
            ("1.2.post", "1.2-0"),
            ("1.2-r4", "1.2.post4"),
            ("1.0.DEV", "1.0dev0"),
            ("0!1", "1"),
            ("1.0-preview.2", "1rc2"),
            ("00.9", "0.9"),
        ];
        for (one, two) in same {
            assert_eq!(parsed(one).against(&parsed(two)), Ordering::Equal, "{one} {two}");
        }
        for text in
            ["", "a", "1.0.0.", "1..0", "french toast", "1.0+", "1.0+a b", "1!", "1.0-", "1.0x", "1a1b1", "99999999999999999999"]
        {
            assert_eq!(Pep440::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_local_build_has_what_its_release_has() {
        assert_eq!(parsed("2.0.0+cu118").against(&parsed("2.0.0")), Ordering::Equal);
        assert_eq!(parsed("2.0.0").against(&parsed("2.0.0+cu118")), Ordering::Less);
    }
}

//! Parameters that several kinds share, parsed at the door: once read, they cannot be wrong.

use std::ops::Deref;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, de::Error as _};

/// A regular expression in the syntax of the `regex` crate: linear time, so hostile text cannot stall it.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        RegexBuilder::new(text)
            .size_limit(4 << 20)
            .build()
            .map(Self)
            .map_err(|error| format!("`{text}` is not a regular expression that can be used: {error}"))
    }

    /// Whether it matches the whole of a text.
    pub(crate) fn is_whole(&self, text: &str) -> bool {
        // Leftmost-first search may prefer a shorter alternative, so every start is not enough: anchor instead.
        Regex::new(&format!("^(?:{})$", self.0.as_str())).is_ok_and(|anchored| anchored.is_match(text))
    }
}

impl Deref for Pattern {
    type Target = Regex;

    fn deref(&self) -> &Regex {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A text or a list of texts: globs where `*` stays within a folder and `**` crosses folders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Globs {
    texts: Vec<String>,
    set: GlobSet,
}

impl Globs {
    /// Of these globs.
    pub(crate) fn new(texts: Vec<String>) -> Result<Self, String> {
        let mut builder = GlobSetBuilder::new();
        for text in &texts {
            let glob = GlobBuilder::new(text.strip_prefix("./").unwrap_or(text))
                .literal_separator(true)
                .build()
                .map_err(|error| format!("`{text}` is not a glob: {error}"))?;
            builder.add(glob);
        }
        let set = builder.build().map_err(|error| format!("the globs are too many or too large: {error}"))?;
        Ok(Self { texts, set })
    }

    /// Whether a path is meant.
    pub(crate) fn matches(&self, path: &str) -> bool {
        self.set.is_match(path)
    }

    /// As they were written, for a sentence.
    pub(crate) fn shown(&self) -> String {
        self.texts.join(", ")
    }
}

impl<'de> Deserialize<'de> for Globs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            One(String),
            Many(Vec<String>),
        }
        let texts = match Written::deserialize(deserializer)? {
            Written::One(text) => vec![text],
            Written::Many(texts) => texts,
        };
        Self::new(texts).map_err(D::Error::custom)
    }
}

/// The default of every least number: absence is never a pass.
pub(crate) const fn one() -> u64 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_a_folder() {
        let globs: Globs = serde_json::from_str(r#"["src/*.ts", "docs/**"]"#).unwrap();
        assert!(globs.matches("src/a.ts") && globs.matches("docs/a/b.md"));
        assert!(!globs.matches("src/a/b.ts") && !globs.matches("a.ts"));
        assert!(serde_json::from_str::<Globs>(r#""a[""#).is_err());
    }

    #[test]
    fn a_whole_match_tries_every_alternative() {
        let pattern: Pattern = serde_json::from_str(r#""a|ab""#).unwrap();
        assert!(pattern.is_whole("ab") && pattern.is_whole("a"));
        assert!(!pattern.is_whole("abc"));
        assert!(serde_json::from_str::<Pattern>(r#""(""#).is_err());
    }
}

//! Tags: what names a release.

use std::cmp::Reverse;

use avouch_model::Timestamp;
use globset::{GlobBuilder, GlobMatcher};

use crate::RepositoryError;

/// A tag that names a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name, `v1.4.2`.
    pub name: String,
    /// The name without the literal beginning of the pattern that it was found by: `1.4.2` by `v*`.
    pub version: String,
    /// The full id of the commit, annotated tags peeled.
    pub commit: String,
    /// When the commit was made.
    pub committed: Timestamp,
}

/// A pattern of tag names.
pub(crate) struct Pattern {
    prefix: String,
    matcher: GlobMatcher,
}

impl Pattern {
    pub(crate) fn new(glob: &str) -> Result<Self, RepositoryError> {
        let built = GlobBuilder::new(glob).literal_separator(true).build();
        let built = built.map_err(|cause| RepositoryError::TagPattern { glob: glob.to_owned(), cause })?;
        // Without a wildcard the whole pattern would be the prefix, and the version empty.
        let wild = glob.find(['*', '?', '[', '{', '\\']);
        let prefix = wild.and_then(|at| glob.get(..at)).unwrap_or_default().to_owned();
        Ok(Self { prefix, matcher: built.compile_matcher() })
    }

    /// The version that a tag names; none when it does not match.
    pub(crate) fn version_of(&self, name: &str) -> Option<String> {
        let rest = name.strip_prefix(&self.prefix)?;
        (self.matcher.is_match(name) && !rest.is_empty()).then(|| rest.to_owned())
    }
}

pub(crate) fn sort_newest_first(tags: &mut [Tag]) {
    tags.sort_by_cached_key(|tag| Reverse((tag.committed, semver::Version::parse(&tag.version).ok(), tag.name.clone())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_tag_without_the_literal_beginning() {
        let version = |glob: &str, tag: &str| Pattern::new(glob).unwrap().version_of(tag);
        assert_eq!(version("v*", "v1.4.2").as_deref(), Some("1.4.2"));
        assert_eq!(version("api/v[0-9]*", "api/v2").as_deref(), Some("2"));
        assert_eq!(version("*", "v1").as_deref(), Some("v1"));
        assert_eq!(version("v1.0", "v1.0").as_deref(), Some("v1.0"));
        assert_eq!(version("v*", "release-1"), None);
        assert_eq!(version("v*", "v"), None);
        assert_eq!(version("v*", "v1/web"), None);
        assert!(Pattern::new("v[").is_err());
    }

    #[test]
    fn commits_of_one_second_are_ordered_by_semantic_version() {
        let tag = |version: &str, at| Tag {
            name: format!("v{version}"),
            version: version.to_owned(),
            commit: String::new(),
            committed: Timestamp::from_unix(at),
        };
        let mut tags = vec![tag("1.9.0", 5), tag("1.10.0", 5), tag("1.10.0-rc.1", 5), tag("odd", 5), tag("0.1.0", 9)];
        sort_newest_first(&mut tags);
        let order: Vec<_> = tags.iter().map(|tag| tag.version.as_str()).collect();
        assert_eq!(order, ["0.1.0", "1.10.0", "1.10.0-rc.1", "1.9.0", "odd"]);
    }
}

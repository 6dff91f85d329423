//! Releases: a version and a commit.

use serde::{Deserialize, Serialize};

/// A release: what a version names, and the commit it was made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The version, `1.4.2`: the tag without its prefix. `unreleased` when no tag that counts names the commit.
    pub version: String,
    /// The full commit id, 40 or 64 hexadecimal digits.
    pub commit: String,
    /// The tag that names it; none when unreleased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

impl Release {
    /// The version of a commit that no tag names.
    pub const UNRELEASED: &'static str = "unreleased";

    /// Whether a tag names this commit. No check that is bound to a release passes on one that is not.
    pub fn is_released(&self) -> bool {
        self.tag.is_some()
    }
}

/// What ties an observation to a release.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by", deny_unknown_fields)]
pub enum Binding {
    /// The evidence carries this commit: it was read from it, or the running system or report named it.
    Commit {
        /// The full commit id.
        commit: String,
    },
    /// The evidence names no commit: it belongs to no release.
    Unproven,
    /// The question is about now, not about a release (data, attestations).
    Time,
}

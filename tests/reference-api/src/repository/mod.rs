//! The product's repository, as a stranger would have it: sources, policies, pipeline, signed decisions, a tagged release.

use std::path::Path;

use chrono::{DateTime, Utc};

use crate::defect::Chosen;

/// How the repository is written.
#[derive(Clone, Debug)]
pub struct Writing {
    /// The present, which the dates of decisions are counted from.
    pub now: DateTime<Utc>,
    /// The time of the commits and of the tag.
    pub date: DateTime<Utc>,
    /// What the people's keys follow from.
    pub seed: u64,
    /// The defect.
    pub chosen: Chosen,
    /// The service's address.
    pub https: String,
    /// Its address in plain HTTP.
    pub http: String,
    /// The file of its authority.
    pub ca: String,
    /// Its database.
    pub db: String,
}

/// Writes the repository and returns the commit of its release.
///
/// # Errors
/// When the folder is in use, cannot be written, or `git` fails.
pub fn write(_: &Path, _: &Writing) -> anyhow::Result<String> {
    anyhow::bail!("the repository comes next")
}

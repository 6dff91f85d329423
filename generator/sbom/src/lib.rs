//! A repository at a release to CycloneDX: which packages it is made of, as its lockfiles say.
//!
//! Architecture invariants: nothing is read but the tree that is given, nothing is run, nothing is asked over a network;
//! the same tree and the same facts give the same bytes, wherever the tree lies. What is not known is said to be unknown.

use std::{collections::BTreeMap, fmt, str::FromStr};

use avouch_model::{Digest, Timestamp, release::Release};
use avouch_read::structured::Unreadable;
use avouch_repository::{Files, RepositoryError};

mod assemble;
mod components;
mod development;
mod format;
mod licence;
mod lockfiles;
mod manifest;
mod references;
mod serial;
mod validate;

#[cfg(test)]
mod tests;

pub use components::{ComponentId, components};
pub use validate::{Fault, validate};

/// A version of CycloneDX that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spec {
    /// 1.5, of 2023.
    V1_5,
    /// 1.6 (ECMA-424), of 2024.
    #[default]
    V1_6,
    /// 1.7, of 2025.
    V1_7,
}

/// The text names no version of CycloneDX that is written.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a version of CycloneDX that is written; 1.5, 1.6 and 1.7 are")]
pub struct NotASpec(pub String);

impl Spec {
    /// The version, `1.6`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1_5 => "1.5",
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Spec {
    type Err = NotASpec;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = [Self::V1_5, Self::V1_6, Self::V1_7].into_iter().find(|spec| spec.name() == text);
        found.ok_or_else(|| NotASpec(text.to_owned()))
    }
}

/// What is known of the release besides its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFacts {
    /// The product's name; without one the manifest at the root tells it.
    pub name: Option<String>,
    /// The release; none for a folder without git.
    pub release: Option<Release>,
    /// When its commit was made.
    pub committed: Option<Timestamp>,
    /// Whether the files have changes that are in no commit.
    pub dirty: bool,
    /// The BOM's own time: `SOURCE_DATE_EPOCH`, or else the time of the commit, so that the same commit gives the same
    /// bytes.
    pub timestamp: Timestamp,
    /// Who answers for the BOM, an organisation or a person that agreed to be named.
    pub author: Option<String>,
    /// Who supplies the product.
    pub supplier: Option<String>,
    /// The version of avouch.
    pub tool_version: String,
}

/// How a BOM is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The version of CycloneDX.
    pub spec: Spec,
    /// Read lockfiles and the manifest at the root alone. Otherwise the manifests of workspace members are read too: for
    /// their names, and for what a `Cargo.lock` does not tell, which crates are needed for development only.
    pub lock_only: bool,
}

/// A BOM that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sbom {
    /// The JSON.
    pub bytes: Vec<u8>,
    /// Its version of CycloneDX.
    pub spec: Spec,
    /// How many components it lists; the product itself is not one of them.
    pub components: u64,
    /// How many edges its graph has.
    pub edges: u64,
    /// The lockfiles that it is made from: path and digest.
    pub lockfiles: BTreeMap<String, Digest>,
    /// Lockfiles that are there and are not in it: path and reason. Those of tests, examples and vendored packages, those
    /// below a lockfile of the same ecosystem, and those of tools that are not read.
    pub left_out: BTreeMap<String, String>,
    /// What the lockfiles name and do not hold.
    pub unresolved: Vec<String>,
    /// Whether everything is known to be in it, and nothing else.
    pub complete: bool,
}

/// Why no BOM was written.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    /// The tree cannot be read.
    #[error("cannot read the files of the release")]
    Tree(#[from] RepositoryError),
    /// A lockfile or a manifest cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// There is no lockfile.
    #[error(
        "no lockfile was found that is read (Cargo.lock, package-lock.json, npm-shrinkwrap.json, pnpm-lock.yaml){}; \
         write one (`cargo generate-lockfile`, `npm install --package-lock-only`, `pnpm install --lockfile-only`) and commit it",
        if left_out.is_empty() { String::new() } else { format!("; these do not count: {}", left_out.join(", ")) }
    )]
    NoLockfile {
        /// The lockfiles that are there and do not count, with the reason.
        left_out: Vec<String>,
    },
    /// The document cannot be written as JSON.
    #[error("cannot write the BOM")]
    Write(#[source] serde_json::Error),
}

/// Writes the CycloneDX BOM of a tree.
///
/// # Errors
/// When the tree or one of its lockfiles cannot be read, or there is none.
pub fn generate(tree: &dyn Files, facts: &ReleaseFacts, options: &Options) -> Result<Sbom, SbomError> {
    let mut found = lockfiles::find(tree)?;
    if !options.lock_only {
        for lockfile in &mut found.read {
            development::tell(tree, &found.paths, lockfile)?;
        }
    }
    let root = manifest::root(tree, facts)?;
    let draft = assemble::document(facts, options, &found, &root);
    let bytes = serial::write(&draft.document).map_err(SbomError::Write)?;
    Ok(Sbom {
        bytes,
        spec: options.spec,
        components: draft.document.components.len() as u64,
        edges: draft.edges,
        lockfiles: found.read.iter().map(|lockfile| (lockfile.lock.path.clone(), lockfile.digest)).collect(),
        left_out: found.left_out,
        unresolved: draft.unresolved,
        complete: draft.complete,
    })
}

//! A repository at a release to CycloneDX: which packages it is made of, as its lockfiles say.
//!
//! Architecture invariants: nothing is read but the tree and the caches that are given, nothing is run, nothing is asked over
//! a network; the same tree, caches and facts give the same bytes, wherever they lie. What is not known is said to be unknown.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use avouch_model::Digest;
use avouch_read::{
    lock::{self, Origin},
    structured::Unreadable,
};
use avouch_repository::{Files, RepositoryError};

use crate::{
    assemble::{Library, View},
    caches::{Depth, Shelves},
    lockfiles::Found,
    manifest::{Damaged, Root},
};

mod assemble;
mod caches;
mod component;
mod components;
mod compositions;
mod contents;
mod copies;
mod development;
mod diff;
mod facts;
mod format;
mod formats;
mod licence;
mod lockfiles;
mod manifest;
mod memory;
mod metadata;
mod references;
mod serial;
mod spdx;
mod split;
mod validate;
mod validate_xml;
mod xml;
mod xml_tree;
mod xsd;

#[cfg(test)]
mod diff_tests;
#[cfg(test)]
mod formats_tests;
#[cfg(test)]
mod products_tests;
#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole_tests;

pub use caches::Caches;
pub use components::{ComponentId, components};
pub use contents::{Contents, Identity, Item, UnreadBom, read};
pub use diff::{Change, Component as Changed, Difference, Edge, HashChange, LicenceChange, diff};
pub use facts::{Options, Party, ReleaseFacts};
pub use formats::{Format, NotAFormat, convert};
pub use memory::{MEMORY_BYTES_MAX, Memory};
pub use split::{Deployable, Split};
pub use validate::{Fault, Verdict, judge, validate};
pub use xml::ConvertError;

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
    /// The lockfiles that it is made from, and what they include: path and digest.
    pub lockfiles: BTreeMap<String, Digest>,
    /// Lockfiles that are there and are not in it: path and reason. Those of tests, examples and vendored packages, those
    /// below a lockfile of the same ecosystem, and those of tools that are not read.
    pub left_out: BTreeMap<String, String>,
    /// Lockfiles that are damaged and therefore not in it, each with what is wrong and where.
    pub damaged: Vec<String>,
    /// Manifests that are damaged, each with what is wrong and where: what they would tell of lockfiles is not in it.
    pub damaged_manifests: Vec<String>,
    /// Lockfiles that are in it although git ignores them: no commit has them.
    pub ignored: Vec<String>,
    /// What the lockfiles name and do not hold.
    pub unresolved: Vec<String>,
    /// Packages whose archive in a cache is another one than the lockfile's: `name version`. Nothing was taken from there.
    pub mismatched: Vec<String>,
    /// Whether everything is known to be in it, and nothing else.
    pub complete: bool,
}

impl Sbom {
    /// Whether something damaged keeps it from being whole.
    pub fn is_damaged(&self) -> bool {
        !self.damaged.is_empty() || !self.damaged_manifests.is_empty()
    }
}

/// Why no BOM was written.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    /// The tree cannot be read.
    #[error("cannot read the files of the release")]
    Tree(#[from] RepositoryError),
    /// A lockfile is larger than what is read.
    #[error(
        "`{path}` is larger than the {mebibytes_max} MiB that are read of such a lockfile; give the parts of its workspace \
         lockfiles of their own, or take out what the product does not need"
    )]
    LockfileTooLarge {
        /// Where it lies.
        path: String,
        /// How large it may be.
        mebibytes_max: u64,
    },
    /// A lockfile or a manifest cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// There is no lockfile.
    #[error(
        "no lockfile was found that is read ({}){}; write one (`cargo generate-lockfile`, `npm install --package-lock-only`, \
         `pnpm install --lockfile-only`, `uv lock`) and commit it",
        lock::Format::all_names(),
        if left_out.is_empty() { String::new() } else { format!("; these do not count: {}", left_out.join(", ")) }
    )]
    NoLockfile {
        /// The lockfiles that are there and do not count, with the reason.
        left_out: Vec<String>,
    },
    /// No package of the repository is one by itself.
    #[error(
        "no package here can be deployed by itself{}; without `--split` there is one BOM of everything",
        if left_out.is_empty() { String::new() } else { format!("; these do not count: {}", left_out.join(", ")) }
    )]
    NothingDeployable {
        /// The packages that are there and do not count, with the reason.
        left_out: Vec<String>,
    },
    /// The BOMs of all packages are too large.
    #[error(
        "the BOMs of all packages would have more than {bytes_max} bytes together; without `--split` there is one of everything"
    )]
    TooMuch {
        /// How large they may be.
        bytes_max: u64,
    },
    /// The document cannot be written as JSON.
    #[error("cannot write the BOM")]
    Write(#[source] serde_json::Error),
}

/// Writes the CycloneDX BOM of a tree: one for everything in it. Caches tell what lockfiles do not: licences, makers, and
/// hashes of archives that are there.
///
/// # Errors
/// When the tree or one of its lockfiles cannot be read, or there is none.
pub fn generate(tree: &dyn Files, caches: &Caches, facts: &ReleaseFacts, options: &Options) -> Result<Sbom, SbomError> {
    let (found, root) = find(tree, facts, options)?;
    let views: Vec<View<'_>> = found.read.iter().map(|read| View::whole(read, &root)).collect();
    write(facts, options, &found, &views, &root, &mut library(&found, caches, options))
}

/// The lockfiles of a tree, with what manifests tell of them, and the product.
fn find(tree: &dyn Files, facts: &ReleaseFacts, options: &Options) -> Result<(Found, Root), SbomError> {
    let mut found = lockfiles::find(tree)?;
    let mut damaged = Damaged::new();
    if !options.lock_only {
        for lockfile in &mut found.read {
            development::tell(tree, &found.paths, lockfile, &mut damaged)?;
        }
    }
    let root = manifest::root(tree, facts, &mut damaged)?;
    // A `go.mod` is both.
    damaged.retain(|path, _| !found.damaged.contains_key(path));
    found.left_out.extend(damaged.iter().map(|(path, error)| (path.clone(), error.reason())));
    found.damaged_manifests = damaged;
    Ok((found, root))
}

/// The caches, opened where lockfiles and the projects below them lie.
fn library(found: &Found, caches: &Caches, options: &Options) -> Library {
    if options.lock_only {
        return Library::default();
    }
    let mut folders: BTreeSet<String> = BTreeSet::new();
    for lockfile in &found.read {
        folders.insert(lockfile.folder.clone());
        let roots = lockfile.lock.roots.iter().filter_map(|at| lockfile.lock.packages.get(*at));
        folders.extend(roots.filter_map(|package| match &package.origin {
            Origin::Path { path: Some(path) } if path != "." => Some(format!("{}{path}/", lockfile.folder)),
            _ => None,
        }));
    }
    let folders: BTreeSet<&str> = folders.iter().map(String::as_str).collect();
    let depth = if options.quick { Depth::Manifests } else { Depth::Archives };
    Library::new(Shelves::open(caches, &folders), depth)
}

fn write(
    facts: &ReleaseFacts,
    options: &Options,
    found: &Found,
    views: &[View<'_>],
    root: &Root,
    library: &mut Library,
) -> Result<Sbom, SbomError> {
    let written = assemble::write(facts, options, found, views, root, library).map_err(SbomError::Write)?;
    let told = |damaged: &Damaged| damaged.values().map(chain).collect();
    Ok(Sbom {
        bytes: written.bytes,
        spec: options.spec,
        components: written.components,
        edges: written.edges,
        lockfiles: views.iter().flat_map(|view| view.read.digests()).map(|(path, digest)| (path.to_owned(), digest)).collect(),
        left_out: found.left_out.clone(),
        damaged: told(&found.damaged),
        damaged_manifests: told(&found.damaged_manifests),
        ignored: found.ignored.clone(),
        unresolved: written.unresolved,
        mismatched: library.shelves.mismatched.iter().cloned().collect(),
        complete: written.complete,
    })
}

/// An error with its causes, in one line.
fn chain(error: &SbomError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    // What stands for another error says what that one says.
    let mut said: Vec<String> = causes.map(ToString::to_string).collect();
    said.dedup();
    said.join(": ")
}

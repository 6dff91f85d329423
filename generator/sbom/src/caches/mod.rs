//! What packages say of themselves where they lie on this machine already: in the caches of package managers, in vendored
//! folders and in what was installed beside the sources.
//!
//! Nothing of a place becomes part of a BOM, only what a package states. A file counts when the manifest in it has the name
//! and the version that the lockfile has, and its archive, where it is looked at, has the lockfile's hash. What cannot be
//! read is not there: the BOM says that it is unknown.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use avouch_read::lock::Package;
use avouch_repository::{Files, Folder};

use crate::Memory;
pub(crate) use texts::id as licence_id;

mod archive;
mod bun;
mod crates;
mod go_vendor;
mod golang;
mod manifests;
#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod newer_tests;
mod node;
mod packed;
mod pnpm_store;
mod python;
#[cfg(test)]
mod tests;
mod texts;

/// The largest manifest, and the largest licence text, that is read.
const TEXT_BYTES_MAX: u64 = 4 << 20;
/// The largest archive that is read.
const ARCHIVE_BYTES_MAX: u64 = 256 << 20;

/// Where packages may lie on this machine. A place that is not there holds nothing.
#[derive(Clone, Debug, Default)]
pub struct Caches {
    /// Cargo's home: `registry/src`, `registry/cache` and `git/checkouts` in it.
    pub cargo_home: Option<PathBuf>,
    /// The checkout as it lies, with what git does not track: `vendor`, `node_modules`, `.yarn/cache`, `.venv`.
    pub checkout: Option<PathBuf>,
    /// pnpm's stores, the folders that hold `v3`, `v10` or `v11`.
    pub pnpm_stores: Vec<PathBuf>,
    /// Bun's caches.
    pub bun_caches: Vec<PathBuf>,
    /// Go's module cache.
    pub go_modules: Option<PathBuf>,
    /// What is remembered of archives, and what is learned about them meanwhile.
    pub memory: Arc<Memory>,
}

/// What a package states of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The licence, as it is written.
    pub(crate) licence: Option<String>,
    /// The licences whose texts lie in the package, as SPDX ids.
    pub(crate) texts: BTreeSet<&'static str>,
    /// The names of its authors, without addresses.
    pub(crate) authors: Vec<String>,
    /// The web page of its repository, or else of its project.
    pub(crate) page: Option<String>,
    /// The web page or address of its source code.
    pub(crate) source: Option<String>,
    /// The SHA-512 of its archive, whose other hash is the one in the lockfile.
    pub(crate) sha512: Option<String>,
}

/// The caches, opened.
#[derive(Debug, Default)]
pub(crate) struct Shelves {
    crates: crates::Shelf,
    node: node::Shelf,
    stores: pnpm_store::Shelf,
    bun: bun::Shelf,
    go: golang::Shelf,
    python: python::Shelf,
    /// Packages whose cached archive is another one than the lockfile's.
    pub(crate) mismatched: BTreeSet<String>,
}

/// How closely packages are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Manifests alone.
    Manifests,
    /// Licence texts and archives too.
    Archives,
}

impl Shelves {
    /// Opens what is there. `folders` are those of the lockfiles, relative to the checkout, with a `/` at the end.
    pub(crate) fn open(caches: &Caches, folders: &BTreeSet<&str>) -> Self {
        let checkout = || caches.checkout.as_ref().and_then(|path| Folder::open(path).ok());
        Self {
            crates: crates::Shelf::open(caches, checkout(), folders),
            node: node::Shelf::open(checkout(), folders),
            stores: pnpm_store::Shelf::open(&caches.pnpm_stores),
            bun: bun::Shelf::open(&caches.bun_caches),
            go: golang::Shelf::open(caches.go_modules.as_deref(), checkout(), folders),
            python: python::Shelf::open(checkout(), folders),
            mismatched: BTreeSet::new(),
        }
    }

    /// What a package with this package URL states of itself.
    pub(crate) fn look(&mut self, package: &Package, purl: &str, depth: Depth) -> Option<Told> {
        if purl.starts_with("pkg:cargo/") {
            self.crates.look(package, depth, &mut self.mismatched)
        } else if purl.starts_with("pkg:npm/") {
            let installed = self.node.look(package, depth);
            installed.or_else(|| self.stores.look(package, depth)).or_else(|| self.bun.look(package, depth))
        } else if purl.starts_with("pkg:pypi/") {
            self.python.look(package, depth)
        } else if purl.starts_with("pkg:golang/") {
            self.go.look(package, depth, &mut self.mismatched)
        } else {
            None
        }
    }
}

/// A file, or nothing where there is none that can be read.
fn read(folder: &Folder, path: &str, bytes_max: u64) -> Option<Vec<u8>> {
    folder.read(path, bytes_max).ok().flatten()
}

/// The licences whose texts lie directly in a folder.
fn texts_in(folder: &Folder, path: &str) -> BTreeSet<&'static str> {
    let names = folder.names(path).unwrap_or_default();
    let named = names.iter().filter(|name| !name.folder && texts::is_named_like_one(&name.name));
    let read = named.filter_map(|name| read(folder, &format!("{path}/{}", name.name), TEXT_BYTES_MAX));
    read.flat_map(|bytes| texts::identified(&bytes)).collect()
}

/// The package's version, if it has one that can be part of a file name.
fn version(package: &Package) -> Option<&str> {
    package.version.as_deref().filter(|version| !version.is_empty())
}

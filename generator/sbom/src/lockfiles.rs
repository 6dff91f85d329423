//! Which lockfiles make a release.
//!
//! Those that lie topmost: at the root, and in folders below that have no lockfile of the same ecosystem above them. What
//! tests, examples and vendored packages bring is no part of the product.

use std::collections::BTreeMap;

use avouch_model::Digest;
use avouch_read::lock::{self, Format, Lockfile};
use avouch_repository::Files;

use crate::SbomError;

/// Folders whose lockfiles belong to something else than the product.
const OTHER: [&str; 22] = [
    "test",
    "tests",
    "__tests__",
    "e2e",
    "testdata",
    "test-data",
    "fixture",
    "fixtures",
    "__fixtures__",
    "example",
    "examples",
    "bench",
    "benches",
    "benchmark",
    "benchmarks",
    "fuzz",
    "node_modules",
    "target",
    "vendor",
    "third_party",
    "third-party",
    "playground",
];

/// Why a lockfile of such a folder does not count.
pub(crate) const IN_OTHER: &str = "it lies in";

/// The lockfiles of a tree.
pub(crate) struct Found {
    pub(crate) read: Vec<Read>,
    /// Path and reason.
    pub(crate) left_out: BTreeMap<String, String>,
    /// How many of these belong to tests, examples and vendored packages.
    pub(crate) others: usize,
    /// Whether a lockfile of the product is of a tool that is not read.
    pub(crate) unread: bool,
    /// All paths of the tree.
    pub(crate) paths: Vec<String>,
}

/// A lockfile that was read.
pub(crate) struct Read {
    pub(crate) lock: Lockfile,
    pub(crate) digest: Digest,
    /// The folder it lies in, with a `/` at the end; empty at the root.
    pub(crate) folder: String,
}

pub(crate) fn find(tree: &dyn Files) -> Result<Found, SbomError> {
    let paths: Vec<String> = tree.list()?.into_iter().map(|entry| entry.path).collect();
    let mut found = Found { read: Vec::new(), left_out: BTreeMap::new(), others: 0, unread: false, paths };
    let mut candidates: Vec<&String> = found.paths.iter().filter(|path| Format::of(path).is_some()).collect();
    candidates.sort_by_key(|path| (path.matches('/').count(), Format::of(path), *path));
    let mut taken: Vec<(String, Format)> = Vec::new();
    for path in candidates {
        let Some(format) = Format::of(path) else { continue };
        let folder = folder(path);
        let above =
            taken.iter().find(|(other, theirs)| folder.starts_with(other.as_str()) && theirs.ecosystem() == format.ecosystem());
        if let Some(part) = other_part(path) {
            found.left_out.insert(path.clone(), format!("{IN_OTHER} `{part}`"));
            found.others += 1;
        } else if let Some((above, theirs)) = above {
            // Of two in one folder npm reads the shrinkwrap, and pnpm its own.
            let reason = if *above == folder {
                format!("{theirs:?} beside it counts")
            } else {
                "another one of its ecosystem lies above".to_owned()
            };
            found.left_out.insert(path.clone(), reason);
        } else {
            taken.push((folder, format));
            found.read.push(read(tree, path)?);
        }
    }
    for path in &found.paths {
        if let Some(tool) = lock::unread(path).filter(|_| other_part(path).is_none()) {
            found.left_out.insert(path.clone(), format!("lockfiles of {tool} are not read"));
            found.unread = true;
        }
    }
    if found.read.is_empty() {
        let left_out = found.left_out.iter().map(|(path, reason)| format!("{path} ({reason})")).collect();
        return Err(SbomError::NoLockfile { left_out });
    }
    Ok(found)
}

fn read(tree: &dyn Files, path: &str) -> Result<Read, SbomError> {
    // It was listed a moment ago; one that is gone now reads as empty, and says so at its place.
    let bytes = tree.read(path, lock::BYTES_MAX)?.unwrap_or_default();
    let mut lock = lock::parse(path, &bytes)?;
    if let Some(sums) = lock::sums_of(path)
        && let Some(bytes) = tree.read(&sums, lock::BYTES_MAX)?
    {
        lock.tell_sums(&sums, &bytes)?;
    }
    Ok(Read { lock, digest: Digest::of(&bytes), folder: folder(path) })
}

/// The folder of a path, with a `/` at the end; empty at the root.
pub(crate) fn folder(path: &str) -> String {
    path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default().to_owned()
}

fn other_part(path: &str) -> Option<&str> {
    let (folders, _) = path.rsplit_once('/')?;
    folders.split('/').find(|part| part.starts_with('.') || OTHER.contains(part))
}

//! Which lockfiles make a release.
//!
//! All of them, but for those that a workspace above leaves without a use (its members are in its own lockfile), and for those
//! of tests, examples, demos, templates and vendored packages, which are no part of the product.

use std::collections::BTreeMap;

use avouch_model::Digest;
use avouch_read::{
    lock::{self, Format, Lockfile, Origin},
    structured::parse_toml,
};
use avouch_repository::{Files, RepositoryError};

use crate::{
    SbomError,
    manifest::{BYTES_MAX, Damaged, or_nothing},
};

/// Folders whose lockfiles belong to something else than the product.
const OTHER: [&str; 22] = [
    "test",
    "tests",
    "__tests__",
    "e2e",
    "testdata",
    "test-data",
    "__fixtures__",
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
    "demo",
    "demos",
    "sample",
    "samples",
];
/// Words of a folder's name that say the same: `js-examples`, `example-app`.
const OTHER_WORDS: [&str; 6] = ["example", "examples", "fixture", "fixtures", "template", "templates"];

/// Why a lockfile of such a folder does not count.
pub(crate) const IN_OTHER: &str = "it lies in";

/// The lockfiles of a tree.
pub(crate) struct Found {
    pub(crate) read: Vec<Read>,
    /// Path and reason.
    pub(crate) left_out: BTreeMap<String, String>,
    /// How many of these belong to tests, examples and vendored packages.
    pub(crate) others: usize,
    /// Whether a lockfile of the product is of a tool that is not read, or is damaged.
    pub(crate) unread: bool,
    /// Lockfiles that cannot be read.
    pub(crate) damaged: Damaged,
    /// Manifests that cannot be read, and so do not tell what lockfiles leave open.
    pub(crate) damaged_manifests: Damaged,
    /// Lockfiles that are read although git ignores them.
    pub(crate) ignored: Vec<String>,
    /// All paths of the tree.
    pub(crate) paths: Vec<String>,
}

impl Read {
    /// The digests of the lockfile and of what it includes, by path.
    pub(crate) fn digests(&self) -> impl Iterator<Item = (&str, Digest)> {
        let own = (self.lock.path.as_str(), self.digest);
        std::iter::once(own).chain(self.lock.included.iter().map(|(path, digest)| (path.as_str(), *digest)))
    }
}

/// A lockfile that was read.
pub(crate) struct Read {
    pub(crate) lock: Lockfile,
    pub(crate) digest: Digest,
    /// The folder it lies in, with a `/` at the end; empty at the root.
    pub(crate) folder: String,
    /// The folders below it of the crates that lie there, where manifests tell them.
    pub(crate) crates: BTreeMap<String, String>,
}

pub(crate) fn find(tree: &dyn Files) -> Result<Found, SbomError> {
    let paths = tree.paths()?;
    let mut found = Found {
        read: Vec::new(),
        left_out: BTreeMap::new(),
        others: 0,
        unread: false,
        damaged: Damaged::new(),
        damaged_manifests: Damaged::new(),
        ignored: Vec::new(),
        paths,
    };
    let mut candidates: Vec<&String> = found.paths.iter().filter(|path| Format::of(path).is_some()).collect();
    candidates.sort_by_key(|path| (path.matches('/').count(), Format::of(path), *path));
    let mut taken: Vec<(String, Format)> = Vec::new();
    for path in candidates {
        let Some(format) = Format::of(path) else { continue };
        let folder = folder(path);
        let above = taken.iter().find(|(other, theirs)| {
            folder.starts_with(other.as_str())
                && theirs.ecosystem() == format.ecosystem()
                && (*other == folder || found.read.iter().any(|upper| upper.folder == *other && has_member(tree, upper, &folder)))
        });
        if let Some(part) = other_part(path) {
            found.left_out.insert(path.clone(), format!("{IN_OTHER} `{part}`"));
            found.others += 1;
        } else if let Some((above, theirs)) = above {
            // Of two in one folder npm reads the shrinkwrap, and pnpm its own.
            let reason = if *above == folder {
                format!("{theirs:?} beside it counts")
            } else {
                "its project is a member of the workspace above".to_owned()
            };
            found.left_out.insert(path.clone(), reason);
        } else {
            taken.push((folder, format));
            found.read.extend(or_nothing(path, read(tree, path).map(Some), &mut found.damaged)?);
        }
    }
    // A lockfile at the root that is there and not listed is one that git ignores. A library's often is, and is what it is built by.
    for format in Format::ALL {
        for name in format.names() {
            let known = found.paths.iter().any(|path| path == name);
            if known || taken.iter().any(|(_, theirs)| theirs.ecosystem() == format.ecosystem()) {
                continue;
            }
            let bytes = tree.read(name, format.bytes_max()).map_err(SbomError::from);
            let read = bytes.and_then(|bytes| bytes.map(|bytes| parsed(tree, name, bytes)).transpose());
            if let Some(read) = or_nothing(name, read, &mut found.damaged)? {
                taken.push((String::new(), format));
                found.read.push(read);
                found.ignored.push((*name).to_owned());
            }
        }
    }
    for path in &found.paths {
        if let Some(tool) = lock::unread(path).filter(|_| other_part(path).is_none()) {
            found.left_out.insert(path.clone(), format!("lockfiles of {tool} are not read"));
            found.unread = true;
        }
    }
    found.unread |= !found.damaged.is_empty();
    found.left_out.extend(found.damaged.iter().map(|(path, error)| (path.clone(), error.reason())));
    if found.read.is_empty() {
        if let Some((_, damage)) = found.damaged.pop_first() {
            return Err(damage);
        }
        let left_out = found.left_out.iter().map(|(path, reason)| format!("{path} ({reason})")).collect();
        return Err(SbomError::NoLockfile { left_out });
    }
    Ok(found)
}

/// Whether a project below a lockfile's folder is a member of its workspace. A project that is none has packages of its own.
fn has_member(tree: &dyn Files, upper: &Read, folder: &str) -> bool {
    let Some(below) = folder.strip_prefix(&upper.folder).and_then(|below| below.strip_suffix('/')) else { return false };
    let lock = &upper.lock;
    if lock.format == Format::CargoLock {
        // It tells the names of its members, and not where they lie.
        let path = format!("{folder}Cargo.toml");
        let manifest = tree.read(&path, BYTES_MAX).ok().flatten().and_then(|bytes| parse_toml(&path, &bytes, BYTES_MAX).ok());
        let name = manifest.as_ref().and_then(|manifest| manifest.root.pointer("/package/name")?.as_text());
        return name.is_some_and(|name| lock.roots.iter().any(|at| lock.packages.get(*at).is_some_and(|root| root.name == name)));
    }
    lock.importers.iter().any(|importer| importer.folder == below)
        || lock.packages.iter().any(|package| matches!(&package.origin, Origin::Path { path: Some(path) } if path == below))
}

fn read(tree: &dyn Files, path: &str) -> Result<Read, SbomError> {
    let bytes_max = Format::of(path).map_or(lock::BYTES_MAX, Format::bytes_max);
    // It was listed a moment ago; one that is gone now reads as empty, and says so at its place.
    let bytes = tree.read(path, bytes_max).map_err(|error| match error {
        RepositoryError::TooLarge { path, bytes_max } => SbomError::LockfileTooLarge { path, mebibytes_max: bytes_max >> 20 },
        error => SbomError::Tree(error),
    })?;
    parsed(tree, path, bytes.unwrap_or_default())
}

fn parsed(tree: &dyn Files, path: &str, bytes: Vec<u8>) -> Result<Read, SbomError> {
    let digest = Digest::of(&bytes);
    let beside = |path: &str| tree.read(path, lock::BYTES_MAX).ok().flatten();
    let mut lock = lock::parse_with(path, bytes, &beside)?;
    if let Some(sums) = lock::sums_of(path)
        && let Some(bytes) = tree.read(&sums, lock::BYTES_MAX)?
    {
        lock.tell_sums(&sums, &bytes)?;
    }
    Ok(Read { lock, digest, folder: folder(path), crates: BTreeMap::new() })
}

/// The folder of a path, with a `/` at the end; empty at the root.
pub(crate) fn folder(path: &str) -> String {
    path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default().to_owned()
}

/// The folder on the way to a file that holds tests, examples, demos, templates or what others publish.
pub(crate) fn other_part(path: &str) -> Option<&str> {
    let (folders, _) = path.rsplit_once('/')?;
    let is_other = |part: &&str| {
        part.starts_with('.') || OTHER.contains(part) || part.split(['-', '_']).any(|word| OTHER_WORDS.contains(&word))
    };
    folders.split('/').find(is_other)
}

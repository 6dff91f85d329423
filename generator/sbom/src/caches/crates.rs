//! Crates: vendored in the checkout, in Cargo's registry cache (unpacked or as archives), in its checkouts of git
//! repositories.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use avouch_model::Digest;
use avouch_read::lock::{HashAlgorithm, Origin, Package};
use avouch_repository::Folder;
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use super::{ARCHIVE_BYTES_MAX, Caches, Depth, TEXT_BYTES_MAX, Told, archive, manifests, read, texts, texts_in, version};
use crate::memory::{Looks, Memory};

/// Folders of a git checkout that are looked into for a crate.
const FOLDERS_MAX: usize = 5_000;
/// How deep a crate lies in its git repository at most.
const DEPTH_MAX: usize = 6;
/// The host of Cargo's own registry, label by label, as the folder of its sparse index is named.
const DEFAULT_HOST: [&str; 3] = ["index", "crates", "io"];
/// The host of the git index that came before it.
const DEFAULT_GIT_HOST: &str = "github.com";

/// Where crates lie.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    registries: Vec<Registry>,
    checkouts: Option<Folder>,
    /// `vendor` beside a lockfile, by the path of its folder.
    vendored: Option<(Folder, Vec<String>)>,
    /// The crates of a git checkout: name to folder.
    of_checkout: HashMap<String, HashMap<String, String>>,
    memory: Arc<Memory>,
}

/// One registry's folders; Cargo names them by host and a hash.
#[derive(Debug)]
struct Registry {
    host: String,
    unpacked: Option<Folder>,
    archives: Option<Folder>,
}

impl Shelf {
    pub(super) fn open(caches: &Caches, checkout: Option<Folder>, folders: &BTreeSet<&str>) -> Self {
        let open = |path: &str| caches.cargo_home.as_ref().and_then(|home| Folder::open(home.join(path)).ok());
        let names = |folder: &Option<Folder>| -> BTreeSet<String> {
            let names = folder.as_ref().and_then(|folder| folder.names("").ok()).unwrap_or_default();
            names.into_iter().filter(|name| name.folder).map(|name| name.name).collect()
        };
        let of_registries: BTreeSet<String> =
            names(&open("registry/src")).union(&names(&open("registry/cache"))).cloned().collect();
        let registry = |name: &String| {
            Some(Registry {
                host: name.rsplit_once('-')?.0.to_owned(),
                unpacked: open(&format!("registry/src/{name}")),
                archives: open(&format!("registry/cache/{name}")),
            })
        };
        let vendored = checkout.map(|checkout| {
            let places = folders.iter().map(|folder| format!("{folder}vendor"));
            let places = places.filter(|place| checkout.names(place).is_ok_and(|names| !names.is_empty())).collect();
            (checkout, places)
        });
        Self {
            registries: of_registries.iter().filter_map(registry).collect(),
            checkouts: open("git/checkouts"),
            vendored: vendored.filter(|(_, places): &(Folder, Vec<String>)| !places.is_empty()),
            of_checkout: HashMap::new(),
            memory: Arc::clone(&caches.memory),
        }
    }

    pub(super) fn look(&mut self, package: &Package, depth: Depth, mismatched: &mut BTreeSet<String>) -> Option<Told> {
        let version = version(package)?;
        if let Origin::Git { url, commit } = &package.origin {
            return self.in_vendor(package, version, depth).or_else(|| self.in_checkout(package, url, commit, depth));
        }
        let cached = self.in_registry(package, version, depth, mismatched);
        match (self.in_vendor(package, version, depth), cached) {
            // What is vendored is what is built; the archive of it may lie in the cache all the same.
            (Some(vendored), cached) => Some(Told { sha512: cached.and_then(|cached| cached.sha512), ..vendored }),
            (None, cached) => cached,
        }
    }

    /// `vendor/NAME` or `vendor/NAME-VERSION`, as `cargo vendor` writes them, with the checksum of the archive beside.
    fn in_vendor(&self, package: &Package, version: &str, depth: Depth) -> Option<Told> {
        let (folder, places) = self.vendored.as_ref()?;
        let names = [format!("{}-{version}", package.name), package.name.clone()];
        places.iter().flat_map(|place| names.iter().map(move |name| format!("{place}/{name}"))).find_map(|place| {
            let told = unpacked(folder, &place, package, version, depth)?;
            let stated = read(folder, &format!("{place}/.cargo-checksum.json"), TEXT_BYTES_MAX)?;
            let stated: Value = serde_json::from_slice(&stated).ok()?;
            // A package of git has no archive, and `null` here.
            let stated = stated.get("package").and_then(Value::as_str);
            (stated == sha256(package)).then_some(told)
        })
    }

    fn in_registry(&self, package: &Package, version: &str, depth: Depth, mismatched: &mut BTreeSet<String>) -> Option<Told> {
        let place = format!("{}-{version}", package.name);
        // Only what was hashed and found to be the lockfile's is remembered.
        let locked = sha256(package).filter(|_| depth == Depth::Archives && self.memory.is_kept());
        for registry in self.registries.iter().filter(|registry| registry.serves(&package.origin)) {
            let (archives, unpacked) = (registry.archives.as_ref(), registry.unpacked.as_ref());
            let known = locked.zip(archives);
            if let Some(told) = known.and_then(|(locked, archives)| self.memory.told(locked, archives, unpacked, &place)) {
                return Some(told);
            }
            let looks = known.and_then(|(_, archives)| Looks::of(archives, unpacked, &place, is_read));
            let told = match registry.look(package, version, &place, depth) {
                Found::Other => {
                    mismatched.insert(format!("{} {version}", package.name));
                    continue;
                }
                Found::Nothing => continue,
                Found::Told(told) => told,
            };
            if let (Some((locked, archives)), Some(looks), Some(_)) = (known, looks, &told.sha512) {
                self.memory.remember(locked, &looks, archives, unpacked, &place, &told);
            }
            return Some(told);
        }
        None
    }

    fn in_checkout(&mut self, package: &Package, url: &str, commit: &str, depth: Depth) -> Option<Told> {
        let folder = self.checkouts.as_ref()?;
        let ident = url.trim_end_matches('/').trim_end_matches(".git").rsplit('/').next()?;
        let repositories = folder.names("").ok()?;
        // Cargo names the checkout by the last part of the address with a hash, and below by the short commit.
        let named = repositories.iter().filter(|name| name.name.rsplit_once('-').is_some_and(|(name, _)| name == ident));
        let checkouts = named.flat_map(|name| {
            let commits = folder.names(&name.name).unwrap_or_default();
            let fitting = commits.into_iter().filter(|short| short.name.len() >= 7 && commit.starts_with(&short.name));
            fitting.map(|short| format!("{}/{}", name.name, short.name)).collect::<Vec<_>>()
        });
        for place in checkouts.collect::<Vec<_>>() {
            let crates = self.of_checkout.entry(place.clone()).or_insert_with(|| crates_of(folder, &place));
            let Some(at) = crates.get(&package.name) else { continue };
            let workspace = read(folder, &format!("{place}/Cargo.toml"), TEXT_BYTES_MAX);
            let own = read(folder, &format!("{at}/Cargo.toml"), TEXT_BYTES_MAX)?;
            let told = of(package, version(package)?, manifests::cargo(&own, workspace.as_deref()));
            if let Some(mut told) = told {
                if depth == Depth::Archives {
                    told.texts = texts_in(folder, at);
                    told.texts.extend(texts_in(folder, &place));
                }
                return Some(told);
            }
        }
        None
    }
}

/// What a registry's folders hold of a package.
enum Found {
    Told(Told),
    Nothing,
    /// Its archive is another one than the lockfile's.
    Other,
}

/// Whether a file of an unpacked crate is one that is read.
fn is_read(name: &str) -> bool {
    name == "Cargo.toml" || texts::is_named_like_one(name)
}

impl Registry {
    fn look(&self, package: &Package, version: &str, place: &str, depth: Depth) -> Found {
        let archive = || self.archives.as_ref().and_then(|folder| read(folder, &format!("{place}.crate"), ARCHIVE_BYTES_MAX));
        let bytes = if depth == Depth::Archives { archive() } else { None };
        let sha512 = match (&bytes, sha256(package)) {
            (Some(bytes), Some(locked)) if Digest::of(bytes).hex() == locked => Some(hex::encode(Sha512::digest(bytes))),
            (Some(_), Some(_)) => return Found::Other,
            _ => None,
        };
        let lies = self.unpacked.as_ref().and_then(|folder| unpacked(folder, place, package, version, depth));
        if let Some(told) = lies {
            return Found::Told(Told { sha512, ..told });
        }
        let Some(bytes) = bytes.or_else(archive) else { return Found::Nothing };
        let inside = archive::from_tar_gz(&bytes, &format!("{place}/Cargo.toml"), TEXT_BYTES_MAX);
        match inside.and_then(|manifest| of(package, version, manifests::cargo(&manifest, None))) {
            Some(told) => Found::Told(Told { sha512, ..told }),
            None => Found::Nothing,
        }
    }

    /// Whether packages of this origin come from this registry.
    fn serves(&self, origin: &Origin) -> bool {
        let host = match origin {
            Origin::Registry => return self.host.split('.').eq(DEFAULT_HOST) || self.host == DEFAULT_GIT_HOST,
            Origin::OtherRegistry { url } => url.split_once("://").map_or(url.as_str(), |(_, rest)| rest),
            _ => return false,
        };
        host.split(['/', ':', '?', '#']).next() == Some(&self.host)
    }
}

/// The SHA-256 that the lockfile has.
fn sha256(package: &Package) -> Option<&str> {
    package.hashes.iter().find(|hash| hash.algorithm == HashAlgorithm::Sha256).map(|hash| hash.hex.as_str())
}

/// What the unpacked crate in this folder states.
fn unpacked(folder: &Folder, place: &str, package: &Package, version: &str, depth: Depth) -> Option<Told> {
    let manifest = read(folder, &format!("{place}/Cargo.toml"), TEXT_BYTES_MAX)?;
    let mut told = of(package, version, manifests::cargo(&manifest, None))?;
    if depth == Depth::Archives {
        told.texts = texts_in(folder, place);
    }
    Some(told)
}

/// What a manifest tells, if it is this package's.
fn of(package: &Package, version: &str, manifest: Option<manifests::Manifest>) -> Option<Told> {
    manifest.filter(|manifest| manifest.name == package.name && manifest.version == version).map(|manifest| manifest.told)
}

/// Where the crates of a repository lie, by name. The topmost of a name counts.
fn crates_of(folder: &Folder, place: &str) -> HashMap<String, String> {
    let mut crates = HashMap::new();
    let mut level = vec![place.to_owned()];
    let mut looked = 0;
    for _ in 0..=DEPTH_MAX {
        let mut below = Vec::new();
        for at in level {
            looked += 1;
            if looked > FOLDERS_MAX {
                return crates;
            }
            let names = folder.names(&at).unwrap_or_default();
            if names.iter().any(|name| name.name == "Cargo.toml" && !name.folder)
                && let Some(bytes) = read(folder, &format!("{at}/Cargo.toml"), TEXT_BYTES_MAX)
                && let Some(name) = manifests::crate_name(&bytes)
            {
                crates.entry(name).or_insert_with(|| at.clone());
            }
            let folders = names.into_iter().filter(|name| name.folder && !name.name.starts_with('.') && name.name != "target");
            below.extend(folders.map(|name| format!("{at}/{}", name.name)));
        }
        level = below;
    }
    crates
}

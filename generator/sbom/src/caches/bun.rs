//! Bun's cache: a folder for each package, `NAME@VERSION@@@1`, those of a scope in a folder of the scope. A package of another
//! registry has its host in the name (`NAME@VERSION@@HOST@@@1`), one from GitHub the commit (`@GH@OWNER-NAME-COMMIT@@@1`).

use std::{collections::HashMap, path::PathBuf};

use avouch_read::lock::{Origin, Package};
use avouch_repository::Folder;

use super::{Depth, TEXT_BYTES_MAX, Told, manifests, read, texts_in};

/// The host of the registry that Bun asks unless it is told otherwise, label by label.
const DEFAULT_HOST: [&str; 3] = ["registry", "npmjs", "org"];
/// What the folders of packages from GitHub begin with.
const OF_GITHUB: &str = "@GH@";
/// Of a host with more characters than this the name of a folder has the first ones and a hash.
const HOST_CHARACTERS_MAX: usize = 32;
const HOST_CHARACTERS_KEPT: usize = 12;

/// Bun's caches.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    caches: Vec<Cache>,
}

#[derive(Debug)]
struct Cache {
    folder: Folder,
    /// The folders of a name; told when first asked.
    places: Option<HashMap<String, Vec<Place>>>,
}

/// A folder of the cache.
#[derive(Debug)]
struct Place {
    path: String,
    /// The version, of which what follows the patch number is a hash.
    version: String,
    /// The host of its registry; empty for the usual one.
    host: String,
}

impl Shelf {
    pub(super) fn open(places: &[PathBuf]) -> Self {
        let folders = places.iter().filter_map(|place| Folder::open(place).ok());
        Self { caches: folders.map(|folder| Cache { folder, places: None }).collect() }
    }

    pub(super) fn look(&mut self, package: &Package, depth: Depth) -> Option<Told> {
        self.caches.iter_mut().find_map(|cache| cache.look(package, depth))
    }
}

impl Cache {
    fn look(&mut self, package: &Package, depth: Depth) -> Option<Told> {
        let places = self.places.get_or_insert_with(|| listed(&self.folder));
        let key = if let Origin::Git { .. } = package.origin { OF_GITHUB } else { package.name.as_str() };
        places.get(key)?.iter().filter(|place| place.may_be(package)).find_map(|place| {
            let bytes = read(&self.folder, &format!("{}/package.json", place.path), TEXT_BYTES_MAX)?;
            let manifest = manifests::package_json(&bytes)?;
            // A commit tells the content by itself, whatever version that has.
            let fits = package.version.as_ref().is_none_or(|version| manifest.version == *version);
            let mut told = (manifest.name == package.name && fits).then_some(manifest.told)?;
            if depth == Depth::Archives {
                told.texts = texts_in(&self.folder, &place.path);
            }
            Some(told)
        })
    }
}

impl Place {
    /// Whether what lies here is of this version and from there, as far as the folder's name tells.
    fn may_be(&self, package: &Package) -> bool {
        let release = |version: &str| version.split(['-', '+']).next().unwrap_or_default().to_owned();
        let is_version = || package.version.as_deref().is_some_and(|version| release(version) == release(&self.version));
        match &package.origin {
            Origin::Registry => is_version() && (self.host.is_empty() || self.host.split('.').eq(DEFAULT_HOST)),
            Origin::OtherRegistry { url } => is_version() && is_host(&self.host, url),
            Origin::Git { url, commit } => {
                let repository = url.strip_prefix("https://github.com/").map(|path| path.trim_end_matches(".git"));
                let begins = repository.map(|path| format!("{}-", path.replace('/', "-")));
                let short = begins.and_then(|begins| self.version.strip_prefix(&begins));
                short.is_some_and(|short| short.len() >= 7 && (commit.starts_with(short) || short.starts_with(commit.as_str())))
            }
            Origin::Archive { .. } | Origin::Path { .. } => false,
        }
    }
}

/// Whether a folder's name has the host of this registry.
fn is_host(named: &str, url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default();
    if host.chars().count() <= HOST_CHARACTERS_MAX {
        return !host.is_empty() && named == host;
    }
    named.split_once("__").is_some_and(|(kept, _)| kept.len() == HOST_CHARACTERS_KEPT && host.starts_with(kept))
}

/// The folders of packages, by name.
fn listed(folder: &Folder) -> HashMap<String, Vec<Place>> {
    let mut places: HashMap<String, Vec<Place>> = HashMap::new();
    let folders = |path: &str| folder.names(path).unwrap_or_default().into_iter().filter(|name| name.folder);
    for entry in folders("") {
        if let Some(rest) = entry.name.strip_prefix(OF_GITHUB) {
            let version = rest.split("@@@").next().unwrap_or_default().to_owned();
            let place = Place { path: entry.name.clone(), version, host: String::new() };
            places.entry(OF_GITHUB.to_owned()).or_default().push(place);
        } else if entry.name.starts_with('@') {
            for scoped in folders(&entry.name) {
                add(&mut places, &format!("{}/{}", entry.name, scoped.name), &scoped.name);
            }
        } else {
            add(&mut places, &entry.name, &entry.name);
        }
    }
    for of_name in places.values_mut() {
        of_name.sort_by(|one, other| one.path.cmp(&other.path));
    }
    places
}

/// Adds the package that a folder's name tells of, unless it tells of none, or of one that is patched.
fn add(places: &mut HashMap<String, Vec<Place>>, path: &str, named: &str) {
    let told = named.rsplit_once("@@@").filter(|(_, format)| format.bytes().all(|byte| byte.is_ascii_digit()));
    let Some((name, rest)) = told.and_then(|(told, _)| told.split_once('@')) else { return };
    let (version, host) = rest.split_once("@@").unwrap_or((rest, ""));
    let scope = path.strip_suffix(named).unwrap_or_default();
    let place = Place { path: path.to_owned(), version: version.to_owned(), host: host.to_owned() };
    places.entry(format!("{scope}{name}")).or_default().push(place);
}

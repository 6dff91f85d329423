//! JavaScript packages: in `node_modules` as npm, yarn and pnpm lay it out, and in the zips of yarn's cache.

use std::collections::{BTreeSet, HashMap};

use avouch_read::lock::Package;
use avouch_repository::Folder;

use super::{ARCHIVE_BYTES_MAX, Depth, TEXT_BYTES_MAX, Told, archive, manifests, read, texts, texts_in, version};

/// More packages than any installation has.
const PACKAGES_MAX: usize = 200_000;
/// `node_modules` within `node_modules`.
const LEVELS_MAX: usize = 64;
/// The names that licence texts have in a zip, whose files are not listed.
const TEXT_NAMES: [&str; 6] = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license", "LICENCE", "COPYING"];

/// Where JavaScript packages lie.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    checkout: Option<Folder>,
    /// Where to begin: folders, with a `/` at the end.
    folders: Vec<String>,
    /// Where packages of a name lie; told when first asked.
    places: Option<HashMap<String, Vec<String>>>,
    /// The zips of yarn's caches, sorted by name.
    zips: Vec<(String, String)>,
}

impl Shelf {
    pub(super) fn open(checkout: Option<Folder>, folders: &BTreeSet<&str>) -> Self {
        let folders: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
        let mut zips = Vec::new();
        for folder in checkout.iter().flat_map(|_| &folders) {
            let cache = format!("{folder}.yarn/cache");
            let names = checkout.as_ref().and_then(|checkout| checkout.names(&cache).ok()).unwrap_or_default();
            zips.extend(names.into_iter().filter(|name| name.name.ends_with(".zip")).map(|name| (name.name, cache.clone())));
        }
        zips.sort();
        Self { checkout, folders, places: None, zips }
    }

    pub(super) fn look(&mut self, package: &Package, depth: Depth) -> Option<Told> {
        let checkout = self.checkout.as_ref()?;
        let places = self.places.get_or_insert_with(|| installed(checkout, &self.folders));
        let version = version(package)?;
        let found = places.get(&package.name).into_iter().flatten().find_map(|place| {
            let manifest = manifests::package_json(&read(checkout, &format!("{place}/package.json"), TEXT_BYTES_MAX)?)?;
            let fits = manifest.name == package.name && manifest.version == version;
            let texts = |mut told: Told| {
                if depth == Depth::Archives {
                    told.texts = texts_in(checkout, place);
                }
                told
            };
            fits.then(|| texts(manifest.told))
        });
        found.or_else(|| self.zipped(checkout, package, version, depth))
    }

    /// A package in a zip of yarn, `NAME-npm-VERSION-HASH-HASH.zip`, the scope joined by a dash.
    fn zipped(&self, checkout: &Folder, package: &Package, version: &str, depth: Depth) -> Option<Told> {
        let start = format!("{}-npm-{version}-", package.name.replace('/', "-"));
        let from = self.zips.partition_point(|(name, _)| *name < start);
        let fitting = self.zips.get(from..)?.iter().take_while(|(name, _)| name.starts_with(&start));
        fitting.into_iter().find_map(|(name, cache)| {
            let zip = read(checkout, &format!("{cache}/{name}"), ARCHIVE_BYTES_MAX)?;
            let inside = |file: &str| archive::from_zip(&zip, &format!("node_modules/{}/{file}", package.name), TEXT_BYTES_MAX);
            let manifest = manifests::package_json(&inside("package.json")?)?;
            let mut told = (manifest.name == package.name && manifest.version == version).then_some(manifest.told)?;
            if depth == Depth::Archives {
                told.texts =
                    TEXT_NAMES.iter().filter_map(|name| inside(name)).flat_map(|bytes| texts::identified(&bytes)).collect();
            }
            Some(told)
        })
    }
}

/// Where packages lie, by name. Links are not followed: they lead to what is found where it lies.
fn installed(checkout: &Folder, folders: &[String]) -> HashMap<String, Vec<String>> {
    let mut places: HashMap<String, Vec<String>> = HashMap::new();
    let mut waiting: Vec<(String, usize)> = folders.iter().map(|folder| (format!("{folder}node_modules"), 0)).collect();
    let mut count = 0;
    while let Some((at, level)) = waiting.pop() {
        for entry in checkout.names(&at).unwrap_or_default().into_iter().filter(|entry| entry.folder) {
            let place = format!("{at}/{}", entry.name);
            if entry.name == ".pnpm" {
                // Each of its folders holds one package that is no link, in a `node_modules` of its own.
                let virtual_ones = checkout.names(&place).unwrap_or_default();
                waiting.extend(virtual_ones.iter().map(|name| (format!("{place}/{}/node_modules", name.name), level + 1)));
            } else if entry.name.starts_with('@') {
                for scoped in checkout.names(&place).unwrap_or_default().into_iter().filter(|scoped| scoped.folder) {
                    let place = format!("{place}/{}", scoped.name);
                    waiting.push((format!("{place}/node_modules"), level + 1));
                    places.entry(format!("{}/{}", entry.name, scoped.name)).or_default().push(place);
                    count += 1;
                }
            } else if !entry.name.starts_with('.') {
                waiting.push((format!("{place}/node_modules"), level + 1));
                places.entry(entry.name).or_default().push(place);
                count += 1;
            }
        }
        waiting.retain(|(_, level)| *level <= LEVELS_MAX);
        if count > PACKAGES_MAX {
            break;
        }
    }
    for of_name in places.values_mut() {
        of_name.sort();
    }
    places
}

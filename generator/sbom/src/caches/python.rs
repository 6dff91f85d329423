//! Python distributions that are installed in a virtual environment of the checkout.

use std::collections::{BTreeSet, HashMap};

use avouch_read::lock::Package;
use avouch_repository::Folder;

use super::{Depth, TEXT_BYTES_MAX, Told, manifests, read, texts_in, version};

/// Where Python distributions lie.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    checkout: Option<Folder>,
    /// The metadata folder of a name and version.
    places: HashMap<(String, String), String>,
}

impl Shelf {
    pub(super) fn open(checkout: Option<Folder>, folders: &BTreeSet<&str>) -> Self {
        let mut places = HashMap::new();
        let names = |path: &str| checkout.as_ref().and_then(|checkout| checkout.names(path).ok()).unwrap_or_default();
        for environment in folders.iter().flat_map(|folder| [format!("{folder}.venv"), format!("{folder}venv")]) {
            let versions = names(&format!("{environment}/lib")).into_iter().filter(|name| name.name.starts_with("python"));
            let libraries = versions.map(|name| format!("{environment}/lib/{}", name.name));
            for library in libraries.chain([format!("{environment}/Lib")]) {
                let packages = format!("{library}/site-packages");
                for entry in names(&packages).into_iter().filter(|entry| entry.folder) {
                    if let Some((name, version)) = entry.name.strip_suffix(".dist-info").and_then(|stem| stem.rsplit_once('-')) {
                        places.entry((normal(name), version.to_owned())).or_insert_with(|| format!("{packages}/{}", entry.name));
                    }
                }
            }
        }
        Self { checkout, places }
    }

    pub(super) fn look(&self, package: &Package, depth: Depth) -> Option<Told> {
        let checkout = self.checkout.as_ref()?;
        let version = version(package)?;
        let place = self.places.get(&(normal(&package.name), version.to_owned()))?;
        let manifest = manifests::python(&read(checkout, &format!("{place}/METADATA"), TEXT_BYTES_MAX)?)?;
        let mut told =
            (normal(&manifest.name) == normal(&package.name) && manifest.version == version).then_some(manifest.told)?;
        if depth == Depth::Archives {
            told.texts = texts_in(checkout, place);
            told.texts.extend(texts_in(checkout, &format!("{place}/licenses")));
        }
        Some(told)
    }
}

/// A name as it is compared: runs of `-`, `_` and `.` are one `-`, in lower case (the name normalisation of the Python
/// packaging specifications).
fn normal(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '-' | '_' | '.') {
            if !normal.ends_with('-') {
                normal.push('-');
            }
        } else {
            normal.extend(character.to_lowercase());
        }
    }
    normal
}

//! pnpm's stores: content by hash, with an index file for each package. Stores of version 3 (pnpm 7 to 9) and 10 are read;
//! the index of version 11 is a database and is not.

use std::path::PathBuf;

use avouch_read::lock::{HashAlgorithm, Package};
use avouch_repository::Folder;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use super::{TEXT_BYTES_MAX, Told, manifests, read, version};

/// The largest index of a package's files that is read.
const INDEX_BYTES_MAX: u64 = 16 << 20;

/// pnpm's stores.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    stores: Vec<Folder>,
}

impl Shelf {
    pub(super) fn open(places: &[PathBuf]) -> Self {
        let versions = places.iter().flat_map(|place| [place.join("v10"), place.join("v3")]);
        Self { stores: versions.filter_map(|place| Folder::open(place).ok()).collect() }
    }

    /// The manifest's content is found by its hash, and has it: the index says which, the archive's integrity says which index.
    pub(super) fn look(&self, package: &Package) -> Option<Told> {
        let integrity = package.hashes.iter().find(|hash| hash.algorithm == HashAlgorithm::Sha512)?;
        let version = version(package)?;
        let (first, rest) = integrity.hex.split_at_checked(2)?;
        let id: String = format!("{}@{version}", package.name)
            .chars()
            .map(|character| if "\\/:*?\"<>|".contains(character) { '+' } else { character })
            .collect();
        let indexes = [format!("index/{first}/{}-{id}.json", rest.get(..62)?), format!("files/{first}/{rest}-index.json")];
        self.stores.iter().find_map(|store| {
            let index = indexes.iter().find_map(|path| read(store, path, INDEX_BYTES_MAX))?;
            let index: Value = serde_json::from_slice(&index).ok()?;
            let hash = index.get("files")?.get("package.json")?.get("integrity")?.as_str()?.strip_prefix("sha512-")?;
            let hash = hex::encode(BASE64_STANDARD.decode(hash).ok()?);
            let (first, rest) = hash.split_at_checked(2)?;
            let bytes = read(store, &format!("files/{first}/{rest}"), TEXT_BYTES_MAX)?;
            if hex::encode(Sha512::digest(&bytes)) != hash {
                return None;
            }
            let manifest = manifests::package_json(&bytes)?;
            (manifest.name == package.name && manifest.version == version).then_some(manifest.told)
        })
    }
}

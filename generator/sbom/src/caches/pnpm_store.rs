//! pnpm's stores: content by hash, with an index of the files of each package. Stores of version 3 (pnpm 7 to 9) and 10 have a
//! file of JSON for each package, those of version 11 (pnpm 11 and 12) a database.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use avouch_database::{Limits, Read, Value as Stored};
use avouch_model::product::{Database, Location};
use avouch_read::lock::{HashAlgorithm, Package};
use avouch_repository::Folder;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha512};

use super::{Depth, TEXT_BYTES_MAX, Told, manifests, packed::unpack, read, texts, version};

/// The largest index of a package's files that is read.
const INDEX_BYTES_MAX: u64 = 16 << 20;
/// The database of a store of version 11.
const DATABASE: &str = "index.db";
const QUESTION: &str = "SELECT data FROM package_index WHERE key = :key";

/// pnpm's stores.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    stores: Vec<Store>,
}

struct Store {
    folder: Folder,
    /// The index of a store of version 11.
    index: Option<Box<dyn Read>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("folder", &self.folder).field("index", &self.index.is_some()).finish()
    }
}

/// The files of a package: name, and SHA-512 in hexadecimal digits.
type Listed = BTreeMap<String, String>;

impl Shelf {
    pub(super) fn open(places: &[PathBuf]) -> Self {
        let with_files = places.iter().flat_map(|place| [place.join("v10"), place.join("v3")]);
        let with_files = with_files.filter_map(|place| Some(Store { folder: Folder::open(place).ok()?, index: None }));
        let with_database = places.iter().map(|place| place.join("v11"));
        let with_database =
            with_database.filter_map(|place| Some(Store { index: Some(database(&place)?), folder: Folder::open(place).ok()? }));
        Self { stores: with_database.chain(with_files).collect() }
    }

    /// The content of a file is found by its hash, and has it: the index says which, the archive's integrity says which index.
    pub(super) fn look(&mut self, package: &Package, depth: Depth) -> Option<Told> {
        let integrity = package.hashes.iter().find(|hash| hash.algorithm == HashAlgorithm::Sha512)?;
        let version = version(package)?;
        self.stores.iter_mut().find_map(|store| {
            let listed = store.listed(&package.name, version, &integrity.hex)?;
            let manifest = manifests::package_json(&store.content(listed.get("package.json")?)?)?;
            let mut told = (manifest.name == package.name && manifest.version == version).then_some(manifest.told)?;
            if depth == Depth::Archives {
                let named = listed.iter().filter(|(name, _)| !name.contains('/') && texts::is_named_like_one(name));
                let contents = named.filter_map(|(_, hash)| store.content(hash));
                told.texts = contents.flat_map(|bytes| texts::identified(&bytes)).collect();
            }
            Some(told)
        })
    }
}

impl Store {
    fn listed(&mut self, name: &str, version: &str, integrity: &str) -> Option<Listed> {
        let Some(index) = &mut self.index else { return self.listed_in_files(name, version, integrity) };
        let key = format!("sha512-{}\t{name}@{version}", BASE64_STANDARD.encode(hex::decode(integrity).ok()?));
        let limits = Limits { rows_max: 1, bytes_max: usize::try_from(INDEX_BYTES_MAX).ok()?, ..Limits::default() };
        let rows = index.query(QUESTION, &[("key", Stored::Text(key))], limits).ok()?;
        let Some(Stored::Blob(bytes)) = rows.single() else { return None };
        let packed = unpack(bytes)?;
        // Only of this algorithm are the hashes those that files are named by.
        packed.get("algo").filter(|algorithm| algorithm.as_text() == Some("sha512"))?;
        let files = packed.get("files")?.entries().iter();
        Some(files.filter_map(|(name, file)| Some((name.to_string(), file.get("digest")?.as_text()?.to_owned()))).collect())
    }

    fn listed_in_files(&self, name: &str, version: &str, integrity: &str) -> Option<Listed> {
        let (first, rest) = integrity.split_at_checked(2)?;
        let id: String = format!("{name}@{version}")
            .chars()
            .map(|character| if "\\/:*?\"<>|".contains(character) { '+' } else { character })
            .collect();
        let indexes = [format!("index/{first}/{}-{id}.json", rest.get(..62)?), format!("files/{first}/{rest}-index.json")];
        let index = indexes.iter().find_map(|path| read(&self.folder, path, INDEX_BYTES_MAX))?;
        let index: Value = serde_json::from_slice(&index).ok()?;
        let hash = |file: &Value| {
            let encoded = file.get("integrity")?.as_str()?.strip_prefix("sha512-")?;
            Some(hex::encode(BASE64_STANDARD.decode(encoded).ok()?))
        };
        let files = index.get("files")?.as_object()?.iter();
        Some(files.filter_map(|(name, file)| Some((name.clone(), hash(file)?))).collect())
    }

    /// The content of this hash; one that may be run has a name of its own.
    fn content(&self, hash: &str) -> Option<Vec<u8>> {
        let (first, rest) = hash.split_at_checked(2)?;
        let place = format!("files/{first}/{rest}");
        let file = |place: &str| read(&self.folder, place, TEXT_BYTES_MAX);
        let bytes = file(&place).or_else(|| file(&format!("{place}-exec")))?;
        (hex::encode(Sha512::digest(&bytes)) == hash).then_some(bytes)
    }
}

/// The index of a store. It is opened as whoever reads it beside pnpm has to open it, with the companions that SQLite keeps.
fn database(store: &Path) -> Option<Box<dyn Read>> {
    // Nothing is made where there is nothing.
    std::fs::symlink_metadata(store.join(DATABASE)).ok().filter(|file| file.is_file())?;
    let database =
        Database { name: "pnpm's store".to_owned(), location: Location::Sqlite(DATABASE.to_owned()), recovery_window: None };
    avouch_database::open_read(&database, store).ok()
}

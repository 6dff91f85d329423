//! Go's module cache: archives in `cache/download/MODULE/@v/VERSION.zip`, and unpacked modules in `MODULE@VERSION`. Both are
//! held against the `h1:` of the `go.sum`. A module has no manifest that names a licence: its texts alone tell it.
//!
//! A module that is not there may have been copied into the checkout: its texts are taken from `vendor` then.
//!
//! No hash of the archive is told: two machines may pack the same files into two archives, and `h1:` is of the files.

use std::{collections::BTreeSet, path::Path};

use avouch_read::lock::{Package, Seal};
use avouch_repository::{Files, Folder};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{ARCHIVE_BYTES_MAX, Depth, TEXT_BYTES_MAX, Told, archive::Zip, go_vendor::Vendored, manifests, read, texts, version};

/// The most of an archive that is unpacked; Go takes no more than 500 MiB.
const UNPACKED_BYTES_MAX: u64 = 512 << 20;
/// More files than any module has.
const FILES_MAX: usize = 200_000;

/// Go's module cache, and what was copied from it.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    cache: Option<Folder>,
    vendored: Vendored,
}

impl Shelf {
    pub(super) fn open(cache: Option<&Path>, checkout: Option<Folder>, folders: &BTreeSet<&str>) -> Self {
        let cache = cache.and_then(|cache| Folder::open(cache).ok());
        Self { cache, vendored: Vendored::open(checkout, folders) }
    }

    pub(super) fn look(&self, package: &Package, depth: Depth, mismatched: &mut BTreeSet<String>) -> Option<Told> {
        let mut told = self.in_cache(package, depth, mismatched).unwrap_or_default();
        if depth == Depth::Archives && told.texts.is_empty() {
            told.texts = self.vendored.texts(package);
        }
        (told != Told::default()).then_some(told)
    }

    fn in_cache(&self, package: &Package, depth: Depth, mismatched: &mut BTreeSet<String>) -> Option<Told> {
        let cache = self.cache.as_ref()?;
        let version = version(package)?;
        let (path, escaped) = (escaped(&package.name), escaped(version));
        let download = format!("cache/download/{path}/@v/{escaped}");
        let source = read(cache, &format!("{download}.info"), TEXT_BYTES_MAX).and_then(|info| source(&info, version));
        let mut told = Told { page: source.clone(), source, ..Told::default() };
        if depth == Depth::Archives {
            let locked = package.seals.iter().find_map(|seal| match seal {
                Seal::GoDirectory { whole: true, hex } => Some(hex.as_str()),
                _ => None,
            });
            let prefix = format!("{}@{version}", package.name);
            let zip = read(cache, &format!("{download}.zip"), ARCHIVE_BYTES_MAX);
            let found = match zip.as_deref() {
                Some(bytes) => Zip::open(bytes).and_then(|mut zip| in_zip(&mut zip, &prefix)),
                None => in_folder(cache, &format!("{path}@{escaped}"), &prefix),
            };
            let Some((hash, texts)) = found else { return Some(told) };
            if locked.is_some_and(|locked| locked != hash) {
                mismatched.insert(format!("{} {version}", package.name));
                return None;
            }
            told.texts = texts;
        }
        Some(told)
    }
}

/// The hash of an archive's files and the licences in it.
fn in_zip(zip: &mut Zip<'_>, prefix: &str) -> Option<(String, BTreeSet<&'static str>)> {
    let mut found = Found::default();
    let names = zip.names()?;
    if names.len() > FILES_MAX {
        return None;
    }
    let mut left = UNPACKED_BYTES_MAX;
    for name in names {
        let bytes = zip.read(&name, left)?;
        left -= bytes.len() as u64;
        found.add(&name, &bytes, prefix);
    }
    Some(found.told())
}

/// The hash of an unpacked module's files and the licences in it.
fn in_folder(cache: &Folder, place: &str, prefix: &str) -> Option<(String, BTreeSet<&'static str>)> {
    let mut found = Found::default();
    let mut waiting = vec![String::new()];
    let (mut count, mut left) = (0, UNPACKED_BYTES_MAX);
    while let Some(at) = waiting.pop() {
        for entry in cache.names(&format!("{place}{at}")).ok()? {
            count += 1;
            if count > FILES_MAX {
                return None;
            }
            let inside = format!("{at}/{}", entry.name);
            if entry.folder {
                waiting.push(inside);
            } else {
                // A link is none of the files that Go unpacks.
                let bytes = cache.read(&format!("{place}{inside}"), left).ok()??;
                left -= bytes.len() as u64;
                found.add(&format!("{prefix}{inside}"), &bytes, prefix);
            }
        }
    }
    (count > 0).then(|| found.told())
}

/// What the files of a module tell.
#[derive(Default)]
struct Found {
    /// The name and SHA-256 of each file.
    lines: Vec<(String, [u8; 32])>,
    texts: BTreeSet<&'static str>,
}

impl Found {
    fn add(&mut self, name: &str, bytes: &[u8], prefix: &str) {
        let inside = name.strip_prefix(prefix).and_then(|name| name.strip_prefix('/'));
        if inside.is_some_and(|name| !name.contains('/') && texts::is_named_like_one(name))
            && bytes.len() as u64 <= TEXT_BYTES_MAX
        {
            self.texts.extend(texts::identified(bytes));
        }
        self.lines.push((name.to_owned(), Sha256::digest(bytes).into()));
    }

    /// Hash1 (golang.org/x/mod/sumdb/dirhash): the SHA-256 of a line `DIGEST  NAME` for each file, sorted by name.
    fn told(mut self) -> (String, BTreeSet<&'static str>) {
        self.lines.sort();
        let mut hash = Sha256::new();
        for (name, digest) in &self.lines {
            hash.update(format!("{}  {name}\n", hex::encode(digest)));
        }
        (hex::encode(hash.finalize()), self.texts)
    }
}

/// A path or version as folders are named: a letter in upper case is `!` and the letter in lower case, for systems that tell
/// them not apart (Go Modules Reference, "Module cache").
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(character.to_ascii_lowercase());
    }
    escaped
}

/// Where a module was taken from, as the proxy told it (Go Modules Reference, "GOPROXY protocol").
fn source(info: &[u8], version: &str) -> Option<String> {
    let info: Value = serde_json::from_slice(info).ok()?;
    let is_this = info.get("Version").and_then(Value::as_str) == Some(version);
    let url = info.get("Origin")?.get("URL")?.as_str()?;
    manifests::web_address(url).filter(|_| is_this)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_upper_case_are_escaped() {
        assert_eq!(escaped("github.com/BurntSushi/toml"), "github.com/!burnt!sushi/toml");
        assert_eq!(escaped("v1.0.0-RC.1+incompatible"), "v1.0.0-!r!c.1+incompatible");
    }
}

//! `go.sum`: what modules are recognised by.
//!
//! It holds more than a build takes: every version that choosing one looked at, and old ones until somebody tidies. So it
//! adds to the modules of a `go.mod`, and names none itself.

use std::{borrow::Cow, collections::HashMap};

use base64::{Engine, prelude::BASE64_STANDARD};

use super::super::{Lockfile, OTHER_BYTES_MAX, Package, Seal};
use crate::structured::{Unreadable, text_source};

/// Adds the checksums to the modules that have them.
pub(in crate::lock) fn tell(lockfile: &mut Lockfile, path: &str, bytes: &[u8]) -> Result<(), Unreadable> {
    let source = text_source(path, Cow::Borrowed(bytes), OTHER_BYTES_MAX)?;
    // What no build takes may be most of the file, and is only held to its form.
    let versions = |package: &Package| (package.name.clone(), package.version.clone().unwrap_or_default());
    let taken: Vec<(String, String)> = lockfile.packages.iter().map(versions).collect();
    let mut seals: HashMap<(&str, &str), Vec<Seal>> =
        taken.iter().map(|(module, version)| ((module.as_str(), version.as_str()), Vec::new())).collect();
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if line.trim().is_empty() {
            continue;
        }
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let seal = match words.as_slice() {
            [module, version, hash] => seal(version, hash).map(|(version, seal)| ((*module, version), seal)),
            _ => None,
        };
        let (key, seal) = seal.ok_or_else(|| {
            Unreadable::at(&source, "go-sum", at..at + line.len(), "this is not `module version h1:hash`")
                .help("restore the file from git, or write it anew with `go mod tidy`")
        })?;
        if let Some(seals) = seals.get_mut(&key) {
            seals.push(seal);
        }
    }
    for (package, (module, version)) in lockfile.packages.iter_mut().zip(&taken) {
        if let Some(found) = seals.get(&(module.as_str(), version.as_str())).filter(|found| !found.is_empty()) {
            package.seals.clone_from(found);
            package.seals.sort();
            package.seals.dedup();
        }
    }
    Ok(())
}

/// The version and what is sealed: a module, or its `go.mod` alone.
fn seal<'a>(version: &'a str, hash: &str) -> Option<(&'a str, Seal)> {
    let (version, whole) = match version.strip_suffix("/go.mod") {
        Some(version) => (version, false),
        None => (version, true),
    };
    let bytes = BASE64_STANDARD.decode(hash.strip_prefix("h1:")?).ok().filter(|bytes| bytes.len() == 32)?;
    Some((version, Seal::GoDirectory { whole, hex: hex::encode(bytes) }))
}

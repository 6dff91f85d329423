//! What lockfiles do not tell and manifests do: the names of a pnpm workspace's packages, and which crates are needed for
//! development only.

use std::collections::{BTreeMap, BTreeSet};

use avouch_read::{
    lock::{Format, Manifest, Origin},
    structured::{Node, parse_toml},
};
use avouch_repository::Files;

use crate::{
    SbomError,
    lockfiles::{Read, folder},
    manifest::{self, BYTES_MAX},
};

/// Adds to a lockfile what the manifests of its workspace tell.
pub(crate) fn tell(tree: &dyn Files, paths: &[String], lockfile: &mut Read) -> Result<(), SbomError> {
    match lockfile.lock.format {
        Format::CargoLock => crates(tree, paths, lockfile),
        Format::PnpmLock => importers(tree, lockfile),
        Format::PackageLock | Format::YarnLock | Format::PoetryLock => manifests(tree, paths, lockfile),
        Format::BunLock | Format::UvLock | Format::Requirements | Format::GoMod => Ok(()),
    }
}

/// The manifests of a lockfile that does not write down what its projects ask for, or what for.
fn manifests(tree: &dyn Files, paths: &[String], lockfile: &mut Read) -> Result<(), SbomError> {
    if lockfile.lock.format == Format::PackageLock && lockfile.lock.format_version != "1" {
        return Ok(());
    }
    let name = if lockfile.lock.format == Format::PoetryLock { "pyproject.toml" } else { "package.json" };
    let read = |folder: &str| -> Result<Option<Manifest>, SbomError> {
        let path = format!("{}{folder}{}{name}", lockfile.folder, if folder.is_empty() { "" } else { "/" });
        Ok(tree.read(&path, BYTES_MAX)?.map(|bytes| Manifest::parse(&path, &bytes)).transpose()?)
    };
    let Some(root) = read("")? else { return Ok(()) };
    // What is not among the files of the tree is not asked for, whatever folders a lockfile names.
    let below = paths.iter().filter_map(|path| path.strip_prefix(&lockfile.folder)?.strip_suffix("/package.json"));
    let known: BTreeSet<&str> = lockfile.lock.importers.iter().map(|importer| importer.folder.as_str()).collect();
    let is_ours = |folder: &&str| known.contains(folder) || (!folder.contains("node_modules") && root.has_member(folder));
    let folders: Vec<String> = below.filter(is_ours).map(str::to_owned).collect();
    let mut told = vec![(String::new(), root)];
    for folder in folders {
        told.extend(read(&folder)?.map(|manifest| (folder, manifest)));
    }
    lockfile.lock.tell_manifests(&told);
    Ok(())
}

fn importers(tree: &dyn Files, lockfile: &mut Read) -> Result<(), SbomError> {
    for at in lockfile.lock.roots.clone() {
        let Some(package) = lockfile.lock.packages.get_mut(at) else { continue };
        let Origin::Path { path: Some(path) } = &package.origin else { continue };
        let place = if path == "." { String::new() } else { format!("{path}/") };
        let named = manifest::npm(tree, &format!("{}{place}package.json", lockfile.folder))?;
        package.name = named.name.unwrap_or_else(|| package.name.clone());
        package.version = named.version;
        package.licence = named.licence;
    }
    Ok(())
}

/// A manifest's direct dependencies: the names of crates, and whether each is needed for more than development.
type Direct = BTreeMap<String, bool>;

fn crates(tree: &dyn Files, paths: &[String], lockfile: &mut Read) -> Result<(), SbomError> {
    let own: BTreeSet<&str> = lockfile
        .lock
        .roots
        .iter()
        .filter_map(|at| lockfile.lock.packages.get(*at))
        .map(|package| package.name.as_str())
        .collect();
    let mut manifests: Vec<&String> =
        paths.iter().filter(|path| path.starts_with(&lockfile.folder) && path.rsplit('/').next() == Some("Cargo.toml")).collect();
    manifests.sort_by_key(|path| (path.matches('/').count(), *path));
    let mut direct: BTreeMap<String, Direct> = BTreeMap::new();
    let mut renamed = Renames::new();
    for path in manifests {
        let bytes = tree.read(path, BYTES_MAX)?.unwrap_or_default();
        // Among all manifests of a tree some are broken on purpose; one of ours that is leaves its crates required.
        let Ok(document) = parse_toml(path, &bytes, BYTES_MAX) else { continue };
        if folder(path) == lockfile.folder {
            renamed = renames(document.root.pointer("/workspace/dependencies"));
        }
        let name = document.root.pointer("/package/name").and_then(Node::as_text).unwrap_or_default();
        if own.contains(name) && !direct.contains_key(name) {
            direct.insert(name.to_owned(), needs(&document.root, &renamed));
        }
    }
    lockfile.lock.tell_development(|root, needed| {
        // What no manifest that was found explains is not called development.
        direct.get(&root.name).and_then(|direct| direct.get(&needed.name)) == Some(&false)
    });
    Ok(())
}

/// Local name to the crate's name, where they differ.
type Renames = BTreeMap<String, String>;

fn renames(dependencies: Option<&Node>) -> Renames {
    let entries = dependencies.and_then(Node::as_table).map(|table| table.entries()).unwrap_or_default();
    let renamed = entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.get("package")?.as_text()?.to_owned())));
    renamed.collect()
}

fn needs(manifest: &Node, workspace: &Renames) -> Direct {
    let targets = manifest.get("target").and_then(Node::as_table).map(|table| table.entries()).unwrap_or_default();
    let mut direct = Direct::new();
    for part in std::iter::once(manifest).chain(targets.iter().map(|entry| &entry.value)) {
        for (kind, more) in [
            ("dependencies", true),
            ("build-dependencies", true),
            ("build_dependencies", true),
            ("dev-dependencies", false),
            ("dev_dependencies", false),
        ] {
            for entry in part.get(kind).and_then(Node::as_table).map(|table| table.entries()).unwrap_or_default() {
                let own = entry.value.get("package").and_then(Node::as_text);
                let inherited = || workspace.get(&entry.key).map(String::as_str);
                let name = own.or_else(inherited).unwrap_or(&entry.key);
                *direct.entry(name.to_owned()).or_default() |= more;
            }
        }
    }
    direct
}

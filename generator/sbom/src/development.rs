//! What lockfiles do not tell and manifests do: the names of a pnpm workspace's packages, the licences of our own crates, and
//! which crates are needed for building or development only.

use std::collections::{BTreeMap, BTreeSet};

use avouch_read::{
    lock::{Format, Manifest, Need, Origin, Surplus},
    structured::{Node, parse_toml},
};
use avouch_repository::Files;

use crate::{
    SbomError,
    copies::{self, Copies},
    lockfiles::{Read, folder, other_part},
    manifest::{self, BYTES_MAX, Damaged, or_nothing},
};

/// Adds to a lockfile what the manifests of its workspace tell. One that is damaged tells nothing, and stops none of the others.
pub(crate) fn tell(tree: &dyn Files, paths: &[String], lockfile: &mut Read, damaged: &mut Damaged) -> Result<(), SbomError> {
    match lockfile.lock.format {
        Format::CargoLock => crates(tree, paths, lockfile, damaged)?,
        Format::PnpmLock => importers(tree, lockfile, damaged)?,
        Format::PackageLock | Format::YarnLock | Format::PoetryLock => manifests(tree, paths, lockfile, damaged)?,
        Format::BunLock | Format::UvLock | Format::Requirements | Format::GoMod => {}
    }
    let lock = &mut lockfile.lock;
    let copies = lock.roots.iter().filter(|root| lock.packages.get(**root).is_some_and(copies::lies_among_copies));
    let copies = copies.map(|root| (*root, None)).collect();
    lock.tell_copies(&copies);
    Ok(())
}

/// The manifests of a lockfile that does not write down what its projects ask for, or what for.
fn manifests(tree: &dyn Files, paths: &[String], lockfile: &mut Read, damaged: &mut Damaged) -> Result<(), SbomError> {
    if lockfile.lock.format == Format::PackageLock && lockfile.lock.format_version != "1" {
        return Ok(());
    }
    if lockfile.lock.format == Format::YarnLock {
        let path = format!("{}.yarnrc.yml", lockfile.folder);
        let bytes = tree.read(&path, BYTES_MAX).map_err(SbomError::from).map(Option::unwrap_or_default);
        let told = bytes.and_then(|bytes| Ok(lockfile.lock.tell_catalogues(&path, &bytes)?));
        or_nothing(&path, told, damaged)?;
    }
    let name = if lockfile.lock.format == Format::PoetryLock { "pyproject.toml" } else { "package.json" };
    let mut read = |folder: &str| -> Result<Option<Manifest>, SbomError> {
        let path = format!("{}{folder}{}{name}", lockfile.folder, if folder.is_empty() { "" } else { "/" });
        let bytes = tree.read(&path, BYTES_MAX).map_err(SbomError::from);
        let manifest = bytes.and_then(|bytes| Ok(bytes.map(|bytes| Manifest::parse(&path, &bytes)).transpose()?));
        or_nothing(&path, manifest, damaged)
    };
    let Some(root) = read("")? else { return Ok(()) };
    // What is not among the files of the tree is not asked for, whatever folders a lockfile names.
    let below = paths.iter().filter_map(|path| path.strip_prefix(&lockfile.folder)?.strip_suffix("/package.json"));
    let known: BTreeSet<&str> = lockfile.lock.importers.iter().map(|importer| importer.folder.as_str()).collect();
    let is_ours = |folder: &&str| known.contains(folder) || (!folder.contains("node_modules") && root.has_member(folder));
    let folders: Vec<String> = below.filter(is_ours).map(str::to_owned).collect();
    let mut told = vec![(String::new(), root)];
    let all = folders.len() + 1;
    for folder in folders {
        told.extend(read(&folder)?.map(|manifest| (folder, manifest)));
    }
    lockfile.lock.tell_manifests(&told);
    if told.len() < all {
        lockfile.lock.tell_untold();
    }
    Ok(())
}

fn importers(tree: &dyn Files, lockfile: &mut Read, damaged: &mut Damaged) -> Result<(), SbomError> {
    for at in lockfile.lock.roots.clone() {
        let Some(package) = lockfile.lock.packages.get_mut(at) else { continue };
        let Origin::Path { path: Some(path) } = &package.origin else { continue };
        let place = if path == "." { String::new() } else { format!("{path}/") };
        let named = manifest::npm(tree, &format!("{}{place}package.json", lockfile.folder), damaged)?;
        package.name = named.name.unwrap_or_else(|| package.name.clone());
        package.version = named.version;
        package.licence = named.licence;
    }
    Ok(())
}

/// A manifest's direct dependencies: the names of crates, and what each is needed for.
type Direct = BTreeMap<String, Need>;

fn crates(tree: &dyn Files, paths: &[String], lockfile: &mut Read, damaged: &mut Damaged) -> Result<(), SbomError> {
    let roots = lockfile.lock.roots.iter().filter_map(|at| lockfile.lock.packages.get(*at));
    let own: BTreeSet<String> = roots.map(|package| package.name.clone()).collect();
    // `cargo vendor` leaves a checksum beside each manifest; those are not ours.
    let vendored: BTreeSet<&str> = paths.iter().filter_map(|path| path.strip_suffix(".cargo-checksum.json")).collect();
    let is_manifest = |path: &&String| path.starts_with(&lockfile.folder) && path.rsplit('/').next() == Some("Cargo.toml");
    let mut manifests: Vec<&String> =
        paths.iter().filter(is_manifest).filter(|path| !vendored.contains(folder(path).as_str())).collect();
    manifests.sort_by_key(|path| (path.matches('/').count(), *path));
    let mut direct: BTreeMap<String, Direct> = BTreeMap::new();
    let mut licences: BTreeMap<String, String> = BTreeMap::new();
    let (mut renamed, mut shared) = (Renames::new(), None);
    let mut found = Copies::default();
    let mut broken = Damaged::new();
    for path in manifests {
        let bytes = tree.read(path, BYTES_MAX).map_err(SbomError::from).map(Option::unwrap_or_default);
        let document = bytes.and_then(|bytes| Ok(Some(parse_toml(path, &bytes, BYTES_MAX)?)));
        let Some(document) = or_nothing(path, document, &mut broken)? else {
            found.unread();
            continue;
        };
        if folder(path) == lockfile.folder {
            found.root(&document.root);
            renamed = renames(document.root.pointer("/workspace/dependencies"));
            shared = document.root.pointer("/workspace/package/license").and_then(Node::as_text).map(str::to_owned);
        }
        let name = document.root.pointer("/package/name").and_then(Node::as_text).unwrap_or_default();
        found.manifest(name, folder(path).strip_prefix(&lockfile.folder).unwrap_or_default());
        if own.contains(name) && !direct.contains_key(name) {
            direct.insert(name.to_owned(), needs(&document.root, &renamed));
            let licence = document.root.pointer("/package/license");
            let inherited = || shared.as_deref().filter(|_| licence.is_some_and(|licence| licence.get("workspace").is_some()));
            let licence = licence.and_then(Node::as_text).or_else(inherited);
            licences.extend(licence.map(|licence| (name.to_owned(), licence.to_owned())));
        }
    }
    // Among all manifests of a tree some are broken on purpose. One counts that may be of a crate of ours: it leaves what that
    // crate asks for required.
    if !own.iter().all(|name| direct.contains_key(name)) {
        damaged.extend(broken.into_iter().filter(|(path, _)| other_part(path).is_none()));
    }
    for at in lockfile.lock.roots.clone() {
        if let Some(package) = lockfile.lock.packages.get_mut(at) {
            package.licence = package.licence.take().or_else(|| licences.get(&package.name).cloned());
        }
    }
    let roots: BTreeSet<usize> = lockfile.lock.roots.iter().copied().collect();
    lockfile.lock.tell_needs(|packages, from, to, old| {
        // What no manifest that was found explains is as needed as it was.
        let pair = packages.get(from).zip(packages.get(to)).filter(|_| roots.contains(&from));
        let told = pair.and_then(|(from, to)| direct.get(&from.name)?.get(&to.name).copied());
        told.unwrap_or(old)
    });
    lockfile.lock.surplus.remove(&Surplus::Development);
    let copies = found.copies(&lockfile.lock);
    lockfile.lock.tell_copies(&copies);
    lockfile.crates = found.folders();
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
        for (kind, need) in [
            ("dependencies", Need::Required),
            ("build-dependencies", Need::Build),
            ("build_dependencies", Need::Build),
            ("dev-dependencies", Need::Development),
            ("dev_dependencies", Need::Development),
        ] {
            for entry in part.get(kind).and_then(Node::as_table).map(|table| table.entries()).unwrap_or_default() {
                let own = entry.value.get("package").and_then(Node::as_text);
                let inherited = || workspace.get(&entry.key).map(String::as_str);
                let name = own.or_else(inherited).unwrap_or(&entry.key);
                // A crate that is asked for twice is as needed as where it is needed most.
                direct.entry(name.to_owned()).and_modify(|known| *known = need.min(*known)).or_insert(need);
            }
        }
    }
    direct
}

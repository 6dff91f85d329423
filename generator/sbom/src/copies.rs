//! Which packages in a folder are copies of what others publish: a `Cargo.lock` lists them as it lists the repository's own.
//!
//! A copy that was taken for our own would be looked up nowhere, whatever is known against it. One of our own that is taken
//! for a copy is looked up once too often. So what is doubtful is a copy.

use std::collections::{BTreeMap, BTreeSet};

use avouch_read::{
    lock::{Lockfile, Manifest, Origin, Package},
    structured::{Entry, Node, Table},
};

/// Folders that hold what others publish.
const FOLDERS: [&str; 5] = ["vendor", "vendored", "third_party", "third-party", "node_modules"];

/// What the manifests of a Cargo workspace tell of copies.
#[derive(Default)]
pub(crate) struct Copies {
    /// Whether there is a manifest beside the lockfile.
    rooted: bool,
    /// Whether a manifest could not be read: then nobody knows which crates lie in the tree.
    unread: bool,
    /// Patterns of the folders of members.
    members: Manifest,
    /// Crates that stand in for those of a registry, and their folders.
    patches: BTreeMap<String, String>,
    /// The crates of the tree, and the folder of the topmost manifest of each.
    manifests: BTreeMap<String, String>,
}

impl Copies {
    /// The manifest beside the lockfile.
    pub(crate) fn root(&mut self, manifest: &Node) {
        self.rooted = true;
        let patterns = |place: &str| manifest.pointer(place).and_then(Node::as_list).unwrap_or_default();
        let members = patterns("/workspace/members").iter().filter_map(Node::as_text).map(str::to_owned);
        let excluded = patterns("/workspace/exclude").iter().filter_map(Node::as_text).map(|folder| format!("!{folder}"));
        self.members.workspaces = members.chain(excluded).collect();
        let patched = entries(manifest.get("patch")).iter().flat_map(|registry| entries(Some(&registry.value)));
        // `[replace]` names the version too, `name:1.0.0`.
        for entry in patched.chain(entries(manifest.get("replace"))) {
            if let Some(path) = entry.value.get("path").and_then(Node::as_text) {
                let named = entry.value.get("package").and_then(Node::as_text);
                let name = named.unwrap_or_else(|| entry.key.split(':').next().unwrap_or_default());
                self.patches.insert(name.to_owned(), path.trim_start_matches("./").trim_end_matches('/').to_owned());
            }
        }
    }

    /// A manifest of the tree that names a crate, topmost first.
    pub(crate) fn manifest(&mut self, name: &str, folder: &str) {
        if !name.is_empty() {
            self.manifests.entry(name.to_owned()).or_insert_with(|| folder.trim_end_matches('/').to_owned());
        }
    }

    pub(crate) fn unread(&mut self) {
        self.unread = true;
    }

    /// The roots of a lockfile that are copies, with their folders: what stands in for a crate of a registry and is no member
    /// of the workspace, what lies in a folder for such, and what lies outside of the tree.
    pub(crate) fn copies(&self, lock: &Lockfile) -> BTreeMap<usize, Option<String>> {
        let roots: BTreeSet<usize> = lock.roots.iter().copied().collect();
        let packages = roots.into_iter().filter_map(|at| Some((at, lock.packages.get(at)?)));
        packages.filter_map(|(at, package)| Some((at, self.copy(&package.name)?))).collect()
    }

    /// The crates of the tree, and their folders.
    pub(crate) fn folders(self) -> BTreeMap<String, String> {
        self.manifests
    }

    /// The folder of a crate that is a copy, if that is known.
    fn copy(&self, name: &str) -> Option<Option<String>> {
        let folder = self.manifests.get(name);
        match self.patches.get(name) {
            Some(path) if !self.members.has_member(path) => return Some(Some(path.clone())),
            _ => {}
        }
        match folder {
            Some(folder) => among_copies(folder).then(|| Some(folder.clone())),
            None => (self.rooted && !self.unread).then_some(None),
        }
    }
}

/// Whether a package lies in a folder that holds what others publish.
pub(crate) fn lies_among_copies(package: &Package) -> bool {
    matches!(&package.origin, Origin::Path { path: Some(path) } if among_copies(path))
}

fn among_copies(folder: &str) -> bool {
    folder.split('/').any(|part| FOLDERS.contains(&part))
}

fn entries(node: Option<&Node>) -> &[Entry] {
    node.and_then(Node::as_table).map(Table::entries).unwrap_or_default()
}

//! Manifests: what a project asks for, for lockfiles that do not say it, and for holding the two against each other.

use std::collections::BTreeMap;

use super::{Lockfile, Need, graph::ASKED_MAX, python};
use crate::structured::{Document, Node, Table, Unreadable, parse_json, parse_toml};

/// The largest manifest that is read, in bytes.
pub const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// What one root of a lockfile asks for, as the lockfile has written it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Importer {
    /// Its place in [`Lockfile::packages`].
    pub root: usize,
    /// Its folder, relative to the lockfile; empty for the lockfile's own. A `Cargo.lock` tells no folders: the crate's name.
    pub folder: String,
    /// What it asks for, in the order of the lockfile.
    pub asked: Vec<Asked>,
}

/// A dependency that a project asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The name it is asked for by: an alias, not what it stands for. Python names are normalised.
    pub name: String,
    /// The versions it accepts, as written (`^1.0.0`, `catalog:`, `>=2,<3`); none where the format keeps none.
    pub specifier: Option<String>,
    /// What for.
    pub need: Need,
    /// The place in [`Lockfile::packages`] of what it got; none in a manifest, or when the lockfile holds nothing for it.
    pub found: Option<usize>,
}

impl Asked {
    pub(super) fn new(name: &str, specifier: Option<&str>, need: Need) -> Self {
        Self { name: name.to_owned(), specifier: specifier.map(str::to_owned), need, found: None }
    }
}

/// A `package.json` or `pyproject.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The package's name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its licence, as written.
    pub licence: Option<String>,
    /// What it asks for.
    pub asked: Vec<Asked>,
    /// Patterns of the folders of its workspace members.
    pub workspaces: Vec<String>,
}

/// Where a manifest and its lockfile differ about a dependency.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The name it is asked for by.
    pub name: String,
    /// What the manifest asks for; none when it does not ask for it.
    pub manifest: Option<String>,
    /// What the lockfile was made for; none when it was made without it.
    pub lockfile: Option<String>,
}

impl Manifest {
    /// Reads a `package.json` or a `pyproject.toml` (PEP 621, PEP 735, and Poetry's own tables).
    ///
    /// # Errors
    /// When the bytes are no JSON or TOML.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Self, Unreadable> {
        let document = if path.ends_with(".toml") {
            parse_toml(path, bytes, MANIFEST_BYTES_MAX)?
        } else {
            parse_json(path, bytes, MANIFEST_BYTES_MAX).map_err(|error| error.help("correct the manifest"))?
        };
        Ok(Self::of(&document))
    }

    /// The manifest that a document is, by its name.
    pub fn of(document: &Document) -> Self {
        if document.source.path.ends_with(".toml") { python::project(&document.root) } else { package_json(&document.root) }
    }
}

fn package_json(root: &Node) -> Manifest {
    let text = |key: &str| root.get(key).and_then(Node::as_text).map(str::to_owned);
    let workspaces = root.get("workspaces").and_then(|node| node.as_list().or_else(|| node.get("packages")?.as_list()));
    Manifest {
        name: text("name"),
        version: text("version"),
        licence: text("license"),
        asked: asked_of_npm(root),
        workspaces: workspaces.into_iter().flatten().filter_map(Node::as_text).map(str::to_owned).collect(),
    }
}

/// What a `package.json`, or what a lockfile has copied from it, asks for; a name of two kinds is of the first.
pub(super) fn asked_of_npm(node: &Node) -> Vec<Asked> {
    // What is optional is listed among `dependencies` too by some writers; the optional entry overrides it, as in npm.
    let kinds = [
        ("optionalDependencies", Need::Optional),
        ("dependencies", Need::Required),
        ("peerDependencies", Need::Peer),
        ("devDependencies", Need::Development),
    ];
    let mut asked: BTreeMap<&str, Asked> = BTreeMap::new();
    for (kind, need) in kinds {
        for entry in node.get(kind).and_then(Node::as_table).map(Table::entries).unwrap_or_default() {
            // Whoever asks for more is refused by that.
            if asked.len() > ASKED_MAX {
                break;
            }
            let need = if need == Need::Peer && is_optional_peer(node, &entry.key) { Need::Optional } else { need };
            let new = || Asked::new(&entry.key, entry.value.as_text(), need);
            let slot = asked.entry(&entry.key).or_insert_with(new);
            // A peer that is developed with is installed for development.
            if slot.need == Need::Optional && kind == "devDependencies" && node.get("optionalDependencies").is_none() {
                *slot = new();
            }
        }
    }
    asked.into_values().collect()
}

/// Whether a package says that it runs without a peer.
pub(super) fn is_optional_peer(node: &Node, name: &str) -> bool {
    let meta = node.get("peerDependenciesMeta").and_then(|meta| meta.get(name)?.get("optional")?.as_bool());
    meta == Some(true)
}

impl Lockfile {
    /// In what a manifest asks for something else than its lockfile was made for; empty when they are in step. None when
    /// the lockfile does not write down what the project in this folder asks for.
    pub fn differences(&self, folder: &str, manifest: &Manifest) -> Option<Vec<Difference>> {
        let importer = self.importers.iter().find(|importer| importer.folder == folder)?;
        if importer.asked.iter().any(|asked| asked.specifier.is_none()) {
            return None;
        }
        let by_name = |asked: &[Asked]| -> BTreeMap<String, String> {
            let specified = asked.iter().filter_map(|it| Some((it.name.clone(), plain(it.specifier.as_deref()?))));
            specified.collect()
        };
        let (wanted, locked) = (by_name(&manifest.asked), by_name(&importer.asked));
        // A lockfile leaves out peers that it does not install.
        let is_peer = |name: &str| manifest.asked.iter().any(|it| it.name == name && it.need == Need::Peer);
        let names: std::collections::BTreeSet<&String> = wanted.keys().chain(locked.keys()).collect();
        let differences = names.into_iter().filter_map(|name| {
            let (manifest, lockfile) = (wanted.get(name), locked.get(name));
            let same = manifest == lockfile || (lockfile.is_none() && is_peer(name));
            (!same).then(|| Difference { name: name.clone(), manifest: manifest.cloned(), lockfile: lockfile.cloned() })
        });
        Some(differences.collect())
    }
}

/// A specifier without the protocol that Yarn adds where none is written, and without spaces that mean nothing.
fn plain(specifier: &str) -> String {
    let specifier = specifier.trim();
    let range = specifier.strip_prefix("npm:").filter(|range| !range.get(1..).unwrap_or_default().contains('@'));
    range.unwrap_or(specifier).to_owned()
}

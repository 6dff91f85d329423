//! `pnpm-lock.yaml`, versions 5, 6 and 9: importers, packages, and (since 9) snapshots, one for each set of peers.
//!
//! Since pnpm 11 a document may stand before that of the project: it locks the package manager itself and what configures
//! it. Both are read; what is in the first is needed for development only.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use avouch_model::diagnostic::Source;

use super::{
    Asked, Ecosystem, Format, Lockfile, Need, Origin, Package,
    graph::Graph,
    origin::{joined, relative_path},
};
use crate::structured::{Document, Entry, Node, Table, Unreadable, parse_yaml_sources, shown};

mod key;
mod resolution;

use key::{Key, Major};

/// What an importer asks for. The last two are those of the document about the package manager.
const KINDS: [(&str, Need); 5] = [
    ("dependencies", Need::Required),
    ("optionalDependencies", Need::Optional),
    ("devDependencies", Need::Development),
    ("configDependencies", Need::Development),
    ("packageManagerDependencies", Need::Development),
];

pub(super) fn parse(source: Arc<Source>) -> Result<Lockfile, Unreadable> {
    let path = source.path.clone();
    let documents = parse_yaml_sources(source, 2)?;
    let mut graph = Graph::default();
    let mut importers: BTreeMap<String, usize> = BTreeMap::new();
    let mut format_version = String::new();
    let last = documents.len().saturating_sub(1);
    for (nth, document) in documents.iter().enumerate() {
        let major = version(document)?;
        document.root.get("lockfileVersion").and_then(Node::as_written).unwrap_or_default().clone_into(&mut format_version);
        if nth < last && !is_environment(document) {
            let message = "this first document locks no package manager, and only one document may lock a project";
            return Err(refuse(document, &document.root.span, message.to_owned()));
        }
        read(document, major, &mut graph, &mut importers)?;
    }
    drop(documents);
    Ok(graph.lockfile(&path, Format::PnpmLock, format_version))
}

/// Whether a document locks the package manager and its configuration, and no project.
fn is_environment(document: &Document) -> bool {
    importer_nodes(document).iter().all(|(_, node)| KINDS.iter().take(3).all(|(kind, _)| table(node, kind).is_empty()))
}

fn version(document: &Document) -> Result<Major, Unreadable> {
    let node = document.root.get("lockfileVersion");
    let found = node.and_then(Node::as_written).unwrap_or_default();
    match found.split('.').next() {
        Some("5") => return Ok(Major::Five),
        Some("6") => return Ok(Major::Six),
        Some("9") => return Ok(Major::Nine),
        _ => {}
    }
    let shown = if found.is_empty() { "no version".to_owned() } else { format!("version {}", shown(found)) };
    let span = node.map_or(0..0, |node| node.span.clone());
    Err(refuse(document, &span, format!("this pnpm-lock has {shown}; 5, 6 and 9 are read"))
        .help("`pnpm install --lockfile-only` with pnpm 9 or later writes version 9"))
}

fn read(document: &Document, major: Major, graph: &mut Graph, importers: &mut BTreeMap<String, usize>) -> Result<(), Unreadable> {
    let packages = table(&document.root, "packages");
    let by_key: HashMap<&str, &Node> = packages.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect();
    // Before version 9 a package and its needs were one entry.
    let snapshots = if document.root.get("snapshots").is_some() { table(&document.root, "snapshots") } else { packages };
    for (folder, _) in importer_nodes(document) {
        if !importers.contains_key(folder) {
            let at = graph.place(importer(folder));
            graph.root(at);
            importers.insert(folder.to_owned(), at);
        }
    }
    let patched = table(&document.root, "patchedDependencies");
    let patched: std::collections::HashSet<&str> = patched.iter().map(|entry| entry.key.as_str()).collect();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for entry in snapshots {
        let bare = key::without_peers(major, &entry.key);
        let node = by_key.get(entry.key.as_str()).or_else(|| by_key.get(bare)).copied();
        let node = node.ok_or_else(|| refuse(document, &entry.key_span, format!("`packages` has no `{}`", shown(bare))))?;
        let mut package = resolution::package(document, Key::of(major, bare), entry, node)?;
        let named = |version: &String| patched.contains(format!("{}@{version}", package.name).as_str());
        package.patched |= patched.contains(package.name.as_str()) || package.version.as_ref().is_some_and(named);
        places.insert(&entry.key, graph.place(package));
    }
    // What a package publishes from a folder within its own is linked there.
    let mut published: BTreeMap<String, usize> = BTreeMap::new();
    for (folder, node) in importer_nodes(document) {
        let inner = node.get("publishDirectory").and_then(Node::as_text).and_then(|inner| joined(folder, inner));
        published.extend(inner.zip(importers.get(folder).copied()));
    }
    let names = Names { major, importers, published, places: &places };
    for (folder, node) in importer_nodes(document) {
        if let Some(&from) = importers.get(folder) {
            let asked = needs(document, graph, &names, (from, folder), node, None)?;
            let specifiers = node.get("specifiers");
            let asked = asked.into_iter().map(|(mut asked, found)| {
                // Before version 6 specifiers stood apart.
                let apart = || specifiers?.get(&asked.name)?.as_written().map(str::to_owned);
                asked.specifier = asked.specifier.take().or_else(apart);
                (asked, found)
            });
            graph.importer(from, if folder == "." { "" } else { folder }, asked.collect());
        }
    }
    for entry in snapshots {
        if let Some(&from) = places.get(entry.key.as_str()) {
            let bare = key::without_peers(major, &entry.key);
            let node = by_key.get(entry.key.as_str()).or_else(|| by_key.get(bare));
            let peers = node.and_then(|node| node.get("peerDependencies"));
            needs(document, graph, &names, (from, "."), &entry.value, peers)?;
        }
    }
    Ok(())
}

/// The workspace's packages with what they need; without workspaces the top of the file is the one package.
fn importer_nodes(document: &Document) -> Vec<(&str, &Node)> {
    let importers = table(&document.root, "importers");
    if importers.is_empty() {
        return vec![(".", &document.root)];
    }
    importers.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect()
}

fn importer(folder: &str) -> Package {
    // The lockfile does not tell its name: a manifest does.
    let name = if folder == "." { "root" } else { folder };
    Package::new(Ecosystem::Npm, name, None, Origin::Path { path: relative_path(folder) })
}

struct Names<'a> {
    major: Major,
    importers: &'a BTreeMap<String, usize>,
    /// The importers by the folders that they publish from, where these are others.
    published: BTreeMap<String, usize>,
    places: &'a HashMap<&'a str, usize>,
}

/// Draws the edges of an importer or a snapshot, and says what it asks for.
fn needs(
    document: &Document,
    graph: &mut Graph,
    names: &Names<'_>,
    (from, folder): (usize, &str),
    node: &Node,
    peers: Option<&Node>,
) -> Result<Vec<(Asked, Option<usize>)>, Unreadable> {
    let mut asked = Vec::new();
    for (kind, need) in KINDS {
        for entry in table(node, kind) {
            // An importer states specifier and version; a snapshot, and an importer before version 6, the version alone.
            let reference = entry.value.as_text().or_else(|| entry.value.get("version")?.as_text());
            let Some(reference) = reference else {
                let message = format!("the dependency `{}` has no version", shown(&entry.key));
                return Err(refuse(document, &entry.key_span, message));
            };
            let is_peer = need == Need::Required && peers.is_some_and(|peers| peers.get(&entry.key).is_some());
            let need = if is_peer { Need::Peer } else { need };
            let specifier = entry.value.get("specifier").and_then(Node::as_written);
            let found = match reference.strip_prefix("link:") {
                Some(target) => {
                    let target = joined(folder, target);
                    target.and_then(|target| names.importers.get(&target).or_else(|| names.published.get(&target))).copied()
                }
                None => names.major.keys(&entry.key, reference).find_map(|key| names.places.get(key.as_str())).copied(),
            };
            match found {
                Some(to) => graph.edge(from, to, need),
                // A link that leads out of the workspace is no part of the lockfile.
                None if reference.starts_with("link:") => {
                    let called = if folder == "." { graph.called(from) } else { folder.to_owned() };
                    graph.leave_open(&format!("{called} → {}", entry.key));
                }
                None if need == Need::Optional => {}
                None => {
                    let message = format!("the lockfile holds no package `{}@{}`", shown(&entry.key), shown(reference));
                    return Err(refuse(document, &entry.key_span, message));
                }
            }
            asked.push((Asked::new(&entry.key, specifier, need), found));
        }
    }
    Ok(asked)
}

fn table<'a>(node: &'a Node, key: &str) -> &'a [Entry] {
    node.get(key).and_then(Node::as_table).map(Table::entries).unwrap_or_default()
}

fn refuse(document: &Document, span: &std::ops::Range<usize>, message: String) -> Unreadable {
    Unreadable::at(&document.source, "pnpm-lock", span.clone(), message)
}

//! Version 1 (npm 5 and 6), and the shrinkwrap of npm 4 and before: dependencies nested as `node_modules` is.
//!
//! What the root asks for is not written down. What no other package needs must be asked for by it; the rest a manifest
//! tells. Until then scopes are those that the entries state (`dev`, `optional`).

use super::{
    super::{Ecosystem, Format, Lockfile, Need, Origin, Package, Scope, graph::Graph, sound},
    Folders, archives, hashes, origin, refuse,
};
use crate::structured::{Document, Entry, Node, Table, Unreadable};

/// How the version is written.
pub(in crate::lock) const VERSION: &str = "1";

pub(super) fn parse(path: &str, document: &Document) -> Result<Lockfile, Unreadable> {
    let mut graph = Graph::default();
    let mut folders = Folders::default();
    let text = |key: &str| document.root.get(key).and_then(Node::as_text);
    let name = text("name").filter(|name| !name.is_empty()).unwrap_or("root");
    sound(&document.source, &document.root.span, name, text("version"))?;
    let root = graph.place(Package::new(Ecosystem::Npm, name, text("version"), Origin::Path { path: None }));
    graph.root(root);
    folders.put(Folders::TOP, root);
    graph.importer(root, "", Vec::new());
    let mut found: Vec<(&Entry, u32, usize)> = Vec::new();
    let mut waiting: Vec<(&Node, u32)> = vec![(&document.root, Folders::TOP)];
    while let Some((node, folder)) = waiting.pop() {
        for entry in dependencies(node) {
            let at = folders.module(folder, &entry.key);
            let at = at.ok_or_else(|| refuse(document, &entry.value, "the folders of this lockfile are too many".to_owned()))?;
            let place = graph.place(package(document, entry)?);
            if let Some(scope) = stated(&entry.value) {
                graph.state(place, scope);
            }
            if folder == Folders::TOP {
                graph.descriptors.push((entry.key.clone(), place));
            }
            folders.put(at, place);
            found.push((entry, at, place));
            waiting.push((&entry.value, at));
        }
    }
    for (entry, folder, from) in found {
        for needed in entry.value.get("requires").and_then(Node::as_table).map(Table::entries).unwrap_or_default() {
            match folders.find(folder, &needed.key) {
                // The lockfile does not tell which of them are optional: what only optional ones lead to states so itself.
                Some(to) => graph.edge(from, to, Need::Required),
                None => {
                    // An optional dependency that was not installed is in `requires` and nowhere else.
                    graph.leave_open(&format!("{} → {}", entry.key, needed.key));
                }
            }
        }
        // Before npm 5 there was no `requires`: what lies within a package is what it needs.
        if entry.value.get("requires").is_none() {
            for inner in dependencies(&entry.value) {
                if let Some(to) = folders.find(folder, &inner.key) {
                    graph.edge(from, to, Need::Required);
                }
            }
        }
    }
    graph.lead_to_unneeded(root);
    Ok(graph.lockfile(path, Format::PackageLock, VERSION.to_owned()))
}

fn dependencies(node: &Node) -> &[Entry] {
    node.get("dependencies").and_then(Node::as_table).map(Table::entries).unwrap_or_default()
}

fn stated(node: &Node) -> Option<Scope> {
    let is = |key: &str| node.get(key).and_then(Node::as_bool) == Some(true);
    Some(match (is("dev"), is("optional")) {
        (true, _) => Scope::Excluded,
        (false, true) => Scope::Optional,
        (false, false) => Scope::Required,
    })
}

fn package(document: &Document, entry: &Entry) -> Result<Package, Unreadable> {
    let node = &entry.value;
    let text = |name: &str| node.get(name).and_then(Node::as_text);
    let written = text("version").unwrap_or_default();
    // An alias is `npm:name@version`; what is no version is where the package comes from.
    let alias = written.strip_prefix("npm:").and_then(|alias| alias.rsplit_once('@'));
    let (name, version, from) = match alias {
        Some((name, version)) => (name, Some(version), text("resolved")),
        None if written.contains([':', '/']) => (entry.key.as_str(), None, Some(written)),
        None => (entry.key.as_str(), text("version"), text("resolved")),
    };
    sound(&document.source, &entry.key_span, name, version)?;
    let hashes = hashes(document, name, node)?;
    // `github:owner/name#commit`, `git+ssh://…`, a URL or `file:…`.
    let from = match from.and_then(|from| from.split_once(':')) {
        Some(("github" | "gitlab" | "bitbucket", _)) => super::super::origin::git(from.unwrap_or_default()),
        _ => None,
    }
    .unwrap_or_else(|| origin(name, from));
    Ok(Package {
        archives: archives(text("resolved").or_else(|| text("version")), &hashes),
        hashes,
        ..Package::new(Ecosystem::Npm, name, version, from)
    })
}

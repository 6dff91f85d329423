//! `package-lock.json` and `npm-shrinkwrap.json`: versions 2 and 3 with the `packages` table, whose keys are folders, and
//! version 1, in which dependencies are nested.

use std::sync::Arc;

use avouch_model::diagnostic::Source;

use super::{
    Asked, Ecosystem, Format, Lockfile, Need, Origin, Package, address,
    graph::Graph,
    manifest::{asked_of_npm, is_optional_peer},
    origin::{Archive, as_path, git, integrity, relative_path},
    sound,
};
use crate::structured::{Document, Entry, Node, Table, Unreadable, parse_json_source, shown};

mod folders;
mod nested;

use folders::Folders;
pub(super) use nested::VERSION as NESTED;

/// The hosts that npm and Yarn ask unless they are told otherwise, label by label.
const DEFAULT_HOSTS: [[&str; 3]; 2] = [["registry", "npmjs", "org"], ["registry", "yarnpkg", "com"]];

pub(super) fn parse(source: Arc<Source>) -> Result<Lockfile, Unreadable> {
    let path = source.path.clone();
    let document = parse_json_source(source, false, super::VALUES_MAX)?;
    let format_version = version(&document)?;
    if format_version == NESTED {
        return nested::parse(&path, &document);
    }
    let packages = document.root.get("packages").and_then(Node::as_table);
    let packages = packages.ok_or_else(|| refuse(&document, &document.root, "the lockfile has no `packages`".to_owned()))?;
    let mut graph = Graph::default();
    let mut folders = Folders::default();
    let mut places: Vec<(&Entry, u32, usize)> = Vec::new();
    for entry in packages.entries() {
        let Some(folder) = folders.path(&entry.key) else {
            return Err(refuse(&document, &entry.value, "the folders of this lockfile are too many or too deep".to_owned()));
        };
        if entry.value.get("link").and_then(Node::as_bool) == Some(true) {
            folders.link(folder, entry.value.get("resolved").and_then(Node::as_text).unwrap_or_default());
            continue;
        }
        let at = graph.place(package(&document, entry)?);
        if is_root(&entry.key) {
            graph.root(at);
        }
        folders.put(folder, at);
        places.push((entry, folder, at));
    }
    if folders.place(Folders::TOP).is_none() {
        return Err(refuse(&document, &document.root, "the lockfile has no root package (`\"\"`)".to_owned()));
    }
    folders.follow_links();
    for (entry, folder, from) in places {
        needs(&mut graph, &folders, entry, folder, from);
    }
    // The tree goes before the packages are folded: both together would be the most memory that is taken.
    drop(folders);
    drop(document);
    Ok(graph.lockfile(&path, Format::PackageLock, format_version))
}

fn version(document: &Document) -> Result<String, Unreadable> {
    let node = document.root.get("lockfileVersion");
    match node.and_then(Node::as_integer) {
        Some(number @ 1..=3) => Ok(number.to_string()),
        // Before npm 5 a shrinkwrap had no version.
        None if node.is_none() && document.root.get("dependencies").is_some() => Ok(NESTED.to_owned()),
        found => {
            let shown = found.map_or_else(|| "no version".to_owned(), |number| format!("version {number}"));
            let message = format!("this package-lock has {shown}; 1 to 3 are read");
            Err(refuse(document, node.unwrap_or(&document.root), message)
                .help("a newer avouch may read it; `npm install --package-lock-only` of npm 7 to 11 writes version 3"))
        }
    }
}

/// What the repository makes itself: its root and its workspaces, which lie outside of `node_modules`.
fn is_root(key: &str) -> bool {
    !key.split('/').any(|part| part == "node_modules")
}

fn package(document: &Document, entry: &Entry) -> Result<Package, Unreadable> {
    let (key, node) = (entry.key.as_str(), &entry.value);
    let text = |name: &str| node.get(name).and_then(Node::as_text);
    let folder = match key.rsplit_once("node_modules/") {
        Some((_, name)) => name,
        None => key.rsplit('/').next().unwrap_or_default(),
    };
    // An alias states the real name; the root's own name may stand only at the top of the file.
    let top = || document.root.get("name").and_then(Node::as_text).filter(|_| key.is_empty());
    let name = text("name").or_else(top).unwrap_or(folder);
    let name = if name.is_empty() { "root" } else { name };
    sound(&document.source, &entry.key_span, name, text("version"))?;
    let root = is_root(key);
    let origin = if root { Origin::Path { path: relative_path(key) } } else { origin(name, text("resolved")) };
    let licence = node.get("license").and_then(|licence| licence.as_text().or_else(|| licence.get("type")?.as_text()));
    let hashes = hashes(document, name, node)?;
    Ok(Package {
        archives: archives(text("resolved").filter(|_| !root), &hashes),
        hashes,
        licence: licence.map(str::to_owned),
        conditional: ["os", "cpu", "libc"].iter().any(|key| node.get(key).is_some()),
        ..Package::new(Ecosystem::Npm, name, text("version"), origin)
    })
}

/// The hashes that an entry's `integrity` states.
fn hashes(document: &Document, name: &str, node: &Node) -> Result<Vec<super::Hash>, Unreadable> {
    let Some(at) = node.get("integrity") else { return Ok(Vec::new()) };
    let hashes = at.as_text().and_then(integrity);
    hashes.ok_or_else(|| refuse(document, at, format!("the integrity of `{}` is not a hash", shown(name))))
}

/// The archive at an address, if it is one of the web.
pub(super) fn archives(resolved: Option<&str>, hashes: &[super::Hash]) -> Vec<Archive> {
    let url = resolved.filter(|url| address::is_web(url));
    let archive = url.map(|url| Archive { url: Some(address::of_archive(url)), file: None, hashes: hashes.to_vec() });
    archive.into_iter().collect()
}

/// Where a package comes from, by its `resolved`. Without one (bundled packages, `omit-lockfile-registry-resolved`) it is
/// the registry: npm writes any other origin down.
pub(super) fn origin(name: &str, resolved: Option<&str>) -> Origin {
    let Some(resolved) = resolved else {
        return Origin::Registry;
    };
    if let Some(origin) = resolved.starts_with("git").then(|| git(resolved)).flatten() {
        return origin;
    }
    if !address::is_web(resolved) {
        return as_path(resolved).unwrap_or_else(|| super::origin::archive(resolved));
    }
    let url = address::plain(resolved);
    // A registry serves `<registry>/<name>/-/<file>.tgz`; anything else is an archive somewhere.
    match url.split_once(&format!("/{name}/-/")).or_else(|| url.split_once(&format!("/{}/-/", name.replace('/', "%2f")))) {
        None => super::origin::archive(&url),
        Some((registry, _)) => registry_at(registry),
    }
}

/// The registry at a URL.
pub(super) fn registry_at(url: &str) -> Origin {
    let url = address::plain(url);
    let url = url.trim_end_matches('/');
    let host = url.split_once("://").map_or("", |(_, host)| host);
    let default = DEFAULT_HOSTS.iter().any(|labels| host.split('.').eq(labels.iter().copied()));
    if default { Origin::Registry } else { Origin::OtherRegistry { url: address::of_registry(url) } }
}

fn needs(graph: &mut Graph, folders: &Folders<'_>, entry: &Entry, folder: u32, from: usize) {
    let (key, node) = (entry.key.as_str(), &entry.value);
    let root = is_root(key);
    let called = if key.is_empty() { "." } else { key };
    let kinds = [
        ("optionalDependencies", Need::Optional),
        ("dependencies", Need::Required),
        ("peerDependencies", Need::Peer),
        ("devDependencies", Need::Development),
    ];
    let listed = |kind: &str, name: &str| node.get(kind).is_some_and(|table| table.get(name).is_some());
    for (kind, need) in kinds {
        for asked in node.get(kind).and_then(Node::as_table).map(Table::entries).unwrap_or_default() {
            let name = asked.key.as_str();
            // What is optional is only that, also where it is listed twice.
            if kind == "dependencies" && listed("optionalDependencies", name) {
                continue;
            }
            let optional = need == Need::Optional || (need == Need::Peer && is_optional_peer(node, name));
            match folders.find(folder, name) {
                Some(to) => graph.edge(from, to, if optional { Need::Optional } else { need }),
                None if optional => {}
                // Only the root's and the workspaces' development dependencies are ever installed.
                None if need == Need::Development && !root => {}
                None => {
                    graph.leave_open(&format!("{called} → {name}"));
                }
            }
        }
    }
    if root {
        let asked = asked_of_npm(node).into_iter().map(|asked: Asked| {
            let found = folders.find(folder, &asked.name);
            (asked, found)
        });
        graph.importer(from, key, asked.collect());
    }
}

fn refuse(document: &Document, node: &Node, message: String) -> Unreadable {
    Unreadable::at(&document.source, "package-lock", node.span.start..node.span.start, message)
}

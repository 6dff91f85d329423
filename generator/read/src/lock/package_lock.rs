//! `package-lock.json` and `npm-shrinkwrap.json`, versions 2 and 3: the `packages` table, whose keys are folders.

use std::collections::{BTreeMap, HashMap};

use super::{
    Ecosystem, Format, Lockfile, Origin, Package, Scope,
    graph::{Graph, Need},
    origin::{git, integrity, relative_path, without_credentials},
};
use crate::structured::{Document, Node, Unreadable, parse_json};

/// The host that npm asks unless it is told otherwise, label by label.
const DEFAULT_HOST: [&str; 3] = ["registry", "npmjs", "org"];

/// How many folders up a dependency is looked for.
const LEVELS_MAX: usize = 256;

pub(super) fn parse(path: &str, bytes: &[u8]) -> Result<Lockfile, Unreadable> {
    let document = parse_json(path, bytes, super::BYTES_MAX)?;
    let format_version = version(&document)?;
    let packages = document.root.get("packages").and_then(Node::as_table);
    let packages = packages.ok_or_else(|| refuse(&document, &document.root, "the lockfile has no `packages`".to_owned()))?;
    let mut graph = Graph::default();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut links: HashMap<&str, &str> = HashMap::new();
    for entry in packages.entries() {
        if entry.value.get("link").and_then(Node::as_bool) == Some(true) {
            let target = entry.value.get("resolved").and_then(Node::as_text).unwrap_or_default();
            links.insert(&entry.key, target);
            continue;
        }
        let at = graph.place(package(&document, &entry.key, &entry.value)?);
        if is_root(&entry.key) {
            graph.root(at);
        }
        places.insert(&entry.key, at);
    }
    if !places.contains_key("") {
        return Err(refuse(&document, &document.root, "the lockfile has no root package (`\"\"`)".to_owned()));
    }
    let tree = Tree { places, links };
    for entry in packages.entries() {
        if let Some(&from) = tree.places.get(entry.key.as_str()) {
            needs(&mut graph, &tree, from, &entry.key, &entry.value);
        }
    }
    Ok(graph.lockfile(path, Format::PackageLock, format_version))
}

fn version(document: &Document) -> Result<String, Unreadable> {
    let node = document.root.get("lockfileVersion");
    match node.and_then(Node::as_integer) {
        Some(number @ (2 | 3)) => Ok(number.to_string()),
        found => {
            let shown = found.map_or_else(|| "no version".to_owned(), |number| format!("version {number}"));
            let message = format!("this package-lock has {shown}; 2 and 3 are read");
            Err(refuse(document, node.unwrap_or(&document.root), message)
                .help("`npm install --package-lock-only` with npm 7 or later upgrades it"))
        }
    }
}

/// What the repository makes itself: its root and its workspaces, which lie outside of `node_modules`.
fn is_root(key: &str) -> bool {
    !key.split('/').any(|part| part == "node_modules")
}

fn package(document: &Document, key: &str, node: &Node) -> Result<Package, Unreadable> {
    let text = |name: &str| node.get(name).and_then(Node::as_text);
    let folder = match key.rsplit_once("node_modules/") {
        Some((_, name)) => name,
        None => key.rsplit('/').next().unwrap_or_default(),
    };
    // An alias states the real name; the root's own name may stand only at the top of the file.
    let top = || document.root.get("name").and_then(Node::as_text).filter(|_| key.is_empty());
    let name = text("name").or_else(top).unwrap_or(folder);
    let hashes = match text("integrity") {
        None => Vec::new(),
        Some(value) => integrity(value).ok_or_else(|| {
            let at = node.get("integrity").unwrap_or(node);
            refuse(document, at, format!("the integrity of `{name}` is not a hash"))
        })?,
    };
    Ok(Package {
        name: if name.is_empty() { "root" } else { name }.to_owned(),
        version: text("version").map(str::to_owned),
        origin: if is_root(key) { Origin::Path { path: relative_path(key) } } else { origin(name, text("resolved")) },
        hashes,
        licence: node
            .get("license")
            .and_then(|licence| licence.as_text().or_else(|| licence.get("type")?.as_text()))
            .map(str::to_owned),
        scope: Scope::Excluded,
        patched: false,
        ecosystem: Ecosystem::Npm,
        dependencies: Vec::new(),
    })
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
    if !resolved.starts_with("https://") && !resolved.starts_with("http://") {
        return Origin::Path { path: relative_path(resolved) };
    }
    let url = without_credentials(resolved);
    // A registry serves `<registry>/<name>/-/<file>.tgz`; anything else is an archive somewhere.
    match url.split_once(&format!("/{name}/-/")).or_else(|| url.split_once(&format!("/{}/-/", name.replace('/', "%2f")))) {
        None => Origin::Archive { url },
        Some((registry, _)) => {
            let host = registry.split_once("://").map_or("", |(_, host)| host);
            if host.split('.').eq(DEFAULT_HOST) { Origin::Registry } else { Origin::OtherRegistry { url: registry.to_owned() } }
        }
    }
}

struct Tree<'a> {
    places: BTreeMap<&'a str, usize>,
    links: HashMap<&'a str, &'a str>,
}

impl Tree<'_> {
    /// The place that node would find for a name needed in a folder: in its `node_modules`, then in those above.
    fn find(&self, folder: &str, name: &str) -> Option<usize> {
        let mut folder = folder;
        for _ in 0..LEVELS_MAX {
            let candidate =
                if folder.is_empty() { format!("node_modules/{name}") } else { format!("{folder}/node_modules/{name}") };
            let candidate = self.links.get(candidate.as_str()).map_or(candidate.as_str(), |target| *target);
            if let Some(at) = self.places.get(candidate) {
                return Some(*at);
            }
            if folder.is_empty() {
                return None;
            }
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
            folder = folder.strip_suffix("/node_modules").unwrap_or(folder);
            folder = if folder == "node_modules" { "" } else { folder };
        }
        None
    }
}

fn needs(graph: &mut Graph, tree: &Tree<'_>, from: usize, key: &str, node: &Node) {
    let optional_peer = |name: &str| {
        let meta = node.get("peerDependenciesMeta").and_then(|meta| meta.get(name)?.get("optional")?.as_bool());
        meta == Some(true)
    };
    let kinds = [
        ("dependencies", Need::Always),
        ("optionalDependencies", Need::Optionally),
        ("peerDependencies", Need::Always),
        ("devDependencies", Need::Development),
    ];
    for (kind, need) in kinds {
        for entry in node.get(kind).and_then(Node::as_table).map(|table| table.entries()).unwrap_or_default() {
            let name = entry.key.as_str();
            let optional = need == Need::Optionally || (kind == "peerDependencies" && optional_peer(name));
            match tree.find(key, name) {
                Some(to) => graph.edge(from, to, if optional { Need::Optionally } else { need }),
                None if optional => {}
                // Only the root's and the workspaces' development dependencies are ever installed.
                None if need == Need::Development && !is_root(key) => {}
                None => {
                    graph.unresolved.insert(format!("{} → {name}", if key.is_empty() { "." } else { key }));
                }
            }
        }
    }
}

fn refuse(document: &Document, node: &Node, message: String) -> Unreadable {
    Unreadable::at(&document.source, "package-lock", node.span.start..node.span.start, message)
}

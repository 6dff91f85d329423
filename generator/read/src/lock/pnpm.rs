//! `pnpm-lock.yaml`, versions 6 and 9: importers, packages, and (since 9) snapshots, one for each set of peers.

use std::collections::{BTreeMap, HashMap};

use super::{
    Ecosystem, Format, Lockfile, Origin, Package, Scope,
    graph::{Graph, Need},
    origin::{integrity, relative_path, without_credentials},
    package_lock,
};
use crate::structured::{Document, Entry, Node, Unreadable, parse_yaml};

const KINDS: [(&str, Need); 3] =
    [("dependencies", Need::Always), ("optionalDependencies", Need::Optionally), ("devDependencies", Need::Development)];

pub(super) fn parse(path: &str, bytes: &[u8]) -> Result<Lockfile, Unreadable> {
    let document = parse_yaml(path, bytes, super::BYTES_MAX)?;
    let format_version = version(&document)?;
    let packages = table(&document.root, "packages");
    let by_key: HashMap<&str, &Node> = packages.iter().map(|entry| (entry.key.as_str(), &entry.value)).collect();
    // Before version 9 a package and its needs were one entry.
    let snapshots = if document.root.get("snapshots").is_some() { table(&document.root, "snapshots") } else { packages };
    let mut graph = Graph::default();
    let mut importers: BTreeMap<String, usize> = BTreeMap::new();
    for (folder, _) in importer_nodes(&document) {
        let at = graph.place(importer(folder));
        graph.root(at);
        importers.insert(folder.to_owned(), at);
    }
    let mut places: HashMap<&str, usize> = HashMap::new();
    for entry in snapshots {
        let bare = without_peers(&entry.key);
        let node = by_key.get(entry.key.as_str()).or_else(|| by_key.get(bare)).copied();
        let node = node.ok_or_else(|| refuse(&document, &entry.key_span, format!("`packages` has no `{bare}`")))?;
        places.insert(&entry.key, graph.place(package(&document, bare, entry, node)?));
    }
    let names = Names { importers: &importers, places: &places };
    for (folder, node) in importer_nodes(&document) {
        if let Some(&from) = importers.get(folder) {
            needs(&document, &mut graph, &names, from, folder, node)?;
        }
    }
    for entry in snapshots {
        if let Some(&from) = places.get(entry.key.as_str()) {
            needs(&document, &mut graph, &names, from, ".", &entry.value)?;
        }
    }
    Ok(graph.lockfile(path, Format::PnpmLock, format_version))
}

fn version(document: &Document) -> Result<String, Unreadable> {
    let node = document.root.get("lockfileVersion");
    let found = node.and_then(Node::as_written).unwrap_or_default();
    if matches!(found.split('.').next(), Some("6" | "9")) {
        return Ok(found.to_owned());
    }
    let shown = if found.is_empty() { "no version".to_owned() } else { format!("version {found}") };
    let span = node.map_or(0..0, |node| node.span.clone());
    Err(refuse(document, &span, format!("this pnpm-lock has {shown}; 6 and 9 are read"))
        .help("`pnpm install --lockfile-only` with pnpm 9 or later upgrades it"))
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
    Package {
        // The lockfile does not tell its name: a manifest does.
        name: if folder == "." { "root" } else { folder }.to_owned(),
        version: None,
        origin: Origin::Path { path: relative_path(folder) },
        hashes: Vec::new(),
        licence: None,
        scope: Scope::Excluded,
        patched: false,
        ecosystem: Ecosystem::Npm,
        dependencies: Vec::new(),
    }
}

fn package(document: &Document, bare: &str, entry: &Entry, node: &Node) -> Result<Package, Unreadable> {
    let key = bare.strip_prefix('/').unwrap_or(bare);
    // The scope's `@` is the first character; the next one ends the name.
    let split = key.char_indices().skip(1).find(|(_, character)| *character == '@').map(|(at, _)| at);
    let (key_name, reference) = split.and_then(|at| key.split_at_checked(at)).unwrap_or((key, ""));
    let reference = reference.strip_prefix('@').unwrap_or(reference);
    let text = |name: &str| node.get(name).and_then(Node::as_text);
    let name = text("name").unwrap_or(key_name);
    let plain = reference.starts_with(|first: char| first.is_ascii_digit());
    let version = text("version").or_else(|| plain.then_some(reference)).map(str::to_owned);
    let resolution = node.get("resolution");
    let resolved = |name: &str| resolution.and_then(|resolution| resolution.get(name)).and_then(Node::as_text);
    let hashes = match resolved("integrity") {
        None => Vec::new(),
        Some(value) => integrity(value)
            .ok_or_else(|| refuse(document, &entry.key_span, format!("the integrity of `{name}` is not a hash")))?,
    };
    let origin = match (resolved("repo"), resolved("commit"), resolved("tarball"), resolved("directory")) {
        (Some(url), Some(commit), ..) => {
            Origin::Git { url: without_credentials(url.strip_prefix("git+").unwrap_or(url)), commit: commit.to_ascii_lowercase() }
        }
        (_, _, Some(tarball), _) => archive(name, tarball),
        (_, _, _, Some(folder)) => Origin::Path { path: relative_path(folder) },
        _ if reference.starts_with("file:") || key.starts_with("file:") => Origin::Path { path: relative_path(reference) },
        _ => Origin::Registry,
    };
    Ok(Package {
        name: name.to_owned(),
        version,
        origin,
        hashes,
        licence: None,
        scope: Scope::Excluded,
        patched: entry.key.contains("(patch_hash=") || node.get("patched").and_then(Node::as_bool) == Some(true),
        ecosystem: Ecosystem::Npm,
        dependencies: Vec::new(),
    })
}

/// An archive at a URL. A forge that packs a commit names it in the path.
fn archive(name: &str, tarball: &str) -> Origin {
    let packed = tarball.strip_prefix("https://codeload.github.com/").and_then(|rest| rest.split_once("/tar.gz/"));
    match packed {
        Some((repository, commit)) if commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Origin::Git { url: format!("https://github.com/{repository}"), commit: commit.to_ascii_lowercase() }
        }
        _ => package_lock::origin(name, Some(tarball)),
    }
}

struct Names<'a> {
    importers: &'a BTreeMap<String, usize>,
    places: &'a HashMap<&'a str, usize>,
}

fn needs(
    document: &Document,
    graph: &mut Graph,
    names: &Names<'_>,
    from: usize,
    folder: &str,
    node: &Node,
) -> Result<(), Unreadable> {
    for (kind, need) in KINDS {
        for entry in table(node, kind) {
            // An importer states specifier and version; a snapshot the version alone.
            let reference = entry.value.as_text().or_else(|| entry.value.get("version")?.as_text());
            let reference = reference
                .ok_or_else(|| refuse(document, &entry.key_span, format!("the dependency `{}` has no version", entry.key)))?;
            if let Some(target) = reference.strip_prefix("link:") {
                match joined(folder, target).and_then(|target| names.importers.get(&target)) {
                    Some(to) => graph.edge(from, *to, need),
                    // A link that leads out of the workspace is no part of the lockfile.
                    None => {
                        graph.unresolved.insert(format!("{folder} → {}", entry.key));
                    }
                }
                continue;
            }
            let found = [format!("{}@{reference}", entry.key), format!("/{}@{reference}", entry.key), reference.to_owned()];
            match found.iter().find_map(|key| names.places.get(key.as_str())) {
                Some(to) => graph.edge(from, *to, need),
                None if need == Need::Optionally => {}
                None => {
                    let message = format!("the lockfile holds no package `{}@{reference}`", entry.key);
                    return Err(refuse(document, &entry.key_span, message));
                }
            }
        }
    }
    Ok(())
}

/// A key without its peers: `a@1.0.0(b@2.0.0)` is `a@1.0.0`.
fn without_peers(key: &str) -> &str {
    key.split('(').next().unwrap_or(key)
}

/// The folder that a relative path leads to; none when it leads out of the workspace.
fn joined(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

fn table<'a>(node: &'a Node, key: &str) -> &'a [Entry] {
    node.get(key).and_then(Node::as_table).map(|table| table.entries()).unwrap_or_default()
}

fn refuse(document: &Document, span: &std::ops::Range<usize>, message: String) -> Unreadable {
    Unreadable::at(&document.source, "pnpm-lock", span.clone(), message)
}

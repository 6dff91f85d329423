//! `Cargo.lock`, versions 1 to 4.
//!
//! `cargo-lock` reads its source ids here, and is the oracle of the tests. Its reader of whole files is not used: it keeps
//! no places for errors, resolves a dependency without a source to the first package of that name and version (two
//! sources of one version are then one), and compares every dependency with every package.

use std::collections::HashMap;

use cargo_lock::{SourceId, package::SourceKind};

use super::{
    Ecosystem, Format, Hash, HashAlgorithm, Lockfile, Origin, Package, Scope,
    graph::{Graph, Need},
    origin::{git, hex_hash, relative_path, without_credentials},
};
use crate::structured::{Document, Node, Unreadable, parse_toml};

struct Entry<'a> {
    node: &'a Node,
    name: &'a str,
    version: &'a str,
    source: Option<(&'a str, SourceId)>,
}

pub(super) fn parse(path: &str, bytes: &[u8]) -> Result<Lockfile, Unreadable> {
    let document = parse_toml(path, bytes, super::BYTES_MAX)?;
    let format_version = version(&document)?;
    let listed = document.root.get("package").and_then(Node::as_list).unwrap_or_default();
    // Before version 2 a package that nothing depends on stood apart, as `[root]`.
    let nodes = listed.iter().chain(document.root.get("root"));
    let entries: Vec<Entry<'_>> = nodes.map(|node| entry(&document, node)).collect::<Result<_, _>>()?;
    if entries.is_empty() {
        return Err(refuse(&document, &document.root, "the lockfile holds no package".to_owned()));
    }
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        by_name.entry(entry.name).or_default().push(at);
    }
    let mut graph = Graph::default();
    for entry in &entries {
        let at = graph.place(package(&document, entry)?);
        if entry.source.is_none() {
            graph.root(at);
        }
    }
    for (at, entry) in entries.iter().enumerate() {
        let needed = entry.node.get("dependencies").and_then(Node::as_list).unwrap_or_default();
        for node in needed.iter().chain(entry.node.get("replace")) {
            graph.edge(at, find(&document, node, &entries, &by_name)?, Need::Always);
        }
    }
    Ok(graph.lockfile(path, Format::CargoLock, format_version))
}

fn version(document: &Document) -> Result<String, Unreadable> {
    let Some(node) = document.root.get("version") else {
        let metadata = document.root.get("metadata").and_then(Node::as_table);
        let first = metadata.is_some_and(|table| table.entries().iter().any(|entry| entry.key.starts_with("checksum ")));
        return Ok(if first { "1" } else { "2" }.to_owned());
    };
    match node.as_integer() {
        Some(number @ 1..=4) => Ok(number.to_string()),
        _ => Err(refuse(document, node, "this version of Cargo.lock is not known; 1 to 4 are".to_owned())
            .help("a newer avouch may read it; `cargo generate-lockfile` of an older Rust writes version 4")),
    }
}

fn entry<'a>(document: &Document, node: &'a Node) -> Result<Entry<'a>, Unreadable> {
    let text = |key: &str| {
        let found = node.get(key).and_then(Node::as_text);
        found.ok_or_else(|| refuse(document, node, format!("this package has no `{key}`")))
    };
    let source = match node.get("source") {
        None => None,
        Some(source) => {
            let text = source.as_text().unwrap_or_default();
            let id = SourceId::from_url(text)
                .map_err(|error| refuse(document, source, format!("`{text}` is not a source of crates: {error}")))?;
            // A source that is a path is no source that anybody else could read from.
            (!id.is_path()).then_some((text, id))
        }
    };
    Ok(Entry { node, name: text("name")?, version: text("version")?, source })
}

fn package(document: &Document, entry: &Entry<'_>) -> Result<Package, Unreadable> {
    Ok(Package {
        name: entry.name.to_owned(),
        version: Some(entry.version.to_owned()),
        origin: origin(document, entry)?,
        hashes: checksum(document, entry)?.into_iter().collect(),
        licence: None,
        scope: Scope::Excluded,
        patched: false,
        ecosystem: Ecosystem::Cargo,
        dependencies: Vec::new(),
    })
}

fn origin(document: &Document, entry: &Entry<'_>) -> Result<Origin, Unreadable> {
    let Some((text, id)) = &entry.source else {
        return Ok(Origin::Path { path: None });
    };
    Ok(match id.kind() {
        _ if id.is_default_registry() => Origin::Registry,
        SourceKind::Git(_) => git(text)
            .ok_or_else(|| refuse(document, entry.node, format!("`{}` comes from git without a full commit id", entry.name)))?,
        SourceKind::Registry => Origin::OtherRegistry { url: without_credentials(id.url().as_str()) },
        SourceKind::SparseRegistry => Origin::OtherRegistry { url: format!("sparse+{}", without_credentials(id.url().as_str())) },
        _ => Origin::Path { path: relative_path(id.url().path()) },
    })
}

fn checksum(document: &Document, entry: &Entry<'_>) -> Result<Option<Hash>, Unreadable> {
    let key = || entry.source.as_ref().map(|(source, _)| format!("checksum {} {} ({source})", entry.name, entry.version));
    let node = entry.node.get("checksum").or_else(|| document.root.get("metadata")?.get(&key()?));
    match node.map(|node| (node, node.as_text().unwrap_or_default())) {
        None | Some((_, "<none>")) => Ok(None),
        Some((node, digits)) => match hex_hash(HashAlgorithm::Sha256, digits) {
            Some(hash) => Ok(Some(hash)),
            None => Err(refuse(document, node, "this checksum is not 64 hexadecimal digits".to_owned())),
        },
    }
}

/// The package that a dependency (`name`, `name version` or `name version (source)`) stands for.
fn find(
    document: &Document,
    node: &Node,
    entries: &[Entry<'_>],
    by_name: &HashMap<&str, Vec<usize>>,
) -> Result<usize, Unreadable> {
    let text = node.as_text().unwrap_or_default();
    let mut parts = text.splitn(3, ' ');
    let (name, version, source) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let source = source.map(|source| source.trim_start_matches('(').trim_end_matches(')'));
    let id = source.and_then(|source| SourceId::from_url(source).ok());
    let fits = |at: &usize| {
        let Some(entry) = entries.get(*at) else { return false };
        let same_source = match (source, &entry.source) {
            (None, _) => true,
            // Without the commit, which a dependency leaves out; `cargo-lock` knows the spellings that differ.
            (Some(source), Some((text, entry_id))) => {
                text.split('#').next() == source.split('#').next() || id.as_ref() == Some(entry_id)
            }
            (Some(_), None) => id.as_ref().is_some_and(SourceId::is_path),
        };
        same_source && version.is_none_or(|version| version == entry.version)
    };
    let found: Vec<usize> = by_name.get(name).into_iter().flatten().copied().filter(|at| fits(at)).collect();
    // Of several that fit, the one with the very spelling is meant; without a source it is the package of a path, since
    // Cargo leaves the source out where there is none, or nothing to confuse it with.
    let exact = |at: &&usize| {
        let spelled = entries.get(**at).and_then(|entry| entry.source.as_ref()).and_then(|(text, _)| text.split('#').next());
        spelled == source.and_then(|source| source.split('#').next())
    };
    match (found.as_slice(), found.iter().filter(exact).collect::<Vec<_>>().as_slice()) {
        ([one], _) => Ok(*one),
        (_, [one]) => Ok(**one),
        ([], _) => Err(refuse(document, node, format!("the lockfile holds no package `{text}`"))),
        _ => Err(refuse(document, node, format!("`{text}` could be {} packages of the lockfile", found.len()))),
    }
}

fn refuse(document: &Document, node: &Node, message: String) -> Unreadable {
    Unreadable::at(&document.source, "cargo-lock", node.span.clone(), message)
}

//! `Cargo.lock`, versions 1 to 4.
//!
//! `cargo-lock` reads its source ids here, and is the oracle of the tests. Its reader of whole files is not used: it keeps
//! no places for errors, resolves a dependency without a source to the first package of that name and version (two
//! sources of one version are then one), and compares every dependency with every package.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use avouch_model::diagnostic::Source;
use cargo_lock::{SourceId, package::SourceKind};

use super::{
    Asked, Ecosystem, Format, Hash, HashAlgorithm, Lockfile, Need, Origin, Package, Surplus,
    address::of_registry,
    graph::Graph,
    origin::{git, hex_hash, relative_path},
    sound,
};
use crate::structured::{Document, Node, Unreadable, parse_toml_packages, shown};

/// How often packages of one name are compared with a dependency before the file is refused: what Cargo writes needs a
/// few a dependency.
const COMPARISONS_MAX: usize = 4_000_000;

struct Entry<'a> {
    node: &'a Node,
    name: &'a str,
    version: &'a str,
    source: Option<(&'a str, SourceId)>,
}

/// The packages by what dependencies name them by.
struct Names<'a> {
    entries: &'a [Entry<'a>],
    by_name: HashMap<&'a str, Vec<usize>>,
    by_version: HashMap<(&'a str, &'a str), Vec<usize>>,
    compared: Cell<usize>,
}

pub(super) fn parse(source: Arc<Source>) -> Result<Lockfile, Unreadable> {
    let path = source.path.clone();
    let document = parse_toml_packages(source, super::TOML_VALUES_MAX, &mut |_, _, _| Ok(()))?;
    let format_version = version(&document)?;
    let listed = document.root.get("package").and_then(Node::as_list).unwrap_or_default();
    // Before version 2 a package that nothing depends on stood apart, as `[root]`.
    let nodes = listed.iter().chain(document.root.get("root"));
    let entries: Vec<Entry<'_>> = nodes.map(|node| entry(&document, node)).collect::<Result<_, _>>()?;
    if entries.is_empty() {
        return Err(refuse(&document, &document.root, "the lockfile holds no package".to_owned()));
    }
    let mut known = HashSet::new();
    for entry in &entries {
        if !known.insert((entry.name, entry.version, entry.source.as_ref().map(|(text, _)| *text))) {
            let message = format!("`{} {}` is listed twice", shown(entry.name), shown(entry.version));
            return Err(refuse(&document, entry.node, message));
        }
    }
    drop(known);
    let mut names = Names { entries: &entries, by_name: HashMap::new(), by_version: HashMap::new(), compared: Cell::new(0) };
    for (at, entry) in entries.iter().enumerate() {
        names.by_name.entry(entry.name).or_default().push(at);
        names.by_version.entry((entry.name, entry.version)).or_default().push(at);
    }
    // What any feature, any platform and the tests may need is listed.
    let mut graph = Graph::with_surplus(&[Surplus::Platforms, Surplus::Features, Surplus::Development]);
    for entry in &entries {
        let at = graph.place(package(&document, entry)?);
        if entry.source.is_none() {
            graph.root(at);
        }
    }
    for (at, entry) in entries.iter().enumerate() {
        let needed = entry.node.get("dependencies").and_then(Node::as_list).unwrap_or_default();
        let mut asked = Vec::new();
        for node in needed.iter().chain(entry.node.get("replace")) {
            let to = find(&document, node, &names)?;
            graph.edge(at, to, Need::Required);
            if let Some(needed) = entries.get(to).filter(|_| entry.source.is_none()) {
                asked.push((Asked::new(needed.name, None, Need::Required), Some(to)));
            }
        }
        if entry.source.is_none() {
            graph.importer(at, entry.name, asked);
        }
    }
    drop(names);
    drop(entries);
    drop(document);
    Ok(graph.lockfile(&path, Format::CargoLock, format_version))
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
                .map_err(|error| refuse(document, source, format!("`{}` is not a source of crates: {error}", shown(text))))?;
            // A source that is a path is no source that anybody else could read from.
            (!id.is_path()).then_some((text, id))
        }
    };
    Ok(Entry { node, name: text("name")?, version: text("version")?, source })
}

fn package(document: &Document, entry: &Entry<'_>) -> Result<Package, Unreadable> {
    sound(&document.source, &entry.node.span, entry.name, Some(entry.version))?;
    let package = Package::new(Ecosystem::Cargo, entry.name, Some(entry.version), origin(document, entry)?);
    Ok(Package { hashes: checksum(document, entry)?.into_iter().collect(), ..package })
}

fn origin(document: &Document, entry: &Entry<'_>) -> Result<Origin, Unreadable> {
    let Some((text, id)) = &entry.source else {
        return Ok(Origin::Path { path: None });
    };
    Ok(match id.kind() {
        _ if id.is_default_registry() => Origin::Registry,
        SourceKind::Git(_) => git(text).ok_or_else(|| {
            refuse(document, entry.node, format!("`{}` comes from git without a full commit id", shown(entry.name)))
        })?,
        SourceKind::Registry => Origin::OtherRegistry { url: of_registry(id.url().as_str()) },
        SourceKind::SparseRegistry => Origin::OtherRegistry { url: format!("sparse+{}", of_registry(id.url().as_str())) },
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
fn find(document: &Document, node: &Node, names: &Names<'_>) -> Result<usize, Unreadable> {
    let entries = names.entries;
    let text = node.as_text().unwrap_or_default();
    let mut parts = text.splitn(3, ' ');
    let (name, version, source) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let source = source.map(|source| source.trim_start_matches('(').trim_end_matches(')'));
    let candidates = match version {
        Some(version) => names.by_version.get(&(name, version)),
        None => names.by_name.get(name),
    };
    let candidates = candidates.map(Vec::as_slice).unwrap_or_default();
    names.compared.set(names.compared.get() + candidates.len());
    if names.compared.get() > COMPARISONS_MAX {
        return Err(refuse(document, node, format!("too many packages are named `{}` for this to be a lockfile", shown(name))));
    }
    // Of several that fit, the one with the very spelling is meant; without a source it is the package of a path, since
    // Cargo leaves the source out where there is none, or nothing to confuse it with.
    let spelled = |at: &&usize| {
        let own = entries.get(**at).and_then(|entry| entry.source.as_ref()).and_then(|(text, _)| text.split('#').next());
        own == source.and_then(|source| source.split('#').next())
    };
    if let ([one], true) = (candidates, source.is_none()) {
        return Ok(*one);
    }
    let mut exact = candidates.iter().filter(spelled);
    if let (Some(one), None) = (exact.next(), exact.next()) {
        return Ok(*one);
    }
    // `cargo-lock` knows the spellings of one source that differ.
    let id = source.and_then(|source| SourceId::from_url(source).ok());
    let fits = |at: &&usize| match (source, entries.get(**at).and_then(|entry| entry.source.as_ref())) {
        (None, _) => true,
        (Some(_), Some((_, own))) => id.as_ref() == Some(own),
        (Some(_), None) => id.as_ref().is_some_and(SourceId::is_path),
    };
    let found: Vec<&usize> = candidates.iter().filter(fits).collect();
    match found.as_slice() {
        [one] => Ok(**one),
        [] => Err(refuse(document, node, format!("the lockfile holds no package `{}`", shown(text)))),
        _ => Err(refuse(document, node, format!("`{}` could be {} packages of the lockfile", shown(text), found.len()))),
    }
}

fn refuse(document: &Document, node: &Node, message: String) -> Unreadable {
    Unreadable::at(&document.source, "cargo-lock", node.span.clone(), message)
}

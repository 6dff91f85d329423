//! `poetry.lock`, versions 1.0 to 2.1.
//!
//! What the project asks for is not in it. Since 2.1 each package states the groups it is needed by, and before 1.2 whether
//! it is for development; in between nothing tells. A dependency states a range: where the lockfile holds several versions
//! of a name for several interpreters, all of them are needed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use avouch_model::diagnostic::Source;

use super::{
    super::{
        Archive, Ecosystem, Format, Lockfile, Need, Origin, Package, Scope, Surplus, address,
        graph::Graph,
        origin::{archive, git_url, is_commit, relative_path},
        sound,
    },
    Names, hash, normal, registry_at, requirement, table, with_archives,
};
use crate::structured::{Document, Entry, Node, Table, Unreadable, parse_toml_packages, shown};

/// The version that states groups.
pub(in crate::lock) const WITH_GROUPS: &str = "2.1";
/// The versions that are read.
const VERSIONS: [&str; 4] = ["1.0", "1.1", "2.0", WITH_GROUPS];
/// How many values may stay in the tree: without the files of packages, of which one takes more than all else.
const VALUES_MAX: usize = 900_000;
/// How many edges may be drawn: several versions of a name give several for each dependency.
const EDGES_MAX: usize = 2_000_000;

/// A package as it is listed: its place and those of its extras.
struct Listed<'a> {
    node: &'a Node,
    place: usize,
    extras: BTreeMap<String, usize>,
}

pub(in crate::lock) fn parse(source: Arc<Source>) -> Result<Lockfile, Unreadable> {
    let path = source.path.clone();
    let mut files: HashMap<usize, Vec<Archive>> = HashMap::new();
    let document = parse_toml_packages(source, VALUES_MAX, &mut |source, package, at| shorten(source, package, &mut files, at))?;
    let version = document.root.pointer("/metadata/lock-version");
    let Some(found) = version.and_then(Node::as_text).filter(|found| VERSIONS.contains(found)) else {
        let found = version.and_then(Node::as_written).map_or("no version".to_owned(), |it| format!("version {}", shown(it)));
        let message = format!("this poetry.lock has {found}; 1.0 to 2.1 are read");
        return Err(refuse(&document, version.unwrap_or(&document.root), message)
            .help("a newer avouch may read it; `poetry lock` of Poetry 2 writes version 2.1"));
    };
    let mut graph = Graph::default();
    let root = graph.place(Package::new(Ecosystem::PyPi, "root", None, Origin::Path { path: Some(".".to_owned()) }));
    graph.root(root);
    graph.importer(root, "", Vec::new());
    let mut listed: Vec<Listed<'_>> = Vec::new();
    let mut names = Names::default();
    for node in document.root.get("package").and_then(Node::as_list).unwrap_or_default() {
        let package = package(&document, node, files.remove(&node.span.start))?;
        let bare = Package::new(package.ecosystem, &package.name, package.version.as_deref(), package.origin.clone());
        let name = normal(&package.name);
        let place = graph.place(package);
        graph.state(place, stated(node));
        if node.get("groups").is_none() && node.get("category").is_none() {
            graph.surplus.insert(Surplus::Development);
        }
        names.add(&name, listed.len());
        graph.descriptors.push((name, place));
        let mut extras = BTreeMap::new();
        for extra in table(node, "extras") {
            let at = graph.place(bare.clone());
            // It states no scope of its own, and adds none to its package.
            graph.state(at, Scope::Excluded);
            graph.edge(at, place, Need::Required);
            extras.insert(normal(&extra.key), at);
        }
        listed.push(Listed { node, place, extras });
    }
    let mut edges = 0;
    for package in &listed {
        for entry in table(package.node, "dependencies") {
            edges += link(&mut graph, &names, &listed, package, entry);
            if edges > EDGES_MAX {
                return Err(refuse(
                    &document,
                    &entry.value,
                    "too many packages share a name for this to be a lockfile".to_owned(),
                ));
            }
        }
    }
    graph.lead_to_unneeded(root);
    let found = found.to_owned();
    // The tree goes before the packages are folded: both together would be the most memory that is taken.
    drop(listed);
    drop(document);
    Ok(graph.lockfile(&path, Format::PoetryLock, found))
}

/// The scope that a package states. Where it states none it may be needed.
fn stated(node: &Node) -> Scope {
    let groups = node.get("groups").and_then(Node::as_list);
    let main = match (groups, node.get("category").and_then(Node::as_text)) {
        (Some(groups), _) => groups.iter().any(|group| group.as_text() == Some("main")),
        (None, category) => category != Some("dev"),
    };
    match (main, node.get("optional").and_then(Node::as_bool)) {
        (false, _) => Scope::Excluded,
        (true, Some(true)) => Scope::Optional,
        (true, _) => Scope::Required,
    }
}

/// Takes the files of a package out of the tree, which are most of what is told of it, and what nobody asks. Files are kept by
/// where the package begins.
fn shorten(
    source: &Arc<Source>,
    package: &mut Table,
    files: &mut HashMap<usize, Vec<Archive>>,
    at: usize,
) -> Result<(), Unreadable> {
    for unasked in ["description", "python-versions"] {
        package.take(unasked);
    }
    let name = package.get("name").and_then(Node::as_text).unwrap_or_default().to_owned();
    if let Some(listed) = package.take("files") {
        files.insert(at, archives(source, &listed, &name)?);
    }
    Ok(())
}

fn archives(source: &Arc<Source>, files: &Node, name: &str) -> Result<Vec<Archive>, Unreadable> {
    let archive = |file: &Node| {
        let of = |key: &str| file.get(key).and_then(Node::as_text);
        let hashes = file.get("hash").map(|node| hash(source, node, name)).transpose()?;
        let url = of("url").map(address::of_archive);
        Ok(Archive { url, file: of("file").map(str::to_owned), hashes: hashes.into_iter().collect() })
    };
    files.as_list().unwrap_or_default().iter().map(archive).collect()
}

fn package(document: &Document, node: &Node, files: Option<Vec<Archive>>) -> Result<Package, Unreadable> {
    let text = |key: &str| node.get(key).and_then(Node::as_text);
    let (Some(name), Some(version)) = (text("name"), text("version")) else {
        return Err(refuse(document, node, "this package has no `name` or no `version`".to_owned()));
    };
    sound(&document.source, &node.span, name, Some(version))?;
    // Before Poetry 1.3 the files of all packages stood together.
    let apart = || document.root.pointer("/metadata/files").and_then(|files| files.get(name));
    let archives = match (files, apart()) {
        (Some(files), _) => files,
        (None, Some(files)) => archives(&document.source, files, name)?,
        (None, None) => Vec::new(),
    };
    let package = Package::new(Ecosystem::PyPi, name, Some(version), origin(document, node, name)?);
    Ok(Package { conditional: node.get("markers").is_some(), ..with_archives(package, archives) })
}

fn origin(document: &Document, node: &Node, name: &str) -> Result<Origin, Unreadable> {
    let Some(source) = node.get("source") else { return Ok(Origin::Registry) };
    let text = |key: &str| source.get(key).and_then(Node::as_text);
    let url = text("url").unwrap_or_default();
    Ok(match text("type") {
        None | Some("legacy") => registry_at(url),
        Some("git") => {
            let commit = text("resolved_reference").or_else(|| text("reference")).filter(|commit| is_commit(commit));
            let commit = commit
                .ok_or_else(|| refuse(document, source, format!("`{}` comes from git without a full commit id", shown(name))))?;
            Origin::Git { url: git_url(url), commit: commit.to_ascii_lowercase() }
        }
        Some("url") => archive(url),
        Some("directory" | "file") => Origin::Path { path: relative_path(url) },
        Some(other) => {
            let message = format!("`{}` comes from a source of type `{}`, which is not known", shown(name), shown(other));
            return Err(refuse(document, source, message));
        }
    })
}

/// Draws the edges of one dependency of a package; says how many.
fn link(graph: &mut Graph, names: &Names, listed: &[Listed<'_>], package: &Listed<'_>, entry: &Entry) -> usize {
    // One dependency, or several for several interpreters.
    let one = std::slice::from_ref(&entry.value);
    let constraints = entry.value.as_list().unwrap_or(one);
    let found: Vec<&Listed<'_>> = names.find(&entry.key).iter().filter_map(|at| listed.get(*at)).collect();
    let mut edges = 0;
    let mut optional_only = true;
    for constraint in constraints {
        let text = |key: &str| constraint.get(key).and_then(Node::as_text);
        let optional = constraint.get("optional").and_then(Node::as_bool) == Some(true);
        let markers = text("markers").unwrap_or_default();
        optional_only &= optional;
        if !markers.is_empty() && !markers.starts_with("extra ==") {
            graph.surplus.insert(Surplus::Platforms);
        }
        let sources: Vec<usize> = if optional { extras_for(package, &entry.key, markers) } else { vec![package.place] };
        let wanted: Vec<String> = constraint
            .get("extras")
            .and_then(Node::as_list)
            .map(|extras| extras.iter().filter_map(Node::as_text).map(normal).collect())
            .unwrap_or_default();
        for from in sources {
            for to in &found {
                graph.edge(from, to.place, Need::Required);
                let extras = wanted.iter().filter_map(|extra| to.extras.get(extra));
                for extra in extras {
                    graph.edge(from, *extra, Need::Required);
                    edges += 1;
                }
                edges += 1;
            }
        }
    }
    // An optional dependency that no extra asked for is not locked, nor is one of another platform.
    let conditional = constraints.iter().all(|it| it.get("markers").is_some());
    if found.is_empty() && !optional_only && !conditional {
        let unresolved = format!("{} → {}", graph.called(package.place), entry.key);
        graph.leave_open(&unresolved);
    }
    edges.max(constraints.len())
}

/// The places of the extras that bring an optional dependency: those that its markers name, or that list it.
fn extras_for(package: &Listed<'_>, name: &str, markers: &str) -> Vec<usize> {
    let named: Vec<usize> = markers
        .split("extra == ")
        .skip(1)
        .filter_map(|rest| rest.trim_start_matches(['"', '\'']).split(['"', '\'']).next())
        .filter_map(|extra| package.extras.get(&normal(extra)).copied())
        .collect();
    if !named.is_empty() {
        return named;
    }
    let name = normal(name);
    let lists = |entry: &&Entry| {
        let listed = entry.value.as_list().unwrap_or_default().iter().filter_map(Node::as_text);
        listed.filter_map(requirement).any(|(listed, _)| normal(listed) == name)
    };
    let listing = table(package.node, "extras").iter().filter(lists);
    listing.filter_map(|entry| package.extras.get(&normal(&entry.key)).copied()).collect()
}

fn refuse(document: &Document, node: &Node, message: String) -> Unreadable {
    Unreadable::at(&document.source, "poetry-lock", node.span.clone(), message)
}

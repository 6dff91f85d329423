//! `uv.lock`, version 1: one resolution for all platforms and interpreters, extras and groups.
//!
//! An extra is a place of its own: what it brings is needed by whoever asks for it, and by nobody else.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use avouch_model::diagnostic::Source;

use super::{
    super::{
        Archive, Asked, Ecosystem, Format, Lockfile, Need, Origin, Package, Surplus, address,
        graph::Graph,
        origin::{archive, git_url, is_commit, relative_path},
        sound,
    },
    hash, normal, registry_at, table, with_archives,
};
use crate::structured::{Document, Node, Table, Unreadable, parse_toml_packages, shown};

/// How many values may stay in the tree: without the files of packages, of which one takes more than all else.
const VALUES_MAX: usize = 950_000;
/// How often packages of one name are compared before the file is refused.
const COMPARISONS_MAX: usize = 4_000_000;

/// A package as it is listed.
struct Listed<'a> {
    node: &'a Node,
    name: &'a str,
    place: usize,
    /// The places of its extras.
    extras: BTreeMap<&'a str, usize>,
}

struct Names<'a> {
    listed: &'a [Listed<'a>],
    by_name: HashMap<&'a str, Vec<usize>>,
    by_version: HashMap<(&'a str, &'a str), Vec<usize>>,
    compared: Cell<usize>,
}

pub(in crate::lock) fn parse(source: Arc<Source>) -> Result<Lockfile, Unreadable> {
    let path = source.path.clone();
    let mut files: HashMap<usize, Vec<Archive>> = HashMap::new();
    let document = parse_toml_packages(source, VALUES_MAX, &mut |source, package, at| shorten(source, package, &mut files, at))?;
    let version = document.root.get("version");
    if version.and_then(Node::as_integer) != Some(1) {
        let found = version.and_then(Node::as_written).map_or("no version".to_owned(), |it| format!("version {}", shown(it)));
        let message = format!("this uv.lock has {found}; 1 is read");
        return Err(refuse(&document, version.unwrap_or(&document.root), message)
            .help("a newer avouch may read it; `uv lock` of uv 0.5 or later writes version 1"));
    }
    let mut graph = Graph::default();
    let mut listed: Vec<Listed<'_>> = Vec::new();
    for node in document.root.get("package").and_then(Node::as_list).unwrap_or_default() {
        let (name, package) = package(&document, node, files.remove(&node.span.start).unwrap_or_default())?;
        // A place of an extra is of the same package; what recognises it stands with the package itself.
        let bare = Package::new(package.ecosystem, &package.name, package.version.as_deref(), package.origin.clone());
        let place = graph.place(package);
        let mut extras = BTreeMap::new();
        for extra in table(node, "optional-dependencies") {
            let at = graph.place(bare.clone());
            graph.edge(at, place, Need::Required);
            extras.insert(extra.key.as_str(), at);
        }
        listed.push(Listed { node, name, place, extras });
    }
    let mut names = Names { listed: &listed, by_name: HashMap::new(), by_version: HashMap::new(), compared: Cell::new(0) };
    for (at, package) in listed.iter().enumerate() {
        names.by_name.entry(package.name).or_default().push(at);
        let version = package.node.get("version").and_then(Node::as_text).unwrap_or_default();
        names.by_version.entry((package.name, version)).or_default().push(at);
    }
    let roots = roots(&document, &listed);
    for (at, package) in listed.iter().enumerate() {
        edges(&document, &mut graph, &names, package, roots.contains(&at))?;
    }
    requirements_of_no_package(&document, &mut graph, &names, roots.is_empty())?;
    // The tree goes before the packages are folded: both together would be the most memory that is taken.
    drop(names);
    drop(listed);
    drop(document);
    Ok(graph.lockfile(&path, Format::UvLock, "1".to_owned()))
}

impl Names<'_> {
    fn count(&self, document: &Document, node: &Node, name: &str, compared: usize) -> Result<(), Unreadable> {
        self.compared.set(self.compared.get() + compared);
        if self.compared.get() <= COMPARISONS_MAX {
            return Ok(());
        }
        Err(refuse(document, node, format!("too many packages are named `{}` for this to be a lockfile", shown(name))))
    }
}

/// The members of the workspace; without a list of them, what lies beside the lockfile.
fn roots(document: &Document, listed: &[Listed<'_>]) -> HashSet<usize> {
    let members = document.root.pointer("/manifest/members").and_then(Node::as_list);
    let members: Option<HashSet<&str>> = members.map(|members| members.iter().filter_map(Node::as_text).collect());
    let is_root = |package: &Listed<'_>| {
        let source = |key: &str| package.node.get("source").and_then(|source| source.get(key)?.as_text());
        let local = source("editable").or_else(|| source("virtual")).or_else(|| source("directory"));
        match &members {
            Some(members) => local.is_some() && members.contains(package.name),
            None => local == Some("."),
        }
    };
    listed.iter().enumerate().filter(|(_, package)| is_root(package)).map(|(at, _)| at).collect()
}

/// Takes the files of a package out of the tree, which are most of what is told of it, and keeps what is asked of them. They are
/// kept by where the package begins.
fn shorten(
    source: &Arc<Source>,
    package: &mut Table,
    files: &mut HashMap<usize, Vec<Archive>>,
    at: usize,
) -> Result<(), Unreadable> {
    let name = package.get("name").and_then(Node::as_text).unwrap_or_default().to_owned();
    let wheels = package.take("wheels");
    let mut archives = Vec::new();
    for file in package.take("sdist").iter().chain(wheels.as_ref().and_then(Node::as_list).unwrap_or_default()) {
        let of = |key: &str| file.get(key).and_then(Node::as_text);
        let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let url = of("url").map(address::plain);
        let file_name = of("filename").or_else(|| of("path")).or(url.as_deref()).map(last);
        let mut url = url.as_deref().map(address::of_archive);
        // A name that the address ends with need not be kept twice: files are most of what a large lockfile takes.
        let file_name = file_name.filter(|name| url.as_deref().is_none_or(|url| !url.ends_with(&format!("/{name}"))));
        if let Some(url) = &mut url {
            url.shrink_to_fit();
        }
        let hashes = file.get("hash").map(|node| hash(source, node, &name)).transpose()?;
        archives.push(Archive { url, file: file_name, hashes: hashes.into_iter().collect() });
    }
    if !archives.is_empty() {
        archives.shrink_to_fit();
        files.insert(at, archives);
    }
    Ok(())
}

fn package<'a>(document: &Document, node: &'a Node, archives: Vec<Archive>) -> Result<(&'a str, Package), Unreadable> {
    let text = |key: &str| node.get(key).and_then(Node::as_text);
    let Some(name) = text("name") else {
        return Err(refuse(document, node, "this package has no `name`".to_owned()));
    };
    sound(&document.source, &node.span, name, text("version"))?;
    let package = Package::new(Ecosystem::PyPi, name, text("version"), origin(document, node, name)?);
    let conditional = node.get("resolution-markers").is_some();
    Ok((name, Package { conditional, ..with_archives(package, archives) }))
}

fn origin(document: &Document, node: &Node, name: &str) -> Result<Origin, Unreadable> {
    let Some(source) = node.get("source") else {
        return Err(refuse(document, node, format!("`{}` has no `source`", shown(name))));
    };
    let text = |key: &str| source.get(key).and_then(Node::as_text);
    if let Some(url) = text("registry") {
        // An index may be a folder.
        return Ok(if url.contains("://") { registry_at(url) } else { Origin::Path { path: relative_path(url) } });
    }
    if let Some(url) = text("git") {
        let commit = url.rsplit_once('#').map(|(_, commit)| commit).filter(|commit| is_commit(commit));
        let commit = commit
            .ok_or_else(|| refuse(document, source, format!("`{}` comes from git without a full commit id", shown(name))))?;
        return Ok(Origin::Git { url: git_url(url), commit: commit.to_ascii_lowercase() });
    }
    if let Some(url) = text("url") {
        return Ok(archive(url));
    }
    let path = ["editable", "virtual", "directory", "path"].into_iter().find_map(text);
    match path {
        Some(path) => Ok(Origin::Path { path: relative_path(path) }),
        None => Err(refuse(document, source, format!("the source of `{}` is not known", shown(name)))),
    }
}

fn edges(
    document: &Document,
    graph: &mut Graph,
    names: &Names<'_>,
    package: &Listed<'_>,
    is_root: bool,
) -> Result<(), Unreadable> {
    let mut found: HashMap<String, usize> = HashMap::new();
    for node in package.node.get("dependencies").and_then(Node::as_list).unwrap_or_default() {
        link(document, graph, names, package.place, node, Need::Required, &mut found)?;
    }
    for extra in table(package.node, "optional-dependencies") {
        let Some(&from) = package.extras.get(extra.key.as_str()) else { continue };
        for node in extra.value.as_list().unwrap_or_default() {
            link(document, graph, names, from, node, Need::Required, &mut found)?;
        }
        if is_root {
            graph.edge(package.place, from, Need::Optional);
        }
    }
    if !is_root {
        return Ok(());
    }
    graph.root(package.place);
    for group in table(package.node, "dev-dependencies") {
        for node in group.value.as_list().unwrap_or_default() {
            link(document, graph, names, package.place, node, Need::Development, &mut found)?;
        }
    }
    let source = package.node.get("source");
    let folder =
        source.and_then(|source| ["editable", "virtual", "directory"].into_iter().find_map(|key| source.get(key)?.as_text()));
    let folder = folder.unwrap_or_default();
    let asked = asked(package.node).into_iter().map(|asked| {
        let at = found.get(&asked.name).copied();
        (asked, at)
    });
    graph.importer(package.place, if folder == "." { "" } else { folder }, asked.collect());
    Ok(())
}

/// What a member asks for: `[package.metadata]`.
fn asked(node: &Node) -> Vec<Asked> {
    let mut asked = Vec::new();
    let mut take = |node: &Node, need: Need| {
        let text = |key: &str| node.get(key).and_then(Node::as_text);
        if let Some(name) = text("name") {
            let extra = text("marker").is_some_and(|marker| marker.contains("extra =="));
            let need = if extra { Need::Optional } else { need };
            asked.push(Asked::new(&normal(name), Some(text("specifier").unwrap_or_default()), need));
        }
    };
    let metadata = node.get("metadata");
    let required = metadata.and_then(|metadata| metadata.get("requires-dist")).and_then(Node::as_list);
    required.unwrap_or_default().iter().for_each(|node| take(node, Need::Required));
    for group in metadata.map(|metadata| table(metadata, "requires-dev")).unwrap_or_default() {
        group.value.as_list().unwrap_or_default().iter().for_each(|node| take(node, Need::Development));
    }
    super::strongest(asked)
}

/// Draws the edges of one dependency: to the package, and to the extras it asks for.
fn link(
    document: &Document,
    graph: &mut Graph,
    names: &Names<'_>,
    from: usize,
    node: &Node,
    need: Need,
    found: &mut HashMap<String, usize>,
) -> Result<(), Unreadable> {
    if node.get("marker").is_some() {
        graph.surplus.insert(Surplus::Platforms);
    }
    let to = find(document, names, node)?;
    graph.edge(from, to.place, need);
    found.insert(normal(to.name), to.place);
    for extra in node.get("extra").and_then(Node::as_list).unwrap_or_default().iter().filter_map(Node::as_text) {
        // An extra that brings nothing is not listed.
        if let Some(at) = to.extras.get(extra) {
            graph.edge(from, *at, need);
        }
    }
    Ok(())
}

/// The package that a dependency stands for; version and source are stated where its name leaves a choice.
fn find<'a>(document: &Document, names: &Names<'a>, node: &Node) -> Result<&'a Listed<'a>, Unreadable> {
    let name = node.get("name").and_then(Node::as_text).unwrap_or_default();
    let candidates = match node.get("version").and_then(Node::as_text) {
        Some(version) => names.by_version.get(&(name, version)),
        None => names.by_name.get(name),
    };
    let candidates = candidates.map(Vec::as_slice).unwrap_or_default();
    names.count(document, node, name, candidates.len())?;
    let source = node.get("source").map(Node::to_json);
    let fits = |package: &&Listed<'_>| {
        candidates.len() == 1 || source.is_none() || package.node.get("source").map(Node::to_json) == source
    };
    let mut fitting = candidates.iter().filter_map(|at| names.listed.get(*at)).filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(refuse(document, node, format!("the lockfile holds no package `{}`", shown(name)))),
        _ => Err(refuse(document, node, format!("`{}` could be several packages of the lockfile", shown(name)))),
    }
}

/// What a project that is no package asks for: its groups, and the requirements of a script.
fn requirements_of_no_package(document: &Document, graph: &mut Graph, names: &Names<'_>, alone: bool) -> Result<(), Unreadable> {
    let Some(manifest) = document.root.get("manifest").filter(|_| alone) else {
        if alone {
            return Err(refuse(document, &document.root, "the lockfile has no root package".to_owned()));
        }
        return Ok(());
    };
    let root = graph.place(Package::new(Ecosystem::PyPi, "root", None, Origin::Path { path: Some(".".to_owned()) }));
    graph.root(root);
    let lists = std::iter::once((manifest.get("requirements"), Need::Required))
        .chain(table(manifest, "dependency-groups").iter().map(|group| (Some(&group.value), Need::Development)));
    let mut asked = Vec::new();
    for (list, need) in lists {
        for node in list.and_then(Node::as_list).unwrap_or_default() {
            let text = |key: &str| node.get(key).and_then(Node::as_text);
            let name = text("name").unwrap_or_default();
            // It is written as in a manifest: without the version that was found.
            let candidates = names.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
            names.count(document, node, name, candidates.len())?;
            for at in candidates {
                if let Some(package) = names.listed.get(*at) {
                    graph.edge(root, package.place, need);
                    let specifier = Some(text("specifier").unwrap_or_default());
                    asked.push((Asked::new(&normal(name), specifier, need), Some(package.place)));
                }
            }
        }
    }
    graph.importer(root, "", asked);
    Ok(())
}

fn refuse(document: &Document, node: &Node, message: String) -> Unreadable {
    Unreadable::at(&document.source, "uv-lock", node.span.clone(), message)
}

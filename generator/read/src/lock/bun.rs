//! `bun.lock`, versions 0 to 2: JSON with trailing commas; workspaces, and packages keyed by how they are reached.
//!
//! A key is the names from the top of `node_modules` down: `a` is what everybody finds, `b/a` what `b` finds for itself.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use avouch_model::diagnostic::Source;

use super::{
    Archive, Asked, Ecosystem, Format, Lockfile, Need, Origin, Package,
    graph::Graph,
    manifest::asked_of_npm,
    origin::{git, git_url, integrity, relative_path},
    package_lock, sound,
};
use crate::structured::{Document, Entry, Node, Table, Unreadable, parse_json_source, shown};

/// How many names up a dependency is looked for.
const LEVELS_MAX: usize = 256;

pub(super) fn parse(source: Arc<Source>) -> Result<Lockfile, Unreadable> {
    let path = source.path.clone();
    let document = parse_json_source(source, true, super::VALUES_MAX)?;
    let version = document.root.get("lockfileVersion");
    // Version 2 is written as version 1 is: Bun itself only refuses more of it (oven-sh/bun#38741).
    let Some(number @ 0..=2) = version.and_then(Node::as_integer) else {
        let found = version.and_then(Node::as_written).map_or("no version".to_owned(), |it| format!("version {}", shown(it)));
        let message = format!("this bun.lock has {found}; 0, 1 and 2 are read");
        return Err(refuse(&document, version.unwrap_or(&document.root), message)
            .help("a newer avouch may read it; `bun install --lockfile-only` of Bun 1.2 to 1.4 writes a version that is"));
    };
    let workspaces = table(&document.root, "workspaces");
    if workspaces.is_empty() {
        return Err(refuse(&document, &document.root, "the lockfile has no `workspaces`".to_owned()));
    }
    let mut graph = Graph::default();
    let mut folders: HashMap<&str, usize> = HashMap::new();
    for entry in workspaces {
        let at = graph.place(workspace(&document, entry)?);
        graph.root(at);
        folders.insert(&entry.key, at);
    }
    let patched: HashSet<&str> = table(&document.root, "patchedDependencies").iter().map(|entry| entry.key.as_str()).collect();
    let mut names = Names::default();
    let mut places = Vec::new();
    for entry in table(&document.root, "packages") {
        let (name, reference) = resolved(&document, entry)?;
        let at = match own(reference, &folders) {
            Some(at) => at,
            None => graph.place(package(&document, entry, name, reference, &patched)?),
        };
        let node = names.add(&entry.key).ok_or_else(|| refuse(&document, &entry.value, "these keys are too many".to_owned()))?;
        names.put(node, at);
        places.push((entry, node, at));
    }
    for entry in workspaces {
        let Some(&from) = folders.get(entry.key.as_str()) else { continue };
        // What a workspace has for itself lies below its name.
        let own = entry.value.get("name").and_then(Node::as_text).and_then(|name| names.child(Names::TOP, name));
        let node = if entry.key.is_empty() { Names::TOP } else { own.unwrap_or(Names::TOP) };
        let asked = needs(&mut graph, &names, from, node, &entry.value);
        graph.importer(from, &entry.key, asked);
    }
    // Workspaces were placed first; what they need stands with them.
    for (entry, node, from) in places.into_iter().filter(|(.., from)| *from >= workspaces.len()) {
        if let Some(info) = info(&entry.value) {
            needs(&mut graph, &names, from, node, info);
        }
    }
    drop(names);
    drop(document);
    Ok(graph.lockfile(&path, Format::BunLock, number.to_string()))
}

fn workspace(document: &Document, entry: &Entry) -> Result<Package, Unreadable> {
    let text = |key: &str| entry.value.get(key).and_then(Node::as_text);
    let folder = if entry.key.is_empty() { "." } else { &entry.key };
    let name = text("name").filter(|name| !name.is_empty()).unwrap_or(if folder == "." { "root" } else { folder });
    sound(&document.source, &entry.key_span, name, text("version"))?;
    Ok(Package::new(Ecosystem::Npm, name, text("version"), Origin::Path { path: relative_path(folder) }))
}

/// The name and the reference of `["name@reference", …]`.
fn resolved<'a>(document: &Document, entry: &'a Entry) -> Result<(&'a str, &'a str), Unreadable> {
    let first = entry.value.as_list().and_then(<[Node]>::first).and_then(Node::as_text).unwrap_or_default();
    let at = first.char_indices().skip(1).find(|(_, character)| *character == '@').map(|(at, _)| at);
    let found = at.and_then(|at| Some((first.get(..at)?, first.get(at + 1..)?)));
    found.ok_or_else(|| {
        refuse(document, &entry.value, format!("`{}` is not a list that begins with `name@version`", shown(&entry.key)))
    })
}

/// The place of a workspace.
fn own(reference: &str, folders: &HashMap<&str, usize>) -> Option<usize> {
    match reference.strip_prefix("workspace:") {
        Some(folder) => folders.get(folder.trim_start_matches("./")).copied(),
        None if reference == "root:" => folders.get("").copied(),
        None => None,
    }
}

/// The table of a package's dependencies, which stands after what it is and, for a registry, where that is.
fn info(node: &Node) -> Option<&Node> {
    node.as_list()?.iter().find(|item| item.as_table().is_some())
}

fn package(
    document: &Document,
    entry: &Entry,
    name: &str,
    reference: &str,
    patched: &HashSet<&str>,
) -> Result<Package, Unreadable> {
    let items = entry.value.as_list().unwrap_or_default();
    let text = |at: usize| items.get(at).and_then(Node::as_text).unwrap_or_default();
    let stated = items
        .iter()
        .skip(1)
        .filter_map(Node::as_text)
        .find(|text| ["sha1-", "sha256-", "sha384-", "sha512-"].iter().any(|algorithm| text.starts_with(algorithm)));
    let hashes = match stated {
        None => Vec::new(),
        Some(value) => integrity(value)
            .ok_or_else(|| refuse(document, &entry.value, format!("the integrity of `{}` is not a hash", shown(name))))?,
    };
    let (origin, version, url) = match reference.split_once(':') {
        Some(("link" | "file" | "workspace" | "root", path)) => (Origin::Path { path: relative_path(path) }, None, None),
        Some(_) if super::address::is_web(reference) && git(reference).is_none() => {
            (super::origin::archive(reference), None, Some(reference))
        }
        Some(_) => (of_git(document, entry, name, reference)?, None, None),
        None if reference.contains('/') || reference.starts_with('.') => {
            (Origin::Path { path: relative_path(reference) }, None, None)
        }
        None => {
            // The registry is empty for the usual one, a registry's URL, or that of the archive itself.
            let registry = text(1);
            match registry {
                "" => (Origin::Registry, Some(reference), None),
                url if url.contains("/-/") => (package_lock::origin(name, Some(url)), Some(reference), Some(url)),
                url => (package_lock::registry_at(url), Some(reference), None),
            }
        }
    };
    sound(&document.source, &entry.key_span, name, version)?;
    let archives: Vec<Archive> = package_lock::archives(url, &hashes);
    let info = info(&entry.value);
    Ok(Package {
        hashes,
        archives,
        patched: patched.contains(format!("{name}@{reference}").as_str()),
        conditional: info.is_some_and(|info| ["os", "cpu", "libc"].iter().any(|key| info.get(key).is_some())),
        ..Package::new(Ecosystem::Npm, name, version, origin)
    })
}

/// A commit: `github:owner/name#0123abc` with its first digits, or `git+https://…#` with all of them.
fn of_git(document: &Document, entry: &Entry, name: &str, reference: &str) -> Result<Origin, Unreadable> {
    if let Some(origin) = git(reference) {
        return Ok(origin);
    }
    let (place, commit) = reference.rsplit_once('#').unwrap_or((reference, ""));
    let digits = commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digits {
        let message = format!("`{}` comes from git without a commit", shown(name));
        return Err(refuse(document, &entry.value, message));
    }
    Ok(Origin::Git { url: git_url(place), commit: commit.to_ascii_lowercase() })
}

/// The keys as a tree of names.
struct Names<'a> {
    children: HashMap<(u32, &'a str), u32>,
    parents: Vec<u32>,
    places: Vec<Option<usize>>,
}

impl Default for Names<'_> {
    fn default() -> Self {
        Self { children: HashMap::new(), parents: vec![u32::MAX], places: vec![None] }
    }
}

impl<'a> Names<'a> {
    const TOP: u32 = 0;

    fn add(&mut self, key: &'a str) -> Option<u32> {
        let mut at = Self::TOP;
        let mut rest = key;
        while !rest.is_empty() {
            // A scope is part of the name that follows it.
            let skipped = if rest.starts_with('@') { rest.find('/').map_or(rest.len(), |slash| slash + 1) } else { 0 };
            let end = rest.get(skipped..).and_then(|tail| tail.find('/')).map_or(rest.len(), |slash| skipped + slash);
            let (name, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
            rest = tail.strip_prefix('/').unwrap_or(tail);
            let next = u32::try_from(self.parents.len()).ok().filter(|next| (*next as usize) < super::VALUES_MAX * 2)?;
            let child = *self.children.entry((at, name)).or_insert(next);
            if child == next {
                self.parents.push(at);
                self.places.push(None);
            }
            at = child;
        }
        Some(at)
    }

    fn put(&mut self, node: u32, place: usize) {
        if let Some(slot) = self.places.get_mut(node as usize) {
            *slot = Some(place);
        }
    }

    fn child(&self, node: u32, name: &str) -> Option<u32> {
        self.children.get(&(node, name)).copied()
    }

    /// What a package finds for a name: what lies below it, or else below what it lies in, up to the top.
    fn find(&self, node: u32, name: &str) -> Option<usize> {
        let mut at = node;
        for _ in 0..LEVELS_MAX {
            let place = self.child(at, name).and_then(|child| *self.places.get(child as usize)?);
            if place.is_some() {
                return place;
            }
            at = *self.parents.get(at as usize)?;
        }
        None
    }
}

/// Draws the edges of a workspace or a package, and says what it asks for.
fn needs(graph: &mut Graph, names: &Names<'_>, from: usize, node: u32, info: &Node) -> Vec<(Asked, Option<usize>)> {
    let optional_peers = info.get("optionalPeers").and_then(Node::as_list).unwrap_or_default();
    let optional_peers: HashSet<&str> = optional_peers.iter().filter_map(Node::as_text).collect();
    let mut asked_for = Vec::new();
    for asked in asked_of_npm(info) {
        let optional = asked.need == Need::Peer && optional_peers.contains(asked.name.as_str());
        let need = if optional { Need::Optional } else { asked.need };
        let found = names.find(node, &asked.name);
        match found {
            Some(to) => graph.edge(from, to, need),
            None if need == Need::Optional => {}
            None => {
                let unresolved = format!("{} → {}", graph.called(from), asked.name);
                graph.leave_open(&unresolved);
            }
        }
        asked_for.push((Asked { need, ..asked }, found));
    }
    asked_for
}

fn table<'a>(node: &'a Node, key: &str) -> &'a [Entry] {
    node.get(key).and_then(Node::as_table).map(Table::entries).unwrap_or_default()
}

fn refuse(document: &Document, node: &Node, message: String) -> Unreadable {
    Unreadable::at(&document.source, "bun-lock", node.span.start..node.span.start, message)
}

//! `yarn.lock` of Yarn 2 and later: an entry for each locator, keyed by all descriptors that lead to it.
//!
//! Workspaces are in it with all they ask for, but not which of that is for development: manifests tell. Peers are not
//! resolved in it: whoever depends on a package brings them, so no edge is drawn for one.

use std::{collections::HashMap, sync::Arc};

use avouch_model::{diagnostic::Source, percent::encoded_as_javascript};

use super::{
    super::{
        Asked, Ecosystem, Format, Lockfile, Need, Origin, Package, Seal, Surplus, graph::Graph, origin::relative_path, sound,
        tell::Catalogued,
    },
    locator::{origin, patch, split},
};
use crate::structured::{Document, Entry, Node, Table, Unreadable, parse_yaml_of_yarn, shown};

/// The versions of the lockfile that are read: Yarn 2.0 wrote 4, Yarn 4.14 writes 10.
const VERSIONS: std::ops::RangeInclusive<i64> = 4..=10;

pub(super) fn parse(source: Arc<Source>) -> Result<Lockfile, Unreadable> {
    let path = source.path.clone();
    let document = parse_yaml_of_yarn(source)?;
    let metadata = document.root.get("__metadata");
    let version = metadata.and_then(|node| node.get("version"));
    let Some(number) = version.and_then(Node::as_integer).filter(|number| VERSIONS.contains(number)) else {
        let found = version.and_then(Node::as_written).map_or("no version".to_owned(), |it| format!("version {}", shown(it)));
        let message = format!("this yarn.lock has {found}; 4 to 10 are read, and that of Yarn 1");
        return Err(refuse(&document, version.or(metadata).unwrap_or(&document.root), message)
            .help("a newer avouch may read it; `yarn install --mode=update-lockfile` of Yarn 4 writes a version that is"));
    };
    let cache_key = metadata.and_then(|node| node.get("cacheKey")).and_then(Node::as_written).unwrap_or_default();
    let entries = document.root.as_table().map(Table::entries).unwrap_or_default();
    let entries: Vec<&Entry> = entries.iter().filter(|entry| entry.key != "__metadata").collect();
    // Yarn merges what is for development into `dependencies`.
    let mut graph = Graph::with_surplus(&[Surplus::Development]);
    let mut names = Names::default();
    let mut places = Vec::with_capacity(entries.len());
    for entry in &entries {
        let at = graph.place(package(&document, entry, cache_key)?);
        let locator = locator(&document, entry)?;
        if split(locator).1.starts_with("workspace:") {
            graph.root(at);
        }
        names.add(&document, entry, at)?;
        places.push((*entry, locator, at));
    }
    if !places.iter().any(|(_, locator, _)| split(locator).1.starts_with("workspace:")) {
        return Err(refuse(&document, &document.root, "the lockfile has no workspace, not even the project itself".to_owned()));
    }
    for (entry, locator, from) in places {
        needs(&mut graph, &names, entry, locator, from);
    }
    if !graph.catalogued.is_empty() {
        let descriptors = names.descriptors.iter().map(|(descriptor, place)| ((*descriptor).to_owned(), *place));
        graph.descriptors.extend(descriptors);
    }
    // The tree goes before the packages are folded: both together would be the most memory that is taken.
    drop(names);
    drop(entries);
    drop(document);
    Ok(graph.lockfile(&path, Format::YarnLock, number.to_string()))
}

fn locator<'a>(document: &Document, entry: &'a Entry) -> Result<&'a str, Unreadable> {
    let found = entry.value.get("resolution").and_then(Node::as_text).filter(|text| !split(text).1.is_empty());
    found.ok_or_else(|| refuse(document, &entry.value, format!("`{}` has no `resolution`", shown(&entry.key))))
}

fn package(document: &Document, entry: &Entry, cache_key: &str) -> Result<Package, Unreadable> {
    let (name, reference) = split(locator(document, entry)?);
    let text = |key: &str| entry.value.get(key).and_then(Node::as_text);
    // What is not packed has no version of its own.
    let version = text("version").filter(|version| *version != "0.0.0-use.local");
    sound(&document.source, &entry.key_span, name, version)?;
    let origin = match reference.strip_prefix("workspace:") {
        Some(folder) => Origin::Path { path: relative_path(folder) },
        None => origin(name, reference).ok_or_else(|| {
            refuse(document, &entry.value, format!("`{}` does not tell where it comes from", shown(&entry.key)))
        })?,
    };
    let mut seals = Vec::new();
    if let Some(checksum) = text("checksum") {
        let (key, digits) = checksum.split_once('/').unwrap_or((cache_key, checksum));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse(document, &entry.value, format!("the checksum of `{}` is not a hash", shown(name))));
        }
        seals.push(Seal::YarnZip { cache_key: key.to_owned(), hex: digits.to_ascii_lowercase() });
    }
    Ok(Package {
        seals,
        patched: patch(reference).is_some(),
        conditional: entry.value.get("conditions").is_some(),
        ..Package::new(Ecosystem::Npm, name, version, origin)
    })
}

/// How many entries of one version are looked at: the package, and its patches.
const CHOICES_MAX: usize = 8;

/// A place, and the version and origin of what is there.
type Choice<'a> = (usize, Option<&'a str>, Option<Origin>);

/// What descriptors lead to.
#[derive(Default)]
struct Names<'a> {
    descriptors: HashMap<&'a str, usize>,
    /// What Yarn patches by itself, by the descriptor of what is patched.
    built_in: HashMap<String, usize>,
    /// Places that are no workspaces, by the name they are asked for by, and what they are of.
    by_name: HashMap<&'a str, Vec<Choice<'a>>>,
}

impl<'a> Names<'a> {
    fn add(&mut self, document: &Document, entry: &'a Entry, place: usize) -> Result<(), Unreadable> {
        for descriptor in entry.key.split(',').map(str::trim) {
            if self.descriptors.insert(descriptor, place).is_some() {
                let message = format!("`{}` appears twice", shown(descriptor));
                return Err(Unreadable::at(&document.source, "yarn-lock", entry.key_span.clone(), message)
                    .help("remove one of the two: readers differ about which one counts"));
            }
            let (name, range) = split(descriptor);
            if let Some((source, _)) = patch(range).filter(|(_, selector)| selector.contains("builtin<")) {
                let (name, range) = split(&source);
                self.built_in.insert(with_protocol(name, range), place);
            }
            let places = self.by_name.entry(name).or_default();
            if !range.starts_with("workspace:") && places.last().is_none_or(|(last, ..)| *last != place) {
                let text = |key: &str| entry.value.get(key).and_then(Node::as_text);
                let (name, reference) = split(text("resolution").unwrap_or_default());
                places.push((place, text("version"), origin(name, reference)));
            }
        }
        Ok(())
    }

    fn find(&self, name: &str, range: &str, locator: &str) -> Option<usize> {
        let named = with_protocol(name, range);
        if let Some(place) = self.built_in.get(&named).or_else(|| self.descriptors.get(named.as_str())) {
            return Some(*place);
        }
        // A path is bound to the package that asks for it.
        let bound = || format!("{name}@{range}::locator={}", encoded_as_javascript(locator));
        let exact = || self.descriptors.get(format!("{name}@{range}").as_str()).copied();
        if let Some(place) = exact().or_else(|| self.descriptors.get(bound().as_str()).copied()) {
            return Some(place);
        }
        // A catalogue or a `resolutions` has put another range in its place, and those are written elsewhere; a name with one
        // version leaves no choice.
        let places = self.by_name.get(name)?;
        let (first, version, from) = places.first()?;
        // A package and its patched self are one.
        let one = places.iter().take(CHOICES_MAX + 1).all(|(_, other, origin)| other == version && origin == from);
        (one && places.len() <= CHOICES_MAX).then_some(*first)
    }
}

/// A descriptor with the protocol that is meant where none is written, as Yarn 2 and 3 do.
pub(in crate::lock) fn with_protocol(name: &str, range: &str) -> String {
    let plain = !range.contains(':') && !range.starts_with('.') && !range.contains('/');
    if plain { format!("{name}@npm:{range}") } else { format!("{name}@{range}") }
}

fn needs(graph: &mut Graph, names: &Names<'_>, entry: &Entry, locator: &str, from: usize) {
    let (_, reference) = split(locator);
    let meta = entry.value.get("dependenciesMeta");
    let mut asked = Vec::new();
    for needed in entry.value.get("dependencies").and_then(Node::as_table).map(Table::entries).unwrap_or_default() {
        let optional = meta.and_then(|meta| meta.get(&needed.key)?.get("optional")?.as_bool()) == Some(true);
        let need = if optional { Need::Optional } else { Need::Required };
        let range = needed.value.as_text().unwrap_or_default();
        let found = names.find(&needed.key, range, locator);
        match found {
            Some(to) => graph.edge(from, to, need),
            None if optional => {}
            None => {
                let unresolved = format!("{} → {}@{range}", graph.called(from), needed.key);
                if range.starts_with("catalog:") {
                    let (name, range) = (needed.key.clone(), range.to_owned());
                    graph.catalogued.push(Catalogued { from, name, range, need, unresolved: unresolved.clone() });
                }
                graph.leave_open(&unresolved);
            }
        }
        asked.push((Asked::new(&needed.key, Some(range), need), found));
    }
    // What is patched is the source of the patch.
    if let Some((source, _)) = patch(reference) {
        let (inner, range) = split(&source);
        if let Some(to) = names.descriptors.get(with_protocol(inner, range).as_str()) {
            graph.edge(from, *to, Need::Required);
        }
    }
    if let Some(folder) = reference.strip_prefix("workspace:") {
        graph.importer(from, if folder == "." { "" } else { folder }, asked);
    }
}

fn refuse(document: &Document, node: &Node, message: String) -> Unreadable {
    Unreadable::at(&document.source, "yarn-lock", node.span.start..node.span.start, message)
}

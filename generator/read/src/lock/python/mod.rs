//! Lockfiles of Python: `uv.lock`, `poetry.lock`, and pinned `requirements.txt`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use avouch_model::diagnostic::Source;

use super::{Archive, Asked, Hash, Manifest, Need, Origin, Package, address, origin::named_hash, purl::pypi_name};
use crate::structured::{Node, Table, Unreadable, shown};

pub(super) mod poetry;
mod project;
pub(super) mod requirements;
pub(super) mod uv;

/// A name as indexes compare it (PEP 503).
pub(super) fn normal(name: &str) -> String {
    pypi_name(name)
}

/// What a `pyproject.toml` asks for.
pub(super) fn project(root: &Node) -> Manifest {
    project::read(root)
}

/// The index that pip, uv and Poetry ask unless they are told otherwise, label by label.
const DEFAULT_HOST: [&str; 2] = ["pypi", "org"];

/// The registry at the URL of an index.
fn registry_at(url: &str) -> Origin {
    let url = address::of_registry(url);
    let host = url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
    if host.split('.').eq(DEFAULT_HOST) { Origin::Registry } else { Origin::OtherRegistry { url } }
}

/// The hash of `hash = "sha256:…"`.
fn hash(source: &Arc<Source>, node: &Node, name: &str) -> Result<Hash, Unreadable> {
    let found = node.as_text().and_then(named_hash);
    found.ok_or_else(|| {
        let message = format!("this hash of `{}` is not one", shown(name));
        Unreadable::at(source, "python-lock", node.span.clone(), message)
    })
}

/// Gives a package its files. Of one file the hash is the package's own; of several it depends on the platform which one is
/// installed, so each keeps its own.
fn with_archives(package: Package, mut archives: Vec<Archive>) -> Package {
    archives.sort();
    archives.dedup();
    let hashes = match archives.as_slice() {
        [one] => one.hashes.clone(),
        _ => Vec::new(),
    };
    Package { hashes, archives, ..package }
}

/// The places of packages by normalised name, version and what else tells them apart.
#[derive(Default)]
struct Names {
    by_name: HashMap<String, Vec<usize>>,
}

impl Names {
    fn add(&mut self, name: &str, place: usize) {
        self.by_name.entry(normal(name)).or_default().push(place);
    }

    fn find(&self, name: &str) -> &[usize] {
        self.by_name.get(&normal(name)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A name and what follows it in a requirement (PEP 508): `name[extra] >=1 ; marker`.
fn requirement(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text.find(|character: char| !(character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')));
    let (name, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let sound = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric());
    sound.then_some((name, rest.trim()))
}

/// The keys and values of a table within a table.
fn table<'a>(node: &'a Node, key: &str) -> &'a [crate::structured::Entry] {
    node.get(key).and_then(Node::as_table).map(Table::entries).unwrap_or_default()
}

/// Joins what is asked for by one name for several needs: the strongest counts.
fn strongest(asked: impl IntoIterator<Item = Asked>) -> Vec<Asked> {
    let mut joined: BTreeMap<String, Asked> = BTreeMap::new();
    for asked in asked {
        let need: Need = asked.need;
        joined.entry(asked.name.clone()).and_modify(|other| other.need = other.need.min(need)).or_insert(asked);
    }
    joined.into_values().collect()
}

//! `requirements.txt` of pip: what is pinned with `==`, there or by a constraint, is a package; what is not is named as
//! unresolved, and so is every included file that was not read. Which of them needs which is not told: all hang below the
//! root.

use std::{collections::BTreeSet, sync::Arc};

use avouch_model::diagnostic::Source;

use super::{
    super::{
        Archive, Ecosystem, Format, Hash, Lockfile, Need, Origin, Package, Surplus, address,
        graph::Graph,
        origin::{archive, git_url, is_commit, named_hash, relative_path},
        sound,
    },
    normal, registry_at, requirement, with_archives,
};
use crate::{
    lock,
    structured::{Unreadable, shown},
};

mod asks;
mod files;
mod line;

use asks::{Allowed, Asked, Asks, Pinned};
use files::Stated;
use line::{Given, Line};

pub(in crate::lock) fn parse(source: Arc<Source>, beside: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Lockfile, Unreadable> {
    let path = source.path.clone();
    let files = files::read(source, beside)?;
    let mut graph = Graph::with_surplus(&[Surplus::Development]);
    let root = graph.place(Package::new(Ecosystem::PyPi, "root", None, Origin::Path { path: Some(".".to_owned()) }));
    graph.root(root);
    files.open.iter().for_each(|open| graph.leave_open(open));
    let index = index(&files.lines);
    let mut asks = Asks::default();
    for stated in &files.lines {
        add(&mut asks, stated, &index, &mut graph)?;
    }
    let mut all = Vec::new();
    for Pinned { package, asked } in asks.settled(&mut graph) {
        let archives = asked.allowed.into_iter().flatten().map(|hash| Archive { hashes: vec![hash], ..Archive::default() });
        let package = Package { conditional: asked.conditional, ..package };
        let at = graph.place(with_archives(package, archives.collect()));
        graph.edge(root, at, Need::Required);
        all.push((lock::Asked::new(&normal(&asked.name), Some(&asked.specifier), Need::Required), Some(at)));
    }
    graph.importer(root, "", all);
    let lockfile = graph.lockfile(&path, Format::Requirements, String::new());
    Ok(Lockfile { included: files.included, ..lockfile })
}

/// What a line asks for.
enum Found {
    Pinned(Box<Pinned>),
    /// Any of several versions.
    Ranged(Asked),
    /// Something that no constraint can pin: what moves on where it lies, or has no name.
    Open(String),
    /// The project itself, `-e .`.
    Own,
}

/// Adds what a line asks for, or what it narrows.
fn add(asks: &mut Asks, stated: &Stated, index: &Origin, graph: &mut Graph) -> Result<(), Unreadable> {
    let Stated { source, line, narrows } = stated;
    let (text, hashes) = match line.options() {
        None => line.requirement(),
        Some(options) => {
            let mut editable = None;
            for option in options {
                match option {
                    Given::Editable(place) => editable = Some(place),
                    Given::Unknown(option) => {
                        graph.leave_open(&format!("gives the option {}, which is not known", shown(option)))
                    }
                    Given::Index(_) | Given::Requirement(_) | Given::Constraint(_) | Given::Other => {}
                }
            }
            let Some(place) = editable else { return Ok(()) };
            (place, Vec::new())
        }
    };
    let hash = |value: &&str| named_hash(value).ok_or_else(|| line.refuse(source, format!("`{}` is not a hash", shown(value))));
    let hashes = hashes.iter().map(hash).collect::<Result<BTreeSet<Hash>, Unreadable>>()?;
    match found(source, line, text, Some(hashes).filter(|hashes| !hashes.is_empty()), index)? {
        Found::Pinned(pinned) => asks.pin(*pinned, *narrows),
        Found::Ranged(asked) if !narrows => asks.range(asked),
        Found::Open(what) if !narrows => graph.leave_open(&format!("{what} is not pinned with `==`")),
        // What narrows asks for nothing itself, and whether a pin fits a range is for pip to say.
        Found::Ranged(_) | Found::Open(_) | Found::Own => {}
    }
    Ok(())
}

/// The index that `--index-url` names.
fn index(lines: &[Stated]) -> Origin {
    let options = lines.iter().filter_map(|stated| stated.line.options()).flatten();
    let mut urls = options.filter_map(|given| if let Given::Index(url) = given { Some(url) } else { None });
    urls.next_back().map_or(Origin::Registry, registry_at)
}

fn found(source: &Arc<Source>, line: &Line, text: &str, allowed: Allowed, index: &Origin) -> Result<Found, Unreadable> {
    let (text, marker) = text.split_once(" ;").or_else(|| text.split_once("; ")).unwrap_or((text, ""));
    let text = text.trim();
    let conditional = !marker.trim().is_empty();
    if matches!(text, "." | "./") {
        return Ok(Found::Own);
    }
    let asked = |name: &str, specifier: &str| {
        let (name, specifier, allowed) = (name.to_owned(), specifier.to_owned(), allowed.clone());
        Asked { name, specifier, conditional, allowed }
    };
    let pinned = |name: &str, version: Option<&str>, origin: Origin, specifier: &str| {
        sound(source, &line.span, name, version)?;
        let package = Package::new(Ecosystem::PyPi, name, version, origin);
        Ok(Found::Pinned(Box::new(Pinned { package, asked: asked(name, specifier) })))
    };
    // `name @ URL`, or a URL or path alone.
    let named = requirement(text).and_then(|(name, rest)| {
        let rest = extras(rest).1;
        Some((name, rest.strip_prefix('@')?.trim()))
    });
    let place = named.map_or(text, |(_, place)| place);
    if place.contains("://") {
        let egg = || place.rsplit_once("egg=").map(|(_, egg)| egg.split(['&', '[']).next().unwrap_or(egg));
        let Some(name) = named.map(|(name, _)| name).or_else(egg) else {
            return Ok(Found::Open(shown(&address::of_archive(place))));
        };
        return match at_url(place) {
            Some(origin) => pinned(name, None, origin, &address::of_archive(place)),
            None => Ok(Found::Open(shown(name))),
        };
    }
    if place.starts_with("file:") || place.contains(['/', '\\']) {
        let path = relative_path(place);
        let name = named.map(|(name, _)| name.to_owned());
        let last = || path.as_deref().and_then(|path| path.trim_end_matches('/').rsplit('/').next()).map(str::to_owned);
        return match name.or_else(last).filter(|name| requirement(name).is_some_and(|(_, rest)| rest.is_empty())) {
            Some(name) => pinned(&name, None, Origin::Path { path: path.clone() }, place),
            None => Ok(Found::Open(shown(place))),
        };
    }
    let Some((name, rest)) = requirement(text) else {
        return Err(line.refuse(source, format!("`{}` is no requirement", shown(text))));
    };
    let (_, specifier) = extras(rest);
    match exact(specifier) {
        Some(version) => pinned(name, Some(version), index.clone(), specifier),
        None => Ok(Found::Ranged(asked(name, specifier))),
    }
}

/// The extras in brackets, and what follows them.
fn extras(text: &str) -> (&str, &str) {
    match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((extras, rest)) => (extras, rest.trim()),
        None => ("", text.trim()),
    }
}

/// The version of `==1.0`: one and no other, so neither a range nor `==1.*`.
fn exact(specifier: &str) -> Option<&str> {
    let specifier = specifier.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(specifier);
    let version = specifier.strip_prefix("===").or_else(|| specifier.strip_prefix("=="))?.trim();
    let sound = !version.is_empty() && !version.contains([',', '*', ' ', '=', '<', '>', '~', '!', '$']);
    sound.then_some(version)
}

/// A commit of a repository, `git+https://host/a.git@0123…`, or an archive. None where a branch may move on.
fn at_url(place: &str) -> Option<Origin> {
    if !place.starts_with("git+") {
        return Some(archive(place));
    }
    let plain = place.split('#').next().unwrap_or(place);
    let (url, commit) = plain.rsplit_once('@')?;
    is_commit(commit).then(|| Origin::Git { url: git_url(url), commit: commit.to_ascii_lowercase() })
}

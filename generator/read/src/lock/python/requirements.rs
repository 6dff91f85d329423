//! `requirements.txt` of pip: what is pinned with `==` is a package; what is not is named as unresolved, and so is every
//! file that is included. Which of them needs which is not told: all hang below the root.

use std::{ops::Range, sync::Arc};

use avouch_model::diagnostic::Source;

use super::{
    super::{
        Archive, Asked, Ecosystem, Format, Lockfile, Need, Origin, Package, Surplus, address,
        graph::Graph,
        origin::{archive, git_url, is_commit, named_hash, relative_path},
        sound,
    },
    normal, registry_at, requirement, with_archives,
};
use crate::structured::{Unreadable, shown, text_source};

/// A line with those that continue it, without comments.
struct Logical {
    text: String,
    span: Range<usize>,
}

pub(in crate::lock) fn parse(path: &str, bytes: &[u8]) -> Result<Lockfile, Unreadable> {
    let source = text_source(path, bytes, super::super::BYTES_MAX)?;
    let lines = logical(&source)?;
    let mut graph = Graph::with_surplus(&[Surplus::Development]);
    let root = graph.place(Package::new(Ecosystem::PyPi, "root", None, Origin::Path { path: Some(".".to_owned()) }));
    graph.root(root);
    let index = index(&lines);
    let mut asked = Vec::new();
    for line in &lines {
        let text = match option(&line.text) {
            None => line.text.as_str(),
            Some(("-r" | "--requirement" | "-c" | "--constraint", file)) => {
                graph.leave_open(&format!("includes {}, which is not read", shown(&address::of_archive(file))));
                continue;
            }
            Some(("-e" | "--editable", place)) => place,
            Some(_) => continue,
        };
        let (requirement, hashes) = split_options(&source, line, text)?;
        match package(&source, line, requirement, &index)? {
            Found::Package(found) => {
                let archives = hashes.into_iter().map(|hash| Archive { hashes: vec![hash], ..Archive::default() });
                let (name, specifier) = (normal(&found.name), found.specifier);
                let package = Package { conditional: found.conditional, ..found.package };
                let at = graph.place(with_archives(package, archives.collect()));
                graph.edge(root, at, Need::Required);
                asked.push((Asked::new(&name, Some(&specifier), Need::Required), Some(at)));
            }
            Found::Unpinned(name) => {
                graph.leave_open(&format!("{} is not pinned with `==`", shown(&name)));
            }
            Found::Own => {}
        }
    }
    graph.importer(root, "", asked);
    Ok(graph.lockfile(path, Format::Requirements, String::new()))
}

enum Found {
    Package(Box<Pinned>),
    Unpinned(String),
    /// The project itself, `-e .`.
    Own,
}

struct Pinned {
    name: String,
    specifier: String,
    package: Package,
    conditional: bool,
}

/// The index that `--index-url` names.
fn index(lines: &[Logical]) -> Origin {
    let mut urls = lines.iter().filter_map(|line| match option(&line.text) {
        Some(("-i" | "--index-url", url)) => Some(url),
        _ => None,
    });
    urls.next_back().map_or(Origin::Registry, registry_at)
}

/// An option of the whole file and its value.
fn option(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with('-') {
        return None;
    }
    let end = text.find([' ', '=']).unwrap_or(text.len());
    let (name, value) = text.split_at_checked(end)?;
    // `-rfile` is `-r file`.
    if !name.starts_with("--") && name.len() > 2 {
        return Some((name.get(..2)?, name.get(2..)?));
    }
    Some((name, value.trim_start_matches([' ', '=']).trim()))
}

/// A requirement without its options, and the hashes among these.
fn split_options<'a>(
    source: &Arc<Source>,
    line: &Logical,
    text: &'a str,
) -> Result<(&'a str, Vec<super::super::Hash>), Unreadable> {
    let mut hashes = Vec::new();
    let start = text.find(" --").unwrap_or(text.len());
    let (requirement, options) = text.split_at_checked(start).unwrap_or((text, ""));
    for option in options.split_ascii_whitespace() {
        if let Some(value) = option.strip_prefix("--hash=") {
            let hash = named_hash(value);
            hashes.push(hash.ok_or_else(|| refuse(source, line, format!("`{}` is not a hash", shown(value))))?);
        }
    }
    Ok((requirement.trim(), hashes))
}

fn package(source: &Arc<Source>, line: &Logical, text: &str, index: &Origin) -> Result<Found, Unreadable> {
    let (text, marker) = text.split_once(" ;").or_else(|| text.split_once("; ")).unwrap_or((text, ""));
    let text = text.trim();
    let conditional = !marker.trim().is_empty();
    if matches!(text, "." | "./") {
        return Ok(Found::Own);
    }
    let pinned = |name: &str, version: Option<&str>, origin: Origin, specifier: &str| {
        sound(source, &line.span, name, version)?;
        let package = Package::new(Ecosystem::PyPi, name, version, origin);
        let specifier = specifier.to_owned();
        Ok(Found::Package(Box::new(Pinned { name: name.to_owned(), specifier, package, conditional })))
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
            return Ok(Found::Unpinned(address::of_archive(place)));
        };
        return match at_url(place) {
            Some(origin) => pinned(name, None, origin, &address::of_archive(place)),
            None => Ok(Found::Unpinned(name.to_owned())),
        };
    }
    if place.starts_with("file:") || place.contains(['/', '\\']) {
        let path = relative_path(place);
        let name = named.map(|(name, _)| name.to_owned());
        let last = || path.as_deref().and_then(|path| path.trim_end_matches('/').rsplit('/').next()).map(str::to_owned);
        return match name.or_else(last).filter(|name| requirement(name).is_some_and(|(_, rest)| rest.is_empty())) {
            Some(name) => pinned(&name, None, Origin::Path { path: path.clone() }, place),
            None => Ok(Found::Unpinned(shown(place))),
        };
    }
    let Some((name, rest)) = requirement(text) else {
        return Err(refuse(source, line, format!("`{}` is no requirement", shown(text))));
    };
    let (_, specifier) = extras(rest);
    match exact(specifier) {
        Some(version) => pinned(name, Some(version), index.clone(), specifier),
        None => Ok(Found::Unpinned(name.to_owned())),
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

fn logical(source: &Arc<Source>) -> Result<Vec<Logical>, Unreadable> {
    let mut lines: Vec<Logical> = Vec::new();
    let mut open = false;
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        // A comment begins a line or follows a space.
        let comment = if line.trim_start().starts_with('#') { Some(0) } else { line.find(" #").or_else(|| line.find("\t#")) };
        let text = comment.and_then(|end| line.get(..end)).unwrap_or(line);
        let continues = text.ends_with('\\');
        let text = text.strip_suffix('\\').unwrap_or(text).trim();
        if open && let Some(last) = lines.last_mut() {
            last.text.push(' ');
            last.text.push_str(text);
            last.span.end = at + line.len();
        } else if !text.is_empty() {
            lines.push(Logical { text: text.to_owned(), span: at..at + line.len() });
        }
        open = continues && (open || !text.is_empty());
        if lines.len() > super::super::graph::PLACES_MAX {
            let message = "this file holds too many lines for a lockfile";
            return Err(Unreadable::at(source, "requirements", at..at, message));
        }
    }
    Ok(lines)
}

fn refuse(source: &Arc<Source>, line: &Logical, message: String) -> Unreadable {
    Unreadable::at(source, "requirements", line.span.clone(), message)
}

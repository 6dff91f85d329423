//! `yarn.lock` of Yarn 1: entries whose keys are all the ranges that lead to one version, two spaces a level.
//!
//! Neither the project nor its workspaces are in it; until manifests tell what they ask for, everything counts as needed.

use std::{borrow::Cow, collections::HashMap, ops::Range, sync::Arc};

use avouch_model::diagnostic::Source;

use super::{
    super::{
        Ecosystem, Format, HashAlgorithm, Lockfile, Need, Origin, Package, Scope, Surplus,
        graph::Graph,
        origin::{git, hex_hash, integrity, relative_path},
        package_lock, sound,
    },
    CLASSIC,
    locator::split,
};
use crate::structured::{Unreadable, shown};

/// An entry: what leads to it, and what it says.
struct Entry<'a> {
    keys: Vec<Cow<'a, str>>,
    span: Range<usize>,
    version: Option<Cow<'a, str>>,
    resolved: Option<Cow<'a, str>>,
    integrity: Option<Cow<'a, str>>,
    needs: Vec<(Cow<'a, str>, Cow<'a, str>, Need)>,
}

pub(super) fn parse(source: &Arc<Source>) -> Result<Lockfile, Unreadable> {
    let entries = entries(source)?;
    let mut graph = Graph::with_surplus(&[Surplus::Development]);
    let root = graph.place(Package::new(Ecosystem::Npm, "root", None, Origin::Path { path: Some(".".to_owned()) }));
    graph.root(root);
    graph.importer(root, "", Vec::new());
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut ordered = Vec::with_capacity(entries.len());
    for entry in &entries {
        let place = graph.place(package(source, entry)?);
        graph.state(place, Scope::Required);
        ordered.push(place);
        for key in &entry.keys {
            if places.insert(key, place).is_some() {
                return Err(refuse(source, &entry.span, format!("`{}` appears twice", shown(key)))
                    .help("remove one of the two: readers differ about which one counts"));
            }
            graph.descriptors.push((key.clone().into_owned(), place));
        }
    }
    for (entry, from) in entries.iter().zip(ordered) {
        for (name, range, need) in &entry.needs {
            match places.get(format!("{name}@{range}").as_str()) {
                Some(to) => graph.edge(from, *to, *need),
                None if *need == Need::Optional => {}
                None => {
                    graph.leave_open(&format!("{} → {name}", graph.called(from)));
                }
            }
        }
    }
    graph.lead_to_unneeded(root);
    Ok(graph.lockfile(&source.path, Format::YarnLock, CLASSIC.to_owned()))
}

fn package(source: &Arc<Source>, entry: &Entry<'_>) -> Result<Package, Unreadable> {
    let key = entry.keys.first().map(Cow::as_ref).unwrap_or_default();
    let (alias, range) = split(key);
    // An alias is asked for as `npm:name@range`.
    let name = range.strip_prefix("npm:").map(split).filter(|(_, range)| !range.is_empty()).map_or(alias, |(name, _)| name);
    let version = entry.version.as_deref();
    sound(source, &entry.span, name, version)?;
    let resolved = entry.resolved.as_deref();
    let mut hashes = match entry.integrity.as_deref() {
        None => Vec::new(),
        Some(value) => integrity(value)
            .ok_or_else(|| refuse(source, &entry.span, format!("the integrity of `{}` is not a hash", shown(name))))?,
    };
    let origin = match resolved {
        // The file of an offline mirror is named, not where it came from.
        Some(file) if !file.contains([':', '/']) => Origin::Registry,
        Some(url) => git(url).unwrap_or_else(|| package_lock::origin(name, Some(url))),
        None if range.starts_with("file:") || range.starts_with("link:") || range.starts_with('.') => {
            Origin::Path { path: relative_path(range) }
        }
        None => Origin::Registry,
    };
    // Before Yarn 1.10 the SHA-1 after the `#` was all there was.
    if hashes.is_empty() && !matches!(origin, Origin::Git { .. } | Origin::Path { .. }) {
        let digits = resolved.and_then(|url| url.rsplit_once('#')).map(|(_, digits)| digits);
        hashes.extend(digits.and_then(|digits| hex_hash(HashAlgorithm::Sha1, digits)));
    }
    Ok(Package {
        archives: package_lock::archives(resolved, &hashes),
        hashes,
        ..Package::new(Ecosystem::Npm, name, version, origin)
    })
}

fn entries(source: &Arc<Source>) -> Result<Vec<Entry<'_>>, Unreadable> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut inner: Option<Need> = None;
    let mut start = 0;
    let mut values = 0_usize;
    for line in source.text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        let content = line.trim_start_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - content.len();
        let span = at + indent..at + line.len();
        let tokens = tokens(source, &span, content)?;
        values += tokens.words.len();
        if values > 2 * super::super::VALUES_MAX || entries.len() > super::super::graph::PLACES_MAX {
            return Err(refuse(source, &span, "this file holds too many values for a lockfile".to_owned()));
        }
        let last = entries.last_mut();
        match (indent, tokens.ends_open, tokens.words.as_slice(), last) {
            (0, true, [_, ..], _) => {
                inner = None;
                let (version, resolved, integrity) = (None, None, None);
                entries.push(Entry { keys: tokens.words, span, version, resolved, integrity, needs: Vec::new() });
            }
            (2, true, [word], Some(_)) => {
                inner = match word.as_ref() {
                    "dependencies" => Some(Need::Required),
                    "optionalDependencies" => Some(Need::Optional),
                    other => return Err(refuse(source, &span, format!("`{}` is not known here", shown(other)))),
                };
            }
            (2, false, [key, value], Some(entry)) => {
                inner = None;
                let slot = match key.as_ref() {
                    "version" => &mut entry.version,
                    "resolved" => &mut entry.resolved,
                    "integrity" => &mut entry.integrity,
                    _ => continue,
                };
                if slot.replace(value.clone()).is_some() {
                    return Err(refuse(source, &span, format!("`{key}` appears twice")));
                }
            }
            (4, false, [name, range], Some(entry)) => match inner {
                Some(need) => entry.needs.push((name.clone(), range.clone(), need)),
                None => return Err(refuse(source, &span, "this line belongs to nothing".to_owned())),
            },
            _ => return Err(refuse(source, &span, "this is no line of a yarn.lock".to_owned())),
        }
    }
    for entry in &entries {
        if entry.version.is_none() {
            return Err(refuse(source, &entry.span, "this entry has no `version`".to_owned()));
        }
    }
    if entries.is_empty() && !source.text.trim_start().starts_with('#') {
        return Err(refuse(source, &(0..0), "the lockfile holds nothing".to_owned()));
    }
    Ok(entries)
}

/// The words of a line.
struct Tokens<'a> {
    words: Vec<Cow<'a, str>>,
    /// Whether the line ends with a colon: something follows below.
    ends_open: bool,
}

fn tokens<'a>(source: &Arc<Source>, span: &Range<usize>, content: &'a str) -> Result<Tokens<'a>, Unreadable> {
    let mut tokens = Tokens { words: Vec::new(), ends_open: false };
    let mut rest = content;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if rest.is_empty() {
            return Ok(tokens);
        }
        let at = span.end - rest.len();
        if rest == ":" {
            tokens.ends_open = true;
            return Ok(tokens);
        }
        let length = if rest.starts_with('"') { quoted(rest) } else { Some(rest.find([' ', ',']).unwrap_or(rest.len())) };
        let length = length.ok_or_else(|| refuse(source, &(at..span.end), "this text does not end on its line".to_owned()))?;
        let (word, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = after;
        if word.starts_with('"') {
            let word =
                match word.get(1..word.len() - 1) {
                    Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
                    _ => Cow::Owned(serde_json::from_str(word).map_err(|_| {
                        refuse(source, &(at..at + length), "this text has an escape that is not known".to_owned())
                    })?),
                };
            tokens.words.push(word);
        } else if let Some(word) = word.strip_suffix(':').filter(|_| rest.is_empty()) {
            tokens.words.push(Cow::Borrowed(word));
            tokens.ends_open = true;
        } else {
            tokens.words.push(Cow::Borrowed(word));
        }
    }
}

/// The length of the text in quotes that begins here.
fn quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn refuse(source: &Arc<Source>, span: &Range<usize>, message: String) -> Unreadable {
    Unreadable::at(source, "yarn-lock", span.clone(), message)
}

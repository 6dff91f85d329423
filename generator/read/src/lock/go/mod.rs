//! `go.mod` with its `go.sum`: the modules that a build may take, and what they are recognised by.
//!
//! Since Go 1.17 a `go.mod` lists every module that provides a package for the main one or its tests, with the version that
//! is chosen. Which of them needs which is not told: all hang below the main module.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use avouch_model::diagnostic::Source;

use super::{Asked, Ecosystem, Format, Lockfile, Need, Origin, Package, Surplus, graph::Graph, origin::relative_path, sound};
use crate::structured::{Unreadable, shown};

mod sums;

pub(super) use sums::tell as tell_sums;

/// A directive: `require`, and what follows it.
struct Directive<'a> {
    verb: &'a str,
    words: Vec<&'a str>,
    comment: &'a str,
    span: Range<usize>,
}

/// What `replace` puts in the place of a module: all its versions, or one.
#[derive(Default)]
struct Replaced<'a> {
    all: BTreeMap<&'a str, (&'a str, Option<&'a str>)>,
    one: BTreeMap<(&'a str, &'a str), (&'a str, Option<&'a str>)>,
}

pub(super) fn parse(source: &Arc<Source>) -> Result<Lockfile, Unreadable> {
    let directives = directives(source)?;
    let Some(module) = directives.iter().find(|directive| directive.verb == "module") else {
        return Err(Unreadable::at(source, "go-mod", 0..0, "this go.mod names no `module`"));
    };
    let name = module.words.first().copied().unwrap_or_default();
    sound(source, &module.span, name, None)?;
    // Modules that only tests or other platforms need are listed like the others.
    let mut graph = Graph::with_surplus(&[Surplus::Platforms, Surplus::Development]);
    let root = graph.place(Package::new(Ecosystem::Go, name, None, Origin::Path { path: Some(".".to_owned()) }));
    graph.root(root);
    let go = directives.iter().find(|directive| directive.verb == "go").and_then(|it| it.words.first()).copied();
    if !lists_all(go) {
        let version = go.unwrap_or("?");
        graph.leave_open(&format!("go {version}: modules that only other modules need are not listed before 1.17"));
    }
    let replaced = replaced(source, &directives)?;
    let mut excluded: BTreeSet<(&str, &str)> = BTreeSet::new();
    for directive in directives.iter().filter(|directive| directive.verb == "exclude") {
        if let [module, version, ..] = directive.words.as_slice() {
            excluded.insert((module, version));
        }
    }
    let mut asked = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for directive in directives.iter().filter(|directive| directive.verb == "require") {
        let [module, version] = directive.words.as_slice() else {
            return Err(refuse(source, directive, "`require` needs a module and a version"));
        };
        if !seen.insert(module) {
            return Err(refuse(source, directive, &format!("`{}` is required twice", shown(module))));
        }
        if excluded.contains(&(*module, *version)) {
            graph.leave_open(&format!("{module} {version} is excluded, and Go takes a higher version"));
            continue;
        }
        let at = graph.place(package(source, directive, &replaced, module, version)?);
        graph.edge(root, at, Need::Required);
        let is_indirect = directive.comment.split(';').any(|part| part.trim() == "indirect");
        if is_indirect {
            graph.indirect(at);
        } else {
            asked.push((Asked::new(module, Some(version), Need::Required), Some(at)));
        }
    }
    graph.importer(root, "", asked);
    Ok(graph.lockfile(&source.path, Format::GoMod, go.unwrap_or_default().to_owned()))
}

/// Whether a `go.mod` for this version of Go lists indirect requirements too.
fn lists_all(go: Option<&str>) -> bool {
    let mut numbers = go.unwrap_or_default().split('.').map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(0));
    (major, minor) >= (1, 17)
}

fn package(
    source: &Arc<Source>,
    directive: &Directive<'_>,
    replaced: &Replaced<'_>,
    module: &str,
    version: &str,
) -> Result<Package, Unreadable> {
    sound(source, &directive.span, module, Some(version))?;
    if !version.starts_with('v') {
        return Err(refuse(source, directive, &format!("`{}` is not a version of a module", shown(version))));
    }
    let other = replaced.one.get(&(module, version)).or_else(|| replaced.all.get(module));
    Ok(match other {
        None => Package::new(Ecosystem::Go, module, Some(version), Origin::Registry),
        // Another module's code is built under this name; it is that module that a reader looks for.
        Some((other, Some(version))) => {
            sound(source, &directive.span, other, Some(version))?;
            Package { patched: false, ..Package::new(Ecosystem::Go, other, Some(version), Origin::Registry) }
        }
        Some((folder, None)) => {
            // The version that the folder stands in for is all that is known of what lies there.
            Package::new(Ecosystem::Go, module, Some(version), Origin::Path { path: relative_path(folder) })
        }
    })
}

fn replaced<'a>(source: &Arc<Source>, directives: &[Directive<'a>]) -> Result<Replaced<'a>, Unreadable> {
    let mut replaced = Replaced::default();
    for directive in directives.iter().filter(|directive| directive.verb == "replace") {
        let arrow = directive.words.iter().position(|word| *word == "=>");
        let (before, after) = arrow.map_or((&[][..], &[][..]), |at| {
            let (before, after) = directive.words.split_at(at);
            (before, after.get(1..).unwrap_or_default())
        });
        let to = match after {
            [folder] if folder.starts_with('.') || folder.starts_with('/') => (*folder, None),
            [module, version] => (*module, Some(*version)),
            _ => return Err(refuse(source, directive, "`replace` needs `module [version] => module version` or a folder")),
        };
        match before {
            [module] => replaced.all.insert(module, to),
            [module, version] => replaced.one.insert((module, version), to),
            _ => return Err(refuse(source, directive, "`replace` needs `module [version] => module version` or a folder")),
        };
    }
    Ok(replaced)
}

/// The directives, those in brackets each by itself (Go Modules Reference, "Lexical elements" and "Grammar").
fn directives<'a>(source: &'a Arc<Source>) -> Result<Vec<Directive<'a>>, Unreadable> {
    let mut directives = Vec::new();
    let mut block: Option<&'a str> = None;
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        let span = at..at + line.len();
        if directives.len() > super::graph::PLACES_MAX {
            return Err(Unreadable::at(source, "go-mod", span, "this go.mod holds more lines than one does"));
        }
        let wrong = |message: &str| Unreadable::at(source, "go-mod", span.clone(), message);
        if line.chars().any(|character| character.is_control() && character != '\t') {
            return Err(wrong("a control character stands on this line"));
        }
        let (content, comment) = match line.find("//") {
            // A URL has no place in a go.mod; `//` always begins a comment.
            Some(at) => (line.get(..at).unwrap_or_default(), line.get(at + 2..).unwrap_or_default().trim()),
            None => (line, ""),
        };
        let words: Vec<&str> = content.split_ascii_whitespace().map(|word| word.trim_matches(['"', '`'])).collect();
        match (block, words.as_slice()) {
            (_, []) => {}
            (Some(_), [")"]) => block = None,
            (None, [verb, "("]) => block = Some(verb),
            (None, [verb]) if verb.ends_with('(') => block = Some(verb.trim_end_matches('(')),
            (Some(verb), words) => directives.push(Directive { verb, words: words.to_vec(), comment, span }),
            (None, [verb, words @ ..]) => {
                let known =
                    ["module", "go", "toolchain", "godebug", "require", "exclude", "replace", "retract", "tool", "ignore"];
                if !known.contains(verb) {
                    return Err(wrong(&format!("`{}` is no directive of a go.mod", shown(verb))));
                }
                directives.push(Directive { verb, words: words.to_vec(), comment, span });
            }
        }
    }
    if block.is_some() {
        let end = source.text.len();
        return Err(Unreadable::at(source, "go-mod", end..end, "the brackets of the last block are not closed"));
    }
    Ok(directives)
}

fn refuse(source: &Arc<Source>, directive: &Directive<'_>, message: &str) -> Unreadable {
    Unreadable::at(source, "go-mod", directive.span.clone(), message)
}

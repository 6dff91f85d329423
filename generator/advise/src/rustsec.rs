//! An advisory of a RustSec checkout: Markdown that begins with TOML between fences.

use avouch_model::{Timestamp, time::Day};
use semver::{BuildMetadata, Comparator, Op, Prerelease, Version, VersionReq};
use serde::Deserialize;

use crate::{Advisory, Affected, Class, Ecosystem, Event, Range, RangeType};

/// Whether a file is one, by how it begins.
pub(crate) fn is_advisory(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).starts_with(b"```toml")
}

/// Reads an advisory; none for the example, whose id is all zeros.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn read(path: &str, bytes: &[u8]) -> Result<Option<Advisory>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "this is not UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (_, rest) = text.split_once('\n').ok_or("the TOML that it begins with has no end")?;
    let end = rest.find("\n```").ok_or("the TOML that it begins with has no end")?;
    let (front, body) = (rest.get(..=end).unwrap_or_default(), rest.get(end + 4..).unwrap_or_default());
    let front: Front = toml::from_str(front).map_err(|error| match error.span() {
        // The fence is line 1.
        Some(span) => {
            let line = front.get(..span.start).unwrap_or_default().matches('\n').count() + 2;
            format!("line {line}: {}", error.message())
        }
        None => error.message().to_owned(),
    })?;
    let Front { advisory, versions } = front;
    if advisory.id.ends_with("-0000-0000") {
        return Ok(None);
    }
    let day = |what: &str, text: &str| {
        text.parse::<Day>()
            .map(Day::start)
            .map_err(|_| format!("`{what}` is `{}`, no day", text.chars().take(40).collect::<String>()))
    };
    let date: Timestamp = day("date", &advisory.date)?;
    let withdrawn = advisory.withdrawn.as_deref().map(|text| day("withdrawn", text)).transpose()?;
    let title = body.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default();
    // The collection of the toolchain lies beside that of the crates; its names are no crates.
    let toolchain = path.split('/').rev().nth(2) == Some("rust");
    let ecosystem = if toolchain { Ecosystem::Other("Rust toolchain".into()) } else { Ecosystem::CratesIo };
    let affected = Affected {
        ecosystem,
        name: advisory.package,
        class: Class::of_word(advisory.informational.as_deref()),
        ranges: vec![range(&versions)?],
        versions: Vec::new(),
        vectors: advisory.cvss.into_iter().collect(),
        rated: None,
    };
    Ok(Some(Advisory {
        id: advisory.id,
        aliases: advisory.aliases,
        summary: title.trim().into(),
        modified: Some(withdrawn.unwrap_or(date)),
        withdrawn: withdrawn.is_some(),
        vectors: Vec::new(),
        rated: None,
        affected: vec![affected],
    }))
}

#[derive(Deserialize)]
struct Front {
    advisory: Head,
    #[serde(default)]
    versions: Versions,
}

#[derive(Deserialize)]
struct Head {
    id: Box<str>,
    package: Box<str>,
    date: Box<str>,
    withdrawn: Option<Box<str>>,
    informational: Option<Box<str>>,
    cvss: Option<Box<str>>,
    #[serde(default)]
    aliases: Vec<Box<str>>,
}

/// Requirements of Cargo: whatever meets one of them does not have it.
#[derive(Default, Deserialize)]
struct Versions {
    #[serde(default)]
    patched: Vec<Box<str>>,
    #[serde(default)]
    unaffected: Vec<Box<str>>,
}

/// A stretch of versions: from the first (none: before all) to before the last (none: after all).
struct Stretch {
    from: Option<Version>,
    to: Option<Version>,
}

/// What is neither patched nor unaffected, as events in the order of versions. Pre-releases stand where the order of versions
/// has them; the rule by which Cargo hides them from a requirement says nothing about what they hold.
fn range(versions: &Versions) -> Result<Range, String> {
    let mut free = Vec::new();
    for text in versions.patched.iter().chain(&versions.unaffected) {
        let requirement = VersionReq::parse(text).map_err(|error| format!("`{text}` is no requirement of versions: {error}"))?;
        let mut whole = Stretch { from: None, to: None };
        for comparator in &requirement.comparators {
            let part = stretch(comparator).ok_or_else(|| format!("`{text}` has an operator that is not known"))?;
            whole.from = whole.from.max(part.from);
            whole.to = match (whole.to, part.to) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            };
        }
        let empty = whole.from.as_ref().zip(whole.to.as_ref()).is_some_and(|(from, to)| from >= to);
        if !empty {
            free.push(whole);
        }
    }
    free.sort_by(|one, two| one.from.cmp(&two.from));
    let mut events = Vec::new();
    // What is affected begins here; none: nothing is any more.
    let mut begin = Some(None);
    for Stretch { from, to } in free {
        let Some(at) = begin.take() else { break };
        if let Some(from) = from.filter(|from| at.as_ref().is_none_or(|at| at < from)) {
            events.push(introduced(at.as_ref()));
            events.push(Event::Fixed(from.to_string().into()));
            begin = to.map(Some);
        } else {
            begin = to.map(|to| Some(at.map_or_else(|| to.clone(), |at| at.max(to.clone()))));
        }
    }
    if let Some(at) = begin {
        events.push(introduced(at.as_ref()));
    }
    Ok(Range { r#type: RangeType::Semver, events })
}

fn introduced(at: Option<&Version>) -> Event {
    Event::Introduced(at.map_or_else(|| "0".into(), |at| at.to_string().into()))
}

/// The versions that meet one comparator; none for an operator that is not known.
fn stretch(comparator: &Comparator) -> Option<Stretch> {
    let Comparator { op, major, minor, patch, pre } = comparator;
    let full = minor.is_some() && patch.is_some();
    let at = Version { pre: pre.clone(), ..Version::new(*major, minor.unwrap_or(0), patch.unwrap_or(0)) };
    // The first version after everything that the comparator's numbers stand for. A pre-release of the next series belongs to
    // that series, whose `-0` is before all of it.
    let begin = |major: u64, minor: u64, patch: u64| Version {
        pre: Prerelease::new("0").unwrap_or(Prerelease::EMPTY),
        ..Version::new(major, minor, patch)
    };
    let past = match (minor, patch) {
        (None, _) => begin(major.saturating_add(1), 0, 0),
        (Some(minor), None) => begin(*major, minor.saturating_add(1), 0),
        (Some(_), Some(_)) => next(&at),
    };
    let tilde = match minor {
        None => begin(major.saturating_add(1), 0, 0),
        Some(minor) => begin(*major, minor.saturating_add(1), 0),
    };
    let caret = match (*major, *minor, *patch) {
        (0, Some(0), Some(patch)) => begin(0, 0, patch.saturating_add(1)),
        (0, Some(minor), _) => begin(0, minor.saturating_add(1), 0),
        (major, ..) => begin(major.saturating_add(1), 0, 0),
    };
    Some(match op {
        Op::Exact => Stretch { from: Some(at), to: Some(past) },
        Op::Greater => Stretch { from: Some(if full { next(&at) } else { past }), to: None },
        Op::GreaterEq => Stretch { from: Some(at), to: None },
        Op::Less => Stretch { from: None, to: Some(at) },
        Op::LessEq => Stretch { from: None, to: Some(past) },
        Op::Tilde => Stretch { from: Some(at), to: Some(tilde) },
        Op::Caret => Stretch { from: Some(at), to: Some(caret) },
        Op::Wildcard => Stretch { from: Some(at), to: Some(past) },
        _ => return None,
    })
}

/// The version directly after this one in the order: nothing lies between.
fn next(version: &Version) -> Version {
    let mut next = Version { build: BuildMetadata::EMPTY, ..version.clone() };
    if version.pre.is_empty() {
        next.patch = next.patch.saturating_add(1);
        next.pre = Prerelease::new("0").unwrap_or(Prerelease::EMPTY);
    } else {
        next.pre = Prerelease::new(&format!("{}.0", version.pre)).unwrap_or(Prerelease::EMPTY);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn front(advisory: &str, versions: &str) -> String {
        format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"thing\"\ndate = \"2026-02-03\"\n{advisory}\n\n[versions]\n{versions}\n```\n\n# It breaks\n\nText.\n"
        )
    }

    fn events(versions: &str) -> String {
        let read = read("crates/thing/RUSTSEC-2026-0001.md", front("", versions).as_bytes()).unwrap().unwrap();
        let events = read.affected[0].ranges[0].events.iter().map(|event| match event {
            Event::Introduced(at) => format!("+{at}"),
            Event::Fixed(at) => format!("-{at}"),
            other => panic!("{other:?}"),
        });
        events.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_not_free_of_it_is_affected() {
        assert_eq!(events("patched = []"), "+0");
        assert_eq!(events("patched = [\">= 1.2.3\"]"), "+0 -1.2.3");
        assert_eq!(events("patched = [\">= 1.2.3\"]\nunaffected = [\"< 1.0\"]"), "+1.0.0 -1.2.3");
        assert_eq!(events("patched = [\"^1.4.2\", \">= 2.1.0\"]"), "+0 -1.4.2 +2.0.0-0 -2.1.0");
        assert_eq!(events("patched = [\"< 2.0.0, >= 1.8.1\", \">= 2.0.3\"]"), "+0 -1.8.1 +2.0.0 -2.0.3");
        assert_eq!(
            events("patched = [\"> 0.3.1\"]\nunaffected = [\"= 0.1.0\", \"<= 0.0.5\"]"),
            "+0.0.6-0 -0.1.0 +0.1.1-0 -0.3.2-0"
        );
        assert_eq!(
            events("patched = [\">= 1.0.0-rc.2\"]\nunaffected = [\"> 2.0\", \"~0.4.1\"]"),
            "+0 -0.4.1 +0.5.0-0 -1.0.0-rc.2"
        );
        assert_eq!(events("unaffected = [\"*\"]"), "");
        assert_eq!(events("patched = [\"> 2, < 1\"]"), "+0");
    }

    #[test]
    fn class_collection_and_withdrawal_are_told() {
        let text = front("informational = \"unsound\"\naliases = [\"CVE-2026-1\"]\nwithdrawn = \"2026-03-01\"", "patched = []");
        let advisory = read("crates/thing/RUSTSEC-2026-0001.md", text.as_bytes()).unwrap().unwrap();
        assert_eq!((advisory.affected[0].class, &*advisory.summary, advisory.withdrawn), (Class::Unsound, "It breaks", true));
        assert_eq!(advisory.affected[0].ecosystem, Ecosystem::CratesIo);
        let toolchain = read("rust/std/CVE-2026-1.md", front("", "").as_bytes()).unwrap().unwrap();
        assert_ne!(toolchain.affected[0].ecosystem, Ecosystem::CratesIo);
        let example = front("", "").replace("2026-0001", "0000-0000");
        assert_eq!(read("EXAMPLE.md", example.as_bytes()).unwrap(), None);
    }

    #[test]
    fn what_is_damaged_is_told_with_its_line() {
        let no_end = read("a.md", b"```toml\n[advisory]\n").unwrap_err();
        assert!(no_end.contains("no end"), "{no_end}");
        let wrong = read("a.md", front("cvss = 7", "").as_bytes()).unwrap_err();
        assert!(wrong.starts_with("line 6:"), "{wrong}");
        for (advisory, versions) in [("", "patched = [\"soon\"]"), ("withdrawn = \"x\"", "")] {
            assert!(read("a.md", front(advisory, versions).as_bytes()).is_err(), "{advisory}{versions}");
        }
    }
}

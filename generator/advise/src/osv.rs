//! One OSV record in JSON (schema 1.7). Only what matching needs is read; what is unknown is passed over.

use avouch_model::Timestamp;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use crate::{Advisory, Affected, Class, Ecosystem, Event, Range, RangeType};

/// What a JSON file is.
#[derive(Debug)]
pub(crate) enum Read {
    /// An advisory.
    Advisory(Box<Advisory>),
    /// Something else that lies in the folder: an index, a manifest.
    Other,
}

/// Reads a record.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| format!("this is not JSON: {error}"))?;
        return Ok(Read::Other);
    }
    let record: Record = serde_json::from_slice(bytes).map_err(|error| format!("this is no OSV record: {error}"))?;
    let (Some(id), true) = (&record.id, record.modified.is_some() || record.affected.is_some()) else { return Ok(Read::Other) };
    if id.is_empty() || id.len() > 200 || id.chars().any(char::is_control) {
        return Err("the id is empty, too long, or holds control characters".to_owned());
    }
    record.advisory().map(|advisory| Read::Advisory(Box::new(advisory)))
}

#[derive(Deserialize)]
struct Record {
    id: Option<Box<str>>,
    modified: Option<Box<str>>,
    withdrawn: Option<Box<str>>,
    #[serde(default, deserialize_with = "listed")]
    aliases: Vec<Box<str>>,
    #[serde(default)]
    summary: Option<Box<str>>,
    #[serde(default, deserialize_with = "listed")]
    severity: Vec<Scored>,
    affected: Option<Vec<Package>>,
    #[serde(default)]
    database_specific: Lenient<Specific>,
}

#[derive(Deserialize)]
struct Scored {
    #[serde(default)]
    r#type: Option<Box<str>>,
    score: Box<str>,
}

#[derive(Deserialize)]
struct Package {
    package: Option<Name>,
    #[serde(default, deserialize_with = "listed")]
    severity: Vec<Scored>,
    #[serde(default, deserialize_with = "listed")]
    ranges: Vec<WrittenRange>,
    #[serde(default, deserialize_with = "listed")]
    versions: Vec<Box<str>>,
    #[serde(default)]
    database_specific: Lenient<Specific>,
    #[serde(default)]
    ecosystem_specific: Lenient<Specific>,
}

#[derive(Deserialize)]
struct Name {
    ecosystem: Box<str>,
    name: Box<str>,
}

#[derive(Deserialize)]
struct WrittenRange {
    r#type: RangeType,
    events: Vec<WrittenEvent>,
}

#[derive(Deserialize)]
struct WrittenEvent {
    introduced: Option<Box<str>>,
    fixed: Option<Box<str>>,
    last_affected: Option<Box<str>>,
    limit: Option<Box<str>>,
}

/// What databases add in their own way, as far as it says how grave something is.
#[derive(Default, Deserialize)]
struct Specific {
    #[serde(default)]
    informational: Lenient<Box<str>>,
    #[serde(default)]
    severity: Lenient<Box<str>>,
}

/// A value of this shape, or one that means nothing here.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lenient<T> {
    Known(T),
    Other(IgnoredAny),
}

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self::Other(IgnoredAny)
    }
}

impl<T> Lenient<T> {
    const fn known(&self) -> Option<&T> {
        if let Self::Known(value) = self { Some(value) } else { None }
    }
}

/// `null` is an empty list in some databases.
fn listed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Record {
    fn advisory(self) -> Result<Advisory, String> {
        let time = |what: &str, text: &str| {
            text.parse::<Timestamp>()
                .map_err(|_| format!("`{what}` is `{}`, no RFC 3339 instant", text.chars().take(40).collect::<String>()))
        };
        let withdrawn = self.withdrawn.as_deref().map(|text| time("withdrawn", text)).transpose()?;
        let modified = self.modified.as_deref().map(|text| time("modified", text)).transpose()?;
        let rated = self.database_specific.known().and_then(|specific| specific.severity.known()).cloned();
        let affected = self.affected.unwrap_or_default().into_iter().filter_map(Package::affected).collect();
        Ok(Advisory {
            id: self.id.unwrap_or_default(),
            aliases: self.aliases,
            summary: self.summary.unwrap_or_default(),
            modified,
            withdrawn: withdrawn.is_some(),
            vectors: vectors(self.severity),
            rated,
            affected,
        })
    }
}

/// The scores that are vectors; a word (Ubuntu's priority) is none.
fn vectors(severity: Vec<Scored>) -> Vec<Box<str>> {
    let is_vector = |scored: &Scored| scored.r#type.as_deref().is_none_or(|name| name.starts_with("CVSS"));
    severity.into_iter().filter(is_vector).map(|scored| scored.score).collect()
}

impl Package {
    /// None where no package is named: such an entry speaks of commits alone.
    fn affected(self) -> Option<Affected> {
        let Name { ecosystem, name } = self.package?;
        let word = |specific: &Lenient<Specific>, of: fn(&Specific) -> &Lenient<Box<str>>| {
            specific.known().and_then(|specific| of(specific).known().cloned())
        };
        let either = |of: fn(&Specific) -> &Lenient<Box<str>>| {
            word(&self.database_specific, of).or_else(|| word(&self.ecosystem_specific, of))
        };
        let class = Class::of_word(either(|specific| &specific.informational).as_deref());
        let rated = either(|specific| &specific.severity);
        Some(Affected {
            ecosystem: Ecosystem::of_osv(&ecosystem),
            name,
            class,
            ranges: self.ranges.into_iter().map(WrittenRange::range).collect(),
            versions: self.versions,
            vectors: vectors(self.severity),
            rated,
        })
    }
}

impl WrittenRange {
    fn range(self) -> Range {
        let mut events = Vec::with_capacity(self.events.len());
        for event in self.events {
            events.extend(event.introduced.map(Event::Introduced));
            events.extend(event.fixed.map(Event::Fixed));
            events.extend(event.last_affected.map(Event::LastAffected));
            events.extend(event.limit.map(Event::Limit));
        }
        Range { r#type: self.r#type, events }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advisory(text: &str) -> Advisory {
        match read(text.as_bytes()) {
            Ok(Read::Advisory(advisory)) => *advisory,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_is_read_with_what_databases_add() {
        let read = advisory(
            r#"{"id":"T-1","modified":"2026-01-02T03:04:05.678Z","aliases":null,"summary":"Bad","details":"…","unknown":[{}],
            "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/X"},{"type":"Ubuntu","score":"high"}],
            "affected":[{"package":{"ecosystem":"npm","name":"a"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}],
            "database_specific":{"informational":null,"severity":["x"]},"ecosystem_specific":{"severity":"HIGH"}},{"ranges":[]}],
            "database_specific":{"severity":"MODERATE","cwe_ids":[]}}"#,
        );
        assert_eq!(read.modified.unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert_eq!((read.vectors.len(), read.rated.as_deref(), read.affected.len()), (1, Some("MODERATE"), 1));
        let package = &read.affected[0];
        assert_eq!((package.class, package.rated.as_deref()), (Class::Vulnerability, Some("HIGH")));
        assert_eq!(package.ranges[0].events, [Event::Introduced("0".into()), Event::Fixed("2.0.0".into())]);
    }

    #[test]
    fn what_is_damaged_is_no_advisory_and_not_passed_over() {
        for text in [
            "",
            "{",
            "[1,",
            r#"{"id":"T-1","modified":"yesterday"}"#,
            r#"{"id":"T-1","modified":"2026-01-01T00:00:00Z","withdrawn":"perhaps"}"#,
            r#"{"id":"T-1","modified":"2026-01-01T00:00:00Z","affected":"all"}"#,
            r#"{"id":"T-1","id":"T-2","modified":"2026-01-01T00:00:00Z"}"#,
            r#"{"id":"","modified":"2026-01-01T00:00:00Z"}"#,
            r#"{"id":"T-1","affected":[{"package":{"ecosystem":"npm","name":"a"},"ranges":[{"type":"ODD","events":[]}]}]}"#,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        for text in [r#"{"name":"package"}"#, "[]", r#"{"id":"x"}"#] {
            assert!(matches!(read(text.as_bytes()), Ok(Read::Other)), "{text}");
        }
    }
}

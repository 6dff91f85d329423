//! `document.metadata`: do documents say what they are and how old, and does what they link to exist?

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use avouch_model::{
    Span,
    diagnostic::Source,
    observation::{Population, PositiveControl},
    state::Outcome,
    time::Day,
};
use avouch_read::{
    source_text::{Strip, strip},
    structured::{Node, Value, parse_toml, parse_yaml},
};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern, one},
    sources::{FILE_BYTES_MAX, Place, place, texts},
};

/// How many dangling links are kept.
const LINKS_MAX: usize = 50;

/// See the module.
pub(super) struct DocumentMetadata;

/// What is asked of which documents.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Globs,
    #[serde(default)]
    exclude: Globs,
    #[serde(default = "one")]
    files_min: u64,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    values: BTreeMap<String, Pattern>,
    #[serde(default)]
    dates: Vec<String>,
    reviewed: Option<String>,
    reviewed_within: Option<Span>,
    review_every: Option<String>,
    #[serde(default)]
    links: bool,
    #[serde(default)]
    must_link: Vec<Globs>,
}

/// What the documents say of themselves, and what they link to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    today: Day,
    documents: Vec<Document>,
    dangling: Vec<Dangling>,
    /// How many links into the repository were followed.
    links: u64,
    /// For each demanded link, whether a document has it and it leads somewhere.
    linked: Vec<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    path: String,
    /// Why its front matter cannot be read; there is none then.
    unreadable: Option<String>,
    keys: BTreeSet<String>,
    /// The keys whose value does not have its form.
    misformed: BTreeSet<String>,
    dates: BTreeMap<String, Option<Day>>,
    /// The period of review that the document itself states.
    every: Option<Span>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dangling {
    place: Place,
    to: String,
}

impl Question for DocumentMetadata {
    const ID: &'static str = "document.metadata";
    const QUESTION: &'static str = "Do documents say what they are and how old, and does what they link to exist?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/document-metadata.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let matter =
            !asked.required.is_empty() || !asked.values.is_empty() || !asked.dates.is_empty() || asked.reviewed.is_some();
        if !matter && !asked.links && asked.must_link.is_empty() {
            return Err(Unasked("nothing is asked of the documents: give `required`, `links` or another demand".to_owned()));
        }
        if asked.reviewed.is_some() && asked.reviewed_within.is_none() && asked.review_every.is_none() {
            return Err(Unasked("`reviewed` needs a period: `reviewed_within`, or the key in `review_every`".to_owned()));
        }
        let listed = world.tree.list().map_err(|error| Unasked(format!("the files cannot be listed: {error}")))?;
        let there: BTreeSet<String> = listed.into_iter().flat_map(|entry| with_folders(&entry.path)).collect();
        let mut seen = Seen {
            today: world.now.day(),
            documents: Vec::new(),
            dangling: Vec::new(),
            links: 0,
            linked: vec![false; asked.must_link.len()],
        };
        for source in texts(world, &asked.files, &asked.exclude)? {
            if matter {
                seen.documents.push(document(&source, asked));
            } else {
                seen.documents.push(Document::of(&source));
            }
            if !asked.links && asked.must_link.is_empty() {
                continue;
            }
            for (at, target) in links(&source) {
                let Some(path) = resolved(&source.path, &target) else { continue };
                seen.links += 1;
                if !there.contains(&path) {
                    if seen.dangling.len() < LINKS_MAX {
                        seen.dangling.push(Dangling { place: place(&source, at), to: path });
                    }
                    continue;
                }
                for (wanted, linked) in asked.must_link.iter().zip(&mut seen.linked) {
                    *linked = *linked || wanted.matches(&path);
                }
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for document in &seen.documents {
            of_document(document, seen.today, asked, &mut findings);
        }
        if asked.links {
            findings.extend(
                seen.dangling.iter().map(|one| format!("the link at {} leads to `{}`, which is not there", one.place, one.to)),
            );
        }
        for (wanted, _) in asked.must_link.iter().zip(&seen.linked).filter(|(_, linked)| !**linked) {
            findings.push(format!("no document links to {}, or it is not there", wanted.shown()));
        }
        if seen.documents.is_empty() {
            findings.clear();
        }
        Judgement::decide(
            Population { examined: seen.documents.len() as u64, required: asked.files_min.max(1) },
            PositiveControl::NotNeeded,
            findings,
            format!("{} documents are as they must be; {} links were followed.", seen.documents.len(), seen.links),
        )
    }
}

fn of_document(document: &Document, today: Day, asked: &Asked, findings: &mut Vec<String>) {
    let path = &document.path;
    if let Some(why) = &document.unreadable {
        findings.push(format!("{path}: {why}"));
        return;
    }
    for key in asked.required.iter().chain(asked.values.keys()).chain(&asked.dates).chain(&asked.reviewed) {
        if !document.keys.contains(key) {
            findings.push(format!("{path}: the front matter has no `{key}`"));
        }
    }
    for key in &document.misformed {
        findings.push(format!("{path}: `{key}` does not have its form"));
    }
    for (key, date) in &document.dates {
        match date {
            None => findings.push(format!("{path}: `{key}` is no date")),
            Some(date) if *date > today => findings.push(format!("{path}: `{key}` is {date}, which is yet to come")),
            Some(_) => {}
        }
    }
    let Some(key) = &asked.reviewed else { return };
    // The shorter of the two periods counts: a document may promise more than it must, never less.
    let stated = asked.review_every.as_ref().map(|_| document.every);
    if let (Some(name), Some(None)) = (&asked.review_every, stated) {
        findings.push(format!("{path}: `{name}` is no length of time, such as `180 days`"));
    }
    if let Some(Some(date)) = document.dates.get(key) {
        for span in [asked.reviewed_within, stated.flatten()].into_iter().flatten() {
            if span.after(date.start()).day() < today {
                findings.push(format!("{path}: `{key}` is {date}, more than {span} ago"));
                return;
            }
        }
    }
}

impl Document {
    fn of(source: &Source) -> Self {
        Self {
            path: source.path.clone(),
            unreadable: None,
            keys: BTreeSet::new(),
            misformed: BTreeSet::new(),
            dates: BTreeMap::new(),
            every: None,
        }
    }
}

/// The front matter: YAML between lines of `---`, or TOML between lines of `+++`, at the very beginning.
fn document(source: &Source, asked: &Asked) -> Document {
    let mut document = Document::of(source);
    let root = match front_matter(source) {
        Ok(root) => root,
        Err(why) => {
            document.unreadable = Some(why);
            return document;
        }
    };
    let Value::Table(table) = &root.value else {
        document.unreadable = Some("the front matter is no table".to_owned());
        return document;
    };
    let full = |node: &Node| match &node.value {
        Value::Null => false,
        Value::Text(text) => !text.trim().is_empty(),
        _ => true,
    };
    document.keys = table.entries().iter().filter(|entry| full(&entry.value)).map(|entry| entry.key.clone()).collect();
    let text = |key: &str| {
        table.get(key).and_then(|node| node.as_text().map(str::to_owned).or_else(|| node.as_written().map(str::to_owned)))
    };
    for (key, pattern) in &asked.values {
        if text(key).is_some_and(|text| !pattern.is_whole(&text)) {
            document.misformed.insert(key.clone());
        }
    }
    for key in asked.dates.iter().chain(&asked.reviewed).filter(|key| document.keys.contains(*key)) {
        document.dates.insert(key.clone(), text(key).and_then(|text| text.get(..10)?.parse().ok()));
    }
    document.every = asked.review_every.as_ref().and_then(|key| text(key)?.parse().ok());
    document
}

fn front_matter(source: &Source) -> Result<Node, String> {
    let text = source.text.trim_start_matches('\u{feff}');
    let fence = text.lines().next().map(str::trim_end).filter(|line| matches!(*line, "---" | "+++"));
    let Some(fence) = fence else { return Err("there is no front matter".to_owned()) };
    let inner = text.get(fence.len()..).and_then(|rest| rest.split_once('\n')).map_or("", |(_, rest)| rest);
    let mut end = 0;
    for line in inner.split_inclusive('\n') {
        if line.trim_end() == fence {
            let matter = inner.get(..end).unwrap_or_default();
            let parsed = match fence {
                "---" => parse_yaml(&source.path, matter.as_bytes(), FILE_BYTES_MAX),
                _ => parse_toml(&source.path, matter.as_bytes(), FILE_BYTES_MAX),
            };
            return parsed.map(|document| document.root).map_err(|error| format!("the front matter cannot be read: {error}"));
        }
        end += line.len();
    }
    Err("the front matter does not end".to_owned())
}

/// The targets of links with where they stand: inline ones and definitions (CommonMark 0.31, sections 6.3 and 4.7), none
/// of those in code.
fn links(source: &Source) -> Vec<(usize, String)> {
    static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"\]\(\s*<?([^()\s<>]+)>?(?:\s+["'][^"')]*["'])?\s*\)|(?m)^ {0,3}\[[^\]\n]+\]:\s*<?([^\s<>]+)"#).ok()
    });
    let text = strip(&source.path, &source.text, Strip::Comments);
    let text = without_code(&text);
    let Some(link) = LINK.as_ref() else { return Vec::new() };
    let found = link.captures_iter(&text).filter_map(|captures| captures.get(1).or_else(|| captures.get(2)));
    found.map(|target| (target.start(), target.as_str().to_owned())).collect()
}

/// With spaces where code is, fenced or between backticks on one line, so that places stay what they were.
fn without_code(text: &str) -> String {
    let mut fenced = false;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let fence = line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
        if fenced || fence {
            out.extend(line.chars().flat_map(|each| std::iter::repeat_n(if each == '\n' { '\n' } else { ' ' }, each.len_utf8())));
        } else {
            let mut parts = line.split('`').peekable();
            let mut code = false;
            while let Some(part) = parts.next() {
                // A backtick without its partner is one.
                if code && parts.peek().is_some() {
                    out.push_str(&" ".repeat(part.len()));
                } else {
                    out.push_str(part);
                }
                if parts.peek().is_some() {
                    out.push('`');
                }
                code = !code;
            }
        }
        fenced = fenced != fence;
    }
    out
}

/// The path in the repository that a link leads to; none for what lies elsewhere, or within the document itself.
fn resolved(document: &str, target: &str) -> Option<String> {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let scheme = path.split('/').next().unwrap_or_default().contains(':');
    if path.is_empty() || scheme || path.starts_with("//") {
        return None;
    }
    let decoded = path.replace("%20", " ");
    let mut steps: Vec<&str> = match decoded.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => document.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect()),
    };
    for step in decoded.split('/') {
        match step {
            "" | "." => {}
            ".." if steps.pop().is_none() => return Some(format!("../{decoded}")),
            ".." => {}
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

/// A path, and every folder that it lies in.
fn with_folders(path: &str) -> Vec<String> {
    let mut all: Vec<String> = path.match_indices('/').filter_map(|(at, _)| path.get(..at)).map(str::to_owned).collect();
    all.push(path.to_owned());
    all.push(String::new());
    all
}

const ASKED: &str = r#"{"files":"docs/*.md","required":["title"],"values":{"version":"\\d+\\.\\d+\\.\\d+"},"reviewed":"lastUpdated","reviewed_within":"180 days","links":true,"must_link":["docs/adrs/ADR-003.md"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the document is dated, in date, and its links lead somewhere",
        asked: ASKED,
        seen: r#"{"today":"2026-11-22","documents":[{"path":"docs/a.md","unreadable":null,"keys":["title","version","lastUpdated"],"misformed":[],"dates":{"lastUpdated":"2026-11-01"},"every":null}],"dangling":[],"links":4,"linked":[true]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the document was not looked at for a year",
        asked: ASKED,
        seen: r#"{"today":"2026-11-22","documents":[{"path":"docs/a.md","unreadable":null,"keys":["title","version","lastUpdated"],"misformed":[],"dates":{"lastUpdated":"2025-11-01"},"every":null}],"dangling":[],"links":4,"linked":[true]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a link leads to a file that was moved",
        asked: ASKED,
        seen: r#"{"today":"2026-11-22","documents":[{"path":"docs/a.md","unreadable":null,"keys":["title","version","lastUpdated"],"misformed":[],"dates":{"lastUpdated":"2026-11-01"},"every":null}],"dangling":[{"place":{"file":"docs/a.md","line":4,"column":9},"to":"docs/ADR-003.md"}],"links":4,"linked":[false]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one document has no front matter",
        asked: ASKED,
        seen: r#"{"today":"2026-11-22","documents":[{"path":"docs/a.md","unreadable":"there is no front matter","keys":[],"misformed":[],"dates":{},"every":null}],"dangling":[],"links":4,"linked":[true]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no document",
        asked: ASKED,
        seen: r#"{"today":"2026-11-22","documents":[],"dangling":[],"links":0,"linked":[false]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn findings(files: &[(&str, &str)], asked: &str) -> Vec<String> {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let scene = Scene::of(files.iter().copied());
        let seen = scene.with(|world| DocumentMetadata::gather(world, &asked)).unwrap();
        DocumentMetadata::judge(&seen, &asked).findings
    }

    #[test]
    fn front_matter_is_read_dated_and_held_against_its_own_period() {
        let asked = r#"{"files":"d.md","required":["title","status"],"values":{"status":"draft|accepted","version":"\\d+(\\.\\d+){2}"},
            "dates":["created"],"reviewed":"reviewed","review_every":"review_every","reviewed_within":"365 days"}"#;
        let of = |matter: &str| findings(&[("d.md", &format!("---\n{matter}\n---\n\n# D\n"))], asked);
        let good = "title: D\nstatus: accepted\nversion: 1.2.0\ncreated: 2026-01-01\nreviewed: 2026-10-01\nreview_every: 90 days";
        assert_eq!(of(good), Vec::<String>::new());
        for (from, to, found) in [
            ("title: D", "title:", "no `title`"),
            ("accepted", "whatever", "`status` does not have its form"),
            ("created: 2026-01-01", "created: 2027-01-01", "yet to come"),
            ("created: 2026-01-01", "created: soon", "no date"),
            ("reviewed: 2026-10-01", "reviewed: 2026-08-01", "more than 90 days ago"),
            ("review_every: 90 days", "review_every: often", "no length of time"),
            ("review_every: 90 days", "review_every: 900 days\nx: 1\nreviewed2: 1", ""),
        ] {
            let found_all = of(&good.replace(from, to));
            assert!(
                found.is_empty() == found_all.is_empty() && found_all.iter().all(|one| one.contains(found)),
                "{to}: {found_all:?}"
            );
        }
        assert_eq!(findings(&[("d.md", "# D\n")], asked), ["d.md: there is no front matter"]);
        assert_eq!(findings(&[("d.md", "---\ntitle: D\n")], asked), ["d.md: the front matter does not end"]);
    }

    #[test]
    fn links_lead_from_where_the_document_lies() {
        let text = "See [a](../adrs/A.md#why), [b](tenancy.md \"T\"), [web](https://example.org/x), [here](#x), [root](/README.md),\n\
                    [folder](../adrs/) and [r].\n\n[r]: missing.md\n\n```\n[no](nowhere.md)\n```\n`[no](nowhere.md)` <!-- [no](n.md) -->\n";
        let files = [("docs/guides/s.md", text), ("docs/adrs/A.md", "a"), ("docs/guides/tenancy.md", "t"), ("README.md", "r")];
        let asked = r#"{"files":"docs/guides/s.md","links":true,"must_link":["docs/adrs/A.md","docs/adrs/B.md"]}"#;
        assert_eq!(
            findings(&files, asked),
            [
                "the link at docs/guides/s.md:4:6 leads to `docs/guides/missing.md`, which is not there",
                "no document links to docs/adrs/B.md, or it is not there"
            ]
        );
        assert_eq!(resolved("a.md", "../x.md"), Some("../../x.md".to_owned()));
    }
}

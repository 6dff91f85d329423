//! `document.consistency`: do the figures in documents and sources agree?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::source_text::{Strip, strip};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    arithmetic::Relation,
    parameters::{Globs, Pattern},
    sources::{Place, place, texts},
};

/// How many readings of one statement are kept.
const READINGS_MAX: usize = 200;

/// How many combinations of contradicting readings one relation is computed with.
const COMBINATIONS_MAX: usize = 64;

/// See the module.
pub(super) struct DocumentConsistency;

/// Which figures, where they are stated, and what holds between them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    figures: BTreeMap<String, i64>,
    #[serde(default)]
    sets: BTreeMap<String, BTreeSet<String>>,
    statements: Vec<Statement>,
    #[serde(default)]
    relations: Vec<Relation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    name: String,
    files: Globs,
    /// Where the pattern is looked for; everywhere when left out.
    within: Option<Pattern>,
    pattern: Pattern,
    #[serde(default = "once")]
    times: i64,
    #[serde(default)]
    strip: Strip,
    #[serde(default)]
    optional: bool,
}

const fn once() -> i64 {
    1
}

/// What each statement found, in the order of the parameters.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    statements: Vec<Found>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    files: u64,
    readings: Vec<Reading>,
    /// Matches whose value is no whole number.
    unreadable: Vec<Place>,
    /// The words of a set, each with where it stands first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    words: BTreeMap<String, Place>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    place: Place,
    value: i64,
}

impl Question for DocumentConsistency {
    const ID: &'static str = "document.consistency";
    const QUESTION: &'static str = "Do the figures in documents and sources agree?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/document-consistency.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut statements = Vec::new();
        for statement in &asked.statements {
            if !statement.pattern.capture_names().flatten().any(|name| name == "value") {
                return Err(Unasked(format!("the pattern of `{}` has no group `(?<value>…)`", statement.name)));
            }
            let mut found = Found::default();
            for mut source in texts(world, &statement.files, &Globs::default())? {
                found.files += 1;
                source.text = strip(&source.path, &source.text, statement.strip);
                if let Some(within) = &statement.within {
                    source.text = only(&source.text, within);
                }
                for captures in statement.pattern.captures_iter(&source.text) {
                    let Some(value) = captures.name("value") else { continue };
                    let at = place(&source, value.start());
                    if asked.sets.contains_key(&statement.name) {
                        if found.words.len() >= READINGS_MAX {
                            return Err(Unasked(format!("`{}` has too many words; narrow its pattern", statement.name)));
                        }
                        found.words.entry(value.as_str().to_owned()).or_insert(at);
                        continue;
                    }
                    let digits: String = value.as_str().chars().filter(|each| !matches!(each, ',' | '_' | ' ')).collect();
                    match digits.parse::<i64>().ok().and_then(|value| value.checked_mul(statement.times)) {
                        Some(value) if found.readings.len() < READINGS_MAX => found.readings.push(Reading { place: at, value }),
                        Some(_) => return Err(Unasked(format!("`{}` is stated too often; narrow its pattern", statement.name))),
                        None if found.unreadable.len() < READINGS_MAX => found.unreadable.push(at),
                        None => {}
                    }
                }
            }
            statements.push(found);
        }
        Ok(Seen { statements })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let read: Vec<(&Statement, &Found)> = asked.statements.iter().zip(&seen.statements).collect();
        let readings: u64 = read.iter().map(|(_, found)| (found.readings.len() + found.words.len()) as u64).sum();
        let mut findings = Vec::new();
        for (statement, found) in &read {
            if found.readings.is_empty() && found.words.is_empty() && !statement.optional {
                findings.push(format!("`{}` is stated nowhere in {}", statement.name, statement.files.shown()));
            }
            for place in &found.unreadable {
                findings.push(format!("`{}` is no whole number at {place}", statement.name));
            }
        }
        for (statement, found) in read.iter().filter(|(_, found)| !found.words.is_empty()) {
            if let Some(set) = asked.sets.get(&statement.name) {
                unlike(statement, found, set, &mut findings);
            }
        }
        let values = values(asked, &read, &mut findings);
        for relation in &asked.relations {
            findings.extend(broken(relation, &values));
        }
        if asked.figures.is_empty() && asked.sets.is_empty() && asked.relations.is_empty() {
            findings.push("nothing is promised: give `figures`, `sets` or `relations`".to_owned());
        }
        if read.iter().all(|(_, found)| found.files == 0) {
            // Nothing was read: what the claim's own figures say of each other is no evidence.
            findings.clear();
        }
        Judgement::decide(
            Population {
                examined: readings,
                required: (read.iter().filter(|(statement, _)| !statement.optional).count() as u64).max(1),
            },
            PositiveControl::NotNeeded,
            findings,
            format!(
                "{readings} statements of figures agree with each other, with the promise and with {} relations.",
                asked.relations.len()
            ),
        )
    }
}

/// How the words of a statement differ from the promised ones.
fn unlike(statement: &Statement, found: &Found, set: &BTreeSet<String>, findings: &mut Vec<String>) {
    let name = &statement.name;
    for (word, place) in found.words.iter().filter(|(word, _)| !set.contains(*word)) {
        findings.push(format!("`{name}` has `{}` at {place}, which is not promised", word.escape_debug()));
    }
    for word in set.iter().filter(|word| !found.words.contains_key(*word)) {
        findings.push(format!("`{name}` lacks `{word}` in {}", statement.files.shown()));
    }
}

/// A text with spaces where the pattern does not match, so that places stay what they were.
fn only(text: &str, within: &Pattern) -> String {
    let mut out = String::with_capacity(text.len());
    let blank = |out: &mut String, part: &str| {
        out.extend(part.chars().flat_map(|each| std::iter::repeat_n(if each == '\n' { '\n' } else { ' ' }, each.len_utf8())));
    };
    let mut end = 0;
    for one in within.find_iter(text) {
        blank(&mut out, text.get(end..one.start()).unwrap_or_default());
        out.push_str(one.as_str());
        end = one.end();
    }
    blank(&mut out, text.get(end..).unwrap_or_default());
    out
}

/// The distinct values of each name, those of the promise first; readings that contradict become findings.
fn values<'a>(
    asked: &'a Asked,
    read: &[(&'a Statement, &'a Found)],
    findings: &mut Vec<String>,
) -> BTreeMap<&'a str, BTreeSet<i64>> {
    let mut first: BTreeMap<&str, (i64, String)> =
        asked.figures.iter().map(|(name, value)| (name.as_str(), (*value, "the promise".to_owned()))).collect();
    let mut values: BTreeMap<&str, BTreeSet<i64>> =
        first.iter().map(|(name, (value, _))| (*name, BTreeSet::from([*value]))).collect();
    for (statement, found) in read {
        for reading in &found.readings {
            let name = statement.name.as_str();
            values.entry(name).or_default().insert(reading.value);
            let (value, place) = first.entry(name).or_insert_with(|| (reading.value, reading.place.to_string()));
            if *value != reading.value {
                findings.push(format!("`{name}` is {} at {}, and {value} by {place}", reading.value, reading.place));
            }
        }
    }
    values
}

/// What is wrong with a relation, over every combination of the values that its names have.
fn broken(relation: &Relation, values: &BTreeMap<&str, BTreeSet<i64>>) -> Option<String> {
    let mut combinations: Vec<BTreeMap<&str, i64>> = vec![BTreeMap::new()];
    for name in relation.names() {
        let Some(possible) = values.get(name) else {
            return Some(format!("`{}` cannot be computed: nothing says what `{name}` is", relation.as_str()));
        };
        combinations = combinations
            .iter()
            .flat_map(|one| {
                possible.iter().map(move |value| {
                    let mut next = one.clone();
                    next.insert(name, *value);
                    next
                })
            })
            .take(COMBINATIONS_MAX)
            .collect();
    }
    combinations.iter().find_map(|values| match relation.holds(values) {
        Ok((true, ..)) => None,
        Ok((false, left, right)) => Some(format!("`{}` does not hold: {left} and {right}", relation.as_str())),
        Err(why) => Some(format!("`{}` cannot be computed: {why}", relation.as_str())),
    })
}

const ASKED: &str = r#"{"figures":{"bits":130,"alphabet":32,"length":26},"statements":[{"name":"bits","files":"docs/*.md","pattern":"(?<value>\\d+) bits of randomness"},{"name":"random_bytes","files":"src/*.ts","pattern":"new Uint8Array\\((?<value>\\d+)\\)","strip":"comments"}],"relations":["bits == entropy(alphabet, length)","random_bytes * 8 >= bits"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "documents, sources and arithmetic agree",
        asked: ASKED,
        seen: r#"{"statements":[{"files":2,"readings":[{"place":{"file":"docs/a.md","line":3,"column":9},"value":130}],"unreadable":[]},{"files":1,"readings":[{"place":{"file":"src/key.ts","line":7,"column":30},"value":17}],"unreadable":[]}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the source draws sixteen bytes, which are 128 bits",
        asked: ASKED,
        seen: r#"{"statements":[{"files":2,"readings":[{"place":{"file":"docs/a.md","line":3,"column":9},"value":130}],"unreadable":[]},{"files":1,"readings":[{"place":{"file":"src/key.ts","line":7,"column":30},"value":16}],"unreadable":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "two pages state two numbers",
        asked: ASKED,
        seen: r#"{"statements":[{"files":2,"readings":[{"place":{"file":"docs/a.md","line":3,"column":9},"value":130},{"place":{"file":"docs/b.md","line":1,"column":1},"value":256}],"unreadable":[]},{"files":1,"readings":[{"place":{"file":"src/key.ts","line":7,"column":30},"value":32}],"unreadable":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the promised bits are more than the alphabet carries",
        asked: r#"{"figures":{"bits":130,"alphabet":32,"length":25},"statements":[{"name":"bits","files":"docs/*.md","pattern":"(?<value>\\d+) bits"}],"relations":["bits == entropy(alphabet, length)"]}"#,
        seen: r#"{"statements":[{"files":1,"readings":[{"place":{"file":"docs/a.md","line":3,"column":9},"value":130}],"unreadable":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the source does not say how many bytes it draws",
        asked: ASKED,
        seen: r#"{"statements":[{"files":2,"readings":[{"place":{"file":"docs/a.md","line":3,"column":9},"value":130}],"unreadable":[]},{"files":1,"readings":[],"unreadable":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the source knows a code that the document does not list",
        asked: r#"{"sets":{"codes":["not_found","rate_limited"]},"statements":[{"name":"codes","files":"docs/*.md","within":"codes:[^\n]*","pattern":"`(?<value>[a-z_]+)`"},{"name":"codes","files":"src/*.js","pattern":"fail[(]'(?<value>[a-z_]+)'"}]}"#,
        seen: r#"{"statements":[{"files":1,"readings":[],"unreadable":[],"words":{"not_found":{"file":"docs/a.md","line":3,"column":9},"rate_limited":{"file":"docs/a.md","line":3,"column":22}}},{"files":4,"readings":[],"unreadable":[],"words":{"ai_error":{"file":"src/a.js","line":7,"column":11},"not_found":{"file":"src/a.js","line":3,"column":9},"rate_limited":{"file":"src/b.js","line":3,"column":22}}}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "none of the files exists",
        asked: ASKED,
        seen: r#"{"statements":[{"files":0,"readings":[],"unreadable":[]},{"files":0,"readings":[],"unreadable":[]}]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn lists_of_words_are_one_set_wherever_they_are_stated() {
        let asked = r#"{"sets":{"codes":["a_b","c"]},"statements":[{"name":"codes","files":"*.md","within":"Codes:[^\\n]*","pattern":"`(?<value>[a-z_]+)`"},
            {"name":"codes","files":"*.js","pattern":"fail\\('(?<value>[a-z_]+)'","strip":"comments"}]}"#;
        let findings = |document: &str, source: &str| {
            let asked: Asked = serde_json::from_str(asked).unwrap();
            let scene = Scene::of([("d.md", document), ("s.js", source)]);
            let seen = scene.with(|world| DocumentConsistency::gather(world, &asked)).unwrap();
            DocumentConsistency::judge(&seen, &asked).findings
        };
        let source = "fail('a_b'); fail('c'); // fail('d')";
        assert_eq!(findings("The `other`.\nCodes: `a_b`, `c`.\n`x`", source), Vec::<String>::new());
        assert_eq!(findings("Codes: `a_b`, `c`, `d`.", source), ["`codes` has `d` at d.md:1:21, which is not promised"]);
        assert_eq!(findings("Codes: `a_b`, `c`.", "fail('c')"), ["`codes` lacks `a_b` in *.js"]);
        assert_eq!(findings("No list.", source), ["`codes` is stated nowhere in *.md"]);
    }

    #[test]
    fn figures_are_read_from_the_commit_and_not_from_comments() {
        let judge = |document: &str, source: &str| {
            let scene = Scene::of([("docs/a.md", document), ("src/key.ts", source)]);
            let asked: Asked = serde_json::from_str(ASKED).unwrap();
            let seen = scene.with(|world| DocumentConsistency::gather(world, &asked)).unwrap();
            DocumentConsistency::judge(&seen, &asked)
        };
        let source = "// new Uint8Array(16)\ncrypto.getRandomValues(new Uint8Array(17));";
        assert_eq!(judge("Keys carry 130 bits of randomness.", source).outcome, Outcome::Pass);
        let contradiction = judge("130 bits of randomness\n\nor 256 bits of randomness", source);
        assert_eq!(contradiction.findings[0], "`bits` is 256 at docs/a.md:3:4, and 130 by the promise");
        assert_eq!(judge("130 bits of randomness", "new Uint8Array(16)").outcome, Outcome::Fail);
    }
}

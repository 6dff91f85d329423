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
    figures: BTreeMap<String, i64>,
    statements: Vec<Statement>,
    #[serde(default)]
    relations: Vec<Relation>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    name: String,
    files: Globs,
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
                for captures in statement.pattern.captures_iter(&source.text) {
                    let Some(value) = captures.name("value") else { continue };
                    let at = place(&source, value.start());
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
        let readings: u64 = read.iter().map(|(_, found)| found.readings.len() as u64).sum();
        let mut findings = Vec::new();
        for (statement, found) in &read {
            if found.readings.is_empty() && !statement.optional {
                findings.push(format!("`{}` is stated nowhere in {}", statement.name, statement.files.shown()));
            }
            for place in &found.unreadable {
                findings.push(format!("`{}` is no whole number at {place}", statement.name));
            }
        }
        let values = values(asked, &read, &mut findings);
        for relation in &asked.relations {
            findings.extend(broken(relation, &values));
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

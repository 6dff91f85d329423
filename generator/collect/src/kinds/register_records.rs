//! `register.records`: do the records of a register keep its rules, and does somebody answer for them?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    Digest, Json, Span, Timestamp,
    decision::Decision,
    json::Object,
    observation::{Population, PositiveControl},
    state::Outcome,
    time::Day,
};
use avouch_read::{
    source_text::{Strip, strip},
    structured::{Document, Node},
};
use serde::{Deserialize, Serialize};

use super::{
    config_value::form,
    register_fields::{Field, broken, time, values},
};
use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern, one},
    selector::Selector,
    sources::{FILE_BYTES_MAX, Place, bytes, place, texts},
};

/// How many broken rules are kept.
const WRONG_MAX: usize = 50;

/// See the module.
pub(super) struct RegisterRecords;

/// Which register, and its rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Globs,
    /// Where the records are: lists of them, or single ones; left out, the whole document is one record.
    at: Option<Selector>,
    /// What a record holds, and nothing else.
    fields: BTreeMap<String, Field>,
    /// What else some of these fields keep to: so that a check that is like another one need not repeat the schema.
    #[serde(default)]
    further: BTreeMap<String, Field>,
    /// What else fields of some of the records keep to.
    #[serde(default)]
    given: Vec<Given>,
    /// The records that are asked about: those with one of these values in every field that is named.
    #[serde(default, rename = "where")]
    only: BTreeMap<String, Vec<String>>,
    /// Fields in which no two records agree.
    #[serde(default)]
    unique: Vec<String>,
    /// Values that some record must have, by field.
    #[serde(default)]
    cover: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    needs: Vec<Need>,
    #[serde(default)]
    names: Vec<Names>,
    #[serde(default)]
    elsewhere: Vec<Elsewhere>,
    newest: Option<Newest>,
    #[serde(default = "one")]
    records_min: u64,
    /// The signed statement whose figure `digest` is that of the register.
    attestation: Option<String>,
    /// How long ago that statement may have been recorded.
    attested_within: Option<Span>,
}

/// Records that say something keep to more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    when: BTreeMap<String, String>,
    fields: BTreeMap<String, Field>,
}

/// What a field of some records says is known to another register.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Elsewhere {
    #[serde(default)]
    when: BTreeMap<String, String>,
    field: String,
    files: Globs,
    /// Where the values lie in that register.
    at: Selector,
}

/// A record needs another one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Need {
    when: BTreeMap<String, String>,
    other: BTreeMap<String, String>,
    #[serde(default)]
    same: Vec<String>,
    /// A field with a time: that of the other record is not after this one's.
    before: Option<String>,
}

/// What files name is in the register.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    files: Globs,
    #[serde(default)]
    exclude: Globs,
    #[serde(default)]
    strip: Strip,
    /// With a group `value`, or the whole match.
    pattern: Pattern,
    #[serde(rename = "in")]
    field: String,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default = "one")]
    names_min: u64,
}

/// The latest time in a field is not long ago.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Newest {
    field: String,
    within: Span,
}

/// How the records fared; never what they say.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    files: u64,
    /// Records that were asked about.
    records: u64,
    /// Names that files had, for each of `names`.
    names: Vec<u64>,
    /// Rules that are broken, and where.
    wrong: Vec<Wrong>,
    /// The statement, where one is asked for and on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statement: Option<Statement>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrong {
    place: Option<Place>,
    what: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    now: Timestamp,
    recorded: Timestamp,
    expires: Day,
    /// Whether its digest is that of every file of the register.
    of_register: bool,
}

impl Question for RegisterRecords {
    const ID: &'static str = "register.records";
    const QUESTION: &'static str = "Do the records of a register keep its rules, and does somebody answer for them?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/register-records.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.fields.is_empty() {
            return Err(Unasked("`fields` is empty: a record of nothing proves nothing".to_owned()));
        }
        let given = asked.given.iter().flat_map(|given| given.fields.keys());
        if let Some(name) = asked.further.keys().chain(given).find(|name| !asked.fields.contains_key(*name)) {
            return Err(Unasked(format!("`further` or `given` speaks of `{name}`, which is none of the `fields`")));
        }
        let mut seen = Seen::default();
        let mut records = Records::default();
        let mut digests = BTreeSet::new();
        for path in world.matching(&asked.files, &Globs::default())? {
            let raw = bytes(world.tree, &path, FILE_BYTES_MAX)?.unwrap_or_default();
            digests.insert(Digest::of(&raw));
            let document = world.document(&path, form(&path)?, FILE_BYTES_MAX)?;
            seen.files += 1;
            for (place, node) in listed(&document, asked.at.as_ref()) {
                records.read(&place, node, asked, world.now);
            }
        }
        records.hold_together(asked, world.now);
        for names in &asked.names {
            seen.names.push(records.named(world, names)?);
        }
        for elsewhere in &asked.elsewhere {
            records.known(world, elsewhere)?;
        }
        seen.records = records.all.len() as u64;
        seen.wrong = records.wrong;
        seen.statement = asked.attestation.as_ref().and_then(|id| statement(world, id, &digests));
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings: Vec<String> = seen
            .wrong
            .iter()
            .map(|wrong| wrong.place.as_ref().map_or_else(|| wrong.what.clone(), |place| format!("{place}: {}", wrong.what)))
            .collect();
        let mut examined = seen.records;
        for (names, found) in asked.names.iter().zip(&seen.names) {
            if *found < names.names_min {
                examined = 0;
            }
        }
        if asked.attestation.is_some() {
            match &seen.statement {
                None => examined = 0,
                Some(statement) => findings.extend(statement.wrong(asked.attested_within)),
            }
        }
        let signed = if asked.attestation.is_some() { ", and a signed statement in date answers for them" } else { "" };
        Judgement::decide(
            Population { examined, required: asked.records_min.max(1) },
            PositiveControl::NotNeeded,
            findings,
            format!("All {} records that were asked about keep the rules{signed}.", seen.records),
        )
    }
}

impl Statement {
    fn wrong(&self, within: Option<Span>) -> Vec<String> {
        let mut findings = Vec::new();
        if self.now > self.expires.end() {
            findings.push(format!("the statement counted through {}; have a new one signed", self.expires));
        }
        if let Some(within) = within
            && within.after(self.recorded) < self.now
        {
            findings.push(format!("the statement was recorded on {}, longer ago than {within}", self.recorded.day()));
        }
        if !self.of_register {
            findings.push("the statement was signed for another text of the register: its figure `digest` differs".to_owned());
        }
        findings
    }
}

/// The last statement of that name on record.
fn statement(world: &World<'_>, wanted: &str, digests: &BTreeSet<Digest>) -> Option<Statement> {
    let past = world.decisions.iter().filter(|(recorded, _)| *recorded <= world.now);
    past.rev().find_map(|(recorded, decision)| match decision {
        Decision::Attestation { id, figures, expires, .. } if id == wanted => {
            Some(Statement { now: world.now, recorded: *recorded, expires: *expires, of_register: is_of(figures, digests) })
        }
        _ => None,
    })
}

/// Whether the figure `digest` is that of the register, with or without `sha256:` before it.
fn is_of(figures: &Object, digests: &BTreeSet<Digest>) -> bool {
    let stated = figures.get("digest").and_then(Json::as_text);
    let stated = stated.map(|text| if text.starts_with("sha256:") { text.to_owned() } else { format!("sha256:{text}") });
    let stated: Option<Digest> = stated.and_then(|text| text.parse().ok());
    digests.len() == 1 && stated.is_some_and(|digest| digests.contains(&digest))
}

/// The records of a document with their places.
fn listed<'d>(document: &'d Document, at: Option<&Selector>) -> Vec<(Place, &'d Node)> {
    let nodes = at.map_or_else(|| vec![&document.root], |at| at.select(&document.root));
    let each = nodes.into_iter().flat_map(|node| node.as_list().map_or_else(|| vec![node], |items| items.iter().collect()));
    each.map(|node| (place(&document.source, node.span.start), node)).collect()
}

/// The records that are asked about, by what they say.
#[derive(Default)]
struct Records {
    all: Vec<(Place, BTreeMap<String, Vec<String>>)>,
    wrong: Vec<Wrong>,
}

impl Records {
    fn add(&mut self, place: Option<&Place>, what: String) {
        if self.wrong.len() < WRONG_MAX {
            self.wrong.push(Wrong { place: place.cloned(), what });
        }
    }

    fn read(&mut self, place: &Place, node: &Node, asked: &Asked, now: Timestamp) {
        let Some(table) = node.as_table() else {
            self.add(Some(place), format!("a record is a table, and here is {}", node.kind()));
            return;
        };
        let record: BTreeMap<String, Vec<String>> =
            table.entries().iter().map(|entry| (entry.key.clone(), values(&entry.value))).collect();
        // A record that does not say what would leave it out is not left out.
        let apart = |(field, wanted): (&String, &Vec<String>)| {
            record.get(field).is_some_and(|found| !found.is_empty() && !found.iter().any(|value| wanted.contains(value)))
        };
        if asked.only.iter().any(apart) {
            return;
        }
        for entry in table.entries().iter().filter(|entry| !asked.fields.contains_key(&entry.key)) {
            self.add(Some(place), format!("`{}` is no field of this register", entry.key));
        }
        let given = asked.given.iter().filter(|given| says(&record, &given.when)).flat_map(|given| &given.fields);
        for (name, field) in asked.fields.iter().chain(&asked.further).chain(given) {
            for what in broken(name, field, table.get(name), &record, now) {
                self.add(Some(place), what);
            }
        }
        self.all.push((place.clone(), record));
    }

    /// The rules over several records.
    fn hold_together(&mut self, asked: &Asked, now: Timestamp) {
        let mut wrong = Vec::new();
        for field in &asked.unique {
            let mut met: BTreeMap<&String, &Place> = BTreeMap::new();
            for (place, record) in &self.all {
                for value in record.get(field).into_iter().flatten() {
                    if let Some(first) = met.insert(value, place) {
                        wrong.push((Some(place.clone()), format!("its `{field}` is that of the record at {first}, too")));
                    }
                }
            }
        }
        for (field, wanted) in &asked.cover {
            for value in wanted {
                let has = |record: &BTreeMap<String, Vec<String>>| record.get(field).is_some_and(|found| found.contains(value));
                if !self.all.iter().any(|(_, record)| has(record)) {
                    wrong.push((None, format!("no record has the `{field}` `{value}`")));
                }
            }
        }
        for (name, field) in asked.fields.iter().chain(&asked.further) {
            let Some(other) = &field.differs_from_all else { continue };
            let taken: BTreeSet<&String> =
                self.all.iter().flat_map(|(_, record)| record.get(other).into_iter().flatten()).collect();
            let own = |record: &BTreeMap<String, Vec<String>>| {
                record.get(name).is_some_and(|own| own.iter().any(|value| taken.contains(value)))
            };
            for (place, _) in self.all.iter().filter(|(_, record)| own(record)) {
                wrong.push((Some(place.clone()), format!("`{name}` must differ from every `{other}` of the register")));
            }
        }
        for need in &asked.needs {
            let others: Vec<_> = self.all.iter().map(|(_, record)| record).filter(|record| says(record, &need.other)).collect();
            for (place, record) in self.all.iter().filter(|(_, record)| says(record, &need.when)) {
                if !others.iter().any(|other| need.is_met(record, other)) {
                    wrong.push((Some(place.clone()), format!("this record needs another one with {}", shown(&need.other))));
                }
            }
        }
        if let Some(newest) = &asked.newest {
            let times = self.all.iter().filter_map(|(_, record)| time(record.get(&newest.field)?.first()?));
            match times.filter(|time| *time <= now).max() {
                Some(latest) if newest.within.after(latest) >= now => {}
                Some(latest) => {
                    let what = format!("the newest `{}` is of {}, longer ago than {}", newest.field, latest.day(), newest.within);
                    wrong.push((None, what));
                }
                None => wrong.push((None, format!("no record has a time in `{}` that has come", newest.field))),
            }
        }
        for (place, what) in wrong {
            self.add(place.as_ref(), what);
        }
    }

    /// Holds what files name against the register; how many names there were.
    fn named(&mut self, world: &World<'_>, names: &Names) -> Result<u64, Unasked> {
        let known: BTreeSet<&String> =
            self.all.iter().flat_map(|(_, record)| record.get(&names.field).into_iter().flatten()).collect();
        let mut found: BTreeMap<String, Place> = BTreeMap::new();
        for mut source in texts(world, &names.files, &names.exclude)? {
            source.text = strip(&source.path, &source.text, names.strip);
            for captures in names.pattern.captures_iter(&source.text) {
                let Some(name) = captures.name("value").or_else(|| captures.get(0)) else { continue };
                found.entry(name.as_str().to_owned()).or_insert_with(|| place(&source, name.start()));
            }
        }
        found.retain(|name, _| !names.except.contains(name));
        let count = found.len() as u64;
        let missing: Vec<_> = found.into_iter().filter(|(name, _)| !known.contains(name)).collect();
        for (name, place) in missing {
            let name: String = name.chars().take(80).collect();
            self.add(Some(&place), format!("`{name}` is not in the register"));
        }
        Ok(count)
    }

    /// Holds what the records say against another register.
    fn known(&mut self, world: &World<'_>, elsewhere: &Elsewhere) -> Result<(), Unasked> {
        let mut known = BTreeSet::new();
        for path in world.matching(&elsewhere.files, &Globs::default())? {
            let document = world.document(&path, form(&path)?, FILE_BYTES_MAX)?;
            known.extend(elsewhere.at.select(&document.root).into_iter().flat_map(values));
        }
        let field = &elsewhere.field;
        let unknown = |record: &BTreeMap<String, Vec<String>>| {
            let own = record.get(field).filter(|own| !own.is_empty());
            says(record, &elsewhere.when) && own.is_none_or(|own| own.iter().any(|value| !known.contains(value)))
        };
        let missing: Vec<Place> = self.all.iter().filter(|(_, record)| unknown(record)).map(|(place, _)| place.clone()).collect();
        for place in missing {
            self.add(Some(&place), format!("its `{field}` is not in the register `{}`", elsewhere.files.shown()));
        }
        Ok(())
    }
}

impl Need {
    fn is_met(&self, record: &BTreeMap<String, Vec<String>>, other: &BTreeMap<String, Vec<String>>) -> bool {
        let when = |record: &BTreeMap<String, Vec<String>>, field: &String| time(record.get(field)?.first()?);
        let in_time = self.before.as_ref().is_none_or(|field| match (when(other, field), when(record, field)) {
            (Some(other), Some(own)) => other <= own,
            _ => false,
        });
        in_time && self.same.iter().all(|field| record.get(field).is_some_and(|own| other.get(field) == Some(own)))
    }
}

fn says(record: &BTreeMap<String, Vec<String>>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(field, value)| record.get(field).is_some_and(|found| found.contains(value)))
}

fn shown(wanted: &BTreeMap<String, String>) -> String {
    let parts: Vec<String> = wanted.iter().map(|(field, value)| format!("`{field}` `{value}`")).collect();
    parts.join(" and ")
}

const ASKED: &str = r#"{"files":"registers/tokens.toml","at":"token","fields":{"duty":{},"resources":{"type":"texts","forbid":"\\*"}},"unique":["duty"],"attestation":"tokens"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "every record keeps the rules and the register is signed",
        asked: ASKED,
        seen: r#"{"files":1,"records":5,"names":[],"wrong":[],"statement":{"now":"2026-11-21T03:00:00Z","recorded":"2026-11-01T09:00:00Z","expires":"2027-01-30","of_register":true}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one token reaches the whole account",
        asked: ASKED,
        seen: r#"{"files":1,"records":5,"names":[],"wrong":[{"place":{"file":"registers/tokens.toml","line":9,"column":1},"what":"`resources` says what it must not"}],"statement":{"now":"2026-11-21T03:00:00Z","recorded":"2026-11-01T09:00:00Z","expires":"2027-01-30","of_register":true}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the register was changed after it was signed",
        asked: ASKED,
        seen: r#"{"files":1,"records":5,"names":[],"wrong":[],"statement":{"now":"2026-11-21T03:00:00Z","recorded":"2026-11-01T09:00:00Z","expires":"2027-01-30","of_register":false}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the signature has run out",
        asked: ASKED,
        seen: r#"{"files":1,"records":5,"names":[],"wrong":[],"statement":{"now":"2026-11-21T03:00:00Z","recorded":"2026-05-01T09:00:00Z","expires":"2026-11-20","of_register":true}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nobody has signed for the register",
        asked: ASKED,
        seen: r#"{"files":1,"records":5,"names":[],"wrong":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "an empty register proves nothing",
        asked: ASKED,
        seen: r#"{"files":1,"records":0,"names":[],"wrong":[],"statement":{"now":"2026-11-21T03:00:00Z","recorded":"2026-11-01T09:00:00Z","expires":"2027-01-30","of_register":true}}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "no secret is named anywhere, so that none could be missing",
        asked: r#"{"files":"registers/secrets.toml","at":"secret","fields":{"name":{}},"names":[{"files":"src/**","pattern":"env\\.([A-Z_]+)","in":"name"}]}"#,
        seen: r#"{"files":1,"records":5,"names":[0],"wrong":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
#[path = "register_tests.rs"]
mod tests;

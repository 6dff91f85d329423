//! `database.values`: has every value of these columns the form that was promised?

use std::collections::{BTreeMap, BTreeSet};

use avouch_database::quote;
use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use regex::Regex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    databases::{Held, hold},
    parameters::{Globs, Pattern, one},
};

/// The least bytes in which chance can be told from text.
const RANDOM_BYTES_MIN: u64 = 64;

/// How many standard deviations a bit may be away from being set in half of the bytes: beyond six, chance is one in 10^9.
const DEVIATIONS_MAX: f64 = 6.0;

/// See the module.
pub(super) struct DatabaseValues;

/// The columns, and the form of their values.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    database: Option<String>,
    columns: Vec<String>,
    pattern: Pattern,
    #[serde(default)]
    encoding: Encoding,
    #[serde(default)]
    nulls: bool,
    #[serde(default)]
    filled: Vec<String>,
    #[serde(default)]
    distinct: Vec<String>,
    #[serde(default)]
    bytes: BTreeMap<String, u64>,
    #[serde(default)]
    bytes_min: BTreeMap<String, u64>,
    #[serde(default)]
    random: Vec<String>,
    #[serde(default = "one")]
    values_min: u64,
}

/// How bytes are written as the text that the pattern is held against, and in its groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    /// Texts as they are; groups of bytes are base64.
    #[default]
    Text,
    /// Blobs as lower-case hexadecimal digits, their groups as well.
    Hex,
}

/// Counts; no value is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// What was found in each column, `table.column`.
    columns: BTreeMap<String, Column>,
    /// The bytes of each group that must look random: how many, and in how many of them each of the eight bits is set.
    bits: BTreeMap<String, Bits>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    values: u64,
    nulls: u64,
    /// Values of another form.
    others: u64,
    /// Values with a group of another length, by group.
    lengths: BTreeMap<String, u64>,
    /// Values with a group that another value has as well, by group.
    repeated: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bits {
    bytes: u64,
    set: [u64; 8],
}

impl Question for DatabaseValues {
    const ID: &'static str = "database.values";
    const QUESTION: &'static str = "Has every value of these columns the form that was promised?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/database-values.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let form = Form::of(asked)?;
        let wanted = Globs::new(asked.columns.clone()).map_err(Unasked)?;
        let mut database = hold(world, asked.database.as_deref())?;
        let mut seen = Seen::default();
        // Across columns: a nonce that two tables share is used twice all the same.
        let mut met = BTreeSet::new();
        for table in database.tables()? {
            for column in &table.columns {
                let name = format!("{}.{}", table.name, column.name);
                if !wanted.matches(&name) {
                    continue;
                }
                let found = look(&mut database, &table.name, &column.name, &form, &mut met, &mut seen.bits)?;
                seen.columns.insert(name, found);
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for glob in &asked.columns {
            let is_there = Globs::new(vec![glob.clone()]).is_ok_and(|glob| seen.columns.keys().any(|name| glob.matches(name)));
            if !is_there {
                findings.push(format!("there is no column `{glob}`"));
            }
        }
        for (name, column) in &seen.columns {
            if column.others > 0 {
                findings.push(format!("{} of {} values of `{name}` have another form", column.others, column.values));
            }
            if column.nulls > 0 && !asked.nulls {
                findings.push(format!("{} rows have no value in `{name}`", column.nulls));
            }
            for (group, count) in &column.lengths {
                findings.push(format!("{count} values of `{name}` have a {group} of another length"));
            }
            for (group, count) in &column.repeated {
                findings.push(format!("{count} values of `{name}` have a {group} that another value has as well"));
            }
        }
        let values = seen.columns.values().map(|column| column.values).sum();
        let mut short = false;
        for group in &asked.random {
            let bits = seen.bits.get(group);
            match bits.map(Bits::deviation) {
                Some(Some(deviation)) if deviation > DEVIATIONS_MAX => {
                    findings
                        .push(format!("the bytes of {group} do not look random: text or an encoding of it, not a ciphertext"));
                }
                Some(Some(_)) => {}
                _ => short = true,
            }
        }
        Judgement::decide(
            // Fewer bytes than chance needs are too small a sample, as no value is.
            Population { examined: if short { 0 } else { values }, required: asked.values_min },
            PositiveControl::NotNeeded,
            findings,
            format!("All {values} values of {} columns have the promised form.", seen.columns.len()),
        )
    }
}

impl Bits {
    fn count(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        for (place, set) in self.set.iter_mut().enumerate() {
            *set += bytes.iter().filter(|byte| (*byte >> place) & 1 == 1).count() as u64;
        }
    }

    /// How far the worst bit is from being set in half of the bytes, in standard deviations; none of too few bytes.
    fn deviation(&self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "counts of bytes are far below 2^52")]
        let (bytes, set) = (self.bytes as f64, self.set.map(|count| count as f64));
        let worst = set.iter().map(|set| (set - bytes / 2.0).abs()).fold(0.0, f64::max);
        (self.bytes >= RANDOM_BYTES_MIN).then(|| worst / (bytes / 4.0).sqrt())
    }
}

/// The form, ready to be held against many values.
struct Form<'a> {
    asked: &'a Asked,
    whole: Regex,
}

impl<'a> Form<'a> {
    fn of(asked: &'a Asked) -> Result<Self, Unasked> {
        let whole = Regex::new(&format!("^(?:{})$", asked.pattern.as_str()))
            .map_err(|error| Unasked(format!("the pattern cannot be used: {error}")))?;
        let named =
            [&asked.distinct, &asked.random].into_iter().flatten().chain(asked.bytes.keys()).chain(asked.bytes_min.keys());
        for group in named {
            if !whole.capture_names().flatten().any(|name| name == group) {
                return Err(Unasked(format!("the pattern has no group `(?<{group}>…)`")));
            }
        }
        Ok(Self { asked, whole })
    }

    /// The bytes that a group encodes.
    fn decoded(&self, text: &str) -> Option<Vec<u8>> {
        let unpadded = text.trim_end_matches('=');
        match self.asked.encoding {
            Encoding::Hex => hex::decode(text).ok(),
            Encoding::Text => STANDARD_NO_PAD.decode(unpadded).or_else(|_| URL_SAFE_NO_PAD.decode(unpadded)).ok(),
        }
    }

    fn look(&self, bytes: &[u8], column: &mut Column, met: &mut BTreeSet<(String, Vec<u8>)>, bits: &mut BTreeMap<String, Bits>) {
        let text = match self.asked.encoding {
            Encoding::Hex => Some(hex::encode(bytes)),
            Encoding::Text => String::from_utf8(bytes.to_vec()).ok(),
        };
        let Some(captures) = text.as_deref().and_then(|text| self.whole.captures(text)) else {
            column.others += 1;
            return;
        };
        let group = |name: &String| captures.name(name).map_or("", |group| group.as_str());
        if self.asked.filled.iter().any(|name| group(name).is_empty()) {
            column.others += 1;
            return;
        }
        for name in &self.asked.distinct {
            if !met.insert((name.clone(), Sha256::digest(group(name).as_bytes()).to_vec())) {
                *column.repeated.entry(name.clone()).or_default() += 1;
            }
        }
        let length = |name: &String| self.decoded(group(name)).map(|bytes| bytes.len() as u64);
        let exactly = self.asked.bytes.iter().filter(|(name, wanted)| length(name) != Some(**wanted));
        let at_least = self.asked.bytes_min.iter().filter(|(name, wanted)| length(name).is_none_or(|length| length < **wanted));
        for (name, _) in exactly.chain(at_least) {
            *column.lengths.entry(name.clone()).or_default() += 1;
        }
        for name in &self.asked.random {
            bits.entry(name.clone()).or_default().count(&self.decoded(group(name)).unwrap_or_default());
        }
    }
}

fn look(
    database: &mut Held<'_>,
    table: &str,
    name: &str,
    form: &Form<'_>,
    met: &mut BTreeSet<(String, Vec<u8>)>,
    bits: &mut BTreeMap<String, Bits>,
) -> Result<Column, Unasked> {
    let sql = format!("SELECT count(*) FROM {} WHERE {} IS NULL", quote(table), quote(name));
    let mut column = Column { nulls: database.count(&sql)?, ..Column::default() };
    column.values = database.scan(table, name, &mut |bytes| form.look(bytes, &mut column, met, bits))?;
    Ok(column)
}

const ASKED: &str = r#"{"columns":["notes.text"],"pattern":"v1[.](?<nonce>[A-Za-z0-9+/]{16})[.](?<sealed>[A-Za-z0-9+/]+)",
    "distinct":["nonce"],"bytes":{"nonce":12},"bytes_min":{"sealed":17},"random":["sealed"],"values_min":2}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "every value has the form, no nonce comes twice, and the bytes look random",
        asked: ASKED,
        seen: r#"{"columns":{"notes.text":{"values":40,"nulls":0,"others":0,"lengths":{},"repeated":{}}},
            "bits":{"sealed":{"bytes":1000,"set":[490,510,505,480,520,500,499,512]}}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "some values are text in base64: the highest bit is never set",
        asked: ASKED,
        seen: r#"{"columns":{"notes.text":{"values":40,"nulls":0,"others":0,"lengths":{},"repeated":{}}},
            "bits":{"sealed":{"bytes":1000,"set":[490,510,505,480,700,900,800,0]}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a value has another form",
        asked: ASKED,
        seen: r#"{"columns":{"notes.text":{"values":40,"nulls":0,"others":1,"lengths":{},"repeated":{}}},
            "bits":{"sealed":{"bytes":1000,"set":[490,510,505,480,520,500,499,512]}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a nonce is used twice",
        asked: ASKED,
        seen: r#"{"columns":{"notes.text":{"values":40,"nulls":0,"others":0,"lengths":{},"repeated":{"nonce":1}}},
            "bits":{"sealed":{"bytes":1000,"set":[490,510,505,480,520,500,499,512]}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a row has no value",
        asked: ASKED,
        seen: r#"{"columns":{"notes.text":{"values":40,"nulls":1,"others":0,"lengths":{},"repeated":{}}},
            "bits":{"sealed":{"bytes":1000,"set":[490,510,505,480,520,500,499,512]}}}"#,
        outcome: Outcome::Fail,
    },
    Example { name: "there is no such column", asked: ASKED, seen: r#"{"columns":{},"bits":{}}"#, outcome: Outcome::Fail },
    Example {
        name: "too few bytes to tell chance from text",
        asked: ASKED,
        seen: r#"{"columns":{"notes.text":{"values":2,"nulls":0,"others":0,"lengths":{},"repeated":{}}},
            "bits":{"sealed":{"bytes":40,"set":[20,20,20,20,20,20,20,20]}}}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "the column is empty",
        asked: ASKED,
        seen: r#"{"columns":{"notes.text":{"values":0,"nulls":0,"others":0,"lengths":{},"repeated":{}}},"bits":{}}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
#[path = "database_values_tests.rs"]
mod tests;

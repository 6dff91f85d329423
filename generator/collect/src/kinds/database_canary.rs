//! `database.canary`: is a secret nowhere in the database?

use avouch_database::{Table, Value, quote};
use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    databases::{Held, hold},
    parameters::{Pattern, one},
    secret::{self, Needle},
};

/// See the module.
pub(super) struct DatabaseCanary;

/// What must not be found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    database: Option<String>,
    secret_env: Option<String>,
    pattern: Option<Pattern>,
    example: Option<String>,
    #[serde(default)]
    skip: Vec<String>,
    #[serde(default = "one")]
    rows_min: u64,
}

/// What was searched, and where something was found; never what.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    tables: u64,
    rows: u64,
    values: u64,
    skipped: Vec<String>,
    /// Whether a value that is in the database was found by the same search; none when it holds no value.
    control_found: Option<bool>,
    hits: Vec<Hit>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hit {
    table: String,
    column: String,
    values: u64,
}

impl Question for DatabaseCanary {
    const ID: &'static str = "database.canary";
    const QUESTION: &'static str = "Is a secret nowhere in the database?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/database-canary.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let needle = needle(world, asked)?;
        let mut database = hold(world, asked.database.as_deref())?;
        let is_skipped = |table: &Table| asked.skip.iter().any(|name| name.eq_ignore_ascii_case(&table.name));
        let (skipped, tables): (Vec<_>, Vec<_>) = database.tables()?.into_iter().partition(is_skipped);
        let control = control(&mut database, &tables)?;
        let control_needle = control.as_deref().map(Needle::exactly).transpose()?;

        let mut seen = Seen {
            tables: tables.len() as u64,
            skipped: skipped.into_iter().map(|table| table.name).collect(),
            control_found: control_needle.is_some().then_some(false),
            ..Seen::default()
        };
        for table in &tables {
            seen.rows += database.count(&format!("SELECT count(*) FROM {}", quote(&table.name)))?;
            for column in &table.columns {
                let mut found = 0;
                let mut control_found = false;
                seen.values += database.scan(&table.name, &column.name, &mut |bytes| {
                    found += u64::from(needle.is_in(bytes));
                    control_found = control_found || control_needle.as_ref().is_some_and(|control| control.is_in(bytes));
                })?;
                if control_found {
                    seen.control_found = Some(true);
                }
                if found > 0 {
                    seen.hits.push(Hit { table: table.name.clone(), column: column.name.clone(), values: found });
                }
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let findings =
            seen.hits.iter().map(|hit| format!("`{}.{}` holds it in {} values", hit.table, hit.column, hit.values)).collect();
        let control = match seen.control_found {
            Some(true) => PositiveControl::Held,
            Some(false) => PositiveControl::Broken,
            None => PositiveControl::NotNeeded,
        };
        Judgement::decide(
            Population { examined: if seen.values == 0 { 0 } else { seen.rows }, required: asked.rows_min.max(1) },
            control,
            findings,
            format!(
                "{} values in {} rows of {} tables were searched, and a value known to be there was found; this was not.",
                seen.values, seen.rows, seen.tables
            ),
        )
    }
}

fn needle(world: &World<'_>, asked: &Asked) -> Result<Needle, Unasked> {
    match (&asked.secret_env, &asked.pattern, &asked.example) {
        (Some(name), None, None) => Needle::of(name, &secret::value(world, name)?),
        (None, Some(pattern), Some(example)) => {
            let needle = Needle::matching(pattern.as_str())?;
            if !needle.is_in(example.as_bytes()) {
                return Err(Unasked(format!("the pattern `{}` does not match its own `example`", pattern.as_str())));
            }
            Ok(needle)
        }
        _ => Err(Unasked("give either `secret_env`, or `pattern` with an `example` of it".to_owned())),
    }
}

/// A value that the database holds, to be found again: a text of at least four characters if there is one.
fn control(database: &mut Held<'_>, tables: &[Table]) -> Result<Option<String>, Unasked> {
    for length_min in [4, 1] {
        for table in tables {
            for column in &table.columns {
                let column = quote(&column.name);
                // Numbers are shown as decimal text, which for a float may be another text than CAST gives.
                let sql = format!(
                    "SELECT {column} FROM {} WHERE typeof({column}) = 'text' AND length({column}) >= {length_min} LIMIT 1",
                    quote(&table.name)
                );
                if let Some(Value::Text(text)) = database.query(&sql, &[])?.single() {
                    return Ok(Some(text.clone()));
                }
            }
        }
    }
    Ok(None)
}

const ASKED: &str = r#"{"secret_env":"PEPPER"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "everything was searched and the secret is nowhere",
        asked: ASKED,
        seen: r#"{"tables":4,"rows":120,"values":700,"skipped":[],"control_found":true,"hits":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a row of settings holds the pepper",
        asked: ASKED,
        seen: r#"{"tables":4,"rows":120,"values":700,"skipped":[],"control_found":true,"hits":[{"table":"settings","column":"value","values":1}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the search does not find what is there",
        asked: ASKED,
        seen: r#"{"tables":4,"rows":120,"values":700,"skipped":[],"control_found":false,"hits":[]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "fewer rows than asked for were searched",
        asked: r#"{"secret_env":"PEPPER","rows_min":500}"#,
        seen: r#"{"tables":4,"rows":120,"values":700,"skipped":[],"control_found":true,"hits":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "an empty database hides nothing and shows nothing",
        asked: ASKED,
        seen: r#"{"tables":4,"rows":0,"values":0,"skipped":[],"control_found":null,"hits":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    const SCHEMA: &str = "CREATE TABLE keys (id INTEGER PRIMARY KEY, hash TEXT, raw BLOB);
        INSERT INTO keys (hash, raw) VALUES ('b7a1c2d3', x'0011');";

    fn judge(sql: &str, asked: &str) -> Judgement {
        let mut scene = Scene::of_database(&format!("{SCHEMA}{sql}"));
        scene.environment.insert("PEPPER".into(), "correct-horse".into());
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = scene.with(|world| DatabaseCanary::gather(world, &asked)).unwrap();
        assert!(!serde_json::to_string(&seen).unwrap().contains("correct-horse"));
        DatabaseCanary::judge(&seen, &asked)
    }

    #[test]
    fn a_secret_is_found_in_texts_and_blobs_of_every_table() {
        assert_eq!(judge("", ASKED).outcome, Outcome::Pass);
        for row in [
            "CREATE TABLE settings (k TEXT, v TEXT); INSERT INTO settings VALUES ('pepper', 'x correct-horse y');",
            "INSERT INTO keys (raw) VALUES (CAST('correct-horse' AS BLOB));",
            "INSERT INTO keys (hash) VALUES ('636f72726563742d686f727365');",
            "INSERT INTO keys (hash) VALUES ('Y29ycmVjdC1ob3JzZQ');",
        ] {
            let judgement = judge(row, ASKED);
            assert_eq!(judgement.outcome, Outcome::Fail, "{row}");
        }
    }

    #[test]
    fn a_pattern_is_searched_and_must_match_its_example() {
        let asked = r#"{"pattern":"ck_live_[0-9A-HJKMNP-TV-Z]{26}","example":"ck_live_0123456789ABCDEFGHJKMNPQRS"}"#;
        assert_eq!(judge("", asked).outcome, Outcome::Pass);
        let planted = "INSERT INTO keys (hash) VALUES ('ck_live_ZZZZZZZZZZZZZZZZZZZZZZZZZZ');";
        assert_eq!(judge(planted, asked).outcome, Outcome::Fail);
        let asked: Asked = serde_json::from_str(r#"{"pattern":"a","example":"b"}"#).unwrap();
        assert!(Scene::of_database(SCHEMA).with(|world| DatabaseCanary::gather(world, &asked)).is_err());
    }

    #[test]
    fn without_the_secret_nothing_is_asked() {
        let asked: Asked = serde_json::from_str(ASKED).unwrap();
        let error = Scene::of_database(SCHEMA).with(|world| DatabaseCanary::gather(world, &asked)).unwrap_err();
        assert!(error.to_string().contains("`PEPPER`"));
    }
}

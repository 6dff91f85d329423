//! `database.schema`: does the table have the columns and the index that the promise needs?

use std::collections::BTreeMap;

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use crate::{Example, Judgement, Question, Unasked, Vantage, World, databases::hold, parameters::Pattern};

/// Stands for every table.
const EVERY: &str = "*";

/// See the module.
pub(super) struct DatabaseSchema;

/// What the table must have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    database: Option<String>,
    table: String,
    #[serde(default)]
    columns: Vec<Pattern>,
    #[serde(default)]
    forbidden: Vec<Pattern>,
    /// Where given, the names that columns may have; no other may be there.
    #[serde(default)]
    allowed: Vec<Pattern>,
    #[serde(default)]
    indexed: Vec<Pattern>,
}

/// What it has.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// How many tables the database has.
    tables: u64,
    table: Option<Shape>,
    /// The columns of every table, where `*` is asked about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    every: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    columns: Vec<String>,
    /// The first columns of the indexes and keys that cover every row.
    leading: Vec<String>,
}

impl Question for DatabaseSchema {
    const ID: &'static str = "database.schema";
    const QUESTION: &'static str = "Does the table have the columns and the index that the promise needs?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/database-schema.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.columns.is_empty() && ((asked.forbidden.is_empty() && asked.allowed.is_empty()) || asked.table != EVERY) {
            return Err(Unasked("give `columns`; of every table (`*`), `forbidden` or `allowed` is enough".to_owned()));
        }
        let mut database = hold(world, asked.database.as_deref())?;
        if asked.table == EVERY {
            let tables = database.own_tables()?.into_iter();
            let every: BTreeMap<_, _> =
                tables.map(|table| (table.name, table.columns.into_iter().map(|column| column.name).collect())).collect();
            return Ok(Seen { tables: every.len() as u64, table: None, every });
        }
        let tables = database.tables()?.len() as u64;
        let table = database.table(&asked.table)?.map(|table| Shape {
            leading: table
                .indexes
                .iter()
                .filter(|index| !index.partial)
                .filter_map(|index| index.columns.first())
                .chain(table.primary_key.first())
                .cloned()
                .collect(),
            columns: table.columns.into_iter().map(|column| column.name).collect(),
        });
        Ok(Seen { tables, table, every: BTreeMap::new() })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for (table, columns) in &seen.every {
            for pattern in &asked.columns {
                if !columns.iter().any(|column| pattern.is_whole(column)) {
                    findings.push(format!("no column of `{table}` is named `{}`", pattern.as_str()));
                }
            }
            for column in columns.iter().filter(|column| asked.refuses(column)) {
                findings.push(format!("`{table}` has the column `{column}`, which must not be there"));
            }
        }
        match &seen.table {
            None if asked.table == EVERY => {}
            None if seen.tables > 0 => findings.push(format!("the database has no table `{}`", asked.table)),
            None => {}
            Some(shape) => {
                let matching = |pattern: &Pattern| shape.columns.iter().find(|column| pattern.is_whole(column));
                for pattern in asked.columns.iter().filter(|pattern| matching(pattern).is_none()) {
                    findings.push(format!("no column of `{}` is named `{}`", asked.table, pattern.as_str()));
                }
                for column in shape.columns.iter().filter(|column| asked.refuses(column)) {
                    findings.push(format!("`{}` has the column `{column}`, which must not be there", asked.table));
                }
                for pattern in &asked.indexed {
                    if !shape.leading.iter().any(|column| pattern.is_whole(column)) {
                        findings.push(format!("no index of `{}` starts with a column named `{}`", asked.table, pattern.as_str()));
                    }
                }
            }
        }
        let columns = seen.table.as_ref().map_or(0, |shape| shape.columns.len() as u64);
        let columns = columns + seen.every.values().map(|columns| columns.len() as u64).sum::<u64>();
        Judgement::decide(
            Population { examined: columns, required: (asked.columns.len() as u64).max(1) },
            PositiveControl::NotNeeded,
            findings,
            match seen.every.len() {
                0 => format!("The table has {columns} columns, the {} that the promise needs among them.", asked.columns.len()),
                tables => format!("{tables} tables have {columns} columns, and none that must not be there."),
            },
        )
    }
}

impl Asked {
    /// Whether a column of this name must not be there.
    fn refuses(&self, column: &str) -> bool {
        let named = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.is_whole(column));
        named(&self.forbidden) || (!self.allowed.is_empty() && !named(&self.allowed))
    }
}

const ASKED: &str = r#"{"table":"rate_limits","columns":["(key_)?prefix","window_start|at|ts"],"forbidden":["api_key"],"indexed":["(key_)?prefix"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the columns are there and indexed",
        asked: ASKED,
        seen: r#"{"tables":3,"table":{"columns":["key_prefix","at","count"],"leading":["key_prefix"]}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "no column tells the time of a request",
        asked: ASKED,
        seen: r#"{"tables":3,"table":{"columns":["key_prefix","count"],"leading":["key_prefix"]}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the index starts with another column",
        asked: ASKED,
        seen: r#"{"tables":3,"table":{"columns":["key_prefix","at","count"],"leading":["at"]}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the whole key is kept beside its prefix",
        asked: ASKED,
        seen: r#"{"tables":3,"table":{"columns":["key_prefix","at","api_key"],"leading":["key_prefix"]}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one of all tables has a column that none may have",
        asked: r#"{"table":"*","forbidden":["(?i).*(prompt|message).*"]}"#,
        seen: r#"{"tables":2,"table":null,"every":{"usage":["at","tokens"],"turns":["at","prompt_text"]}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one of all tables has a column that is none of those allowed",
        asked: r#"{"table":"*","allowed":["(?:.*_)?(?:id|at|tokens)"]}"#,
        seen: r#"{"tables":2,"table":null,"every":{"usage":["at","tokens"],"recaps":["session_id","summary"]}}"#,
        outcome: Outcome::Fail,
    },
    Example { name: "the table is not there", asked: ASKED, seen: r#"{"tables":3,"table":null}"#, outcome: Outcome::Fail },
    Example {
        name: "the database has no tables at all",
        asked: ASKED,
        seen: r#"{"tables":0,"table":null}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn a_partial_index_does_not_count_and_a_primary_key_does() {
        let asked: Asked = serde_json::from_str(ASKED).unwrap();
        let judge = |sql: &str| {
            let seen = Scene::of_database(sql).with(|world| DatabaseSchema::gather(world, &asked)).unwrap();
            DatabaseSchema::judge(&seen, &asked).outcome
        };
        assert_eq!(judge("CREATE TABLE rate_limits (key_prefix TEXT, at INTEGER, PRIMARY KEY (key_prefix, at));"), Outcome::Pass);
        assert_eq!(
            judge("CREATE TABLE rate_limits (prefix TEXT, ts INTEGER); CREATE INDEX i ON rate_limits (prefix) WHERE ts > 0;"),
            Outcome::Fail
        );
        assert_eq!(judge(""), Outcome::NotExercised);
    }
}

//! `database.column-everywhere`: does every table have the column, filled in every row?

use avouch_database::quote;
use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use crate::{Example, Judgement, Question, Unasked, Vantage, World, databases::hold, parameters::one};

/// See the module.
pub(super) struct DatabaseColumnEverywhere;

/// Which column, and which tables are without it by design.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    database: Option<String>,
    column: String,
    #[serde(default)]
    global: Vec<String>,
    #[serde(default = "one")]
    tables_min: u64,
    #[serde(default = "one")]
    rows_min: u64,
}

/// What a program writes that turned nothing into a text.
const NOTHING: &str = "'', 'null', 'undefined', 'none', 'nil', 'nan'";

/// The tables that are not global.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    tables: Vec<TableSeen>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableSeen {
    table: String,
    has_column: bool,
    not_null: bool,
    rows: u64,
    /// Rows where the column is NULL, an empty text, or a word for nothing.
    empty: u64,
}

impl Question for DatabaseColumnEverywhere {
    const ID: &'static str = "database.column-everywhere";
    const QUESTION: &'static str = "Does every table have the column, filled in every row?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/database-column-everywhere.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut database = hold(world, asked.database.as_deref())?;
        let mut tables = Vec::new();
        for table in database.own_tables()? {
            if asked.global.iter().any(|name| name.eq_ignore_ascii_case(&table.name)) {
                continue;
            }
            let from = quote(&table.name);
            let column = table.column(&asked.column);
            let empty = match column {
                None => 0,
                Some(column) => {
                    let column = quote(&column.name);
                    let text = format!("lower(trim(CAST({column} AS TEXT)))");
                    database.count(&format!("SELECT count(*) FROM {from} WHERE {column} IS NULL OR {text} IN ({NOTHING})"))?
                }
            };
            tables.push(TableSeen {
                has_column: column.is_some(),
                not_null: column.is_some_and(|column| column.not_null),
                rows: database.count(&format!("SELECT count(*) FROM {from}"))?,
                empty,
                table: table.name,
            });
        }
        Ok(Seen { tables })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for table in &seen.tables {
            let (name, column) = (&table.table, &asked.column);
            if !table.has_column {
                findings.push(format!("`{name}` has no column `{column}`"));
                continue;
            }
            if table.empty > 0 {
                findings.push(format!("`{name}.{column}` is empty in {} of {} rows", table.empty, table.rows));
            }
            if !table.not_null {
                findings.push(format!("`{name}.{column}` is not declared NOT NULL"));
            }
        }
        let rows: u64 = seen.tables.iter().map(|table| table.rows).sum();
        let tables = seen.tables.len() as u64;
        Judgement::decide(
            Population { examined: if rows < asked.rows_min.max(1) { 0 } else { tables }, required: asked.tables_min.max(1) },
            PositiveControl::NotNeeded,
            findings,
            format!("All {tables} tables that are not shared by design have the column, NOT NULL, filled in all {rows} rows."),
        )
    }
}

const ASKED: &str = r#"{"column":"org_id","global":["orgs","d1_migrations"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "every row of every table belongs to somebody",
        asked: ASKED,
        seen: r#"{"tables":[{"table":"interactions","has_column":true,"not_null":true,"rows":40,"empty":0},{"table":"alerts","has_column":true,"not_null":true,"rows":0,"empty":0}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a table was added without the column",
        asked: ASKED,
        seen: r#"{"tables":[{"table":"interactions","has_column":true,"not_null":true,"rows":40,"empty":0},{"table":"notes","has_column":false,"not_null":false,"rows":3,"empty":0}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one row belongs to nobody",
        asked: ASKED,
        seen: r#"{"tables":[{"table":"interactions","has_column":true,"not_null":true,"rows":40,"empty":1}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the column may be NULL, although no row is yet",
        asked: ASKED,
        seen: r#"{"tables":[{"table":"interactions","has_column":true,"not_null":false,"rows":40,"empty":0}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "all tables are empty",
        asked: ASKED,
        seen: r#"{"tables":[{"table":"interactions","has_column":true,"not_null":true,"rows":0,"empty":0}]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "there is no table but the shared ones",
        asked: ASKED,
        seen: r#"{"tables":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(sql: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(ASKED).unwrap();
        let seen = Scene::of_database(sql).with(|world| DatabaseColumnEverywhere::gather(world, &asked)).unwrap();
        DatabaseColumnEverywhere::judge(&seen, &asked)
    }

    #[test]
    fn the_schema_and_the_rows_are_both_looked_at() {
        let good = "CREATE TABLE orgs (id TEXT); CREATE TABLE \"odd \"\"name\" (org_id TEXT NOT NULL);
            INSERT INTO \"odd \"\"name\" VALUES ('A');";
        assert_eq!(judge(good).outcome, Outcome::Pass);
        assert_eq!(judge(&format!("{good} CREATE TABLE notes (id TEXT);")).outcome, Outcome::Fail);
        let empty = format!("{good} INSERT INTO \"odd \"\"name\" VALUES ('');");
        for nothing in ["undefined", " NULL "] {
            let written = format!("{good} INSERT INTO \"odd \"\"name\" VALUES ('{nothing}');");
            assert_eq!(judge(&written).outcome, Outcome::Fail, "{nothing}");
        }
        assert_eq!(judge(&empty).findings, ["`odd \"name.org_id` is empty in 1 of 2 rows"]);
    }
}

//! `database.columns`: is every column of every table one that is declared?

use std::collections::BTreeMap;

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    databases::hold,
    parameters::{Globs, one},
};

/// See the module.
pub(super) struct DatabaseColumns;

/// The closed list: what a class holds, and the columns of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    database: Option<String>,
    declared: BTreeMap<String, Vec<String>>,
    #[serde(default = "one")]
    columns_min: u64,
}

/// The columns of the database, `table.column`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    columns: Vec<String>,
}

impl Question for DatabaseColumns {
    const ID: &'static str = "database.columns";
    const QUESTION: &'static str = "Is every column of every table one that is declared?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/database-columns.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        for listed in asked.declared.values() {
            Globs::new(listed.clone()).map_err(Unasked)?;
        }
        let tables = hold(world, asked.database.as_deref())?.own_tables()?;
        let columns = tables
            .iter()
            .flat_map(|table| table.columns.iter().map(|column| format!("{}.{}", table.name, column.name)))
            .collect();
        Ok(Seen { columns })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let matched = |glob: &String, column: &str| Globs::new(vec![glob.clone()]).is_ok_and(|glob| glob.matches(column));
        let mut findings = Vec::new();
        for column in &seen.columns {
            let classes: Vec<&str> = asked
                .declared
                .iter()
                .filter(|(_, globs)| globs.iter().any(|glob| matched(glob, column)))
                .map(|(class, _)| class.as_str())
                .collect();
            match classes.as_slice() {
                [] => findings.push(format!("`{column}` is on no list")),
                [_] => {}
                several => findings.push(format!("`{column}` is on several lists: {}", several.join(", "))),
            }
        }
        if !seen.columns.is_empty() {
            for (class, globs) in &asked.declared {
                for glob in globs.iter().filter(|glob| !seen.columns.iter().any(|column| matched(glob, column))) {
                    findings.push(format!("`{glob}` is declared as {class}, and there is no such column"));
                }
            }
        }
        Judgement::decide(
            Population { examined: seen.columns.len() as u64, required: asked.columns_min },
            PositiveControl::NotNeeded,
            findings,
            format!("All {} columns are declared, and nothing is declared that is not there.", seen.columns.len()),
        )
    }
}

const ASKED: &str = r#"{"declared":{"clear":["*.id","users.name"],"encrypted":["users.note"]},"columns_min":2}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "every column is on one list",
        asked: ASKED,
        seen: r#"{"columns":["users.id","users.name","users.note","rooms.id"]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a column has been added and not declared",
        asked: ASKED,
        seen: r#"{"columns":["users.id","users.name","users.note","users.email"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a declared column is not there any more",
        asked: ASKED,
        seen: r#"{"columns":["users.id","users.name"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a column is on two lists",
        asked: r#"{"declared":{"clear":["*.id"],"encrypted":["users.*"]}}"#,
        seen: r#"{"columns":["users.id","users.note"]}"#,
        outcome: Outcome::Fail,
    },
    Example { name: "the database has no table", asked: ASKED, seen: r#"{"columns":[]}"#, outcome: Outcome::NotExercised },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn columns_of_all_tables_are_held_against_the_lists() {
        let outcome = |sql: &str| {
            let asked: Asked = serde_json::from_str(ASKED).unwrap();
            let scene = Scene::of_database(&format!("CREATE TABLE users (id TEXT, name TEXT, note BLOB);{sql}"));
            DatabaseColumns::judge(&scene.with(|world| DatabaseColumns::gather(world, &asked)).unwrap(), &asked).outcome
        };
        assert_eq!(outcome("CREATE TABLE rooms (id TEXT);"), Outcome::Pass);
        assert_eq!(outcome("CREATE TABLE rooms (id TEXT, name TEXT);"), Outcome::Fail);
        assert_eq!(outcome("ALTER TABLE users ADD COLUMN email TEXT;"), Outcome::Fail);
        assert_eq!(outcome("CREATE TABLE rooms (id TEXT); CREATE TABLE _cf_METADATA (key INTEGER);"), Outcome::Pass);
        assert_eq!(outcome("CREATE TABLE rooms (id TEXT); CREATE TABLE _cf_other (key INTEGER);"), Outcome::Fail);
    }
}

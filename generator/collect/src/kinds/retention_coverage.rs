//! `retention.coverage`: does every table have a rule, or a decision to keep it?

use std::collections::BTreeSet;

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    databases::{hold, name},
};

/// See the module.
pub(super) struct RetentionCoverage;

/// Which tables are kept by decision.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    database: Option<String>,
    #[serde(default)]
    kept: Vec<String>,
}

/// The tables, and those that a rule names.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    tables: BTreeSet<String>,
    ruled: BTreeSet<String>,
}

impl Question for RetentionCoverage {
    const ID: &'static str = "retention.coverage";
    const QUESTION: &'static str = "Does every table have a rule, or a decision to keep it?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/retention-coverage.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let database = name(world, asked.database.as_deref());
        let tables = hold(world, Some(database))?.own_tables()?;
        let rules = world.configuration.retention.iter().filter(|rule| rule.database == database);
        Ok(Seen {
            tables: tables.into_iter().map(|table| table.name).collect(),
            ruled: rules.map(|rule| rule.table.clone()).collect(),
        })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let same = |left: &str, right: &str| left.eq_ignore_ascii_case(right);
        let exists = |name: &str| seen.tables.iter().any(|table| same(table, name));
        let is_ruled = |table: &str| seen.ruled.iter().any(|ruled| same(ruled, table));
        let is_kept = |table: &str| asked.kept.iter().any(|kept| same(kept, table));
        let mut findings: Vec<String> = seen
            .tables
            .iter()
            .filter(|table| !is_ruled(table) && !is_kept(table))
            .map(|table| format!("`{table}` has no retention rule and is not named as kept"))
            .collect();
        if !seen.tables.is_empty() {
            let lost = seen.ruled.iter().filter(|table| !exists(table));
            findings.extend(lost.map(|table| format!("a retention rule names `{table}`, which does not exist")));
        }
        let both = asked.kept.iter().filter(|table| is_ruled(table));
        findings.extend(both.map(|table| format!("`{table}` has a retention rule and is named as kept")));
        let ruled = seen.tables.iter().filter(|table| is_ruled(table)).count();
        Judgement::decide(
            Population { examined: seen.tables.len() as u64, required: 1 },
            PositiveControl::NotNeeded,
            findings,
            format!(
                "Of {} tables, {ruled} have a retention rule and {} are kept by decision.",
                seen.tables.len(),
                seen.tables.len() - ruled
            ),
        )
    }
}

const ASKED: &str = r#"{"kept":["orgs"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "each table has a rule or is kept by decision",
        asked: ASKED,
        seen: r#"{"tables":["interactions","orgs"],"ruled":["interactions"]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a table of exports was added",
        asked: ASKED,
        seen: r#"{"tables":["exports","interactions","orgs"],"ruled":["interactions"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a rule names a table that is gone",
        asked: ASKED,
        seen: r#"{"tables":["interactions","orgs"],"ruled":["alerts","interactions"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a database without tables",
        asked: ASKED,
        seen: r#"{"tables":[],"ruled":["interactions"]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use avouch_model::{
        Span,
        product::{RetentionRule, Terms},
        receipt::Enforcement,
    };

    use super::*;
    use crate::testing::Scene;

    #[test]
    fn rules_of_another_database_do_not_count() {
        let mut scene = Scene::of_database("CREATE TABLE orgs (id); CREATE TABLE interactions (id);");
        let judge = |scene: &Scene| {
            let asked: Asked = serde_json::from_str(ASKED).unwrap();
            let seen = scene.with(|world| RetentionCoverage::gather(world, &asked)).unwrap();
            RetentionCoverage::judge(&seen, &asked).outcome
        };
        scene.configuration.retention = vec![RetentionRule {
            name: "interactions".into(),
            database: "other".into(),
            table: "interactions".into(),
            column: "created_at".into(),
            keep: Span::Months(24),
            max_lag: None,
            enforce: Enforcement::Avouch,
            fuse_percent: 20,
            terms: Terms::default(),
        }];
        assert_eq!(judge(&scene), Outcome::Fail);
        scene.configuration.retention[0].database = "main".into();
        assert_eq!(judge(&scene), Outcome::Pass);
    }
}

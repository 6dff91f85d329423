//! `database.query`: is every row as promised?

use std::collections::BTreeMap;

use avouch_database::{Table, Value, quote};
use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    databases::hold,
    parameters::one,
    secret::{credential, sha256_hex, value},
};

/// How many rows that are not as promised are kept.
const WRONG_MAX: usize = 50;

/// The most characters of a row's subject or detail that are kept.
const CELL_MAX: usize = 120;

/// See the module.
pub(super) struct DatabaseQuery;

/// The question in SQL.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    database: Option<String>,
    sql: String,
    #[serde(default)]
    identifiers: BTreeMap<String, String>,
    #[serde(default)]
    binds: BTreeMap<String, Bind>,
    #[serde(default = "one")]
    rows_min: u64,
    control: Option<String>,
}

/// What fills a named parameter.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Bind {
    Integer(i64),
    Text(String),
    Secret(Secret),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Secret {
    sha256_of_principal: Option<String>,
    sha256_of_principals: Option<String>,
    principal: Option<String>,
    target: Option<String>,
    sha256_of_env: Option<String>,
    env: Option<String>,
}

/// What the database answered.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    rows: u64,
    /// Rows that are not as promised.
    wrong: u64,
    /// The first of them.
    shown: Vec<Row>,
    /// Whether the control query returned a row; none without one.
    control: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    subject: String,
    detail: String,
}

impl Question for DatabaseQuery {
    const ID: &'static str = "database.query";
    const QUESTION: &'static str = "Is every row as promised?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/database-query.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let binds = binds(world, &asked.binds)?;
        let mut database = hold(world, asked.database.as_deref())?;
        let tables = database.tables()?;
        let mut ask = |sql: &str| {
            let sql = identified(sql, &asked.identifiers, &tables)?;
            let used: Vec<_> = binds
                .iter()
                .filter(|(name, _)| uses(&sql, name))
                .map(|(name, bind)| (name.as_str(), bind.value.clone()))
                .collect();
            database.query(&sql, &used)
        };
        let control = asked.control.as_deref().map(&mut ask).transpose()?;
        let answer = ask(&asked.sql)?;

        let column = |name: &str| {
            answer.columns.iter().position(|column| column.eq_ignore_ascii_case(name)).ok_or_else(|| {
                Unasked(format!("the question answers no column `{name}`; it must select `subject`, `ok` and `detail`"))
            })
        };
        let (subject, ok, detail) = (column("subject")?, column("ok")?, column("detail")?);
        let mut seen =
            Seen { rows: answer.rows.len() as u64, control: control.map(|rows| !rows.rows.is_empty()), ..Seen::default() };
        for row in &answer.rows {
            if row.get(ok).and_then(Value::as_integer) == Some(1) {
                continue;
            }
            seen.wrong += 1;
            if seen.shown.len() < WRONG_MAX {
                let cell = |place: usize| shown(row.get(place), &binds);
                seen.shown.push(Row { subject: cell(subject), detail: cell(detail) });
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings: Vec<String> = seen
            .shown
            .iter()
            .map(|row| match row.detail.as_str() {
                "" => format!("{} is not as promised", row.subject),
                detail => format!("{}: {detail}", row.subject),
            })
            .collect();
        let rest = seen.wrong.saturating_sub(findings.len() as u64);
        if rest > 0 {
            findings.push(format!("{rest} more rows are not as promised"));
        }
        Judgement::decide(
            Population { examined: seen.rows, required: asked.rows_min.max(1) },
            match seen.control {
                None => PositiveControl::NotNeeded,
                Some(true) => PositiveControl::Held,
                Some(false) => PositiveControl::Broken,
            },
            findings,
            format!("All {} rows that were asked about are as promised.", seen.rows),
        )
    }
}

/// A bind with its value; what is secret is never shown.
struct Bound {
    value: Value,
    secrets: Vec<String>,
}

fn binds(world: &World<'_>, asked: &BTreeMap<String, Bind>) -> Result<BTreeMap<String, Bound>, Unasked> {
    asked
        .iter()
        .map(|(name, bind)| {
            let value = match bind {
                Bind::Integer(number) => return Ok((name.clone(), Bound { value: Value::Integer(*number), secrets: vec![] })),
                Bind::Text(text) => return Ok((name.clone(), Bound { value: Value::Text(text.clone()), secrets: vec![] })),
                Bind::Secret(Secret { sha256_of_principals: Some(target), .. }) => {
                    let secrets = hashes(world, target)?;
                    return Ok((name.clone(), Bound { value: Value::Text(serde_json::json!(secrets).to_string()), secrets }));
                }
                Bind::Secret(secret) => secret.value(world, name)?,
            };
            Ok((name.clone(), Bound { value: Value::Text(value.clone()), secrets: vec![value] }))
        })
        .collect()
}

impl Secret {
    fn value(&self, world: &World<'_>, bind: &str) -> Result<String, Unasked> {
        let Self { sha256_of_principal, sha256_of_principals: _, principal, target, sha256_of_env, env } = self;
        match (sha256_of_principal, principal, target, sha256_of_env, env) {
            (Some(principal), None, Some(target), None, None) => Ok(sha256_hex(&credential(world, target, principal)?)),
            (None, Some(principal), Some(target), None, None) => credential(world, target, principal),
            (None, None, None, Some(name), None) => Ok(sha256_hex(&value(world, name)?)),
            (None, None, None, None, Some(name)) => value(world, name),
            _ => Err(Unasked(format!(
                "the bind `{bind}` must have `sha256_of_principal` or `principal` with `target`, `sha256_of_principals`, `sha256_of_env`, or `env`"
            ))),
        }
    }
}

/// The SHA-256 of the credential of every principal of a target: keys of every age and state that we know.
fn hashes(world: &World<'_>, target: &str) -> Result<Vec<String>, Unasked> {
    let described = world.configuration.targets.get(target);
    let described = described.ok_or_else(|| Unasked(format!("no target is named `{target}`: add `[targets.{target}]`")))?;
    described.principals.keys().map(|principal| Ok(sha256_hex(&credential(world, target, principal)?))).collect()
}

/// The SQL with every `{{name}}` replaced by a quoted identifier that the schema has.
fn identified(sql: &str, identifiers: &BTreeMap<String, String>, tables: &[Table]) -> Result<String, Unasked> {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, tail) = after.split_once("}}").ok_or_else(|| Unasked("a `{{` in the question has no `}}`".to_owned()))?;
        let named = identifiers
            .get(name.trim())
            .ok_or_else(|| Unasked(format!("the question names `{{{{{name}}}}}`, which is not among its `identifiers`")))?;
        let known = tables.iter().find_map(|table| {
            if table.name.eq_ignore_ascii_case(named) {
                Some(table.name.as_str())
            } else {
                table.column(named).map(|column| column.name.as_str())
            }
        });
        let known = known.ok_or_else(|| Unasked(format!("the database has no table and no column `{named}`")))?;
        out.push_str(before);
        out.push_str(&quote(known));
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether a question has the named parameter.
fn uses(sql: &str, name: &str) -> bool {
    let mark = format!(":{name}");
    sql.match_indices(&mark).any(|(at, _)| {
        let next = sql.get(at + mark.len()..).and_then(|rest| rest.chars().next());
        !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
    })
}

/// A cell as it may be kept: short, and without anything that was secret in the question.
fn shown(cell: Option<&Value>, binds: &BTreeMap<String, Bound>) -> String {
    let mut text = match cell {
        None | Some(Value::Null) => String::new(),
        Some(Value::Integer(number)) => number.to_string(),
        Some(Value::Real(number)) => number.to_string(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::BrokenText(bytes) | Value::Blob(bytes)) => format!("{} bytes", bytes.len()),
    };
    for secret in binds.values().flat_map(|bound| &bound.secrets) {
        text = text.replace(secret, "(withheld)");
    }
    match text.char_indices().nth(CELL_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

const ASKED: &str = r#"{"sql":"SELECT id AS subject, length(prefix) = 8 AS ok, 'another length' AS detail FROM {{t}}","identifiers":{"t":"rate_limits"}}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "every row is as promised",
        asked: ASKED,
        seen: r#"{"rows":12,"wrong":0,"shown":[],"control":null}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one prefix has another length",
        asked: ASKED,
        seen: r#"{"rows":12,"wrong":1,"shown":[{"subject":"7","detail":"another length"}],"control":null}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the known row is not there to be compared with",
        asked: ASKED,
        seen: r#"{"rows":12,"wrong":0,"shown":[],"control":false}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "no row was examined",
        asked: ASKED,
        seen: r#"{"rows":0,"wrong":0,"shown":[],"control":null}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use avouch_model::product::{Principal, Target};

    use super::*;
    use crate::testing::Scene;

    fn scene() -> Scene {
        let mut scene = Scene::of_database(
            "CREATE TABLE \"api keys\" (id INTEGER, key_hash TEXT); INSERT INTO \"api keys\" VALUES (1, 'aa'), (2, 'bb');",
        );
        scene.environment.insert("PROBE_A".into(), "ck_live_secret".into());
        let principal = Principal {
            name: "a".into(),
            tenant: None,
            header: "Authorization".into(),
            value: "Bearer ${PROBE_A}".into(),
            with: BTreeMap::new(),
        };
        scene.configuration.targets.insert(
            "api".into(),
            Target {
                name: "api".into(),
                url: "http://127.0.0.1:1".into(),
                plain_url: None,
                allow: BTreeSet::new(),
                environment: "staging".into(),
                release_from: None,
                ca_file: None,
                source_addresses: vec![],
                requests_per_address: 50,
                requests_max: 50,
                principals: BTreeMap::from([("a".into(), principal)]),
                routes: BTreeMap::new(),
            },
        );
        scene
    }

    fn ask(scene: &Scene, sql: &str) -> Result<Judgement, Unasked> {
        let asked: Asked = serde_json::from_value(serde_json::json!({
            "sql": sql,
            "identifiers": {"keys": "api keys", "hash": "key_hash", "none": "no such"},
            "binds": {"unpeppered": {"sha256_of_principal": "a", "target": "api"}, "least": 1},
        }))
        .unwrap();
        let seen = scene.with(|world| DatabaseQuery::gather(world, &asked))?;
        assert!(!serde_json::to_string(&seen).unwrap().contains(&sha256_hex("ck_live_secret")));
        Ok(DatabaseQuery::judge(&seen, &asked))
    }

    #[test]
    fn an_unpeppered_hash_is_found_by_the_credential_itself_and_not_shown() {
        let sql = "SELECT id AS subject, {{hash}} <> :unpeppered AS ok, {{hash}} AS detail FROM {{keys}} WHERE id >= :least";
        let mut scene = scene();
        assert_eq!(ask(&scene, sql).unwrap().outcome, Outcome::Pass);
        let planted = format!("INSERT INTO \"api keys\" VALUES (3, '{}');", sha256_hex("ck_live_secret"));
        scene.databases.get_mut("main").unwrap().push_str(&planted);
        let judgement = ask(&scene, sql).unwrap();
        assert_eq!((judgement.outcome, judgement.findings), (Outcome::Fail, vec!["3: (withheld)".to_owned()]));
    }

    #[test]
    fn the_hash_of_any_principal_is_found() {
        let mut scene = scene();
        let target = scene.configuration.targets.get_mut("api").unwrap();
        let old = Principal { name: "old".into(), value: "Bearer ${PROBE_OLD}".into(), ..target.principals["a"].clone() };
        target.principals.insert("old".into(), old);
        scene.environment.insert("PROBE_OLD".into(), "ck_live_older".into());
        let asked: Asked = serde_json::from_value(serde_json::json!({
            "sql": "SELECT id AS subject, {{hash}} NOT IN (SELECT value FROM json_each(:known)) AS ok, {{hash}} AS detail FROM {{keys}}",
            "identifiers": {"keys": "api keys", "hash": "key_hash"},
            "binds": {"known": {"sha256_of_principals": "api"}},
        }))
        .unwrap();
        let judged = |scene: &Scene| {
            let seen = scene.with(|world| DatabaseQuery::gather(world, &asked)).unwrap();
            let judgement = DatabaseQuery::judge(&seen, &asked);
            (judgement.outcome, judgement.findings)
        };
        assert_eq!(judged(&scene).0, Outcome::Pass);
        let planted = format!("INSERT INTO \"api keys\" VALUES (3, '{}');", sha256_hex("ck_live_older"));
        scene.databases.get_mut("main").unwrap().push_str(&planted);
        assert_eq!(judged(&scene), (Outcome::Fail, vec!["3: (withheld)".to_owned()]));
    }

    #[test]
    fn null_is_not_ok_and_no_rows_are_no_evidence() {
        let scene = scene();
        let null = "SELECT id AS subject, NULL AS ok, NULL AS detail FROM {{keys}}";
        assert_eq!(ask(&scene, null).unwrap().outcome, Outcome::Fail);
        let none = "SELECT id AS subject, 1 AS ok, NULL AS detail FROM {{keys}} WHERE id > 99";
        assert_eq!(ask(&scene, none).unwrap().outcome, Outcome::NotExercised);
    }

    #[test]
    fn names_are_held_against_the_schema_and_columns_against_the_contract() {
        let scene = scene();
        let error = ask(&scene, "SELECT 1 AS subject, 1 AS ok, '' AS detail FROM {{none}}").unwrap_err();
        assert!(error.to_string().contains("no such"));
        assert!(ask(&scene, "SELECT 1 AS subject FROM {{keys}}").unwrap_err().to_string().contains("`ok`"));
        assert!(ask(&scene, "DELETE FROM {{keys}}").is_err());
    }
}

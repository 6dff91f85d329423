//! `http.counted-calls`: does every call leave its trace in the database?

use std::sync::PoisonError;

use avouch_database::{Limits, Value};
use avouch_model::{
    Span,
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::Credential;
use serde::{Deserialize, Serialize};

use super::http_call::Site;
use crate::{Example, Judgement, Patience, Question, Unasked, Vantage, World, secret::credential};

/// See the module.
pub(super) struct CountedCalls;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    call: Option<String>,
    principal: String,
    database: String,
    /// One number; `:credential` is the principal's.
    sql: String,
    #[serde(default = "five")]
    calls: u64,
    #[serde(default = "five_seconds")]
    wait: Span,
}

const fn five() -> u64 {
    5
}

const fn five_seconds() -> Span {
    Span::Seconds(5)
}

/// The calls that were answered as promised, and by how much the number grew.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    calls: u64,
    answered: u64,
    grown_by: i64,
}

impl Question for CountedCalls {
    const ID: &'static str = "http.counted-calls";
    const QUESTION: &'static str = "Does every call leave its trace in the database?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const PATIENCE: Patience = Patience::Counts;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-counted-calls.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
        let key = credential(world, &asked.target, &asked.principal)?;
        let request = call.request(ProbeClass::Active, Credential::Principal(asked.principal.clone()));
        // What other checks send would be counted too.
        let _undisturbed = site.prober.undisturbed();
        let before = number(world, asked, &key)?;
        let mut seen = Seen { calls: asked.calls, answered: 0, grown_by: 0 };
        let calls = (0..asked.calls).map(|_| request.clone()).collect();
        for answer in site.ask_together(calls)? {
            seen.answered += u64::from(answer?.status == call.ok);
        }
        // A row may be written after the answer has gone out.
        site.look(asked.wait, || {
            seen.grown_by = number(world, asked, &key)?.saturating_sub(before);
            Ok(i64::try_from(asked.calls).is_ok_and(|calls| seen.grown_by >= calls))
        })?;
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        if i64::try_from(seen.calls).is_ok_and(|calls| seen.grown_by < calls) {
            let (calls, grown, database) = (seen.calls, seen.grown_by, &asked.database);
            findings.push(format!("{calls} calls were answered, and what `{database}` counts grew by {grown}"));
        }
        let held = seen.answered == seen.calls;
        Judgement::decide(
            Population { examined: seen.answered, required: asked.calls.max(1) },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!("{} calls were answered, and each left its trace.", seen.calls),
        )
    }
}

/// What the database counts now.
fn number(world: &World<'_>, asked: &Asked, key: &str) -> Result<i64, Unasked> {
    let name = &asked.database;
    let database =
        world.databases.get(name).ok_or_else(|| Unasked(format!("no database is named `{name}`: add `[databases.{name}]`")))?;
    let mut database = database.lock().unwrap_or_else(PoisonError::into_inner);
    let binds = [("credential", Value::Text(key.to_owned()))];
    let used = if asked.sql.contains(":credential") { &binds[..] } else { &[] };
    let answer = database
        .query(&asked.sql, used, Limits::default())
        .map_err(|error| Unasked(format!("what is counted cannot be read: {error}")))?;
    match answer.rows.as_slice() {
        [row] if let [Value::Integer(number)] = row.as_slice() => Ok(*number),
        _ => Err(Unasked("`sql` must give one row with one number".to_owned())),
    }
}

const ASKED: &str =
    r#"{"target":"api","route":"list","principal":"a","database":"main","sql":"SELECT count(*) FROM rate_limits"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "each call leaves a row",
        asked: ASKED,
        seen: r#"{"calls":5,"answered":5,"grown_by":5}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "calls are counted elsewhere",
        asked: ASKED,
        seen: r#"{"calls":5,"answered":5,"grown_by":0}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the calls were refused",
        asked: ASKED,
        seen: r#"{"calls":5,"answered":1,"grown_by":0}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "nothing was called",
        asked: ASKED,
        seen: r#"{"calls":0,"answered":0,"grown_by":0}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, serve, target},
        testing::Scene,
    };

    #[test]
    fn a_table_that_stays_as_it_was_is_found() {
        let at = serve(Caps::NONE, |_| json(200, "{}"));
        let scene = Scene::of_database("CREATE TABLE calls (at INTEGER);");
        let asked = r#"{"target":"api","call":"GET /v1","principal":"a","database":"main","wait":"1 second",
            "sql":"SELECT count(*) FROM calls WHERE at <> :credential"}"#;
        assert_eq!(ask::<CountedCalls>(scene, &target(at), asked).outcome, Outcome::Fail);
    }
}

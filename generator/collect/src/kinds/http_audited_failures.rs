//! `http.audited-failures`: is the true cause of each failure recorded inside, and told to nobody outside?

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
};

use avouch_database::{Limits, Value};
use avouch_model::{
    Span,
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::{Credential, Response};
use serde::{Deserialize, Serialize};

use super::http_call::{Cause, Site};
use crate::{
    Example, Judgement, Patience, Question, Unasked, Vantage, World,
    parameters::Globs,
    sources::{chain, matching},
};

/// The most bytes of one log; a larger one is an error, never read in part.
const LOG_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// How many of the last lines of a log are looked at.
const LINES_MAX: usize = 10_000;
/// A reason shorter than this stands in answers by chance.
const TELLING: usize = 4;

/// See the module.
pub(super) struct AuditedFailures;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    call: Option<String>,
    principal: String,
    causes: Vec<Cause>,
    database: String,
    sql: String,
    #[serde(default)]
    reasons_min: Option<u64>,
    #[serde(default = "five_seconds")]
    wait: Span,
    /// The ordinary logs: lines of JSON that hold the id of a request must have the same members for every cause.
    #[serde(default)]
    logs: Option<Globs>,
    /// The header of an answer that has the id.
    #[serde(default = "request_id")]
    id_header: String,
}

fn request_id() -> String {
    "x-request-id".to_owned()
}

const fn five_seconds() -> Span {
    Span::Seconds(5)
}

/// The reasons that each cause left.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    valid_status: u16,
    valid_expected: u16,
    causes: Vec<Left>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Left {
    name: String,
    status: u16,
    /// The reasons with more rows than before the request.
    reasons: Vec<String>,
    /// Whether one of them stands in the answer.
    told: bool,
    /// The members of the lines that the logs have of the request; none when they have none, or are not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logged: Option<BTreeSet<String>>,
}

impl Question for AuditedFailures {
    const ID: &'static str = "http.audited-failures";
    const QUESTION: &'static str = "Is the true cause of each failure recorded inside, and told to nobody outside?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Active);
    const PATIENCE: Patience = Patience::Counts;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-audited-failures.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let call = site.call(asked.route.as_deref(), asked.call.as_deref())?;
        let ask = |credential: Credential| {
            let request = call.request(ProbeClass::Active, credential);
            site.ask(&request)
        };
        let (mut causes, mut ids) = (Vec::new(), Vec::new());
        // What other checks are refused would leave its reason too.
        let _undisturbed = site.prober.undisturbed();
        for cause in &asked.causes {
            let credential = cause.credential(&asked.principal)?;
            let before = counts(world, asked)?;
            let answer = ask(credential)?;
            let mut reasons = Vec::new();
            // A row may be written after the answer has gone out.
            site.look(asked.wait, || {
                reasons = grown(&before, &counts(world, asked)?);
                Ok(!reasons.is_empty())
            })?;
            let told = reasons.iter().any(|reason| tells(&answer, reason));
            ids.push(answer.header(&asked.id_header).map(str::to_owned));
            causes.push(Left { name: cause.name.clone(), status: answer.status, reasons, told, logged: None });
        }
        if let Some(logs) = &asked.logs {
            // A line may be written after the answer has gone out.
            site.look(asked.wait, || {
                for (cause, logged) in causes.iter_mut().zip(members(world, logs, &ids)?) {
                    cause.logged = logged;
                }
                Ok(causes.iter().zip(&ids).all(|(cause, id)| cause.logged.is_some() || id.is_none()))
            })?;
        }
        let credential = Credential::Principal(asked.principal.clone());
        let valid = ask(credential.clone())?;
        if let Some(route) = asked.route.as_deref() {
            site.undo(site.route(route)?, &valid, &credential);
        }
        Ok(Seen { valid_status: valid.status, valid_expected: call.ok, causes })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let mut causes_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for left in &seen.causes {
            match left.reasons.as_slice() {
                [] => findings.push(format!("`{}` left no row in the audit log", left.name)),
                reasons => {
                    for reason in reasons {
                        causes_of.entry(reason).or_default().push(&left.name);
                    }
                }
            }
            if left.told {
                findings.push(format!("the answer to `{}` tells the recorded reason", left.name));
            }
        }
        findings.extend(told_apart(&seen.causes));
        let least = asked.reasons_min.unwrap_or(asked.causes.len() as u64);
        if (causes_of.len() as u64) < least && findings.is_empty() {
            let shared = causes_of.values().filter(|names| names.len() > 1).map(|names| names.join(" and "));
            let shared = shared.collect::<Vec<_>>().join("; ");
            findings
                .push(format!("{} different reasons were recorded, expected {least}: {shared} left the same", causes_of.len()));
        }
        let refused = seen.causes.iter().all(|left| left.status != seen.valid_expected);
        let held = seen.valid_status == seen.valid_expected && refused;
        Judgement::decide(
            Population { examined: seen.causes.len() as u64, required: asked.causes.len() as u64 },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!("{} causes left {} different reasons; no answer told one.", seen.causes.len(), causes_of.len()),
        )
    }
}

/// For each request by its id, the members of the lines of JSON that hold it.
fn members(world: &World<'_>, logs: &Globs, ids: &[Option<String>]) -> Result<Vec<Option<BTreeSet<String>>>, Unasked> {
    let mut found: Vec<Option<BTreeSet<String>>> = vec![None; ids.len()];
    for path in matching(world.folder, logs)? {
        let bytes = avouch_repository::Files::read(world.folder, &path, LOG_BYTES_MAX)
            .map_err(|error| Unasked(format!("`{path}` cannot be read: {}", chain(&error))))?
            .unwrap_or_default();
        // The latest lines are the last.
        for line in bytes.split(|byte| *byte == b'\n').rev().take(LINES_MAX) {
            let Ok(text) = std::str::from_utf8(line) else { continue };
            let is_of = |id: &Option<String>| id.as_ref().is_some_and(|id| id.len() >= TELLING && text.contains(id.as_str()));
            let Some(place) = ids.iter().position(is_of) else { continue };
            let Ok(line) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) else { continue };
            if let Some(members) = found.get_mut(place) {
                members.get_or_insert_default().extend(line.into_iter().map(|(name, _)| name));
            }
        }
    }
    Ok(found)
}

/// Members that the logs have of some causes alone: who reads the logs then knows which it was.
fn told_apart(causes: &[Left]) -> Vec<String> {
    let logged: Vec<(&str, &BTreeSet<String>)> =
        causes.iter().filter_map(|left| Some((left.name.as_str(), left.logged.as_ref()?))).collect();
    let every: BTreeSet<&String> = logged.iter().flat_map(|(_, members)| members.iter()).collect();
    let some = every.into_iter().filter(|member| !logged.iter().all(|(_, members)| members.contains(*member)));
    some.map(|member| {
        let names: Vec<_> =
            logged.iter().filter(|(_, members)| members.contains(member)).map(|(name, _)| format!("`{name}`")).collect();
        format!("the logs have `{member}` of {} alone", names.join(" and "))
    })
    .collect()
}

/// How many rows have each reason.
fn counts(world: &World<'_>, asked: &Asked) -> Result<BTreeMap<String, i64>, Unasked> {
    let name = &asked.database;
    let database =
        world.databases.get(name).ok_or_else(|| Unasked(format!("no database is named `{name}`: add `[databases.{name}]`")))?;
    let mut database = database.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = database
        .query(&asked.sql, &[], Limits::default())
        .map_err(|error| Unasked(format!("the audit log cannot be read: {error}")))?;
    let mut counts = BTreeMap::new();
    for row in &answer.rows {
        match row.as_slice() {
            [Value::Text(reason), Value::Integer(count)] => {
                counts.insert(reason.clone(), *count);
            }
            // Rows of other events may have no reason.
            [Value::Null, Value::Integer(_)] => {}
            _ => return Err(Unasked("`sql` must give two columns: the reason, a text, and the number of rows".to_owned())),
        }
    }
    Ok(counts)
}

/// The reasons that have more rows than before.
fn grown(before: &BTreeMap<String, i64>, after: &BTreeMap<String, i64>) -> Vec<String> {
    let more = |(reason, count): &(&String, &i64)| **count > before.get(*reason).copied().unwrap_or(0);
    after.iter().filter(more).map(|(reason, _)| reason.clone()).collect()
}

/// Whether an answer holds the reason, written with spaces, dashes or underscores.
fn tells(answer: &Response, reason: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], " ");
    let reason = plain(reason);
    let headers = answer.headers.iter().any(|(_, value)| plain(value).contains(&reason));
    reason.len() >= TELLING && (headers || plain(&answer.text()).contains(&reason))
}

const ASKED: &str = r#"{"target":"api","route":"list","principal":"a","database":"main",
    "sql":"SELECT reason, count(*) FROM audit_log GROUP BY reason",
    "causes":[{"name":"wrong hash","credential":"altered"},{"name":"expired","principal":"expired"}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "each cause leaves its own reason",
        asked: ASKED,
        seen: r#"{"valid_status":200,"valid_expected":200,"causes":[
            {"name":"wrong hash","status":401,"reasons":["hash_mismatch"],"told":false},
            {"name":"expired","status":401,"reasons":["key_expired"],"told":false}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one cause leaves nothing",
        asked: ASKED,
        seen: r#"{"valid_status":200,"valid_expected":200,"causes":[
            {"name":"wrong hash","status":401,"reasons":["hash_mismatch"],"told":false},
            {"name":"expired","status":401,"reasons":[],"told":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "both causes leave the same reason",
        asked: ASKED,
        seen: r#"{"valid_status":200,"valid_expected":200,"causes":[
            {"name":"wrong hash","status":401,"reasons":["denied"],"told":false},
            {"name":"expired","status":401,"reasons":["denied"],"told":false}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the answer tells the reason",
        asked: ASKED,
        seen: r#"{"valid_status":200,"valid_expected":200,"causes":[
            {"name":"wrong hash","status":401,"reasons":["hash_mismatch"],"told":false},
            {"name":"expired","status":401,"reasons":["key_expired"],"told":true}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the logs say of one cause what they say of no other",
        asked: ASKED,
        seen: r#"{"valid_status":200,"valid_expected":200,"causes":[
            {"name":"wrong hash","status":401,"reasons":["hash_mismatch"],"told":false,"logged":["id","status"]},
            {"name":"expired","status":401,"reasons":["key_expired"],"told":false,"logged":["hint","id","status"]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the valid key is refused, so the failures may have another cause",
        asked: ASKED,
        seen: r#"{"valid_status":503,"valid_expected":200,"causes":[
            {"name":"wrong hash","status":503,"reasons":["down"],"told":false},
            {"name":"expired","status":503,"reasons":["down"],"told":false}]}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, json, serve, target, try_ask},
        testing::Scene,
    };

    fn answer(body: &str) -> Response {
        Response {
            status: 401,
            headers: vec![],
            body: body.as_bytes().to_vec(),
            truncated: false,
            took: std::time::Duration::ZERO,
            early: false,
            at: std::time::Duration::ZERO,
        }
    }

    #[test]
    fn a_reason_is_recognised_however_its_words_are_joined() {
        assert!(tells(&answer(r#"{"message":"Key expired."}"#), "key_expired"));
        assert!(!tells(&answer(r#"{"code":"UNAUTHORIZED"}"#), "key_expired"));
        assert!(!tells(&answer(r#"{"code":"UNAUTHORIZED"}"#), "un"));
    }

    #[test]
    fn lines_of_a_request_are_found_by_its_id_and_compared_by_their_members() {
        let log =
            "{\"id\":\"aaaa1111\",\"status\":401}\nno json aaaa1111\n{\"id\":\"bbbb2222\",\"status\":401,\"hint\":\"renew\"}\n";
        let ids = ["aaaa1111", "bbbb2222", "cccc3333"].map(|id| Some(id.to_owned()));
        let logs: Globs = serde_json::from_str(r#""logs/*.log""#).unwrap();
        let scene = Scene { folder: BTreeMap::from([("logs/api.log".to_owned(), log.to_owned())]), ..Scene::default() };
        let found = scene.with(|world| members(world, &logs, &ids)).unwrap();
        let of = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
        assert_eq!(found, [of(&["id", "status"]), of(&["hint", "id", "status"]), None]);
        let left = |name: &str, logged: &Option<BTreeSet<String>>| Left {
            name: name.to_owned(),
            status: 401,
            reasons: vec![],
            told: false,
            logged: logged.clone(),
        };
        assert_eq!(told_apart(&[left("a", &found[0]), left("c", &found[2])]), Vec::<String>::new());
        assert_eq!(told_apart(&[left("a", &found[0]), left("b", &found[1])]), ["the logs have `hint` of `b` alone"]);
    }

    #[test]
    fn reasons_whose_count_grew_are_those_that_were_left() {
        let before = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]);
        let after = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 2), ("c".to_owned(), 1)]);
        assert_eq!(grown(&before, &after), ["b", "c"]);
    }

    #[test]
    fn an_audit_log_that_nothing_is_written_to_is_found() {
        let calls = Mutex::new(0);
        let at = serve(Caps::NONE, move |got| {
            *calls.lock().unwrap() += 1;
            let right = got.header("authorization") == "Bearer ck_live_AAAAAAAAAAAAAAAA0123456789";
            json(if right { 200 } else { 401 }, "{}")
        });
        let scene = || Scene::of_database("CREATE TABLE audit_log (reason TEXT); INSERT INTO audit_log VALUES ('old');");
        let ask = |sql: &str| {
            let asked = format!(
                r#"{{"target":"api","call":"GET /v1","principal":"a","database":"main","sql":"{sql}","wait":"0 seconds",
                "causes":[{{"name":"none","credential":"none"}},{{"name":"altered","credential":"altered"}}]}}"#
            );
            try_ask::<AuditedFailures>(scene(), &target(at), &asked)
        };
        assert_eq!(ask("SELECT reason, count(*) FROM audit_log GROUP BY reason").unwrap().outcome, Outcome::Fail);
        // The count itself grows with every look here: what a log that is written to looks like.
        let growing = "SELECT 'r' || abs(random()), 1";
        assert_eq!(ask(growing).unwrap().outcome, Outcome::Pass);
        assert!(ask("SELECT reason FROM audit_log").is_err());
        assert!(ask("DELETE FROM audit_log").is_err());
    }
}

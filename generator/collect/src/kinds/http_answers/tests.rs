//! The kind against a small server.

use std::sync::atomic::{AtomicU64, Ordering};

use avouch_model::state::Outcome;

use super::*;
use crate::{
    kinds::http_testing::{Caps, Got, ask, json, route, serve, target, try_ask},
    testing::Scene,
};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A service that names a tenant before it looks at anything else, and echoes a clean id.
fn answer(got: &Got, routes_first: bool) -> (u16, Vec<(&'static str, String)>, String) {
    let given = got.header("x-request-id");
    let clean = !given.is_empty() && given.len() <= 64 && given.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let id = if clean { given.to_owned() } else { format!("made-{}", NEXT.fetch_add(1, Ordering::Relaxed)) };
    let (status, code) = match (got.header("x-tenant-id"), got.path.as_str()) {
        (_, "/none") if routes_first => (404, "not_found"),
        ("", _) => (400, "tenant_required"),
        (_, "/health") => (200, ""),
        _ => (404, "not_found"),
    };
    let body = if status == 200 {
        format!(r#"{{"ok":true,"tenant":"{}","host":"{}","traceId":"{id}"}}"#, got.header("x-tenant-id"), got.header("host"))
    } else {
        format!(r#"{{"ok":false,"error":{{"code":"{code}"}},"traceId":"{id}"}}"#)
    };
    let (status, mut headers, body) = json(status, body);
    headers.push(("X-Trace-Id", id));
    (status, headers, body)
}

fn outcome(routes_first: bool, cases: &str) -> Judgement {
    let mut target = target(serve(Caps::NONE, move |got| answer(got, routes_first)));
    let (name, health) = route("health", "GET /health", 200);
    target.routes.insert(name, health);
    let asked = format!(
        r#"{{"target":"api","cases":[{cases}],"codes":{{"tenant_required":400,"not_found":404}},
            "error":{{"allowed":["/ok","/error/code","/traceId"],"required":["/ok","/error/code","/traceId"]}},
            "trace":{{"header":"X-Trace-Id","body":"/traceId"}},
            "control":{{"name":"let in","route":"health","headers":{{"X-Tenant-Id":"acme"}}}}}}"#
    );
    ask::<Answers>(Scene::default(), &target, &asked)
}

#[test]
fn routing_before_the_tenant_is_known_is_found() {
    let cases = r#"{"name":"nobody","every":"route","status":[400],"code":"tenant_required"},
                   {"name":"nowhere","call":"GET /none","status":[400],"code":"tenant_required"}"#;
    assert_eq!(outcome(false, cases).outcome, Outcome::Pass);
    let found = outcome(true, cases);
    assert_eq!(found.outcome, Outcome::Fail);
    assert_eq!(found.findings[0], "nowhere (GET /none): answered with 404, expected 400");
}

#[test]
fn ids_are_taken_over_when_they_are_clean_and_made_otherwise() {
    let cases = r#"{"name":"clean","route":"health","headers":{"X-Tenant-Id":"acme","X-Request-Id":"abc{{random}}"},"trace_from":"X-Request-Id"},
                   {"name":"long","route":"health","headers":{"X-Tenant-Id":"acme","X-Request-Id":{"text":"a","times":5000}},"trace_not_from":"X-Request-Id"},
                   {"name":"none","route":"health","host":"acme.example","headers":{"X-Tenant-Id":"acme"},"json":[{"at":"/tenant","is":"acme"},{"at":"/host","is":"acme.example"}]}"#;
    assert_eq!(outcome(false, cases).findings, Vec::<String>::new());
    let wrong = r#"{"name":"long","route":"health","headers":{"X-Tenant-Id":"acme","X-Request-Id":{"text":"a","times":5000}},"trace_from":"X-Request-Id"}"#;
    assert!(outcome(false, wrong).findings[0].ends_with("its id is not that of `X-Request-Id`"));
}

#[test]
fn a_code_of_another_status_and_a_foreign_property_are_found() {
    let target = target(serve(Caps::NONE, |got| {
        let code = if got.path == "/a" { "not_found" } else { "tenant_unknown" };
        json(400, format!(r#"{{"error":{{"code":"{code}","stack":"x"}}}}"#))
    }));
    let asked = r#"{"target":"api","codes":{"not_found":404},"error":{"allowed":["/error/code"]},"forbids":["stack"],
        "control":{"name":"c","call":"GET /a","status":[400]},
        "cases":[{"name":"a","call":"GET /a","status":[400]},{"name":"b","call":"GET /b","status":[400]}]}"#;
    let judgement = ask::<Answers>(Scene::default(), &target, asked);
    assert_eq!(judgement.findings.len(), 6, "{:?}", judgement.findings);
    let refusals = r#"{"target":"api","cases":[{"name":"a","call":"GET /a","status":[400]}]}"#;
    assert!(try_ask::<Answers>(Scene::default(), &target, refusals).unwrap_err().0.contains("control"));
}

#[test]
fn a_moment_is_read_in_the_unit_that_makes_sense() {
    Scene::default().with(|world| {
        let now = (world.clock)().chrono().timestamp_millis();
        let asked = |unit: &str| serde_json::from_str(&format!(r#"{{"within":"60 seconds"{unit}}}"#)).unwrap();
        let read = |told, unit| read_moment(told, world, &asked(unit)).map(|told| told.unit);
        assert_eq!(read(30, ""), Some(Unit::Delay));
        assert_eq!(read(now / 1_000 + 30, ""), Some(Unit::Seconds));
        assert_eq!(read(now + 30_000, ""), Some(Unit::Milliseconds));
        assert_eq!(read(now / 1_000 + 3_000, ""), None);
        assert_eq!(read(30, r#","unit":"seconds""#), None);
    });
}

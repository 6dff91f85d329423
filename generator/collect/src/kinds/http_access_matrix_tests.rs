//! A small API with roles, and what the matrix says of each way to get its rules wrong.

use std::{collections::BTreeMap, sync::Mutex};

use avouch_model::product::Target;

use super::*;
use crate::{
    kinds::http_testing::{Caps, Got, json, route, serve, target, try_ask},
    testing::Scene,
};

const OPERATIONS: &str = r#""operations":{"read":{"route":"item","object":"make"},"write":{"route":"make","effect":"list"},
    "remove":{"route":"remove","object":"make","effect":"item"},"clear":{"route":"remove","object":"make","effect":"list"}}"#;

/// Whether a role may do something; `wrong` is the rule that is turned round.
fn may(role: &str, action: &str, wrong: &str) -> bool {
    let rule = matches!((role, action), ("admin" | "second", _) | ("reader", "read"));
    rule != (wrong == format!("{role} {action}"))
}

/// An API whose rules are as the table says, but for one; `silent` refuses and does it all the same.
fn api(wrong: &'static str, silent: bool) -> Target {
    let items = Mutex::new(BTreeMap::<String, String>::new());
    let at = serve(Caps::NONE, move |got: &Got| {
        let mut items = items.lock().unwrap();
        let role = got.header("authorization").trim_start_matches("Bearer ").to_owned();
        if role == "stranger" && wrong != "open" {
            return json(404, "{}");
        }
        let action = if got.method == "GET" { "read" } else { "write" };
        let role = if role == "stranger" { "admin" } else { &role };
        let allowed = may(role, action, wrong);
        if !allowed && !silent {
            return json(403, "{}");
        }
        let id = got.path.rsplit('/').next().unwrap_or_default().to_owned();
        let answer = match got.method.as_str() {
            "POST" => {
                let id = format!("item-{}", items.len() + 17);
                items.insert(id.clone(), String::from_utf8_lossy(&got.body).into_owned());
                json(201, format!(r#"{{"id":"{id}"}}"#))
            }
            "DELETE" => match items.remove(&id) {
                Some(_) => (204, vec![], String::new()),
                None => json(404, "{}"),
            },
            _ if id == "items" => json(200, serde_json::to_string(&*items).unwrap()),
            _ => items.get(&id).map_or_else(|| json(404, "{}"), |text| json(200, text.clone())),
        };
        if allowed { answer } else { json(403, "{}") }
    });
    let mut target = target(at);
    for (name, tenant) in [("admin", "A"), ("second", "A"), ("reader", "A"), ("stranger", "B")] {
        let mut principal = target.principals["a"].clone();
        principal.name = name.to_owned();
        principal.tenant = Some(tenant.to_owned());
        principal.value = format!("Bearer {name}");
        target.principals.insert(name.to_owned(), principal);
    }
    let (name, mut made) = route("make", "POST /items", 201);
    made.body = Some("item.json".to_owned());
    made.id = Some("/id".to_owned());
    made.undo = Some(("DELETE".to_owned(), "/items/{id}".to_owned()));
    target.routes.insert(name, made);
    target.routes.extend([route("item", "GET /items/{id}", 200), route("list", "GET /items", 200)]);
    target.routes.extend([route("remove", "DELETE /items/{id}", 204)]);
    target
}

fn ask(target: &Target, cells: &str) -> Result<Judgement, Unasked> {
    let asked = format!(
        r#"{{"target":"api","owners":["admin","second"],"outsider":"stranger",{OPERATIONS},"cells":[{}]}}"#,
        cells
            .split(", ")
            .map(|cell| {
                let (role, rest) = cell.split_once(' ').unwrap();
                let (operation, allowed) = rest.split_once(' ').unwrap();
                format!(r#"{{"role":"{role}","operation":"{operation}","allowed":{}}}"#, allowed == "yes")
            })
            .collect::<Vec<_>>()
            .join(",")
    );
    let scene = Scene::of([("item.json", r#"{"text":"{{random}}"}"#)]);
    try_ask::<AccessMatrix>(scene, target, &asked)
}

fn outcome(wrong: &'static str, silent: bool, cells: &str) -> Outcome {
    ask(&api(wrong, silent), cells).unwrap().outcome
}

const ALL: &str =
    "admin read yes, admin write yes, reader read yes, reader write no, reader remove no, admin clear yes, reader clear no";

#[test]
fn a_matrix_that_holds_passes_and_each_turned_rule_is_found_in_its_cell() {
    assert_eq!(outcome("", false, ALL), Outcome::Pass);
    for (wrong, turned, holds) in [
        ("reader write", "reader write no", "reader read yes"),
        ("reader write", "reader remove no", "admin write yes"),
        ("reader write", "reader clear no", "admin clear yes"),
        ("reader read", "reader read yes", "reader write no"),
        ("admin write", "admin write yes", "admin read yes"),
        ("admin read", "admin read yes", "admin write yes"),
    ] {
        assert_eq!(outcome(wrong, false, turned), Outcome::Fail, "{wrong}: {turned}");
        // The other owner stands in where one is refused by mistake.
        assert_eq!(outcome(wrong, false, holds), Outcome::Pass, "{wrong}: {holds}");
    }
}

#[test]
fn a_refusal_that_happens_all_the_same_is_found() {
    assert_eq!(outcome("", true, "reader write no"), Outcome::Fail);
    assert_eq!(outcome("", true, "reader remove no"), Outcome::Fail);
}

#[test]
fn where_strangers_may_a_permission_shows_nothing() {
    assert_eq!(outcome("open", false, "reader read yes"), Outcome::Error);
    assert_eq!(outcome("open", false, "reader write no"), Outcome::Pass);
}

#[test]
fn everything_that_was_made_is_removed() {
    let target = api("reader write", false);
    ask(&target, "reader write no, admin write yes, reader read yes, admin remove yes").unwrap();
    let prober = avouch_probe::Prober::new(&target, "run-2", 7, &|_| None, None).unwrap();
    let request = avouch_probe::Request::new(ProbeClass::Active, "GET", "/items");
    assert_eq!(prober.send(&request.credential(Credential::Principal("admin".into()))).unwrap().text(), "{}");
}

#[test]
fn an_outsider_of_the_same_tenant_is_none() {
    let mut target = api("", false);
    target.principals.get_mut("stranger").unwrap().tenant = Some("A".to_owned());
    assert!(ask(&target, "reader read yes").unwrap_err().to_string().contains("two tenants"));
}

#[test]
fn an_operation_that_is_not_described_cannot_be_asked_about() {
    assert!(ask(&api("", false), "reader publish no").unwrap_err().to_string().contains("`publish`"));
}

//! The baseline of a running API: not configured until its slots are filled, and each check turned by what it looks for.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use super::{
    probing::server,
    support::{Sandbox, reference::Product, small::product},
};

const CHECKS: [&str; 3] = ["baseline.inventory", "baseline.mass-assignment", "baseline.ssrf"];

const BOUND: &str = r#"
[bind]
"text.baseline-target" = "shop"
"text.baseline-principal" = "a"
"text.baseline-make" = "make"
"text.baseline-read" = "read"
"text.baseline-decided" = "/price"
"text.baseline-decided-value" = "1"
"text.baseline-address" = "/note"
"text.baseline-listener" = "127.0.0.1:0"
"file.openapi" = "openapi.json"
"#;

const DOCUMENT: &str = r#"{"openapi":"3.1.0","info":{"title":"Shop","version":"1"},"paths":{
    "/v1/orders":{"get":{"responses":{}},"post":{"responses":{}}},"/v1/orders/{id}":{"get":{"responses":{}},"delete":{"responses":{}}}}}"#;

/// What is wrong with a shop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Careless {
    Nothing,
    TakesPrices,
    CallsAddresses,
    KeepsTheOldVersion,
}

/// A shop whose orders have a price that it decides, and a note.
fn serve(careless: Careless) -> std::net::SocketAddr {
    // How many there ever were, and those that are there: checks that run beside one another make and remove their own.
    let orders: Arc<Mutex<(u64, BTreeMap<String, Value>)>> = Arc::default();
    server::serve(server::Caps::NONE, move |got| {
        let mut orders = orders.lock().unwrap();
        let (made, orders) = &mut *orders;
        let path = match got.path.strip_prefix("/v2/") {
            Some(rest) if careless == Careless::KeepsTheOldVersion => format!("/v1/{rest}"),
            _ => got.path.clone(),
        };
        let id = path.strip_prefix("/v1/orders/").map(str::to_owned);
        match (got.method.as_str(), path.as_str(), id) {
            ("GET", "/v1/orders", _) => server::json(200, "[]"),
            ("POST", "/v1/orders", _) => {
                let sent: Value = serde_json::from_slice(&got.body).unwrap();
                if careless == Careless::CallsAddresses {
                    call(sent["note"].as_str().unwrap_or_default());
                }
                let price = if careless == Careless::TakesPrices && sent["price"] != json!(null) {
                    sent["price"].clone()
                } else {
                    json!(500)
                };
                *made += 1;
                let id = made.to_string();
                orders.insert(id.clone(), json!({ "id": id, "price": price, "note": sent["note"] }));
                server::json(201, json!({ "id": id }).to_string())
            }
            ("GET", _, Some(id)) => orders.get(&id).map_or(server::json(404, "{}"), |order| server::json(200, order.to_string())),
            ("DELETE", _, Some(id)) => server::json(if orders.remove(&id).is_some() { 204 } else { 404 }, ""),
            _ => server::json(404, "{}"),
        }
    })
}

/// Asks for an address in plain HTTP, where it is one.
fn call(address: &str) {
    let (authority, path) = address.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    if let Ok(mut stream) = TcpStream::connect(authority) {
        let _ = stream.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\n\r\n").as_bytes());
        let _ = stream.read(&mut [0; 64]);
    }
}

/// How the three stand, in the order of their names, and the exit code of a gate that counts the baseline.
fn stands(careless: Careless, bound: &str) -> ([String; 3], i32) {
    let sandbox = Sandbox::new();
    let at = serve(careless);
    let configuration = format!(
        "[targets.shop]\nurl = \"http://{at}\"\nallow = [\"intrusive\"]\n[targets.shop.principals.a]\nvalue = \"Bearer ${{PROBE_A}}\"\n\
         [targets.shop.routes]\nmake = {{ call = \"POST /v1/orders\", body = \"order.json\", ok = 201, id = \"/id\", undo = \"DELETE /v1/orders/{{id}}\" }}\n\
         read = {{ call = \"GET /v1/orders/{{id}}\" }}\n{bound}\n[gate]\nbaseline = true"
    );
    let kept = super::check("kept", "file.ignored", "build", "ignored = [\".env\"]");
    product(&sandbox, &[kept], &configuration);
    sandbox.file("order.json", r#"{"note":"{{random}}"}"#);
    sandbox.file("openapi.json", DOCUMENT);
    sandbox.file(".gitignore", ".env\n.env.*\n.avouch/\n");
    sandbox.commit(Some("v1.0.0"));
    let ran =
        sandbox.avouch_with(&["check", "--format", "json", CHECKS[0], CHECKS[1], CHECKS[2]], &[("PROBE_A", "0123456789abcdef")]);
    let judged: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr));
    let state = |id: &str| {
        let found = judged["checks"].as_array().unwrap().iter().find(|check| check["check"] == id);
        found.unwrap_or_else(|| panic!("no `{id}`: {}", ran.stdout))["state"].as_str().unwrap().to_owned()
    };
    (CHECKS.map(state), ran.code)
}

#[test]
fn what_is_bound_passes_and_each_defect_turns_its_own_check() {
    let (pass, fail) = ("pass", "fail");
    for (careless, expected, code) in [
        (Careless::Nothing, [pass, pass, pass], 0),
        (Careless::KeepsTheOldVersion, [fail, pass, pass], 1),
        (Careless::TakesPrices, [pass, fail, pass], 1),
        (Careless::CallsAddresses, [pass, pass, fail], 1),
    ] {
        let (found, exit) = stands(careless, BOUND);
        assert_eq!((found.each_ref().map(String::as_str), exit), (expected, code));
    }
}

#[test]
fn what_is_not_bound_is_not_configured_and_names_the_key() {
    assert_eq!(stands(Careless::Nothing, "").0, ["not_configured"; 3]);
    let sandbox = Sandbox::new();
    product(&sandbox, &[], "");
    sandbox.file("avouch.toml", sandbox.read("avouch.toml").replace("profiles = []", "profiles = [\"stack\"]"));
    let doctor = sandbox.avouch(&["doctor"]).exits(0).stdout;
    for key in ["baseline-target", "baseline-decided-value", "baseline-listener"] {
        assert!(doctor.contains(&format!("[bind] \"text.{key}\"")), "{key}: {doctor}");
    }
    assert!(doctor.contains("[bind] \"file.openapi\""), "{doctor}");
}

#[test]
fn the_reference_api_fills_the_slots_and_passes() {
    let product = Product::start(None, true);
    product.begin();
    let ran = product.avouch(&["check", "--format", "json", CHECKS[0], CHECKS[1], CHECKS[2]]);
    let judged: Value = serde_json::from_str(&ran.stdout).unwrap();
    let states: Vec<&Value> = judged["checks"].as_array().unwrap().iter().map(|check| &check["state"]).collect();
    assert_eq!(states, ["pass"; 3], "{}", ran.stderr);
}

//! A stranger's repository: `avouch init && avouch run` ends with a site, and nothing that was not looked at is a pass.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use support::{Sandbox, cargo_project};

/// Every word for a state that a page may show without a check behind it.
fn assessment(sandbox: &Sandbox) -> serde_json::Value {
    serde_json::from_str(&sandbox.read("public/en/index.json")).unwrap()
}

#[test]
fn a_cargo_repository_gets_a_site_and_nothing_unseen_passes() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.commit(Some("v1.0.0"));
    sandbox.avouch(&["init"]).exits(0);
    let ran = sandbox.avouch(&["run"]);
    assert!([0, 1, 3].contains(&ran.code), "{} {}", ran.code, ran.stderr);
    assert!(sandbox.exists("public/en/index.html") && sandbox.exists("public/checkpoint"));
    assert!(sandbox.exists("public/sbom/1.0.0/bom.json"));
    let checked = sandbox.avouch(&["check", "--as-of", "2099-01-01T00:00:00Z", "--format", "json"]);
    let judged: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    for check in judged["checks"].as_array().unwrap() {
        assert_ne!(check["state"], "pass", "everything is stale in 2099: {check}");
    }
    assert!(assessment(&sandbox).is_object());
    let key = sandbox.avouch(&["key", "show"]).exits(0);
    sandbox.avouch(&["verify", "public", "--key", key.stdout.trim()]).exits(0);
    sandbox.avouch(&["verify", "public"]).exits(4);
}

#[test]
fn an_empty_folder_is_told_what_to_do() {
    let sandbox = Sandbox::new();
    let ran = sandbox.avouch(&["run"]).exits(2);
    assert!(ran.stderr.contains("avouch init"), "{}", ran.stderr);
    sandbox.avouch(&["init"]).exits(0);
    let ran = sandbox.avouch(&["run"]);
    assert!([1, 3].contains(&ran.code), "{} {}", ran.code, ran.stderr);
    for page in ["public/en/index.html", "public/en/retention/index.html"] {
        let page = sandbox.read(page);
        assert!(page.contains("No retention rule is configured; these claims wait for one: "), "{page}");
    }
}

#[test]
fn an_unfilled_check_names_the_key_that_fills_it() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.commit(Some("v1.0.0"));
    sandbox.avouch(&["init"]).exits(0);
    let ran = sandbox.avouch(&["check", "--format", "json"]);
    let judged: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let unfilled: Vec<_> =
        judged["checks"].as_array().unwrap().iter().filter(|check| check["state"] == "not_configured").collect();
    assert!(unfilled.len() > 20, "{}", unfilled.len());
    for check in unfilled {
        let keys = check["reason"]["keys"].as_array().unwrap();
        assert!(!keys.is_empty(), "{check}");
    }
    let doctor = sandbox.avouch(&["doctor"]).exits(0);
    assert!(doctor.stdout.contains("[targets.api]"), "{}", doctor.stdout);
}

#[test]
fn the_second_run_of_an_unchanged_repository_goes_on_in_the_same_log() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.commit(Some("v1.0.0"));
    sandbox.avouch(&["init"]).exits(0);
    sandbox.avouch(&["run"]);
    let before = sandbox.read("public/checkpoint");
    sandbox.avouch(&["run"]);
    let after = sandbox.read("public/checkpoint");
    let size = |note: &str| note.lines().nth(1).unwrap().parse::<u64>().unwrap();
    assert!(size(&after) > size(&before));
    let key = sandbox.avouch(&["key", "show"]).exits(0);
    sandbox.avouch(&["verify", "public", "--key", key.stdout.trim()]).exits(0);
    // One release, one pair of entries: it is not recorded again.
    let list = sandbox.avouch(&["evidence", "list"]).exits(0);
    assert_eq!(list.stdout.matches(" release ").count(), 1, "{}", list.stdout);
}

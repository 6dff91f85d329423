//! No false alarm: checks of times and limits, asked again and again of a service that keeps its promises, beside load.
//!
//! `AVOUCH_REPEATED_RUNS=200` for the long run, as `make bench` makes it. Windows and floors are scaled down, so a run takes half a
//! minute, most of which is waiting.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::BTreeMap,
    hint, iter,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use support::reference::Product;

/// How many services are asked at a time.
const AT_A_TIME: usize = 6;
/// The kinds that measure times or count what is let through.
const KINDS: [&str; 4] = ["http.timing-floor", "http.timing-equality", "http.rate-limit", "http.rate-window"];

/// The checks of the profile of these kinds.
fn checks() -> Vec<String> {
    let profile: toml::Table = include_str!("../mappings/profiles/auth-api.toml").parse().unwrap();
    let checks = profile["check"].as_table().unwrap();
    let kind = |check: &toml::Value| {
        let like = check.get("like").map_or(check, |like| &checks[like.as_str().unwrap()]);
        like["kind"].as_str().unwrap().to_owned()
    };
    checks.iter().filter(|(_, check)| KINDS.contains(&kind(check).as_str())).map(|(id, _)| id.clone()).collect()
}

/// What each of these checks answers.
fn asked(product: &Product, checks: &[String]) -> BTreeMap<String, String> {
    let words: Vec<&str> =
        iter::once("check").chain(checks.iter().map(String::as_str)).chain(["--bundle", "bundle.json"]).collect();
    let ran = product.avouch(&words);
    assert!([0, 1, 3].contains(&ran.code), "{} {}", ran.code, ran.stderr);
    let bundle: serde_json::Value = serde_json::from_str(&product.sandbox.read("product/bundle.json")).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let observations = bundle["run"]["observations"].as_array().unwrap().iter();
    observations.map(|observation| (text(&observation["check"]), text(&observation["outcome"]))).collect()
}

#[test]
fn a_service_that_keeps_its_promises_never_fails() {
    let runs: usize = std::env::var("AVOUCH_REPEATED_RUNS").map_or(AT_A_TIME, |runs| runs.parse().unwrap());
    let checks = checks();
    assert!(checks.len() >= 12, "{checks:?}");
    let (next, asking, told) = (AtomicUsize::new(0), AtomicBool::new(true), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        // Somebody else's work, on one of the processors all the time.
        scope.spawn(|| {
            while asking.load(Ordering::Relaxed) {
                hint::spin_loop();
            }
        });
        let askers: Vec<_> = (0..AT_A_TIME.min(runs))
            .map(|_| {
                scope.spawn(|| {
                    let product = Product::start(None, true);
                    product.begin();
                    while next.fetch_add(1, Ordering::Relaxed) < runs {
                        for (check, outcome) in asked(&product, &checks) {
                            *told.lock().unwrap().entry((check, outcome)).or_insert(0_usize) += 1;
                        }
                    }
                })
            })
            .collect();
        let ended: Vec<_> = askers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        asking.store(false, Ordering::Relaxed);
        assert!(ended.into_iter().all(|ended| ended.is_ok()), "a run did not end");
    });
    let told = told.into_inner().unwrap();
    for ((check, outcome), times) in &told {
        println!("{check:32} {outcome:16} {times}");
    }
    for check in &checks {
        let times = |outcome: &str| told.get(&(check.clone(), outcome.to_owned())).copied().unwrap_or_default();
        assert_eq!(times("fail"), 0, "a false alarm of {check}: {told:?}");
        assert!(times("pass") > 0, "{check} never passed: {told:?}");
    }
}

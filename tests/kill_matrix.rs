//! The kill matrix: without a defect every check passes; with a defect exactly the checks bound to it turn.
//!
//! Which claims a defect must turn is tabled beforehand, in the reference API (`reference-api defects`), with at most two
//! claims that may turn along, each with its reason. No check sees the name of a defect: the service, its database, its
//! repository or its decisions behave otherwise, and that is all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use support::reference::{Product, checks_of_claims, reference_api};

/// The whole job but for the site, which no check looks at.
const UNPUBLISHED: [&str; 3] = ["run", "--purge", "--no-publish"];
/// How many products run at a time: most of a run is waiting for windows to pass.
const AT_A_TIME: usize = 6;
/// How many blind defects are tried in one product.
const TOGETHER: usize = 6;
/// What AVOUCH_DEFECTS says for all that are blind.
const BLIND: &str = "blind";
/// How often a product is tried: on a busy machine a burst may outlast its window, and what is measured may be somebody else's
/// load. What held only at a later try is told in the table.
const TRIES: usize = 3;

#[derive(Debug)]
struct Defect {
    name: String,
    served: bool,
    claims: Vec<String>,
    linked: Vec<String>,
    /// Whether it was written by somebody who had not read the check. Such defects are tried several in one product.
    blind: bool,
}

impl Defect {
    /// Whether both can be tried in one product: neither can turn what the other must, and they are of other parts of the
    /// profile, so that what one changes does not stand in for what the other changes.
    fn is_apart_from(&self, other: &Self) -> bool {
        let part = |claim: &str| claim.split('-').take(2).collect::<Vec<_>>().join("-");
        let parts = |defect: &Self| -> BTreeSet<String> { defect.claims.iter().map(|claim| part(claim)).collect() };
        let may_turn = |defect: &Self, claim: &String| defect.claims.contains(claim) || defect.linked.contains(claim);
        parts(self).is_disjoint(&parts(other))
            && !self.claims.iter().any(|claim| may_turn(other, claim))
            && !other.claims.iter().any(|claim| may_turn(self, claim))
    }
}

/// What is tried in one product: a defect, or blind ones that do not hide one another.
fn trials<'a>(chosen: &[&'a Defect], together: bool) -> Vec<Vec<&'a Defect>> {
    let mut trials: Vec<Vec<&Defect>> = Vec::new();
    for defect in chosen {
        let beside = |trial: &&mut Vec<&Defect>| {
            trial.len() < TOGETHER && trial.iter().all(|other| other.blind && other.is_apart_from(defect))
        };
        match trials.iter_mut().find(beside) {
            Some(trial) if together && defect.blind => trial.push(defect),
            _ => trials.push(vec![defect]),
        }
    }
    trials
}

fn defects() -> Vec<Defect> {
    let output = Command::new(reference_api()).args(["defects", "--json"]).output().unwrap();
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let texts = |value: &serde_json::Value| value.as_array().unwrap().iter().map(text).collect::<Vec<_>>();
    listed
        .iter()
        .map(|defect| Defect {
            name: text(&defect["name"]),
            served: texts(&defect["parts"]).contains(&"service".to_owned()),
            claims: texts(&defect["claims"]),
            linked: defect["linked"].as_array().unwrap().iter().map(|linked| text(&linked["claim"])).collect(),
            blind: defect["blind"].as_bool().unwrap(),
        })
        .collect()
}

/// The baseline of a product with and without its service: what must pass, and the checks of each claim.
struct Baseline {
    passing: BTreeSet<String>,
    claims: BTreeMap<String, BTreeSet<String>>,
}

fn baseline(served: bool) -> Baseline {
    let (mut product, mut outcomes) = (Product::start(None, served), BTreeMap::new());
    for attempt in 0..TRIES {
        if attempt > 0 {
            product = Product::start(None, served);
        }
        outcomes = product.run_as(&UNPUBLISHED);
        // The baseline is no claim: what it says of this product is not tried here.
        let claims = checks_of_claims(&product.payload("scope"));
        outcomes.retain(|check, _| claims.values().any(|checks| checks.contains(check)));
        if outcomes.values().all(|outcome| outcome == "pass") {
            break;
        }
    }
    let claims = checks_of_claims(&product.payload("scope"));
    let wrong: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome != "pass").collect();
    assert!(wrong.is_empty(), "without a defect every check passes, but {wrong:?}\n{}", product.findings());
    if served {
        let decided =
            claims.iter().filter(|(_, checks)| !checks.is_empty() && checks.iter().all(|check| outcomes.contains_key(check)));
        let decided: BTreeSet<&str> = decided.map(|(claim, _)| claim.as_str()).collect();
        let open: Vec<&str> = claims.keys().map(String::as_str).filter(|claim| !decided.contains(claim)).collect();
        assert!(open.is_empty(), "these are not decided: {open:?}");
    }
    Baseline { passing: outcomes.into_keys().collect(), claims }
}

/// What is wrong with how defects of one product were found; none when exactly the right checks turned.
fn hold(defects: &[&Defect], baseline: &Baseline) -> Result<(), String> {
    let mut last = Ok(());
    for attempt in 1..=TRIES {
        last = hold_once(defects, baseline);
        if last.is_ok() {
            if attempt > 1 {
                println!("{} held at try {attempt}", names(defects));
            }
            break;
        }
    }
    last
}

/// The names as the reference API takes them.
fn names(defects: &[&Defect]) -> String {
    defects.iter().map(|defect| defect.name.as_str()).collect::<Vec<_>>().join(",")
}

/// One try.
fn hold_once(defects: &[&Defect], baseline: &Baseline) -> Result<(), String> {
    let names = names(defects);
    let product = Product::start(Some(&names), defects.iter().any(|defect| defect.served));
    let outcomes = product.run_as(&UNPUBLISHED);
    let passes = |check: &String| outcomes.get(check).is_some_and(|outcome| outcome == "pass");
    let turned: BTreeSet<String> = baseline.passing.iter().filter(|check| !passes(check)).cloned().collect();
    let mut wrong = String::new();
    for claim in defects.iter().flat_map(|defect| &defect.claims) {
        if baseline.claims.get(claim).is_none_or(|checks| checks.is_disjoint(&turned)) {
            let _ = writeln!(wrong, "  {claim} still holds");
        }
    }
    let allowed = defects.iter().flat_map(|defect| defect.claims.iter().chain(&defect.linked));
    let allowed: BTreeSet<String> = allowed.filter_map(|claim| baseline.claims.get(claim)).flatten().cloned().collect();
    for check in turned.difference(&allowed) {
        let _ = writeln!(
            wrong,
            "  {check} turned ({}), and nobody said that it would",
            outcomes.get(check).map_or("not asked", String::as_str)
        );
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{names}:\n{wrong}{}", product.findings())) }
}

#[test]
fn with_a_defect_exactly_the_checks_bound_to_it_turn() {
    let defects = defects();
    let named = std::env::var("AVOUCH_DEFECTS").ok();
    let chosen: Vec<&Defect> = defects
        .iter()
        .filter(|defect| {
            named.as_ref().is_none_or(|names| names.split(',').any(|name| name == defect.name || name == BLIND && defect.blind))
        })
        .collect();
    let trials = trials(&chosen, named.as_ref().is_none_or(|names| names == BLIND));
    let (served, unserved) = (baseline(true), baseline(false));
    let (next, late) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let baseline = |defects: &[&Defect]| {
                        if defects.iter().any(|defect| defect.served) { &served } else { &unserved }
                    };
                    if trial.len() > 1 {
                        match hold(trial, baseline(trial)) {
                            Ok(()) => continue,
                            Err(error) => println!("together: {error}"),
                        }
                    }
                    // One by one, where it is not clear which of several was not found.
                    for defect in trial {
                        let baseline = baseline(&[defect]);
                        if let Err(error) = hold(&[defect], baseline) {
                            println!("beside others: {error}");
                            late.lock().unwrap().push((*defect, baseline));
                        }
                    }
                }
            });
        }
    });
    // What was not found beside others is tried once more by itself: then no load of ours hides it.
    let late = late.into_inner().unwrap();
    let wrong: Vec<String> = late.iter().filter_map(|(defect, baseline)| hold_once(&[*defect], baseline).err()).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} defects were not found as they must be:\n\n{}",
        wrong.len(),
        chosen.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_claim_that_is_decided_has_two_defects_that_turn_it_one_of_them_blind() {
    let defects = defects();
    let mapping = include_str!("../mappings/profiles/auth-api.toml");
    let document: toml::Table = mapping.parse().unwrap();
    let claims = document["claim"].as_table().unwrap();
    assert_eq!(claims.len(), 62);
    for id in claims.keys() {
        let turning: Vec<&Defect> = defects.iter().filter(|defect| defect.claims.contains(id)).collect();
        assert!(turning.len() >= 2, "fewer than two defects turn {id}");
        assert!(turning.iter().any(|defect| defect.blind), "{id} has no blind defect");
    }
    assert!(defects.iter().all(|defect| defect.linked.len() <= 2), "too many claims turn along");
}

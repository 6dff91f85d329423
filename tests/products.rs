//! The kill matrices of the products below `tests/products`, one a profile: without a defect every check of the profile passes,
//! with one exactly the checks bound to it turn.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use support::reference::reference_api;

/// Where the products lie, and where Node.js for them is installed (`tests/setup.sh`).
const PRODUCTS: &str = "tests/products";
const NODE: &str = "target/test-tools/products/bin";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn products() -> BTreeSet<String> {
    let folders = fs::read_dir(workspace().join(PRODUCTS)).unwrap().map(|entry| entry.unwrap());
    folders
        .filter(|entry| entry.path().join("product.toml").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[test]
fn with_a_defect_exactly_the_checks_bound_to_it_turn() {
    let node = workspace().join(NODE);
    assert!(node.join("node").exists(), "there is no Node.js in `{NODE}`: run tests/setup.sh first");
    let chosen = std::env::var("AVOUCH_PRODUCTS").ok();
    let mut wrong = String::new();
    for product in products().iter().filter(|name| chosen.as_ref().is_none_or(|names| names.split(',').any(|one| one == *name))) {
        let output = Command::new(reference_api())
            .args(["product", "matrix"])
            .arg(workspace().join(PRODUCTS).join(product))
            .arg("--avouch")
            .arg(env!("CARGO_BIN_EXE_avouch"))
            .arg("--node")
            .arg(&node)
            .output()
            .unwrap();
        println!("{}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            wrong += &format!("{product}: {}\n", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_built_in_profile_has_a_subject() {
    let profiles = fs::read_dir(workspace().join("mappings/profiles")).unwrap().map(|entry| entry.unwrap().path());
    let mut names: BTreeSet<String> = profiles.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    // The reference API is its subject; tests/kill_matrix.rs holds it.
    assert!(names.remove("auth-api"));
    assert_eq!(names, products());
}

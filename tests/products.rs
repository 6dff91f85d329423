//! The kill matrices of the products below `tests/products`, one a profile: without a defect every check of the profile passes,
//! with one exactly the checks bound to it turn.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use avouch_read::mapping::{Trial, Trials};
use support::reference::reference_api;

/// The table that the program carries to the sites of products, and what writes it anew from the tables of defects.
const TABLE: &str = "mappings/kill-matrix.json";
const REWRITE: &str = "AVOUCH_REWRITE_TRIALS";

/// Where the products lie, and where Node.js for them is installed (`tests/setup.sh`).
const PRODUCTS: &str = "tests/products";
const NODE: &str = "target/test-tools/products/bin";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn node() -> PathBuf {
    let node = workspace().join(NODE);
    assert!(node.join("node").exists(), "there is no Node.js in `{NODE}`: run tests/setup.sh first");
    node
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
    let chosen = std::env::var("AVOUCH_PRODUCTS").ok();
    let products = products();
    let products = products.iter().filter(|name| chosen.as_ref().is_none_or(|names| names.split(',').any(|one| one == *name)));
    let wrong: String = products.filter_map(|product| matrix(product, &[])).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn on_workerd_with_a_local_d1_the_same_is_told() {
    assert_eq!(matrix("secret-store", &["--worker", "--jobs", "1"]), None);
}

/// What is wrong with the matrix of a product.
fn matrix(product: &str, how: &[&str]) -> Option<String> {
    let mut command = Command::new(reference_api());
    // What D1 answers waits until a disk has it; a disk in memory has it at once.
    if Path::new("/dev/shm").is_dir() {
        command.env("TMPDIR", "/dev/shm");
    }
    let output = command
        .args(["product", "matrix"])
        .arg(workspace().join(PRODUCTS).join(product))
        .args(how)
        .arg("--avouch")
        .arg(env!("CARGO_BIN_EXE_avouch"))
        .arg("--node")
        .arg(node())
        .output()
        .unwrap();
    // What held at once is of no interest to whoever reads a failing test.
    let table = String::from_utf8_lossy(&output.stdout);
    table.lines().filter(|row| row.contains("(at try ") || row.contains("found exactly")).for_each(|row| println!("{row}"));
    (!output.status.success()).then(|| format!("{product}: {}\n", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn every_built_in_profile_has_a_subject() {
    let profiles = fs::read_dir(workspace().join("mappings/profiles")).unwrap().map(|entry| entry.unwrap().path());
    let mut names: BTreeSet<String> = profiles.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    // The reference API is its subject; tests/kill_matrix.rs holds it.
    assert!(names.remove("auth-api"));
    assert_eq!(names, products());
}

/// What is published of these trials is what they hold: the names of the defects, what each changes, and the claims it turns.
#[test]
fn the_table_that_sites_publish_is_the_one_that_is_tried() {
    let output = Command::new(reference_api()).args(["defects", "--json"]).output().unwrap();
    let of_the_api: Vec<toml::Table> = serde_json::from_slice(&output.stdout).unwrap();
    let mut profiles = BTreeMap::from([("auth-api".to_owned(), trial(&of_the_api))]);
    for product in products() {
        let read = |file: &str| -> toml::Table {
            fs::read_to_string(workspace().join(PRODUCTS).join(&product).join(file)).unwrap().parse().unwrap()
        };
        let defects: Vec<toml::Table> =
            read("defects.toml")["defect"].as_array().unwrap().iter().map(|one| one.as_table().unwrap().clone()).collect();
        profiles.insert(read("product.toml")["profile"].as_str().unwrap().to_owned(), trial(&defects));
    }
    let table = Trials { v: 1, program: format!("avouch {}", env!("CARGO_PKG_VERSION")), profiles };
    let text = serde_json::to_string_pretty(&table).unwrap() + "\n";
    let file = workspace().join(TABLE);
    if std::env::var_os(REWRITE).is_some() {
        fs::write(&file, &text).unwrap();
    }
    assert!(fs::read_to_string(&file).unwrap() == text, "`{TABLE}` is not what is tried: run this test once with {REWRITE}=1");
}

fn trial(defects: &[toml::Table]) -> Trial {
    let mut trial = Trial::default();
    for defect in defects {
        let name = defect["name"].as_str().unwrap();
        trial.defects.insert(name.to_owned(), defect["change"].as_str().unwrap().to_owned());
        for claim in defect["claims"].as_array().unwrap() {
            trial.claims.entry(claim.as_str().unwrap().to_owned()).or_default().push(name.to_owned());
        }
    }
    trial.claims.values_mut().for_each(|names| names.sort());
    trial
}

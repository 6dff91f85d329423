//! A small product with claims of its own: what a test asks about and nothing else, so that a run takes a moment.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use super::{Ran, Sandbox};

/// A check and the claim that it decides, both named `id`.
pub fn check(id: &str, kind: &str, when: &str, parameters: &str) -> String {
    let bound = if when == "operate" { "time" } else { "release" };
    format!(
        "[check.{id}]\nkind = \"{kind}\"\nquestion.en = \"Is {id} as promised?\"\nsubject = \"the product\"\nwhen = \"{when}\"\n\
         bound = \"{bound}\"\nmax_age = \"7 days\"\nseverity = \"low\"\n[check.{id}.parameters]\n{parameters}\n\n\
         [claim.C-{id}]\ncontrol = \"care\"\nstrength = \"must\"\nstatement.en = \"We promise {id}.\"\n\
         requirements = [\"API8:2023\"]\nchecks = [\"{id}\"]\n\n"
    )
}

/// The profile, the configuration, a key and a ledger; without checks nothing is claimed.
pub fn product(sandbox: &Sandbox, checks: &[String], configuration: &str) {
    let mut profile = String::from(
        "id = \"small\"\ntitle.en = \"A small product\"\n\n[control.care]\ntitle.en = \"Care is taken\"\n\
         statement.en = \"We take care.\"\nsatisfies = [{ requirement = \"API8:2023\", relation = \"subset-of\" }]\n\n",
    );
    profile.extend(checks.iter().map(String::as_str));
    let profiles = if checks.is_empty() { "" } else { "\"small.toml\"" };
    sandbox.file("small.toml", profile);
    sandbox.file(
        "avouch.toml",
        format!(
            "[product]\nname = \"Small\"\nslug = \"small\"\nlanguages = [\"en\"]\nprofiles = [{profiles}]\n\n\
             [evidence]\norigin = \"small.example/1\"\n\n{configuration}\n"
        ),
    );
    sandbox.begin();
}

/// How each check of the profile stands, by `check --format json`. What the baseline says beside them is asked by its own test.
pub fn states(ran: &Ran) -> BTreeMap<String, String> {
    let judged: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", ran.stdout, ran.stderr));
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let checks = judged["checks"].as_array().expect("checks").iter();
    let states = checks.map(|check| (text(&check["check"]), text(&check["state"])));
    states.filter(|(check, _)| !check.starts_with("baseline.")).collect()
}

/// How one check stands now; whatever it is, the exit code says the same.
#[track_caller]
pub fn state(sandbox: &Sandbox, id: &str) -> String {
    let ran = sandbox.avouch(&["check", "--format", "json"]);
    let state = states(&ran).remove(id).unwrap_or_else(|| panic!("no check `{id}`: {}", ran.stdout));
    assert_eq!(
        ran.code,
        match state.as_str() {
            "pass" => 0,
            "fail" => 1,
            _ => 3,
        },
        "{state}\n{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("panicked at"), "{}", ran.stderr);
    state
}

/// A file of this many bytes that takes no room on the disk.
pub fn sparse(path: &Path, bytes: u64) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    fs::File::create(path).and_then(|file| file.set_len(bytes)).expect("a sparse file");
}

/// Every file below a folder with its content.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_str().expect("UTF-8").to_owned();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    found
}

/// Fails with the names of the files that are not as they were.
#[track_caller]
pub fn unchanged(before: &BTreeMap<String, Vec<u8>>, folder: &Path) {
    let after = files(folder);
    let all: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let other: Vec<_> = all.into_iter().filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(other.is_empty(), "not as before: {other:?}");
}

/// Asks again until it is so; how often is bounded, so that a test ends.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = ask() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("a minute went by, and not yet: {what}");
}

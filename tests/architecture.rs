//! What must hold of the workspace as a whole: the picture in `docs/architecture.md`, and its invariants.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Rooms and the rooms they may use, as the picture has them: model below instruments below stages below `avouch`.
const INSTRUMENTS: &[&str] = &["read", "repository", "scan", "advise", "database", "probe", "log"];
const STAGES: &[&str] = &["sbom", "collect", "retain", "evaluate", "record", "render"];
/// Rooms that open no file, no socket and no clock.
const PURE: &[&str] = &["model", "log", "read", "scan", "advise", "evaluate", "render"];
/// The only rooms with sockets.
const SOCKETS: &[&str] = &["probe", "database", "avouch"];
/// The only stage that may use `log`; `render`, `evaluate` and the rest never see keys or proofs.
const LOG_USERS: &[&str] = &["record", "avouch"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn rooms() -> BTreeMap<String, toml::Table> {
    fs::read_dir(root().join("generator"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), manifest.parse().unwrap())
        })
        .collect()
}

fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    manifest.get("dependencies").and_then(toml::Value::as_table).map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

/// The Rust sources of a room without its tests: everything before `#[cfg(test)]` of each file.
fn sources(room: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.push((path, code));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("generator").join(room).join("src"), &mut found);
    found
}

#[test]
fn no_arrow_goes_up_and_no_stage_uses_a_stage() {
    let rooms = rooms();
    let known: BTreeSet<_> =
        INSTRUMENTS.iter().chain(STAGES).chain(&["model", "avouch"]).map(|room| (*room).to_owned()).collect();
    assert_eq!(rooms.keys().cloned().collect::<BTreeSet<_>>(), known, "a room that the picture does not show");
    for (room, manifest) in &rooms {
        let used = dependencies(manifest).into_iter().filter_map(|name| name.strip_prefix("avouch-").map(str::to_owned));
        for other in used {
            let allowed = match room.as_str() {
                "avouch" => true,
                "model" => false,
                room if INSTRUMENTS.contains(&room) => other == "model",
                room => {
                    other == "model" || INSTRUMENTS.contains(&other.as_str()) && (other != "log" || LOG_USERS.contains(&room))
                }
            };
            assert!(allowed, "{room} uses {other}, which the picture does not allow");
        }
    }
}

#[test]
fn the_picture_in_the_documentation_names_every_room() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    for room in rooms().keys() {
        assert!(page.contains(&format!("| `{room}` |")), "docs/architecture.md does not describe {room}");
    }
}

#[test]
fn pure_rooms_open_nothing() {
    let doors =
        ["std::fs", "TcpStream", "ToSocketAddrs", "std::process", "std::env", "SystemTime", "Instant::now", "Utc::now", "tokio"];
    for room in PURE {
        for (path, code) in sources(room) {
            for door in doors {
                assert!(!code.contains(door), "{} names {door}", path.display());
            }
        }
    }
}

#[test]
fn sockets_are_opened_in_three_rooms_only() {
    for (room, manifest) in rooms() {
        if SOCKETS.contains(&room.as_str()) {
            continue;
        }
        let used = dependencies(&manifest);
        assert!(!used.contains("tokio") && !used.contains("hyper"), "{room} depends on tokio or hyper");
        for (path, code) in sources(&room) {
            assert!(!code.contains("TcpStream") && !code.contains("UdpSocket"), "{} opens a socket", path.display());
        }
    }
}

#[test]
fn only_retain_deletes_and_only_record_holds_the_key() {
    for room in rooms().keys() {
        for (path, code) in sources(room) {
            if !["retain", "database"].contains(&room.as_str()) {
                assert!(!code.contains("avouch_database::Purge"), "{} names the Purge face", path.display());
                assert!(!code.contains("avouch_database::bucket"), "{} names the face of buckets", path.display());
            }
            if room != "record" {
                assert!(!code.contains("SigningKey"), "{} names a signing key", path.display());
            }
        }
    }
}

#[test]
fn every_crate_shares_the_lints_and_is_not_published() {
    for (room, manifest) in rooms() {
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{room}");
        assert_eq!(manifest["package"]["publish"]["workspace"].as_bool(), Some(true), "{room}");
    }
    let workspace: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
}

#[test]
fn the_program_is_made_of_at_most_three_hundred_crates() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "-p", "avouch", "-e", "normal,build", "--prefix", "none", "--no-dedupe"])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<_> =
        listed.lines().map(|line| line.replace(" (proc-macro)", "")).filter(|line| !line.is_empty()).collect();
    assert!(crates.len() > 50, "cargo tree listed only {} crates", crates.len());
    assert!(crates.len() <= 300, "{} crates", crates.len());
}

#[test]
fn nothing_in_the_repository_names_where_it_was_made() {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    assert!(output.status.success());
    let here = root().parent().unwrap().to_str().unwrap().to_owned() + "/";
    let home = std::env::var("HOME").unwrap_or_default() + "/";
    for path in output.stdout.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
        let path = root().join(std::str::from_utf8(path).unwrap());
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for place in [&here, &home].into_iter().filter(|place| place.len() > 3) {
            assert!(!text.contains(place.as_str()), "{} holds a path of this machine", path.display());
        }
    }
}

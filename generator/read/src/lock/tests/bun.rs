//! `bun.lock`.

use super::*;

const BUN: &str = r#"{
  "lockfileVersion": 1,
  // A comment, and commas at the end.
  "workspaces": {
    "": {
      "name": "shop",
      "dependencies": { "@s/a": "^1.0.0", "g": "github:o/g", "tar": "https://host.example/tar.tgz", "ui": "workspace:*", },
      "devDependencies": { "tool": "1" },
    },
    "packages/ui": { "name": "ui", "version": "0.1.0", "dependencies": { "b": "^2.0.0" }, "optionalDependencies": { "o": "1" } },
  },
  "patchedDependencies": { "b@1.0.0": "patches/b.patch" },
  "packages": {
    "@s/a": ["@s/a@1.2.3", "", { "dependencies": { "b": "^1.0.0" }, "peerDependencies": { "p": "*", "q": "*" }, "optionalPeers": ["q"] }, "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="],
    "b": ["b@1.0.0", "https://npm.example/team", {}, "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="],
    "g": ["g@github:o/g#0123abc", { "dependencies": { "b": "*" } }, "o-g-0123abc"],
    "h": ["h@git+ssh://git@host.example/h.git#0123456789abcdef0123456789abcdef01234567", {}, "0123456789abcdef0123456789abcdef01234567"],
    "o": ["@real/o@1.0.0", "", { "os": "darwin" }, "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="],
    "tar": ["tar@https://host.example/tar.tgz", {}],
    "tool": ["tool@1.0.0", "", { "dependencies": { "h": "*", "b": "^1.0.0" } }, ""],
    "ui": ["ui@workspace:packages/ui"],
    "ui/b": ["b@2.0.0", "", {}, "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="],
  }
}"#;

#[test]
fn keys_tell_who_finds_what() {
    let lock = read("bun.lock", BUN);
    let needed = graph(&lock);
    assert_eq!(needed["shop -"], ["@s/a 1.2.3", "g -", "tar -", "tool 1.0.0", "ui 0.1.0"]);
    assert_eq!(needed["ui 0.1.0"], ["@real/o 1.0.0", "b 2.0.0"]);
    assert_eq!(needed["@s/a 1.2.3"], ["b 1.0.0"]);
    assert_eq!(needed["tool 1.0.0"], ["b 1.0.0", "h -"]);
    assert_eq!(lock.roots.len(), 2);
    assert_eq!(lock.unresolved.iter().collect::<Vec<_>>(), ["@s/a 1.2.3 → p"]);
    assert_eq!(package(&lock, "h").scope, Scope::Excluded);
    assert_eq!(package(&lock, "@real/o").scope, Scope::Optional);
    assert!(package(&lock, "@real/o").conditional);
    assert!(package(&lock, "b").patched);
    assert_eq!(package(&lock, "b").origin, Origin::OtherRegistry { url: "https://npm.example/team".into() });
    assert_eq!(package(&lock, "g").origin, Origin::Git { url: "https://github.com/o/g".into(), commit: "0123abc".into() });
    assert_eq!(package(&lock, "h").origin, Origin::Git { url: "ssh://git@host.example/h.git".into(), commit: COMMIT.into() });
    assert_eq!(package(&lock, "tar").origin, Origin::Archive { url: "https://host.example/tar.tgz".into() });
    let tool = lock.importers[0].asked.iter().find(|asked| asked.name == "tool").unwrap();
    assert_eq!((tool.specifier.as_deref(), tool.need), (Some("1"), Need::Development));
    assert_eq!(lock.packages[tool.found.unwrap()].name, "tool");
}

#[test]
fn version_2_says_what_version_1_says() {
    let second = read("bun.lock", &BUN.replace("\"lockfileVersion\": 1", "\"lockfileVersion\": 2, \"configVersion\": 1"));
    assert_eq!(second.format_version, "2");
    assert_eq!(Lockfile { format_version: "1".to_owned(), ..second }, read("bun.lock", BUN));
}

#[test]
fn the_binary_lockfile_is_refused_with_the_command_that_converts_it() {
    let error = parse("web/bun.lockb", b"#!/usr/bin/env bun\nbun-lockfile-format-v0\n\0").unwrap_err().to_string();
    assert!(error.contains("bun install --save-text-lockfile --frozen-lockfile --lockfile-only"), "{error}");
    assert!(unread("bun.lockb").is_some_and(|tool| tool.contains("--save-text-lockfile")));
}

#[test]
fn what_bun_never_writes_is_refused_at_its_place() {
    for (text, place) in [
        (r#"{"lockfileVersion": 3}"#, "bun.lock:1:21:"),
        (r#"{"lockfileVersion": 1}"#, "bun.lock:1:1:"),
        (r#"{"lockfileVersion": 1, "workspaces": {"": {}}, "packages": {"a": []}}"#, "bun.lock:1:66:"),
        (
            r#"{"lockfileVersion": 1, "workspaces": {"": {}}, "packages": {"a": ["a@1.0.0", "", {}, "sha512-AA"]}}"#,
            "bun.lock:1:66:",
        ),
    ] {
        let error = refused("bun.lock", text);
        assert!(error.starts_with(place), "{text:?}: {error}");
    }
}

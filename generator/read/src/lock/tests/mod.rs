//! Small lockfiles of every format, the ways in which they break, and `cargo-lock` as an oracle.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

mod addresses;
mod bun;
mod go;
mod hostile;
mod model;
mod npm;
mod pnpm;
mod python;
mod requirements;
mod step;
mod yarn;

const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn read(path: &str, text: &str) -> Lockfile {
    parse(path, text.as_bytes()).unwrap()
}

fn refused(path: &str, text: &str) -> String {
    parse(path, text.as_bytes()).unwrap_err().to_string()
}

/// `name version` of a package, and of what it needs.
fn graph(lock: &Lockfile) -> BTreeMap<String, Vec<String>> {
    let shown = |package: &Package| format!("{} {}", package.name, package.version.as_deref().unwrap_or("-"));
    let needs = |package: &Package| package.dependencies.iter().map(|at| shown(&lock.packages[*at])).collect();
    lock.packages.iter().map(|package| (shown(package), needs(package))).collect()
}

fn scopes(lock: &Lockfile) -> Vec<(&str, Scope)> {
    lock.packages.iter().map(|package| (package.name.as_str(), package.scope)).collect()
}

fn package<'a>(lock: &'a Lockfile, name: &str) -> &'a Package {
    lock.packages.iter().find(|package| package.name == name).unwrap()
}

#[test]
fn one_version_from_two_sources_is_two_packages() {
    let text = format!(
        "version = 3\n[[package]]\nname = \"a\"\nversion = \"0.1.0\"\n\
         dependencies = [\"t 1.0.0 ({INDEX})\", \"t 1.0.0 (git+https://host.example/t?branch=x)\", \"t 1.0.0\"]\n\
         [[package]]\nname = \"t\"\nversion = \"1.0.0\"\n\
         [[package]]\nname = \"t\"\nversion = \"1.0.0\"\nsource = \"{INDEX}\"\n\
         [[package]]\nname = \"t\"\nversion = \"1.0.0\"\nsource = \"git+https://host.example/t?branch=x#{COMMIT}\"\n"
    );
    let lock = read("Cargo.lock", &text);
    let origins: Vec<&Origin> = lock.packages.iter().filter(|it| it.name == "t").map(|it| &it.origin).collect();
    let git = Origin::Git { url: "https://host.example/t".into(), commit: COMMIT.into() };
    assert_eq!(origins, [&Origin::Registry, &git, &Origin::Path { path: None }]);
    assert_eq!(package(&lock, "a").dependencies.len(), 3);
    assert_eq!(lock.roots.len(), 2);
}

#[test]
fn the_first_version_keeps_its_checksums_and_root_apart() {
    let text = format!(
        "[root]\nname = \"a\"\nversion = \"0.1.0\"\ndependencies = [\"b 1.0.0 ({INDEX})\"]\n\
         [[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"{INDEX}\"\n\
         [metadata]\n\"checksum b 1.0.0 ({INDEX})\" = \"{}\"\n",
        "ab".repeat(32)
    );
    let lock = read("Cargo.lock", &text);
    assert_eq!(lock.format_version, "1");
    assert_eq!(package(&lock, "b").hashes[0].hex, "ab".repeat(32));
    assert_eq!(graph(&lock)["a 0.1.0"], ["b 1.0.0"]);
}

#[test]
fn other_registries_and_sparse_ones_are_told_apart() {
    let of = |source: &str| {
        let text = format!("[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n");
        read("Cargo.lock", &text).packages[0].origin.clone()
    };
    assert_eq!(of(INDEX), Origin::Registry);
    let url = "https://registry.example/index".to_owned();
    assert_eq!(of("registry+https://user:pass@registry.example/index"), Origin::OtherRegistry { url });
    let url = "sparse+https://registry.example/index/".to_owned();
    assert_eq!(of("sparse+https://registry.example/index/"), Origin::OtherRegistry { url });
    assert_eq!(of("path+file:///home/someone/a"), Origin::Path { path: None });
}

#[test]
fn folders_of_node_modules_are_searched_upwards() {
    let text = r#"{"name": "r", "version": "1.0.0", "lockfileVersion": 2, "packages": {
        "": {"name": "r", "version": "1.0.0", "workspaces": ["w/*"], "dependencies": {"a": "*"}, "devDependencies": {"d": "*"},
             "optionalDependencies": {"o": "*"}},
        "w/x": {"version": "0.1.0", "dependencies": {"b": "*", "alias": "*"}, "peerDependencies": {"nobody": "*"}},
        "node_modules/x": {"resolved": "w/x", "link": true},
        "node_modules/a": {"version": "1.0.0", "license": "MIT", "dependencies": {"b": "*", "x": "*"}},
        "node_modules/a/node_modules/b": {"version": "1.0.0"},
        "node_modules/b": {"version": "2.0.0"},
        "node_modules/d": {"version": "1.0.0", "dev": true, "dependencies": {"b": "*", "e": "*"}},
        "node_modules/e": {"version": "1.0.0", "resolved": "git+ssh://git@host.example/e.git#0123456789abcdef0123456789abcdef01234567"},
        "node_modules/o": {"version": "1.0.0", "resolved": "https://host.example/o.tgz", "dependencies": {"p": "*"}},
        "node_modules/p": {"version": "1.0.0", "resolved": "file:../p.tgz"},
        "node_modules/alias": {"name": "@real/name", "version": "3.0.0"}
    }}"#;
    let lock = read("package-lock.json", text);
    let graph = graph(&lock);
    assert_eq!(graph["a 1.0.0"], ["b 1.0.0", "x 0.1.0"]);
    assert_eq!(graph["x 0.1.0"], ["@real/name 3.0.0", "b 2.0.0"]);
    assert_eq!(graph["d 1.0.0"], ["b 2.0.0", "e 1.0.0"]);
    let excluded: Vec<&str> =
        scopes(&lock).into_iter().filter(|(_, scope)| *scope == Scope::Excluded).map(|(name, _)| name).collect();
    assert_eq!(excluded, ["d", "e"]);
    let optional: Vec<&str> =
        scopes(&lock).into_iter().filter(|(_, scope)| *scope == Scope::Optional).map(|(name, _)| name).collect();
    assert_eq!(optional, ["o", "p"]);
    assert_eq!(lock.unresolved.iter().collect::<Vec<_>>(), ["w/x → nobody"]);
    assert_eq!(package(&lock, "e").origin, Origin::Git { url: "ssh://git@host.example/e.git".into(), commit: COMMIT.into() });
    assert_eq!(package(&lock, "o").origin, Origin::Archive { url: "https://host.example/o.tgz".into() });
    assert_eq!(package(&lock, "p").origin, Origin::Path { path: Some("../p.tgz".into()) });
    assert_eq!(package(&lock, "a").licence.as_deref(), Some("MIT"));
    assert_eq!(lock.roots.iter().map(|at| lock.packages[*at].name.as_str()).collect::<Vec<_>>(), ["r", "x"]);
}

#[test]
fn the_registry_of_npm_is_the_one_that_serves_its_archives() {
    let default = format!("https://{}/a/-/a-1.0.0.tgz", ["registry", "npmjs", "org"].join("."));
    assert_eq!(package_lock::origin("a", Some(&default)), Origin::Registry);
    let other = Origin::OtherRegistry { url: "https://npm.example/team".into() };
    assert_eq!(package_lock::origin("@s/a", Some("https://t:secret@npm.example/team/@s/a/-/a-1.0.0.tgz")), other);
    assert_eq!(package_lock::origin("a", None), Origin::Registry);
}

const PNPM_9: &str = "lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      ui:
        specifier: workspace:*
        version: link:packages/ui
      real:
        specifier: npm:@real/name@1
        version: '@real/name@1.2.0'
    devDependencies:
      tool:
        specifier: '1'
        version: 1.0.0(peer@2.0.0)
  packages/ui:
    dependencies:
      lib:
        specifier: '1'
        version: 1.0.0(patch_hash=abc)(peer@1.0.0)
      outside:
        specifier: link:../../../x
        version: link:../../../x
    optionalDependencies:
      packed:
        specifier: github:o/packed
        version: https://codeload.github.com/o/packed/tar.gz/0123456789abcdef0123456789abcdef01234567
packages:
  '@real/name@1.2.0':
    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}
  lib@1.0.0:
    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}
  packed@https://codeload.github.com/o/packed/tar.gz/0123456789abcdef0123456789abcdef01234567:
    resolution: {tarball: https://codeload.github.com/o/packed/tar.gz/0123456789abcdef0123456789abcdef01234567}
    version: 4.0.0
  peer@1.0.0:
    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}
  peer@2.0.0:
    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}
  tool@1.0.0:
    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}
snapshots:
  '@real/name@1.2.0': {}
  lib@1.0.0(patch_hash=abc)(peer@1.0.0):
    dependencies:
      peer: 1.0.0
  packed@https://codeload.github.com/o/packed/tar.gz/0123456789abcdef0123456789abcdef01234567: {}
  peer@1.0.0: {}
  peer@2.0.0: {}
  tool@1.0.0(peer@2.0.0):
    dependencies:
      peer: 2.0.0
";

#[test]
fn importers_links_aliases_and_peer_variants_of_pnpm_9_are_followed() {
    let lock = read("web/pnpm-lock.yaml", PNPM_9);
    let graph = graph(&lock);
    assert_eq!(graph["root -"], ["@real/name 1.2.0", "packages/ui -", "tool 1.0.0"]);
    assert_eq!(graph["packages/ui -"], ["lib 1.0.0", "packed 4.0.0"]);
    assert_eq!(graph["lib 1.0.0"], ["peer 1.0.0"]);
    assert!(package(&lock, "lib").patched && !package(&lock, "tool").patched);
    assert_eq!(package(&lock, "packed").origin, Origin::Git { url: "https://github.com/o/packed".into(), commit: COMMIT.into() });
    assert_eq!(package(&lock, "packed").scope, Scope::Optional);
    assert_eq!(package(&lock, "tool").scope, Scope::Excluded);
    let peers: Vec<_> = lock.packages.iter().filter(|it| it.name == "peer").map(|it| it.scope).collect();
    assert_eq!(peers, [Scope::Required, Scope::Excluded]);
    assert_eq!(lock.unresolved.iter().collect::<Vec<_>>(), ["packages/ui → outside"]);
}

#[test]
fn the_keys_of_pnpm_6_are_read_too() {
    let text = "lockfileVersion: '6.0'\ndependencies:\n  '@s/a':\n    specifier: ^1.0.0\n    version: 1.0.0(b@2.0.0)\n\
                devDependencies:\n  al:\n    specifier: npm:b@2\n    version: /b@2.0.0\n\
                packages:\n  /@s/a@1.0.0(b@2.0.0):\n    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}\n    dependencies:\n      b: 2.0.0\n    dev: false\n\
                \x20 /b@2.0.0:\n    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}\n";
    let lock = read("pnpm-lock.yaml", text);
    assert_eq!(graph(&lock)["@s/a 1.0.0"], ["b 2.0.0"]);
    assert_eq!(graph(&lock)["root -"], ["@s/a 1.0.0", "b 2.0.0"]);
    assert_eq!(package(&lock, "b").scope, Scope::Required);
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_the_way_out() {
    for (path, text, place, way) in [
        (
            "Cargo.lock",
            "version = 9\n[[package]]\nname=\"a\"\nversion=\"1.0.0\"\n",
            "Cargo.lock:1:11:",
            "cargo generate-lockfile",
        ),
        ("Cargo.lock", "version = 4\n", "Cargo.lock:1:1:", "cargo generate-lockfile"),
        ("Cargo.lock", "[[package]]\nname=\"a\"\nversion=\"1.0.0\"\ndependencies = [\"gone\"]\n", "Cargo.lock:4:17:", "cut off"),
        ("Cargo.lock", "[[package]]\nname=\"a\"\nversion=\"1", "Cargo.lock:3:", "cut off"),
        ("Cargo.lock", "[[package]]\n<<<<<<< HEAD\nname=\"a\"\n", "Cargo.lock:2:1:", "take one side of the merge"),
        ("package-lock.json", "{\"lockfileVersion\": 4, \"dependencies\": {}}", "package-lock.json:1:21:", "npm 7"),
        (
            "package-lock.json",
            "{\"lockfileVersion\": 3, \"packages\": {\"\": {}",
            "package-lock.json:1:",
            "npm install --package-lock-only",
        ),
        ("x/pnpm-lock.yaml", "lockfileVersion: 4\n", "x/pnpm-lock.yaml:1:18:", "pnpm 9"),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\npackages:\n  a@1.0.0: {}\nsnapshots:\n  b@1.0.0: {}\n",
            "pnpm-lock.yaml:5:3:",
            "cut off",
        ),
        ("pnpm-lock.yaml", "", "pnpm-lock.yaml:1:1:", "pnpm install --lockfile-only"),
        ("Gemfile.lock", "", "Gemfile.lock:1:1:", "Cargo.lock"),
    ] {
        let error = refused(path, text);
        assert!(error.starts_with(place) && error.contains(way), "{path} {text:?}: {error}");
    }
    let error = parse("Cargo.lock", b"[[package]]\nname = \"\xff\"\n").unwrap_err().to_string();
    assert_eq!(error, "Cargo.lock:2:9: the bytes from here on are not UTF-8; save the file as UTF-8");
}

#[test]
fn windows_line_ends_change_nothing() {
    let unix = read("pnpm-lock.yaml", PNPM_9);
    assert_eq!(read("pnpm-lock.yaml", &PNPM_9.replace('\n', "\r\n")), unix);
}

#[test]
fn what_only_development_needs_is_told_by_manifests() {
    let text = format!(
        "[[package]]\nname = \"a\"\nversion = \"0.1.0\"\ndependencies = [\"b\", \"c\"]\n\
         [[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"{INDEX}\"\ndependencies = [\"d\"]\n\
         [[package]]\nname = \"c\"\nversion = \"1.0.0\"\nsource = \"{INDEX}\"\n\
         [[package]]\nname = \"d\"\nversion = \"1.0.0\"\nsource = \"{INDEX}\"\n"
    );
    let mut lock = read("Cargo.lock", &text);
    assert!(scopes(&lock).iter().all(|(_, scope)| *scope == Scope::Required));
    lock.tell_development(|from, to| from.name == "a" && to.name == "b");
    use Scope::{Excluded, Required};
    assert_eq!(scopes(&lock), [("a", Required), ("b", Excluded), ("c", Required), ("d", Excluded)]);
}

/// Crates `n0`, `n0`, `n1`, … in two versions each, every one with needs among all of them.
fn any_cargo_lock() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::collection::btree_set(0_usize..14, 0..5), 1..14).prop_map(|all| {
        let count = all.len();
        let named = |at: usize| (format!("n{}", at / 2), format!("{}.0.0", at % 2 + 1));
        let mut text = "version = 3\n".to_owned();
        for (at, needs) in all.iter().enumerate() {
            let (name, version) = named(at);
            let needs: Vec<String> = needs
                .iter()
                .filter(|to| **to < count && **to != at)
                .map(|to| {
                    let (name, version) = named(*to);
                    // Cargo leaves out a version that nothing could be confused with.
                    let alone = to % 2 == 0 && to + 1 == count;
                    if alone { format!("\"{name}\"") } else { format!("\"{name} {version}\"") }
                })
                .collect();
            let source = if at == 0 { String::new() } else { format!("source = \"{INDEX}\"\n") };
            text.push_str(&format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{source}"));
            text.push_str(&format!("dependencies = [{}]\n", needs.join(", ")));
        }
        text
    })
}

proptest! {
    #[test]
    fn a_cargo_lock_reads_as_cargo_lock_reads_it(text in any_cargo_lock()) {
        let ours = graph(&read("Cargo.lock", &text));
        let theirs: cargo_lock::Lockfile = text.parse().unwrap();
        let theirs: BTreeMap<String, Vec<String>> = theirs
            .packages
            .iter()
            .map(|package| {
                let needs: BTreeSet<String> = package.dependencies.iter().map(|it| format!("{} {}", it.name, it.version)).collect();
                (format!("{} {}", package.name, package.version), needs.into_iter().collect())
            })
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn a_required_package_is_one_that_a_slow_walk_reaches(text in any_cargo_lock()) {
        let lock = read("Cargo.lock", &text);
        let mut reached: BTreeSet<usize> = lock.roots.iter().copied().collect();
        for _ in 0..lock.packages.len() {
            let more: Vec<usize> = reached.iter().flat_map(|at| lock.packages[*at].dependencies.clone()).collect();
            reached.extend(more);
        }
        for (at, package) in lock.packages.iter().enumerate() {
            prop_assert_eq!(package.scope == Scope::Required, reached.contains(&at));
        }
    }

    #[test]
    fn a_lockfile_that_was_cut_off_never_panics(cut in 0_usize..2_000, path in prop::sample::select(vec!["Cargo.lock", "package-lock.json", "pnpm-lock.yaml"])) {
        let text = PNPM_9.get(..cut.min(PNPM_9.len())).unwrap_or(PNPM_9);
        if let Err(error) = parse(path, text.as_bytes()) {
            prop_assert!(error.0.help.is_some());
        }
    }
}

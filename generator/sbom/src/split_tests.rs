//! One BOM for each package that can be deployed by itself: all that it needs, and nothing that only others do.

use std::collections::BTreeMap;

use avouch_repository::InMemory;
use serde_json::Value;

use crate::{Caches, Deployable, Options, SbomError, Split, tests::facts, validate};

fn boms<const N: usize>(files: [(&str, &str); N]) -> BTreeMap<String, Value> {
    let tree = InMemory::of(files.map(|(path, text)| (path, text.to_owned())));
    let (facts, options) = (facts(), Options::default());
    let split = Split::of(&tree, &Caches::default(), &facts, &options).unwrap();
    let read = |one: Result<Deployable, SbomError>| {
        let one = one.unwrap();
        assert_eq!(validate(&one.sbom.bytes), []);
        (one.name, serde_json::from_slice(&one.sbom.bytes).unwrap())
    };
    split.map(read).collect()
}

/// The components with their scopes.
fn scopes(bom: &Value) -> Vec<String> {
    let components = bom["components"].as_array().unwrap().iter();
    let mut shown: Vec<String> =
        components.map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["scope"].as_str().unwrap())).collect();
    shown.sort_unstable();
    shown
}

/// The names of what something needs.
fn needs<'a>(bom: &'a Value, name: &str) -> Vec<&'a str> {
    let all = bom["components"].as_array().unwrap().iter().chain([&bom["metadata"]["component"]]);
    let named: BTreeMap<&str, &str> = all.map(|one| (one["bom-ref"].as_str().unwrap(), one["name"].as_str().unwrap())).collect();
    let mut dependencies = bom["dependencies"].as_array().unwrap().iter();
    let found = dependencies.find(|one| named[one["ref"].as_str().unwrap()] == name).unwrap();
    let mut needed: Vec<&str> =
        found["dependsOn"].as_array().into_iter().flatten().map(|to| named[to.as_str().unwrap()]).collect();
    needed.sort_unstable();
    needed
}

const PNPM: &str = "lockfileVersion: '9.0'
importers:
  .: {}
  packages/app:
    dependencies:
      lib: { specifier: 'workspace:*', version: link:../lib }
      shared: { specifier: 1.0.0, version: 1.0.0 }
    devDependencies:
      tester: { specifier: 1.0.0, version: 1.0.0 }
  packages/lib:
    dependencies:
      small: { specifier: 1.0.0, version: 1.0.0 }
    devDependencies:
      shared: { specifier: 1.0.0, version: 1.0.0 }
      tester: { specifier: 1.0.0, version: 1.0.0 }
packages:
  shared@1.0.0: { resolution: { integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= } }
  small@1.0.0: { resolution: { integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= } }
  tester@1.0.0: { resolution: { integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= } }
snapshots:
  shared@1.0.0: {}
  small@1.0.0: {}
  tester@1.0.0: {}
";

#[test]
fn what_another_package_is_developed_with_leaves_no_edge() {
    let manifest = r#"{"name": "app"}"#;
    let boms = boms([
        ("pnpm-lock.yaml", PNPM),
        ("packages/app/package.json", manifest),
        ("packages/lib/package.json", r#"{"name": "lib"}"#),
    ]);
    let app = &boms["app"];
    assert_eq!(scopes(app), ["lib required", "shared required", "small required", "tester excluded"]);
    assert_eq!(needs(app, "app"), ["lib", "shared", "tester"]);
    assert_eq!(needs(app, "lib"), ["small"], "its own tests are not run where it is a dependency");
    assert_eq!(needs(&boms["lib"], "lib"), ["shared", "small", "tester"]);
}

#[test]
fn an_extra_counts_where_it_is_asked_for_or_offered() {
    let lock = r#"version = 1
[manifest]
members = ["app", "lib"]
[[package]]
name = "app"
version = "1.0.0"
source = { editable = "app" }
dependencies = [{ name = "lib", extra = ["fast"] }, { name = "web" }]
[[package]]
name = "lib"
version = "1.0.0"
source = { editable = "lib" }
dependencies = [{ name = "base" }]
[package.optional-dependencies]
fast = [{ name = "native" }]
server = [{ name = "heavy" }, { name = "web", extra = ["ws"] }]
[[package]]
name = "web"
version = "1.0.0"
source = { registry = "https://pypi.org/simple" }
[package.optional-dependencies]
ws = [{ name = "base" }]
[[package]]
name = "base"
version = "1.0.0"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "native"
version = "1.0.0"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "heavy"
version = "1.0.0"
source = { registry = "https://pypi.org/simple" }
"#;
    let boms = boms([("uv.lock", lock)]);
    let app = &boms["app"];
    assert_eq!(scopes(app), ["base required", "lib required", "native required", "web required"]);
    assert_eq!(needs(app, "lib"), ["base", "native"]);
    assert_eq!(needs(app, "web"), Vec::<&str>::new(), "nobody here asks for its extra");
    let lib = &boms["lib"];
    assert_eq!(scopes(lib), ["base required", "heavy optional", "native optional", "web optional"]);
    assert_eq!(needs(lib, "lib"), ["base", "heavy", "native", "web"]);
    assert_eq!(needs(lib, "web"), ["base"]);
}

#[test]
fn a_bom_of_one_package_tells_of_its_lockfile_and_of_no_other() {
    let npm =
        r#"{"name": "web", "version": "2.0.0", "lockfileVersion": 3, "packages": {"": {"name": "web", "version": "2.0.0"}}}"#;
    let cargo = "version = 4\n[[package]]\nname = \"server\"\nversion = \"1.0.0\"\n";
    let boms = boms([("Cargo.lock", cargo), ("web/package-lock.json", npm), ("web/package.json", r#"{"name": "web"}"#)]);
    let lockfiles = |bom: &Value| {
        let properties = bom["metadata"]["properties"].as_array().unwrap().iter();
        let named = properties.filter_map(|one| one["name"].as_str()?.strip_prefix("avouch:lockfile:").map(str::to_owned));
        named.collect::<Vec<_>>()
    };
    assert_eq!(lockfiles(&boms["server"]), ["Cargo.lock"]);
    assert_eq!(lockfiles(&boms["web"]), ["web/package-lock.json"]);
}

fn left_out<const N: usize>(files: [(&str, &str); N]) -> Result<Vec<String>, String> {
    let tree = InMemory::of(files.map(|(path, text)| (path, text.to_owned())));
    let (facts, options) = (facts(), Options::default());
    let split = Split::of(&tree, &Caches::default(), &facts, &options).map_err(|error| error.to_string())?;
    Ok(split.left_out.iter().map(|(path, reason)| format!("{path}: {reason}")).collect())
}

#[test]
fn a_fixture_or_an_example_of_a_workspace_is_no_product() {
    let pnpm = PNPM.replace("packages/lib", "packages/app/tests/fixtures/lib").replace("link:../lib", "link:tests/fixtures/lib");
    let boms = boms([("pnpm-lock.yaml", &pnpm), ("packages/app/package.json", r#"{"name": "app"}"#)]);
    assert_eq!(boms.keys().collect::<Vec<_>>(), ["app", "unnamed"]);
    assert!(scopes(&boms["app"]).contains(&"packages/app/tests/fixtures/lib required".to_owned()), "what it needs is in its BOM");
    let said = left_out([("pnpm-lock.yaml", &pnpm)]).unwrap();
    assert_eq!(said, ["packages/app/tests/fixtures/lib: it lies in `tests`"]);

    let cargo =
        "version = 4\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\n[[package]]\nname = \"shown\"\nversion = \"1.0.0\"\n";
    let files = [
        ("Cargo.lock", cargo),
        ("Cargo.toml", "[workspace]\nmembers = ['app', 'examples/shown']"),
        ("app/Cargo.toml", "[package]\nname = 'app'\n"),
        ("examples/shown/Cargo.toml", "[package]\nname = 'shown'\n"),
    ];
    assert_eq!(left_out(files).unwrap(), ["examples/shown: it lies in `examples`"]);
    let said = left_out([("pnpm-lock.yaml", "lockfileVersion: '9.0'\nimporters:\n  demo/a: {}\n")]).unwrap_err();
    assert!(
        said.starts_with("no package here can be deployed by itself; these do not count: demo/a (it lies in `demo`)"),
        "{said}"
    );
}

#[test]
fn a_package_without_a_name_is_called_after_its_folder() {
    let boms = boms([
        ("Cargo.lock", "version = 4\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\n"),
        ("build/deps/requirements.txt", "a==1.0\n"),
        ("web/pnpm-lock.yaml", "lockfileVersion: '9.0'\nimporters:\n  .: {}\n"),
    ]);
    assert_eq!(boms.keys().collect::<Vec<_>>(), ["app", "build/deps", "web"]);
}

#[test]
fn a_package_is_called_the_same_in_its_own_bom_and_in_those_of_others() {
    let files = [
        ("pnpm-lock.yaml", PNPM),
        ("package.json", r#"{"name": "shop"}"#),
        ("packages/app/package.json", r#"{"name": "@shop/app", "version": "2.0.0"}"#),
        ("packages/lib/package.json", r#"{"name": "lib", "version": "3.0.0"}"#),
    ];
    let tree = InMemory::of(files.map(|(path, text)| (path, text.to_owned())));
    let whole = crate::generate(&tree, &Caches::default(), &facts(), &Options::default()).unwrap();
    let whole: Value = serde_json::from_slice(&whole.bytes).unwrap();
    let purl = |bom: &Value, name: &str| {
        let mut components = bom["components"].as_array().unwrap().iter();
        components.find(|one| one["name"] == name).map(|one| one["purl"].as_str().unwrap().to_owned())
    };
    let boms = boms(files);
    for (name, expected) in [("@shop/app", "pkg:generic/shop/%40shop%2Fapp@2.0.0"), ("lib", "pkg:generic/shop/lib@3.0.0")] {
        assert_eq!(purl(&whole, name).unwrap(), expected);
        assert_eq!(boms[name]["metadata"]["component"]["purl"], expected);
    }
    assert_eq!(purl(&boms["@shop/app"], "lib").unwrap(), "pkg:generic/shop/lib@3.0.0");
    assert_eq!(boms["shop"]["metadata"]["component"]["purl"], "pkg:generic/shop@1.4.2");
}

#[test]
fn what_others_leave_open_keeps_no_bom_from_being_complete() {
    let out = "      gone: { specifier: 'link:../gone', version: link:../../../gone }\n";
    let pnpm = PNPM.replacen("    devDependencies:\n      tester", &format!("{out}    devDependencies:\n      tester"), 1);
    for manifest in ["packages/app/package.json", "README.json"] {
        let boms = boms([("pnpm-lock.yaml", &pnpm), (manifest, r#"{"name": "@shop/app"}"#)]);
        let app = boms.iter().find(|(name, _)| name.ends_with("/app")).unwrap().1;
        let lib = &boms["packages/lib"];
        assert_eq!(app["compositions"][0]["aggregate"], "incomplete");
        assert_eq!(lib["compositions"][0]["aggregate"], "complete", "{manifest}");
        assert!(app.to_string().contains("avouch:unresolved:") && !lib.to_string().contains("avouch:unresolved:"));
    }
}

//! BOMs of small repositories, against their lockfiles, the schema, and another reader of CycloneDX.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use avouch_model::{Timestamp, release::Release};
use avouch_read::lock;
use avouch_repository::{Folder, InMemory};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(crate) fn facts() -> ReleaseFacts {
    ReleaseFacts {
        name: None,
        release: Some(Release { version: "1.4.2".into(), commit: COMMIT.into(), tag: Some("v1.4.2".into()) }),
        committed: Some(Timestamp::from_str("2026-01-02T03:04:05Z").unwrap()),
        dirty: false,
        timestamp: Timestamp::from_str("2026-01-02T03:04:05Z").unwrap(),
        author: Some(Party { name: "Example GmbH".into(), url: None, email: Some("sbom@example.com".into()) }),
        supplier: None,
        tool_version: "0.1.0".into(),
        tool_digest: Some(Digest::of(b"avouch")),
    }
}

fn cargo_lock() -> String {
    format!(
        r#"version = 4

[[package]]
name = "app"
version = "0.9.0"
dependencies = ["helper", "twin 1.0.0 ({INDEX})", "twin 1.0.0 (git+https://host.example/twin?branch=main)"]

[[package]]
name = "helper"
version = "0.1.0"
dependencies = ["elsewhere", "tester"]

[[package]]
name = "elsewhere"
version = "2.0.0+build"
source = "registry+https://user:secret@registry.example/index"
checksum = "{a}"

[[package]]
name = "tester"
version = "3.0.0"
source = "{INDEX}"
checksum = "{b}"

[[package]]
name = "twin"
version = "1.0.0"
source = "{INDEX}"
checksum = "{c}"

[[package]]
name = "twin"
version = "1.0.0"
source = "git+https://host.example/twin?branch=main#{COMMIT}"
"#,
        a = "a".repeat(64),
        b = "b".repeat(64),
        c = "c".repeat(64),
    )
}

const CARGO_TOML: &str =
    "[workspace]\nmembers = ['helper']\n[package]\nname = 'app'\nversion = '0.9.0'\nlicense = 'MIT OR Apache-2.0'\n";
const HELPER_TOML: &str = "[package]\nname = 'helper'\n[dependencies]\nelsewhere = '2'\n[dev-dependencies]\nt = { package = 'tester', version = '3' }\n";

fn package_lock() -> String {
    // A text, since the digest of a value would depend on the order in which a library keeps its keys.
    r#"{
  "name": "web", "version": "2.0.0", "lockfileVersion": 3,
  "packages": {
    "": { "name": "web", "version": "2.0.0", "dependencies": { "@s/a": "^1.0.0" }, "devDependencies": { "b": "*" } },
    "node_modules/@s/a": {
      "version": "1.0.0", "license": "MIT", "resolved": "https://mirror.example/npm/@s/a/-/a-1.0.0.tgz",
      "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "dependencies": { "b": "1.x" }
    },
    "node_modules/@s/a/node_modules/b": { "version": "1.5.0", "license": "SEE LICENSE IN x" },
    "node_modules/b": { "version": "2.0.0", "dev": true }
  }
}"#
    .to_owned()
}

fn repository() -> InMemory {
    InMemory::of([
        ("Cargo.lock", cargo_lock()),
        ("Cargo.toml", CARGO_TOML.to_owned()),
        ("helper/Cargo.toml", HELPER_TOML.to_owned()),
        ("web/package-lock.json", package_lock()),
        ("tests/fixtures/x/Cargo.lock", "not a lockfile at all".to_owned()),
        ("web/node_modules/z/package-lock.json", "{".to_owned()),
        ("web/templates/pnpm-lock.yaml", "lockfileVersion: '5.4'".to_owned()),
        (".cargo/config.toml", "[build]\nrustc = '/bin/false'\n[source]\nx = ".to_owned()),
    ])
}

fn write(tree: &InMemory, spec: Spec) -> Sbom {
    generate(tree, &Caches::default(), &facts(), &Options { spec, ..Options::default() }).unwrap()
}

fn parsed(sbom: &Sbom) -> Value {
    serde_json::from_slice(&sbom.bytes).unwrap()
}

fn scopes(bom: &Value) -> BTreeMap<String, String> {
    let text = |component: &Value, key: &str| component[key].as_str().unwrap().to_owned();
    bom["components"].as_array().unwrap().iter().map(|it| (text(it, "bom-ref"), text(it, "scope"))).collect()
}

#[test]
fn the_bom_of_a_mixed_repository_reads_as_expected() {
    let sbom = write(&repository(), Spec::V1_6);
    insta::assert_snapshot!(String::from_utf8(sbom.bytes).unwrap());
    assert_eq!(sbom.lockfiles.keys().collect::<Vec<_>>(), ["Cargo.lock", "web/package-lock.json"]);
    assert_eq!(
        sbom.left_out.keys().collect::<Vec<_>>(),
        ["tests/fixtures/x/Cargo.lock", "web/node_modules/z/package-lock.json", "web/templates/pnpm-lock.yaml"]
    );
    assert!(!sbom.complete, "a Cargo.lock lists what any feature and platform may need");
}

#[test]
fn every_version_is_valid_by_the_official_schema() {
    for spec in [Spec::V1_5, Spec::V1_6, Spec::V1_7] {
        let sbom = write(&repository(), spec);
        assert_eq!(validate(&sbom.bytes), [], "{spec}");
        assert_eq!(parsed(&sbom)["specVersion"], spec.name());
    }
}

#[test]
fn another_reader_finds_version_1_5_valid() {
    let sbom = write(&repository(), Spec::V1_5);
    let bom = cyclonedx_bom::prelude::Bom::parse_from_json(sbom.bytes.as_slice()).unwrap();
    use cyclonedx_bom::prelude::Validate;
    assert!(bom.validate().passed(), "{:?}", bom.validate());
    assert_eq!(bom.components.unwrap().0.len() as u64, sbom.components);
    assert_eq!(bom.serial_number.unwrap().to_string(), parsed(&sbom)["serialNumber"].as_str().unwrap());
}

#[test]
fn the_same_files_give_the_same_bytes_wherever_they_lie() {
    let tree = repository();
    let mut written = BTreeSet::new();
    for place in [tempfile::tempdir().unwrap(), tempfile::Builder::new().prefix("elsewhere").tempdir().unwrap()] {
        for (path, bytes) in &tree.0 {
            let whole = place.path().join(path);
            std::fs::create_dir_all(whole.parent().unwrap()).unwrap();
            std::fs::write(whole, bytes).unwrap();
        }
        let folder = Folder::open(place.path()).unwrap();
        let sbom = generate(&folder, &Caches::default(), &facts(), &Options::default()).unwrap();
        let text = String::from_utf8(sbom.bytes.clone()).unwrap();
        assert!(!text.contains(place.path().to_str().unwrap()), "a path of the machine is told");
        written.insert(sbom.bytes);
    }
    assert_eq!(written.len(), 1);
    assert_eq!(written.first().unwrap(), &write(&tree, Spec::V1_6).bytes);
}

#[test]
fn another_release_has_another_serial_number() {
    let other = ReleaseFacts { dirty: true, ..facts() };
    let other = generate(&repository(), &Caches::default(), &other, &Options::default()).unwrap();
    assert_ne!(parsed(&other)["serialNumber"], parsed(&write(&repository(), Spec::V1_6))["serialNumber"]);
}

#[test]
fn crates_for_development_only_are_excluded_when_manifests_are_read() {
    let tester = "pkg:cargo/tester@3.0.0";
    assert_eq!(scopes(&parsed(&write(&repository(), Spec::V1_6)))[tester], "excluded");
    let sbom = generate(&repository(), &Caches::default(), &facts(), &Options { lock_only: true, ..Options::default() }).unwrap();
    assert_eq!(scopes(&parsed(&sbom))[tester], "required", "the lockfile alone does not tell");
}

#[test]
fn crates_for_building_only_are_excluded_and_own_licences_are_told() {
    let manifest = "[package]\nname = 'helper'\nlicense.workspace = true\n[build-dependencies]\nelsewhere = '2'\n[dependencies]\nt = { package = 'tester' }\n[dev-dependencies]\ntester = '3'\n";
    let mut tree = repository();
    tree.0.insert("helper/Cargo.toml".into(), manifest.into());
    tree.0.insert("Cargo.toml".into(), format!("{CARGO_TOML}[workspace.package]\nlicense = 'ISC'\n").into());
    tree.0.insert("vendor/helper/Cargo.toml".into(), b"[package]\nname = 'helper'\nlicense = 'MIT'\n".into());
    tree.0.insert("vendor/helper/.cargo-checksum.json".into(), b"{}".into());
    let bom = parsed(&write(&tree, Spec::V1_6));
    let scopes = scopes(&bom);
    assert_eq!(scopes["pkg:cargo/elsewhere@2.0.0%2Bbuild?repository_url=https:%2F%2Fregistry.example%2Findex"], "excluded");
    assert_eq!(scopes["pkg:cargo/tester@3.0.0"], "required", "it is asked for twice");
    let helper = bom["components"].as_array().unwrap().iter().find(|component| component["name"] == "helper").unwrap();
    assert_eq!(helper["licenses"][0]["license"]["id"], "ISC");
}

#[test]
fn credentials_are_never_written() {
    let text = String::from_utf8(write(&repository(), Spec::V1_6).bytes).unwrap();
    assert!(!text.contains("secret"), "a password of a registry is told");
}

#[test]
fn a_pnpm_workspace_has_the_names_of_its_manifests() {
    let lock = "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      ui:\n        specifier: workspace:*\n        version: link:packages/ui\n  packages/ui:\n    dependencies:\n      a:\n        specifier: ^1.0.0\n        version: 1.0.0\npackages:\n  a@1.0.0:\n    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}\nsnapshots:\n  a@1.0.0: {}\n";
    let tree = InMemory::of([
        ("pnpm-lock.yaml", lock),
        ("package.json", r#"{"name": "shop", "version": "3.1.0"}"#),
        ("packages/ui/package.json", r#"{"name": "@shop/ui", "version": "0.2.0", "license": "ISC"}"#),
    ]);
    let sbom = write(&tree, Spec::V1_6);
    assert_eq!(validate(&sbom.bytes), []);
    let bom = parsed(&sbom);
    assert_eq!(bom["metadata"]["component"]["name"], "shop");
    let reference = "path:npm:packages/ui#@shop/ui@0.2.0";
    assert_eq!(bom["dependencies"][0]["dependsOn"], json!([reference]));
    let components = components(&sbom.bytes).unwrap();
    assert!(components.contains(&ComponentId {
        name: "@shop/ui".into(),
        version: Some("0.2.0".into()),
        purl: Some("pkg:generic/shop/%40shop%2Fui@0.2.0".into()),
    }));
    assert!(sbom.complete);
}

#[test]
fn without_a_lockfile_the_way_out_is_named() {
    let tree = InMemory::of([("examples/Cargo.lock", ""), ("deno.lock", ""), ("Cargo.toml", CARGO_TOML)]);
    let error = generate(&tree, &Caches::default(), &facts(), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("examples/Cargo.lock (it lies in `examples`)"), "{error}");
    assert!(error.contains("deno.lock (lockfiles of Deno are not read)"), "{error}");
    assert!(error.contains("cargo generate-lockfile"), "{error}");
}

#[test]
fn a_lockfile_that_is_not_read_makes_the_bom_incomplete() {
    let tree = InMemory::of([("package-lock.json", package_lock()), ("app/deno.lock", String::new())]);
    let sbom = write(&tree, Spec::V1_6);
    assert!(!sbom.complete);
    assert_eq!(parsed(&sbom)["compositions"][0]["aggregate"], "incomplete");
    assert_eq!(parsed(&sbom)["compositions"][1]["aggregate"], "complete", "what is read is read in full");
    assert_eq!(sbom.left_out["app/deno.lock"], "lockfiles of Deno are not read");
}

#[test]
fn a_broken_lockfile_is_an_error_at_its_line() {
    let tree = InMemory::of([("Cargo.lock", "version = 4\n[[package]\n")]);
    let error = generate(&tree, &Caches::default(), &facts(), &Options::default()).unwrap_err().to_string();
    assert!(error.starts_with("Cargo.lock:2:"), "{error}");
}

#[test]
fn defects_of_a_document_are_found_where_they_are() {
    let sound = parsed(&write(&repository(), Spec::V1_6));
    type Defect = fn(&mut Value);
    let defects: [(&str, &str, Defect); 8] = [
        ("/components/0/type", "is not one of", |bom| bom["components"][0]["type"] = json!("thing")),
        ("/components/0", "\"name\" is a required property", |bom| {
            bom["components"][0].as_object_mut().unwrap().remove("name");
        }),
        ("/serialNumber", "does not match", |bom| bom["serialNumber"] = json!("urn:uuid:1")),
        ("", "surprise", |bom| bom["surprise"] = json!(1)),
        ("/components/1", "is given twice; the first is at /components/0", |bom| {
            bom["components"][1]["bom-ref"] = bom["components"][0]["bom-ref"].clone();
        }),
        ("/dependencies/0/dependsOn/0", "`gone` names nothing", |bom| bom["dependencies"][0]["dependsOn"][0] = json!("gone")),
        ("/compositions/0/assemblies/0", "`gone` names nothing", |bom| bom["compositions"][0]["assemblies"][0] = json!("gone")),
        ("/dependencies/1/ref", "stand at /dependencies/0/ref already", |bom| {
            bom["dependencies"][1]["ref"] = bom["dependencies"][0]["ref"].clone();
        }),
    ];
    for (place, message, break_it) in defects {
        let mut bom = sound.clone();
        break_it(&mut bom);
        let faults = validate(&serde_json::to_vec(&bom).unwrap());
        let found = faults.iter().any(|fault| fault.place == place && fault.message.contains(message));
        assert!(found, "{place} {message}: {faults:?}");
    }
}

#[test]
fn what_is_no_cyclonedx_is_a_fault_and_not_a_pass() {
    for (text, place) in [
        ("", "1:1"),
        ("{\"a\": 1, \"a\": 2}", "1:10"),
        ("[]", "/specVersion"),
        ("{}", "/specVersion"),
        ("{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.4\"}", ""),
        ("<bom/>", "1:1"),
    ] {
        let faults = validate(text.as_bytes());
        assert_eq!(faults.first().map(|fault| fault.place.as_str()), Some(place), "{text}: {faults:?}");
    }
    assert_ne!(validate(br#"{"bomFormat": "SPDX", "specVersion": "1.6"}"#), []);
    assert_eq!(validate(br#"{"bomFormat": "CycloneDX", "specVersion": "1.6"}"#), []);
}

/// A lockfile of `count` crates in which each needs some of those after it, and every name has two versions.
fn any_lock() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::collection::btree_set(0_usize..12, 0..4), 1..12).prop_map(|needs| {
        let count = needs.len();
        let name = |at: usize| format!("n{}", at / 2);
        let version = |at: usize| format!("{}.0.0", 1 + at % 2);
        let mut text = "version = 4\n[[package]]\nname = \"root\"\nversion = \"0.0.0\"\n".to_owned();
        text.push_str(&format!("dependencies = [\"{} {}\"]\n", name(0), version(0)));
        for (at, needs) in needs.iter().enumerate() {
            let needs: BTreeSet<usize> = needs.iter().copied().filter(|to| *to > at && *to < count).collect();
            let needs: Vec<String> = needs.into_iter().map(|to| format!("\"{} {}\"", name(to), version(to))).collect();
            text.push_str(&format!(
                "[[package]]\nname = \"{}\"\nversion = \"{}\"\nsource = \"{INDEX}\"\ndependencies = [{}]\n",
                name(at),
                version(at),
                needs.join(", ")
            ));
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_bom_holds_what_the_lockfile_holds_and_everything_is_reached(text in any_lock()) {
        let tree = InMemory::of([("Cargo.lock", text.as_str()), ("Cargo.toml", "[package]\nname = 'root'\n")]);
        let sbom = write(&tree, Spec::V1_6);
        let lock = lock::parse("Cargo.lock", text.as_bytes()).unwrap();
        let expected: BTreeSet<ComponentId> = lock
            .foreign()
            .map(|package| ComponentId { name: package.name.clone(), version: package.version.clone(), purl: package.purl() })
            .collect();
        prop_assert_eq!(&components(&sbom.bytes).unwrap(), &expected);

        let bom = parsed(&sbom);
        let needs: BTreeMap<String, Vec<String>> = bom["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["ref"].as_str().unwrap().to_owned(), serde_json::from_value(it["dependsOn"].clone()).unwrap_or_default()))
            .collect();
        let mut reached = BTreeSet::new();
        let mut waiting = vec!["product:root".to_owned()];
        while let Some(at) = waiting.pop() {
            if reached.insert(at.clone()) {
                waiting.extend(needs[&at].clone());
            }
        }
        prop_assert_eq!(reached.len(), needs.len());
        prop_assert_eq!(validate(&sbom.bytes), vec![]);
    }
}

#[test]
fn a_damaged_lockfile_is_named_and_the_others_are_read() {
    let tree =
        InMemory::of([("package-lock.json", package_lock()), ("service/Cargo.lock", "<<<<<<< ours\nversion = 4\n".to_owned())]);
    let sbom = write(&tree, Spec::V1_6);
    assert_eq!(sbom.lockfiles.keys().collect::<Vec<_>>(), ["package-lock.json"]);
    assert_eq!(sbom.damaged.len(), 1);
    assert!(sbom.damaged[0].starts_with("service/Cargo.lock:1:1: "), "{:?}", sbom.damaged);
    assert_eq!(parsed(&sbom)["compositions"][0]["aggregate"], "incomplete");
    let alone = InMemory::of([("Cargo.lock", "<<<<<<< ours\n".to_owned())]);
    assert!(matches!(
        generate(&alone, &Caches::default(), &facts(), &Options::default()),
        Err(SbomError::Unreadable(damage)) if damage.position() == (1, 1)
    ));
}

#[test]
fn a_project_below_that_is_no_member_has_packages_of_its_own() {
    let npm = |name: &str, workspaces: &str, more: &str, package: &str| {
        format!(
            r#"{{"name":"{name}","version":"1.0.0","lockfileVersion":3,"packages":{{"":{{"name":"{name}","version":"1.0.0"{workspaces},"dependencies":{{"{package}":"1"}}}}{more},"node_modules/{package}":{{"version":"1.0.0","resolved":"https://registry.npmjs.org/{package}/-/{package}-1.0.0.tgz","integrity":"sha512-7iaw3Ur350mqGo7jwQrpkj9hiYB3Lkc/iBml1JQODbJ6wYX4oOHV+E+IvIh/1nsUNzLDBMxfqa2Ob1f1ACio/w=="}}}}}}"#
        )
    };
    let member = r#","w":{"version":"1.0.0"},"node_modules/w":{"resolved":"w","link":true}"#;
    let tree = InMemory::of([
        ("package-lock.json", npm("root", r#","workspaces":["w"]"#, member, "left")),
        ("w/package-lock.json", npm("w", "", "", "old")),
        ("frontend/package-lock.json", npm("frontend", "", "", "own")),
        ("app-templates/package-lock.json", npm("sketch", "", "", "none")),
        ("js-monorepo-example/package-lock.json", npm("shown", "", "", "none")),
        ("demo/web/package-lock.json", npm("tried", "", "", "none")),
    ]);
    let sbom = write(&tree, Spec::V1_6);
    assert_eq!(sbom.lockfiles.keys().collect::<Vec<_>>(), ["frontend/package-lock.json", "package-lock.json"]);
    let names: Vec<String> = scopes(&parsed(&sbom)).into_keys().collect();
    assert!(names.iter().any(|name| name.contains("npm/own@1.0.0")) && names.iter().any(|name| name.contains("npm/left@1.0.0")));
    assert!(!names.iter().any(|name| name.contains("npm/old@") || name.contains("npm/none@")), "{names:?}");
    assert_eq!(sbom.left_out["w/package-lock.json"], "its project is a member of the workspace above");
}

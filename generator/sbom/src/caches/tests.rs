//! Caches as they lie on a disk, each with what must not be taken from it.

use std::{fs, path::Path};

use avouch_model::{Digest, Timestamp};
use avouch_repository::Folder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use super::{Caches, archive::pack, texts::ZLIB};
use crate::{Options, ReleaseFacts, Sbom, Spec, generate, validate};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A checkout with caches beside it.
pub(super) struct Machine {
    place: tempfile::TempDir,
}

impl Machine {
    pub(super) fn new(files: &[(&str, &[u8])]) -> Self {
        let machine = Self { place: tempfile::tempdir().unwrap() };
        machine.write("work/Cargo.toml", b"[package]\nname = 'app'\nversion = '0.1.0'\n");
        for (path, bytes) in files {
            machine.write(path, bytes);
        }
        machine
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) {
        let whole = self.place.path().join(path);
        fs::create_dir_all(whole.parent().unwrap()).unwrap();
        fs::write(whole, bytes).unwrap();
    }

    pub(super) fn path(&self, path: &str) -> std::path::PathBuf {
        self.place.path().join(path)
    }

    fn caches(&self) -> Caches {
        Caches {
            cargo_home: Some(self.path("cargo")),
            checkout: Some(self.path("work")),
            pnpm_stores: vec![self.path("store")],
            bun_caches: vec![self.path("bun")],
            go_modules: Some(self.path("go")),
            ..Caches::default()
        }
    }

    pub(super) fn sbom(&self, options: &Options) -> Sbom {
        let facts = ReleaseFacts {
            name: None,
            release: None,
            committed: None,
            dirty: false,
            timestamp: Timestamp::from_unix(1_795_240_923),
            author: None,
            supplier: None,
            tool_version: "0.0.0".into(),
            tool_digest: None,
        };
        let tree = Folder::open(self.path("work")).unwrap();
        let sbom = generate(&tree, &self.caches(), &facts, options).unwrap();
        assert_eq!(validate(&sbom.bytes), []);
        let text = String::from_utf8(sbom.bytes.clone()).unwrap();
        assert!(!text.contains(self.place.path().to_str().unwrap()), "a path of the machine is told");
        sbom
    }

    /// The component of this name.
    pub(super) fn component(&self, name: &str) -> Value {
        of(&self.sbom(&Options::default()), name)
    }
}

pub(super) fn of(sbom: &Sbom, name: &str) -> Value {
    let bom: Value = serde_json::from_slice(&sbom.bytes).unwrap();
    let components = bom["components"].as_array().unwrap().clone();
    components.into_iter().find(|component| component["name"] == name).unwrap()
}

fn cargo_lock(packages: &[(&str, &str)]) -> Vec<u8> {
    let mut text = "version = 4\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [".to_owned();
    text.push_str(&packages.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", "));
    text.push_str("]\n");
    for (name, rest) in packages {
        text.push_str(&format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n{rest}\n"));
    }
    text.into_bytes()
}

fn from_registry(archive: &[u8]) -> String {
    let index = "registry+https://github.com/rust-lang/crates.io-index";
    format!("source = \"{index}\"\nchecksum = \"{}\"", Digest::of(archive).hex())
}

fn manifest(licence: &str) -> String {
    format!(
        "[package]\nname = \"a\"\nversion = \"1.0.0\"\nauthors = [\"Jane Doe <jane@x.example>\"]\nlicense = \"{licence}\"\n\
         repository = \"https://x.example/a\"\n[dependencies]\n"
    )
}

#[test]
fn a_crate_of_the_registry_cache_tells_licence_maker_and_a_second_hash() {
    let archive = pack::tar_gz(&[("a-1.0.0/Cargo.toml", manifest("Zlib").as_bytes())]);
    let machine = Machine::new(&[
        ("work/Cargo.lock", &cargo_lock(&[("a", &from_registry(&archive))])),
        ("cargo/registry/cache/github.com-0/a-1.0.0.crate", &archive),
        ("cargo/registry/src/github.com-0/a-1.0.0/Cargo.toml", manifest("Zlib").as_bytes()),
        ("cargo/registry/src/github.com-0/a-1.0.0/LICENSE", ZLIB.as_bytes()),
    ]);
    let component = machine.component("a");
    assert_eq!(
        component["licenses"],
        json!([
            {"license": {"id": "Zlib", "acknowledgement": "declared"}},
            {"license": {"id": "Zlib", "acknowledgement": "concluded"}},
        ])
    );
    assert_eq!(component["supplier"], json!({"name": "Jane Doe", "url": ["https://x.example/a"]}));
    let sha512 = json!({"alg": "SHA-512", "content": hex::encode(Sha512::digest(&archive))});
    assert_eq!(component["hashes"][1], sha512);
    assert_eq!(component["externalReferences"][0]["type"], "distribution");
    assert_eq!(component["externalReferences"][0]["hashes"][1], sha512);
    assert_eq!(component["externalReferences"][1], json!({"url": "https://x.example/a", "type": "source-distribution"}));
    let properties = component["properties"].as_array().unwrap();
    assert_eq!(properties[0], json!({"name": "bsi:component:filename", "value": "a-1.0.0.crate"}));
    assert!(!serde_json::to_string(&component).unwrap().contains("jane@"), "an address is told");

    let quick = of(&machine.sbom(&Options { quick: true, ..Options::default() }), "a");
    assert_eq!(quick["licenses"], json!([{"license": {"id": "Zlib", "acknowledgement": "declared"}}]));
    assert_eq!(quick["hashes"].as_array().unwrap().len(), 1);
    let alone = of(&machine.sbom(&Options { lock_only: true, ..Options::default() }), "a");
    assert_eq!(alone["licenses"], json!([{"license": {"name": "NOASSERTION"}}]));
    assert_eq!(alone["supplier"], json!({"name": "NOASSERTION"}));
}

#[test]
fn an_archive_alone_tells_its_manifest() {
    let archive = pack::tar_gz(&[("a-1.0.0/Cargo.lock", b"x"), ("a-1.0.0/Cargo.toml", manifest("MIT/Zlib").as_bytes())]);
    let machine = Machine::new(&[
        ("work/Cargo.lock", &cargo_lock(&[("a", &from_registry(&archive))])),
        ("cargo/registry/cache/github.com-0/a-1.0.0.crate", &archive),
    ]);
    assert_eq!(machine.component("a")["licenses"], json!([{"expression": "MIT OR Zlib", "acknowledgement": "declared"}]));
}

#[test]
fn nothing_is_taken_from_beside_an_archive_that_is_another_one() {
    let archive = pack::tar_gz(&[("a-1.0.0/Cargo.toml", manifest("Zlib").as_bytes())]);
    let machine = Machine::new(&[
        ("work/Cargo.lock", &cargo_lock(&[("a", &from_registry(b"what was locked"))])),
        ("cargo/registry/cache/github.com-0/a-1.0.0.crate", &archive),
        ("cargo/registry/src/github.com-0/a-1.0.0/Cargo.toml", manifest("Zlib").as_bytes()),
    ]);
    let sbom = machine.sbom(&Options::default());
    assert_eq!(sbom.mismatched, ["a 1.0.0"]);
    assert_eq!(of(&sbom, "a")["licenses"], json!([{"license": {"name": "NOASSERTION"}}]));
    assert_eq!(of(&sbom, "a")["hashes"].as_array().unwrap().len(), 1);
}

#[test]
fn a_crate_of_the_same_name_from_another_registry_tells_nothing() {
    let lock = |source: &str| cargo_lock(&[("a", &format!("source = \"{source}\""))]);
    let machine = Machine::new(&[("cargo/registry/src/github.com-0/a-1.0.0/Cargo.toml", manifest("Zlib").as_bytes())]);
    machine.write("work/Cargo.lock", &lock("registry+https://registry.example/index"));
    assert_eq!(machine.component("a")["licenses"][0]["license"]["name"], "NOASSERTION");
    machine.write("cargo/registry/src/registry.example-0/a-1.0.0/Cargo.toml", manifest("ISC").as_bytes());
    assert_eq!(machine.component("a")["licenses"][0]["license"]["id"], "ISC");
    machine.write("work/Cargo.lock", &lock("registry+https://github.com/rust-lang/crates.io-index"));
    assert_eq!(machine.component("a")["licenses"][0]["license"]["id"], "Zlib");
}

#[test]
fn a_manifest_of_another_name_or_version_tells_nothing() {
    let machine = Machine::new(&[
        ("work/Cargo.lock", &cargo_lock(&[("a", &from_registry(b""))])),
        ("cargo/registry/src/github.com-0/a-1.0.0/Cargo.toml", manifest("Zlib").replace("1.0.0", "1.0.1").as_bytes()),
    ]);
    assert_eq!(machine.component("a")["licenses"][0]["license"]["name"], "NOASSERTION");
    machine.write("cargo/registry/src/github.com-0/a-1.0.0/Cargo.toml", manifest("Zlib").replace("\"a\"", "\"b\"").as_bytes());
    assert_eq!(machine.component("a")["licenses"][0]["license"]["name"], "NOASSERTION");
}

#[cfg(unix)]
#[test]
fn links_in_a_cache_are_not_followed() {
    let machine = Machine::new(&[
        ("work/Cargo.lock", &cargo_lock(&[("a", &from_registry(b""))])),
        ("elsewhere/Cargo.toml", manifest("Zlib").as_bytes()),
        ("cargo/registry/src/github.com-0/keep", b""),
    ]);
    std::os::unix::fs::symlink(machine.path("elsewhere"), machine.path("cargo/registry/src/github.com-0/a-1.0.0")).unwrap();
    assert_eq!(machine.component("a")["licenses"][0]["license"]["name"], "NOASSERTION");
}

#[test]
fn a_vendored_crate_counts_when_its_checksum_is_the_locked_one() {
    let checksum = |archive: &[u8]| format!("{{\"files\": {{}}, \"package\": \"{}\"}}", Digest::of(archive).hex());
    let machine = Machine::new(&[
        ("work/Cargo.lock", &cargo_lock(&[("a", &from_registry(b"right"))])),
        ("work/vendor/a/Cargo.toml", manifest("Zlib").as_bytes()),
        ("work/vendor/a/LICENSE-ZLIB", ZLIB.as_bytes()),
        ("work/vendor/a/.cargo-checksum.json", checksum(b"right").as_bytes()),
    ]);
    assert_eq!(machine.component("a")["licenses"][1]["license"], json!({"id": "Zlib", "acknowledgement": "concluded"}));
    machine.write("work/vendor/a/.cargo-checksum.json", checksum(b"wrong").as_bytes());
    assert_eq!(machine.component("a")["licenses"][0]["license"]["name"], "NOASSERTION");
}

#[test]
fn a_crate_of_a_git_checkout_is_found_wherever_it_lies_there() {
    let source = format!("source = \"git+https://host.example/repo.git?branch=main#{COMMIT}\"");
    let own = "[package]\nname = 'a'\nversion = '1.0.0'\nlicense.workspace = true\n";
    let machine = Machine::new(&[
        ("work/Cargo.lock", &cargo_lock(&[("a", &source)])),
        ("cargo/git/checkouts/repo-0011/0123456/Cargo.toml", b"[workspace.package]\nlicense = 'ISC'\n"),
        ("cargo/git/checkouts/repo-0011/0123456/crates/a/Cargo.toml", own.as_bytes()),
        ("cargo/git/checkouts/repo-0011/7777777/crates/a/Cargo.toml", manifest("Zlib").as_bytes()),
        ("cargo/git/checkouts/other-0011/0123456/Cargo.toml", manifest("Zlib").as_bytes()),
    ]);
    let component = machine.component("a");
    assert_eq!(component["licenses"], json!([{"license": {"id": "ISC", "acknowledgement": "declared"}}]));
    assert_eq!(component["externalReferences"][1]["type"], "source-distribution");
}

fn package_lock(rest: &str) -> Vec<u8> {
    format!(
        r#"{{"name": "web", "version": "1.0.0", "lockfileVersion": 3, "packages": {{
            "": {{"name": "web", "version": "1.0.0", "dependencies": {{"@s/a": "1.0.0"}}}},
            "node_modules/@s/a": {{"version": "1.0.0"{rest}}}}}}}"#
    )
    .into_bytes()
}

const PACKAGE_JSON: &[u8] = br#"{"name": "@s/a", "version": "1.0.0", "license": "Zlib", "author": "Jane", "repository": "o/a"}"#;

#[test]
fn an_installed_package_tells_what_the_lockfile_does_not() {
    let machine = Machine::new(&[
        ("work/package-lock.json", &package_lock("")),
        ("work/node_modules/@s/a/package.json", PACKAGE_JSON),
        ("work/node_modules/@s/a/LICENSE", ZLIB.as_bytes()),
    ]);
    let component = machine.component("@s/a");
    assert_eq!(component["licenses"][1]["license"], json!({"id": "Zlib", "acknowledgement": "concluded"}));
    assert_eq!(component["supplier"], json!({"name": "Jane", "url": ["https://github.com/o/a"]}));
    machine.write("work/package-lock.json", &package_lock(r#", "license": "ISC""#));
    assert_eq!(
        machine.component("@s/a")["licenses"],
        json!([{"license": {"id": "ISC", "acknowledgement": "declared"}}]),
        "the lockfile's own word counts, and the text does not confirm it"
    );
}

#[test]
fn packages_within_packages_and_of_pnpm_are_found() {
    let machine = Machine::new(&[
        ("work/package-lock.json", &package_lock("")),
        ("work/node_modules/b/node_modules/@s/a/package.json", PACKAGE_JSON),
    ]);
    assert_eq!(machine.component("@s/a")["licenses"][0]["license"]["id"], "Zlib");
    let machine = Machine::new(&[
        ("work/package-lock.json", &package_lock("")),
        ("work/node_modules/.pnpm/@s+a@1.0.0/node_modules/@s/a/package.json", PACKAGE_JSON),
    ]);
    assert_eq!(machine.component("@s/a")["licenses"][0]["license"]["id"], "Zlib");
}

#[test]
fn a_zip_of_yarn_tells() {
    let zip =
        pack::zip(&[("node_modules/@s/a/package.json", PACKAGE_JSON), ("node_modules/@s/a/LICENSE", ZLIB.as_bytes())], true);
    let machine = Machine::new(&[
        ("work/package-lock.json", &package_lock("")),
        ("work/.yarn/cache/@s-a-npm-1.0.0-0123456789-abcdef.zip", &zip),
        ("work/.yarn/cache/@s-a-npm-1.0.0-broken.zip", b"PK"),
    ]);
    assert_eq!(machine.component("@s/a")["licenses"][1]["license"]["id"], "Zlib");
}

#[test]
fn pnpm_stores_tell_by_hash() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let integrity = |bytes: &[u8]| format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(bytes)));
    let path = |bytes: &[u8]| {
        let hex = hex::encode(Sha512::digest(bytes));
        format!("{}/{}", &hex[..2], &hex[2..])
    };
    let index = json!({"files": {"package.json": {"integrity": integrity(PACKAGE_JSON), "mode": 420, "size": 1}}}).to_string();
    let places = [
        ("store/v10", format!("index/{}-@s+a@1.0.0.json", &path(b"archive")[..65])),
        ("store/v3", format!("files/{}-index.json", path(b"archive"))),
    ];
    for (store, at) in places {
        let lock = package_lock(&format!(r#", "integrity": "{}""#, integrity(b"archive")));
        let machine = Machine::new(&[("work/package-lock.json", &lock)]);
        machine.write(&format!("{store}/{at}"), index.as_bytes());
        machine.write(&format!("{store}/files/{}", path(PACKAGE_JSON)), PACKAGE_JSON);
        assert_eq!(machine.component("@s/a")["licenses"][0]["license"]["id"], "Zlib", "{store}");
        machine.write(&format!("{store}/files/{}", path(PACKAGE_JSON)), &[PACKAGE_JSON, b" "].concat());
        assert_eq!(machine.component("@s/a")["licenses"][0]["license"]["name"], "NOASSERTION", "its content is another");
    }
}

#[test]
fn equal_caches_give_equal_bytes_wherever_they_lie() {
    let archive = pack::tar_gz(&[("a-1.0.0/Cargo.toml", manifest("Zlib").as_bytes())]);
    let machine = || {
        let machine = Machine::new(&[
            ("work/Cargo.lock", &cargo_lock(&[("a", &from_registry(&archive))])),
            ("cargo/registry/cache/github.com-0/a-1.0.0.crate", &archive),
            ("cargo/registry/src/github.com-0/a-1.0.0/Cargo.toml", manifest("Zlib").as_bytes()),
            ("cargo/registry/src/github.com-0/a-1.0.0/LICENSE", ZLIB.as_bytes()),
        ]);
        for spec in [Spec::V1_5, Spec::V1_7] {
            machine.sbom(&Options { spec, ..Options::default() });
        }
        machine.sbom(&Options::default()).bytes
    };
    assert_eq!(machine(), machine());
}

#[test]
fn a_cache_that_is_no_folder_holds_nothing() {
    let machine = Machine::new(&[("work/Cargo.lock", &cargo_lock(&[("a", &from_registry(b""))])), ("cargo", b"a file")]);
    assert_eq!(machine.component("a")["licenses"][0]["license"]["name"], "NOASSERTION");
    assert!(Path::new(&machine.path("cargo")).is_file());
}

//! Caches of Bun and Go, and pnpm's store with a database, as these tools lay them out.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

use super::{
    archive::pack,
    tests::{Machine, of},
    texts::ZLIB,
};
use crate::Options;

fn licence(component: &Value) -> &str {
    let licence = &component["licenses"][0]["license"];
    licence["id"].as_str().or(licence["name"].as_str()).unwrap()
}

fn bun_lock(packages: &str) -> String {
    format!(
        r#"{{"lockfileVersion": 2, "workspaces": {{"": {{"name": "app", "dependencies": {{"a": "*"}}}}}}, "packages": {{"a": {packages}}}}}"#
    )
}

const A: &[u8] = br#"{"name": "a", "version": "1.0.0-rc.1", "license": "Zlib", "author": "Jane <jane@x.example>"}"#;

#[test]
fn buns_cache_tells_by_name_version_and_registry() {
    for (packages, place, told) in [
        (r#"["a@1.0.0-rc.1", "", {}, ""]"#, "a@1.0.0-6b6f27d79dec3201@@@1", true),
        (r#"["a@1.0.0-rc.1", "", {}, ""]"#, "a@1.0.0-rc.1@@registry.npmjs.org@@@1", true),
        (r#"["a@1.0.0-rc.1", "", {}, ""]"#, "a@1.0.0-rc.1@@npm.example@@@1", false),
        (r#"["a@1.0.0-rc.1", "", {}, ""]"#, "a@1.0.0-rc.1@@@1_patch_hash=0", false),
        (r#"["a@1.0.0-rc.1", "https://npm.example/team", {}, ""]"#, "a@1.0.0-rc.1@@npm.example@@@1", true),
        (r#"["a@1.0.0-rc.1", "https://npm.example/team", {}, ""]"#, "a@1.0.0-rc.1@@@1", false),
        (r#"["a@1.0.0-rc.2", "", {}, ""]"#, "a@1.0.0-6b6f27d79dec3201@@@1", false),
        (r#"["a@1.1.0", "", {}, ""]"#, "a@1.0.0@@@1", false),
        (r#"["a@github:o/a#0123abc", {}, "o-a-0123abc"]"#, "@GH@o-a-0123abc@@@1", true),
        (r#"["a@github:o/a#0123abc", {}, "o-a-0123abc"]"#, "@GH@o-a-0123abd@@@1", false),
        (r#"["a@github:o/a#0123abc", {}, "o-a-0123abc"]"#, "@GH@p-a-0123abc@@@1", false),
    ] {
        let machine = Machine::new(&[("work/bun.lock", bun_lock(packages).as_bytes())]);
        machine.write(&format!("bun/{place}/package.json"), A);
        machine.write(&format!("bun/{place}/LICENSE"), ZLIB.as_bytes());
        let sbom = machine.sbom(&Options::default());
        let a = of(&sbom, "a");
        assert_eq!(licence(&a), if told { "Zlib" } else { "NOASSERTION" }, "{packages} {place}");
        if told {
            assert_eq!(a["licenses"].as_array().unwrap().len(), 2, "declared and concluded");
            assert_eq!(a["supplier"]["name"], "Jane");
        }
    }
}

#[test]
fn buns_cache_has_scopes_as_folders_and_other_packages_there() {
    let lock = bun_lock(r#"["@s/a@1.0.0", "", {}, ""]"#);
    let machine = Machine::new(&[("work/bun.lock", lock.as_bytes())]);
    machine.write("bun/@s/a@1.0.0@@@1/package.json", br#"{"name": "@s/b", "version": "1.0.0", "license": "Zlib"}"#);
    assert_eq!(licence(&machine.component("@s/a")), "NOASSERTION", "it says that it is another");
    machine.write("bun/@s/a@1.0.0@@@1/package.json", br#"{"name": "@s/a", "version": "1.0.0", "license": "Zlib"}"#);
    machine.write("bun/@s/a/1.0.0@@@1/package.json", b"{");
    assert_eq!(licence(&machine.component("@s/a")), "Zlib");
    let quick = machine.sbom(&Options { quick: true, ..Options::default() });
    assert_eq!(licence(&of(&quick, "@s/a")), "Zlib");
}

const MODULE: &str = "example.net/Lib/Case";
const PREFIX: &str = "example.net/Lib/Case@v1.2.0-RC.1";
const GO_MOD: &[u8] = b"module example.net/Lib/Case\n\ngo 1.19\n";
const IN_CACHE: &str = "go/cache/download/example.net/!lib/!case/@v/v1.2.0-!r!c.1";
const UNPACKED: &str = "go/example.net/!lib/!case@v1.2.0-!r!c.1";

/// The `h1:` of these files, as `dirhash` of Go states it, by hand.
fn hash1(files: &[(&str, &[u8])]) -> String {
    let mut names: Vec<_> = files.to_vec();
    names.sort();
    let lines: String =
        names.iter().map(|(name, bytes)| format!("{}  {PREFIX}/{name}\n", hex::encode(Sha256::digest(bytes)))).collect();
    format!("h1:{}", BASE64_STANDARD.encode(Sha256::digest(lines)))
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let named: Vec<(String, &[u8])> = files.iter().map(|(name, bytes)| (format!("{PREFIX}/{name}"), *bytes)).collect();
    let named: Vec<(&str, &[u8])> = named.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    pack::zip(&named, true)
}

fn go_machine(hash: &str) -> Machine {
    let machine = Machine::new(&[]);
    machine.write("work/go.mod", format!("module example.org/shop\n\ngo 1.19\n\nrequire {MODULE} v1.2.0-RC.1\n").as_bytes());
    machine.write("work/go.sum", format!("{MODULE} v1.2.0-RC.1 {hash}\n").as_bytes());
    machine
}

#[test]
fn hash1_is_that_of_go() {
    // What `go mod tidy` of Go 1.19 writes for a module of these files.
    let files: [(&str, &[u8]); 4] =
        [("go.mod", GO_MOD), ("LICENSE", b"x\n"), ("case.go", b"package Case\n"), ("sub/x.go", b"package sub\n")];
    let written = "h1:Exn1kdjYK2pFDeqjEEv7B0Lp7VYU2Gb4LVK0o/EFQJA=";
    assert_eq!(hash1(&files), written);
    for unpacked in [false, true] {
        let machine = go_machine(written);
        let put = |machine: &Machine| {
            if unpacked {
                files.iter().for_each(|(name, bytes)| machine.write(&format!("{UNPACKED}/{name}"), bytes));
            } else {
                machine.write(&format!("{IN_CACHE}.zip"), &zip(&files));
            }
        };
        put(&machine);
        assert!(machine.sbom(&Options::default()).mismatched.is_empty());
        let other = go_machine("h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        put(&other);
        let sbom = other.sbom(&Options::default());
        assert_eq!(sbom.mismatched, [format!("{MODULE} v1.2.0-RC.1")]);
    }
}

#[test]
fn gos_cache_tells_licences_by_their_texts_where_the_hash_is_that_of_go_sum() {
    let files: [(&str, &[u8]); 4] =
        [("go.mod", GO_MOD), ("LICENSE", ZLIB.as_bytes()), ("case.go", b"package Case\n"), ("vendor/LICENSE", b"x")];
    let info = br#"{"Version": "v1.2.0-RC.1", "Origin": {"VCS": "git", "URL": "https://example.net/Lib/Case"}}"#;
    let machine = go_machine(&hash1(&files));
    assert_eq!(licence(&machine.component(MODULE)), "NOASSERTION", "nothing is there");
    machine.write(&format!("{IN_CACHE}.info"), info);
    machine.write(&format!("{IN_CACHE}.zip"), &zip(&files));
    let module = machine.component(MODULE);
    assert_eq!((licence(&module), module["licenses"][0]["license"]["acknowledgement"].as_str()), ("Zlib", Some("concluded")));
    assert_eq!(module["supplier"]["url"][0], "https://example.net/Lib/Case");
    assert!(module["hashes"].as_array().is_none_or(Vec::is_empty), "an archive may be packed otherwise elsewhere");
    // Nothing is taken from beside an archive that is another one.
    for changed in [("LICENSE", &b"x"[..]), ("sub/more.go", b"")] {
        let mut others = files.to_vec();
        others.retain(|(name, _)| *name != changed.0);
        others.push(changed);
        machine.write(&format!("{IN_CACHE}.zip"), &zip(&others));
        let sbom = machine.sbom(&Options::default());
        assert_eq!((licence(&of(&sbom, MODULE)), sbom.mismatched.len()), ("NOASSERTION", 1));
        assert_eq!(of(&sbom, MODULE)["supplier"]["name"], "NOASSERTION");
    }
    machine.write(&format!("{IN_CACHE}.zip"), b"PK");
    assert_eq!(licence(&machine.component(MODULE)), "NOASSERTION");
}

#[test]
fn what_go_vendored_tells_licences_where_the_cache_does_not() {
    let files: [(&str, &[u8]); 2] = [("go.mod", GO_MOD), ("LICENSE", b"x\n")];
    let machine = go_machine(&hash1(&files));
    let list = |version: &str| machine.write("work/vendor/modules.txt", format!("# {MODULE} {version}\n").as_bytes());
    machine.write(&format!("work/vendor/{MODULE}/LICENSE"), ZLIB.as_bytes());
    assert_eq!(licence(&machine.component(MODULE)), "NOASSERTION", "nothing says of which version it is");
    list("v1.2.0");
    assert_eq!(licence(&machine.component(MODULE)), "NOASSERTION", "another version");
    list("v1.2.0-RC.1");
    let module = machine.component(MODULE);
    assert_eq!((licence(&module), module["licenses"][0]["license"]["acknowledgement"].as_str()), ("Zlib", Some("concluded")));
    assert_eq!(licence(&of(&machine.sbom(&Options { quick: true, ..Options::default() }), MODULE)), "NOASSERTION");
    machine.write(&format!("{IN_CACHE}.zip"), &zip(&files));
    assert_eq!(licence(&machine.component(MODULE)), "Zlib", "the text in the cache is none that is known");
}

/// An index of a package's files as pnpm 12 packs it: records, whose keys are written once.
fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let text = |text: &str| [&[0xd9, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let mut bytes = [b"\xd4r@\x92".to_vec(), text("algo"), text("files"), text("sha512")].concat();
    bytes.push(0x80 | u8::try_from(files.len()).unwrap());
    for (at, (name, content)) in files.iter().enumerate() {
        bytes.extend(text(name));
        bytes.extend(if at == 0 { [b"\xd4rA\x92".to_vec(), text("digest"), text("size")].concat() } else { b"A".to_vec() });
        bytes.extend(text(&hex::encode(Sha512::digest(content))));
        bytes.extend(b"\xcd\x01\x00");
    }
    bytes
}

#[test]
fn pnpms_database_tells_by_hash() {
    let json = br#"{"name": "@s/a", "version": "1.0.0", "license": "Zlib"}"#;
    let files: [(&str, &[u8]); 3] = [("package.json", json), ("LICENSE", ZLIB.as_bytes()), ("lib/COPYING", b"x")];
    let integrity = format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(b"archive")));
    let lock = format!(
        "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      '@s/a': {{specifier: ^1, version: 1.0.0}}\n\
         packages:\n  '@s/a@1.0.0':\n    resolution: {{integrity: {integrity}}}\nsnapshots:\n  '@s/a@1.0.0': {{}}\n"
    );
    let machine = Machine::new(&[("work/pnpm-lock.yaml", lock.as_bytes())]);
    for (_, content) in files {
        let hash = hex::encode(Sha512::digest(content));
        machine.write(&format!("store/v11/files/{}/{}", &hash[..2], &hash[2..]), content);
    }
    assert_eq!(licence(&machine.component("@s/a")), "NOASSERTION", "without an index nobody knows");
    let database = rusqlite::Connection::open(machine.path("store/v11/index.db")).unwrap();
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    let made = "CREATE TABLE package_index (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID";
    database.execute(made, ()).unwrap();
    let put = |key: &str| {
        database.execute("DELETE FROM package_index", ()).unwrap();
        database.execute("INSERT INTO package_index VALUES (?1, ?2)", (key, packed(&files))).unwrap();
    };
    put(&format!("{integrity}\t@s/a@1.0.0"));
    let a = machine.component("@s/a");
    assert_eq!((licence(&a), a["licenses"].as_array().unwrap().len()), ("Zlib", 2), "declared and concluded");
    let hash = hex::encode(Sha512::digest(json));
    machine.write(&format!("store/v11/files/{}/{}", &hash[..2], &hash[2..]), b"{}");
    assert_eq!(licence(&machine.component("@s/a")), "NOASSERTION", "its content is another");
    machine.write(&format!("store/v11/files/{}/{}", &hash[..2], &hash[2..]), json);
    put(&format!("{integrity}\t@s/a@1.0.1"));
    assert_eq!(licence(&machine.component("@s/a")), "NOASSERTION", "another version");
}

#[test]
fn equal_caches_of_bun_and_go_give_equal_bytes() {
    let files: [(&str, &[u8]); 2] = [("go.mod", GO_MOD), ("LICENSE", ZLIB.as_bytes())];
    let machine = |backwards: bool| {
        let machine = go_machine(&hash1(&files));
        machine.write("work/bun.lock", bun_lock(r#"["a@1.0.0-rc.1", "", {}, ""]"#).as_bytes());
        let mut all = vec![
            ("bun/a@1.0.0-rc.1@@@1/package.json".to_owned(), A.to_vec()),
            ("bun/a@1.0.0-rc.1@@registry.npmjs.org@@@1/package.json".to_owned(), A.to_vec()),
            (format!("{IN_CACHE}.zip"), zip(&files)),
        ];
        all.extend(files.map(|(name, bytes)| (format!("{UNPACKED}/{name}"), bytes.to_vec())));
        if backwards {
            all.reverse();
        }
        all.iter().for_each(|(path, bytes)| machine.write(path, bytes));
        machine.sbom(&Options::default()).bytes
    };
    assert_eq!(machine(false), machine(true));
}

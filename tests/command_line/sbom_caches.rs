//! Licences from the caches of Bun, Go and pnpm 11 and 12: equal for everybody, and told wherever a naive walk of the same
//! caches finds one.

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

use super::support::{Sandbox, small};

/// The text of 0BSD, by which a licence is told that no manifest declares.
const TEXT: &str = "Copyright (C) 2026 by Somebody\n\nPermission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.\n";

/// What lies in a cache of a package.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lies {
    Declared,
    Text,
    Neither,
    /// The package is not there at all.
    Nothing,
}

/// The packages of each tool, by the end of their names.
const EACH: [(&str, Lies); 4] =
    [("declared", Lies::Declared), ("text", Lies::Text), ("neither", Lies::Neither), ("nothing", Lies::Nothing)];

/// The files of an npm package.
fn npm(name: &str, lies: Lies) -> Vec<(String, String)> {
    let licence = if lies == Lies::Declared { r#","license":"MIT""# } else { "" };
    let mut files = vec![("package.json".to_owned(), format!(r#"{{"name":"{name}","version":"1.0.0"{licence}}}"#))];
    files.extend((lies == Lies::Text).then(|| ("LICENSE".to_owned(), TEXT.to_owned())));
    files
}

/// The files of a Go module: nothing declares anything there.
fn module(name: &str, lies: Lies) -> Vec<(String, String)> {
    let mut files = vec![("go.mod".to_owned(), format!("module {name}\n"))];
    files.extend((lies == Lies::Text).then(|| ("LICENSE".to_owned(), TEXT.to_owned())));
    files
}

fn integrity(name: &str) -> String {
    format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(name)))
}

/// The `h1:` of a module's files (golang.org/x/mod/sumdb/dirhash).
fn hash1(name: &str, lies: Lies) -> String {
    let mut files = module(name, lies);
    files.sort();
    let line = |(file, text): &(String, String)| format!("{}  {name}@v1.0.0/{file}\n", hex::encode(Sha256::digest(text)));
    format!("h1:{}", BASE64_STANDARD.encode(Sha256::digest(files.iter().map(line).collect::<String>())))
}

/// A repository of three parts, each with a lockfile of another tool.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    let names = |tool: &str| EACH.map(|(end, lies)| (format!("{tool}-{end}"), lies));
    let bun: Vec<_> = names("bun").map(|(name, _)| format!(r#""{name}": ["{name}@1.0.0", "", {{}}, ""]"#)).into();
    let asked: Vec<_> = names("bun").map(|(name, _)| format!(r#""{name}": "1""#)).into();
    sandbox.file(
        "web/bun.lock",
        format!(
            r#"{{"lockfileVersion": 1, "workspaces": {{"": {{"name": "web", "dependencies": {{{}}}}}}}, "packages": {{{}}}}}"#,
            asked.join(", "),
            bun.join(", ")
        ),
    );
    let (mut asked, mut packages, mut snapshots) = (String::new(), String::new(), String::new());
    for (name, _) in names("pnpm") {
        asked += &format!("      {name}: {{specifier: '1', version: 1.0.0}}\n");
        packages += &format!("  {name}@1.0.0:\n    resolution: {{integrity: {}}}\n", integrity(&name));
        snapshots += &format!("  {name}@1.0.0: {{}}\n");
    }
    let head = "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n";
    sandbox.file("api/pnpm-lock.yaml", format!("{head}{asked}packages:\n{packages}snapshots:\n{snapshots}"));
    let (mut go_mod, mut go_sum) = ("module example.org/srv\n\ngo 1.22\n".to_owned(), String::new());
    for (name, lies) in names("example.net/Go").into_iter().chain(names("example.net/vendored")) {
        go_mod += &format!("require {name} v1.0.0\n");
        go_sum += &format!("{name} v1.0.0 {}\n", hash1(&name, lies));
    }
    sandbox.file("srv/go.mod", go_mod);
    sandbox.file("srv/go.sum", go_sum);
    let mut listed = String::new();
    for (name, lies) in names("example.net/vendored").into_iter().filter(|(_, lies)| *lies != Lies::Nothing) {
        listed += &format!("# {name} v1.0.0\n## explicit\n");
        module(&name, lies).iter().for_each(|(file, text)| drop(sandbox.file(&format!("srv/vendor/{name}/{file}"), text)));
    }
    sandbox.file("srv/vendor/modules.txt", listed);
    sandbox.file("package.json", r#"{"name": "shop", "version": "1.0.0"}"#);
    sandbox.commit(Some("v1.0.0"));
    sandbox
}

/// The home of somebody who has installed all of it but what is nowhere; written in one order or the other.
fn home(backwards: bool) -> Sandbox {
    let home = Sandbox::new();
    let mut each: Vec<_> = EACH.into_iter().filter(|(_, lies)| *lies != Lies::Nothing).collect();
    if backwards {
        each.reverse();
    }
    let store = ".local/share/pnpm/store/v11";
    fs::create_dir_all(home.path().join(store)).unwrap();
    let index = rusqlite::Connection::open(home.path().join(store).join("index.db")).unwrap();
    index.pragma_update(None, "journal_mode", "wal").unwrap();
    index.execute("CREATE TABLE package_index (key TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID", ()).unwrap();
    for (end, lies) in each {
        for (file, text) in npm(&format!("bun-{end}"), lies) {
            home.file(&format!(".bun/install/cache/bun-{end}@1.0.0@@@1/{file}"), text);
        }
        for (file, text) in module(&format!("example.net/Go-{end}"), lies) {
            home.file(&format!("go/pkg/mod/example.net/!go-{end}@v1.0.0/{file}"), text);
        }
        let name = format!("pnpm-{end}");
        let files = npm(&name, lies);
        for (_, text) in &files {
            let hash = hex::encode(Sha512::digest(text));
            home.file(&format!("{store}/files/{}/{}", &hash[..2], &hash[2..]), text);
        }
        let key = format!("{}\t{name}@1.0.0", integrity(&name));
        index.execute("INSERT INTO package_index VALUES (?1, ?2)", (key, packed(&files))).unwrap();
    }
    home
}

/// The index of a package's files as MessagePack: `{algo: sha512, files: {NAME: {digest: HASH}}}`.
fn packed(files: &[(String, String)]) -> Vec<u8> {
    let text = |text: &str| [&[0xd9, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let mut bytes = [vec![0x82], text("algo"), text("sha512"), text("files")].concat();
    bytes.push(0x80 | u8::try_from(files.len()).unwrap());
    for (name, content) in files {
        bytes.extend([text(name), vec![0x81], text("digest"), text(&hex::encode(Sha512::digest(content)))].concat());
    }
    bytes
}

fn written(repository: &Sandbox, home: &Sandbox, user: &str, zone: &str) -> String {
    let environment = [("HOME", home.path().to_str().unwrap()), ("USER", user), ("TZ", zone), ("LANG", "tr_TR.UTF-8")];
    let ran = repository.avouch_with(&["sbom"], &environment).exits(0);
    for place in [repository.path(), home.path()] {
        assert!(!ran.stdout.contains(place.to_str().unwrap()), "a path of the machine is told");
    }
    ran.stdout
}

#[test]
fn equal_caches_of_bun_go_and_pnpm_give_equal_bytes_to_everybody() {
    let (one, other) = (repository(), repository());
    let here = written(&one, &home(false), "somebody", "Pacific/Kiritimati");
    assert_eq!(here, written(&other, &home(true), "nobody-else", "America/Los_Angeles"));
    let alone = written(&one, &Sandbox::new(), "somebody", "UTC");
    assert!(here.contains("\"MIT\"") && !alone.contains("\"MIT\""), "without a cache nothing is declared");
}

/// The packages of which licence data lies on the disk, as `NAME VERSION`: of a file that is a manifest and declares a licence,
/// and of a file that is the text of one. What package a text belongs to its path tells, or pnpm's index: its bytes are
/// searched for the hash.
fn walked(home: &Path, repository: &Path) -> BTreeSet<String> {
    let index = rusqlite::Connection::open(home.join(".local/share/pnpm/store/v11/index.db")).unwrap();
    let mut rows = index.prepare("SELECT key, data FROM package_index").unwrap();
    let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows: Vec<(String, Vec<u8>)> = rows.map(Result::unwrap).collect();
    let vendored = fs::read_to_string(repository.join("srv/vendor/modules.txt")).unwrap();
    let mut found = BTreeSet::new();
    for (path, bytes) in small::files(home).into_iter().chain(small::files(repository)) {
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if let Ok(manifest) = serde_json::from_str::<Value>(&text)
            && let [Some(name), Some(version), Some(_)] = ["name", "version", "license"].map(|key| manifest[key].as_str())
        {
            found.insert(format!("{name} {version}"));
        }
        if !text.contains("Permission to use, copy") {
            continue;
        }
        let hash = hex::encode(Sha512::digest(&text));
        let lists = |data: &[u8]| data.windows(hash.len()).any(|window| window == hash.as_bytes());
        let of_rows = rows.iter().filter(|(_, data)| lists(data)).filter_map(|(key, _)| key.split_once('\t'));
        found.extend(of_rows.map(|(_, package)| package.replace('@', " ")));
        let (folder, _) = path.rsplit_once('/').unwrap();
        if let Some(package) = folder.strip_prefix(".bun/install/cache/") {
            found.insert(package.trim_end_matches("@@@1").replace('@', " "));
        } else if let Some(package) = folder.strip_prefix("go/pkg/mod/") {
            found.insert(package.replace("!g", "G").replace('@', " "));
        } else if let Some(module) = folder.strip_prefix("srv/vendor/") {
            found.extend(
                vendored
                    .lines()
                    .filter_map(|line| line.strip_prefix("# "))
                    .filter(|line| line.starts_with(module))
                    .map(str::to_owned),
            );
        }
    }
    found
}

#[test]
fn a_licence_is_told_wherever_a_naive_walk_of_the_caches_finds_one_and_nowhere_else() {
    let (repository, home) = (repository(), home(false));
    let bom: Value = serde_json::from_str(&written(&repository, &home, "somebody", "UTC")).unwrap();
    // The three parts of the product are no packages of anybody else.
    let is_package = |one: &&Value| !one["purl"].as_str().unwrap().starts_with("pkg:generic/");
    let components: Vec<&Value> = bom["components"].as_array().unwrap().iter().filter(is_package).collect();
    let called = |one: &Value| format!("{} {}", one["name"].as_str().unwrap(), one["version"].as_str().unwrap());
    let all: BTreeSet<String> = components.iter().copied().map(called).collect();
    assert_eq!(all.len(), 4 * EACH.len());
    let unknown = |one: &&Value| one["licenses"].to_string().contains("NOASSERTION");
    let told: BTreeSet<String> = components.iter().copied().filter(|one| !unknown(one)).map(called).collect();
    assert_eq!(told, walked(home.path(), repository.path()));
    // Of Bun and pnpm what is declared and what lies there as a text, of Go the texts.
    assert_eq!(told.len(), 2 * 2 + 2, "{told:?}");
}

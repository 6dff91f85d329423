//! The SBOM of a release: what it says of the release, what it takes from caches, and what writing it never does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use avouch_model::Digest;
use serde_json::{Value, json};

use super::support::{Sandbox, cargo_project, small};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn property(bom: &Value, name: &str) -> Vec<String> {
    let properties = bom["metadata"]["properties"].as_array().unwrap();
    let named = properties.iter().filter(|property| property["name"] == name);
    named.map(|property| property["value"].as_str().unwrap().to_owned()).collect()
}

fn component<'a>(bom: &'a Value, name: &str) -> &'a Value {
    let components = bom["components"].as_array().unwrap();
    components.iter().find(|component| component["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

/// Everything is reached from the product, and every reference leads somewhere.
fn whole(bom: &Value) {
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for dependency in bom["dependencies"].as_array().unwrap() {
        let on = dependency["dependsOn"].as_array().map(|on| on.iter().map(|one| one.as_str().unwrap()).collect());
        needs.insert(dependency["ref"].as_str().unwrap(), on.unwrap_or_default());
    }
    let mut reached = BTreeSet::new();
    let mut waiting = vec![bom["metadata"]["component"]["bom-ref"].as_str().unwrap()];
    while let Some(at) = waiting.pop() {
        if reached.insert(at) {
            waiting.extend(needs.get(at).unwrap_or_else(|| panic!("{at} is no component")));
        }
    }
    let listed: BTreeSet<&str> =
        bom["components"].as_array().unwrap().iter().map(|component| component["bom-ref"].as_str().unwrap()).collect();
    assert_eq!(reached.len(), listed.len() + 1, "something is not reached from the product");
}

#[test]
fn a_bom_names_commit_tag_state_and_the_program_that_wrote_it() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    let commit = sandbox.commit(Some("v1.0.0"));
    let bom = parsed(&sandbox.avouch(&["sbom", "--release", "1.0.0"]).exits(0).stdout);
    assert_eq!(property(&bom, "avouch:release:commit"), [commit.as_str()]);
    assert_eq!(property(&bom, "avouch:release:tag"), ["v1.0.0"]);
    assert_eq!(property(&bom, "avouch:release:dirty"), ["false"]);
    assert_eq!(bom["metadata"]["lifecycles"], json!([{"phase": "pre-build"}]));
    let own = Digest::of(&fs::read(env!("CARGO_BIN_EXE_avouch")).unwrap());
    let tool = &bom["metadata"]["tools"]["components"][0];
    assert_eq!(tool["hashes"], json!([{"alg": "SHA-256", "content": own.hex()}]));
    sandbox.file("src/lib.rs", "pub fn changed() {}");
    let bom = parsed(&sandbox.avouch(&["sbom"]).exits(0).stdout);
    assert_eq!(property(&bom, "avouch:release:dirty"), ["true"]);
    assert_eq!(property(&bom, "avouch:release:version"), ["unreleased"]);
    whole(&bom);
}

#[test]
fn author_and_supplier_come_from_the_configuration() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    let parties = "[sbom]\nspec = \"1.7\"\nauthor = { name = \"Example GmbH\", email = \"sbom@example.com\" }\n\
                   supplier = { name = \"Example AG\", url = \"https://example.com\" }\n";
    small::product(&sandbox, &[], parties);
    sandbox.commit(None);
    let bom = parsed(&sandbox.avouch(&["sbom"]).exits(0).stdout);
    assert_eq!(bom["metadata"]["authors"], json!([{"name": "Example GmbH", "email": "sbom@example.com"}]));
    assert_eq!(bom["metadata"]["manufacturer"]["contact"], json!([{"email": "sbom@example.com"}]));
    assert_eq!(bom["metadata"]["supplier"], json!({"name": "Example AG", "url": ["https://example.com"]}));
    assert_eq!(bom["metadata"]["component"]["supplier"]["name"], "Example AG");
    let unknown = property(&bom, "avouch:unknown");
    assert!(!unknown.iter().any(|what| what == "authors" || what == "supplier"), "{unknown:?}");

    for (wrong, said) in [
        ("author = { nmae = \"x\" }", "`name` is missing"),
        ("author = { name = \"x\", email = \"mailto:a@example.com\" }", "no address for mail"),
        ("supplier = { name = \"x\", url = \"example.com\" }", "no address of the web"),
        ("supplier = \"x\"", "supplier"),
    ] {
        let sandbox = Sandbox::new();
        cargo_project(&sandbox);
        small::product(&sandbox, &[], "");
        let configuration = format!("{}\n[sbom]\n{wrong}\n", sandbox.read("avouch.toml"));
        sandbox.file("avouch.toml", configuration);
        let ran = sandbox.avouch(&["check"]).exits(2);
        assert!(ran.stderr.contains(said), "{wrong}: {}", ran.stderr);
    }
}

/// A Cargo home with the one crate of the project, made up, and the lockfile that fits it.
fn cached(sandbox: &Sandbox, home: &str) {
    let manifest = "[package]\nname = \"itoa\"\nversion = \"1.0.11\"\nauthors = [\"Jane Doe <jane@x.example>\"]\nlicense = \"0BSD\"\n\
                    repository = \"https://x.example/itoa\"\n";
    sandbox.file(&format!("{home}/registry/src/github.com-0/itoa-1.0.11/Cargo.toml"), manifest);
}

#[test]
fn equal_inputs_give_equal_bytes_for_everybody_everywhere() {
    let written = |home: &str, zone: &str, user: &str, arguments: &[&str]| {
        let sandbox = Sandbox::new();
        cargo_project(&sandbox);
        sandbox.file(".gitignore", "home-*\n");
        sandbox.commit(Some("v1.0.0"));
        cached(&sandbox, home);
        let home = sandbox.path().join(home);
        let environment =
            [("CARGO_HOME", home.to_str().unwrap()), ("TZ", zone), ("USER", user), ("LOGNAME", user), ("LANG", "tr_TR.UTF-8")];
        let ran = sandbox.avouch_with(&[&["sbom"], arguments].concat(), &environment).exits(0);
        assert!(!ran.stdout.contains(sandbox.path().to_str().unwrap()), "a path of the machine is told");
        assert!(!ran.stdout.contains(user) && !ran.stdout.contains("jane@"), "a person is told");
        ran.stdout
    };
    let here = written("home-a", "Pacific/Kiritimati", "somebody", &[]);
    assert!(here.contains("0BSD") && here.contains("Jane Doe"));
    assert_eq!(here, written("home-b", "America/Los_Angeles", "nobody-else", &[]));
    let alone = written("home-a", "UTC", "somebody", &["--lock-only"]);
    assert!(!alone.contains("0BSD"), "no cache is read");
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.file(".gitignore", "home-*\n");
    sandbox.commit(Some("v1.0.0"));
    assert_eq!(alone, sandbox.avouch(&["sbom", "--lock-only"]).exits(0).stdout, "and none needs to be there");
}

#[test]
fn a_quick_bom_declares_and_hashes_nothing() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    cached(&sandbox, "home");
    let home = sandbox.path().join("home");
    let bom = sandbox.avouch_with(&["sbom", "--quick"], &[("CARGO_HOME", home.to_str().unwrap())]).exits(0).stdout;
    let bom = parsed(&bom);
    let itoa = component(&bom, "itoa");
    assert_eq!(itoa["licenses"], json!([{"license": {"id": "0BSD", "acknowledgement": "declared"}}]));
    assert_eq!(bom["metadata"]["tools"]["components"][0].get("hashes"), None);
}

/// What a crate in a cache has, found out by other means than the program's.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lies {
    licence: bool,
    maker: bool,
    archive: bool,
}

fn lies(home: &Path, name: &str, version: &str) -> Option<Lies> {
    let folders = |kind: &str| -> Vec<PathBuf> {
        let read = fs::read_dir(home.join("registry").join(kind)).into_iter().flatten();
        read.map(|entry| entry.unwrap().path()).collect()
    };
    let manifest = folders("src")
        .into_iter()
        .find_map(|registry| fs::read_to_string(registry.join(format!("{name}-{version}/Cargo.toml"))).ok())?;
    let package = manifest.split("\n[package]\n").nth(1).or_else(|| manifest.strip_prefix("[package]\n"))?;
    let package = package.split("\n[").next()?;
    let has = |key: &str| package.lines().any(|line| line.starts_with(&format!("{key} = ")) && !line.ends_with("= \"\""));
    let named = package.contains("authors = [\"") || package.contains("authors = [\n    \"");
    Some(Lies {
        licence: has("license"),
        maker: named || has("repository") || has("homepage"),
        archive: folders("cache").iter().any(|registry| registry.join(format!("{name}-{version}.crate")).is_file()),
    })
}

#[test]
fn of_our_own_lockfile_everything_is_told_that_lies_on_this_disk_and_the_rest_is_counted() {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"))).unwrap();
    let sandbox = Sandbox::new();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    sandbox.file("Cargo.lock", fs::read(own.join("Cargo.lock")).unwrap());
    sandbox.file("Cargo.toml", "[workspace]\n[workspace.package]\nlicense = 'Apache-2.0'\n");
    let ran = sandbox.avouch_with(&["sbom", "-o", "bom.json"], &[("CARGO_HOME", home.to_str().unwrap())]).exits(0);
    assert!(!ran.stderr.contains("is not the one in the lockfile"), "{}", ran.stderr);
    sandbox.avouch(&["sbom", "validate", "bom.json"]).exits(0);
    let bom = parsed(&sandbox.read("bom.json"));
    whole(&bom);
    let (mut there, mut counted) = (0, BTreeMap::<&str, u64>::new());
    for component in bom["components"].as_array().unwrap() {
        let text = |key: &str| component[key].as_str().unwrap_or_default();
        let licences = serde_json::to_string(&component["licenses"]).unwrap();
        let told = Lies {
            licence: !licences.contains("NOASSERTION"),
            maker: component["supplier"]["name"] != "NOASSERTION",
            archive: component["hashes"].as_array().is_some_and(|hashes| hashes.iter().any(|hash| hash["alg"] == "SHA-512")),
        };
        assert!(!component["licenses"].as_array().unwrap().is_empty(), "{}: nothing is said of its licence", text("name"));
        let on_disk = lies(&home, text("name"), text("version")).filter(|_| text("purl").starts_with("pkg:cargo/"));
        if let Some(on_disk) = on_disk {
            there += 1;
            // A text alone can tell a licence, too, that no manifest declares.
            let licence = told.licence;
            assert!(licence || !on_disk.licence, "{}: its licence lies on the disk", text("name"));
            assert_eq!(Lies { licence, ..told }, Lies { licence, ..on_disk }, "{} {}", text("name"), text("version"));
        }
        for (what, known) in [
            ("component licences", !licences.contains("NOASSERTION")),
            ("component suppliers", component["supplier"]["name"] != "NOASSERTION"),
        ] {
            *counted.entry(what).or_default() += u64::from(!known);
        }
    }
    assert!(there >= 100, "only {there} crates of this repository lie in {}", home.display());
    for (what, count) in counted.into_iter().filter(|(_, count)| *count > 0) {
        let told = property(&bom, "avouch:unknown");
        assert!(told.contains(&format!("{what}: {count}")), "{what}: {count} are not known; told are {told:?}");
    }
}

/// A repository of two kinds of packages, with a fixture that belongs to neither.
fn monorepo() -> Sandbox {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.file(
        "pnpm-lock.yaml",
        "lockfileVersion: '9.0'\nimporters:\n  .:\n    devDependencies:\n      tool:\n        specifier: ^1.0.0\n        version: 1.0.0\n\
         \x20 packages/api:\n    dependencies:\n      '@shop/ui':\n        specifier: workspace:*\n        version: link:../ui\n\
         \x20 packages/ui:\n    dependencies:\n      a:\n        specifier: ^1.0.0\n        version: 1.0.0\n\
         \x20   devDependencies:\n      tool:\n        specifier: ^1.0.0\n        version: 1.0.0\n\
         packages:\n  a@1.0.0:\n    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}\n\
         \x20 tool@1.0.0:\n    resolution: {integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}\n\
         snapshots:\n  a@1.0.0: {}\n  tool@1.0.0: {}\n",
    );
    sandbox.file("package.json", r#"{"name": "shop-web", "version": "1.0.0"}"#);
    sandbox.file("packages/api/package.json", r#"{"name": "@shop/api", "version": "2.0.0", "license": "MIT"}"#);
    sandbox.file("packages/ui/package.json", r#"{"name": "@shop/ui", "version": "3.0.0"}"#);
    sandbox.file("tests/fixtures/evil/package-lock.json", r#"{"name": "evil", "lockfileVersion": 3, "packages": {"": {}}}"#);
    sandbox.commit(None);
    sandbox
}

#[test]
fn a_repository_of_several_packages_gives_one_bom_and_one_a_package() {
    let sandbox = monorepo();
    let merged = parsed(&sandbox.avouch(&["sbom"]).exits(0).stdout);
    whole(&merged);
    assert_eq!(merged["metadata"]["component"]["name"], "shop");
    assert!(!merged.to_string().contains("evil"), "a fixture leaks into the product");
    for name in ["itoa", "a", "tool", "@shop/api", "@shop/ui"] {
        component(&merged, name);
    }
    sandbox.avouch(&["sbom", "--split"]).exits(2);
    sandbox.avouch(&["sbom", "--split", "-o", "boms"]).exits(0);
    let files: Vec<String> = small::files(&sandbox.path().join("boms")).into_keys().collect();
    assert_eq!(files, ["shop-api.cdx.json", "shop-ui.cdx.json", "shop-web.cdx.json", "shop.cdx.json"]);
    for file in &files {
        let bom = parsed(&sandbox.read(&format!("boms/{file}")));
        whole(&bom);
        sandbox.avouch(&["sbom", "validate", &format!("boms/{file}")]).exits(0);
    }
    let names = |file: &str| -> BTreeMap<String, String> {
        let bom = parsed(&sandbox.read(&format!("boms/{file}.cdx.json")));
        let text = |component: &Value, key: &str| component[key].as_str().unwrap().to_owned();
        bom["components"].as_array().unwrap().iter().map(|one| (text(one, "name"), text(one, "scope"))).collect()
    };
    let of = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
        entries.iter().map(|(name, scope)| ((*name).to_owned(), (*scope).to_owned())).collect()
    };
    assert_eq!(names("shop-api"), of(&[("@shop/ui", "required"), ("a", "required")]), "what ui is developed with is ui's");
    assert_eq!(names("shop-ui"), of(&[("a", "required"), ("tool", "excluded")]));
    assert_eq!(names("shop"), of(&[("itoa", "required")]));
    let api = parsed(&sandbox.read("boms/shop-api.cdx.json"));
    assert_eq!(api["metadata"]["component"]["version"], "2.0.0");
    assert_eq!(api["metadata"]["component"]["licenses"][0]["license"]["id"], "MIT");
}

#[test]
fn what_a_lockfile_over_reports_is_said_and_what_is_exact_is_called_complete() {
    let bom = parsed(&monorepo().avouch(&["sbom"]).exits(0).stdout);
    let compositions = bom["compositions"].as_array().unwrap();
    let of = |aggregate: &str| -> BTreeSet<&str> {
        let fitting = compositions.iter().skip(1).filter(|composition| composition["aggregate"] == aggregate);
        fitting.flat_map(|composition| composition["dependencies"].as_array().unwrap()).map(|one| one.as_str().unwrap()).collect()
    };
    assert_eq!(compositions[0]["aggregate"], "unknown", "the product is at most as sure as its least sure lockfile");
    assert!(of("unknown").contains("pkg:cargo/itoa@1.0.11"));
    assert!(of("complete").contains("pkg:npm/a@1.0.0"));
    assert_eq!(of("unknown").len() + of("complete").len(), bom["components"].as_array().unwrap().len());
    let said = property(&bom, "avouch:over-reported:Cargo.lock");
    assert!(said[0].contains("platforms") && said[0].contains("features"), "{said:?}");
    assert!(property(&bom, "avouch:over-reported:pnpm-lock.yaml").is_empty());
}

/// The tools that a build would run. Each is a canary here.
const TOOLS: [&str; 14] =
    ["cargo", "rustc", "rustup", "node", "npm", "npx", "pnpm", "yarn", "bun", "python3", "pip", "uv", "go", "sh-of-the-project"];

#[cfg(target_os = "linux")]
#[test]
fn nothing_of_the_project_is_run_and_no_socket_is_opened() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let sandbox = monorepo();
    let canary = sandbox.path().join("canary-sang");
    let script = format!("#!/bin/sh\n/bin/echo \"$0\" >> '{}'\n", canary.display());
    for tool in TOOLS {
        let path = sandbox.file(&format!("bin/{tool}"), &script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let real = |name: &str| {
        let path = std::env::var_os("PATH").unwrap();
        let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
        found.unwrap_or_else(|| panic!("`{name}` is not installed; `sh tests/setup.sh` installs what the tests need"))
    };
    let (git, strace) = (real("git"), real("strace"));
    symlink(&git, sandbox.path().join("bin/git")).unwrap();
    let run = sandbox.path().join("bin/sh-of-the-project");
    let run = run.display();
    // Everything by which a project has its own code run when a package manager reads it.
    sandbox.file(".cargo/config.toml", format!("[build]\nrustc = '{run}'\nrustc-wrapper = '{run}'\n"));
    sandbox.file("rust-toolchain.toml", "[toolchain]\nchannel = 'nightly-1999-01-01'\n");
    sandbox.file("build.rs", "fn main() { panic!() }");
    sandbox.file("package.json", format!(r#"{{"name": "shop-web", "scripts": {{"preinstall": "{run}", "prepare": "{run}"}}}}"#));
    sandbox.file(".npmrc", format!("script-shell={run}\nregistry=https://registry.example\n"));
    sandbox.file(".pnpmfile.cjs", "process.exit(1)");
    sandbox.file(".yarnrc.yml", "yarnPath: evil.cjs\n");
    sandbox.file(".git/hooks/post-index-change", &script);
    sandbox.git(&["config", "core.fsmonitor", &run.to_string()]);
    cached(&sandbox, "home");

    let bin = sandbox.path().join("bin");
    let (bin, home) = (bin.to_str().unwrap(), sandbox.path().join("home"));
    let environment = [("PATH", bin), ("CARGO_HOME", home.to_str().unwrap())];
    let traced = |arguments: &[&str]| -> String {
        let log = sandbox.path().join("trace");
        let mut command = Command::new(&strace);
        command.args(["-f", "-qq", "-e", "trace=execve,execveat,socket,connect,bind", "-o"]).arg(&log);
        command.arg(env!("CARGO_BIN_EXE_avouch")).args(arguments).current_dir(sandbox.path()).env_clear().envs(environment);
        let output = command.output().unwrap();
        let trace = fs::read_to_string(&log).unwrap_or_default();
        assert!(trace.contains("execve("), "strace cannot trace here: {}", String::from_utf8_lossy(&output.stderr));
        trace
    };
    // The traps work: the canary sings, and a command that does open a socket is seen to.
    Command::new(format!("{bin}/cargo")).env_clear().status().unwrap();
    assert!(canary.exists(), "the canary does not sing when it should");
    fs::remove_file(&canary).unwrap();
    assert!(traced(&["verify", "http://127.0.0.1:1"]).contains("AF_INET"), "a socket is not seen when it should be");

    for arguments in [
        &["sbom", "-o", "bom.json"][..],
        &["sbom", "--lock-only", "-o", "bom.json"],
        &["sbom", "--split", "-o", "boms"],
        &["sbom", "validate", "bom.json"],
    ] {
        let trace = traced(arguments);
        for line in trace.lines().filter(|line| line.contains("exec")) {
            let own = line.contains(env!("CARGO_BIN_EXE_avouch"));
            // Those that a search of PATH tries and does not find are no programs that run.
            let ran = !line.contains("ENOENT") && !line.contains("resumed>");
            assert!(!ran || own || line.contains("/git\""), "{arguments:?} ran {line}");
        }
        // A pair of sockets, by which a process talks with the child that it starts, leads nowhere else and is not traced.
        let opens = |line: &&str| ["socket(", "connect(", "bind("].iter().any(|call| line.contains(call));
        let sockets: Vec<&str> = trace.lines().filter(opens).collect();
        assert!(sockets.is_empty(), "{arguments:?} opened {sockets:?}");
        assert!(!canary.exists(), "{arguments:?} ran {}", fs::read_to_string(&canary).unwrap_or_default());
    }
    whole(&parsed(&sandbox.read("bom.json")));
}

#[test]
fn one_damaged_lockfile_stops_neither_the_sbom_nor_the_run() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    small::product(&sandbox, &[], "");
    sandbox.commit(Some("v1.0.0"));
    sandbox.avouch(&["run"]);
    sandbox.file("service/Cargo.lock", "<<<<<<< ours\nversion = 4\n");
    let ran = sandbox.avouch(&["sbom", "-o", "bom.json"]).exits(3);
    assert!(ran.stderr.contains("service/Cargo.lock:1:1: "), "{}", ran.stderr);
    let bom = parsed(&sandbox.read("bom.json"));
    assert_eq!(bom["compositions"][0]["aggregate"], "incomplete");
    sandbox.commit(Some("v1.1.0"));
    fs::remove_file(sandbox.path().join("service/Cargo.lock")).unwrap();
    sandbox.file("Cargo.lock", "<<<<<<< ours\n");
    sandbox.commit(Some("v1.2.0"));
    cargo_project(&sandbox);
    sandbox.commit(Some("v1.3.0"));
    let ran = sandbox.avouch(&["run"]);
    assert!(ran.stderr.contains("release 1.2.0 has no SBOM: Cargo.lock:1:1: "), "{}", ran.stderr);
    let listed = sandbox.avouch(&["evidence", "list"]).exits(0).stdout;
    for release in ["1.1.0", "1.2.0", "1.3.0"] {
        assert!(listed.contains(release), "{listed}");
    }
}

#[test]
fn a_lockfile_that_git_does_not_know_is_read_and_told() {
    let sandbox = Sandbox::new();
    sandbox.file(".gitignore", "/Cargo.lock\n");
    cargo_project(&sandbox);
    sandbox.commit(None);
    let ran = sandbox.avouch(&["sbom"]).exits(0);
    assert!(ran.stderr.contains("Cargo.lock is read although git ignores it"), "{}", ran.stderr);
    sandbox.file(".gitignore", "");
    sandbox.commit(None);
    assert_eq!(property(&parsed(&sandbox.avouch(&["sbom"]).exits(0).stdout), "avouch:release:dirty"), ["false"]);
    sandbox.file("python/requirements.txt", "flask==3.0.0\n");
    assert_eq!(property(&parsed(&sandbox.avouch(&["sbom"]).exits(0).stdout), "avouch:release:dirty"), ["true"]);
}

#[test]
fn a_folder_without_git_gives_the_same_bytes_by_its_lockfiles_alone() {
    let sandbox = Sandbox::new();
    sandbox.file("requirements.txt", "flask==3.0.0\n");
    fs::remove_dir_all(sandbox.path().join(".git")).ok();
    let once = sandbox.avouch(&["sbom", "--lock-only"]).exits(0).stdout;
    assert!(
        once.contains("\"timestamp\": \"1970-01-01T00:00:00Z\"") || once.contains("\"timestamp\":\"1970-01-01T00:00:00Z\""),
        "{once}"
    );
    fs::remove_file(sandbox.path().join("requirements.txt")).unwrap();
    let none = sandbox.avouch(&["sbom"]).exits(3);
    assert!(none.stderr.contains("no lockfile was found"), "{}", none.stderr);
}

//! What avouch writes, read by programs of others: nothing here shares code with avouch.
//!
//! A product is judged and published once; every test looks at that record, and at copies that were tampered with. A reader
//! that accepts everything shows nothing, so each is also shown something that it must refuse.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "foreign/advisories.rs"]
mod advisories;
#[path = "foreign/formats.rs"]
mod formats;
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use support::{Sandbox, cargo_project, reference::Product};

/// What makes the tools, for whoever lacks them.
const WAY_OUT: &str = "`make test` installs what the tests need";

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

/// A program of the environment that `tests/setup.sh` makes.
fn foreign(program: &str) -> PathBuf {
    let path = top().join("target/test-tools/python/bin").join(program);
    assert!(path.is_file(), "{} is missing: {WAY_OUT}", path.display());
    path
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?} does not start ({error}): {WAY_OUT}"))
}

/// Both streams of a program that ended.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs one of our scripts on these arguments.
fn script(name: &str, arguments: &[&str]) -> Output {
    let output = output(Command::new(foreign("python")).arg(top().join("tests/foreign").join(name)).args(arguments));
    assert!(!said(&output).contains("ModuleNotFoundError"), "{}{WAY_OUT}", said(&output));
    output
}

#[track_caller]
fn accepts(name: &str, arguments: &[&str]) -> String {
    let output = script(name, arguments);
    assert!(output.status.success(), "{name}: {}", said(&output));
    said(&output)
}

#[track_caller]
fn refuses(name: &str, arguments: &[&str]) -> String {
    let output = script(name, arguments);
    assert!(!output.status.success(), "{name} accepted {arguments:?}: {}", said(&output));
    said(&output)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// One published record: of the reference product without its service.
struct Published {
    product: Product,
    folder: PathBuf,
    key: String,
}

fn published() -> &'static Published {
    static PUBLISHED: OnceLock<Published> = OnceLock::new();
    PUBLISHED.get_or_init(|| {
        let product = Product::start(None, false);
        product.run();
        let key = product.avouch(&["key", "show"]).exits(0).stdout.trim().to_owned();
        let folder = product.sandbox.path().join("product/public");
        Published { product, folder, key }
    })
}

/// A copy that may be tampered with.
fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_folder(folder, copy.path());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Every file beneath a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect();
    found.sort();
    found
}

/// Turns one bit of a byte in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("a file");
}

#[test]
fn a_second_verifier_accepts_the_record_and_refuses_every_flipped_byte() {
    let Published { product, folder, key } = published();
    let counts = accepts("verify_record.py", &[text(folder), key]);
    assert!(counts.contains("entries=") && !counts.contains("envelopes=0"), "{counts}");
    let mut places = vec![PathBuf::from("checkpoint")];
    for below in ["tile/entries", "blob", "dsse"] {
        let found = files(&folder.join(below));
        assert!(!found.is_empty(), "nothing lies in {below}");
        places.extend(found.iter().map(|path| path.strip_prefix(folder).expect("beneath").to_owned()));
    }
    // One copy, mended after each mutation: what is refused is that one mutation.
    let copy = copy_of(folder);
    for place in &places {
        let path = copy.path().join(place);
        let before = fs::read(&path).expect("a file");
        flip(&path);
        refuses("verify_record.py", &[text(copy.path()), key]);
        let ours = product.sandbox.avouch(&["verify", text(copy.path()), "--key", key]);
        assert_eq!(ours.code, 1, "{}: {}{}", place.display(), ours.stdout, ours.stderr);
        fs::write(&path, before).expect("a file");
    }
    accepts("verify_record.py", &[text(copy.path()), key]);
    let another = key.replacen("+A", "+B", 1);
    refuses("verify_record.py", &[text(copy.path()), &another]);
}

#[test]
fn in_toto_accepts_every_statement_and_refuses_one_of_another_type() {
    let folder = &published().folder;
    assert!(accepts("validate_statements.py", &[text(folder)]).contains("statements="));
    let copy = copy_of(folder);
    let path = files(&copy.path().join("dsse")).remove(0);
    // The payload is base64 of `{"_type":"https://in-toto.io/Statement/v1",…}`: here the version becomes 2.
    let envelope = fs::read_to_string(&path).expect("an envelope");
    let other = envelope.replacen("ZW1lbnQvdjEi", "ZW1lbnQvdjIi", 1);
    assert_ne!(envelope, other, "the statement's type was not where it should be");
    fs::write(&path, other).expect("an envelope");
    refuses("validate_statements.py", &[text(copy.path())]);
}

/// The commands of the verification page that need nothing of ours.
fn commands_of_the_page(folder: &Path, language: &str) -> String {
    let page = fs::read_to_string(folder.join(language).join("verify/index.html")).expect("the page");
    let blocks = page.split("<pre><code>").skip(1).filter_map(|rest| rest.split("</code></pre>").next());
    let block = blocks.into_iter().find(|block| block.contains("openssl")).expect("a block with openssl");
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(block.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[test]
fn openssl_verifies_the_checkpoint_by_the_commands_that_the_page_prints() {
    let folder = &published().folder;
    for language in ["en", "fr"] {
        let commands = commands_of_the_page(folder, language);
        let copy = copy_of(folder);
        let run = || output(Command::new("sh").args(["-euc", &commands]).current_dir(copy.path()));
        let good = run();
        assert!(good.status.success() && said(&good).contains("Verified Successfully"), "{commands}\n{}", said(&good));
        let checkpoint = copy.path().join("checkpoint");
        let note = fs::read_to_string(&checkpoint).expect("a checkpoint");
        let size = note.lines().nth(1).expect("a size").parse::<u64>().expect("a number");
        fs::write(&checkpoint, note.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size + 1), 1)).expect("a checkpoint");
        let bad = run();
        assert!(!bad.status.success() && said(&bad).contains("Verification Failure"), "{}", said(&bad));
    }
}

/// A lockfile of pnpm with a dependency and one of its own.
const PNPM: &str = "lockfileVersion: '9.0'\n\nimporters:\n  .:\n    dependencies:\n      debug:\n        specifier: ^4.4.0\n        version: 4.4.0\n\npackages:\n  debug@4.4.0:\n    resolution: {integrity: sha512-6WTZ/IxCY/T6BALoZHaE4ctp9xm+Z5kY/pzYaCHRFeyVhojxlrm+46y68HA6hr0TcwEssoxNiDEUJQjfPZ/RYA==}\n  ms@2.1.3:\n    resolution: {integrity: sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA==}\n\nsnapshots:\n  debug@4.4.0:\n    dependencies:\n      ms: 2.1.3\n  ms@2.1.3: {}\n";

const NPM: &str = r#"{"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "packages": {
  "": {"name": "shop", "version": "1.0.0", "dependencies": {"@scope/ms": "^2.1.3"}},
  "node_modules/@scope/ms": {"version": "2.1.3", "resolved": "https://packages.example/@scope/ms/-/ms-2.1.3.tgz", "license": "MIT",
    "integrity": "sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="}
}}"#;

#[test]
fn cyclonedx_accepts_our_boms_of_every_ecosystem_and_refuses_a_broken_one() {
    let manifest = r#"{"name": "shop", "version": "1.0.0", "dependencies": {"debug": "^4.4.0"}}"#;
    let npm_manifest = r#"{"name": "shop", "version": "1.0.0", "dependencies": {"@scope/ms": "^2.1.3"}}"#;
    let mut written = Vec::new();
    let sandboxes = ["cargo", "npm", "pnpm"].map(|ecosystem| {
        let sandbox = Sandbox::new();
        match ecosystem {
            "cargo" => cargo_project(&sandbox),
            "npm" => {
                sandbox.file("package.json", npm_manifest);
                sandbox.file("package-lock.json", NPM);
            }
            _ => {
                sandbox.file("package.json", manifest);
                sandbox.file("pnpm-lock.yaml", PNPM);
            }
        }
        sandbox.commit(Some("v1.0.0"));
        sandbox
    });
    for sandbox in &sandboxes {
        for spec in ["1.5", "1.6", "1.7"] {
            let name = format!("bom-{spec}.json");
            sandbox.avouch(&["sbom", "--spec", spec, "-o", &name]).exits(0);
            assert!(sandbox.read(&name).contains("pkg:"), "{name} holds no component");
            written.push(sandbox.path().join(name));
        }
    }
    let arguments: Vec<&str> = written.iter().map(|path| text(path)).collect();
    let verdicts = accepts("validate_bom.py", &arguments);
    assert_eq!(verdicts.matches(" valid").count(), 9, "{verdicts}");

    let bom = sandboxes[0].read("bom-1.6.json");
    let broken = [
        ("no format", bom.replacen("\"bomFormat\"", "\"bomFormats\"", 1)),
        ("a type that does not exist", bom.replace("\"type\": \"library\"", "\"type\": \"book\"")),
    ];
    for (what, broken) in broken {
        assert_ne!(bom, broken, "{what}: nothing was broken");
        let path = sandboxes[0].file("broken.json", broken);
        assert!(refuses("validate_bom.py", &[text(&path)]).contains("INVALID"), "{what}");
    }
}

/// What sectxt recommends that a generator cannot do by itself: an OpenPGP key and a signature by it.
const NOT_OURS: &[&str] = &["no_encryption", "not_signed"];

#[test]
fn sectxt_accepts_our_security_txt_and_refuses_an_expired_one() {
    let folder = &published().folder;
    let check = |path: &Path| {
        output(Command::new(foreign("sectxt")).args(["--json", "--show-recommendations", "--show-notifications"]).arg(path))
    };
    let ours = folder.join(".well-known/security.txt");
    let good = check(&ours);
    assert!(good.status.success(), "{}", said(&good));
    let told = said(&good);
    let codes: Vec<&str> = told.split("'code': '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
    assert!(codes.iter().all(|code| NOT_OURS.contains(code)), "{told}");

    let lines = fs::read_to_string(&ours).expect("security.txt");
    let expired: String = lines
        .lines()
        .map(|line| if line.starts_with("Expires:") { "Expires: 2020-01-01T00:00:00Z\n".to_owned() } else { format!("{line}\n") })
        .collect();
    let copy = tempfile::tempdir().expect("a temporary folder");
    let path = copy.path().join("security.txt");
    fs::write(&path, expired).expect("a file");
    let bad = check(&path);
    assert!(!bad.status.success() && said(&bad).contains("expired"), "{}", said(&bad));
}

#[test]
fn feeds_and_exports_are_what_their_formats_require() {
    let Published { product, folder, .. } = published();
    let place = tempfile::tempdir().expect("a temporary folder");
    let export = |format: &str, name: &str| {
        let judged = product.avouch(&["check", "--when", "build", "--format", format]);
        assert!([0, 1, 3].contains(&judged.code), "{}{}", judged.stdout, judged.stderr);
        let path = place.path().join(name);
        fs::write(&path, judged.stdout).expect("a file");
        path
    };
    // Of what is well there is no result: the other file is of a product that promises much and does nothing yet.
    let bare = Sandbox::new();
    bare.file("README.md", "A product to be.\n");
    bare.commit(Some("v1.0.0"));
    bare.avouch(&["init", "--profile", "stack"]).exits(0);
    let open = place.path().join("open.sarif");
    fs::write(&open, bare.avouch(&["check", "--when", "build", "--format", "sarif"]).exits(1).stdout).expect("a file");
    export("sarif", "a.sarif");
    let written = [
        export("junit", "a.junit.xml"),
        open,
        folder.join("en/feed.atom"),
        folder.join("fr/feed.atom"),
        folder.join("sitemap.xml"),
        place.path().join("a.sarif"),
    ];
    let arguments: Vec<&str> = written.iter().map(|path| text(path)).collect();
    accepts("validate_exports.py", &arguments);

    let broken = [
        ("cut.junit.xml", fs::read_to_string(&written[0]).expect("JUnit").replacen("</testsuites>", "", 1)),
        (
            "count.junit.xml",
            fs::read_to_string(&written[0]).expect("JUnit").replacen("<testcase ", "<testcase class=\"\" ", 1).replacen(
                " tests=\"",
                " tests=\"9",
                1,
            ),
        ),
        (
            "element.junit.xml",
            fs::read_to_string(&written[0]).expect("JUnit").replacen("</testsuite>", "<omitted/></testsuite>", 1),
        ),
        ("kind.sarif", fs::read_to_string(&written[1]).expect("SARIF").replacen("\"$schema\"", "\"kind\": 1, \"$schema\"", 1)),
        ("level.sarif", fs::read_to_string(&written[1]).expect("SARIF").replacen("\"level\": \"", "\"level\": \"x", 1)),
        ("place.sarif", fs::read_to_string(&written[1]).expect("SARIF").replacen("\"uri\": \"", "\"uri\": \"/", 1)),
        ("id.atom", fs::read_to_string(&written[2]).expect("Atom").replacen("<id>urn:avouch:", "<id>", 1)),
    ];
    for (name, content) in broken {
        let path = place.path().join(name);
        fs::write(&path, content).expect("a file");
        refuses("validate_exports.py", &[text(&path)]);
    }
}

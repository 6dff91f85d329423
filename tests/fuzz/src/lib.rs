//! Readers of text from outside, each as a function that takes any bytes at all. None may panic, whatever it is given; and
//! what it gives must be sound, whether it is a value or an error.
//!
//! Two drivers use them: `tests/corpus.rs`, which replays the corpus and changes it at random on any Rust, and
//! `guided/`, where libFuzzer looks for inputs that reach new code.

use std::sync::{Arc, LazyLock};

use avouch_advise::{Bom, Database, Loader};
use avouch_model::{diagnostic::Source, entry::Entry};
use avouch_read::{
    configuration, lock, report, sshsig,
    structured::{self, Node, Unreadable},
    workflow,
};
use avouch_scan::{Key, Place, Rules, Scanner};

/// A reader under test.
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Reads the bytes and holds what comes of it against what must hold.
    pub read: fn(&[u8]),
}

/// Every reader.
pub const TARGETS: &[Target] = &[
    Target { name: "lockfile", read: lockfile },
    Target { name: "structured", read: structured },
    Target { name: "report", read: report },
    Target { name: "findings", read: findings },
    Target { name: "workflow", read: workflow },
    Target { name: "configuration", read: configuration },
    Target { name: "signature", read: signature },
    Target { name: "published", read: published },
    Target { name: "advisories", read: advisories },
    Target { name: "rules", read: rules },
    Target { name: "secrets", read: secrets },
    #[cfg(feature = "bom")]
    Target { name: "bom", read: bom },
];

/// A path to choose by the first line of an input, and the rest of the input: a format is told by its file's name.
fn named(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let name = std::str::from_utf8(bytes.get(..end)?).ok()?;
    Some((name, bytes.get(end + 1..)?))
}

/// An error stands at a place of the text, and says something.
fn sound(error: &Unreadable) {
    let (line, column) = error.position();
    assert!(line > 0 && column > 0, "lines and columns count from 1");
    assert!(!error.to_string().is_empty());
}

/// Every lockfile reader; the first line is the name of the file.
pub fn lockfile(bytes: &[u8]) {
    let Some((name, bytes)) = named(bytes) else { return };
    // What it includes is what it is itself.
    let lockfile = match lock::parse_with(name, bytes, &|_| Some(bytes.to_vec())) {
        Ok(lockfile) => lockfile,
        Err(error) => return sound(&error),
    };
    let count = lockfile.packages.len();
    assert!(lockfile.roots.is_sorted() && lockfile.roots.iter().all(|root| *root < count), "roots are places");
    for (at, package) in lockfile.packages.iter().enumerate() {
        assert!(!package.name.is_empty(), "a package has a name");
        assert!(package.dependencies.is_sorted(), "edges are sorted");
        assert!(package.dependencies.iter().all(|to| *to < count && *to != at), "an edge leads to another package");
        if let Some(purl) = package.purl() {
            assert!(purl.starts_with("pkg:") && purl.bytes().all(|byte| byte.is_ascii_graphic()), "{purl:?} is no package URL");
        }
    }
}

/// JSON, with comments and without, YAML and TOML; the first line is the name of the file.
pub fn structured(bytes: &[u8]) {
    let Some((name, bytes)) = named(bytes) else { return };
    let read = match name {
        "a.toml" => structured::parse_toml,
        "a.yaml" => structured::parse_yaml,
        _ => structured::parse_json,
    };
    match read(name, bytes, 1 << 20) {
        Err(error) => sound(&error),
        Ok(document) => {
            within(&document.root, document.source.text.len());
            let _ = document.root.to_json();
        }
    }
}

/// Every value stands within the text.
fn within(node: &Node, length: usize) {
    assert!(node.span.start <= node.span.end && node.span.end <= length, "{:?} of {length}", node.span);
    for item in node.as_list().unwrap_or_default() {
        within(item, length);
    }
    for entry in node.as_table().map(|table| table.entries()).unwrap_or_default() {
        within(&entry.value, length);
    }
}

/// JUnit XML and the JSON of Vitest and Jest, told apart by their first character.
pub fn report(bytes: &[u8]) {
    match report::parse("report", bytes) {
        Ok(report) => drop(report),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Reports of findings: SARIF, ZAP and Spectral; Scorecard; what scanners for secrets write, whose values no error may show.
pub fn findings(bytes: &[u8]) {
    for error in [report::sarif::parse("a.sarif", bytes).err(), report::sarif::parse_scorecard("a.json", bytes).err()] {
        error.iter().for_each(sound);
    }
    if let Err(error) = report::secrets::parse("a.json", bytes) {
        assert!(!error.to_string().contains("SeededValue"), "a mistake shows what may be a secret: {error}");
    }
}

/// Workflows of a forge; the first line is the path of the file.
pub fn workflow(bytes: &[u8]) {
    let Some((path, bytes)) = named(bytes) else { return };
    match workflow::parse(path, bytes) {
        Ok(workflow) => drop(workflow),
        Err(error) => sound(&error),
    }
}

/// `avouch.toml`.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = Arc::new(Source { path: "avouch.toml".to_owned(), text: text.to_owned() });
    let told = match configuration::load(&source) {
        Ok((_, told)) => told,
        Err(told) => {
            assert!(!told.is_empty(), "what does not load says why");
            told
        }
    };
    for diagnostic in told {
        assert!(diagnostic.span.end <= text.len() && !diagnostic.line().is_empty());
    }
}

/// SSH keys and signatures of decisions.
pub fn signature(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let key = sshsig::PublicKey::parse(text);
    if let (Ok(signature), Ok(key)) = (sshsig::Sshsig::parse(text), key) {
        assert!(signature.verify(&key, "avouch", bytes).is_err(), "one text is no key and its signature of itself");
    }
}

/// What the advisories of an input are held against.
const COMPONENTS: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
    {"type":"library","name":"a","version":"1.0.1","bom-ref":"1","purl":"pkg:cargo/a@1.0.1"},
    {"type":"library","name":"a","group":"@s","version":"2.0.0-rc.1","bom-ref":"2","purl":"pkg:npm/%40s/a@2.0.0-rc.1"},
    {"type":"library","name":"a","version":"1.0rc1","bom-ref":"3","purl":"pkg:pypi/a@1.0rc1"},
    {"type":"library","name":"a/b","version":"v1.0.0","bom-ref":"4","purl":"pkg:golang/a/b@v1.0.0"}]}"#;

/// OSV records, archives of them and advisories of RustSec; the first line is the name of the file.
pub fn advisories(bytes: &[u8]) {
    let Some((name, bytes)) = named(bytes) else { return };
    let mut loader = Loader::default();
    loader.file(name, bytes);
    let database: Database = loader.finish();
    static BOM: LazyLock<Option<Bom>> = LazyLock::new(|| Bom::read(COMPONENTS.as_bytes()).ok());
    let Some(bom) = &*BOM else { unreachable!("the components that are written here are a BOM") };
    for finding in avouch_advise::matches(&database, &bom.components) {
        assert!(!finding.id.is_empty() && !finding.components.is_empty(), "a finding is of something");
    }
}

/// Rules in the format of gitleaks.
pub fn rules(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = Arc::new(Source { path: "rules.toml".to_owned(), text: text.to_owned() });
    match Rules::load(&source, &mut |_| Err("there is no other".to_owned())) {
        Ok(rules) => {
            let _ = rules.compile();
        }
        Err(told) => assert!(!told.is_empty(), "what does not load says why"),
    }
}

/// Contents that are searched for secrets: around the keywords, and whole, with the same result.
pub fn secrets(bytes: &[u8]) {
    static RULES: LazyLock<Option<Rules>> = LazyLock::new(|| Rules::own().ok());
    static SCANNERS: LazyLock<Option<[Scanner<'static>; 2]>> = LazyLock::new(|| {
        let scanner = |rules| Scanner::new(rules, Key::from_bytes([7; 32]));
        RULES.as_ref().map(|rules| [scanner(rules), scanner(rules).without_shortcuts()])
    });
    let Some(scanners) = &*SCANNERS else { unreachable!("the rules that are built in load") };
    let [quick, whole] = scanners.each_ref().map(|scanner| {
        let profile = scanner.rules().profile("src/config.ts");
        let place = Place { path: "src/config.ts", profile: &profile, commit: None };
        scanner.scan_bytes(bytes, place).map_err(|error| error.to_string())
    });
    assert_eq!(quick, whole, "the windows hide or add something");
}

/// What a published folder holds: notes, checkpoints, entry bundles, statements.
pub fn published(bytes: &[u8]) {
    if let Ok(note) = avouch_log::note::Note::read(bytes) {
        let _ = note.text().parse::<avouch_log::checkpoint::Checkpoint>();
        let _ = note.verify(std::iter::empty());
    }
    if let Some(leaves) = avouch_log::tile::read_bundle(bytes) {
        assert!(leaves.iter().map(|leaf| leaf.len() + 2).sum::<usize>() == bytes.len(), "a bundle is its leaves");
    }
    let _ = serde_entry(bytes);
}

fn serde_entry(bytes: &[u8]) -> Option<Entry> {
    avouch_model::canonical::from_bytes(bytes).ok()
}

/// SBOMs of anybody.
#[cfg(feature = "bom")]
pub fn bom(bytes: &[u8]) {
    for fault in avouch_sbom::validate(bytes) {
        assert!(!fault.message.is_empty());
    }
    let _ = avouch_sbom::components(bytes);
}

//! What keeps a BOM from being whole is told in it, and stops nothing else.

use avouch_repository::InMemory;
use serde_json::Value;

use crate::{Caches, Format, Options, Sbom, Spec, Verdict, convert, generate, judge, tests::facts};

fn written<const N: usize>(files: [(&str, &str); N]) -> (Sbom, Value) {
    let tree = InMemory::of(files.map(|(path, text)| (path, text.to_owned())));
    let sbom = generate(&tree, &Caches::default(), &facts(), &Options::default()).unwrap();
    let bom = serde_json::from_slice(&sbom.bytes).unwrap();
    for format in [Format::Json, Format::Xml] {
        let bytes = convert(&sbom.bytes, format).unwrap();
        assert!(matches!(judge(&bytes), Verdict::Valid(_)), "{:?}", judge(&bytes));
    }
    (sbom, bom)
}

fn properties<'a>(bom: &'a Value, begins: &str) -> Vec<(&'a str, &'a str)> {
    let all = bom["metadata"]["properties"].as_array().unwrap();
    let all = all.iter().map(|it| (it["name"].as_str().unwrap(), it["value"].as_str().unwrap()));
    all.filter(|(name, _)| name.starts_with(begins)).collect()
}

fn scopes(bom: &Value) -> Vec<(&str, &str)> {
    let components = bom["components"].as_array().unwrap();
    let mut scopes: Vec<_> = components.iter().map(|it| (it["name"].as_str().unwrap(), it["scope"].as_str().unwrap())).collect();
    scopes.sort_unstable();
    scopes
}

#[test]
fn what_a_lockfile_leaves_open_is_named_in_every_format() {
    let (sbom, bom) = written([("requirements.txt", "-r absent.txt\na==1.0\nloose>=1\n")]);
    let told = [
        ("avouch:unresolved:requirements.txt", "includes absent.txt, which is not read"),
        ("avouch:unresolved:requirements.txt", "loose is not pinned with `==`"),
    ];
    assert_eq!(properties(&bom, "avouch:unresolved"), told);
    assert_eq!(bom["compositions"][0]["aggregate"], "incomplete");
    assert_eq!((sbom.unresolved.len(), sbom.complete, sbom.is_damaged()), (2, false, false));
    let spdx = convert(&sbom.bytes, Format::SpdxJson).unwrap();
    let spdx: Value = serde_json::from_slice(&spdx).unwrap();
    let comment = spdx["comment"].as_str().unwrap();
    assert!(comment.lines().any(|line| line == "composition=incomplete"), "{comment}");
    assert!(comment.contains("avouch:unresolved:requirements.txt=loose is not pinned with `==`"), "{comment}");
}

#[test]
fn included_files_are_in_the_bom_and_their_digests_too() {
    let (sbom, bom) = written([
        ("requirements.txt", "-r more/base.txt\n-c pins.txt\nb\n"),
        ("more/base.txt", "a==1.0\n"),
        ("pins.txt", "b==2.0\nunasked==3.0\n"),
    ]);
    assert_eq!(scopes(&bom), [("a", "required"), ("b", "required")]);
    assert_eq!(properties(&bom, "avouch:unresolved"), []);
    assert_eq!(bom["compositions"][0]["aggregate"], "unknown", "which package needs which is not told");
    assert_eq!(sbom.lockfiles.keys().collect::<Vec<_>>(), ["more/base.txt", "pins.txt", "requirements.txt"]);
    let digest = sbom.lockfiles["pins.txt"].to_string();
    assert!(properties(&bom, "avouch:lockfile:").contains(&("avouch:lockfile:pins.txt", &digest)));
}

const YARN: &str = "# yarn lockfile v1\n\na@^1.0.0:\n  version \"1.0.0\"\n  dependencies:\n    below \"^1.0.0\"\n\n\
    b@^1.0.0:\n  version \"1.0.0\"\n\nbelow@^1.0.0:\n  version \"1.0.0\"\n\ndev@^1.0.0:\n  version \"1.0.0\"\n";

#[test]
fn a_broken_manifest_of_a_member_stops_nothing_and_is_told() {
    let root = r#"{"name": "app", "workspaces": ["w/*"], "devDependencies": {"dev": "^1.0.0"}}"#;
    let good = r#"{"name": "good", "version": "1.0.0", "dependencies": {"b": "^1.0.0"}}"#;
    let (sbom, bom) = written([
        ("yarn.lock", YARN),
        ("package.json", root),
        ("w/bad/package.json", "{\n  \"name\": \"bad\",\n  oops"),
        ("w/good/package.json", good),
    ]);
    assert!(sbom.is_damaged() && sbom.damaged.is_empty());
    assert!(sbom.damaged_manifests[0].starts_with("w/bad/package.json:3:3: "), "{:?}", sbom.damaged_manifests);
    let [(name, reason)] = properties(&bom, "avouch:left-out:")[..] else { panic!("{bom}") };
    assert_eq!(name, "avouch:left-out:w/bad/package.json");
    assert!(reason.starts_with("it is damaged at 3:3: "), "{reason}");
    assert_eq!(bom["compositions"][0]["aggregate"], "incomplete");
    // What only the broken one may ask for is not called unneeded; what others ask for is as it was.
    assert_eq!(
        scopes(&bom),
        [("a", "required"), ("b", "required"), ("below", "required"), ("dev", "excluded"), ("good", "required")]
    );
    let needs = bom["dependencies"].as_array().unwrap().iter().find(|it| it["ref"] == "product:app").unwrap();
    assert!(!needs["dependsOn"].as_array().unwrap().contains(&"pkg:npm/below@1.0.0".into()), "{needs}");
}

#[test]
fn a_broken_manifest_of_any_ecosystem_stops_nothing() {
    let pnpm = "lockfileVersion: '9.0'\nimporters:\n  .: {}\n  a:\n    dependencies:\n      x: {specifier: ^1, version: 1.0.0}\n\
                packages:\n  x@1.0.0: {}\nsnapshots:\n  x@1.0.0: {}\n";
    let (sbom, bom) = written([("pnpm-lock.yaml", pnpm), ("package.json", "{"), ("a/package.json", "[")]);
    assert_eq!(sbom.damaged_manifests.len(), 2);
    assert_eq!(scopes(&bom), [("a", "required"), ("x", "required")]);

    let yarn = |range: &str| {
        format!(
            "__metadata:\n  version: 8\n\n\"app@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"app@workspace:.\"\n  \
             dependencies:\n    a: \"{range}\"\n\n\"a@npm:^1.0.0\":\n  version: 1.0.0\n  resolution: \"a@npm:1.0.0\"\n\n\
             \"a@npm:^2.0.0\":\n  version: 2.0.0\n  resolution: \"a@npm:2.0.0\"\n"
        )
    };
    // Only where a catalogue has to tell which of two versions is meant does its file count.
    for (range, damaged) in [("catalog:", 1), ("npm:^1.0.0", 0)] {
        let (sbom, _) = written([("yarn.lock", &yarn(range)), (".yarnrc.yml", "a: [\n"), ("package.json", "{}")]);
        assert_eq!(sbom.damaged_manifests.len(), damaged, "{:?}", sbom.damaged_manifests);
    }

    let cargo = "version = 4\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\ndependencies = [\"m\"]\n[[package]]\nname = \"m\"\nversion = \"1.0.0\"\n";
    let app = "[workspace]\nmembers = ['m']\n[package]\nname = 'app'\nversion = '1.0.0'\n";
    let m = "[package]\nname = 'm'\nversion = '1.0.0'\n";
    let (sbom, bom) = written([("Cargo.lock", cargo), ("Cargo.toml", app), ("m/Cargo.toml", "[package\n")]);
    assert_eq!(sbom.damaged_manifests.len(), 1);
    assert_eq!(properties(&bom, "avouch:left-out:")[0].0, "avouch:left-out:m/Cargo.toml");
    // One that is broken on purpose is not one of ours: all of ours are known, or it lies among tests.
    let broken = [("m/Cargo.toml", m), ("skeleton/Cargo.toml", "[package\n"), ("tests/x/Cargo.toml", "{{")];
    let (sbom, _) = written([("Cargo.lock", cargo), ("Cargo.toml", app), broken[0], broken[1], broken[2]]);
    assert!(!sbom.is_damaged());
    let (sbom, _) = written([("Cargo.lock", cargo), ("Cargo.toml", app), broken[2]]);
    assert!(!sbom.is_damaged());

    let (sbom, bom) =
        written([("requirements.txt", "a==1\n"), ("pyproject.toml", "["), ("Cargo.toml", "[[["), ("package.json", "\0")]);
    assert_eq!(sbom.damaged_manifests.len(), 3);
    assert_eq!(bom["metadata"]["component"]["name"], "unnamed");
}

#[test]
fn a_manifest_or_lockfile_that_is_too_large_stops_nothing() {
    let large = " ".repeat((4 << 20) + 1);
    let tree = InMemory::of([
        ("requirements.txt", "a==1\n".to_owned()),
        ("package.json", large),
        ("more/Cargo.lock", " ".repeat((32 << 20) + 1)),
    ]);
    let sbom = generate(&tree, &Caches::default(), &facts(), &Options { spec: Spec::V1_7, ..Options::default() }).unwrap();
    assert_eq!((sbom.damaged.len(), sbom.damaged_manifests.len(), sbom.components), (1, 1, 1));
    assert_eq!(sbom.left_out["more/Cargo.lock"], "it is larger than the 32 MiB that are read");
}

/// A BOM of components within components.
fn nested(components: usize, more: &str, within: &str) -> String {
    let open = "<components><component type='library'><name>n</name>";
    format!(
        "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'>{more}{}{within}{}</bom>",
        open.repeat(components),
        "</component></components>".repeat(components)
    )
}

#[test]
fn xml_that_is_nested_too_deep_is_not_called_invalid() {
    // The BOM's element, and two for each component.
    assert!(matches!(judge(nested(63, "", "").as_bytes()), Verdict::Valid(_)));
    match judge(nested(64, "", "").as_bytes()) {
        Verdict::Unknown(why) => assert!(why.contains("more than 128 deep at 1:"), "{why}"),
        other => panic!("{other:?}"),
    }
    // What a reference names may lie in the part that is not read.
    let refers = "<dependencies><dependency ref='deep'/></dependencies></bom>";
    let text = |components: usize| nested(components, "", "").replace("</bom>", refers).replacen("<bom", "<bom version='1'", 1);
    assert!(matches!(judge(text(63).as_bytes()), Verdict::Invalid(_)));
    assert!(matches!(judge(text(64).as_bytes()), Verdict::Unknown(_)));
    // What is wrong whatever follows is wrong.
    let faults = |text: String| match judge(text.as_bytes()) {
        Verdict::Invalid(faults) => faults.iter().map(|fault| fault.message.clone()).collect::<Vec<_>>().join("; "),
        other => panic!("{other:?}"),
    };
    assert!(faults(nested(64, "<nothing/>", "")).contains("`nothing` does not stand here"));
    assert!(faults(nested(200, "", "").replacen("<bom", "<bom version='x'", 1)).contains("attribute `version`"));
    assert!(faults(format!("<other>{}</other>", nested(100, "", ""))).contains("no BOM of CycloneDX"));
    assert!(faults(nested(200, "<1/>", "")).contains("no name"));
}

#[test]
fn a_lockfile_that_is_too_large_is_refused_with_a_way_out() {
    let large = " ".repeat((32 << 20) + 1);
    let tree = InMemory::of([("package-lock.json", large.as_str())]);
    let refused = generate(&tree, &Caches::default(), &facts(), &Options::default()).unwrap_err().to_string();
    assert!(refused.starts_with("`package-lock.json` is larger than the 32 MiB that are read"), "{refused}");
    assert!(refused.contains("lockfiles of their own"), "{refused}");
}

//! `avouch sbom --split`, and what the configuration tells an SBOM.

use std::fs;

use serde_json::Value;

use super::support::{Sandbox, cargo_project, small};

/// A workspace of two packages and an example.
fn workspace(lib: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let lock = format!(
        "lockfileVersion: '9.0'\nimporters:\n  .: {{}}\n  packages/app: {{}}\n  packages/{lib}: {{}}\n  examples/shown: {{}}\n"
    );
    sandbox.file("pnpm-lock.yaml", lock);
    sandbox.file("package.json", r#"{"name": "shop", "version": "1.0.0"}"#);
    sandbox.commit(None);
    sandbox
}

#[test]
fn boms_of_packages_that_are_gone_are_told_and_examples_have_none() {
    let sandbox = workspace("lib");
    let ran = sandbox.avouch(&["sbom", "--split", "-o", "boms"]).exits(0);
    let files = |ending: &str| -> Vec<String> {
        let all = small::files(&sandbox.path().join("boms")).into_keys();
        all.filter(|name| name.ends_with(ending)).collect()
    };
    assert_eq!(files(""), ["packages-app.cdx.json", "packages-lib.cdx.json", "shop.cdx.json"]);
    assert!(ran.stderr.contains("no BOM of its own has examples/shown: it lies in `examples`"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("before"), "{}", ran.stderr);

    let lock = sandbox.read("pnpm-lock.yaml").replace("packages/lib", "packages/core");
    sandbox.file("pnpm-lock.yaml", lock);
    let ran = sandbox.avouch(&["sbom", "--split", "-o", "boms"]).exits(0);
    assert!(
        ran.stderr.contains("`packages-lib.cdx.json` was in the folder before and is of no package that there is now"),
        "{}",
        ran.stderr
    );
    assert_eq!(files("").len(), 4, "nothing is deleted");
    // Another format lies beside it and is not stale.
    let ran = sandbox.avouch(&["sbom", "--split", "-o", "boms", "--format", "spdx-json"]).exits(0);
    assert!(!ran.stderr.contains("before"), "{}", ran.stderr);
    assert_eq!(files(".spdx.json"), ["packages-app.spdx.json", "packages-core.spdx.json", "shop.spdx.json"]);
}

#[test]
fn a_bom_that_cannot_be_put_in_its_place_leaves_all_others_as_they_were() {
    let sandbox = workspace("lib");
    sandbox.avouch(&["sbom", "--split", "-o", "boms"]).exits(0);
    fs::remove_file(sandbox.path().join("boms/packages-lib.cdx.json")).unwrap();
    sandbox.file("boms/packages-lib.cdx.json/inside", "");
    sandbox.file("packages/app/package.json", r#"{"name": "packages/app", "version": "2.0.0"}"#);
    let before = small::files(&sandbox.path().join("boms"));
    let ran = sandbox.avouch(&["sbom", "--split", "-o", "boms"]).exits(3);
    assert!(ran.stderr.contains("packages-lib.cdx.json"), "{}", ran.stderr);
    small::unchanged(&before, &sandbox.path().join("boms"));
}

#[test]
fn the_configuration_that_is_named_tells_author_supplier_and_tags() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.commit(Some("rel-1.0.0"));
    let head = "[product]\nname = \"Shop\"\nslug = \"shop\"\nlanguages = [\"en\"]\nprofiles = []\n[release]\ntags = \"rel-*\"\n";
    let party = "[sbom]\nsupplier = { name = \"Example GmbH\", url = \"https://example.org\" }\n";
    let rest = "[disclosure]\ncontact = \"mailto:security@example.org\"\ntriage_within = \"48h\"\nfix_within = { critical = \"14d\" }\n\
        [evidence]\norigin = \"example.org/e3b0c442\"\n[site]\nout = \"site\"\n";
    sandbox.file("conf/own.toml", format!("{head}{party}{rest}"));
    let bom: Value =
        serde_json::from_str(&sandbox.avouch(&["--config", "conf/own.toml", "sbom", "--release", "1.0.0"]).exits(0).stdout)
            .unwrap();
    assert_eq!(bom["metadata"]["supplier"]["name"], "Example GmbH");
    assert_eq!(bom["metadata"]["component"]["name"], "Shop");
    sandbox.avouch(&["--config", "conf/none.toml", "sbom"]).exits(2);

    sandbox.file("avouch.toml", format!("{head}{}{rest}", party.replace("https:", "ftp:")));
    let ran = sandbox.avouch(&["sbom"]).exits(0);
    assert!(ran.stderr.contains("`avouch.toml` does not load, and nothing of it is in the SBOM"), "{}", ran.stderr);
    assert!(ran.stderr.contains("this is no address of the web"), "{}", ran.stderr);
}

//! SBOMs in every format: written, published, judged, and held against each other.

use super::{
    json, key,
    support::{Ran, Sandbox, cargo_project, small::product},
    verify,
};

const FORMATS: [(&str, &str); 3] = [("json", "bom.json"), ("xml", "bom.xml"), ("spdx-json", "bom.spdx.json")];

#[track_caller]
fn says(ran: &Ran, texts: &[&str]) {
    for text in texts {
        assert!(ran.stdout.contains(text) || ran.stderr.contains(text), "{text} lacks\n{}{}", ran.stdout, ran.stderr);
    }
}

/// A Cargo project of these packages: name, version and the first digit of the checksum.
fn lock(sandbox: &Sandbox, packages: &[(&str, &str, char)]) {
    cargo_project(sandbox);
    let needs: Vec<String> = packages.iter().map(|(name, version, _)| format!(" \"{name} {version}\",\n")).collect();
    let mut text = "version = 4\n".to_owned();
    for (name, version, digit) in packages {
        let checksum = digit.to_string().repeat(64);
        text.push_str(&format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{checksum}\"\n"
        ));
    }
    text.push_str(&format!("\n[[package]]\nname = \"shop\"\nversion = \"1.0.0\"\ndependencies = [\n{}]\n", needs.concat()));
    sandbox.file("Cargo.lock", text);
}

#[test]
fn every_format_is_written_and_says_the_same() {
    let sandbox = Sandbox::new();
    lock(&sandbox, &[("alpha", "1.0.0", 'a'), ("beta", "2.0.0", 'b')]);
    // The time of the commit is that of the BOM.
    sandbox.commit(Some("v1.0.0"));
    for spec in ["1.5", "1.6", "1.7"] {
        for (format, file) in FORMATS {
            sandbox.avouch(&["sbom", "--lock-only", "--spec", spec, "--format", format, "-o", file]).exits(0);
            let on_stdout = sandbox.avouch(&["sbom", "--lock-only", "--spec", spec, "--format", format]).exits(0).stdout;
            assert_eq!(sandbox.read(file), on_stdout, "{format}");
        }
        let valid = sandbox.avouch(&["sbom", "validate", "bom.json", "bom.xml"]).exits(0);
        assert_eq!(valid.stdout, format!("bom.json: valid CycloneDX {spec} JSON\nbom.xml: valid CycloneDX {spec} XML\n"));
        for pair in [["bom.json", "bom.xml"], ["bom.xml", "bom.spdx.json"], ["bom.spdx.json", "bom.json"]] {
            let ran = sandbox.avouch(&["sbom", "diff", pair[0], pair[1], "--format", "json"]).exits(0);
            let found = json(&ran.stdout);
            assert_eq!((&found["unchanged"], &found["old"]["components"]), (&2.into(), &2.into()), "{}", ran.stdout);
            for (key, value) in found.as_object().unwrap() {
                assert!(value.as_array().is_none_or(Vec::is_empty), "{pair:?} {key}: {value}");
            }
        }
    }
}

#[test]
fn every_configured_format_is_recorded_and_published() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    product(&sandbox, &[], "[sbom]\nspec = \"1.7\"\nformats = [\"spdx-json\", \"xml\", \"json\"]\n");
    sandbox.commit(Some("v1.0.0"));
    sandbox.avouch(&["run"]);
    for (format, file) in FORMATS {
        let published = sandbox.read(&format!("public/sbom/1.0.0/{file}"));
        let again = sandbox.avouch(&["sbom", "--release", "1.0.0", "--spec", "1.7", "--format", format]).exits(0);
        assert_eq!(published, again.stdout, "{file}");
    }
    sandbox.avouch(&["sbom", "validate", "public/sbom/1.0.0/bom.json", "public/sbom/1.0.0/bom.xml"]).exits(0);
    let page = sandbox.read("public/en/releases/1.0.0/index.html");
    for text in ["bom.json", "bom.xml", "bom.spdx.json", "CycloneDX 1.7", "SPDX 2.3"] {
        assert!(page.contains(text), "{text} is not on the release's page");
    }
    verify(&sandbox, &key(&sandbox)).exits(0);
}

#[test]
fn formats_that_cannot_be_written_are_told_in_the_configuration() {
    for (formats, text) in [
        ("[\"yaml\"]", "SBOMs are not written as `yaml`"),
        ("[\"xml\"]", "add `json`"),
        ("[\"json\", \"xml\", \"xml\"]", "`xml` is named twice"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.file(
            "avouch.toml",
            format!("[product]\nname = \"S\"\nslug = \"s\"\nlanguages = [\"en\"]\nprofiles = []\n[evidence]\norigin = \"s.example/1\"\n[sbom]\nformats = {formats}\n"),
        );
        says(&sandbox.avouch(&["check"]).exits(2), &[text, "avouch.toml:9:"]);
    }
}

#[test]
fn a_verdict_is_valid_invalid_or_not_given() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    let xml = sandbox.avouch(&["sbom", "--format", "xml"]).exits(0).stdout;
    sandbox.file("good.xml", &xml);
    sandbox.file("bad.xml", xml.replacen("<component type=\"library\"", "<component type=\"book\"", 1));
    sandbox.file("cut.xml", &xml[..xml.len() / 2]);
    sandbox.file("old.xml", xml.replacen("/bom/1.6\"", "/bom/1.4\"", 1));
    sandbox.file("entities.xml", xml.replacen("<bom ", "<!DOCTYPE bom [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><bom ", 1));
    sandbox.file("bom.spdx.json", sandbox.avouch(&["sbom", "--format", "spdx-json"]).exits(0).stdout);
    sandbox.avouch(&["sbom", "validate", "good.xml"]).exits(0);
    for (file, text) in [("bad.xml", "`book` is not one of"), ("cut.xml", "the document is cut off")] {
        let ran = sandbox.avouch(&["sbom", "validate", "good.xml", file, "old.xml"]).exits(1);
        says(&ran, &["good.xml: valid CycloneDX 1.6 XML", text, "old.xml: not checked: it is CycloneDX 1.4"]);
    }
    for (file, text) in [
        ("old.xml", "not checked: it is CycloneDX 1.4"),
        ("entities.xml", "not checked: it has a document type declaration"),
        ("bom.spdx.json", "not checked: it is an SPDX document"),
        ("missing.xml", "not read"),
    ] {
        says(&sandbox.avouch(&["sbom", "validate", file]).exits(3), &[text]);
    }
}

#[test]
fn releases_are_held_against_each_other_by_their_tags_and_by_the_record() {
    let sandbox = Sandbox::new();
    lock(&sandbox, &[("alpha", "1.0.0", 'a'), ("beta", "2.0.0", 'b'), ("gamma", "1.0.0", 'c')]);
    product(&sandbox, &[], "");
    sandbox.commit(Some("v1.0.0"));
    lock(&sandbox, &[("alpha", "1.1.0", 'd'), ("beta", "1.9.0", 'e'), ("delta", "1.0.0", 'f')]);
    sandbox.commit(Some("v1.1.0"));
    let expected = [
        "Upgraded (1)\n  cargo/alpha  1.0.0 → 1.1.0",
        "Downgraded (1)\n  cargo/beta  2.0.0 → 1.9.0",
        "Added (1)\n  cargo/delta 1.0.0",
        "Removed (1)\n  cargo/gamma 1.0.0",
    ];
    says(&sandbox.avouch(&["sbom", "diff", "1.0.0", "v1.1.0"]).exits(0), &expected);

    sandbox.avouch(&["run", "--release", "1.0.0"]);
    sandbox.avouch(&["run"]);
    says(&sandbox.avouch(&["sbom", "diff", "1.0.0", "1.1.0"]).exits(0), &expected);
    // The record is asked before the tag: what was published is what counts.
    sandbox.git(&["tag", "-f", "v1.0.0", "v1.1.0"]);
    says(&sandbox.avouch(&["sbom", "diff", "1.0.0", "1.1.0"]).exits(0), &expected);
    // And a file before both.
    sandbox.file("1.0.0", sandbox.avouch(&["sbom", "--format", "xml"]).exits(0).stdout);
    says(&sandbox.avouch(&["sbom", "diff", "1.0.0", "1.1.0"]).exits(0), &["CycloneDX 1.6 XML", "3 components unchanged"]);

    says(&sandbox.avouch(&["sbom", "diff", "9.9.9", "1.1.0"]).exits(2), &["there is no file `9.9.9`", "1.1.0"]);
    sandbox.avouch(&["sbom", "diff", "1.0.0"]).exits(2);
    sandbox.file("broken.json", "{\"bomFormat\": \"CycloneDX\", \"components\": 1}");
    says(&sandbox.avouch(&["sbom", "diff", "broken.json", "1.1.0"]).exits(3), &["cannot read the BOM `broken.json`"]);
    let elsewhere = Sandbox::new();
    elsewhere.avouch(&["sbom", "diff", "1.0.0", "1.1.0"]).exits(2);
}

#[test]
fn another_hash_under_the_same_version_is_told_first_and_fails() {
    let sandbox = Sandbox::new();
    lock(&sandbox, &[("alpha", "1.0.0", 'a'), ("beta", "2.0.0", 'b')]);
    sandbox.avouch(&["sbom", "--lock-only", "-o", "old.json"]).exits(0);
    lock(&sandbox, &[("alpha", "1.0.0", 'f'), ("beta", "2.1.0", 'c')]);
    sandbox.avouch(&["sbom", "--lock-only", "--format", "xml", "-o", "new.xml"]).exits(0);
    let text = sandbox.avouch(&["sbom", "diff", "old.json", "new.xml"]).exits(1).stdout;
    assert!(text.starts_with("✕ HASH CHANGED UNDER THE SAME VERSION (1)\n  cargo/alpha 1.0.0  SHA-256\n    - aaaa"), "{text}");
    let markdown = sandbox.avouch(&["sbom", "diff", "old.json", "new.xml", "--format", "markdown"]).exits(1).stdout;
    let [caution, hashes, upgraded] =
        ["[!CAUTION]", "#### Hash changed", "#### Upgraded"].map(|text| markdown.find(text).unwrap());
    assert!(caution < hashes && hashes < upgraded, "{markdown}");
    let found = json(&sandbox.avouch(&["sbom", "diff", "old.json", "new.xml", "--format", "json"]).exits(1).stdout);
    assert_eq!((&found["v"], &found["loud"]), (&1.into(), &true.into()));
    assert_eq!(found["hash_changed"][0]["new"][0], "f".repeat(64));
}

#[test]
fn names_from_outside_stay_text() {
    let sandbox = Sandbox::new();
    let hostile = "\u{1b}]0;x\u{7}\n::error::y\u{202e}`](http://z)<b>@someone";
    let bom = |version: &str| {
        let component = serde_json::json!({ "type": "library", "name": hostile, "version": version, "licenses": [{ "license": { "name": format!("{hostile}{version}") } }] });
        serde_json::json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [component] }).to_string()
    };
    sandbox.file("old.json", bom("1"));
    sandbox.file("new.json", bom("2"));
    for format in ["text", "markdown", "json"] {
        let shown = sandbox.avouch(&["sbom", "diff", "old.json", "new.json", "--format", format]).exits(0).stdout;
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{7}'), "{shown}");
        if format != "json" {
            assert!(!shown.contains('\u{202e}') && !shown.contains("::error"), "{shown}");
        }
        if format == "markdown" {
            for line in shown.lines().filter(|line| line.contains("someone")) {
                let outside: Vec<&str> = line.split("``").step_by(2).collect();
                assert!(outside.iter().all(|text| !text.contains("someone")), "{line}");
            }
        }
    }
}

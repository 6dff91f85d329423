//! One BOM in every format: valid, and saying the same.

use std::collections::BTreeMap;

use avouch_repository::InMemory;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    Caches, Format, Options, Verdict, contents,
    contents::{Contents, Identity, Item},
    convert, generate, judge,
    tests::facts,
};

/// A document with everything that is written anywhere, of a version.
fn document(version: &str) -> Value {
    let acknowledged = |licence: Value, how: &str| {
        let mut licence = licence;
        if version != "1.5" {
            licence["acknowledgement"] = json!(how);
        }
        licence
    };
    let mut bom = json!({
        "$schema": format!("http://cyclonedx.org/schema/bom-{version}.schema.json"),
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": "urn:uuid:0f3b4c5d-6e7f-8a9b-8c0d-1e2f3a4b5c6d",
        "version": 1,
        "metadata": {
            "timestamp": "2026-01-02T03:04:05Z",
            "lifecycles": [{ "phase": "pre-build" }],
            "tools": { "components": [{ "type": "application", "name": "avouch", "version": "0.1.0", "hashes": [hash("SHA-256", 'e')] }] },
            "authors": [{ "name": "Ada <Lovelace>", "email": "ada@example.com" }],
            "component": {
                "type": "application", "bom-ref": "product:shop", "name": "shop", "version": "1.4.2",
                "supplier": { "name": "Example & Sons", "url": ["https://example.com/"], "contact": [{ "email": "hi@example.com" }] },
                "licenses": [{ "license": acknowledged(json!({ "id": "Apache-2.0" }), "declared") }],
                "purl": "pkg:generic/shop@1.4.2",
            },
            "supplier": { "name": "Example & Sons" },
            "properties": [{ "name": "avouch:release:dirty", "value": "false" }],
        },
        "components": [
            {
                "type": "library", "bom-ref": "pkg:npm/%40s/a@1.0.0", "name": "@s/a", "version": "1.0.0", "scope": "optional",
                "hashes": [hash("SHA-512", 'a')],
                "licenses": [{ "license": acknowledged(json!({ "name": "SEE LICENSE IN <x>" }), "declared") }],
                "purl": "pkg:npm/%40s/a@1.0.0",
                "externalReferences": [{
                    "url": "https://packages.example/a.tgz?b=1&c=2", "type": "distribution",
                    "hashes": [hash("SHA-512", 'a'), hash("SHA-1", 'b')],
                }],
                "properties": [{ "name": "avouch:patched", "value": "true" }],
            },
            {
                "type": "library", "bom-ref": "pkg:cargo/b@2.0.0?vcs_url=x", "group": "", "name": "b", "version": "2.0.0", "scope": "required",
                "licenses": [acknowledged(json!({ "expression": "MIT OR (Apache-2.0 AND LicenseRef-own)" }), "declared")],
                "purl": format!("pkg:cargo/b@2.0.0?vcs_url=git%2Bhttps://host.example/b%40{}", "1".repeat(40)),
                "externalReferences": [{ "url": "https://host.example/b", "type": "vcs" }],
                "evidence": { "licenses": [{ "license": acknowledged(json!({ "id": "MIT" }), "concluded") }] },
            },
            { "type": "library", "bom-ref": "path:cargo:c#c@", "name": "c\u{e9}\u{1f600}", "scope": "excluded", "cpe": "cpe:2.3:a:c:c:1:*:*:*:*:*:*:*" },
        ],
        "dependencies": [
            { "ref": "product:shop", "dependsOn": ["pkg:npm/%40s/a@1.0.0", "path:cargo:c#c@"] },
            { "ref": "pkg:npm/%40s/a@1.0.0", "dependsOn": ["pkg:cargo/b@2.0.0?vcs_url=x"] },
            { "ref": "pkg:cargo/b@2.0.0?vcs_url=x" },
            { "ref": "path:cargo:c#c@" },
        ],
        "compositions": [{ "aggregate": "incomplete", "assemblies": ["product:shop"], "dependencies": ["product:shop"] }],
    });
    if version != "1.5" {
        bom["metadata"]["manufacturer"] = json!({ "name": "Example & Sons" });
    }
    bom
}

fn hash(algorithm: &str, digit: char) -> Value {
    let length = if algorithm == "SHA-1" {
        40
    } else if algorithm == "SHA-256" {
        64
    } else {
        128
    };
    json!({ "alg": algorithm, "content": digit.to_string().repeat(length) })
}

fn written(version: &str, format: Format) -> Vec<u8> {
    let json = serde_json::to_vec(&document(version)).unwrap();
    convert(&json, format).unwrap().into_owned()
}

#[test]
fn what_is_written_is_valid_in_every_version() {
    for version in ["1.5", "1.6", "1.7"] {
        for (format, what) in [(Format::Json, "JSON"), (Format::Xml, "XML")] {
            let bytes = written(version, format);
            assert_eq!(
                judge(&bytes),
                Verdict::Valid(format!("CycloneDX {version} {what}")),
                "{}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

/// What a reader must find, apart from the format's name.
fn said(contents: &Contents) -> (Option<Identity>, Vec<Item>, Vec<(String, String)>) {
    let name = |at: Option<usize>| at.map_or("the product".to_owned(), |at| contents.items[at].identity.to_string());
    let edges = contents.edges.iter().map(|(from, to)| (name(*from), name(*to))).collect();
    (contents.product.clone(), contents.items.clone(), edges)
}

#[test]
fn every_format_says_the_same_when_it_is_read_back() {
    for version in ["1.5", "1.6", "1.7"] {
        let json = contents::read(&written(version, Format::Json)).unwrap();
        assert_eq!((json.items.len(), json.edges.len()), (3, 3));
        assert_eq!(json.items[2].licence.as_deref(), Some("SEE LICENSE IN <x>"));
        assert_eq!(json.items[0].licence.as_deref(), Some("MIT OR (Apache-2.0 AND LicenseRef-own)"));
        assert_eq!(json.items[0].concluded.as_deref(), Some("MIT"));
        assert_eq!(json.items[2].hashes.keys().collect::<Vec<_>>(), ["SHA-1", "SHA-512"]);
        for format in [Format::Xml, Format::SpdxJson] {
            let other = contents::read(&written(version, format)).unwrap();
            assert_eq!(said(&other), said(&json), "{format} of {version}");
        }
    }
}

#[test]
fn xml_says_every_text_that_the_json_says() {
    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
            Value::Object(members) => members.values().for_each(|member| texts(member, found)),
            _ => {}
        }
    }
    fn all(element: &crate::xml_tree::Element, found: &mut Vec<String>) {
        found.push(element.text.clone());
        found.extend(element.attributes.iter().map(|it| it.value.clone()));
        element.children.iter().for_each(|child| all(child, found));
    }
    let mut bom = document("1.7");
    bom.as_object_mut().unwrap().retain(|key, _| !["$schema", "bomFormat", "specVersion"].contains(&key.as_str()));
    let (mut wanted, mut found) = (Vec::new(), Vec::new());
    texts(&bom, &mut wanted);
    let xml = String::from_utf8(written("1.7", Format::Xml)).unwrap();
    all(&crate::xml_tree::parse(&xml).unwrap(), &mut found);
    found.retain(|text| !text.trim().is_empty());
    found.retain(|text| text != "1");
    wanted.retain(|text| !text.is_empty());
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted);
}

#[test]
fn spdx_has_what_its_rubrics_ask_for() {
    let spdx: Value = serde_json::from_slice(&written("1.6", Format::SpdxJson)).unwrap();
    assert_eq!(spdx["spdxVersion"], "SPDX-2.3");
    assert_eq!(spdx["documentNamespace"], "https://spdx.org/spdxdocs/shop-0f3b4c5d-6e7f-8a9b-8c0d-1e2f3a4b5c6d");
    assert_eq!(
        spdx["creationInfo"]["creators"],
        json!(["Organization: Example & Sons", "Person: Ada <Lovelace> (ada@example.com)", "Tool: avouch-0.1.0"])
    );
    let packages = spdx["packages"].as_array().unwrap();
    assert_eq!(packages[0]["supplier"], "Organization: Example & Sons (hi@example.com)");
    assert_eq!(packages[1]["licenseDeclared"].as_str().unwrap().split_at(10).0, "LicenseRef");
    assert_eq!(packages[1]["downloadLocation"], "https://packages.example/a.tgz?b=1&c=2");
    assert_eq!(packages[1]["comment"], "CycloneDX scope: optional\navouch:patched=true");
    assert_eq!(packages[2]["downloadLocation"], format!("git+https://host.example/b@{}", "1".repeat(40)));
    assert_eq!((&packages[3]["supplier"], &packages[3]["licenseDeclared"]), (&json!("NOASSERTION"), &json!("NOASSERTION")));
    let named: Vec<&Value> = spdx["hasExtractedLicensingInfos"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(named, ["SEE LICENSE IN <x>", "LicenseRef-own"]);
    assert_eq!(spdx["comment"], "lifecycle=pre-build\ncomposition=incomplete\navouch:release:dirty=false");
}

#[test]
fn faults_of_xml_are_told_where_they_are() {
    let sound = String::from_utf8(written("1.6", Format::Xml)).unwrap();
    for (what, to, message) in [
        ("<component type=\"library\" bom-ref=\"path:", "<component type=\"thing\" bom-ref=\"path:", "`thing` is not one of"),
        ("<scope>excluded</scope>", "<scope>never</scope>", "`never` is not one of"),
        ("<name>@s/a</name>", "", "`version` does not stand here; what may: `supplier`"),
        ("<id>Apache-2.0</id>", "<id>Apache</id>", "`Apache` is not one of"),
        ("<timestamp>2026-01-02T", "<timestamp>2026-02-30T", "is no date and time"),
        ("serialNumber=\"urn:uuid:0f", "serialNumber=\"urn:uuid:0g", "attribute `serialNumber`"),
        ("<hash alg=\"SHA-1\">bb", "<hash alg=\"SHA-1\">zz", "does not have the form"),
        ("<hash alg=\"SHA-1\">", "<hash>", "`hash` lacks the attribute `alg`"),
        ("<components>", "<components>text", "`components` holds elements, not text"),
        ("<dependency ref=\"path:cargo:c#c@\"/>\n    </dep", "<dependency ref=\"gone\"/>\n    </dep", "`gone` names nothing"),
        ("bom-ref=\"path:cargo:c#c@\"", "bom-ref=\"product:shop\"", "is given twice"),
        (
            "<dependency ref=\"path:cargo:c#c@\"/>\n  </dep",
            "<dependency ref=\"product:shop\"/>\n  </dep",
            "in another place already",
        ),
        ("<purl>pkg:npm/%40s/a", "<purl>pkg:npm/%4/a", "is no URI"),
        (
            "<compositions>",
            "<compositions surprise=\"1\" xmlns:x=\"urn:x\" x:y=\"2\"><surprise/>",
            "`surprise` does not stand here",
        ),
    ] {
        let broken = sound.replacen(what, to, 1);
        assert_ne!(broken, sound, "{what}");
        let Verdict::Invalid(faults) = judge(broken.as_bytes()) else { panic!("{what} → {to} is not seen") };
        let place = broken.lines().position(|line| line.contains(to.lines().next().unwrap_or_default())).unwrap() + 1;
        let found = faults.iter().any(|fault| fault.message.contains(message));
        assert!(found, "{to} (line {place}): {faults:?}");
    }
    // Anything of another namespace may stand at the end of an element, and attributes everywhere.
    let extended = sound.replacen("</metadata>", "<x:y xmlns:x=\"urn:x\" z=\"1\"><x:w/>text</x:y></metadata>", 1);
    assert!(matches!(judge(extended.as_bytes()), Verdict::Valid(_)), "{:?}", judge(extended.as_bytes()));
}

#[test]
fn what_is_not_checked_is_neither_valid_nor_invalid() {
    for text in [
        "<bom xmlns='http://cyclonedx.org/schema/bom/1.4' version='1'/>",
        "<bom xmlns='http://cyclonedx.org/schema/bom/2.0'/>",
        "<!DOCTYPE bom><bom xmlns='http://cyclonedx.org/schema/bom/1.6'/>",
        "<?xml version='1.0' encoding='UTF-16'?><bom xmlns='http://cyclonedx.org/schema/bom/1.6'/>",
        "<bom xmlns='http://cyclonedx.org/schema/bom/1.6' xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:type='bom'/>",
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>",
        "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.4\"}",
        "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"2.0\"}",
        "{\"spdxVersion\": \"SPDX-2.3\"}",
        "{\"@context\": \"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\"}",
        "SPDXVersion: SPDX-2.3\n",
        "\u{feff}{\"spdxVersion\": \"SPDX-2.2\"}",
    ] {
        assert!(matches!(judge(text.as_bytes()), Verdict::Unknown(_)), "{text}: {:?}", judge(text.as_bytes()));
    }
    assert!(matches!(judge(b"\xff\xfe<\0"), Verdict::Unknown(_)));
    for text in [
        "<bom/>",
        "<bom xmlns='http://cyclonedx.org/schema/bom/16'/>",
        "<html xmlns='http://cyclonedx.org/schema/bom/1.6'/>",
        "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'>",
        "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"16\"}",
        "{\"specVersion\": \"1.4\"}",
        "{}",
        "nothing",
    ] {
        assert!(matches!(judge(text.as_bytes()), Verdict::Invalid(_)), "{text}: {:?}", judge(text.as_bytes()));
    }
    assert!(matches!(judge(b"<bom xmlns='http://cyclonedx.org/schema/bom/1.6'/>"), Verdict::Valid(_)));
}

#[test]
fn the_two_rules_that_the_schemas_only_tell_are_held() {
    let component = |more: &str, inner: &str| {
        format!(
            "<bom xmlns='http://cyclonedx.org/schema/bom/1.7'><components><component type='library'{more}><name>a</name>{inner}</component></components></bom>"
        )
    };
    let range = "<versionRange>vers:cargo/1.0</versionRange>";
    for (text, valid) in [
        (component(" isExternal='true'", range), true),
        (component(" isExternal='1'", range), true),
        (component("", range), false),
        (component(" isExternal='false'", range), false),
        (component(" isExternal='true'", &format!("<version>1</version>{range}")), false),
    ] {
        assert_eq!(matches!(judge(text.as_bytes()), Verdict::Valid(_)), valid, "{text}: {:?}", judge(text.as_bytes()));
    }
}

#[test]
fn what_is_no_bom_of_ours_is_not_converted() {
    for text in ["", "[]", "{}", "{\"bomFormat\": \"SPDX\"}"] {
        assert!(convert(text.as_bytes(), Format::Xml).is_err(), "{text}");
    }
    assert!(convert(b"{\"bomFormat\": \"CycloneDX\"}", Format::SpdxJson).is_err());
    assert_eq!("spdx-json".parse::<Format>().unwrap(), Format::SpdxJson);
    assert!("spdx".parse::<Format>().is_err());
}

#[test]
fn a_licence_that_leads_out_of_the_document_is_explained_in_it() {
    let licences = [
        "DocumentRef-x:LicenseRef-y",
        "LicenseRef-",
        "MIT WITH AdditionRef-z",
        "(MIT OR DocumentRef-x:LicenseRef-y)",
        "LicenseRef-own AND MIT",
    ];
    let packages: Vec<String> = licences
        .iter()
        .enumerate()
        .map(|(at, licence)| format!(r#""node_modules/p{at}": {{"version": "1.0.0", "license": "{licence}"}}"#))
        .collect();
    let lock = format!(r#"{{"name": "a", "lockfileVersion": 3, "packages": {{"": {{"name": "a"}}, {}}}}}"#, packages.join(", "));
    let tree = InMemory::of([("package-lock.json", lock)]);
    let sbom = generate(&tree, &Caches::default(), &facts(), &Options::default()).unwrap();
    let spdx: Value = serde_json::from_slice(&convert(&sbom.bytes, Format::SpdxJson).unwrap()).unwrap();
    let list = |key: &str| spdx[key].as_array().unwrap().clone();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let explained: BTreeMap<String, String> =
        list("hasExtractedLicensingInfos").iter().map(|one| (text(one, "licenseId"), text(one, "name"))).collect();
    assert_eq!(explained.len(), licences.len());
    for (package, licence) in list("packages").iter().skip(1).zip(licences) {
        let declared = text(package, "licenseDeclared");
        let own = declared.strip_suffix(" AND MIT").unwrap_or(&declared);
        let id = own.strip_prefix("LicenseRef-").unwrap();
        assert!(!id.is_empty() && id.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '-')), "{declared}");
        assert_eq!(explained[own], licence.strip_suffix(" AND MIT").unwrap_or(licence));
    }
}

#[test]
fn packages_whose_names_xml_cannot_hold_stay_two() {
    let entries: Vec<String> = ["w\u{fffe}", "w\u{ffff}", "w%EF%BF%BE"]
        .iter()
        .map(|name| format!(r#""p/{name}": {{"name": "{name}", "version": "1.0.0"}}, "node_modules/{name}": {{"resolved": "p/{name}", "link": true}}"#))
        .collect();
    let lock = format!(r#"{{"name": "a", "lockfileVersion": 3, "packages": {{"": {{"name": "a"}}, {}}}}}"#, entries.join(", "));
    let tree = InMemory::of([("package-lock.json", lock)]);
    let named = crate::ReleaseFacts { name: Some("a\u{1}%".to_owned()), ..facts() };
    let sbom = generate(&tree, &Caches::default(), &named, &Options::default()).unwrap();
    for format in [Format::Json, Format::Xml] {
        let bytes = convert(&sbom.bytes, format).unwrap();
        assert!(matches!(judge(&bytes), Verdict::Valid(_)), "{:?}", judge(&bytes));
        assert_eq!(contents::read(&bytes).unwrap().items.len(), 3);
    }
}

#[test]
fn what_xml_cannot_hold_is_no_difference_between_two_boms() {
    let lock = r#"{"name": "a", "lockfileVersion": 3, "packages": {"": {"name": "a"}, "node_modules/p": {"version": "1.0.0", "license": "MIT\u0001\uffff"}}}"#;
    let tree = InMemory::of([("package-lock.json", lock)]);
    let sbom = generate(&tree, &Caches::default(), &facts(), &Options::default()).unwrap();
    let mut read = Format::ALL.into_iter().map(|format| contents::read(&convert(&sbom.bytes, format).unwrap()).unwrap());
    let first = read.next().unwrap();
    for other in read {
        let difference = crate::diff(&first, &other);
        assert!(difference.licence_changed.is_empty() && difference.unchanged == 1, "{}: {difference:?}", other.format);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_stands_where_an_address_belongs_the_document_is_valid(
        text in prop_oneof![any::<String>(), "(https?|git\\+ssh|file|[a-z]{1,3})?(://|:)?[ -~]{0,30}", "https://[^/]{0,12}(/[^/]{0,9}){0,2}"]
    ) {
        let lock = serde_json::json!({"name": "a", "lockfileVersion": 3, "packages": {
            "": {"name": "a"}, "node_modules/p": {"version": "1.0.0", "resolved": text, "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
        }});
        let tree = InMemory::of([("package-lock.json", lock.to_string())]);
        if let Ok(sbom) = generate(&tree, &Caches::default(), &facts(), &Options::default()) {
            for format in [Format::Json, Format::Xml] {
                let verdict = judge(&convert(&sbom.bytes, format).unwrap());
                prop_assert!(matches!(verdict, Verdict::Valid(_)), "{verdict:?}");
            }
        }
    }
}

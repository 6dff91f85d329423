//! SBOMs in XML and SPDX, read by programs of others; and our verdict on XML beside that of libxml2.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    NPM, accepts, foreign, output, refuses, said,
    support::{Sandbox, cargo_project},
    text, top,
};

/// A document with something in most corners of the schemas; `{v}` stands for the version.
const EVERYTHING: &str = include_str!("everything.xml");

/// xmllint with the official schema of a version, and nothing from a network.
fn xmllint(version: &str, folder: &Path, files: &[PathBuf]) -> String {
    let schemas = top().join("generator/sbom/schemas");
    let catalog = folder.join("catalog.xml");
    let name = "http://cyclonedx.org/schema/spdx";
    let uri = schemas.join("spdx.xsd");
    let entries =
        format!("<uri name=\"{name}\" uri=\"file://{0}\"/><system systemId=\"{name}\" uri=\"file://{0}\"/>", text(&uri));
    let xml = format!("<catalog xmlns=\"urn:oasis:names:tc:entity:xmlns:xml:catalog\">{entries}</catalog>");
    fs::write(&catalog, xml).expect("a catalogue");
    let mut command = Command::new("xmllint");
    command.env("XML_CATALOG_FILES", &catalog).args(["--nonet", "--noout", "--schema"]);
    said(&output(command.arg(schemas.join(format!("bom-{version}.xsd"))).args(files)))
}

fn sandbox_of_npm() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("package.json", r#"{"name": "shop", "version": "1.0.0", "dependencies": {"@scope/ms": "^2.1.3"}}"#);
    sandbox.file("package-lock.json", NPM);
    sandbox.commit(Some("v1.0.0"));
    sandbox
}

fn sandbox_of_cargo() -> Sandbox {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.commit(Some("v1.0.0"));
    sandbox
}

#[test]
fn xmllint_and_cyclonedx_accept_our_xml_and_refuse_a_broken_one() {
    for sandbox in [sandbox_of_cargo(), sandbox_of_npm()] {
        for version in ["1.5", "1.6", "1.7"] {
            sandbox.avouch(&["sbom", "--spec", version, "--format", "xml", "-o", "bom.xml"]).exits(0);
            let good = sandbox.path().join("bom.xml");
            let bom = sandbox.read("bom.xml");
            let bad = sandbox.file("bad.xml", bom.replacen("<component type=\"library\"", "<component type=\"book\"", 1));
            assert_ne!(bom, sandbox.read("bad.xml"), "nothing was broken");
            let said = xmllint(version, sandbox.path(), &[good.clone(), bad.clone()]);
            assert!(said.contains("bom.xml validates") && said.contains("bad.xml fails to validate"), "{said}");
            assert!(accepts("validate_bom.py", &[text(&good)]).contains(" valid"));
            assert!(refuses("validate_bom.py", &[text(&bad)]).contains("INVALID"));
        }
    }
}

#[test]
fn spdx_tools_and_the_ntia_checker_read_our_spdx() {
    for sandbox in [sandbox_of_cargo(), sandbox_of_npm()] {
        sandbox.avouch(&["sbom", "--format", "spdx-json", "-o", "bom.spdx.json"]).exits(0);
        let good = sandbox.path().join("bom.spdx.json");
        let spdx = sandbox.read("bom.spdx.json");
        let judged = |path: &Path| output(Command::new(foreign("pyspdxtools")).arg("-i").arg(path));
        let accepted = judged(&good);
        assert!(accepted.status.success() && !said(&accepted).contains("invalid"), "{}", said(&accepted));
        for (what, broken) in [
            ("no such licence", spdx.replacen("\"licenseDeclared\":\"NOASSERTION\"", "\"licenseDeclared\":\"NO SUCH\"", 1)),
            (
                "a relation to nothing",
                spdx.replacen("\"relatedSpdxElement\":\"SPDXRef-Package", "\"relatedSpdxElement\":\"SPDXRef-Gone", 1),
            ),
        ] {
            assert_ne!(spdx, broken, "{what}: nothing was broken");
            let refused = judged(&sandbox.file("broken.spdx.json", broken));
            assert!(said(&refused).contains("invalid"), "{what}: {}", said(&refused));
        }
        let rubric = output(Command::new(foreign("ntia-checker")).args(["--output", "json"]).arg(&good));
        let rubric: serde_json::Value = serde_json::from_slice(&rubric.stdout).unwrap_or_else(|_| panic!("{}", said(&rubric)));
        for fact in ["specVersionProvided", "authorNameProvided", "timestampProvided", "dependencyRelationshipsProvided"] {
            assert_eq!(rubric[fact], true, "{fact}: {rubric}");
        }
        for fact in ["componentNames", "componentVersions", "componentIdentifiers"] {
            assert_eq!(rubric[fact]["allProvided"], true, "{fact}: {rubric}");
        }
        assert_eq!(rubric["graphValidation"]["floatingComponents"]["floatingComponentCount"], 0, "{rubric}");
    }
}

/// Tags and texts, in order.
fn tokens(xml: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = xml;
    while !rest.is_empty() {
        let end = if rest.starts_with('<') {
            rest.find('>').map_or(rest.len(), |at| at + 1)
        } else {
            rest.find('<').unwrap_or(rest.len())
        };
        let (token, after) = rest.split_at(end);
        found.push(token.to_owned());
        rest = after;
    }
    found
}

/// The place of the tag that ends the element which begins at a place.
fn end_of(tokens: &[String], start: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        if token.starts_with("</") {
            depth -= 1;
        } else if token.starts_with('<') && !token.ends_with("/>") {
            depth += 1;
        }
        if depth == 0 {
            return at;
        }
    }
    start
}

/// Every document that differs from this one in one element, attribute or text.
fn mutants(xml: &str) -> Vec<String> {
    const TEXTS: [&str; 8] = ["", "x y", "-1", "1.5", "true", "2026-02-30T00:00:00Z", "%zz", "é"];
    let tokens = tokens(xml);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let mut with = |range: std::ops::RangeInclusive<usize>, by: &[String]| {
            let mut changed = tokens.clone();
            changed.splice(range, by.iter().cloned());
            found.push(changed.concat());
        };
        if !token.starts_with('<') {
            if !token.trim().is_empty() {
                TEXTS.iter().for_each(|text| with(at..=at, &[(*text).to_owned()]));
            }
            continue;
        }
        if token.starts_with("</") || token.starts_with("<?") {
            continue;
        }
        let end = end_of(&tokens, at);
        let element = &tokens[at..=end];
        // Gone, twice, under another name, with a stranger in front, and last instead of where it was.
        with(at..=end, &[]);
        with(at..=end, &[element, element].concat());
        let name = token.trim_start_matches('<').split([' ', '>', '/']).next().expect("a name");
        for other in ["name", "component", "surprise"] {
            let renamed: Vec<String> =
                element.iter().map(|token| token.replacen(&format!("<{name}"), &format!("<{other}"), 1)).collect();
            let mut renamed = renamed;
            if let Some(last) = renamed.last_mut().filter(|last| last.starts_with("</")) {
                *last = format!("</{other}>");
            }
            with(at..=end, &renamed);
        }
        with(at..=end, &[&["<o:x xmlns:o=\"urn:o\">y</o:x>".to_owned()], element].concat());
        with(at..=end, &[element, &["<o:x xmlns:o=\"urn:o\">y</o:x>".to_owned()]].concat());
        if at > 0 {
            let mut changed = tokens.clone();
            let moved: Vec<String> = changed.drain(at..=end).collect();
            let mut depth = 0;
            let parent_end = (at..changed.len()).find(|place| {
                let token = &changed[*place];
                depth += if token.starts_with("</") { -1 } else { i32::from(token.starts_with('<') && !token.ends_with("/>")) };
                depth < 0
            });
            if let Some(place) = parent_end {
                changed.splice(place..place, moved);
                found.push(changed.concat());
            }
        }
        let attributes: Vec<&str> = token.split('"').collect();
        for value in (1..attributes.len()).step_by(2) {
            for text in ["", "x y", "-1", "true", "surprise"] {
                let mut changed = attributes.clone();
                changed[value] = text;
                let changed = changed.join("\"");
                let mut all = tokens.clone();
                all[at] = changed;
                found.push(all.concat());
            }
            let mut changed = attributes.clone();
            let renamed = changed[value - 1].replacen(' ', " other-", 1);
            changed[value - 1] = &renamed;
            let changed = changed.join("\"");
            let mut all = tokens.clone();
            all[at] = changed;
            found.push(all.concat());
        }
    }
    found
}

#[test]
fn our_verdict_on_xml_is_that_of_libxml2_for_every_document_one_change_away() {
    // What references say is not in the schema; these faults are ours alone. And libxml2 takes an element any number of times,
    // followed by anything of another namespace any number of times, for a mixture of both.
    const OURS: [&str; 5] = [
        "names nothing in this document",
        "in another place already",
        "`versionRange` stands",
        "a citation needs",
        "` does not stand here; what may: nothing",
    ];
    // The schemas have most in common: of the older two, every fifth document.
    for (version, step) in [("1.5", 5), ("1.6", 5), ("1.7", 1)] {
        let sandbox = Sandbox::new();
        let whole = EVERYTHING.replace("{v}", version);
        let mut files = vec![sandbox.file("whole.xml", &whole)];
        for (number, mutant) in mutants(&whole).into_iter().step_by(step).enumerate() {
            files.push(sandbox.file(&format!("{number}.xml"), mutant));
        }
        let theirs = xmllint(version, sandbox.path(), &files);
        let names: Vec<&str> = files.iter().map(|path| text(path)).collect();
        let ran = sandbox.avouch(&[&["sbom", "validate"][..], &names].concat());
        let mut ours: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in ran.stdout.lines() {
            let (file, message) = line.split_once(": ").expect("a file and what is said of it");
            ours.entry(file).or_default().push(message);
        }
        let (mut valid, mut invalid) = (0, 0);
        for file in names {
            let accepted = theirs.contains(&format!("{file} validates"));
            let said = &ours[file];
            assert!(!said.iter().any(|message| message.starts_with("not ")), "{version} {file}: {said:?}");
            let is_valid = said.iter().all(|message| message.starts_with("valid "));
            let is_ours = said.iter().all(|message| OURS.iter().any(|ours| message.contains(ours)));
            let about = theirs.lines().find(|line| line.starts_with(file)).unwrap_or_default();
            let whole = || fs::read_to_string(file).unwrap_or_default();
            assert!(accepted == is_valid || (accepted && is_ours), "{version}: {said:?}\n{about}\n{}", whole());
            if accepted { valid += 1 } else { invalid += 1 }
        }
        assert!(valid > 400 / step && invalid > 1000 / step, "{version}: {valid} valid, {invalid} invalid");
    }
}

//! What is told of advisories and secrets, held against the schemas of its formats: OpenVEX, SARIF and CycloneDX.

use std::path::{Path, PathBuf};

use super::{
    accepts, refuses,
    support::{
        Sandbox, cargo_project,
        small::{check, product},
    },
    text, top,
};

/// An advisory about the crate that [`cargo_project`] needs, with everything that goes into a statement.
const RECORD: &str = r#"{"id":"GHSA-xxxx","modified":"2026-11-20T00:00:00Z","summary":"Numbers <b>leak</b>","aliases":["CVE-2026-1111"],
"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":"crates.io",
"name":"itoa"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.12"}]}]}]}"#;

/// Holds documents against a schema of `tests/foreign/schemas`, and shows that the last of them with something else in it is
/// refused.
#[track_caller]
fn hold(sandbox: &Sandbox, schema: &str, names: &[&str], broken: &[(&str, &str)]) {
    let schema = top().join("tests/foreign/schemas").join(schema);
    let paths: Vec<PathBuf> = names.iter().map(|name| sandbox.path().join(name)).collect();
    let said = accepts("validate_schema.py", &with(&schema, &paths));
    assert_eq!(said.matches(" valid").count(), names.len(), "{said}");
    let last = sandbox.read(names.last().unwrap());
    let broken: Vec<PathBuf> = broken
        .iter()
        .enumerate()
        .map(|(nth, (from, to))| {
            let other = last.replacen(from, to, 1);
            assert_ne!(last, other, "`{from}` is not in {names:?}");
            sandbox.file(&format!("broken-{nth}.json"), other)
        })
        .collect();
    let said = refuses("validate_schema.py", &with(&schema, &broken));
    assert_eq!(said.matches(" INVALID").count(), broken.len(), "{said}");
}

fn with<'a>(schema: &'a Path, documents: &'a [PathBuf]) -> Vec<&'a str> {
    std::iter::once(text(schema)).chain(documents.iter().map(|path| text(path))).collect()
}

#[test]
fn statements_are_openvex_and_cyclonedx() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.file("SECURITY.md", "contact: us\n");
    let policy = check("policy", "file.content", "build", "files = \"SECURITY.md\"\nmust_match = [\"contact\"]");
    product(&sandbox, &[policy], "");
    sandbox.commit(Some("v1.0.0"));
    sandbox.avouch(&["run"]).exits(0);
    sandbox.file("osv/GHSA-xxxx.json", RECORD);
    // What nobody stated, and each status with what it needs: the last statement counts.
    let code = "vulnerable_code_not_in_execute_path";
    let stated: [&[&str]; 5] = [
        &[],
        &["--status", "not_affected", "--justification", code, "--impact", "Never <called>."],
        &["--status", "affected", "--action", "Update."],
        &["--status", "under_investigation"],
        &["--status", "fixed"],
    ];
    let mut names = Vec::new();
    for (nth, stated) in stated.into_iter().enumerate() {
        if !stated.is_empty() {
            sandbox.avouch(&[&["vex", "set", "CVE-2026-1111", "--release", "1.0.*"], stated].concat()).exits(0);
        }
        for format in ["openvex", "cyclonedx"] {
            let name = format!("{nth}.{format}.json");
            sandbox.avouch(&["vex", "export", "--format", format, "--advisories", "osv", "-o", &name]).exits(0);
            names.push(name);
        }
    }
    let of = |format: &str| -> Vec<&str> { names.iter().map(String::as_str).filter(|name| name.contains(format)).collect() };
    let broken = [("\"@id\": \"urn:uuid:", "\"@id\": \"no address "), ("\"status\": \"", "\"status\": \"un")];
    hold(&sandbox, "openvex-0.2.0.schema.json", &of("openvex"), &broken);
    let paths: Vec<PathBuf> = of("cyclonedx").iter().map(|name| sandbox.path().join(name)).collect();
    let said = accepts("validate_bom.py", &paths.iter().map(|path| text(path)).collect::<Vec<_>>());
    assert_eq!(said.matches(" valid").count(), stated.len(), "{said}");
}

#[test]
fn audits_and_scans_are_sarif() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.file("osv/GHSA-xxxx.json", RECORD);
    sandbox.commit(None);
    let write = |name: &str, arguments: &[&str], results: bool| {
        let ran = sandbox.avouch(&[arguments, &["--format", "sarif"]].concat());
        assert!([0, 1].contains(&ran.code), "{}", ran.stderr);
        assert_eq!(ran.stdout.contains("\"ruleId\""), results, "{name}: {}", ran.stdout);
        sandbox.file(name, ran.stdout);
    };
    write("audit.sarif", &["audit", "--advisories", "osv", "--max-age", "99999 days"], true);
    write("nothing.sarif", &["scan"], false);
    // Written apart, so that no scanner of these sources takes it for one.
    sandbox.file("src/token.ts", format!("const t = \"{}{}\";\n", "gh", "p_aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5"));
    write("scan.sarif", &["scan"], true);
    let broken = [("\"version\": \"2.1.0\"", "\"version\": \"2.2.0\""), ("\"level\": \"", "\"level\": \"fatal ")];
    hold(&sandbox, "sarif-2.1.0.schema.json", &["audit.sarif", "nothing.sarif", "scan.sarif"], &broken);
}

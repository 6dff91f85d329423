//! Advisories at the command line: a folder and a BOM are audited, and the record tells which releases have what.

use super::{
    json,
    support::{Ran, Sandbox, cargo_project},
};

/// So many days ago.
fn ago(days: i64) -> String {
    (chrono::Utc::now() - chrono::TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A record of a database about the crate that [`cargo_project`] needs.
fn record(id: &str, days: i64, more: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"{}","summary":"Numbers <b>leak</b>","affected":[{{"package":{{"ecosystem":"crates.io","name":"itoa"}},"ranges":[{{"type":"SEMVER","events":[{{"introduced":"0"}},{{"fixed":"1.0.12"}}]}}]}}]{more}}}"#,
        ago(days)
    )
}

/// A project with a database of one advisory beside it.
fn project(severity: &str, days: i64) -> Sandbox {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    let more = format!(r#","aliases":["CVE-2026-1111"],"database_specific":{{"severity":"{severity}"}}"#);
    sandbox.file("osv/crates.io/GHSA-xxxx.json", record("GHSA-xxxx", days, &more));
    sandbox
}

fn audit(sandbox: &Sandbox, more: &[&str]) -> Ran {
    let mut arguments = vec!["audit", "--advisories", "osv"];
    arguments.extend(more);
    sandbox.avouch(&arguments)
}

#[test]
fn a_folder_and_a_bom_are_audited_without_configuration_key_or_ledger() {
    let sandbox = project("HIGH", 1);
    let ran = audit(&sandbox, &[]).exits(1);
    assert!(ran.stdout.contains("GHSA-xxxx") && ran.stdout.contains("itoa 1.0.11, fixed in 1.0.12"), "{}", ran.stdout);
    audit(&sandbox, &["--fail-on", "high"]).exits(1);
    let critical = audit(&sandbox, &["--fail-on", "critical"]).exits(0);
    assert!(critical.stdout.contains("0 fail, 0 unsure, 1 below"), "{}", critical.stdout);

    sandbox.avouch(&["sbom", "-o", "bom.json"]).exits(0);
    let report = json(&audit(&sandbox, &["bom.json", "--format", "json"]).exits(1).stdout);
    assert_eq!((&report["format"], &report["verdict"]), (&"avouch-audit".into(), &"not_satisfied".into()));
    let finding = &report["findings"][0];
    assert_eq!((&finding["standing"], &finding["severity"]["rating"]), (&"fails".into(), &"high".into()));
    assert_eq!(finding["aliases"][0], "CVE-2026-1111");
    assert_eq!(finding["components"][0]["path"].as_array().unwrap().len(), 2);
    assert_eq!(report["database"]["ecosystems"]["crates.io"]["advisories"], 1);
    assert!(!sandbox.exists(".avouch") && !sandbox.exists("avouch.toml"));
}

#[test]
fn absence_is_not_a_pass() {
    let sandbox = project("LOW", 1);
    audit(&sandbox, &["--fail-on", "high"]).exits(0);
    // Stale.
    sandbox.file("osv/crates.io/GHSA-xxxx.json", record("GHSA-xxxx", 9, r#","database_specific":{"severity":"LOW"}"#));
    let stale = audit(&sandbox, &["--fail-on", "high"]).exits(3);
    assert!(stale.stdout.contains("9 days ago; at most 7 days"), "{}", stale.stdout);
    audit(&sandbox, &["--fail-on", "high", "--max-age", "30 days"]).exits(0);
    // Damaged.
    sandbox.file("osv/crates.io/GHSA-yyyy.json", "{");
    let damaged = audit(&sandbox, &["--fail-on", "high", "--max-age", "30 days"]).exits(3);
    assert!(damaged.stdout.contains("GHSA-yyyy.json"), "{}", damaged.stdout);
    // Of another ecosystem, empty, or not there.
    sandbox.file("other/a.json", record("T-1", 1, "").replace("crates.io", "npm"));
    let other = sandbox.avouch(&["audit", "--advisories", "other"]).exits(3);
    assert!(other.stdout.contains("no advisory for crates.io, of which 1 component"), "{}", other.stdout);
    std::fs::create_dir(sandbox.path().join("empty")).unwrap();
    sandbox.avouch(&["audit", "--advisories", "empty"]).exits(3);
    for wrong in [&["audit"][..], &["audit", "--advisories", "nowhere"], &["audit", "nowhere", "--advisories", "osv"]] {
        sandbox.avouch(wrong).exits(2);
    }
    audit(&sandbox, &["--fail-on", "grave"]).exits(2);
    // A BOM of nothing, and what is none.
    sandbox.file("bom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#);
    audit(&sandbox, &["bom.json"]).exits(3);
    sandbox.file("bom.json", "[]");
    audit(&sandbox, &["bom.json"]).exits(2);
}

#[test]
fn a_severity_that_nobody_states_fails_and_what_informs_does_not() {
    let sandbox = project("who knows", 1);
    let unknown = audit(&sandbox, &["--fail-on", "critical"]).exits(1);
    assert!(unknown.stdout.contains("severity unknown"), "{}", unknown.stdout);
    let informs =
        record("GHSA-xxxx", 1, "").replace(r#""ranges""#, r#""database_specific":{"informational":"unsound"},"ranges""#);
    sandbox.file("osv/crates.io/GHSA-xxxx.json", informs);
    let unsound = audit(&sandbox, &[]).exits(0);
    assert!(unsound.stdout.contains("unsound") && unsound.stdout.contains("1 inform"), "{}", unsound.stdout);
}

#[test]
fn an_ignore_needs_a_reason_and_an_end_and_is_told() {
    let sandbox = project("HIGH", 1);
    let ignore = |id: &str, days: i64| {
        format!("[[ignore]]\nid = \"{id}\"\nreason = \"Never printed.\"\nowner = \"security\"\nexpires = {}\n", &ago(days)[..10])
    };
    sandbox.file("advisories.toml", ignore("CVE-2026-1111", -30));
    let ignored = audit(&sandbox, &[]).exits(0);
    assert!(ignored.stdout.contains("ignored through") && ignored.stdout.contains("Never printed."), "{}", ignored.stdout);
    sandbox.file("advisories.toml", ignore("CVE-2026-1111", 2));
    let over = audit(&sandbox, &[]).exits(1);
    assert!(over.stderr.contains("it is told again"), "{}", over.stderr);
    sandbox.file("advisories.toml", ignore("CVE-2026-2222", -30));
    assert!(audit(&sandbox, &[]).exits(1).stderr.contains("matches nothing"));
    sandbox.file("advisories.toml", ignore("CVE-2026-1111", -30).replace("reason", "raison"));
    let wrong = audit(&sandbox, &[]).exits(2);
    assert!(wrong.stderr.contains("advisories.toml:3:1"), "{}", wrong.stderr);
    sandbox.file("mine.toml", ignore("GHSA-xxxx", -30));
    audit(&sandbox, &["--ignores", "mine.toml"]).exits(0);
}

#[test]
fn sarif_and_markdown_tell_the_same_and_text_from_outside_stays_text() {
    let sandbox = project("HIGH", 1);
    let sarif = json(&audit(&sandbox, &["--format", "sarif"]).exits(1).stdout);
    let run = &sarif["runs"][0];
    assert_eq!((&run["results"][0]["ruleId"], &run["results"][0]["level"]), (&"GHSA-xxxx".into(), &"error".into()));
    assert_eq!(run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "Cargo.lock");
    let markdown = audit(&sandbox, &["--format", "markdown"]).exits(1).stdout;
    assert!(markdown.contains("| GHSA-xxxx") || markdown.contains("GHSA-xxxx Numbers"), "{markdown}");
    assert!(!markdown.contains("<b>"), "{markdown}");
    let hostile = record("GHSA-xxxx", 1, "").replace("Numbers", r"\u001b[31m::error::\nNumbers");
    sandbox.file("osv/crates.io/GHSA-xxxx.json", hostile);
    let text = audit(&sandbox, &[]).exits(1).stdout;
    assert!(!text.contains('\u{1b}') && !text.contains("::error"), "{text}");
}

//! Advisories at the command line: a folder and a BOM are audited, and the record tells which releases have what.

use std::{path::Path, process::Command};

use super::{
    digests, json, key, released,
    support::{
        Ran, Sandbox, cargo_project,
        small::{check, product, state},
    },
    verify,
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
    let matched = &report["matches"][0];
    assert_eq!((&matched["standing"], &matched["severity"]["rating"]), (&"fails".into(), &"high".into()));
    assert_eq!(matched["aliases"][0], "CVE-2026-1111");
    assert_eq!(matched["components"][0]["path"].as_array().unwrap().len(), 2);
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
        format!(
            "[[ignore]]\nadvisory = \"{id}\"\nreason = \"Never printed.\"\nowner = \"security\"\nexpires = {}\n",
            &ago(days)[..10]
        )
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

/// A person with a key of their own, as `[people]` has them.
fn person(keys: &Sandbox, name: &str, role: &str) -> String {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(keys.path().join(name)).status();
    assert!(made.unwrap().success());
    let key = keys.read(&format!("{name}.pub"));
    format!("[people.{name}]\nkey = \"{}\"\nroles = [\"{role}\"]\n", key.trim())
}

fn sign(keys: &Sandbox, name: &str, file: &Path) {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-Y", "sign", "-n", "avouch-decision", "-f"]).arg(keys.path().join(name)).arg(file);
    assert!(keygen.status().unwrap().success());
}

#[test]
fn where_people_are_configured_an_ignore_counts_when_another_person_signed_it() {
    let (keys, sandbox) = (Sandbox::new(), Sandbox::new());
    cargo_project(&sandbox);
    let people = format!("{}{}", person(&keys, "ada", "engineering"), person(&keys, "ben", "security"));
    product(&sandbox, &[check("audit", "advisory.audit", "deploy", "advisories = \"osv\"\nfail_on = \"high\"")], &people);
    sandbox.file("osv/a.json", record("GHSA-xxxx", 1, r#","database_specific":{"severity":"HIGH"}"#));
    sandbox.commit(Some("v1.0.0"));
    let unsigned =
        format!("[[ignore]]\nadvisory = \"GHSA-xxxx\"\nreason = \"r\"\nowner = \"security\"\nexpires = {}\n", &ago(-30)[..10]);
    sandbox.file("advisories.toml", unsigned);
    let refused = audit(&sandbox, &[]).exits(1);
    assert!(refused.stderr.contains("has no effect, because nobody signed it"), "{}", refused.stderr);
    std::fs::remove_file(sandbox.path().join("advisories.toml")).unwrap();

    let end = &ago(-30)[..10];
    let decision = format!(
        "[[ignore]]\nid = \"I-1\"\nadvisory = \"GHSA-xxxx\"\npackage = \"pkg:cargo/itoa\"\nreason = \"Never printed.\"\nowner = \"ada\"\napprover = \"ben\"\nexpires = {end}\n"
    );
    sandbox.file("decisions/itoa.toml", &decision);
    assert!(audit(&sandbox, &[]).exits(1).stderr.contains("is not signed by `ben`"));
    sandbox.avouch(&["run"]).exits(1);
    assert_eq!(state(&sandbox, "audit"), "fail");

    sign(&keys, "ben", &sandbox.path().join("decisions/itoa.toml"));
    let ignored = audit(&sandbox, &[]).exits(0);
    assert!(
        ignored.stdout.contains(&format!("ignored through {end} (I-1, approved by security): Never printed.")),
        "{}",
        ignored.stdout
    );
    sandbox.avouch(&["run"]).exits(0);
    assert_eq!(state(&sandbox, "audit"), "pass");
    // It is told before it ends, in the answer of the check, and on the page of the decisions; people by role.
    let due = sandbox.avouch(&["due", "--within", "60 days"]).exits(0).stdout;
    assert!(due.contains(&format!("{end}T23:59:59Z  I-1: GHSA-xxxx is ignored no more")), "{due}");
    let page = sandbox.read("public/en/controls/care/index.html");
    assert!(page.contains(&format!("GHSA-xxxx in itoa through {end} (I-1, approved by security)")), "{page}");
    let page = sandbox.read("public/en/decisions/index.html");
    assert!(page.contains("Ignored advisories") && page.contains("Never printed.") && !page.contains("ben"), "{page}");
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

// ── Over the record ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// A product with two releases on record: 1.0.0 needs itoa 1.0.11, 1.1.0 needs 1.0.12.
fn two_releases() -> Sandbox {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let lock = sandbox.read("Cargo.lock").replace("1.0.11", "1.0.12");
    sandbox.file("Cargo.lock", lock);
    sandbox.commit(Some("v1.1.0"));
    sandbox.avouch(&["run"]).exits(0);
    sandbox.file("osv/crates.io/RUSTSEC-2026-9999.json", record("RUSTSEC-2026-9999", 1, r#","aliases":["CVE-2026-1111"]"#));
    sandbox
}

#[test]
fn the_record_tells_which_releases_contain_a_package_and_where_they_run() {
    let sandbox = two_releases();
    let fresh = sandbox.avouch(&["affected", "pkg:cargo/itoa", "--range", "<1.0.12"]).exits(1);
    assert!(fresh.stdout.contains("1.0.0  itoa 1.0.11 (") && fresh.stdout.contains("→ itoa 1.0.11"), "{}", fresh.stdout);
    assert!(!fresh.stdout.contains("1.1.0  ") && fresh.stdout.contains("1 of 2 recorded releases"), "{}", fresh.stdout);
    assert!(fresh.stdout.contains("where they run was not told"), "{}", fresh.stdout);
    sandbox.avouch(&["affected", "pkg:cargo/itoa@1.0.12"]).exits(1);
    sandbox.avouch(&["affected", "pkg:cargo/itoa", "--range", "<1"]).exits(0);
    sandbox.avouch(&["affected", "pkg:npm/itoa"]).exits(0);

    sandbox
        .avouch(&["deploy", "record", "--environment", "production", "--release", "1.0.0", "--at", "2026-01-02T03:04:05Z"])
        .exits(0);
    let json_of = |arguments: &[&str]| json(&sandbox.avouch(arguments).exits(1).stdout);
    for id in ["RUSTSEC-2026-9999", "CVE-2026-1111"] {
        let told = json_of(&["affected", id, "--advisories", "osv", "--format", "json"]);
        assert_eq!(told["affected"].as_array().unwrap().len(), 1, "{told}");
        let one = &told["affected"][0];
        assert_eq!((&one["release"], &one["certainty"]), (&"1.0.0".into(), &"certain".into()));
        assert_eq!(
            (&one["runs"][0]["environment"], &one["runs"][0]["since"]),
            (&"production".into(), &"2026-01-02T03:04:05Z".into())
        );
    }
    sandbox.avouch(&["deploy", "record", "--environment", "production", "--release", "1.1.0"]).exits(0);
    let told = json_of(&["affected", "CVE-2026-1111", "--advisories", "osv", "--format", "json"]);
    assert_eq!(told["affected"][0]["runs"], serde_json::json!([]), "another release runs there now");
    // Before anything was on record, nothing is known.
    sandbox.avouch(&["affected", "pkg:cargo/itoa", "--as-of", "2020-01-01T00:00:00Z"]).exits(3);
}

#[test]
fn a_copy_in_the_repository_is_found_by_its_package_as_by_an_advisory() {
    let sandbox = released("contact: us\n");
    let manifest = sandbox.read("Cargo.toml");
    let lock = sandbox.read("Cargo.lock");
    let start = lock.find("source = ").unwrap();
    let end = lock.find("\n\n[[package]]\nname = \"shop\"").unwrap();
    sandbox.file("Cargo.lock", format!("{}{}", &lock[..start].trim_end(), &lock[end..]));
    sandbox.file("vendor/itoa/Cargo.toml", "[package]\nname = \"itoa\"\nversion = \"1.0.11\"\nedition = \"2021\"\n");
    sandbox.file("Cargo.toml", format!("{manifest}\n[workspace]\n\n[patch.crates-io]\nitoa = {{ path = \"vendor/itoa\" }}\n"));
    sandbox.commit(Some("v1.2.0"));
    sandbox.avouch(&["run"]).exits(0);
    let told = sandbox.avouch(&["affected", "pkg:cargo/itoa", "--range", "~1"]).exits(3);
    assert!(told.stdout.contains("1.2.0  itoa 1.0.11") && told.stdout.contains("possible"), "{}", told.stdout);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let sandbox = two_releases();
    for wrong in [
        &["affected", "CVE-2026-1111"][..],
        &["affected", "CVE-2026-1111", "--advisories", "osv", "--range", "<1"],
        &["affected", "pkg:cargo/itoa@1.0.0", "--range", "<1"],
        &["affected", "pkg:cargo/itoa", "--range", "soon"],
        &["affected", "pkg:cargo"],
        &["deploy", "record", "--environment", "Production Site", "--release", "1.0.0"],
        &["deploy", "record", "--environment", "production", "--release", "9.9.9"],
        &["deploy", "record", "--environment", "production", "--release", "1.0.0", "--at", "2999-01-01T00:00:00Z"],
        &["vex", "set", "CVE-2026-1111", "--release", "*", "--status", "not_affected"],
        &["vex", "set", "CVE-2026-1111", "--release", "*", "--status", "affected"],
        &["vex", "set", "CVE 2026", "--release", "*", "--status", "fixed"],
        &["vex", "set", "CVE-2026-1111", "--release", "*", "--status", "fixed", "--justification", "component_not_present"],
        &["vex", "set", "CVE-2026-1111", "--release", "*", "--status", "fixed", "--impact", "ask bob@example.com"],
        &["vex", "set", "CVE-2026-1111", "--release", "*", "--status", "fixed", "--product", "itoa"],
    ] {
        sandbox.avouch(wrong).exits(2);
    }
    // An id that the advisories do not know is no answer.
    sandbox.avouch(&["affected", "CVE-2026-2222", "--advisories", "osv"]).exits(3);
    assert_eq!(digests(&sandbox, "vex").len() + digests(&sandbox, "deployment").len(), 0);
}

#[test]
fn what_is_stated_is_recorded_signed_and_written_in_both_formats() {
    let sandbox = two_releases();
    sandbox.avouch(&["vex", "export", "--format", "openvex"]).exits(3);
    let found = json(&sandbox.avouch(&["vex", "export", "--format", "openvex", "--advisories", "osv"]).exits(0).stdout);
    assert_eq!(found["statements"][0]["status"], "under_investigation");
    let set = ["vex", "set", "CVE-2026-1111", "--release", "1.0.*", "--status", "not_affected"];
    let why = ["--justification", "vulnerable_code_not_in_execute_path", "--impact", "Never <called>."];
    sandbox.avouch(&[&set[..], &why[..]].concat()).exits(0);
    assert!(sandbox.avouch(&[&set[..], &why[..]].concat()).exits(0).stdout.contains("already"));
    assert_eq!(digests(&sandbox, "vex").len(), 1);

    sandbox.avouch(&["vex", "export", "--format", "cyclonedx", "--advisories", "osv", "-o", "vex.json"]).exits(0);
    let valid = sandbox.avouch(&["sbom", "validate", "vex.json"]);
    assert_eq!(valid.code, 0, "{}{}", valid.stdout, valid.stderr);
    let document = json(&sandbox.read("vex.json"));
    let vulnerability = &document["vulnerabilities"][0];
    assert_eq!(vulnerability["id"], "RUSTSEC-2026-9999");
    assert_eq!(vulnerability["analysis"]["justification"], "code_not_reachable");
    assert!(vulnerability["affects"][0]["ref"].as_str().unwrap().starts_with("urn:cdx:"), "{vulnerability}");
    let openvex = json(&sandbox.avouch(&["vex", "export", "--format", "openvex", "--advisories", "osv"]).exits(0).stdout);
    let statement = &openvex["statements"][0];
    assert_eq!(
        (&statement["status"], &statement["vulnerability"]["aliases"][0]),
        (&"not_affected".into(), &"CVE-2026-1111".into())
    );
    assert_eq!(statement["products"][0]["subcomponents"][0]["@id"], "pkg:cargo/itoa@1.0.11");
    // No advisory is needed for a statement.
    let alone = json(&sandbox.avouch(&["vex", "export", "--format", "openvex"]).exits(0).stdout);
    assert_eq!(alone["statements"][0]["vulnerability"]["name"], "CVE-2026-1111");
    let told = sandbox.avouch(&["affected", "CVE-2026-1111", "--advisories", "osv"]).exits(1);
    assert!(told.stdout.contains("we say: not_affected"), "{}", told.stdout);

    // It is published with a page of its own, and the record verifies.
    sandbox.avouch(&["deploy", "record", "--environment", "production", "--release", "1.0.0"]).exits(0);
    sandbox.avouch(&["publish"]).exits(0);
    verify(&sandbox, &key(&sandbox)).exits(0);
    let page = sandbox.read(&format!("public/e/{}/index.html", digests(&sandbox, "vex")[0]));
    assert!(page.contains("CVE-2026-1111") && page.contains("Never &lt;called&gt;.") && !page.contains("<called>"), "{page}");
    let page = sandbox.read(&format!("public/e/{}/index.html", digests(&sandbox, "deployment")[0]));
    assert!(page.contains("production") && page.contains("1.0.0"), "{page}");
}

#[test]
fn a_check_holds_the_release_against_the_advisories() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    product(&sandbox, &[check("audit", "advisory.audit", "deploy", "advisories = \"osv\"\nfail_on = \"high\"")], "");
    sandbox.file("osv/a.json", record("GHSA-xxxx", 1, r#","database_specific":{"severity":"HIGH"}"#));
    sandbox.commit(Some("v1.0.0"));
    sandbox.avouch(&["run"]).exits(1);
    assert_eq!(state(&sandbox, "audit"), "fail");
    sandbox.file("osv/a.json", record("GHSA-xxxx", 1, r#","database_specific":{"severity":"LOW"}"#));
    assert_eq!(state(&sandbox, "audit"), "pass");
    sandbox.file("osv/a.json", record("GHSA-xxxx", 30, r#","database_specific":{"severity":"LOW"}"#));
    assert_eq!(state(&sandbox, "audit"), "error");
}

// ── What is not in a bill ────────────────────────────────────────────────────────────────────────────────────────────────

/// A BOM of one npm package that nothing is known about, with more said of it and more in it.
fn bill(more: &str, components: &str) -> String {
    format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{{"component":{{"bom-ref":"root","type":"application","name":"shop"}},
        "properties":[{{"name":"avouch:left-out:lower/package-lock.json","value":"it is damaged"}}]}},{more}
        "components":[{{"type":"library","bom-ref":"clean","name":"clean","version":"1.0.0","purl":"pkg:npm/clean@1.0.0"}}{components}]}}"#
    )
}

/// A folder with a database for npm, and one grave vulnerability of `left`.
fn with_npm() -> Sandbox {
    let sandbox = Sandbox::new();
    let record = record("GHSA-left", 1, r#","database_specific":{"severity":"HIGH"}"#);
    sandbox.file("osv/npm/GHSA-left.json", record.replace("crates.io", "npm").replace("itoa", "left"));
    sandbox
}

#[test]
fn a_bill_that_says_it_is_incomplete_is_no_pass_in_any_format() {
    let sandbox = with_npm();
    let about = |aggregate: &str| format!(r#""compositions":[{{"aggregate":"{aggregate}","assemblies":["root"]}}],"#);
    for aggregate in ["incomplete", "incomplete_first_party_only", "not_specified"] {
        sandbox.file("bom.json", bill(&about(aggregate), ""));
        for format in ["text", "json", "sarif", "markdown"] {
            let told = audit(&sandbox, &["bom.json", "--format", format]).exits(3).stdout.replace('\\', "");
            assert!(told.contains("lower/package-lock.json (it is damaged)"), "{format}: {told}");
        }
    }
    sandbox.file("bom.json", bill(&about("complete"), ""));
    assert!(!audit(&sandbox, &["bom.json"]).exits(0).stderr.contains("complete"));
    // Who says nothing of it is believed, and that it says nothing is said.
    sandbox.file("bom.json", bill("", ""));
    let silent = audit(&sandbox, &["bom.json"]).exits(0);
    assert!(silent.stderr.contains("does not say whether it is complete"), "{}", silent.stderr);
}

#[test]
fn what_nobody_can_look_up_is_no_pass() {
    let sandbox = with_npm();
    for (component, words) in [
        (r#"{"type":"library","name":"left","version":"1"}"#, "left 1"),
        (r#"{"type":"framework","name":"left","version":"1","purl":"npm/left@1"}"#, "left 1 (npm/left@1)"),
        (r#"{"type":"application","name":"openssl","version":"3","purl":"pkg:generic/openssl@3"}"#, "openssl 3"),
    ] {
        sandbox.file("bom.json", bill("", &format!(",{component}")));
        let told = audit(&sandbox, &["bom.json"]).exits(3).stdout;
        assert!(told.contains("1 components have no package URL of an ecosystem") && told.contains(words), "{told}");
    }
    for known in [r#"{"type":"file","name":"a.txt"}"#, r#"{"type":"library","name":"part","purl":"pkg:generic/shop/part@1"}"#] {
        sandbox.file("bom.json", bill("", &format!(",{known}")));
        audit(&sandbox, &["bom.json"]).exits(0);
    }
    sandbox.file("bom.json", bill("", r#",{"type":"library","name":"left","purl":"PKG:NPM/left@1.0.0"}"#));
    audit(&sandbox, &["bom.json"]).exits(1);
}

#[test]
fn a_copy_that_lies_in_the_repository_is_possible() {
    let sandbox = with_npm();
    sandbox.file("package.json", r#"{"name":"shop","version":"1.0.0","dependencies":{"left":"file:vendor/left-1.0.0.tgz"}}"#);
    let lock = |version: &str| {
        format!(
            r#"{{"name":"shop","version":"1.0.0","lockfileVersion":3,"packages":{{"":{{"name":"shop","version":"1.0.0","dependencies":{{"left":"file:vendor/left-{version}.tgz"}}}},"node_modules/left":{{"version":"{version}","resolved":"file:vendor/left-{version}.tgz"}}}}}}"#
        )
    };
    sandbox.file("package-lock.json", lock("1.0.0"));
    let told = audit(&sandbox, &[]).exits(3).stdout;
    assert!(told.contains("left 1.0.0: possible, it is a copy from elsewhere"), "{told}");
    sandbox.file("package-lock.json", lock("2.0.0"));
    audit(&sandbox, &[]).exits(0);
}

#[test]
fn a_crate_that_a_patch_takes_from_a_folder_is_possible_and_a_member_of_the_workspace_is_nothing() {
    let sandbox = project("HIGH", 1);
    let manifest = sandbox.read("Cargo.toml");
    let lock = sandbox.read("Cargo.lock");
    let start = lock.find("source = ").unwrap();
    let end = lock.find("\n\n[[package]]\nname = \"shop\"").unwrap();
    sandbox.file("Cargo.lock", format!("{}{}", &lock[..start].trim_end(), &lock[end..]));
    let itoa = "[package]\nname = \"itoa\"\nversion = \"1.0.11\"\nedition = \"2021\"\n";
    sandbox.file("vendor/itoa/Cargo.toml", itoa);
    sandbox.file("Cargo.toml", format!("{manifest}\n[workspace]\n\n[patch.crates-io]\nitoa = {{ path = \"vendor/itoa\" }}\n"));
    let told = audit(&sandbox, &[]).exits(3).stdout;
    assert!(told.contains("itoa 1.0.11: possible, it is a copy from elsewhere"), "{told}");
    // A part of the product that happens to be called the same. Without a package of others nothing is looked at.
    sandbox.file("parts/itoa/Cargo.toml", itoa);
    sandbox.file(
        "Cargo.toml",
        format!("{manifest}\n[workspace]\nmembers = [\"parts/itoa\"]\n").replace("\"1\"", "{ path = \"parts/itoa\" }"),
    );
    let told = audit(&sandbox, &[]).exits(3).stdout;
    assert!(!told.contains("GHSA-xxxx") && told.contains("nothing was looked at"), "{told}");
}

#[test]
fn a_folder_without_a_lockfile_could_not_be_told() {
    let sandbox = with_npm();
    let none = audit(&sandbox, &[]).exits(3);
    assert!(none.stderr.contains("no lockfile was found"), "{}", none.stderr);
}

#[test]
fn what_no_advisory_could_match_is_not_counted_as_looked_at() {
    let sandbox = with_npm();
    cargo_project(&sandbox);
    let told = audit(&sandbox, &[]).exits(3).stdout;
    assert!(told.contains("the database has no advisory for crates.io"), "{told}");
    assert!(told.contains("; 0 of 1 components looked at\n") && !told.contains("; \n"), "{told}");
}

#[test]
fn no_release_is_cleared_by_a_bill_that_lists_nothing() {
    let sandbox = Sandbox::new();
    sandbox.file("go.mod", "module example.com/shop\n\ngo 1.24\n");
    product(&sandbox, &[], "");
    sandbox.commit(Some("v1.0.0"));
    sandbox.avouch(&["run"]);
    let told = sandbox.avouch(&["affected", "pkg:npm/left"]).exits(3).stdout;
    assert!(told.contains("the release 1.0.0: no component has a package URL of an ecosystem: nothing was looked at"), "{told}");
}

#[test]
fn a_folder_with_a_lockfile_that_is_not_read_is_no_pass() {
    let sandbox = project("LOW", 1);
    audit(&sandbox, &["--fail-on", "high"]).exits(0);
    sandbox.file("Gemfile.lock", "GEM\n");
    let told = audit(&sandbox, &["--fail-on", "high"]).exits(3).stdout;
    assert!(told.contains("says that it is incomplete") && told.contains("Gemfile.lock"), "{told}");
}

#[test]
fn no_release_is_cleared_by_a_bill_that_says_it_is_incomplete() {
    let sandbox = released("contact: us\n");
    sandbox.file("Gemfile.lock", "GEM\n");
    sandbox.commit(Some("v1.1.0"));
    sandbox.avouch(&["run"]).exits(0);
    let told = json(&sandbox.avouch(&["affected", "pkg:npm/left", "--format", "json"]).exits(3).stdout);
    assert_eq!(told["affected"], serde_json::json!([]));
    let doubt = told["doubts"][0].as_str().unwrap();
    assert!(doubt.starts_with("the release 1.1.0: ") && doubt.contains("may be missing: Gemfile.lock"), "{told}");
    assert_eq!(sandbox.avouch(&["affected", "PKG:Cargo/itoa"]).exits(1).code, 1);
}

#[test]
fn a_statement_about_a_package_that_no_release_has_is_recorded_with_a_warning() {
    let sandbox = two_releases();
    let set = |product: &str, release: &str| {
        let set = ["vex", "set", "CVE-2026-1111", "--release", release, "--status", "fixed", "--product", product];
        sandbox.avouch(&set).exits(0)
    };
    for (product, release) in [("pkg:cargo/itoaa", "*"), ("pkg:cargo/itoa@9.9.9", "*"), ("pkg:cargo/itoa@1.0.11", "1.1.0")] {
        let told = set(product, release);
        assert!(told.stderr.contains(&format!("contains `{product}`")), "{}", told.stderr);
        assert!(told.stdout.contains("recorded"), "{}", told.stdout);
    }
    for product in ["pkg:cargo/itoa", "PKG:cargo/Itoa@1.0.11"] {
        let told = set(product, "*");
        assert!(!told.stderr.contains("contains"), "{}", told.stderr);
    }
    assert_eq!(digests(&sandbox, "vex").len(), 5);
}

//! What is stated counts before what is found, and both documents say the same.

use super::*;
use crate::{Loader, matches};

const BOM: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
"metadata":{"component":{"bom-ref":"root","name":"shop","version":"1.4.2","purl":"pkg:generic/shop@1.4.2"}},
"components":[{"bom-ref":"pkg:npm/left@1.0.0","name":"left","version":"1.0.0","purl":"pkg:npm/left@1.0.0"}],
"dependencies":[{"ref":"root","dependsOn":["pkg:npm/left@1.0.0"]}]}"#;

const RECORD: &str = r#"{"id":"GHSA-1","modified":"2026-11-20T00:00:00Z","aliases":["CVE-2026-1"],"summary":"Bad",
"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
"affected":[{"package":{"ecosystem":"npm","name":"left"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]}]}"#;

fn release(version: &str) -> ReleaseBom {
    let mut loader = Loader::default();
    loader.file("a.json", RECORD.as_bytes());
    let bom = Bom::read(BOM.as_bytes()).unwrap();
    let matches = matches(&loader.finish(), &bom.components);
    ReleaseBom { version: version.to_owned(), bom, matches }
}

fn at(second: u32) -> Timestamp {
    format!("2026-11-22T00:00:{second:02}Z").parse().unwrap()
}

fn statement(vulnerability: &str, releases: &str, status: VexStatus) -> VexStatement {
    VexStatement {
        v: 1,
        vulnerability: vulnerability.to_owned(),
        releases: releases.to_owned(),
        status,
        justification: (status == VexStatus::NotAffected).then_some(VexJustification::VulnerableCodeNotInExecutePath),
        impact: Some("Never called.".to_owned()),
        action: (status == VexStatus::Affected).then(|| "Update.".to_owned()),
        component: None,
    }
}

fn document() -> Document<'static> {
    Document { author: "Shop", program: "avouch 0.1.0", at: at(59) }
}

#[test]
fn what_nobody_stated_is_under_investigation() {
    let rows = rows(&[release("1.4.2")], &[]);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].said.status, rows[0].said.at), (VexStatus::UnderInvestigation, None));
    assert_eq!(rows[0].said.action.as_deref(), Some("Fixed in left 2.0.0."));
}

#[test]
fn the_last_statement_counts_in_the_releases_it_names_by_any_of_the_ids() {
    let statements = [
        (at(1), statement("CVE-2026-1", "1.4.*", VexStatus::Affected)),
        (at(2), statement("GHSA-1", "1.4.2", VexStatus::NotAffected)),
        (at(3), statement("CVE-2026-9", "*", VexStatus::NotAffected)),
    ];
    let rows = rows(&[release("1.4.1"), release("1.4.2"), release("1.5.0")], &statements);
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.vulnerability.as_str(), row.release.as_str(), row.said.status.name(), row.component.is_some()))
        .collect();
    assert_eq!(
        told,
        [
            ("CVE-2026-9", "1.4.1", "not_affected", false),
            ("CVE-2026-9", "1.4.2", "not_affected", false),
            ("CVE-2026-9", "1.5.0", "not_affected", false),
            ("GHSA-1", "1.4.1", "affected", true),
            ("GHSA-1", "1.4.2", "not_affected", true),
            ("GHSA-1", "1.5.0", "under_investigation", true),
        ]
    );
}

#[test]
fn a_statement_about_a_component_counts_before_one_about_all() {
    let own = VexStatement { component: Some("pkg:npm/left".to_owned()), ..statement("GHSA-1", "*", VexStatus::Fixed) };
    let other = VexStatement { component: Some("pkg:npm/right".to_owned()), ..statement("GHSA-1", "*", VexStatus::Affected) };
    let rows =
        rows(&[release("1.4.2")], &[(at(1), own), (at(2), statement("GHSA-1", "*", VexStatus::NotAffected)), (at(3), other)]);
    assert_eq!(rows[0].said.status, VexStatus::Fixed);
}

#[test]
fn a_statement_about_a_component_that_was_not_found_is_not_lost() {
    let own = VexStatement { component: Some("pkg:npm/right".to_owned()), ..statement("CVE-2026-1", "*", VexStatus::Fixed) };
    let rows = rows(&[release("1.4.2")], &[(at(1), own)]);
    let told: Vec<_> = rows.iter().map(|row| (row.vulnerability.as_str(), row.component.as_deref(), row.said.status)).collect();
    assert_eq!(
        told,
        [
            ("GHSA-1", Some("pkg:npm/left@1.0.0"), VexStatus::UnderInvestigation),
            ("GHSA-1", Some("pkg:npm/right"), VexStatus::Fixed),
        ]
    );
}

#[test]
fn the_status_is_that_of_the_component_and_of_none_that_is_named_alike() {
    let of = |named: &str, status| VexStatement { component: Some(named.to_owned()), ..statement("GHSA-1", "*", status) };
    let statements = [
        (at(1), of("pkg:npm/left", VexStatus::NotAffected)),
        (at(2), of("pkg:npm/right@1.0.1", VexStatus::Fixed)),
        (at(3), statement("GHSA-1", "2.*", VexStatus::Affected)),
    ];
    let names = ["GHSA-1".to_owned(), "CVE-2026-1".to_owned()];
    for (release, component, expected) in [
        ("1.0.0", "pkg:npm/left@1.0.0", Some(VexStatus::NotAffected)),
        ("1.0.0", "pkg:npm/left-pad@1.0.0", None),
        ("1.0.0", "pkg:npm/right@1.0.1", Some(VexStatus::Fixed)),
        ("1.0.0", "pkg:npm/right@1.0.10", None),
        ("2.0.0", "pkg:npm/left@1.0.0", Some(VexStatus::NotAffected)),
        ("2.0.0", "pkg:npm/other@1.0.0", Some(VexStatus::Affected)),
    ] {
        assert_eq!(status(&statements, release, &names, component), expected, "{release} {component}");
    }
}

#[test]
fn both_documents_say_the_same() {
    let rows = rows(&[release("1.4.2")], &[(at(2), statement("GHSA-1", "1.4.*", VexStatus::NotAffected))]);
    let one = cyclonedx(&rows, &document());
    let vulnerability = &one["vulnerabilities"][0];
    assert_eq!(vulnerability["analysis"]["state"], "not_affected");
    assert_eq!(vulnerability["analysis"]["justification"], "code_not_reachable");
    assert_eq!(vulnerability["affects"][0]["ref"], "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg:npm/left@1.0.0");
    assert_eq!((&vulnerability["ratings"][0]["score"], &vulnerability["ratings"][0]["method"]), (&json!(9.8), &json!("CVSSv31")));
    let two = openvex(&rows, &document());
    let statement = &two["statements"][0];
    assert_eq!((&statement["status"], &statement["timestamp"]), (&json!("not_affected"), &json!("2026-11-22T00:00:02Z")));
    assert_eq!(statement["justification"], "vulnerable_code_not_in_execute_path");
    assert_eq!((&statement["impact_statement"], &statement["status_notes"]), (&Value::Null, &json!("Never called.")));
    assert_eq!(statement["products"][0]["subcomponents"][0]["@id"], "pkg:npm/left@1.0.0");
    assert_eq!(statement["vulnerability"]["aliases"], json!(["CVE-2026-1"]));
    assert_eq!(one, cyclonedx(&rows, &document()));
    assert_ne!(one["serialNumber"], cyclonedx(&rows, &Document { at: at(58), ..document() })["serialNumber"]);
}

#[test]
fn a_glob_means_what_it_says() {
    for (glob, yes, no) in [
        ("1.4.*", "1.4.2", "1.5.0"),
        ("*", "x", "\u{0}"),
        ("1.?.0", "1.4.0", "1.40.0"),
        ("1.4.2", "1.4.2", "1.4.20"),
        ("*a*b", "xaxb", "xbxa"),
    ] {
        assert!(release_matches(glob, yes), "{glob} {yes}");
        assert!(glob == "*" || !release_matches(glob, no), "{glob} {no}");
    }
    assert!(release_matches("", "") && !release_matches("", "a") && !release_matches("a", ""));
}

//! What passes, what fails, and everything that is neither.

use super::*;
use crate::{Loader, Purl, Role, Scope, read_ignores};

const NOW: &str = "2026-11-22T00:00:00Z";

fn record(id: &str, modified: &str, severity: &str) -> String {
    format!(
        r#"{{"id":"{id}","modified":"{modified}","summary":"{id}","database_specific":{{"severity":"{severity}"}},"affected":[{{"package":{{"ecosystem":"npm","name":"left"}},"ranges":[{{"type":"SEMVER","events":[{{"introduced":"0"}},{{"fixed":"2.0.0"}}]}}]}}]}}"#
    )
}

fn database(records: &[String]) -> Database {
    let mut loader = Loader::default();
    for (place, text) in records.iter().enumerate() {
        loader.file(&format!("{place}.json"), text.as_bytes());
    }
    loader.finish()
}

fn fresh(severity: &str) -> Database {
    database(&[record("GHSA-1", "2026-11-20T00:00:00Z", severity)])
}

fn component(purl: &str) -> Component {
    let parsed: Purl = purl.parse().unwrap();
    Component {
        reference: purl.to_owned(),
        name: parsed.full_name(),
        version: parsed.version.clone(),
        purl: Some(purl.to_owned()),
        scope: Scope::Required,
        role: Role::Package,
    }
}

fn asked(fail_on: Rating) -> Asked {
    Asked { fail_on, max_age: "7 days".parse().unwrap(), now: NOW.parse().unwrap() }
}

fn audited(database: &Database, purls: &[&str], ignores: &str) -> Report {
    let components: Vec<Component> = purls.iter().map(|purl| component(purl)).collect();
    let ignores = read_ignores("advisories.toml", ignores, "2026-11-01".parse().unwrap()).unwrap();
    audit(database, &components, &ignores, &asked(Rating::High))
}

const OLD: &str = "pkg:npm/left@1.0.0";
const NEW: &str = "pkg:npm/left@2.0.0";

#[test]
fn a_known_vulnerability_fails_from_its_rating_on() {
    assert_eq!(audited(&fresh("HIGH"), &[OLD], "").verdict, Verdict::NotSatisfied);
    assert_eq!(audited(&fresh("HIGH"), &[NEW], "").verdict, Verdict::Satisfied);
    let medium = audited(&fresh("MODERATE"), &[OLD], "");
    assert_eq!((medium.verdict, medium.matches.len()), (Verdict::Satisfied, 1));
}

#[test]
fn what_nobody_rated_fails() {
    assert_eq!(audited(&fresh("who knows"), &[OLD], "").verdict, Verdict::NotSatisfied);
}

#[test]
fn absence_is_not_a_pass() {
    let doubt = |report: Report, words: &str| {
        assert_eq!(report.verdict, Verdict::CouldNotTell, "{report:?}");
        assert!(report.doubts.iter().any(|doubt| doubt.contains(words)), "{words}: {report:?}");
    };
    doubt(audited(&database(&[]), &[NEW], ""), "no advisory for npm");
    doubt(audited(&fresh("HIGH"), &[], ""), "nothing was looked at");
    doubt(audited(&fresh("HIGH"), &["pkg:generic/left@1.0.0"], ""), "nothing was looked at");
    doubt(audited(&fresh("HIGH"), &[NEW, "pkg:cargo/left@1.0.0"], ""), "no advisory for crates.io, of which 1");
    doubt(audited(&fresh("HIGH"), &["pkg:npm/left@soon"], ""), "cannot be told");
    doubt(audited(&fresh("HIGH"), &["pkg:npm/left@1.0.0?vcs_url=git%2Bhttps://h/l"], ""), "copy from elsewhere");
    doubt(audited(&database(&[record("GHSA-1", "2026-11-14T23:59:59Z", "LOW")]), &[NEW], ""), "changed on 2026-11-14");
    doubt(audited(&database(&[record("GHSA-1", "2026-11-24T00:00:00Z", "LOW")]), &[NEW], ""), "in the future");
    doubt(
        audited(&database(&[record("GHSA-1", "2026-11-20T00:00:00Z", "LOW"), "{".to_owned()]), &[NEW], ""),
        "1 advisories or files",
    );
    let withdrawn = record("GHSA-1", "2026-11-20T00:00:00Z", "LOW").replacen('{', r#"{"withdrawn":"2026-11-20T00:00:00Z","#, 1);
    doubt(audited(&database(&[withdrawn]), &[OLD], ""), "no advisory for npm");
}

#[test]
fn what_no_advisory_could_match_was_not_looked_at() {
    let looked_at = |purls: &[&str]| audited(&fresh("HIGH"), purls, "").examined();
    assert_eq!((looked_at(&[NEW]), looked_at(&["pkg:pypi/left@1"]), looked_at(&["pkg:pypi/left@1", NEW])), (1, 0, 1));
}

#[test]
fn what_was_not_looked_at_is_a_doubt_unless_it_is_known() {
    let of = |purl: Option<&str>, role: Role| Component { purl: purl.map(str::to_owned), role, ..component(NEW) };
    let held = |one: Component| audit(&fresh("HIGH"), &[component(NEW), one], &[], &asked(Rating::High));
    for (purl, role) in [
        (None, Role::Package),
        (Some("npm/left@1.0.0"), Role::Package),
        (Some("pkg:generic/openssl@3.0.0"), Role::Package),
        (Some("pkg:github/owner/name@1"), Role::Package),
        (Some("pkg:generic/left@1.0.0"), Role::Copy),
    ] {
        let report = held(of(purl, role));
        assert_eq!(report.verdict, Verdict::CouldNotTell, "{purl:?}");
        assert!(report.doubts[0].contains("1 components have no package URL of an ecosystem"), "{report:?}");
        assert!(report.doubts[0].contains("left 2.0.0"), "{report:?}");
    }
    assert_eq!(held(of(Some("pkg:generic/shop/own@1.0.0"), Role::Own)).verdict, Verdict::Satisfied);
    let file = held(of(None, Role::NoPackage));
    assert_eq!((file.verdict, file.warnings.len(), file.counted.not_packages), (Verdict::Satisfied, 1, 1));
    let many: Vec<Component> = (0..12).map(|_| of(None, Role::Package)).collect();
    let many = audit(&fresh("HIGH"), &many, &[], &asked(Rating::High));
    assert!(many.doubts.iter().any(|doubt| doubt.contains("12 components") && doubt.ends_with(" and 2 more")), "{many:?}");
    // A type in capital letters is the same type.
    let loud = audit(&fresh("HIGH"), &[of(Some("PKG:NPM/left@1.0.0"), Role::Package)], &[], &asked(Rating::High));
    assert_eq!(loud.verdict, Verdict::NotSatisfied);
}

#[test]
fn a_failure_is_told_before_a_doubt() {
    assert_eq!(audited(&fresh("HIGH"), &[OLD, "pkg:cargo/left@1.0.0"], "").verdict, Verdict::NotSatisfied);
}

#[test]
fn an_ignore_counts_through_its_last_day_and_then_the_match_returns() {
    let ignore = |id: &str, more: &str, expires: &str| {
        format!("[[ignore]]\nadvisory = \"{id}\"\n{more}\nreason = \"r\"\nowner = \"security\"\nexpires = {expires}\n")
    };
    let report = audited(&fresh("HIGH"), &[OLD], &ignore("GHSA-1", "", "2026-11-22"));
    assert_eq!((report.verdict, report.warnings.len()), (Verdict::Satisfied, 0));
    assert_eq!(report.matches[0].components[0].ignored.as_ref().unwrap().reason, "r");
    let over = audited(&fresh("HIGH"), &[OLD], &ignore("GHSA-1", "", "2026-11-21"));
    assert_eq!(over.verdict, Verdict::NotSatisfied);
    assert!(over.warnings[0].contains("ended on 2026-11-21: it is told again"), "{over:?}");
    let other = audited(&fresh("HIGH"), &[OLD], &ignore("GHSA-1", "package = \"right\"", "2026-12-01"));
    assert_eq!(other.verdict, Verdict::NotSatisfied);
    assert!(other.warnings[0].contains("for right matches nothing"), "{other:?}");
    let gone = audited(&fresh("HIGH"), &[NEW], &ignore("GHSA-1", "", "2026-11-21"));
    assert!(gone.warnings[0].contains("remove it"), "{gone:?}");
}

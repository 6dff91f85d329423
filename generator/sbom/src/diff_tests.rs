//! What `diff` says of two BOMs.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    contents,
    diff::{Change, Component, Difference, Edge, diff},
};

fn bom(components: &[Value], edges: &[(&str, &str)]) -> Vec<u8> {
    let dependencies: Vec<Value> = edges.iter().map(|(from, to)| json!({ "ref": from, "dependsOn": [to] })).collect();
    let components: Vec<Value> = components
        .iter()
        .map(|it| {
            let mut it = it.clone();
            it["type"] = json!("library");
            it["bom-ref"] = it.get("purl").cloned().unwrap_or_else(|| it["name"].clone());
            it
        })
        .collect();
    let product = json!({ "type": "application", "bom-ref": "root", "name": "shop" });
    serde_json::to_vec(&json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": { "component": product },
        "components": components, "dependencies": dependencies,
    }))
    .unwrap()
}

fn library(name: &str, version: &str) -> Value {
    json!({ "name": name, "version": version, "purl": format!("pkg:cargo/{name}@{version}") })
}

fn hashed(name: &str, version: &str, digit: char) -> Value {
    let mut made = library(name, version);
    made["hashes"] = json!([{ "alg": "SHA-256", "content": digit.to_string().repeat(64) }]);
    made
}

fn told(old: &[Value], new: &[Value]) -> Difference {
    diff(&contents::read(&bom(old, &[])).unwrap(), &contents::read(&bom(new, &[])).unwrap())
}

fn names(changes: &[Change]) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    changes.iter().map(|it| format!("{} {}→{}", it.name, text(&it.old), text(&it.new))).collect()
}

fn listed(components: &[Component]) -> Vec<String> {
    components.iter().map(|it| format!("{} {}", it.name, it.version.clone().unwrap_or_default())).collect()
}

#[test]
fn versions_are_told_as_newer_older_added_and_removed() {
    let found = told(
        &[library("a", "1.0.0"), library("b", "2.0.0"), library("c", "1.0.0"), library("d", "1.0.0"), library("d", "2.0.0")],
        &[library("a", "1.0.1"), library("b", "1.9.0"), library("d", "2.1.0"), library("d", "1.0.0"), library("e", "1.0.0")],
    );
    assert_eq!(names(&found.upgraded), ["cargo/a 1.0.0→1.0.1", "cargo/d 2.0.0→2.1.0"]);
    assert_eq!(names(&found.downgraded), ["cargo/b 2.0.0→1.9.0"]);
    assert_eq!((listed(&found.added), listed(&found.removed)), (vec!["cargo/e 1.0.0".into()], vec!["cargo/c 1.0.0".into()]));
    assert_eq!(found.unchanged, 1);
    assert!(!found.is_loud() && !found.is_empty());
}

#[test]
fn lines_of_releases_stay_together() {
    let found = told(
        &[library("a", "1.0.0"), library("a", "0.2.0")],
        &[library("a", "0.2.1"), library("a", "1.1.0"), library("a", "2.0.0")],
    );
    assert_eq!(
        names(&found.upgraded),
        ["cargo/a 1.0.0→1.1.0", "cargo/a 0.2.0→0.2.1"].map(String::from).into_iter().rev().collect::<Vec<_>>()
    );
    assert_eq!(listed(&found.added), ["cargo/a 2.0.0"]);
    // One goes and one comes: it is the one that moved on, whatever its line.
    let found = told(&[library("a", "1.0.0"), library("a", "2.0.0")], &[library("a", "3.0.0")]);
    assert_eq!(
        (names(&found.upgraded), listed(&found.removed)),
        (vec!["cargo/a 2.0.0→3.0.0".into()], vec!["cargo/a 1.0.0".into()])
    );
}

#[test]
fn another_hash_under_the_same_version_is_loud() {
    let found =
        told(&[hashed("a", "1.0.0", 'a'), hashed("b", "1.0.0", 'b')], &[hashed("a", "1.0.0", 'f'), hashed("b", "1.0.1", 'c')]);
    assert!(found.is_loud());
    let change = &found.hash_changed[0];
    assert_eq!((change.name.as_str(), change.algorithm.as_str(), found.hash_changed.len()), ("cargo/a", "SHA-256", 1));
    assert_eq!((change.old.first().unwrap().len(), change.new.first().unwrap().as_bytes()[0]), (64, b'f'));
    // Upper case is no change; a hash that is gone is told, and is not called another one.
    let mut upper = hashed("a", "1.0.0", 'a');
    upper["hashes"][0]["content"] = json!("A".repeat(64));
    assert!(told(&[hashed("a", "1.0.0", 'a')], &[upper]).is_empty());
    let lost = told(&[hashed("a", "1.0.0", 'a')], &[library("a", "1.0.0")]);
    assert!(!lost.is_loud() && listed(&lost.hash_lost) == ["cargo/a 1.0.0"]);
    let gained = told(&[library("a", "1.0.0")], &[hashed("a", "1.0.0", 'a')]);
    assert!(gained.is_empty());
}

#[test]
fn the_same_version_from_elsewhere_is_told_and_its_hash_compared() {
    let mut elsewhere = hashed("a", "1.0.0", 'f');
    elsewhere["purl"] = json!("pkg:cargo/a@1.0.0?repository_url=https://other.example");
    let found = told(&[hashed("a", "1.0.0", 'a')], &[elsewhere]);
    assert_eq!(names(&found.source_changed), ["cargo/a →repository_url=https://other.example"]);
    assert!(found.is_loud() && found.added.is_empty() && found.removed.is_empty());
}

#[test]
fn licences_and_scopes_are_told_also_across_versions() {
    let with = |version: &str, licence: Value, scope: &str| {
        let mut made = library("a", version);
        made["licenses"] = json!([licence]);
        made["scope"] = json!(scope);
        made
    };
    let found = told(
        &[with("1.0.0", json!({ "license": { "id": "MIT" } }), "required")],
        &[with("2.0.0", json!({ "expression": "BUSL-1.1", "acknowledgement": "declared" }), "optional")],
    );
    let licence = &found.licence_changed[0];
    assert_eq!((licence.kind, licence.old.as_deref(), licence.new.as_deref()), ("declared", Some("MIT"), Some("BUSL-1.1")));
    assert_eq!(names(&found.scope_changed), ["cargo/a required→optional"]);
    assert_eq!(names(&found.upgraded), ["cargo/a 1.0.0→2.0.0"]);
    assert!(told(&[library("a", "1")], &[with("1", json!({ "license": { "id": "MIT" } }), "required")]).scope_changed.is_empty());
}

#[test]
fn edges_are_told_by_names_and_an_upgrade_changes_none() {
    let old = bom(
        &[library("a", "1.0.0"), library("b", "1.0.0")],
        &[("root", "pkg:cargo/a@1.0.0"), ("pkg:cargo/a@1.0.0", "pkg:cargo/b@1.0.0")],
    );
    let new =
        bom(&[library("a", "1.0.1"), library("b", "1.0.0")], &[("root", "pkg:cargo/a@1.0.1"), ("root", "pkg:cargo/b@1.0.0")]);
    let found = diff(&contents::read(&old).unwrap(), &contents::read(&new).unwrap());
    let edge = |from: &str, to: &str| Edge { from: from.to_owned(), to: to.to_owned() };
    assert_eq!(found.edges_added, [edge("", "cargo/b")]);
    assert_eq!(found.edges_removed, [edge("cargo/a", "cargo/b")]);
}

#[test]
fn versions_are_ordered_as_people_order_them() {
    for (old, new) in [
        ("1.9.0", "1.10.0"),
        ("1.0.0-rc.1", "1.0.0"),
        ("v1.2", "v1.10"),
        ("2021.1", "2021.10"),
        ("1.0", "1.0.1"),
        ("1.0rc1", "1.0"),
        ("1.0a2", "1.0b1"),
        ("0.0.0-20200101000000-abc", "0.0.0-20210101000000-abc"),
        ("99999999999999999999998", "99999999999999999999999"),
    ] {
        assert_eq!(told(&[library("a", old)], &[library("a", new)]).upgraded.len(), 1, "{old} → {new}");
        assert_eq!(told(&[library("a", new)], &[library("a", old)]).downgraded.len(), 1, "{new} → {old}");
    }
    let build = told(&[library("a", "1.0.0+1")], &[library("a", "1.0.0+2")]);
    assert_eq!(names(&build.version_changed), ["cargo/a 1.0.0+1→1.0.0+2"]);
}

#[test]
fn what_is_no_bom_is_not_read() {
    for text in [
        "",
        "x",
        "[]",
        "{}",
        "<html/>",
        "{\"bomFormat\": \"CycloneDX\"",
        "{\"bomFormat\": \"CycloneDX\", \"components\": [{}]}",
        "{\"spdxVersion\": \"SPDX-3.0\"}",
    ] {
        assert!(contents::read(text.as_bytes()).is_err(), "{text}");
    }
    let spdx = r#"{"spdxVersion": "SPDX-2.2", "packages": [{"SPDXID": "a", "name": "a"}, {"SPDXID": "b", "name": "b"}],
        "relationships": [{"spdxElementId": "b", "relationshipType": "DEV_DEPENDENCY_OF", "relatedSpdxElement": "a"}]}"#;
    let read = contents::read(spdx.as_bytes()).unwrap();
    assert_eq!((read.product, read.items.len(), read.edges.into_iter().next()), (None, 2, Some((Some(0), Some(1)))));
}

/// A few components with few names and versions, so that they meet.
fn any_components() -> impl Strategy<Value = Vec<Value>> {
    let one = (prop::sample::select(vec!["a", "b", "c"]), 1_u8..4, 0_u8..3, prop::sample::select(vec!['a', 'b']));
    let one = one.prop_map(|(name, major, minor, digit)| hashed(name, &format!("{major}.{minor}.0"), digit));
    prop::collection::vec(one, 0..8)
}

proptest! {
    #[test]
    fn nothing_is_lost_or_told_twice(old in any_components(), new in any_components()) {
        let (before, after) = (contents::read(&bom(&old, &[])).unwrap(), contents::read(&bom(&new, &[])).unwrap());
        let found = diff(&before, &after);
        let moved = found.upgraded.len() + found.downgraded.len() + found.version_changed.len();
        let loud: std::collections::BTreeSet<_> = found.hash_changed.iter().map(|it| (&it.name, &it.version)).collect();
        let same = usize::try_from(found.unchanged).unwrap() + loud.len();
        prop_assert_eq!(found.removed.len() + moved + same, before.items.len());
        prop_assert_eq!(found.added.len() + moved + same, after.items.len());
        // The other way round, what was added is removed and what is newer is older.
        let back = diff(&after, &before);
        prop_assert_eq!((found.added, found.removed), (back.removed, back.added));
        prop_assert_eq!((found.upgraded.len(), found.downgraded.len()), (back.downgraded.len(), back.upgraded.len()));
        prop_assert!(diff(&before, &before).is_empty());
    }
}

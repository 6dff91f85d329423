//! References within a BOM: what a schema cannot check.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::validate::Fault;

/// Nesting beyond this is not followed; the reader has refused it before.
const DEPTH_MAX: usize = 130;

/// References that lead nowhere, and names that are given twice.
pub(crate) fn faults(bom: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    name(bom, String::new(), 0, &mut named, &mut faults);
    let known = |reference: &str| named.contains_key(reference) || reference.starts_with("urn:cdx:");
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (place, reference) in references(bom) {
        if !known(&reference) {
            faults.push(Fault { place: place.clone(), message: format!("`{reference}` names nothing in this document") });
        }
        if place.ends_with("/ref")
            && place.starts_with("/dependencies/")
            && let Some(first) = seen.insert(reference.clone(), place.clone())
        {
            faults.push(Fault { place, message: format!("the dependencies of `{reference}` stand at {first} already") });
        }
    }
    faults
}

/// Collects every `bom-ref`, wherever the specification allows one.
fn name(value: &Value, place: String, depth: usize, named: &mut BTreeMap<String, String>, faults: &mut Vec<Fault>) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("bom-ref") {
                // A workflow may be described where it is defined and where it is used, in the specification's own examples.
                if let Some(first) = named.get(reference).filter(|_| !place.starts_with("/formulation/")) {
                    let message = format!("the bom-ref `{reference}` is given twice; the first is at {first}");
                    faults.push(Fault { place: place.clone(), message });
                } else {
                    named.entry(reference.clone()).or_insert_with(|| place.clone());
                }
            }
            for (key, member) in members {
                if member.is_object() || member.is_array() {
                    name(member, format!("{place}/{key}"), depth + 1, named, faults);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if item.is_object() || item.is_array() {
                    name(item, format!("{place}/{index}"), depth + 1, named, faults);
                }
            }
        }
        _ => {}
    }
}

/// Where the specification lets something refer to a `bom-ref`: `*` stands for every item of a list. What formulas refer to
/// is not followed, nor what attestations and evidence refer to: the specification's own examples leave that open.
const PLACES: [&str; 17] = [
    "dependencies/*/ref",
    "dependencies/*/dependsOn/*",
    "dependencies/*/provides/*",
    "compositions/*/assemblies/*",
    "compositions/*/dependencies/*",
    "compositions/*/vulnerabilities/*",
    "annotations/*/subjects/*",
    "vulnerabilities/*/affects/*/ref",
    "citations/*/attributedTo",
    "citations/*/process",
    "declarations/claims/*/target",
    "declarations/claims/*/mitigationStrategies/*",
    "declarations/claims/*/evidence/*",
    "declarations/claims/*/counterEvidence/*",
    "definitions/standards/*/requirements/*/parent",
    "definitions/standards/*/levels/*/requirements/*",
    "components/*/modelCard/modelParameters/datasets/*/ref",
];

/// Every reference to a `bom-ref` of the same document, with its place.
fn references(bom: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for place in PLACES {
        let steps: Vec<&str> = place.split('/').collect();
        follow(bom, &steps, String::new(), &mut found);
    }
    found
}

fn follow(value: &Value, steps: &[&str], place: String, found: &mut Vec<(String, String)>) {
    let Some((step, rest)) = steps.split_first() else {
        if let Value::String(text) = value {
            found.push((place, text.clone()));
        }
        return;
    };
    if *step == "*" {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            follow(item, rest, format!("{place}/{index}"), found);
        }
    } else if let Some(member) = value.get(step) {
        follow(member, rest, format!("{place}/{step}"), found);
    }
}

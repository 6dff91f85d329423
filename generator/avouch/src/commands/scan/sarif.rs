//! A scan as SARIF 2.1.0 (OASIS), for code scanning views.

use std::collections::BTreeSet;

use avouch_model::{Digest, percent::encoded_path};
use avouch_scan::PathClass;
use serde_json::{Value, json};

use super::{Secret, Stands, Told};

/// The whole scan.
pub(super) fn sarif(told: &Told<'_>) -> String {
    let ids: BTreeSet<&str> = told.results.iter().map(|result| result.found.hit.id.as_str()).collect();
    let rules: Vec<Value> = ids
        .iter()
        .map(|id| json!({ "id": id, "shortDescription": { "text": told.scanner.description(id) }, "properties": { "tags": ["security", "secret"] } }))
        .collect();
    let results: Vec<Value> = told.results.iter().map(|result| one(told, result, &ids)).collect();
    let notifications: Vec<Value> = told
        .counts
        .unsearched_named
        .iter()
        .map(|(path, why)| json!({ "level": "error", "message": { "text": format!("not searched: {path}: {why}") } }))
        .collect();
    let complete = told.counts.contents > 0 && told.counts.unsearched == 0 && !(told.history && told.counts.shallow);
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "avouch", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "utf16CodeUnits",
            "invocations": [{
                "executionSuccessful": complete,
                "endTimeUtc": told.now.to_string(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

fn one(told: &Told<'_>, result: &Secret<'_>, ids: &BTreeSet<&str>) -> Value {
    let (found, hit) = (&result.found, &result.found.hit);
    let level = match (result.stands, found.class) {
        (Stands::Notice, _) => "note",
        (_, PathClass::Source) => "error",
        _ => "warning",
    };
    let since = found.commit.as_ref().map(|commit| format!(" Since commit {commit}.")).unwrap_or_default();
    // Where a secret is known by its place alone, a line more above it makes it another one.
    let place = Digest::of(format!("{}\0{}\0{}", hit.id, found.path, hit.line).as_bytes());
    let mut fingerprints = json!({ "avouchPlace/v1": place.hex() });
    if told.keyed
        && let Some(fingerprints) = fingerprints.as_object_mut()
    {
        fingerprints.insert("avouchSecret/v1".to_owned(), json!(hit.digest.to_string()));
    }
    let mut value = json!({
        "ruleId": hit.id,
        "ruleIndex": ids.iter().position(|id| *id == hit.id),
        "kind": "fail",
        "level": level,
        "message": { "text": format!("{} The value is not shown.{since}", told.scanner.description(&hit.id)) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&found.path), "uriBaseId": "%SRCROOT%" },
                // Columns would tell characters, and the place of a value is known in bytes: the line is what is sure.
                "region": { "startLine": hit.line, "endLine": hit.line_end },
            },
        }],
        "partialFingerprints": fingerprints,
        "properties": { "class": found.class.name(), "commit": found.commit, "marker": hit.marked },
    });
    let suppression = match result.stands {
        Stands::Known(entry) => Some(
            json!({ "kind": "external", "status": "accepted", "justification": format!("{} (until {})", entry.reason, entry.until) }),
        ),
        Stands::Marked => Some(json!({ "kind": "inSource", "status": "accepted" })),
        _ => None,
    };
    if let (Some(suppression), Some(object)) = (suppression, value.as_object_mut()) {
        object.insert("suppressions".to_owned(), json!([suppression]));
    }
    value
}

/// A path as a relative URI reference (RFC 3986, section 4.2).
fn uri(path: &str) -> String {
    encoded_path(path)
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn a_path_is_a_relative_reference() {
        assert_eq!(uri("src/a b:é.ts"), "src/a%20b%3A%C3%A9.ts");
    }
}

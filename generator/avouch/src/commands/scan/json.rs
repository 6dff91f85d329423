//! A scan as JSON: `avouch.scan/1`.

use serde_json::{Value, json};

use super::{Stands, Told};
use crate::exit::Exit;

/// The whole scan.
pub(super) fn json(told: &Told<'_>) -> String {
    let counts = &told.counts;
    let entry = |entry: &avouch_scan::Exception| json!({ "line": entry.line, "reason": entry.reason, "until": entry.until });
    let hits: Vec<Value> = told
        .results
        .iter()
        .map(|result| {
            let found = &result.found;
            let (stands, about) = match result.stands {
                Stands::Open => ("open", Value::Null),
                Stands::Ended(known) => ("ended", entry(known)),
                Stands::Known(known) => ("known", entry(known)),
                Stands::Marked => ("marked", Value::Null),
                Stands::Notice => ("notice", Value::Null),
            };
            json!({
                "rule": found.hit.id,
                "description": told.scanner.description(&found.hit.id),
                "path": found.path,
                "line": found.hit.line,
                "column": found.hit.column,
                "line_end": found.hit.line_end,
                "class": found.class.name(),
                "commit": found.commit,
                "staged": found.staged,
                "digest": told.keyed.then(|| found.hit.digest.to_string()),
                "marker": found.hit.marked,
                "stands": stands,
                "entry": about,
            })
        })
        .collect();
    let unused: Vec<Value> =
        told.unused.iter().map(|entry| json!({ "line": entry.line, "rule": entry.rule, "path": entry.path })).collect();
    let document = json!({
        "schema": "avouch.scan/1",
        "program": format!("avouch {}", env!("CARGO_PKG_VERSION")),
        "time": told.now,
        "rules": { "count": told.rules.all().len(), "digest": told.rules.digest() },
        "history": told.history,
        "verdict": match told.exit() {
            Exit::Satisfied => "nothing found",
            Exit::NotSatisfied => "found",
            _ => "could not tell",
        },
        "counts": {
            "searched": counts.searched,
            "remembered": counts.remembered,
            "binary": counts.binary,
            "bytes": counts.bytes,
            "not_searched": counts.unsearched,
            "passed_over": counts.passed_over,
            "left_out_by_rules": counts.left_out,
            "commits": counts.commits,
            "messages": counts.messages,
            "shallow": counts.shallow,
            "allowed_by_commit": counts.allowed_by_commit,
        },
        "not_searched": counts.unsearched_named,
        "hits": hits,
        "unused_entries": unused,
    });
    format!("{document:#}\n")
}

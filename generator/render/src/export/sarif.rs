//! SARIF 2.1.0 (OASIS), for code scanning views: one result a check.

use avouch_model::{
    assessment::Assessment,
    catalogue::{Catalogue, Severity},
    state::State,
};
use serde_json::{Value, json};

use super::{Findings, controls_of, prefix, rows, sentence};

/// The assessment as SARIF. `program` is name and version, `avouch 0.1.0`.
pub fn sarif(assessment: &Assessment, catalogue: &Catalogue, findings: Findings, program: &str) -> String {
    let rules: Vec<Value> = rows(&assessment.checks, catalogue)
        .map(|(_, check)| {
            json!({
                "id": check.id,
                "shortDescription": { "text": check.question.en },
                "properties": { "kind": check.kind, "controls": controls_of(catalogue, &check.id) },
            })
        })
        .collect();
    let unclaimed = catalogue.unclaimed();
    let results: Vec<Value> = rows(&assessment.checks, catalogue)
        .enumerate()
        .map(|(index, (finding, check))| {
            let is_baseline = unclaimed.contains(check.id.as_str());
            let stops = assessment.gate.failed.contains(&check.id);
            let (kind, level) = match finding.state {
                State::Pass => ("pass", "none"),
                State::Fail | State::Waived if is_baseline && !stops => ("fail", "note"),
                State::Fail | State::Waived => ("fail", level(check.severity)),
                State::NotApplicable => ("notApplicable", "none"),
                State::Stale | State::Inherited | State::Planned => ("review", "none"),
                State::Error | State::NoData | State::NotConfigured => ("open", "none"),
            };
            let mut result = json!({
                "ruleId": check.id,
                "ruleIndex": index,
                "kind": kind,
                "level": level,
                "message": { "text": format!("{}{} — {}", prefix(&unclaimed, check), check.question.en, sentence(finding, findings)) },
                "locations": [{ "logicalLocations": [{ "name": check.subject, "kind": "resource" }] }],
                "partialFingerprints": { "avouchCheck/v1": check.id },
                "properties": { "state": finding.state.name(), "baseline": is_baseline },
            });
            if finding.state == State::Waived {
                result["suppressions"] =
                    json!([{ "kind": "external", "status": "accepted", "justification": sentence(finding, findings) }]);
            }
            result
        })
        .collect();
    let (name, version) = program.split_once(' ').unwrap_or((program, ""));
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": name, "version": version, "rules": rules } },
            "invocations": [{ "executionSuccessful": true, "endTimeUtc": assessment.as_of.to_string() }],
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

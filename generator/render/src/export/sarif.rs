//! SARIF 2.1.0 (OASIS), for code scanning views: a rule for each check, and a result for each that is open.
//!
//! GitHub refuses a file with a result that has no file to show it in, and shows every result as a problem, whatever its `kind`.
//! So the place is the configuration, and what needs nobody's attention is a rule without a result.

use std::collections::BTreeSet;

use avouch_model::{
    assessment::{Assessment, CheckFinding},
    catalogue::{Catalogue, Severity},
    percent::encoded_path,
    state::State,
};
use serde_json::{Value, json};

use super::{Findings, controls_of, prefix, rows, sentence};

/// The assessment as SARIF. `program` is name and version, `avouch 0.1.0`; `place` the configuration's path in its repository.
pub fn sarif(assessment: &Assessment, catalogue: &Catalogue, findings: Findings, program: &str, place: &str) -> String {
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
        .filter(|(_, (finding, _))| is_open(assessment, finding, &unclaimed))
        .map(|(index, (finding, check))| {
            let is_baseline = unclaimed.contains(check.id.as_str());
            let stops = assessment.gate.failed.contains(&check.id);
            let (kind, level) = match finding.state {
                State::Fail | State::Waived if is_baseline && !stops => ("fail", "note"),
                State::Fail | State::Waived => ("fail", level(check.severity)),
                State::Stale => ("review", "none"),
                _ => ("open", "none"),
            };
            let mut result = json!({
                "ruleId": check.id,
                "ruleIndex": index,
                "kind": kind,
                "level": level,
                "message": { "text": format!("{}{} — {}", prefix(&unclaimed, check), check.question.en, sentence(finding, findings)) },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": encoded_path(place), "uriBaseId": "%SRCROOT%" },
                        "region": { "startLine": 1 },
                    },
                    "logicalLocations": [{ "name": check.subject, "kind": "resource" }],
                }],
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

/// Whether somebody is to look at it: it failed, waived or not, or could not be told where the gate or a claim asks for it.
fn is_open(assessment: &Assessment, finding: &CheckFinding, unclaimed: &BTreeSet<&str>) -> bool {
    match finding.state {
        State::Fail | State::Waived => true,
        State::Error | State::NoData | State::Stale if !unclaimed.contains(finding.check.as_str()) => {
            !assessment.gate.settled.contains(&finding.check)
        }
        _ => assessment.gate.undecided.contains(&finding.check),
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

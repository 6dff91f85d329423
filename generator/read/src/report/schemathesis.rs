//! The events of schemathesis (`--report ndjson`): one JSON object a line, named by its only member.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{CASES_MAX, Case, Ended, Report, ReportError, full_name};

/// What marks the first line of a report.
const FIRST: &str = "{\"Initialize\":";

/// The members that tell how a test ended; an event has one member, and most have another one.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    scenario_finished: Option<Scenario>,
    engine_finished: Option<End>,
    fatal_error: Option<serde::de::IgnoredAny>,
    non_fatal_error: Option<Trouble>,
}

#[derive(Deserialize)]
struct Scenario {
    phase: String,
    status: String,
    recorder: Recorder,
}

#[derive(Deserialize)]
struct Recorder {
    label: String,
    #[serde(default)]
    checks: BTreeMap<String, Vec<Check>>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    status: String,
}

#[derive(Deserialize)]
struct Trouble {
    phase: Option<String>,
    #[serde(default)]
    label: String,
}

#[derive(Deserialize)]
struct End {
    stop_reason: String,
}

/// Whether a text is such a report.
pub(super) fn fits(text: &str) -> bool {
    text.starts_with(FIRST)
}

/// Reads a report: one test for each operation and check of each phase, failed where one of its cases failed.
pub(super) fn parse(path: &str, text: &str) -> Result<Report, ReportError> {
    let mut report = Report::default();
    let mut over = false;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let at = offset;
        offset += line.len();
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |what: String| ReportError::at(path, text, at, what);
        let event: Event = serde_json::from_str(line).map_err(|error| {
            let place = at + error.column().saturating_sub(1).min(line.len());
            ReportError::at(path, text, place, format!("this is no event of schemathesis: {error}"))
        })?;
        if let Some(scenario) = event.scenario_finished {
            cases(&scenario, &mut report.cases).map_err(wrong)?;
        }
        if let Some(trouble) = event.non_fatal_error {
            let name = full_name([trouble.label.as_str(), "error"]);
            report.cases.push(Case { suite: trouble.phase.unwrap_or_default(), name, ended: Ended::Failed });
        }
        if event.fatal_error.is_some() {
            return Err(wrong("schemathesis could not go on, so this is no whole run".to_owned()));
        }
        if let Some(end) = event.engine_finished {
            if end.stop_reason != "completed" && end.stop_reason != "failure_limit" {
                return Err(wrong(format!("the run ended early: `{}`", end.stop_reason)));
            }
            over = true;
        }
        if report.cases.len() > CASES_MAX {
            return Err(wrong(format!("the report has more than {CASES_MAX} tests")));
        }
    }
    if !over {
        return Err(ReportError::at(path, text, text.len(), "the report ends before the run does: there is no `EngineFinished`"));
    }
    Ok(report)
}

/// The tests of a scenario.
fn cases(scenario: &Scenario, all: &mut Vec<Case>) -> Result<(), String> {
    let label = scenario.recorder.label.as_str();
    let mut each: BTreeMap<&str, Ended> = BTreeMap::new();
    for check in scenario.recorder.checks.values().flatten() {
        let ended = ended(&check.status)?;
        let known = each.entry(&check.name).or_insert(ended);
        if ended == Ended::Failed {
            *known = ended;
        }
    }
    let whole = ended(&scenario.status)?;
    let case = |name: String, ended| Case { suite: scenario.phase.clone(), name, ended };
    // A scenario may fail, or be skipped, before anything is checked.
    if !each.values().any(|ended| *ended == whole) {
        all.push(case(label.to_owned(), whole));
    }
    all.extend(each.into_iter().map(|(name, ended)| case(full_name([label, name]), ended)));
    Ok(())
}

fn ended(status: &str) -> Result<Ended, String> {
    match status {
        "success" => Ok(Ended::Passed),
        "failure" | "error" | "interrupted" => Ok(Ended::Failed),
        "skip" => Ok(Ended::Skipped),
        other => Err(format!("a test has the status `{other}`, which is not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by schemathesis 4.32.5 (`samples/README.md`).
    const PASSING: &str = include_str!("samples/schemathesis-passing.ndjson");
    const FAILING: &str = include_str!("samples/schemathesis-failing.ndjson");

    fn failed(report: &Report) -> Vec<(&str, &str)> {
        let failed = report.cases.iter().filter(|case| case.ended == Ended::Failed);
        failed.map(|case| (case.suite.as_str(), case.name.as_str())).collect()
    }

    #[test]
    fn each_check_of_each_operation_is_a_test() {
        let report = parse("a.ndjson", PASSING).unwrap();
        assert_eq!(failed(&report), []);
        let is = |case: &&Case| case.suite == "coverage" && case.name == "GET /v1/items > response_schema_conformance";
        assert_eq!(report.cases.iter().filter(is).count(), 1);
        // The document has no examples, so nothing ran in that phase.
        let skipped: Vec<_> = report.cases.iter().filter(|case| case.ended == Ended::Skipped).collect();
        assert!(skipped.len() == 2 && skipped.iter().all(|case| case.suite == "examples"), "{skipped:?}");
    }

    #[test]
    fn a_check_fails_where_one_of_its_cases_did() {
        let report = parse("a.ndjson", FAILING).unwrap();
        let failed = failed(&report);
        assert!(failed.contains(&("fuzzing", "GET /v1/items > response_schema_conformance")), "{failed:?}");
        assert!(failed.contains(&("coverage", "GET /v1/items > not_a_server_error")), "{failed:?}");
        assert!(failed.iter().all(|(_, name)| name.starts_with("GET /v1/items ")), "{failed:?}");
    }

    #[test]
    fn a_run_that_did_not_end_is_no_report() {
        let cut = PASSING.rfind("{\"EngineFinished\"").unwrap();
        assert!(parse("a.ndjson", &PASSING[..cut]).unwrap_err().to_string().contains("before the run does"));
        let stopped = PASSING.replace("\"stop_reason\": \"completed\"", "\"stop_reason\": \"interrupted\"");
        let stopped = stopped.replace("\"stop_reason\":\"completed\"", "\"stop_reason\":\"interrupted\"");
        assert!(parse("a.ndjson", &stopped).unwrap_err().to_string().contains("ended early"));
        assert!(parse("a.ndjson", "{\"Initialize\": {}}\n{\"ScenarioFinished\": {}}").is_err());
    }
}

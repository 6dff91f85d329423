//! The report of the unit tests, as the pipeline of the release leaves it: JUnit XML that names its commit.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::defect::{Chosen, Defect};

/// What every test run of the product contains.
const PASSED: [&str; 4] = [
    "a key has 26 characters of the alphabet",
    "the prefix is taken after the tag",
    "a refusal tells no cause",
    "a batch of 101 interactions is refused",
];
const FAILS_CLOSED: &str = "rate limiter error is refused (fails closed)";
const SLIDING: &str = "sliding window refuses a double burst";

/// The report of a run at this time, of this commit.
pub(super) fn junit(commit: &str, at: DateTime<Utc>, chosen: Chosen) -> String {
    let mut cases: Vec<(&str, Option<&str>)> = PASSED.iter().map(|name| (*name, None)).collect();
    cases.push((FAILS_CLOSED, chosen.is(Defect::FailsOpen).then_some("expected 503, got 200")));
    cases.push((SLIDING, chosen.is(Defect::FixedWindow).then_some("expected 1000 admitted, got 1999")));
    if chosen.is(Defect::ReportEmpty) {
        cases.clear();
    }
    let commit = if chosen.is(Defect::ReportOfAnotherCommit) { "4".repeat(40) } else { commit.to_owned() };
    let failures = cases.iter().filter(|(_, failure)| failure.is_some()).count();
    let listed: String = cases.iter().map(|(name, failure)| case(name, *failure)).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="unit" tests="{}" failures="{failures}" errors="0" skipped="0" timestamp="{}">
    <properties>
      <property name="commit" value="{commit}"/>
    </properties>
{listed}  </testsuite>
</testsuites>
"#,
        cases.len(),
        at.to_rfc3339_opts(SecondsFormat::Secs, true),
    )
}

/// The names hold nothing that XML would need escaped.
fn case(name: &str, failure: Option<&str>) -> String {
    match failure {
        None => format!("    <testcase classname=\"unit\" name=\"{name}\" time=\"0.002\"/>\n"),
        Some(message) => format!(
            "    <testcase classname=\"unit\" name=\"{name}\" time=\"0.002\">\n      <failure message=\"{message}\"/>\n    </testcase>\n"
        ),
    }
}

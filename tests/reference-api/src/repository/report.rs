//! The report of the unit tests, as the pipeline of the release leaves it: JUnit XML that names its commit.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::{
    defect::{Chosen, Defect},
    service::own_tests,
};

/// The report of a run at this time, of this commit: the tests are really run.
pub(super) fn junit(commit: &str, at: DateTime<Utc>, chosen: Chosen) -> anyhow::Result<String> {
    let mut cases = own_tests::run(chosen)?;
    if chosen.is(Defect::ReportEmpty) {
        cases.clear();
    }
    let commit = if chosen.is(Defect::ReportOfAnotherCommit) { "4".repeat(40) } else { commit.to_owned() };
    let failures = cases.iter().filter(|(_, failure)| failure.is_err()).count();
    let listed: String = cases.iter().map(|(name, failure)| case(name, failure.as_ref().err())).collect();
    Ok(format!(
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
    ))
}

/// Names and messages hold nothing that XML would need escaped.
fn case(name: &str, failure: Option<&String>) -> String {
    match failure {
        None => format!("    <testcase classname=\"unit\" name=\"{name}\" time=\"0.002\"/>\n"),
        Some(message) => format!(
            "    <testcase classname=\"unit\" name=\"{name}\" time=\"0.002\">\n      <failure message=\"{message}\"/>\n    </testcase>\n"
        ),
    }
}

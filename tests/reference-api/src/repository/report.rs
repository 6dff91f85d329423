//! The report of the unit tests, as the pipeline of the release leaves it: JUnit XML that names its commit.

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use crate::{defect::Chosen, service::own_tests};

/// What the product's test script asks the runner for: only the tests whose names hold this.
const NAMED: &str = "--test-name-pattern=";

/// The report of a run at this time, of this commit, as the test script of this manifest asks for it: the tests are really run.
pub(super) fn junit(commit: &str, at: DateTime<Utc>, manifest: &str, chosen: Chosen) -> anyhow::Result<String> {
    let manifest: Value = serde_json::from_str(manifest).context("package.json is no JSON")?;
    let script = manifest["scripts"]["test"].as_str().context("package.json has no test script")?;
    let cases = own_tests::run(chosen, script.split_whitespace().find_map(|word| word.strip_prefix(NAMED)))?;
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

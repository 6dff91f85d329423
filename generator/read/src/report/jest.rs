//! The JSON report of Jest, which Vitest writes too (`--reporter=json`).

use serde::Deserialize;

use super::{CASES_MAX, Case, Ended, Report, ReportError, commit, full_name};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    commit: Option<String>,
    #[serde(default)]
    was_interrupted: bool,
    test_results: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    assertion_results: Vec<Assertion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(default)]
    ancestor_titles: Vec<String>,
    title: String,
    status: String,
}

/// Reads a report.
pub(super) fn parse(path: &str, text: &str) -> Result<Report, ReportError> {
    let wrong = |what: String| ReportError::at(path, text, 0, what);
    let written: Written = serde_json::from_str(text).map_err(|error| ReportError::Wrong {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        what: format!("this is no report of Vitest or Jest: {error}"),
    })?;
    if written.was_interrupted {
        return Err(wrong("the run was interrupted, so this is no whole report".to_owned()));
    }
    let mut report = Report { commit: written.commit.as_deref().map(commit).transpose().map_err(wrong)?, cases: Vec::new() };
    for file in written.test_results {
        // A file that failed without a failed test in it could not be loaded, or what runs before or after its tests failed.
        if file.status == "failed" && file.assertion_results.iter().all(|assertion| assertion.status != "failed") {
            report.cases.push(Case { suite: file.name.clone(), name: file.name.clone(), ended: Ended::Failed });
        }
        for assertion in file.assertion_results {
            let ended = match assertion.status.as_str() {
                "passed" => Ended::Passed,
                "failed" => Ended::Failed,
                "skipped" | "pending" | "todo" | "disabled" => Ended::Skipped,
                other => return Err(wrong(format!("a test has the status `{other}`, which is not known"))),
            };
            let titles = assertion.ancestor_titles.iter().map(String::as_str);
            report.cases.push(Case {
                suite: full_name([file.name.as_str()].into_iter().chain(titles.clone())),
                name: full_name(titles.chain([assertion.title.as_str()])),
                ended,
            });
            if report.cases.len() > CASES_MAX {
                return Err(wrong(format!("the report has more than {CASES_MAX} tests")));
            }
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_files_and_the_commit_are_read() {
        let text = r#"{"numTotalTests":3,"startTime":1.5,"commit":"0123456789ABCDEF0123456789abcdef01234567","testResults":[
            {"name":"/w/limits.test.ts","status":"passed","assertionResults":[
              {"ancestorTitles":["limiter"],"fullName":"limiter fails closed","title":"fails closed","status":"passed","duration":1.25},
              {"ancestorTitles":[],"title":"later","status":"todo"}]},
            {"name":"/w/broken.test.ts","status":"failed","message":"cannot load","assertionResults":[]}]}"#;
        let report = parse("r.json", text).unwrap();
        assert_eq!(report.commit.as_deref(), Some("0123456789abcdef0123456789abcdef01234567"));
        let cases: Vec<_> = report.cases.iter().map(|case| (case.name.as_str(), case.ended)).collect();
        assert_eq!(
            cases,
            [("limiter > fails closed", Ended::Passed), ("later", Ended::Skipped), ("/w/broken.test.ts", Ended::Failed)]
        );
    }

    #[test]
    fn a_file_that_failed_around_its_tests_failed() {
        // As Jest 30 and Vitest 4 write a hook that fails after, or before, the tests of a file.
        for status in ["passed", "skipped"] {
            let text = format!(
                r#"{{"testResults":[{{"name":"/w/a.test.ts","status":"failed",
                "assertionResults":[{{"ancestorTitles":["store"],"title":"closes","status":"{status}"}}]}}]}}"#
            );
            let cases = parse("r.json", &text).unwrap().cases;
            assert_eq!((cases[0].name.as_str(), cases[0].ended), ("/w/a.test.ts", Ended::Failed), "{status}");
            assert_eq!(cases.len(), 2);
        }
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for text in [
            "{",
            "{}",
            r#"{"testResults":[{"assertionResults":[{"title":"a","status":"maybe"}]}]}"#,
            r#"{"commit":"main","testResults":[]}"#,
            r#"{"wasInterrupted":true,"testResults":[]}"#,
        ] {
            assert!(parse("r.json", text).is_err(), "{text}");
        }
    }
}

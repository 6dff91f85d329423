//! `report.tests`: did the tests that show the promise pass?

use std::collections::BTreeSet;

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::report::{self, Ended};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern, one},
    reports,
    sources::chain,
};

/// How many names of failed tests are kept.
const NAMES_MAX: usize = 50;

/// See the module.
pub(super) struct ReportTests;

/// Which tests of which reports.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Globs,
    name: Option<Pattern>,
    suite: Option<Pattern>,
    #[serde(default)]
    each: Vec<Pattern>,
    #[serde(default = "one")]
    passed_min: u64,
    #[serde(default)]
    skipped_max: u64,
}

/// The reports, and how the selected tests ended.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    reports: u64,
    /// All tests in them.
    tests: u64,
    passed: u64,
    failed: u64,
    skipped: u64,
    failed_names: Vec<String>,
    /// How many selected tests that passed each of the demanded names is found in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    each: Vec<u64>,
    /// The commits that reports with selected tests name; an empty one for a report that names none.
    commits: BTreeSet<String>,
}

impl Question for ReportTests {
    const ID: &'static str = "report.tests";
    const QUESTION: &'static str = "Did the tests that show the promise pass?";
    const VANTAGE: Vantage = Vantage::Report;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/report-tests.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut seen = Seen { each: vec![0; asked.each.len()], ..Seen::default() };
        for path in reports::paths(world.folder, &asked.files)? {
            let bytes = reports::bytes(world.folder, &path)?;
            let report = report::parse(&path, &bytes).map_err(|error| Unasked(chain(&error)))?;
            let beside = reports::beside(world.folder, &path)?;
            let commit = reports::agreed(&path, report.commit.as_deref(), beside.as_deref())?;
            seen.reports += 1;
            seen.tests += report.cases.len() as u64;
            let mut selected = false;
            for case in &report.cases {
                let is = |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
                if !is(&asked.name, &case.name) || !is(&asked.suite, &case.suite) {
                    continue;
                }
                selected = true;
                match case.ended {
                    Ended::Passed => {
                        seen.passed += 1;
                        for (pattern, count) in asked.each.iter().zip(&mut seen.each) {
                            *count += u64::from(pattern.is_match(&case.name));
                        }
                    }
                    Ended::Skipped => seen.skipped += 1,
                    Ended::Failed => {
                        seen.failed += 1;
                        if seen.failed_names.len() < NAMES_MAX {
                            seen.failed_names.push(case.name.chars().take(200).collect());
                        }
                    }
                }
            }
            if selected {
                seen.commits.insert(commit);
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings: Vec<String> = seen.failed_names.iter().map(|name| format!("the test `{name}` failed")).collect();
        let rest = seen.failed.saturating_sub(findings.len() as u64);
        if rest > 0 {
            findings.push(format!("{rest} more tests failed"));
        }
        // Where nothing ran, nothing failed either: that is an absence, not a failure.
        if seen.skipped > asked.skipped_max && seen.passed + seen.failed > 0 {
            findings.push(format!("{} tests were skipped; at most {} may be", seen.skipped, asked.skipped_max));
        }
        // Where nothing ran at all, that is an absence too.
        for (pattern, count) in asked.each.iter().zip(&seen.each) {
            if *count == 0 && seen.passed + seen.failed > 0 {
                findings.push(format!("no test that passed is named `{}`", pattern.as_str()));
            }
        }
        let mut control = PositiveControl::NotNeeded;
        let commit = reports::bind(&seen.commits, &mut findings, &mut control);
        Judgement::decide(
            Population { examined: seen.passed, required: asked.passed_min.max(1) },
            control,
            findings,
            format!("{} tests that show it passed, none failed and {} were skipped.", seen.passed, seen.skipped),
        )
        .of_commit(commit)
    }
}

const ASKED: &str = r#"{"files":"reports/*.xml","name":"fails? ?closed"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the test passed on a named commit",
        asked: ASKED,
        seen: r#"{"reports":1,"tests":80,"passed":2,"failed":0,"skipped":0,"failed_names":[],"commits":["0123456789abcdef0123456789abcdef01234567"]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one of the tests failed",
        asked: ASKED,
        seen: r#"{"reports":1,"tests":80,"passed":1,"failed":1,"skipped":0,"failed_names":["limiter > fails closed"],"commits":["0123456789abcdef0123456789abcdef01234567"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one of the tests was skipped",
        asked: ASKED,
        seen: r#"{"reports":1,"tests":80,"passed":1,"failed":0,"skipped":1,"failed_names":[],"commits":["0123456789abcdef0123456789abcdef01234567"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a file of tests holds none for one of the facts",
        asked: r#"{"files":"reports/*.xml","suite":"health","each":["(?i)missing tenant","(?i)unknown tenant"]}"#,
        seen: r#"{"reports":1,"tests":80,"passed":4,"failed":0,"skipped":0,"failed_names":[],"each":[1,0],"commits":["0123456789abcdef0123456789abcdef01234567"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "two reports are of two commits",
        asked: ASKED,
        seen: r#"{"reports":2,"tests":160,"passed":2,"failed":0,"skipped":0,"failed_names":[],"commits":["0123456789abcdef0123456789abcdef01234567","89abcdef0123456789abcdef0123456789abcdef"]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "no test of that name ran",
        asked: ASKED,
        seen: r#"{"reports":1,"tests":80,"passed":0,"failed":0,"skipped":0,"failed_names":[],"commits":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "all tests of that name were skipped",
        asked: ASKED,
        seen: r#"{"reports":1,"tests":80,"passed":0,"failed":0,"skipped":3,"failed_names":[],"commits":["0123456789abcdef0123456789abcdef01234567"]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "there is no report",
        asked: ASKED,
        seen: r#"{"reports":0,"tests":0,"passed":0,"failed":0,"skipped":0,"failed_names":[],"commits":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn judge(files: &[(&str, &str)]) -> Result<Judgement, Unasked> {
        let folder = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let scene = Scene { folder: folder.collect(), ..Scene::default() };
        let asked: Asked = serde_json::from_str(r#"{"files":"reports/*","name":"closed"}"#).unwrap();
        let seen = scene.with(|world| ReportTests::gather(world, &asked))?;
        Ok(ReportTests::judge(&seen, &asked))
    }

    #[test]
    fn the_commit_comes_from_the_report_or_from_beside_it() {
        let xml = "<testsuite><testcase name=\"fails closed\"/><testcase name=\"other\"><failure/></testcase></testsuite>";
        let unbound = judge(&[("reports/a.xml", xml)]).unwrap();
        assert_eq!((unbound.outcome, unbound.commit), (Outcome::Pass, None));
        let bound = judge(&[("reports/a.xml", xml), ("reports/a.xml.commit", &format!("{COMMIT}\n"))]).unwrap();
        assert_eq!((bound.outcome, bound.commit.as_deref()), (Outcome::Pass, Some(COMMIT)));
        let json = format!(
            r#"{{"commit":"{COMMIT}","testResults":[{{"name":"a","assertionResults":[{{"title":"is closed","status":"passed"}}]}}]}}"#
        );
        let json = judge(&[("reports/a.json", json.as_str())]).unwrap();
        assert_eq!(json.commit.as_deref(), Some(COMMIT));
    }

    #[test]
    fn a_report_that_cannot_be_read_is_an_error_at_its_place() {
        let error = judge(&[("reports/a.xml", "<testsuite>")]).unwrap_err().to_string();
        assert!(error.starts_with("reports/a.xml:1:12:"), "{error}");
        assert_eq!(judge(&[]).unwrap().outcome, Outcome::NotExercised);
    }
}

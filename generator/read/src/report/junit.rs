//! JUnit XML, as test runners write it (there is no standard; the shape that Ant began and everyone reads).

use std::collections::BTreeSet;

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{CASES_MAX, Case, Ended, Report, ReportError, commit, full_name};

/// How deep elements may be nested.
const DEPTH_MAX: usize = 64;

/// What runners write as `status` or `result` of a test that did not run, some of them without an element that says so (CTest,
/// GoogleTest).
const NOT_RUN: [&str; 9] = ["notrun", "disabled", "suppressed", "skipped", "ignored", "pending", "todo", "untested", "inactive"];

/// The name that Vitest gives its report, where nobody gave another.
const VITEST: &str = "vitest tests";

/// The names under which a property holds the commit.
const COMMIT_NAMES: [&str; 7] = ["commit", "git.commit", "git_commit", "git-commit", "git.commit.id", "vcs.revision", "revision"];

/// Reads a report. A document type declaration is refused: it can name files and grow without bound.
pub(super) fn parse(path: &str, text: &str) -> Result<Report, ReportError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut report = Report::default();
    let mut open: Vec<Element> = Vec::new();
    let mut any = false;
    // What the root says of failures, and what the suites within it say together; and the failures that are listed: a test of
    // pytest has one for each of its subtests that failed.
    let mut declared = [0_u64; 2];
    let mut listed = 0_u64;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let wrong = |what: String| ReportError::at(path, text, at, what);
        match reader.read_event().map_err(|error| {
            let at = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
            ReportError::at(path, text, at, format!("this is not XML: {error}"))
        })? {
            Event::DocType(_) => return Err(wrong("a document type declaration is not read; remove it".to_owned())),
            Event::Start(start) => {
                if open.len() >= DEPTH_MAX {
                    return Err(wrong(format!("elements are nested more than {DEPTH_MAX} deep")));
                }
                if any && open.is_empty() {
                    return Err(wrong("a second report begins where the first one ended".to_owned()));
                }
                let element = Element::of(&start, &open, report.cases.len()).map_err(wrong)?;
                if let (Element::Suite(_), Some(Element::Suite(around))) = (&element, open.last_mut()) {
                    around.tests = None;
                }
                if let (Element::Suite(_), Some(total)) = (&element, declared.get_mut(open.len())) {
                    *total = total.saturating_add(counts(&start, &["failures", "errors"]));
                }
                if !any && !matches!(element, Element::Suite(_)) {
                    return Err(wrong("a JUnit report begins with `testsuites` or `testsuite`".to_owned()));
                }
                any = true;
                if let Element::Commit(named) = &element {
                    let named = commit(named).map_err(wrong)?;
                    if report.commit.as_ref().is_some_and(|before| *before != named) {
                        return Err(wrong("the report names two commits".to_owned()));
                    }
                    report.commit = Some(named);
                }
                if let (Element::Ending(ended), Some(Element::Case(case))) = (&element, open.last_mut()) {
                    listed += u64::from(*ended == Ended::Failed);
                    // A failure after a skip is a failure; a skip after a failure changes nothing.
                    if case.ended != Ended::Failed {
                        case.ended = *ended;
                    }
                }
                open.push(element);
            }
            Event::End(_) => match open.pop() {
                Some(Element::Case(_)) if report.cases.len() >= CASES_MAX => {
                    return Err(wrong(format!("the report has more than {CASES_MAX} tests")));
                }
                Some(Element::Case(case)) => report.cases.push(case),
                Some(Element::Suite(suite)) => suite.agrees_with(&report.cases).map_err(wrong)?,
                _ => {}
            },
            Event::Eof if !open.is_empty() => return Err(wrong("the report is cut off: an element is not closed".to_owned())),
            Event::Eof if !any => return Err(wrong("the report is empty".to_owned())),
            Event::Eof => {
                let said = declared.into_iter().max().unwrap_or(0);
                if said > listed {
                    return Err(wrong(format!("the report says that {said} tests failed, and lists {listed}")));
                }
                return Ok(report);
            }
            _ => {}
        }
    }
}

/// What a suite says of itself by these attributes, together; what is no number says nothing.
fn counts(suite: &BytesStart<'_>, names: &[&str]) -> u64 {
    names.iter().map(|name| number(suite, name).unwrap_or(0)).fold(0, u64::saturating_add)
}

fn number(suite: &BytesStart<'_>, name: &str) -> Option<u64> {
    let found = suite.try_get_attribute(name).ok().flatten()?;
    found.normalized_value(XmlVersion::Implicit1_0).ok()?.trim().parse().ok()
}

struct Suite {
    name: String,
    /// How many tests passed by its own count; none where it counts none, or holds suites (whose tests some count, and some do not).
    tests: Option<u64>,
    /// How many tests were read before it.
    before: usize,
}

impl Suite {
    fn of(name: String, start: &BytesStart<'_>, before: usize) -> Self {
        let others = counts(start, &["failures", "errors"]);
        // A disabled test is counted as skipped as well by some.
        let skipped = number(start, "skipped").unwrap_or(0).max(number(start, "disabled").unwrap_or(0));
        let tests = number(start, "tests").map(|tests| tests.saturating_sub(others).saturating_sub(skipped));
        Self { name, tests, before }
    }

    /// Whether it lists no more tests that passed than it counts. Otherwise one of them did not: jest-junit lists what is to do
    /// like a pass. A test that was tried again is listed several times by some, and counted once.
    fn agrees_with(&self, cases: &[Case]) -> Result<(), String> {
        let Some(counted) = self.tests else { return Ok(()) };
        let passed = cases.get(self.before..).unwrap_or_default().iter().filter(|case| case.ended == Ended::Passed);
        let passed: BTreeSet<&str> = passed.map(|case| case.name.as_str()).collect();
        if passed.len() as u64 > counted {
            return Err(format!(
                "the suite `{}` counts {counted} tests that passed, and lists {}: some of them did not run. jest-junit writes so \
                 what is to do (`test.todo`); give the JSON of Jest itself (`--json`) instead",
                self.name,
                passed.len()
            ));
        }
        Ok(())
    }
}

enum Element {
    Suite(Suite),
    Case(Case),
    /// An element within a test that says how it ended.
    Ending(Ended),
    /// A property of a suite with the commit.
    Commit(String),
    Other,
}

impl Element {
    fn of(start: &BytesStart<'_>, open: &[Self], before: usize) -> Result<Self, String> {
        let attribute = |name: &str| -> Result<String, String> {
            match start.try_get_attribute(name) {
                Ok(None) => Ok(String::new()),
                Ok(Some(found)) => found
                    .normalized_value(XmlVersion::Implicit1_0)
                    .map(std::borrow::Cow::into_owned)
                    .map_err(|error| format!("the attribute `{name}` cannot be read: {error}")),
                Err(error) => Err(format!("the attributes cannot be read: {error}")),
            }
        };
        let name = start.local_name();
        let within_case = matches!(open.last(), Some(Self::Case(_)));
        Ok(match AsRef::<str>::as_ref(&name) {
            "testsuites" | "testsuite" => Self::Suite(Suite::of(attribute("name")?, start, before)),
            "testcase" => {
                let suites: Vec<&str> = open
                    .iter()
                    .filter_map(|element| if let Self::Suite(suite) = element { Some(suite.name.as_str()) } else { None })
                    .collect();
                let (class, name, file) = (attribute("classname")?, attribute("name")?, attribute("file")?);
                if class.is_empty() && name.is_empty() && file.is_empty() {
                    // pytest leaves one behind where the run ended within a test.
                    return Err("a test has no name: the run ended before it did".to_owned());
                }
                let ended = if did_run(&suites, &attribute)? { Ended::Passed } else { Ended::Skipped };
                let suite = full_name(suites.iter().copied().chain([class.as_str(), file.as_str()]));
                let inner = suites.last().copied().unwrap_or_default();
                Self::Case(Case { name: full_name([inner, &class, &name]), suite, ended })
            }
            "failure" | "error" if within_case => Self::Ending(Ended::Failed),
            "skipped" if within_case => Self::Ending(Ended::Skipped),
            "property" if !open.iter().any(|element| matches!(element, Self::Case(_))) => {
                let name = attribute("name")?;
                if COMMIT_NAMES.contains(&name.as_str()) { Self::Commit(attribute("value")?) } else { Self::Other }
            }
            _ => Self::Other,
        })
    }
}

/// Whether a test without an element that says otherwise ran, by its attributes.
fn did_run(suites: &[&str], attribute: &dyn Fn(&str) -> Result<String, String>) -> Result<bool, String> {
    for name in ["status", "result"] {
        let said = attribute(name)?.to_ascii_lowercase();
        if NOT_RUN.contains(&said.as_str()) {
            return Ok(false);
        }
    }
    // Vitest lists the tests of a worker that died as if they had passed, in no time at all. One that ran took some.
    Ok(suites.first() != Some(&VITEST) || attribute("time")? != "0")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn the_operations_that_schemathesis_tried_are_tests() {
        let of = |text| -> Vec<(String, Ended)> {
            parse("a.xml", text).unwrap().cases.into_iter().map(|case| (case.name, case.ended)).collect()
        };
        let ended = |list, one| {
            [("schemathesis > GET /v1/items".to_owned(), list), ("schemathesis > GET /v1/items/{id}".to_owned(), one)]
        };
        assert_eq!(of(include_str!("samples/schemathesis-passing.xml")), ended(Ended::Passed, Ended::Passed));
        assert_eq!(of(include_str!("samples/schemathesis-failing.xml")), ended(Ended::Failed, Ended::Passed));
    }

    #[test]
    fn tests_end_in_three_ways_and_the_commit_is_read() {
        let text = format!(
            r#"<?xml version="1.0"?><testsuites name="all"><testsuite name="limits">
            <properties><property name="commit" value="{COMMIT}"/></properties>
            <testcase name="fails &gt; closed" classname="limits.ts"/>
            <testcase name="b"><failure message="no">text <![CDATA[<x>]]></failure></testcase>
            <testcase name="c"><skipped/></testcase>
            <testcase name="d"><system-out>error</system-out><error/></testcase>
            </testsuite></testsuites>"#
        );
        let report = parse("r.xml", &text).unwrap();
        assert_eq!(report.commit.as_deref(), Some(COMMIT));
        let ended: Vec<_> = report.cases.iter().map(|case| case.ended).collect();
        assert_eq!(ended, [Ended::Passed, Ended::Failed, Ended::Skipped, Ended::Failed]);
        assert_eq!(report.cases[0].name, "limits > limits.ts > fails > closed");
        assert_eq!(report.cases[0].suite, "all > limits > limits.ts");
    }

    fn ended(text: &str) -> Vec<Ended> {
        parse("r.xml", text).unwrap().cases.into_iter().map(|case| case.ended).collect()
    }

    #[test]
    fn a_test_that_its_attributes_say_did_not_run_is_skipped() {
        // As CTest and GoogleTest write a disabled test, and behave one that was not come to.
        for said in [r#"status="disabled""#, r#"status="notrun" result="suppressed""#, r#"status="untested""#] {
            assert_eq!(ended(&format!("<testsuite><testcase name=\"a\" {said}/></testsuite>")), [Ended::Skipped], "{said}");
        }
        for said in [r#"status="run" result="completed""#, r#"status="passed""#, r#"time="0""#] {
            assert_eq!(ended(&format!("<testsuite><testcase name=\"a\" {said}/></testsuite>")), [Ended::Passed], "{said}");
        }
    }

    #[test]
    fn the_tests_of_a_worker_that_died_did_not_pass() {
        // As Vitest 4.1 writes it: all in order, and in no time.
        let of = |time: &str| {
            ended(&format!(
                r#"<testsuites name="vitest tests" tests="1" failures="0" errors="0"><testsuite name="a.test.js" tests="1" failures="0"
                errors="0" skipped="0"><testcase classname="a.test.js" name="first" time="{time}"></testcase></testsuite></testsuites>"#
            ))
        };
        assert_eq!((of("0"), of("0.000021")), (vec![Ended::Skipped], vec![Ended::Passed]));
    }

    #[test]
    fn more_passes_than_a_suite_counts_are_refused() {
        let of = |tests: u8, cases: &str| {
            let suite =
                format!(r#"<testsuite name="limiter" tests="{tests}" failures="1" errors="0" skipped="1">{cases}</testsuite>"#);
            parse("r.xml", &format!("<testsuites>{suite}</testsuites>"))
        };
        let cases = r#"<testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c"><skipped/></testcase>"#;
        assert!(of(3, cases).is_ok());
        // As jest-junit 17 writes what is to do: listed like a pass, and not counted.
        let error = of(3, &format!("{cases}<testcase name=\"to do\"/>")).unwrap_err().to_string();
        assert!(error.contains("`limiter` counts 1 tests that passed, and lists 2"), "{error}");
        // As pytest writes a test that passed when it was tried again.
        assert!(of(3, &format!("{cases}<testcase name=\"a\"/>")).is_ok());
    }

    #[test]
    fn a_test_may_list_the_failures_of_its_parts() {
        // As pytest writes subtests: one test, two failures, counted as such.
        let text = r#"<testsuite tests="3" failures="2"><testcase name="a"><failure/><failure/></testcase><testcase name="b"/></testsuite>"#;
        assert_eq!(ended(text), [Ended::Failed, Ended::Passed]);
    }

    #[test]
    fn what_is_no_report_is_refused_at_its_place() {
        for (text, what) in [
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><testsuites/>", "document type"),
            ("<testsuite>", "cut off"),
            ("<html></html>", "begins with"),
            ("<testsuite></testsuites>", "not XML"),
            ("<testsuite/><testsuite/>", "second report"),
            (
                "<testsuite failures=\"2\" errors=\"1\"><testcase name=\"a\"/></testsuite>",
                "says that 3 tests failed, and lists 0",
            ),
            ("<testsuites><testsuite failures=\"1\"/><testsuite errors=\"1\"/></testsuites>", "says that 2 tests failed"),
            ("<testsuite><testcase name=\"&unknown;\"/></testsuite>", "name"),
            // As pytest leaves it where a test ended the run.
            ("<testsuite><testcase time=\"0.000\"/></testsuite>", "the run ended before"),
            ("<testsuite><properties><property name=\"commit\" value=\"abc\"/></properties></testsuite>", "commit"),
        ] {
            let error = parse("r.xml", text).unwrap_err().to_string();
            assert!(error.starts_with("r.xml:1:") && error.contains(what), "{error}");
        }
        assert!(parse("r.xml", &"<testsuite>".repeat(10_000)).unwrap_err().to_string().contains("deep"));
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_and_no_panic(text in "[<>/a-z\"=& !\\[\\]-]{0,60}") {
            let _ = parse("r.xml", &format!("<testsuite>{text}"));
        }
    }
}

//! JUnit XML, as test runners write it (there is no standard; the shape that Ant began and everyone reads).

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{CASES_MAX, Case, Ended, Report, ReportError, commit, full_name};

/// How deep elements may be nested.
const DEPTH_MAX: usize = 64;

/// The names under which a property holds the commit.
const COMMIT_NAMES: [&str; 7] = ["commit", "git.commit", "git_commit", "git-commit", "git.commit.id", "vcs.revision", "revision"];

/// Reads a report. A document type declaration is refused: it can name files and grow without bound.
pub(super) fn parse(path: &str, text: &str) -> Result<Report, ReportError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut report = Report::default();
    let mut open: Vec<Element> = Vec::new();
    let mut any = false;
    // What the root says of failures, and what the suites within it say together.
    let mut declared = [0_u64; 2];
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
                let element = Element::of(&start, &open).map_err(wrong)?;
                if let (Element::Suite(_), Some(total)) = (&element, declared.get_mut(open.len())) {
                    *total = total.saturating_add(failures(&start));
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
                    // A failure after a skip is a failure; a skip after a failure changes nothing.
                    if case.ended != Ended::Failed {
                        case.ended = *ended;
                    }
                }
                open.push(element);
            }
            Event::End(_) => {
                if let Some(Element::Case(case)) = open.pop() {
                    if report.cases.len() >= CASES_MAX {
                        return Err(wrong(format!("the report has more than {CASES_MAX} tests")));
                    }
                    report.cases.push(case);
                }
            }
            Event::Eof if !open.is_empty() => return Err(wrong("the report is cut off: an element is not closed".to_owned())),
            Event::Eof if !any => return Err(wrong("the report is empty".to_owned())),
            Event::Eof => {
                let failed = report.cases.iter().filter(|case| case.ended == Ended::Failed).count() as u64;
                let said = declared.into_iter().max().unwrap_or(0);
                if said > failed {
                    return Err(wrong(format!("the report says that {said} tests failed, and lists {failed}")));
                }
                return Ok(report);
            }
            _ => {}
        }
    }
}

/// The failures and errors that a suite says it had; what is no number says nothing.
fn failures(suite: &BytesStart<'_>) -> u64 {
    let number = |name: &str| -> u64 {
        let found = suite.try_get_attribute(name).ok().flatten();
        found.and_then(|found| found.normalized_value(XmlVersion::Implicit1_0).ok()?.trim().parse().ok()).unwrap_or(0)
    };
    number("failures").saturating_add(number("errors"))
}

enum Element {
    Suite(String),
    Case(Case),
    /// An element within a test that says how it ended.
    Ending(Ended),
    /// A property of a suite with the commit.
    Commit(String),
    Other,
}

impl Element {
    fn of(start: &BytesStart<'_>, open: &[Self]) -> Result<Self, String> {
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
            "testsuites" | "testsuite" => Self::Suite(attribute("name")?),
            "testcase" => {
                let suites: Vec<&str> = open
                    .iter()
                    .filter_map(|element| if let Self::Suite(name) = element { Some(name.as_str()) } else { None })
                    .collect();
                let (class, name, file) = (attribute("classname")?, attribute("name")?, attribute("file")?);
                let suite = full_name(suites.iter().copied().chain([class.as_str(), file.as_str()]));
                let inner = suites.last().copied().unwrap_or_default();
                Self::Case(Case { name: full_name([inner, &class, &name]), suite, ended: Ended::Passed })
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

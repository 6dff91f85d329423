//! JUnit XML, for test views: a check is a test case, and what could not be told is an error, never a skipped test.

use avouch_model::{
    assessment::{Assessment, CheckFinding},
    catalogue::Catalogue,
    state::State,
};

use super::{BASELINE, Findings, group_of, rows, sentence};

/// The assessment as JUnit XML: a suite of what is claimed, and one of the baseline, of which only what the gate requires fails.
pub fn junit(assessment: &Assessment, catalogue: &Catalogue, findings: Findings) -> String {
    let unclaimed = catalogue.unclaimed();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (name, is_baseline) in [("avouch", false), (BASELINE, true)] {
        let cases: Vec<_> = rows(&assessment.checks, catalogue)
            .filter(|(finding, _)| unclaimed.contains(finding.check.as_str()) == is_baseline)
            .map(|(finding, check)| (told(assessment, finding, is_baseline), finding, check))
            .collect();
        if is_baseline && cases.is_empty() {
            continue;
        }
        let count = |wanted: &str| cases.iter().filter(|(told, ..)| *told == wanted).count();
        text.push_str(&format!(
            "<testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"0\" timestamp=\"{}\">\n",
            cases.len(),
            count("failure"),
            count("error"),
            count("skipped"),
            assessment.as_of.to_string().trim_end_matches('Z'),
        ));
        for (told, finding, check) in &cases {
            let group = escape(group_of(catalogue, &check.id));
            text.push_str(&format!("<testcase classname=\"{group}\" name=\"{}\" time=\"0\">", escape(&check.id)));
            if !told.is_empty() {
                text.push_str(&format!("<{told} message=\"{}\"/>", escape(&sentence(finding, findings))));
            }
            text.push_str("</testcase>\n");
        }
        text.push_str("</testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// The element that tells how a check stands; none for a pass.
fn told(assessment: &Assessment, finding: &CheckFinding, is_baseline: bool) -> &'static str {
    let gate = &assessment.gate;
    let is_minor = gate.settled.contains(&finding.check)
        || is_baseline && !gate.failed.contains(&finding.check) && !gate.undecided.contains(&finding.check);
    match finding.state {
        State::Pass => "",
        _ if is_minor => "skipped",
        State::Fail => "failure",
        State::Error | State::NoData | State::Stale => "error",
        _ => "skipped",
    }
}

/// Text for an XML attribute; characters that XML 1.0 cannot hold (section 2.2) are replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            control if control < ' ' || matches!(control, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

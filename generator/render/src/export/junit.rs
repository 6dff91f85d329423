//! JUnit XML, for test views: a check is a test case, and what could not be told is an error, never a skipped test.

use avouch_model::{assessment::Assessment, catalogue::Catalogue, state::State};

use super::{controls_of, rows, sentence};

/// The assessment as JUnit XML.
pub fn junit(assessment: &Assessment, catalogue: &Catalogue) -> String {
    let count = |states: &[State]| assessment.checks.iter().filter(|finding| states.contains(&finding.state)).count();
    let failures = count(&[State::Fail]);
    let errors = count(&[State::Error, State::NoData, State::Stale]);
    let skipped = count(&[State::NotConfigured, State::NotApplicable, State::Planned, State::Inherited, State::Waived]);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"avouch\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" timestamp=\"{}\">\n",
        assessment.checks.len(),
        assessment.as_of.to_string().trim_end_matches('Z'),
    );
    for (finding, check) in rows(&assessment.checks, catalogue) {
        let group = controls_of(catalogue, &check.id).first().copied().unwrap_or("avouch");
        text.push_str(&format!("<testcase classname=\"{}\" name=\"{}\">", escape(group), escape(&check.id)));
        let message = escape(&sentence(finding));
        match finding.state {
            State::Pass => {}
            State::Fail => text.push_str(&format!("<failure message=\"{message}\"/>")),
            State::Error | State::NoData | State::Stale => text.push_str(&format!("<error message=\"{message}\"/>")),
            _ => text.push_str(&format!("<skipped message=\"{message}\"/>")),
        }
        text.push_str("</testcase>\n");
    }
    text.push_str("</testsuite>\n</testsuites>\n");
    text
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

//! GitHub workflow commands: an annotation for each check that failed or could not be told.

use avouch_model::{assessment::Assessment, catalogue::Catalogue, state::State};

use super::{rows, sentence};

/// The assessment as workflow commands, with a last line for the log.
pub fn github(assessment: &Assessment, catalogue: &Catalogue) -> String {
    let mut text = String::new();
    for (finding, check) in rows(&assessment.checks, catalogue) {
        let command = match finding.state {
            State::Fail => "error",
            State::Error | State::NoData | State::Stale | State::Waived => "warning",
            _ => continue,
        };
        let title = property(&check.id);
        text.push_str(&format!(
            "::{command} title={title}::{}\n",
            data(&format!("{} — {}", check.question.en, sentence(finding)))
        ));
    }
    let passed = assessment.checks.iter().filter(|finding| finding.state == State::Pass).count();
    text.push_str(&format!("{passed} of {} checks passed\n", assessment.checks.len()));
    text
}

/// The data of a command: what would end it or begin another is percent-encoded.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

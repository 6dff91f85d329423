//! GitHub workflow commands: an annotation for each check that failed or could not be told.

use avouch_model::{assessment::Assessment, catalogue::Catalogue, state::State};

use super::{Findings, prefix, rows, sentence};

/// The assessment as workflow commands, with a last line for the log.
pub fn github(assessment: &Assessment, catalogue: &Catalogue, findings: Findings) -> String {
    let mut text = String::new();
    let unclaimed = catalogue.unclaimed();
    for (finding, check) in rows(&assessment.checks, catalogue) {
        let is_minor = unclaimed.contains(check.id.as_str()) || assessment.gate.settled.contains(&check.id);
        let command = match finding.state {
            State::Fail | State::Waived if is_minor => "notice",
            _ if is_minor => continue,
            State::Fail => "error",
            State::Error | State::NoData | State::Stale | State::Waived => "warning",
            _ => continue,
        };
        let title = property(&check.id);
        text.push_str(&format!(
            "::{command} title={title}::{}\n",
            data(&format!("{}{} — {}", prefix(&unclaimed, check), check.question.en, sentence(finding, findings)))
        ));
    }
    let claimed = || assessment.checks.iter().filter(|finding| !unclaimed.contains(finding.check.as_str()));
    let passed = claimed().filter(|finding| finding.state == State::Pass).count();
    text.push_str(&format!("{passed} of {} checks passed\n", claimed().count()));
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

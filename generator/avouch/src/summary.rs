//! An assessment for a person at a terminal: bad news first, then what holds, then what nobody looked at.

use std::fmt::Write as _;

use avouch_model::{
    assessment::{Assessment, Attention, CheckFinding},
    catalogue::Catalogue,
    receipt::Told,
    state::{State, Verdict},
};
use avouch_render::export::because;

use crate::output::{Output, counted, plain};

/// The assessment as text.
pub(crate) fn assessment(output: &Output, assessment: &Assessment, catalogue: &Catalogue) -> String {
    let mut text = String::new();
    attention(&mut text, output, assessment, catalogue);
    controls(&mut text, output, assessment, catalogue);
    baseline(&mut text, output, assessment, catalogue);
    requirements(&mut text, output, assessment, catalogue);
    retention(&mut text, output, assessment);
    counts(&mut text, output, assessment);
    text
}

/// What wants attention: every check that failed or could not be told, and what the record itself shows.
fn attention(text: &mut String, output: &Output, assessment: &Assessment, catalogue: &Catalogue) {
    let open = [State::Fail, State::Error, State::Stale, State::NoData, State::Waived];
    let unclaimed = catalogue.unclaimed();
    let open = |finding: &&CheckFinding| open.contains(&finding.state) && !unclaimed.contains(finding.check.as_str());
    let mut found: Vec<&CheckFinding> = assessment.checks.iter().filter(open).collect();
    found.sort_by_key(|finding| finding.state);
    let mut lines: Vec<String> = found
        .iter()
        .filter_map(|finding| {
            let check = catalogue.check(&finding.check)?;
            let why = finding.reason.as_ref().map(|reason| format!(" ({})", plain(&because(reason)))).unwrap_or_default();
            let why = match assessment.gate.settled.contains(&check.id) {
                true => format!("{why} (an alternative passed)"),
                false => why,
            };
            let id = output.faint(&plain(&check.id));
            Some(format!("  {}  {}{why}  {id}", output.state(finding.state), plain(&check.question.en)))
        })
        .collect();
    for item in &assessment.attention {
        match item {
            Attention::Missed { job, from, slots, .. } => {
                lines.push(format!("  ◐ missed  {slots} slots of `{}` since {from}", plain(job)))
            }
            Attention::Late { due } => lines.push(format!("  ◐ late  the next run was due {due}")),
            Attention::TwoCommits { version } => {
                lines.push(format!("  ✕ failed  version {} was seen with two commits", plain(version)));
            }
            Attention::Waiver { id, used: false, .. } => {
                lines.push(format!("  ○ unused  waiver {} excuses nothing: remove it", plain(id)));
            }
            _ => {}
        }
    }
    if !lines.is_empty() {
        let _ = writeln!(text, "{}\n{}\n", output.strong("Open now"), lines.join("\n"));
    }
}

fn controls(text: &mut String, output: &Output, assessment: &Assessment, catalogue: &Catalogue) {
    if assessment.scope.is_none() {
        let _ = writeln!(
            text,
            "Until {} the record holds nothing to judge by; `avouch evidence list` tells when it begins.\n",
            assessment.as_of
        );
        return;
    }
    if assessment.controls.is_empty() {
        let _ = writeln!(text, "No profile is configured, so nothing is claimed: name one in `[product] profiles`.\n");
        return;
    }
    let _ = writeln!(text, "{}", output.strong("Controls"));
    let mut found: Vec<_> = assessment.controls.iter().collect();
    found.sort_by_key(|finding| finding.state);
    let titles: Vec<(String, String, String)> = found
        .iter()
        .filter_map(|finding| {
            let control = catalogue.control(&finding.control)?;
            let share = format!("{} of {} claims", finding.passed, finding.claims);
            Some((plain(&control.title.en), share, output.state(finding.state)))
        })
        .collect();
    let width = titles.iter().map(|(title, ..)| title.chars().count()).max().unwrap_or(0);
    for (title, share, state) in titles {
        let _ = writeln!(text, "  {title:width$}  {share:>14}  {state}");
    }
    text.push('\n');
}

/// What is looked at without a claim: apart, so that nobody takes it for a promise that holds.
fn baseline(text: &mut String, output: &Output, assessment: &Assessment, catalogue: &Catalogue) {
    if assessment.baseline.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", output.strong("Baseline, not claimed"));
    let width = catalogue.baseline.iter().map(|baseline| baseline.title.en.chars().count()).max().unwrap_or(0);
    for (baseline, finding) in catalogue.baseline.iter().zip(&assessment.baseline) {
        let checks = output.faint(&plain(&baseline.checks.join(", ")));
        let _ = writeln!(text, "  {:width$}  {}  {checks}", plain(&baseline.title.en), output.state(finding.state));
    }
    text.push('\n');
}

fn requirements(text: &mut String, output: &Output, assessment: &Assessment, catalogue: &Catalogue) {
    for standard in &catalogue.standards {
        let _ = writeln!(text, "{}", output.strong(&plain(&standard.title)));
        for finding in assessment.requirements.iter().filter(|finding| finding.standard == standard.id) {
            let Some(requirement) = catalogue.requirement(&finding.requirement) else { continue };
            let share = format!("{} of {}", finding.passed, finding.claims);
            let title = plain(&requirement.title.en);
            let _ =
                writeln!(text, "  {:10} {title:47} {share:>9}  {}", plain(&requirement.id), output.standing(finding.standing));
        }
        text.push('\n');
    }
}

fn retention(text: &mut String, output: &Output, assessment: &Assessment) {
    if assessment.retention.is_empty() {
        return;
    }
    let _ = writeln!(text, "{}", output.strong("Retention"));
    for finding in &assessment.retention {
        let promise = &finding.promise;
        let last = finding.last.as_ref().map(|(_, receipt)| {
            let deleted = match receipt.removed() {
                Told::Counted(count) => format!("{count} rows deleted"),
                Told::Few => "fewer than five rows deleted".to_owned(),
                Told::Unknown => "it stopped on an error".to_owned(),
            };
            format!("{deleted}, cut-off {}", receipt.cutoff)
        });
        let last = last.unwrap_or_else(|| "no receipt yet".to_owned());
        let _ = writeln!(
            text,
            "  {:20} {:10} {:60} {}",
            plain(&promise.rule),
            promise.keep.to_string(),
            last,
            output.state(finding.state)
        );
    }
    text.push('\n');
}

fn counts(text: &mut String, output: &Output, assessment: &Assessment) {
    let count = |state: State| assessment.claims.iter().filter(|finding| finding.state == state).count();
    let parts: Vec<String> = State::ALL
        .iter()
        .rev()
        .map(|state| (count(*state), *state))
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{count} {}", crate::output::word(state)))
        .collect();
    let release = assessment.release.as_ref().map_or_else(
        || "no release".to_owned(),
        |release| format!("release {} ({})", plain(&release.version), release.commit.chars().take(12).collect::<String>()),
    );
    let _ = writeln!(
        text,
        "{} on {release}: {}",
        counted(assessment.claims.len() as u64, "claim", "claims"),
        if parts.is_empty() { "none".into() } else { parts.join(", ") }
    );
    let gate = &assessment.gate;
    let verdict = match gate.verdict {
        Verdict::Satisfied => "satisfied",
        Verdict::NotSatisfied => "not satisfied",
        Verdict::CouldNotTell => "could not tell",
    };
    let _ = writeln!(
        text,
        "Gate: {} ({} checks required, {} failed, {} undecided; {} checks are not tested)",
        output.strong(verdict),
        gate.required,
        gate.failed.len(),
        gate.undecided.len(),
        gate.untested
    );
    if let Some(reference) = &gate.reference {
        let name = plain(&reference.name);
        let _ = match &reference.run {
            Some(run) => writeln!(
                text,
                "Held against {name} as last recorded {}: {} checks stand no better than there, and do not block.",
                run.at,
                gate.tolerated.len()
            ),
            None => writeln!(
                text,
                "`[gate] no_worse_than` names {name}, and no run of one such release is in the record: nothing can be told."
            ),
        };
    }
}

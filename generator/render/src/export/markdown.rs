//! Markdown: the comment that a pull request deserves. What got worse first, then what else is open, what ends soon, and what was
//! mended; each with the command that explains it and the one that lets it stand for a while.

use std::{collections::BTreeSet, fmt::Write as _};

use avouch_model::{
    Timestamp,
    assessment::{Assessment, CheckFinding},
    catalogue::{Catalogue, Check},
    decision::Decision,
    state::{State, Verdict},
};

use super::{Findings, rows, sentence};

/// How far ahead a waiver's end is told, in days.
const SOON_DAYS: i64 = 30;
/// How many rows a section shows.
const ROWS_MAX: usize = 60;
/// No row begins that would end beyond this many bytes: a comment on GitHub holds 65,536 characters, and what closes the sections
/// needs a few.
const BYTES_MAX: usize = 62_000;

/// The assessment as Markdown. `before` is what the record said before it, where there is one: what did not stand so then is new.
pub fn markdown(assessment: &Assessment, catalogue: &Catalogue, findings: Findings, before: Option<&Assessment>) -> String {
    let unclaimed = catalogue.unclaimed();
    let (baseline, found): (Vec<_>, Vec<_>) =
        rows(&assessment.checks, catalogue).partition(|(finding, _)| unclaimed.contains(finding.check.as_str()));
    let mut text = heading(assessment, &unclaimed);
    let was = |check: &str| before?.checks.iter().find(|finding| finding.check == check).map(|finding| finding.state);
    let is_new = |finding: &CheckFinding| before.is_some() && was(&finding.check).is_none_or(|state| state > finding.state);
    // What need not be told, since an alternative passed, is not open.
    let is_settled = |finding: &CheckFinding| assessment.gate.settled.contains(&finding.check);
    let told = || found.iter().copied().filter(|(finding, _)| !is_settled(finding));
    let of = |states: &'static [State], new: bool| {
        let mut chosen: Vec<_> =
            told().filter(|(finding, _)| states.contains(&finding.state) && is_new(finding) == new).collect();
        chosen.sort_by_key(|(finding, _)| finding.state);
        chosen
    };
    const OPEN: &[State] = &[State::Fail, State::Error, State::NoData, State::Stale, State::NotConfigured];
    const UNTOLD: &[State] = &[State::Error, State::NoData, State::Stale];
    if let Some(before) = before {
        section(&mut text, &format!("New since {}", before.as_of), &of(OPEN, true), assessment.as_of, findings);
    }
    section(
        &mut text,
        if before.is_some() { "Failed as before" } else { "Failed" },
        &of(&[State::Fail], false),
        assessment.as_of,
        findings,
    );
    section(&mut text, "Could not be told", &of(UNTOLD, false), assessment.as_of, findings);
    ends_soon(&mut text, assessment);
    let mended: Vec<_> = found
        .iter()
        .copied()
        .filter(|(finding, _)| finding.state == State::Pass && was(&finding.check).is_some_and(|state| OPEN.contains(&state)))
        .collect();
    section(&mut text, "Passed again", &mended, assessment.as_of, findings);
    folded(&mut text, "Not configured", &of(&[State::NotConfigured], false), findings);
    let others = found.iter().copied().filter(|(finding, _)| !OPEN.contains(&finding.state) || is_settled(finding));
    folded(&mut text, "All others", &others.collect::<Vec<_>>(), findings);
    folded(&mut text, "Baseline, not claimed", &baseline, findings);
    text
}

/// The verdict and the counts.
fn heading(assessment: &Assessment, unclaimed: &BTreeSet<&str>) -> String {
    let verdict = match assessment.gate.verdict {
        Verdict::Satisfied => "satisfied",
        Verdict::NotSatisfied => "not satisfied",
        Verdict::CouldNotTell => "could not tell",
    };
    let claimed = || assessment.checks.iter().filter(|finding| !unclaimed.contains(finding.check.as_str()));
    let count = |states: &[State]| claimed().filter(|finding| states.contains(&finding.state)).count();
    let mut text = format!("### Gate: {verdict}\n\n{} of {} checks passed", count(&[State::Pass]), claimed().count());
    for (states, what) in [
        (&[State::Fail][..], "failed"),
        (&[State::Waived], "failed and waived"),
        (&[State::Error, State::NoData, State::Stale], "could not be told"),
        (&[State::NotConfigured], "not configured"),
    ] {
        if count(states) > 0 {
            let _ = write!(text, " · {} {what}", count(states));
        }
    }
    if let Some(release) = &assessment.release {
        let _ = write!(text, " · release {}", in_markdown(&release.version));
    }
    let _ = writeln!(text, " · as of {}", assessment.as_of);
    if let Some(reference) = &assessment.gate.reference {
        let name = in_markdown(&reference.name);
        let _ = match &reference.run {
            Some(run) => writeln!(
                text,
                "\nHeld against {name} as last recorded {}: {} checks stand no better than there, and do not block.",
                run.at,
                assessment.gate.tolerated.len()
            ),
            None => writeln!(text, "\nNo run of one release {name} is in the record, so it cannot be told what got worse."),
        };
    }
    text
}

fn section(text: &mut String, title: &str, rows: &[(&CheckFinding, &Check)], now: Timestamp, findings: Findings) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n**{title}** ({})\n", rows.len());
    list(text, rows, |(finding, check)| {
        let question = in_markdown(&check.question.en);
        let mut row = format!("- {question} **{}**: {}\n", in_markdown(&check.id), in_markdown(&sentence(finding, findings)));
        // An id of the mapping may hold anything; what a reader is to type holds words only.
        if is_word(&check.id) && finding.state != State::Pass {
            let _ = write!(row, "  `avouch explain {}`", check.id);
            if let (State::Fail, Some(until)) = (finding.state, now.day().plus_days(SOON_DAYS)) {
                let _ = write!(row, " · `avouch waive {} --reason \"…\" --owner … --approver … --until {until}`", check.id);
            }
            row.push('\n');
        }
        row
    });
}

/// Waivers in force that end within a month.
fn ends_soon(text: &mut String, assessment: &Assessment) {
    let soon = assessment.as_of.day().plus_days(SOON_DAYS);
    let waivers = assessment.waivers.iter().filter(|waiver| waiver.in_force).filter_map(|waiver| match &waiver.decision {
        Decision::Waiver { id, check, expires, .. } if soon.is_some_and(|soon| *expires <= soon) => Some((expires, id, check)),
        _ => None,
    });
    let mut waivers: Vec<_> = waivers.collect();
    waivers.sort();
    if waivers.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n**Ends soon** ({})\n", waivers.len());
    list(text, &waivers, |(expires, id, check)| {
        format!("- waiver {} of {} counts through {expires}\n", in_markdown(id), in_markdown(check))
    });
}

/// A section that a reader unfolds.
fn folded(text: &mut String, title: &str, rows: &[(&CheckFinding, &Check)], findings: Findings) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n<details><summary>{title} ({})</summary>\n", rows.len());
    text.push_str("| check | question | how it stands |\n| --- | --- | --- |\n");
    list(text, rows, |(finding, check)| {
        let [id, question, stands] = [&check.id, &check.question.en, &sentence(finding, findings)].map(|text| in_markdown(text));
        format!("| {id} | {question} | {stands} |\n")
    });
    text.push_str("\n</details>\n");
}

/// The rows for which there is room, and how many more there are.
fn list<R>(text: &mut String, rows: &[R], row: impl Fn(&R) -> String) {
    let mut shown = 0;
    for each in rows.iter().take(ROWS_MAX) {
        let row = row(each);
        if text.len() + row.len() > BYTES_MAX {
            break;
        }
        text.push_str(&row);
        shown += 1;
    }
    if rows.len() > shown {
        let _ = writeln!(text, "\nand {} more; `avouch check` shows all", rows.len() - shown);
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

/// Text from outside on one line of Markdown: nothing in it is markup, and it calls nobody. Forges look for `@name` and `#1` after
/// they have read the Markdown, so that a backslash before them changes nothing; a comment behind them does.
pub fn in_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '+' | '!' | '|' | '~' => {
                out.push('\\');
                out.push(character);
            }
            '@' => out.push_str("@<!-- -->"),
            '#' => out.push_str("\\#<!-- -->"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_is_no_markup_and_calls_nobody() {
        let text = in_markdown("<b>a|b</b> [x](y) @org/team #1\n# z");
        assert_eq!(text, r"&lt;b&gt;a\|b&lt;/b&gt; \[x\]\(y\) @<!-- -->org/team \#<!-- -->1 \#<!-- --> z");
    }
}

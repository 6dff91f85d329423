//! A Markdown table, for pull requests and job summaries: what wants attention first.

use avouch_model::{assessment::Assessment, catalogue::Catalogue};

use super::{rows, sentence};

/// The assessment as Markdown.
pub fn markdown(assessment: &Assessment, catalogue: &Catalogue) -> String {
    let mut found: Vec<_> = rows(&assessment.checks, catalogue).collect();
    found.sort_by_key(|(finding, _)| finding.state);
    let mut text = format!("As of {}\n\n| check | question | how it stands |\n| --- | --- | --- |\n", assessment.as_of);
    for (finding, check) in found {
        text.push_str(&format!("| {} | {} | {} |\n", cell(&check.id), cell(&check.question.en), cell(&sentence(finding))));
    }
    text
}

/// Text in a table cell: nothing in it is markup.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|' | '~' => {
                out.push('\\');
                out.push(character);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

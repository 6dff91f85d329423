//! A scan for people: one line a secret, then a sentence.

use std::fmt::Write as _;

use super::{Stands, Told};
use crate::output::plain;

/// The secrets.
pub(super) fn text(told: &Told<'_>) -> String {
    let mut text = String::new();
    for result in &told.results {
        let found = &result.found;
        if matches!(result.stands, Stands::Known(_) | Stands::Marked) {
            continue;
        }
        let _ = write!(
            text,
            "{}:{}:{}: {}: {}",
            plain(&found.path),
            found.hit.line,
            found.hit.column,
            plain(&found.hit.id),
            plain(told.scanner.description(&found.hit.id)),
        );
        let mut notes = vec![found.class.name().to_owned()];
        if let Some(commit) = &found.commit {
            notes.push(format!("since commit {}", commit.get(..12).unwrap_or(commit)));
        }
        if found.staged {
            notes.push("staged, and not in the folder".to_owned());
        }
        match result.stands {
            Stands::Ended(entry) => notes.push(format!("its entry ended on {}", entry.until)),
            Stands::Notice => notes.push("only worth knowing".to_owned()),
            _ => {}
        }
        if told.keyed {
            notes.push(found.hit.digest.to_string().chars().take("hmac-sha256:".len() + 12).collect());
        }
        let _ = writeln!(text, " [{}]", notes.join("; "));
    }
    text
}

/// What was found and what was looked at, in one line.
pub(super) fn summary(told: &Told<'_>) -> String {
    let counts = &told.counts;
    let number = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let open = told.number(|stands| stands.decides()) as u64;
    let mut parts = vec![if open == 0 { "no secret found".to_owned() } else { number(open, "secret", "secrets") }];
    let also = [
        (told.number(|stands| matches!(stands, Stands::Known(_))), "known and in the baseline"),
        (told.number(|stands| stands == Stands::Marked), "allowed by a marker on their line"),
        (told.number(|stands| stands == Stands::Notice), "only worth knowing"),
    ];
    for (count, what) in also.into_iter().filter(|(count, _)| *count > 0) {
        parts.push(format!("{count} {what}"));
    }
    if counts.allowed_by_commit > 0 {
        parts.push(format!("{} allowed by the rules for their commit", counts.allowed_by_commit));
    }
    let mut looked = vec![number(counts.contents, "content", "contents")];
    if counts.remembered > 0 {
        looked.push(format!("{} of them unchanged since they were last searched", counts.remembered));
    }
    if counts.binary > 0 {
        looked.push(format!("{} without text", counts.binary));
    }
    if counts.passed_over > 0 {
        looked.push(number(counts.passed_over, "link or submodule", "links or submodules"));
    }
    if counts.messages > 0 {
        looked.push(number(counts.messages, "message", "messages"));
    }
    if counts.left_out > 0 {
        looked.push(format!("{} left out by the rules and not searched", counts.left_out));
    }
    if counts.unsearched > 0 {
        looked.push(format!("{} NOT searched", counts.unsearched));
    }
    let what = if told.history { "in the folder and its history" } else { "in the folder" };
    let nothing = if counts.contents == 0 { "; nothing was searched, so nothing is known" } else { "" };
    format!("{} {what}; searched: {}{nothing}", parts.join(", "), looked.join(", "))
}

//! `avouch selftest`: every kind against its own passing and breaking transcripts.

use std::fmt::Write as _;

use avouch_model::state::Outcome;

use crate::{exit::Exit, output::Output};

/// Prints the kill matrix; a kind whose judge says something else than it must is a failure.
pub(crate) fn selftest(output: &Output, json: bool) -> anyhow::Result<Exit> {
    let matrix = avouch_collect::selftest();
    if json {
        output.result(&format!("{}\n", serde_json::to_string_pretty(&matrix)?))?;
    } else {
        let mut text = String::new();
        let mut kind = "";
        for row in &matrix.rows {
            if row.kind != kind {
                kind = row.kind;
                let _ = writeln!(text, "{}", output.strong(kind));
            }
            let verdict = match row.got {
                Some(got) if got == row.expected => format!("{:14}", word(got)),
                Some(got) => format!("WRONG: must be {}, and is {}", word(row.expected), word(got)),
                None => format!("WRONG: {}", row.why.as_deref().unwrap_or("nothing was said")),
            };
            let _ = writeln!(text, "  {verdict} {}", row.example);
        }
        for kind in &matrix.unproven {
            let _ = writeln!(text, "{kind}: WRONG: no example shows that it can pass and that it can fail");
        }
        let held = matrix.rows.iter().filter(|row| row.holds()).count();
        let _ = writeln!(
            text,
            "\n{held} of {} examples judged as they must be, {} kinds",
            matrix.rows.len(),
            avouch_collect::kinds::ALL.len()
        );
        output.result(&text)?;
    }
    Ok(if matrix.holds() { Exit::Satisfied } else { Exit::NotSatisfied })
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Error => "error",
        Outcome::NotExercised => "not exercised",
    }
}

//! `avouch selftest`: every kind against its own passing and breaking transcripts, and the checks of a project's own profiles
//! against theirs.

use std::{collections::BTreeSet, fmt::Write as _};

use avouch_collect::{CheckRow, KillMatrix};
use avouch_model::{json::Object, state::Outcome};
use serde::Serialize;

use crate::{cli::Global, exit::Exit, output::Output, pipeline::scoping, project::Project};

/// What is printed with `--json`.
#[derive(Serialize)]
struct Told<'m> {
    #[serde(flatten)]
    matrix: &'m KillMatrix,
    #[serde(flatten)]
    own: &'m Own,
}

/// The checks of the project's own profiles.
#[derive(Default, Serialize)]
struct Own {
    /// One row an example.
    checks: Vec<CheckRow>,
    /// Checks with examples of which none shows that they can fail.
    checks_unproven: Vec<String>,
}

impl Own {
    fn of(project: &Project) -> Self {
        let resolved = scoping::resolve(project, &[]);
        let mut own = Self::default();
        for example in &project.examples {
            let Some(check) = project.catalogue.checks.iter().find(|check| check.id == example.check) else { continue };
            // A slot that nothing fills stands as it is written: what a judge looks at is in the transcript.
            let filled = resolved.asked.iter().find(|asked| asked.check.id == check.id);
            let parameters: &Object = filled.map_or(&check.parameters, |asked| &asked.parameters);
            let asked = (check.id.as_str(), check.kind.as_str(), parameters);
            own.checks.push(avouch_collect::selftest_of(asked, (&example.name, example.outcome, &example.seen)));
        }
        let all: BTreeSet<&String> = own.checks.iter().map(|row| &row.check).collect();
        let can_fail: BTreeSet<&String> =
            own.checks.iter().filter(|row| row.expected == Outcome::Fail).map(|row| &row.check).collect();
        own.checks_unproven = all.difference(&can_fail).map(|check| (*check).clone()).collect();
        own
    }

    fn holds(&self) -> bool {
        self.checks_unproven.is_empty() && self.checks.iter().all(CheckRow::holds)
    }
}

/// Prints the kill matrix; a kind whose judge, or a check that, says something else than it must is a failure.
pub(crate) fn selftest(global: &Global, output: &Output, json: bool) -> anyhow::Result<Exit> {
    let matrix = avouch_collect::selftest();
    // The kinds are those of the program, wherever it is asked.
    let is_project = global.directory.join(&global.config).is_file();
    let own = if is_project { Own::of(&Project::load(global, output)?) } else { Own::default() };
    if json {
        output.result(&format!("{}\n", serde_json::to_string_pretty(&Told { matrix: &matrix, own: &own })?))?;
    } else {
        output.result(&text(output, &matrix, &own))?;
    }
    Ok(if matrix.holds() && own.holds() { Exit::Satisfied } else { Exit::NotSatisfied })
}

fn text(output: &Output, matrix: &KillMatrix, own: &Own) -> String {
    let mut text = String::new();
    let mut named = "";
    let kinds = matrix.rows.iter().map(|row| (row.kind, row.example, row.expected, row.got, row.why.as_deref()));
    let checks = own.checks.iter().map(|row| (&*row.check, &*row.example, row.expected, row.got, row.why.as_deref()));
    for (name, example, expected, got, why) in kinds.chain(checks) {
        if name != named {
            named = name;
            let _ = writeln!(text, "{}", output.strong(name));
        }
        let verdict = match got {
            Some(got) if got == expected => format!("{:14}", word(got)),
            Some(got) => format!("WRONG: must be {}, and is {}", word(expected), word(got)),
            None => format!("WRONG: {}", why.unwrap_or("nothing was said")),
        };
        let _ = writeln!(text, "  {verdict} {example}");
    }
    for kind in &matrix.unproven {
        let _ = writeln!(text, "{kind}: WRONG: no example shows that it can pass and that it can fail");
    }
    for check in &own.checks_unproven {
        let _ = writeln!(text, "{check}: WRONG: it has examples, and none shows that it can fail");
    }
    let held = matrix.rows.iter().filter(|row| row.holds()).count();
    let kinds = avouch_collect::kinds::ALL.len();
    let _ = writeln!(text, "\n{held} of {} examples judged as they must be, {kinds} kinds", matrix.rows.len());
    if !own.checks.is_empty() {
        let held = own.checks.iter().filter(|row| row.holds()).count();
        let _ = writeln!(text, "{held} of {} examples of your own checks judged as they must be", own.checks.len());
    }
    text
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Error => "error",
        Outcome::NotExercised => "not exercised",
    }
}

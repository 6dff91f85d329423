//! Every kind against its own examples: the kill matrix. A check that cannot fail is a defect.

use std::panic::{AssertUnwindSafe, catch_unwind};

use avouch_model::{Json, json::Object, state::Outcome};
use serde::Serialize;

use crate::{Kind, kinds};

/// One example put to the judge of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The kind's id.
    pub kind: &'static str,
    /// What the example shows.
    pub example: &'static str,
    /// What the judge must say.
    pub expected: Outcome,
    /// What it said; none when it could not read the example or panicked.
    pub got: Option<Outcome>,
    /// Why nothing was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Row {
    /// Whether the judge said what it must.
    pub fn holds(&self) -> bool {
        self.got == Some(self.expected)
    }
}

/// What the self-test of all kinds brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KillMatrix {
    /// One row an example, by kind.
    pub rows: Vec<Row>,
    /// Kinds without a passing or without a breaking example: that they can pass, or fail, is not shown.
    pub unproven: Vec<&'static str>,
}

impl KillMatrix {
    /// Whether every judge said what it must, and every kind was shown to pass and to fail.
    pub fn holds(&self) -> bool {
        self.unproven.is_empty() && !self.rows.is_empty() && self.rows.iter().all(Row::holds)
    }
}

/// Puts every example of every kind to its judge.
pub fn selftest() -> KillMatrix {
    matrix(kinds::ALL)
}

fn matrix(all: &[Kind]) -> KillMatrix {
    let shows = |kind: &Kind, wanted: fn(Outcome) -> bool| kind.examples.iter().any(|example| wanted(example.outcome));
    KillMatrix {
        rows: all.iter().flat_map(rows).collect(),
        unproven: all
            .iter()
            .filter(|kind| !shows(kind, |outcome| outcome == Outcome::Pass) || !shows(kind, |outcome| outcome == Outcome::Fail))
            .map(|kind| kind.id)
            .collect(),
    }
}

fn rows(kind: &Kind) -> impl Iterator<Item = Row> {
    kind.examples.iter().map(move |example| {
        let read = |text| serde_json::from_str::<Json>(text).map_err(|error| error.to_string());
        let said = read(example.asked).and_then(|asked| said(kind, &asked, &read(example.seen)?));
        Row { kind: kind.id, example: example.name, expected: example.outcome, got: said.as_ref().ok().copied(), why: said.err() }
    })
}

/// What a kind says of a transcript; why nothing, where it cannot read the question or the transcript.
fn said(kind: &Kind, asked: &Json, seen: &Json) -> Result<Outcome, String> {
    let (judge, accepts) = (kind.judge, kind.accepts);
    let judged = || {
        accepts(asked)?;
        judge(seen, asked).map(|judgement| judgement.outcome).map_err(|unasked| unasked.to_string())
    };
    catch_unwind(AssertUnwindSafe(judged)).unwrap_or_else(|_| Err("the judge panicked".to_owned()))
}

/// An example of a check of a profile put to the judge of its kind, with the check's own parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckRow {
    /// The check's id.
    pub check: String,
    /// What the example shows.
    pub example: String,
    /// What must be said of it.
    pub expected: Outcome,
    /// What was said; none when the transcript could not be read.
    pub got: Option<Outcome>,
    /// Why nothing was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl CheckRow {
    /// Whether the check said what it must.
    pub fn holds(&self) -> bool {
        self.got == Some(self.expected)
    }
}

/// Puts a transcript to a check that asks this kind with these parameters.
pub fn selftest_of(
    (check, kind, parameters): (&str, &str, &Object),
    (example, expected, seen): (&str, Outcome, &Json),
) -> CheckRow {
    let asked = Json::Object(parameters.clone());
    let said = match kinds::find(kind) {
        Some(kind) => said(kind, &asked, seen),
        None => Err(format!("no kind is named `{kind}`")),
    };
    let (got, why) = (said.as_ref().ok().copied(), said.err());
    CheckRow { check: check.to_owned(), example: example.to_owned(), expected, got, why }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::Example;

    #[test]
    fn every_judge_says_what_its_examples_demand() {
        let matrix = selftest();
        let wrong: Vec<_> = matrix.rows.iter().filter(|row| !row.holds()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(matrix.holds());
    }

    #[test]
    fn every_kind_can_pass_can_fail_and_does_not_pass_on_absence() {
        assert_eq!(selftest().unproven, Vec::<&str>::new());
        for kind in kinds::ALL {
            let breaking = kind.examples.iter().filter(|example| example.outcome != Outcome::Pass);
            assert!(breaking.count() >= 2, "`{}` has fewer than two breaking examples", kind.id);
            let absence = |example: &Example| matches!(example.outcome, Outcome::NotExercised | Outcome::Error);
            assert!(kind.examples.iter().any(absence), "`{}` does not show what it says of nothing", kind.id);
        }
    }

    #[test]
    fn a_kind_that_cannot_fail_is_a_defect() {
        let Some(kind) = kinds::ALL.first() else { return };
        let passing: Vec<Example> = kind.examples.iter().copied().filter(|one| one.outcome == Outcome::Pass).collect();
        let crippled = Kind { examples: Vec::leak(passing), ..*kind };
        let matrix = matrix(&[crippled]);
        assert_eq!(matrix.unproven, [kind.id]);
        assert!(!matrix.holds());
    }

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<_> = kinds::ALL.iter().map(|kind| kind.id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        for id in ids {
            assert_eq!(kinds::find(id).map(|kind| kind.id), Some(id));
        }
        assert!(kinds::find("no.such-kind").is_none());
    }

    /// The text of a slot that somebody filled.
    fn filled(json: &Json) -> Json {
        let slot = regex::Regex::new(r"\$\{[^}]+\}").unwrap();
        match json {
            // A slot that stands for a length of time is called a window.
            Json::Text(text) if text.ends_with("-window}") => Json::Text("1 second".to_owned()),
            Json::Text(text) => Json::Text(slot.replace_all(text, "x").into_owned()),
            Json::List(items) => Json::List(items.iter().map(filled).collect()),
            Json::Object(members) => Json::Object(members.iter().map(|(key, value)| (key.clone(), filled(value))).collect()),
            other => other.clone(),
        }
    }

    #[test]
    fn every_kind_accepts_what_the_built_in_profiles_ask_of_it() {
        use avouch_read::mapping::{builtin_profiles, builtins, load};
        let ids: Vec<&str> = kinds::ALL.iter().map(|kind| kind.id).collect();
        let catalogue = match load(&builtin_profiles(), &builtins(), &ids) {
            Ok(catalogue) => catalogue,
            Err(mistakes) => panic!("{:#?}", mistakes.iter().map(|one| one.line()).collect::<Vec<_>>()),
        };
        assert!(catalogue.checks.len() > 40);
        for check in &catalogue.checks {
            let kind = kinds::find(&check.kind).unwrap();
            let parameters = filled(&Json::Object(check.parameters.clone()));
            assert_eq!((kind.accepts)(&parameters), Ok(()), "{}", check.id);
        }
    }

    #[test]
    fn each_kind_has_its_file_and_its_page() {
        let room = Path::new(env!("CARGO_MANIFEST_DIR"));
        for kind in kinds::ALL {
            let file = room.join(format!("src/kinds/{}.rs", kind.id.replace(['.', '-'], "_")));
            assert!(file.exists() || file.with_extension("").is_dir(), "{}", file.display());
            let page = room.join(format!("../../docs/kinds/{}.md", kind.id.replace('.', "-")));
            assert_eq!(fs::read_to_string(&page).unwrap(), kind.explanation, "{}", page.display());
            let headings: Vec<_> = kind.explanation.lines().filter(|line| line.starts_with("## ")).collect();
            let expected = ["## What it asks", "## Why it matters", "## Evidence", "## Remedy"];
            assert_eq!(headings, expected, "{}", page.display());
            assert!(kind.explanation.starts_with(&format!("# `{}`\n", kind.id)), "{}", page.display());
            assert!(kind.question.ends_with('?'), "{}", kind.id);
        }
    }
}

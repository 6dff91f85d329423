//! Kinds of check: what each asks and why, and the defects that it is known to catch.

use avouch_model::state::Outcome;
use serde_json::{Value, json};

use crate::{
    escape::{Html, fill},
    language::Language,
    markdown,
    page::{Block, Page, Section, Shape, Table},
    path::name_in_path,
    pen::{Pen, marked},
    view::{Kill, KindText},
};

/// The register of kinds, with the kill matrix counted.
pub(crate) fn register(pen: &Pen<'_>) -> Page {
    let (site, w) = (pen.site, pen.w);
    let mut page = Page::new(Section::Controls, "kinds", w.kinds_title);
    page.crumbs.push(pen.link("controls", &w.controls_title));
    let all = site.view.kills;
    let right = all.iter().filter(|kill| kill.got == kill.expected).count() as u64;
    page.lede.push(Html::text(&fill(
        w.kinds_lede,
        &[
            ("kinds", &pen.lang.number(site.view.kinds.len() as u64)),
            ("n", &pen.lang.number(right)),
            ("m", &pen.lang.number(all.len() as u64)),
        ],
    )));
    let mut table =
        Table::new(w.kinds_caption, &[(w.kind, Shape::Text), (w.defects_caught, Shape::Count), (w.good_accepted, Shape::Count)]);
    for kind in site.view.kinds {
        let rows = site.kills.get(kind.id).map(Vec::as_slice).unwrap_or_default();
        let count = |passing: bool| {
            let of: Vec<_> = rows.iter().filter(|kill| (kill.expected == Outcome::Pass) == passing).collect();
            let right = of.iter().filter(|kill| kill.got == kill.expected).count();
            pen.of(right as u64, of.len() as u64)
        };
        table.row(vec![
            Html::format("{}<span class=\"how\">{}</span>", &[&pen.kind(kind.id), &pen.english(kind.question)]),
            count(false),
            count(true),
        ]);
    }
    page.table(table, w.kinds_empty);
    let kinds: Vec<Value> = site.view.kinds.iter().map(|kind| twin(pen, kind)).collect();
    page.twin = json!({ "v": 1, "kinds": kinds });
    page
}

/// The page of one kind.
pub(crate) fn page(pen: &Pen<'_>, kind: &KindText<'_>) -> Page {
    let (site, w) = (pen.site, pen.w);
    let mut page = Page::new(Section::Controls, format!("kinds/{}", name_in_path(kind.id)), kind.id);
    page.title_is_id = true;
    page.crumbs.push(pen.link("controls", &w.controls_title));
    page.crumbs.push(pen.link("kinds", &w.kinds_title));
    page.lede.push(pen.english(kind.question));
    let prose = markdown::render(without_title(kind.explanation));
    page.blocks.push(Block::Prose(match pen.lang {
        Language::En => prose,
        Language::Fr => Html::format("<div lang=\"en\">{}</div>", &[&prose]),
    }));
    page.heading(w.kill_matrix);
    let mut table =
        Table::new(w.kill_matrix_caption, &[(w.example, Shape::Text), (w.must_answer, Shape::Text), (w.answered, Shape::Text)]);
    for kill in site.kills.get(kind.id).into_iter().flatten() {
        table.row(vec![
            Html::format("<span class=\"what plain\">{}</span>", &[&pen.english(kill.example)]),
            Html::text(outcome_word(pen, kill.expected)),
            answered(pen, kill),
        ]);
    }
    page.table(table, w.kill_matrix_empty);
    page.heading(w.asked_by);
    let checks: Vec<Html> = site
        .view
        .scope
        .catalogue
        .checks
        .iter()
        .filter(|check| check.kind == kind.id)
        .map(|check| {
            Html::format(
                "{} {}",
                &[&pen.state(site.check_state(&check.id)), &crate::pages::requirement::check_link(pen, &check.id)],
            )
        })
        .collect();
    if checks.is_empty() {
        page.note(Html::text(w.asked_by_nothing));
    } else {
        page.blocks.push(Block::List(checks));
    }
    page.twin = twin(pen, kind);
    page
}

/// The explanation below its own title, which the page has already.
fn without_title(explanation: &str) -> &str {
    match explanation.split_once('\n') {
        Some((title, rest)) if title.starts_with("# ") => rest,
        _ => explanation,
    }
}

/// What the judge said, and whether it had to.
fn answered(pen: &Pen<'_>, kill: &Kill<'_>) -> Html {
    let word = outcome_word(pen, kill.got);
    if kill.got == kill.expected {
        Html::format("{}, {}", &[&word, &marked("pass", pen.w.as_it_must)])
    } else {
        Html::format("{}, {}", &[&word, &marked("fail", pen.w.wrongly)])
    }
}

const fn outcome_word(pen: &Pen<'_>, outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => pen.w.outcome_pass,
        Outcome::Fail => pen.w.outcome_fail,
        Outcome::Error => pen.w.outcome_error,
        Outcome::NotExercised => pen.w.outcome_not_exercised,
    }
}

fn twin(pen: &Pen<'_>, kind: &KindText<'_>) -> Value {
    let kills: Vec<Value> = pen
        .site
        .kills
        .get(kind.id)
        .into_iter()
        .flatten()
        .map(|kill| json!({ "example": kill.example, "expected": kill.expected, "got": kill.got }))
        .collect();
    json!({ "v": 1, "id": kind.id, "question": kind.question, "examples": kills })
}

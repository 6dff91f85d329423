//! Retention: what is kept how long, and the proof that nothing older is left.

use avouch_model::{
    assessment::{RetentionFinding, Trend},
    receipt::{Ended, Enforcement, Fate, Receipt, Told},
    state::State,
};
use serde_json::json;

use crate::{
    escape::{Html, fill},
    page::{Block, Page, Section, Shape, Table},
    pages::overview::humane_rule,
    path::name_in_path,
    pen::{Pen, marked},
};

/// The page.
pub(crate) fn page(pen: &Pen<'_>) -> Page {
    let w = pen.w;
    let findings = &pen.site.view.assessment.retention;
    let mut page = Page::new(Section::Retention, "retention", w.retention_title);
    let holding = findings.iter().filter(|finding| finding.state == State::Pass).count() as u64;
    page.lede.push(Html::text(&fill(
        w.retention_lede,
        &[("n", &pen.lang.number(holding)), ("m", &pen.lang.number(findings.len() as u64))],
    )));
    page.paragraph(Html::text(w.retention_about));
    rules(pen, &mut page);
    for finding in sorted(findings) {
        rule(pen, &mut page, finding);
    }
    page.twin = json!({ "v": 1, "as_of": pen.site.view.assessment.as_of, "retention": findings });
    page
}

/// The rules; where there are none, the claims that wait for one: they are promised all the same.
pub(crate) fn rules(pen: &Pen<'_>, page: &mut Page) {
    let catalogue = &pen.site.view.scope.catalogue;
    let is_of_retention = |id: &str| catalogue.check(id).is_some_and(|check| check.kind.starts_with("retention."));
    let waiting = catalogue.claims.iter().filter(|claim| claim.deciding().any(is_of_retention));
    let waiting: Vec<Html> = waiting.map(|claim| pen.localised(&claim.statement)).collect();
    if pen.site.view.assessment.retention.is_empty() && !waiting.is_empty() {
        page.note(Html::fill(pen.w.retention_waiting, &[("claims", &Html::join(waiting, " "))]));
    } else {
        page.table(table(pen), pen.w.retention_empty);
    }
}

/// The rules, those that do not hold first.
pub(crate) fn table(pen: &Pen<'_>) -> Table {
    let w = pen.w;
    let mut table = Table::new(
        w.retention_caption,
        &[
            (w.data, Shape::Text),
            (w.kept_for, Shape::Text),
            (w.removed_30_days, Shape::Count),
            (w.oldest_row, Shape::Figure),
            (w.proof, Shape::Text),
        ],
    );
    for finding in sorted(&pen.site.view.assessment.retention) {
        let oldest = finding.last.as_ref().and_then(|(_, receipt)| receipt.oldest_after);
        let removed = finding.last.as_ref().map(|(_, receipt)| receipt.removed());
        let unknown = finding.deleted_30_days == 0 && removed == Some(Told::Unknown);
        let digest = finding.last.as_ref().map_or_else(Html::default, |(digest, _)| pen.evidence(digest, ""));
        let href = format!("{}#{}", pen.page("retention"), name_in_path(&finding.promise.rule));
        table.row(vec![
            Html::format("<a href=\"{}\">{}</a>", &[&href, &humane_rule(&finding.promise.rule)]),
            Html::text(&pen.lang.span(finding.promise.keep)),
            if unknown { pen.nothing() } else { pen.number(finding.deleted_30_days) },
            oldest.map_or_else(|| pen.nothing(), |day| pen.day_short(day)),
            Html::format("{} {}", &[&holds(pen, finding.state), &digest]),
        ]);
    }
    table
}

fn sorted(findings: &[RetentionFinding]) -> Vec<&RetentionFinding> {
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.state);
    sorted
}

/// A rule that passes "holds".
fn holds(pen: &Pen<'_>, state: State) -> Html {
    match state {
        State::Pass => marked("pass", pen.w.holds),
        State::Fail => marked("fail", pen.w.does_not_hold),
        _ => pen.state(state),
    }
}

fn rule(pen: &Pen<'_>, page: &mut Page, finding: &RetentionFinding) {
    let w = pen.w;
    let promise = &finding.promise;
    page.blocks.push(Block::Heading { id: name_in_path(&promise.rule), text: Html::text(&humane_rule(&promise.rule)) });
    let who = match promise.enforce {
        Enforcement::Avouch => w.enforced_here,
        Enforcement::Product => w.enforced_by_product,
    };
    page.paragraph(Html::format(
        "{} {}",
        &[&fill(w.retention_promise, &[("keep", &pen.lang.span(promise.keep)), ("lag", &pen.lang.span(promise.max_lag))]), &who],
    ));
    let fate = match promise.fate {
        Fate::Deleted => None,
        Fate::Anonymised => Some(w.fate_anonymised),
        Fate::Archived => Some(w.fate_archived),
    };
    let exceptions = [
        (promise.exceptions.part, w.exception_part),
        (promise.exceptions.hold, w.exception_hold),
        (promise.exceptions.tenants, w.exception_tenants),
    ];
    let said: Vec<&str> = fate.into_iter().chain(exceptions.iter().filter(|(is, _)| *is).map(|(_, words)| *words)).collect();
    if !said.is_empty() {
        page.paragraph(Html::text(&said.join(" ")));
    }
    if finding.lag_is_large {
        page.note(Html::text(w.lag_is_large));
    }
    match &finding.last {
        Some((digest, receipt)) => {
            let mut facts = vec![(w.state.to_owned(), holds(pen, finding.state))];
            facts.extend(receipt_facts(pen, receipt));
            facts.extend(course(pen, finding));
            if receipt.outlasted_lag() {
                page.note(Html::text(w.gap_outlasted_lag));
            }
            if receipt.holds && !receipt.exercised {
                page.note(Html::text(w.retention_of_nothing));
            }
            facts.push((w.evidence.to_owned(), pen.evidence(digest, "")));
            page.blocks.push(Block::Facts(facts));
        }
        None => page.paragraph(Html::format("{} {}", &[&holds(pen, finding.state), &w.no_receipt])),
    }
}

/// What the last receipts say together.
fn course(pen: &Pen<'_>, finding: &RetentionFinding) -> Vec<(String, Html)> {
    let w = pen.w;
    let trend = finding.trend.map(|trend| match trend {
        Trend::Falling => w.trend_falling,
        Trend::Steady => w.trend_steady,
        Trend::Rising => w.trend_rising,
    });
    let backlog = match finding.backlog_days {
        None => Html::text(w.not_known),
        Some(0) => Html::text(w.backlog_none),
        Some(days) => Html::text(&pen.lang.span(avouch_model::Span::Seconds(days.saturating_mul(86_400)))),
    };
    let mut facts = vec![(w.backlog.to_owned(), backlog)];
    facts.extend(trend.map(|trend| (w.overdue_trend.to_owned(), Html::text(trend))));
    facts.extend(finding.due_by.map(|by| (w.due_by.to_owned(), pen.instant_short(by))));
    if finding.missed_slots > 0 {
        facts.push((w.slots_missed.to_owned(), pen.number(finding.missed_slots)));
    }
    facts
}

/// What a receipt says, name by name.
pub(crate) fn receipt_facts(pen: &Pen<'_>, receipt: &Receipt) -> Vec<(String, Html)> {
    let w = pen.w;
    let count = |told: Told, few: &str| match told {
        Told::Counted(count) => pen.number(count),
        Told::Few => Html::text(few),
        Told::Unknown => Html::text(w.not_known),
    };
    // A run that failed may never have seen a row.
    let no_day = if receipt.ended == Ended::Failed { w.not_known } else { w.not_told };
    let few_days = |day: Option<_>| day.map_or_else(|| Html::text(no_day), |day| pen.day_short(day));
    let ended = match receipt.ended {
        Ended::Done => w.ended_done,
        Ended::Fused => w.ended_fused,
        Ended::Failed => w.ended_failed,
    };
    let gap = match (receipt.runs, receipt.gap_seconds_max) {
        (0 | 1, 0) => w.gap_of_one_run.to_owned(),
        (_, seconds) => pen.lang.span(avouch_model::Span::Seconds(seconds)),
    };
    let (runs, failures) = (pen.lang.number(receipt.runs), pen.lang.number(receipt.failures));
    let runs = if receipt.failures == 0 {
        fill(pen.lang.plural(receipt.runs, w.runs_well_one, w.runs_well_many), &[("n", &runs)])
    } else {
        fill(w.runs_of_which_failed, &[("n", &runs), ("m", &failures)])
    };
    let mut facts = vec![
        (w.looked_at.to_owned(), Html::format("{} – {}", &[&pen.instant_short(receipt.from), &pen.instant_short(receipt.to)])),
        (w.runs.to_owned(), Html::text(&runs)),
        (w.longest_gap.to_owned(), Html::text(&gap)),
        (w.rows_removed.to_owned(), count(receipt.removed(), w.fewer_than_five)),
        (w.cutoff.to_owned(), pen.instant_short(receipt.cutoff)),
        (w.rows_due_after.to_owned(), count(receipt.due(), w.fewer_than_five)),
        (w.rows_overdue_after.to_owned(), count(receipt.overdue(), w.a_few)),
        (w.oldest_row.to_owned(), few_days(receipt.oldest_after)),
        (w.newest_removed.to_owned(), few_days(receipt.newest_deleted)),
        (w.ended.to_owned(), Html::text(ended)),
    ];
    facts.extend(receipt.children.map(|rows| (w.children_removed.to_owned(), pen.number(rows))));
    facts.extend(receipt.held.map(|rows| (w.rows_held.to_owned(), pen.number(rows))));
    facts.extend(receipt.undated.map(|rows| (w.rows_undated.to_owned(), pen.number(rows))));
    facts.extend(receipt.future.map(|rows| (w.rows_future.to_owned(), pen.number(rows))));
    facts.extend(receipt.strays.map(|objects| (w.strays.to_owned(), pen.number(objects))));
    let restorable = match receipt.recovery_window.zip(receipt.recoverable_until()) {
        None => Html::text(w.recovery_not_stated),
        Some((window, until)) => {
            Html::format("{} {}", &[&fill(w.recovery_for, &[("window", &pen.lang.span(window))]), &pen.instant_short(until)])
        }
    };
    facts.push((w.recovery.to_owned(), restorable));
    facts.extend(receipt.erased.map(|erased| (w.erased.to_owned(), Html::text(if erased { w.erased_yes } else { w.erased_no }))));
    facts
}

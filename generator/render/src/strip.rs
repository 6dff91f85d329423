//! Ninety days at a glance: one mark a day, its shape and its colour saying the same, and the same data as a table.

use avouch_model::{Timestamp, assessment::Mark, state::State};

use crate::{
    escape::{Html, fill},
    pen::Pen,
};

const DAYS: usize = 90;
const DAY_SECONDS: i64 = 86_400;

/// What a day showed: nothing recorded yet, nobody asked, or the worst state of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Before,
    NotRun,
    State(State),
}

/// The days to `as_of`, oldest first, over the histories of several checks.
fn days<'a>(histories: impl Iterator<Item = &'a [Mark]>, as_of: Timestamp) -> Vec<Shown> {
    let first_day = as_of.midnight().plus_seconds(-(DAYS as i64 - 1) * DAY_SECONDS);
    let mut worst: Vec<Option<State>> = vec![None; DAYS];
    for mark in histories.flatten() {
        let day = mark.at.seconds_since(first_day).div_euclid(DAY_SECONDS);
        let slot = usize::try_from(day).ok().and_then(|day| worst.get_mut(day));
        if let Some(slot) = slot.filter(|_| mark.at <= as_of) {
            *slot = Some(slot.map_or(mark.state, |state| state.min(mark.state)));
        }
    }
    let mut begun = false;
    worst
        .into_iter()
        .map(|state| {
            begun |= state.is_some();
            match state {
                None if begun => Shown::NotRun,
                None => Shown::Before,
                Some(State::NoData) => Shown::NotRun,
                Some(state) => Shown::State(state),
            }
        })
        .collect()
}

/// The strip as a figure's contents; none when nothing was asked in ninety days.
pub(crate) fn figure<'a>(pen: &Pen<'_>, histories: impl Iterator<Item = &'a [Mark]>) -> Option<Html> {
    let as_of = pen.site.view.assessment.as_of;
    let days = days(histories, as_of);
    if !days.iter().any(|day| matches!(day, Shown::State(_))) {
        return None;
    }
    let count = |wanted: fn(&Shown) -> bool| days.iter().filter(|day| wanted(day)).count() as u64;
    let passed = count(|day| matches!(day, Shown::State(State::Pass)));
    let failed = count(|day| matches!(day, Shown::State(State::Fail)));
    let missed = count(|day| matches!(day, Shown::NotRun));
    let before = count(|day| matches!(day, Shown::Before));
    let other = DAYS as u64 - passed - failed - missed - before;
    let w = pen.w;
    let part = |count: u64, one: &'static str, many: &'static str| {
        (count > 0).then(|| fill(pen.lang.plural(count, one, many), &[("n", &pen.lang.number(count))]))
    };
    let parts: Vec<String> = [
        part(passed, w.days_passed_one, w.days_passed_many),
        part(failed, w.days_failed_one, w.days_failed_many),
        part(other, w.days_other_one, w.days_other_many),
        part(missed, w.days_missed_one, w.days_missed_many),
        part(before, w.days_before_one, w.days_before_many),
    ]
    .into_iter()
    .flatten()
    .collect();
    let sentence = fill(w.strip_sentence, &[("day", &pen.lang.day(as_of.day())), ("parts", &parts.join(", "))]);
    let marks = Html::join(days.iter().enumerate().map(|(at, day)| mark(at, *day)), "");
    Some(Html::format(
        "<figcaption>{}</figcaption><svg viewBox=\"0 0 900 30\" role=\"img\" aria-labelledby=\"_strip\"><title id=\"_strip\">{}</title>{}</svg><details><summary>{}</summary>{}</details>",
        &[&sentence, &sentence, &marks, &w.as_table, &table(pen, &days, as_of)],
    ))
}

/// A full bar passed, a taller bar with a notch failed, a half bar is neither, a hollow one was not run.
fn mark(at: usize, day: Shown) -> Html {
    let x = (at * 10 + 1) as u64;
    match day {
        Shown::Before => Html::format("<path class=\"b-soft\" d=\"M{} 15h8v2h-8z\"/>", &[&x]),
        Shown::NotRun => Html::format("<path class=\"b-none\" d=\"M{} 8.5h7v15h-7z\"/>", &[&Html::format("{}.5", &[&x])]),
        Shown::State(State::Pass) => Html::format("<path class=\"b-pass\" d=\"M{} 8h8v16h-8z\"/>", &[&x]),
        Shown::State(State::Fail) => Html::format("<path class=\"b-fail\" d=\"M{} 1h8v28h-8z\"/>", &[&x]),
        Shown::State(State::NoData | State::NotConfigured | State::Planned | State::NotApplicable) => {
            Html::format("<path class=\"b-none\" d=\"M{} 8.5h7v15h-7z\"/>", &[&Html::format("{}.5", &[&x])])
        }
        Shown::State(_) => Html::format("<path class=\"b-unsure\" d=\"M{} 16h8v8h-8z\"/>", &[&x]),
    }
}

/// Days in a row that showed the same make one row, newest first.
fn table(pen: &Pen<'_>, days: &[Shown], as_of: Timestamp) -> Html {
    let w = pen.w;
    let first_day = as_of.midnight().plus_seconds(-(DAYS as i64 - 1) * DAY_SECONDS);
    let day_at = |at: usize| first_day.plus_seconds(at as i64 * DAY_SECONDS).day();
    let mut rows = Vec::new();
    let mut start = 0;
    for chunk in days.chunk_by(|left, right| left == right) {
        let end = start + chunk.len() - 1;
        let from = pen.day_short(day_at(start));
        let span = if start == end { from } else { Html::format("{} – {}", &[&from, &pen.day_short(day_at(end))]) };
        let state = match chunk.first() {
            Some(Shown::State(state)) => pen.state(*state),
            Some(Shown::NotRun) => Html::format("<span class=\"state untested\">{}</span>", &[&w.not_run]),
            _ => Html::format("<span class=\"muted\">{}</span>", &[&w.not_yet_recorded]),
        };
        let count = pen.lang.number(chunk.len() as u64);
        rows.push(Html::format(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"r num\">{}</td></tr>",
            &[&span, &state, &count],
        ));
        start = end + 1;
    }
    rows.reverse();
    Html::format(
        "<table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\" class=\"r\">{}</th></tr></thead><tbody>{}</tbody></table>",
        &[&w.days, &w.state, &w.days_count, &Html::join(rows, "")],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(day: i64, state: State) -> Mark {
        Mark { at: Timestamp::from_unix(day * DAY_SECONDS + 3_600), state }
    }

    #[test]
    fn a_day_shows_its_worst_and_a_day_without_a_run_is_not_a_pass() {
        let as_of = Timestamp::from_unix(1_000 * DAY_SECONDS + 7_200);
        let marks = [
            mark(998, State::Pass),
            mark(1_000, State::Pass),
            mark(1_000, State::Fail),
            mark(1_001, State::Pass),
            mark(10, State::Pass),
        ];
        let days = days([marks.as_slice()].into_iter(), as_of);
        assert_eq!(days.len(), DAYS);
        assert_eq!(days[86..], [Shown::Before, Shown::State(State::Pass), Shown::NotRun, Shown::State(State::Fail)]);
    }
}

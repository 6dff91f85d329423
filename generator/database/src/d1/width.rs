//! How wide a window is: a range of keys, in which so many rows are hoped for.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use crate::Value;

/// A range of times is begun with as this part of what lies before the cut-off.
const PART: f64 = 256.0;
/// How much wider or narrower the next window is at most.
const WIDER_MAX: f64 = 4.0;
const NARROWER_MAX: f64 = 1.0 / 8.0;

/// The width in units of the key: rowids, or those that the times are written in; seconds where they are texts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Width(f64);

impl Width {
    /// So many rowids hold no more rows.
    pub(super) fn of_rows(rows: u64) -> Self {
        Self(rows.max(1) as f64)
    }

    /// A small part of the times from here to there.
    pub(super) fn of_times(from: &Value, end: &Value) -> Self {
        let span = position(from).zip(position(end)).map_or(0.0, |(from, end)| end - from);
        Self((span / PART).max(smallest(from)))
    }

    /// After a window in which `seen` rows were met, where `rows` were wanted.
    pub(super) fn after(self, seen: u64, rows: u64) -> Self {
        let factor = (rows.max(1) as f64 / seen.max(1) as f64).clamp(NARROWER_MAX, WIDER_MAX);
        Self((self.0 * factor).clamp(f64::MIN_POSITIVE, 9e18))
    }

    /// A quarter; none when the window cannot be narrower.
    pub(super) fn narrower(self, from: &Value) -> Option<Self> {
        let smallest = smallest(from);
        (self.0 > smallest).then(|| Self((self.0 / 4.0).max(smallest)))
    }

    /// Where a window that begins here ends; none when that is not before `end`, or nobody can say.
    pub(super) fn end(self, from: &Value, end: Option<&Value>) -> Option<Value> {
        let width = self.0.max(smallest(from));
        let to = match from {
            // The cast holds what is too large at the bound.
            Value::Integer(from) => Value::Integer(from.checked_add(width as i64)?),
            // What is added may be too little to change it.
            Value::Real(from) => Value::Real((from + width).max(from.next_up())),
            Value::Text(text) => Value::Text(later(text, width)?),
            Value::Null | Value::BrokenText(_) | Value::Blob(_) => return None,
        };
        let is_before = |end: &Value| match (&to, end) {
            (Value::Text(to), Value::Text(end)) => to < end,
            (to, end) => position(to).zip(position(end)).is_some_and(|(to, end)| to < end),
        };
        end.is_none_or(is_before).then_some(to)
    }
}

/// What a window cannot be narrower than.
fn smallest(from: &Value) -> f64 {
    match from {
        Value::Text(text) if text.len() < 19 => 86_400.0,
        // A second in Julian days.
        Value::Real(_) => 1.0 / 86_400.0,
        _ => 1.0,
    }
}

/// The moment that a text begins with, `2026-11-21T06:02:00` or `2026-11-21`, and what is between day and time.
fn moment(text: &str) -> Option<(NaiveDateTime, Option<char>)> {
    let day: NaiveDate = text.get(..10)?.parse().ok()?;
    match text.get(10..11).and_then(|between| between.chars().next()) {
        None => Some((day.and_hms_opt(0, 0, 0)?, None)),
        Some(between) => {
            // A leap second is the second before, as everywhere.
            let time = text.get(11..19)?.replace(":60", ":59");
            Some((day.and_time(time.parse().ok()?), Some(between)))
        }
    }
}

fn later(text: &str, seconds: f64) -> Option<String> {
    let (moment, between) = moment(text)?;
    let later = moment.checked_add_signed(TimeDelta::try_seconds(seconds.min(1e11) as i64)?)?;
    let written = match between {
        None => later.format("%Y-%m-%d").to_string(),
        Some(between) => later.format(&format!("%Y-%m-%d{between}%H:%M:%S")).to_string(),
    };
    // Texts are compared as texts: whatever follows the second, the end lies behind the beginning.
    (written.as_str() > text).then_some(written)
}

fn position(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Real(number) => Some(*number),
        Value::Text(text) => moment(text).map(|(moment, _)| moment.and_utc().timestamp() as f64),
        Value::Null | Value::BrokenText(_) | Value::Blob(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_behind_its_beginning_and_before_the_cutoff() {
        for (from, end, expected) in [
            (Value::Integer(100), Value::Integer(1_000), Some(Value::Integer(160))),
            (Value::Integer(100), Value::Integer(160), None),
            (Value::Integer(i64::MAX), Value::Integer(i64::MAX), None),
            (Value::Real(0.5), Value::Integer(100), Some(Value::Real(60.5))),
            ("2026-11-21T06:02:00.25Z".into(), "2026-11-22T00:00:00".into(), Some("2026-11-21T06:03:00".into())),
            ("2026-11-21 23:59:30".into(), "2026-11-22 00:00:30".into(), None),
            ("2026-11-21".into(), "2026-11-30".into(), Some("2026-11-22".into())),
            ("soon".into(), "2026-11-30".into(), None),
            (Value::Null, Value::Integer(1), None),
        ] {
            assert_eq!(Width(60.0).end(&from, Some(&end)), expected, "{from:?}");
        }
        assert_eq!(Width(0.0).end(&Value::Real(1.8e15), None), Some(Value::Real(1.8e15 + 0.25)));
        assert_eq!(Width::of_rows(7).end(&Value::Integer(3), None), Some(Value::Integer(10)));
        assert_eq!(Width(0.25).end(&Value::Integer(3), None), Some(Value::Integer(4)));
    }

    #[test]
    fn a_width_follows_what_is_met_and_comes_to_an_end() {
        assert_eq!(Width::of_times(&Value::Integer(0), &Value::Integer(25_600)), Width(100.0));
        let width = Width(100.0);
        assert_eq!((width.after(50, 100), width.after(0, 100), width.after(9_999, 1)), (Width(200.0), Width(400.0), Width(12.5)));
        let mut narrower = vec![Width(100.0)];
        while let Some(next) = narrower.last().unwrap().narrower(&Value::Integer(0)) {
            narrower.push(next);
        }
        assert_eq!(narrower.len(), 5);
        assert_eq!(Width(90_000.0).narrower(&"2026-11-21".into()), Some(Width(86_400.0)));
    }
}

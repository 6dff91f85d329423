//! Schedules: six-field cron expressions in UTC, the slots they name and the longest time between two of them.

use avouch_model::{Span, Timestamp};
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

/// The slots of a cron expression with six fields (second, minute, hour, day, month, weekday), in UTC.
///
/// UTC has no daylight saving, so a slot is neither lost nor doubled twice a year.
#[derive(Clone, Debug)]
pub struct Slots {
    cron: Cron,
}

/// The text is not a cron expression with six fields that names slots at least once a year.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a schedule: write six fields in UTC, such as `0 0 3 * * *` (second minute hour day month weekday)")]
pub struct NotASchedule(pub String);

impl Slots {
    /// How many slots are looked at for the longest gap: enough for every pattern within a week at one slot a minute.
    const LOOKED_AT: usize = 12_000;

    /// Reads an expression.
    ///
    /// # Errors
    /// When it has not six fields, or names no slot within five years.
    pub fn parse(text: &str) -> Result<Self, NotASchedule> {
        let wrong = || NotASchedule(text.to_owned());
        // The parser knows nicknames such as `@daily`, whose fields a reader cannot see.
        if text.split_whitespace().count() != 6 {
            return Err(wrong());
        }
        let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).build();
        let slots = Self { cron: parser.parse(text).map_err(|_| wrong())? };
        let start = Timestamp::from_unix(1_767_225_600);
        let first = slots.after(start).ok_or_else(wrong)?;
        if first.seconds_since(start) > 5 * 366 * 86_400 { Err(wrong()) } else { Ok(slots) }
    }

    /// The first slot after this instant; none when there is none in the years that a calendar holds.
    pub fn after(&self, instant: Timestamp) -> Option<Timestamp> {
        self.cron.find_next_occurrence(&instant.chrono(), false).ok().map(Timestamp::from_chrono)
    }

    /// The last slot at this instant or before it; none when there is none in the years that a calendar holds.
    pub fn last(&self, instant: Timestamp) -> Option<Timestamp> {
        self.cron.find_previous_occurrence(&instant.chrono(), true).ok().map(Timestamp::from_chrono)
    }

    /// The slots after `from`, up to and including `to`, oldest first, at most `most`.
    pub fn between(&self, from: Timestamp, to: Timestamp, most: usize) -> Vec<Timestamp> {
        let slots = std::iter::successors(self.after(from), |slot| self.after(*slot));
        slots.take_while(|slot| *slot <= to).take(most).collect()
    }

    /// The longest time between two slots that follow each other, over the two years from 2026 (or fewer, when the slots
    /// are many). The default of a retention rule's `max_lag`.
    pub fn longest_gap(&self) -> Span {
        let start = Timestamp::from_unix(1_767_225_600);
        let end = start.plus_seconds(2 * 366 * 86_400);
        let slots = self.between(start, end, Self::LOOKED_AT);
        let gaps = slots.iter().zip(slots.iter().skip(1)).map(|(earlier, later)| later.seconds_since(*earlier));
        Span::Seconds(gaps.max().and_then(|gap| u64::try_from(gap).ok()).unwrap_or(366 * 86_400))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike as _, Timelike as _};
    use proptest::prelude::*;

    use super::*;

    /// One field of an expression: how it is written, and the numbers that it names.
    type Field = (String, Vec<u32>);

    /// A field of numbers from `first` to `last`, written in the ways that people write.
    fn field(first: u32, last: u32) -> impl Strategy<Value = Field> {
        let number = first..=last;
        prop_oneof![
            2 => Just(("*".to_owned(), (first..=last).collect())),
            3 => number.clone().prop_map(|number| (number.to_string(), vec![number])),
            2 => (number.clone(), number.clone()).prop_map(|(one, other)| {
                let (low, high) = (one.min(other), one.max(other));
                (format!("{low}-{high}"), (low..=high).collect())
            }),
            2 => proptest::collection::btree_set(number, 1..5).prop_map(|numbers| {
                let written: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                (written.join(","), numbers.into_iter().collect())
            }),
            1 => (2..7_u32).prop_map(move |step| (format!("*/{step}"), (first..=last).step_by(step as usize).collect())),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// Held against an oracle that walks minute by minute and looks at each whether the fields name it. The days around the
        /// ends of summer time in Europe and America, of February and of the year are among the beginnings.
        #[test]
        fn slots_are_the_minutes_that_the_fields_name(
            (minute, hour, day, month, weekday) in (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)),
            begin in prop_oneof![
                Just("2026-03-28T22:00:00Z"), Just("2026-10-24T22:00:00Z"), Just("2026-11-01T00:00:00Z"), Just("2027-03-14T00:00:00Z"),
                Just("2026-12-31T12:00:00Z"), Just("2028-02-28T12:00:00Z"),
            ],
            offset in 0..90_i64,
        ) {
            let expression = format!("0 {} {} {} {} {}", minute.0, hour.0, day.0, month.0, weekday.0);
            let Ok(slots) = Slots::parse(&expression) else { return Ok(()) };
            let from = begin.parse::<Timestamp>().unwrap().plus_seconds(offset);
            let to = from.plus_seconds(4 * 86_400);
            // A day is named by its number or by its weekday, as cron has it, where neither is `*` alone.
            let is_day = |at: chrono::DateTime<chrono::Utc>| {
                let by_number = day.1.contains(&at.day());
                let by_weekday = weekday.1.contains(&at.weekday().num_days_from_sunday());
                let either = day.0 != "*" && weekday.0 != "*";
                if either { by_number || by_weekday } else { by_number && by_weekday }
            };
            let named: Vec<Timestamp> = (from.unix() + 1..=to.unix())
                .filter(|second| second % 60 == 0)
                .map(Timestamp::from_unix)
                .filter(|at| {
                    let at = at.chrono();
                    month.1.contains(&at.month()) && is_day(at) && hour.1.contains(&at.hour()) && minute.1.contains(&at.minute())
                })
                .collect();
            let found = slots.between(from, to, usize::MAX);
            let other = found.iter().zip(&named).find(|(found, named)| found != named);
            prop_assert!(found == named, "{}: {} and {} slots, {:?}", expression, found.len(), named.len(), other);
            if let Some(last) = named.last() {
                prop_assert_eq!(slots.last(to), Some(*last), "{}", expression);
                prop_assert_eq!(slots.last(*last), Some(*last), "{}", expression);
            }
        }
    }

    fn gap(text: &str) -> String {
        Slots::parse(text).unwrap().longest_gap().to_string()
    }

    #[test]
    fn the_longest_gap_is_found() {
        assert_eq!(gap("0 */15 * * * *"), "15 minutes");
        assert_eq!(gap("0 0 3 * * *"), "1 day");
        assert_eq!(gap("0 0 3 * * MON-FRI"), "3 days");
        assert_eq!(gap("0 0 8-17 * * *"), "15 hours");
        assert_eq!(gap("0 0 0 1 * *"), "31 days");
    }

    #[test]
    fn what_is_not_six_fields_is_refused() {
        for text in ["", "0 3 * * *", "@daily", "0 0 25 * * *", "0 0 0 30 2 *", "a b c d e f", "0 0 3 * * * 2027"] {
            assert!(Slots::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn slots_between_two_instants_leave_the_first_out_and_take_the_last_in() {
        let slots = Slots::parse("0 0 3 * * *").unwrap();
        let found = slots.between("2026-11-20T03:00:00Z".parse().unwrap(), "2026-11-22T03:00:00Z".parse().unwrap(), 10);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2026-11-21T03:00:00Z", "2026-11-22T03:00:00Z"]);
    }
}

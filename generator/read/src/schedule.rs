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
    use super::*;

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

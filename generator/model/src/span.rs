//! Lengths of time as people promise them: `24 months`, `90 days`, `2 hours`. The unit is mandatory.

use std::{fmt, str::FromStr};

use chrono::Months;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// A length of time: calendar months, or exact seconds.
///
/// Twenty-four months are not 730 days. Calendar units are counted on the calendar from 00:00 UTC and clamped to the
/// last day of a shorter month, so that a cut-off never moves backwards as the day goes by; exact units are exact.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    /// Calendar months; a year is twelve.
    Months(u32),
    /// Exact seconds; a day is 86,400.
    Seconds(u64),
}

/// The text is not a number and a unit.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a length of time: write a whole number and a unit, such as `90 days`, `24 months`, `2h`, `15 minutes` or `30s`"
)]
pub struct NotASpan(pub String);

impl Span {
    /// The longest length accepted: 1,000 years.
    const MONTHS_MAX: u32 = 12_000;

    /// The instant this long before `now`: the cut-off. Rows strictly older than it are over their time.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Months(months) => {
                let start = now.midnight().chrono();
                start.checked_sub_months(Months::new(months)).map_or(Timestamp::from_unix(i64::MIN), Timestamp::from_chrono)
            }
            Self::Seconds(seconds) => now.plus_seconds(-i64::try_from(seconds).unwrap_or(i64::MAX)),
        }
    }

    /// The instant this long after `start` (calendar units are added to the instant itself).
    pub fn after(self, start: Timestamp) -> Timestamp {
        match self {
            Self::Months(months) => start
                .chrono()
                .checked_add_months(Months::new(months))
                .map_or(Timestamp::from_unix(i64::MAX), Timestamp::from_chrono),
            Self::Seconds(seconds) => start.plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)),
        }
    }

    /// At least this many seconds: a month counts as 28 days. For comparing a lag with a promise, never for deleting.
    pub const fn seconds_min(self) -> u64 {
        match self {
            Self::Months(months) => months as u64 * 28 * 86_400,
            Self::Seconds(seconds) => seconds,
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match *self {
            Self::Months(months) if months % 12 == 0 && months > 24 => (u64::from(months / 12), "year"),
            Self::Months(months) => (u64::from(months), "month"),
            Self::Seconds(seconds) if seconds % 86_400 == 0 && seconds > 0 => (seconds / 86_400, "day"),
            Self::Seconds(seconds) if seconds % 3_600 == 0 && seconds > 0 => (seconds / 3_600, "hour"),
            Self::Seconds(seconds) if seconds % 60 == 0 && seconds > 0 => (seconds / 60, "minute"),
            Self::Seconds(seconds) => (seconds, "second"),
        };
        write!(formatter, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotASpan(text.to_owned());
        let split = text.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
        let count: u64 = text[..split].parse().map_err(|_| wrong())?;
        let seconds = |each: u64| {
            let limit = u64::from(Self::MONTHS_MAX) * 31 * 86_400;
            count.checked_mul(each).filter(|total| *total <= limit).map(Self::Seconds).ok_or_else(wrong)
        };
        let months = |each: u32| {
            let total = u32::try_from(count).ok().and_then(|count| count.checked_mul(each));
            total.filter(|total| *total <= Self::MONTHS_MAX).map(Self::Months).ok_or_else(wrong)
        };
        match text[split..].trim_start() {
            "s" | "second" | "seconds" => seconds(1),
            "min" | "minute" | "minutes" => seconds(60),
            "h" | "hour" | "hours" => seconds(3_600),
            "d" | "day" | "days" => seconds(86_400),
            "w" | "week" | "weeks" => seconds(7 * 86_400),
            "month" | "months" => months(1),
            "y" | "year" | "years" => months(12),
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(span: &str, now: &str) -> String {
        span.parse::<Span>().unwrap().before(now.parse().unwrap()).to_string()
    }

    #[test]
    fn months_are_counted_on_the_calendar_and_clamped() {
        assert_eq!(before("24 months", "2026-11-21T06:02:00Z"), "2024-11-21T00:00:00Z");
        assert_eq!(before("12 months", "2024-02-29T23:00:00Z"), "2023-02-28T00:00:00Z");
        assert_eq!(before("3 months", "2026-05-31T12:00:00Z"), "2026-02-28T00:00:00Z");
        assert_eq!(before("2 years", "2026-02-28T00:00:00Z"), "2024-02-28T00:00:00Z");
    }

    #[test]
    fn days_and_hours_are_exact() {
        assert_eq!(before("90 days", "2026-11-21T06:02:03Z"), "2026-08-23T06:02:03Z");
        assert_eq!(before("2h", "2026-11-21T01:00:00Z"), "2026-11-20T23:00:00Z");
    }

    #[test]
    fn a_calendar_cutoff_never_moves_backwards() {
        let span: Span = "1 month".parse().unwrap();
        let mut last = Timestamp::from_unix(0);
        for hour in 0..(4 * 366 * 24) {
            let cutoff = span.before(Timestamp::from_unix(1_700_000_000 + hour * 3_600));
            assert!(cutoff >= last);
            last = cutoff;
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in ["7", "", "months", "-2 days", "1.5h", "2 m", "99999999999999999999 days", "90 dayz", "20000 years"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_reads_back_as_written() {
        for text in ["24 months", "90 days", "2 hours", "15 minutes", "1 second", "3 years", "1 month"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
    }
}

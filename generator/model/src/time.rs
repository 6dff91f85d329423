//! Time as a value: UTC, whole seconds. Nothing in this workspace asks a clock but `avouch`, which passes it on.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in UTC with a resolution of one second, written as RFC 3339 with `Z` (`2026-11-21T06:02:00Z`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

/// The text is not an RFC 3339 instant.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an RFC 3339 instant such as 2026-11-21T06:02:00Z")]
pub struct NotATimestamp(pub String);

impl Timestamp {
    /// From seconds since 1970-01-01T00:00:00Z; seconds outside the years 0 to 9999 are held at the nearest bound.
    pub fn from_unix(seconds: i64) -> Self {
        const FIRST: i64 = -62_167_219_200;
        const LAST: i64 = 253_402_300_799;
        Self(DateTime::from_timestamp(seconds.clamp(FIRST, LAST), 0).unwrap_or_default())
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn unix(self) -> i64 {
        self.0.timestamp()
    }

    /// From a chrono instant; parts of a second are cut off.
    pub fn from_chrono(instant: DateTime<Utc>) -> Self {
        Self::from_unix(instant.timestamp())
    }

    /// As a chrono instant.
    pub fn chrono(self) -> DateTime<Utc> {
        self.0
    }

    /// The UTC calendar day, `2026-11-21`.
    pub fn day(self) -> Day {
        Day(self.0.date_naive())
    }

    /// 00:00 UTC of the same day.
    pub fn midnight(self) -> Self {
        Self::from_unix(self.unix() - self.unix().rem_euclid(86_400))
    }

    /// This many seconds later (earlier when negative).
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_unix(self.unix().saturating_add(seconds))
    }

    /// Seconds from `earlier` to this instant; negative when `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> i64 {
        self.unix() - earlier.unix()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Secs, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| NotATimestamp(text.to_owned()))?;
        Ok(Self::from_chrono(parsed.with_timezone(&Utc)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A calendar day in UTC, written `2026-11-21`: the finest time that a public receipt states about a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(NaiveDate);

impl Day {
    /// From a chrono date.
    pub const fn from_chrono(date: NaiveDate) -> Self {
        Self(date)
    }

    /// As a chrono date.
    pub const fn chrono(self) -> NaiveDate {
        self.0
    }

    /// How many days this day is after another; negative if it is before it.
    pub fn days_since(self, other: Self) -> i64 {
        self.0.signed_duration_since(other.0).num_days()
    }

    /// The day so many days later; none beyond the end of the calendar.
    pub fn plus_days(self, days: i64) -> Option<Self> {
        self.0.checked_add_signed(chrono::TimeDelta::days(days)).map(Self)
    }

    /// The first second of the day.
    pub fn start(self) -> Timestamp {
        Timestamp::from_unix(self.0.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
    }

    /// The last second of the day: a waiver that expires on this day counts through it (inclusive, UTC).
    pub fn end(self) -> Timestamp {
        self.start().plus_seconds(86_399)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.format("%Y-%m-%d"))
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Day {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let strict = text.len() == 10;
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|_| strict)
            .map(Self)
            .ok_or_else(|| NotATimestamp(text.to_owned()))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc_to_the_second() {
        let instant: Timestamp = "2026-11-21T07:02:00.9+01:00".parse().unwrap();
        assert_eq!(instant.to_string(), "2026-11-21T06:02:00Z");
        assert_eq!(instant.midnight().to_string(), "2026-11-21T00:00:00Z");
        assert_eq!(instant.day().end().to_string(), "2026-11-21T23:59:59Z");
    }

    #[test]
    fn a_day_is_not_an_instant() {
        assert!("2026-11-21".parse::<Timestamp>().is_err());
        assert!("2026-11-21T00:00:00Z".parse::<Day>().is_err());
        assert!("2026-02-30".parse::<Day>().is_err());
    }
}

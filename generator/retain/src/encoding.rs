//! How a column writes its times, and what a time is in it.

use std::fmt;

use avouch_database::{Value, purge::Dialect};
use avouch_model::{Timestamp, time::Day};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// The largest number taken for Unix seconds: the end of the year 9999. Read as milliseconds it is in the year 1978, before
/// any time that is plausible, so the two cannot be confused; and so on with milliseconds and microseconds.
const SECONDS_LAST: i64 = 253_402_300_799;
/// Julian days of the years 2000 to 9999. Read as seconds they are in January 1970.
const JULIAN_DAYS: std::ops::Range<f64> = 2_451_544.5..5_373_484.5;
/// Milliseconds from noon of 24 November 4714 BC to 1970 (SQLite, `date.c`).
const JULIAN_MILLISECONDS: i64 = 210_866_760_000_000;
const DAY_MILLISECONDS: f64 = 86_400_000.0;

/// An encoding of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Seconds since 1970-01-01T00:00:00Z, whole or not.
    UnixSeconds,
    /// Milliseconds since 1970-01-01T00:00:00Z, whole or not.
    UnixMilliseconds,
    /// Microseconds since 1970-01-01T00:00:00Z, whole or not.
    UnixMicroseconds,
    /// Days and parts of a day since noon of 24 November 4714 BC: what `julianday` gives in SQLite.
    JulianDay,
    /// `2026-11-21T06:02:00`, then a fraction and `Z` or `+00:00` or neither (ISO 8601-1 section 5.4.2.1, UTC).
    TextWithT,
    /// `2026-11-21 06:02:00`, then as above: what `CURRENT_TIMESTAMP` writes in SQLite.
    TextWithSpace,
    /// `2026-11-21`: a row is as old as the end of its day.
    TextDay,
    /// A type of the database's own, in UTC where it has no zone.
    Native,
}

impl Encoding {
    /// The encoding that a value is in, where there is one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let number = |number: f64| {
            // Limits that both types hold exactly.
            let last = SECONDS_LAST as f64;
            match number {
                number if JULIAN_DAYS.contains(&number) => Some(Self::JulianDay),
                0.0.. if number <= last => Some(Self::UnixSeconds),
                0.0.. if number <= last * 1_000.0 => Some(Self::UnixMilliseconds),
                0.0.. if number <= last * 1_000_000.0 => Some(Self::UnixMicroseconds),
                _ => None,
            }
        };
        match value {
            Value::Integer(integer) => number(*integer as f64),
            Value::Real(real) => number(*real),
            Value::Text(text) => match text.as_bytes().get(10) {
                Some(b'T') => Some(Self::TextWithT),
                Some(b' ') => Some(Self::TextWithSpace),
                None if text.len() == 10 && text.as_bytes()[4] == b'-' => Some(Self::TextDay),
                _ => None,
            },
            Value::Null | Value::BrokenText(_) | Value::Blob(_) => None,
        }
    }

    /// A time in this encoding. A text has no fraction and no zone: it sorts before every spelling of the same second.
    pub(crate) fn write(self, at: Timestamp) -> Value {
        match self {
            // The type of the column is made of them where they are compared.
            Self::UnixSeconds | Self::Native => Value::Integer(at.unix()),
            Self::UnixMilliseconds => Value::Integer(at.unix().saturating_mul(1_000)),
            Self::UnixMicroseconds => Value::Integer(at.unix().saturating_mul(1_000_000)),
            // As SQLite computes it, so that equal times are equal numbers.
            Self::JulianDay => Value::Real((at.unix().saturating_mul(1_000) + JULIAN_MILLISECONDS) as f64 / DAY_MILLISECONDS),
            Self::TextDay => Value::Text(at.chrono().format("%Y-%m-%d").to_string()),
            Self::TextWithT => Value::Text(at.chrono().format("%Y-%m-%dT%H:%M:%S").to_string()),
            Self::TextWithSpace => Value::Text(at.chrono().format("%Y-%m-%d %H:%M:%S").to_string()),
        }
    }

    /// The day of a value in this encoding.
    pub(crate) fn day(self, value: &Value) -> Option<Day> {
        let seconds = match value {
            Value::Integer(integer) => Some(*integer),
            // Days are all that is asked for; the cast holds what is too large at the bound.
            Value::Real(real) => Some(real.floor() as i64),
            _ => None,
        };
        match (self, value) {
            (Self::UnixSeconds, _) => Some(Timestamp::from_unix(seconds?).day()),
            (Self::UnixMilliseconds, _) => Some(Timestamp::from_unix(seconds?.div_euclid(1_000)).day()),
            (Self::UnixMicroseconds, _) => Some(Timestamp::from_unix(seconds?.div_euclid(1_000_000)).day()),
            (Self::JulianDay, Value::Integer(_) | Value::Real(_)) => {
                let days = if let Value::Real(days) = value { *days } else { seconds? as f64 };
                let milliseconds = (days * DAY_MILLISECONDS).round() as i64 - JULIAN_MILLISECONDS;
                Some(Timestamp::from_unix(milliseconds.div_euclid(1_000)).day())
            }
            (Self::TextWithT | Self::TextWithSpace, Value::Text(text)) => {
                let separator = if self == Self::TextWithT { 'T' } else { ' ' };
                let format = format!("%Y-%m-%d{separator}%H:%M:%S");
                let instant = NaiveDateTime::parse_from_str(text.get(..19)?, &format).ok()?;
                Some(Timestamp::from_chrono(instant.and_utc()).day())
            }
            (Self::TextDay | Self::Native, Value::Text(text)) => text.get(..10)?.parse().ok(),
            _ => None,
        }
    }

    /// Whether its times are texts, which sort after every number in SQLite.
    pub(crate) const fn is_text(self) -> bool {
        matches!(self, Self::TextWithT | Self::TextWithSpace | Self::TextDay)
    }

    /// Whether its times are numbers or the like, of which the bounds tell everything.
    pub(crate) const fn is_number(self) -> bool {
        !self.is_text()
    }

    /// The SQL condition that a value between two times of this encoding is one; `{}` stands for the column.
    pub(crate) fn shape(self, dialect: Dialect) -> String {
        match dialect {
            Dialect::Sqlite => self.glob().to_owned(),
            // POSIX regular expressions; a text is the only type that has the operator.
            Dialect::Postgres if self.is_text() => {
                let time = "[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]+)?(Z|\\+00:00)?";
                let rest = match self {
                    Self::TextWithT => format!("T{time}"),
                    Self::TextWithSpace => format!(" {time}"),
                    _ => String::new(),
                };
                format!("{{}} ~ '^[0-9]{{4}}-[01][0-9]-[0-3][0-9]{rest}$'")
            }
            Dialect::Postgres => "TRUE".to_owned(),
        }
    }

    fn glob(self) -> &'static str {
        // A blob may hold the same bytes as a text, and sorts elsewhere. After the nineteenth character: nothing, `Z`, or
        // one fraction and perhaps `Z`; `+00:00` counts as `Z`.
        macro_rules! text {
            ($separator:literal) => {
                concat!(
                    // In two, as D1 takes no pattern longer than 50 bytes.
                    "typeof({}) = 'text' AND substr({}, 1, 10) GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]' ",
                    "AND substr({}, 11, 9) GLOB '",
                    $separator,
                    "[0-2][0-9]:[0-5][0-9]:[0-6][0-9]' AND (length({}) = 19 OR ",
                    "replace(substr({}, 20), '+00:00', 'Z') IN ('Z', '') OR (substr({}, 20) GLOB '.[0-9]*' AND ",
                    "rtrim(replace(substr({}, 21), '+00:00', 'Z') || 'Z', 'Z') NOT GLOB '*[^0-9]*' AND ",
                    "replace(substr({}, 21), '+00:00', 'Z') NOT GLOB '*ZZ*'))"
                )
            };
        }
        match self {
            // A bound above is all it takes: every text and every blob is greater than every number.
            Self::UnixSeconds | Self::UnixMilliseconds | Self::UnixMicroseconds | Self::JulianDay | Self::Native => "TRUE",
            Self::TextDay => "typeof({}) = 'text' AND {} GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]'",
            Self::TextWithT => text!("T"),
            Self::TextWithSpace => text!(" "),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UnixSeconds => "Unix seconds",
            Self::UnixMilliseconds => "Unix milliseconds",
            Self::UnixMicroseconds => "Unix microseconds",
            Self::JulianDay => "Julian days",
            Self::TextDay => "texts such as 2026-11-21",
            Self::Native => "times of the database's own type",
            Self::TextWithT => "texts such as 2026-11-21T06:02:00Z",
            Self::TextWithSpace => "texts such as 2026-11-21 06:02:00",
        })
    }
}

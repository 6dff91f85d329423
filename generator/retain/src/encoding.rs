//! How a column writes its times, and what a time is in it.

use std::fmt;

use avouch_database::Value;
use avouch_model::{Timestamp, time::Day};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

/// The largest number taken for Unix seconds: the end of the year 9999. Read as milliseconds it is in the year 1978, before
/// any time that is plausible, so the two cannot be confused.
const SECONDS_LAST: i64 = 253_402_300_799;

/// An encoding of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Seconds since 1970-01-01T00:00:00Z, whole or not.
    UnixSeconds,
    /// Milliseconds since 1970-01-01T00:00:00Z, whole or not.
    UnixMilliseconds,
    /// `2026-11-21T06:02:00`, then a fraction and `Z` or `+00:00` or neither (ISO 8601-1 section 5.4.2.1, UTC).
    TextWithT,
    /// `2026-11-21 06:02:00`, then as above: what `CURRENT_TIMESTAMP` writes in SQLite.
    TextWithSpace,
}

impl Encoding {
    /// The encoding that a value is in, where there is one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let number = |number: f64| {
            // A limit that both types hold exactly.
            if !(0.0..=SECONDS_LAST as f64 * 1_000.0).contains(&number) {
                None
            } else if number <= SECONDS_LAST as f64 {
                Some(Self::UnixSeconds)
            } else {
                Some(Self::UnixMilliseconds)
            }
        };
        match value {
            Value::Integer(integer) => number(*integer as f64),
            Value::Real(real) => number(*real),
            Value::Text(text) => match text.as_bytes().get(10)? {
                b'T' => Some(Self::TextWithT),
                b' ' => Some(Self::TextWithSpace),
                _ => None,
            },
            Value::Null | Value::Blob(_) => None,
        }
    }

    /// A time in this encoding. A text has no fraction and no zone: it sorts before every spelling of the same second.
    pub(crate) fn write(self, at: Timestamp) -> Value {
        match self {
            Self::UnixSeconds => Value::Integer(at.unix()),
            Self::UnixMilliseconds => Value::Integer(at.unix().saturating_mul(1_000)),
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
            (Self::TextWithT | Self::TextWithSpace, Value::Text(text)) => {
                let separator = if self == Self::TextWithT { 'T' } else { ' ' };
                let format = format!("%Y-%m-%d{separator}%H:%M:%S");
                let instant = NaiveDateTime::parse_from_str(text.get(..19)?, &format).ok()?;
                Some(Timestamp::from_chrono(instant.and_utc()).day())
            }
            _ => None,
        }
    }

    /// Whether its times are numbers, of which the bounds tell everything.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::UnixSeconds | Self::UnixMilliseconds)
    }

    /// The SQL condition that a value between two times of this encoding is one; `{}` stands for the column.
    pub(crate) fn shape(self) -> &'static str {
        // A blob may hold the same bytes as a text, and sorts elsewhere. After the nineteenth character: nothing, `Z`, or
        // one fraction and perhaps `Z`; `+00:00` counts as `Z`.
        macro_rules! text {
            ($separator:literal) => {
                concat!(
                    "typeof({}) = 'text' AND substr({}, 1, 19) GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]",
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
            Self::UnixSeconds | Self::UnixMilliseconds => "TRUE",
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
            Self::TextWithT => "texts such as 2026-11-21T06:02:00Z",
            Self::TextWithSpace => "texts such as 2026-11-21 06:02:00",
        })
    }
}

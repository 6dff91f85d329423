//! Values as they go over the wire (PostgreSQL 15, "Frontend/Backend Protocol": binary format).

use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use chrono::{DateTime, Days, NaiveDate, SecondsFormat};
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::Value;

/// A value on its way in, as a number, a text or bytes; a NULL is of whatever type is asked for.
#[derive(Debug)]
pub(super) struct Bound<'v>(pub(super) &'v Value);

impl Bound<'_> {
    pub(super) const fn kind(&self) -> Type {
        match self.0 {
            Value::Null => Type::UNKNOWN,
            Value::Integer(_) => Type::INT8,
            Value::Real(_) => Type::FLOAT8,
            Value::Text(_) | Value::BrokenText(_) => Type::TEXT,
            Value::Blob(_) => Type::BYTEA,
        }
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Integer(number) => out.put_i64(*number),
            Value::Real(number) => out.put_f64(*number),
            Value::Text(text) => out.put_slice(text.as_bytes()),
            Value::BrokenText(bytes) | Value::Blob(bytes) => out.put_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A value on its way out. Times are texts such as `2026-11-21T06:02:00.5Z`.
pub(super) struct Raw(pub(super) Value);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let text = |bytes: &[u8]| Ok::<_, std::str::Utf8Error>(Value::Text(std::str::from_utf8(bytes)?.to_owned()));
        Ok(Self(match *kind {
            Type::BOOL => Value::Integer(i64::from(raw.first() == Some(&1))),
            Type::INT2 => Value::Integer(i64::from(i16::from_be_bytes(raw.try_into()?))),
            Type::INT4 => Value::Integer(i64::from(i32::from_be_bytes(raw.try_into()?))),
            Type::INT8 => Value::Integer(i64::from_be_bytes(raw.try_into()?)),
            Type::OID => Value::Integer(i64::from(u32::from_be_bytes(raw.try_into()?))),
            Type::FLOAT4 => Value::Real(f64::from(f32::from_be_bytes(raw.try_into()?))),
            Type::FLOAT8 => Value::Real(f64::from_be_bytes(raw.try_into()?)),
            Type::BYTEA => Value::Blob(raw.to_vec()),
            Type::CHAR => text(raw)?,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => text(raw)?,
            // A byte with the version goes before.
            Type::JSONB => text(raw.get(1..).unwrap_or_default())?,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Value::Text(instant(i64::from_be_bytes(raw.try_into()?))),
            Type::DATE => Value::Text(day(i32::from_be_bytes(raw.try_into()?))),
            _ if matches!(kind.kind(), Kind::Enum(_)) => text(raw)?,
            _ => return Err(format!("values of the type {kind} are not read; write CAST(… AS TEXT)").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Seconds from 1970 to 2000-01-01T00:00:00Z, from which Postgres counts.
const EPOCH_SECONDS: i64 = 946_684_800;

/// From microseconds; the ends of the range are its infinities.
fn instant(microseconds: i64) -> String {
    match microseconds {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        _ => DateTime::from_timestamp_micros(microseconds.saturating_add(EPOCH_SECONDS * 1_000_000))
            .map_or_else(|| "out of range".to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
    }
}

/// From days.
fn day(days: i32) -> String {
    let start = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap_or_default();
    let shifted = match days {
        i32::MAX => return "infinity".to_owned(),
        i32::MIN => return "-infinity".to_owned(),
        days if days >= 0 => start.checked_add_days(Days::new(u64::from(days.unsigned_abs()))),
        days => start.checked_sub_days(Days::new(u64::from(days.unsigned_abs()))),
    };
    shifted.map_or_else(|| "out of range".to_owned(), |day| day.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_from_the_year_2000() {
        assert_eq!(instant(0), "2000-01-01T00:00:00Z");
        assert_eq!(instant(-500_000), "1999-12-31T23:59:59.500Z");
        assert_eq!((day(0), day(-1), day(366)), ("2000-01-01".to_owned(), "1999-12-31".to_owned(), "2001-01-01".to_owned()));
        assert_eq!(instant(i64::MAX), "infinity");
    }
}

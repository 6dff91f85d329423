//! What D1's API answers (Cloudflare API, "Raw D1 Database query").

use std::time::Duration;

use serde::Deserialize;

use super::{client::Said, error::D1Error};
use crate::{Rows, Value};

/// The answer to one statement.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) rows: Rows,
    /// Rows that D1 read for it, which is what it bills.
    pub(super) rows_read: u64,
    /// How long it took inside the database.
    pub(super) took: Duration,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Vec<Problem>,
    #[serde(default)]
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct One {
    results: Raw,
    #[serde(default)]
    meta: Meta,
}

#[derive(Deserialize)]
struct Raw {
    columns: Vec<String>,
    rows: Vec<Vec<serde_json::Value>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Meta {
    /// Milliseconds.
    duration: f64,
    rows_read: u64,
    served_by_primary: Option<bool>,
}

/// Reads an answer; `statements` is how many were asked.
pub(super) fn read(said: &Said, statements: usize) -> Result<Vec<Answer>, D1Error> {
    let envelope = serde_json::from_slice::<Envelope>(&said.body);
    if let Some(refused) = refused(said, envelope.as_ref().ok()) {
        return Err(refused);
    }
    let unread = |what: String| D1Error::Unread { what };
    let envelope = envelope.map_err(|error| unread(format!("the JSON ends in {error}")))?;
    let all: Vec<One> = serde_json::from_value(envelope.result).map_err(|error| unread(error.to_string()))?;
    if all.len() != statements {
        return Err(unread(format!("{} results for {statements} statements", all.len())));
    }
    all.into_iter().map(answer).collect()
}

fn answer(one: One) -> Result<Answer, D1Error> {
    if one.meta.served_by_primary == Some(false) {
        return Err(D1Error::Unread { what: "a replica gave it, which may be behind".to_owned() });
    }
    let Raw { columns, rows } = one.results;
    let read = |row: Vec<serde_json::Value>| {
        row.into_iter().map(value).collect::<Option<Vec<_>>>().filter(|row| row.len() == columns.len())
    };
    let rows: Option<Vec<_>> = rows.into_iter().map(read).collect();
    let rows = rows.ok_or_else(|| D1Error::Unread { what: "a row is not one of its columns".to_owned() })?;
    let took = Duration::try_from_secs_f64(one.meta.duration / 1_000.0).unwrap_or_default();
    Ok(Answer { rows: Rows { columns, rows }, rows_read: one.meta.rows_read, took })
}

fn value(json: serde_json::Value) -> Option<Value> {
    Some(match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Integer(truth.into()),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Real(number.as_f64()?),
        },
        serde_json::Value::String(text) => Value::Text(text),
        // Bytes.
        serde_json::Value::Array(bytes) => {
            let byte = |byte: &serde_json::Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
            Value::Blob(bytes.iter().map(byte).collect::<Option<_>>()?)
        }
        serde_json::Value::Object(_) => return None,
    })
}

/// What D1 says when it cannot take so much: the same again would end the same (Cloudflare, D1, "Debug D1": error list).
const TOO_MUCH: [&str; 9] = [
    "cpu time limit",
    "overloaded",
    "exceeded timeout",
    "memory limit",
    "too long",
    "too big",
    "too large",
    "too many sql variables",
    "duration exceeded",
];
/// What it says when the same again may well succeed (the same list).
const PASSING: [&str; 6] =
    ["code was updated", "network connection lost", "internal error", "transient", "object to be reset", "try again"];
/// Codes of Cloudflare's API for a token that is wrong or may not do this.
const DENIED: [i64; 4] = [10_000, 9_109, 9_103, 6_003];
/// For an account or a database that is not there, or a path that is none.
const NOT_THERE: [i64; 3] = [7_404, 7_003, 7_000];

/// Why it was not done; none when it was.
fn refused(said: &Said, envelope: Option<&Envelope>) -> Option<D1Error> {
    let problem = envelope.and_then(|envelope| envelope.errors.first());
    if (200..300).contains(&said.status) && problem.is_none() && envelope.is_some_and(|envelope| envelope.success) {
        return None;
    }
    let message = problem.map_or_else(|| format!("status {}", said.status), |problem| problem.message.clone());
    let lower = message.to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    let code = problem.map_or(0, |problem| problem.code);
    Some(match said.status {
        _ if says(&TOO_MUCH) => D1Error::TooMuch { message },
        413 | 414 => D1Error::TooMuch { message },
        429 => D1Error::TooMany,
        500.. => D1Error::Failed { message },
        _ if says(&PASSING) => D1Error::Failed { message },
        401 | 403 => D1Error::Denied { message },
        _ if DENIED.contains(&code) => D1Error::Denied { message },
        404 => D1Error::NotThere { message },
        _ if NOT_THERE.contains(&code) => D1Error::NotThere { message },
        // Part of an answer, or no JSON where there was to be some.
        200..300 if problem.is_none() => D1Error::Failed { message: "the answer is not whole".to_owned() },
        300..=399 => D1Error::Unread { what: format!("it sends on to another place (status {})", said.status) },
        _ => D1Error::Refused { message },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &str) -> Result<Vec<Answer>, D1Error> {
        read(&Said { status, retry_after: None, body: body.as_bytes().to_vec() }, 1)
    }

    fn problem(status: u16, code: i64, message: &str) -> D1Error {
        said(
            status,
            &format!(r#"{{"result":[],"success":false,"errors":[{{"code":{code},"message":"{message}"}}],"messages":[]}}"#),
        )
        .unwrap_err()
    }

    #[test]
    fn rows_come_with_what_they_cost() {
        let body = r#"{"result":[{"results":{"columns":["a","a"],"rows":[[1,null],[0.5,[0,255]],["x",true]]},"success":true,
            "meta":{"duration":1.5,"rows_read":7,"changes":0,"served_by":"x"}}],"success":true,"errors":[],"messages":[]}"#;
        let answers = said(200, body).unwrap();
        let [one] = &answers[..] else { unreachable!() };
        assert_eq!((one.rows_read, one.took), (7, Duration::from_micros(1_500)));
        assert_eq!(one.rows.rows[1], [Value::Real(0.5), Value::Blob(vec![0, 255])]);
        assert_eq!(one.rows.rows[2], [Value::from("x"), Value::Integer(1)]);
        // What a replica does not know yet would look as if it were gone.
        let behind = body.replace("\"duration\"", "\"served_by_primary\":false,\"duration\"");
        assert!(matches!(said(200, &behind), Err(D1Error::Unread { .. })));
    }

    #[test]
    fn errors_are_told_apart_by_what_to_do() {
        let much = |error: D1Error| matches!(error, D1Error::TooMuch { .. });
        assert!(much(problem(400, 7_500, "D1 DB exceeded its CPU time limit and was reset.")));
        assert!(much(problem(500, 7_500, "D1 DB storage operation exceeded timeout which caused object to be reset.")));
        assert!(much(problem(400, 7_500, "statement too long: SQLITE_TOOBIG")));
        let passing = |error: D1Error| matches!(error, D1Error::Failed { .. });
        assert!(passing(problem(400, 7_500, "D1 DB reset because its code was updated.")));
        assert!(passing(problem(400, 7_500, "Network connection lost.")));
        assert!(passing(said(502, "<html>").unwrap_err()));
        assert!(passing(said(200, r#"{"success":true,"result":[{"#).unwrap_err()));
        assert!(matches!(said(429, "").unwrap_err(), D1Error::TooMany));
        assert!(matches!(problem(401, 10_000, "Authentication error"), D1Error::Denied { .. }));
        assert!(matches!(problem(400, 10_000, "Authentication error"), D1Error::Denied { .. }));
        assert!(matches!(problem(404, 7_404, "could not be found"), D1Error::NotThere { .. }));
        assert!(matches!(problem(400, 7_500, "no such table: x: SQLITE_ERROR"), D1Error::Refused { .. }));
        assert!(matches!(said(302, "").unwrap_err(), D1Error::Unread { .. }));
        // A result too few is no result.
        assert!(matches!(said(200, r#"{"success":true,"errors":[],"result":[]}"#).unwrap_err(), D1Error::Unread { .. }));
    }
}

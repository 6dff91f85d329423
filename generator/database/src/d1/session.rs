//! Statements to D1 and its answers to them.

use std::{thread, time::Duration};

use avouch_model::product::D1;
use serde_json::json;

use super::{
    answer::{self, Answer},
    client::Client,
    error::D1Error,
};
use crate::{DatabaseError, Limits, Rows, Value, parameters::numbered};

/// How long to wait for an answer: D1 ends by itself what takes longer than 30 seconds (Cloudflare, D1, "Limits").
const PATIENCE: Duration = Duration::from_secs(45);
/// The most parameters of one statement (the same).
const PARAMETERS_MAX: usize = 100;
/// The most bytes of one statement (the same).
const STATEMENT_MAX: usize = 100_000;
/// The most bytes of one value (the same).
pub(super) const VALUE_MAX: usize = 2_000_000;
/// How often something is asked that may be asked again.
pub(super) const TRIES: u32 = 4;
/// Before the second time; twice as long before every further one.
const REST: Duration = Duration::from_millis(100);
/// How long we hold still for Cloudflare at most: its limit is by five minutes (Cloudflare, "API rate limits").
const HOLD_STILL_MAX: u64 = 330;
/// Where it does not say for how long.
const HOLD_STILL: u64 = 60;

/// A statement and the values of its parameters.
pub(super) type Statement<'a> = (&'a str, Vec<(&'a str, &'a Value)>);

/// A way to one database under one name.
pub(super) struct Session {
    pub(super) database: String,
    client: Client,
    /// All rows that D1 said it read.
    pub(super) rows_read: u64,
}

impl Session {
    pub(super) fn open(database: &str, place: &D1, variable: &str) -> Result<Self, DatabaseError> {
        Ok(Self { database: database.to_owned(), client: Client::new(database, place, variable)?, rows_read: 0 })
    }

    /// Runs statements in one transaction. Nothing is asked twice but what was turned away unseen, because there were too many
    /// requests: then it waits as long as it is told to.
    pub(super) fn once(&mut self, statements: &[Statement<'_>], limits: Limits) -> Result<Vec<Answer>, DatabaseError> {
        let body = self.body(statements)?;
        let bytes_max = limits.bytes_max.saturating_mul(2).saturating_add(1024 * 1024);
        for turned_away in 1.. {
            let said = self.client.post(body.clone(), limits.time.min(PATIENCE), bytes_max);
            let said = said.map_err(|cause| self.failed(cause))?;
            if said.status != 429 || turned_away == TRIES {
                let answers = answer::read(&said, statements.len()).map_err(|cause| self.failed(cause))?;
                self.rows_read += answers.iter().map(|answer| answer.rows_read).sum::<u64>();
                return Ok(answers);
            }
            thread::sleep(Duration::from_secs(said.retry_after.unwrap_or(HOLD_STILL).min(HOLD_STILL_MAX)));
        }
        Err(self.failed(D1Error::TooMany))
    }

    /// Runs statements that may be run again without harm: those that only read, or that say what is to be so.
    pub(super) fn again(&mut self, statements: &[Statement<'_>], limits: Limits) -> Result<Vec<Answer>, DatabaseError> {
        for tried in 1.. {
            match self.once(statements, limits) {
                Err(error) if tried < TRIES && may_pass(&error) => rest(tried),
                answers => return answers,
            }
        }
        Ok(Vec::new())
    }

    /// Asks one question.
    pub(super) fn ask(&mut self, sql: &str, binds: &[(&str, &Value)], limits: Limits) -> Result<Rows, DatabaseError> {
        let answers = self.again(&[(sql, binds.to_vec())], limits)?;
        Ok(answers.into_iter().next().map(|answer| answer.rows).unwrap_or_default())
    }

    fn body(&self, statements: &[Statement<'_>]) -> Result<Vec<u8>, DatabaseError> {
        let one = |(sql, binds): &Statement<'_>| {
            let (text, values) = numbered(&self.database, sql, binds, place)?;
            let too_much = |what: &str, max: usize| self.failed(D1Error::TooMuch { message: format!("at most {max} {what}") });
            if values.len() > PARAMETERS_MAX {
                return Err(too_much("parameters in a statement", PARAMETERS_MAX));
            }
            if text.len() > STATEMENT_MAX {
                return Err(too_much("bytes in a statement", STATEMENT_MAX));
            }
            let values: Vec<_> = values.into_iter().map(written).collect();
            if values.iter().any(|value| value.len() > VALUE_MAX) {
                return Err(too_much("bytes in a value", VALUE_MAX));
            }
            Ok(json!({ "sql": text, "params": values }))
        };
        let batch = statements.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        Ok(json!({ "batch": batch }).to_string().into_bytes())
    }

    pub(super) fn failed(&self, cause: D1Error) -> DatabaseError {
        failed(&self.database, cause)
    }
}

/// What went wrong, in the words that every database has for it.
fn failed(database: &str, cause: D1Error) -> DatabaseError {
    let database = database.to_owned();
    match cause {
        D1Error::Refused { message } if message.contains("no such table: avouch_retention_") => {
            DatabaseError::NoJournal { database }
        }
        D1Error::Refused { message } if message.contains("no such table") || message.contains("no such column") => {
            DatabaseError::WrongSchema { database, message: message.trim_end_matches(": SQLITE_ERROR").to_owned() }
        }
        cause => DatabaseError::D1 { database, cause },
    }
}

/// Whether the same may well succeed the next time.
pub(super) fn may_pass(error: &DatabaseError) -> bool {
    let DatabaseError::D1 { cause, .. } = error else { return false };
    match cause {
        // What is too large now is too large then.
        D1Error::Unanswered { cause } => !matches!(cause.kind(), std::io::ErrorKind::FileTooLarge | std::io::ErrorKind::TimedOut),
        D1Error::Failed { .. } | D1Error::Unreachable { .. } => true,
        _ => false,
    }
}

/// Waits before the same is asked again.
pub(super) fn rest(tried: u32) {
    thread::sleep(REST * 2_u32.saturating_pow(tried.saturating_sub(1)));
}

/// A parameter as the type that its value has. The `+` takes away the affinity of the cast: values are compared as if they were bound.
fn place(number: usize, value: &Value) -> String {
    match value {
        Value::Null => format!("nullif(?{number}, '')"),
        Value::Integer(_) => format!("(+CAST(?{number} AS INTEGER))"),
        Value::Real(_) => format!("(+CAST(?{number} AS REAL))"),
        Value::Text(_) => format!("(+CAST(?{number} AS TEXT))"),
        Value::BrokenText(_) => format!("(+CAST(unhex(?{number}) AS TEXT))"),
        Value::Blob(_) => format!("unhex(?{number})"),
    }
}

/// The value as a text.
fn written(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => text.clone(),
        Value::BrokenText(bytes) | Value::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

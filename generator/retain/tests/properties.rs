//! After a purge exactly the rows remain that a slow and obvious rule keeps, whatever the table looked like.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use avouch_model::{Timestamp, receipt::Ended};
use avouch_retain::Gentleness;
use common::*;
use proptest::prelude::*;
use rusqlite::types::Value;

/// How the column writes a time, in milliseconds.
#[derive(Clone, Copy, Debug)]
enum Spelling {
    Seconds,
    Milliseconds,
    WithT(&'static str),
    WithSpace(&'static str),
}

impl Spelling {
    fn write(self, millis: i64) -> Value {
        let seconds = millis.div_euclid(1_000);
        let text = |separator: &str, zone: &str| {
            let text = Timestamp::from_unix(seconds).to_string().replace('T', separator);
            let fraction = format!(".{:03}", millis.rem_euclid(1_000));
            Value::Text(format!("{}{}", text.trim_end_matches('Z'), zone.replace('F', &fraction)))
        };
        match self {
            Self::Seconds => Value::Integer(seconds),
            Self::Milliseconds => Value::Integer(millis),
            Self::WithT(zone) => text("T", zone),
            Self::WithSpace(zone) => text(" ", zone),
        }
    }

    /// The time that the spelling keeps, in milliseconds.
    fn resolution(self, millis: i64) -> i64 {
        match self {
            Self::Milliseconds | Self::WithT("F" | "FZ" | "F+00:00") | Self::WithSpace("F" | "FZ" | "F+00:00") => millis,
            _ => millis.div_euclid(1_000) * 1_000,
        }
    }
}

fn spelling() -> impl Strategy<Value = Spelling> {
    let zone = || prop::sample::select(vec!["", "Z", "+00:00", "F", "FZ", "F+00:00"]);
    prop_oneof![
        Just(Spelling::Seconds),
        Just(Spelling::Milliseconds),
        zone().prop_map(Spelling::WithT),
        zone().prop_map(Spelling::WithSpace),
    ]
}

/// Times near the cut-off, where mistakes are, and everywhere.
fn time() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        4 => (CUTOFF * 1_000 - 3_000..CUTOFF * 1_000 + 3_000).prop_map(Some),
        4 => (950_000_000_000..(NOW + 86_000) * 1_000).prop_map(Some),
        1 => Just(None),
    ]
}

const SCHEMAS: [&str; 4] = [
    "CREATE TABLE events (id INTEGER PRIMARY KEY, at)",
    "CREATE TABLE events (id TEXT PRIMARY KEY, at); CREATE INDEX by_at ON events (at)",
    "CREATE TABLE events (id INTEGER, at, other DEFAULT 7, PRIMARY KEY (other, id)) WITHOUT ROWID",
    "CREATE TABLE events (id BLOB PRIMARY KEY, at) WITHOUT ROWID",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn exactly_what_is_as_young_as_the_cutoff_or_undated_remains(
        schema in prop::sample::select(SCHEMAS.to_vec()),
        spelling in spelling(),
        rows in prop::collection::btree_map(-50_i64..50, time(), 0..40),
        window in 1_u64..12,
    ) {
        let mut sample = Sample::new(schema);
        sample.gentle = Gentleness { rows_min: window, rows_max: window, ..Gentleness::default() };
        for (id, at) in &rows {
            let at = at.map_or(Value::Null, |millis| spelling.write(millis));
            sample.connection.execute("INSERT INTO events (id, at) VALUES (?1, ?2)", (id, at)).unwrap();
        }
        let kept: Vec<i64> = rows
            .iter()
            .filter(|(_, at)| at.is_none_or(|millis| spelling.resolution(millis) >= CUTOFF * 1_000))
            .map(|(id, _)| *id)
            .collect();

        let planned = sample.plan().unwrap();
        let done = sample.purge();
        prop_assert!(done.trouble.is_none(), "{:?}", done.trouble);
        let mut statement = sample.connection.prepare("SELECT CAST(id AS INTEGER) FROM events ORDER BY 1").unwrap();
        let left: Vec<i64> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(&left, &kept);
        let run = done.run;
        prop_assert_eq!((run.ended, run.due_after, run.overdue_after), (Ended::Done, 0, 0));
        prop_assert_eq!(run.deleted, (rows.len() - kept.len()) as u64);
        prop_assert_eq!((run.due, planned.due), (run.deleted, run.deleted));
        prop_assert_eq!(run.rows_after, kept.len() as u64);
        prop_assert_eq!(run.undated, rows.values().filter(|at| at.is_none()).count() as u64);
    }
}

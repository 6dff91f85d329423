//! A purge beside a writer of the product: neither loses anything, and nobody is locked out.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use avouch_model::receipt::Ended;
use avouch_retain::{Gentleness, Sleep, purge};
use common::*;
use rusqlite::Connection;

#[test]
fn a_writer_beside_a_purge_is_never_turned_away() {
    let mut sample =
        Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body TEXT); CREATE INDEX by_at ON events (at)");
    sample.gentle = Gentleness { hold: Duration::from_millis(2), rows_min: 50, ..Gentleness::default() };
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) \
                INSERT INTO events (at, body) SELECT ?1 - i, hex(randomblob(40)) FROM n";
    sample.connection.execute(fill, [CUTOFF]).unwrap();
    let stop = AtomicBool::new(false);
    let path = sample.root().join("app.db");
    let (done, written) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let connection = Connection::open(&path).unwrap();
            connection.busy_timeout(Duration::from_secs(20)).unwrap();
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) || written < 20 {
                // An error here would be SQLITE_BUSY beyond the writer's patience.
                connection.execute("INSERT INTO events (at) VALUES (?1)", [NOW]).unwrap();
                written += 1;
            }
            written
        });
        let done = purge(&sample.asked(), None, &sample.gentle, &mut Sleep);
        stop.store(true, Ordering::Relaxed);
        (done, writer.join().unwrap())
    });
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after), (Ended::Done, 20_000, 0));
    assert_eq!(sample.count("events"), written);
}

#[test]
fn rows_that_arrive_old_during_a_purge_are_told_and_not_hidden() {
    let sample = Sample::with(&[CUTOFF - 1; 6]);
    let mut pauses = 0;
    let mut import = |_: Duration| {
        pauses += 1;
        if pauses == 1 {
            sample.connection.execute("INSERT INTO events (id, at) VALUES (-5, ?1)", [CUTOFF - 3 * DAY]).unwrap();
        }
        std::ops::ControlFlow::Continue(())
    };
    let run = purge(&sample.asked(), None, &sample.gentle, &mut import).run;
    assert_eq!((run.deleted, run.due_after, run.overdue_after, run.rows_after), (6, 1, 1, 1));
}

#[test]
fn a_value_of_another_sort_that_arrives_during_a_purge_is_not_deleted() {
    let sample = Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at)");
    for _ in 0..6 {
        sample.connection.execute("INSERT INTO events (at) VALUES ('2020-01-01T00:00:00Z')", []).unwrap();
    }
    let young = "INSERT INTO events (at) VALUES ('2026-11-20T00:00:00Z')";
    sample.connection.execute(young, []).unwrap();
    let mut import = |_: Duration| {
        // Every number is less than every text; this one is from today.
        sample.connection.execute("INSERT INTO events (at) VALUES (?1)", [NOW]).unwrap();
        std::ops::ControlFlow::Continue(())
    };
    let done = purge(&sample.asked(), None, &sample.gentle, &mut import);
    assert_eq!((done.run.deleted, sample.count("events")), (6, 3));
    // The proof cannot be had from such a column, and the run says so.
    assert_eq!(done.run.ended, Ended::Failed);
    assert!(done.trouble.is_some());
}

#[test]
fn a_cascade_that_appears_during_a_purge_is_undone() {
    let sample = Sample::with(&[CUTOFF - 1; 3]);
    let child = "CREATE TABLE notes (event INTEGER REFERENCES events (id) ON DELETE CASCADE)";
    sample.connection.execute_batch(child).unwrap();
    // A reference that arrives after the look and before the deletion is found in the transaction, and undone.
    let mut refer = |_: Duration| {
        sample.connection.execute("INSERT INTO notes VALUES (3)", []).unwrap();
        std::ops::ControlFlow::Continue(())
    };
    let done = purge(&sample.asked(), None, &sample.gentle, &mut refer);
    assert!(done.trouble.is_some_and(|trouble| format!("{trouble:?}").contains("SideEffect")));
    assert_eq!((done.run.ended, done.run.deleted, sample.count("events"), sample.count("notes")), (Ended::Failed, 2, 1, 1));
}

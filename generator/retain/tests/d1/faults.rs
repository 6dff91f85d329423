//! What goes wrong between here and D1, or comes in between: no row inside its retention goes, none is left, no count is wrong.

use std::{
    fs,
    io::Read as _,
    ops::ControlFlow,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use avouch_database::{D1Error, DatabaseError};
use avouch_model::{
    product::{Action, Archive, Hold, HoldList},
    receipt::Ended,
};
use avouch_retain::{Asked, Gentleness, RetainError, purge};

use crate::{cause, common::*, numbers, server::Place};

pub(super) fn a_hold_that_comes_during_a_run_holds(d1: &Place) {
    let mut sample = d1.sample(&["CREATE TABLE holds (who TEXT)", "CREATE INDEX by_at ON events (at)"]);
    let list = HoldList::Table { table: "holds".into(), key: "who".into() };
    sample.rule.terms.hold = Some(Hold { column: "who".into(), list });
    d1.sql(&[&format!("UPDATE events SET at = at + id * 8000 WHERE at < {CUTOFF}")]);
    let mut hold = |_: Duration| {
        d1.sql(&["INSERT INTO holds SELECT 'u5' WHERE NOT EXISTS (SELECT 1 FROM holds)"]);
        ControlFlow::Continue(())
    };
    let done = d1.run_at(&sample, &mut hold);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.held, d1.count("events WHERE who = 'u5'")), (5, 1, 2));
    // A list that cannot be read stops the rule.
    d1.sql(&["DROP TABLE holds"]);
    assert!(d1.run(&sample).trouble.is_some());
    assert_eq!(d1.count("events WHERE who = 'u5'"), 2);
}

pub(super) fn what_becomes_due_during_a_run_does_not_get_past_the_fuse(d1: &Place) {
    for (index, action) in [
        ("CREATE INDEX by_at ON events (at)", Action::Delete),
        ("SELECT 1", Action::Delete),
        (
            "CREATE TABLE notes (event INTEGER REFERENCES events ON DELETE CASCADE)",
            Action::Archive(Archive::Folder("old".into())),
        ),
    ] {
        let mut sample = d1.sample(&[index]);
        sample.rule.terms.action = action;
        let all = || drop(d1.sql(&[&format!("UPDATE events SET at = {CUTOFF} - 100000")]));
        let now = d1.now(&sample);
        the_fuse_holds_during_a_run(sample, now, all, || d1.count("events"));
    }
}

pub(super) fn a_claim_is_of_one_alone(d1: &Place) {
    let sample = d1.sample(&[]);
    let now = d1.now(&sample);
    let other = |later: i64| Asked { owner: "another".into(), now: now.plus_seconds(later), ..sample.asked() };
    let (mut seen, mut theirs) = (Vec::new(), 0);
    let mut meanwhile = |_: Duration| {
        let (elsewhere, late) = (purge(&other(20), None, &sample.gentle, &mut never_sleep), seen.len() == 2);
        seen.push(elsewhere.trouble.as_ref().is_some_and(RetainError::is_elsewhere));
        if late {
            // Its claim expired, as if it had stood still for long.
            d1.sql(&["UPDATE avouch_retention_lease SET expires = 0"]);
            theirs = purge(&other(30), None, &sample.gentle, &mut |_: Duration| ControlFlow::Break(())).run.deleted;
        }
        ControlFlow::Continue(())
    };
    let lost = d1.run_at(&sample, &mut meanwhile);
    assert!(matches!(cause(&lost), DatabaseError::ClaimLost { .. }), "{:?}", lost.trouble);
    assert_eq!(seen, [true; 3]);
    // Whoever took it over tells of what was done.
    assert_eq!((lost.run.deleted, lost.run.claim), (0, None));
    let together = d1.sql(&["SELECT sum(deleted) FROM avouch_retention_journal"]).as_u64().unwrap();
    assert!(theirs > 0 && theirs < together && together < 6, "{theirs} of {together}");
    // Whoever comes next tells what is not told: the record knows of nothing.
    let next = purge(&Asked { now: now.plus_seconds(40), ..sample.asked() }, None, &sample.gentle, &mut never_sleep);
    assert_eq!(
        (next.run.ended, next.run.deleted, next.run.recovered),
        (Ended::Done, 6 - together, together),
        "{:?}",
        next.trouble
    );
}

pub(super) fn what_goes_wrong_on_the_way_changes_no_count(d1: &Place) {
    let (window, claim) = ("DELETE FROM \\\"events\\\"", "ON CONFLICT (rule) DO UPDATE");
    let (plain, indexed) = ("SELECT 1", "CREATE INDEX by_at ON events (at)");
    for (with, times, wrong, index) in [
        (window, 3, "too many requests", plain),
        (window, 1, "failed before", plain),
        (window, 1, "gone before", indexed),
        (window, 2, "failed after", plain),
        (window, 1, "gone after", indexed),
        (window, 1, "half after", plain),
        (claim, 1, "gone after", plain),
        (claim, 1, "failed before", plain),
        ("SELECT count(*)", 1, "gone before", plain),
        ("expires = 0", 1, "failed after", plain),
    ] {
        let sample = d1.sample(&[index]);
        d1.wrong(with, u32::from(with == window && index == plain), times, wrong);
        let done = d1.done(&sample);
        assert_eq!((done.run.deleted, done.run.recovered, done.run.claim), (6, 0, Some(1)), "{with} {wrong}");
        assert_eq!(d1.sql(&["SELECT sum(deleted) FROM avouch_retention_journal"]), 6, "{with} {wrong}");
        assert_eq!(d1.count("events"), 6);
    }
}

pub(super) fn what_is_never_answered_is_told_by_the_next_run(d1: &Place) {
    let sample = d1.sample(&[]);
    // A window is done and nobody hears of it, nor can the journal be asked.
    d1.wrong("avouch_retention_journal", 5, 99, "gone after");
    let done = d1.run(&sample);
    assert!(cause(&done).leaves_it_open(), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, done.run.claim), (Ended::Failed, 0, None));
    let told = d1.sql(&["SELECT sum(deleted) FROM avouch_retention_journal"]).as_i64().unwrap();
    assert_eq!((12 - d1.count("events"), told > 0), (told, true));
    d1.post("/test/faults", "[]");
    let next = d1.done(&sample);
    assert_eq!((next.run.recovered, next.run.deleted), (told as u64, 6 - told as u64));
    // Where it can be asked soon, the run itself tells.
    let sample = d1.sample(&[]);
    d1.wrong("avouch_retention_journal", 5, 8, "gone after");
    let done = d1.run(&sample);
    assert!(cause(&done).leaves_it_open(), "{:?}", done.trouble);
    let told = d1.sql(&["SELECT sum(deleted) FROM avouch_retention_journal"]).as_i64().unwrap();
    assert_eq!((12 - d1.count("events"), told > 0), (told, true));
    assert_eq!((done.run.deleted, done.run.claim), (told as u64, Some(2)));
}

pub(super) fn what_is_too_much_is_done_in_parts(d1: &Place) {
    for index in ["SELECT 1", "CREATE INDEX by_at ON events (at)"] {
        let fill = format!("{} INSERT INTO events SELECT i, {CUTOFF} - 60 * (1 + i / 50) FROM n", numbers(500));
        let mut sample = d1.empty(&["CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER)", index, &fill]);
        sample.gentle = Gentleness { rows_min: 400, rows_max: 400, ..sample.gentle };
        d1.wrong("DELETE FROM \\\"events\\\"", 0, 3, "cpu before");
        let done = d1.done(&sample);
        assert_eq!((done.run.deleted, d1.count("events")), (500, 0), "{index}");
        assert!(d1.count("avouch_retention_journal") > 2, "{index}");
        // What is too much however little it is ends, and says so.
        d1.sql(&[&fill]);
        d1.wrong("DELETE FROM \\\"events\\\"", 0, 999, "cpu before");
        let done = d1.run(&sample);
        assert!(matches!(cause(&done), DatabaseError::D1 { cause: D1Error::TooMuch { .. }, .. }), "{:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.due_after), (0, 500));
    }
    // So is looking for the first row that is due, behind many that are not, with a rowid and without one.
    for (without, by) in [("", "ORDER BY rowid LIMIT 1"), ("WITHOUT ROWID", "ORDER BY \\\"id\\\" LIMIT 1")] {
        let fill = format!("{} INSERT INTO events SELECT i, {CUTOFF} + iif(i % 60000 = 0, -i, i) FROM n", numbers(120_001));
        let table = format!("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER) {without}");
        let mut sample = d1.empty(&[&table, &fill]);
        sample.gentle = Gentleness::default();
        d1.wrong(by, 1, 2, "cpu before");
        let done = d1.done(&sample);
        assert_eq!((done.run.deleted, done.run.due_after, d1.count("events")), (2, 0, 119_999), "{by}");
    }
    // A window whose rows cannot be archived in one piece.
    let fill = format!("{} INSERT INTO events SELECT i, {CUTOFF} - i, hex(zeroblob(100000)) FROM n", numbers(20));
    let mut sample = d1.empty(&["CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body TEXT)", &fill]);
    sample.gentle = Gentleness { rows_min: 20, rows_max: 20, ..sample.gentle };
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    let done = d1.done(&sample);
    assert_eq!(done.run.deleted, 20);
    // And none is in two files.
    let files = fs::read_dir(sample.root().join("old/events")).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let lines = files.map(|file| {
        let mut text = String::new();
        ruzstd::decoding::StreamingDecoder::new(&file[..]).unwrap().read_to_string(&mut text).unwrap();
        text.lines().count()
    });
    let lines: Vec<_> = lines.collect();
    assert!(lines.len() >= 3 && lines.iter().sum::<usize>() == 20, "{lines:?}");
}

pub(super) fn nothing_is_deleted_where_a_failed_request_is_not_undone(d1: &Place) {
    let sample = d1.sample(&[]);
    d1.wrong("", 0, 9_999, "apart");
    let done = d1.run(&sample);
    assert!(matches!(cause(&done), DatabaseError::D1 { cause: D1Error::NotUndone, .. }), "{:?}", done.trouble);
    assert_eq!((d1.count("events"), d1.count("avouch_retention_journal")), (12, 0));
}

pub(super) fn a_run_that_dies_is_told_by_the_next_one(d1: &Place) {
    let sample = d1.sample(&[]);
    let mut pauses = 0;
    let mut die = |_: Duration| {
        pauses += 1;
        assert!(pauses < 3, "dies here, as if it were killed: nothing is given back");
        ControlFlow::Continue(())
    };
    assert!(panic::catch_unwind(AssertUnwindSafe(|| d1.run_at(&sample, &mut die))).is_err());
    let told = 12 - d1.count("events");
    assert!((1..6).contains(&told));
    let other = || Asked { owner: "another".into(), now: d1.now(&sample), ..sample.asked() };
    let elsewhere = purge(&other(), None, &sample.gentle, &mut never_sleep);
    assert!(elsewhere.trouble.as_ref().is_some_and(RetainError::is_elsewhere));
    d1.sql(&["UPDATE avouch_retention_lease SET expires = 0"]);
    let next = purge(&other(), None, &sample.gentle, &mut never_sleep).run;
    assert_eq!((next.ended, next.recovered as i64, next.deleted as i64), (Ended::Done, told, 6 - told));
    assert_eq!((next.claim, d1.count("events")), (Some(2), 6));
}

pub(super) fn a_clock_that_differs_from_d1s_is_not_believed(d1: &Place) {
    let sample = d1.sample(&[]);
    let now = d1.now(&sample);
    clocks_that_differ_delete_nothing(sample, now);
    assert_eq!(d1.count("events"), 12);
}

pub(super) fn rows_that_were_archived_and_not_deleted_are_deleted_by_the_next_run(d1: &Place) {
    let mut sample = d1.sample(&[]);
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    d1.wrong("DELETE FROM \\\"events\\\"", 0, 9_999, "failed before");
    let failed = d1.run(&sample);
    assert!(cause(&failed).leaves_it_open(), "{:?}", failed.trouble);
    let objects = |sample: &Sample| fs::read_dir(sample.root().join("old/events")).unwrap().count();
    assert_eq!((failed.run.ended, failed.run.deleted, objects(&sample), d1.count("events")), (Ended::Failed, 0, 1, 12));
    d1.post("/test/faults", "[]");
    let done = d1.done(&Sample { told: failed.run.claim, ..sample });
    assert_eq!((done.run.deleted, done.run.recovered, d1.count("events")), (6, 0, 6));
}

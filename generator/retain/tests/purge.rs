//! What a rule deletes, what it leaves, what it refuses, and what it says of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::{fs, ops::ControlFlow, time::Duration};

use avouch_database::{DatabaseError, open_read};
use avouch_model::{
    Span, Timestamp,
    configuration::Schedule,
    product::Location,
    receipt::{Ended, Enforcement, Receipt},
};
use avouch_retain::{Encoding, Gentleness, RetainError, lag_is_large, promise, purge, tables_without_rule};
use common::*;

#[test]
fn strictly_older_goes_and_exactly_as_old_stays() {
    let sample = Sample::with(&[CUTOFF - 1, CUTOFF, CUTOFF + 1, CUTOFF - 500 * DAY, NOW]);
    let done = sample.purge();
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!(sample.times(), [Some(CUTOFF), Some(CUTOFF + 1), Some(NOW)]);
    let run = done.run;
    assert_eq!((run.ended, run.purged, run.due, run.deleted), (Ended::Done, true, 2, 2));
    assert_eq!((run.due_after, run.overdue_after, run.rows_after), (0, 0, 3));
    assert_eq!(run.cutoff, Timestamp::from_unix(CUTOFF));
    assert_eq!(run.oldest_after, Some(Timestamp::from_unix(CUTOFF).day()));
    assert_eq!(run.newest_deleted, Some(Timestamp::from_unix(CUTOFF - 1).day()));
    assert!(Receipt::of(&[run], None).unwrap().holds);
}

#[test]
fn the_first_row_that_is_due_is_found_behind_many_that_are_not() {
    for without in ["", "WITHOUT ROWID"] {
        let mut sample = Sample::new(&format!(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER) {without}; INSERT INTO events WITH RECURSIVE n(i) AS \
             (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120001) SELECT i, {CUTOFF} + iif(i % 60000 = 0, -i, i) FROM n"
        ));
        sample.gentle = Gentleness::default();
        let done = sample.purge();
        assert!(done.trouble.is_none(), "{:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.due_after, sample.count("events")), (2, 0, 119_999));
    }
}

#[test]
fn a_proof_deletes_nothing_and_tells_a_breach() {
    let sample = Sample::with(&[CUTOFF - 1, CUTOFF - DAY - 1, NOW]);
    let seen = sample.prove();
    assert_eq!(sample.count("events"), 3);
    let run = seen.run;
    assert_eq!((run.ended, run.purged, run.deleted), (Ended::Done, false, 0));
    // One is due, within the lag; the other is due for longer than the lag allows.
    assert_eq!((run.due, run.due_after, run.overdue_after), (2, 2, 1));
    assert!(!Receipt::of(&[run], None).unwrap().holds);
}

#[test]
fn an_empty_table_is_fine_and_a_missing_one_is_not() {
    let empty = Sample::with(&[]);
    let done = empty.purge();
    assert!(done.trouble.is_none());
    assert_eq!((done.run.ended, done.run.rows_after, done.plan.unwrap().encoding), (Ended::Done, 0, None));

    let mut missing = Sample::with(&[NOW]);
    missing.rule.table = "event".into();
    let failed = missing.purge();
    assert!(matches!(failed.trouble, Some(RetainError::NoTable { .. })));
    assert_eq!((failed.run.ended, failed.plan), (Ended::Failed, None));
    missing.rule.table = "EVENTS".into();
    assert!(missing.plan().is_ok());
    missing.rule.column = "made_at".into();
    assert!(matches!(missing.plan(), Err(RetainError::NoColumn { .. })));

    let mut nowhere = Sample::with(&[]);
    nowhere.database.location = Location::Sqlite("other.db".into());
    assert!(matches!(nowhere.prove().trouble, Some(RetainError::Database { .. })));
    assert!(!nowhere.root().join("other.db").exists());
}

#[test]
fn rows_without_a_time_and_from_the_future_are_counted_and_kept() {
    let sample = Sample::with(&[CUTOFF - 1, NOW + DAY, NOW + DAY + 1, NOW + 9_999 * DAY]);
    sample.connection.execute("INSERT INTO events (at) VALUES (NULL), (NULL)", []).unwrap();
    let run = sample.purge().run;
    assert_eq!((run.deleted, run.undated, run.future, run.rows_after), (1, 2, 2, 5));
    assert_eq!(run.ended, Ended::Done);
}

#[test]
fn each_encoding_is_told_and_compared_as_itself() {
    let text = |at: i64, separator: char, zone: &str| {
        let text = Timestamp::from_unix(at).to_string();
        format!("'{}{zone}'", text.trim_end_matches('Z').replace('T', &separator.to_string()))
    };
    // A day is as old as its end: what is of the cut-off's own day stays.
    let both = |write: &dyn Fn(i64) -> String| (write(CUTOFF - DAY), write(CUTOFF));
    for (encoding, declared, (old, new)) in [
        (Encoding::UnixSeconds, "INTEGER", both(&|at| at.to_string())),
        (Encoding::UnixSeconds, "REAL", both(&|at| format!("{at}.5"))),
        (Encoding::UnixSeconds, "", both(&|at| at.to_string())),
        (Encoding::UnixMilliseconds, "BIGINT", both(&|at| (at * 1_000).to_string())),
        (Encoding::UnixMicroseconds, "INTEGER", both(&|at| (at * 1_000_000).to_string())),
        (Encoding::JulianDay, "REAL", both(&|at| format!("julianday({at}, 'unixepoch')"))),
        (Encoding::TextDay, "DATE", both(&|at| format!("date({at}, 'unixepoch')"))),
        (Encoding::TextWithT, "TEXT", both(&|at| text(at, 'T', "Z"))),
        (Encoding::TextWithT, "DATETIME", both(&|at| text(at, 'T', ".999Z"))),
        (Encoding::TextWithT, "TEXT COLLATE NOCASE", both(&|at| text(at, 'T', "+00:00"))),
        (Encoding::TextWithSpace, "DATETIME", both(&|at| text(at, ' ', ""))),
        (Encoding::TextWithSpace, "TEXT", both(&|at| text(at, ' ', ".5+00:00"))),
    ] {
        let sample = Sample::new(&format!("CREATE TABLE events (id INTEGER PRIMARY KEY, at {declared})"));
        sample.connection.execute_batch(&format!("INSERT INTO events (at) VALUES ({old}), ({new}), ({old})")).unwrap();
        let done = sample.purge();
        assert!(done.trouble.is_none(), "{encoding:?} {declared}: {:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.rows_after), (2, 1), "{encoding:?} {declared}");
        let plan = done.plan.unwrap();
        assert_eq!((plan.encoding, plan.due_percent()), (Some(encoding), 67));
        assert_eq!(plan.newest_due, Some(Timestamp::from_unix(CUTOFF - DAY).day()));
    }
}

#[test]
fn what_is_not_one_encoding_throughout_is_not_deleted_by() {
    let old = CUTOFF - DAY;
    let ms = old * 1_000;
    for (first, second) in [
        (old.to_string(), ms.to_string()),
        (ms.to_string(), old.to_string()),
        (old.to_string(), "'2024-01-01T00:00:00Z'".into()),
        ("'2024-01-01T00:00:00Z'".into(), old.to_string()),
        ("'2024-01-01T00:00:00Z'".into(), "'2024-01-01 00:00:00'".into()),
        ("'2024-01-01T00:00:00Z'".into(), "'2024-01-01T00:00:00+02:00'".into()),
        ("'2024-01-01T00:00:00Z'".into(), "'2024-01-01T00:00:00.5ZZ'".into()),
        ("'2024-01-01T00:00:00Z'".into(), "'2024-01-01T00:00:00.'".into()),
        ("'2024-01-01T00:00:00Z'".into(), "'2024-01-01'".into()),
        ("'2024-01-01T00:00:00Z'".into(), "x'323032342d30312d30315430303a30303a30305a'".into()),
        (old.to_string(), "x'00'".into()),
        // A default or a mistake, not a time at which a row was made.
        (old.to_string(), "0".into()),
        (old.to_string(), "-5".into()),
        (old.to_string(), "2459000.5".into()),
        ("'2024-01-01T00:00:00Z'".into(), "'1999-12-31T23:59:59Z'".into()),
        (old.to_string(), (old * 1_000_000).to_string()),
    ] {
        let sample = Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at)");
        sample.connection.execute_batch(&format!("INSERT INTO events (at) VALUES ({first}), ({second})")).unwrap();
        let failed = sample.purge();
        assert!(
            matches!(failed.trouble, Some(RetainError::Mixed { others: 1, dated: 2, .. })),
            "{first} {second}: {:?}",
            failed.trouble
        );
        assert_eq!((failed.run.ended, failed.run.deleted, sample.count("events")), (Ended::Failed, 0, 2));
        assert!(!Receipt::of(&[failed.run], None).unwrap().holds);
    }
}

#[test]
fn a_row_that_comes_during_a_run_in_another_encoding_stays_and_is_told() {
    let texts = ["''", "'01/02/2026'", "'2026 Nov 21'"].map(str::to_owned);
    for (written, come) in [
        ("AT", ["0".into(), "-5".into(), "2461365.5".into()]),
        ("AT * 1000", ["0".into(), NOW.to_string(), "2461365.5".into()]),
        ("AT * 1000000", ["0".into(), NOW.to_string(), (NOW * 1_000).to_string()]),
        ("julianday(AT, 'unixepoch')", ["0".into(), "-5".into(), "1.5".into()]),
        ("strftime('%Y-%m-%dT%H:%M:%SZ', AT, 'unixepoch')", texts.clone()),
        ("datetime(AT, 'unixepoch')", texts.clone()),
        ("date(AT, 'unixepoch')", texts),
    ] {
        let sample = Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at)");
        let old = [10, 20, 30, 40, 50, 60].map(|id| (id, CUTOFF - 9 * DAY));
        for (id, at) in [(1, NOW)].into_iter().chain(old) {
            let row = format!("INSERT INTO events VALUES ({id}, {})", written.replace("AT", &at.to_string()));
            sample.connection.execute_batch(&row).unwrap();
        }
        let mut pauses = 0;
        let mut arrive = |_: Duration| {
            pauses += 1;
            if pauses == 1 {
                let rows = format!("INSERT INTO events VALUES (44, {}), (45, {}), (46, {})", come[0], come[1], come[2]);
                sample.connection.execute_batch(&rows).unwrap();
            }
            ControlFlow::Continue(())
        };
        let done = purge(&sample.asked(), None, &sample.gentle, &mut arrive);
        assert_eq!((done.run.deleted, sample.count("events WHERE id BETWEEN 44 AND 46")), (6, 3), "{written}");
        assert!(matches!(done.trouble, Some(RetainError::Mixed { others: 3, .. })), "{written}: {:?}", done.trouble);
        assert_eq!(done.run.ended, Ended::Failed, "{written}");
        assert!(!Receipt::of(&[done.run], None).unwrap().holds);
    }
}

#[test]
fn what_is_no_time_at_all_is_told_without_its_values() {
    for value in ["'yesterday'", "'20240101T000000Z'", "x'00ff'", "-77", "1700000000000000000"] {
        let sample = Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at)");
        sample.connection.execute_batch(&format!("INSERT INTO events (at) VALUES ({value})")).unwrap();
        let Err(error) = sample.plan() else { unreachable!("{value} is no time") };
        assert!(matches!(error, RetainError::Unreadable { .. }), "{value}: {error:?}");
        let text = error.to_string();
        assert!(text.contains("(1 ") && !text.contains(value.trim_matches('\'')), "{text}");
    }
}

#[test]
fn the_fuse_stops_a_purge_until_that_plan_is_confirmed() {
    let mut sample = Sample::with(&[CUTOFF - 9, CUTOFF - 8, CUTOFF - 7, NOW, NOW]);
    sample.rule.fuse_percent = 59;
    let stopped = sample.purge();
    assert_eq!((stopped.run.ended, stopped.run.deleted, stopped.run.due_after, stopped.run.purged), (Ended::Fused, 0, 3, false));
    let Some(RetainError::Fused { digest, due: 3, rows: 5, .. }) = stopped.trouble else { unreachable!("{:?}", stopped.trouble) };
    assert_eq!((sample.count("events"), digest), (5, sample.plan().unwrap().digest));

    let mut other = digest;
    assert_ne!(std::mem::replace(&mut other, avouch_model::Digest::of(b"another plan")), other);
    let refused = sample.purge_confirmed(Some(other));
    assert!(matches!(refused.trouble, Some(RetainError::OtherPlan { .. })));
    assert_eq!((refused.run.ended, sample.count("events")), (Ended::Fused, 5));

    let done = sample.purge_confirmed(Some(digest));
    assert!(done.trouble.is_none());
    assert_eq!((done.run.deleted, sample.count("events")), (3, 2));
    // At the fuse, not beyond it.
    let mut at = Sample::with(&[CUTOFF - 9, CUTOFF - 8, CUTOFF - 7, NOW, NOW]);
    at.rule.fuse_percent = 60;
    assert_eq!(at.purge_confirmed(Some(digest)).run.deleted, 3);
}

#[test]
fn a_confirmation_is_for_the_plan_that_was_read() {
    let sample = Sample::with(&[CUTOFF - 9, NOW]);
    let digest = sample.plan().unwrap().digest;
    assert_eq!(sample.plan().unwrap().digest, digest);
    // Twice as many rows, an older row, another rule: another plan.
    sample.insert(&[CUTOFF - 9, CUTOFF - 9, CUTOFF - 9]);
    let more = sample.plan().unwrap().digest;
    assert_ne!(more, digest);
    sample.insert(&[CUTOFF - 40 * DAY]);
    assert_ne!(sample.plan().unwrap().digest, more);
}

#[test]
fn a_purge_that_is_stopped_goes_on_the_next_time() {
    let times: Vec<i64> = (0..20).map(|place| CUTOFF - 1 - place).chain([NOW]).collect();
    for stop_after in 1..9 {
        let sample = Sample::with(&times);
        let mut pauses = 0;
        let mut stop = |_: Duration| {
            pauses += 1;
            if pauses == stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stopped = purge(&sample.asked(), None, &sample.gentle, &mut stop);
        let deleted = 2 * stop_after;
        assert!(matches!(stopped.trouble, Some(RetainError::Stopped { due: 20, .. })), "{:?}", stopped.trouble);
        assert_eq!((stopped.run.ended, stopped.run.deleted), (Ended::Failed, deleted));
        assert_eq!((stopped.run.due_after, stopped.run.newest_deleted), (20 - deleted, None));
        let intact: String = sample.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(intact, "ok");
        let finished = sample.purge();
        assert_eq!((finished.run.deleted, finished.run.due_after), (20 - deleted, 0));
        assert_eq!(sample.times(), [Some(NOW)]);
    }
}

#[test]
fn tables_without_a_rowid_go_by_their_primary_key() {
    let sample = Sample::new(
        "CREATE TABLE events (tenant TEXT, \"the id\" INTEGER, at INTEGER, PRIMARY KEY (tenant, \"the id\")) WITHOUT ROWID",
    );
    for (tenant, id, at) in [("a", 1, CUTOFF - 1), ("a", 2, NOW), ("b", 1, CUTOFF - 1), ("b", 9, CUTOFF - 1), ("c", 0, CUTOFF)] {
        sample.connection.execute("INSERT INTO events VALUES (?1, ?2, ?3)", (tenant, id, at)).unwrap();
    }
    let done = sample.purge();
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, sample.count("events")), (3, 2));
}

#[test]
fn a_text_key_that_is_not_utf_8_is_a_text_all_the_same() {
    let sample = Sample::new("CREATE TABLE events (id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID");
    // The first of all, one in between, and the last.
    let keys = ["CAST(x'01ff' AS TEXT)", "'a'", "'b'", "CAST(x'63fe' AS TEXT)", "'d'", "CAST(x'ff' AS TEXT)", "x'00'"];
    for key in keys {
        sample.connection.execute_batch(&format!("INSERT INTO events VALUES ({key}, {CUTOFF} - 1)")).unwrap();
    }
    let done = sample.purge();
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, sample.count("events")), (7, 0));
}

#[test]
fn names_are_names_whatever_is_in_them() {
    let mut sample = Sample::new(
        "CREATE TABLE \"e\"\"; DROP TABLE other; --\" (rowid TEXT, \"a {} 'b\" INTEGER); CREATE TABLE other (id); \
         INSERT INTO \"e\"\"; DROP TABLE other; --\" VALUES ('x', 1500000000), ('y', 1795240923)",
    );
    sample.rule.table = "e\"; DROP TABLE other; --".into();
    sample.rule.column = "a {} 'b".into();
    let done = sample.purge();
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, sample.count("other")), (1, 0));
}

#[test]
fn a_table_whose_rowid_has_no_name_left_is_refused() {
    let sample = Sample::new(
        "CREATE TABLE events (rowid TEXT, _rowid_ TEXT, oid TEXT, at INTEGER); INSERT INTO events (at) VALUES (1500000000)",
    );
    let Some(RetainError::Database { cause, .. }) = sample.purge().trouble else { unreachable!() };
    assert!(matches!(*cause, DatabaseError::NoKey { .. }), "{cause:?}");
    assert_eq!(sample.count("events"), 1);
}

#[test]
fn rows_that_others_refer_to_are_left_alone() {
    for action in ["CASCADE", "SET NULL", "RESTRICT", "NO ACTION"] {
        let sample = Sample::new(&format!(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER); \
             CREATE TABLE notes (id INTEGER PRIMARY KEY, event INTEGER REFERENCES events ON DELETE {action});"
        ));
        sample.insert(&[CUTOFF - 1, CUTOFF - 1, NOW]);
        sample.connection.execute("INSERT INTO notes (event) VALUES (2), (3), (NULL)", []).unwrap();
        let refused = sample.purge();
        assert!(
            matches!(&refused.trouble, Some(RetainError::Referenced { child, .. }) if child == "notes"),
            "{:?}",
            refused.trouble
        );
        assert_eq!((sample.count("events"), sample.count("notes"), refused.run.deleted), (3, 3, 0));
        // Nobody refers to what is due: it goes, and what others refer to stays.
        sample.connection.execute("DELETE FROM notes WHERE event = 2", []).unwrap();
        let done = sample.purge();
        assert!(done.trouble.is_none(), "{action}: {:?}", done.trouble);
        assert_eq!((sample.count("events"), sample.count("notes")), (1, 2));
    }
}

#[test]
fn a_trigger_on_deletion_is_refused() {
    let sample = Sample::new(
        "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER); CREATE TABLE graveyard (id); \
         CREATE TRIGGER bury AFTER DELETE ON events BEGIN INSERT INTO graveyard VALUES (old.id); END;",
    );
    sample.insert(&[CUTOFF - 1]);
    let refused = sample.purge();
    assert!(matches!(&refused.trouble, Some(RetainError::Trigger { trigger, .. }) if trigger == "bury"));
    assert_eq!((sample.count("events"), sample.count("graveyard")), (1, 0));
}

#[test]
fn a_clock_that_contradicts_the_past_or_the_rows_is_not_believed() {
    let mut sample = Sample::with(&[CUTOFF - 1, NOW]);
    sample.last_run = Some(now().plus_seconds(1));
    assert!(matches!(sample.purge().trouble, Some(RetainError::ClockWentBack { .. })));
    assert!(matches!(sample.prove().trouble, Some(RetainError::ClockWentBack { .. })));
    assert_eq!(sample.count("events"), 2);
    sample.last_run = Some(now());
    assert!(sample.purge().trouble.is_none());

    let behind = Sample::with(&[NOW + 2 * DAY; 11]);
    assert!(matches!(behind.prove().trouble, Some(RetainError::ClockBehind { future: 11, .. })));
    assert!(Sample::with(&[NOW + 2 * DAY; 10]).prove().trouble.is_none());
}

#[test]
fn a_rule_that_keeps_nothing_is_refused() {
    let mut sample = Sample::with(&[CUTOFF - 1]);
    sample.rule.keep = Span::Seconds(0);
    assert!(matches!(sample.purge().trouble, Some(RetainError::KeepsNothing { .. })));
}

#[test]
fn what_the_product_enforces_is_only_proven() {
    let mut sample = Sample::with(&[CUTOFF - 2 * DAY]);
    sample.rule.enforce = Enforcement::Product;
    let seen = sample.purge();
    assert_eq!((seen.run.purged, seen.run.deleted, seen.run.overdue_after, sample.count("events")), (false, 0, 1, 1));
    assert!(seen.trouble.is_none());
}

#[test]
fn months_are_counted_on_the_calendar() {
    let mut sample = Sample::with(&[]);
    sample.rule.keep = "24 months".parse().unwrap();
    let cutoff: Timestamp = "2024-11-21T00:00:00Z".parse().unwrap();
    sample.insert(&[cutoff.unix() - 1, cutoff.unix()]);
    let run = sample.purge().run;
    assert_eq!((run.cutoff, run.deleted), (cutoff, 1));
}

#[test]
fn a_deletion_reaches_the_file_itself() {
    let sample = Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body TEXT)");
    for place in 0..200 {
        let body = format!("needle-{place:04}-{}", "x".repeat(300));
        sample.connection.execute("INSERT INTO events (at, body) VALUES (?1, ?2)", (CUTOFF - 1, body)).unwrap();
    }
    let read = |name: &str| fs::read(sample.root().join(name)).unwrap_or_default();
    let found = |bytes: &[u8]| bytes.windows(7).filter(|window| *window == b"needle-").count();
    assert!(found(&read("app.db")) + found(&read("app.db-wal")) >= 200);
    let done = sample.purge();
    assert_eq!(done.run.deleted, 200);
    // The log is moved and emptied. Copies that page splits left behind long before are beyond `secure_delete`: only a
    // VACUUM reaches them, so nothing here says "erased".
    assert_eq!(read("app.db-wal").len(), 0);
    assert!(found(&read("app.db")) <= 4, "{}", found(&read("app.db")));
}

#[test]
fn a_rollback_journal_is_served_as_well() {
    let sample = Sample::with(&[CUTOFF - 1, CUTOFF - 1, CUTOFF - 1, NOW]);
    sample.connection.pragma_update(None, "journal_mode", "delete").unwrap();
    assert_eq!((sample.purge().run.deleted, sample.count("events")), (3, 1));
}

#[test]
fn a_promise_takes_its_lag_from_the_schedule() {
    let mut sample = Sample::with(&[]);
    sample.rule.max_lag = None;
    let (quarter, daily) = (Span::Seconds(900), Span::Seconds(DAY as u64));
    let schedule = |purge_gap, run_gap| Schedule { purge_gap, run_gap, ..Schedule::default() };
    assert_eq!(promise(&sample.rule, &schedule(Some(quarter), Some(daily))).max_lag, quarter);
    assert_eq!(promise(&sample.rule, &schedule(None, Some(quarter))).max_lag, quarter);
    assert_eq!(promise(&sample.rule, &schedule(None, None)).max_lag, daily);
    sample.rule.keep = Span::Seconds(7_200);
    assert!(lag_is_large(&promise(&sample.rule, &schedule(None, Some(daily)))));
    assert!(!lag_is_large(&promise(&sample.rule, &schedule(Some(quarter), None))));
}

#[test]
fn tables_that_no_rule_names_are_listed() {
    let sample = Sample::new("CREATE TABLE Events (at); CREATE TABLE users (id); CREATE TABLE accounts (id)");
    let mut read = open_read(&sample.database, sample.root()).unwrap();
    assert_eq!(tables_without_rule(read.as_mut(), &[&sample.rule]).unwrap(), ["accounts", "users"]);
}

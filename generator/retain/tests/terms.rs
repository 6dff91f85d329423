//! What a rule may say beyond how long: some rows only, a hold, periods of tenants, other ends than deletion, children.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::{collections::BTreeMap, fs, io::Read as _, ops::ControlFlow, path::PathBuf, time::Duration};

use avouch_database::DatabaseError;
use avouch_model::{
    product::{Action, Archive, Hold, HoldList, Tenants, Undated},
    receipt::{Ended, Exceptions, Fate, Receipt, Remnants},
};
use avouch_retain::{RetainError, purge};
use common::*;
use rusqlite::Connection;

/// `events (id, at, who, kind, note)`: ten rows, two each of u1 to u5; the first of each two is due.
fn people() -> Sample {
    let sample = Sample::new(
        "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, who TEXT, kind TEXT, note TEXT); \
         CREATE TABLE holds (who, matter TEXT); CREATE TABLE orgs (id TEXT PRIMARY KEY, keep TEXT);",
    );
    for who in 1..=5 {
        for at in [CUTOFF - 2 * DAY, NOW] {
            let sql = "INSERT INTO events (at, who, kind, note) VALUES (?1, 'u' || ?2, CASE ?2 % 2 WHEN 1 THEN 'odd' ELSE 'even' END, 'note of ' || ?2)";
            sample.connection.execute(sql, (at, who)).unwrap();
        }
    }
    sample
}

fn whose(sample: &Sample, condition: &str) -> Vec<String> {
    let sql = format!("SELECT who FROM events WHERE {condition} ORDER BY id");
    let mut statement = sample.connection.prepare(&sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn due(sample: &Sample) -> Vec<String> {
    whose(sample, &format!("at < {CUTOFF}"))
}

#[test]
fn only_rows_of_which_the_condition_is_true_are_under_the_rule() {
    let mut sample = people();
    sample.connection.execute("UPDATE events SET kind = NULL WHERE who = 'u5'", []).unwrap();
    sample.rule.terms.condition = Some("kind = 'odd' OR kind = 'neither'".into());
    let plan = sample.plan().unwrap();
    assert_eq!((plan.rows, plan.due), (4, 2));
    let run = sample.purge().run;
    assert_eq!((run.deleted, run.due_after, run.overdue_after, run.rows_after), (2, 0, 0, 2));
    assert_eq!(due(&sample), ["u2", "u4", "u5"]);
    assert!(run.promise.exceptions.part);
}

#[test]
fn what_is_written_in_a_rule_stays_in_its_place() {
    for condition in ["1) OR (1", "kind = 'odd' --", "1; DROP TABLE events", "kind = :cutoff", "'open"] {
        let mut sample = people();
        sample.rule.terms.condition = Some(condition.into());
        assert!(matches!(sample.purge().trouble, Some(RetainError::Expression { .. })), "{condition}");
        assert_eq!(sample.count("events"), 10);
    }
    let mut sample = people();
    sample.rule.terms.condition = Some("nobody = 'knows'".into());
    assert!(matches!(sample.purge().trouble, Some(RetainError::Database { .. })));
    assert_eq!(sample.count("events"), 10);
}

fn held(sample: &mut Sample) {
    let list = HoldList::Table { table: "HOLDS".into(), key: "who".into() };
    sample.rule.terms.hold = Some(Hold { column: "who".into(), list });
}

#[test]
fn rows_under_a_hold_stay_and_are_counted() {
    let mut sample = people();
    held(&mut sample);
    sample.connection.execute_batch("INSERT INTO holds VALUES ('u2', 'a'), ('u2', 'b'), ('u4', 'a'), ('u9', 'a')").unwrap();
    let plan = sample.plan().unwrap();
    assert_eq!((plan.due, plan.held), (3, 2));
    let run = sample.purge().run;
    assert_eq!((run.deleted, run.held, run.due_after, run.overdue_after), (3, 2, 0, 0));
    assert_eq!(due(&sample), ["u2", "u4"]);
    // Two are few, and few are not told apart.
    let receipt = Receipt::of(&[run], None).unwrap();
    assert!(receipt.holds && receipt.held.is_none());
    assert_eq!(receipt.promise.exceptions, Exceptions { hold: true, ..Exceptions::default() });
    // The hold is lifted: the next run finishes.
    sample.connection.execute("DELETE FROM holds", []).unwrap();
    assert_eq!(sample.purge().run.deleted, 2);
}

#[test]
fn a_hold_fails_closed() {
    let mut sample = people();
    held(&mut sample);
    // A NULL: nobody can say whom it means.
    sample.connection.execute("INSERT INTO holds VALUES (NULL, 'a')", []).unwrap();
    assert_eq!((sample.purge().run.deleted, sample.plan().unwrap().held), (0, 5));
    sample.connection.execute("DELETE FROM holds", []).unwrap();
    for query in ["SELECT who FROM nowhere", "SELECT who, matter FROM holds", "DELETE FROM holds RETURNING who"] {
        let list = HoldList::Query(query.into());
        sample.rule.terms.hold = Some(Hold { column: "who".into(), list });
        assert!(sample.purge().trouble.is_some(), "{query}");
        assert_eq!(sample.count("events"), 10, "{query}");
    }
    let list = HoldList::Table { table: "hold".into(), key: "who".into() };
    sample.rule.terms.hold = Some(Hold { column: "who".into(), list });
    assert!(matches!(sample.purge().trouble, Some(RetainError::NoTable { .. })));
    // A list of numbers holds texts that read the same.
    let list = HoldList::Query("SELECT 3".into());
    sample.rule.terms.hold = Some(Hold { column: "who".into(), list });
    sample.connection.execute("UPDATE events SET who = substr(who, 2)", []).unwrap();
    assert_eq!((sample.purge().run.deleted, due(&sample)), (4, vec!["3".to_owned()]));
}

#[test]
fn a_value_is_recognised_however_it_is_spelled() {
    for (kind, value, listed) in
        [("TEXT", "'A0EEBC99'", "'a0eebc99'"), ("INTEGER", "5", "'5.0'"), ("REAL", "5.0", "5"), ("", "7", "'7'")]
    {
        let mut sample = people();
        let sql = format!(
            "ALTER TABLE events DROP who; ALTER TABLE events ADD who {kind}; UPDATE events SET who = {value} WHERE id <= 2; \
             INSERT INTO holds (who) VALUES ({listed}); DROP TABLE orgs; CREATE TABLE orgs (id, keep TEXT); INSERT INTO orgs VALUES ({listed}, '90 years')"
        );
        sample.connection.execute_batch(&sql).unwrap();
        held(&mut sample);
        let run = sample.purge().run;
        assert_eq!((run.deleted, run.held), (4, 1), "{kind}: a hold");
        sample.rule.terms.hold = None;
        let (column, table, key, keep) = ("who".into(), "orgs".into(), "id".into(), "keep".into());
        sample.rule.terms.tenants = Some(Tenants { column, table, key, keep });
        let run = sample.purge().run;
        assert_eq!((run.deleted, sample.count("events")), (0, 6), "{kind}: a tenant");
    }
}

#[test]
fn the_list_of_a_hold_may_be_a_table_of_any_name() {
    for name in ["hold", "Key", "select", "events_held"] {
        let mut sample = Sample::with(&[CUTOFF - 1; 4]);
        sample
            .connection
            .execute_batch(&format!("CREATE TABLE \"{name}\" (key INTEGER); INSERT INTO \"{name}\" VALUES (2), (3)"))
            .unwrap();
        let list = HoldList::Table { table: name.into(), key: "key".into() };
        sample.rule.terms.hold = Some(Hold { column: "id".into(), list });
        let done = sample.purge();
        assert!(done.trouble.is_none(), "{name}: {:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.held, sample.count("events")), (2, 2, 2), "{name}");
    }
}

#[test]
fn a_hold_that_comes_during_a_run_counts_from_the_next_window() {
    let mut sample = people();
    held(&mut sample);
    let mut hold = |_: Duration| {
        let all = "INSERT INTO holds SELECT who, 'late' FROM events WHERE NOT EXISTS (SELECT 1 FROM holds)";
        sample.connection.execute(all, []).unwrap();
        ControlFlow::Continue(())
    };
    let done = purge(&sample.asked(), None, &sample.gentle, &mut hold);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.held, done.run.due_after), (1, 4, 0));
    assert_eq!(due(&sample), ["u2", "u3", "u4", "u5"]);
}

#[test]
fn tenants_may_have_periods_of_their_own() {
    let mut sample = people();
    sample.rule.terms.tenants =
        Some(Tenants { column: "who".into(), table: "orgs".into(), key: "id".into(), keep: "keep".into() });
    // u1 longer, u2 shorter, u3 as the rule, u4 not named, u5 twice: the longer counts.
    sample
        .connection
        .execute_batch("INSERT INTO orgs VALUES ('u1', '93 days'), ('u2', '12 hours'), ('u3', NULL), ('u5', '2 years')")
        .unwrap();
    sample.connection.execute("UPDATE events SET at = ?1 WHERE who = 'u2' AND at > ?2", (NOW - DAY, CUTOFF)).unwrap();
    let run = sample.purge().run;
    assert_eq!((run.ended, run.deleted, run.due_after, run.overdue_after), (Ended::Done, 4, 0, 0));
    assert_eq!(whose(&sample, "TRUE"), ["u1", "u1", "u3", "u4", "u5", "u5"]);
    // What nobody can read stops the rule; a period that comes during a run keeps its rows.
    sample.connection.execute("UPDATE orgs SET keep = '6' WHERE id = 'u3'", []).unwrap();
    assert!(matches!(sample.purge().trouble, Some(RetainError::Periods { .. })));
    sample.connection.execute("UPDATE orgs SET keep = '4 days' WHERE id = 'u3'", []).unwrap();
    sample.rule.terms.minimum = Some("5 days".parse().unwrap());
    assert!(matches!(sample.purge().trouble, Some(RetainError::BelowMinimum { .. })));
}

#[test]
fn a_period_that_comes_during_a_run_keeps_its_rows() {
    let mut sample = people();
    sample.rule.terms.tenants =
        Some(Tenants { column: "who".into(), table: "orgs".into(), key: "id".into(), keep: "keep".into() });
    let mut change = |_: Duration| {
        sample.connection.execute("INSERT OR REPLACE INTO orgs VALUES ('u5', '9 years')", []).unwrap();
        ControlFlow::Continue(())
    };
    let run = purge(&sample.asked(), None, &sample.gentle, &mut change).run;
    assert_eq!((run.deleted, run.due_after, due(&sample)), (4, 0, vec!["u5".to_owned()]));
}

#[test]
fn less_than_the_declared_minimum_is_refused() {
    let mut sample = people();
    sample.rule.terms.minimum = Some("91 days".parse().unwrap());
    assert!(matches!(sample.purge().trouble, Some(RetainError::BelowMinimum { .. })));
    sample.rule.terms.minimum = Some("90 days".parse().unwrap());
    assert_eq!(sample.purge().run.deleted, 5);
}

fn anonymising(sample: &mut Sample, set: &[(&str, &str)]) {
    let set = set.iter().map(|(column, value)| ((*column).to_owned(), (*value).to_owned()));
    sample.rule.terms.action = Action::Anonymise(set.collect());
}

#[test]
fn rows_that_are_anonymised_stay_and_are_due_no_more() {
    let mut sample = people();
    anonymising(&mut sample, &[("WHO", "NULL"), ("note", "'was ' || kind")]);
    let run = sample.purge().run;
    assert_eq!((run.ended, run.deleted, run.due_after, run.overdue_after, run.rows_after), (Ended::Done, 5, 0, 0, 10));
    assert_eq!(run.promise.fate, Fate::Anonymised);
    let left: Vec<(Option<String>, String)> = {
        let mut statement = sample.connection.prepare(&format!("SELECT who, note FROM events WHERE at < {CUTOFF}")).unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert!(left.iter().all(|(who, note)| who.is_none() && note.starts_with("was ")), "{left:?}");
    // Nothing is done twice.
    assert_eq!((sample.purge().run.deleted, sample.plan().unwrap().due), (0, 0));
}

#[test]
fn what_never_comes_to_rest_is_undone() {
    let mut sample = people();
    anonymising(&mut sample, &[("who", "hex(randomblob(8))")]);
    let done = sample.purge();
    assert!(format!("{:?}", done.trouble).contains("NotSettled"), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, due(&sample).len(), due(&sample)[0].as_str()), (0, 5, "u1"));
    for column in ["id", "at"] {
        anonymising(&mut sample, &[(column, "1")]);
        assert!(matches!(sample.purge().trouble, Some(RetainError::SetKey { .. })), "{column}");
    }
    anonymising(&mut sample, &[("nobody", "1")]);
    assert!(matches!(sample.purge().trouble, Some(RetainError::NoColumn { .. })));
    anonymising(&mut sample, &[("who", "1, note = 2")]);
    assert!(sample.purge().trouble.is_some());
    assert_eq!(due(&sample).len(), 5);
}

/// The lines of all objects of the archive.
fn archived(sample: &Sample) -> Vec<String> {
    let mut lines = Vec::new();
    for path in objects(sample) {
        let mut text = String::new();
        ruzstd::decoding::StreamingDecoder::new(&fs::read(path).unwrap()[..]).unwrap().read_to_string(&mut text).unwrap();
        lines.extend(text.lines().map(str::to_owned));
    }
    lines.sort();
    lines
}

fn objects(sample: &Sample) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(sample.root().join("old/events")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn rows_are_archived_before_they_are_deleted() {
    let mut sample = people();
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    let run = sample.purge().run;
    assert_eq!((run.ended, run.deleted, run.archived, run.rows_after), (Ended::Done, 5, 5, 5));
    let lines = archived(&sample);
    assert_eq!(lines.len(), 5);
    assert!(lines[0].contains("\"note\":\"note of 1\"") && lines[0].ends_with("\"table\":\"events\"}"), "{}", lines[0]);
    let digests = "SELECT count(*) FROM avouch_retention_journal WHERE archive LIKE 'sha256:%'";
    assert_eq!(sample.connection.query_row(digests, [], |row| row.get::<_, i64>(0)).unwrap(), 5);
}

#[test]
fn what_was_archived_and_not_deleted_is_not_archived_twice() {
    let mut sample = people();
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    // The journal cannot be written: the object is there, and the rows are too.
    let block = "CREATE TRIGGER full BEFORE INSERT ON avouch_retention_journal BEGIN SELECT RAISE(ABORT, 'full'); END";
    sample.connection.execute_batch(block).unwrap();
    let failed = sample.purge();
    assert!(failed.trouble.is_some());
    assert_eq!((failed.run.ended, failed.run.deleted, due(&sample).len(), objects(&sample).len()), (Ended::Failed, 0, 5, 1));
    sample.connection.execute_batch("DROP TRIGGER full").unwrap();
    let done = sample.purge();
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, archived(&sample).len()), (5, 5));
}

#[test]
fn objects_of_windows_that_were_begun_again_are_told() {
    let mut sample = Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, who TEXT)");
    sample.insert(&[CUTOFF - 1; 6]);
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    // While the first window is archived a row of it changes: what was looked at before is archived all the same.
    let other = Connection::open(sample.root().join("app.db")).unwrap();
    let folder = sample.root().join("old/events");
    let done = std::thread::scope(|scope| {
        scope.spawn(move || {
            while !folder.exists() {
                std::thread::yield_now();
            }
            other.busy_timeout(Duration::from_secs(5)).unwrap();
            other.execute("UPDATE events SET who = 'somebody' WHERE id = 2", []).unwrap();
        });
        sample.purge()
    });
    let objects = objects(&sample).len() as u64;
    let run = done.run;
    assert_eq!((run.deleted, run.archived, run.strays), (6, objects, objects - 3));
    // A run that cannot go on leaves the object of its last window.
    sample.insert(&[CUTOFF - 1; 2]);
    sample.connection.execute_batch("CREATE TABLE notes (event INTEGER REFERENCES events)").unwrap();
    let mut sample = Sample { told: run.claim, ..sample };
    sample.rule.terms.condition = None;
    let refer =
        || sample.connection.execute_batch("PRAGMA foreign_keys = on; INSERT INTO notes SELECT max(id) FROM events").unwrap();
    let run = purge(&sample.asked(), None, &sample.gentle, &mut Meanwhile::new(refer)).run;
    assert_eq!((run.ended, run.deleted, run.strays), (Ended::Failed, 0, 1));
}

#[test]
fn what_a_killed_run_deleted_is_erased_by_the_next() {
    let mut sample = Sample::with(&[CUTOFF - 1; 4]);
    sample.rule.terms.erase = true;
    let mut stop = |_: Duration| ControlFlow::Break(());
    let stopped = purge(&sample.asked(), None, &sample.gentle, &mut stop).run;
    assert_eq!((stopped.deleted, stopped.remnants), (2, None));
    sample.connection.execute("DELETE FROM events", []).unwrap();
    // Nobody told of it: as if it had been killed.
    let run = sample.purge().run;
    assert_eq!((run.deleted, run.recovered, run.remnants), (0, 2, Some(Remnants { sampled: 0, found: 0 })));
}

#[test]
fn what_cannot_be_archived_is_not_deleted() {
    let mut sample = people();
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    fs::write(sample.root().join("old"), "a file, not a folder").unwrap();
    let failed = sample.purge();
    assert!(format!("{:?}", failed.trouble).contains("NotKept"), "{:?}", failed.trouble);
    assert_eq!((failed.run.ended, due(&sample).len()), (Ended::Failed, 5));
}

#[test]
fn children_go_with_the_rows_they_refer_to() {
    let mut sample = Sample::new(
        "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER); \
         CREATE TABLE notes (id INTEGER PRIMARY KEY, event INTEGER NOT NULL REFERENCES events); \
         CREATE TABLE marks (note INTEGER REFERENCES notes (id) ON DELETE CASCADE, event INTEGER REFERENCES events (id));",
    );
    sample.insert(&[CUTOFF - 1, CUTOFF - 1, CUTOFF - 1, NOW]);
    sample.connection.execute_batch("INSERT INTO notes (event) VALUES (1), (2), (2), (4); INSERT INTO marks VALUES (1, NULL), (2, NULL), (2, 1), (4, 3), (4, 4)").unwrap();
    assert!(matches!(sample.purge().trouble, Some(RetainError::Referenced { .. })));
    sample.rule.terms.children = vec!["notes".into()];
    let refused = sample.purge().trouble;
    assert!(matches!(&refused, Some(RetainError::Referenced { child, .. }) if child == "marks"), "{refused:?}");
    sample.rule.terms.children = vec!["MARKS".into(), "notes".into(), "marks".into()];
    let plan = sample.plan().unwrap();
    assert_eq!(plan.children, [("notes".to_owned(), 3), ("marks".to_owned(), 4)]);
    let done = sample.purge();
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.children), (3, 7));
    assert_eq!((sample.count("events"), sample.count("notes"), sample.count("marks")), (1, 1, 1));
    sample.rule.terms.children = vec!["nowhere".into()];
    assert!(matches!(sample.purge().trouble, Some(RetainError::NoTable { .. })));
}

#[test]
fn a_condition_that_asks_the_children_holds_although_they_go_first() {
    for (key, end) in [("INTEGER PRIMARY KEY", ""), ("TEXT PRIMARY KEY", " WITHOUT ROWID")] {
        let mut sample = Sample::new(&format!(
            "CREATE TABLE events (id {key}, at INTEGER){end}; \
             CREATE TABLE shipments (id INTEGER PRIMARY KEY, event REFERENCES events, state TEXT); \
             CREATE TABLE parcels (shipment INTEGER REFERENCES shipments);"
        ));
        for id in 1..=9 {
            // The last is open, and one that is done is young.
            let (at, state) = (if id == 8 { NOW } else { CUTOFF - 1 }, if id == 9 { "open" } else { "done" });
            sample.connection.execute("INSERT INTO events VALUES (?1, ?2)", (id, at)).unwrap();
            sample.connection.execute("INSERT INTO shipments SELECT ?1, id, ?2 FROM events WHERE id = ?1", (id, state)).unwrap();
            sample.connection.execute("INSERT INTO parcels VALUES (?1), (?1)", [id]).unwrap();
        }
        sample.rule.terms.condition = Some("id IN (SELECT event FROM shipments WHERE state = 'done')".into());
        sample.rule.terms.children = vec!["shipments".into(), "parcels".into()];
        sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
        let done = sample.purge();
        assert!(done.trouble.is_none(), "{key}: {:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.children, done.run.due_after, done.run.ended), (7, 21, 0, Ended::Done), "{key}");
        assert_eq!((sample.count("events"), sample.count("shipments"), sample.count("parcels")), (2, 2, 4), "{key}");
    }
}

/// What a foreign key takes for equal, `IN` may not, and the other way round: what is compared goes by the parent's column there, and
/// by both here.
#[test]
fn a_child_goes_with_the_row_that_its_key_refers_to_and_with_no_other() {
    // The type of the parent's column, and of the child's; what the row that is due and one that stays are called; what children of
    // the first are called, and of the second.
    type Case = (&'static str, &'static str, [&'static str; 2], [&'static [&'static str]; 2]);
    let cases: [Case; 9] = [
        ("TEXT", "TEXT COLLATE NOCASE", ["'a'", "'A'"], [&["'a'"], &["'A'"]]),
        ("TEXT", "TEXT COLLATE RTRIM", ["'a'", "'a '"], [&["'a'"], &["'a '"]]),
        ("TEXT COLLATE NOCASE", "TEXT", ["'a'", "'b'"], [&["'a'", "'A'"], &["'B'"]]),
        ("TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", ["'a'", "'a '"], [&["'A'"], &["'A '"]]),
        ("TEXT", "INTEGER", ["'01'", "'1'"], [&[], &["1"]]),
        ("", "TEXT", ["1", "'1'"], [&[], &["'1'"]]),
        ("", "NUMERIC", ["'1'", "1"], [&[], &["1"]]),
        ("INTEGER", "TEXT", ["1", "2"], [&["'01'", "'1.0'"], &["'2'"]]),
        ("TEXT", "", ["'1'", "'2'"], [&["1", "'1'"], &["2"]]),
    ];
    for (parent, child, [due, stays], [going, staying]) in cases {
        for strict in ["", " STRICT"] {
            let [parent, child] = [parent, child].map(|kind| match (kind, strict) {
                ("" | "NUMERIC", " STRICT") => "ANY",
                (kind, _) => kind,
            });
            let mut sample = Sample::new(&format!(
                "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, name {parent} UNIQUE, part INTEGER NOT NULL DEFAULT 7, UNIQUE (part, name)){strict}; \
                 CREATE TABLE notes (id INTEGER PRIMARY KEY, name {child} REFERENCES Events (NAME) ON DELETE CASCADE, goes INTEGER){strict}; \
                 CREATE TABLE marks (part INTEGER, name {child}, goes INTEGER, FOREIGN KEY (part, name) REFERENCES events (part, name)){strict}; \
                 INSERT INTO events (at, name) VALUES ({CUTOFF} - 1, {due}), ({NOW}, {stays})"
            ));
            sample.connection.pragma_update(None, "foreign_keys", true).unwrap();
            for (names, goes) in [(going, 1), (staying, 0)] {
                for name in names {
                    let sql = format!(
                        "INSERT INTO notes (name, goes) VALUES ({name}, {goes}); INSERT INTO marks VALUES (7, {name}, {goes})"
                    );
                    sample.connection.execute_batch(&sql).unwrap();
                }
            }
            let children = 2 * u64::try_from(going.len()).unwrap();
            let case = format!("{parent} and {child}{strict}");
            let refused = sample.plan();
            assert_eq!(matches!(refused, Err(RetainError::Referenced { .. })), children > 0, "{case}: {refused:?}");
            sample.rule.terms.children = vec!["notes".into(), "marks".into()];
            if going.is_empty() && parent != child {
                // SQLite takes the child for one of either row, depending on what is done: then neither goes.
                let done = sample.purge();
                assert!(done.trouble.is_some() && done.run.deleted == 0, "{case}: {:?}", done.run);
                assert_eq!(["events", "notes", "marks"].map(|table| sample.count(table)), [2, 1, 1], "{case}");
                continue;
            }
            let planned: u64 = sample.plan().unwrap().children.iter().map(|(_, rows)| rows).sum();
            let done = sample.purge();
            assert!(done.trouble.is_none(), "{case}: {:?}", done.trouble);
            assert_eq!((done.run.deleted, planned, done.run.children), (1, children, children), "{case}");
            let left =
                |goes| ["notes", "marks"].map(|table| sample.count(&format!("{table} WHERE goes = {goes}")).unsigned_abs());
            assert_eq!((left(1), left(0)), ([0; 2], [staying.len() as u64; 2]), "{case}");
        }
    }
}

#[test]
fn anonymising_never_takes_a_row_for_another() {
    for clause in ["REPLACE", "IGNORE", "FAIL", "ROLLBACK", "ABORT"] {
        let mut sample = Sample::new(&format!(
            "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, email TEXT UNIQUE ON CONFLICT {clause})"
        ));
        for id in 1..=20 {
            sample.connection.execute("INSERT INTO events VALUES (?1, ?2, 'u' || ?1)", (id, CUTOFF - 1)).unwrap();
        }
        sample.connection.execute("INSERT INTO events VALUES (21, ?1, 'gone')", [NOW]).unwrap();
        sample.rule.terms.action = Action::Anonymise(BTreeMap::from([("email".into(), "'gone'".into())]));
        let done = sample.purge();
        assert!(matches!(done.trouble, Some(RetainError::Database { .. })), "{clause}: {:?}", done.trouble);
        assert_eq!((done.run.ended, done.run.deleted, done.run.due_after), (Ended::Failed, 0, 20), "{clause}");
        assert_eq!((sample.count("events"), sample.count("events WHERE email = 'u' || id")), (21, 20), "{clause}");
    }
}

#[test]
fn a_table_that_does_not_refer_is_no_child() {
    for schema in [
        "CREATE TABLE notes (event INTEGER)",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, mark INTEGER REFERENCES marks); CREATE TABLE marks (id INTEGER PRIMARY KEY, note INTEGER REFERENCES notes)",
    ] {
        let mut sample = Sample::new(&format!("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER); {schema}"));
        sample.insert(&[CUTOFF - 1]);
        sample.rule.terms.children =
            if schema.contains("marks") { vec!["notes".into(), "marks".into()] } else { vec!["notes".into()] };
        assert!(matches!(sample.purge().trouble, Some(RetainError::NoChild { .. })), "{schema}");
        assert_eq!(sample.count("events"), 1);
    }
}

#[test]
fn rows_without_a_time_are_treated_as_the_rule_says() {
    let mut sample = Sample::with(&[CUTOFF - 1, NOW]);
    sample.connection.execute("INSERT INTO events (at) VALUES (NULL), (NULL)", []).unwrap();
    sample.rule.terms.undated = Undated::Refuse;
    assert!(matches!(sample.purge().trouble, Some(RetainError::Undated { undated: 2, .. })));
    sample.rule.terms.undated = Undated::Delete;
    let run = sample.purge().run;
    assert_eq!((run.due, run.deleted, run.undated, sample.count("events")), (3, 3, 0, 1));
    sample.connection.execute("UPDATE events SET at = NULL", []).unwrap();
    assert_eq!((sample.purge().run.deleted, sample.count("events")), (1, 0));
}

#[test]
fn rows_from_the_future_stop_a_rule_that_refuses_them() {
    let mut sample = Sample::with(&[CUTOFF - 1, NOW, NOW + 2 * DAY]);
    sample.rule.terms.refuse_future = true;
    assert!(matches!(sample.purge().trouble, Some(RetainError::Future { future: 1, .. })));
    assert_eq!(sample.count("events"), 3);
}

#[test]
fn erased_is_said_after_a_look_at_the_file_only() {
    let mut sample =
        Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body TEXT); CREATE TABLE copies (body TEXT)");
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400) \
                INSERT INTO events (at, body) SELECT CASE i % 2 WHEN 0 THEN ?1 ELSE ?2 END, hex(randomblob(60)) FROM n";
    sample.connection.execute(fill, (CUTOFF - 1, NOW)).unwrap();
    sample.gentle = avouch_retain::Gentleness::default();
    sample.rule.terms.erase = true;
    let run = sample.purge().run;
    assert_eq!((run.deleted, run.remnants), (200, Some(Remnants { sampled: 32, found: 0 })));
    assert_eq!(Receipt::of(&[run], None).unwrap().erased, Some(true));
    // A copy in another table: deleted here, and not erased.
    sample.connection.execute(fill, (CUTOFF - 1, NOW)).unwrap();
    sample.connection.execute("INSERT INTO copies SELECT body FROM events", []).unwrap();
    let run = sample.purge().run;
    assert_eq!((run.deleted, run.remnants.map(|remnants| remnants.found)), (200, Some(32)));
    assert_eq!(Receipt::of(std::slice::from_ref(&run), None).unwrap().erased, Some(false));
    // Nothing was deleted: nobody looked.
    sample.told = run.claim;
    assert_eq!(sample.purge().run.remnants, None);
}

#[test]
fn a_file_of_another_encoding_is_looked_through_as_well() {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let schema = "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body TEXT); CREATE TABLE copies (body TEXT)";
        let mut sample = Sample::new(&format!("PRAGMA journal_mode = delete; PRAGMA encoding = '{encoding}'; {schema}"));
        let fill = "INSERT INTO events (at, body) VALUES (?1, 'grey heron 1'), (?1, 'Ærø🐟-12345678'), (?2, 'somebody else')";
        sample.connection.execute(fill, (CUTOFF - 1, NOW)).unwrap();
        sample.connection.execute("INSERT INTO copies SELECT body FROM events WHERE at < ?1", [CUTOFF]).unwrap();
        sample.rule.terms.erase = true;
        let run = sample.purge().run;
        assert_eq!((run.deleted, run.remnants), (2, Some(Remnants { sampled: 2, found: 2 })), "{encoding}");
    }
}

#[test]
fn no_two_terms_stand_in_each_others_way() {
    let mut sample = people();
    held(&mut sample);
    sample.connection.execute("INSERT INTO holds VALUES ('u1', 'a')", []).unwrap();
    sample.connection.execute("INSERT INTO orgs VALUES ('u3', '9 years')", []).unwrap();
    sample.rule.terms.tenants =
        Some(Tenants { column: "who".into(), table: "orgs".into(), key: "id".into(), keep: "keep".into() });
    sample.rule.terms.condition = Some("kind = 'odd'".into());
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    let run = sample.purge().run;
    assert_eq!((run.deleted, run.held, run.due_after), (1, 1, 0));
    assert_eq!(due(&sample), ["u1", "u2", "u3", "u4"]);
    let plan: BTreeMap<_, _> = [("due", sample.plan().unwrap().due)].into();
    assert_eq!(plan["due"], 0);
}

#[test]
fn a_schema_that_changes_during_a_run_ends_it() {
    for (change, ends) in [
        ("ALTER TABLE events ADD COLUMN email TEXT", true),
        ("CREATE TRIGGER bury AFTER DELETE ON events BEGIN SELECT 1; END", true),
        ("CREATE TABLE notes (event INTEGER REFERENCES events)", true),
        ("CREATE INDEX by_at ON events (at)", false),
        ("CREATE TABLE other (id)", false),
    ] {
        let sample = Sample::with(&[CUTOFF - 1; 6]);
        let mut changed = false;
        let mut alter = |_: Duration| {
            if !std::mem::replace(&mut changed, true) {
                sample.connection.execute_batch(change).unwrap();
            }
            ControlFlow::Continue(())
        };
        let done = purge(&sample.asked(), None, &sample.gentle, &mut alter);
        let changed = matches!(&done.trouble, Some(RetainError::Database { cause, .. }) if matches!(**cause, DatabaseError::SchemaChanged { .. }));
        assert_eq!((changed, done.run.deleted), (ends, if ends { 2 } else { 6 }), "{change}: {:?}", done.trouble);
    }
}

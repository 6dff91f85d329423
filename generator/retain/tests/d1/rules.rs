//! What rules mean on D1, what it costs, and what is refused.

use std::{
    fs,
    io::{Read as _, Write as _},
    ops::ControlFlow,
    time::Duration,
};

use avouch_database::{D1Error, DatabaseError, Limits, Value, open_read};
use avouch_model::{
    Span,
    product::{Action, Archive, D1, Hold, HoldList, Location, Tenants, Undated},
    receipt::Ended,
};
use avouch_retain::{Asked, Encoding, Gentleness, RetainError, journal, purge};

use serde_json::json;

use crate::{
    bucket, cause,
    common::*,
    numbers,
    server::{ACCOUNT, DATABASE, Place},
};

pub(super) fn exactly_what_is_due_goes(d1: &Place) {
    for index in ["CREATE INDEX by_at ON events (at)", "SELECT 1"] {
        let more = format!("INSERT INTO events (at) VALUES ({CUTOFF} + 3600), (NULL), (32503680000)");
        let sample = d1.sample(&[index, &more]);
        let done = d1.done(&sample);
        let run = &done.run;
        assert_eq!((run.deleted, run.rows_after, run.undated, run.future), (6, 9, 1, 1), "{index}");
        assert_eq!(done.plan.unwrap().encoding, Some(Encoding::UnixSeconds));
        assert_eq!(d1.sql(&["SELECT sum(deleted) FROM avouch_retention_journal"]), 6);
        assert_eq!((d1.run(&sample).run.deleted, d1.count("events")), (0, 9));
        // Whatever is exactly as old as the cut-off stays.
        let mut exact = sample;
        d1.sql(&[&format!("INSERT INTO events (at) VALUES ({CUTOFF}), ({CUTOFF} - 1)")]);
        let now = d1.now(&exact);
        exact.rule.keep = Span::Seconds((now.unix() - CUTOFF) as u64);
        let done = purge(&Asked { now, ..exact.asked() }, None, &exact.gentle, &mut never_sleep);
        assert_eq!((done.run.deleted, d1.count(&format!("events WHERE at = {CUTOFF}"))), (1, 1), "{:?}", done.trouble);
    }
}

pub(super) fn one_row_is_read_for_every_row_deleted(d1: &Place) {
    for (kind, at, index) in [
        ("INTEGER", "CUTOFF - 1000000 + i * 10", "CREATE INDEX by_at ON events (at)"),
        ("TEXT", "strftime('%Y-%m-%dT%H:%M:%SZ', CUTOFF - 1000000 + i * 10, 'unixepoch')", "CREATE INDEX by_at ON events (at)"),
        ("INTEGER", "CUTOFF - 1000000 + i * 10", "SELECT 1"),
    ] {
        let at = at.replace("CUTOFF", &CUTOFF.to_string());
        let fill = format!("{} INSERT INTO events (at, who) SELECT {at}, 'u' || (i % 50) FROM n", numbers(110_000));
        let table = format!("CREATE TABLE events (id INTEGER PRIMARY KEY, at {kind}, who TEXT)");
        let mut sample = d1.empty(&[&table, index, "CREATE INDEX by_who ON events (who, at)", &fill]);
        // Eleven rows of the journal, the lease and the schema are read for every window; on a busy machine windows are small.
        sample.gentle = Gentleness { rows_min: 10_000, ..Gentleness::default() };
        let due = d1.count("events") - 10_000;
        d1.seen();
        let done = d1.done(&sample);
        let (read, deleted) = (done.rows_read.unwrap(), done.run.deleted);
        assert!((deleted as i64 - due).abs() <= 1, "{deleted} of {due}");
        // Without an index the last window meets rows that stay.
        let beyond = if index == "SELECT 1" { 10_000 } else { 0 };
        let ratio = read.saturating_sub(beyond) as f64 / deleted as f64;
        assert!((0.9..1.005).contains(&ratio), "{kind} {index}: {read} rows read, {deleted} deleted: {ratio:.4}");
        // It is what D1 itself counts: the plan and the proof read the rest.
        assert!(d1.seen() > read);
        // What is told everywhere, on the rows that are left.
        let recipe = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at IS NOT NULL LIMIT 500)";
        let batch: Vec<_> = (0..20).map(|_| json!({ "sql": recipe })).collect();
        let answers = d1.post("/test/sql", &json!({ "batch": batch }).to_string());
        let told =
            |what: &str| answers.as_array().unwrap().iter().map(|answer| answer["meta"][what].as_u64().unwrap()).sum::<u64>();
        let recipe = told("rows_read") as f64 / told("changes") as f64;
        assert!(told("changes") == 10_000 && recipe > 1.5, "{recipe}");
        if let Ok(figures) = std::env::var("AVOUCH_FIGURES") {
            let indexed = if beyond == 0 { "an index on the time" } else { "no index on the time" };
            let line = format!("times as {kind}, {indexed} {read} {deleted} {recipe:.2}\n");
            fs::OpenOptions::new().create(true).append(true).open(figures).unwrap().write_all(line.as_bytes()).unwrap();
        }
    }
}

pub(super) fn every_encoding_is_compared_as_itself(d1: &Place) {
    for (kind, expression, encoding) in [
        ("INTEGER", "SECONDS * 1000", Encoding::UnixMilliseconds),
        ("INTEGER", "SECONDS * 1000000", Encoding::UnixMicroseconds),
        ("", "SECONDS", Encoding::UnixSeconds),
        ("REAL", "SECONDS + 0.5", Encoding::UnixSeconds),
        ("REAL", "julianday(SECONDS, 'unixepoch')", Encoding::JulianDay),
        ("TEXT", "strftime('%Y-%m-%dT%H:%M:%fZ', SECONDS, 'unixepoch')", Encoding::TextWithT),
        ("DATETIME", "datetime(SECONDS, 'unixepoch')", Encoding::TextWithSpace),
        ("TEXT", "date(SECONDS, 'unixepoch')", Encoding::TextDay),
    ] {
        let at = |seconds: i64| expression.replace("SECONDS", &seconds.to_string());
        let table = format!("CREATE TABLE events (id TEXT PRIMARY KEY, at {kind})");
        let row = |id: &str, seconds: i64| format!("INSERT INTO events VALUES ('{id}', {})", at(seconds));
        let rows =
            [row("a", CUTOFF - 9 * DAY), row("b", CUTOFF - 2 * DAY), row("c", CUTOFF + 2 * DAY), row("d", CUTOFF + 3 * DAY)];
        let schema: Vec<&str> =
            [table.as_str(), "CREATE INDEX by_at ON events (at)"].into_iter().chain(rows.iter().map(String::as_str)).collect();
        let sample = d1.empty(&schema);
        let done = d1.done(&sample);
        assert_eq!((done.run.deleted, done.run.rows_after, done.plan.unwrap().encoding), (2, 2, Some(encoding)), "{kind}");
        assert_eq!(d1.sql(&["SELECT group_concat(id) FROM (SELECT id FROM events ORDER BY id)"]), "c,d");
    }
    let mixed = d1.empty(&[
        "CREATE TABLE events (id INTEGER PRIMARY KEY, at)",
        "INSERT INTO events VALUES (1, 1600000000), (2, '2020-01-01')",
    ]);
    assert!(matches!(d1.run(&mixed).trouble, Some(RetainError::Mixed { others: 1, .. })));
}

pub(super) fn every_kind_of_key_is_gone_through(d1: &Place) {
    let old = format!("{CUTOFF} - i * 60");
    let (plain, indexed) = ("SELECT 1", "CREATE INDEX by_at ON events (at)");
    for (table, rows, index) in [
        // No key of its own, a text, several columns, and integers that JSON would round.
        ("(at INTEGER, id INTEGER)", format!("SELECT {old}, i"), plain),
        ("(id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID", format!("SELECT 'it''s ' || i, {old}"), plain),
        ("(id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID", format!("SELECT CAST(x'01ff' AS TEXT) || i, {old}"), plain),
        ("(a INTEGER, b TEXT, at INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID", format!("SELECT i % 2, i, {old}"), plain),
        ("(a INTEGER, b TEXT, at INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID", format!("SELECT i % 2, i, {old}"), indexed),
        ("(id INTEGER PRIMARY KEY, at INTEGER)", format!("SELECT 9007199254740993 + i * 2, {old}"), plain),
        ("(id INTEGER PRIMARY KEY, at INTEGER)", format!("SELECT -9223372036854775807 + i * 1234567890123, {old}"), plain),
        // All of one moment.
        ("(at INTEGER, id INTEGER)", format!("SELECT {CUTOFF} - 60, i"), indexed),
    ] {
        let (table, fill) = (format!("CREATE TABLE events {table}"), format!("{} INSERT INTO events {rows} FROM n", numbers(30)));
        let mut sample = d1.empty(&[&table, index, &fill]);
        sample.gentle = Gentleness { rows_min: 8, rows_max: 8, ..sample.gentle };
        assert_eq!((d1.done(&sample).run.deleted, d1.count("events")), (30, 0), "{table} {index}");
    }
}

pub(super) fn terms_mean_what_they_mean_elsewhere(d1: &Place) {
    let mut sample = d1.sample(&[
        "CREATE TABLE holds (who TEXT)",
        "INSERT INTO holds VALUES ('u1')",
        "CREATE TABLE orgs (id TEXT PRIMARY KEY, keep TEXT)",
        "INSERT INTO orgs VALUES ('u2', '90 years')",
        "INSERT INTO events (at, who) VALUES (NULL, 'u9')",
    ]);
    let list = HoldList::Table { table: "holds".into(), key: "who".into() };
    sample.rule.terms.hold = Some(Hold { column: "who".into(), list });
    let tenants = Tenants { column: "who".into(), table: "orgs".into(), key: "id".into(), keep: "keep".into() };
    sample.rule.terms.tenants = Some(tenants.clone());
    sample.rule.terms.condition = Some("who <> 'u3'".into());
    sample.rule.terms.undated = Undated::Delete;
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    let done = d1.done(&sample);
    assert_eq!((done.run.deleted, done.run.held), (4, 1));
    let left = format!("SELECT group_concat(who, ' ') FROM (SELECT who FROM events WHERE at < {CUTOFF} ORDER BY who)");
    assert_eq!(d1.sql(&[&left]), "u1 u2 u3");
    let files: Vec<_> = fs::read_dir(sample.root().join("old/events")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len() as u64, done.run.archived);

    let store = bucket::Server::start();
    let mut sample = d1.sample(&["SELECT 1"]);
    sample.rule.terms.action = bucket::archived_in(bucket::bucket(store.port), "old");
    let done = d1.done(&sample);
    assert_eq!((done.run.deleted, store.lines("old").len(), store.objects("old").len() as u64), (6, 6, done.run.archived));

    // Exactly the values that were there, in the archive.
    let mut sample = d1.empty(&[
        "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body)",
        "INSERT INTO events VALUES (9007199254740993, 1600000000, x'00ff')",
        "INSERT INTO events VALUES (9007199254740995, 1600000000, 'a,b' || char(10) || '\"é')",
        "INSERT INTO events VALUES (9007199254740997, 1600000000, 2.0)",
    ]);
    sample.gentle.rows_min = 10;
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    assert_eq!(d1.done(&sample).run.archived, 1);
    let mut kept = String::new();
    for entry in fs::read_dir(sample.root().join("old/events")).unwrap() {
        let file = fs::read(entry.unwrap().path()).unwrap();
        ruzstd::decoding::StreamingDecoder::new(&file[..]).unwrap().read_to_string(&mut kept).unwrap();
    }
    for row in [
        r#"{"at":1600000000,"body":{"base64":"AP8="},"id":9007199254740993}"#,
        r#"{"at":1600000000,"body":"a,b\n\"é","id":9007199254740995}"#,
        r#"{"at":1600000000,"body":2.0,"id":9007199254740997}"#,
    ] {
        assert!(kept.contains(&format!(r#"{{"row":{row},"table":"events"}}"#)), "{kept}");
    }

    let mut sample = d1.sample(&["ALTER TABLE events ADD note TEXT DEFAULT 'note'"]);
    sample.rule.terms.action = Action::Anonymise([("who".into(), "NULL".into()), ("note".into(), "'none'".into())].into());
    assert_eq!((d1.done(&sample).run.deleted, d1.count("events WHERE who IS NULL AND note = 'none'")), (6, 6));
    sample.rule.terms.action = Action::Anonymise([("note".into(), "CAST(random() AS text)".into())].into());
    assert!(matches!(cause(&d1.run(&sample)), DatabaseError::NotSettled { rows: 1, .. }));

    // More periods of tenants than a statement has parameters for.
    let periods = format!("{} INSERT INTO orgs SELECT 'o' || i, (i + 900) || ' months' FROM n", numbers(45));
    let mut sample = d1.sample(&["CREATE TABLE orgs (id TEXT PRIMARY KEY, keep TEXT)", &periods]);
    sample.rule.terms.tenants = Some(tenants);
    assert!(matches!(cause(&d1.run(&sample)), DatabaseError::D1 { cause: D1Error::TooMuch { .. }, .. }));
}

pub(super) fn what_would_touch_other_rows_is_refused_or_undone(d1: &Place) {
    let notes = "CREATE TABLE notes (id INTEGER PRIMARY KEY, event INTEGER REFERENCES events ON DELETE CASCADE)";
    let marks = "CREATE TABLE marks (note INTEGER REFERENCES notes)";
    let filled = [notes, marks, "INSERT INTO notes (event) VALUES (1), (2), (2)", "INSERT INTO marks VALUES (1), (2)"];
    let mut sample = d1.sample(&filled);
    assert!(matches!(d1.run(&sample).trouble, Some(RetainError::Referenced { .. })));
    sample.rule.terms.children = vec!["marks".into(), "notes".into()];
    let done = d1.done(&sample);
    assert_eq!((done.run.deleted, done.run.children, d1.count("notes"), d1.count("marks")), (6, 2, 2, 1));
    // A reference that arrives after the look: found in the request, and undone.
    let sample = d1.sample(&[notes]);
    let mut refer = |_: Duration| {
        d1.sql(&["INSERT INTO notes (event) SELECT id FROM events WHERE id = 11 AND NOT EXISTS (SELECT 1 FROM notes)"]);
        ControlFlow::Continue(())
    };
    let done = d1.run_at(&sample, &mut refer);
    assert!(matches!(cause(&done), DatabaseError::SideEffect { others: 1, .. }), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, d1.count("notes"), d1.count("events WHERE id = 11")), (5, 1, 1));
    // Another shape that arrives during the run; and one that is none of our business.
    let late = "CREATE TABLE late (event INTEGER REFERENCES events ON DELETE CASCADE)";
    for (change, deleted) in [(late, 1), ("ALTER TABLE events ADD email TEXT", 1), ("CREATE TABLE other (id INTEGER)", 6)] {
        let sample = d1.sample(&[]);
        let mut changed = false;
        let mut alter = |_: Duration| {
            if !std::mem::replace(&mut changed, true) {
                d1.sql(&[change]);
            }
            ControlFlow::Continue(())
        };
        let done = d1.run_at(&sample, &mut alter);
        assert_eq!(done.run.deleted, deleted, "{change}: {:?}", done.trouble);
        if deleted == 1 {
            assert!(matches!(cause(&done), DatabaseError::SchemaChanged { .. }), "{change}: {:?}", done.trouble);
        }
    }
    let sample = d1.sample(&["CREATE TRIGGER bury AFTER DELETE ON events BEGIN SELECT 1; END"]);
    assert!(matches!(d1.run(&sample).trouble, Some(RetainError::Trigger { .. })));
}

pub(super) fn a_condition_that_asks_the_children_holds_although_they_go_first(d1: &Place) {
    let archive = || Action::Archive(Archive::Folder("old".into()));
    for (key, end, index, action) in [
        ("INTEGER PRIMARY KEY", "", "SELECT 1", archive()),
        ("INTEGER PRIMARY KEY", "", "CREATE INDEX by_at ON events (at)", Action::Delete),
        ("TEXT PRIMARY KEY", " WITHOUT ROWID", "SELECT 1", archive()),
        ("TEXT PRIMARY KEY", " WITHOUT ROWID", "CREATE INDEX by_at ON events (at)", Action::Delete),
    ] {
        let events = format!("CREATE TABLE events (id {key}, at INTEGER){end}");
        // The last is open, and one that is done is young.
        let fill = format!("{} INSERT INTO events SELECT i, iif(i = 8, {NOW}, {CUTOFF} - 100000) FROM n", numbers(9));
        let mut sample = d1.empty(&[
            &events,
            index,
            "CREATE TABLE shipments (id INTEGER PRIMARY KEY, event REFERENCES events, state TEXT)",
            "CREATE TABLE parcels (shipment INTEGER REFERENCES shipments)",
            &fill,
            "INSERT INTO shipments (event, state) SELECT id, iif(id = 9, 'open', 'done') FROM events",
            "INSERT INTO parcels SELECT id FROM shipments UNION ALL SELECT id FROM shipments",
        ]);
        sample.rule.terms.condition = Some("id IN (SELECT event FROM shipments WHERE state = 'done')".into());
        sample.rule.terms.children = vec!["shipments".into(), "parcels".into()];
        sample.rule.terms.action = action;
        let done = d1.done(&sample);
        assert_eq!((done.run.deleted, done.run.children), (7, 21), "{key} {index}");
        assert_eq!((d1.count("events"), d1.count("shipments"), d1.count("parcels")), (2, 2, 4), "{key} {index}");
        // Nothing of what was chosen stays in the journal.
        assert_eq!(d1.count("avouch_retention_journal WHERE archive LIKE '[%'"), 0);
    }
}

pub(super) fn a_row_that_comes_during_a_run_in_another_encoding_stays(d1: &Place) {
    for index in ["SELECT 1", "CREATE INDEX by_at ON events (at)"] {
        let apart = format!("UPDATE events SET at = at + id * 8000 WHERE at < {CUTOFF}");
        let sample = d1.sample(&[index, &apart, "UPDATE events SET at = at * 1000"]);
        let come = format!("INSERT INTO events SELECT 100, {NOW}, 'new' WHERE NOT EXISTS (SELECT 1 FROM events WHERE id = 100)");
        let mut arrive = |_: Duration| {
            d1.sql(&[&come]);
            ControlFlow::Continue(())
        };
        let done = d1.run_at(&sample, &mut arrive);
        assert!(matches!(done.trouble, Some(RetainError::Mixed { .. })), "{index}: {:?}", done.trouble);
        assert_eq!((done.run.ended, done.run.deleted, d1.count("events WHERE id = 100")), (Ended::Failed, 6, 1), "{index}");
    }
}

pub(super) fn anonymising_never_takes_a_row_for_another(d1: &Place) {
    let mut sample = d1.empty(&[
        "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, who TEXT UNIQUE ON CONFLICT REPLACE)",
        &format!("INSERT INTO events VALUES (1, {CUTOFF} - 100000, 'a'), (2, {CUTOFF} - 100000, 'b'), (3, {NOW}, 'gone')"),
    ]);
    sample.rule.terms.action = Action::Anonymise([("who".to_owned(), "'gone'".to_owned())].into());
    let done = d1.run(&sample);
    assert!(matches!(cause(&done), DatabaseError::D1 { .. }), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.due_after, d1.count("events")), (0, 2, 3));
}

pub(super) fn a_reader_cannot_write(d1: &Place) {
    let sample = d1.sample(&[]);
    let mut read = open_read(&sample.database, sample.root()).unwrap();
    for sql in [
        "DELETE FROM events RETURNING id",
        "INSERT INTO events (at) VALUES (1) RETURNING id",
        "SELECT 1; DELETE FROM events",
        "PRAGMA foreign_keys = off",
        "SELECT * FROM events WHERE \"whose\" = 'u1'",
        "",
    ] {
        assert!(read.query(sql, &[], Limits::default()).is_err(), "{sql}");
        assert_eq!(d1.count("events"), 12, "{sql}");
    }
    let found =
        read.query("SELECT who, ':no', 1 AS who FROM events WHERE id = :id", &[("id", Value::Integer(1))], Limits::default());
    assert_eq!(found.unwrap().rows, [[Value::from("u1"), Value::from(":no"), Value::Integer(1)]]);
    assert!(matches!(read.query("SELECT :a", &[], Limits::default()), Err(DatabaseError::Parameter { .. })));
    assert!(matches!(read.query("SELECT 1", &[("a", Value::Null)], Limits::default()), Err(DatabaseError::Parameter { .. })));
    assert!(matches!(read.query("SELECT * FROM nowhere", &[], Limits::default()), Err(DatabaseError::WrongSchema { .. })));
    let few = Limits { rows_max: 5, ..Limits::default() };
    assert!(matches!(read.query("SELECT * FROM events", &[], few), Err(DatabaseError::TooManyRows { .. })));
    let small = Limits { bytes_max: 10, ..Limits::default() };
    for sql in ["SELECT * FROM events", "SELECT hex(zeroblob(900000))"] {
        assert!(matches!(read.query(sql, &[], small), Err(DatabaseError::TooManyBytes { .. })), "{sql}");
    }
    // Numbers are compared as numbers, although they travel as texts.
    let bound = [("bound", Value::Integer(CUTOFF))];
    let found = read.query("SELECT count(*) FROM events WHERE +at < :bound", &bound, Limits::default()).unwrap();
    assert_eq!(found.single(), Some(&Value::Integer(6)));
    let mut seen = Vec::new();
    let shown = read.scan("events", "who", Limits::default(), &mut |bytes| {
        seen.push(bytes.to_vec());
        true
    });
    assert_eq!((shown.unwrap(), seen.len(), &seen[0][..]), (12, 12, &b"u1"[..]));
    // A table that comes later is found, and so is what is its own.
    d1.sql(&[
        "CREATE TABLE later (id INTEGER PRIMARY KEY, at TEXT, CHECK (at <> ''))",
        "CREATE VIRTUAL TABLE found USING fts5(body)",
    ]);
    assert!(read.query("SELECT * FROM later", &[], Limits::default()).is_ok());
    let tables: Vec<_> = read.tables().unwrap().into_iter().map(|table| table.name).collect();
    assert!(tables.contains(&"later".to_owned()) && tables.iter().all(|name| !name.starts_with("_cf_")), "{tables:?}");
    d1.sql(&["DROP TABLE found"]);
}

pub(super) fn what_cannot_be_done_is_said_and_no_token_is_shown(d1: &Place) {
    let sample = d1.sample(&[]);
    let with = |change: fn(&mut D1)| {
        let mut database = sample.database.clone();
        let Location::D1(place) = &mut database.location else { unreachable!() };
        change(place);
        let error = open_read(&database, sample.root()).err().unwrap();
        let said = format!(
            "{error:?} {:#}",
            std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source()).last().unwrap()
        );
        assert!(!said.contains("token-"), "{said}");
        error
    };
    let d1_error = |error: DatabaseError| match error {
        DatabaseError::D1 { cause, .. } => cause,
        error => unreachable!("{error:?}"),
    };
    assert!(matches!(with(|place| place.read_token_env = "AVOUCH_TEST_D1_UNSET".into()), DatabaseError::NoToken { .. }));
    assert!(matches!(d1_error(with(|place| place.read_token_env = "AVOUCH_TEST_D1_WRONG".into())), D1Error::Denied { .. }));
    assert!(matches!(d1_error(with(|place| place.database = DATABASE.replace('1', "2"))), D1Error::NotThere { .. }));
    assert!(matches!(d1_error(with(|place| place.account = ACCOUNT.replace('1', "2"))), D1Error::NotThere { .. }));
    assert!(matches!(
        d1_error(with(|place| place.endpoint = "http://127.0.0.1:1/client/v4".into())),
        D1Error::Unreachable { .. }
    ));
    d1.wrong("", 0, 1, "sent on");
    assert!(matches!(d1_error(open_read(&sample.database, sample.root()).err().unwrap()), D1Error::Unread { .. }));
    d1.wrong("", 0, 99, "too many requests");
    assert!(matches!(d1_error(open_read(&sample.database, sample.root()).err().unwrap()), D1Error::TooMany));
    d1.post("/test/faults", "[]");
    d1.sql(&["DROP TABLE avouch_retention_journal"]);
    assert!(matches!(cause(&d1.run(&sample)), DatabaseError::NoJournal { .. }));
    assert!(journal::prepare(&sample.database, sample.root()).unwrap());
    assert!(!journal::prepare(&sample.database, sample.root()).unwrap());
    assert_eq!(d1.done(&sample).run.deleted, 6);
    let proven = avouch_retain::prove(&Asked { now: d1.now(&sample), ..sample.asked() });
    assert_eq!((proven.run.ended, proven.run.due), (Ended::Done, 0));
}

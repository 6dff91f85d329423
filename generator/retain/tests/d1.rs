//! Retention on a real D1 (Cloudflare's own runtime on this machine) behind a proxy that does wrong when it is told to.
//!
//! The tokens of a database are read from the environment, so the test runs itself again with them in it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

mod common;

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    ops::ControlFlow,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use avouch_database::{D1Error, DatabaseError, Limits, Value, open_read};
use avouch_model::{
    Span, Timestamp,
    product::{Action, D1, Hold, HoldList, Location, Tenants, Undated},
    receipt::Ended,
};
use avouch_retain::{Asked, Encoding, Execution, Gentleness, Pace, RetainError, journal, purge};
use common::*;
use serde_json::json;

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
const DATABASE: &str = "11111111-2222-3333-4444-555555555555";
const NODE: &str = "target/test-tools/products/bin/node";

#[test]
fn rules_hold_on_a_real_d1() {
    let server = Server::start();
    let mut inside = Command::new(env::current_exe().unwrap());
    inside.args(["--exact", "inside", "--nocapture"]).env("AVOUCH_TEST_D1", server.port.to_string());
    inside
        .env("AVOUCH_TEST_D1_READ", "token-reads")
        .env("AVOUCH_TEST_D1_PURGE", "token-edits")
        .env("AVOUCH_TEST_D1_WRONG", "token-x");
    let output = inside.output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
}

/// What [`rules_hold_on_a_real_d1`] runs, one after the other on one database.
#[test]
fn inside() {
    let Ok(port) = env::var("AVOUCH_TEST_D1") else { return };
    let d1 = Place { port: port.parse().unwrap() };
    for part in [
        exactly_what_is_due_goes,
        one_row_is_read_for_every_row_deleted,
        every_encoding_is_compared_as_itself,
        every_kind_of_key_is_gone_through,
        terms_mean_what_they_mean_elsewhere,
        what_would_touch_other_rows_is_refused_or_undone,
        a_hold_that_comes_during_a_run_holds,
        a_claim_is_of_one_alone,
        what_goes_wrong_on_the_way_changes_no_count,
        what_is_never_answered_is_told_by_the_next_run,
        what_is_too_much_is_done_in_parts,
        nothing_is_deleted_where_a_failed_request_is_not_undone,
        a_reader_cannot_write,
        what_cannot_be_done_is_said_and_no_token_is_shown,
    ] {
        part(&d1);
    }
}

/// A D1 of this test's own.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let node = workspace.join(NODE);
        assert!(node.exists(), "there is no `{NODE}`: run tests/setup.sh first");
        let mut command = Command::new(node);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/d1/serve.mjs")).args([ACCOUNT, DATABASE]);
        // What D1 answers waits until a disk has it; a disk in memory has it at once.
        if Path::new("/dev/shm").is_dir() {
            command.env("TMPDIR", "/dev/shm");
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, port: port.trim().parse().unwrap() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when nobody can write to it any more.
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// The way to it.
struct Place {
    port: u16,
}

impl Place {
    fn post(&self, path: &str, body: &str) -> serde_json::Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: d1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        // A long answer is sent in chunks.
        let json = body.get(body.find(['{', '[']).unwrap()..=body.rfind(['}', ']']).unwrap()).unwrap();
        serde_json::from_str(json).expect(body)
    }

    /// Runs SQL as whoever owns the tables; gives back the first value of the last statement.
    fn sql(&self, statements: &[&str]) -> serde_json::Value {
        let batch: Vec<_> = statements.iter().map(|sql| json!({ "sql": sql })).collect();
        let answer = self.post("/test/sql", &json!({ "batch": batch }).to_string());
        let last = answer.as_array().unwrap_or_else(|| unreachable!("{statements:?}: {answer}")).last().unwrap();
        last["results"]["rows"][0][0].clone()
    }

    fn count(&self, table: &str) -> i64 {
        self.sql(&[&format!("SELECT count(*) FROM {table}")]).as_i64().unwrap()
    }

    /// From now on so many requests whose body has this text, but for the first few, go wrong in this way.
    fn wrong(&self, with: &str, skip: u32, times: u32, wrong: &str) {
        self.post("/test/faults", &json!([{ "with": with, "skip": skip, "times": times, "wrong": wrong }]).to_string());
    }

    /// Rows that D1 counted as read since the last look.
    fn seen(&self) -> u64 {
        self.post("/test/seen", "")["rows_read"].as_u64().unwrap()
    }

    /// A database with nothing but the `schema` and the journal, and a rule for `events`.
    fn empty(&self, schema: &[&str]) -> Sample {
        self.post("/test/faults", "[]");
        let names = "SELECT group_concat(type || ' \"' || name || '\"', char(10)) FROM (SELECT type, name FROM sqlite_schema WHERE type = 'table' \
                     AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%' ORDER BY rowid DESC)";
        if let Some(names) = self.sql(&[names]).as_str() {
            let drops: Vec<_> = names.lines().map(|name| format!("DROP {name}")).collect();
            let drops: Vec<_> = ["PRAGMA defer_foreign_keys = ON"].into_iter().chain(drops.iter().map(String::as_str)).collect();
            self.sql(&drops);
        }
        self.sql(&[&journal::TABLES[..], schema].concat());
        let mut sample = Sample::new("");
        sample.database.location = Location::D1(D1 {
            account: ACCOUNT.into(),
            database: DATABASE.into(),
            endpoint: format!("http://127.0.0.1:{}/client/v4", self.port),
            read_token_env: "AVOUCH_TEST_D1_READ".into(),
            purge_token_env: "AVOUCH_TEST_D1_PURGE".into(),
        });
        // Its clock is that of today: the rule keeps what it would keep on the day of the samples.
        sample.rule.keep = Span::Seconds((self.now(&sample).unix() - CUTOFF) as u64);
        sample
    }

    /// Six rows that are due and six that are not, of `u1` to `u6`.
    fn sample(&self, schema: &[&str]) -> Sample {
        let fill = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6), o(a) AS (VALUES (-100000), (100000)) \
             INSERT INTO events (at, who) SELECT {CUTOFF} + a, 'u' || i FROM n, o ORDER BY i, a"
        );
        let table = ["CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER, who TEXT)", &fill];
        self.empty(&[&table[..], schema].concat())
    }

    fn now(&self, sample: &Sample) -> Timestamp {
        open_read(&sample.database, sample.root()).unwrap().now().unwrap()
    }

    fn run(&self, sample: &Sample) -> Execution {
        self.run_at(sample, &mut never_sleep)
    }

    fn run_at(&self, sample: &Sample, pace: &mut dyn Pace) -> Execution {
        let now = self.now(sample);
        purge(&Asked { now, ..sample.asked() }, None, &sample.gentle, pace)
    }

    fn done(&self, sample: &Sample) -> Execution {
        let done = self.run(sample);
        assert!(done.trouble.is_none(), "{:?}", done.trouble);
        assert_eq!((done.run.ended, done.run.due_after), (Ended::Done, 0));
        done
    }
}

fn cause(done: &Execution) -> &DatabaseError {
    let Some(RetainError::Database { cause, .. }) = &done.trouble else { unreachable!("{:?}", done.trouble) };
    cause
}

/// The rows of `n` with numbers from 1.
fn numbers(last: u32) -> String {
    format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})")
}

fn exactly_what_is_due_goes(d1: &Place) {
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

fn one_row_is_read_for_every_row_deleted(d1: &Place) {
    for (kind, at, index) in [
        ("INTEGER", "CUTOFF - 1000000 + i * 10", "CREATE INDEX by_at ON events (at)"),
        ("TEXT", "strftime('%Y-%m-%dT%H:%M:%SZ', CUTOFF - 1000000 + i * 10, 'unixepoch')", "CREATE INDEX by_at ON events (at)"),
        ("INTEGER", "CUTOFF - 1000000 + i * 10", "SELECT 1"),
    ] {
        let at = at.replace("CUTOFF", &CUTOFF.to_string());
        let fill = format!("{} INSERT INTO events (at, who) SELECT {at}, 'u' || (i % 50) FROM n", numbers(110_000));
        let table = format!("CREATE TABLE events (id INTEGER PRIMARY KEY, at {kind}, who TEXT)");
        let mut sample = d1.empty(&[&table, index, "CREATE INDEX by_who ON events (who, at)", &fill]);
        sample.gentle = Gentleness::default();
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
    }
}

fn every_encoding_is_compared_as_itself(d1: &Place) {
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

fn every_kind_of_key_is_gone_through(d1: &Place) {
    let old = format!("{CUTOFF} - i * 60");
    let (plain, indexed) = ("SELECT 1", "CREATE INDEX by_at ON events (at)");
    for (table, rows, index) in [
        // No key of its own, a text, several columns, and integers that JSON would round.
        ("(at INTEGER, id INTEGER)", format!("SELECT {old}, i"), plain),
        ("(id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID", format!("SELECT 'it''s ' || i, {old}"), plain),
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

fn terms_mean_what_they_mean_elsewhere(d1: &Place) {
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
    sample.rule.terms.action = Action::Archive("old".into());
    let done = d1.done(&sample);
    assert_eq!((done.run.deleted, done.run.held), (4, 1));
    let left = format!("SELECT group_concat(who, ' ') FROM (SELECT who FROM events WHERE at < {CUTOFF} ORDER BY who)");
    assert_eq!(d1.sql(&[&left]), "u1 u2 u3");
    let files: Vec<_> = fs::read_dir(sample.root().join("old/events")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len() as u64, done.run.archived);

    // Exactly the values that were there, in the archive.
    let mut sample = d1.empty(&[
        "CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body)",
        "INSERT INTO events VALUES (9007199254740993, 1600000000, x'00ff')",
        "INSERT INTO events VALUES (9007199254740995, 1600000000, 'a,b' || char(10) || '\"é')",
        "INSERT INTO events VALUES (9007199254740997, 1600000000, 2.0)",
    ]);
    sample.gentle.rows_min = 10;
    sample.rule.terms.action = Action::Archive("old".into());
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

fn what_would_touch_other_rows_is_refused_or_undone(d1: &Place) {
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

fn a_hold_that_comes_during_a_run_holds(d1: &Place) {
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

fn a_claim_is_of_one_alone(d1: &Place) {
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
    let together = lost.run.deleted + theirs;
    assert!(lost.run.deleted > 0 && theirs > 0 && together < 6, "{} and {theirs}", lost.run.deleted);
    assert_eq!(d1.sql(&["SELECT sum(deleted) FROM avouch_retention_journal"]), together);
    // Whoever comes next tells what is not told: the record knows of nothing.
    let next = purge(&Asked { now: now.plus_seconds(40), ..sample.asked() }, None, &sample.gentle, &mut never_sleep);
    assert_eq!(
        (next.run.ended, next.run.deleted, next.run.recovered),
        (Ended::Done, 6 - together, together),
        "{:?}",
        next.trouble
    );
}

fn what_goes_wrong_on_the_way_changes_no_count(d1: &Place) {
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

fn what_is_never_answered_is_told_by_the_next_run(d1: &Place) {
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

fn what_is_too_much_is_done_in_parts(d1: &Place) {
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
    // A window whose rows cannot be archived in one piece.
    let fill = format!("{} INSERT INTO events SELECT i, {CUTOFF} - i, hex(zeroblob(100000)) FROM n", numbers(20));
    let mut sample = d1.empty(&["CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body TEXT)", &fill]);
    sample.gentle = Gentleness { rows_min: 20, rows_max: 20, ..sample.gentle };
    sample.rule.terms.action = Action::Archive("old".into());
    let done = d1.done(&sample);
    assert_eq!(done.run.deleted, 20);
    assert!(done.run.archived >= 5, "{}", done.run.archived);
}

fn nothing_is_deleted_where_a_failed_request_is_not_undone(d1: &Place) {
    let sample = d1.sample(&[]);
    d1.wrong("", 0, 9_999, "apart");
    let done = d1.run(&sample);
    assert!(matches!(cause(&done), DatabaseError::D1 { cause: D1Error::NotUndone, .. }), "{:?}", done.trouble);
    assert_eq!((d1.count("events"), d1.count("avouch_retention_journal")), (12, 0));
}

fn a_reader_cannot_write(d1: &Place) {
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

fn what_cannot_be_done_is_said_and_no_token_is_shown(d1: &Place) {
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

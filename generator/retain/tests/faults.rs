//! What goes wrong around a run: another instance, a claim that is lost, a reader that stays, a disk that is full.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use std::{
    env,
    ops::ControlFlow,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use avouch_database::{
    DatabaseError, fingerprint, open_read,
    purge::{self as deletion, Deletion, Due},
};
use avouch_model::{
    product::{Action, Archive, Location},
    receipt::Ended,
};
use avouch_retain::{Asked, Execution, Gentleness, Pace, RetainError, purge};
use common::*;
use rusqlite::Connection;

fn of_database(done: &Execution) -> &DatabaseError {
    let Some(RetainError::Database { cause, .. }) = &done.trouble else { unreachable!("{:?}", done.trouble) };
    cause
}

fn as_other<'a>(sample: &'a Sample, later: i64) -> Asked<'a> {
    Asked { owner: "another".into(), now: now().plus_seconds(later), ..sample.asked() }
}

#[test]
fn without_a_journal_nothing_is_deleted() {
    let sample = Sample::with(&[CUTOFF - 1]);
    sample.connection.execute_batch("DROP TABLE avouch_retention_journal").unwrap();
    let done = sample.purge();
    assert!(matches!(of_database(&done), DatabaseError::NoJournal { .. }));
    assert!(done.trouble.unwrap().to_string().contains("claim the rule"));
    assert_eq!(sample.count("events"), 1);
    assert_eq!(sample.prove().run.ended, Ended::Done, "a proof writes nothing");
}

#[test]
fn what_becomes_due_during_a_run_does_not_get_past_the_fuse() {
    let times = [[CUTOFF - 9; 6], [NOW; 6]].concat();
    for (schema, action) in [
        ("SELECT 1", Action::Delete),
        ("SELECT 1", Action::Archive(Archive::Folder("old".into()))),
        ("SELECT 1", Action::Anonymise([("who".to_owned(), "'gone'".to_owned())].into())),
        ("CREATE TABLE notes (event INTEGER REFERENCES events ON DELETE CASCADE)", Action::Delete),
    ] {
        let is_anonymised = matches!(action, Action::Anonymise(_));
        let mut sample = Sample::new(&format!("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, who TEXT); {schema}"));
        sample.rule.terms.action = action;
        sample.insert(&times);
        let file = sample.root().join("app.db");
        let sql = |sql: &str| Connection::open(&file).unwrap().query_row(sql, [], |row| row.get::<_, i64>(0)).ok();
        let left = if is_anonymised { "SELECT count(*) FROM events WHERE who IS NULL" } else { "SELECT count(*) FROM events" };
        let all = || {
            sql(&format!("UPDATE events SET at = {CUTOFF} - 5 RETURNING 1"));
        };
        the_fuse_holds_during_a_run(sample, now(), all, || sql(left).unwrap());
    }
}

#[test]
fn a_confirmed_run_deletes_what_was_counted_and_a_hundredth_more() {
    for (more, deleted) in [(1, 7), (2, 0)] {
        let mut sample = Sample::with(&[[CUTOFF - 9; 6], [NOW; 6]].concat());
        (sample.rule.fuse_percent, sample.gentle) = (30, Gentleness::default());
        let digest = sample.plan().unwrap().digest;
        let late = || sample.insert(&vec![CUTOFF - 9; more]);
        let done = purge(&sample.asked(), Some(digest), &sample.gentle, &mut Meanwhile::new(late));
        assert_eq!((done.trouble.is_none(), done.run.deleted), (deleted > 0, deleted), "{:?}", done.trouble);
    }
}

#[test]
fn a_run_that_the_fuse_stops_on_its_way_tells_what_it_deleted() {
    let mut sample = Sample::with(&[[CUTOFF - 9; 3], [NOW; 3]].concat());
    sample.rule.fuse_percent = 50;
    // The second window has two rows, and one may still go.
    let done = purge(&sample.asked(), None, &sample.gentle, &mut Meanwhile::new(|| sample.insert(&[CUTOFF - 9])));
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after), (Ended::Done, 3, 1), "{:?}", done.trouble);
    sample
        .connection
        .execute_batch(&format!(
            "UPDATE events SET at = {CUTOFF} - 9; INSERT INTO events (at) VALUES ({NOW}), ({NOW}), ({NOW}), ({NOW})"
        ))
        .unwrap();
    let late = || sample.connection.execute_batch(&format!("UPDATE events SET at = {CUTOFF} - 9")).unwrap();
    sample.gentle = Gentleness { rows_min: 3, rows_max: 3, ..sample.gentle };
    let done = purge(&Asked { told: done.run.claim, ..sample.asked() }, None, &sample.gentle, &mut Meanwhile::new(late));
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after, sample.count("events")), (Ended::Fused, 3, 5, 5));
    assert!(done.trouble.unwrap().to_string().contains("3 rows were deleted before, and 5 of 5 rows are due now"));
}

#[test]
#[cfg(unix)]
fn a_file_that_was_replaced_since_it_was_read_is_not_deleted_from() {
    use std::{fs, os::unix::fs::symlink};

    let sample = Sample::with(&[CUTOFF - 1]);
    let mut database = sample.database.clone();
    database.location = Location::Sqlite("link.db".into());
    let link = sample.root().join("link.db");
    symlink("app.db", &link).unwrap();
    let mut read = open_read(&database, sample.root()).unwrap();
    let planned = Deletion {
        rule: "events".into(),
        due: Due {
            dialect: read.dialect(),
            table: "events".into(),
            column: "at".into(),
            shape: None,
            native: None,
            undated: false,
            condition: None,
            tenants: None,
            hold: None,
            set: Vec::new(),
        },
        binds: Vec::new(),
        set: Vec::new(),
        children: Vec::new(),
        schema: fingerprint(&read.tables().unwrap(), &["events"]),
        reached: read.identity().unwrap(),
    };
    assert!(deletion::open(&database, sample.root(), &planned).is_ok());
    // A copy of it has another number, by whatever name.
    sample.connection.execute("VACUUM INTO ?1", [sample.root().join("copy.db").to_str()]).unwrap();
    fs::remove_file(&link).unwrap();
    symlink("copy.db", &link).unwrap();
    let Err(refused) = deletion::open(&database, sample.root(), &planned) else { unreachable!("it is another file") };
    assert!(matches!(refused, DatabaseError::OtherPlace { .. }), "{refused:?}");
    fs::remove_file(&link).unwrap();
    symlink(sample.root().join("app.db"), &link).unwrap();
    assert!(deletion::open(&database, sample.root(), &planned).is_ok(), "the same file by another way");
}

#[test]
fn of_two_instances_one_works() {
    let sample = Sample::with(&[CUTOFF - 1; 6]);
    let mut tried = 0;
    let mut meanwhile = |_: Duration| {
        let other = purge(&as_other(&sample, 60), None, &sample.gentle, &mut never_sleep);
        assert!(other.trouble.as_ref().is_some_and(RetainError::is_elsewhere), "{:?}", other.trouble);
        assert_eq!((other.run.deleted, other.run.claim), (0, None));
        tried += 1;
        ControlFlow::Continue(())
    };
    let done = purge(&sample.asked(), None, &sample.gentle, &mut meanwhile);
    assert_eq!((done.run.ended, done.run.deleted, done.run.claim, tried), (Ended::Done, 6, Some(1), 2));
    // It was given back.
    let other = purge(&as_other(&sample, 1), None, &sample.gentle, &mut never_sleep);
    assert_eq!((other.run.ended, other.run.claim), (Ended::Done, Some(2)));
}

#[test]
fn whoever_lost_the_claim_deletes_nothing_more() {
    let sample = Sample::with(&[CUTOFF - 1; 8]);
    let mut other = None;
    let mut stall = |_: Duration| {
        // The first one stands still for longer than its claim lasts.
        other.get_or_insert_with(|| {
            let mut once = |_: Duration| ControlFlow::Break(());
            purge(&as_other(&sample, 600), None, &sample.gentle, &mut once).run
        });
        ControlFlow::Continue(())
    };
    let lost = purge(&sample.asked(), None, &sample.gentle, &mut stall);
    assert!(matches!(of_database(&lost), DatabaseError::ClaimLost { .. }));
    let other = other.unwrap();
    // Whoever took it over tells of all four, and nobody else does.
    assert_eq!((lost.run.ended, lost.run.deleted, lost.run.recovered, lost.run.claim), (Ended::Failed, 0, 0, None));
    assert_eq!((other.deleted, other.recovered, sample.count("events")), (2, 2, 4));
    let next = purge(&Asked { told: other.claim, ..as_other(&sample, 900) }, None, &sample.gentle, &mut never_sleep).run;
    assert_eq!((next.ended, next.deleted, next.recovered), (Ended::Done, 4, 0));
}

/// A run that planned for so long before it claimed.
struct Planned<F>(Duration, F);

impl<F: FnMut()> Pace for Planned<F> {
    fn pause(&mut self, _: Duration) -> ControlFlow<()> {
        self.1();
        ControlFlow::Continue(())
    }

    fn elapsed(&self, _: Instant) -> Duration {
        self.0
    }
}

#[test]
fn a_claim_lasts_from_when_it_is_made() {
    let sample = Sample::with(&[CUTOFF - 1; 6]);
    let mut refused = 0;
    let mut meanwhile = || {
        let other = purge(&as_other(&sample, 900 + 100), None, &sample.gentle, &mut never_sleep);
        refused += u32::from(other.trouble.as_ref().is_some_and(RetainError::is_elsewhere));
    };
    let done = purge(&sample.asked(), None, &sample.gentle, &mut Planned(Duration::from_secs(900), &mut meanwhile));
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, refused), (Ended::Done, 6, 2));
}

#[test]
fn a_reader_that_stays_ends_the_run_before_the_log_fills_the_disk() {
    let mut sample = Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body TEXT)");
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) \
                INSERT INTO events (at, body) SELECT ?1 - i, hex(randomblob(100)) FROM n";
    sample.connection.execute(fill, [CUTOFF]).unwrap();
    sample.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    sample.gentle = Gentleness { rows_min: 60, rows_max: 60, wal_bytes_max: 64 * 1024, ..Gentleness::default() };
    let reader = rusqlite::Connection::open(sample.root().join("app.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    let blocked = sample.purge();
    assert!(matches!(of_database(&blocked), DatabaseError::WalBlocked { .. }), "{:?}", blocked.trouble);
    assert!(blocked.run.deleted > 0 && blocked.run.due_after > 0);
    let log = std::fs::metadata(sample.root().join("app.db-wal")).unwrap().len();
    assert!(log < 8 * 64 * 1024, "{log}");
    reader.execute_batch("COMMIT").unwrap();
    let done = sample.purge();
    assert_eq!((done.run.ended, done.run.deleted + blocked.run.deleted, sample.count("events")), (Ended::Done, 3_000, 0));
}

#[test]
fn a_lock_that_is_let_go_in_time_stops_nothing_and_one_that_stays_ends_the_run() {
    let sample = Sample::with(&[CUTOFF - 1; 6]);
    let somebody = rusqlite::Connection::open(sample.root().join("app.db")).unwrap();
    let mut windows = 0;
    let mut meanwhile = |_: Duration| {
        windows += 1;
        if windows == 2 {
            somebody.execute_batch("BEGIN IMMEDIATE").unwrap();
        }
        ControlFlow::Continue(())
    };
    let locked = purge(&sample.asked(), None, &sample.gentle, &mut meanwhile);
    assert!(matches!(of_database(&locked), DatabaseError::Locked { .. }), "{:?}", locked.trouble);
    assert_eq!((locked.run.ended, locked.run.deleted, locked.run.due_after), (Ended::Failed, 4, 2));
    let told = Sample { told: locked.run.claim, ..sample };
    let (go, gone) = std::sync::mpsc::channel();
    let done = std::thread::scope(|scope| {
        scope.spawn(move || {
            gone.recv().unwrap();
            somebody.execute_batch("COMMIT").unwrap();
        });
        go.send(()).unwrap();
        told.purge()
    });
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, done.run.recovered, told.count("events")), (Ended::Done, 2, 0, 0));
}

/// The process with little room: `AVOUCH_CRAMPED` names the folder of its database.
#[test]
fn a_cramped_run() {
    let Some(folder) = env::var_os("AVOUCH_CRAMPED") else { return };
    let mut sample = Sample::with(&[]);
    sample.gentle = Gentleness { rows_min: 500, rows_max: 500, ..Gentleness::default() };
    let asked = Asked { root: folder.as_ref(), ..sample.asked() };
    let done = purge(&asked, None, &sample.gentle, &mut never_sleep);
    // It names the file: there may be many disks.
    assert!(matches!(of_database(&done), DatabaseError::Disk { .. }), "{:?}", done.trouble);
    assert!(of_database(&done).to_string().contains("/app.db`"));
    assert_eq!(done.run.ended, Ended::Failed);
}

#[test]
fn a_full_disk_loses_nothing_that_must_stay() {
    let sample = Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body TEXT)");
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 6000) \
                INSERT INTO events (at, body) SELECT CASE i % 2 WHEN 0 THEN ?1 - i ELSE ?2 END, hex(randomblob(100)) FROM n";
    sample.connection.execute(fill, (CUTOFF, NOW)).unwrap();
    sample.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    // No file may grow beyond that many blocks of 512 or 1,024 bytes: the log has room for some windows and not for all.
    let cramped = "trap '' XFSZ; ulimit -f 500; exec \"$0\" --exact a_cramped_run";
    let mut command = Command::new("sh");
    command.arg("-c").arg(cramped).arg(env::current_exe().unwrap()).env("AVOUCH_CRAMPED", sample.root());
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let young = "SELECT count(*) FROM events WHERE at >= ?1";
    assert_eq!(sample.connection.query_row(young, [CUTOFF], |row| row.get::<_, i64>(0)), Ok(3_000));
    let intact: String = sample.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(intact, "ok");
    let done = sample.purge();
    assert_eq!((done.run.ended, done.run.deleted + done.run.recovered, sample.count("events")), (Ended::Done, 3_000, 3_000));
}

#[test]
fn a_clock_before_this_program_was_made_is_not_believed() {
    let sample = Sample::with(&[CUTOFF - 1]);
    let past = Asked { now: now().plus_seconds(-400 * DAY), ..sample.asked() };
    let done = purge(&past, None, &sample.gentle, &mut never_sleep);
    assert!(matches!(done.trouble, Some(RetainError::ClockBeforeProgram { .. })), "{:?}", done.trouble);
    // Ten years ahead: more is due than the fuse lets pass.
    let mut sample = Sample::with(&[NOW; 20]);
    sample.rule.fuse_percent = 30;
    let ahead = Asked { now: now().plus_seconds(3_650 * DAY), ..sample.asked() };
    assert!(matches!(purge(&ahead, None, &sample.gentle, &mut never_sleep).trouble, Some(RetainError::Fused { due: 20, .. })));
    assert_eq!(sample.count("events"), 20);
}

/// The table of faults in the reference names tests: each of them is there, and those on a server are run.
#[test]
fn every_fault_has_the_tests_that_the_reference_names() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = std::fs::read_to_string(here.join("../../docs/reference/retention.md")).unwrap();
    let table = reference.split("\n## Faults\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows[0], ["fault", "SQLite", "Postgres", "D1"]);
    assert_eq!(rows.len(), 1 + 14, "one row for each fault");
    for row in &rows[1..] {
        for (folder, cell) in [".", "postgres", "d1"].into_iter().zip(&row[1..]) {
            let tests: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
            assert!(!tests.is_empty() || cell.starts_with("none: "), "{}: no test, and no reason: {cell}", row[0]);
            for test in tests {
                let (file, function) = test.split_once("::").unwrap();
                let read = |file: &str| std::fs::read_to_string(here.join("tests").join(folder).join(file)).unwrap();
                assert!(read(&format!("{file}.rs")).contains(&format!("fn {function}(")), "{folder}: there is no `{test}`");
                assert!(folder == "." || read("main.rs").contains(&format!("        {test},")), "{folder}: `{test}` is not run");
            }
        }
    }
}

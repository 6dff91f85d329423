//! Retention at the command line: planned, held by the fuse, run and proven.

use std::fs;

use super::support::{Sandbox, small::product};

/// A product with a table of `old` and `young` rows, and a rule of thirty days.
fn events(old: u32, young: u32) -> (Sandbox, rusqlite::Connection) {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path().join("data")).unwrap();
    let database = rusqlite::Connection::open(sandbox.path().join("data/app.db")).unwrap();
    database
        .execute_batch("CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT); CREATE INDEX events_at ON events (at);")
        .unwrap();
    for (count, ago) in [(old, "-1000 days"), (young, "-1 days")] {
        for _ in 0..count {
            let insert = "INSERT INTO events (at) VALUES (strftime('%Y-%m-%dT%H:%M:%SZ', 'now', ?1))";
            database.execute(insert, [ago]).unwrap();
        }
    }
    let rule = "[databases.main]\nurl = \"sqlite:data/app.db\"\n[[retention]]\nname = \"events\"\ndatabase = \"main\"\ntable = \"events\"\n\
                column = \"at\"\nkeep = \"30 days\"\nmax_lag = \"1 day\"\n";
    product(&sandbox, &[], rule);
    (sandbox, database)
}

fn rows(database: &rusqlite::Connection) -> i64 {
    database.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_rule_is_planned_run_and_proven() {
    let (sandbox, database) = events(2, 18);
    let plan = sandbox.avouch(&["retention", "plan"]).exits(0);
    assert!(plan.stdout.contains("2 of 20 rows (10 %)"), "{}", plan.stdout);
    sandbox.avouch(&["retention", "status"]).exits(3);
    assert_eq!(rows(&database), 20, "neither deletes anything");
    let ran = sandbox.avouch(&["retention", "run", "events"]).exits(0);
    assert!(ran.stdout.contains("2 deleted, 0 due and 0 overdue afterwards, 18 rows left: holds"), "{}", ran.stdout);
    assert_eq!(rows(&database), 18);
    sandbox.avouch(&["retention", "status", "events"]).exits(0);
    let ran = sandbox.avouch(&["retention", "plan", "evnts"]).exits(2);
    assert!(ran.stderr.contains("did you mean `events`"), "{}", ran.stderr);
}

#[test]
fn the_fuse_holds_until_the_plan_of_now_is_confirmed() {
    let (sandbox, database) = events(18, 2);
    let plan = sandbox.avouch(&["retention", "plan"]).exits(1);
    let confirm = plan.stdout.split("--confirm ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let ran = sandbox.avouch(&["retention", "run"]).exits(1);
    assert!(ran.stdout.contains("stopped by the fuse, nothing deleted"), "{}", ran.stdout);
    let other = format!("sha256:{}", "0".repeat(64));
    sandbox.avouch(&["retention", "run", "events", "--confirm", &other]).exits(1);
    sandbox.avouch(&["retention", "run", "events", "--confirm", "abc"]).exits(2);
    sandbox.avouch(&["retention", "run", "--confirm"]).exits(2);
    assert_eq!(rows(&database), 20);
    sandbox.avouch(&["retention", "run", "events", "--confirm", &confirm]).exits(0);
    assert_eq!(rows(&database), 2);
}

#[test]
fn a_run_deletes_only_when_it_is_asked_to() {
    let (sandbox, database) = events(2, 18);
    sandbox.avouch(&["run"]);
    assert_eq!(rows(&database), 20);
    sandbox.avouch(&["run", "--purge"]);
    assert_eq!(rows(&database), 18);
    sandbox.avouch(&["retention", "status"]).exits(0);
}

#[test]
fn of_an_emptied_table_nothing_is_proven() {
    let (sandbox, database) = events(0, 0);
    let ran = sandbox.avouch(&["retention", "run"]).exits(3);
    assert!(ran.stdout.contains("no row has a time, so nothing is proven"), "{}", ran.stdout);
    let status = sandbox.avouch(&["retention", "status"]).exits(3);
    assert!(status.stdout.contains("no row has a time, so nothing is proven"), "{}", status.stdout);
    database.execute("INSERT INTO events (at) VALUES (NULL)", []).unwrap();
    sandbox.avouch(&["retention", "run"]).exits(3);
}

//! Retention at the command line: planned, held by the fuse, run and proven.

use std::fs;

use super::support::{
    Sandbox,
    small::{files, product},
};

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
    let made = sandbox.avouch(&["retention", "init"]).exits(0);
    assert!(made.stdout.contains("the journal was made"), "{}", made.stdout);
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

/// A person in a row that goes: by name, by digest and in what encodes the name, nowhere but where the rows are.
#[test]
fn a_person_who_was_deleted_is_in_the_archive_and_nowhere_else() {
    let person = "gertrude.planted@example.com";
    // What the name is in base64, wherever it begins: without the characters that depend on what stands around it.
    const BASE64: &str = "Z2VydHJ1ZGUucGxhbnRlZEBleGFtcGxlLmNvb";
    let (sandbox, database) = events(2, 18);
    let schema = "ALTER TABLE events ADD COLUMN who TEXT; CREATE TABLE notes (event INTEGER REFERENCES events (id), body TEXT); \
                  CREATE TABLE holds (who TEXT); INSERT INTO holds VALUES ('held@example.com');";
    database.execute_batch(schema).unwrap();
    database.execute("UPDATE events SET who = CASE id WHEN 1 THEN 'held@example.com' ELSE ?1 END", [person]).unwrap();
    database.execute("INSERT INTO notes VALUES (2, 'a note of ' || ?1)", [person]).unwrap();
    let more = "where = \"who IS NOT NULL\"\naction = \"archive\"\narchive = \"archive\"\nchildren = [\"notes\"]\n\
                hold = { column = \"who\", query = \"SELECT who FROM holds\" }\n";
    sandbox.file("avouch.toml", format!("{}{more}", sandbox.read("avouch.toml")));
    let plan = sandbox.avouch(&["-vv", "retention", "plan"]).exits(0);
    assert!(plan.stdout.contains("would be archived and deleted 1 of 20 rows"), "{}", plan.stdout);
    assert!(
        plan.stdout.contains("1 rows of notes go with them") && plan.stdout.contains("1 rows are due and under a legal hold")
    );
    let ran = sandbox.avouch(&["-vv", "retention", "run"]).exits(0);
    assert!(ran.stdout.contains("1 archived and deleted, 0 due and 0 overdue afterwards, 19 rows left: holds"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("1 rows stay under a legal hold") && ran.stdout.contains("1 objects were written"),
        "{}",
        ran.stdout
    );
    assert_eq!((rows(&database), files(sandbox.path()).keys().filter(|file| file.contains("archive/events/")).count()), (19, 1));
    sandbox.avouch(&["-vv", "run", "--purge"]);
    let digest = avouch_model::Digest::of(person.as_bytes()).to_string();
    let hex: String = person.bytes().map(|byte| format!("{byte:02x}")).collect();
    let markers =
        [person.to_owned(), person.to_uppercase(), hex, digest.trim_start_matches("sha256:").to_owned(), BASE64.to_owned()];
    let mut looked = 0;
    for (file, bytes) in files(sandbox.path()) {
        if ["data/", "archive/", ".git/"].iter().any(|folder| file.starts_with(folder)) {
            continue;
        }
        looked += 1;
        for marker in &markers {
            let found = bytes.windows(marker.len()).any(|window| window == marker.as_bytes());
            assert!(!found, "{marker} is in {file}");
        }
    }
    assert!(looked > 20, "{looked}");
    for said in [&plan, &ran] {
        assert!(markers.iter().all(|marker| !said.stdout.contains(marker) && !said.stderr.contains(marker)));
    }
}

#[test]
fn without_its_journal_a_rule_deletes_nothing() {
    let (sandbox, database) = events(2, 18);
    database.execute_batch("DROP TABLE avouch_retention_lease; DROP TABLE avouch_retention_journal").unwrap();
    let ran = sandbox.avouch(&["retention", "run"]).exits(3);
    assert!(ran.stderr.contains("`avouch retention init` makes it"), "{}", ran.stderr);
    assert_eq!(rows(&database), 20);
    let printed = sandbox.avouch(&["retention", "init", "--print"]).exits(0);
    assert!(printed.stdout.contains("CREATE TABLE IF NOT EXISTS avouch_retention_lease"), "{}", printed.stdout);
    sandbox.avouch(&["retention", "run"]).exits(3);
    assert!(sandbox.avouch(&["retention", "init"]).exits(0).stdout.contains("was made"));
    assert!(sandbox.avouch(&["retention", "init"]).exits(0).stdout.contains("is there"));
    // It is not one of the tables that a rule is missing for.
    assert!(!sandbox.avouch(&["retention", "plan"]).exits(0).stdout.contains("avouch_retention"));
    sandbox.avouch(&["retention", "run"]).exits(0);
}

#[test]
fn where_no_rule_deletes_no_journal_is_made() {
    let (sandbox, database) = events(1, 9);
    database.execute_batch("DROP TABLE avouch_retention_lease; DROP TABLE avouch_retention_journal").unwrap();
    let configuration = sandbox.read("avouch.toml");
    sandbox.file("avouch.toml", format!("{configuration}enforce = \"product\"\n"));
    let said = sandbox.avouch(&["retention", "init"]).exits(0);
    assert!(said.stdout.contains("no rule deletes"), "{}", said.stdout);
    sandbox.file("avouch.toml", configuration.split("[[retention]]").next().unwrap());
    sandbox.avouch(&["retention", "init"]).exits(0);
    let made = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'avouch%'";
    assert_eq!(database.query_row(made, [], |row| row.get::<_, i64>(0)), Ok(0));
}

#[test]
fn what_killed_runs_deleted_is_told_by_the_next() {
    let (sandbox, database) = events(2, 18);
    sandbox.avouch(&["retention", "run"]).exits(0);
    // As a run leaves it that was killed after its window: the row is gone, and only the journal knows.
    let killed = "UPDATE avouch_retention_lease SET claim = 2, owner = 'killed'; \
                  INSERT INTO avouch_retention_journal VALUES ('events', 2, 1, 1795240923, 7, 0, NULL)";
    database.execute_batch(killed).unwrap();
    let ran = sandbox.avouch(&["retention", "run"]).exits(0);
    assert!(ran.stdout.contains("7 rows more were deleted by runs that were killed"), "{}", ran.stdout);
    let ran = sandbox.avouch(&["retention", "run"]).exits(0);
    assert!(!ran.stdout.contains("killed"), "{}", ran.stdout);
}

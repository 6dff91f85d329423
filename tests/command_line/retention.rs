//! Retention at the command line: planned, held by the fuse, run and proven.

use std::{fs, hint, process::Stdio};

use super::{
    json,
    support::{
        Sandbox,
        postgres::Server,
        small::{files, product},
    },
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

/// What the bucket does with it is for the tests of `retain`: here is what is said before and when it cannot be had.
#[test]
fn rows_that_are_to_be_archived_in_a_bucket_stay_until_it_takes_them() {
    const KEYS: [(&str, &str); 2] = [("COLD_ID", "id-of-the-key"), ("COLD_SECRET", "secret-of-the-key")];
    let (sandbox, database) = events(2, 18);
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let before = sandbox.read("avouch.toml");
    let rule = format!("{before}action = \"archive\"\narchive = \"s3://cold-rows/main\"\n");
    sandbox.file("avouch.toml", &rule);
    let line = rule.lines().position(|line| line.starts_with("archive")).unwrap() + 1;
    let wrong = sandbox.avouch(&["retention", "plan"]).exits(2).stderr;
    assert!(wrong.contains(&format!("avouch.toml:{line}:11")) && wrong.contains("add `[buckets.\"cold-rows\"]`"), "{wrong}");
    let bucket = format!(
        "[buckets.cold-rows]\nregion = \"us-east-1\"\nendpoint = \"http://{}\"\naccess_key_env = \"COLD_ID\"\n\
         secret_key_env = \"COLD_SECRET\"\n",
        listener.local_addr().unwrap()
    );
    sandbox.file("avouch.toml", rule + &bucket);
    let plan = sandbox.avouch(&["retention", "plan"]).exits(0).stdout;
    assert!(plan.contains("archive    s3://cold-rows/main/events"), "{plan}");
    assert!(plan.contains("`COLD_SECRET` is not set here: without it a run deletes nothing"), "{plan}");
    let doctor = sandbox.avouch(&["doctor"]).exits(3).stdout;
    assert!(doctor.contains("the bucket `cold-rows` has no keys") && doctor.contains("set `COLD_ID`, `COLD_SECRET`"), "{doctor}");
    let ran = sandbox.avouch(&["retention", "run"]).exits(3);
    assert!(ran.stderr.contains("`COLD_ID` holds no key"), "{}", ran.stderr);
    let plan = sandbox.avouch_with(&["retention", "plan"], &KEYS).exits(0).stdout;
    assert!(!plan.contains("is not set here"), "{plan}");
    assert!(sandbox.avouch_with(&["doctor"], &KEYS).stdout.contains("keys of the bucket `cold-rows` are set"));
    sandbox.avouch_with(&["run"], &KEYS);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "nobody asked for a deletion, and the store was asked");
    drop(listener);
    let ran = sandbox.avouch_with(&["-vv", "retention", "run"], &KEYS).exits(3);
    assert!(ran.stderr.contains("bucket `cold-rows` cannot be reached"), "{}", ran.stderr);
    assert!(ran.stdout.contains("0 deleted before it failed"), "{}", ran.stdout);
    assert_eq!(rows(&database), 20);
    for (file, bytes) in files(sandbox.path()) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(KEYS.iter().all(|(_, key)| !text.contains(key) && !ran.stderr.contains(key)), "{file}");
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

#[test]
fn status_tells_how_far_behind_a_rule_is_and_how_long_it_can_be_restored() {
    let (sandbox, database) = events(12, 28);
    let configuration = sandbox.read("avouch.toml");
    let status = |code| json(&sandbox.avouch(&["retention", "status", "--json"]).exits(code).stdout)["rules"][0].clone();
    let never = status(3);
    assert_eq!(
        (never["state"].as_str(), never["last_run"].is_null(), &never["overdue_rows"]),
        (Some("no_data"), true, &"unknown".into())
    );
    // The product is to delete, and has not.
    sandbox.file("avouch.toml", format!("{configuration}enforce = \"product\"\n[schedule]\nrun = \"0 0 3 * * *\"\n"));
    sandbox.avouch(&["run"]);
    let behind = status(1);
    assert_eq!((behind["state"].as_str(), &behind["overdue_rows"]), (Some("fail"), &serde_json::json!({ "counted": 12 })));
    assert!((960..=980).contains(&behind["backlog_days"].as_u64().unwrap()), "{behind}");
    assert!(behind["next_due"].as_str().unwrap().ends_with("T03:00:00Z") && behind["recovery_window"].is_null());
    let told = sandbox.avouch(&["retention", "status"]).exits(1).stdout;
    for said in
        ["overdue rows 12", "the oldest row was due for 9", "not stated: `recovery_window` in `[databases.main]`", "03:00:00Z"]
    {
        assert!(told.contains(said), "{said}: {told}");
    }
    database.execute("DELETE FROM events WHERE id <= 12", []).unwrap();
    let stated = sandbox.read("avouch.toml").replace("[[retention]]", "recovery_window = \"30 days\"\n[[retention]]");
    sandbox.file("avouch.toml", stated);
    sandbox.avouch(&["run"]);
    let mended = status(0);
    assert_eq!((mended["trend"].as_str(), mended["backlog_days"].as_u64()), (Some("falling"), Some(0)));
    assert_eq!((mended["recovery_window"].as_str(), mended["recoverable_until"].is_string()), (Some("30 days"), true));
    let told = sandbox.avouch(&["retention", "status"]).exits(0).stdout;
    assert!(
        told.contains("overdue rows 12, then 0: fewer than before") && told.contains("from backups for 30 days, so until"),
        "{told}"
    );
    let page = sandbox.read("public/en/retention/index.html");
    assert!(page.contains("days, until"), "{page}");
    // Whoever empties the table proves nothing.
    database.execute("DELETE FROM events", []).unwrap();
    sandbox.avouch(&["retention", "run"]).exits(3);
}

#[test]
fn a_rule_that_goes_on_failing_is_told_once_a_day_and_at_once_when_it_ends() {
    let (sandbox, database) = events(12, 28);
    let receipts = || sandbox.avouch(&["evidence", "list"]).exits(0).stdout.matches(" receipt ").count();
    database.execute_batch("ALTER TABLE events RENAME TO away").unwrap();
    for _ in 0..3 {
        sandbox.avouch(&["retention", "run"]).exits(3);
        assert_eq!(receipts(), 1);
    }
    database.execute_batch("ALTER TABLE away RENAME TO events").unwrap();
    // The fuse stops it: that is another trouble.
    database.execute_batch("DELETE FROM events WHERE id > 20").unwrap();
    for _ in 0..2 {
        sandbox.avouch(&["retention", "run"]).exits(1);
        assert_eq!(receipts(), 2);
    }
    let confirmed = sandbox.avouch(&["retention", "plan"]).stdout;
    let digest = confirmed.split("--confirm ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    sandbox.avouch(&["retention", "run", "events", "--confirm", &digest]).exits(0);
    assert_eq!(receipts(), 3);
    let last = json(&sandbox.avouch(&["retention", "status", "--json"]).exits(0).stdout)["rules"][0].clone();
    assert_eq!(last["state"], "pass");
}

#[test]
fn of_a_database_that_was_never_opened_nothing_is_known() {
    let (sandbox, database) = events(12, 28);
    drop(database);
    fs::rename(sandbox.path().join("data/app.db"), sandbox.path().join("data/away.db")).unwrap();
    sandbox.avouch(&["run"]);
    let page = sandbox.read("public/en/retention/index.html");
    for name in ["Rows removed", "Rows over their time after the run", "Rows over their time and the lag", "Oldest row"] {
        let said = page.split(&format!("<dt>{name}</dt>")).nth(1).unwrap_or_else(|| panic!("{name}: {page}"));
        assert!(said.trim_start().starts_with("<dd>not known</dd>"), "{name}: {}", &said[..60]);
    }
    let receipt = &json(&sandbox.read("public/en/retention/index.json"))["retention"][0]["last"][1];
    assert!(receipt["due_after"].is_null() && receipt["deleted"].is_null() && receipt["ended"] == "failed", "{receipt}");
    let told = sandbox.avouch(&["retention", "status"]).exits(3).stdout;
    assert!(told.contains("it stopped on an error") && told.contains("oldest row   not known"), "{told}");
    assert!(!told.contains("no row has a time") && !told.contains("too few rows"), "{told}");
}

/// A server with a table of `old` and 24 young rows, and a product with a rule for it that says `more`.
fn events_on_postgres(old: u32, schema: &str, more: &str) -> (Server, Sandbox) {
    let server = Server::start();
    server.sql(&format!(
        "CREATE ROLE reader LOGIN; CREATE ROLE purger LOGIN; CREATE TABLE events (id bigserial PRIMARY KEY, at timestamptz NOT NULL); \
         INSERT INTO events (at) SELECT now() - interval '1 day' * CASE WHEN n <= {old} THEN 900 ELSE 1 END FROM generate_series(1, {old} + 24) n; \
         {schema}"
    ));
    let sandbox = Sandbox::new();
    let rule = "[databases.main]\nread_url_env = \"READ_URL\"\npurge_url_env = \"PURGE_URL\"\nrecovery_window = \"7 days\"\n\
                [[retention]]\nname = \"events\"\ndatabase = \"main\"\ntable = \"events\"\ncolumn = \"at\"\nkeep = \"3 months\"\n\
                max_lag = \"1 day\"\n";
    product(&sandbox, &[], &format!("{rule}{more}"));
    // The tables are made by whoever may, and the grants that are printed are enough.
    let urls = (server.url("reader"), server.url("postgres"));
    let made = sandbox.avouch_with(&["retention", "init"], &[("READ_URL", &urls.0), ("PURGE_URL", &urls.1)]).exits(0).stdout;
    assert!(made.contains("the journal was made"), "{made}");
    let grants: Vec<&str> = made.lines().map(str::trim).filter(|line| line.starts_with("GRANT")).collect();
    server.sql(&grants.join("\n").replace("READER", "reader").replace("PURGER", "purger"));
    (server, sandbox)
}

#[test]
fn a_rule_holds_on_postgres_as_well() {
    let (server, sandbox) = events_on_postgres(6, "SELECT 1", "");
    let (read, purge) = (server.url("reader"), server.url("purger"));
    let avouch = |arguments: &[&str]| sandbox.avouch_with(arguments, &[("READ_URL", &read), ("PURGE_URL", &purge)]);
    assert!(sandbox.avouch(&["retention", "plan"]).exits(3).stdout.contains("`READ_URL` with its URL is not set"));
    assert!(avouch(&["retention", "plan"]).exits(0).stdout.contains("6 of 30 rows (20 %)"));
    avouch(&["run"]);
    assert_eq!(server.count("events"), 30, "nobody asked for a deletion");
    let ran = avouch(&["retention", "run"]).exits(0);
    assert!(ran.stdout.contains("6 deleted, 0 due and 0 overdue afterwards, 24 rows left: holds"), "{}", ran.stdout);
    server.sql("INSERT INTO events (at) SELECT now() - interval '400 days' FROM generate_series(1, 6)");
    avouch(&["run", "--purge"]);
    assert_eq!(server.count("events"), 24);
    let status = avouch(&["retention", "status"]).exits(0).stdout;
    assert!(status.contains("from backups for 7 days, so until"), "{status}");
    for (file, bytes) in files(&sandbox.path().join("public")) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("READ_URL") && !text.contains("user=purger"), "{file}");
    }
}

#[test]
fn runs_that_are_killed_on_postgres_neither_repeat_nor_skip() {
    const OLD: u32 = 30_000;
    let notes = "CREATE TABLE notes (event bigint REFERENCES events); INSERT INTO notes SELECT id FROM events; CREATE INDEX ON notes (event)";
    let (server, sandbox) = events_on_postgres(OLD, notes, "children = [\"notes\"]\nfuse_percent = 100\n");
    let (read, purge) = (server.url("reader"), server.url("purger"));
    let run = || sandbox.command(&["retention", "run"], &[("READ_URL", &read), ("PURGE_URL", &purge)]);
    let mut watching = server.somebody();
    let mut windows = || watching.runs("SELECT count(*) FROM avouch_retention_journal").parse::<u32>().unwrap();
    // Within the second window or the pause before it, and at once or a while later.
    for spins in [0, 100_000, 1_000_000] {
        let before = windows();
        let mut victim = run().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while windows() == before {
            assert!(victim.try_wait().unwrap().is_none(), "it came to its end without a window");
        }
        (0..spins).for_each(|_| hint::spin_loop());
        victim.kill().unwrap();
        let killed = victim.wait_with_output().unwrap();
        assert!(killed.status.code().is_none(), "it was not at work: {}", String::from_utf8_lossy(&killed.stderr));
        assert!(server.count("events") > 24);
        // As if two minutes had passed. Whatever it had under way is done or undone before.
        server.sql("UPDATE avouch_retention_lease SET expires = 0");
    }
    let told = |said: &str| {
        let line =
            |what: &str| said.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {said}")).to_owned();
        let number = |what: &str| {
            let before = line(what).split(what).next().unwrap().trim_end().to_owned();
            before.rsplit(' ').next().unwrap().parse::<u32>().unwrap()
        };
        [
            number(" deleted, 0 due"),
            number(" rows more were deleted by runs that were killed"),
            number(" rows of other tables went"),
        ]
    };
    let output = run().output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let [deleted, recovered, children] = told(&said);
    assert!(recovered >= 3 * 2_000, "{said}");
    assert_eq!((deleted + recovered, children, server.count("events"), server.count("notes")), (OLD, OLD, 24, 24), "{said}");
    let next = String::from_utf8(run().output().unwrap().stdout).unwrap();
    assert!(next.contains("0 deleted, 0 due") && !next.contains("killed"), "{next}");
}

#[test]
fn a_full_disk_ends_a_run_and_loses_nothing_that_must_stay() {
    let (sandbox, database) = events(0, 0);
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 40000) INSERT INTO events (at, body) \
                SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now', CASE i % 2 WHEN 0 THEN '-1000 days' ELSE '-1 days' END), hex(zeroblob(100)) FROM n";
    database
        .execute_batch(&format!(
            "PRAGMA journal_mode = wal; ALTER TABLE events ADD body TEXT; {fill}; PRAGMA wal_checkpoint(TRUNCATE)"
        ))
        .unwrap();
    sandbox.file("avouch.toml", format!("{}fuse_percent = 100\n", sandbox.read("avouch.toml")));
    // No file may grow beyond two or four MiB: the record has room, the write-ahead log of the deletion has not.
    let mut cramped = std::process::Command::new("sh");
    let run = sandbox.command(&["retention", "run"], &[]);
    cramped.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" retention run"]).arg(run.get_program());
    let output = cramped.current_dir(sandbox.path()).env("HOME", sandbox.path()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("deleted before it failed"), "{said}");
    let young = "SELECT count(*) FROM events WHERE at > strftime('%Y', 'now', '-100 days')";
    let young = || database.query_row(young, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(young(), 20_000);
    sandbox.avouch(&["retention", "status"]).exits(3);
    sandbox.avouch(&["retention", "run"]).exits(0);
    assert_eq!((rows(&database), young()), (20_000, 20_000));
    let intact: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(intact, "ok");
}

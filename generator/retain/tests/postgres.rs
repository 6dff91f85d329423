//! Retention on a real Postgres, which this test starts for itself and stops: nothing is shared with another.
//!
//! The URLs of a database are read from the environment, so the test runs itself again with them in it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

mod common;

use std::{
    env, fs,
    ops::ControlFlow,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use avouch_database::{DatabaseError, Limits, Value, open_read};
use avouch_model::{
    Span,
    product::{Action, Hold, HoldList, Location, Tenants, Undated},
    receipt::Ended,
};
use avouch_retain::{Asked, Encoding, Execution, Pace, RetainError, journal, purge};
use common::*;

#[test]
fn rules_hold_on_a_real_server() {
    let server = Server::start();
    server.socket().sql("CREATE ROLE reader LOGIN; CREATE ROLE purger LOGIN");
    let mut inside = Command::new(env::current_exe().unwrap());
    inside.args(["--exact", "inside", "--nocapture"]).env("AVOUCH_TEST_SOCKET", server.folder.path());
    inside.env("AVOUCH_TEST_READ", server.socket().url("reader")).env("AVOUCH_TEST_PURGE", server.socket().url("purger"));
    let output = inside.output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
}

/// What [`rules_hold_on_a_real_server`] runs, one after the other on one server.
#[test]
fn inside() {
    let Some(folder) = env::var_os("AVOUCH_TEST_SOCKET") else { return };
    let socket = Socket { folder: folder.into(), programs: programs().unwrap() };
    for part in [
        exactly_what_is_due_goes,
        every_type_of_time_is_compared_as_itself,
        partitions_go_by_their_own_bounds,
        terms_mean_what_they_mean_elsewhere,
        what_would_touch_other_rows_is_refused_or_undone,
        a_claim_is_of_one_alone,
        nothing_is_deleted_without_the_right_to,
        a_reader_cannot_write,
    ] {
        part(&socket);
    }
}

/// A server of this test's own, on a socket in its folder.
struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
    as_root: bool,
}

impl Server {
    fn start() -> Self {
        let programs = programs().expect("the package `postgresql`: tests/setup.sh installs it");
        let as_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let server = Self { folder: tempfile::tempdir().unwrap(), programs, as_root };
        // It refuses to run as root.
        if as_root {
            let made = Command::new("chown").arg("postgres").arg(server.folder.path()).status().unwrap();
            assert!(made.success(), "no user `postgres`");
        }
        let (folder, data) = (server.folder.path().display().to_string(), server.data());
        server.call("initdb", &["-D", &data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"]);
        let options = format!("-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off");
        server.call("pg_ctl", &["-w", "-D", &data, "-o", &options, "-l", &format!("{folder}/log"), "start"]);
        server
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn socket(&self) -> Socket {
        Socket { folder: self.folder.path().to_owned(), programs: self.programs.clone() }
    }

    fn call(&self, program: &str, arguments: &[&str]) {
        let place = self.programs.join(program);
        let mut command = Command::new(if self.as_root { Path::new("setpriv") } else { &place });
        if self.as_root {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(&place);
        }
        let status = command.args(arguments).current_dir(self.folder.path()).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.call("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
    }
}

/// Where Debian has the server's own programs.
fn programs() -> Option<PathBuf> {
    let found = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    found.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max()
}

/// The way to a server.
struct Socket {
    folder: PathBuf,
    programs: PathBuf,
}

impl Socket {
    fn url(&self, user: &str) -> String {
        format!("host={} user={user} dbname=postgres", self.folder.display())
    }

    fn psql(&self, sql: &str) -> Command {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url("postgres"), "-c", sql]);
        command
    }

    /// Runs SQL as whoever owns the tables; gives back what it prints.
    fn sql(&self, sql: &str) -> String {
        let output = self.psql(sql).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn count(&self, table: &str) -> i64 {
        self.sql(&format!("SELECT count(*) FROM {table}")).parse().unwrap()
    }

    /// A database with nothing but `events`, six rows that are due and six that are not, and a rule for it.
    fn sample(&self, schema: &str) -> Sample {
        let (lease, journal) = (journal::LEASE_TABLE, journal::JOURNAL_TABLE);
        self.sql(&format!(
            "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public; {tables}; \
             CREATE TABLE events (id bigserial PRIMARY KEY, at timestamptz, who text); \
             INSERT INTO events (at, who) SELECT to_timestamp({CUTOFF} - 100000 + i * 200000), 'u' || n FROM generate_series(1, 6) n, \
             generate_series(0, 1) i ORDER BY n, i; {schema}; \
             GRANT USAGE ON SCHEMA public TO reader, purger; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; \
             GRANT SELECT, DELETE, UPDATE ON ALL TABLES IN SCHEMA public TO purger; GRANT INSERT ON {lease}, {journal} TO purger",
            tables = journal::TABLES.join("; "),
        ));
        let mut sample = Sample::new("");
        let (read_url_env, purge_url_env) = ("AVOUCH_TEST_READ".into(), "AVOUCH_TEST_PURGE".into());
        sample.database.location = Location::Postgres { read_url_env, purge_url_env };
        // The clock of the server is that of today: the rule keeps what it would keep on the day of the samples.
        sample.rule.keep = Span::Seconds((self.now(&sample).unix() - CUTOFF) as u64);
        sample
    }

    fn now(&self, sample: &Sample) -> avouch_model::Timestamp {
        open_read(&sample.database, sample.root()).unwrap().now().unwrap()
    }

    fn run(&self, sample: &Sample) -> Execution {
        self.run_at(sample, &mut never_sleep)
    }

    fn run_at(&self, sample: &Sample, pace: &mut dyn Pace) -> Execution {
        let now = self.now(sample);
        purge(&Asked { now, ..sample.asked() }, None, &sample.gentle, pace)
    }
}

fn cause(done: &Execution) -> &DatabaseError {
    let Some(RetainError::Database { cause, .. }) = &done.trouble else { unreachable!("{:?}", done.trouble) };
    cause
}

fn exactly_what_is_due_goes(socket: &Socket) {
    let sample =
        socket.sample(&format!("INSERT INTO events (at) VALUES (to_timestamp({CUTOFF} + 3600)), (NULL), ('3000-01-01')"));
    let done = socket.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    let run = &done.run;
    assert_eq!((run.ended, run.deleted, run.due_after, run.rows_after, run.undated, run.future), (Ended::Done, 6, 0, 9, 1, 1));
    assert_eq!(done.plan.unwrap().encoding, Some(Encoding::Native));
    assert_eq!(socket.count("avouch_retention_journal"), 6, "windows of two rows, one of each two due");
    assert_eq!(socket.run(&sample).run.deleted, 0);
}

fn every_type_of_time_is_compared_as_itself(socket: &Socket) {
    for (kind, old, new) in [
        ("timestamp", "to_timestamp(SECONDS) AT TIME ZONE 'UTC'", Encoding::Native),
        ("date", "CAST(to_timestamp(SECONDS) AT TIME ZONE 'UTC' AS date)", Encoding::Native),
        ("bigint", "SECONDS", Encoding::UnixSeconds),
        ("int", "SECONDS", Encoding::UnixSeconds),
        ("bigint", "CAST(SECONDS AS bigint) * 1000", Encoding::UnixMilliseconds),
        ("double precision", "SECONDS + 0.5", Encoding::UnixSeconds),
        ("text", "to_char(to_timestamp(SECONDS) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')", Encoding::TextWithT),
        ("varchar(40)", "to_char(to_timestamp(SECONDS) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')", Encoding::TextWithSpace),
    ]
    .map(|(kind, expression, encoding)| (kind, expression, encoding))
    {
        let at = |seconds: i64| old.replace("SECONDS", &seconds.to_string());
        let sample = socket.sample(&format!(
            "DROP TABLE events; CREATE TABLE events (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), at {kind}); CREATE INDEX ON events (at); \
             INSERT INTO events (at) SELECT {} FROM generate_series(1, 3); INSERT INTO events (at) SELECT {} FROM generate_series(1, 2)",
            at(CUTOFF - DAY),
            at(CUTOFF + DAY),
        ));
        let done = socket.run(&sample);
        assert!(done.trouble.is_none(), "{kind}: {:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.rows_after, done.plan.unwrap().encoding), (3, 2, Some(new)), "{kind}");
    }
    let sample = socket.sample("DROP TABLE events; CREATE TABLE events (id int PRIMARY KEY, at text); INSERT INTO events VALUES (1, '2020-01-01T00:00:00Z'), (2, 'soon')");
    assert!(matches!(socket.run(&sample).trouble, Some(RetainError::Mixed { others: 1, .. })));
    let sample = socket
        .sample("DROP TABLE events; CREATE TABLE events (id int, at timestamptz); INSERT INTO events VALUES (1, '2020-01-01')");
    assert!(matches!(cause(&socket.run(&sample)), DatabaseError::NoKey { .. }));
}

fn partitions_go_by_their_own_bounds(socket: &Socket) {
    // The first is wider than its name says, the second ends at the cut-off, the third holds it, the last has no end.
    let at = |days: i64| format!("to_timestamp({})", CUTOFF + days * DAY);
    let part = |name: &str, from: String, to: String| {
        format!("CREATE TABLE {name} PARTITION OF events FOR VALUES FROM ({from}) TO ({to})")
    };
    let parted = format!(
        "DROP TABLE events; CREATE TABLE events (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); \
         {}; {}; {}; {}; {}; INSERT INTO events SELECT n, to_timestamp({CUTOFF} - 900000 + n * 86400) FROM generate_series(1, 20) n",
        part("p1", "MINVALUE".into(), at(-5)),
        part("p2", at(-5), at(0)),
        part("p3", at(0), at(2)),
        part("p4", at(2), "MAXVALUE".into()),
        "CREATE TABLE rest PARTITION OF events DEFAULT",
    );
    let parts = || {
        socket.sql("SELECT string_agg(CAST(inhrelid AS regclass)::text, ' ' ORDER BY 1) FROM pg_inherits WHERE inhparent = 'events'::regclass")
    };
    // Without the right to drop, rows go as in any table.
    let sample = socket.sample(&parted);
    let due = socket.count(&format!("events WHERE at < {}", at(0)));
    let done = socket.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted as i64, done.run.due_after, parts().as_str()), (due, 0, "p1 p2 p3 p4 rest"));
    let sample = socket.sample(&format!("{parted}; ALTER TABLE events OWNER TO purger; ALTER TABLE p1 OWNER TO purger; ALTER TABLE p2 OWNER TO purger; ALTER TABLE p3 OWNER TO purger"));
    let done = socket.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted as i64, done.run.due_after, parts().as_str()), (due, 0, "p3 p4 rest"));
    assert_eq!(socket.count("events"), 20 - due);
    assert_eq!(socket.count("avouch_retention_journal"), 2);
}

fn terms_mean_what_they_mean_elsewhere(socket: &Socket) {
    let mut sample = socket.sample(
        "CREATE TABLE holds (who text); INSERT INTO holds VALUES ('u1'); CREATE TABLE orgs (id text PRIMARY KEY, keep text); \
         INSERT INTO orgs VALUES ('u2', '90 years'); INSERT INTO events (at, who) VALUES (NULL, 'u9')",
    );
    let list = HoldList::Table { table: "holds".into(), key: "who".into() };
    sample.rule.terms.hold = Some(Hold { column: "who".into(), list });
    sample.rule.terms.tenants =
        Some(Tenants { column: "who".into(), table: "orgs".into(), key: "id".into(), keep: "keep".into() });
    sample.rule.terms.condition = Some("who::text <> 'u3'".into());
    sample.rule.terms.undated = Undated::Delete;
    sample.rule.terms.action = Action::Archive("old".into());
    let done = socket.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.held, done.run.due_after), (4, 1, 0));
    assert_eq!(
        socket.sql(&format!("SELECT string_agg(who, ' ' ORDER BY who) FROM events WHERE at < to_timestamp({CUTOFF})")),
        "u1 u2 u3"
    );
    assert_eq!(fs::read_dir(sample.root().join("old/events")).unwrap().count() as u64, done.run.archived);

    let mut sample = socket.sample("ALTER TABLE events ADD note text DEFAULT 'note'");
    sample.rule.terms.action = Action::Anonymise([("who".into(), "NULL".into()), ("note".into(), "'none'".into())].into());
    let done = socket.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.due_after, socket.count("events WHERE who IS NULL AND note = 'none'")), (6, 0, 6));
    sample.rule.terms.action = Action::Anonymise([("note".into(), "CAST(random() AS text)".into())].into());
    assert!(matches!(cause(&socket.run(&sample)), DatabaseError::NotSettled { .. }));
}

fn what_would_touch_other_rows_is_refused_or_undone(socket: &Socket) {
    let notes = "CREATE TABLE notes (id serial PRIMARY KEY, event bigint REFERENCES events ON DELETE CASCADE); \
                 CREATE TABLE marks (note int REFERENCES notes)";
    let mut sample =
        socket.sample(&format!("{notes}; INSERT INTO notes (event) VALUES (1), (2), (2); INSERT INTO marks VALUES (1), (2)"));
    assert!(matches!(socket.run(&sample).trouble, Some(RetainError::Referenced { .. })));
    sample.rule.terms.children = vec!["marks".into(), "notes".into()];
    let done = socket.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.children, socket.count("notes"), socket.count("marks")), (6, 2, 2, 1));
    // A reference that arrives after the look: found in the transaction, and undone.
    let sample = socket.sample(notes);
    let mut refer = |_: Duration| {
        socket.sql("INSERT INTO notes (event) SELECT id FROM events WHERE id = 11 AND NOT EXISTS (SELECT 1 FROM notes)");
        ControlFlow::Continue(())
    };
    let done = socket.run_at(&sample, &mut refer);
    assert!(matches!(cause(&done), DatabaseError::SideEffect { .. }), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, socket.count("notes")), (5, 1));
    // A foreign key, or a trigger, that arrives during the run.
    for change in ["CREATE TABLE late (event bigint REFERENCES events ON DELETE CASCADE)", "ALTER TABLE events ADD email text"] {
        let sample = socket.sample("SELECT 1");
        let mut changed = false;
        let mut alter = |_: Duration| {
            if !std::mem::replace(&mut changed, true) {
                socket.sql(change);
            }
            ControlFlow::Continue(())
        };
        let done = socket.run_at(&sample, &mut alter);
        assert!(matches!(cause(&done), DatabaseError::SchemaChanged { .. }), "{change}: {:?}", done.trouble);
        assert_eq!(done.run.deleted, 1, "{change}");
    }
    let sample = socket.sample(
        "CREATE FUNCTION bury() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER bury BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION bury()",
    );
    assert!(matches!(socket.run(&sample).trouble, Some(RetainError::Trigger { .. })));
}

fn a_claim_is_of_one_alone(socket: &Socket) {
    let sample = socket.sample("SELECT 1");
    let now = socket.now(&sample);
    let other = |later: i64| Asked { owner: "another".into(), now: now.plus_seconds(later), ..sample.asked() };
    let mut seen = Vec::new();
    let mut meanwhile = |_: Duration| {
        let (elsewhere, late) = (purge(&other(20), None, &sample.gentle, &mut never_sleep), seen.len() == 2);
        seen.push(elsewhere.trouble.as_ref().is_some_and(RetainError::is_elsewhere));
        if late {
            // Its claim expired, as if it had stood still for long.
            socket.sql("UPDATE avouch_retention_lease SET expires = 0");
            purge(&other(30), None, &sample.gentle, &mut |_: Duration| ControlFlow::Break(()));
        }
        ControlFlow::Continue(())
    };
    let lost = socket.run_at(&sample, &mut meanwhile);
    assert!(matches!(cause(&lost), DatabaseError::ClaimLost { .. }), "{:?}", lost.trouble);
    assert_eq!((seen, lost.run.deleted), (vec![true; 3], 3));
    assert_eq!(socket.sql("SELECT sum(deleted) FROM avouch_retention_journal"), "4");
    // Whoever comes next tells what is not told: the record knows of nothing.
    let next = purge(&Asked { now: now.plus_seconds(40), ..sample.asked() }, None, &sample.gentle, &mut never_sleep);
    assert_eq!((next.run.ended, next.run.deleted, next.run.recovered), (Ended::Done, 2, 4), "{:?}", next.trouble);
}

fn nothing_is_deleted_without_the_right_to(socket: &Socket) {
    let sample = socket.sample("SELECT 1");
    socket.sql("REVOKE DELETE ON events FROM purger");
    let done = socket.run(&sample);
    assert!(matches!(cause(&done), DatabaseError::Postgres { .. }));
    assert_eq!((done.run.ended, done.run.deleted, socket.count("events")), (Ended::Failed, 0, 12));
    socket.sql("DROP TABLE avouch_retention_journal");
    assert!(matches!(cause(&socket.run(&sample)), DatabaseError::NoJournal { .. }));
    let proven = avouch_retain::prove(&Asked { now: socket.now(&sample), ..sample.asked() });
    assert_eq!((proven.run.ended, proven.run.due), (Ended::Done, 6));
}

fn a_reader_cannot_write(socket: &Socket) {
    let sample = socket.sample("GRANT ALL ON ALL TABLES IN SCHEMA public TO reader");
    let mut read = open_read(&sample.database, sample.root()).unwrap();
    for sql in [
        "DELETE FROM events RETURNING id",
        "WITH gone AS (DELETE FROM events RETURNING id) SELECT * FROM gone",
        "SELECT 1; DELETE FROM events",
        "COMMIT",
        "SET transaction_read_only = off",
    ] {
        assert!(read.query(sql, &[], Limits::default()).is_err(), "{sql}");
        assert_eq!(socket.count("events"), 12, "{sql}");
    }
    let found = read.query("SELECT who, ':no' FROM events WHERE id = :id", &[("id", Value::Integer(1))], Limits::default());
    assert_eq!(found.unwrap().rows, [[Value::from("u1"), Value::from(":no")]]);
    assert!(read.query("SELECT :a", &[], Limits::default()).is_err());
    assert!(matches!(read.query("SELECT * FROM nowhere", &[], Limits::default()), Err(DatabaseError::WrongSchema { .. })));
    let slow = Limits { time: Duration::from_millis(50), ..Limits::default() };
    assert!(matches!(
        read.query("SELECT count(*) FROM generate_series(1, 100000000)", &[], slow),
        Err(DatabaseError::TooSlow { .. })
    ));
    let mut seen = Vec::new();
    let shown = read.scan("events", "who", Limits::default(), &mut |bytes| {
        seen.push(bytes.to_vec());
        true
    });
    assert_eq!((shown.unwrap(), seen.len()), (12, 12));
}

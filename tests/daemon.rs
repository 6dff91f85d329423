//! The daemon as an operator meets it: what it serves, what it runs, and what a crash, a stop or a second one leaves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use support::{
    Sandbox,
    small::{check, product, until},
};

/// A running daemon. It is killed when the test ends, however it ends.
struct Daemon {
    process: Child,
    address: SocketAddr,
    said: mpsc::Receiver<String>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Daemon {
    /// Starts on a free port, and waits until it says which.
    fn start(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.command(&["serve", "--listen", "127.0.0.1:0"], &[]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (sender, said) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut daemon = Self { process, address: SocketAddr::from(([0, 0, 0, 0], 0)), said };
        let mut before = Vec::new();
        loop {
            let Ok(line) = daemon.said.recv_timeout(Duration::from_secs(60)) else { panic!("it does not serve: {before:?}") };
            if let Some(rest) = line.strip_prefix("serving http://") {
                daemon.address = rest.split(';').next().unwrap().parse().unwrap();
                return daemon;
            }
            before.push(line);
        }
    }

    /// Answers with status, headers and body, as text.
    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path)
    }

    fn ask(&self, method: &str, path: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn signal(&self, name: &str) {
        let status =
            std::process::Command::new("kill").args([format!("-{name}"), self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Asks it to end, and gives its exit code, how long that took, and what it said.
    fn stop(mut self) -> (Option<i32>, Duration, Vec<String>) {
        let begun = Instant::now();
        self.signal("TERM");
        let status = until("the daemon ends", || self.process.try_wait().unwrap());
        (status.code(), begun.elapsed(), self.said.iter().collect())
    }

    /// A number of the metrics.
    fn metric(&self, sample: &str) -> Option<u64> {
        let text = self.get("/metrics").body;
        text.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// A product whose `run` asks whether its policy is there, on this schedule.
fn scheduled(schedule: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("SECURITY.md", "contact: us\n");
    let policy = check("policy", "file.content", "build", "files = \"SECURITY.md\"\nmust_match = [\"contact\"]");
    product(&sandbox, &[policy], &format!("[schedule]\n{schedule}"));
    sandbox.commit(Some("v1.0.0"));
    sandbox
}

/// The slots of the ledger, oldest first: job, time and state.
fn slots(sandbox: &Sandbox) -> Vec<(String, i64, String)> {
    let ledger = rusqlite::Connection::open(sandbox.path().join(".avouch/ledger.db")).unwrap();
    ledger.busy_timeout(Duration::from_secs(30)).unwrap();
    let mut statement = ledger.prepare("SELECT job, scheduled_for, state FROM slots ORDER BY scheduled_for, job").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap().map(Result::unwrap).collect()
}

fn ended(sandbox: &Sandbox, state: &str) -> usize {
    slots(sandbox).iter().filter(|slot| slot.2 == state).count()
}

/// The payloads of the entries of a kind, oldest first.
fn payloads(sandbox: &Sandbox, kind: &str) -> Vec<serde_json::Value> {
    let list = sandbox.avouch(&["evidence", "list", "--json"]).exits(0);
    let entries = list.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let digests: Vec<String> =
        entries.filter(|entry| entry["kind"] == kind).map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect();
    let show =
        |digest: &String| serde_json::from_str(&sandbox.avouch(&["-q", "evidence", "show", digest]).exits(0).stdout).unwrap();
    digests.iter().map(show).collect()
}

/// The published record holds, whatever happened.
#[track_caller]
fn verifies(sandbox: &Sandbox) {
    sandbox.avouch(&["publish"]).exits(0);
    let key = sandbox.avouch(&["key", "show"]).exits(0);
    sandbox.avouch(&["verify", "public", "--key", key.stdout.trim()]).exits(0);
}

// ── What it serves ───────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn it_serves_the_site_its_health_and_its_metrics() {
    let sandbox = scheduled("run = \"0 0 3 1 1 *\"");
    sandbox.avouch(&["run"]).exits(0);
    fs::write(sandbox.path().join("public/.hidden"), "hidden").unwrap();
    let daemon = Daemon::start(&sandbox);
    let page = daemon.get("/en/index.html");
    assert_eq!((page.status, page.body.contains("<html")), (200, true));
    for header in [
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-cache",
    ] {
        assert!(page.head.contains(header), "{header}\n{}", page.head);
    }
    assert_eq!(daemon.get("/en/").body, page.body);
    let moved = daemon.get("/en");
    assert_eq!((moved.status, moved.head.contains("location: /en/\r\n")), (308, true), "{}", moved.head);
    assert!(daemon.get("//example.com/..").status == 404);
    let missing = daemon.get("/no/such/page");
    assert_eq!((missing.status, missing.body.contains("404"), missing.head.contains("nosniff")), (404, true, true));
    assert!(daemon.get("/checkpoint").body.starts_with("small.example/1\n"));
    for path in [
        "/../avouch.toml",
        "/%2e%2e/avouch.toml",
        "/en/..%2f..%2favouch.toml",
        "/.hidden",
        "/../.avouch/signing.key",
        "/..%5cavouch.toml",
    ] {
        assert_eq!(daemon.get(path).status, 404, "{path}");
    }
    assert_eq!(daemon.ask("POST", "/en/").status, 405);
    assert_eq!(daemon.ask("HEAD", "/en/").body, "");
    assert_eq!((daemon.get("/healthz").status, daemon.get("/readyz").status), (200, 200));
    prometheus(&daemon.get("/metrics").body);
    assert_eq!(daemon.metric("avouch_ledger_readable"), Some(1));
    // The product's own, and one of the baseline.
    assert_eq!(daemon.metric("avouch_checks{state=\"pass\"}"), Some(2));
    // What it serves is what anybody can verify.
    let key = sandbox.avouch(&["key", "show"]).exits(0);
    let url = format!("http://{}", daemon.address);
    let ran = sandbox.avouch(&["verify", &url, "--key", key.stdout.trim()]).exits(0);
    assert!(ran.stdout.contains("● verified"), "{}", ran.stdout);
    // Without its ledger it lives, and is not ready.
    fs::rename(sandbox.path().join(".avouch/ledger.db"), sandbox.path().join(".avouch/away.db")).unwrap();
    until("it is not ready", || (daemon.get("/readyz").status == 503).then_some(()));
    assert_eq!(daemon.get("/healthz").status, 200);
    let (code, ..) = daemon.stop();
    assert_eq!(code, Some(0));
}

/// Every line of the text format is a comment or a sample of a family that was announced.
fn prometheus(text: &str) {
    let sample =
        regex::Regex::new(r#"^([a-z_]+)(\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? -?\d+$"#).unwrap();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(announced) = line.strip_prefix("# TYPE ") {
            family = announced.split(' ').next().unwrap().to_owned();
            assert!(text.contains(&format!("# HELP {family} ")), "{family}");
        } else if !line.starts_with("# HELP ") {
            let found = sample.captures(line).unwrap_or_else(|| panic!("`{line}`"));
            assert_eq!(found[1], *family, "{line}");
        }
    }
    assert!(text.ends_with('\n') && !family.is_empty());
}

#[test]
fn a_daemon_without_a_schedule_without_a_key_or_on_a_port_in_use_does_not_start() {
    let sandbox = Sandbox::new();
    product(&sandbox, &[], "");
    let ran = sandbox.avouch(&["serve", "--listen", "127.0.0.1:0"]).exits(2);
    assert!(ran.stderr.contains("[schedule]"), "{}", ran.stderr);
    let sandbox = scheduled("run = \"0 0 3 * * *\"");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = sandbox.avouch(&["serve", "--listen", &address]).exits(3);
    assert!(ran.stderr.contains(&format!("cannot listen on {address}")), "{}", ran.stderr);
    fs::remove_file(sandbox.path().join(".avouch/signing.key")).unwrap();
    let ran = sandbox.avouch(&["serve", "--listen", "127.0.0.1:0"]).exits(2);
    assert!(ran.stderr.contains("avouch key recover"), "{}", ran.stderr);
}

// ── What it runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn due_slots_run_one_after_the_other_and_are_published() {
    let sandbox = scheduled("run = \"*/2 * * * * *\"");
    let daemon = Daemon::start(&sandbox);
    until("two runs are done", || (daemon.metric("avouch_jobs_total{job=\"run\",outcome=\"done\"}")? >= 2).then_some(()));
    assert!(sandbox.exists("public/en/index.html"));
    let (code, ..) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(payloads(&sandbox, "run").len() >= 2);
    verifies(&sandbox);
}

#[test]
fn a_job_that_takes_longer_than_its_period_never_overlaps_itself_and_says_what_it_missed() {
    // The target answers after three seconds: a run every second is impossible.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                // The slow answer is what is tested.
                thread::sleep(Duration::from_secs(3));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
            });
        }
    });
    let sandbox = Sandbox::new();
    let slow = check("slow", "http.status", "operate", "target = \"api\"\ncall = \"GET /\"\nstatus = [200]");
    let configuration =
        format!("[targets.api]\nurl = \"http://{address}\"\nallow = [\"active\"]\n[schedule]\nrun = \"* * * * * *\"");
    product(&sandbox, &[slow], &configuration);
    let daemon = Daemon::start(&sandbox);
    until("two runs are done", || (daemon.metric("avouch_jobs_total{job=\"run\",outcome=\"done\"}")? >= 2).then_some(()));
    assert!(daemon.metric("avouch_jobs_running").unwrap() <= 1);
    let (code, ..) = daemon.stop();
    assert_eq!(code, Some(0));
    let runs = payloads(&sandbox, "run");
    let time = |run: &serde_json::Value, key: &str| run[key].as_str().unwrap().to_owned();
    for (earlier, later) in runs.iter().zip(runs.iter().skip(1)) {
        assert!(time(earlier, "ended") <= time(later, "started"), "{earlier} {later}");
    }
    let missed = payloads(&sandbox, "missed");
    assert!(missed.iter().any(|missed| missed["why"] == "overran" && missed["slots"].as_u64().unwrap() >= 1), "{missed:?}");
    verifies(&sandbox);
}

#[test]
fn slots_missed_while_it_was_down_are_recorded_and_the_newest_is_caught_up_with_once() {
    let sandbox = scheduled("run = \"*/2 * * * * *\"");
    let daemon = Daemon::start(&sandbox);
    until("a run is done", || (ended(&sandbox, "finished") >= 1).then_some(()));
    assert_eq!(daemon.stop().0, Some(0));
    let last = slots(&sandbox).last().unwrap().1;
    // Down for a while: as if it had run last a hundred seconds ago, so that nobody has to wait for it.
    let ledger = rusqlite::Connection::open(sandbox.path().join(".avouch/ledger.db")).unwrap();
    ledger.execute("DELETE FROM slots WHERE scheduled_for < ?1", [last]).unwrap();
    ledger.execute("UPDATE slots SET scheduled_for = scheduled_for - 100", []).unwrap();
    ledger.execute("UPDATE promises SET since = since - 100", []).unwrap();
    drop(ledger);
    let daemon = Daemon::start(&sandbox);
    until("it caught up", || (ended(&sandbox, "finished") >= 2).then_some(()));
    assert_eq!(daemon.stop().0, Some(0));
    let down: Vec<_> = payloads(&sandbox, "missed").into_iter().filter(|missed| missed["why"] == "down").collect();
    assert_eq!(down.len(), 1, "{down:?}");
    assert_eq!(down[0]["job"], "run");
    assert!(down[0]["slots"].as_u64().unwrap() >= 49, "{down:?}");
    verifies(&sandbox);
}

#[test]
fn a_daemon_that_was_killed_leaves_a_record_that_holds_and_its_slot_to_the_next() {
    // Nobody answers the target's connection, so that the kill meets the run in its middle.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let sandbox = Sandbox::new();
    let held = check("held", "http.status", "operate", "target = \"api\"\ncall = \"GET /\"\nstatus = [200]");
    let address = silent.local_addr().unwrap();
    let schedule = "[schedule]\nrun = \"*/2 * * * * *\"";
    product(&sandbox, &[held], &format!("[targets.api]\nurl = \"http://{address}\"\nallow = [\"active\"]\n{schedule}"));
    let mut daemon = Daemon::start(&sandbox);
    let (connection, _) = silent.accept().unwrap();
    assert_eq!(ended(&sandbox, "running"), 1);
    daemon.process.kill().unwrap();
    daemon.process.wait().unwrap();
    drop((connection, silent));
    assert_eq!((ended(&sandbox, "running"), ended(&sandbox, "finished")), (1, 0));
    verifies(&sandbox);
    // Its lease still counts: a second daemon leaves the job alone.
    let daemon = Daemon::start(&sandbox);
    until("it woke", || (daemon.get("/readyz").status == 200).then_some(()));
    assert_eq!(daemon.metric("avouch_jobs_running"), Some(0));
    drop(daemon);
    assert_eq!(ended(&sandbox, "finished"), 0);
    // The lease is over, as it is a minute and a half later.
    let ledger = rusqlite::Connection::open(sandbox.path().join(".avouch/ledger.db")).unwrap();
    ledger.execute("UPDATE slots SET lease_until = scheduled_for", []).unwrap();
    let killed: i64 = ledger.query_row("SELECT min(scheduled_for) FROM slots", [], |row| row.get(0)).unwrap();
    drop(ledger);
    let daemon = Daemon::start(&sandbox);
    until("a run is done", || (ended(&sandbox, "finished") >= 1).then_some(()));
    assert_eq!(daemon.stop().0, Some(0));
    // Where no newer slot was due yet, the killed one itself was run; otherwise it was missed, and that is on record.
    let was_run = slots(&sandbox).iter().any(|slot| slot.1 == killed && slot.2 == "finished");
    let missed = payloads(&sandbox, "missed");
    assert!(was_run || missed.iter().any(|missed| missed["why"] == "down"), "{missed:?}");
    verifies(&sandbox);
}

#[test]
fn killed_at_any_moment_the_record_tells_once_of_every_slot() {
    let sandbox = scheduled("run = \"*/2 * * * * *\"");
    let ledger = || {
        let ledger = rusqlite::Connection::open(sandbox.path().join(".avouch/ledger.db")).unwrap();
        ledger.busy_timeout(Duration::from_secs(30)).unwrap();
        ledger
    };
    let count = |sql: &str| ledger().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    // Once it serves, once it has promised, once a slot is taken, once something is in the record, and once a run has ended.
    for moment in [
        "SELECT 1",
        "SELECT count(*) FROM promises",
        "SELECT count(*) FROM slots WHERE state = 'running'",
        "SELECT count(*) - 2 FROM entries",
        "SELECT count(*) FROM slots WHERE state = 'finished'",
    ] {
        let mut daemon = Daemon::start(&sandbox);
        until(moment, || (count(moment) > 0).then_some(()));
        daemon.process.kill().unwrap();
        daemon.process.wait().unwrap();
        // As it is a minute and a half later.
        ledger().execute("UPDATE slots SET lease_until = scheduled_for WHERE state = 'running'", []).unwrap();
    }
    let before = ended(&sandbox, "finished");
    let daemon = Daemon::start(&sandbox);
    until("a run is done", || (ended(&sandbox, "finished") > before).then_some(()));
    assert_eq!(daemon.stop().0, Some(0));
    // Run, well or not.
    let mut told: Vec<i64> = slots(&sandbox).into_iter().filter(|slot| slot.2 != "running").map(|slot| slot.1).collect();
    let second = |time: &serde_json::Value| time.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp();
    for missed in payloads(&sandbox, "missed") {
        told.extend((second(&missed["from"])..=second(&missed["to"])).filter(|second| second % 2 == 0));
    }
    told.sort_unstable();
    let since = count("SELECT since FROM promises");
    let owed: Vec<i64> = (since + 1..=*told.last().unwrap()).filter(|second| second % 2 == 0).collect();
    assert_eq!(told, owed);
    verifies(&sandbox);
}

#[test]
fn the_schedule_is_in_utc_wherever_it_is_read() {
    let sandbox = scheduled("run = \"0 30 2 * * *\"");
    sandbox.avouch(&["run"]).exits(0);
    let next = |zone: &str| {
        let ran = sandbox.command(&["due", "--within", "2 days"], &[("TZ", zone)]).output().unwrap();
        let text = String::from_utf8(ran.stdout).unwrap();
        text.lines().find(|line| line.ends_with("the next run")).unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let utc = next("UTC");
    assert!(utc.contains("T02:30:00Z"), "{utc}");
    // POSIX rules, so that no database of zones is needed: summer time in Berlin, in New York, and one that never ends.
    for zone in ["CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "XXX-14YYY,J1/0,J365/25"] {
        assert_eq!(next(zone), utc, "{zone}");
    }
}

#[test]
fn a_job_that_fails_is_recorded_and_the_next_slot_runs_again() {
    let sandbox = scheduled("run = \"*/2 * * * * *\"");
    let configuration = sandbox.read("avouch.toml");
    let daemon = Daemon::start(&sandbox);
    sandbox.file("avouch.toml", "[product]\nname = 7\n");
    until("a run failed", || (daemon.metric("avouch_jobs_total{job=\"run\",outcome=\"failed\"}")? >= 1).then_some(()));
    assert!(ended(&sandbox, "failed") >= 1);
    let done = daemon.metric("avouch_jobs_total{job=\"run\",outcome=\"done\"}").unwrap_or(0);
    sandbox.file("avouch.toml", configuration);
    until("a run is done", || (daemon.metric("avouch_jobs_total{job=\"run\",outcome=\"done\"}")? > done).then_some(()));
    let (code, _, said) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(said.iter().any(|line| line.contains("the job `run` of") && line.contains("failed")), "{said:?}");
    verifies(&sandbox);
}

#[test]
fn two_daemons_on_one_ledger_never_run_a_slot_twice() {
    let sandbox = scheduled("run = \"* * * * * *\"");
    let (one, other) = (Daemon::start(&sandbox), Daemon::start(&sandbox));
    until("five runs are done", || (ended(&sandbox, "finished") >= 5).then_some(()));
    assert_eq!((one.stop().0, other.stop().0), (Some(0), Some(0)));
    let slots = slots(&sandbox);
    let runs = payloads(&sandbox, "run");
    let taken = slots.iter().filter(|slot| slot.2 == "finished").count();
    assert_eq!(runs.len(), taken, "one run a slot: {slots:?}");
    let time = |run: &serde_json::Value, key: &str| run[key].as_str().unwrap().to_owned();
    for (earlier, later) in runs.iter().zip(runs.iter().skip(1)) {
        assert!(time(earlier, "ended") <= time(later, "started"), "{earlier} {later}");
    }
    verifies(&sandbox);
}

// ── How it ends ──────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_stop_does_not_wait_for_clients_or_jobs_beyond_ten_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let sandbox = Sandbox::new();
    let held = check("held", "http.status", "operate", "target = \"api\"\ncall = \"GET /\"\nstatus = [200]");
    let address = silent.local_addr().unwrap();
    let schedule = "[schedule]\nrun = \"*/2 * * * * *\"";
    product(&sandbox, &[held], &format!("[targets.api]\nurl = \"http://{address}\"\nallow = [\"active\"]\n{schedule}"));
    let daemon = Daemon::start(&sandbox);
    let held = silent.accept().unwrap();
    let mut half = TcpStream::connect(daemon.address).unwrap();
    half.write_all(b"GET /healthz HTT").unwrap();
    let (code, took, said) = daemon.stop();
    assert_eq!(code, Some(0));
    // Generous for a loaded machine; without a bound it would be the probe's time-out.
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(said.iter().any(|line| line.contains("stopped")), "{said:?}");
    drop(held);
    verifies(&sandbox);
}

#[test]
fn a_purge_stops_between_two_windows_and_the_next_one_goes_on() {
    const ROWS: i64 = 400_000;
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path().join("data")).unwrap();
    let database = rusqlite::Connection::open(sandbox.path().join("data/app.db")).unwrap();
    let filled = format!(
        "PRAGMA journal_mode = WAL; CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT, filling TEXT); CREATE INDEX events_at ON events (at);
         INSERT INTO events (at, filling) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         SELECT '2020-01-01T00:00:00Z', hex(randomblob(40)) FROM n;
         INSERT INTO events (at) VALUES ('2999-01-01T00:00:00Z');"
    );
    database.execute_batch(&filled).unwrap();
    let rule = "[databases.main]\nurl = \"sqlite:data/app.db\"\n[[retention]]\nname = \"events\"\ndatabase = \"main\"\ntable = \"events\"\n\
                column = \"at\"\nkeep = \"30 days\"\nfuse_percent = 100\n[schedule]\npurge = \"* * * * * *\"";
    product(&sandbox, &[], rule);
    sandbox.avouch(&["retention", "init"]).exits(0);
    let left = || database.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0)).unwrap();
    let daemon = Daemon::start(&sandbox);
    until("some rows are gone", || (left() < ROWS).then_some(()));
    let (code, took, _) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(left() > 1, "it deletes in windows, and stops between two");
    assert_eq!(slots(&sandbox).last().unwrap().2, "failed", "it did not end, and says so");
    let daemon = Daemon::start(&sandbox);
    until("all rows that are due are gone", || (left() == 1).then_some(()));
    until("a purge is done", || (daemon.metric("avouch_jobs_total{job=\"purge\",outcome=\"done\"}")? >= 1).then_some(()));
    assert_eq!(daemon.stop().0, Some(0));
    verifies(&sandbox);
}

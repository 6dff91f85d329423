//! A D1 of this test's own, and the way to it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

use avouch_database::open_read;
use avouch_model::{
    Span, Timestamp,
    product::{D1, Location},
    receipt::Ended,
};
use avouch_retain::{Asked, Execution, Pace, journal, purge};
use serde_json::json;

use crate::common::*;

pub(super) const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";
pub(super) const DATABASE: &str = "11111111-2222-3333-4444-555555555555";
const NODE: &str = "target/test-tools/products/bin/node";

/// A D1 of this test's own.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
}

impl Server {
    pub(super) fn start() -> Self {
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
pub(super) struct Place {
    pub(super) port: u16,
}

impl Place {
    pub(super) fn post(&self, path: &str, body: &str) -> serde_json::Value {
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
    pub(super) fn sql(&self, statements: &[&str]) -> serde_json::Value {
        let batch: Vec<_> = statements.iter().map(|sql| json!({ "sql": sql })).collect();
        let answer = self.post("/test/sql", &json!({ "batch": batch }).to_string());
        let last = answer.as_array().unwrap_or_else(|| unreachable!("{statements:?}: {answer}")).last().unwrap();
        last["results"]["rows"][0][0].clone()
    }

    pub(super) fn count(&self, table: &str) -> i64 {
        self.sql(&[&format!("SELECT count(*) FROM {table}")]).as_i64().unwrap()
    }

    /// From now on so many requests whose body has this text, but for the first few, go wrong in this way.
    pub(super) fn wrong(&self, with: &str, skip: u32, times: u32, wrong: &str) {
        self.post("/test/faults", &json!([{ "with": with, "skip": skip, "times": times, "wrong": wrong }]).to_string());
    }

    /// Rows that D1 counted as read since the last look.
    pub(super) fn seen(&self) -> u64 {
        self.post("/test/seen", "")["rows_read"].as_u64().unwrap()
    }

    /// A database with nothing but the `schema` and the journal, and a rule for `events`.
    pub(super) fn empty(&self, schema: &[&str]) -> Sample {
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
    pub(super) fn sample(&self, schema: &[&str]) -> Sample {
        let fill = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6), o(a) AS (VALUES (-100000), (100000)) \
             INSERT INTO events (at, who) SELECT {CUTOFF} + a, 'u' || i FROM n, o ORDER BY i, a"
        );
        let table = ["CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER, who TEXT)", &fill];
        self.empty(&[&table[..], schema].concat())
    }

    pub(super) fn now(&self, sample: &Sample) -> Timestamp {
        open_read(&sample.database, sample.root()).unwrap().now().unwrap()
    }

    pub(super) fn run(&self, sample: &Sample) -> Execution {
        self.run_at(sample, &mut never_sleep)
    }

    pub(super) fn run_at(&self, sample: &Sample, pace: &mut dyn Pace) -> Execution {
        let now = self.now(sample);
        purge(&Asked { now, ..sample.asked() }, None, &sample.gentle, pace)
    }

    pub(super) fn done(&self, sample: &Sample) -> Execution {
        let done = self.run(sample);
        assert!(done.trouble.is_none(), "{:?}", done.trouble);
        assert_eq!((done.run.ended, done.run.due_after), (Ended::Done, 0));
        done
    }
}

//! What a gentle purge costs beside one big DELETE of the same rows, and beside the widespread recipe of small ones:
//! `cargo run --release -p avouch-retain --example purge_cost -- 1000000 5 [WAY]...`.
//!
//! One table (two indexes, 500 skewed tenants) with twice as many rows as are due; every run has a fresh copy, ways take
//! turns, figures are medians over the rounds. Both ways erase (`secure_delete`). First alone, for the cost on a processor;
//! then beside a writer that inserts 200 rows a second with SQLite's own busy handler, for its worst stall. Prints
//! `name value` lines.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on panics")]
#![allow(clippy::print_stdout, reason = "figures are its result")]

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use avouch_model::{
    Span, Timestamp,
    configuration::Schedule,
    product::{Database, Location, RetentionRule, Terms},
    receipt::Enforcement,
};
use avouch_retain::{Asked, Gentleness, journal, plan, promise, prove, purge};
use rusqlite::Connection;

const NOW: i64 = 1_795_240_923;
const SCHEMA: &str = "
    PRAGMA journal_mode = wal; PRAGMA synchronous = off;
    CREATE TABLE events (id INTEGER PRIMARY KEY, tenant INTEGER, user INTEGER, kind TEXT, at INTEGER, body TEXT);
    CREATE INDEX by_tenant ON events (tenant, at); CREATE INDEX by_time ON events (at);";
/// One row is ten seconds younger than the one before it.
const STEP: i64 = 10;
const WRITER_STEP: Duration = Duration::from_millis(5);

/// What one way of deleting took.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    processor: f64,
    wall: f64,
    wal: u64,
    windows: u64,
    stall: Duration,
    /// Of a hundred inserts of the writer one waits longer.
    p99: Duration,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let due: i64 = arguments.next().map_or(1_000_000, |due| due.parse().unwrap());
    let rounds: u32 = arguments.next().map_or(5, |rounds| rounds.parse().unwrap());
    let only: Vec<String> = arguments.collect();
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench { filled: folder.path().join("filled.db"), folder: folder.path().to_owned(), due };
    fill(&bench.filled, due);
    println!("bytes {}", fs::metadata(&bench.filled).unwrap().len());

    let ways: [(&str, &dyn Fn() -> Cost); 9] = [
        ("single", &|| bench.single(None, false)),
        ("single_64mb", &|| bench.single(Some(64 * 1024), false)),
        ("gentle", &|| bench.gentle(false)),
        ("recipe", &|| bench.recipe()),
        ("proof", &|| bench.proof()),
        ("single_beside", &|| bench.single(None, true)),
        ("single_64mb_beside", &|| bench.single(Some(64 * 1024), true)),
        ("gentle_beside", &|| bench.gentle(true)),
        ("nothing_beside", &|| bench.nothing()),
    ];
    let mut series: Vec<(&str, Vec<Cost>)> = ways.iter().map(|(name, _)| (*name, Vec::new())).collect();
    series.retain(|(name, _)| only.is_empty() || only.iter().any(|some| some == name));
    for _ in 0..rounds {
        for (name, costs) in &mut series {
            costs.extend(ways.iter().find(|(way, _)| way == name).map(|(_, way)| way()));
        }
    }
    for (name, costs) in &series {
        let median = |of: &dyn Fn(&Cost) -> f64| {
            let mut values: Vec<f64> = costs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        println!("{name}_cpu_s {:.3}", median(&|cost| cost.processor));
        println!("{name}_wall_s {:.2}", median(&|cost| cost.wall));
        println!("{name}_wal_mb {:.1}", median(&|cost| cost.wal as f64 / 1e6));
        println!("{name}_windows {}", median(&|cost| cost.windows as f64));
        println!("{name}_stall_ms {:.1}", median(&|cost| cost.stall.as_secs_f64() * 1e3));
        println!("{name}_p99_ms {:.1}", median(&|cost| cost.p99.as_secs_f64() * 1e3));
    }
}

struct Bench {
    folder: PathBuf,
    filled: PathBuf,
    due: i64,
}

impl Bench {
    fn cutoff(&self) -> i64 {
        NOW - self.due * STEP
    }

    fn copy(&self) -> PathBuf {
        let path = self.folder.join("app.db");
        for companion in ["app.db-wal", "app.db-shm"] {
            let _ = fs::remove_file(self.folder.join(companion));
        }
        fs::copy(&self.filled, &path).unwrap();
        // What is still to be written to the disk is the copy's, not the deletion's.
        fs::File::open(&path).unwrap().sync_all().unwrap();
        path
    }

    /// One DELETE, as a person would write it.
    fn single(&self, cache_kib: Option<i64>, beside: bool) -> Cost {
        let path = self.copy();
        let delete = || {
            let connection = Connection::open(&path).unwrap();
            connection.busy_timeout(Duration::from_secs(60)).unwrap();
            connection.pragma_update(None, "secure_delete", true).unwrap();
            connection.pragma_update(None, "synchronous", "normal").unwrap();
            if let Some(kib) = cache_kib {
                connection.pragma_update(None, "cache_size", -kib).unwrap();
            }
            let meter = Meter::start();
            let deleted = connection.execute("DELETE FROM events WHERE at < ?1", [self.cutoff()]).unwrap();
            let mut cost = meter.stop();
            assert_eq!(deleted as i64, self.due);
            (cost.wal, cost.windows) = (wal(&path), 1);
            cost
        };
        self.run(&path, beside, delete)
    }

    /// What is told everywhere: a few rows at a time, until none is left.
    fn recipe(&self) -> Cost {
        let path = self.copy();
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "secure_delete", true).unwrap();
        connection.pragma_update(None, "synchronous", "normal").unwrap();
        let sql = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ?1 LIMIT 500)";
        let mut delete = connection.prepare(sql).unwrap();
        let (meter, mut deleted, mut windows) = (Meter::start(), 0, 0);
        while let rows @ 1.. = delete.execute([self.cutoff()]).unwrap() {
            (deleted, windows) = (deleted + rows as i64, windows + 1);
        }
        assert_eq!(deleted, self.due);
        Cost { wal: wal(&path), windows, ..meter.stop() }
    }

    /// The purge as the program does it: with its plan before and its proof after.
    fn gentle(&self, beside: bool) -> Cost {
        let path = self.copy();
        let delete = || {
            let (database, rule) = self.rule();
            let (mut windows, mut largest) = (1_u64, 0);
            let mut pace = |how_long: Duration| {
                windows += 1;
                largest = largest.max(wal(&path));
                // Alone a pause costs no processor time, and would only make the bench longer.
                if beside {
                    thread::sleep(how_long);
                }
                ControlFlow::Continue(())
            };
            let meter = Meter::start();
            let done = purge(&self.asked(&database, &rule), None, &Gentleness::default(), &mut pace);
            let mut cost = meter.stop();
            assert!(done.trouble.is_none() && done.run.due_after == 0, "{:?}", done.trouble);
            assert_eq!(done.run.deleted as i64, self.due);
            (cost.wal, cost.windows) = (largest, windows);
            cost
        };
        self.run(&path, beside, delete)
    }

    /// The plan of the full table and the proof of the emptied one, which the last purge left: what is not deleting.
    fn proof(&self) -> Cost {
        let (database, rule) = self.rule();
        let after = Meter::start();
        assert!(prove(&self.asked(&database, &rule)).trouble.is_none());
        let after = after.stop();
        self.copy();
        let before = Meter::start();
        plan(&self.asked(&database, &rule)).unwrap();
        let before = before.stop();
        Cost { processor: before.processor + after.processor, wall: before.wall + after.wall, ..Cost::default() }
    }

    /// The writer alone: what it waits on this machine when nobody deletes.
    fn nothing(&self) -> Cost {
        let path = self.copy();
        self.run(&path, true, || {
            let meter = Meter::start();
            thread::sleep(Duration::from_secs(5));
            let mut cost = meter.stop();
            cost.wal = wal(&path);
            cost
        })
    }

    fn run(&self, path: &Path, beside: bool, work: impl FnOnce() -> Cost) -> Cost {
        if !beside {
            return work();
        }
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let writer = scope.spawn(|| write(path, &stop));
            thread::sleep(Duration::from_millis(300));
            let mut cost = work();
            stop.store(true, Ordering::Relaxed);
            (cost.stall, cost.p99) = writer.join().unwrap();
            cost
        })
    }

    fn rule(&self) -> (Database, RetentionRule) {
        let database = Database { name: "main".into(), location: Location::Sqlite("app.db".into()), recovery_window: None };
        let rule = RetentionRule {
            name: "events".into(),
            database: "main".into(),
            table: "events".into(),
            column: "at".into(),
            keep: Span::Seconds((NOW - self.cutoff()).unsigned_abs()),
            max_lag: None,
            enforce: Enforcement::Avouch,
            fuse_percent: 100,
            terms: Terms::default(),
        };
        (database, rule)
    }

    fn asked<'a>(&'a self, database: &'a Database, rule: &'a RetentionRule) -> Asked<'a> {
        Asked {
            rule,
            promise: promise(rule, &Schedule::default()),
            database,
            root: &self.folder,
            now: Timestamp::from_unix(NOW),
            last_run: None,
            owner: "bench".into(),
            told: None,
        }
    }
}

/// Inserts a row every five milliseconds until it is told to stop. Returns its worst wait for one insert, and that of 99 in a hundred.
fn write(path: &Path, stop: &AtomicBool) -> (Duration, Duration) {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(60)).unwrap();
    connection.pragma_update(None, "synchronous", "normal").unwrap();
    let sql = "INSERT INTO events (tenant, user, kind, at, body) VALUES (?1 % 500, ?1, 'view', ?2, hex(zeroblob(65)))";
    let mut insert = connection.prepare(sql).unwrap();
    let (mut waits, mut nth) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        insert.execute((nth, NOW)).unwrap();
        let took = start.elapsed();
        waits.push(took);
        nth += 1;
        thread::sleep(WRITER_STEP.saturating_sub(took));
    }
    waits.sort();
    (waits.last().copied().unwrap_or_default(), waits.get(waits.len() * 99 / 100).copied().unwrap_or_default())
}

/// Twice as many rows as are due, oldest first, as a product writes them.
fn fill(path: &Path, due: i64) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    for table in journal::TABLES {
        connection.execute(table, []).unwrap();
    }
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2 * ?1) \
               INSERT INTO events (tenant, user, kind, at, body) SELECT (i * 7919 % 1000) * (i * 104729 % 1000) / 2000, \
               i * 31 % 5000, 'view', ?2 + (i - 2 * ?1 - 1) * 10 + i * 37 % 10, hex(zeroblob(65)) FROM n";
    connection.execute(sql, (due, NOW)).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

fn wal(path: &Path) -> u64 {
    fs::metadata(path.with_extension("db-wal")).map_or(0, |found| found.len())
}

/// Wall time, and the time of this thread on a processor.
struct Meter {
    wall: Instant,
    processor: Duration,
}

impl Meter {
    fn start() -> Self {
        Self { processor: processor(), wall: Instant::now() }
    }

    fn stop(&self) -> Cost {
        let processor = processor().saturating_sub(self.processor).as_secs_f64();
        Cost { processor, wall: self.wall.elapsed().as_secs_f64(), ..Cost::default() }
    }
}

/// Linux, `Documentation/scheduler/sched-stats.rst`, first field of `schedstat`: nanoseconds on a processor.
fn processor() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_ascii_whitespace().next().unwrap().parse().unwrap())
}

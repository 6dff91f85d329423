//! What a gentle purge costs beside one big DELETE: `cargo run --release -p avouch-retain --example purge_cost -- 500000`.
//!
//! Two copies of one table (two indexes, 500 skewed tenants), of which half the rows are due; figures are ratios within one
//! run. The processor time is that of the deleting thread, where the system tells.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on panics")]
#![allow(clippy::print_stdout, reason = "figures are its result")]

use std::{
    fs,
    ops::ControlFlow,
    path::Path,
    time::{Duration, Instant},
};

use avouch_model::{
    Span, Timestamp,
    configuration::Schedule,
    product::{Database, Location, RetentionRule},
    receipt::Enforcement,
};
use avouch_retain::{Asked, Gentleness, plan, promise, purge};
use rusqlite::Connection;

const NOW: i64 = 1_795_240_923;
const SCHEMA: &str = "
    PRAGMA journal_mode = wal; PRAGMA synchronous = off;
    CREATE TABLE events (id INTEGER PRIMARY KEY, tenant INTEGER, user INTEGER, kind TEXT, at INTEGER, body TEXT);
    CREATE INDEX by_tenant ON events (tenant, at); CREATE INDEX by_time ON events (at);";

fn main() {
    let rows: i64 = std::env::args().nth(1).and_then(|rows| rows.parse().ok()).unwrap_or(500_000);
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("single.db");
    fill(&first, rows);
    let second = folder.path().join("gentle.db");
    fs::copy(&first, &second).unwrap();

    let cutoff = NOW - rows * 10 / 2;
    let connection = Connection::open(&first).unwrap();
    connection.pragma_update(None, "secure_delete", true).unwrap();
    let (start, worked) = (Instant::now(), processor());
    let single = connection.execute("DELETE FROM events WHERE at < ?1", [cutoff]).unwrap();
    let single_worked = processor().saturating_sub(worked);
    report("one DELETE", single as u64, start.elapsed(), single_worked, wal(&first));

    let database = Database { name: "main".into(), location: Location::Sqlite("gentle.db".into()) };
    let rule = RetentionRule {
        name: "events".into(),
        database: "main".into(),
        table: "events".into(),
        column: "at".into(),
        keep: Span::Seconds((NOW - cutoff).unsigned_abs()),
        max_lag: None,
        enforce: Enforcement::Avouch,
        fuse_percent: 100,
    };
    let asked = Asked {
        rule: &rule,
        promise: promise(&rule, &Schedule::default()),
        database: &database,
        root: folder.path(),
        now: Timestamp::from_unix(NOW),
        last_run: None,
    };
    let (start, worked) = (Instant::now(), processor());
    let planned = plan(&asked).unwrap();
    report("the plan", planned.rows, start.elapsed(), processor().saturating_sub(worked), 0);

    let (mut windows, mut largest) = (1_u64, 0);
    let (start, worked) = (Instant::now(), processor());
    // A pause costs no processor time, and would only make the bench longer.
    let done = purge(&asked, None, &Gentleness::default(), &mut |_: Duration| {
        windows += 1;
        largest = largest.max(wal(&second));
        ControlFlow::Continue(())
    });
    let gentle_worked = processor().saturating_sub(worked);
    report("plan, windows and proof", done.run.deleted, start.elapsed(), gentle_worked, largest);
    assert!(done.trouble.is_none() && done.run.deleted == single as u64 && done.run.due_after == 0);
    println!(
        "{windows} windows; rows per processor second, gentle to single, with plan and proof: {:.2}",
        single_worked.as_secs_f64() / gentle_worked.as_secs_f64()
    );
}

fn fill(path: &Path, rows: i64) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    let sql = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT ?1) \
               INSERT INTO events (tenant, user, kind, at, body) \
               SELECT (i * 7919 % 1000) * (i * 104729 % 1000) / 2000, i * 31 % 5000, 'view', ?2 - i * 10 + i * 37 % 120, hex(zeroblob(65)) FROM n";
    // Oldest first, as a product writes them.
    connection.execute(&sql.replace("- i * 10", "- (?1 - i) * 10"), (rows, NOW)).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

fn report(what: &str, rows: u64, wall: Duration, worked: Duration, wal: u64) {
    println!(
        "{what}: {rows} rows, {:.2} s, {:.2} s on a processor, log at most {:.1} MB",
        wall.as_secs_f64(),
        worked.as_secs_f64(),
        wal as f64 / 1e6
    );
}

fn wal(path: &Path) -> u64 {
    let wal = path.with_extension("db-wal");
    fs::metadata(wal).map_or(0, |found| found.len())
}

fn processor() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_ascii_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

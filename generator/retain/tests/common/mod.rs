//! A database on disk, a rule for it, and a purge that never sleeps.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    cell::Cell,
    ops::ControlFlow,
    path::Path,
    time::{Duration, Instant},
};

use avouch_model::{
    Digest, Span, Timestamp,
    configuration::Schedule,
    product::{Database, Location, RetentionRule, Terms},
    receipt::{Ended, Enforcement, Promise},
};
use avouch_retain::{Asked, Execution, Gentleness, Pace, Plan, RetainError, journal, promise, purge};
use rusqlite::Connection;
use tempfile::TempDir;

/// 2026-11-21T06:02:03Z
pub const NOW: i64 = 1_795_240_923;
pub const DAY: i64 = 86_400;
/// What the rules of these tests keep.
pub const KEEP: i64 = 90 * DAY;
/// Rows strictly older are due.
pub const CUTOFF: i64 = NOW - KEEP;

pub fn now() -> Timestamp {
    Timestamp::from_unix(NOW)
}

/// A database with one rule, for the column `at` of the table `events`.
pub struct Sample {
    pub folder: TempDir,
    pub connection: Connection,
    pub rule: RetentionRule,
    pub database: Database,
    pub last_run: Option<Timestamp>,
    pub told: Option<u64>,
    pub gentle: Gentleness,
}

impl Sample {
    pub fn new(schema: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("app.db")).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.pragma_update(None, "synchronous", "off").unwrap();
        connection.execute_batch(schema).unwrap();
        for table in journal::TABLES {
            connection.execute(table, []).unwrap();
        }
        Self {
            folder,
            connection,
            rule: RetentionRule {
                name: "events".into(),
                database: "main".into(),
                table: "events".into(),
                column: "at".into(),
                keep: Span::Seconds(KEEP as u64),
                max_lag: Some(Span::Seconds(DAY as u64)),
                enforce: Enforcement::Avouch,
                fuse_percent: 100,
                terms: Terms::default(),
            },
            database: Database { name: "main".into(), location: Location::Sqlite("app.db".into()), recovery_window: None },
            last_run: None,
            told: None,
            gentle: Gentleness { rows_min: 2, rows_max: 2, ..Gentleness::default() },
        }
    }

    /// `events (id, at)` with these times.
    pub fn with(times: &[i64]) -> Self {
        let sample = Self::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER)");
        sample.insert(times);
        sample
    }

    pub fn insert(&self, times: &[i64]) {
        for at in times {
            self.connection.execute("INSERT INTO events (at) VALUES (?1)", [at]).unwrap();
        }
    }

    pub fn times(&self) -> Vec<Option<i64>> {
        let mut statement = self.connection.prepare("SELECT at FROM events ORDER BY id").unwrap();
        let times = statement.query_map([], |row| row.get(0)).unwrap();
        times.collect::<Result<_, _>>().unwrap()
    }

    pub fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    pub fn promise(&self) -> Promise {
        promise(&self.rule, &Schedule::default())
    }

    pub fn asked(&self) -> Asked<'_> {
        Asked {
            rule: &self.rule,
            promise: self.promise(),
            database: &self.database,
            root: self.root(),
            now: now(),
            last_run: self.last_run,
            owner: "this test".into(),
            told: self.told,
        }
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn plan(&self) -> Result<Plan, RetainError> {
        avouch_retain::plan(&self.asked())
    }

    pub fn purge(&self) -> Execution {
        self.purge_confirmed(None)
    }

    pub fn purge_confirmed(&self, confirm: Option<Digest>) -> Execution {
        avouch_retain::purge(&self.asked(), confirm, &self.gentle, &mut never_sleep)
    }

    pub fn prove(&self) -> Execution {
        avouch_retain::prove(&self.asked())
    }
}

pub fn never_sleep(_: Duration) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Something that happens once, when a run claims its rule: after its plan and before its first window.
pub struct Meanwhile<F: Fn()> {
    happens: F,
    happened: Cell<bool>,
}

impl<F: Fn()> Meanwhile<F> {
    pub fn new(happens: F) -> Self {
        Self { happens, happened: Cell::new(false) }
    }
}

impl<F: Fn()> Pace for Meanwhile<F> {
    fn pause(&mut self, _: Duration) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn elapsed(&self, _: Instant) -> Duration {
        if !self.happened.replace(true) {
            (self.happens)();
        }
        Duration::ZERO
    }
}

/// Runs a rule of which 6 of 12 rows are due, while all become due and once more while 2 do; each time windows are large.
pub fn the_fuse_holds_during_a_run(mut sample: Sample, now: Timestamp, all: impl Fn(), count: impl Fn() -> i64) {
    sample.gentle = Gentleness::default();
    sample.rule.fuse_percent = 50;
    let run = |sample: &Sample, confirm, happens: &dyn Fn()| {
        purge(&Asked { now, ..sample.asked() }, confirm, &sample.gentle, &mut Meanwhile::new(happens))
    };
    let done = run(&sample, None, &all);
    assert_eq!((done.run.ended, done.run.due, done.run.deleted, done.run.due_after, count()), (Ended::Fused, 6, 0, 12, 12));
    let Some(RetainError::FusedMeanwhile { deleted: 0, due: 12, rows: 12, digest, .. }) = done.trouble else {
        unreachable!("{:?}", done.trouble)
    };
    // The next one stands before the same fuse, and what it names is what is to be confirmed.
    assert!(matches!(run(&sample, None, &|| ()).trouble, Some(RetainError::Fused { due: 12, .. })));
    let done = run(&sample, Some(digest), &|| ());
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, count()), (Ended::Done, 12, 0));
}

/// Runs a rule of a server whose clock says `now` by clocks that say otherwise, and after a run that both are behind.
pub fn clocks_that_differ_delete_nothing(mut sample: Sample, now: Timestamp) {
    for jump in [-3_600, 3_600] {
        let asked = Asked { now: now.plus_seconds(jump), ..sample.asked() };
        let done = purge(&asked, None, &sample.gentle, &mut never_sleep);
        assert!(matches!(done.trouble, Some(RetainError::ClocksDiffer { .. })), "{:?}", done.trouble);
        assert_eq!((done.run.ended, done.run.deleted), (Ended::Failed, 0));
    }
    sample.last_run = Some(now.plus_seconds(3_600));
    let done = purge(&Asked { now, ..sample.asked() }, None, &sample.gentle, &mut never_sleep);
    assert!(matches!(done.trouble, Some(RetainError::ClockWentBack { .. })), "{:?}", done.trouble);
    assert_eq!(done.run.deleted, 0);
}

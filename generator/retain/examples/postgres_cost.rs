//! What a gentle purge costs on Postgres beside the widespread recipe (`DELETE … WHERE id IN (SELECT … ORDER BY … LIMIT 5000)`, or 500,
//! time and again) and beside one DELETE of the same rows:
//! `cargo run --release -p avouch-retain --example postgres_cost -- 1000000 3`.
//!
//! A server of its own (Debian's package), one table (two indexes, 500 skewed tenants) with twice as many rows as are due; every
//! run has a fresh copy, ways take turns, figures are medians over the rounds. Nobody else writes and nobody sleeps between two
//! windows: what is measured is work. Prints `name value` lines.
//!
//! URLs are read from the environment, so the program runs itself again with them in it.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on panics")]
#![allow(clippy::print_stdout, reason = "figures are its result")]

#[path = "../../../tests/support/postgres.rs"]
mod server;

use std::{
    collections::HashMap,
    env, fs,
    ops::ControlFlow,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use avouch_database::open_read;
use avouch_model::{
    Span,
    configuration::Schedule,
    product::{Database, Location, RetentionRule, Terms},
    receipt::Enforcement,
};
use avouch_retain::{Asked, Gentleness, journal, promise, purge};
use server::Server;

/// What the recipe deletes at a time, as in the reports of those who use it.
const RECIPE_ROWS: [i64; 2] = [5_000, 500];
/// 2024-01-01T00:00:00Z. One row is ten seconds younger than the one before it.
const CUTOFF: i64 = 1_704_067_200;
/// Of a second; `sysconf(_SC_CLK_TCK)` is 100 on every Linux.
const TICKS: f64 = 100.0;

fn main() {
    let mut arguments = env::args().skip(1);
    let due: i64 = arguments.next().map_or(1_000_000, |due| due.parse().unwrap());
    let rounds: u32 = arguments.next().map_or(3, |rounds| rounds.parse().unwrap());
    if let Some(folder) = env::var_os("AVOUCH_BENCH_SERVER") {
        return measure(&Server::at(folder.as_ref()), due, rounds);
    }
    let server = Server::start();
    server.sql("CREATE ROLE reader LOGIN");
    server.sql("CREATE ROLE purger LOGIN");
    fill(&server, due);
    let at = |user: &str| server.url(user).replace("dbname=postgres", "dbname=copy");
    let mut inside = Command::new(env::current_exe().unwrap());
    inside.args([due.to_string(), rounds.to_string()]).env("AVOUCH_BENCH_SERVER", server.folder());
    assert!(inside.env("READ_URL", at("reader")).env("PURGE_URL", at("purger")).status().unwrap().success());
}

/// Twice as many rows as are due, oldest first, as a product writes them. What is copied is the database of whoever owns the tables.
fn fill(server: &Server, due: i64) {
    server.sql(&format!(
        "CREATE TABLE events (id bigserial PRIMARY KEY, tenant int, usr int, kind text, at timestamptz NOT NULL, body text); \
         INSERT INTO events (tenant, usr, kind, at, body) SELECT (i * 7919 % 1000) * (i * 104729 % 1000) / 2000, i * 31 % 5000, 'view', \
         to_timestamp({CUTOFF} + (i - {due} - 1) * 10 + i * 37 % 10), repeat('00', 65) FROM generate_series(1::bigint, 2 * {due}) i; \
         CREATE INDEX by_tenant ON events (tenant, at); CREATE INDEX by_time ON events (at); {}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO purger",
        journal::TABLES.join("; ")
    ));
    server.sql("VACUUM (ANALYZE, FREEZE) events");
    server.sql("CREATE DATABASE filled TEMPLATE postgres STRATEGY file_copy");
    server.sql("CHECKPOINT");
}

/// What one way took: seconds, of all processors and by the clock.
#[derive(Clone, Copy)]
struct Cost {
    processor: f64,
    wall: f64,
}

fn measure(server: &Server, due: i64, rounds: u32) {
    println!("bytes {}", server.sql("SELECT pg_total_relation_size('events')"));
    println!("version {}", server.sql("SHOW server_version").split(' ').next().unwrap());
    let [recipe, narrow] = RECIPE_ROWS.map(|rows| {
        let sql = format!(
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < to_timestamp({CUTOFF}) ORDER BY at LIMIT {rows});"
        );
        vec![sql; usize::try_from((due + rows - 1) / rows).unwrap()]
    });
    let single = vec![format!("DELETE FROM events WHERE at < to_timestamp({CUTOFF});")];
    let ways: [(&str, &dyn Fn() -> Cost); 4] = [
        ("gentle", &|| gentle(server, due)),
        ("recipe", &|| statements(server, &recipe)),
        ("narrow", &|| statements(server, &narrow)),
        ("single", &|| statements(server, &single)),
    ];
    let mut series: HashMap<&str, Vec<Cost>> = HashMap::new();
    for _ in 0..rounds {
        for (name, way) in &ways {
            server.sql("DROP DATABASE IF EXISTS copy WITH (FORCE)");
            server.sql("CREATE DATABASE copy TEMPLATE filled STRATEGY file_copy");
            server.sql("CHECKPOINT");
            series.entry(name).or_default().push(way());
        }
    }
    for (name, costs) in series {
        let median = |of: fn(&Cost) -> f64| {
            let mut values: Vec<f64> = costs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        println!("{name}_cpu_s {:.2}", median(|cost| cost.processor));
        println!("{name}_wall_s {:.2}", median(|cost| cost.wall));
    }
}

/// The purge as the program does it: with its plan before and its proof after.
fn gentle(server: &Server, due: i64) -> Cost {
    let location = Location::Postgres { read_url_env: "READ_URL".into(), purge_url_env: "PURGE_URL".into(), ca_file: None };
    let database = Database { name: "main".into(), location, recovery_window: None };
    let now = open_read(&database, Path::new(".")).unwrap().now().unwrap();
    let rule = RetentionRule {
        name: "events".into(),
        database: "main".into(),
        table: "events".into(),
        column: "at".into(),
        keep: Span::Seconds((now.unix() - CUTOFF).unsigned_abs()),
        max_lag: None,
        enforce: Enforcement::Avouch,
        fuse_percent: 100,
        terms: Terms::default(),
    };
    let asked = Asked {
        rule: &rule,
        promise: promise(&rule, &Schedule::default()),
        database: &database,
        root: Path::new("."),
        now,
        last_run: None,
        owner: "bench".into(),
        told: None,
    };
    metered(server, || {
        let mut pace = |_: Duration| ControlFlow::Continue(());
        let done = purge(&asked, None, &Gentleness::default(), &mut pace);
        assert!(done.trouble.is_none() && done.run.due_after == 0, "{:?}", done.trouble);
        assert_eq!(done.run.deleted as i64, due);
    })
}

/// These, one after the other on one connection.
fn statements(server: &Server, statements: &[String]) -> Cost {
    let mut somebody = server.somebody();
    assert_eq!(somebody.runs("\\connect copy"), "");
    let cost = metered(server, || {
        for sql in statements {
            somebody.runs(sql.trim_end_matches(';'));
        }
    });
    assert_eq!(somebody.runs(&format!("SELECT count(*) FROM events WHERE at < to_timestamp({CUTOFF})")), "0");
    cost
}

fn metered(server: &Server, work: impl FnOnce()) -> Cost {
    let (wall, processor) = (Instant::now(), processor(server));
    work();
    Cost { processor: self::processor(server) - processor, wall: wall.elapsed().as_secs_f64() }
}

/// What the server with all its processes and this program took of the processors. Those that ended count for the server itself.
fn processor(server: &Server) -> f64 {
    let main = fs::read_to_string(Path::new(&server.data()).join("postmaster.pid")).unwrap();
    let main = main.lines().next().unwrap().to_owned();
    let mut ticks = 0;
    for entry in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // proc(5): after the name, which may hold anything, the third field is the state.
        let fields: Vec<&str> = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
        let own = fields.get(1) == Some(&main.as_str()) || stat.starts_with(&format!("{main} "));
        let mine = stat.starts_with(&format!("{} ", std::process::id()));
        if own || mine {
            let fields = &fields[11..if own { 15 } else { 13 }];
            ticks += fields.iter().map(|field| field.parse::<u64>().unwrap()).sum::<u64>();
        }
    }
    ticks as f64 / TICKS
}

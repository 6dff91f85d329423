//! Runs that are killed at any moment: nothing that must stay is gone, what is due goes in the end, and the counts of all
//! runs together are exact.
//!
//! The test starts itself again as a process that purges in small windows and says so after each; it kills that process
//! after a random number of windows and a random while, so inside a window as well as between two.
//! `AVOUCH_KILL_POINTS=500` for the long run.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, reason = "the process that is killed tells its progress")]

mod common;

use std::{
    env, hint,
    io::{BufRead as _, BufReader, Write as _},
    ops::ControlFlow,
    process::{Command, Stdio},
    time::Duration,
};

use avouch_model::{
    product::{Action, Archive},
    receipt::Ended,
};
use avouch_retain::purge;
use common::*;

const DUE: i64 = 360;
const YOUNG: i64 = 180;

fn sample(archived: bool) -> Sample {
    let mut sample =
        Sample::new("CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER, body TEXT); CREATE INDEX by_at ON events (at)");
    sample.gentle.rows_min = 6;
    sample.gentle.rows_max = 6;
    if archived {
        sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    }
    sample
}

/// The process that is killed: `AVOUCH_VICTIM` names the folder of its database.
#[test]
fn a_victim() {
    let Some(folder) = env::var_os("AVOUCH_VICTIM") else { return };
    let mut sample = sample(env::var_os("AVOUCH_ARCHIVED").is_some());
    sample.told = env::var("AVOUCH_TOLD").unwrap().parse().ok();
    let asked = avouch_retain::Asked { root: folder.as_ref(), ..sample.asked() };
    let mut tell = |_: Duration| {
        println!("window");
        std::io::stdout().flush().unwrap();
        ControlFlow::Continue(())
    };
    let done = purge(&asked, None, &sample.gentle, &mut tell);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
}

#[test]
fn a_run_that_is_killed_neither_repeats_nor_skips() {
    let points: u64 = env::var("AVOUCH_KILL_POINTS").map_or(25, |points| points.parse().unwrap());
    // xorshift64: a fixed seed, so that a failure can be looked at again.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut point = 0;
    let mut archived = false;
    while point < points {
        let database = sample(archived);
        let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?3) \
                    INSERT INTO events (at, body) SELECT CASE WHEN i % 3 = 0 THEN ?2 ELSE ?1 - i END, hex(randomblob(40)) FROM n";
        database.connection.execute(fill, (CUTOFF, NOW, DUE + YOUNG)).unwrap();
        // Several kills in one life of a database: what the killed left is found by the killed.
        for _ in 0..5 {
            // On a busy machine a victim may come to its end before it is killed: that is no point.
            point += u64::from(kill(&database, archived, 1 + random(9), random(200_000)));
        }
        let survivors = database.connection.query_row("SELECT count(*) FROM events WHERE at >= ?1", [CUTOFF], |row| row.get(0));
        assert_eq!(survivors, Ok(YOUNG), "a row that must stay is gone");
        let before = database.count("events") - YOUNG;
        let done = database.purge();
        assert!(done.trouble.is_none(), "{:?}", done.trouble);
        let run = &done.run;
        assert_eq!((run.ended, run.due_after, database.count("events")), (Ended::Done, 0, YOUNG));
        assert_eq!((run.deleted, run.deleted + run.recovered), (before as u64, DUE as u64), "the counts are exact");
        let intact: String = database.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(intact, "ok");
        if archived {
            assert!(archived_rows(&database) >= DUE as usize, "a row may be in two objects, never in none");
        }
        // Told once, and not again.
        let told = Sample { told: run.claim, ..database };
        told.insert(&[CUTOFF - 1]);
        let next = told.purge().run;
        assert_eq!((next.deleted, next.recovered), (1, 0));
        archived = !archived;
    }
}

/// Starts a victim and kills it after so many windows and turns of waiting. Tells whether it was still at work.
fn kill(database: &Sample, archived: bool, windows: u64, turns: u64) -> bool {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "a_victim", "--nocapture"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("AVOUCH_VICTIM", database.root()).env("AVOUCH_TOLD", database.told.unwrap_or(0).to_string());
    if archived {
        command.env("AVOUCH_ARCHIVED", "1");
    }
    let mut victim = command.spawn().unwrap();
    // Open until it is dead: what it says to nobody would end it.
    let mut said = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    said.by_ref().filter(|line| line.ends_with("window")).take(windows as usize).for_each(drop);
    for _ in 0..turns {
        hint::spin_loop();
    }
    victim.kill().unwrap();
    let output = victim.wait_with_output().unwrap();
    drop(said);
    let ended = output.status.code();
    assert!(matches!(ended, None | Some(0)), "the victim failed by itself: {}", String::from_utf8_lossy(&output.stderr));
    ended.is_none()
}

fn archived_rows(database: &Sample) -> usize {
    let objects = std::fs::read_dir(database.root().join("old/events")).unwrap().map(|entry| entry.unwrap());
    let whole = objects.filter(|object| !object.file_name().to_string_lossy().starts_with('.'));
    let lines = whole.map(|object| {
        let file = std::fs::read(object.path()).unwrap();
        let mut text = String::new();
        let mut reader = ruzstd::decoding::StreamingDecoder::new(&file[..]).unwrap();
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        text.lines().count()
    });
    lines.sum()
}

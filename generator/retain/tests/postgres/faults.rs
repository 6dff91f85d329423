//! What goes wrong around a run on a server: in none of it is a row gone that must stay, a row left and not told, or a count
//! wrong.

use std::{
    env, hint,
    io::{BufRead as _, BufReader, Write as _},
    ops::ControlFlow,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use avouch_database::DatabaseError;
use avouch_model::{
    product::{Action, Archive, Hold, HoldList, Location, Tenants, Terms},
    receipt::Ended,
};
use avouch_retain::{Asked, Gentleness, RetainError, purge};

use crate::{Scene, bucket, cause, common::*, proxy::Proxy, server::Server};

/// How many rows of a sample are due.
const DUE: u64 = 6;
/// Whether a purge waits for a lock.
const WAITS: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'purger' AND wait_event_type = 'Lock'";

/// The process that is killed: `AVOUCH_VICTIM` names the folder of its archive.
#[test]
fn a_victim() {
    let (Some(folder), Some(server)) = (env::var_os("AVOUCH_VICTIM"), env::var_os("AVOUCH_TEST_SERVER")) else { return };
    let scene = Scene { server: Server::at(server.as_ref()) };
    let mut sample = scene.rule();
    sample.rule.terms.action = Action::Archive(Archive::Folder("old".into()));
    sample.rule.terms.children = vec!["notes".into()];
    let mut tell = |_: Duration| {
        println!("window");
        std::io::stdout().flush().unwrap();
        ControlFlow::Continue(())
    };
    let asked = Asked { root: folder.as_ref(), now: scene.now(&sample), ..sample.asked() };
    let done = purge(&asked, None, &sample.gentle, &mut tell);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
}

/// `AVOUCH_KILL_POINTS=500` for the long run.
pub(super) fn a_run_that_is_killed_neither_repeats_nor_skips(scene: &Scene) {
    let points: u64 = env::var("AVOUCH_KILL_POINTS").map_or(8, |points| points.parse().unwrap());
    // xorshift64: a fixed seed, so that a failure can be looked at again.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut point = 0;
    while point < points {
        let more = format!("INSERT INTO events (at) SELECT to_timestamp({CUTOFF} - n) FROM generate_series(1, 60) n");
        let mut sample = scene.sample(&format!(
            "{more}; CREATE TABLE notes (id serial PRIMARY KEY, event bigint REFERENCES events); \
             INSERT INTO notes (event) SELECT id FROM events"
        ));
        sample.rule.terms.children = vec!["notes".into()];
        // Several kills in one life of a database: what the killed left is found by the killed.
        for _ in 0..4 {
            let mut command = Command::new(env::current_exe().unwrap());
            command.args(["--exact", "faults::a_victim", "--nocapture"]).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut victim = command.env("AVOUCH_VICTIM", sample.root()).spawn().unwrap();
            // Open until it is dead: what it says to nobody would end it.
            let mut said = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
            said.by_ref().filter(|line| line.ends_with("window")).take(1 + random(12) as usize).for_each(drop);
            (0..random(200_000)).for_each(|_| hint::spin_loop());
            victim.kill().unwrap();
            let output = victim.wait_with_output().unwrap();
            drop(said);
            let ended = output.status.code();
            assert!(matches!(ended, None | Some(0)), "the victim failed by itself: {}", String::from_utf8_lossy(&output.stderr));
            // On a busy machine a victim may come to its end before it is killed: that is no point.
            point += u64::from(ended.is_none());
        }
        let done = scene.run(&sample);
        assert!(done.trouble.is_none(), "{:?}", done.trouble);
        let (run, all) = (&done.run, DUE + 60);
        assert_eq!((run.ended, run.due_after, scene.server.count("events")), (Ended::Done, 0, 6));
        assert_eq!((run.deleted + run.recovered, run.children, scene.server.count("notes")), (all, all, 6), "exact");
        // Told once, and not again.
        let told = Sample { told: run.claim, ..sample };
        let next = scene.run(&told).run;
        assert_eq!((next.deleted, next.recovered, next.children), (0, 0, 0));
    }
}

pub(super) fn locks_are_waited_for_and_not_for_ever(scene: &Scene) {
    let sample = scene.sample("ALTER ROLE purger SET lock_timeout = '200ms'");
    let mut somebody = scene.server.somebody();
    somebody.runs("BEGIN; SELECT id FROM events WHERE id = 5 FOR UPDATE");
    let done = scene.run(&sample);
    assert!(matches!(cause(&done), DatabaseError::Contended { .. }), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after), (Ended::Failed, 2, 4));
    // Whoever lets go in time stops nothing.
    let mut looks = scene.server.somebody();
    let done = thread::scope(|scope| {
        scope.spawn(move || {
            looks.awaits(WAITS, "1");
            drop(somebody);
        });
        scene.run(&Sample { told: done.run.claim, ..sample })
    });
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.recovered, done.run.due_after), (4, 0, 0));
    scene.server.sql("ALTER ROLE purger RESET lock_timeout");
}

pub(super) fn a_deadlock_is_begun_again(scene: &Scene) {
    // Whoever waits longest for a lock looks for deadlocks: of the two only the purge does.
    let sample = scene.sample("ALTER ROLE purger SET deadlock_timeout = '500ms'");
    let (mut somebody, mut looks) = (scene.server.somebody(), scene.server.somebody());
    somebody.runs("SET deadlock_timeout = '1h'; BEGIN; SELECT id FROM events WHERE id = 5 FOR UPDATE");
    let done = thread::scope(|scope| {
        scope.spawn(|| {
            looks.awaits(WAITS, "1");
            somebody.runs("SELECT rule FROM avouch_retention_lease FOR UPDATE; ROLLBACK");
        });
        scene.run(&sample)
    });
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.due_after), (DUE, 0));
    // The statistics come when the connection ends.
    looks.awaits("SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = 'postgres'", "t");
    scene.server.sql("ALTER ROLE purger RESET deadlock_timeout");
}

pub(super) fn a_serialisation_failure_is_begun_again(scene: &Scene) {
    let mut sample = scene.sample(
        "CREATE SEQUENCE calls; CREATE FUNCTION now_and_then(bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS \
         'BEGIN IF current_setting(''transaction_read_only'') = ''off'' AND nextval(''calls'') % 7 = 1 \
          THEN RAISE EXCEPTION ''again'' USING ERRCODE = ''40001''; END IF; RETURN TRUE; END'",
    );
    sample.rule.terms.condition = Some("now_and_then(id)".into());
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.due_after, scene.server.count("events")), (DUE, 0, 6));
    assert!(scene.server.sql("SELECT last_value FROM calls").parse::<i64>().unwrap() > 10, "some failed");
}

pub(super) fn a_statement_that_takes_too_long_is_ended(scene: &Scene) {
    let sample = scene.sample("ALTER ROLE purger SET statement_timeout = '1s'");
    let mut somebody = scene.server.somebody();
    somebody.runs("BEGIN; SELECT id FROM events WHERE id = 5 FOR UPDATE");
    let done = scene.run(&sample);
    assert!(matches!(cause(&done), DatabaseError::TooSlowForOne { .. }), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after), (Ended::Failed, 2, 4));
    scene.server.sql("ALTER ROLE purger RESET statement_timeout");
    // Whoever cancels it means it: it is not tried again with less.
    let sample = Sample { told: done.run.claim, ..sample };
    let mut looks = scene.server.somebody();
    let done = thread::scope(|scope| {
        scope.spawn(move || {
            looks.awaits(WAITS, "1");
            looks.runs("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = 'purger'");
        });
        scene.run(&sample)
    });
    assert!(matches!(cause(&done), DatabaseError::Cancelled { .. }), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after), (Ended::Failed, 0, 4));
    drop(somebody);
    let done = scene.run(&Sample { told: done.run.claim, ..sample });
    assert_eq!((done.run.ended, done.run.deleted, done.run.recovered, done.run.due_after), (Ended::Done, 4, 0, 0));
}

pub(super) fn a_window_that_takes_too_long_is_done_in_parts(scene: &Scene) {
    // Only the purger is slow: four milliseconds a row, beside a time-out that seventy of them reach.
    let slow = |body: &str| {
        format!(
            "CREATE FUNCTION is_ours(bigint) RETURNS boolean LANGUAGE plpgsql AS \
             'BEGIN IF current_user = ''purger'' THEN {body}; END IF; RETURN $1 > 100; END'; \
             ALTER ROLE purger SET statement_timeout = '300ms'"
        )
    };
    let more = format!("INSERT INTO events (at) SELECT to_timestamp({CUTOFF} - n) FROM generate_series(1, 240) n");
    let mut sample = scene.sample(&format!("{}; {more}", slow("PERFORM pg_sleep(0.004)")));
    sample.rule.terms.condition = Some("is_ours(id)".into());
    sample.gentle = Gentleness { rows_min: 200, rows_max: 200, ..sample.gentle };
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, scene.server.count("events")), (Ended::Done, 152, 100));
    assert!(scene.server.count("avouch_retention_journal") > 2, "in more windows than were asked for");
    // One row that is too slow by itself ends the run, and what is before it is done and counted.
    let mut sample = scene.sample(&slow("PERFORM pg_sleep(CASE WHEN $1 = 5 THEN 9 ELSE 0 END)").replace("$1 > 100", "TRUE"));
    sample.rule.terms.condition = Some("is_ours(id)".into());
    sample.gentle = Gentleness { rows_min: 12, rows_max: 12, ..sample.gentle };
    let done = scene.run(&sample);
    assert!(matches!(cause(&done), DatabaseError::TooSlowForOne { .. }), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after), (Ended::Failed, 2, 4));
    scene.server.sql("ALTER ROLE purger RESET statement_timeout");
}

pub(super) fn the_first_row_that_is_due_is_found_behind_many_that_are_not(scene: &Scene) {
    let sample = scene.sample(&format!(
        "TRUNCATE events; INSERT INTO events (at) SELECT to_timestamp({CUTOFF} + CASE WHEN n % 60000 = 0 THEN -n ELSE n END) \
         FROM generate_series(1, 120001) n"
    ));
    let sample = Sample { gentle: Gentleness::default(), ..sample };
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.due_after, scene.server.count("events")), (2, 0, 119_999));
}

pub(super) fn a_connection_that_is_lost_is_counted_again_from_the_journal(scene: &Scene) {
    let proxy = Proxy::start(&scene.server);
    // The first commit is that of the claim, each other one that of a window.
    for (nth, arrives, deleted) in [(1, true, 0), (1, false, 0), (2, true, 1), (2, false, 0), (4, true, 3), (4, false, 2)] {
        let notes = "CREATE TABLE notes (id serial PRIMARY KEY, event bigint REFERENCES events)";
        let mut sample = scene.sample(&format!("{notes}; INSERT INTO notes (event) SELECT id FROM events"));
        sample.rule.terms.children = vec!["notes".into()];
        let read_url_env = "AVOUCH_TEST_READ".into();
        sample.database.location = Location::Postgres { read_url_env, purge_url_env: "AVOUCH_TEST_PROXY".into(), ca_file: None };
        proxy.cut(nth, arrives);
        let lost = scene.run(&sample);
        assert!(matches!(cause(&lost), DatabaseError::Lost { .. }), "{:?}", lost.trouble);
        let run = &lost.run;
        assert_eq!((run.deleted, run.children, run.recovered), (deleted, deleted, 0), "{nth} {arrives}");
        assert_eq!((run.ended, run.due_after, run.rows_after), (Ended::Failed, DUE - deleted, 12 - deleted));
        let done = scene.run(&Sample { told: run.claim, ..sample });
        assert!(done.trouble.is_none(), "{:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.recovered, done.run.due_after), (DUE - deleted, 0, 0));
    }
    // The server ends it, between two windows.
    let sample = scene.sample("SELECT 1");
    let mut end = |_: Duration| {
        scene.server.sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'purger'");
        ControlFlow::Continue(())
    };
    let lost = scene.run_at(&sample, &mut end);
    assert!(matches!(cause(&lost), DatabaseError::Lost { .. }), "{:?}", lost.trouble);
    assert_eq!((lost.run.deleted, lost.run.due_after), (1, 5));
}

pub(super) fn what_another_run_told_is_not_counted_again(scene: &Scene) {
    let sample = scene.sample("SELECT 1");
    let now = scene.now(&sample);
    let mut other = None;
    let mut silence = |_: Duration| {
        // Nothing is heard for longer than the claim lasts: somebody else takes over, finishes and tells. Then the link is gone.
        other.get_or_insert_with(|| {
            scene.server.sql("UPDATE avouch_retention_lease SET expires = 0");
            let asked = Asked { owner: "another".into(), now, ..sample.asked() };
            let run = purge(&asked, None, &sample.gentle, &mut never_sleep).run;
            scene.server.sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'purger'");
            run
        });
        ControlFlow::Continue(())
    };
    let lost = purge(&Asked { now, ..sample.asked() }, None, &sample.gentle, &mut silence);
    assert!(matches!(cause(&lost), DatabaseError::Lost { .. }), "{:?}", lost.trouble);
    let other = other.unwrap();
    assert_eq!((other.deleted, other.recovered), (5, 1));
    assert_eq!((lost.run.ended, lost.run.deleted, lost.run.recovered, lost.run.claim), (Ended::Failed, 0, 0, None));
    let next = scene.run(&Sample { told: other.claim, ..sample }).run;
    assert_eq!((next.ended, next.deleted, next.recovered), (Ended::Done, 0, 0));
}

pub(super) fn a_run_may_last_longer_than_clocks_may_differ(scene: &Scene) {
    let sample = scene.sample("ALTER ROLE reader SET search_path = late, pg_catalog, public");
    let mut last = |_: Duration| {
        // Whoever asks from now on hears a time that is 83 seconds later.
        scene.server.sql(
            "CREATE SCHEMA IF NOT EXISTS late; GRANT USAGE ON SCHEMA late TO reader; CREATE OR REPLACE FUNCTION late.clock_timestamp() \
             RETURNS timestamptz LANGUAGE sql AS 'SELECT pg_catalog.clock_timestamp() + interval ''83 s'''",
        );
        ControlFlow::Continue(())
    };
    let now = scene.now(&sample);
    let asked = Asked { now, ..sample.asked() };
    let done = purge(&asked, None, &sample.gentle, &mut last);
    let proven = avouch_retain::prove(&asked);
    scene.server.sql("SET client_min_messages = warning; ALTER ROLE reader RESET search_path; DROP SCHEMA late CASCADE");
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after, done.run.rows_after), (Ended::Done, DUE, 0, 6));
    // Whoever begins then does not believe it.
    assert!(matches!(proven.trouble, Some(RetainError::ClocksDiffer { .. })), "{:?}", proven.trouble);
}

pub(super) fn a_server_that_crashes_loses_no_count(scene: &Scene) {
    let sample = scene.sample("SELECT 1");
    let mut windows = 0;
    let mut crash = |_: Duration| {
        windows += 1;
        if windows == 3 {
            scene.server.crash();
        }
        ControlFlow::Continue(())
    };
    let lost = scene.run_at(&sample, &mut crash);
    assert!(matches!(cause(&lost), DatabaseError::Lost { .. }), "{:?}", lost.trouble);
    assert_eq!((lost.run.ended, lost.run.deleted, lost.run.due_after), (Ended::Failed, 3, 3));
    let done = scene.run(&Sample { told: lost.run.claim, ..sample });
    assert_eq!((done.run.ended, done.run.deleted, done.run.recovered, done.run.due_after), (Ended::Done, 3, 0, 0));
}

pub(super) fn a_hold_that_comes_during_a_run_holds(scene: &Scene) {
    let mut sample = scene.sample("CREATE TABLE holds (who text)");
    sample.rule.terms.hold =
        Some(Hold { column: "who".into(), list: HoldList::Table { table: "holds".into(), key: "who".into() } });
    let mut hold = |_: Duration| {
        scene.server.sql("INSERT INTO holds SELECT 'u5' WHERE NOT EXISTS (SELECT 1 FROM holds)");
        ControlFlow::Continue(())
    };
    let done = scene.run_at(&sample, &mut hold);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.held, done.run.due_after), (5, 1, 0));
    assert_eq!(scene.server.count("events WHERE who = 'u5'"), 2);
    // A list that is gone holds everything.
    scene.server.sql("DELETE FROM holds");
    let sample = Sample { told: done.run.claim, ..sample };
    scene.server.sql("DROP TABLE holds");
    assert!(scene.run(&sample).trouble.is_some());
    assert_eq!(scene.server.count("events WHERE who = 'u5'"), 2);
}

pub(super) fn what_holds_a_row_before_it_is_locked_holds(scene: &Scene) {
    let held = "CREATE TABLE holds (who text); CREATE TABLE orgs (id text PRIMARY KEY, keep text)";
    let hold = "SELECT id FROM events WHERE id = 5 FOR UPDATE; INSERT INTO holds VALUES ('u3')";
    let list = HoldList::Table { table: "holds".into(), key: "who".into() };
    let list = Some(Hold { column: "who".into(), list });
    let terms = Terms::default;
    let archived = Action::Archive(Archive::Folder("old".into()));
    let open = "NOT EXISTS (SELECT 1 FROM disputes WHERE event = events.id AND state = 'open')";
    for (what, terms) in [
        (hold, Terms { hold: list.clone(), ..terms() }),
        (hold, Terms { hold: list, action: archived, ..terms() }),
        (hold, Terms { condition: Some("who NOT IN (SELECT who FROM holds)".into()), ..terms() }),
        (
            "SELECT id FROM events WHERE id = 5 FOR UPDATE; INSERT INTO orgs VALUES ('u3', '90 years')",
            Terms {
                tenants: Some(Tenants { column: "who".into(), table: "orgs".into(), key: "id".into(), keep: "keep".into() }),
                ..terms()
            },
        ),
        // Its foreign key locks the row.
        (
            "INSERT INTO disputes VALUES (5, 'open')",
            Terms { condition: Some(open.into()), children: vec!["disputes".into()], ..terms() },
        ),
    ] {
        let disputes =
            "CREATE TABLE disputes (event bigint REFERENCES events, state text); INSERT INTO disputes VALUES (5, 'done')";
        let mut sample = scene.sample(&if terms.children.is_empty() { held.to_owned() } else { format!("{held}; {disputes}") });
        sample.rule.terms = terms;
        let (mut somebody, mut looks) = (scene.server.somebody(), scene.server.somebody());
        somebody.runs(&format!("BEGIN; {what}"));
        let done = thread::scope(|scope| {
            scope.spawn(|| {
                looks.awaits(WAITS, "1");
                somebody.runs("COMMIT");
            });
            scene.run(&sample)
        });
        assert!(done.trouble.is_none(), "{what}: {:?}", done.trouble);
        assert_eq!((done.run.ended, done.run.deleted, done.run.children, done.run.due_after), (Ended::Done, 5, 0, 0), "{what}");
        assert_eq!((scene.server.count("events WHERE id = 5"), scene.server.count("events")), (1, 7), "{what}");
    }
}

pub(super) fn of_many_instances_one_works_at_a_time(scene: &Scene) {
    let sample = scene.sample("SELECT 1");
    let now = scene.now(&sample);
    let all: Vec<_> = thread::scope(|scope| {
        let instances = (0..4).map(|nth| {
            let asked = Asked { owner: format!("instance {nth}"), now, ..sample.asked() };
            scope.spawn(move || {
                purge(
                    &asked,
                    None,
                    &avouch_retain::Gentleness { rows_min: 1, rows_max: 1, ..Default::default() },
                    &mut never_sleep,
                )
            })
        });
        let instances: Vec<_> = instances.collect();
        instances.into_iter().map(|instance| instance.join().unwrap()).collect()
    });
    for done in &all {
        assert!(done.trouble.as_ref().is_none_or(RetainError::is_elsewhere), "{:?}", done.trouble);
    }
    assert_eq!(all.iter().map(|done| done.run.deleted).sum::<u64>(), DUE);
    assert_eq!(scene.server.sql("SELECT sum(deleted) FROM avouch_retention_journal"), DUE.to_string());
    assert_eq!(scene.server.count("events"), 6);
}

pub(super) fn another_shape_of_the_table_ends_a_run(scene: &Scene) {
    for change in [
        "ALTER TABLE events RENAME at TO since",
        "ALTER TABLE events ALTER at TYPE timestamp",
        "ALTER TABLE events DROP CONSTRAINT events_pkey",
        "ALTER TABLE events RENAME TO moved; CREATE TABLE events AS SELECT * FROM moved; GRANT ALL ON events TO purger",
        "ALTER TABLE events ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON events USING (id > 100)",
    ] {
        let sample = scene.sample("SELECT 1");
        let mut changed = false;
        let mut alter = |_: Duration| {
            if !std::mem::replace(&mut changed, true) {
                scene.server.sql(change);
            }
            ControlFlow::Continue(())
        };
        let done = scene.run_at(&sample, &mut alter);
        assert!(done.trouble.is_some(), "{change}");
        assert_eq!((done.run.ended, done.run.deleted), (Ended::Failed, 1), "{change}");
    }
    // What was confirmed is confirmed for the shape that was looked at.
    let mut sample = scene.sample("SELECT 1");
    sample.rule.fuse_percent = 1;
    let now = scene.now(&sample);
    let asked = Asked { now, ..sample.asked() };
    let digest = avouch_retain::plan(&asked).unwrap().digest;
    scene.server.sql("ALTER TABLE events ADD note text");
    let done = purge(&asked, Some(digest), &sample.gentle, &mut never_sleep);
    assert!(matches!(done.trouble, Some(RetainError::OtherPlan { .. })), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, scene.server.count("events")), (0, 12));
}

pub(super) fn an_archive_whose_rows_were_not_deleted_is_written_once(scene: &Scene) {
    let store = bucket::Server::start();
    for action in [Action::Archive(Archive::Folder("old".into())), bucket::archived_in(bucket::bucket(store.port), "old")] {
        let mut sample = scene.sample("SELECT 1");
        scene.server.sql("REVOKE DELETE ON events FROM purger");
        sample.rule.terms.action = action.clone();
        let objects = |sample: &Sample| match &action {
            Action::Archive(Archive::Folder(_)) => std::fs::read_dir(sample.root().join("old/events")).unwrap().count(),
            _ => store.objects("old/events").len(),
        };
        let done = scene.run(&sample);
        assert!(matches!(cause(&done), DatabaseError::Postgres { .. }), "{:?}", done.trouble);
        assert_eq!((done.run.ended, done.run.deleted, done.run.archived, objects(&sample)), (Ended::Failed, 0, 1, 1));
        scene.server.sql("GRANT DELETE ON events TO purger");
        let sample = Sample { told: done.run.claim, ..sample };
        let done = scene.run(&sample);
        assert!(done.trouble.is_none(), "{:?}", done.trouble);
        assert_eq!((done.run.deleted, done.run.archived, done.run.due_after, scene.server.count("events")), (DUE, DUE - 1, 0, 6));
        assert_eq!(objects(&sample) as u64, DUE);
    }
}

pub(super) fn a_reader_that_stays_sees_its_rows_and_stops_nothing(scene: &Scene) {
    let sample = scene.sample("SELECT 1");
    let mut reader = scene.server.somebody();
    reader.runs("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events");
    let done = scene.run(&sample);
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.ended, done.run.deleted, done.run.due_after, scene.server.count("events")), (Ended::Done, DUE, 0, 6));
    // What it sees is still there for it alone, and goes with a VACUUM once it is done.
    reader.awaits("SELECT count(*) FROM events", "12");
    reader.runs("COMMIT");
    reader.awaits("SELECT count(*) FROM events", "6");
}

pub(super) fn a_full_disk_loses_nothing_that_must_stay(scene: &Scene) {
    // What a server without room for its log says (class 53), in the third window.
    let mut sample = scene.sample(
        "CREATE TABLE room (is_left boolean); INSERT INTO room VALUES (FALSE); \
         CREATE FUNCTION has_room(bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS \
         'BEGIN IF current_setting(''transaction_read_only'') = ''off'' AND $1 = 5 AND NOT (SELECT is_left FROM room) \
          AND NOT EXISTS (SELECT 1 FROM events WHERE id = 3) \
          THEN RAISE EXCEPTION ''could not extend file'' USING ERRCODE = ''53100''; END IF; RETURN TRUE; END'",
    );
    sample.rule.terms.condition = Some("has_room(id)".into());
    let full = scene.run(&sample);
    assert!(matches!(cause(&full), DatabaseError::Postgres { .. }), "{:?}", full.trouble);
    assert_eq!((full.run.ended, full.run.deleted, full.run.due_after, scene.server.count("events")), (Ended::Failed, 2, 4, 10));
    scene.server.sql("UPDATE room SET is_left = TRUE");
    let done = scene.run(&Sample { told: full.run.claim, ..sample });
    assert!(done.trouble.is_none(), "{:?}", done.trouble);
    assert_eq!((done.run.deleted, done.run.recovered, scene.server.count("events")), (4, 0, 6));
}

pub(super) fn a_clock_that_differs_from_the_servers_is_not_believed(scene: &Scene) {
    let sample = scene.sample("SELECT 1");
    let now = scene.now(&sample);
    clocks_that_differ_delete_nothing(sample, now);
    assert_eq!(scene.server.count("events"), 12);
}

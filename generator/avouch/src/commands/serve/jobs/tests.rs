use std::sync::atomic::AtomicUsize;

use avouch_record::{Signer, SlotState};

use super::*;

/// A product with a key, a ledger and a `run` every second, in a folder of its own.
fn product(folder: &camino::Utf8Path) -> (Global, Project) {
    std::fs::write(
        folder.join("avouch.toml"),
        "[product]\nname = \"P\"\nslug = \"p\"\n\n[evidence]\norigin = \"p.example/1\"\n\n[schedule]\nrun = \"* * * * * *\"\n",
    )
    .unwrap();
    let global = Global {
        directory: folder.to_owned(),
        config: "avouch.toml".into(),
        as_of: None,
        verbose: 0,
        quiet: true,
        color: Colour::Never,
    };
    let output = Output::new(&global);
    let project = Project::load(&global, &output).unwrap();
    std::fs::create_dir(folder.join(".avouch")).unwrap();
    let (signer, recovery) = (Signer::generate("p.example/1").unwrap(), Signer::generate("p.example/1").unwrap());
    signer.write(record::key_file(&project).as_std_path()).unwrap();
    record::create(&project, &folder.join(".avouch/ledger.db"), &signer, &recovery, clock::now()).unwrap();
    (global, project)
}

fn daemon(folder: &tempfile::TempDir, execute: Execute) -> Daemon {
    let (global, project) = product(camino::Utf8Path::from_path(folder.path()).unwrap());
    Daemon::new(global, project, execute).unwrap()
}

/// Another daemon on the same ledger, started at this time.
fn another(daemon: &Daemon, started: Timestamp, execute: Execute) -> Daemon {
    let project = Project::load(&daemon.global, &daemon.output()).unwrap();
    let mut other = Daemon::new(daemon.global.clone(), project, execute).unwrap();
    other.started = started;
    other.woken.store(started.unix(), Ordering::SeqCst);
    other.there_since.store(started.unix(), Ordering::SeqCst);
    other
}

/// Of every second from the promise to the last one that the record tells of, it tells once: it was run, or it was missed. It
/// leaves out no more than what is due at the end.
#[track_caller]
fn each_slot_is_told_once(daemon: &Daemon, now: Timestamp) {
    let ledger = record::open(&daemon.project).unwrap();
    let slots = ledger.slots("run", u32::MAX).unwrap();
    let mut told: Vec<Timestamp> =
        slots.iter().filter(|slot| slot.state != SlotState::Running).map(|slot| slot.scheduled_for).collect();
    for recorded in ledger.recorded(None).unwrap() {
        let avouch_model::payload::Payload::Missed(missed) = recorded.payload else { continue };
        if missed.why != "panicked" {
            told.extend((missed.from.unix()..=missed.to.unix()).map(Timestamp::from_unix));
        }
    }
    told.sort();
    let since = ledger.promised("run").unwrap().unwrap().since;
    let owed: Vec<Timestamp> = (since.unix() + 1..=now.unix()).map(Timestamp::from_unix).collect();
    assert_eq!(told, owed);
}

fn states(daemon: &Daemon) -> Vec<SlotState> {
    let slots = record::open(&daemon.project).unwrap().slots("run", 100).unwrap();
    slots.iter().rev().map(|slot| slot.state).collect()
}

fn missed(daemon: &Daemon) -> Vec<(String, u64)> {
    let recorded = record::open(&daemon.project).unwrap().recorded(None).unwrap();
    let missed = recorded.into_iter().filter_map(|recorded| match recorded.payload {
        avouch_model::payload::Payload::Missed(missed) => Some((missed.why, missed.slots)),
        _ => None,
    });
    missed.collect()
}

#[test]
fn a_job_that_panics_or_fails_is_recorded_and_the_next_slot_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let asked = AtomicUsize::new(0);
    let daemon = daemon(
        &folder,
        Box::new(move |_, _, _, _| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("a job panics"),
            1 => anyhow::bail!("a job fails"),
            _ => Ok(()),
        }),
    );
    for second in 1..=3 {
        daemon.work(daemon.started.plus_seconds(second)).unwrap();
    }
    assert_eq!(states(&daemon), [SlotState::Failed, SlotState::Failed, SlotState::Finished]);
    assert_eq!(missed(&daemon), [("panicked".to_owned(), 1)]);
    let text = daemon.metrics(clock::now());
    for outcome in ["panicked", "failed", "done"] {
        assert!(text.contains(&format!("avouch_jobs_total{{job=\"run\",outcome=\"{outcome}\"}} 1")), "{text}");
    }
}

#[test]
fn a_slot_is_run_once_however_often_and_by_whomever_it_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let one = daemon(&folder, Box::new(|_, _, _, _| Ok(())));
    let other_project = Project::load(&one.global, &one.output()).unwrap();
    let other = Daemon::new(one.global.clone(), other_project, Box::new(|_, _, _, _| panic!("it ran already"))).unwrap();
    let now = one.started.plus_seconds(5);
    one.work(now).unwrap();
    one.work(now).unwrap();
    other.work(now).unwrap();
    each_slot_is_told_once(&one, now);
    assert_eq!(states(&one), [SlotState::Finished]);
    // Nobody was down: the daemon was there, and looked too late.
    assert_eq!(missed(&one), [("overran".to_owned(), 4)]);
}

#[test]
fn what_a_dead_daemon_held_is_run_once_its_lease_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(&folder, Box::new(|_, _, _, _| Ok(())));
    daemon.work(daemon.started).unwrap();
    let slot = daemon.started.plus_seconds(1);
    record::open(&daemon.project).unwrap().claim_slot("run", slot, "dead", slot, LEASE_SECONDS).unwrap();
    let mut now = daemon.work(slot.plus_seconds(LEASE_SECONDS)).unwrap();
    // A lease that has ended is not believed to be nobody's at first sight.
    for _ in 0..LOOKS {
        assert_eq!(states(&daemon), [SlotState::Running]);
        now = daemon.work(now).unwrap();
    }
    daemon.work(now).unwrap();
    assert_eq!(states(&daemon), [SlotState::Finished]);
    // The abandoned slot itself and every one until the next start are told of.
    let slots = LEASE_SECONDS.unsigned_abs() + 1 + u64::from(LOOKS);
    assert_eq!(missed(&daemon), [("overran".to_owned(), slots)]);
    each_slot_is_told_once(&daemon, now);
}

#[test]
fn a_lease_is_renewed_by_whoever_holds_it_and_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(&folder, Box::new(|_, _, _, _| Ok(())));
    let slot = daemon.started.plus_seconds(1);
    let mut ledger = record::open(&daemon.project).unwrap();
    ledger.claim_slot("run", slot, &daemon.owner, slot, LEASE_SECONDS).unwrap();
    let holding = Holding { job: "run", slot, until: slot.plus_seconds(LEASE_SECONDS), is_lost: false };
    *lock(&daemon.holding) = Some(holding.clone());
    let held = || lock(&daemon.holding).as_ref().map(|holding| (holding.until, holding.is_lost)).unwrap();
    let later = slot.plus_seconds(80);
    daemon.renew(&holding, later);
    let until = later.plus_seconds(LEASE_SECONDS);
    assert_eq!(ledger.slots("run", 1).unwrap()[0].lease_until, until);
    assert_eq!(held(), (until, false));
    // The clock is set back by a day: the lease is as long as leases are again.
    let back = slot.plus_seconds(-86_400);
    daemon.renew(&holding, back);
    assert_eq!(held(), (back.plus_seconds(LEASE_SECONDS), false));
    // A renewal that is late by more than the lease finds the slot with its new owner, and whoever does the job is told.
    ledger.claim_slot("run", slot, "other", until.plus_seconds(1), LEASE_SECONDS).unwrap();
    daemon.renew(&holding, until.plus_seconds(2));
    assert_eq!(ledger.slots("run", 1).unwrap()[0].owner, "other");
    assert!(held().1);
}

#[test]
fn an_answer_is_given_again_for_a_while() {
    let kept = Kept::default();
    let at = |second: i64| Timestamp::from_unix(1_795_000_000 + second);
    assert_eq!(
        [kept.get(at(0), 5, || 1), kept.get(at(4), 5, || 2), kept.get(at(5), 5, || 3), kept.get(at(1), 5, || 4)],
        [1, 1, 3, 4]
    );
}

#[test]
fn a_thousand_slots_that_are_due_at_once_are_one_run_and_one_entry() {
    let folder = tempfile::tempdir().unwrap();
    let first = daemon(&folder, Box::new(|_, _, _, _| Ok(())));
    first.work(first.started).unwrap();
    // Killed before the first slot it promised: what it promised is owed all the same.
    let now = first.started.plus_seconds(1_000);
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let next = another(
        &first,
        now,
        Box::new(move |_, _, _, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }),
    );
    drop(first);
    for _ in 0..3 {
        next.work(now).unwrap();
    }
    assert_eq!((runs.load(Ordering::SeqCst), missed(&next)), (1, vec![("down".to_owned(), 999)]));
    each_slot_is_told_once(&next, now);
}

#[test]
fn another_schedule_owes_nothing_of_the_time_before_it_and_what_the_one_before_owed_was_missed() {
    let folder = tempfile::tempdir().unwrap();
    let first = daemon(&folder, Box::new(|_, _, _, _| Ok(())));
    first.work(first.started).unwrap();
    let slower = first.started.plus_seconds(10);
    let file = folder.path().join("avouch.toml");
    let configured = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, configured.replace("run = \"* * * * * *\"", "run = \"0 0 0 1 1 *\"")).unwrap();
    let slow = another(&first, slower, Box::new(|_, _, _, _| panic!("nothing is due")));
    slow.work(slower).unwrap();
    assert_eq!((states(&slow), missed(&slow)), (vec![], vec![("down".to_owned(), 9)]));
    // Back to every second, a thousand seconds later: these were nobody's.
    let faster = slower.plus_seconds(1_000);
    std::fs::write(&file, configured).unwrap();
    let fast = another(&first, faster, Box::new(|_, _, _, _| Ok(())));
    fast.work(faster.plus_seconds(1)).unwrap();
    assert_eq!((states(&fast), missed(&fast).len()), (vec![SlotState::Finished], 1));
}

#[test]
fn a_clock_that_was_ahead_neither_ends_nor_holds_what_is_due_now() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Arc::new(daemon(&folder, Box::new(|_, _, _, _| Ok(()))));
    let ahead = daemon.started.plus_seconds(10 * 365 * 86_400);
    let mut ledger = record::open(&daemon.project).unwrap();
    // One run that failed and one that died, both in ten years, and nothing of it in the record.
    daemon.work(daemon.started).unwrap();
    ledger.claim_slot("run", ahead, "dead", ahead, LEASE_SECONDS).unwrap();
    ledger.fail_slot("run", ahead, "dead", ahead).unwrap();
    ledger.claim_slot("run", ahead.plus_seconds(1), "dead", ahead.plus_seconds(1), LEASE_SECONDS).unwrap();
    daemon.look_at.store(ahead.unix(), Ordering::SeqCst);
    daemon.woken.store(ahead.unix(), Ordering::SeqCst);
    // Set right again, it looks at once, and goes on after the few looks that a forsaken lease takes.
    let mut now = daemon.started.plus_seconds(1);
    for _ in 0..=LOOKS {
        daemon.wake(now);
        idle(&daemon);
        now = now.plus_seconds(1);
    }
    assert_eq!(ledger.standing("run", now).unwrap().ended, Some(now.plus_seconds(-1)));
    assert_eq!(ledger.standing("run", now).unwrap().taken, None);
    assert_eq!(missed(&daemon).iter().map(|(_, slots)| slots).sum::<u64>(), u64::from(LOOKS));
}

#[test]
fn a_clock_that_is_behind_the_record_begins_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(&folder, Box::new(|_, _, _, _| panic!("nothing is begun")));
    let refused = daemon.work(daemon.started.plus_seconds(-3_600)).unwrap_err();
    assert!(refused.to_string().contains("set the clock right"), "{refused:#}");
    assert_eq!((states(&daemon), missed(&daemon)), (vec![], vec![]));
}

#[test]
fn a_clock_set_forward_while_a_job_runs_gives_nobody_its_slot() {
    let folder = tempfile::tempdir().unwrap();
    let (begun, release, execute) = hanging();
    let one = Arc::new(daemon(&folder, execute));
    let other = another(&one, one.started, Box::new(|_, _, _, _| panic!("it runs already")));
    let first = one.started.plus_seconds(1);
    one.wake(first);
    begun.recv().unwrap();
    // An hour on at once: to the other daemon the lease has ended, until the one that lives renews it.
    let hour = first.plus_seconds(3_600);
    other.work(hour).unwrap();
    one.wake(hour.plus_seconds(1));
    until(|| record::open(&one.project).unwrap().slots("run", 1).unwrap()[0].lease_until > hour);
    for second in 2..20 {
        other.work(hour.plus_seconds(second)).unwrap();
    }
    release.send(()).unwrap();
    idle(&one);
    assert_eq!(states(&one), [SlotState::Finished]);
}

#[test]
fn a_scheduler_that_wakes_nobody_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Arc::new(daemon(&folder, Box::new(|_, _, _, _| Ok(()))));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // As it is after the clock was set back: it is there, and silent.
    let silent = runtime.block_on(tokio_cron_scheduler::JobScheduler::new()).unwrap();
    let (_told, woken) = tokio::sync::mpsc::channel(1);
    runtime.spawn(crate::commands::serve::keep_waking(Arc::clone(&daemon), (silent, woken)));
    until(|| states(&daemon).contains(&SlotState::Finished));
    daemon.stop();
    idle(&daemon);
    runtime.shutdown_background();
}

#[test]
fn a_job_that_hangs_holds_its_slot_and_what_it_keeps_from_running_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (begun, release, execute) = hanging();
    let one = Arc::new(daemon(&folder, execute));
    let other = another(&one, one.started, Box::new(|_, _, _, _| panic!("it runs already")));
    let mut now = one.started.plus_seconds(1);
    one.wake(now);
    begun.recv().unwrap();
    let until_second = now.plus_seconds(5 * LEASE_SECONDS);
    while now < until_second {
        now = now.plus_seconds(10);
        one.wake(now);
        until(|| held(&one, now));
        other.work(now).unwrap();
    }
    assert_eq!(states(&one), [SlotState::Running]);
    release.send(()).unwrap();
    idle(&one);
    // It hangs again, and its daemon is killed: the next one takes over and tells of everything in between.
    one.wake(now.plus_seconds(1));
    begun.recv().unwrap();
    let mut later = now.plus_seconds(LEASE_SECONDS + 100);
    let next = another(&one, later, Box::new(|_, _, _, _| Ok(())));
    for _ in 0..=LOOKS {
        next.work(later).unwrap();
        later = later.plus_seconds(1);
    }
    assert_eq!(states(&next), [SlotState::Finished, SlotState::Finished]);
    assert_eq!(missed(&next).iter().map(|(why, _)| why.as_str()).collect::<Vec<_>>(), ["overran", "down", "overran"]);
    each_slot_is_told_once(&next, later.plus_seconds(-1));
    // The one that hung comes to its end, and changes nothing.
    release.send(()).unwrap();
    idle(&one);
    each_slot_is_told_once(&next, later.plus_seconds(-1));
}

#[test]
fn daemons_that_look_at_one_ledger_at_the_same_moments_run_every_slot_once_and_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let running = Arc::new(AtomicUsize::new(0));
    let execute = |running: &Arc<AtomicUsize>| -> Execute {
        let running = Arc::clone(running);
        Box::new(move |_, _, _, _| {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two jobs at once");
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
    };
    let one = daemon(&folder, execute(&running));
    one.work(one.started).unwrap();
    let others: Vec<Daemon> = (0..2).map(|_| another(&one, one.started, execute(&running))).collect();
    let started = one.started;
    thread::scope(|scope| {
        for (place, daemon) in others.iter().chain([&one]).enumerate() {
            scope.spawn(move || {
                // Each by its own pace, so that one looks at a slot while another looks at the next.
                for second in 1..=20 {
                    daemon.work(started.plus_seconds(second + i64::from(second % 3 == place as i64))).unwrap();
                }
            });
        }
    });
    let now = started.plus_seconds(30);
    one.work(now).unwrap();
    assert!(states(&one).iter().all(|state| *state == SlotState::Finished), "{:?}", states(&one));
    each_slot_is_told_once(&one, now);
}

/// A job that says that it began, and ends when it is told to.
fn hanging() -> (std::sync::mpsc::Receiver<()>, std::sync::mpsc::Sender<()>, Execute) {
    let (begin, begun) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel();
    let (begin, released) = (Mutex::new(begin), Mutex::new(released));
    let execute: Execute = Box::new(move |_, _, _, _| {
        lock(&begin).send(())?;
        Ok(lock(&released).recv()?)
    });
    (begun, release, execute)
}

/// Whether the slot that it runs is held for as long as slots are.
fn held(daemon: &Daemon, now: Timestamp) -> bool {
    lock(&daemon.holding).as_ref().is_some_and(|holding| holding.until.seconds_since(now) >= RENEWED_SECONDS)
}

fn idle(daemon: &Daemon) {
    until(|| !*daemon.working.borrow());
}

/// Waits for something that another thread does.
#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not come to be");
        thread::sleep(Duration::from_millis(5));
    }
}

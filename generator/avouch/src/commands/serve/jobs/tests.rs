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
    assert_eq!(states(&one), [SlotState::Finished]);
    // Nobody was down: the daemon was there, and looked too late.
    assert_eq!(missed(&one), [("overran".to_owned(), 4)]);
}

#[test]
fn what_a_dead_daemon_held_is_run_once_its_lease_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(&folder, Box::new(|_, _, _, _| Ok(())));
    let slot = daemon.started.plus_seconds(1);
    record::open(&daemon.project).unwrap().claim_slot("run", slot, "dead", slot, LEASE_SECONDS).unwrap();
    let look_at = daemon.work(slot.plus_seconds(LEASE_SECONDS)).unwrap();
    assert_eq!(states(&daemon), [SlotState::Running]);
    daemon.work(look_at).unwrap();
    assert_eq!(states(&daemon), [SlotState::Running, SlotState::Finished]);
    // The abandoned slot itself and every one until the next start are told of.
    assert_eq!(missed(&daemon), [("overran".to_owned(), LEASE_SECONDS.unsigned_abs() + 1)]);
}

#[test]
fn a_lease_is_renewed_by_whoever_holds_it_and_by_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(&folder, Box::new(|_, _, _, _| Ok(())));
    let slot = daemon.started.plus_seconds(1);
    let mut ledger = record::open(&daemon.project).unwrap();
    ledger.claim_slot("run", slot, &daemon.owner, slot, LEASE_SECONDS).unwrap();
    let holding = Holding { job: "run", slot, until: slot.plus_seconds(LEASE_SECONDS) };
    *lock(&daemon.holding) = Some(holding.clone());
    let later = slot.plus_seconds(80);
    daemon.renew(&holding, later);
    let until = later.plus_seconds(LEASE_SECONDS);
    assert_eq!(ledger.slots("run", 1).unwrap()[0].lease_until, until);
    assert_eq!(lock(&daemon.holding).as_ref().unwrap().until, until);
    // A renewal that is late by more than the lease finds the slot with its new owner.
    ledger.claim_slot("run", slot, "other", until.plus_seconds(1), LEASE_SECONDS).unwrap();
    daemon.renew(&Holding { until, ..holding }, until.plus_seconds(2));
    assert_eq!(ledger.slots("run", 1).unwrap()[0].owner, "other");
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

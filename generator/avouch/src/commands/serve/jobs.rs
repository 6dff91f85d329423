//! The daemon's jobs. Which slots are due is read from the ledger at every waking; nothing is remembered that a restart
//! would lose.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use avouch_model::{
    Timestamp,
    configuration::Schedule,
    entry::EntryKind,
    payload::Missed,
};
use avouch_read::schedule::Slots;
use avouch_record::{Claim, Ledger, NewEntry, SlotState};
use tokio::sync::Notify;

use super::metrics::{self, Counters};
use crate::{
    cli::{Colour, Global},
    clock,
    output::{Output, plain},
    pipeline::{self, record, retaining, scoping},
    project::Project,
};

/// How long a job holds its slot. A job that outlasts it may be taken over by another daemon, so it is long.
const LEASE_SECONDS: i64 = 3600;
/// The most missed slots that one look counts.
const SLOTS_MAX: usize = 100_000;
/// A daemon that did not wake for this many seconds is not ready.
const WAKE_AGE_MAX: i64 = 10;

/// One job of the schedule.
struct Scheduled {
    name: &'static str,
    slots: Slots,
    expression: String,
}

/// What a waking found to do.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    /// The newest slot that is due: the one to run.
    slot: Timestamp,
    /// The slots before it that nobody ran: first, last and count.
    missed: Option<(Timestamp, Timestamp, u64)>,
}

/// The daemon's state: only what may be lost.
pub(super) struct Daemon {
    global: Global,
    jobs: Vec<Scheduled>,
    owner: String,
    started: Timestamp,
    woken: AtomicI64,
    pub(super) stopping: AtomicBool,
    stop: Notify,
    running: Mutex<Vec<&'static str>>,
    counters: Mutex<Counters>,
}

impl Daemon {
    pub(super) fn new(global: Global, schedule: &Schedule) -> anyhow::Result<Self> {
        let mut jobs = Vec::new();
        for (name, expression) in [("purge", &schedule.purge), ("run", &schedule.run)] {
            if let Some(expression) = expression {
                jobs.push(Scheduled { name, slots: Slots::parse(expression)?, expression: expression.clone() });
            }
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random).context("the system gives no random bytes")?;
        let now = clock::now();
        Ok(Self {
            global: Global { quiet: true, color: Colour::Never, ..global },
            jobs,
            owner: format!("{}-{:016x}", std::process::id(), u64::from_le_bytes(random)),
            started: now,
            woken: AtomicI64::new(now.unix()),
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
            running: Mutex::default(),
            counters: Mutex::default(),
        })
    }

    pub(super) fn describe(&self) -> String {
        self.jobs.iter().map(|job| format!("{} at `{}`", job.name, job.expression)).collect::<Vec<_>>().join(", ")
    }

    /// Ends when somebody asked to stop.
    pub(super) async fn stop_asked(&self) {
        while !self.stopping.load(Ordering::SeqCst) {
            let _ = tokio::time::timeout(Duration::from_millis(200), self.stop.notified()).await;
        }
    }

    /// Waits for the running jobs; whether they ended in time.
    pub(super) async fn drain(&self, limit: Duration) -> bool {
        let end = tokio::time::Instant::now() + limit;
        while !self.lock_running().is_empty() {
            if tokio::time::Instant::now() >= end {
                return false;
            }
            let _ = tokio::time::timeout(Duration::from_millis(100), self.stop.notified()).await;
        }
        true
    }

    /// Looks at the schedule, and starts what is due on a thread of its own. Called by the scheduler: returns at once.
    pub(super) fn wake(self: &Arc<Self>, now: Timestamp) {
        self.woken.store(now.unix(), Ordering::SeqCst);
        if self.stopping.load(Ordering::SeqCst) {
            return;
        }
        let daemon = Arc::clone(self);
        std::thread::spawn(move || {
            // What goes wrong here is told on standard error and tried again at the next waking.
            if let Err(error) = daemon.work(now) {
                daemon.output().failed(&error);
            }
        });
    }

    fn output(&self) -> Output {
        Output::new(&self.global)
    }

    /// One job at a time in this process: the ledger has one writer, and a run and a purge look at the same rows.
    fn work(&self, now: Timestamp) -> anyhow::Result<()> {
        for job in &self.jobs {
            {
                let mut running = self.lock_running();
                if !running.is_empty() || self.stopping.load(Ordering::SeqCst) {
                    return Ok(());
                }
                running.push(job.name);
            }
            let done = catch_unwind(AssertUnwindSafe(|| self.work_on(job, now)));
            self.lock_running().retain(|name| *name != job.name);
            self.stop.notify_waiters();
            match done {
                Ok(done) => done?,
                // Claimed slots of a panicking job are failed below; here only the looking itself can have panicked.
                Err(_) => self.count(job.name, "panicked"),
            }
        }
        Ok(())
    }

    fn work_on(&self, job: &Scheduled, now: Timestamp) -> anyhow::Result<()> {
        let output = self.output();
        let project = Project::load(&self.global, &output)?;
        let mut ledger = record::open(&project)?;
        let Some(due) = due(job, &ledger, self.started, now)? else { return Ok(()) };
        match ledger.claim_slot(job.name, due.slot, &self.owner, now, LEASE_SECONDS)? {
            Claim::Held | Claim::Ended => return Ok(()),
            Claim::Taken => {}
        }
        if let Some((from, to, slots)) = due.missed {
            self.record_missed(&project, &mut ledger, Missed { v: 1, job: job.name.to_owned(), from, to, slots, why: "down".to_owned() })?;
        }
        drop(ledger);
        let done = catch_unwind(AssertUnwindSafe(|| execute(job.name, &project, &output)));
        let mut ledger = record::open(&project)?;
        let ended = clock::now();
        match done {
            Ok(Ok(())) => {
                ledger.finish_slot(job.name, due.slot, &self.owner, ended)?;
                self.lock_counters().last_success.insert(job.name.to_owned(), ended);
                self.count(job.name, "done");
            }
            Ok(Err(error)) => {
                ledger.fail_slot(job.name, due.slot, &self.owner, ended)?;
                self.count(job.name, "failed");
                output.warn(&format!("the job `{}` of {} failed: {}", job.name, due.slot, plain(&format!("{error:#}"))));
            }
            Err(_) => {
                ledger.fail_slot(job.name, due.slot, &self.owner, ended)?;
                self.count(job.name, "panicked");
                let missed = Missed { v: 1, job: job.name.to_owned(), from: due.slot, to: due.slot, slots: 1, why: "panicked".to_owned() };
                self.record_missed(&project, &mut ledger, missed)?;
            }
        }
        Ok(())
    }

    fn record_missed(&self, project: &Project, ledger: &mut Ledger, missed: Missed) -> anyhow::Result<()> {
        *self.lock_counters().missed.entry(missed.job.clone()).or_default() += missed.slots;
        let entry = NewEntry::json(EntryKind::Missed, &missed.job, scoping::canonical("missed slots", &missed)?);
        pipeline::append(ledger, &record::signer(project)?, vec![entry])
    }

    /// Whether the daemon does its work.
    pub(super) fn ready(&self, now: Timestamp) -> Result<(), String> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err("it is stopping".to_owned());
        }
        if now.unix() - self.woken.load(Ordering::SeqCst) > WAKE_AGE_MAX {
            return Err("the scheduler does not wake".to_owned());
        }
        let project = Project::load(&self.global, &self.output()).map_err(|_| "the configuration cannot be read".to_owned())?;
        record::open(&project).map(drop).map_err(|_| "the ledger cannot be opened".to_owned())
    }

    /// The metrics as of now.
    pub(super) fn metrics(&self, now: Timestamp) -> String {
        let assessment = Project::load(&self.global, &self.output())
            .and_then(|project| record::open(&project))
            .and_then(|ledger| Ok(avouch_evaluate::assess(&ledger.recorded(None)?, now)))
            .ok();
        let mut counters = self.lock_counters().clone();
        counters.running = self.lock_running().iter().map(|name| (*name).to_owned()).collect();
        metrics::text(&counters, assessment.as_ref())
    }

    fn count(&self, job: &str, outcome: &'static str) {
        *self.lock_counters().jobs.entry((job.to_owned(), outcome)).or_default() += 1;
    }

    fn lock_running(&self) -> std::sync::MutexGuard<'_, Vec<&'static str>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_counters(&self) -> std::sync::MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is due by the ledger: slots after the last one that anybody took, up to now. A ledger without slots begins with the
/// daemon: what was due before anybody promised to run it was not missed.
fn due(job: &Scheduled, ledger: &Ledger, started: Timestamp, now: Timestamp) -> anyhow::Result<Option<Due>> {
    let last = ledger.slots(job.name, 1)?.into_iter().next();
    if let Some(last) = &last
        && last.state == SlotState::Running
        && last.lease_until < now
    {
        // Its process died: the slot is still owed, unless a newer one is due by now.
        let newer = job.slots.between(last.scheduled_for, now, SLOTS_MAX);
        return Ok(Some(among(Some(last.scheduled_for), newer).unwrap_or(Due { slot: last.scheduled_for, missed: None })));
    }
    if last.as_ref().is_some_and(|last| last.state == SlotState::Running) {
        return Ok(None);
    }
    let from = last.map_or(started, |last| last.scheduled_for);
    Ok(among(None, job.slots.between(from, now, SLOTS_MAX)))
}

/// The newest of these slots is run; the ones before it, and an abandoned one, were missed.
fn among(abandoned: Option<Timestamp>, slots: Vec<Timestamp>) -> Option<Due> {
    let (newest, before) = slots.split_last()?;
    let first = abandoned.or_else(|| before.first().copied());
    let count = before.len() as u64 + u64::from(abandoned.is_some());
    let missed = first.map(|first| (first, before.last().copied().unwrap_or(first), count));
    Some(Due { slot: *newest, missed })
}

/// Does the job: the same functions as the commands.
fn execute(job: &str, project: &Project, output: &Output) -> anyhow::Result<()> {
    if job == "purge" {
        let signer = record::signer(project)?;
        let mut ledger = record::open(project)?;
        let recorded = ledger.recorded(None)?;
        retaining::execute(project, output, &mut ledger, true)?;
        return retaining::record(project, &mut ledger, &signer, &recorded);
    }
    // Deleting is asked for by a line of its own in the schedule.
    pipeline::run(project, output, pipeline::Asked { release: None, purge: false }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_newest_slot_is_run_and_the_others_were_missed() {
        let slots = vec![at("2026-11-20T03:00:00Z"), at("2026-11-21T03:00:00Z"), at("2026-11-22T03:00:00Z")];
        let due = among(None, slots.clone()).unwrap();
        assert_eq!(due.slot, slots[2]);
        assert_eq!(due.missed, Some((slots[0], slots[1], 2)));
        assert_eq!(among(None, vec![slots[0]]).unwrap(), Due { slot: slots[0], missed: None });
        assert_eq!(among(None, Vec::new()), None);
    }

    #[test]
    fn an_abandoned_slot_is_missed_once_a_newer_one_is_due() {
        let abandoned = at("2026-11-21T03:00:00Z");
        let newer = at("2026-11-22T03:00:00Z");
        assert_eq!(among(Some(abandoned), vec![newer]).unwrap(), Due { slot: newer, missed: Some((abandoned, abandoned, 1)) });
        assert_eq!(among(Some(abandoned), Vec::new()), None);
    }
}

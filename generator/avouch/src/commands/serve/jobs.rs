//! The daemon's jobs. Which slots are due is read from the ledger; nothing is remembered that a restart would lose.
//!
//! A slot is held by a short lease that is renewed while its job runs: a daemon that dies holds up its successor for a minute
//! and a half, however long the job was. Leases go by the wall clock, which may be set while a job runs; so a lease that has
//! ended is looked at a few times, a second apart, before it is believed to be nobody's: whoever lives renews it meanwhile.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use avouch_model::{Timestamp, assessment::Assessment, entry::EntryKind, payload::Missed, receipt::Ended};
use avouch_read::schedule::Slots;
use avouch_record::{Claim, Ledger, NewEntry, Promised, RecordError, Slot};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    metrics::{self, Counters},
    slots,
};
use crate::{
    cli::{Colour, Global},
    clock,
    output::{Output, plain},
    pipeline::{self, record, retaining, scoping},
    project::Project,
};

/// How long a slot is held without being renewed.
const LEASE_SECONDS: i64 = 90;
/// A lease with less than this left is renewed.
const RENEWED_SECONDS: i64 = 60;
/// How often a lease of another daemon that has ended is looked at before its slot is taken over.
const LOOKS: u32 = 5;
/// How long a daemon that could not look at the ledger waits before it looks again.
const RETRY_SECONDS: i64 = 30;
/// A daemon that did not wake for this many seconds is not ready, and was not there meanwhile.
const WAKE_AGE_MAX: i64 = 10;
/// How long an answer about readiness is given again, so that asking often costs nothing.
const READY_SECONDS: i64 = 1;
/// How long an assessment for the metrics is given again.
const ASSESSED_SECONDS: i64 = 5;

/// Does a job by its name. It is told how to ask whether it should stop.
pub(super) type Execute = Box<dyn Fn(&str, &Project, &Output, &dyn Fn() -> bool) -> anyhow::Result<()> + Send + Sync>;

/// One job of the schedule.
struct Scheduled {
    name: &'static str,
    slots: Slots,
    expression: String,
    /// Whether this daemon has looked at what was promised of the job before.
    promised: AtomicBool,
    /// What another daemon seems to have left, and how often it was looked at.
    suspect: Mutex<Option<(Slot, u32)>>,
}

impl Scheduled {
    /// Whether the slot was seen often enough, and always the same, to be left by whoever took it.
    fn is_forsaken(&self, taken: Slot) -> bool {
        let mut suspect = lock(&self.suspect);
        let looks = suspect.take().filter(|(slot, _)| *slot == taken).map_or(0, |(_, looks)| looks + 1);
        *suspect = Some((taken, looks));
        looks >= LOOKS
    }
}

/// A slot that this daemon holds.
#[derive(Clone)]
struct Holding {
    job: &'static str,
    slot: Timestamp,
    until: Timestamp,
    /// Another daemon took it over.
    is_lost: bool,
}

/// The daemon's state: only what may be lost.
pub(super) struct Daemon {
    global: Global,
    /// As it was read at the start: where the ledger is. A job reads its own anew.
    project: Project,
    jobs: Vec<Scheduled>,
    execute: Execute,
    owner: String,
    started: Timestamp,
    woken: AtomicI64,
    /// Since when it has woken again and again.
    there_since: AtomicI64,
    look_at: AtomicI64,
    stopping: watch::Sender<bool>,
    working: watch::Sender<bool>,
    holding: Mutex<Option<Holding>>,
    counters: Mutex<Counters>,
    ready: Kept<Result<(), String>>,
    assessed: Kept<Option<Arc<Assessment>>>,
}

impl Daemon {
    pub(super) fn new(global: Global, project: Project, execute: Execute) -> anyhow::Result<Self> {
        let mut jobs = Vec::new();
        let schedule = &project.configuration.schedule;
        for (name, expression) in retaining::JOBS.into_iter().zip([&schedule.purge, &schedule.run]) {
            if let Some(expression) = expression {
                let (slots, expression) = (Slots::parse(expression)?, expression.clone());
                jobs.push(Scheduled { name, slots, expression, promised: AtomicBool::default(), suspect: Mutex::default() });
            }
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random).context("the system gives no random bytes")?;
        let now = clock::now();
        Ok(Self {
            global: Global { quiet: true, color: Colour::Never, ..global },
            project,
            jobs,
            execute,
            owner: format!("{}-{:016x}", std::process::id(), u64::from_le_bytes(random)),
            started: now,
            woken: AtomicI64::new(now.unix()),
            there_since: AtomicI64::new(now.unix()),
            look_at: AtomicI64::new(i64::MIN),
            stopping: watch::Sender::new(false),
            working: watch::Sender::new(false),
            holding: Mutex::default(),
            counters: Mutex::default(),
            ready: Kept::default(),
            assessed: Kept::default(),
        })
    }

    pub(super) fn describe(&self) -> String {
        self.jobs.iter().map(|job| format!("{} at `{}`", job.name, job.expression)).collect::<Vec<_>>().join(", ")
    }

    /// Begins nothing new from now on.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Ends when somebody asked to stop.
    pub(super) async fn stop_asked(&self) {
        // The sender is this daemon: it is there as long as somebody waits.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Waits for the running job; whether it ended in time.
    pub(super) async fn drain(&self, deadline: Instant) -> bool {
        timeout_at(deadline, self.working.subscribe().wait_for(|working| !*working)).await.is_ok()
    }

    /// Called every second, and returns at once: starts what is due on a thread of its own, or renews what is held.
    pub(super) fn wake(self: &Arc<Self>, now: Timestamp) {
        let passed = now.unix().saturating_sub(self.woken.swap(now.unix(), Ordering::SeqCst));
        if !(0..=WAKE_AGE_MAX).contains(&passed) {
            // The clock was set, or the process stood still: what was planned by the time before is planned anew.
            self.there_since.store(now.unix(), Ordering::SeqCst);
            self.look_at.store(i64::MIN, Ordering::SeqCst);
        }
        let holding = lock(&self.holding).clone();
        if let Some(holding) = holding {
            // Of a lease that is too long the clock has been set back.
            if !holding.is_lost && !(RENEWED_SECONDS..=LEASE_SECONDS).contains(&holding.until.seconds_since(now)) {
                self.spawn(move |daemon| daemon.renew(&holding, now));
            }
            return;
        }
        if self.is_stopping() || now.unix() < self.look_at.load(Ordering::SeqCst) {
            return;
        }
        // One job at a time in this process: a run and a purge look at the same rows.
        if self.working.send_replace(true) {
            return;
        }
        let idle = Idle(Arc::clone(self));
        self.spawn(move |daemon| {
            let idle = idle;
            let there_since = daemon.there_since.load(Ordering::SeqCst);
            let look_at = daemon.work(now).unwrap_or_else(|error| {
                daemon.output().failed(&error);
                now.plus_seconds(RETRY_SECONDS)
            });
            idle.0.look_at.store(look_at.unix(), Ordering::SeqCst);
            if idle.0.there_since.load(Ordering::SeqCst) != there_since {
                idle.0.look_at.store(i64::MIN, Ordering::SeqCst);
            }
        });
    }

    /// Without a thread nothing is done now; the next waking tries again.
    fn spawn(self: &Arc<Self>, work: impl FnOnce(&Self) + Send + 'static) {
        let daemon = Arc::clone(self);
        if let Err(error) = thread::Builder::new().spawn(move || work(&daemon)) {
            self.output().warn(&format!("the system gives no thread: {error}"));
        }
    }

    fn output(&self) -> Output {
        Output::new(&self.global)
    }

    /// Looks at every job, and does what is due. Gives the time to look again.
    fn work(&self, now: Timestamp) -> anyhow::Result<Timestamp> {
        let begun = Instant::now();
        let mut next = now.plus_seconds(86_400);
        for job in &self.jobs {
            if self.is_stopping() {
                break;
            }
            // The job before may have taken long: a lease begins when it is taken.
            let passed = i64::try_from(begun.elapsed().as_secs()).unwrap_or(i64::MAX);
            next = next.min(self.work_on(job, now.plus_seconds(passed))?);
        }
        Ok(next)
    }

    fn work_on(&self, job: &Scheduled, now: Timestamp) -> anyhow::Result<Timestamp> {
        let next = job.slots.after(now).unwrap_or(now.plus_seconds(86_400));
        let mut ledger = record::open(&self.project)?;
        let last = ledger.last_at()?;
        if now < last {
            // Nothing could be recorded: neither what is run nor what is missed.
            bail!(RecordError::ClockWentBack { at: now, last });
        }
        if let Some(taken) = ledger.standing(job.name, now)?.taken {
            if taken.is_held(now, LEASE_SECONDS) {
                // What it leaves undone is due at once when its lease ends.
                return Ok(next.min(taken.lease_until.plus_seconds(1)));
            }
            if taken.owner != self.owner && !job.is_forsaken(taken) {
                return Ok(now.plus_seconds(1));
            }
        }
        self.promise(job, &mut ledger, now)?;
        let told = slots::told_until(&ledger, job.name, now)?;
        let Some(slot) = slots::newest(&job.slots, told, now) else { return Ok(next) };
        if ledger.claim_slot(job.name, slot, &self.owner, now, LEASE_SECONDS)? != Claim::Taken {
            // Another daemon was faster.
            return Ok(now.plus_seconds(1));
        }
        let until = now.plus_seconds(LEASE_SECONDS);
        *lock(&self.holding) = Some(Holding { job: job.name, slot, until, is_lost: false });
        let done = self.hold(job, slot, now, &mut ledger);
        *lock(&self.holding) = None;
        done.map(|()| next)
    }

    /// What was due before anybody promised to run it was not missed. What another schedule owed before this one took its place was.
    fn promise(&self, job: &Scheduled, ledger: &mut Ledger, now: Timestamp) -> anyhow::Result<()> {
        let before = ledger.promised(job.name)?.filter(|promised| promised.since <= now);
        let is_kept = job.promised.load(Ordering::SeqCst);
        if before.as_ref().is_none_or(|before| before.schedule != job.expression && !is_kept) {
            if let Some(schedule) = before.and_then(|before| Slots::parse(&before.schedule).ok()) {
                self.record_all_missed(ledger, job.name, &schedule, now, now)?;
            }
            ledger.promise(job.name, &Promised { schedule: job.expression.clone(), since: self.started.min(now) })?;
        }
        job.promised.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Does the job of a slot that was taken.
    fn hold(&self, job: &Scheduled, slot: Timestamp, now: Timestamp, ledger: &mut Ledger) -> anyhow::Result<()> {
        // Looked at again, now that nobody else changes it. A daemon that dies from here on leaves a slot that did not end: its
        // successor goes on where the record ends.
        self.record_all_missed(ledger, job.name, &job.slots, slot, now)?;
        ledger.forget_unended(job.name, slot, &self.owner)?;
        let output = self.output();
        let stopping = || self.is_stopping() || lock(&self.holding).as_ref().is_none_or(|holding| holding.is_lost);
        let done = catch_unwind(AssertUnwindSafe(|| {
            let project = Project::load(&self.global, &output)?;
            (self.execute)(job.name, &project, &output, &stopping)
        }));
        let ended = clock::now();
        let outcome = match &done {
            Ok(Ok(())) => {
                ledger.finish_slot(job.name, slot, &self.owner, ended)?;
                lock(&self.counters).last_success.insert(job.name.to_owned(), ended);
                "done"
            }
            Ok(Err(error)) => {
                output.warn(&format!("the job `{}` of {slot} failed: {}", job.name, plain(&format!("{error:#}"))));
                ledger.fail_slot(job.name, slot, &self.owner, ended)?;
                "failed"
            }
            Err(_) => {
                // First the record: a daemon that dies in between has told of it.
                let why = "panicked".to_owned();
                self.record_missed(ledger, Missed { v: 1, job: job.name.to_owned(), from: slot, to: slot, slots: 1, why })?;
                ledger.fail_slot(job.name, slot, &self.owner, ended)?;
                "panicked"
            }
        };
        *lock(&self.counters).jobs.entry((job.name.to_owned(), outcome)).or_default() += 1;
        Ok(())
    }

    /// Holds a slot for longer, unless another daemon took it over.
    fn renew(&self, holding: &Holding, now: Timestamp) {
        let until = now.plus_seconds(LEASE_SECONDS);
        let held = record::open(&self.project)
            .and_then(|mut ledger| Ok(ledger.prolong_slot(holding.job, holding.slot, &self.owner, until)?));
        // A ledger that cannot be written is tried again at the next waking.
        let Ok(held) = held else { return };
        if let Some(holding) = lock(&self.holding).as_mut().filter(|now_held| now_held.slot == holding.slot) {
            (holding.until, holding.is_lost) = (until, !held);
        }
    }

    /// Records every slot before `end` of which the record does not tell yet.
    fn record_all_missed(
        &self,
        ledger: &mut Ledger,
        job: &str,
        schedule: &Slots,
        end: Timestamp,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let there_since = Timestamp::from_unix(self.there_since.load(Ordering::SeqCst));
        let mut told = slots::told_until(ledger, job, now)?;
        loop {
            let missed = slots::missed(job, schedule, told, end, there_since);
            let Some(last) = missed.last() else { return Ok(()) };
            told = last.to;
            for missed in missed {
                self.record_missed(ledger, missed)?;
            }
        }
    }

    fn record_missed(&self, ledger: &mut Ledger, missed: Missed) -> anyhow::Result<()> {
        *lock(&self.counters).missed.entry(missed.job.clone()).or_default() += missed.slots;
        let entry = NewEntry::json(EntryKind::Missed, &missed.job, scoping::canonical("missed slots", &missed)?);
        pipeline::append(ledger, &record::signer(&self.project)?, vec![entry])
    }

    /// Whether the daemon does its work.
    pub(super) fn ready(&self, now: Timestamp) -> Result<(), String> {
        if self.is_stopping() {
            return Err("it is stopping".to_owned());
        }
        if now.seconds_since(Timestamp::from_unix(self.woken.load(Ordering::SeqCst))) > WAKE_AGE_MAX {
            return Err("the scheduler does not wake".to_owned());
        }
        self.ready.get(now, READY_SECONDS, || {
            record::open(&self.project).map(drop).map_err(|_| "the ledger cannot be opened".to_owned())
        })
    }

    /// The metrics as of now.
    pub(super) fn metrics(&self, now: Timestamp) -> String {
        let assessment = self.assessed.get(now, ASSESSED_SECONDS, || {
            let ledger = record::open(&self.project).ok()?;
            Some(Arc::new(avouch_evaluate::assess(&ledger.recorded(None).ok()?, now)))
        });
        let mut counters = lock(&self.counters).clone();
        counters.running = lock(&self.holding).iter().map(|holding| holding.job.to_owned()).collect();
        metrics::text(&counters, assessment.as_deref(), &self.project.configuration.schedule)
    }
}

/// Says that the daemon has nothing to do any more, also when a look at the ledger panicked.
struct Idle(Arc<Daemon>);

impl Drop for Idle {
    fn drop(&mut self) {
        self.0.working.send_replace(false);
    }
}

/// An answer that is given again for a while. Whoever asks meanwhile waits for it.
struct Kept<T>(Mutex<Option<(Timestamp, T)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Kept<T> {
    fn get(&self, now: Timestamp, seconds: i64, make: impl FnOnce() -> T) -> T {
        let mut kept = lock(&self.0);
        match kept.as_ref() {
            Some((at, value)) if (0..seconds).contains(&now.seconds_since(*at)) => value.clone(),
            _ => kept.insert((now, make())).1.clone(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does the job: the same functions as the commands. `owned`: whoever started the daemon says that the targets are theirs.
pub(super) fn execute(
    owned: bool,
    job: &str,
    project: &Project,
    output: &Output,
    stopping: &dyn Fn() -> bool,
) -> anyhow::Result<()> {
    if job != "purge" {
        // Deleting is asked for by a line of its own in the schedule.
        return pipeline::run(project, output, pipeline::Asked { release: None, purge: false, publish: true, owned }).map(drop);
    }
    let signer = record::signer(project)?;
    let mut ledger = record::open(project)?;
    pipeline::record_present_scope(project, &mut ledger, &signer)?;
    let mut pace = |pause: Duration| {
        thread::sleep(pause);
        if stopping() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let runs = retaining::execute(project, output, &mut ledger, true, &mut pace)?;
    retaining::record(project, &mut ledger, &signer)?;
    let failed: Vec<&str> = runs.iter().filter(|(_, run)| run.ended == Ended::Failed).map(|(name, _)| name.as_str()).collect();
    if !failed.is_empty() {
        bail!("did not end: {}", failed.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! Deleting and proving.

use std::time::{Duration, Instant};

use avouch_database::{
    DatabaseError, Read, Rows, open_read,
    purge::{self, Keep, Purge},
};
use avouch_model::{
    Digest, Timestamp,
    product::Action,
    receipt::{Ended, Enforcement, Remnants, RetentionRun},
};

use crate::{
    Asked, Execution, Gentleness, Pace, Plan, RetainError,
    archive::Archive,
    pace::pause_after,
    place::Place,
    plan::{self, look, look_again},
    survey::{Survey, cutoffs, database},
};

/// How many values of deleted rows are looked for in the files afterwards.
const CANARIES: usize = 32;
/// How many times as long a window may take where others write meanwhile: every one costs a transaction, and a look at the shape of
/// the tables.
const HOLDS_BESIDE_WRITERS: u32 = 10;
/// The most rows of a window whose rows are archived: they are held in memory.
const ARCHIVED_ROWS: u64 = 5_000;

/// How a run goes about its windows.
struct Course<'p> {
    /// Rows that were due at the start.
    due: u64,
    /// Rows that may be deleted.
    allowed: u64,
    gentle: Gentleness,
    pace: &'p mut dyn Pace,
    began: Instant,
}

impl Course<'_> {
    /// The time by now, of a run that began when it was `asked`.
    fn now(&self, asked: &Asked<'_>) -> Timestamp {
        asked.now.plus_seconds(i64::try_from(self.pace.elapsed(self.began).as_secs()).unwrap_or(i64::MAX))
    }
}

/// Counts through a connection of its own, and deletes nothing.
pub fn prove(asked: &Asked<'_>) -> Execution {
    let mut run = untold(asked);
    match open(asked).and_then(|mut read| look(asked, read.as_mut())) {
        Ok((place, survey)) => {
            run.due = survey.due;
            run.ended = Ended::Done;
            told(&mut run, &survey);
            Execution { run, plan: Some(plan::of(asked, &place, &survey)), rows_read: None, trouble: None }
        }
        Err(trouble) => Execution { run, plan: None, rows_read: None, trouble: Some(trouble) },
    }
}

/// Deletes what is due in small windows, then counts again through another connection.
///
/// A rule that the product enforces is only proven. When more is due than the fuse allows, nothing is deleted unless
/// `confirm` is the digest of the plan of now. The fuse holds while it works as well: a window that would delete more than the fuse, or
/// the plan that was confirmed, allows is undone, and the run ends. When it stops in between, what was deleted is counted, the database is
/// consistent, and the next purge goes on.
pub fn purge(asked: &Asked<'_>, confirm: Option<Digest>, gentle: &Gentleness, pace: &mut dyn Pace) -> Execution {
    if asked.rule.enforce == Enforcement::Product {
        return prove(asked);
    }
    let mut run = untold(asked);
    let began = Instant::now();
    let (place, before, plan) = match prepare(asked) {
        Ok(prepared) => prepared,
        Err(trouble) => return Execution { run, plan: None, rows_read: None, trouble: Some(trouble) },
    };
    run.due = before.due;
    if let Some(trouble) = forbidden(asked, &plan, confirm) {
        run.ended = Ended::Fused;
        told(&mut run, &before);
        return Execution { run, plan: Some(plan), rows_read: None, trouble: Some(trouble) };
    }

    run.purged = true;
    let mut course = Course { due: before.due, allowed: plan.allowed(), gentle: *gentle, pace, began };
    let (done, rows_read) = delete(asked, &place, &mut course, &mut run);
    let trouble = done.err();
    // A part may end before the newest row that was due: then its day is not known.
    run.newest_deleted = before.newest_due.filter(|_| run.deleted > 0 && trouble.is_none());
    let trouble = match open(asked).and_then(|mut read| look_again(asked, read.as_mut())) {
        Ok((place, after)) => {
            told(&mut run, &after);
            trouble.map(|trouble| if trouble.is_beyond_the_fuse() { fused(asked, &place, &after, &mut run) } else { trouble })
        }
        Err(unproven) => trouble.or(Some(unproven)),
    };
    if trouble.is_none() {
        run.ended = Ended::Done;
    }
    Execution { run, plan: Some(plan), rows_read, trouble }
}

fn prepare(asked: &Asked<'_>) -> Result<(Place, Survey, Plan), RetainError> {
    let mut read = open(asked)?;
    let (place, survey) = look(asked, read.as_mut())?;
    let plan = plan::judge(asked, read.as_mut(), &place, &survey)?;
    Ok((place, survey, plan))
}

/// Why the plan must not be executed without another confirmation. A plan within its fuse needs none, whatever is given.
fn forbidden(asked: &Asked<'_>, plan: &Plan, confirm: Option<Digest>) -> Option<RetainError> {
    if !plan.fused || confirm == Some(plan.digest) {
        return None;
    }
    let rule = asked.rule.name.clone();
    Some(match confirm {
        Some(_) => RetainError::OtherPlan { rule, digest: plan.digest },
        None => RetainError::Fused { rule, due: plan.due, rows: plan.rows, fuse_percent: plan.fuse_percent, digest: plan.digest },
    })
}

/// Ends a run as the fuse does, where more became due on the way.
fn fused(asked: &Asked<'_>, place: &Place, after: &Survey, run: &mut RetentionRun) -> RetainError {
    run.ended = Ended::Fused;
    let Plan { due, rows, fuse_percent, digest, .. } = plan::of(asked, place, after);
    RetainError::FusedMeanwhile { rule: asked.rule.name.clone(), deleted: run.deleted, due, rows, fuse_percent, digest }
}

/// Claims the rule, and works until all that was due is gone. What was done before trouble came is told with it, and how many rows the
/// database read for it.
fn delete(
    asked: &Asked<'_>,
    place: &Place,
    course: &mut Course<'_>,
    run: &mut RetentionRun,
) -> (Result<(), RetainError>, Option<u64>) {
    match purge::open(asked.database, asked.root, &place.deletion).map_err(database(asked, "open the database for deletion")) {
        Ok(mut purge) => {
            let done = delete_claimed(asked, place, purge.as_mut(), course, run);
            (done, purge.rows_read())
        }
        Err(trouble) => (Err(trouble), None),
    }
}

fn delete_claimed(
    asked: &Asked<'_>,
    place: &Place,
    purge: &mut dyn Purge,
    course: &mut Course<'_>,
    run: &mut RetentionRun,
) -> Result<(), RetainError> {
    let claim = purge.claim(&asked.owner, course.now(asked), asked.told).map_err(database(asked, "claim the rule"))?;
    run.claim = Some(claim.number);
    (run.recovered, run.children) = (claim.recovered, claim.recovered_children);
    let done = if course.due > 0 { work(asked, purge, course, run) } else { erase(asked, purge, &[], run) };
    if let Err(RetainError::Database { cause, .. }) = &done {
        // Whoever has the claim now counted what is in the journal, and tells it.
        if matches!(**cause, DatabaseError::ClaimLost { .. }) {
            (run.claim, run.deleted, run.children, run.recovered) = (None, 0, 0, 0);
            return done;
        }
        if cause.leaves_it_open() {
            count_again(asked, place, course.now(asked), run);
            return done;
        }
    }
    // A claim that is not given back expires.
    done.and(purge.release().map_err(database(asked, "give the claim back")))?;
    // Deleted rows can be read in the file until the log is moved into it. Whoever reads now keeps it from happening, and
    // then the product's next checkpoint does it.
    purge.settle().map_err(database(asked, "move the write-ahead log into the database file"))?;
    Ok(())
}

/// Asks the journal what was done when a connection ended, the last window among it: its commit may have arrived. A claim of
/// our own waits until nothing is under way any more. Where it cannot be had, the next run tells of everything; where somebody
/// else had the claim meanwhile, that one does, or whoever follows it.
fn count_again(asked: &Asked<'_>, place: &Place, now: Timestamp, run: &mut RetentionRun) {
    let again = || {
        let mut purge = purge::open(asked.database, asked.root, &place.deletion)?;
        let claim = purge.claim(&asked.owner, now, asked.told)?;
        // One that is not given back expires.
        let _ = purge.release();
        Ok::<_, DatabaseError>(claim)
    };
    let following = run.claim.map(|number| number + 1);
    (run.claim, run.deleted, run.children, run.recovered) = match again() {
        Ok(claim) if Some(claim.number) == following => {
            let deleted = claim.recovered.saturating_sub(run.recovered);
            (Some(claim.number), deleted, claim.recovered_children, run.recovered)
        }
        Ok(_) | Err(_) => (None, 0, 0, 0),
    };
}

fn work(asked: &Asked<'_>, purge: &mut dyn Purge, course: &mut Course<'_>, run: &mut RetentionRun) -> Result<(), RetainError> {
    let terms = &asked.rule.terms;
    let canaries = if terms.erase { purge.canaries(CANARIES) } else { Ok(Vec::new()) };
    let canaries = canaries.map_err(database(asked, "sample rows that are due"))?;
    match &terms.action {
        Action::Archive(place) => {
            let cannot = |cause| DatabaseError::NotKept { database: asked.database.name.clone(), cause };
            let archive = Archive::open(asked.root, place, &asked.rule.name).map_err(cannot);
            let mut archive = archive.map_err(database(asked, "open the archive"))?;
            course.gentle.rows_max = course.gentle.rows_max.min(ARCHIVED_ROWS);
            let done = windows(asked, purge, course, run, Some(&mut archive));
            (run.archived, run.strays) = (archive.written, archive.strays());
            done?;
        }
        Action::Delete | Action::Anonymise(_) => windows(asked, purge, course, run, None)?,
    }
    erase(asked, purge, &canaries, run)
}

/// Compacts the file when something was deleted, by a run that was killed as well, and looks through it.
fn erase(asked: &Asked<'_>, purge: &mut dyn Purge, canaries: &[Vec<u8>], run: &mut RetentionRun) -> Result<(), RetainError> {
    if asked.rule.terms.erase && (run.deleted > 0 || run.recovered > 0) {
        let found = purge.erase(canaries).map_err(database(asked, "rewrite the database file and look through it"))?;
        run.remnants = found.map(|found| Remnants { sampled: canaries.len() as u64, found });
    }
    Ok(())
}

fn windows(
    asked: &Asked<'_>,
    purge: &mut dyn Purge,
    course: &mut Course<'_>,
    run: &mut RetentionRun,
    mut archive: Option<&mut Archive>,
) -> Result<(), RetainError> {
    let (due, allowed) = (course.due, course.allowed);
    purge.allow(allowed);
    if archive.is_none() {
        while let Some(rows) = purge.part().map_err(database(asked, "drop a part of the table"))? {
            run.deleted += rows;
            purge.allow(allowed.saturating_sub(run.deleted));
            course.pace.told(run.deleted, due);
            if course.pace.pause(pause_after(Duration::ZERO)).is_break() {
                return Err(RetainError::Stopped { rule: asked.rule.name.clone(), deleted: run.deleted, due });
            }
        }
    }
    if purge.lets_others_write() {
        course.gentle.hold *= HOLDS_BESIDE_WRITERS;
    }
    let by_the_clock = archive.is_none() && purge.hold_at_most(course.gentle.hold, course.gentle.rows_min);
    let Gentleness { rows_min, rows_max, .. } = course.gentle;
    let mut rows = if by_the_clock { rows_max.max(rows_min) } else { rows_min }.max(1);
    let mut from = purge.first().map_err(database(asked, "find the first row that is due"))?;
    while let Some(key) = from {
        let mut keep = archive.as_deref_mut().map(|archive| |rows: &[(String, Rows)]| archive.keep(rows));
        let batch = purge.batch(&key, rows, keep.as_mut().map(|keep| keep as &mut Keep<'_>));
        let batch = batch.map_err(database(asked, "delete a window of rows"))?;
        if batch.deleted > 0 {
            archive.iter_mut().for_each(|archive| archive.settled());
        }
        run.deleted += batch.deleted;
        purge.allow(allowed.saturating_sub(run.deleted));
        run.children += batch.children;
        course.pace.told(run.deleted, due);
        // What became due since then is for the next run: this one ends.
        from = batch.next.filter(|_| run.deleted < due);
        purge.tidy(course.gentle.wal_bytes_max).map_err(database(asked, "bound the write-ahead log"))?;
        if !by_the_clock {
            rows = course.gentle.next(rows, batch.worked);
        }
        if from.is_some() && course.pace.pause(pause_after(batch.held)).is_break() {
            return Err(RetainError::Stopped { rule: asked.rule.name.clone(), deleted: run.deleted, due });
        }
    }
    Ok(())
}

fn open(asked: &Asked<'_>) -> Result<Box<dyn Read>, RetainError> {
    open_read(asked.database, asked.root).map_err(database(asked, "open the database"))
}

/// A run of which nothing is known yet: it failed, until it is told otherwise.
fn untold(asked: &Asked<'_>) -> RetentionRun {
    RetentionRun {
        promise: asked.promise.clone(),
        purged: false,
        at: asked.now,
        cutoff: cutoffs(asked).0,
        due: 0,
        deleted: 0,
        due_after: 0,
        overdue_after: 0,
        rows_after: 0,
        undated: 0,
        future: 0,
        oldest_after: None,
        newest_deleted: None,
        ended: Ended::Failed,
        claim: None,
        recovered: 0,
        children: 0,
        held: 0,
        archived: 0,
        strays: 0,
        remnants: None,
        recovery_window: asked.database.recovery_window,
    }
}

/// The post-condition, as it was counted.
fn told(run: &mut RetentionRun, after: &Survey) {
    run.due_after = after.due;
    run.overdue_after = after.overdue;
    run.rows_after = after.rows;
    run.undated = after.undated;
    run.future = after.future;
    run.held = after.held;
    run.oldest_after = after.oldest;
}

//! Deleting and proving.

use avouch_database::{
    open_purge, open_read,
    purge::{Deletion, Purge},
};
use avouch_model::{
    Digest,
    receipt::{Ended, Enforcement, RetentionRun},
};

use crate::{
    Asked, Execution, Gentleness, Pace, Plan, RetainError, obstacles,
    pace::pause_after,
    plan::{self, look},
    survey::{Place, Survey, cutoffs, database},
};

/// Counts through a connection of its own, and deletes nothing.
pub fn prove(asked: &Asked<'_>) -> Execution {
    let mut run = untold(asked);
    match look_afresh(asked) {
        Ok((place, survey)) => {
            run.due = survey.due;
            run.ended = Ended::Done;
            told(&mut run, &survey);
            Execution { run, plan: Some(plan::of(asked, &place, &survey)), trouble: None }
        }
        Err(trouble) => Execution { run, plan: None, trouble: Some(trouble) },
    }
}

/// Deletes what is due in small windows, then counts again through another connection.
///
/// A rule that the product enforces is only proven. When more is due than the fuse allows, nothing is deleted unless
/// `confirm` is the digest of the plan of now. When it stops in between, what was deleted is counted, the database is
/// consistent, and the next purge goes on.
pub fn purge(asked: &Asked<'_>, confirm: Option<Digest>, gentle: &Gentleness, pace: &mut dyn Pace) -> Execution {
    if asked.rule.enforce == Enforcement::Product {
        return prove(asked);
    }
    let mut run = untold(asked);
    let (place, before, plan) = match prepare(asked) {
        Ok(prepared) => prepared,
        Err(trouble) => {
            return Execution { run, plan: None, trouble: Some(trouble) };
        }
    };
    run.due = before.due;
    if let Some(trouble) = forbidden(asked, &plan, confirm) {
        run.ended = Ended::Fused;
        told(&mut run, &before);
        return Execution { run, plan: Some(plan), trouble: Some(trouble) };
    }

    run.purged = true;
    let (deleted, trouble) = delete(asked, &place, &before, gentle, pace);
    run.deleted = deleted;
    // A part may end before the newest row that was due: then its day is not known.
    run.newest_deleted = before.newest_due.filter(|_| deleted > 0 && trouble.is_none());
    let trouble = match look_afresh(asked) {
        Ok((_, after)) => {
            told(&mut run, &after);
            trouble
        }
        Err(unproven) => trouble.or(Some(unproven)),
    };
    if trouble.is_none() {
        run.ended = Ended::Done;
    }
    Execution { run, plan: Some(plan), trouble }
}

fn prepare(asked: &Asked<'_>) -> Result<(Place, Survey, Plan), RetainError> {
    let (place, survey) = look_afresh(asked)?;
    if let (Some(encoding), true) = (survey.encoding, survey.due > 0) {
        let mut read = open_read(asked.database, asked.root).map_err(database(asked, "open the database"))?;
        obstacles::refuse_any(asked, read.as_mut(), &place, encoding)?;
    }
    let plan = plan::of(asked, &place, &survey);
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

/// Deletes until all that was due is gone. What was deleted before trouble came is told with it.
fn delete(
    asked: &Asked<'_>,
    place: &Place,
    before: &Survey,
    gentle: &Gentleness,
    pace: &mut dyn Pace,
) -> (u64, Option<RetainError>) {
    let Some(encoding) = before.encoding.filter(|_| before.due > 0) else {
        return (0, None);
    };
    let deletion =
        Deletion { table: place.table.clone(), column: place.column.clone(), cutoff: encoding.write(cutoffs(asked).0) };
    let mut deleted = 0;
    let trouble = match open_purge(asked.database, asked.root, &deletion) {
        Ok(mut purge) => windows(asked, purge.as_mut(), before.due, gentle, pace, &mut deleted).err(),
        Err(cause) => Some(database(asked, "open the database for deletion")(cause)),
    };
    (deleted, trouble)
}

fn windows(
    asked: &Asked<'_>,
    purge: &mut dyn Purge,
    due: u64,
    gentle: &Gentleness,
    pace: &mut dyn Pace,
    deleted: &mut u64,
) -> Result<(), RetainError> {
    let mut rows = gentle.rows_min.max(1);
    let mut from = purge.first().map_err(database(asked, "find the first row that is due"))?;
    while let Some(key) = from {
        let batch = purge.batch(&key, rows).map_err(database(asked, "delete a window of rows"))?;
        *deleted += batch.deleted;
        // What became due since then is for the next run: this one ends.
        from = batch.next.filter(|_| *deleted < due);
        purge.tidy(gentle.wal_bytes_max).map_err(database(asked, "bound the write-ahead log"))?;
        rows = gentle.next(rows, batch.worked);
        if from.is_some() && pace.pause(pause_after(batch.held)).is_break() {
            return Err(RetainError::Stopped { rule: asked.rule.name.clone(), deleted: *deleted, due });
        }
    }
    // Deleted rows can be read in the file until the log is moved into it. Whoever reads now keeps it from happening, and
    // then the product's next checkpoint does it.
    purge.settle().map_err(database(asked, "move the write-ahead log into the database file"))?;
    Ok(())
}

fn look_afresh(asked: &Asked<'_>) -> Result<(Place, Survey), RetainError> {
    let mut read = open_read(asked.database, asked.root).map_err(database(asked, "open the database"))?;
    look(asked, read.as_mut())
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
    }
}

/// The post-condition, as it was counted.
fn told(run: &mut RetentionRun, after: &Survey) {
    run.due_after = after.due;
    run.overdue_after = after.overdue;
    run.rows_after = after.rows;
    run.undated = after.undated;
    run.future = after.future;
    run.oldest_after = after.oldest;
}

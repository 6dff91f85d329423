//! Slots of the schedule: what the daemon holds, so that no two of them run one slot, and a missed one is seen.

use avouch_model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::Ledger;
use crate::error::RecordError;

/// How a slot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// Somebody runs it, until the lease ends.
    Running,
    /// It ended well.
    Finished,
    /// It ended with an error.
    Failed,
}

/// One slot of a job's schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The job, `run` or `purge`.
    pub job: String,
    /// When it was due.
    pub scheduled_for: Timestamp,
    /// How it stands.
    pub state: SlotState,
    /// Who took it.
    pub owner: String,
    /// Until when it is held.
    pub lease_until: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// The answer to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The slot is the caller's: run it, then finish or fail it.
    Taken,
    /// Somebody runs this slot or another one of the job.
    Held,
    /// It ended, well or not, or a later one did.
    Ended,
}

/// What a daemon promised: to do a job by a schedule, from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promised {
    /// The expression.
    pub schedule: String,
    /// What was due later is owed.
    pub since: Timestamp,
}

/// How the slots of a job stand at a moment. What a clock that was ahead left behind says nothing of what is due now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The last slot, due by now, that ended.
    pub ended: Option<Timestamp>,
    /// The slot that was taken and did not end; of several the one that is held longest. It may be due later than now.
    pub taken: Option<Slot>,
}

impl Slot {
    /// Whether its lease can be believed: it has not ended, and is no longer than leases are. One that is was given by a clock
    /// that was ahead; whoever works on it mends it. By a third of a lease the clocks of two daemons may differ.
    pub fn is_held(&self, now: Timestamp, lease_seconds: i64) -> bool {
        (0..=lease_seconds + lease_seconds / 3).contains(&self.lease_until.seconds_since(now))
    }
}

impl Ledger {
    /// How the slots of a job stand.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn standing(&self, job: &str, now: Timestamp) -> Result<Standing, RecordError> {
        standing(&self.database, job, now)
    }

    /// Claims a slot until the lease ends: the job is the caller's alone then. What another left unended is taken away from it, and
    /// stays unended until it is [forgotten](Self::forget_unended).
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn claim_slot(
        &mut self,
        job: &str,
        scheduled_for: Timestamp,
        owner: &str,
        now: Timestamp,
        lease_seconds: i64,
    ) -> Result<Claim, RecordError> {
        let (transaction, ..) = self.write()?;
        let Standing { ended, taken } = standing(&transaction, job, now.max(scheduled_for))?;
        if taken.is_some_and(|taken| taken.is_held(now, lease_seconds)) {
            return Ok(Claim::Held);
        }
        if ended >= Some(scheduled_for) {
            return Ok(Claim::Ended);
        }
        let until = now.plus_seconds(lease_seconds);
        transaction
            .execute(
                "UPDATE slots SET owner = ?2, lease_until = min(lease_until, ?3) WHERE job = ?1 AND state = 'running'",
                params![job, owner, now.plus_seconds(-1).unix()],
            )
            .and_then(|_| {
                transaction.execute(
                    "INSERT INTO slots (job, scheduled_for, state, owner, lease_until) VALUES (?1, ?2, 'running', ?3, ?4) \
                     ON CONFLICT (job, scheduled_for) DO UPDATE SET owner = ?3, lease_until = ?4",
                    params![job, scheduled_for.unix(), owner, until.unix()],
                )
            })
            .map_err(RecordError::database("write to"))?;
        transaction.commit().map_err(RecordError::database("write to"))?;
        Ok(Claim::Taken)
    }

    /// Holds a slot until another time. Tells whether it is still the owner's.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn prolong_slot(
        &mut self,
        job: &str,
        scheduled_for: Timestamp,
        owner: &str,
        until: Timestamp,
    ) -> Result<bool, RecordError> {
        let changed = self.database.execute(
            "UPDATE slots SET lease_until = ?1 WHERE job = ?2 AND scheduled_for = ?3 AND owner = ?4 AND state = 'running'",
            params![until.unix(), job, scheduled_for.unix(), owner],
        );
        Ok(changed.map_err(RecordError::database("write to"))? == 1)
    }

    /// Forgets what others left unended, once it is recorded as missed. Only this slot is left of those that run.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn forget_unended(&mut self, job: &str, scheduled_for: Timestamp, owner: &str) -> Result<(), RecordError> {
        let gone = self.database.execute(
            "DELETE FROM slots WHERE job = ?1 AND state = 'running' AND scheduled_for <> ?2 AND owner = ?3",
            params![job, scheduled_for.unix(), owner],
        );
        gone.map(drop).map_err(RecordError::database("write to"))
    }

    /// What was promised of a job.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn promised(&self, job: &str) -> Result<Option<Promised>, RecordError> {
        let read = |row: &rusqlite::Row<'_>| Ok(Promised { schedule: row.get(0)?, since: Timestamp::from_unix(row.get(1)?) });
        let found = self.database.query_row("SELECT schedule, since FROM promises WHERE job = ?1", [job], read);
        found.optional().map_err(RecordError::database("read"))
    }

    /// Promises a job in place of what was promised of it before.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn promise(&mut self, job: &str, promised: &Promised) -> Result<(), RecordError> {
        let written = self.database.execute(
            "INSERT INTO promises (job, schedule, since) VALUES (?1, ?2, ?3) \
             ON CONFLICT (job) DO UPDATE SET schedule = ?2, since = ?3",
            params![job, promised.schedule, promised.since.unix()],
        );
        written.map(drop).map_err(RecordError::database("write to"))
    }

    /// Ends a slot well.
    ///
    /// # Errors
    /// When the slot is not the owner's (any more), or the ledger cannot be written.
    pub fn finish_slot(&mut self, job: &str, scheduled_for: Timestamp, owner: &str, now: Timestamp) -> Result<(), RecordError> {
        self.end_slot("finished", job, scheduled_for, owner, now)
    }

    /// Ends a slot with an error.
    ///
    /// # Errors
    /// When the slot is not the owner's (any more), or the ledger cannot be written.
    pub fn fail_slot(&mut self, job: &str, scheduled_for: Timestamp, owner: &str, now: Timestamp) -> Result<(), RecordError> {
        self.end_slot("failed", job, scheduled_for, owner, now)
    }

    fn end_slot(
        &mut self,
        state: &str,
        job: &str,
        scheduled_for: Timestamp,
        owner: &str,
        now: Timestamp,
    ) -> Result<(), RecordError> {
        let (transaction, ..) = self.write()?;
        let changed = transaction
            .execute(
                "UPDATE slots SET state = ?1, finished_at = ?2 \
                 WHERE job = ?3 AND scheduled_for = ?4 AND owner = ?5 AND state = 'running'",
                params![state, now.unix(), job, scheduled_for.unix(), owner],
            )
            .map_err(RecordError::database("write to"))?;
        if changed != 1 {
            return Err(RecordError::SlotNotHeld { job: job.to_owned(), scheduled_for });
        }
        transaction.commit().map_err(RecordError::database("write to"))
    }

    /// The last slots of a job, newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn slots(&self, job: &str, count: u32) -> Result<Vec<Slot>, RecordError> {
        slots(&self.database, "job = ?1 ORDER BY scheduled_for DESC LIMIT ?2", params![job, count])
    }
}

fn standing(database: &Connection, job: &str, now: Timestamp) -> Result<Standing, RecordError> {
    let ended = slots(
        database,
        "job = ?1 AND scheduled_for <= ?2 AND state <> 'running' ORDER BY scheduled_for DESC LIMIT 1",
        params![job, now.unix()],
    )?;
    let taken = slots(database, "job = ?1 AND state = 'running' ORDER BY lease_until DESC LIMIT 1", params![job])?;
    Ok(Standing { ended: ended.first().map(|slot| slot.scheduled_for), taken: taken.into_iter().next() })
}

fn slots(database: &Connection, condition: &'static str, values: impl rusqlite::Params) -> Result<Vec<Slot>, RecordError> {
    let query = format!("SELECT job, scheduled_for, state, owner, lease_until, finished_at FROM slots WHERE {condition}");
    let mut statement = database.prepare_cached(&query).map_err(RecordError::database("read"))?;
    let rows = statement.query_map(values, |row| {
        let state: String = row.get(2)?;
        Ok(Slot {
            job: row.get(0)?,
            scheduled_for: Timestamp::from_unix(row.get(1)?),
            state: match state.as_str() {
                "running" => SlotState::Running,
                "finished" => SlotState::Finished,
                _ => SlotState::Failed,
            },
            owner: row.get(3)?,
            lease_until: Timestamp::from_unix(row.get(4)?),
            finished_at: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_unix),
        })
    });
    rows.and_then(Iterator::collect).map_err(RecordError::database("read"))
}

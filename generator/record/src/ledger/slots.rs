//! Slots of the schedule: what the daemon holds, so that no two of them run one slot, and a missed one is seen.

use avouch_model::Timestamp;
use rusqlite::{OptionalExtension as _, params};

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
    /// Somebody else runs it.
    Held,
    /// It ended, well or not.
    Ended,
}

impl Ledger {
    /// Claims a slot until the lease ends. A slot whose lease ended without an end is taken over.
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
        let found: Option<(String, i64)> = transaction
            .query_row(
                "SELECT state, lease_until FROM slots WHERE job = ?1 AND scheduled_for = ?2",
                params![job, scheduled_for.unix()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(RecordError::database("read"))?;
        match found {
            Some((state, _)) if state != "running" => return Ok(Claim::Ended),
            Some((_, lease)) if lease >= now.unix() => return Ok(Claim::Held),
            _ => {}
        }
        transaction
            .execute(
                "INSERT INTO slots (job, scheduled_for, state, owner, lease_until) VALUES (?1, ?2, 'running', ?3, ?4) \
                 ON CONFLICT (job, scheduled_for) DO UPDATE SET owner = ?3, lease_until = ?4",
                params![job, scheduled_for.unix(), owner, now.plus_seconds(lease_seconds).unix()],
            )
            .map_err(RecordError::database("write to"))?;
        transaction.commit().map_err(RecordError::database("write to"))?;
        Ok(Claim::Taken)
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

    /// The last slot of a job that ended well.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn last_finished_slot(&self, job: &str) -> Result<Option<Slot>, RecordError> {
        let found = self.slots_where("job = ?1 AND state = 'finished' ORDER BY scheduled_for DESC LIMIT ?2", job, 1)?;
        Ok(found.into_iter().next())
    }

    /// The last slots of a job, newest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn slots(&self, job: &str, count: u32) -> Result<Vec<Slot>, RecordError> {
        self.slots_where("job = ?1 ORDER BY scheduled_for DESC LIMIT ?2", job, count)
    }

    fn slots_where(&self, condition: &'static str, job: &str, count: u32) -> Result<Vec<Slot>, RecordError> {
        let query = format!("SELECT job, scheduled_for, state, owner, lease_until, finished_at FROM slots WHERE {condition}");
        let mut statement = self.database.prepare_cached(&query).map_err(RecordError::database("read"))?;
        let rows = statement.query_map(params![job, count], |row| {
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
}

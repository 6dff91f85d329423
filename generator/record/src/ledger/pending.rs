//! Runs of retention rules that wait in the private store until they are rolled up into a receipt.

use avouch_model::{Timestamp, canonical, receipt::RetentionRun};
use rusqlite::params;

use super::{Appended, Ledger, NewEntry};
use crate::{error::RecordError, signer::Signer};

/// A run of a retention rule that no receipt covers yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRun {
    /// Its number in the private store.
    pub id: i64,
    /// The run.
    pub run: RetentionRun,
}

impl Ledger {
    /// Keeps a run of a retention rule until a receipt covers it.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn keep_retention_run(&mut self, run: &RetentionRun) -> Result<(), RecordError> {
        let bytes = canonical::to_bytes(run).map_err(RecordError::Canonical)?;
        let (transaction, ..) = self.write()?;
        transaction
            .execute(
                "INSERT INTO retention_runs (rule, at, run) VALUES (?1, ?2, ?3)",
                params![run.promise.rule, run.at.unix(), bytes],
            )
            .map_err(RecordError::database("write to"))?;
        transaction.commit().map_err(RecordError::database("write to"))
    }

    /// The runs that no receipt covers yet, oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn pending_retention_runs(&self) -> Result<Vec<PendingRun>, RecordError> {
        let mut statement = self
            .database
            .prepare_cached("SELECT id, run FROM retention_runs ORDER BY at, id")
            .map_err(RecordError::database("read"))?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .map_err(RecordError::database("read"))?;
        rows.map(|row| {
            let (id, bytes) = row.map_err(RecordError::database("read"))?;
            let run = canonical::from_bytes(&bytes)
                .map_err(|error| self.damaged(format!("a pending retention run cannot be read: {error}")))?;
            Ok(PendingRun { id, run })
        })
        .collect()
    }

    /// Appends receipts and forgets the runs that they cover, in one transaction.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_receipts(
        &mut self,
        signer: &Signer,
        at: Timestamp,
        receipts: Vec<NewEntry>,
        covered: &[i64],
    ) -> Result<Vec<Appended>, RecordError> {
        self.append_with(signer, at, receipts, |transaction| {
            let mut delete = transaction
                .prepare_cached("DELETE FROM retention_runs WHERE id = ?1")
                .map_err(RecordError::database("write to"))?;
            for id in covered {
                delete.execute([id]).map_err(RecordError::database("write to"))?;
            }
            Ok(())
        })
    }
}

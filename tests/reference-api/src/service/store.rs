//! The database behind one thread: jobs are done in turn, each in a transaction, so that a count and the row that it
//! admits belong together.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

/// The most jobs that wait; more requests wait with theirs.
const JOBS_MAX: usize = 256;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The way to the thread that holds the connection; the thread ends with the last of them.
#[derive(Clone)]
pub(super) struct Store {
    jobs: mpsc::Sender<Job>,
}

/// A job could not be done.
#[derive(Debug)]
pub(super) enum Unavailable {
    /// SQLite refused; nothing was changed. The cause names tables, and is for people who debug the service.
    Refused(#[expect(dead_code, reason = "shown by Debug only")] rusqlite::Error),
    /// The thread is gone.
    Gone,
}

impl Store {
    /// Opens the database of the product.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .with_context(|| format!("cannot open the database `{}`; `reference-api seed` makes one", path.display()))?;
        connection.busy_timeout(Duration::from_secs(5)).context("cannot set how long to wait for a lock")?;
        connection.pragma_update(None, "synchronous", "normal").context("cannot set how writes are synchronised")?;
        let tables: u32 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name IN ('orgs', 'api_keys', 'rate_limits')", [], |row| {
                row.get(0)
            })
            .context("cannot read the schema")?;
        ensure!(tables == 3, "`{}` is not the product's database; `reference-api seed` makes one", path.display());
        let (jobs, mut waiting) = mpsc::channel::<Job>(JOBS_MAX);
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                while let Some(job) = waiting.blocking_recv() {
                    job(&mut connection);
                }
            })
            .context("cannot start the thread of the database")?;
        Ok(Self { jobs })
    }

    /// Does a job in a transaction that is committed when the job succeeds.
    pub(super) async fn write<T, F>(&self, job: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    {
        self.run(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = job(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
        .await
    }

    /// Does a job that only reads.
    pub(super) async fn read<T, F>(&self, job: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.run(|connection| job(connection)).await
    }

    async fn run<T, F>(&self, job: F) -> Result<T, Unavailable>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody waits any more for the answer of a request that was given up.
            let _ = answer.send(job(connection));
        });
        self.jobs.send(job).await.map_err(|_| Unavailable::Gone)?;
        answered.await.map_err(|_| Unavailable::Gone)?.map_err(Unavailable::Refused)
    }
}

//! The running service: HTTPS with TLS 1.3, plain HTTP that only points there, and the API behind it.

mod answer;
mod app;
mod authentication;
mod body;
mod cors;
mod floor;
mod interactions;
mod issued_keys;
mod journal;
mod limits;
mod listen;
mod mcp;
pub(crate) mod own_tests;
mod store;
pub(crate) mod tls;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::defect::{Chosen, Defect};

/// How the service runs.
#[derive(Clone)]
pub struct Settings {
    /// The database, made by `seed`.
    pub database: PathBuf,
    /// Where HTTPS is served; port 0 takes a free one.
    pub https: SocketAddr,
    /// Where plain HTTP points to HTTPS.
    pub http: SocketAddr,
    /// Where the certificate of the authority is written, PEM.
    pub ca_out: PathBuf,
    /// The commit that `/version` names.
    pub commit: String,
    /// The request log.
    pub log: PathBuf,
    /// The secret that key hashes are made with.
    pub pepper: String,
    /// The clock.
    pub clock: fn() -> DateTime<Utc>,
    /// The defect.
    pub chosen: Chosen,
    /// The numbers.
    pub limits: Limits,
}

/// The numbers that the security page states.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests per address in its window.
    pub address: u32,
    /// The window of an address, in seconds.
    pub address_window: u32,
    /// Requests per key in its window.
    pub key: u32,
    /// The window of a key, in seconds.
    pub key_window: u32,
    /// The least time that an authentication takes, in milliseconds.
    pub floor_ms: u32,
    /// The largest body of one interaction, in bytes.
    pub single_bytes: usize,
    /// The largest body of a batch, in bytes.
    pub batch_bytes: usize,
    /// The most interactions in a batch.
    pub batch_items: usize,
    /// The most addresses that are counted at once; with more the limiter cannot count and refuses.
    pub addresses_counted: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            address: 60,
            address_window: 60,
            key: 1_000,
            key_window: 60,
            floor_ms: 80,
            single_bytes: 1_000_000,
            batch_bytes: 5_000_000,
            batch_items: 100,
            addresses_counted: 20_000,
        }
    }
}

impl Limits {
    /// The same with the defect that is in them.
    fn with(mut self, chosen: Chosen) -> Self {
        for defect in chosen.iter() {
            match defect {
                Defect::IpLimit600 => self.address = self.address.saturating_mul(10),
                Defect::KeyLimitRaised => self.key = self.key.saturating_add(self.key / 4),
                Defect::SingleUncapped => self.single_bytes = self.single_bytes.saturating_mul(4),
                Defect::BatchItemsUnlimited => self.batch_items = usize::MAX,
                Defect::BatchCapMebibytes => self.batch_bytes = self.batch_bytes.saturating_mul(1_048_576) / 1_000_000,
                Defect::BatchItemsOneMore => self.batch_items = self.batch_items.saturating_add(1),
                _ => {}
            }
        }
        self
    }
}

/// A service that answers until it is stopped.
pub struct Running {
    /// Where HTTPS is served.
    pub https: SocketAddr,
    /// Where plain HTTP is served.
    pub http: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Stops: takes no new connection, lets requests under way finish for up to five seconds.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for task in self.tasks {
            // A task that panicked has stopped too.
            let _ = task.await;
        }
    }
}

/// Starts the service; it answers once this returns.
///
/// # Errors
/// When the database is not the product's, an address is taken, or a file cannot be written.
pub async fn start(settings: Settings) -> anyhow::Result<Running> {
    let store = store::Store::open(&settings.database)?;
    let journal = journal::Journal::open(&settings.log)?;
    journal.started(&settings);
    let https = bind(settings.https).await?;
    let http = bind(settings.http).await?;
    let https_address = https.local_addr().context("cannot read the address of the HTTPS listener")?;
    let http_address = http.local_addr().context("cannot read the address of the HTTP listener")?;
    let acceptor = tls::acceptor((settings.clock)(), &settings.ca_out, settings.chosen)?;
    let app = Arc::new(app::App::new(settings, store, journal, https_address));
    let (stop, stopped) = watch::channel(false);
    let tasks = vec![
        tokio::spawn(listen::serve(https, Some(acceptor), Arc::clone(&app), stopped.clone())),
        tokio::spawn(listen::serve(http, None, app, stopped)),
    ];
    Ok(Running { https: https_address, http: http_address, stop, tasks })
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; is another service running there?"))
}

//! A service of its own for each test: a fresh database, free ports, its own folder.

#![expect(clippy::unwrap_used, reason = "these are helpers of tests, outside any test function")]

use std::net::SocketAddr;

use chrono::Utc;
use reference_api::{
    client::Client,
    database::{self, Seeding},
    defect::Defect,
    fixture::Fixture,
    service::{self, Limits, Running, Settings},
};
use tempfile::TempDir;

/// The commit that the service names.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A running service with what is known of it.
pub(crate) struct Api {
    /// The service.
    pub(crate) running: Running,
    /// Where it answers.
    pub(crate) https: SocketAddr,
    /// Where it points to there.
    pub(crate) http: SocketAddr,
    /// The certificate of its authority.
    pub(crate) authority: Vec<u8>,
    /// A client that trusts it.
    pub(crate) client: Client,
    /// Its keys.
    pub(crate) fixture: Fixture,
    folder: TempDir,
}

impl Api {
    /// The key in this variable.
    pub(crate) fn key(&self, variable: &str) -> &str {
        self.fixture.key(variable)
    }

    /// Another connection to its database.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.folder.path().join("app.db")).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        connection
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("logs/api.log")).unwrap()
    }
}

/// Starts a service with the numbers of the security page.
pub(crate) async fn start(defect: Option<Defect>) -> Api {
    start_with(defect, Limits::default()).await
}

/// Starts a service with other numbers.
pub(crate) async fn start_with(defect: Option<Defect>, limits: Limits) -> Api {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("app.db");
    let seeding = Seeding {
        now: Utc::now(),
        seed: 1,
        due_percent: 5,
        interactions: 40,
        rate_limits: 40,
        audit_log: 40,
        alerts: 40,
        chosen: defect.into(),
    };
    let fixture = database::create(&database, &seeding).unwrap();
    let ca_out = folder.path().join("ca.pem");
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    let running = service::start(Settings {
        database,
        https: local,
        http: local,
        ca_out: ca_out.clone(),
        commit: COMMIT.to_owned(),
        log: folder.path().join("logs/api.log"),
        pepper: fixture.pepper.clone(),
        clock: Utc::now,
        chosen: defect.into(),
        limits,
    })
    .await
    .unwrap();
    let authority = std::fs::read(ca_out).unwrap();
    let client = Client::https(running.https, &authority).unwrap();
    Api { https: running.https, http: running.http, running, authority, client, fixture, folder }
}

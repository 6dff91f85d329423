//! One connection, and the thread that waits for it.

use std::{env, net::IpAddr, path::Path, time::Duration};

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{
    Client, Config, NoTls,
    config::{Host, SslMode},
    error::SqlState,
    types::ToSql,
};

use super::{
    said::Said,
    tls,
    value::{Bound, Raw},
};
use crate::{DatabaseError, Limits, Rows, Value, parameters::numbered};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a statement waits for the lock of another.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How a database is reached.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    /// The name in `[databases]`.
    pub(crate) database: &'a str,
    /// The environment variable with the URL.
    pub(crate) variable: &'a str,
    /// The file with the authorities to trust, relative to `root`.
    pub(crate) ca_file: Option<&'a str>,
    /// The repository.
    pub(crate) root: &'a Path,
}

/// A connection. Statements are run one after the other, by whoever calls.
pub(super) struct Session {
    pub(super) database: String,
    // Before the runtime, which its connection lives in.
    client: Client,
    runtime: Runtime,
}

impl Session {
    /// Opens the connection that an environment variable names.
    pub(super) fn open(way: Way<'_>) -> Result<Self, DatabaseError> {
        let (named, variable) = (way.database.to_owned(), way.variable);
        let url = env::var(variable).ok().filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| DatabaseError::NoUrl { database: named.clone(), variable: variable.to_owned() })?;
        // The cause is not told: it may quote the URL, and the URL holds a password.
        let unread = || DatabaseError::BadUrl { database: named.clone(), variable: variable.to_owned() };
        // The server's certificate is always verified in full: what asks for a part of that, or for all, is the same here.
        let url = url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
        let mut config: Config = url.parse().map_err(|_| unread())?;
        config.connect_timeout(CONNECT_TIMEOUT).application_name("avouch");
        let encrypted = is_encrypted(&config, way)?;
        let failed = |cause: tokio_postgres::Error| tls::refused(&named, cause);
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|cause| DatabaseError::Unready { database: named.clone(), cause })?;
        // It ends with the client; what went wrong is told by the statement that waited for it.
        let client = if encrypted {
            config.ssl_mode(SslMode::Require);
            let (client, connection) = runtime.block_on(config.connect(tls::Trust::of(way)?)).map_err(failed)?;
            runtime.spawn(async { drop(connection.await) });
            client
        } else {
            let (client, connection) = runtime.block_on(config.connect(NoTls)).map_err(failed)?;
            runtime.spawn(async { drop(connection.await) });
            client
        };
        let mut session = Self { database: named, client, runtime };
        // Numbers are read with every digit that tells them apart. Where a policy would hide rows of a table, nothing of it is
        // answered: what is hidden would look as if it were gone.
        session.run(
            "SET TIME ZONE 'UTC'; SET DateStyle = 'ISO'; SET standard_conforming_strings = on; SET row_security = off; \
             SET extra_float_digits = 1; SET default_transaction_isolation = 'read committed'",
        )?;
        session.at_most("lock_timeout", LOCK_TIMEOUT)?;
        // A question is asked once: compiling it takes longer than it saves. Relatives have no such setting.
        session.run("SELECT set_config(name, 'off', FALSE) FROM pg_settings WHERE name = 'jit'")?;
        Ok(session)
    }

    /// Sets a time-out, unless the role or the database has a shorter one.
    pub(super) fn at_most(&mut self, timeout: &str, time: Duration) -> Result<(), DatabaseError> {
        let time = time.as_millis();
        self.run(&format!(
            "SELECT set_config(name, '{time}', FALSE) FROM pg_settings WHERE name = '{timeout}' AND CAST(setting AS BIGINT) \
             NOT BETWEEN 1 AND {time}"
        ))
    }

    /// Has a commit wait until it is on the disk, where the role or the database says that it need not: otherwise a server that crashes
    /// takes windows back that were told as done.
    pub(super) fn is_durable(&mut self) -> Result<(), DatabaseError> {
        self.run("SELECT set_config(name, 'on', FALSE) FROM pg_settings WHERE name = 'synchronous_commit' AND setting = 'off'")
    }

    /// Runs statements without parameters and without an answer.
    pub(super) fn run(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(|cause| self.failed(sql, cause))
    }

    /// Ends the transaction that was begun: commits what is to `stay`, and undoes it otherwise or when something failed. What
    /// failed first is what is told: a connection that is gone has undone it by itself.
    pub(super) fn end<T>(&mut self, done: Result<T, DatabaseError>, stay: impl FnOnce(&T) -> bool) -> Result<T, DatabaseError> {
        let ended = self.run(if done.as_ref().is_ok_and(stay) { "COMMIT" } else { "ROLLBACK" });
        let done = done?;
        ended.map(|()| done)
    }

    /// Changes rows; tells how many.
    pub(super) fn change(&mut self, sql: &str, binds: &[(&str, &Value)]) -> Result<u64, DatabaseError> {
        let (text, values) = self.numbered(sql, binds)?;
        let run = async {
            let statement = self.client.prepare_typed(&text, &types(&values)).await?;
            self.client.execute_raw(&statement, values.iter().map(|value| value as &dyn ToSql).collect::<Vec<_>>()).await
        };
        self.runtime.block_on(run).map_err(|cause| self.failed(sql, cause))
    }

    /// Asks.
    pub(super) fn ask(&mut self, sql: &str, binds: &[(&str, &Value)], limits: Limits) -> Result<Rows, DatabaseError> {
        let (text, values) = self.numbered(sql, binds)?;
        let run = async {
            let statement = self.client.prepare_typed(&text, &types(&values)).await?;
            let columns: Vec<String> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
            let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            Ok((columns, self.client.query(&statement, &parameters).await?))
        };
        let (columns, found) = self.runtime.block_on(run).map_err(|cause: tokio_postgres::Error| self.failed(sql, cause))?;
        let database = || self.database.clone();
        if columns.is_empty() {
            return Err(DatabaseError::NotOneStatement { database: database(), sql: sql.to_owned() });
        }
        if found.len() > limits.rows_max {
            return Err(DatabaseError::TooManyRows { database: database(), rows_max: limits.rows_max });
        }
        let mut answer = Rows { rows: Vec::with_capacity(found.len()), columns };
        let mut bytes = 0_usize;
        for row in &found {
            let values = (0..answer.columns.len()).map(|place| row.try_get::<_, Raw>(place).map(|raw| raw.0));
            let values: Vec<Value> = values.collect::<Result<_, _>>().map_err(|cause| self.failed(sql, cause))?;
            bytes = bytes.saturating_add(values.iter().map(Value::bytes).sum());
            if bytes > limits.bytes_max {
                return Err(DatabaseError::TooManyBytes { database: database(), bytes_max: limits.bytes_max });
            }
            answer.rows.push(values);
        }
        Ok(answer)
    }

    /// `:name` becomes `$1` and so on.
    fn numbered<'v>(&self, sql: &str, binds: &[(&str, &'v Value)]) -> Result<(String, Vec<Bound<'v>>), DatabaseError> {
        let (text, values) = numbered(&self.database, sql, binds, |number, _| format!("${number}"))?;
        Ok((text, values.into_iter().map(Bound).collect()))
    }

    /// What went wrong.
    pub(super) fn failed(&self, sql: &str, cause: tokio_postgres::Error) -> DatabaseError {
        let (database, cause) = (self.database.clone(), Said::from(cause));
        let message = cause.as_db_error().map(|error| error.message().to_owned());
        match (cause.code(), message) {
            (Some(&SqlState::UNDEFINED_TABLE), Some(message)) if message.contains("avouch_retention_") => {
                DatabaseError::NoJournal { database }
            }
            (Some(&SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_COLUMN), Some(message)) => {
                DatabaseError::WrongSchema { database, message }
            }
            (Some(&SqlState::READ_ONLY_SQL_TRANSACTION), _) => DatabaseError::NotReadOnly { database, sql: sql.to_owned() },
            (
                Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED | &SqlState::LOCK_NOT_AVAILABLE),
                _,
            ) => DatabaseError::Contended { database, cause },
            (Some(&SqlState::QUERY_CANCELED), _) => DatabaseError::Cancelled { database, cause },
            (Some(code), _) if ends(code) => DatabaseError::Lost { database, cause },
            (None, _) if cause.is_closed() || self.client.is_closed() => DatabaseError::Lost { database, cause },
            _ => DatabaseError::Postgres { database, sql: sql.to_owned(), cause },
        }
    }
}

/// Whether the server ends the connection with this error: of a commit it is then not known whether it was done.
fn ends(code: &SqlState) -> bool {
    [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::IDLE_SESSION_TIMEOUT,
    ]
    .contains(code)
        || code.code().starts_with("08")
}

/// Whether the connection is to be encrypted: always when the server may be elsewhere, and here when the URL or `ca_file` asks
/// for it. A socket never is.
fn is_encrypted(config: &Config, way: Way<'_>) -> Result<bool, DatabaseError> {
    let hosts = config.get_hosts();
    // An address stands for what is connected to, a name then only for what is verified.
    let here = match config.get_hostaddrs() {
        [] => hosts.iter().all(is_here),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    };
    let socket = !hosts.is_empty() && hosts.iter().all(|host| matches!(host, Host::Unix(_)));
    let asked = !socket && (way.ca_file.is_some() || config.get_ssl_mode() == SslMode::Require);
    if !here && config.get_ssl_mode() == SslMode::Disable {
        return Err(DatabaseError::NotHere { database: way.database.to_owned(), variable: way.variable.to_owned() });
    }
    Ok(!here || asked)
}

/// A socket or an address of this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    }
}

fn types(values: &[Bound<'_>]) -> Vec<tokio_postgres::types::Type> {
    values.iter().map(Bound::kind).collect()
}

//! The tables. Every row but those of `orgs` belongs to an organisation; times are in three forms on purpose, as they grow
//! in a product: seconds, milliseconds and ISO 8601 text.

use rusqlite::Connection;

use crate::defect::{Chosen, Defect};

const TABLES: &str = "
CREATE TABLE orgs (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    allowed_origins TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash TEXT NOT NULL,
    active INTEGER NOT NULL,
    rate_limit INTEGER,
    expires_at INTEGER,
    created_at INTEGER NOT NULL
);
CREATE INDEX api_keys_prefix ON api_keys (prefix);
CREATE TABLE interactions (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX interactions_org ON interactions (org_id, created_at);
CREATE INDEX interactions_created_at ON interactions (created_at);
";

const RATE_LIMITS: &str = "
CREATE TABLE rate_limits (
    id INTEGER PRIMARY KEY,
    org_id TEXT NOT NULL,
    key_prefix TEXT NOT NULL,
    at INTEGER NOT NULL
);
";

const RATE_LIMIT_INDEXES: &str = "
CREATE INDEX rate_limits_prefix_at ON rate_limits (key_prefix, at);
CREATE INDEX rate_limits_at ON rate_limits (at);
";

const RATE_LIMITS_WITHOUT_TIME: &str = "
CREATE TABLE rate_limits (
    id INTEGER PRIMARY KEY,
    org_id TEXT NOT NULL,
    key_prefix TEXT NOT NULL
);
CREATE INDEX rate_limits_prefix ON rate_limits (key_prefix);
";

const EVENTS: &str = "
CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY,
    org_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at TEXT NOT NULL,
    event TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX audit_log_at ON audit_log (at);
";

const ALERTS: &str = "
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    org_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    severity TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX alerts_created_at ON alerts (created_at);
";

pub(crate) fn create(connection: &Connection, chosen: Chosen) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)?;
    if chosen.is(Defect::RateTableWithoutTimestamp) {
        connection.execute_batch(RATE_LIMITS_WITHOUT_TIME)?;
    } else {
        connection.execute_batch(RATE_LIMITS)?;
        if !chosen.is(Defect::RateTableWithoutIndex) {
            connection.execute_batch(RATE_LIMIT_INDEXES)?;
        }
    }
    connection.execute_batch(EVENTS)?;
    if chosen.is(Defect::RowsWithoutOrg) {
        connection.execute_batch(&ALERTS.replace("org_id TEXT NOT NULL", "org_id TEXT"))?;
    } else {
        connection.execute_batch(ALERTS)?;
    }
    chosen.iter().try_for_each(|defect| match defect {
        Defect::LegacyColumn => connection.execute_batch("ALTER TABLE api_keys ADD COLUMN legacy_key TEXT"),
        Defect::TableWithoutRule => connection.execute_batch(
            "CREATE TABLE exports (id INTEGER PRIMARY KEY, org_id TEXT NOT NULL, created_at INTEGER NOT NULL, file TEXT NOT NULL)",
        ),
        Defect::TableWithoutOrg => connection
            .execute_batch("CREATE TABLE notes (id INTEGER PRIMARY KEY, created_at INTEGER NOT NULL, text TEXT NOT NULL)"),
        _ => Ok(()),
    })
}

//! An empty SQLite in memory with the schema of the database on D1, which is SQLite too: statements are looked at here before they
//! are run there, and the shape of the tables is told as for any file.

use rusqlite::{Connection, ErrorCode, config::DbConfig};

use super::{error::D1Error, session::Session};
use crate::{
    DatabaseError, Limits, Table, Value,
    sqlite::{read::admit, schema},
};

/// The schema as D1 tells it, in one text: two that are equal are one schema. Tables of Cloudflare's own are left out.
pub(super) const SCHEMA: &str = "(SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_schema \
     WHERE type IN ('table', 'trigger') AND substr(name, 1, 4) <> '_cf_' ORDER BY type, name))";
/// What makes it.
const DEFINITIONS: &str = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND substr(name, 1, 4) <> '_cf_' \
     AND substr(lower(name), 1, 7) <> 'sqlite_' ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'index' THEN 2 WHEN 'view' THEN 3 ELSE 4 END, name";

pub(super) struct Mirror {
    connection: Connection,
    /// What [`SCHEMA`] gave.
    pub(super) text: Value,
}

impl Mirror {
    /// Asks for the schema.
    pub(super) fn of(session: &mut Session) -> Result<Self, DatabaseError> {
        let text = format!("SELECT {SCHEMA}");
        let answers = session.again(&[(text.as_str(), Vec::new()), (DEFINITIONS, Vec::new())], Limits::default())?;
        let [text, definitions] = &answers[..] else {
            return Err(session.failed(D1Error::Unread { what: "the schema is missing".to_owned() }));
        };
        let text = text.rows.single().cloned().unwrap_or(Value::Null);
        let failed = |table: &str, cause| session.failed(D1Error::Schema { table: table.to_owned(), cause });
        let connection = Connection::open_in_memory().map_err(|cause| failed("", cause))?;
        for row in &definitions.rows.rows {
            let [Value::Text(name), Value::Text(sql)] = &row[..] else { continue };
            if let Err(cause) = connection.execute_batch(sql)
                && !is_beside(&connection, name, sql)
            {
                return Err(failed(name, cause));
            }
        }
        // Otherwise a misspelt column in double quotes would be taken for a text, as D1 may do.
        let hardened = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false);
        hardened.map_err(|cause| failed("", cause))?;
        Ok(Self { connection, text })
    }

    pub(super) fn tables(&self, session: &Session) -> Result<Vec<Table>, DatabaseError> {
        schema::tables(&self.connection)
            .map_err(|cause| session.failed(D1Error::Schema { table: "sqlite_schema".to_owned(), cause }))
    }

    /// Whether a text is exactly one statement, of tables and columns that are there.
    pub(super) fn check(&self, database: &str, sql: &str) -> Result<(), DatabaseError> {
        self.connection.prepare(sql).map(drop).map_err(|cause| wrong(database, sql, cause))
    }

    /// Whether it only reads, besides, and its parameters are those that are given.
    pub(super) fn check_question(&mut self, database: &str, sql: &str, names: &[&str]) -> Result<(), DatabaseError> {
        let named = database.to_owned();
        let admitted = self.connection.authorizer(Some(admit));
        admitted.map_err(|cause| wrong(database, sql, cause))?;
        match self.connection.prepare(sql) {
            Ok(statement) if statement.column_count() == 0 => {
                Err(DatabaseError::NotOneStatement { database: named, sql: sql.to_owned() })
            }
            Ok(statement) if !statement.readonly() => Err(DatabaseError::NotReadOnly { database: named, sql: sql.to_owned() }),
            Ok(statement) => {
                let asked: Vec<_> = (1..=statement.parameter_count())
                    .map(|place| statement.parameter_name(place).unwrap_or("?").trim_start_matches(':').to_owned())
                    .collect();
                let free = asked.iter().find(|asked| !names.contains(&asked.as_str())).cloned();
                let spare = names.iter().find(|name| !asked.iter().any(|asked| asked == *name)).map(|name| (*name).to_owned());
                match free.or(spare) {
                    Some(parameter) => Err(DatabaseError::Parameter { database: named, parameter, sql: sql.to_owned() }),
                    None => Ok(()),
                }
            }
            Err(cause) => Err(wrong(database, sql, cause)),
        }
    }
}

/// Whether it is none of the tables that rules are about: a virtual one of a module that is not here, or what belongs to one.
fn is_beside(connection: &Connection, name: &str, sql: &str) -> bool {
    let virtual_table = sql.trim_start().get(..14).is_some_and(|start| start.eq_ignore_ascii_case("create virtual"));
    let made = connection.query_row("SELECT 1 FROM sqlite_schema WHERE name = ?1", [name], |_| Ok(()));
    virtual_table || made.is_ok()
}

fn wrong(database: &str, sql: &str, cause: rusqlite::Error) -> DatabaseError {
    let (database, sql) = (database.to_owned(), sql.to_owned());
    match (&cause, cause.sqlite_error_code()) {
        (rusqlite::Error::MultipleStatement, _) => DatabaseError::NotOneStatement { database, sql },
        (_, Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly)) => {
            DatabaseError::NotReadOnly { database, sql }
        }
        (rusqlite::Error::SqlInputError { msg, .. } | rusqlite::Error::SqliteFailure(_, Some(msg)), _)
            if msg.starts_with("no such table") || msg.starts_with("no such column") =>
        {
            DatabaseError::WrongSchema { database, message: msg.clone() }
        }
        _ => DatabaseError::Query { database, sql, cause },
    }
}

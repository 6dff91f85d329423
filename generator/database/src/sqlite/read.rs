//! The face that reads, on SQLite. Three locks on one door: the file is opened read-only, an authorizer admits nothing but
//! reading, and SQLite's own verdict on the statement is asked.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use avouch_model::Timestamp;
use rusqlite::{
    Connection, OpenFlags, ToSql,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
    types::{ToSqlOutput, ValueRef},
};

use super::{place::Place, schema};
use crate::{DatabaseError, Identity, Limits, Read, Rows, Table, Value, purge::Dialect, quote, value::named};

/// How many virtual machine steps lie between two looks at the clock: well below a millisecond.
const STEPS_BETWEEN_LOOKS: i32 = 2_000;

/// The pragmas that only tell something about the schema or the file, when they are given no value to set.
const PRAGMAS_THAT_TELL: [&str; 14] = [
    "application_id",
    "auto_vacuum",
    "data_version",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "journal_mode",
    "page_count",
    "page_size",
    "query_only",
    "secure_delete",
    "table_list",
    "user_version",
    "foreign_key_check",
];

/// The pragmas whose value is the name of a table or an index to tell about.
const PRAGMAS_ABOUT: [&str; 8] = [
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// A SQLite database that can only be read.
pub(crate) struct Reader {
    place: Place,
    connection: Connection,
}

impl Reader {
    pub(crate) fn open(database: &str, file: &str, root: &Path) -> Result<Self, DatabaseError> {
        let place = Place::find(database, file, root)?;
        let mut connection = place.open(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let harden = |connection: &mut Connection| {
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "trusted_schema", false)?;
            connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
            connection.authorizer(Some(admit))
        };
        harden(&mut connection).map_err(|cause| place.failed("PRAGMA query_only = 1", Duration::ZERO, cause))?;
        Ok(Self { place, connection })
    }

    /// Runs something under a time limit.
    fn within<T>(
        &mut self,
        sql: &str,
        limit: Duration,
        run: impl FnOnce(&Place, &Connection) -> Result<T, Trouble>,
    ) -> Result<T, DatabaseError> {
        let start = Instant::now();
        let watch = move || start.elapsed() > limit;
        let watched = self.connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(watch));
        let answer = watched.map_err(Trouble::from).and_then(|()| run(&self.place, &self.connection));
        let unwatched = self.connection.progress_handler(0, None::<fn() -> bool>);
        let answer = answer.and_then(|answer| unwatched.map(|()| answer).map_err(Trouble::from));
        answer.map_err(|trouble| match trouble {
            Trouble::Ours(error) => error,
            Trouble::Sqlite(cause) => self.place.failed(sql, limit, cause),
        })
    }
}

impl Read for Reader {
    fn query(&mut self, sql: &str, binds: &[(&str, Value)], limits: Limits) -> Result<Rows, DatabaseError> {
        self.within(sql, limits.time, |place, connection| {
            let database = || place.database.clone();
            let mut statement = connection.prepare(sql)?;
            if statement.column_count() == 0 {
                return Err(Trouble::Ours(DatabaseError::NotOneStatement { database: database(), sql: sql.to_owned() }));
            }
            if !statement.readonly() {
                return Err(Trouble::Ours(DatabaseError::NotReadOnly { database: database(), sql: sql.to_owned() }));
            }
            let disagree = |parameter: &str| {
                Trouble::Ours(DatabaseError::Parameter {
                    database: database(),
                    parameter: parameter.to_owned(),
                    sql: sql.to_owned(),
                })
            };
            let mut bound = vec![false; statement.parameter_count()];
            for (name, value) in binds {
                let index = statement.parameter_index(&format!(":{name}"))?.ok_or_else(|| disagree(name))?;
                statement.raw_bind_parameter(index, value)?;
                match bound.get_mut(index - 1) {
                    Some(free @ false) => *free = true,
                    _ => return Err(disagree(name)),
                }
            }
            if let Some(free) = bound.iter().position(|bound| !bound) {
                return Err(disagree(statement.parameter_name(free + 1).unwrap_or("?")));
            }

            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut answer = Rows { rows: Vec::new(), columns };
            let mut bytes = 0_usize;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next()? {
                if answer.rows.len() >= limits.rows_max {
                    return Err(Trouble::Ours(DatabaseError::TooManyRows { database: database(), rows_max: limits.rows_max }));
                }
                let mut values = Vec::with_capacity(answer.columns.len());
                for index in 0..answer.columns.len() {
                    let value = value_of(row.get_ref(index)?);
                    bytes = bytes.saturating_add(value.bytes());
                    if bytes > limits.bytes_max {
                        return Err(Trouble::Ours(DatabaseError::TooManyBytes {
                            database: database(),
                            bytes_max: limits.bytes_max,
                        }));
                    }
                    values.push(value);
                }
                answer.rows.push(values);
            }
            Ok(answer)
        })
    }

    fn tables(&mut self) -> Result<Vec<Table>, DatabaseError> {
        self.within("the schema", Limits::default().time, |_, connection| Ok(schema::tables(connection)?))
    }

    fn scan(
        &mut self,
        table: &str,
        column: &str,
        limits: Limits,
        each: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<u64, DatabaseError> {
        let known = self.tables()?;
        let (found, column) = named(&known, &self.place.database, table, column)?;
        let sql = format!(
            "SELECT {column} FROM {table} WHERE {column} IS NOT NULL",
            column = quote(&column.name),
            table = quote(&found.name)
        );
        self.within(&sql, limits.time, |_, connection| {
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.raw_query();
            let mut shown = 0;
            while let Some(row) = rows.next()? {
                shown += 1;
                let more = match row.get_ref(0)? {
                    ValueRef::Null => each(b""),
                    ValueRef::Integer(number) => each(number.to_string().as_bytes()),
                    ValueRef::Real(number) => each(number.to_string().as_bytes()),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => each(bytes),
                };
                if !more {
                    break;
                }
            }
            Ok(shown)
        })
    }

    fn identity(&mut self) -> Result<Identity, DatabaseError> {
        Ok(self.place.identity.clone())
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn clock_is_ours(&self) -> bool {
        true
    }

    fn now(&mut self) -> Result<Timestamp, DatabaseError> {
        let sql = "SELECT CAST(strftime('%s', 'now') AS INTEGER)";
        self.within(sql, Limits::default().time, |_, connection| {
            Ok(Timestamp::from_unix(connection.query_row(sql, [], |row| row.get(0))?))
        })
    }
}

/// What SQLite asks before it runs a statement (SQLite, `sqlite3_set_authorizer`): everything not named is denied.
pub(crate) fn admit(context: AuthContext<'_>) -> Authorization {
    let admitted = match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        AuthAction::Pragma { pragma_name, pragma_value } => {
            let pragmas: &[&str] = match pragma_value {
                None => &PRAGMAS_THAT_TELL,
                Some(_) => &PRAGMAS_ABOUT,
            };
            pragmas.iter().any(|known| known.eq_ignore_ascii_case(pragma_name))
        }
        _ => false,
    };
    if admitted { Authorization::Allow } else { Authorization::Deny }
}

pub(super) fn value_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) => Value::text(bytes.to_vec()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::BrokenText(bytes) => ValueRef::Text(bytes),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Trouble of ours or of SQLite, told apart until the statement is known.
enum Trouble {
    Ours(DatabaseError),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(cause: rusqlite::Error) -> Self {
        Self::Sqlite(cause)
    }
}

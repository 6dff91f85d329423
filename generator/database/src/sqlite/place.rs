//! Finding and opening the file, and saying what is wrong with it.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use crate::{DatabaseError, Identity};

/// How long a connection waits for a lock of another one.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A database that was found: its configured name and its file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) database: String,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
}

impl Place {
    /// Finds the file; it must be there already.
    pub(super) fn find(database: &str, file: &str, root: &Path) -> Result<Self, DatabaseError> {
        let database = database.to_owned();
        if climbs_out(Path::new(file)) {
            return Err(DatabaseError::Outside { database, file: file.to_owned() });
        }
        let path = root.join(file);
        match fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(Self { database, identity: Identity::of_file(&path, &found), path }),
            Ok(_) => Err(DatabaseError::Unreadable { database, path, cause: None }),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Err(DatabaseError::Missing { database, path }),
            Err(cause) => Err(DatabaseError::Unreadable { database, path, cause: Some(cause) }),
        }
    }

    /// Opens it with these flags and looks at its schema, so that what is not a database is told at once.
    pub(super) fn open(&self, flags: OpenFlags) -> Result<Connection, DatabaseError> {
        let open = || {
            // Without SQLITE_OPEN_CREATE and SQLITE_OPEN_URI: a file is opened by its name or not at all.
            let connection = Connection::open_with_flags(&self.path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            // Otherwise a misspelt column in double quotes would be taken for a text, and every row would match.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
            Ok(connection)
        };
        open().map_err(|cause: rusqlite::Error| match cause.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => {
                DatabaseError::NotADatabase { database: self.database.clone(), path: self.path.clone(), cause }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => self.locked(cause),
            _ => DatabaseError::Open { database: self.database.clone(), path: self.path.clone(), cause },
        })
    }

    /// What went wrong with a statement.
    pub(super) fn failed(&self, sql: &str, limit: Duration, cause: rusqlite::Error) -> DatabaseError {
        let database = self.database.clone();
        let sql_text = || sql.to_owned();
        match (&cause, cause.sqlite_error_code()) {
            (rusqlite::Error::MultipleStatement, _) => DatabaseError::NotOneStatement { database, sql: sql_text() },
            (_, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => self.locked(cause),
            (_, Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure)) => {
                DatabaseError::Disk { database, path: self.path.clone(), cause }
            }
            (_, Some(ErrorCode::OperationInterrupted)) => DatabaseError::TooSlow { database, limit },
            (_, Some(ErrorCode::AuthorizationForStatementDenied | ErrorCode::ReadOnly)) => {
                DatabaseError::NotReadOnly { database, sql: sql_text() }
            }
            (rusqlite::Error::SqlInputError { msg, .. } | rusqlite::Error::SqliteFailure(_, Some(msg)), _)
                if msg.starts_with("no such table") || msg.starts_with("no such column") =>
            {
                DatabaseError::WrongSchema { database, message: msg.clone() }
            }
            _ => DatabaseError::Query { database, sql: sql_text(), cause },
        }
    }

    fn locked(&self, cause: rusqlite::Error) -> DatabaseError {
        DatabaseError::Locked { database: self.database.clone(), waited: BUSY_TIMEOUT, cause }
    }
}

/// Whether a relative path has more steps up than down at any place.
fn climbs_out(file: &Path) -> bool {
    let mut depth = 0_usize;
    for component in file.components() {
        match component {
            Component::Prefix(_) | Component::RootDir => return false,
            Component::CurDir => {}
            Component::Normal(_) => depth += 1,
            Component::ParentDir => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            },
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_stays_beneath_the_root() {
        for (path, out) in [
            ("data/app.db", false),
            ("data/../app.db", false),
            ("./app.db", false),
            ("../app.db", true),
            ("data/../../app.db", true),
            ("/srv/app.db", false),
        ] {
            assert_eq!(climbs_out(Path::new(path)), out, "{path}");
        }
    }
}

//! Statements with the values that they name.

use rusqlite::{Connection, Statement};

use crate::Value;

/// The values of parameters by their names.
pub(super) type Binds<'a> = [(&'a str, &'a Value)];

/// Runs a statement with the values that it names.
pub(super) fn bound<'c>(
    connection: &'c Connection,
    sql: &str,
    binds: &Binds<'_>,
) -> rusqlite::Result<rusqlite::CachedStatement<'c>> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, binds)?;
    Ok(statement)
}

fn bind(statement: &mut Statement<'_>, binds: &Binds<'_>) -> rusqlite::Result<()> {
    for place in 1..=statement.parameter_count() {
        let name = statement.parameter_name(place).unwrap_or_default().trim_start_matches(':').to_owned();
        let value = binds.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        // SQLite would take NULL and say nothing.
        statement.raw_bind_parameter(place, value.ok_or(rusqlite::Error::InvalidParameterName(name))?)?;
    }
    Ok(())
}

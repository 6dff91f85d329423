//! The shape of the tables, as SQLite's own pragmas tell it (SQLite, "PRAGMA Statements").

use rusqlite::Connection;

use crate::{Column, ForeignKey, Index, Table, Trigger, purge::journal};

/// The ordinary tables, by name in order; the two of our journal are none.
pub(crate) fn tables(connection: &Connection) -> rusqlite::Result<Vec<Table>> {
    // `sqlite_` is reserved for SQLite's own tables; GLOB tells cases apart, as the reservation does not.
    let mut list = connection.prepare(
        "SELECT name, wr FROM pragma_table_list \
         WHERE schema = 'main' AND type = 'table' AND lower(name) NOT GLOB 'sqlite_*' ORDER BY name",
    )?;
    let found = list.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?;
    let tables = found
        .filter(|table| !table.as_ref().is_ok_and(|(name, _)| journal::is_ours(name)))
        .map(|table| {
            let (name, without_rowid) = table?;
            let (columns, primary_key) = columns(connection, &name)?;
            Ok(Table {
                columns,
                primary_key,
                indexes: indexes(connection, &name)?,
                foreign_keys: foreign_keys(connection, &name)?,
                triggers: triggers(connection, &name)?,
                without_rowid,
                unseen: Vec::new(),
                name,
            })
        })
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(spelled(tables))
}

/// The same tables; what a foreign key refers to in other cases of letters is spelled as it spells itself.
fn spelled(tables: Vec<Table>) -> Vec<Table> {
    let known = tables.clone();
    let mut spelled = tables;
    for key in spelled.iter_mut().flat_map(|table| &mut table.foreign_keys) {
        let Some(parent) = Table::named(&known, &key.parent) else { continue };
        key.parent.clone_from(&parent.name);
        for name in &mut key.parent_columns {
            if let Some(column) = parent.column(name) {
                name.clone_from(&column.name);
            }
        }
    }
    spelled
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<(Vec<Column>, Vec<String>)> {
    let mut list = connection.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1) ORDER BY cid")?;
    let mut key = Vec::new();
    let columns = list
        .query_map([table], |row| {
            let (name, place): (String, i64) = (row.get(0)?, row.get(3)?);
            if place > 0 {
                key.push((place, name.clone()));
            }
            Ok(Column {
                name,
                declared: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                not_null: row.get(2)?,
                primary_key: place > 0,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    key.sort();
    Ok((columns, key.into_iter().map(|(_, name)| name).collect()))
}

fn indexes(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Index>> {
    let mut list = connection.prepare("SELECT name, \"unique\", partial FROM pragma_index_list(?1) ORDER BY name")?;
    let mut parts = connection.prepare("SELECT name FROM pragma_index_info(?1) ORDER BY seqno")?;
    let found = list.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?;
    found
        .map(|index| {
            let (name, unique, partial) = index?;
            let columns = parts
                .query_map([&name], |row| Ok(row.get::<_, Option<String>>(0)?.unwrap_or_default()))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Index { name, columns, unique, partial })
        })
        .collect()
}

fn foreign_keys(connection: &Connection, table: &str) -> rusqlite::Result<Vec<ForeignKey>> {
    let mut list = connection
        .prepare("SELECT id, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?1) ORDER BY id, seq")?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    let mut rows = list.query([table])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if keys.last().is_none_or(|(last, _)| *last != id) {
            let key = ForeignKey { columns: Vec::new(), parent: row.get(1)?, parent_columns: Vec::new(), on_delete: row.get(4)? };
            keys.push((id, key));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.columns.push(row.get(2)?);
            key.parent_columns.extend(row.get::<_, Option<String>>(3)?);
        }
    }
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}

fn triggers(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Trigger>> {
    let mut list = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?1) ORDER BY name")?;
    let found = list.query_map([table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)))?;
    found
        .map(|trigger| {
            let (name, sql) = trigger?;
            let definition = sql.unwrap_or_default();
            let runs_on = |event| names_before_on(&definition, event);
            Ok(Trigger { name, on_delete: runs_on("delete"), on_update: runs_on("update"), definition })
        })
        .collect()
}

/// Whether a CREATE TRIGGER names an event before its ON; a name that is the same word counts too, on the safe side.
fn names_before_on(sql: &str, event: &str) -> bool {
    let words = sql.split(|character: char| !character.is_alphanumeric() && character != '_');
    words.take_while(|word| !word.eq_ignore_ascii_case("on")).any(|word| word.eq_ignore_ascii_case(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_on_delete_is_told_from_others() {
        for (sql, expected) in [
            ("CREATE TRIGGER a AFTER DELETE ON t BEGIN SELECT 1; END", true),
            ("create trigger a\nbefore delete\non t begin select 1; end", true),
            ("CREATE TRIGGER a INSERT ON t BEGIN DELETE FROM u; END", false),
            ("CREATE TRIGGER log_delete AFTER INSERT ON t BEGIN SELECT 1; END", false),
            ("CREATE TRIGGER a DELETE ON\"t\" BEGIN SELECT 1; END", true),
        ] {
            assert_eq!(names_before_on(sql, "delete"), expected, "{sql}");
        }
    }
}

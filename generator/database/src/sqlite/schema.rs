//! The shape of the tables, as SQLite's own pragmas tell it (SQLite, "PRAGMA Statements").

use std::{collections::HashSet, ffi::CStr};

use rusqlite::Connection;

use crate::{Column, ForeignKey, Index, Table, Trigger, purge::journal, quote};

/// The ordinary tables, by name in order; the two of our journal are none.
pub(crate) fn tables(connection: &Connection) -> rusqlite::Result<Vec<Table>> {
    // `sqlite_` is reserved for SQLite's own tables; GLOB tells cases apart, as the reservation does not.
    let mut list = connection.prepare(
        "SELECT name, wr, strict FROM pragma_table_list \
         WHERE schema = 'main' AND type = 'table' AND lower(name) NOT GLOB 'sqlite_*' ORDER BY name",
    )?;
    let found = list.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, bool>(2)?)))?;
    let mut strict = HashSet::new();
    let tables = found
        .filter(|table| !table.as_ref().is_ok_and(|(name, ..)| journal::is_ours(name)))
        .map(|table| {
            let (name, without_rowid, is_strict) = table?;
            if is_strict {
                strict.insert(name.clone());
            }
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
    let mut tables = spelled(tables);
    compare(connection, &mut tables, &strict)?;
    Ok(tables)
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

/// Says how the columns that refer are compared. A foreign key goes by the collation and the affinity of the columns it refers to (SQLite,
/// "Foreign Key Support", section 3), where `IN` would go by both sides: it would take a child for another parent's.
fn compare(connection: &Connection, tables: &mut [Table], strict: &HashSet<String>) -> rusqlite::Result<()> {
    let known = tables.to_vec();
    for table in tables {
        let (name, own) = (table.name.clone(), known.iter().find(|known| known.name == table.name));
        for key in &mut table.foreign_keys {
            let parent = known.iter().find(|known| known.name == key.parent);
            let referred = if key.parent_columns.is_empty() { parent.map(|parent| &parent.primary_key) } else { None };
            let referred = referred.unwrap_or(&key.parent_columns);
            let pairs = key.columns.iter().enumerate().map(|(place, column)| {
                let other = parent.and_then(|parent| Some((parent, parent.column(referred.get(place)?)?)));
                // A parent that is not there has no rows.
                let (Some((parent, other)), Some(own)) = (other, own.and_then(|own| own.column(column))) else {
                    return Ok(quote(column));
                };
                let affinities =
                    [(own, &name), (other, &parent.name)].map(|(column, table)| Affinity::of(column, strict.contains(table)));
                let bare = if Affinity::is_as_of_the_parent(affinities) { "" } else { "+" };
                let collations = [(&name, own), (&parent.name, other)];
                let [mine, theirs] = collations.map(|(table, column)| collation(connection, table, &column.name));
                let (mine, theirs) = (mine?, theirs?);
                let collate = if mine == theirs { String::new() } else { format!(" COLLATE {}", quote(&theirs)) };
                Ok(format!("{bare}{}{collate}", quote(column)))
            });
            key.compared = pairs.collect::<rusqlite::Result<_>>()?;
        }
    }
    Ok(())
}

fn collation(connection: &Connection, table: &str, column: &str) -> rusqlite::Result<String> {
    let (_, collation, ..) = connection.column_metadata(Some("main"), table, column)?;
    Ok(collation.map_or_else(|| "BINARY".into(), CStr::to_string_lossy).to_ascii_uppercase())
}

/// What a column makes of values, as far as comparing goes (SQLite, "Datatypes In SQLite", section 3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Affinity {
    Text,
    Numeric,
    None,
}

impl Affinity {
    fn of(column: &Column, strict: bool) -> Self {
        let declared = column.declared.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        match () {
            () if strict && declared == "ANY" => Self::None,
            () if has(&["INT"]) => Self::Numeric,
            () if has(&["CHAR", "CLOB", "TEXT"]) => Self::Text,
            () if declared.is_empty() || has(&["BLOB"]) => Self::None,
            () => Self::Numeric,
        }
    }

    /// Whether two columns are compared as the second would compare any value: a child, and what it refers to.
    fn is_as_of_the_parent([child, parent]: [Self; 2]) -> bool {
        child == parent || parent == Self::Numeric
    }
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
            let key = ForeignKey {
                columns: Vec::new(),
                compared: Vec::new(),
                parent: row.get(1)?,
                parent_columns: Vec::new(),
                on_delete: row.get(4)?,
            };
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

/// Whether a CREATE TRIGGER names an event before its ON.
fn names_before_on(sql: &str, event: &str) -> bool {
    let words = bare_words(sql);
    words.iter().take_while(|word| !word.eq_ignore_ascii_case("on")).any(|word| word.eq_ignore_ascii_case(event))
}

/// The words of a statement that are in neither quotes nor comments: no name is a keyword without quotes.
fn bare_words(sql: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let quoted = |end: char| rest.get(1..).and_then(|inner| Some(inner.find(end)? + 1 + end.len_utf8()));
        let until = |end: &str| rest.find(end).map(|place| place + end.len());
        let length = match first {
            '\'' | '"' | '`' => quoted(first),
            '[' => quoted(']'),
            '-' if rest.starts_with("--") => until("\n"),
            '/' if rest.starts_with("/*") => until("*/"),
            first if first.is_alphanumeric() || first == '_' => {
                let word = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
                words.extend(rest.get(..word));
                Some(word)
            }
            first => Some(first.len_utf8()),
        };
        // What is not closed has no words behind it.
        rest = length.and_then(|length| rest.get(length..)).unwrap_or_default();
    }
    words
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
            ("CREATE TRIGGER \"work on\" AFTER DELETE ON t BEGIN SELECT 1; END", true),
            ("CREATE TRIGGER [on] AFTER DELETE ON t BEGIN SELECT 1; END", true),
            ("CREATE TRIGGER 'a''on' AFTER DELETE ON t BEGIN SELECT 1; END", true),
            ("CREATE TRIGGER a /* on */ AFTER -- on\nDELETE ON t BEGIN SELECT 1; END", true),
            ("CREATE TRIGGER \"delete\" AFTER INSERT ON t BEGIN DELETE FROM u; END", false),
            ("CREATE TRIGGER a AFTER UPDATE OF `delete` ON t BEGIN SELECT 1; END", false),
        ] {
            assert_eq!(names_before_on(sql, "delete"), expected, "{sql}");
        }
    }
}

//! The shape of the tables, from the system catalogue (PostgreSQL 15, "System Catalogs").

use super::session::Session;
use crate::{Column, DatabaseError, ForeignKey, Identity, Index, Limits, Table, Trigger, Value, purge::journal, quote};

/// Which database it is, and what bare names of tables and views mean in it. OIDs are those of the server's own files, so a replica of the
/// whole server is the same place, and a copy of the rows is not.
pub(super) fn identity(session: &mut Session) -> Result<Identity, DatabaseError> {
    let limits = Limits { rows_max: 100_000, ..Limits::default() };
    let own = "SELECT 'database `' || datname || '` (oid ' || oid || ')' FROM pg_database WHERE datname = current_database()";
    let database = session.ask(own, &[], limits)?.single().and_then(Value::as_text).unwrap_or_default().to_owned();
    // Two servers that were made alike have the same OIDs. Not every relative, and not every role, is told.
    let server = match session.ask("SELECT 'server ' || system_identifier FROM pg_control_system()", &[], limits) {
        Ok(found) => found.single().and_then(Value::as_text).map(str::to_owned),
        Err(DatabaseError::Postgres { .. }) => None,
        Err(error) => return Err(error),
    };
    let named = "SELECT CAST(c.relname AS TEXT), 'table `' || n.nspname || '.' || c.relname || '` (oid ' || c.oid || ')' FROM pg_class c \
                 JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition \
                 AND pg_table_is_visible(c.oid) AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";
    let found = session.ask(named, &[], limits)?;
    let pair = |row: &Vec<Value>| Some((row.first()?.as_text()?.to_owned(), row.get(1)?.as_text()?.to_owned()));
    Ok(Identity { database, server, tables: found.rows.iter().filter_map(pair).collect() })
}

/// The ordinary tables that are found by their bare name, by name in order; parts of a partitioned table are none, and the
/// two of our journal neither.
pub(super) fn tables(session: &mut Session) -> Result<Vec<Table>, DatabaseError> {
    const VISIBLE: &str = "c.relkind IN ('r', 'p') AND NOT c.relispartition AND pg_table_is_visible(c.oid) \
                           AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')";
    let from = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace";
    let mut ask = |sql: String| -> Result<Vec<Vec<Value>>, DatabaseError> {
        Ok(session.ask(&sql, &[], Limits { rows_max: 100_000, ..Limits::default() })?.rows)
    };
    let mut tables: Vec<Table> = ask(format!("SELECT c.relname {from} WHERE {VISIBLE} ORDER BY 1"))?
        .iter()
        .filter_map(|row| row.first()?.as_text())
        .filter(|name| !journal::is_ours(name))
        .map(|name| Table {
            name: name.to_owned(),
            columns: Vec::new(),
            primary_key: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            triggers: Vec::new(),
            without_rowid: true,
            unseen: Vec::new(),
        })
        .collect();
    let mut each = |rows: Vec<Vec<Value>>, add: &mut dyn FnMut(&mut Table, &[Value])| {
        for row in rows {
            let table = row.first().and_then(Value::as_text);
            if let Some(table) = tables.iter_mut().find(|known| Some(known.name.as_str()) == table) {
                add(table, &row);
            }
        }
    };
    // Values of a domain are compared as those of the type below it, which may be one too.
    let columns = ask(format!(
        "SELECT c.relname, a.attname, format_type(b.oid, b.typmod), CAST(a.attnotnull AS INT) {from} \
         JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL (WITH RECURSIVE below(oid, typmod) AS (SELECT a.atttypid, a.atttypmod \
         UNION ALL SELECT t.typbasetype, t.typtypmod FROM below JOIN pg_type t ON t.oid = below.oid WHERE t.typtype = 'd') \
         SELECT below.oid, below.typmod FROM below JOIN pg_type t ON t.oid = below.oid WHERE t.typtype <> 'd') AS b WHERE {VISIBLE} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.oid, a.attnum"
    ))?;
    each(columns, &mut |table, row| {
        let (name, declared, not_null) = (text(row, 1), text(row, 2), number(row, 3) == 1);
        table.columns.push(Column { name, declared, not_null, primary_key: false });
    });
    let indexes = ask(format!(
        "SELECT c.relname, x.relname, CAST(i.indisunique AS INT), CAST(i.indisprimary AS INT), CAST(i.indpred IS NOT NULL AS INT), \
         coalesce(a.attname, '') {from} JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid \
         CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place) \
         LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum AND k.attnum > 0 \
         WHERE {VISIBLE} AND k.place <= i.indnkeyatts ORDER BY c.oid, x.relname, k.place"
    ))?;
    each(indexes, &mut |table, row| {
        let (name, column) = (text(row, 1), text(row, 5));
        if number(row, 3) == 1 {
            table.columns.iter_mut().filter(|known| known.name == column).for_each(|known| known.primary_key = true);
            table.primary_key.push(column.clone());
        }
        match table.indexes.last_mut().filter(|last| last.name == name) {
            Some(last) => last.columns.push(column),
            None => {
                let (unique, partial) = (number(row, 2) == 1, number(row, 4) == 1);
                table.indexes.push(Index { name, columns: vec![column], unique, partial });
            }
        }
    });
    let keys = ask(format!(
        "SELECT c.relname, f.conname, CASE WHEN pg_table_is_visible(p.oid) THEN p.relname ELSE CAST(CAST(p.oid AS regclass) AS TEXT) END, \
         a.attname, b.attname, CAST(f.confdeltype AS TEXT) {from} \
         JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f' JOIN pg_class p ON p.oid = f.confrelid \
         CROSS JOIN LATERAL unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(own, other, place) \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.own JOIN pg_attribute b ON b.attrelid = p.oid AND b.attnum = k.other \
         WHERE {VISIBLE} AND f.conparentid = 0 ORDER BY c.oid, f.conname, k.place"
    ))?;
    let mut last = (String::new(), String::new());
    each(keys, &mut |table, row| {
        let this = (table.name.clone(), text(row, 1));
        if last != this {
            let on_delete = match text(row, 5).as_str() {
                "r" => "RESTRICT",
                "c" => "CASCADE",
                "n" => "SET NULL",
                "d" => "SET DEFAULT",
                _ => "NO ACTION",
            };
            let parent = text(row, 2);
            table.foreign_keys.push(ForeignKey {
                columns: Vec::new(),
                compared: Vec::new(),
                parent,
                parent_columns: Vec::new(),
                on_delete: on_delete.to_owned(),
            });
            last = this;
        }
        if let Some(key) = table.foreign_keys.last_mut() {
            key.compared.push(quote(&text(row, 3)));
            key.columns.push(text(row, 3));
            key.parent_columns.push(text(row, 4));
        }
    });
    let parts = parts("relkind IN ('r', 'p')");
    // A key to a part, or of one, is not among those above; nor is the key of a table that no bare name finds.
    let unseen = ask(format!(
        "{parts} SELECT DISTINCT c.relname, CAST(CAST(f.conrelid AS regclass) AS TEXT) {from} JOIN parts ON parts.whole = c.oid \
         JOIN pg_constraint f ON f.confrelid = parts.part AND f.contype = 'f' AND f.conparentid = 0 JOIN pg_class r ON r.oid = f.conrelid \
         WHERE {VISIBLE} AND (parts.part <> c.oid OR r.relispartition OR NOT pg_table_is_visible(r.oid)) ORDER BY 1, 2"
    ))?;
    each(unseen, &mut |table, row| table.unseen.push(text(row, 1)));
    // Bits 8 and 16 of `tgtype`: DELETE and UPDATE (PostgreSQL, `pg_trigger.h`). A rule (`pg_rewrite.h`: events 2 and 4) may do what
    // a trigger does. A part has those of the whole, and may have its own.
    let triggers = ask(format!(
        "{parts} SELECT c.relname, t.tgname, CAST(t.tgtype AS INT), pg_get_triggerdef(t.oid), c.oid {from} \
         JOIN parts ON parts.whole = c.oid JOIN pg_trigger t ON t.tgrelid = parts.part AND NOT t.tgisinternal AND t.tgenabled <> 'D' \
         WHERE {VISIBLE} AND (parts.part = c.oid OR NOT EXISTS (SELECT 1 FROM pg_trigger w WHERE w.tgrelid = c.oid AND w.tgname = t.tgname \
         AND w.tgfoid = t.tgfoid AND w.tgtype = t.tgtype)) UNION ALL \
         SELECT c.relname, w.rulename, CASE CAST(w.ev_type AS TEXT) WHEN '2' THEN 16 WHEN '4' THEN 8 ELSE 0 END, pg_get_ruledef(w.oid), c.oid {from} \
         JOIN pg_rewrite w ON w.ev_class = c.oid AND w.ev_enabled <> 'D' WHERE {VISIBLE} ORDER BY 5, 2, 4"
    ))?;
    each(triggers, &mut |table, row| {
        let kind = number(row, 2);
        let (on_delete, on_update) = (kind & 8 != 0, kind & 16 != 0);
        table.triggers.push(Trigger { name: text(row, 1), on_delete, on_update, definition: text(row, 3) });
    });
    Ok(tables)
}

/// Every table `of` the catalogue with itself and with what lies below it: partitions, and tables that inherit from it. A statement about the whole
/// is one about all of these.
pub(super) fn parts(of: &str) -> String {
    format!(
        "WITH RECURSIVE parts(whole, part) AS (SELECT oid, oid FROM pg_class WHERE {of} \
         UNION SELECT parts.whole, i.inhrelid FROM parts JOIN pg_inherits i ON i.inhparent = parts.part)"
    )
}

fn text(row: &[Value], place: usize) -> String {
    row.get(place).and_then(Value::as_text).unwrap_or_default().to_owned()
}

fn number(row: &[Value], place: usize) -> i64 {
    row.get(place).and_then(Value::as_integer).unwrap_or_default()
}

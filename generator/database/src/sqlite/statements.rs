//! The SQL of one deletion.

use rusqlite::{Connection, Row, Statement};

use super::read::value_of;
use crate::{
    Table, Value,
    purge::{Deletion, Key},
    quote,
};

/// The statements. A key is the rowid, or the primary key of a table without one. Parameters are those of
/// [`crate::purge::Due`], `from_0` and `to_0` and so on for a window, and `rows`.
pub(super) struct Statements {
    keys: usize,
    /// The key of the first row that is due.
    pub(super) first: String,
    /// The key `rows` rows after `from`.
    pub(super) end: String,
    /// What is to be done in a window that ends at `to`, and in one that ends with the table.
    pub(super) window: Work,
    pub(super) rest: Work,
}

/// What is to be done in a window, in this order.
pub(super) struct Work {
    /// The rows that go, by table: that of the rule, then its children.
    pub(super) going: Vec<(String, String)>,
    /// Rows of the children, the last first.
    pub(super) children: Vec<String>,
    /// The rows themselves.
    pub(super) rows: String,
    /// Counts rows that are due although they were anonymised; none when rows are deleted.
    pub(super) left: Option<String>,
}

impl Statements {
    /// None when the table has columns named after all three names of the rowid.
    pub(super) fn of(table: &Table, deletion: &Deletion) -> Option<Self> {
        let keys: Vec<String> = if table.without_rowid {
            table.primary_key.iter().map(|name| quote(name)).collect()
        } else {
            let free = ["rowid", "_rowid_", "oid"].into_iter().find(|name| table.column(name).is_none());
            vec![free?.to_owned()]
        };
        let (count, name, key) = (keys.len(), quote(&table.name), keys.join(", "));
        let places = |side: &str| {
            let places: Vec<_> = (0..count).map(|place| format!(":{side}_{place}")).collect();
            format!("({})", places.join(", "))
        };
        let due = deletion.due.due("cutoff");
        let from = format!("({key}) >= {}", places("from"));
        let window = format!("{from} AND ({key}) < {} AND {due}", places("to"));
        let rest = format!("{from} AND {due}");
        Some(Self {
            keys: count,
            first: format!("SELECT {key} FROM {name} WHERE {due} ORDER BY {key} LIMIT 1"),
            end: format!("SELECT {key} FROM {name} WHERE {from} ORDER BY {key} LIMIT 1 OFFSET :rows"),
            window: Work::of(deletion, &name, &key, &window),
            rest: Work::of(deletion, &name, &key, &rest),
        })
    }

    /// The key in a row of `first` or `end`.
    pub(super) fn key(&self, row: &Row<'_>) -> rusqlite::Result<Key> {
        let values = (0..self.keys).map(|place| Ok(value_of(row.get_ref(place)?)));
        Ok(Key(values.collect::<rusqlite::Result<_>>()?))
    }
}

impl Work {
    fn of(deletion: &Deletion, name: &str, key: &str, going: &str) -> Self {
        let doomed = deletion.doomed(going);
        let of_children = || deletion.children.iter().zip(&doomed).map(|(child, doomed)| (&child.table, doomed));
        let mut all = vec![(deletion.due.table.clone(), format!("SELECT * FROM {name} WHERE {going} ORDER BY {key}"))];
        all.extend(
            of_children().map(|(child, doomed)| (child.clone(), format!("SELECT * FROM {} WHERE {doomed}", quote(child)))),
        );
        let set: Vec<_> = deletion.set.iter().map(|(column, value)| format!("{} = ({value}\n)", quote(column))).collect();
        Self {
            going: all,
            children: of_children().rev().map(|(child, doomed)| format!("DELETE FROM {} WHERE {doomed}", quote(child))).collect(),
            rows: match &set[..] {
                [] => format!("DELETE FROM {name} WHERE {going}"),
                _ => format!("UPDATE {name} SET {} WHERE {going}", set.join(", ")),
            },
            left: (!set.is_empty()).then(|| format!("SELECT count(*) FROM {name} WHERE {going}")),
        }
    }
}

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

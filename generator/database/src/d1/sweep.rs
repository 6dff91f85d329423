//! The SQL of one deletion on D1, in ranges whose ends are known without counting rows.

use crate::{
    Table,
    exact::exact,
    purge::{
        Deletion,
        journal::JOURNAL_TABLE,
        statements::{self, Chosen, Work},
    },
    quote,
};

/// What orders the windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The time, by its index: rows that are not due are not read.
    Time,
    /// SQLite's rowid.
    Row,
    /// The primary key of a table without rowid: its ends are found by counting.
    Key,
}

/// The line of the journal that a request writes.
pub(super) const LINE: &str = "rule = :rule AND claim = :claim AND batch = :batch";

/// The statements. Parameters are those of the rule, `from_0` and `to_0` and so on for a window, and `rows`.
pub(super) struct Sweep {
    pub(super) by: By,
    /// The key of the first row that may be due.
    pub(super) begin: String,
    /// The key of the first row that is due in a window that ends at `to`, and in one that ends with the table.
    pub(super) first: String,
    pub(super) first_of_rest: String,
    /// The key of the first row from `to` on that may be due.
    pub(super) next: String,
    /// The key `rows` rows after `from`.
    pub(super) end: String,
    /// What is to be done in a window that ends at `to`, and in one that ends with the table.
    pub(super) window: Work,
    pub(super) rest: Work,
    /// Counts of rows that stay and refer to rows that go between `from` and the end.
    pub(super) referring: Vec<String>,
}

impl Sweep {
    /// The ways through a table, the best first; none when its rows have nothing to be told apart by.
    pub(super) fn all(tables: &[Table], table: &Table, deletion: &Deletion) -> Vec<Self> {
        let due = &deletion.due;
        let leads = |columns: &[String]| columns.first().is_some_and(|first| *first == due.column);
        let indexed = leads(&table.primary_key) || table.indexes.iter().any(|index| !index.partial && leads(&index.columns));
        // A tenant may have a cut-off of its own, and what has no time is in no range of times.
        let by_time = indexed && !due.undated && due.tenants.is_none();
        let mut all = Vec::new();
        if by_time {
            all.push(Self::of(tables, table, deletion, By::Time, &[quote(&due.column)]));
        }
        if let Some(row) = statements::rowid(table) {
            all.push(Self::of(tables, table, deletion, By::Row, &[row.to_owned()]));
        }
        if table.without_rowid && !table.primary_key.is_empty() {
            let key: Vec<_> = table.primary_key.iter().map(|name| quote(name)).collect();
            all.push(Self::of(tables, table, deletion, By::Key, &key));
        }
        all
    }

    fn of(tables: &[Table], table: &Table, deletion: &Deletion, by: By, columns: &[String]) -> Self {
        let (name, key, due) = (quote(&table.name), columns.join(", "), deletion.due.due("cutoff"));
        let read = columns.iter().map(|column| exact(column)).collect::<Vec<_>>().join(", ");
        let side = |side: &str| (0..columns.len()).map(|place| format!(":{side}_{place}")).collect::<Vec<_>>().join(", ");
        // The same as what is due says, in a form that an index can be used for.
        let bound = if by == By::Time { format!(" AND {key} < {}", deletion.due.parameter("cutoff")) } else { String::new() };
        let (from, to) = (format!("({key}) >= ({})", side("from")), format!("({key}) < ({})", side("to")));
        let (window, rest) = (format!("{from} AND {to}"), format!("{from}{bound}"));
        let going = format!("{rest} AND {due}");
        // A request has nothing but the database to remember the rows in that it chose.
        let place = format!("(SELECT archive FROM {JOURNAL_TABLE} WHERE {LINE})");
        let rows = Chosen::of(table, &key, false);
        Self {
            by,
            begin: format!("SELECT {read} FROM {name} WHERE TRUE{bound} ORDER BY {key} LIMIT 1"),
            first: format!("SELECT {read} FROM {name} WHERE {window} AND {due} ORDER BY {key} LIMIT 1"),
            first_of_rest: format!("SELECT {read} FROM {name} WHERE {rest} AND {due} ORDER BY {key} LIMIT 1"),
            next: format!("SELECT {read} FROM {name} WHERE ({key}) >= ({}){bound} ORDER BY {key} LIMIT 1", side("to")),
            end: format!("SELECT {read} FROM {name} WHERE {from} ORDER BY {key} LIMIT 1 OFFSET :rows"),
            referring: statements::guards(deletion, tables, &going, &deletion.doomed(&going)),
            window: Work::of(deletion, tables, table, &rows, &window, &place),
            rest: Work::of(deletion, tables, table, &rows, &rest, &place),
        }
    }

    /// Every statement that could be run.
    pub(super) fn statements(&self) -> impl Iterator<Item = &str> {
        let of = [&self.window, &self.rest].into_iter().flat_map(|work| {
            let going = work.going.iter().map(|(_, sql)| sql);
            going.chain(&work.chosen).chain(&work.children).chain([&work.rows]).chain(&work.left)
        });
        of.chain([&self.begin, &self.first, &self.first_of_rest, &self.next, &self.end])
            .chain(&self.referring)
            .map(String::as_str)
    }
}

/// All rows that a statement gives as one text, a line a row.
pub(super) fn lines(tables: &[Table], table: &str, going: &str) -> String {
    let columns = tables.iter().find(|known| known.name == *table).map(|table| &table.columns[..]).unwrap_or_default();
    let fields: Vec<_> = columns.iter().map(|column| exact(&quote(&column.name))).collect();
    format!("(SELECT group_concat({}, char(10)) FROM ({going}))", fields.join(" || ',' || "))
}

//! What goes into a database and what comes out: values, rows, limits and the shape of tables.

use std::time::Duration;

use avouch_model::Digest;

use crate::DatabaseError;

/// A value as SQLite stores it (SQLite, "Datatypes In SQLite", section 2).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL
    Null,
    /// A signed 64-bit integer.
    Integer(i64),
    /// A 64-bit float.
    Real(f64),
    /// A text.
    Text(String),
    /// The bytes of a text that is not UTF-8: SQLite takes any. It sorts among texts, and is no blob.
    BrokenText(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// The number of an integer value.
    pub const fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The text of a text value.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Whether the value is NULL.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) const fn bytes(&self) -> usize {
        match self {
            Self::Null => 1,
            Self::Integer(_) | Self::Real(_) => 8,
            Self::Text(text) => text.len(),
            Self::BrokenText(bytes) | Self::Blob(bytes) => bytes.len(),
        }
    }
}

impl Value {
    /// A text of these bytes.
    pub(crate) fn text(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::BrokenText(error.into_bytes()), Self::Text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// How much one question may cost. An answer that would go over is an error, never a part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most rows.
    pub rows_max: usize,
    /// The most bytes of all values together.
    pub bytes_max: usize,
    /// The longest time, without the wait for a lock.
    pub time: Duration,
}

impl Default for Limits {
    /// 10,000 rows, 64 MiB, 10 seconds.
    fn default() -> Self {
        Self { rows_max: 10_000, bytes_max: 64 * 1024 * 1024, time: Duration::from_secs(10) }
    }
}

/// An answer: the names of its columns and its rows in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each with as many values as there are columns.
    pub rows: Vec<Vec<Value>>,
}

impl Rows {
    /// The first value of the first row: the answer to `SELECT count(*) …`.
    pub fn single(&self) -> Option<&Value> {
        self.field(0)
    }

    /// The value at a place of the first row.
    pub(crate) fn field(&self, place: usize) -> Option<&Value> {
        self.rows.first()?.get(place)
    }

    /// The number at a place of the first row, 0 where there is none.
    pub(crate) fn number(&self, place: usize) -> i64 {
        self.field(place).and_then(Value::as_integer).unwrap_or(0)
    }
}

/// An ordinary table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in order; generated ones too.
    pub columns: Vec<Column>,
    /// The columns of the primary key, in the order of the key; empty when none is declared.
    pub primary_key: Vec<String>,
    /// Its indexes, those that the primary key and UNIQUE make too.
    pub indexes: Vec<Index>,
    /// The keys by which it refers to other tables.
    pub foreign_keys: Vec<ForeignKey>,
    /// Its triggers, by name in order.
    pub triggers: Vec<Trigger>,
    /// Whether it has no rowid (`WITHOUT ROWID`).
    pub without_rowid: bool,
    /// The tables that refer to its rows and are not among those that can be named: of another schema, or one that refers to a
    /// part of it alone.
    pub unseen: Vec<String>,
}

impl Table {
    /// The table that a person calls so, and [`Table::column`] a column of it: the one of this name or, where there is none, the
    /// only one that is spelled so but for ASCII case. SQLite does not tell those apart, and Postgres does.
    pub fn named<'t>(tables: &'t [Self], name: &str) -> Option<&'t Self> {
        called(tables, name, |table| &table.name)
    }

    /// The column that a person calls so.
    pub fn column(&self, name: &str) -> Option<&Column> {
        called(&self.columns, name, |column| &column.name)
    }
}

fn called<'t, T>(all: &'t [T], name: &str, of: impl Fn(&T) -> &str) -> Option<&'t T> {
    let mut alike = all.iter().filter(|one| of(one).eq_ignore_ascii_case(name));
    let exact = all.iter().find(|one| of(one) == name);
    exact.or_else(|| alike.next().filter(|_| alike.next().is_none()))
}

/// A table and a column of it by their names; an error where there is none.
pub(crate) fn named<'t>(
    tables: &'t [Table],
    database: &str,
    table: &str,
    column: &str,
) -> Result<(&'t Table, &'t Column), DatabaseError> {
    let missing = |message: String| DatabaseError::WrongSchema { database: database.to_owned(), message };
    let found = Table::named(tables, table).ok_or_else(|| missing(format!("no such table: {table}")))?;
    let column = found.column(column).ok_or_else(|| missing(format!("no such column: {table}.{column}")))?;
    Ok((found, column))
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its declared type as written, `VARCHAR(64)`; empty when none is.
    pub declared: String,
    /// Whether it is declared NOT NULL.
    pub not_null: bool,
    /// Whether it is part of the primary key.
    pub primary_key: bool,
}

impl Column {
    /// Its declared type without length, precision and scale: `numeric` of `numeric(10,2)`. A cast to it cuts nothing off.
    pub fn kind(&self) -> String {
        let (mut kind, mut quoted, mut depth) = (String::new(), false, 0_u32);
        for letter in self.declared.chars() {
            quoted ^= letter == '"';
            match letter {
                '(' if !quoted => depth += 1,
                ')' if !quoted => depth = depth.saturating_sub(1),
                _ if depth == 0 => kind.push(letter),
                _ => {}
            }
        }
        // These two mean one letter, or one bit, without a length (PostgreSQL, "Character Types" and "Bit String Types").
        match kind.as_str() {
            "character" => "bpchar".to_owned(),
            "bit" => "bit varying".to_owned(),
            _ => kind,
        }
    }
}

/// An index of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its key columns in order; an expression is an empty name.
    pub columns: Vec<String>,
    /// Whether it admits no two equal keys.
    pub unique: bool,
    /// Whether it covers only the rows of a WHERE: then `unique` says nothing about the others.
    pub partial: bool,
}

/// A trigger of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// Whether it runs when rows are deleted.
    pub on_delete: bool,
    /// Whether it runs when rows are changed.
    pub on_update: bool,
    /// How it was made.
    pub definition: String,
}

/// The schema as far as it matters to whoever changes rows of these tables: their columns, keys and triggers, and the foreign
/// keys of all tables that refer to them. Indexes do not matter.
pub fn fingerprint(tables: &[Table], touched: &[&str]) -> Digest {
    let is_touched = |name: &str| touched.contains(&name);
    let mut text = String::new();
    for table in tables {
        if is_touched(&table.name) {
            let parts = (&table.name, &table.columns, &table.primary_key, &table.triggers, table.without_rowid, &table.unseen);
            text.push_str(&format!("{parts:?}\n"));
        }
        for key in table.foreign_keys.iter().filter(|key| is_touched(&key.parent)) {
            text.push_str(&format!("{:?} {key:?}\n", table.name));
        }
    }
    Digest::of(text.as_bytes())
}

/// A foreign key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// The columns that refer, in order.
    pub columns: Vec<String>,
    /// The same as SQL that is equal to the columns referred to where the database itself finds it so.
    pub compared: Vec<String>,
    /// The table that is referred to, as it spells itself where it is one of those that can be named.
    pub parent: String,
    /// The columns referred to, in order and as that table spells them; empty: its primary key.
    pub parent_columns: Vec<String>,
    /// What happens on deletion there: `NO ACTION`, `RESTRICT`, `SET NULL`, `SET DEFAULT`, `CASCADE`.
    pub on_delete: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, declared: &str) -> Column {
        Column { name: name.to_owned(), declared: declared.to_owned(), not_null: false, primary_key: false }
    }

    #[test]
    fn a_name_is_found_as_it_is_spelled_or_when_it_can_mean_one_only() {
        let table = |name: &str| Table {
            name: name.to_owned(),
            columns: vec![column("at", ""), column("At", ""), column("Who", "")],
            primary_key: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            triggers: Vec::new(),
            without_rowid: false,
            unseen: Vec::new(),
        };
        let tables = [table("Orders"), table("orders"), table("Events")];
        let found = |name| Table::named(&tables, name).map(|table| table.name.as_str());
        assert_eq!(
            ["Orders", "orders", "ORDERS", "events", "none"].map(found),
            [Some("Orders"), Some("orders"), None, Some("Events"), None]
        );
        let found = |name| tables[0].column(name).map(|column| column.name.as_str());
        assert_eq!(["at", "At", "AT", "who"].map(found), [Some("at"), Some("At"), None, Some("Who")]);
    }

    #[test]
    fn a_kind_has_no_length_and_cuts_nothing_off() {
        for (declared, kind) in [
            ("timestamp(3) without time zone", "timestamp without time zone"),
            ("character varying(36)", "character varying"),
            ("character(5)", "bpchar"),
            ("bit(8)", "bit varying"),
            ("numeric(10,2)[]", "numeric[]"),
            ("app.\"Odd (kind)\"", "app.\"Odd (kind)\""),
            ("uuid", "uuid"),
        ] {
            assert_eq!(column("c", declared).kind(), kind);
        }
    }
}

//! The SQL of one deletion, in windows of the primary key.

use super::{Deletion, due::Dialect};
use crate::{Table, exact::exact, quote};

/// The statements. A key is the primary key, or SQLite's rowid. Parameters are those of [`super::Due`], `from_0` and `to_0` and
/// so on for a window, `rows`, and `chosen`.
#[derive(Clone, Debug)]
pub(crate) struct Statements {
    /// How many columns the key has.
    pub(crate) keys: usize,
    /// The key of the first row of the table.
    pub(crate) begin: String,
    /// The key of the first row that is due in a window that ends at `to`, and in one that ends with the table.
    pub(crate) first: String,
    pub(crate) first_of_rest: String,
    /// The key `rows` rows after `from`.
    pub(crate) end: String,
    /// The key `rows` rows after the number `leap`, where keys are whole numbers on Postgres: between two of them are no more than so many
    /// rows, and those need not be counted.
    pub(crate) leap: Option<String>,
    /// What is to be done in a window that ends at `to`, and in one that ends with the table.
    pub(crate) window: Work,
    pub(crate) rest: Work,
}

/// How many rows are looked at at once for the first one that is due: nobody waits for more than these, and a server that ends
/// statements that take long ends none.
pub(crate) const LOOKED_AT: u64 = 50_000;

/// What is to be done in a window, in this order.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// Lock the rows that go and count them, where the database has such locks: first those of the rule, then those of each child.
    /// Nobody can change them, or refer to them, any more. Where more than an age decides, the first gives the `chosen` rows as well.
    pub(crate) locks: Vec<String>,
    /// Counts those of the chosen rows that are due by now, once all are locked; none where nothing but an age decides. What holds a row
    /// may have come while the locks were waited for, and a statement sees what was there when it began.
    pub(crate) still: Option<String>,
    /// Count rows that stay and refer to rows that go.
    pub(crate) guards: Vec<String>,
    /// The rows that go, by table: that of the rule, then its children.
    pub(crate) going: Vec<(String, String)>,
    /// The same, once they are locked.
    pub(crate) locked: Vec<(String, String)>,
    /// The rows of the rule that go, as a JSON array of what tells them apart; none where nothing goes before them, or where the first
    /// lock tells. A condition may ask the children, so it is not asked again once they are gone: exactly these rows and their children go.
    pub(crate) chosen: Option<String>,
    /// Rows of the children, the last first.
    pub(crate) children: Vec<String>,
    /// The rows themselves.
    pub(crate) rows: String,
    /// Counts rows that are due although they were anonymised; none when rows are deleted.
    pub(crate) left: Option<String>,
}

/// The columns of a key: how they are named, and the type that their parameters are cast to.
struct KeyColumns(Vec<(String, Option<String>)>);

impl KeyColumns {
    /// None when there is nothing to go by.
    fn of(table: &Table, dialect: Dialect) -> Option<Self> {
        let declared = |name: &String| match dialect {
            Dialect::Sqlite => None,
            Dialect::Postgres => table.column(name).map(|column| column.declared.clone()),
        };
        if dialect == Dialect::Sqlite && !table.without_rowid {
            return Some(Self(vec![(rowid(table)?.to_owned(), None)]));
        }
        let keys: Vec<_> = table.primary_key.iter().map(|name| (quote(name), declared(name))).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    fn named(&self) -> String {
        self.0.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// As they are read: where they are cast to be bound again, as texts.
    fn read(&self) -> String {
        // Under a name of its own: ORDER BY would take the text for the column.
        let one = |(place, (name, cast)): (usize, &(String, Option<String>))| match cast {
            Some(_) => format!("CAST({name} AS TEXT) AS key_{place}"),
            None => name.clone(),
        };
        self.0.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
    }

    /// Whether it is one whole number.
    fn is_whole(&self) -> bool {
        let [(_, Some(kind))] = &self.0[..] else { return false };
        ["smallint", "integer", "bigint"].contains(&kind.as_str())
    }

    fn places(&self, side: &str) -> String {
        let one = |(place, (_, cast)): (usize, &(String, Option<String>))| match cast {
            Some(cast) => format!("CAST(:{side}_{place} AS {cast})"),
            None => format!(":{side}_{place}"),
        };
        format!("({})", self.0.iter().enumerate().map(one).collect::<Vec<_>>().join(", "))
    }
}

impl Statements {
    /// None when the table has no key, or columns named after all three names of the rowid. `inherited`: other tables inherit from
    /// this one, so that a key may be that of several rows.
    pub(crate) fn of(tables: &[Table], table: &Table, deletion: &Deletion, inherited: bool) -> Option<Self> {
        let keys = KeyColumns::of(table, deletion.due.dialect)?;
        let (name, key, read) = (quote(&table.name), keys.named(), keys.read());
        let due = deletion.due.due("cutoff");
        let from = format!("({key}) >= {}", keys.places("from"));
        let window = format!("{from} AND ({key}) < {}", keys.places("to"));
        let rows = Chosen::of(table, &key, inherited);
        Some(Self {
            keys: keys.0.len(),
            begin: format!("SELECT {read} FROM {name} ORDER BY {key} LIMIT 1"),
            first: format!("SELECT {read} FROM {name} WHERE {window} AND {due} ORDER BY {key} LIMIT 1"),
            first_of_rest: format!("SELECT {read} FROM {name} WHERE {from} AND {due} ORDER BY {key} LIMIT 1"),
            // Beyond `from`, so that windows end also where a table that inherits has more rows of one key than a window.
            end: format!(
                "SELECT {read} FROM {name} WHERE ({key}) > {} ORDER BY {key} LIMIT 1 OFFSET :rows - 1",
                keys.places("from")
            ),
            leap: keys
                .is_whole()
                .then(|| format!("SELECT {read} FROM {name} WHERE {key} >= :leap ORDER BY {key} LIMIT 1 OFFSET :rows")),
            window: Work::of(deletion, tables, table, &rows, &window, ":chosen"),
            rest: Work::of(deletion, tables, table, &rows, &from, ":chosen"),
        })
    }
}

impl Work {
    /// What is to be done to the rows in a `range` that are due. `place` is SQL, where those that were chosen are found.
    pub(crate) fn of(deletion: &Deletion, tables: &[Table], table: &Table, rows: &Chosen, range: &str, place: &str) -> Self {
        let (name, dialect) = (quote(&table.name), deletion.due.dialect);
        let going = format!("{range} AND {}", deletion.due.due("cutoff"));
        // Whatever was chosen, a row inside its retention never goes. Periods of tenants are not asked again: they may be a child's, and gone.
        let aged = match deletion.due.tenants {
            None => format!(" AND {}", deletion.due.aged("cutoff")),
            Some(_) => String::new(),
        };
        let (chosen, gone) = match dialect {
            Dialect::Sqlite if !deletion.children.is_empty() => {
                let identity = identity(table);
                let chosen = format!("SELECT json_group_array({identity}) FROM {name} WHERE {going}");
                (Some(chosen), format!("{range} AND ({identity}) IN (SELECT value FROM json_each({place}))"))
            }
            Dialect::Postgres if !deletion.due.is_plain() => (None, format!("{range} AND {}{aged}", rows.among(place))),
            _ => (None, going.clone()),
        };
        let doomed = deletion.doomed(&gone);
        let read = |goes: &str, doomed: &[String]| {
            let columns = |of: &str| selected(tables, of, dialect);
            let own = format!("SELECT {} FROM {name} WHERE {goes} ORDER BY {}", columns(&table.name), rows.order);
            let children = deletion.children.iter().map(|child| &child.table).zip(doomed).map(|(child, doomed)| {
                let order = in_order(tables, child, dialect);
                (child.clone(), format!("SELECT {} FROM {} WHERE {doomed}{order}", columns(child), quote(child)))
            });
            std::iter::once((deletion.due.table.clone(), own)).chain(children).collect()
        };
        let set: Vec<_> = deletion.set.iter().map(|(column, value)| format!("{} = ({value}\n)", quote(column))).collect();
        let update = match dialect {
            // Otherwise a constraint `ON CONFLICT REPLACE` would delete the rows that are in the way, whatever their age.
            Dialect::Sqlite => "UPDATE OR ABORT",
            Dialect::Postgres => "UPDATE",
        };
        let change = |goes: &str| match &set[..] {
            [] => format!("DELETE FROM {name} WHERE {goes}"),
            _ => format!("{update} {name} SET {} WHERE {goes}", set.join(", ")),
        };
        // SQLite tells itself how many rows a cascade changed.
        let (locks, guards) = match dialect {
            Dialect::Sqlite => (Vec::new(), Vec::new()),
            Dialect::Postgres => {
                let lock = |table: &str, goes: &str| {
                    format!("SELECT count(*) FROM (SELECT 1 FROM {} WHERE {goes} FOR UPDATE) AS locked", quote(table))
                };
                let own = if deletion.due.is_plain() { lock(&table.name, &going) } else { rows.choice(&name, &going) };
                let of_children = deletion.children.iter().zip(&doomed).map(|(child, goes)| lock(&child.table, goes));
                (std::iter::once(own).chain(of_children).collect(), guards(deletion, tables, &gone, &doomed))
            }
        };
        Self {
            still: (dialect == Dialect::Postgres && !deletion.due.is_plain())
                .then(|| format!("SELECT count(*) FROM {name} WHERE {gone} AND {}", deletion.due.due("cutoff"))),
            locks,
            guards,
            going: read(&going, &deletion.doomed(&going)),
            locked: read(&gone, &doomed),
            chosen,
            children: deletion
                .children
                .iter()
                .zip(&doomed)
                .rev()
                .map(|(child, doomed)| format!("DELETE FROM {} WHERE {doomed}", quote(&child.table)))
                .collect(),
            rows: change(&gone),
            left: (!set.is_empty()).then(|| format!("SELECT count(*) FROM {name} WHERE {going}")),
        }
    }
}

/// How the rows that were chosen are told apart on Postgres.
pub(crate) struct Chosen {
    /// Columns that tell one row from all others, and put them in order.
    order: String,
    /// Each of them as a text.
    texts: String,
    /// The types that these texts are cast to.
    types: Vec<String>,
}

impl Chosen {
    /// By their key, which every server that speaks this protocol has. Where tables inherit, which only Postgres knows, by where they lie:
    /// that stays until the transaction ends, once they are locked.
    pub(crate) fn of(table: &Table, key: &str, inherited: bool) -> Self {
        let cast = |name: &str| format!("CAST({name} AS TEXT)");
        if inherited {
            let texts = format!("{}, {}", cast("CAST(tableoid AS BIGINT)"), cast("ctid"));
            return Self { order: "tableoid, ctid".to_owned(), texts, types: vec!["OID".to_owned(), "TID".to_owned()] };
        }
        let declared = |name: &String| table.column(name).map_or("TEXT", |column| column.declared.as_str()).to_owned();
        Self {
            order: key.to_owned(),
            texts: table.primary_key.iter().map(|name| cast(&quote(name))).collect::<Vec<_>>().join(", "),
            types: table.primary_key.iter().map(declared).collect(),
        }
    }

    /// Locks rows, counts them, and gives them as a JSON array of arrays of texts.
    fn choice(&self, name: &str, goes: &str) -> String {
        let Self { order, texts, .. } = self;
        format!(
            "SELECT count(*), CAST(json_agg(json_build_array({texts})) AS TEXT) FROM (SELECT {order} FROM {name} WHERE {goes} FOR UPDATE) AS locked"
        )
    }

    /// The rows that [`Self::choice`] gave.
    fn among(&self, place: &str) -> String {
        let values = self.types.iter().enumerate().map(|(nth, kind)| format!("CAST(one ->> {nth} AS {kind})"));
        let values = values.collect::<Vec<_>>().join(", ");
        format!("({}) IN (SELECT {values} FROM json_array_elements(CAST({place} AS JSON)) AS chosen(one))", self.order)
    }
}

/// What tells the rows of a table of SQLite apart, as a number or a text: the rowid, the primary key, or all there is.
fn identity(table: &Table) -> String {
    if let Some(free) = rowid(table) {
        return free.to_owned();
    }
    let all = || table.columns.iter().map(|column| &column.name).collect();
    let names: Vec<_> = if table.primary_key.is_empty() { all() } else { table.primary_key.iter().collect() };
    names.into_iter().map(|name| exact(&quote(name))).collect::<Vec<_>>().join(" || ',' || ")
}

/// A name of the rowid that no column has, where there is a rowid.
pub(crate) fn rowid(table: &Table) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"].into_iter().find(|name| !table.without_rowid && table.column(name).is_none())
}

/// All columns; on Postgres each as the text that it writes, as there is no end of types.
fn selected(tables: &[Table], name: &str, dialect: Dialect) -> String {
    let table = tables.iter().find(|table| table.name == name);
    match (dialect, table) {
        (Dialect::Postgres, Some(table)) => {
            let column = |column: &crate::Column| format!("CAST({0} AS TEXT) AS {0}", quote(&column.name));
            table.columns.iter().map(column).collect::<Vec<_>>().join(", ")
        }
        _ => "*".to_owned(),
    }
}

/// The order of a child's rows, so that the same rows are the same twice: Postgres gives them in none, and a child may have no key.
fn in_order(tables: &[Table], name: &str, dialect: Dialect) -> String {
    let columns = tables.iter().find(|table| table.name == name).map_or(0, |table| table.columns.len());
    match dialect {
        Dialect::Postgres if columns > 0 => {
            let places: Vec<String> = (1..=columns).map(|place| place.to_string()).collect();
            format!(" ORDER BY {}", places.join(", "))
        }
        _ => String::new(),
    }
}

/// Counts rows that stay and refer to one that goes. Postgres does not tell how many rows a cascade changed, so this is asked
/// while the rows that go are locked.
pub(crate) fn guards(deletion: &Deletion, tables: &[Table], going: &str, doomed: &[String]) -> Vec<String> {
    if !deletion.set.is_empty() {
        return Vec::new();
    }
    let mut guards = Vec::new();
    let list = |columns: &[String]| columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ");
    let parents = std::iter::once((deletion.due.table.as_str(), going))
        .chain(deletion.children.iter().zip(doomed).map(|(child, doomed)| (child.table.as_str(), doomed.as_str())));
    for (parent, parent_goes) in parents {
        let primary = tables.iter().find(|table| table.name == parent).map(|table| &table.primary_key[..]).unwrap_or_default();
        for table in tables {
            let own = deletion.children.iter().zip(doomed).find(|(child, _)| child.table == table.name);
            for key in table.foreign_keys.iter().filter(|key| key.parent == parent) {
                let stays = match own {
                    Some((_, doomed)) if table.name != parent => format!("({doomed}) IS NOT TRUE"),
                    _ => "TRUE".to_owned(),
                };
                guards.push(format!(
                    "SELECT count(*) FROM {} WHERE ({}) IN (SELECT {} FROM {} WHERE {parent_goes}) AND {stays}",
                    quote(&table.name),
                    key.compared.join(", "),
                    list(if key.parent_columns.is_empty() { primary } else { &key.parent_columns }),
                    quote(parent),
                ));
            }
        }
    }
    guards
}

#[cfg(test)]
mod tests {
    use avouch_model::Digest;

    use super::*;
    use crate::{
        Column, ForeignKey,
        purge::{Child, Due, Link},
    };

    #[test]
    fn postgres_locks_every_row_that_goes_and_gives_those_of_children_in_an_order() {
        let column =
            |name: &str| Column { name: name.into(), declared: "bigint".into(), not_null: true, primary_key: name == "id" };
        let table = |name: &str, foreign_keys| Table {
            name: name.to_owned(),
            columns: vec![column("id"), column("of")],
            primary_key: vec!["id".into()],
            indexes: Vec::new(),
            foreign_keys,
            triggers: Vec::new(),
            without_rowid: true,
            unseen: Vec::new(),
        };
        let (own, parent) = (vec!["of".to_owned()], vec!["id".to_owned()]);
        let key = ForeignKey {
            columns: own.clone(),
            compared: own.clone(),
            parent: "t".into(),
            parent_columns: parent.clone(),
            on_delete: "CASCADE".into(),
        };
        let tables = [table("t", Vec::new()), table("u", vec![key])];
        let due = Due {
            dialect: Dialect::Postgres,
            table: "t".into(),
            column: "id".into(),
            shape: None,
            native: None,
            undated: false,
            condition: None,
            tenants: None,
            hold: None,
            set: Vec::new(),
        };
        let children =
            vec![Child { table: "u".into(), links: vec![Link { columns: own, parent: None, parent_columns: parent }] }];
        let schema = Digest::of(b"");
        let deletion = Deletion {
            rule: "r".into(),
            due,
            binds: Vec::new(),
            set: Vec::new(),
            children,
            schema,
            reached: crate::Identity::default(),
        };
        let work = Statements::of(&tables, &tables[0], &deletion, false).unwrap().rest;
        assert_eq!(work.locks.len(), 2);
        for (lock, name) in work.locks.iter().zip(["\"t\"", "\"u\""]) {
            assert!(lock.contains(&format!("FROM {name} WHERE")) && lock.contains("FOR UPDATE"), "{lock}");
        }
        assert!(work.going[1].1.ends_with(" ORDER BY 1, 2"), "{}", work.going[1].1);
    }
}

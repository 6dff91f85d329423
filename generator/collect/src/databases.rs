//! The databases of the world, by name.

use std::{
    sync::{MutexGuard, PoisonError},
    time::Duration,
};

use avouch_database::{Limits, Read, Rows, Table, Value};

use crate::{Unasked, World, sources::chain};

/// The name of a database: as asked, or the only one configured, or `main`.
pub(crate) fn name<'a>(world: &'a World<'_>, asked: Option<&'a str>) -> &'a str {
    match asked {
        Some(name) => name,
        None if world.databases.len() == 1 => world.databases.keys().next().map_or("main", String::as_str),
        None => "main",
    }
}

/// Tables of the runtime itself in a local D1; a program on D1 can neither read nor make one whose name begins with `_cf_`.
const OF_WORKERD: &[&str] = &["_cf_METADATA", "_cf_KV", "_cf_ALARM"];

/// A database that is held while one check asks it.
pub(crate) struct Held<'a> {
    name: &'a str,
    guard: MutexGuard<'a, Box<dyn Read>>,
}

/// Takes hold of a database.
pub(crate) fn hold<'a>(world: &'a World<'_>, asked: Option<&'a str>) -> Result<Held<'a>, Unasked> {
    let name = name(world, asked);
    let mutex = world
        .databases
        .get(name)
        .ok_or_else(|| Unasked(format!("no database `{name}` could be opened; see `[databases.{name}]`")))?;
    // A check that panicked while it held a reader left no statement open: a reader has no state between questions.
    let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Held { name, guard })
}

impl Held<'_> {
    /// Its tables; internal ones are left out.
    pub(crate) fn tables(&mut self) -> Result<Vec<Table>, Unasked> {
        self.guard.tables().map_err(|error| Unasked(chain(&error)))
    }

    /// The tables that the product made: without those that workerd keeps for itself in the file of a local D1. What is searched for
    /// values is searched for in all.
    pub(crate) fn own_tables(&mut self) -> Result<Vec<Table>, Unasked> {
        Ok(self.tables()?.into_iter().filter(|table| !OF_WORKERD.contains(&table.name.as_str())).collect())
    }

    /// The table of this name.
    pub(crate) fn table(&mut self, wanted: &str) -> Result<Option<Table>, Unasked> {
        Ok(self.tables()?.into_iter().find(|table| table.name.eq_ignore_ascii_case(wanted)))
    }

    /// Asks one question.
    pub(crate) fn query(&mut self, sql: &str, binds: &[(&str, Value)]) -> Result<Rows, Unasked> {
        self.guard.query(sql, binds, limits()).map_err(|error| Unasked(chain(&error)))
    }

    /// Asks for one whole number, not negative.
    pub(crate) fn count(&mut self, sql: &str) -> Result<u64, Unasked> {
        self.query(sql, &[])?
            .single()
            .and_then(Value::as_integer)
            .and_then(|count| u64::try_from(count).ok())
            .ok_or_else(|| Unasked(format!("database `{}` answered no count", self.name)))
    }

    /// Shows the bytes of every value of a column.
    pub(crate) fn scan(&mut self, table: &str, column: &str, each: &mut dyn FnMut(&[u8])) -> Result<u64, Unasked> {
        let mut show = |bytes: &[u8]| {
            each(bytes);
            true
        };
        self.guard.scan(table, column, limits(), &mut show).map_err(|error| Unasked(chain(&error)))
    }
}

fn limits() -> Limits {
    Limits { time: Duration::from_secs(120), ..Limits::default() }
}

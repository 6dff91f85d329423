//! SQLite through rusqlite.

mod place;
mod read;
mod schema;

pub(crate) use read::Reader;

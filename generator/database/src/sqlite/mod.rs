//! SQLite through rusqlite.

mod place;
mod purge;
mod read;
mod schema;

pub(crate) use purge::Purger;
pub(crate) use read::Reader;

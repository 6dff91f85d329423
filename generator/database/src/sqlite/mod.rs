//! SQLite through rusqlite.

mod erase;
mod lease;
mod log;
mod parts;
mod place;
mod purge;
pub(crate) mod read;
pub(crate) mod schema;
mod statements;
mod stopwatch;

pub(crate) use lease::prepare_journal;
pub(crate) use purge::Purger;
pub(crate) use read::Reader;

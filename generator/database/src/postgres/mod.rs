//! PostgreSQL through tokio-postgres. Only SQL that its relatives understand too.

mod lease;
mod parts;
mod purge;
mod read;
mod said;
mod schema;
mod session;
mod tls;
mod value;

pub(crate) use lease::prepare_journal;
pub(crate) use purge::Purger;
pub(crate) use read::Reader;
pub use said::Said;
pub(crate) use session::Way;

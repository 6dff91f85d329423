//! Cloudflare's D1 by its REST API. It is SQLite, but every request stands alone: docs/decisions/0013-d1-one-request-a-window.md.

mod answer;
mod budget;
mod client;
mod error;
mod lease;
mod mirror;
mod purge;
mod read;
mod session;
mod sweep;
mod width;

pub use error::D1Error;
pub(crate) use lease::prepare_journal;
pub(crate) use purge::Purger;
pub(crate) use read::Reader;

//! Collecting: the kinds of check. `gather` meets the world and leaves a redacted transcript; `judge` is pure.
//!
//! Architecture invariants: a transcript holds no secret; a judgement is made from the transcript and the parameters
//! alone; no evidence is never a pass; nothing is connected to but the configured targets and databases; nothing is
//! written to a database, and what a probe writes to a target it removes.

pub mod advisories;
mod arithmetic;
#[cfg(test)]
mod claims_tests;
mod commands;
mod confirmed;
mod databases;
mod ecosystems;
mod engine;
mod kind;
pub mod kinds;
mod malformed;
mod parameters;
mod parsed;
mod pipelines;
#[cfg(test)]
mod profile_tests;
mod redact;
mod reports;
mod scripts;
mod secret;
pub mod secrets;
mod selector;
mod selftest;
mod sources;
mod statistics;
#[cfg(test)]
mod testing;
mod world;

pub use engine::{Collected, Progress, TRANSCRIPT_BYTES_MAX, collect, collect_and_tell};
pub use kind::{Example, Judgement, Kind, Patience, Question, Unasked, Vantage};
pub use parsed::Parsed;
pub use selftest::{CheckRow, KillMatrix, Row, selftest, selftest_of};
pub use world::{Keeper, RecordedRelease, World};

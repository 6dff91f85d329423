//! The nouns of avouch: what a standard, a control, a check, an observation, an entry and an assessment *are*.
//!
//! Architecture invariants: this room does no I/O and has no clock; time and randomness are arguments. Every value that
//! is recorded has one canonical JSON form (RFC 8785, [`canonical`]) and is identified by its SHA-256 ([`Digest`]).
//! Text from outside is kept as it came; whoever shows it escapes it for the place where it is shown.

pub mod assessment;
pub mod canonical;
pub mod catalogue;
pub mod configuration;
pub mod decision;
pub mod diagnostic;
pub mod digest;
pub mod entry;
pub mod json;
pub mod observation;
pub mod payload;
pub mod percent;
pub mod product;
pub mod purl;
pub mod receipt;
pub mod release;
pub mod span;
pub mod state;
pub mod time;

pub use digest::Digest;
pub use json::Json;
pub use span::Span;
pub use time::Timestamp;

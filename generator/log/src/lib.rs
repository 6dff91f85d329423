//! The append-only log, bytes in and verdict out: Merkle trees, tiles, signed notes, checkpoints, DSSE, verification.
//!
//! Architecture invariants: nothing here opens a file, a socket or a clock, and nothing here holds a secret; `verify` needs
//! bytes and public keys only. Every parser takes hostile input: it answers with an error, never with a panic, and keeps no
//! more than a small multiple of what it was given.

pub mod checkpoint;
pub mod dsse;
pub mod keyring;
pub mod layout;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod proof;
pub mod source;
pub mod tile;
pub mod verify;

pub use checkpoint::Checkpoint;
pub use note::VerifierKey;
pub use source::{Memory, Source, SourceError};
pub use verify::{Finding, Grade, Outcome, Remembered, Request, verify};

//! The record: the ledger, the signing key, the published folder.
//!
//! Architecture invariants: this is the only room with a secret key, and no value of it reaches an error, a log or a debug
//! text. The ledger is the truth; the published folder is a pure function of it and of the pages, so a publication that was
//! interrupted anywhere is completed by the next one. Nothing here asks a clock.

mod disk;
mod error;
#[cfg(test)]
mod fixture;
mod folder;
mod ledger;
mod publish;
mod restore;
mod signer;

pub use error::RecordError;
pub use folder::Folder;
pub use ledger::{
    Appended, Claim, Content, Ledger, NewEntry, PayloadState, PendingRun, Promised, Sealed, Slot, SlotState, Standing,
};
pub use publish::{Published, Render, publish};
pub use restore::restore;
pub use signer::{KeyPair, Signer};

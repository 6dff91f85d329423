//! Lockfiles, reports, workflows, configuration, mappings and signed decisions: bytes in, values out.
//!
//! Architecture invariant: this room opens no file, no socket and no clock; it is given bytes and gives values, or says
//! what is wrong with the bytes, where, and the way out.

pub mod configuration;
pub mod decisions;
pub mod ignore_rules;
pub mod javascript;
pub mod lock;
pub mod mapping;
pub mod protection;
pub mod report;
pub mod schedule;
pub mod source_text;
pub mod sshsig;
pub mod structured;
pub mod toml_walk;
pub mod workflow;
pub mod wrangler;

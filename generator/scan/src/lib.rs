//! Secrets in bytes: rules in the format of gitleaks, searched for so that a value is found without ever being shown.
//!
//! [`Rules`] are read from TOML, ours or a team's own. [`Scanner`] looks through one content after the other: a search for the
//! rules' keywords says which rules can match at all, and where; their patterns are then tried around those places only. What it
//! gives is a [`Hit`]: rule, place and a digest under a [`Key`]. [`Exceptions`] are the hits that a team lives with, each with a
//! reason and an end.
//!
//! Architecture invariants: no file, no clock and no process here; a hit, an error and every `Debug` are free of the value that
//! was found; searching around keywords finds exactly what searching the whole content finds.

mod class;
mod content;
mod exceptions;
mod key_file;
mod keyed;
mod mask;
mod pattern;
mod placeholder;
mod rules;
mod scanner;

pub use class::PathClass;
pub use content::{Content, content};
pub use exceptions::{Exception, Exceptions, Judged, TooLong, within_term, write_exceptions};
pub use keyed::{Key, KeyedDigest, NotAKey};
pub use mask::masked;
pub use rules::{Profile, Rule, Rules, own_rule_files};
pub use scanner::{Hit, Place, ScanError, Scanned, Scanner};

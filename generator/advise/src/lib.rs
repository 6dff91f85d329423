//! Published advisories against the components of a product: which of them have a known vulnerability.
//!
//! Architecture invariants: bytes come in and values go out; nothing here opens a file, a socket or a clock, and nothing is
//! unpacked to a disk. What cannot be decided is said to be undecided: an advisory that cannot be read, a version that
//! cannot be ordered, an ecosystem that the database does not cover. None of these is ever a pass.
//!
//! The format is that of OSV (<https://ossf.github.io/osv-schema/>, 1.7); the Markdown of a RustSec checkout is read too.

mod advisory;
mod archive;
mod audit;
mod bom;
mod completeness;
mod database;
mod ecosystem;
mod ignore;
mod matching;
mod osv;
mod purl;
mod range;
mod requirement;

mod rustsec;
mod severity;
mod version;
mod vex;

pub use advisory::{Advisory, Affected, Class, Event, Range, RangeType};
pub use audit::{Asked, Counted, Report, audit, conclude, count};
pub use bom::{Bom, BomError, Component, Role, Scope};
pub use database::{BYTES_MAX, Database, EcosystemFacts, Facts, Loader};
pub use ecosystem::Ecosystem;
pub use ignore::{Approved, Ignore, IgnoreError, read_ignores};
pub use matching::{AffectedComponent, Certainty, Ignored, Match, identity, matches};
pub use purl::{NotAPurl, OfEcosystem, Purl};
pub use requirement::{NotARequirement, Requirement};
pub use severity::{NotARating, Rating, Severity};
pub use version::{NotAVersion, Scheme, Version};
pub use vex::{Document, ReleaseBom, Row, Said, cyclonedx, openvex, release_matches, rows, status};

#[cfg(test)]
mod hostile;

//! Retention: from a rule to a plan, from a plan to a purge, and from either to a proof.
//!
//! Architecture invariants: this is the only room that deletes. The cut-off is computed once, in UTC, and bound as a value
//! in the column's own encoding; SQL never does arithmetic with time. What is strictly older goes, what is exactly as old
//! stays. A column that cannot be read as one encoding throughout is not deleted by. What a deletion did is told by a
//! second connection that looks afterwards, not by the one that deleted.

mod archive;
mod encoding;
mod error;
mod obstacles;
mod pace;
mod place;
mod plan;
mod purge;
mod rules;
mod survey;

use std::path::Path;

use avouch_model::{
    Timestamp,
    product::{Database, RetentionRule},
    receipt::{Promise, RetentionRun},
};

pub use avouch_database::purge::journal;
pub use encoding::Encoding;
pub use error::RetainError;
pub use pace::{Gentleness, Pace, Sleep};
pub use plan::{Plan, plan};
pub use purge::{prove, purge};
pub use rules::{grants, lag_is_large, promise, tables_without_rule};

/// A rule with all that its execution depends on.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The rule.
    pub rule: &'a RetentionRule,
    /// What is promised by it: see [`promise`].
    pub promise: Promise,
    /// The database that the rule names.
    pub database: &'a Database,
    /// The repository, beneath which relative files lie.
    pub root: &'a Path,
    /// The time now, by the wall clock.
    pub now: Timestamp,
    /// When the rule was executed last, where that is known: a clock that went back is refused.
    pub last_run: Option<Timestamp>,
    /// A name of this process that no other has: claims are made under it.
    pub owner: String,
    /// The last claim of which the record tells; what later ones deleted and did not tell is told by the next run.
    pub told: Option<u64>,
}

/// What an execution did, whatever came of it.
#[derive(Debug)]
pub struct Execution {
    /// For the private store, and for the receipt.
    pub run: RetentionRun,
    /// What was found before anything was done; none when it could not be looked at.
    pub plan: Option<Plan>,
    /// Rows that the database says it read for the deletion, where it says so: D1 bills them.
    pub rows_read: Option<u64>,
    /// Why it did not end as it should: for whoever asked, never for the record.
    pub trouble: Option<RetainError>,
}

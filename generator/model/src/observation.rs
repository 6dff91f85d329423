//! Observations: the immutable answers of checks.

use serde::{Deserialize, Serialize};

use crate::{Json, json::Object, release::Binding, state::Outcome};

/// How many things were looked at, and how few would have been too few.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Things examined: rows, requests, files, test cases.
    pub examined: u64,
    /// Fewer than this would have been `not_exercised`; never 0.
    pub required: u64,
}

/// Whether the part of the run that must work did work: the request that must be answered, the line that must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositiveControl {
    /// It worked: the negative answers mean something.
    Held,
    /// It did not: the outcome is an error.
    Broken,
    /// This kind reads a whole, and needs none beyond its minimum population.
    NotNeeded,
}

/// What a check saw: public by construction. What a failure looked like is in [`Detail`], which is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The check's id.
    pub check: String,
    /// The answer.
    pub outcome: Outcome,
    /// What was examined.
    pub population: Population,
    /// Whether the positive control held.
    pub positive_control: PositiveControl,
    /// The claim's numbers as they were tested: the values of the check's `numbers`.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub tested: Object,
    /// What ties it to a release.
    pub binding: Binding,
    /// One sentence on what was seen, in English; only where the outcome is `pass` (or `inherited` would be shown).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
}

/// The sealed half of an observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detail {
    /// The check's id.
    pub check: String,
    /// What was found, a sentence each, most important first: what, where, and what was expected.
    pub findings: Vec<String>,
    /// The redacted transcript that was judged.
    pub transcript: Json,
}

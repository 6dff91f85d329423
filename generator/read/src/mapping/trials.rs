//! How the checks of the built-in profiles were tried before they left the house: the defects that turn each claim.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The table of the kill matrices that avouch's own tests hold (`tests/kill_matrix.rs`, `tests/products.rs`), by profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trials {
    /// Format version, 1.
    pub v: u32,
    /// The program that was tried, `avouch 0.1.0`.
    pub program: String,
    /// What each profile was tried with.
    pub profiles: BTreeMap<String, Trial>,
}

/// The trial of one profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The defects by name, and what each changes in the reference product.
    pub defects: BTreeMap<String, String>,
    /// The claims by id, and the defects that turn each.
    pub claims: BTreeMap<String, Vec<String>>,
}

/// The table that comes with the program.
///
/// # Errors
/// When it is not what its type says; a test holds it to the tables of the defects.
pub fn trials() -> Result<Trials, serde_json::Error> {
    serde_json::from_str(include_str!("../../../../mappings/kill-matrix.json"))
}

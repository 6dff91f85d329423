//! The defects: each breaks the promise of certain claims, and no other.

mod material;
mod name;
mod service;

use std::{fmt, str::FromStr};

pub use name::Defect;

/// Which part of the product a defect changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The running service.
    Service,
    /// The database as it is filled.
    Database,
    /// The files of the repository.
    Repository,
    /// The report of the unit tests.
    Reports,
    /// The signed decisions.
    Decisions,
}

impl Part {
    /// The name in machine output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Database => "database",
            Self::Repository => "repository",
            Self::Reports => "reports",
            Self::Decisions => "decisions",
        }
    }
}

/// Every defect: those of the service first, each in the order of the claims.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    service::TABLE.iter().chain(material::TABLE)
}

/// A defect as it is described.
#[derive(Debug)]
pub struct Entry {
    /// Which.
    pub defect: Defect,
    /// Its name on the command line.
    pub name: &'static str,
    /// Where it changes something. The same name is given to every subcommand; each does its part.
    pub parts: &'static [Part],
    /// What changes.
    pub change: &'static str,
    /// The claims that must leave `pass`.
    pub claims: &'static [&'static str],
    /// Claims that may turn with them, each with the reason.
    pub linked: &'static [(&'static str, &'static str)],
}

impl Defect {
    /// Its description.
    pub fn entry(self) -> Option<&'static Entry> {
        all().find(|entry| entry.defect == self)
    }
}

/// No defect has this name.
#[derive(Debug)]
pub struct NoSuchDefect(String);

impl fmt::Display for NoSuchDefect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no defect is named `{}`; `reference-api defects` lists them", self.0)
    }
}

impl std::error::Error for NoSuchDefect {}

impl FromStr for Defect {
    type Err = NoSuchDefect;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        all().find(|entry| entry.name == name).map(|entry| entry.defect).ok_or_else(|| NoSuchDefect(name.to_owned()))
    }
}

/// The defect that is asked for, if any. What is asked of it everywhere: whether it is this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chosen(pub Option<Defect>);

impl Chosen {
    /// Whether this defect is asked for.
    pub fn is(self, defect: Defect) -> bool {
        self.0 == Some(defect)
    }

    /// Whether one of these defects is asked for.
    pub fn is_any(self, defects: &[Defect]) -> bool {
        self.0.is_some_and(|chosen| defects.contains(&chosen))
    }
}

/// The table as JSON: an array of objects with `name`, `parts`, `change`, `claims` and `linked`.
pub fn json() -> serde_json::Value {
    all()
        .map(|entry| {
            serde_json::json!({
                "name": entry.name,
                "parts": entry.parts.iter().map(|part| part.name()).collect::<Vec<_>>(),
                "change": entry.change,
                "claims": entry.claims,
                "linked": entry.linked.iter().map(|(claim, reason)| {
                    serde_json::json!({ "claim": claim, "reason": reason })
                }).collect::<Vec<_>>(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_defects_are_unique_and_found_again() {
        let names: BTreeSet<_> = all().map(|entry| entry.name).collect();
        assert_eq!(names.len(), all().count());
        for entry in all() {
            assert_eq!(entry.name.parse::<Defect>().unwrap(), entry.defect);
            assert_eq!(entry.defect.entry().unwrap().name, entry.name);
        }
        assert!("no-such".parse::<Defect>().is_err());
    }

    #[test]
    fn every_defect_breaks_something_and_links_at_most_two_claims() {
        for entry in all() {
            assert!(!entry.claims.is_empty() && !entry.parts.is_empty(), "{}", entry.name);
            assert!(entry.linked.len() <= 2, "{}", entry.name);
            assert!(entry.linked.iter().all(|(claim, _)| !entry.claims.contains(claim)), "{}", entry.name);
        }
    }

    #[test]
    fn every_claim_of_the_profile_but_one_has_a_defect() {
        let broken: BTreeSet<_> = all().flat_map(|entry| entry.claims).copied().collect();
        // The one: the surface for agents, which this product does not have.
        assert!(!broken.contains("B-mcp-inject-001"));
        assert_eq!(broken.len(), 61, "{broken:#?}");
    }
}

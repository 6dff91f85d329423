//! The defects: each breaks the promise of certain claims, and no other.

mod blind;
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

/// Every defect: those of the service first, those written blind last, each in the order of the claims.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    service::TABLE.iter().chain(material::TABLE).chain(blind::table())
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
    /// Whether it was written by somebody who knew the claim and the product, and had not read the check. Such defects are
    /// tried several at a time.
    pub blind: bool,
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

/// The most defects in one product.
pub const TOGETHER: usize = 6;

/// The defects that are asked for, if any. What is asked of it everywhere: whether one is among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chosen([Option<Defect>; TOGETHER]);

impl Chosen {
    /// Whether this defect is asked for.
    pub fn is(self, defect: Defect) -> bool {
        self.0.contains(&Some(defect))
    }

    /// Whether one of these defects is asked for.
    pub fn is_any(self, defects: &[Defect]) -> bool {
        self.iter().any(|chosen| defects.contains(&chosen))
    }

    /// Those that are asked for.
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        self.0.into_iter().flatten()
    }
}

impl From<Option<Defect>> for Chosen {
    fn from(defect: Option<Defect>) -> Self {
        Self([defect, None, None, None, None, None])
    }
}

/// Why names choose nothing.
#[derive(Debug)]
pub enum NotChosen {
    /// One is no defect's.
    NoSuchDefect(NoSuchDefect),
    /// There are more than [`TOGETHER`].
    TooMany,
}

impl fmt::Display for NotChosen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchDefect(error) => error.fmt(formatter),
            Self::TooMany => write!(formatter, "a product has at most {TOGETHER} defects"),
        }
    }
}

impl std::error::Error for NotChosen {}

impl FromStr for Chosen {
    type Err = NotChosen;

    /// Names with commas between them.
    fn from_str(names: &str) -> Result<Self, Self::Err> {
        let mut chosen = Self::default();
        let mut places = chosen.0.iter_mut();
        for name in names.split(',') {
            let place = places.next().ok_or(NotChosen::TooMany)?;
            *place = Some(name.parse().map_err(NotChosen::NoSuchDefect)?);
        }
        Ok(chosen)
    }
}

/// The table as JSON: an array of objects with `name`, `parts`, `change`, `claims`, `linked` and `blind`.
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
                "blind": entry.blind,
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
    fn up_to_six_are_chosen_at_once() {
        let chosen: Chosen = "tls12,no-hsts".parse().unwrap();
        assert!(chosen.is(Defect::Tls12) && chosen.is(Defect::NoHsts) && !chosen.is(Defect::NoVary));
        assert_eq!(chosen.iter().collect::<Vec<_>>(), [Defect::Tls12, Defect::NoHsts]);
        assert!("tls12,no-such".parse::<Chosen>().is_err());
        assert!("tls12,".repeat(TOGETHER).trim_end_matches(',').parse::<Chosen>().is_ok());
        assert!(("tls12,".repeat(TOGETHER) + "tls12").parse::<Chosen>().is_err());
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
    fn every_claim_of_the_profile_has_a_defect() {
        let broken: BTreeSet<_> = all().flat_map(|entry| entry.claims).copied().collect();
        assert_eq!(broken.len(), 62, "{broken:#?}");
    }
}

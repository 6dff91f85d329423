//! Versions and their order, ecosystem by ecosystem.

use std::cmp::Ordering;

mod pep440;
mod semver;

use self::{pep440::Pep440, semver::Semver};

/// How versions are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Semantic Versioning 2.0.0, section 11. What is published and is not quite of that form is read kindly: a `v` or `go` in
    /// front, minor or patch left out, leading zeros.
    Semver,
    /// PEP 440, the versions of Python packages.
    Pep440,
}

/// A version that can be compared with others of its scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(Ordered);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ordered {
    Semver(Semver),
    Pep440(Pep440),
}

/// The text is no version of that scheme.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no {} version", match scheme { Scheme::Semver => "semantic", Scheme::Pep440 => "PEP 440" })]
pub struct NotAVersion {
    /// The text.
    pub text: String,
    /// The scheme.
    pub scheme: Scheme,
}

impl Version {
    /// Reads a version.
    ///
    /// # Errors
    /// When the text is none of that scheme.
    pub fn parse(scheme: Scheme, text: &str) -> Result<Self, NotAVersion> {
        let parsed = match scheme {
            Scheme::Semver => Semver::parse(text).map(Ordered::Semver),
            Scheme::Pep440 => Pep440::parse(text).map(Ordered::Pep440),
        };
        parsed.map(Self).ok_or_else(|| NotAVersion { text: text.to_owned(), scheme })
    }

    /// How this version stands to a bound that an advisory names. Build metadata counts for nothing, and a local label of PEP
    /// 440 (`2.0+cu118`) only where the bound has one: a local build of a release has what the release has.
    ///
    /// None when the two are of different schemes.
    pub fn against(&self, bound: &Self) -> Option<Ordering> {
        match (&self.0, &bound.0) {
            (Ordered::Semver(version), Ordered::Semver(bound)) => Some(version.cmp(bound)),
            (Ordered::Pep440(version), Ordered::Pep440(bound)) => Some(version.against(bound)),
            _ => None,
        }
    }

    /// The first three numbers, for requirements such as `^1.2`; none for other schemes.
    pub(crate) const fn core(&self) -> Option<[u64; 3]> {
        if let Ordered::Semver(version) = &self.0 { Some(version.core) } else { None }
    }
}

//! An advisory: what is read of one, whatever it was written in.

use avouch_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Ecosystem;

/// An advisory, as OSV has it; what is not needed for matching and telling is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// Its id, `RUSTSEC-2020-0071`.
    pub id: Box<str>,
    /// The ids of the same vulnerability in other databases.
    pub aliases: Vec<Box<str>>,
    /// One line on what it is.
    pub summary: Box<str>,
    /// When it was changed last; of two with one id the later counts.
    pub modified: Option<Timestamp>,
    /// Whether it was withdrawn: then it says nothing any more.
    pub withdrawn: bool,
    /// The CVSS vectors, as written.
    pub vectors: Vec<Box<str>>,
    /// The severity in a word of the database's own.
    pub rated: Option<Box<str>>,
    /// Which packages.
    pub affected: Vec<Affected>,
}

impl Advisory {
    /// Its id, and the ids of the same vulnerability in other databases.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.id).chain(&self.aliases).map(|name| &**name)
    }
}

/// One package of an advisory and which of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// The package's ecosystem.
    pub ecosystem: Ecosystem,
    /// Its name, as written.
    pub name: Box<str>,
    /// What is said about it.
    pub class: Class,
    /// Ranges of versions.
    pub ranges: Vec<Range>,
    /// Versions, one by one.
    pub versions: Vec<Box<str>>,
    /// The CVSS vectors of this package, as written.
    pub vectors: Vec<Box<str>>,
    /// The severity of this package in a word of the database's own.
    pub rated: Option<Box<str>>,
}

/// What an advisory is about. Only a vulnerability can fail an audit; the others are told apart from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Something worth knowing.
    Notice,
    /// Nobody maintains the package any more.
    Unmaintained,
    /// The package can be made to do what its language forbids; whether that can be exploited is not said.
    Unsound,
    /// A vulnerability.
    Vulnerability,
}

impl Class {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Unmaintained => "unmaintained",
            Self::Unsound => "unsound",
            Self::Vulnerability => "vulnerability",
        }
    }

    /// The class that a database's informational word names; any other word is taken for a vulnerability.
    pub(crate) fn of_word(word: Option<&str>) -> Self {
        match word.map(str::trim) {
            Some("notice") => Self::Notice,
            Some("unmaintained") => Self::Unmaintained,
            Some("unsound") => Self::Unsound,
            _ => Self::Vulnerability,
        }
    }
}

/// A range of versions (schema, section "affected[].ranges").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// How its versions are ordered.
    pub r#type: RangeType,
    /// What happens at which version, in the order in which they are written.
    pub events: Vec<Event>,
}

/// How the versions of a range are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum RangeType {
    /// By Semantic Versioning, whatever the ecosystem.
    #[serde(rename = "SEMVER")]
    Semver,
    /// As the ecosystem orders them.
    #[serde(rename = "ECOSYSTEM")]
    Ecosystem,
    /// By the commits of a repository: nothing that a version number can tell.
    #[serde(rename = "GIT")]
    Git,
}

/// What happens at a version (schema, section "affected[].ranges[].events").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The version has it, and those after; `0` stands for before all versions.
    Introduced(Box<str>),
    /// The version does not have it any more.
    Fixed(Box<str>),
    /// The version is the last that has it.
    LastAffected(Box<str>),
    /// Nothing is said of this version and those after; `*` stands for after all versions.
    Limit(Box<str>),
}

//! A package in a lockfile.

use super::{Archive, Ecosystem, Hash, Origin, Seal};

/// A package in a lockfile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its real name, an alias resolved.
    pub name: String,
    /// Its version; none where a workspace member states none.
    pub version: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// The hashes of its archive, where there is one archive. A Python distribution has several: see `archives`.
    pub hashes: Vec<Hash>,
    /// The files it is distributed as, as far as the lockfile tells of them.
    pub archives: Vec<Archive>,
    /// What else it is recognised by: digests that are of something other than its archive.
    pub seals: Vec<Seal>,
    /// The licence that the lockfile states, as written.
    pub licence: Option<String>,
    /// What it is needed for.
    pub scope: Scope,
    /// Whether the lockfile says that it is patched locally.
    pub patched: bool,
    /// Whether a root asks for it by itself, as far as the lockfile tells.
    pub direct: bool,
    /// Whether the lockfile ties it to some platforms, interpreters or versions of them.
    pub conditional: bool,
    /// Its ecosystem.
    pub ecosystem: Ecosystem,
    /// The places in [`super::Lockfile::packages`] of what it needs, sorted, without itself.
    pub dependencies: Vec<usize>,
    /// How each of `dependencies` is needed.
    pub needs: Vec<Need>,
}

impl Package {
    pub(super) fn new(ecosystem: Ecosystem, name: &str, version: Option<&str>, origin: Origin) -> Self {
        Self {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            origin,
            hashes: Vec::new(),
            archives: Vec::new(),
            seals: Vec::new(),
            licence: None,
            scope: Scope::Excluded,
            patched: false,
            direct: false,
            conditional: false,
            ecosystem,
            dependencies: Vec::new(),
            needs: Vec::new(),
        }
    }

    /// What makes it another package than others.
    pub(super) fn key(&self) -> (&str, Option<&str>, &Origin) {
        (&self.name, self.version.as_deref(), &self.origin)
    }

    /// What it is called in a message: `name version`.
    pub(super) fn called(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }

    /// Takes over what another entry of the same package tells.
    pub(super) fn join(&mut self, other: Self) {
        join(&mut self.hashes, other.hashes);
        join(&mut self.archives, other.archives);
        join(&mut self.seals, other.seals);
        self.licence = self.licence.take().or(other.licence);
        self.patched |= other.patched;
        // What one entry needs everywhere is needed everywhere.
        self.conditional &= other.conditional;
    }
}

fn join<T: Ord>(into: &mut Vec<T>, more: Vec<T>) {
    if !more.is_empty() && *into != more {
        into.extend(more);
        into.sort();
        into.dedup();
    }
}

/// What a package is needed for: the strongest way by which it can be reached from the roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// It is part of what runs (or, where the lockfile does not tell, may be).
    Required,
    /// It runs where its optional dependency was installed.
    Optional,
    /// It is needed for development only, or by nothing at all.
    Excluded,
}

/// How a package needs another, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// It does not run without it.
    Required,
    /// It does not run without it, and leaves it to its dependants to choose one.
    Peer,
    /// It runs without it: an optional dependency, an optional peer, an extra.
    Optional,
    /// It is built with it.
    Build,
    /// It is developed with it.
    Development,
}

impl Need {
    /// What is reached at least by edges of this kind.
    pub const fn scope(self) -> Scope {
        match self {
            Self::Required | Self::Peer => Scope::Required,
            Self::Optional => Scope::Optional,
            Self::Build | Self::Development => Scope::Excluded,
        }
    }
}

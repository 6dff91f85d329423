//! Lockfiles: which packages a release is made of, where each comes from, and what needs what.
//!
//! What is read is the lockfile alone: no manifest, no cache, no registry. What a lockfile does not say is not guessed.

use std::collections::BTreeSet;

use crate::structured::Unreadable;

mod cargo;
mod graph;
mod origin;
mod package_lock;
mod pnpm;
mod purl;

#[cfg(test)]
mod tests;

pub use origin::{Hash, HashAlgorithm, Origin};
pub use purl::{cargo_purl, generic_purl, npm_purl};

/// The largest lockfile that is read, in bytes.
pub const BYTES_MAX: u64 = 64 << 20;

/// Which packages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecosystem {
    /// Rust crates.
    Cargo,
    /// JavaScript packages.
    Npm,
}

/// A format of lockfiles that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `Cargo.lock`, versions 1 to 4.
    CargoLock,
    /// `package-lock.json` and `npm-shrinkwrap.json`, versions 2 and 3.
    PackageLock,
    /// `pnpm-lock.yaml`, versions 6 and 9.
    PnpmLock,
}

/// What a lockfile says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockfile {
    /// Where it lies, as it was named.
    pub path: String,
    /// Its format.
    pub format: Format,
    /// The version of the format, as it is written there.
    pub format_version: String,
    /// The packages, sorted by name, version and origin; two with the same name and version from two origins are two.
    pub packages: Vec<Package>,
    /// The places in `packages`, ascending, of what the repository itself makes: workspace members and packages beside them.
    pub roots: Vec<usize>,
    /// Dependencies that the lockfile names and does not hold (peers nobody installed, for example), as `a 1.0 → b`.
    pub unresolved: BTreeSet<String>,
}

/// A package in a lockfile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Its real name, an alias resolved.
    pub name: String,
    /// Its version; none where a workspace member states none.
    pub version: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// The hashes of its archive.
    pub hashes: Vec<Hash>,
    /// The licence that the lockfile states, as written.
    pub licence: Option<String>,
    /// What it is needed for.
    pub scope: Scope,
    /// Whether the lockfile says that it is patched locally.
    pub patched: bool,
    /// Its ecosystem.
    pub ecosystem: Ecosystem,
    /// The places in [`Lockfile::packages`] of what it needs, sorted, without itself.
    pub dependencies: Vec<usize>,
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

impl Format {
    /// The format of a file with this path; none when it is no lockfile that is read.
    pub fn of(path: &str) -> Option<Self> {
        match path.rsplit('/').next()? {
            "Cargo.lock" => Some(Self::CargoLock),
            "package-lock.json" | "npm-shrinkwrap.json" => Some(Self::PackageLock),
            "pnpm-lock.yaml" => Some(Self::PnpmLock),
            _ => None,
        }
    }

    /// Its packages' ecosystem.
    pub const fn ecosystem(self) -> Ecosystem {
        match self {
            Self::CargoLock => Ecosystem::Cargo,
            Self::PackageLock | Self::PnpmLock => Ecosystem::Npm,
        }
    }

    /// Whether the lockfile tells what is needed for development only. A `Cargo.lock` does not: it lists what any
    /// feature, any platform and the tests may need.
    pub const fn tells_scopes(self) -> bool {
        !matches!(self, Self::CargoLock)
    }

    /// The command that writes the lockfile anew.
    const fn remake(self) -> &'static str {
        match self {
            Self::CargoLock => "cargo generate-lockfile",
            Self::PackageLock => "npm install --package-lock-only",
            Self::PnpmLock => "pnpm install --lockfile-only",
        }
    }
}

/// The tool that writes this lockfile, if it is one that is known and not read.
pub fn unread(path: &str) -> Option<&'static str> {
    match path.rsplit('/').next()? {
        "yarn.lock" => Some("Yarn"),
        "bun.lock" | "bun.lockb" => Some("Bun"),
        "deno.lock" => Some("Deno"),
        "go.sum" => Some("Go"),
        "poetry.lock" => Some("Poetry"),
        "uv.lock" => Some("uv"),
        "Pipfile.lock" => Some("Pipenv"),
        "Gemfile.lock" => Some("Bundler"),
        "composer.lock" => Some("Composer"),
        "mix.lock" => Some("Mix"),
        "Package.resolved" => Some("Swift"),
        "packages.lock.json" => Some("NuGet"),
        "gradle.lockfile" => Some("Gradle"),
        _ => None,
    }
}

/// Reads a lockfile; its path says which format it has.
///
/// # Errors
/// When the path names no lockfile that is read, or the bytes are not a whole lockfile of a version that is read; the
/// error stands at its line and names the command that helps.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Lockfile, Unreadable> {
    let Some(format) = Format::of(path) else {
        let source = crate::structured::empty_source(path);
        return Err(Unreadable::at(&source, "not-a-lockfile", 0..0, "this is no lockfile that is read")
            .help("these are: Cargo.lock, package-lock.json, npm-shrinkwrap.json and pnpm-lock.yaml"));
    };
    let read = match format {
        Format::CargoLock => cargo::parse,
        Format::PackageLock => package_lock::parse,
        Format::PnpmLock => pnpm::parse,
    };
    if let Some(conflict) = conflict(path, bytes) {
        return Err(conflict.help(format!("take one side of the merge, then run `{}`", format.remake())));
    }
    read(path, bytes).map_err(|error| match error.0.help {
        Some(_) => error,
        None => error
            .help(format!("the file is damaged or cut off; restore it from git, or write it anew with `{}`", format.remake())),
    })
}

impl Lockfile {
    /// The packages that the repository does not make itself.
    pub fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().enumerate().filter(|(at, _)| self.roots.binary_search(at).is_err()).map(|(_, package)| package)
    }

    /// Adds what manifests tell: which dependencies of a root are for development only. Scopes are computed anew.
    pub fn tell_development(&mut self, is_development: impl Fn(&Package, &Package) -> bool) {
        let roots: BTreeSet<usize> = self.roots.iter().copied().collect();
        let edges = |at: usize| {
            let Some(from) = self.packages.get(at) else { return Vec::new() };
            let need = |to: &usize| {
                let told = roots.contains(&at) && self.packages.get(*to).is_some_and(|to| is_development(from, to));
                (*to, if told { graph::Need::Development } else { graph::Need::Always })
            };
            from.dependencies.iter().map(need).collect()
        };
        let scopes = graph::scopes(self.packages.len(), &self.roots, edges);
        for (package, scope) in self.packages.iter_mut().zip(scopes) {
            package.scope = scope;
        }
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.packages.iter().map(|package| package.dependencies.len()).sum()
    }
}

/// The first line of an unresolved merge.
fn conflict(path: &str, bytes: &[u8]) -> Option<Unreadable> {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"<<<<<<< ") {
            let source = crate::structured::lossy_source(path, bytes.get(..at + line.len())?);
            let message = "an unresolved merge begins here";
            return Some(Unreadable::at(&source, "merge-conflict", at..at + 7, message));
        }
        at += line.len();
    }
    None
}

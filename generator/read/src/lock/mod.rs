//! Lockfiles: which packages a release is made of, where each comes from, and what needs what.
//!
//! What is read is the lockfile alone: no manifest, no cache, no registry. What a lockfile does not say is not guessed; a
//! manifest that somebody else has read can be told to it ([`Lockfile::tell_manifests`]).

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use avouch_model::{Digest, diagnostic::Source};

use crate::structured::{Unreadable, is_invisible, shown, text_source};

mod address;
mod bun;
mod cargo;
mod format;
mod go;
mod graph;
mod manifest;
mod origin;
mod package;
mod package_lock;
mod pnpm;
mod purl;
mod python;
mod tell;
mod yarn;

#[cfg(test)]
mod tests;

pub use format::{Ecosystem, Format, unread};
pub use graph::Part;
pub use manifest::{Asked, Difference, Importer, MANIFEST_BYTES_MAX, Manifest};
pub use origin::{Archive, Hash, HashAlgorithm, Origin, Seal};
pub use package::{Need, Package, Scope};
pub use purl::{cargo_purl, generic_purl, golang_purl, npm_purl, pypi_name, pypi_purl};

/// The largest lockfile that is read, in bytes: one that tells the address of every file, as uv and Poetry write it. Of other
/// formats half as many are read.
pub const BYTES_MAX: u64 = 64 << 20;
/// The largest of a format in which a package takes less.
const OTHER_BYTES_MAX: u64 = 32 << 20;
/// How many values a lockfile may hold: with the text itself this bounds the memory that reading one takes.
const VALUES_MAX: usize = 800_000;
/// The same of TOML, in which a package takes more values.
const TOML_VALUES_MAX: usize = 1_050_000;

/// What a lockfile says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockfile {
    /// Where it lies, as it was named.
    pub path: String,
    /// Its format.
    pub format: Format,
    /// The version of the format, as it is written there; `1` for a `yarn.lock` of Yarn 1, empty where a format has none.
    pub format_version: String,
    /// The packages, sorted by name, version and origin; two with the same name and version from two origins are two.
    pub packages: Vec<Package>,
    /// The places in `packages`, ascending, of what the repository itself makes: workspace members and packages beside them.
    pub roots: Vec<usize>,
    /// What the roots ask for, as the lockfile has written it down, by folder.
    pub importers: Vec<Importer>,
    /// Dependencies that the lockfile names and does not hold (peers nobody installed, for example), as `a 1.0 → b`, and
    /// whatever else it leaves open.
    pub unresolved: BTreeSet<String>,
    /// In what it may list more than one installation gets.
    pub surplus: BTreeSet<Surplus>,
    /// The files that it includes, by path, with their digests.
    pub included: BTreeMap<String, Digest>,
    /// Whether something of it was dropped, since it holds more than a lockfile does.
    overflows: bool,
    /// What is asked for by a catalogue that is written elsewhere.
    catalogued: Vec<tell::Catalogued>,
    /// The graph that scopes are computed over.
    reach: graph::Reach,
}

/// In what a lockfile may list more than one installation gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Surplus {
    /// What other platforms, interpreters or versions of them need.
    Platforms,
    /// What features or extras need that may be off.
    Features,
    /// What only development needs, where the lockfile does not tell it apart.
    Development,
}

/// Reads a lockfile; its path says which format it has. Bytes that are given away are not copied.
///
/// # Errors
/// When the path names no lockfile that is read, or the bytes are not a whole lockfile of a version that is read; the
/// error stands at its line and names the command that helps.
pub fn parse<'a>(path: &str, bytes: impl Into<Cow<'a, [u8]>>) -> Result<Lockfile, Unreadable> {
    parse_with(path, bytes, &|_| None)
}

/// As [`parse`], with the files that the lockfile includes (only a `requirements.txt` does). `beside` gives the bytes of one by
/// its path, which is a path of the same tree as the lockfile's; what it does not give is named among what is unresolved.
///
/// # Errors
/// As [`parse`]; also when an included file is damaged, leads back to itself, or lies outside of the tree.
pub fn parse_with<'a>(
    path: &str,
    bytes: impl Into<Cow<'a, [u8]>>,
    beside: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Lockfile, Unreadable> {
    let Some(format) = Format::of(path) else {
        return Err(format::not_read(path));
    };
    let bytes = bytes.into();
    intact(path, &bytes, format)?;
    let source = text_source(path, bytes, format.bytes_max());
    let read = source.and_then(|source| match format {
        Format::CargoLock => cargo::parse(source),
        Format::PackageLock => package_lock::parse(source),
        Format::PnpmLock => pnpm::parse(source),
        Format::YarnLock => yarn::parse(source),
        Format::BunLock => bun::parse(source),
        Format::UvLock => python::uv::parse(source),
        Format::PoetryLock => python::poetry::parse(source),
        Format::Requirements => python::requirements::parse(source, beside),
        Format::GoMod => go::parse(&source),
    });
    let lockfile = read.map_err(|error| match error.0.help {
        Some(_) => error,
        None => error.help(restore(format)),
    })?;
    if lockfile.overflows {
        let source = crate::structured::empty_source(path);
        let message = format!("this lockfile holds more than {} packages or dependencies", graph::PLACES_MAX);
        return Err(Unreadable::at(&source, "too-many-packages", 0..0, message)
            .help("no project needs so many; look at how the file came about"));
    }
    Ok(lockfile)
}

/// Refuses a file that a merge or a crash left half written.
fn intact(path: &str, bytes: &[u8], format: Format) -> Result<(), Unreadable> {
    if let Some(damage) = damage(path, bytes) {
        return Err(damage.help(format!("take one side of the merge, then run `{}`", format.remake())));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let source = crate::structured::lossy_source(path, bytes.get(..at).unwrap_or_default());
        let end = source.text.len();
        let nul = Unreadable::at(&source, "nul-byte", end..end, "a NUL byte stands here, which no lockfile holds");
        return Err(nul.help(restore(format)));
    }
    Ok(())
}

/// Where the file lies that holds more about the packages of a lockfile: the `go.sum` of a `go.mod`. For
/// [`Lockfile::tell_sums`].
pub fn sums_of(path: &str) -> Option<String> {
    (Format::of(path)? == Format::GoMod).then(|| format!("{}go.sum", path.strip_suffix("go.mod").unwrap_or_default()))
}

fn restore(format: Format) -> String {
    format!("the file is damaged or cut off; restore it from git, or write it anew with `{}`", format.remake())
}

impl Lockfile {
    /// The packages that the repository does not make itself.
    pub fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().enumerate().filter(|(at, _)| self.roots.binary_search(at).is_err()).map(|(_, package)| package)
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.packages.iter().map(|package| package.dependencies.len()).sum()
    }
}

/// The first line of an unresolved merge.
fn damage(path: &str, bytes: &[u8]) -> Option<Unreadable> {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"<<<<<<< ") || line.starts_with(b">>>>>>> ") || line.starts_with(b"||||||| ") {
            let source = crate::structured::lossy_source(path, bytes.get(..at + line.len())?);
            let message = "an unresolved merge begins here";
            return Some(Unreadable::at(&source, "merge-conflict", at..at + 7, message));
        }
        at += line.len();
    }
    None
}

/// Refuses a name or version that no package has, and that would do harm where it is put into a path or shown: one that
/// is empty, holds control characters or a backslash, leads elsewhere (`..`), or is absolute.
fn sound(source: &Arc<Source>, span: &Range<usize>, name: &str, version: Option<&str>) -> Result<(), Unreadable> {
    let control = |text: &str| text.chars().any(|character| character.is_control() || is_invisible(character));
    let leads = |text: &str| text.contains('\\') || text.split('/').any(|part| matches!(part, "" | "." | ".."));
    let wrong = if control(name) || leads(name) {
        Some(("name", name))
    } else {
        version.filter(|version| control(version) || leads(version) || version.contains('/')).map(|version| ("version", version))
    };
    match wrong {
        None => Ok(()),
        Some((what, text)) => {
            let message = format!("`{}` is not the {what} of a package", shown(text));
            Err(Unreadable::at(source, "package-name", span.clone(), message))
        }
    }
}

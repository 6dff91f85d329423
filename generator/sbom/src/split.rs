//! One BOM for each package that can be deployed by itself: what this one needs, and nothing that only others do.

use std::collections::{BTreeMap, BTreeSet};

use avouch_read::lock::{Ecosystem, Origin, Package};
use avouch_repository::Files;

use crate::{
    Caches, Options, ReleaseFacts, Sbom, SbomError,
    assemble::{Library, View},
    lockfiles::{Found, IN_OTHER, Read, other_part},
    manifest::Root,
};

/// The longest name of a file, without its extension.
const NAME_CHARS_MAX: usize = 100;
/// How large all BOMs together may become, in bytes: what packages share stands in each of them, so a small lockfile of many
/// packages could fill a disk.
const BYTES_MAX: u64 = 4 << 30;

/// A package of the repository, with a BOM of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployable {
    /// Its name.
    pub name: String,
    /// Its version, where a manifest or the lockfile states one.
    pub version: Option<String>,
    /// A name for its file, without extension: unique among these, and safe on every system.
    pub file: String,
    /// Its BOM.
    pub sbom: Sbom,
}

/// The packages that the repository makes, each workspace member and each importer, but for those of tests and examples. What
/// a package needs of the others is a component of its BOM. BOMs are made one at a time: all of them would be the most memory.
pub struct Split<'a> {
    /// Packages that have no BOM of their own, and why: those of tests, examples and the like.
    pub left_out: BTreeMap<String, String>,
    facts: &'a ReleaseFacts,
    options: &'a Options,
    found: Found,
    product: Root,
    library: Library,
    /// The lockfile and the package of those that are due, the next one last.
    due: Vec<(usize, usize)>,
    names: Names,
    bytes: u64,
}

impl<'a> Split<'a> {
    /// Reads the lockfiles of a tree.
    ///
    /// # Errors
    /// As [`crate::generate`]; also when no package can be deployed by itself.
    pub fn of(tree: &dyn Files, caches: &Caches, facts: &'a ReleaseFacts, options: &'a Options) -> Result<Self, SbomError> {
        let (found, product) = crate::find(tree, facts, options)?;
        let library = crate::library(&found, caches, options);
        let (mut due, mut left_out) = (Vec::new(), BTreeMap::new());
        for (lockfile, read) in found.read.iter().enumerate() {
            for at in read.lock.roots.iter().copied() {
                let Some(package) = read.lock.packages.get(at) else { continue };
                match place(read, package).as_deref().and_then(|place| Some((place, other_part(place)?))) {
                    Some((place, part)) => {
                        left_out.insert(place.trim_end_matches('/').to_owned(), format!("{IN_OTHER} `{part}`"));
                    }
                    None => due.push((lockfile, at)),
                }
            }
        }
        if due.is_empty() {
            let left_out = left_out.into_iter().map(|(path, reason)| format!("{path} ({reason})")).collect();
            return Err(SbomError::NothingDeployable { left_out });
        }
        due.reverse();
        Ok(Self { left_out, facts, options, found, product, library, due, names: Names::default(), bytes: 0 })
    }

    fn one(&mut self, lockfile: usize, at: usize) -> Option<Result<Deployable, SbomError>> {
        let read = self.found.read.get(lockfile)?;
        let package = read.lock.packages.get(at)?;
        let is_product = View::whole(read, &self.product).own.contains(&at);
        let root = root(read, package, &self.product, is_product);
        let view = View { read, own: BTreeSet::from([at]), part: Some(read.lock.part(&[at])) };
        let written = crate::write(self.facts, self.options, &self.found, &[view], &root, &mut self.library);
        let file = self.names.file(&root.name, read.lock.format.ecosystem());
        Some(written.and_then(|sbom| {
            self.bytes += sbom.bytes.len() as u64;
            if self.bytes > BYTES_MAX {
                return Err(SbomError::TooMuch { bytes_max: BYTES_MAX });
            }
            Ok(Deployable { name: root.name, version: root.version, file, sbom })
        }))
    }
}

impl Iterator for Split<'_> {
    type Item = Result<Deployable, SbomError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (lockfile, at) = self.due.pop()?;
        self.one(lockfile, at)
    }
}

/// The folder of a package below the root, with a `/` at the end, where that is known: a `Cargo.lock` alone does not tell.
fn place(read: &Read, package: &Package) -> Option<String> {
    let path = match &package.origin {
        Origin::Path { path: Some(path) } => Some(path),
        _ => read.crates.get(&package.name),
    };
    path.filter(|path| !matches!(path.as_str(), "" | ".")).map(|path| format!("{}{path}/", read.folder))
}

/// The package as what its BOM describes. Its version is its own; the release's, where it is what the release is of.
fn root(read: &Read, package: &Package, product: &Root, is_product: bool) -> Root {
    let version = if is_product { product.version.clone() } else { None };
    let folder = read.folder.trim_end_matches('/');
    // What a lockfile calls by no name is called after the folder that it lies in.
    let unnamed = package.name == "root" && package.version.is_none();
    let name = match package.name.as_str() {
        "root" if is_product => &product.name,
        _ if unnamed && !folder.is_empty() => folder,
        name => name,
    };
    Root {
        name: name.to_owned(),
        version: version.or_else(|| package.version.clone()).or_else(|| product.version.clone()),
        licence: package.licence.clone().or_else(|| product.licence.clone().filter(|_| is_product)),
        product: (!is_product).then(|| product.name.clone()),
        crate_name: None,
    }
}

/// The names of files that are taken.
#[derive(Default)]
struct Names {
    taken: BTreeSet<String>,
    /// The number that the last one of a name got.
    numbers: BTreeMap<String, u32>,
}

impl Names {
    /// A name for a file: letters, digits, `.`, `-` and `_`, in lower case, since some systems take both cases for one. Never
    /// hidden, never a name that Windows keeps for a device.
    fn file(&mut self, name: &str, ecosystem: Ecosystem) -> String {
        let plain = |character: char| match character.to_ascii_lowercase() {
            plain if plain.is_ascii_alphanumeric() || matches!(plain, '.' | '-' | '_') => plain,
            _ => '-',
        };
        let plain: String = name.chars().map(plain).take(NAME_CHARS_MAX).collect();
        let plain = plain.trim_matches(['.', '-']).to_owned();
        let stem = plain.split('.').next().unwrap_or_default();
        let device = matches!(stem, "con" | "prn" | "aux" | "nul")
            || (stem.len() == 4
                && (stem.starts_with("com") || stem.starts_with("lpt"))
                && stem.ends_with(|last: char| last.is_ascii_digit()));
        let plain = if plain.is_empty() || device { format!("package-{plain}") } else { plain };
        let with_ecosystem = format!("{plain}-{ecosystem:?}").to_ascii_lowercase();
        let number = self.numbers.entry(plain.clone()).or_insert(1);
        let numbered = std::iter::repeat_with(|| {
            *number += 1;
            format!("{plain}-{number}")
        });
        let mut candidates = [plain.clone(), with_ecosystem].into_iter().chain(numbered);
        let free = candidates.find(|candidate| !self.taken.contains(candidate)).unwrap_or_else(|| plain.clone());
        self.taken.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_safe_and_unique() {
        let mut names = Names::default();
        let mut named = |name: &str| names.file(name, Ecosystem::Npm);
        assert_eq!(named("@shop/ui"), "shop-ui");
        assert_eq!(named("shop-ui"), "shop-ui-npm");
        assert_eq!(named("Shop UI"), "shop-ui-2");
        assert_eq!(named("shop-ui-3"), "shop-ui-3");
        assert_eq!(named("shop ui"), "shop-ui-4");
        assert_eq!(named("../../etc/passwd"), "etc-passwd");
        assert_eq!(named(".hidden"), "hidden");
        assert_eq!(named("nul.x"), "package-nul.x");
        assert_eq!(named("com1"), "package-com1");
        assert_eq!(named("é"), "package-");
        assert_eq!(named(&"a".repeat(500)).len(), 100);
    }
}

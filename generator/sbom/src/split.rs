//! One BOM for each package that can be deployed by itself: what this one needs, and nothing that only others do.

use std::collections::BTreeSet;

use avouch_read::lock::{Ecosystem, Package};
use avouch_repository::Files;

use crate::{Caches, Options, ReleaseFacts, Sbom, SbomError, assemble::View, manifest::Root};

/// The longest name of a file, without its extension.
const NAME_CHARS_MAX: usize = 100;

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

/// Writes a BOM for each package that the repository makes: each workspace member, each importer. What a package needs of
/// the others is a component of its BOM.
///
/// # Errors
/// As [`crate::generate`].
pub fn split(tree: &dyn Files, caches: &Caches, facts: &ReleaseFacts, options: &Options) -> Result<Vec<Deployable>, SbomError> {
    let (found, product) = crate::find(tree, facts, options)?;
    let mut library = crate::library(&found, caches, options);
    let mut deployables = Vec::new();
    let mut files = BTreeSet::new();
    for read in &found.read {
        for at in read.lock.roots.iter().copied() {
            let Some(package) = read.lock.packages.get(at) else { continue };
            let is_product = View::whole(read, &product).own.contains(&at);
            let root = root(package, &product, is_product);
            let view = View { read, own: BTreeSet::from([at]), kept: Some(read.lock.scopes_from(&[at])) };
            let sbom = crate::write(facts, options, &found, &[view], &root, &mut library)?;
            let file = file(&root.name, read.lock.format.ecosystem(), &mut files);
            deployables.push(Deployable { name: root.name, version: root.version, file, sbom });
        }
    }
    Ok(deployables)
}

/// The package as what its BOM describes. Its version is its own; the release's, where it is what the release is of.
fn root(package: &Package, product: &Root, is_product: bool) -> Root {
    let version = if is_product { product.version.clone() } else { None };
    Root {
        name: if is_product && package.name == "root" { product.name.clone() } else { package.name.clone() },
        version: version.or_else(|| package.version.clone()).or_else(|| product.version.clone()),
        licence: package.licence.clone().or_else(|| product.licence.clone().filter(|_| is_product)),
        crate_name: None,
    }
}

/// A name for a file: letters, digits, `.`, `-` and `_`, in lower case, since some systems take both cases for one. Never
/// hidden, never a name that Windows keeps for a device.
fn file(name: &str, ecosystem: Ecosystem, taken: &mut BTreeSet<String>) -> String {
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
    let numbered = (2..).map(|number: u32| format!("{plain}-{number}"));
    let mut candidates = [plain.clone(), with_ecosystem].into_iter().chain(numbered);
    let free = candidates.find(|candidate| !taken.contains(candidate)).unwrap_or(plain);
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_safe_and_unique() {
        let mut taken = BTreeSet::new();
        let mut named = |name: &str| file(name, Ecosystem::Npm, &mut taken);
        assert_eq!(named("@shop/ui"), "shop-ui");
        assert_eq!(named("shop-ui"), "shop-ui-npm");
        assert_eq!(named("Shop UI"), "shop-ui-2");
        assert_eq!(named("../../etc/passwd"), "etc-passwd");
        assert_eq!(named(".hidden"), "hidden");
        assert_eq!(named("nul.x"), "package-nul.x");
        assert_eq!(named("com1"), "package-com1");
        assert_eq!(named("é"), "package-");
        assert_eq!(named(&"a".repeat(500)).len(), 100);
    }
}

//! One component: what the lockfile has, and what the package states of itself where it lies on this machine.

use std::{cell::OnceCell, collections::BTreeSet, sync::Arc};

use avouch_model::percent::{encoded_address, encoded_in_purl};
use avouch_read::lock::{Archive, Hash as LockHash, HashAlgorithm, Origin, Package, Scope, Seal, generic_purl};

use crate::{
    Spec,
    caches::Told,
    compositions::Reach,
    facts::Party,
    format::{Component, ExternalReference, Hash, Organisation, Property},
    licence::{Known, UNKNOWN},
};

/// A package of one or more lockfiles.
pub(crate) struct Merged<'a> {
    pub(crate) package: &'a Package,
    pub(crate) scope: Scope,
    /// Whether the repository makes it itself.
    pub(crate) member: bool,
    pub(crate) patched: bool,
    pub(crate) licence: Option<&'a str>,
    /// What is known of its licence, once that was found out.
    pub(crate) known: OnceCell<Known>,
    pub(crate) hashes: BTreeSet<&'a LockHash>,
    pub(crate) needs: BTreeSet<Arc<str>>,
    /// How far its dependencies are known.
    pub(crate) reach: Reach,
}

/// What a component lacks of what minimum elements ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lacking {
    pub(crate) licence: bool,
    pub(crate) supplier: bool,
    pub(crate) hash: bool,
    pub(crate) sha512: bool,
    pub(crate) version: bool,
}

/// Its package URL. What the repository makes itself gets a generic one below the product's name, which nobody takes for a
/// package of a registry, nor for the product. A copy of somebody else's package, which lies in a folder or file, keeps the
/// one of its ecosystem: whoever looks up advisories has to see it.
fn identifier(merged: &Merged<'_>, purl: Option<String>, product: &str) -> String {
    let package = merged.package;
    let copied = || package.published_purl().filter(|_| !merged.member);
    purl.or_else(copied).unwrap_or_else(|| own_purl(product, &package.name, package.version.as_deref()))
}

/// The package URL of what a product's repository makes, below the product's name.
pub(crate) fn own_purl(product: &str, name: &str, version: Option<&str>) -> String {
    let own = generic_purl(name, version);
    let name = own.strip_prefix("pkg:generic/").unwrap_or(&own);
    format!("{}/{name}", generic_purl(product, None))
}

/// What is not known of a component, for counting before it is written.
pub(crate) fn lacking(merged: &Merged<'_>, told: Option<&Told>, product: Option<&Party>) -> Lacking {
    let hashes = hashes(merged, told);
    let licence = licence(merged, told);
    let supplier = supplied(told, product.filter(|_| merged.member));
    Lacking {
        licence: licence.declared.is_none() && licence.concluded.is_none(),
        supplier: supplier.name.as_deref() == Some(UNKNOWN),
        hash: hashes.is_empty(),
        sha512: !hashes.is_empty() && !hashes.iter().any(|hash| hash.alg == HashAlgorithm::Sha512.name()),
        version: merged.package.version.is_none(),
    }
}

/// A component. `product` is its name, and who supplies it.
pub(crate) fn component(
    reference: &str,
    merged: &Merged<'_>,
    told: Option<&Told>,
    product: (&str, Option<&Party>),
    spec: Spec,
) -> Component {
    let (product, supplier) = product;
    let package = merged.package;
    let hashes = hashes(merged, told);
    let licence = licence(merged, told);
    let (licenses, evidence) = licence.written(spec);
    let purl = package.purl();
    Component {
        kind: "library",
        bom_ref: Some(reference.to_owned()),
        supplier: Some(supplied(told, supplier.filter(|_| merged.member))),
        name: package.name.clone(),
        version: package.version.clone(),
        scope: Some(match merged.scope {
            Scope::Required => "required",
            Scope::Optional => "optional",
            Scope::Excluded => "excluded",
        }),
        external_references: external_references(package, purl.as_deref(), told, &hashes, spec),
        hashes,
        licenses,
        properties: properties(merged, purl.as_deref(), licence),
        purl: Some(identifier(merged, purl, product)),
        evidence,
    }
}

fn hashes(merged: &Merged<'_>, told: Option<&Told>) -> Vec<Hash> {
    let mut hashes = written(merged.hashes.iter().copied());
    if hashes.is_empty() {
        // Of several files the one with the sources is what all others are made from.
        let mut sources = merged.package.archives.iter().filter(|archive| is_source(archive));
        let only = if let [only] = merged.package.archives.as_slice() { Some(only) } else { None };
        hashes = written(sources.next().or(only).into_iter().flat_map(|archive| &archive.hashes));
    }
    let sha512 = HashAlgorithm::Sha512.name();
    if let Some(content) = told.and_then(|told| told.sha512.clone())
        && !hashes.iter().any(|hash| hash.alg == sha512)
    {
        hashes.push(Hash { alg: sha512, content });
    }
    hashes
}

fn written<'a>(hashes: impl Iterator<Item = &'a LockHash>) -> Vec<Hash> {
    hashes.map(|hash| Hash { alg: hash.algorithm.name(), content: hash.hex.clone() }).collect()
}

/// Whether a file of a Python distribution is the one with the sources.
fn is_source(archive: &Archive) -> bool {
    let name = archive.file.as_deref().or(archive.url.as_deref()).unwrap_or_default();
    name.ends_with(".tar.gz") || name.ends_with(".zip")
}

/// What the lockfile or the repository's own manifest declares counts; otherwise what the package states of itself.
fn licence<'a>(merged: &'a Merged<'_>, told: Option<&Told>) -> &'a Known {
    merged.known.get_or_init(|| {
        let declared = merged.licence.or_else(|| told?.licence.as_deref());
        told.map_or_else(|| Known::of(declared, &BTreeSet::new()), |told| Known::of(declared, &told.texts))
    })
}

/// Who makes a package: the authors that its manifest names, at the address that it names; what is of this product, its
/// supplier. A maker with an address and no name has no name here; one that is not known is said not to be.
fn supplied(told: Option<&Told>, product: Option<&Party>) -> Organisation {
    if let Some(product) = product {
        return product.organisation();
    }
    let name = told.filter(|told| !told.authors.is_empty()).map(|told| told.authors.join(", "));
    let page = told.and_then(|told| told.page.as_deref()).map(encoded_address);
    let unknown = (name.is_none() && page.is_none()).then(|| UNKNOWN.to_owned());
    Organisation { name: name.or(unknown), url: page.into_iter().collect(), contact: Vec::new() }
}

fn external_references(
    package: &Package,
    purl: Option<&str>,
    told: Option<&Told>,
    hashes: &[Hash],
    spec: Spec,
) -> Vec<ExternalReference> {
    let reference = |kind, url: String| ExternalReference { url, kind, hashes: Vec::new() };
    let mut references = Vec::new();
    match (&package.origin, purl) {
        (Origin::Git { url, .. }, _) => references.push(reference("vcs", url.clone())),
        (Origin::Archive { url }, _) => {
            references.push(ExternalReference { hashes: hashes.to_vec(), ..reference("distribution", url.clone()) });
        }
        (_, Some(purl)) if !package.archives.is_empty() => {
            references.extend(package.archives.iter().map(|archive| ExternalReference {
                url: archive_address(archive, purl),
                kind: "distribution",
                hashes: written(archive.hashes.iter()),
            }));
        }
        // A lockfile need not name the address of an archive; the package URL is what a registry is asked for.
        (_, Some(purl)) if !hashes.is_empty() => {
            references.push(ExternalReference { hashes: hashes.to_vec(), ..reference("distribution", purl.to_owned()) });
        }
        _ => {}
    }
    let source = match &package.origin {
        Origin::Git { url, .. } => Some(url.clone()),
        _ => told.and_then(|told| told.source.clone()),
    };
    // 1.5 has no word for where sources are distributed; its `vcs` says the same of a repository.
    match (source, spec) {
        (Some(source), Spec::V1_6 | Spec::V1_7) => references.push(reference("source-distribution", source)),
        (Some(source), Spec::V1_5) if references.iter().all(|one| one.kind != "vcs") => {
            references.push(reference("vcs", source));
        }
        _ => {}
    }
    // Lockfiles hold any text where an address belongs, and a document with one that is none would not be valid.
    for reference in &mut references {
        reference.url = encoded_address(&reference.url);
    }
    references
}

/// Where a file of a package is: its address, or the package URL with the qualifier that names the file.
fn archive_address(archive: &Archive, purl: &str) -> String {
    let of_file =
        |file: &String| format!("{purl}{}file_name={}", if purl.contains('?') { '&' } else { '?' }, encoded_in_purl(file));
    archive.url.clone().or_else(|| archive.file.as_ref().map(of_file)).unwrap_or_else(|| purl.to_owned())
}

/// What CycloneDX has no field for. The names with `bsi:` are of the property taxonomy to BSI TR-03183-2.
fn properties(merged: &Merged<'_>, purl: Option<&str>, licence: &Known) -> Vec<Property> {
    let package = merged.package;
    let mut properties = Vec::new();
    if merged.patched {
        properties.push(property("avouch:patched", "true"));
    }
    if matches!(package.origin, Origin::Path { .. }) {
        properties.push(property("avouch:origin", if merged.member { "member" } else { "path" }));
    }
    for seal in &package.seals {
        let (name, value) = match seal {
            Seal::YarnZip { cache_key, hex } => (format!("avouch:seal:yarn-zip:{cache_key}"), hex),
            Seal::GoDirectory { whole: true, hex } => ("avouch:seal:go-h1".to_owned(), hex),
            Seal::GoDirectory { whole: false, hex } => ("avouch:seal:go-mod-h1".to_owned(), hex),
        };
        properties.push(property(&name, value));
    }
    // A package is an archive that can be unpacked and is not run as it is. What comes from git or a path is no file.
    if let Some(file) = file_name(package, purl) {
        properties.push(property("bsi:component:filename", &file));
        properties.push(property("bsi:component:executable", "non-executable"));
        properties.push(property("bsi:component:archive", "archive"));
        properties.push(property("bsi:component:structured", "structured"));
    }
    if let Some(effective) = licence.effective() {
        properties.push(property("bsi:component:effectiveLicense", effective));
    }
    properties
}

/// The name of the file that a package is distributed as, where its registry has a rule for it.
fn file_name(package: &Package, purl: Option<&str>) -> Option<String> {
    let version = package.version.as_deref()?;
    match &package.origin {
        Origin::Registry | Origin::OtherRegistry { .. } => {}
        Origin::Archive { url } => return last_part(url),
        Origin::Git { .. } | Origin::Path { .. } => return None,
    }
    let purl = purl?;
    if purl.starts_with("pkg:cargo/") {
        Some(format!("{}-{version}.crate", package.name))
    } else if purl.starts_with("pkg:npm/") {
        Some(format!("{}-{version}.tgz", package.name.rsplit('/').next()?))
    } else {
        None
    }
}

fn last_part(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    // A URL that was cut down to its host names no file.
    let (_, path) = path.split_once("://").map_or(path, |(_, rest)| rest).split_once('/')?;
    path.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned)
}

pub(crate) fn property(name: &str, value: &str) -> Property {
    Property { name: name.to_owned(), value: value.to_owned() }
}

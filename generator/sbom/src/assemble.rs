//! From lockfiles to a document: one component for each package, one graph from the product to all of them.

use std::collections::{BTreeMap, BTreeSet};

use avouch_read::lock::{Ecosystem, Format, Hash as LockHash, Origin, Package, Scope};

use crate::{
    Options, ReleaseFacts, Spec,
    format::{
        Component, Composition, Contact, Dependency, Document, ExternalReference, Hash, Lifecycle, Metadata, Organisation,
        Property, Tools,
    },
    licence,
    lockfiles::{Found, IN_OTHER, Read},
    manifest::Root,
    serial::PLACEHOLDER,
};

/// A document that only lacks its serial number.
pub(crate) struct Draft {
    pub(crate) document: Document,
    pub(crate) edges: u64,
    pub(crate) unresolved: Vec<String>,
    pub(crate) complete: bool,
}

/// A package of one or more lockfiles.
struct Merged<'a> {
    package: &'a Package,
    scope: Scope,
    patched: bool,
    licence: Option<&'a str>,
    hashes: BTreeSet<&'a LockHash>,
    needs: BTreeSet<String>,
}

pub(crate) fn document(facts: &ReleaseFacts, options: &Options, found: &Found, root: &Root) -> Draft {
    let root_ref = format!("product:{}", root.name);
    let mut merged: BTreeMap<String, Merged<'_>> = BTreeMap::new();
    let mut root_needs: BTreeSet<String> = BTreeSet::new();
    for lockfile in &found.read {
        merge(lockfile, root, &root_ref, &mut merged, &mut root_needs);
    }
    root_needs.extend(orphans(&merged, &root_needs));
    root_needs.remove(&root_ref);
    let unresolved: Vec<String> = found
        .read
        .iter()
        .flat_map(|lockfile| lockfile.lock.unresolved.iter().map(|text| format!("{}: {text}", lockfile.lock.path)))
        .collect();
    let complete =
        unresolved.is_empty() && !found.unread && found.read.iter().all(|lockfile| lockfile.lock.format.tells_scopes());
    let mut dependencies = vec![Dependency { reference: root_ref.clone(), depends_on: root_needs.into_iter().collect() }];
    let components = merged.iter().map(|(reference, merged)| component(reference, merged, options.spec)).collect();
    for (reference, merged) in merged {
        dependencies.push(Dependency { reference, depends_on: merged.needs.into_iter().collect() });
    }
    let edges = dependencies.iter().map(|dependency| dependency.depends_on.len() as u64).sum();
    let document = Document {
        schema: format!("http://cyclonedx.org/schema/bom-{}.schema.json", options.spec),
        bom_format: "CycloneDX",
        spec_version: options.spec.name(),
        serial_number: PLACEHOLDER.to_owned(),
        version: 1,
        metadata: metadata(facts, options, found, root, &root_ref),
        components,
        dependencies,
        compositions: vec![Composition {
            aggregate: if complete { "complete" } else { "incomplete" },
            assemblies: vec![root_ref.clone()],
            dependencies: vec![root_ref],
        }],
    };
    Draft { document, edges, unresolved, complete }
}

/// Adds the packages of a lockfile. What the product's own manifests stand for is the product, not a component.
fn merge<'a>(
    lockfile: &'a Read,
    root: &Root,
    root_ref: &str,
    merged: &mut BTreeMap<String, Merged<'a>>,
    root_needs: &mut BTreeSet<String>,
) {
    let lock = &lockfile.lock;
    let own: Vec<bool> = lock
        .packages
        .iter()
        .enumerate()
        .map(|(at, package)| lock.roots.binary_search(&at).is_ok() && is_product(lockfile, root, package))
        .collect();
    let references: Vec<String> = lock
        .packages
        .iter()
        .zip(&own)
        .map(|(package, own)| if *own { root_ref.to_owned() } else { reference(lockfile, package) })
        .collect();
    for ((package, own), reference) in lock.packages.iter().zip(&own).zip(&references) {
        let needs =
            package.dependencies.iter().filter_map(|at| references.get(*at)).filter(|needed| *needed != reference).cloned();
        if *own {
            root_needs.extend(needs);
            continue;
        }
        let entry = merged.entry(reference.clone()).or_insert_with(|| Merged {
            package,
            scope: package.scope,
            patched: false,
            licence: None,
            hashes: BTreeSet::new(),
            needs: BTreeSet::new(),
        });
        entry.scope = entry.scope.min(package.scope);
        entry.patched |= package.patched;
        entry.licence = entry.licence.or(package.licence.as_deref());
        entry.hashes.extend(&package.hashes);
        entry.needs.extend(needs);
    }
    let members = lock.roots.iter().filter_map(|at| references.get(*at)).filter(|reference| *reference != root_ref);
    root_needs.extend(members.cloned());
}

fn is_product(lockfile: &Read, root: &Root, package: &Package) -> bool {
    let at_root = match (&package.origin, lockfile.lock.format) {
        (Origin::Path { .. }, Format::CargoLock) => root.crate_name.as_deref() == Some(package.name.as_str()),
        (Origin::Path { path }, Format::PackageLock) => path.is_none(),
        (Origin::Path { path }, Format::PnpmLock) => path.as_deref() == Some("."),
        _ => false,
    };
    at_root && lockfile.folder.is_empty()
}

/// What names a component within the document: its package URL, or the place of what has none.
fn reference(lockfile: &Read, package: &Package) -> String {
    if let Some(purl) = package.purl() {
        return purl;
    }
    let ecosystem = match package.ecosystem {
        Ecosystem::Cargo => "cargo",
        Ecosystem::Npm => "npm",
    };
    let path = match &package.origin {
        Origin::Path { path: Some(path) } => format!("{}{path}", lockfile.folder),
        _ => lockfile.folder.clone(),
    };
    let version = package.version.as_deref().unwrap_or_default();
    format!("path:{ecosystem}:{path}#{}@{version}", package.name)
}

/// What nothing leads to from the product: a lockfile that was not tidied lists such packages. They are in the lockfile,
/// so they are in the BOM, below the product.
fn orphans(merged: &BTreeMap<String, Merged<'_>>, root_needs: &BTreeSet<String>) -> Vec<String> {
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut orphans = Vec::new();
    let mut waiting: Vec<&str> = root_needs.iter().map(String::as_str).collect();
    let mut rest = merged.keys();
    loop {
        while let Some(at) = waiting.pop() {
            if reached.insert(at)
                && let Some(merged) = merged.get(at)
            {
                waiting.extend(merged.needs.iter().map(String::as_str));
            }
        }
        match rest.find(|reference| !reached.contains(reference.as_str())) {
            Some(orphan) => {
                orphans.push(orphan.clone());
                waiting.push(orphan);
            }
            None => return orphans,
        }
    }
}

fn component(reference: &str, merged: &Merged<'_>, spec: Spec) -> Component {
    let package = merged.package;
    let hashes: Vec<Hash> =
        merged.hashes.iter().map(|hash| Hash { alg: hash.algorithm.name(), content: hash.hex.clone() }).collect();
    let purl = package.purl();
    let mut external_references = Vec::new();
    match (&package.origin, &purl) {
        (Origin::Git { url, .. }, _) => {
            external_references.push(ExternalReference { url: url.clone(), kind: "vcs", hashes: Vec::new() });
        }
        (Origin::Archive { url }, _) => {
            external_references.push(ExternalReference { url: url.clone(), kind: "distribution", hashes: hashes.clone() });
        }
        // A lockfile need not name the address of an archive; the package URL is what a registry is asked for.
        (_, Some(purl)) if !hashes.is_empty() => {
            external_references.push(ExternalReference { url: purl.clone(), kind: "distribution", hashes: hashes.clone() });
        }
        _ => {}
    }
    let mut properties = Vec::new();
    if merged.patched {
        properties.push(property("avouch:patched", "true"));
    }
    if purl.is_none() {
        properties.push(property("avouch:origin", "path"));
    }
    Component {
        kind: "library",
        bom_ref: Some(reference.to_owned()),
        supplier: None,
        name: package.name.clone(),
        version: package.version.clone(),
        scope: Some(match merged.scope {
            Scope::Required => "required",
            Scope::Optional => "optional",
            Scope::Excluded => "excluded",
        }),
        hashes,
        licenses: merged.licence.map(|text| licence::declared(text, spec)).unwrap_or_default(),
        purl,
        external_references,
        properties,
        evidence: None,
    }
}

fn metadata(facts: &ReleaseFacts, options: &Options, found: &Found, root: &Root, root_ref: &str) -> Metadata {
    let organisation =
        |name: &Option<String>| name.clone().map(|name| Organisation { name: Some(name), ..Organisation::default() });
    Metadata {
        timestamp: facts.timestamp.to_string(),
        lifecycles: vec![Lifecycle { phase: "pre-build" }],
        tools: Tools {
            components: vec![Component {
                kind: "application",
                name: "avouch".to_owned(),
                version: Some(facts.tool_version.clone()),
                ..Component::default()
            }],
        },
        authors: facts.author.iter().map(|name| Contact { name: Some(name.clone()), email: None }).collect(),
        component: Component {
            kind: "application",
            bom_ref: Some(root_ref.to_owned()),
            supplier: organisation(&facts.supplier),
            name: root.name.clone(),
            version: root.version.clone(),
            licenses: root.licence.as_deref().map(|text| licence::declared(text, options.spec)).unwrap_or_default(),
            purl: Some(avouch_read::lock::generic_purl(&root.name, root.version.as_deref())),
            ..Component::default()
        },
        supplier: organisation(&facts.supplier),
        manufacturer: None,
        properties: properties(facts, found, root),
    }
}

/// What CycloneDX has no field for: the release, the lockfiles, and what is not known.
fn properties(facts: &ReleaseFacts, found: &Found, root: &Root) -> Vec<Property> {
    let mut properties = Vec::new();
    if let Some(release) = &facts.release {
        properties.push(property("avouch:release:version", &release.version));
        properties.push(property("avouch:release:commit", &release.commit));
        properties.extend(release.tag.as_deref().map(|tag| property("avouch:release:tag", tag)));
    }
    properties.extend(facts.committed.map(|time| property("avouch:release:committed", &time.to_string())));
    properties.push(property("avouch:release:dirty", if facts.dirty { "true" } else { "false" }));
    for lockfile in &found.read {
        properties.push(property(&format!("avouch:lockfile:{}", lockfile.lock.path), &lockfile.digest.to_string()));
    }
    for (path, reason) in &found.left_out {
        if !reason.starts_with(IN_OTHER) {
            properties.push(property(&format!("avouch:left-out:{path}"), reason));
        }
    }
    if found.others > 0 {
        let text = format!("{} lockfiles of tests, examples and vendored packages", found.others);
        properties.push(property("avouch:left-out", &text));
    }
    let unknown = [
        ("authors", facts.author.is_none()),
        ("supplier", facts.supplier.is_none()),
        ("release", facts.release.is_none()),
        ("version", root.version.is_none()),
        ("component suppliers", true),
        (
            "component licences",
            found.read.iter().any(|lockfile| lockfile.lock.packages.iter().any(|package| package.licence.is_none())),
        ),
    ];
    properties.extend(unknown.into_iter().filter(|(_, unknown)| *unknown).map(|(what, _)| property("avouch:unknown", what)));
    properties
}

fn property(name: &str, value: &str) -> Property {
    Property { name: name.to_owned(), value: value.to_owned() }
}

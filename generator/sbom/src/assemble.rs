//! From lockfiles to a document: one component for each package, one graph from the product to all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use avouch_read::lock::{Ecosystem, Origin, Package, Scope};

use crate::{
    Options, ReleaseFacts,
    caches::{Depth, Shelves, Told},
    component::{Merged, component, property},
    compositions::{self, Reach},
    format::{Dependency, Document},
    lockfiles::{Found, Read},
    manifest::Root,
    metadata::{self, Unknown},
    serial::PLACEHOLDER,
};

/// A document that only lacks its serial number.
pub(crate) struct Draft {
    pub(crate) document: Document,
    pub(crate) edges: u64,
    pub(crate) unresolved: Vec<String>,
    pub(crate) complete: bool,
}

/// A lockfile as one BOM sees it.
pub(crate) struct View<'a> {
    pub(crate) read: &'a Read,
    /// The places of the packages that stand for the product itself.
    pub(crate) own: BTreeSet<usize>,
    /// The packages that count, with their scopes; all, where none is given.
    pub(crate) kept: Option<Vec<Option<Scope>>>,
}

/// What caches tell, by package URL; looked up once, for however many BOMs.
#[derive(Default)]
pub(crate) struct Library {
    pub(crate) shelves: Shelves,
    told: HashMap<String, Option<Told>>,
    depth: Option<Depth>,
}

impl Library {
    pub(crate) fn new(shelves: Shelves, depth: Depth) -> Self {
        Self { shelves, told: HashMap::new(), depth: Some(depth) }
    }

    fn look(&mut self, merged: &Merged<'_>) -> Option<&Told> {
        let depth = self.depth?;
        let purl = merged.package.purl()?;
        let shelves = &mut self.shelves;
        let told = self.told.entry(purl);
        told.or_insert_with_key(|purl| shelves.look(merged.package, purl, depth)).as_ref()
    }
}

impl<'a> View<'a> {
    /// A lockfile as the product's own BOM sees it.
    pub(crate) fn whole(read: &'a Read, root: &Root) -> Self {
        let own = read.lock.roots.iter().copied().filter(|at| {
            let package = read.lock.packages.get(*at);
            package.is_some_and(|package| {
                let Origin::Path { path } = &package.origin else { return false };
                let at_root = match read.lock.format.ecosystem() {
                    Ecosystem::Cargo => root.crate_name.as_deref() == Some(package.name.as_str()),
                    // npm states no path for its root, pnpm `.`.
                    _ => path.as_deref().is_none_or(|path| path == "."),
                };
                at_root && read.folder.is_empty()
            })
        });
        Self { read, own: own.collect(), kept: None }
    }

    fn scope(&self, at: usize) -> Option<Scope> {
        match &self.kept {
            None => self.read.lock.packages.get(at).map(|package| package.scope),
            Some(kept) => kept.get(at).copied().flatten(),
        }
    }
}

pub(crate) fn document(
    facts: &ReleaseFacts,
    options: &Options,
    found: &Found,
    views: &[View<'_>],
    root: &Root,
    library: &mut Library,
) -> Draft {
    let root_ref = format!("product:{}", root.name);
    let mut merged: BTreeMap<String, Merged<'_>> = BTreeMap::new();
    let mut reaches: BTreeMap<String, Reach> = BTreeMap::new();
    let mut root_needs: BTreeSet<String> = BTreeSet::new();
    for view in views {
        merge(view, &root_ref, &mut merged, &mut reaches, &mut root_needs);
    }
    root_needs.extend(orphans(&merged, &root_needs));
    root_needs.remove(&root_ref);
    let unresolved: Vec<(&str, &String)> =
        views.iter().flat_map(|view| view.read.lock.unresolved.iter().map(|text| (view.read.lock.path.as_str(), text))).collect();
    let product = if !unresolved.is_empty() || found.unread || !found.damaged_manifests.is_empty() {
        Reach::Incomplete
    } else {
        views.iter().map(|view| compositions::of_lockfile(view.read)).min().unwrap_or(Reach::Complete)
    };
    let mut dependencies = vec![Dependency { reference: root_ref.clone(), depends_on: root_needs.into_iter().collect() }];
    let mut unknown = Unknown::default();
    let mut components = Vec::with_capacity(merged.len());
    for (reference, merged) in merged {
        let (component, lacking) =
            component(&reference, &merged, library.look(&merged), (&root.name, facts.supplier.as_ref()), options.spec);
        unknown.count(lacking);
        components.push(component);
        dependencies.push(Dependency { reference, depends_on: merged.needs.into_iter().collect() });
    }
    let edges = dependencies.iter().map(|dependency| dependency.depends_on.len() as u64).sum();
    let mut metadata = metadata::metadata(facts, options, found, root, &root_ref, &unknown);
    metadata.properties.extend(views.iter().flat_map(|view| compositions::surplus(view.read)));
    metadata.properties.extend(unresolved.iter().map(|(path, text)| property(&format!("avouch:unresolved:{path}"), text)));
    let document = Document {
        schema: format!("http://cyclonedx.org/schema/bom-{}.schema.json", options.spec),
        bom_format: "CycloneDX",
        spec_version: options.spec.name(),
        serial_number: PLACEHOLDER.to_owned(),
        version: 1,
        metadata,
        components,
        dependencies,
        compositions: compositions::compositions((root_ref, product), &reaches),
    };
    let unresolved = unresolved.into_iter().map(|(path, text)| format!("{path}: {text}")).collect();
    Draft { document, edges, unresolved, complete: product == Reach::Complete }
}

/// Adds the packages of a lockfile. What the product's own manifests stand for is the product, not a component.
fn merge<'a>(
    view: &View<'a>,
    root_ref: &str,
    merged: &mut BTreeMap<String, Merged<'a>>,
    reaches: &mut BTreeMap<String, Reach>,
    root_needs: &mut BTreeSet<String>,
) {
    let lock = &view.read.lock;
    let reach = compositions::of_lockfile(view.read);
    let references: Vec<Option<String>> = (0..lock.packages.len())
        .map(|at| match (view.own.contains(&at), view.scope(at)) {
            (true, _) => Some(root_ref.to_owned()),
            (false, Some(_)) => lock.packages.get(at).map(|package| reference(view.read, package)),
            (false, None) => None,
        })
        .collect();
    let named = |at: &usize| references.get(*at).and_then(Option::as_ref);
    for (at, package) in lock.packages.iter().enumerate() {
        let Some(reference) = named(&at) else { continue };
        let needs = package.dependencies.iter().filter_map(named).filter(|needed| *needed != reference).cloned();
        if view.own.contains(&at) {
            root_needs.extend(needs);
            continue;
        }
        let Some(scope) = view.scope(at) else { continue };
        let entry = merged.entry(reference.clone()).or_insert_with(|| Merged {
            package,
            scope,
            member: false,
            patched: false,
            licence: None,
            hashes: BTreeSet::new(),
            needs: BTreeSet::new(),
        });
        entry.scope = entry.scope.min(scope);
        entry.member |= lock.roots.binary_search(&at).is_ok();
        entry.patched |= package.patched;
        entry.licence = entry.licence.or(package.licence.as_deref());
        entry.hashes.extend(&package.hashes);
        entry.needs.extend(needs);
        reaches.entry(reference.clone()).and_modify(|known| *known = reach.min(*known)).or_insert(reach);
    }
    // Without a selection everything that the repository makes is part of the product.
    if view.kept.is_none() {
        root_needs.extend(lock.roots.iter().filter_map(named).filter(|reference| *reference != root_ref).cloned());
    }
}

/// What names a component within the document: its package URL, or the place of what has none.
fn reference(lockfile: &Read, package: &Package) -> String {
    if let Some(purl) = package.purl() {
        return purl;
    }
    let ecosystem = package.ecosystem.purl_type();
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

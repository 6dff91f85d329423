//! From lockfiles to a document: one component for each package, one graph from the product to all of them.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use avouch_model::percent::encoded;
use avouch_read::lock::{Ecosystem, Origin, Package, Part, Scope};

use crate::{
    Options, ReleaseFacts,
    caches::{Depth, Shelves, Told},
    component::{Merged, component, lacking, property},
    compositions::{self, Reach},
    format::{Dependency, Document, Listed},
    lockfiles::{Found, Read},
    manifest::Root,
    metadata::{self, Unknown},
    serial::{self, PLACEHOLDER},
};

/// A document that was written, and what is told of it.
pub(crate) struct Written {
    pub(crate) bytes: Vec<u8>,
    pub(crate) components: u64,
    pub(crate) edges: u64,
    pub(crate) unresolved: Vec<String>,
    pub(crate) complete: bool,
}

/// A lockfile as one BOM sees it.
pub(crate) struct View<'a> {
    pub(crate) read: &'a Read,
    /// The places of the packages that stand for the product itself.
    pub(crate) own: BTreeSet<usize>,
    /// The part of it that counts; all of it, where none is given.
    pub(crate) part: Option<Part>,
}

/// What caches tell, by package URL, which is what components are named by; looked up once, for however many BOMs.
#[derive(Default)]
pub(crate) struct Library {
    pub(crate) shelves: Shelves,
    told: HashMap<Arc<str>, Option<Told>>,
    depth: Option<Depth>,
}

impl Library {
    pub(crate) fn new(shelves: Shelves, depth: Depth) -> Self {
        Self { shelves, told: HashMap::new(), depth: Some(depth) }
    }

    fn look(&mut self, reference: &Arc<str>, merged: &Merged<'_>) -> Option<&Told> {
        let depth = self.depth?;
        let shelves = &mut self.shelves;
        let told = self.told.entry(Arc::clone(reference));
        told.or_insert_with_key(|purl| shelves.look(merged.package, purl, depth)).as_ref()
    }

    /// What was found when it was looked up.
    fn found(&self, reference: &str) -> Option<&Told> {
        self.told.get(reference)?.as_ref()
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
        Self { read, own: own.collect(), part: None }
    }

    fn scope(&self, at: usize) -> Option<Scope> {
        match &self.part {
            None => self.read.lock.packages.get(at).map(|package| package.scope),
            Some(part) => part.scopes.get(at).copied().flatten(),
        }
    }

    /// What the lockfile leaves open. Of a part of it only what is open for packages of this part, `a 1.0 → b`, and what is open
    /// for nobody in particular; the names of importers may be others than those in the lockfile, their folders are not.
    fn unresolved(&self) -> impl Iterator<Item = &String> {
        let mut counts: HashMap<String, bool> = HashMap::new();
        if self.part.is_some() && !self.read.lock.unresolved.is_empty() {
            for (at, package) in self.read.lock.packages.iter().enumerate() {
                let kept = self.scope(at).is_some();
                let version = package.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
                let folder = match &package.origin {
                    Origin::Path { path } => path.clone(),
                    _ => None,
                };
                for called in [Some(format!("{}{version}", package.name)), folder].into_iter().flatten() {
                    *counts.entry(called).or_default() |= kept;
                }
            }
        }
        let is_of_others = move |text: &str| text.split_once(" → ").is_some_and(|(who, _)| counts.get(who) == Some(&false));
        self.read.lock.unresolved.iter().filter(move |text| !is_of_others(text))
    }

    fn dependencies(&self, at: usize) -> &[usize] {
        let all = || self.read.lock.packages.get(at).map(|package| &package.dependencies);
        self.part.as_ref().map_or_else(all, |part| part.dependencies.get(at)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Writes the document.
pub(crate) fn write(
    facts: &ReleaseFacts,
    options: &Options,
    found: &Found,
    views: &[View<'_>],
    root: &Root,
    library: &mut Library,
) -> Result<Written, serde_json::Error> {
    let root_ref: Arc<str> = writable(&format!("product:{}", root.name)).into();
    let mut merged: BTreeMap<Arc<str>, Merged<'_>> = BTreeMap::new();
    let mut root_needs: BTreeSet<Arc<str>> = BTreeSet::new();
    for view in views {
        merge(view, &root_ref, &mut merged, &mut root_needs);
    }
    root_needs.extend(orphans(&merged, &root_needs));
    root_needs.remove(&root_ref);
    let unresolved: Vec<(&str, &String)> =
        views.iter().flat_map(|view| view.unresolved().map(|text| (view.read.lock.path.as_str(), text))).collect();
    let reach = if !unresolved.is_empty() || found.unread || !found.damaged_manifests.is_empty() {
        Reach::Incomplete
    } else {
        views.iter().map(|view| compositions::of_lockfile(view.read)).min().unwrap_or(Reach::Complete)
    };
    let mut unknown = Unknown::default();
    for (reference, merged) in &merged {
        unknown.count(lacking(merged, library.look(reference, merged), facts.supplier.as_ref()));
    }
    let library = &*library;
    let product = (root.product.as_deref().unwrap_or(&root.name), facts.supplier.as_ref());
    let mut metadata = metadata::metadata(facts, options, (found, views), root, &root_ref, &unknown);
    metadata.properties.extend(views.iter().flat_map(|view| compositions::surplus(view.read)));
    metadata.properties.extend(unresolved.iter().map(|(path, text)| property(&format!("avouch:unresolved:{path}"), text)));
    let needs = || {
        let of_components = merged.iter().map(|(reference, merged)| (reference, &merged.needs));
        let all = std::iter::once((&root_ref, &root_needs)).chain(of_components);
        all.map(|(reference, depends_on)| Dependency { reference, depends_on })
    };
    let document = Document {
        schema: format!("http://cyclonedx.org/schema/bom-{}.schema.json", options.spec),
        bom_format: "CycloneDX",
        spec_version: options.spec.name(),
        serial_number: PLACEHOLDER.to_owned(),
        version: 1,
        metadata,
        components: Listed(|| {
            let of = |(reference, merged): (&Arc<str>, &Merged<'_>)| {
                component(reference, merged, library.found(reference), product, options.spec)
            };
            merged.iter().map(of)
        }),
        dependencies: Listed(needs),
        compositions: compositions::compositions((&root_ref, reach), &merged),
    };
    Ok(Written {
        bytes: serial::write(&document)?,
        components: merged.len() as u64,
        edges: needs().map(|dependency| dependency.depends_on.len() as u64).sum(),
        unresolved: unresolved.into_iter().map(|(path, text)| format!("{path}: {text}")).collect(),
        complete: reach == Reach::Complete,
    })
}

/// Adds the packages of a lockfile. What the product's own manifests stand for is the product, not a component.
fn merge<'a>(
    view: &View<'a>,
    root_ref: &Arc<str>,
    merged: &mut BTreeMap<Arc<str>, Merged<'a>>,
    root_needs: &mut BTreeSet<Arc<str>>,
) {
    let lock = &view.read.lock;
    let reach = compositions::of_lockfile(view.read);
    let references: Vec<Option<Arc<str>>> = (0..lock.packages.len())
        .map(|at| match (view.own.contains(&at), view.scope(at)) {
            (true, _) => Some(Arc::clone(root_ref)),
            (false, Some(_)) => lock.packages.get(at).map(|package| reference(view.read, package).into()),
            (false, None) => None,
        })
        .collect();
    let named = |at: &usize| references.get(*at).and_then(Option::as_ref);
    for (at, package) in lock.packages.iter().enumerate() {
        let Some(reference) = named(&at) else { continue };
        let needs = view.dependencies(at).iter().filter_map(named).filter(|needed| *needed != reference).cloned();
        if view.own.contains(&at) {
            root_needs.extend(needs);
            continue;
        }
        let Some(scope) = view.scope(at) else { continue };
        let entry = merged.entry(Arc::clone(reference)).or_insert_with(|| Merged {
            package,
            scope,
            member: false,
            patched: false,
            licence: None,
            known: OnceCell::new(),
            hashes: BTreeSet::new(),
            needs: BTreeSet::new(),
            reach,
        });
        entry.reach = entry.reach.min(reach);
        entry.scope = entry.scope.min(scope);
        entry.member |= lock.roots.binary_search(&at).is_ok();
        entry.patched |= package.patched;
        entry.licence = entry.licence.or(package.licence.as_deref());
        entry.hashes.extend(&package.hashes);
        entry.needs.extend(needs);
    }
    // Without a selection everything that the repository makes is part of the product.
    if view.part.is_none() {
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
    writable(&format!("path:{ecosystem}:{path}#{}@{version}", package.name))
}

/// A name within the document that is the same in every format: what XML cannot hold would make two of them one there.
fn writable(name: &str) -> String {
    let is_lost = |character: char| character.is_control() || matches!(character, '%' | '\u{fffe}' | '\u{ffff}');
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        if is_lost(character) {
            out.push_str(&encoded(character.encode_utf8(&mut [0; 4])));
        } else {
            out.push(character);
        }
    }
    out
}

/// What nothing leads to from the product: a lockfile that was not tidied lists such packages. They are in the lockfile,
/// so they are in the BOM, below the product.
fn orphans(merged: &BTreeMap<Arc<str>, Merged<'_>>, root_needs: &BTreeSet<Arc<str>>) -> Vec<Arc<str>> {
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut orphans = Vec::new();
    let mut waiting: Vec<&str> = root_needs.iter().map(|needed| &**needed).collect();
    let mut rest = merged.keys();
    loop {
        while let Some(at) = waiting.pop() {
            if reached.insert(at)
                && let Some(merged) = merged.get(at)
            {
                waiting.extend(merged.needs.iter().map(|needed| &**needed));
            }
        }
        match rest.find(|reference| !reached.contains(&***reference)) {
            Some(orphan) => {
                orphans.push(Arc::clone(orphan));
                waiting.push(orphan);
            }
            None => return orphans,
        }
    }
}

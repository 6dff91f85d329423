//! From the places of a lockfile (a peer variant, a folder in `node_modules`) to its packages, with their scopes.
//!
//! One package can have several places with different needs. Scopes are computed over the places, where they are exact,
//! and then folded: a package is needed as its most needed place.

use std::collections::{BTreeMap, BTreeSet};

use super::{Format, Lockfile, Package, Scope};

/// The graph of the places while it is being read.
#[derive(Default)]
pub(super) struct Graph {
    places: Vec<PlaceNode>,
    roots: Vec<usize>,
    pub(super) unresolved: BTreeSet<String>,
}

struct PlaceNode {
    package: Package,
    edges: Vec<(usize, Need)>,
}

/// How much a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Always,
    Optionally,
    Development,
}

impl Need {
    /// What is reached at least by edges of this kind.
    const fn scope(self) -> Scope {
        match self {
            Self::Always => Scope::Required,
            Self::Optionally => Scope::Optional,
            Self::Development => Scope::Excluded,
        }
    }
}

impl Graph {
    pub(super) fn place(&mut self, package: Package) -> usize {
        self.places.push(PlaceNode { package, edges: Vec::new() });
        self.places.len() - 1
    }

    pub(super) fn root(&mut self, place: usize) {
        self.roots.push(place);
    }

    pub(super) fn edge(&mut self, from: usize, to: usize, need: Need) {
        if let Some(place) = self.places.get_mut(from) {
            place.edges.push((to, need));
        }
    }

    pub(super) fn lockfile(self, path: &str, format: Format, format_version: String) -> Lockfile {
        let edges = |at: usize| self.places.get(at).map(|place| place.edges.clone()).unwrap_or_default();
        let scopes = scopes(self.places.len(), &self.roots, edges);
        // Packages are equal when all but scope and dependencies is.
        let mut indices: BTreeMap<Package, usize> = BTreeMap::new();
        for place in &self.places {
            indices.insert(place.package.clone(), 0);
        }
        for (index, value) in indices.values_mut().enumerate() {
            *value = index;
        }
        let of_place: Vec<usize> =
            self.places.iter().map(|place| indices.get(&place.package).copied().unwrap_or_default()).collect();
        let mut packages: Vec<Package> = indices.into_keys().collect();
        let mut edges: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); packages.len()];
        for (at, place) in self.places.iter().enumerate() {
            let Some(&from) = of_place.get(at) else { continue };
            if let (Some(package), Some(scope)) = (packages.get_mut(from), scopes.get(at)) {
                package.scope = package.scope.min(*scope);
            }
            let needed = place.edges.iter().filter_map(|(to, _)| of_place.get(*to).copied()).filter(|to| *to != from);
            if let Some(edges) = edges.get_mut(from) {
                edges.extend(needed);
            }
        }
        for (package, edges) in packages.iter_mut().zip(edges) {
            package.dependencies = edges.into_iter().collect();
        }
        let roots: BTreeSet<usize> = self.roots.iter().filter_map(|root| of_place.get(*root).copied()).collect();
        Lockfile {
            path: path.to_owned(),
            format,
            format_version,
            packages,
            roots: roots.into_iter().collect(),
            unresolved: self.unresolved,
        }
    }
}

/// The strongest scope by which each place is reached: three walks, each over edges that the one before left out.
pub(super) fn scopes(places: usize, roots: &[usize], edges: impl Fn(usize) -> Vec<(usize, Need)>) -> Vec<Scope> {
    let mut reached: Vec<Option<Scope>> = vec![None; places];
    for weakest in [Scope::Required, Scope::Optional, Scope::Excluded] {
        let known = reached.iter().enumerate().filter(|(_, scope)| scope.is_some()).map(|(at, _)| at);
        let mut waiting: Vec<usize> = known.chain(roots.iter().copied()).collect();
        let mut seen = vec![false; places];
        while let Some(at) = waiting.pop() {
            let (Some(seen), Some(scope)) = (seen.get_mut(at), reached.get_mut(at)) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            scope.get_or_insert(weakest);
            waiting.extend(edges(at).iter().filter(|(_, need)| need.scope() <= weakest).map(|(to, _)| *to));
        }
    }
    reached.into_iter().map(|scope| scope.unwrap_or(Scope::Excluded)).collect()
}

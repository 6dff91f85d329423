//! From the places of a lockfile (a peer variant, a folder in `node_modules`, an extra) to its packages, with their scopes.
//!
//! One package can have several places with different needs. Scopes are computed over the places, where they are exact,
//! and then folded: a package is needed as its most needed place.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Asked, Format, Importer, Lockfile, Need, Package, Scope, Surplus, tell::Catalogued};
use crate::structured::shown_within;

/// How many places of packages a lockfile may have.
pub(super) const PLACES_MAX: usize = 100_000;
/// How many dependencies its roots may ask for, and how many things it may leave open.
pub(super) const ASKED_MAX: usize = 100_000;
/// How long a text about something unresolved may be.
pub(super) const OPEN_CHARACTERS_MAX: usize = 400;

/// What a root asks for, with the places that were found.
pub(super) type Found = Vec<(Asked, Option<usize>)>;

/// The graph of the places while it is being read.
#[derive(Default)]
pub(super) struct Graph {
    packages: Vec<Package>,
    edges: Vec<(u32, u32, Need)>,
    roots: Vec<u32>,
    /// Scopes that the lockfile states; used until manifests tell more.
    stated: Vec<Option<Scope>>,
    /// Places that a root leads to without asking for them.
    indirect: BTreeSet<usize>,
    /// What a root asks for: the place of the root, the folder, and the asked with the place that was found.
    importers: Vec<(usize, String, Found)>,
    /// What a manifest's dependency leads to, where manifests tell what roots ask for.
    pub(super) descriptors: Vec<(String, usize)>,
    /// What is asked for by a catalogue that is written elsewhere.
    pub(super) catalogued: Vec<Catalogued>,
    unresolved: BTreeSet<String>,
    pub(super) surplus: BTreeSet<Surplus>,
    asked: usize,
    /// Whether it is more than a lockfile holds; what is too much is dropped, and the file is refused at its end.
    overflows: bool,
}

impl Graph {
    /// A graph of a format whose lockfiles may list more than one installation gets.
    pub(super) fn with_surplus(surplus: &[Surplus]) -> Self {
        Self { surplus: surplus.iter().copied().collect(), ..Self::default() }
    }

    pub(super) fn place(&mut self, package: Package) -> usize {
        if self.packages.len() < PLACES_MAX {
            self.packages.push(package);
            self.stated.push(None);
        } else {
            self.overflows = true;
        }
        self.packages.len() - 1
    }

    /// What a place is called in a message.
    pub(super) fn called(&self, place: usize) -> String {
        self.packages.get(place).map(Package::called).unwrap_or_default()
    }

    /// Tells of something that the lockfile names and does not hold.
    pub(super) fn leave_open(&mut self, what: &str) {
        if self.unresolved.len() < ASKED_MAX {
            self.unresolved.insert(shown_within(what, OPEN_CHARACTERS_MAX));
        } else {
            self.overflows = true;
        }
    }

    pub(super) fn root(&mut self, place: usize) {
        self.roots.push(index(place));
    }

    pub(super) fn edge(&mut self, from: usize, to: usize, need: Need) {
        self.edges.push((index(from), index(to), need));
    }

    pub(super) fn state(&mut self, place: usize, scope: Scope) {
        if let Some(stated) = self.stated.get_mut(place) {
            *stated = Some(scope);
        }
    }

    pub(super) fn indirect(&mut self, place: usize) {
        self.indirect.insert(place);
    }

    pub(super) fn importer(&mut self, root: usize, folder: &str, asked: Found) {
        self.asked += asked.len();
        if self.asked <= ASKED_MAX {
            self.importers.push((root, folder.to_owned(), asked));
        } else {
            self.overflows = true;
        }
    }

    /// Leads from the root to every place that no other needs: such a package is in the lockfile because the root asks
    /// for it. For formats that do not write down what the root asks for.
    pub(super) fn lead_to_unneeded(&mut self, root: usize) {
        let mut needed = vec![false; self.packages.len()];
        for (from, to, _) in &self.edges {
            if let Some(needed) = needed.get_mut(*to as usize).filter(|_| from != to) {
                *needed = true;
            }
        }
        for (place, needed) in needed.into_iter().enumerate() {
            if needed || place == root {
                continue;
            }
            let need = match self.stated.get(place).copied().flatten() {
                Some(Scope::Excluded) => Need::Development,
                Some(Scope::Optional) => Need::Optional,
                _ => Need::Required,
            };
            self.edge(root, place, need);
        }
    }

    pub(super) fn lockfile(mut self, path: &str, format: Format, format_version: String) -> Lockfile {
        self.roots.sort_unstable();
        self.roots.dedup();
        let (mut packages, package_of) = fold(std::mem::take(&mut self.packages));
        let of = |place: usize| package_of.get(place).map(|package| *package as usize);
        for (from, to, _) in &self.edges {
            let asked = self.roots.binary_search(from).is_ok() && !self.indirect.contains(&(*to as usize));
            if let Some(package) = of(*to as usize).filter(|_| asked).and_then(|at| packages.get_mut(at)) {
                package.direct = true;
            }
        }
        let roots: BTreeSet<usize> = self.roots.iter().filter_map(|root| of(*root as usize)).collect();
        let importers = self
            .importers
            .into_iter()
            .filter_map(|(root, folder, asked)| {
                let asked = asked.into_iter().map(|(asked, place)| Asked { found: place.and_then(of), ..asked }).collect();
                Some(Importer { root: of(root)?, folder, asked })
            })
            .collect();
        let stated = if self.stated.iter().any(Option::is_some) { self.stated } else { Vec::new() };
        let mut descriptors = self.descriptors;
        descriptors.sort();
        let reach = Reach::new(package_of, self.edges, self.roots, stated, descriptors);
        if packages.iter().any(|package| package.conditional) {
            self.surplus.insert(Surplus::Platforms);
        }
        let mut lockfile = Lockfile {
            path: path.to_owned(),
            format,
            format_version,
            packages,
            roots: roots.into_iter().collect(),
            importers,
            unresolved: self.unresolved,
            surplus: self.surplus,
            included: BTreeMap::new(),
            overflows: self.overflows,
            catalogued: self.catalogued,
            reach,
        };
        lockfile.fold_scopes();
        lockfile.fold_edges();
        lockfile
    }
}

fn index(place: usize) -> u32 {
    // A lockfile has fewer values than a `u32` counts (`VALUES_MAX`).
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The packages, sorted and each once, and which of them each place is.
fn fold(places: Vec<Package>) -> (Vec<Package>, Vec<u32>) {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|left, right| places.get(*left).map(Package::key).cmp(&places.get(*right).map(Package::key)));
    let mut places: Vec<Option<Package>> = places.into_iter().map(Some).collect();
    let mut package_of = vec![0; places.len()];
    let mut packages: Vec<Package> = Vec::new();
    for place in order {
        let Some(package) = places.get_mut(place).and_then(Option::take) else { continue };
        match packages.last_mut() {
            Some(last) if last.key() == package.key() => last.join(package),
            _ => packages.push(package),
        }
        if let Some(at) = package_of.get_mut(place) {
            *at = index(packages.len() - 1);
        }
    }
    packages.shrink_to_fit();
    (packages, package_of)
}

/// What some of the roots need. Both lists have an item for each package of the lockfile, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The scope of what is reached; none of what is not.
    pub scopes: Vec<Option<Scope>>,
    /// The places of what each package needs, sorted, without itself.
    pub dependencies: Vec<Vec<usize>>,
}

/// The places with their edges, for walking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Which package each place is.
    package_of: Vec<u32>,
    /// Where the edges of each place begin in `targets`; one more than there are places.
    starts: Vec<u32>,
    targets: Vec<(u32, Need)>,
    /// Places of roots, ascending.
    pub(super) roots: Vec<u32>,
    /// Scopes that the lockfile states; empty when it states none, or manifests told more.
    pub(super) stated: Vec<Option<Scope>>,
    /// Sorted descriptors and the places they lead to.
    descriptors: Vec<(String, usize)>,
}

impl Reach {
    fn new(
        package_of: Vec<u32>,
        edges: Vec<(u32, u32, Need)>,
        roots: Vec<u32>,
        stated: Vec<Option<Scope>>,
        descriptors: Vec<(String, usize)>,
    ) -> Self {
        let mut reach = Self { package_of, starts: Vec::new(), targets: Vec::new(), roots, stated, descriptors };
        reach.link(edges);
        reach
    }

    fn link(&mut self, mut edges: Vec<(u32, u32, Need)>) {
        edges.sort_unstable();
        // Of two edges between the same places the stronger one counts; it stands first.
        edges.dedup_by_key(|(from, to, _)| (*from, *to));
        self.starts = vec![0; self.package_of.len() + 1];
        for (from, ..) in &edges {
            if let Some(start) = self.starts.get_mut(*from as usize + 1) {
                *start += 1;
            }
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        self.targets = edges.into_iter().map(|(_, to, need)| (to, need)).collect();
    }

    pub(super) fn edges_of(&self, place: usize) -> &[(u32, Need)] {
        let range = self.starts.get(place).zip(self.starts.get(place + 1));
        range.and_then(|(start, end)| self.targets.get(*start as usize..*end as usize)).unwrap_or_default()
    }

    /// Every edge: from, to, need.
    pub(super) fn edges(&self) -> impl Iterator<Item = (u32, u32, Need)> + '_ {
        (0..self.package_of.len()).flat_map(|from| self.edges_of(from).iter().map(move |(to, need)| (index(from), *to, *need)))
    }

    /// The package that a place is.
    pub(super) fn package(&self, place: u32) -> Option<usize> {
        self.package_of.get(place as usize).map(|package| *package as usize)
    }

    /// Another place, a root, which needs nothing yet.
    pub(super) fn add_root(&mut self, package: usize) {
        self.roots.push(index(self.package_of.len()));
        self.package_of.push(index(package));
        self.starts.push(index(self.targets.len()));
        if !self.stated.is_empty() {
            self.stated.push(None);
        }
    }

    /// More edges.
    pub(super) fn add_edges(&mut self, more: impl Iterator<Item = (usize, usize, Need)>) {
        let more: Vec<(u32, u32, Need)> = more.map(|(from, to, need)| (index(from), index(to), need)).collect();
        let edges = self.edges().chain(more).collect();
        self.link(edges);
    }

    /// Leads from the first root to all that cannot be reached, by as few edges as that takes: first to what nothing needs, then
    /// into circles.
    pub(super) fn lead_to_unreached(&mut self) {
        let Some(&root) = self.roots.first() else { return };
        let reached: Vec<bool> = self.scopes(&self.roots).iter().map(Option::is_some).collect();
        let mut needed = vec![false; reached.len()];
        for (from, to, _) in self.edges() {
            let unreached = !reached.get(from as usize).copied().unwrap_or_default();
            if let Some(needed) = needed.get_mut(to as usize).filter(|_| unreached && from != to) {
                *needed = true;
            }
        }
        let mut reached = reached;
        let heads: Vec<usize> = (0..needed.len()).filter(|at| !needed.get(*at).copied().unwrap_or_default()).collect();
        let mut more = Vec::new();
        for head in heads.into_iter().chain(0..needed.len()) {
            let mut waiting = vec![head];
            let mut is_new = false;
            while let Some(at) = waiting.pop() {
                if let Some(reached) = reached.get_mut(at)
                    && !std::mem::replace(reached, true)
                {
                    is_new = true;
                    waiting.extend(self.edges_of(at).iter().map(|(to, _)| *to as usize));
                }
            }
            if is_new {
                more.push((root as usize, head, Need::Required));
            }
        }
        self.add_edges(more.into_iter());
    }

    /// Another number for every package.
    pub(super) fn move_packages(&mut self, to: impl Fn(usize) -> usize) {
        for package in &mut self.package_of {
            *package = index(to(*package as usize));
        }
    }

    /// Other edges from these places.
    pub(super) fn set_edges(&mut self, needs: &HashMap<u32, Vec<(u32, Need)>>) {
        let mut edges: Vec<(u32, u32, Need)> = self.edges().filter(|(from, ..)| !needs.contains_key(from)).collect();
        edges.extend(needs.iter().flat_map(|(place, needs)| needs.iter().map(|(to, need)| (*place, *to, *need))));
        self.link(edges);
    }

    /// Another need for each edge, by the packages it is between.
    pub(super) fn change_needs(&mut self, need: impl Fn(usize, usize, Need) -> Need) {
        for from in 0..self.package_of.len() {
            let Some(&package) = self.package_of.get(from) else { continue };
            let range = self.starts.get(from).zip(self.starts.get(from + 1));
            let range = range.map(|(start, end)| *start as usize..*end as usize).unwrap_or_default();
            for (to, old) in self.targets.get_mut(range).unwrap_or_default() {
                let needed = self.package_of.get(*to as usize).copied().unwrap_or_default();
                *old = need(package as usize, needed as usize, *old);
            }
        }
    }

    /// The places that a descriptor leads to.
    pub(super) fn described<'a>(&'a self, descriptor: &'a str) -> impl Iterator<Item = usize> + 'a {
        let start = self.descriptors.partition_point(|(other, _)| other.as_str() < descriptor);
        let rest = self.descriptors.get(start..).unwrap_or_default();
        rest.iter().take_while(move |(other, _)| other == descriptor).map(|(_, place)| *place)
    }

    /// The scope of every place by walking from these places of roots; none for what is not reached. Three walks, each over
    /// edges that the one before left out.
    pub(super) fn scopes(&self, roots: &[u32]) -> Vec<Option<Scope>> {
        let count = self.package_of.len();
        let mut reached: Vec<Option<Scope>> = vec![None; count];
        let mut is_root = vec![false; count];
        let mut known: Vec<u32> = Vec::new();
        for root in roots {
            if let Some(is_root) = is_root.get_mut(*root as usize)
                && !std::mem::replace(is_root, true)
            {
                known.push(*root);
            }
        }
        let is_root = |place: u32| is_root.get(place as usize).copied().unwrap_or_default();
        for root in &known {
            if let Some(scope) = reached.get_mut(*root as usize) {
                *scope = Some(Scope::Required);
            }
        }
        for weakest in [Scope::Required, Scope::Optional, Scope::Excluded] {
            // `known` grows while it is walked: what this walk reaches is walked by it, and by the weaker ones after it.
            let mut next = 0;
            while let Some(&at) = known.get(next) {
                next += 1;
                for (to, need) in self.edges_of(at as usize) {
                    let counts = need.scope() <= weakest && (is_root(at) || !self.is_own_affair(at, *to, *need));
                    if let Some(scope) = reached.get_mut(*to as usize).filter(|scope| counts && scope.is_none()) {
                        *scope = Some(weakest);
                        known.push(*to);
                    }
                }
            }
        }
        reached
    }

    /// Whether an edge counts only for who builds or offers the package itself: what it is developed with, and an extra, which
    /// whoever needs the package asks for or leaves.
    fn is_own_affair(&self, from: u32, to: u32, need: Need) -> bool {
        need == Need::Development || (need == Need::Optional && self.package(from) == self.package(to))
    }

    /// The packages that are reached from some of the roots, with the edges that led there.
    fn part(&self, roots: &[usize], packages: usize) -> Part {
        let roots: BTreeSet<usize> = roots.iter().copied().collect();
        let is_asked = |place: u32| self.package(place).is_some_and(|at| roots.contains(&at));
        let places: Vec<u32> = self.roots.iter().copied().filter(|place| is_asked(*place)).collect();
        let is_root: HashSet<u32> = places.iter().copied().collect();
        let scopes = self.scopes(&places);
        let mut dependencies: Vec<Vec<usize>> = vec![Vec::new(); packages];
        for (from, to, need) in self.edges() {
            let counts = scopes.get(from as usize).is_some_and(Option::is_some)
                && (is_root.contains(&from) || !self.is_own_affair(from, to, need));
            if let (true, Some(package), Some(needed)) = (counts, self.package(from), self.package(to))
                && package != needed
                && let Some(dependencies) = dependencies.get_mut(package)
            {
                dependencies.push(needed);
            }
        }
        for dependencies in &mut dependencies {
            dependencies.sort_unstable();
            dependencies.dedup();
        }
        Part { scopes: self.folded(&scopes, packages), dependencies }
    }

    fn folded(&self, scopes: &[Option<Scope>], packages: usize) -> Vec<Option<Scope>> {
        let mut folded: Vec<Option<Scope>> = vec![None; packages];
        for (package, scope) in self.package_of.iter().zip(scopes) {
            if let (Some(folded), Some(scope)) = (folded.get_mut(*package as usize), scope) {
                *folded = Some(folded.map_or(*scope, |other| other.min(*scope)));
            }
        }
        folded
    }
}

impl Lockfile {
    /// What some of the roots alone need, for a bill of one deployable package. What other roots need for their own
    /// development does not count, nor do extras that nobody among them asks for.
    pub fn part(&self, roots: &[usize]) -> Part {
        self.reach.part(roots, self.packages.len())
    }

    /// Computes the scope of every package anew.
    pub(super) fn fold_scopes(&mut self) {
        let mut scopes = self.reach.scopes(&self.reach.roots);
        for (scope, stated) in scopes.iter_mut().zip(&self.reach.stated) {
            *scope = stated.or(*scope);
        }
        let folded = self.reach.folded(&scopes, self.packages.len());
        for (package, scope) in self.packages.iter_mut().zip(folded) {
            package.scope = scope.unwrap_or(Scope::Excluded);
        }
    }

    /// Writes the edges of the packages anew from those of the places.
    pub(super) fn fold_edges(&mut self) {
        let of = |place: u32| self.reach.package_of.get(place as usize).copied().unwrap_or_default();
        let edges = self.reach.edges().map(|(from, to, need)| (of(from), of(to), need));
        let mut edges: Vec<(u32, u32, Need)> = edges.filter(|(from, to, _)| from != to).collect();
        edges.sort_unstable();
        edges.dedup_by_key(|(from, to, _)| (*from, *to));
        let mut edges = edges.into_iter().peekable();
        for (at, package) in self.packages.iter_mut().enumerate() {
            package.dependencies.clear();
            package.needs.clear();
            while let Some((_, to, need)) = edges.next_if(|(from, ..)| *from as usize == at) {
                package.dependencies.push(to as usize);
                package.needs.push(need);
            }
        }
    }
}

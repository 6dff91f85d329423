//! What others know about a lockfile's packages and the lockfile does not: manifests and checksum files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Asked, Ecosystem, Format, Importer, Lockfile, Manifest, Need, Origin, Package, Surplus, go, graph::OPEN_CHARACTERS_MAX,
    origin::relative_path, package_lock, python, yarn,
};
use crate::structured::{Unreadable, parse_yaml, shown_within};

/// The largest `.yarnrc.yml` that is read, in bytes.
const CATALOGUES_BYTES_MAX: u64 = 4 << 20;

/// A dependency that is asked for by a catalogue, `catalog:` or `catalog:name`, which is written elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Catalogued {
    /// The place of who asks.
    pub(super) from: usize,
    pub(super) name: String,
    pub(super) range: String,
    pub(super) need: Need,
    /// As which it is told among what is unresolved.
    pub(super) unresolved: String,
}

/// What manifests ask for, with the places of the graph that the lockfile has for it; by root.
type Looked = Vec<(Asked, Vec<usize>)>;

impl Lockfile {
    /// Adds what manifests tell: which dependencies of a root are for development only. Scopes are computed anew.
    pub fn tell_development(&mut self, is_development: impl Fn(&Package, &Package) -> bool) {
        let roots = self.roots.clone();
        self.tell_needs(|packages, from, to, old| {
            let is_root = roots.binary_search(&from).is_ok();
            let told = is_root && packages.get(from).zip(packages.get(to)).is_some_and(|(from, to)| is_development(from, to));
            if told { Need::Development } else { old }
        });
        self.surplus.remove(&Surplus::Development);
    }

    /// Adds what manifests tell about any edge; scopes are computed anew. The function is given the packages, the places of
    /// two among them, and how the one needs the other as far as is known; it says how it does.
    pub fn tell_needs(&mut self, need: impl Fn(&[Package], usize, usize, Need) -> Need) {
        let packages = &self.packages;
        self.reach.change_needs(|from, to, old| need(packages, from, to, old));
        self.fold_scopes();
        self.fold_edges();
    }

    /// Adds what the manifests of projects tell, by their folders (relative to the lockfile, empty for its own), where the
    /// lockfile leaves it open: names and versions, what they ask for, and what of that is for development. Where it knows
    /// no such project, the project becomes another root. All of them are told at once, since they may need each other.
    pub fn tell_manifests(&mut self, manifests: &[(String, Manifest)]) {
        if !matches!(self.format.ecosystem(), Ecosystem::Npm | Ecosystem::PyPi) {
            return;
        }
        for (folder, manifest) in manifests {
            match self.importers.iter().find(|importer| importer.folder == *folder).map(|importer| importer.root) {
                Some(root) => self.name(root, manifest),
                None => self.add_root(folder, manifest),
            }
        }
        let known: HashMap<String, usize> =
            self.importers.iter().enumerate().map(|(at, importer)| (importer.folder.clone(), at)).collect();
        let known = |folder: &String| known.get(folder).copied();
        let told: Vec<(usize, &Manifest)> =
            manifests.iter().filter_map(|(folder, manifest)| Some((known(folder)?, manifest))).collect();
        if self.leaves_roots_open() {
            self.tell_asked(&told)
        } else {
            self.tell_kinds(&told)
        }
        if self.importers.len() == told.len() {
            self.surplus.remove(&Surplus::Development);
        }
        self.fold_scopes();
        self.fold_edges();
    }

    /// Tells that not every manifest could be read: what nothing is known to need then counts as needed by the first root,
    /// since somebody may need it. Scopes are computed anew.
    pub fn tell_untold(&mut self) {
        self.reach.lead_to_unreached();
        self.fold_scopes();
        self.fold_edges();
    }

    /// Adds what a `.yarnrc.yml` tells: which ranges its catalogues stand for. Nothing else of it is looked at. To be told
    /// before manifests.
    ///
    /// # Errors
    /// When the bytes are no YAML.
    pub fn tell_catalogues(&mut self, path: &str, bytes: &[u8]) -> Result<(), Unreadable> {
        if self.catalogued.is_empty() {
            return Ok(());
        }
        let document = parse_yaml(path, bytes, CATALOGUES_BYTES_MAX)?;
        let mut edges = Vec::new();
        for asked in std::mem::take(&mut self.catalogued) {
            let catalogue = match asked.range.strip_prefix("catalog:") {
                None | Some("" | "default") => document.root.get("catalog"),
                Some(named) => document.root.get("catalogs").and_then(|all| all.get(named)),
            };
            let range = catalogue.and_then(|catalogue| catalogue.get(&asked.name)?.as_text());
            let descriptor = range.map(|range| yarn::with_protocol(&asked.name, range));
            let found = descriptor.and_then(|descriptor| self.reach.described(&descriptor).next());
            let Some(to) = found else {
                self.catalogued.push(asked);
                continue;
            };
            edges.push((asked.from, to, asked.need));
            self.unresolved.remove(&shown_within(&asked.unresolved, OPEN_CHARACTERS_MAX));
            let package = |place: usize| self.reach.package(u32::try_from(place).ok()?);
            let (root, found) = (package(asked.from), package(to));
            let own = self.importers.iter_mut().filter(|importer| Some(importer.root) == root);
            for slot in own.flat_map(|importer| &mut importer.asked).filter(|slot| slot.name == asked.name) {
                slot.found = found;
            }
            if let Some(package) = found.and_then(|at| self.packages.get_mut(at)) {
                package.direct = true;
            }
        }
        self.reach.add_edges(edges.into_iter());
        self.fold_scopes();
        self.fold_edges();
        Ok(())
    }

    /// Tells which roots are copies of packages that others publish, by their places, each with the folder that it lies in
    /// if that is known: a lockfile does not tell these from what the repository makes. They stay packages, and are roots no
    /// longer. Roots that were all copies stay what they are: something has to need the rest.
    pub fn tell_copies(&mut self, copies: &BTreeMap<usize, Option<String>>) {
        if self.roots.iter().all(|root| copies.contains_key(root)) {
            return;
        }
        self.roots.retain(|root| !copies.contains_key(root));
        self.importers.retain(|importer| !copies.contains_key(&importer.root));
        let mut places = std::mem::take(&mut self.reach.roots);
        places.retain(|place| self.reach.package(*place).is_none_or(|package| !copies.contains_key(&package)));
        self.reach.roots = places;
        for (at, path) in copies {
            if let (Some(package), Some(path)) = (self.packages.get_mut(*at), path)
                && let Origin::Path { path: known @ None } = &mut package.origin
            {
                *known = relative_path(path);
            }
        }
        let asked = self.roots.iter().filter_map(|root| self.packages.get(*root)).flat_map(|root| &root.dependencies);
        let asked: BTreeSet<usize> = asked.copied().collect();
        for (at, package) in self.packages.iter_mut().enumerate() {
            package.direct &= asked.contains(&at);
        }
        self.fold_scopes();
        self.fold_edges();
    }

    /// Adds the checksums of a `go.sum` to the modules of its `go.mod`.
    ///
    /// # Errors
    /// When a line is no checksum.
    pub fn tell_sums(&mut self, path: &str, bytes: &[u8]) -> Result<(), Unreadable> {
        go::tell_sums(self, path, bytes)
    }

    /// Whether this lockfile says nothing about what roots ask for.
    fn leaves_roots_open(&self) -> bool {
        match self.format {
            Format::YarnLock => self.format_version == yarn::CLASSIC,
            Format::PackageLock => self.format_version == package_lock::NESTED,
            Format::PoetryLock => true,
            _ => false,
        }
    }

    /// What roots ask for is known: what for is told.
    fn tell_kinds(&mut self, told: &[(usize, &Manifest)]) {
        let mut needs: HashMap<(usize, usize), Need> = HashMap::new();
        for (importer, manifest) in told {
            let wanted: HashMap<&str, Need> = manifest.asked.iter().map(|asked| (asked.name.as_str(), asked.need)).collect();
            let Some(Importer { root, asked, .. }) = self.importers.get_mut(*importer) else { continue };
            for asked in asked {
                asked.need = wanted.get(asked.name.as_str()).copied().unwrap_or(asked.need);
                if let Some(found) = asked.found {
                    let need = needs.entry((*root, found)).or_insert(asked.need);
                    *need = asked.need.min(*need);
                }
            }
        }
        self.reach.change_needs(|from, to, old| needs.get(&(from, to)).copied().unwrap_or(old));
    }

    /// What roots ask for is not known: it is told, and edges lead there.
    fn tell_asked(&mut self, told: &[(usize, &Manifest)]) {
        let place_of: HashMap<usize, u32> =
            self.reach.roots.iter().filter_map(|place| Some((self.reach.package(*place)?, *place))).collect();
        let members: HashMap<String, usize> =
            place_of.iter().filter_map(|(root, place)| Some((self.packages.get(*root)?.name.clone(), *place as usize))).collect();
        let mut edges: HashMap<u32, Vec<(u32, Need)>> = HashMap::new();
        for (importer, manifest) in told {
            let looked = self.look_up(manifest, *importer, &members);
            let Some(Importer { root, asked, .. }) = self.importers.get_mut(*importer) else { continue };
            let Some(place) = place_of.get(root) else { continue };
            let needs = looked
                .iter()
                .flat_map(|(asked, places)| places.iter().filter_map(|to| Some((u32::try_from(*to).ok()?, asked.need))));
            edges.insert(*place, needs.collect());
            *asked = looked.into_iter().map(|(asked, _)| asked).collect();
            for package in asked.iter().filter_map(|asked| asked.found) {
                if let Some(package) = self.packages.get_mut(package) {
                    package.direct = true;
                }
            }
        }
        self.reach.set_edges(&edges);
        // What npm and Poetry state themselves is exact; anything else is now known better.
        let exact = self.format == Format::PackageLock || self.format_version == python::poetry::WITH_GROUPS;
        if !exact {
            self.reach.stated.clear();
        }
    }

    fn look_up(&mut self, manifest: &Manifest, importer: usize, members: &HashMap<String, usize>) -> Looked {
        let folder = self.importers.get(importer).map(|importer| importer.folder.as_str()).unwrap_or_default();
        let from = if folder.is_empty() { ".".to_owned() } else { folder.to_owned() };
        let mut looked = Looked::new();
        for asked in &manifest.asked {
            let specifier = asked.specifier.as_deref().unwrap_or_default();
            let descriptor = match self.format {
                Format::YarnLock => format!("{}@{specifier}", asked.name),
                Format::PoetryLock => python::normal(&asked.name),
                _ => asked.name.clone(),
            };
            let mut places: Vec<usize> = self.reach.described(&descriptor).collect();
            if places.is_empty() {
                places.extend(members.get(&asked.name));
            }
            if places.is_empty() && matches!(asked.need, Need::Required | Need::Development) {
                self.unresolved.insert(shown_within(&format!("{from} → {}", asked.name), OPEN_CHARACTERS_MAX));
            }
            let found = places.first().and_then(|place| self.reach.package(u32::try_from(*place).ok()?));
            looked.push((Asked { found, ..asked.clone() }, places));
        }
        looked
    }

    /// A root that the lockfile does not know: it needs nothing yet.
    fn add_root(&mut self, folder: &str, manifest: &Manifest) {
        let name = manifest.name.as_deref().unwrap_or(if folder.is_empty() { "root" } else { folder });
        let path = if folder.is_empty() { Some(".".to_owned()) } else { relative_path(folder) };
        let package = Package::new(self.format.ecosystem(), name, manifest.version.as_deref(), Origin::Path { path });
        let at = self.packages.partition_point(|other| other.key() < package.key());
        self.move_places(|place| if place >= at { place + 1 } else { place });
        self.packages.insert(at, Package { licence: manifest.licence.clone(), ..package });
        self.reach.add_root(at);
        self.roots.insert(self.roots.partition_point(|root| *root < at), at);
        self.importers.push(Importer { root: at, folder: folder.to_owned(), asked: Vec::new() });
    }

    /// Gives a root what its manifest calls it, which moves it to where that name stands in the order.
    fn name(&mut self, at: usize, manifest: &Manifest) {
        if at >= self.packages.len() {
            return;
        }
        let mut package = self.packages.remove(at);
        package.name = manifest.name.clone().unwrap_or(package.name);
        package.version = manifest.version.clone().or(package.version);
        package.licence = manifest.licence.clone().or(package.licence);
        let to = self.packages.partition_point(|other| other.key() < package.key());
        self.packages.insert(to, package);
        if to == at {
            return;
        }
        self.move_places(|place| {
            if place == at {
                to
            } else if place > at && place <= to {
                place - 1
            } else if place < at && place >= to {
                place + 1
            } else {
                place
            }
        });
        self.roots.sort_unstable();
    }

    /// Another number for every place in `packages`.
    fn move_places(&mut self, to: impl Fn(usize) -> usize) {
        for root in &mut self.roots {
            *root = to(*root);
        }
        for importer in &mut self.importers {
            importer.root = to(importer.root);
            for asked in &mut importer.asked {
                asked.found = asked.found.map(&to);
            }
        }
        self.reach.move_packages(to);
    }
}

impl Manifest {
    /// Whether a folder, relative to the manifest, is that of a workspace member: `*` stands for any part of a name, `**`
    /// for any folders, and a pattern that begins with `!` takes folders out again.
    pub fn has_member(&self, folder: &str) -> bool {
        let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        let mut is_member = false;
        for pattern in &self.workspaces {
            let (plain, takes_out) = pattern.strip_prefix('!').map_or((pattern.as_str(), false), |plain| (plain, true));
            let pattern: Vec<&str> = plain.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
            if fits_path(&pattern, &parts) {
                is_member = !takes_out;
            }
        }
        is_member
    }
}

/// Whether the parts of a path fit those of a pattern: for each part of the pattern the numbers of parts it may have
/// taken by then.
fn fits_path(pattern: &[&str], parts: &[&str]) -> bool {
    let mut ends: BTreeSet<usize> = BTreeSet::from([0]);
    for piece in pattern {
        let mut next = BTreeSet::new();
        for end in ends {
            if *piece == "**" {
                next.extend(end..=parts.len());
            } else if parts.get(end).is_some_and(|part| fits_part(piece.as_bytes(), part.as_bytes())) {
                next.insert(end + 1);
            }
        }
        ends = next;
    }
    ends.contains(&parts.len())
}

/// Whether a name fits a pattern of one part, in which `*` stands for anything.
fn fits_part(pattern: &[u8], name: &[u8]) -> bool {
    let mut pieces = pattern.split(|byte| *byte == b'*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&[u8]> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        let Some(at) = rest.windows(piece.len()).position(|window| window == piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

//! What changed between two BOMs.
//!
//! Components of one ecosystem and name are held against each other, whatever their versions. The change that nothing
//! innocent explains comes first: the same version with another hash.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use serde::Serialize;

use crate::contents::{Contents, Identity, Item};

/// What changed. Everything is in order of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Components that say the same name and version and another content. This is the loud one.
    pub hash_changed: Vec<HashChange>,
    /// Components of the same name and version that come from elsewhere: another registry, repository or commit.
    pub source_changed: Vec<Change>,
    /// Components whose version is newer.
    pub upgraded: Vec<Change>,
    /// Components whose version is older.
    pub downgraded: Vec<Change>,
    /// Components whose version is another, and nobody can say which is newer.
    pub version_changed: Vec<Change>,
    /// Components that were not there.
    pub added: Vec<Component>,
    /// Components that are no longer there.
    pub removed: Vec<Component>,
    /// Components whose licence is another one; the version may be another too.
    pub licence_changed: Vec<LicenceChange>,
    /// Components whose scope is another one (`required`, `optional`, `excluded`).
    pub scope_changed: Vec<Change>,
    /// Components of the same version that had a hash and have none to compare.
    pub hash_lost: Vec<Component>,
    /// What needs what now and did not; names without versions, so that an upgrade changes none.
    pub edges_added: Vec<Edge>,
    /// What needed what and does not any more.
    pub edges_removed: Vec<Edge>,
    /// How many components are the same.
    pub unchanged: u64,
}

/// A component, by what tells it from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Component {
    /// Its ecosystem and name, `npm/@scope/name`; group and name where it has no package URL.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Where it comes from, where the package URL says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A component with something that was and is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// Its ecosystem and name.
    pub name: String,
    /// The version; the newer one where versions differ.
    pub version: Option<String>,
    /// What it was.
    pub old: Option<String>,
    /// What it is.
    pub new: Option<String>,
}

/// The same version with another content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HashChange {
    /// Its ecosystem and name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// The algorithm by which both are told, `SHA-256`.
    pub algorithm: String,
    /// The hashes before.
    pub old: BTreeSet<String>,
    /// The hashes now.
    pub new: BTreeSet<String>,
}

/// Another licence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LicenceChange {
    /// Its ecosystem and name.
    pub name: String,
    /// The version now.
    pub version: Option<String>,
    /// Whether the licence is the `declared` or the `concluded` one.
    pub kind: &'static str,
    /// The licence before; none where it was not told.
    pub old: Option<String>,
    /// The licence now; none where it is not told.
    pub new: Option<String>,
}

/// One component needs another; the product is the empty name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// What needs.
    pub from: String,
    /// What is needed.
    pub to: String,
}

impl Difference {
    /// Whether something changed that nothing innocent explains.
    pub const fn is_loud(&self) -> bool {
        !self.hash_changed.is_empty()
    }

    /// Whether nothing changed at all.
    pub fn is_empty(&self) -> bool {
        *self == Self { unchanged: self.unchanged, ..Self::default() }
    }
}

/// Holds a BOM against an older one.
pub fn diff(old: &Contents, new: &Contents) -> Difference {
    let mut difference = Difference::default();
    let (mut before, after) = (by_name(old), by_name(new));
    for (name, news) in after {
        let olds = before.remove(&name).unwrap_or_default();
        one_name(olds, news, &mut difference);
    }
    for item in before.into_values().flatten() {
        difference.removed.push(component(item));
    }
    let (edges_before, edges_after) = (edges(old), edges(new));
    difference.edges_added = edges_after.difference(&edges_before).map(edge).collect();
    difference.edges_removed = edges_before.difference(&edges_after).map(edge).collect();
    difference.sort();
    difference
}

type Name<'a> = (&'a str, bool);

fn by_name(contents: &Contents) -> BTreeMap<Name<'_>, Vec<&Item>> {
    let mut found: BTreeMap<Name<'_>, Vec<&Item>> = BTreeMap::new();
    for item in &contents.items {
        found.entry((&item.identity.name, item.identity.has_purl)).or_default().push(item);
    }
    found
}

/// The components of one name: first those that are the same, then those of the same version from elsewhere, then the rest
/// by their versions.
fn one_name(olds: Vec<&Item>, news: Vec<&Item>, difference: &mut Difference) {
    let (olds, news) = pair(
        olds,
        news,
        |item| (item.identity.version.as_deref(), item.identity.source.as_deref()),
        |old, new| {
            if !same_version(old, new, difference) {
                difference.unchanged += 1;
            }
        },
    );
    let (olds, news) = pair(
        olds,
        news,
        |item| item.identity.version.as_deref(),
        |old, new| {
            difference.source_changed.push(change(new, old.identity.source.clone(), new.identity.source.clone()));
            same_version(old, new, difference);
        },
    );
    // Within the same line of releases first, so that 1.0 → 1.1 and 2.0 → 2.1 are told as such.
    let (olds, news) = pair_in_order(olds, news, |item| line_of_releases(item.identity.version.as_deref()), difference);
    let (olds, news) = pair_in_order(olds, news, |_| (), difference);
    difference.removed.extend(olds.into_iter().map(component));
    difference.added.extend(news.into_iter().map(component));
}

/// Hands over the pairs of equal keys, and gives back what is left.
fn pair<'a, K: std::hash::Hash + Eq>(
    olds: Vec<&'a Item>,
    news: Vec<&'a Item>,
    key: impl Fn(&'a Item) -> K,
    mut found: impl FnMut(&'a Item, &'a Item),
) -> (Vec<&'a Item>, Vec<&'a Item>) {
    let mut waiting: HashMap<K, Vec<&Item>> = HashMap::new();
    for old in olds.into_iter().rev() {
        waiting.entry(key(old)).or_default().push(old);
    }
    let mut left = Vec::new();
    for new in news {
        match waiting.get_mut(&key(new)).and_then(Vec::pop) {
            Some(old) => found(old, new),
            None => left.push(new),
        }
    }
    (waiting.into_values().flatten().collect(), left)
}

/// Pairs versions from the newest down, within each line.
fn pair_in_order<'a, K: Ord>(
    olds: Vec<&'a Item>,
    news: Vec<&'a Item>,
    line: impl Fn(&Item) -> K,
    difference: &mut Difference,
) -> (Vec<&'a Item>, Vec<&'a Item>) {
    let mut lines: BTreeMap<K, (Vec<&Item>, Vec<&Item>)> = BTreeMap::new();
    for old in olds {
        lines.entry(line(old)).or_default().0.push(old);
    }
    for new in news {
        lines.entry(line(new)).or_default().1.push(new);
    }
    let (mut olds_left, mut news_left) = (Vec::new(), Vec::new());
    for (mut olds, mut news) in lines.into_values() {
        let by_version = |one: &&Item, other: &&Item| {
            let versions = [one, other].map(|item| item.identity.version.as_deref().unwrap_or_default());
            compare(versions[0], versions[1]).then_with(|| one.identity.cmp(&other.identity))
        };
        olds.sort_by(by_version);
        news.sort_by(by_version);
        while let (Some(old), Some(new)) = (olds.last(), news.last()) {
            other_version(old, new, difference);
            olds.pop();
            news.pop();
        }
        olds_left.append(&mut olds);
        news_left.append(&mut news);
    }
    (olds_left, news_left)
}

fn other_version(old: &Item, new: &Item, difference: &mut Difference) {
    let told = change(new, old.identity.version.clone(), new.identity.version.clone());
    match (&old.identity.version, &new.identity.version) {
        (Some(before), Some(after)) => match compare(before, after) {
            Ordering::Less => difference.upgraded.push(told),
            Ordering::Greater => difference.downgraded.push(told),
            Ordering::Equal => difference.version_changed.push(told),
        },
        _ => difference.version_changed.push(told),
    }
    licence_and_scope(old, new, difference);
}

/// Whether something changed in a component of the same version.
fn same_version(old: &Item, new: &Item, difference: &mut Difference) -> bool {
    let mut changed = licence_and_scope(old, new, difference);
    let mut comparable = false;
    for (algorithm, before) in &old.hashes {
        let Some(after) = new.hashes.get(algorithm) else { continue };
        comparable = true;
        if before != after {
            changed = true;
            difference.hash_changed.push(HashChange {
                name: new.identity.name.clone(),
                version: new.identity.version.clone(),
                algorithm: algorithm.clone(),
                old: before.clone(),
                new: after.clone(),
            });
        }
    }
    if !old.hashes.is_empty() && !comparable {
        changed = true;
        difference.hash_lost.push(component(new));
    }
    changed
}

fn licence_and_scope(old: &Item, new: &Item, difference: &mut Difference) -> bool {
    let mut changed = false;
    for (kind, before, after) in [("declared", &old.licence, &new.licence), ("concluded", &old.concluded, &new.concluded)] {
        if before != after {
            changed = true;
            difference.licence_changed.push(LicenceChange {
                name: new.identity.name.clone(),
                version: new.identity.version.clone(),
                kind,
                old: before.clone(),
                new: after.clone(),
            });
        }
    }
    // A format that tells no scope says nothing against one that does.
    if old.scope != new.scope && old.scope.is_some() && new.scope.is_some() {
        changed = true;
        difference.scope_changed.push(change(new, old.scope.clone(), new.scope.clone()));
    }
    changed
}

fn change(new: &Item, old: Option<String>, now: Option<String>) -> Change {
    Change { name: new.identity.name.clone(), version: new.identity.version.clone(), old, new: now }
}

fn component(item: &Item) -> Component {
    let Identity { name, version, source, .. } = item.identity.clone();
    Component { name, version, source }
}

fn edges(contents: &Contents) -> BTreeSet<(&str, &str)> {
    let name = |at: Option<usize>| match at {
        None => Some(""),
        Some(at) => contents.items.get(at).map(|item| item.identity.name.as_str()),
    };
    contents.edges.iter().filter_map(|(from, to)| Some((name(*from)?, name(*to)?))).collect()
}

fn edge((from, to): &(&str, &str)) -> Edge {
    Edge { from: (*from).to_owned(), to: (*to).to_owned() }
}

/// The versions that promise to fit each other: the first number that is not zero, by SemVer.
fn line_of_releases(version: Option<&str>) -> String {
    let version = version.unwrap_or_default().trim_start_matches('v');
    let numbers: Vec<&str> = version.split('.').collect();
    let end = numbers.iter().position(|number| *number != "0").map_or(numbers.len(), |at| at + 1);
    numbers.get(..end.min(3)).unwrap_or_default().join(".")
}

/// Which of two versions is newer: by SemVer where both are such, otherwise number by number and word by word.
fn compare(one: &str, other: &str) -> Ordering {
    let semantic = |text: &str| semver::Version::parse(text.trim_start_matches('v')).ok();
    match (semantic(one), semantic(other)) {
        // Build metadata is no order (SemVer section 10).
        (Some(one), Some(other)) => one.cmp_precedence(&other),
        _ => natural(one, other),
    }
}

fn natural(one: &str, other: &str) -> Ordering {
    let parts = |text: &str| -> Vec<String> {
        let mut parts: Vec<String> = Vec::new();
        let mut was_digit = None;
        for character in text.trim_start_matches('v').chars() {
            if !character.is_alphanumeric() {
                was_digit = None;
                continue;
            }
            let is_digit = character.is_ascii_digit();
            match parts.last_mut().filter(|_| was_digit == Some(is_digit)) {
                Some(part) => part.push(character),
                None => parts.push(character.to_string()),
            }
            was_digit = Some(is_digit);
        }
        parts
    };
    let (ones, others) = (parts(one), parts(other));
    for (one, other) in ones.iter().zip(&others) {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.trim_start_matches('0').to_owned());
        let order = match (number(one), number(other)) {
            (Some(one), Some(other)) => one.len().cmp(&other.len()).then_with(|| one.cmp(&other)),
            // 1.0.1 is newer than 1.0.rc1.
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (None, None) => one.cmp(other),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    match ones.len().cmp(&others.len()) {
        Ordering::Equal => Ordering::Equal,
        longer => {
            // 1.0.1 is newer than 1.0, and 1.0-rc1 is older.
            let next = if longer == Ordering::Greater { ones.get(others.len()) } else { others.get(ones.len()) };
            let is_word = next.is_some_and(|part| !part.starts_with(|character: char| character.is_ascii_digit()));
            if is_word { longer.reverse() } else { longer }
        }
    }
}

impl Difference {
    fn sort(&mut self) {
        self.hash_changed.sort();
        for list in [
            &mut self.source_changed,
            &mut self.upgraded,
            &mut self.downgraded,
            &mut self.version_changed,
            &mut self.scope_changed,
        ] {
            list.sort();
        }
        for list in [&mut self.added, &mut self.removed, &mut self.hash_lost] {
            list.sort();
        }
        self.licence_changed.sort();
    }
}

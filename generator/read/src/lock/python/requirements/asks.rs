//! What all files ask for together, and what constraints leave of it.

use std::collections::{BTreeMap, BTreeSet};

use super::normal;
use crate::{
    lock::{Hash, Origin, Package, graph::Graph},
    structured::shown,
};

/// Which archives may be installed; none where nobody says.
pub(super) type Allowed = Option<BTreeSet<Hash>>;

/// What is asked for by one name.
#[derive(Clone)]
pub(super) struct Asked {
    /// As it is written.
    pub(super) name: String,
    pub(super) specifier: String,
    /// Whether it is asked for under a condition.
    pub(super) conditional: bool,
    pub(super) allowed: Allowed,
}

/// A package that is asked for.
#[derive(Clone)]
pub(super) struct Pinned {
    pub(super) package: Package,
    pub(super) asked: Asked,
}

/// What makes files the same: the version as it is compared, and where they come from.
type Identity = (Option<String>, Origin);

/// Each package once, by normal name.
#[derive(Default)]
struct Pins(BTreeMap<String, BTreeMap<Identity, Pinned>>);

/// What all files ask for, and what narrows it.
#[derive(Default)]
pub(super) struct Asks {
    pinned: Pins,
    /// What is asked for in any of several versions, by normal name.
    ranged: BTreeMap<String, Asked>,
    narrowing: Pins,
}

impl Asks {
    pub(super) fn pin(&mut self, pinned: Pinned, narrows: bool) {
        if narrows { self.narrowing.add(pinned) } else { self.pinned.add(pinned) }
    }

    pub(super) fn range(&mut self, asked: Asked) {
        match self.ranged.get_mut(&normal(&asked.name)) {
            Some(known) => known.join(asked),
            None => _ = self.ranged.insert(normal(&asked.name), asked),
        }
    }

    /// The packages: what is pinned, and what a constraint pins. What contradicts itself, or is pinned nowhere, is left open.
    pub(super) fn settled(self, graph: &mut Graph) -> Vec<Pinned> {
        let Self { mut pinned, ranged, mut narrowing } = self;
        for (name, asked) in ranged {
            if pinned.0.contains_key(&name) {
                continue;
            }
            let Some(narrowed) = narrowing.0.remove(&name) else {
                graph.leave_open(&format!("{} is not pinned with `==`", shown(&asked.name)));
                continue;
            };
            for narrowed in narrowed.into_values() {
                let conditional = asked.conditional || narrowed.asked.conditional;
                let allowed = narrow(asked.allowed.clone(), narrowed.asked.allowed);
                pinned.add(Pinned { package: narrowed.package, asked: Asked { conditional, allowed, ..asked.clone() } });
            }
        }
        for (name, pinned) in &mut pinned.0 {
            let Some(mut narrowed) = narrowing.0.remove(name) else { continue };
            for (identity, pinned) in pinned {
                if let Some(same) = narrowed.remove(identity) {
                    pinned.asked.allowed = narrow(pinned.asked.allowed.take(), same.asked.allowed);
                } else if let Some(other) = narrowed.values().next().filter(|_| narrowed.len() == 1)
                    && !pinned.asked.conditional
                    && !other.asked.conditional
                {
                    let (asked, constraint) = (shown(&pinned.asked.called()), shown(&other.asked.called()));
                    graph.leave_open(&format!("{asked} contradicts the constraint {constraint}"));
                }
            }
        }
        let settled: Vec<Pinned> = pinned.0.into_values().flat_map(BTreeMap::into_values).collect();
        for pinned in settled.iter().filter(|pinned| pinned.asked.allowed.as_ref().is_some_and(BTreeSet::is_empty)) {
            graph.leave_open(&format!("{} has no hash that every line allows", shown(&pinned.asked.called())));
        }
        settled
    }
}

impl Pins {
    fn add(&mut self, pinned: Pinned) {
        let version = pinned.package.version.as_deref().map(normal_version);
        let identity = (version, pinned.package.origin.clone());
        let of_name = self.0.entry(normal(&pinned.asked.name)).or_default();
        match of_name.get_mut(&identity) {
            Some(known) => known.asked.join(pinned.asked),
            None => _ = of_name.insert(identity, pinned),
        }
    }
}

impl Asked {
    fn called(&self) -> String {
        format!("{}{}", self.name, self.specifier)
    }

    /// Takes over what another line says of the same.
    fn join(&mut self, other: Self) {
        self.conditional &= other.conditional;
        self.allowed = narrow(self.allowed.take(), other.allowed);
    }
}

/// What both allow (pip, `Hashes.__and__`: where one side names none, those of the other).
fn narrow(one: Allowed, other: Allowed) -> Allowed {
    match (one, other) {
        (Some(mut one), Some(other)) => {
            one.retain(|hash| other.contains(hash));
            Some(one)
        }
        (one, other) => one.or(other),
    }
}

/// A version as it is compared (PEP 440, "Normalization"): zeros at the end of a release, letters in upper case and
/// separators before what follows mean nothing.
fn normal_version(version: &str) -> String {
    let lower = version.trim_start_matches(['v', 'V']).to_ascii_lowercase();
    let (public, local) = lower.split_once('+').unwrap_or((&lower, ""));
    let end = public.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(public.len());
    let (release, rest) = public.split_at_checked(end).unwrap_or((public, ""));
    let mut release = release.trim_end_matches('.');
    while let Some(shorter) = release.strip_suffix(".0") {
        release = shorter;
    }
    format!("{release} {} {}", rest.replace(['.', '-', '_'], ""), local.replace(['-', '_'], "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_mean_the_same_are_the_same() {
        for (one, other) in [("1", "1.0.0"), ("v1.2", "1.2"), ("1.0RC1", "1.0-rc.1"), ("1.0+ubuntu-1", "1+ubuntu.1")] {
            assert_eq!(normal_version(one), normal_version(other), "{one}");
        }
        for (one, other) in [("1", "10"), ("1.1", "11"), ("1.0", "1.0rc1"), ("1.0+a", "1.0a"), ("1.10", "1.1")] {
            assert_ne!(normal_version(one), normal_version(other), "{one}");
        }
    }
}

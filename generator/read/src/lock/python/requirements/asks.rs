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

/// What is pinned, in the order of the lines until all is known: then each package once, by normal name. A tree of small trees
/// would take five times the memory, since most names have one version.
#[derive(Default)]
struct Pins(Vec<Pin>);

struct Pin {
    /// The normal name.
    name: String,
    identity: Identity,
    pinned: Pinned,
}

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
            Some(known) => known.join(asked.conditional, asked.allowed),
            None => _ = self.ranged.insert(normal(&asked.name), asked),
        }
    }

    /// The packages: what is pinned, and what a constraint pins. What contradicts itself, or is pinned nowhere, is left open.
    pub(super) fn settled(self, graph: &mut Graph) -> Vec<Pinned> {
        let mut pinned = self.pinned.settled();
        let narrowing = self.narrowing.settled();
        let mut more = Vec::new();
        for (name, asked) in self.ranged {
            if !pinned.of_name(&name).is_empty() {
                continue;
            }
            let narrowed = narrowing.of_name(&name);
            if narrowed.is_empty() {
                graph.leave_open(&format!("{} is not pinned with `==`", shown(&asked.name)));
            }
            for Pin { pinned: narrowed, .. } in narrowed {
                let conditional = asked.conditional || narrowed.asked.conditional;
                let allowed = narrow(asked.allowed.clone(), narrowed.asked.allowed.clone());
                more.push(Pinned { package: narrowed.package.clone(), asked: Asked { conditional, allowed, ..asked.clone() } });
            }
        }
        for of_name in pinned.0.chunk_by_mut(|one, other| one.name == other.name) {
            let narrowed = of_name.first().map(|pin| narrowing.of_name(&pin.name)).unwrap_or_default();
            let mut narrowed: BTreeMap<&Identity, &Pinned> = narrowed.iter().map(|pin| (&pin.identity, &pin.pinned)).collect();
            for Pin { identity, pinned, .. } in of_name {
                if let Some(same) = narrowed.remove(identity) {
                    pinned.asked.allowed = narrow(pinned.asked.allowed.take(), same.asked.allowed.clone());
                } else if let Some(other) = narrowed.values().next().filter(|_| narrowed.len() == 1)
                    && !pinned.asked.conditional
                    && !other.asked.conditional
                {
                    let (asked, constraint) = (shown(&pinned.asked.called()), shown(&other.asked.called()));
                    graph.leave_open(&format!("{asked} contradicts the constraint {constraint}"));
                }
            }
        }
        more.into_iter().for_each(|more| pinned.add(more));
        let settled: Vec<Pinned> = pinned.settled().0.into_iter().map(|pin| pin.pinned).collect();
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
        self.0.push(Pin { name: normal(&pinned.asked.name), identity, pinned });
    }

    /// In order, and what several lines say of the same in one: as the first of them has it.
    fn settled(mut self) -> Self {
        self.0.sort_by(|one, other| (&one.name, &one.identity).cmp(&(&other.name, &other.identity)));
        self.0.dedup_by(|next, first| {
            let is_same = next.name == first.name && next.identity == first.identity;
            if is_same {
                first.pinned.asked.join(next.pinned.asked.conditional, next.pinned.asked.allowed.take());
            }
            is_same
        });
        self
    }

    /// What is pinned of a name, once it is settled.
    fn of_name(&self, name: &str) -> &[Pin] {
        let start = self.0.partition_point(|pin| pin.name.as_str() < name);
        let rest = self.0.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|pin| pin.name == name)).unwrap_or_default()
    }
}

impl Asked {
    fn called(&self) -> String {
        format!("{}{}", self.name, self.specifier)
    }

    /// Takes over what another line says of the same.
    fn join(&mut self, conditional: bool, allowed: Allowed) {
        self.conditional &= conditional;
        self.allowed = narrow(self.allowed.take(), allowed);
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

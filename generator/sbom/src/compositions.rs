//! How complete a document is, by the words of CycloneDX (`aggregate`): what may be missing, and what may be too much.
//!
//! `incomplete`: something is known to be missing. `unknown`: nothing is, but the lockfile lists more than one build takes
//! in (every target, every feature), so whether this dependency is one of this build's cannot be told. `complete`: the
//! lockfile's graph, exactly.

use std::{collections::BTreeMap, sync::Arc};

use avouch_read::lock::Surplus;

use crate::{
    component::{Merged, property},
    format::{Composition, Property},
    lockfiles::Read,
};

/// How far the dependencies of a component are known. The worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    Incomplete,
    Unknown,
    Complete,
}

impl Reach {
    const fn aggregate(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::Unknown => "unknown",
            Self::Complete => "complete",
        }
    }
}

/// How far a lockfile tells the dependencies of its packages: not surely, where it lists more than one installation gets,
/// nor where it lists packages without saying which needs which.
pub(crate) fn of_lockfile(lockfile: &Read) -> Reach {
    let exact = lockfile.lock.surplus.is_empty() && lockfile.lock.format.tells_graph();
    if exact { Reach::Complete } else { Reach::Unknown }
}

/// The product first, then the components by how far their dependencies are known.
pub(crate) fn compositions<'a>(
    product: (&'a str, Reach),
    components: &'a BTreeMap<Arc<str>, Merged<'_>>,
) -> Vec<Composition<'a>> {
    let (root, reach) = product;
    let mut written = vec![Composition { aggregate: reach.aggregate(), assemblies: vec![root], dependencies: vec![root] }];
    for reach in [Reach::Incomplete, Reach::Unknown, Reach::Complete] {
        let known = components.iter().filter(|(_, merged)| merged.reach == reach);
        let dependencies: Vec<&str> = known.map(|(reference, _)| &**reference).collect();
        if !dependencies.is_empty() {
            written.push(Composition { aggregate: reach.aggregate(), assemblies: Vec::new(), dependencies });
        }
    }
    written
}

/// What a lockfile lists too much, and what it leaves out, in words.
pub(crate) fn surplus(lockfile: &Read) -> Vec<Property> {
    let lock = &lockfile.lock;
    let words = |surplus: &Surplus| match surplus {
        Surplus::Platforms => "what other platforms need",
        Surplus::Features => "what features or extras need that may be off",
        Surplus::Development => "what only development needs, not told apart",
    };
    let listed: Vec<&str> = lock.surplus.iter().map(words).collect();
    let mut properties = Vec::new();
    if !listed.is_empty() {
        properties.push(property(&format!("avouch:over-reported:{}", lock.path), &listed.join("; ")));
    }
    if !lock.format.tells_graph() {
        let text = "which package needs which: all are below the product";
        properties.push(property(&format!("avouch:not-told:{}", lock.path), text));
    }
    properties
}

//! How complete a document is, by the words of CycloneDX (`aggregate`): what may be missing, and what may be too much.
//!
//! `incomplete`: something is known to be missing. `unknown`: nothing is, but the lockfile lists more than one build takes
//! in (every target, every feature), so whether this dependency is one of this build's cannot be told. `complete`: the
//! lockfile's graph, exactly.

use std::collections::BTreeMap;

use crate::{
    component::property,
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

/// How far a lockfile tells the dependencies of its packages.
pub(crate) fn of_lockfile(lockfile: &Read) -> Reach {
    if lockfile.lock.format.tells_scopes() { Reach::Complete } else { Reach::Unknown }
}

/// The product first, then the components by how far their dependencies are known.
pub(crate) fn compositions(product: (String, Reach), components: &BTreeMap<String, Reach>) -> Vec<Composition> {
    let (root, reach) = product;
    let mut written =
        vec![Composition { aggregate: reach.aggregate(), assemblies: vec![root.clone()], dependencies: vec![root] }];
    for reach in [Reach::Incomplete, Reach::Unknown, Reach::Complete] {
        let dependencies: Vec<String> =
            components.iter().filter(|(_, theirs)| **theirs == reach).map(|(reference, _)| reference.clone()).collect();
        if !dependencies.is_empty() {
            written.push(Composition { aggregate: reach.aggregate(), assemblies: Vec::new(), dependencies });
        }
    }
    written
}

/// What a lockfile lists too much, in words.
pub(crate) fn surplus(lockfile: &Read) -> Option<Property> {
    let name = format!("avouch:over-reported:{}", lockfile.lock.path);
    (of_lockfile(lockfile) == Reach::Unknown)
        .then(|| property(&name, "lists what any target and any feature may need, whether this product is built with it or not"))
}

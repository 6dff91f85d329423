//! Controls that a product had once: they stay visible.

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    Timestamp,
    catalogue::Control,
    payload::{Payload, Recorded},
};

/// A control that the scope in force does not have any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// The control as it last stood in a scope.
    pub control: Control,
    /// When the first scope without it was recorded.
    pub since: Timestamp,
}

/// The controls of earlier scopes that the scope in force at `as_of` does not have, by id in order.
pub fn retired(recorded: &[Recorded], as_of: Timestamp) -> Vec<Retired> {
    let mut scopes: Vec<_> = recorded
        .iter()
        .filter(|recorded| recorded.entry.at <= as_of)
        .filter_map(|recorded| match &recorded.payload {
            Payload::Scope(scope) => Some((recorded.index, recorded.entry.at, scope)),
            _ => None,
        })
        .collect();
    scopes.sort_by_key(|(index, ..)| *index);
    let mut known: BTreeMap<&str, (&Control, Option<Timestamp>)> = BTreeMap::new();
    for (_, at, scope) in scopes {
        let now: BTreeSet<&str> = scope.catalogue.controls.iter().map(|control| control.id.as_str()).collect();
        for (id, (_, gone)) in &mut known {
            if !now.contains(id) {
                gone.get_or_insert(at);
            }
        }
        known.extend(scope.catalogue.controls.iter().map(|control| (control.id.as_str(), (control, None))));
    }
    let gone = known.into_values().filter_map(|(control, gone)| Some(Retired { control: control.clone(), since: gone? }));
    gone.collect()
}

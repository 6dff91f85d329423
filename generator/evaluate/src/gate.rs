//! What the gate says.

use std::collections::BTreeSet;

use avouch_model::{
    assessment::{CheckFinding, GateFinding, Reason},
    catalogue::Catalogue,
    configuration::Gate,
    payload::Scope,
    state::{State, Verdict},
};

use crate::checks::only_planned;

/// Holds the checks that are required against what passes: a pass, and what is excused, inherited or planned.
pub(crate) fn verdict(scope: &Scope, checks: &[CheckFinding]) -> GateFinding {
    let mut undecided = Vec::new();
    let planned = only_planned(&scope.catalogue);
    let named = match &scope.gate {
        Gate::Only(names) => {
            let (checks, unknown) = named(&scope.catalogue, names);
            // A name that requires nothing would let everything through.
            undecided = unknown;
            checks
        }
        Gate::Configured | Gate::All => BTreeSet::new(),
    };
    let required: Vec<&CheckFinding> = checks
        .iter()
        .filter(|finding| match &scope.gate {
            Gate::Configured => !scope.unfilled.contains_key(&finding.check) && !planned.contains(finding.check.as_str()),
            Gate::All => true,
            Gate::Only(_) => named.contains(finding.check.as_str()),
        })
        .collect();
    let those = |wanted: fn(State) -> bool| {
        let those = required.iter().filter(move |finding| wanted(finding.state));
        those.map(|finding| finding.check.clone())
    };
    let failed: Vec<_> = those(|state| state == State::Fail).collect();
    undecided.extend(those(|state| matches!(state, State::Error | State::NoData | State::Stale | State::NotConfigured)));
    let untested = checks.iter().filter(|finding| {
        finding.state == State::NotConfigured || matches!(finding.reason, Some(Reason::NeverAsked | Reason::TooFew))
    });
    GateFinding {
        verdict: if !failed.is_empty() {
            Verdict::NotSatisfied
        } else if !undecided.is_empty() || required.is_empty() {
            Verdict::CouldNotTell
        } else {
            Verdict::Satisfied
        },
        required: required.len() as u64,
        failed,
        undecided,
        untested: untested.count() as u64,
    }
}

/// The checks behind these controls and requirements, and the names that stand for no check at all.
fn named<'a>(catalogue: &'a Catalogue, names: &'a [String]) -> (BTreeSet<&'a str>, Vec<String>) {
    let mut checks = BTreeSet::new();
    let mut unknown = Vec::new();
    for name in names {
        let controls = catalogue
            .controls
            .iter()
            .filter(|control| control.id == *name || control.satisfies.iter().any(|satisfies| satisfies.requirement == *name));
        let behind: Vec<&str> = controls.flat_map(|control| catalogue.checks_of(&control.id)).collect();
        if behind.is_empty() {
            unknown.push(name.clone());
        }
        checks.extend(behind);
    }
    (checks, unknown)
}

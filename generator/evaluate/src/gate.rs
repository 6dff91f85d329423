//! What the gate says.

use std::collections::BTreeSet;

use avouch_model::{
    assessment::{CheckFinding, GateFinding, Reason},
    catalogue::Catalogue,
    configuration::Gate,
    payload::Scope,
    state::{State, Verdict},
};

use crate::{checks::only_planned, reference::Measure};

/// Holds the checks that are required against what passes: a pass, and what is excused, inherited or planned. With a measure
/// only what stands worse than there blocks, and nothing passes without it.
pub(crate) fn verdict(scope: &Scope, checks: &[CheckFinding], settled: Vec<String>, measure: Option<Measure<'_>>) -> GateFinding {
    let (mut failed, mut undecided, mut tolerated) = (Vec::new(), Vec::new(), Vec::new());
    let planned = only_planned(&scope.catalogue);
    let unclaimed = scope.catalogue.unclaimed();
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
            // Of the baseline too only what can be asked, unless everything must be.
            gate if unclaimed.contains(finding.check.as_str()) => {
                scope.gate_terms.baseline && (*gate == Gate::All || !scope.unfilled.contains_key(&finding.check))
            }
            Gate::Configured => !scope.unfilled.contains_key(&finding.check) && !planned.contains(finding.check.as_str()),
            Gate::All => true,
            Gate::Only(_) => named.contains(finding.check.as_str()),
        })
        .collect();
    for finding in required.iter().filter(|finding| !settled.contains(&finding.check)) {
        let list = match blocks(finding, measure.as_ref()) {
            Some(Blocks::Failed) => &mut failed,
            Some(Blocks::Undecided) => &mut undecided,
            Some(Blocks::Tolerated) => &mut tolerated,
            None => continue,
        };
        list.push(finding.check.clone());
    }
    let untested = checks.iter().filter(|finding| !unclaimed.contains(finding.check.as_str())).filter(|finding| {
        finding.state == State::NotConfigured || matches!(finding.reason, Some(Reason::NeverAsked | Reason::TooFew))
    });
    let reference = measure.map(|measure| measure.reference);
    let unmeasured = reference.as_ref().is_some_and(|reference| reference.run.is_none());
    GateFinding {
        verdict: if !failed.is_empty() {
            Verdict::NotSatisfied
        } else if !undecided.is_empty() || required.is_empty() || unmeasured {
            Verdict::CouldNotTell
        } else {
            Verdict::Satisfied
        },
        required: required.len() as u64,
        failed,
        undecided,
        settled,
        tolerated,
        reference,
        untested: untested.count() as u64,
    }
}

/// What a check that does not pass does to the gate.
enum Blocks {
    Failed,
    Undecided,
    Tolerated,
}

/// None for what passes the gate in any case.
fn blocks(finding: &CheckFinding, measure: Option<&Measure<'_>>) -> Option<Blocks> {
    let fails = finding.state == State::Fail;
    if !fails && !matches!(finding.state, State::Error | State::NoData | State::Stale | State::NotConfigured) {
        return None;
    }
    let Some(measure) = measure else { return Some(if fails { Blocks::Failed } else { Blocks::Undecided }) };
    Some(match measure.states.get(finding.check.as_str()) {
        // What was not told then, or not asked: nobody knows whether it got worse.
        None => Blocks::Undecided,
        Some(State::Fail) => Blocks::Tolerated,
        Some(State::Error | State::NoData | State::Stale | State::NotConfigured) if fails => Blocks::Undecided,
        Some(State::Error | State::NoData | State::Stale | State::NotConfigured) => Blocks::Tolerated,
        Some(_) if fails => Blocks::Failed,
        Some(_) => Blocks::Undecided,
    })
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

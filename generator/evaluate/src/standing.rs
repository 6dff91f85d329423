//! From checks to claims, from claims to controls, from controls to requirements; beside them the baseline.

use std::collections::{BTreeSet, HashMap};

use avouch_model::{
    assessment::{BaselineFinding, ClaimFinding, ControlFinding, RequirementFinding},
    catalogue::{Baseline, Catalogue, Claim, Requirement, Strength},
    decision::Decision,
    state::{Standing, State},
};

use crate::{checks::ById, decided::Decisions};

/// How each claim stands: as the worst of its checks.
pub(crate) fn claims(catalogue: &Catalogue, decisions: &Decisions<'_>, checks: &ById<'_>) -> Vec<ClaimFinding> {
    let claims = catalogue.claims.iter();
    claims
        .map(|claim| {
            let alternative = alternative(claim, checks);
            ClaimFinding {
                claim: claim.id.clone(),
                state: if decisions.not_applicable(&claim.control).is_some() {
                    State::NotApplicable
                } else {
                    claim_state(claim, alternative.map(|(_, state)| state), checks)
                },
                alternative: alternative.map(|(id, _)| id.to_owned()),
            }
        })
        .collect()
}

fn claim_state(claim: &Claim, alternative: Option<State>, checks: &ById<'_>) -> State {
    let states = claim.checks.iter().map(|id| state(id, checks));
    let worst = State::worst(states.chain(alternative)).unwrap_or(State::NotConfigured);
    match claim.strength {
        Strength::Planned if worst != State::Fail => State::Planned,
        _ => worst,
    }
}

/// A check that the catalogue does not have is one that nobody asks.
fn state(check: &str, checks: &ById<'_>) -> State {
    checks.get(check).map_or(State::NotConfigured, |finding| finding.state)
}

/// The alternative that decides, and how it stands (docs/decisions/0011-one-alternative-is-enough.md).
///
/// What failed, waived or not, was seen to be broken, and nothing seen from elsewhere mends it. Otherwise one that passes is
/// enough. Where nothing was told the worst of those that were tried decides: what is not configured counts only when nothing
/// else is there.
fn alternative<'a>(claim: &'a Claim, checks: &ById<'_>) -> Option<(&'a str, State)> {
    let all = || claim.any_of.iter().map(|id| (id.as_str(), state(id, checks)));
    let first = |wanted: State| all().find(|(_, state)| *state == wanted);
    let tried = || all().filter(|(_, state)| *state != State::NotConfigured);
    let tried_at_all = tried().any(|(_, state)| state != State::NotApplicable);
    let worst = || if tried_at_all { tried().min_by_key(|(_, state)| *state) } else { all().min_by_key(|(_, state)| *state) };
    let failed = first(State::Fail);
    let told = || if all().any(|(_, state)| state == State::Waived) { None } else { first(State::Pass) };
    failed.or_else(told).or_else(worst)
}

/// The checks that could not be told and need not be: each is an alternative wherever it serves, and another one passed there.
pub(crate) fn settled(catalogue: &Catalogue, checks: &ById<'_>) -> Vec<String> {
    let untold = |state: State| matches!(state, State::Error | State::NoData | State::Stale | State::NotConfigured);
    let is_settled = |check: &str| {
        let mut serving = catalogue.claims.iter().filter(|claim| claim.deciding().any(|id| id == check)).peekable();
        let passed = |claim: &Claim| alternative(claim, checks).is_some_and(|(_, state)| state == State::Pass);
        serving.peek().is_some() && serving.all(|claim| !claim.checks.iter().any(|id| id == check) && passed(claim))
    };
    let alternatives: BTreeSet<&str> = catalogue.claims.iter().flat_map(|claim| &claim.any_of).map(String::as_str).collect();
    let alternatives = alternatives.into_iter().filter(|check| untold(state(check, checks)) && is_settled(check));
    alternatives.map(ToOwned::to_owned).collect()
}

/// How each control of the baseline stands: as the worst of its checks.
pub(crate) fn baseline(catalogue: &Catalogue, checks: &ById<'_>) -> Vec<BaselineFinding> {
    let finding = |baseline: &Baseline| {
        let last = baseline.checks.iter().filter_map(|id| checks.get(id.as_str())?.last.as_ref());
        BaselineFinding {
            control: baseline.id.clone(),
            state: State::worst(baseline.checks.iter().map(|id| state(id, checks))).unwrap_or(State::NotConfigured),
            last: last.max_by_key(|run| (run.at, run.index)).cloned(),
        }
    };
    catalogue.baseline.iter().map(finding).collect()
}

/// How each control stands: as the worst of its claims. What it permits is a guard, and counts only when it fails.
pub(crate) fn controls(
    catalogue: &Catalogue,
    decisions: &Decisions<'_>,
    checks: &ById<'_>,
    claims: &[ClaimFinding],
) -> Vec<ControlFinding> {
    let mut of: HashMap<&str, Vec<(&Claim, State)>> = HashMap::new();
    for (claim, finding) in catalogue.claims.iter().zip(claims) {
        of.entry(&claim.control).or_default().push((claim, finding.state));
    }
    let controls = catalogue.controls.iter();
    controls
        .map(|control| {
            let claims = of.remove(control.id.as_str()).unwrap_or_default();
            let counted = || claims.iter().filter(|(claim, _)| !is_guard(claim));
            let deciding = claims.iter().filter(|(claim, state)| !is_guard(claim) || *state == State::Fail);
            let state = match decisions.not_applicable(&control.id) {
                Some(_) => State::NotApplicable,
                // A control with nothing but guards is not tested, however well the guards stand.
                None => State::worst(deciding.map(|(_, state)| *state)).unwrap_or(State::NotConfigured),
            };
            let answered = claims.iter().flat_map(|(claim, _)| claim.deciding());
            let last = answered.filter_map(|id| checks.get(id)?.last.as_ref());
            ControlFinding {
                control: control.id.clone(),
                state,
                last: last.max_by_key(|run| (run.at, run.index)).cloned(),
                passed: counted().filter(|(_, state)| *state == State::Pass).count() as u64,
                claims: counted().count() as u64,
            }
        })
        .collect()
}

/// How each requirement stands, in the order of the standards.
pub(crate) fn requirements(
    catalogue: &Catalogue,
    decisions: &Decisions<'_>,
    claims: &[ClaimFinding],
    controls: &[ControlFinding],
) -> Vec<RequirementFinding> {
    let finding = |standard: &str, requirement: &Requirement| {
        let addressing: Vec<&ControlFinding> = catalogue
            .controls
            .iter()
            .zip(controls)
            .filter(|(control, _)| control.satisfies.iter().any(|satisfies| satisfies.requirement == requirement.id))
            .map(|(_, finding)| finding)
            .collect();
        let behind = || {
            catalogue.claims.iter().zip(claims).filter(|(claim, _)| {
                addressing.iter().any(|control| control.control == claim.control)
                    && !is_guard(claim)
                    && (claim.requirements.is_empty() || claim.requirements.contains(&requirement.id))
            })
        };
        let decision = decisions.about_requirement(&requirement.id).map(|decided| decided.decision);
        let passed = behind().filter(|(_, finding)| finding.state == State::Pass).count() as u64;
        RequirementFinding {
            standard: standard.to_owned(),
            requirement: requirement.id.clone(),
            standing: standing(&addressing, passed, decision),
            controls: addressing.iter().map(|finding| finding.control.clone()).collect(),
            passed,
            claims: behind().count() as u64,
            decision: decision.cloned(),
        }
    };
    let standards = catalogue.standards.iter();
    standards.flat_map(|standard| standard.requirements.iter().map(|requirement| finding(&standard.id, requirement))).collect()
}

/// A failure is a failure even of what is declared not to apply; nothing but passes satisfies, one at least of a claim
/// that supports this very requirement: a control may have passed for claims about others alone.
fn standing(addressing: &[&ControlFinding], passed: u64, decision: Option<&Decision>) -> Standing {
    let mut applicable = addressing.iter().filter(|control| control.state != State::NotApplicable).peekable();
    if addressing.iter().any(|control| control.state == State::Fail) {
        Standing::NotSatisfied
    } else if matches!(decision, Some(Decision::NotApplicable { .. })) {
        Standing::NotApplicable
    } else if addressing.is_empty() {
        Standing::Gap
    } else if passed > 0 && applicable.peek().is_some() && applicable.all(|control| control.state == State::Pass) {
        Standing::Satisfied
    } else {
        Standing::Undetermined
    }
}

/// What a product permits must not be flagged: a guard against false alarms, not a promise.
fn is_guard(claim: &Claim) -> bool {
    claim.strength == Strength::Permits
}

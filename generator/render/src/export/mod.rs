//! Exports: an assessment for other programs. Each format says what it cannot say: only a fresh pass counts as passed.

mod github;
mod junit;
mod markdown;
mod sarif;

pub use github::github;
pub use junit::junit;
pub use markdown::{in_markdown, markdown};
pub use sarif::sarif;

use std::collections::BTreeSet;

use avouch_model::{
    assessment::{CheckFinding, Reason},
    catalogue::{Catalogue, Check},
    state::State,
};

/// The findings with the checks they are about, in the order of the catalogue.
fn rows<'a>(findings: &'a [CheckFinding], catalogue: &'a Catalogue) -> impl Iterator<Item = (&'a CheckFinding, &'a Check)> {
    findings.iter().filter_map(|finding| Some((finding, catalogue.check(&finding.check)?)))
}

/// The controls that a check decides a claim of, each once.
fn controls_of<'a>(catalogue: &'a Catalogue, check: &str) -> Vec<&'a str> {
    let mut controls: Vec<&str> = catalogue
        .claims
        .iter()
        .filter(|claim| claim.deciding().any(|id| id == check))
        .map(|claim| claim.control.as_str())
        .collect();
    controls.dedup();
    controls
}

/// What a check is a part of, for a view that sorts by one: its first control, or the baseline.
fn group_of<'a>(catalogue: &'a Catalogue, check: &str) -> &'a str {
    controls_of(catalogue, check).first().copied().unwrap_or(BASELINE)
}

/// How a check that no claim leans on is named.
const BASELINE: &str = "baseline, not claimed";

/// What stands before the question of a check that no claim leans on.
fn prefix(unclaimed: &BTreeSet<&str>, check: &Check) -> String {
    if unclaimed.contains(check.id.as_str()) { format!("{BASELINE}: ") } else { String::new() }
}

/// Where whoever reads an export finds what a failed check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Findings {
    /// Nothing was recorded: it was said beside the export.
    InTheLog,
    /// A run is on record, and what it found is sealed.
    Sealed,
}

/// One English sentence on how a check stands.
pub fn sentence(finding: &CheckFinding, findings: Findings) -> String {
    let state = match finding.state {
        State::Pass => "passed",
        State::Fail => match findings {
            Findings::InTheLog => "failed; what was found is in the log of the job that wrote this",
            Findings::Sealed => "failed; the details are in the sealed half of the run",
        },
        State::Error => "could not be tested",
        State::NoData => "not tested",
        State::Stale => "out of date",
        State::NotConfigured => "not configured",
        State::Waived => "failed, and is waived",
        State::Inherited => "inherited: the provider's word, not tested",
        State::Planned => "planned",
        State::NotApplicable => "not applicable",
    };
    match finding.reason.as_ref().map(because) {
        Some(because) => format!("{state}: {because}"),
        None => state.to_owned(),
    }
}

/// Why a check stands as it does, in English.
pub fn because(reason: &Reason) -> String {
    match reason {
        Reason::Unfilled { keys } => format!("fill in {}", keys.join(", ")),
        Reason::NeverAsked => "it was never asked".to_owned(),
        Reason::TooFew => "there was too little to look at".to_owned(),
        Reason::CouldNotAsk => "the question could not be put".to_owned(),
        Reason::TooOld { since } => format!("the last answer counted until {since}"),
        Reason::OtherRelease => "the last answer is about another release".to_owned(),
        Reason::ReleaseUnproven => "nothing in the answer names the release it is about".to_owned(),
        Reason::Unreleased => "there is no release: no tag that counts names this commit".to_owned(),
        Reason::OtherNumber { name, claimed, tested } => format!("tested with {name} = {tested}, and the claim says {claimed}"),
        Reason::Waived { waiver, until } => format!("waiver {waiver} until {until}"),
        Reason::NotApplicable { reason } => reason.clone(),
        Reason::FromTheFuture => "the answer is dated in the future".to_owned(),
    }
}

//! Decisions and when they are in force: from the time of their entry through their last day, until they are replaced.

use std::collections::BTreeMap;

use avouch_model::{
    Timestamp,
    assessment::{Reason, WaiverFinding},
    decision::Decision,
    payload::Recorded,
};

use crate::{checks::ById, record::Record};

/// The decisions of a record.
pub(crate) struct Decisions<'a> {
    as_of: Timestamp,
    /// Waivers by the check that they excuse.
    waivers: BTreeMap<&'a str, Vec<Decided<'a>>>,
    /// What does not apply: by the id of a requirement, a check or a control.
    not_applicable: BTreeMap<&'a str, Vec<Decided<'a>>>,
    /// Gaps by requirement.
    gaps: BTreeMap<&'a str, Vec<Decided<'a>>>,
}

/// One recorded version of a decision.
#[derive(Clone, Copy)]
pub(crate) struct Decided<'a> {
    pub(crate) recorded: &'a Recorded,
    pub(crate) decision: &'a Decision,
    /// Whether no later entry replaces it.
    newest: bool,
    pub(crate) from: Timestamp,
    until: Timestamp,
}

impl Decided<'_> {
    fn counts(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.until
    }
}

impl<'a> Decisions<'a> {
    pub(crate) fn of(record: &Record<'a>, as_of: Timestamp) -> Self {
        let mut versions: BTreeMap<(usize, &str), Vec<Decided<'a>>> = BTreeMap::new();
        for (recorded, decision) in &record.decisions {
            let at = recorded.entry.at;
            // A later version takes effect at once; one whose payload is gone takes the earlier ones with it.
            let kinds = decision.map_or(&TYPES[..], |decision| &TYPES[type_of(decision)..=type_of(decision)]);
            let subject = decision.map_or(recorded.entry.subject.as_str(), Decision::subject);
            for kind in kinds {
                let Some(version) = versions.get_mut(&(*kind, subject)).and_then(|versions| versions.last_mut()) else {
                    continue;
                };
                version.until = version.until.min(at.plus_seconds(-1));
                version.newest = false;
            }
            if let Some(decision) = decision {
                let key = (type_of(decision), decision.subject());
                versions.entry(key).or_default().push(Decided {
                    recorded,
                    decision,
                    newest: true,
                    from: at,
                    until: decision.last_day().end(),
                });
            }
        }

        let mut decisions = Self { as_of, waivers: BTreeMap::new(), not_applicable: BTreeMap::new(), gaps: BTreeMap::new() };
        for decided in versions.into_values().flatten() {
            let (list, about) = match decided.decision {
                Decision::Waiver { check, .. } => (&mut decisions.waivers, check),
                Decision::NotApplicable { id, .. } => (&mut decisions.not_applicable, id),
                Decision::Gap { requirement, .. } => (&mut decisions.gaps, requirement),
                Decision::Ignore { .. } | Decision::Attestation { .. } | Decision::Provider { .. } => continue,
            };
            list.entry(about.as_str()).or_default().push(decided);
        }
        decisions
    }

    /// The waiver that excuses a check at a time: of several the one that ends last.
    pub(crate) fn waiver(&self, check: &str, at: Timestamp) -> Option<Decided<'a>> {
        let waivers = self.waivers.get(check)?.iter().filter(|waiver| waiver.counts(at));
        waivers.max_by_key(|waiver| (waiver.until, waiver.recorded.index)).copied()
    }

    /// The decision in force that this requirement, check or control does not apply.
    pub(crate) fn not_applicable(&self, id: &str) -> Option<Decided<'a>> {
        in_force(self.not_applicable.get(id)?, self.as_of)
    }

    /// The decision about a requirement: that it does not apply, or that it is a gap.
    pub(crate) fn about_requirement(&self, id: &str) -> Option<Decided<'a>> {
        self.not_applicable(id).or_else(|| in_force(self.gaps.get(id)?, self.as_of))
    }

    /// Every waiver in its newest version, in the order of the log.
    pub(crate) fn waivers(&self, checks: &ById<'_>) -> Vec<WaiverFinding> {
        let mut waivers: Vec<_> = self.waivers.values().flatten().filter(|waiver| waiver.newest).collect();
        waivers.sort_by_key(|waiver| waiver.recorded.index);
        let found = waivers.into_iter().map(|waiver| WaiverFinding {
            decision: waiver.decision.clone(),
            digest: waiver.recorded.entry.digest,
            in_force: waiver.counts(self.as_of),
            used: checks.values().any(|check| {
                matches!((&check.reason, waiver.decision), (Some(Reason::Waived { waiver: used, .. }), Decision::Waiver { id, .. }) if used == id)
            }),
        });
        found.collect()
    }
}

/// Why a check is waived; none for decisions that are no waivers.
pub(crate) fn waived(decided: &Decided<'_>) -> Option<Reason> {
    match decided.decision {
        Decision::Waiver { id, .. } => Some(Reason::Waived { waiver: id.clone(), until: decided.until }),
        _ => None,
    }
}

/// Why something does not apply; none for other decisions.
pub(crate) fn excused(decided: &Decided<'_>) -> Option<Reason> {
    match decided.decision {
        Decision::NotApplicable { reason, .. } => Some(Reason::NotApplicable { reason: reason.clone() }),
        _ => None,
    }
}

fn in_force<'a>(versions: &[Decided<'a>], at: Timestamp) -> Option<Decided<'a>> {
    versions.iter().rev().find(|decided| decided.counts(at)).copied()
}

/// The types of decisions: an id names one thing within its type.
const TYPES: [usize; 6] = [0, 1, 2, 3, 4, 5];

const fn type_of(decision: &Decision) -> usize {
    match decision {
        Decision::Waiver { .. } => 0,
        Decision::Attestation { .. } => 1,
        Decision::Provider { .. } => 2,
        Decision::Gap { .. } => 3,
        Decision::NotApplicable { .. } => 4,
        Decision::Ignore { .. } => 5,
    }
}

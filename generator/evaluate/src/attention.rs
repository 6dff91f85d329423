//! What wants attention, gravest first.

use avouch_model::{
    assessment::{Attention, ControlFinding, RetentionFinding, WaiverFinding},
    decision::Decision,
    payload::Scope,
    state::State,
};

use crate::{checks::ById, record::Record};

/// How long a missed slot is mentioned.
const MISSED_SECONDS: i64 = 30 * 86_400;

/// Everything that wants attention.
pub(crate) fn of(
    record: &Record<'_>,
    scope: &Scope,
    checks: &ById<'_>,
    controls: &[ControlFinding],
    retention: &[RetentionFinding],
    waivers: &[WaiverFinding],
) -> Vec<Attention> {
    let torn = record.torn_versions().into_keys().map(|version| Attention::TwoCommits { version: version.to_owned() });
    let controls = controls.iter().filter(|finding| wants(finding.state)).map(|finding| {
        let decisive = scope.catalogue.checks_of(&finding.control).into_iter();
        let since =
            decisive.filter_map(|id| checks.get(id)).filter(|check| check.state == finding.state).filter_map(|check| check.since);
        Attention::Control { control: finding.control.clone(), state: finding.state, since: since.min() }
    });
    let retention = retention
        .iter()
        .filter(|finding| wants(finding.state))
        .map(|finding| Attention::Retention { rule: finding.promise.rule.clone(), state: finding.state });
    let missed_from = record.as_of.plus_seconds(-MISSED_SECONDS);
    let missed = record.missed.iter().filter(|(_, missed)| missed.to > missed_from).map(|(recorded, missed)| Attention::Missed {
        job: missed.job.clone(),
        from: missed.from,
        slots: missed.slots,
        digest: recorded.entry.digest,
    });
    let waivers = waivers.iter().filter(|finding| finding.in_force).filter_map(|finding| match &finding.decision {
        Decision::Waiver { id, expires, .. } => {
            Some(Attention::Waiver { id: id.clone(), until: expires.end(), used: finding.used })
        }
        _ => None,
    });
    let mut all: Vec<_> = torn.chain(controls).chain(retention).chain(late(record, scope)).chain(missed).chain(waivers).collect();
    all.sort_by_key(gravity);
    all
}

/// What is not configured is counted, not called out: a new product would show nothing else.
const fn wants(state: State) -> bool {
    matches!(state, State::Fail | State::Error | State::NoData | State::Stale)
}

/// The next run was due one gap after the last, or after the schedule was first known.
fn late(record: &Record<'_>, scope: &Scope) -> Option<Attention> {
    let gap = i64::try_from(scope.run_gap_seconds?).ok()?;
    let known = record.scope.map(|(recorded, _)| recorded.entry.at);
    let due = record.last_run().map(|run| run.at).or(known)?.plus_seconds(gap);
    (record.as_of > due).then_some(Attention::Late { due })
}

const fn gravity(attention: &Attention) -> u8 {
    match attention {
        Attention::TwoCommits { .. } => 0,
        Attention::Control { state, .. } | Attention::Retention { state, .. } => match state {
            State::Fail => 1,
            State::Error => 2,
            State::NoData => 4,
            _ => 5,
        },
        Attention::Late { .. } => 3,
        Attention::Missed { .. } => 6,
        Attention::Waiver { used: false, .. } => 7,
        Attention::Waiver { used: true, .. } => 8,
    }
}

//! What a gate that blocks only what got worse is held against: how each check stood in the runs of one release.

use std::collections::{BTreeSet, HashMap};

use avouch_model::{
    assessment::Reference,
    payload::Scope,
    release::Release,
    state::{Outcome, State},
};

use crate::{
    answer::{Circumstances, weigh},
    checks::{answer, same_questions, worst_of_each},
    decided::Decisions,
    record::Record,
};

/// The fewest digits of a commit that name it, as git abbreviates.
const COMMIT_DIGITS_MIN: usize = 7;

/// How the checks stood.
pub(crate) struct Measure<'a> {
    pub(crate) reference: Reference,
    /// How each check that asks now what it asked then stood best, waivers of that time included.
    pub(crate) states: HashMap<&'a str, State>,
}

/// The measure that the scope asks for; none when it asks for none. `judged` is the place of the run that is held against it.
///
/// Of several runs of the release each check's best answer counts: what broke between them does not become the measure.
pub(crate) fn of<'a>(record: &Record<'a>, scope: &Scope, judged: Option<u64>) -> Option<Measure<'a>> {
    let name = scope.gate_terms.no_worse_than.clone()?;
    let decisions = Decisions::of(record, record.as_of);
    let same = same_questions(record, scope);
    let mut measure = Measure { reference: Reference { name, run: None }, states: HashMap::new() };
    let mut commits = BTreeSet::new();
    for answered in record.runs.iter().filter(|answered| Some(answered.recorded.index) != judged) {
        let Some(run) = answered.run else { continue };
        let Some(release) = run.release.as_ref().filter(|release| is_named(release, &measure.reference.name)) else { continue };
        let (Some(then), Some(same)) = (record.scopes.get(&run.scope), same.get(&run.scope)) else { continue };
        commits.insert(release.commit.as_str());
        measure.reference.run = Some(answered.reference());
        let circumstances = Circumstances { now: answered.at, release: run.release.as_ref(), torn: false };
        for observation in worst_of_each(&run.observations).filter(|observation| same.contains(observation.check.as_str())) {
            let Some(check) = then.get(observation.check.as_str()) else { continue };
            let excused = observation.outcome == Outcome::Fail && decisions.waiver(&check.id, answered.at).is_some();
            let (weighed, _) = weigh(check, &answer(answered, observation), &circumstances);
            let state = if excused && weighed == State::Fail { State::Waived } else { weighed };
            let best = measure.states.entry(check.id.as_str()).or_insert(state);
            *best = state.max(*best);
        }
    }
    // Whoever names two releases at once names neither.
    if commits.len() > 1 {
        measure.reference.run = None;
        measure.states.clear();
    }
    Some(measure)
}

/// Whether a release is meant: by its version, its tag, or its commit, which may be abbreviated.
fn is_named(release: &Release, name: &str) -> bool {
    let abbreviated = name.len() >= COMMIT_DIGITS_MIN && release.commit.starts_with(&name.to_ascii_lowercase());
    let by_version = release.is_released() && release.version == name;
    by_version || release.tag.as_deref() == Some(name) || abbreviated
}

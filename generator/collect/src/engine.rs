//! Asks every check of the world and gathers the answers.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use avouch_model::{
    Json, canonical,
    catalogue::Asked,
    json::Object,
    observation::{Detail, Observation, Population, PositiveControl},
    release::Binding,
    state::Outcome,
};

use crate::{Judgement, Kind, Patience, Unasked, Vantage, World, kinds, redact};

/// The most bytes that a transcript may have in a [`Detail`]; what is longer is cut and says so.
pub const TRANSCRIPT_BYTES_MAX: usize = 64 * 1024;

/// How many checks wait for the windows of limits at the same time.
const WAITING_MAX: usize = 16;

/// How many quick checks ask targets at the same time. Each mostly waits for answers; how many requests are under way is bounded
/// for each target by itself.
const ASKING_MAX: usize = 48;

/// What a run of the checks brought.
#[derive(Clone, Debug, Default)]
pub struct Collected {
    /// The answers, in the order they were asked for.
    pub observations: Vec<Observation>,
    /// What is sealed of them: one for each check that did not pass, in the same order.
    pub details: Vec<Detail>,
}

/// One answer more, for whoever shows how far the run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// How many checks have answered.
    pub answered: usize,
    /// How many are asked.
    pub asked: usize,
    /// The check that answered.
    pub check: &'a str,
    /// Its answer.
    pub outcome: Outcome,
}

/// Asks every check. A check that panics or cannot be put is an error of its own; the others go on.
///
/// Checks of a kind that is not built are not asked and have no observation: they stand as `not_configured`.
pub fn collect(world: &World<'_>, asked: &[Asked]) -> Collected {
    collect_and_tell(world, asked, &|_| {})
}

/// Like [`collect`], telling of every answer as it comes. The order of telling is the order of answering: quick checks, those
/// of a target together and beside them, one after another, those that look at the product itself; then those of data and
/// people, so that they find the same whatever was asked of a target at the same time; then those that wait, together; then
/// those that measure time, each alone.
pub fn collect_and_tell(world: &World<'_>, asked: &[Asked], tell: &(dyn Fn(Progress<'_>) + Sync)) -> Collected {
    let known: Vec<(&'static Kind, &Asked)> =
        asked.iter().filter_map(|asked| Some((kinds::find(&asked.check.kind)?, asked))).collect();
    gather(world, &known, tell)
}

fn gather(world: &World<'_>, known: &[(&'static Kind, &Asked)], tell: &(dyn Fn(Progress<'_>) + Sync)) -> Collected {
    let answered = AtomicUsize::new(0);
    let ask_and_tell = |(kind, asked): (&Kind, &Asked)| {
        let answer = ask(world, kind, asked);
        tell(Progress {
            answered: answered.fetch_add(1, Ordering::Relaxed) + 1,
            asked: known.len(),
            check: &asked.check.id,
            outcome: answer.0.outcome,
        });
        answer
    };
    let of = |patience: Patience| known.iter().copied().enumerate().filter(move |(_, (kind, _))| kind.patience == patience);
    let quick = |is_there: fn(Vantage) -> bool| of(Patience::Quick).filter(move |(_, (kind, _))| is_there(kind.vantage));

    let mut answers: Vec<(usize, Answer)> = Vec::with_capacity(known.len());
    let targets: Vec<_> = quick(|vantage| matches!(vantage, Vantage::Target(_))).chain(of(Patience::Counts)).collect();
    let next = AtomicUsize::new(0);
    let ask_targets = || {
        let mut answers = Vec::new();
        while let Some((place, each)) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            answers.push((*place, ask_and_tell(*each)));
        }
        answers
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..targets.len().min(ASKING_MAX)).map(|_| scope.spawn(ask_targets)).collect();
        let here = quick(|vantage| matches!(vantage, Vantage::Repository | Vantage::Report));
        answers.extend(here.map(|(place, each)| (place, ask_and_tell(each))));
        for thread in threads {
            // A check that panics is an answer of its own; what panics here is not a check.
            answers.extend(thread.join().unwrap_or_else(|cause| resume_unwind(cause)));
        }
    });
    answers.extend(quick(|vantage| vantage == Vantage::Time).map(|(place, each)| (place, ask_and_tell(each))));
    let waiting: Vec<_> = of(Patience::Waits).collect();
    for together in waiting.chunks(WAITING_MAX) {
        thread::scope(|scope| {
            let threads: Vec<_> =
                together.iter().map(|&(place, each)| (place, each, scope.spawn(move || ask_and_tell(each)))).collect();
            for (place, (_, asked), thread) in threads {
                let answer = thread.join().unwrap_or_else(|cause| panicked(asked, &*cause));
                answers.push((place, answer));
            }
        });
    }
    answers.extend(of(Patience::Quiet).map(|(place, each)| (place, ask_and_tell(each))));

    answers.sort_by_key(|(place, _)| *place);
    let mut collected = Collected::default();
    for (_, (observation, detail)) in answers {
        collected.observations.push(observation);
        collected.details.extend(detail);
    }
    collected
}

type Answer = (Observation, Option<Detail>);

/// Puts one check to the world.
fn ask(world: &World<'_>, kind: &Kind, asked: &Asked) -> Answer {
    let parameters = Json::Object(asked.parameters.clone());
    let answer = catch_unwind(AssertUnwindSafe(|| {
        let seen = (kind.gather)(world, &parameters).map_err(|unasked| (Json::Null, unasked))?;
        match (kind.judge)(&seen, &parameters) {
            Ok(judgement) => Ok((seen, judgement)),
            Err(unasked) => Err((seen, unasked)),
        }
    }));
    let (mut seen, mut judgement) = match answer {
        Ok(Ok((seen, judgement))) => (seen, sound(judgement)),
        Ok(Err((seen, Unasked(why)))) => (seen, error(why)),
        Err(cause) => return panicked(asked, &*cause),
    };
    redact::transcript(world, &mut seen);
    redact::judgement(world, &mut judgement);
    let binding = bind(world, kind.vantage, &asked.parameters, judgement.commit.as_deref());
    observe(asked, judgement, binding, seen)
}

/// The last gate, whatever a judge says: no pass with a broken positive control or without its population.
fn sound(mut judgement: Judgement) -> Judgement {
    judgement.population.required = judgement.population.required.max(1);
    if judgement.outcome == Outcome::Pass {
        if judgement.positive_control == PositiveControl::Broken {
            judgement.outcome = Outcome::Error;
        } else if judgement.population.examined < judgement.population.required {
            judgement.outcome = Outcome::NotExercised;
        }
    }
    judgement
}

fn observe(asked: &Asked, judgement: Judgement, binding: Binding, seen: Json) -> Answer {
    let passed = judgement.outcome == Outcome::Pass;
    let detail =
        (!passed).then(|| Detail { check: asked.check.id.clone(), findings: judgement.findings, transcript: capped(seen) });
    let observation = Observation {
        check: asked.check.id.clone(),
        outcome: judgement.outcome,
        population: judgement.population,
        positive_control: judgement.positive_control,
        tested: asked.tested.clone(),
        binding,
        seen: passed.then_some(judgement.seen).filter(|seen| !seen.is_empty()),
    };
    (observation, detail)
}

/// What ties an observation to a release, by where its kind looks.
fn bind(world: &World<'_>, vantage: Vantage, parameters: &Object, named: Option<&str>) -> Binding {
    let commit = match vantage {
        Vantage::Time => return Binding::Time,
        Vantage::Repository => world.release.map(|release| release.commit.clone()),
        Vantage::Report => named.map(str::to_owned),
        Vantage::Target(_) => target_commit(world, parameters),
    };
    commit.map_or(Binding::Unproven, |commit| Binding::Commit { commit })
}

/// The commit that the target named by the parameter `target` names itself, in this run.
fn target_commit(world: &World<'_>, parameters: &Object) -> Option<String> {
    let target = parameters.get("target")?.as_text()?;
    // A target that names none, or whose answer cannot be read, is some release's, and nobody knows which.
    world.probers.get(target)?.release().ok().flatten()
}

fn error(why: String) -> Judgement {
    Judgement {
        outcome: Outcome::Error,
        population: Population { examined: 0, required: 1 },
        positive_control: PositiveControl::NotNeeded,
        seen: String::new(),
        findings: vec![why],
        commit: None,
    }
}

fn panicked(asked: &Asked, cause: &(dyn Any + Send)) -> Answer {
    let why = cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    let judgement = error(format!("the check `{}` panicked: {why}; this is a defect of avouch", asked.check.id));
    observe(asked, judgement, Binding::Unproven, Json::Null)
}

/// A transcript of bounded size: what is longer is kept as the beginning of its canonical text, and says so.
fn capped(seen: Json) -> Json {
    let Ok(bytes) = canonical::to_bytes(&seen) else {
        return Json::from("the transcript has no canonical form");
    };
    if bytes.len() <= TRANSCRIPT_BYTES_MAX {
        return seen;
    }
    // The text is escaped again where it is recorded, which at worst doubles the quotes and backslashes in it.
    let mut beginning = String::from_utf8_lossy(&bytes).into_owned();
    let mut end = TRANSCRIPT_BYTES_MAX / 2;
    while !beginning.is_char_boundary(end) {
        end -= 1;
    }
    beginning.truncate(end);
    Json::Object(Object::from([
        ("truncated".to_owned(), Json::Bool(true)),
        ("bytes".to_owned(), Json::Integer(i64::try_from(bytes.len()).unwrap_or(i64::MAX))),
        ("beginning".to_owned(), Json::Text(beginning)),
    ]))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Mutex};

    use avouch_model::{
        Span,
        catalogue::{Bound, Check, Localised, Severity, When},
        release::Release,
    };

    use super::*;
    use crate::{kind::Example, kind::Question, testing::Scene};

    /// Answers what its parameters tell it to.
    macro_rules! obedient {
        ($name:ident, $id:literal, $vantage:expr, $patience:expr) => {
            struct $name;
            impl Question for $name {
                const ID: &'static str = $id;
                const QUESTION: &'static str = "Does it do as it is told?";
                const VANTAGE: Vantage = $vantage;
                const PATIENCE: Patience = $patience;
                const EXPLANATION: &'static str = "";
                const EXAMPLES: &'static [Example] = &[];
                type Asked = Json;
                type Seen = Json;
                fn gather(_: &World<'_>, asked: &Json) -> Result<Json, Unasked> {
                    match asked.get("do").and_then(Json::as_text) {
                        Some("panic") => panic!("as it was told"),
                        Some("refuse") => Err(Unasked("nothing answers".into())),
                        _ => Ok(asked.clone()),
                    }
                }
                fn judge(seen: &Json, _: &Json) -> Judgement {
                    let examined = seen.get("examined").and_then(Json::as_integer).unwrap_or(1);
                    let findings = seen.get("finding").and_then(Json::as_text).map(str::to_owned);
                    Judgement {
                        outcome: if findings.is_some() { Outcome::Fail } else { Outcome::Pass },
                        population: Population { examined: u64::try_from(examined).unwrap(), required: 0 },
                        positive_control: PositiveControl::NotNeeded,
                        seen: "It did.".into(),
                        findings: findings.into_iter().collect(),
                        commit: seen.get("commit").and_then(Json::as_text).map(str::to_owned),
                    }
                }
            }
        };
    }
    obedient!(Quick, "test.quick", Vantage::Repository, Patience::Quick);
    obedient!(Waits, "test.waits", Vantage::Report, Patience::Waits);
    obedient!(Quiet, "test.quiet", Vantage::Time, Patience::Quiet);
    static QUICK: Kind = Kind::of::<Quick>();
    static WAITS: Kind = Kind::of::<Waits>();
    static QUIET: Kind = Kind::of::<Quiet>();

    fn check(id: &str, kind: &str, parameters: &str) -> Asked {
        Asked {
            check: Check {
                id: id.into(),
                kind: kind.into(),
                question: Localised::default(),
                subject: String::new(),
                when: When::Build,
                bound: Bound::Release,
                max_age: Span::Seconds(60),
                severity: Severity::Low,
                needs: vec![],
                parameters: Object::new(),
                numbers: BTreeSet::new(),
            },
            parameters: serde_json::from_str(parameters).unwrap(),
            tested: Object::from([("limit".into(), Json::Integer(60))]),
        }
    }

    fn run(asked: &[(&'static Kind, Asked)]) -> Collected {
        let release = Release { version: "1.0.0".into(), commit: "c0".into(), tag: Some("v1.0.0".into()) };
        let scene = Scene { release: Some(release), ..Scene::default() };
        let known: Vec<_> = asked.iter().map(|(kind, asked)| (*kind, asked)).collect();
        scene.with(|world| gather(world, &known, &|_| {}))
    }

    #[test]
    fn a_panic_is_an_error_of_its_own_and_the_others_go_on() {
        let collected = run(&[
            (&QUICK, check("a", "test.quick", r#"{"do":"panic"}"#)),
            (&WAITS, check("b", "test.waits", r#"{"do":"panic"}"#)),
            (&QUICK, check("c", "test.quick", "{}")),
        ]);
        let outcomes: Vec<_> = collected.observations.iter().map(|one| one.outcome).collect();
        assert_eq!(outcomes, [Outcome::Error, Outcome::Error, Outcome::Pass]);
        assert!(collected.details[0].findings[0].contains("as it was told"));
        assert_eq!(collected.details.len(), 2);
    }

    #[test]
    fn answers_come_in_the_order_asked_whatever_the_order_of_asking() {
        let asked = [
            (&QUIET, check("a", "test.quiet", "{}")),
            (&WAITS, check("b", "test.waits", "{}")),
            (&QUICK, check("c", "test.quick", "{}")),
        ];
        let collected = run(&asked.clone().map(|(kind, asked)| (kind as &'static Kind, asked)));
        let ids: Vec<_> = collected.observations.iter().map(|one| one.check.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);

        let told = Mutex::new(vec![]);
        let known: Vec<(&'static Kind, &Asked)> = asked.iter().map(|(kind, asked)| (*kind as _, asked)).collect();
        Scene::default().with(|world| {
            gather(world, &known, &|progress| {
                told.lock().unwrap().push((progress.answered, progress.check.to_owned()));
            })
        });
        let order: Vec<_> = told.into_inner().unwrap();
        assert_eq!(order, [(1, "c".to_owned()), (2, "b".to_owned()), (3, "a".to_owned())]);
    }

    #[test]
    fn where_a_kind_looks_decides_what_binds_it() {
        let collected = run(&[
            (&QUICK, check("a", "test.quick", "{}")),
            (&WAITS, check("b", "test.waits", r#"{"commit":"c9"}"#)),
            (&WAITS, check("c", "test.waits", "{}")),
            (&QUIET, check("d", "test.quiet", "{}")),
        ]);
        let bindings: Vec<_> = collected.observations.into_iter().map(|one| one.binding).collect();
        assert_eq!(
            bindings,
            [Binding::Commit { commit: "c0".into() }, Binding::Commit { commit: "c9".into() }, Binding::Unproven, Binding::Time]
        );
    }

    #[test]
    fn a_pass_of_nothing_is_not_a_pass() {
        let collected = run(&[(&QUICK, check("a", "test.quick", r#"{"examined":0}"#))]);
        assert_eq!(collected.observations[0].outcome, Outcome::NotExercised);
        assert_eq!(collected.observations[0].population.required, 1);
    }

    #[test]
    fn what_was_seen_is_public_with_a_pass_only_and_details_are_kept_of_the_rest() {
        let collected = run(&[
            (&QUICK, check("a", "test.quick", "{}")),
            (&QUICK, check("b", "test.quick", r#"{"finding":"a hole"}"#)),
            (&QUICK, check("c", "test.quick", r#"{"do":"refuse"}"#)),
        ]);
        let seen: Vec<_> = collected.observations.iter().map(|one| one.seen.is_some()).collect();
        assert_eq!(seen, [true, false, false]);
        let details: Vec<_> = collected.details.iter().map(|one| one.check.as_str()).collect();
        assert_eq!(details, ["b", "c"]);
        assert_eq!(collected.observations[0].tested.len(), 1);
    }

    #[test]
    fn a_kind_that_is_not_built_is_not_asked() {
        let collected = Scene::default().with(|world| collect(world, &[check("a", "test.unknown", "{}")]));
        assert!(collected.observations.is_empty());
    }

    #[test]
    fn a_long_transcript_is_cut_and_says_so() {
        let long = format!(r#"{{"finding":"x","text":"{}"}}"#, "é".repeat(TRANSCRIPT_BYTES_MAX));
        let collected = run(&[(&QUICK, check("a", "test.quick", &long))]);
        let transcript = &collected.details[0].transcript;
        assert_eq!(transcript.get("truncated"), Some(&Json::Bool(true)));
        assert!(canonical::to_bytes(transcript).unwrap().len() <= TRANSCRIPT_BYTES_MAX);
    }
}

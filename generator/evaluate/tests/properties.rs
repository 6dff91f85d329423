//! What holds of every record, whatever is in it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use avouch_evaluate::{CheckPeriod, assess};
use avouch_model::{
    Timestamp,
    assessment::Assessment,
    canonical,
    catalogue::{Catalogue, Check, Claim, PROVIDER_INHERITED, Strength},
    entry::EntryKind,
    observation::{Observation, Population, PositiveControl},
    payload::{Payload, Recorded, Run, Scope},
    release::{Binding, Release},
    state::{Outcome, Standing, State, Verdict},
};
use common::*;
use proptest::prelude::*;

const CHECKS: [&str; 5] = ["bound", "guard", "later", "number", "provider"];

fn sample() -> Scope {
    let mut numbered = check("number");
    numbered.numbers.insert("limit".into());
    numbered.parameters.insert("limit".into(), number(5));
    let provider = Check { kind: PROVIDER_INHERITED.into(), ..check("provider") };
    let mut scope = scope(Catalogue {
        standards: vec![standard(&["R1", "R2"])],
        controls: vec![control("c", &["R1"]), control("d", &["R1", "R2"])],
        claims: vec![
            claim("c1", "c", Strength::Must, &["bound", "number"]),
            claim("c2", "c", Strength::Permits, &["guard"]),
            claim("d1", "d", Strength::States, &["number"]),
            claim("d2", "d", Strength::Planned, &["later"]),
            claim("d3", "d", Strength::Must, &["provider", "guard"]),
            Claim { any_of: vec!["bound".into(), "number".into()], ..claim("d4", "d", Strength::Must, &[]) },
        ],
        checks: vec![bound("bound"), check("guard"), check("later"), numbered, provider],
        ..Catalogue::default()
    });
    scope.retention = vec![promise()];
    scope.run_gap_seconds = Some(86_400);
    scope
}

fn gated() -> Scope {
    let mut scope = sample();
    scope.gate_terms.no_worse_than = Some("1.0".into());
    scope
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Pass),
        1 => Just(Outcome::Fail),
        1 => Just(Outcome::Error),
        1 => Just(Outcome::NotExercised),
    ]
}

fn observation() -> impl Strategy<Value = Observation> {
    let binding = prop_oneof![
        3 => Just(Binding::Commit { commit: "aa".into() }),
        1 => Just(Binding::Commit { commit: "bb".into() }),
        1 => Just(Binding::Unproven),
        1 => Just(Binding::Time),
    ];
    (0..CHECKS.len(), outcome(), binding, 0_u64..3, 4_i64..6).prop_map(|(check, outcome, binding, examined, limit)| Observation {
        binding,
        population: Population { examined, required: 1 },
        positive_control: PositiveControl::Held,
        tested: [("limit".to_owned(), number(limit))].into(),
        ..observed(CHECKS[check], outcome)
    })
}

fn any_release() -> impl Strategy<Value = Option<Release>> {
    prop_oneof![
        4 => Just(Some(release("1.0", "aa"))),
        1 => Just(Some(release("1.1", "bb"))),
        1 => Just(Some(unreleased("aa"))),
        1 => Just(None),
    ]
}

/// One step of a record, some hours after the one before.
#[derive(Clone, Debug)]
enum Step {
    Run(Option<Release>, i64, Vec<Observation>),
    Waive(usize),
    NotApplicable(usize),
    Missed(u64),
    Receipt(bool),
    Withdraw,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any_release(), -30_i64..2, prop::collection::vec(observation(), 0..6)).prop_map(|(release, skew, seen)| Step::Run(release, skew, seen)),
        1 => (0..CHECKS.len()).prop_map(Step::Waive),
        1 => (0..8_usize).prop_map(Step::NotApplicable),
        1 => (1..5_u64).prop_map(Step::Missed),
        1 => any::<bool>().prop_map(Step::Receipt),
        1 => Just(Step::Withdraw),
    ]
}

fn log() -> impl Strategy<Value = Log> {
    log_of(sample())
}

fn log_of(scope: Scope) -> impl Strategy<Value = Log> {
    prop::collection::vec((0_i64..40, step()), 0..14).prop_map(move |steps| {
        let mut hours = 0;
        steps.into_iter().fold(Log::with(scope.clone()), |log, (pause, step)| {
            hours += pause;
            let now = noon(1, hours);
            match step {
                Step::Run(release, skew, seen) => log.run_ended(now, now.plus_seconds(skew * 3_600), release, seen),
                Step::Waive(check) => {
                    log.decide(now, waiver(&format!("W-{check}"), CHECKS[check], &now.plus_seconds(100_000).day().to_string()))
                }
                Step::NotApplicable(what) => {
                    let id = ["bound", "guard", "later", "number", "provider", "c", "d", "R1"][what];
                    log.decide(now, not_applicable(id, &now.day().to_string()))
                }
                Step::Missed(slots) => log.missed(now, now.plus_seconds(-7_200), now, slots),
                Step::Receipt(holds) => log.receipt(now, receipt(now, Some(9), holds)),
                Step::Withdraw if log.recorded.len() > 1 => log.withdrawn(),
                Step::Withdraw => log,
            }
        })
    })
}

/// What a run that was recorded at this time said of a check, by the rules as they are written: a pass counts when it is about enough,
/// of the release that was current, with the claim's number, and not from the future.
fn said(run: &Run, recorded: Timestamp, check: &str) -> Option<Outcome> {
    let worst = [Outcome::Fail, Outcome::Error, Outcome::NotExercised, Outcome::Pass]
        .into_iter()
        .find_map(|outcome| run.observations.iter().find(|seen| seen.check == check && seen.outcome == outcome));
    let seen = worst?;
    let current = run.release.as_ref().filter(|release| release.is_released());
    let is_bound = current.is_some_and(|release| seen.binding == Binding::Commit { commit: release.commit.clone() });
    let counts = seen.population.examined > 0
        && (check != "bound" || is_bound)
        && (check != "number" || seen.tested.get("limit") == Some(&number(5)));
    Some(match seen.outcome {
        _ if run.ended > recorded.plus_seconds(300) => Outcome::Error,
        Outcome::Pass if !counts => Outcome::NotExercised,
        outcome => outcome,
    })
}

/// Whether a waiver of the check counted at a time: the last one recorded until then, through its last day.
fn is_waived(log: &Log, check: &str, at: Timestamp) -> bool {
    let subject = CHECKS.iter().position(|id| *id == check).map(|place| format!("W-{place}")).unwrap();
    let is_meant = |recorded: &&Recorded| {
        recorded.entry.kind == EntryKind::Decision && recorded.entry.subject == subject && recorded.entry.at <= at
    };
    let last = log.recorded.iter().filter(is_meant).max_by_key(|recorded| recorded.index);
    matches!(last.map(|recorded| &recorded.payload), Some(Payload::Decision(decision)) if at <= decision.last_day().end())
}

/// How a check stood best in the runs of 1.0 but the one that is judged: 2 where nothing was wrong, 1 where nobody could tell, 0 where it
/// failed; and none where it was not asked. With it, whether there was such a run at all.
fn stood_best(log: &Log, until: Timestamp, judged: Option<u64>, check: &str) -> (Option<u8>, bool) {
    let (mut best, mut ran) = (None, false);
    for recorded in log.recorded.iter().filter(|recorded| recorded.entry.at <= until && Some(recorded.index) != judged) {
        let Payload::Run(run) = &recorded.payload else { continue };
        if run.release.as_ref().is_none_or(|release| release.version != "1.0") {
            continue;
        }
        ran = true;
        let stood = said(run, recorded.entry.at, check).map(|outcome| match outcome {
            Outcome::Pass => 2,
            Outcome::Fail if is_waived(log, check, run.ended.min(recorded.entry.at)) => 2,
            Outcome::Fail => 0,
            Outcome::Error | Outcome::NotExercised => 1,
        });
        best = best.max(stood);
    }
    (best, ran)
}

/// When a check was answered, what was said, and when that was overtaken.
fn answers(log: &Log, check: &str) -> Vec<(Timestamp, Outcome, Option<Timestamp>)> {
    let mut answers = Vec::new();
    for recorded in &log.recorded {
        let Payload::Run(run) = &recorded.payload else { continue };
        let Some(outcome) = said(run, recorded.entry.at, check) else { continue };
        let at = run.ended.min(recorded.entry.at);
        answers.push((at, outcome, overtaken(log, (at, recorded.index), run.release.as_ref(), check == "bound")));
    }
    answers.sort_by_key(|(at, ..)| *at);
    answers
}

/// When a later run was withdrawn, or was of another release than an answer that is bound to its own.
fn overtaken(log: &Log, order: (Timestamp, u64), release: Option<&Release>, is_bound: bool) -> Option<Timestamp> {
    let later = log.recorded.iter().filter_map(|recorded| match &recorded.payload {
        Payload::Run(run) => {
            let other = release.zip(run.release.as_ref()).is_some_and(|(then, now)| then.commit != now.commit);
            Some((run.ended.min(recorded.entry.at), recorded.index)).filter(|_| is_bound && other)
        }
        Payload::Absent if recorded.entry.kind == EntryKind::Run => Some((recorded.entry.at, recorded.index)),
        _ => None,
    });
    later.filter(|later| *later > order).map(|(at, _)| at).min()
}

/// A period of a check, counted hour by hour: everything in these records happens on the hour.
fn walked(log: &Log, check: &str, from: Timestamp, to: Timestamp) -> CheckPeriod {
    let answers = answers(log, check);
    // What the first scope holds counts from the beginning: that nobody looked before the record began is a gap.
    let start = from;
    let within: Vec<_> = answers.iter().filter(|(at, ..)| (from..=to).contains(at)).collect();
    let count = |wanted: Outcome| within.iter().filter(|(_, outcome, _)| *outcome == wanted).count() as u64;
    let (mut covered_seconds, mut gap_seconds_max, mut silent, mut now) = (0, 0, 0, start);
    while now < to {
        let next = now.plus_seconds(3_600);
        let stands = answers.iter().rev().find(|(at, ..)| *at <= now);
        if stands.is_some_and(|(at, outcome, over)| {
            *outcome == Outcome::Pass && next <= at.plus_seconds(2 * 86_400) && over.is_none_or(|over| now < over)
        }) {
            covered_seconds += 3_600;
        }
        silent = if within.iter().any(|(at, ..)| *at == now) { 3_600 } else { silent + 3_600 };
        gap_seconds_max = gap_seconds_max.max(silent);
        now = next;
    }
    let expected = u64::try_from(to.seconds_since(start)).unwrap() / 86_400;
    let slots = log.recorded.iter().filter_map(|recorded| match &recorded.payload {
        Payload::Missed(missed) => Some(missed),
        _ => None,
    });
    let slots = slots.flat_map(|missed| {
        let between = i64::try_from(missed.slots).unwrap().max(2) - 1;
        (0..i64::try_from(missed.slots).unwrap()).map(move |slot| missed.from.plus_seconds(7_200 * slot / between))
    });
    let told = slots.filter(|slot| (start..=to).contains(slot)).count() as u64;
    CheckPeriod {
        check: check.to_owned(),
        from: start,
        expected: Some(expected),
        ran: within.len() as u64,
        passed: count(Outcome::Pass),
        failed: count(Outcome::Fail),
        covered_seconds,
        missed: told.max(expected.saturating_sub(within.len() as u64)).max(unseen(&answers, from, to)),
        gap_seconds_max,
    }
}

/// The slots of a day that passed without an answer in this period, counted one by one: a slot is a day after the answer before it,
/// and was seen when the next answer is less than half a day late. At the ends of the period a slot is over when time is left.
fn unseen(answers: &[(Timestamp, Outcome, Option<Timestamp>)], from: Timestamp, to: Timestamp) -> u64 {
    const DAY: i64 = 86_400;
    let slots = |begin: Timestamp, end: Timestamp, late: i64| {
        let (mut slots, mut slot) = (0, begin.plus_seconds(DAY));
        while slot.plus_seconds(late) <= end {
            slots += 1;
            slot = slot.plus_seconds(DAY);
        }
        slots
    };
    let (mut unseen, mut before) = (0, None);
    for (at, ..) in answers.iter().filter(|(at, ..)| *at <= to) {
        unseen += match before {
            _ if *at < from => 0,
            None => slots(from, *at, 1),
            Some(before) => slots(before, *at, DAY / 2).min(if before < from { slots(from, *at, 1) } else { u64::MAX }),
        };
        before = Some(*at);
    }
    unseen + slots(before.map_or(from, |before: Timestamp| before.max(from)), to, 1)
}

/// How well a verdict speaks of the product.
fn goodness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NotSatisfied => 0,
        Verdict::CouldNotTell => 1,
        Verdict::Satisfied => 2,
    }
}

/// How well a standing speaks of the product. Declaring that something does not apply is no better than satisfying it.
fn credit(standing: Standing) -> u8 {
    match standing {
        Standing::NotSatisfied => 0,
        Standing::Gap => 1,
        Standing::Undetermined => 2,
        Standing::NotApplicable | Standing::Satisfied => 3,
    }
}

fn bytes(assessment: &Assessment) -> Vec<u8> {
    canonical::to_bytes(assessment).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_failing_answer_never_improves_anything(log in log(), later in 0_i64..60, check in 0..CHECKS.len(), wait in 0_i64..49) {
        // Within its age of two days: later it is forgotten, as everything older is.
        let end = log.recorded.iter().map(|recorded| recorded.entry.at).max().unwrap();
        let now = end.plus_seconds(later * 3_600);
        let as_of = now.plus_seconds(wait * 3_600);
        let before = log.assess(as_of);
        // One more run of the release that is current, in which one check fails.
        let failed = Observation {
            binding: Binding::Commit { commit: before.release.as_ref().map_or("aa", |release| &release.commit).to_owned() },
            ..observed(CHECKS[check], Outcome::Fail)
        };
        let after = log.clone().run(now, before.release.clone(), vec![failed]).assess(as_of);
        for (before, after) in before.checks.iter().zip(&after.checks) {
            // A waiver for the failure of this check was signed before; then it stands as waived.
            if after.state != State::Waived {
                prop_assert!(after.state <= before.state, "{}: {:?} → {:?}", after.check, before.state, after.state);
            }
        }
        let waived = after.checks.iter().any(|finding| finding.state == State::Waived);
        if !waived {
            for (before, after) in before.controls.iter().zip(&after.controls) {
                prop_assert!(after.state <= before.state, "{}: {:?} → {:?}", after.control, before.state, after.state);
            }
            for (before, after) in before.requirements.iter().zip(&after.requirements) {
                prop_assert!(credit(after.standing) <= credit(before.standing), "{:?} → {:?}", before, after);
            }
            prop_assert!(goodness(after.gate.verdict) <= goodness(before.gate.verdict));
        }
    }

    #[test]
    fn what_is_recorded_later_changes_nothing(log in log(), cut in 0_i64..400) {
        let as_of = noon(1, cut);
        let known: Vec<_> = log.recorded.iter().filter(|recorded| recorded.entry.at <= as_of).cloned().collect();
        prop_assert_eq!(bytes(&assess(&log.recorded, as_of)), bytes(&assess(&known, as_of)));
    }

    #[test]
    fn the_order_in_which_entries_are_given_does_not_matter(log in log(), seed in any::<u64>(), hours in 0_i64..400) {
        let mut shuffled = log.recorded.clone();
        shuffled.sort_by_key(|recorded| recorded.index.wrapping_add(1).wrapping_mul(seed | 1).rotate_left(17));
        let as_of = noon(1, hours);
        prop_assert_eq!(bytes(&assess(&log.recorded, as_of)), bytes(&assess(&shuffled, as_of)));
        prop_assert_eq!(
            avouch_evaluate::period(&log.recorded, noon(1, 0), as_of),
            avouch_evaluate::period(&shuffled, noon(1, 0), as_of)
        );
    }

    #[test]
    fn a_period_is_what_a_walk_through_its_hours_finds(log in log(), from in -20_i64..300, hours in 0_i64..300) {
        let (from, to) = (noon(1, from), noon(1, from + hours));
        let period = avouch_evaluate::period(&log.recorded, from, to);
        let known: Vec<&str> = if to < noon(1, 0) { Vec::new() } else { CHECKS.to_vec() };
        prop_assert_eq!(period.checks.iter().map(|told| told.check.as_str()).collect::<Vec<_>>(), known);
        for told in &period.checks {
            prop_assert_eq!(told, &walked(&log, &told.check, from, to));
        }
    }

    #[test]
    fn a_gate_that_is_held_against_a_release_blocks_what_a_slow_comparison_finds_worse(log in log_of(gated()), hours in 0_i64..300) {
        let now = noon(1, hours);
        let assessment = log.assess(now);
        let gate = &assessment.gate;
        let judged = assessment.last_run.as_ref().map(|run| run.index);
        let (mut failed, mut undecided, mut tolerated, mut ran) = (Vec::new(), Vec::new(), Vec::new(), false);
        // `later` serves a planned claim alone.
        for finding in assessment.checks.iter().filter(|finding| finding.check != "later") {
            let (best, measured) = stood_best(&log, now, judged, &finding.check);
            ran = measured;
            let fails = finding.state == State::Fail;
            let untold = matches!(finding.state, State::Error | State::NoData | State::Stale | State::NotConfigured);
            if gate.settled.contains(&finding.check) || !(fails || untold) {
                continue;
            }
            let list = match best {
                None => &mut undecided,
                Some(0) => &mut tolerated,
                Some(1) if untold => &mut tolerated,
                Some(1) => &mut undecided,
                Some(_) if fails => &mut failed,
                Some(_) => &mut undecided,
            };
            list.push(finding.check.clone());
        }
        let verdict = if !failed.is_empty() {
            Verdict::NotSatisfied
        } else if !undecided.is_empty() || !ran {
            Verdict::CouldNotTell
        } else {
            Verdict::Satisfied
        };
        prop_assert_eq!((&gate.failed, &gate.undecided, &gate.tolerated, gate.verdict), (&failed, &undecided, &tolerated, verdict));
    }

    #[test]
    fn every_pass_is_backed_by_a_pass_that_counts(log in log(), hours in 0_i64..400) {
        let assessment = log.assess(noon(1, hours));
        for finding in assessment.checks.iter().filter(|finding| finding.state == State::Pass) {
            let run = finding.last.as_ref().unwrap();
            let age = assessment.as_of.seconds_since(run.at);
            prop_assert!((0..=2 * 86_400).contains(&age));
            let avouch_model::payload::Payload::Run(payload) = &log.recorded[usize::try_from(run.index).unwrap()].payload else {
                return Err(TestCaseError::fail("the last answer is not a run"));
            };
            let mut answers = payload.observations.iter().filter(|seen| seen.check == finding.check);
            prop_assert!(answers.all(|seen| seen.outcome == Outcome::Pass));
            prop_assert!(finding.population.unwrap().examined >= 1);
        }
        let satisfied = assessment.requirements.iter().filter(|finding| finding.standing == Standing::Satisfied);
        for requirement in satisfied {
            for control in &requirement.controls {
                let control = assessment.controls.iter().find(|finding| finding.control == *control).unwrap();
                prop_assert!(matches!(control.state, State::Pass | State::NotApplicable));
            }
            prop_assert!(requirement.passed > 0);
        }
        if assessment.gate.verdict == Verdict::Satisfied {
            prop_assert!(assessment.gate.required > 0 && assessment.gate.failed.is_empty() && assessment.gate.undecided.is_empty());
        }
    }
}

#[test]
fn ten_thousand_entries_are_judged_in_one_pass() {
    let checks: Vec<_> = (0..50).map(|index| check(&format!("check-{index}"))).collect();
    let answers: Vec<_> = checks.iter().map(|check| observed(&check.id, Outcome::Pass)).collect();
    let mut log = Log::with(simple(checks));
    for hour in 0..10_000 {
        log = log.run(noon(1, 0).plus_seconds(hour * 600), None, answers.clone());
    }
    let assessment = log.assess(noon(71, 0));
    assert_eq!((assessment.entries, assessment.gate.verdict), (10_001, Verdict::Satisfied));
    assert!(assessment.checks.iter().all(|finding| finding.history.len() == 10_000));
    assert!(assessment.checks.iter().all(|finding| finding.since == Some(noon(1, 0))));
}

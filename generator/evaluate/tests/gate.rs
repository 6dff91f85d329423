//! Alternatives, the baseline, and a gate that blocks only what got worse.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use avouch_model::{
    assessment::Assessment,
    catalogue::{Baseline, Catalogue, Claim, Strength},
    observation::Observation,
    payload::Scope,
    state::{Outcome, Standing, State, Verdict},
};
use common::*;

use Outcome::{Error, Fail, NotExercised, Pass};

/// One claim that `near` or `far` decides.
fn alternatives() -> Scope {
    scope(Catalogue {
        standards: vec![standard(&["R1"])],
        controls: vec![control("c", &["R1"])],
        claims: vec![Claim { any_of: vec!["near".into(), "far".into()], ..claim("c1", "c", Strength::Must, &[]) }],
        checks: vec![check("near"), check("far")],
        ..Catalogue::default()
    })
}

fn answers(pairs: &[(&str, Option<Outcome>)]) -> Vec<Observation> {
    pairs.iter().filter_map(|(id, outcome)| Some(observed(id, (*outcome)?))).collect()
}

#[test]
fn one_alternative_that_passes_is_enough_and_one_that_fails_is_too() {
    for (near, far, expected, decided, verdict) in [
        (Some(Pass), Some(Pass), State::Pass, "near", Verdict::Satisfied),
        (Some(Error), Some(Pass), State::Pass, "far", Verdict::Satisfied),
        (Some(NotExercised), Some(Pass), State::Pass, "far", Verdict::Satisfied),
        (None, Some(Pass), State::Pass, "far", Verdict::Satisfied),
        (Some(Pass), Some(Fail), State::Fail, "far", Verdict::NotSatisfied),
        (Some(Fail), Some(Pass), State::Fail, "near", Verdict::NotSatisfied),
        (Some(Error), Some(Fail), State::Fail, "far", Verdict::NotSatisfied),
        (Some(Error), Some(NotExercised), State::Error, "near", Verdict::CouldNotTell),
        (None, Some(Error), State::Error, "far", Verdict::CouldNotTell),
        (None, None, State::NoData, "near", Verdict::CouldNotTell),
    ] {
        let log = Log::with(alternatives()).run(noon(2, 0), None, answers(&[("near", near), ("far", far)]));
        let assessment = log.assess(noon(2, 0));
        let claim = &assessment.claims[0];
        assert_eq!((claim.state, claim.alternative.as_deref()), (expected, Some(decided)), "{near:?} {far:?}");
        assert_eq!((assessment.controls[0].state, assessment.gate.verdict), (expected, verdict), "{near:?} {far:?}");
        assert_eq!(assessment.requirements[0].standing == Standing::Satisfied, expected == State::Pass);
        let settled = expected == State::Pass && !(near == Some(Pass) && far == Some(Pass));
        assert_eq!(assessment.gate.settled, if settled { vec!["near".to_owned()] } else { Vec::new() });
    }
}

#[test]
fn an_alternative_that_is_not_configured_counts_only_when_none_is() {
    let unfilled = |ids: &[&str]| {
        let mut scope = alternatives();
        scope.unfilled = ids.iter().map(|id| ((*id).to_owned(), vec!["key".to_owned()])).collect();
        scope
    };
    for (ids, far, expected) in
        [(&["near"][..], Pass, State::Pass), (&["near"], Error, State::Error), (&["near", "far"], Pass, State::NotConfigured)]
    {
        let log = Log::with(unfilled(ids)).run(noon(2, 0), None, answers(&[("far", Some(far))]));
        assert_eq!(log.assess(noon(2, 0)).claims[0].state, expected);
    }
}

#[test]
fn a_waived_failure_is_not_mended_by_another_alternative() {
    let log = Log::with(alternatives())
        .run(noon(2, 0), None, answers(&[("near", Some(Fail)), ("far", Some(Pass))]))
        .decide(noon(2, 1), waiver("W-1", "near", "2026-12-31"));
    let assessment = log.assess(noon(2, 2));
    assert_eq!((assessment.claims[0].state, assessment.gate.verdict), (State::Waived, Verdict::Satisfied));
    assert_ne!(assessment.requirements[0].standing, Standing::Satisfied);
}

#[test]
fn what_another_claim_needs_is_not_settled_by_an_alternative() {
    let mut scope = alternatives();
    scope.catalogue.claims.push(claim("c2", "c", Strength::Must, &["near"]));
    let log = Log::with(scope).run(noon(2, 0), None, answers(&[("near", Some(Error)), ("far", Some(Pass))]));
    let assessment = log.assess(noon(2, 0));
    assert_eq!((assessment.claims[0].state, assessment.claims[1].state), (State::Pass, State::Error));
    assert_eq!((assessment.gate.verdict, assessment.gate.undecided), (Verdict::CouldNotTell, vec!["near".to_owned()]));
}

/// A claim decided by `a`, and a baseline of `b`.
fn with_baseline(blocks: bool) -> Scope {
    let mut scope = simple(vec![check("a")]);
    scope.catalogue.checks.push(check("baseline.b"));
    scope.catalogue.baseline = vec![Baseline {
        id: "b".into(),
        title: text("It is so."),
        requirements: vec![],
        checks: vec!["a".into(), "baseline.b".into()],
    }];
    scope.gate_terms.baseline = blocks;
    scope
}

#[test]
fn the_baseline_satisfies_nothing_and_blocks_only_when_it_is_told_to() {
    for (a, b, baseline, plain, blocking) in [
        (Some(Pass), Some(Pass), State::Pass, Verdict::Satisfied, Verdict::Satisfied),
        (Some(Pass), Some(Fail), State::Fail, Verdict::Satisfied, Verdict::NotSatisfied),
        (Some(Pass), Some(NotExercised), State::NoData, Verdict::Satisfied, Verdict::CouldNotTell),
        (Some(Pass), None, State::NoData, Verdict::Satisfied, Verdict::CouldNotTell),
        (None, Some(Pass), State::NoData, Verdict::CouldNotTell, Verdict::CouldNotTell),
        (Some(Fail), Some(Pass), State::Fail, Verdict::NotSatisfied, Verdict::NotSatisfied),
    ] {
        for (blocks, verdict) in [(false, plain), (true, blocking)] {
            let log = Log::with(with_baseline(blocks)).run(noon(2, 0), None, answers(&[("a", a), ("baseline.b", b)]));
            let assessment = log.assess(noon(2, 0));
            assert_eq!((assessment.baseline[0].state, assessment.gate.verdict), (baseline, verdict), "{a:?} {b:?} {blocks}");
            assert_eq!(assessment.gate.required, if blocks { 2 } else { 1 });
            assert_eq!(assessment.controls[0].state == State::Pass, a == Some(Pass));
            assert_eq!(assessment.requirements[0].standing == Standing::Satisfied, a == Some(Pass));
            // Never asked of what is claimed: the baseline is not counted as untested.
            assert_eq!(assessment.gate.untested, u64::from(a.is_none()));
        }
    }
}

#[test]
fn a_baseline_alone_is_nothing_that_a_gate_could_require() {
    let mut scope = with_baseline(false);
    scope.catalogue.claims.clear();
    scope.catalogue.controls.clear();
    let assessment = Log::with(scope).run(noon(2, 0), None, answers(&[("baseline.b", Some(Pass))])).assess(noon(2, 0));
    assert_eq!((assessment.gate.verdict, assessment.gate.required), (Verdict::CouldNotTell, 0));
}

/// A gate that is held against the release 1.0, `checks` of which answered `then` there and `now` on 1.1.
fn since(reference: &str, then: Option<Outcome>, now: Option<Outcome>) -> Assessment {
    let mut scope = simple(vec![check("a"), check("steady")]);
    scope.gate_terms.no_worse_than = Some(reference.into());
    let run = |outcome: Option<Outcome>| answers(&[("a", outcome), ("steady", Some(Pass))]);
    let log = Log::with(scope).run(noon(2, 0), Some(release("1.0", "aaaaaaaaaa")), run(then));
    log.run(noon(3, 0), Some(release("1.1", "bbbbbbbbbb")), run(now)).assess(noon(3, 0))
}

#[test]
fn only_what_got_worse_blocks_and_what_nobody_knows_is_not_told() {
    for (then, now, verdict) in [
        (Some(Pass), Some(Pass), Verdict::Satisfied),
        (Some(Pass), Some(Fail), Verdict::NotSatisfied),
        (Some(Pass), Some(Error), Verdict::CouldNotTell),
        (Some(Fail), Some(Fail), Verdict::Satisfied),
        (Some(Fail), Some(Error), Verdict::Satisfied),
        (Some(Fail), Some(Pass), Verdict::Satisfied),
        (Some(Error), Some(Error), Verdict::Satisfied),
        (Some(Error), Some(Fail), Verdict::CouldNotTell),
        (None, Some(Pass), Verdict::Satisfied),
        (None, Some(Fail), Verdict::CouldNotTell),
        (None, Some(Error), Verdict::CouldNotTell),
    ] {
        let assessment = since("1.0", then, now);
        assert_eq!(assessment.gate.verdict, verdict, "{then:?} → {now:?}");
        assert_eq!(assessment.gate.reference.unwrap().run.unwrap().at, noon(2, 0));
        let tolerated = verdict == Verdict::Satisfied && now != Some(Pass);
        assert_eq!(assessment.gate.tolerated.len(), usize::from(tolerated));
        // What is let through satisfies nothing.
        assert_eq!(assessment.requirements[0].standing == Standing::Satisfied, now == Some(Pass));
    }
}

#[test]
fn a_reference_is_a_version_a_tag_or_a_commit_and_nothing_passes_without_one() {
    for (name, found) in [
        ("1.0", true),
        ("v1.0", true),
        ("aaaaaaa", true),
        ("AAAAAAAAAA", true),
        ("aaaaaa", false),
        ("1", false),
        ("2.0", false),
        // The release that is judged is not its own measure.
        ("1.1", false),
    ] {
        let assessment = since(name, Some(Pass), Some(Pass));
        let verdict = if found { Verdict::Satisfied } else { Verdict::CouldNotTell };
        assert_eq!((assessment.gate.reference.unwrap().run.is_some(), assessment.gate.verdict), (found, verdict), "{name}");
        let failed = since(name, Some(Pass), Some(Fail));
        assert_eq!(failed.gate.verdict, if found { Verdict::NotSatisfied } else { Verdict::CouldNotTell }, "{name}");
    }
}

#[test]
fn what_broke_at_the_reference_itself_does_not_become_the_measure() {
    let mut scope = simple(vec![check("a")]);
    scope.gate_terms.no_worse_than = Some("1.0".into());
    let of = |day: i64, outcome| (noon(day, 0), Some(release("1.0", "aaaaaaaaaa")), vec![observed("a", outcome)]);
    let mut log = Log::with(scope);
    for (at, release, seen) in [of(2, Pass), of(3, Fail), of(4, Fail)] {
        log = log.run(at, release, seen);
    }
    assert_eq!(log.assess(noon(4, 0)).gate.verdict, Verdict::NotSatisfied);
    // With one run there is nothing to hold it against.
    let alone = log.assess(noon(2, 0));
    assert_eq!((alone.gate.verdict, alone.gate.reference.unwrap().run), (Verdict::CouldNotTell, None));
}

#[test]
fn a_failure_that_was_waived_then_is_worse_when_the_waiver_is_over() {
    let mut scope = simple(vec![check("a")]);
    scope.gate_terms.no_worse_than = Some("1.0".into());
    let log = Log::with(scope)
        .decide(noon(1, 1), waiver("W-1", "a", "2026-11-03"))
        .run(noon(2, 0), Some(release("1.0", "aaaaaaaaaa")), vec![observed("a", Fail)])
        .run(noon(5, 0), Some(release("1.1", "bbbbbbbbbb")), vec![observed("a", Fail)]);
    assert_eq!(log.assess(noon(5, 0)).gate.verdict, Verdict::NotSatisfied);
}

#[test]
fn another_question_than_at_the_reference_has_no_measure_there() {
    let mut before = simple(vec![check("a")]);
    before.catalogue.checks[0].parameters.insert("limit".into(), number(5));
    let mut after = simple(vec![check("a")]);
    after.gate_terms.no_worse_than = Some("1.0".into());
    let log = Log::with(before)
        .run(noon(2, 0), Some(release("1.0", "aaaaaaaaaa")), vec![observed("a", Fail)])
        .scope(noon(3, 0), after)
        .run(noon(3, 1), Some(release("1.1", "bbbbbbbbbb")), vec![observed("a", Fail)]);
    let gate = log.assess(noon(3, 1)).gate;
    assert_eq!((gate.verdict, gate.undecided), (Verdict::CouldNotTell, vec!["a".to_owned()]));
}

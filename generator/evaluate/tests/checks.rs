//! How a check stands by what the record holds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use avouch_model::{
    assessment::Reason,
    catalogue::{Check, PROVIDER_INHERITED},
    observation::{Observation, Population, PositiveControl},
    release::{Binding, Release},
    state::{Outcome, State, Verdict},
};
use common::*;

fn reason(log: &Log, day: i64, id: &str) -> (State, Option<Reason>) {
    let assessment = log.assess(noon(day, 0));
    (state(&assessment, id), of(&assessment, id).reason.clone())
}

fn answered(check: Check, observation: Observation, release: Option<Release>) -> (State, Option<Reason>) {
    let id = check.id.clone();
    reason(&Log::with(simple(vec![check])).run(noon(2, 0), release, vec![observation]), 2, &id)
}

#[test]
fn absence_is_not_a_pass() {
    let empty = Log::default().assess(noon(2, 0));
    assert_eq!((empty.gate.verdict, empty.checks.len(), empty.scope), (Verdict::CouldNotTell, 0, None));

    let asked_nothing = Log::with(simple(vec![check("a")]));
    assert_eq!(reason(&asked_nothing, 2, "a"), (State::NoData, Some(Reason::NeverAsked)));

    let none_configured = Log::with(simple(vec![])).run(noon(2, 0), None, vec![]).assess(noon(2, 0));
    assert_eq!(none_configured.gate.verdict, Verdict::CouldNotTell);
    assert_eq!(none_configured.controls[0].state, State::NotConfigured);
}

#[test]
fn an_answer_is_worth_what_it_says() {
    let with = |change: fn(&mut Observation)| {
        let mut observation = observed("a", Outcome::Pass);
        change(&mut observation);
        observation
    };
    for (observation, expected) in [
        (with(|_| ()), (State::Pass, None)),
        (observed("a", Outcome::Fail), (State::Fail, None)),
        (observed("a", Outcome::Error), (State::Error, Some(Reason::CouldNotAsk))),
        (observed("a", Outcome::NotExercised), (State::NoData, Some(Reason::TooFew))),
        (with(|it| it.population = Population { examined: 0, required: 1 }), (State::NoData, Some(Reason::TooFew))),
        (with(|it| it.population = Population { examined: 5, required: 0 }), (State::NoData, Some(Reason::TooFew))),
        (with(|it| it.positive_control = PositiveControl::Broken), (State::Error, Some(Reason::CouldNotAsk))),
        (with(|it| it.positive_control = PositiveControl::NotNeeded), (State::Pass, None)),
    ] {
        assert_eq!(answered(check("a"), observation.clone(), None), expected, "{observation:?}");
    }
}

#[test]
fn an_answer_counts_through_its_last_second_and_no_longer() {
    let log = Log::with(simple(vec![check("a")])).run(noon(2, 0), None, vec![observed("a", Outcome::Pass)]);
    assert_eq!(state(&log.assess(noon(4, 0)), "a"), State::Pass);
    let late = log.assess(noon(4, 0).plus_seconds(1));
    assert_eq!(of(&late, "a").reason, Some(Reason::TooOld { since: noon(4, 0) }));
    assert_eq!((state(&late, "a"), of(&late, "a").since), (State::Stale, Some(noon(4, 0))));
    assert_eq!(of(&late, "a").seen, None);
}

#[test]
fn an_answer_dated_after_its_entry_is_an_error() {
    let log = |hours| {
        Log::with(simple(vec![check("a")])).run_ended(noon(2, 0), noon(2, hours), None, vec![observed("a", Outcome::Pass)])
    };
    // It does not become true by waiting until the date that it bears.
    for as_of in [noon(2, 0), noon(2, 6), noon(3, 0)] {
        let assessment = log(5).assess(as_of);
        assert_eq!(of(&assessment, "a").reason, Some(Reason::FromTheFuture));
        assert_eq!(state(&assessment, "a"), State::Error);
    }
    assert_eq!(state(&log(0).assess(noon(2, 0)), "a"), State::Pass);
}

#[test]
fn what_is_bound_to_a_release_needs_its_commit() {
    let pass = |binding| Observation { binding, ..observed("a", Outcome::Pass) };
    let commit = |commit: &str| Binding::Commit { commit: commit.into() };
    let (one, head) = (Some(release("1.0", "aa")), Some(unreleased("aa")));
    for (binding, release, expected) in [
        (commit("aa"), one.clone(), (State::Pass, None)),
        (commit("bb"), one.clone(), (State::Stale, Some(Reason::OtherRelease))),
        (Binding::Unproven, one.clone(), (State::NoData, Some(Reason::ReleaseUnproven))),
        (Binding::Time, one.clone(), (State::NoData, Some(Reason::ReleaseUnproven))),
        (commit("aa"), head, (State::NoData, Some(Reason::Unreleased))),
        (commit("aa"), None, (State::NoData, Some(Reason::Unreleased))),
    ] {
        assert_eq!(answered(bound("a"), pass(binding.clone()), release.clone()), expected, "{binding:?} {release:?}");
        // What is not bound does not mind, and a failure is a failure.
        assert_eq!(answered(check("a"), pass(binding.clone()), release.clone()).0, State::Pass);
        let failed = Observation { binding, ..observed("a", Outcome::Fail) };
        assert_eq!(answered(bound("a"), failed, release).0, State::Fail);
    }
}

#[test]
fn a_new_release_makes_the_old_evidence_stale() {
    let log = Log::with(simple(vec![bound("a"), bound("b"), check("t")]))
        .run(
            noon(2, 0),
            Some(release("1.0", "aa")),
            vec![about("a", Outcome::Pass, "aa"), about("b", Outcome::Fail, "aa"), observed("t", Outcome::Pass)],
        )
        .run(noon(3, 0), Some(release("1.1", "bb")), vec![]);
    let assessment = log.assess(noon(3, 0));
    assert_eq!(assessment.release, Some(release("1.1", "bb")));
    for id in ["a", "b"] {
        let finding = of(&assessment, id);
        assert_eq!((finding.state, finding.reason.clone()), (State::Stale, Some(Reason::OtherRelease)));
    }
    assert_eq!(state(&assessment, "t"), State::Pass);
    assert_eq!(of(&assessment, "t").last.as_ref().unwrap().at, noon(2, 0));
}

#[test]
fn without_a_run_the_newest_recorded_release_is_current() {
    let log = Log::with(simple(vec![])).released(noon(2, 0), release("1.0", "aa")).released(noon(3, 0), release("1.1", "bb"));
    assert_eq!(log.assess(noon(2, 1)).release, Some(release("1.0", "aa")));
    assert_eq!(log.assess(noon(3, 0)).release, Some(release("1.1", "bb")));
}

#[test]
fn one_version_with_two_commits_fails_what_is_bound_to_it() {
    let log = Log::with(simple(vec![bound("a"), check("t")])).released(noon(2, 0), release("1.0", "aa")).run(
        noon(3, 0),
        Some(release("1.0", "bb")),
        vec![about("a", Outcome::Pass, "bb"), observed("t", Outcome::Pass)],
    );
    let assessment = log.assess(noon(3, 0));
    assert_eq!((state(&assessment, "a"), state(&assessment, "t")), (State::Fail, State::Pass));
    assert_eq!(of(&assessment, "a").since, Some(noon(3, 0)));
    let attention = serde_json::to_string(&assessment.attention[0]).unwrap();
    assert_eq!(attention, r#"{"what":"two_commits","version":"1.0"}"#);
    // Commits without a tag are all called `unreleased`, and are not one version.
    let heads = Log::with(simple(vec![bound("a")])).run(noon(2, 0), Some(unreleased("aa")), vec![]).run(
        noon(3, 0),
        Some(unreleased("bb")),
        vec![about("a", Outcome::Pass, "bb")],
    );
    assert_eq!(reason(&heads, 3, "a"), (State::NoData, Some(Reason::Unreleased)));
    assert_eq!(heads.assess(noon(3, 0)).attention.len(), 1);
}

#[test]
fn another_number_than_the_claims_proves_nothing() {
    let mut claimed = check("a");
    claimed.numbers.insert("floor_ms".into());
    claimed.parameters.insert("floor_ms".into(), number(80));
    let tested = |outcome, value: Option<i64>| Observation {
        tested: value.map(|value| ("floor_ms".to_owned(), number(value))).into_iter().collect(),
        ..observed("a", outcome)
    };
    assert_eq!(answered(claimed.clone(), tested(Outcome::Pass, Some(80)), None), (State::Pass, None));
    for (value, shown) in [(Some(5), "5"), (None, "")] {
        let expected = Reason::OtherNumber { name: "floor_ms".into(), claimed: "80".into(), tested: shown.into() };
        assert_eq!(answered(claimed.clone(), tested(Outcome::Pass, value), None), (State::NoData, Some(expected)));
        assert_eq!(answered(claimed.clone(), tested(Outcome::Fail, value), None).0, State::Fail);
    }
    claimed.parameters.clear();
    assert_eq!(answered(claimed, tested(Outcome::Pass, None), None).0, State::NoData);
}

#[test]
fn a_slot_that_is_not_filled_names_its_key() {
    let mut scope = simple(vec![check("a"), check("b")]);
    scope.unfilled.insert("a".into(), vec!["targets.api".into()]);
    scope.unfilled.insert("b".into(), vec![]);
    let log = Log::with(scope).run(noon(2, 0), None, vec![observed("a", Outcome::Pass)]);
    let keys = vec!["targets.api".to_owned()];
    assert_eq!(reason(&log, 2, "a"), (State::NotConfigured, Some(Reason::Unfilled { keys })));
    // No key would help: the kind is not built.
    assert_eq!(reason(&log, 2, "b"), (State::NotConfigured, None));
}

#[test]
fn a_providers_promise_is_inherited_and_never_a_pass() {
    let mut inherited = check("a");
    inherited.kind = PROVIDER_INHERITED.into();
    let log = Log::with(simple(vec![inherited])).run(noon(2, 0), None, vec![observed("a", Outcome::Pass)]);
    let assessment = log.assess(noon(2, 0));
    assert_eq!((state(&assessment, "a"), assessment.controls[0].state), (State::Inherited, State::Inherited));
    assert_eq!(of(&assessment, "a").seen.as_deref(), Some("seven of seven"));
    assert_eq!(assessment.gate.verdict, Verdict::Satisfied);
    assert_ne!(assessment.requirements[0].standing, avouch_model::state::Standing::Satisfied);
}

#[test]
fn a_check_that_was_not_asked_again_keeps_its_last_answer() {
    let log = Log::with(simple(vec![check("a"), check("b")]))
        .run(noon(2, 0), None, vec![observed("a", Outcome::Pass), observed("b", Outcome::Fail)])
        .run(noon(3, 0), None, vec![observed("b", Outcome::Pass)]);
    let assessment = log.assess(noon(3, 0));
    assert_eq!((state(&assessment, "a"), state(&assessment, "b")), (State::Pass, State::Pass));
    assert_eq!(of(&assessment, "a").last.as_ref().unwrap().index, 1);
    assert_eq!(assessment.last_run.unwrap().index, 2);
}

#[test]
fn an_answer_that_is_recorded_late_does_not_supersede_a_newer_one() {
    let log = Log::with(simple(vec![check("a")])).run(noon(3, 0), None, vec![observed("a", Outcome::Fail)]).run_ended(
        noon(4, 0),
        noon(2, 0),
        None,
        vec![observed("a", Outcome::Pass)],
    );
    assert_eq!(state(&log.assess(noon(4, 0)), "a"), State::Fail);
}

#[test]
fn of_several_answers_in_one_run_the_worst_counts() {
    let both = vec![observed("a", Outcome::Fail), observed("a", Outcome::Pass)];
    let log = Log::with(simple(vec![check("a")])).run(noon(2, 0), None, both);
    assert_eq!(state(&log.assess(noon(2, 0)), "a"), State::Fail);
}

#[test]
fn withdrawing_a_run_brings_no_earlier_answer_back() {
    let log = Log::with(simple(vec![check("a")]))
        .run(noon(2, 0), None, vec![observed("a", Outcome::Pass)])
        .run(noon(3, 0), None, vec![observed("a", Outcome::Fail)])
        .withdrawn();
    assert_eq!(reason(&log, 3, "a"), (State::NoData, None));
    let again = log.run(noon(3, 1), None, vec![observed("a", Outcome::Pass)]);
    assert_eq!(state(&again.assess(noon(3, 1)), "a"), State::Pass);
}

#[test]
fn an_answer_to_another_question_is_no_answer() {
    let mut changed = check("a");
    changed.parameters.insert("path".into(), "/login".into());
    let log = Log::with(simple(vec![check("a")]))
        .run(noon(2, 0), None, vec![observed("a", Outcome::Pass)])
        .scope(noon(3, 0), simple(vec![changed]));
    assert_eq!(state(&log.assess(noon(2, 0)), "a"), State::Pass);
    assert_eq!(reason(&log, 3, "a"), (State::NoData, Some(Reason::NeverAsked)));
    // A scope that changes nothing of the question keeps the answer.
    let mut wider = simple(vec![check("a"), check("b")]);
    wider.program = "avouch 0.2.0".into();
    let same =
        Log::with(simple(vec![check("a")])).run(noon(2, 0), None, vec![observed("a", Outcome::Pass)]).scope(noon(3, 0), wider);
    assert_eq!(state(&same.assess(noon(3, 0)), "a"), State::Pass);
}

#[test]
fn a_scope_that_was_withdrawn_judges_nothing() {
    let log = Log::with(simple(vec![check("a")]))
        .run(noon(2, 0), None, vec![observed("a", Outcome::Pass)])
        .scope(noon(3, 0), simple(vec![]))
        .withdrawn();
    assert_eq!(log.assess(noon(2, 0)).gate.verdict, Verdict::Satisfied);
    assert_eq!((log.assess(noon(3, 0)).gate.verdict, log.assess(noon(3, 0)).scope), (Verdict::CouldNotTell, None));
}

#[test]
fn history_tells_what_each_run_answered_then_and_what_was_missed() {
    let log = Log::with(simple(vec![check("a")]))
        .run(at("2026-08-01T00:00:00Z"), None, vec![observed("a", Outcome::Fail)])
        .run(noon(2, 0), None, vec![observed("a", Outcome::Fail)])
        .decide(noon(3, 0), waiver("W-1", "a", "2026-11-04"))
        .run(noon(4, 0), None, vec![observed("a", Outcome::Fail)])
        .missed(noon(7, 1), noon(5, 0), noon(7, 0), 3)
        .run(noon(8, 0), None, vec![observed("a", Outcome::Pass)])
        .run(noon(9, 0), None, vec![observed("a", Outcome::Pass)]);
    let assessment = log.assess(noon(9, 0));
    let marks: Vec<_> = of(&assessment, "a").history.iter().map(|mark| (mark.at, mark.state)).collect();
    assert_eq!(
        marks,
        [
            (noon(2, 0), State::Fail),
            (noon(4, 0), State::Waived),
            (noon(5, 0), State::NoData),
            (noon(6, 0), State::NoData),
            (noon(7, 0), State::NoData),
            (noon(8, 0), State::Pass),
            (noon(9, 0), State::Pass),
        ]
    );
    assert_eq!(of(&assessment, "a").since, Some(noon(8, 0)));
}

//! How claims, controls, requirements, waivers, retention and the gate stand.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use avouch_model::{
    Span,
    assessment::{Attention, Reason, Trend},
    catalogue::{Bound, Catalogue, Strength},
    configuration::Gate,
    decision::Decision,
    observation::Observation,
    payload::Scope,
    receipt::{Ended, Receipt, Told},
    release::Binding,
    state::{Outcome, Standing, State, Verdict},
};
use common::*;

use Outcome::{Error, Fail, NotExercised, Pass};

/// Two controls for R1, none for R2: `c` with checks `a` and `b`, `d` with check `x`.
fn two_controls() -> Scope {
    scope(Catalogue {
        standards: vec![standard(&["R1", "R2"])],
        controls: vec![control("c", &["R1"]), control("d", &["R1"])],
        claims: vec![claim("c1", "c", Strength::Must, &["a", "b"]), claim("d1", "d", Strength::States, &["x"])],
        checks: vec![check("a"), check("b"), check("x")],
        ..Catalogue::default()
    })
}

fn answered(scope: Scope, answers: &[(&str, Outcome)]) -> Log {
    let observations = answers.iter().map(|(id, outcome)| observed(id, *outcome)).collect();
    Log::with(scope).run(noon(2, 0), None, observations)
}

#[test]
fn a_control_stands_as_its_worst_claim_and_a_requirement_needs_them_all() {
    for (answers, control, standing) in [
        ([Pass, Pass, Pass], State::Pass, Standing::Satisfied),
        ([Pass, Fail, Pass], State::Fail, Standing::NotSatisfied),
        ([Pass, Error, Pass], State::Error, Standing::Undetermined),
        ([NotExercised, Pass, Pass], State::NoData, Standing::Undetermined),
        ([Error, Fail, Pass], State::Fail, Standing::NotSatisfied),
        ([Pass, Pass, Fail], State::Pass, Standing::NotSatisfied),
        ([Pass, Pass, Error], State::Pass, Standing::Undetermined),
    ] {
        let [a, b, x] = answers;
        let assessment = answered(two_controls(), &[("a", a), ("b", b), ("x", x)]).assess(noon(2, 0));
        let requirement = &assessment.requirements[0];
        assert_eq!((assessment.controls[0].state, requirement.standing), (control, standing), "{answers:?}");
        assert_eq!((requirement.controls.len(), requirement.claims), (2, 2));
        assert_eq!(assessment.requirements[1].standing, Standing::Gap);
    }
}

#[test]
fn claims_about_another_requirement_satisfy_none() {
    let mut scope = two_controls();
    scope.catalogue.controls[1] = control("d", &["R1", "R2"]);
    scope.catalogue.claims[1].requirements = vec!["R1".to_owned()];
    let standings = |scope: Scope| {
        let assessment = answered(scope, &[("a", Pass), ("b", Pass), ("x", Pass)]).assess(noon(2, 0));
        assessment.requirements.iter().map(|finding| (finding.standing, finding.claims)).collect::<Vec<_>>()
    };
    assert_eq!(standings(scope.clone()), [(Standing::Satisfied, 2), (Standing::Undetermined, 0)]);
    scope.catalogue.claims[1].requirements.push("R2".to_owned());
    assert_eq!(standings(scope), [(Standing::Satisfied, 2), (Standing::Satisfied, 1)]);
}

#[test]
fn a_claim_without_checks_is_not_configured() {
    let mut scope = two_controls();
    scope.catalogue.claims.push(claim("c2", "c", Strength::Must, &[]));
    let assessment = answered(scope, &[("a", Pass), ("b", Pass), ("x", Pass)]).assess(noon(2, 0));
    assert_eq!(assessment.claims[2].state, State::NotConfigured);
    let control = &assessment.controls[0];
    assert_eq!((control.state, control.passed, control.claims), (State::NotConfigured, 1, 2));
    assert_eq!(assessment.requirements[0].standing, Standing::Undetermined);
}

#[test]
fn what_is_planned_never_passes_and_may_fail() {
    let planned = || {
        let mut scope = two_controls();
        scope.catalogue.claims[1].strength = Strength::Planned;
        scope
    };
    for (x, expected, standing) in [
        (Pass, State::Planned, Standing::Undetermined),
        (Error, State::Planned, Standing::Undetermined),
        (Fail, State::Fail, Standing::NotSatisfied),
    ] {
        let assessment = answered(planned(), &[("a", Pass), ("b", Pass), ("x", x)]).assess(noon(2, 0));
        assert_eq!((assessment.claims[1].state, state(&assessment, "x")), (expected, expected));
        assert_eq!((assessment.controls[1].state, assessment.requirements[0].standing), (expected, standing));
        // The gate asks for what is promised now.
        assert_eq!((assessment.gate.verdict, assessment.gate.required), (Verdict::Satisfied, 2));
    }
}

#[test]
fn what_is_permitted_counts_only_when_it_is_flagged() {
    let guarded = || {
        let mut scope = two_controls();
        scope.catalogue.claims[1].strength = Strength::Permits;
        scope
    };
    let of = |x| answered(guarded(), &[("a", Pass), ("b", Pass), ("x", x)]).assess(noon(2, 0)).controls[1].clone();
    assert_eq!((of(Pass).state, of(Pass).claims), (State::NotConfigured, 0));
    assert_eq!(of(Fail).state, State::Fail);
}

#[test]
fn a_waiver_excuses_a_failure_and_nothing_else_and_satisfies_nothing() {
    let log = answered(two_controls(), &[("a", Fail), ("b", Error), ("x", Pass)])
        .decide(noon(2, 1), waiver("W-1", "a", "2026-11-03"))
        .decide(noon(2, 1), waiver("W-2", "b", "2026-11-03"))
        .decide(noon(2, 1), waiver("W-3", "unknown", "2026-11-03"));
    let before = log.assess(noon(2, 0));
    assert_eq!((state(&before, "a"), before.waivers.len()), (State::Fail, 0));

    let during = log.assess(at("2026-11-03T23:59:59Z"));
    assert_eq!((state(&during, "a"), state(&during, "b")), (State::Waived, State::Error));
    let until = at("2026-11-03T23:59:59Z");
    assert_eq!(of(&during, "a").reason, Some(Reason::Waived { waiver: "W-1".into(), until }));
    assert_eq!(of(&during, "a").since, Some(noon(2, 1)));
    let used: Vec<_> = during.waivers.iter().map(|waiver| (waiver.in_force, waiver.used)).collect();
    assert_eq!(used, [(true, true), (true, false), (true, false)]);

    let after = log.assess(at("2026-11-04T00:00:00Z"));
    assert_eq!((state(&after, "a"), of(&after, "a").since), (State::Fail, Some(noon(2, 0))));
    assert!(after.waivers.iter().all(|waiver| !waiver.in_force && !waiver.used));

    let excused = answered(two_controls(), &[("a", Fail), ("b", Pass), ("x", Pass)])
        .decide(noon(2, 1), waiver("W-1", "a", "2026-11-03"))
        .assess(noon(2, 1));
    assert_eq!((excused.controls[0].state, excused.gate.verdict), (State::Waived, Verdict::Satisfied));
    assert_eq!(excused.requirements[0].standing, Standing::Undetermined);
}

#[test]
fn a_waiver_is_replaced_by_its_next_version() {
    let log = answered(two_controls(), &[("a", Fail)])
        .decide(noon(2, 1), waiver("W-1", "a", "2026-12-31"))
        .decide(noon(2, 5), waiver("W-1", "a", "2026-11-01"));
    assert_eq!(state(&log.assess(noon(2, 2)), "a"), State::Waived);
    let assessment = log.assess(noon(2, 5));
    assert_eq!((state(&assessment, "a"), assessment.waivers.len()), (State::Fail, 1));
    // Withdrawing the newer version does not bring the older one back.
    assert_eq!(state(&log.withdrawn().assess(noon(2, 5)), "a"), State::Fail);
}

#[test]
fn what_does_not_apply_is_left_out_until_its_review() {
    let log = answered(two_controls(), &[("a", Pass), ("b", Pass), ("x", Error)])
        .decide(noon(2, 1), not_applicable("d", "2026-11-03"))
        .decide(noon(2, 1), not_applicable("R2", "2026-11-03"));
    let assessment = log.assess(noon(2, 1));
    assert_eq!((assessment.controls[1].state, state(&assessment, "x")), (State::NotApplicable, State::NotApplicable));
    let standings: Vec<_> = assessment.requirements.iter().map(|finding| finding.standing).collect();
    assert_eq!(standings, [Standing::Satisfied, Standing::NotApplicable]);
    assert!(assessment.requirements[1].decision.is_some());
    assert_eq!(assessment.gate.verdict, Verdict::Satisfied);
    let after = log.assess(noon(4, 0));
    assert_eq!((after.requirements[0].standing, after.requirements[1].standing), (Standing::Undetermined, Standing::Gap));
}

#[test]
fn a_failure_is_not_argued_away_for_the_requirement() {
    let log = answered(two_controls(), &[("a", Fail)]).decide(noon(2, 0), not_applicable("R1", "2026-12-31"));
    assert_eq!(log.assess(noon(2, 0)).requirements[0].standing, Standing::NotSatisfied);
}

#[test]
fn controls_that_all_do_not_apply_satisfy_nothing() {
    let log = answered(two_controls(), &[])
        .decide(noon(2, 0), not_applicable("c", "2026-12-31"))
        .decide(noon(2, 0), not_applicable("d", "2026-12-31"));
    let assessment = log.assess(noon(2, 0));
    assert_eq!(assessment.requirements[0].standing, Standing::Undetermined);
}

#[test]
fn a_gap_on_record_is_shown_with_its_decision() {
    let gap = Decision::Gap {
        requirement: "R2".into(),
        reason: "next quarter".into(),
        owner: "engineering".into(),
        due: "2026-12-31".parse().unwrap(),
    };
    let assessment = answered(two_controls(), &[]).decide(noon(2, 0), gap.clone()).assess(noon(2, 0));
    assert_eq!((assessment.requirements[1].standing, &assessment.requirements[1].decision), (Standing::Gap, &Some(gap)));
}

#[test]
fn the_gate_requires_what_it_was_told_to() {
    let with = |gate: Gate, unfilled: &[&str]| {
        let mut scope = two_controls();
        scope.gate = gate;
        scope.unfilled = unfilled.iter().map(|&id| (id.to_owned(), vec!["key".to_owned()])).collect();
        scope
    };
    let only = |names: &[&str]| Gate::Only(names.iter().map(|&name| name.to_owned()).collect());
    let all_pass = [("a", Pass), ("b", Pass), ("x", Pass)];
    let a_fails = [("a", Fail), ("b", Error), ("x", Pass)];
    for (scope, answers, verdict, required) in [
        (with(Gate::Configured, &[]), &all_pass, Verdict::Satisfied, 3),
        (with(Gate::Configured, &["x"]), &all_pass, Verdict::Satisfied, 2),
        (with(Gate::All, &["x"]), &all_pass, Verdict::CouldNotTell, 3),
        (with(Gate::Configured, &["a", "b", "x"]), &all_pass, Verdict::CouldNotTell, 0),
        (with(Gate::Configured, &[]), &a_fails, Verdict::NotSatisfied, 3),
        (with(Gate::Configured, &["a"]), &a_fails, Verdict::CouldNotTell, 2),
        (with(only(&["d"]), &[]), &a_fails, Verdict::Satisfied, 1),
        (with(only(&["R1"]), &[]), &a_fails, Verdict::NotSatisfied, 3),
        (with(only(&["d", "R2"]), &[]), &a_fails, Verdict::CouldNotTell, 1),
        (with(only(&["d", "typo"]), &[]), &a_fails, Verdict::CouldNotTell, 1),
        (with(only(&[]), &[]), &all_pass, Verdict::CouldNotTell, 0),
    ] {
        let gate = scope.gate.clone();
        let found = answered(scope, answers).assess(noon(2, 0)).gate;
        assert_eq!((found.verdict, found.required), (verdict, required), "{gate:?} {found:?}");
    }
}

#[test]
fn the_untested_are_always_counted() {
    let mut scope = two_controls();
    scope.unfilled.insert("a".into(), vec!["key".into()]);
    let gate = answered(scope, &[("x", NotExercised)]).assess(noon(2, 0)).gate;
    assert_eq!((gate.untested, gate.undecided), (3, vec!["b".to_owned(), "x".to_owned()]));
}

#[test]
fn a_retention_promise_stands_by_its_last_receipt() {
    let with = |gap: Option<u64>| {
        let mut scope = two_controls();
        scope.retention = vec![promise()];
        scope.run_gap_seconds = gap;
        Log::with(scope)
    };
    let state = |log: &Log, day: i64| log.assess(noon(day, 0)).retention[0].state;
    assert_eq!(state(&with(None), 2), State::NoData);

    let held = with(None).receipt(noon(2, 0), receipt(noon(2, 0), Some(40), true));
    assert_eq!((state(&held, 2), state(&held, 4)), (State::Pass, State::Pass));
    assert_eq!(held.assess(noon(4, 0).plus_seconds(1)).retention[0].state, State::Stale);
    let weekly = with(Some(7 * 86_400)).receipt(noon(2, 0), receipt(noon(2, 0), None, true));
    assert_eq!((state(&weekly, 10), state(&weekly, 11)), (State::Pass, State::Stale));

    let broken = held.clone().receipt(noon(3, 0), receipt(noon(3, 0), Some(2), false));
    assert_eq!((state(&broken, 3), state(&broken, 20)), (State::Fail, State::Fail));
    let mut failed = receipt(noon(3, 0), None, false);
    failed.ended = Ended::Failed;
    assert_eq!(state(&held.clone().receipt(noon(3, 0), failed), 3), State::Error);
    assert_eq!(state(&held.clone().receipt(noon(3, 0), receipt(noon(9, 0), None, true)), 3), State::Error);
    assert_eq!(state(&broken.clone().withdrawn(), 3), State::NoData);

    let mut of_nothing = receipt(noon(3, 0), None, true);
    of_nothing.exercised = false;
    assert_eq!(state(&held.clone().receipt(noon(3, 0), of_nothing), 3), State::NoData);

    let mut other = receipt(noon(3, 0), None, true);
    other.promise.keep = Span::Months(24);
    assert_eq!(state(&held.clone().receipt(noon(3, 0), other), 3), State::NoData);

    let month = broken.receipt(noon(31, 0), receipt(noon(31, 0), None, true)).assess(noon(32, 0)).retention[0].clone();
    assert_eq!((month.deleted_30_days, month.lag_is_large), (2, false));
}

#[test]
fn overdue_rows_are_followed_over_the_last_receipts() {
    let mut scope = two_controls();
    scope.retention = vec![promise()];
    let told = |day, due: u64, overdue: Option<u64>| Receipt {
        due_after: (due != 3).then_some(due),
        overdue_after: overdue,
        oldest_after: Some(promise().keep.before(noon(day, 0)).plus_seconds(-12 * 86_400).day()),
        ..receipt(noon(day, 0), Some(9), overdue == Some(0))
    };
    let mut log = Log::with(scope);
    assert_eq!(log.assess(noon(1, 0)).retention[0].backlog_days, None, "it never ran");
    for (day, overdue) in (2..).zip([0, 0, 0, 0, 70]) {
        log = log.receipt(noon(day, 0), told(day, 90, Some(overdue)));
    }
    let found = log.assess(noon(6, 1)).retention[0].clone();
    assert_eq!(found.overdue, [0, 0, 0, 0, 70].map(Told::Counted));
    assert_eq!((found.trend, found.backlog_days, found.due_by), (Some(Trend::Rising), Some(12), Some(noon(7, 0))));
    // Fewer than five are not told apart, and fewer than seventy; none are due.
    let few = log.clone().receipt(noon(7, 0), Receipt { due_after: Some(0), ..told(7, 0, None) });
    let found = few.assess(noon(7, 1)).retention[0].clone();
    assert_eq!((found.overdue[4], found.trend, found.backlog_days), (Told::Few, Some(Trend::Falling), Some(0)));
    // A run that failed tells neither.
    let failed = Receipt { ended: Ended::Failed, ..told(7, 0, None) };
    let found = log.clone().receipt(noon(7, 0), failed).assess(noon(7, 1)).retention[0].clone();
    assert_eq!((found.overdue[4], found.trend, found.backlog_days), (Told::Unknown, None, None));
    // Tenants with longer periods have old rows that are not due.
    let mut tenants = told(7, 90, Some(0));
    tenants.promise.exceptions.tenants = true;
    assert_eq!(log.receipt(noon(7, 0), tenants).assess(noon(7, 1)).retention[0].backlog_days, None);
}

#[test]
fn a_missed_slot_is_a_doubt_until_the_next_receipt() {
    let mut scope = two_controls();
    scope.retention = vec![promise()];
    let log = Log::with(scope).receipt(noon(2, 0), receipt(noon(2, 0), Some(9), true));
    let missed = log.clone().missed(noon(3, 2), noon(3, 0), noon(3, 1), 2);
    let found = |log: &Log| {
        let found = &log.assess(noon(3, 3)).retention[0];
        (found.state, found.missed_slots)
    };
    assert_eq!(found(&log), (State::Pass, 0), "receipts are rolled up once a day");
    assert_eq!(found(&missed), (State::Stale, 2));
    assert_eq!(found(&missed.receipt(noon(3, 3), receipt(noon(3, 3), None, true))), (State::Pass, 0));
}

#[test]
fn a_large_lag_is_reported() {
    let mut scope = two_controls();
    scope.retention = vec![promise(), promise()];
    scope.retention[0].max_lag = Span::Seconds(30 * 86_400 / 4);
    scope.retention[1].max_lag = Span::Seconds(30 * 86_400 / 4 + 1);
    let found = Log::with(scope).assess(noon(2, 0)).retention;
    assert_eq!((found[0].lag_is_large, found[1].lag_is_large), (false, true));
}

#[test]
fn the_gravest_comes_first() {
    let mut scope = two_controls();
    scope.retention = vec![promise()];
    scope.run_gap_seconds = Some(86_400);
    let log = answered(scope, &[("a", Fail), ("b", Pass), ("x", Error)])
        .decide(noon(2, 1), waiver("W-1", "b", "2026-12-31"))
        .missed(noon(3, 4), noon(3, 0), noon(3, 2), 2)
        .receipt(noon(3, 5), receipt(noon(3, 5), None, false));
    let names: Vec<_> = log
        .assess(noon(3, 6))
        .attention
        .iter()
        .map(|attention| match attention {
            Attention::Control { control, state, since } => format!("{control} {} {}", state.name(), since.unwrap()),
            Attention::Retention { rule, state } => format!("{rule} {}", state.name()),
            Attention::Late { due } => format!("late {due}"),
            Attention::Missed { slots, .. } => format!("missed {slots}"),
            Attention::Waiver { id, used, .. } => format!("{id} {used}"),
            Attention::TwoCommits { version } => version.clone(),
        })
        .collect();
    assert_eq!(
        names,
        [
            "c fail 2026-11-02T12:00:00Z",
            "sessions fail",
            "d error 2026-11-02T12:00:00Z",
            "late 2026-11-03T12:00:00Z",
            "missed 2",
            "W-1 false",
        ]
    );
}

#[test]
fn a_control_that_was_removed_is_remembered() {
    let log = Log::with(two_controls()).scope(noon(3, 0), simple(vec![check("a")]));
    assert_eq!(avouch_evaluate::retired(&log.recorded, noon(2, 0)), []);
    let retired = avouch_evaluate::retired(&log.recorded, noon(3, 0));
    assert_eq!((retired.len(), retired[0].control.id.as_str(), retired[0].since), (1, "d", noon(3, 0)));
    let back = log.scope(noon(4, 0), two_controls());
    assert_eq!(avouch_evaluate::retired(&back.recorded, noon(4, 0)), []);
}

#[test]
fn a_period_tells_what_ran_and_what_did_not() {
    let mut scope = two_controls();
    scope.run_gap_seconds = Some(86_400);
    let mut wider = scope.clone();
    wider.catalogue.checks.push(check("y"));
    let log = Log::with(scope)
        .run(noon(2, 0), None, vec![observed("a", Pass), observed("b", Fail)])
        .run(noon(3, 0), None, vec![observed("a", Pass), observed("b", Pass)])
        .scope(noon(6, 0), wider)
        .run(noon(7, 0), None, vec![observed("a", Error), observed("y", Pass)])
        .missed(noon(7, 1), noon(4, 0), noon(6, 0), 3);
    let period = avouch_evaluate::period(&log.recorded, noon(2, 0), noon(8, 0));
    let row = |id: &str| {
        let check = period.checks.iter().find(|check| check.check == id).unwrap();
        let hours = check.gap_seconds_max / 3_600;
        (check.expected, check.ran, check.passed, check.failed, check.missed, hours)
    };
    assert_eq!(row("a"), (Some(6), 3, 2, 0, 3, 96));
    assert_eq!(row("b"), (Some(6), 2, 1, 1, 4, 120));
    assert_eq!(row("x"), (Some(6), 0, 0, 0, 6, 144));
    assert_eq!(row("y"), (Some(2), 1, 1, 0, 1, 24));
    assert_eq!(period.checks.len(), 4);
}

#[test]
fn the_time_before_the_record_began_is_a_gap() {
    let log = Log::with(two_controls()).run(noon(2, 0), None, vec![observed("a", Pass)]);
    let period = avouch_evaluate::period(&log.recorded, noon(1, -240), noon(2, 0));
    assert_eq!(period.recorded_from, Some(noon(1, 0)));
    let a = period.checks.iter().find(|check| check.check == "a").unwrap();
    assert_eq!((a.from, a.ran, a.covered_seconds, a.gap_seconds_max), (noon(1, -240), 1, 0, 264 * 3_600));
}

#[test]
fn many_runs_on_one_day_make_up_for_no_other_day() {
    let mut scope = two_controls();
    scope.run_gap_seconds = Some(86_400);
    let log = (0..10).fold(Log::with(scope), |log, hour| log.run(noon(2, hour), None, vec![observed("a", Pass)]));
    let period = avouch_evaluate::period(&log.recorded, noon(2, 0), noon(12, 0));
    let a = period.checks.iter().find(|check| check.check == "a").unwrap();
    assert_eq!((a.expected, a.ran, a.missed), (Some(10), 10, 9));
}

#[test]
fn a_period_without_a_pass_all_the_time_is_silent() {
    let (from, to) = (noon(2, 0), noon(3, 0));
    let of = |answers: &[(i64, Outcome)]| {
        let scope = Log::with(two_controls());
        let log = answers.iter().fold(scope, |log, (hour, outcome)| log.run(noon(2, *hour), None, vec![observed("a", *outcome)]));
        let period = avouch_evaluate::period(&log.recorded, from, to);
        period.checks.iter().find(|check| check.check == "a").unwrap().is_silent(to)
    };
    assert!(!of(&[(0, Pass), (12, Pass)]));
    assert!(of(&[(0, Error), (12, Error)]), "it ran, and could not tell");
    assert!(of(&[(0, NotExercised)]));
    assert!(of(&[(0, Pass), (12, Error)]) && of(&[(12, Pass)]), "half of the time");
}

#[test]
fn a_pass_covers_no_time_after_a_run_that_was_withdrawn_or_of_another_release() {
    let mut scope = two_controls();
    scope.catalogue.checks[0].bound = Bound::Release;
    let id = scope.catalogue.checks[0].id.clone();
    let passed = Observation { binding: Binding::Commit { commit: "aa".into() }, ..observed(&id, Pass) };
    let of = |log: Log| {
        let period = avouch_evaluate::period(&log.recorded, noon(2, 0), noon(3, 0));
        period.checks.iter().find(|check| check.check == id).unwrap().covered_seconds / 3_600
    };
    let log = || Log::with(scope.clone()).run(noon(2, 0), Some(release("1.0", "aa")), vec![passed.clone()]);
    assert_eq!(of(log()), 24);
    assert_eq!(of(log().run(noon(2, 6), Some(release("1.0", "aa")), vec![])), 24);
    assert_eq!(of(log().run(noon(2, 6), Some(release("1.1", "bb")), vec![])), 6);
    assert_eq!(of(log().run(noon(2, 6), None, vec![]).withdrawn()), 6);
}

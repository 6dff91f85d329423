//! A log that tests write entry by entry.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use avouch_model::{
    Digest, Json, Span, Timestamp,
    assessment::{Assessment, CheckFinding},
    canonical,
    catalogue::{
        Bound, Catalogue, Check, Claim, Control, Localised, Relation, Requirement, Satisfies, Severity, Standard, Strength, When,
    },
    configuration::Gate,
    decision::Decision,
    entry::{Entry, EntryKind, Visibility},
    json::Object,
    observation::{Observation, Population, PositiveControl},
    payload::{DisclosurePromise, Missed, Payload, ProductName, Recorded, ReleaseRecord, Run, Scope},
    receipt::{Ended, Enforcement, Exceptions, Fate, Promise, Receipt},
    release::{Binding, Release},
    state::{Outcome, State},
};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Noon of a day of November 2026, plus hours.
pub fn noon(day: i64, hours: i64) -> Timestamp {
    at("2026-11-01T12:00:00Z").plus_seconds((day - 1) * 86_400 + hours * 3_600)
}

pub fn text(en: &str) -> Localised {
    Localised { en: en.into(), fr: None }
}

pub fn check(id: &str) -> Check {
    Check {
        id: id.into(),
        kind: "test.kind".into(),
        question: text("Does it hold?"),
        subject: "the API".into(),
        when: When::Operate,
        bound: Bound::Time,
        max_age: Span::Seconds(2 * 86_400),
        severity: Severity::High,
        needs: Vec::new(),
        parameters: Object::new(),
        numbers: BTreeSet::new(),
    }
}

/// A check that is bound to the release.
pub fn bound(id: &str) -> Check {
    Check { bound: Bound::Release, ..check(id) }
}

pub fn claim(id: &str, control: &str, strength: Strength, checks: &[&str]) -> Claim {
    Claim {
        id: id.into(),
        control: control.into(),
        strength,
        statement: text("It holds."),
        requirements: Vec::new(),
        checks: checks.iter().map(|&check| check.to_owned()).collect(),
        any_of: Vec::new(),
        untested: None,
    }
}

pub fn control(id: &str, requirements: &[&str]) -> Control {
    Control {
        id: id.into(),
        title: text(id),
        statement: text(id),
        satisfies: requirements
            .iter()
            .map(|&requirement| Satisfies { requirement: requirement.into(), relation: Relation::SubsetOf })
            .collect(),
    }
}

pub fn standard(requirements: &[&str]) -> Standard {
    Standard {
        id: "standard".into(),
        title: "A standard".into(),
        version: "1".into(),
        url: "https://example.com".into(),
        notice: "none".into(),
        requirements: requirements
            .iter()
            .map(|&id| Requirement {
                id: id.into(),
                title: text(id),
                asks: text(id),
                cwes: Vec::new(),
                url: "https://example.com".into(),
            })
            .collect(),
    }
}

pub fn scope(catalogue: Catalogue) -> Scope {
    Scope {
        v: 1,
        program: "avouch 0.1.0".into(),
        configuration: Digest::of(b"configuration"),
        mapping: Digest::of(b"mapping"),
        product: ProductName { name: "Sample".into(), slug: "sample".into(), languages: vec!["en".into()] },
        catalogue,
        unfilled: BTreeMap::new(),
        retention: Vec::new(),
        gate: Gate::Configured,
        gate_terms: Default::default(),
        disclosure: DisclosurePromise::default(),
        run_gap_seconds: None,
    }
}

/// One control `c` for requirement `R1` with one claim a check.
pub fn simple(checks: Vec<Check>) -> Scope {
    scope(Catalogue {
        standards: vec![standard(&["R1", "R2"])],
        controls: vec![control("c", &["R1"])],
        claims: checks.iter().map(|check| claim(&format!("claim-{}", check.id), "c", Strength::Must, &[&check.id])).collect(),
        checks,
        ..Catalogue::default()
    })
}

pub fn observed(check: &str, outcome: Outcome) -> Observation {
    Observation {
        check: check.into(),
        outcome,
        population: Population { examined: 7, required: 1 },
        positive_control: PositiveControl::Held,
        tested: Object::new(),
        binding: Binding::Time,
        seen: (outcome == Outcome::Pass).then(|| "seven of seven".into()),
    }
}

/// An answer about a commit.
pub fn about(check: &str, outcome: Outcome, commit: &str) -> Observation {
    Observation { binding: Binding::Commit { commit: commit.into() }, ..observed(check, outcome) }
}

pub fn release(version: &str, commit: &str) -> Release {
    Release { version: version.into(), commit: commit.into(), tag: Some(format!("v{version}")) }
}

pub fn unreleased(commit: &str) -> Release {
    Release { version: Release::UNRELEASED.into(), commit: commit.into(), tag: None }
}

pub fn waiver(id: &str, check: &str, expires: &str) -> Decision {
    Decision::Waiver {
        id: id.into(),
        check: check.into(),
        reason: "a vendor is late".into(),
        owner: "engineering".into(),
        approver: "security".into(),
        expires: expires.parse().unwrap(),
    }
}

pub fn not_applicable(id: &str, review: &str) -> Decision {
    Decision::NotApplicable {
        id: id.into(),
        reason: "there is no such thing".into(),
        approver: "security".into(),
        review: review.parse().unwrap(),
    }
}

pub fn promise() -> Promise {
    Promise {
        rule: "sessions".into(),
        keep: Span::Seconds(30 * 86_400),
        max_lag: Span::Seconds(86_400),
        enforce: Enforcement::Avouch,
        fate: Fate::Deleted,
        exceptions: Exceptions::default(),
    }
}

pub fn receipt(to: Timestamp, deleted: Option<u64>, holds: bool) -> Receipt {
    Receipt {
        v: 1,
        promise: promise(),
        from: to,
        to,
        runs: 1,
        failures: 0,
        gap_seconds_max: 0,
        deleted,
        cutoff: promise().keep.before(to),
        due_after: Some(0),
        overdue_after: None,
        holds,
        exercised: true,
        oldest_after: None,
        newest_deleted: None,
        ended: Ended::Done,
        claim: None,
        children: None,
        held: None,
        undated: None,
        future: None,
        strays: None,
        erased: None,
        recovery_window: None,
    }
}

/// A log under construction.
#[derive(Clone, Default)]
pub struct Log {
    pub recorded: Vec<Recorded>,
    scope: Option<Digest>,
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.recorded.iter().map(|recorded| match &recorded.payload {
            Payload::Scope(_) => format!("{} scope", recorded.entry.at),
            payload => format!("{} {payload:?}", recorded.entry.at),
        });
        formatter.debug_list().entries(told).finish()
    }
}

impl Log {
    /// A log whose first entry is this scope, recorded at noon of the first.
    pub fn with(scope: Scope) -> Self {
        Self::default().scope(noon(1, 0), scope)
    }

    pub fn push(mut self, kind: EntryKind, at: Timestamp, subject: &str, digest: Digest, payload: Payload) -> Self {
        self.recorded.push(Recorded {
            index: self.recorded.len() as u64,
            entry: Entry {
                v: 1,
                kind,
                at,
                subject: subject.into(),
                visibility: Visibility::Public,
                media_type: Entry::JSON.into(),
                digest,
                size: 1,
            },
            payload,
        });
        self
    }

    pub fn scope(mut self, at: Timestamp, scope: Scope) -> Self {
        let digest = canonical::digest(&scope).unwrap();
        self.scope = Some(digest);
        self.push(EntryKind::Scope, at, "scope", digest, Payload::Scope(Box::new(scope)))
    }

    /// A run that ended and was recorded at the same time.
    pub fn run(self, at: Timestamp, release: Option<Release>, observations: Vec<Observation>) -> Self {
        self.run_ended(at, at, release, observations)
    }

    pub fn run_ended(self, at: Timestamp, ended: Timestamp, release: Option<Release>, observations: Vec<Observation>) -> Self {
        let run = Run {
            v: 1,
            scope: self.scope.unwrap(),
            release,
            started: ended.plus_seconds(-60),
            ended,
            observations,
            details: None,
        };
        let digest = canonical::digest(&run).unwrap();
        self.push(EntryKind::Run, at, "run", digest, Payload::Run(run))
    }

    pub fn decide(self, at: Timestamp, decision: Decision) -> Self {
        let digest = canonical::digest(&decision).unwrap();
        let subject = decision.subject().to_owned();
        self.push(EntryKind::Decision, at, &subject, digest, Payload::Decision(decision))
    }

    pub fn receipt(self, at: Timestamp, receipt: Receipt) -> Self {
        let digest = canonical::digest(&receipt).unwrap();
        let subject = receipt.promise.rule.clone();
        self.push(EntryKind::Receipt, at, &subject, digest, Payload::Receipt(receipt))
    }

    pub fn missed(self, at: Timestamp, from: Timestamp, to: Timestamp, slots: u64) -> Self {
        let missed = Missed { v: 1, job: "run".into(), from, to, slots, why: "down".into() };
        let digest = canonical::digest(&missed).unwrap();
        self.push(EntryKind::Missed, at, "run", digest, Payload::Missed(missed))
    }

    pub fn released(self, at: Timestamp, release: Release) -> Self {
        let record = ReleaseRecord { v: 1, committed: at, dirty: false, lockfiles: BTreeMap::new(), boms: Vec::new(), release };
        let digest = canonical::digest(&record).unwrap();
        let subject = record.release.version.clone();
        self.push(EntryKind::Release, at, &subject, digest, Payload::Release(record))
    }

    /// The same log with the last entry's payload withdrawn.
    pub fn withdrawn(mut self) -> Self {
        self.recorded.last_mut().unwrap().payload = Payload::Absent;
        self
    }

    pub fn assess(&self, as_of: Timestamp) -> Assessment {
        avouch_evaluate::assess(&self.recorded, as_of)
    }
}

/// The finding of a check.
pub fn of<'a>(assessment: &'a Assessment, check: &str) -> &'a CheckFinding {
    assessment.checks.iter().find(|finding| finding.check == check).unwrap()
}

/// How a check stands.
pub fn state(assessment: &Assessment, check: &str) -> State {
    of(assessment, check).state
}

pub fn number(value: i64) -> Json {
    Json::Integer(value)
}

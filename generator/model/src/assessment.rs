//! Assessments: how everything stands at an as-of time. Computed by `avouch-evaluate`, shown by `avouch-render`.

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Timestamp,
    decision::Decision,
    json::Object,
    observation::Population,
    receipt::{Receipt, Told},
    release::Release,
    state::{Standing, State, Verdict},
};

/// How everything stands at a time: a pure function of the log until then and of that time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// Format version, 1.
    pub v: u32,
    /// The time it speaks about.
    pub as_of: Timestamp,
    /// How many log entries it is drawn from.
    pub entries: u64,
    /// The scope in force; none before the first run.
    pub scope: Option<Digest>,
    /// The current release.
    pub release: Option<Release>,
    /// The last run.
    pub last_run: Option<RunRef>,
    /// How each check stands, in the order of the catalogue.
    pub checks: Vec<CheckFinding>,
    /// How each claim stands, in the order of the catalogue.
    pub claims: Vec<ClaimFinding>,
    /// How each control stands, in the order of the catalogue.
    pub controls: Vec<ControlFinding>,
    /// How each control of the baseline stands. It is no claim: no control and no requirement stands better for it.
    pub baseline: Vec<BaselineFinding>,
    /// How each requirement stands, in the order of its standard.
    pub requirements: Vec<RequirementFinding>,
    /// How each retention rule stands.
    pub retention: Vec<RetentionFinding>,
    /// How each waiver stands.
    pub waivers: Vec<WaiverFinding>,
    /// What wants attention, gravest first.
    pub attention: Vec<Attention>,
    /// What the gate says, and how many checks are behind it.
    pub gate: GateFinding,
}

/// A run, where it lies in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRef {
    /// The run's payload.
    pub digest: Digest,
    /// Its place in the log.
    pub index: u64,
    /// When it was answered.
    pub at: Timestamp,
}

/// Why a check stands as it does, where the state alone does not say it. Closed, so that it can be translated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because", deny_unknown_fields)]
pub enum Reason {
    /// These configuration keys would fill its slots.
    Unfilled {
        /// The keys, `targets.api.routes.submit`.
        keys: Vec<String>,
    },
    /// It was never asked.
    NeverAsked,
    /// It was asked of too little.
    TooFew,
    /// It could not be asked: the positive control broke, or the subject could not be reached.
    CouldNotAsk,
    /// The last answer is older than it may be.
    TooOld {
        /// When it ceased to count.
        since: Timestamp,
    },
    /// The last answer is about another commit than the current release.
    OtherRelease,
    /// Nothing in the answer names the release it is about.
    ReleaseUnproven,
    /// There is no release yet: no tag that counts.
    Unreleased,
    /// Another number than the claim's was tested.
    OtherNumber {
        /// The parameter's name.
        name: String,
        /// The value in the claim.
        claimed: String,
        /// The value that was tested.
        tested: String,
    },
    /// A failure is excused.
    Waived {
        /// The waiver's id.
        waiver: String,
        /// When it ends.
        until: Timestamp,
    },
    /// A signed decision says that it does not apply.
    NotApplicable {
        /// Why.
        reason: String,
    },
    /// The answer is dated in the future: a clock is wrong.
    FromTheFuture,
}

/// How a check stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckFinding {
    /// The check's id.
    pub check: String,
    /// How it stands.
    pub state: State,
    /// Why, where the state alone does not say it.
    pub reason: Option<Reason>,
    /// Since when it stands so, over the runs of the record.
    pub since: Option<Timestamp>,
    /// The run with the last answer.
    pub last: Option<RunRef>,
    /// What the last answer examined.
    pub population: Option<Population>,
    /// The numbers that were tested.
    pub tested: Object,
    /// What was seen, in a sentence (passes only).
    pub seen: Option<String>,
    /// The runs of the last ninety days, oldest first: what each answered.
    pub history: Vec<Mark>,
}

/// One run in the history of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// How the check stood then; `no_data` for a missed slot.
    pub state: State,
}

/// How a claim stands: as the worst of its checks, of which alternatives are one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimFinding {
    /// The claim's id.
    pub claim: String,
    /// How it stands.
    pub state: State,
    /// Of its alternatives, the check as which they stand: one that failed, otherwise one that passed, otherwise the worst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative: Option<String>,
}

/// How a control of the baseline stands: as the worst of its checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineFinding {
    /// The control's id.
    pub control: String,
    /// How it stands.
    pub state: State,
    /// The last answer of any of its checks.
    pub last: Option<RunRef>,
}

/// How a control stands: as the worst of its claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlFinding {
    /// The control's id.
    pub control: String,
    /// How it stands.
    pub state: State,
    /// The last answer of any of its checks.
    pub last: Option<RunRef>,
    /// How many of its claims pass.
    pub passed: u64,
    /// How many claims it has.
    pub claims: u64,
}

/// How a requirement stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequirementFinding {
    /// The standard's id.
    pub standard: String,
    /// The requirement's id.
    pub requirement: String,
    /// How it stands.
    pub standing: Standing,
    /// The controls that address it.
    pub controls: Vec<String>,
    /// How many of the claims behind it pass.
    pub passed: u64,
    /// How many claims are behind it.
    pub claims: u64,
    /// The gap or not-applicable decision in force.
    pub decision: Option<Decision>,
}

/// How a retention rule stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionFinding {
    /// The promise in force.
    pub promise: crate::receipt::Promise,
    /// `pass` when the last receipt holds and is fresh; `no_data` without one; `stale` when it is too old.
    pub state: State,
    /// The last receipt and its payload.
    pub last: Option<(Digest, Receipt)>,
    /// Rows deleted in the last 30 days, over receipts that tell.
    pub deleted_30_days: u64,
    /// Whether the lag is more than a quarter of the promise.
    pub lag_is_large: bool,
    /// Rows that were overdue after the last runs, of at most five receipts of this promise, oldest first.
    pub overdue: Vec<Told>,
    /// Whether they become more or fewer, by the last two that tell; none when no two do.
    pub trend: Option<Trend>,
    /// For how many days the oldest row had been due after the last run; none when it is not known.
    pub backlog_days: Option<u64>,
    /// Until when the rule must be executed again; none when it never was.
    pub due_by: Option<Timestamp>,
    /// Scheduled slots of runs and purges that nobody ran since the last execution, or ever when there was none.
    pub missed_slots: u64,
}

/// Where a count goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// It falls.
    Falling,
    /// It stays.
    Steady,
    /// It rises.
    Rising,
}

/// How a waiver stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaiverFinding {
    /// The waiver.
    pub decision: Decision,
    /// Its entry's payload.
    pub digest: Digest,
    /// Whether it counts at the as-of time.
    pub in_force: bool,
    /// Whether a failing check needs it; a waiver that excuses nothing is reported.
    pub used: bool,
}

/// Something that wants attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what", deny_unknown_fields)]
pub enum Attention {
    /// A control does not stand as it should.
    Control {
        /// The control.
        control: String,
        /// How it stands.
        state: State,
        /// Since when.
        since: Option<Timestamp>,
    },
    /// A retention rule is not proven to hold.
    Retention {
        /// The rule.
        rule: String,
        /// How it stands.
        state: State,
    },
    /// Slots of the schedule that nobody ran.
    Missed {
        /// The job.
        job: String,
        /// The first missed slot.
        from: Timestamp,
        /// How many.
        slots: u64,
        /// The entry's payload.
        digest: Digest,
    },
    /// A waiver is in force.
    Waiver {
        /// Its id.
        id: String,
        /// The last second it counts.
        until: Timestamp,
        /// Whether anything needs it.
        used: bool,
    },
    /// The last run is older than the schedule allows.
    Late {
        /// When the next run was due.
        due: Timestamp,
    },
    /// One version was seen with two commits.
    TwoCommits {
        /// The version.
        version: String,
    },
}

/// What the gate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateFinding {
    /// The verdict.
    pub verdict: Verdict,
    /// How many checks it required.
    pub required: u64,
    /// The required checks that failed.
    pub failed: Vec<String>,
    /// The required checks that could not be told.
    pub undecided: Vec<String>,
    /// The checks that could not be told and need not be: an alternative of each claim that they serve passed.
    pub settled: Vec<String>,
    /// The required checks that stand no better than at the reference, and do not block for that reason.
    pub tolerated: Vec<String>,
    /// What it is held against, where only what got worse blocks.
    pub reference: Option<Reference>,
    /// How many checks are in the catalogue and not asked: always counted in the summary. The baseline is not.
    pub untested: u64,
}

/// The record that a gate is held against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The release or commit as `[gate] no_worse_than` names it.
    pub name: String,
    /// The last run of it that counts; none: it is not in the record, and nothing can be told.
    pub run: Option<RunRef>,
}

//! Payloads: what the entries of the log commit to. All are canonical JSON except BOMs, which are kept as emitted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Timestamp,
    canonical::{self, CanonicalError},
    catalogue::Catalogue,
    configuration::{Gate, GateTerms},
    decision::Decision,
    entry::{Entry, EntryKind},
    observation::{Detail, Observation},
    receipt::{Promise, Receipt},
    release::Release,
};

/// The first payload of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// Format version, 1.
    pub v: u32,
    /// The log's origin, fixed for ever.
    pub origin: String,
    /// The product's name.
    pub product: String,
    /// The verifier key of the first signing key (C2SP signed-note vkey).
    pub signing_key: String,
    /// The verifier key of the offline recovery key.
    pub recovery_key: String,
}

/// What a run judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Format version, 1.
    pub v: u32,
    /// The program's name and version, `avouch 0.1.0`.
    pub program: String,
    /// The digest of the configuration file.
    pub configuration: Digest,
    /// The digest of the mapping in use.
    pub mapping: Digest,
    /// The product.
    pub product: ProductName,
    /// The controls, claims and checks. Parameters here are the profile's: no names of hosts or tables.
    pub catalogue: Catalogue,
    /// The checks that cannot be asked yet, with the configuration keys that would fill their slots.
    pub unfilled: BTreeMap<String, Vec<String>>,
    /// What is promised of retention.
    pub retention: Vec<Promise>,
    /// What the gate requires.
    pub gate: Gate,
    /// What else the gate is told.
    #[serde(default, skip_serializing_if = "GateTerms::is_plain")]
    pub gate_terms: GateTerms,
    /// The disclosure promise.
    pub disclosure: DisclosurePromise,
    /// The longest time between two runs by the schedule, in seconds; a page older than it says so.
    pub run_gap_seconds: Option<u64>,
}

/// How the product is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductName {
    /// For people, `CK API`.
    pub name: String,
    /// For file names, `ck`.
    pub slug: String,
    /// The languages of the site.
    pub languages: Vec<String>,
}

/// What is promised to somebody who reports a vulnerability.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisclosurePromise {
    /// Where to report: a URI. None: not configured.
    pub contact: Option<String>,
    /// A triage decision within.
    pub triage_within: Option<crate::Span>,
    /// A fix within, by severity.
    pub fix_within: BTreeMap<String, crate::Span>,
}

/// A release that was seen, and the BOMs written for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRecord {
    /// Format version, 1.
    pub v: u32,
    /// The release.
    pub release: Release,
    /// Whether the tree that was read had changes that are in no commit (never for a tag: those are read from git).
    pub dirty: bool,
    /// The time of the commit.
    pub committed: Timestamp,
    /// The lockfiles that were read: path in the repository and digest.
    pub lockfiles: BTreeMap<String, Digest>,
    /// The BOMs, each with its own `sbom` entry.
    pub boms: Vec<Bom>,
}

/// A BOM that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bom {
    /// The file's name: `bom.json`, `bom.xml` or `bom.spdx.json`.
    pub file: String,
    /// The CycloneDX version, `1.6`; for SPDX `SPDX-2.3`.
    pub spec: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many components it lists.
    pub components: u64,
}

/// One run of the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Format version, 1.
    pub v: u32,
    /// The digest of the scope it judged by.
    pub scope: Digest,
    /// The release that was current.
    pub release: Option<Release>,
    /// When the first check was asked.
    pub started: Timestamp,
    /// When the last was answered.
    pub ended: Timestamp,
    /// The answers, in the order of the catalogue.
    pub observations: Vec<Observation>,
    /// The sealed payload with the transcripts and findings.
    pub details: Option<Digest>,
}

/// The sealed half of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// Format version, 1.
    pub v: u32,
    /// One detail a check that did not pass, and those of checks whose transcript is worth keeping.
    pub details: Vec<Detail>,
}

/// A scheduled slot that nobody ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// Format version, 1.
    pub v: u32,
    /// The job, `run` or `purge`.
    pub job: String,
    /// The first slot that was missed.
    pub from: Timestamp,
    /// The last slot that was missed.
    pub to: Timestamp,
    /// How many.
    pub slots: u64,
    /// Why: `down`, `panicked`, `overran`.
    pub why: String,
}

/// The digest of every published file outside `checkpoint`, `tile/`, `blob/` and `dsse/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteManifest {
    /// Format version, 1.
    pub v: u32,
    /// How many entries the log had when the pages were rendered: they show nothing newer.
    pub entries: u64,
    /// Path and digest of each file.
    pub files: BTreeMap<String, Digest>,
}

/// What happens to a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyAction {
    /// It signs from here on.
    Add,
    /// It signs no more; what it signed stays good.
    Retire,
    /// It was lost: what it signed after this entry is void.
    Revoke,
}

/// A change of signing keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEvent {
    /// Format version, 1.
    pub v: u32,
    /// What happens.
    pub action: KeyAction,
    /// The verifier key it happens to.
    pub key: String,
}

/// Why a payload was removed: a closed list, so that the reason cannot leak what was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithdrawalReason {
    /// It held personal data.
    PersonalData,
    /// It held a secret.
    Secret,
    /// A legal order.
    Legal,
    /// It was recorded by mistake.
    Mistake,
    /// It was superseded and may mislead.
    Superseded,
}

/// A payload that was removed. Its entry and digest stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// Format version, 1.
    pub v: u32,
    /// The payload's digest.
    pub withdrawn: Digest,
    /// Why.
    pub reason: WithdrawalReason,
}

/// A sealed payload that is public from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsealing {
    /// Format version, 1.
    pub v: u32,
    /// The sealed payload's digest.
    pub sealed: Digest,
    /// The salt, 64 hexadecimal digits: SHA-256 over salt and payload is `sealed`.
    pub salt: String,
    /// The digest of the payload's bytes, under which they are published.
    pub released: Digest,
}

/// How releases of ours stand to a vulnerability (the four labels of VEX).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VexStatus {
    /// They do not have it, or it cannot be used against them.
    NotAffected,
    /// They have it.
    Affected,
    /// They had it, and do not have it any more.
    Fixed,
    /// It is not known yet.
    UnderInvestigation,
}

impl VexStatus {
    /// The label, `not_affected`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
        }
    }
}

/// Why a release is not affected (the five labels of VEX).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VexJustification {
    /// The component is not in it.
    ComponentNotPresent,
    /// The component is in it without the code that is vulnerable.
    VulnerableCodeNotPresent,
    /// The code is in it and never runs.
    VulnerableCodeNotInExecutePath,
    /// Nobody from outside can steer the code.
    VulnerableCodeCannotBeControlledByAdversary,
    /// Something in the product prevents it.
    InlineMitigationsAlreadyExist,
}

impl VexJustification {
    /// The label, `component_not_present`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ComponentNotPresent => "component_not_present",
            Self::VulnerableCodeNotPresent => "vulnerable_code_not_present",
            Self::VulnerableCodeNotInExecutePath => "vulnerable_code_not_in_execute_path",
            Self::VulnerableCodeCannotBeControlledByAdversary => "vulnerable_code_cannot_be_controlled_by_adversary",
            Self::InlineMitigationsAlreadyExist => "inline_mitigations_already_exist",
        }
    }
}

/// What we say of a vulnerability. A later statement about the same vulnerability and component takes the place of an earlier
/// one in the releases that both name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VexStatement {
    /// Format version, 1.
    pub v: u32,
    /// The vulnerability, by the id that it was named with: `CVE-…`, `GHSA-…`, `RUSTSEC-…`.
    pub vulnerability: String,
    /// The releases, by a glob over their versions: `1.4.*`.
    pub releases: String,
    /// How they stand.
    pub status: VexStatus,
    /// Why they are not affected; with `not_affected` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<VexJustification>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// What to do about it; with `affected` only, and then always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The component that it is about, a package URL; none: every component that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
}

/// A release was put into an environment: it runs there until another one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// Format version, 1.
    pub v: u32,
    /// The environment, a slug: `production`.
    pub environment: String,
    /// The release's version.
    pub release: String,
    /// Since when it runs there.
    pub at: Timestamp,
}

/// A payload that was read by the kind of its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// See [`Genesis`].
    Genesis(Genesis),
    /// See [`Scope`].
    Scope(Box<Scope>),
    /// See [`Decision`].
    Decision(Decision),
    /// See [`ReleaseRecord`].
    Release(ReleaseRecord),
    /// A BOM's bytes are not parsed here.
    Sbom,
    /// See [`Receipt`].
    Receipt(Receipt),
    /// See [`Run`].
    Run(Run),
    /// See [`Details`].
    Details(Details),
    /// See [`Missed`].
    Missed(Missed),
    /// See [`SiteManifest`].
    Site(SiteManifest),
    /// See [`KeyEvent`].
    Key(KeyEvent),
    /// See [`Withdrawal`].
    Withdrawal(Withdrawal),
    /// See [`Unsealing`].
    Unsealing(Unsealing),
    /// See [`VexStatement`].
    Vex(VexStatement),
    /// See [`Deployment`].
    Deployment(Deployment),
    /// The payload is sealed or was withdrawn: only its entry is known.
    Absent,
}

impl Payload {
    /// Reads a payload's canonical bytes by the kind of its entry.
    ///
    /// # Errors
    /// When the bytes are not the canonical JSON of that kind's payload.
    pub fn read(kind: EntryKind, bytes: &[u8]) -> Result<Self, CanonicalError> {
        Ok(match kind {
            EntryKind::Genesis => Self::Genesis(canonical::from_bytes(bytes)?),
            EntryKind::Scope => Self::Scope(Box::new(canonical::from_bytes(bytes)?)),
            EntryKind::Decision => Self::Decision(canonical::from_bytes(bytes)?),
            EntryKind::Release => Self::Release(canonical::from_bytes(bytes)?),
            EntryKind::Sbom => Self::Sbom,
            EntryKind::Receipt => Self::Receipt(canonical::from_bytes(bytes)?),
            EntryKind::Run => Self::Run(canonical::from_bytes(bytes)?),
            EntryKind::Details => Self::Details(canonical::from_bytes(bytes)?),
            EntryKind::Missed => Self::Missed(canonical::from_bytes(bytes)?),
            EntryKind::Site => Self::Site(canonical::from_bytes(bytes)?),
            EntryKind::Key => Self::Key(canonical::from_bytes(bytes)?),
            EntryKind::Withdrawal => Self::Withdrawal(canonical::from_bytes(bytes)?),
            EntryKind::Unsealing => Self::Unsealing(canonical::from_bytes(bytes)?),
            EntryKind::Vex => Self::Vex(canonical::from_bytes(bytes)?),
            EntryKind::Deployment => Self::Deployment(canonical::from_bytes(bytes)?),
        })
    }
}

/// An entry with its place in the log and what it commits to: what judging and rendering read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The place in the log, from 0.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
    /// Its payload.
    pub payload: Payload,
}

//! Log entries: one small canonical JSON record a leaf; payloads lie beside the log.

use serde::{Deserialize, Serialize};

use crate::{Digest, Timestamp};

/// Who may see a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Published; its digest is of its bytes.
    Public,
    /// Kept in the private store until released; its digest is of a random 256-bit salt followed by its bytes.
    Sealed,
}

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// The first entry of a log: product, signing key, offline recovery key.
    Genesis,
    /// What judges from here on: configuration, mapping, program.
    Scope,
    /// A decision of people, by role.
    Decision,
    /// A release seen: version, commit, the BOMs written for it.
    Release,
    /// A software bill of materials, as emitted.
    Sbom,
    /// Retention of one rule, rolled up.
    Receipt,
    /// One run of the checks.
    Run,
    /// What failures of a run looked like; sealed.
    Details,
    /// A scheduled slot that nobody ran.
    Missed,
    /// The digests of every page outside the log.
    Site,
    /// A signing key added, retired or revoked.
    Key,
    /// A payload removed, with a reason code.
    Withdrawal,
    /// A sealed payload made public.
    Unsealing,
    /// What we say of a vulnerability in releases of ours.
    Vex,
    /// A release was put into an environment.
    Deployment,
}

impl EntryKind {
    /// The name in the entry, `run`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Genesis => "genesis",
            Self::Scope => "scope",
            Self::Decision => "decision",
            Self::Release => "release",
            Self::Sbom => "sbom",
            Self::Receipt => "receipt",
            Self::Run => "run",
            Self::Details => "details",
            Self::Missed => "missed",
            Self::Site => "site",
            Self::Key => "key",
            Self::Withdrawal => "withdrawal",
            Self::Unsealing => "unsealing",
            Self::Vex => "vex",
            Self::Deployment => "deployment",
        }
    }
}

/// One leaf of the log. Its canonical bytes are at most 1 KiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Entry {
    /// Format version, 1.
    pub v: u32,
    /// What it records.
    pub kind: EntryKind,
    /// When it was recorded.
    pub at: Timestamp,
    /// What it is about: a release, a rule, a decision's id; a slug, never a person.
    pub subject: String,
    /// Who may see the payload.
    pub visibility: Visibility,
    /// The payload's media type.
    pub media_type: String,
    /// The payload's digest.
    pub digest: Digest,
    /// The payload's length in bytes (without the salt).
    pub size: u64,
}

impl Entry {
    /// The current format version.
    pub const VERSION: u32 = 1;
    /// The most bytes a leaf may have.
    pub const BYTES_MAX: usize = 1024;
    /// The media type of payloads that are canonical JSON of our own.
    pub const JSON: &'static str = "application/vnd.avouch+json";
    /// The media type of a CycloneDX BOM in JSON.
    pub const CYCLONEDX: &'static str = "application/vnd.cyclonedx+json";
    /// The media type of a CycloneDX BOM in XML.
    pub const CYCLONEDX_XML: &'static str = "application/vnd.cyclonedx+xml";
    /// The media type of an SPDX 2 document in JSON.
    pub const SPDX: &'static str = "application/spdx+json";
}

//! Decisions of people: waivers, ignored advisories, attestations, gaps, what is not applicable, what a provider promises.
//!
//! A decision lies signed in `decisions/*.toml`. It has effect from the time of its log entry, never from a date typed
//! into it, and only when a person named in `[people]` signed it. Public payloads name roles, never people.

use serde::{Deserialize, Serialize};

use crate::{Digest, json::Object, time::Day};

/// The longest term of what is let stand, in days from the day on which it is read: a waiver, an attestation, an ignored
/// vulnerability, a known secret.
pub const TERM_DAYS_MAX: i64 = 180;

/// A decision as it is recorded and published. People appear by role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
pub enum Decision {
    /// A dated exception: the check still runs, and its failure passes the gate until the end of `expires`.
    Waiver {
        /// A permanent id, `W-2026-014`.
        id: String,
        /// The check it excuses.
        check: String,
        /// Why.
        reason: String,
        /// The role of the person who carries it.
        owner: String,
        /// The role of the person who approved it; another person than the owner.
        approver: String,
        /// The last day it counts (inclusive, UTC).
        expires: Day,
    },
    /// A dated exception for what an advisory tells: an audit lets it pass until the end of `expires`.
    Ignore {
        /// A permanent id, `I-2026-003`.
        id: String,
        /// The advisory: its id, or an alias.
        advisory: String,
        /// Only for this package: a name, or a package URL with or without a version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        package: Option<String>,
        /// Why.
        reason: String,
        /// The role of the person who carries it.
        owner: String,
        /// The role of the person who approved it; another person than the owner.
        approver: String,
        /// The last day it counts (inclusive, UTC).
        expires: Day,
    },
    /// A dated human statement.
    Attestation {
        /// The name that a profile's slot asks for, `case-register`.
        id: String,
        /// The statement.
        statement: String,
        /// Figures that checks read, closed per kind of attestation.
        #[serde(default)]
        figures: Object,
        /// The role of the signer.
        by: String,
        /// The last day it counts (inclusive, UTC).
        expires: Day,
    },
    /// What a provider promises; alone it satisfies nothing.
    Provider {
        /// The name that a profile's slot asks for, `d1-at-rest`.
        id: String,
        /// Who promises.
        provider: String,
        /// What is promised, in short.
        statement: String,
        /// Where it is published.
        source: String,
        /// When it was read there.
        retrieved: Day,
        /// The digest of what was read.
        digest: Digest,
        /// The role of the person who read it.
        by: String,
        /// The last day it counts (inclusive, UTC).
        expires: Day,
    },
    /// No control addresses a requirement yet.
    Gap {
        /// The requirement, `API7:2023`.
        requirement: String,
        /// Why, and what will be done.
        reason: String,
        /// The role that carries it.
        owner: String,
        /// When it is due to be closed.
        due: Day,
    },
    /// A requirement or a check does not apply.
    NotApplicable {
        /// The requirement, check or control.
        id: String,
        /// Why.
        reason: String,
        /// The role that approved it.
        approver: String,
        /// When the reason is to be read again; after this day it no longer counts.
        review: Day,
    },
}

impl Decision {
    /// What it is about: the id that a page or a check looks it up by.
    pub fn subject(&self) -> &str {
        match self {
            Self::Waiver { id, .. }
            | Self::Ignore { id, .. }
            | Self::Attestation { id, .. }
            | Self::Provider { id, .. }
            | Self::NotApplicable { id, .. } => id,
            Self::Gap { requirement, .. } => requirement,
        }
    }

    /// What it is called in messages. An id names one thing within its type.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Waiver { .. } => "waiver",
            Self::Ignore { .. } => "ignore",
            Self::Attestation { .. } => "attestation",
            Self::Provider { .. } => "provider statement",
            Self::Gap { .. } => "gap",
            Self::NotApplicable { .. } => "not-applicable decision",
        }
    }

    /// The last day it counts.
    pub fn last_day(&self) -> Day {
        match self {
            Self::Waiver { expires, .. }
            | Self::Ignore { expires, .. }
            | Self::Attestation { expires, .. }
            | Self::Provider { expires, .. } => *expires,
            Self::Gap { due, .. } => *due,
            Self::NotApplicable { review, .. } => *review,
        }
    }
}

//! `avouch.toml` as it runs: every value checked, every name resolved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Json, Span,
    payload::{DisclosurePromise, ProductName},
    product::{Bucket, Database, Person, RetentionRule, Target},
};

/// The whole configuration of a product. Made by `avouch-read` from the text of `avouch.toml`, which reports every mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The digest of the file's bytes.
    pub digest: Digest,
    /// The product.
    pub product: ProductName,
    /// The profiles: built-in names, or paths to TOML in the repository.
    pub profiles: Vec<String>,
    /// The glob of tags that are releases, `v*`.
    pub release_tags: String,
    /// Which BOMs are written.
    pub sbom: SbomSettings,
    /// The databases, by name.
    pub databases: BTreeMap<String, Database>,
    /// The buckets that rows are archived in, by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// The retention rules, in order.
    pub retention: Vec<RetentionRule>,
    /// The targets, by name.
    pub targets: BTreeMap<String, Target>,
    /// Fillings of slots that have no table of their own: `table.api_keys` → `keys`.
    pub bind: BTreeMap<String, String>,
    /// Other values for the numbers of checks, by check: what is tested with them proves nothing of the claim.
    pub numbers: BTreeMap<String, BTreeMap<String, Json>>,
    /// What the gate requires.
    pub gate: Gate,
    /// What else the gate is told.
    pub gate_terms: GateTerms,
    /// The people, by name.
    pub people: BTreeMap<String, Person>,
    /// What is promised to somebody who reports a vulnerability.
    pub disclosure: DisclosurePromise,
    /// The record.
    pub evidence: EvidenceSettings,
    /// The site.
    pub site: SiteSettings,
    /// When the daemon does what, by job: six-field cron expressions in UTC.
    pub schedule: Schedule,
}

/// `[sbom]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SbomSettings {
    /// `1.5`, `1.6` or `1.7`.
    pub spec: String,
    /// `json`, `xml` and `spdx-json`, those that are written in this order.
    pub formats: Vec<String>,
    /// Who answers for the SBOM.
    pub author: Option<Party>,
    /// Who supplies the product.
    pub supplier: Option<Party>,
}

/// An organisation, or a person that agreed to be named in what is published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// The name.
    pub name: String,
    /// A web page.
    pub url: Option<String>,
    /// An address for mail.
    pub email: Option<String>,
}

/// `[gate]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Every check whose slots are filled.
    #[default]
    Configured,
    /// Every check.
    All,
    /// These controls and requirements.
    Only(Vec<String>),
}

/// The other keys of `[gate]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateTerms {
    /// A release or a commit of the record: only what stands worse than there blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_worse_than: Option<String>,
    /// Whether the baseline blocks too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub baseline: bool,
}

impl GateTerms {
    /// Whether nothing was said but what is required.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// `[evidence]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceSettings {
    /// The log's origin: fixed at `init`, derived from nothing that can change.
    pub origin: String,
    /// The ledger's file, relative to the repository.
    pub ledger: String,
    /// The environment variable with the signing key; none: the key file beside the ledger.
    pub signing_key_env: Option<String>,
}

/// `[site]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSettings {
    /// The folder that is published, relative to the repository.
    pub out: String,
    /// Where it will be reached.
    pub base_url: Option<String>,
}

/// `[schedule]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// When to delete what is over its time.
    pub purge: Option<String>,
    /// When to run the whole job.
    pub run: Option<String>,
    /// The longest time between two purges, in seconds.
    pub purge_gap: Option<Span>,
    /// The longest time between two runs, in seconds.
    pub run_gap: Option<Span>,
}

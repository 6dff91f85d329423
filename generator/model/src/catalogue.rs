//! The catalogue: standards and their requirements, the controls of a product, their claims and checks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Span, json::Object};

/// Text in the languages of the site. English is always there; where another is missing, English stands in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Localised {
    /// English.
    pub en: String,
    /// French.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fr: Option<String>,
}

impl Localised {
    /// The text in this language (`en`, `fr`).
    pub fn get(&self, language: &str) -> &str {
        match language {
            "fr" => self.fr.as_deref().unwrap_or(&self.en),
            _ => &self.en,
        }
    }
}

/// A published catalogue of requirements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    /// `owasp-api-2023`
    pub id: String,
    /// The published title.
    pub title: String,
    /// The edition.
    pub version: String,
    /// Where it is published.
    pub url: String,
    /// Its licence, and what of it is used here.
    pub notice: String,
    /// Its entries, in its order.
    pub requirements: Vec<Requirement>,
}

/// One entry of a standard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// The published id, `API4:2023`.
    pub id: String,
    /// The published title.
    pub title: Localised,
    /// What it asks for, in our own words.
    pub asks: Localised,
    /// CWE numbers that the standard gives.
    pub cwes: Vec<u32>,
    /// Its page.
    pub url: String,
}

/// How a control relates to a requirement (the words of OSCAL's mapping model).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The control covers a part of the requirement.
    SubsetOf,
    /// They overlap.
    IntersectsWith,
    /// The control covers it and more.
    SupersetOf,
    /// They ask for the same.
    EquivalentTo,
}

/// A requirement that a control addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Satisfies {
    /// The requirement's id, `API4:2023`.
    pub requirement: String,
    /// How much of it.
    pub relation: Relation,
}

/// What the product does about a risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// A slug, `rate-limit`: names its page and never changes.
    pub id: String,
    /// A sentence: "Request limits protect the API".
    pub title: Localised,
    /// The public claim, in two or three sentences.
    pub statement: Localised,
    /// The requirements it addresses.
    pub satisfies: Vec<Satisfies>,
}

/// How strongly a claim is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// It must hold.
    Must,
    /// It should hold.
    Should,
    /// It must never happen.
    Prohibits,
    /// It is stated as a fact.
    States,
    /// It is allowed, and must not be flagged.
    Permits,
    /// It is promised for later: never a pass.
    Planned,
}

/// One public promise, bound to a control and to the checks that decide it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// A permanent id, `B-tls-001`.
    pub id: String,
    /// The control it belongs to.
    pub control: String,
    /// How strongly it is made.
    pub strength: Strength,
    /// The promise.
    pub statement: Localised,
    /// The requirements that this promise supports.
    #[serde(default)]
    pub requirements: Vec<String>,
    /// The checks that all decide it; it stands as the worst of them.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Checks of which one is enough, where one vantage point cannot reach the claim: one that passes decides it, and so does
    /// one that fails. Beside `checks` they count as one check more. Neither: not tested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<String>,
    /// Why it is not tested, where no check decides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untested: Option<Localised>,
}

impl Claim {
    /// The ids of all checks that may decide it, alternatives last.
    pub fn deciding(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().chain(&self.any_of).map(String::as_str)
    }
}

/// A control that is looked at whatever the profiles claim. Nothing is promised by it, and nothing is satisfied by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// A slug, `lockfiles`.
    pub id: String,
    /// What holds when its checks pass, and no more.
    pub title: Localised,
    /// The requirements that it looks at. It satisfies none of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<String>,
    /// The checks that are asked: of its own, `baseline.lockfile`, or one of the profiles that asks the same.
    pub checks: Vec<String>,
}

/// When a check can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Of the sources alone: opens no socket.
    Build,
    /// Of what the pipeline produced: reports, SBOMs, attestations.
    Deploy,
    /// Of the running system and its data.
    Operate,
}

/// How grave a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

/// What an observation of a check must be bound to in order to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The commit of the current release.
    Release,
    /// Time alone.
    Time,
}

/// A question asked of a subject: a kind with parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// A slug that names it everywhere, `rate-limit-address`.
    pub id: String,
    /// The kind, `http.rate-limit`.
    pub kind: String,
    /// What is asked, as a person would.
    pub question: Localised,
    /// Of whom or what: `the API`, `the database`.
    pub subject: String,
    /// When it can be asked.
    pub when: When,
    /// What binds its observations.
    pub bound: Bound,
    /// How long an observation counts.
    pub max_age: Span,
    /// How grave a failure is.
    pub severity: Severity,
    /// The slots that must be filled before it can be asked, `target.api`, `table.api_keys`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The kind's parameters; `${slot}` in a text stands for the filling of a slot.
    #[serde(default)]
    pub parameters: Object,
    /// The names of the parameters that are the claim's own numbers: with another value nothing is proven.
    #[serde(default)]
    pub numbers: BTreeSet<String>,
}

/// The type of a slot: what fills it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotType {
    /// `[targets.NAME]`
    Target,
    /// `[targets.TARGET.principals.NAME]`
    Principal,
    /// `[targets.TARGET.routes.NAME]`
    Route,
    /// `[databases.NAME]`
    Database,
    /// A `[[retention]]` rule of this name.
    Retention,
    /// `[bind]`: a table of a database.
    Table,
    /// `[bind]`: a column of a table.
    Column,
    /// `[bind]`: a report or a set of reports, by glob.
    Report,
    /// `[bind]`: a file or a set of files in the repository, by glob.
    File,
    /// `[bind]`: any text.
    Text,
    /// `[bind]`: the name of an environment variable that holds a secret.
    Secret,
    /// A signed decision of this name under `decisions/`.
    Attestation,
    /// A provider's statement of this name under `decisions/`.
    Provider,
}

/// A typed hole that a profile leaves for the product to fill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// `route.submit`: unique, its first part is the type.
    pub id: String,
    /// What fills it.
    pub r#type: SlotType,
    /// What it is for.
    pub description: Localised,
    /// The filling by convention, where there is one (files only: `SECURITY.md`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// The kind whose pass is a provider's promise on record: it stands as `inherited`, never as `pass`.
pub const PROVIDER_INHERITED: &str = "provider.inherited";

/// A check with every slot filled: what is put to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The check as the profile has it.
    pub check: Check,
    /// Its parameters with the fillings of slots, and with other numbers where the configuration sets them.
    pub parameters: Object,
    /// The values of the check's `numbers` as they will be tested.
    pub tested: Object,
}

/// The whole mapping of a product: what is claimed, by which standard, and how it is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The standards mapped to.
    pub standards: Vec<Standard>,
    /// The profiles in use, by id, with their titles.
    pub profiles: BTreeMap<String, Localised>,
    /// The controls, in the order of the catalogue.
    pub controls: Vec<Control>,
    /// The claims, in the order of the profiles.
    pub claims: Vec<Claim>,
    /// The checks, by id in order.
    pub checks: Vec<Check>,
    /// The slots of the profiles in use.
    pub slots: Vec<Slot>,
    /// What is looked at without a claim.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baseline: Vec<Baseline>,
}

impl Catalogue {
    /// The check of this id.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// The control of this id.
    pub fn control(&self, id: &str) -> Option<&Control> {
        self.controls.iter().find(|control| control.id == id)
    }

    /// The claims of a control, in order.
    pub fn claims_of<'a>(&'a self, control: &'a str) -> impl Iterator<Item = &'a Claim> {
        self.claims.iter().filter(move |claim| claim.control == control)
    }

    /// The ids of the checks that decide a control's claims, each once, in order.
    pub fn checks_of<'a>(&'a self, control: &'a str) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        self.claims_of(control).flat_map(Claim::deciding).filter(|id| seen.insert(*id)).collect()
    }

    /// The checks that no claim leans on: asked for the baseline alone.
    pub fn unclaimed(&self) -> BTreeSet<&str> {
        let claimed: BTreeSet<&str> = self.claims.iter().flat_map(Claim::deciding).collect();
        let baseline = self.baseline.iter().flat_map(|baseline| &baseline.checks).map(String::as_str);
        baseline.filter(|id| !claimed.contains(id)).collect()
    }

    /// The requirement of this id, in whichever standard has it.
    pub fn requirement(&self, id: &str) -> Option<&Requirement> {
        self.standards.iter().flat_map(|standard| &standard.requirements).find(|requirement| requirement.id == id)
    }
}

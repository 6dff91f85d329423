//! Pipelines: what triggers them, what they may do, their jobs and steps, and what makes a step not count.
//!
//! GitHub Actions ("Workflow syntax for GitHub Actions", "Metadata syntax for GitHub Actions") and GitLab CI ("CI/CD YAML
//! syntax reference") are read into the same nouns. What lies in other repositories is not followed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use avouch_model::diagnostic::Source;

use crate::structured::{Node, Unreadable};

mod actions;
pub mod expression;
mod gitlab;
mod gitlab_rules;
pub mod shell;

#[cfg(test)]
mod tests;

pub use shell::is_swallowed;

/// The largest pipeline file that is read, in bytes.
pub const BYTES_MAX: u64 = 1024 * 1024;

/// A file of a pipeline.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// The text; spans are of this text.
    pub source: Arc<Source>,
    /// Whose format it is.
    pub format: Format,
    /// What triggers it.
    pub triggers: Vec<Trigger>,
    /// What the token of its jobs may do where they do not say themselves.
    pub permissions: Permissions,
    /// Its variables (`env`, `variables`).
    pub variables: Variables,
    /// The inputs of a dispatch, of a call, or of a composite action, by lower-case name: whether their form is fixed
    /// (`boolean`, `number`).
    pub inputs: BTreeMap<String, bool>,
    /// Where its first key stands.
    pub start: usize,
    /// Its jobs, in the order of the text. A composite action has one.
    pub jobs: Vec<Job>,
    /// Files and components of others that it includes (GitLab).
    pub includes: Vec<Uses>,
}

/// Whose format a pipeline is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A workflow of GitHub Actions.
    Actions,
    /// A composite action in the repository, `action.yml`.
    CompositeAction,
    /// GitLab CI.
    Gitlab,
}

/// An event that triggers a workflow. GitLab's are named as GitHub's: `push`, `pull_request`, `schedule`,
/// `workflow_dispatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trigger {
    /// The event.
    pub event: String,
    /// Where it stands.
    pub span: Range<usize>,
    /// Its filters by name: `branches`, `tags`, `paths`, `paths-ignore`, `types`, …
    pub filters: BTreeMap<String, Vec<String>>,
}

/// What a job's token may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// What is granted.
    pub granted: Granted,
    /// Where it stands.
    pub span: Option<Range<usize>>,
}

/// What is granted to a token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Granted {
    /// Nothing is said: what the repository's or organisation's setting says, `write-all` in old ones.
    #[default]
    Unsaid,
    /// `read-all`.
    ReadAll,
    /// `write-all`.
    WriteAll,
    /// What is listed: name, whether it may write, and where it stands. An empty list grants nothing.
    Listed(Vec<(String, bool, Range<usize>)>),
}

/// Variables with their values.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// The names, in the order of the text.
    pub entries: Vec<(String, Text)>,
    /// The whole of them is computed, so nobody can say what they are.
    pub computed: bool,
}

/// A text and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// The bytes it was read from.
    pub span: Range<usize>,
}

/// A job.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Where it begins.
    pub span: Range<usize>,
    /// The jobs that must succeed before it.
    pub needs: Vec<String>,
    /// Whether it never runs (`if: false`, `when: never`).
    pub off: bool,
    /// Whether the pipeline goes on when it fails.
    pub may_fail: bool,
    /// Whether a person has to start it (GitLab `when: manual`).
    pub manual: bool,
    /// Its condition, as it is written.
    pub condition: Option<String>,
    /// What its token may do.
    pub permissions: Permissions,
    /// The environment that it names.
    pub environment: Option<Text>,
    /// Its variables.
    pub variables: Variables,
    /// Secrets that are named for the whole job: in its variables, services, and what it hands on.
    pub secrets: Vec<Text>,
    /// `secrets: inherit`: what it calls sees every secret.
    pub hands_on_secrets: bool,
    /// The reusable workflow that it calls.
    pub uses: Option<Uses>,
    /// Its matrix.
    pub matrix: Option<Node>,
    /// What triggers it, where it says so itself (GitLab).
    pub triggers: Option<Vec<Trigger>>,
    /// What triggers it where nobody sets a variable from outside (GitLab).
    pub triggers_alone: Option<Vec<Trigger>>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Its script.
    pub run: Option<Text>,
    /// The whole script of which its own is a line, and the byte of that where it begins (GitLab).
    pub whole: Option<(Arc<str>, usize)>,
    /// The shell that is named for it, by itself or by defaults.
    pub shell: Option<String>,
    /// The action that it uses.
    pub uses: Option<Uses>,
    /// What is handed to the action.
    pub with: Vec<(String, Text)>,
    /// Its variables.
    pub variables: Variables,
    /// Secrets that are named in it.
    pub secrets: Vec<Text>,
    /// Its condition, as it is written.
    pub condition: Option<String>,
    /// Whether it never runs.
    pub off: bool,
    /// Whether the job goes on when it fails.
    pub may_fail: bool,
    /// Where it stands.
    pub span: Range<usize>,
}

/// An action, a reusable workflow or a file of others that is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// As it is written, `actions/checkout@v4`.
    pub what: String,
    /// Where it stands.
    pub span: Range<usize>,
}

impl Uses {
    /// Whether what is used can change only with this repository: a local path, a full commit id, or an image's digest.
    pub fn is_pinned(&self) -> bool {
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.is_local() {
            return true;
        }
        if self.is_image() {
            return self.what.rsplit_once("@sha256:").is_some_and(|(_, digest)| digest.len() == 64 && is_hex(digest));
        }
        self.what.rsplit_once('@').is_some_and(|(_, reference)| matches!(reference.len(), 40 | 64) && is_hex(reference))
    }

    /// Whether it lies in this repository: `./path`, or `$/path` (the workflow's own repository at its own commit).
    pub fn is_local(&self) -> bool {
        self.path().is_some()
    }

    /// The path within this repository.
    pub fn path(&self) -> Option<&str> {
        self.what.strip_prefix("./").or_else(|| self.what.strip_prefix("$/"))
    }

    /// Whether it is an image of a container.
    pub fn is_image(&self) -> bool {
        self.what.starts_with("docker://")
    }

    /// What is used without the reference, lower case: `actions/checkout`.
    pub fn name(&self) -> String {
        self.what.split_once('@').map_or(self.what.as_str(), |(name, _)| name).to_ascii_lowercase()
    }
}

impl Trigger {
    /// The values of a filter.
    pub fn filter(&self, name: &str) -> &[String] {
        self.filters.get(name).map_or(&[], Vec::as_slice)
    }
}

impl Workflow {
    /// What triggers it: `push`, and with a filter also `push:tags`, `push:branches`.
    pub fn events(&self) -> BTreeSet<String> {
        let mut events = BTreeSet::new();
        for trigger in &self.triggers {
            events.insert(trigger.event.clone());
            events.extend(trigger.filters.keys().map(|filter| format!("{}:{filter}", trigger.event)));
        }
        events
    }

    /// Where a piece of a text stands: the occurrence after the first `skip`; the text's own place if it is written
    /// otherwise there.
    pub fn locate(&self, text: &Text, piece: &str, skip: usize) -> usize {
        let within = self.source.text.get(text.span.clone()).unwrap_or_default();
        within.match_indices(piece).nth(skip).map_or(text.span.start, |(at, _)| text.span.start + at)
    }
}

/// Reads a workflow of GitHub Actions.
///
/// # Errors
/// When the bytes are no YAML, or the text has no `on` or no `jobs`: it is no workflow.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Workflow, Unreadable> {
    actions::workflow(path, bytes)
}

/// Reads the metadata of an action, `action.yml`; one that is no composite has a job without steps.
///
/// # Errors
/// When the bytes are no YAML, or the text has no `runs`.
pub fn parse_action(path: &str, bytes: &[u8]) -> Result<Workflow, Unreadable> {
    actions::action(path, bytes)
}

/// Reads a file of GitLab CI. `extends`, `default`, YAML's merge keys and `!reference` are followed within the file.
///
/// # Errors
/// When the bytes are no YAML, or the whole is no table.
pub fn parse_gitlab(path: &str, bytes: &[u8]) -> Result<Workflow, Unreadable> {
    gitlab::parse(path, bytes)
}

/// Reads a file of a pipeline by its path: `action.yml` is an action, what lies in `.github` a workflow, and every other
/// one GitLab's.
///
/// # Errors
/// As the reader of its format.
pub fn parse_any(path: &str, bytes: &[u8]) -> Result<Workflow, Unreadable> {
    match path.rsplit('/').next() {
        Some("action.yml" | "action.yaml") => parse_action(path, bytes),
        _ if path.contains(".gitlab") => parse_gitlab(path, bytes),
        _ => parse(path, bytes),
    }
}

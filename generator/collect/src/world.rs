//! What the kinds may look at. Everything they need is here; nothing else is opened.

use std::{collections::BTreeMap, sync::Mutex};

use avouch_model::{
    Timestamp, catalogue::Catalogue, configuration::Configuration, decision::Decision, payload::ReleaseRecord,
    receipt::RetentionRun, release::Release,
};

use crate::Parsed;

/// A release of the record, and the bytes of its BOMs.
pub type RecordedRelease = (ReleaseRecord, Vec<Vec<u8>>);

/// The world of one run. Shared between threads.
pub struct World<'a> {
    /// When the run began.
    pub now: Timestamp,
    /// The clock, for what happens within the run.
    pub clock: &'a (dyn Fn() -> Timestamp + Sync),
    /// The configuration.
    pub configuration: &'a Configuration,
    /// The mapping.
    pub catalogue: &'a Catalogue,
    /// The release that is current; none without a repository.
    pub release: Option<&'a Release>,
    /// The files of the release's own commit (of the folder itself where it is no repository).
    pub tree: &'a (dyn avouch_repository::Files + Sync),
    /// What was parsed of the tree: empty when the run begins.
    pub parsed: &'a Parsed,
    /// The repository that the release's commit is of, for what lies before it; none where the folder is no repository.
    pub repository: Option<&'a avouch_repository::Repository>,
    /// What one run leaves for the next so that it need not do the same work again.
    pub keeper: &'a (dyn Keeper + Sync),
    /// The folder as it lies there: for what a pipeline leaves in it (reports, logs), never for sources.
    pub folder: &'a avouch_repository::Folder,
    /// The databases, by name, to be read.
    pub databases: &'a BTreeMap<String, Mutex<Box<dyn avouch_database::Read>>>,
    /// The probers of the configured targets, by name.
    pub probers: &'a BTreeMap<String, avouch_probe::Prober>,
    /// The last run of each retention rule, in this run or before.
    pub retention: &'a BTreeMap<String, RetentionRun>,
    /// The release records of the ledger with the bytes of their BOMs, oldest first; none where there is no ledger.
    pub releases: Option<&'a [RecordedRelease]>,
    /// The decisions that were recorded before this run, with the time of their entry.
    pub decisions: &'a [(Timestamp, Decision)],
    /// The value of an environment variable.
    pub environment: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// Fresh random bytes, for probes that need something unguessable.
    pub random: &'a (dyn Fn() -> u64 + Sync),
}

/// Keeps bytes from one run to the next, privately: nothing breaks when they are gone, and nothing of them is evidence.
pub trait Keeper {
    /// What was kept under this name.
    fn recall(&self, name: &str) -> Option<Vec<u8>>;
    /// Keeps these bytes under this name. That they cannot be kept is no error: the next run does the work again.
    fn keep(&self, name: &str, bytes: &[u8]);
}

/// Keeps nothing.
impl Keeper for () {
    fn recall(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn keep(&self, _: &str, _: &[u8]) {}
}

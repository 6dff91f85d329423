//! A world for tests: a tree in memory, a folder and databases in a temporary directory.

use std::{collections::BTreeMap, fs, sync::Mutex};

use avouch_model::{
    Digest, Timestamp,
    catalogue::Catalogue,
    configuration::{Configuration, EvidenceSettings, Gate, SbomSettings, Schedule, SiteSettings},
    decision::Decision,
    payload::{DisclosurePromise, ProductName, ReleaseRecord},
    product::{Database, Location},
    receipt::RetentionRun,
    release::Release,
};
use avouch_repository::{Folder, InMemory};

use crate::{Parsed, World};

/// What the world is made of.
pub(crate) struct Scene {
    pub(crate) now: Timestamp,
    pub(crate) configuration: Configuration,
    pub(crate) catalogue: Catalogue,
    pub(crate) release: Option<Release>,
    pub(crate) tree: InMemory,
    pub(crate) folder: BTreeMap<String, String>,
    /// The SQL that makes each database, by name.
    pub(crate) databases: BTreeMap<String, String>,
    pub(crate) retention: BTreeMap<String, RetentionRun>,
    pub(crate) releases: Vec<(ReleaseRecord, Vec<Vec<u8>>)>,
    pub(crate) decisions: Vec<(Timestamp, Decision)>,
    pub(crate) environment: BTreeMap<String, String>,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            now: "2026-11-21T03:00:00Z".parse().unwrap(),
            configuration: configuration(),
            catalogue: Catalogue::default(),
            release: None,
            tree: InMemory::default(),
            folder: BTreeMap::new(),
            databases: BTreeMap::new(),
            retention: BTreeMap::new(),
            releases: vec![],
            decisions: vec![],
            environment: BTreeMap::new(),
        }
    }
}

impl Scene {
    /// A scene with these files in the commit.
    pub(crate) fn of<P: Into<String>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, B)>) -> Self {
        Self { tree: InMemory::of(files), ..Self::default() }
    }

    /// A scene with one database, `main`.
    pub(crate) fn of_database(sql: &str) -> Self {
        Self { databases: BTreeMap::from([("main".to_owned(), sql.to_owned())]), ..Self::default() }
    }

    /// Builds the world and shows it.
    pub(crate) fn with<T>(&self, show: impl FnOnce(&World<'_>) -> T) -> T {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in &self.folder {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let databases = self
            .databases
            .iter()
            .map(|(name, sql)| {
                let file = format!("{name}.db");
                let made = rusqlite::Connection::open(directory.path().join(&file)).unwrap();
                made.execute_batch(sql).unwrap();
                drop(made);
                let described = Database { name: name.clone(), location: Location::Sqlite(file), recovery_window: None };
                let opened = avouch_database::open_read(&described, directory.path()).unwrap();
                (name.clone(), Mutex::new(opened))
            })
            .collect();
        let folder = Folder::open(directory.path()).unwrap();
        show(&World {
            now: self.now,
            clock: &|| self.now,
            configuration: &self.configuration,
            catalogue: &self.catalogue,
            release: self.release.as_ref(),
            tree: &self.tree,
            parsed: &Parsed::default(),
            repository: None,
            keeper: &(),
            folder: &folder,
            databases: &databases,
            probers: &BTreeMap::new(),
            retention: &self.retention,
            releases: Some(&self.releases),
            decisions: &self.decisions,
            environment: &|name| self.environment.get(name).cloned(),
            random: &|| 4,
        })
    }
}

/// The smallest configuration.
fn configuration() -> Configuration {
    Configuration {
        digest: Digest::of(b""),
        product: ProductName { name: "Product".into(), slug: "product".into(), languages: vec!["en".into()] },
        profiles: vec![],
        release_tags: "v*".into(),
        sbom: SbomSettings { spec: "1.6".into(), formats: vec!["json".into()], ..SbomSettings::default() },
        databases: BTreeMap::new(),
        buckets: BTreeMap::new(),
        retention: vec![],
        targets: BTreeMap::new(),
        bind: BTreeMap::new(),
        numbers: BTreeMap::new(),
        gate: Gate::Configured,
        gate_terms: Default::default(),
        people: BTreeMap::new(),
        disclosure: DisclosurePromise::default(),
        evidence: EvidenceSettings { origin: "example.com/log".into(), ledger: "ledger.db".into(), signing_key_env: None },
        site: SiteSettings { out: "public".into(), base_url: None },
        schedule: Schedule::default(),
    }
}

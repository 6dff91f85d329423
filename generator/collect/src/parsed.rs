//! What of the release's tree was listed and parsed in this run: each file once, for all questions.
//!
//! The tree of a commit does not change while it is looked at, so what was parsed for one question holds for the next. Only the
//! folder, which a pipeline may still write to, is read anew each time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use avouch_read::{
    lock::{self, Format, Lockfile},
    structured::{Document, parse_json, parse_jsonc, parse_toml, parse_yaml},
    workflow::{self, Workflow},
};

use crate::{
    Unasked, World,
    ecosystems::PackageScripts,
    parameters::Globs,
    pipelines::Pipelines,
    sources::{self, FILE_BYTES_MAX},
};

/// What was parsed of one tree. Belongs to a [`World`] and is empty when the run begins; shared between threads.
#[derive(Debug, Default)]
pub struct Parsed {
    paths: OnceLock<Result<Vec<String>, Unasked>>,
    workflows: Each<String, Workflow>,
    lockfiles: Each<String, Lockfile>,
    documents: Each<(String, Form, u64), Document>,
    pipelines: OnceLock<Result<Arc<Pipelines>, Unasked>>,
    scripts: OnceLock<Result<Arc<PackageScripts>, Unasked>>,
}

/// The format that a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    Json,
    Jsonc,
    Toml,
    Yaml,
}

impl World<'_> {
    /// The paths of the release's tree that globs mean, in order.
    pub(crate) fn matching(&self, wanted: &Globs, unwanted: &Globs) -> Result<Vec<String>, Unasked> {
        sources::meant(self.paths()?, wanted, unwanted)
    }

    /// The paths of all files of the release's tree, in order.
    pub(crate) fn paths(&self) -> Result<&[String], Unasked> {
        self.parsed.paths.get_or_init(|| sources::listed(self.tree)).as_deref().map_err(Clone::clone)
    }

    /// Whether the release's tree has a file.
    pub(crate) fn has(&self, path: &str) -> Result<bool, Unasked> {
        Ok(self.paths()?.binary_search_by(|known| known.as_str().cmp(path)).is_ok())
    }

    /// A pipeline's file.
    pub(crate) fn workflow(&self, path: &str) -> Result<Arc<Workflow>, Unasked> {
        self.parsed.workflows.get(path.to_owned(), || {
            workflow::parse_any(path, &self.bytes(path, FILE_BYTES_MAX)?).map_err(|error| Unasked(error.to_string()))
        })
    }

    /// A lockfile.
    pub(crate) fn lockfile(&self, path: &str) -> Result<Arc<Lockfile>, Unasked> {
        self.parsed.lockfiles.get(path.to_owned(), || {
            let beside = |path: &str| self.bytes(path, lock::BYTES_MAX).ok();
            let bytes_max = Format::of(path).map_or(lock::BYTES_MAX, Format::bytes_max);
            lock::parse_with(path, self.bytes(path, bytes_max)?, &beside).map_err(|error| Unasked(error.to_string()))
        })
    }

    /// Any other file with a structure, of at most so many bytes.
    pub(crate) fn document(&self, path: &str, form: Form, bytes_max: u64) -> Result<Arc<Document>, Unasked> {
        self.parsed.documents.get((path.to_owned(), form, bytes_max), || {
            let parse = match form {
                Form::Json => parse_json,
                Form::Jsonc => parse_jsonc,
                Form::Toml => parse_toml,
                Form::Yaml => parse_yaml,
            };
            parse(path, &self.bytes(path, FILE_BYTES_MAX)?, bytes_max).map_err(|error| Unasked(error.to_string()))
        })
    }

    /// The pipelines at the usual places.
    pub(crate) fn usual_pipelines(&self) -> Result<Arc<Pipelines>, Unasked> {
        self.parsed.pipelines.get_or_init(|| Pipelines::usual(self).map(Arc::new)).clone()
    }

    /// The scripts of the outermost `package.json`.
    pub(crate) fn package_scripts(&self) -> Result<Arc<PackageScripts>, Unasked> {
        self.parsed.scripts.get_or_init(|| PackageScripts::of(self).map(Arc::new)).clone()
    }

    /// The bytes of a file of which a listing told.
    fn bytes(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, Unasked> {
        sources::bytes(self.tree, path, bytes_max)?.ok_or_else(|| Unasked(format!("`{path}` vanished while it was read")))
    }
}

/// Values by key, each made when it is first asked for; what cannot be made is not tried again.
#[derive(Debug)]
struct Each<K, T>(Mutex<BTreeMap<K, Made<T>>>);

type Made<T> = Arc<OnceLock<Result<Arc<T>, Unasked>>>;

impl<K, T> Default for Each<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord, T> Each<K, T> {
    fn get(&self, key: K, make: impl FnOnce() -> Result<T, Unasked>) -> Result<Arc<T>, Unasked> {
        // Nothing is parsed while the list is held: who asks for another file does not wait.
        let made = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        made.get_or_init(|| make().map(Arc::new)).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex};

    use avouch_model::Json;
    use avouch_repository::{FileEntry, Files, InMemory, RepositoryError};

    use crate::{World, kinds, testing::Scene};

    /// Counts how often each file is read, and how often all are listed (under the empty path).
    struct Counting(InMemory, Mutex<BTreeMap<String, u32>>);

    impl Counting {
        fn count(&self, path: &str) {
            *self.1.lock().unwrap().entry(path.to_owned()).or_default() += 1;
        }
    }

    impl Files for Counting {
        fn list(&self) -> Result<Vec<FileEntry>, RepositoryError> {
            self.count("");
            self.0.list()
        }

        fn read(&self, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, RepositoryError> {
            self.count(path);
            self.0.read(path, bytes_max)
        }
    }

    #[test]
    fn every_file_is_read_once_for_all_questions() {
        let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n";
        let tree = InMemory::of([
            (".github/workflows/ci.yml", "on: push\njobs:\n  a:\n    steps:\n      - run: make\n"),
            (".github/workflows/broken.yml", "on: [\n"),
            (".github/dependabot.yml", "version: 2\nupdates: []\n"),
            (".pre-commit-config.yaml", "repos: []\n"),
            ("Cargo.lock", lock),
            ("Cargo.toml", "[package]\nname = \"a\"\nversion = \"1.0.0\"\n"),
            ("renovate.json", "{}"),
            ("web/package.json", r#"{"dependencies":{"x":"1"}}"#),
        ]);
        let counting = Counting(tree, Mutex::default());
        let asked: Json = serde_json::from_str(r#"{"sensitive":["a"]}"#).unwrap();
        Scene::default().with(|world| {
            let world = World { tree: &counting, ..*world };
            let hygiene = |id: &str| ["workflow.", "dependency.", "hook."].iter().any(|start| id.starts_with(start));
            for kind in kinds::ALL.iter().filter(|kind| hygiene(kind.id)) {
                for asked in [&Json::Object(BTreeMap::new()), &asked] {
                    // What is asked for the second time, or with parameters that it does not know, reads nothing more.
                    let _ = (kind.gather)(&world, asked);
                }
            }
        });
        let counted = counting.1.into_inner().unwrap();
        assert_eq!(counted.len(), 10, "{counted:?}");
        assert!(counted.values().all(|count| *count == 1), "{counted:?}");
    }
}

//! Products that avouch is tried on besides the reference API: a small program a profile, below `tests/products`.
//!
//! What is committed is what runs: a defect edits the product's own files, and its service, database, logs and test reports
//! follow from them. `product.toml` says what is run, `defects.toml` what may be broken, `template/` is the repository.

mod avouch;
mod defects;
mod holes;
mod matrix;
mod running;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use walkdir::WalkDir;

pub use defects::Defect;
pub use matrix::{Asked, Matrix, Row, matrix};
pub use running::hold;

use crate::{
    fixture::Stream,
    repository::{self, Files, Git},
};
use holes::Holes;

/// Where a service is said to answer in what is committed; the working copy names the port that it really took.
const COMMITTED: [(&str, &str); 2] = [("HTTP", "http://127.0.0.1:8080"), ("HTTPS", "https://127.0.0.1:8443")];
/// The file in which avouch is configured; its addresses are filled in when the service has started.
const CONFIGURATION: &str = "avouch.toml";

/// A product as its folder describes it.
#[derive(Debug)]
pub struct Product {
    /// What is run, and when.
    pub description: Description,
    /// What may be broken.
    pub defects: Vec<Defect>,
    template: Files,
}

/// `product.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The profile that the product claims to keep.
    pub profile: String,
    /// The tag of its release.
    pub release: String,
    /// Environment variables that hold so many random bytes.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// What is run once the release is tagged: the database is filled, the tests are run.
    #[serde(default, rename = "step")]
    pub steps: Vec<Step>,
    /// What serves.
    pub service: Option<Step>,
    /// What is run once the service answers.
    #[serde(default)]
    pub traffic: Vec<Step>,
    /// How it runs on the runtime that it is deployed on.
    pub worker: Option<Worker>,
}

/// A product on workerd: what is run in the place of the steps and the service above.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// See [`Description::steps`].
    #[serde(default, rename = "step")]
    steps: Vec<Step>,
    /// See [`Description::service`].
    service: Step,
    /// The names of the defects that are tried on it.
    defects: Vec<String>,
}

/// How many random bytes an environment variable holds, and how they are written.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub enum Secret {
    /// In hexadecimal digits.
    Hex(usize),
    /// In base64 with its padding.
    Base64 {
        /// How many bytes.
        base64: usize,
    },
}

/// A command, run in the product's folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// Whether it may fail: tests of a product with a defect do.
    #[serde(default)]
    pub may_fail: bool,
}

/// How a product is written.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'a> {
    /// The present, which dates are counted from.
    pub now: DateTime<Utc>,
    /// What keys, people and planted secrets follow from.
    pub seed: u64,
    /// What is broken.
    pub defects: &'a [&'a Defect],
}

/// A product that was written, before anything of it ran.
#[derive(Debug)]
pub struct Written {
    /// The commit of the release.
    pub commit: String,
    /// The configuration with its addresses left open.
    configuration: String,
    /// The secrets of the environment.
    pub secrets: Vec<(String, String)>,
}

impl Product {
    /// Reads a product's folder.
    ///
    /// # Errors
    /// When a file is missing, unreadable or not what it must be.
    pub fn load(folder: &Path) -> anyhow::Result<Self> {
        let description = parse(&folder.join("product.toml"))?;
        let defects: defects::Table = parse(&folder.join("defects.toml"))?;
        let template = template(&folder.join("template"))?;
        Ok(Self { description, defects: defects.checked()?, template })
    }

    /// The same product on workerd, with the defects that are tried there.
    ///
    /// # Errors
    /// When it does not say how it runs there, or names a defect that there is not.
    pub fn on_workerd(mut self) -> anyhow::Result<Self> {
        let worker = self.description.worker.take().context("the product has no [worker]: it does not run on workerd")?;
        self.defects = worker.defects.iter().map(|name| self.defect(name).cloned()).collect::<Result<_, _>>()?;
        (self.description.steps, self.description.service) = (worker.steps, Some(worker.service));
        Ok(self)
    }

    /// The defect of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn defect(&self, name: &str) -> anyhow::Result<&Defect> {
        self.defects.iter().find(|defect| defect.name == name).with_context(|| format!("no defect is named `{name}`"))
    }

    /// Writes the repository, with a commit before the release, the release and its tag.
    ///
    /// # Errors
    /// When the folder is in use, a hole cannot be filled, an edit does not find what it changes, or `git` fails.
    pub fn write(&self, folder: &Path, writing: Writing<'_>) -> anyhow::Result<Written> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        if fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?.next().is_some() {
            bail!("`{}` is not empty; name another folder", folder.display());
        }
        let mut raw = self.template.clone();
        for edit in writing.defects.iter().flat_map(|defect| &defect.edits) {
            edit.apply(&mut raw)?;
        }
        let mut before = raw.clone();
        // The release is told by its changelog: the commit before it has none yet.
        before
            .remove("CHANGELOG.md")
            .context("the template has no CHANGELOG.md, which tells the release from what was before")?;
        for edit in writing.defects.iter().flat_map(|defect| &defect.history) {
            edit.apply(&mut before)?;
        }
        let holes = Holes::new(writing.now, writing.seed, &COMMITTED);
        let unsigned: Vec<&str> = writing.defects.iter().flat_map(|defect| defect.unsigned()).collect();
        let (earlier, released) =
            (finish(before, &holes, writing.seed, &unsigned)?, finish(raw.clone(), &holes, writing.seed, &unsigned)?);

        let git = Git::init(folder, writing.now)?;
        repository::write_all(folder, &earlier)?;
        git.commit("Everything up to the release")?;
        for gone in earlier.keys().filter(|path| !released.contains_key(*path)) {
            fs::remove_file(folder.join(gone)).with_context(|| format!("cannot remove `{gone}`"))?;
        }
        repository::write_all(folder, &released)?;
        let commit = git.commit("Release")?;
        git.tag(&self.description.release, "Release")?;
        let configuration = raw.get(CONFIGURATION).context("the template has no avouch.toml")?.clone();
        Ok(Written { commit, configuration, secrets: self.secrets(writing.seed) })
    }

    fn secrets(&self, seed: u64) -> Vec<(String, String)> {
        let each = self.description.secrets.iter().map(|(name, secret)| {
            let random = |bytes| Stream::new(seed, &format!("secret {name}")).bytes(bytes);
            let text = match *secret {
                Secret::Hex(bytes) => hex::encode(random(bytes)),
                Secret::Base64 { base64 } => STANDARD.encode(random(base64)),
            };
            (name.clone(), text)
        });
        each.collect()
    }
}

impl Written {
    /// The configuration with the addresses at which the service answers.
    ///
    /// # Errors
    /// When a hole cannot be filled.
    fn configuration(&self, writing: Writing<'_>, addresses: &[(String, String)]) -> anyhow::Result<String> {
        let mut known: Vec<(&str, &str)> = addresses.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        known.extend(COMMITTED);
        Holes::new(writing.now, writing.seed, &known).fill(&self.configuration).context("avouch.toml")
    }
}

/// Fills every hole and signs the decisions.
fn finish(mut files: Files, holes: &Holes<'_>, seed: u64, unsigned: &[&str]) -> anyhow::Result<Files> {
    holes.fill_all(&mut files)?;
    let configuration: toml::Table =
        files.get(CONFIGURATION).context("the template has no avouch.toml")?.parse().context("avouch.toml is not TOML")?;
    let people: Vec<String> = configuration
        .get("people")
        .and_then(toml::Value::as_table)
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    repository::sign(&mut files, seed, &people, unsigned);
    Ok(files)
}

/// The files of a template. A part of a path that begins with `dot-` begins with `.` in the repository, so that nothing here
/// means anything to the tools that look at this one.
fn template(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot list `{}`", folder.display()))?;
        if !entry.file_type().is_file() {
            continue;
        }
        let inside = entry.path().strip_prefix(folder).context("a file outside of its folder")?;
        let parts: Vec<String> = inside
            .components()
            .map(|part| {
                let part = part.as_os_str().to_string_lossy();
                part.strip_prefix("dot-").map_or_else(|| part.to_string(), |rest| format!(".{rest}"))
            })
            .collect();
        let text = fs::read_to_string(entry.path()).with_context(|| format!("cannot read `{}`", entry.path().display()))?;
        files.insert(parts.join("/"), text);
    }
    if files.is_empty() {
        bail!("`{}` holds no file", folder.display());
    }
    Ok(files)
}

fn parse<T: serde::de::DeserializeOwned>(path: &PathBuf) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    toml::from_str(&text).with_context(|| format!("`{}` is not what it must be", path.display()))
}

//! The product's repository, as a stranger would have it: sources, policies, pipeline, signed decisions, a tagged release.

mod blind;
mod breakage;
mod decisions;
mod files;
mod git;
mod report;
mod sshsig;

use std::{fs, path::Path};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};

pub(crate) use self::{decisions::sign, git::Git, sshsig::public_key};
pub use files::Files;

use crate::defect::{Chosen, Defect};

/// The tag of the release.
const TAG: &str = "v1.4.2";

/// How the repository is written.
#[derive(Clone, Debug)]
pub struct Writing {
    /// The present, which the dates of decisions are counted from.
    pub now: DateTime<Utc>,
    /// The time of the commits and of the tag.
    pub date: DateTime<Utc>,
    /// What the people's keys follow from.
    pub seed: u64,
    /// The defect.
    pub chosen: Chosen,
    /// The service's address.
    pub https: String,
    /// Its address in plain HTTP.
    pub http: String,
    /// The file of its authority.
    pub ca: String,
    /// Its database.
    pub db: String,
}

/// Writes the repository and returns the commit of its release. What a pipeline would leave beside it, the report of the
/// unit tests, is written last and not committed.
///
/// # Errors
/// When the folder is in use, cannot be written, or `git` fails.
pub fn write(folder: &Path, writing: &Writing) -> anyhow::Result<String> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    if fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?.next().is_some() {
        bail!("`{}` is not empty; name another folder", folder.display());
    }
    let contents = contents(writing)?;
    let Contents { earlier, released } = &contents;
    let git = git::Git::init(folder, writing.date)?;
    write_all(folder, earlier)?;
    let before = git.commit("Describe the API, its security and its pipeline")?;
    for gone in earlier.keys().filter(|path| !released.contains_key(*path)) {
        fs::remove_file(folder.join(gone)).with_context(|| format!("cannot remove `{gone}`"))?;
    }
    write_all(folder, released)?;
    let commit = git.commit("Release 1.4.2")?;
    git.tag(TAG, "Release 1.4.2")?;
    let report = report([&before, &commit], &contents, writing)?;
    write_all(folder, &Files::from([("reports/unit.xml".to_owned(), report)]))?;
    Ok(commit)
}

/// What the two commits hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The files of the commit before the release.
    pub earlier: Files,
    /// The files of the release.
    pub released: Files,
}

/// What the two commits hold.
///
/// # Errors
/// When a defect does not find what it breaks.
pub fn contents(writing: &Writing) -> anyhow::Result<Contents> {
    let mut released = files::of(writing);
    breakage::breaks(&mut released, writing)?;
    sign(&mut released, writing.seed, &["alice", "bob"], &[]);
    blind::after_signing(&mut released, writing)?;
    let mut earlier = files::before_the_release(&released);
    if writing.chosen.is(Defect::SecretInHistory) {
        earlier.insert(breakage::DEPLOY_SCRIPT.to_owned(), breakage::deploy_script(writing.seed));
    }
    Ok(Contents { earlier, released })
}

/// The report of the unit tests, which are run for it: of the release, the second of these commits, unless the pipeline tested the
/// one before and not again.
///
/// # Errors
/// When there is no database to run them on, or nothing says how they are run.
pub fn report([before, release]: [&str; 2], contents: &Contents, writing: &Writing) -> anyhow::Result<String> {
    let late = writing.chosen.is(Defect::ReportOfAnotherCommit);
    let (commit, files) = if late { (before, &contents.earlier) } else { (release, &contents.released) };
    let manifest = files.get("package.json").context("there is no package.json")?;
    report::junit(commit, writing.now, manifest, writing.chosen)
}

/// Writes files into a folder.
pub(crate) fn write_all(folder: &Path, files: &Files) -> anyhow::Result<()> {
    for (path, text) in files {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot make the folder `{}`", parent.display()))?;
        }
        fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    Ok(())
}

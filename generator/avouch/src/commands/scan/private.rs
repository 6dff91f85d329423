//! Where a scan keeps what is nobody else's: the key of the digests, and what was searched before.

use std::fs;

use anyhow::{Context as _, bail};
use avouch_scan::Key;
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    exit::Usage,
    files::{self, Readers},
    output::Output,
};

/// The environment variable of the key.
const VARIABLE: &str = "AVOUCH_SCAN_KEY";
/// The name of the key's file.
const FILE: &str = "scan.key";

/// The private folder of a project: `.avouch` where `avouch init` made one, otherwise a folder beside git's own. Neither is ever
/// committed.
pub(super) struct Private(Option<Utf8PathBuf>);

impl Private {
    /// Of the project with this root; nothing is made.
    pub(super) fn of(root: &Utf8Path) -> Self {
        let (own, git) = (root.join(".avouch"), root.join(".git"));
        Self(match (own.is_dir(), git.is_dir()) {
            (true, _) => Some(own),
            (false, true) => Some(git.join("avouch")),
            (false, false) => None,
        })
    }

    /// The folder, which may not exist yet; none where there is no private place.
    pub(super) fn folder(&self) -> Option<&Utf8Path> {
        let folder = self.0.as_deref()?;
        // What is kept needs the folder to be there; beside git's own it is made when it is first needed.
        if folder.ends_with(".git/avouch") && !folder.is_dir() {
            fs::create_dir(folder).ok()?;
        }
        Some(folder)
    }

    /// The key: of the environment, otherwise of the private folder, otherwise made of these bytes where some are given.
    pub(super) fn key(&self, fresh: Option<[u8; 32]>, output: &Output) -> anyhow::Result<Option<Key>> {
        if let Some(text) = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty()) {
            return Key::from_text(&text).map(Some).map_err(|error| Usage(format!("{VARIABLE}: {error}")).into());
        }
        let Some(file) = self.folder().map(|folder| folder.join(FILE)) else {
            if fresh.is_some() {
                bail!(Usage(format!("there is no private place for a key here; set {VARIABLE} to 64 random hexadecimal digits")));
            }
            return Ok(None);
        };
        if file.is_file() {
            let text = fs::read_to_string(&file).with_context(|| format!("cannot read the key `{file}`"))?;
            return Key::from_text(&text).map(Some).map_err(|error| Usage(format!("`{file}`: {error}")).into());
        }
        let Some(fresh) = fresh else { return Ok(None) };
        let text: String = fresh.iter().map(|byte| format!("{byte:02x}")).chain(["\n".to_owned()]).collect();
        files::put(&file, text.as_bytes(), Readers::Owner).with_context(|| format!("cannot write the key `{file}`"))?;
        output.note(&format!("made a key, {file}; who else uses the baseline needs it as {VARIABLE}, and nobody else"));
        Ok(Some(Key::from_text(&text)?))
    }
}

/// Fresh random bytes.
pub(super) fn random_bytes() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system gives no random bytes")?;
    Ok(bytes)
}

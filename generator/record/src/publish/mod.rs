//! Publishing: from the ledger and the pages to a folder that verifies. On the way, and after an interruption until the next
//! publication, pages may be newer than the checkpoint, which verification tells: nothing of the log is lost, whatever happens.
//!
//! The order, and what a crash after each step leaves:
//!
//! 1. The published checkpoint is held against the ledger; a fork stops here. Nothing was touched.
//! 2. Pages are rendered into the staging folder. The old publication stands beside debris, which the next publication sweeps.
//! 3. A `site` entry is appended when a page changed. The next publication finds it there and goes on.
//! 4. New files of the log are staged, made durable and renamed into place; then the pages. The old checkpoint still names
//!    only files that are there; pages may be newer than its manifest until step 5.
//! 5. The checkpoint is replaced. From here the new publication stands.
//! 6. What the new checkpoint no longer names is removed: withdrawn payloads, old pages, partial tiles that were filled.
//!    These files must outlive the old checkpoint, which names them; leftovers are removed by the next publication.

mod beside;
mod contents;
mod stage;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use avouch_log::{Checkpoint, layout, note::Note};
use avouch_model::{Timestamp, payload::SiteManifest};

use crate::{
    disk::{Disk, Real},
    error::RecordError,
    folder::Folder,
    ledger::Ledger,
    signer::Signer,
};
use stage::Stage;

/// Gives every page, once, with its path below the folder, to the function it is called with.
pub type Render<'a> = dyn FnMut(&mut dyn FnMut(&str, &[u8]) -> io::Result<()>) -> io::Result<()> + 'a;

/// What a publication did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The head that is published.
    pub checkpoint: Checkpoint,
    /// Whether a `site` entry was appended: a page changed.
    pub site_changed: bool,
    /// Files written; 0 when everything was there already.
    pub written: u64,
    /// Files removed.
    pub removed: u64,
    /// How many pages there are.
    pub pages: u64,
}

/// Publishes the ledger and the pages to a folder. The first signer signs a `site` entry, all of them the checkpoint.
///
/// Pages that did not change are not written again, and when none did, no entry is appended. The folder is locked meanwhile.
///
/// # Errors
/// When the folder holds another log, a longer one, or files that avouch did not write; when a page has an impossible path;
/// when a published file was altered; when the disk fails. The folder is as before or is completed by the next publication.
pub fn publish(
    ledger: &mut Ledger,
    signers: &[&Signer],
    at: Timestamp,
    out: &Path,
    render: &mut Render<'_>,
) -> Result<Published, RecordError> {
    publish_on(&Real, ledger, signers, at, out, render)
}

pub(crate) fn publish_on(
    disk: &dyn Disk,
    ledger: &mut Ledger,
    signers: &[&Signer],
    at: Timestamp,
    out: &Path,
    render: &mut Render<'_>,
) -> Result<Published, RecordError> {
    let first = signers_of(ledger, signers)?;
    disk.create_folder(out).map_err(file("create", out))?;
    let _lock = lock(out)?;
    let stood = standing(ledger, out)?;
    let mut stage = Stage::begin(disk, out)?;
    let entries = ledger.size()?;
    let pages = beside::pages(&mut stage, render)?;
    // Strangers stop it before an entry is appended.
    beside::unneeded(ledger, &stage, &pages)?;
    let manifest = SiteManifest { v: 1, entries, files: pages };
    let last = ledger.last_site()?;
    // An unchanged set of pages keeps the manifest it has, with the entry count of then.
    let site_changed = last.is_none_or(|last| last.files != manifest.files);
    if site_changed {
        ledger.append_site(first, at, &manifest)?;
    }
    // Another process may append meanwhile: what is published is the ledger at one moment.
    let (checkpoint, rest) = ledger.snapshot(|ledger| {
        let head = ledger.head()?;
        let checkpoint = Checkpoint { origin: ledger.origin().to_owned(), size: head.size(), root: head.root() };
        contents::stage(ledger, &mut stage, stood.as_ref().map_or(0, |stood| stood.size), checkpoint.size)?;
        Ok((checkpoint, beside::unneeded(ledger, &stage, &manifest.files)?))
    })?;
    stage.make_way(&rest)?;
    stage.put()?;
    stage.put_checkpoint(&note(&checkpoint, signers))?;
    let removed = stage.remove(&rest)?;
    let written = stage.end()?;
    Ok(Published { checkpoint, site_changed, written, removed, pages: manifest.files.len() as u64 })
}

fn signers_of<'s>(ledger: &Ledger, signers: &[&'s Signer]) -> Result<&'s Signer, RecordError> {
    let keyring = ledger.keyring()?;
    for signer in signers {
        if !keyring.active().any(|key| key == signer.vkey()) {
            return Err(RecordError::NotASigner { key: signer.vkey().short() });
        }
    }
    signers.first().copied().ok_or(RecordError::NoSigner)
}

/// Locks the folder itself, so that nothing has to lie in it or beside it.
fn lock(out: &Path) -> Result<File, RecordError> {
    let folder = File::open(out).map_err(file("open", out))?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(RecordError::PublishLocked { path: out.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(RecordError::File { doing: "lock", path: out.to_owned(), cause }),
    }
}

/// The checkpoint that stands in the folder, after it was found to be the beginning of this ledger.
fn standing(ledger: &Ledger, out: &Path) -> Result<Option<Checkpoint>, RecordError> {
    let path = out.join(layout::CHECKPOINT);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(RecordError::File { doing: "read", path, cause }),
    };
    let note = Note::read(&bytes).map_err(|cause| RecordError::PublishedNote { path: path.clone(), cause })?;
    let stood: Checkpoint =
        note.text().parse().map_err(|cause| RecordError::PublishedCheckpoint { path: path.clone(), cause })?;
    let fork = |what: String| Err(RecordError::Fork { what });
    if stood.origin != ledger.origin() {
        return fork(format!("the folder holds the log `{}`, and the ledger is `{}`", stood.origin, ledger.origin()));
    }
    let size = ledger.size()?;
    if stood.size > size {
        return fork(format!("{} entries are published, and the ledger has {size}: it is an older copy", stood.size));
    }
    if ledger.root_at(stood.size)? != stood.root {
        return fork(format!("the first {} entries of the ledger are not those that are published", stood.size));
    }
    Ok(Some(stood))
}

fn note(checkpoint: &Checkpoint, signers: &[&Signer]) -> String {
    let text = checkpoint.to_string();
    let lines: String = signers.iter().map(|signer| signer.sign_note(&text)).collect();
    format!("{text}\n{lines}")
}

fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RecordError {
    let path: PathBuf = path.to_owned();
    move |cause| RecordError::File { doing, path, cause }
}

fn listed(out: &Path) -> Result<Vec<(String, u64)>, RecordError> {
    Folder::new(out).files().map_err(|error| RecordError::File {
        doing: "list",
        path: out.join(&error.path),
        cause: io::Error::other(error),
    })
}

//! The staging folder: what is new is written there, made durable, and renamed into place.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use avouch_log::layout;

use super::{file, listed};
use crate::{disk::Disk, error::RecordError};

/// A publication on its way.
pub(super) struct Stage<'a> {
    disk: &'a dyn Disk,
    out: PathBuf,
    staging: PathBuf,
    /// What lies in the folder, with its length.
    pub(super) there: BTreeMap<String, u64>,
    /// Staged files of the log and then pages: number and path.
    log: Vec<(usize, String)>,
    pages: Vec<(usize, String)>,
    written: u64,
}

impl<'a> Stage<'a> {
    /// Sweeps what an interrupted publication left, and looks at what is there.
    pub(super) fn begin(disk: &'a dyn Disk, out: &Path) -> Result<Self, RecordError> {
        // In the published folder, so that a rename never crosses file systems. A crash leaves it to the next publication; a
        // publication that is refused takes it away.
        let staging = out.join(layout::STAGING);
        let mut stage =
            Self { disk, out: out.to_owned(), staging, there: BTreeMap::new(), log: Vec::new(), pages: Vec::new(), written: 0 };
        stage.sweep()?;
        stage.there = listed(out)?.into_iter().collect();
        disk.create_folder(&stage.staging).map_err(file("create", &stage.staging))?;
        Ok(stage)
    }

    fn sweep(&self) -> Result<(), RecordError> {
        match fs::read_dir(&self.staging) {
            Ok(entries) => {
                for entry in entries {
                    let path = entry.map_err(file("list", &self.staging))?.path();
                    self.disk.remove(&path).map_err(file("remove", &path))?;
                }
                self.disk.remove_folder(&self.staging).map_err(file("remove", &self.staging))
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(file("list", &self.staging)(cause)),
        }
    }

    /// The folder that is published to.
    pub(super) fn out(&self) -> &Path {
        &self.out
    }

    /// Stages a page unless it lies there as it is.
    pub(super) fn page(&mut self, path: &str, bytes: &[u8]) -> Result<(), RecordError> {
        if !self.lies(path, bytes)? {
            let number = self.write(bytes)?;
            self.pages.push((number, path.to_owned()));
        }
        Ok(())
    }

    /// Stages a file that never changes, unless it lies there as it is.
    ///
    /// # Errors
    /// When another file lies there.
    pub(super) fn immutable(&mut self, path: &str, bytes: &[u8]) -> Result<(), RecordError> {
        if self.there.contains_key(path) {
            return if self.lies(path, bytes)? { Ok(()) } else { Err(RecordError::Altered { path: self.out.join(path) }) };
        }
        let number = self.write(bytes)?;
        self.log.push((number, path.to_owned()));
        Ok(())
    }

    /// Whether a file lies there with these bytes.
    fn lies(&self, path: &str, bytes: &[u8]) -> Result<bool, RecordError> {
        if self.there.get(path) != Some(&(bytes.len() as u64)) {
            return Ok(false);
        }
        let full = self.out.join(path);
        // A link may point anywhere: what lies behind one is not ours.
        let plain = full.symlink_metadata().map_err(file("read", &full))?.is_file();
        Ok(plain && fs::read(&full).map_err(file("read", &full))? == bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, RecordError> {
        let number = self.log.len() + self.pages.len();
        let path = self.staged(number);
        self.disk.write(&path, bytes).map_err(file("write", &path))?;
        Ok(number)
    }

    fn staged(&self, number: usize) -> PathBuf {
        self.staging.join(number.to_string())
    }

    /// Removes pages that stand where a new page needs a folder, or the other way round.
    pub(super) fn make_way(&mut self, unneeded: &BTreeSet<String>) -> Result<(), RecordError> {
        let below = |upper: &str, lower: &str| lower.strip_prefix(upper).is_some_and(|rest| rest.starts_with('/'));
        let new: BTreeSet<&str> = self.pages.iter().map(|(_, path)| path.as_str()).collect();
        let in_the_way = |old: &&String| {
            old.match_indices('/').any(|(at, _)| old.get(..at).is_some_and(|upper| new.contains(upper)))
                || new.range(old.as_str()..).take_while(|path| path.starts_with(old.as_str())).any(|path| below(old, path))
        };
        let way: BTreeSet<String> = unneeded.iter().filter(in_the_way).cloned().collect();
        self.remove(&way)?;
        Ok(())
    }

    /// Makes everything staged durable and puts it in its place: first the log, then the pages.
    pub(super) fn put(&mut self) -> Result<(), RecordError> {
        let files: Vec<(usize, String)> = self.log.drain(..).chain(self.pages.drain(..)).collect();
        if files.is_empty() {
            return Ok(());
        }
        let staged: Vec<PathBuf> = files.iter().map(|(number, _)| self.staged(*number)).collect();
        self.disk.sync(&staged).map_err(file("make durable", &self.staging))?;
        let mut folders = BTreeSet::new();
        for (staged, (_, path)) in staged.iter().zip(&files) {
            let to = self.out.join(path);
            if let Some(parent) = to.parent()
                && !folders.contains(parent)
            {
                if !parent.is_dir() {
                    self.disk.create_folder(parent).map_err(file("create", parent))?;
                }
                let within = |folder: &&Path| folder.starts_with(&self.out);
                folders.extend(parent.ancestors().take_while(within).map(Path::to_owned));
            }
            self.disk.rename(staged, &to).map_err(file("write", &to))?;
        }
        self.written += files.len() as u64;
        let folders: Vec<PathBuf> = folders.into_iter().collect();
        self.disk.sync(&folders).map_err(file("make durable", &self.out))
    }

    /// Puts the checkpoint in its place, unless it lies there as it is.
    pub(super) fn put_checkpoint(&mut self, note: &str) -> Result<(), RecordError> {
        if self.lies(layout::CHECKPOINT, note.as_bytes())? {
            return Ok(());
        }
        let staged = self.staging.join(layout::CHECKPOINT);
        let to = self.out.join(layout::CHECKPOINT);
        self.disk.write(&staged, note.as_bytes()).map_err(file("write", &staged))?;
        self.disk.sync(std::slice::from_ref(&staged)).map_err(file("make durable", &staged))?;
        self.disk.rename(&staged, &to).map_err(file("write", &to))?;
        self.disk.sync(std::slice::from_ref(&self.out)).map_err(file("make durable", &self.out))?;
        self.written += 1;
        Ok(())
    }

    /// Removes files, and folders that they leave empty. Gives how many were there.
    pub(super) fn remove(&mut self, paths: &BTreeSet<String>) -> Result<u64, RecordError> {
        let mut removed = 0;
        for path in paths {
            if self.there.remove(path).is_none() {
                continue;
            }
            let full = self.out.join(path);
            self.disk.remove(&full).map_err(file("remove", &full))?;
            removed += 1;
            for folder in full.ancestors().skip(1).take_while(|folder| *folder != self.out) {
                let empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
                if !empty {
                    break;
                }
                self.disk.remove_folder(folder).map_err(file("remove", folder))?;
            }
        }
        Ok(removed)
    }

    /// Removes the staging folder. Gives how many files were written.
    pub(super) fn end(self) -> Result<u64, RecordError> {
        self.sweep()?;
        Ok(self.written)
    }
}

impl Drop for Stage<'_> {
    /// Why the publication did not end is told already; what cannot be removed either is left to the next one.
    fn drop(&mut self) {
        let _ = self.sweep();
    }
}

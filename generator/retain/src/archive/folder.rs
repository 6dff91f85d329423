//! An archive in a folder: a file an object, readable by its owner alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::Store;

/// A folder that is there.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder, for its owner alone.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|cause| at(&folder, &cause))?;
        Ok(Self(folder))
    }
}

impl Store for Folder {
    fn create(&mut self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let place = self.0.join(name);
        let part = self.0.join(format!(".{name}"));
        self.create_at(&place, &part, bytes).map_err(|cause| {
            // Rows of which nobody knows; that it cannot be removed either says nothing more.
            let _ = fs::remove_file(&part);
            at(&place, &cause)
        })
    }

    fn read(&mut self, name: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        let place = self.0.join(name);
        let mut bytes = Vec::new();
        let read = File::open(&place).and_then(|file| file.take(bytes_max as u64 + 1).read_to_end(&mut bytes));
        match read.map_err(|cause| at(&place, &cause))? {
            length if length > bytes_max => Err(at(&place, &io::ErrorKind::FileTooLarge.into())),
            _ => Ok(bytes),
        }
    }
}

impl Folder {
    fn create_at(&self, place: &Path, part: &Path, bytes: &[u8]) -> io::Result<bool> {
        if place.try_exists()? {
            return Ok(false);
        }
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // Whole under its name or not there at all, and never written over.
        let linked = fs::hard_link(part, place);
        fs::remove_file(part)?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            linked => linked?,
        }
        File::open(&self.0)?.sync_all()?;
        Ok(true)
    }
}

/// The same trouble, and where it was: a full disk does not tell which.
fn at(place: &Path, cause: &io::Error) -> io::Error {
    io::Error::new(cause.kind(), format!("`{}`: {cause}", place.display()))
}

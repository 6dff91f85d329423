//! A tree of files that somebody holds in memory: for tests, and for values that never were on a disk.

use std::collections::BTreeMap;

use crate::{FileEntry, Files, RepositoryError};

/// Files by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InMemory(pub BTreeMap<String, Vec<u8>>);

impl InMemory {
    /// A tree of these paths and texts.
    pub fn of<P: Into<String>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, B)>) -> Self {
        Self(files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect())
    }
}

impl Files for InMemory {
    fn list(&self) -> Result<Vec<FileEntry>, RepositoryError> {
        let entry = |(path, bytes): (&String, &Vec<u8>)| FileEntry { path: path.clone(), size: bytes.len() as u64 };
        Ok(self.0.iter().map(entry).collect())
    }

    fn read(&self, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, RepositoryError> {
        match self.0.get(path) {
            Some(bytes) if bytes.len() as u64 > bytes_max => Err(RepositoryError::TooLarge { path: path.to_owned(), bytes_max }),
            found => Ok(found.cloned()),
        }
    }
}

//! Where published files come from: a folder, a web server, memory. The reader of the bytes lives elsewhere.

use std::{collections::BTreeMap, error::Error};

/// A file could not be asked for: the disk or the network failed. That a file is not there is an answer, not a failure.
#[derive(Debug, thiserror::Error)]
#[error("cannot get `{path}`")]
pub struct SourceError {
    /// The path of the file below the published folder; empty for the folder itself.
    pub path: String,
    /// What failed.
    #[source]
    pub cause: Box<dyn Error + Send + Sync>,
}

/// A published folder, wherever it is.
pub trait Source {
    /// The bytes of a file by its path with `/`; none when it is not there.
    ///
    /// # Errors
    /// When that cannot be told.
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError>;

    /// The paths of all files; none where files cannot be listed, as behind a web server.
    fn list(&self) -> Option<Result<Vec<String>, SourceError>>;
}

/// A published folder in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory(pub BTreeMap<String, Vec<u8>>);

impl Source for Memory {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.get(path).cloned())
    }

    fn list(&self) -> Option<Result<Vec<String>, SourceError>> {
        Some(Ok(self.0.keys().cloned().collect()))
    }
}

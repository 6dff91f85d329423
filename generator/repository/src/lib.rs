//! A working tree or a commit as files, read through git's plumbing.

/// A tree of files: a commit's, or a folder's.
pub trait Files {
    /// Every regular file's path (forward slashes, relative, sorted), with its size in bytes. Links are listed apart.
    ///
    /// # Errors
    /// When the tree cannot be read.
    fn list(&self) -> Result<Vec<FileEntry>, RepositoryError>;

    /// The bytes of a file; none when there is no regular file at this path.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than `bytes_max`.
    fn read(&self, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, RepositoryError>;
}

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileEntry {
    /// The path, relative to the root, with forward slashes.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
}

/// A folder as it lies on the disk.
#[derive(Debug)]
pub struct Folder {}

/// Why a tree could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {}

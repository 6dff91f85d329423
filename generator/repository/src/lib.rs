//! A working tree or a commit as files, read through git's plumbing.
//!
//! Architecture invariants: nothing here writes, nothing opens a socket, and no program but `git` is ever started. `git`
//! is started without the user's and the system's configuration and with everything switched off by which a repository
//! can name a program to run ([`Repository`] says how).

use std::{io, path::PathBuf};

mod commit;
mod dirty;
mod discover;
mod folder;
mod git;
mod history;
mod index;
mod look;
mod memory;
mod object;
mod path;
mod staged;
mod tag;
#[cfg(test)]
mod tests;
mod walk;

pub use commit::CommitTree;
pub use discover::Repository;
pub use folder::{Folder, Name, Stamp};
pub use history::{Arrival, BlobVisit};
pub use memory::InMemory;
pub use staged::Message;
pub use tag::Tag;

/// A tree of files: a commit's, or a folder's.
pub trait Files {
    /// Every regular file's path (forward slashes, relative, sorted), with its size in bytes. Links are listed apart.
    ///
    /// # Errors
    /// When the tree cannot be read.
    fn list(&self) -> Result<Vec<FileEntry>, RepositoryError>;

    /// The paths of [`Files::list`] alone; of a folder they are known without looking at every file.
    ///
    /// # Errors
    /// As [`Files::list`].
    fn paths(&self) -> Result<Vec<String>, RepositoryError> {
        Ok(self.list()?.into_iter().map(|entry| entry.path).collect())
    }

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

/// Something in a tree that is not listed as a file, so that nobody takes its absence for nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PassedOver {
    /// The path, relative to the root; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// Why it is not listed.
    pub why: Why,
}

/// Why something in a tree is not listed as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A symbolic link: never followed.
    Link,
    /// A pipe, a socket or a device: never opened.
    Special,
    /// Another repository at a commit of its own (a gitlink).
    Submodule,
    /// The name is not UTF-8.
    NotUtf8,
}

/// Why a tree could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The folder cannot be opened.
    #[error("cannot open the folder `{}`", path.display())]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// It is there, and is no folder.
    #[error("`{}` is not a folder; name the folder that holds the repository", path.display())]
    NotAFolder {
        /// What was named.
        path: PathBuf,
    },
    /// A part of the folder cannot be listed.
    #[error("cannot list `{path}`")]
    List {
        /// Where, relative to the root.
        path: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file, relative to the root.
        path: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A file is larger than the caller allows.
    #[error("`{path}` is larger than {bytes_max} bytes, the limit for such a file")]
    TooLarge {
        /// The file, relative to the root.
        path: String,
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// The path does not stay beneath the root.
    #[error("`{path}` is not a path beneath the root; write it relative, with `/`, without `.` and `..`")]
    Outside {
        /// The path.
        path: String,
    },
    /// The tree holds more files than a listing may have.
    #[error("the tree holds more than {files_max} files, the limit of a listing")]
    TooManyFiles {
        /// The limit.
        files_max: usize,
    },
    /// There is no `git`.
    #[error("`git` was not found; install it (`apt-get install git`, `brew install git`) or put it on PATH")]
    GitMissing,
    /// `git` cannot be started, or the pipe to it broke.
    #[error("cannot run `git {operation}`")]
    GitStart {
        /// The git command.
        operation: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// `git` ended with an error.
    #[error("`git {operation}` failed ({status}): {said}")]
    GitFailed {
        /// The git command.
        operation: String,
        /// How it ended.
        status: String,
        /// The beginning of what it said, control characters replaced.
        said: String,
    },
    /// `git` took too long and was stopped.
    #[error("`git {operation}` did not end within {seconds_max} s and was stopped")]
    GitSlow {
        /// The git command.
        operation: String,
        /// The limit in seconds.
        seconds_max: u64,
    },
    /// `git` said more than is read.
    #[error("`git {operation}` wrote more than {bytes_max} bytes, the limit for this command")]
    GitTalkative {
        /// The git command.
        operation: String,
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// `git` said something that it should not say.
    #[error("`git {operation}` answered unexpectedly: {said}")]
    GitAnswer {
        /// The git command.
        operation: String,
        /// What, control characters replaced.
        said: String,
    },
    /// No commit has this id here.
    #[error(
        "there is no commit `{commit}` in the repository; a shallow clone lacks older commits (`git fetch --unshallow --tags`)"
    )]
    NoCommit {
        /// What was asked for.
        commit: String,
    },
    /// The pattern of tags is not a glob.
    #[error("`{glob}` is not a pattern of tag names, such as `v*`")]
    TagPattern {
        /// The pattern.
        glob: String,
        /// Why not.
        #[source]
        cause: globset::Error,
    },
}

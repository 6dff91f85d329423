//! A published folder on disk, as verification reads it.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use avouch_log::source::{Source, SourceError};
use walkdir::WalkDir;

/// The largest published file that is read.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// A published folder on disk. Symbolic links are never followed; the folder's own `.git` is not looked at.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder at this path.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every file below it with its length, links included (as length 0), in order of their paths.
    pub(crate) fn files(&self) -> Result<Vec<(String, u64)>, SourceError> {
        let mut files = Vec::new();
        let ours = |entry: &walkdir::DirEntry| entry.depth() != 1 || entry.file_name() != ".git";
        for entry in WalkDir::new(&self.root).min_depth(1).sort_by_file_name().into_iter().filter_entry(ours) {
            let entry = entry.map_err(|cause| failed("", cause))?;
            if entry.file_type().is_dir() {
                continue;
            }
            let relative = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
            let path = relative.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
            let length =
                if entry.file_type().is_file() { entry.metadata().map_err(|cause| failed(&path, cause))?.len() } else { 0 };
            files.push((path, length));
        }
        Ok(files)
    }
}

impl Source for Folder {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let below = Path::new(path);
        if path.contains('\\') || !below.components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(None);
        }
        let full = self.root.join(below);
        let metadata = match fs::symlink_metadata(&full) {
            Ok(metadata) => metadata,
            Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
            Err(cause) => return Err(failed(path, cause)),
        };
        if metadata.is_dir() {
            return Ok(None);
        }
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            return Err(failed(path, io::Error::other("not a plain file, or larger than 256 MiB")));
        }
        fs::read(&full).map(Some).map_err(|cause| failed(path, cause))
    }

    fn list(&self) -> Option<Result<Vec<String>, SourceError>> {
        Some(self.files().map(|files| files.into_iter().map(|(path, _)| path).collect()))
    }
}

fn failed(path: &str, cause: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError { path: path.to_owned(), cause: Box::new(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("public/.git")).unwrap();
        fs::create_dir_all(folder.path().join("public/a")).unwrap();
        for file in ["secret", "public/a/b", "public/.git/x"] {
            fs::write(folder.path().join(file), b"x").unwrap();
        }
        let source = Folder::new(folder.path().join("public"));
        assert_eq!(source.get("a/b").unwrap().unwrap(), b"x");
        for path in ["../secret", "a/../../secret", "/etc/passwd", "a", "", "a/b/c", "nothing", "."] {
            assert!(source.get(path).unwrap().is_none(), "{path}");
        }
        assert_eq!(source.list().unwrap().unwrap(), ["a/b"]);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret", folder.path().join("public/link")).unwrap();
            assert!(source.get("link").is_err());
            assert_eq!(source.list().unwrap().unwrap(), ["a/b", "link"]);
        }
    }
}

//! A database of advisories from a folder or a file: read whole, each file bounded, nothing unpacked to a disk.

use std::{fs, io, path::Path};

use avouch_advise::{BYTES_MAX, Database, Loader};
use avouch_repository::{Files as _, Folder, RepositoryError};

/// Why a database could not be read at all. A file of it that cannot be read is told by [`avouch_advise::Facts`].
#[derive(Debug, thiserror::Error)]
pub enum AdvisoriesError {
    /// The folder cannot be read.
    #[error("cannot read the advisories")]
    Folder(#[from] RepositoryError),
    /// The file cannot be read.
    #[error("cannot read the advisories in `{path}`")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The file is of another sort.
    #[error(
        "`{path}` holds no advisories: a folder of OSV JSON, a folder with all.zip of each ecosystem, a RustSec checkout, or one such file"
    )]
    NotAdvisories {
        /// What was named.
        path: String,
    },
    /// The file is larger than any database.
    #[error("`{path}` has more than {BYTES_MAX} bytes, the limit for a file of advisories")]
    TooLarge {
        /// The file.
        path: String,
    },
}

/// Reads the database at a path: a folder (OSV JSON, `<ecosystem>/all.zip`, a RustSec checkout, or all of these) or one file.
///
/// # Errors
/// When there is nothing at the path, or it cannot be read at all.
pub fn load(path: &Path) -> Result<Database, AdvisoriesError> {
    let shown = || path.display().to_string();
    let fail = |cause| AdvisoriesError::File { path: shown(), cause };
    let metadata = fs::metadata(path).map_err(fail)?;
    if metadata.is_dir() {
        return folder(&Folder::open(path)?);
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !metadata.is_file() || !Loader::wants(name) {
        return Err(AdvisoriesError::NotAdvisories { path: shown() });
    }
    if metadata.len() > BYTES_MAX {
        return Err(AdvisoriesError::TooLarge { path: shown() });
    }
    let mut loader = Loader::default();
    loader.file(name, &fs::read(path).map_err(fail)?);
    Ok(loader.finish())
}

/// What is passed over in a folder (a link, a pipe) is told as unreadable: it may be where the advisory lies.
fn folder(folder: &Folder) -> Result<Database, AdvisoriesError> {
    let mut loader = Loader::default();
    for entry in folder.list()?.iter().filter(|entry| Loader::wants(&entry.path)) {
        match folder.read(&entry.path, BYTES_MAX) {
            Ok(Some(bytes)) => loader.file(&entry.path, &bytes),
            Ok(None) => loader.unreadable(&entry.path, "it vanished while it was read"),
            Err(error) => loader.unreadable(&entry.path, &crate::sources::chain(&error)),
        }
    }
    for passed in folder.passed_over()?.iter().filter(|passed| Loader::wants(&passed.path)) {
        loader.unreadable(&passed.path, "it is a link or no regular file, and is not followed");
    }
    Ok(loader.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"id":"T-1","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"a"},"versions":["1.0.0"]}]}"#;

    #[test]
    fn a_folder_is_read_with_what_lies_in_it_and_what_cannot_be_read_is_told() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("npm")).unwrap();
        fs::write(place.path().join("npm/T-1.json"), RECORD).unwrap();
        fs::write(place.path().join("ecosystems.txt"), "npm").unwrap();
        let database = load(place.path()).unwrap();
        assert_eq!((database.facts().advisories, database.facts().unreadable), (1, 0));
        assert_eq!(load(&place.path().join("npm/T-1.json")).unwrap().facts().advisories, 1);
        assert!(matches!(load(&place.path().join("ecosystems.txt")), Err(AdvisoriesError::NotAdvisories { .. })));
        assert!(matches!(load(&place.path().join("nowhere")), Err(AdvisoriesError::File { .. })));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("T-1.json", place.path().join("npm/link.json")).unwrap();
            assert_eq!(load(place.path()).unwrap().facts().unreadable, 1);
        }
    }
}

//! Files that are whole or not there: written beside, made durable, then renamed.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
};

use camino::Utf8Path;
use tempfile::Builder;

/// Who may read a file, beyond what the umask takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever may read the folder.
    Everyone,
    /// Its owner alone.
    Owner,
}

/// Puts a file in its place, whether there was one or not. Whoever reads it at the same time sees the old or the new one, and
/// a loss of power leaves one of both; what was half written is removed.
///
/// # Errors
/// When the folder cannot be written to, or the disk is full.
pub(crate) fn put(file: &Utf8Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    // A pipe or a device is written to, not replaced: `-o /dev/stdout` must not put a file in its place.
    if fs::metadata(file).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return OpenOptions::new().write(true).open(file)?.write_all(bytes);
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_str().is_empty() => folder,
        _ => Utf8Path::new("."),
    };
    let mode = match readers {
        Readers::Everyone => 0o666,
        Readers::Owner => 0o600,
    };
    let mut beside =
        Builder::new().prefix(".avouch-").suffix(".tmp").permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(file)?;
    // The name is durable when its folder is.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_written_to_and_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let link = Utf8Path::from_path(folder.path()).unwrap().join("null");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        put(&link, b"gone", Readers::Everyone).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let file = root.join("bom.json");
        for bytes in [b"first, and longer".as_slice(), b"second"] {
            put(&file, bytes, Readers::Owner).unwrap();
            assert_eq!(fs::read(&file).unwrap(), bytes);
        }
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(root).unwrap().count(), 1);

        let taken = root.join("folder");
        fs::create_dir_all(taken.join("inside")).unwrap();
        assert!(put(&taken, b"x", Readers::Everyone).is_err());
        assert!(put(&root.join("nowhere/bom.json"), b"x", Readers::Everyone).is_err());
        assert_eq!(fs::read_dir(root).unwrap().count(), 2, "what could not be put in its place is removed");
    }
}

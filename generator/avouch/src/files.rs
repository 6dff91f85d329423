//! Files that are whole or not there: written beside, made durable, then renamed.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
};

use camino::Utf8Path;
use tempfile::{Builder, TempDir};

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
    let mut beside = hidden().permissions(Permissions::from_mode(mode(readers))).tempfile_in(folder)?;
    beside.write_all(bytes)?;
    beside.as_file().sync_all()?;
    beside.persist(file)?;
    // The name is durable when its folder is.
    File::open(folder)?.sync_all()
}

/// Files of one folder that are put in their places together, once all of them are written: what fails before leaves
/// everything as it was. A crash in between leaves some new and the others old, each whole.
pub(crate) struct Several<'a> {
    folder: &'a Utf8Path,
    beside: TempDir,
    names: Vec<String>,
}

impl<'a> Several<'a> {
    /// # Errors
    /// When the folder cannot be written to.
    pub(crate) fn of(folder: &'a Utf8Path) -> io::Result<Self> {
        Ok(Self { folder, beside: hidden().tempdir_in(folder)?, names: Vec::new() })
    }

    /// Writes a file beside its place.
    ///
    /// # Errors
    /// When something else stands in its place, the folder cannot be written to, or the disk is full.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8], readers: Readers) -> io::Result<()> {
        if fs::metadata(self.folder.join(name)).is_ok_and(|there| !there.is_file()) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is no file stands in its place"));
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode(readers)).open(self.beside.path().join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Puts them in their places.
    ///
    /// # Errors
    /// When the folder cannot be written to any more.
    pub(crate) fn put(self) -> io::Result<()> {
        for name in &self.names {
            fs::rename(self.beside.path().join(name), self.folder.join(name))?;
        }
        File::open(self.folder)?.sync_all()
    }
}

/// What is not in its place yet.
fn hidden<'a>() -> Builder<'a, 'a> {
    let mut builder = Builder::new();
    builder.prefix(".avouch-").suffix(".tmp");
    builder
}

const fn mode(readers: Readers) -> u32 {
    match readers {
        Readers::Everyone => 0o666,
        Readers::Owner => 0o600,
    }
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

    #[test]
    fn several_files_are_put_in_their_places_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs::write(root.join("a"), "old").unwrap();
        fs::create_dir(root.join("b")).unwrap();
        let mut several = Several::of(root).unwrap();
        several.add("a", b"new", Readers::Everyone).unwrap();
        assert!(several.add("b", b"new", Readers::Everyone).is_err(), "a folder is no place for a file");
        drop(several);
        assert_eq!(fs::read(root.join("a")).unwrap(), b"old");
        assert_eq!(fs::read_dir(root).unwrap().count(), 2, "nothing is left beside");

        let mut several = Several::of(root).unwrap();
        for name in ["a", "c"] {
            several.add(name, b"new", Readers::Everyone).unwrap();
            assert!(!root.join("c").exists());
        }
        several.put().unwrap();
        assert_eq!((fs::read(root.join("a")).unwrap(), fs::read(root.join("c")).unwrap()), (b"new".to_vec(), b"new".to_vec()));
        assert_eq!(fs::read_dir(root).unwrap().count(), 3);
    }
}

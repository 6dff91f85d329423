//! How something looks without being read, from a folder that is held open: the way to the folder is not gone again each time.

use std::{
    ffi::OsStr,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

/// How a file, a folder or a link itself looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    /// What the system tells besides; nothing where it is no Unix.
    pub(crate) told: Option<Told>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    Special,
}

/// Times are seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) changed: (i64, u32),
    pub(crate) modified: (i64, u32),
    pub(crate) inode: u64,
    pub(crate) device: u64,
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Look {
    /// As the standard library tells it.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let kind = metadata.file_type();
        let kind = match (kind.is_file(), kind.is_dir(), kind.is_symlink()) {
            (true, ..) => Kind::File,
            (_, true, _) => Kind::Folder,
            (.., true) => Kind::Link,
            _ => Kind::Special,
        };
        Self { kind, size: metadata.len(), told: told(metadata) }
    }
}

#[cfg(unix)]
fn told(metadata: &Metadata) -> Option<Told> {
    use std::os::unix::fs::MetadataExt;
    let time = |seconds: i64, nanoseconds: i64| (seconds, u32::try_from(nanoseconds).unwrap_or_default());
    Some(Told {
        changed: time(metadata.ctime(), metadata.ctime_nsec()),
        modified: time(metadata.mtime(), metadata.mtime_nsec()),
        inode: metadata.ino(),
        device: metadata.dev(),
        user: metadata.uid(),
        group: metadata.gid(),
    })
}

#[cfg(not(unix))]
fn told(_: &Metadata) -> Option<Told> {
    None
}

/// A folder that is held open.
#[derive(Debug)]
pub(crate) struct Held {
    root: PathBuf,
    #[cfg(target_os = "linux")]
    folder: Option<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Held {
    /// The folder at this path. Where it cannot be held, the whole way is gone.
    pub(crate) fn open(root: &Path) -> Self {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        let folder = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok();
        Self { root: root.to_owned(), folder }
    }

    /// How what lies at a path below looks; a link at its end is not followed.
    pub(crate) fn look(&self, below: &OsStr) -> io::Result<Look> {
        use rustix::fs::{AtFlags, StatxFlags, makedev, statx};
        let seen = self.folder.as_ref().map(|folder| statx(folder, below, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS));
        match seen {
            Some(Ok(seen)) if seen.stx_mask & StatxFlags::BASIC_STATS.bits() == StatxFlags::BASIC_STATS.bits() => Ok(Look {
                kind: match rustix::fs::FileType::from_raw_mode(seen.stx_mode.into()) {
                    rustix::fs::FileType::RegularFile => Kind::File,
                    rustix::fs::FileType::Directory => Kind::Folder,
                    rustix::fs::FileType::Symlink => Kind::Link,
                    _ => Kind::Special,
                },
                size: seen.stx_size,
                told: Some(Told {
                    changed: (seen.stx_ctime.tv_sec, seen.stx_ctime.tv_nsec),
                    modified: (seen.stx_mtime.tv_sec, seen.stx_mtime.tv_nsec),
                    inode: seen.stx_ino,
                    device: makedev(seen.stx_dev_major, seen.stx_dev_minor),
                    user: seen.stx_uid,
                    group: seen.stx_gid,
                }),
            }),
            Some(Err(rustix::io::Errno::NOENT)) => Err(io::ErrorKind::NotFound.into()),
            // Whatever is odd, an old system too, is told by the standard library.
            _ => fs::symlink_metadata(self.root.join(below)).map(|metadata| Look::of(&metadata)),
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Held {
    /// The folder at this path.
    pub(crate) fn open(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// How what lies at a path below looks; a link at its end is not followed.
    pub(crate) fn look(&self, below: &OsStr) -> io::Result<Look> {
        fs::symlink_metadata(self.root.join(below)).map(|metadata| Look::of(&metadata))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_folder_tells_what_the_standard_library_tells() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        fs::write(place.path().join("a/b/c"), "12345").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("nowhere", place.path().join("a/link")).unwrap();
        let held = Held::open(place.path());
        for below in ["a", "a/b/c", "a/link", "a/none", "a/b/c/d"] {
            let told = fs::symlink_metadata(place.path().join(below));
            let told = told.map(|metadata| Look::of(&metadata)).map_err(|error| error.kind());
            assert_eq!(held.look(OsStr::new(below)).map_err(|error| error.kind()), told, "{below}");
        }
    }
}

//! A folder as it lies on the disk.

use std::{
    fmt,
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{
    FileEntry, Files, PassedOver, RepositoryError,
    look::{Held, Kind, Look},
    path::beneath,
    walk::{self, FILES_MAX},
};

/// A folder as it lies on the disk. Links are not followed, pipes and devices not opened, and `.git` is left out at
/// every depth. What is read while somebody writes is what was there at that moment.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    held: Held,
    git_rules: bool,
}

/// Something that lies directly in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Its name, without the folder.
    pub name: String,
    /// Whether it is a folder itself.
    pub folder: bool,
}

impl Folder {
    /// The folder at this path. A link to a folder is followed here, and nowhere below.
    ///
    /// # Errors
    /// When there is nothing at the path, it cannot be opened, or it is no folder.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, RepositoryError> {
        let root = root.as_ref();
        let fail = |cause| RepositoryError::OpenFolder { path: root.to_owned(), cause };
        let whole = fs::canonicalize(root).map_err(fail)?;
        if !fs::metadata(&whole).map_err(fail)?.is_dir() {
            return Err(RepositoryError::NotAFolder { path: root.to_owned() });
        }
        Ok(Self { held: Held::open(&whole), root: whole, git_rules: false })
    }

    /// The same folder, listed as git would add it: what `.gitignore` files in it and `.git/info/exclude` ignore is left
    /// out. Rules above the folder and the user's own are not read, so that two machines list the same. A file that is
    /// tracked although a rule ignores it is left out too. Reading by path is not affected.
    #[must_use]
    pub fn listed_by_git_rules(mut self) -> Self {
        self.git_rules = true;
        self
    }

    /// Where it lies, links resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What lies in the folder and is not listed as a file, sorted by path.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn passed_over(&self) -> Result<Vec<PassedOver>, RepositoryError> {
        Ok(walk::walk(self, self.git_rules, false)?.passed_over)
    }

    /// What lies directly in a folder below (the empty path is the root itself), sorted by name: files and folders, no links
    /// and nothing special. Empty when there is no such folder.
    ///
    /// # Errors
    /// When it cannot be listed, or holds more than a listing may.
    pub fn names(&self, path: &str) -> Result<Vec<Name>, RepositoryError> {
        let mut whole = self.root.clone();
        let fail = |cause| RepositoryError::List { path: path.to_owned(), cause };
        if !path.is_empty() {
            for part in beneath(path)?.split('/') {
                whole.push(part);
                match fs::symlink_metadata(&whole) {
                    Ok(metadata) if metadata.is_dir() => {}
                    Ok(_) => return Ok(Vec::new()),
                    Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                        return Ok(Vec::new());
                    }
                    Err(error) => return Err(fail(error)),
                }
            }
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&whole).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let kind = entry.file_type().map_err(fail)?;
            if let (Ok(name), true) = (entry.file_name().into_string(), kind.is_file() || kind.is_dir()) {
                names.push(Name { name, folder: kind.is_dir() });
            }
            if names.len() > FILES_MAX {
                return Err(RepositoryError::TooManyFiles { files_max: FILES_MAX });
            }
        }
        names.sort();
        Ok(names)
    }

    /// Opens a file to be read piece by piece; none when there is no regular file at this path. No link on the way is followed.
    ///
    /// # Errors
    /// When it cannot be opened, or the path does not stay beneath the folder.
    pub fn open_file(&self, path: &str) -> Result<Option<File>, RepositoryError> {
        let path = beneath(path)?;
        let fail = |cause| RepositoryError::Read { path: path.to_owned(), cause };
        let whole = self.root.join(path);
        // One look and one step where the system refuses links by itself; whatever goes wrong is found out step by step.
        if let Ok(metadata) = fs::symlink_metadata(&whole)
            && metadata.is_file()
            && let Some(file) = open_without_links(&whole)
            && file.metadata().is_ok_and(|opened| same_file(&metadata, &opened))
        {
            return Ok(Some(file));
        }
        let Some((whole, metadata)) = self.regular(path).map_err(fail)? else {
            return Ok(None);
        };
        let file = File::open(&whole).map_err(fail)?;
        // Somebody may have put a link or a pipe in its place since it was looked at.
        if !same_file(&metadata, &file.metadata().map_err(fail)?) {
            return Err(fail(io::Error::other("it was replaced while it was being opened")));
        }
        Ok(Some(file))
    }

    /// Every regular file as [`Files::list`] has it, with its [`Folder::stamp`].
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn stamped(&self) -> Result<Vec<(FileEntry, Option<Stamp>)>, RepositoryError> {
        Ok(walk::walk(self, self.git_rules, true)?.files)
    }

    /// By what a file is recognised as unchanged without reading it; none when there is no regular file, or the system tells no
    /// such thing.
    pub fn stamp(&self, path: &str) -> Option<Stamp> {
        let look = self.held.look(beneath(path).ok()?.as_ref()).ok()?;
        Stamp::of(&look).filter(|_| look.kind == Kind::File)
    }

    /// The same of a folder below: it changes when something directly in it is added, removed or given another name, and not when
    /// a file in it is written to.
    pub fn folder_stamp(&self, path: &str) -> Option<Stamp> {
        let look = self.held.look(beneath(path).ok()?.as_ref()).ok()?;
        Stamp::of(&look).filter(|_| look.kind == Kind::Folder)
    }

    /// The metadata of a regular file at this path, reached without following a link.
    fn regular(&self, path: &str) -> io::Result<Option<(PathBuf, Metadata)>> {
        let mut whole = self.root.clone();
        let mut found = None;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            whole.push(part);
            match fs::symlink_metadata(&whole) {
                Ok(metadata) if parts.peek().is_some() && metadata.is_dir() => {}
                Ok(metadata) if parts.peek().is_none() && metadata.is_file() => found = Some(metadata),
                Ok(_) => return Ok(None),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(found.map(|metadata| (whole, metadata)))
    }
}

/// A file's identity, size and times: what changes whenever somebody writes to it. As git's index has it, a write within the same
/// tick of the clock can go unseen; [`Stamp::changed`] tells when that is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp([i128; 5]);

impl Stamp {
    pub(crate) fn of(look: &Look) -> Option<Self> {
        let told = look.told?;
        let time = |(seconds, nanoseconds): (i64, u32)| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        Some(Self([time(told.changed), time(told.modified), look.size.into(), told.inode.into(), told.device.into()]))
    }

    /// When the file, or what the system knows of it, last changed: seconds since 1970.
    pub fn changed(&self) -> i64 {
        i64::try_from(self.0[0].div_euclid(1_000_000_000)).unwrap_or(i64::MAX)
    }

    /// All of it as bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|part| part.to_be_bytes()).collect()
    }

    /// What [`Stamp`]'s `Display` wrote.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ').map(|part| part.parse().ok());
        let mut stamp = Self([0; 5]);
        for part in &mut stamp.0 {
            *part = parts.next()??;
        }
        parts.next().is_none().then_some(stamp)
    }
}

/// Its numbers in base ten, a blank between two.
impl fmt::Display for Stamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [changed, modified, size, inode, device] = self.0;
        write!(formatter, "{changed} {modified} {size} {inode} {device}")
    }
}

impl Files for Folder {
    fn list(&self) -> Result<Vec<FileEntry>, RepositoryError> {
        Ok(walk::walk(self, self.git_rules, true)?.files.into_iter().map(|(entry, _)| entry).collect())
    }

    fn paths(&self) -> Result<Vec<String>, RepositoryError> {
        Ok(walk::walk(self, self.git_rules, false)?.files.into_iter().map(|(entry, _)| entry.path).collect())
    }

    fn read(&self, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, RepositoryError> {
        let path = beneath(path)?;
        let fail = |cause| RepositoryError::Read { path: path.to_owned(), cause };
        let too_large = || RepositoryError::TooLarge { path: path.to_owned(), bytes_max };
        let Some(file) = self.open_file(path)? else {
            return Ok(None);
        };
        let size = file.metadata().map_err(fail)?.len();
        if size > bytes_max {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
        // It may have grown since, too.
        if bytes.len() as u64 > bytes_max {
            return Err(too_large());
        }
        Ok(Some(bytes))
    }
}

/// Opens a file where no part of its path is a link; none where the system cannot tell (`openat2`, Linux 5.6), or says no.
#[cfg(target_os = "linux")]
fn open_without_links(whole: &Path) -> Option<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    // What was put into the place of a file since it was looked at must not make the opening wait.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    openat2(CWD, whole, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).ok().map(File::from)
}

#[cfg(not(target_os = "linux"))]
fn open_without_links(_: &Path) -> Option<File> {
    None
}

#[cfg(unix)]
fn same_file(before: &Metadata, after: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    after.is_file() && before.dev() == after.dev() && before.ino() == after.ino()
}

#[cfg(not(unix))]
fn same_file(_: &Metadata, after: &Metadata) -> bool {
    after.is_file()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::Why;

    fn folder() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        fs::write(place.path().join("a/b/c.txt"), "12345").unwrap();
        fs::write(place.path().join("z"), "").unwrap();
        let folder = Folder::open(place.path()).unwrap();
        (place, folder)
    }

    fn paths(folder: &Folder) -> Vec<String> {
        folder.list().unwrap().into_iter().map(|entry| entry.path).collect()
    }

    #[test]
    fn files_are_listed_relative_and_sorted_without_git() {
        let (place, folder) = folder();
        fs::create_dir_all(place.path().join(".git/objects")).unwrap();
        fs::write(place.path().join(".git/config"), "x").unwrap();
        fs::write(place.path().join("a/.git"), "gitdir: elsewhere").unwrap();
        assert_eq!(paths(&folder), ["a/b/c.txt", "z"]);
        assert_eq!(folder.list().unwrap()[0].size, 5);
    }

    #[test]
    fn a_file_that_is_not_there_is_none_and_a_folder_is_no_file() {
        let (_place, folder) = folder();
        assert_eq!(folder.read("a/b/c.txt", 5).unwrap().unwrap(), b"12345");
        for path in ["a", "nothing", "z/below", "a/b/c.txt/d"] {
            assert!(folder.read(path, 9).unwrap().is_none(), "{path}");
        }
    }

    #[test]
    fn a_file_over_the_limit_is_an_error_that_names_the_limit() {
        let (_place, folder) = folder();
        let error = folder.read("a/b/c.txt", 4).unwrap_err().to_string();
        assert_eq!(error, "`a/b/c.txt` is larger than 4 bytes, the limit for such a file");
    }

    #[test]
    fn paths_that_leave_the_root_are_refused() {
        let (_place, folder) = folder();
        for path in ["../x", "/etc/hostname", "a/../../x", "a//b"] {
            assert!(matches!(folder.read(path, 9), Err(RepositoryError::Outside { .. })), "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_passed_over_and_never_read_through() {
        let (place, folder) = folder();
        let secret = tempfile::tempdir().unwrap();
        fs::write(secret.path().join("key"), "secret").unwrap();
        std::os::unix::fs::symlink(secret.path(), place.path().join("out")).unwrap();
        std::os::unix::fs::symlink(secret.path().join("key"), place.path().join("key")).unwrap();
        std::os::unix::fs::symlink(place.path(), place.path().join("a/loop")).unwrap();
        assert_eq!(paths(&folder), ["a/b/c.txt", "z"]);
        for path in ["out/key", "key", "a/loop/z"] {
            assert!(folder.read(path, 99).unwrap().is_none(), "{path}");
        }
        let passed: Vec<_> = folder.passed_over().unwrap().into_iter().map(|other| (other.path, other.why)).collect();
        assert_eq!(passed, [("a/loop".into(), Why::Link), ("key".into(), Why::Link), ("out".into(), Why::Link)]);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_never_opened() {
        let (place, folder) = folder();
        for name in ["pipe", ".gitignore"] {
            let made = std::process::Command::new("mkfifo").arg(place.path().join(name)).status().unwrap();
            assert!(made.success());
        }
        let folder = folder.listed_by_git_rules();
        assert!(folder.read("pipe", 9).unwrap().is_none());
        assert_eq!(paths(&folder), ["a/b/c.txt", "z"]);
        assert_eq!(folder.passed_over().unwrap().len(), 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_not_utf8_is_passed_over_and_said() {
        use std::os::unix::ffi::OsStrExt;
        let (place, folder) = folder();
        fs::write(place.path().join(OsStr::from_bytes(b"bad\xff")), "x").unwrap();
        assert_eq!(folder.passed_over().unwrap()[0].why, Why::NotUtf8);
        assert_eq!(paths(&folder).len(), 2);
    }

    #[test]
    fn ignore_rules_hold_below_their_folder_and_the_nearer_one_wins() {
        let (place, folder) = folder();
        let write = |path: &str, text: &str| {
            let whole = place.path().join(path);
            fs::create_dir_all(whole.parent().unwrap()).unwrap();
            fs::write(whole, text).unwrap();
        };
        write(".gitignore", "target/\n*.log\n/z\n[\n");
        write("target/x", "");
        write("a/one.log", "");
        write("a/b/.gitignore", "!two.log\nc.txt\n");
        write("a/b/two.log", "");
        write("c.txt", "");
        write(".git/info/exclude", "private\n");
        write("private", "");
        assert_eq!(paths(&folder.listed_by_git_rules()), [".gitignore", "a/b/.gitignore", "a/b/two.log", "c.txt"]);
    }

    #[cfg(unix)]
    #[test]
    fn names_are_those_of_one_folder_without_links() {
        let (place, folder) = folder();
        std::os::unix::fs::symlink(place.path(), place.path().join("a/loop")).unwrap();
        let names = |path: &str| folder.names(path).unwrap().into_iter().map(|it| (it.name, it.folder)).collect::<Vec<_>>();
        assert_eq!(names(""), [("a".to_owned(), true), ("z".to_owned(), false)]);
        assert_eq!(names("a"), [("b".to_owned(), true)]);
        for path in ["z", "none", "a/loop"] {
            assert_eq!(names(path), [], "{path}");
        }
        assert!(matches!(folder.names("../x"), Err(RepositoryError::Outside { .. })));
    }

    #[test]
    fn what_is_no_folder_cannot_be_opened() {
        let (place, _folder) = folder();
        assert!(matches!(Folder::open(place.path().join("z")), Err(RepositoryError::NotAFolder { .. })));
        assert!(matches!(Folder::open(place.path().join("none")), Err(RepositoryError::OpenFolder { .. })));
    }
}

//! A folder as it lies on the disk.

use std::{
    ffi::OsStr,
    fmt,
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use walkdir::{DirEntry, WalkDir};

use crate::{FileEntry, Files, PassedOver, RepositoryError, Why, path::beneath};

/// More files than any repository has; a listing beyond is an error, not a truncated answer.
const FILES_MAX: usize = 2_000_000;
/// Folders within folders; deeper ones are an error.
const DEPTH_MAX: usize = 256;
/// The largest file of ignore rules that is read.
const RULES_BYTES_MAX: u64 = 1 << 20;

/// A folder as it lies on the disk. Links are not followed, pipes and devices not opened, and `.git` is left out at
/// every depth. What is read while somebody writes is what was there at that moment.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
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

struct Listing {
    files: Vec<(FileEntry, Option<Stamp>)>,
    sized: bool,
    passed_over: Vec<PassedOver>,
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
        Ok(Self { root: whole, git_rules: false })
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
        Ok(self.walk(false)?.passed_over)
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
        let listing = self.walk(true)?;
        Ok(listing.files)
    }

    /// By what a file is recognised as unchanged without reading it; none when there is no regular file, or the system tells no
    /// such thing.
    pub fn stamp(&self, path: &str) -> Option<Stamp> {
        let path = beneath(path).ok()?;
        Stamp::of(&fs::symlink_metadata(self.root.join(path)).ok().filter(Metadata::is_file)?)
    }

    /// The same of a folder below: it changes when something directly in it is added, removed or given another name, and not when
    /// a file in it is written to.
    pub fn folder_stamp(&self, path: &str) -> Option<Stamp> {
        let path = beneath(path).ok()?;
        Stamp::of(&fs::symlink_metadata(self.root.join(path)).ok().filter(Metadata::is_dir)?)
    }

    /// Everything in it. Without `sized` no file is looked at: sizes are 0, and there are no stamps.
    fn walk(&self, sized: bool) -> Result<Listing, RepositoryError> {
        let mut listing = Listing { files: Vec::new(), passed_over: Vec::new(), sized };
        let mut rules = Rules::of(self)?;
        let mut entries = WalkDir::new(&self.root).min_depth(1).max_depth(DEPTH_MAX + 1).into_iter();
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => match vanished_or(&self.root, error) {
                    Some(error) => return Err(error),
                    None => continue,
                },
            };
            let folder = entry.file_type().is_dir();
            if entry.file_name() == OsStr::new(".git") || rules.ignore(&entry, folder) {
                if folder {
                    entries.skip_current_dir();
                }
                continue;
            }
            if folder {
                if entry.depth() > DEPTH_MAX {
                    let cause = io::Error::other(format!("folders are nested more than {DEPTH_MAX} deep"));
                    return Err(RepositoryError::List { path: shown(&self.root, entry.path()), cause });
                }
                rules.enter(self, &entry)?;
                continue;
            }
            listing.add(&self.root, &entry)?;
        }
        listing.files.sort_by(|(one, _), (other, _)| one.cmp(other));
        listing.passed_over.sort();
        Ok(listing)
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
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let time = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        Some(Self([
            time(metadata.ctime(), metadata.ctime_nsec()),
            time(metadata.mtime(), metadata.mtime_nsec()),
            metadata.size().into(),
            metadata.ino().into(),
            metadata.dev().into(),
        ]))
    }

    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Option<Self> {
        None
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
        Ok(self.walk(true)?.files.into_iter().map(|(entry, _)| entry).collect())
    }

    fn paths(&self) -> Result<Vec<String>, RepositoryError> {
        Ok(self.walk(false)?.files.into_iter().map(|(entry, _)| entry.path).collect())
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

impl Listing {
    fn add(&mut self, root: &Path, entry: &DirEntry) -> Result<(), RepositoryError> {
        let kind = entry.file_type();
        let Some(path) = relative(root, entry.path()) else {
            self.passed_over.push(PassedOver { path: shown(root, entry.path()), why: Why::NotUtf8 });
            return Ok(());
        };
        if !kind.is_file() {
            let why = if kind.is_symlink() { Why::Link } else { Why::Special };
            self.passed_over.push(PassedOver { path, why });
            return Ok(());
        }
        let seen = if self.sized { entry.metadata().map(|it| (it.len(), Stamp::of(&it))) } else { Ok((0, None)) };
        match seen {
            Ok((size, stamp)) => self.files.push((FileEntry { path, size }, stamp)),
            Err(error) => return vanished_or(root, error).map_or(Ok(()), Err),
        }
        if self.files.len() > FILES_MAX {
            return Err(RepositoryError::TooManyFiles { files_max: FILES_MAX });
        }
        Ok(())
    }
}

/// The ignore rules of the folders from the root down to the current one. The crate's own walker is not used: it would
/// open a `.gitignore` that is a link or a pipe.
struct Rules {
    stack: Vec<(usize, Gitignore)>,
    wanted: bool,
}

impl Rules {
    fn of(folder: &Folder) -> Result<Self, RepositoryError> {
        let mut rules = Self { stack: Vec::new(), wanted: folder.git_rules };
        if rules.wanted {
            rules.push(folder, 0, &folder.root, ".git/info/exclude")?;
            rules.push(folder, 0, &folder.root, ".gitignore")?;
        }
        Ok(rules)
    }

    fn enter(&mut self, folder: &Folder, entry: &DirEntry) -> Result<(), RepositoryError> {
        // The walk came here through folders alone; most hold no rules, and the path need not be gone over for that.
        if !self.wanted || fs::symlink_metadata(entry.path().join(".gitignore")).is_err() {
            return Ok(());
        }
        match relative(&folder.root, entry.path()) {
            Some(path) => self.push(folder, entry.depth(), entry.path(), &format!("{path}/.gitignore")),
            None => Ok(()),
        }
    }

    fn push(&mut self, folder: &Folder, depth: usize, base: &Path, file: &str) -> Result<(), RepositoryError> {
        let Some(bytes) = folder.read(file, RULES_BYTES_MAX)? else {
            return Ok(());
        };
        let mut builder = GitignoreBuilder::new(base);
        for line in String::from_utf8_lossy(&bytes).lines() {
            // A line that is no pattern ignores nothing, as in git.
            let _ = builder.add_line(None, line);
        }
        if let Ok(rules) = builder.build() {
            self.stack.push((depth, rules));
        }
        Ok(())
    }

    fn ignore(&mut self, entry: &DirEntry, folder: bool) -> bool {
        // The rules of folders that were left no longer count; those of the root (depth 0) always do.
        self.stack.retain(|(depth, _)| *depth < entry.depth());
        let decided = self.stack.iter().rev().map(|(_, rules)| rules.matched(entry.path(), folder));
        decided.into_iter().find(|verdict| !verdict.is_none()).is_some_and(|verdict| verdict.is_ignore())
    }
}

/// The error of a walk, unless it only says that something is gone meanwhile.
fn vanished_or(root: &Path, error: walkdir::Error) -> Option<RepositoryError> {
    let path = error.path().map_or_else(|| ".".to_owned(), |path| shown(root, path));
    let cause = error.into_io_error().unwrap_or_else(|| io::Error::other("a link leads back to a folder above it"));
    (cause.kind() != io::ErrorKind::NotFound).then_some(RepositoryError::List { path, cause })
}

fn relative(root: &Path, path: &Path) -> Option<String> {
    let parts = path.strip_prefix(root).ok()?.components();
    let parts: Option<Vec<_>> = parts.map(|part| part.as_os_str().to_str()).collect();
    Some(parts?.join("/"))
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
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
    use super::*;

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

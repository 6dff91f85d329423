//! Going through a folder and all below it. Each folder is read whole before what is in it is gone into, so that its own list
//! tells whether it has ignore rules.

use std::{
    ffi::OsString,
    fs::{self, FileType},
    io,
    path::{Path, PathBuf},
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::{FileEntry, Files, Folder, PassedOver, RepositoryError, Stamp, Why, look::Look};

/// More files than any repository has; a listing beyond is an error, not a truncated answer.
pub(crate) const FILES_MAX: usize = 2_000_000;
/// Folders within folders; deeper ones are an error.
const DEPTH_MAX: usize = 256;
/// The largest file of ignore rules that is read.
const RULES_BYTES_MAX: u64 = 1 << 20;

/// What was found, sorted by path.
#[derive(Default)]
pub(crate) struct Listing {
    pub(crate) files: Vec<(FileEntry, Option<Stamp>)>,
    pub(crate) passed_over: Vec<PassedOver>,
}

/// Everything in a folder; with `git_rules` without what these ignore. Without `sized` no file is looked at: sizes are 0, and
/// there are no stamps. The crate `ignore` has a walker of its own, which would open a `.gitignore` that is a link or a pipe.
pub(crate) fn walk(folder: &Folder, git_rules: bool, sized: bool) -> Result<Listing, RepositoryError> {
    let mut walk = Walk { folder, sized, rules: git_rules.then(Vec::new), listing: Listing::default() };
    walk.add_rules(0, folder.root(), ".git/info/exclude")?;
    let mut waiting = vec![Place { whole: folder.root().to_owned(), path: Some(String::new()), depth: 0 }];
    while let Some(place) = waiting.pop() {
        walk.enter(&place, &mut waiting)?;
    }
    walk.listing.files.sort_by(|(one, _), (other, _)| one.cmp(other));
    walk.listing.passed_over.sort();
    Ok(walk.listing)
}

struct Walk<'a> {
    folder: &'a Folder,
    sized: bool,
    /// The rules of the folders from the root down to the current one, with their depth; none where they do not count.
    rules: Option<Vec<(usize, Gitignore)>>,
    listing: Listing,
}

/// A folder that is to be gone into.
struct Place {
    whole: PathBuf,
    /// Relative to the root, with a `/` at the end; empty at the root, and none where a name is not UTF-8.
    path: Option<String>,
    depth: usize,
}

impl Walk<'_> {
    /// Lists the files of a folder; the folders in it wait for their turn.
    fn enter(&mut self, place: &Place, waiting: &mut Vec<Place>) -> Result<(), RepositoryError> {
        let fail = |cause| RepositoryError::List { path: shown(self.folder.root(), &place.whole), cause };
        if place.depth > DEPTH_MAX {
            return Err(fail(io::Error::other(format!("folders are nested more than {DEPTH_MAX} deep"))));
        }
        let Some(found) = unless_vanished(names(&place.whole, self.sized)).map_err(fail)? else { return Ok(()) };
        if found.len() > FILES_MAX {
            return Err(RepositoryError::TooManyFiles { files_max: FILES_MAX });
        }
        if let Some(rules) = &mut self.rules {
            // Those of folders that were left no longer count. `.git/info/exclude` and those of the root are of depth 0.
            rules.retain(|(depth, _)| *depth < place.depth.max(1));
        }
        if let Some(path) = place.path.as_ref().filter(|_| found.iter().any(|found| found.name == ".gitignore")) {
            self.add_rules(place.depth, &place.whole, &format!("{path}.gitignore"))?;
        }
        for found in found {
            let is_folder = found.kind.is_dir();
            let whole = place.whole.join(&found.name);
            if found.name == ".git" || self.ignores(&whole, is_folder) {
                continue;
            }
            let name = found.name.to_str();
            let path = place.path.as_ref().zip(name).map(|(path, name)| format!("{path}{name}"));
            if is_folder {
                waiting.push(Place { whole, path: path.map(|path| path + "/"), depth: place.depth + 1 });
                continue;
            }
            self.add(path, &whole, &found)?;
        }
        Ok(())
    }

    fn add(&mut self, path: Option<String>, whole: &Path, found: &Found) -> Result<(), RepositoryError> {
        let listing = &mut self.listing;
        let Some(path) = path else {
            listing.passed_over.push(PassedOver { path: shown(self.folder.root(), whole), why: Why::NotUtf8 });
            return Ok(());
        };
        if !found.kind.is_file() {
            let why = if found.kind.is_symlink() { Why::Link } else { Why::Special };
            listing.passed_over.push(PassedOver { path, why });
            return Ok(());
        }
        let (size, stamp) = found.seen;
        listing.files.push((FileEntry { path, size }, stamp));
        if listing.files.len() > FILES_MAX {
            return Err(RepositoryError::TooManyFiles { files_max: FILES_MAX });
        }
        Ok(())
    }

    fn add_rules(&mut self, depth: usize, base: &Path, file: &str) -> Result<(), RepositoryError> {
        let Some(rules) = &mut self.rules else { return Ok(()) };
        let Some(bytes) = self.folder.read(file, RULES_BYTES_MAX)? else { return Ok(()) };
        let mut builder = GitignoreBuilder::new(base);
        for line in String::from_utf8_lossy(&bytes).lines() {
            // A line that is no pattern ignores nothing, as in git.
            let _ = builder.add_line(None, line);
        }
        rules.extend(builder.build().ok().map(|built| (depth, built)));
        Ok(())
    }

    fn ignores(&self, whole: &Path, is_folder: bool) -> bool {
        let decided = self.rules.iter().flatten().rev().map(|(_, rules)| rules.matched(whole, is_folder));
        decided.into_iter().find(|verdict| !verdict.is_none()).is_some_and(|verdict| verdict.is_ignore())
    }
}

/// Something that lies in a folder.
struct Found {
    name: OsString,
    kind: FileType,
    /// Size and stamp of a file, where they were asked for.
    seen: (u64, Option<Stamp>),
}

/// What lies directly in a folder. What is gone before it can be looked at is not there.
fn names(whole: &Path, sized: bool) -> io::Result<Vec<Found>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(whole)? {
        let entry = entry?;
        let Some(kind) = unless_vanished(entry.file_type())? else { continue };
        let seen = if sized && kind.is_file() {
            let Some(metadata) = unless_vanished(entry.metadata())? else { continue };
            (metadata.len(), Stamp::of(&Look::of(&metadata)))
        } else {
            (0, None)
        };
        names.push(Found { name: entry.file_name(), kind, seen });
        if names.len() > FILES_MAX {
            break;
        }
    }
    Ok(names)
}

fn unless_vanished<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn shown(root: &Path, path: &Path) -> String {
    let shown = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    if shown.is_empty() { ".".to_owned() } else { shown }
}

//! Whether a working folder differs from a commit, found out without running a filter.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use avouch_model::Digest;

use crate::{
    RepositoryError,
    commit::{tree_lines, tree_listing},
    git::Git,
    index,
    look::{Held, Kind, Look},
    object::Objects,
};

/// Above this a file whose hash differs is called changed without a closer look.
const COMPARED_BYTES_MAX: u64 = 64 << 20;

/// What the index holds at a path.
#[derive(PartialEq, Eq)]
struct Staged {
    mode: String,
    id: String,
}

/// Compares the commit with the index, and the index with the folder. `head` is the commit's id and that of its tree.
pub(crate) fn is_dirty(git: &Git, objects: &Objects, head: Option<(&str, &str)>) -> Result<bool, RepositoryError> {
    match head.and_then(|(id, tree)| Some((own_index(git, id)?, tree))) {
        Some(((index, look), tree)) => is_dirty_by_index(git, objects, &index, &look, tree),
        None => is_dirty_by_git(git, objects, head.map(|(id, _)| id)),
    }
}

/// The index as a file, where it is one that can be read without git: that of a repository with a folder of its own.
pub(crate) fn own_index(git: &Git, head: &str) -> Option<(index::Index, Look)> {
    let path = git.git_dir().join("index");
    let metadata = fs::symlink_metadata(&path).ok()?;
    if !metadata.is_file() || metadata.len() > index::BYTES_MAX {
        return None;
    }
    let bytes = fs::read(&path).ok()?;
    // Somebody may have written it since it was looked at.
    let after = fs::symlink_metadata(&path).ok()?;
    let same = after.len() == metadata.len() && after.modified().ok() == metadata.modified().ok();
    same.then(|| Some((index::read(&bytes, head.len() / 2)?, Look::of(&metadata)))).flatten()
}

fn is_dirty_by_index(
    git: &Git,
    objects: &Objects,
    index: &index::Index,
    look: &Look,
    tree: &str,
) -> Result<bool, RepositoryError> {
    if index.unmerged || index.tree().as_deref() != Some(tree) {
        return Ok(true);
    }
    let held = Held::open(git.work_tree());
    let mut looked_at = Vec::new();
    for entry in index.entries.iter().filter(|entry| !entry.left_out && entry.mode != 0o160_000) {
        let kind = if entry.mode == 0o120_000 { Kind::Link } else { Kind::File };
        match held.look(&name(&entry.path)) {
            Ok(found) if found.kind == kind && entry.looks_the_same(&found, look) => {}
            _ => looked_at.push(entry),
        }
    }
    let staged: Vec<(&[u8], Staged)> = looked_at
        .iter()
        .map(|entry| (entry.path.as_slice(), Staged { mode: format!("{:o}", entry.mode), id: entry.hex() }))
        .collect();
    differ(git, objects, staged.iter().map(|(path, staged)| (*path, staged)))
}

fn is_dirty_by_git(git: &Git, objects: &Objects, head: Option<&str>) -> Result<bool, RepositoryError> {
    let Some(Index { staged, left_out }) = index(git)? else {
        return Ok(true);
    };
    if staged != committed(git, head)? {
        return Ok(true);
    }
    differ(
        git,
        objects,
        staged.iter().filter(|(path, _)| !left_out.contains(*path)).map(|(path, staged)| (path.as_slice(), staged)),
    )
}

/// Whether what lies in the folder differs from what is staged.
fn differ<'a>(
    git: &Git,
    objects: &Objects,
    staged: impl Iterator<Item = (&'a [u8], &'a Staged)>,
) -> Result<bool, RepositoryError> {
    let mut files = Vec::new();
    for (path, entry) in staged {
        let place = in_folder(git.work_tree(), path);
        match (entry.mode.as_str(), fs::symlink_metadata(&place)) {
            ("160000", _) => {}
            ("120000", Ok(metadata)) if metadata.is_symlink() => {
                if changed_link(objects, &place, &entry.id)? {
                    return Ok(true);
                }
            }
            ("100644" | "100755", Ok(metadata)) if metadata.is_file() => files.push((path, entry, place)),
            _ => return Ok(true),
        }
    }
    let ids = hashes(git, &files)?;
    for ((path, entry, place), id) in files.iter().zip(ids) {
        if id != entry.id && changed(objects, place, path, &entry.id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Index {
    staged: BTreeMap<Vec<u8>, Staged>,
    /// What a sparse checkout leaves out of the folder.
    left_out: BTreeSet<Vec<u8>>,
}

/// The index; none when a merge is not resolved. Lines are `<tag> <mode> <id> <stage>\t<path>\0` (git-ls-files(1)).
fn index(git: &Git) -> Result<Option<Index>, RepositoryError> {
    let listing = git.ask(&["ls-files", "-s", "-t", "-z", "--full-name"])?;
    let mut index = Index { staged: BTreeMap::new(), left_out: BTreeSet::new() };
    for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let (head, path) = split_tab(line)?;
        let parts: Vec<&str> = head.split(' ').collect();
        let &[state, mode, id, stage] = parts.as_slice() else {
            return Err(odd(line));
        };
        if stage != "0" {
            return Ok(None);
        }
        if state == "S" {
            index.left_out.insert(path.to_vec());
        }
        index.staged.insert(path.to_vec(), Staged { mode: mode.to_owned(), id: id.to_owned() });
    }
    Ok(Some(index))
}

fn committed(git: &Git, head: Option<&str>) -> Result<BTreeMap<Vec<u8>, Staged>, RepositoryError> {
    let mut files = BTreeMap::new();
    if let Some(head) = head {
        for line in tree_lines(&tree_listing(git, head)?) {
            let line = line?;
            files.insert(line.path.to_vec(), Staged { mode: line.mode.to_owned(), id: line.id.to_owned() });
        }
    }
    Ok(files)
}

/// The ids that the files' bytes would have as objects; git neither stores them nor filters them.
fn hashes(git: &Git, files: &[(&[u8], &Staged, PathBuf)]) -> Result<Vec<String>, RepositoryError> {
    // `hash-object` reads a path a line, and unquotes those that begin with a quote: such paths are compared byte by byte.
    let plain = |path: &[u8]| !path.contains(&b'\n') && !path.starts_with(b"\"");
    let mut input = Vec::new();
    for (path, ..) in files.iter().filter(|(path, ..)| plain(path)) {
        input.extend_from_slice(path);
        input.push(b'\n');
    }
    if input.is_empty() {
        return Ok(vec![String::new(); files.len()]);
    }
    let answer = git.ask_with(&["hash-object", "--no-filters", "--stdin-paths"], input)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let mut ids = answer.lines();
    let id = |(path, ..): &(&[u8], &Staged, PathBuf)| if plain(path) { ids.next() } else { None }.unwrap_or_default().to_owned();
    Ok(files.iter().map(id).collect())
}

/// Whether a file whose raw hash differs from the committed one holds other content: other than by line ends, and other
/// than what a Git LFS pointer (github.com/git-lfs/git-lfs, docs/spec.md) names.
fn changed(objects: &Objects, place: &Path, path: &[u8], id: &str) -> Result<bool, RepositoryError> {
    let shown = String::from_utf8_lossy(path);
    let fail = |cause: io::Error| RepositoryError::Read { path: shown.clone().into_owned(), cause };
    if fs::metadata(place).map_err(fail)?.len() > COMPARED_BYTES_MAX {
        return Ok(true);
    }
    let found = fs::read(place).map_err(fail)?;
    let committed = match objects.read(id, &shown, COMPARED_BYTES_MAX) {
        Ok(Some(object)) => object.bytes,
        Ok(None) | Err(RepositoryError::TooLarge { .. }) => return Ok(true),
        Err(error) => return Err(error),
    };
    Ok(found != committed && unix_ends(&found) != unix_ends(&committed) && !is_named_by(&committed, &found))
}

fn unix_ends(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
            plain.push(*byte);
        }
    }
    plain
}

fn is_named_by(pointer: &[u8], found: &[u8]) -> bool {
    let Some(text) = std::str::from_utf8(pointer).ok().filter(|text| text.len() < 1_024) else {
        return false;
    };
    let named = text.lines().find_map(|line| line.strip_prefix("oid sha256:"));
    text.starts_with("version https://git-lfs.github.com/spec/v1\n") && named == Some(Digest::of(found).hex().as_str())
}

fn changed_link(objects: &Objects, place: &Path, id: &str) -> Result<bool, RepositoryError> {
    let shown = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let target = fs::read_link(place).map_err(|cause| RepositoryError::Read { path: shown.clone(), cause })?;
    let committed = objects.read(id, &shown, 1 << 20)?;
    Ok(committed.is_none_or(|object| object.bytes != target.as_os_str().as_encoded_bytes()))
}

fn split_tab(line: &[u8]) -> Result<(&str, &[u8]), RepositoryError> {
    let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(|| odd(line))?;
    let (head, path) = line.split_at_checked(tab).ok_or_else(|| odd(line))?;
    let head = std::str::from_utf8(head).map_err(|_| odd(line))?;
    Ok((head, path.get(1..).unwrap_or_default()))
}

fn odd(line: &[u8]) -> RepositoryError {
    RepositoryError::GitAnswer { operation: "ls-files".to_owned(), said: crate::git::shown(line) }
}

fn in_folder(root: &Path, path: &[u8]) -> PathBuf {
    root.join(name(path))
}

#[cfg(unix)]
fn name(path: &[u8]) -> std::borrow::Cow<'_, OsStr> {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(path).into()
}

#[cfg(not(unix))]
fn name(path: &[u8]) -> std::borrow::Cow<'_, OsStr> {
    std::ffi::OsString::from(String::from_utf8_lossy(path).into_owned()).into()
}

//! The tree of a commit: exact bytes out of the object store, whatever lies in the working folder.

use std::{collections::BTreeMap, sync::Arc};

use crate::{FileEntry, Files, PassedOver, RepositoryError, Why, git::Git, object::Objects, path::beneath};

/// The files of a commit. What is read are the bytes that were committed: no filter, no conversion of line ends.
#[derive(Debug)]
pub struct CommitTree {
    commit: String,
    objects: Arc<Objects>,
    files: BTreeMap<String, Blob>,
    passed_over: Vec<PassedOver>,
}

#[derive(Debug)]
struct Blob {
    id: String,
    size: u64,
}

/// One line of `git ls-tree -r -l -z`.
pub(crate) struct TreeLine<'a> {
    pub(crate) mode: &'a str,
    pub(crate) id: &'a str,
    size: &'a str,
    pub(crate) path: &'a [u8],
}

impl CommitTree {
    pub(crate) fn read_from(git: &Git, objects: Arc<Objects>, commit: &str) -> Result<Self, RepositoryError> {
        let mut tree = Self { commit: commit.to_owned(), objects, files: BTreeMap::new(), passed_over: Vec::new() };
        for line in tree_lines(&tree_listing(git, commit)?) {
            tree.add(&line?);
        }
        tree.passed_over.sort();
        Ok(tree)
    }

    /// The commit, in full.
    pub fn commit(&self) -> &str {
        &self.commit
    }

    /// What the commit holds that is not listed as a file, sorted by path.
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    fn add(&mut self, line: &TreeLine<'_>) {
        let Ok(path) = std::str::from_utf8(line.path) else {
            let path = String::from_utf8_lossy(line.path).into_owned();
            self.passed_over.push(PassedOver { path, why: Why::NotUtf8 });
            return;
        };
        let why = match line.mode {
            "120000" => Why::Link,
            "160000" => Why::Submodule,
            _ => {
                // A size that git does not know is that of an object that is not there; reading it will say so.
                let blob = Blob { id: line.id.to_owned(), size: line.size.parse().unwrap_or(0) };
                self.files.insert(path.to_owned(), blob);
                return;
            }
        };
        self.passed_over.push(PassedOver { path: path.to_owned(), why });
    }
}

impl Files for CommitTree {
    fn list(&self) -> Result<Vec<FileEntry>, RepositoryError> {
        let entry = |(path, blob): (&String, &Blob)| FileEntry { path: path.clone(), size: blob.size };
        Ok(self.files.iter().map(entry).collect())
    }

    fn read(&self, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, RepositoryError> {
        let Some(blob) = self.files.get(beneath(path)?) else {
            return Ok(None);
        };
        if blob.size > bytes_max {
            return Err(RepositoryError::TooLarge { path: path.to_owned(), bytes_max });
        }
        match self.objects.read(&blob.id, path, bytes_max)? {
            Some(object) => Ok(Some(object.bytes)),
            None => Err(RepositoryError::GitAnswer {
                operation: "cat-file".to_owned(),
                said: format!("the object of `{path}` is missing; a partial clone lacks it (`git fetch --refetch --no-filter`)"),
            }),
        }
    }
}

/// Everything in a commit's tree.
pub(crate) fn tree_listing(git: &Git, commit: &str) -> Result<Vec<u8>, RepositoryError> {
    git.ask(&["ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", commit])
}

/// `<mode> <type> <id> <size, padded>\t<path>\0`, as git-ls-tree(1) describes it.
pub(crate) fn tree_lines(listing: &[u8]) -> impl Iterator<Item = Result<TreeLine<'_>, RepositoryError>> {
    listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()).map(|line| {
        parse(line).ok_or_else(|| RepositoryError::GitAnswer { operation: "ls-tree".to_owned(), said: crate::git::shown(line) })
    })
}

fn parse(line: &[u8]) -> Option<TreeLine<'_>> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = line.split_at_checked(tab)?;
    let mut parts = std::str::from_utf8(head).ok()?.split_ascii_whitespace();
    let (mode, _kind, id, size) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(TreeLine { mode, id, size, path: path.get(1..)? })
}

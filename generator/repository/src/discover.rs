//! A git repository: what it is at, and what its tags name.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use avouch_model::Timestamp;

use crate::{
    CommitTree, RepositoryError, Tag, dirty,
    git::Git,
    object::{Objects, unexpected},
    tag,
};

/// The largest commit that is read: message and signatures included.
const COMMIT_BYTES_MAX: u64 = 4 << 20;

/// A git repository with a working folder.
///
/// Everything is asked of `git`'s read-only plumbing: `rev-parse`, `for-each-ref`, `ls-tree`, `ls-files`, `cat-file`,
/// `hash-object --no-filters`, `rev-list`, `diff-tree` in its raw form, and never `diff`, `status` or `show`, which run filters
/// that a repository names. The index is read as a file where that is enough, which saves a `git` or two. Hooks,
/// the file monitor and every protocol are off, neither the user's nor the system's configuration is read, and the
/// environment is emptied.
///
/// `safe.directory` is set to `*`: git refuses a repository of another user because its configuration could name programs
/// to run, and none of those runs here. So a checkout that a pipeline made as another user just works.
#[derive(Debug)]
pub struct Repository {
    git: Git,
    objects: Arc<Objects>,
}

impl Repository {
    /// The repository that this path lies in: the nearest folder, upwards, with a `.git`. None when there is none. A bare
    /// repository has no working folder and is not found.
    ///
    /// # Errors
    /// When the path does not exist. Whether `git` is there and reads the repository shows at the first question.
    pub fn discover(path: impl AsRef<Path>) -> Result<Option<Self>, RepositoryError> {
        let path = path.as_ref();
        let start = fs::canonicalize(path).map_err(|cause| RepositoryError::OpenFolder { path: path.to_owned(), cause })?;
        let Some((root, git_dir)) = start.ancestors().find_map(|folder| Some((folder, git_dir(folder)?))) else {
            return Ok(None);
        };
        let git = Git::new(git_dir, root.to_owned());
        let objects = Arc::new(Objects::new(git.clone()));
        Ok(Some(Self { git, objects }))
    }

    pub(crate) const fn git(&self) -> &Git {
        &self.git
    }

    /// The folder that the repository's paths are relative to, links resolved.
    pub fn root(&self) -> &Path {
        self.git.work_tree()
    }

    /// The commit that is checked out; none before the first commit.
    ///
    /// # Errors
    /// When `git` fails.
    pub fn head(&self) -> Result<Option<String>, RepositoryError> {
        self.resolve("HEAD")
    }

    /// The full id of the commit that a tag, a branch or an abbreviated id names; none when nothing has this name.
    ///
    /// # Errors
    /// When `git` fails.
    pub fn resolve(&self, name: &str) -> Result<Option<String>, RepositoryError> {
        Ok(self.commit_object(name)?.map(|(id, _)| id))
    }

    /// The tags whose names match a glob (`v*`; `*` does not match `/`), newest first: by the time of their commit, then
    /// by semantic version, then by name. Annotated tags are peeled; a tag that names no commit is left out.
    ///
    /// # Errors
    /// When the glob is none, or `git` fails.
    pub fn tags(&self, glob: &str) -> Result<Vec<Tag>, RepositoryError> {
        let glob = tag::Pattern::new(glob)?;
        let names = self.git.ask(&["for-each-ref", "--format=%(refname)", "refs/tags/"])?;
        let mut tags = Vec::new();
        for name in String::from_utf8_lossy(&names).lines().filter_map(|line| line.strip_prefix("refs/tags/")) {
            let Some(version) = glob.version_of(name) else {
                continue;
            };
            if let Some((commit, committed)) = self.commit_object(&format!("refs/tags/{name}"))? {
                tags.push(Tag { name: name.to_owned(), version, commit, committed });
            }
        }
        tag::sort_newest_first(&mut tags);
        Ok(tags)
    }

    /// The names of the branches, its own and those that are known of elsewhere.
    ///
    /// # Errors
    /// When `git` fails.
    pub fn branches(&self) -> Result<Vec<String>, RepositoryError> {
        let names = self.git.ask(&["for-each-ref", "--format=%(refname)", "refs/heads/", "refs/remotes/"])?;
        let names = String::from_utf8_lossy(&names);
        let own = |name: &str| match name.strip_prefix("refs/heads/") {
            Some(branch) => Some(branch.to_owned()),
            None => Some(name.strip_prefix("refs/remotes/")?.split_once('/')?.1.to_owned()),
        };
        Ok(names.lines().filter_map(own).collect())
    }

    /// When a commit was made: its committer's time.
    ///
    /// # Errors
    /// When nothing has this name, or `git` fails.
    pub fn commit_time(&self, commit: &str) -> Result<Timestamp, RepositoryError> {
        let found = self.commit_object(commit)?;
        found.map(|(_, committed)| committed).ok_or_else(|| RepositoryError::NoCommit { commit: commit.to_owned() })
    }

    /// The files of a commit.
    ///
    /// # Errors
    /// When nothing has this name, or `git` fails.
    pub fn commit(&self, commit: &str) -> Result<CommitTree, RepositoryError> {
        let found = self.resolve(commit)?;
        let id = found.ok_or_else(|| RepositoryError::NoCommit { commit: commit.to_owned() })?;
        CommitTree::read_from(&self.git, Arc::clone(&self.objects), &id)
    }

    /// Whether the working folder or the index holds other bytes than the commit that is checked out.
    ///
    /// Files that git does not track do not count, as for `git describe --dirty`; nor do line ends alone, permissions,
    /// files that a sparse checkout leaves out, and what submodules hold. A file behind a filter counts as changed unless
    /// it is what a Git LFS pointer names: the filter itself is a program, and is not run.
    ///
    /// # Errors
    /// When `git` fails or a file cannot be read.
    pub fn is_dirty(&self) -> Result<bool, RepositoryError> {
        let head = self.objects.read("HEAD^{commit}", "HEAD", COMMIT_BYTES_MAX)?;
        let tree = head.as_ref().map(|head| tree(&head.bytes).ok_or_else(|| unexpected("HEAD is a commit without a tree")));
        let tree = tree.transpose()?;
        let head = head.as_ref().zip(tree.as_deref()).map(|(head, tree)| (head.id.as_str(), tree));
        dirty::is_dirty(&self.git, &self.objects, head)
    }

    /// Whether older commits and their tags may be missing, as in a pipeline's checkout.
    ///
    /// # Errors
    /// When `git` fails.
    pub fn is_shallow(&self) -> Result<bool, RepositoryError> {
        Ok(self.git.ask(&["rev-parse", "--is-shallow-repository"])?.starts_with(b"true"))
    }

    /// The id and time of the commit that this name leads to.
    fn commit_object(&self, name: &str) -> Result<Option<(String, Timestamp)>, RepositoryError> {
        // What `cat-file` would read as an option, a range or a path within a commit names no commit.
        if name.starts_with(['-', '^', ':'])
            || name.contains("..")
            || name.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Ok(None);
        }
        let Some(object) = self.objects.read(&format!("{name}^{{commit}}"), name, COMMIT_BYTES_MAX)? else {
            return Ok(None);
        };
        match committed(&object.bytes) {
            Some(committed) if object.kind == "commit" => Ok(Some((object.id, committed))),
            _ => Err(unexpected(&format!("`{name}` names a commit without a committer"))),
        }
    }
}

/// The git folder of this working folder: `.git` itself, or what a `.git` file of a worktree or a submodule leads to
/// (which git reads). A `.git` that is neither is passed by, as git does.
fn git_dir(folder: &Path) -> Option<PathBuf> {
    let place = folder.join(".git");
    let metadata = fs::metadata(&place).ok()?;
    let fits = metadata.is_file() || (metadata.is_dir() && place.join("HEAD").exists() && place.join("objects").exists());
    fits.then_some(place)
}

/// The id of the tree in a commit object: its first line.
fn tree(commit: &[u8]) -> Option<String> {
    let line = commit.split(|byte| *byte == b'\n').next()?.strip_prefix(b"tree ")?;
    String::from_utf8(line.to_vec()).ok()
}

/// The committer's time in a commit object: `committer NAME <MAIL> SECONDS ZONE`.
fn committed(commit: &[u8]) -> Option<Timestamp> {
    let mut headers = commit.split(|byte| *byte == b'\n').take_while(|line| !line.is_empty());
    let line = String::from_utf8_lossy(headers.find_map(|line| line.strip_prefix(b"committer "))?).into_owned();
    let (_, time) = line.rsplit_once("> ")?;
    time.split(' ').next()?.parse().ok().map(Timestamp::from_unix)
}

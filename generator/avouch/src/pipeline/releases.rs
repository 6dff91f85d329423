//! Which releases there are, and the files of the one that is current.

use anyhow::{Context as _, bail};
use avouch_model::{Timestamp, release::Release};
use avouch_repository::{FileEntry, Files, Folder, Repository, RepositoryError, Tag};

use crate::{exit::Usage, output::Output, project::Project};

/// A release and the files of its commit.
pub(crate) struct Current {
    /// The release; none where there is no commit.
    pub(crate) release: Option<Release>,
    /// When its commit was made.
    pub(crate) committed: Option<Timestamp>,
    /// Whether the folder holds changes that are in no commit.
    pub(crate) dirty: bool,
    /// Whether the files are those of the folder as it lies, not of a commit.
    pub(crate) as_it_lies: bool,
    /// The files.
    pub(crate) tree: Box<dyn Files + Sync>,
}

/// The tags that are releases, newest first.
pub(crate) fn tags(project: &Project) -> anyhow::Result<Vec<Tag>> {
    let Some(repository) = &project.repository else { return Ok(Vec::new()) };
    let pattern = &project.configuration.release_tags;
    repository.tags(pattern).with_context(|| format!("cannot list the tags that match `{pattern}`"))
}

/// The release to work on: the one that was asked for, otherwise the newest tag, otherwise what is checked out.
pub(crate) fn current(project: &Project, asked: Option<&str>) -> anyhow::Result<Current> {
    of_folder(project.root.as_str(), project.repository.as_ref(), &tags(project)?, asked)
}

/// What is checked out, for a gate that asks about a change before it is released: judged as if it were one, and recorded
/// nowhere. Where the commit is a release it is that release.
pub(crate) fn checked_out(project: &Project, output: &Output) -> anyhow::Result<Current> {
    let tags = tags(project)?;
    let mut current = of_folder(project.root.as_str(), project.repository.as_ref(), &[], None)?;
    if let Some(release) = &mut current.release {
        match tags.iter().find(|tag| tag.commit == release.commit) {
            Some(tag) => (release.version, release.tag) = (tag.version.clone(), Some(tag.name.clone())),
            None => {
                output.note(&format!("Commit {} is judged as it is checked out; it is no release.", &release.commit));
                release.tag = Some("HEAD".to_owned());
            }
        }
        if current.dirty {
            output.warn("the folder has changes that are in no commit, and they are not judged");
        }
    }
    Ok(current)
}

/// As [`current`], of any folder.
pub(crate) fn of_folder(
    root: &str,
    repository: Option<&Repository>,
    tags: &[Tag],
    asked: Option<&str>,
) -> anyhow::Result<Current> {
    let tag = match asked {
        Some(asked) => Some(find(tags, asked)?),
        None => tags.first(),
    };
    let folder = || Folder::open(root).with_context(|| format!("cannot read the folder `{root}`"));
    let Some(repository) = repository else {
        return Ok(Current { release: None, committed: None, dirty: true, as_it_lies: true, tree: Box::new(folder()?) });
    };
    let dirty = repository.is_dirty().context("cannot tell whether the folder has changes that are in no commit")?;
    if let Some(tag) = tag {
        let release = Release { version: tag.version.clone(), commit: tag.commit.clone(), tag: Some(tag.name.clone()) };
        let tree = repository.commit(&tag.commit).with_context(|| format!("cannot read the files of the tag `{}`", tag.name))?;
        return Ok(Current {
            release: Some(release),
            committed: Some(tag.committed),
            dirty,
            as_it_lies: false,
            tree: Box::new(tree),
        });
    }
    let Some(head) = repository.head().context("cannot tell which commit is checked out")? else {
        return Ok(Current { release: None, committed: None, dirty: true, as_it_lies: true, tree: Box::new(folder()?) });
    };
    let committed = repository.commit_time(&head).context("cannot tell when the commit was made")?;
    let tree = repository.commit(&head).context("cannot read the files of the commit that is checked out")?;
    let release = Release { version: Release::UNRELEASED.to_owned(), commit: head, tag: None };
    Ok(Current { release: Some(release), committed: Some(committed), dirty, as_it_lies: false, tree: Box::new(tree) })
}

/// The tag of a version; `1.4.2` and `v1.4.2` both name it.
fn find<'a>(tags: &'a [Tag], asked: &str) -> anyhow::Result<&'a Tag> {
    if let Some(tag) = tags.iter().find(|tag| tag.version == asked || tag.name == asked) {
        return Ok(tag);
    }
    let known: Vec<&str> = tags.iter().take(5).map(|tag| tag.version.as_str()).collect();
    let known = if known.is_empty() {
        "no tag matches `[release] tags`".to_owned()
    } else {
        format!("the newest are {}", known.join(", "))
    };
    bail!(Usage(format!("no release is named `{asked}`; {known}")))
}

/// A folder whose paths were listed once, for everybody who asks.
struct Listed {
    folder: Folder,
    paths: Vec<String>,
}

impl Files for Listed {
    fn list(&self) -> Result<Vec<FileEntry>, RepositoryError> {
        self.folder.list()
    }

    fn paths(&self) -> Result<Vec<String>, RepositoryError> {
        Ok(self.paths.clone())
    }

    fn read(&self, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, RepositoryError> {
        self.folder.read(path, bytes_max)
    }
}

/// The folder as it lies, whatever commit is checked out.
pub(crate) fn folder_alone(root: &str) -> anyhow::Result<Current> {
    let folder = Folder::open(root).with_context(|| format!("cannot read the folder `{root}`"))?.listed_by_git_rules();
    let paths = folder.paths().context("cannot list the files of the folder")?;
    let tree = Box::new(Listed { folder, paths });
    Ok(Current { release: None, committed: None, dirty: true, as_it_lies: true, tree })
}

/// The folder as it lies, with the commit that is checked out beside it. The commit's own files are not looked at.
pub(crate) fn folder_as_it_lies(root: &str, repository: Option<&Repository>) -> anyhow::Result<Current> {
    let mut current = folder_alone(root)?;
    let Some(repository) = repository else { return Ok(current) };
    current.dirty = repository.is_dirty().context("cannot tell whether the folder has changes that are in no commit")?;
    let Some(head) = repository.head().context("cannot tell which commit is checked out")? else {
        current.dirty = true;
        return Ok(current);
    };
    current.dirty = current.dirty || has_own_lockfile(&*current.tree, root, repository)?;
    current.committed = Some(repository.commit_time(&head).context("cannot tell when the commit was made")?);
    current.release = Some(Release { version: Release::UNRELEASED.to_owned(), commit: head, tag: None });
    Ok(current)
}

/// Whether the folder holds a lockfile that is in no commit. Other files that git does not know change nothing of what a
/// release is made of.
fn has_own_lockfile(tree: &dyn Files, root: &str, repository: &Repository) -> anyhow::Result<bool> {
    let listed = tree.paths().context("cannot list the files of the folder")?;
    let lockfiles: Vec<String> = listed.into_iter().filter(|path| avouch_read::lock::Format::of(path).is_some()).collect();
    if lockfiles.is_empty() {
        return Ok(false);
    }
    let root = std::fs::canonicalize(root).with_context(|| format!("cannot tell where `{root}` lies"))?;
    let top = std::fs::canonicalize(repository.root()).context("cannot tell where the repository lies")?;
    let below = root.strip_prefix(&top).unwrap_or(&root);
    let tracked = repository.tracked().context("cannot tell which files are committed")?;
    let is_tracked = |path: &String| {
        below.join(path).to_str().is_some_and(|path| tracked.binary_search_by(|known| known.as_str().cmp(path)).is_ok())
    };
    Ok(!lockfiles.iter().all(is_tracked))
}

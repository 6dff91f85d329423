//! What came into a repository, commit by commit: for whoever must look at everything that was ever committed.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdout},
    thread,
};

use crate::{RepositoryError, dirty, discover::Repository, git::shown};

/// A content that a commit brought to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// The commit, in full.
    pub commit: &'a str,
    /// The path; bytes that are not UTF-8 are replaced.
    pub path: &'a str,
    /// The id of the content.
    pub blob: &'a str,
}

/// What is done with a content: its place in the list, its size in bytes, the content.
pub type BlobVisit<'a, E> = dyn FnMut(usize, u64, &mut dyn Read) -> Result<(), E> + 'a;

impl Repository {
    /// The commits that branches, tags, other references and HEAD lead to, in order, each once. Objects that nothing leads to,
    /// and contents that a tag names without a commit, are not among what they lead to.
    ///
    /// # Errors
    /// When `git` fails.
    pub fn tips(&self) -> Result<Vec<String>, RepositoryError> {
        let answer = self.git().ask(&["rev-list", "--no-walk=unsorted", "--all"])?;
        let mut tips: Vec<String> = String::from_utf8_lossy(&answer).lines().map(str::to_owned).collect();
        tips.extend(self.head()?);
        tips.sort();
        tips.dedup();
        Ok(tips)
    }

    /// Whether every one of these commits is there and is reached from the tips.
    ///
    /// # Errors
    /// When `git` fails.
    pub fn reaches(&self, tips: &[String], commits: &[String]) -> Result<bool, RepositoryError> {
        if commits.iter().any(|commit| !tips.contains(commit)) {
            for commit in commits {
                if self.resolve(commit)?.is_none() {
                    return Ok(false);
                }
            }
            let wanted = lines(
                commits
                    .iter()
                    .map(String::as_str)
                    .chain(tips.iter().map(|tip| tip.as_str()))
                    .enumerate()
                    .map(|(index, id)| if index < commits.len() { id.to_owned() } else { format!("^{id}") }),
            );
            return Ok(self.git().ask_with(&["rev-list", "--max-count=1", "--stdin"], wanted)?.is_empty());
        }
        Ok(true)
    }

    /// Tells of every content that came with the commits that the tips lead to and the known commits do not: parents before their
    /// children. A merge brings what none of its parents has. Links and submodules are left out. Gives how many commits it were.
    ///
    /// # Errors
    /// When `git` fails, or a commit is missing.
    pub fn arrivals(&self, tips: &[String], known: &[String], each: &mut dyn FnMut(Arrival<'_>)) -> Result<u64, RepositoryError> {
        if tips.is_empty() {
            return Ok(0);
        }
        let wanted = lines(tips.iter().cloned().chain(known.iter().map(|known| format!("^{known}"))));
        let commits = self.git().ask_with(&["rev-list", "--reverse", "--topo-order", "--stdin"], wanted)?;
        let count = commits.iter().filter(|byte| **byte == b'\n').count() as u64;
        if count == 0 {
            return Ok(0);
        }
        // Raw output of the plumbing reads trees alone: no content, so no filter and no program of the repository.
        let arguments = ["diff-tree", "--stdin", "-r", "-z", "--root", "-c", "--no-renames", "--no-ext-diff", "--no-textconv"];
        let (child, mut answers) = self.piped(&arguments, commits)?;
        let told = tell(&mut answers, each);
        // A git that is not read to its end would wait for us for ever.
        drop(answers);
        child.ends_well("diff-tree", told.is_ok())?;
        told.map(|()| count)
    }

    /// Reads contents by id, in this order, each as a stream of which as much is read as is wanted.
    ///
    /// # Errors
    /// When `git` fails, an object is missing, or `each` fails.
    pub fn blobs<E: From<RepositoryError>>(&self, ids: &[String], each: &mut BlobVisit<'_, E>) -> Result<(), E> {
        if ids.is_empty() {
            return Ok(());
        }
        let (child, mut answers) = self.piped(&["cat-file", "--batch", "--buffer"], lines(ids.iter().cloned()))?;
        let mut read = Ok(());
        for index in 0..ids.len() {
            read = one(&mut answers, index, each);
            if read.is_err() {
                break;
            }
        }
        drop(answers);
        child.ends_well("cat-file", read.is_ok())?;
        read
    }

    /// The paths that the index holds, within the repository, in order; those that are not UTF-8 are left out. Links and submodules
    /// are among them.
    ///
    /// # Errors
    /// When `git` fails.
    pub fn tracked(&self) -> Result<Vec<String>, RepositoryError> {
        let index = self.head()?.and_then(|head| dirty::own_index(self.git(), &head));
        let paths: Vec<Vec<u8>> = match index {
            Some((index, _)) => index.entries.into_iter().map(|entry| entry.path).collect(),
            None => {
                let answer = self.git().ask(&["ls-files", "-z", "--full-name", "--cached"])?;
                answer.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect()
            }
        };
        let mut paths: Vec<String> = paths.into_iter().filter_map(|path| String::from_utf8(path).ok()).collect();
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    /// Starts a git that is fed with these lines while its answers are read.
    fn piped(&self, arguments: &[&str], input: Vec<u8>) -> Result<(Fed, BufReader<ChildStdout>), RepositoryError> {
        let mut child = self.git().start(arguments)?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(mut stdin), Some(stdout)) => {
                // A git that ended early broke the pipe; its status tells.
                let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
                Ok((Fed { child, feeder: Some(feeder) }, BufReader::with_capacity(1 << 17, stdout)))
            }
            _ => Err(answered(arguments.first().copied().unwrap_or_default(), "it has no pipes")),
        }
    }
}

/// A git with somebody who feeds it.
struct Fed {
    child: Child,
    feeder: Option<thread::JoinHandle<()>>,
}

impl Fed {
    /// Waits for its end. Where it was not read to the end it is stopped instead, and how it ends tells nothing.
    fn ends_well(mut self, operation: &str, was_read: bool) -> Result<(), RepositoryError> {
        if !was_read {
            return Ok(());
        }
        let broke = |cause| RepositoryError::GitStart { operation: operation.to_owned(), cause };
        let status = self.child.wait().map_err(broke)?;
        if status.success() {
            return Ok(());
        }
        let said = "an object is missing or broken; a partial clone lacks some (`git fetch --refetch --no-filter`)".to_owned();
        Err(RepositoryError::GitFailed { operation: operation.to_owned(), status: status.to_string(), said })
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        // It may have ended by itself; ended or not, it must not stay behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.feeder.take().map(thread::JoinHandle::join);
    }
}

/// Reads `<commit>\0` and `:<modes> <ids> <status>\0<path>\0`; a merge has a colon, a mode and an id more for each parent more
/// (git-diff-tree(1), "Raw output format" and "diff format for merges").
fn tell(answers: &mut impl BufRead, each: &mut dyn FnMut(Arrival<'_>)) -> Result<(), RepositoryError> {
    let broke = |cause| RepositoryError::GitStart { operation: "diff-tree".to_owned(), cause };
    let (mut commit, mut token, mut path) = (String::new(), Vec::new(), Vec::new());
    loop {
        token.clear();
        if answers.read_until(0, &mut token).map_err(broke)? == 0 {
            return Ok(());
        }
        token.pop();
        let parents = token.iter().take_while(|byte| **byte == b':').count();
        if parents == 0 {
            commit = String::from_utf8_lossy(&token).into_owned();
            continue;
        }
        path.clear();
        answers.read_until(0, &mut path).map_err(broke)?;
        path.pop();
        let line = std::str::from_utf8(&token).map_err(|_| answered("diff-tree", "a line that is not text"))?;
        let fields: Vec<&str> = line.trim_start_matches(':').split(' ').collect();
        let (mode, blob) = match (fields.get(parents), fields.get(2 * parents + 1)) {
            (Some(mode), Some(blob)) if fields.len() == 2 * parents + 3 => (*mode, *blob),
            _ => return Err(answered("diff-tree", line)),
        };
        if matches!(mode, "100644" | "100755" | "100664") {
            each(Arrival { commit: &commit, path: &String::from_utf8_lossy(&path), blob });
        }
    }
}

/// Reads one answer of `cat-file --batch`: `<id> <type> <size>\n<content>\n`.
fn one<E: From<RepositoryError>>(
    answers: &mut BufReader<ChildStdout>,
    index: usize,
    each: &mut BlobVisit<'_, E>,
) -> Result<(), E> {
    let broke = |cause| RepositoryError::GitStart { operation: "cat-file".to_owned(), cause };
    let mut header = Vec::new();
    answers.by_ref().take(1 << 10).read_until(b'\n', &mut header).map_err(broke)?;
    let header = String::from_utf8_lossy(&header).trim_end().to_owned();
    let mut parts = header.split(' ');
    let size = match (parts.next(), parts.next(), parts.next().map(str::parse::<u64>)) {
        (Some(_), Some("blob"), Some(Ok(size))) => size,
        _ => return Err(answered("cat-file", &header).into()),
    };
    let mut content = answers.by_ref().take(size);
    each(index, size, &mut content)?;
    std::io::copy(&mut content, &mut std::io::sink()).map_err(broke)?;
    let rest = content.limit();
    let mut end = [0];
    answers.read_exact(&mut end).map_err(broke)?;
    if rest > 0 || end != *b"\n" {
        return Err(answered("cat-file", "an object ended too early").into());
    }
    Ok(())
}

pub(crate) fn answered(operation: &str, said: &str) -> RepositoryError {
    RepositoryError::GitAnswer { operation: operation.to_owned(), said: shown(said.as_bytes()) }
}

fn lines(ids: impl Iterator<Item = String>) -> Vec<u8> {
    ids.flat_map(|id| (id + "\n").into_bytes()).collect()
}

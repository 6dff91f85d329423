//! Objects out of git's store, through one `git cat-file --batch` that stays open.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout},
    sync::{Mutex, PoisonError},
};

use crate::{
    RepositoryError,
    git::{Git, shown},
};

/// Reads objects by name; started when first asked, and started again after a failure. Shared between threads, one
/// question at a time.
#[derive(Debug)]
pub(crate) struct Objects {
    git: Git,
    running: Mutex<Option<CatFile>>,
}

/// An object of the store.
pub(crate) struct Object {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug)]
struct CatFile {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Objects {
    pub(crate) fn new(git: Git) -> Self {
        Self { git, running: Mutex::new(None) }
    }

    /// The object with this name (an id, or a revision without white space at its ends); none when there is none.
    pub(crate) fn read(&self, name: &str, path: &str, bytes_max: u64) -> Result<Option<Object>, RepositoryError> {
        if name.is_empty() || name.contains('\n') {
            return Ok(None);
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cat = match running.take() {
            Some(cat) => cat,
            None => CatFile::start(&self.git)?,
        };
        let answer = cat.ask(name, path, bytes_max);
        match answer {
            Ok(_) => {
                // Only a git that stands at the end of an answer can be asked again.
                *running = Some(cat);
                answer
            }
            Err(error @ RepositoryError::TooLarge { .. }) => Err(error),
            // A git that refuses the repository ends without an answer; this one says why.
            Err(error) => self.git.ask(&["rev-parse", "--git-dir"]).and(Err(error)),
        }
    }
}

impl CatFile {
    fn start(git: &Git) -> Result<Self, RepositoryError> {
        let mut child = git.start(&["cat-file", "--batch"])?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(questions), Some(answers)) => {
                Ok(Self { child, questions, answers: BufReader::with_capacity(1 << 16, answers) })
            }
            _ => Err(unexpected("it has no pipes")),
        }
    }

    fn ask(&mut self, name: &str, path: &str, bytes_max: u64) -> Result<Option<Object>, RepositoryError> {
        let broke = |cause| RepositoryError::GitStart { operation: "cat-file".to_owned(), cause };
        self.questions.write_all(format!("{name}\n").as_bytes()).map_err(broke)?;
        self.questions.flush().map_err(broke)?;
        let mut header = Vec::new();
        (&mut self.answers).take(64 << 10).read_until(b'\n', &mut header).map_err(broke)?;
        let header = String::from_utf8_lossy(&header).trim_end().to_owned();
        if header.ends_with(" missing") || header.ends_with(" ambiguous") {
            return Ok(None);
        }
        let parts: Vec<&str> = header.split(' ').collect();
        let &[id, kind, size] = parts.as_slice() else {
            return Err(unexpected(&header));
        };
        let size: u64 = size.parse().map_err(|_| unexpected(&header))?;
        if size > bytes_max {
            return Err(RepositoryError::TooLarge { path: path.to_owned(), bytes_max });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        (&mut self.answers).take(size).read_to_end(&mut bytes).map_err(broke)?;
        let mut end = [0];
        self.answers.read_exact(&mut end).map_err(broke)?;
        if bytes.len() as u64 != size || end != *b"\n" {
            return Err(unexpected("an object ended too early"));
        }
        Ok(Some(Object { id: id.to_owned(), kind: kind.to_owned(), bytes }))
    }
}

impl Drop for CatFile {
    fn drop(&mut self) {
        // It reads nothing but our pipe; ended or not, it must not stay behind as a zombie.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn unexpected(said: &str) -> RepositoryError {
    RepositoryError::GitAnswer { operation: "cat-file".to_owned(), said: shown(said.as_bytes()) }
}

//! Running `git` so that nothing but git's own read-only plumbing runs.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use crate::RepositoryError;

/// No single question takes longer, even of a large repository on a slow disk.
const SECONDS_MAX: u64 = 120;
/// The most that one answer may hold: the listing of two million files fits.
pub(crate) const ANSWER_BYTES_MAX: u64 = 512 << 20;
/// How much of what git complains about is shown.
const SAID_BYTES_MAX: u64 = 2_000;

/// `git` of one repository. Both folders are named explicitly, so that `core.worktree` and `core.bare` have no say.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    program: OsString,
    git_dir: PathBuf,
    work_tree: PathBuf,
}

impl Git {
    pub(crate) fn new(git_dir: PathBuf, work_tree: PathBuf) -> Self {
        Self { program: OsString::from("git"), git_dir, work_tree }
    }

    #[cfg(test)]
    pub(crate) fn with_program(mut self, program: &str) -> Self {
        self.program = OsString::from(program);
        self
    }

    pub(crate) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    pub(crate) fn work_tree(&self) -> &Path {
        &self.work_tree
    }

    /// Asks one question and gives the whole answer.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>, RepositoryError> {
        let (answer, status, said) = self.run(arguments, None)?;
        if status.success() { Ok(answer) } else { Err(failed(operation(arguments), status, &said)) }
    }

    /// Asks one question with these lines on standard input.
    pub(crate) fn ask_with(&self, arguments: &[&str], input: Vec<u8>) -> Result<Vec<u8>, RepositoryError> {
        let (answer, status, said) = self.run(arguments, Some(input))?;
        if status.success() { Ok(answer) } else { Err(failed(operation(arguments), status, &said)) }
    }

    /// Starts a git that stays, to be asked through its standard input.
    pub(crate) fn start(&self, arguments: &[&str]) -> Result<Child, RepositoryError> {
        self.command(arguments)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|cause| not_started(operation(arguments), cause))
    }

    fn run(
        &self,
        arguments: &[&str],
        input: Option<Vec<u8>>,
    ) -> Result<(Vec<u8>, std::process::ExitStatus, Vec<u8>), RepositoryError> {
        let broke = |cause| not_started(operation(arguments), cause);
        let mut command = self.command(arguments);
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().map_err(broke)?;
        let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let child = Arc::new(Mutex::new(child));
        let feeder = thread::spawn(move || {
            // A git that ended early broke the pipe; its status tells why.
            let _ = stdin.as_mut().map(|pipe| pipe.write_all(&input.unwrap_or_default()));
        });
        let listener = thread::spawn(move || drain(stderr, SAID_BYTES_MAX));
        let (done, waiting) = mpsc::channel::<()>();
        let watched = Arc::clone(&child);
        let watchman = thread::spawn(move || {
            let late = waiting.recv_timeout(Duration::from_secs(SECONDS_MAX)) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                kill(&watched);
            }
            late
        });
        let mut answer = Vec::new();
        let read = stdout.map_or(Ok(0), |pipe| pipe.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut answer));
        let talkative = answer.len() as u64 > ANSWER_BYTES_MAX;
        if talkative || read.is_err() {
            kill(&child);
        }
        drop(done);
        let late = watchman.join().unwrap_or(false);
        let status = child.lock().unwrap_or_else(PoisonError::into_inner).wait().map_err(broke)?;
        let _ = feeder.join();
        let said = listener.join().unwrap_or_default();
        if late {
            return Err(RepositoryError::GitSlow { operation: operation(arguments), seconds_max: SECONDS_MAX });
        }
        if talkative {
            return Err(RepositoryError::GitTalkative { operation: operation(arguments), bytes_max: ANSWER_BYTES_MAX });
        }
        read.map_err(broke)?;
        Ok((answer, status, said))
    }

    /// The environment is emptied first: `GIT_DIR`, `GIT_CONFIG_COUNT`, `GIT_EXTERNAL_DIFF` and their like would otherwise
    /// speak for whoever set them. The rest switches off, one by one, what makes git run a program or use a network.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear();
        for kept in ["PATH", "SYSTEMROOT", "TMPDIR", "TEMP"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_SYSTEM", null_device())
            .env("GIT_CONFIG_GLOBAL", null_device())
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .args(["--no-pager", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never", "-c", "safe.directory=*"])
            .arg("-c")
            .arg(joined("core.hooksPath=", null_device()))
            .arg(joined("--git-dir=", self.git_dir.as_os_str()))
            .arg(joined("--work-tree=", self.work_tree.as_os_str()))
            .args(arguments)
            .current_dir(&self.work_tree)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn null_device() -> &'static OsStr {
    OsStr::new(if cfg!(windows) { "NUL" } else { "/dev/null" })
}

fn joined(prefix: &str, rest: &OsStr) -> OsString {
    let mut whole = OsString::from(prefix);
    whole.push(rest);
    whole
}

/// The command's name: what a person needs of the arguments.
fn operation(arguments: &[&str]) -> String {
    arguments.first().copied().unwrap_or_default().to_owned()
}

fn kill(child: &Mutex<Child>) {
    // It may have ended by itself; then there is nothing to kill.
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

/// Reads a pipe to its end, so that the writer never blocks, and keeps the beginning.
fn drain(pipe: Option<impl Read>, bytes_max: u64) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.by_ref().take(bytes_max).read_to_end(&mut kept);
        let _ = io::copy(&mut pipe, &mut io::sink());
    }
    kept
}

fn not_started(operation: String, cause: io::Error) -> RepositoryError {
    match cause.kind() {
        io::ErrorKind::NotFound => RepositoryError::GitMissing,
        _ => RepositoryError::GitStart { operation, cause },
    }
}

fn failed(operation: String, status: std::process::ExitStatus, said: &[u8]) -> RepositoryError {
    RepositoryError::GitFailed { operation, status: status.to_string(), said: shown(said) }
}

/// What git said, on one line, without control characters.
pub(crate) fn shown(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said.get(..SAID_BYTES_MAX as usize).unwrap_or(said));
    let plain: String = said.trim().chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    if plain.is_empty() { "it gave no reason".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_git_says_how_to_install_it() {
        let place = tempfile::tempdir().unwrap();
        let git = Git::new(place.path().join(".git"), place.path().to_owned()).with_program("no-such-git");
        let error = git.ask(&["version"]).unwrap_err();
        assert!(matches!(error, RepositoryError::GitMissing));
        assert!(error.to_string().contains("apt-get install git"));
    }

    #[test]
    fn what_git_complains_about_is_shown_on_one_line() {
        let place = tempfile::tempdir().unwrap();
        let git = Git::new(place.path().join(".git"), place.path().to_owned());
        let error = git.ask(&["rev-parse", "HEAD"]).unwrap_err().to_string();
        assert!(error.starts_with("`git rev-parse` failed (exit status: 128): fatal: not a git repository"), "{error}");
        assert_eq!(shown(b"a\x1b[2Jb\nc\n"), "a [2Jb c");
    }
}

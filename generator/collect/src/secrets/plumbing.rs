//! Questions to `git` that no other room asks yet: what is staged, what messages say. Nothing but read-only plumbing runs: no filter,
//! no hook, no program of the repository, no network, and nothing of the environment but the search path.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use avouch_repository::Repository;

use super::SecretsError;

/// How much of what git complains about is shown, in bytes.
const SAID_BYTES_MAX: usize = 400;

/// Asks one question, with these lines on standard input.
pub(super) fn git(repository: &Repository, arguments: &[&str], input: Vec<u8>) -> Result<Vec<u8>, SecretsError> {
    let operation = || arguments.first().copied().unwrap_or_default().to_owned();
    let broke = |cause: std::io::Error| SecretsError::Git { operation: operation(), said: cause.to_string() };
    let mut command = Command::new("git");
    command.env_clear();
    for kept in ["PATH", "SYSTEMROOT", "TMPDIR", "TEMP"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    let null = if cfg!(windows) { "NUL" } else { "/dev/null" };
    command
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_SYSTEM", null)
        .env("GIT_CONFIG_GLOBAL", null)
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .args(["--no-pager", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never", "-c", "safe.directory=*"])
        .args(["-c", &format!("core.hooksPath={null}"), "-c", "log.showSignature=false"])
        .args(arguments)
        .current_dir(repository.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(broke)?;
    let stdin = child.stdin.take();
    let feeder = thread::spawn(move || {
        // A git that ended early broke the pipe; its status tells why.
        let _ = stdin.map(|mut pipe| pipe.write_all(&input));
    });
    let answer = child.wait_with_output().map_err(broke)?;
    let _ = feeder.join();
    if answer.status.success() {
        return Ok(answer.stdout);
    }
    let said =
        String::from_utf8_lossy(answer.stderr.get(..SAID_BYTES_MAX).unwrap_or(&answer.stderr)).trim().escape_debug().to_string();
    Err(SecretsError::Git { operation: operation(), said: format!("{said} ({})", answer.status) })
}

/// The files that the index holds otherwise than the commit that is checked out, each path with the id of its content; all of them
/// before the first commit. Links and submodules are left out.
pub(super) fn staged(repository: &Repository) -> Result<Vec<(String, String)>, SecretsError> {
    let odd =
        |operation: &str| SecretsError::Git { operation: operation.to_owned(), said: "a line that it does not write".to_owned() };
    let is_file = |mode: &str| matches!(mode, "100644" | "100755" | "100664");
    let mut staged = Vec::new();
    let Some(head) = repository.head()? else {
        // `<mode> <id> <stage>\t<path>\0` (git-ls-files(1)).
        let listing = git(repository, &["ls-files", "-s", "-z", "--full-name"], Vec::new())?;
        for line in String::from_utf8_lossy(&listing).split('\0').filter(|line| !line.is_empty()) {
            let (told, path) = line.split_once('\t').ok_or_else(|| odd("ls-files"))?;
            if let [mode, id, _] = told.split(' ').collect::<Vec<_>>().as_slice()
                && is_file(mode)
            {
                staged.push((path.to_owned(), (*id).to_owned()));
            }
        }
        return Ok(staged);
    };
    // `:<mode> <mode> <id> <id> <status>\0<path>\0` (git-diff-index(1)); compares a tree with the index, so reads no file.
    let arguments = ["diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv"];
    let listing = git(repository, &[&arguments[..], &[head.as_str(), "--"]].concat(), Vec::new())?;
    let listing = String::from_utf8_lossy(&listing);
    let mut parts = listing.split('\0').filter(|part| !part.is_empty());
    while let Some(told) = parts.next() {
        let path = parts.next().ok_or_else(|| odd("diff-index"))?;
        match told.split(' ').collect::<Vec<_>>().as_slice() {
            [_, mode, _, id, status] if is_file(mode) && *status != "U" => staged.push((path.to_owned(), (*id).to_owned())),
            [_, _, _, _, _] => {}
            _ => return Err(odd("diff-index")),
        }
    }
    Ok(staged)
}

//! What messages of commits and of annotated tags say: a token in one is as public as one in a file.

use std::collections::HashSet;

use avouch_repository::Repository;
use avouch_scan::{KeyedDigest, Place, Scanner};

use super::{Found, SecretsError, memory::History, plumbing::git, workers::found_at};
use crate::sources::chain;

/// What stands in the place of a path.
const COMMIT: &str = "commit message";
const TAG: &str = "tag message";

/// What messages brought.
pub(super) struct Said {
    pub(super) found: Vec<Found>,
    /// Messages that were searched, now.
    pub(super) searched: u64,
    /// The commits whose messages hold something.
    pub(super) holding: Vec<String>,
}

/// Searches the messages of the commits that the tips lead to, those of known commits only where they held something, and of the
/// annotated tags of commits that `tag_of` names.
pub(super) fn search(
    repository: &Repository,
    tips: &[String],
    known: &History,
    tag_of: &dyn Fn(&str) -> bool,
    scanner: &Scanner<'_>,
) -> Result<Said, SecretsError> {
    let mut said = Said { found: Vec::new(), searched: 0, holding: Vec::new() };
    let mut first: HashSet<(String, &str, KeyedDigest)> = HashSet::new();
    let mut look = |said: &mut Said, path: &'static str, commit: &str, text: &str| -> Result<(), SecretsError> {
        let profile = scanner.rules().profile(path);
        let place = Place { path, profile: &profile, commit: Some(commit) };
        let scanned = scanner.scan_bytes(text.as_bytes(), place).map_err(|error| SecretsError::Rules(chain(&error)))?;
        said.searched += 1;
        if !scanned.hits.is_empty() && path == COMMIT {
            said.holding.push(commit.to_owned());
        }
        // The same value in a later message, as of a commit that was picked, is told once.
        said.found.extend(
            found_at(scanned, path, Some(commit))
                .into_iter()
                .filter(|one| first.insert((one.hit.id.clone(), path, one.hit.digest))),
        );
        Ok(())
    };
    let lines = |ids: &mut dyn Iterator<Item = String>| ids.flat_map(|id| (id + "\n").into_bytes()).collect::<Vec<u8>>();
    let mut headers = Vec::new();
    if !known.messages.is_empty() {
        let wanted = lines(&mut known.messages.iter().cloned());
        headers.push(git(repository, &["rev-list", "--no-walk=unsorted", "--header", "--stdin"], wanted)?);
    }
    if !tips.is_empty() {
        let wanted = lines(&mut tips.iter().cloned().chain(known.tips.iter().map(|tip| format!("^{tip}"))));
        headers.push(git(repository, &["rev-list", "--reverse", "--topo-order", "--header", "--stdin"], wanted)?);
    }
    for header in &headers {
        // `<id>\n<headers>\n\n<message, each line indented by four>\0` (git-rev-list(1), --header).
        for commit in String::from_utf8_lossy(header).split('\0') {
            let Some((id, rest)) = commit.split_once('\n') else { continue };
            let Some((_, message)) = rest.split_once("\n\n") else { continue };
            let text: Vec<&str> = message.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
            look(&mut said, COMMIT, id, &text.join("\n"))?;
        }
    }
    let format = "--format=%(objecttype)%00%(*objectname)%00%(contents)%00";
    let tags = git(repository, &["for-each-ref", format], Vec::new())?;
    let tags = String::from_utf8_lossy(&tags);
    let parts: Vec<&str> = tags.split('\0').collect();
    for tag in parts.chunks_exact(3) {
        if let [kind, commit, message] = tag
            && kind.trim_start() == "tag"
            && tag_of(commit)
        {
            look(&mut said, TAG, commit, message)?;
        }
    }
    Ok(said)
}

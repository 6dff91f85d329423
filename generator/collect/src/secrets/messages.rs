//! What messages of commits and of annotated tags say: a token in one is as public as one in a file.

use std::collections::HashSet;

use avouch_repository::Repository;
use avouch_scan::{KeyedDigest, Place, Scanner};

use super::{Found, SecretsError, memory::History, workers::found_at};
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
    let commits = repository.messages_of(&known.messages)?;
    let since = if tips.is_empty() { Vec::new() } else { repository.messages_since(tips, &known.tips)? };
    for message in commits.iter().chain(&since) {
        look(&mut said, COMMIT, &message.commit, &message.text)?;
    }
    for message in repository.tag_messages()?.iter().filter(|message| tag_of(&message.commit)) {
        look(&mut said, TAG, &message.commit, &message.text)?;
    }
    Ok(said)
}

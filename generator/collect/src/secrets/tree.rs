//! The files of a folder or of a commit.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    io::{Cursor, Read},
};

use avouch_model::Timestamp;
use avouch_repository::{Files, Folder, Repository, RepositoryError, Stamp};
use avouch_scan::{Place, ScanError, Scanner};

use super::{
    Counts, Found, Memory, Searched, SecretsError,
    memory::seen,
    workers::{Task, count, found_at, search},
};
use crate::sources::chain;

/// The largest file of a commit that is searched, in bytes; files of a folder are read piece by piece and have no limit.
const COMMITTED_BYTES_MAX: u64 = 64 << 20;
/// A file that changed less than this many seconds ago may change again unseen, and is not remembered.
const SETTLED_SECONDS: i64 = 3;

/// The files of a folder as it lies, those that git ignores left out unless they are tracked. `below` is a folder in it, or empty.
///
/// # Errors
/// When the folder cannot be listed, or a rule cannot be used.
pub fn folder(
    folder: &Folder,
    repository: Option<&Repository>,
    below: &str,
    scanner: &Scanner<'_>,
    memory: &mut Memory,
    now: Timestamp,
) -> Result<Searched, SecretsError> {
    let mut paths: BTreeMap<String, Option<Stamp>> =
        folder.stamped()?.into_iter().map(|(entry, stamp)| (entry.path, stamp)).collect();
    for path in repository.map_or_else(|| Ok(Vec::new()), Repository::tracked)? {
        // What is tracked is scanned whatever the rules say; links and what is gone open as nothing.
        if let Entry::Vacant(unseen) = paths.entry(path) {
            let stamp = folder.stamp(unseen.key());
            unseen.insert(stamp);
        }
    }
    let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
    paths.retain(|path, _| path.starts_with(&prefix));
    let rules = scanner.rules();
    let (mut tasks, mut keys, mut counts, mut remembered) = (Vec::new(), Vec::new(), Counts::default(), BTreeSet::new());
    for (path, stamp) in &paths {
        let profile = rules.profile(path);
        let Some(stamp) = stamp else {
            // A link, a submodule, or gone.
            counts.passed_over += 1;
            continue;
        };
        if rules.leave_out(&profile) {
            counts.left_out += 1;
            continue;
        }
        let key = seen(b"file", &[path.as_bytes(), &stamp.bytes()].concat(), &profile);
        if memory.files.contains(&key) {
            counts.remembered += 1;
            remembered.insert(key);
        } else {
            tasks.push(Task { path, profile });
            keys.push((stamp.changed() + SETTLED_SECONDS < now.unix()).then_some(key));
        }
    }
    let open = |path: &str| match folder.open_file(path) {
        Ok(file) => Ok(file.map(|file| Box::new(file) as Box<dyn Read>)),
        Err(error) => Err(chain(&error)),
    };
    let worked = search(&tasks, scanner, &open).map_err(|error| SecretsError::Rules(chain(&error)))?;
    counts.add(worked.counts);
    counts.contents = counts.searched + counts.remembered;
    if below.is_empty() {
        memory.files = remembered;
    }
    memory.files.extend(worked.clean.into_iter().filter_map(|index| keys.get(index).copied().flatten()));
    let searched = Searched { found: worked.found.into_iter().flat_map(|(_, found)| found).collect(), counts };
    match repository {
        Some(repository) => with_staged(searched, repository, &prefix, scanner),
        None => Ok(searched),
    }
}

/// What the next commit would bring and the folder does not hold, as it was staged before the file was cleaned or deleted.
fn with_staged(
    mut searched: Searched,
    repository: &Repository,
    prefix: &str,
    scanner: &Scanner<'_>,
) -> Result<Searched, SecretsError> {
    let mut staged = repository.staged()?;
    staged.retain(|(path, _)| path.starts_with(prefix) && !scanner.rules().leave_out(&scanner.rules().profile(path)));
    let ids: Vec<String> = staged.iter().map(|(_, id)| id.clone()).collect();
    let (mut buffer, mut wrong, mut found) = (Vec::new(), None, Vec::new());
    repository.blobs::<RepositoryError>(&ids, &mut |index, _, content| {
        let Some((path, _)) = staged.get(index) else { return Ok(()) };
        let profile = scanner.rules().profile(path);
        match scanner.scan(content, Place { path, profile: &profile, commit: None }, &mut buffer) {
            Ok(scanned) => {
                count(&mut searched.counts, &scanned);
                searched.counts.contents += u64::from(!scanned.binary);
                found.extend(found_at(scanned, path, None));
            }
            Err(error @ ScanError::Pattern { .. }) => wrong = Some(error),
            Err(error) => searched.counts.not_searched(path, chain(&error)),
        }
        Ok(())
    })?;
    if let Some(error) = wrong {
        return Err(SecretsError::Rules(chain(&error)));
    }
    let same =
        |one: &Found, other: &Found| one.path == other.path && one.hit.id == other.hit.id && one.hit.digest == other.hit.digest;
    for mut one in found {
        if !searched.found.iter().any(|known| same(known, &one)) {
            one.staged = true;
            searched.found.push(one);
        }
    }
    Ok(searched)
}

/// The files of a commit, or of whatever else holds files.
///
/// # Errors
/// When they cannot be listed, or a rule cannot be used.
pub fn files(files: &(dyn Files + Sync), scanner: &Scanner<'_>) -> Result<Searched, SecretsError> {
    let listed = files.list()?;
    let all = listed.iter().map(|entry| Task { path: &entry.path, profile: scanner.rules().profile(&entry.path) });
    let tasks: Vec<Task<'_>> = all.filter(|task| !scanner.rules().leave_out(&task.profile)).collect();
    let open = |path: &str| match files.read(path, COMMITTED_BYTES_MAX) {
        Ok(bytes) => Ok(bytes.map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Read>)),
        Err(error) => Err(chain(&error)),
    };
    let worked = search(&tasks, scanner, &open).map_err(|error| SecretsError::Rules(chain(&error)))?;
    let mut counts = worked.counts;
    counts.contents = counts.searched;
    counts.left_out = (listed.len() - tasks.len()) as u64;
    Ok(Searched { found: worked.found.into_iter().flat_map(|(_, found)| found).collect(), counts })
}

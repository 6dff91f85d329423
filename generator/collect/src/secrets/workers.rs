//! Searching many contents on all cores.

use std::{
    io::Read,
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use avouch_scan::{PathClass, Place, Profile, ScanError, Scanned, Scanner};

use super::{Counts, Found};
use crate::sources::chain;

/// More threads would only hold more memory: each has a buffer of its own.
const THREADS_MAX: usize = 8;

/// How many threads to search with.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX)
}

/// A file to be searched.
pub(super) struct Task<'a> {
    pub(super) path: &'a str,
    pub(super) profile: Profile,
}

/// Opens a content; none when there is none any more.
pub(super) type Open<'a> = dyn Fn(&str) -> Result<Option<Box<dyn Read>>, String> + Sync + 'a;

/// What tasks brought, by their places in the list.
#[derive(Default)]
pub(super) struct Worked {
    /// What was found.
    pub(super) found: Vec<(usize, Vec<Found>)>,
    /// Texts that held nothing.
    pub(super) clean: Vec<usize>,
    pub(super) counts: Counts,
}

/// Searches files, each opened by its path.
///
/// # Errors
/// When a rule cannot be used.
pub(super) fn search(tasks: &[Task<'_>], scanner: &Scanner<'_>, open: &Open<'_>) -> Result<Worked, ScanError> {
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Worked::default()));
    let work = || -> Result<(), ScanError> {
        let (mut found, mut clean, mut counts, mut buffer) = (Vec::new(), Vec::new(), Counts::default(), Vec::new());
        while let Some((index, task)) = take(&next, tasks) {
            let place = Place { path: task.path, profile: &task.profile, commit: None };
            let scanned = match open(task.path) {
                Ok(Some(mut content)) => match scanner.scan(&mut *content, place, &mut buffer) {
                    Ok(scanned) => scanned,
                    Err(error @ ScanError::Pattern { .. }) => return Err(error),
                    Err(error) => {
                        counts.not_searched(task.path, chain(&error));
                        continue;
                    }
                },
                // What vanished while it was being listed is not there.
                Ok(None) => continue,
                Err(why) => {
                    counts.not_searched(task.path, why);
                    continue;
                }
            };
            count(&mut counts, &scanned);
            if scanned.hits.is_empty() && !scanned.binary {
                clean.push(index);
            }
            let hits = found_at(scanned, task.path, None);
            if !hits.is_empty() {
                found.push((index, hits));
            }
        }
        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
        all.found.extend(found);
        all.clean.extend(clean);
        all.counts.add(counts);
        Ok(())
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads().min(tasks.len())).map(|_| scope.spawn(work)).collect();
        let own = work();
        let joined = others.into_iter().map(|other| other.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause)));
        joined.chain([own]).collect::<Result<Vec<()>, ScanError>>()
    })?;
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.found.sort_by_key(|(index, _)| *index);
    Ok(all)
}

fn take<'t, T>(next: &AtomicUsize, tasks: &'t [T]) -> Option<(usize, &'t T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    tasks.get(index).map(|task| (index, task))
}

/// Counts a content that was searched.
pub(super) fn count(counts: &mut Counts, scanned: &Scanned) {
    counts.allowed_by_commit += scanned.allowed_by_commit;
    if scanned.binary {
        counts.binary += 1;
    } else {
        counts.searched += 1;
        counts.bytes += scanned.bytes;
    }
}

/// The hits of a content as what was found at a path.
pub(super) fn found_at(scanned: Scanned, path: &str, commit: Option<&str>) -> Vec<Found> {
    let class = PathClass::of(path);
    let found = |hit| Found { hit, path: path.to_owned(), class, commit: commit.map(str::to_owned), staged: false };
    scanned.hits.into_iter().map(found).collect()
}

//! Everything that was ever committed: each content once, told with the commit that brought it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    io::Read,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use avouch_repository::{Repository, RepositoryError};
use avouch_scan::{KeyedDigest, Place, Profile, ScanError, Scanned, Scanner};

use super::{
    Counts, Found, Memory, Searched, SecretsError,
    memory::{History, Holding, Seen, seen},
    messages,
    workers::{count, found_at, threads},
};
use crate::sources::chain;

/// Larger contents are searched as they come, by whoever reads them; smaller ones are handed on, so that reading goes on.
const HANDED_BYTES_MAX: u64 = 1 << 20;
/// How many contents wait to be searched, at most.
const WAITING_MAX: usize = 8;

/// A content at a path, as a commit brought it.
struct Brought {
    blob: String,
    path: Arc<str>,
    profile: Arc<Profile>,
    commit: Arc<str>,
}

/// What branches, tags and other references lead to.
///
/// # Errors
/// When `git` fails, an object is missing, or a rule cannot be used.
pub fn everything_committed(
    repository: &Repository,
    scanner: &Scanner<'_>,
    memory: &mut Memory,
) -> Result<Searched, SecretsError> {
    let tips = repository.tips()?;
    search(repository, &tips, &|_| true, scanner, memory)
}

/// What one commit leads to: itself and everything before it.
///
/// # Errors
/// When `git` fails, an object is missing, or a rule cannot be used.
pub fn everything_that_led_to(
    repository: &Repository,
    commit: &str,
    scanner: &Scanner<'_>,
    memory: &mut Memory,
) -> Result<Searched, SecretsError> {
    search(repository, &[commit.to_owned()], &|tagged| tagged == commit, scanner, memory)
}

fn search(
    repository: &Repository,
    tips: &[String],
    tag_of: &dyn Fn(&str) -> bool,
    scanner: &Scanner<'_>,
    memory: &mut Memory,
) -> Result<Searched, SecretsError> {
    let mut counts = Counts { shallow: repository.is_shallow()?, ..Counts::default() };
    // What was searched to counts on only where all of it still leads here, and nothing can lie hidden before it.
    let known = match std::mem::take(&mut memory.history) {
        known if !counts.shallow && !known.tips.is_empty() && repository.reaches(tips, &known.tips)? => known,
        _ => History::default(),
    };
    let mut brought = Vec::new();
    counts.commits = collect(repository, tips, &known, scanner, &mut brought, &mut counts.left_out)?;
    let said = messages::search(repository, tips, &known, tag_of, scanner)?;
    counts.messages = said.searched;
    let (wanted, keys) = to_search(&brought, memory, &mut counts, &known);
    let (mut results, searched) = search_contents(repository, &brought, &wanted, scanner)?;
    counts.add(searched);

    if known.tips.is_empty() {
        // What nothing leads to any more is forgotten.
        let led_to: BTreeSet<Seen> = keys.iter().copied().collect();
        memory.blobs.retain(|key| led_to.contains(key));
    }
    let mut holding = Vec::new();
    for (index, each) in brought.iter().enumerate() {
        let Some(key) = keys.get(index) else { continue };
        match results.get(&index) {
            Some(scanned) if scanned.hits.is_empty() && scanned.allowed_by_commit == 0 => {
                memory.blobs.insert(*key);
            }
            Some(_) => {
                holding.push(Holding { blob: each.blob.clone(), path: each.path.to_string(), commit: each.commit.to_string() })
            }
            None => {}
        }
    }
    counts.contents = (memory.blobs.len() + holding.len()) as u64;
    // A content that could not be searched must come again next time.
    if counts.unsearched == 0 {
        memory.history = History { tips: tips.to_vec(), holding, messages: said.holding };
    }
    let mut first: HashSet<(String, Arc<str>, KeyedDigest)> = HashSet::new();
    let mut found: Vec<Found> = Vec::new();
    for (index, each) in brought.iter().enumerate() {
        let Some(scanned) = results.remove(&index) else { continue };
        for one in found_at(scanned, &each.path, Some(&each.commit)) {
            // The same value stays in a file through many commits; the first brought it.
            if first.insert((one.hit.id.clone(), Arc::clone(&each.path), one.hit.digest)) {
                found.push(one);
            }
        }
    }
    found.extend(said.found);
    Ok(Searched { found, counts })
}

/// What the commits brought, each content at each path once, with the first commit.
fn collect(
    repository: &Repository,
    tips: &[String],
    known: &History,
    scanner: &Scanner<'_>,
    brought: &mut Vec<Brought>,
    left_out: &mut u64,
) -> Result<u64, SecretsError> {
    let mut paths: HashMap<Arc<str>, Arc<Profile>> = HashMap::new();
    let mut once: HashSet<(String, Arc<str>)> = HashSet::new();
    let mut last: Arc<str> = Arc::from("");
    let mut add = |blob: &str, path: &str, commit: &str| {
        let (path, profile) = match paths.get_key_value(path) {
            Some((path, profile)) => (Arc::clone(path), Arc::clone(profile)),
            None => {
                let (path, profile): (Arc<str>, _) = (Arc::from(path), Arc::new(scanner.rules().profile(path)));
                paths.insert(Arc::clone(&path), Arc::clone(&profile));
                (path, profile)
            }
        };
        if *last != *commit {
            last = Arc::from(commit);
        }
        if once.insert((blob.to_owned(), Arc::clone(&path))) {
            if scanner.rules().leave_out(&profile) {
                *left_out += 1;
                return;
            }
            brought.push(Brought { blob: blob.to_owned(), path, profile, commit: Arc::clone(&last) });
        }
    };
    for holding in &known.holding {
        add(&holding.blob, &holding.path, &holding.commit);
    }
    Ok(repository.arrivals(tips, &known.tips, &mut |arrival| add(arrival.blob, arrival.path, arrival.commit))?)
}

/// The contents that must be searched, by id, each with the places that it lies at; and the key of every place.
fn to_search(
    brought: &[Brought],
    memory: &Memory,
    counts: &mut Counts,
    known: &History,
) -> (BTreeMap<usize, Vec<usize>>, Vec<Seen>) {
    let (mut first, mut wanted): (HashMap<&str, usize>, BTreeMap<usize, Vec<usize>>) = (HashMap::new(), BTreeMap::new());
    let (mut keys, mut remembered) = (Vec::with_capacity(brought.len()), BTreeSet::new());
    for (index, each) in brought.iter().enumerate() {
        let key = seen(b"blob", each.blob.as_bytes(), &each.profile);
        keys.push(key);
        if index >= known.holding.len() && memory.blobs.contains(&key) {
            remembered.insert(key);
            continue;
        }
        let at = *first.entry(&each.blob).or_insert(index);
        wanted.entry(at).or_default().push(index);
    }
    // Everything that an earlier search held to be without a secret, whether or not it was walked through again.
    counts.remembered = if known.tips.is_empty() { remembered.len() } else { memory.blobs.len() } as u64;
    (wanted, keys)
}

/// Reads each content once and searches it for each profile that it lies at.
fn search_contents(
    repository: &Repository,
    brought: &[Brought],
    wanted: &BTreeMap<usize, Vec<usize>>,
    scanner: &Scanner<'_>,
) -> Result<(HashMap<usize, Scanned>, Counts), SecretsError> {
    let order: Vec<&Vec<usize>> = wanted.values().collect();
    let ids: Vec<String> = wanted.keys().filter_map(|at| brought.get(*at)).map(|each| each.blob.clone()).collect();
    let results = Mutex::new((HashMap::new(), Counts::default(), None::<ScanError>));
    let keep = |searched: Result<Vec<(usize, Scanned)>, ScanError>, path: &str| {
        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
        match searched {
            Ok(all) => {
                if let Some((_, scanned)) = all.first() {
                    count(&mut results.1, scanned);
                }
                results.0.extend(all);
            }
            Err(error @ ScanError::Pattern { .. }) => results.2 = Some(error),
            Err(error) => results.1.not_searched(path, chain(&error)),
        }
    };
    let path_of =
        |places: &[usize]| places.first().and_then(|at| brought.get(*at)).map(|each| Arc::clone(&each.path)).unwrap_or_default();
    let read = thread::scope(|scope| {
        let (hand, take) = mpsc::sync_channel::<(usize, Vec<u8>)>(WAITING_MAX);
        let take = Arc::new(Mutex::new(take));
        for _ in 1..threads().max(2) {
            let take = Arc::clone(&take);
            let (order, keep, path_of) = (&order, &keep, &path_of);
            scope.spawn(move || {
                let mut buffer = Vec::new();
                loop {
                    let next = take.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((index, bytes)) = next else { break };
                    let places = order.get(index).map(|places| places.as_slice()).unwrap_or_default();
                    keep(search_bytes(brought, places, &bytes, scanner, &mut buffer), &path_of(places));
                }
            });
        }
        let mut buffer = Vec::new();
        repository.blobs::<RepositoryError>(&ids, &mut |index, size, content| {
            let places = order.get(index).map(|places| places.as_slice()).unwrap_or_default();
            if size <= HANDED_BYTES_MAX {
                let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
                match content.read_to_end(&mut bytes) {
                    Ok(_) => drop(hand.send((index, bytes))),
                    Err(cause) => keep(Err(ScanError::Read(cause)), &path_of(places)),
                }
            } else {
                keep(search_stream(brought, places, content, scanner, &mut buffer), &path_of(places));
            }
            Ok(())
        })
    });
    read?;
    let (results, counts, wrong) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    match wrong {
        Some(error) => Err(SecretsError::Rules(chain(&error))),
        None => Ok((results, counts)),
    }
}

/// A content in memory, for each of its places.
fn search_bytes(
    brought: &[Brought],
    places: &[usize],
    bytes: &[u8],
    scanner: &Scanner<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Vec<(usize, Scanned)>, ScanError> {
    let mut all: Vec<(usize, Scanned)> = Vec::new();
    for index in places {
        let Some(each) = brought.get(*index) else { continue };
        let scanned = scanner.scan(&mut &*bytes, place(each), buffer)?;
        all.push((*index, scanned));
    }
    Ok(all)
}

/// A content that is too large to be held can be read once: for its first place. Where the rules tell its places apart, nothing is
/// said of the others but what was found.
fn search_stream(
    brought: &[Brought],
    places: &[usize],
    content: &mut dyn Read,
    scanner: &Scanner<'_>,
    buffer: &mut Vec<u8>,
) -> Result<Vec<(usize, Scanned)>, ScanError> {
    let Some(first) = places.first().and_then(|at| brought.get(*at)) else { return Ok(Vec::new()) };
    let scanned = scanner.scan(content, place(first), buffer)?;
    let alike = |index: &usize| brought.get(*index).is_some_and(|each| each.profile == first.profile);
    if scanned.hits.is_empty() && !places.iter().all(alike) {
        let said = "it is large, and the rules tell the paths apart that it lies at; it was searched for the first of them only";
        return Err(ScanError::Read(std::io::Error::other(said)));
    }
    Ok(places.iter().map(|index| (*index, scanned.clone())).collect())
}

fn place(each: &Brought) -> Place<'_> {
    Place { path: &each.path, profile: &each.profile, commit: Some(&each.commit) }
}

//! Every payload and every signed statement, held against the entries; keys as the entries change them.

use std::{
    collections::{HashMap, HashSet},
    num::NonZero,
    thread,
};

use avouch_model::{
    Digest,
    entry::{Entry, EntryKind, Visibility},
    payload::{Genesis, Payload, SiteManifest, Unsealing, Withdrawal},
};

use super::{Check, Got, Grade, walk, walk::Log};
use crate::{VerifierKey, dsse, keyring::Keyring, layout, note::Note};

/// What the entries say must be published beside the log.
#[derive(Default)]
pub(super) struct Record {
    /// The paths of payloads and statements that belong here.
    pub(super) files: HashSet<String>,
    /// The last site entry: its place and manifest.
    pub(super) site: Option<(usize, SiteManifest)>,
    /// Whether there is a site entry at all, readable or not.
    pub(super) has_site: bool,
}

/// Reads every payload and statement, and checks the signatures of the checkpoint with the keys that the log ends with.
/// With `only`, reads just that payload and those that say which keys sign.
pub(super) fn payloads(check: &mut Check<'_>, log: &Log, only: Option<&Digest>) -> Record {
    let mut record = Record::default();
    let Some(genesis) = genesis(check, log) else { return record };
    if genesis.origin != log.checkpoint.origin {
        let what = format!("the origin is `{}`, but the genesis says `{}`", log.checkpoint.origin, genesis.origin);
        check.tampered(layout::CHECKPOINT, what);
    }
    let mut keyring = match Keyring::begin(&genesis, check.request.keys) {
        Ok(keyring) => keyring,
        Err(error) => {
            check.tampered("entry 0", chain(&error));
            return record;
        }
    };
    let changes = Changes::gather(check, &log.entries);
    let last_site = log.entries.iter().rposition(|entry| entry.as_ref().is_some_and(|entry| entry.kind == EntryKind::Site));
    record.has_site = last_site.is_some();
    let mut seen: HashSet<Digest> = HashSet::new();
    let mut statements = Statements::default();
    for (index, entry) in log.entries.iter().enumerate() {
        let Some(entry) = entry else { continue };
        let keys = matches!(entry.kind, EntryKind::Genesis | EntryKind::Key);
        if only.is_some_and(|only| *only != entry.digest && !keys) {
            continue;
        }
        let first = seen.insert(entry.digest);
        let statement = if first { statement(check, index, entry, &mut record) } else { None };
        let is_signed = statement.is_some();
        statements.0.extend(statement);
        let mut signer = None;
        // Who signed what changes the keys must be known at once; and whatever was signed before is held against the keys
        // as they were.
        if entry.kind == EntryKind::Key || statements.0.len() == STATEMENTS_AT_A_TIME {
            signer = statements.check(check, &keyring).filter(|_| is_signed);
        }
        let payload = if first || entry.kind == EntryKind::Key || Some(index) == last_site {
            payload(check, index, entry, &changes, &mut record)
        } else {
            None
        };
        match payload {
            Some(Payload::Key(event)) => {
                if let Err(error) = keyring.apply(&event, signer.as_ref()) {
                    check.tampered(walk::name(index, &entry.digest), chain(&error));
                }
            }
            Some(Payload::Site(manifest)) if Some(index) == last_site => record.site = Some((index, manifest)),
            _ => {}
        }
    }
    statements.check(check, &keyring);
    signatures(check, log, &keyring);
    record
}

fn genesis(check: &mut Check<'_>, log: &Log) -> Option<Genesis> {
    let entry = log.entries.first()?.as_ref().filter(|entry| entry.kind == EntryKind::Genesis)?;
    match small(check, entry)? {
        Payload::Genesis(genesis) => Some(genesis),
        _ => None,
    }
}

/// Reads a payload of those few kinds that say how to read the others; what is wrong with it is found on the main pass,
/// except for the genesis, without which there is none.
fn small(check: &mut Check<'_>, entry: &Entry) -> Option<Payload> {
    let path = layout::blob(&entry.digest);
    let read = match check.get(&path) {
        Got::Bytes(bytes) if Digest::of(&bytes) == entry.digest => Payload::read(entry.kind, &bytes).ok(),
        Got::Bytes(_) | Got::Missing => None,
        Got::Lost => return None,
    };
    if read.is_none() && entry.kind == EntryKind::Genesis {
        check.tampered(&path, "the genesis payload is missing or is not what its entry says: no key can be told");
    }
    read
}

/// What withdrawals and unsealings say about other payloads.
#[derive(Default)]
struct Changes {
    withdrawn: HashSet<Digest>,
    /// By the sealed digest.
    unsealed: HashMap<Digest, Unsealing>,
    /// Digests that an entry records in public.
    public: HashSet<Digest>,
}

impl Changes {
    fn gather(check: &mut Check<'_>, entries: &[Option<Entry>]) -> Self {
        let mut changes = Self::default();
        let mut before: HashMap<Digest, &Entry> = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let Some(entry) = entry else { continue };
            if matches!(entry.kind, EntryKind::Withdrawal | EntryKind::Unsealing) {
                match small(check, entry) {
                    Some(Payload::Withdrawal(withdrawal)) => changes.withdraw(check, index, &withdrawal, &before),
                    Some(Payload::Unsealing(unsealing)) => changes.unseal(check, index, unsealing, &before),
                    _ => {}
                }
            }
            if entry.visibility == Visibility::Public {
                changes.public.insert(entry.digest);
            }
            before.entry(entry.digest).or_insert(entry);
        }
        changes
    }

    fn withdraw(&mut self, check: &mut Check<'_>, index: usize, withdrawal: &Withdrawal, before: &HashMap<Digest, &Entry>) {
        let target = before.get(&withdrawal.withdrawn);
        if target.is_some_and(|target| walk::may_be_sealed(target.kind)) {
            self.withdrawn.insert(withdrawal.withdrawn);
        } else {
            let what = "withdraws a payload that no entry before it records, or one that keeps the log verifiable";
            check.tampered(format_args!("entry {index}"), what);
        }
    }

    fn unseal(&mut self, check: &mut Check<'_>, index: usize, unsealing: Unsealing, before: &HashMap<Digest, &Entry>) {
        let target = before.get(&unsealing.sealed);
        if target.is_some_and(|target| target.visibility == Visibility::Sealed) {
            self.unsealed.entry(unsealing.sealed).or_insert(unsealing);
        } else {
            check.tampered(format_args!("entry {index}"), "releases a payload that no entry before it sealed");
        }
    }
}

/// Reads the statement about a payload.
fn statement<'a>(check: &mut Check<'_>, index: usize, entry: &'a Entry, record: &mut Record) -> Option<Statement<'a>> {
    let path = layout::envelope(&entry.digest);
    record.files.insert(path.clone());
    let bytes = check.need(&path, &format!("the signed statement about entry {index}"))?;
    Some(Statement { index, entry, path, bytes })
}

/// How many statements are kept in memory until their signatures are checked.
const STATEMENTS_AT_A_TIME: usize = 1_024;

/// A statement whose signature is not checked yet.
struct Statement<'a> {
    index: usize,
    entry: &'a Entry,
    path: String,
    bytes: Vec<u8>,
}

/// Statements that were signed under the same keys.
#[derive(Default)]
struct Statements<'a>(Vec<Statement<'a>>);

impl Statements<'_> {
    /// Checks all of them, on every core: signatures are most of the work of a verification. Gives the key that signed the
    /// last one.
    fn check(&mut self, check: &mut Check<'_>, keyring: &Keyring) -> Option<VerifierKey> {
        let statements = std::mem::take(&mut self.0);
        let one = |statement: &Statement<'_>| {
            let signers = keyring.signers(statement.entry.kind);
            dsse::verify(&statement.bytes, statement.entry, signers).cloned().map_err(|error| chain(&error))
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let each = statements.len().div_ceil(threads).max(1);
        let verdicts: Vec<Result<VerifierKey, String>> = thread::scope(|scope| {
            let (own, others) = statements.split_at(each.min(statements.len()));
            let others: Vec<_> =
                others.chunks(each).map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>())).collect();
            let mut verdicts: Vec<_> = own.iter().map(one).collect();
            for other in others {
                match other.join() {
                    Ok(part) => verdicts.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            verdicts
        });
        let mut signer = None;
        for (statement, verdict) in statements.iter().zip(verdicts) {
            signer = match verdict {
                Ok(key) => {
                    check.outcome.statements += 1;
                    Some(key)
                }
                Err(why) => {
                    let what = format!("does not vouch for entry {}: {why}", statement.index);
                    check.tampered(&statement.path, what);
                    None
                }
            };
        }
        signer
    }
}

/// Checks one payload where it should be, and that it is nowhere else.
fn payload(check: &mut Check<'_>, index: usize, entry: &Entry, changes: &Changes, record: &mut Record) -> Option<Payload> {
    let release = changes.unsealed.get(&entry.digest).filter(|_| entry.visibility == Visibility::Sealed);
    let withdrawn = |digest: &Digest| changes.withdrawn.contains(digest);
    if withdrawn(&entry.digest) || release.is_some_and(|release| withdrawn(&release.released)) {
        check.outcome.withdrawn += 1;
        absent(check, &entry.digest, "was withdrawn and is still published");
        // Another entry may publish the same bytes.
        if let Some(release) =
            release.filter(|release| withdrawn(&release.released) || !changes.public.contains(&release.released))
        {
            absent(check, &release.released, "was withdrawn and is still published");
        }
        return None;
    }
    let digest = match (entry.visibility, release) {
        (Visibility::Public, _) => entry.digest,
        (Visibility::Sealed, Some(release)) => release.released,
        (Visibility::Sealed, None) => {
            check.outcome.sealed += 1;
            absent(check, &entry.digest, "is sealed and is published all the same");
            return None;
        }
    };
    let path = layout::blob(&digest);
    record.files.insert(path.clone());
    let bytes = check.need(&path, &format!("the payload of entry {index}, which no withdrawal covers,"))?;
    if Digest::of(&bytes) != digest || bytes.len() as u64 != entry.size {
        check.tampered(&path, format_args!("is not the payload that entry {index} records"));
        return None;
    }
    if let Some(release) = release {
        let salt = hex::decode(&release.salt).ok().filter(|salt| salt.len() == 32 && hex::encode(salt) == release.salt);
        if salt.is_none_or(|salt| Digest::of_parts(&[&salt, &bytes]) != entry.digest) {
            check.tampered(&path, format_args!("salt and bytes are not what entry {index} sealed"));
            return None;
        }
    }
    check.outcome.payloads += 1;
    match Payload::read(entry.kind, &bytes) {
        Ok(payload) => Some(payload),
        Err(error) => {
            check.tampered(&path, format_args!("is no {}: {}", entry.kind.name(), chain(&error)));
            None
        }
    }
}

/// A payload that must not be published.
fn absent(check: &mut Check<'_>, digest: &Digest, what: &str) {
    let path = layout::blob(digest);
    if matches!(check.get(&path), Got::Bytes(_)) {
        check.tampered(&path, what);
    }
}

/// Checks who signed the checkpoint: keys that sign at the end of the log, one of them trusted.
fn signatures(check: &mut Check<'_>, log: &Log, keyring: &Keyring) {
    let Ok(note) = Note::read(&log.note) else { return };
    match note.verify(keyring.active()) {
        Ok(signers) => check.outcome.signers = signers.into_iter().cloned().collect(),
        Err(error) => {
            check.tampered(layout::CHECKPOINT, format_args!("{error}, of those that may sign this log"));
            return;
        }
    }
    let trusted = keyring.trusted().any(|key| check.outcome.signers.contains(key));
    check.outcome.anchored = trusted || (check.request.keys.is_empty() && log.extends);
    if check.outcome.anchored {
        return;
    }
    if check.request.keys.is_empty() {
        let what = "the key came from the folder itself: it agrees with itself, and may be anybody's; give --key or --policy";
        check.outcome.find(Grade::Unanchored, layout::CHECKPOINT, what);
    } else {
        let what = "is signed by none of the keys that were given, and by none that they added";
        check.tampered(layout::CHECKPOINT, what);
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

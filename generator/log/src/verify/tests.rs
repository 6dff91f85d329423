//! Verification against hostile folders. That every change of a good folder is noticed is tested where folders are made,
//! in `avouch-record`.

use std::collections::BTreeMap;

use avouch_model::{
    Digest, Timestamp, canonical,
    entry::{Entry, EntryKind, Visibility},
    payload::Genesis,
};
use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;

use super::{ENTRIES_MAX, FINDINGS_MAX, Grade, Outcome, Request, verify, verify_entry};
use crate::{
    Checkpoint, Memory, Source, SourceError, VerifierKey, dsse, layout,
    merkle::{self, Hash, leaf_hash},
    note,
    tile::{self, TileWriter},
};

const NOW: i64 = 1_790_000_000;

fn key(seed: u8) -> (SigningKey, VerifierKey) {
    let secret = SigningKey::from_bytes(&[seed; 32]);
    let public = VerifierKey::new("log", secret.verifying_key().as_bytes()).unwrap();
    (secret, public)
}

/// A log of leaves as they are, signed by the first key, with what else belongs beside it.
fn folder(leaves: &[Vec<u8>], beside: BTreeMap<String, Vec<u8>>) -> Memory {
    let mut files = beside;
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let mut writer = TileWriter::default();
    for hash in &hashes {
        writer.push(*hash, &mut |tile, bytes| {
            files.insert(tile.path(), bytes);
        });
    }
    files.extend(writer.partials().into_iter().map(|(tile, bytes)| (tile.path(), bytes)));
    for (bundle, leaves) in tile::entry_bundles(leaves.len() as u64).zip(leaves.chunks(256)) {
        let mut bytes = Vec::new();
        leaves.iter().for_each(|leaf| tile::push_entry(&mut bytes, leaf).unwrap());
        files.insert(bundle.path(), bytes);
    }
    let size = leaves.len() as u64;
    files.insert(layout::CHECKPOINT.into(), signed(&Checkpoint { origin: "log".into(), size, root: merkle::root(&hashes) }));
    Memory(files)
}

fn signed(checkpoint: &Checkpoint) -> Vec<u8> {
    let (secret, public) = key(1);
    let text = checkpoint.to_string();
    format!("{text}\n{}", note::signature_line(&public, &secret.sign(text.as_bytes()).to_bytes())).into_bytes()
}

fn entry(kind: EntryKind, at: i64, payload: &[u8]) -> Entry {
    Entry {
        v: 1,
        kind,
        at: Timestamp::from_unix(at),
        subject: "log".into(),
        visibility: Visibility::Public,
        media_type: Entry::JSON.into(),
        digest: Digest::of(payload),
        size: payload.len() as u64,
    }
}

/// Entries with their payloads and statements, after a genesis.
fn record(entries: &[(EntryKind, i64, &[u8])]) -> (Vec<Vec<u8>>, BTreeMap<String, Vec<u8>>) {
    let genesis = Genesis {
        v: 1,
        origin: "log".into(),
        product: "CK".into(),
        signing_key: key(1).1.to_string(),
        recovery_key: key(9).1.to_string(),
    };
    let genesis = canonical::to_bytes(&genesis).unwrap();
    let mut files = BTreeMap::new();
    let all = [(EntryKind::Genesis, NOW, genesis.as_slice())].into_iter().chain(entries.iter().copied());
    let leaves = all
        .map(|(kind, at, payload)| {
            let entry = entry(kind, at, payload);
            let (secret, public) = key(1);
            let envelope = dsse::sign(&entry, &public, |bytes| secret.sign(bytes).to_bytes()).unwrap();
            files.insert(layout::blob(&entry.digest), payload.to_vec());
            files.entry(layout::envelope(&entry.digest)).or_insert(envelope);
            canonical::to_bytes(&entry).unwrap()
        })
        .collect();
    (leaves, files)
}

fn check(source: &dyn Source) -> Outcome {
    let keys = [key(1).1];
    verify(source, &Request { keys: &keys, remembered: None, max_age_seconds: None, now: Timestamp::from_unix(NOW + 1000) })
}

#[test]
fn the_smallest_log_verifies() {
    let (leaves, files) = record(&[(EntryKind::Sbom, NOW, b"{}")]);
    let outcome = check(&folder(&leaves, files));
    assert_eq!((outcome.findings, outcome.entries, outcome.statements, outcome.anchored), (vec![], 2, 2, true));
}

#[test]
fn entries_in_the_wrong_order_or_shape_are_found_though_they_are_signed() {
    let good = record(&[(EntryKind::Sbom, NOW, b"{}")]);
    let leaf = String::from_utf8(good.0[1].clone()).unwrap();
    let spelt = leaf.replace("Z\"", "+00:00\"");
    let cases: [(&str, Vec<u8>); 6] = [
        ("is no entry", b"{}".to_vec()),
        ("one spelling", spelt.into_bytes()),
        ("one spelling", format!(" {leaf}").into_bytes()),
        ("version", leaf.replace("\"v\":1", "\"v\":2").into_bytes()),
        ("at most 1024", vec![b'x'; 1025]),
        ("no subject", leaf.replace("\"subject\":\"log\"", "\"subject\":\"\"").into_bytes()),
    ];
    for (expected, leaf) in cases {
        let outcome = check(&folder(&[good.0[0].clone(), leaf], good.1.clone()));
        assert!(outcome.findings.iter().any(|finding| finding.what.contains(expected)), "{expected}: {:?}", outcome.findings);
        assert_eq!(outcome.exit_code(), 1);
    }
    let (leaves, files) = record(&[(EntryKind::Sbom, NOW - 1, b"{}")]);
    assert!(check(&folder(&leaves, files)).findings[0].what.contains("before the entry before it"));
    let (leaves, files) = record(&[(EntryKind::Run, NOW, b"{}")]);
    assert!(check(&folder(&leaves, files)).findings[0].what.contains("is no run"));
    let (mut leaves, files) = record(&[(EntryKind::Sbom, NOW, b"{}")]);
    leaves.reverse();
    assert_eq!(check(&folder(&leaves, files)).exit_code(), 1);
}

#[test]
fn impossible_sizes_are_refused_without_walking_them() {
    let (leaves, files) = record(&[]);
    for size in [0, 2, 257, ENTRIES_MAX, ENTRIES_MAX + 1, u64::MAX] {
        let Memory(mut files) = folder(&leaves, files.clone());
        let checkpoint = Checkpoint { origin: "log".into(), size, root: merkle::root(&[]) };
        files.insert(layout::CHECKPOINT.into(), signed(&checkpoint));
        assert_eq!(check(&Memory(files.clone())).exit_code(), 1, "{size}");
        let keys = [key(1).1];
        let request = Request { keys: &keys, remembered: None, max_age_seconds: None, now: Timestamp::from_unix(NOW + 1000) };
        assert_eq!(verify_entry(&Memory(files), &request, &Digest::of(b"x")).0.exit_code(), 1);
    }
}

#[test]
fn another_key_or_origin_is_found_though_everything_else_agrees() {
    let (leaves, files) = record(&[]);
    let good = folder(&leaves, files);
    let keys = [key(2).1];
    let request = Request { keys: &keys, remembered: None, max_age_seconds: Some(1), now: Timestamp::from_unix(NOW) };
    let outcome = verify(&good, &request);
    assert_eq!((outcome.exit_code(), outcome.anchored), (1, false));
    let Memory(mut files) = good;
    let checkpoint = Checkpoint { origin: "other".into(), size: 1, root: merkle::root(&[leaf_hash(&leaves[0])]) };
    files.insert(layout::CHECKPOINT.into(), signed(&checkpoint));
    assert!(check(&Memory(files)).findings.iter().any(|finding| finding.what.contains("the genesis says")));
}

#[test]
fn findings_are_counted_beyond_those_that_are_kept() {
    let (leaves, files) = record(&[]);
    let Memory(mut files) = folder(&leaves, files);
    files.extend((0..500).map(|number| (format!("stranger/{number}"), Vec::new())));
    let outcome = check(&Memory(files));
    assert_eq!((outcome.findings.len(), outcome.more_findings), (FINDINGS_MAX, 500 - FINDINGS_MAX as u64));
}

/// A source of which some files cannot be asked for.
struct Failing(Memory, &'static str);

impl Source for Failing {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        if path.starts_with(self.1) {
            return Err(SourceError { path: path.into(), cause: "connection reset".into() });
        }
        self.0.get(path)
    }

    fn list(&self) -> Option<Result<Vec<String>, SourceError>> {
        None
    }
}

#[test]
fn what_cannot_be_reached_is_not_called_tampered() {
    let (leaves, files) = record(&[(EntryKind::Sbom, NOW, b"{}")]);
    for start in ["checkpoint", "tile/0", "tile/entries", "blob", "dsse"] {
        let outcome = check(&Failing(folder(&leaves, files.clone()), start));
        assert_eq!(outcome.gravest, Some(Grade::Unreachable), "{start}: {:?}", outcome.findings);
    }
    assert_eq!(check(&Failing(Memory::default(), "x")).exit_code(), 6);
    assert_eq!(check(&Memory::default()).exit_code(), 1);
}

#[test]
fn the_gravest_finding_decides_in_the_order_of_the_contract() {
    let mut grades = [Grade::Tampered, Grade::Fork, Grade::Unreachable, Grade::Unanchored, Grade::Stale];
    assert_eq!(grades.map(Grade::exit_code), [1, 5, 6, 4, 3]);
    grades.reverse();
    assert!(grades.is_sorted());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_folder_makes_verification_panic_and_none_but_the_good_one_verifies(
        place in 0usize..64, at in any::<prop::sample::Index>(), cut in any::<bool>(), byte: u8,
    ) {
        let (leaves, files) = record(&[(EntryKind::Sbom, NOW, b"{}"), (EntryKind::Sbom, NOW, b"[]")]);
        let Memory(mut files) = folder(&leaves, files);
        let path = files.keys().nth(place % files.len()).unwrap().clone();
        let bytes = files.get_mut(&path).unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= byte.max(1) }
        prop_assert_eq!(check(&Memory(files)).exit_code(), 1);
    }

    #[test]
    fn any_leaf_is_an_entry_or_a_finding(leaf in prop::collection::vec(any::<u8>(), 0..80)) {
        let (mut leaves, files) = record(&[]);
        leaves.push(leaf);
        prop_assert_eq!(check(&folder(&leaves, files)).exit_code(), 1);
    }
}

/// A measurement: `cargo test --release -p avouch-log measure -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, for optimised builds"]
fn measure_ten_thousand_entries_with_payloads_and_statements() {
    let payloads: Vec<Vec<u8>> = (0..9_999)
        .map(|number| {
            let why = "x".repeat(1_900);
            format!(
                "{{\"from\":\"2026-09-21T14:13:20Z\",\"job\":\"run {number}\",\"slots\":1,\"to\":\"2026-09-21T14:13:20Z\",\"v\":1,\"why\":\"{why}\"}}"
            )
            .into_bytes()
        })
        .collect();
    let entries: Vec<_> = payloads.iter().map(|payload| (EntryKind::Missed, NOW, payload.as_slice())).collect();
    let (leaves, files) = record(&entries);
    let folder = folder(&leaves, files);
    let started = std::time::Instant::now();
    let outcome = check(&folder);
    println!("10,000 entries verified in {:?}", started.elapsed());
    assert_eq!((outcome.exit_code(), outcome.payloads, outcome.statements), (0, 10_000, 10_000));
}

//! Publishing and verifying, with the world stopped after every change to the disk.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use avouch_log::{Grade, Memory, Source, SourceError, layout, verify::verify_entry};
use avouch_model::{Digest, payload::WithdrawalReason};

use crate::{
    Folder, Ledger, RecordError,
    fixture::{House, SALT, SECRET, Stopping, at, bom, check, details, missed, pages, signer},
};

#[test]
fn what_is_published_verifies_and_an_unchanged_publication_writes_nothing() {
    let mut house = House::furnished();
    let first = house.publish(&pages(1)).unwrap();
    assert!(first.site_changed && first.written > 10);
    let outcome = house.verify();
    assert_eq!((outcome.exit_code(), &outcome.findings), (0, &vec![]));
    assert_eq!((outcome.entries, outcome.pages, outcome.sealed), (6, 4, 1));
    assert_eq!((outcome.payloads, outcome.statements), (5, 6));
    let again = house.publish(&pages(1)).unwrap();
    assert_eq!((again.site_changed, again.written, again.removed), (false, 0, 0));
    assert_eq!(again.checkpoint, first.checkpoint);
}

#[test]
fn pages_that_are_gone_and_partial_tiles_that_were_filled_are_removed() {
    let mut house = House::furnished();
    house.publish(&pages(1)).unwrap();
    house.append((0..300).map(|_| missed(3)).collect());
    let published = house.publish(&pages(2)).unwrap();
    assert!(published.removed >= 3, "{published:?}");
    let files = house.files();
    assert!(!files.contains_key("e/1/index.html") && !house.out().join("e/1").exists());
    assert!(files.contains_key("tile/0/000") && !files.keys().any(|path| path.starts_with("tile/0/000.p/")));
    assert_eq!(house.verify().exit_code(), 0);
    // A page where a folder was, and the other way round.
    let turned = BTreeMap::from([("en".to_owned(), b"x".to_vec()), ("index.html/a".to_owned(), b"y".to_vec())]);
    house.publish(&turned).unwrap();
    assert_eq!(house.verify().exit_code(), 0);
}

#[test]
fn every_changed_truncated_or_missing_file_is_noticed() {
    let mut house = House::furnished();
    house.publish(&pages(1)).unwrap();
    let (files, key) = (house.files(), [house.signer.vkey().clone()]);
    assert_eq!(check(&Memory(files.clone()), &key, None).exit_code(), 0);
    let tampered = |what: &str, files: BTreeMap<String, Vec<u8>>| {
        assert_eq!(check(&Memory(files), &key, None).exit_code(), 1, "{what}");
    };
    for (path, bytes) in &files {
        let with = |bytes: Vec<u8>| files.clone().into_iter().chain([(path.clone(), bytes)]).collect();
        let step = (bytes.len() / 40).max(1);
        for place in (0..bytes.len()).step_by(step) {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (place % 8);
            tampered(&format!("{path} flipped at {place}"), with(flipped));
        }
        tampered(&format!("{path} cut"), with(bytes[..bytes.len() - 1].to_vec()));
        tampered(&format!("{path} longer"), with([bytes.as_slice(), b"\n"].concat()));
        tampered(&format!("{path} empty"), with(Vec::new()));
        let mut without = files.clone();
        without.remove(path);
        tampered(&format!("{path} deleted"), without);
        tampered(&format!("{path} doubled"), files.clone().into_iter().chain([(format!("{path}2"), bytes.clone())]).collect());
        for (other, theirs) in files.iter().filter(|(other, theirs)| *other > path && *theirs != bytes) {
            let swapped = files.clone().into_iter().chain([(path.clone(), theirs.clone()), (other.clone(), bytes.clone())]);
            tampered(&format!("{path} and {other} swapped"), swapped.collect());
        }
    }
}

#[test]
fn what_is_sealed_is_nowhere_in_the_folder_until_it_is_released() {
    let mut house = House::furnished();
    house.publish(&pages(1)).unwrap();
    let needles = [SECRET.as_bytes().to_vec(), SALT.to_vec(), hex::encode(SALT).into_bytes()];
    let holds =
        |house: &House, needle: &[u8]| house.files().values().any(|file| file.windows(needle.len()).any(|part| part == needle));
    for needle in &needles {
        assert!(!holds(&house, needle));
    }
    let sealed = Digest::of_parts(&[&SALT, &details(SECRET)]);
    let now = house.now();
    house.ledger.release(&house.signer, now, &sealed).unwrap();
    assert!(matches!(house.ledger.release(&house.signer, now, &sealed), Err(RecordError::Released(_))));
    house.publish(&pages(1)).unwrap();
    assert!(holds(&house, &needles[0]) && holds(&house, &needles[2]));
    assert_eq!(house.verify().findings, vec![]);
    let now = house.now();
    house.ledger.withdraw(&house.signer, now, &Digest::of(&details(SECRET)), WithdrawalReason::Secret).unwrap();
    house.publish(&pages(1)).unwrap();
    assert!(!holds(&house, &needles[0]));
    assert_eq!(house.verify().findings, vec![]);
}

#[test]
fn a_payload_is_missing_only_when_it_was_withdrawn() {
    let mut house = House::furnished();
    let digest = house.append(vec![bom("{\"with\":\"alice@example.com\"}")])[0];
    house.publish(&pages(1)).unwrap();
    let blob = house.out().join(layout::blob(&digest));
    let bytes = fs::read(&blob).unwrap();
    let now = house.now();
    house.ledger.withdraw(&house.signer, now, &digest, WithdrawalReason::PersonalData).unwrap();
    assert!(matches!(
        house.ledger.withdraw(&house.signer, now, &digest, WithdrawalReason::Legal),
        Err(RecordError::Withdrawn(_))
    ));
    house.publish(&pages(1)).unwrap();
    assert!(!blob.exists());
    let outcome = house.verify();
    assert_eq!((outcome.exit_code(), outcome.withdrawn), (0, 1));
    // Recording the same bytes again does not bring them back.
    house.append(vec![bom("{\"with\":\"alice@example.com\"}")]);
    house.publish(&pages(1)).unwrap();
    assert!(!blob.exists());
    assert_eq!(house.verify().exit_code(), 0);
    for file in ["ledger.db", "ledger.db-wal"] {
        let stored = fs::read(house.folder.path().join(file)).unwrap_or_default();
        assert!(!stored.windows(5).any(|part| part == b"alice"), "{file}");
    }
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    fs::write(&blob, bytes).unwrap();
    assert_eq!(house.verify().exit_code(), 1);
    house.publish(&pages(1)).unwrap();
    assert_eq!(house.verify().exit_code(), 0);
}

#[test]
fn an_older_copy_of_the_ledger_is_not_published() {
    let mut house = House::furnished();
    house.publish(&pages(1)).unwrap();
    let (path, copy) = (house.folder.path().join("ledger.db"), house.folder.path().join("copy.db"));
    house.ledger = Ledger::open(&copy_of(&path, &copy)).unwrap();
    house.append(vec![missed(7)]);
    let remembered = {
        house.publish(&pages(2)).unwrap();
        house.verify().remember().unwrap()
    };
    house.ledger = Ledger::open(&path).unwrap();
    let error = house.publish(&pages(2)).unwrap_err();
    assert!(matches!(&error, RecordError::Fork { what } if what.contains("older copy")), "{error}");
    // It catches up in length with other entries: refused all the same, and nothing was touched.
    house.append((10..14).map(missed).collect());
    let before = house.files();
    assert!(matches!(house.publish(&pages(3)), Err(RecordError::Fork { .. })));
    assert_eq!(house.files(), before);
    // Published to another folder, the auditor who saw the first notices.
    fs::rename(house.out(), house.folder.path().join("first")).unwrap();
    house.publish(&pages(3)).unwrap();
    let outcome = check(&Folder::new(house.out()), &[house.signer.vkey().clone()], Some(&remembered));
    assert_eq!(outcome.exit_code(), 5);
}

fn copy_of(path: &Path, copy: &Path) -> PathBuf {
    let copied = rusqlite::Connection::open(path).unwrap();
    copied.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    copy.to_owned()
}

#[test]
fn foreign_files_and_impossible_pages_stop_before_anything_is_written() {
    let mut house = House::furnished();
    fs::create_dir_all(house.out()).unwrap();
    fs::write(house.out().join("thesis.txt"), b"mine").unwrap();
    assert!(matches!(house.publish(&pages(1)), Err(RecordError::Stranger { .. })));
    assert_eq!(house.ledger.size().unwrap(), 5);
    let left: Vec<_> = fs::read_dir(house.out()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["thesis.txt"]);
    fs::remove_file(house.out().join("thesis.txt")).unwrap();
    for path in ["../x", "/x", "checkpoint", "tile/0/000", "a/../b", ".git/config", ""] {
        let error = house.publish(&BTreeMap::from([(path.to_owned(), vec![])])).unwrap_err();
        assert!(matches!(error, RecordError::PagePath(_)), "{path}: {error}");
    }
    let twice = BTreeMap::from([("a".to_owned(), vec![]), ("a/b".to_owned(), vec![])]);
    assert!(matches!(house.publish(&twice), Err(RecordError::PageTwice(_))));
    assert_eq!(house.ledger.size().unwrap(), 5);
    house.publish(&pages(1)).unwrap();
    let entries = house.out().join("tile/entries/000.p/6");
    fs::write(&entries, b"other").unwrap();
    assert!(matches!(house.publish(&pages(1)), Err(RecordError::Altered { .. })));
}

#[test]
fn two_publishers_do_not_interleave() {
    let mut house = House::furnished();
    house.publish(&pages(1)).unwrap();
    let out = house.out();
    let signer = signer(1);
    let mut second = Ledger::open(house.ledger.path()).unwrap();
    let mut nested = |give: &mut dyn FnMut(&str, &[u8]) -> io::Result<()>| {
        let inner = super::publish(&mut second, &[&signer], at(50), &out, &mut |_| Ok(()));
        assert!(matches!(inner, Err(RecordError::PublishLocked { .. })));
        give("index.html", b"x")
    };
    super::publish(&mut house.ledger, &[&signer], at(50), &out, &mut nested).unwrap();
    assert_eq!(house.verify().exit_code(), 0);
}

#[test]
fn entries_that_another_process_appends_meanwhile_are_published_whole_or_not_at_all() {
    let mut house = House::furnished();
    let (out, key) = (house.out(), signer(1));
    let mut second = Ledger::open(house.ledger.path()).unwrap();
    let mut meanwhile = |give: &mut dyn FnMut(&str, &[u8]) -> io::Result<()>| {
        second.append(&key, at(40), vec![bom("{\"meanwhile\":1}")]).map_err(io::Error::other)?;
        give("index.html", b"x")
    };
    let published = super::publish(&mut house.ledger, &[&key], at(50), &out, &mut meanwhile).unwrap();
    assert_eq!(published.checkpoint.size, 7);
    assert_eq!(house.verify().findings, vec![]);
}

#[test]
fn one_payload_is_verified_alone() {
    let mut house = House::furnished();
    house.publish(&pages(1)).unwrap();
    let digest = Digest::of(b"{\"bomFormat\":\"CycloneDX\"}");
    let keys = [house.signer.vkey().clone()];
    let request = avouch_log::Request { keys: &keys, remembered: None, max_age_seconds: None, now: at(1000) };
    let mut files = house.files();
    files.retain(|path, _| !path.starts_with("tile/0") && !path.ends_with(".html"));
    let (outcome, found) = verify_entry(&Memory(files.clone()), &request, &digest);
    assert_eq!((outcome.exit_code(), outcome.findings), (0, vec![]));
    assert_eq!(found.unwrap().index, 1);
    let (outcome, found) = verify_entry(&Memory(files.clone()), &request, &Digest::of(b"never"));
    assert_eq!((outcome.exit_code(), found.is_none()), (1, true));
    files.get_mut(&layout::blob(&digest)).unwrap()[0] ^= 1;
    assert_eq!(verify_entry(&Memory(files), &request, &digest).0.exit_code(), 1);
}

/// A folder as a web server shows it: files cannot be listed.
struct Served(Folder);

impl Source for Served {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.0.get(path)
    }

    fn list(&self) -> Option<Result<Vec<String>, SourceError>> {
        None
    }
}

#[test]
fn a_publication_that_is_stopped_anywhere_is_completed_by_the_next() {
    let mut base = House::furnished();
    let digest = base.append(vec![bom("{\"secret\":1}")])[0];
    base.publish(&pages(1)).unwrap();
    let seen = base.verify().remember().unwrap();
    // One payload in many entries: the log grows over the edge of a tile, and few files do.
    base.append((10..262).map(|_| missed(10)).collect());
    let now = base.now();
    base.ledger.withdraw(&base.signer, now, &digest, WithdrawalReason::Mistake).unwrap();
    let mut stops = 0;
    for changes in 0.. {
        let mut house = base.copy();
        let stopped = house.publish_on(&Stopping::after(changes), &pages(2));
        let key = [house.signer.vkey().clone()];
        let served = check(&Served(Folder::new(house.out())), &key, Some(&seen));
        let is_page = |place: &str| layout::is_page(place);
        for finding in &served.findings {
            // Pages may be newer than the checkpoint; whatever the checkpoint names of the log is there and right. A
            // withdrawn payload may still be there after the checkpoint that withdraws it.
            let late = finding.what.contains("still published");
            assert!(is_page(&finding.place) || late, "after {changes}: {finding}");
            assert_eq!(finding.grade, Grade::Tampered);
        }
        house.ledger = Ledger::open(house.ledger.path()).unwrap().careless();
        let finished = stopped.is_ok();
        house.publish(&pages(2)).unwrap();
        let outcome = check(&Folder::new(house.out()), &key, Some(&seen));
        assert_eq!((outcome.exit_code(), outcome.findings), (0, vec![]), "after {changes}");
        if finished {
            break;
        }
        stops += 1;
    }
    assert!(stops > 30, "{stops}");
}

#[test]
fn a_first_publication_that_is_stopped_anywhere_is_completed_by_the_next() {
    let base = House::furnished();
    for changes in 0.. {
        let mut house = base.copy();
        let finished = house.publish_on(&Stopping::after(changes), &pages(1)).is_ok();
        // Other pages than before: what the first attempt left of its own is known from its site entry.
        house.publish(&pages(2)).unwrap();
        assert_eq!(house.verify().findings, vec![], "after {changes}");
        if finished {
            return;
        }
    }
}

//! The ledger: appending, refusing, reading as of a time, keys, pending runs, slots.

use avouch_log::Grade;
use avouch_model::{
    Digest, Span,
    entry::{Entry, EntryKind},
    payload::{KeyAction, KeyEvent, Payload},
    receipt::{Ended, Enforcement, Exceptions, Fate, Promise, RetentionRun},
};

use super::{Claim, Ledger, NewEntry, Sealed, SlotState, Standing};
use crate::{
    Folder, RecordError,
    fixture::{House, ORIGIN, SALT, SECRET, at, bom, check, details, missed, pages, signer},
    publish::publish,
};

impl Ledger {
    /// Makes nothing durable: the tests stop processes, not machines, and disks are slow.
    pub(crate) fn careless(self) -> Self {
        self.database.pragma_update(None, "synchronous", "OFF").unwrap();
        self
    }
}

#[test]
fn what_was_appended_is_read_back_and_opened_again() {
    let house = House::furnished();
    assert_eq!((house.ledger.size().unwrap(), house.ledger.origin()), (5, ORIGIN));
    house.ledger.check().unwrap();
    let again = Ledger::open(house.ledger.path()).unwrap();
    assert_eq!(again.root().unwrap(), house.ledger.root().unwrap());
    let recorded = again.recorded(None).unwrap();
    assert!(matches!(recorded[0].payload, Payload::Genesis(_)));
    assert!(matches!(recorded[1].payload, Payload::Sbom));
    assert_eq!(recorded[2].payload, Payload::Absent);
    assert!(matches!(again.recorded_with_sealed(None).unwrap()[2].payload, Payload::Details(_)));
    assert_eq!(again.recorded(Some(at(1))).unwrap().len(), 2);
}

#[test]
fn the_newest_of_a_kind_is_found_without_reading_any_other() {
    let mut house = House::furnished();
    house.ledger.append(&house.signer, at(20), vec![missed(1), missed(2), bom("{}"), missed(3)]).unwrap();
    // Whoever reads one of these says that the ledger is damaged.
    let others = "DROP TRIGGER entries_are_never_changed; UPDATE entries SET leaf = x'00' WHERE kind <> 'missed'; \
                  UPDATE payloads SET bytes = x'00' WHERE digest NOT IN (SELECT digest FROM entries WHERE kind = 'missed')";
    house.ledger.database.execute_batch(others).unwrap();
    assert!(house.ledger.entries().is_err());
    let (mut seen, minute) = (Vec::new(), |number| at(number).unix());
    let found = house.ledger.newest(EntryKind::Missed, "run", |entry, payload| {
        let Payload::Missed(missed) = payload else { unreachable!("{entry:?}") };
        seen.push(missed.to.unix());
        (missed.to <= at(2)).then_some((entry.at, missed.to))
    });
    assert_eq!((found.unwrap(), seen), (Some((at(20), at(2))), vec![minute(3), minute(2)]));
    assert_eq!(house.ledger.newest(EntryKind::Missed, "purge", |_, _| Some(())).unwrap(), None);
    assert_eq!(house.ledger.newest(EntryKind::Receipt, "run", |_, _| Some(())).unwrap(), None);
}

#[test]
fn a_release_counts_from_its_own_entry() {
    let mut house = House::furnished();
    let sealed = Digest::of_parts(&[&SALT, &details(SECRET)]);
    house.ledger.release(&house.signer, at(10), &sealed).unwrap();
    assert_eq!(house.ledger.recorded(Some(at(9))).unwrap()[2].payload, Payload::Absent);
    assert!(matches!(house.ledger.recorded(Some(at(10))).unwrap()[2].payload, Payload::Details(_)));
}

#[test]
fn what_cannot_be_recorded_is_refused_and_leaves_nothing() {
    let mut house = House::furnished();
    let mut refused =
        |by: u8, minute: i64, entries: Vec<NewEntry>| house.ledger.append(&signer(by), at(minute), entries).unwrap_err();
    assert!(matches!(refused(1, 1, vec![missed(1)]), RecordError::ClockWentBack { .. }));
    assert!(matches!(refused(2, 9, vec![missed(1)]), RecordError::NotASigner { .. }));
    assert!(matches!(refused(9, 9, vec![missed(1)]), RecordError::NotASigner { .. }));
    for kind in [EntryKind::Genesis, EntryKind::Key, EntryKind::Site, EntryKind::Withdrawal, EntryKind::Unsealing] {
        assert!(matches!(refused(1, 9, vec![NewEntry::json(kind, "x", b"{}".to_vec())]), RecordError::Reserved(_)));
    }
    let misshapen = NewEntry::json(EntryKind::Run, "run", b"{}".to_vec());
    assert!(matches!(refused(1, 9, vec![missed(1), misshapen]), RecordError::Payload { .. }));
    let long = NewEntry::public(EntryKind::Sbom, &"x".repeat(1000), Entry::CYCLONEDX, b"{}".to_vec());
    assert!(matches!(refused(1, 9, vec![long]), RecordError::Entry { .. }));
    let unnamed = NewEntry::public(EntryKind::Sbom, "", Entry::CYCLONEDX, b"{}".to_vec());
    assert!(matches!(refused(1, 9, vec![unnamed]), RecordError::Entry { .. }));
    assert_eq!(house.ledger.size().unwrap(), 5);
    house.ledger.check().unwrap();
}

#[test]
fn a_public_payload_is_stored_once() {
    let mut house = House::furnished();
    let first = house.append(vec![bom("{}"), bom("{}")]);
    assert_eq!(first[0], first[1]);
    let count: i64 = house.ledger.database.query_row("SELECT count(*) FROM payloads", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 6);
    house.ledger.check().unwrap();
}

#[test]
fn two_writers_take_turns() {
    let mut house = House::furnished();
    let mut second = Ledger::open(house.ledger.path()).unwrap();
    let key = signer(1);
    for minute in 10..20 {
        house.ledger.append(&key, at(minute), vec![missed(minute)]).unwrap();
        second.append(&key, at(minute), vec![missed(-minute)]).unwrap();
    }
    assert_eq!(second.size().unwrap(), 25);
    second.check().unwrap();
    // While one writes, the other waits, and then says so.
    second.database.busy_timeout(std::time::Duration::ZERO).unwrap();
    let held = house.ledger.write().unwrap();
    assert!(matches!(second.append(&key, at(30), vec![missed(1)]), Err(RecordError::Busy)));
    drop(held);
    second.append(&key, at(30), vec![missed(1)]).unwrap();
}

#[test]
fn entries_are_neither_changed_nor_removed_and_damage_is_told() {
    let house = House::furnished();
    let path = house.ledger.path().to_owned();
    let tamper = |statement: &str| rusqlite::Connection::open(&path).unwrap().execute_batch(statement);
    assert!(tamper("UPDATE entries SET leaf = x'00' WHERE idx = 1").is_err());
    assert!(tamper("DELETE FROM entries WHERE idx = 4").is_err());
    for (statement, when) in [
        ("UPDATE payloads SET bytes = x'7b7d' WHERE sealed = 0 AND digest = (SELECT digest FROM entries WHERE idx = 1)", "check"),
        ("UPDATE heads SET root = zeroblob(32) WHERE size = 5", "open"),
        ("DELETE FROM heads WHERE size = 5", "open"),
        (
            "DROP TRIGGER entries_are_never_changed; UPDATE entries SET leaf = CAST(replace(CAST(leaf AS TEXT), '1.4.2', '1.4.3') AS BLOB) WHERE idx = 1",
            "open",
        ),
        ("DROP TRIGGER entries_are_never_removed; DELETE FROM entries WHERE idx = 4", "open"),
        ("PRAGMA application_id = 1", "open"),
        ("PRAGMA user_version = 2", "open"),
    ] {
        let copy = house.copy();
        drop(copy.ledger);
        let path = copy.folder.path().join("ledger.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(statement).unwrap();
        let opened = Ledger::open(&path);
        match when {
            "open" => assert!(opened.is_err(), "{statement}"),
            _ => assert!(opened.unwrap().check().is_err(), "{statement}"),
        }
    }
    let missing = house.folder.path().join("none.db");
    assert!(matches!(Ledger::open(&missing), Err(RecordError::NoLedger { .. })));
    let text = house.folder.path().join("text.db");
    std::fs::write(&text, "not a database, but long enough to be looked at as one".repeat(40)).unwrap();
    assert!(matches!(Ledger::open(&text), Err(RecordError::NotALedger { .. })));
}

fn event(action: KeyAction, seed: u8) -> KeyEvent {
    KeyEvent { v: 1, action, key: signer(seed).vkey().to_string() }
}

#[test]
fn keys_rotate_and_trust_follows() {
    let mut house = House::furnished();
    house.ledger.change_keys(&signer(1), at(10), &[event(KeyAction::Add, 2)]).unwrap();
    let out = house.out();
    let both = [&signer(1), &signer(2)];
    publish(&mut house.ledger, &both, at(11), &out, &mut |give| give("index.html", b"1")).unwrap();
    let folder = Folder::new(&out);
    for key in [1, 2] {
        assert_eq!(check(&folder, &[signer(key).vkey().clone()], None).findings, vec![], "{key}");
    }
    house.ledger.change_keys(&signer(2), at(12), &[event(KeyAction::Retire, 1)]).unwrap();
    assert!(matches!(house.ledger.append(&signer(1), at(13), vec![missed(1)]), Err(RecordError::NotASigner { .. })));
    let out_dated = publish(&mut house.ledger, &both, at(13), &out, &mut |_| Ok(()));
    assert!(matches!(out_dated, Err(RecordError::NotASigner { .. })));
    house.ledger.append(&signer(2), at(13), vec![missed(1)]).unwrap();
    publish(&mut house.ledger, &[&signer(2)], at(14), &out, &mut |give| give("index.html", b"2")).unwrap();
    for key in [1, 2] {
        assert_eq!(check(&folder, &[signer(key).vkey().clone()], None).findings, vec![], "{key}");
    }
    assert_eq!(check(&folder, &[signer(3).vkey().clone()], None).exit_code(), 1);
    let last = house.ledger.change_keys(&signer(2), at(15), &[event(KeyAction::Retire, 2)]);
    assert!(matches!(last, Err(RecordError::Keyring(_))));
}

#[test]
fn a_lost_key_is_revoked_with_the_recovery_key() {
    let mut house = House::furnished();
    house.publish(&pages(1)).unwrap();
    let events = [event(KeyAction::Add, 2), event(KeyAction::Revoke, 1)];
    house.ledger.change_keys(&signer(9), at(20), &events).unwrap();
    assert!(matches!(house.publish(&pages(1)), Err(RecordError::NotASigner { .. })));
    let out = house.out();
    publish(&mut house.ledger, &[&signer(2)], at(21), &out, &mut |give| give("index.html", b"2")).unwrap();
    for key in [1, 2, 9] {
        assert_eq!(check(&Folder::new(&out), &[signer(key).vkey().clone()], None).findings, vec![], "{key}");
    }
    house.ledger.check().unwrap();
}

#[test]
fn a_key_from_the_folder_itself_anchors_nothing_and_memory_does() {
    let mut house = House::furnished();
    house.publish(&pages(1)).unwrap();
    let folder = Folder::new(house.out());
    let outcome = check(&folder, &[], None);
    assert_eq!((outcome.exit_code(), outcome.gravest), (4, Some(Grade::Unanchored)));
    let seen = outcome.remember().unwrap();
    house.append(vec![missed(8)]);
    house.publish(&pages(2)).unwrap();
    assert_eq!(check(&folder, &[], Some(&seen)).findings, vec![]);
    let newer = check(&folder, &[], None).remember().unwrap();
    let rolled_back = avouch_log::Remembered { size: newer.size + 1, ..newer.clone() };
    let forked = avouch_log::Remembered { root: Digest::of(b"other"), ..newer.clone() };
    let other = avouch_log::Remembered { origin: "other".into(), ..newer };
    for remembered in [rolled_back, forked, other] {
        let outcome = check(&folder, &[house.signer.vkey().clone()], Some(&remembered));
        assert_eq!((outcome.exit_code(), outcome.remember()), (5, None));
    }
}

#[test]
fn a_silent_log_is_stale_and_one_from_the_future_is_refused() {
    let mut house = House::furnished();
    house.publish(&pages(1)).unwrap();
    let keys = [house.signer.vkey().clone()];
    let verified = |minute: i64, max_age_seconds: Option<u64>| {
        let request = avouch_log::Request { keys: &keys, remembered: None, max_age_seconds, now: at(minute) };
        avouch_log::verify(&Folder::new(house.out()), &request).exit_code()
    };
    let published = house.clock;
    assert_eq!(verified(published + 60, Some(3600)), 0);
    assert_eq!(verified(published + 61, Some(3600)), 3);
    assert_eq!(verified(published + 61, None), 0);
    assert_eq!(verified(published - 5, None), 0);
    assert_eq!(verified(published - 6, None), 1);
}

#[test]
fn pending_runs_are_forgotten_with_the_receipt_that_covers_them() {
    let mut house = House::new();
    let promise = Promise {
        rule: "interactions".into(),
        keep: Span::Months(24),
        max_lag: Span::Seconds(900),
        enforce: Enforcement::Avouch,
        fate: Fate::Deleted,
        exceptions: Exceptions::default(),
    };
    let run = |minute: i64| RetentionRun {
        promise: promise.clone(),
        purged: true,
        at: at(minute),
        cutoff: at(minute),
        due: 7,
        deleted: 7,
        due_after: 0,
        overdue_after: 0,
        rows_after: 100,
        undated: 0,
        future: 0,
        oldest_after: None,
        newest_deleted: None,
        ended: Ended::Done,
        claim: None,
        recovered: 0,
        children: 0,
        held: 0,
        archived: 0,
        strays: 0,
        remnants: None,
        recovery_window: None,
    };
    house.ledger.keep_retention_run(&run(2)).unwrap();
    house.ledger.keep_retention_run(&run(1)).unwrap();
    let pending = house.ledger.pending_retention_runs().unwrap();
    assert_eq!(pending.iter().map(|pending| pending.run.at).collect::<Vec<_>>(), [at(1), at(2)]);
    let failed = house.ledger.append_receipts(&signer(3), at(3), vec![missed(1)], &[pending[0].id]);
    assert!(failed.is_err());
    assert_eq!(house.ledger.pending_retention_runs().unwrap().len(), 2);
    house.ledger.append_receipts(&house.signer, at(3), vec![missed(1)], &[pending[0].id]).unwrap();
    assert_eq!(house.ledger.pending_retention_runs().unwrap(), pending[1..]);
}

#[test]
fn a_slot_is_run_once_and_taken_over_when_its_lease_ends() {
    let mut house = House::new();
    let ledger = &mut house.ledger;
    assert_eq!(ledger.claim_slot("run", at(0), "a", at(0), 60).unwrap(), Claim::Taken);
    assert_eq!(ledger.claim_slot("run", at(0), "b", at(1), 60).unwrap(), Claim::Held);
    assert_eq!(ledger.claim_slot("run", at(0), "b", at(2), 60).unwrap(), Claim::Taken);
    assert!(matches!(ledger.finish_slot("run", at(0), "a", at(3)), Err(RecordError::SlotNotHeld { .. })));
    ledger.finish_slot("run", at(0), "b", at(3)).unwrap();
    assert_eq!(ledger.claim_slot("run", at(0), "a", at(9), 60).unwrap(), Claim::Ended);
    assert_eq!(ledger.claim_slot("run", at(60), "a", at(60), 60).unwrap(), Claim::Taken);
    ledger.fail_slot("run", at(60), "a", at(61)).unwrap();
    assert_eq!(ledger.standing("run", at(99)).unwrap(), Standing { ended: Some(at(60)), taken: None });
    let states: Vec<_> = ledger.slots("run", 9).unwrap().into_iter().map(|slot| slot.state).collect();
    assert_eq!(states, [SlotState::Failed, SlotState::Finished]);
    assert_eq!(ledger.slots("purge", 9).unwrap(), []);
}

#[test]
fn a_job_has_one_lease_whichever_of_its_slots_is_run() {
    let mut house = House::new();
    let ledger = &mut house.ledger;
    assert_eq!(ledger.claim_slot("run", at(0), "a", at(0), 60).unwrap(), Claim::Taken);
    assert_eq!(ledger.claim_slot("run", at(1), "b", at(1), 60).unwrap(), Claim::Held);
    assert_eq!(ledger.claim_slot("purge", at(1), "b", at(1), 60).unwrap(), Claim::Taken);
    assert!(ledger.prolong_slot("run", at(0), "a", at(3)).unwrap() && !ledger.prolong_slot("run", at(0), "b", at(9)).unwrap());
    assert_eq!(ledger.claim_slot("run", at(3), "b", at(3), 60).unwrap(), Claim::Held);
    // Its lease ended: the slot is another's, though it was not the one that was claimed.
    assert_eq!(ledger.claim_slot("run", at(4), "b", at(4), 60).unwrap(), Claim::Taken);
    assert!(!ledger.prolong_slot("run", at(0), "a", at(9)).unwrap());
    ledger.forget_unended("run", at(4), "b").unwrap();
    assert_eq!(ledger.slots("run", 9).unwrap().len(), 1);
    ledger.finish_slot("run", at(4), "b", at(5)).unwrap();
    assert_eq!(ledger.claim_slot("run", at(3), "a", at(9), 60).unwrap(), Claim::Ended);
}

#[test]
fn what_a_clock_that_was_ahead_left_behind_neither_holds_a_job_nor_ends_it() {
    let mut house = House::new();
    let ledger = &mut house.ledger;
    assert_eq!(ledger.claim_slot("run", at(900), "a", at(900), 60).unwrap(), Claim::Taken);
    ledger.fail_slot("run", at(900), "a", at(900)).unwrap();
    assert_eq!(ledger.claim_slot("run", at(901), "a", at(901), 60).unwrap(), Claim::Taken);
    let Standing { ended, taken } = ledger.standing("run", at(5)).unwrap();
    assert_eq!((ended, taken.unwrap().is_held(at(5), 60)), (None, false));
    assert_eq!(ledger.claim_slot("run", at(5), "b", at(5), 60).unwrap(), Claim::Taken);
    assert_eq!(ledger.standing("run", at(5)).unwrap().taken.unwrap().scheduled_for, at(5));
}

#[test]
fn a_sealed_payload_is_named_by_a_digest_that_nobody_can_guess() {
    let (one, other) = (Sealed::new(details(SECRET)).unwrap(), Sealed::new(details(SECRET)).unwrap());
    assert_ne!(one.digest(), other.digest());
    assert_ne!(one.digest(), Digest::of(&details(SECRET)));
    assert!(!format!("{one:?}").contains("4711"));
}

//! Publishes a log of many runs, each with a payload of its own, to be verified:
//! `cargo run --release -p avouch-record --example grown_log -- DIR ENTRIES`. Prints the verifier key.
#![allow(clippy::print_stdout, reason = "the key is its result")]

use std::{io, path::PathBuf};

use avouch_model::{
    Digest, Timestamp, canonical,
    entry::EntryKind,
    json::Object,
    observation::{Observation, Population, PositiveControl},
    payload::{Genesis, Run},
    release::Binding,
    state::Outcome,
};
use avouch_record::{Ledger, NewEntry, Signer, publish};

const ORIGIN: &str = "trust.example.com/bench";
const START: i64 = 1_795_240_923;
/// Checks that a run answers.
const CHECKS: usize = 12;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("usage: grown_log DIR ENTRIES")?);
    let entries: i64 = arguments.next().ok_or("usage: grown_log DIR ENTRIES")?.parse()?;
    std::fs::create_dir_all(&folder)?;
    let (signer, recovery) = (Signer::generate(ORIGIN)?, Signer::generate(ORIGIN)?);
    let genesis = Genesis {
        v: 1,
        origin: ORIGIN.to_owned(),
        product: "Bench".to_owned(),
        signing_key: signer.vkey().to_string(),
        recovery_key: recovery.vkey().to_string(),
    };
    let start = Timestamp::from_unix(START);
    let mut ledger = Ledger::create(&folder.join("ledger.db"), genesis, &signer, start)?;
    // The genesis is one, and the publication appends one.
    let runs: Vec<i64> = (0..entries - 2).collect();
    for some in runs.chunks(500) {
        let new = some.iter().map(|nth| run(*nth).map(|bytes| NewEntry::json(EntryKind::Run, "1.0.0", bytes)));
        ledger.append(&signer, start.plus_seconds(entries), new.collect::<Result<_, _>>()?)?;
    }
    let mut render =
        |write: &mut dyn FnMut(&str, &[u8]) -> io::Result<()>| write("index.html", b"<!doctype html><title>Bench</title>\n");
    publish(&mut ledger, &[&signer], start.plus_seconds(entries), &folder.join("public"), &mut render)?;
    println!("{}", signer.vkey());
    Ok(())
}

/// The payload of the nth run.
fn run(nth: i64) -> Result<Vec<u8>, canonical::CanonicalError> {
    let observe = |check: usize| Observation {
        check: format!("check-number-{check}"),
        outcome: Outcome::Pass,
        population: Population { examined: 20, required: 1 },
        positive_control: PositiveControl::Held,
        tested: Object::new(),
        binding: Binding::Time,
        seen: Some("All 20 of 20 answers were as they should be.".to_owned()),
    };
    canonical::to_bytes(&Run {
        v: 1,
        scope: Digest::of(b"scope"),
        release: None,
        started: Timestamp::from_unix(START + nth),
        ended: Timestamp::from_unix(START + nth + 1),
        observations: (0..CHECKS).map(observe).collect(),
        details: None,
    })
}

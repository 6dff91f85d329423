//! The corpus, replayed, and changed at random: with a fixed seed, so that a failure comes again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use avouch_fuzz::TARGETS;

/// How many changed inputs each target is given.
const CHANGED: u64 = 2_000;
/// What a reader of bytes stumbles over.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\n",
    b"\"",
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b">",
    b"&amp;",
    b"<<: *a\n",
    b"&a ",
    b"*a",
    b"- ",
    b": ",
    b"\\u0000",
    b"\\ud800",
    b"-9223372036854775809",
    b"1e999",
    b"<![CDATA[",
    b"<!DOCTYPE a [",
    b"../../",
    b"\x1b]8;;",
    b"<<<<<<< HEAD\n",
    b"%00",
    b"# ",
    b"//",
    b"/*",
    b",",
    b"=",
    b"@",
    b"999999999999999999999",
];

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
}

/// One input made from two.
fn changed(random: &mut Random, one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = one.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(40)).min(bytes.len());
        match random.below(6) {
            0 => drop(bytes.splice(at..end, [])),
            1 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
            2 => drop(bytes.splice(at..end, PIECES[random.below(PIECES.len())].iter().copied())),
            3 => {
                let piece = bytes[at..end].repeat(1 + random.below(300));
                drop(bytes.splice(at..at, piece));
            }
            4 => {
                let from = random.below(other.len() + 1);
                let piece = &other[from..(from + random.below(80)).min(other.len())];
                drop(bytes.splice(at..end, piece.iter().copied()));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    bytes
}

#[test]
fn the_corpus_and_whatever_is_made_of_it_is_read_or_refused() {
    for target in TARGETS {
        let corpus = corpus(target.name);
        assert!(corpus.len() >= 2, "{} has no corpus", target.name);
        for (_, bytes) in &corpus {
            (target.read)(bytes);
        }
        let mut random = Random(0x61_766f_7563_6821);
        for number in 0..CHANGED {
            let (name, one) = &corpus[random.below(corpus.len())];
            let (_, other) = &corpus[random.below(corpus.len())];
            let bytes = changed(&mut random, one, other);
            let read = target.read;
            let held = std::panic::catch_unwind(|| read(&bytes));
            assert!(held.is_ok(), "{}: input {number}, made of {name}:\n{}", target.name, String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn every_target_is_guided_too() {
    let guided = Path::new(env!("CARGO_MANIFEST_DIR")).join("guided");
    let manifest = fs::read_to_string(guided.join("Cargo.toml")).unwrap();
    for target in TARGETS.iter().filter(|target| target.name != "bom") {
        assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{} has no guided target", target.name);
        let source = fs::read_to_string(guided.join(format!("targets/{}.rs", target.name))).unwrap();
        assert!(source.contains(&format!("avouch_fuzz::{}(", target.name)));
    }
}

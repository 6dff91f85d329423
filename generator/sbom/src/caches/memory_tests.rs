//! What is remembered of archives: the BOM is the same with it and without, and whatever is written to is read again.

use std::{
    fs::{self, File},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use avouch_model::{Digest, Timestamp};
use avouch_repository::{Folder, Stamp};
use proptest::prelude::*;
use sha2::{Digest as _, Sha512};

use super::{Caches, archive::pack, texts::ZLIB};
use crate::{MEMORY_BYTES_MAX, Memory, Options, ReleaseFacts, Sbom, generate};

/// Long after everything that the tests write.
const LATER: i64 = 9_000_000_000;
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
const PLACE: &str = "index.crates.io-0";

/// A checkout, a cache with the crates `a` (unpacked too) and `é` (archive alone), and a program.
struct Machine {
    place: tempfile::TempDir,
    asked: AtomicUsize,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { place: tempfile::tempdir().unwrap(), asked: AtomicUsize::new(0) };
        let mut lock =
            "version = 4\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\"a\", \"b\"]\n".to_owned();
        for name in ["a", "b"] {
            let archive = archive(name, "");
            let checksum = Digest::of(&archive).hex();
            lock.push_str(&format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{REGISTRY}\"\nchecksum = \"{checksum}\"\n"
            ));
            machine.write(&format!("cargo/registry/cache/{PLACE}/{name}-1.0.0.crate"), &archive);
        }
        machine.write(&format!("cargo/registry/src/{PLACE}/a-1.0.0/Cargo.toml"), manifest("a", "Jane").as_bytes());
        machine.write(&format!("cargo/registry/src/{PLACE}/a-1.0.0/LICENSE"), ZLIB.as_bytes());
        machine.write("work/Cargo.lock", lock.as_bytes());
        machine.write("program", b"the first");
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.place.path().join(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), bytes).unwrap();
    }

    fn archive(&self, name: &str) -> PathBuf {
        self.path(&format!("cargo/registry/cache/{PLACE}/{name}-1.0.0.crate"))
    }

    fn memory(&self, kept: Option<Vec<u8>>, now: i64) -> Memory {
        let program = || {
            self.asked.fetch_add(1, Ordering::Relaxed);
            fs::read(self.path("program")).map(|bytes| Digest::of(&bytes))
        };
        Memory::recall(kept, self.stamp(), Timestamp::from_unix(now), program).unwrap()
    }

    fn stamp(&self) -> Option<Stamp> {
        Folder::open(self.place.path()).unwrap().stamp("program")
    }

    /// The BOM, with the program's digest in it, and what was learned.
    fn sbom(&self, memory: Memory) -> (Sbom, Option<Vec<u8>>) {
        let memory = Arc::new(memory);
        let facts = ReleaseFacts {
            name: None,
            release: None,
            committed: None,
            dirty: false,
            timestamp: Timestamp::from_unix(1_795_240_923),
            author: None,
            supplier: None,
            tool_version: "0.0.0".into(),
            tool_digest: Some(Digest::of(&fs::read(self.path("program")).unwrap())),
        };
        let caches = Caches {
            cargo_home: Some(self.path("cargo")),
            checkout: Some(self.path("work")),
            memory: Arc::clone(&memory),
            ..Caches::default()
        };
        let tree = Folder::open(self.path("work")).unwrap();
        (generate(&tree, &caches, &facts, &Options::default()).unwrap(), memory.kept())
    }

    /// What the first run keeps.
    fn kept(&self) -> Vec<u8> {
        self.sbom(self.memory(None, LATER)).1.unwrap()
    }

    /// The BOM of a run that remembers, held against that of one which does not.
    #[track_caller]
    fn agree(&self, kept: &[u8]) -> Sbom {
        let (alone, _) = self.sbom(Memory::default());
        let (remembered, _) = self.sbom(self.memory(Some(kept.to_vec()), LATER));
        assert_eq!(remembered, alone);
        alone
    }
}

fn manifest(name: &str, author: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nlicense = \"Zlib\"\nauthors = [\"{author}\", \"Émile\"]\n")
}

fn archive(name: &str, more: &str) -> Vec<u8> {
    pack::tar_gz(&[(&format!("{name}-1.0.0/Cargo.toml"), format!("{}{more}", manifest(name, "Jane")).as_bytes())])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_bom_is_the_same_with_a_memory_and_without_and_nothing_is_learned_twice() {
    let machine = Machine::new();
    let kept = machine.kept();
    let text = text(&kept);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(!text.contains(machine.place.path().to_str().unwrap()), "a path of the machine is kept");
    machine.agree(&kept);
    let asked = machine.asked.load(Ordering::Relaxed);
    let again = machine.sbom(machine.memory(Some(kept), LATER)).1;
    assert_eq!(again, None, "there is nothing new");
    assert_eq!(machine.asked.load(Ordering::Relaxed), asked, "the program is not hashed again");
}

/// What a memory says is believed where nothing was written to, or it would be of no use. Whoever can write it can lie.
#[test]
fn what_is_remembered_is_not_read_again_until_it_looks_otherwise() {
    let machine = Machine::new();
    let true_hash = hex::encode(Sha512::digest(archive("a", "")));
    let lie = "0".repeat(128);
    let body = |line: &str| line.splitn(3, ' ').nth(2).unwrap().replace(&true_hash, &lie);
    let lines = text(&machine.kept());
    let lines = lines.lines().map(|line| {
        let (key, body) = (line.split(' ').next().unwrap(), body(line));
        format!("{key} {} {body}\n", &Digest::of(format!("{key} {body}").as_bytes()).hex()[..16])
    });
    let lied = lines.collect::<String>().into_bytes();
    let says_so = |machine: &Machine| text(&machine.sbom(machine.memory(Some(lied.clone()), LATER)).0.bytes).contains(&lie);
    assert!(says_so(&machine));

    let same = fs::read(machine.archive("a")).unwrap();
    fs::write(machine.archive("a"), same).unwrap();
    assert!(!says_so(&machine), "it was written to, even if with the same bytes");
}

#[test]
fn an_archive_that_was_tampered_with_is_noticed_though_size_and_time_are_the_old_ones() {
    let machine = Machine::new();
    let kept = machine.kept();
    let place = machine.archive("a");
    let (mut bytes, before) = (fs::read(&place).unwrap(), fs::metadata(&place).unwrap());
    bytes[20] ^= 1;
    fs::write(&place, &bytes).unwrap();
    File::options().write(true).open(&place).unwrap().set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(fs::metadata(&place).unwrap().modified().unwrap(), before.modified().unwrap());
    assert_eq!(machine.agree(&kept).mismatched, ["a 1.0.0"]);
}

#[test]
fn whatever_was_read_beside_an_archive_is_read_again_when_it_looks_otherwise() {
    type Change = fn(&Machine);
    let unpacked = |name: &str| format!("cargo/registry/src/{PLACE}/{name}-1.0.0");
    let changes: [(&str, Change); 6] = [
        ("manifest", |machine| {
            machine.write(&format!("cargo/registry/src/{PLACE}/a-1.0.0/Cargo.toml"), manifest("a", "John").as_bytes());
        }),
        ("text", |machine| machine.write(&format!("cargo/registry/src/{PLACE}/a-1.0.0/LICENSE"), b"all rights reserved")),
        ("another text", |machine| machine.write(&format!("cargo/registry/src/{PLACE}/a-1.0.0/COPYING"), ZLIB.as_bytes())),
        ("no text", |machine| fs::remove_file(machine.path(&format!("cargo/registry/src/{PLACE}/a-1.0.0/LICENSE"))).unwrap()),
        ("no folder", |machine| fs::remove_dir_all(machine.path(&format!("cargo/registry/src/{PLACE}/a-1.0.0"))).unwrap()),
        ("a folder", |machine| {
            machine.write(&format!("cargo/registry/src/{PLACE}/b-1.0.0/Cargo.toml"), manifest("b", "Mary").as_bytes());
        }),
    ];
    for (what, change) in changes {
        let machine = Machine::new();
        let kept = machine.kept();
        change(&machine);
        let (before, _) = Machine::new().sbom(Memory::default());
        let now = machine.agree(&kept);
        assert!(what == "another text" || now.bytes != before.bytes, "{what} changes nothing");
    }
    let machine = Machine::new();
    let kept = machine.kept();
    fs::rename(machine.path(&unpacked("a")), machine.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(machine.path("elsewhere"), machine.path(&unpacked("a"))).unwrap();
    machine.agree(&kept);
}

#[test]
fn what_is_younger_than_a_tick_of_the_clock_is_not_remembered() {
    let machine = Machine::new();
    let now = Folder::open(machine.place.path()).unwrap().stamp("program").unwrap().changed();
    let kept = machine.sbom(machine.memory(None, now)).1.unwrap();
    assert_eq!(text(&kept).lines().count(), 1);
    assert!(text(&kept).ends_with(" -\n"), "the program is as young: {}", text(&kept));
    let asked = machine.asked.load(Ordering::Relaxed);
    machine.agree(&kept);
    assert_eq!(machine.asked.load(Ordering::Relaxed), asked + 1);
}

#[test]
fn another_program_believes_nothing_of_it_and_a_copy_of_the_same_one_does() {
    let machine = Machine::new();
    let kept = machine.kept();
    machine.write("program", b"the first");
    assert_eq!(
        text(&machine.sbom(machine.memory(Some(kept.clone()), LATER)).1.unwrap()).lines().count(),
        3,
        "it only looks otherwise"
    );
    machine.write("program", b"the second");
    assert_eq!(machine.memory(Some(kept.clone()), LATER).program(), Some(Digest::of(b"the second")));
    let renewed = machine.sbom(machine.memory(Some(kept.clone()), LATER)).1.unwrap();
    assert_ne!(renewed, kept);
    machine.agree(&kept);
}

#[test]
fn a_memory_that_is_too_large_is_none() {
    let machine = Machine::new();
    let mut kept = machine.kept();
    kept.resize(MEMORY_BYTES_MAX + 1, b'\n');
    let renewed = machine.sbom(machine.memory(Some(kept), LATER)).1.unwrap();
    assert_eq!(text(&renewed).lines().count(), 3);
}

#[test]
fn the_default_remembers_and_keeps_nothing() {
    let machine = Machine::new();
    assert_eq!(machine.sbom(Memory::default()).1, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_damaged_memory_changes_nothing(at in 0_usize..4_096, byte: u8, cut in 0_usize..4_096, twice: bool) {
        let machine = Machine::new();
        let mut kept = machine.kept();
        let at = at % kept.len();
        kept[at] = byte;
        if twice {
            kept.truncate(cut % kept.len());
        }
        machine.agree(&kept);
    }
}

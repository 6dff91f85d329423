//! What the tests of this room share: a small ledger with everything in it, and pages.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use avouch_log::{Outcome, Remembered, Request, Source, VerifierKey, verify};
use avouch_model::{
    Digest, Timestamp, canonical,
    entry::{Entry, EntryKind},
    payload::{Details, Genesis, Missed},
};

use crate::{
    Folder, Ledger, NewEntry, Published, RecordError, Render, Sealed, Signer,
    disk::{Disk, Real},
    publish::publish_on,
};

pub(crate) const ORIGIN: &str = "trust.example.com/7f3a";
/// What is sealed in the small ledger: must appear nowhere in what is published.
pub(crate) const SECRET: &str = "GET /v1/items/4711 answered 200 without a key";
pub(crate) const SALT: [u8; 32] = [0xa5; 32];

pub(crate) fn at(minute: i64) -> Timestamp {
    Timestamp::from_unix(1_790_000_000 + minute * 60)
}

pub(crate) fn signer(seed: u8) -> Signer {
    Signer::from_seed(ORIGIN, &[seed; 32]).unwrap()
}

pub(crate) fn missed(number: i64) -> NewEntry {
    let missed = Missed { v: 1, job: "run".into(), from: at(number), to: at(number), slots: 1, why: "down".into() };
    NewEntry::json(EntryKind::Missed, "run", canonical::to_bytes(&missed).unwrap())
}

pub(crate) fn bom(text: &str) -> NewEntry {
    NewEntry::public(EntryKind::Sbom, "1.4.2/bom.json", Entry::CYCLONEDX, text.as_bytes().to_vec())
}

pub(crate) fn details(text: &str) -> Vec<u8> {
    let detail = avouch_model::observation::Detail {
        check: "http.auth".into(),
        findings: vec![text.to_owned()],
        transcript: avouch_model::Json::Null,
    };
    canonical::to_bytes(&Details { v: 1, details: vec![detail] }).unwrap()
}

/// A folder with a ledger and a place to publish to.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) ledger: Ledger,
    pub(crate) signer: Signer,
    pub(crate) clock: i64,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = signer(1);
        let genesis = Genesis {
            v: 1,
            origin: ORIGIN.into(),
            product: "CK API".into(),
            signing_key: signer.vkey().to_string(),
            recovery_key: self::signer(9).vkey().to_string(),
        };
        let ledger = Ledger::create(&folder.path().join("ledger.db"), genesis, &signer, at(0)).unwrap().careless();
        Self { folder, ledger, signer, clock: 0 }
    }

    /// A ledger with a BOM, a sealed payload, and a few missed slots.
    pub(crate) fn furnished() -> Self {
        let mut house = Self::new();
        house.append(vec![bom("{\"bomFormat\":\"CycloneDX\"}")]);
        house.append(vec![
            NewEntry::sealed(EntryKind::Details, "run", Sealed::with_salt(details(SECRET), SALT)),
            missed(1),
            missed(2),
        ]);
        house
    }

    pub(crate) fn now(&mut self) -> Timestamp {
        self.clock += 1;
        at(self.clock)
    }

    /// The same house in another folder.
    pub(crate) fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in walkdir::WalkDir::new(self.folder.path()).min_depth(1) {
            let entry = entry.unwrap();
            let to = folder.path().join(entry.path().strip_prefix(self.folder.path()).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir(to).unwrap();
            } else if !entry.path().ends_with("ledger.db-shm") {
                fs::copy(entry.path(), to).unwrap();
            }
        }
        let ledger = Ledger::open(&folder.path().join("ledger.db")).unwrap().careless();
        Self { folder, ledger, signer: signer(1), clock: self.clock }
    }

    pub(crate) fn append(&mut self, entries: Vec<NewEntry>) -> Vec<Digest> {
        let now = self.now();
        let appended = self.ledger.append(&self.signer, now, entries).unwrap();
        appended.into_iter().map(|appended| appended.digest).collect()
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("public")
    }

    pub(crate) fn publish(&mut self, pages: &BTreeMap<String, Vec<u8>>) -> Result<Published, RecordError> {
        // Nothing is made durable: the tests stop processes, not machines, and disks are slow.
        self.publish_on(&Stopping::after(usize::MAX), pages)
    }

    pub(crate) fn publish_on(&mut self, disk: &dyn Disk, pages: &BTreeMap<String, Vec<u8>>) -> Result<Published, RecordError> {
        let (now, out) = (self.now(), self.out());
        publish_on(disk, &mut self.ledger, &[&self.signer], now, &out, &mut *render(pages))
    }

    pub(crate) fn verify(&self) -> Outcome {
        check(&Folder::new(self.out()), &[self.signer.vkey().clone()], None)
    }

    /// Every published file.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = Folder::new(self.out());
        let paths = folder.list().unwrap().unwrap();
        paths.into_iter().map(|path| (path.clone(), folder.get(&path).unwrap().unwrap())).collect()
    }
}

pub(crate) fn check(source: &dyn Source, keys: &[VerifierKey], remembered: Option<&Remembered>) -> Outcome {
    verify(source, &Request { keys, remembered, max_age_seconds: None, now: at(100_000) })
}

pub(crate) fn render(pages: &BTreeMap<String, Vec<u8>>) -> Box<Render<'_>> {
    Box::new(|give| pages.iter().try_for_each(|(path, bytes)| give(path, bytes)))
}

pub(crate) fn pages(number: u32) -> BTreeMap<String, Vec<u8>> {
    let mut pages: BTreeMap<String, Vec<u8>> = ["index.html", "en/index.html", ".well-known/security.txt"]
        .map(|path| (path.to_owned(), format!("<p>{path} {number}").into_bytes()))
        .into();
    pages.insert(format!("e/{number}/index.html"), b"<p>one".to_vec());
    pages
}

/// A disk that stops working after a number of changes, half-way through the last. Makes nothing durable.
pub(crate) struct Stopping {
    left: AtomicUsize,
}

impl Stopping {
    pub(crate) fn after(changes: usize) -> Self {
        Self { left: AtomicUsize::new(changes) }
    }

    fn step(&self) -> io::Result<()> {
        self.left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .map(|_| ())
            .map_err(|_| io::Error::other("the power is off"))
    }
}

impl Disk for Stopping {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.step().and_then(|()| Real.create_folder(path))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let stopped = self.step();
        if stopped.is_err() {
            let _ = fs::write(path, &bytes[..bytes.len() / 2]);
        }
        stopped.and_then(|()| Real.write(path, bytes))
    }

    fn sync(&self, _paths: &[PathBuf]) -> io::Result<()> {
        self.step()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step().and_then(|()| Real.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step().and_then(|()| Real.remove(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.step().and_then(|()| Real.remove_folder(path))
    }
}

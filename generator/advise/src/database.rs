//! A database of advisories: what was read, what could not be, and how old it is.

use std::collections::{BTreeMap, HashMap};

use avouch_model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Advisory, Affected, Ecosystem, archive, osv, rustsec};

/// The largest file of a database that is read: an archive of all advisories of one ecosystem.
pub const BYTES_MAX: u64 = 1 << 30;
/// How many files that cannot be read are named; all are counted.
const NAMES_MAX: usize = 20;

/// What is known of a database besides its advisories: evidence of what was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// SHA-256 over `path NUL digest LF` of each file that was read, by path in order; the digest in hexadecimal.
    pub digest: Option<Digest>,
    /// How many files were read.
    pub files: u64,
    /// How many advisories hold; of several with one id the one that was changed last.
    pub advisories: u64,
    /// How many were withdrawn, and say nothing any more.
    pub withdrawn: u64,
    /// What is known of each ecosystem that an advisory speaks of, by its name in OSV.
    pub ecosystems: BTreeMap<String, EcosystemFacts>,
    /// How many files or records could not be read.
    pub unreadable: u64,
    /// The first of them, with what is wrong.
    pub unreadable_names: Vec<String>,
}

impl Facts {
    /// What is known of an ecosystem that some advisory speaks of; none where no advisory could match.
    pub(crate) fn answering(&self, ecosystem: &str) -> Option<&EcosystemFacts> {
        self.ecosystems.get(ecosystem).filter(|known| known.advisories > 0)
    }
}

/// What is known of one ecosystem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EcosystemFacts {
    /// How many advisories speak of it.
    pub advisories: u64,
    /// When the newest of them was changed, those that were withdrawn too.
    pub newest: Option<Timestamp>,
}

/// Reads a database file by file.
#[derive(Debug, Default)]
pub struct Loader {
    /// By id.
    advisories: HashMap<Box<str>, Advisory>,
    files: BTreeMap<String, [u8; 32]>,
    facts: Facts,
}

/// The advisories, found by package and by id.
#[derive(Debug, Default)]
pub struct Database {
    advisories: Vec<Advisory>,
    /// By ecosystem and normal name: which advisory, and which of its packages.
    packages: BTreeMap<Ecosystem, HashMap<String, Vec<(usize, usize)>>>,
    /// By id and alias.
    names: HashMap<Box<str>, Vec<usize>>,
    facts: Facts,
}

impl Loader {
    /// Whether a file of this name may hold advisories; others need not be given.
    pub fn wants(path: &str) -> bool {
        [".json", ".zip", ".md"].iter().any(|ending| path.ends_with(ending))
    }

    /// Reads one file: an OSV record, an archive of them, or an advisory of RustSec. What lies beside them (a README, an index)
    /// is passed over; what is damaged is counted and named.
    pub fn file(&mut self, path: &str, bytes: &[u8]) {
        if path.ends_with(".md") && !rustsec::is_advisory(bytes) {
            return;
        }
        self.facts.files += 1;
        self.files.insert(path.to_owned(), Sha256::digest(bytes).into());
        if path.ends_with(".zip") {
            let read = archive::each(bytes, |name, content| match content {
                Ok(content) => self.record(&format!("{path}!{name}"), content),
                Err(what) => self.unreadable(&format!("{path}!{name}"), &what),
            });
            if let Err(what) = read {
                self.unreadable(path, &what);
            }
        } else if path.ends_with(".md") {
            match rustsec::read(path, bytes) {
                Ok(Some(advisory)) => self.add(advisory),
                Ok(None) => {}
                Err(what) => self.unreadable(path, &what),
            }
        } else {
            self.record(path, bytes);
        }
    }

    /// Notes something that is there and could not be read.
    pub fn unreadable(&mut self, path: &str, what: &str) {
        self.facts.unreadable += 1;
        if self.facts.unreadable_names.len() < NAMES_MAX {
            let short = |text: &str| text.chars().take(300).collect::<String>();
            self.facts.unreadable_names.push(format!("{}: {}", short(path), short(what)));
        }
    }

    fn record(&mut self, path: &str, bytes: &[u8]) {
        match osv::read(bytes) {
            Ok(osv::Read::Advisory(advisory)) => self.add(*advisory),
            Ok(osv::Read::Other) => {}
            Err(what) => self.unreadable(path, &what),
        }
    }

    /// Of two with one id, the one that was changed last is authoritative (schema, section "id, modified fields").
    fn add(&mut self, advisory: Advisory) {
        match self.advisories.get_mut(&advisory.id) {
            Some(known) if known.modified >= advisory.modified => {}
            Some(known) => *known = advisory,
            None => drop(self.advisories.insert(advisory.id.clone(), advisory)),
        }
    }

    /// The database of what was read.
    pub fn finish(self) -> Database {
        let Self { advisories, files, mut facts } = self;
        let mut hash = Sha256::new();
        for (path, digest) in &files {
            hash.update(path.as_bytes());
            hash.update([0]);
            let hex = Digest::from_bytes(*digest).hex();
            hash.update(hex.as_bytes());
            hash.update([b'\n']);
        }
        facts.digest = (!files.is_empty()).then(|| Digest::from_bytes(hash.finalize().into()));
        let mut sorted: Vec<Advisory> = advisories.into_values().collect();
        sorted.sort_by(|one, two| one.id.cmp(&two.id));
        let mut database = Database::default();
        for advisory in sorted {
            database.add(advisory, &mut facts);
        }
        facts.advisories = database.advisories.len() as u64;
        database.facts = facts;
        database
    }
}

impl Database {
    fn add(&mut self, advisory: Advisory, facts: &mut Facts) {
        let mut spoken_of: Vec<&str> = advisory.affected.iter().map(|package| package.ecosystem.name()).collect();
        spoken_of.sort_unstable();
        spoken_of.dedup();
        for name in spoken_of {
            // An entry is looked up without a copy of its name first: there are few names and many advisories.
            if !facts.ecosystems.contains_key(name) {
                facts.ecosystems.insert(name.to_owned(), EcosystemFacts::default());
            }
            if let Some(known) = facts.ecosystems.get_mut(name) {
                known.advisories += u64::from(!advisory.withdrawn);
                known.newest = known.newest.max(advisory.modified);
            }
        }
        if advisory.withdrawn {
            facts.withdrawn += 1;
            return;
        }
        let place = self.advisories.len();
        for (at, package) in advisory.affected.iter().enumerate() {
            let packages = self.packages.entry(package.ecosystem.clone()).or_default();
            packages.entry(package.ecosystem.normal(&package.name)).or_default().push((place, at));
        }
        for name in advisory.names() {
            self.names.entry(name.into()).or_default().push(place);
        }
        self.advisories.push(advisory);
    }

    /// What is known of it.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The advisories that hold, by id in order.
    pub fn advisories(&self) -> &[Advisory] {
        &self.advisories
    }

    /// The advisories that speak of a package, with the place in them.
    pub(crate) fn of_package(&self, ecosystem: &Ecosystem, name: &str) -> &[(usize, usize)] {
        self.packages.get(ecosystem).and_then(|packages| packages.get(name)).map_or(&[], Vec::as_slice)
    }

    /// An advisory and a package of it, by their places.
    pub(crate) fn at(&self, (place, at): (usize, usize)) -> Option<(&Advisory, &Affected)> {
        let advisory = self.advisories.get(place)?;
        Some((advisory, advisory.affected.get(at)?))
    }

    /// The places of the advisories that are one vulnerability with this id: aliases go both ways and on from one to the next
    /// (schema, section "aliases field"). Empty where nothing is known by that id.
    pub fn alike(&self, id: &str) -> Vec<usize> {
        // Most are known by one database alone.
        if let Some([place]) = self.names.get(id).map(Vec::as_slice)
            && let Some(advisory) = self.advisories.get(*place)
            && advisory.names().all(|name| self.names.get(name).is_none_or(|places| places == &[*place]))
        {
            return vec![*place];
        }
        let mut found = std::collections::BTreeSet::new();
        let mut seen = std::collections::HashSet::from([id]);
        let mut waiting = vec![id];
        while let Some(name) = waiting.pop() {
            for place in self.names.get(name).into_iter().flatten() {
                let Some(advisory) = self.advisories.get(*place).filter(|_| found.insert(*place)) else { continue };
                waiting.extend(advisory.names().filter(|name| seen.insert(name)));
            }
        }
        found.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, modified: &str, more: &str) -> Vec<u8> {
        format!(r#"{{"id":"{id}","modified":"{modified}"{more}}}"#).into_bytes()
    }

    const NPM: &str = r#","affected":[{"package":{"ecosystem":"npm","name":"a"},"versions":["1.0.0"]}]"#;

    #[test]
    fn of_two_with_one_id_the_later_counts_and_withdrawn_ones_say_nothing() {
        let mut loader = Loader::default();
        loader.file("b.json", &record("T-1", "2026-01-02T00:00:00Z", &format!(r#","withdrawn":"2026-01-02T00:00:00Z"{NPM}"#)));
        loader.file("a.json", &record("T-1", "2026-01-01T00:00:00Z", NPM));
        loader.file("c.json", &record("T-2", "2026-01-01T00:00:00Z", NPM));
        loader.file("package.json", br#"{"name":"x"}"#);
        loader.file("README.md", b"# Read me");
        loader.file("broken.json", b"{");
        let database = loader.finish();
        let facts = database.facts();
        assert_eq!((facts.files, facts.advisories, facts.withdrawn, facts.unreadable), (5, 1, 1, 1));
        assert_eq!(facts.ecosystems["npm"].newest.unwrap().to_string(), "2026-01-02T00:00:00Z");
        assert!(facts.unreadable_names[0].starts_with("broken.json: "), "{facts:?}");
    }

    #[test]
    fn the_digest_is_of_the_files_whatever_their_order() {
        let (one, two) = (record("T-1", "2026-01-01T00:00:00Z", NPM), record("T-2", "2026-01-01T00:00:00Z", NPM));
        let digest = |files: &[(&str, &[u8])]| {
            let mut loader = Loader::default();
            files.iter().for_each(|(path, bytes)| loader.file(path, bytes));
            loader.finish().facts().digest
        };
        let first = digest(&[("a.json", &one), ("b.json", &two)]);
        assert_eq!(first, digest(&[("b.json", &two), ("a.json", &one)]));
        assert_ne!(first, digest(&[("a.json", &two), ("b.json", &one)]));
        assert_eq!(digest(&[]), None);
        let by_hand = format!("a.json\0{}\nb.json\0{}\n", Digest::of(&one).hex(), Digest::of(&two).hex());
        assert_eq!(first, Some(Digest::of(by_hand.as_bytes())));
    }

    #[test]
    fn aliases_go_both_ways_and_on() {
        let mut loader = Loader::default();
        for (id, alias) in [("A", "CVE-1"), ("B", "CVE-1"), ("C", "B"), ("D", "E")] {
            loader.file(&format!("{id}.json"), &record(id, "2026-01-01T00:00:00Z", &format!(r#","aliases":["{alias}"]{NPM}"#)));
        }
        let database = loader.finish();
        let alike = |id: &str| database.alike(id).iter().map(|place| &*database.advisories()[*place].id).collect::<String>();
        for id in ["A", "B", "C", "CVE-1"] {
            assert_eq!(alike(id), "ABC", "{id}");
        }
        assert_eq!((alike("E"), alike("F")), ("D".to_owned(), String::new()));
    }
}

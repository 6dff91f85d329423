//! A year of publishing by the sample schedule, in seconds: `cargo run --release -p avouch --example year -- DIR [DAYS]`.
//!
//! The reference product's configuration and mapping; four retention rules every 15 minutes, rolled up daily; a run with
//! an answer to every check that it can ask and a publication every night; a release with its BOM every month; on two days
//! of a month a check fails. Ledger, signing, assessment, pages and publication are the program's own, at times that are
//! made up. `DIR/public` is a folder that verifies. Prints `name value` lines.
#![allow(clippy::print_stdout, reason = "figures are its result")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context as _, anyhow};
use avouch_model::{
    Digest, Json, Timestamp, canonical,
    catalogue::{Asked, Bound},
    configuration::Configuration,
    diagnostic::{Diagnostic, Source},
    entry::{Entry, EntryKind},
    json::Object,
    observation::{Detail, Observation, Population, PositiveControl},
    payload::{Bom, Details, Genesis, Payload, ReleaseRecord, Run, Scope},
    receipt::{Ended, Receipt, RetentionRun},
    release::{Binding, Release},
    state::Outcome,
};
use avouch_read::mapping;
use avouch_record::{Ledger, NewEntry, Sealed, Signer};
use avouch_render::{Kill, KindText, LogFacts, View};

/// 2025-11-21T00:00:00Z
const FIRST_DAY: i64 = 1_763_683_200;
const DAY: i64 = 86_400;
const PURGE_STEP: i64 = 900;
const RUN_AT: i64 = 3 * 3_600;
const CONFIGURATION: &str = include_str!("../../../tests/reference-api/template/avouch.toml");
/// An SSH key of nobody: configuration asks for one.
const SSH_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().context("usage: year DIR [DAYS]")?);
    let days: i64 = arguments.next().map_or(Ok(365), |days| days.parse())?;
    let mut year = Year::begin(&folder)?;
    let (mut first, mut last) = (0.0, 0.0);
    for day in 0..days {
        year.night_of_purges(day)?;
        let start = Instant::now();
        year.run(day)?;
        last = start.elapsed().as_secs_f64();
        if day == 0 {
            first = last;
        }
        year.purges(FIRST_DAY + day * DAY + RUN_AT + PURGE_STEP, FIRST_DAY + (day + 1) * DAY)?;
    }
    let (files, bytes) = count(&folder.join("public"))?;
    println!("days {days}\nentries {}\nfiles {files}\nbytes {bytes}", year.ledger.size()?);
    for part in ["e", "blob", "dsse", "tile", "en", "fr", "sbom"] {
        let (files, bytes) = count(&folder.join("public").join(part))?;
        println!("{part}_files {files}\n{part}_bytes {bytes}");
    }
    println!("ledger_bytes {}", fs::metadata(year.ledger.path())?.len());
    println!("first_night_s {first:.2}\nlast_night_s {last:.2}\nkey {}", year.signer.vkey());
    Ok(())
}

struct Year {
    public: PathBuf,
    configuration: Configuration,
    asked: Vec<Asked>,
    scope: Digest,
    signer: Signer,
    ledger: Ledger,
    matrix: avouch_collect::KillMatrix,
    release: Option<Release>,
}

impl Year {
    fn begin(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let text = CONFIGURATION.replace("@@DB@@", "app.db").replace("@@CA@@", "ca.pem");
        let text = text.replace("@@HTTPS@@", "https://127.0.0.1:8443").replace("@@HTTP@@", "http://127.0.0.1:8080");
        let text = text.replace("@@KEY_ALICE@@", SSH_KEY).replace("@@KEY_BOB@@", &SSH_KEY.replace("AgME", "AgMF"));
        let source = Arc::new(Source { path: "avouch.toml".to_owned(), text });
        let (configuration, _) = avouch_read::configuration::load(&source).map_err(told)?;
        let named = |profile: &mapping::ProfileSource| configuration.profiles.contains(&profile.name);
        let profiles: Vec<_> = mapping::builtin_profiles().into_iter().filter(named).collect();
        let kinds: Vec<&str> = avouch_collect::kinds::ALL.iter().map(|kind| kind.id).collect();
        let catalogue = mapping::load(&profiles, &mapping::builtins(), &kinds).map_err(told)?;
        let resolved = mapping::resolve(&catalogue, &configuration, &BTreeSet::new());
        let promise = |rule| avouch_retain::promise(rule, &configuration.schedule);
        let scope = Scope {
            v: 1,
            program: format!("avouch {}", env!("CARGO_PKG_VERSION")),
            configuration: configuration.digest,
            mapping: mapping::mapping_digest(&catalogue)?,
            product: configuration.product.clone(),
            catalogue,
            unfilled: resolved.unfilled,
            retention: configuration.retention.iter().map(promise).collect(),
            gate: configuration.gate.clone(),
            gate_terms: configuration.gate_terms.clone(),
            disclosure: configuration.disclosure.clone(),
            run_gap_seconds: configuration.schedule.run_gap.map(avouch_model::Span::seconds_min),
        };
        let origin = configuration.evidence.origin.clone();
        let (signer, recovery) = (Signer::generate(&origin)?, Signer::generate(&origin)?);
        let genesis = Genesis {
            v: 1,
            origin,
            product: configuration.product.name.clone(),
            signing_key: signer.vkey().to_string(),
            recovery_key: recovery.vkey().to_string(),
        };
        let start = Timestamp::from_unix(FIRST_DAY);
        let mut ledger = Ledger::create(&folder.join("ledger.db"), genesis, &signer, start)?;
        let bytes = canonical::to_bytes(&scope)?;
        let scope = Digest::of(&bytes);
        ledger.append(&signer, start, vec![NewEntry::json(EntryKind::Scope, &configuration.product.slug, bytes)])?;
        Ok(Self {
            public: folder.join("public"),
            asked: resolved.asked,
            matrix: avouch_collect::selftest(),
            release: None,
            configuration,
            scope,
            signer,
            ledger,
        })
    }

    /// From midnight until the run; the first one rolls yesterday up.
    fn night_of_purges(&mut self, day: i64) -> anyhow::Result<()> {
        let midnight = FIRST_DAY + day * DAY;
        self.purges(midnight, midnight + PURGE_STEP)?;
        self.roll_up(midnight)?;
        self.purges(midnight + PURGE_STEP, midnight + RUN_AT + PURGE_STEP)
    }

    fn purges(&mut self, from: i64, to: i64) -> anyhow::Result<()> {
        for at in (from..to).step_by(PURGE_STEP as usize) {
            for rule in &self.configuration.retention {
                let at = Timestamp::from_unix(at);
                let cutoff = rule.keep.before(at);
                let deleted = 5 + at.unix().unsigned_abs() / 900 % 37;
                let run = RetentionRun {
                    promise: avouch_retain::promise(rule, &self.configuration.schedule),
                    purged: true,
                    at,
                    cutoff,
                    due: deleted,
                    deleted,
                    due_after: 0,
                    overdue_after: 0,
                    rows_after: 4_000,
                    undated: 0,
                    future: 0,
                    oldest_after: Some(cutoff.day()),
                    newest_deleted: Some(cutoff.day()),
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
                self.ledger.keep_retention_run(&run)?;
            }
        }
        Ok(())
    }

    /// One receipt a rule, of what was done since the last one.
    fn roll_up(&mut self, at: i64) -> anyhow::Result<()> {
        let recorded = self.ledger.recorded(None)?;
        let pending = self.ledger.pending_retention_runs()?;
        let (mut receipts, mut covered) = (Vec::new(), Vec::new());
        for rule in &self.configuration.retention {
            let of_rule: Vec<_> = pending.iter().filter(|pending| pending.run.promise.rule == rule.name).collect();
            let runs: Vec<RetentionRun> = of_rule.iter().map(|pending| pending.run.clone()).collect();
            let before = recorded.iter().rev().find_map(|recorded| match &recorded.payload {
                Payload::Receipt(receipt) if receipt.promise.rule == rule.name => Some(receipt.to),
                _ => None,
            });
            let Some(receipt) = Receipt::of(&runs, before) else { continue };
            receipts.push(NewEntry::json(EntryKind::Receipt, &rule.name, canonical::to_bytes(&receipt)?));
            covered.extend(of_rule.iter().map(|pending| pending.id));
        }
        self.ledger.append_receipts(&self.signer, Timestamp::from_unix(at), receipts, &covered)?;
        Ok(())
    }

    /// The nightly run: a release on every thirtieth day, the checks, the publication.
    fn run(&mut self, day: i64) -> anyhow::Result<()> {
        let started = Timestamp::from_unix(FIRST_DAY + day * DAY + RUN_AT);
        if day % 30 == 0 {
            self.release(day, started)?;
        }
        let ended = started.plus_seconds(200 + day % 17);
        let failing = (day % 30 >= 28).then(|| self.asked.get(day as usize % self.asked.len().max(1))).flatten();
        let failing = failing.map(|asked| asked.check.id.clone());
        let observe = |asked: &Asked| {
            let fails = failing.as_ref() == Some(&asked.check.id);
            Observation {
                check: asked.check.id.clone(),
                outcome: if fails { Outcome::Fail } else { Outcome::Pass },
                population: Population { examined: 20, required: 1 },
                positive_control: PositiveControl::Held,
                tested: asked.tested.clone(),
                binding: match (asked.check.bound, &self.release) {
                    (Bound::Release, Some(release)) => Binding::Commit { commit: release.commit.clone() },
                    _ => Binding::Time,
                },
                seen: (!fails).then(|| "All 20 of 20 were as they should be.".to_owned()),
            }
        };
        let subject = self.release.as_ref().map_or(Release::UNRELEASED, |release| release.version.as_str()).to_owned();
        let mut entries = Vec::new();
        let mut run = Run {
            v: 1,
            scope: self.scope,
            release: self.release.clone(),
            started,
            ended,
            observations: self.asked.iter().map(observe).collect(),
            details: None,
        };
        if let Some(check) = failing {
            let transcript = Json::Object(Object::new());
            let detail = Detail { check, findings: vec!["one of 20 was not".to_owned()], transcript };
            let sealed = Sealed::new(canonical::to_bytes(&Details { v: 1, details: vec![detail] })?)?;
            run.details = Some(sealed.digest());
            entries.push(NewEntry::sealed(EntryKind::Details, &subject, sealed));
        }
        entries.push(NewEntry::json(EntryKind::Run, &subject, canonical::to_bytes(&run)?));
        self.ledger.append(&self.signer, ended, entries)?;
        self.publish(ended)
    }

    fn release(&mut self, day: i64, at: Timestamp) -> anyhow::Result<()> {
        let version = format!("1.{}.0", day / 30);
        let commit: String = Digest::of(version.as_bytes()).hex().chars().take(40).collect();
        let release = Release { tag: Some(format!("v{version}")), commit, version };
        let lockfile = include_bytes!("../../../Cargo.lock");
        let tree = avouch_repository::InMemory::of([("Cargo.lock", &lockfile[..])]);
        let facts = avouch_sbom::ReleaseFacts {
            name: Some(self.configuration.product.name.clone()),
            release: Some(release.clone()),
            committed: Some(at),
            dirty: false,
            timestamp: at,
            author: None,
            supplier: None,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            tool_digest: None,
        };
        let spec = self.configuration.sbom.spec.clone();
        let options = avouch_sbom::Options { spec: spec.parse()?, lock_only: true, quick: false };
        let sbom = avouch_sbom::generate(&tree, &avouch_sbom::Caches::default(), &facts, &options)?;
        let bom = Bom { file: "bom.json".to_owned(), spec, digest: Digest::of(&sbom.bytes), components: sbom.components };
        let record = ReleaseRecord {
            v: 1,
            release: release.clone(),
            dirty: false,
            committed: at,
            lockfiles: sbom.lockfiles,
            boms: vec![bom],
        };
        let entries = vec![
            NewEntry::public(EntryKind::Sbom, &release.version, Entry::CYCLONEDX, sbom.bytes),
            NewEntry::json(EntryKind::Release, &release.version, canonical::to_bytes(&record)?),
        ];
        self.ledger.append(&self.signer, at, entries)?;
        self.release = Some(release);
        Ok(())
    }

    fn publish(&mut self, at: Timestamp) -> anyhow::Result<()> {
        let recorded = self.ledger.recorded(None)?;
        let shown = avouch_render::shown(&recorded);
        let assessment = avouch_evaluate::assess(shown, at);
        let scope = recorded.iter().rev().find_map(|recorded| match &recorded.payload {
            Payload::Scope(scope) => Some(scope.as_ref()),
            _ => None,
        });
        let mut boms = BTreeMap::new();
        for recorded in shown.iter().filter(|recorded| recorded.entry.kind == EntryKind::Sbom) {
            let stored = self.ledger.payload(&recorded.entry.digest)?;
            boms.insert(recorded.entry.digest, stored.and_then(|state| state.bytes).unwrap_or_default());
        }
        let leaf = |entry: &Entry| Ok(avouch_log::merkle::leaf_hash(&canonical::to_bytes(entry)?));
        let leaves = shown.iter().map(|recorded| leaf(&recorded.entry)).collect::<anyhow::Result<Vec<_>>>()?;
        let public = shown.iter().filter(|recorded| !matches!(recorded.payload, Payload::Absent));
        let statements = public.map(|recorded| recorded.entry.digest).collect();
        let key = self.signer.vkey().to_string();
        let kinds = avouch_collect::kinds::ALL.iter();
        let kinds: Vec<_> =
            kinds.map(|kind| KindText { id: kind.id, question: kind.question, explanation: kind.explanation }).collect();
        let rows = self.matrix.rows.iter();
        let kills: Vec<_> = rows
            .filter_map(|row| Some(Kill { kind: row.kind, example: row.example, expected: row.expected, got: row.got? }))
            .collect();
        let payload_bytes = |digest: &Digest| boms.get(digest).cloned();
        let origin = self.ledger.origin().to_owned();
        let view = View {
            scope: scope.context("no scope")?,
            assessment: &assessment,
            entries: &recorded,
            log: LogFacts {
                origin: &origin,
                entries: shown.len() as u64,
                root: Some(Digest::from_bytes(avouch_log::merkle::root(&leaves))),
                verifier_key: &key,
            },
            base_url: self.configuration.site.base_url.as_deref(),
            kinds: &kinds,
            kills: &kills,
            trials: &[],
            trials_program: "",
            threat_model: None,
            security_txt_expires: at.midnight().plus_seconds(180 * DAY),
            statements: &statements,
            payload_bytes: &payload_bytes,
        };
        let mut render = |write: &mut dyn FnMut(&str, &[u8]) -> io::Result<()>| {
            avouch_render::site(&view, write).map(drop).map_err(io::Error::other)
        };
        avouch_record::publish(&mut self.ledger, &[&self.signer], at, &self.public, &mut render)?;
        Ok(())
    }
}

fn told(problems: Vec<Diagnostic>) -> anyhow::Error {
    anyhow!("the sample configuration or mapping has mistakes: {problems:?}")
}

/// Files below a folder, and their bytes.
fn count(folder: &Path) -> io::Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    let Ok(entries) = fs::read_dir(folder) else { return Ok((0, 0)) };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let (more_files, more_bytes) = count(&entry.path())?;
            files += more_files;
            bytes += more_bytes;
        } else {
            files += 1;
            bytes += entry.metadata()?.len();
        }
    }
    Ok((files, bytes))
}

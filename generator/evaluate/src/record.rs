//! The record until a time, sorted by what it is about.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use avouch_model::{
    Digest, Timestamp,
    assessment::RunRef,
    catalogue::Check,
    decision::Decision,
    entry::EntryKind,
    payload::{Missed, Payload, Recorded, Run, Scope},
    receipt::Receipt,
    release::Release,
};

/// How far the clock of a machine that answered may run ahead of the clock of the one that recorded.
const CLOCK_SKEW_SECONDS: i64 = 300;

/// What the log held at a time.
pub(crate) struct Record<'a> {
    pub(crate) as_of: Timestamp,
    pub(crate) entries: u64,
    /// The last scope; none when its payload was withdrawn.
    pub(crate) scope: Option<(&'a Recorded, &'a Scope)>,
    /// The checks of every scope by id.
    pub(crate) scopes: BTreeMap<Digest, HashMap<&'a str, &'a Check>>,
    /// The runs in the order in which they were answered.
    pub(crate) runs: Vec<Answered<'a>>,
    /// Decisions in the order of the log, with the entry; none where the payload is absent.
    pub(crate) decisions: Vec<(&'a Recorded, Option<&'a Decision>)>,
    /// Receipts by rule in the order of the log; none where the payload is absent.
    pub(crate) receipts: BTreeMap<&'a str, Vec<(&'a Recorded, Option<&'a Receipt>)>>,
    /// Missed slots in the order of the log.
    pub(crate) missed: Vec<(&'a Recorded, &'a Missed)>,
    /// Releases as they were recorded and as runs named them, with the time.
    releases: Vec<(Timestamp, &'a Release)>,
    newest_release: Option<&'a Release>,
}

/// One run, and when its answers count from.
pub(crate) struct Answered<'a> {
    pub(crate) recorded: &'a Recorded,
    /// None when it was withdrawn: what it said is unknown, and so is what it superseded.
    pub(crate) run: Option<&'a Run>,
    /// When it ended, and never after it was recorded.
    pub(crate) at: Timestamp,
    /// Whether it claims to have ended after it was recorded.
    pub(crate) from_the_future: bool,
}

impl Answered<'_> {
    pub(crate) fn reference(&self) -> RunRef {
        RunRef { digest: self.recorded.entry.digest, index: self.recorded.index, at: self.at }
    }

    /// Its place among the runs.
    pub(crate) const fn order(&self) -> (Timestamp, u64) {
        (self.at, self.recorded.index)
    }
}

impl<'a> Record<'a> {
    /// Sorts what was recorded until `as_of`, inclusive.
    pub(crate) fn until(recorded: &'a [Recorded], as_of: Timestamp) -> Self {
        let mut entries: Vec<&Recorded> = recorded.iter().filter(|recorded| recorded.entry.at <= as_of).collect();
        entries.sort_by_key(|recorded| recorded.index);
        let mut record = Self {
            as_of,
            entries: entries.len() as u64,
            scope: None,
            scopes: BTreeMap::new(),
            runs: Vec::new(),
            decisions: Vec::new(),
            receipts: BTreeMap::new(),
            missed: Vec::new(),
            releases: Vec::new(),
            newest_release: None,
        };
        for recorded in entries {
            record.add(recorded);
        }
        record.runs.sort_by_key(Answered::order);
        record
    }

    fn add(&mut self, recorded: &'a Recorded) {
        let at = recorded.entry.at;
        match (&recorded.payload, recorded.entry.kind) {
            (Payload::Scope(scope), _) => {
                self.scope = Some((recorded, scope));
                let checks = scope.catalogue.checks.iter();
                self.scopes
                    .entry(recorded.entry.digest)
                    .or_insert_with(|| checks.map(|check| (check.id.as_str(), check)).collect());
            }
            (Payload::Run(run), _) => {
                self.releases.extend(run.release.as_ref().map(|release| (at, release)));
                self.runs.push(Answered {
                    recorded,
                    run: Some(run),
                    at: run.ended.min(at),
                    from_the_future: run.ended > at.plus_seconds(CLOCK_SKEW_SECONDS),
                });
            }
            (Payload::Release(release), _) => {
                self.releases.push((at, &release.release));
                self.newest_release = Some(&release.release);
            }
            (Payload::Decision(decision), _) => self.decisions.push((recorded, Some(decision))),
            (Payload::Receipt(receipt), _) => {
                let rule = receipt.promise.rule.as_str();
                self.receipts.entry(rule).or_default().push((recorded, Some(receipt)));
            }
            (Payload::Missed(missed), _) => self.missed.push((recorded, missed)),
            (Payload::Absent, EntryKind::Scope) => self.scope = None,
            (Payload::Absent, EntryKind::Run) => self.runs.push(Answered { recorded, run: None, at, from_the_future: false }),
            (Payload::Absent, EntryKind::Decision) => self.decisions.push((recorded, None)),
            (Payload::Absent, EntryKind::Receipt) => {
                let rule = recorded.entry.subject.as_str();
                self.receipts.entry(rule).or_default().push((recorded, None));
            }
            _ => {}
        }
    }

    /// The last run whose answers are known.
    pub(crate) fn last_run(&self) -> Option<RunRef> {
        self.last_answered().map(Answered::reference)
    }

    /// The release that was current in the last run, or the newest that was recorded.
    pub(crate) fn release(&self) -> Option<&'a Release> {
        self.last_answered().and_then(|answered| answered.run?.release.as_ref()).or(self.newest_release)
    }

    /// Since when the current release is known.
    pub(crate) fn release_since(&self) -> Option<Timestamp> {
        let current = self.release()?;
        let same = self.releases.iter().filter(|(_, release)| release.commit == current.commit);
        same.map(|(at, _)| *at).min()
    }

    /// The versions that were seen with more than one commit, and when the second was.
    pub(crate) fn torn_versions(&self) -> BTreeMap<&'a str, Timestamp> {
        let mut commits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut torn = BTreeMap::new();
        for (at, release) in self.releases.iter().filter(|(_, release)| release.is_released()) {
            let seen = commits.entry(&release.version).or_default();
            if seen.insert(&release.commit) && seen.len() == 2 {
                torn.insert(release.version.as_str(), *at);
            }
        }
        torn
    }

    /// The last run that was withdrawn: what was answered before it may have been superseded by it.
    pub(crate) fn last_withdrawn(&self) -> Option<(Timestamp, u64)> {
        let withdrawn = self.runs.iter().rev().find(|answered| answered.run.is_none());
        withdrawn.map(Answered::order)
    }

    fn last_answered(&self) -> Option<&Answered<'a>> {
        self.runs.iter().rev().find(|answered| answered.run.is_some())
    }
}

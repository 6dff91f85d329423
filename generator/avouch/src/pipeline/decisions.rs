//! Signed decisions: those that lie in `decisions/`, and those that count because they are in the record.

use std::collections::BTreeSet;

use anyhow::Context as _;
use avouch_model::{
    Digest, Timestamp, canonical,
    decision::Decision,
    entry::EntryKind,
    payload::{Payload, Recorded},
};
use avouch_read::decisions::{Accepted, DecisionFile};
use avouch_record::NewEntry;

use super::scoping::canonical;
use crate::{
    clock,
    output::Output,
    project::{Project, read_bytes},
};

/// The folder of the decisions.
pub(crate) const FOLDER: &str = "decisions";

/// The decisions in the folder whose signatures hold. The others have no effect, and are shown with the way out.
pub(crate) fn signed(project: &Project, output: &Output) -> anyhow::Result<Vec<Accepted>> {
    let folder = project.path(FOLDER);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut names: Vec<String> = Vec::new();
    for entry in folder.read_dir_utf8().with_context(|| format!("cannot list `{FOLDER}`"))? {
        names.push(entry.with_context(|| format!("cannot list `{FOLDER}`"))?.file_name().to_owned());
    }
    names.sort();
    let read = |name: &str| read_bytes(&folder.join(name), &format!("{FOLDER}/{name}"));
    let mut files = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(".toml")) {
        let beside = names.iter().filter(|other| other.starts_with(name.as_str()) && other.ends_with(".sig"));
        let signatures =
            beside.map(|other| Ok((format!("{FOLDER}/{other}"), read(other)?))).collect::<anyhow::Result<Vec<_>>>()?;
        files.push(DecisionFile { path: format!("{FOLDER}/{name}"), bytes: read(name)?, signatures });
    }
    let people = &project.configuration.people;
    let decisions = avouch_read::decisions::read(&files, people, &project.catalogue, clock::now().day());
    output.diagnostics(&decisions.problems);
    Ok(decisions.accepted)
}

/// Entries for the decisions that are not in the record yet.
pub(crate) fn new_entries(signed: &[Accepted], recorded: &[Recorded]) -> anyhow::Result<Vec<NewEntry>> {
    let known: BTreeSet<Digest> = recorded
        .iter()
        .filter(|recorded| recorded.entry.kind == EntryKind::Decision)
        .map(|recorded| recorded.entry.digest)
        .collect();
    let mut entries = Vec::new();
    for accepted in signed {
        if !known.contains(&canonical::digest(&accepted.decision)?) {
            let bytes = canonical("decision", &accepted.decision)?;
            entries.push(NewEntry::json(EntryKind::Decision, accepted.decision.subject(), bytes));
        }
    }
    Ok(entries)
}

/// The decisions of the record, with the time they count from. One counts through its last day; a later one with the same id
/// takes its place.
pub(crate) fn in_record(recorded: &[Recorded]) -> Vec<(Timestamp, Decision)> {
    let decisions = recorded.iter().filter_map(|recorded| match &recorded.payload {
        Payload::Decision(decision) => Some((recorded.entry.at, decision.clone())),
        _ => None,
    });
    decisions.collect()
}

//! Reports of a pipeline: their bytes, and the commit that each belongs to.

use std::collections::BTreeSet;

use avouch_model::{Span, Timestamp, observation::PositiveControl};
use avouch_read::report;
use avouch_repository::Files;

use crate::{
    Unasked,
    parameters::Globs,
    sources::{chain, matching},
};

/// Why several reports belong to no commit.
pub(crate) const DIFFERENT: &str = "the reports name different commits; remove the old ones";

/// The paths of the reports; files that name the commit of the report beside them are none.
pub(crate) fn paths(folder: &dyn Files, wanted: &Globs) -> Result<Vec<String>, Unasked> {
    let mut paths = matching(folder, wanted)?;
    paths.retain(|path| !path.ends_with(".commit"));
    Ok(paths)
}

/// The bytes of a report.
pub(crate) fn bytes(folder: &dyn Files, path: &str) -> Result<Vec<u8>, Unasked> {
    read(folder, path, report::BYTES_MAX as u64)?.ok_or_else(|| Unasked(format!("`{path}` vanished while it was read")))
}

/// The commit that the file beside a report names.
pub(crate) fn beside(folder: &dyn Files, path: &str) -> Result<Option<String>, Unasked> {
    let sidecar = format!("{path}.commit");
    let Some(text) = read(folder, &sidecar, 1_024)? else { return Ok(None) };
    report::commit(&String::from_utf8_lossy(&text)).map(Some).map_err(|what| Unasked(format!("{sidecar}:1:1: {what}")))
}

/// The commit of a report, by the report itself and by the file beside it; empty where neither names one, an error where they
/// contradict each other.
pub(crate) fn agreed(path: &str, own: Option<&str>, beside: Option<&str>) -> Result<String, Unasked> {
    if own.zip(beside).is_some_and(|(own, beside)| own != beside) {
        return Err(Unasked(format!("`{path}` and `{path}.commit` name different commits")));
    }
    Ok(own.or(beside).unwrap_or_default().to_owned())
}

/// When an answer was given, by the file beside it, `ANSWER.given`.
pub(crate) fn given(folder: &dyn Files, path: &str) -> Result<Option<Timestamp>, Unasked> {
    let sidecar = format!("{path}.given");
    let Some(text) = read(folder, &sidecar, 64)? else { return Ok(None) };
    let time = String::from_utf8_lossy(&text).trim().parse();
    time.map(Some).map_err(|_| Unasked(format!("{sidecar}:1:1: this is no time such as 2026-11-22T04:00:00Z")))
}

/// Why an answer shows nothing of today: nobody can date it, it is of the future, or too old.
pub(crate) fn too_old(path: &str, given: Option<Timestamp>, within: Span, now: Timestamp) -> Option<String> {
    match given {
        None => Some(format!("`{path}` does not say when it was given; write the time into `{path}.given`")),
        // A minute is left for clocks that differ.
        Some(given) if given > now.plus_seconds(60) => Some(format!("`{path}` was given in the future")),
        Some(given) if within.after(given) < now => {
            Some(format!("`{path}` was given on {}, more than {within} ago", given.day()))
        }
        Some(_) => None,
    }
}

/// The one commit that all reports name.
pub(crate) fn sole(commits: &BTreeSet<String>) -> Option<String> {
    if commits.len() == 1 { commits.first().filter(|commit| !commit.is_empty()).cloned() } else { None }
}

/// [`sole`]; reports of different commits are a finding, the first, and break the control.
pub(crate) fn bind(commits: &BTreeSet<String>, findings: &mut Vec<String>, control: &mut PositiveControl) -> Option<String> {
    if commits.iter().filter(|commit| !commit.is_empty()).count() > 1 {
        findings.insert(0, DIFFERENT.to_owned());
        *control = PositiveControl::Broken;
    }
    sole(commits)
}

fn read(folder: &dyn Files, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Unasked> {
    folder.read(path, bytes_max).map_err(|error| Unasked(format!("`{path}` cannot be read: {}", chain(&error))))
}

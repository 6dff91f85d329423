//! The SBOM of each release that is not in the record yet.

use std::collections::BTreeMap;

use anyhow::Context as _;
use avouch_model::{
    Digest, Timestamp,
    entry::{Entry, EntryKind},
    payload::{Bom, Recorded, ReleaseRecord},
    release::Release,
};
use avouch_record::NewEntry;

use super::{
    record::release_record,
    releases::{self, Current},
    scoping::canonical,
};
use crate::{clock, output::Output, project::Project};

/// The entries for every release tag that is not recorded yet; on the first run only the newest, and without any tag the
/// commit that is checked out.
pub(crate) fn new_entries(
    project: &Project,
    output: &Output,
    recorded: &[Recorded],
    current: &Current,
) -> anyhow::Result<Vec<NewEntry>> {
    let known: Vec<&Release> = recorded.iter().filter_map(release_record).map(|record| &record.release).collect();
    let is_known =
        |release: &Release| known.iter().any(|known| known.version == release.version && known.commit == release.commit);
    let mut entries = Vec::new();
    let mut due: Vec<String> = Vec::new();
    if known.iter().any(|known| known.is_released()) {
        // Oldest first, so that the record tells them in their order.
        for tag in releases::tags(project)?.iter().rev() {
            let release = Release { version: tag.version.clone(), commit: tag.commit.clone(), tag: Some(tag.name.clone()) };
            if !is_known(&release) {
                due.push(tag.name.clone());
            }
        }
    }
    for name in due {
        let other = releases::current(project, Some(&name))?;
        if other.release != current.release {
            entries.extend(of_release(project, output, &other)?);
        }
    }
    if let Some(release) = &current.release
        && !is_known(release)
    {
        entries.extend(of_release(project, output, current)?);
    }
    Ok(entries)
}

/// The BOM and the record of one release. Without a lockfile that can be read there is no BOM, and that is said.
fn of_release(project: &Project, output: &Output, current: &Current) -> anyhow::Result<Vec<NewEntry>> {
    let (Some(release), Some(committed)) = (&current.release, current.committed) else { return Ok(Vec::new()) };
    let timestamp = clock::source_date_epoch()?.unwrap_or(committed);
    let facts = facts(current, timestamp, Some(&project.configuration.product.name));
    let options = avouch_sbom::Options { spec: project.configuration.sbom.spec.parse()?, lock_only: false };
    let (lockfiles, boms, mut entries) = match avouch_sbom::generate(&*current.tree, &facts, &options) {
        Ok(sbom) => {
            let bom = Bom {
                file: "bom.json".to_owned(),
                spec: project.configuration.sbom.spec.clone(),
                digest: Digest::of(&sbom.bytes),
                components: sbom.components,
            };
            let entry = NewEntry::public(EntryKind::Sbom, &release.version, Entry::CYCLONEDX, sbom.bytes);
            (sbom.lockfiles, vec![bom], vec![entry])
        }
        Err(error @ avouch_sbom::SbomError::NoLockfile { .. }) => {
            output.warn(&format!("release {} has no SBOM: {error}", release.version));
            (BTreeMap::new(), Vec::new(), Vec::new())
        }
        Err(error) => return Err(error).with_context(|| format!("cannot write the SBOM of release {}", release.version)),
    };
    let record = ReleaseRecord { v: 1, release: release.clone(), dirty: false, committed, lockfiles, boms };
    entries.push(NewEntry::json(EntryKind::Release, &release.version, canonical("release record", &record)?));
    Ok(entries)
}

/// What is known of a release besides its files. The files of a commit have no changes; a folder may have.
pub(crate) fn facts(current: &Current, timestamp: Timestamp, name: Option<&str>) -> avouch_sbom::ReleaseFacts {
    avouch_sbom::ReleaseFacts {
        name: name.map(str::to_owned),
        release: current.release.clone(),
        committed: current.committed,
        dirty: current.dirty && current.as_it_lies,
        timestamp,
        author: None,
        supplier: None,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

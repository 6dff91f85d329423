//! `avouch sbom`: an SBOM of a folder or a release. Needs no `avouch.toml` and no key.

use std::{fs, sync::Arc};

use anyhow::{Context as _, bail};
use avouch_model::Timestamp;
use avouch_repository::Repository;
use avouch_sbom::{Caches, Format};
use camino::Utf8Path;

use super::{sbom_diff, sbom_validate};
use crate::{
    cli::{Global, Sbom, SbomCommand, SbomFormat},
    clock,
    exit::{Exit, Usage},
    files::{self, Readers},
    output::{Output, plain},
    pipeline::{memory::Remembered, releases, sboms},
    project::read_text,
};

/// The tags that are releases where no configuration says so.
pub(super) const DEFAULT_TAGS: &str = "v*";

/// Writes an SBOM, validates BOMs, or holds two against each other.
pub(crate) fn sbom(global: &Global, output: &Output, arguments: &Sbom) -> anyhow::Result<Exit> {
    match &arguments.command {
        Some(SbomCommand::Validate { files }) => sbom_validate::validate(global, output, files),
        Some(SbomCommand::Diff { old, new, format }) => sbom_diff::diff(global, output, old, new, *format),
        None => write(global, output, arguments),
    }
}

fn write(global: &Global, output: &Output, arguments: &Sbom) -> anyhow::Result<Exit> {
    let format = format(arguments.format);
    let spec = arguments.spec.parse().map_err(|error| Usage(format!("{error}")))?;
    let root = global.directory.join(&arguments.directory);
    if !root.is_dir() {
        bail!(Usage(format!("there is no folder `{root}`")));
    }
    let repository = Repository::discover(&root).with_context(|| format!("cannot read the git repository of `{root}`"))?;
    let current = match &arguments.release {
        Some(release) => {
            let tags = repository.as_ref().map(|repository| repository.tags(DEFAULT_TAGS)).transpose()?.unwrap_or_default();
            releases::of_folder(root.as_str(), repository.as_ref(), &tags, Some(release))?
        }
        None => releases::folder_as_it_lies(root.as_str(), repository.as_ref())?,
    };
    let timestamp = match clock::source_date_epoch()? {
        Some(timestamp) => timestamp,
        // By lockfiles alone the same files give the same bytes on any day: the beginning of time says nothing.
        None if arguments.lock_only => current.committed.unwrap_or(Timestamp::from_unix(0)),
        None => current.committed.unwrap_or_else(clock::now),
    };
    // A quick run hashes nothing, this program neither.
    let remembered = if arguments.quick { None } else { Some(Remembered::recall(arguments.fresh)?) };
    let digest = remembered.as_ref().map(|remembered| remembered.program);
    let facts = sboms::facts(&current, timestamp, &known(&root), digest);
    let options = avouch_sbom::Options { spec, lock_only: arguments.lock_only, quick: arguments.quick };
    let memory = remembered.as_ref().map(|remembered| Arc::clone(&remembered.memory)).unwrap_or_default();
    let caches = Caches { memory, ..sboms::caches(&root) };
    if arguments.split {
        let split = avouch_sbom::split(&*current.tree, &caches, &facts, &options).map_err(of_sbom)?;
        keep(remembered.as_ref());
        return write_split(global, output, arguments, &split);
    }
    let sbom = avouch_sbom::generate(&*current.tree, &caches, &facts, &options).map_err(of_sbom)?;
    keep(remembered.as_ref());
    tell(output, &sbom);
    let bytes = avouch_sbom::convert(&sbom.bytes, format).with_context(|| format!("cannot write the SBOM as {format}"))?;
    match &arguments.output {
        None => output.bytes(&bytes)?,
        Some(file) => {
            let path = global.directory.join(file);
            files::put(&path, &bytes, Readers::Everyone).with_context(|| format!("cannot write `{path}`"))?;
            output.note(&format!("{} components, {} edges in {}", sbom.components, sbom.edges, plain(file.as_str())));
        }
    }
    Ok(exit(&sbom))
}

fn keep(remembered: Option<&Remembered>) {
    if let Some(remembered) = remembered {
        remembered.keep();
    }
}

/// An SBOM without what a damaged file holds is written, and does not pass for one of everything.
fn exit(sbom: &avouch_sbom::Sbom) -> Exit {
    if sbom.is_damaged() { Exit::CouldNotTell } else { Exit::Satisfied }
}

/// A file for each deployable package, in the folder that was named.
fn write_split(global: &Global, output: &Output, arguments: &Sbom, split: &[avouch_sbom::Deployable]) -> anyhow::Result<Exit> {
    let folder = arguments.output.as_deref().map(|folder| global.directory.join(folder)).unwrap_or_default();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder `{folder}`"))?;
    if let Some(first) = split.first() {
        tell(output, &first.sbom);
    }
    let format = format(arguments.format);
    let ending = match format {
        Format::Json => "cdx.json",
        Format::Xml => "cdx.xml",
        Format::SpdxJson => "spdx.json",
    };
    for deployable in split {
        let file = format!("{}.{ending}", deployable.file);
        let path = folder.join(&file);
        let bytes =
            avouch_sbom::convert(&deployable.sbom.bytes, format).with_context(|| format!("cannot write the SBOM as {format}"))?;
        files::put(&path, &bytes, Readers::Everyone).with_context(|| format!("cannot write `{path}`"))?;
        let (components, edges) = (deployable.sbom.components, deployable.sbom.edges);
        output.note(&format!("{}: {components} components, {edges} edges in {file}", plain(&deployable.name)));
    }
    Ok(split.first().map_or(Exit::Satisfied, |first| exit(&first.sbom)))
}

/// Says what is not in a BOM, and what is wrong with what it was made from.
fn tell(output: &Output, sbom: &avouch_sbom::Sbom) {
    for (path, reason) in &sbom.left_out {
        output.note(&format!("not in it: {}: {}", plain(path), plain(reason)));
    }
    sboms::warn_of(output, sbom);
}

const fn format(asked: SbomFormat) -> Format {
    match asked {
        SbomFormat::Json => Format::Json,
        SbomFormat::Xml => Format::Xml,
        SbomFormat::SpdxJson => Format::SpdxJson,
    }
}

pub(super) fn of_sbom(error: avouch_sbom::SbomError) -> anyhow::Error {
    match error {
        // Nothing to read is no mistake at the command line.
        error @ avouch_sbom::SbomError::NoLockfile { .. } => anyhow::Error::new(error),
        error => anyhow::Error::new(error).context("cannot write the SBOM"),
    }
}

/// What the configuration of the folder says, where it has one that loads, so that the SBOM is the one that `run` records.
pub(super) fn known(root: &Utf8Path) -> sboms::Known {
    let source = read_text(&root.join("avouch.toml"), "avouch.toml").ok();
    let loaded = source.and_then(|source| avouch_read::configuration::load(&source).ok());
    loaded.map(|(configuration, _)| sboms::Known::of(&configuration)).unwrap_or_default()
}

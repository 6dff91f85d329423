//! `avouch sbom`: an SBOM of a folder or a release. Needs no `avouch.toml` and no key.

use std::{collections::BTreeSet, fs, sync::Arc};

use anyhow::{Context as _, anyhow, bail};
use avouch_model::Timestamp;
use avouch_repository::Repository;
use avouch_sbom::{Caches, Deployable, Format, Split};
use camino::Utf8Path;

use super::{sbom_diff, sbom_validate};
use crate::{
    cli::{Global, Sbom, SbomCommand, SbomFormat},
    clock,
    exit::{Exit, Usage},
    files::{self, Readers, Several},
    output::{Output, causes, plain},
    pipeline::{memory::Remembered, releases, sboms},
    project::read_text,
};

/// The configuration's name, where none is given.
const CONFIGURATION: &str = "avouch.toml";
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
    let configured = configured(global, output, &root)?;
    let current = match &arguments.release {
        Some(release) => {
            let tags = repository.as_ref().map(|repository| repository.tags(&configured.tags)).transpose()?.unwrap_or_default();
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
    let facts = sboms::facts(&current, timestamp, &configured.known, digest);
    let options = avouch_sbom::Options { spec, lock_only: arguments.lock_only, quick: arguments.quick };
    let memory = remembered.as_ref().map(|remembered| Arc::clone(&remembered.memory)).unwrap_or_default();
    let caches = Caches { memory, ..sboms::caches(&root) };
    if arguments.split {
        let split = Split::of(&*current.tree, &caches, &facts, &options).map_err(of_sbom)?;
        let exit = write_split(global, output, arguments, split)?;
        keep(remembered.as_ref());
        return Ok(exit);
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

/// A file for each deployable package, in the folder that was named: all of them, or none.
fn write_split(global: &Global, output: &Output, arguments: &Sbom, split: Split<'_>) -> anyhow::Result<Exit> {
    let folder = arguments.output.as_deref().map(|folder| global.directory.join(folder)).unwrap_or_default();
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder `{folder}`"))?;
    let format = format(arguments.format);
    let ending = match format {
        Format::Json => ".cdx.json",
        Format::Xml => ".cdx.xml",
        Format::SpdxJson => ".spdx.json",
    };
    for (path, reason) in &split.left_out {
        output.note(&format!("no BOM of its own has {}: {}", plain(path), plain(reason)));
    }
    let mut files = Several::of(&folder).with_context(|| format!("cannot write to the folder `{folder}`"))?;
    let (mut written, mut notes) = (BTreeSet::new(), Vec::new());
    let (mut unresolved, mut mismatched) = (BTreeSet::new(), BTreeSet::new());
    let mut all: Option<avouch_sbom::Sbom> = None;
    for deployable in split {
        let Deployable { name, file, mut sbom, .. } = deployable.map_err(of_sbom)?;
        let file = format!("{file}{ending}");
        let bytes = avouch_sbom::convert(&sbom.bytes, format).with_context(|| format!("cannot write the SBOM as {format}"))?;
        files.add(&file, &bytes, Readers::Everyone).with_context(|| format!("cannot write `{}`", folder.join(&file)))?;
        notes.push(format!("{}: {} components, {} edges in {file}", plain(&name), sbom.components, sbom.edges));
        written.insert(file);
        sbom.bytes = Vec::new();
        unresolved.extend(std::mem::take(&mut sbom.unresolved));
        mismatched.extend(std::mem::take(&mut sbom.mismatched));
        all.get_or_insert(sbom);
    }
    files.put().with_context(|| format!("cannot put the SBOMs in `{folder}`"))?;
    let Some(mut all) = all else { return Ok(Exit::Satisfied) };
    all.unresolved = unresolved.into_iter().collect();
    all.mismatched = mismatched.into_iter().collect();
    tell(output, &all);
    notes.iter().for_each(|note| output.note(note));
    for file in before(&folder, ending)?.difference(&written) {
        output.warn(&format!("`{}` was in the folder before and is of no package that there is now", plain(file)));
    }
    Ok(exit(&all))
}

/// The names of the files in a folder that end like a BOM of this format.
fn before(folder: &Utf8Path, ending: &str) -> anyhow::Result<BTreeSet<String>> {
    let entries = folder.read_dir_utf8().with_context(|| format!("cannot list `{folder}`"))?;
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_owned());
    Ok(names.filter(|name| name.ends_with(ending)).collect())
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
        error @ (avouch_sbom::SbomError::NoLockfile { .. } | avouch_sbom::SbomError::NothingDeployable { .. }) => {
            anyhow::Error::new(error)
        }
        error => anyhow::Error::new(error).context("cannot write the SBOM"),
    }
}

/// What the configuration says of the product and its releases.
pub(super) struct Configured {
    pub(super) known: sboms::Known,
    /// The tags that are releases.
    pub(super) tags: String,
}

/// What the configuration says, where there is one that loads, so that the SBOM is the one that `run` records. One that does
/// not load is told: what it says is not in the SBOM.
pub(super) fn configured(global: &Global, output: &Output, root: &Utf8Path) -> anyhow::Result<Configured> {
    let nothing = || Configured { known: sboms::Known::default(), tags: DEFAULT_TAGS.to_owned() };
    let shown = &global.config;
    // The default lies in the folder that is read; one that is named lies where it was named.
    let is_default = shown == Utf8Path::new(CONFIGURATION);
    let path = if is_default { root.join(shown) } else { global.directory.join(shown) };
    if !path.is_file() {
        return if is_default { Ok(nothing()) } else { Err(Usage(format!("there is no `{path}`")).into()) };
    }
    let loaded = read_text(&path, shown.as_str()).and_then(|source| {
        avouch_read::configuration::load(&source)
            .map_err(|problems| anyhow!(problems.first().map(|first| first.message.clone()).unwrap_or_default()))
    });
    Ok(match loaded {
        Ok((configuration, _)) => Configured { known: sboms::Known::of(&configuration), tags: configuration.release_tags },
        Err(error) => {
            let why = plain(&causes(error.as_ref()));
            output.warn(&format!(
                "`{}` does not load, and nothing of it is in the SBOM, neither author nor supplier: {why}; `avouch doctor` shows where",
                plain(shown.as_str())
            ));
            nothing()
        }
    })
}

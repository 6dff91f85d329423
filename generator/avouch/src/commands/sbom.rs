//! `avouch sbom`: an SBOM of a folder or a release, and the validation of any BOM. Needs no `avouch.toml` and no key.

use std::fs;

use anyhow::{Context as _, bail};
use avouch_repository::Repository;
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    cli::{Global, Sbom, SbomCommand, SbomFormat},
    clock,
    exit::{Exit, Usage},
    files::{self, Readers},
    output::{Output, plain},
    pipeline::{releases, sboms},
    project::read_text,
};

/// The largest BOM that is validated.
const BOM_BYTES_MAX: u64 = 512 << 20;
/// The tags that are releases where no configuration says so.
const DEFAULT_TAGS: &str = "v*";

/// Writes an SBOM, or validates BOMs.
pub(crate) fn sbom(global: &Global, output: &Output, arguments: &Sbom) -> anyhow::Result<Exit> {
    match &arguments.command {
        Some(SbomCommand::Validate { files }) => validate(global, output, files),
        None => write(global, output, arguments),
    }
}

fn write(global: &Global, output: &Output, arguments: &Sbom) -> anyhow::Result<Exit> {
    let SbomFormat::Json = arguments.format;
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
        None => current.committed.unwrap_or_else(clock::now),
    };
    let name = product_name(&root);
    let facts = sboms::facts(&current, timestamp, name.as_deref());
    let options = avouch_sbom::Options { spec, lock_only: arguments.lock_only };
    let sbom = match avouch_sbom::generate(&*current.tree, &facts, &options) {
        Ok(sbom) => sbom,
        Err(error @ avouch_sbom::SbomError::NoLockfile { .. }) => bail!(Usage(error.to_string())),
        Err(error) => return Err(error).context("cannot write the SBOM"),
    };
    for (path, reason) in &sbom.left_out {
        output.note(&format!("not in it: {}: {}", plain(path), plain(reason)));
    }
    for missing in &sbom.unresolved {
        output.warn(&format!("a lockfile names and does not hold {}", plain(missing)));
    }
    match &arguments.output {
        None => output.bytes(&sbom.bytes)?,
        Some(file) => {
            let path = global.directory.join(file);
            files::put(&path, &sbom.bytes, Readers::Everyone).with_context(|| format!("cannot write `{path}`"))?;
            output.note(&format!("{} components, {} edges in {}", sbom.components, sbom.edges, plain(file.as_str())));
        }
    }
    Ok(Exit::Satisfied)
}

/// The product's name where the folder has a configuration that loads, so that the SBOM is the one that `run` records.
fn product_name(root: &Utf8Path) -> Option<String> {
    let source = read_text(&root.join("avouch.toml"), "avouch.toml").ok()?;
    avouch_read::configuration::load(&source).ok().map(|(configuration, _)| configuration.product.name)
}

/// Schema and references of each BOM: 0 when all are valid, 1 when one is not, 3 when one cannot be read.
fn validate(global: &Global, output: &Output, files: &[Utf8PathBuf]) -> anyhow::Result<Exit> {
    let (mut invalid, mut unread) = (false, false);
    let mut text = String::new();
    for file in files {
        let path = global.directory.join(file);
        let shown = plain(file.as_str());
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > BOM_BYTES_MAX => {
                text.push_str(&format!("{shown}: not read: more than {BOM_BYTES_MAX} bytes\n"));
                unread = true;
                continue;
            }
            _ => {}
        }
        match fs::read(&path) {
            Err(error) => {
                text.push_str(&format!("{shown}: not read: {error}\n"));
                unread = true;
            }
            Ok(bytes) => {
                let faults = avouch_sbom::validate(&bytes);
                if faults.is_empty() {
                    text.push_str(&format!("{shown}: valid\n"));
                }
                for fault in &faults {
                    text.push_str(&format!("{shown}: {}: {}\n", plain(&fault.place), plain(&fault.message)));
                }
                invalid |= !faults.is_empty();
            }
        }
    }
    output.result(&text)?;
    Ok(if invalid {
        Exit::NotSatisfied
    } else if unread {
        Exit::CouldNotTell
    } else {
        Exit::Satisfied
    })
}

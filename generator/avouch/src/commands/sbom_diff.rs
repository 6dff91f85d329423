//! `avouch sbom diff`: what changed between two BOMs. Each is a file, or else a release: the one in the record, or the tag.

use std::fs;

use anyhow::{Context as _, bail};
use avouch_model::payload::{Recorded, ReleaseRecord};
use avouch_repository::Repository;
use avouch_sbom::{Contents, Difference};
use camino::Utf8Path;
use serde::Serialize;

use super::{
    sbom::{configured, of_sbom},
    sbom_validate::BOM_BYTES_MAX,
};
use crate::{
    cli::{DiffFormat, Global},
    clock,
    exit::{Exit, Usage},
    output::{Output, plain},
    pipeline::{record, releases, sboms},
    project::Project,
};

mod markdown;
mod text;

/// One of the two: what was asked for, and what it says.
struct Side {
    name: String,
    contents: Contents,
}

/// Shows what changed: 0, or 1 when a version has another hash than before.
pub(crate) fn diff(global: &Global, output: &Output, old: &str, new: &str, format: DiffFormat) -> anyhow::Result<Exit> {
    let mut record = None;
    let (old, new) = (side(global, output, old, &mut record)?, side(global, output, new, &mut record)?);
    let difference = avouch_sbom::diff(&old.contents, &new.contents);
    match format {
        DiffFormat::Text => output.result(&text::text(output, &old, &new, &difference))?,
        DiffFormat::Markdown => output.result(&markdown::markdown(&old, &new, &difference))?,
        DiffFormat::Json => output.result(&json(&old, &new, &difference)?)?,
    }
    Ok(if difference.is_loud() { Exit::NotSatisfied } else { Exit::Satisfied })
}

/// A file wins over a release of the same name.
fn side(global: &Global, output: &Output, asked: &str, record: &mut Option<Vec<Known>>) -> anyhow::Result<Side> {
    let path = global.directory.join(asked);
    let bytes = if path.is_file() { file(&path)? } else { release(global, output, asked, record)? };
    let contents = avouch_sbom::read(&bytes).with_context(|| format!("cannot read the BOM `{}`", plain(asked)))?;
    Ok(Side { name: asked.to_owned(), contents })
}

fn file(path: &Utf8Path) -> anyhow::Result<Vec<u8>> {
    let size = fs::metadata(path).with_context(|| format!("cannot read `{path}`"))?.len();
    if size > BOM_BYTES_MAX {
        bail!("cannot read `{path}`: it has more than {BOM_BYTES_MAX} bytes");
    }
    fs::read(path).with_context(|| format!("cannot read `{path}`"))
}

/// A release of the record, and its BOM.
type Known = (ReleaseRecord, Vec<Vec<u8>>);

/// The BOM of a release: as it was recorded, or else of its tag.
fn release(global: &Global, output: &Output, asked: &str, record: &mut Option<Vec<Known>>) -> anyhow::Result<Vec<u8>> {
    let recorded = match record {
        Some(known) => known,
        None => record.insert(recorded(global, output)?),
    };
    let named = |version: &str, tag: Option<&str>| version == asked || tag == Some(asked);
    let found = recorded.iter().rev().find(|(record, _)| named(&record.release.version, record.release.tag.as_deref()));
    if let Some(bytes) = found.and_then(|(_, boms)| boms.first()) {
        return Ok(bytes.clone());
    }
    let root = &global.directory;
    let repository = Repository::discover(root).with_context(|| format!("cannot read the git repository of `{root}`"))?;
    let Some(repository) = repository else {
        bail!(Usage(format!("there is no file `{asked}`, and `{root}` is no git repository with a release of that name")));
    };
    let configured = configured(global, output, root)?;
    let tags = repository.tags(&configured.tags).context("cannot list the tags")?;
    let current = releases::of_folder(root.as_str(), Some(&repository), &tags, Some(asked)).map_err(|error| {
        if error.is::<Usage>() { Usage(format!("there is no file `{asked}`, and {error}")).into() } else { error }
    })?;
    let timestamp = current.committed.unwrap_or_else(clock::now);
    let facts = sboms::facts(&current, timestamp, &configured.known, None);
    let options = avouch_sbom::Options::default();
    Ok(avouch_sbom::generate(&*current.tree, &sboms::caches(root), &facts, &options).map_err(of_sbom)?.bytes)
}

/// The releases of the record, where there is one.
fn recorded(global: &Global, output: &Output) -> anyhow::Result<Vec<Known>> {
    if !global.directory.join(&global.config).is_file() {
        return Ok(Vec::new());
    }
    let project = Project::load(global, output)?;
    let Some(ledger) = record::open_if_any(&project)? else { return Ok(Vec::new()) };
    let recorded: Vec<Recorded> = ledger.recorded(None)?;
    record::releases(&ledger, &recorded)
}

#[derive(Serialize)]
struct Shown<'a> {
    v: u32,
    old: About<'a>,
    new: About<'a>,
    /// Whether a version has another hash than before.
    loud: bool,
    #[serde(flatten)]
    difference: &'a Difference,
}

#[derive(Serialize)]
struct About<'a> {
    name: &'a str,
    format: &'a str,
    product: Option<&'a str>,
    version: Option<&'a str>,
    components: usize,
}

impl<'a> About<'a> {
    fn of(side: &'a Side) -> Self {
        let product = side.contents.product.as_ref();
        Self {
            name: &side.name,
            format: &side.contents.format,
            product: product.map(|product| product.name.as_str()),
            version: product.and_then(|product| product.version.as_deref()),
            components: side.contents.items.len(),
        }
    }
}

fn json(old: &Side, new: &Side, difference: &Difference) -> anyhow::Result<String> {
    let shown = Shown { v: 1, old: About::of(old), new: About::of(new), loud: difference.is_loud(), difference };
    Ok(serde_json::to_string_pretty(&shown).context("cannot write the difference as JSON")? + "\n")
}

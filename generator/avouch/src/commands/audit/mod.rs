//! `avouch audit`: known vulnerabilities of a folder or a BOM, offline. Needs no `avouch.toml`, no key and no ledger.

mod format;

use std::{fs, io::ErrorKind};

use anyhow::{Context as _, bail};
use avouch_advise::{Asked, Bom, Database, Ignore};
use avouch_collect::advisories::AdvisoriesError;
use avouch_model::Timestamp;
use camino::Utf8Path;

use crate::{
    cli::{Audit, AuditFormat, Global},
    clock,
    exit::{Exit, Usage},
    output::{Output, plain},
    pipeline::{decisions, releases, sboms},
    project::{Project, read_named},
};

/// The largest BOM that is audited.
const BOM_BYTES_MAX: u64 = 512 << 20;
/// The ignores of a folder where nobody is configured who could approve them.
const IGNORES: &str = "advisories.toml";

/// What is audited.
struct Subject {
    bom: Bom,
    /// Where a match is shown: the BOM, or the first lockfile of the folder.
    place: String,
    /// What is not in the BOM, and could have something.
    doubts: Vec<String>,
}

/// Audits a folder or a BOM.
pub(crate) fn audit(global: &Global, output: &Output, arguments: &Audit) -> anyhow::Result<Exit> {
    let target = global.directory.join(&arguments.target);
    let now = clock::now();
    let ignores = ignores(global, output, arguments, &target, now)?;
    let database = advisories(&global.directory.join(&arguments.advisories))?;
    let subject = subject(&target, &arguments.target, now)?;
    let asked = Asked { fail_on: arguments.fail_on, max_age: arguments.max_age, now };
    let mut report = avouch_advise::audit(&database, &subject.bom.components, &ignores, &asked);
    subject.doubts.into_iter().chain(subject.bom.incomplete.clone()).for_each(|doubt| report.doubt(doubt));
    if !subject.bom.tells_completeness {
        report.warnings.push("the bill of materials does not say whether it is complete".to_owned());
    }
    for warning in &report.warnings {
        output.warn(&plain(warning));
    }
    let text = match arguments.format {
        AuditFormat::Text => format::text(output, &report, &subject.bom, &asked),
        AuditFormat::Json => format::json(&report, &subject.bom, &asked)?,
        AuditFormat::Sarif => format::sarif(&report, &subject.bom, &subject.place, &asked)?,
        AuditFormat::Markdown => format::markdown(&report, &asked),
    };
    output.result(&text)?;
    Ok(report.verdict.into())
}

/// The database at a path.
///
/// # Errors
/// [`Usage`] when there is none.
pub(crate) fn advisories(path: &Utf8Path) -> anyhow::Result<Database> {
    match avouch_collect::advisories::load(path.as_std_path()) {
        Ok(database) => Ok(database),
        Err(AdvisoriesError::File { cause, .. }) if cause.kind() == ErrorKind::NotFound => {
            bail!(Usage(format!("there are no advisories at `{path}`")))
        }
        Err(error @ (AdvisoriesError::NotAdvisories { .. } | AdvisoriesError::TooLarge { .. })) => {
            bail!(Usage(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// What may pass. Where people are configured who can approve it, only what one of them signed counts, as in the record.
fn ignores(
    global: &Global,
    output: &Output,
    arguments: &Audit,
    target: &Utf8Path,
    now: Timestamp,
) -> anyhow::Result<Vec<Ignore>> {
    if let Some(file) = &arguments.ignores {
        return in_file(&global.directory.join(file), file.as_str(), now);
    }
    let beside = target.join(IGNORES);
    if target.join(&global.config).is_file() {
        let project = Project::load(&Global { directory: target.to_owned(), ..global.clone() }, output)?;
        if !project.configuration.people.is_empty() {
            if beside.is_file() {
                output.warn(&format!(
                    "{IGNORES} has no effect, because nobody signed it: write its ignores in decisions/, for a person in `[people]` to approve"
                ));
            }
            let signed = decisions::signed(&project, output)?;
            return Ok(signed.iter().filter_map(|accepted| Ignore::of(&accepted.decision)).collect());
        }
    }
    if beside.is_file() { in_file(&beside, IGNORES, now) } else { Ok(Vec::new()) }
}

fn in_file(path: &Utf8Path, shown: &str, now: Timestamp) -> anyhow::Result<Vec<Ignore>> {
    let source = read_named(path, shown)?;
    Ok(avouch_advise::read_ignores(shown, &source.text, now.day()).map_err(|error| Usage(error.to_string()))?)
}

fn subject(target: &Utf8Path, shown: &Utf8Path, now: Timestamp) -> anyhow::Result<Subject> {
    if target.is_dir() {
        return folder(target, now);
    }
    let size = fs::metadata(target).map_err(|error| Usage(format!("cannot read `{shown}`: {error}")))?.len();
    if size > BOM_BYTES_MAX {
        bail!(Usage(format!("`{shown}` has {size} bytes; a BOM that is audited has at most {BOM_BYTES_MAX}")));
    }
    let bytes = fs::read(target).with_context(|| format!("cannot read `{shown}`"))?;
    let bom = Bom::read(&bytes).map_err(|error| Usage(format!("`{shown}`: {}", crate::output::causes(&error))))?;
    Ok(Subject { bom, place: shown.to_string(), doubts: Vec::new() })
}

/// What the lockfiles of a folder hold, as the folder lies.
fn folder(root: &Utf8Path, now: Timestamp) -> anyhow::Result<Subject> {
    let current = releases::folder_alone(root.as_str())?;
    let facts = sboms::facts(&current, now, &sboms::Known::default(), None);
    let options = avouch_sbom::Options::default();
    let sbom = avouch_sbom::generate(&*current.tree, &avouch_sbom::Caches::default(), &facts, &options)
        .context("cannot tell what the folder is made of")?;
    let bom = Bom::read(&sbom.bytes).context("cannot read the SBOM of the folder")?;
    // What is left out is told by the bill itself.
    let damaged = sbom.damaged.iter().map(|damage| format!("a lockfile is damaged and was not looked at: {damage}"));
    let unresolved = sbom.unresolved.iter().map(|missing| format!("a lockfile names and does not hold {missing}"));
    let doubts = damaged.chain(unresolved).collect();
    let place = sbom.lockfiles.keys().next().cloned().unwrap_or_else(|| ".".to_owned());
    Ok(Subject { bom, place, doubts })
}

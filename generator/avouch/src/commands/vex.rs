//! `avouch vex`: what we say of vulnerabilities in our releases, recorded, and written as CycloneDX or OpenVEX.

use anyhow::{Context as _, bail};
use avouch_advise::{Bom, Document, OfEcosystem, Purl, ReleaseBom, matches, release_matches};
use avouch_model::{
    Timestamp,
    entry::EntryKind,
    payload::{Payload, Recorded, VexStatement, VexStatus},
};
use avouch_record::{Ledger, NewEntry};

use super::audit::advisories;
use crate::{
    cli::{Global, Vex, VexExport, VexFormat, VexSet},
    clock,
    exit::{Exit, Usage},
    files::{self, Readers},
    output::{Output, plain},
    pipeline::{append, record, scoping, scoping::canonical},
    project::Project,
};

/// The longest text that is published with a statement.
const TEXT_BYTES_MAX: usize = 2_000;

/// Records a statement, or writes all of them.
pub(crate) fn vex(global: &Global, output: &Output, command: &Vex) -> anyhow::Result<Exit> {
    match command {
        Vex::Set(arguments) => set(global, output, arguments),
        Vex::Export(arguments) => export(global, output, arguments),
    }
}

fn set(global: &Global, output: &Output, arguments: &VexSet) -> anyhow::Result<Exit> {
    if global.as_of.is_some() {
        bail!(Usage("--as-of judges and renders the record; a statement is recorded by the clock".to_owned()));
    }
    let project = Project::load(global, output)?;
    let statement = statement(arguments)?;
    let mut ledger = record::open(&project)?;
    let recorded = ledger.recorded(None)?;
    let meant = releases(&recorded, &statement.releases);
    if meant.is_empty() {
        output.warn(&format!(
            "no release on record matches `{}`: the statement speaks of releases to come",
            plain(&statement.releases)
        ));
    }
    if let Some(named) = &statement.component {
        let boms = boms(&ledger, &recorded)?;
        // Of a statement about releases to come, any release tells whether the package is ours at all.
        let asked = boms.iter().filter(|(version, _)| meant.is_empty() || meant.contains(version));
        let mut known = asked.filter_map(|(_, bom)| bom.as_ref()).flat_map(|bom| bom.components.iter().chain(&bom.root));
        if !known.any(|component| component.purl.as_deref().is_some_and(|purl| is_named(named, purl))) {
            output.warn(&format!("no release on record that is meant contains `{}`: look for a slip of the pen", plain(named)));
        }
    }
    if statements(&recorded)
        .rev()
        .find(|(_, known)| known.vulnerability == statement.vulnerability)
        .is_some_and(|(_, last)| *last == statement)
    {
        output.result("it is on record already\n")?;
        return Ok(Exit::Satisfied);
    }
    let entry = NewEntry::json(EntryKind::Vex, &statement.vulnerability, canonical("statement", &statement)?);
    append(&mut ledger, &record::signer(&project)?, vec![entry])?;
    output.result(&format!(
        "recorded: {} is {} in {}{}\n",
        plain(&statement.vulnerability),
        statement.status.name(),
        plain(&statement.releases),
        if meant.is_empty() { String::new() } else { format!(" ({})", plain(&meant.join(", "))) }
    ))?;
    Ok(Exit::Satisfied)
}

/// The statement, held against what VEX asks of one (OpenVEX 0.2.0, "Statement fields").
fn statement(arguments: &VexSet) -> anyhow::Result<VexStatement> {
    let VexSet { vulnerability, release, status, justification, impact, action, product } = arguments;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.:".contains(letter);
    if vulnerability.is_empty() || vulnerability.len() > 100 || !vulnerability.chars().all(allowed) {
        bail!(Usage(format!("`{vulnerability}` is no id of a vulnerability such as CVE-2026-1234 or GHSA-xxxx-xxxx-xxxx")));
    }
    if release.is_empty() || release.len() > 100 || release.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        bail!(Usage("--release is a version, or a glob over versions such as '1.4.*'".to_owned()));
    }
    let status = VexStatus::from(*status);
    match status {
        VexStatus::NotAffected if justification.is_none() && impact.is_none() => {
            bail!(Usage("not_affected needs --justification (or --impact, which no program understands)".to_owned()))
        }
        VexStatus::Affected if action.is_none() => bail!(Usage("affected needs --action: what to do about it".to_owned())),
        _ => {}
    }
    if justification.is_some() && status != VexStatus::NotAffected {
        bail!(Usage(format!("--justification says why a release is not_affected, and this one is {}", status.name())));
    }
    for text in [impact, action].into_iter().flatten() {
        published(text)?;
    }
    if let Some(purl) = product {
        purl.parse::<Purl>().map_err(|error| Usage(error.to_string()))?;
    }
    Ok(VexStatement {
        v: 1,
        vulnerability: vulnerability.clone(),
        releases: release.clone(),
        status,
        justification: justification.map(Into::into),
        impact: impact.clone(),
        action: action.clone(),
        component: product.clone(),
    })
}

/// A text that is published: short, and without the address of a person.
fn published(text: &str) -> anyhow::Result<()> {
    if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
        bail!(Usage(format!("a text that is published has words, and at most {TEXT_BYTES_MAX} bytes")));
    }
    let address = |word: &str| word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if text.split_whitespace().any(address) {
        bail!(Usage("the text holds an e-mail address, and it is published: name roles, not people".to_owned()));
    }
    Ok(())
}

fn export(global: &Global, output: &Output, arguments: &VexExport) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let ledger = record::open(&project)?;
    let recorded = ledger.recorded(global.as_of)?;
    let database = match &arguments.advisories {
        Some(path) => Some(advisories(&global.directory.join(path))?),
        None => None,
    };
    if let Some(database) = &database
        && database.facts().unreadable > 0
    {
        let first = database.facts().unreadable_names.first().cloned().unwrap_or_default();
        output.warn(&format!(
            "{} advisories cannot be read and say nothing here, first {}",
            database.facts().unreadable,
            plain(&first)
        ));
    }
    let mut releases = Vec::new();
    for (version, bom) in boms(&ledger, &recorded)? {
        if arguments.release.as_ref().is_some_and(|glob| !release_matches(glob, &version)) {
            continue;
        }
        let Some(bom) = bom else {
            output.warn(&format!(
                "the release {} has no BOM on record that can be read, and nothing is said of it",
                plain(&version)
            ));
            continue;
        };
        let matches = database.as_ref().map(|database| matches(database, &bom.components)).unwrap_or_default();
        releases.push(ReleaseBom { version, bom, matches });
    }
    let statements: Vec<(Timestamp, VexStatement)> =
        statements(&recorded).map(|(at, statement)| (at, statement.clone())).collect();
    let rows = avouch_advise::rows(&releases, &statements);
    if rows.is_empty() {
        output.note("Nothing was stated and nothing was found: there is nothing to write.");
        return Ok(Exit::CouldNotTell);
    }
    let program = scoping::program();
    let about = Document { author: &project.configuration.product.name, program: &program, at: clock::as_of(global.as_of) };
    let document = match arguments.format {
        VexFormat::Cyclonedx => avouch_advise::cyclonedx(&rows, &about),
        VexFormat::Openvex => avouch_advise::openvex(&rows, &about),
    };
    let text = format!("{document:#}\n");
    match &arguments.output {
        None => output.result(&text)?,
        Some(file) => {
            let path = global.directory.join(file);
            files::put(&path, text.as_bytes(), Readers::Everyone).with_context(|| format!("cannot write `{path}`"))?;
            output.note(&format!("{} lines about {} releases in {}", rows.len(), releases.len(), plain(file.as_str())));
        }
    }
    Ok(Exit::Satisfied)
}

/// The statements of the record, oldest first, with the time they count from.
pub(crate) fn statements(recorded: &[Recorded]) -> impl DoubleEndedIterator<Item = (Timestamp, &VexStatement)> {
    recorded.iter().filter_map(|recorded| match &recorded.payload {
        Payload::Vex(statement) => Some((recorded.entry.at, statement)),
        _ => None,
    })
}

/// Whether a package URL of a bill is of the package that was named, and of its version, where one was named.
fn is_named(named: &str, there: &str) -> bool {
    let (Ok(named), Ok(there)) = (named.parse::<Purl>(), there.parse::<Purl>()) else { return false };
    named.is_of_package(&there) && (named.version.is_none() || named.version == there.version)
}

/// The versions on record that a glob means.
fn releases(recorded: &[Recorded], glob: &str) -> Vec<String> {
    let versions = recorded.iter().filter_map(record::release_record).map(|record| record.release.version.clone());
    versions.filter(|version| release_matches(glob, version)).collect()
}

/// Each recorded release with its BOM, oldest first; none where there is none that can be read. Of several records of one
/// release the last counts.
pub(crate) fn boms(ledger: &Ledger, recorded: &[Recorded]) -> anyhow::Result<Vec<(String, Option<Bom>)>> {
    let mut releases: Vec<(String, Option<Bom>)> = Vec::new();
    for (record, boms) in record::releases(ledger, recorded)? {
        // One in another format or standard may lie beside it.
        let bom = boms.iter().find_map(|bytes| Bom::read(bytes).ok());
        let version = record.release.version;
        releases.retain(|(known, _)| *known != version);
        releases.push((version, bom));
    }
    Ok(releases)
}

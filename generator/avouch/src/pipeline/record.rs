//! The project's ledger and key, opened as they are configured.

use anyhow::{Context as _, bail};
use avouch_model::{
    Digest, Timestamp,
    entry::EntryKind,
    payload::{Bom, Genesis, Payload, Recorded, ReleaseRecord},
};
use avouch_record::{Ledger, Signer};
use camino::{Utf8Path, Utf8PathBuf};

use crate::{exit::Usage, project::Project};

/// The key file beside the ledger.
const KEY_FILE: &str = "signing.key";

/// Where the key file lies.
pub(crate) fn key_file(project: &Project) -> Utf8PathBuf {
    let ledger = project.path(&project.configuration.evidence.ledger);
    ledger.parent().map_or_else(|| Utf8PathBuf::from(KEY_FILE), |folder| folder.join(KEY_FILE))
}

/// The signing key of the environment variable that is configured; none when none is, or it is not set.
pub(crate) fn signer_from_environment(project: &Project) -> anyhow::Result<Option<Signer>> {
    let Some(name) = &project.configuration.evidence.signing_key_env else { return Ok(None) };
    match std::env::var(name) {
        Ok(text) if !text.trim().is_empty() => Ok(Some(Signer::from_text(&text, name)?)),
        _ => Ok(None),
    }
}

/// The signing key: from the environment, otherwise from the key file.
pub(crate) fn signer(project: &Project) -> anyhow::Result<Signer> {
    if let Some(signer) = signer_from_environment(project)? {
        return Ok(signer);
    }
    let file = key_file(project);
    if !file.is_file() {
        let variable = project.configuration.evidence.signing_key_env.as_deref();
        let or = variable.map_or_else(String::new, |name| format!(", and {name} is not set"));
        let ledger = project.path(&project.configuration.evidence.ledger);
        if !ledger.is_file() {
            return Err(no_ledger(&ledger));
        }
        bail!(Usage(format!(
            "there is no signing key `{file}`{or}: bring the key of this log here; where it is lost, `avouch key recover FILE` takes \
             over with the recovery key"
        )));
    }
    Ok(Signer::load(file.as_std_path())?)
}

/// The ledger.
pub(crate) fn open(project: &Project) -> anyhow::Result<Ledger> {
    let path = project.path(&project.configuration.evidence.ledger);
    if !path.is_file() {
        return Err(no_ledger(&path));
    }
    let ledger = Ledger::open(path.as_std_path())?;
    let configured = &project.configuration.evidence.origin;
    if ledger.origin() != configured {
        let message = format!("the ledger is of the log `{}`, and `[evidence] origin` names `{configured}`", ledger.origin());
        bail!(Usage(format!("{message}: an origin never changes; `avouch init --new-log` starts another log")));
    }
    Ok(ledger)
}

/// What to do without a ledger. A second log under the name of one that was published is a fork, so that way is named last.
pub(crate) const WITHOUT_LEDGER: &str = "`avouch evidence restore SITE` rebuilds it from what was published; `avouch init --new-log` \
                                         begins a log of which nothing was ever published";

fn no_ledger(path: &Utf8Path) -> anyhow::Error {
    Usage(format!("there is no ledger `{path}`: {WITHOUT_LEDGER}")).into()
}

/// The ledger if there is one: for commands that need none.
pub(crate) fn open_if_any(project: &Project) -> anyhow::Result<Option<Ledger>> {
    let path = project.path(&project.configuration.evidence.ledger);
    if path.is_file() { open(project).map(Some) } else { Ok(None) }
}

/// Makes the ledger of a new log.
pub(crate) fn create(
    project: &Project,
    path: &Utf8Path,
    signer: &Signer,
    recovery: &Signer,
    at: Timestamp,
) -> anyhow::Result<Ledger> {
    let genesis = Genesis {
        v: 1,
        origin: project.configuration.evidence.origin.clone(),
        product: project.configuration.product.name.clone(),
        signing_key: signer.vkey().to_string(),
        recovery_key: recovery.vkey().to_string(),
    };
    Ledger::create(path.as_std_path(), genesis, signer, at).with_context(|| format!("cannot make the ledger `{path}`"))
}

/// The release records with the bytes of their BOMs, oldest first. The JSON is the BOM; what is made of it in other formats
/// is left out.
pub(crate) fn releases(ledger: &Ledger, recorded: &[Recorded]) -> anyhow::Result<Vec<(ReleaseRecord, Vec<Vec<u8>>)>> {
    let mut releases = Vec::new();
    for record in recorded.iter().filter_map(release_record) {
        let bytes =
            |bom: &Bom| -> anyhow::Result<Option<Vec<u8>>> { Ok(ledger.payload(&bom.digest)?.and_then(|state| state.bytes)) };
        let mut record = record.clone();
        record.boms.retain(|bom| bom.file == avouch_sbom::Format::Json.file());
        let boms = record.boms.iter().map(bytes).collect::<anyhow::Result<Vec<_>>>()?;
        releases.push((record, boms.into_iter().flatten().collect()));
    }
    Ok(releases)
}

/// The release record of an entry.
pub(crate) fn release_record(recorded: &Recorded) -> Option<&ReleaseRecord> {
    if let Payload::Release(record) = &recorded.payload { Some(record) } else { None }
}

/// The digest of the last scope that was recorded.
pub(crate) fn last_scope(recorded: &[Recorded]) -> Option<Digest> {
    recorded.iter().rev().find(|recorded| recorded.entry.kind == EntryKind::Scope).map(|recorded| recorded.entry.digest)
}

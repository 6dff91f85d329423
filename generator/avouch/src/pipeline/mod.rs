//! The whole job: SBOM, retention, checks, record, site, in this order.
//!
//! Each stage gets values and gives values. What a stage learned is recorded before the next page is rendered, so that a
//! run which dies leaves a record that the next run goes on from.

pub(crate) mod collecting;
pub(crate) mod decisions;
pub(crate) mod memory;
pub(crate) mod publishing;
pub(crate) mod record;
pub(crate) mod releases;
pub(crate) mod retaining;
pub(crate) mod sboms;
pub(crate) mod scoping;

use anyhow::Context as _;
use avouch_collect::Collected;
use avouch_model::{
    Digest, Timestamp,
    assessment::Assessment,
    entry::EntryKind,
    observation::Detail,
    payload::{Details, Recorded, Run},
    release::Release,
};
use avouch_read::mapping::Resolved;
use avouch_record::{Ledger, NewEntry, Published, Sealed, Signer};

use crate::{clock, output::Output, project::Project};

/// What the job is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// The release, if not the newest.
    pub(crate) release: Option<&'a str>,
    /// Whether to delete what is over its time.
    pub(crate) purge: bool,
    /// Whether to put the site out.
    pub(crate) publish: bool,
    /// Whether whoever asks says that the targets are theirs.
    pub(crate) owned: bool,
}

/// What the job did.
pub(crate) struct Done {
    /// How everything stands.
    pub(crate) assessment: Assessment,
    /// What was published, if that was asked for.
    pub(crate) published: Option<Published>,
    /// Whether the release has no SBOM, or one without everything, because something in it is damaged.
    pub(crate) is_lacking: bool,
}

/// Does the whole job once.
pub(crate) fn run(project: &Project, output: &Output, asked: Asked<'_>) -> anyhow::Result<Done> {
    let signer = record::signer(project)?;
    let mut ledger = record::open(project)?;
    let current = releases::current(project, asked.release)?;
    tell_of_changes(output, &current);

    let signed = decisions::signed(project, output)?;
    let recorded = ledger.recorded(None)?;
    append(&mut ledger, &signer, decisions::new_entries(&signed, &recorded)?)?;
    let releases = sboms::new_entries(project, output, &recorded, &current)?;
    append(&mut ledger, &signer, releases.entries)?;
    let is_lacking = releases.is_lacking;

    let recorded = ledger.recorded(None)?;
    let in_record = decisions::in_record(&recorded);
    let known: Vec<_> = in_record.iter().map(|(_, decision)| decision.clone()).collect();
    let resolved = scoping::resolve(project, &known);
    let scope_digest = record_scope(project, &mut ledger, &signer, &recorded, &resolved)?;

    let retention = retaining::execute(project, output, &mut ledger, asked.purge, &mut avouch_retain::Sleep)?;
    retaining::record(project, &mut ledger, &signer)?;

    let releases = record::releases(&ledger, &recorded)?;
    let beside = collecting::Beside {
        current: &current,
        retention: &retention,
        releases: Some(&releases),
        decisions: &in_record,
        owned: asked.owned,
    };
    let started = clock::now();
    let collected = collecting::collect(project, output, &beside, &resolved.asked)?;
    record_run(&mut ledger, &signer, scope_digest, current.release.clone(), started, collected)?;

    let published = asked.publish.then(|| publishing::publish(project, &mut ledger, &signer, None)).transpose()?;
    let assessment = avouch_evaluate::assess(&ledger.recorded(None)?, clock::now());
    Ok(Done { assessment, published, is_lacking })
}

/// Records what is judged by, unless it is what the record holds last. Gives its digest.
fn record_scope(
    project: &Project,
    ledger: &mut Ledger,
    signer: &Signer,
    recorded: &[Recorded],
    resolved: &Resolved,
) -> anyhow::Result<Digest> {
    let scope = scoping::canonical("scope", &scoping::scope(project, resolved))?;
    let digest = Digest::of(&scope);
    if record::last_scope(recorded) != Some(digest) {
        append(ledger, signer, vec![NewEntry::json(EntryKind::Scope, &project.configuration.product.slug, scope)])?;
    }
    Ok(digest)
}

/// Records the scope as it is now: a receipt is judged by the promise that was in force.
pub(crate) fn record_present_scope(project: &Project, ledger: &mut Ledger, signer: &Signer) -> anyhow::Result<Digest> {
    let recorded = ledger.recorded(None)?;
    let known: Vec<_> = decisions::in_record(&recorded).into_iter().map(|(_, decision)| decision).collect();
    record_scope(project, ledger, signer, &recorded, &scoping::resolve(project, &known))
}

/// Records what the checks answered: the answers for everyone, what failures looked like sealed.
pub(crate) fn record_run(
    ledger: &mut Ledger,
    signer: &Signer,
    scope: Digest,
    release: Option<Release>,
    started: Timestamp,
    collected: Collected,
) -> anyhow::Result<()> {
    let run = Run { v: 1, scope, release, started, ended: clock::now(), observations: collected.observations, details: None };
    record_imported(ledger, signer, run, collected.details)
}

/// As [`record_run`], for a run that was made elsewhere.
pub(crate) fn record_imported(ledger: &mut Ledger, signer: &Signer, mut run: Run, details: Vec<Detail>) -> anyhow::Result<()> {
    let mut entries = Vec::new();
    let subject = run.release.as_ref().map_or_else(|| Release::UNRELEASED.to_owned(), |release| release.version.clone());
    run.details = None;
    if !details.is_empty() {
        let sealed = Sealed::new(scoping::canonical("details", &Details { v: 1, details })?)?;
        run.details = Some(sealed.digest());
        entries.push(NewEntry::sealed(EntryKind::Details, &subject, sealed));
    }
    entries.push(NewEntry::json(EntryKind::Run, &subject, scoping::canonical("run", &run)?));
    append(ledger, signer, entries)
}

/// Appends entries dated now.
pub(crate) fn append(ledger: &mut Ledger, signer: &Signer, entries: Vec<NewEntry>) -> anyhow::Result<()> {
    if !entries.is_empty() {
        ledger.append(signer, clock::now(), entries).context("cannot append to the ledger")?;
    }
    Ok(())
}

/// Whoever changed something and did not commit it must not believe that it was checked.
fn tell_of_changes(output: &Output, current: &releases::Current) {
    match &current.release {
        None => output.note("This folder has no commit: it is read as it lies, and nothing that is bound to a release can pass."),
        Some(release) if !release.is_released() => {
            output.note("No tag that counts names a commit: nothing that is bound to a release can pass.")
        }
        Some(release) if current.dirty => {
            output.note(&format!(
                "The folder has changes that are in no commit; release {} is read as it was committed.",
                release.version
            ));
        }
        Some(_) => {}
    }
}

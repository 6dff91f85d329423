//! Puts the checks to the world: opens what is configured, asks, closes.

use std::{collections::BTreeMap, fs, sync::Mutex};

use anyhow::Context as _;
use avouch_collect::{Collected, Parsed, RecordedRelease, Vantage, World};
use avouch_database::Read;
use avouch_model::{
    Json, Timestamp,
    catalogue::{Asked, When},
    decision::Decision,
    receipt::RetentionRun,
    state::Outcome,
};
use avouch_probe::{Ownership, Prober, Rehearsed};

use super::releases::Current;
use crate::{clock, kept::Kept, output::Output, project::Project};

/// What a run looks at beside the product itself.
pub(crate) struct Beside<'a> {
    /// The release and its files.
    pub(crate) current: &'a Current,
    /// The last run of each retention rule.
    pub(crate) retention: &'a BTreeMap<String, RetentionRun>,
    /// The releases of the record with their BOMs; none without a record.
    pub(crate) releases: Option<&'a [RecordedRelease]>,
    /// The decisions of the record with the time they count from.
    pub(crate) decisions: &'a [(Timestamp, Decision)],
    /// Whether whoever gave the command says that the targets are theirs.
    pub(crate) owned: bool,
}

/// Asks the checks. Databases and targets that none of them needs are not opened; with `build` no socket is.
pub(crate) fn collect(project: &Project, output: &Output, beside: &Beside<'_>, asked: &[Asked]) -> anyhow::Result<Collected> {
    let operates = asked.iter().any(|asked| asked.check.when == When::Operate);
    let databases = if operates { open_databases(project, output) } else { BTreeMap::new() };
    let probers = if operates { open_probers(project, output, beside.owned)? } else { BTreeMap::new() };
    let collected = with_world(project, beside, &databases, &probers, |world| {
        avouch_collect::collect_and_tell(world, asked, &|progress| {
            let word = match progress.outcome {
                Outcome::Pass => "passed",
                Outcome::Fail => "failed",
                Outcome::Error => "could not be tested",
                Outcome::NotExercised => "not tested",
            };
            output.progress(&format!("{:>3} of {} checks: {} {word}", progress.answered, progress.asked, progress.check));
        })
    });
    output.progress_done();
    Ok(collected)
}

/// Whether a check asks a running system.
pub(crate) fn asks_a_target(asked: &Asked) -> bool {
    avouch_collect::kinds::find(&asked.check.kind).is_some_and(|kind| matches!(kind.vantage, Vantage::Target(_)))
}

/// The target of a check, what would be sent to it, and why the check could not be gone through to its end.
pub(crate) fn rehearse(
    project: &Project,
    output: &Output,
    beside: &Beside<'_>,
    asked: &Asked,
) -> anyhow::Result<(String, Vec<Rehearsed>, Vec<String>)> {
    let target = asked.parameters.get("target").and_then(Json::as_text).unwrap_or_default().to_owned();
    let mut probers = BTreeMap::new();
    if let Some(configured) = project.configuration.targets.get(&target) {
        probers.insert(target.clone(), Prober::rehearsing(configured, 1)?);
    }
    let databases = open_databases(project, output);
    let collected =
        with_world(project, beside, &databases, &probers, |world| avouch_collect::collect(world, std::slice::from_ref(asked)));
    // Without a transcript the check was not gone through to its end.
    let why = collected.details.into_iter().filter(|detail| detail.transcript == Json::Null).flat_map(|detail| detail.findings);
    let rehearsed = probers.get(&target).map(Prober::rehearsed).unwrap_or_default();
    Ok((target, rehearsed, why.collect()))
}

/// Builds the world of a run and shows it.
fn with_world<T>(
    project: &Project,
    beside: &Beside<'_>,
    databases: &BTreeMap<String, Mutex<Box<dyn Read>>>,
    probers: &BTreeMap<String, Prober>,
    show: impl FnOnce(&World<'_>) -> T,
) -> T {
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let random = || {
        let mut bytes = [0; 8];
        // Without the system's randomness a probe would use a guessable value: better an obviously constant one that fails.
        if getrandom::fill(&mut bytes).is_err() { 0 } else { u64::from_le_bytes(bytes) }
    };
    show(&World {
        now: clock::now(),
        clock: &clock::now,
        configuration: &project.configuration,
        catalogue: &project.catalogue,
        release: beside.current.release.as_ref(),
        tree: &*beside.current.tree,
        parsed: &Parsed::default(),
        repository: project.repository.as_ref(),
        keeper: &Kept(project.path(".avouch/cache")),
        folder: &project.folder,
        databases,
        probers,
        retention: beside.retention,
        releases: beside.releases,
        decisions: beside.decisions,
        environment: &environment,
        random: &random,
    })
}

/// Opens the databases that can be opened; the checks of the others end in an error of their own.
fn open_databases(project: &Project, output: &Output) -> BTreeMap<String, Mutex<Box<dyn Read>>> {
    let mut open = BTreeMap::new();
    for (name, database) in &project.configuration.databases {
        match avouch_database::open_read(database, project.root.as_std_path()) {
            Ok(read) => drop(open.insert(name.clone(), Mutex::new(read))),
            Err(error) => {
                output.warn(&format!("{:#}", anyhow::Error::new(error).context(format!("the database `{name}` cannot be read"))))
            }
        }
    }
    open
}

/// What is known of whose the targets are.
pub(crate) fn ownership(project: &Project, stated: bool) -> Ownership {
    Ownership { stated, origin: project.configuration.evidence.origin.clone() }
}

fn open_probers(project: &Project, output: &Output, owned: bool) -> anyhow::Result<BTreeMap<String, Prober>> {
    let mut open = BTreeMap::new();
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("the system gives no random bytes")?;
    let environment = |name: &str| std::env::var(name).ok();
    for (name, target) in &project.configuration.targets {
        let authorities = target.ca_file.as_ref().map(|file| {
            fs::read(project.path(file))
                .with_context(|| format!("cannot read the certificate authorities of `{name}` in `{file}`"))
        });
        let run = format!("{:x}", u64::from_le_bytes(seed));
        let prober = authorities
            .transpose()
            .and_then(|pem| Ok(Prober::new(target, &run, u64::from_le_bytes(seed), &environment, pem.as_deref())?));
        match prober {
            Ok(prober) => drop(open.insert(name.clone(), prober.owned(ownership(project, owned)))),
            Err(error) => output.warn(&format!("{:#}", error.context(format!("the target `{name}` cannot be probed")))),
        }
    }
    Ok(open)
}

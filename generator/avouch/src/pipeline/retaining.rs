//! Retention within the job: rules are executed or proven, their runs kept, and receipts rolled up.

use std::collections::BTreeMap;

use anyhow::Context as _;
use avouch_model::{
    Digest, Timestamp,
    configuration::Schedule,
    entry::EntryKind,
    payload::Payload,
    product::{Bucket, RetentionRule},
    receipt::{Enforcement, Promise, Receipt, RetentionRun},
};
use avouch_read::schedule::Slots;
use avouch_record::{Ledger, NewEntry, Signer};
use avouch_retain::{Asked, Execution, Gentleness, Pace, RetainError};

use super::scoping;
use crate::{
    clock,
    output::{Output, causes, plain},
    project::Project,
};

/// The jobs of the schedule, in the order in which they are done.
pub(crate) const JOBS: [&str; 2] = ["purge", "run"];

/// What the record knows of the last execution of a rule.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Last {
    /// When it was.
    at: Option<Timestamp>,
    /// The last claim that is told of.
    claim: Option<u64>,
}

/// What an execution of a rule depends on, now.
pub(crate) fn asked<'a>(project: &'a Project, rule: &'a RetentionRule, last: Last) -> anyhow::Result<Asked<'a>> {
    let database =
        project.configuration.databases.get(&rule.database).context("the rule names a database that is not configured")?;
    Ok(Asked {
        rule,
        promise: scoping::promise(rule, &project.configuration),
        database,
        root: project.root.as_std_path(),
        now: clock::now(),
        last_run: last.at,
        owner: owner()?,
        told: last.claim,
    })
}

/// The variables of a bucket's keys that are not set here.
pub(crate) fn unset(bucket: &Bucket) -> impl Iterator<Item = &str> {
    bucket.variables().filter(|variable| !std::env::var(variable).is_ok_and(|key| !key.trim().is_empty()))
}

/// A name that no other process has.
fn owner() -> anyhow::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).context("the system gives no random bytes")?;
    Ok(format!("{:032x}", u128::from_le_bytes(random)))
}

/// Proves every rule without deleting anything; no ledger is needed.
pub(crate) fn prove(project: &Project, output: &Output) -> anyhow::Result<BTreeMap<String, RetentionRun>> {
    let mut runs = BTreeMap::new();
    for rule in &project.configuration.retention {
        let execution = avouch_retain::prove(&asked(project, rule, Last::default())?);
        tell(output, rule, &execution);
        runs.insert(rule.name.clone(), execution.run);
    }
    Ok(runs)
}

/// Executes every rule, keeps the runs in the private store and gives them back. Deletes only what avouch enforces, and only
/// with `purge`, at this `pace`. One rule that fails does not stop the others.
pub(crate) fn execute(
    project: &Project,
    output: &Output,
    ledger: &mut Ledger,
    purge: bool,
    pace: &mut dyn Pace,
) -> anyhow::Result<BTreeMap<String, RetentionRun>> {
    let rules: Vec<&RetentionRule> = project.configuration.retention.iter().collect();
    execute_rules(project, output, ledger, &rules, purge, None, pace)
}

/// As [`execute`], for some of the rules; `confirm` lets the plan with this digest past the fuse.
pub(crate) fn execute_rules(
    project: &Project,
    output: &Output,
    ledger: &mut Ledger,
    rules: &[&RetentionRule],
    purge: bool,
    confirm: Option<Digest>,
    pace: &mut dyn Pace,
) -> anyhow::Result<BTreeMap<String, RetentionRun>> {
    let last_runs = last_runs(ledger, rules)?;
    let mut runs = BTreeMap::new();
    for rule in rules {
        let asked = asked(project, rule, last_runs.get(&rule.name).copied().unwrap_or_default())?;
        let execution = if purge && rule.enforce == Enforcement::Avouch {
            avouch_retain::purge(&asked, confirm, &Gentleness::default(), pace)
        } else {
            avouch_retain::prove(&asked)
        };
        tell(output, rule, &execution);
        // Where another process works, that one tells what came of it.
        if !execution.trouble.as_ref().is_some_and(RetainError::is_elsewhere) {
            ledger.keep_retention_run(&execution.run)?;
        }
        runs.insert(rule.name.clone(), execution.run);
    }
    Ok(runs)
}

/// When each rule was executed last, and under which claim: by runs that no receipt covers yet, and by receipts.
fn last_runs(ledger: &Ledger, rules: &[&RetentionRule]) -> anyhow::Result<BTreeMap<String, Last>> {
    let mut last: BTreeMap<String, Last> = BTreeMap::new();
    let mut hear = |rule, at, claim: Option<u64>| {
        let last = last.entry(rule).or_default();
        last.at = Some(at);
        last.claim = last.claim.max(claim);
    };
    for rule in rules {
        let (mut at, mut claim) = (None, None);
        ledger.newest(EntryKind::Receipt, &rule.name, |_, payload| {
            if let Payload::Receipt(receipt) = payload {
                at = at.or(Some(receipt.to));
                // A proof claims nothing.
                claim = claim.max(receipt.claim);
            }
            None::<()>
        })?;
        if let Some(at) = at {
            hear(rule.name.clone(), at, claim);
        }
    }
    for pending in ledger.pending_retention_runs()? {
        hear(pending.run.promise.rule, pending.run.at, pending.run.claim);
    }
    Ok(last)
}

/// Rolls the runs that no receipt covers up into receipts: one a rule and day. What must be known at once (that there is an error,
/// a tripped fuse or a breach, or that it is over) is recorded at once.
pub(crate) fn record(project: &Project, ledger: &mut Ledger, signer: &Signer) -> anyhow::Result<()> {
    let now = clock::now();
    let mut receipts = Vec::new();
    let mut covered = Vec::new();
    let pending = ledger.pending_retention_runs()?;
    for rule in &project.configuration.retention {
        let of_rule: Vec<_> = pending.iter().filter(|pending| pending.run.promise.rule == rule.name).collect();
        let runs: Vec<RetentionRun> = of_rule.iter().map(|pending| pending.run.clone()).collect();
        let before = ledger.newest(EntryKind::Receipt, &rule.name, |entry, payload| match payload {
            Payload::Receipt(receipt) => Some((entry.at, receipt)),
            _ => None,
        })?;
        let before = before.as_ref();
        let Some(receipt) = Receipt::of(&runs, before.map(|(_, receipt)| receipt.to)) else { continue };
        let is_first_today = before.is_none_or(|(at, _)| at.day() < now.day());
        let says_otherwise = before.is_none_or(|(_, before)| before.holds != receipt.holds || before.promise != receipt.promise);
        // A slot that was missed leaves a doubt, which only a receipt ends.
        let missed = before.map_or(Ok(false), |(_, before)| missed_since(ledger, before.to))?;
        // What failed once and goes on failing alike is told once a day, as what goes on well is: a year of it stays small.
        let fails_as_before = before.is_some_and(|(_, before)| before.failures > 0 && before.ended == receipt.ended);
        if is_first_today || says_otherwise || missed || receipt.failures > 0 && !fails_as_before {
            receipts.push(NewEntry::json(EntryKind::Receipt, &rule.name, scoping::canonical("receipt", &receipt)?));
            covered.extend(of_rule.iter().map(|pending| pending.id));
        }
    }
    if !receipts.is_empty() {
        ledger.append_receipts(signer, now, receipts, &covered).context("cannot append the receipts")?;
    }
    Ok(())
}

/// Whether a slot of any job was missed after a run.
fn missed_since(ledger: &Ledger, run: Timestamp) -> anyhow::Result<bool> {
    for job in JOBS {
        let since = |payload| matches!(payload, Payload::Missed(missed) if missed.to > run).then_some(());
        if ledger.newest(EntryKind::Missed, job, |_, payload| since(payload))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// When the rule is executed next by the schedule: the first slot after the last execution, which may be over. None without
/// a schedule.
pub(crate) fn next_due(schedule: &Schedule, promise: &Promise, after: Timestamp) -> Option<Timestamp> {
    let purge = schedule.purge.as_ref().filter(|_| promise.enforce == Enforcement::Avouch);
    Slots::parse(purge.or(schedule.run.as_ref())?).ok()?.after(after)
}

/// Says why an execution did not end as it should.
fn tell(output: &Output, rule: &RetentionRule, execution: &Execution) {
    if let Some(trouble) = &execution.trouble {
        output.warn(&format!("retention of `{}`: {}", plain(&rule.name), plain(&causes(trouble))));
    }
}

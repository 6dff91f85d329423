//! `avouch check`: collects and judges now without a ledger, or judges the record at a time or over a period.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::bail;
use avouch_evaluate::Period;
use avouch_model::{
    Digest, Timestamp,
    assessment::Assessment,
    catalogue::{Asked, Catalogue, When},
    decision::Decision,
    entry::{Entry, EntryKind, Visibility},
    payload::{Payload, Recorded, Run, Scope},
};
use avouch_render::export::{self, Findings};

use crate::{
    bundle::Bundle,
    cli::{Check, CheckFormat, Global, WhenArgument},
    clock,
    commands::rehearse::rehearse,
    exit::{Exit, Usage},
    output::{Output, plain, printable},
    pipeline::{collecting, decisions, record, releases, retaining, scoping},
    project::Project,
    summary,
};

/// Judges what was asked for.
pub(crate) fn check(global: &Global, output: &Output, arguments: &Check) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    if let (Some(from), Some(to)) = (arguments.from, arguments.to) {
        if from > to {
            bail!(Usage(format!("the period ends at {to}, before it begins at {from}")));
        }
        if arguments.when.is_some() || arguments.bundle.is_some() {
            bail!(Usage("--from and --to judge the record; they go with neither --when nor --bundle".to_owned()));
        }
        let ledger = record::open(&project)?;
        let recorded = ledger.recorded(global.as_of)?;
        let catalogue = last_catalogue(&recorded).cloned().unwrap_or_default();
        let mut told = avouch_evaluate::period(&recorded, from, to);
        let retired: Vec<String> = told.checks.iter().map(|check| check.check.clone()).collect();
        known(&catalogue, retired.iter().map(String::as_str), arguments)?;
        told.checks.retain(|check| is_named(&catalogue, &check.check, arguments));
        let apart = if project.configuration.gate_terms.baseline { BTreeSet::new() } else { catalogue.unclaimed() };
        return period(output, &told, &apart, arguments.format);
    }
    if let Some(as_of) = global.as_of {
        if arguments.when.is_some() || arguments.bundle.is_some() || arguments.dry_run || !arguments.controls.is_empty() {
            bail!(Usage(
                "--as-of judges the whole record; it goes with none of --when, --bundle, --dry-run and named controls".to_owned()
            ));
        }
        let recorded = record::open(&project)?.recorded(Some(as_of))?;
        let catalogue = last_catalogue(&recorded).cloned().unwrap_or_default();
        let assessment = avouch_evaluate::assess(&recorded, as_of);
        return show(&project, output, &assessment, &catalogue, None, Findings::Sealed, arguments.format);
    }
    now(&project, output, arguments)
}

/// Asks the checks, and judges their answers alone: in memory, with the decisions of the ledger where there is one.
fn now(project: &Project, output: &Output, arguments: &Check) -> anyhow::Result<Exit> {
    let owned = arguments.owning.i_own_this;
    let ledger = record::open_if_any(project)?;
    let recorded = ledger.as_ref().map(|ledger| ledger.recorded(None)).transpose()?.unwrap_or_default();
    let in_record = decisions::in_record(&recorded);
    let known: Vec<_> = in_record.iter().map(|(_, decision)| decision.clone()).collect();
    let mut resolved = scoping::resolve(project, &known);
    let chosen = choose(&project.catalogue, &resolved.asked, arguments)?;
    resolved.asked = chosen;
    let current = match arguments.when {
        Some(WhenArgument::Build) if arguments.bundle.is_none() => releases::checked_out(project, output)?,
        _ => releases::current(project, None)?,
    };
    if arguments.dry_run {
        let retention = BTreeMap::new();
        let beside =
            collecting::Beside { current: &current, retention: &retention, releases: None, decisions: &in_record, owned };
        return rehearse(project, output, &beside, &resolved.asked);
    }
    let operates = resolved.asked.iter().any(|asked| asked.check.when == When::Operate);
    let retention = if operates { retaining::prove(project, output)? } else { Default::default() };
    let releases = ledger.as_ref().map(|ledger| record::releases(ledger, &recorded)).transpose()?;
    let beside = collecting::Beside {
        current: &current,
        retention: &retention,
        releases: releases.as_deref(),
        decisions: &in_record,
        owned,
    };
    let started = clock::now();
    let collected = collecting::collect(project, output, &beside, &resolved.asked)?;
    let mut scope = scoping::scope(project, &resolved);
    // A bundle is judged elsewhere by the whole mapping; what is printed here, by what was asked for.
    let whole = scope.clone();
    only(&mut scope, &resolved.asked, arguments);
    let ended = clock::now();
    let run = Run {
        v: 1,
        scope: avouch_model::canonical::digest(&scope)?,
        release: current.release.clone(),
        started,
        ended,
        observations: collected.observations,
        details: None,
    };
    if let Some(file) = &arguments.bundle {
        let run = Run { scope: avouch_model::canonical::digest(&whole)?, ..run.clone() };
        Bundle { v: 1, scope: whole.clone(), run, details: collected.details.clone() }.write(&project.root.join(file))?;
    }
    for detail in &collected.details {
        for finding in detail.findings.iter().take(5) {
            output.note(&format!("{}: {}", plain(&detail.check), plain(finding)));
        }
    }
    let catalogue = scope.catalogue.clone();
    // What stood in the record before tells what is new; without a run nothing does.
    let before = recorded
        .iter()
        .any(|recorded| recorded.entry.kind == EntryKind::Run)
        .then(|| avouch_evaluate::assess(&recorded, started));
    // A waiver of a check that was not asked excuses nothing here, and is none to remove.
    let is_meant = |recorded: &&Recorded| match &recorded.payload {
        Payload::Decision(Decision::Waiver { check, .. }) => {
            whole.catalogue.check(check).is_none() || catalogue.check(check).is_some()
        }
        Payload::Decision(_) => true,
        _ => false,
    };
    let mut memory: Vec<Recorded> = recorded.iter().filter(is_meant).cloned().collect();
    memory.push(in_memory(EntryKind::Scope, ended, run.scope, Payload::Scope(Box::new(scope))));
    memory.push(in_memory(EntryKind::Run, ended, Digest::of(b"run"), Payload::Run(run)));
    for (place, recorded) in memory.iter_mut().enumerate() {
        recorded.index = place as u64;
    }
    let assessment = avouch_evaluate::assess_beside(&memory, ended, &recorded);
    show(project, output, &assessment, &catalogue, before.as_ref(), Findings::InTheLog, arguments.format)
}

fn in_memory(kind: EntryKind, at: Timestamp, digest: Digest, payload: Payload) -> Recorded {
    let entry = Entry {
        v: Entry::VERSION,
        kind,
        at,
        subject: "memory".to_owned(),
        visibility: Visibility::Public,
        media_type: Entry::JSON.to_owned(),
        digest,
        size: 0,
    };
    Recorded { index: 0, entry, payload }
}

/// The checks that were named, or that belong to a named control or requirement, and that can be asked at this stage.
fn choose(catalogue: &Catalogue, asked: &[Asked], arguments: &Check) -> anyhow::Result<Vec<Asked>> {
    known(catalogue, [].into_iter(), arguments)?;
    Ok(asked.iter().filter(|asked| is_chosen(catalogue, &asked.check.id, asked.check.when, arguments)).cloned().collect())
}

/// Refuses a name that is none: of a control, of a check, or of one of these, which were checks once.
fn known<'n>(catalogue: &'n Catalogue, retired: impl Iterator<Item = &'n str>, arguments: &Check) -> anyhow::Result<()> {
    let controls = catalogue.controls.iter().map(|control| control.id.as_str());
    let checks = catalogue.checks.iter().map(|check| check.id.as_str());
    let names: BTreeSet<&str> = controls.chain(checks).chain(retired).collect();
    if let Some(name) = arguments.controls.iter().find(|name| !names.contains(name.as_str())) {
        let near = avouch_read::toml_walk::nearest(name, names.iter().copied());
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        bail!(Usage(format!("no control and no check is named `{name}`{near}")));
    }
    Ok(())
}

/// Whether a check is named, or a control that it decides; without names all are.
fn is_named(catalogue: &Catalogue, check: &str, arguments: &Check) -> bool {
    let named = |name: &String| name == check || catalogue.checks_of(name).contains(&check);
    arguments.controls.is_empty() || arguments.controls.iter().any(named)
}

fn is_chosen(catalogue: &Catalogue, check: &str, when: When, arguments: &Check) -> bool {
    let stage = match arguments.when {
        None | Some(WhenArgument::Operate) => When::Operate,
        Some(WhenArgument::Deploy) => When::Deploy,
        Some(WhenArgument::Build) => When::Build,
    };
    when <= stage && is_named(catalogue, check, arguments)
}

/// What was not asked for is not judged: the scope in memory holds only the chosen checks, and their claims and controls.
fn only(scope: &mut Scope, asked: &[Asked], arguments: &Check) {
    if arguments.controls.is_empty() && arguments.when.is_none() {
        return;
    }
    let catalogue = scope.catalogue.clone();
    let keep =
        |id: &str, when: When| asked.iter().any(|asked| asked.check.id == id) || is_chosen(&catalogue, id, when, arguments);
    scope.catalogue.checks.retain(|check| keep(&check.id, check.when));
    let checks = &scope.catalogue.checks;
    let left = |id: &String| checks.iter().any(|check| check.id == *id);
    scope.catalogue.claims.retain_mut(|claim| {
        claim.checks.retain(left);
        claim.any_of.retain(left);
        claim.deciding().next().is_some()
    });
    scope.catalogue.baseline.retain_mut(|baseline| {
        baseline.checks.retain(left);
        !baseline.checks.is_empty()
    });
    let claims = &scope.catalogue.claims;
    scope.catalogue.controls.retain(|control| claims.iter().any(|claim| claim.control == control.id));
    scope.unfilled.retain(|id, _| scope.catalogue.checks.iter().any(|check| check.id == *id));
    // A part says nothing of a whole standard, nor of retention that was not looked at.
    scope.catalogue.standards.clear();
    scope.retention.clear();
}

fn last_catalogue(recorded: &[Recorded]) -> Option<&Catalogue> {
    recorded.iter().rev().find_map(|recorded| match &recorded.payload {
        Payload::Scope(scope) => Some(&scope.catalogue),
        _ => None,
    })
}

fn show(
    project: &Project,
    output: &Output,
    assessment: &Assessment,
    catalogue: &Catalogue,
    before: Option<&Assessment>,
    findings: Findings,
    format: CheckFormat,
) -> anyhow::Result<Exit> {
    let text = match format {
        CheckFormat::Text => summary::assessment(output, assessment, catalogue),
        CheckFormat::Json => format!("{}\n", serde_json::to_string_pretty(assessment)?),
        CheckFormat::Sarif => export::sarif(assessment, catalogue, findings, &scoping::program(), &project.place),
        CheckFormat::Junit => export::junit(assessment, catalogue, findings),
        CheckFormat::Github => printable(&export::github(assessment, catalogue, findings)),
        CheckFormat::Markdown => printable(&export::markdown(assessment, catalogue, findings, before)),
    };
    output.result(&text)?;
    Ok(assessment.gate.verdict.into())
}

/// The part of a time that is covered, rounded down: 100 means all of it.
fn percent(covered: u64, from: Timestamp, to: Timestamp) -> u64 {
    let whole = u64::try_from(to.seconds_since(from)).unwrap_or(0);
    covered.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

/// A time in its two largest units: what is compared by eye has the same ones.
fn humane(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let first = UNITS.iter().position(|(size, _)| seconds >= *size).unwrap_or(UNITS.len() - 1);
    let mut rest = seconds;
    let parts = UNITS.iter().skip(first).take(2).map(|(size, unit)| {
        let count = rest / size;
        rest %= size;
        format!("{count} {unit}")
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// A period: how often each check ran and what it said. A failure, a gap or a time without a pass is no satisfaction; those that stand `apart`,
/// the baseline, are told and decide nothing.
fn period(output: &Output, period: &Period, apart: &BTreeSet<&str>, format: CheckFormat) -> anyhow::Result<Exit> {
    let text = match format {
        CheckFormat::Json => format!("{}\n", serde_json::to_string_pretty(period)?),
        CheckFormat::Text => {
            let mut text = format!("From {} to {}\n", period.from, period.to);
            let _ = match period.recorded_from {
                Some(began) if began > period.from => {
                    writeln!(text, "The record begins on {began}: what was before it was not looked at, and counts as a gap.")
                }
                Some(_) => Ok(()),
                None => writeln!(text, "The record holds nothing of that time."),
            };
            let _ = writeln!(
                text,
                "\n  {:32} {:20} {:>8} {:>6} {:>6} {:>6} {:>6} {:>8}  longest gap",
                "check", "counted from", "expected", "ran", "passed", "failed", "missed", "covered"
            );
            for check in &period.checks {
                let expected = check.expected.map_or_else(|| "—".to_owned(), |count| count.to_string());
                let _ = writeln!(
                    text,
                    "  {:32} {:20} {expected:>8} {:>6} {:>6} {:>6} {:>6} {:>7}%  {}",
                    plain(&check.check),
                    check.from.to_string(),
                    check.ran,
                    check.passed,
                    check.failed,
                    check.missed,
                    percent(check.covered_seconds, check.from, period.to),
                    humane(check.gap_seconds_max)
                );
            }
            text.push_str(
                "\nCovered: the part of the time from \"counted from\" to the end in which a pass stood that still counted.\n",
            );
            text
        }
        _ => bail!(Usage("a period is printed as text or JSON".to_owned())),
    };
    output.result(&text)?;
    let mut deciding = period.checks.iter().filter(|check| !apart.contains(check.check.as_str())).peekable();
    let nothing = deciding.peek().is_none();
    let unrecorded = period.recorded_from.is_none_or(|began| began > period.from);
    let (mut failed, mut silent) = (false, nothing || unrecorded);
    for check in deciding {
        failed |= check.failed > 0;
        silent |= check.is_silent(period.to);
    }
    Ok(if failed {
        Exit::NotSatisfied
    } else if silent {
        Exit::CouldNotTell
    } else {
        Exit::Satisfied
    })
}

//! `avouch due`: what expires or is owed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use avouch_model::{Json, Span, Timestamp, decision::Decision, payload::Payload, time::Day};

use avouch_read::schedule::Slots;
use avouch_scan::{Exception, Exceptions};
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    cli::Global,
    clock,
    exit::Exit,
    output::{Output, plain},
    pipeline::{decisions, record, scoping},
    project::{Project, read_named, shown},
};

/// One thing that is due.
struct Due {
    at: Timestamp,
    what: String,
}

/// Lists what is due within a span, the earliest first. What is overdue makes the exit code 1.
pub(crate) fn due(global: &Global, output: &Output, within: Span, baselines: &[Utf8PathBuf]) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let ledger = record::open(&project)?;
    let now = clock::as_of(global.as_of);
    let recorded = ledger.recorded(Some(now))?;
    let assessment = avouch_evaluate::assess(&recorded, now);
    let mut found = Vec::new();
    // A later decision of the same type and id takes the place of an earlier one.
    let mut decisions: BTreeMap<(&str, &str), &Decision> = BTreeMap::new();
    for recorded in &recorded {
        if let Payload::Decision(decision) = &recorded.payload {
            decisions.insert((decision.type_name(), decision.subject()), decision);
        }
    }
    for ((_, id), decision) in decisions {
        let what = match decision {
            Decision::Waiver { .. } => "the waiver ends",
            // Nothing is owed after it: what still has the vulnerability fails, and what was updated needs no other.
            Decision::Ignore { .. } if decision.last_day().end() < now => continue,
            Decision::Ignore { advisory, .. } => &format!("{} is ignored no more", plain(advisory)),
            Decision::Attestation { .. } => "the attestation ends: sign it anew",
            Decision::Provider { .. } => "the provider's statement ends: read it anew",
            Decision::Gap { .. } => "the gap is to be closed",
            Decision::NotApplicable { .. } => "the reason is to be read again",
        };
        found.push(Due { at: decision.last_day().end(), what: format!("{}: {what}", plain(id)) });
    }
    let schedule = &project.configuration.schedule;
    let last_run = assessment.last_run.as_ref().map(|run| run.at);
    let last_purge = assessment.retention.iter().filter_map(|rule| Some(rule.last.as_ref()?.1.to)).min();
    for (what, expression, last) in [("run", &schedule.run, last_run), ("purge", &schedule.purge, last_purge)] {
        let slots = expression.as_ref().and_then(|expression| Slots::parse(expression).ok());
        if let (Some(last), Some(slots)) = (last, slots)
            && let Some(next) = slots.after(last)
        {
            found.push(Due { at: next, what: format!("the next {what}") });
        }
    }
    for finding in &assessment.checks {
        let check = project.catalogue.check(&finding.check);
        if let (Some(run), Some(check)) = (&finding.last, check) {
            found.push(Due {
                at: check.max_age.after(run.at),
                what: format!("{}: its answer becomes out of date", plain(&finding.check)),
            });
        }
    }
    let known = known_secrets(&project, output, &decisions::in_record(&recorded))?;
    let given = baselines.iter().map(|file| (global.directory.join(file), file.clone()));
    for (path, file) in known.into_iter().map(|file| (project.path(file.as_str()), file)).chain(given) {
        found.extend(ends_of_known(output, &path, &file, now)?);
    }
    let end = within.after(now);
    found.retain(|due| due.at <= end);
    found.sort_by(|one, other| one.at.cmp(&other.at).then_with(|| one.what.cmp(&other.what)));
    let mut text = String::new();
    for due in &found {
        let overdue = if due.at < now { "  overdue" } else { "" };
        let _ = writeln!(text, "{}  {}{overdue}", due.at, due.what);
    }
    if found.is_empty() {
        let _ = writeln!(text, "nothing is due within {within}");
    }
    output.result(&text)?;
    Ok(if found.iter().any(|due| due.at < now) { Exit::NotSatisfied } else { Exit::Satisfied })
}

/// The files of known secrets that the project's checks name and that are there.
fn known_secrets(
    project: &Project,
    output: &Output,
    in_record: &[(Timestamp, Decision)],
) -> anyhow::Result<BTreeSet<Utf8PathBuf>> {
    let decisions: Vec<Decision> = in_record.iter().map(|(_, decision)| decision.clone()).collect();
    let mut files = BTreeSet::new();
    for asked in scoping::resolve(project, &decisions).asked {
        let named =
            asked.parameters.get("exceptions").and_then(Json::as_text).filter(|_| asked.check.kind.starts_with("secrets."));
        let Some(file) = named else { continue };
        if project.path(file).is_file() {
            files.insert(Utf8PathBuf::from(file));
        } else {
            output.warn(&format!("there is no `{}`, the known secrets of the check {}", plain(file), plain(&asked.check.id)));
        }
    }
    Ok(files)
}

/// When the entries of a file of known secrets end; those of one day together.
fn ends_of_known(output: &Output, path: &Utf8Path, file: &Utf8Path, now: Timestamp) -> anyhow::Result<Vec<Due>> {
    let source = read_named(path, file.as_str())?;
    let exceptions = Exceptions::load(&source, now.day()).map_err(|problems| shown(output, &problems))?;
    let mut by_day: BTreeMap<Day, Vec<&Exception>> = BTreeMap::new();
    for entry in exceptions.all() {
        by_day.entry(entry.until).or_default().push(entry);
    }
    let due = by_day.into_iter().filter_map(|(until, entries)| {
        let first = entries.first()?;
        let (file, line) = (plain(file.as_str()), first.line);
        let what = match entries.len() {
            1 => format!(
                "{file}:{line}: the known secret ends ({} in {}): it decides again",
                plain(&first.rule),
                plain(&first.path)
            ),
            count => format!("{file}:{line}: {count} known secrets end, this one first: they decide again"),
        };
        Some(Due { at: until.end(), what })
    });
    Ok(due.collect())
}

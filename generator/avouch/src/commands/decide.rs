//! `avouch waive`, `attest` and `approve`: writes a decision of people, and has it signed by the SSH key of whoever must.
//!
//! What is written is held against the same reader that later decides whether it counts, so nothing is written, and no signature
//! kept, that would have no effect.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};
use avouch_model::{
    Json,
    decision::{Decision, TERM_DAYS_MAX},
    diagnostic::{Diagnostic, Level},
    time::Day,
};
use avouch_read::decisions::{self, DecisionFile, NAMESPACE};
use camino::Utf8Path;

use crate::{
    cli::{Approve, Attest, Global, Waive},
    clock,
    exit::{Exit, Usage},
    files::{self, Readers},
    output::{Output, plain},
    pipeline::{decisions::FOLDER, record},
    project::{Project, read_bytes, read_named, read_text, shown},
};

/// How long an attestation counts when nobody says, in days.
const ATTESTED_DAYS: i64 = 90;

/// Writes a waiver.
pub(crate) fn waive(global: &Global, output: &Output, arguments: &Waive) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let Waive { check, reason, owner, approver, until, id, sign_with } = arguments;
    if !project.catalogue.checks.iter().any(|known| known.id == *check) {
        bail!(Usage(format!("no check of the mapping is named `{check}`; `avouch explain checks` lists them")));
    }
    if until.end() < clock::now() {
        bail!(Usage(format!("{until} is over; name a day to come")));
    }
    let id = id.clone().unwrap_or_else(|| format!("W-{until}-{check}"));
    let mut text = "[[waiver]]\n".to_owned();
    for (key, value) in [("id", &id), ("check", check), ("reason", reason), ("owner", owner), ("approver", approver)] {
        let _ = writeln!(text, "{key} = {}", quoted(value));
    }
    let _ = writeln!(text, "expires = {until}");
    let path = format!("{FOLDER}/{id}.toml");
    write(&project, output, &path, &text, Replaces::Nothing)?;
    finish(&project, output, &path, approver, sign_with.as_deref())
}

/// Writes an attestation, or lists those that are asked for.
pub(crate) fn attest(global: &Global, output: &Output, arguments: &Attest) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let Some(id) = &arguments.id else { return list(&project, output) };
    let asked = asked(&project);
    let Some(needed) = asked.get(id) else {
        let known: Vec<&str> = asked.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "they ask for none".to_owned() } else { format!("they ask for {}", known.join(", ")) };
        bail!(Usage(format!("the profiles ask for no attestation `{id}`: {known}")));
    };
    let mut figures = figures(&project, arguments)?;
    let asks = io::stdin().is_terminal() && io::stderr().is_terminal();
    for name in needed {
        if !figures.contains_key(name) && asks {
            figures.insert(name.clone(), scalar(&question(&format!("{name}: "))?));
        }
    }
    let missing: Vec<String> =
        needed.iter().filter(|name| !figures.contains_key(*name)).map(|name| format!("--figure {name}=…")).collect();
    if !missing.is_empty() {
        bail!(Usage(format!("checks of the profile read figures that are missing: {}", missing.join(" "))));
    }
    let or_ask = |given: &Option<String>, option: &str| match given {
        Some(given) => Ok(given.clone()),
        None if asks => question(&format!("{option}: ")),
        None => bail!(Usage(format!("--{option} is missing"))),
    };
    let (statement, by) = (or_ask(&arguments.statement, "statement")?, or_ask(&arguments.by, "by")?);
    let until = match arguments.until {
        Some(until) => until,
        None => clock::now().day().plus_days(ATTESTED_DAYS).context("the calendar ends")?,
    };
    let text = attestation(id, &statement, &by, until, figures)?;
    let path = format!("{FOLDER}/{id}.toml");
    write(&project, output, &path, &text, Replaces::Attestation(id))?;
    finish(&project, output, &path, &by, arguments.sign_with.as_deref())
}

/// Signs a decision that lies in its folder.
pub(crate) fn approve(global: &Global, output: &Output, arguments: &Approve) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let name = arguments.file.file_name().unwrap_or_default();
    let path = format!("{FOLDER}/{name}");
    let inside = arguments.file.parent().is_some_and(|parent| parent == Utf8Path::new(FOLDER));
    if !inside || !name.ends_with(".toml") {
        bail!(Usage(format!(
            "`{}` is no decision: they lie in `{FOLDER}/` and end with `.toml`",
            plain(arguments.file.as_str())
        )));
    }
    sign(&project, output, &path, &arguments.sign_with)
}

/// The TOML of an attestation. Figures may be lists of records, which TOML writes as tables below the attestation.
fn attestation(id: &str, statement: &str, by: &str, until: Day, figures: toml::Table) -> anyhow::Result<String> {
    let mut text = format!("[[attestation]]\nid = {}\nstatement = {}\n", quoted(id), quoted(statement));
    let _ = writeln!(text, "by = {}\nexpires = {until}", quoted(by));
    if !figures.is_empty() {
        let nested = toml::Table::from_iter([(
            "attestation".to_owned(),
            toml::Table::from_iter([("figures".to_owned(), figures.into())]).into(),
        )]);
        text.push('\n');
        text.push_str(&toml::to_string(&nested).context("the figures cannot be written")?);
    }
    Ok(text)
}

/// What a new decision may take the place of.
enum Replaces<'a> {
    Nothing,
    /// The attestation of this name, made before.
    Attestation(&'a str),
}

/// Writes a decision that would count if it were signed.
fn write(project: &Project, output: &Output, path: &str, text: &str, replaces: Replaces<'_>) -> anyhow::Result<()> {
    let problems = mistakes(project, path, text.as_bytes());
    if !problems.is_empty() {
        return Err(shown(output, &problems));
    }
    let file = project.path(path);
    let there = if file.exists() { Some(read_text(&file, path)?) } else { None };
    if let Some(there) = there.filter(|there| !replaces.holds(&there.text)) {
        if there.text == text {
            bail!(Usage(format!("`{path}` holds this very decision already: `avouch approve {path} --sign-with KEY` signs it")));
        }
        bail!(Usage(format!(
            "`{path}` exists and holds another decision; name this one with another id, or move that file away"
        )));
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{FOLDER}`"))?;
    }
    files::put(&file, text.as_bytes(), Readers::Everyone).with_context(|| format!("cannot write `{path}`"))?;
    output.result(&format!("wrote {path}\n"))
}

impl Replaces<'_> {
    /// Whether a file holds nothing but what may be replaced.
    fn holds(&self, text: &str) -> bool {
        let (Self::Attestation(id), Ok(table)) = (self, text.parse::<toml::Table>()) else { return false };
        let mut decisions =
            table.iter().flat_map(|(kind, value)| value.as_array().into_iter().flatten().map(move |each| (kind, each)));
        decisions.all(|(kind, each)| kind == "attestation" && each.get("id").and_then(toml::Value::as_str) == Some(id))
    }
}

/// Signs what was written, or says who does and how.
fn finish(project: &Project, output: &Output, path: &str, signer: &str, key: Option<&Utf8Path>) -> anyhow::Result<Exit> {
    if let Some(key) = key {
        return sign(project, output, path, key);
    }
    output.result(&format!(
        "It has no effect until `{}` signs it:\n  avouch approve {path} --sign-with ~/.ssh/id_ed25519\n",
        plain(signer)
    ))?;
    Ok(Exit::Satisfied)
}

/// Has a decision signed, and keeps the signature only when it is of a person whom the decision asks.
fn sign(project: &Project, output: &Output, path: &str, key: &Utf8Path) -> anyhow::Result<Exit> {
    let bytes = read_bytes(&project.path(path), path)?;
    let problems = mistakes(project, path, &bytes);
    if !problems.is_empty() {
        return Err(shown(output, &problems));
    }
    let signature = ssh_signature(key, &bytes)?;
    let holds = |name: &&String| {
        let signatures = vec![(format!("{path}.{name}.sig"), signature.clone())];
        let read = read(project, DecisionFile { path: path.to_owned(), bytes: bytes.clone(), signatures });
        read.accepted.iter().any(|accepted| accepted.signers.contains(*name))
    };
    let Some(name) = project.configuration.people.keys().find(holds) else {
        bail!(Usage(format!(
            "`{}` is the key of nobody whose signature `{path}` needs; the keys are those of `[people]` in avouch.toml",
            plain(key.as_str())
        )));
    };
    let beside = format!("{path}.{name}.sig");
    files::put(&project.path(&beside), &signature, Readers::Everyone).with_context(|| format!("cannot write `{beside}`"))?;
    output.result(&format!(
        "signed {path} by {}; it counts from its entry in the log, which the next `avouch run` makes\n",
        plain(name)
    ))?;
    Ok(Exit::Satisfied)
}

/// The signature that `ssh-keygen` makes over these bytes; it asks for a passphrase or a touch by itself.
fn ssh_signature(key: &Utf8Path, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", NAMESPACE, "-f", key.as_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start `ssh-keygen`; it comes with OpenSSH")?;
    if let Some(mut input) = child.stdin.take() {
        // What cannot be written was not wanted: the exit code says why.
        let _ = input.write_all(bytes);
    }
    let output = child.wait_with_output().context("cannot wait for `ssh-keygen`")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(Usage(format!("`ssh-keygen` did not sign with `{}`: {}", plain(key.as_str()), plain(said.trim()))));
    }
    Ok(output.stdout)
}

/// What would keep a decision from counting even when it is signed.
fn mistakes(project: &Project, path: &str, bytes: &[u8]) -> Vec<Diagnostic> {
    let file = DecisionFile { path: path.to_owned(), bytes: bytes.to_owned(), signatures: Vec::new() };
    let problems = read(project, file).problems;
    problems.into_iter().filter(|problem| problem.level == Level::Error && problem.code != "unsigned").collect()
}

fn read(project: &Project, file: DecisionFile) -> decisions::Decisions {
    decisions::read(&[file], &project.configuration.people, &project.catalogue, clock::now().day())
}

/// The attestations that the profiles ask for, each with the figures that checks read of it.
fn asked(project: &Project) -> BTreeMap<String, BTreeSet<String>> {
    let slots = project.catalogue.slots.iter().filter_map(|slot| slot.id.strip_prefix("attestation."));
    let mut asked: BTreeMap<String, BTreeSet<String>> = slots.map(|id| (id.to_owned(), BTreeSet::new())).collect();
    for check in project.catalogue.checks.iter().filter(|check| check.kind == "attestation.current") {
        let named = check.parameters.get("attestation").and_then(Json::as_text).unwrap_or_default();
        let id = named.strip_prefix("${attestation.").and_then(|rest| rest.strip_suffix('}')).unwrap_or(named);
        let names = asked.entry(id.to_owned()).or_default();
        for (key, value) in check.parameters.iter() {
            match (key.as_str(), value) {
                ("require", Json::List(listed)) => names.extend(listed.iter().filter_map(Json::as_text).map(ToOwned::to_owned)),
                ("at_most" | "at_least" | "equals", Json::Object(bounds)) => names.extend(bounds.keys().cloned()),
                ("population", Json::Text(name)) => drop(names.insert(name.clone())),
                _ => {}
            }
        }
    }
    asked
}

/// Says which attestations are asked for, and until when the last of each counts.
fn list(project: &Project, output: &Output) -> anyhow::Result<Exit> {
    let recorded = record::open_if_any(project)?.map(|ledger| ledger.recorded(None)).transpose()?.unwrap_or_default();
    let on_record = crate::pipeline::decisions::in_record(&recorded);
    let until = |id: &str| -> Option<Day> {
        let mut last = on_record.iter().rev().map(|(_, decision)| decision);
        last.find(|decision| matches!(decision, Decision::Attestation { .. }) && decision.subject() == id).map(Decision::last_day)
    };
    let (today, mut text, mut open) = (clock::now().day(), String::new(), false);
    for (id, figures) in asked(project) {
        let state = match until(&id) {
            None => "nobody attested it".to_owned(),
            Some(day) if day < today => format!("ended on {day}"),
            Some(day) => format!("counts through {day}"),
        };
        open |= until(&id).is_none_or(|day| day < today);
        let figures: Vec<&str> = figures.iter().map(String::as_str).collect();
        let figures = if figures.is_empty() { String::new() } else { format!("; figures: {}", figures.join(", ")) };
        let _ = writeln!(text, "{}: {state}{}", plain(&id), plain(&figures));
    }
    if text.is_empty() {
        output.note("The profiles ask for no attestation.");
        return Ok(Exit::Satisfied);
    }
    output.result(&text)?;
    Ok(if open { Exit::NotSatisfied } else { Exit::Satisfied })
}

/// The figures of the command line, and those of a file.
fn figures(project: &Project, arguments: &Attest) -> anyhow::Result<toml::Table> {
    let mut figures = match &arguments.figures_from {
        None => toml::Table::new(),
        Some(file) => {
            let source = read_named(&project.root.join(file), file.as_str())?;
            source.text.parse().map_err(|error: toml::de::Error| Usage(format!("`{file}` is not TOML: {}", error.message())))?
        }
    };
    for figure in &arguments.figures {
        let Some((name, value)) = figure.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
            bail!(Usage(format!("`{}` is not of the form NAME=VALUE", plain(figure))));
        };
        figures.insert(name.trim().to_owned(), scalar(value.trim()));
    }
    Ok(figures)
}

/// A whole number, a truth, or a text.
fn scalar(text: &str) -> toml::Value {
    match (text.parse::<i64>(), text.parse::<bool>()) {
        (Ok(number), _) => number.into(),
        (_, Ok(truth)) => truth.into(),
        _ => text.into(),
    }
}

/// Asks on the terminal; an empty answer is none.
fn question(asked: &str) -> anyhow::Result<String> {
    let mut terminal = io::stderr().lock();
    terminal.write_all(asked.as_bytes()).and_then(|()| terminal.flush()).context("cannot ask")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    let answer = answer.trim();
    if answer.is_empty() {
        bail!(Usage("nothing was answered, and nothing was written".to_owned()));
    }
    Ok(answer.to_owned())
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

const _: () = assert!(ATTESTED_DAYS <= TERM_DAYS_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attestation_is_read_back_as_it_was_stated() {
        let figures: toml::Table =
            "open = 1\nname = 'a\"b'\n[[tokens]]\nduty = 'deploy'\n[[tokens]]\nduty = 'read'\n".parse().unwrap();
        let text = attestation("x", "All \"read\".\n", "alice", "2026-12-31".parse().unwrap(), figures.clone()).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let read = table["attestation"].as_array().unwrap()[0].as_table().unwrap();
        assert_eq!((read["statement"].as_str(), read["figures"].as_table()), (Some("All \"read\".\n"), Some(&figures)));
    }
}

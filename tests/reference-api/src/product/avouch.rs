//! avouch, run on a product: what its checks answered.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::running::Running;

/// What a run of avouch told.
#[derive(Debug)]
pub(super) struct Told {
    /// The outcome of each check that was asked.
    pub(super) outcomes: BTreeMap<String, String>,
    /// The checks of each claim, by the mapping that judged.
    pub(super) claims: BTreeMap<String, BTreeSet<String>>,
    /// What was found, for whoever reads a failing test.
    pub(super) findings: String,
}

impl Told {
    /// The checks of these claims.
    pub(super) fn checks_of<'a>(&self, claims: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
        claims.into_iter().filter_map(|claim| self.claims.get(claim)).flatten().cloned().collect()
    }
}

/// Runs the whole job but for the site, which no check looks at.
pub(super) fn run(program: &Path, product: &Running) -> anyhow::Result<Told> {
    let call = |arguments: &[&str], codes: &[i32]| -> anyhow::Result<Output> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&product.folder).env_clear().envs(product.environment.iter().cloned());
        let output = command.output().with_context(|| format!("cannot start `{}`", program.display()))?;
        if !output.status.code().is_some_and(|code| codes.contains(&code)) {
            bail!("`avouch {}` ended with {}:\n{}", arguments.join(" "), output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(output)
    };
    call(&["init", "--new-log"], &[0])?;
    call(&["run", "--purge", "--no-publish"], &[0, 1, 3])?;
    let listed = call(&["evidence", "list", "--json"], &[0])?;
    let listed = String::from_utf8(listed.stdout).context("the list of entries is not UTF-8")?;
    let entries: Vec<Value> =
        listed.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("the list of entries")?;
    let payload = |kind: &str| -> anyhow::Result<Option<Value>> {
        let Some(entry) = entries.iter().rev().find(|entry| entry["kind"] == kind) else { return Ok(None) };
        let digest = entry["digest"].as_str().context("an entry without a digest")?;
        let shown = call(&["-q", "evidence", "show", digest], &[0])?;
        serde_json::from_slice(&shown.stdout).context("an entry is not JSON").map(Some)
    };
    let run = payload("run")?.context("the run is not in the record")?;
    let scope = payload("scope")?.context("the scope is not in the record")?;
    let findings = payload("details")?.map(|details| findings(&details)).unwrap_or_default();
    let claims = claims(&scope)?;
    let mut outcomes = outcomes(&run)?;
    // The baseline is no claim: what it says of a product is not tried.
    outcomes.retain(|check, _| claims.values().any(|checks| checks.contains(check)));
    Ok(Told { outcomes, claims, findings })
}

/// A pass of another commit is no pass of this release.
fn outcomes(run: &Value) -> anyhow::Result<BTreeMap<String, String>> {
    let observations = run["observations"].as_array().context("a run without observations")?;
    let each = observations.iter().map(|observation| {
        let binding = &observation["binding"];
        let other = binding["by"] == "commit" && binding["commit"] != run["release"]["commit"];
        let outcome = if other { "of another release" } else { observation["outcome"].as_str().context("an outcome")? };
        Ok((observation["check"].as_str().context("a check")?.to_owned(), outcome.to_owned()))
    });
    each.collect()
}

fn claims(scope: &Value) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let claims = scope["catalogue"]["claims"].as_array().context("a scope without claims")?;
    let texts = |value: &Value| -> BTreeSet<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    };
    let deciding = |claim: &Value| texts(&claim["checks"]).into_iter().chain(texts(&claim["any_of"])).collect();
    claims.iter().map(|claim| Ok((claim["id"].as_str().context("a claim")?.to_owned(), deciding(claim)))).collect()
}

fn findings(details: &Value) -> String {
    let each = details["details"].as_array().into_iter().flatten();
    each.map(|detail| format!("    {}: {}\n", detail["check"].as_str().unwrap_or_default(), detail["findings"])).collect()
}

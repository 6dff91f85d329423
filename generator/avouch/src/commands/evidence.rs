//! `avouch evidence`: the record.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use avouch_log::VerifierKey;
use avouch_model::{
    Digest,
    entry::Visibility,
    payload::{Payload, Recorded, Run, WithdrawalReason},
    state::Outcome,
};
use avouch_record::Ledger;
use camino::Utf8Path;

use crate::{
    bundle::Bundle,
    cli::{Evidence, Global},
    clock,
    exit::{Exit, Usage},
    fetch,
    output::{Output, plain},
    pipeline::{self, publishing, record},
    project::Project,
};

/// Works on the record.
pub(crate) fn evidence(global: &Global, output: &Output, command: &Evidence) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    match command {
        Evidence::List { json } => list(&project, output, *json)?,
        Evidence::Show { digest } => show(&project, output, digest)?,
        Evidence::Release { digest } => {
            let mut ledger = record::open(&project)?;
            let digest = find(&ledger, digest)?;
            let appended = ledger.release(&record::signer(&project)?, clock::now(), &digest)?;
            output.result(&format!("released by entry {}; publish to put it out\n", appended.index))?;
        }
        Evidence::Withdraw { digest, reason } => {
            let mut ledger = record::open(&project)?;
            let digest = find(&ledger, digest)?;
            let appended = ledger.withdraw(&record::signer(&project)?, clock::now(), &digest, reason_of(reason)?)?;
            output.result(&format!("withdrawn by entry {}; publish to remove it from the site\n", appended.index))?;
        }
        Evidence::Export { directory } => {
            let mut ledger = record::open(&project)?;
            let signer = record::signer(&project)?;
            let folder = project.root.join(directory);
            let published = publishing::publish(&project, &mut ledger, &signer, Some(folder.as_std_path()))?;
            output.result(&format!(
                "{} entries, {} pages in {}\n",
                published.checkpoint.size,
                published.pages,
                plain(folder.as_str())
            ))?;
        }
        Evidence::Import { file } => import(&project, output, file)?,
        Evidence::Restore { from, key } => restore(&project, output, from, key.as_deref())?,
    }
    Ok(Exit::Satisfied)
}

fn list(project: &Project, output: &Output, json: bool) -> anyhow::Result<()> {
    let entries = record::open(project)?.entries()?;
    if json {
        let lines = entries.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        return output.result(&lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    }
    let mut text = String::new();
    for (index, entry) in entries.iter().enumerate() {
        let sealed = if entry.visibility == Visibility::Sealed { "  sealed" } else { "" };
        let _ = writeln!(
            text,
            "{index:>6}  {}  {:11} {:20} {}{sealed}",
            entry.at,
            entry.kind.name(),
            plain(&entry.subject),
            entry.digest.short()
        );
    }
    output.result(&text)
}

/// Prints a payload as it is stored; what is sealed is shown here only, where the private store is.
fn show(project: &Project, output: &Output, digest: &str) -> anyhow::Result<()> {
    let ledger = record::open(project)?;
    let digest = find(&ledger, digest)?;
    let Some(state) = ledger.payload(&digest)? else { bail!(Usage(format!("nothing is recorded under {digest}"))) };
    if state.withdrawn {
        bail!(Usage(format!("{digest} was withdrawn; its entry says why")));
    }
    let Some(bytes) = state.bytes else { bail!(Usage(format!("{digest} is sealed, and its payload is in another store"))) };
    output.note(&format!("{digest}{}", if state.sealed { "  sealed: not for everyone" } else { "" }));
    match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Ok(value) => output.result(&format!("{}\n", serde_json::to_string_pretty(&value)?)),
        Err(_) => output.bytes(&bytes),
    }
}

/// The digest that a text begins; at least six digits, and only one payload may begin so.
fn find(ledger: &Ledger, text: &str) -> anyhow::Result<Digest> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.len() < 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!(Usage(format!(
            "`{text}` is not the beginning of a digest: six hexadecimal digits or more, from `avouch evidence list`"
        )));
    }
    let mut found: Vec<Digest> =
        ledger.entries()?.iter().map(|entry| entry.digest).filter(|digest| digest.hex().starts_with(digits)).collect();
    found.sort();
    found.dedup();
    match found.as_slice() {
        [digest] => Ok(*digest),
        [] => bail!(Usage(format!("no payload begins with `{digits}`; `avouch evidence list` shows them"))),
        several => bail!(Usage(format!("{} payloads begin with `{digits}`: write more of it", several.len()))),
    }
}

fn reason_of(text: &str) -> anyhow::Result<WithdrawalReason> {
    Ok(match text {
        "personal-data" => WithdrawalReason::PersonalData,
        "secret" => WithdrawalReason::Secret,
        "legal" => WithdrawalReason::Legal,
        "mistake" => WithdrawalReason::Mistake,
        "superseded" => WithdrawalReason::Superseded,
        other => bail!(Usage(format!("`{other}` is no reason; one of personal-data, secret, legal, mistake, superseded"))),
    })
}

fn import(project: &Project, output: &Output, file: &Utf8Path) -> anyhow::Result<()> {
    let mut bundle = Bundle::read(&project.root.join(file))?;
    let signer = record::signer(project)?;
    let mut ledger = record::open(project)?;
    if bundle.scope.product.slug != project.configuration.product.slug {
        bail!(Usage(format!(
            "`{file}` is of the product `{}`, and this is `{}`",
            bundle.scope.product.slug, project.configuration.product.slug
        )));
    }
    believe(project, &bundle)?;
    if is_recorded(&bundle, &ledger.recorded(None)?) {
        return output.result("0 observations recorded: the bundle is in the record already\n");
    }
    // The observations are judged by the mapping of whoever keeps the record, never by one that comes with them.
    bundle.run.scope = pipeline::record_present_scope(project, &mut ledger, &signer)?;
    let count = bundle.run.observations.len();
    pipeline::record_imported(&mut ledger, &signer, bundle.run, bundle.details)?;
    output.result(&format!("{count} observations recorded\n"))
}

/// What a bundle must not be: of another configuration, from the future, or in contradiction with itself.
fn believe(project: &Project, bundle: &Bundle) -> anyhow::Result<()> {
    if bundle.scope.configuration != project.configuration.digest || bundle.scope.mapping != project.mapping {
        bail!(Usage("the bundle was made with another avouch.toml or another mapping than this one".to_owned()));
    }
    if bundle.run.ended > clock::now() || bundle.run.started > bundle.run.ended {
        bail!(Usage(format!("the bundle says that it ended at {}: a clock is wrong", bundle.run.ended)));
    }
    for observation in &bundle.run.observations {
        let kind = project.catalogue.check(&observation.check).and_then(|check| avouch_collect::kinds::find(&check.kind));
        let detail = bundle.details.iter().find(|detail| detail.check == observation.check);
        let passed = observation.outcome == Outcome::Pass;
        if kind.is_none() || passed == detail.is_some() {
            bail!(Usage(format!(
                "the bundle contradicts itself about `{}`: a failure has details, a pass has none",
                observation.check
            )));
        }
    }
    Ok(())
}

/// Whether a run with the same answers at the same time is in the record: importing a bundle twice changes nothing.
fn is_recorded(bundle: &Bundle, recorded: &[Recorded]) -> bool {
    let of = |run: &Run| (run.started, run.ended);
    recorded.iter().any(|recorded| match &recorded.payload {
        Payload::Run(run) => of(run) == of(&bundle.run) && run.observations == bundle.run.observations,
        _ => false,
    })
}

fn restore(project: &Project, output: &Output, from: &str, key: Option<&str>) -> anyhow::Result<()> {
    let path = project.path(&project.configuration.evidence.ledger);
    if path.exists() {
        bail!(Usage(format!("the ledger `{path}` is there; move it away before another one is rebuilt")));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{folder}`"))?;
    }
    let local = project.root.join(from);
    let place = if local.is_dir() { local.as_str() } else { from };
    let source = fetch::open(place)?;
    let keys: Vec<VerifierKey> = match key {
        Some(key) => vec![key.parse().map_err(|error| Usage(format!("--key: {error}")))?],
        // An auditor has no signing key, and needs none.
        None => record::signer(project).map(|signer| vec![signer.vkey().clone()]).unwrap_or_default(),
    };
    if keys.is_empty() {
        output.warn("no key says whose record this is: give --key, from somewhere else than the site");
    }
    let request = avouch_log::Request { keys: &keys, remembered: None, max_age_seconds: None, now: clock::now() };
    let (ledger, _) = avouch_record::restore(&*source, &request, path.as_std_path())?;
    output.result(&format!("{} entries restored; sealed payloads stay where they were\n", ledger.size()?))
}

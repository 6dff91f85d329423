//! `avouch verify`: re-checks a published site with bytes and a public key.

use std::{fmt::Write as _, fs};

use anyhow::{Context as _, bail};
use avouch_log::{
    Outcome, Remembered, Request, VerifierKey,
    policy::Policy,
    verify::{self, Grade},
};
use avouch_model::Digest;
use camino::Utf8Path;

use crate::{
    cli::{Global, Verify},
    clock,
    exit::{Exit, Usage},
    fetch,
    files::{self, Readers},
    output::{Output, plain},
};

/// Checks a site, or one evidence of it.
pub(crate) fn verify(global: &Global, output: &Output, arguments: &Verify) -> anyhow::Result<Exit> {
    let keys = keys(global, arguments)?;
    let state = arguments.state.as_deref().map(|file| global.directory.join(file));
    let remembered = state.as_deref().map(remembered).transpose()?.flatten();
    let is_address = arguments.site.starts_with("https://") || arguments.site.starts_with("http://");
    let site = if is_address { arguments.site.clone() } else { global.directory.join(&arguments.site).into_string() };
    let source = fetch::open(&site)?;
    let request = Request {
        keys: &keys,
        remembered: remembered.as_ref(),
        max_age_seconds: Some(arguments.max_age.seconds_min()),
        now: clock::as_of(global.as_of),
    };
    let (outcome, found) = match &arguments.entry {
        None => (verify::verify(&*source, &request), None),
        Some(text) => verify::verify_entry(&*source, &request, &digest(text)?),
    };
    // A head that nothing anchored would make the next visit believe whoever showed it.
    if let (Some(file), Some(remember)) = (&state, outcome.remember().filter(|_| outcome.anchored)) {
        write_state(file, &remember)?;
    }
    let mut text = if arguments.json { json(&outcome)? } else { report(output, &outcome) };
    if let (Some(found), false) = (&found, arguments.json) {
        let entry = &found.entry;
        let _ = writeln!(
            text,
            "  entry {} of {}: {} `{}`, recorded {}, inclusion proven with {} hashes",
            found.index,
            outcome.entries,
            entry.kind.name(),
            plain(&entry.subject),
            entry.at,
            found.proof.len()
        );
    }
    output.result(&text)?;
    Ok(Exit::Verify(outcome.exit_code()))
}

/// The keys of `--key` (a verifier key, or a file with one) and of `--policy`.
fn keys(global: &Global, arguments: &Verify) -> anyhow::Result<Vec<VerifierKey>> {
    let mut keys = Vec::new();
    for key in &arguments.key {
        let parsed = key.parse::<VerifierKey>();
        let file = global.directory.join(key);
        let key = match parsed {
            Ok(key) => key,
            Err(error) if !file.is_file() => {
                bail!(Usage(format!("`{key}` is no file and no verifier key: {error}")))
            }
            Err(_) => {
                let text = fs::read_to_string(&file).with_context(|| format!("cannot read the key file `{key}`"))?;
                text.trim().parse().map_err(|error| Usage(format!("`{key}` holds no verifier key: {error}")))?
            }
        };
        keys.push(key);
    }
    if let Some(file) = &arguments.policy {
        let bytes =
            fs::read(global.directory.join(file)).map_err(|error| Usage(format!("cannot read the policy `{file}`: {error}")))?;
        keys.extend(Policy::read(&bytes).map_err(|error| Usage(format!("`{file}`: {error}")))?.logs);
    }
    Ok(keys)
}

/// The head of the last verification; none before the first.
fn remembered(file: &Utf8Path) -> anyhow::Result<Option<Remembered>> {
    match fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => bail!(Usage(format!("cannot read the state `{file}`: {error}"))),
        Ok(bytes) => {
            let state = serde_json::from_slice(&bytes)
                .map_err(|error| Usage(format!("`{file}` is no state of `avouch verify`: {error}")))?;
            Ok(Some(state))
        }
    }
}

/// Whole or not at all: a state that is half written would hide a rollback.
fn write_state(file: &Utf8Path, remember: &Remembered) -> anyhow::Result<()> {
    let text = format!("{}\n", serde_json::to_string(remember)?);
    files::put(file, text.as_bytes(), Readers::Everyone).with_context(|| format!("cannot write the state `{file}`"))
}

fn digest(text: &str) -> anyhow::Result<Digest> {
    let digest = if text.starts_with("sha256:") { text.parse() } else { Digest::from_hex(text) };
    Ok(digest
        .map_err(|_| Usage(format!("`{text}` is not a whole digest: 64 hexadecimal digits, as the evidence page shows them")))?)
}

fn report(output: &Output, outcome: &Outcome) -> String {
    let mut text = String::new();
    for finding in &outcome.findings {
        let grade = match finding.grade {
            Grade::Tampered => "✕ tampered",
            Grade::Fork => "✕ rollback or fork",
            Grade::Unreachable => "◐ unreachable",
            Grade::Unanchored => "◐ unanchored",
            Grade::Stale => "◐ stale",
        };
        let _ = writeln!(text, "{}  {}: {}", output.strong(grade), plain(&finding.place), plain(&finding.what));
    }
    if outcome.more_findings > 0 {
        let _ = writeln!(text, "… and {} findings more", outcome.more_findings);
    }
    let verdict = if outcome.findings.is_empty() { "● verified" } else { "not verified" };
    let _ = writeln!(text, "{}", output.strong(verdict));
    if let Some(checkpoint) = &outcome.checkpoint {
        let root = Digest::from_bytes(checkpoint.root);
        let _ = writeln!(text, "  log {}, {} entries, root {}", plain(&checkpoint.origin), checkpoint.size, root.hex());
    }
    for signer in &outcome.signers {
        let _ = writeln!(text, "  signed by {}", plain(&signer.short()));
    }
    let _ = writeln!(
        text,
        "  held against their digests: {} payloads, {} signed statements, {} pages; {} sealed, {} withdrawn",
        outcome.payloads, outcome.statements, outcome.pages, outcome.sealed, outcome.withdrawn
    );
    if let Some(last) = outcome.last_sign_of_life {
        let _ = writeln!(text, "  last run or publication: {last}");
    }
    if !outcome.listed {
        let _ = writeln!(text, "  files that no entry names were not looked for: a site cannot be listed, a folder can");
    }
    text
}

fn json(outcome: &Outcome) -> anyhow::Result<String> {
    let document = serde_json::json!({
        "v": 1,
        "exit": outcome.exit_code(),
        "findings": outcome.findings,
        "more_findings": outcome.more_findings,
        "origin": outcome.checkpoint.as_ref().map(|checkpoint| &checkpoint.origin),
        "entries": outcome.entries,
        "root": outcome.checkpoint.as_ref().map(|checkpoint| Digest::from_bytes(checkpoint.root)),
        "signers": outcome.signers.iter().map(VerifierKey::short).collect::<Vec<_>>(),
        "anchored": outcome.anchored,
        "payloads": outcome.payloads,
        "statements": outcome.statements,
        "sealed": outcome.sealed,
        "withdrawn": outcome.withdrawn,
        "pages": outcome.pages,
        "listed": outcome.listed,
        "last_sign_of_life": outcome.last_sign_of_life,
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

//! `avouch key`: the signing key.

use std::{fs, io::ErrorKind};

use anyhow::{Context as _, bail};
use avouch_log::VerifierKey;
use avouch_model::payload::{KeyAction, KeyEvent};
use avouch_record::Signer;
use camino::Utf8Path;

use crate::{
    cli::{Global, Key},
    clock,
    exit::{Exit, Usage},
    output::{Output, causes},
    pipeline::record,
    project::Project,
};

/// Shows or changes the signing key.
pub(crate) fn key(global: &Global, output: &Output, command: &Key) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    match command {
        Key::Show => output.result(&format!("{}\n", record::signer(&project)?.vkey()))?,
        Key::Rotate => rotate(&project, output)?,
        Key::Revoke { key } => revoke(&project, output, key)?,
        Key::Recover { file } => recover(&project, output, file)?,
    }
    Ok(Exit::Satisfied)
}

/// The new key is added and the old one retired in one append: what the old one signed stays good.
fn rotate(project: &Project, output: &Output) -> anyhow::Result<()> {
    refuse_environment(project)?;
    let old = record::signer(project)?;
    let mut ledger = record::open(project)?;
    let new = staged_key(project)?;
    let events = [event(KeyAction::Add, new.vkey()), event(KeyAction::Retire, old.vkey())];
    ledger.change_keys(&old, clock::now(), &events)?;
    install(project)?;
    output.result(&format!(
        "signs from now on: {}\nsigned until now:  {}\nPublish, and give auditors the new key.\n",
        new.vkey(),
        old.vkey()
    ))
}

fn revoke(project: &Project, output: &Output, key: &str) -> anyhow::Result<()> {
    let signer = record::signer(project)?;
    let mut ledger = record::open(project)?;
    let keyring = ledger.keyring()?;
    let found = keyring
        .active()
        .find(|known| known.to_string() == key || known.short() == key || known.short().ends_with(&format!("+{key}")));
    let Some(found) = found.cloned() else {
        bail!(Usage(format!("no key that signs now is `{key}`; `avouch key show` prints it")))
    };
    if found == *signer.vkey() {
        bail!(Usage("a key cannot revoke itself: take over with `avouch key recover RECOVERY_KEY`".to_owned()));
    }
    ledger.change_keys(&signer, clock::now(), &[event(KeyAction::Revoke, &found)])?;
    output.result(&format!("revoked: {found}\n"))
}

/// The recovery key, which was offline until now, adds a new signing key and revokes the lost ones.
fn recover(project: &Project, output: &Output, file: &Utf8Path) -> anyhow::Result<()> {
    let recovery = Signer::load(project.root.join(file).as_std_path()).map_err(|error| Usage(causes(&error)))?;
    let mut ledger = record::open(project)?;
    let lost: Vec<VerifierKey> = ledger.keyring()?.active().cloned().collect();
    let new = staged_key(project)?;
    let mut events = vec![event(KeyAction::Add, new.vkey())];
    events.extend(lost.iter().map(|key| event(KeyAction::Revoke, key)));
    ledger.change_keys(&recovery, clock::now(), &events)?;
    install(project)?;
    output.result(&format!("signs from now on: {}\nPut the recovery key away again.\n", new.vkey()))
}

fn event(action: KeyAction, key: &VerifierKey) -> KeyEvent {
    KeyEvent { v: 1, action, key: key.to_string() }
}

/// A key in the environment cannot be replaced by this program.
fn refuse_environment(project: &Project) -> anyhow::Result<()> {
    if record::signer_from_environment(project)?.is_some() {
        bail!(Usage(
            "the signing key comes from the environment; unset it, put the key into the key file, and rotate there".to_owned()
        ));
    }
    Ok(())
}

/// The new key, beside the old one until the ledger knows it. One that an interrupted rotation left is used again.
fn staged_key(project: &Project) -> anyhow::Result<Signer> {
    let staged = record::key_file(project).with_extension("key.new");
    if staged.is_file() {
        return Ok(Signer::load(staged.as_std_path())?);
    }
    let signer = Signer::generate(&project.configuration.evidence.origin)?;
    signer.write(staged.as_std_path())?;
    Ok(signer)
}

/// The old key file keeps its name with a number; the new one takes its place.
fn install(project: &Project) -> anyhow::Result<()> {
    let file = record::key_file(project);
    for number in 1..1000 {
        let aside = file.with_extension(format!("key.{number}"));
        if !aside.exists() {
            match fs::rename(&file, &aside) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).context("cannot set the old key aside"),
                _ => break,
            }
        }
    }
    fs::rename(file.with_extension("key.new"), &file).context("cannot put the new key in its place")
}

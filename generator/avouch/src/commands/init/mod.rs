//! `avouch init`: looks at the repository, writes a commented `avouch.toml` that loads, keys, a ledger, `.gitignore` lines.

mod compose;
mod found;
mod pipelines;

use std::{fmt::Write as _, fs};

use anyhow::{Context as _, bail};
use avouch_read::mapping::builtin_names;
use avouch_record::Signer;
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    cli::{Global, Init},
    clock,
    exit::{Exit, Usage},
    files::{self, Readers},
    output::{Output, plain},
    pipeline::record::{self, WITHOUT_LEDGER},
    project::Project,
};

/// The profile that is proposed when none is named.
const DEFAULT_PROFILE: &str = "auth-api";

/// Writes everything that a first run needs. What is there already is kept; a log is only started anew when asked.
pub(crate) fn init(global: &Global, output: &Output, arguments: &Init) -> anyhow::Result<Exit> {
    let root = &global.directory;
    if !root.is_dir() {
        bail!(Usage(format!("there is no folder `{root}`")));
    }
    let mut text = String::new();
    let path = root.join(&global.config);
    let configured = path.exists();
    for profile in &arguments.profiles {
        known(root, profile)?;
    }
    if configured {
        let _ = writeln!(text, "  ○ {} is there already, and was kept", global.config);
        if !arguments.profiles.is_empty() {
            text.push_str("      --profile changes nothing in it: name profiles in `[product] profiles`\n");
        }
    } else {
        write_configuration(root, &path, arguments, &mut text)?;
    }
    let project = Project::load(global, output)?;
    let lacking = keys_and_ledger(&project, arguments, configured, &mut text)?;
    ignore(root, &project, &mut text)?;
    if let Some(forge) = arguments.ci {
        let (file, content) = pipelines::pipeline(forge);
        let path = root.join(file);
        if path.exists() {
            let _ = writeln!(text, "  ○ {file} is there already, and was kept");
        } else {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{folder}`"))?;
            }
            write(&path, content)?;
            let _ = writeln!(text, "  ● {file}");
        }
    }
    if let Some(lacking) = lacking {
        output.result(&text)?;
        bail!(Usage(lacking));
    }
    let _ = writeln!(text, "\nNext: `avouch doctor` says what to fill in; `avouch run` does the whole job.");
    output.result(&text)?;
    Ok(Exit::Satisfied)
}

/// Refuses a profile that there is none of.
fn known(root: &Utf8Path, profile: &str) -> anyhow::Result<()> {
    let own = profile.ends_with(".toml") && root.join(profile).is_file();
    if !own && !builtin_names().contains(&profile) {
        let names = builtin_names().join("`, `");
        bail!(Usage(format!("no profile is named `{profile}`; one of `{names}`, or the path of your own")));
    }
    Ok(())
}

fn write_configuration(root: &Utf8Path, path: &Utf8Path, arguments: &Init, text: &mut String) -> anyhow::Result<()> {
    let default = vec![DEFAULT_PROFILE.to_owned()];
    let profiles = if arguments.profiles.is_empty() { &default } else { &arguments.profiles };
    let mut random = [0; 16];
    getrandom::fill(&mut random).context("the system gives no random bytes")?;
    let origin: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let found = found::look(root);
    write(path, &compose::compose(&found, profiles, &format!("{origin}.avouch"), arguments.ci.is_some()))?;
    let _ = writeln!(text, "  ● avouch.toml for `{}`", plain(&found.name));
    let listed = |names: &[String]| names.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ");
    let lockfiles: Vec<String> = found.lockfiles.iter().map(|name| (*name).to_owned()).collect();
    for (what, names) in [
        ("lockfiles", lockfiles),
        ("wrangler configuration", found.wrangler.map(str::to_owned).into_iter().collect()),
        ("workflows", found.workflows.clone()),
        ("databases", found.databases.clone()),
        ("test reports", found.reports.clone()),
    ] {
        if !names.is_empty() {
            let _ = writeln!(text, "      found {what}: {}", listed(&names));
        }
    }
    Ok(())
}

/// The signing key, the offline recovery key and the first entry of the log. Says what is lacking where making it would begin a
/// second log under the name of one that may be published: the configuration was there before, and names it.
fn keys_and_ledger(project: &Project, arguments: &Init, configured: bool, text: &mut String) -> anyhow::Result<Option<String>> {
    let ledger = project.path(&project.configuration.evidence.ledger);
    if ledger.exists() && !arguments.new_log {
        let _ = writeln!(text, "  ○ the ledger is there already, and was kept");
        return Ok(record::signer(project).err().map(|error| format!("{error:#}")));
    }
    let origin = &project.configuration.evidence.origin;
    if configured && !arguments.new_log {
        let ledger = shown(project, &ledger);
        return Ok(Some(format!(
            "the configuration names the log `{origin}`, and there is no ledger `{ledger}`: {WITHOUT_LEDGER}"
        )));
    }
    if arguments.new_log && ledger.exists() {
        set_aside(&ledger)?;
        let _ = writeln!(text, "  ○ the old ledger was set aside; give `[evidence] origin` another value before you publish");
    }
    let folder = ledger.parent().map_or_else(|| project.root.clone(), Utf8Path::to_owned);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder `{folder}`"))?;
    let key_file = record::key_file(project);
    let recovery_file = project.root.join(&arguments.recovery_key);
    let signer = if key_file.exists() {
        Signer::load(key_file.as_std_path())?
    } else if let Some(signer) = record::signer_from_environment(project)? {
        signer
    } else {
        let signer = Signer::generate(origin)?;
        signer.write(key_file.as_std_path())?;
        let _ = writeln!(text, "  ● the signing key {} (mode 0600)", shown(project, &key_file));
        signer
    };
    let recovery = if recovery_file.exists() {
        Signer::load(recovery_file.as_std_path())?
    } else {
        let recovery = Signer::generate(origin)?;
        recovery.write(recovery_file.as_std_path())?;
        let _ = writeln!(text, "  ● the recovery key {}: move it off this machine now", shown(project, &recovery_file));
        recovery
    };
    record::create(project, &ledger, &signer, &recovery, clock::now())?;
    let _ = writeln!(text, "  ● the ledger {}", shown(project, &ledger));
    let _ = writeln!(text, "      auditors verify with: {}", signer.vkey());
    Ok(None)
}

/// A ledger is evidence: it is renamed, never deleted.
fn set_aside(ledger: &Utf8Path) -> anyhow::Result<()> {
    for number in 1..1000 {
        let aside = Utf8PathBuf::from(format!("{ledger}.{number}"));
        if !aside.exists() {
            return fs::rename(ledger, &aside).with_context(|| format!("cannot set `{ledger}` aside"));
        }
    }
    bail!("there are a thousand ledgers beside `{ledger}`")
}

/// What git must not see: keys and the ledger; the site is made again by each run.
fn ignore(root: &Utf8Path, project: &Project, text: &mut String) -> anyhow::Result<()> {
    let path = root.join(".gitignore");
    let before = if path.exists() { fs::read_to_string(&path).context("cannot read .gitignore")? } else { String::new() };
    let mut wanted = vec!["/.avouch/".to_owned()];
    let out = project.configuration.site.out.trim_matches('/');
    if !out.starts_with("..") && !project.configuration.site.out.starts_with('/') {
        wanted.push(format!("/{out}/"));
    }
    let missing: Vec<&String> = wanted.iter().filter(|line| !before.lines().any(|known| known.trim() == line.as_str())).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut after = before;
    if !after.is_empty() && !after.ends_with('\n') {
        after.push('\n');
    }
    for line in &missing {
        after.push_str(line);
        after.push('\n');
    }
    write(&path, &after)?;
    let lines: Vec<&str> = missing.iter().map(|line| line.as_str()).collect();
    let _ = writeln!(text, "  ● .gitignore: {}", lines.join(" "));
    Ok(())
}

fn write(path: &Utf8Path, text: &str) -> anyhow::Result<()> {
    files::put(path, text.as_bytes(), Readers::Everyone).with_context(|| format!("cannot write `{path}`"))
}

fn shown(project: &Project, path: &Utf8Path) -> String {
    path.strip_prefix(&project.root).unwrap_or(path).to_string()
}

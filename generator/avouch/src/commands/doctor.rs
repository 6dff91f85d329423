//! `avouch doctor`: tries what is configured, and says what to configure next, most valuable first.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use avouch_model::{
    Json,
    catalogue::{Asked, Catalogue, Check, Severity},
    product::ProbeClass,
};
use avouch_probe::{Credential, Prober, Request};

use crate::{
    cli::Global,
    exit::Exit,
    output::{Output, causes, counted, plain},
    pipeline::{collecting, decisions, record::WITHOUT_LEDGER, releases, retaining, scoping},
    project::Project,
};

/// Tries every part once, then lists what is missing.
pub(crate) fn doctor(global: &Global, output: &Output) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let mut examination = Examination { output, text: String::new(), sick: 0 };
    examination.record(&project);
    examination.repository(&project);
    examination.databases(&project);
    examination.buckets(&project);
    examination.targets(&project);
    let signed = decisions::signed(&project, output)?;
    let decisions: Vec<_> = signed.into_iter().map(|accepted| accepted.decision).collect();
    let resolved = scoping::resolve(&project, &decisions);
    examination.questions(&resolved.asked);
    let missing = missing(&project.catalogue, &resolved.unfilled);
    let mut text = examination.text;
    let total = project.catalogue.checks.len();
    let _ = writeln!(text, "\n{} of {total} checks can be asked.", resolved.asked.len());
    if !missing.is_empty() {
        let _ = writeln!(text, "\n{}", output.strong("Configure next, most valuable first"));
        for (key, checks) in missing {
            let ids: Vec<&str> = checks.iter().map(|check| check.id.as_str()).collect();
            let shown = ids.iter().take(4).copied().collect::<Vec<_>>().join(", ");
            let more = if ids.len() > 4 { format!(" and {} more", ids.len() - 4) } else { String::new() };
            let _ = writeln!(text, "  {}\n      {}", output.strong(&plain(key)), output.faint(&format!("for {shown}{more}")));
        }
    }
    if project.catalogue.checks.is_empty() {
        let _ =
            writeln!(text, "No profile is named in `[product] profiles`: nothing is claimed yet (`avouch explain profiles`).");
    }
    output.result(&text)?;
    Ok(if examination.sick > 0 { Exit::CouldNotTell } else { Exit::Satisfied })
}

/// What each missing key would make possible: checks of claims before those of the baseline, gravest and most first.
fn missing<'a>(catalogue: &'a Catalogue, unfilled: &'a BTreeMap<String, Vec<String>>) -> Vec<(&'a str, Vec<&'a Check>)> {
    let mut by_key: BTreeMap<&str, Vec<&Check>> = BTreeMap::new();
    for (id, keys) in unfilled {
        let Some(check) = catalogue.check(id) else { continue };
        for key in keys {
            by_key.entry(key).or_default().push(check);
        }
    }
    let unclaimed = catalogue.unclaimed();
    // A check that lacks three keys is a third of a reason for each of them.
    let worth = |checks: &Vec<&Check>| -> u64 {
        let weight = |check: &&Check| {
            let grave = match check.severity {
                Severity::Critical => 8,
                Severity::High => 4,
                Severity::Medium => 2,
                Severity::Low => 1,
            };
            let asked_for = if unclaimed.contains(check.id.as_str()) { 1 } else { 1 << 20 };
            asked_for * grave * 60 / unfilled.get(&check.id).map_or(1, |keys| keys.len().max(1) as u64)
        };
        checks.iter().map(weight).sum()
    };
    let mut ranked: Vec<_> = by_key.into_iter().collect();
    ranked
        .sort_by(|(left, left_checks), (right, right_checks)| worth(right_checks).cmp(&worth(left_checks)).then(left.cmp(right)));
    ranked
}

struct Examination<'a> {
    output: &'a Output,
    text: String,
    sick: usize,
}

impl Examination<'_> {
    fn well(&mut self, what: &str) {
        let _ = writeln!(self.text, "  ● {what}");
    }

    fn ill(&mut self, what: &str, way_out: &str) {
        self.sick += 1;
        let _ = writeln!(self.text, "  {} {what}\n      {way_out}", self.output.strong("✕"));
    }

    fn absent(&mut self, what: &str) {
        let _ = writeln!(self.text, "  ○ {what}");
    }

    /// Whether each kind reads the parameters that it is given.
    fn questions(&mut self, asked: &[Asked]) {
        for asked in asked {
            let Some(kind) = avouch_collect::kinds::find(&asked.check.kind) else { continue };
            if let Err(why) = (kind.accepts)(&Json::Object(asked.parameters.clone())) {
                let what = format!("the check {} cannot be asked: {}", plain(&asked.check.id), plain(&why));
                self.ill(&what, &format!("`avouch explain {}` tells the parameters", kind.id));
            }
        }
    }

    fn record(&mut self, project: &Project) {
        let ledger = project.path(&project.configuration.evidence.ledger);
        if !ledger.is_file() {
            return self.ill("there is no ledger", WITHOUT_LEDGER);
        }
        match avouch_record::Ledger::open(ledger.as_std_path()).and_then(|ledger| ledger.size()) {
            Ok(size) => self.well(&format!("the ledger holds {}", counted(size, "entry", "entries"))),
            Err(error) => self.ill("the ledger cannot be opened", &plain(&causes(&error))),
        }
    }

    fn repository(&mut self, project: &Project) {
        let Some(repository) = &project.repository else {
            return self.absent("this folder is no git repository: nothing that is bound to a release can pass");
        };
        match releases::tags(project) {
            Ok(tags) => match tags.first() {
                Some(tag) => self.well(&format!(
                    "the newest release is {} ({})",
                    plain(&tag.version),
                    counted(tags.len() as u64, "tag counts", "tags count")
                )),
                None => self.absent(&format!(
                    "no tag matches `{}`: nothing that is bound to a release can pass",
                    plain(&project.configuration.release_tags)
                )),
            },
            Err(error) => self.ill("the tags cannot be read", &plain(&format!("{error:#}"))),
        }
        if repository.is_shallow().unwrap_or(false) {
            self.absent("the checkout is shallow: older tags may be missing (fetch with their full history)");
        }
    }

    fn databases(&mut self, project: &Project) {
        for (name, database) in &project.configuration.databases {
            match avouch_database::open_read(database, project.root.as_std_path()).and_then(|mut read| read.tables()) {
                Ok(tables) => self.well(&format!("the database `{}` has {} tables", plain(name), tables.len())),
                Err(error) => self.ill(&format!("the database `{}` cannot be read", plain(name)), &plain(&causes(&error))),
            }
        }
    }

    /// A bucket is not tried: that would leave an object in it.
    fn buckets(&mut self, project: &Project) {
        for (name, bucket) in &project.configuration.buckets {
            let unset: Vec<&str> = retaining::unset(bucket).collect();
            if unset.is_empty() {
                self.well(&format!("the keys of the bucket `{}` are set; it was not asked", plain(name)));
            } else {
                let variables = plain(&unset.join("`, `"));
                let way_out = format!("set `{variables}` where this runs: until then no row that is to be archived is deleted");
                self.ill(&format!("the bucket `{}` has no keys", plain(name)), &way_out);
            }
        }
    }

    fn targets(&mut self, project: &Project) {
        for (name, target) in &project.configuration.targets {
            let pem = target.ca_file.as_ref().and_then(|file| fs::read(project.path(file)).ok());
            let environment = |name: &str| std::env::var(name).ok();
            let prober = match Prober::new(target, "doctor", 1, &environment, pem.as_deref()) {
                Ok(prober) => prober.owned(collecting::ownership(project, false)),
                Err(error) => {
                    self.ill(&format!("the target `{}` cannot be probed", plain(name)), &plain(&error.chain()));
                    continue;
                }
            };
            match prober.release() {
                Ok(Some(commit)) => self.well(&format!(
                    "the target `{}` runs commit {}",
                    plain(name),
                    plain(&commit.chars().take(12).collect::<String>())
                )),
                Ok(None) => self.absent(&format!("the target `{}` does not name its release: set `release_from`", plain(name))),
                Err(error) => {
                    self.ill(&format!("the target `{}` does not answer as it must", plain(name)), &plain(&error.chain()))
                }
            }
            if prober.wants_proof() {
                match prober.proof() {
                    Ok(()) => self.well(&format!(
                        "the target `{}` shows that it is yours: intrusive checks are asked with `--i-own-this`",
                        plain(name)
                    )),
                    Err(error) => self
                        .ill(&format!("no intrusive check can be asked of the target `{}`", plain(name)), &plain(&error.chain())),
                }
            }
            self.principals(&prober, project, name);
        }
    }

    /// A principal whose variable is not set can speak as nobody. What it may do is for the checks to find out.
    fn principals(&mut self, prober: &Prober, project: &Project, target: &str) {
        let Some(configured) = project.configuration.targets.get(target) else { return };
        let path = configured.release_from.as_ref().map_or("/", |from| from.path.as_str());
        for principal in configured.principals.keys() {
            let request = Request::new(ProbeClass::Passive, "GET", path).credential(Credential::Principal(principal.clone()));
            if let Err(error) = prober.send(&request)
                && !error.is_of_the_target()
            {
                self.ill(
                    &format!("the principal `{}` of `{}` has no credential", plain(principal), plain(target)),
                    &plain(&error.chain()),
                );
            }
        }
    }
}

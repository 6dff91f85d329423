//! `avouch deploy`: which release runs where, as whoever deploys it tells.

use std::collections::BTreeMap;

use anyhow::bail;
use avouch_model::{
    Timestamp,
    entry::EntryKind,
    payload::{Deployment, Payload, Recorded},
};
use avouch_record::NewEntry;

use crate::{
    cli::{Deploy, Global},
    clock,
    exit::{Exit, Usage},
    output::{Output, plain},
    pipeline::{append, record, scoping::canonical},
    project::Project,
};

/// Records a deployment.
pub(crate) fn deploy(global: &Global, output: &Output, command: &Deploy) -> anyhow::Result<Exit> {
    let Deploy::Record { environment, release, at } = command;
    let project = Project::load(global, output)?;
    let now = clock::now();
    let at = at.unwrap_or(now);
    if at > now {
        bail!(Usage(format!("{at} is in the future: tell of a deployment when it was done")));
    }
    let slug = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if environment.is_empty() || environment.len() > 40 || !environment.chars().all(slug) {
        bail!(Usage(format!(
            "`{environment}` cannot name an environment: lower-case letters, digits and `-`, such as `production`"
        )));
    }
    let mut ledger = record::open(&project)?;
    let recorded = ledger.recorded(None)?;
    let known: Vec<&str> =
        recorded.iter().filter_map(record::release_record).map(|record| record.release.version.as_str()).collect();
    if !known.contains(&release.as_str()) {
        let near = avouch_read::toml_walk::nearest(release, known.iter().copied());
        let near =
            near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_else(|| "; `avouch run` records releases".to_owned());
        bail!(Usage(format!("no release `{release}` is on record{near}")));
    }
    let deployment = Deployment { v: 1, environment: environment.clone(), release: release.clone(), at };
    if recorded.iter().any(|recorded| matches!(&recorded.payload, Payload::Deployment(known) if *known == deployment)) {
        output.result("it is on record already\n")?;
        return Ok(Exit::Satisfied);
    }
    let entry = NewEntry::json(EntryKind::Deployment, environment, canonical("deployment", &deployment)?);
    append(&mut ledger, &record::signer(&project)?, vec![entry])?;
    output.result(&format!("recorded: {} runs in {} since {at}\n", plain(release), plain(environment)))?;
    Ok(Exit::Satisfied)
}

/// What runs where: the last deployment of each environment, by the time it was done; of two at one time the one told later.
pub(crate) fn running(recorded: &[Recorded]) -> BTreeMap<&str, &Deployment> {
    let mut running: BTreeMap<&str, &Deployment> = BTreeMap::new();
    for deployment in deployments(recorded) {
        let last = running.entry(&deployment.environment).or_insert(deployment);
        if deployment.at >= last.at {
            *last = deployment;
        }
    }
    running
}

/// Since when a release runs in an environment without another one between: a second deployment of the same release changes
/// nothing.
pub(crate) fn since(recorded: &[Recorded], running: &Deployment) -> Timestamp {
    let mut all: Vec<&Deployment> = deployments(recorded).filter(|one| one.environment == running.environment).collect();
    all.sort_by_key(|one| one.at);
    all.iter().rev().take_while(|one| one.release == running.release).last().map_or(running.at, |first| first.at)
}

fn deployments(recorded: &[Recorded]) -> impl Iterator<Item = &Deployment> {
    recorded
        .iter()
        .filter_map(|recorded| if let Payload::Deployment(deployment) = &recorded.payload { Some(deployment) } else { None })
}

#[cfg(test)]
mod tests {
    use avouch_model::{
        Digest,
        entry::{Entry, Visibility},
    };

    use super::*;

    fn recorded(all: &[(&str, &str, i64)]) -> Vec<Recorded> {
        let one = |(index, (environment, release, at)): (usize, &(&str, &str, i64))| Recorded {
            index: index as u64,
            entry: Entry {
                v: 1,
                kind: EntryKind::Deployment,
                at: Timestamp::from_unix(1_000),
                subject: (*environment).to_owned(),
                visibility: Visibility::Public,
                media_type: Entry::JSON.to_owned(),
                digest: Digest::of(b""),
                size: 0,
            },
            payload: Payload::Deployment(Deployment {
                v: 1,
                environment: (*environment).to_owned(),
                release: (*release).to_owned(),
                at: Timestamp::from_unix(*at),
            }),
        };
        all.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_last_deployment_runs_since_the_first_of_its_release() {
        let told = recorded(&[
            ("production", "1.0.0", 10),
            ("production", "1.1.0", 30),
            ("staging", "1.2.0", 5),
            ("production", "1.1.0", 20),
        ]);
        let running = running(&told);
        assert_eq!((running["production"].release.as_str(), running["staging"].release.as_str()), ("1.1.0", "1.2.0"));
        assert_eq!(since(&told, running["production"]).unix(), 20);
    }

    #[test]
    fn a_release_that_came_back_runs_since_it_came_back() {
        let told = recorded(&[("production", "1.0.0", 10), ("production", "1.1.0", 20), ("production", "1.0.0", 30)]);
        assert_eq!(since(&told, running(&told)["production"]).unix(), 30);
    }
}

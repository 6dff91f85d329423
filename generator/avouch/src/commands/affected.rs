//! `avouch affected`: which recorded releases contain a component, through what, and where they run.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::bail;
use avouch_advise::{
    Bom, Certainty, Component, Database, Ecosystem, OfEcosystem, Purl, Requirement, Role, Scope, identity, matches,
};
use avouch_model::{
    Timestamp,
    payload::{Recorded, VexStatement},
};
use serde_json::{Value, json};

use super::{audit::advisories, deploy, vex};
use crate::{
    cli::{Affected, AffectedFormat, Global},
    exit::{Exit, Usage},
    output::{Output, plain},
    pipeline::record,
    project::Project,
};

/// What is asked for.
enum Sought {
    /// A package: no advisory is needed.
    Package { purl: Box<Purl>, ecosystem: Ecosystem, range: Option<Requirement> },
    /// A vulnerability of the database, by any of its ids.
    Advisory { names: Vec<String>, database: Box<Database> },
}

/// A release that has it, or may.
struct Answer {
    release: String,
    component: String,
    purl: Option<String>,
    scope: Scope,
    certainty: Certainty,
    path: Vec<String>,
    /// Where it runs, and since when.
    runs: Vec<(String, Timestamp)>,
    /// What we stated.
    stated: Option<&'static str>,
}

/// Looks through the record.
pub(crate) fn affected(global: &Global, output: &Output, arguments: &Affected) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let sought = sought(global, arguments)?;
    let ledger = record::open(&project)?;
    let recorded = ledger.recorded(global.as_of)?;
    let statements: Vec<(Timestamp, VexStatement)> =
        vex::statements(&recorded).map(|(at, statement)| (at, statement.clone())).collect();
    let running = deploy::running(&recorded);
    let (mut answers, mut doubts, mut looked) = (Vec::new(), Vec::new(), 0);
    for (release, bom) in vex::boms(&ledger, &recorded)? {
        let Some(bom) = bom else {
            doubts.push(format!("the release {release} has no BOM on record that can be read"));
            continue;
        };
        looked += 1;
        let counted = avouch_advise::count(&bom.components);
        // What lists nothing does not say that there is nothing.
        let unsure = bom.incomplete.clone().into_iter().chain(counted.nothing_doubt()).chain(counted.unidentified_doubt());
        doubts.extend(unsure.map(|why| format!("the release {release}: {why}")));
        for (component, certainty) in find(&bom, &sought) {
            let runs = running.values().filter(|running| running.release == release);
            answers.push(Answer {
                runs: runs.map(|running| (running.environment.clone(), deploy::since(&recorded, running))).collect(),
                stated: stated(&statements, &sought, &release, component.purl.as_deref()),
                path: bom.path_to(&component.reference),
                component: component.label(),
                purl: component.purl.clone(),
                scope: component.scope,
                release: release.clone(),
                certainty,
            });
        }
    }
    if looked == 0 {
        doubts.push("no release with a BOM is on record: `avouch run` records them".to_owned());
    }
    let environments: Vec<&str> = running.keys().copied().collect();
    let text = match arguments.format {
        AffectedFormat::Text => text(output, &answers, &doubts, looked, &environments),
        AffectedFormat::Json => format!("{:#}\n", document(arguments, &answers, &doubts, looked, &recorded)),
    };
    output.result(&text)?;
    Ok(if answers.iter().any(|answer| answer.certainty == Certainty::Certain) {
        Exit::NotSatisfied
    } else if answers.is_empty() && doubts.is_empty() {
        Exit::Satisfied
    } else {
        Exit::CouldNotTell
    })
}

fn sought(global: &Global, arguments: &Affected) -> anyhow::Result<Sought> {
    let what = arguments.what.as_str();
    if !what.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("pkg:")) {
        if arguments.range.is_some() {
            bail!(Usage("--range goes with a package URL; an advisory names its own versions".to_owned()));
        }
        let Some(path) = &arguments.advisories else {
            bail!(Usage(format!(
                "`{what}` is looked up in advisories: name them with --advisories, or give the package: pkg:npm/left --range '<1.2.3'"
            )));
        };
        let database = advisories(&global.directory.join(path))?;
        let alike: Vec<String> = database
            .alike(what)
            .iter()
            .filter_map(|place| database.advisories().get(*place))
            .flat_map(|advisory| std::iter::once(&advisory.id).chain(&advisory.aliases))
            .map(ToString::to_string)
            .collect();
        if alike.is_empty() {
            bail!("the advisories know no `{what}`; where it is too new, give the package: pkg:npm/left --range '<1.2.3'");
        }
        return Ok(Sought::Advisory { names: alike, database: Box::new(database) });
    }
    let purl: Purl = what.parse().map_err(|error: avouch_advise::NotAPurl| Usage(error.to_string()))?;
    let ecosystem = purl.ecosystem().unwrap_or_else(|| Ecosystem::Other(purl.kind.as_str().into()));
    let range = match &arguments.range {
        None => None,
        Some(_) if purl.version.is_some() => {
            bail!(Usage("the package URL names a version already: leave out one of the two".to_owned()))
        }
        Some(text) => {
            let Some(scheme) = ecosystem.scheme() else {
                bail!(Usage(format!("versions of {ecosystem} are not ordered here: ask for one version, {what}@1.2.3")));
            };
            Some(Requirement::parse(scheme, text).map_err(|error| Usage(error.to_string()))?)
        }
    };
    Ok(Sought::Package { purl: Box::new(purl), ecosystem, range })
}

/// The components of a BOM that are sought, or may be.
fn find<'a>(bom: &'a Bom, sought: &Sought) -> Vec<(&'a Component, Certainty)> {
    match sought {
        Sought::Package { purl, ecosystem, range } => {
            let of_package = bom.components.iter().filter_map(|component| {
                let own = || component.purl.as_deref()?.parse::<Purl>().ok();
                // A copy without a package URL is known by its place, as it is to the matcher.
                let there = identity(component).map(|(purl, _)| purl).or_else(own)?;
                there.is_of_package(purl).then_some((component, there))
            });
            let decided = of_package.filter_map(|(component, there)| {
                let meets = match (&purl.version, range) {
                    (Some(version), _) => there.version.as_ref().map(|there| same_version(ecosystem, version, there)),
                    (None, Some(range)) => there.version.as_deref().and_then(|version| range.is_met_by(version)),
                    (None, None) => Some(true),
                };
                match meets {
                    Some(false) => None,
                    Some(true) if component.role == Role::Copy || (there.is_elsewhere() && !purl.is_elsewhere()) => {
                        Some((component, Certainty::Possible))
                    }
                    Some(true) => Some((component, Certainty::Certain)),
                    None => Some((component, Certainty::Undecided)),
                }
            });
            decided.collect()
        }
        Sought::Advisory { names, database } => {
            let by_reference: BTreeMap<&str, &Component> =
                bom.components.iter().map(|component| (component.reference.as_str(), component)).collect();
            let matches = matches(database, &bom.components);
            let meant = matches.iter().filter(|matched| matched.names().any(|name| names.iter().any(|known| known == name)));
            meant
                .flat_map(|matched| &matched.components)
                .filter_map(|found| Some((*by_reference.get(found.reference.as_str())?, found.certainty)))
                .collect()
        }
    }
}

fn same_version(ecosystem: &Ecosystem, one: &str, two: &str) -> bool {
    let parse = |text: &str| avouch_advise::Version::parse(ecosystem.scheme()?, text).ok();
    one == two || parse(one).zip(parse(two)).is_some_and(|(one, two)| two.against(&one) == Some(std::cmp::Ordering::Equal))
}

/// What we said last of this vulnerability in this component of this release.
fn stated(statements: &[(Timestamp, VexStatement)], sought: &Sought, release: &str, purl: Option<&str>) -> Option<&'static str> {
    let Sought::Advisory { names, .. } = sought else { return None };
    avouch_advise::status(statements, release, names, purl.unwrap_or_default()).map(|status| status.name())
}

fn text(output: &Output, answers: &[Answer], doubts: &[String], looked: usize, environments: &[&str]) -> String {
    let mut text = String::new();
    for answer in answers {
        let sure = match answer.certainty {
            Certainty::Certain => "",
            Certainty::Possible => ", possible: a copy from elsewhere",
            Certainty::Undecided => ", undecided: its version has no order",
        };
        let stated = answer.stated.map(|status| format!("; we say: {status}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "{}  {} ({}{sure}){stated}",
            output.strong(&plain(&answer.release)),
            plain(&answer.component),
            answer.scope.name()
        );
        let _ = writeln!(text, "    {}", output.faint(&plain(&answer.path.join(" → "))));
        for (environment, since) in &answer.runs {
            let _ = writeln!(text, "    runs in {} since {since}", plain(environment));
        }
    }
    for doubt in doubts {
        let _ = writeln!(text, "? {}", plain(doubt));
    }
    let mut releases: Vec<&str> = answers.iter().map(|answer| answer.release.as_str()).collect();
    releases.dedup();
    let told = if environments.is_empty() { "; where they run was not told (`avouch deploy record`)" } else { "" };
    let _ = writeln!(text, "{} of {looked} recorded releases{told}", releases.len());
    text
}

fn document(arguments: &Affected, answers: &[Answer], doubts: &[String], looked: usize, recorded: &[Recorded]) -> Value {
    let shown = answers.iter().map(|answer| {
        json!({
            "release": answer.release,
            "component": answer.component,
            "purl": answer.purl,
            "scope": answer.scope,
            "certainty": answer.certainty,
            "path": answer.path,
            "runs": answer.runs.iter().map(|(environment, since)| json!({ "environment": environment, "since": since })).collect::<Vec<_>>(),
            "stated": answer.stated,
        })
    });
    json!({
        "format": "avouch-affected",
        "v": 1,
        "asked": arguments.what,
        "range": arguments.range,
        "releases_looked_at": looked,
        "environments": deploy::running(recorded).keys().collect::<Vec<_>>(),
        "affected": shown.collect::<Vec<_>>(),
        "doubts": doubts,
    })
}

//! `dependency.updates`: does a bot propose updates of everything that is used, and merge no major one of what is sensitive?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::workflow::Format;
use serde::{Deserialize, Serialize};

use super::dependency_bots::{Bot, Majors, dependabot, renovate};
use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    ecosystems::lockfiles,
    parameters::Globs,
    pipelines::{Pipelines, count, decide},
    sources::place,
};

/// Where the bots look for their configuration.
const RENOVATE: &[&str] = &[
    "renovate.{json,json5}",
    ".github/renovate.{json,json5}",
    ".gitlab/renovate.{json,json5}",
    ".renovaterc",
    ".renovaterc.{json,json5}",
];
const DEPENDABOT: &[&str] = &[".github/dependabot.{yml,yaml}"];

/// How many packages may be sensitive: where all are, none is.
const SENSITIVE_MAX: usize = 500;

/// How many packages a transcript names.
const NAMES_MAX: usize = 50;

/// See the module.
pub(super) struct DependencyUpdates;

/// What must be covered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Ecosystems; left out, those with a lockfile, and `github-actions` where there are workflows that use actions.
    #[serde(default)]
    ecosystems: BTreeSet<String>,
    /// Ecosystems that are not asked about.
    #[serde(default)]
    except: BTreeSet<String>,
    /// Names of sensitive packages: `better-auth`, `@orpc/*`. No major update of them is merged by itself.
    #[serde(default)]
    sensitive: Vec<String>,
    /// The label that every sensitive package in a lockfile gets.
    label: Option<String>,
    /// Lockfiles that are not shipped.
    #[serde(default)]
    exclude: Globs,
}

/// The bots, and what they do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The ecosystems that are used, and where.
    ecosystems: BTreeMap<String, BTreeSet<String>>,
    /// The configurations of bots, by path.
    bots: Vec<BotSeen>,
    /// The workflows that merge what a bot proposes, majors too.
    merging: Vec<String>,
    /// How many packages in lockfiles are sensitive.
    sensitive: u64,
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BotSeen {
    file: String,
    /// For each ecosystem, the lockfiles that it leaves out.
    left_out: BTreeMap<String, BTreeSet<String>>,
    /// Sensitive packages that do not get the label.
    unlabelled: BTreeSet<String>,
    /// Sensitive packages of which major updates are merged by themselves.
    merged: BTreeSet<String>,
    /// Sensitive packages of which that cannot be told from the file: presets of others decide.
    open: BTreeSet<String>,
}

impl Question for DependencyUpdates {
    const ID: &'static str = "dependency.updates";
    const QUESTION: &'static str =
        "Does a bot propose updates of everything that is used, and merge no major one of what is sensitive?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/dependency-updates.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let families = Globs::new(asked.sensitive.clone()).map_err(Unasked)?;
        let pipelines = Pipelines::of(world, None)?;
        let mut ecosystems: BTreeMap<String, BTreeSet<String>> =
            lockfiles(world, &asked.exclude)?.into_iter().map(|(name, paths)| (name.to_owned(), paths)).collect();
        let uses: BTreeSet<String> = pipelines
            .read
            .iter()
            .filter(|workflow| workflow.format != Format::Gitlab)
            .filter(|workflow| {
                workflow.jobs.iter().any(|job| {
                    job.uses.iter().chain(job.steps.iter().filter_map(|step| step.uses.as_ref())).any(|uses| !uses.is_local())
                })
            })
            .map(|workflow| workflow.source.path.clone())
            .collect();
        if !uses.is_empty() {
            ecosystems.insert("github-actions".to_owned(), uses);
        }
        let mut seen = Seen { ecosystems, bots: vec![], merging: merging(&pipelines), sensitive: 0, unreadable: vec![] };
        let sensitive = packages(world, &seen.ecosystems, &families, &mut seen.unreadable)?;
        seen.sensitive = sensitive.len() as u64;
        let globs = |texts: &[&str]| Globs::new(texts.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked);
        let mut read = |path: String, reader: fn(&World<'_>, &str) -> Result<Option<Bot>, Unasked>| match reader(world, &path) {
            Ok(Some(bot)) => seen.bots.push(see(&path, &bot, &seen.ecosystems, &sensitive, asked.label.as_deref())),
            Ok(None) => {}
            Err(Unasked(why)) => seen.unreadable.push(why),
        };
        for path in world.matching(&globs(RENOVATE)?, &Globs::default())? {
            read(path, renovate);
        }
        if world.has("package.json")? {
            read("package.json".to_owned(), renovate);
        }
        for path in world.matching(&globs(DEPENDABOT)?, &Globs::default())? {
            read(path, dependabot);
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let wanted: BTreeSet<&str> = if asked.ecosystems.is_empty() {
            seen.ecosystems.keys().map(String::as_str).collect()
        } else {
            asked.ecosystems.iter().map(String::as_str).collect()
        };
        let wanted: BTreeSet<&str> = wanted.into_iter().filter(|name| !asked.except.contains(*name)).collect();
        let mut findings = Vec::new();
        let mut open = Vec::new();
        if seen.bots.is_empty() && !wanted.is_empty() {
            findings.push("no bot is configured: neither Renovate nor Dependabot".to_owned());
        }
        for ecosystem in wanted.iter().filter(|_| !seen.bots.is_empty()) {
            // Each lockfile needs one bot, whichever.
            let nowhere = BTreeSet::new();
            let used = seen.ecosystems.get(*ecosystem).unwrap_or(&nowhere);
            let covers =
                |bot: &BotSeen, path: &String| bot.left_out.get(*ecosystem).is_some_and(|left_out| !left_out.contains(path));
            let bare: Vec<&String> = used.iter().filter(|path| !seen.bots.iter().any(|bot| covers(bot, path))).collect();
            if used.is_empty() && !seen.bots.iter().any(|bot| bot.left_out.contains_key(*ecosystem)) {
                findings.push(format!("no bot looks after `{ecosystem}`"));
            } else if let Some(first) = bare.first() {
                findings.push(format!(
                    "no bot looks after {} of `{ecosystem}`, among them `{first}`",
                    count(bare.len() as u64, "file", "files")
                ));
            }
        }
        let names = |sets: &mut dyn Iterator<Item = &BTreeSet<String>>| {
            let all: BTreeSet<&String> = sets.flatten().collect();
            all.into_iter().take(NAMES_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        if let Some(label) = &asked.label {
            // A package is labelled if the bot that looks after it does so; of two bots one is enough.
            let mut all = seen.bots.iter().map(|bot| bot.unlabelled.clone());
            let first = all.next().unwrap_or_default();
            let bare = all.fold(first, |left, right| left.intersection(&right).cloned().collect());
            if !bare.is_empty() {
                findings.push(format!("no rule labels {} as `{label}`", names(&mut [bare].iter())));
            }
        }
        let merged = names(&mut seen.bots.iter().map(|bot| &bot.merged));
        if !merged.is_empty() {
            findings.push(format!("major updates of {merged} are merged by themselves"));
        }
        if !asked.sensitive.is_empty() {
            findings.extend(
                seen.merging
                    .iter()
                    .map(|place| format!("the workflow at {place} merges what the bot proposes, major updates too")),
            );
            let unknown = names(&mut seen.bots.iter().map(|bot| &bot.open));
            if !unknown.is_empty() {
                open.push(format!("whether major updates of {unknown} are merged by themselves is decided by presets that are not in the repository"));
            }
        }
        open.extend(seen.unreadable.iter().cloned());
        let sentence = format!("A bot looks after {}.", wanted.iter().copied().collect::<Vec<_>>().join(", "));
        decide(Population { examined: wanted.len() as u64, required: 1 }, &open, findings, sentence)
    }
}

/// The sensitive packages of the lockfiles.
fn packages(
    world: &World<'_>,
    ecosystems: &BTreeMap<String, BTreeSet<String>>,
    families: &Globs,
    unreadable: &mut Vec<String>,
) -> Result<BTreeSet<String>, Unasked> {
    let mut found = BTreeSet::new();
    if families.shown().is_empty() {
        return Ok(found);
    }
    for path in ecosystems.iter().filter(|(name, _)| *name != "github-actions").flat_map(|(_, paths)| paths) {
        match world.lockfile(path) {
            Ok(lockfile) => {
                found.extend(
                    lockfile.foreign().filter(|package| families.matches(&package.name)).map(|package| package.name.clone()),
                );
            }
            Err(Unasked(why)) => unreadable.push(why),
        }
    }
    if found.len() > SENSITIVE_MAX {
        return Err(Unasked(format!(
            "{} packages are sensitive; at most {SENSITIVE_MAX} can be: narrow `sensitive`",
            found.len()
        )));
    }
    Ok(found)
}

fn see(
    path: &str,
    bot: &Bot,
    ecosystems: &BTreeMap<String, BTreeSet<String>>,
    sensitive: &BTreeSet<String>,
    label: Option<&str>,
) -> BotSeen {
    let left_out = ecosystems.iter().filter_map(|(name, paths)| {
        let covered: BTreeSet<String> = paths.iter().filter(|path| bot.covers(name, path)).cloned().collect();
        (!covered.is_empty()).then(|| (name.clone(), paths.difference(&covered).cloned().collect()))
    });
    let of = |majors: Majors| sensitive.iter().filter(|package| bot.majors(package) == majors).cloned().collect();
    BotSeen {
        file: path.to_owned(),
        left_out: left_out.collect(),
        unlabelled: label.map_or_else(BTreeSet::new, |label| {
            sensitive.iter().filter(|package| !bot.labels(package, label)).cloned().collect()
        }),
        merged: of(Majors::Merged),
        open: of(Majors::Open),
    }
}

/// Workflows that merge what a bot proposes without looking at how large the step is.
fn merging(pipelines: &Pipelines) -> Vec<String> {
    let mut found = Vec::new();
    for workflow in pipelines.workflows() {
        for job in workflow.jobs.iter().filter(|job| !job.off) {
            let steps: Vec<_> = pipelines.steps(workflow, job).into_iter().filter(|within| !within.off).collect();
            for within in &steps {
                let text = within.step.run.as_ref().map(|run| run.text.as_str()).unwrap_or_default();
                if !(text.contains("gh pr merge") || text.contains("glab mr merge")) {
                    continue;
                }
                let everything = format!(
                    "{text} {} {}",
                    within.step.condition.as_deref().unwrap_or(""),
                    job.condition.as_deref().unwrap_or("")
                );
                let of_bot = workflow.source.text.contains("dependabot") || workflow.source.text.contains("renovate");
                let bounded = everything.contains("update-type")
                    || everything.contains("semver-minor")
                    || everything.contains("semver-patch")
                    || everything.contains("UPDATE_TYPE");
                if of_bot && !bounded {
                    found.push(place(&within.workflow.source, within.step.span.start).to_string());
                }
            }
        }
    }
    found
}

const SENSITIVE: &str = r#"{"sensitive":["better-auth","@orpc/*"],"label":"security-sensitive"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "a bot looks after everything, labels what is sensitive, and merges no major update of it",
        asked: SENSITIVE,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"bots":[{"file":"renovate.json","left_out":{"npm":[]},"unlabelled":[],"merged":[],"open":[]}],"merging":[],"sensitive":2,"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one ecosystem is looked after by nobody",
        asked: "{}",
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"],"cargo":["Cargo.lock"]},"bots":[{"file":"renovate.json","left_out":{"npm":[]},"unlabelled":[],"merged":[],"open":[]}],"merging":[],"sensitive":0,"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a package of the family is not labelled",
        asked: SENSITIVE,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"bots":[{"file":"renovate.json","left_out":{"npm":[]},"unlabelled":["@orpc/server"],"merged":[],"open":[]}],"merging":[],"sensitive":2,"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "major updates of a sensitive package are merged by themselves",
        asked: SENSITIVE,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"bots":[{"file":"renovate.json","left_out":{"npm":[]},"unlabelled":[],"merged":["better-auth"],"open":[]}],"merging":[],"sensitive":2,"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no bot",
        asked: "{}",
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"bots":[],"merging":[],"sensitive":0,"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a preset of others decides what is merged",
        asked: SENSITIVE,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"bots":[{"file":"renovate.json","left_out":{"npm":[]},"unlabelled":[],"merged":[],"open":["better-auth"]}],"merging":[],"sensitive":2,"unreadable":[]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "nothing is used that could be updated",
        asked: "{}",
        seen: r#"{"ecosystems":{},"bots":[],"merging":[],"sensitive":0,"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    const LOCK: &str = r#"{"name":"a","lockfileVersion":3,"packages":{"":{"name":"a"},"node_modules/better-auth":{"version":"1.6.0","resolved":"https://example.com/b.tgz","integrity":"sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},"node_modules/@orpc/server":{"version":"1.0.0","resolved":"https://example.com/o.tgz","integrity":"sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="},"node_modules/@orpc/client":{"version":"1.0.0","resolved":"https://example.com/c.tgz","integrity":"sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}}}"#;

    fn judge(files: &[(&str, &str)], asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let all = files.iter().copied().chain([("package-lock.json", LOCK)]);
        let seen = Scene::of(all).with(|world| DependencyUpdates::gather(world, &asked)).unwrap();
        DependencyUpdates::judge(&seen, &asked)
    }

    const RULES: &str = r#"{"extends":["config:recommended"],"packageRules":[{"matchPackageNames":["better-auth","/^@orpc\\//"],"addLabels":["security-sensitive"],"automerge":false}]}"#;

    #[test]
    fn every_package_of_a_family_is_labelled_and_none_is_merged() {
        let good = judge(&[("renovate.json", RULES)], SENSITIVE);
        assert_eq!((good.outcome, good.findings), (Outcome::Pass, vec![]));
        for (from, to) in [
            (r#""/^@orpc\\//""#, r#""@orpc/client""#),
            (r#""automerge":false"#, r#""automerge":true"#),
            (r#""automerge":false"#, r#""major":{"automerge":true}"#),
            (r#""automerge":false"#, r#""enabled":false"#),
            ("config:recommended", ":automergeMajor"),
            ("{\"extends\"", "{\"enabled\":false,\"extends\""),
            ("{\"extends\"", "{\"enabledManagers\":[\"cargo\"],\"extends\""),
            ("{\"extends\"", "{\"ignoreDeps\":[\"better-auth\"],\"extends\""),
        ] {
            let broken = RULES
                .replace(from, to)
                .replace(",\"automerge\":false", if to.contains("automergeMajor") { "" } else { ",\"automerge\":false" });
            assert_ne!(broken, RULES, "{to}");
            assert_eq!(judge(&[("renovate.json", &broken)], SENSITIVE).outcome, Outcome::Fail, "{broken}");
        }
        let minor =
            RULES.replace(r#""packageRules":["#, r#""packageRules":[{"matchUpdateTypes":["minor","patch"],"automerge":true},"#);
        assert_eq!(judge(&[("renovate.json", &minor)], SENSITIVE).outcome, Outcome::Pass);
        let preset = RULES.replace("config:recommended", "github>acme/presets").replace(",\"automerge\":false", "");
        assert_eq!(judge(&[("renovate.json", &preset)], SENSITIVE).outcome, Outcome::Error);
        let decided = RULES.replace("config:recommended", "github>acme/presets");
        assert_eq!(judge(&[("renovate.json", &decided)], SENSITIVE).outcome, Outcome::Pass, "the rule here overrides the preset");
    }

    #[test]
    fn every_ecosystem_and_folder_needs_a_bot() {
        let npm = "version: 2\nupdates:\n  - package-ecosystem: npm\n    directory: /\n    schedule: { interval: weekly }\n";
        let of = |text: &str| judge(&[(".github/dependabot.yml", text)], "{}").outcome;
        assert_eq!(of(npm), Outcome::Pass);
        for (from, to) in [
            ("npm", "cargo"),
            ("directory: /", "directory: /web"),
            ("    schedule:", "    open-pull-requests-limit: 0\n    schedule:"),
            ("    schedule:", "    ignore: [{ dependency-name: \"*\" }]\n    schedule:"),
        ] {
            assert_eq!(of(&npm.replace(from, to)), Outcome::Fail, "{to}");
        }
        let workflow = (".github/workflows/a.yml", "on: push\njobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n");
        assert_eq!(judge(&[(".github/dependabot.yml", npm), workflow], "{}").outcome, Outcome::Fail);
        assert_eq!(
            judge(&[(".github/dependabot.yml", npm), workflow], r#"{"except":["github-actions"]}"#).outcome,
            Outcome::Pass
        );
        assert_eq!(judge(&[("renovate.json", "{}"), workflow], "{}").outcome, Outcome::Pass);
        assert_eq!(judge(&[workflow], "{}").outcome, Outcome::Fail);
        assert_eq!(judge(&[("renovate.json", "{")], "{}").outcome, Outcome::Fail, "a file that cannot be read is no bot");
    }

    #[test]
    fn a_workflow_that_merges_majors_is_told() {
        let npm = "version: 2\nupdates:\n  - package-ecosystem: npm\n    directory: /\n    labels: [security-sensitive]\n  - package-ecosystem: github-actions\n    directory: /\n";
        let merge = "on: pull_request\njobs:\n  m:\n    if: github.actor == 'dependabot[bot]'\n    steps:\n      - uses: dependabot/fetch-metadata@v2\n        id: meta\n      - run: gh pr merge --auto --squash \"$URL\"\n";
        let of = |merge: &str| judge(&[(".github/dependabot.yml", npm), (".github/workflows/m.yml", merge)], SENSITIVE).outcome;
        assert_eq!(of(merge), Outcome::Fail);
        let bounded = merge.replace(
            "      - run: gh",
            "      - if: steps.meta.outputs.update-type == 'version-update:semver-patch'\n        run: gh",
        );
        assert_eq!(of(&bounded), Outcome::Pass);
    }
}

//! `dependency.steps`: does a commit that raises a major version of a named package change nothing else?

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::lock::{self, Format, Lockfile};
use avouch_repository::Files;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    ecosystems::{lockfiles, not_shipped},
    parameters::{Globs, one},
    pipelines::{count, decide},
    sources::chain,
};

/// How many commits with other changes are kept.
const WRONG_MAX: usize = 50;

/// How many versions of lockfiles are read: the last ones.
const LOCKFILES_MAX: usize = 400;

/// What belongs to such a step in any case.
const BELONGS: &[&str] =
    &["**/package.json", "**/Cargo.toml", "**/pyproject.toml", "**/go.mod", "**/go.sum", "**/pnpm-workspace.yaml"];

/// See the module.
pub(super) struct DependencySteps;

/// Which packages, and what may change with them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Names, globs: `@orpc/*`.
    packages: Globs,
    /// What else may change in the same commit: its review, the code that it migrates.
    #[serde(default)]
    also: Globs,
    /// How many other files may change.
    #[serde(default)]
    others_max: u64,
    /// Lockfiles that are not shipped.
    #[serde(default)]
    exclude: Globs,
    /// Commits that changed a lockfile: fewer show nothing.
    #[serde(default = "one")]
    commits_min: u64,
}

/// The commits that changed lockfiles.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    commits: u64,
    /// Those that raised a major version of a named package.
    steps: u64,
    wrong: Vec<Step>,
    unreadable: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    commit: String,
    /// The packages, with the majors before and after.
    packages: BTreeSet<String>,
    /// How many other files it changes, and the first of them.
    others: u64,
    first: String,
}

impl Question for DependencySteps {
    const ID: &'static str = "dependency.steps";
    const QUESTION: &'static str = "Does a commit that raises a major version of a named package change nothing else?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/dependency-steps.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let repository =
            world.repository.ok_or_else(|| Unasked("the folder is no git repository, so it has no history".to_owned()))?;
        let release = world.release.ok_or_else(|| Unasked("there is no commit whose history could be read".to_owned()))?;
        if repository.is_shallow().map_err(|error| Unasked(chain(&error)))? {
            return Err(Unasked("older commits are missing: fetch the whole history (`git fetch --unshallow`)".to_owned()));
        }
        let left_out = not_shipped(&asked.exclude)?;
        let is_lockfile = |path: &str| Format::of(path).is_some() && !left_out(path);
        let belongs = Globs::new(BELONGS.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked)?;
        let including = including(world, asked)?;
        let mut changes: Vec<Change> = Vec::new();
        repository
            .arrivals(std::slice::from_ref(&release.commit), &[], &mut |arrival| {
                if changes.last().is_none_or(|change| change.commit != arrival.commit) {
                    changes.pop_if(|change| change.lockfiles.is_empty());
                    changes.push(Change { commit: arrival.commit.to_owned(), ..Change::default() });
                }
                let Some(change) = changes.last_mut() else { return };
                if is_lockfile(arrival.path) {
                    change.lockfiles.insert(arrival.path.to_owned(), Some(arrival.blob.to_owned()));
                } else if let Some(lockfiles) = including.get(arrival.path) {
                    for path in lockfiles {
                        change.lockfiles.entry(path.clone()).or_default();
                    }
                } else if !belongs.matches(arrival.path) && !asked.also.matches(arrival.path) {
                    change.others += 1;
                    if change.first.is_empty() {
                        change.first.push_str(arrival.path);
                    }
                }
            })
            .map_err(|error| Unasked(chain(&error)))?;
        changes.retain(|change| !change.lockfiles.is_empty());
        let mut seen = Seen { commits: changes.len() as u64, ..Seen::default() };
        let listed: usize = changes.iter().map(|change| change.lockfiles.len()).sum();
        let mut too_old = listed.saturating_sub(LOCKFILES_MAX);
        let blobs = changes.iter().flat_map(|change| change.lockfiles.values()).skip(too_old).flatten().cloned();
        let texts = contents(repository, &blobs.collect::<Vec<_>>())?;
        let mut before: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for change in changes {
            let mut packages = BTreeSet::new();
            // What a `requirements.txt` includes is read from the same commit; most lockfiles include nothing.
            let tree = OnceCell::new();
            let beside = |path: &str| {
                let tree = tree.get_or_init(|| repository.commit(&change.commit).ok()).as_ref()?;
                tree.read(path, lock::BYTES_MAX).ok().flatten()
            };
            for (path, blob) in &change.lockfiles {
                if too_old > 0 {
                    too_old -= 1;
                    continue;
                }
                let bytes = match blob {
                    Some(blob) => texts.get(blob).map(|bytes| Cow::Borrowed(bytes.as_slice())),
                    None => beside(path).map(Cow::Owned),
                };
                let Some(bytes) = bytes else { continue };
                match lock::parse_with(path, bytes, &beside) {
                    Ok(lockfile) => packages.extend(raised(before.entry(path.clone()).or_default(), &lockfile, asked)),
                    Err(error) => seen.unreadable.push(format!("in commit {}: {error}", short(&change.commit))),
                }
            }
            if packages.is_empty() {
                continue;
            }
            seen.steps += 1;
            if change.others > asked.others_max && seen.wrong.len() < WRONG_MAX {
                let (others, first) = (change.others, change.first);
                seen.wrong.push(Step { commit: change.commit, packages, others, first });
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let findings = seen.wrong.iter().map(|step| {
            let packages: Vec<&str> = step.packages.iter().map(String::as_str).collect();
            let files = count(step.others, "other file", "other files");
            format!("commit {} raises {} and changes {files}, such as `{}`", short(&step.commit), packages.join(", "), step.first)
        });
        let commits = count(seen.commits, "commit that changed a lockfile was", "commits that changed a lockfile were");
        let sentence = format!(
            "{commits} read; {} a major version of a named package, each by itself.",
            count(seen.steps, "raised", "raised")
        );
        decide(Population { examined: seen.commits, required: asked.commits_min }, &seen.unreadable, findings.collect(), sentence)
    }
}

/// What a commit changed.
#[derive(Default)]
struct Change {
    commit: String,
    /// Lockfiles and the ids of their contents; none of one that stayed, while a file that it includes was changed.
    lockfiles: BTreeMap<String, Option<String>>,
    others: u64,
    first: String,
}

/// The lockfiles of the release that include a file, by its path.
fn including(world: &World<'_>, asked: &Asked) -> Result<BTreeMap<String, BTreeSet<String>>, Unasked> {
    let mut including: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in lockfiles(world, &asked.exclude)?.into_values().flatten() {
        // One that is damaged is told where it was changed.
        if Format::of(&path) == Some(Format::Requirements)
            && let Ok(lockfile) = world.lockfile(&path)
        {
            for file in lockfile.included.keys() {
                including.entry(file.clone()).or_default().insert(path.clone());
            }
        }
    }
    Ok(including)
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// The contents with these ids; those that are no lockfile's size are left out.
fn contents(repository: &avouch_repository::Repository, ids: &[String]) -> Result<BTreeMap<String, Vec<u8>>, Unasked> {
    let mut found = BTreeMap::new();
    repository
        .blobs(ids, &mut |index, size, content| {
            let mut bytes = Vec::new();
            if size <= lock::BYTES_MAX {
                content
                    .read_to_end(&mut bytes)
                    .map_err(|cause| avouch_repository::RepositoryError::GitStart { operation: "cat-file".to_owned(), cause })?;
            }
            if let Some(id) = ids.get(index) {
                found.insert(id.clone(), bytes);
            }
            Ok(())
        })
        .map_err(|error: avouch_repository::RepositoryError| Unasked(chain(&error)))?;
    Ok(found)
}

/// The named packages whose major version is higher than before; what was there before is brought up to date.
fn raised(before: &mut BTreeMap<String, u64>, lockfile: &Lockfile, asked: &Asked) -> BTreeSet<String> {
    let mut now: BTreeMap<String, u64> = BTreeMap::new();
    for package in lockfile.foreign().filter(|package| asked.packages.matches(&package.name)) {
        if let Some(major) = package.version.as_deref().and_then(major) {
            let most = now.entry(package.name.clone()).or_insert(major);
            *most = major.max(*most);
        }
    }
    let higher = now.iter().filter_map(|(name, major)| {
        let was = before.get(name)?;
        (major > was).then(|| format!("`{name}` from {} to {}", written(*was), written(*major)))
    });
    let higher = higher.collect();
    *before = now;
    higher
}

/// The number that must not change without notice: the major, or with major 0 the minor (SemVer 2.0, item 4), in one figure.
fn major(version: &str) -> Option<u64> {
    let mut parts = version.trim_start_matches('v').split(['.', '-', '+']);
    let (major, minor) = (parts.next()?.parse::<u64>().ok()?, parts.next().and_then(|part| part.parse::<u64>().ok()));
    Some(if major == 0 { minor.unwrap_or_default().min(999_999) } else { major.saturating_mul(1_000_000) })
}

fn written(figure: u64) -> String {
    if figure < 1_000_000 { format!("0.{figure}") } else { (figure / 1_000_000).to_string() }
}

const ASKED: &str = r#"{"packages":["better-auth","@orpc/*"]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "a major version came by itself",
        asked: ASKED,
        seen: r#"{"commits":12,"steps":1,"wrong":[],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a major version came with a clean-up",
        asked: ASKED,
        seen: r#"{"commits":12,"steps":1,"wrong":[{"commit":"4d3c9aa0","packages":["`better-auth` from 1 to 2"],"others":3,"first":"src/list.mjs"}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "no commit ever changed a lockfile",
        asked: ASKED,
        seen: r#"{"commits":0,"steps":0,"wrong":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "a lockfile of long ago cannot be read",
        asked: ASKED,
        seen: r#"{"commits":2,"steps":0,"wrong":[],"unreadable":["in commit 4d3c9aa0: x"]}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_major_zero_the_minor_is_what_breaks() {
        assert!(major("0.45.2") > major("0.44.7"));
        assert_eq!(major("0.45.9"), major("0.45.2"));
        assert!(major("1.0.0-rc.4") > major("0.45.2"));
        assert_eq!(major("1.7.2"), major("1.6.34"));
        assert_eq!(major("next"), None);
        assert_eq!((written(major("0.45.2").unwrap()), written(major("2.1.0").unwrap())), ("0.45".into(), "2".into()));
    }
}

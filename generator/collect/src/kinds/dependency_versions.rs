//! `dependency.versions`: are the named packages locked to versions of the lines that are wanted?

use std::collections::{BTreeMap, BTreeSet};

use avouch_advise::{Requirement, Scheme, Version};
use avouch_model::{observation::Population, state::Outcome};
use avouch_read::lock::Ecosystem;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    ecosystems::{lockfiles, name},
    parameters::{Globs, one},
    pipelines::{count, decide},
};

/// See the module.
pub(super) struct DependencyVersions;

/// Which packages, and which versions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Names, globs: `@orpc/*`.
    packages: Globs,
    #[serde(default = "npm")]
    ecosystem: String,
    /// What every version meets.
    range: Option<Range>,
    /// Another range that is fine as well once something is written down.
    later: Option<Later>,
    /// Whether versions before a release are fine.
    #[serde(default)]
    prereleases: bool,
    /// Whether all of them have one version.
    #[serde(default)]
    same: bool,
    /// Lockfiles that are not shipped.
    #[serde(default)]
    exclude: Globs,
    #[serde(default = "one")]
    packages_min: u64,
}

/// A range that counts from when a file is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Later {
    range: Range,
    files: Globs,
}

/// A range of versions as it is written; read by the scheme of its ecosystem.
#[derive(Debug)]
struct Range(String);

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = |scheme| Requirement::parse(scheme, &text);
        read(Scheme::Semver).or_else(|_| read(Scheme::Pep440)).map_err(D::Error::custom)?;
        Ok(Self(text))
    }
}

impl Range {
    fn is_met_by(&self, scheme: Scheme, version: &str) -> Option<bool> {
        Requirement::parse(scheme, &self.0).ok()?.is_met_by(version)
    }
}

fn npm() -> String {
    "npm".to_owned()
}

/// The named packages of the lockfiles.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// `name version`, and the lockfiles that hold it.
    packages: BTreeMap<String, BTreeSet<String>>,
    /// Whether what the other range waits for is there.
    later: bool,
    unreadable: Vec<String>,
}

impl Question for DependencyVersions {
    const ID: &'static str = "dependency.versions";
    const QUESTION: &'static str = "Are the named packages locked to versions of the lines that are wanted?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/dependency-versions.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.range.is_none() && asked.prereleases && !asked.same {
            return Err(Unasked("nothing is asked of the versions: give `range` or `same`".to_owned()));
        }
        let mut seen = Seen::default();
        for path in lockfiles(world, &asked.exclude)?.remove(asked.ecosystem.as_str()).unwrap_or_default() {
            let lockfile = match world.lockfile(&path) {
                Ok(lockfile) => lockfile,
                Err(Unasked(why)) => {
                    seen.unreadable.push(why);
                    continue;
                }
            };
            for package in lockfile.foreign().filter(|package| name(package.ecosystem) == asked.ecosystem) {
                if asked.packages.matches(&package.name) {
                    let version = package.version.as_deref().unwrap_or("?");
                    seen.packages.entry(format!("{} {version}", package.name)).or_default().insert(path.clone());
                }
            }
        }
        if let Some(later) = &asked.later {
            seen.later = !world.matching(&later.files, &Globs::default())?.is_empty();
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let scheme = if asked.ecosystem == name(Ecosystem::PyPi) { Scheme::Pep440 } else { Scheme::Semver };
        let mut findings = Vec::new();
        let mut versions = BTreeSet::new();
        let mut names = BTreeSet::new();
        for (package, files) in &seen.packages {
            let (name, version) = package.rsplit_once(' ').unwrap_or((package, "?"));
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            let place = files.join(", ");
            names.insert(name);
            versions.insert(version);
            let meets = |range: &Range| range.is_met_by(scheme, version);
            if let Some(range) = &asked.range {
                let later = asked.later.as_ref().filter(|_| seen.later).is_some_and(|later| meets(&later.range) == Some(true));
                match meets(range) {
                    Some(true) => {}
                    _ if later => {}
                    Some(false) => findings.push(format!("`{name}` {version} in {place} is not within {}", range.0)),
                    None => findings.push(format!("the version of `{name}` in {place} cannot be compared")),
                }
            }
            if !asked.prereleases && Version::parse(scheme, version).is_ok() && is_prerelease(scheme, version) {
                findings.push(format!("`{name}` {version} in {place} comes before a release"));
            }
        }
        if asked.same && versions.len() > 1 {
            let versions: Vec<&str> = versions.iter().copied().collect();
            findings.push(format!("the packages have {} versions: {}", versions.len(), versions.join(", ")));
        }
        let examined = names.len() as u64;
        let sentence =
            format!("{} locked to versions that are wanted.", count(examined, "named package is", "named packages are"));
        decide(Population { examined, required: asked.packages_min }, &seen.unreadable, findings, sentence)
    }
}

/// Whether a version that can be read comes before a release (SemVer 2.0, item 9; PEP 440, "Pre-releases").
fn is_prerelease(scheme: Scheme, version: &str) -> bool {
    let bare = version.split('+').next().unwrap_or_default();
    match scheme {
        Scheme::Semver => bare.contains('-'),
        Scheme::Pep440 => {
            let lower = bare.to_ascii_lowercase();
            let after = lower.trim_start_matches(|each: char| each.is_ascii_digit() || matches!(each, '.' | '!' | 'v'));
            !after.is_empty() && !after.trim_start_matches(['-', '_', '.']).starts_with("post")
        }
    }
}

const ASKED: &str = r#"{"packages":["better-auth","@better-auth/*"],"range":">=1.6.0 <2.0.0"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "every version is of the line",
        asked: ASKED,
        seen: r#"{"packages":{"better-auth 1.6.34":["pnpm-lock.yaml"],"@better-auth/core 1.7.2":["pnpm-lock.yaml"]},"later":false,"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one is of an older line",
        asked: ASKED,
        seen: r#"{"packages":{"better-auth 1.5.6":["pnpm-lock.yaml"]},"later":false,"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one comes before a release",
        asked: ASKED,
        seen: r#"{"packages":{"better-auth 1.7.0-beta.1":["pnpm-lock.yaml"]},"later":false,"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "members of a family differ",
        asked: r#"{"packages":"@orpc/*","same":true}"#,
        seen: r#"{"packages":{"@orpc/client 1.13.2":["pnpm-lock.yaml"],"@orpc/server 1.13.1":["pnpm-lock.yaml"]},"later":false,"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the next major, with its plan",
        asked: r#"{"packages":"drizzle-orm","range":">=0.45.2 <1.0.0-0","later":{"range":">=1.0.0","files":"docs/**/*drizzle*v1*"}}"#,
        seen: r#"{"packages":{"drizzle-orm 1.0.1":["pnpm-lock.yaml"]},"later":true,"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the next major, without one",
        asked: r#"{"packages":"drizzle-orm","range":">=0.45.2 <1.0.0-0","later":{"range":">=1.0.0","files":"docs/**/*drizzle*v1*"}}"#,
        seen: r#"{"packages":{"drizzle-orm 1.0.1":["pnpm-lock.yaml"]},"later":false,"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "none of the packages is used",
        asked: ASKED,
        seen: r#"{"packages":{},"later":false,"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "a version that cannot be compared is not passed over",
        asked: ASKED,
        seen: r#"{"packages":{"better-auth ?":["pnpm-lock.yaml"]},"later":false,"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn the_lockfile_decides_and_not_the_range_of_the_manifest() {
        let asked: Asked = serde_json::from_str(ASKED).unwrap();
        let manifest = r#"{"dependencies":{"better-auth":"^1.6.0"}}"#;
        let hash = "A".repeat(86);
        let lock = |version: &str| {
            format!(
                "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      better-auth:\n        specifier: ^1.6.0\n        version: {version}\n\n\
                 packages:\n\n  better-auth@{version}:\n    resolution: {{integrity: sha512-{hash}==}}\n\nsnapshots:\n\n  better-auth@{version}: {{}}\n"
            )
        };
        let judge = |version: &str| {
            let scene = Scene::of([("package.json", manifest.to_owned()), ("pnpm-lock.yaml", lock(version))]);
            let seen = scene.with(|world| DependencyVersions::gather(world, &asked)).unwrap();
            DependencyVersions::judge(&seen, &asked).outcome
        };
        assert_eq!(judge("1.6.34"), Outcome::Pass);
        assert_eq!(judge("1.5.6"), Outcome::Fail);
        assert_eq!(judge("1.7.0-beta.1"), Outcome::Fail);
    }

    #[test]
    fn what_comes_before_a_release_is_told_from_what_comes_after() {
        for (version, before) in [("1.0.0-rc.4", true), ("1.0.0", false), ("1.0.0+build-7", false)] {
            assert_eq!(is_prerelease(Scheme::Semver, version), before, "{version}");
        }
        for (version, before) in [("1.0rc1", true), ("1.0.dev3", true), ("1.0.post1", false), ("2024.1", false)] {
            assert_eq!(is_prerelease(Scheme::Pep440, version), before, "{version}");
        }
    }
}

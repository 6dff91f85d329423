//! `dependency.lockfile`: is there one lockfile for what is shipped, and is it in step with its manifest?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::{
    lock::{self, Ecosystem, Format, Lockfile, MANIFEST_BYTES_MAX, Manifest},
    structured::Node,
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    ecosystems::{folder, not_shipped},
    parameters::{Globs, one},
    parsed::Form,
    pipelines::{count, decide},
};

/// How many differences are kept of one manifest.
const DIFFERENCES_MAX: usize = 20;

/// See the module.
pub(super) struct DependencyLockfile;

/// Which manifests.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Which manifests; left out, every `package.json`, `Cargo.toml`, `pyproject.toml` and `go.mod` that is shipped.
    manifests: Option<Globs>,
    /// What is not shipped, besides fixtures, examples and what is vendored.
    #[serde(default)]
    exclude: Globs,
    /// Ecosystems that are not asked about.
    #[serde(default)]
    except: BTreeSet<String>,
    #[serde(default = "one")]
    manifests_min: u64,
}

/// The manifests with their lockfiles.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    manifests: Vec<ManifestSeen>,
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestSeen {
    path: String,
    /// The lockfiles that rule it: those of its folder, or of the nearest folder above that has some.
    lockfiles: Vec<String>,
    /// Whether it asks for anything at all.
    asks: bool,
    /// In what the two differ, a sentence each.
    differences: Vec<String>,
    /// Whether the lockfile tells what it was made for.
    compared: bool,
}

impl Question for DependencyLockfile {
    const ID: &'static str = "dependency.lockfile";
    const QUESTION: &'static str = "Is there one lockfile for what is shipped, and is it in step with its manifest?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/dependency-lockfile.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let globs = |texts: Vec<String>| Globs::new(texts).map_err(Unasked);
        let usual = globs(["package.json", "Cargo.toml", "pyproject.toml", "go.mod"].map(|name| format!("**/{name}")).to_vec())?;
        let left_out = not_shipped(&asked.exclude)?;
        let locks: Vec<String> = Format::ALL.iter().flat_map(|format| format.names()).map(|name| format!("**/{name}")).collect();
        let locks: BTreeSet<String> =
            world.matching(&globs(locks)?, &Globs::default())?.into_iter().filter(|path| !left_out(path)).collect();
        let mut seen = Seen { manifests: vec![], unreadable: vec![] };
        for path in world.matching(asked.manifests.as_ref().unwrap_or(&usual), &Globs::default())? {
            let Some(ecosystem) = ecosystem(&path) else {
                return Err(Unasked(format!(
                    "`{path}` is no manifest that is read: package.json, Cargo.toml, pyproject.toml or go.mod"
                )));
            };
            if asked.except.contains(crate::ecosystems::name(ecosystem)) || (asked.manifests.is_none() && left_out(&path)) {
                continue;
            }
            match see(world, &path, ecosystem, &locks) {
                Ok(Some(manifest)) => seen.manifests.push(manifest),
                Ok(None) => {}
                Err(Unasked(why)) => seen.unreadable.push(why),
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for manifest in &seen.manifests {
            let path = &manifest.path;
            if manifest.lockfiles.is_empty() && manifest.asks {
                findings.push(format!("`{path}` has no lockfile"));
            }
            if manifest.lockfiles.len() > 1 {
                findings.push(format!("`{path}` has {} lockfiles: {}", manifest.lockfiles.len(), manifest.lockfiles.join(", ")));
            }
            if !manifest.differences.is_empty() {
                findings.push(format!("`{path}` and its lockfile differ: {}", manifest.differences.join("; ")));
            }
        }
        let with = seen.manifests.iter().filter(|manifest| manifest.asks || !manifest.lockfiles.is_empty()).count() as u64;
        let compared = seen.manifests.iter().filter(|manifest| manifest.compared).count() as u64;
        let sentence = format!(
            "{} each have one lockfile; {compared} could be compared with it, and are in step.",
            count(with, "manifest", "manifests")
        );
        decide(Population { examined: with, required: asked.manifests_min }, &seen.unreadable, findings, sentence)
    }
}

fn ecosystem(path: &str) -> Option<Ecosystem> {
    Some(match path.rsplit('/').next()? {
        "package.json" => Ecosystem::Npm,
        "Cargo.toml" => Ecosystem::Cargo,
        "pyproject.toml" => Ecosystem::PyPi,
        "go.mod" => Ecosystem::Go,
        _ => return None,
    })
}

/// A manifest with what rules it; none if it is not one of what is shipped.
fn see(world: &World<'_>, path: &str, ecosystem: Ecosystem, locks: &BTreeSet<String>) -> Result<Option<ManifestSeen>, Unasked> {
    let mut seen = ManifestSeen { path: path.to_owned(), lockfiles: vec![], asks: false, differences: vec![], compared: false };
    // go.mod is its own lockfile; go.sum seals it.
    if ecosystem == Ecosystem::Go {
        let sums = lock::sums_of(path).unwrap_or_default();
        seen.asks = world.lockfile(path)?.foreign().next().is_some();
        seen.compared = true;
        if world.has(&sums)? {
            seen.lockfiles.push(sums);
        }
        return Ok(Some(seen));
    }
    seen.lockfiles = ruling(path, ecosystem, locks);
    let compared = match ecosystem {
        Ecosystem::Cargo => {
            let document = world.document(path, Form::Toml, MANIFEST_BYTES_MAX)?;
            let asked = cargo_asked(&document.root);
            seen.asks = !asked.is_empty();
            let name = document.root.pointer("/package/name").and_then(Node::as_text);
            match (seen.lockfiles.first(), name) {
                (Some(lockfile), Some(name)) => cargo_differences(&*world.lockfile(lockfile)?, name, &asked),
                // A workspace's own manifest asks for nothing itself.
                _ => None,
            }
        }
        _ => {
            let form = if ecosystem == Ecosystem::PyPi { Form::Toml } else { Form::Json };
            let manifest = Manifest::of(&*world.document(path, form, MANIFEST_BYTES_MAX)?);
            seen.asks = !manifest.asked.is_empty();
            match seen.lockfiles.first().cloned() {
                Some(lockfile) => {
                    let inner = inner(folder(path), folder(&lockfile));
                    let read = world.lockfile(&lockfile)?;
                    let known = read.importers.iter().any(|importer| importer.folder == inner);
                    match read.differences(&inner, &manifest) {
                        Some(differences) => Some(
                            differences
                                .into_iter()
                                .map(|one| {
                                    let shown = |text: Option<String>| {
                                        text.map_or_else(|| "nothing".to_owned(), |text| format!("`{text}`"))
                                    };
                                    format!(
                                        "`{}` is {} in the manifest and {} in the lockfile",
                                        one.name,
                                        shown(one.manifest),
                                        shown(one.lockfile)
                                    )
                                })
                                .collect(),
                        ),
                        // A lockfile that knows other projects and not this one was made without it.
                        None if !known && !read.importers.is_empty() && seen.asks && !inner.is_empty() => {
                            Some(vec![format!("`{lockfile}` was made without it")])
                        }
                        None => names_missing(&read, &manifest),
                    }
                }
                None => None,
            }
        }
    };
    if let Some(mut differences) = compared {
        seen.compared = true;
        differences.truncate(DIFFERENCES_MAX);
        seen.differences = differences;
    }
    Ok(Some(seen))
}

/// The lockfiles of a manifest's folder, or of the nearest folder above it that has some.
fn ruling(path: &str, ecosystem: Ecosystem, locks: &BTreeSet<String>) -> Vec<String> {
    let mut here = folder(path);
    loop {
        let found: Vec<&String> = locks
            .iter()
            .filter(|lock| folder(lock) == here && Format::of(lock).is_some_and(|format| format.ecosystem() == ecosystem))
            .collect();
        // What pip needs may be written out beside the lockfile that it was made from.
        let real: Vec<&&String> = found.iter().filter(|lock| Format::of(lock) != Some(Format::Requirements)).collect();
        if !real.is_empty() {
            return real.into_iter().map(|lock| (*lock).clone()).collect();
        }
        if !found.is_empty() {
            return found.into_iter().cloned().collect();
        }
        if here.is_empty() {
            return vec![];
        }
        here = folder(here);
    }
}

/// A folder as seen from the one above it.
fn inner(path: &str, above: &str) -> String {
    if above.is_empty() { path.to_owned() } else { path.strip_prefix(above).unwrap_or(path).trim_start_matches('/').to_owned() }
}

/// Where a lockfile does not tell what was asked for: what is asked for and not in it at all. None if nothing can be said.
fn names_missing(read: &Lockfile, manifest: &Manifest) -> Option<Vec<String>> {
    if read.packages.is_empty() && !manifest.asked.is_empty() {
        return Some(vec!["the lockfile holds nothing".to_owned()]);
    }
    let names: BTreeSet<&str> = read.packages.iter().map(|package| package.name.as_str()).collect();
    let local = |specifier: &str| {
        ["workspace:", "file:", "link:", "portal:", "npm:", "git", "http", "catalog:"]
            .iter()
            .any(|start| specifier.starts_with(start))
            || specifier.contains('/')
    };
    let needed = manifest.asked.iter().filter(|asked| matches!(asked.need, lock::Need::Required | lock::Need::Development));
    let missing = needed.filter(|asked| !names.contains(asked.name.as_str()) && !asked.specifier.as_deref().is_some_and(local));
    Some(missing.map(|asked| format!("`{}` is asked for, and not in the lockfile", asked.name)).collect())
}

/// The crates that a `Cargo.toml` asks for, under their real names ("Specifying Dependencies"); with the version where it
/// says one itself.
fn cargo_asked(root: &Node) -> BTreeMap<String, Option<String>> {
    let mut tables: Vec<&Node> =
        ["dependencies", "dev-dependencies", "build-dependencies", "dev_dependencies", "build_dependencies"]
            .iter()
            .filter_map(|key| root.get(key))
            .collect();
    let targets = root.get("target").and_then(Node::as_table).map_or(&[][..], |table| table.entries());
    for target in targets {
        tables.extend(["dependencies", "dev-dependencies", "build-dependencies"].iter().filter_map(|key| target.value.get(key)));
    }
    let mut asked = BTreeMap::new();
    for entry in tables.into_iter().filter_map(Node::as_table).flat_map(|table| table.entries()) {
        let inherited = entry.value.get("workspace").and_then(Node::as_bool) == Some(true);
        // An inherited dependency is described in the workspace's manifest, under a name that may be another.
        if inherited {
            continue;
        }
        let name = entry.value.get("package").and_then(Node::as_text).unwrap_or(&entry.key);
        let version = entry.value.as_text().or_else(|| entry.value.get("version").and_then(Node::as_text));
        asked.insert(name.to_owned(), version.map(str::to_owned));
    }
    asked
}

/// What a crate asks for and its lockfile does not hold for it. None if the lockfile does not know the crate's name.
fn cargo_differences(read: &Lockfile, name: &str, asked: &BTreeMap<String, Option<String>>) -> Option<Vec<String>> {
    let root = read.roots.iter().filter_map(|at| read.packages.get(*at)).find(|package| package.name == name);
    let Some(root) = root else {
        return Some(vec![format!("the lockfile does not know the crate `{name}`")]);
    };
    let same = |left: &str, right: &str| left.replace('_', "-") == right.replace('_', "-");
    let locked: Vec<(&str, &str)> = root
        .dependencies
        .iter()
        .filter_map(|at| read.packages.get(*at))
        .map(|package| (package.name.as_str(), package.version.as_deref().unwrap_or_default()))
        .collect();
    let mut differences = Vec::new();
    for (wanted, version) in asked {
        let of_name: Vec<&str> = locked.iter().filter(|(name, _)| same(name, wanted)).map(|(_, version)| *version).collect();
        if of_name.is_empty() && wanted != name {
            differences.push(format!("`{wanted}` is asked for, and not in the lockfile"));
            continue;
        }
        let Some(required) = version.as_deref().and_then(|text| semver::VersionReq::parse(text).ok()) else { continue };
        let fits = |text: &&str| {
            semver::Version::parse(text).map_or(true, |version| required.matches(&version) || !version.pre.is_empty())
        };
        if !of_name.is_empty() && !of_name.iter().any(fits) {
            differences.push(format!("`{wanted}` is asked for as `{required}`, and the lockfile has {}", of_name.join(", ")));
        }
    }
    Some(differences)
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "one lockfile, made for what the manifest asks for",
        asked: "{}",
        seen: r#"{"manifests":[{"path":"package.json","lockfiles":["pnpm-lock.yaml"],"asks":true,"differences":[],"compared":true}],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the manifest asks for something else than its lockfile was made for",
        asked: "{}",
        seen: r#"{"manifests":[{"path":"package.json","lockfiles":["pnpm-lock.yaml"],"asks":true,"differences":["`zod` is `^4` in the manifest and `^3` in the lockfile"],"compared":true}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no lockfile",
        asked: "{}",
        seen: r#"{"manifests":[{"path":"package.json","lockfiles":[],"asks":true,"differences":[],"compared":false}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "two package managers each have a lockfile",
        asked: "{}",
        seen: r#"{"manifests":[{"path":"package.json","lockfiles":["package-lock.json","pnpm-lock.yaml"],"asks":true,"differences":[],"compared":true}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the lockfile cannot be read",
        asked: "{}",
        seen: r#"{"manifests":[],"unreadable":["pnpm-lock.yaml:4:1: an unresolved merge begins here"]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "there is no manifest",
        asked: "{}",
        seen: r#"{"manifests":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(files: &[(&str, &str)]) -> Judgement {
        let asked: Asked = serde_json::from_str("{}").unwrap();
        let seen = Scene::of(files.iter().copied()).with(|world| DependencyLockfile::gather(world, &asked)).unwrap();
        DependencyLockfile::judge(&seen, &asked)
    }

    const PACKAGE: &str = r#"{"name":"a","dependencies":{"zod":"^3.0.0"}}"#;
    const PNPM: &str = "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      zod:\n        specifier: ^3.0.0\n        version: 3.1.0\npackages:\n  zod@3.1.0:\n    resolution: {integrity: sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==}\nsnapshots:\n  zod@3.1.0: {}\n";

    #[test]
    fn a_manifest_of_npm_is_held_against_its_lockfile() {
        let good = judge(&[("package.json", PACKAGE), ("pnpm-lock.yaml", PNPM)]);
        assert_eq!((good.outcome, good.findings), (Outcome::Pass, vec![]));
        let newer = PACKAGE.replace("^3.0.0", "^4.0.0");
        assert_eq!(judge(&[("package.json", &newer), ("pnpm-lock.yaml", PNPM)]).outcome, Outcome::Fail);
        let more = PACKAGE.replace("}}", ",\"hono\":\"^4\"}}");
        assert_eq!(judge(&[("package.json", &more), ("pnpm-lock.yaml", PNPM)]).outcome, Outcome::Fail);
        assert_eq!(judge(&[("package.json", PACKAGE)]).outcome, Outcome::Fail);
        let lock = r#"{"name":"a","lockfileVersion":3,"packages":{"":{"name":"a","dependencies":{"zod":"^3.0.0"}},"node_modules/zod":{"version":"3.1.0","resolved":"https://example.com/z.tgz","integrity":"sha512-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="}}}"#;
        assert_eq!(judge(&[("package.json", PACKAGE), ("package-lock.json", lock)]).outcome, Outcome::Pass);
        assert_eq!(
            judge(&[("package.json", PACKAGE), ("pnpm-lock.yaml", PNPM), ("package-lock.json", lock)]).outcome,
            Outcome::Fail
        );
    }

    #[test]
    fn a_manifest_of_cargo_is_held_against_its_lockfile() {
        let manifest = "[package]\nname = \"a\"\nversion = \"1.0.0\"\n[dependencies]\nserde = \"1\"\n[dev-dependencies]\nx = { package = \"real\", version = \"2\" }\n";
        let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\"real\", \"serde\"]\n[[package]]\nname = \"real\"\nversion = \"2.1.0\"\n\
                    source = \"registry+https://github.com/rust-lang/crates.io-index\"\n[[package]]\nname = \"serde\"\nversion = \"1.0.200\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        let of = |manifest: &str| judge(&[("Cargo.toml", manifest), ("Cargo.lock", lock)]);
        assert_eq!((of(manifest).outcome, of(manifest).findings), (Outcome::Pass, vec![]));
        for (from, to) in [
            ("serde = \"1\"", "serde = \"2\""),
            ("serde = \"1\"", "serde = \"1\"\nregex = \"1\""),
            ("name = \"a\"", "name = \"b\""),
        ] {
            assert_eq!(of(&manifest.replace(from, to)).outcome, Outcome::Fail, "{to}");
        }
    }

    #[test]
    fn go_needs_its_sums_and_what_is_not_shipped_is_left_out() {
        let module = "module example.com/a\n\ngo 1.22\n\nrequire example.com/b v1.0.0\n";
        assert_eq!(judge(&[("go.mod", module)]).outcome, Outcome::Fail);
        assert_eq!(judge(&[("go.mod", module), ("go.sum", "")]).outcome, Outcome::Pass);
        assert_eq!(judge(&[("tests/fixtures/package.json", PACKAGE)]).outcome, Outcome::NotExercised);
        assert_eq!(judge(&[("package.json", "{\"name\":\"a\"}")]).outcome, Outcome::NotExercised, "nothing is asked for");
        assert_eq!(judge(&[("package.json", PACKAGE), ("pnpm-lock.yaml", "<<<<<<< HEAD\n")]).outcome, Outcome::Error);
    }
}

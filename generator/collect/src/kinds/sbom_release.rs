//! `sbom.release`: does the release have a bill of materials of exactly what its lockfiles hold?

use std::collections::BTreeSet;

use avouch_model::{
    Digest,
    observation::{Population, PositiveControl},
    payload::ReleaseRecord,
    release::Release,
    state::Outcome,
};
use avouch_read::lock::{self, Format};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, one},
    pipelines::count,
    sources::bytes,
};

/// How many packages of a difference are kept.
const DIFFERENCES_MAX: usize = 50;

/// See the module.
pub(super) struct SbomRelease;

/// What the bill must be at least.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default = "spec_min")]
    spec_min: String,
    #[serde(default = "one")]
    components_min: u64,
    #[serde(default)]
    absent: Globs,
}

fn spec_min() -> String {
    "1.4".to_owned()
}

/// The current release, its bills, and what its lockfiles hold.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The current release's version; none without a release.
    version: Option<String>,
    /// Whether the log has a record of this version and commit.
    recorded: bool,
    /// Whether the log has this version with another commit.
    other_commit: bool,
    /// Whether there is nothing to list: no record, and no lockfile anywhere in the release.
    #[serde(default)]
    lockless: bool,
    /// What is wrong with the lockfiles that were read for the record.
    lockfiles: Vec<String>,
    /// How many packages the lockfiles hold that are not the product itself.
    locked: u64,
    boms: Vec<BomSeen>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BomSeen {
    file: String,
    spec: String,
    version: Option<String>,
    components: u64,
    /// What is wrong with its shape.
    wrong: Vec<String>,
    /// Packages of the lockfiles that it lacks.
    lacking: u64,
    /// Components that no lockfile holds.
    added: u64,
    /// The first of both.
    differences: Vec<String>,
    /// Components that must not be part of the product.
    #[serde(default)]
    unwanted: Vec<String>,
}

impl Question for SbomRelease {
    const ID: &'static str = "sbom.release";
    const QUESTION: &'static str = "Does the release have a bill of materials of exactly what its lockfiles hold?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/sbom-release.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let Some(release) = world.release else {
            return Ok(Seen::default());
        };
        let Some(releases) = world.releases else {
            return Err(Unasked(
                "there is no ledger here, so what is on record cannot be told: `avouch evidence restore SITE` brings it"
                    .to_owned(),
            ));
        };
        let same_version = || releases.iter().filter(|(record, _)| record.release.version == release.version);
        let mut seen = Seen {
            version: Some(release.version.clone()),
            // `unreleased` is no version: many commits bear it.
            other_commit: release.is_released() && same_version().any(|(record, _)| record.release.commit != release.commit),
            ..Seen::default()
        };
        let recorded = same_version().rev().find(|(record, _)| record.release.commit == release.commit);
        let is_listed = recorded.is_some_and(|(record, _)| !record.boms.is_empty());
        seen.lockless = !is_listed && !world.paths()?.iter().any(|path| Format::of(path).is_some());
        let Some((record, boms)) = recorded else {
            return Ok(seen);
        };
        seen.recorded = true;
        let locked = Locked::read(world, record, &mut seen.lockfiles)?;
        seen.locked = locked.foreign.len() as u64;
        for (place, bom) in record.boms.iter().enumerate() {
            let mut one = BomSeen { file: bom.file.clone(), ..BomSeen::default() };
            match boms.get(place) {
                None => one.wrong.push("its bytes are not in the record".to_owned()),
                Some(bytes) if Digest::of(bytes) != bom.digest => one.wrong.push("its bytes are not those recorded".to_owned()),
                Some(bytes) => one.read(bytes, &locked, &asked.absent),
            }
            seen.boms.push(one);
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        if let Some(version) = &seen.version {
            if seen.other_commit {
                findings.push(format!("the version {version} is on record with another commit"));
            }
            if (!seen.recorded || seen.boms.is_empty()) && !seen.lockless {
                let of = if version == Release::UNRELEASED { "this commit, which is no release," } else { version };
                findings.push(format!("no bill of materials of {of} is on record"));
            }
            findings.extend(seen.lockfiles.iter().cloned());
            for bom in &seen.boms {
                findings.extend(bom.findings(version, asked, seen.locked));
            }
        }
        let components = seen.boms.iter().map(|bom| bom.components).min().unwrap_or(0);
        let mut judgement = Judgement::decide(
            Population { examined: if seen.locked == 0 { 0 } else { components }, required: asked.components_min.max(1) },
            PositiveControl::NotNeeded,
            findings,
            format!(
                "The release has a CycloneDX bill of materials with {}: exactly the {} of its lockfiles.",
                count(components, "component", "components"),
                count(seen.locked, "package", "packages")
            ),
        );
        if seen.lockless && judgement.outcome == Outcome::NotExercised {
            judgement
                .findings
                .push("the release has no lockfile, so there is no bill of materials to hold against one".to_owned());
        }
        judgement
    }
}

impl BomSeen {
    fn findings(&self, version: &str, asked: &Asked, locked: u64) -> Vec<String> {
        let file = &self.file;
        let mut findings: Vec<String> = self.wrong.iter().map(|what| format!("{file}: {what}")).collect();
        if !self.wrong.is_empty() && self.spec.is_empty() {
            return findings;
        }
        if numbers(&self.spec) < numbers(&asked.spec_min) {
            findings.push(format!("{file}: CycloneDX {} is older than {}", self.spec, asked.spec_min));
        }
        match &self.version {
            Some(named) if named == version => {}
            Some(named) => findings.push(format!("{file}: it is of version {named}, and the release is {version}")),
            None => findings.push(format!("{file}: it names no version of the product")),
        }
        // Where the lockfiles hold nothing there is nothing to list: too little to look at, not a failure.
        if self.components == 0 && locked > 0 {
            findings.push(format!("{file}: it lists no component"));
        }
        for name in &self.unwanted {
            findings.push(format!("{file}: `{name}` is a component, and must not be"));
        }
        if self.lacking > 0 || self.added > 0 {
            findings.push(format!(
                "{file}: it lacks {} packages of the lockfiles and has {} that are in none: {}",
                self.lacking,
                self.added,
                self.differences.join(", ")
            ));
        }
        findings
    }

    /// Reads a CycloneDX document in JSON and holds it against the lockfiles.
    fn read(&mut self, bytes: &[u8], locked: &Locked, absent: &Globs) {
        let bom: Bom = match serde_json::from_slice(bytes) {
            Ok(bom) => bom,
            Err(error) => {
                self.wrong.push(format!("it is no CycloneDX document in JSON: {error}"));
                return;
            }
        };
        if bom.bom_format != "CycloneDX" {
            self.wrong.push("`bomFormat` is not `CycloneDX`".to_owned());
        }
        self.spec = bom.spec_version;
        let product = bom.metadata.and_then(|metadata| metadata.component);
        self.version = product.as_ref().and_then(|product| product.version.clone());

        let mut components = Vec::new();
        flatten(&bom.components, 0, &mut components);
        self.components = components.len() as u64;
        let mut references = BTreeSet::new();
        let own = product.as_ref().and_then(|product| product.reference.as_deref());
        for reference in components.iter().filter_map(|one| one.reference.as_deref()).chain(own) {
            if !references.insert(reference) {
                self.wrong.push(format!("the reference `{reference}` is given twice"));
            }
        }
        for dependency in &bom.dependencies {
            let all = dependency.depends_on.iter().chain([&dependency.reference]);
            for dangling in all.filter(|reference| !references.contains(reference.as_str())) {
                self.wrong.push(format!("a dependency refers to `{dangling}`, which is no component"));
            }
        }
        if components.iter().any(|one| one.kind.is_empty() || one.name.is_empty()) {
            self.wrong.push("a component has no type or no name".to_owned());
        }
        self.wrong.truncate(DIFFERENCES_MAX);

        let unwanted = components.iter().map(|one| one.full_name()).filter(|name| absent.matches(name));
        self.unwanted = unwanted.collect::<BTreeSet<_>>().into_iter().take(DIFFERENCES_MAX).collect();
        let listed: BTreeSet<String> = components.iter().map(|one| one.identity()).collect();
        let lacking: Vec<_> = locked.foreign.difference(&listed).collect();
        let mut added: Vec<_> =
            listed.iter().filter(|one| !locked.foreign.contains(*one) && !locked.own.contains(*one)).collect();
        // Where a lockfile knows the repository's own packages by folder only (pnpm), a bill has their names from the
        // manifests: those carry no package URL of a registry, and there are at most as many as the lockfile has folders.
        let named: BTreeSet<String> = components.iter().filter(|one| one.is_unregistered()).map(|one| one.identity()).collect();
        if added.iter().filter(|one| named.contains(**one)).count() <= locked.members {
            added.retain(|one| !named.contains(*one));
        }
        (self.lacking, self.added) = (lacking.len() as u64, added.len() as u64);
        self.differences = lacking
            .iter()
            .map(|one| format!("-{one}"))
            .chain(added.iter().map(|one| format!("+{one}")))
            .take(DIFFERENCES_MAX)
            .collect();
    }
}

/// The packages of the release's lockfiles.
#[derive(Default)]
struct Locked {
    foreign: BTreeSet<String>,
    /// What the repository itself makes: a bill may list it or not.
    own: BTreeSet<String>,
    /// How many packages without a package URL the lockfiles hold: the repository's own.
    members: usize,
}

impl Locked {
    fn read(world: &World<'_>, record: &ReleaseRecord, wrong: &mut Vec<String>) -> Result<Self, Unasked> {
        let mut all = Self::default();
        for (path, digest) in &record.lockfiles {
            let Some(bytes) = bytes(world.tree, path, lock::BYTES_MAX)? else {
                wrong.push(format!("the record was made from `{path}`, which the commit does not have"));
                continue;
            };
            if Digest::of(&bytes) != *digest {
                wrong.push(format!("the record was made from another `{path}` than the commit has"));
            }
            // What a lockfile includes is made use of with it.
            if Format::of(path).is_none() {
                continue;
            }
            let lockfile = world.lockfile(path)?;
            for (place, package) in lockfile.packages.iter().enumerate() {
                let identity = match package.purl() {
                    Some(purl) => normal(&purl),
                    None => plain(&package.name, package.version.as_deref()),
                };
                all.members += usize::from(package.purl().is_none());
                if lockfile.roots.contains(&place) {
                    all.own.insert(plain(&package.name, package.version.as_deref()));
                    all.own.insert(identity);
                } else {
                    all.foreign.insert(identity);
                }
            }
        }
        for path in world.paths()? {
            // A lockfile further down may belong to a fixture; one at the root is the product's.
            if !path.contains('/') && Format::of(path).is_some() && !record.lockfiles.contains_key(path) {
                wrong.push(format!("the record was made without `{path}`"));
            }
        }
        Ok(all)
    }
}

/// What is read of a CycloneDX document (1.4 to 1.7).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    bom_format: String,
    spec_version: String,
    metadata: Option<Metadata>,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Metadata {
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    group: Option<String>,
    #[serde(default)]
    name: String,
    version: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    properties: Vec<Property>,
    #[serde(default)]
    components: Vec<Self>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(default)]
    name: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(rename = "dependsOn", default)]
    depends_on: Vec<String>,
}

impl Component {
    /// With the group before it, `@scope/name`.
    fn full_name(&self) -> String {
        match self.group.as_deref() {
            None | Some("") => self.name.clone(),
            Some(group) => format!("{group}/{}", self.name),
        }
    }

    /// Whether it is a package of no registry: without a package URL, with a generic one, or a copy in a folder, which has
    /// the one of the package that it is a copy of.
    fn is_unregistered(&self) -> bool {
        let is_copy = |property: &Property| property.name == "avouch:origin" && property.value.as_deref() == Some("path");
        self.properties.iter().any(is_copy) || self.purl.as_deref().is_none_or(|purl| purl.starts_with("pkg:generic/"))
    }

    fn identity(&self) -> String {
        match &self.purl {
            Some(purl) if !self.is_unregistered() => normal(purl),
            _ => plain(&self.full_name(), self.version.as_deref()),
        }
    }
}

fn flatten<'a>(components: &'a [Component], depth: usize, all: &mut Vec<&'a Component>) {
    for component in components {
        all.push(component);
        // Deeper nesting does not parse: serde_json stops at 128 levels.
        if depth < 64 {
            flatten(&component.components, depth + 1, all);
        }
    }
}

fn plain(name: &str, version: Option<&str>) -> String {
    format!("{name}@{}", version.unwrap_or_default())
}

/// A package URL without qualifiers and subpath, percent-decoded: where a package comes from is spelled in several ways,
/// which package it is in one.
fn normal(purl: &str) -> String {
    let end = purl.find(['?', '#']).unwrap_or(purl.len());
    let bytes = purl.as_bytes().get(..end).unwrap_or_default();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        let digits = (*first == b'%').then(|| tail.get(..2)).flatten();
        match digits.and_then(|digits| hex::decode(digits).ok()) {
            Some(byte) => {
                decoded.extend(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// `1.10` is newer than `1.9`.
fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

const ASKED: &str = "{}";

const EXAMPLES: &[Example] = &[
    Example {
        name: "the bill lists exactly what the lockfile holds",
        asked: ASKED,
        seen: r#"{"version":"1.4.2","recorded":true,"other_commit":false,"lockfiles":[],"locked":212,"boms":[{"file":"bom.json","spec":"1.6","version":"1.4.2","components":212,"wrong":[],"lacking":0,"added":0,"differences":[]}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the release has no bill",
        asked: ASKED,
        seen: r#"{"version":"1.4.2","recorded":false,"other_commit":false,"lockfiles":[],"locked":0,"boms":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a component that must not be part of the product is",
        asked: r#"{"absent":["argon2","@noble/*"]}"#,
        seen: r#"{"version":"1.4.2","recorded":true,"other_commit":false,"lockfiles":[],"locked":212,"boms":[{"file":"bom.json","spec":"1.6","version":"1.4.2","components":212,"wrong":[],"lacking":0,"added":0,"differences":[],"unwanted":["argon2"]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one component was dropped",
        asked: ASKED,
        seen: r#"{"version":"1.4.2","recorded":true,"other_commit":false,"lockfiles":[],"locked":212,"boms":[{"file":"bom.json","spec":"1.6","version":"1.4.2","components":211,"wrong":[],"lacking":1,"added":0,"differences":["-pkg:npm/hono@4.6.0"]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the bill is of another version",
        asked: ASKED,
        seen: r#"{"version":"1.4.2","recorded":true,"other_commit":false,"lockfiles":[],"locked":212,"boms":[{"file":"bom.json","spec":"1.6","version":"1.4.1","components":212,"wrong":[],"lacking":0,"added":0,"differences":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a dependency refers to nothing",
        asked: ASKED,
        seen: r#"{"version":"1.4.2","recorded":true,"other_commit":false,"lockfiles":[],"locked":212,"boms":[{"file":"bom.json","spec":"1.6","version":"1.4.2","components":212,"wrong":["a dependency refers to `x`, which is no component"],"lacking":0,"added":0,"differences":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one version has two commits",
        asked: ASKED,
        seen: r#"{"version":"1.4.2","recorded":true,"other_commit":true,"lockfiles":[],"locked":212,"boms":[{"file":"bom.json","spec":"1.6","version":"1.4.2","components":212,"wrong":[],"lacking":0,"added":0,"differences":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the release has no lockfile, so there is nothing to list",
        asked: ASKED,
        seen: r#"{"version":"1.4.2","recorded":true,"other_commit":false,"lockless":true,"lockfiles":[],"locked":0,"boms":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "there is no release",
        asked: ASKED,
        seen: r#"{"version":null,"recorded":false,"other_commit":false,"lockfiles":[],"locked":0,"boms":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use avouch_model::{payload, release::Release};
    use serde_json::json;

    use super::*;
    use crate::testing::Scene;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"product\"\nversion = \"1.0.0\"\ndependencies = [\"serde\"]\n\n\
                        [[package]]\nname = \"serde\"\nversion = \"1.0.200\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n\
                        checksum = \"ddc6f9cc94d67c0e21aaf7eda3a010fd3af78ebf6e096aa6e2e13c79749cce4f\"\n";

    fn scene(bom: serde_json::Value) -> Scene {
        let mut scene = Scene::of([("Cargo.lock", LOCK)]);
        let release = Release { version: "1.0.0".into(), commit: "c0".into(), tag: Some("v1.0.0".into()) };
        let bytes = serde_json::to_vec(&bom).unwrap();
        let record = ReleaseRecord {
            v: 1,
            release: release.clone(),
            dirty: false,
            committed: scene.now,
            lockfiles: BTreeMap::from([("Cargo.lock".to_owned(), Digest::of(LOCK.as_bytes()))]),
            boms: vec![payload::Bom { file: "bom.json".into(), spec: "1.6".into(), digest: Digest::of(&bytes), components: 1 }],
        };
        scene.release = Some(release);
        scene.releases = vec![(record, vec![bytes])];
        scene
    }

    fn bom() -> serde_json::Value {
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6",
            "metadata": {"component": {"type": "application", "bom-ref": "p", "name": "product", "version": "1.0.0"}},
            "components": [{"type": "library", "bom-ref": "s", "name": "serde", "version": "1.0.200", "purl": "pkg:cargo/serde@1.0.200"}],
            "dependencies": [{"ref": "p", "dependsOn": ["s"]}]})
    }

    fn judge(scene: &Scene) -> Judgement {
        let asked: Asked = serde_json::from_str("{}").unwrap();
        let seen = scene.with(|world| SbomRelease::gather(world, &asked)).unwrap();
        SbomRelease::judge(&seen, &asked)
    }

    #[test]
    fn a_copy_in_a_folder_is_held_against_what_the_lockfile_names_by_its_folder() {
        let mut written = json!({"name": "real", "version": "2.0.0", "purl": "pkg:npm/real@2.0.0",
            "properties": [{"name": "avouch:origin", "value": "path"}]});
        let identity = |written: &serde_json::Value| serde_json::from_value::<Component>(written.clone()).unwrap().identity();
        assert_eq!(identity(&written), plain("real", Some("2.0.0")), "the lockfile names no package URL for it");
        written["properties"] = json!([{"name": "avouch:patched", "value": "true"}]);
        assert_eq!(identity(&written), normal("pkg:npm/real@2.0.0"));
    }

    #[test]
    fn the_bill_is_held_against_the_lockfile_both_ways() {
        let good = judge(&scene(bom()));
        assert_eq!((good.outcome, good.findings), (Outcome::Pass, vec![]));
        for (pointer, value) in [
            ("/components", json!([])),
            ("/components/0/purl", json!("pkg:cargo/serde@1.0.199")),
            ("/metadata/component/version", json!("0.9.0")),
            ("/dependencies/0/dependsOn/0", json!("nobody")),
            ("/components/0/bom-ref", json!("p")),
            ("/specVersion", json!("1.3")),
            ("/bomFormat", json!("SPDX")),
        ] {
            let mut broken = bom();
            *broken.pointer_mut(pointer).unwrap() = value;
            assert_eq!(judge(&scene(broken)).outcome, Outcome::Fail, "{pointer}");
        }
    }

    #[test]
    fn other_bytes_another_lockfile_or_another_commit_break_it() {
        let mut other = scene(bom());
        other.releases[0].1[0].push(b' ');
        assert_eq!(judge(&other).outcome, Outcome::Fail);
        let mut other = scene(bom());
        other.releases[0].0.lockfiles.insert("Cargo.lock".into(), Digest::of(b"old"));
        assert_eq!(judge(&other).outcome, Outcome::Fail);
        let mut other = scene(bom());
        other.releases[0].0.release.commit = "c9".into();
        let judgement = judge(&other);
        assert_eq!(judgement.findings.len(), 2, "{:?}", judgement.findings);
        let mut other = scene(bom());
        other.tree.0.insert("pnpm-lock.yaml".into(), vec![]);
        assert!(judge(&other).findings[0].contains("pnpm-lock.yaml"));
    }

    #[test]
    fn without_a_lockfile_there_is_nothing_to_list_and_nothing_passes() {
        for (path, outcome) in [("main.c", Outcome::NotExercised), ("web/yarn.lock", Outcome::Fail)] {
            let mut scene = scene(bom());
            scene.tree = Scene::of([(path, "")]).tree;
            for releases in [vec![], {
                let mut empty = scene.releases.clone();
                (empty[0].0.lockfiles, empty[0].0.boms, empty[0].1) = (BTreeMap::new(), vec![], vec![]);
                empty
            }] {
                scene.releases = releases;
                let judgement = judge(&scene);
                assert_eq!((judgement.outcome, judgement.findings.len()), (outcome, 1), "{path}: {:?}", judgement.findings);
            }
        }
    }

    #[test]
    fn a_package_url_has_many_spellings() {
        assert_eq!(normal("pkg:npm/%40hono/node@1.0.0?x=y#z"), "pkg:npm/@hono/node@1.0.0");
        assert_eq!(normal("pkg:npm/a%"), "pkg:npm/a%");
        assert!(numbers("1.10") > numbers("1.9"));
    }
}

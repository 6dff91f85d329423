//! `advisory.audit`: does the release contain a known vulnerability?

use std::fmt::Write as _;

use avouch_advise::{Asked as AuditAsked, Bom, Counted, Facts, Finding, Ignore, Rating, Report, conclude, count, matches};
use avouch_model::{
    Digest, Span, Timestamp,
    observation::{Population, PositiveControl},
    state::Verdict,
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World, advisories,
    parameters::one,
    sources::{FILE_BYTES_MAX, bytes, chain},
};

/// How many findings are kept; all that fail or may fail come first.
const FINDINGS_MAX: usize = 200;

/// See the module.
pub(super) struct AdvisoryAudit;

/// Which advisories, and from where on they count.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The database: a folder or a file, relative to the product's folder.
    advisories: String,
    #[serde(default = "fail_on")]
    fail_on: Rating,
    #[serde(default = "max_age")]
    max_age: Span,
    /// The ignores, a file of the release.
    #[serde(default = "ignores")]
    ignores: String,
    #[serde(default = "one")]
    components_min: u64,
}

const fn fail_on() -> Rating {
    Rating::Low
}

const fn max_age() -> Span {
    Span::Seconds(7 * 86_400)
}

fn ignores() -> String {
    "advisories.toml".to_owned()
}

/// The release's bill of materials, the database, and what it says of the components.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// When it was looked up.
    now: Timestamp,
    /// The bill of the current release on record; none where there is none.
    bom: Option<Digest>,
    /// Why something may be missing in the bill, where it says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    incomplete: Option<String>,
    database: Facts,
    counted: Counted,
    findings: Vec<Finding>,
    /// How many findings more there are than are kept.
    more: u64,
    ignores: Vec<Ignore>,
}

impl Question for AdvisoryAudit {
    const ID: &'static str = "advisory.audit";
    const QUESTION: &'static str = "Does the release contain a known vulnerability?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/advisory-audit.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut seen = Seen {
            now: world.now,
            bom: None,
            incomplete: None,
            database: Facts::default(),
            counted: Counted::default(),
            findings: Vec::new(),
            more: 0,
            ignores: read_ignores(world, asked)?,
        };
        let Some((digest, bom)) = recorded(world)? else { return Ok(seen) };
        let path = world.folder.root().join(&asked.advisories);
        let database = advisories::load(&path).map_err(|error| Unasked(chain(&error)))?;
        seen.bom = Some(digest);
        seen.incomplete.clone_from(&bom.incomplete);
        seen.database = database.facts().clone();
        seen.counted = count(&bom.components);
        seen.findings = matches(&database, &bom.components);
        seen.more = seen.findings.len().saturating_sub(FINDINGS_MAX) as u64;
        seen.findings.truncate(FINDINGS_MAX);
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let question = AuditAsked { fail_on: asked.fail_on, max_age: asked.max_age, now: seen.now };
        let mut report = conclude(seen.database.clone(), seen.counted.clone(), seen.findings.clone(), &seen.ignores, &question);
        if let Some(why) = &seen.incomplete {
            report.doubt(why.clone());
        }
        if seen.more > 0 {
            report.doubt(format!("{} findings more are not in the transcript", seen.more));
        }
        let examined = if seen.bom.is_some() { seen.counted.examined() } else { 0 };
        let population = Population { examined, required: asked.components_min.max(1) };
        if examined == 0 {
            return Judgement::decide(population, PositiveControl::NotNeeded, Vec::new(), "");
        }
        let (control, findings) = match report.verdict {
            Verdict::NotSatisfied => (PositiveControl::NotNeeded, report.failing(asked.fail_on).map(told).collect()),
            // The question could not be answered: nothing that would hold a pass up may be missing.
            Verdict::CouldNotTell => (PositiveControl::Broken, report.doubts.clone()),
            Verdict::Satisfied => (PositiveControl::Held, Vec::new()),
        };
        Judgement::decide(population, control, findings, sentence(&report, asked))
    }
}

/// The bill in JSON of the current release, the last that was recorded.
fn recorded(world: &World<'_>) -> Result<Option<(Digest, Bom)>, Unasked> {
    let Some(release) = world.release else { return Ok(None) };
    let same = world.releases.iter().rev().filter(|(record, _)| record.release == *release);
    for (record, boms) in same {
        let json = record.boms.iter().filter(|bom| bom.file.ends_with(".json"));
        for (digest, bytes) in json.flat_map(|bom| boms.iter().map(|bytes| (bom.digest, bytes))) {
            if Digest::of(bytes) != digest {
                continue;
            }
            // A bill of another standard may lie beside it.
            if let Ok(bom) = Bom::read(bytes) {
                return Ok(Some((digest, bom)));
            }
        }
        if !record.boms.is_empty() {
            return Err(Unasked("the bill of materials of the release cannot be read from the record".to_owned()));
        }
    }
    Ok(None)
}

fn read_ignores(world: &World<'_>, asked: &Asked) -> Result<Vec<Ignore>, Unasked> {
    let Some(bytes) = bytes(world.tree, &asked.ignores, FILE_BYTES_MAX)? else { return Ok(Vec::new()) };
    let text = String::from_utf8(bytes).map_err(|_| Unasked(format!("`{}` is not UTF-8", asked.ignores)))?;
    avouch_advise::read_ignores(&asked.ignores, &text, world.now.day()).map_err(|error| Unasked(error.to_string()))
}

/// A finding that fails, as a sentence.
fn told(finding: &Finding) -> String {
    let mut text = format!("{} ({})", finding.id, finding.severity.name());
    let open = finding.components.iter().filter(|component| component.ignored.is_none());
    for (place, component) in open.take(10).enumerate() {
        let version = component.version.as_deref().unwrap_or_default();
        let _ = write!(text, "{} {} {version}", if place == 0 { ":" } else { "," }, component.name);
        if let Some(fixed) = component.fixed.first() {
            let _ = write!(text, " (fixed in {fixed})");
        }
    }
    text
}

/// What a pass says: which database, how old, and what was let pass.
fn sentence(report: &Report, asked: &Asked) -> String {
    let facts = &report.database;
    let used = facts.ecosystems.iter().filter(|(name, _)| report.counted.ecosystems.contains_key(*name));
    let each: Vec<String> = used
        .map(|(name, known)| {
            let newest = known.newest.map(|newest| newest.day().to_string()).unwrap_or_default();
            format!("{} for {name}, the newest of {newest}", known.advisories)
        })
        .collect();
    let mut text = format!(
        "None of the {} components has a known vulnerability of severity {} or above, by {} advisories ({}; database {}).",
        report.counted.examined(),
        asked.fail_on,
        facts.advisories,
        each.join(", "),
        facts.digest.map(|digest| digest.short()).unwrap_or_default()
    );
    let ignored = report.findings.iter().filter(|finding| finding.components.iter().any(|component| component.ignored.is_some()));
    let count = ignored.count();
    if count > 0 {
        let _ = write!(text, " {count} findings are ignored, each with a reason and an end.");
    }
    text
}

const ASKED: &str = r#"{"advisories":"osv","fail_on":"high"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "no component has a version that an advisory names",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"findings":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Pass,
    },
    Example {
        name: "a component has a vulnerability of that severity",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"findings":[{"id":"GHSA-1","aliases":[],"summary":"Injection","class":"vulnerability","severity":{"rating":"high","tenths":75,"vector":null},"components":[{"reference":"a","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0","scope":"required","certainty":"certain","fixed":["1.0.1"]}]}],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Fail,
    },
    Example {
        name: "nobody says how grave it is",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"findings":[{"id":"GHSA-1","aliases":[],"summary":"","class":"vulnerability","severity":{"rating":null,"tenths":null,"vector":null},"components":[{"reference":"a","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0","scope":"required","certainty":"certain","fixed":[]}]}],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Fail,
    },
    Example {
        name: "the ignore of the finding is over",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"findings":[{"id":"GHSA-1","aliases":[],"summary":"","class":"vulnerability","severity":{"rating":"critical","tenths":98,"vector":null},"components":[{"reference":"a","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0","scope":"required","certainty":"certain","fixed":[]}]}],"more":0,"ignores":[{"id":"GHSA-1","package":null,"reason":"r","owner":"security","expires":"2026-11-21"}]}"#,
        outcome: avouch_model::state::Outcome::Fail,
    },
    Example {
        name: "the finding is ignored through today",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"findings":[{"id":"GHSA-1","aliases":[],"summary":"","class":"vulnerability","severity":{"rating":"critical","tenths":98,"vector":null},"components":[{"reference":"a","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0","scope":"required","certainty":"certain","fixed":[]}]}],"more":0,"ignores":[{"id":"GHSA-1","package":null,"reason":"r","owner":"security","expires":"2026-11-22"}]}"#,
        outcome: avouch_model::state::Outcome::Pass,
    },
    Example {
        name: "the newest advisory is older than is allowed",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-01T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"findings":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Error,
    },
    Example {
        name: "the database has nothing on an ecosystem of the release",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"crates.io":2,"npm":210},"without_identity":0},"findings":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Error,
    },
    Example {
        name: "a copy from a git repository may have it",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"findings":[{"id":"GHSA-1","aliases":[],"summary":"","class":"vulnerability","severity":{"rating":"high","tenths":75,"vector":null},"components":[{"reference":"a","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0?vcs_url=x","scope":"required","certainty":"possible","fixed":[]}]}],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Error,
    },
    Example {
        name: "the bill of materials says that it is incomplete",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","incomplete":"the bill of materials says that it is incomplete (`incomplete`), may be missing: b/yarn.lock (it is damaged)","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"findings":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Error,
    },
    Example {
        name: "a package of the bill has no package URL",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":213,"ecosystems":{"npm":212},"without_identity":1,"unidentified":1,"unidentified_names":["openssl 3.0.0"]},"findings":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Error,
    },
    Example {
        name: "the release has no bill of materials on record",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":null,"database":{"digest":null,"files":0,"advisories":0,"withdrawn":0,"ecosystems":{},"unreadable":0,"unreadable_names":[]},"counted":{"components":0,"ecosystems":{},"without_identity":0},"findings":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::NotExercised,
    },
    Example {
        name: "nothing in the bill has an identity that advisories know",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":4,"ecosystems":{},"without_identity":4},"findings":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use avouch_model::{
        payload::{Bom as BomRecord, ReleaseRecord},
        release::Release,
        state::Outcome,
    };

    use super::*;
    use crate::testing::Scene;

    const BOM: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"left","version":"1.0.0","purl":"pkg:npm/left@1.0.0"}]}"#;
    const RECORD: &str = r#"{"id":"GHSA-1","modified":"2026-11-20T00:00:00Z","database_specific":{"severity":"HIGH"},"affected":[{"package":{"ecosystem":"npm","name":"left"},"versions":["1.0.0"]}]}"#;

    fn judged(record: &str, ignores: Option<&str>) -> Result<Judgement, Unasked> {
        judged_of(BOM, record, ignores)
    }

    fn judged_of(bom: &str, record: &str, ignores: Option<&str>) -> Result<Judgement, Unasked> {
        let release = Release { version: "1.0.0".into(), commit: "0".repeat(40), tag: Some("v1.0.0".into()) };
        let recorded = ReleaseRecord {
            v: 1,
            release: release.clone(),
            dirty: false,
            committed: "2026-11-18T09:00:00Z".parse().unwrap(),
            lockfiles: Default::default(),
            boms: vec![BomRecord {
                file: "bom.json".into(),
                spec: "1.6".into(),
                digest: Digest::of(bom.as_bytes()),
                components: 1,
            }],
        };
        let scene = Scene {
            release: Some(release),
            folder: [("osv/a.json".to_owned(), record.to_owned())].into(),
            releases: vec![(recorded, vec![bom.as_bytes().to_vec()])],
            ..Scene::of(ignores.map(|text| ("advisories.toml", text)))
        };
        let asked: Asked = serde_json::from_str(ASKED).unwrap();
        let seen = scene.with(|world| AdvisoryAudit::gather(world, &asked))?;
        Ok(AdvisoryAudit::judge(&seen, &asked))
    }

    #[test]
    fn the_recorded_bill_is_held_against_the_folder_of_advisories() {
        let failed = judged(RECORD, None).unwrap();
        assert_eq!((failed.outcome, failed.findings.as_slice()), (Outcome::Fail, &["GHSA-1 (high): left 1.0.0".to_owned()][..]));
        let passed = judged(&RECORD.replace(r#"["1.0.0"]"#, r#"["0.9.0"]"#), None).unwrap();
        assert_eq!(passed.outcome, Outcome::Pass);
        assert!(passed.seen.contains("1 for npm, the newest of 2026-11-20; database "), "{}", passed.seen);
        let ignore = "[[ignore]]\nid = \"GHSA-1\"\nreason = \"r\"\nowner = \"security\"\nexpires = 2026-12-01\n";
        let ignored = judged(RECORD, Some(ignore)).unwrap();
        assert!(ignored.outcome == Outcome::Pass && ignored.seen.contains("1 findings are ignored"), "{}", ignored.seen);
        assert!(judged(RECORD, Some("[[ignore]]\nid = \"GHSA-1\"\n")).is_err());
        assert_eq!(judged("{", None).unwrap().outcome, Outcome::Error);
    }

    #[test]
    fn a_bill_that_says_it_is_incomplete_or_names_no_package_urls_is_no_pass() {
        let clean = RECORD.replace(r#"["1.0.0"]"#, r#"["0.9.0"]"#);
        let incomplete = BOM.replace(r#""components""#, r#""compositions":[{"aggregate":"incomplete"}],"components""#);
        let judgement = judged_of(&incomplete, &clean, None).unwrap();
        assert_eq!(judgement.outcome, Outcome::Error);
        assert!(judgement.findings[0].contains("says that it is incomplete"), "{:?}", judgement.findings);
        let unidentified = BOM.replace(r#""components":["#, r#""components":[{"type":"library","name":"openssl"},"#);
        assert_eq!(judged_of(&unidentified, &clean, None).unwrap().outcome, Outcome::Error);
        assert_eq!(judged_of(&incomplete, RECORD, None).unwrap().outcome, Outcome::Fail);
    }
}

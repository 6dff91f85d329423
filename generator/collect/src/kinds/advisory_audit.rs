//! `advisory.audit`: does the release contain a known vulnerability?

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use avouch_advise::{Asked as AuditAsked, Bom, Counted, Facts, Ignore, Match, Rating, Report, conclude, count, matches};
use avouch_model::{
    Digest, Span, Timestamp,
    decision::Decision,
    observation::{Population, PositiveControl},
    state::Verdict,
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World, advisories,
    parameters::{Globs, one},
    sources::chain,
};

/// How many matches are kept; all that fail or may fail come first.
const MATCHES_MAX: usize = 200;

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
    #[serde(default = "one")]
    components_min: u64,
    /// The packages that are asked about, by name; otherwise all.
    packages: Option<Globs>,
}

const fn fail_on() -> Rating {
    Rating::Low
}

const fn max_age() -> Span {
    Span::Seconds(7 * 86_400)
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
    matches: Vec<Match>,
    /// How many matches more there are than are kept.
    more: u64,
    /// The signed decisions to ignore something, in the newest version of each.
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
            matches: Vec::new(),
            more: 0,
            ignores: ignores(world),
        };
        let Some((digest, mut bom)) = recorded(world)? else { return Ok(seen) };
        if let Some(packages) = &asked.packages {
            bom.components.retain(|component| packages.matches(&component.name));
        }
        let path = world.folder.root().join(&asked.advisories);
        let database = advisories::load(&path).map_err(|error| Unasked(chain(&error)))?;
        seen.bom = Some(digest);
        seen.incomplete.clone_from(&bom.incomplete);
        seen.database = database.facts().clone();
        seen.counted = count(&bom.components);
        seen.matches = matches(&database, &bom.components);
        seen.more = seen.matches.len().saturating_sub(MATCHES_MAX) as u64;
        seen.matches.truncate(MATCHES_MAX);
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let question = AuditAsked { fail_on: asked.fail_on, max_age: asked.max_age, now: seen.now };
        let mut report = conclude(seen.database.clone(), seen.counted.clone(), seen.matches.clone(), &seen.ignores, &question);
        if let Some(why) = &seen.incomplete {
            report.doubt(why.clone());
        }
        if seen.more > 0 {
            report.doubt(format!("{} more that advisories tell are not in the transcript", seen.more));
        }
        let population = Population { examined: report.examined(), required: asked.components_min.max(1) };
        if seen.bom.is_none() || seen.counted.identified() == 0 {
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
    let same = world.releases.unwrap_or_default().iter().rev().filter(|(record, _)| record.release == *release);
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

/// The decisions of the record to ignore something: of each the newest that was recorded before this run. What was ended by
/// its own day is among them, because it is told.
fn ignores(world: &World<'_>) -> Vec<Ignore> {
    let recorded = world.decisions.iter().filter(|(at, _)| *at <= world.now);
    let newest: BTreeMap<&str, &Decision> = recorded
        .filter(|(_, decision)| matches!(decision, Decision::Ignore { .. }))
        .map(|(_, decision)| (decision.subject(), decision))
        .collect();
    newest.into_values().filter_map(Ignore::of).collect()
}

/// A match that fails, as a sentence.
fn told(matched: &Match) -> String {
    let mut text = format!("{} ({})", matched.id, matched.severity.name());
    let open = matched.components.iter().filter(|component| component.ignored.is_none());
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
    let ignored = ignored(report);
    let mut text = format!(
        "None of the {} components has a known vulnerability of severity {} or above{}, by {} advisories ({}; database {}).",
        report.examined(),
        asked.fail_on,
        if ignored.is_empty() { "" } else { " besides those that are ignored" },
        facts.advisories,
        each.join(", "),
        facts.digest.map(|digest| digest.short()).unwrap_or_default()
    );
    if !ignored.is_empty() {
        let _ = write!(text, " Ignored: {}.", ignored.join("; "));
    }
    if !report.warnings.is_empty() {
        let _ = write!(text, " Told besides: {}.", report.warnings.join("; "));
    }
    text
}

/// What is let pass, until when and by whose decision, as published as the decision itself.
fn ignored(report: &Report) -> Vec<String> {
    let mut told = BTreeSet::new();
    for matched in &report.matches {
        for (component, ignored) in matched.components.iter().filter_map(|one| Some((one, one.ignored.as_ref()?))) {
            let mut text = format!("{} in {} through {}", matched.id, component.name, ignored.expires);
            if let Some(approved) = &ignored.approved {
                let _ = write!(text, " ({}, approved by {})", approved.decision, approved.by);
            }
            told.insert(text);
        }
    }
    told.into_iter().collect()
}

const ASKED: &str = r#"{"advisories":"osv","fail_on":"high"}"#;

const FAMILY: &str = r#"{"advisories":"osv","packages":["@orpc/*"],"components_min":2}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "no component has a version that an advisory names",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"matches":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Pass,
    },
    Example {
        name: "a component has a vulnerability of that severity",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"matches":[{"id":"GHSA-1","aliases":[],"summary":"Injection","class":"vulnerability","severity":{"rating":"high","tenths":75,"vector":null},"components":[{"reference":"a","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0","scope":"required","certainty":"certain","fixed":["1.0.1"]}]}],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Fail,
    },
    Example {
        name: "a pinned package has an advisory of that severity",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"matches":[{"id":"GHSA-gpj5-g38j-94v9","aliases":[],"summary":"","class":"vulnerability","severity":{"rating":"high","tenths":75,"vector":null},"components":[{"reference":"d","name":"drizzle-orm","version":"0.44.7","purl":"pkg:npm/drizzle-orm@0.44.7","scope":"required","certainty":"certain","fixed":["0.45.2"]}]}],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Fail,
    },
    Example {
        name: "no package of a family has an advisory",
        asked: FAMILY,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":2,"ecosystems":{"npm":2},"without_identity":0},"matches":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Pass,
    },
    Example {
        name: "a package of a family has an advisory",
        asked: FAMILY,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":2,"ecosystems":{"npm":2},"without_identity":0},"matches":[{"id":"GHSA-gpj5-g38j-94v9","aliases":[],"summary":"","class":"vulnerability","severity":{"rating":"high","tenths":75,"vector":null},"components":[{"reference":"d","name":"@orpc/client","version":"1.14.0","purl":"pkg:npm/@orpc/client@1.14.0","scope":"required","certainty":"certain","fixed":["1.14.1"]}]}],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Fail,
    },
    Example {
        name: "no package of the family is in the release",
        asked: FAMILY,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":0,"ecosystems":{"npm":0},"without_identity":0},"matches":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::NotExercised,
    },
    Example {
        name: "nobody says how grave it is",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"matches":[{"id":"GHSA-1","aliases":[],"summary":"","class":"vulnerability","severity":{"rating":null,"tenths":null,"vector":null},"components":[{"reference":"a","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0","scope":"required","certainty":"certain","fixed":[]}]}],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Fail,
    },
    Example {
        name: "the ignore of what was found is over",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"matches":[{"id":"GHSA-1","aliases":[],"summary":"","class":"vulnerability","severity":{"rating":"critical","tenths":98,"vector":null},"components":[{"reference":"a","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0","scope":"required","certainty":"certain","fixed":[]}]}],"more":0,"ignores":[{"advisory":"GHSA-1","package":null,"reason":"r","owner":"security","expires":"2026-11-21","approved":{"decision":"I-1","by":"board"}}]}"#,
        outcome: avouch_model::state::Outcome::Fail,
    },
    Example {
        name: "what was found is ignored through today",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"matches":[{"id":"GHSA-1","aliases":[],"summary":"","class":"vulnerability","severity":{"rating":"critical","tenths":98,"vector":null},"components":[{"reference":"a","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0","scope":"required","certainty":"certain","fixed":[]}]}],"more":0,"ignores":[{"advisory":"GHSA-1","package":null,"reason":"r","owner":"security","expires":"2026-11-22","approved":{"decision":"I-1","by":"board"}}]}"#,
        outcome: avouch_model::state::Outcome::Pass,
    },
    Example {
        name: "the newest advisory is older than is allowed",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-01T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"matches":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Error,
    },
    Example {
        name: "the database has nothing on an ecosystem of the release",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"crates.io":2,"npm":210},"without_identity":0},"matches":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Error,
    },
    Example {
        name: "a copy from a git repository may have it",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"matches":[{"id":"GHSA-1","aliases":[],"summary":"","class":"vulnerability","severity":{"rating":"high","tenths":75,"vector":null},"components":[{"reference":"a","name":"a","version":"1.0.0","purl":"pkg:npm/a@1.0.0?vcs_url=x","scope":"required","certainty":"possible","fixed":[]}]}],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Error,
    },
    Example {
        name: "the bill of materials says that it is incomplete",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","incomplete":"the bill of materials says that it is incomplete (`incomplete`), may be missing: b/yarn.lock (it is damaged)","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":212,"ecosystems":{"npm":212},"without_identity":0},"matches":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Error,
    },
    Example {
        name: "a package of the bill has no package URL",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":213,"ecosystems":{"npm":212},"without_identity":1,"unidentified":1,"unidentified_names":["openssl 3.0.0"]},"matches":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::Error,
    },
    Example {
        name: "the release has no bill of materials on record",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":null,"database":{"digest":null,"files":0,"advisories":0,"withdrawn":0,"ecosystems":{},"unreadable":0,"unreadable_names":[]},"counted":{"components":0,"ecosystems":{},"without_identity":0},"matches":[],"more":0,"ignores":[]}"#,
        outcome: avouch_model::state::Outcome::NotExercised,
    },
    Example {
        name: "nothing in the bill has an identity that advisories know",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","bom":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","database":{"digest":null,"files":1,"advisories":3000,"withdrawn":2,"ecosystems":{"npm":{"advisories":3000,"newest":"2026-11-21T00:00:00Z"}},"unreadable":0,"unreadable_names":[]},"counted":{"components":4,"ecosystems":{},"without_identity":4},"matches":[],"more":0,"ignores":[]}"#,
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

    fn judged(record: &str, decisions: &[(&str, Decision)]) -> Result<Judgement, Unasked> {
        judged_of(BOM, record, decisions)
    }

    fn judged_of(bom: &str, record: &str, decisions: &[(&str, Decision)]) -> Result<Judgement, Unasked> {
        judged_as(ASKED, bom, record, decisions)
    }

    fn judged_as(asked: &str, bom: &str, record: &str, decisions: &[(&str, Decision)]) -> Result<Judgement, Unasked> {
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
            decisions: decisions.iter().map(|(at, decision)| (at.parse().unwrap(), decision.clone())).collect(),
            ..Scene::default()
        };
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = scene.with(|world| AdvisoryAudit::gather(world, &asked))?;
        Ok(AdvisoryAudit::judge(&seen, &asked))
    }

    #[test]
    fn the_recorded_bill_is_held_against_the_folder_of_advisories() {
        let failed = judged(RECORD, &[]).unwrap();
        assert_eq!((failed.outcome, failed.findings.as_slice()), (Outcome::Fail, &["GHSA-1 (high): left 1.0.0".to_owned()][..]));
        let passed = judged(&RECORD.replace(r#"["1.0.0"]"#, r#"["0.9.0"]"#), &[]).unwrap();
        assert_eq!(passed.outcome, Outcome::Pass);
        assert!(passed.seen.contains("1 for npm, the newest of 2026-11-20; database "), "{}", passed.seen);
        assert_eq!(judged("{", &[]).unwrap().outcome, Outcome::Error);
    }

    #[test]
    fn a_signed_decision_counts_from_its_entry_and_says_until_when() {
        let ignore = |id: &str, advisory: &str, expires: &str| Decision::Ignore {
            id: id.into(),
            advisory: advisory.into(),
            package: Some("pkg:npm/left".into()),
            reason: "Never given text from outside.".into(),
            owner: "engineering".into(),
            approver: "security".into(),
            expires: expires.parse().unwrap(),
        };
        let (before, later) = ("2026-11-20T00:00:00Z", "2027-11-20T00:00:00Z");
        let passed = judged(RECORD, &[(before, ignore("I-1", "GHSA-1", "2026-12-01"))]).unwrap();
        assert_eq!(passed.outcome, Outcome::Pass);
        assert!(
            passed.seen.contains("Ignored: GHSA-1 in left through 2026-12-01 (I-1, approved by security)."),
            "{}",
            passed.seen
        );
        assert_eq!(judged(RECORD, &[(later, ignore("I-1", "GHSA-1", "2027-12-01"))]).unwrap().outcome, Outcome::Fail);
        // A later version of it takes its place.
        let replaced = [(before, ignore("I-1", "GHSA-1", "2026-12-01")), (before, ignore("I-1", "GHSA-2", "2026-12-01"))];
        assert_eq!(judged(RECORD, &replaced).unwrap().outcome, Outcome::Fail);
        let clean = RECORD.replace(r#"["1.0.0"]"#, r#"["0.9.0"]"#);
        let unneeded = judged(&clean, &[(before, ignore("I-1", "GHSA-1", "2026-12-01"))]).unwrap();
        assert!(unneeded.seen.contains("matches nothing: remove it"), "{}", unneeded.seen);
    }

    #[test]
    fn a_family_is_asked_about_by_name() {
        let bom = |other: &str| {
            let package = |name: &str, version: &str| {
                format!(r#"{{"group":"@orpc","name":"{name}","version":"{version}","purl":"pkg:npm/%40orpc/{name}@{version}"}}"#)
            };
            let (one, two) = (package("client", "1.14.0"), package("server", other));
            BOM.replace(r#""components":["#, &format!(r#""components":[{one},{two},"#))
        };
        let judged = |bom: &str, record: &str| judged_as(FAMILY, bom, record, &[]).unwrap();
        // What others have is not asked about.
        assert_eq!(judged(&bom("1.14.0"), RECORD).outcome, Outcome::Pass);
        let advised = RECORD.replace("left", "@orpc/client").replace("1.0.0", "1.14.0");
        assert_eq!(judged(&bom("1.14.0"), &advised).outcome, Outcome::Fail);
        assert_eq!(judged(BOM, RECORD).outcome, Outcome::NotExercised);
    }

    #[test]
    fn a_bill_that_says_it_is_incomplete_or_names_no_package_urls_is_no_pass() {
        let clean = RECORD.replace(r#"["1.0.0"]"#, r#"["0.9.0"]"#);
        let incomplete = BOM.replace(r#""components""#, r#""compositions":[{"aggregate":"incomplete"}],"components""#);
        let judgement = judged_of(&incomplete, &clean, &[]).unwrap();
        assert_eq!(judgement.outcome, Outcome::Error);
        assert!(judgement.findings[0].contains("says that it is incomplete"), "{:?}", judgement.findings);
        let unidentified = BOM.replace(r#""components":["#, r#""components":[{"type":"library","name":"openssl"},"#);
        assert_eq!(judged_of(&unidentified, &clean, &[]).unwrap().outcome, Outcome::Error);
        assert_eq!(judged_of(&incomplete, RECORD, &[]).unwrap().outcome, Outcome::Fail);
    }
}

//! `report.scorecard`: does OpenSSF Scorecard give the scores that are promised?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::report::sarif::parse_scorecard;
use serde::{Deserialize, Serialize};

use crate::{Example, Judgement, Question, Unasked, Vantage, World, parameters::Globs, reports};

/// See the module.
pub(super) struct ReportScorecard;

/// Which reports, and the least score of each check.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Globs,
    /// Name of the check → the least score, 0 to 10.
    checks: BTreeMap<String, i64>,
}

/// The scores; −1 where Scorecard could not tell.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    reports: u64,
    version: String,
    scores: BTreeMap<String, i64>,
    commits: BTreeSet<String>,
}

impl Question for ReportScorecard {
    const ID: &'static str = "report.scorecard";
    const QUESTION: &'static str = "Does OpenSSF Scorecard give the scores that are promised?";
    const VANTAGE: Vantage = Vantage::Report;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/report-scorecard.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.checks.is_empty() {
            return Err(Unasked("the check names no `checks` with their least scores".to_owned()));
        }
        let mut seen = Seen { reports: 0, version: String::new(), scores: BTreeMap::new(), commits: BTreeSet::new() };
        for path in reports::paths(world.folder, &asked.files)? {
            let bytes = reports::bytes(world.folder, &path)?;
            let report = parse_scorecard(&path, &bytes).map_err(|error| Unasked(error.to_string()))?;
            seen.reports += 1;
            seen.version = report.version.chars().filter(|each| !each.is_control()).take(40).collect();
            let beside = reports::beside(world.folder, &path)?;
            seen.commits.insert(reports::agreed(&path, report.commit.as_deref(), beside.as_deref())?);
            for (name, score) in report.checks {
                if asked.checks.contains_key(&name) {
                    // Of two reports the lower score counts.
                    seen.scores.entry(name).and_modify(|known| *known = (*known).min(score)).or_insert(score);
                }
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let mut told = 0;
        for (name, least) in &asked.checks {
            match seen.scores.get(name) {
                Some(score) if *score >= 0 => {
                    told += 1;
                    if score < least {
                        findings.push(format!("`{name}` has {score} of 10; {least} are promised"));
                    }
                }
                _ => {}
            }
        }
        let mut control = PositiveControl::NotNeeded;
        let commit = reports::bind(&seen.commits, &mut findings, &mut control);
        let sentence = format!("Scorecard {} gives every promised score.", seen.version);
        // A check that Scorecard could not judge is missing from the population.
        let required = asked.checks.len() as u64;
        Judgement::decide(Population { examined: told, required }, control, findings, sentence).of_commit(commit)
    }
}

const ASKED: &str = r#"{"files":"scorecard.json","checks":{"Token-Permissions":10,"Dangerous-Workflow":10}}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "both scores are as promised",
        asked: ASKED,
        seen: r#"{"reports":1,"version":"v5.5.0","scores":{"Token-Permissions":10,"Dangerous-Workflow":10},"commits":["c0"]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one score is lower",
        asked: ASKED,
        seen: r#"{"reports":1,"version":"v5.5.0","scores":{"Token-Permissions":0,"Dangerous-Workflow":10},"commits":["c0"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "Scorecard could not tell one of them",
        asked: ASKED,
        seen: r#"{"reports":1,"version":"v5.5.0","scores":{"Token-Permissions":-1,"Dangerous-Workflow":10},"commits":["c0"]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "the reports are of two commits",
        asked: ASKED,
        seen: r#"{"reports":2,"version":"v5.5.0","scores":{"Token-Permissions":10,"Dangerous-Workflow":10},"commits":["c0","c1"]}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn scores_are_read_from_the_report() {
        let asked: Asked = serde_json::from_str(ASKED).unwrap();
        let text = r#"{"repo":{"commit":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},"scorecard":{"version":"v5"},
            "checks":[{"name":"Token-Permissions","score":10},{"name":"Dangerous-Workflow","score":9},{"name":"SAST","score":0}]}"#;
        let scene = Scene { folder: [("scorecard.json".to_owned(), text.to_owned())].into(), ..Scene::default() };
        let seen = scene.with(|world| ReportScorecard::gather(world, &asked)).unwrap();
        let judged = ReportScorecard::judge(&seen, &asked);
        assert_eq!((judged.outcome, judged.findings.len()), (Outcome::Fail, 1));
        assert_eq!(judged.commit, Some("a".repeat(40)));
        let beside = ("scorecard.json.commit".to_owned(), "b".repeat(40));
        let contradicted = Scene { folder: [("scorecard.json".to_owned(), text.to_owned()), beside].into(), ..Scene::default() };
        let refused = contradicted.with(|world| ReportScorecard::gather(world, &asked)).unwrap_err();
        assert_eq!(refused.0, "`scorecard.json` and `scorecard.json.commit` name different commits");
        let none: Asked = serde_json::from_str(r#"{"files":"x","checks":{}}"#).unwrap();
        assert!(scene.with(|world| ReportScorecard::gather(world, &none)).is_err());
    }
}

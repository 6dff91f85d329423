//! `report.findings`: did the scanners look, and find nothing grave?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::report::sarif::{self, Level, Run};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern, one},
    pipelines::Allowed,
    reports,
};

/// How many findings a transcript keeps of a run.
const FINDINGS_MAX: usize = 200;

/// See the module.
pub(super) struct ReportFindings;

/// Which reports, and what counts in them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Globs,
    /// Runs of this tool only.
    tool: Option<Pattern>,
    /// Findings of these rules only.
    rules: Option<Pattern>,
    /// A planted finding: each run has one of such a rule, which shows that it looked, and they do not count.
    control: Option<Pattern>,
    /// What is as grave, or graver, fails.
    #[serde(default = "warning")]
    level: Level,
    /// Findings that are accepted: `what` is the rule, `files` the file.
    #[serde(default)]
    allowed: Vec<Allowed>,
    /// Whether suppressions within the report are heeded.
    #[serde(default = "yes")]
    suppressions: bool,
    /// Findings that are left over at most.
    #[serde(default)]
    findings_max: u64,
    #[serde(default = "one")]
    runs_min: u64,
}

const fn warning() -> Level {
    Level::Warning
}

const fn yes() -> bool {
    true
}

/// The runs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    reports: u64,
    runs: Vec<RunSeen>,
    /// The commits that the reports name; an empty one for a report that names none.
    commits: BTreeSet<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunSeen {
    file: String,
    tool: String,
    version: String,
    rules: u64,
    /// Whether the run shows that it looked.
    looked: bool,
    /// How many findings there are of each level, and how many of them are suppressed.
    levels: BTreeMap<Level, u64>,
    suppressed: u64,
    /// Those that count: rule, `file:line`.
    grave: Vec<(String, String)>,
    /// How many more count than are kept.
    more: u64,
}

impl Question for ReportFindings {
    const ID: &'static str = "report.findings";
    const QUESTION: &'static str = "Did the scanners look, and find nothing grave?";
    const VANTAGE: Vantage = Vantage::Report;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/report-findings.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut seen = Seen { reports: 0, runs: vec![], commits: BTreeSet::new() };
        for path in reports::paths(world.folder, &asked.files)? {
            let bytes = reports::bytes(world.folder, &path)?;
            let sarif = sarif::parse(&path, &bytes).map_err(|error| Unasked(error.to_string()))?;
            seen.reports += 1;
            let beside = reports::beside(world.folder, &path)?;
            for run in &sarif.runs {
                if asked.tool.as_ref().is_some_and(|tool| !tool.is_match(&run.tool)) {
                    continue;
                }
                seen.commits.insert(reports::agreed(&path, run.commit.as_deref(), beside.as_deref())?);
                seen.runs.push(see(&path, run, asked));
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let total: u64 = seen.runs.iter().map(|run| run.grave.len() as u64 + run.more).sum();
        if total > asked.findings_max {
            for run in seen.runs.iter().filter(|run| !run.grave.is_empty()) {
                let shown: Vec<_> = run.grave.iter().take(10).map(|(rule, place)| format!("`{rule}` at {place}")).collect();
                let count = run.grave.len() as u64 + run.more;
                findings.push(format!("{} found {count}: {}", run.tool, shown.join(", ")));
            }
        }
        // A run that cannot show that it looked found nothing because of that.
        let idle: Vec<&RunSeen> = seen.runs.iter().filter(|run| !run.looked).collect();
        let mut control = PositiveControl::NotNeeded;
        if findings.is_empty()
            && let Some(run) = idle.first()
        {
            findings.push(format!(
                "`{}` does not show that {} looked at anything: its run failed, or {}",
                run.file,
                run.tool,
                if asked.control.is_some() { "the planted finding is not there" } else { "names no rule and no success" }
            ));
            control = PositiveControl::Broken;
        }
        let commit = reports::bind(&seen.commits, &mut findings, &mut control);
        let tools: BTreeSet<String> =
            seen.runs.iter().map(|run| format!("{} {}", run.tool, run.version).trim().to_owned()).collect();
        let looked = seen.runs.iter().filter(|run| run.looked).count() as u64;
        let sentence = format!("{} found nothing of this gravity.", tools.into_iter().collect::<Vec<_>>().join(", "));
        Judgement::decide(Population { examined: looked, required: asked.runs_min }, control, findings, sentence)
            .of_commit(commit)
    }
}

fn see(path: &str, run: &Run, asked: &Asked) -> RunSeen {
    let planted = |rule: &str| asked.control.as_ref().is_some_and(|control| control.is_match(rule));
    let found = asked.control.is_none() || run.results.iter().any(|finding| planted(&finding.rule));
    let mut seen = RunSeen {
        file: path.to_owned(),
        tool: short(&run.tool),
        version: short(&run.version),
        rules: run.rules,
        looked: run.looked() && found,
        levels: BTreeMap::new(),
        suppressed: 0,
        grave: vec![],
        more: run.more,
    };
    for finding in &run.results {
        *seen.levels.entry(finding.level).or_default() += 1;
        seen.suppressed += u64::from(finding.suppressed);
        let excused =
            (asked.suppressions && finding.suppressed) || Allowed::any(&asked.allowed, &finding.file, "", &finding.rule);
        let meant = asked.rules.as_ref().is_none_or(|rules| rules.is_match(&finding.rule));
        if finding.level < asked.level || !meant || excused || planted(&finding.rule) {
            continue;
        }
        if seen.grave.len() < FINDINGS_MAX {
            seen.grave.push((short(&finding.rule), format!("{}:{}", short(&finding.file), finding.line)));
        } else {
            seen.more += 1;
        }
    }
    seen
}

/// What strangers wrote, cut off where it gets long.
fn short(text: &str) -> String {
    text.chars().filter(|each| !each.is_control()).take(160).collect()
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "zizmor looked and found nothing",
        asked: r#"{"files":"zizmor.sarif"}"#,
        seen: r#"{"reports":1,"runs":[{"file":"zizmor.sarif","tool":"zizmor","version":"1.32.0","rules":0,"looked":true,"levels":{},"suppressed":0,"grave":[],"more":0}],"commits":["c0"]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "zizmor found something, whatever it ended with",
        asked: r#"{"files":"zizmor.sarif"}"#,
        seen: r#"{"reports":1,"runs":[{"file":"zizmor.sarif","tool":"zizmor","version":"1.32.0","rules":1,"looked":true,"levels":{"error":1},"suppressed":0,"grave":[["zizmor/unpinned-uses","ci.yml:3"]],"more":0}],"commits":["c0"]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a run without results, rules and a word of success",
        asked: r#"{"files":"zizmor.sarif"}"#,
        seen: r#"{"reports":1,"runs":[{"file":"zizmor.sarif","tool":"zizmor","version":"1.32.0","rules":0,"looked":false,"levels":{},"suppressed":0,"grave":[],"more":0}],"commits":["c0"]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "there is no report",
        asked: r#"{"files":"zizmor.sarif"}"#,
        seen: r#"{"reports":0,"runs":[],"commits":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(files: &[(&str, String)], asked: &str) -> Result<Judgement, Unasked> {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let folder = files.iter().map(|(path, text)| ((*path).to_owned(), text.clone())).collect();
        let scene = Scene { folder, ..Scene::default() };
        scene.with(|world| ReportFindings::gather(world, &asked)).map(|seen| ReportFindings::judge(&seen, &asked))
    }

    fn report(results: &str) -> String {
        format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"zizmor","version":"1"}}}},"invocations":[{{"executionSuccessful":true}}],"results":[{results}]}}]}}"#
        )
    }

    const FOUND: &str = r#"{"ruleId":"zizmor/x","level":"error","locations":[{"physicalLocation":{"artifactLocation":{"uri":"a/b.yml"},"region":{"startLine":3}}}]}"#;

    #[test]
    fn findings_count_and_the_commit_comes_from_beside() {
        let commit = ("r.sarif.commit", "a".repeat(40));
        let of = |results: &str, asked: &str| judge(&[("r.sarif", report(results)), commit.clone()], asked).unwrap();
        let clean = of("", r#"{"files":"*.sarif"}"#);
        assert_eq!((clean.outcome, clean.commit), (Outcome::Pass, Some("a".repeat(40))));
        assert_eq!(of(FOUND, r#"{"files":"*.sarif"}"#).outcome, Outcome::Fail);
        for fine in [
            r#"{"files":"*.sarif","allowed":[{"what":"zizmor/*","files":"a/*.yml","reason":"agreed"}]}"#,
            r#"{"files":"*.sarif","rules":"other"}"#,
            r#"{"files":"*.sarif","findings_max":1}"#,
        ] {
            assert_eq!(of(FOUND, fine).outcome, Outcome::Pass, "{fine}");
        }
        assert_eq!(of(&FOUND.replace("error", "note"), r#"{"files":"*.sarif"}"#).outcome, Outcome::Pass);
        assert_eq!(of(&FOUND.replace("error", "note"), r#"{"files":"*.sarif","level":"note"}"#).outcome, Outcome::Fail);
        assert_eq!(of("", r#"{"files":"*.sarif","tool":"CodeQL"}"#).outcome, Outcome::NotExercised);
    }

    #[test]
    fn a_planted_finding_shows_that_a_scanner_looked_and_does_not_count() {
        let spectral = |codes: &[&str]| -> String {
            let each: Vec<String> =
                codes.iter().map(|code| format!(r#"{{"code":"{code}","severity":1,"source":"openapi.yaml"}}"#)).collect();
            format!("[{}]", each.join(","))
        };
        let of = |codes: &[&str], asked: &str| judge(&[("s.json", spectral(codes))], asked).unwrap().outcome;
        let planted = r#"{"files":"s.json","control":"^planted$"}"#;
        assert_eq!(of(&["planted"], planted), Outcome::Pass);
        assert_eq!(of(&["planted", "owasp:api8:2023-no-server-http"], planted), Outcome::Fail);
        assert_eq!(of(&[], planted), Outcome::Error);
        assert_eq!(of(&[], r#"{"files":"s.json"}"#), Outcome::Error);
        assert_eq!(of(&["owasp:api8:2023-no-server-http"], r#"{"files":"s.json","rules":"^owasp:api2:"}"#), Outcome::Pass);
    }

    #[test]
    fn an_alert_of_zap_counts_unless_it_is_marked_as_false() {
        let zap = |risk: &str, confidence: &str| {
            let alert = format!(
                r#"{{"pluginid":"40018","alertRef":"40018","riskcode":"{risk}","confidence":"{confidence}","instances":[{{"uri":"https://a/b"}}]}}"#
            );
            format!(r#"{{"@version":"2.16.1","site":[{{"@name":"https://a","alerts":[{alert}]}}]}}"#)
        };
        for (risk, confidence, outcome) in
            [("3", "2", Outcome::Fail), ("2", "1", Outcome::Fail), ("1", "3", Outcome::Pass), ("3", "0", Outcome::Pass)]
        {
            let judgement = judge(&[("z.json", zap(risk, confidence))], r#"{"files":"z.json","tool":"^ZAP$"}"#).unwrap();
            assert_eq!(judgement.outcome, outcome, "{risk} {confidence}");
        }
    }

    #[test]
    fn an_exit_code_is_not_asked_for_and_silence_is_no_pass() {
        let silent = report("").replace(r#""invocations":[{"executionSuccessful":true}],"#, "");
        assert_eq!(judge(&[("r.sarif", silent)], r#"{"files":"*.sarif"}"#).unwrap().outcome, Outcome::Error);
        let failed = report("").replace("true", "false");
        assert_eq!(judge(&[("r.sarif", failed)], r#"{"files":"*.sarif"}"#).unwrap().outcome, Outcome::Error);
        assert!(judge(&[("r.sarif", "{".into())], r#"{"files":"*.sarif"}"#).is_err());
        assert_eq!(judge(&[], r#"{"files":"*.sarif"}"#).unwrap().outcome, Outcome::NotExercised);
    }
}

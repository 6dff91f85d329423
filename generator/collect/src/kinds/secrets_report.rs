//! `secrets.report`: did the scanner of the pipeline find no secret in the release?

use std::collections::BTreeSet;

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::report;
use serde::{Deserialize, Serialize};

use crate::{Example, Judgement, Question, Unasked, Vantage, World, parameters::Globs, reports, sources::chain};

/// How many secrets are listed; all are counted.
const LISTED_MAX: usize = 200;

/// See the module.
pub(super) struct SecretsReportKind;

/// Which reports.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Globs,
    /// The scanner that must have written them: `gitleaks`, `trufflehog`, `detect-secrets`.
    tool: Option<String>,
    /// How many findings may have been dismissed in the reports themselves; otherwise any number.
    dismissed_max: Option<u64>,
}

/// The reports, without a value.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    reports: u64,
    tools: BTreeSet<String>,
    /// The commits that the reports name; an empty one for a report that names none.
    commits: BTreeSet<String>,
    /// The commit of the release.
    release: Option<String>,
    secrets: u64,
    listed: Vec<Listed>,
    dismissed: u64,
    failures: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    rule: String,
    path: String,
    line: u64,
}

impl Question for SecretsReportKind {
    const ID: &'static str = "secrets.report";
    const QUESTION: &'static str = "Did the scanner of the pipeline find no secret in the release?";
    const VANTAGE: Vantage = Vantage::Report;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/secrets-report.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut seen = Seen { release: world.release.map(|release| release.commit.clone()), ..Seen::default() };
        for path in reports::paths(world.folder, &asked.files)? {
            let bytes = reports::bytes(world.folder, &path)?;
            let report = report::secrets::parse(&path, &bytes).map_err(|error| Unasked(chain(&error)))?;
            let beside = reports::beside(world.folder, &path)?;
            let commit = reports::agreed(&path, report.commit.as_deref(), beside.as_deref())?;
            seen.reports += 1;
            seen.failures.extend(report.failures.into_iter().map(|failure| format!("{path}: {failure}")));
            seen.tools.insert(report.tool);
            seen.commits.insert(commit);
            for secret in report.secrets {
                if secret.dismissed {
                    seen.dismissed += 1;
                    continue;
                }
                seen.secrets += 1;
                if seen.listed.len() < LISTED_MAX {
                    let short = |text: &str| text.chars().take(300).collect();
                    seen.listed.push(Listed { rule: short(&secret.rule), path: short(&secret.path), line: secret.line });
                }
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let unusable = unusable(seen, asked);
        let mut findings: Vec<String> = seen
            .listed
            .iter()
            .map(|listed| format!("a secret by the rule `{}` at {}:{}", listed.rule, listed.path, listed.line))
            .collect();
        let rest = seen.secrets.saturating_sub(findings.len() as u64);
        if rest > 0 {
            findings.push(format!("{rest} more secrets"));
        }
        if let Some(max) = asked.dismissed_max.filter(|max| seen.dismissed > *max) {
            findings.push(format!("{} findings were dismissed in the reports; at most {max} may be", seen.dismissed));
        }
        // A run that failed on the way and found something found something.
        let broken = !unusable.is_empty() || (findings.is_empty() && !seen.failures.is_empty());
        findings.splice(0..0, unusable);
        findings.extend(seen.failures.iter().cloned());
        let control = if broken { PositiveControl::Broken } else { PositiveControl::NotNeeded };
        let tools: Vec<&str> = seen.tools.iter().map(String::as_str).collect();
        let dismissed =
            if seen.dismissed > 0 { format!("; {} findings were dismissed in it", seen.dismissed) } else { String::new() };
        let commit = reports::sole(&seen.commits);
        Judgement::decide(
            Population { examined: seen.reports, required: 1 },
            control,
            findings,
            format!("The report of {} on this commit names no secret{dismissed}.", tools.join(" and ")),
        )
        .of_commit(commit)
    }
}

/// Why the reports say nothing of the release.
fn unusable(seen: &Seen, asked: &Asked) -> Vec<String> {
    let mut why = Vec::new();
    if seen.reports == 0 {
        why.push(format!("no report is at {}; let the pipeline write it before this check", asked.files.shown()));
        return why;
    }
    if let Some(tool) = &asked.tool
        && seen.tools.iter().any(|other| !other.eq_ignore_ascii_case(tool))
    {
        why.push(format!("not every report is one of {tool}"));
    }
    if seen.commits.contains("") {
        why.push(
            "a report names no commit; write the commit that was scanned into a file beside it, with `.commit` added to its name"
                .to_owned(),
        );
    }
    let named = seen.commits.iter().filter(|commit| !commit.is_empty());
    match &seen.release {
        Some(release) if named.clone().any(|commit| commit != release) => {
            why.push("a report is of another commit than the release; scan this one".to_owned());
        }
        None if named.count() > 1 => why.push(reports::DIFFERENT.to_owned()),
        _ => {}
    }
    why
}

const ASKED: &str = r#"{"files":"reports/gitleaks.json","tool":"gitleaks"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the report of this commit names no secret",
        asked: ASKED,
        seen: r#"{"reports":1,"tools":["gitleaks"],"commits":["0123456789abcdef0123456789abcdef01234567"],"release":"0123456789abcdef0123456789abcdef01234567","secrets":0,"listed":[],"dismissed":0,"failures":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the report names a secret",
        asked: ASKED,
        seen: r#"{"reports":1,"tools":["gitleaks"],"commits":["0123456789abcdef0123456789abcdef01234567"],"release":"0123456789abcdef0123456789abcdef01234567","secrets":1,"listed":[{"rule":"jwt","path":"a.ts","line":3}],"dismissed":0,"failures":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no report",
        asked: ASKED,
        seen: r#"{"reports":0,"tools":[],"commits":[],"release":"0123456789abcdef0123456789abcdef01234567","secrets":0,"listed":[],"dismissed":0,"failures":[]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "the report is of another commit",
        asked: ASKED,
        seen: r#"{"reports":1,"tools":["gitleaks"],"commits":["89abcdef0123456789abcdef0123456789abcdef"],"release":"0123456789abcdef0123456789abcdef01234567","secrets":0,"listed":[],"dismissed":0,"failures":[]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "the report names no commit",
        asked: ASKED,
        seen: r#"{"reports":1,"tools":["gitleaks"],"commits":[""],"release":"0123456789abcdef0123456789abcdef01234567","secrets":0,"listed":[],"dismissed":0,"failures":[]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "the scan failed",
        asked: r#"{"files":"reports/trufflehog.json"}"#,
        seen: r#"{"reports":1,"tools":["trufflehog"],"commits":["0123456789abcdef0123456789abcdef01234567"],"release":"0123456789abcdef0123456789abcdef01234567","secrets":0,"listed":[],"dismissed":0,"failures":["reports/trufflehog.json: nothing in the report tells that the scan ended"]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "the report is of another scanner",
        asked: ASKED,
        seen: r#"{"reports":1,"tools":["detect-secrets"],"commits":["0123456789abcdef0123456789abcdef01234567"],"release":null,"secrets":0,"listed":[],"dismissed":0,"failures":[]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "more was dismissed than may be",
        asked: r#"{"files":"reports/detect-secrets.json","dismissed_max":0}"#,
        seen: r#"{"reports":1,"tools":["detect-secrets"],"commits":["0123456789abcdef0123456789abcdef01234567"],"release":null,"secrets":0,"listed":[],"dismissed":2,"failures":[]}"#,
        outcome: Outcome::Fail,
    },
];

#[cfg(test)]
mod tests {
    use avouch_model::release::Release;

    use super::*;
    use crate::testing::Scene;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn judge(files: &[(&str, &str)]) -> Result<Judgement, Unasked> {
        let folder = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let release = Some(Release { version: "1.0.0".into(), commit: COMMIT.into(), tag: Some("v1.0.0".into()) });
        let scene = Scene { folder: folder.collect(), release, ..Scene::default() };
        let asked: Asked = serde_json::from_str(r#"{"files":"reports/*"}"#).unwrap();
        let seen = scene.with(|world| SecretsReportKind::gather(world, &asked))?;
        Ok(SecretsReportKind::judge(&seen, &asked))
    }

    #[test]
    fn a_report_counts_for_its_commit_alone() {
        let passing = judge(&[("reports/g.json", "[]"), ("reports/g.json.commit", COMMIT)]).unwrap();
        assert_eq!((passing.outcome, passing.commit.as_deref()), (Outcome::Pass, Some(COMMIT)));
        assert_eq!(judge(&[("reports/g.json", "[]")]).unwrap().outcome, Outcome::Error);
        let other = COMMIT.replace('0', "f");
        assert_eq!(judge(&[("reports/g.json", "[]"), ("reports/g.json.commit", &other)]).unwrap().outcome, Outcome::Error);
        assert_eq!(judge(&[]).unwrap().outcome, Outcome::Error);
        assert!(judge(&[("reports/g.json", "")]).is_err(), "an empty file is no report");
    }

    #[test]
    fn a_finding_is_told_without_its_value() {
        let text = r#"[{"RuleID":"jwt","StartLine":3,"File":"a.ts","Commit":"","Secret":"v4lue-0f-the-t0ken","Match":"v4lue-0f-the-t0ken"}]"#;
        let failing = judge(&[("reports/g.json", text), ("reports/g.json.commit", COMMIT)]).unwrap();
        assert_eq!((failing.outcome, failing.findings.len()), (Outcome::Fail, 1));
        assert!(!format!("{failing:?}").contains("v4lue"));
    }
}

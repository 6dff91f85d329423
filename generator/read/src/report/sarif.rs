//! SARIF 2.1.0, as zizmor, Scorecard, CodeQL and most scanners write it: what ran, and what it found. What `scanners` knows is
//! read into the same values.
//!
//! The format: "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", OASIS. A report is judged by its
//! results; that a tool ended with success says nothing (some do so whatever they find).

use std::collections::BTreeMap;

use super::{BYTES_MAX, scanners};
use crate::structured::{Node, Unreadable, parse_json};

/// The most results of one run that are kept; more are counted.
pub const RESULTS_MAX: usize = 10_000;

/// A report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sarif {
    /// The runs, in the order of the report.
    pub runs: Vec<Run>,
}

/// One run of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// The tool's name.
    pub tool: String,
    /// Its version, empty where it states none.
    pub version: String,
    /// How many rules it says that it has.
    pub rules: u64,
    /// Whether there is a list of results: a run without one did not get so far, or tells of its rules only (3.14.23).
    pub scanned: bool,
    /// Whether every invocation says that it succeeded; none if none says anything.
    pub succeeded: Option<bool>,
    /// The full commit id that it says it looked at.
    pub commit: Option<String>,
    /// What it found, the suppressed ones too.
    pub results: Vec<Finding>,
    /// How many more it found than are kept.
    pub more: u64,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How grave the tool says that it is.
    pub level: Level,
    /// The rule's id.
    pub rule: String,
    /// The file, as the report names it.
    pub file: String,
    /// The line, from 1; 0 where none is named.
    pub line: u64,
    /// Whether it was suppressed, and the suppression accepted.
    pub suppressed: bool,
}

/// SARIF's levels, the least grave first (3.27.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Not a problem: a pass, or something to know.
    None,
    /// A minor problem.
    Note,
    /// A problem.
    Warning,
    /// A serious problem.
    Error,
}

impl Run {
    /// Whether the run shows that it looked at all: it lists what it found, be it nothing, and found something, names its
    /// rules, or says that it succeeded; and no invocation of it failed.
    pub fn looked(&self) -> bool {
        self.scanned
            && self.succeeded != Some(false)
            && (!self.results.is_empty() || self.rules > 0 || self.succeeded == Some(true))
    }
}

/// Reads a report.
///
/// # Errors
/// When the bytes are no JSON, or the value is neither SARIF 2.1.0 nor a report of ZAP or Spectral.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Sarif, Unreadable> {
    let document = parse_json(path, bytes, BYTES_MAX as u64)?;
    let wrong = |node: &Node, what: String| Unreadable::at(&document.source, "no-sarif", node.span.clone(), what);
    let root = &document.root;
    if let Some(run) = scanners::run(root, &wrong) {
        return Ok(Sarif { runs: vec![run?] });
    }
    let version = root.get("version").and_then(Node::as_text);
    let Some(runs) = root.get("runs").and_then(Node::as_list) else {
        return Err(wrong(root, "this is no SARIF (it has no list `runs`), and no JSON of ZAP or Spectral".to_owned()));
    };
    if version != Some("2.1.0") {
        return Err(wrong(root, format!("only SARIF 2.1.0 is read, and this is {}", version.unwrap_or("of no version"))));
    }
    let runs = runs.iter().map(|node| run(node).ok_or_else(|| wrong(node, "a run names no `tool.driver.name`".to_owned())));
    Ok(Sarif { runs: runs.collect::<Result<_, _>>()? })
}

fn run(node: &Node) -> Option<Run> {
    let driver = node.pointer("/tool/driver")?;
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_text).map(str::to_owned);
    let extensions = node.pointer("/tool/extensions").and_then(Node::as_list).unwrap_or_default();
    let rules_of = |component: &Node| -> Vec<Rule> {
        component.get("rules").and_then(Node::as_list).unwrap_or_default().iter().map(Rule::of).collect()
    };
    let own: Vec<Rule> = rules_of(driver);
    let others: Vec<Vec<Rule>> = extensions.iter().map(rules_of).collect();
    let by_id: BTreeMap<&str, Level> =
        own.iter().chain(others.iter().flatten()).filter_map(|rule| Some((rule.id.as_str(), rule.level?))).collect();
    let listed = node.get("results").and_then(Node::as_list);
    let results = listed.unwrap_or_default();
    let said: Vec<bool> = node
        .get("invocations")
        .and_then(Node::as_list)
        .unwrap_or_default()
        .iter()
        .filter_map(|invocation| invocation.get("executionSuccessful").and_then(Node::as_bool))
        .collect();
    let provenance = node.get("versionControlProvenance").and_then(Node::as_list).unwrap_or_default();
    let mut commits = provenance.iter().filter_map(|one| one.get("revisionId").and_then(Node::as_text));
    Some(Run {
        tool: text(driver, "name")?,
        version: text(driver, "semanticVersion").or_else(|| text(driver, "version")).unwrap_or_default(),
        rules: (own.len() + others.iter().map(Vec::len).sum::<usize>()) as u64,
        scanned: listed.is_some(),
        succeeded: (!said.is_empty()).then(|| said.iter().all(|success| *success)),
        commit: commits.next().and_then(|commit| super::commit(commit).ok()),
        results: results.iter().take(RESULTS_MAX).map(|result| finding(result, &own, &others, &by_id)).collect(),
        more: results.len().saturating_sub(RESULTS_MAX) as u64,
    })
}

struct Rule {
    id: String,
    level: Option<Level>,
}

impl Rule {
    fn of(node: &Node) -> Self {
        Self {
            id: node.get("id").and_then(Node::as_text).unwrap_or_default().to_owned(),
            level: node.pointer("/defaultConfiguration/level").and_then(Node::as_text).and_then(level),
        }
    }
}

fn level(text: &str) -> Option<Level> {
    match text {
        "none" => Some(Level::None),
        "note" => Some(Level::Note),
        "warning" => Some(Level::Warning),
        "error" => Some(Level::Error),
        _ => None,
    }
}

fn finding(node: &Node, own: &[Rule], others: &[Vec<Rule>], by_id: &BTreeMap<&str, Level>) -> Finding {
    let index = |node: &Node, key: &str| node.get(key).and_then(Node::as_integer).and_then(|index| usize::try_from(index).ok());
    let reference = node.get("rule");
    let component = reference.and_then(|rule| rule.get("toolComponent")).and_then(|component| index(component, "index"));
    let place = index(node, "ruleIndex").or_else(|| reference.and_then(|rule| index(rule, "index")));
    let named = place.and_then(|place| match component {
        Some(component) => others.get(component)?.get(place),
        None => own.get(place),
    });
    let id = node.get("ruleId").or_else(|| reference?.get("id")).and_then(Node::as_text);
    let rule = id.map(str::to_owned).or_else(|| named.map(|rule| rule.id.clone())).unwrap_or_default();
    let kind = node.get("kind").and_then(Node::as_text).unwrap_or("fail");
    // 3.27.10: without a level, what is no failure has none; then the rule's default decides, and then it is a warning.
    // 3.27.24: what an earlier run found and this one did not is a problem no more.
    let gone = node.get("baselineState").and_then(Node::as_text) == Some("absent");
    let level = match node.get("level").and_then(Node::as_text).and_then(level) {
        _ if gone => Level::None,
        Some(level) => level,
        None if kind != "fail" => Level::None,
        None => named.and_then(|rule| rule.level).or_else(|| by_id.get(rule.as_str()).copied()).unwrap_or(Level::Warning),
    };
    let location = node.pointer("/locations/0/physicalLocation");
    let line = location.and_then(|location| location.pointer("/region/startLine")).and_then(Node::as_integer);
    let file = location.and_then(|location| location.pointer("/artifactLocation/uri")).and_then(Node::as_text);
    let suppressions = node.get("suppressions").and_then(Node::as_list).unwrap_or_default();
    let accepted = |one: &Node| one.get("status").and_then(Node::as_text).is_none_or(|status| status == "accepted");
    Finding {
        level,
        rule,
        file: file.unwrap_or_default().to_owned(),
        line: line.and_then(|line| u64::try_from(line).ok()).unwrap_or(0),
        // 3.27.23: it is suppressed if every suppression of it is accepted.
        suppressed: !suppressions.is_empty() && suppressions.iter().all(accepted),
    }
}

/// A report of OpenSSF Scorecard in its own JSON (`scorecard --format json`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scorecard {
    /// Scorecard's version.
    pub version: String,
    /// The full commit id that it looked at.
    pub commit: Option<String>,
    /// The checks: a score from 0 to 10, or −1 where it could not tell.
    pub checks: BTreeMap<String, i64>,
}

/// Reads a report of Scorecard.
///
/// # Errors
/// When the bytes are no JSON, or the value is no such report.
pub fn parse_scorecard(path: &str, bytes: &[u8]) -> Result<Scorecard, Unreadable> {
    let document = parse_json(path, bytes, BYTES_MAX as u64)?;
    let root = &document.root;
    let Some(checks) = root.get("checks").and_then(Node::as_list).filter(|_| root.get("scorecard").is_some()) else {
        let what = "this is no JSON of Scorecard: it has no `scorecard` and `checks`";
        return Err(Unreadable::at(&document.source, "no-scorecard", root.span.clone(), what)
            .help("write it with `scorecard --format json --show-details`"));
    };
    let named = root.pointer("/repo/commit").and_then(Node::as_text);
    Ok(Scorecard {
        version: root.pointer("/scorecard/version").and_then(Node::as_text).unwrap_or_default().to_owned(),
        commit: named.and_then(|commit| super::commit(commit).ok()),
        checks: checks
            .iter()
            .filter_map(|check| Some((check.get("name")?.as_text()?.to_owned(), check.get("score")?.as_integer()?)))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Sarif, Unreadable> {
        parse("a.sarif", text.as_bytes())
    }

    #[test]
    fn the_level_is_that_of_the_result_the_rule_or_a_warning() {
        let text = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T","version":"1","rules":[
            {"id":"a","defaultConfiguration":{"level":"error"}},{"id":"b"}]},
            "extensions":[{"rules":[{"id":"c","defaultConfiguration":{"level":"note"}}]}]},
            "invocations":[{"executionSuccessful":true}],
            "versionControlProvenance":[{"revisionId":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}],
            "results":[{"ruleId":"a","level":"note"},{"ruleId":"a"},{"ruleIndex":1},{"rule":{"index":0,"toolComponent":{"index":0}}},
              {"ruleId":"z","kind":"pass"},{"ruleId":"a","suppressions":[{"kind":"inSource"}],
               "locations":[{"physicalLocation":{"artifactLocation":{"uri":"x.rs"},"region":{"startLine":7}}}]}]}]}"#;
        let run = &read(text).unwrap().runs[0];
        let levels: Vec<_> = run.results.iter().map(|one| (one.rule.as_str(), one.level)).collect();
        let expected = [
            ("a", Level::Note),
            ("a", Level::Error),
            ("b", Level::Warning),
            ("c", Level::Note),
            ("z", Level::None),
            ("a", Level::Error),
        ];
        assert_eq!(levels, expected);
        assert!(run.results[5].suppressed && run.results[5].line == 7 && run.rules == 3 && run.looked());
        assert_eq!(run.commit.as_deref(), Some("a".repeat(40).as_str()));
    }

    #[test]
    fn an_empty_run_shows_that_it_looked_only_if_it_says_so() {
        let run = |rest: &str| {
            read(&format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}}{rest}}}]}}"#)).unwrap().runs[0]
                .looked()
        };
        assert!(!run(r#","results":[]"#));
        assert!(run(r#","results":[],"invocations":[{"executionSuccessful":true}]"#));
        assert!(!run(
            r#","results":[{"ruleId":"a"}],"invocations":[{"executionSuccessful":true},{"executionSuccessful":false}]"#
        ));
        assert!(run(r#","results":[{"ruleId":"a"}]"#));
    }

    #[test]
    fn a_run_without_a_list_of_results_did_not_scan() {
        let of = |rest: &str| {
            let run = format!(r#"{{"tool":{{"driver":{{"name":"T","rules":[{{"id":"a"}}]}}}}{rest}}}"#);
            read(&format!(r#"{{"version":"2.1.0","runs":[{run}]}}"#)).unwrap().runs[0].looked()
        };
        assert!(of(r#","results":[]"#));
        assert!(!of(""), "its rules alone");
        assert!(!of(r#","results":null,"invocations":[{"executionSuccessful":true}]"#));
    }

    #[test]
    fn what_is_gone_since_an_earlier_run_is_no_problem() {
        let of = |state: &str| {
            let result = format!(r#"{{"ruleId":"a","level":"error","baselineState":"{state}"}}"#);
            read(&format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"T"}}}},"results":[{result}]}}]}}"#))
                .unwrap()
                .runs[0]
                .results[0]
                .level
        };
        assert_eq!((of("absent"), of("unchanged")), (Level::None, Level::Error));
    }

    #[test]
    fn what_is_no_sarif_is_refused() {
        for text in [
            "{}",
            r#"{"version":"2.0.0","runs":[]}"#,
            r#"{"version":"2.1.0","runs":[{}]}"#,
            r#"{"version":"2.1.0","runs":[1]}"#,
            "{\"version\":",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(
            read(
                r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}},"results":[1,{"locations":[]},{"ruleIndex":-4}]}]}"#
            )
            .is_ok()
        );
    }

    #[test]
    fn scorecard_is_read_with_its_inconclusive_checks() {
        let text = r#"{"date":"x","repo":{"name":"r","commit":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},"scorecard":{"version":"v5.5.0"},"score":7.1,
            "checks":[{"name":"Token-Permissions","score":10},{"name":"Branch-Protection","score":-1}]}"#;
        let report = parse_scorecard("s.json", text.as_bytes()).unwrap();
        assert_eq!(report.checks["Branch-Protection"], -1);
        assert!(report.commit.is_some());
        assert!(parse_scorecard("s.json", b"{\"checks\":[]}").is_err());
    }
}

//! Reports of scanners in a JSON of their own, read as the runs that SARIF has: ZAP's, and Spectral's.

use super::sarif::{Finding, Level, RESULTS_MAX, Run};
use crate::structured::{Node, Unreadable};

/// The run of a report that is ZAP's or Spectral's; none of another one. `wrong` makes the error at a node.
pub(super) fn run(root: &Node, wrong: &dyn Fn(&Node, String) -> Unreadable) -> Option<Result<Run, Unreadable>> {
    if let Some(list) = root.as_list() {
        return Some(spectral(list, wrong));
    }
    let sites = root.get("site").and_then(Node::as_list)?;
    Some(zap(root, sites, wrong))
}

/// ZAP's "traditional JSON report", with requests and answers or without: sites, and in each its alerts with the places
/// where they were raised. Risks are 0 (informational) to 3 (high); a confidence of 0 is a false positive that somebody marked.
/// A site is named once ZAP has reached it, so a named site shows that it looked.
fn zap(root: &Node, sites: &[Node], wrong: &dyn Fn(&Node, String) -> Unreadable) -> Result<Run, Unreadable> {
    let version = root.get("@version").and_then(Node::as_text);
    let mut run = Run {
        tool: "ZAP".to_owned(),
        version: version.unwrap_or_default().to_owned(),
        scanned: true,
        succeeded: Some(true),
        ..Run::default()
    };
    if version.is_none() || sites.is_empty() {
        return Err(wrong(root, "this is no JSON of ZAP that shows anything: it has no `@version`, or no site".to_owned()));
    }
    for site in sites {
        if site.get("@name").and_then(Node::as_text).is_none_or(str::is_empty) {
            return Err(wrong(site, "a site has no `@name`".to_owned()));
        }
        let Some(alerts) = site.get("alerts").and_then(Node::as_list) else {
            return Err(wrong(site, "a site has no list `alerts`".to_owned()));
        };
        for alert in alerts {
            let text = |key: &str| alert.get(key).and_then(Node::as_text).unwrap_or_default();
            let level = match text("riskcode") {
                "0" => Level::None,
                "1" => Level::Note,
                "2" => Level::Warning,
                "3" => Level::Error,
                other => return Err(wrong(alert, format!("an alert has the `riskcode` `{other}`, which is not 0 to 3"))),
            };
            let rule = [text("alertRef"), text("pluginid")].into_iter().find(|id| !id.is_empty()).unwrap_or("?").to_owned();
            let instances = alert.get("instances").and_then(Node::as_list).unwrap_or_default();
            let uri = |instance: &Node| instance.get("uri").and_then(Node::as_text).unwrap_or_default().to_owned();
            let mut files: Vec<String> = instances.iter().map(uri).collect();
            if files.is_empty() {
                files.push(String::new());
            }
            for file in files {
                let suppressed = text("confidence") == "0";
                note(&mut run, Finding { level, rule: rule.clone(), file, line: 0, suppressed });
            }
        }
    }
    Ok(run)
}

/// Spectral's list of results (`spectral lint --format json`): severities are 0 (error) to 3 (hint), lines are from 0. It
/// names no rules, so an empty list does not show that anything was looked at. Of a document in no format that it knows, and of one
/// that cannot be parsed, it says so in a result, and no rule has looked at it.
fn spectral(list: &[Node], wrong: &dyn Fn(&Node, String) -> Unreadable) -> Result<Run, Unreadable> {
    let mut run = Run { tool: "spectral".to_owned(), scanned: true, ..Run::default() };
    for result in list {
        let rule = result.get("code").and_then(Node::as_written);
        let level = match result.get("severity").and_then(Node::as_integer) {
            Some(0) => Some(Level::Error),
            Some(1) => Some(Level::Warning),
            Some(2 | 3) => Some(Level::Note),
            _ => None,
        };
        let Some((rule, level)) = rule.zip(level) else {
            return Err(wrong(
                result,
                "this is no result of Spectral: it has no `code`, or no `severity` from 0 to 3".to_owned(),
            ));
        };
        if rule == "unrecognized-format" || (rule == "parser" && level == Level::Error) {
            run.succeeded = Some(false);
        }
        let line = result.pointer("/range/start/line").and_then(Node::as_integer).and_then(|line| u64::try_from(line).ok());
        let file = result.get("source").and_then(Node::as_text).unwrap_or_default().to_owned();
        let line = line.map_or(0, |line| line.saturating_add(1));
        note(&mut run, Finding { level, rule: rule.to_owned(), file, line, suppressed: false });
    }
    Ok(run)
}

fn note(run: &mut Run, finding: Finding) {
    if run.results.len() < RESULTS_MAX {
        run.results.push(finding);
    } else {
        run.more += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sarif::parse;

    fn only(text: &str) -> Result<Run, Unreadable> {
        parse("a.json", text.as_bytes()).map(|sarif| sarif.runs.into_iter().next().unwrap())
    }

    #[test]
    fn what_spectral_finds_of_the_rules_of_owasp_is_read() {
        let run = only(include_str!("samples/spectral-owasp.json")).unwrap();
        let of = |rule: &str| run.results.iter().find(|finding| finding.rule == rule).unwrap();
        let server = of("owasp:api8:2023-no-server-http");
        assert_eq!((server.level, server.line, server.file.as_str()), (Level::Error, 3, "openapi.yaml"));
        assert!(run.looked() && run.tool == "spectral");
        assert!(!only("[]").unwrap().looked());
        // What Spectral 6.16 writes of a file that is no OpenAPI document, and ends with success.
        let unread = r#"[{"code":"unrecognized-format","severity":1,"source":"a.json"},{"code":"x","severity":1}]"#;
        assert!(!only(unread).unwrap().looked());
        assert!(!only(&unread.replace("unrecognized-format\",\"severity\":1", "parser\",\"severity\":0")).unwrap().looked());
    }

    #[test]
    fn the_alerts_of_zap_are_read_with_their_places() {
        let run = only(include_str!("samples/zap.json")).unwrap();
        let found: Vec<_> = run.results.iter().map(|one| (one.rule.as_str(), one.level, one.suppressed)).collect();
        let expected = [
            ("40018", Level::Error, false),
            ("40018", Level::Error, false),
            ("10020-1", Level::Warning, true),
            ("10021", Level::Note, false),
            ("10049-3", Level::None, false),
        ];
        assert_eq!(found, expected);
        assert_eq!((run.version.as_str(), run.looked()), ("2.16.1", true));
        assert_eq!(run.results[0].file, "https://api.example.com/v1/items?name=x");
        let quiet = r#"{"@version":"2.16.1","site":[{"@name":"https://api.example.com","alerts":[]}]}"#;
        assert!(only(quiet).unwrap().looked());
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "[1]",
            r#"[{"code":"x"}]"#,
            r#"[{"code":"x","severity":9}]"#,
            r#"{"@version":"2","site":[]}"#,
            r#"{"site":[{"@name":"a","alerts":[]}]}"#,
            r#"{"@version":"2","site":[{"@name":"","alerts":[]}]}"#,
            r#"{"@version":"2","site":[{"@name":"a"}]}"#,
            r#"{"@version":"2","site":[{"@name":"a","alerts":[{"riskcode":"7"}]}]}"#,
        ] {
            assert!(only(text).is_err(), "{text}");
        }
    }
}

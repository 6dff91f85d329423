//! The JSON lines of TruffleHog (`--json`): one object a finding, and the lines of its log, of which the last tells that the scan ended.

use serde::Deserialize;
use serde_json::Value;

use super::{ReportError, Secret, SecretsReport, brought, wrong};

/// A line. `Raw`, `RawV2` and `Redacted` are left unread.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "DetectorName")]
    detector: Option<String>,
    #[serde(rename = "SourceMetadata")]
    source: Option<Source>,
    level: Option<String>,
    msg: Option<String>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "Data")]
    data: Value,
}

/// Whether the first line is one of TruffleHog's.
pub(super) fn fits(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty()).and_then(|line| serde_json::from_str::<Line>(line).ok());
    first.is_some_and(|line| line.detector.is_some() || (line.level.is_some() && line.msg.is_some()))
}

pub(super) fn parse(path: &str, text: &str) -> Result<SecretsReport, ReportError> {
    let mut report = SecretsReport { tool: "trufflehog".to_owned(), ..Default::default() };
    let mut finished = false;
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).map_err(|error| wrong(path, "TruffleHog", index + 1, error.column()))?;
        match line {
            Line { detector: Some(rule), source: Some(source), .. } => report.secrets.push(secret(rule, &source.data)),
            Line { detector: Some(_), .. } => return Err(wrong(path, "TruffleHog", index + 1, 1)),
            Line { level: Some(level), msg: Some(message), .. } => {
                finished |= message == "finished scanning";
                if level.starts_with("error") || level.starts_with("fatal") {
                    report.failures.push(format!("TruffleHog logged an error in line {}", index + 1));
                }
            }
            _ => return Err(wrong(path, "TruffleHog", index + 1, 1)),
        }
    }
    if report.secrets.is_empty() && !finished {
        report.failures.push("nothing in the report tells that the scan ended; keep the log with it (`2>&1`)".to_owned());
    }
    Ok(report)
}

/// Where it lies: `Data` has one member, named for the source.
fn secret(rule: String, data: &Value) -> Secret {
    let place = data.as_object().and_then(|data| data.values().next());
    let text = |name: &str| place.and_then(|place| place.get(name)).and_then(Value::as_str);
    Secret {
        rule,
        path: text("file").or_else(|| text("link")).unwrap_or_default().to_owned(),
        line: place.and_then(|place| place.get("line")).and_then(Value::as_u64).unwrap_or(0),
        commit: brought(text("commit")),
        dismissed: false,
    }
}

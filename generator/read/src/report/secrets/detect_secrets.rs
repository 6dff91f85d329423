//! The report of detect-secrets (`detect-secrets scan`), which is also its baseline: findings by file, some of them audited.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ReportError, Secret, SecretsReport, wrong};

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "version")]
    _version: String,
    plugins_used: Vec<serde::de::IgnoredAny>,
    results: BTreeMap<String, Vec<Finding>>,
}

/// A finding. `hashed_secret` is an unsalted SHA-1 of the value, which is as good as the value of a weak one: left unread.
#[derive(Deserialize)]
struct Finding {
    #[serde(rename = "type")]
    kind: String,
    line_number: u64,
    is_secret: Option<bool>,
}

pub(super) fn fits(text: &str) -> bool {
    serde_json::from_str::<Written>(text).is_ok() || (text.contains("\"plugins_used\"") && text.contains("\"results\""))
}

pub(super) fn parse(path: &str, text: &str) -> Result<SecretsReport, ReportError> {
    let written: Written =
        serde_json::from_str(text).map_err(|error| wrong(path, "detect-secrets", error.line(), error.column()))?;
    let mut report = SecretsReport { tool: "detect-secrets".to_owned(), ..Default::default() };
    if written.plugins_used.is_empty() {
        report.failures.push("detect-secrets ran without a plugin, so it looked for nothing".to_owned());
    }
    for (file, findings) in written.results {
        report.secrets.extend(findings.into_iter().map(|finding| Secret {
            rule: finding.kind,
            path: file.clone(),
            line: finding.line_number,
            commit: None,
            dismissed: finding.is_secret == Some(false),
        }));
    }
    Ok(report)
}

//! The JSON report of gitleaks (`--report-format json`), which betterleaks writes too: an array, empty when nothing was found.

use serde::Deserialize;

use super::{ReportError, Secret, SecretsReport, brought, wrong};

/// A finding. `Secret`, `Match`, `Line`, `Fragment`, `Author`, `Email` and `Message` are left unread.
#[derive(Deserialize)]
struct Finding {
    #[serde(rename = "RuleID")]
    rule: String,
    #[serde(rename = "File")]
    file: String,
    #[serde(rename = "StartLine")]
    line: u64,
    #[serde(rename = "Commit", default)]
    commit: String,
}

pub(super) fn parse(path: &str, text: &str) -> Result<SecretsReport, ReportError> {
    let findings: Vec<Finding> =
        serde_json::from_str(text).map_err(|error| wrong(path, "gitleaks", error.line(), error.column()))?;
    let secret = |finding: Finding| Secret {
        rule: finding.rule,
        path: finding.file,
        // The lines of a folder count from 0 in some versions.
        line: finding.line,
        commit: brought(Some(&finding.commit)),
        dismissed: false,
    };
    Ok(SecretsReport { tool: "gitleaks".to_owned(), secrets: findings.into_iter().map(secret).collect(), ..Default::default() })
}

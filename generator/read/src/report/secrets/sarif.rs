//! SARIF 2.1.0 (OASIS) of a scanner for secrets: its results by rule and place; its snippets are left unread.

use serde::Deserialize;

use super::{ReportError, Secret, SecretsReport, brought, commit, wrong};

#[derive(Deserialize)]
struct Written {
    version: String,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    /// Absent when the run did not get so far as to have results (section 3.14.23).
    results: Option<Vec<Found>>,
    #[serde(default)]
    invocations: Vec<Invocation>,
    #[serde(default)]
    version_control_provenance: Vec<Provenance>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Driver,
}

#[derive(Deserialize)]
struct Driver {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provenance {
    revision_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(default)]
    rule_id: String,
    kind: Option<String>,
    #[serde(default)]
    locations: Vec<Location>,
    partial_fingerprints: Option<Fingerprints>,
    suppressions: Option<Vec<Suppression>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Option<Physical>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Option<Artifact>,
    region: Option<Region>,
}

#[derive(Deserialize)]
struct Artifact {
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: Option<u64>,
}

/// What gitleaks adds to a result; the author and their address are left unread.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fingerprints {
    commit_sha: Option<String>,
}

#[derive(Deserialize)]
struct Suppression {
    status: Option<String>,
}

pub(super) fn fits(text: &str) -> bool {
    text.contains("\"runs\"") && text.contains("\"version\"")
}

pub(super) fn parse(path: &str, text: &str) -> Result<SecretsReport, ReportError> {
    let written: Written = serde_json::from_str(text).map_err(|error| wrong(path, "SARIF", error.line(), error.column()))?;
    let at_start = |what: &str| ReportError::at(path, text, 0, what);
    if written.version != "2.1.0" {
        return Err(at_start("SARIF is read in version 2.1.0"));
    }
    let mut report = SecretsReport::default();
    if written.runs.is_empty() {
        report.failures.push("the report holds no run".to_owned());
    }
    for run in written.runs {
        let name = run.tool.driver.name.to_ascii_lowercase();
        if !report.tool.is_empty() && report.tool != name {
            return Err(at_start("the report holds runs of different tools; keep one report a tool"));
        }
        report.tool = name;
        if run.results.is_none() || run.invocations.iter().any(|invocation| !invocation.execution_successful) {
            report.failures.push("the tool says that its run failed".to_owned());
        }
        for revision in run.version_control_provenance.iter().filter_map(|provenance| provenance.revision_id.as_deref()) {
            let named = commit(revision).map_err(|what| at_start(&what))?;
            if report.commit.as_ref().is_some_and(|known| *known != named) {
                return Err(at_start("the report names more than one commit"));
            }
            report.commit = Some(named);
        }
        report.secrets.extend(run.results.unwrap_or_default().into_iter().filter(is_finding).map(secret));
    }
    Ok(report)
}

/// Results of other kinds say that something is fine, or not decided (section 3.27.9).
fn is_finding(found: &Found) -> bool {
    matches!(found.kind.as_deref(), None | Some("fail" | "review" | "open"))
}

fn secret(found: Found) -> Secret {
    let physical = found.locations.into_iter().next().and_then(|location| location.physical_location);
    let (artifact, region) = physical.map_or((None, None), |physical| (physical.artifact_location, physical.region));
    Secret {
        rule: found.rule_id,
        path: artifact.and_then(|artifact| artifact.uri).unwrap_or_default(),
        line: region.and_then(|region| region.start_line).unwrap_or(0),
        commit: brought(found.partial_fingerprints.and_then(|prints| prints.commit_sha).as_deref()),
        // A suppression without a status is accepted (section 3.35.3).
        dismissed: found
            .suppressions
            .is_some_and(|all| !all.is_empty() && all.iter().all(|one| matches!(one.status.as_deref(), None | Some("accepted")))),
    }
}

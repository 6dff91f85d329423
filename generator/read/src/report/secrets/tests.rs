use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// What must never leave a report.
const VALUE: &str = "s3cr3t-v4lue-0f-a-t0ken";

fn read(text: &str) -> SecretsReport {
    let report = parse("r.json", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert!(!format!("{report:?}").contains(VALUE));
    report
}

fn refused(text: &str) -> String {
    let error = parse("r.json", text.as_bytes()).unwrap_err().to_string();
    assert!(!error.contains(VALUE), "{error}");
    error
}

#[test]
fn a_report_of_gitleaks_is_read_without_its_values() {
    let report = read(&format!(
        r#"[{{"RuleID":"github-pat","Description":"d","StartLine":7,"EndLine":7,"StartColumn":2,"EndColumn":9,"Match":"{VALUE}",
        "Secret":"{VALUE}","File":"src/a.ts","SymlinkFile":"","Commit":"{COMMIT}","Entropy":4.1,"Author":"A","Email":"a@example.com",
        "Date":"2026-01-01T00:00:00Z","Message":"m","Tags":[],"Fingerprint":"x"}},{{"RuleID":"jwt","StartLine":1,"File":"b","Commit":""}}]"#
    ));
    assert_eq!(report.tool, "gitleaks");
    let first = &report.secrets[0];
    assert_eq!(
        (first.rule.as_str(), first.path.as_str(), first.line, first.commit.as_deref()),
        ("github-pat", "src/a.ts", 7, Some(COMMIT))
    );
    assert_eq!(report.secrets[1].commit, None);
    assert_eq!(read("[]").secrets, []);
    assert!(refused(&format!("[{{\"RuleID\":\"{VALUE}\"}}]")).starts_with("r.json:1:"));
}

#[test]
fn a_report_of_trufflehog_counts_only_when_the_scan_ended() {
    let found = format!(
        r#"{{"SourceMetadata":{{"Data":{{"Git":{{"commit":"{COMMIT}","file":"k.pem","email":"a@example.com","line":3}}}}}},"DetectorName":"PrivateKey","Verified":false,"Raw":"{VALUE}","RawV2":"{VALUE}"}}"#
    );
    let ended = r#"{"level":"info-0","ts":"t","logger":"trufflehog","msg":"finished scanning","chunks":12,"bytes":400}"#;
    let error = r#"{"level":"error","ts":"t","logger":"trufflehog","msg":"error scanning repo"}"#;
    let report = read(&format!("{found}\n{ended}\n"));
    assert_eq!((report.tool.as_str(), report.failures.len()), ("trufflehog", 0));
    assert_eq!((report.secrets[0].path.as_str(), report.secrets[0].line), ("k.pem", 3));
    assert_eq!(read(ended).failures, Vec::<String>::new());
    assert_eq!(read(r#"{"level":"info-0","msg":"running source"}"#).failures.len(), 1);
    assert_eq!(read(&format!("{error}\n{ended}")).failures.len(), 1);
    assert!(refused(&format!("{ended}\n{{\"Raw\":\"{VALUE}\"")).starts_with("r.json:2:"));
}

#[test]
fn a_report_of_detect_secrets_is_read_with_what_was_audited() {
    let report = read(
        r#"{"version":"1.5.0","plugins_used":[{"name":"AWSKeyDetector"}],"filters_used":[],"results":{"a.py":[
        {"type":"AWS Access Key","filename":"a.py","hashed_secret":"y","is_verified":false,"line_number":6},
        {"type":"Secret Keyword","filename":"a.py","hashed_secret":"x","is_verified":false,"line_number":9,"is_secret":false}]},
        "generated_at":"2026-01-01T00:00:00Z"}"#,
    );
    let seen: Vec<_> = report.secrets.iter().map(|secret| (secret.rule.as_str(), secret.line, secret.dismissed)).collect();
    assert_eq!(seen, [("AWS Access Key", 6, false), ("Secret Keyword", 9, true)]);
    assert!(!format!("{report:?}").contains("25910f"));
    assert_eq!(read(r#"{"version":"1.5.0","plugins_used":[],"results":{}}"#).failures.len(), 1);
}

#[test]
fn sarif_is_read_by_its_results() {
    let sarif = |rest: &str| {
        format!(r#"{{"$schema":"s","version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"gitleaks","rules":[]}}}}{rest}}}]}}"#)
    };
    let found = format!(
        r#","results":[{{"ruleId":"jwt","message":{{"text":"x"}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"a.ts"}},
        "region":{{"startLine":4,"snippet":{{"text":"{VALUE}"}}}}}}}}],"partialFingerprints":{{"commitSha":"{COMMIT}","email":"a@example.com"}}}},
        {{"ruleId":"jwt","suppressions":[{{"kind":"external"}}]}},{{"ruleId":"jwt","kind":"pass"}}],
        "versionControlProvenance":[{{"revisionId":"{COMMIT}","repositoryUri":"https://example.com"}}]"#
    );
    let report = read(&sarif(&found));
    assert_eq!((report.tool.as_str(), report.commit.as_deref()), ("gitleaks", Some(COMMIT)));
    assert_eq!(report.secrets.len(), 2);
    assert_eq!((report.secrets[0].line, report.secrets[1].dismissed), (4, true));
    assert_eq!(read(&sarif("")).failures.len(), 1, "no results at all");
    assert_eq!(read(&sarif(r#","results":[],"invocations":[{"executionSuccessful":false}]"#)).failures.len(), 1);
    assert_eq!(read(r#"{"version":"2.1.0","runs":[]}"#).failures.len(), 1);
    assert!(refused(r#"{"version":"1.0.0","runs":[]}"#).contains("2.1.0"));
}

#[test]
fn what_is_no_report_is_refused() {
    for text in ["", "  \n", "ok", "{}", "<xml/>", "null", "[1]", r#"{"results":{}}"#, "[{\"RuleID\":"] {
        refused(text);
    }
    assert!(parse("r.json", b"[\xff]").is_err());
    assert!(refused(&"[".repeat(10_000)).starts_with("r.json:1:"));
}

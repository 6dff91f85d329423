//! What stops a pipeline and what does not: alternatives, the baseline, and only what got worse; and where each profile begins.

use std::fs;

use super::support::{
    Sandbox,
    small::{check, product, states},
};

/// Asks whether git ignores this file.
fn ignored(id: &str, file: &str) -> String {
    check(id, "file.ignored", "build", &format!("ignored = [\"{file}\"]"))
}

/// The check alone, without the claim that comes with it.
fn unclaimed(check: String) -> String {
    check.split("[claim.").next().unwrap().to_owned()
}

const ALTERNATIVES: &str = "[claim.C-either]\ncontrol = \"care\"\nstrength = \"must\"\nstatement.en = \"We promise it.\"\n\
                            requirements = [\"API8:2023\"]\nany_of = [\"near\", \"far\"]\n\n";

#[test]
fn an_alternative_decides_where_another_reaches_nothing() {
    let sandbox = Sandbox::new();
    // Without pipelines there is nothing that `near` could look at.
    let near = unclaimed(check("near", "workflow.pinned", "build", ""));
    product(&sandbox, &[near, unclaimed(ignored("far", ".env")), ALTERNATIVES.to_owned()], "");
    sandbox.file(".gitignore", ".env\n.avouch/\n");
    sandbox.commit(Some("v1.0.0"));
    let ran = sandbox.avouch(&["check", "--format", "json"]).exits(0);
    let judged: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&judged["claims"][0]["state"], &judged["claims"][0]["alternative"]), (&"pass".into(), &"far".into()));
    assert_eq!(judged["gate"]["settled"], serde_json::json!(["near"]));
    assert!(sandbox.avouch(&["check"]).stdout.contains("(an alternative passed)"));
    let explained = sandbox.avouch(&["explain", "C-either"]).exits(0);
    assert!(explained.stdout.contains("decided by one of: near, far"), "{}", explained.stdout);
    sandbox.avouch(&["run"]).exits(0);
    let page = sandbox.read("public/en/controls/care/index.html");
    assert!(page.contains("One of these is enough: <code>near</code>, <code>far</code>. Decided by <code>far</code>."), "{page}");
    let junit = sandbox.avouch(&["check", "--format", "junit"]).stdout;
    assert!(junit.contains("errors=\"0\"") && junit.contains("name=\"near\" time=\"0\"><skipped"), "{junit}");

    // The opposite was seen: no other vantage point mends that.
    sandbox.file(".gitignore", ".avouch/\n");
    sandbox.file(
        ".github/workflows/ci.yml",
        format!("on: push\njobs: {{a: {{runs-on: x, steps: [{{uses: a/b@{}}}]}}}}\n", "1".repeat(40)),
    );
    sandbox.commit(Some("v1.1.0"));
    let found = states(&sandbox.avouch(&["check", "--format", "json"]).exits(1));
    assert_eq!((found["near"].as_str(), found["far"].as_str()), ("pass", "fail"));
}

#[test]
fn the_baseline_stands_apart_and_stops_nothing_until_it_is_told_to() {
    let sandbox = Sandbox::new();
    product(&sandbox, &[ignored("kept", "notes.txt")], "");
    sandbox.file(".gitignore", "notes.txt\n.avouch/\n");
    sandbox.commit(Some("v1.0.0"));
    let ran = sandbox.avouch(&["check"]).exits(0);
    let (above, below) = ran.stdout.split_once("Baseline, not claimed").unwrap();
    assert!(below.contains("Git ignores files of environment variables") && below.contains("✕ failed"), "{below}");
    assert!(!above.contains("baseline.") && below.contains("1 claim on release 1.0.0"), "{}", ran.stdout);
    let github = sandbox.avouch(&["check", "--format", "github"]).exits(0);
    assert!(github.stdout.contains("::notice title=baseline.ignored-secrets::baseline, not claimed: "), "{}", github.stdout);
    assert!(github.stdout.ends_with("1 of 1 checks passed\n") && !github.stdout.contains("::error"), "{}", github.stdout);
    let markdown = sandbox.avouch(&["check", "--format", "markdown"]).exits(0).stdout;
    assert!(
        markdown.contains("1 of 1 checks passed") && markdown.contains("<summary>Baseline, not claimed (9)</summary>"),
        "{markdown}"
    );
    let explained = sandbox.avouch(&["explain", "baseline.ignored-secrets"]).exits(0);
    assert!(explained.stdout.contains("baseline, not claimed: Git ignores"), "{}", explained.stdout);
    assert!(sandbox.avouch(&["explain", "baseline"]).exits(0).stdout.contains("Nothing is promised by it"));

    sandbox.avouch(&["run"]).exits(0);
    let register = sandbox.read("public/en/controls/index.html");
    assert!(register.contains("Baseline, not claimed") && register.contains("The sources hold no secret"));
    let register: serde_json::Value = serde_json::from_str(&sandbox.read("public/en/controls/index.json")).unwrap();
    assert!(register["baseline"].as_array().unwrap().iter().any(|one| one["control"] == "secrets" && one["state"] == "pass"));

    // What looks at a requirement is told on its page; that nobody claims it stays a gap.
    let page = sandbox.read("public/en/requirements/API9-2023/index.html");
    assert!(page.contains("baseline.inventory") && page.contains("No control addresses this requirement."), "{page}");
    assert!(!page.contains("baseline.ssrf"), "{page}");

    let configuration = sandbox.read("avouch.toml");
    sandbox.file("avouch.toml", configuration + "\n[gate]\nbaseline = true\n");
    let ran = sandbox.avouch(&["check", "--format", "json"]).exits(1);
    let judged: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(judged["gate"]["failed"].as_array().unwrap().contains(&"baseline.ignored-secrets".into()), "{}", judged["gate"]);
    assert_eq!((&judged["claims"][0]["state"], &judged["controls"][0]["state"]), (&"pass".into(), &"pass".into()));
}

#[test]
fn only_what_got_worse_since_a_release_blocks() {
    let sandbox = Sandbox::new();
    let checks = [ignored("kept", ".env"), ignored("known", ".env.local")];
    product(&sandbox, &checks, "[gate]\nno_worse_than = \"1.0.0\"\n");
    sandbox.file(".gitignore", ".env\n.avouch/\n");
    sandbox.commit(Some("v1.0.0"));
    let ran = sandbox.avouch(&["check"]).exits(3);
    assert!(ran.stdout.contains("no run of one such release is in the record"), "{}", ran.stdout);
    // The first run of the release is not its own measure.
    sandbox.avouch(&["run"]).exits(3);

    sandbox.file("README.md", "more\n");
    sandbox.commit(Some("v1.1.0"));
    let ran = sandbox.avouch(&["check"]).exits(0);
    assert!(ran.stdout.contains("1 checks stand no better than there, and do not block"), "{}", ran.stdout);
    sandbox.avouch(&["run"]).exits(0);

    sandbox.file(".gitignore", ".avouch/\n");
    sandbox.commit(Some("v1.2.0"));
    let ran = sandbox.avouch(&["check", "--format", "json"]).exits(1);
    let judged: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(judged["gate"]["failed"], serde_json::json!(["kept"]));
    assert_eq!(judged["gate"]["tolerated"], serde_json::json!(["known"]));
    let markdown = sandbox.avouch(&["check", "--format", "markdown"]).exits(1).stdout;
    assert!(markdown.contains("Held against 1.0.0 as last recorded"), "{markdown}");
}

#[test]
fn each_profile_begins_in_an_empty_repository_and_says_what_it_lacks() {
    let profiles = concat!(env!("CARGO_MANIFEST_DIR"), "/../../mappings/profiles");
    let mut names: Vec<String> = fs::read_dir(profiles)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 4);
    for name in names {
        let sandbox = Sandbox::new();
        sandbox.git(&["init", "--quiet"]);
        sandbox.avouch(&["init", "--profile", &name]).exits(0);
        let ran = sandbox.avouch(&["run"]);
        assert!([1, 3].contains(&ran.code), "{name}: {} {}", ran.code, ran.stderr);
        assert!(sandbox.exists("public/en/index.html"), "{name}");
        let judged: serde_json::Value = serde_json::from_str(&sandbox.avouch(&["check", "--format", "json"]).stdout).unwrap();
        assert!(judged["claims"].as_array().unwrap().iter().all(|claim| claim["state"] != "pass"), "{name}: nothing was seen");
        let doctor = sandbox.avouch(&["doctor"]);
        assert!([0, 3].contains(&doctor.code), "{name}: {} {}", doctor.code, doctor.stderr);
        let mut unfilled = 0;
        for check in judged["checks"].as_array().unwrap().iter().filter(|check| check["state"] == "not_configured") {
            let keys = check["reason"]["keys"].as_array().unwrap();
            assert!(!keys.is_empty(), "{name}: {check}");
            for key in keys.iter().map(|key| key.as_str().unwrap()) {
                assert!(doctor.stdout.contains(key), "{name}: doctor does not name {key}");
                unfilled += 1;
            }
        }
        assert!(unfilled > 5, "{name}: {unfilled}");
    }
}

#[test]
fn a_site_says_how_its_checks_were_tried_and_not_more() {
    let sandbox = Sandbox::new();
    let profile = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../mappings/profiles/auth-api.toml")).unwrap();
    // A profile that calls itself as ours does, with another number: whatever leans on it was tried by nobody.
    let other = profile.replacen("\nlimit = 1000\n", "\nlimit = 2000\n", 1);
    assert_ne!(profile, other);
    let open = "\n[claim.B-own-open]\ncontrol = \"prompt-safety\"\nstrength = \"must\"\nstatement.en = \"We promise it.\"\n\
                requirements = [\"API10:2023\"]\nuntested.en = \"Nobody knows how yet.\"\n";
    sandbox.file("own.toml", other + open);
    product(&sandbox, &[ignored("kept", ".env")], "");
    let configuration = sandbox.read("avouch.toml").replace("\"small.toml\"", "\"small.toml\", \"own.toml\"");
    sandbox.file("avouch.toml", configuration);
    sandbox.avouch(&["site", "-o", "site"]).exits(0);
    let told: serde_json::Value = serde_json::from_str(&sandbox.read("site/en/trials/index.json")).unwrap();
    let claim = |id: &str| told["claims"].as_array().unwrap().iter().find(|claim| claim["id"] == id).unwrap().clone();
    assert_eq!((&claim("C-kept")["tried"], &claim("B-rate-l2-001")["tried"]), (&false.into(), &false.into()));
    let tried = claim("B-rate-l2-002");
    assert_eq!((&tried["tried"], &tried["untested"]), (&true.into(), &serde_json::Value::Null));
    assert!(tried["defects"].as_array().unwrap().iter().any(|defect| defect["name"] == "rate-table-without-index"), "{tried}");
    assert_eq!(claim("B-own-open")["untested"], "Nobody knows how yet.");
    let page = sandbox.read("site/en/trials/index.html");
    assert!(
        page.contains("Not tried")
            && page.contains("rate-table-without-index")
            && page.contains("on reference products of its own")
    );
}

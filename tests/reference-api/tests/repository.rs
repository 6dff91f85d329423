//! The repository as a stranger clones it: released, deterministic, signed, and broken where that is the defect.

#![expect(clippy::unwrap_used, reason = "its helpers are outside any test function")]

use std::{path::Path, process::Command};

use reference_api::{
    defect::{self, Defect, Part},
    repository::{self, Contents, Files, Writing},
};

fn writing(defect: Option<Defect>) -> Writing {
    Writing {
        now: "2026-11-22T00:00:00Z".parse().unwrap(),
        date: "2026-11-01T09:00:00Z".parse().unwrap(),
        seed: 1,
        chosen: defect.into(),
        https: "https://127.0.0.1:8443".to_owned(),
        http: "http://127.0.0.1:8080".to_owned(),
        ca: "run/ca.pem".to_owned(),
        db: "run/app.db".to_owned(),
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What a repository holds, without writing it.
fn contents(defect: Option<Defect>) -> (Contents, String) {
    let writing = writing(defect);
    let contents = repository::contents(&writing).unwrap();
    let report = repository::report(["1233", "1234"], &contents, &writing).unwrap();
    (contents, report)
}

#[test]
fn the_same_arguments_give_the_same_commit_and_a_folder_in_use_is_left_alone() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let commit = repository::write(one.path(), &writing(None)).unwrap();
    assert_eq!(repository::write(two.path(), &writing(None)).unwrap(), commit);
    assert!(repository::write(two.path(), &writing(None)).is_err());
    let report = std::fs::read_to_string(one.path().join("reports/unit.xml")).unwrap();
    assert!(report.contains(&format!("name=\"commit\" value=\"{commit}\"")));
    assert_eq!(git(one.path(), &["rev-parse", "v1.4.2^{commit}"]), commit);
    assert_eq!(git(one.path(), &["status", "--porcelain"]), "", "the report is ignored, and nothing else is left over");
    let listed = git(one.path(), &["ls-tree", "-r", "--name-only", "v1.4.2"]);
    let expected = contents(None).0.released;
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected.keys().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_to_fill_in() {
    for (path, text) in contents(None).0.released {
        assert!(!text.contains("@@"), "{path}");
    }
}

#[test]
fn every_defect_of_repository_reports_and_decisions_changes_something_there() {
    let good = contents(None);
    let parts = [Part::Repository, Part::Reports, Part::Decisions];
    for entry in defect::all() {
        let bad = contents(Some(entry.defect));
        let changes = entry.parts.iter().any(|part| parts.contains(part));
        assert_eq!(bad != good, changes, "{}", entry.name);
    }
}

#[test]
fn a_changed_decision_is_signed_anew() {
    let (good, bad) = (contents(None).0.released, contents(Some(Defect::Triage49h)).0.released);
    for path in ["decisions/case-register.toml", "decisions/case-register.toml.alice.sig"] {
        assert_ne!(good[path], bad[path]);
    }
    assert_eq!(good["decisions/d1-at-rest.toml.alice.sig"], bad["decisions/d1-at-rest.toml.alice.sig"]);
}

#[test]
fn openssh_accepts_the_signatures() {
    let folder = tempfile::tempdir().unwrap();
    repository::write(folder.path(), &writing(None)).unwrap();
    let configuration = std::fs::read_to_string(folder.path().join("avouch.toml")).unwrap();
    let keys: Vec<_> = configuration.lines().filter_map(|line| line.strip_prefix("key = \"")?.strip_suffix('"')).collect();
    assert_eq!(keys.len(), 2);
    let signers = folder.path().join("signers");
    std::fs::write(&signers, format!("alice {}\nbob {}\n", keys[0], keys[1])).unwrap();
    for (person, file) in [("alice", "case-register"), ("alice", "edge-to-d1"), ("bob", "api7")] {
        let path = folder.path().join(format!("decisions/{file}.toml"));
        let verified = Command::new("ssh-keygen")
            .args(["-Y", "verify", "-I", person, "-n", "avouch-decision", "-f"])
            .arg(&signers)
            .arg("-s")
            .arg(folder.path().join(format!("decisions/{file}.toml.{person}.sig")))
            .stdin(std::fs::File::open(path).unwrap())
            .output()
            .unwrap();
        assert!(verified.status.success(), "{file}: {}", String::from_utf8_lossy(&verified.stderr));
    }
}

#[test]
fn a_planted_secret_is_where_it_was_planted() {
    let marker = "AWS_SECRET_ACCESS_KEY";
    let holds = |files: &Files| files.values().any(|text| text.contains(marker));
    for (defect, earlier, released) in
        [(None, false, false), (Some(Defect::SecretInTree), true, true), (Some(Defect::SecretInHistory), true, false)]
    {
        let contents = contents(defect).0;
        assert_eq!((holds(&contents.earlier), holds(&contents.released)), (earlier, released), "{defect:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    repository::write(folder.path(), &writing(Some(Defect::SecretInHistory))).unwrap();
    assert!(!folder.path().join("scripts/deploy.sh").exists());
    assert!(git(folder.path(), &["log", "-p", "--format=%s"]).contains(marker));
}

//! The record: what is shown, sealed, withdrawn, carried elsewhere and rebuilt; its keys, and how it is verified.

use std::{fs, net::TcpListener};

use super::{
    blob, digests, json, key, policy_check, released,
    support::{
        Sandbox, cargo_project,
        small::{check, files, product, states},
    },
    verify,
};

#[test]
fn a_bundle_is_recorded_where_the_key_is() {
    let runner = released("nothing\n");
    fs::remove_dir_all(runner.path().join(".avouch")).unwrap();
    runner.avouch(&["check", "--bundle", "bundle.json"]).exits(1);
    assert!(!runner.exists(".avouch"), "a check needs no ledger and no key");

    let keeper = released("nothing\n");
    keeper.file("bundle.json", runner.read("bundle.json"));
    keeper.avouch(&["evidence", "import", "bundle.json"]).exits(0);
    assert_eq!((digests(&keeper, "run").len(), digests(&keeper, "details").len()), (1, 1));
    keeper.avouch(&["evidence", "export", "exported"]).exits(0);
    keeper.avouch(&["verify", "exported", "--key", &key(&keeper)]).exits(0);
    let judged = keeper.avouch(&["check", "--as-of", "2999-01-01T00:00:00Z", "--format", "json"]);
    assert_eq!(states(&judged)["policy"], "stale");

    // A bundle that somebody changed is not the run that it names.
    keeper.file("bundle.json", runner.read("bundle.json").replacen("\"small\"", "\"large\"", 1));
    keeper.avouch(&["evidence", "import", "bundle.json"]).exits(2);
    keeper.file("bundle.json", "{}");
    keeper.avouch(&["evidence", "import", "bundle.json"]).exits(2);
    keeper.avouch(&["evidence", "import", "no-such.json"]).exits(2);
    assert_eq!(digests(&keeper, "run").len(), 1);
}

#[test]
fn evidence_is_shown_by_the_beginning_of_its_digest() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let run = digests(&sandbox, "run").remove(0);
    for text in [run.clone(), run[..6].to_owned(), format!("sha256:{run}")] {
        let shown = json(&sandbox.avouch(&["evidence", "show", &text]).exits(0).stdout);
        assert!(shown["observations"].as_array().unwrap().iter().any(|seen| seen["check"] == "policy"), "{shown}");
    }
    for wrong in [&run[..5], "zzzzzz", "000000000000"] {
        let ran = sandbox.avouch(&["evidence", "show", wrong]).exits(2);
        assert!(ran.stderr.contains("avouch evidence list"), "{}", ran.stderr);
    }
}

#[test]
fn what_is_recorded_without_publishing_is_put_out_later() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let (runs, before) = (digests(&sandbox, "run"), sandbox.read("public/checkpoint"));
    let ran = sandbox.avouch(&["run", "--no-publish"]).exits(0);
    assert!(ran.stdout.contains("Site: as it was; `avouch publish` puts it out"), "{}", ran.stdout);
    let new: Vec<String> = digests(&sandbox, "run").into_iter().filter(|digest| !runs.contains(digest)).collect();
    assert!(new.len() == 1 && !blob(&sandbox, &new[0]) && sandbox.read("public/checkpoint") == before);
    sandbox.avouch(&["publish"]).exits(0);
    assert!(blob(&sandbox, &new[0]));
    verify(&sandbox, &key(&sandbox)).exits(0);
}

#[test]
fn what_is_withdrawn_is_gone_and_the_record_still_holds() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let sbom = digests(&sandbox, "sbom").remove(0);
    assert!(blob(&sandbox, &sbom));
    sandbox.avouch(&["evidence", "withdraw", &sbom, "--reason", "boredom"]).exits(2);
    sandbox.avouch(&["evidence", "withdraw", &sbom, "--reason", "mistake"]).exits(0);
    sandbox.avouch(&["publish"]).exits(0);
    assert!(!blob(&sandbox, &sbom) && !sandbox.exists("public/sbom/1.0.0/bom.json"));
    verify(&sandbox, &key(&sandbox)).exits(0);
    assert!(sandbox.avouch(&["evidence", "show", &sbom]).exits(2).stderr.contains("withdrawn"));
    // The genesis keeps the log verifiable.
    let genesis = digests(&sandbox, "genesis").remove(0);
    sandbox.avouch(&["evidence", "withdraw", &genesis, "--reason", "mistake"]).exits(3);
}

#[test]
fn what_failures_looked_like_is_sealed_until_it_is_released() {
    let sandbox = released("nothing\n");
    sandbox.avouch(&["run"]).exits(1);
    let details = digests(&sandbox, "details").remove(0);
    assert!(!blob(&sandbox, &details));
    let shown = sandbox.avouch(&["evidence", "show", &details]).exits(0);
    assert!(
        shown.stderr.contains("not for everyone") && shown.stdout.contains("SECURITY.md"),
        "{}{}",
        shown.stderr,
        shown.stdout
    );
    sandbox.avouch(&["evidence", "release", &details]).exits(0);
    sandbox.avouch(&["publish"]).exits(0);
    verify(&sandbox, &key(&sandbox)).exits(0);
    let published = files(&sandbox.path().join("public"));
    let found = |name: &&String| published[*name].windows(11).any(|window| window == b"SECURITY.md");
    assert!(published.keys().filter(|name| name.starts_with("blob/")).any(|name| found(&name)), "the details are public now");
}

#[test]
fn a_ledger_is_rebuilt_from_what_was_published_and_goes_on() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let key = key(&sandbox);
    sandbox.avouch(&["verify", "public", "--key", &key, "--state", "state.json"]).exits(0);
    let before = sandbox.avouch(&["evidence", "list"]).exits(0).stdout;
    sandbox.avouch(&["evidence", "restore", "public"]).exits(2);
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(sandbox.path().join(".avouch").join(name));
    }
    sandbox.avouch(&["run"]).exits(2);
    sandbox.avouch(&["evidence", "restore", "nowhere"]).exits(2);
    sandbox.avouch(&["evidence", "restore", "public"]).exits(0);
    assert_eq!(sandbox.avouch(&["evidence", "list"]).exits(0).stdout, before);
    sandbox.avouch(&["run"]).exits(0);
    // Nobody who watched sees a rollback.
    sandbox.avouch(&["verify", "public", "--key", &key, "--state", "state.json"]).exits(0);
}

#[test]
fn a_record_that_somebody_changed_is_not_restored() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let run = digests(&sandbox, "run").remove(0);
    let blob = format!("public/blob/sha256/{}/{run}", &run[..2]);
    sandbox.file(&blob, sandbox.read(&blob).replace("pass", "fail"));
    fs::rename(sandbox.path().join(".avouch/ledger.db"), sandbox.path().join("away.db")).unwrap();
    let ran = sandbox.avouch(&["evidence", "restore", "public"]);
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    assert!(!sandbox.exists(".avouch/ledger.db"), "nothing half-restored is left");
}

#[test]
fn a_clone_continues_the_log_that_it_names_and_begins_no_other() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    fs::rename(sandbox.path().join(".avouch"), sandbox.path().join("elsewhere")).unwrap();
    for arguments in [&["run"][..], &["init"], &["init", "--ci", "gitlab"], &["evidence", "list"]] {
        let said = sandbox.avouch(arguments).exits(2).stderr;
        let (restore, init) = (said.find("`avouch evidence restore SITE`"), said.find("`avouch init --new-log`"));
        assert!(restore.is_some() && restore < init, "{arguments:?}: {said}");
        assert!(!sandbox.exists(".avouch"), "{arguments:?}");
    }
    assert!(sandbox.exists(".gitlab/avouch.yml"), "what needs no log is written");
    let doctor = sandbox.avouch(&["doctor"]).exits(3).stdout;
    assert!(doctor.find("restore SITE") < doctor.find("--new-log"), "{doctor}");
    // Nothing was ever published: then it may begin.
    sandbox.avouch(&["init", "--new-log"]).exits(0);
    sandbox.avouch(&["run", "--no-publish"]).exits(0);
}

#[test]
fn the_record_of_a_night_that_fails_is_published() {
    use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Command};
    let sandbox = released("nothing\n");
    sandbox.avouch(&["init", "--ci", "gitlab"]).exits(0);
    sandbox.avouch(&["init", "--ci", "github"]).exits(0);
    sandbox.avouch(&["run"]).exits(1);
    fs::rename(sandbox.path().join("public"), sandbox.path().join("site")).unwrap();
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(sandbox.path().join(".avouch").join(name));
    }
    let publish = sandbox.file("publish.sh", "#!/bin/sh\ncp -R \"$1\" out\n");
    fs::set_permissions(publish, fs::Permissions::from_mode(0o755)).unwrap();
    let pipeline = sandbox.read(".gitlab/avouch.yml");
    let (_, job) = pipeline.split_once("avouch-run:").unwrap();
    let script = job.lines().skip_while(|line| *line != "  script:").skip(1).take_while(|line| line.starts_with("    "));
    let script: Vec<&str> = script.filter_map(|line| line.strip_prefix("    - ")).collect();
    assert!(script.len() > 3, "{job}");
    let folder = Path::new(env!("CARGO_BIN_EXE_avouch")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let night = || {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", &script.join("\n")]).current_dir(sandbox.path()).env_clear();
        let ran = shell.env("PATH", &path).env("AVOUCH_SITE", "site").output().unwrap();
        (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let (code, said) = night();
    assert_eq!(code, Some(1), "{said}");
    let size = |checkpoint: &str| sandbox.read(checkpoint).lines().nth(1).unwrap().parse::<u64>().unwrap();
    assert!(size("out/checkpoint") > size("site/checkpoint"), "{said}");
    // Where nothing could be restored nothing is published either.
    fs::remove_dir_all(sandbox.path().join("out")).unwrap();
    assert_eq!(night().0, Some(2), "the ledger is there already");
    assert!(!sandbox.exists("out"));
    let workflow = sandbox.read(".github/workflows/avouch.yml");
    assert!(
        workflow.contains("- if: ${{ !cancelled() && hashFiles('public/checkpoint') != '' }}\n        run: ./publish.sh"),
        "{workflow}"
    );
}

#[test]
fn a_machine_without_a_record_says_so_and_fails_nothing() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    product(&sandbox, &[check("bill", "sbom.release", "build", ""), policy_check()], "");
    sandbox.file("SECURITY.md", "nothing\n");
    sandbox.commit(Some("v1.0.0"));
    // The record is there and lacks the bill: that is a failure.
    assert!(sandbox.avouch(&["check", "bill"]).exits(1).stderr.contains("no bill of materials of 1.0.0 is on record"));
    fs::rename(sandbox.path().join(".avouch"), sandbox.path().join("elsewhere")).unwrap();
    let ran = sandbox.avouch(&["check", "bill"]).exits(3);
    assert!(ran.stderr.contains("there is no ledger here"), "{}", ran.stderr);
    // What failed is told where it was asked: there is no run, and nothing is sealed.
    for format in ["github", "markdown", "sarif", "junit"] {
        let ran = sandbox.avouch(&["check", "policy", "--format", format]).exits(1);
        assert!(ran.stdout.contains("in the log of the job") && !ran.stdout.contains("sealed"), "{format}: {}", ran.stdout);
        assert!(ran.stderr.contains("policy: "), "{}", ran.stderr);
    }
    fs::rename(sandbox.path().join("elsewhere"), sandbox.path().join(".avouch")).unwrap();
    sandbox.avouch(&["run", "--no-publish"]).exits(1);
    sandbox.avouch(&["check", "bill"]).exits(0);
    let recorded = sandbox.avouch(&["check", "--as-of", "2999-01-01T00:00:00Z", "--format", "github"]);
    assert!(!recorded.stdout.contains("log of the job"), "{}", recorded.stdout);
}

#[test]
fn a_period_that_begins_before_the_record_is_no_pass() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run", "--no-publish"]).exits(0);
    let entries = sandbox.avouch(&["evidence", "list", "--json"]).exits(0).stdout;
    let at = |line: Option<&str>| json(line.unwrap())["at"].as_str().unwrap().to_owned();
    let (first, last) = (at(entries.lines().next()), at(entries.lines().last()));
    let period = |from: &str, to: &str, more: &[&str]| sandbox.avouch(&[&["check", "--from", from, "--to", to], more].concat());
    // The pass stands from when it was answered: a second before it nobody knew.
    let covered = json(&period(&first, &last, &["policy", "--format", "json"]).stdout)["checks"][0]["covered_seconds"].as_i64();
    let answered = last.parse::<avouch_model::Timestamp>().unwrap().plus_seconds(-covered.unwrap());
    period(&answered.to_string(), &last, &["policy"]).exits(0);
    period(&answered.plus_seconds(-1).to_string(), &last, &["policy"]).exits(3);
    let told = period("2020-01-01T00:00:00Z", &last, &["policy"]).exits(3).stdout;
    assert!(told.contains(&format!("The record begins on {first}")) && told.contains("counted from"), "{told}");
    let row = told.lines().find(|line| line.trim_start().starts_with("policy ")).unwrap();
    assert!(row.contains("2020-01-01T00:00:00Z") && row.contains("  0%") && row.contains(" d "), "{told}");
    assert!(!told.contains("baseline."), "what was not named is not told: {told}");
    let early = sandbox.avouch(&["check", "--as-of", "2020-01-01T00:00:00Z"]).exits(3).stdout;
    assert!(early.contains("holds nothing to judge by") && !early.contains("No profile"), "{early}");
    let unknown = period(&first, &last, &["polcy"]).exits(2);
    assert!(unknown.stderr.contains("did you mean `policy`?"), "{}", unknown.stderr);
    period(&first, &last, &["--when", "build"]).exits(2);
    period("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z", &[]).exits(3);
}

#[test]
fn what_a_publication_left_is_told_as_that_and_is_never_green() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let key = key(&sandbox);
    sandbox.file("public/.avouch-staging/0", "a page to be");
    let told = verify(&sandbox, &key).exits(1);
    let told = format!("{}{}", told.stdout, told.stderr);
    assert!(told.contains("staged") && told.contains("under way or was interrupted"), "{told}");
    assert!(!told.contains("belongs to nothing"), "{told}");
    // A page that is not the recorded one is tampered with, whatever lies beside it.
    sandbox.file("public/en/index.html", "somebody was here");
    let told = verify(&sandbox, &key).exits(1);
    let told = format!("{}{}", told.stdout, told.stderr);
    assert!(told.contains("is not the page that the last site entry records; where a publication is under way"), "{told}");
    sandbox.avouch(&["publish"]).exits(0);
    verify(&sandbox, &key).exits(0);
}

// ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_lost_signing_key_is_told_with_the_way_out() {
    let sandbox = released("contact: us\n");
    fs::rename(sandbox.path().join(".avouch/recovery.key"), sandbox.path().join("recovery.key")).unwrap();
    fs::remove_file(sandbox.path().join(".avouch/signing.key")).unwrap();
    for arguments in [["run"], ["init"]] {
        let said = sandbox.avouch(&arguments).exits(2).stderr;
        assert!(said.contains("where it is lost, `avouch key recover FILE`"), "{arguments:?}: {said}");
    }
    sandbox.avouch(&["key", "recover", "recovery.key"]).exits(0);
    sandbox.avouch(&["init"]).exits(0);
    sandbox.avouch(&["run"]).exits(0);
}

#[test]
fn whoever_pinned_the_old_key_still_verifies_after_a_rotation() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let old = key(&sandbox);
    sandbox.avouch(&["key", "rotate"]).exits(0);
    let new = key(&sandbox);
    assert_ne!(old, new);
    sandbox.avouch(&["run"]).exits(0);
    // The change of keys is in the log, signed by the old key: pinning it leads to the new one.
    verify(&sandbox, &old).exits(0);
    verify(&sandbox, &new).exits(0);
    // A ledger that is rebuilt knows of the change, too.
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(sandbox.path().join(".avouch").join(name));
    }
    sandbox.avouch(&["evidence", "restore", "public"]).exits(0);
    sandbox.avouch(&["run"]).exits(0);
    verify(&sandbox, &old).exits(0);
    let other = released("contact: us\n");
    assert_ne!(verify(&sandbox, &key(&other)).code, 0, "a key of another log anchors nothing");
    // The old key signs no more.
    let files =
        fs::read_dir(sandbox.path().join(".avouch")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let aside = files.into_iter().find(|name| name.starts_with("signing.key.")).unwrap();
    let environment = sandbox.read(&format!(".avouch/{aside}"));
    let configured = sandbox.read("avouch.toml").replace("[evidence]\n", "[evidence]\nsigning_key_env = \"OLD\"\n");
    sandbox.file("avouch.toml", configured);
    let ran = sandbox.avouch_with(&["run"], &[("OLD", environment.trim())]).exits(3);
    assert!(ran.stderr.contains("does not sign this log"), "{}", ran.stderr);
}

#[test]
fn the_recovery_key_takes_over_from_a_key_that_was_lost() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let lost = key(&sandbox);
    fs::remove_file(sandbox.path().join(".avouch/signing.key")).unwrap();
    sandbox.avouch(&["run"]).exits(2);
    sandbox.avouch(&["key", "recover", ".avouch/recovery.key"]).exits(0);
    let new = key(&sandbox);
    assert_ne!(lost, new);
    sandbox.avouch(&["run"]).exits(0);
    verify(&sandbox, &new).exits(0);
    // Whoever pinned the lost key is led to the new one by the recovery key, which the first entry names. A fork that a thief
    // signs with the lost key is noticed by its checkpoint, with --state.
    verify(&sandbox, &lost).exits(0);
    // A key that signs cannot revoke itself, and the lost one is revoked already.
    sandbox.avouch(&["key", "revoke", &new]).exits(2);
    sandbox.avouch(&["key", "revoke", &lost]).exits(2);
}

// ── Verifying ────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn every_exit_code_of_verify_has_its_cause() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let key = key(&sandbox);
    verify(&sandbox, &key).exits(0);
    sandbox.file("auditor.key", format!("{key}\n"));
    sandbox.avouch(&["verify", "public", "--key", "auditor.key", "--state", "state.json"]).exits(0);
    let run = digests(&sandbox, "run").remove(0);
    let ran = sandbox.avouch(&["verify", "public", "--key", &key, "--entry", &run]).exits(0);
    assert!(ran.stdout.contains("inclusion proven"), "{}", ran.stdout);

    // 2: usage.
    for arguments in [
        &["verify", "nowhere"][..],
        &["verify", "public", "--key", "no-key"],
        &["verify", "public", "--entry", "abc"],
        &["verify", "public", "--policy", "none"],
    ] {
        sandbox.avouch(arguments).exits(2);
    }
    // 3: stale.
    sandbox.avouch(&["verify", "public", "--key", &key, "--as-of", "2999-01-01T00:00:00Z"]).exits(3);
    // 4: the key came from the site itself.
    sandbox.avouch(&["verify", "public"]).exits(4);
    // 6: unreachable. A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    sandbox.avouch(&["verify", &format!("http://127.0.0.1:{port}/"), "--key", &key]).exits(6);
    // 5: an older record than the one that was seen.
    let old = files(&sandbox.path().join("public"));
    sandbox.avouch(&["run"]).exits(0);
    sandbox.avouch(&["verify", "public", "--key", &key, "--state", "state.json"]).exits(0);
    let state = sandbox.read("state.json");
    fs::remove_dir_all(sandbox.path().join("public")).unwrap();
    for (name, bytes) in &old {
        sandbox.file(&format!("public/{name}"), bytes);
    }
    verify(&sandbox, &key).exits(0);
    sandbox.avouch(&["verify", "public", "--key", &key, "--state", "state.json"]).exits(5);
    assert_eq!(sandbox.read("state.json"), state, "what was seen is not forgotten");
    // 1: tampered, whatever else is.
    let page = sandbox.read("public/en/index.html");
    sandbox.file("public/en/index.html", page.replacen("<h1", "<p>All is well.</p><h1", 1));
    let ran = sandbox.avouch(&["verify", "public", "--as-of", "2999-01-01T00:00:00Z"]).exits(1);
    assert!(ran.stdout.contains("en/index.html"), "{}", ran.stdout);
    let printed = json(&sandbox.avouch(&["verify", "public", "--key", &key, "--json"]).exits(1).stdout);
    assert_eq!((&printed["exit"], printed["findings"].as_array().unwrap().is_empty()), (&1.into(), false));
}

#[test]
fn a_bundle_of_a_part_takes_nothing_from_the_record_and_none_is_believed_that_contradicts_itself() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]);
    let claims = |sandbox: &super::support::Sandbox| {
        let judged = sandbox.avouch(&["check", "--as-of", "2098-01-01T00:00:00Z", "--format", "json"]);
        let judged: serde_json::Value = serde_json::from_str(&judged.stdout).unwrap();
        judged["claims"].as_array().unwrap().len()
    };
    let before = claims(&sandbox);
    sandbox.avouch(&["check", "--when", "deploy", "--bundle", "part.json"]);
    sandbox.avouch(&["evidence", "import", "part.json"]).exits(0);
    assert_eq!(claims(&sandbox), before, "the mapping is the keeper's own");
    let bundle = sandbox.read("part.json");
    let forged = if bundle.contains("\"outcome\":\"fail\"") {
        bundle.replace("\"outcome\":\"fail\"", "\"outcome\":\"pass\"")
    } else {
        bundle.replace("\"outcome\":\"pass\"", "\"outcome\":\"fail\"")
    };
    assert_ne!(forged, bundle);
    sandbox.file("forged.json", forged);
    let refused = sandbox.avouch(&["evidence", "import", "forged.json"]).exits(2);
    assert!(refused.stderr.contains("contradicts itself"), "{}", refused.stderr);
}

#[test]
fn a_visit_without_a_key_is_unanchored_however_often_it_is_made() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]);
    for _ in 0..2 {
        sandbox.avouch(&["verify", "public", "--state", "state.json"]).exits(4);
    }
    assert!(!sandbox.exists("state.json"));
}

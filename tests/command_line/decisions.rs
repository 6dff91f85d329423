//! Decisions of people, written and signed on the command line.

use std::process::Command;

use super::support::{
    Sandbox, cargo_project,
    small::{check, product, states},
};

/// A key of OpenSSH without a passphrase; its public half.
fn key(sandbox: &Sandbox, name: &str) -> String {
    let path = sandbox.path().join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&path).status().unwrap();
    assert!(made.success());
    sandbox.read(&format!("{name}.pub")).trim().to_owned()
}

/// A product with a check that fails, an attestation that is asked for, and two people.
fn decided() -> Sandbox {
    let sandbox = Sandbox::new();
    let (alice, bob) = (key(&sandbox, "alice.key"), key(&sandbox, "bob.key"));
    let checks = [
        "[slot]\n\"attestation.reviews\" = { en = \"How reviews went.\" }\n\n".to_owned(),
        check("policy", "file.content", "build", "files = \"SECURITY.md\"\nmust_match = [\"contact\"]"),
        check(
            "reviews",
            "attestation.current",
            "operate",
            "attestation = \"${attestation.reviews}\"\nrequire = [\"reviewer_count\"]\nat_most = { open = 3 }",
        ),
    ];
    let people = format!(
        "[people.alice]\nkey = \"{alice}\"\nroles = [\"security\"]\n\n[people.bob]\nkey = \"{bob}\"\nroles = [\"engineering\"]\n"
    );
    product(&sandbox, &checks, &people);
    sandbox.file("SECURITY.md", "nothing\n");
    sandbox.file("Cargo.toml", "[package]\nname = \"small\"\nversion = \"1.0.0\"\nedition = \"2024\"\n");
    sandbox.file("Cargo.lock", "version = 4\n\n[[package]]\nname = \"small\"\nversion = \"1.0.0\"\n");
    sandbox.file("src/lib.rs", "");
    sandbox.commit(Some("v1.0.0"));
    sandbox
}

/// A day so far from now, as `--until` takes it.
fn day(days: i64) -> String {
    let output = Command::new("date").args(["-u", "+%F", "-d", &format!("{days} days")]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn waive<'a>(until: &'a str, approver: &'a str) -> Vec<&'a str> {
    vec![
        "waive",
        "policy",
        "--reason",
        "The policy is being written",
        "--owner",
        "alice",
        "--approver",
        approver,
        "--until",
        until,
    ]
}

#[test]
fn a_waiver_counts_once_its_approver_signed_it() {
    let sandbox = decided();
    let until = day(30);
    assert_eq!(sandbox.avouch(&["check", "policy"]).code, 1);
    let wrote = sandbox.avouch(&waive(&until, "bob")).exits(0);
    let path = format!("decisions/W-{until}-policy.toml");
    assert!(wrote.stdout.contains(&path) && wrote.stdout.contains("`bob` signs it"), "{}", wrote.stdout);
    sandbox.avouch(&["run"]);
    assert_eq!(sandbox.avouch(&["check", "policy"]).code, 1, "nobody signed it");

    let other = sandbox.avouch(&["approve", &path, "--sign-with", "alice.key"]).exits(2);
    assert!(other.stderr.contains("alice.key") && !sandbox.exists(&format!("{path}.alice.sig")), "{}", other.stderr);
    sandbox.avouch(&["approve", "avouch.toml", "--sign-with", "bob.key"]).exits(2);
    sandbox.avouch(&["approve", "decisions/../avouch.toml", "--sign-with", "bob.key"]).exits(2);
    sandbox.avouch(&["approve", &path, "--sign-with", "no-such.key"]).exits(2);
    sandbox.avouch(&["approve", &path, "--sign-with", "bob.key"]).exits(0);
    assert!(sandbox.exists(&format!("{path}.bob.sig")));
    sandbox.avouch(&["run"]);
    assert_eq!(sandbox.avouch(&["check", "policy"]).code, 0, "a waiver passes the gate");
    let other = sandbox.avouch(&["check", "reviews"]).stdout;
    assert!(
        other.contains("1 not configured") && !other.contains("unused"),
        "a waiver of what was not asked is none to remove: {other}"
    );
    // What is not wrong any more needs none.
    sandbox.file("SECURITY.md", "contact: us\n");
    sandbox.commit(Some("v1.0.1"));
    let whole = sandbox.avouch(&["check", "policy"]).stdout;
    assert!(whole.contains("excuses nothing: remove it"), "{whole}");
    let again = sandbox.avouch(&waive(&until, "bob")).exits(2).stderr;
    assert!(again.contains("this very decision"), "{again}");
    let mut another = waive(&until, "bob");
    another[3] = "Another reason altogether";
    assert!(sandbox.avouch(&another).exits(2).stderr.contains("another decision"));
    let over = sandbox.avouch(&waive("2020-12-31", "bob")).exits(2).stderr;
    assert!(over.contains("2020-12-31 is over") && !sandbox.exists("decisions/W-2020-12-31-policy.toml"), "{over}");
}

#[test]
fn a_waiver_that_could_not_count_is_not_written() {
    let sandbox = decided();
    let (soon, late) = (day(30), day(200));
    let unknown = ["waive", "polcy", "--reason", "r", "--owner", "alice", "--approver", "bob", "--until", &soon];
    for wrong in [&waive(&soon, "alice")[..], &waive(&late, "bob"), &waive(&soon, "carol"), &waive("2026-13-01", "bob"), &unknown]
    {
        let ran = sandbox.avouch(wrong).exits(2);
        assert!(!ran.stderr.is_empty() && !sandbox.exists("decisions"), "{wrong:?}");
    }
    // Whoever signs at once must be the approver.
    let mut at_once = waive(&soon, "bob");
    at_once.extend(["--sign-with", "alice.key"]);
    sandbox.avouch(&at_once).exits(2);
    assert_eq!(sandbox.avouch(&["check", "policy"]).code, 1);
}

#[test]
fn an_attestation_states_what_its_checks_read() {
    let sandbox = decided();
    let listed = sandbox.avouch(&["attest"]).exits(1);
    assert!(listed.stdout.contains("reviews: nobody attested it; figures: open, reviewer_count"), "{}", listed.stdout);
    let short = ["attest", "reviews", "--statement", "Read.", "--by", "alice", "--figure", "open=1"];
    let ran = sandbox.avouch(&short).exits(2);
    assert!(ran.stderr.contains("--figure reviewer_count=…") && !sandbox.exists("decisions"), "{}", ran.stderr);
    sandbox.avouch(&["attest", "reveiws", "--by", "alice"]).exits(2);

    sandbox.file("figures.toml", "reviewer_count = 2\n");
    let mut whole = short.to_vec();
    whole.extend(["--figures-from", "figures.toml", "--sign-with", "alice.key"]);
    sandbox.avouch(&whole).exits(0);
    let ran = sandbox.avouch(&["run"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    sandbox.avouch(&["check", "reviews"]).exits(0);
    let listed = sandbox.avouch(&["attest"]).exits(0);
    assert!(listed.stdout.contains("reviews: counts through"), "{}", listed.stdout);

    // Stated anew in the same file: the old signature does not hold for it, and the new statement counts.
    whole[7] = "open=4";
    sandbox.avouch(&whole).exits(0);
    sandbox.avouch(&["run"]);
    sandbox.avouch(&["check", "reviews"]).exits(1);
}

#[test]
fn the_profile_of_the_guide_loads_and_asks_for_its_slots() {
    let guide = include_str!("../../docs/guides/write-a-profile.md");
    let (_, rest) = guide.split_once("```toml\n").unwrap();
    let (profile, _) = rest.split_once("```").unwrap();
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.file("small-service.toml", profile);
    sandbox.commit(Some("v1.0.0"));
    sandbox.avouch(&["init", "--profile", "small-service.toml"]).exits(0);
    let ran = sandbox.avouch(&["check", "--format", "json"]).exits(0);
    let expected = [("small-no-secrets", "pass"), ("small-tls", "not_configured"), ("small-triage", "not_configured")];
    let states = states(&ran);
    assert_eq!(states.iter().map(|(check, state)| (check.as_str(), state.as_str())).collect::<Vec<_>>(), expected);
    let doctor = sandbox.avouch(&["doctor"]);
    assert!(doctor.stdout.contains("[targets.api]") && doctor.stdout.contains("id = \"reports\""), "{}", doctor.stdout);
}

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::diagnostic::{Diagnostic, Level};
use ed25519_dalek::{Signer, SigningKey};

use super::*;
use crate::{
    mapping,
    sshsig::{self, Hash},
};

const WAIVER: &str = include_str!("testdata/waiver.toml");
const BY_BOB: &str = include_str!("testdata/waiver.toml.bob.sig");
const BY_ALICE: &str = include_str!("testdata/waiver.toml.alice.sig");
const BY_BOB_FOR_GIT: &str = include_str!("testdata/waiver.toml.bob-git.sig");

fn person(name: &str, key: &str, roles: &[&str]) -> (String, Person) {
    let person =
        Person { name: name.into(), key: key.trim().into(), roles: roles.iter().map(|role| (*role).to_owned()).collect() };
    (name.into(), person)
}

fn people() -> BTreeMap<String, Person> {
    BTreeMap::from([
        person("alice", include_str!("testdata/alice.pub"), &["engineering"]),
        person("bob", include_str!("testdata/bob.pub"), &["security", "board"]),
        person("carol", &carol_line(), &["security"]),
    ])
}

/// Carol's key is known here, so that tests can sign what they like.
fn carol() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn carol_line() -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut blob = Vec::new();
    for part in [b"ssh-ed25519".as_slice(), carol().verifying_key().as_bytes()] {
        blob.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        blob.extend(part);
    }
    format!("ssh-ed25519 {} carol", STANDARD.encode(blob))
}

fn by_carol(text: &str) -> String {
    let key = sshsig::PublicKey::parse(&carol_line()).unwrap();
    let signature = carol().sign(&sshsig::signed_data(NAMESPACE, Hash::Sha512, text.as_bytes()));
    sshsig::armored(&key, NAMESPACE, Hash::Sha512, &signature.to_bytes())
}

fn catalogue() -> Catalogue {
    let kinds: BTreeSet<String> = mapping::builtin_profiles()
        .iter()
        .flat_map(|profile| profile.text.lines().filter_map(|line| line.strip_prefix("kind = \"")?.strip_suffix('"')))
        .map(str::to_owned)
        .collect();
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let builtins = mapping::Builtins { baseline: Vec::new(), ..mapping::builtins() };
    mapping::load(&mapping::builtin_profiles(), &builtins, &kinds).unwrap()
}

fn day(text: &str) -> Day {
    format!("{text}T00:00:00Z").parse::<avouch_model::Timestamp>().unwrap().day()
}

fn file(text: &str, signatures: &[(&str, &str)]) -> DecisionFile {
    DecisionFile {
        path: "decisions/x.toml".into(),
        bytes: text.into(),
        signatures: signatures.iter().map(|(end, text)| (format!("decisions/x.toml{end}"), text.as_bytes().to_vec())).collect(),
    }
}

fn read_one(file: DecisionFile) -> Decisions {
    read(&[file], &people(), &catalogue(), day("2026-11-21"))
}

fn lines(decisions: &Decisions) -> Vec<String> {
    decisions.problems.iter().map(Diagnostic::line).collect()
}

#[test]
fn a_waiver_signed_by_its_approver_counts_and_names_roles_only() {
    for end in [".sig", ".bob.sig"] {
        let decisions = read_one(file(WAIVER, &[(end, BY_BOB)]));
        assert_eq!(lines(&decisions), Vec::<String>::new());
        let accepted = &decisions.accepted[0];
        assert_eq!(accepted.signers, ["bob"]);
        let Decision::Waiver { owner, approver, check, .. } = &accepted.decision else { panic!() };
        assert_eq!((owner.as_str(), approver.as_str(), check.as_str()), ("engineering", "board", "cors-preflight"));
        let published = avouch_model::canonical::to_bytes(&accepted.decision).unwrap();
        let published = String::from_utf8(published).unwrap();
        assert!(!published.contains("alice") && !published.contains("bob"));
    }
}

#[test]
fn an_unsigned_waiver_has_no_effect_and_says_how_to_sign() {
    let decisions = read_one(file(WAIVER, &[]));
    assert!(decisions.accepted.is_empty());
    let problem = &decisions.problems[0];
    assert_eq!(problem.code, "unsigned");
    assert_eq!(problem.help.as_deref(), Some("`bob` signs it: `ssh-keygen -Y sign -n avouch-decision -f KEY decisions/x.toml`"));
}

#[test]
fn the_owner_alone_cannot_waive() {
    let by_owner = read_one(file(WAIVER, &[(".alice.sig", BY_ALICE)]));
    assert!(by_owner.accepted.is_empty());
    let both = read_one(file(WAIVER, &[(".alice.sig", BY_ALICE), (".bob.sig", BY_BOB)]));
    assert_eq!(both.accepted[0].signers, ["alice", "bob"]);
    let text = WAIVER.replace("\"bob\"", "\"carol\"").replace("\"alice\"", "\"carol\"");
    let own = read_one(file(&text, &[(".sig", &by_carol(&text))]));
    assert_eq!(own.problems[0].code, "self-approved");
    assert!(own.accepted.is_empty());
}

#[test]
fn two_names_with_one_key_are_one_person() {
    let mut people = people();
    people.extend([person("dave", &carol_line(), &["legal"])]);
    let text = WAIVER.replace("\"bob\"", "\"carol\"").replace("\"alice\"", "\"dave\"");
    let file = file(&text, &[(".sig", &by_carol(&text))]);
    let decisions = read(&[file], &people, &catalogue(), day("2026-11-21"));
    assert_eq!(decisions.problems[0].code, "self-approved");
    assert!(decisions.accepted.is_empty());
}

#[test]
fn a_signature_of_another_file_namespace_or_person_does_not_count() {
    let changed = WAIVER.replace("2026-12-31", "2027-01-31");
    for (text, end, signature, reason) in [
        (changed.as_str(), ".sig", BY_BOB, "does not fit the file"),
        (WAIVER, ".sig", BY_BOB_FOR_GIT, "the namespace `git`"),
        (WAIVER, ".alice.sig", BY_BOB, "made with another key"),
        (WAIVER, ".sig", "-----BEGIN", "not an SSH signature"),
    ] {
        let decisions = read_one(file(text, &[(end, signature)]));
        assert!(decisions.accepted.is_empty());
        assert_eq!(decisions.problems[0].code, "bad-signature");
        assert!(lines(&decisions)[0].contains(reason), "{:?}", lines(&decisions));
        assert_eq!(decisions.problems[1].code, "unsigned");
    }
}

#[test]
fn a_waiver_ends_within_180_days() {
    let text = WAIVER.replace("2026-12-31", "2027-05-21");
    let decisions = read_one(file(&text, &[]));
    assert_eq!(lines(&decisions), ["decisions/x.toml:7:11: a term of 181 days is too long: at most 180"]);
    let without = WAIVER.replace("expires = 2026-12-31\n", "");
    let decisions = read_one(file(&without, &[]));
    assert_eq!(lines(&decisions), ["decisions/x.toml:1:1: `expires` is missing in `waiver`"]);
    let text = WAIVER.replace("2026-12-31", "2027-05-20").replace("\"bob\"", "\"carol\"");
    assert_eq!(read_one(file(&text, &[(".sig", &by_carol(&text))])).accepted.len(), 1);
}

const OTHERS: &str = r#"
[[attestation]]
id = "case-register"
statement = "Read from the register of reports."
figures = { cases = 3, triage_hours_max = 31, fix_clock = "receipt" }
by = "carol"
expires = 2027-03-01

[[provider]]
id = "d1-at-rest"
provider = "Cloudflare"
statement = "D1 is encrypted at rest with AES-256."
source = "https://example.com/d1/security"
retrieved = 2026-11-01
digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
by = "carol"
expires = 2027-11-01

[[gap]]
requirement = "API7:2023"
reason = "Nothing fetches an address from a caller; a check follows."
owner = "carol"
due = 2027-03-01

[[not_applicable]]
id = "cors"
reason = "No browser calls this API."
approver = "carol"
review = 2027-11-01
"#;

#[test]
fn the_other_decisions_need_the_signature_of_their_person() {
    let decisions = read_one(file(OTHERS, &[(".sig", &by_carol(OTHERS))]));
    assert_eq!(lines(&decisions), Vec::<String>::new());
    assert_eq!(decisions.accepted.len(), 4);
    assert_eq!(decisions.present(), BTreeSet::from(["case-register".to_owned(), "d1-at-rest".to_owned()]));
    let unsigned = read_one(file(OTHERS, &[]));
    assert_eq!(unsigned.problems.iter().filter(|problem| problem.code == "unsigned").count(), 4);
    assert!(unsigned.present().is_empty());
}

#[test]
fn an_ignored_advisory_is_approved_by_another_person_than_its_owner() {
    let ignore = "[[ignore]]\nid = \"I-1\"\nadvisory = \"GHSA-1\"\npackage = \"pkg:npm/left\"\nreason = \"Not reached.\"\nowner = \"alice\"\napprover = \"carol\"\nexpires = 2027-03-01\n";
    let signed = |text: &str| read_one(file(text, &[(".sig", &by_carol(text))]));
    let decisions = signed(ignore);
    assert_eq!(lines(&decisions), Vec::<String>::new());
    let Decision::Ignore { advisory, package, owner, approver, .. } = &decisions.accepted[0].decision else { panic!() };
    assert_eq!((advisory.as_str(), package.as_deref()), ("GHSA-1", Some("pkg:npm/left")));
    assert_eq!((owner.as_str(), approver.as_str()), ("engineering", "security"));
    assert_eq!(signed(&ignore.replace("package = \"pkg:npm/left\"\n", "")).accepted.len(), 1);

    for (text, code) in [
        (ignore.replace("\"alice\"", "\"carol\""), "self-approved"),
        (ignore.replace("\"carol\"", "\"bob\""), "unsigned"),
        (ignore.replace("2027-03-01", "2027-12-01"), "long-term"),
        (ignore.replace("Not reached.", "Ask a@b.example"), "personal-data"),
        (ignore.replace("pkg:npm/left", " "), "bad-value"),
    ] {
        let decisions = signed(&text);
        assert!(decisions.accepted.is_empty(), "{code}");
        assert_eq!(decisions.problems[0].code, code, "{:?}", lines(&decisions));
    }
}

#[test]
fn mistakes_are_reported_where_they_stand_and_the_file_has_no_effect() {
    for (from, to, expected) in [
        ("by = \"carol\"", "by = \"carl\"", "decisions/x.toml:6:6: nobody in `[people]` is named `carl`"),
        ("cases = 3", "cases = [3]", "decisions/x.toml:5:21: `attestation.figures.cases` is not a single figure"),
        ("Cloudflare", "a@b.example", "decisions/x.toml:11:12: `provider.provider` holds an e-mail address, and it is published"),
        ("https://", "http://", "decisions/x.toml:13:10: `http://example.com/d1/security` is not a public address"),
        ("2026-11-01", "2026-12-01", "decisions/x.toml:14:13: 2026-12-01 is in the future"),
        ("owner = ", "ownr = ", "decisions/x.toml:22:1: no key is named `ownr` in `gap`"),
        ("[[gap]]", "[[gaps]]", "decisions/x.toml:19:3: no key is named `gaps` here"),
        ("sha256:e3", "sha256:E3", "decisions/x.toml:15:10: `provider.digest`: "),
    ] {
        assert!(OTHERS.contains(from), "{from}");
        let text = OTHERS.replacen(from, to, 1);
        let decisions = read_one(file(&text, &[(".sig", &by_carol(&text))]));
        assert!(lines(&decisions).iter().any(|line| line.starts_with(expected)), "{expected}\n{:#?}", lines(&decisions));
        assert!(decisions.accepted.is_empty());
    }
}

#[test]
fn what_matches_nothing_or_is_over_is_told_and_stays() {
    let text = OTHERS.replace("\"cors\"", "\"corss\"").replace("2027-03-01", "2026-11-20");
    let decisions = read_one(file(&text, &[(".sig", &by_carol(&text))]));
    assert_eq!(decisions.accepted.len(), 4);
    assert!(decisions.problems.iter().all(|problem| problem.level == Level::Warning));
    assert_eq!(
        lines(&decisions),
        [
            "decisions/x.toml:2:1: the attestation `case-register` is over",
            "decisions/x.toml:19:1: the gap `API7:2023` is over",
            "decisions/x.toml:25:1: `corss` is nothing in the mapping: the not-applicable decision changes nothing",
        ]
    );
}

#[test]
fn one_decision_is_made_once() {
    let mut second = file(WAIVER, &[(".sig", BY_BOB)]);
    second.path = "decisions/y.toml".into();
    second.signatures[0].0 = "decisions/y.toml.sig".into();
    let files = [file(WAIVER, &[(".sig", BY_BOB)]), second];
    let decisions = read(&files, &people(), &catalogue(), day("2026-11-21"));
    assert_eq!(decisions.accepted.len(), 1);
    let expected = "decisions/y.toml:1:1: decisions/x.toml holds the waiver `W-2026-014` already";
    assert_eq!(lines(&decisions), [expected]);
}

//! Secrets at the command line: found, never shown, known for a while, remembered where there were none.

use std::{fs, path::Path};

use serde_json::Value;

use super::support::{
    Ran, Sandbox,
    small::{self, files},
};

const KEY: (&str, &str) = ("AVOUCH_SCAN_KEY", "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0");

/// Letters and digits that follow from a number: no two runs of the test plant what is in these sources.
fn letters(seed: u64, count: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(ALPHABET[(state % ALPHABET.len() as u64) as usize])
        })
        .collect()
}

/// A token of GitHub.
fn token(seed: u64) -> String {
    format!("{}{}", ["gh", "p_"].concat(), letters(seed, 36))
}

/// A day to come.
fn in_days(days: i64) -> String {
    (chrono::Utc::now() + chrono::TimeDelta::days(days)).format("%Y-%m-%d").to_string()
}

/// A repository with one file, committed.
fn repository(path: &str, text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file(path, text);
    sandbox.commit(None);
    sandbox
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

#[test]
fn a_secret_is_found_where_it_lies_and_its_absence_is_told() {
    let sandbox = repository("src/a.ts", "const a = 1;\n");
    let clean = sandbox.avouch(&["scan"]).exits(0);
    assert_eq!(clean.stdout, "");
    assert!(clean.stderr.contains("no secret found in the folder; searched: 1 content"), "{}", clean.stderr);
    sandbox.file("src/b.ts", format!("\n\nconst t = \"{}\";\n", token(1)));
    let found = sandbox.avouch(&["scan"]).exits(1);
    assert!(found.stdout.starts_with("src/b.ts:3:12: github-pat: "), "{}", found.stdout);
    assert_eq!(sandbox.avouch(&["scan", "src"]).exits(1).stdout, found.stdout, "paths are those of the repository");
    let told = json(&sandbox.avouch(&["scan", "--format", "json"]).exits(1));
    assert_eq!((told["verdict"].as_str(), told["hits"][0]["digest"].is_null()), (Some("found"), true), "no key, no digest");
}

#[test]
fn nothing_searched_is_not_nothing_found() {
    let empty = Sandbox::new();
    let ran = empty.avouch(&["scan"]).exits(3);
    assert!(ran.stderr.contains("nothing was searched"), "{}", ran.stderr);
    empty.file("logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\0");
    empty.avouch(&["scan"]).exits(3);
    empty.file("a.txt", "text");
    assert!(empty.avouch(&["scan"]).exits(0).stderr.contains("1 without text"));

    let deep = repository("a.txt", "one");
    deep.file("a.txt", "two");
    deep.commit(None);
    let shallow = Sandbox::new();
    let url = format!("file://{}", deep.path().display());
    shallow.git(&["clone", "-q", "--depth", "1", &url, "clone"]);
    shallow.avouch(&["scan", "clone"]).exits(0);
    let ran = shallow.avouch(&["scan", "clone", "--history"]).exits(3);
    assert!(ran.stderr.contains("shallow"), "{}", ran.stderr);
}

#[test]
fn what_is_typed_wrongly_is_told() {
    let sandbox = Sandbox::new();
    sandbox.file("a.txt", "text");
    sandbox.file("bad.toml", "[[rules]]\nid = \"a\"\nregex = '('\n");
    sandbox.file("none.toml", "title = \"no rules\"\n");
    sandbox.file("base.toml", "version = 1\n[[allow]]\nrule = \"r\"\n");
    for (arguments, said) in [
        (&["scan", "nowhere"][..], "there is no folder"),
        (&["scan", "--history"], "no git repository"),
        (&["scan", "--rules", "bad.toml"], "bad.toml:3:9"),
        (&["scan", "--rules", "none.toml"], "the rules hold no rule"),
        (&["scan", "--baseline", "base.toml"], "AVOUCH_SCAN_KEY"),
        (&["scan", "--write-baseline", "new.toml"], "--reason"),
        (&["scan", "--format", "xml"], "xml"),
        (&["scan", "--as-of", "2026-01-01T00:00:00Z"], "--as-of"),
    ] {
        let ran = sandbox.avouch(arguments).exits(2);
        assert!(ran.stderr.contains(said), "{arguments:?}: {}", ran.stderr);
    }
    let ran = sandbox.avouch_with(&["scan", "--baseline", "base.toml"], &[KEY]).exits(2);
    assert!(ran.stderr.contains("base.toml:2"), "{}", ran.stderr);
    sandbox.avouch_with(&["scan"], &[("AVOUCH_SCAN_KEY", "short")]).exits(2);
}

#[test]
fn ignored_files_are_left_out_unless_they_are_tracked() {
    let sandbox = repository("a.txt", "text");
    sandbox.file(".gitignore", ".env\nbuild/\n");
    sandbox.file(".env", format!("API_TOKEN={}\n", letters(3, 40)));
    sandbox.file("build/out.js", format!("\"{}\"", token(4)));
    sandbox.commit(None);
    sandbox.avouch(&["scan"]).exits(0);
    sandbox.git(&["add", "-f", ".env"]);
    let found = sandbox.avouch(&["scan"]).exits(1);
    assert!(found.stdout.starts_with(".env:1:11: env-file-secret: "), "{}", found.stdout);
    assert!(!found.stdout.contains("build/"), "{}", found.stdout);
}

#[test]
fn a_history_tells_the_commit_that_brought_a_secret() {
    let sandbox = repository("a.txt", "text");
    sandbox.file("deploy.sh", format!("#!/bin/sh\nexport GITHUB_TOKEN={}\n", token(5)));
    let brought = sandbox.commit(None);
    sandbox.file("deploy.sh", format!("#!/bin/sh\nset -e\nexport GITHUB_TOKEN={}\n", token(5)));
    sandbox.commit(None);
    fs::remove_file(sandbox.path().join("deploy.sh")).unwrap();
    sandbox.commit(None);
    sandbox.avouch(&["scan"]).exits(0);
    let hits = |ran: Ran| {
        let told = json(&ran);
        let hits = told["hits"].as_array().unwrap().iter();
        hits.map(|hit| format!("{}:{} {} {}", hit["path"], hit["line"], hit["rule"], hit["commit"])).collect::<Vec<_>>()
    };
    let first = hits(sandbox.avouch(&["scan", "--history", "--format", "json"]).exits(1));
    assert_eq!(first, [format!("\"deploy.sh\":2 \"github-pat\" \"{brought}\"")], "once, where it came in");
    // Again with what is remembered, again without, and again after another commit.
    let again = sandbox.avouch(&["scan", "--history", "--format", "json"]).exits(1);
    assert!(json(&again)["counts"]["remembered"].as_u64().unwrap() >= 1, "{}", again.stdout);
    assert_eq!(hits(again), first);
    assert_eq!(hits(sandbox.avouch(&["scan", "--history", "--no-cache", "--format", "json"]).exits(1)), first);
    sandbox.git(&["checkout", "-q", "-b", "side"]);
    sandbox.file("other.sh", format!("export GITHUB_TOKEN={}\n", token(6)));
    sandbox.commit(None);
    sandbox.git(&["checkout", "-q", "main"]);
    assert_eq!(hits(sandbox.avouch(&["scan", "--history", "--format", "json"]).exits(1)).len(), 2);
    // What nothing leads to any more is no history.
    sandbox.git(&["branch", "-D", "side"]);
    assert_eq!(hits(sandbox.avouch(&["scan", "--history", "--format", "json"]).exits(1)), first);
}

#[test]
fn what_was_remembered_counts_for_the_same_rules_and_the_same_file() {
    let sandbox = repository("a.txt", "house-key-1234\n");
    sandbox.avouch(&["scan", "--history"]).exits(0);
    sandbox.file(
        "house.toml",
        "[extend]\nuseDefault = true\n[[rules]]\nid = \"house\"\nregex = 'house-key-(\\d{4})'\nkeywords = [\"house\"]\n",
    );
    let found = sandbox.avouch(&["scan", "--history", "--rules", "house.toml"]).exits(1);
    assert!(found.stdout.contains("a.txt:1:11: house: "), "{}", found.stdout);
    sandbox.avouch(&["scan", "--history"]).exits(0);
    sandbox.file("a.txt", format!("{}\n", token(7)));
    sandbox.avouch(&["scan"]).exits(1);
    // A memory that was changed is none.
    let memory = sandbox.path().join(".git/avouch/cache/scan");
    let mut bytes = fs::read(&memory).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&memory, bytes).unwrap();
    sandbox.avouch(&["scan"]).exits(1);
}

#[test]
fn a_baseline_knows_secrets_until_its_day() {
    let sandbox = repository("tests/a.txt", &format!("{}\n", token(8)));
    let write = ["scan", "--write-baseline", "known.toml", "--reason", "Revoked; kept for the parser.", "--until", &in_days(180)];
    sandbox.avouch_with(&write, &[KEY]).exits(0);
    assert!(!sandbox.read("known.toml").contains(&token(8)));
    let known = sandbox.avouch_with(&["scan", "--baseline", "known.toml"], &[KEY]).exits(0);
    assert!(known.stderr.contains("1 known and in the baseline"), "{}", known.stderr);
    // Another key knows nothing; another value is another secret; an entry that has ended counts no more and says so.
    let other = ("AVOUCH_SCAN_KEY", "another-key-of-somebody-else-0123");
    sandbox.avouch_with(&["scan", "--baseline", "known.toml"], &[other]).exits(1);
    let ended = sandbox.read("known.toml").replace(&in_days(180), "2026-01-01");
    sandbox.file("ended.toml", ended);
    let again = sandbox.avouch_with(&["scan", "--baseline", "ended.toml"], &[KEY]).exits(1);
    assert!(again.stdout.contains("its entry ended on 2026-01-01"), "{}", again.stdout);
    sandbox.file("tests/a.txt", format!("{}\n", token(9)));
    let unused = sandbox.avouch_with(&["scan", "--history", "--baseline", "known.toml"], &[KEY]).exits(1);
    assert!(!unused.stderr.contains("nothing was found for this entry"), "it is still in the history: {}", unused.stderr);
    let elsewhere = Sandbox::new();
    elsewhere.file("a.txt", "text");
    elsewhere.file("known.toml", sandbox.read("known.toml"));
    let unused = elsewhere.avouch_with(&["scan", "--baseline", "known.toml"], &[KEY]).exits(0);
    assert!(unused.stderr.contains("known.toml:5: nothing was found for this entry"), "{}", unused.stderr);
    // Without a key one is made, in the private place, for its owner alone.
    let write = ["scan", "--write-baseline", "mine.toml", "--reason", "Mine alone.", "--until", &in_days(180)];
    assert!(sandbox.avouch(&write).exits(0).stderr.contains("made a key"));
    sandbox.avouch(&["scan", "--baseline", "mine.toml"]).exits(0);
    let key = sandbox.path().join(".git/avouch/scan.key");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(key).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn what_the_rules_leave_out_was_not_searched() {
    let sandbox = repository("a.txt", &format!("{}\n", token(40)));
    sandbox.file("none.toml", "[extend]\nuseDefault = true\n[[allowlists]]\npaths = ['.*']\n");
    sandbox.file("some.toml", "[extend]\nuseDefault = true\n[[allowlists]]\npaths = ['^a']\n");
    let ran = sandbox.avouch(&["scan", "--rules", "none.toml"]).exits(3);
    assert!(
        ran.stderr.contains("0 contents") && ran.stderr.contains("3 left out by the rules and not searched"),
        "{}",
        ran.stderr
    );
    sandbox.avouch(&["scan", "--history", "--rules", "none.toml"]).exits(3);
    let told = json(&sandbox.avouch(&["scan", "--rules", "some.toml", "--format", "json"]).exits(0));
    assert_eq!((&told["counts"]["searched"], &told["counts"]["left_out_by_rules"]), (&2.into(), &1.into()));
}

#[test]
fn what_is_staged_is_searched_though_the_folder_was_cleaned() {
    let sandbox = Sandbox::new();
    sandbox.git(&["init", "-q", "-b", "main"]);
    sandbox.file("a.ts", format!("\"{}\"\n", token(41)));
    sandbox.git(&["add", "a.ts"]);
    sandbox.file("a.ts", "\"\"\n");
    let before = sandbox.avouch(&["scan"]).exits(1);
    assert!(before.stdout.starts_with("a.ts:1:2: github-pat: ") && before.stdout.contains("staged"), "{}", before.stdout);
    sandbox.git(&["add", "a.ts"]);
    sandbox.commit(None);
    sandbox.avouch(&["scan"]).exits(0);
    sandbox.file("src/b c.ts", format!("\"{}\"\n", token(42)));
    sandbox.git(&["add", "src"]);
    assert_eq!(sandbox.avouch(&["scan"]).exits(1).stdout.lines().count(), 1, "once, where it lies in both");
    fs::remove_file(sandbox.path().join("src/b c.ts")).unwrap();
    let told = json(&sandbox.avouch(&["scan", "--format", "json"]).exits(1));
    assert_eq!((&told["hits"][0]["path"], &told["hits"][0]["staged"]), (&"src/b c.ts".into(), &true.into()));
}

#[test]
fn messages_of_commits_and_tags_are_part_of_the_history() {
    let sandbox = repository("a.txt", "text");
    sandbox.file("b.txt", "text");
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-q", "-m", &format!("Say how\n\n    curl -H 'token: {}'\n", token(43))]);
    let brought = sandbox.git(&["rev-parse", "HEAD"]).trim().to_owned();
    sandbox.avouch(&["scan"]).exits(0);
    let hits = || {
        let told = json(&sandbox.avouch(&["scan", "--history", "--format", "json"]).exits(1));
        let hits = told["hits"].as_array().unwrap().iter();
        hits.map(|hit| format!("{} {} {}", hit["path"], hit["line"], hit["commit"])).collect::<Vec<_>>()
    };
    let first = [format!("\"commit message\" 3 \"{brought}\"")];
    assert_eq!(hits(), first);
    assert_eq!(hits(), first, "with what is remembered");
    sandbox.file("c.txt", "more");
    sandbox.commit(None);
    assert_eq!(hits(), first, "and after another commit");
    sandbox.git(&["tag", "-a", "v9", "-m", &format!("Release\n\n{}", token(44))]);
    assert_eq!(hits().len(), 2);
    assert!(hits()[1].starts_with("\"tag message\" 3 "), "{:?}", hits());
}

#[test]
fn a_baseline_has_a_term() {
    let sandbox = repository("a.txt", &format!("{}\n", token(45)));
    let write = |until: &str| ["scan", "--write-baseline", "k.toml", "--reason", "Revoked.", "--until", until].map(str::to_owned);
    for (until, code) in [("2099-01-01", 2), (in_days(182).as_str(), 2), (in_days(179).as_str(), 0)] {
        let arguments = write(until);
        let ran = sandbox.avouch_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[KEY]).exits(code);
        assert_eq!(ran.stderr.contains("at most 180"), code == 2, "{}", ran.stderr);
    }
    // Whoever edits the file is held to the same, in its place.
    sandbox.file("long.toml", sandbox.read("k.toml").replace(&in_days(179), "2099-01-01"));
    let ran = sandbox.avouch_with(&["scan", "--baseline", "long.toml"], &[KEY]).exits(2);
    assert!(ran.stderr.contains("long.toml:9:9") && ran.stderr.contains("at most 180"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("write {} or an earlier day", in_days(180))), "{}", ran.stderr);
}

#[test]
fn a_mistake_is_shown_without_the_secret_beside_it() {
    let sandbox = repository("a.txt", "nothing\n");
    let token = token(7);
    sandbox.file("rules.toml", format!("[[rules]]\nid = \"a\"\nregexp = \"{token}\"\n"));
    let ran = sandbox.avouch_with(&["scan", "--rules", "rules.toml"], &[KEY]).exits(2);
    assert!(ran.stderr.contains("rules.toml:3:1") && ran.stderr.contains("regexp = "), "{}", ran.stderr);
    assert!(!ran.stderr.contains(&token), "{}", ran.stderr);
    // The report of another scanner, taken for a baseline: its values have any form.
    sandbox.file("report.json", "[{\"RuleID\": \"x\", \"Secret\": \"winter-is-over\"}]\n");
    let ran = sandbox.avouch_with(&["scan", "--baseline", "report.json"], &[KEY]).exits(2);
    assert!(ran.stderr.contains("report.json:1:") && !ran.stderr.contains("winter"), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_named_and_cannot_be_read_is_a_mistake_of_the_command_line() {
    let sandbox = repository("a.txt", "nothing\n");
    let asked: [&[&str]; 4] = [
        &["scan", "--rules", "nosuch.toml"],
        &["scan", "--baseline", "nosuch.toml"],
        &["audit", "--advisories", ".", "--ignores", "nosuch.toml"],
        &["due", "--baseline", "nosuch.toml"],
    ];
    small::product(&sandbox, &[], "");
    for arguments in asked {
        let ran = sandbox.avouch_with(arguments, &[KEY]).exits(2);
        assert!(ran.stderr.contains("nosuch.toml"), "{arguments:?}: {}", ran.stderr);
    }
    assert!(sandbox.avouch(&["key", "recover", "nosuch.key"]).exits(2).stderr.contains("nosuch.key"));
}

#[test]
fn a_baseline_that_is_refused_makes_no_key() {
    let sandbox = repository("a.txt", &token(47));
    let until = in_days(30);
    let ran = sandbox.avouch(&["scan", "--write-baseline", "k.toml", "--reason", "FP", "--until", &until]).exits(2);
    assert!(ran.stderr.contains("--reason is too short"), "{}", ran.stderr);
    assert!(!sandbox.exists(".avouch") && !sandbox.exists("k.toml"));
}

#[test]
fn known_secrets_that_end_soon_are_due() {
    let sandbox = repository("a.txt", &format!("{}\n{}\n", token(47), token(48)));
    let soon = in_days(10);
    let write = ["scan", "--write-baseline", "known.toml", "--reason", "Revoked.", "--until", &soon];
    sandbox.avouch_with(&write, &[KEY]).exits(0);
    small::product(&sandbox, &[small::check("kept", "secrets.tree", "build", "exceptions = \"known.toml\"")], "");
    let due = sandbox.avouch(&["due"]).exits(0).stdout;
    assert!(due.contains(&format!("{soon}T23:59:59Z  known.toml:5: 2 known secrets end")), "{due}");
    assert!(!sandbox.avouch(&["due", "--within", "5 days"]).exits(0).stdout.contains("known.toml"));
    // What no check names is looked at where it is asked for; what has ended is overdue.
    sandbox.file("other.toml", sandbox.read("known.toml").replace(&soon, "2026-01-01"));
    let due = sandbox.avouch(&["due", "--baseline", "other.toml"]).exits(1).stdout;
    assert!(due.contains("2026-01-01T23:59:59Z  other.toml:5: ") && due.contains("overdue"), "{due}");
    sandbox.file("other.toml", sandbox.read("known.toml").replace(&soon, "2099-01-01"));
    assert!(sandbox.avouch(&["due", "--baseline", "other.toml"]).exits(2).stderr.contains("other.toml:9:9"));
    // A file that is gone is no reason to say that nothing is due.
    fs::remove_file(sandbox.path().join("known.toml")).unwrap();
    assert!(sandbox.avouch(&["due"]).exits(0).stderr.contains("there is no `known.toml`"));
}

#[test]
fn large_utf16_is_searched_to_its_end() {
    let sandbox = Sandbox::new();
    let text = format!("{}{}\n", "a line of an export\n".repeat(250_000), token(46));
    let wide: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    sandbox.file("export.csv", wide);
    let found = sandbox.avouch(&["scan"]).exits(1);
    assert!(found.stdout.starts_with("export.csv:250001:1: github-pat: "), "{}", found.stdout);
}

#[test]
fn a_marker_counts_only_where_it_was_asked_for() {
    let sandbox = repository("a.ts", &format!("const a = \"{}\"; // gitleaks:allow\n", token(10)));
    let ran = sandbox.avouch(&["scan"]).exits(1);
    assert!(ran.stderr.contains("1 of them on lines with an allow marker"), "{}", ran.stderr);
    let ran = sandbox.avouch(&["scan", "--inline-allow"]).exits(0);
    assert!(ran.stderr.contains("1 allowed by a marker"), "{}", ran.stderr);
}

#[test]
fn sarif_names_rule_path_and_line() {
    let sandbox = repository("src/a b.ts", &format!("\n\"{}\"\n", token(11)));
    let sarif = json(&sandbox.avouch_with(&["scan", "--format", "sarif"], &[KEY]).exits(1));
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!((&result["ruleId"], &result["level"]), (&"github-pat".into(), &"error".into()));
    assert_eq!(run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize]["id"], "github-pat");
    assert_eq!((&place["artifactLocation"]["uri"], &place["region"]["startLine"]), (&"src/a%20b.ts".into(), &2.into()));
    assert!(result["partialFingerprints"]["avouchSecret/v1"].as_str().unwrap().starts_with("hmac-sha256:"));
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
}

#[test]
fn certificates_are_told_and_do_not_decide() {
    let body = letters(12, 64);
    let sandbox = repository("ca.pem", &format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"));
    let ran = sandbox.avouch(&["scan"]).exits(0);
    assert!(ran.stdout.contains("certificate") && ran.stderr.contains("1 only worth knowing"), "{} {}", ran.stdout, ran.stderr);
}

/// What a value is written as: by itself, in hexadecimal digits, in base64 of either alphabet, in percent-encoding, backwards.
fn spellings(value: &str) -> Vec<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = value.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let mut base64 = String::new();
    for chunk in bytes.chunks_exact(3) {
        let number = u32::from(chunk[0]) << 16 | u32::from(chunk[1]) << 8 | u32::from(chunk[2]);
        base64.extend([18, 12, 6, 0].map(|shift| char::from(ALPHABET[(number >> shift & 63) as usize])));
    }
    let url_safe = base64.replace('+', "-").replace('/', "_");
    vec![value.to_owned(), hex.to_uppercase(), hex, percent, url_safe, base64, value.chars().rev().collect()]
}

#[test]
fn no_value_is_in_any_output_log_cache_or_file() {
    let sandbox = Sandbox::new();
    let values: Vec<String> = (20..32).map(|seed| letters(seed, 40)).collect();
    let v = |index: usize| values[index].as_str();
    sandbox.file("src/a.ts", format!("const apiKey = \"{}\";\nfetch('https://bot:{}@git.corp.net');\n", v(0), v(1)));
    sandbox.file(".env", format!("SESSION_SECRET={}\nexport DB_PASSWORD='{}'\n", v(2), v(3)));
    sandbox.file(".npmrc", format!("//registry.corp.net/:_authToken={}\n", v(4)));
    sandbox.file("pnpm-lock.yaml", format!("tarball: https://{}@git.corp.net/x.tgz\n", v(5)));
    sandbox.file("wrangler.toml", format!("[vars]\nADMIN_KEY = \"{}\"\n", v(6)));
    sandbox.file("k8s/s.yaml", format!("kind: Secret\ndata:\n  password: {}\n", v(7)));
    sandbox.file("key.pem", format!("-----BEGIN {} KEY-----\n{}{}\n-----END\n", "PRIVATE", v(8), v(8)));
    sandbox.file("dump.sql", format!("-- PostgreSQL database dump\nCOPY public.users (a) FROM stdin;\n{}\n\\.\n", v(9)));
    sandbox.file("bad.toml", format!("[[allowlists]]\nregexes = ['''{}''']\n[[rules]]\nid = \"x\"\n", v(10)));
    sandbox.commit(None);
    sandbox.file("gone.sh", format!("export GITHUB_TOKEN={}{}\n", ["gh", "p_"].concat(), &v(11)[..36]));
    sandbox.commit(None);
    fs::remove_file(sandbox.path().join("gone.sh")).unwrap();
    sandbox.commit(None);

    let until = in_days(180);
    let write = |file| ["scan", "-v", "--history", "--write-baseline", file, "--reason", "A reason.", "--until", until.as_str()];
    let mut said = String::new();
    for key in [&[][..], &[KEY]] {
        for format in ["text", "json", "sarif"] {
            for more in [&[][..], &["--history"], &["--history"], &["--no-cache"]] {
                let ran = sandbox.avouch_with(&[&["scan", "-v", "--format", format], more].concat(), key).exits(1);
                let least = if more == ["--history"] { 10 } else { 9 };
                if format == "json" {
                    assert!(json(&ran)["hits"].as_array().unwrap().len() >= least, "{}", ran.stdout);
                }
                said.push_str(&ran.stdout);
                said.push_str(&ran.stderr);
            }
        }
    }
    // Written beside the repository, so that the search below is of what avouch wrote.
    let place = Sandbox::new();
    let written = place.path().join("known.toml").to_str().unwrap().to_owned();
    said.push_str(&sandbox.avouch_with(&write(written.as_str()), &[KEY]).exits(0).stderr);
    let mut places = vec![("output".to_owned(), said.into_bytes())];
    places.extend(files(place.path()));
    places.extend(files(&sandbox.path().join(".git/avouch")));
    assert!(places.iter().any(|(name, _)| name == "cache/scan") && places.iter().any(|(name, _)| name == "known.toml"));
    for (name, bytes) in &places {
        let text = String::from_utf8_lossy(bytes);
        for (index, value) in values.iter().enumerate().filter(|(index, _)| *index != 10) {
            for spelling in spellings(&value[..30]) {
                assert!(!text.contains(&spelling), "{name} holds the value {index} as {spelling}");
            }
            // Nor a part of it that would help to guess the rest.
            assert!(!text.contains(&value[..12]) && !text.contains(&value[20..32]), "{name} holds a part of the value {index}");
        }
    }
    assert!(Path::new(&written).exists());
}

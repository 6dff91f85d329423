//! The command line as people and pipelines use it: help, exit codes, formats, and what each command leaves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "command_line/advisories.rs"]
mod advisories;
#[path = "command_line/baseline.rs"]
mod baseline;
#[path = "command_line/decisions.rs"]
mod decisions;
#[path = "command_line/gate.rs"]
mod gate;
#[path = "command_line/hygiene.rs"]
mod hygiene;
#[path = "command_line/probing.rs"]
mod probing;
#[path = "command_line/record.rs"]
mod record;
#[path = "command_line/retention.rs"]
mod retention;
#[path = "command_line/sbom_caches.rs"]
mod sbom_caches;
#[path = "command_line/sbom_formats.rs"]
mod sbom_formats;
#[path = "command_line/sbom_memory.rs"]
mod sbom_memory;
#[path = "command_line/sbom_release.rs"]
mod sbom_release;
#[path = "command_line/sbom_split.rs"]
mod sbom_split;
#[path = "command_line/scan.rs"]
mod scan;
mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind},
    net::TcpListener,
    process::Stdio,
};

use support::{
    Ran, Sandbox, cargo_project,
    small::{check, files, product, state, states},
};

/// Every command, as it is typed.
const COMMANDS: &[&[&str]] = &[
    &["init"],
    &["doctor"],
    &["waive"],
    &["attest"],
    &["approve"],
    &["run"],
    &["sbom"],
    &["sbom", "validate"],
    &["sbom", "diff"],
    &["audit"],
    &["affected"],
    &["vex"],
    &["vex", "set"],
    &["vex", "export"],
    &["deploy"],
    &["deploy", "record"],
    &["scan"],
    &["retention"],
    &["retention", "init"],
    &["retention", "plan"],
    &["retention", "run"],
    &["retention", "status"],
    &["check"],
    &["explain"],
    &["selftest"],
    &["due"],
    &["evidence"],
    &["evidence", "list"],
    &["evidence", "show"],
    &["evidence", "release"],
    &["evidence", "withdraw"],
    &["evidence", "export"],
    &["evidence", "import"],
    &["evidence", "restore"],
    &["key"],
    &["key", "rotate"],
    &["key", "revoke"],
    &["key", "recover"],
    &["key", "show"],
    &["site"],
    &["publish"],
    &["verify"],
    &["serve"],
];

fn policy_check() -> String {
    check("policy", "file.content", "build", "files = \"SECURITY.md\"\nmust_match = [\"contact\"]")
}

/// A released product with one check, of this policy.
fn released(policy: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.file("SECURITY.md", policy);
    product(&sandbox, &[policy_check()], "");
    sandbox.commit(Some("v1.0.0"));
    sandbox
}

fn key(sandbox: &Sandbox) -> String {
    sandbox.avouch(&["key", "show"]).exits(0).stdout.trim().to_owned()
}

#[track_caller]
fn verify(sandbox: &Sandbox, key: &str) -> Ran {
    sandbox.avouch(&["verify", "public", "--key", key])
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The digests of the entries of a kind, oldest first.
fn digests(sandbox: &Sandbox, kind: &str) -> Vec<String> {
    let list = sandbox.avouch(&["evidence", "list", "--json"]).exits(0);
    let entries: Vec<_> = list.stdout.lines().map(json).filter(|entry| entry["kind"] == kind).collect();
    entries.iter().map(|entry| entry["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned()).collect()
}

/// What is published under a digest.
fn blob(sandbox: &Sandbox, digest: &str) -> bool {
    sandbox.exists(&format!("public/blob/sha256/{}/{digest}", &digest[..2]))
}

// ── Help and usage ───────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn the_help_reads_like_this() {
    let sandbox = Sandbox::new();
    let mut text = String::new();
    for command in [&[][..]].iter().chain(COMMANDS) {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let help = sandbox.avouch(&arguments).exits(0).stdout;
        // What every command understands is shown once.
        let own = if command.is_empty() { help.as_str() } else { help.split("\nEverywhere:").next().unwrap() };
        let rest =
            help.split_once("\nExit codes:").map(|(_, rest)| format!("\nExit codes:{rest}")).filter(|_| !command.is_empty());
        text.push_str(&format!("$ avouch {}\n{}{}\n", arguments.join(" "), own.trim_end(), rest.unwrap_or_default()));
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("help", lines.join("\n"));
    });
}

#[test]
fn what_is_typed_wrongly_ends_with_two_and_says_how_it_is_typed() {
    let sandbox = Sandbox::new();
    for command in COMMANDS {
        let mut arguments = command.to_vec();
        arguments.push("--nonsense");
        let ran = sandbox.avouch(&arguments).exits(2);
        assert!(ran.stderr.contains("--nonsense") && ran.stderr.contains("Usage: avouch"), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    for arguments in [
        &[][..],
        &["nonsense"],
        &["retention"],
        &["evidence", "show"],
        &["check", "--when", "later"],
        &["check", "--from", "2026-01-01T00:00:00Z"],
        &["check", "--as-of", "yesterday"],
        &["due", "--within", "30"],
        &["verify"],
        &["serve", "--listen", "nowhere"],
        &["sbom", "--format", "pdf"],
        &["-q", "-v", "selftest"],
    ] {
        let ran = sandbox.avouch(arguments).exits(2);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert!(!ran.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn what_needs_a_configuration_says_how_to_get_one() {
    let sandbox = Sandbox::new();
    for arguments in [
        &["run"][..],
        &["check"],
        &["doctor"],
        &["due"],
        &["evidence", "list"],
        &["key", "show"],
        &["site"],
        &["publish"],
        &["serve"],
        &["retention", "plan"],
    ] {
        let ran = sandbox.avouch(arguments).exits(2);
        assert!(ran.stderr.contains("`avouch init` writes one"), "{arguments:?}: {}", ran.stderr);
    }
    let ran = sandbox.avouch(&["-C", "nowhere", "check"]).exits(2);
    assert!(ran.stderr.contains("nowhere"), "{}", ran.stderr);
    assert_eq!(files(sandbox.path()).len(), 0, "nothing was written");
}

#[test]
fn paths_are_those_of_the_folder_that_is_worked_in() {
    let sandbox = released("contact: us\n");
    let whole = sandbox.path().to_str().unwrap().to_owned();
    let elsewhere = Sandbox::new();
    let avouch = |arguments: &[&str]| {
        let mut all = vec!["-C", &whole];
        all.extend(arguments);
        elsewhere.avouch(&all).exits(0)
    };
    avouch(&["run"]);
    sandbox.file("auditor.key", avouch(&["key", "show"]).stdout);
    avouch(&["verify", "public", "--key", "auditor.key", "--state", "state.json"]);
    // What it would keep for its next run lies in the user's folder, which is this one.
    avouch(&["sbom", ".", "--fresh", "-o", "bom.json"]);
    avouch(&["sbom", "validate", "bom.json"]);
    avouch(&["check", "--bundle", "bundle.json"]);
    avouch(&["evidence", "import", "bundle.json"]);
    avouch(&["evidence", "export", "exported"]);
    avouch(&["site", "-o", "preview"]);
    for made in ["public/checkpoint", "state.json", "bom.json", "bundle.json", "exported/checkpoint", "preview/en/index.html"] {
        assert!(sandbox.exists(made), "{made}");
    }
    assert_eq!(files(elsewhere.path()).len(), 0);
}

#[test]
fn what_works_by_the_clock_refuses_another_time() {
    let sandbox = released("contact: us\n");
    let before = digests(&sandbox, "genesis");
    for arguments in [
        &["run"][..],
        &["serve"],
        &["retention", "run"],
        &["publish"],
        &["init"],
        &["sbom"],
        &["evidence", "list"],
        &["key", "rotate"],
    ] {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--as-of", "2026-01-01T00:00:00Z"]);
        let ran = sandbox.avouch(&arguments).exits(2);
        assert!(ran.stderr.contains("--as-of"), "{}", ran.stderr);
    }
    assert!(!sandbox.exists("public"));
    assert_eq!(digests(&sandbox, "genesis"), before);
    assert_eq!(sandbox.avouch(&["evidence", "list"]).exits(0).stdout.lines().count(), 1);
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["explain", "checks"], &[]);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::with_capacity(16, process.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let output = process.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    assert!(!line.is_empty());
}

#[test]
fn colours_are_for_terminals_and_for_whoever_asks() {
    let sandbox = released("contact: us\n");
    for (arguments, environment, coloured) in [
        (&["check"][..], &[][..], false),
        (&["check", "--color", "always"], &[], true),
        (&["check", "--color", "never"], &[], false),
        (&["check"], &[("NO_COLOR", "1")], false),
        (&["check"], &[("CI", "true"), ("TERM", "xterm")], false),
    ] {
        let ran = sandbox.avouch_with(arguments, environment).exits(0);
        assert_eq!(ran.stdout.contains('\u{1b}'), coloured, "{arguments:?} {environment:?}");
    }
}

// ── Checking ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_check_at_build_opens_no_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let sandbox = Sandbox::new();
    sandbox.file("SECURITY.md", "contact: us\n");
    let asked = check("answer", "http.status", "operate", "target = \"api\"\ncall = \"GET /\"\nstatus = [200]");
    let url = listener.local_addr().unwrap();
    product(&sandbox, &[policy_check(), asked], &format!("[targets.api]\nurl = \"http://{url}\"\nallow = [\"active\"]"));
    sandbox.commit(Some("v1.0.0"));
    let ran = sandbox.avouch(&["check", "--when", "build", "--format", "json"]).exits(0);
    assert_eq!(states(&ran).into_iter().collect::<Vec<_>>(), [("policy".to_owned(), "pass".to_owned())]);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    // The positive control: asked for everything, it does come by.
    listener.set_nonblocking(false).unwrap();
    let visited = std::thread::spawn(move || listener.accept().is_ok());
    assert_eq!(sandbox.avouch(&["check"]).code, 3);
    assert!(visited.join().unwrap());
}

#[test]
fn a_dry_run_prints_every_request_and_sends_none() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let sandbox = Sandbox::new();
    sandbox.file("SECURITY.md", "contact: us\n");
    let open = check("open", "http.status", "operate", "target = \"api\"\nroute = \"list\"\nstatus = [401]\ncontrol = \"a\"");
    let given = "target = \"api\"\nroute = \"list\"\nprincipal = \"a\"\nplaces = [{ query = \"url\" }]\nlisten = \"127.0.0.1:0\"";
    let given = check("given", "http.ssrf", "operate", given);
    let configuration = format!(
        "[targets.api]\nurl = \"http://{}\"\nallow = [\"active\"]\nrelease_from = {{ get = \"/version\", json = \"/commit\" }}\n\
         [targets.api.principals.a]\nvalue = \"Bearer ${{PROBE_A}}\"\n[targets.api.routes.list]\ncall = \"GET /v1/items\"",
        listener.local_addr().unwrap()
    );
    product(&sandbox, &[policy_check(), open, given], &configuration);
    sandbox.commit(Some("v1.0.0"));
    let said = sandbox.avouch(&["check", "--dry-run"]).exits(0).stdout;
    for line in [
        "open (http.status) at api\n  active GET /v1/items as nobody\n  active GET /v1/items as a\n",
        "requests of class `intrusive` are not allowed",
        "passive GET /version as nobody, once in a run, at api",
        "Nothing was sent.",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("policy"), "{said}");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn named_checks_and_controls_are_checked_alone() {
    let sandbox = released("contact: us\n");
    for name in ["policy", "care"] {
        assert_eq!(states(&sandbox.avouch(&["check", name, "--format", "json"]).exits(0))["policy"], "pass");
    }
    let ran = sandbox.avouch(&["check", "polcy"]).exits(2);
    assert!(ran.stderr.contains("did you mean `policy`"), "{}", ran.stderr);
}

/// A product whose only check fails, with a question that means something to every format.
fn awkward() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("SECURITY.md", "nothing\n");
    let awkward =
        policy_check().replace("Is policy as promised?", "100 % <b>&amp; | `x`, y: ::error::\\n::stop-commands::z \\u001b[31m?");
    product(&sandbox, &[awkward], "");
    sandbox.commit(Some("v1.0.0"));
    sandbox
}

#[test]
fn every_format_is_well_formed_whatever_it_holds() {
    let sandbox = awkward();
    let print = |format: &str| sandbox.avouch(&["check", "--format", format]).exits(1).stdout;

    let sarif = json(&print("sarif"));
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let claimed: Vec<_> =
        run["results"].as_array().unwrap().iter().filter(|result| result["properties"]["baseline"] == false).collect();
    assert_eq!(claimed.len(), 1, "{sarif}");
    let rules: Vec<_> = run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    assert!(rules.contains(&&claimed[0]["ruleId"]), "{sarif}");
    assert_eq!(claimed[0]["level"], "note", "the severity of the check is low");
    // GitHub refuses a result without a file, and shows what passed as a problem.
    assert_eq!(claimed[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "avouch.toml");
    assert!(run["results"].as_array().unwrap().iter().all(|result| result["kind"] != "pass"), "{sarif}");

    let github = print("github");
    assert!(!github.contains('\u{1b}'), "{github}");
    let lines: Vec<&str> = github.lines().filter(|line| !line.starts_with("::notice title=baseline.")).collect();
    assert_eq!(lines.len(), 2, "{github}");
    assert!(lines[0].starts_with("::error title=policy::100 %25 ") && lines[0].contains("%0A::stop-commands::"), "{github}");

    let markdown = print("markdown");
    assert!(!markdown.contains('\u{1b}') && !markdown.contains("<b>"), "{markdown}");
    let failed: Vec<&str> = markdown.lines().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(failed.len(), 1, "{markdown}");
    assert!(markdown.contains("### Gate: not satisfied") && markdown.contains("**Failed** (1)"), "{markdown}");
    assert!(markdown.contains("`avouch explain policy` · `avouch waive policy --reason"), "{markdown}");

    assert_eq!(json(&print("json"))["gate"]["verdict"], "not_satisfied");
    assert!(!print("text").contains('\u{1b}'));
}

#[test]
fn the_comment_of_a_change_says_what_it_broke_and_what_it_mended() {
    let sandbox = released("contact: us\n");
    let comment = |sandbox: &Sandbox, code| sandbox.avouch(&["check", "--format", "markdown"]).exits(code).stdout;
    assert!(!comment(&sandbox, 0).contains("New since"), "nothing is on record yet");
    sandbox.avouch(&["run"]).exits(0);
    sandbox.file("SECURITY.md", "nothing\n");
    sandbox.commit(Some("v1.0.1"));
    let broke = comment(&sandbox, 1);
    assert!(
        broke.contains("**New since") && broke.contains("`avouch waive policy") && !broke.contains("Failed as before"),
        "{broke}"
    );
    sandbox.avouch(&["run"]).exits(1);
    let known = comment(&sandbox, 1);
    assert!(known.contains("**Failed as before** (1)") && !known.contains("New since"), "{known}");
    sandbox.file("SECURITY.md", "contact: us\n");
    sandbox.commit(Some("v1.0.2"));
    let mended = comment(&sandbox, 0);
    assert!(mended.contains("**Passed again** (1)") && mended.contains("### Gate: satisfied"), "{mended}");
}

#[test]
fn the_junit_report_is_read_back_as_what_it_says() {
    for (sandbox, ended) in [(released("contact: us\n"), "pass"), (awkward(), "fail")] {
        let junit = sandbox.avouch(&["check", "--format", "junit"]).stdout;
        let reader = Sandbox::new();
        product(&reader, &[check("read", "report.tests", "deploy", "files = \"reports/*.xml\"\nname = \"policy\"")], "");
        let commit = reader.commit(Some("v1.0.0"));
        reader.file("reports/checks.xml", junit);
        reader.file("reports/checks.xml.commit", commit);
        assert_eq!(state(&reader, "read"), ended);
    }
}

// ── SBOM ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_bom_goes_to_standard_output_and_is_valid() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    for spec in ["1.5", "1.6"] {
        let ran = sandbox.avouch(&["sbom", "--spec", spec]).exits(0);
        let bom = json(&ran.stdout);
        assert_eq!((&bom["bomFormat"], &bom["specVersion"]), (&"CycloneDX".into(), &spec.into()));
        sandbox.file("bom.json", &ran.stdout);
        sandbox.avouch(&["sbom", "validate", "bom.json"]).exits(0);
    }
    sandbox.avouch(&["sbom", "--spec", "0.9"]).exits(2);
    sandbox.avouch(&["sbom", "nowhere"]).exits(2);
    let ran = sandbox.avouch(&["sbom", "src"]).exits(3);
    assert!(ran.stderr.contains("lockfile"), "{}", ran.stderr);
    sandbox.avouch(&["sbom", "--release", "9.9.9"]).exits(2);
}

#[test]
fn a_bom_of_a_release_is_that_of_its_commit() {
    let sandbox = released("contact: us\n");
    let whole = sandbox.avouch(&["sbom", "--release", "1.0.0"]).exits(0).stdout;
    sandbox.file("Cargo.lock", "version = 4\n");
    assert_eq!(sandbox.avouch(&["sbom", "--release", "v1.0.0"]).exits(0).stdout, whole);
}

#[test]
fn a_bom_is_judged_by_its_schema_and_its_references() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    let bom = sandbox.avouch(&["sbom"]).exits(0).stdout;
    sandbox.file("good.json", &bom);
    sandbox.file(
        "dangling.json",
        bom.replacen("\"dependsOn\": [\n", "\"dependsOn\": [\n\"nobody\",\n", 1).replacen(
            "\"dependsOn\":[",
            "\"dependsOn\":[\"nobody\",",
            1,
        ),
    );
    sandbox.file("schema.json", bom.replacen("\"components\"", "\"componentz\"", 1));
    sandbox.file("cut.json", &bom[..bom.len() / 2]);
    sandbox.avouch(&["sbom", "validate", "good.json"]).exits(0);
    for wrong in ["dangling.json", "schema.json", "cut.json"] {
        let ran = sandbox.avouch(&["sbom", "validate", "good.json", wrong]).exits(1);
        assert!(ran.stdout.contains("good.json: valid") && ran.stdout.contains(&format!("{wrong}: ")), "{}", ran.stdout);
    }
    sandbox.avouch(&["sbom", "validate", "missing.json"]).exits(3);
}

#[test]
fn the_doctor_names_a_parameter_that_a_kind_does_not_know() {
    let sandbox = Sandbox::new();
    product(&sandbox, &[check("tests", "report.tests", "deploy", "files = \"reports/*.xml\"\nnames = \"x\"")], "");
    sandbox.commit(Some("v1.0.0"));
    let told = sandbox.avouch(&["doctor"]).exits(3).stdout;
    assert!(told.contains("the check tests cannot be asked: ") && told.contains("`names`"), "{told}");
    assert!(told.contains("`avouch explain report.tests` tells the parameters"), "{told}");
    assert_eq!(states(&sandbox.avouch(&["check", "tests", "--format", "json"]).exits(3))["tests"], "error");
}

// ── Explaining ───────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn everything_with_a_name_has_a_page() {
    let sandbox = Sandbox::new();
    for list in ["kinds", "checks", "controls", "claims", "requirements", "profiles", "errors"] {
        let listed = sandbox.avouch(&["explain", list]).exits(0).stdout;
        let id = listed.lines().next().unwrap().split_whitespace().next().unwrap().to_owned();
        if list != "profiles" {
            let page = sandbox.avouch(&["explain", &id]).exits(0).stdout;
            assert!(page.lines().filter(|line| !line.is_empty()).count() >= 2, "{id}: {page}");
        }
    }
    // A profile is written from these pages: each kind tells its parameters, and shows some that it reads.
    let kinds = sandbox.avouch(&["explain", "kinds"]).exits(0).stdout;
    for id in kinds.lines().filter_map(|line| line.split_whitespace().next()).step_by(7) {
        let page = sandbox.avouch(&["explain", id]).exits(0).stdout;
        let (_, parameters) = page.split_once("## Parameters\n\n").unwrap_or_else(|| panic!("{id}: {page}"));
        // Of the blocks the last one is a transcript that is a failure.
        let blocks: Vec<toml::Table> =
            parameters.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap().parse().unwrap()).collect();
        let transcript = blocks.last().unwrap()["check"]["NAME"]["example"][0]["seen"].as_str().unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(transcript).is_ok(), "{id}: {parameters}");
        if let [example, _] = blocks.as_slice() {
            for name in example["check"]["NAME"]["parameters"].as_table().unwrap().keys() {
                assert!(parameters.contains(&format!("`{name}`")), "{id}: {parameters}");
            }
        } else {
            assert!(parameters.contains("None.") || parameters.contains("Not needed:"), "{id}: {parameters}");
        }
    }
    let tests = sandbox.avouch(&["explain", "report.tests"]).exits(0).stdout;
    assert!(tests.contains("\nNeeded: `files`.\n") && tests.contains("`skipped_max`"), "{tests}");
    let ran = sandbox.avouch(&["explain", "http.body-cup"]).exits(2);
    assert!(ran.stderr.contains("did you mean `http.body-cap`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`claims`") && ran.stderr.contains("`errors`"), "{}", ran.stderr);
    // Whatever the output says of how something stands has a page, in the words of the output.
    for word in
        ["not tested", "out of date", "could not be tested", "not configured", "waived", "fail", "unused", "could not tell"]
    {
        sandbox.avouch(&["explain", word]).exits(0);
    }
    let lists = sandbox.avouch(&["explain"]).exits(0).stdout;
    for list in lists.lines().filter_map(|line| line.split_whitespace().nth(2)) {
        sandbox.avouch(&["explain", list]).exits(0);
    }
    assert!(lists.contains("avouch explain claims"), "{lists}");
    // Within a project its own profile is explained.
    assert!(released("x").avouch(&["explain", "policy"]).exits(0).stdout.contains("Is policy as promised?"));
}

#[test]
fn the_selftest_holds_and_says_how_much_it_tried() {
    let sandbox = Sandbox::new();
    let ran = sandbox.avouch(&["selftest"]).exits(0);
    assert!(!ran.stdout.contains("WRONG"), "{}", ran.stdout);
    let printed = json(&sandbox.avouch(&["selftest", "--json"]).exits(0).stdout);
    assert!(printed["rows"].as_array().unwrap().len() > 100);
}

#[test]
fn a_check_of_ones_own_whose_breaking_transcript_passes_is_refused() {
    let sandbox = Sandbox::new();
    let profile = |status: &str, example: &str| {
        let text = format!(
            r#"id = "own"
title.en = "A service of our own"
[slot]
"target.api" = {{ en = "The running API." }}
[check.own-key]
kind = "http.status"
question.en = "Is nobody let in without a key?"
subject = "the API"
when = "operate"
bound = "time"
max_age = "7 days"
severity = "high"
parameters = {{ target = "${{target.api}}", call = "GET /v1/keys", status = [{status}] }}
{example}
[claim.O-1]
control = "transport-tls"
strength = "must"
statement.en = "Every call needs a key."
requirements = ["API2:2023"]
checks = ["own-key"]
"#
        );
        sandbox.file("own.toml", &text);
    };
    let example = |outcome: &str, seen: &str| {
        format!("[[check.own-key.example]]\nname = \"everybody is let in\"\noutcome = \"{outcome}\"\nseen = '{seen}'")
    };
    let open = r#"{"ok":200,"status":200,"control_status":null,"headers":{},"body_matches":[],"body_forbids":[],"code":null}"#;
    profile("401", "");
    sandbox.avouch(&["init", "--profile", "own.toml"]).exits(0);
    sandbox.avouch(&["selftest"]).exits(0);

    profile("401", &example("fail", open));
    let told = sandbox.avouch(&["selftest"]).exits(0).stdout;
    assert!(told.contains("own-key\n  fail           everybody is let in\n"), "{told}");
    assert!(told.contains("1 of 1 examples of your own checks"), "{told}");

    // The check takes what breaks its promise for an answer as good as any.
    profile("401, 200", &example("fail", open));
    let told = sandbox.avouch(&["selftest"]).exits(1).stdout;
    assert!(told.contains("  WRONG: must be fail, and is pass everybody is let in\n"), "{told}");
    let printed = json(&sandbox.avouch(&["selftest", "--json"]).exits(1).stdout);
    assert_eq!((&printed["checks"][0]["expected"], &printed["checks"][0]["got"]), (&"fail".into(), &"pass".into()));

    profile("401, 200", &example("pass", open));
    let told = sandbox.avouch(&["selftest"]).exits(1).stdout;
    assert!(told.contains("own-key: WRONG: it has examples, and none shows that it can fail"), "{told}");

    profile("401", &example("fail", r#"{"status":"#));
    let told = sandbox.avouch(&["selftest"]).exits(2).stderr;
    assert!(told.contains("own.toml:17:8") && told.contains("the transcript is no JSON"), "{told}");
    profile("401", &example("fail", r#"{"state":200}"#));
    let told = sandbox.avouch(&["selftest"]).exits(1).stdout;
    assert!(told.contains("WRONG: ") && told.contains("state"), "{told}");
}

// ── Starting ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn init_writes_what_a_first_run_needs_and_keeps_what_is_there() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.avouch(&["init", "--ci", "github"]).exits(0);
    let workflow = sandbox.read(".github/workflows/avouch.yml");
    assert!(workflow.contains("avouch check --when build --format github"), "{workflow}");
    sandbox.avouch(&["init", "--ci", "gitlab"]).exits(0);
    assert!(sandbox.read(".gitlab/avouch.yml").contains("--format junit"));
    let before = files(sandbox.path());
    sandbox.avouch(&["init", "--ci", "github"]).exits(0);
    for name in ["avouch.toml", ".avouch/signing.key", ".avouch/recovery.key", ".github/workflows/avouch.yml", ".gitignore"] {
        assert_eq!(files(sandbox.path())[name], before[name], "{name}");
    }
    // Another log is only started when asked for, and the old one is set aside, not deleted.
    sandbox.avouch(&["init", "--new-log"]).exits(0);
    assert!(sandbox.exists(".avouch/ledger.db") && sandbox.exists(".avouch/ledger.db.1"));
    sandbox.avouch(&["init", "--profile", "no-such"]).exits(2);
    let kept = sandbox.avouch(&["init", "--profile", "auth-api"]).exits(0).stdout;
    assert!(kept.contains("--profile changes nothing in it"), "{kept}");
    assert!(sandbox.read("avouch.toml").contains("the lockfiles of all its folders; at the root Cargo.lock"));
    let empty = Sandbox::new();
    assert!(empty.avouch(&["init", "--profile", "no-such"]).exits(2).stderr.contains("auth-api"));
    assert!(!empty.exists("avouch.toml"));
}

#[test]
fn keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = released("contact: us\n");
    for name in ["signing.key", "recovery.key", "ledger.db"] {
        let mode = fs::metadata(sandbox.path().join(".avouch").join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    fs::set_permissions(sandbox.path().join(".avouch/signing.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(sandbox.avouch(&["run"]).exits(3).stderr.contains("chmod 600"));
}

#[test]
fn a_preview_has_no_checkpoint_and_replaces_only_a_preview() {
    let sandbox = released("contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    sandbox.avouch(&["site", "-o", "preview"]).exits(0);
    assert!(sandbox.exists("preview/en/index.html") && !sandbox.exists("preview/checkpoint"));
    sandbox.avouch(&["site", "-o", "preview", "--as-of", "2999-01-01T00:00:00Z"]).exits(0);
    sandbox.avouch(&["site", "-o", "src"]).exits(2);
    assert!(sandbox.exists("src/lib.rs"));
    // What the site says is due is due; nothing is within a second.
    sandbox.avouch(&["due", "--within", "1 second"]).exits(0);
    assert!(sandbox.avouch(&["due", "--within", "30 days"]).exits(0).stdout.contains("policy"));
    sandbox.avouch(&["due", "--within", "30 days", "--as-of", "2999-01-01T00:00:00Z"]).exits(1);
}

//! What bad input gets: an error that says what, where and the way out, the exit code of the contract, nothing half-written,
//! and never a pass.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    process::Command,
    thread,
};

use support::{
    Ran, Sandbox, cargo_project,
    small::{check, files, product, sparse, state, states, unchanged},
};

const COMMIT: &str = "0123456789012345678901234567890123456789";

/// A repository with a policy, its check, and a tag.
fn policy(content: &[u8]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("SECURITY.md", content);
    product(&sandbox, &[check("policy", "file.content", "build", "files = \"SECURITY.md\"\nmust_match = [\"contact\"]")], "");
    sandbox.commit(Some("v1.0.0"));
    sandbox
}

/// A database in a configured product, and one check that asks it.
fn database(sql: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path().join("data")).unwrap();
    rusqlite::Connection::open(sandbox.path().join("data/app.db")).unwrap().execute_batch(sql).unwrap();
    let question = "database = \"main\"\nsql = \"SELECT name AS subject, name <> '' AS ok, NULL AS detail FROM people\"";
    product(&sandbox, &[check("rows", "database.query", "operate", question)], "[databases.main]\nurl = \"sqlite:data/app.db\"");
    sandbox
}

/// A product whose API is at this address, and one check that asks it.
fn target(url: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let question = "target = \"api\"\ncall = \"GET /v1/items\"\nstatus = [200]\nheaders = { content-type = \"^application/json\" }\nbody_matches = ['\"items\"']";
    product(
        &sandbox,
        &[check("answer", "http.status", "operate", question)],
        &format!("[targets.api]\nurl = \"{url}\"\nallow = [\"active\"]"),
    );
    sandbox
}

/// A server that answers everything with this, until the test ends. Gives its address.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[track_caller]
fn says(ran: &Ran, parts: &[&str]) {
    for part in parts {
        assert!(ran.stderr.contains(part), "`{part}` is missing in\n{}", ran.stderr);
    }
}

// ── Lockfiles ────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_truncated_lockfile_is_named_and_no_bom_is_written() {
    let whole: &[(&str, &str, &str)] = &[
        ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"itoa\"\nversion = \"1.0.1", "Cargo.lock"),
        ("package-lock.json", "{\"name\":\"shop\",\"lockfileVersion\":3,\"packages\":{\"\":{\"name\"", "package-lock.json"),
        ("pnpm-lock.yaml", "lockfileVersion: '9.0'\nimporters:\n  .: {dependencies: {", "pnpm-lock.yaml"),
    ];
    for (name, content, shown) in whole {
        let sandbox = Sandbox::new();
        sandbox.file(name, content);
        let ran = sandbox.avouch(&["sbom", "-o", "bom.json"]).exits(3);
        says(&ran, &[shown]);
        assert!(!sandbox.exists("bom.json") && !sandbox.exists("bom.json.tmp"), "{name}");
        assert_eq!(ran.stdout, "", "{name}");
    }
}

#[test]
fn a_lockfile_with_a_merge_conflict_is_no_bom() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    let lock = sandbox.read("Cargo.lock");
    let ours =
        lock.replace("version = \"1.0.11\"", "<<<<<<< HEAD\nversion = \"1.0.11\"\n=======\nversion = \"1.0.12\"\n>>>>>>> theirs");
    sandbox.file("Cargo.lock", ours);
    let ran = sandbox.avouch(&["sbom", "-o", "bom.json"]).exits(3);
    says(&ran, &["Cargo.lock"]);
    assert!(!sandbox.exists("bom.json"));
}

#[test]
fn a_broken_manifest_of_a_member_leaves_the_sbom_incomplete_and_untold() {
    let sandbox = policy(b"contact: us\n");
    sandbox.file("package.json", r#"{"name": "app", "workspaces": ["w"]}"#);
    sandbox.file("yarn.lock", "# yarn lockfile v1\n\na@^1.0.0:\n  version \"1.0.0\"\n");
    sandbox.file("w/package.json", "{\n  oops\n");
    sandbox.commit(Some("v1.0.1"));
    let ran = sandbox.avouch(&["sbom"]).exits(3);
    says(&ran, &["a manifest is damaged", "w/package.json:2:3: ", "not in it: w/package.json: it is damaged at 2:3"]);
    assert!(ran.stdout.contains("pkg:npm/a@1.0.0") && ran.stdout.contains("\"incomplete\""), "{}", ran.stdout);
    let ran = sandbox.avouch(&["run"]).exits(3);
    says(&ran, &["a manifest is damaged", "w/package.json:2:3: "]);
    assert!(sandbox.exists("public/sbom/1.0.1/bom.json"));
}

#[test]
fn a_run_on_a_broken_lockfile_says_so_and_goes_on() {
    let sandbox = policy(b"contact: us\n");
    sandbox.file("Cargo.lock", "version = 4\n[[package]]\nname = ");
    sandbox.commit(Some("v1.0.1"));
    let ran = sandbox.avouch(&["run"]).exits(3);
    says(&ran, &["Cargo.lock:3:8: ", "release 1.0.1 has no SBOM"]);
    assert!(sandbox.exists("public/checkpoint") && !sandbox.exists("public/sbom/1.0.1"));
}

#[test]
fn bytes_that_are_no_text_are_named_where_they_stand() {
    let sandbox = Sandbox::new();
    sandbox.file("Cargo.lock", b"version = 4\n\n[[package]]\nname = \"\xff\xfe\"\n");
    says(&sandbox.avouch(&["sbom"]).exits(3), &["Cargo.lock", "UTF-8"]);

    sandbox.file("avouch.toml", b"[product]\nname = \"\xff\"\n");
    says(&sandbox.avouch(&["check"]).exits(2), &["`avouch.toml` is not UTF-8", "line 2"]);

    assert_ne!(state(&policy(b"contact: \xff\xfe\x80\n"), "policy"), "fail");
}

#[test]
fn an_alias_bomb_ends_at_once() {
    let mut bomb = String::from("lockfileVersion: '9.0'\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let previous = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![previous; 10].join(", ")));
    }
    let sandbox = Sandbox::new();
    sandbox.file("pnpm-lock.yaml", format!("{bomb}importers: *a11\n"));
    says(&sandbox.avouch(&["sbom"]).exits(3), &["pnpm-lock.yaml"]);

    let sandbox = Sandbox::new();
    sandbox.file(".pre-commit-config.yaml", format!("{bomb}repos: *a11\n"));
    let values = "files = \".pre-commit-config.yaml\"\nmust_exist = true\nvalues = [{ at = \"repos[*].rev\", present = true }]";
    product(&sandbox, &[check("hook", "config.value", "build", values)], "");
    sandbox.commit(Some("v1.0.0"));
    assert_ne!(state(&sandbox, "hook"), "pass");
}

#[test]
fn a_file_of_a_gigabyte_is_refused_before_it_is_read() {
    const GIGABYTE: u64 = 1 << 30;
    let sandbox = Sandbox::new();
    sparse(&sandbox.path().join("Cargo.lock"), GIGABYTE);
    says(&sandbox.avouch(&["sbom"]).exits(3), &["Cargo.lock"]);

    sparse(&sandbox.path().join("avouch.toml"), GIGABYTE);
    says(&sandbox.avouch(&["check"]).exits(2), &["avouch.toml", "1073741824", "at most"]);

    sparse(&sandbox.path().join("bom.json"), GIGABYTE);
    assert!(sandbox.avouch(&["sbom", "validate", "bom.json"]).exits(3).stdout.contains("not read"));

    let sandbox = report("");
    sparse(&sandbox.path().join("reports/unit.xml"), GIGABYTE);
    assert_eq!(state(&sandbox, "tested"), "error");
}

// ── Repositories ─────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn links_in_circles_and_out_of_the_folder_are_not_followed() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    symlink(".", sandbox.path().join("src/loop")).unwrap();
    symlink("/etc/passwd", sandbox.path().join("package-lock.json")).unwrap();
    symlink("b", sandbox.path().join("a")).unwrap();
    symlink("a", sandbox.path().join("b")).unwrap();
    let ran = sandbox.avouch(&["sbom"]).exits(0);
    let bom: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(bom["components"].as_array().unwrap().len(), 1);
    sandbox.avouch(&["init"]).exits(0);
}

#[test]
fn hostile_names_reach_neither_the_terminal_nor_the_pages_raw() {
    let sandbox = Sandbox::new();
    let hostile = "x\u{1b}]0;owned\u{7}\n<script>alert(1)</script>\u{202e}.md";
    cargo_project(&sandbox);
    sandbox.file(&format!("docs/{}", hostile.replace('/', "∕")), "secret = 1");
    fs::write(sandbox.path().join(std::ffi::OsStr::from_bytes(b"docs/\xff\x1b[31m.md")), "x").unwrap();
    let found = check("clean", "file.content", "build", "files = \"docs/*\"\nmust_not_match = [\"secret\"]");
    product(&sandbox, &[found], "[release]\ntags = \"*\"");
    sandbox.commit(Some("v1.0.0-<script>alert`1`<∕script>"));
    let mut said = Vec::new();
    for arguments in [
        &["check"][..],
        &["check", "--format", "github"],
        &["check", "--format", "markdown"],
        &["run"],
        &["evidence", "list"],
        &["doctor"],
    ] {
        let ran = sandbox.avouch(arguments);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        said.push(format!("{}{}", ran.stdout, ran.stderr));
    }
    sandbox.file(&format!("lib/{}/package-lock.json", hostile.replace('/', "∕")), "{ no json");
    let ran = sandbox.avouch(&["sbom"]).exits(3);
    let beginnings = ["error: ", "  because: ", "warning: a lockfile is damaged", "not in it: "];
    assert!(ran.stderr.lines().all(|line| beginnings.iter().any(|with| line.starts_with(with))), "{}", ran.stderr);
    said.push(ran.stderr);
    for text in &said {
        for raw in ["\u{1b}", "\u{7}", "\u{202e}"] {
            assert!(!text.contains(raw), "{raw:?} in\n{text}");
        }
    }
    assert!(sandbox.exists("public/en/index.html"), "{}", said.join("\n"));
    for (name, bytes) in files(&sandbox.path().join("public")) {
        if name.ends_with(".html") || name.ends_with(".svg") {
            let page = String::from_utf8(bytes).unwrap();
            assert!(!page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{202e}'), "{name}");
        }
    }
}

// ── Reports ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A tagged repository with one check of a test report; where the report names a commit, `COMMIT` is replaced by the tag's.
fn report(content: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let tested = "files = \"reports/*.xml\"\nname = \"closed\"\npassed_min = 1";
    product(&sandbox, &[check("tested", "report.tests", "deploy", tested)], "");
    sandbox.file(".gitignore", "/.avouch/\n/public/\n/reports/\n");
    let commit = sandbox.commit(Some("v1.0.0"));
    sandbox.file("reports/unit.xml", content.replace("THIS", &commit));
    sandbox
}

fn junit(commit: &str, cases: &str) -> String {
    format!("<testsuite name=\"unit\"><properties><property name=\"commit\" value=\"{commit}\"/></properties>{cases}</testsuite>")
}

#[test]
fn a_report_counts_for_its_own_commit_alone() {
    let case = "<testcase name=\"fails closed\"/>";
    assert_eq!(state(&report(&junit("THIS", case)), "tested"), "pass");
    assert_eq!(state(&report(&junit(COMMIT, case)), "tested"), "stale");
    let unnamed = state(&report(&format!("<testsuite>{case}</testsuite>")), "tested");
    assert!(["stale", "no_data"].contains(&unnamed.as_str()), "{unnamed}");
}

#[test]
fn a_report_without_tests_shows_nothing() {
    assert_eq!(state(&report(&junit("THIS", "")), "tested"), "no_data");
    assert_eq!(state(&report(&junit("THIS", "<testcase name=\"fails closed\"><skipped/></testcase>")), "tested"), "no_data");
    assert_eq!(state(&report(""), "tested"), "error");
    assert_eq!(state(&report("<html><body>Please sign in</body></html>"), "tested"), "error");
    assert_eq!(
        state(&report("<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><testsuite>&b;</testsuite>"), "tested"),
        "error"
    );
}

// ── Databases ────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_question_that_finds_no_row_is_not_answered() {
    assert_eq!(state(&database("CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('a');"), "rows"), "pass");
    assert_eq!(state(&database("CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('');"), "rows"), "fail");
    assert_eq!(state(&database("CREATE TABLE people (name TEXT);"), "rows"), "no_data");
}

#[test]
fn a_database_of_another_shape_a_missing_one_and_none_at_all_are_errors() {
    assert_eq!(state(&database("CREATE TABLE others (name TEXT);"), "rows"), "error");

    let sandbox = database("CREATE TABLE people (name TEXT);");
    fs::remove_file(sandbox.path().join("data/app.db")).unwrap();
    assert_eq!(state(&sandbox, "rows"), "error");
    assert!(!sandbox.exists("data/app.db"), "a database that is missing is not made");

    sandbox.file("data/app.db", "<html>this is no database, but it is long enough to be taken for one</html>".repeat(40));
    assert_eq!(state(&sandbox, "rows"), "error");
    says(&sandbox.avouch(&["check"]), &["main"]);
}

#[test]
fn a_database_that_somebody_keeps_locked_is_an_error_after_a_while() {
    let sandbox = database("CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('a');");
    let other = rusqlite::Connection::open(sandbox.path().join("data/app.db")).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;").unwrap();
    assert_eq!(state(&sandbox, "rows"), "error");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    assert_eq!(state(&sandbox, "rows"), "pass");
}

#[test]
fn a_ledger_that_is_busy_or_is_none_stops_a_run_before_it_does_anything() {
    let sandbox = policy(b"contact: us\n");
    let path = sandbox.path().join(".avouch/ledger.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    says(&sandbox.avouch(&["run"]).exits(3), &["another process is writing the ledger"]);
    other.execute_batch("ROLLBACK; PRAGMA user_version = 9;").unwrap();
    drop(other);
    says(&sandbox.avouch(&["run"]).exits(3), &["has format 9", "use a newer program"]);
    let whole = fs::read(&path).unwrap();
    sandbox.file(".avouch/ledger.db", "this is no ledger, but it is long enough to be taken for a database file".repeat(40));
    says(&sandbox.avouch(&["run"]).exits(3), &["is not a ledger of avouch"]);
    sandbox.file(".avouch/ledger.db", &whole[..whole.len() / 2]);
    says(&sandbox.avouch(&["run"]).exits(3), &["ledger"]);
    assert!(!sandbox.exists("public"));
}

#[test]
fn personal_data_in_rows_is_nowhere_in_the_record() {
    let planted = "gertrude.planted@example.com";
    let sandbox = database(&format!(
        "CREATE TABLE people (name TEXT, at TEXT); INSERT INTO people VALUES ('{planted}', '2020-01-01T00:00:00Z'), ('', '2020-01-01T00:00:00Z');"
    ));
    let configuration = sandbox.read("avouch.toml");
    sandbox.file(
        "avouch.toml",
        format!("{configuration}\n[[retention]]\nname = \"people\"\ndatabase = \"main\"\ntable = \"people\"\ncolumn = \"at\"\nkeep = \"30 days\"\n"),
    );
    sandbox.avouch(&["retention", "init"]).exits(0);
    let ran = sandbox.avouch(&["-vv", "run", "--purge"]).exits(1);
    let plan = sandbox.avouch(&["retention", "plan"]);
    assert!(sandbox.exists("public/en/index.html"));
    absent(&sandbox, planted, &[&ran, &plan]);
}

#[test]
fn personal_data_of_rows_that_are_archived_held_or_in_the_way_is_nowhere_either() {
    let planted = "gertrude.planted@example.com";
    let sandbox = database(&format!(
        "CREATE TABLE people (name TEXT PRIMARY KEY, at TEXT, email TEXT UNIQUE) WITHOUT ROWID; CREATE TABLE held (name TEXT); \
         CREATE TABLE notes (about TEXT REFERENCES people, body TEXT); INSERT INTO held VALUES ('{planted}'), ('b'); \
         INSERT INTO people VALUES ('{planted}', '2020-01-01T00:00:00Z', '{planted}'), ('b', '2020-01-01T00:00:00Z', 'b'); \
         INSERT INTO notes VALUES ('{planted}', '{planted}');"
    ));
    let mut configuration = sandbox.read("avouch.toml");
    for (name, terms) in [
        // Both rows would have the same address; no address is JSON; both are held; and in the end both go.
        ("clash", "action = \"anonymise\"\nset = { email = \"'gone'\" }"),
        ("broken", "where = \"json_extract(email, '$') > 1\""),
        ("held", "hold = { column = \"name\", table = \"held\", key = \"name\" }\nchildren = [\"notes\"]"),
        ("archived", "action = \"archive\"\narchive = \"old\"\nchildren = [\"notes\"]\nerase = true"),
    ] {
        configuration.push_str(&format!(
            "\n[[retention]]\nname = \"{name}\"\ndatabase = \"main\"\ntable = \"people\"\ncolumn = \"at\"\nkeep = \"30 days\"\n\
             fuse_percent = 100\n{terms}\n"
        ));
    }
    sandbox.file("avouch.toml", configuration);
    sandbox.avouch(&["retention", "init"]).exits(0);
    let mut said = vec![sandbox.avouch(&["retention", "plan"]), sandbox.avouch(&["-vv", "retention", "run"])];
    for part in ["constraint failed", "malformed JSON"] {
        assert!(said[1].stderr.contains(part), "{}", said[1].stderr);
    }
    for part in
        ["2 rows stay under a legal hold", "1 rows of other tables went with them", "1 objects were written to the archive"]
    {
        assert!(said[1].stdout.contains(part), "{}", said[1].stdout);
    }
    // The lines of the journal, before the next run forgets them; and the names of objects.
    let connection = rusqlite::Connection::open(sandbox.path().join("data/app.db")).unwrap();
    let journal = "SELECT group_concat(rule || claim || batch || at || deleted || children || coalesce(archive, '')) FROM avouch_retention_journal";
    let journal: String = connection.query_row(journal, [], |row| row.get(0)).unwrap();
    said.extend(
        [&["retention", "status"][..], &["retention", "status", "--json"], &["-vv", "run", "--purge"]]
            .map(|asked| sandbox.avouch(asked)),
    );
    let names = files(&sandbox.path().join("old")).into_keys().collect::<Vec<_>>().join("\n");
    assert!(journal.contains("sha256:") && names.contains(".ndjson.zst"), "{journal} {names}");
    said.push(Ran { stdout: journal, stderr: names, code: 0 });
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(planted));
    for form in [planted, &digest] {
        absent(&sandbox, form, &said.iter().collect::<Vec<_>>());
    }
}

// ── Targets ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_login_page_is_no_answer() {
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 40\r\nconnection: close\r\n\r\n<html><h1>Please sign in</h1></html>    ";
    assert_ne!(state(&target(&server(page)), "answer"), "pass");
    let answer =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 12\r\nconnection: close\r\n\r\n{\"items\":[]}";
    assert_eq!(state(&target(&server(answer)), "answer"), "pass");
}

#[test]
fn a_host_that_nobody_answers_at_is_an_error() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(state(&target(&format!("http://127.0.0.1:{port}")), "answer"), "error");
    assert_eq!(state(&target("http://no-such-host.invalid"), "answer"), "error");
}

#[test]
fn a_server_that_talks_nonsense_is_an_error() {
    assert_eq!(state(&target(&server("SSH-2.0-OpenSSH_9.6\r\n")), "answer"), "error");
    let cut_off = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{\"ite";
    assert_ne!(state(&target(&server(cut_off)), "answer"), "pass");
}

// ── Configuration ────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn every_mistake_of_a_configuration_is_shown_in_its_place() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "avouch.toml",
        "[product]\nname = 7\nslug = \"Not A Slug\"\nprofile = [\"auth-api\"]\n\n[databases.main]\nurl = \"mysql://root:hunter2@db/app\"\n\n\
         [[retention]]\nname = \"r\"\ndatabase = \"mian\"\ntable = \"t\"\ncolumn = \"c\"\nkeep = \"24\"\n\n[evidence]\norigin = \"x\"\n",
    );
    let ran = sandbox.avouch(&["check"]).exits(2);
    says(
        &ran,
        &[
            "avouch.toml:2:",
            "avouch.toml:3:",
            "avouch.toml:4:",
            "avouch.toml:7:",
            "avouch.toml:14:",
            "did you mean `profiles`",
            "nothing was done",
        ],
    );
    assert_eq!(ran.stdout, "");
    assert!(!sandbox.exists(".avouch"));
}

#[test]
fn a_configuration_cannot_speak_to_the_terminal() {
    let sandbox = Sandbox::new();
    sandbox.file("avouch.toml", "[product]\nname = \"a\u{202e}b\"\n\"\\u001b]0;x\\u0007\" = 1\n\"::error::\" = 2\n");
    let ran = sandbox.avouch(&["check"]).exits(2);
    assert!(!ran.stderr.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{}", ran.stderr);
}

// ── Full disks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Runs the program where no file may grow beyond this many KiB; the signal of the limit is ignored, so that a write fails as
/// it does on a full disk.
fn on_a_full_disk(sandbox: &Sandbox, kibibytes: u64, arguments: &[&str]) -> Ran {
    let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script, "bash", env!("CARGO_BIN_EXE_avouch")]).args(arguments).current_dir(sandbox.path());
    let output = command.output().unwrap();
    Ran {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap_or(-1),
    }
}

/// A lockfile whose BOM is of some hundred KiB.
fn many_packages(sandbox: &Sandbox, count: usize) {
    let package = |number: usize| {
        let checksum = format!("{number:064x}");
        format!(
            "[[package]]\nname = \"p{number}\"\nversion = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{checksum}\"\n\n"
        )
    };
    sandbox.file("Cargo.lock", format!("version = 4\n\n{}", (0..count).map(package).collect::<String>()));
}

#[test]
fn a_bom_that_does_not_fit_on_the_disk_leaves_the_old_one() {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.file("bom.json", "the old one");
    let ran = on_a_full_disk(&sandbox, 1, &["sbom", "-o", "bom.json"]).exits(3);
    says(&ran, &["cannot write `./bom.json`", "because: "]);
    assert_eq!(sandbox.read("bom.json"), "the old one");
    assert!(!sandbox.exists("bom.json.tmp"));
}

#[test]
fn a_run_that_does_not_fit_on_the_disk_leaves_the_old_site_and_a_sound_record() {
    let sandbox = policy(b"contact: us\n");
    many_packages(&sandbox, 10);
    sandbox.commit(Some("v1.0.1"));
    sandbox.avouch(&["run"]).exits(0);
    let key = sandbox.avouch(&["key", "show"]).exits(0).stdout.trim().to_owned();
    sandbox.avouch(&["verify", "public", "--key", &key]).exits(0);
    let before = files(&sandbox.path().join("public"));
    // Another release, so that there is something to record.
    many_packages(&sandbox, 500);
    sandbox.commit(Some("v1.0.2"));
    for kibibytes in [1, 8, 40, 100] {
        let ran = on_a_full_disk(&sandbox, kibibytes, &["run"]).exits(3);
        assert!(ran.stderr.contains("because: "), "{}", ran.stderr);
        unchanged(&before, &sandbox.path().join("public"));
        sandbox.avouch(&["verify", "public", "--key", &key]).exits(0);
    }
    // Room again: the next run goes on where the record ends.
    sandbox.avouch(&["run"]).exits(0);
    sandbox.avouch(&["verify", "public", "--key", &key]).exits(0);
    assert!(sandbox.exists("public/sbom/1.0.2/bom.json"));
}

#[test]
fn a_publication_that_does_not_fit_on_the_disk_changes_no_page() {
    let sandbox = policy(b"contact: us\n");
    many_packages(&sandbox, 500);
    sandbox.commit(Some("v1.0.1"));
    sandbox.avouch(&["run"]).exits(0);
    // The ledger has nothing to write; one of the files of the site has.
    fs::remove_file(sandbox.path().join("public/sbom/1.0.1/bom.json")).unwrap();
    fs::write(sandbox.path().join("public/en/index.html"), "somebody was here").unwrap();
    let before = files(&sandbox.path().join("public"));
    let ran = on_a_full_disk(&sandbox, 64, &["publish"]).exits(3);
    says(&ran, &["cannot write", "because: "]);
    // What was staged is gone again.
    unchanged(&before, &sandbox.path().join("public"));
    let ran = on_a_full_disk(&sandbox, 64, &["publish", "elsewhere"]).exits(3);
    says(&ran, &["because: "]);
    assert!(!sandbox.exists("elsewhere/checkpoint") && !sandbox.exists("elsewhere/en/index.html"));
    sandbox.avouch(&["publish"]).exits(0);
    let key = sandbox.avouch(&["key", "show"]).exits(0).stdout.trim().to_owned();
    sandbox.avouch(&["verify", "public", "--key", &key]).exits(0);
}

#[test]
fn a_run_that_is_killed_while_it_publishes_is_mended_by_the_next() {
    let sandbox = policy(b"contact: us\n");
    sandbox.avouch(&["run"]).exits(0);
    let key = sandbox.avouch(&["key", "show"]).exits(0).stdout.trim().to_owned();
    let staging = sandbox.path().join("public/.avouch-staging");
    for (round, staged) in [0, 1, 8, 60, 1_000_000].into_iter().enumerate() {
        sandbox.file("SECURITY.md", format!("contact: us, {round}\n"));
        sandbox.commit(Some(&format!("v1.1.{round}")));
        let mut run = sandbox.command(&["-q", "run"], &[]).spawn().unwrap();
        // Until that many files are staged, or it was faster.
        let there = || fs::read_dir(&staging).map(|entries| entries.count() >= staged).unwrap_or(false);
        while run.try_wait().unwrap().is_none() && !there() {
            thread::yield_now();
        }
        let _ = run.kill();
        run.wait().unwrap();
        sandbox.avouch(&["run"]).exits(0);
        sandbox.avouch(&["verify", "public", "--key", &key]).exits(0);
        assert!(!staging.exists());
    }
}

// ── Secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Fails when the text, or its hexadecimal or base64 form, is in what was said, in the site or in the ledger.
#[track_caller]
fn absent(sandbox: &Sandbox, secret: &str, said: &[&Ran]) {
    let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_owned(), hexadecimal.to_uppercase(), hexadecimal];
    forms.extend(base64_forms(secret.as_bytes()));
    let mut places: Vec<(String, Vec<u8>)> = files(&sandbox.path().join("public")).into_iter().collect();
    for name in ["ledger.db", "ledger.db-wal"] {
        if let Ok(bytes) = fs::read(sandbox.path().join(".avouch").join(name)) {
            places.push((name.to_owned(), bytes));
        }
    }
    assert!(places.len() > 10, "a site and a ledger: {}", places.len());
    for ran in said {
        places.push(("standard output".to_owned(), ran.stdout.clone().into_bytes()));
        places.push(("standard error".to_owned(), ran.stderr.clone().into_bytes()));
    }
    for (name, bytes) in &places {
        for form in &forms {
            assert!(!bytes.windows(form.len()).any(|window| window == form.as_bytes()), "a secret is in {name}, as {form}");
        }
    }
}

/// The base64 forms of a text wherever it stands in a longer one, without the ends that depend on what is around it.
fn base64_forms(bytes: &[u8]) -> Vec<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut forms = Vec::new();
    for skip in 0..3 {
        let whole = &bytes[skip..bytes.len() - (bytes.len() - skip) % 3];
        let mut form = String::new();
        for three in whole.chunks(3) {
            let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
            form.extend([18, 12, 6, 0].map(|shift| ALPHABET[(bits >> shift & 63) as usize] as char));
        }
        forms.push(form.replace('+', "-").replace('/', "_"));
        forms.push(form);
    }
    forms
}

#[test]
fn the_secrets_of_a_run_are_nowhere_in_what_it_says_and_records() {
    let answer =
        "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let url = server(answer);
    let sandbox = Sandbox::new();
    let asked = "target = \"api\"\nroute = \"list\"\nprincipal = \"a\"\nstatus = [200]";
    let configuration = format!(
        "[targets.api]\nurl = \"{url}\"\nallow = [\"active\"]\n[targets.api.principals.a]\nvalue = \"Bearer ${{PROBE_A}}\"\n\
         [targets.api.routes.list]\ncall = \"GET /v1/items\""
    );
    product(&sandbox, &[check("let-in", "http.status", "operate", asked)], &configuration);
    sandbox.commit(Some("v1.0.0"));
    let planted = "ck_live_pLaNtEdSeCrEt0123456789";
    let environment = [("PROBE_A", planted)];
    let said: Vec<Ran> = [&["-vv", "run"][..], &["check"], &["check", "--format", "json"], &["doctor"], &["evidence", "list"]]
        .iter()
        .map(|arguments| sandbox.avouch_with(arguments, &environment))
        .collect();
    assert!(sandbox.exists("public/en/index.html"), "{}", said[0].stderr);
    let said: Vec<&Ran> = said.iter().collect();
    absent(&sandbox, planted, &said);
    for file in ["signing.key", "recovery.key"] {
        let key = sandbox.read(&format!(".avouch/{file}"));
        let secret = key.trim().splitn(5, '+').last().unwrap();
        assert_eq!(secret.len(), 44, "33 bytes in base64");
        absent(&sandbox, secret, &said);
    }
    assert_eq!(states(said[2])["let-in"], "fail");
}

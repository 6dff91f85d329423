//! The published site in a real browser: readable by everybody, on every screen, with nothing loaded from elsewhere.
//!
//! A site is made through the program, served by its daemon, and looked at by `tests/browser/pages.mjs`. Bad pages are then
//! planted beside the good ones: each checker must find the one that was made for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use support::reference::Product;

/// What makes the tools, for whoever lacks them.
const WAY_OUT: &str = "`make test` installs what the tests need";

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_owned()
}

/// The browser, where its packages put it.
fn chromium() -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::split_paths(&folders).flat_map(|folder| [folder.join("chromium"), folder.join("chromium-browser")]);
    named.into_iter().find(|path| path.is_file()).unwrap_or_else(|| panic!("no chromium on the PATH: {WAY_OUT}"))
}

/// The folder that `tests/setup.sh` fills.
fn tools() -> PathBuf {
    let tools = top().join("target/test-tools/browser");
    assert!(tools.join("node_modules/playwright-core").is_dir(), "{} holds no tools: {WAY_OUT}", tools.display());
    tools
}

/// The daemon on a free port, with the headers that it sends.
struct Daemon {
    child: Child,
    base: String,
}

impl Daemon {
    fn start(product: &Product) -> Self {
        // Nothing falls due while the pages are looked at.
        let path = product.sandbox.path().join("product/avouch.toml");
        let configuration = fs::read_to_string(&path).expect("avouch.toml");
        let (before, _) = configuration.split_once("[schedule]").expect("a schedule");
        fs::write(&path, format!("{before}[schedule]\nrun = \"0 0 3 1 1 *\"\n")).expect("avouch.toml");
        let mut command = product.sandbox.command(&["-C", "product", "serve", "--listen", "127.0.0.1:0"], &[]);
        command.envs(product.environment.iter().cloned()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the daemon starts");
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.take().expect("its standard error"));
        while lines.read_line(&mut said).expect("UTF-8") > 0 && !said.contains("serving http://") {}
        let base = said.split_once("serving ").and_then(|(_, rest)| rest.split(';').next()).map(str::to_owned);
        let Some(base) = base else {
            let _ = child.kill();
            panic!("the daemon did not say where it serves: {said}");
        };
        // What it says later must find a reader, or it would end at the closed pipe.
        std::thread::spawn(move || lines.lines().map_while(Result::ok).for_each(drop));
        Self { child, base }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks at the pages whose path begins with this.
fn look(daemon: &Daemon, folder: &Path, prefix: &str) -> Value {
    let output = Command::new("node")
        .arg(top().join("tests/browser/pages.mjs"))
        .args([tools().as_path(), &chromium()])
        .arg(&daemon.base)
        .arg(folder)
        .arg(prefix)
        .output()
        .unwrap_or_else(|error| panic!("node does not start ({error}): {WAY_OUT}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the browser did not finish: {error}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|cause| panic!("{cause}: {error}"))
}

/// A page that lacks nothing, with this in its head and its body.
fn page(head: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Planted</title>\n{head}</head>\n<body>\n<main>\n<h1>Planted</h1>\n<p>A page that was planted here to be found by one of the checkers.</p>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Pages that are wrong in one way each, and the checker that must say so.
fn planted() -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("contrast", "axe", page("<link rel=\"stylesheet\" href=\"pale.css\">\n", "<p class=\"pale\">Pale.</p>\n")),
        ("wide", "sideways", page("", &format!("<p>{}</p>\n", "0123456789abcdef".repeat(40)))),
        ("inline", "console", page("<style>p { color: red; }</style>\n", "")),
        ("elsewhere", "third-party", page("<link rel=\"stylesheet\" href=\"https://elsewhere.example/a.css\">\n", "")),
        ("greedy", "requests", page("", "<img src=\"../icon.svg?1\" alt=\"1\">\n<img src=\"../icon.svg?2\" alt=\"2\">\n<img src=\"../icon.svg?3\" alt=\"3\">\n")),
        ("broken", "link", page("", "<p><a href=\"../nowhere/index.html\">Nowhere</a></p>\n")),
        ("fragment", "link", page("", "<p><a href=\"#nothing\">Nothing</a></p>\n")),
        ("invalid", "html-validate", page("", "<p id=\"a\">One.</p>\n<p id=\"a\">Two.</p>\n")),
        (
            "script",
            "no-script",
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Planted</title>\n</head>\n<body>\n<main id=\"m\"></main>\n<script src=\"fill.js\"></script>\n</body>\n</html>\n".to_owned(),
        ),
    ]
}

#[test]
fn every_type_of_page_is_accessible_in_every_view_and_loads_nothing_from_elsewhere() {
    let product = Product::start(None, false);
    product.run();
    let folder = product.sandbox.path().join("product/public");
    let daemon = Daemon::start(&product);

    let seen = look(&daemon, &folder, "");
    let problems = seen["problems"].as_array().expect("problems");
    let shown: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    assert!(problems.is_empty(), "{} problems:{shown}", problems.len());
    // What was not looked at has not passed.
    let types: BTreeMap<String, String> = serde_json::from_value(seen["looked"]["types"].clone()).expect("types");
    for language in ["en", "fr"] {
        for place in [
            "overview",
            "controls",
            "one of controls",
            "one of requirements",
            "kinds",
            "one of kinds",
            "threat-model",
            "retention",
            "releases",
            "one of releases",
            "disclosure",
            "decisions",
            "verify",
            "log",
        ] {
            assert!(types.contains_key(&format!("{language}: {place}")), "no {place} in {language}: {types:?}");
        }
    }
    for kind in ["Run", "Scope", "Retention receipt", "Bill of materials", "Release", "Decision", "Beginning of the log"] {
        assert!(types.contains_key(&format!("evidence: {kind}")), "no evidence of {kind}: {types:?}");
    }
    assert!(types.contains_key("index.html") && types.contains_key("404.html"), "{types:?}");

    for (name, _, html) in planted() {
        let place = folder.join("planted").join(name);
        fs::create_dir_all(&place).expect("a folder");
        fs::write(place.join("index.html"), html).expect("a page");
        fs::write(place.join("pale.css"), ".pale { color: #ddd; background: #fff; }").expect("a style");
    }
    let seen = look(&daemon, &folder, "planted/");
    let problems = seen["problems"].as_array().expect("problems");
    for (name, checker, _) in planted() {
        let here = format!("planted/{name}/index.html");
        let found: BTreeSet<&str> = problems
            .iter()
            .filter(|problem| problem["page"] == *here)
            .filter_map(|problem| problem["checker"].as_str())
            .collect();
        assert!(found.contains(checker), "`{checker}` did not find {name}: {found:?} {problems:?}");
    }
}

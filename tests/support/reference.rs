//! The reference API as a test meets it: a repository, a database, a running service, and avouch pointed at them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

use super::Sandbox;

/// The program, built once: it is another package's, which cargo does not build for these tests by itself.
pub fn reference_api() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let avouch = Path::new(env!("CARGO_BIN_EXE_avouch"));
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "-p", "reference-api"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace"))
            .status()
            .expect("cargo starts");
        assert!(status.success(), "the reference API does not build");
        avouch.with_file_name("reference-api")
    })
}

/// Windows, caps and floors of the service, and the same numbers in avouch's configuration.
pub struct Scale {
    pub serve: &'static [&'static str],
    pub numbers: &'static str,
}

/// Scaled down so that a run takes half a minute. What is tested with them proves nothing of the claims, and says so.
pub const SCALED: Scale = Scale {
    serve: &[
        "--ip-window",
        "8",
        "--key-limit",
        "200",
        "--key-window",
        "8",
        "--floor-ms",
        "40",
        "--single-cap",
        "20000",
        "--batch-cap",
        "60000",
    ],
    numbers: r#"
[numbers.rate-limit-address]
window = "8 seconds"
[numbers.rate-limit-key]
limit = 200
window = "8 seconds"
[numbers.rate-limit-sliding]
limit = 200
window = "8 seconds"
[numbers.body-cap-single]
limit = 20000
[numbers.body-cap-batch]
limit = 60000
[numbers.auth-timing-malformed]
floor_ms = 40
[numbers.auth-timing-unknown-prefix]
floor_ms = 40
[numbers.auth-timing-wrong-hash]
floor_ms = 40
[numbers.auth-timing-inactive]
floor_ms = 40
[numbers.auth-timing-expired]
floor_ms = 40
[numbers.auth-timing-success]
floor_ms = 40
[numbers.auth-timing-limited]
floor_ms = 40
"#,
};

/// The product in a sandbox of its own, and its service where one is asked for.
pub struct Product {
    pub sandbox: Sandbox,
    pub environment: Vec<(String, String)>,
    service: Option<Child>,
}

impl Drop for Product {
    fn drop(&mut self) {
        if let Some(mut service) = self.service.take() {
            let _ = service.kill();
            let _ = service.wait();
        }
    }
}

impl Product {
    /// The product with a defect or without, scaled down. Without a service the targets are taken out of the configuration,
    /// so that what needs them is not configured.
    pub fn start(defect: Option<&str>, served: bool) -> Self {
        let sandbox = Sandbox::new();
        let product = sandbox.path().join("product");
        let defect: Vec<&str> = defect.map(|name| vec!["--defect", name]).unwrap_or_default();
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let run = |arguments: &[&str]| {
            let output = Command::new(reference_api()).args(arguments).args(&defect).output().expect("the reference API starts");
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
        };
        let commit = run(&["repository", &text(&product), "--db", "data/app.db", "--ca", "run/ca.pem"]);
        for folder in ["data", "run", "logs"] {
            fs::create_dir_all(product.join(folder)).expect("a folder");
        }
        let database = product.join("data/app.db");
        run(&["seed", &text(&database), "--env-out", &text(&sandbox.path().join("env.sh"))]);
        let environment = environment(&sandbox.read("env.sh"));
        let mut this = Self { sandbox, environment, service: None };
        let mut configuration = fs::read_to_string(product.join("avouch.toml")).expect("avouch.toml");
        if served {
            let ready = this.serve(&product, &commit, &defect);
            configuration =
                configuration.replace("https://127.0.0.1:8443", &ready["HTTPS"]).replace("http://127.0.0.1:8080", &ready["HTTP"]);
            configuration.push_str(SCALED.numbers);
        } else {
            let (before, rest) = configuration.split_once("[targets.api]").expect("targets");
            let (_, after) = rest.split_once("[bind]").expect("bindings");
            // Nobody serves, so nobody logs.
            configuration = format!("{before}[bind]{after}").replace("\"report.logs\" =", "# \"report.logs\" =");
        }
        fs::write(product.join("avouch.toml"), configuration).expect("avouch.toml");
        this
    }

    fn serve(&mut self, product: &Path, commit: &str, defect: &[&str]) -> BTreeMap<String, String> {
        let ready = self.sandbox.path().join("ready");
        let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
        let (database, authority, log) =
            (text(product.join("data/app.db")), text(product.join("run/ca.pem")), text(product.join("logs/api.log")));
        let mut command = Command::new(reference_api());
        command
            .args(["serve", "--db", &database, "--https", "127.0.0.1:0", "--http", "127.0.0.1:0", "--ca-out", &authority])
            .args(["--commit", commit, "--ready-file", ready.to_str().expect("UTF-8"), "--log", &log])
            .args(SCALED.serve)
            .args(defect)
            .envs(self.environment.iter().cloned())
            .stdout(Stdio::null())
            .stderr(Stdio::from(fs::File::create(self.sandbox.path().join("service.err")).expect("a file")));
        let mut service = command.spawn().expect("the reference API starts");
        let mut tries = 0;
        while !ready.exists() {
            let ended = service.try_wait().expect("the service can be asked");
            assert!(ended.is_none() && tries < 600, "the service did not start: {}", self.sandbox.read("service.err"));
            tries += 1;
            thread::sleep(Duration::from_millis(100));
        }
        self.service = Some(service);
        let traffic = Command::new(reference_api())
            .args(["traffic", "--ready-file", ready.to_str().expect("UTF-8"), "--ca", &authority])
            .envs(self.environment.iter().cloned())
            .output()
            .expect("traffic starts");
        // With some defects ordinary traffic is answered otherwise; what it must leave behind is for the checks to find.
        assert!(traffic.status.success() || !defect.is_empty(), "traffic: {}", String::from_utf8_lossy(&traffic.stderr));
        let text = fs::read_to_string(&ready).expect("the ready file");
        text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// Runs avouch on the product.
    pub fn avouch(&self, arguments: &[&str]) -> super::Ran {
        let mut all = vec!["-C", "product"];
        all.extend(arguments);
        let environment: Vec<(&str, &str)> = self.environment.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        self.sandbox.avouch_with(&all, &environment)
    }

    /// Makes keys and a log, unless they are there.
    pub fn begin(&self) {
        if !self.sandbox.exists("product/.avouch/ledger.db") {
            self.avouch(&["init", "--new-log"]).exits(0);
        }
    }

    /// The payload of the last entry of a kind.
    pub fn payload(&self, kind: &str) -> serde_json::Value {
        let list = self.avouch(&["evidence", "list", "--json"]).exits(0);
        let last = list
            .stdout
            .lines()
            .rev()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .find(|entry| entry["kind"] == kind);
        let digest =
            last.unwrap_or_else(|| panic!("no entry of the kind {kind}"))["digest"].as_str().expect("a digest").to_owned();
        serde_json::from_str(&self.avouch(&["-q", "evidence", "show", &digest]).exits(0).stdout).expect("JSON")
    }

    /// The whole job; then what each check answered: its outcome by its id.
    pub fn run(&self) -> BTreeMap<String, String> {
        self.run_as(&["run", "--purge"])
    }

    /// As [`Product::run`], with these words: what is not published is told sooner.
    pub fn run_as(&self, words: &[&str]) -> BTreeMap<String, String> {
        self.begin();
        self.avouch(&["retention", "init"]).exits(0);
        let ran = self.avouch(words);
        assert!([0, 1, 3].contains(&ran.code), "{} {}", ran.code, ran.stderr);
        let run = self.payload("run");
        let observations = run["observations"].as_array().expect("observations");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        // A pass of another commit is no pass of this release.
        let outcome = |observation: &serde_json::Value| {
            let binding = &observation["binding"];
            let other = binding["by"] == "commit" && binding["commit"] != run["release"]["commit"];
            if other { "of another release".to_owned() } else { text(&observation["outcome"]) }
        };
        observations.iter().map(|observation| (text(&observation["check"]), outcome(observation))).collect()
    }

    /// The sealed findings of the last run: for whoever reads a failing test.
    pub fn findings(&self) -> String {
        let list = self.avouch(&["evidence", "list", "--json"]);
        if !list.stdout.contains("\"details\"") {
            return String::new();
        }
        let details = self.payload("details");
        let each = details["details"].as_array().expect("details").iter();
        each.map(|detail| format!("    {}: {}\n", detail["check"], detail["findings"])).collect()
    }
}

/// The checks of each claim, by the mapping that judged.
pub fn checks_of_claims(scope: &serde_json::Value) -> BTreeMap<String, BTreeSet<String>> {
    let claims = scope["catalogue"]["claims"].as_array().expect("claims");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    claims
        .iter()
        .map(|claim| {
            let deciding = ["checks", "any_of"].iter().filter_map(|key| claim[key].as_array()).flatten();
            (text(&claim["id"]), deciding.map(text).collect())
        })
        .collect()
}

fn environment(script: &str) -> Vec<(String, String)> {
    let lines = script.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    lines.map(|(key, value)| (key.to_owned(), value.trim_matches(['\'', '"']).to_owned())).collect()
}

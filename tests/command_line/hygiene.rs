//! Hygiene of pipelines and dependencies, asked of a small repository by the whole program: all of it holds, and each
//! way to break it is told by its own check and by no other.

use std::collections::BTreeMap;

use super::support::{
    Sandbox, cargo_project,
    small::{check, product, states},
};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Every kind of hygiene that a repository can be asked without being told anything.
const KINDS: &[&str] = &[
    "dependency.lockfile",
    "dependency.updates",
    "hook.steps",
    "workflow.audit-gate",
    "workflow.credentials",
    "workflow.duties",
    "workflow.injection",
    "workflow.permissions",
    "workflow.pinned",
    "workflow.triggers",
];

/// The id of the check; controls of the catalogue are named like some of the kinds.
fn id(kind: &str) -> String {
    format!("ask-{}", kind.replace('.', "-"))
}

fn workflow() -> String {
    format!(
        "name: ci\non:\n  pull_request:\n  push:\n    branches: [main]\npermissions: {{}}\njobs:\n  audit:\n    runs-on: ubuntu-latest\n    permissions:\n      contents: read\n    steps:\n      \
         - uses: actions/checkout@{COMMIT} # v4\n        with:\n          persist-credentials: false\n      - run: cargo audit\n      - run: echo \"$TITLE\"\n        env:\n          \
         TITLE: ${{{{ github.event.pull_request.title }}}}\n  deploy:\n    needs: audit\n    if: github.event_name == 'push'\n    runs-on: ubuntu-latest\n    environment: production\n    permissions:\n      \
         contents: read\n    steps:\n      - run: wrangler deploy\n        env:\n          CLOUDFLARE_API_TOKEN: ${{{{ secrets.CLOUDFLARE_DEPLOY }}}}\n"
    )
}

const WORKFLOW: &str = ".github/workflows/ci.yml";
const BOT: &str = "version: 2\nupdates:\n  - package-ecosystem: cargo\n    directory: /\n    schedule: { interval: weekly }\n  - package-ecosystem: github-actions\n    directory: /\n    schedule: { interval: weekly }\n";
const HOOK: &str = "repos:\n  - repo: https://github.com/gitleaks/gitleaks\n    rev: v8.30.1\n    hooks:\n      - id: gitleaks\n";

/// A repository in which all of it holds.
fn clean() -> Sandbox {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.file(WORKFLOW, workflow());
    sandbox.file(".github/dependabot.yml", BOT);
    sandbox.file(".pre-commit-config.yaml", HOOK);
    let checks: Vec<String> = KINDS.iter().map(|kind| check(&id(kind), kind, "build", "")).collect();
    product(&sandbox, &checks, "");
    sandbox.commit(Some("v1.0.0"));
    sandbox
}

fn all(sandbox: &Sandbox) -> BTreeMap<String, String> {
    states(&sandbox.avouch(&["check", "--when", "build", "--format", "json"]))
}

#[test]
fn what_holds_holds_and_each_way_to_break_it_is_told_by_its_own_check() {
    let sandbox = clean();
    let before = all(&sandbox);
    for kind in KINDS {
        assert_eq!(before.get(&id(kind)).map(String::as_str), Some("pass"), "{kind}: {before:?}");
    }
    let lock = sandbox.read("Cargo.toml");
    let good = workflow();
    let defects: &[(&str, &str, String)] = &[
        ("workflow.pinned", WORKFLOW, good.replace(&format!("{COMMIT} # v4"), "v4")),
        ("workflow.permissions", WORKFLOW, good.replace("permissions: {}\n", "permissions: write-all\n")),
        ("workflow.injection", WORKFLOW, good.replace("echo \"$TITLE\"", "echo \"${{ github.event.pull_request.title }}\"")),
        ("workflow.credentials", WORKFLOW, good.replace("        with:\n          persist-credentials: false\n", "")),
        ("workflow.triggers", WORKFLOW, good.replace("  pull_request:\n", "  pull_request:\n  pull_request_target:\n")),
        ("workflow.audit-gate", WORKFLOW, good.replace("cargo audit", "cargo audit || true")),
        ("workflow.duties", WORKFLOW, good.replace("    environment: production\n", "")),
        ("dependency.updates", ".github/dependabot.yml", BOT.replace("cargo", "npm")),
        ("hook.steps", ".pre-commit-config.yaml", HOOK.replace("v8.30.1", "main")),
        ("dependency.lockfile", "Cargo.toml", lock.replace("itoa = \"1\"", "itoa = \"2\"")),
    ];
    for (number, (kind, path, broken)) in defects.iter().enumerate() {
        let sound = sandbox.read(path);
        assert_ne!(*broken, sound, "{kind}");
        sandbox.file(path, broken);
        sandbox.commit(Some(&format!("v1.1.{number}")));
        let after = all(&sandbox);
        let turned: Vec<&String> = after.iter().filter(|(id, state)| before.get(*id) != Some(state)).map(|(id, _)| id).collect();
        assert_eq!(turned, [&id(kind)], "{kind}: {after:?}");
        assert_eq!(after[&id(kind)], "fail");
        sandbox.file(path, sound);
    }
}

#[test]
fn a_file_that_cannot_be_read_stops_only_what_needs_it() {
    let sandbox = clean();
    sandbox.file(".github/workflows/broken.yml", "on: [push\njobs: {}\n");
    sandbox.commit(Some("v1.0.1"));
    let ran = sandbox.avouch(&["check", "--when", "build", "--format", "json"]).exits(3);
    let after = states(&ran);
    for kind in ["workflow.pinned", "workflow.permissions", "workflow.audit-gate"] {
        assert_eq!(after[&id(kind)], "error", "{kind}");
    }
    for kind in ["hook.steps", "dependency.lockfile"] {
        assert_eq!(after[&id(kind)], "pass", "{kind}");
    }
    let text = sandbox.avouch(&["check", "--when", "build"]).exits(3);
    assert!(
        format!("{}{}", text.stdout, text.stderr).contains(".github/workflows/broken.yml:"),
        "{} {}",
        text.stdout,
        text.stderr
    );
}

#[test]
fn a_repository_without_any_of_it_passes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.file("README.md", "A stranger's repository.\n");
    let checks: Vec<String> = KINDS.iter().map(|kind| check(&id(kind), kind, "build", "")).collect();
    product(&sandbox, &checks, "");
    sandbox.commit(Some("v1.0.0"));
    for (id, state) in all(&sandbox) {
        assert_eq!(state, "no_data", "{id}");
    }
}

#[test]
fn a_step_is_found_in_what_requirements_include_and_constrain() {
    let steps = check("ask-steps", "dependency.steps", "build", "packages = [\"django\"]");
    let sandbox = Sandbox::new();
    product(&sandbox, &[steps], "");
    sandbox.file("requirements.txt", "-r base.in\n-c versions.in\n");
    sandbox.file("base.in", "django\n");
    let state = |version: &str, tag: &str, app: &str| {
        sandbox.file("versions.in", format!("django=={version}\n"));
        sandbox.file("app.py", app);
        sandbox.commit(Some(tag));
        all(&sandbox)["ask-steps"].clone()
    };
    assert_eq!(state("4.2.0", "v1.0.0", ""), "pass");
    assert_eq!(state("4.2.1", "v1.0.1", "a fix\n"), "pass");
    assert_eq!(state("5.0.0", "v1.1.0", "a fix\n"), "pass", "what is included is a part of the lockfile");
    assert_eq!(state("6.0.0", "v1.2.0", "a clean-up\n"), "fail", "the included file holds the new major version");
}

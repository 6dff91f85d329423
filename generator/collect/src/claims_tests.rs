//! Questions about pipelines, dependencies and secrets as products ask them: each passes on a small product as it should be, and
//! the edit beside it breaks it. Beside the kinds' own examples, which begin at the transcript, these begin at the files.

use std::collections::BTreeMap;

use avouch_model::{Json, state::Outcome};

use crate::{kinds, testing::Scene};

/// A question: what it is about, kind and parameters, and the edit that must break it.
struct Asked {
    about: &'static str,
    kind: &'static str,
    parameters: &'static str,
    edit: Edit,
}

enum Edit {
    /// A text of a file, and what stands there instead.
    Replace(&'static str, &'static str, &'static str),
    /// A file that was not there, from pieces that are no credential here.
    Add(&'static str, &'static [&'static str]),
    /// A file that is gone.
    Remove(&'static str),
}

use Edit::{Add, Remove, Replace};

const CI: &str = ".github/workflows/ci.yml";
const DEPLOY: &str = ".github/workflows/deploy.yml";

/// A product as it should be.
const PRODUCT: &[(&str, &str)] = &[
    (
        CI,
        "on:\n  push:\n    branches: [main]\n  pull_request:\npermissions: {}\njobs:\n  test:\n    runs-on: x\n    permissions:\n      contents: read\n    steps:\n      - uses: actions/checkout@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n        with: { persist-credentials: false }\n      - run: pnpm audit --audit-level high\n      - run: gitleaks git . --redact\n      - run: pnpm test\n",
    ),
    (
        DEPLOY,
        "on:\n  workflow_dispatch:\npermissions: {}\njobs:\n  migrate:\n    environment: production-data\n    steps:\n      - name: backup\n        run: pnpm exec wrangler d1 export app --remote --output backup.sql\n        env: { CLOUDFLARE_API_TOKEN: '${{ secrets.CF_MIGRATE }}' }\n      - run: pnpm exec wrangler d1 migrations apply app --remote\n        env: { CLOUDFLARE_API_TOKEN: '${{ secrets.CF_MIGRATE }}' }\n  deploy:\n    needs: migrate\n    environment: production\n    steps:\n      - run: node scripts/check-policy.mjs policy.json\n      - run: pnpm exec wrangler deploy\n        env: { CLOUDFLARE_API_TOKEN: '${{ secrets.CF_DEPLOY }}' }\n  dns:\n    environment: dns\n    steps:\n      - run: octodns-sync --doit\n        env: { CLOUDFLARE_TOKEN: '${{ secrets.CF_DNS }}' }\n",
    ),
    (
        "package.json",
        r#"{"name":"app","version":"1.0.0","scripts":{"test":"node --test"},"dependencies":{"better-auth":"^1.6.0","@orpc/client":"1.2.0","@orpc/server":"1.2.0","drizzle-orm":"0.45.2"}}"#,
    ),
    (
        "pnpm-lock.yaml",
        "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      better-auth:\n        specifier: ^1.6.0\n        version: 1.6.34\n      '@orpc/client':\n        specifier: 1.2.0\n        version: 1.2.0\n      '@orpc/server':\n        specifier: 1.2.0\n        version: 1.2.0\n      drizzle-orm:\n        specifier: 0.45.2\n        version: 0.45.2\npackages:\n  better-auth@1.6.34:\n    resolution: {integrity: sha512-Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZg==}\n  '@orpc/client@1.2.0':\n    resolution: {integrity: sha512-Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZg==}\n  '@orpc/server@1.2.0':\n    resolution: {integrity: sha512-Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZg==}\n  drizzle-orm@0.45.2:\n    resolution: {integrity: sha512-Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9vZg==}\nsnapshots:\n  better-auth@1.6.34: {}\n  '@orpc/client@1.2.0': {}\n  '@orpc/server@1.2.0': {}\n  drizzle-orm@0.45.2: {}\n",
    ),
    (
        "renovate.json",
        r#"{"packageRules":[{"matchPackageNames":["better-auth","@better-auth/**","@orpc/**","/^drizzle-/"],"addLabels":["security-sensitive"],"automerge":false}]}"#,
    ),
    (
        ".pre-commit-config.yaml",
        "repos:\n  - repo: https://github.com/gitleaks/gitleaks\n    rev: v8.30.1\n    hooks:\n      - id: gitleaks\n",
    ),
    (".gitignore", ".env\n.env.*\n!.env.example\n.dev.vars\n.dev.vars.*\n!.dev.vars.example\n*.dump\nbackups/\nbackup*.sql\n"),
    (".env.example", "BETTER_AUTH_SECRET=your-secret-key-at-least-32-characters\nRESEND_API_KEY=\nOPENAI_API_KEY=<your key>\n"),
    ("wrangler.jsonc", "{\n  \"name\": \"app\",\n  \"vars\": { \"LOG_LEVEL\": \"info\" }\n}\n"),
    (".infisical.json", "{\n  \"workspaceId\": \"app\",\n  \"defaultEnvironment\": \"dev\"\n}\n"),
    ("docs/security.md", "# Security\n\nThe key is read from `OPENAI_API_KEY`, `sk-ant-...` in the provider's console.\n"),
    ("src/app.mjs", "export const key = (env) => env.OPENAI_API_KEY;\n"),
    ("migrations/0001.sql", "CREATE TABLE users (id TEXT);\nINSERT INTO users VALUES ('seed');\n"),
];

const DUTIES: &str = r#"{"duties":[
    {"name":"deploy","run":"^wrangler (?:pages )?deploy"},
    {"name":"migrate","run":"^wrangler d1 (?:migrations apply|execute) .*--remote"},
    {"name":"dns","run":"^(?:terraform apply|octodns-sync)"}]}"#;

const SENSITIVE: &str = r#"{"ecosystems":["npm"],"sensitive":["better-auth","@better-auth/*","@orpc/*","drizzle-orm","drizzle-kit"],"label":"security-sensitive"}"#;

const ASKED: &[Asked] = &[
    // ── Gates before production ──────────────────────────────────────────────────────────────────────────────────────────
    Asked {
        about: "A-boundary-ciprod-001: production is changed from protected environments",
        kind: "workflow.duties",
        parameters: DUTIES,
        edit: Replace(DEPLOY, "    environment: production\n", ""),
    },
    Asked {
        about: "A-cf-approval-001: migrations wait for a person",
        kind: "workflow.duties",
        parameters: r#"{"duties":[{"name":"migrate","run":"^wrangler d1 (?:migrations apply|execute) .*--remote"}],"separate":false}"#,
        edit: Replace(DEPLOY, "    environment: production-data\n", ""),
    },
    Asked {
        about: "A-cf-approval-002: changes of DNS wait for a person",
        kind: "workflow.duties",
        parameters: r#"{"duties":[{"name":"dns","run":"^(?:terraform apply|octodns-sync)"}],"separate":false}"#,
        edit: Replace(DEPLOY, "    environment: dns\n", ""),
    },
    Asked {
        about: "A-cf-approval-003: changes of routes wait for a person: whatever deploys changes them",
        kind: "workflow.duties",
        parameters: r#"{"duties":[{"name":"routes","run":"^wrangler (?:deploy|triggers deploy)|^curl .*/workers/routes"}],"separate":false}"#,
        edit: Add(
            ".github/workflows/routes.yml",
            &[
                "on: push\njobs:\n  routes:\n    steps:\n      - run: curl -X PUT https://api.cloudflare.com/client/v4/zones/z/workers/routes/r\n",
            ],
        ),
    },
    Asked {
        about: "A-cf-approval-004: destructive work on data waits for a person",
        kind: "workflow.duties",
        parameters: r#"{"duties":[{"name":"destroy","run":"^wrangler d1 (?:execute|migrations apply|delete) .*--remote|^wrangler (?:d1|r2|kv) .*delete"}],"separate":false}"#,
        edit: Add(
            ".github/workflows/clean.yml",
            &[
                "on: push\njobs:\n  clean:\n    steps:\n      - run: npx wrangler d1 execute app --remote --command 'DELETE FROM users'\n",
            ],
        ),
    },
    Asked {
        about: "A-gate-kind-003: a job that only a person starts counts as gated, and no other",
        kind: "workflow.duties",
        parameters: r#"{"duties":[{"name":"deploy","run":"^wrangler deploy","gate":"any"}],"separate":false}"#,
        edit: Add(".github/workflows/hurry.yml", &["on: push\njobs:\n  deploy:\n    steps:\n      - run: wrangler deploy\n"]),
    },
    Asked {
        about: "A-gate-kind-005: a typed policy is checked before what it guards",
        kind: "workflow.steps",
        parameters: r#"{"steps":[{"name":"policy","run":"check-policy\\.mjs policy\\.json","before":"deploy"},{"name":"deploy","run":"wrangler deploy"}]}"#,
        edit: Replace(DEPLOY, "node scripts/check-policy.mjs policy.json", "node scripts/check-policy.mjs policy.json || true"),
    },
    Asked {
        about: "A-checklist-005: migrations have a backup before them",
        kind: "workflow.steps",
        parameters: r#"{"steps":[{"name":"backup","run":"d1 (?:export|time-travel)","before":"migrate"},{"name":"migrate","run":"d1 migrations apply"}]}"#,
        edit: Replace(DEPLOY, "pnpm exec wrangler d1 export app --remote --output backup.sql", "echo no backup"),
    },
    Asked {
        about: "A-cf-prod-001, D-ops-deploy-004: production is deployed by a workflow",
        kind: "workflow.steps",
        parameters: r#"{"steps":[{"name":"deploy","run":"wrangler deploy"}]}"#,
        edit: Replace(DEPLOY, "pnpm exec wrangler deploy\n", "pnpm exec wrangler deploy --dry-run || true\n"),
    },
    Asked {
        about: "D-ops-deploy-004: the job that deploys is there, and gated",
        kind: "workflow.duties",
        parameters: "{}",
        edit: Remove(DEPLOY),
    },
    // ── Tokens and their duties ──────────────────────────────────────────────────────────────────────────────────────────
    Asked {
        about: "A-cf-token-001, A-checklist-004, D-cf-sep-007: each duty has a token of its own",
        kind: "workflow.duties",
        parameters: DUTIES,
        edit: Replace(DEPLOY, "secrets.CF_DNS", "secrets.CF_DEPLOY"),
    },
    Asked {
        about: "A-ai-keys-001: no job sees a model's key and a deploying token",
        kind: "workflow.duties",
        parameters: r#"{"apart":[["{OPENAI,ANTHROPIC,GEMINI,MISTRAL,GROQ}_*","CF_*"]]}"#,
        edit: Replace(
            DEPLOY,
            "env: { CLOUDFLARE_API_TOKEN: '${{ secrets.CF_DEPLOY }}' }",
            "env: { CLOUDFLARE_API_TOKEN: '${{ secrets.CF_DEPLOY }}', K: '${{ secrets.OPENAI_API_KEY }}' }",
        ),
    },
    Asked {
        about: "A-cf-globalkey-001: no pipeline uses the global key",
        kind: "workflow.duties",
        parameters: r#"{"forbidden":["CLOUDFLARE_API_KEY","CF_API_KEY","CF_API_EMAIL","CLOUDFLARE_EMAIL","*GLOBAL*KEY*"]}"#,
        edit: Replace(DEPLOY, "secrets.CF_DEPLOY", "secrets.CLOUDFLARE_API_KEY"),
    },
    Asked {
        about: "A-cf-globalkey-001: nor does anything else in the repository",
        kind: "file.content",
        parameters: r#"{"files":["**/*.{mjs,js,ts,sh,yml,yaml,json,jsonc,toml,env}",".env.example"],"strip":"comments","must_not_match":["\\bCLOUDFLARE_API_KEY\\b","(?i)\\bX-Auth-(?:Key|Email)\\b","\\bCF_API_EMAIL\\b","\\bCLOUDFLARE_EMAIL\\b"]}"#,
        edit: Replace(DEPLOY, "env: { CLOUDFLARE_TOKEN:", "env: { CLOUDFLARE_API_KEY:"),
    },
    // ── Dependencies ─────────────────────────────────────────────────────────────────────────────────────────────────────
    Asked {
        about: "A-dep-monitor-001: a bot looks after every ecosystem",
        kind: "dependency.updates",
        parameters: r#"{"ecosystems":["npm"]}"#,
        edit: Replace("renovate.json", "{\"packageRules\"", "{\"enabled\":false,\"packageRules\""),
    },
    Asked {
        about: "A-dep-monitor-002: each sensitive package in the lockfile is labelled",
        kind: "dependency.updates",
        parameters: SENSITIVE,
        edit: Replace("renovate.json", "@orpc/**", "@orpc/client"),
    },
    Asked {
        about: "A-dep-major-001: no major of theirs is merged by itself",
        kind: "dependency.updates",
        parameters: SENSITIVE,
        edit: Replace("renovate.json", "\"automerge\":false", "\"automerge\":true"),
    },
    Asked {
        about: "A-dep-audit-001: the audit is a gate",
        kind: "workflow.audit-gate",
        parameters: r#"{"level":"high","ecosystems":["npm"]}"#,
        edit: Replace(CI, "pnpm audit --audit-level high", "pnpm audit --audit-level high || true"),
    },
    Asked {
        about: "A-dep-audit-001: critical alone is not high",
        kind: "workflow.audit-gate",
        parameters: r#"{"level":"high","ecosystems":["npm"]}"#,
        edit: Replace(CI, "--audit-level high", "--audit-level critical"),
    },
    Asked {
        about: "A-dep-audit-002, A-dep-betterauth-001, A-dep-orpc-001: the lockfile is what is resolved",
        kind: "dependency.lockfile",
        parameters: "{}",
        edit: Replace("package.json", "\"@orpc/client\":\"1.2.0\"", "\"@orpc/client\":\"1.3.0\""),
    },
    // ── Secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────
    Asked {
        about: "A-git-deny-001, A-secrets-place-001, C-secrets-code-001, D-secrets-hard-003: no key of a provider, nowhere",
        kind: "secrets.tree",
        parameters: "{}",
        edit: Add(
            "docs/setup.md",
            &[
                "Use sk-ant",
                "-api03-",
                "Zk3vQ9xT7mWb2LrYc8NdPf5GhJ1sKa6eUiO0",
                "RtVuXyZ4BwDqMnHjEgCl",
                "FoIpSa7Ty9Lk2Vb5Nc8Qd1Wf4Xg6Zr3MAAAAAA",
                "-Q1w2E3r4T5y6U7i8O9p0AA\n",
            ],
        ),
    },
    Asked {
        about: "A-git-deny-002: no token of Cloudflare",
        kind: "secrets.tree",
        parameters: "{}",
        edit: Add("scripts/deploy.sh", &["export CLOUDFLARE_API_TOKEN", "=", "q7Zk3vQ9xT7mWb2LrYc8NdPf5GhJ1sKa6eUiO0Rt", "\n"]),
    },
    Asked {
        about: "A-git-deny-003: no secret of an OAuth client",
        kind: "secrets.tree",
        parameters: "{}",
        edit: Add("src/auth.json", &["{\"client_secret\":\"GOCS", "PX-", "q7Zk3vQ9xT7mWb2LrYc8NdPf5GhJ", "\"}\n"]),
    },
    Asked {
        about: "A-git-deny-006: no private key",
        kind: "secrets.tree",
        parameters: "{}",
        edit: Add(
            "test.key",
            &[
                "-----BEGIN PRI",
                "VATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n-----END PRI",
                "VATE KEY-----\n",
            ],
        ),
    },
    Asked {
        about: "A-git-deny-006: a certificate where it is asked for",
        kind: "secrets.tree",
        parameters: r#"{"also":["certificate"]}"#,
        edit: Add(
            "tests/jwks.pem",
            &[
                "-----BEGIN CERTI",
                "FICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n-----END CERTI",
                "FICATE-----\n",
            ],
        ),
    },
    Asked {
        about: "A-git-allow-001 to -003: names and placeholders are none, a real value in the example is one",
        kind: "secrets.tree",
        parameters: "{}",
        edit: Replace(".env.example", "RESEND_API_KEY=\n", "RESEND_API_KEY=9f86d081884c7d659a2feaa0c55ad015\n"),
    },
    Asked {
        about: "A-git-allow-004, C-secrets-wrangler-004, C-secrets-vars-007, D-secrets-set-004: no secret among the vars",
        kind: "secrets.tree",
        parameters: "{}",
        edit: Replace("wrangler.jsonc", "\"LOG_LEVEL\": \"info\"", "\"LOG_LEVEL\": \"info\", \"ADMIN_KEY\": \"s3cr3tR0ot9\""),
    },
    Asked {
        about: "A-git-allow-005: the reference to the store holds no secret",
        kind: "secrets.tree",
        parameters: "{}",
        edit: Replace(
            ".infisical.json",
            "\"workspaceId\": \"app\"",
            "\"workspaceId\": \"app\", \"clientSecret\": \"Zk3vQ9xT7mWb2LrYc8NdPf5G\"",
        ),
    },
    Asked {
        about: "A-git-deny-004: no dump with rows; a migration is none",
        kind: "secrets.tree",
        parameters: "{}",
        edit: Add(
            "backup.sql",
            &["-- SQLite dump\nPRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", DUMP, DUMP, DUMP, DUMP, DUMP, DUMP, "COMMIT;\n"],
        ),
    },
    Asked {
        about: "A-secrets-place-002, A-git-deny-005, A-checklist-001: files of the environment are ignored and not tracked",
        kind: "file.ignored",
        parameters: r#"{"ignored":[".env",".env.production","app/.env.local",".dev.vars",".dev.vars.production","x.dump","backups/a.sql"],"kept":[".env.example",".dev.vars.example"]}"#,
        edit: Add(".env.production", &["LOG_LEVEL=info\n"]),
    },
    Asked {
        about: "A-checklist-001: a rule that is gone is missed",
        kind: "file.ignored",
        parameters: r#"{"ignored":[".env",".env.production",".dev.vars"],"kept":[".env.example"]}"#,
        edit: Replace(".gitignore", ".env.*\n", ""),
    },
    Asked {
        about: "A-checklist-002, B-supply-gitleaks-003: the scan runs in CI and stops it",
        kind: "workflow.steps",
        parameters: r#"{"events":["push","pull_request"],"steps":[{"name":"secrets","run":"gitleaks|betterleaks|trufflehog|avouch scan","forbid":"--exit-code[= ]0"}]}"#,
        edit: Replace(CI, "gitleaks git . --redact", "gitleaks git . --redact --exit-code 0"),
    },
    Asked {
        about: "B-supply-gitleaks-003: and before a commit",
        kind: "hook.steps",
        parameters: "{}",
        edit: Replace(".pre-commit-config.yaml", "rev: v8.30.1", "rev: main"),
    },
    Asked {
        about: "A-boundary-agentrepo-001: tests run before a merge",
        kind: "workflow.steps",
        parameters: r#"{"events":["pull_request"],"steps":[{"name":"test","run":"pnpm (?:run )?test"}]}"#,
        edit: Replace(CI, "  pull_request:\n", ""),
    },
    Asked {
        about: "A-secrets-place-003: no secret name that a bundler hands to browsers",
        kind: "file.content",
        parameters: r#"{"files":["src/**"],"strip":"comments","must_not_match":["\\b(?:VITE|NEXT_PUBLIC|PUBLIC)_[A-Z0-9_]*(?:SECRET|TOKEN|PRIVATE|PASSWORD|API_KEY|SECRET_KEY)[A-Z0-9_]*\\b"]}"#,
        edit: Replace("src/app.mjs", "env.OPENAI_API_KEY", "import.meta.env.VITE_STRIPE_SECRET_KEY"),
    },
    // ── What every pipeline is asked ─────────────────────────────────────────────────────────────────────────────────────
    Asked {
        about: "actions by their commit",
        kind: "workflow.pinned",
        parameters: "{}",
        edit: Replace(CI, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "v5"),
    },
    Asked {
        about: "tokens of jobs that may do what they must",
        kind: "workflow.permissions",
        parameters: "{}",
        edit: Replace(CI, "permissions: {}\n", "permissions: write-all\n"),
    },
    Asked {
        about: "no trigger that runs strangers' changes with secrets",
        kind: "workflow.triggers",
        parameters: "{}",
        edit: Replace(CI, "  pull_request:\n", "  pull_request_target:\n"),
    },
    Asked {
        about: "no text of strangers within a script",
        kind: "workflow.injection",
        parameters: "{}",
        edit: Replace(CI, "pnpm test", "echo ${{ github.event.pull_request.title }}"),
    },
    Asked {
        about: "no credential left behind a checkout",
        kind: "workflow.credentials",
        parameters: "{}",
        edit: Replace(CI, "        with: { persist-credentials: false }\n", ""),
    },
];

const DUMP: &str = "INSERT INTO users VALUES ('1','ann@corp.test','Ann','+44 20 7946 0000');\nINSERT INTO users VALUES ('2','bob@corp.test','Bob','+44 20 7946 0001');\nINSERT INTO users VALUES ('3','cy@corp.test','Cy','+44 20 7946 0002');\nINSERT INTO users VALUES ('4','di@corp.test','Di','+44 20 7946 0003');\nINSERT INTO users VALUES ('5','ed@corp.test','Ed','+44 20 7946 0004');\nINSERT INTO users VALUES ('6','flo@corp.test','Flo','+44 20 7946 0005');\nINSERT INTO users VALUES ('7','gus@corp.test','Gus','+44 20 7946 0006');\nINSERT INTO users VALUES ('8','hal@corp.test','Hal','+44 20 7946 0007');\nINSERT INTO users VALUES ('9','ida@corp.test','Ida','+44 20 7946 0008');\n";

fn outcome(asked: &Asked, files: &BTreeMap<String, String>) -> (Outcome, Vec<String>) {
    let parameters: Json = serde_json::from_str(asked.parameters).unwrap();
    let kind = kinds::find(asked.kind).unwrap();
    (kind.accepts)(&parameters).unwrap();
    let scene = Scene::of(files.iter().map(|(path, text)| (path.clone(), text.clone())));
    let seen = scene.with(|world| (kind.gather)(world, &parameters)).unwrap();
    let judged = (kind.judge)(&seen, &parameters).unwrap();
    (judged.outcome, judged.findings)
}

#[test]
fn a_product_as_it_should_be_passes_and_each_edit_breaks_what_it_must() {
    let product: BTreeMap<String, String> = PRODUCT.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let mut wrong = Vec::new();
    for asked in ASKED {
        let (before, findings) = outcome(asked, &product);
        if before != Outcome::Pass {
            wrong.push(format!("{}: {before:?} as it should be: {findings:?}", asked.about));
        }
        let mut broken = product.clone();
        match asked.edit {
            Replace(file, from, to) => {
                assert!(broken[file].contains(from), "{}: `{file}` holds no `{from}`", asked.about);
                let text = broken[file].replacen(from, to, 1);
                broken.insert(file.to_owned(), text);
            }
            Add(file, pieces) => assert!(broken.insert(file.to_owned(), pieces.concat()).is_none(), "{file}"),
            Remove(file) => assert!(broken.remove(file).is_some(), "{file}"),
        }
        // Where what is asked about is gone as a whole, nothing was examined: that is no pass either.
        let (after, findings) = outcome(asked, &broken);
        let expected = if matches!(asked.edit, Remove(_)) { Outcome::NotExercised } else { Outcome::Fail };
        if after != expected {
            wrong.push(format!("{}: {after:?} after the edit: {findings:?}", asked.about));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

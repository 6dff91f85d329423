//! The defects of the repository and its decisions: edits of the files, each of which must find what it changes.

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Writing, blind, files::Files};
use crate::{defect::Defect, fixture::Stream, keys};

/// The script that holds credentials where that is the defect.
pub(super) const DEPLOY_SCRIPT: &str = "scripts/deploy.sh";

/// What a hosting platform offers to somebody who has not written a policy yet, in outline.
const TEMPLATE_POLICY: &str = "# Security Policy\n\n## Supported Versions\n\nUse this section to tell people about which versions of your project are\n\
    currently being supported with security updates.\n\n## Reporting a Vulnerability\n\n\
    Use this section to tell people how to report a vulnerability.\n";

/// Breaks what the defect breaks.
pub(super) fn breaks(files: &mut Files, writing: &Writing) -> anyhow::Result<()> {
    writing.chosen.iter().try_for_each(|defect| {
        break_one(files, writing, defect)?;
        blind::breaks(files, writing, defect)
    })
}

fn break_one(files: &mut Files, writing: &Writing, defect: Defect) -> anyhow::Result<()> {
    match defect {
        Defect::PepperInVars => {
            let store = section(files, "wrangler.toml", "[[secrets_store_secrets]]\n", "[[ratelimits]]")?;
            replace(files, "wrangler.toml", &store, "")?;
            replace(
                files,
                "wrangler.toml",
                "ENVIRONMENT = \"production\"\n",
                "ENVIRONMENT = \"production\"\nPEPPER = \"change-me\"\n",
            )
        }
        Defect::BindingLimit100 => {
            replace_first(files, "wrangler.toml", "simple = { limit = 60, period = 60 }", "simple = { limit = 100, period = 60 }")
        }
        Defect::SixteenBytes => replace(files, "src/keys.ts", "new Uint8Array(17)", "new Uint8Array(16)"),
        Defect::WeakGenerator => replace(
            files,
            "src/keys.ts",
            "crypto.getRandomValues(new Uint8Array(17))",
            "new Uint8Array(17).map(() => Math.floor(Math.random() * 256))",
        ),
        Defect::TwoEntropies => replace(files, "README.md", "- Errors:", "- Keys: every key has 256 bits of entropy\n- Errors:"),
        Defect::Prefix24 => replace(files, "docs/security.md", "An 8-character prefix", "A 24-character prefix"),
        Defect::PurgeEarly => replace(files, "avouch.toml", "keep = \"24 months\"", "keep = \"20 months\""),
        Defect::PurgeAt80Days => {
            let rule = "column = \"at\"\nkeep = \"90 days\"";
            replace(files, "avouch.toml", rule, &rule.replace("90", "80"))
        }
        Defect::RuleDropped => {
            let rule = section(files, "avouch.toml", "[[retention]]\nname = \"alerts\"", "[targets.api]")?;
            replace(files, "avouch.toml", &rule, "")
        }
        Defect::SourceReadsOrgParam => replace(
            files,
            "src/routes/interactions.ts",
            "      .bind(caller.orgId, LISTED_MAX)",
            "      .bind(url.searchParams.get(\"org_id\") ?? caller.orgId, LISTED_MAX)",
        ),
        Defect::ReportEmpty => replace(files, "package.json", "node --test ", "node --test --test-name-pattern=smoke "),
        Defect::LockfileMissing => remove(files, "package-lock.json"),
        Defect::SbomStepDeleted => {
            let step = section(files, WORKFLOW, "      - name: Create the SBOM", "      - name: Publish")?;
            replace(files, WORKFLOW, &step, "")
        }
        Defect::SbomStepTolerated => replace(
            files,
            WORKFLOW,
            "      - name: Create the SBOM\n",
            "      - name: Create the SBOM\n        continue-on-error: true\n",
        ),
        Defect::SbomAfterPublish => {
            let step = section(files, WORKFLOW, "      - name: Create the SBOM", "      - name: Publish")?;
            replace(files, WORKFLOW, &step, "")?;
            let text = files.get_mut(WORKFLOW).context("the workflow is missing")?;
            text.push_str(&step);
            Ok(())
        }
        Defect::HookCommentedOut => {
            let hook = section(
                files,
                HOOKS,
                "  - repo: https://github.com/gitleaks/gitleaks",
                "  - repo: https://github.com/pre-commit",
            )?;
            let comment: String = hook.lines().map(|line| format!("#{line}\n")).collect();
            replace(files, HOOKS, &hook, &comment)
        }
        Defect::HookRevFloating => replace(files, HOOKS, "rev: v8.21.2", "rev: master"),
        Defect::SecretInTree => {
            files.insert(DEPLOY_SCRIPT.to_owned(), deploy_script(writing.seed));
            Ok(())
        }
        Defect::OwaspDocWithoutApi7 => {
            let row = section(files, OWASP, "| API7:2023", "| API8:2023")?;
            replace(files, OWASP, &row, "")
        }
        Defect::NoDecisionApi7 => remove(files, "decisions/api7.toml"),
        Defect::Triage49h => replace(files, REGISTER, "triage_hours_max = 31", "triage_hours_max = 49"),
        Defect::Fix15d => replace(files, REGISTER, "critical_fix_days_max = 9", "critical_fix_days_max = 15"),
        Defect::NoSafeHarbour => {
            let text = files.get_mut(POLICY).context("the policy is missing")?;
            let start = text.find("## Safe harbour").context("the policy has no safe harbour")?;
            text.truncate(start);
            Ok(())
        }
        Defect::NoOutOfScope => {
            let listed = section(files, POLICY, "- Denial of service", "## Safe harbour")?;
            replace(files, POLICY, &listed, "")
        }
        Defect::TemplateSecurityMd => {
            files.insert(POLICY.to_owned(), TEMPLATE_POLICY.to_owned());
            Ok(())
        }
        _ => Ok(()),
    }
}

pub(super) const WORKFLOW: &str = ".github/workflows/release.yml";
pub(super) const HOOKS: &str = ".pre-commit-config.yaml";
pub(super) const OWASP: &str = "docs/trust/owasp-api-top-10.md";
pub(super) const REGISTER: &str = "decisions/case-register.toml";
pub(super) const POLICY: &str = "SECURITY.md";

/// A script with credentials that look like those of a cloud, a key of the product, and a private key. They open nothing.
pub(super) fn deploy_script(seed: u64) -> String {
    let mut stream = Stream::new(seed, "deploy");
    let id = keys::base32(&stream.block(), 16).replace(['0', '1', '8', '9'], "Q");
    let secret: String = STANDARD.encode(stream.block()).chars().take(40).collect();
    let live = stream.key();
    let (first, second) = (STANDARD.encode(stream.block()), STANDARD.encode(stream.block()));
    // Put together here, so that these sources hold nothing of the form.
    let (begin, end) = (format!("-----BEGIN {} KEY-----", "PRIVATE"), format!("-----END {} KEY-----", "PRIVATE"));
    format!(
        "#!/bin/sh\nset -eu\nexport AWS_ACCESS_KEY_ID={}{id}\nexport AWS_SECRET_ACCESS_KEY='{secret}'\n\
         export CK_KEY={live}\ncat > deploy.pem <<'EOF'\n{begin}\n{first}\n{second}\n{end}\nEOF\nnpx wrangler deploy\n",
        ["AK", "IA"].concat(),
    )
}

/// Replaces a text that must occur exactly once.
pub(super) fn replace(files: &mut Files, path: &str, old: &str, new: &str) -> anyhow::Result<()> {
    let text = files.get_mut(path).with_context(|| format!("there is no `{path}` to break"))?;
    match text.matches(old).count() {
        1 => *text = text.replacen(old, new, 1),
        count => bail!("`{path}` holds the text to be broken {count} times instead of once"),
    }
    Ok(())
}

/// Replaces the first occurrence of a text that must occur.
fn replace_first(files: &mut Files, path: &str, old: &str, new: &str) -> anyhow::Result<()> {
    let text = files.get_mut(path).with_context(|| format!("there is no `{path}` to break"))?;
    if !text.contains(old) {
        bail!("`{path}` does not hold the text to be broken");
    }
    *text = text.replacen(old, new, 1);
    Ok(())
}

fn remove(files: &mut Files, path: &str) -> anyhow::Result<()> {
    files.remove(path).map(drop).with_context(|| format!("there is no `{path}` to remove"))
}

/// From the first text up to the second, which is not part of it.
pub(super) fn section(files: &Files, path: &str, from: &str, to: &str) -> anyhow::Result<String> {
    let text = files.get(path).with_context(|| format!("there is no `{path}`"))?;
    let start = text.find(from).with_context(|| format!("`{path}` does not hold `{from}`"))?;
    let rest = text.get(start..).unwrap_or_default();
    let end = rest.find(to).with_context(|| format!("`{path}` does not hold `{to}` after it"))?;
    Ok(rest.get(..end).unwrap_or_default().to_owned())
}

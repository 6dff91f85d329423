//! The defects of the repository that were written without reading the checks.

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{Days, NaiveDate};

use super::{
    Writing,
    breakage::{HOOKS, OWASP, POLICY, REGISTER, WORKFLOW, replace, section},
    decisions::NAMESPACE,
    files::Files,
    sshsig,
};
use crate::{
    defect::Defect,
    fixture::{self, Stream},
    keys,
};

const WRANGLER: &str = "wrangler.toml";
const D1: &str = "decisions/d1-at-rest.toml";
const SECRETS_STORE: &str = "decisions/secrets-store-kms.toml";
const EDGE: &str = "decisions/edge-to-d1.toml";
const API6: &str = "decisions/api6.toml";

/// The limiter of addresses that somebody wrote when the platform's was not to be had in a test.
const OWN_LIMITER: &str = r#"const seen = new Map<string, number[]>();

/** Whether the address may go on: 60 requests in 60 seconds, as this instance has seen them. */
async function admitted(request: Request, _env: Env): Promise<boolean> {
  const address = request.headers.get("cf-connecting-ip") ?? "unknown";
  const now = Date.now();
  const times = (seen.get(address) ?? []).filter((time) => now - time < 60_000);
  times.push(now);
  seen.set(address, times);
  return times.length <= 60;
}
"#;

/// What gitleaks is told to leave out, since the scripts of operations made it halt too often.
const ALLOWED: &str = "[extend]\nuseDefault = true\n\n[[allowlists]]\ndescription = \"operations\"\npaths = ['''^ops/''']\n";

/// Breaks what the defect breaks, before decisions are signed.
pub(super) fn breaks(files: &mut Files, writing: &Writing, defect: Defect) -> anyhow::Result<()> {
    match defect {
        Defect::PepperInStagingVars => {
            let store = section(files, WRANGLER, "[[env.staging.secrets_store_secrets]]", "[[env.staging.ratelimits]]")?;
            replace(files, WRANGLER, &store, "")?;
            replace(files, WRANGLER, "ENVIRONMENT = \"staging\"\n", "ENVIRONMENT = \"staging\"\nPEPPER = \"only-for-staging\"\n")
        }
        Defect::BindingNotAsked => {
            let text = files.get_mut("src/index.ts").context("there is no router")?;
            let start = text.find("/** Whether the limiter").context("the router asks no limiter")?;
            text.replace_range(start.., OWN_LIMITER);
            Ok(())
        }
        Defect::OrgFromParsedQuery => {
            let handler = "src/routes/keys.ts";
            replace(
                files,
                handler,
                "  const { results } =",
                "  // Support looks at the keys of the organisation it helps.\n  \
                 const { orgId } = Object.fromEntries(new URL(request.url).searchParams);\n  const { results } =",
            )?;
            replace(files, handler, ".bind(caller.orgId)", ".bind(orgId ?? caller.orgId)")
        }
        Defect::LockfileStale => {
            replace(files, "package.json", "    \"zod\": \"^3.23.8\"\n", "    \"jose\": \"^5.9.6\",\n    \"zod\": \"^3.23.8\"\n")
        }
        // Read more than a year ago, and given three years.
        Defect::EdgeStatementOutlived => {
            let read = ago(writing, 400);
            set(files, EDGE, "retrieved", read)?;
            set(files, EDGE, "expires", read.checked_add_days(Days::new(3 * 365)).unwrap_or(read))
        }
        Defect::OwaspStatusOpen => replace(
            files,
            OWASP,
            "| API9:2023 Improper inventory management | controlled |",
            "| API9:2023 Improper inventory management | tbd |",
        ),
        Defect::Api6ReviewPast => set(files, API6, "review", ago(writing, 3)),
        Defect::TriageMeanOnly => replace(files, REGISTER, "triage_hours_max = 31", "triage_hours_mean = 17"),
        Defect::FixClockTriage => {
            replace(files, REGISTER, "critical_fix_days_max = 9", "critical_fix_days_max = 14")?;
            replace(files, REGISTER, "fix_clock = \"receipt\"", "fix_clock = \"triage\"")
        }
        Defect::SafeHarbourCommentedOut => {
            let text = files.get_mut(POLICY).context("the policy is missing")?;
            *text = text.replace("## Safe harbour\n\n", "## Safe harbour\n\n<!-- Legal is still reading this:\n\n");
            text.push_str("\n-->\n");
            Ok(())
        }
        Defect::LastByteNotDrawn => replace(
            files,
            "src/keys.ts",
            "  const bytes = crypto.getRandomValues(new Uint8Array(17));\n",
            "  const bytes = new Uint8Array(17);\n  crypto.getRandomValues(bytes.subarray(0, 16));\n",
        ),
        Defect::MonthsOf31Days => replace(files, "avouch.toml", "keep = \"24 months\"", "keep = \"744 days\""),
        Defect::SbomOnMainOnly => ["Create the SBOM", "Keep the SBOM"].into_iter().try_for_each(|step| {
            let name = format!("      - name: {step}\n");
            replace(files, WORKFLOW, &name, &format!("{name}        if: github.ref == 'refs/heads/main'\n"))
        }),
        Defect::HooksOnPush => replace(
            files,
            HOOKS,
            "default_install_hook_types: [pre-commit]\n",
            "default_install_hook_types: [pre-commit]\ndefault_stages: [pre-push]\n",
        ),
        Defect::WebhookAllowListed => {
            files.insert("ops/announce.sh".to_owned(), announcement(writing.seed));
            files.insert(".gitleaks.toml".to_owned(), ALLOWED.to_owned());
            Ok(())
        }
        Defect::OutOfScopeTbd => {
            let listed = section(files, POLICY, "- Denial of service", "## Safe harbour")?;
            replace(files, POLICY, &listed, "TBD: the list moves here from the wiki.\n\n")
        }
        _ => Ok(()),
    }
}

/// A script with the address of a webhook, which is a secret: whoever knows it writes there. It opens nothing.
fn announcement(seed: u64) -> String {
    let mut stream = Stream::new(seed, "announcement");
    let (team, channel) = (keys::base32(&stream.block(), 9), keys::base32(&stream.block(), 11));
    let secret: String = STANDARD.encode(stream.block()).replace(['+', '/'], "x").chars().take(24).collect();
    // Put together here, so that these sources hold nothing of the form.
    let host = ["https://hooks", "slack", "com/services"].join(".");
    format!(
        "#!/bin/sh\nset -eu\ncurl --fail --silent --json \"{{\\\"text\\\":\\\"CK API $1 is out\\\"}}\" {host}/T{team}/B{channel}/{secret}\n"
    )
}

/// Breaks what is broken once decisions are signed.
pub(super) fn after_signing(files: &mut Files, writing: &Writing) -> anyhow::Result<()> {
    if writing.chosen.is(Defect::D1SignedByAnother) {
        let text = files.get(D1).context("there is no decision to sign")?;
        let signature = sshsig::sign(&fixture::person(writing.seed, "bob"), NAMESPACE, text.as_bytes());
        files.remove(&format!("{D1}.alice.sig")).context("the decision is not signed")?;
        files.insert(format!("{D1}.bob.sig"), signature);
    }
    if writing.chosen.is(Defect::SecretsStoreRedated) {
        let today = ago(writing, 0);
        set(files, SECRETS_STORE, "retrieved", today)?;
        set(files, SECRETS_STORE, "expires", today.checked_add_days(Days::new(365)).unwrap_or(today))?;
    }
    Ok(())
}

fn ago(writing: &Writing, days: u64) -> NaiveDate {
    let today = writing.now.date_naive();
    today.checked_sub_days(Days::new(days)).unwrap_or(today)
}

/// Sets the day on the line that begins with this key.
fn set(files: &mut Files, path: &str, key: &str, day: NaiveDate) -> anyhow::Result<()> {
    let line = section(files, path, &format!("{key} = "), "\n")?;
    replace(files, path, &line, &format!("{key} = {day}"))
}

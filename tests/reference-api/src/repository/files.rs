//! The files of the repository, from the templates beside the sources.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::{Writing, sshsig};
use crate::{defect::Defect, fixture};

/// Text by path.
pub type Files = BTreeMap<String, String>;

macro_rules! templates {
    ($($path:literal from $file:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../template/", $file)))),*]
    };
}

/// Names that would mean something in this repository are written without their dot here.
const TEMPLATES: [(&str, &str); 30] = templates![
    ".github/workflows/release.yml" from ".github/workflows/release.yml",
    ".gitignore" from "gitignore",
    ".pre-commit-config.yaml" from "pre-commit-config.yaml",
    "CHANGELOG.md" from "CHANGELOG.md",
    "README.md" from "README.md",
    "SECURITY.md" from "SECURITY.md",
    "avouch.toml" from "avouch.toml",
    "decisions/api6.toml" from "decisions/api6.toml",
    "decisions/api7.toml" from "decisions/api7.toml",
    "decisions/case-register.toml" from "decisions/case-register.toml",
    "decisions/d1-at-rest.toml" from "decisions/d1-at-rest.toml",
    "decisions/edge-to-d1.toml" from "decisions/edge-to-d1.toml",
    "decisions/secrets-store-kms.toml" from "decisions/secrets-store-kms.toml",
    "docs/security.md" from "docs/security.md",
    "docs/trust/owasp-api-top-10.md" from "docs/trust/owasp-api-top-10.md",
    "openapi.json" from "openapi.json",
    "package-lock.json" from "package-lock.json",
    "package.json" from "package.json",
    "probe/batch.json" from "probe/batch.json",
    "probe/interaction.json" from "probe/interaction.json",
    "probe/key.json" from "probe/key.json",
    "probe/tool.json" from "probe/tool.json",
    "src/auth.ts" from "src/auth.ts",
    "src/errors.ts" from "src/errors.ts",
    "src/index.ts" from "src/index.ts",
    "src/keys.ts" from "src/keys.ts",
    "src/routes/interactions.ts" from "src/routes/interactions.ts",
    "src/routes/keys.ts" from "src/routes/keys.ts",
    "src/routes/mcp.ts" from "src/routes/mcp.ts",
    "wrangler.toml" from "wrangler.toml",
];

/// All files, filled in.
pub(super) fn of(writing: &Writing) -> Files {
    let today = writing.now.date_naive();
    let day = |days: u64| today.checked_add_days(Days::new(days)).unwrap_or(today).to_string();
    let ago = |days: u64| today.checked_sub_days(Days::new(days)).unwrap_or(today);
    let key = |name| sshsig::public_key(&fixture::person(writing.seed, name));
    let fillings = [
        ("@@HTTPS@@", writing.https.clone()),
        ("@@HTTP@@", writing.http.clone()),
        ("@@CA@@", writing.ca.clone()),
        ("@@DB@@", writing.db.clone()),
        ("@@KEY_ALICE@@", key("alice")),
        ("@@KEY_BOB@@", key("bob")),
        ("@@SECURITY@@", "alice".to_owned()),
        ("@@APPROVER@@", "bob".to_owned()),
        ("@@IN_180_DAYS@@", day(180)),
    ];
    let filled = TEMPLATES.map(|(path, template)| {
        let mut text = template.to_owned();
        for (hole, filling) in &fillings {
            text = text.replace(hole, filling);
        }
        let (retrieved, expires) = statement_days(path, writing, ago, today);
        text = text.replace("@@RETRIEVED@@", &retrieved.to_string()).replace("@@PROVIDER_EXPIRES@@", &expires.to_string());
        (path.to_owned(), text)
    });
    filled.into_iter().collect()
}

/// When a provider's statement was read, and until when it counts: a year.
fn statement_days(path: &str, writing: &Writing, ago: impl Fn(u64) -> NaiveDate, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let expired = match path {
        "decisions/d1-at-rest.toml" => Defect::D1AtRestExpired,
        "decisions/secrets-store-kms.toml" => Defect::SecretsStoreKmsExpired,
        "decisions/edge-to-d1.toml" => Defect::EdgeToD1Expired,
        _ => return (today, today),
    };
    let retrieved = if writing.chosen.is(expired) { ago(400) } else { ago(20) };
    (retrieved, retrieved.checked_add_days(Days::new(365)).unwrap_or(today))
}

/// The files as they were before the release: without its entry in the changelog.
pub(super) fn before_the_release(files: &Files) -> Files {
    let mut earlier = files.clone();
    if let Some(text) = earlier.get_mut("CHANGELOG.md")
        && let (Some(start), Some(end)) = (text.find("## 1.4.2"), text.find("## 1.4.1"))
    {
        text.replace_range(start..end, "");
    }
    earlier
}

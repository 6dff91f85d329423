//! The `avouch.toml` that `avouch init` writes: what was found is filled in, the rest is commented, and it loads as it is.

use super::found::{Found, slug};

/// Writes the configuration for what was found.
pub(super) fn compose(found: &Found, profiles: &[String], origin: &str, in_pipeline: bool) -> String {
    let mut text = String::new();
    let mut add = |part: &str| text.push_str(part);
    add("# What avouch knows of this product. `avouch doctor` says what to fill in next, most valuable first.\n");
    add("# Secrets are named by environment variable, never written here.\n\n");
    add(&format!("[product]\nname = {}\nslug = {}\n", quoted(&found.name), quoted(&slug(&found.name))));
    add("languages = [\"en\", \"fr\"]\n");
    let profiles: Vec<String> = profiles.iter().map(|profile| quoted(profile)).collect();
    add(&format!(
        "profiles = [{}]              # whose claims you make; `avouch explain profiles` lists them\n\n",
        profiles.join(", ")
    ));
    add("[release]\ntags = \"v*\"                            # which tags are releases\n\n");
    add(&sbom(found));
    add(&databases(found));
    add(RETENTION);
    add(TARGETS);
    add(&bind(found));
    add(REST);
    add(&format!("[evidence]\norigin = {}   # the log's name for ever: do not change it\n", quoted(origin)));
    let comment = if in_pipeline { "" } else { "# " };
    add("ledger = \"sqlite:.avouch/ledger.db\"\n");
    add(&format!("{comment}signing_key_env = \"AVOUCH_SIGNING_KEY\"  # instead of .avouch/signing.key, where it is set\n\n"));
    add("[site]\nout = \"public\"\n# base_url = \"https://trust.example.com\"\n\n");
    add("[schedule]                              # for `avouch serve`: second minute hour day month weekday, in UTC\n");
    add("run = \"0 0 3 * * *\"\n# purge = \"0 */15 * * * *\"\n");
    text
}

fn sbom(found: &Found) -> String {
    let mut text = String::from("[sbom]\nspec = \"1.6\"\n");
    text.push_str(
        "# author = { name = \"Example GmbH\", email = \"sbom@example.com\" }   # who answers for the SBOM; published\n",
    );
    text.push_str("# supplier = { name = \"Example GmbH\", url = \"https://example.com\" }  # who supplies the product\n");
    if found.lockfiles.is_empty() {
        text.push_str(
            "# Read at each release: the lockfiles of all its folders; none lies at the root (docs/reference/lockfiles.md).\n",
        );
    } else {
        text.push_str(&format!(
            "# Read at each release: the lockfiles of all its folders; at the root {}\n",
            found.lockfiles.join(", ")
        ));
    }
    if !found.unread.is_empty() {
        text.push_str(&format!("# Not read yet, so not in the SBOM: {}\n", found.unread.join(", ")));
    }
    text.push('\n');
    text
}

fn databases(found: &Found) -> String {
    match found.databases.as_slice() {
        [] => "# [databases.main]\n# url = \"sqlite:data/app.db\"\n\n".to_owned(),
        [first, rest @ ..] => {
            let mut text = format!("[databases.main]\nurl = {}\n", quoted(&format!("sqlite:{first}")));
            for other in rest {
                text.push_str(&format!("# also found: {}\n", other.escape_debug()));
            }
            text.push('\n');
            text
        }
    }
}

fn bind(found: &Found) -> String {
    let mut text = String::from("[bind]                                  # fillings of the profiles' other slots\n");
    match found.wrangler {
        Some(file) => text.push_str(&format!("\"file.wrangler\" = {}\n", quoted(file))),
        None => text.push_str("# \"file.wrangler\" = \"wrangler.toml\"\n"),
    }
    match found.reports.first() {
        Some(report) => {
            let folder = report.rsplit_once('/').map_or("reports", |(folder, _)| folder);
            text.push_str(&format!("\"report.unit\" = {}\n", quoted(&format!("{folder}/*.xml"))));
        }
        None => text.push_str("# \"report.unit\" = \"reports/*.xml\"\n"),
    }
    text.push_str("# \"table.api_keys\" = \"api_keys\"\n\n");
    text
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

const RETENTION: &str = "\
# One table a retention rule. `keep` needs a unit: months and years count on the calendar, days and hours are exact.
# [[retention]]
# name = \"interactions\"
# database = \"main\"
# table = \"interactions\"
# column = \"created_at\"
# keep = \"24 months\"
# enforce = \"product\"                   # the product deletes, avouch only proves

";

const TARGETS: &str = "\
# A running system that may be probed. Nothing else is ever connected to.
# [targets.api]
# url = \"https://staging.example.com\"
# allow = [\"active\"]                    # passive, active, intrusive (the last also waits for --i-own-this and a proof)
# environment = \"staging\"
# release_from = { get = \"/version\", json = \"/commit\" }
#
# [targets.api.principals.a]            # who the probes speak as
# tenant = \"A\"
# header = \"Authorization\"
# value = \"Bearer ${PROBE_A}\"
#
# [targets.api.routes.submit]
# call = \"POST /v1/items\"
# body = \"probe/item.json\"
# ok = 201
# id = \"/id\"
# undo = \"DELETE /v1/items/{id}\"

";

const REST: &str = "\
[gate]
require = \"configured\"                  # every check whose slots are filled; or \"all\", or a list
# no_worse_than = \"1.4.0\"               # block only what stands worse than in the record of this release or commit
# baseline = true                       # let the baseline block too, which nobody claims

# [people.alice]                        # who may sign decisions; roles are published, names never
# key = \"ssh-ed25519 AAAA…\"
# roles = [\"security\"]

# [disclosure]
# contact = \"mailto:security@example.com\"
# triage_within = \"48h\"
# fix_within = { critical = \"14d\" }

";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use avouch_model::diagnostic::Source;

    use super::*;

    fn loads(found: &Found) {
        let text = compose(found, &["auth-api".to_owned()], "0123456789abcdef.avouch", true);
        let source = Arc::new(Source { path: "avouch.toml".into(), text });
        if let Err(problems) = avouch_read::configuration::load(&source) {
            panic!("{:#?}\n{}", problems.iter().map(|problem| problem.line()).collect::<Vec<_>>(), source.text);
        }
    }

    #[test]
    fn what_is_written_loads_as_it_is() {
        loads(&Found { name: "product".into(), ..Found::default() });
        loads(&Found {
            name: "quo\"ted \\ 'name' ${x}".into(),
            lockfiles: vec!["Cargo.lock", "package-lock.json"],
            unread: vec!["yarn.lock"],
            wrangler: Some("wrangler.toml"),
            workflows: vec![".github/workflows/ci.yml".into()],
            databases: vec!["data/app.db".into(), "data/new\nline.db".into()],
            reports: vec!["reports/unit.xml".into()],
        });
    }

    #[test]
    fn the_commented_parts_load_when_they_are_used() {
        let text = compose(&Found { name: "x".into(), ..Found::default() }, &[], "0123456789abcdef.avouch", true);
        let uncommented: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ").or_else(|| line.strip_prefix("#")) {
                Some(rest) if rest.contains(" = ") || rest.starts_with('[') => rest,
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let source = Arc::new(Source { path: "avouch.toml".into(), text: uncommented });
        let problems = avouch_read::configuration::load(&source).err().unwrap_or_default();
        assert!(problems.is_empty(), "{:#?}", problems.iter().map(|problem| problem.line()).collect::<Vec<_>>());
    }
}

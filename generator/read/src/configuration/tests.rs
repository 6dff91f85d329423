//! The configuration of the design loads; every mistake is reported in its place.

use avouch_model::product::{Action, Archive, HoldList, Location, Terms, Undated};

use super::*;

const WHOLE: &str = r#"
[product]
name = "CK API"
slug = "ck"
languages = ["en", "fr"]
profiles = ["auth-api"]

[release]
tags = "v*"

[sbom]
spec = "1.6"
formats = ["json"]

[databases.main]
url = "sqlite:data/app.db"

[[retention]]
name = "interactions"
database = "main"
table = "interactions"
column = "created_at"
keep = "24 months"

[[retention]]
name = "audit"
database = "main"
table = "audit_log"
column = "at"
keep = "90 days"
max_lag = "1 day"
enforce = "product"
fuse_percent = 10

[targets.api]
url = "http://127.0.0.1:8787"
plain_url = "http://127.0.0.1:8788"
allow = ["active"]
environment = "staging"
release_from = { get = "/version", json = "/commit" }
source_addresses = ["127.0.8.1-127.0.8.3", "127.0.9.9"]

[targets.api.principals.a]
tenant = "A"
header = "Authorization"
value = "Bearer ${PROBE_A}"

[targets.api.routes.submit]
call = "POST /v1/items"
body = "probe/item.json"
ok = 201
id = "/id"
undo = "DELETE /v1/items/{id}"

[bind]
"table.api_keys" = "keys"
"report.unit" = "reports/*.xml"

[numbers.rate-limit-address]
limit = 6
window = "2 seconds"

[gate]
require = ["rate-limit", "API4:2023"]

[people.alice]
key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIm0"
roles = ["security"]

[disclosure]
contact = "mailto:security@example.com"
triage_within = "48h"
fix_within = { critical = "14d" }

[evidence]
origin = "trust.example.com/7f3a"
ledger = "sqlite:.avouch/ledger.db"
signing_key_env = "AVOUCH_SIGNING_KEY"

[site]
out = "public"
base_url = "https://trust.example.com/"

[schedule]
purge = "0 */15 * * * *"
run = "0 0 3 * * *"
"#;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { path: "avouch.toml".into(), text: text.into() })
}

fn mistakes(text: &str) -> Vec<String> {
    match load(&source(text)) {
        Ok((_, warnings)) => warnings.iter().map(|problem| format!("warning {}", problem.line())).collect(),
        Err(problems) => problems.iter().map(Diagnostic::line).collect(),
    }
}

/// The whole configuration with one text in it replaced.
fn with(from: &str, to: &str) -> Vec<String> {
    assert!(WHOLE.contains(from), "{from}");
    mistakes(&WHOLE.replacen(from, to, 1))
}

#[test]
fn the_configuration_of_the_design_loads() {
    let (configuration, warnings) = load(&source(WHOLE)).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(configuration.retention[0].keep.to_string(), "24 months");
    assert_eq!(configuration.retention[1].fuse_percent, 10);
    let api = &configuration.targets["api"];
    assert_eq!(api.source_addresses.len(), 4);
    assert_eq!(api.routes["submit"].undo.as_ref().unwrap().1, "/v1/items/{id}");
    assert_eq!(configuration.site.base_url.as_deref(), Some("https://trust.example.com"));
    assert_eq!(configuration.schedule.purge_gap.unwrap().to_string(), "15 minutes");
    assert_eq!(configuration.numbers["rate-limit-address"]["limit"], Json::Integer(6));
}

#[test]
fn the_least_configuration_loads() {
    assert_eq!(mistakes("[product]\nname = 'X'\nslug = 'x'\n[evidence]\norigin = 'example.com/1'\n"), Vec::<String>::new());
}

#[test]
fn several_mistakes_are_reported_at_once() {
    let seen =
        mistakes("[product]\nnmae = 'X'\nslug = 'X Y'\n[evidence]\norigin = 'a b'\n[[retention]]\nname = 'r'\nkeep = '7'\n");
    assert_eq!(seen.len(), 8, "{seen:#?}");
    assert!(seen.iter().any(|line| line.starts_with("avouch.toml:2:1: no key is named `nmae`")));
    assert!(seen.iter().any(|line| line.starts_with("avouch.toml:8:8: `retention.keep`: `7` is not a length of time")));
}

#[test]
fn each_mistake_is_refused_where_it_stands() {
    for (from, to, expected) in [
        ("24 months", "24", "is not a length of time"),
        ("24 months", "0 days", "keeps nothing"),
        ("url = \"sqlite:data/app.db\"", "url = \"postgres://db\"", "the URL of a server holds who connects"),
        ("url = \"sqlite:data/app.db\"", "", "`url` is missing"),
        ("url = \"sqlite:data/app.db\"", "read_url_env = \"A\"", "`purge_url_env` is missing"),
        ("url = \"sqlite:data/app.db\"", "read_url_env = \"A\"\npurge_url_env = \"A\"", "the same credentials"),
        ("database = \"main\"", "database = \"mian\"", "no database is named `mian`"),
        ("name = \"audit\"", "name = \"interactions\"", "two rules are named"),
        ("Bearer ${PROBE_A}", "Bearer s3cret", "a credential is written into the configuration"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787/v1", "no path"),
        ("http://127.0.0.1:8787", "http://u:p@127.0.0.1", "no credentials"),
        ("http://127.0.0.1:8787", "file:///etc", "http:// or https://"),
        ("POST /v1/items", "POST https://evil", "is not a call"),
        ("probe/item.json", "../item.json", "leaves this folder"),
        ("[\"active\"]", "[\"all\"]", "no class of probe"),
        ("127.0.8.1-127.0.8.3", "10.0.0.0-10.255.255.255", "no range of addresses"),
        ("profiles = [\"auth-api\"]", "profiles = [\"auth-apy\"]", "no profile is named"),
        ("mailto:security@example.com", "[email protected]", "not a URI"),
        ("0 0 3 * * *", "0 3 * * *", "is not a schedule"),
        ("\"en\", \"fr\"", "\"en\", \"de\"", "not written in `de`"),
        ("require = [", "requires = [", "no key is named `requires`"),
        ("ssh-ed25519 AAAAC3", "ssh-rsa AAAAC3", "not an Ed25519 key"),
        ("spec = \"1.6\"", "spec = \"1.4\"", "cannot be `1.4`"),
        ("trust.example.com/7f3a", "trust example", "the origin holds white space"),
    ] {
        let seen = with(from, to);
        assert!(seen.iter().any(|line| line.contains(expected)), "{to}: {seen:#?}");
        assert!(seen.iter().all(|line| !line.starts_with("warning")), "{to}: {seen:#?}");
    }
}

#[test]
fn the_site_has_a_folder_of_its_own() {
    let seen =
        |out: &str| mistakes(&format!("[product]\nname = 'X'\nslug = 'x'\n[evidence]\norigin = 'x'\n[site]\nout = '{out}'\n"));
    for out in [
        "",
        ".",
        "/",
        "./",
        "..",
        "../..",
        "a/..",
        "a/../..",
        "../x/..",
        ".git",
        "a/../.git",
        ".git/pages",
        ".avouch",
        "/srv/.git",
    ] {
        let seen = seen(out);
        assert!(seen.len() == 1 && seen[0].starts_with("avouch.toml:7:7: "), "{out}: {seen:?}");
    }
    for out in ["public", "./public", "../public", "a/../b", "/srv/www", "docs/.github"] {
        assert_eq!(seen(out), Vec::<String>::new(), "{out}");
    }
}

const D1_URL: &str = "d1://0123456789abcdef0123456789ABCDEF/11111111-2222-3333-4444-555555555555";

#[test]
fn d1_is_reached_by_two_tokens_over_https() {
    let url = "url = \"sqlite:data/app.db\"";
    let tokens = "read_token_env = \"A\"\npurge_token_env = \"B\"";
    let load_with = |text: &str| load(&source(&WHOLE.replacen(url, text, 1)));
    let (configuration, _) = load_with(&format!("url = \"{D1_URL}\"\n{tokens}")).unwrap();
    let Location::D1(d1) = &configuration.databases["main"].location else { unreachable!() };
    assert_eq!(
        (d1.account.as_str(), d1.endpoint.as_str()),
        ("0123456789abcdef0123456789abcdef", "https://api.cloudflare.com/client/v4")
    );
    assert!(load_with(&format!("url = \"{D1_URL}\"\n{tokens}\nendpoint = \"http://127.0.0.1:80/client/v4\"")).is_ok());
    for (text, expected) in [
        (format!("url = \"d1://a/b\"\n{tokens}"), "names no database of D1"),
        (format!("url = \"{D1_URL}\""), "`read_token_env` is missing"),
        (format!("url = \"{D1_URL}\"\nread_token_env = \"A\"\npurge_token_env = \"A\""), "the same credentials"),
        (format!("url = \"{D1_URL}\"\n{tokens}\nendpoint = \"http://example.com/v4\""), "over HTTPS"),
        (format!("url = \"{D1_URL}\"\n{tokens}\nendpoint = \"https://u:p@example.com\""), "over HTTPS"),
        (format!("url = \"{D1_URL}\"\n{tokens}\nendpoint = \"https://example.com/v4/\""), "over HTTPS"),
    ] {
        let seen = with(url, &text);
        assert!(seen.iter().any(|line| line.contains(expected)), "{text}: {seen:#?}");
    }
}

const TERMS: &str = r#"keep = "24 months"
minimum = "18 months"
where = "state = 'closed'"
action = "archive"
archive = "archive"
children = ["order_items"]
hold = { column = "customer_id", table = "legal_holds", key = "customer_id" }
tenants = { column = "tenant_id", table = "tenant_settings", key = "id", keep = "retention" }
undated = "refuse"
future = "refuse"
erase = true
"#;

#[test]
fn a_rule_may_say_more() {
    let (configuration, warnings) = load(&source(&WHOLE.replacen("keep = \"24 months\"\n", TERMS, 1))).unwrap();
    assert_eq!(warnings, []);
    let terms = &configuration.retention[0].terms;
    assert_eq!(
        (terms.condition.as_deref(), &terms.action),
        (Some("state = 'closed'"), &Action::Archive(Archive::Folder("archive".into())))
    );
    assert_eq!((terms.undated, terms.refuse_future, terms.erase), (Undated::Refuse, true, true));
    assert_eq!(terms.hold.as_ref().unwrap().list, HoldList::Table { table: "legal_holds".into(), key: "customer_id".into() });
    assert_eq!(
        (terms.tenants.as_ref().unwrap().keep.as_str(), &terms.children[..]),
        ("retention", &["order_items".to_owned()][..])
    );
    assert_eq!(configuration.retention[1].terms, Terms::default());
}

const BUCKET: &str = r#"
[buckets."cold.example"]
region = "eu-central-1"
access_key_env = "KEY"
secret_key_env = "SECRET"
"#;

#[test]
fn a_rule_may_archive_in_a_bucket() {
    let keep = "keep = \"24 months\"";
    let rule = |archive: &str| format!("{keep}\naction = \"archive\"\narchive = \"{archive}\"");
    let text = WHOLE.replacen(keep, &rule("s3://cold.example/rows/2026"), 1) + BUCKET;
    let (configuration, _) = load(&source(&text)).unwrap();
    let Action::Archive(Archive::Objects { bucket, prefix }) = &configuration.retention[0].terms.action else { unreachable!() };
    assert_eq!((bucket, prefix.as_str()), (&configuration.buckets["cold.example"], "rows/2026"));
    assert_eq!(bucket.endpoint, "https://s3.eu-central-1.amazonaws.com");
    assert!(load(&source(&(WHOLE.replacen(keep, &rule("s3://cold.example"), 1) + BUCKET))).is_ok());
    for (archive, from, to, expected) in [
        ("s3://other/rows", "", "", "no bucket is named `other`"),
        ("s3://cold.example/rows/", "", "", "names no archive"),
        ("s3://cold.example/../rows", "", "", "names no archive"),
        ("s3://cold.example/a b", "", "", "names no archive"),
        ("gs://cold.example/rows", "", "", "names no archive"),
        ("s3://cold.example", "cold.example", "Cold_Example", "not the name of a bucket"),
        ("s3://cold.example", "eu-central-1", "eu/central", "not the name of a region"),
        ("s3://cold.example", "\"SECRET\"", "\"KEY\"", "two things"),
        ("s3://cold.example", "region = \"eu-central-1\"\n", "", "`region` is missing"),
        ("s3://cold.example", "secret_key_env", "secret_key", "no key is named `secret_key`"),
        ("s3://cold.example", "region", "endpoint = \"http://example.com\"\nregion", "over HTTPS"),
        ("s3://cold.example", "region", "endpoint = \"https://example.com/\"\nregion", "over HTTPS"),
    ] {
        let text = WHOLE.replacen(keep, &rule(archive), 1) + &BUCKET.replacen(from, to, 1);
        let seen = mistakes(&text);
        assert!(seen.iter().any(|line| line.contains(expected)), "{archive} {to}: {seen:#?}");
    }
}

#[test]
fn what_a_rule_says_more_must_fit() {
    let keep = "keep = \"24 months\"";
    for (added, expected) in [
        ("minimum = \"25 months\"", "at least, and this may be less"),
        ("action = \"shred\"", "cannot be `shred`"),
        ("action = \"anonymise\"", "`set` is missing"),
        ("action = \"archive\"", "`archive` is missing"),
        ("set = { email = \"NULL\" }", "`set` says nothing"),
        ("archive = \"old\"", "`archive` says nothing"),
        ("action = \"anonymise\"\nset = { created_at = \"NULL\" }", "the rule goes by this column"),
        ("action = \"anonymise\"\nset = { email = \"NULL\" }\nchildren = [\"notes\"]", "rows that stay have no children"),
        ("action = \"anonymise\"\nset = { email = \"NULL\" }\nerase = true", "of rows that stay"),
        ("children = [\"audit_log\"]", "`audit_log` has a rule of its own, `audit`"),
        ("hold = { table = \"holds\", key = \"id\" }", "`column` is missing"),
        ("hold = { column = \"id\", query = \"SELECT 1\", key = \"id\" }", "no key is named `key`"),
        ("tenants = { column = \"org\", table = \"orgs\", key = \"id\" }", "`keep` is missing"),
        ("undated = \"drop\"", "cannot be `drop`"),
    ] {
        let seen = with(keep, &format!("{keep}\n{added}"));
        assert!(seen.iter().any(|line| line.contains(expected)), "{added}: {seen:#?}");
    }
}

#[test]
fn a_lag_of_more_than_a_quarter_of_the_promise_is_a_warning() {
    let seen = with("keep = \"24 months\"", "keep = \"2 hours\"\nmax_lag = \"1 hour\"");
    assert_eq!(seen.len(), 1);
    assert!(seen[0].contains("rows may stay 1 hour longer than the promised 2 hours"), "{seen:?}");
}

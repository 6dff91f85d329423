use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    Digest, Json, Span,
    catalogue::{Strength, When},
    configuration::{Configuration, EvidenceSettings, Gate, SbomSettings, Schedule, SiteSettings},
    diagnostic::{Diagnostic, Source},
    payload::{DisclosurePromise, ProductName},
    product::{Principal, RetentionRule, Route, Target, Terms},
    receipt::Enforcement,
};

use super::*;

const KINDS: &[&str] = &[
    "attestation.current",
    "config.value",
    "database.canary",
    "database.column-everywhere",
    "database.query",
    "database.schema",
    "dependency.lockfile",
    "document.consistency",
    "file.content",
    "file.ignored",
    "http.audited-failures",
    "http.body-cap",
    "http.body-schema",
    "http.cors",
    "http.counted-calls",
    "http.header",
    "http.identity-source",
    "http.inventory",
    "http.issued-values",
    "http.mass-assignment",
    "http.plain-text",
    "http.rate-limit",
    "http.rate-window",
    "http.reserved-tokens",
    "http.security-txt",
    "http.ssrf",
    "http.status",
    "http.tenant-isolation",
    "http.timing-equality",
    "http.timing-floor",
    "http.uniform-failures",
    "log.canary",
    "mapping.coverage",
    "provider.inherited",
    "report.tests",
    "retention.coverage",
    "retention.not-early",
    "retention.receipt",
    "sbom.release",
    "secrets.history",
    "secrets.tree",
    "tls.minimum-version",
    "workflow.injection",
    "workflow.pinned",
    "workflow.steps",
];

fn auth_api() -> Catalogue {
    let profiles: Vec<ProfileSource> = builtin_profiles().into_iter().filter(|profile| profile.name == "auth-api").collect();
    load(&profiles, &builtins(), KINDS).unwrap_or_else(|problems| panic!("{}", lines(&problems).join("\n")))
}

fn lines(problems: &[Diagnostic]) -> Vec<String> {
    problems.iter().map(Diagnostic::line).collect()
}

fn configuration() -> Configuration {
    Configuration {
        digest: Digest::of(b""),
        product: ProductName { name: "CK API".into(), slug: "ck".into(), languages: vec!["en".into()] },
        profiles: vec!["auth-api".into()],
        release_tags: "v*".into(),
        sbom: SbomSettings { spec: "1.6".into(), formats: vec!["json".into()], ..SbomSettings::default() },
        databases: BTreeMap::new(),
        buckets: BTreeMap::new(),
        retention: Vec::new(),
        targets: BTreeMap::new(),
        bind: BTreeMap::new(),
        numbers: BTreeMap::new(),
        gate: Gate::Configured,
        gate_terms: Default::default(),
        people: BTreeMap::new(),
        disclosure: DisclosurePromise::default(),
        evidence: EvidenceSettings { origin: "example.com/1".into(), ledger: "l".into(), signing_key_env: None },
        site: SiteSettings { out: "public".into(), base_url: None },
        schedule: Schedule::default(),
    }
}

fn target(name: &str) -> Target {
    Target {
        name: name.into(),
        url: "https://example.com".into(),
        plain_url: None,
        allow: BTreeSet::new(),
        environment: "staging".into(),
        release_from: None,
        ca_file: None,
        source_addresses: Vec::new(),
        requests_per_address: 60,
        requests_max: 100,
        principals: BTreeMap::new(),
        routes: BTreeMap::new(),
    }
}

fn principal(name: &str) -> (String, Principal) {
    let principal = Principal {
        name: name.into(),
        tenant: None,
        header: "Authorization".into(),
        value: "Bearer ${K}".into(),
        with: BTreeMap::new(),
    };
    (name.into(), principal)
}

fn route(name: &str) -> (String, Route) {
    let route = Route { name: name.into(), method: "GET".into(), path: "/".into(), body: None, ok: 200, id: None, undo: None };
    (name.into(), route)
}

#[test]
fn the_standard_has_its_ten_requirements_with_their_numbers() {
    let catalogue = auth_api();
    let standard = &catalogue.standards[0];
    let ids: Vec<&str> = standard.requirements.iter().map(|requirement| requirement.id.as_str()).collect();
    let expected: Vec<String> = (1..=10).map(|number| format!("API{number}:2023")).collect();
    assert_eq!(ids, expected);
    let cwes: Vec<u32> = standard.requirements.iter().flat_map(|requirement| requirement.cwes.clone()).collect();
    let given = [285, 639, 204, 307, 213, 915, 770, 400, 799, 285, 918, 2, 16, 209, 319, 388, 444, 942, 1059, 20, 200, 319];
    assert_eq!(cwes, given);
}

#[test]
fn every_text_of_the_built_in_mapping_is_there_in_french_too() {
    let catalogue = auth_api();
    let mut texts: Vec<&avouch_model::catalogue::Localised> = catalogue.profiles.values().collect();
    for requirement in catalogue.standards.iter().flat_map(|standard| &standard.requirements) {
        texts.extend([&requirement.title, &requirement.asks]);
    }
    for control in &catalogue.controls {
        texts.extend([&control.title, &control.statement]);
    }
    texts.extend(catalogue.claims.iter().map(|claim| &claim.statement));
    texts.extend(catalogue.claims.iter().filter_map(|claim| claim.untested.as_ref()));
    texts.extend(catalogue.checks.iter().map(|check| &check.question));
    texts.extend(catalogue.baseline.iter().map(|baseline| &baseline.title));
    texts.extend(catalogue.slots.iter().map(|slot| &slot.description));
    for text in texts {
        let french = text.fr.as_deref().unwrap_or_else(|| panic!("no French for: {}", text.en));
        assert_ne!(french, text.en);
    }
}

#[test]
fn the_profile_holds_its_claims_and_tests_all_of_them() {
    let catalogue = auth_api();
    assert_eq!(catalogue.claims.len(), 62);
    assert!(catalogue.claims.iter().all(|claim| !claim.checks.is_empty() || !claim.any_of.is_empty()));
    assert!(!catalogue.claims.iter().any(|claim| claim.strength == Strength::Planned));
}

#[test]
fn what_is_asked_of_the_sources_needs_no_running_system() {
    for check in auth_api().checks.iter().filter(|check| check.when == When::Build) {
        let live = ["target.", "principal.", "route.", "database.", "retention."];
        for need in &check.needs {
            assert!(!live.iter().any(|prefix| need.starts_with(prefix)), "{} needs {need}", check.id);
        }
    }
}

#[test]
fn the_seven_timing_claims_are_decided_by_checks_of_their_own_and_share_their_outcomes() {
    let catalogue = auth_api();
    let claims = catalogue.claims.iter().filter(|claim| claim.id.starts_with("B-auth-timing-00") && !claim.id.ends_with('1'));
    let own: Vec<&str> = claims.flat_map(|claim| claim.checks.iter().map(String::as_str)).collect();
    assert_eq!((own.len(), own.iter().collect::<BTreeSet<_>>().len()), (11, 11));
    let parameters = |id: &str| &catalogue.check(id).unwrap().parameters;
    assert_eq!(parameters("auth-timing-expired")["outcomes"], parameters("auth-timing-malformed")["outcomes"]);
    assert_ne!(parameters("auth-timing-limited")["outcomes"], parameters("auth-timing-malformed")["outcomes"]);
    for id in own {
        match id.strip_prefix("auth-alike-") {
            // What is said of one outcome is judged by one measurement.
            Some(outcome) => {
                let floor = parameters(&format!("auth-timing-{outcome}"));
                assert_eq!(parameters(id)["margin_ms"], Json::Integer(10));
                assert!(
                    ["outcome", "outcomes", "samples", "principal"].iter().all(|key| parameters(id)[*key] == floor[*key]),
                    "{id}"
                );
            }
            None => assert_eq!(parameters(id)["floor_ms"], Json::Integer(80)),
        }
    }
}

#[test]
fn only_controls_with_claims_are_in_the_catalogue_and_in_its_order() {
    let catalogue = auth_api();
    let order: Vec<&str> = catalogue.controls.iter().map(|control| control.id.as_str()).collect();
    assert_eq!(order.first(), Some(&"transport-tls"));
    assert_eq!(order.last(), Some(&"disclosure"));
    for control in &catalogue.controls {
        assert!(catalogue.claims_of(&control.id).next().is_some(), "{}", control.id);
    }
}

#[test]
fn a_digest_tells_mappings_apart_and_reads_back() {
    let catalogue = auth_api();
    let digest = mapping_digest(&catalogue).unwrap();
    let bytes = canonical::to_bytes(&catalogue).unwrap();
    assert_eq!(canonical::from_bytes::<Catalogue>(&bytes).unwrap(), catalogue);
    let mut other = catalogue;
    other.checks[0].max_age = Span::Seconds(1);
    assert_ne!(mapping_digest(&other).unwrap(), digest);
}

fn own(text: &str) -> Result<Catalogue, Vec<String>> {
    let profile = ProfileSource { name: "own.toml".into(), text: text.into() };
    load(&[profile], &builtins(), KINDS).map_err(|problems| lines(&problems))
}

const SMALL: &str = r#"id = "own"
title.en = "Own"
[slot]
"target.api" = { en = "The API." }
[check.status]
kind = "http.status"
question.en = "Does it answer?"
subject = "the API"
when = "operate"
bound = "time"
max_age = "1 day"
severity = "low"
numbers = ["status"]
parameters = { target = "${target.api}", call = "GET /", status = [200] }
[claim.own-1]
control = "cors"
strength = "must"
statement.en = "It answers."
requirements = ["API8:2023"]
checks = ["status"]
"#;

#[test]
fn a_small_profile_loads_with_the_needs_that_its_parameters_show() {
    let catalogue = own(SMALL).unwrap();
    assert_eq!(catalogue.controls.len(), 1);
    assert_eq!(catalogue.check("status").unwrap().needs, ["target.api"]);
}

#[test]
fn a_name_of_the_shared_catalogue_is_free_until_its_control_is_in_use() {
    let catalogue = own(&SMALL
        .replace("check.status", "check.rate-limit")
        .replace("[\"status\"]\n", "[\"rate-limit\"]\n")
        .replace("numbers = [\"rate-limit\"]", "numbers = [\"status\"]"));
    assert!(
        catalogue.is_ok_and(|catalogue| catalogue.check("rate-limit").is_some() && catalogue.control("rate-limit").is_none())
    );
    let problems =
        own(&(SMALL.to_owned() + "[control.rate-limit]\ntitle.en = \"t\"\nstatement.en = \"s\"\nsatisfies = []\n")).unwrap_err();
    assert!(problems[0].ends_with("`rate-limit` is already the id of a control"), "{problems:#?}");
}

#[test]
fn no_check_of_a_profile_has_a_name_that_the_baseline_could_take() {
    let catalogue = own(SMALL).unwrap();
    assert_eq!(catalogue.unclaimed().len() + 1, catalogue.checks.len());
    assert!(catalogue.unclaimed().iter().all(|id| id.starts_with("baseline.")));
    for check in catalogue.checks.iter().filter(|check| check.id != "status") {
        // Of a repository it is asked in any case; of a running system where somebody says of which.
        assert_eq!((check.needs.is_empty(), check.numbers.len()), (check.when <= When::Deploy, 0), "{}", check.id);
        let problems = own(&SMALL.replace("check.status", &format!("check.\"{}\"", check.id))).unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains("cannot be an id")), "{problems:#?}");
    }
}

#[test]
fn what_a_profile_asks_is_not_asked_once_more_for_the_baseline() {
    let catalogue = auth_api();
    let secrets = catalogue.baseline.iter().find(|baseline| baseline.id == "secrets").unwrap();
    assert_eq!(secrets.checks, ["secrets-in-tree"]);
    assert!(catalogue.check("baseline.secrets").is_none());
    for id in catalogue.baseline.iter().flat_map(|baseline| &baseline.checks) {
        assert!(catalogue.check(id).is_some(), "{id}");
    }
    assert!(catalogue.unclaimed().contains("baseline.pinned-actions") && !catalogue.unclaimed().contains("secrets-in-tree"));
}

#[test]
fn alternatives_are_several_and_each_is_named_once() {
    let other = "[check.other]\nlike = \"status\"\nquestion.en = \"Does it?\"\n";
    let with = |checks: &str| own(&(SMALL.replace("checks = [\"status\"]", checks) + other));
    let catalogue = with("any_of = [\"status\", \"other\"]").unwrap();
    assert_eq!(catalogue.claims[0].deciding().collect::<Vec<_>>(), ["status", "other"]);
    for (checks, expected) in [
        ("checks = [\"other\"]\nany_of = [\"status\"]", "own.toml:21:11: `status` is no alternative to anything"),
        ("checks = [\"status\"]\nany_of = [\"status\", \"other\"]", "own.toml:21:11: the claim `own-1` names `status` twice"),
        ("any_of = [\"status\", \"othr\"]", "own.toml:20:21: no check is named `othr`"),
        (
            "any_of = [\"status\", \"other\"]\nuntested.en = \"x\"",
            "own.toml:15:8: the claim `own-1` has checks, and says that it is not tested",
        ),
    ] {
        let problems = with(checks).unwrap_err();
        assert!(problems.contains(&expected.to_owned()), "{expected}\n{problems:#?}");
    }
}

#[test]
fn every_loose_end_is_reported_where_it_stands() {
    for (from, to, expected) in [
        ("kind = \"http.status\"", "kind = \"http.statu\"", "own.toml:6:8: no kind is named `http.statu`"),
        ("${target.api}", "${target.ap}", "own.toml:14:26: no slot is named `target.ap`"),
        ("\"status\"]\npar", "\"stats\"]\npar", "own.toml:13:12: no parameter of this check is named `stats`"),
        ("numbers =", "needs = [\"route.x\"]\nnumbers =", "own.toml:13:10: no slot is named `route.x`"),
        ("control = \"cors\"", "control = \"corz\"", "own.toml:16:11: no control is named `corz`"),
        ("[\"API8:2023\"]", "[\"API11:2023\"]", "own.toml:19:17: no requirement is named `API11:2023`"),
        ("severity = \"low\"", "severity = \"hgih\"", "own.toml:12:12: `check.status.severity` cannot be `hgih`"),
        ("subject = \"the API\"\n", "", "own.toml:5:1: `subject` is missing in `check.status`"),
        ("checks = [\"status\"]\n", "", "own.toml:15:8: the claim `own-1` has no checks, and no reason why"),
        ("checks = [\"status\"]", "untested.en = \"x\"", "own.toml:5:8: the check `status` decides no claim"),
        ("[check.status]", "[check.cors]", "own.toml:5:8: `cors` is already the id of a control"),
        ("\"target.api\" =", "\"targt.api\" =", "own.toml:4:1: the slot `targt.api` has no known type"),
        ("en = \"The API.\"", "en = \"The API.\", default = \"x\"", "own.toml:4:45: only files have a place by convention"),
        ("bound = \"time\"", "bound = \"time\"\nweight = 3", "own.toml:11:1: no key is named `weight` in `check.status`"),
        ("[check.status]", "[check.Status]", "own.toml:5:8: `Status` cannot be an id"),
        ("max_age = \"1 day\"", "max_age = \"7\"", "own.toml:11:11: `check.status.max_age`: `7` is not a length of time"),
        ("numbers = [\"status\"]", "numbers = [\"target\"]", "own.toml:13:12: the number `target` depends on a slot"),
    ] {
        assert!(SMALL.contains(from), "{from}");
        let problems = own(&SMALL.replace(from, to)).unwrap_err();
        assert!(problems.len() <= 3 && problems.iter().any(|problem| problem.starts_with(expected)), "{expected}\n{problems:#?}");
    }
}

#[test]
fn no_line_can_be_left_out_or_doubled_unnoticed_but_those_that_may() {
    let lines: Vec<&str> = SMALL.lines().collect();
    let without = |left_out: usize| {
        let kept = lines.iter().enumerate().filter(|(place, _)| *place != left_out);
        kept.map(|(_, line)| *line).collect::<Vec<_>>().join("\n")
    };
    let optional: Vec<&str> = (0..lines.len()).filter(|place| own(&without(*place)).is_ok()).map(|place| lines[place]).collect();
    // A check without numbers makes no numeric claim; a claim may support no requirement.
    assert_eq!(optional, ["numbers = [\"status\"]", "requirements = [\"API8:2023\"]"]);
    for line in &lines {
        let doubled = SMALL.replacen(line, &format!("{line}\n{line}"), 1);
        assert!(own(&doubled).is_err(), "{line}");
    }
}

#[test]
fn a_check_that_is_like_another_takes_what_it_leaves_out() {
    let more = SMALL.replace("checks = [\"status\"]", "checks = [\"status\", \"gone\"]")
        + "[check.gone]\nlike = \"status\"\nquestion.en = \"Is it gone?\"\nparameters = { status = [410] }\n";
    let catalogue = own(&more).unwrap();
    let gone = catalogue.check("gone").unwrap();
    assert_eq!(gone.kind, "http.status");
    assert_eq!(gone.parameters["call"], Json::from("GET /"));
    assert_eq!(gone.parameters["status"], Json::List(vec![Json::Integer(410)]));
    let problems = own(&more.replace("like = \"status\"", "like = \"gone\"")).unwrap_err();
    assert!(problems[0].contains("no check of this file is named `gone` and stands on its own"), "{problems:#?}");
}

#[test]
fn two_profiles_cannot_use_one_id_for_two_things() {
    let one = ProfileSource { name: "one.toml".into(), text: SMALL.into() };
    let two = ProfileSource {
        name: "two.toml".into(),
        text: SMALL.replace("\"own\"", "\"other\"").replace("The API.", "Another API."),
    };
    let problems = lines(&load(&[one, two], &builtins(), KINDS).unwrap_err());
    for expected in [
        "two.toml:4:1: two profiles describe the slot `target.api` differently",
        "two.toml:5:8: `status` is already the id of a check",
        "two.toml:15:8: `own-1` is already the id of a claim",
    ] {
        assert!(problems.contains(&expected.to_owned()), "{expected}\n{problems:#?}");
    }
}

#[test]
fn an_empty_configuration_asks_only_what_has_a_place_by_convention() {
    let resolved = resolve(&auth_api(), &configuration(), &BTreeSet::new());
    let asked: Vec<&str> = resolved.asked.iter().map(|asked| asked.check.id.as_str()).collect();
    assert_eq!(
        asked,
        [
            "baseline.ignored-secrets",
            "baseline.pinned-actions",
            "baseline.scripts-without-strangers",
            "key-prefix-figures",
            "owasp-mapping-complete",
            "owasp-mapping-document",
            "safe-harbour",
            "sbom-in-pipeline",
            "sbom-lockfile-in-step",
            "sbom-of-release",
            "secret-hook",
            "secrets-in-history",
            "secrets-in-tree",
            "security-policy-contact",
            "security-policy-scope",
        ]
    );
    assert_eq!(resolved.asked.len() + resolved.unfilled.len(), auth_api().checks.len());
    let keys = |id: &str| resolved.unfilled[id].join(" | ");
    assert_eq!(keys("tls-version-floor"), "[targets.api]");
    assert_eq!(keys("plain-http-closed"), "[targets.api] | [targets.api] plain_url");
    assert_eq!(keys("security-txt"), "[targets.site]");
    assert_eq!(
        keys("cors-organisation"),
        "[targets.api.principals.a] | [targets.api.routes.list] | [targets.api] | [bind] \"text.origin-a\" | [bind] \"text.origin-b\""
    );
    assert_eq!(keys("retention-alerts"), "[[retention]] name = \"alerts\"");
    assert_eq!(keys("disclosure-fix"), "decisions/: [[attestation]] id = \"case-register\"");
    assert_eq!(keys("rest-database"), "decisions/: [[provider]] id = \"d1-at-rest\"");
}

#[test]
fn fillings_stand_in_the_parameters_and_lists_grow() {
    let mut configuration = configuration();
    let mut api = target("api");
    api.principals.extend([principal("a"), principal("b")]);
    api.routes.extend([route("list-keys")]);
    configuration.targets.insert("api".into(), api);
    configuration
        .bind
        .extend([("text.key-list".into(), "/keys".into()), ("text.key-properties".into(), "/keys/*/id, /keys/*/prefix".into())]);
    let resolved = resolve(&auth_api(), &configuration, &BTreeSet::new());
    let asked = resolved.asked.iter().find(|asked| asked.check.id == "key-list-properties").unwrap();
    assert_eq!(asked.parameters["target"], Json::from("api"));
    assert_eq!(asked.parameters["route"], Json::from("list-keys"));
    let allowed = vec![Json::from("/keys/*/id"), Json::from("/keys/*/prefix")];
    assert_eq!(asked.parameters["allowed"], Json::List(allowed));
    assert_eq!(asked.check.parameters["route"], Json::from("${route.list-keys}"));
}

#[test]
fn retention_and_decisions_fill_their_slots() {
    let mut configuration = configuration();
    configuration.retention.push(RetentionRule {
        name: "alerts".into(),
        database: "main".into(),
        table: "alerts".into(),
        column: "at".into(),
        keep: Span::Seconds(90 * 86_400),
        max_lag: None,
        enforce: Enforcement::Avouch,
        fuse_percent: 50,
        terms: Terms::default(),
    });
    let decisions = BTreeSet::from(["case-register".to_owned()]);
    let resolved = resolve(&auth_api(), &configuration, &decisions);
    let asked = |id: &str| resolved.asked.iter().find(|asked| asked.check.id == id).unwrap();
    assert_eq!(asked("retention-alerts").parameters["rule"], Json::from("alerts"));
    assert_eq!(asked("retention-alerts").tested["keep"], Json::from("90 days"));
    assert_eq!(asked("disclosure-fix").parameters["attestation"], Json::from("case-register"));
}

#[test]
fn other_numbers_are_tested_and_told() {
    let mut configuration = configuration();
    let mut api = target("api");
    api.routes.extend([route("list"), route("list-keys")]);
    configuration.targets.insert("api".into(), api);
    let numbers = BTreeMap::from([("limit".to_owned(), Json::Integer(6)), ("tolerance_percent".to_owned(), Json::Integer(99))]);
    configuration.numbers.insert("rate-limit-address".into(), numbers);
    let resolved = resolve(&auth_api(), &configuration, &BTreeSet::new());
    let asked = resolved.asked.iter().find(|asked| asked.check.id == "rate-limit-address").unwrap();
    assert_eq!(asked.parameters["limit"], Json::Integer(6));
    assert_eq!(asked.tested["limit"], Json::Integer(6));
    assert_eq!(asked.check.parameters["limit"], Json::Integer(60));
    assert_eq!(asked.parameters["tolerance_percent"], Json::Integer(20));
}

#[test]
fn misspelt_names_in_the_configuration_are_reported() {
    let source = std::sync::Arc::new(Source {
        path: "avouch.toml".into(),
        text: r#"
[bind]
"table.api_key" = "keys"
"target.api" = "x"
[numbers.rate-limit-adress]
limit = 6
[numbers.rate-limit-address]
limt = 6
limit = "6"
[gate]
require = ["rate-limit", "API12:2023"]
"#
        .into(),
    });
    let problems = lines(&wrong_names(&auth_api(), &source));
    assert_eq!(
        problems,
        [
            "avouch.toml:3:1: no profile in use has a slot `table.api_key` to bind",
            "avouch.toml:4:1: no profile in use has a slot `target.api` to bind",
            "avouch.toml:5:10: no check is named `rate-limit-adress`",
            "avouch.toml:8:1: `rate-limit-address` has no number `limt`",
            "avouch.toml:9:9: `limit` of `rate-limit-address` must be a whole number, and is a text",
            "avouch.toml:11:26: no control or requirement is named `API12:2023`",
        ]
    );
}

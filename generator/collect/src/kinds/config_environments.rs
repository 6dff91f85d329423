//! `config.environments`: does every environment of a Worker have resources of its own, and what it must have?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::wrangler::{Resource, Worker};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern},
    parsed::Form,
    pipelines::count,
    sources::{FILE_BYTES_MAX, Place, place},
};

/// How many places of one finding are kept.
const PLACES_MAX: usize = 20;

/// See the module.
pub(super) struct ConfigEnvironments;

/// What is asked of the environments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Left out: at the usual places.
    files: Option<Globs>,
    /// What the environment is called that is deployed without `--env`.
    #[serde(default = "top_level")]
    top_level: String,
    /// Environments that there must be.
    #[serde(default)]
    environments: Vec<String>,
    /// Whether no two environments may share a resource, a route or a Worker.
    #[serde(default = "yes")]
    separate: bool,
    /// Only what these share with others counts; otherwise whatever any two share.
    apart: Option<Globs>,
    /// Whether one resource may not serve two bindings of one environment.
    #[serde(default = "yes")]
    distinct: bool,
    /// Keys of bindings that every deployable environment has: `r2_buckets`.
    #[serde(default)]
    required: Vec<String>,
    /// Environments that are deployed; otherwise all.
    deployable: Option<Globs>,
    /// Names that no ordinary variable has, because secrets are called so.
    secret_names: Option<Pattern>,
}

fn top_level() -> String {
    "top level".to_owned()
}

const fn yes() -> bool {
    true
}

/// The environments with what they are bound to; ids only where two of them are one.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    files: u64,
    environments: Vec<EnvironmentSeen>,
    /// What several environments share.
    shared: Vec<Shared>,
    /// What several bindings of one environment share.
    doubled: Vec<Shared>,
    /// Ordinary variables that are called as secrets are.
    variables: Vec<Variable>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvironmentSeen {
    name: String,
    place: Place,
    /// How many bindings of each key.
    bindings: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    /// The key: `d1_databases`, `route`, `worker`.
    sort: String,
    environments: BTreeSet<String>,
    places: Vec<Place>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    environment: String,
    name: String,
    place: Place,
}

/// The configurations at the places that are asked about, or at the usual ones.
pub(super) fn configurations(world: &World<'_>, files: Option<&Globs>) -> Result<Vec<String>, Unasked> {
    let globs = |texts: &[&str]| Globs::new(texts.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked);
    match files {
        Some(files) => world.matching(files, &Globs::default()),
        None => world.matching(&globs(&["**/wrangler.{toml,json,jsonc}"])?, &globs(&["**/node_modules/**"])?),
    }
}

/// The format of a configuration, by its name.
pub(super) fn form(path: &str) -> Form {
    match path.rsplit_once('.') {
        Some((_, "toml")) => Form::Toml,
        Some((_, "yaml" | "yml")) => Form::Yaml,
        _ => Form::Jsonc,
    }
}

impl Question for ConfigEnvironments {
    const ID: &'static str = "config.environments";
    const QUESTION: &'static str = "Does every environment of a Worker have resources of its own, and what it must have?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/config-environments.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut seen = Seen::default();
        let mut users: BTreeMap<(String, String), Vec<(String, Place)>> = BTreeMap::new();
        for path in configurations(world, asked.files.as_ref())? {
            let document = world.document(&path, form(&path), FILE_BYTES_MAX)?;
            seen.files += 1;
            for environment in Worker::of(&document).environments {
                let name = environment.name.clone().unwrap_or_else(|| asked.top_level.clone());
                let at = |span: &std::ops::Range<usize>| place(&document.source, span.start);
                let mut within: BTreeMap<(&str, &str), Vec<Place>> = BTreeMap::new();
                for resource in &environment.resources {
                    let key = (family(&resource.sort).to_owned(), resource.id.clone());
                    users.entry(key).or_default().push((name.clone(), at(&resource.span)));
                    if !resource.preview && !is_met_again(resource) {
                        within.entry((&resource.sort, &resource.id)).or_default().push(at(&resource.span));
                    }
                }
                if let Some(worker) = &environment.worker {
                    users.entry(("worker".to_owned(), worker.clone())).or_default().push((name.clone(), at(&environment.span)));
                }
                seen.doubled.extend(within.into_iter().filter(|(_, places)| places.len() > 1).map(|((sort, _), places)| {
                    Shared {
                        sort: sort.to_owned(),
                        environments: BTreeSet::from([name.clone()]),
                        places: places.into_iter().take(PLACES_MAX).collect(),
                    }
                }));
                let mut bindings = BTreeMap::new();
                for binding in &environment.bindings {
                    *bindings.entry(binding.sort.clone()).or_insert(0) += 1;
                    let Some(names) = asked.secret_names.as_ref().filter(|_| binding.sort == "vars") else { continue };
                    let inner = binding.inner.iter().filter(|(path, _)| {
                        let name = path.rsplit('.').next().unwrap_or_default();
                        names.is_match(name)
                    });
                    let own = names.is_match(&binding.name).then_some((&binding.name, &binding.span));
                    let called = own.into_iter().chain(inner.map(|(path, span)| (path, span)));
                    seen.variables.extend(called.map(|(called, span)| Variable {
                        environment: name.clone(),
                        name: called.clone(),
                        place: at(span),
                    }));
                }
                seen.environments.push(EnvironmentSeen { name, place: at(&environment.span), bindings });
            }
        }
        for ((sort, _), users) in users {
            let environments: BTreeSet<String> = users.iter().map(|(name, _)| name.clone()).collect();
            if environments.len() > 1 {
                let mut places: Vec<Place> = users.into_iter().map(|(_, place)| place).collect();
                places.dedup();
                places.truncate(PLACES_MAX);
                seen.shared.push(Shared { sort, environments, places });
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let shown = |places: &[Place]| places.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if seen.files > 0 {
            for wanted in &asked.environments {
                if !seen.environments.iter().any(|environment| environment.name == *wanted) {
                    findings.push(format!("there is no environment `{wanted}`"));
                }
            }
        }
        if asked.separate {
            for shared in &seen.shared {
                let counts = asked.apart.as_ref().is_none_or(|apart| shared.environments.iter().any(|name| apart.matches(name)));
                if counts {
                    let names: Vec<_> = shared.environments.iter().map(|name| format!("`{name}`")).collect();
                    findings.push(format!("{} share one of `{}`: {}", names.join(" and "), shared.sort, shown(&shared.places)));
                }
            }
            if asked.distinct {
                for doubled in &seen.doubled {
                    let name = doubled.environments.first().map_or("", String::as_str);
                    findings.push(format!("two bindings of `{name}` are one of `{}`: {}", doubled.sort, shown(&doubled.places)));
                }
            }
        }
        let deployable = |name: &str| asked.deployable.as_ref().is_none_or(|globs| globs.matches(name));
        let mut deployed = 0;
        for environment in seen.environments.iter().filter(|environment| deployable(&environment.name)) {
            deployed += 1;
            for sort in asked.required.iter().filter(|sort| !environment.bindings.contains_key(*sort)) {
                let (name, place) = (&environment.name, &environment.place);
                findings.push(format!("the environment `{name}` at {place} has none of `{sort}`, and inherits none"));
            }
        }
        for variable in &seen.variables {
            let Variable { environment, name, place } = variable;
            findings.push(format!("`{name}` is an ordinary variable of `{environment}`: {place}"));
        }
        let number = seen.environments.len() as u64;
        let (examined, required) = match (asked.separate, asked.required.is_empty()) {
            // One environment alone is separate from nothing.
            (true, _) => (number, 2),
            (false, false) => (deployed, 1),
            (false, true) => (number, 1),
        };
        Judgement::decide(
            Population { examined, required },
            PositiveControl::NotNeeded,
            findings,
            format!(
                "{} of a Worker were compared; each has what it must have, and its own.",
                count(number, "environment", "environments")
            ),
        )
    }
}

/// Who writes to a queue and who reads it use one queue.
fn family(sort: &str) -> &str {
    sort.split('.').next().unwrap_or(sort)
}

/// What an environment may well be bound to twice.
fn is_met_again(resource: &Resource) -> bool {
    resource.sort.starts_with("queues") || resource.sort.starts_with("durable_objects") || resource.sort == "services"
}

const ASKED: &str = r#"{"top_level":"local","environments":["local","preview","production"]}"#;
const DURABLE: &str = r#"{"separate":false,"required":["r2_buckets"],"deployable":["preview","production"]}"#;
const SECRETS: &str = r#"{"separate":false,"secret_names":"(?i)(token|secret|key)$"}"#;

macro_rules! three {
    ($rest:literal) => {
        concat!(
            r#"{"files":1,"environments":[{"name":"local","place":{"file":"wrangler.jsonc","line":1,"column":1},"bindings":{"r2_buckets":1}},{"name":"preview","place":{"file":"wrangler.jsonc","line":9,"column":5},"bindings":{"r2_buckets":1}},{"name":"production","place":{"file":"wrangler.jsonc","line":19,"column":5},"bindings":{"r2_buckets":1,"vars":2}}],"#,
            $rest,
            "}"
        )
    };
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "three environments have resources of their own",
        asked: ASKED,
        seen: three!(r#""shared":[],"doubled":[],"variables":[]"#),
        outcome: Outcome::Pass,
    },
    Example {
        name: "each deployed environment has its bucket",
        asked: DURABLE,
        seen: three!(r#""shared":[],"doubled":[],"variables":[]"#),
        outcome: Outcome::Pass,
    },
    Example {
        name: "the top level carries production's database",
        asked: ASKED,
        seen: three!(
            r#""shared":[{"sort":"d1_databases","environments":["local","production"],"places":[{"file":"wrangler.jsonc","line":5,"column":20},{"file":"wrangler.jsonc","line":22,"column":24}]}],"doubled":[],"variables":[]"#
        ),
        outcome: Outcome::Fail,
    },
    Example {
        name: "one id serves two stores of production",
        asked: ASKED,
        seen: three!(
            r#""shared":[],"doubled":[{"sort":"kv_namespaces","environments":["production"],"places":[{"file":"wrangler.jsonc","line":21,"column":20},{"file":"wrangler.jsonc","line":22,"column":20}]}],"variables":[]"#
        ),
        outcome: Outcome::Fail,
    },
    Example {
        name: "an environment has another name than is promised",
        asked: r#"{"top_level":"local","environments":["local","staging"]}"#,
        seen: three!(r#""shared":[],"doubled":[],"variables":[]"#),
        outcome: Outcome::Fail,
    },
    Example {
        name: "the bucket is bound at the top level, which nothing inherits",
        asked: DURABLE,
        seen: r#"{"files":1,"environments":[{"name":"top level","place":{"file":"wrangler.toml","line":1,"column":1},"bindings":{"r2_buckets":1}},{"name":"production","place":{"file":"wrangler.toml","line":9,"column":6},"bindings":{}}],"shared":[],"doubled":[],"variables":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a token is an ordinary variable",
        asked: SECRETS,
        seen: three!(
            r#""shared":[],"doubled":[],"variables":[{"environment":"production","name":"GATEWAY_TOKEN","place":{"file":"wrangler.jsonc","line":24,"column":9}}]"#
        ),
        outcome: Outcome::Fail,
    },
    Example {
        name: "one environment alone is separate from nothing",
        asked: "{}",
        seen: r#"{"files":1,"environments":[{"name":"top level","place":{"file":"wrangler.toml","line":1,"column":1},"bindings":{}}],"shared":[],"doubled":[],"variables":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "there is no configuration",
        asked: ASKED,
        seen: r#"{"files":0,"environments":[],"shared":[],"doubled":[],"variables":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    const TEXT: &str = r#"{
  "name": "gate", // local
  "kv_namespaces": [{ "binding": "CACHE", "id": "k-local" }],
  "env": {
    "preview": { "kv_namespaces": [{ "binding": "CACHE", "id": "k-preview" }], "vars": { "MODE": "preview" } },
    "production": { "kv_namespaces": [{ "binding": "CACHE", "id": "k-live" }], "r2_buckets": [{ "binding": "FILES", "bucket_name": "live" }] },
  },
}"#;

    fn judge(text: &str, asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = Scene::of([("wrangler.jsonc", text)]).with(|world| ConfigEnvironments::gather(world, &asked)).unwrap();
        ConfigEnvironments::judge(&seen, &asked)
    }

    #[test]
    fn what_two_environments_share_is_found_wherever_it_is_written() {
        assert_eq!(judge(TEXT, ASKED).outcome, Outcome::Pass);
        let shared = judge(&TEXT.replace("k-local", "k-live"), ASKED);
        assert_eq!(
            shared.findings,
            ["`local` and `production` share one of `kv_namespaces`: wrangler.jsonc:3:49, wrangler.jsonc:6:67"]
        );
        // A preview session of one environment that works on the data of another.
        let preview = TEXT.replace(r#""id": "k-local""#, r#""id": "k-local", "preview_id": "k-live""#);
        assert_eq!(judge(&preview, ASKED).outcome, Outcome::Fail);
        let inherited = TEXT.replace(r#""name": "gate","#, r#""name": "gate", "route": "gate.example/*","#);
        assert!(judge(&inherited, ASKED).findings[0].contains("share one of `route`"));
        let apart = r#"{"top_level":"local","apart":"production"}"#;
        assert_eq!(judge(&TEXT.replace("k-local", "k-preview"), apart).outcome, Outcome::Pass);
        let doubled = TEXT.replace(r#""id": "k-live" }"#, r#""id": "k-live" }, { "binding": "OTHER", "id": "k-live" }"#);
        assert_eq!(judge(&doubled, ASKED).findings.len(), 1);
        assert!(judge(&TEXT.replace("preview\": { \"kv", "staging\": { \"kv"), ASKED).findings[0].contains("`preview`"));
    }

    #[test]
    fn a_binding_must_be_in_each_environment_that_is_deployed() {
        assert_eq!(judge(TEXT, DURABLE).findings.len(), 1);
        let production = DURABLE.replace(r#"["preview","production"]"#, r#""production""#);
        assert_eq!(judge(TEXT, &production).outcome, Outcome::Pass);
        let above = TEXT
            .replace("\"r2_buckets\": [", "\"other\": [")
            .replace("\"env\":", "\"r2_buckets\": [{ \"binding\": \"FILES\" }], \"env\":");
        assert_eq!(judge(&above, &production).outcome, Outcome::Fail);
    }

    #[test]
    fn a_secret_that_is_a_variable_is_named_and_its_value_is_not() {
        assert_eq!(judge(TEXT, SECRETS).outcome, Outcome::Pass);
        let broken = judge(&TEXT.replace(r#""MODE": "preview""#, r#""GATE_TOKEN": "do-not-show""#), SECRETS);
        assert_eq!(broken.findings, ["`GATE_TOKEN` is an ordinary variable of `preview`: wrangler.jsonc:5:90"]);
        // A variable whose name ends otherwise only holds the name of a secret.
        assert_eq!(judge(&TEXT.replace("MODE", "TOKEN_HEADER"), SECRETS).outcome, Outcome::Pass);
    }
}

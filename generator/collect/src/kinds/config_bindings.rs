//! `config.bindings`: is the Worker's configuration the one truth about what the program is bound to?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::{
    javascript::{Script, Sort},
    structured::{Document, Node, Value},
    wrangler::Worker,
};
use serde::{Deserialize, Serialize};

use super::config_environments::{configurations, form};
use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::Globs,
    pipelines::{Spot, count, decide, listed, spot},
    scripts::sources,
    sources::FILE_BYTES_MAX,
};

/// Files in which nobody repeats an id by hand.
const NOT_ELSEWHERE: &[&str] = &["**/node_modules/**", "**/*lock*", "**/package.json", ".github/**"];

/// See the module.
pub(super) struct ConfigBindings;

/// Which configuration, which sources, and which names come from elsewhere.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Left out: at the usual places.
    files: Option<Globs>,
    /// Left out: the sources below `src` that are no tests.
    sources: Option<Globs>,
    #[serde(default)]
    exclude: Globs,
    /// Names that the platform gives as secrets, which no configuration declares.
    #[serde(default)]
    secrets: BTreeSet<String>,
    /// Names that may be missing in an environment, because the program asks whether they are there.
    #[serde(default)]
    optional: BTreeSet<String>,
    /// Whether what the program uses must be declared.
    #[serde(default = "yes")]
    declared: bool,
    /// Whether what is declared must be used.
    #[serde(default = "yes")]
    used: bool,
    /// Other files that may not repeat what the account knows a resource by; an empty list asks nothing of them.
    elsewhere: Option<Globs>,
}

const fn yes() -> bool {
    true
}

/// What is used and what is declared; never an id.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    files: u64,
    /// Names that the program uses.
    uses: u64,
    /// Uses of names that an environment does not declare: `DB in production`.
    undeclared: Vec<Spot>,
    /// Declared names that nothing uses: `DB in production`.
    idle: Vec<Spot>,
    /// Uses of a name that is computed while the program runs.
    computed: Vec<Spot>,
    /// Other files that say what the configuration says.
    repeated: Vec<Spot>,
}

impl Question for ConfigBindings {
    const ID: &'static str = "config.bindings";
    const QUESTION: &'static str = "Is the Worker's configuration the one truth about what the program is bound to?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/config-bindings.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut seen = Seen::default();
        let used = uses(world, asked, &mut seen)?;
        let paths = configurations(world, asked.files.as_ref())?;
        let mut ids = BTreeSet::new();
        let mut folders: BTreeMap<&str, &str> = BTreeMap::new();
        for path in &paths {
            let document = world.document(path, form(path), FILE_BYTES_MAX)?;
            seen.files += 1;
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if let Some(other) = folders.insert(folder, path) {
                seen.repeated.push(spot(&document.source, 0, &format!("{path} stands beside {other}")));
            }
            for environment in Worker::of(&document).environments {
                let name = environment.name.as_deref().unwrap_or("the top level");
                let declared: BTreeSet<&str> = environment.bindings.iter().map(|binding| binding.name.as_str()).collect();
                ids.extend(
                    environment.resources.iter().filter(|one| one.id.len() >= 8 && one.sort != "route").map(|one| one.id.clone()),
                );
                for binding in environment.bindings.iter().filter(|binding| !used.contains_key(&binding.name)) {
                    let what = format!("{} in {name}", binding.name);
                    seen.idle.push(spot(&document.source, binding.span.start, &what));
                }
                for (wanted, place) in &used {
                    if !declared.contains(wanted.as_str()) && !asked.secrets.contains(wanted) && !asked.optional.contains(wanted)
                    {
                        seen.undeclared.push(Spot { what: format!("{wanted} in {name}"), ..place.clone() });
                    }
                }
            }
        }
        repeated(world, asked, &paths, &ids, &mut seen)?;
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for (wanted, what, spots) in [
            (asked.declared, "used and not declared", &seen.undeclared),
            (asked.used && seen.computed.is_empty(), "declared and used by nothing", &seen.idle),
            (asked.elsewhere_counts(), "said a second time", &seen.repeated),
        ] {
            if wanted && !spots.is_empty() {
                findings.push(format!("{what}: {}", listed(spots)));
            }
        }
        // Where a name is computed, nobody can say that another is not used, or not declared.
        let open: Vec<String> = if seen.computed.is_empty() {
            vec![]
        } else {
            vec![format!("a name is computed, so nobody can say which: {}", listed(&seen.computed))]
        };
        let examined = if seen.files == 0 { 0 } else { seen.uses };
        let sentence =
            format!("{} that the program uses are those that the configuration declares.", count(seen.uses, "name", "names"));
        decide(Population { examined, required: 1 }, &open, findings, sentence)
    }
}

impl Asked {
    fn elsewhere_counts(&self) -> bool {
        self.elsewhere.as_ref().is_none_or(|globs| !globs.shown().is_empty())
    }
}

/// The names that sources take from their environment, with the first place of each.
fn uses(world: &World<'_>, asked: &Asked, seen: &mut Seen) -> Result<BTreeMap<String, Spot>, Unasked> {
    let mut used = BTreeMap::new();
    for source in sources(world, asked.sources.as_ref(), &asked.exclude)? {
        let script = Script::parse(&source.text);
        for place in 0..script.tokens.len() {
            if !is_environment(&script, place) {
                continue;
            }
            let at = |place: usize| script.tokens.get(place).map_or(0, |token| token.span.start);
            let mut take = |name: usize| {
                let text = script.text(name);
                used.entry(text.to_owned()).or_insert_with(|| spot(&source, at(name), text));
            };
            let next = place + 1;
            if (script.is_sign(next, ".") || script.is_sign(next, "?.")) && script.is(next + 1, Sort::Word) {
                take(next + 1);
            } else if script.is_sign(next, "[") || (script.is_sign(next, "?.") && script.is_sign(next + 1, "[")) {
                let open = if script.is_sign(next, "[") { next } else { next + 1 };
                if script.is(open + 1, Sort::Text) && script.partner(open) == Some(open + 2) {
                    take(open + 1);
                } else {
                    seen.computed.push(spot(&source, at(open), &script.shown(place..script.chain_end(place) + 1)));
                }
            }
            // `const { A, B: b = 1 } = env`
            let first = script.chain_start(place);
            let close = first.checked_sub(2).filter(|close| script.is_sign(first - 1, "=") && script.is_sign(*close, "}"));
            let whole = !script.is_sign(next, ".") && !script.is_sign(next, "?.") && !script.is_sign(next, "[");
            if let (Some(close), true) = (close, whole)
                && let Some(open) = script.partner(close)
            {
                let mut name = open + 1;
                while name < close {
                    if script.is(name, Sort::Word) {
                        take(name);
                    }
                    name = (name..close).find(|comma| script.is_sign(*comma, ",")).map_or(close, |comma| comma + 1);
                }
            }
        }
    }
    seen.uses = used.len() as u64;
    Ok(used)
}

/// Whether a token is the environment that the platform hands to a Worker: `env`, `c.env`, and not `process.env`.
fn is_environment(script: &Script<'_>, place: usize) -> bool {
    if !script.is(place, Sort::Word) || script.text(place) != "env" {
        return false;
    }
    let owner = place.checked_sub(2).filter(|_| script.is_sign(place - 1, ".") || script.is_sign(place - 1, "?."));
    owner.is_none_or(|owner| !matches!(script.text(owner), "process" | "meta" | "Deno" | "Bun"))
}

/// Other files that repeat an id of the configuration.
fn repeated(
    world: &World<'_>,
    asked: &Asked,
    configurations: &[String],
    ids: &BTreeSet<String>,
    seen: &mut Seen,
) -> Result<(), Unasked> {
    let globs = |texts: &[&str]| Globs::new(texts.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked);
    let usual = globs(&["**/*.{json,jsonc,toml,yml,yaml}"])?;
    for path in world.matching(asked.elsewhere.as_ref().unwrap_or(&usual), &globs(NOT_ELSEWHERE)?)? {
        if configurations.contains(&path) {
            continue;
        }
        // A file that is broken, or of another dialect, says nothing that a program could take for the truth.
        let Ok(document) = world.document(&path, form(&path), FILE_BYTES_MAX) else { continue };
        if let Some(at) = first_id(&document, ids) {
            seen.repeated.push(spot(&document.source, at, &path));
        }
    }
    Ok(())
}

/// Where a text of a document is one of the ids.
fn first_id(document: &Document, ids: &BTreeSet<String>) -> Option<usize> {
    let mut open: Vec<&Node> = vec![&document.root];
    while let Some(node) = open.pop() {
        match &node.value {
            Value::Text(text) if ids.contains(text) => return Some(node.span.start),
            Value::List(items) => open.extend(items),
            Value::Table(table) => open.extend(table.entries().iter().map(|entry| &entry.value)),
            _ => {}
        }
    }
    None
}

const GOOD: &str = r#"{"files":1,"uses":7,"undeclared":[],"idle":[],"computed":[],"repeated":[]}"#;

macro_rules! with {
    ($key:literal, $what:literal) => {
        concat!(
            r#"{"files":1,"uses":7,"#,
            $key,
            r#":[{"place":{"file":"src/index.js","line":3,"column":9},"what":""#,
            $what,
            r#""}],"#
        )
    };
}

const EXAMPLES: &[Example] = &[
    Example { name: "what is used is what is declared", asked: "{}", seen: GOOD, outcome: Outcome::Pass },
    Example {
        name: "a binding is missing in production",
        asked: "{}",
        seen: concat!(with!(r#""undeclared""#, "DB in production"), r#""idle":[],"computed":[],"repeated":[]}"#),
        outcome: Outcome::Fail,
    },
    Example {
        name: "a binding is used by nothing",
        asked: "{}",
        seen: concat!(with!(r#""idle""#, "CACHE in production"), r#""undeclared":[],"computed":[],"repeated":[]}"#),
        outcome: Outcome::Fail,
    },
    Example {
        name: "another file repeats the ids",
        asked: "{}",
        seen: concat!(with!(r#""repeated""#, ".gate.staging.json"), r#""undeclared":[],"idle":[],"computed":[]}"#),
        outcome: Outcome::Fail,
    },
    Example {
        name: "a name is computed while the program runs",
        asked: "{}",
        seen: concat!(with!(r#""computed""#, "env[name]"), r#""undeclared":[],"idle":[],"repeated":[]}"#),
        outcome: Outcome::Error,
    },
    Example {
        name: "there is no configuration",
        asked: "{}",
        seen: r#"{"files":0,"uses":7,"undeclared":[],"idle":[],"computed":[],"repeated":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    const CONFIGURATION: &str = r#"{ "env": { "production": { "vars": { "MODE": "tier" }, "d1_databases": [{ "binding": "DB", "database_id": "0123456789abcdef" }] } },
        "vars": { "MODE": "tier" }, "d1_databases": [{ "binding": "DB", "database_id": "local-database" }] }"#;
    const PROGRAM: &str =
        "export default { fetch(request, env) { const { DB, MODE: mode = 'x' } = env; return env.TOKEN + process.env.HOME; } };";

    fn judge(files: &[(&str, &str)], asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = Scene::of(files.iter().copied()).with(|world| ConfigBindings::gather(world, &asked)).unwrap();
        ConfigBindings::judge(&seen, &asked)
    }

    #[test]
    fn used_and_declared_are_compared_in_every_environment() {
        let asked = r#"{"secrets":["TOKEN"]}"#;
        let of =
            |configuration: &str, program: &str| judge(&[("wrangler.jsonc", configuration), ("src/index.js", program)], asked);
        assert_eq!(of(CONFIGURATION, PROGRAM).outcome, Outcome::Pass, "{:?}", of(CONFIGURATION, PROGRAM).findings);
        let missing = of(&CONFIGURATION.replacen(r#""vars": { "MODE": "tier" }, "#, "", 1), PROGRAM);
        assert_eq!(missing.findings, ["used and not declared: `MODE in production` at src/index.js:1:52"]);
        let undeclared = of(CONFIGURATION, &PROGRAM.replace("env.TOKEN", "env.TOKEN + env['CACHE']"));
        assert!(undeclared.findings[0].contains("`CACHE in the top level`"), "{:?}", undeclared.findings);
        let idle = of(CONFIGURATION, &PROGRAM.replace("DB, ", ""));
        assert!(idle.findings[0].starts_with("declared and used by nothing: `DB in the top level`"), "{:?}", idle.findings);
        assert_eq!(of(CONFIGURATION, &PROGRAM.replace("env.TOKEN", "env[name]")).outcome, Outcome::Error);
        // A comment uses nothing.
        assert_eq!(of(CONFIGURATION, &PROGRAM.replace("env.TOKEN", "env.TOKEN /* env.CACHE */")).outcome, Outcome::Pass);
    }

    #[test]
    fn a_second_place_that_says_the_same_is_found() {
        let asked = r#"{"secrets":["TOKEN"]}"#;
        let program = ("src/index.js", PROGRAM);
        let beside = judge(&[("wrangler.jsonc", CONFIGURATION), ("wrangler.toml", "name = \"gate\""), program], asked);
        assert!(beside.findings.iter().any(|finding| finding.contains("said a second time")), "{:?}", beside.findings);
        let repeats = r#"{ "staging": { "database": "0123456789abcdef" } }"#;
        let repeated = judge(&[("wrangler.jsonc", CONFIGURATION), (".gate.staging.json", repeats), program], asked);
        assert_eq!(repeated.findings, ["said a second time: `.gate.staging.json` at .gate.staging.json:1:28"]);
        let other = judge(&[("wrangler.jsonc", CONFIGURATION), ("tsconfig.json", "{ \"a\": \"b\" }"), program], asked);
        assert_eq!(other.outcome, Outcome::Pass);
    }
}

//! `config.value`: do configuration files hold the values that the promise depends on?

use avouch_model::{
    Json,
    json::Object,
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::structured::{Document, Node, Value};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern, one},
    parsed::Form,
    selector::Selector,
    sources::{FILE_BYTES_MAX, Place, place},
};

/// How many places of one assertion are kept.
const PLACES_MAX: usize = 20;

/// See the module.
pub(super) struct ConfigValue;

/// Which values of which files.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct Asked {
    files: Globs,
    files_min: u64,
    must_exist: bool,
    values: Vec<Assertion>,
    each: Vec<Selector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    files: Globs,
    #[serde(default = "one")]
    files_min: u64,
    #[serde(default)]
    must_exist: bool,
    values: Vec<WrittenAssertion>,
    each: Option<Vec<Selector>>,
    #[serde(default)]
    expected: Object,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAssertion {
    at: Selector,
    equals: Option<Json>,
    one_of: Option<Vec<Json>>,
    matches: Option<Pattern>,
    at_least: Option<Json>,
    at_most: Option<Most>,
    contains: Option<Vec<Json>>,
    present: Option<bool>,
    absent: Option<bool>,
    #[serde(default)]
    optional: bool,
    unless: Option<Selector>,
}

/// The most that a number may be: a number, or the one at another path of the same object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Most {
    Of { at: Selector },
    Number(Json),
}

#[derive(Debug)]
struct Assertion {
    at: Selector,
    demand: Demand,
    optional: bool,
    /// Where this is there, the assertion is not made.
    unless: Option<Selector>,
}

#[derive(Debug)]
enum Demand {
    OneOf(Vec<Json>),
    Matches(Pattern),
    AtLeast(i64),
    AtMost(i64),
    /// Each of these is among the values.
    Contains(Vec<Json>),
    AtMostOf(Selector),
    Present,
    Absent,
}

impl TryFrom<Written> for Asked {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        if written.values.is_empty() {
            return Err("`values` is empty: nothing is asked".to_owned());
        }
        let expected = &written.expected;
        let values = written.values.into_iter().map(|one| one.read(expected)).collect::<Result<_, _>>()?;
        let whole = || Selector::new("").map(|whole| vec![whole]);
        Ok(Self {
            files: written.files,
            files_min: written.files_min.max(1),
            must_exist: written.must_exist,
            values,
            each: written.each.map_or_else(whole, Ok)?,
        })
    }
}

impl WrittenAssertion {
    fn read(self, expected: &Object) -> Result<Assertion, String> {
        let at = self.at.as_str().to_owned();
        let resolve = |value: Json| match value.as_text().and_then(|text| text.strip_prefix('$')) {
            Some(name) => expected.get(name).cloned().ok_or_else(|| format!("`{at}`: `expected` has no `{name}`")),
            None => Ok(value),
        };
        let number = |value: Json| {
            resolve(value)?.as_integer().ok_or_else(|| format!("`{at}`: `at_least` and `at_most` take whole numbers"))
        };
        let mut demands = Vec::new();
        if let Some(value) = self.equals {
            demands.push(Demand::OneOf(vec![resolve(value)?]));
        }
        if let Some(values) = self.one_of {
            demands.push(Demand::OneOf(values.into_iter().map(resolve).collect::<Result<_, _>>()?));
        }
        if let Some(pattern) = self.matches {
            demands.push(Demand::Matches(pattern));
        }
        if let Some(value) = self.at_least {
            demands.push(Demand::AtLeast(number(value)?));
        }
        match self.at_most {
            Some(Most::Of { at }) => demands.push(Demand::AtMostOf(at)),
            Some(Most::Number(value)) => demands.push(Demand::AtMost(number(value)?)),
            None => {}
        }
        if let Some(values) = self.contains {
            demands.push(Demand::Contains(values.into_iter().map(resolve).collect::<Result<_, _>>()?));
        }
        for (flag, name, demand) in [(self.present, "present", Demand::Present), (self.absent, "absent", Demand::Absent)] {
            match flag {
                Some(true) => demands.push(demand),
                Some(false) => return Err(format!("`{at}`: `{name}` is only ever `true`")),
                None => {}
            }
        }
        match (demands.pop(), demands.is_empty()) {
            (Some(demand), true) => Ok(Assertion { at: self.at, demand, optional: self.optional, unless: self.unless }),
            _ => Err(format!(
                "`{at}` needs exactly one of `equals`, `one_of`, `matches`, `at_least`, `at_most`, `contains`, `present`, `absent`"
            )),
        }
    }
}

/// How the assertions fared, in the order of the parameters; never a value.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    files: u64,
    /// The objects in which the assertions were made.
    scopes: u64,
    values: Vec<Found>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    /// Values at the path, over all scopes.
    values: u64,
    /// Values that break the assertion.
    wrong: Vec<Place>,
    /// Scopes without a value at the path.
    without: Vec<Place>,
}

impl Question for ConfigValue {
    const ID: &'static str = "config.value";
    const QUESTION: &'static str = "Do configuration files hold the values that the promise depends on?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/config-value.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut seen = Seen::nothing(asked);
        for path in world.matching(&asked.files, &Globs::default())? {
            look(&*world.document(&path, form(&path)?, FILE_BYTES_MAX)?, asked, &mut seen);
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        judge(seen, asked)
    }
}

impl Seen {
    /// Before any file was read.
    pub(super) fn nothing(asked: &Asked) -> Self {
        Self { files: 0, scopes: 0, values: asked.values.iter().map(|_| Found::default()).collect() }
    }
}

impl Asked {
    /// Which files hold the values.
    pub(super) const fn files(&self) -> &Globs {
        &self.files
    }
}

/// Makes every assertion of a document.
pub(super) fn look(document: &Document, asked: &Asked, seen: &mut Seen) {
    seen.files += 1;
    for scope in asked.each.iter().flat_map(|each| each.select(&document.root)) {
        seen.scopes += 1;
        for (assertion, found) in asked.values.iter().zip(&mut seen.values) {
            assertion.look(document, scope, found);
        }
    }
}

/// Judges what was seen, of files of the commit or of what a platform answered.
pub(super) fn judge(seen: &Seen, asked: &Asked) -> Judgement {
    let mut findings = Vec::new();
    for (assertion, found) in asked.values.iter().zip(&seen.values) {
        let at = assertion.at.as_str();
        let shown = |places: &[Place]| places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if !found.wrong.is_empty() {
            findings.push(format!("`{at}` {}: {}", assertion.demand.broken(), shown(&found.wrong)));
        }
        if !found.without.is_empty() && !assertion.optional && !matches!(assertion.demand, Demand::Absent) {
            findings.push(format!("there is no `{at}` in {}", shown(&found.without)));
        }
    }
    if seen.files == 0 && asked.must_exist {
        findings.push(format!("no file matches {}", asked.files.shown()));
    }
    Judgement::decide(
        Population { examined: if seen.scopes == 0 { 0 } else { seen.files }, required: asked.files_min },
        PositiveControl::NotNeeded,
        findings,
        format!("{} assertions hold in {} places of {} configuration files.", asked.values.len(), seen.scopes, seen.files),
    )
}

impl Assertion {
    fn look(&self, document: &Document, scope: &Node, found: &mut Found) {
        if self.unless.as_ref().is_some_and(|unless| !unless.select(scope).is_empty()) {
            return;
        }
        let add = |places: &mut Vec<Place>, node: &Node| {
            if places.len() < PLACES_MAX {
                places.push(place(&document.source, node.span.start));
            }
        };
        let yaml = is_yaml(&document.source.path);
        let mut any = false;
        if let Demand::Contains(wanted) = &self.demand {
            let nodes = self.at.select(scope);
            if wanted.iter().any(|one| !nodes.iter().any(|node| is(node, one, yaml))) {
                add(&mut found.wrong, scope);
            }
        }
        for node in self.at.select(scope) {
            found.values += 1;
            any = any || !matches!(node.value, Value::Null);
            if !self.demand.holds(node, scope, yaml) {
                add(&mut found.wrong, node);
            }
        }
        if !any {
            add(&mut found.without, scope);
        }
    }
}

impl Demand {
    /// Whether one value is as demanded. YAML gives every scalar as text.
    fn holds(&self, node: &Node, scope: &Node, yaml: bool) -> bool {
        match self {
            Self::OneOf(values) => values.iter().any(|value| is(node, value, yaml)),
            Self::Matches(pattern) => node.as_text().is_some_and(|text| pattern.is_match(text)),
            Self::AtLeast(least) => number(node, yaml).is_some_and(|number| number >= *least),
            Self::AtMost(most) => number(node, yaml).is_some_and(|number| number <= *most),
            Self::AtMostOf(other) => {
                let most: Option<Vec<i64>> = other.select(scope).into_iter().map(|other| number(other, yaml)).collect();
                let most = most.and_then(|most| most.into_iter().min());
                most.is_some_and(|most| number(node, yaml).is_some_and(|number| number <= most))
            }
            // Asked of all values together.
            Self::Contains(_) | Self::Present => true,
            Self::Absent => false,
        }
    }

    fn broken(&self) -> String {
        match self {
            Self::OneOf(values) => {
                let values: Vec<_> = values.iter().map(|value| serde_json::to_string(value).unwrap_or_default()).collect();
                format!("must be {}", values.join(" or "))
            }
            Self::Matches(pattern) => format!("must match `{}`", pattern.as_str()),
            Self::AtLeast(least) => format!("must be at least {least}"),
            Self::AtMost(most) => format!("must be at most {most}"),
            Self::Contains(values) => {
                let values: Vec<_> = values.iter().map(|value| serde_json::to_string(value).unwrap_or_default()).collect();
                format!("must have {}", values.join(" and "))
            }
            Self::AtMostOf(other) => format!("must be at most `{}`", other.as_str()),
            Self::Present => "must be there".to_owned(),
            Self::Absent => "must not be there".to_owned(),
        }
    }
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

fn number(node: &Node, yaml: bool) -> Option<i64> {
    match &node.value {
        Value::Number(_) => node.as_integer(),
        Value::Text(_) if yaml => node.as_integer(),
        _ => None,
    }
}

/// Whether a value is this one.
fn is(node: &Node, value: &Json, yaml: bool) -> bool {
    match value {
        Json::Integer(wanted) => number(node, yaml) == Some(*wanted),
        Json::Bool(wanted) => (yaml || matches!(node.value, Value::Bool(_))) && node.as_bool() == Some(*wanted),
        Json::Text(wanted) => node.as_text() == Some(wanted),
        other => node.to_json() == *other,
    }
}

pub(super) fn form(path: &str) -> Result<Form, Unasked> {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("toml") => Ok(Form::Toml),
        Some("json" | "jsonc") => Ok(Form::Jsonc),
        Some("yaml" | "yml") => Ok(Form::Yaml),
        _ => Err(Unasked(format!("`{path}` is neither TOML nor JSON nor YAML by its name"))),
    }
}

const ASKED: &str = r#"{"files":"wrangler.*","each":["","env.*"],"expected":{"limit":60},"values":[{"at":"ratelimits[name=L1].simple.limit","equals":"$limit"},{"at":"vars.PEPPER","absent":true}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the limit is as promised in every environment",
        asked: ASKED,
        seen: r#"{"files":1,"scopes":2,"values":[{"values":2,"wrong":[],"without":[]},{"values":0,"wrong":[],"without":[{"file":"wrangler.toml","line":1,"column":1}]}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one environment has another limit",
        asked: ASKED,
        seen: r#"{"files":1,"scopes":2,"values":[{"values":2,"wrong":[{"file":"wrangler.toml","line":19,"column":30}],"without":[]},{"values":0,"wrong":[],"without":[{"file":"wrangler.toml","line":1,"column":1}]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one environment has no limiter",
        asked: ASKED,
        seen: r#"{"files":1,"scopes":2,"values":[{"values":1,"wrong":[],"without":[{"file":"wrangler.toml","line":12,"column":1}]},{"values":0,"wrong":[],"without":[{"file":"wrangler.toml","line":1,"column":1}]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the pepper is an ordinary variable",
        asked: ASKED,
        seen: r#"{"files":1,"scopes":2,"values":[{"values":2,"wrong":[],"without":[]},{"values":1,"wrong":[{"file":"wrangler.toml","line":8,"column":10}],"without":[{"file":"wrangler.toml","line":12,"column":1}]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a file that must exist does not",
        asked: r#"{"files":".pre-commit-config.yaml","must_exist":true,"values":[{"at":"repos[repo~gitleaks].rev","matches":"^v\\d"}]}"#,
        seen: r#"{"files":0,"scopes":0,"values":[{"values":0,"wrong":[],"without":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no configuration file",
        asked: ASKED,
        seen: r#"{"files":0,"scopes":0,"values":[{"values":0,"wrong":[],"without":[]},{"values":0,"wrong":[],"without":[]}]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(path: &str, text: &str, asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = Scene::of([(path, text)]).with(|world| ConfigValue::gather(world, &asked)).unwrap();
        ConfigValue::judge(&seen, &asked)
    }

    const GOOD: &str = "[[ratelimits]]\nname = \"L1\"\nsimple = { limit = 60, period = 60 }\n\n[env.staging]\n\
                        [[env.staging.ratelimits]]\nname = \"L1\"\nsimple = { limit = 60, period = 60 }\n";

    #[test]
    fn every_environment_is_held_to_the_same_value() {
        assert_eq!(judge("wrangler.toml", GOOD, ASKED).outcome, Outcome::Pass);
        let raised = GOOD.replacen("limit = 60, period = 60 }\n\n", "limit = 600, period = 60 }\n\n", 1);
        let judgement = judge("wrangler.toml", &raised, ASKED);
        assert_eq!(judgement.findings, ["`ratelimits[name=L1].simple.limit` must be 60: wrangler.toml:3:20"]);
        let without = format!("{GOOD}[env.production]\nx = 1\n");
        assert_eq!(judge("wrangler.toml", &without, ASKED).outcome, Outcome::Fail);
        let pepper = format!("{GOOD}[env.staging.vars]\nPEPPER = \"do-not-show\"\n");
        let judgement = judge("wrangler.toml", &pepper, ASKED);
        assert_eq!(judgement.outcome, Outcome::Fail);
        assert!(!judgement.findings.join("").contains("do-not-show"));
    }

    #[test]
    fn what_must_be_among_the_values_is_missed_where_it_is_not() {
        let asked = r#"{"files":"p.json","values":[{"at":"deny[*]","contains":["a","b"]}]}"#;
        assert_eq!(judge("p.json", r#"{"deny":["b","c","a"]}"#, asked).outcome, Outcome::Pass);
        assert_eq!(judge("p.json", r#"{"deny":["b","c"]}"#, asked).outcome, Outcome::Fail);
        assert_eq!(judge("p.json", "{}", asked).outcome, Outcome::Fail);
    }

    #[test]
    fn a_hook_in_a_comment_is_no_hook() {
        let asked = r#"{"files":".pre-commit-config.yaml","must_exist":true,"values":[
            {"at":"repos[repo~gitleaks/gitleaks].rev","matches":"^(v?\\d+\\.\\d+\\.\\d+|[0-9a-f]{40})$"},
            {"at":"repos[repo~gitleaks/gitleaks].hooks[id~^gitleaks].id","present":true}]}"#;
        let hook = "repos:\n  - repo: https://github.com/gitleaks/gitleaks\n    rev: v8.18.0\n    hooks:\n      - id: gitleaks\n";
        assert_eq!(judge(".pre-commit-config.yaml", hook, asked).outcome, Outcome::Pass);
        let floating = hook.replace("v8.18.0", "main");
        assert_eq!(judge(".pre-commit-config.yaml", &floating, asked).outcome, Outcome::Fail);
        let commented = hook
            .replace("  - repo", "  # - repo")
            .replace("    rev", "    # rev")
            .replace("    hooks", "  #")
            .replace("      - id", "  # - id");
        assert_eq!(judge(".pre-commit-config.yaml", &commented, asked).outcome, Outcome::Fail);
    }

    #[test]
    fn what_is_said_more_closely_elsewhere_is_not_asked() {
        let asked = r#"{"files":"c.yaml","values":[
            {"at":"stages[*]","one_of":["commit"],"optional":true,"unless":"hooks[*].stages"}]}"#;
        assert_eq!(judge("c.yaml", "stages: [push]\nhooks: [{ id: a }]\n", asked).outcome, Outcome::Fail);
        assert_eq!(judge("c.yaml", "stages: [push]\nhooks: [{ id: a, stages: [commit] }]\n", asked).outcome, Outcome::Pass);
        assert_eq!(judge("c.yaml", "hooks: [{ id: a }]\n", asked).outcome, Outcome::Pass);
    }

    #[test]
    fn numbers_in_quotes_are_no_numbers_but_in_yaml() {
        let asked = |file: &str| format!(r#"{{"files":"{file}","values":[{{"at":"a","equals":60}}]}}"#);
        assert_eq!(judge("a.json", r#"{"a":"60"}"#, &asked("a.json")).outcome, Outcome::Fail);
        assert_eq!(judge("a.json", "{\"a\":60,} // c", &asked("a.json")).outcome, Outcome::Pass);
        assert_eq!(judge("a.yml", "a: 60", &asked("a.yml")).outcome, Outcome::Pass);
    }

    #[test]
    fn an_assertion_says_one_thing() {
        for values in [
            r#"[{"at":"a"}]"#,
            r#"[{"at":"a","present":true,"absent":true}]"#,
            r#"[{"at":"a","equals":"$limit"}]"#,
            r#"[{"at":"a","absent":false}]"#,
            "[]",
        ] {
            let asked = format!(r#"{{"files":"a","values":{values}}}"#);
            assert!(serde_json::from_str::<Asked>(&asked).is_err(), "{values}");
        }
    }
}

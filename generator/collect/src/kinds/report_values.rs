//! `report.values`: does what a platform said of itself, and when, hold the values that the promise depends on?

use avouch_model::{Json, Span, json::Object, observation::PositiveControl, state::Outcome};
use avouch_read::structured::{parse_jsonc, parse_toml, parse_yaml};
use avouch_repository::Files as _;
use serde::{Deserialize, Serialize};

use super::config_value;
use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parsed::Form,
    reports,
    sources::{FILE_BYTES_MAX, chain, matching},
};

/// See the module.
pub(super) struct ReportValues;

/// Which values of which answers, and how old they may be: the parameters of `config.value`, and `given_within`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Object")]
pub(super) struct Asked {
    given_within: Span,
    values: config_value::Asked,
}

impl TryFrom<Object> for Asked {
    type Error = String;

    fn try_from(mut written: Object) -> Result<Self, String> {
        let given_within = match written.remove("given_within") {
            Some(span) => span.to().map_err(|error| error.to_string())?,
            None => Span::Seconds(30 * 86_400),
        };
        Ok(Self { given_within, values: Json::Object(written).to().map_err(|error| error.to_string())? })
    }
}

/// How the assertions fared, and what is wrong with the dates of the answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    values: config_value::Seen,
    /// Answers that nobody can date, that are too old or of the future: why, a sentence each.
    undated: Vec<String>,
}

impl Question for ReportValues {
    const ID: &'static str = "report.values";
    const QUESTION: &'static str = "Does what a platform said of itself hold the values that the promise depends on?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/report-values.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut seen = Seen { values: config_value::Seen::nothing(&asked.values), undated: vec![] };
        for path in matching(world.folder, asked.values.files())? {
            if path.ends_with(".given") {
                continue;
            }
            let bytes = world
                .folder
                .read(&path, FILE_BYTES_MAX)
                .map_err(|error| Unasked(format!("`{path}` cannot be read: {}", chain(&error))))?
                .ok_or_else(|| Unasked(format!("`{path}` vanished while it was read")))?;
            let parse = match config_value::form(&path)? {
                Form::Toml => parse_toml,
                Form::Yaml => parse_yaml,
                Form::Json | Form::Jsonc => parse_jsonc,
            };
            let document = parse(&path, &bytes, FILE_BYTES_MAX).map_err(|error| Unasked(error.to_string()))?;
            config_value::look(&document, &asked.values, &mut seen.values);
            let given = reports::given(world.folder, &path)?;
            seen.undated.extend(reports::too_old(&path, given, asked.given_within, world.now));
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut judgement = config_value::judge(&seen.values, &asked.values);
        // An answer that is too old, or of no time, shows nothing of today.
        if !seen.undated.is_empty() {
            judgement.findings.extend(seen.undated.iter().cloned());
            judgement.positive_control = PositiveControl::Broken;
        }
        let Judgement { population, positive_control, findings, seen, .. } = judgement;
        Judgement::decide(population, positive_control, findings, seen)
    }
}

const ASKED: &str = r#"{"files":"reports/secrets.json","values":[{"at":"[name=GATEWAY_TOKEN].name","present":true}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the platform lists the secret",
        asked: ASKED,
        seen: r#"{"values":{"files":1,"scopes":1,"values":[{"values":1,"wrong":[],"without":[]}]},"undated":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the platform does not list it",
        asked: ASKED,
        seen: r#"{"values":{"files":1,"scopes":1,"values":[{"values":0,"wrong":[],"without":[{"file":"reports/secrets.json","line":1,"column":1}]}]},"undated":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the answer is of last year",
        asked: ASKED,
        seen: r#"{"values":{"files":1,"scopes":1,"values":[{"values":1,"wrong":[],"without":[]}]},"undated":["`reports/secrets.json` was given on 2025-11-22, more than 30 days ago"]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "nobody asked the platform",
        asked: ASKED,
        seen: r#"{"values":{"files":0,"scopes":0,"values":[{"values":0,"wrong":[],"without":[]}]},"undated":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(files: &[(&str, &str)]) -> Judgement {
        let asked: Asked = serde_json::from_str(ASKED).unwrap();
        let mut scene = Scene { now: "2026-11-22T12:00:00Z".parse().unwrap(), ..Scene::default() };
        scene.folder.extend(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).into())));
        let seen = scene.with(|world| ReportValues::gather(world, &asked)).unwrap();
        ReportValues::judge(&seen, &asked)
    }

    #[test]
    fn an_answer_counts_while_it_is_young() {
        let listed = ("reports/secrets.json", r#"[{ "name": "GATEWAY_TOKEN", "type": "secret_text" }]"#);
        let given = |time: &'static str| ("reports/secrets.json.given", time);
        assert_eq!(judge(&[listed, given("2026-11-20T00:00:00Z")]).outcome, Outcome::Pass);
        assert_eq!(judge(&[listed, given("2026-10-20T00:00:00Z")]).outcome, Outcome::Error);
        assert_eq!(judge(&[listed, given("2027-01-01T00:00:00Z")]).outcome, Outcome::Error);
        assert_eq!(judge(&[listed]).outcome, Outcome::Error);
        assert_eq!(judge(&[("reports/secrets.json", "[]"), given("2026-11-20T00:00:00Z")]).outcome, Outcome::Fail);
        assert_eq!(judge(&[]).outcome, Outcome::NotExercised);
    }

    #[test]
    fn an_unknown_parameter_is_refused() {
        assert!(serde_json::from_str::<Asked>(&ASKED.replace("\"values\"", "\"x\":1,\"values\"")).is_err());
        assert!(serde_json::from_str::<Asked>(&ASKED.replace("\"values\"", "\"given_within\":\"soon\",\"values\"")).is_err());
    }
}

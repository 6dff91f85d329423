//! `log.canary`: do logs hold neither a secret nor what only the audit trail may say?

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern},
    secret::{self, Needle},
    sources::{Place, chain, matching},
};

/// The most bytes of one log; a larger one is an error, never read in part.
const LOG_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// How many places are kept.
const PLACES_MAX: usize = 20;

/// See the module.
pub(super) struct LogCanary;

/// What must not be found, and what must be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Globs,
    secret_env: Option<String>,
    #[serde(default)]
    patterns: Vec<Pattern>,
    control: Pattern,
    #[serde(default = "a_hundred")]
    lines_min: u64,
    /// How many lines of a hundred must be JSON objects.
    #[serde(default)]
    json_percent_min: u64,
}

const fn a_hundred() -> u64 {
    100
}

/// What was read, and where something was found; never what.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    files: u64,
    lines: u64,
    control_lines: u64,
    /// Lines that are JSON objects, where that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json_lines: Option<u64>,
    hits: u64,
    places: Vec<Place>,
}

impl Question for LogCanary {
    const ID: &'static str = "log.canary";
    const QUESTION: &'static str = "Do logs hold neither a secret nor what only the audit trail may say?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/log-canary.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let mut needles = Vec::new();
        if let Some(name) = &asked.secret_env {
            needles.push(Needle::of(name, &secret::value(world, name)?)?);
        }
        for pattern in &asked.patterns {
            needles.push(Needle::matching(pattern.as_str())?);
        }
        if needles.is_empty() {
            return Err(Unasked("give `secret_env` or `patterns`: nothing is looked for".to_owned()));
        }
        let control = Needle::matching(asked.control.as_str())?;
        let mut seen = Seen::default();
        for path in matching(world.folder, &asked.files)? {
            let bytes = avouch_repository::Files::read(world.folder, &path, LOG_BYTES_MAX)
                .map_err(|error| Unasked(format!("`{path}` cannot be read: {}", chain(&error))))?
                .ok_or_else(|| Unasked(format!("`{path}` vanished while it was read")))?;
            seen.files += 1;
            for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                seen.lines += 1;
                seen.control_lines += u64::from(control.is_in(line));
                if asked.json_percent_min > 0 {
                    let object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(line).is_ok();
                    *seen.json_lines.get_or_insert_default() += u64::from(object);
                }
                if needles.iter().any(|needle| needle.is_in(line)) {
                    seen.hits += 1;
                    if seen.places.len() < PLACES_MAX {
                        seen.places.push(Place { file: path.clone(), line: index as u64 + 1, column: 1 });
                    }
                }
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        if seen.hits > 0 {
            let places: Vec<_> = seen.places.iter().take(5).map(ToString::to_string).collect();
            findings.push(format!("{} lines hold it: {}", seen.hits, places.join(", ")));
        }
        // What cannot be read line by line cannot be searched for what its fields say.
        let json = seen.json_lines.unwrap_or_default();
        if json.saturating_mul(100) < seen.lines.saturating_mul(asked.json_percent_min) {
            findings.push(format!("{json} of {} lines are JSON; at least {} of 100 must be", seen.lines, asked.json_percent_min));
        }
        Judgement::decide(
            Population { examined: seen.lines, required: asked.lines_min.max(1) },
            // Without lines there is nothing in which the known line could have been.
            match (seen.lines, seen.control_lines) {
                (0, _) => PositiveControl::NotNeeded,
                (_, 0) => PositiveControl::Broken,
                _ => PositiveControl::Held,
            },
            findings,
            format!(
                "{} lines of {} logs were read, the trace of a known request among them; none holds what must not be there.",
                seen.lines, seen.files
            ),
        )
    }
}

const ASKED: &str = r#"{"files":"logs/*.log","secret_env":"PEPPER","control":"GET /v1/items","lines_min":100}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the known request left its trace and the secret none",
        asked: ASKED,
        seen: r#"{"files":1,"lines":180,"control_lines":12,"hits":0,"places":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one line of ten is no JSON",
        asked: r#"{"files":"logs/*.log","secret_env":"PEPPER","control":"GET /v1/items","lines_min":100,"json_percent_min":99}"#,
        seen: r#"{"files":1,"lines":180,"control_lines":12,"json_lines":162,"hits":0,"places":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the environment was logged",
        asked: ASKED,
        seen: r#"{"files":1,"lines":180,"control_lines":12,"hits":1,"places":[{"file":"logs/a.log","line":3,"column":1}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the log is of another system",
        asked: ASKED,
        seen: r#"{"files":1,"lines":180,"control_lines":0,"hits":0,"places":[]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "a log of a few lines proves nothing",
        asked: ASKED,
        seen: r#"{"files":1,"lines":7,"control_lines":2,"hits":0,"places":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "there is no log",
        asked: ASKED,
        seen: r#"{"files":0,"lines":0,"control_lines":0,"hits":0,"places":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn logs_are_read_where_they_lie_and_a_secret_in_base64_is_found() {
        let mut scene = Scene::default();
        scene.environment.insert("PEPPER".into(), "correct-horse".into());
        let mut judge = |text: &str| {
            scene.folder.insert("logs/a.log".into(), text.into());
            let asked: Asked =
                serde_json::from_str(r#"{"files":"logs/*.log","secret_env":"PEPPER","control":"GET /","lines_min":2}"#).unwrap();
            let seen = scene.with(|world| LogCanary::gather(world, &asked)).unwrap();
            LogCanary::judge(&seen, &asked)
        };
        assert_eq!(judge("GET /a 200\nGET /b 200\n").outcome, Outcome::Pass);
        assert_eq!(judge("GET /a 200\n\n").outcome, Outcome::NotExercised);
        let hit = judge("GET /a 200\n\nenv Y29ycmVjdC1ob3JzZQ==\n");
        assert_eq!(hit.findings, ["1 lines hold it: logs/a.log:3:1"]);
    }
}

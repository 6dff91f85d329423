//! `log.fields`: do log lines say what they belong to?

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_repository::Files as _;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern},
    pipelines::count,
    sources::{Place, chain, matching},
};

/// The most bytes of one log that are read.
const LOG_BYTES_MAX: u64 = 256 << 20;
/// How many places of one field are kept.
const PLACES_MAX: usize = 10;

/// See the module.
pub(super) struct LogFields;

/// Which lines, and what they carry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Globs,
    fields: Vec<Field>,
    /// What some line must match: the trace of a known request.
    control: Pattern,
    /// Lines that match none of these do not count.
    lines: Option<Pattern>,
    #[serde(default = "hundred")]
    lines_min: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    /// Where it stands in a line, as a JSON Pointer.
    at: String,
    /// The form of its text; otherwise any that is not empty.
    matches: Option<Pattern>,
    /// Only lines that match this must carry it.
    #[serde(rename = "where")]
    of: Option<Pattern>,
    /// How many of a hundred lines carry it, at least.
    percent: u64,
}

const fn hundred() -> u64 {
    100
}

/// How many lines carry each field, in the order of the parameters.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    files: u64,
    lines: u64,
    control_lines: u64,
    fields: Vec<FieldSeen>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldSeen {
    lines: u64,
    carrying: u64,
    /// Some lines that lack it.
    without: Vec<Place>,
}

impl Question for LogFields {
    const ID: &'static str = "log.fields";
    const QUESTION: &'static str = "Do log lines say what they belong to?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/log-fields.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.fields.is_empty() || asked.fields.iter().any(|field| field.percent == 0) {
            return Err(Unasked("`fields` is empty, or one has `percent = 0`: nothing is asked".to_owned()));
        }
        let mut seen = Seen { fields: vec![FieldSeen::default(); asked.fields.len()], ..Seen::default() };
        for path in matching(world.folder, &asked.files)? {
            let bytes = world
                .folder
                .read(&path, LOG_BYTES_MAX)
                .map_err(|error| Unasked(format!("`{path}` cannot be read: {}", chain(&error))))?
                .ok_or_else(|| Unasked(format!("`{path}` vanished while it was read")))?;
            seen.files += 1;
            for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
                let line = String::from_utf8_lossy(line);
                if line.trim().is_empty() || asked.lines.as_ref().is_some_and(|lines| !lines.is_match(&line)) {
                    continue;
                }
                seen.lines += 1;
                seen.control_lines += u64::from(asked.control.is_match(&line));
                // A line that is no JSON carries nothing.
                let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                for (field, found) in asked.fields.iter().zip(&mut seen.fields) {
                    if field.of.as_ref().is_some_and(|of| !of.is_match(&line)) {
                        continue;
                    }
                    found.lines += 1;
                    if field.is_in(&json) {
                        found.carrying += 1;
                    } else if found.without.len() < PLACES_MAX {
                        found.without.push(Place { file: path.clone(), line: index as u64 + 1, column: 1 });
                    }
                }
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for (field, found) in asked.fields.iter().zip(&seen.fields) {
            if found.carrying.saturating_mul(100) < found.lines.saturating_mul(field.percent) {
                let places: Vec<_> = found.without.iter().take(5).map(ToString::to_string).collect();
                findings.push(format!(
                    "{} of {} lines carry `{}`, fewer than {} of 100: without it {}",
                    found.carrying,
                    found.lines,
                    field.at,
                    field.percent,
                    places.join(", ")
                ));
            }
        }
        // Lines of which none had to carry a field show nothing of it.
        let empty = seen.fields.iter().any(|found| found.lines == 0) || seen.fields.len() < asked.fields.len();
        let control = match (seen.lines, seen.control_lines) {
            (0, _) => PositiveControl::NotNeeded,
            (_, 0) => PositiveControl::Broken,
            _ => PositiveControl::Held,
        };
        Judgement::decide(
            Population { examined: if empty { 0 } else { seen.lines }, required: asked.lines_min.max(1) },
            control,
            findings,
            format!(
                "{} of {} were read, the trace of a known request among them; they carry what they must.",
                count(seen.lines, "line", "lines"),
                count(seen.files, "log", "logs")
            ),
        )
    }
}

impl Field {
    fn is_in(&self, line: &serde_json::Value) -> bool {
        let text = match line.pointer(&self.at) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Number(number)) => number.to_string(),
            _ => return false,
        };
        self.matches.as_ref().map_or_else(|| !text.trim().is_empty(), |pattern| pattern.is_match(&text))
    }
}

const ASKED: &str = r#"{"files":"logs/*.log","control":"/v1/chat","fields":[{"at":"/requestId","percent":95},{"at":"/tenant","where":"\"status\":200","percent":95}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "nearly every line says what it belongs to",
        asked: ASKED,
        seen: r#"{"files":1,"lines":200,"control_lines":12,"fields":[{"lines":200,"carrying":199,"without":[{"file":"logs/a.log","line":1,"column":1}]},{"lines":120,"carrying":120,"without":[]}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "half of the lines have no request",
        asked: ASKED,
        seen: r#"{"files":1,"lines":200,"control_lines":12,"fields":[{"lines":200,"carrying":100,"without":[{"file":"logs/a.log","line":1,"column":1}]},{"lines":120,"carrying":120,"without":[]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the log is of another system",
        asked: ASKED,
        seen: r#"{"files":1,"lines":200,"control_lines":0,"fields":[{"lines":200,"carrying":200,"without":[]},{"lines":120,"carrying":120,"without":[]}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "no line is of a tenant",
        asked: ASKED,
        seen: r#"{"files":1,"lines":200,"control_lines":12,"fields":[{"lines":200,"carrying":200,"without":[]},{"lines":0,"carrying":0,"without":[]}]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "there is no log",
        asked: ASKED,
        seen: r#"{"files":0,"lines":0,"control_lines":0,"fields":[{"lines":0,"carrying":0,"without":[]},{"lines":0,"carrying":0,"without":[]}]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn lines_are_counted_field_by_field() {
        let asked = r#"{"files":"logs/*","control":"chat","lines_min":2,"fields":[{"at":"/id","matches":"^r-","percent":100},{"at":"/tenant","where":"\"ok\":true","percent":50}]}"#;
        let judge = |text: &str| {
            let asked: Asked = serde_json::from_str(asked).unwrap();
            let mut scene = Scene::default();
            scene.folder.insert("logs/a.log".into(), text.into());
            let seen = scene.with(|world| LogFields::gather(world, &asked)).unwrap();
            LogFields::judge(&seen, &asked)
        };
        let good = "{\"id\":\"r-1\",\"at\":\"chat\",\"ok\":true,\"tenant\":\"a\"}\n{\"id\":\"r-2\",\"ok\":true}\n\n";
        assert_eq!(judge(good).outcome, Outcome::Pass, "{:?}", judge(good).findings);
        assert_eq!(
            judge(&good.replace("r-2", "2")).findings,
            ["1 of 2 lines carry `/id`, fewer than 100 of 100: without it logs/a.log:2:1"]
        );
        assert_eq!(judge(&good.replace("tenant", "other")).outcome, Outcome::Fail);
        assert_eq!(judge(&format!("{good}started\n")).outcome, Outcome::Fail);
    }
}

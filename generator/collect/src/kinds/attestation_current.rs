//! `attestation.current`: is there a signed statement in date whose figures hold?

use std::collections::BTreeMap;

use avouch_model::{
    Json, Span, Timestamp,
    decision::Decision,
    json::Object,
    observation::{Population, PositiveControl},
    state::Outcome,
    time::Day,
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Pattern, one},
};

/// See the module.
pub(super) struct AttestationCurrent;

/// What is asked of the statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    attestation: String,
    #[serde(default)]
    require: Vec<String>,
    #[serde(default)]
    at_most: BTreeMap<String, i64>,
    #[serde(default)]
    at_least: BTreeMap<String, i64>,
    #[serde(default)]
    equals: Object,
    #[serde(default)]
    one_of: BTreeMap<String, Vec<Json>>,
    #[serde(default)]
    forbid: Vec<Pattern>,
    population: Option<String>,
    #[serde(default = "one")]
    population_min: u64,
    recorded_within: Option<Span>,
}

/// The last statement of that name on record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    now: Timestamp,
    statement: Option<Statement>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    recorded: Timestamp,
    expires: Day,
    figures: Object,
    /// Its text says what must not be stated; the text itself is not kept.
    #[serde(default)]
    forbidden: bool,
}

impl Question for AttestationCurrent {
    const ID: &'static str = "attestation.current";
    const QUESTION: &'static str = "Is there a signed statement in date whose figures hold?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/attestation-current.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        // The last one on record counts: a newer statement replaces an older one, for better or worse.
        let statement =
            world.decisions.iter().filter(|(recorded, _)| *recorded <= world.now).rev().find_map(|(recorded, decision)| {
                match decision {
                    Decision::Attestation { id, statement, figures, expires, .. } if *id == asked.attestation => {
                        Some(Statement {
                            recorded: *recorded,
                            expires: *expires,
                            figures: figures.clone(),
                            forbidden: asked.forbid.iter().any(|pattern| pattern.is_match(statement)),
                        })
                    }
                    _ => None,
                }
            });
        Ok(Seen { now: world.now, statement })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let required = asked.population_min.max(1);
        let Some(statement) = &seen.statement else {
            let nothing = Population { examined: 0, required };
            return Judgement::decide(nothing, PositiveControl::NotNeeded, vec![], "");
        };
        let mut findings = Vec::new();
        if seen.now > statement.expires.end() {
            findings.push(format!("the statement counted through {}; have a new one signed", statement.expires));
        }
        if let Some(within) = asked.recorded_within
            && within.after(statement.recorded) < seen.now
        {
            findings.push(format!("the statement was recorded on {}, longer ago than {within}", statement.recorded.day()));
        }
        if statement.forbidden {
            findings.push("the text of the statement says what must not be stated".to_owned());
        }
        findings.extend(figures(&statement.figures, asked));
        let examined = match &asked.population {
            None => required,
            Some(name) => match statement.figures.get(name).and_then(Json::as_integer) {
                Some(count) => u64::try_from(count).unwrap_or(0),
                None => {
                    findings.push(format!("the figure `{name}`, which counts the cases, is not stated as a whole number"));
                    0
                }
            },
        };
        Judgement::decide(
            Population { examined, required },
            PositiveControl::NotNeeded,
            findings,
            format!(
                "A signed statement recorded on {} counts through {} and its figures hold.",
                statement.recorded.day(),
                statement.expires
            ),
        )
    }
}

/// What is wrong with the figures.
fn figures(stated: &Object, asked: &Asked) -> Vec<String> {
    let mut findings = Vec::new();
    for name in &asked.require {
        if !stated.contains_key(name) {
            findings.push(format!("the figure `{name}` is not stated"));
        }
    }
    let bounds = [(&asked.at_most, "at most", i64::le as fn(&i64, &i64) -> bool), (&asked.at_least, "at least", i64::ge)];
    for (limits, words, holds) in bounds {
        for (name, limit) in limits {
            match stated.get(name).map(|value| (value, value.as_integer())) {
                None => findings.push(format!("the figure `{name}` is not stated; {words} {limit} is promised")),
                Some((_, None)) => findings.push(format!("the figure `{name}` is not a whole number")),
                Some((_, Some(number))) if !holds(&number, limit) => {
                    findings.push(format!("`{name}` is {number}; {words} {limit} is promised"));
                }
                Some(_) => {}
            }
        }
    }
    for (name, value) in &asked.equals {
        match stated.get(name) {
            None => findings.push(format!("the figure `{name}` is not stated")),
            Some(other) if other != value => findings.push(format!("the figure `{name}` is another than was promised")),
            Some(_) => {}
        }
    }
    for (name, values) in &asked.one_of {
        match stated.get(name) {
            None => findings.push(format!("the figure `{name}` is not stated")),
            Some(other) if !values.contains(other) => findings.push(format!("the figure `{name}` is none of those promised")),
            Some(_) => {}
        }
    }
    for (name, value) in stated {
        if let Some(text) = value.as_text()
            && asked.forbid.iter().any(|pattern| pattern.is_match(text))
        {
            // Not what it says: it may be the very thing that must not be written down.
            findings.push(format!("the figure `{name}` states what must not be stated"));
        }
    }
    findings
}

const ASKED: &str = r#"{"attestation":"case-register","at_most":{"triage_hours_max":48},"population":"cases"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "every case was triaged in time",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:00Z","statement":{"recorded":"2026-11-01T09:00:00Z","expires":"2027-05-01","figures":{"cases":7,"triage_hours_max":48}}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a statement counts through its last day",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T23:59:59Z","statement":{"recorded":"2026-11-01T09:00:00Z","expires":"2026-11-21","figures":{"cases":7,"triage_hours_max":12}}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one case took an hour longer than promised",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:00Z","statement":{"recorded":"2026-11-01T09:00:00Z","expires":"2027-05-01","figures":{"cases":7,"triage_hours_max":49}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the statement expired yesterday",
        asked: ASKED,
        seen: r#"{"now":"2026-11-22T00:00:00Z","statement":{"recorded":"2026-05-01T09:00:00Z","expires":"2026-11-21","figures":{"cases":7,"triage_hours_max":12}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the statement is too old, whatever it says of itself",
        asked: r#"{"attestation":"case-register","recorded_within":"180 days"}"#,
        seen: r#"{"now":"2026-11-21T03:00:00Z","statement":{"recorded":"2026-05-01T09:00:00Z","expires":"2036-05-01","figures":{}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the promised figure is not stated",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:00Z","statement":{"recorded":"2026-11-01T09:00:00Z","expires":"2027-05-01","figures":{"cases":7}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the safe place is one of those promised",
        asked: r#"{"attestation":"custody","one_of":{"place":["password manager","physical safe"]},"forbid":["[A-Za-z0-9+/]{43}"]}"#,
        seen: r#"{"now":"2026-11-21T03:00:00Z","statement":{"recorded":"2026-11-01T09:00:00Z","expires":"2027-05-01","figures":{"place":"physical safe"}}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the place is another one",
        asked: r#"{"attestation":"custody","one_of":{"place":["password manager","physical safe"]},"forbid":["[A-Za-z0-9+/]{43}"]}"#,
        seen: r#"{"now":"2026-11-21T03:00:00Z","statement":{"recorded":"2026-11-01T09:00:00Z","expires":"2027-05-01","figures":{"place":"desk drawer"}}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "what must not be stated is stated",
        asked: r#"{"attestation":"custody","forbid":["[A-Za-z0-9+/]{43}"]}"#,
        seen: r#"{"now":"2026-11-21T03:00:00Z","statement":{"recorded":"2026-11-01T09:00:00Z","expires":"2027-05-01","figures":{},"forbidden":true}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a register without a case proves nothing",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:00Z","statement":{"recorded":"2026-11-01T09:00:00Z","expires":"2027-05-01","figures":{"cases":0,"triage_hours_max":0}}}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "nobody has signed a statement",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:00Z","statement":null}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn the_last_statement_on_record_counts_and_one_of_the_future_does_not() {
        let stated = |hours| Decision::Attestation {
            id: "case-register".into(),
            statement: String::new(),
            figures: Object::from([("triage_hours_max".into(), Json::Integer(hours))]),
            by: "security".into(),
            expires: "2027-05-01".parse().unwrap(),
        };
        let mut scene = Scene::default();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        scene.decisions = vec![
            (at("2026-10-01T00:00:00Z"), stated(10)),
            (at("2026-11-01T00:00:00Z"), stated(50)),
            (at("2026-12-01T00:00:00Z"), stated(20)),
        ];
        let asked: Asked = serde_json::from_str(r#"{"attestation":"case-register","at_most":{"triage_hours_max":48}}"#).unwrap();
        let judge = |scene: &Scene| {
            let seen = scene.with(|world| AttestationCurrent::gather(world, &asked)).unwrap();
            AttestationCurrent::judge(&seen, &asked).outcome
        };
        assert_eq!(judge(&scene), Outcome::Fail);
        scene.decisions.remove(1);
        assert_eq!(judge(&scene), Outcome::Pass);
    }
}

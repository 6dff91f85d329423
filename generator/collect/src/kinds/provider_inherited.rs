//! `provider.inherited`: is the provider's promise on record, and in date?

use avouch_model::{
    Span, Timestamp,
    decision::Decision,
    observation::{Population, PositiveControl},
    state::Outcome,
    time::Day,
};
use serde::{Deserialize, Serialize};

use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module. Its id is [`avouch_model::catalogue::PROVIDER_INHERITED`]: its pass is shown as inherited.
pub(super) struct ProviderInherited;

/// Which promise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    provider: String,
    #[serde(default = "a_year")]
    retrieved_within: Span,
}

const fn a_year() -> Span {
    Span::Months(12)
}

/// The last record of that promise.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    now: Timestamp,
    promise: Option<Promise>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Promise {
    provider: String,
    source: String,
    retrieved: Day,
    expires: Day,
}

impl Question for ProviderInherited {
    const ID: &'static str = avouch_model::catalogue::PROVIDER_INHERITED;
    const QUESTION: &'static str = "Is the provider's promise on record, and in date?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/provider-inherited.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let promise =
            world.decisions.iter().filter(|(recorded, _)| *recorded <= world.now).rev().find_map(
                |(_, decision)| match decision {
                    Decision::Provider { id, provider, source, retrieved, expires, .. } if *id == asked.provider => {
                        Some(Promise {
                            provider: provider.clone(),
                            source: source.clone(),
                            retrieved: *retrieved,
                            expires: *expires,
                        })
                    }
                    _ => None,
                },
            );
        Ok(Seen { now: world.now, promise })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let population = Population { examined: u64::from(seen.promise.is_some()), required: 1 };
        let Some(promise) = &seen.promise else {
            return Judgement::decide(population, PositiveControl::NotNeeded, vec![], "");
        };
        let mut findings = Vec::new();
        if seen.now > promise.expires.end() {
            findings.push(format!("the record of the promise counted through {}", promise.expires));
        }
        if promise.retrieved.start() > seen.now {
            findings.push(format!("the promise was read on {}, which is in the future", promise.retrieved));
        } else if asked.retrieved_within.after(promise.retrieved.end()) < seen.now {
            findings.push(format!(
                "the promise was last read on {}, longer ago than {}; read it again",
                promise.retrieved, asked.retrieved_within
            ));
        }
        Judgement::decide(
            population,
            PositiveControl::NotNeeded,
            findings,
            format!(
                "The provider's promise, read on {}, is on record through {}; it was not verified.",
                promise.retrieved, promise.expires
            ),
        )
    }
}

const ASKED: &str = r#"{"provider":"d1-at-rest"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the promise was read this year and is in date",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:00Z","promise":{"provider":"Provider","source":"https://example.com/security","retrieved":"2026-06-01","expires":"2027-06-01"}}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the record expired",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:00Z","promise":{"provider":"Provider","source":"https://example.com/security","retrieved":"2026-06-01","expires":"2026-11-20"}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the promise was read too long ago, whatever its record says",
        asked: r#"{"provider":"d1-at-rest","retrieved_within":"90 days"}"#,
        seen: r#"{"now":"2026-11-21T03:00:00Z","promise":{"provider":"Provider","source":"https://example.com/security","retrieved":"2026-06-01","expires":"2030-01-01"}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the promise was read in the future",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:00Z","promise":{"provider":"Provider","source":"https://example.com/security","retrieved":"2026-12-01","expires":"2030-01-01"}}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nothing is on record",
        asked: ASKED,
        seen: r#"{"now":"2026-11-21T03:00:00Z","promise":null}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use avouch_model::Digest;

    use super::*;
    use crate::testing::Scene;

    #[test]
    fn another_promise_is_not_this_one() {
        let decisions = vec![(
            "2026-10-01T00:00:00Z".parse().unwrap(),
            Decision::Provider {
                id: "d1-in-transit".into(),
                provider: "Provider".into(),
                statement: String::new(),
                source: String::new(),
                retrieved: "2026-10-01".parse().unwrap(),
                digest: Digest::of(b""),
                by: "security".into(),
                expires: "2027-10-01".parse().unwrap(),
            },
        )];
        let scene = Scene { decisions, ..Scene::default() };
        let ask = |provider: &str| {
            let asked: Asked = serde_json::from_str(&format!(r#"{{"provider":"{provider}"}}"#)).unwrap();
            let seen = scene.with(|world| ProviderInherited::gather(world, &asked)).unwrap();
            ProviderInherited::judge(&seen, &asked).outcome
        };
        assert_eq!(ask("d1-in-transit"), Outcome::Pass);
        assert_eq!(ask("d1-at-rest"), Outcome::NotExercised);
    }
}

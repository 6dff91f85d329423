//! `mapping.coverage`: is every requirement of the standard addressed, or declared a gap or not applicable?

use avouch_model::{
    Timestamp,
    catalogue::{Catalogue, Strength},
    decision::Decision,
    observation::{Population, PositiveControl},
    state::Outcome,
};
use serde::{Deserialize, Serialize};

use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct MappingCoverage;

/// Which standard.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    standard: String,
}

/// The requirements, in the order of the standard.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    requirements: Vec<Addressed>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Addressed {
    requirement: String,
    /// Controls of the requirement with at least one promise that a check decides.
    checked: Vec<String>,
    /// Controls of the requirement that no check decides.
    unchecked: Vec<String>,
    /// The decision in force.
    decision: Option<Decided>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Decided {
    Gap,
    NotApplicable,
}

impl Question for MappingCoverage {
    const ID: &'static str = "mapping.coverage";
    const QUESTION: &'static str = "Is every requirement of the standard addressed, or declared a gap or not applicable?";
    const VANTAGE: Vantage = Vantage::Time;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/mapping-coverage.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let standard = world
            .catalogue
            .standards
            .iter()
            .find(|standard| standard.id == asked.standard)
            .ok_or_else(|| Unasked(format!("the mapping has no standard `{}`", asked.standard)))?;
        let requirements = standard
            .requirements
            .iter()
            .map(|requirement| addressed(world.catalogue, world.decisions, world.now, &requirement.id))
            .collect();
        Ok(Seen { requirements })
    }

    fn judge(seen: &Seen, _: &Asked) -> Judgement {
        let findings = seen
            .requirements
            .iter()
            .filter(|one| one.checked.is_empty() && one.decision.is_none())
            .map(|one| {
                if one.unchecked.is_empty() {
                    format!("no control addresses {}, and no gap or not-applicable decision is in force", one.requirement)
                } else {
                    format!(
                        "no check decides any promise of the controls of {} ({}), and no decision is in force",
                        one.requirement,
                        one.unchecked.join(", ")
                    )
                }
            })
            .collect();
        let decided = |what| seen.requirements.iter().filter(|one| one.decision == Some(what)).count();
        let checked = seen.requirements.iter().filter(|one| !one.checked.is_empty()).count();
        Judgement::decide(
            Population { examined: seen.requirements.len() as u64, required: 1 },
            PositiveControl::NotNeeded,
            findings,
            format!(
                "Of {} requirements, {checked} have a control with a check; {} are declared gaps and {} not applicable.",
                seen.requirements.len(),
                decided(Decided::Gap),
                decided(Decided::NotApplicable)
            ),
        )
    }
}

fn addressed(catalogue: &Catalogue, decisions: &[(Timestamp, Decision)], now: Timestamp, requirement: &str) -> Addressed {
    let is_checked = |control: &str| {
        catalogue.claims_of(control).any(|claim| {
            // What is only allowed or planned addresses nothing.
            !matches!(claim.strength, Strength::Permits | Strength::Planned)
                && claim.deciding().next().is_some()
                && (claim.requirements.is_empty() || claim.requirements.iter().any(|one| one == requirement))
        })
    };
    let (checked, unchecked) = catalogue
        .controls
        .iter()
        .filter(|control| control.satisfies.iter().any(|one| one.requirement == requirement))
        .map(|control| control.id.clone())
        .partition(|control| is_checked(control));
    let decision = decisions
        .iter()
        .filter(|(recorded, decision)| *recorded <= now && now <= decision.last_day().end() && decision.subject() == requirement)
        .rev()
        .find_map(|(_, decision)| match decision {
            Decision::Gap { .. } => Some(Decided::Gap),
            Decision::NotApplicable { .. } => Some(Decided::NotApplicable),
            _ => None,
        });
    Addressed { requirement: requirement.to_owned(), checked, unchecked, decision }
}

const ASKED: &str = r#"{"standard":"owasp-api-2023"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "one requirement has a checked control, the other is a declared gap",
        asked: ASKED,
        seen: r#"{"requirements":[{"requirement":"API1:2023","checked":["tenancy"],"unchecked":[],"decision":null},{"requirement":"API7:2023","checked":[],"unchecked":[],"decision":"gap"}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "nothing addresses a requirement",
        asked: ASKED,
        seen: r#"{"requirements":[{"requirement":"API1:2023","checked":["tenancy"],"unchecked":[],"decision":null},{"requirement":"API7:2023","checked":[],"unchecked":[],"decision":null}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a control without a check is only a sentence",
        asked: ASKED,
        seen: r#"{"requirements":[{"requirement":"API7:2023","checked":[],"unchecked":["egress"],"decision":null}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a standard without requirements covers nothing",
        asked: ASKED,
        seen: r#"{"requirements":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use avouch_model::catalogue::{Claim, Control, Localised, Relation, Requirement, Satisfies, Standard};

    use super::*;
    use crate::testing::Scene;

    fn scene(strength: Strength, checks: &[&str]) -> Scene {
        let mut scene = Scene::default();
        scene.catalogue.standards = vec![Standard {
            id: "s".into(),
            title: String::new(),
            version: String::new(),
            url: String::new(),
            notice: String::new(),
            requirements: vec![Requirement {
                id: "R1".into(),
                title: Localised::default(),
                asks: Localised::default(),
                cwes: vec![],
                url: String::new(),
            }],
        }];
        scene.catalogue.controls = vec![Control {
            id: "c".into(),
            title: Localised::default(),
            statement: Localised::default(),
            satisfies: vec![Satisfies { requirement: "R1".into(), relation: Relation::SubsetOf }],
        }];
        scene.catalogue.claims = vec![Claim {
            id: "X-1".into(),
            control: "c".into(),
            strength,
            statement: Localised::default(),
            requirements: vec![],
            checks: checks.iter().map(|check| (*check).to_owned()).collect(),
            any_of: vec![],
            untested: None,
        }];
        scene
    }

    fn judge(scene: &Scene) -> Outcome {
        let asked = Asked { standard: "s".into() };
        let seen = scene.with(|world| MappingCoverage::gather(world, &asked)).unwrap();
        MappingCoverage::judge(&seen, &asked).outcome
    }

    #[test]
    fn only_a_checked_promise_covers() {
        assert_eq!(judge(&scene(Strength::Must, &["k"])), Outcome::Pass);
        assert_eq!(judge(&scene(Strength::Must, &[])), Outcome::Fail);
        assert_eq!(judge(&scene(Strength::Planned, &["k"])), Outcome::Fail);
        assert_eq!(judge(&scene(Strength::Permits, &["k"])), Outcome::Fail);
    }

    #[test]
    fn a_gap_counts_until_it_is_due() {
        let mut scene = scene(Strength::Must, &[]);
        let gap = |due: &str| Decision::Gap {
            requirement: "R1".into(),
            reason: String::new(),
            owner: "security".into(),
            due: due.parse().unwrap(),
        };
        scene.decisions = vec![("2026-10-01T00:00:00Z".parse().unwrap(), gap("2026-11-21"))];
        assert_eq!(judge(&scene), Outcome::Pass);
        scene.decisions = vec![("2026-10-01T00:00:00Z".parse().unwrap(), gap("2026-11-20"))];
        assert_eq!(judge(&scene), Outcome::Fail);
    }
}

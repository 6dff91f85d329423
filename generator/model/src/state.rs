//! How checks, claims, controls and requirements stand: always computed, never typed.

use serde::{Deserialize, Serialize};

/// What a judge said of a transcript; stored, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What is promised was seen.
    Pass,
    /// The opposite was seen.
    Fail,
    /// The question could not be asked: unreachable, unreadable, the positive control broke.
    Error,
    /// The question was asked of nothing: too small a population.
    NotExercised,
}

/// How a check, a claim or a control stands at an as-of time.
///
/// The order of the variants is the order of precedence: a control stands as its worst check, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A fresh observation failed.
    Fail,
    /// The last attempt ended in an error.
    Error,
    /// Nothing was observed yet, the population was too small, or other numbers than the claim's were tested.
    NoData,
    /// The last observation is too old, or belongs to another release.
    Stale,
    /// A slot is not filled, a number is missing, or no check of this kind is built yet.
    NotConfigured,
    /// A failure under a waiver in force: passes the gate, satisfies nothing.
    Waived,
    /// A provider's promise on record and in date; alone it satisfies nothing.
    Inherited,
    /// Promised for later; never a pass.
    Planned,
    /// A fresh observation passed.
    Pass,
    /// Declared not applicable, with a reason, signed, with a date of review.
    NotApplicable,
}

impl State {
    /// All states, worst first.
    pub const ALL: [Self; 10] = [
        Self::Fail,
        Self::Error,
        Self::NoData,
        Self::Stale,
        Self::NotConfigured,
        Self::Waived,
        Self::Inherited,
        Self::Planned,
        Self::Pass,
        Self::NotApplicable,
    ];

    /// The name in machine output, such as `not_configured`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Error => "error",
            Self::NoData => "no_data",
            Self::Stale => "stale",
            Self::NotConfigured => "not_configured",
            Self::Waived => "waived",
            Self::Inherited => "inherited",
            Self::Planned => "planned",
            Self::Pass => "pass",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// The worst of these states; parts that are not applicable count only when there is nothing else.
    pub fn worst(states: impl IntoIterator<Item = Self>) -> Option<Self> {
        states.into_iter().min()
    }
}

/// How a requirement of a standard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A control that addresses it failed.
    NotSatisfied,
    /// No control failed, and not every applicable control passed.
    Undetermined,
    /// No control addresses it.
    Gap,
    /// Every applicable control passed, and there is at least one.
    Satisfied,
    /// Declared not applicable, with a reason.
    NotApplicable,
}

/// What the gate says of an assessment, in the order of the exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that the gate requires passed or is waived: exit code 0.
    Satisfied,
    /// Something that the gate requires failed: exit code 1.
    NotSatisfied,
    /// Nothing failed, but something that the gate requires could not be told: exit code 3.
    CouldNotTell,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_stands_as_its_worst_check() {
        assert_eq!(State::worst([State::Pass, State::Inherited, State::Error, State::Waived]), Some(State::Error));
        assert_eq!(State::worst([State::NotApplicable, State::Pass]), Some(State::Pass));
        assert_eq!(State::worst([]), None);
    }

    #[test]
    fn the_list_of_states_is_complete_and_in_order() {
        assert!(State::ALL.is_sorted());
        assert_eq!(State::ALL.len(), 1 + State::NotApplicable as usize);
    }
}

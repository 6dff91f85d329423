//! The scope of a run: what it judges by.

use anyhow::Context as _;
use avouch_model::{configuration::Configuration, payload::Scope, product::RetentionRule, receipt::Promise};
use avouch_read::mapping::Resolved;

use crate::project::Project;

/// The scope of this project as it is configured now.
pub(crate) fn scope(project: &Project, resolved: &Resolved) -> Scope {
    let configuration = &project.configuration;
    Scope {
        v: 1,
        program: program(),
        configuration: configuration.digest,
        mapping: project.mapping,
        product: configuration.product.clone(),
        catalogue: project.catalogue.clone(),
        unfilled: resolved.unfilled.clone(),
        retention: configuration.retention.iter().map(|rule| promise(rule, configuration)).collect(),
        gate: configuration.gate.clone(),
        gate_terms: configuration.gate_terms.clone(),
        disclosure: configuration.disclosure.clone(),
        run_gap_seconds: configuration.schedule.run_gap.map(avouch_model::Span::seconds_min),
    }
}

/// What a rule promises: the lag is what is configured, otherwise the longest gap in the schedule.
pub(crate) fn promise(rule: &RetentionRule, configuration: &Configuration) -> Promise {
    avouch_retain::promise(rule, &configuration.schedule)
}

/// The program's name and version.
pub(crate) fn program() -> String {
    format!("avouch {}", env!("CARGO_PKG_VERSION"))
}

/// What the slots of the checks are filled with, given the decisions that are in the record or signed beside it.
pub(crate) fn resolve(project: &Project, decisions: &[avouch_model::decision::Decision]) -> Resolved {
    let present = decisions.iter().map(|decision| decision.subject().to_owned()).collect();
    avouch_read::mapping::resolve(&project.catalogue, &project.configuration, &present)
}

/// The canonical bytes of a payload.
pub(crate) fn canonical<T: serde::Serialize>(what: &str, payload: &T) -> anyhow::Result<Vec<u8>> {
    avouch_model::canonical::to_bytes(payload).with_context(|| format!("the {what} cannot be written canonically"))
}

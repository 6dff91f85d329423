//! The kinds, one file each. This is the list of all of them.

use crate::Kind;

mod attestation_current;
mod config_value;
mod database_canary;
mod database_column_everywhere;
mod database_query;
mod database_schema;
mod document_consistency;
mod file_content;
mod file_ignored;
mod http_body_cap;
mod http_call;
mod http_cors;
mod http_form;
mod http_rate_limit;
#[cfg(test)]
mod http_testing;
mod http_timing_floor;
mod http_uniform_failures;
mod log_canary;
mod mapping_coverage;
mod provider_inherited;
mod retention_coverage;
mod retention_not_early;
mod retention_receipt;

/// Every kind, by id in order.
pub const ALL: &[Kind] = &[
    Kind::of::<attestation_current::AttestationCurrent>(),
    Kind::of::<config_value::ConfigValue>(),
    Kind::of::<database_canary::DatabaseCanary>(),
    Kind::of::<database_column_everywhere::DatabaseColumnEverywhere>(),
    Kind::of::<database_query::DatabaseQuery>(),
    Kind::of::<database_schema::DatabaseSchema>(),
    Kind::of::<document_consistency::DocumentConsistency>(),
    Kind::of::<file_content::FileContent>(),
    Kind::of::<file_ignored::FileIgnored>(),
    Kind::of::<http_body_cap::BodyCap>(),
    Kind::of::<http_cors::Cors>(),
    Kind::of::<http_rate_limit::RateLimit>(),
    Kind::of::<http_timing_floor::TimingFloor>(),
    Kind::of::<http_uniform_failures::UniformFailures>(),
    Kind::of::<log_canary::LogCanary>(),
    Kind::of::<mapping_coverage::MappingCoverage>(),
    Kind::of::<provider_inherited::ProviderInherited>(),
    Kind::of::<retention_coverage::RetentionCoverage>(),
    Kind::of::<retention_not_early::RetentionNotEarly>(),
    Kind::of::<retention_receipt::RetentionReceipt>(),
];

/// The kind of this id.
pub fn find(id: &str) -> Option<&'static Kind> {
    ALL.iter().find(|kind| kind.id == id)
}

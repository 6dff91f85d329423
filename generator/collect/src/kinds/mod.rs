//! The kinds, one file each. This is the list of all of them.

use crate::Kind;

mod advisory_audit;
mod agent_permissions;
mod agent_rules;
mod attestation_current;
mod config_bindings;
mod config_environments;
mod config_value;
mod database_canary;
mod database_column_everywhere;
mod database_columns;
mod database_query;
mod database_schema;
mod database_values;
mod dependency_bots;
mod dependency_lockfile;
mod dependency_steps;
mod dependency_updates;
mod dependency_versions;
mod document_consistency;
mod document_metadata;
mod file_content;
mod file_ignored;
mod file_owners;
mod forge_protection;
mod hook_steps;
mod http_access_matrix;
mod http_answers;
mod http_audited_failures;
mod http_body_cap;
mod http_body_schema;
mod http_call;
mod http_cors;
mod http_counted_calls;
mod http_figure;
mod http_form;
mod http_header;
mod http_identity_source;
mod http_inventory;
mod http_issued_values;
mod http_mass_assignment;
mod http_plain_text;
mod http_rate_limit;
mod http_rate_window;
mod http_refusals;
mod http_reserved_tokens;
mod http_security_txt;
mod http_ssrf;
mod http_status;
mod http_stored_canary;
mod http_tenant_isolation;
#[cfg(test)]
mod http_testing;
mod http_timing;
mod http_timing_equality;
mod http_timing_floor;
mod http_uniform_failures;
mod log_canary;
mod log_fields;
mod mapping_coverage;
mod provider_inherited;
mod register_fields;
mod register_records;
mod report_findings;
mod report_scorecard;
mod report_tests;
mod report_values;
mod retention_coverage;
mod retention_not_early;
mod retention_receipt;
mod sbom_release;
mod secrets_history;
mod secrets_report;
mod secrets_tree;
mod source_calls;
mod source_commands;
mod source_comparison;
mod tls_minimum_version;
mod typed_files;
mod websocket_messages;
mod workflow_audit_gate;
mod workflow_audit_tools;
mod workflow_credentials;
mod workflow_duties;
mod workflow_gates;
mod workflow_injection;
mod workflow_permissions;
mod workflow_pinned;
mod workflow_steps;
mod workflow_triggers;

/// Every kind, by id in order.
pub const ALL: &[Kind] = &[
    Kind::of::<advisory_audit::AdvisoryAudit>(),
    Kind::of::<agent_permissions::AgentPermissions>(),
    Kind::of::<attestation_current::AttestationCurrent>(),
    Kind::of::<config_bindings::ConfigBindings>(),
    Kind::of::<config_environments::ConfigEnvironments>(),
    Kind::of::<config_value::ConfigValue>(),
    Kind::of::<database_canary::DatabaseCanary>(),
    Kind::of::<database_column_everywhere::DatabaseColumnEverywhere>(),
    Kind::of::<database_columns::DatabaseColumns>(),
    Kind::of::<database_query::DatabaseQuery>(),
    Kind::of::<database_schema::DatabaseSchema>(),
    Kind::of::<database_values::DatabaseValues>(),
    Kind::of::<dependency_lockfile::DependencyLockfile>(),
    Kind::of::<dependency_steps::DependencySteps>(),
    Kind::of::<dependency_updates::DependencyUpdates>(),
    Kind::of::<dependency_versions::DependencyVersions>(),
    Kind::of::<document_consistency::DocumentConsistency>(),
    Kind::of::<document_metadata::DocumentMetadata>(),
    Kind::of::<file_content::FileContent>(),
    Kind::of::<file_ignored::FileIgnored>(),
    Kind::of::<file_owners::FileOwners>(),
    Kind::of::<forge_protection::ForgeProtection>(),
    Kind::of::<hook_steps::HookSteps>(),
    Kind::of::<http_access_matrix::AccessMatrix>(),
    Kind::of::<http_answers::Answers>(),
    Kind::of::<http_audited_failures::AuditedFailures>(),
    Kind::of::<http_body_cap::BodyCap>(),
    Kind::of::<http_body_schema::BodySchema>(),
    Kind::of::<http_cors::Cors>(),
    Kind::of::<http_counted_calls::CountedCalls>(),
    Kind::of::<http_header::Header>(),
    Kind::of::<http_identity_source::IdentitySource>(),
    Kind::of::<http_inventory::Inventory>(),
    Kind::of::<http_issued_values::IssuedValues>(),
    Kind::of::<http_mass_assignment::MassAssignment>(),
    Kind::of::<http_plain_text::PlainText>(),
    Kind::of::<http_rate_limit::RateLimit>(),
    Kind::of::<http_rate_window::RateWindow>(),
    Kind::of::<http_refusals::Refusals>(),
    Kind::of::<http_reserved_tokens::ReservedTokens>(),
    Kind::of::<http_security_txt::SecurityTxt>(),
    Kind::of::<http_ssrf::Ssrf>(),
    Kind::of::<http_status::Status>(),
    Kind::of::<http_stored_canary::StoredCanary>(),
    Kind::of::<http_tenant_isolation::TenantIsolation>(),
    Kind::of::<http_timing_equality::TimingEquality>(),
    Kind::of::<http_timing_floor::TimingFloor>(),
    Kind::of::<http_uniform_failures::UniformFailures>(),
    Kind::of::<log_canary::LogCanary>(),
    Kind::of::<log_fields::LogFields>(),
    Kind::of::<mapping_coverage::MappingCoverage>(),
    Kind::of::<provider_inherited::ProviderInherited>(),
    Kind::of::<register_records::RegisterRecords>(),
    Kind::of::<report_findings::ReportFindings>(),
    Kind::of::<report_scorecard::ReportScorecard>(),
    Kind::of::<report_tests::ReportTests>(),
    Kind::of::<report_values::ReportValues>(),
    Kind::of::<retention_coverage::RetentionCoverage>(),
    Kind::of::<retention_not_early::RetentionNotEarly>(),
    Kind::of::<retention_receipt::RetentionReceipt>(),
    Kind::of::<sbom_release::SbomRelease>(),
    Kind::of::<secrets_history::SecretsHistory>(),
    Kind::of::<secrets_report::SecretsReportKind>(),
    Kind::of::<secrets_tree::SecretsTree>(),
    Kind::of::<source_calls::SourceCalls>(),
    Kind::of::<source_commands::SourceCommands>(),
    Kind::of::<source_comparison::SourceComparison>(),
    Kind::of::<tls_minimum_version::MinimumVersion>(),
    Kind::of::<websocket_messages::Messages>(),
    Kind::of::<workflow_audit_gate::WorkflowAuditGate>(),
    Kind::of::<workflow_credentials::WorkflowCredentials>(),
    Kind::of::<workflow_duties::WorkflowDuties>(),
    Kind::of::<workflow_gates::WorkflowGates>(),
    Kind::of::<workflow_injection::WorkflowInjection>(),
    Kind::of::<workflow_permissions::WorkflowPermissions>(),
    Kind::of::<workflow_pinned::WorkflowPinned>(),
    Kind::of::<workflow_steps::WorkflowSteps>(),
    Kind::of::<workflow_triggers::WorkflowTriggers>(),
];

/// The kind of this id.
pub fn find(id: &str) -> Option<&'static Kind> {
    ALL.iter().find(|kind| kind.id == id)
}

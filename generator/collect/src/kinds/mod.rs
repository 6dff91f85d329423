//! The kinds, one file each. This is the list of all of them.

use crate::Kind;

mod attestation_current;
mod file_content;
mod file_ignored;
mod mapping_coverage;
mod provider_inherited;
mod retention_not_early;
mod retention_receipt;

/// Every kind, by id in order.
pub const ALL: &[Kind] = &[
    Kind::of::<attestation_current::AttestationCurrent>(),
    Kind::of::<file_content::FileContent>(),
    Kind::of::<file_ignored::FileIgnored>(),
    Kind::of::<mapping_coverage::MappingCoverage>(),
    Kind::of::<provider_inherited::ProviderInherited>(),
    Kind::of::<retention_not_early::RetentionNotEarly>(),
    Kind::of::<retention_receipt::RetentionReceipt>(),
];

/// The kind of this id.
pub fn find(id: &str) -> Option<&'static Kind> {
    ALL.iter().find(|kind| kind.id == id)
}

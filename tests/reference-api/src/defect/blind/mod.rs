//! Further defects of claims, written by somebody who knew the claim and the product and had not read the check.

mod material;
mod service;

use super::Entry;

/// Those of the service first, each in the order of the claims.
pub(super) fn table() -> impl Iterator<Item = &'static Entry> {
    service::TABLE.iter().chain(material::TABLE)
}

//! The kinds, one file each. This is the list of all of them.

use crate::Kind;

/// Every kind, by id in order.
pub const ALL: &[Kind] = &[];

/// The kind of this id.
pub fn find(id: &str) -> Option<&'static Kind> {
    ALL.iter().find(|kind| kind.id == id)
}

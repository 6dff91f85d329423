//! One file a sort of page: what it says, in the order that a reader needs it.

pub(crate) mod control;
pub(crate) mod decisions;
pub(crate) mod disclosure;
pub(crate) mod evidence;
pub(crate) mod kinds;
pub(crate) mod log;
pub(crate) mod overview;
pub(crate) mod payload;
pub(crate) mod releases;
pub(crate) mod requirement;
pub(crate) mod retention;
pub(crate) mod threats;
pub(crate) mod trials;
pub(crate) mod verify;

//! Databases: a face that reads (`Read`) and a face that purges (`Purge`).

/// The face that reads: SELECT only.
pub trait Read: Send {}

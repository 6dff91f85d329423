//! generator/read

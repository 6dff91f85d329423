//! generator/record

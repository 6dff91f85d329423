//! generator/evaluate

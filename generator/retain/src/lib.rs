//! generator/retain

//! generator/log

//! generator/render

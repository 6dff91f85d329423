//! generator/sbom

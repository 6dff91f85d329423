//! Secrets in bytes.

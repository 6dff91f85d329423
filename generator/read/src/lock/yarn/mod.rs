//! `yarn.lock`: that of Yarn 1, which has a syntax of its own, and that of Yarn 2 and later, which is YAML.

use std::sync::Arc;

use avouch_model::diagnostic::Source;

use super::Lockfile;
use crate::structured::Unreadable;

mod berry;
mod classic;
mod locator;

pub(super) use berry::with_protocol;

/// The version that is told for a `yarn.lock` of Yarn 1, which states none in a key.
pub(super) const CLASSIC: &str = "1";

pub(super) fn parse(source: Arc<Source>) -> Result<Lockfile, Unreadable> {
    // Yarn 2 and later begin with `__metadata`, a key at the start of a line; Yarn 1 knows no such package.
    let is_berry = source.text.lines().any(|line| line.starts_with("__metadata:"));
    if is_berry { berry::parse(source) } else { classic::parse(&source) }
}

//! `yarn.lock`: that of Yarn 1, which has a syntax of its own, and that of Yarn 2 and later, which is YAML.

use super::Lockfile;
use crate::structured::Unreadable;

mod berry;
mod classic;
mod locator;

pub(super) use berry::with_protocol;

/// The version that is told for a `yarn.lock` of Yarn 1, which states none in a key.
pub(super) const CLASSIC: &str = "1";

pub(super) fn parse(path: &str, bytes: &[u8]) -> Result<Lockfile, Unreadable> {
    // Yarn 2 and later begin with `__metadata`, a key at the start of a line; Yarn 1 knows no such package.
    let is_berry = bytes
        .split(|byte| *byte == b'\n')
        .any(|line| line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).starts_with(b"__metadata:"));
    if is_berry { berry::parse(path, bytes) } else { classic::parse(path, bytes) }
}

//! Texts of a tree by glob, and places in them.

use avouch_model::diagnostic::Source;
use avouch_repository::Files;
use serde::{Deserialize, Serialize};

use crate::{Unasked, World, parameters::Globs};

/// The most bytes of one file that is read; a larger one is an error, never skipped.
pub(crate) const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The most files that one question reads.
const FILES_MAX: usize = 20_000;

/// A place in a text; all numbers count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The path in the tree.
    pub(crate) file: String,
    /// The line.
    pub(crate) line: u64,
    /// The column, in characters.
    pub(crate) column: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// The place of a byte offset.
pub(crate) fn place(source: &Source, offset: usize) -> Place {
    let (line, column) = source.position(offset);
    Place { file: source.path.clone(), line: line as u64, column: column as u64 }
}

/// The paths of all files of a tree, in order.
pub(crate) fn listed(tree: &dyn Files) -> Result<Vec<String>, Unasked> {
    tree.paths().map_err(|error| Unasked(format!("the files cannot be listed: {}", chain(&error))))
}

/// Those of some paths that globs mean.
pub(crate) fn meant(paths: &[String], wanted: &Globs, unwanted: &Globs) -> Result<Vec<String>, Unasked> {
    let meant: Vec<String> = paths.iter().filter(|path| wanted.matches(path) && !unwanted.matches(path)).cloned().collect();
    if meant.len() > FILES_MAX {
        return Err(Unasked(format!(
            "{} files match {}; at most {FILES_MAX} are read: narrow the globs",
            meant.len(),
            wanted.shown()
        )));
    }
    Ok(meant)
}

/// The paths in the folder as it lies there that globs mean, in order. Those of the release's tree: [`World::matching`].
pub(crate) fn matching(folder: &dyn Files, wanted: &Globs) -> Result<Vec<String>, Unasked> {
    meant(&listed(folder)?, wanted, &Globs::default())
}

/// The bytes of a file; none when it is not there.
pub(crate) fn bytes(tree: &dyn Files, path: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, Unasked> {
    tree.read(path, bytes_max).map_err(|error| Unasked(format!("`{path}` cannot be read: {}", chain(&error))))
}

/// The texts of the files of the release's tree that globs mean, in order of their paths; bytes that are not UTF-8 are replaced.
pub(crate) fn texts(world: &World<'_>, wanted: &Globs, unwanted: &Globs) -> Result<Vec<Source>, Unasked> {
    let mut sources = Vec::new();
    for path in world.matching(wanted, unwanted)? {
        let bytes =
            bytes(world.tree, &path, FILE_BYTES_MAX)?.ok_or_else(|| Unasked(format!("`{path}` vanished while it was read")))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        sources.push(Source { path, text });
    }
    Ok(sources)
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

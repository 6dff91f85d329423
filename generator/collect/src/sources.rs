//! Texts of a tree by glob, and places in them.

use avouch_model::diagnostic::Source;
use avouch_repository::Files;
use serde::{Deserialize, Serialize};

use crate::{Unasked, parameters::Globs};

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

/// The paths of a tree that globs mean, in order.
pub(crate) fn matching(tree: &dyn Files, wanted: &Globs, unwanted: &Globs) -> Result<Vec<String>, Unasked> {
    let listed = tree.list().map_err(|error| Unasked(format!("the files cannot be listed: {}", chain(&error))))?;
    let paths: Vec<String> =
        listed.into_iter().map(|entry| entry.path).filter(|path| wanted.matches(path) && !unwanted.matches(path)).collect();
    if paths.len() > FILES_MAX {
        return Err(Unasked(format!(
            "{} files match {}; at most {FILES_MAX} are read: narrow the globs",
            paths.len(),
            wanted.shown()
        )));
    }
    Ok(paths)
}

/// The bytes of a file; none when it is not there.
pub(crate) fn bytes(tree: &dyn Files, path: &str) -> Result<Option<Vec<u8>>, Unasked> {
    tree.read(path, FILE_BYTES_MAX).map_err(|error| Unasked(format!("`{path}` cannot be read: {}", chain(&error))))
}

/// The texts of the files that globs mean, in order of their paths; bytes that are not UTF-8 are replaced.
pub(crate) fn texts(tree: &dyn Files, wanted: &Globs, unwanted: &Globs) -> Result<Vec<Source>, Unasked> {
    let mut sources = Vec::new();
    for path in matching(tree, wanted, unwanted)? {
        let bytes = bytes(tree, &path)?.ok_or_else(|| Unasked(format!("`{path}` vanished while it was read")))?;
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

//! What somebody wrote wrongly, where, and the way out.

use std::{ops::Range, sync::Arc};

/// A text that was read from somewhere, for showing mistakes in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as the user knows it.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// The line and column (both from 1, columns in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing was done.
    Error,
    /// Done, and worth knowing.
    Warning,
}

/// One mistake in a text, with its place and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How grave it is.
    pub level: Level,
    /// A stable code, `unknown-key`; `avouch explain CODE` tells more.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// The text it stands in.
    pub source: Arc<Source>,
    /// The bytes it is about.
    pub span: Range<usize>,
    /// What those bytes are.
    pub label: String,
    /// The way out.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, source: &Arc<Source>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            code,
            message: message.into(),
            source: Arc::clone(source),
            span,
            label: String::new(),
            help: None,
        }
    }

    /// With a label at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `path:line:column: message`, for places where one line is all there is.
    pub fn line(&self) -> String {
        let (line, column) = self.source.position(self.span.start);
        format!("{}:{line}:{column}: {}", self.source.path, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_characters() {
        let source = Source { path: "a".into(), text: "é = 1\nüx = 2\n".into() };
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position("é = 1\nü".len()), (2, 2));
        assert_eq!(source.position(1), (1, 1));
        assert_eq!(source.position(9_999), (3, 1));
    }
}

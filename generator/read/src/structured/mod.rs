//! TOML, YAML, JSON and JSON with comments as one tree of values that knows where each stands.
//!
//! What strangers wrote is bounded: in bytes by the caller, in depth and number of nodes here. A key that appears twice is
//! refused in every format, since readers differ about which one counts.

use std::{borrow::Cow, ops::Range, sync::Arc};

use avouch_model::{
    Json,
    diagnostic::{Diagnostic, Source},
    json::{INTEGER_MAX, Object},
};

mod json;
mod toml;
mod yaml;

#[cfg(test)]
mod tests;

pub(crate) use json::parse_source as parse_json_source;
pub use json::{DEPTH_MAX as JSON_DEPTH_MAX, NODES_MAX as JSON_NODES_MAX, parse_json, parse_jsonc};
pub(crate) use toml::parse_packages as parse_toml_packages;
pub use toml::{VALUES_MAX as TOML_VALUES_MAX, parse_toml};
pub use yaml::{DEPTH_MAX as YAML_DEPTH_MAX, NODES_MAX as YAML_NODES_MAX, parse_yaml, parse_yaml_documents};
pub(crate) use yaml::{parse_sources as parse_yaml_sources, parse_yarn as parse_yaml_of_yarn};

/// A text that was read, and the tree of its values.
#[derive(Clone, Debug)]
pub struct Document {
    /// The text, without a byte order mark. Spans are of this text.
    pub source: Arc<Source>,
    /// The whole value.
    pub root: Node,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// The bytes of the text that it was read from; those of the alias, for what a YAML alias stands for.
    pub span: Range<usize>,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`; in YAML also `~` and nothing at all.
    Null,
    /// `true` or `false`. YAML gives text instead: whether `NO` is a truth is for who knows the format to say.
    Bool(bool),
    /// A number as it was written (TOML: without underscores and in base ten). YAML gives text instead.
    Number(String),
    /// A string; in YAML every scalar; in TOML dates and times too.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// Keys and values.
    Table(Table),
}

/// Keys and values, in the order of the text. Keys are unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    entries: Vec<Entry>,
    /// The places of the entries, by key; empty where they stand in that order already, as in most lockfiles.
    sorted: Box<[u32]>,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node,
}

/// The text cannot be read: what is wrong with it, where, and the way out.
#[derive(Debug, thiserror::Error)]
#[error("{}{}", .0.line(), .0.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
pub struct Unreadable(pub Box<Diagnostic>);

impl Unreadable {
    /// A mistake at a place.
    pub fn at(source: &Arc<Source>, code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self(Box::new(Diagnostic::error(code, source, span, message)))
    }

    /// With the way out.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self(Box::new(self.0.help(help)))
    }

    /// The line and column, both from 1.
    pub fn position(&self) -> (usize, usize) {
        self.0.source.position(self.0.span.start)
    }
}

impl Document {
    /// The line and column (both from 1) where a value stands.
    pub fn position(&self, node: &Node) -> (usize, usize) {
        self.source.position(node.span.start)
    }

    /// `path:line:column` of a value.
    pub fn place(&self, node: &Node) -> String {
        let (line, column) = self.position(node);
        format!("{}:{line}:{column}", self.source.path)
    }
}

impl Node {
    /// The text of a string.
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// A truth: `true` or `false`, also where YAML gives these words as text.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Bool(truth) => Some(*truth),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A whole number, also where YAML gives its digits as text.
    pub fn as_integer(&self) -> Option<i64> {
        match &self.value {
            Value::Number(text) | Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// What is written: the text of a string, the digits of a number, `true` or `false`.
    pub fn as_written(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// The items of a sequence.
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Value::List(items) = &self.value { Some(items) } else { None }
    }

    /// The keys and values.
    pub const fn as_table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_table()?.get(key)
    }

    /// The value at a JSON Pointer (RFC 6901); the empty pointer is the whole value.
    pub fn pointer(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |node, token| {
            let token = token.replace("~1", "/").replace("~0", "~");
            match &node.value {
                Value::Table(table) => table.get(&token),
                Value::List(items) => items.get(token.parse::<usize>().ok()?),
                _ => None,
            }
        })
    }

    /// What kind of value it is, in a word.
    pub const fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// The value as it would be recorded: fractions and numbers beyond ±(2^53 − 1) become text.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(truth) => Json::Bool(*truth),
            Value::Number(text) => match text.parse::<i64>() {
                Ok(number) if number.unsigned_abs() <= INTEGER_MAX.unsigned_abs() => Json::Integer(number),
                _ => Json::Text(text.clone()),
            },
            Value::Text(text) => Json::Text(text.clone()),
            Value::List(items) => Json::List(items.iter().map(Self::to_json).collect()),
            Value::Table(table) => {
                let member = |entry: &Entry| (entry.key.clone(), entry.value.to_json());
                Json::Object(table.entries().iter().map(member).collect::<Object>())
            }
        }
    }
}

impl Table {
    /// The keys and values, in the order of the text.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        Some(&self.find(key)?.value)
    }

    /// Takes a key out with its value.
    pub(crate) fn take(&mut self, key: &str) -> Option<Node> {
        let at = self.place(key)?;
        let gone = u32::try_from(at).unwrap_or(u32::MAX);
        let moved = |place: &u32| if *place > gone { *place - 1 } else { *place };
        self.sorted = self.sorted.iter().filter(|place| **place != gone).map(moved).collect();
        Some(self.entries.remove(at).value)
    }

    fn find(&self, key: &str) -> Option<&Entry> {
        self.entries.get(self.place(key)?)
    }

    /// Where a key stands among the entries.
    fn place(&self, key: &str) -> Option<usize> {
        if self.sorted.is_empty() {
            return self.entries.binary_search_by(|entry| entry.key.as_str().cmp(key)).ok();
        }
        let found = self.sorted.binary_search_by(|at| self.key(*at).cmp(key)).ok()?;
        self.sorted.get(found).map(|place| *place as usize)
    }

    fn key(&self, at: u32) -> &str {
        self.entries.get(at as usize).map_or("", |entry| &entry.key)
    }

    /// A table of these entries.
    ///
    /// # Errors
    /// When a key appears twice; the place of the first is in the message, that of the second is the error's own.
    fn of(source: &Arc<Source>, entries: Vec<Entry>) -> Result<Self, Unreadable> {
        let ascending = entries.windows(2).all(|pair| matches!(pair, [left, right] if left.key < right.key));
        if ascending {
            return Ok(Self { entries, sorted: Box::default() });
        }
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let mut table = Self { sorted: (0..count).collect(), entries };
        let mut sorted = std::mem::take(&mut table.sorted);
        sorted.sort_by(|left, right| table.key(*left).cmp(table.key(*right)));
        // The sort is stable: of two equal keys the earlier one is on the left.
        for pair in sorted.windows(2) {
            if let [left, right] = pair
                && let (Some(first), Some(second)) = (table.entries.get(*left as usize), table.entries.get(*right as usize))
                && first.key == second.key
            {
                let (line, column) = source.position(first.key_span.start);
                let message = format!("the key `{}` appears twice; the first is at {line}:{column}", shown(&first.key));
                return Err(Unreadable::at(source, "duplicate-key", second.key_span.clone(), message)
                    .help("remove one of the two: readers differ about which one counts"));
            }
        }
        table.sorted = sorted;
        Ok(table)
    }
}

/// A text as a message may hold it: control characters as escapes, and no longer than a line.
pub(crate) fn shown(text: &str) -> String {
    shown_within(text, 120)
}

/// The same with another bound, in characters.
pub(crate) fn shown_within(text: &str, characters_max: usize) -> String {
    let mut shown = String::new();
    for character in text.chars().take(characters_max) {
        if character.is_control() || is_invisible(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(characters_max).is_some() {
        shown.push('…');
    }
    shown
}

/// Characters that change how the text around them is shown (Unicode, bidirectional controls and invisible ones).
pub(crate) const fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A source without text, for a mistake that is about the path.
pub(crate) fn empty_source(path: &str) -> Arc<Source> {
    lossy_source(path, &[])
}

/// A source of bytes that may not be a text.
pub(crate) fn lossy_source(path: &str, bytes: &[u8]) -> Arc<Source> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Arc::new(Source { path: path.to_owned(), text })
}

/// The bytes as a text, for formats that have their own reader. Bytes that nobody else needs become the text.
pub(crate) fn text_source(path: &str, bytes: Cow<'_, [u8]>, bytes_max: u64) -> Result<Arc<Source>, Unreadable> {
    let of = |text: String| Arc::new(Source { path: path.to_owned(), text });
    if bytes.len() as u64 > bytes_max {
        let message = format!("the file has {} bytes, more than the {bytes_max} that are read", bytes.len());
        return Err(Unreadable::at(&of(String::new()), "too-large", 0..0, message));
    }
    match String::from_utf8(bytes.into_owned()) {
        Ok(mut text) => {
            if text.starts_with('\u{feff}') {
                text.drain(..'\u{feff}'.len_utf8());
            }
            Ok(of(text))
        }
        Err(error) => {
            let end = error.utf8_error().valid_up_to();
            let readable = String::from_utf8_lossy(error.as_bytes().get(..end).unwrap_or_default()).into_owned();
            Err(Unreadable::at(&of(readable), "not-utf8", end..end, "the bytes from here on are not UTF-8")
                .help("save the file as UTF-8"))
        }
    }
}

/// The same of bytes that somebody else keeps.
fn source(path: &str, bytes: &[u8], bytes_max: u64) -> Result<Arc<Source>, Unreadable> {
    text_source(path, Cow::Borrowed(bytes), bytes_max)
}

//! JSON, and JSON with comments and trailing commas.
//!
//! One pass from the text to the tree, without a tree of another library in between: what a stranger wrote is bounded in
//! depth and number of values while it is read, not afterwards.

use std::{ops::Range, sync::Arc};

use avouch_model::diagnostic::Source;

use super::{Document, Entry, Node, Table, Unreadable, Value, source};

/// How deep values may be nested.
pub const DEPTH_MAX: usize = 128;
/// How many values a document may hold unless its reader says otherwise.
pub const NODES_MAX: usize = 16_000_000;

/// Reads JSON (RFC 8259) strictly; values may be nested [`DEPTH_MAX`] deep.
///
/// # Errors
/// When the bytes are too many or not UTF-8, the text is no JSON, holds more than [`NODES_MAX`] values, or a key appears
/// twice.
pub fn parse_json(path: &str, bytes: &[u8], bytes_max: u64) -> Result<Document, Unreadable> {
    tree(source(path, bytes, bytes_max)?, false, NODES_MAX)
}

/// Reads JSON in which comments and trailing commas are allowed, as in `tsconfig.json` and `wrangler.jsonc`, and nothing
/// else is that JSON forbids.
///
/// # Errors
/// As [`parse_json`].
pub fn parse_jsonc(path: &str, bytes: &[u8], bytes_max: u64) -> Result<Document, Unreadable> {
    tree(source(path, bytes, bytes_max)?, true, NODES_MAX)
}

/// As [`parse_json`] or, where `lax`, [`parse_jsonc`], of a text, with at most so many values.
pub(crate) fn parse_source(source: Arc<Source>, lax: bool, nodes_max: usize) -> Result<Document, Unreadable> {
    tree(source, lax, nodes_max)
}

fn tree(source: Arc<Source>, lax: bool, nodes_max: usize) -> Result<Document, Unreadable> {
    let root = {
        let mut reader = Reader { source: &source, bytes: source.text.as_bytes(), at: 0, lax, nodes: 0, nodes_max };
        reader.blank()?;
        if reader.at == reader.bytes.len() {
            return Err(reader.wrong(reader.at, "the text holds no value"));
        }
        let root = reader.value(0)?;
        reader.blank()?;
        if reader.at < reader.bytes.len() {
            return Err(reader.wrong(reader.at, "text after the value"));
        }
        root
    };
    Ok(Document { source, root })
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    bytes: &'a [u8],
    at: usize,
    lax: bool,
    nodes: usize,
    nodes_max: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Node, Unreadable> {
        let start = self.at;
        self.nodes += 1;
        if self.nodes > self.nodes_max {
            let message = format!("with this the document holds more than {} values", self.nodes_max);
            return Err(Unreadable::at(self.source, "too-many-values", start..start, message));
        }
        if depth >= DEPTH_MAX && matches!(self.peek(), Some(b'[' | b'{')) {
            let message = format!("values are nested more than {DEPTH_MAX} deep");
            return Err(Unreadable::at(self.source, "too-deep", start..start, message));
        }
        let value = match self.peek() {
            Some(b'{') => self.table(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.text()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(_) => return Err(self.wrong(start, "a value was expected")),
            None => return Err(self.wrong(start, "the text ends where a value was expected")),
        };
        Ok(Node { value, span: start..self.at })
    }

    fn table(&mut self, depth: usize) -> Result<Value, Unreadable> {
        let mut entries = Vec::new();
        self.at += 1;
        self.blank()?;
        while self.peek() != Some(b'}') {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.wrong(start, "a key in double quotes or `}` was expected"));
            }
            let key = self.text()?;
            let key_span = start..self.at;
            self.blank()?;
            self.take(b':', "`:` was expected after a key")?;
            self.blank()?;
            let value = self.value(depth + 1)?;
            entries.push(Entry { key, key_span, value });
            self.separator(b'}', "`,` or `}` was expected after a value")?;
        }
        self.at += 1;
        entries.shrink_to_fit();
        Ok(Value::Table(Table::of(self.source, entries)?))
    }

    fn list(&mut self, depth: usize) -> Result<Value, Unreadable> {
        let mut items = Vec::new();
        self.at += 1;
        self.blank()?;
        while self.peek() != Some(b']') {
            items.push(self.value(depth + 1)?);
            self.separator(b']', "`,` or `]` was expected after a value")?;
        }
        self.at += 1;
        items.shrink_to_fit();
        Ok(Value::List(items))
    }

    /// After a value: its end, or a comma and what follows it.
    fn separator(&mut self, close: u8, expected: &str) -> Result<(), Unreadable> {
        self.blank()?;
        match self.peek() {
            Some(byte) if byte == close => Ok(()),
            Some(b',') => {
                let comma = self.at;
                self.at += 1;
                self.blank()?;
                if !self.lax && self.peek() == Some(close) {
                    return Err(self.wrong(comma, "a comma after the last value"));
                }
                Ok(())
            }
            _ => Err(self.wrong(self.at, expected)),
        }
    }

    /// A string (RFC 8259, section 7).
    fn text(&mut self) -> Result<String, Unreadable> {
        let open = self.at;
        self.at += 1;
        let mut text = String::new();
        let mut plain = self.at;
        loop {
            match self.peek() {
                None => return Err(self.wrong(open, "this string does not end")),
                Some(b'"') => {
                    text.push_str(self.slice(plain..self.at));
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    text.push_str(self.slice(plain..self.at));
                    text.push(self.escape()?);
                    plain = self.at;
                }
                Some(0..=0x1f) => return Err(self.wrong(self.at, "a control character within a string")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, Unreadable> {
        let start = self.at;
        self.at += 2;
        Ok(match self.bytes.get(start + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.unit(start)?;
                let pair = (0xd800..0xdc00).contains(&first) && self.bytes.get(self.at..self.at + 2) == Some(b"\\u");
                let code = if pair {
                    self.at += 2;
                    let second = self.unit(start)?;
                    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
                    low.map(|low| 0x10000 + ((first - 0xd800) << 10) + low)
                } else {
                    Some(first)
                };
                let character = code.and_then(char::from_u32);
                character.ok_or_else(|| self.wrong(start, "half of a surrogate pair stands alone"))?
            }
            _ => return Err(self.wrong(start, "an escape that JSON does not have")),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self, start: usize) -> Result<u32, Unreadable> {
        let digits = self.source.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        unit.ok_or_else(|| self.wrong(start, "`\\u` needs four hexadecimal digits"))
    }

    /// A number (RFC 8259, section 6), as it is written.
    fn number(&mut self) -> Result<Value, Unreadable> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1
        } else {
            self.digits()?
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_')) {
            return Err(self.wrong(self.at, "this is no number"));
        }
        Ok(Value::Number(self.slice(start..self.at).to_owned()))
    }

    fn digits(&mut self) -> Result<(), Unreadable> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.wrong(start, "a digit was expected")) } else { Ok(()) }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Unreadable> {
        let end = self.at + word.len();
        let whole = !self.bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
        if self.bytes.get(self.at..end) != Some(word.as_bytes()) || !whole {
            return Err(self.wrong(self.at, "a value was expected"));
        }
        self.at = end;
        Ok(value)
    }

    /// Passes over white space and, where they are allowed, comments.
    fn blank(&mut self) -> Result<(), Unreadable> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'/') if self.lax => self.comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn comment(&mut self) -> Result<(), Unreadable> {
        let start = self.at;
        let rest = self.source.text.get(start..).unwrap_or_default();
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            let body = rest.get(2..).unwrap_or_default();
            2 + body.find("*/").ok_or_else(|| self.wrong(start, "this comment does not end"))? + 2
        } else {
            return Err(self.wrong(start, "a value was expected"));
        };
        self.at = start + end;
        Ok(())
    }

    fn take(&mut self, byte: u8, expected: &str) -> Result<(), Unreadable> {
        if self.peek() != Some(byte) {
            return Err(self.wrong(self.at, expected));
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// A part of the text; it begins and ends beside ASCII, so it is never between the bytes of a character.
    fn slice(&self, range: Range<usize>) -> &str {
        self.source.text.get(range).unwrap_or_default()
    }

    fn wrong(&self, at: usize, message: &str) -> Unreadable {
        Unreadable::at(self.source, "json-syntax", at..at, format!("this is not JSON: {message}"))
    }
}

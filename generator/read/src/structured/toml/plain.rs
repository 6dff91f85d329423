//! The TOML that tools write into lockfiles: keys without dots, texts in double quotes, whole numbers, lists, tables in one
//! line, and sections that follow the one they belong to. One pass, straight to the tree.
//!
//! Whatever else TOML has is not for this reader to judge: it gives nothing, and the whole reader says what it is. What it
//! does give is what the whole reader gives, places included; a property test holds them against each other.

use std::{borrow::Cow, collections::BTreeSet, ops::Range};

use super::{Part, Table, Value};
use crate::structured::{Entry, Node};

/// How deep lists and tables may lie within each other here.
const DEPTH_MAX: usize = 16;

/// The entries of a part of a text; none where it holds anything that is not read here, or too many values.
pub(super) fn entries(part: &Part<'_>) -> Option<Vec<Entry>> {
    let mut reader = Reader { part, bytes: part.text.as_bytes(), at: 0 };
    let mut open = vec![Section::default()];
    loop {
        reader.blank()?;
        match reader.peek() {
            None => break,
            Some(b'[') => {
                let (path, section) = reader.header()?;
                // A section of another one stands below it; what was opened beneath is closed.
                while open.len() > path.len() + 1 {
                    close(part, &mut open)?;
                }
                let above = open.iter().skip(1).map(|section| section.key.as_str());
                if !above.eq(path.iter().map(Cow::as_ref)) {
                    return None;
                }
                open.push(section);
            }
            Some(_) => {
                let entry = reader.entry(0)?;
                reader.end_of_line()?;
                open.last_mut()?.entries.push(entry);
            }
        }
    }
    while open.len() > 1 {
        close(part, &mut open)?;
    }
    let entries = open.pop()?.entries;
    // Twice the same key is an error; below the root `close` finds it.
    let mut keys = BTreeSet::new();
    entries.iter().all(|entry| keys.insert(&entry.key)).then_some(())?;
    Some(entries)
}

/// A section whose end was not met yet.
#[derive(Default)]
struct Section {
    key: String,
    key_span: Range<usize>,
    span: Range<usize>,
    /// Whether it is one of several, `[[key]]`.
    listed: bool,
    entries: Vec<Entry>,
    /// Where the last list of sections stands among the entries.
    list: Option<usize>,
}

/// Puts the last section into the one above it. A key that is there already is found when that one is closed.
fn close(part: &Part<'_>, open: &mut Vec<Section>) -> Option<()> {
    let Section { key, key_span, span, listed, mut entries, .. } = open.pop()?;
    part.take_one()?;
    entries.shrink_to_fit();
    let table = Node { value: Value::Table(Table::of(part.source, entries).ok()?), span: span.clone() };
    let above = open.last_mut()?;
    if !listed {
        above.entries.push(Entry { key, key_span, value: table });
        return Some(());
    }
    let list = above.list.and_then(|at| above.entries.get_mut(at)).filter(|list| list.key == key);
    if let Some(Entry { value: Node { value: Value::List(sections), .. }, .. }) = list {
        sections.push(table);
        return Some(());
    }
    part.take_one()?;
    above.list = Some(above.entries.len());
    above.entries.push(Entry { key, key_span, value: Node { value: Value::List(vec![table]), span } });
    Some(())
}

struct Reader<'a> {
    part: &'a Part<'a>,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// `[a.b]` or `[[a.b]]` and the end of the line: the keys before the last, and a section of the last.
    fn header(&mut self) -> Option<(Vec<Cow<'a, str>>, Section)> {
        let start = self.at;
        let listed = self.bytes.get(start + 1) == Some(&b'[');
        self.at += if listed { 2 } else { 1 };
        let mut path = Vec::new();
        loop {
            self.space();
            let (key, key_span) = self.key()?;
            self.space();
            if self.peek()? == b'.' {
                self.at += 1;
                path.push(key);
                continue;
            }
            self.take(b']')?;
            if listed {
                self.take(b']')?;
            }
            let span = self.span(start);
            self.end_of_line()?;
            return Some((path, Section { key: key.into_owned(), key_span, span, listed, ..Section::default() }));
        }
    }

    /// `key = value`.
    fn entry(&mut self, depth: usize) -> Option<Entry> {
        let (key, key_span) = self.key()?;
        self.space();
        self.take(b'=')?;
        self.space();
        Some(Entry { key: key.into_owned(), key_span, value: self.value(depth)? })
    }

    fn key(&mut self) -> Option<(Cow<'a, str>, Range<usize>)> {
        let start = self.at;
        if self.peek()? == b'"' {
            let key = self.text()?;
            return Some((key, self.span(start)));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            self.at += 1;
        }
        let key = self.part.text.get(start..self.at).filter(|key| !key.is_empty())?;
        Some((Cow::Borrowed(key), self.span(start)))
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.part.take_one()?;
        let start = self.at;
        let value = match self.peek()? {
            b'"' => Value::Text(self.text()?.into_owned()),
            b'[' => self.list(depth)?,
            b'{' => self.table(depth)?,
            b'0'..=b'9' => self.number()?,
            b't' => self.word("true", true)?,
            b'f' => self.word("false", false)?,
            _ => return None,
        };
        Some(Node { value, span: self.span(start) })
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.blank()?;
            if self.peek()? == b']' {
                break;
            }
            items.push(self.value(depth + 1)?);
            self.blank()?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return None,
            }
        }
        self.at += 1;
        items.shrink_to_fit();
        Some(Value::List(items))
    }

    /// A table in one line.
    fn table(&mut self, depth: usize) -> Option<Value> {
        let mut entries = Vec::new();
        self.at += 1;
        self.space();
        if self.peek()? != b'}' {
            loop {
                self.space();
                entries.push(self.entry(depth + 1)?);
                self.space();
                match self.peek()? {
                    b',' => self.at += 1,
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        self.at += 1;
        entries.shrink_to_fit();
        Some(Value::Table(Table::of(self.part.source, entries).ok()?))
    }

    /// A text in double quotes, in one line, with the escapes that tools write.
    fn text(&mut self) -> Option<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        let mut plain = start;
        let mut text = String::new();
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    text.push_str(self.part.text.get(plain..self.at)?);
                    text.push(match self.bytes.get(self.at + 1)? {
                        b'"' => '"',
                        b'\\' => '\\',
                        b'n' => '\n',
                        b't' => '\t',
                        _ => return None,
                    });
                    self.at += 2;
                    plain = self.at;
                }
                0..=8 | 10..=31 | 127 => return None,
                _ => self.at += 1,
            }
        }
        let rest = self.part.text.get(plain..self.at)?;
        self.at += 1;
        // Three quotes begin a text of several lines.
        if self.at == start + 1 && self.peek() == Some(b'"') {
            return None;
        }
        if plain == start {
            return Some(Cow::Borrowed(rest));
        }
        text.push_str(rest);
        Some(Cow::Owned(text))
    }

    /// A whole number in base ten; what follows it is what follows a value.
    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = self.part.text.get(start..self.at)?;
        let ends = self.peek().is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'}' | b'#'));
        let is_whole = digits == "0" || !digits.starts_with('0');
        (ends && is_whole && digits.len() <= 18).then(|| Value::Number(digits.to_owned()))
    }

    fn word(&mut self, word: &str, truth: bool) -> Option<Value> {
        self.bytes.get(self.at..)?.starts_with(word.as_bytes()).then(|| self.at += word.len())?;
        let ends = self.peek().is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b']' | b'}' | b'#'));
        ends.then_some(Value::Bool(truth))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Passes over spaces, ends of lines and comments.
    fn blank(&mut self) -> Option<()> {
        loop {
            self.space();
            match self.peek() {
                Some(b'\n' | b'\r' | b'#') => self.end_of_line()?,
                _ => return Some(()),
            }
        }
    }

    /// The rest of a line in which nothing more stands, and its end.
    fn end_of_line(&mut self) -> Option<()> {
        self.space();
        if self.peek() == Some(b'#') {
            while !matches!(self.peek(), None | Some(b'\n' | b'\r')) {
                if matches!(self.peek(), Some(0..=8 | 10..=31 | 127)) {
                    return None;
                }
                self.at += 1;
            }
        }
        if self.peek() == Some(b'\r') {
            self.at += 1;
            return self.take(b'\n');
        }
        if self.peek().is_some() { self.take(b'\n') } else { Some(()) }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn span(&self, start: usize) -> Range<usize> {
        self.part.span(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::Arc};

    use avouch_model::diagnostic::Source;
    use proptest::prelude::*;

    use super::*;

    /// What this reader gives, and what the whole one does.
    fn both(text: &str) -> (Option<Vec<Entry>>, Option<Vec<Entry>>) {
        let source = Arc::new(Source { path: "a.toml".to_owned(), text: text.to_owned() });
        let left = Cell::new(1_000);
        let part = Part { source: &source, text: &source.text, offset: 0, left: &left };
        let plain = entries(&part);
        let used = 1_000 - left.get();
        left.set(1_000);
        let whole = part.parse().ok().map(|parsed| part.table(parsed.into_inner()).unwrap().entries);
        if plain.is_some() {
            assert_eq!(used, 1_000 - left.get(), "values are counted alike");
        }
        (plain, whole)
    }

    #[test]
    fn what_tools_write_is_read_here_and_as_the_whole_reader_reads_it() {
        for text in [
            "# @generated\nversion = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"b\",\n \"c 1\",\n]\n\n[[package]]\nname = \"b\"\n",
            "[[package]]\nname = \"a\"\nsource = { registry = \"https://i.example\" }\nwheels = [\n    { url = \"u\", size = 12 },\n]\n\n[package.metadata]\n\n             [package.metadata.requires-dev]\ndev = [{ name = \"x\", marker = \"python_full_version < '3.8'\" }]\n",
            "[[package]]\r\nname = \"a\" # b\r\nmarkers = \"python_version < \\\"3.8\\\"\"\r\noptional = false\r\n[package.dependencies]\r\n\"a.b\" = {version = \"1\", extras = []}\r\n",
            "[metadata]\nlock-version = \"2.1\"\nempty = {}\n[metadata.files]\na = [\n  # none\n]\n",
            "",
        ] {
            let (plain, whole) = both(text);
            assert_eq!(plain, whole, "{text}");
            assert!(plain.is_some(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_read_otherwise_than_by_the_whole_reader(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "a = ", "b = ", "\"c.d\" = ", "e.f = ", "\"\"", "\"x\"", "\"x\\\"y\\n\"", "\"\"\"", "'x'", "\"\\u0041\"", "\"é\"", "\"\\q\"", "0", "12", "01", "1_0",
                "-1", "1.5", "0x1", "1979-05-27", "true", "false", "truely", "[", "]", "{", "}", ", ", ",", "\n", "\r\n", "\r", "  ", "\t", "# c", "#\u{1}",
                "[[package]]\n", "[package.x]\n", "[package.x.y]\n", "[package]\n", "[metadata]\n", "[ metadata . z ]\n", "[[package.q]]\n", "[a]\n", "a = 1\n", "b = [\"x\", 1]\n",
                "c = { a = 1, b = [ 2,\n 3 ] }\n", "d = {}\n",
            ]), 0..14),
        ) {
            let text = pieces.concat();
            let (plain, whole) = both(&text);
            if let Some(plain) = plain {
                prop_assert_eq!(Some(plain), whole, "{}", text);
            }
        }
    }
}

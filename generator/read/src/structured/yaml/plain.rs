//! The YAML that Yarn writes into its lockfile: mappings, two spaces a level, each value a word or a text in one line. One
//! pass, straight to the tree.
//!
//! Whatever else YAML has is not for this reader to judge: it gives nothing, and the whole reader says what it is. What it
//! does give is what the whole reader gives; a property test holds them against each other.

use std::{ops::Range, sync::Arc};

use avouch_model::diagnostic::Source;

use super::NODES_MAX;
use crate::structured::{Entry, Node, Table, Value};

/// How deep mappings may lie within each other here; what Yarn writes has three.
const DEPTH_MAX: usize = 8;
/// How many bytes a key has at most; the YAML of a longer one is another.
const KEY_BYTES_MAX: usize = 1_000;

/// The whole value; none where the text holds anything that is not read here, or too many values.
pub(super) fn root(source: &Arc<Source>) -> Option<Node> {
    let mut open: Vec<Mapping> = vec![Mapping { start: 0, entries: Vec::new() }];
    // A key whose value is on the lines after it, if these are deeper.
    let mut waiting: Option<(String, Range<usize>, usize)> = None;
    let mut nodes = 1;
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The end of a document, whatever follows it (YAML 1.2.2 section 9.1.2).
        if line == "..." || line.starts_with("... ") {
            return None;
        }
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        let depth = indent / 2;
        if indent % 2 != 0 || depth >= DEPTH_MAX || !line.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return None;
        }
        if let Some((key, key_span, end)) = waiting.take() {
            if depth == open.len() {
                open.push(Mapping { start: at + indent, entries: Vec::new() });
                open.iter_mut().rev().nth(1)?.entries.push(Entry { key, key_span, value: null(end) });
            } else {
                open.last_mut()?.entries.push(Entry { key, key_span, value: null(end) });
            }
        }
        if depth >= open.len() {
            return None;
        }
        while open.len() > depth + 1 {
            close(source, &mut open, at)?;
        }
        if depth == 0 && open.first()?.entries.is_empty() {
            open.first_mut()?.start = at;
        }
        let (key, rest) = scalar(content)?;
        let key_span = at + indent..at + indent + (content.len() - rest.len());
        let rest = rest.strip_prefix(':')?;
        nodes += 2;
        if nodes > NODES_MAX || key_span.len() > KEY_BYTES_MAX {
            return None;
        }
        if rest.is_empty() {
            waiting = Some((key.to_owned(), key_span.clone(), key_span.end + 1));
            continue;
        }
        let value = rest.strip_prefix(' ')?;
        let from = at + line.len() - value.len();
        let (text, rest) = scalar(value)?;
        if !rest.is_empty() {
            return None;
        }
        let is_null = !value.starts_with('"') && matches!(text, "~" | "null");
        let value = if is_null { Value::Null } else { Value::Text(text.to_owned()) };
        let value = Node { value, span: from..at + line.len() };
        open.last_mut()?.entries.push(Entry { key: key.to_owned(), key_span, value });
    }
    if let Some((key, key_span, end)) = waiting {
        open.last_mut()?.entries.push(Entry { key, key_span, value: null(end) });
    }
    while open.len() > 1 {
        close(source, &mut open, start)?;
    }
    let Mapping { start: first, entries } = open.pop()?;
    // A text without a key is no mapping.
    let table = (!entries.is_empty()).then(|| Table::of(source, entries).ok())??;
    Some(Node { value: Value::Table(table), span: first..start })
}

/// A mapping whose end was not met yet. The entry that it is the value of is the last of the one above.
struct Mapping {
    start: usize,
    entries: Vec<Entry>,
}

fn null(at: usize) -> Node {
    Node { value: Value::Null, span: at..at }
}

/// Puts the last mapping where it belongs.
fn close(source: &Arc<Source>, open: &mut Vec<Mapping>, end: usize) -> Option<()> {
    let Mapping { start, mut entries } = open.pop()?;
    entries.shrink_to_fit();
    let table = Table::of(source, entries).ok()?;
    open.last_mut()?.entries.last_mut()?.value = Node { value: Value::Table(table), span: start..end };
    Some(())
}

/// A text in double quotes without escapes, or a word as Yarn writes it without quotes; and what follows it.
fn scalar(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (text, rest) = quoted.split_once('"')?;
        return (!text.contains('\\')).then_some((text, rest));
    }
    // `& ` within is a condition (`os=linux & cpu=x64`); what begins with a letter, a digit or these is no other sort of value.
    if !text.starts_with(|first: char| first.is_ascii_alphanumeric() || "_./^~=<($+".contains(first)) {
        return None;
    }
    let end = text.find([',', ']', '[', '{', '}', ':', '#', '"', '\'']).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    // A word ends where the line does, or at the colon of a key; `...` ends a document.
    let ends = rest.is_empty() || rest == ":" || rest.starts_with(": ");
    (ends && !word.ends_with(' ') && !matches!(word, "..." | "<<")).then_some((word, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::structured::yaml::one;

    /// A value with its places: of a mapping where it begins, of what is nothing none.
    fn shape(node: &Node) -> String {
        let start = node.span.start;
        match &node.value {
            Value::Table(table) => {
                let entry = |entry: &Entry| format!("{:?}@{:?}: {}", entry.key, entry.key_span, shape(&entry.value));
                format!("{start}{{{}}}", table.entries().iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            Value::Null => "null".to_owned(),
            value => format!("{value:?}@{:?}", node.span),
        }
    }

    fn both(text: &str) -> (Option<String>, Result<String, String>) {
        let source = Arc::new(Source { path: "yarn.lock".to_owned(), text: text.to_owned() });
        let whole = one(Arc::clone(&source)).map(|document| shape(&document.root)).map_err(|error| error.to_string());
        (root(&source).map(|root| shape(&root)), whole)
    }

    #[test]
    fn what_yarn_writes_is_read_here_and_as_the_whole_reader_reads_it() {
        for text in [
            "# This file is generated by running \"yarn install\" inside your project.\n\n__metadata:\n  version: 8\n  cacheKey: 10c0\n\n\"a@npm:^1.0.0, a@npm:~1.2\":\n  version: 1.2.0\n  resolution: \"a@npm:1.2.0\"\n  dependencies:\n    \"@s/b\": \"npm:^1 || ^2\"\n    c: ^1.0.0\n  peerDependenciesMeta:\n    d:\n      optional: true\n  bin:\n    a: ./bin/a.js\n  conditions: (os=linux | os=darwin) & cpu=x64\n  checksum: 10/0a\n  languageName: node\n  linkType: hard\n",
            "__metadata:\r\n  version: 8\r\na:\r\nb: null\r\n",
            "a: b",
            "a:",
        ] {
            let (plain, whole) = both(text);
            assert_eq!(plain, whole.ok(), "{text}");
            assert!(plain.is_some(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_read_otherwise_than_by_the_whole_reader(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "a", "b", "\"c\"", "'d'", "null", "~", "~1", "1.0", ".", "...", "---", "<<", "<", "^1 || ^2", "*", "&x", "!t", "- ", "?", "? ", "@s/b", "(os=a) & b", "x,y", "[1]", "{}", "|", ">", "%y", "#", " #", "# c",
                ":", ": ", ":\n", ": v\n", ":\n  ", ":\n    ", "\n", "\r\n", "  ", "    ", " ", "\t", "\"q\\\"r\"", "é", "\u{1}", "a: b\n", "b:\n  c: d\n", "  e: f\n", "    g: \"h\"\n",
            ]), 0..12),
        ) {
            let text = pieces.concat();
            if let (Some(plain), whole) = both(&text) {
                prop_assert_eq!(Ok(plain), whole, "{:?}", text);
            }
        }
    }
}

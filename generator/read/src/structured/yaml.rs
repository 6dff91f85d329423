//! YAML 1.2 of strangers: bounded, one document, every scalar as text.
//!
//! The tree is built from the parser's events without recursion. An alias counts as many nodes as it expands to, before
//! it is expanded, so a small file cannot become a large value.

use std::{collections::HashMap, ops::Range, sync::Arc};

use avouch_model::diagnostic::Source;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Document, Entry, Node, Table, Unreadable, Value, source};

mod plain;

/// How deep values may be nested.
pub const DEPTH_MAX: usize = 64;
/// How many keys and values a document may hold, aliases expanded; what has an anchor counts twice.
pub const NODES_MAX: usize = 1_250_000;
/// How long a text may be of which something else than what Yarn writes is expected.
const WHOLE_BYTES_MAX: usize = 12 << 20;

/// Reads one YAML document. `~`, `null` and nothing at all are [`Value::Null`]; every other scalar is text, also `true`
/// and `1`. An empty text is null.
///
/// # Errors
/// When the bytes are too many or not UTF-8, the text is no YAML, holds a second document, is nested more than
/// [`DEPTH_MAX`] deep or holds more than [`NODES_MAX`] values; or when a key appears twice, is no scalar, or is the merge
/// key `<<`, which YAML 1.2 does not have.
pub fn parse_yaml(path: &str, bytes: &[u8], bytes_max: u64) -> Result<Document, Unreadable> {
    one(source(path, bytes, bytes_max)?)
}

/// Reads the YAML of a lockfile of Yarn. What Yarn writes is read quickly; anything else as [`parse_yaml`] does, which takes its
/// time, so at most [`WHOLE_BYTES_MAX`] of it.
///
/// # Errors
/// As [`parse_yaml`].
pub(crate) fn parse_yarn(source: Arc<Source>) -> Result<Document, Unreadable> {
    if let Some(root) = plain::root(&source) {
        return Ok(Document { source, root });
    }
    if source.text.len() > WHOLE_BYTES_MAX {
        let message = format!(
            "this holds more than {NODES_MAX} values, or what Yarn does not write; of such YAML at most {WHOLE_BYTES_MAX} bytes are read"
        );
        return Err(Unreadable::at(&source, "too-large", 0..0, message));
    }
    one(source)
}

fn one(source: Arc<Source>) -> Result<Document, Unreadable> {
    let empty = Unreadable::at(&source, "yaml-syntax", 0..0, "there is no document");
    // There is always one: that of an empty text is null.
    parse_sources(source, 1)?.pop().ok_or(empty)
}

/// Reads a stream of up to `documents_max` YAML documents; an empty text is one, which is null. All of them together are
/// bounded as one is.
///
/// # Errors
/// As [`parse_yaml`], and when there are more documents.
pub fn parse_yaml_documents(path: &str, bytes: &[u8], bytes_max: u64, documents_max: usize) -> Result<Vec<Document>, Unreadable> {
    parse_sources(source(path, bytes, bytes_max)?, documents_max)
}

/// As [`parse_yaml_documents`], of a text.
pub(crate) fn parse_sources(source: Arc<Source>, documents_max: usize) -> Result<Vec<Document>, Unreadable> {
    // The scanner takes a NUL for the end of the text, and would keep silent about what follows.
    if let Some(at) = source.text.find('\0') {
        return Err(Unreadable::at(&source, "yaml-syntax", at..at, "this is not YAML: a NUL byte stands here"));
    }
    let mut build = Build {
        source: &source,
        place: Place { text: &source.text, chars: 0, bytes: 0 },
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        begun: 0,
        documents_max,
        roots: Vec::new(),
    };
    for event in Parser::new_from_str(&source.text) {
        let (event, span) = event.map_err(|error| {
            let at = build.place.byte(error.marker().index());
            Unreadable::at(&source, "yaml-syntax", at..at, format!("this is not YAML: {}", error.info()))
        })?;
        build.take(event, span)?;
    }
    let mut roots = build.roots;
    if roots.is_empty() {
        roots.push(Node { value: Value::Null, span: 0..0 });
    }
    Ok(roots.into_iter().map(|root| Document { source: Arc::clone(&source), root }).collect())
}

struct Build<'a> {
    source: &'a Arc<Source>,
    place: Place<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    /// How many documents have begun.
    begun: usize,
    documents_max: usize,
    roots: Vec<Node>,
}

/// A collection that is not closed yet.
struct Open {
    start: usize,
    anchor: usize,
    /// How many nodes there were before it.
    nodes_before: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Table(Vec<Entry>, Option<(String, Range<usize>)>),
}

impl Build<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Unreadable> {
        let span = self.place.byte(span.start.index())..self.place.byte(span.end.index());
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.begun += 1;
                if self.begun <= self.documents_max {
                    return Ok(());
                }
                let message = match self.documents_max {
                    1 => "a second document begins here; only one is read".to_owned(),
                    most => format!("another document begins here; at most {most} are read"),
                };
                Err(self.refuse("yaml-documents", span, message).help("put each document into a file of its own"))
            }
            Event::Scalar(text, style, anchor, _) => {
                self.count(1, &span)?;
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let value = if null { Value::Null } else { Value::Text(text.into_owned().into_boxed_str().into_string()) };
                self.finish(Node { value, span }, anchor, 1)
            }
            Event::Alias(anchor) => {
                let Some((node, nodes)) = self.anchors.get(&anchor) else {
                    return Err(self.refuse("yaml-alias", span, "this alias stands within what it stands for".to_owned()));
                };
                let nodes = *nodes;
                if self.nodes.saturating_add(nodes) > NODES_MAX {
                    return self.count(nodes, &span);
                }
                let value = node.value.clone();
                self.count(nodes, &span)?;
                self.finish(Node { value, span }, 0, nodes)
            }
            Event::SequenceStart(anchor, _) => self.open(span, anchor, OpenKind::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.open(span, anchor, OpenKind::Table(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.close(span.end),
        }
    }

    fn open(&mut self, span: Range<usize>, anchor: usize, kind: OpenKind) -> Result<(), Unreadable> {
        if self.open.len() >= DEPTH_MAX {
            let message = format!("values are nested more than {DEPTH_MAX} deep");
            return Err(self.refuse("too-deep", span, message));
        }
        let nodes_before = self.nodes;
        self.count(1, &span)?;
        self.open.push(Open { start: span.start, anchor, nodes_before, kind });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Unreadable> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.kind {
            OpenKind::List(mut items) => {
                items.shrink_to_fit();
                Value::List(items)
            }
            OpenKind::Table(mut entries, _) => {
                // Most tables are small, and a list begins with room for four.
                entries.shrink_to_fit();
                Value::Table(Table::of(self.source, entries)?)
            }
        };
        let nodes = self.nodes - open.nodes_before;
        self.finish(Node { value, span: open.start..end.max(open.start) }, open.anchor, nodes)
    }

    /// Puts a complete value where it belongs.
    fn finish(&mut self, node: Node, anchor: usize, nodes: usize) -> Result<(), Unreadable> {
        if anchor > 0 {
            // It is kept a second time; anchors within anchors would keep the same values as often as they are deep.
            self.count(nodes, &node.span)?;
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        let Some(open) = self.open.last_mut() else {
            self.roots.push(node);
            return Ok(());
        };
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Table(entries, key) => match key.take() {
                Some((name, key_span)) => entries.push(Entry { key: name, key_span, value: node }),
                None => {
                    let name = match node.value {
                        Value::Text(text) if text == "<<" => {
                            return Err(self
                                .refuse("yaml-merge", node.span, "`<<` is not part of YAML 1.2 and is not merged".to_owned())
                                .help("write the keys out"));
                        }
                        Value::Text(text) => text,
                        Value::Null => self.source.text.get(node.span.clone()).unwrap_or_default().to_owned(),
                        _ => return Err(self.refuse("yaml-key", node.span, "a key must be a single word or text".to_owned())),
                    };
                    *key = Some((name, node.span));
                }
            },
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, span: &Range<usize>) -> Result<(), Unreadable> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            let message = format!("with this the document holds more than {NODES_MAX} values, aliases expanded");
            return Err(self.refuse("too-many-values", span.clone(), message));
        }
        Ok(())
    }

    fn refuse(&self, code: &'static str, span: Range<usize>, message: String) -> Unreadable {
        Unreadable::at(self.source, code, span, message)
    }
}

/// Turns the parser's characters into bytes; it moves from where it stands, so a whole text is walked about once.
struct Place<'a> {
    text: &'a str,
    chars: usize,
    bytes: usize,
}

impl Place<'_> {
    fn byte(&mut self, chars: usize) -> usize {
        let (before, after) = self.text.split_at_checked(self.bytes).unwrap_or((self.text, ""));
        self.bytes = if chars >= self.chars {
            let ahead = chars - self.chars;
            self.bytes + after.char_indices().nth(ahead).map_or(after.len(), |(at, _)| at)
        } else {
            let back = self.chars - chars;
            before.char_indices().rev().nth(back - 1).map_or(0, |(at, _)| at)
        };
        self.chars = chars;
        self.bytes
    }
}

//! TOML 1.1.

use std::{cell::Cell, ops::Range, sync::Arc};

use avouch_model::diagnostic::Source;
use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::{Document, Entry, Node, Table, Unreadable, Value, source};

mod plain;

/// The code of a text that holds too many values.
const TOO_MANY: &str = "too-many-values";
/// The code of a text that is no TOML.
const SYNTAX: &str = "toml-syntax";
/// How many values a text may hold unless its reader says otherwise.
pub const VALUES_MAX: usize = 16_000_000;

/// Reads TOML.
///
/// # Errors
/// When the bytes are too many or not UTF-8, the text may hold more than [`VALUES_MAX`] values, or is no TOML (which
/// refuses a key that appears twice).
pub fn parse_toml(path: &str, bytes: &[u8], bytes_max: u64) -> Result<Document, Unreadable> {
    parse_bounded(path, bytes, bytes_max, VALUES_MAX)
}

/// What is done with each package as soon as it was read: what it takes out does not stay in the tree. The number is where the
/// package begins.
pub(crate) type Each<'a> = dyn FnMut(&Arc<Source>, &mut Table, usize) -> Result<(), Unreadable> + 'a;

/// Reads the TOML of a lockfile, whose `[[package]]` are many and small; at most so many values stay in the tree.
///
/// A run of packages at a time, as tools write them; a run in which something else stands is left to the parser, which takes
/// its time and keeps everything about what it reads until its end: memory is that of the tree, not of its making. What cannot
/// be read in runs (`[[package]]` within a text, say) is read as a whole. `each` may be asked about a package again then.
///
/// # Errors
/// As [`parse_toml`], and those of `each`.
pub(crate) fn parse_packages(source: Arc<Source>, values_max: usize, each: &mut Each<'_>) -> Result<Document, Unreadable> {
    let root = match in_runs(&source, values_max, each) {
        Err(error) if error.0.code == SYNTAX && source.text.len() <= WHOLE_BYTES_MAX => {
            bound(&source, values_max)?;
            let mut root = whole(&source)?;
            if let Value::Table(table) = &mut root.value
                && let Some(Entry { value: Node { value: Value::List(packages), .. }, .. }) =
                    table.entries.iter_mut().find(|entry| entry.key == "package")
            {
                take_apart(&source, packages, each)?;
            }
            root
        }
        root => root?,
    };
    Ok(Document { source, root })
}

/// Shows each package; says how many values were taken out.
fn take_apart(source: &Arc<Source>, packages: &mut [Node], each: &mut Each<'_>) -> Result<usize, Unreadable> {
    let mut taken = 0;
    for package in packages {
        let before = values(package);
        if let Value::Table(table) = &mut package.value {
            each(source, table, package.span.start)?;
        }
        taken += before - values(package);
    }
    Ok(taken)
}

/// How many values a value is.
fn values(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(values).sum(),
        Value::Table(table) => table.entries.iter().map(|entry| values(&entry.value)).sum(),
        _ => 0,
    }
}

fn parse_bounded(path: &str, bytes: &[u8], bytes_max: u64, values_max: usize) -> Result<Document, Unreadable> {
    let source = source(path, bytes, bytes_max)?;
    bound(&source, values_max)?;
    let root = whole(&source)?;
    Ok(Document { source, root })
}

/// Values are bounded before the text is read, by what begins one: a value follows `=`, or `,`, `[` or `{` of what holds it.
fn bound(source: &Arc<Source>, values_max: usize) -> Result<(), Unreadable> {
    if source.text.len() <= values_max {
        return Ok(());
    }
    match marks(&source.text).nth(values_max) {
        None => Ok(()),
        Some((at, _)) => {
            let message = format!("with this the text may hold more than {values_max} values");
            Err(Unreadable::at(source, TOO_MANY, at..at, message))
        }
    }
}

/// What begins values.
fn marks(text: &str) -> impl Iterator<Item = (usize, u8)> {
    text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'=' | b',' | b'[' | b'{'))
}

/// How many values a run may hold.
const RUN_VALUES_MAX: usize = 250_000;
/// How many bytes of packages are read at a time.
const RUN_BYTES: usize = 64 << 10;
/// How long a text may be that is read as a whole where it cannot be read in runs.
const WHOLE_BYTES_MAX: usize = 4 << 20;
/// How many bytes of runs may hold something else than what tools write.
const OTHER_BYTES_MAX: usize = 12 << 20;

fn whole(source: &Arc<Source>) -> Result<Node, Unreadable> {
    let left = Cell::new(VALUES_MAX);
    let part = Part { source, text: &source.text, offset: 0, left: &left };
    let parsed = part.parse()?;
    let span = parsed.span();
    Ok(Node { value: Value::Table(part.table(parsed.into_inner())?), span })
}

fn in_runs(source: &Arc<Source>, values_max: usize, each: &mut Each<'_>) -> Result<Node, Unreadable> {
    let left = Cell::new(values_max);
    let mut other_bytes = 0;
    let mut entries: Vec<Entry> = Vec::new();
    let mut packages: Option<usize> = None;
    let mut start = 0;
    let starts = source.text.match_indices("\n[[package]]").map(|(at, _)| at + 1);
    for end in starts.chain([source.text.len()]) {
        if end - start < RUN_BYTES && end < source.text.len() {
            continue;
        }
        let part = Part { source, text: source.text.get(start..end).unwrap_or_default(), offset: start, left: &left };
        start = end;
        let before = left.get();
        let read = match plain::entries(&part) {
            Some(read) => read,
            None => {
                left.set(before);
                other_bytes += part.text.len();
                if other_bytes > OTHER_BYTES_MAX {
                    let message = format!("with this more than {OTHER_BYTES_MAX} bytes are not as tools write them");
                    return Err(Unreadable::at(source, "too-large", part.offset..part.offset, message));
                }
                part.bound()?;
                part.table(part.parse()?.into_inner())?.entries
            }
        };
        for mut entry in read {
            if let ("package", Value::List(sections)) = (entry.key.as_str(), &mut entry.value.value) {
                let taken = take_apart(source, sections, each)?;
                left.set(left.get() + taken);
            }
            let listed = packages.and_then(|at| entries.get_mut(at)).map(|entry: &mut Entry| &mut entry.value.value);
            match (listed, entry.value.value) {
                (Some(Value::List(all)), Value::List(more)) if entry.key == "package" => all.extend(more),
                (_, value) => {
                    packages = if entry.key == "package" { Some(entries.len()) } else { packages };
                    entries.push(Entry { value: Node { value, span: entry.value.span }, ..entry });
                }
            }
        }
    }
    Ok(Node { value: Value::Table(Table::of(source, entries)?), span: 0..source.text.len() })
}

/// A part of a text that is TOML by itself.
struct Part<'a> {
    source: &'a Arc<Source>,
    text: &'a str,
    /// Where it begins.
    offset: usize,
    /// How many values the text may still hold.
    left: &'a Cell<usize>,
}

impl<'a> Part<'a> {
    fn parse(&self) -> Result<Spanned<DeTable<'a>>, Unreadable> {
        DeTable::parse(self.text).map_err(|error| {
            let span = self.span(error.span().unwrap_or(0..0));
            Unreadable::at(self.source, SYNTAX, span, format!("this is not TOML: {}", error.message()))
        })
    }

    /// A run may be one large package, or what stands beside the packages; its making is what takes memory.
    fn bound(&self) -> Result<(), Unreadable> {
        if self.text.len() <= RUN_VALUES_MAX {
            return Ok(());
        }
        match marks(self.text).nth(RUN_VALUES_MAX) {
            None => Ok(()),
            Some((at, _)) => {
                let at = self.offset + at;
                let message = format!("with this a part of the text may hold more than {RUN_VALUES_MAX} values");
                Err(Unreadable::at(self.source, TOO_MANY, at..at, message))
            }
        }
    }

    /// Counts a value, if there may be another.
    fn take_one(&self) -> Option<()> {
        self.left.set(self.left.get().checked_sub(1)?);
        Some(())
    }

    fn span(&self, span: Range<usize>) -> Range<usize> {
        span.start + self.offset..span.end + self.offset
    }

    // What is read is taken apart while the tree is made, so that both are never whole at a time.
    fn table(&self, parsed: DeTable<'_>) -> Result<Table, Unreadable> {
        let mut entries = Vec::with_capacity(parsed.len());
        for (key, value) in parsed {
            let key_span = self.span(key.span());
            entries.push(Entry { key: key.into_inner().into_owned(), key_span, value: self.node(value)? });
        }
        // The parser orders by key; a person reads in the order of the text.
        entries.sort_by_key(|entry| entry.key_span.start);
        Table::of(self.source, entries)
    }

    fn node(&self, parsed: Spanned<DeValue<'_>>) -> Result<Node, Unreadable> {
        let span = self.span(parsed.span());
        if self.take_one().is_none() {
            let message = "with this the text holds more values than are read";
            return Err(Unreadable::at(self.source, TOO_MANY, span, message));
        }
        let value = match parsed.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => Value::Number(decimal(&number)),
            DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Value::Bool(truth),
            DeValue::Datetime(time) => Value::Text(time.to_string()),
            DeValue::Array(items) => Value::List(items.into_iter().map(|item| self.node(item)).collect::<Result<_, _>>()?),
            DeValue::Table(inner) => Value::Table(self.table(inner)?),
        };
        Ok(Node { value, span })
    }
}

/// The number in base ten; one that fits no integer stays as it was written.
fn decimal(number: &DeInteger<'_>) -> String {
    let written = number.as_str();
    i128::from_str_radix(written, number.radix()).map_or_else(|_| written.to_owned(), |number| number.to_string())
}

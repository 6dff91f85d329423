//! TOML 1.1.

use std::sync::Arc;

use avouch_model::diagnostic::Source;
use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::{Document, Entry, Node, Table, Unreadable, Value, source};

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

/// As [`parse_toml`], with at most so many values.
///
/// They are bounded before the text is read, by what begins one: a value follows `=`, or `,`, `[` or `{` of what holds it.
pub(crate) fn parse_bounded(path: &str, bytes: &[u8], bytes_max: u64, values_max: usize) -> Result<Document, Unreadable> {
    let source = source(path, bytes, bytes_max)?;
    if source.text.len() > values_max {
        let marks = source.text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'=' | b',' | b'[' | b'{'));
        if let Some((at, _)) = { marks }.nth(values_max) {
            let message = format!("with this the text may hold more than {values_max} values");
            return Err(Unreadable::at(&source, "too-many-values", at..at, message));
        }
    }
    let root = {
        let parsed = DeTable::parse(&source.text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            Unreadable::at(&source, "toml-syntax", span, format!("this is not TOML: {}", error.message()))
        })?;
        let span = parsed.span();
        Node { value: table(&source, parsed.get_ref())?, span }
    };
    Ok(Document { source, root })
}

fn table(source: &Arc<Source>, parsed: &DeTable<'_>) -> Result<Value, Unreadable> {
    let mut entries = Vec::with_capacity(parsed.len());
    for (key, value) in parsed {
        entries.push(Entry { key: key.get_ref().to_string(), key_span: key.span(), value: node(source, value)? });
    }
    // The parser orders by key; a person reads in the order of the text.
    entries.sort_by_key(|entry| entry.key_span.start);
    Ok(Value::Table(Table::of(source, entries)?))
}

fn node(source: &Arc<Source>, parsed: &Spanned<DeValue<'_>>) -> Result<Node, Unreadable> {
    let value = match parsed.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Number(decimal(number)),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(source, item)).collect::<Result<_, _>>()?),
        DeValue::Table(inner) => table(source, inner)?,
    };
    Ok(Node { value, span: parsed.span() })
}

/// The number in base ten; one that fits no integer stays as it was written.
fn decimal(number: &DeInteger<'_>) -> String {
    let written = number.as_str();
    i128::from_str_radix(written, number.radix()).map_or_else(|_| written.to_owned(), |number| number.to_string())
}

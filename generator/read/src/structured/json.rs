//! JSON, and JSON with comments and trailing commas.

use std::sync::Arc;

use avouch_model::diagnostic::Source;
use jsonc_parser::{CollectOptions, ParseOptions, ast, common::Ranged, parse_to_ast};
use serde::de::IgnoredAny;

use super::{Document, Entry, Node, Table, Unreadable, Value, source};

/// Reads JSON (RFC 8259) strictly; values may be nested 127 deep.
///
/// # Errors
/// When the bytes are too many or not UTF-8, the text is no JSON, or a key appears twice.
pub fn parse_json(path: &str, bytes: &[u8], bytes_max: u64) -> Result<Document, Unreadable> {
    let source = source(path, bytes, bytes_max)?;
    // Whether it is JSON says `serde_json`; the other parser only tells where things stand.
    serde_json::from_str::<IgnoredAny>(&source.text).map_err(|error| {
        let at = offset(&source.text, error.line(), error.column());
        let said = error.to_string();
        let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
        Unreadable::at(&source, "json-syntax", at..at, format!("this is not JSON: {said}"))
    })?;
    tree(source, false)
}

/// Reads JSON in which comments and trailing commas are allowed, as in `tsconfig.json` and `wrangler.jsonc`, and nothing
/// else is that JSON forbids.
///
/// # Errors
/// As [`parse_json`].
pub fn parse_jsonc(path: &str, bytes: &[u8], bytes_max: u64) -> Result<Document, Unreadable> {
    tree(source(path, bytes, bytes_max)?, true)
}

fn tree(source: Arc<Source>, lax: bool) -> Result<Document, Unreadable> {
    let options = ParseOptions {
        allow_comments: lax,
        allow_loose_object_property_names: false,
        allow_trailing_commas: lax,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(&source.text, &CollectOptions::default(), &options).map_err(|error| {
        let range = error.range();
        Unreadable::at(&source, "json-syntax", range.start..range.end, format!("this is not JSON: {}", error.kind()))
    })?;
    let Some(value) = parsed.value else {
        return Err(Unreadable::at(&source, "json-syntax", 0..0, "the text holds no value"));
    };
    let root = node(&source, value, 0)?;
    Ok(Document { source, root })
}

/// Nesting, as `serde_json` bounds it.
const DEPTH_MAX: usize = 128;

fn node(source: &Arc<Source>, value: ast::Value<'_>, depth: usize) -> Result<Node, Unreadable> {
    let range = value.range();
    let span = range.start..range.end;
    if depth > DEPTH_MAX {
        return Err(Unreadable::at(source, "too-deep", span, format!("values are nested more than {DEPTH_MAX} deep")));
    }
    let value = match value {
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::BooleanLit(truth) => Value::Bool(truth.value),
        ast::Value::NumberLit(number) => Value::Number(number.value.to_owned()),
        ast::Value::StringLit(text) => Value::Text(text.value.into_owned()),
        ast::Value::Array(array) => {
            let items = array.elements.into_iter().map(|item| node(source, item, depth + 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        ast::Value::Object(object) => {
            let entries = object.properties.into_iter().map(|property| {
                let range = property.name.range();
                Ok(Entry {
                    key_span: range.start..range.end,
                    key: property.name.into_string(),
                    value: node(source, property.value, depth + 1)?,
                })
            });
            Value::Table(Table::of(source, entries.collect::<Result<_, _>>()?)?)
        }
    };
    Ok(Node { value, span })
}

/// The byte at a line (from 1) and a column in bytes (from 1; 0 is the line's end before), as `serde_json` counts.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

//! Whether a document is CycloneDX: the official schema, and the references that no schema can check.

use std::{fmt, sync::OnceLock};

use avouch_read::structured::parse_json;
use jsonschema::{Registry, Validator};
use serde_json::Value;

use crate::references;

/// The largest BOM that is read, in bytes.
pub(crate) const BYTES_MAX: u64 = 256 << 20;
/// The most faults that are told of one document.
const FAULTS_MAX: usize = 100;

pub(crate) const SPDX_SCHEMA: &str = include_str!("../schemas/spdx.schema.json");
const JSF_SCHEMA: &str = include_str!("../schemas/jsf-0.82.schema.json");
const CRYPTOGRAPHY_SCHEMA: &str = include_str!("../schemas/cryptography-defs.schema.json");
const SCHEMA_1_5: &str = include_str!("../schemas/bom-1.5.schema.json");
const SCHEMA_1_6: &str = include_str!("../schemas/bom-1.6.schema.json");
const SCHEMA_1_7: &str = include_str!("../schemas/bom-1.7.schema.json");

/// Something in a document that is not as CycloneDX wants it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where: a JSON Pointer (RFC 6901), or `line:column` for a text that is no JSON.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { "/" } else { &self.place };
        write!(formatter, "{place}: {}", self.message)
    }
}

/// Holds a document against the official schema of the version it names (1.5, 1.6 or 1.7), and checks its references:
/// every `bom-ref` is given once, and nothing refers to one that is not there. No faults means valid; at most a hundred are
/// told.
pub fn validate(bytes: &[u8]) -> Vec<Fault> {
    // This reader refuses what `serde_json` lets pass: keys that appear twice.
    if let Err(error) = parse_json("bom.json", bytes, BYTES_MAX) {
        let (line, column) = error.position();
        return vec![Fault { place: format!("{line}:{column}"), message: error.0.message.clone() }];
    }
    let bom: Value = match serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)) {
        Ok(bom) => bom,
        Err(error) => return vec![Fault { place: String::new(), message: error.to_string() }],
    };
    let version = bom.get("specVersion").and_then(Value::as_str).unwrap_or_default();
    let validator = match validator(version) {
        Some(Ok(validator)) => validator,
        Some(Err(message)) => return vec![Fault { place: String::new(), message: message.clone() }],
        None => {
            let message = format!("`{version}` is not a version of CycloneDX that is checked; 1.5, 1.6 and 1.7 are");
            return vec![Fault { place: "/specVersion".to_owned(), message }];
        }
    };
    let schema = validator
        .iter_errors(&bom)
        .map(|error| Fault { place: error.instance_path().to_string(), message: shortened(&error.to_string()) });
    let mut faults: Vec<Fault> = schema.take(FAULTS_MAX).collect();
    faults.extend(references::faults(&bom));
    faults.sort();
    faults.dedup();
    faults.truncate(FAULTS_MAX);
    faults
}

/// The validator of a version, built once; building it takes longer than most documents.
fn validator(version: &str) -> Option<&'static Result<Validator, String>> {
    static VALIDATORS: [OnceLock<Result<Validator, String>>; 3] = [const { OnceLock::new() }; 3];
    let schemas = [("1.5", SCHEMA_1_5), ("1.6", SCHEMA_1_6), ("1.7", SCHEMA_1_7)];
    let known = VALIDATORS.iter().zip(schemas);
    let (place, (_, schema)) = known.into_iter().find(|(_, (name, _))| *name == version)?;
    Some(place.get_or_init(|| build(schema)))
}

fn build(schema: &str) -> Result<Validator, String> {
    let parse =
        |text: &str| serde_json::from_str::<Value>(text).map_err(|error| format!("an embedded schema is damaged: {error}"));
    let mut registry = Registry::new();
    for text in [SPDX_SCHEMA, JSF_SCHEMA, CRYPTOGRAPHY_SCHEMA] {
        let resource = parse(text)?;
        let name = resource.get("$id").and_then(Value::as_str).unwrap_or_default().to_owned();
        registry = registry.add(name, resource).map_err(|error| error.to_string())?;
    }
    let registry = registry.prepare().map_err(|error| error.to_string())?;
    let options = jsonschema::options().offline().with_registry(&registry);
    options.build(&parse(schema)?).map_err(|error| error.to_string())
}

/// A message without the whole value that it quotes.
fn shortened(message: &str) -> String {
    const CHARACTERS_MAX: usize = 400;
    match message.char_indices().nth(CHARACTERS_MAX) {
        None => message.to_owned(),
        Some((end, _)) => {
            let tail = message.char_indices().rev().nth(120).map_or(end, |(at, _)| at.max(end));
            format!("{} … {}", message.get(..end - 120.min(end)).unwrap_or_default(), message.get(tail..).unwrap_or_default())
        }
    }
}

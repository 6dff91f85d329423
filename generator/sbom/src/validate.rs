//! Whether a document is CycloneDX: the official schema, and the references that no schema can check.

use std::{fmt, sync::OnceLock};

use avouch_read::structured::parse_json;
use jsonschema::{Registry, Validator};
use serde_json::Value;

use crate::references;

/// The largest BOM that is read, in bytes.
pub(crate) const BYTES_MAX: u64 = 256 << 20;
/// The most faults that are told of one document.
pub(crate) const FAULTS_MAX: usize = 100;

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

/// What can be told of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is what it says it is: `CycloneDX 1.6 JSON`.
    Valid(String),
    /// It is not.
    Invalid(Vec<Fault>),
    /// It is of a sort that is not checked, and why: nothing is told of it.
    Unknown(String),
}

/// Holds a document against the official schema of the version of CycloneDX that it names (1.5, 1.6 or 1.7, JSON or XML), and
/// checks its references: every `bom-ref` is given once, and nothing refers to one that is not there. At most a hundred
/// faults are told.
pub fn judge(bytes: &[u8]) -> Verdict {
    if bytes.len() as u64 > BYTES_MAX {
        return Verdict::Unknown(format!("it has more than {} MiB", BYTES_MAX >> 20));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Verdict::Unknown("it is in UTF-16; UTF-8 is read".to_owned());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<') => crate::validate_xml::judge(bytes),
        _ if bytes.starts_with(b"SPDXVersion:") => {
            Verdict::Unknown("it is an SPDX document (tag-value), not CycloneDX".to_owned())
        }
        _ => judge_json(bytes),
    }
}

/// As [`judge`]; a document that nothing can be told of has a fault that says so.
pub fn validate(bytes: &[u8]) -> Vec<Fault> {
    match judge(bytes) {
        Verdict::Valid(_) => Vec::new(),
        Verdict::Invalid(faults) => faults,
        Verdict::Unknown(why) => vec![Fault { place: String::new(), message: why }],
    }
}

fn judge_json(bytes: &[u8]) -> Verdict {
    let fault = |place: &str, message: String| Verdict::Invalid(vec![Fault { place: place.to_owned(), message }]);
    // This reader refuses what `serde_json` lets pass: keys that appear twice.
    if let Err(error) = parse_json("bom.json", bytes, BYTES_MAX) {
        let (line, column) = error.position();
        return match error.0.code {
            "too-deep" => Verdict::Unknown(error.0.message.clone()),
            _ => fault(&format!("{line}:{column}"), error.0.message.clone()),
        };
    }
    let bom: Value = match serde_json::from_slice(bytes) {
        Ok(bom) => bom,
        Err(error) => return fault("", error.to_string()),
    };
    if bom.get("spdxVersion").is_some() || bom.pointer("/@context").is_some() {
        return Verdict::Unknown("it is an SPDX document, not CycloneDX".to_owned());
    }
    let version = bom.get("specVersion").and_then(Value::as_str).unwrap_or_default();
    let validator = match validator(version) {
        Some(Ok(validator)) => validator,
        Some(Err(message)) => return Verdict::Unknown(message.clone()),
        None if is_version(version) && bom.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX") => {
            return Verdict::Unknown(not_checked(version));
        }
        None => return fault("/specVersion", format!("`{version}` is no version of CycloneDX")),
    };
    let schema = validator
        .iter_errors(&bom)
        .map(|error| Fault { place: error.instance_path().to_string(), message: shortened(&error.to_string()) });
    let mut faults: Vec<Fault> = schema.take(FAULTS_MAX).collect();
    faults.extend(references::faults(&bom));
    verdict(faults, format!("CycloneDX {version} JSON"))
}

/// The verdict on a document of which these are the faults.
pub(crate) fn verdict(mut faults: Vec<Fault>, what: String) -> Verdict {
    faults.sort();
    faults.dedup();
    faults.truncate(FAULTS_MAX);
    if faults.is_empty() { Verdict::Valid(what) } else { Verdict::Invalid(faults) }
}

/// Whether a text has the form of a version of CycloneDX, `1.4`.
pub(crate) fn is_version(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| number(major) && number(minor))
}

pub(crate) fn not_checked(version: &str) -> String {
    format!("it is CycloneDX {version}, which is not checked; 1.5, 1.6 and 1.7 are")
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

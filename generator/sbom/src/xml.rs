//! CycloneDX JSON as CycloneDX XML: the same document, element by element, in the order that the schema wants.
//!
//! What the tables below do not name cannot be lost on the way: it is an error.

use serde_json::{Map, Value};

use crate::validate_xml::NAMESPACE;

/// Why a document is not written in another format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// The document is not the JSON that is written here.
    #[error("the BOM is not CycloneDX JSON: {0}")]
    NotABom(String),
    /// The document says something at a place (a JSON Pointer) that cannot be written.
    #[error("`{0}` of the BOM cannot be written in another format")]
    Unwritable(String),
}

/// How a member of a JSON object stands in XML.
enum Put {
    /// An attribute of this name.
    Attribute(&'static str),
    /// The element's own text.
    Content,
    /// An element of this name that holds a text.
    Text(&'static str),
    /// An element for each text of a list.
    Texts(&'static str),
    /// An element with members of its own.
    Object(&'static str, &'static [Field]),
    /// An element for each item of a list.
    Objects(&'static str, &'static [Field]),
    /// An element that holds an element for each item of a list.
    List(&'static str, &'static str, &'static [Field]),
    /// An element that holds an element for each text of a list, which stands in the attribute `ref`.
    References(&'static str, &'static str),
    /// An element for each text of a list, which stands in the attribute `ref`.
    BareReferences(&'static str),
    /// Components within a component.
    Components,
    /// Licences: ids and names, or expressions.
    Licences,
    /// Nothing: XML says it in another way.
    Nowhere,
}

/// A member, and how it stands. The order is that of the elements in XML.
type Field = (&'static str, Put);

const BOM: &[Field] = &[
    ("$schema", Put::Nowhere),
    ("bomFormat", Put::Nowhere),
    ("specVersion", Put::Nowhere),
    ("serialNumber", Put::Attribute("serialNumber")),
    ("version", Put::Attribute("version")),
    ("metadata", Put::Object("metadata", METADATA)),
    ("components", Put::List("components", "component", COMPONENT)),
    ("externalReferences", Put::List("externalReferences", "reference", REFERENCE)),
    ("dependencies", Put::List("dependencies", "dependency", DEPENDENCY)),
    ("compositions", Put::List("compositions", "composition", COMPOSITION)),
    ("properties", Put::List("properties", "property", PROPERTY)),
];

const METADATA: &[Field] = &[
    ("timestamp", Put::Text("timestamp")),
    ("lifecycles", Put::List("lifecycles", "lifecycle", LIFECYCLE)),
    ("tools", Put::Object("tools", TOOLS)),
    ("authors", Put::List("authors", "author", CONTACT)),
    ("component", Put::Object("component", COMPONENT)),
    ("manufacturer", Put::Object("manufacturer", ORGANISATION)),
    ("manufacture", Put::Object("manufacture", ORGANISATION)),
    ("supplier", Put::Object("supplier", ORGANISATION)),
    ("licenses", Put::Licences),
    ("properties", Put::List("properties", "property", PROPERTY)),
];

const LIFECYCLE: &[Field] =
    &[("phase", Put::Text("phase")), ("name", Put::Text("name")), ("description", Put::Text("description"))];

const TOOLS: &[Field] = &[("components", Put::List("components", "component", COMPONENT))];

const ORGANISATION: &[Field] = &[
    ("bom-ref", Put::Attribute("bom-ref")),
    ("name", Put::Text("name")),
    ("url", Put::Texts("url")),
    ("contact", Put::Objects("contact", CONTACT)),
];

const CONTACT: &[Field] = &[
    ("bom-ref", Put::Attribute("bom-ref")),
    ("name", Put::Text("name")),
    ("email", Put::Text("email")),
    ("phone", Put::Text("phone")),
];

const COMPONENT: &[Field] = &[
    ("type", Put::Attribute("type")),
    ("mime-type", Put::Attribute("mime-type")),
    ("isExternal", Put::Attribute("isExternal")),
    ("bom-ref", Put::Attribute("bom-ref")),
    ("supplier", Put::Object("supplier", ORGANISATION)),
    ("manufacturer", Put::Object("manufacturer", ORGANISATION)),
    ("authors", Put::List("authors", "author", CONTACT)),
    ("author", Put::Text("author")),
    ("publisher", Put::Text("publisher")),
    ("group", Put::Text("group")),
    ("name", Put::Text("name")),
    ("version", Put::Text("version")),
    ("versionRange", Put::Text("versionRange")),
    ("description", Put::Text("description")),
    ("scope", Put::Text("scope")),
    ("hashes", Put::List("hashes", "hash", HASH)),
    ("licenses", Put::Licences),
    ("copyright", Put::Text("copyright")),
    ("cpe", Put::Text("cpe")),
    ("purl", Put::Text("purl")),
    ("omniborId", Put::Texts("omniborId")),
    ("swhid", Put::Texts("swhid")),
    ("externalReferences", Put::List("externalReferences", "reference", REFERENCE)),
    ("properties", Put::List("properties", "property", PROPERTY)),
    ("components", Put::Components),
    ("evidence", Put::Object("evidence", EVIDENCE)),
];

const EVIDENCE: &[Field] = &[
    ("occurrences", Put::List("occurrences", "occurrence", OCCURRENCE)),
    ("licenses", Put::Licences),
    ("copyright", Put::List("copyright", "text", TEXT)),
];

const OCCURRENCE: &[Field] = &[("bom-ref", Put::Attribute("bom-ref")), ("location", Put::Text("location"))];

const TEXT: &[Field] = &[
    ("contentType", Put::Attribute("content-type")),
    ("encoding", Put::Attribute("encoding")),
    ("text", Put::Content),
    ("content", Put::Content),
];

const LICENCE: &[Field] = &[
    ("bom-ref", Put::Attribute("bom-ref")),
    ("acknowledgement", Put::Attribute("acknowledgement")),
    ("id", Put::Text("id")),
    ("name", Put::Text("name")),
    ("text", Put::Object("text", TEXT)),
    ("url", Put::Text("url")),
    ("properties", Put::List("properties", "property", PROPERTY)),
];

const EXPRESSION: &[Field] = &[
    ("bom-ref", Put::Attribute("bom-ref")),
    ("acknowledgement", Put::Attribute("acknowledgement")),
    ("expression", Put::Content),
];

const REFERENCE: &[Field] = &[
    ("type", Put::Attribute("type")),
    ("url", Put::Text("url")),
    ("comment", Put::Text("comment")),
    ("hashes", Put::List("hashes", "hash", HASH)),
    ("properties", Put::List("properties", "property", PROPERTY)),
];

const HASH: &[Field] = &[("alg", Put::Attribute("alg")), ("content", Put::Content)];

const PROPERTY: &[Field] = &[("name", Put::Attribute("name")), ("value", Put::Content)];

const DEPENDENCY: &[Field] = &[
    ("ref", Put::Attribute("ref")),
    ("dependsOn", Put::BareReferences("dependency")),
    ("provides", Put::BareReferences("provides")),
];

const COMPOSITION: &[Field] = &[
    ("bom-ref", Put::Attribute("bom-ref")),
    ("aggregate", Put::Text("aggregate")),
    ("assemblies", Put::References("assemblies", "assembly")),
    ("dependencies", Put::References("dependencies", "dependency")),
    ("vulnerabilities", Put::References("vulnerabilities", "vulnerability")),
];

/// Writes a document of ours as XML.
pub(crate) fn write(bom: &Value) -> Result<Vec<u8>, ConvertError> {
    let version = bom.get("specVersion").and_then(Value::as_str).unwrap_or_default();
    let mut writer = Writer { out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), depth: 0 };
    writer.object("bom", BOM, bom, "", &format!(" xmlns=\"{NAMESPACE}{version}\""))?;
    Ok(writer.out.into_bytes())
}

struct Writer {
    out: String,
    depth: usize,
}

impl Writer {
    fn object(&mut self, name: &str, fields: &[Field], value: &Value, place: &str, more: &str) -> Result<(), ConvertError> {
        let members = object(value, place)?;
        if let Some(strange) = members.keys().find(|key| !fields.iter().any(|(known, _)| known == key)) {
            return Err(ConvertError::Unwritable(format!("{place}/{strange}")));
        }
        self.indent();
        self.out.push('<');
        self.out.push_str(name);
        self.out.push_str(more);
        let mut content = None;
        let mut is_empty = true;
        for (key, put) in fields {
            let Some(member) = members.get(*key) else { continue };
            match put {
                Put::Attribute(attribute) => self.attribute(attribute, &scalar(member, place, key)?),
                Put::Content => content = Some(scalar(member, place, key)?),
                Put::Nowhere => {}
                _ => is_empty = false,
            }
        }
        if let Some(content) = content {
            self.out.push('>');
            escape(&content, false, &mut self.out);
            self.out.push_str(&format!("</{name}>\n"));
            return Ok(());
        }
        if is_empty {
            self.out.push_str("/>\n");
            return Ok(());
        }
        self.out.push_str(">\n");
        self.depth += 1;
        for (key, put) in fields {
            if let Some(member) = members.get(*key) {
                self.member(put, member, &format!("{place}/{key}"))?;
            }
        }
        self.close(name);
        Ok(())
    }

    fn member(&mut self, put: &Put, member: &Value, place: &str) -> Result<(), ConvertError> {
        match put {
            Put::Attribute(_) | Put::Content | Put::Nowhere => {}
            Put::Text(name) => self.text(name, &scalar(member, place, "")?),
            Put::Texts(name) => {
                for item in items(member, place)? {
                    self.text(name, &scalar(item, place, "")?);
                }
            }
            Put::Object(name, fields) => self.object(name, fields, member, place, "")?,
            Put::Objects(name, fields) => self.objects(name, fields, member, place)?,
            Put::List(list, name, fields) => {
                self.open(list);
                self.objects(name, fields, member, place)?;
                self.close(list);
            }
            Put::Components => self.member(&Put::List("components", "component", COMPONENT), member, place)?,
            Put::References(list, name) => {
                self.open(list);
                self.references(name, member, place)?;
                self.close(list);
            }
            Put::BareReferences(name) => self.references(name, member, place)?,
            Put::Licences => {
                self.open("licenses");
                for (at, item) in items(member, place)?.iter().enumerate() {
                    let place = format!("{place}/{at}");
                    match item.get("license") {
                        Some(licence) if object(item, &place)?.len() == 1 => {
                            self.object("license", LICENCE, licence, &format!("{place}/license"), "")?;
                        }
                        Some(_) => return Err(ConvertError::Unwritable(place)),
                        None => self.object("expression", EXPRESSION, item, &place, "")?,
                    }
                }
                self.close("licenses");
            }
        }
        Ok(())
    }

    fn objects(&mut self, name: &str, fields: &[Field], member: &Value, place: &str) -> Result<(), ConvertError> {
        for (at, item) in items(member, place)?.iter().enumerate() {
            self.object(name, fields, item, &format!("{place}/{at}"), "")?;
        }
        Ok(())
    }

    fn references(&mut self, name: &str, member: &Value, place: &str) -> Result<(), ConvertError> {
        for item in items(member, place)? {
            let reference = scalar(item, place, "")?;
            self.indent();
            self.out.push('<');
            self.out.push_str(name);
            self.attribute("ref", &reference);
            self.out.push_str("/>\n");
        }
        Ok(())
    }

    fn text(&mut self, name: &str, text: &str) {
        self.indent();
        self.out.push_str(&format!("<{name}>"));
        escape(text, false, &mut self.out);
        self.out.push_str(&format!("</{name}>\n"));
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push_str(&format!(" {name}=\""));
        escape(value, true, &mut self.out);
        self.out.push('"');
    }

    fn open(&mut self, name: &str) {
        self.indent();
        self.out.push_str(&format!("<{name}>\n"));
        self.depth += 1;
    }

    fn close(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.indent();
        self.out.push_str(&format!("</{name}>\n"));
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }
}

fn object<'a>(value: &'a Value, place: &str) -> Result<&'a Map<String, Value>, ConvertError> {
    value.as_object().ok_or_else(|| ConvertError::Unwritable(place.to_owned()))
}

fn items<'a>(value: &'a Value, place: &str) -> Result<&'a [Value], ConvertError> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| ConvertError::Unwritable(place.to_owned()))
}

fn scalar(value: &Value, place: &str, key: &str) -> Result<String, ConvertError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        _ => Err(ConvertError::Unwritable(format!("{place}/{key}").trim_end_matches('/').to_owned())),
    }
}

/// What stands for a character that XML cannot hold.
pub(crate) const LOST: char = '\u{fffd}';

/// Whether XML 1.0 cannot hold a character (section 2.2), not even as a reference.
pub(crate) const fn is_lost(character: char) -> bool {
    matches!(character, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Characters that XML cannot hold stand as U+FFFD; white space in an attribute stays what it is.
fn escape(text: &str, in_attribute: bool, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' if in_attribute => out.push_str(if character == '\n' { "&#10;" } else { "&#9;" }),
            lost if is_lost(lost) => out.push(LOST),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_no_place_in_xml_is_an_error_and_not_lost() {
        for (bom, place) in [
            (json!({"specVersion": "1.6", "surprise": 1}), "/surprise"),
            (json!({"components": [{"name": "a", "pedigree": {}}]}), "/components/0/pedigree"),
            (json!({"components": {}}), "/components"),
            (json!({"version": []}), "/version"),
            (json!({"metadata": {"licenses": [{"license": {}, "extra": 1}]}}), "/metadata/licenses/0"),
        ] {
            assert_eq!(write(&bom), Err(ConvertError::Unwritable(place.to_owned())), "{bom}");
        }
    }

    #[test]
    fn hostile_text_stays_text() {
        let bom = json!({"specVersion": "1.6", "components": [{"type": "a\"\n<b>", "name": "</name>\u{1b}]]>&amp;\r"}]});
        let text = String::from_utf8(write(&bom).unwrap()).unwrap();
        assert!(text.contains("<component type=\"a&quot;&#10;&lt;b&gt;\">"), "{text}");
        assert!(text.contains("<name>&lt;/name&gt;\u{fffd}]]&gt;&amp;amp;&#13;</name>"), "{text}");
    }
}

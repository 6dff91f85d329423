//! CycloneDX JSON as SPDX 2.3 JSON (<https://spdx.github.io/spdx-spec/v2.3/>).
//!
//! Kept: packages with names, versions, package URLs, suppliers, licences (declared and concluded apart), hashes, the graph,
//! who wrote the document and when. What SPDX has no field for (scopes, properties, completeness) stands in comments.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use avouch_model::Digest;
use serde_json::{Value, json};

use crate::{
    contents::{self, Licences},
    xml::ConvertError,
};

/// The version of the SPDX licence list that the embedded schemas hold.
const LICENCE_LIST: &str = "3.28";
/// What a comment of a package begins with that tells its scope.
pub(crate) const SCOPE: &str = "CycloneDX scope: ";
const UNKNOWN: &str = "NOASSERTION";

/// Writes a document of ours as SPDX.
pub(crate) fn write(bom: &Value) -> Result<Vec<u8>, ConvertError> {
    let metadata = bom.get("metadata").unwrap_or(&Value::Null);
    let Some(product) = metadata.get("component") else {
        return Err(ConvertError::Unwritable("/metadata".to_owned()));
    };
    let name = text(product, "name").unwrap_or("unnamed");
    let version = text(product, "version");
    let uuid = text(bom, "serialNumber").and_then(|serial| serial.strip_prefix("urn:uuid:")).unwrap_or_default();
    let components: Vec<&Value> = std::iter::once(product).chain(list(bom, "components")).collect();
    let ids: HashMap<&str, String> =
        components.iter().filter_map(|component| Some((text(component, "bom-ref")?, identifier(component)))).collect();
    let mut extracted = BTreeMap::new();
    let packages: Vec<String> =
        components.iter().enumerate().map(|(at, it)| package(it, at == 0, &mut extracted).to_string()).collect();
    let licences: Vec<String> = extracted.iter().map(|(id, name)| licence(id, name).to_string()).collect();
    let creation = json!({
        "created": text(metadata, "timestamp"), "creators": creators(metadata), "licenseListVersion": LICENCE_LIST,
    });
    let quoted = |text: &str| Value::from(text).to_string();
    let mut members = vec![
        ("SPDXID", quoted("SPDXRef-DOCUMENT")),
        ("spdxVersion", quoted("SPDX-2.3")),
        ("dataLicense", quoted("CC0-1.0")),
        ("name", quoted(&version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}")))),
        ("documentNamespace", quoted(&format!("https://spdx.org/spdxdocs/{}-{uuid}", plain(name)))),
        ("creationInfo", creation.to_string()),
    ];
    members.extend(about(bom, metadata).map(|comment| ("comment", quoted(&comment))));
    members.push(("packages", lines(&packages)));
    members.push(("relationships", lines(&relationships(bom, product, &ids))));
    if !licences.is_empty() {
        members.push(("hasExtractedLicensingInfos", lines(&licences)));
    }
    let members: Vec<String> = members.into_iter().map(|(key, value)| format!("  \"{key}\": {value}")).collect();
    Ok(format!("{{\n{}\n}}\n", members.join(",\n")).into_bytes())
}

/// A list, an item a line: a document of many packages is written without holding it as a tree.
fn lines(items: &[String]) -> String {
    format!("[\n    {}\n  ]", items.join(",\n    "))
}

/// What the document itself tells of a licence that is in no list.
fn licence(id: &str, name: &str) -> Value {
    let told = format!("The package declares its licence as \"{name}\". The text itself is not part of this document.");
    json!({ "licenseId": id, "name": name, "extractedText": told })
}

fn package(component: &Value, is_product: bool, extracted: &mut BTreeMap<String, String>) -> Value {
    let name = contents::full_name(text(component, "group"), text(component, "name").unwrap_or_default());
    let licences = Licences::of_json(component);
    let mut package = json!({
        "SPDXID": identifier(component),
        "name": name,
        "downloadLocation": download(component),
        "filesAnalyzed": false,
        "copyrightText": text(component, "copyright").unwrap_or(UNKNOWN),
        "licenseDeclared": expression(&licences.declared, extracted),
        "licenseConcluded": expression(&licences.concluded, extracted),
        "supplier": organisation(component.get("supplier")),
    });
    let purpose = match text(component, "type") {
        Some(kind @ ("application" | "framework" | "library" | "container" | "firmware" | "device" | "file")) => {
            Some(kind.to_uppercase())
        }
        Some("operating-system") => Some("OPERATING-SYSTEM".to_owned()),
        _ => None,
    };
    let checksums: Vec<Value> = contents::hashes_of_json(component)
        .into_iter()
        .filter_map(|(algorithm, value)| Some(json!({ "algorithm": spdx_algorithm(&algorithm)?, "checksumValue": value })))
        .collect();
    let references: Vec<Value> = [("PACKAGE-MANAGER", "purl", "purl"), ("SECURITY", "cpe23Type", "cpe")]
        .into_iter()
        .filter_map(|(category, kind, key)| {
            let locator = text(component, key)?;
            Some(json!({ "referenceCategory": category, "referenceType": kind, "referenceLocator": locator }))
        })
        .collect();
    let scope = text(component, "scope").filter(|_| !is_product).map(|scope| format!("{SCOPE}{scope}"));
    let properties = list(component, "properties").filter_map(told);
    let comment: Vec<String> = scope.into_iter().chain(properties).collect();
    if let Some(members) = package.as_object_mut() {
        let mut put = |key: &str, value: Option<Value>| value.map(|value| members.insert(key.to_owned(), value));
        put("versionInfo", text(component, "version").map(Value::from));
        put("description", text(component, "description").map(Value::from));
        put("primaryPackagePurpose", purpose.map(Value::from));
        put("originator", component.get("manufacturer").map(|made| organisation(Some(made)).into()));
        put("checksums", (!checksums.is_empty()).then_some(Value::Array(checksums)));
        put("externalRefs", (!references.is_empty()).then_some(Value::Array(references)));
        put("comment", (!comment.is_empty()).then(|| comment.join("\n").into()));
    }
    package
}

/// The document describes the product, and everything depends on what the graph says.
fn relationships(bom: &Value, product: &Value, ids: &HashMap<&str, String>) -> Vec<String> {
    let relation = |from: &str, kind: &str, to: &str| {
        json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to }).to_string()
    };
    let mut relations = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", &identifier(product))];
    for dependency in list(bom, "dependencies") {
        let Some(from) = text(dependency, "ref").and_then(|from| ids.get(from)) else { continue };
        for to in list(dependency, "dependsOn").filter_map(|to| ids.get(to.as_str()?)) {
            relations.push(relation(from, "DEPENDS_ON", to));
        }
    }
    relations
}

/// Who made the document: organisations, persons, and the tool.
fn creators(metadata: &Value) -> Vec<String> {
    let mut creators = Vec::new();
    let mut named = BTreeSet::new();
    for key in ["manufacturer", "supplier"] {
        if let Some(name) = metadata.get(key).and_then(|made| text(made, "name"))
            && named.insert(name)
        {
            creators.push(organisation(metadata.get(key)));
        }
    }
    for author in list(metadata, "authors") {
        if let Some(name) = text(author, "name")
            && named.insert(name)
        {
            let email = text(author, "email").map(|email| format!(" ({})", line(email))).unwrap_or_default();
            creators.push(format!("Person: {}{email}", line(name)));
        }
    }
    let tools = metadata.get("tools").into_iter().flat_map(|tools| list(tools, "components"));
    for tool in tools {
        let version = text(tool, "version").map(|version| format!("-{}", line(version))).unwrap_or_default();
        creators.push(format!("Tool: {}{version}", line(text(tool, "name").unwrap_or_default())));
    }
    creators
}

fn organisation(organisation: Option<&Value>) -> String {
    match organisation.and_then(|it| text(it, "name")) {
        None | Some(UNKNOWN) => UNKNOWN.to_owned(),
        Some(name) => {
            let contacts = organisation.into_iter().flat_map(|it| list(it, "contact"));
            let email = contacts.filter_map(|contact| text(contact, "email")).next();
            format!("Organization: {}{}", line(name), email.map(|email| format!(" ({})", line(email))).unwrap_or_default())
        }
    }
}

/// What the document's comment tells: the facts that SPDX has no field for.
fn about(bom: &Value, metadata: &Value) -> Option<String> {
    let mut lines: Vec<String> =
        list(metadata, "lifecycles").filter_map(|it| Some(format!("lifecycle={}", text(it, "phase")?))).collect();
    let compositions = list(bom, "compositions").filter_map(|it| text(it, "aggregate"));
    lines.extend(compositions.collect::<BTreeSet<_>>().into_iter().map(|aggregate| format!("composition={aggregate}")));
    let properties = list(metadata, "properties");
    lines.extend(properties.filter_map(told));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A property on a line of its own.
fn told(property: &Value) -> Option<String> {
    Some(format!("{}={}", line(text(property, "name")?), line(text(property, "value")?)))
}

/// Where the package is had: the address of its archive, or its repository at a commit.
fn download(component: &Value) -> String {
    let is_address = |url: &str| {
        (url.starts_with("https://") || url.starts_with("http://")) && url.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let references = list(component, "externalReferences");
    let mut archives = references.filter(|it| text(it, "type") == Some("distribution")).filter_map(|it| text(it, "url"));
    if let Some(url) = archives.find(|url| is_address(url)) {
        return url.to_owned();
    }
    let repository = text(component, "purl").and_then(|purl| contents::qualifier(purl, "vcs_url"));
    match repository.filter(|url| url.strip_prefix("git+").is_some_and(is_address)) {
        Some(url) => url,
        None => UNKNOWN.to_owned(),
    }
}

/// A licence as SPDX writes it. What is no SPDX id or expression becomes a reference to what the document itself tells of it.
fn expression(licences: &[contents::Licence], extracted: &mut BTreeMap<String, String>) -> String {
    let mut parts = Vec::new();
    for licence in licences {
        match licence {
            contents::Licence::Known(text) if tokens(text).all(is_told_here) => {
                let own = tokens(text).filter(|token| token.starts_with("LicenseRef-"));
                extracted.extend(own.map(|token| (token.to_owned(), token.to_owned())));
                parts.push(text.clone());
            }
            contents::Licence::Named(name) | contents::Licence::Known(name) => {
                let digest = Digest::of(name.as_bytes()).hex();
                let id = format!(
                    "LicenseRef-{}-{}",
                    plain(name).chars().take(40).collect::<String>(),
                    digest.get(..8).unwrap_or_default()
                );
                extracted.insert(id.clone(), name.clone());
                parts.push(id);
            }
        }
    }
    contents::joined(&parts).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The words of an expression.
fn tokens(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(|character: char| character.is_whitespace() || matches!(character, '(' | ')'))
        .filter(|token| !token.is_empty())
}

/// Whether a word of an expression can stand in this document: it has no documents beside it that it could refer to, SPDX 2.3
/// knows no `AdditionRef-`, and a `LicenseRef-` has a name of letters, digits, points and hyphens (annex D.1).
fn is_told_here(token: &str) -> bool {
    let is_plain = |id: &str| !id.is_empty() && plain(id) == id;
    match token.strip_prefix("LicenseRef-") {
        Some(id) => is_plain(id),
        None => !token.starts_with("DocumentRef-") && !token.starts_with("AdditionRef-"),
    }
}

/// An id that is the same for the same component: its name for people, and the digest of its reference.
fn identifier(component: &Value) -> String {
    let name = plain(text(component, "name").unwrap_or_default());
    let digest = Digest::of(text(component, "bom-ref").unwrap_or_default().as_bytes()).hex();
    format!("SPDXRef-Package-{name}-{}", digest.get(..16).unwrap_or_default())
}

fn spdx_algorithm(algorithm: &str) -> Option<&'static str> {
    Some(match algorithm {
        "MD5" => "MD5",
        "SHA-1" => "SHA1",
        "SHA-256" => "SHA256",
        "SHA-384" => "SHA384",
        "SHA-512" => "SHA512",
        "SHA3-256" => "SHA3-256",
        "SHA3-384" => "SHA3-384",
        "SHA3-512" => "SHA3-512",
        "BLAKE2b-256" => "BLAKE2b-256",
        "BLAKE2b-384" => "BLAKE2b-384",
        "BLAKE2b-512" => "BLAKE2b-512",
        "BLAKE3" => "BLAKE3",
        _ => return None,
    })
}

/// The letters, digits, points and hyphens that an identifier may have; a hyphen for the rest.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_ascii_alphanumeric() || character == '.' { character } else { '-' }).collect()
}

/// A text on one line.
fn line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

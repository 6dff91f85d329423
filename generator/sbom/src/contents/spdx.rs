//! SPDX 2 JSON.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;

use super::{Contents, Item, Reading};
use crate::spdx::SCOPE;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    spdx_version: String,
    #[serde(default)]
    packages: Vec<Package>,
    #[serde(default)]
    relationships: Vec<Relationship>,
    #[serde(default)]
    document_describes: Vec<String>,
    #[serde(default)]
    has_extracted_licensing_infos: Vec<Extracted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    version_info: Option<String>,
    license_declared: Option<String>,
    license_concluded: Option<String>,
    #[serde(default)]
    checksums: Vec<Checksum>,
    #[serde(default)]
    external_refs: Vec<Reference>,
    comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: String,
    checksum_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    reference_type: String,
    reference_locator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    related_spdx_element: String,
    relationship_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extracted {
    license_id: String,
    name: Option<String>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Contents, serde_json::Error> {
    let document: Document = serde_json::from_slice(bytes)?;
    let version = document.spdx_version.trim_start_matches("SPDX-");
    let mut reading = Reading { format: format!("SPDX {version} JSON"), ..Reading::default() };
    let named = document.has_extracted_licensing_infos.into_iter().filter_map(|it| Some((it.license_id, it.name?)));
    let named: HashMap<String, String> = named.collect();
    let mut described: BTreeSet<String> = document.document_describes.into_iter().collect();
    for relation in document.relationships {
        let (from, to) = (relation.spdx_element_id, relation.related_spdx_element);
        match relation.relationship_type.as_str() {
            "DESCRIBES" => drop(described.insert(to)),
            "DESCRIBED_BY" => drop(described.insert(from)),
            "DEPENDS_ON" => reading.needs.push((from, to)),
            kind if kind.ends_with("DEPENDENCY_OF") => reading.needs.push((to, from)),
            _ => {}
        }
    }
    // A document that describes several packages has no product that the others could be parts of.
    let product = described.iter().next().filter(|_| described.len() == 1).cloned();
    for package in document.packages {
        let id = package.id.clone();
        let item = item(package, &named);
        if product.as_deref() == Some(id.as_str()) {
            reading.product = Some((id, item.identity));
        } else {
            reading.found.push((id, item));
        }
    }
    Ok(reading.finish())
}

fn item(package: Package, named: &HashMap<String, String>) -> Item {
    let purl = package.external_refs.iter().find(|it| it.reference_type == "purl").map(|it| it.reference_locator.as_str());
    let mut hashes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for checksum in package.checksums {
        let algorithm = match checksum.algorithm.as_str() {
            "SHA1" => "SHA-1".to_owned(),
            "SHA256" => "SHA-256".to_owned(),
            "SHA384" => "SHA-384".to_owned(),
            "SHA512" => "SHA-512".to_owned(),
            other => other.to_owned(),
        };
        hashes.entry(algorithm).or_default().insert(checksum.checksum_value.to_ascii_lowercase());
    }
    let scope = package.comment.as_deref().into_iter().flat_map(str::lines).find_map(|line| line.strip_prefix(SCOPE));
    Item {
        identity: super::identity_of(purl, None, &package.name, package.version_info.as_deref()),
        scope: scope.map(str::to_owned),
        licence: licence(package.license_declared, named),
        concluded: licence(package.license_concluded, named),
        hashes,
    }
}

/// A licence expression in which references stand as the names that the document gives them.
fn licence(expression: Option<String>, named: &HashMap<String, String>) -> Option<String> {
    let expression = expression.filter(|text| !matches!(text.as_str(), "" | "NOASSERTION" | "NONE"))?;
    let is_edge = |character: char| character.is_whitespace() || matches!(character, '(' | ')');
    let mut out = String::with_capacity(expression.len());
    for piece in expression.split_inclusive(is_edge) {
        let token = piece.trim_end_matches(is_edge);
        let edge = piece.get(token.len()..).unwrap_or_default();
        out.push_str(named.get(token).map_or(token, String::as_str));
        out.push_str(edge);
    }
    Some(out)
}

//! A BOM in XML or SPDX as CycloneDX JSON: as much of it as whoever looks for known vulnerabilities reads. What is what, where
//! it comes from, what needs what, and how complete the document says it is.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value, json};

use crate::{
    contents::{SortOfBom, UnreadBom, xml_root},
    spdx::SCOPE,
    xml_tree::Element,
};

/// The same document in CycloneDX JSON; one that is JSON already is given back as it is.
///
/// # Errors
/// When it is no BOM, or broken.
pub fn as_json(bytes: &[u8]) -> Result<Cow<'_, [u8]>, UnreadBom> {
    let document = match SortOfBom::of(bytes)? {
        SortOfBom::CycloneDxJson => return Ok(Cow::Borrowed(bytes)),
        SortOfBom::Xml => {
            let (root, version) = xml_root(bytes)?;
            of_xml(&root, &version)
        }
        SortOfBom::SpdxJson => of_spdx(&serde_json::from_slice(bytes).map_err(|error| UnreadBom::broken("SPDX JSON", error))?),
    };
    Ok(Cow::Owned(document.to_string().into_bytes()))
}

fn of_xml(root: &Element, version: &str) -> Value {
    let metadata = root.child("metadata");
    let product = metadata.and_then(|metadata| metadata.child("component"));
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "metadata": { "properties": metadata.map(properties).unwrap_or_default() },
        "components": root.listed("components", "component").map(component).collect::<Vec<_>>(),
        "dependencies": dependencies(root),
        "compositions": root.listed("compositions", "composition").map(composition).collect::<Vec<_>>(),
    });
    if let (Some(product), Some(metadata)) = (product, document.get_mut("metadata").and_then(Value::as_object_mut)) {
        metadata.insert("component".to_owned(), component(product));
    }
    if let (Some(serial), Some(members)) = (root.attribute("serialNumber"), document.as_object_mut()) {
        members.insert("serialNumber".to_owned(), serial.into());
    }
    document
}

fn component(element: &Element) -> Value {
    let mut members = Map::new();
    for (name, attribute) in [("type", "type"), ("bom-ref", "bom-ref")] {
        members.extend(element.attribute(attribute).map(|value| (name.to_owned(), value.into())));
    }
    for name in ["group", "name", "version", "purl", "scope"] {
        members.extend(element.text_of(name).filter(|text| !text.is_empty()).map(|text| (name.to_owned(), text.into())));
    }
    members.insert("properties".to_owned(), properties(element).into());
    members.insert("components".to_owned(), element.listed("components", "component").map(component).collect());
    members.into()
}

fn properties(element: &Element) -> Vec<Value> {
    let property = |it: &Element| json!({ "name": it.attribute("name").unwrap_or_default(), "value": it.text.trim() });
    element.listed("properties", "property").map(property).collect()
}

/// Dependencies lie within dependencies in XML.
fn dependencies(root: &Element) -> Vec<Value> {
    let mut waiting: Vec<&Element> = root.listed("dependencies", "dependency").collect();
    let mut found = Vec::new();
    while let Some(dependency) = waiting.pop() {
        let needs: Vec<&str> = dependency.named("dependency").filter_map(|to| to.attribute("ref")).collect();
        found.extend(dependency.attribute("ref").map(|reference| json!({ "ref": reference, "dependsOn": needs })));
        waiting.extend(dependency.named("dependency"));
    }
    found
}

fn composition(element: &Element) -> Value {
    let named = |list, name| element.listed(list, name).filter_map(|it| it.attribute("ref")).collect::<Vec<_>>();
    json!({
        "aggregate": element.text_of("aggregate").unwrap_or_default(),
        "assemblies": named("assemblies", "assembly"),
        "dependencies": named("dependencies", "dependency"),
    })
}

fn of_spdx(document: &Value) -> Value {
    let list = |key: &str| document.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut described: BTreeSet<&str> = list("documentDescribes").iter().filter_map(Value::as_str).collect();
    let mut needs = Vec::new();
    for relation in list("relationships") {
        let of = |key| relation.get(key).and_then(Value::as_str);
        let (Some(from), Some(to), Some(kind)) = (of("spdxElementId"), of("relatedSpdxElement"), of("relationshipType")) else {
            continue;
        };
        match kind {
            "DESCRIBES" => drop(described.insert(to)),
            "DESCRIBED_BY" => drop(described.insert(from)),
            "DEPENDS_ON" => needs.push(json!({ "ref": from, "dependsOn": [to] })),
            kind if kind.ends_with("DEPENDENCY_OF") => needs.push(json!({ "ref": to, "dependsOn": [from] })),
            _ => {}
        }
    }
    // A document that describes several packages has no product that the others could be parts of.
    let product = described.first().filter(|_| described.len() == 1).copied();
    let is_product = |it: &&Value| product.is_some() && it.get("SPDXID").and_then(Value::as_str) == product;
    let said: Vec<(&str, &str)> = document.get("comment").map(facts).unwrap_or_default();
    let compositions = said.iter().filter(|(name, _)| *name == "composition").map(|(_, word)| json!({ "aggregate": word }));
    let mut metadata = json!({ "properties": properties_of(&said) });
    if let (Some(package), Some(members)) = (list("packages").iter().find(is_product), metadata.as_object_mut()) {
        members.insert("component".to_owned(), package_as_component(package));
    }
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "",
        "metadata": metadata,
        "components": list("packages").iter().filter(|it| !is_product(it)).map(package_as_component).collect::<Vec<_>>(),
        "dependencies": needs,
        "compositions": compositions.collect::<Vec<_>>(),
    })
}

fn package_as_component(package: &Value) -> Value {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let mut members = Map::new();
    for (name, key) in [("bom-ref", "SPDXID"), ("name", "name"), ("version", "versionInfo")] {
        members.extend(text(key).map(|value| (name.to_owned(), value.into())));
    }
    let references = package.get("externalRefs").and_then(Value::as_array).into_iter().flatten();
    let mut purls = references.filter(|it| it.get("referenceType").and_then(Value::as_str) == Some("purl"));
    let purl = purls.find_map(|it| it.get("referenceLocator").cloned());
    members.extend(purl.map(|purl| ("purl".to_owned(), purl)));
    let kind = match text("primaryPackagePurpose") {
        Some("FILE") => "file",
        Some("DEVICE") => "device",
        Some("OPERATING-SYSTEM" | "OPERATING_SYSTEM") => "operating-system",
        _ => "library",
    };
    members.insert("type".to_owned(), kind.into());
    let comment = text("comment").unwrap_or_default();
    let scope = comment.lines().find_map(|line| line.strip_prefix(SCOPE));
    members.extend(scope.map(|scope| ("scope".to_owned(), scope.into())));
    let mut said = package.get("comment").map(facts).unwrap_or_default();
    for (name, value) in &mut said {
        // SPDX has no place for the reference that tells a packed copy from a folder of the product; parts of it say `member`.
        if (*name, *value) == ("avouch:origin", "path") {
            *value = "copy";
        }
    }
    members.insert("properties".to_owned(), properties_of(&said).into());
    members.into()
}

/// The `name=value` lines of a comment.
fn facts(comment: &Value) -> Vec<(&str, &str)> {
    comment.as_str().unwrap_or_default().lines().filter_map(|line| line.split_once('=')).collect()
}

fn properties_of(facts: &[(&str, &str)]) -> Vec<Value> {
    facts.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

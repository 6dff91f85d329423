//! CycloneDX XML.

use std::collections::{BTreeMap, BTreeSet};

use super::{Contents, Identity, Item, Licences, Reading, UnreadBom};
use crate::{
    validate_xml::NAMESPACE,
    xml_tree::{self, Element, NotXml},
};

pub(super) fn read(bytes: &[u8]) -> Result<Contents, UnreadBom> {
    let broken = |message: String| UnreadBom::Broken { format: "CycloneDX XML", message };
    let text = std::str::from_utf8(bytes).map_err(|error| broken(error.to_string()))?;
    let root = xml_tree::parse(text).map_err(|error| match error {
        NotXml::Malformed(fault) => broken(fault.to_string()),
        NotXml::Refused(why) => broken(why),
    })?;
    let Some(version) = root.name.namespace.strip_prefix(NAMESPACE).filter(|_| *root.name.local == *"bom") else {
        return Err(UnreadBom::Unknown);
    };
    let mut reading = Reading { format: format!("CycloneDX {version} XML"), ..Reading::default() };
    let mut waiting: Vec<&Element> = listed(&root, "components", "component").collect();
    if let Some(product) = root.child("metadata").and_then(|metadata| metadata.child("component")) {
        waiting.extend(listed(product, "components", "component"));
        reading.product = Some((reference(product), identity(product)));
    }
    while let Some(component) = waiting.pop() {
        waiting.extend(listed(component, "components", "component"));
        reading.found.push((reference(component), item(component)));
    }
    let mut dependencies: Vec<&Element> = listed(&root, "dependencies", "dependency").collect();
    while let Some(dependency) = dependencies.pop() {
        for to in dependency.named("dependency") {
            let names = dependency.attribute("ref").zip(to.attribute("ref"));
            reading.needs.extend(names.map(|(from, to)| (from.to_owned(), to.to_owned())));
            dependencies.push(to);
        }
    }
    Ok(reading.finish())
}

fn listed<'a>(element: &'a Element, list: &'a str, name: &'a str) -> impl Iterator<Item = &'a Element> + 'a {
    element.named(list).flat_map(move |list| list.named(name))
}

fn reference(element: &Element) -> String {
    element.attribute("bom-ref").unwrap_or_default().to_owned()
}

fn identity(component: &Element) -> Identity {
    let text = |name| component.text_of(name);
    super::identity_of(text("purl"), text("group"), text("name").unwrap_or_default(), text("version"))
}

fn item(component: &Element) -> Item {
    let mut licences = Licences::default();
    let found = component.child("evidence");
    for (holder, by_default) in [(Some(component), "declared"), (found, "concluded")] {
        for choice in holder.and_then(|holder| holder.child("licenses")).into_iter().flat_map(|list| &list.children) {
            let acknowledgement = choice.attribute("acknowledgement").unwrap_or(by_default);
            let text = |name| choice.text_of(name).map(str::to_owned);
            match &*choice.name.local {
                "license" => licences.add(text("id"), text("name"), acknowledgement),
                "expression" => licences.add(Some(choice.text.trim().to_owned()), None, acknowledgement),
                "expression-detailed" => licences.add(choice.attribute("expression").map(str::to_owned), None, acknowledgement),
                _ => {}
            }
        }
    }
    let (licence, concluded) = licences.sorted().texts();
    let archives = listed(component, "externalReferences", "reference").filter(|it| it.attribute("type") == Some("distribution"));
    let mut hashes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for hash in std::iter::once(component).chain(archives).flat_map(|holder| listed(holder, "hashes", "hash")) {
        let algorithm = hash.attribute("alg").unwrap_or_default().to_owned();
        hashes.entry(algorithm).or_default().insert(hash.text.trim().to_ascii_lowercase());
    }
    let scope = component.text_of("scope").filter(|scope| !scope.is_empty()).unwrap_or("required");
    Item { identity: identity(component), scope: Some(scope.to_owned()), licence, concluded, hashes }
}

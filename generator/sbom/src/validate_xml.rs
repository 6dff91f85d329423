//! Whether a document is CycloneDX in XML: the official schema, the references, and two rules that the JSON schema holds and
//! XML Schema 1.0 cannot say.

use std::{collections::HashSet, sync::OnceLock};

use crate::{
    validate::{FAULTS_MAX, Fault, Verdict, is_version, not_checked, verdict},
    xml_tree::{self, Element, NotXml},
    xsd::Schema,
};

/// What the namespaces of CycloneDX begin with; the version follows.
pub(crate) const NAMESPACE: &str = "http://cyclonedx.org/schema/bom/";

const SPDX_SCHEMA: &str = include_str!("../schemas/spdx.xsd");
const SCHEMA_1_5: &str = include_str!("../schemas/bom-1.5.xsd");
const SCHEMA_1_6: &str = include_str!("../schemas/bom-1.6.xsd");
const SCHEMA_1_7: &str = include_str!("../schemas/bom-1.7.xsd");

pub(crate) fn judge(bytes: &[u8]) -> Verdict {
    let fault = |place: String, message: String| Verdict::Invalid(vec![Fault { place, message }]);
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Verdict::Unknown("its bytes are not UTF-8, the encoding that is read".to_owned());
    };
    let root = match xml_tree::parse_as_far(text) {
        Ok(root) => root,
        Err(NotXml::Malformed(fault)) => return Verdict::Invalid(vec![fault]),
        Err(NotXml::Refused(why)) => return Verdict::Unknown(why),
    };
    let place = |at: usize| xml_tree::place(text, at);
    if *root.name.local == *"RDF" {
        return Verdict::Unknown("it is an RDF document (SPDX?), not CycloneDX".to_owned());
    }
    let Some(version) = root.name.namespace.strip_prefix(NAMESPACE) else {
        let message = format!("`{}` in the namespace `{}` is no BOM of CycloneDX", root.name.local, root.name.namespace);
        return fault(place(root.at), message);
    };
    let schema = match schema(version) {
        Some(Ok(schema)) => schema,
        Some(Err(message)) => return Verdict::Unknown(message.clone()),
        None if is_version(version) => return Verdict::Unknown(not_checked(version)),
        None => return fault(place(root.at), format!("`{version}` is no version of CycloneDX")),
    };
    let checked = match schema.check(&root, FAULTS_MAX) {
        Ok(checked) => checked,
        Err(why) => return Verdict::Unknown(why),
    };
    let mut named = HashSet::new();
    references(&root, &mut named);
    // What lies deeper than is read may be what a reference names.
    let links = checked.links.iter().filter(|_| root.cut.is_none());
    let dangling = links.filter(|(_, link)| !named.contains(link.as_str()) && !link.starts_with("urn:cdx:"));
    let dangling = dangling.map(|(at, link)| (*at, format!("`{link}` names nothing in this document")));
    let mut wrong: Vec<(usize, String)> = dangling.chain(twice(&root)).chain(unsaid(&root)).collect();
    wrong.truncate(FAULTS_MAX);
    wrong.extend(checked.wrong);
    if let Some(at) = root.cut.filter(|_| wrong.is_empty()) {
        return Verdict::Unknown(xml_tree::too_deep(text, at));
    }
    verdict(
        wrong.into_iter().map(|(at, message)| Fault { place: place(at), message }).collect(),
        format!("CycloneDX {version} XML"),
    )
}

/// The schema of a version, read once.
fn schema(version: &str) -> Option<&'static Result<Schema, String>> {
    static SCHEMAS: [OnceLock<Result<Schema, String>>; 3] = [const { OnceLock::new() }; 3];
    let texts = [("1.5", SCHEMA_1_5), ("1.6", SCHEMA_1_6), ("1.7", SCHEMA_1_7)];
    let (place, (_, text)) = SCHEMAS.iter().zip(texts).find(|(_, (name, _))| *name == version)?;
    Some(place.get_or_init(|| Schema::read(text, SPDX_SCHEMA)))
}

/// Every `bom-ref` of a document.
fn references<'a>(element: &'a Element, named: &mut HashSet<&'a str>) {
    named.extend(element.attribute("bom-ref"));
    element.children.iter().for_each(|child| references(child, named));
}

/// The dependencies of one thing, told in two places.
fn twice(root: &Element) -> Vec<(usize, String)> {
    let mut seen = HashSet::new();
    let listed = root.child("dependencies").into_iter().flat_map(|list| list.named("dependency"));
    let again = listed.filter_map(|it| Some((it.at, it.attribute("ref")?))).filter(|(_, reference)| !seen.insert(*reference));
    again.map(|(at, reference)| (at, format!("the dependencies of `{reference}` stand in another place already"))).collect()
}

/// Two rules that the schemas tell in words only: a range of versions is of something external, and a citation says who or
/// how.
fn unsaid(element: &Element) -> Vec<(usize, String)> {
    let mut wrong = Vec::new();
    let is_external = || matches!(element.attribute("isExternal").map(str::trim), Some("true" | "1"));
    if *element.name.local == *"component" && element.child("versionRange").is_some() && !is_external() {
        wrong.push((element.at, "a `versionRange` stands only where `isExternal` is true".to_owned()));
    }
    let is_whole_citation = *element.name.local == *"citation" && element.cut.is_none();
    if is_whole_citation && element.child("attributedTo").is_none() && element.child("process").is_none() {
        wrong.push((element.at, "a citation needs `attributedTo` or `process`".to_owned()));
    }
    wrong.extend(element.children.iter().flat_map(unsaid));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_schemas_are_read_whole() {
        for version in ["1.5", "1.6", "1.7"] {
            assert_eq!(schema(version).unwrap().as_ref().err(), None, "{version}");
        }
    }
}

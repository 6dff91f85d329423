//! CycloneDX JSON, and the way to SPDX.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::{Contents, Identity, Item, Licences, Reading, UnreadBom, spdx};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sort {
    bom_format: Option<String>,
    spec_version: Option<String>,
    spdx_version: Option<String>,
}

#[derive(Deserialize)]
struct Bom {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    component: Option<Component>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    group: Option<String>,
    name: String,
    version: Option<String>,
    purl: Option<String>,
    scope: Option<String>,
    #[serde(default)]
    hashes: Vec<Hash>,
    #[serde(default)]
    external_references: Vec<Reference>,
    #[serde(default)]
    licenses: Vec<Choice>,
    evidence: Option<Evidence>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Evidence {
    #[serde(default)]
    licenses: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    license: Option<Licence>,
    expression: Option<String>,
    acknowledgement: Option<String>,
}

#[derive(Deserialize)]
struct Licence {
    id: Option<String>,
    name: Option<String>,
    acknowledgement: Option<String>,
}

#[derive(Deserialize)]
struct Hash {
    alg: String,
    content: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    hashes: Vec<Hash>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    depends_on: Vec<String>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Contents, UnreadBom> {
    let broken = |format: &'static str| move |error: serde_json::Error| UnreadBom::Broken { format, message: error.to_string() };
    let sort: Sort = serde_json::from_slice(bytes).map_err(broken("JSON"))?;
    match (sort.bom_format.as_deref(), sort.spdx_version) {
        (Some("CycloneDX"), _) => {
            let bom: Bom = serde_json::from_slice(bytes).map_err(broken("CycloneDX JSON"))?;
            Ok(cyclonedx(bom, &sort.spec_version.unwrap_or_default()))
        }
        (_, Some(version)) if version.starts_with("SPDX-2.") => spdx::read(bytes).map_err(broken("SPDX JSON")),
        _ => Err(UnreadBom::Unknown),
    }
}

fn cyclonedx(bom: Bom, version: &str) -> Contents {
    let mut reading = Reading { format: format!("CycloneDX {version} JSON"), ..Reading::default() };
    let mut waiting = bom.components;
    if let Some(mut product) = bom.metadata.component {
        waiting.append(&mut product.components);
        let reference = product.reference.clone().unwrap_or_default();
        reading.product = Some((reference, identity(&product)));
    }
    while let Some(mut component) = waiting.pop() {
        waiting.append(&mut component.components);
        let reference = component.reference.clone().unwrap_or_default();
        reading.found.push((reference, item(component)));
    }
    for dependency in bom.dependencies {
        reading.needs.extend(dependency.depends_on.into_iter().map(|to| (dependency.reference.clone(), to)));
    }
    reading.finish()
}

fn item(component: Component) -> Item {
    let identity = identity(&component);
    let mut licences = Licences::default();
    let found = component.evidence.map(|evidence| evidence.licenses).unwrap_or_default();
    for (choices, by_default) in [(component.licenses, "declared"), (found, "concluded")] {
        for choice in choices {
            let (known, name, said) = match choice.license {
                Some(licence) => (licence.id, licence.name, licence.acknowledgement),
                None => (choice.expression, None, choice.acknowledgement),
            };
            licences.add(known, name, said.as_deref().unwrap_or(by_default));
        }
    }
    let (licence, concluded) = licences.sorted().texts();
    let distributed = component.external_references.iter().filter(|it| it.kind.as_deref() == Some("distribution"));
    let hashes = component.hashes.iter().chain(distributed.flat_map(|it| &it.hashes));
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for hash in hashes {
        told.entry(hash.alg.clone()).or_default().insert(hash.content.to_ascii_lowercase());
    }
    Item {
        identity,
        // CycloneDX: without a scope, `required` is meant.
        scope: Some(component.scope.unwrap_or_else(|| "required".to_owned())),
        licence,
        concluded,
        hashes: told,
    }
}

fn identity(component: &Component) -> Identity {
    super::identity_of(component.purl.as_deref(), component.group.as_deref(), &component.name, component.version.as_deref())
}

/// The hashes of a component in CycloneDX JSON, its own and those of its archive, each once.
pub(crate) fn hashes_of_json(component: &Value) -> BTreeSet<(String, String)> {
    let list = |value: &Value, key: &str| -> Vec<Value> { value.get(key).and_then(Value::as_array).cloned().unwrap_or_default() };
    let archives = list(component, "externalReferences");
    let archives = archives.iter().filter(|it| it.get("type").and_then(Value::as_str) == Some("distribution"));
    let hashes = list(component, "hashes").into_iter().chain(archives.flat_map(|it| list(it, "hashes")));
    let text = |hash: &Value, key: &str| hash.get(key).and_then(Value::as_str).map(str::to_owned);
    hashes.filter_map(|hash| Some((text(&hash, "alg")?, text(&hash, "content")?.to_ascii_lowercase()))).collect()
}

//! CycloneDX JSON, the part of it that is written, in the order in which it is written.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Serialize, Serializer};

/// A document. What it lists is made while it is written, one at a time: all of it at once would be most of the memory.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document<'a, C: Serialize, D: Serialize> {
    #[serde(rename = "$schema")]
    pub(crate) schema: String,
    pub(crate) bom_format: &'static str,
    pub(crate) spec_version: &'static str,
    pub(crate) serial_number: String,
    pub(crate) version: u32,
    pub(crate) metadata: Metadata,
    pub(crate) components: C,
    pub(crate) dependencies: D,
    pub(crate) compositions: Vec<Composition<'a>>,
}

/// What is listed, made by a function each time it is asked for.
pub(crate) struct Listed<F>(pub(crate) F);

impl<I: Iterator<Item: Serialize>, F: Fn() -> I> Serialize for Listed<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) timestamp: String,
    pub(crate) lifecycles: Vec<Lifecycle>,
    pub(crate) tools: Tools,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) authors: Vec<Contact>,
    pub(crate) component: Component,
    /// Who made the BOM (1.6 on; before, this said who made the product).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) manufacturer: Option<Organisation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) supplier: Option<Organisation>,
    pub(crate) properties: Vec<Property>,
}

#[derive(Serialize)]
pub(crate) struct Lifecycle {
    pub(crate) phase: &'static str,
}

#[derive(Serialize)]
pub(crate) struct Tools {
    pub(crate) components: Vec<Component>,
}

/// `organizationalEntity`. None of its fields is required.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Organisation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) url: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) contact: Vec<Contact>,
}

/// `organizationalContact`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Contact {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Component {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    pub(crate) bom_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) supplier: Option<Organisation>,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) licenses: Vec<LicenceChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) external_references: Vec<ExternalReference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) properties: Vec<Property>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) evidence: Option<Evidence>,
}

/// What was found beside what is asserted: the licences that `licenses` has no room for.
#[derive(Serialize)]
pub(crate) struct Evidence {
    pub(crate) licenses: Vec<LicenceChoice>,
}

#[derive(Clone, Serialize)]
pub(crate) struct Hash {
    pub(crate) alg: &'static str,
    pub(crate) content: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum LicenceChoice {
    Licence {
        license: Licence,
    },
    Expression {
        expression: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        acknowledgement: Option<&'static str>,
    },
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Licence {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acknowledgement: Option<&'static str>,
}

#[derive(Serialize)]
pub(crate) struct ExternalReference {
    pub(crate) url: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hashes: Vec<Hash>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Dependency<'a> {
    #[serde(rename = "ref")]
    pub(crate) reference: &'a str,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) depends_on: &'a BTreeSet<Arc<str>>,
}

#[derive(Serialize)]
pub(crate) struct Composition<'a> {
    pub(crate) aggregate: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) assemblies: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dependencies: Vec<&'a str>,
}

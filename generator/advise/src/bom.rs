//! The components of a CycloneDX document and what needs what.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use crate::{
    Purl,
    completeness::{self, Composition},
};

/// How deep components may lie within components; `serde_json` bounds it, too.
const COMPONENTS_MAX: usize = 1_000_000;

/// The types of components that are no packages (CycloneDX 1.7, `component.type`); all others are, and so is an unknown one.
const NO_PACKAGES: [&str; 7] =
    ["cryptographic-asset", "data", "device", "device-driver", "file", "machine-learning-model", "operating-system"];

/// What a component is needed for (CycloneDX, `scope`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// It is part of what runs, or nothing is said.
    #[default]
    Required,
    /// It may be part of what runs.
    Optional,
    /// It is needed for building and testing only.
    Excluded,
}

impl Scope {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Excluded => "excluded",
        }
    }
}

/// What a component is to somebody who looks for known vulnerabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A package that others publish: a library, a framework or an application, and whatever does not say what it is.
    #[default]
    Package,
    /// A package that others publish, as a copy that lies in the product: what was changed in it nobody knows.
    Copy,
    /// A part of the product itself, which nobody publishes advisories for.
    Own,
    /// No package: a file, data, a device, an operating system and the like (CycloneDX, `type`).
    NoPackage,
}

/// A component as a BOM has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Component {
    /// What names it within the document.
    pub reference: String,
    /// Its name, its group in front.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: Option<String>,
    /// What it is needed for.
    pub scope: Scope,
    /// What it is.
    pub role: Role,
}

impl Component {
    /// `name version`, for people.
    pub fn label(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A bill of materials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bom {
    /// The version of CycloneDX.
    pub spec: String,
    /// The document's own identity, `urn:uuid:…`.
    pub serial: Option<String>,
    /// What it describes.
    pub root: Option<Component>,
    /// The components, those within others too.
    pub components: Vec<Component>,
    /// Why something may be missing, where the document says that it is incomplete: in one sentence.
    pub incomplete: Option<String>,
    /// Whether the document says of what it describes how complete it is, in whatever words.
    pub tells_completeness: bool,
    /// What each needs, by reference.
    edges: HashMap<String, Vec<String>>,
}

/// Why a BOM cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BomError {
    /// It is no JSON of that shape.
    #[error("this is no CycloneDX document in JSON")]
    Shape(#[source] serde_json::Error),
    /// It is something else.
    #[error("this is no CycloneDX document: `bomFormat` does not say so; SPDX and others are not read")]
    Other,
    /// It is larger than any product.
    #[error("it lists more than {COMPONENTS_MAX} components")]
    TooMany,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "bomFormat")]
    bom_format: Option<String>,
    #[serde(default, rename = "specVersion")]
    spec_version: String,
    #[serde(rename = "serialNumber")]
    serial_number: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    components: Vec<Written>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(default)]
    compositions: Vec<Composition>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    component: Option<Written>,
    #[serde(default)]
    properties: Vec<Property>,
}

/// A property; some tools leave out the value, or the name.
#[derive(Deserialize)]
pub(crate) struct Property {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    group: Option<String>,
    name: String,
    version: Option<String>,
    purl: Option<String>,
    scope: Option<Scope>,
    #[serde(default)]
    properties: Vec<Property>,
    #[serde(default)]
    components: Vec<Written>,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default, rename = "dependsOn")]
    depends_on: Vec<String>,
}

impl Bom {
    /// Reads a CycloneDX document in JSON, of any version.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn read(bytes: &[u8]) -> Result<Self, BomError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let document: Document = serde_json::from_slice(bytes).map_err(BomError::Shape)?;
        if document.bom_format.as_deref() != Some("CycloneDX") {
            return Err(BomError::Other);
        }
        let mut bom = Self { spec: document.spec_version, serial: document.serial_number, ..Self::default() };
        let mut waiting = document.components;
        waiting.reverse();
        if let Some(mut root) = document.metadata.component {
            waiting.append(&mut root.components);
            bom.root = Some(root.component(None));
        }
        while let Some(mut written) = waiting.pop() {
            waiting.append(&mut written.components);
            let component = written.component(bom.root.as_ref());
            bom.components.push(component);
            if bom.components.len() > COMPONENTS_MAX {
                return Err(BomError::TooMany);
            }
        }
        for Dependency { reference, depends_on } in document.dependencies {
            bom.edges.entry(reference).or_default().extend(depends_on);
        }
        let told = completeness::told(&bom, &document.compositions, &document.metadata.properties);
        bom.tells_completeness = told.is_some();
        bom.incomplete = told.flatten();
        Ok(bom)
    }

    /// The shortest way from what the document describes to a component, both ends included, by name and version. Only the
    /// component itself where no way is known.
    pub fn path_to(&self, reference: &str) -> Vec<String> {
        let names: BTreeMap<&str, &Component> =
            self.components.iter().chain(&self.root).map(|component| (component.reference.as_str(), component)).collect();
        let label = |reference: &str| names.get(reference).map_or_else(|| reference.to_owned(), |component| component.label());
        let Some(root) = &self.root else { return vec![label(reference)] };
        let mut before: HashMap<&str, &str> = HashMap::new();
        let mut seen: HashSet<&str> = HashSet::from([root.reference.as_str()]);
        let mut waiting = VecDeque::from([root.reference.as_str()]);
        while let Some(at) = waiting.pop_front() {
            if at == reference {
                break;
            }
            for next in self.edges.get(at).into_iter().flatten() {
                if seen.insert(next) {
                    before.insert(next, at);
                    waiting.push_back(next);
                }
            }
        }
        let mut path = vec![label(reference)];
        let mut at = reference;
        while let Some(previous) = before.get(at) {
            path.push(label(previous));
            at = previous;
        }
        path.reverse();
        path
    }
}

impl Written {
    fn role(&self, product: Option<&Component>) -> Role {
        let own = self.purl.as_deref().is_some_and(|purl| is_own(purl, product));
        let mut origins = self.properties.iter().filter(|property| property.name == "avouch:origin");
        match (&self.kind, origins.next().and_then(|origin| origin.value.as_deref())) {
            (Some(kind), _) if NO_PACKAGES.contains(&kind.as_str()) => Role::NoPackage,
            (_, Some("member")) => Role::Own,
            // Bills from before members were told apart. An archive was packed somewhere; the product's parts are folders.
            (_, Some("path")) if own && !self.is_archive() => Role::Own,
            (_, Some(_)) => Role::Copy,
            (_, None) if own => Role::Own,
            (_, None) => Role::Package,
        }
    }

    /// Whether it is named by the place of an archive, `path:ECOSYSTEM:PLACE#NAME@VERSION`.
    fn is_archive(&self) -> bool {
        let place = self.reference.as_deref().and_then(|reference| reference.strip_prefix("path:")).unwrap_or_default();
        let place = place.split('#').next().unwrap_or_default();
        [".tgz", ".tar.gz", ".tar.bz2", ".zip", ".whl", ".crate"].iter().any(|suffix| place.ends_with(suffix))
    }

    /// `product` is what the document describes, whose own parts are told apart.
    fn component(self, product: Option<&Component>) -> Component {
        let role = self.role(product);
        let name = match self.group.filter(|group| !group.is_empty()) {
            Some(group) => format!("{group}/{}", self.name),
            None => self.name,
        };
        let fallback = || self.purl.clone().unwrap_or_else(|| format!("{name}@{}", self.version.as_deref().unwrap_or_default()));
        Component {
            role,
            reference: self.reference.clone().unwrap_or_else(fallback),
            name,
            version: self.version,
            purl: self.purl,
            scope: self.scope.unwrap_or_default(),
        }
    }
}

/// Whether a package URL names a part of the product: `pkg:generic/PRODUCT/NAME@VERSION`, which no registry has.
fn is_own(purl: &str, product: Option<&Component>) -> bool {
    let (Ok(purl), Some(product)) = (purl.parse::<Purl>(), product) else { return false };
    purl.kind == "generic" && purl.namespace.as_deref() == Some(&product.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_found_with_the_way_to_them() {
        let bom = Bom::read(
            br#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"bom-ref":"root","name":"shop","version":"1.0.0"}},
            "components":[{"bom-ref":"a","name":"a","version":"1","purl":"pkg:npm/a@1"},
            {"name":"b","group":"@s","version":"2","purl":"pkg:npm/%40s/b@2","scope":"excluded","components":[{"name":"inner"}]}],
            "dependencies":[{"ref":"root","dependsOn":["a"]},{"ref":"a","dependsOn":["pkg:npm/%40s/b@2","a"]}]}"#,
        )
        .unwrap();
        let names: Vec<_> = bom.components.iter().map(|component| (component.name.as_str(), component.scope)).collect();
        assert_eq!(names, [("a", Scope::Required), ("@s/b", Scope::Excluded), ("inner", Scope::Required)]);
        assert_eq!(bom.path_to("pkg:npm/%40s/b@2"), ["shop 1.0.0", "a 1", "@s/b 2"]);
        assert_eq!(bom.path_to("inner@"), ["inner"]);
    }

    #[test]
    fn what_is_no_bom_is_refused() {
        for text in ["", "{}", "[]", r#"{"spdxVersion":"SPDX-2.3"}"#, r#"{"bomFormat":"CycloneDX","components":[{}]}"#] {
            assert!(Bom::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_a_component_is_follows_from_its_type_and_its_package_url() {
        let bom = Bom::read(
            br#"{"bomFormat":"CycloneDX","specVersion":"1.6",
            "metadata":{"component":{"type":"application","bom-ref":"root","name":"@acme/shop","purl":"pkg:generic/%40acme%2Fshop@1.0.0"}},
            "components":[{"type":"library","name":"own","purl":"pkg:generic/%40acme%2Fshop/own@1.0.0"},
            {"type":"library","name":"foreign","purl":"pkg:generic/openssl@3.0.0"},
            {"type":"library","name":"copy","purl":"pkg:npm/copy@1.0.0","properties":[{"name":"avouch:origin","value":"path"}]},
            {"type":"library","bom-ref":"path:npm:vendor/x.tgz#x@1","name":"x","purl":"pkg:generic/%40acme%2Fshop/x@1",
             "properties":[{"name":"avouch:origin","value":"path"}]},
            {"type":"library","bom-ref":"path:npm:x#x@1","name":"x","purl":"pkg:generic/%40acme%2Fshop/x@1",
             "properties":[{"name":"avouch:origin","value":"path"}]},
            {"type":"library","name":"part","purl":"pkg:generic/other/part@1","properties":[{"name":"avouch:origin","value":"member"}]},
            {"type":"file","name":"a.txt"},{"type":"of tomorrow","name":"new"},{"name":"untold"}]}"#,
        )
        .unwrap();
        let roles: Vec<_> = bom.components.iter().map(|component| component.role).collect();
        assert_eq!(
            roles,
            [
                Role::Own,
                Role::Package,
                Role::Copy,
                Role::Copy,
                Role::Own,
                Role::Own,
                Role::NoPackage,
                Role::Package,
                Role::Package
            ]
        );
    }
}

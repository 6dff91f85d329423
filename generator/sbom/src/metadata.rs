//! What a document says of itself: the product, the release, who made it with what, and what it does not know.

use std::collections::{BTreeMap, BTreeSet};

use avouch_read::lock::generic_purl;

use crate::{
    Options, ReleaseFacts, Spec,
    assemble::View,
    component::{Lacking, own_purl, property},
    format::{Component, ExternalReference, Hash, Lifecycle, Metadata, Organisation, Property, Tools},
    licence::{self, UNKNOWN},
    lockfiles::{Found, IN_OTHER},
    manifest::Root,
};

/// What of the components is not known, counted.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    counts: BTreeMap<&'static str, u64>,
}

impl Unknown {
    pub(crate) fn count(&mut self, lacking: Lacking) {
        let named = [
            ("component hashes", lacking.hash),
            ("component licences", lacking.licence),
            ("component suppliers", lacking.supplier),
            ("component SHA-512", lacking.sha512),
            ("component versions", lacking.version),
        ];
        for (what, _) in named.into_iter().filter(|(_, lacking)| *lacking) {
            *self.counts.entry(what).or_default() += 1;
        }
    }
}

pub(crate) fn metadata(
    facts: &ReleaseFacts,
    options: &Options,
    (found, views): (&Found, &[View<'_>]),
    root: &Root,
    root_ref: &str,
    unknown: &Unknown,
) -> Metadata {
    let supplier = facts.supplier.as_ref().map(crate::Party::organisation);
    Metadata {
        timestamp: facts.timestamp.to_string(),
        lifecycles: vec![Lifecycle { phase: "pre-build" }],
        tools: Tools { components: vec![tool(facts)] },
        authors: facts.author.iter().map(crate::Party::contact).collect(),
        component: product(facts, options, root, root_ref, supplier.clone()),
        // Before 1.6 the field of this name meant who made the product.
        manufacturer: facts.author.as_ref().filter(|_| options.spec >= Spec::V1_6).map(crate::Party::organisation),
        supplier,
        properties: properties(facts, (found, views), root, unknown),
    }
}

fn tool(facts: &ReleaseFacts) -> Component {
    let hash = facts.tool_digest.map(|digest| Hash { alg: "SHA-256", content: digest.hex() });
    Component {
        kind: "application",
        name: "avouch".to_owned(),
        version: Some(facts.tool_version.clone()),
        hashes: hash.into_iter().collect(),
        ..Component::default()
    }
}

fn product(facts: &ReleaseFacts, options: &Options, root: &Root, root_ref: &str, supplier: Option<Organisation>) -> Component {
    let unknown = Organisation { name: Some(UNKNOWN.to_owned()), ..Organisation::default() };
    let licenses = root.licence.as_deref().map(|text| licence::declared(text, options.spec)).unwrap_or_default();
    let unstated = || licence::Known::default().written(options.spec).0;
    let source = facts.supplier.as_ref().and_then(|party| party.url.clone());
    Component {
        kind: "application",
        bom_ref: Some(root_ref.to_owned()),
        supplier: Some(supplier.unwrap_or(unknown)),
        name: root.name.clone(),
        version: root.version.clone(),
        licenses: if licenses.is_empty() { unstated() } else { licenses },
        purl: Some(match &root.product {
            Some(product) => own_purl(product, &root.name, root.version.as_deref()),
            None => generic_purl(&root.name, root.version.as_deref()),
        }),
        external_references: source
            .map(|url| ExternalReference { url, kind: "website", hashes: Vec::new() })
            .into_iter()
            .collect(),
        ..Component::default()
    }
}

/// What CycloneDX has no field for: the release, the lockfiles, and what is not known.
fn properties(facts: &ReleaseFacts, (found, views): (&Found, &[View<'_>]), root: &Root, unknown: &Unknown) -> Vec<Property> {
    let mut properties = Vec::new();
    if let Some(release) = &facts.release {
        properties.push(property("avouch:release:version", &release.version));
        properties.push(property("avouch:release:commit", &release.commit));
        properties.extend(release.tag.as_deref().map(|tag| property("avouch:release:tag", tag)));
    }
    properties.extend(facts.committed.map(|time| property("avouch:release:committed", &time.to_string())));
    properties.push(property("avouch:release:dirty", if facts.dirty { "true" } else { "false" }));
    let mut named = BTreeSet::new();
    for (path, digest) in views.iter().flat_map(|view| view.read.digests()).filter(|(path, _)| named.insert(path.to_owned())) {
        properties.push(property(&format!("avouch:lockfile:{path}"), &digest.to_string()));
    }
    for (path, reason) in &found.left_out {
        if !reason.starts_with(IN_OTHER) {
            properties.push(property(&format!("avouch:left-out:{path}"), reason));
        }
    }
    if found.others > 0 {
        let text = format!("{} lockfiles of tests, examples and vendored packages", found.others);
        properties.push(property("avouch:left-out", &text));
    }
    let product = [
        ("authors", facts.author.is_none()),
        ("supplier", facts.supplier.is_none()),
        ("release", facts.release.is_none()),
        ("version", root.version.is_none()),
        ("licence", root.licence.is_none()),
        // Nothing is built yet when lockfiles are read.
        ("hash of the product", true),
    ];
    properties.extend(product.into_iter().filter(|(_, unknown)| *unknown).map(|(what, _)| property("avouch:unknown", what)));
    let of_components = unknown.counts.iter();
    properties.extend(of_components.map(|(what, count)| property("avouch:unknown", &format!("{what}: {count}"))));
    properties
}

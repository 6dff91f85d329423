//! The components of any BOM, for holding it against something else.

use std::collections::BTreeSet;

use avouch_read::structured::{Node, Unreadable, parse_json};

use crate::validate::BYTES_MAX;

/// What identifies a component of a BOM.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId {
    /// Its name, its group in front (`@scope/name`, `group/name`) where it has one.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: Option<String>,
}

/// The components of a CycloneDX JSON document, those within others too; what `metadata` describes is none.
///
/// # Errors
/// When the bytes are not JSON, or a component has no name.
pub fn components(bytes: &[u8]) -> Result<BTreeSet<ComponentId>, Unreadable> {
    let document = parse_json("bom.json", bytes, BYTES_MAX)?;
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&Node> = listed(&document.root).iter().collect();
    while let Some(component) = waiting.pop() {
        let text = |key: &str| component.get(key).and_then(Node::as_text).map(str::to_owned);
        let Some(name) = text("name") else {
            let message = "this component has no name";
            return Err(Unreadable::at(&document.source, "component-name", component.span.clone(), message));
        };
        let name = match text("group").filter(|group| !group.is_empty()) {
            Some(group) => format!("{group}/{name}"),
            None => name,
        };
        found.insert(ComponentId { name, version: text("version"), purl: text("purl") });
        waiting.extend(listed(component));
    }
    Ok(found)
}

fn listed(node: &Node) -> &[Node] {
    node.get("components").and_then(Node::as_list).unwrap_or_default()
}

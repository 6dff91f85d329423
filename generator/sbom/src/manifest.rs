//! What manifests say of the product itself.

use avouch_read::structured::{Node, Unreadable, parse_json, parse_toml};
use avouch_repository::Files;

use crate::{ReleaseFacts, SbomError};

/// The largest manifest that is read, in bytes.
pub(crate) const BYTES_MAX: u64 = 4 << 20;

/// The product.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) licence: Option<String>,
    /// The crate at the root, if the workspace has one there.
    pub(crate) crate_name: Option<String>,
}

/// A name and what goes with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) licence: Option<String>,
}

/// The product: its name from the facts, or else from the manifests at the root; its version from the release, or else
/// from there too.
pub(crate) fn root(tree: &dyn Files, facts: &ReleaseFacts) -> Result<Root, SbomError> {
    let cargo = cargo(tree, "Cargo.toml")?;
    let npm = npm(tree, "package.json")?;
    let from_release = facts.release.as_ref().filter(|release| release.is_released()).map(|release| release.version.clone());
    let unreleased = || facts.release.as_ref().map(|release| release.version.clone());
    Ok(Root {
        name: facts.name.clone().or(cargo.name.clone()).or(npm.name).unwrap_or_else(|| "unnamed".to_owned()),
        version: from_release.or(cargo.version).or(npm.version).or_else(unreleased),
        licence: cargo.licence.or(npm.licence),
        crate_name: cargo.name,
    })
}

/// What a `Cargo.toml` says of its package; of the workspace, where there is no package.
fn cargo(tree: &dyn Files, path: &str) -> Result<Named, SbomError> {
    let Some(bytes) = tree.read(path, BYTES_MAX)? else {
        return Ok(Named::default());
    };
    let document = parse_toml(path, &bytes, BYTES_MAX)?;
    let field = |name: &str| {
        let own = document.root.pointer(&format!("/package/{name}")).and_then(Node::as_text);
        own.or_else(|| document.root.pointer(&format!("/workspace/package/{name}"))?.as_text()).map(str::to_owned)
    };
    let name = document.root.pointer("/package/name").and_then(Node::as_text).map(str::to_owned);
    Ok(Named { name, version: field("version"), licence: field("license") })
}

/// What a `package.json` says of its package.
pub(crate) fn npm(tree: &dyn Files, path: &str) -> Result<Named, SbomError> {
    let Some(bytes) = tree.read(path, BYTES_MAX)? else {
        return Ok(Named::default());
    };
    let document = parse_json(path, &bytes, BYTES_MAX).map_err(|error: Unreadable| error.help("correct the manifest"))?;
    let field = |name: &str| document.root.get(name).and_then(Node::as_text).map(str::to_owned);
    Ok(Named { name: field("name"), version: field("version"), licence: field("license") })
}

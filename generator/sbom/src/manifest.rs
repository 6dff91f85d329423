//! What manifests say of the product itself.

use std::collections::BTreeMap;

use avouch_read::{
    lock::Manifest,
    structured::{Node, Unreadable, parse_json, parse_toml},
};
use avouch_repository::{Files, RepositoryError};

use crate::{ReleaseFacts, SbomError};

/// The largest manifest that is read, in bytes.
pub(crate) const BYTES_MAX: u64 = 4 << 20;

/// The product.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) licence: Option<String>,
    /// The product whose repository makes it, where it is a package of a larger one.
    pub(crate) product: Option<String>,
    /// The crate at the root, if the workspace has one there.
    pub(crate) crate_name: Option<String>,
}

/// Files that cannot be read, by path: what is wrong, in its place.
pub(crate) type Damaged = BTreeMap<String, SbomError>;

impl SbomError {
    /// Whether one file is at fault. That says nothing of the others.
    pub(crate) const fn is_of_one_file(&self) -> bool {
        let of_tree = matches!(self, Self::Tree(RepositoryError::TooLarge { .. } | RepositoryError::Read { .. }));
        of_tree || matches!(self, Self::Unreadable(_) | Self::LockfileTooLarge { .. })
    }

    /// Why a file is left out, in words that are the same on every machine.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Unreadable(damage) => {
                let (line, column) = damage.position();
                format!("it is damaged at {line}:{column}: {}", damage.0.message)
            }
            Self::LockfileTooLarge { mebibytes_max, .. } => format!("it is larger than the {mebibytes_max} MiB that are read"),
            Self::Tree(RepositoryError::TooLarge { bytes_max, .. }) => {
                format!("it is larger than the {bytes_max} bytes that are read")
            }
            _ => "it cannot be read".to_owned(),
        }
    }
}

/// What a file says; nothing where it is damaged, which is then kept in mind.
pub(crate) fn or_nothing<T: Default>(path: &str, read: Result<T, SbomError>, damaged: &mut Damaged) -> Result<T, SbomError> {
    match read {
        Err(error) if error.is_of_one_file() => {
            damaged.insert(path.to_owned(), error);
            Ok(T::default())
        }
        read => read,
    }
}

/// A name and what goes with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) licence: Option<String>,
}

/// The product: its name from the facts, or else from the manifests at the root; its version from the release, or else
/// from there too. A manifest that is damaged says nothing.
pub(crate) fn root(tree: &dyn Files, facts: &ReleaseFacts, damaged: &mut Damaged) -> Result<Root, SbomError> {
    let cargo = or_nothing("Cargo.toml", cargo(tree, "Cargo.toml"), damaged)?;
    let npm = npm(tree, "package.json", damaged)?;
    let python = or_nothing("pyproject.toml", python(tree, "pyproject.toml"), damaged)?;
    let go = or_nothing("go.mod", go(tree, "go.mod"), damaged)?;
    let from_release = facts.release.as_ref().filter(|release| release.is_released()).map(|release| release.version.clone());
    let unreleased = || facts.release.as_ref().map(|release| release.version.clone());
    let named = [&cargo.name, &npm.name, &python.name, &go].into_iter().flatten().find(|name| !name.is_empty()).cloned();
    Ok(Root {
        name: facts.name.clone().or(named).unwrap_or_else(|| "unnamed".to_owned()),
        version: from_release.or(cargo.version).or(npm.version).or(python.version).or_else(unreleased),
        licence: cargo.licence.or(npm.licence).or(python.licence),
        product: None,
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

/// What a `package.json` says of its package; nothing where it is damaged.
pub(crate) fn npm(tree: &dyn Files, path: &str, damaged: &mut Damaged) -> Result<Named, SbomError> {
    or_nothing(path, package_json(tree, path), damaged)
}

fn package_json(tree: &dyn Files, path: &str) -> Result<Named, SbomError> {
    let Some(bytes) = tree.read(path, BYTES_MAX)? else {
        return Ok(Named::default());
    };
    let document = parse_json(path, &bytes, BYTES_MAX).map_err(|error: Unreadable| error.help("correct the manifest"))?;
    let field = |name: &str| document.root.get(name).and_then(Node::as_text).map(str::to_owned);
    Ok(Named { name: field("name"), version: field("version"), licence: field("license") })
}

/// What a `pyproject.toml` says of its project.
fn python(tree: &dyn Files, path: &str) -> Result<Named, SbomError> {
    let Some(bytes) = tree.read(path, BYTES_MAX)? else {
        return Ok(Named::default());
    };
    let manifest = Manifest::parse(path, &bytes).map_err(|error| error.help("correct the manifest"))?;
    // Some put the whole text of a licence where its name belongs; that is no name.
    let licence = manifest.licence.filter(|licence| !licence.trim().contains('\n'));
    Ok(Named { name: manifest.name, version: manifest.version, licence })
}

/// The name of a module as its `go.mod` states it: the last part of its path, and the one before where that is only the major
/// version (Go Modules Reference, "Major version suffixes").
fn go(tree: &dyn Files, path: &str) -> Result<Option<String>, SbomError> {
    let Some(bytes) = tree.read(path, BYTES_MAX)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    let module = text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("module")?;
        let rest = rest.split("//").next().unwrap_or_default();
        rest.starts_with([' ', '\t']).then(|| rest.trim().trim_matches(['"', '`']))
    });
    let is_major = |part: &str| {
        part.strip_prefix('v').is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut parts = module.unwrap_or_default().rsplit('/').filter(|part| !part.is_empty());
    let last = parts.next();
    let name = last.filter(|part| !is_major(part)).or_else(|| parts.next()).or(last);
    Ok(name.map(str::to_owned))
}

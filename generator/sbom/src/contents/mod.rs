//! What a BOM says, whatever its format: its components, and what needs what.
//!
//! Components that say the same name, version and source are one. Nothing here is a verdict: a BOM that is read may be
//! invalid; `validate` says so.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

pub(crate) use self::json::hashes_of_json;
pub(crate) use self::licences::{Licence, Licences, joined};
pub(crate) use self::purl::{full_name, qualifier};
use crate::{validate::BYTES_MAX, xml as xml_writer};

mod json;
mod licences;
mod purl;
mod spdx;
mod xml;

/// What tells one component from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Its ecosystem and name (`npm/@scope/name`), or its group and name where it has no package URL.
    pub name: String,
    /// Whether a package URL says so.
    pub has_purl: bool,
    /// Its version.
    pub version: Option<String>,
    /// Where it comes from, as far as the package URL tells: its qualifiers and subpath, in order.
    pub source: Option<String>,
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        self.version.as_deref().map_or(Ok(()), |version| write!(formatter, " {version}"))
    }
}

/// A component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub identity: Identity,
    /// `required`, `optional` or `excluded`; none where the format does not tell.
    pub scope: Option<String>,
    /// The licence that is declared.
    pub licence: Option<String>,
    /// The licence that somebody concluded.
    pub concluded: Option<String>,
    /// Its hashes, by algorithm (`SHA-256`), in lower case.
    pub hashes: BTreeMap<String, BTreeSet<String>>,
}

/// What a BOM says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The format, `CycloneDX 1.6 JSON`.
    pub format: String,
    /// What the BOM is of; none where it does not say.
    pub product: Option<Identity>,
    /// The components, in order, each once.
    pub items: Vec<Item>,
    /// What needs what, by place in `items`; none stands for the product.
    pub edges: BTreeSet<(Option<usize>, Option<usize>)>,
}

/// Why a BOM cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadBom {
    /// There is too much of it.
    #[error("it has more than {} MiB", BYTES_MAX >> 20)]
    TooLarge,
    /// It is none of the formats that are read.
    #[error("it is no BOM that is read: CycloneDX (JSON, XML) and SPDX 2 (JSON) are")]
    Unknown,
    /// It is not what it should be.
    #[error("it cannot be read as {format}: {message}")]
    Broken {
        /// The format it seems to have.
        format: &'static str,
        /// What is wrong.
        message: String,
    },
}

/// Reads a BOM: CycloneDX in JSON or XML of any version, or SPDX 2 in JSON.
///
/// # Errors
/// When it is none of these, or broken.
pub fn read(bytes: &[u8]) -> Result<Contents, UnreadBom> {
    if bytes.len() as u64 > BYTES_MAX {
        return Err(UnreadBom::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'<') => xml::read(bytes),
        Some(b'{') => json::read(bytes),
        _ => Err(UnreadBom::Unknown),
    }
}

/// What a component is: what its package URL says, with the version beside it where the URL has none, or else its name.
fn identity_of(purl: Option<&str>, group: Option<&str>, name: &str, version: Option<&str>) -> Identity {
    let version = version.filter(|version| !version.is_empty()).map(str::to_owned);
    match purl.and_then(purl::identity) {
        Some(identity) => Identity { version: identity.version.clone().or(version), ..identity },
        None => Identity { name: full_name(group, name), version, ..Identity::default() },
    }
}

/// A BOM while it is read.
#[derive(Default)]
struct Reading {
    format: String,
    product: Option<(String, Identity)>,
    found: Vec<(String, Item)>,
    needs: Vec<(String, String)>,
}

impl Reading {
    fn finish(mut self) -> Contents {
        // A licence says the same in XML, which cannot hold every character, and in JSON. Names are encoded in package URLs.
        for (_, item) in &mut self.found {
            let texts = [&mut item.licence, &mut item.concluded].into_iter().flatten();
            for text in texts.filter(|text| text.contains(xml_writer::is_lost)) {
                *text = text.replace(xml_writer::is_lost, &xml_writer::LOST.to_string());
            }
        }
        let mut items: BTreeMap<Identity, Item> = BTreeMap::new();
        for (_, item) in &self.found {
            match items.get_mut(&item.identity) {
                Some(before) => before.merge(item),
                None => {
                    items.insert(item.identity.clone(), item.clone());
                }
            }
        }
        let places: HashMap<&Identity, usize> = items.keys().enumerate().map(|(at, identity)| (identity, at)).collect();
        let mut by_reference: HashMap<&str, Option<usize>> = HashMap::new();
        for (reference, item) in &self.found {
            by_reference.insert(reference, places.get(&item.identity).copied());
        }
        if let Some((reference, _)) = &self.product {
            by_reference.insert(reference, None);
        }
        let edge = |(from, to): &(String, String)| Some((*by_reference.get(from.as_str())?, *by_reference.get(to.as_str())?));
        let edges = self.needs.iter().filter_map(edge).filter(|(from, to)| from != to).collect();
        let product = self.product.map(|(_, identity)| identity);
        Contents { format: self.format, product, items: items.into_values().collect(), edges }
    }
}

impl Item {
    /// Takes what another component says that is the same one. Needed somewhere is needed; every hash counts.
    fn merge(&mut self, other: &Self) {
        let rank = |scope: &Option<String>| match scope.as_deref() {
            None => 3,
            Some("required") => 0,
            Some("optional") => 1,
            Some(_) => 2,
        };
        if rank(&other.scope) < rank(&self.scope) {
            self.scope.clone_from(&other.scope);
        }
        self.licence = self.licence.take().or_else(|| other.licence.clone());
        self.concluded = self.concluded.take().or_else(|| other.concluded.clone());
        for (algorithm, values) in &other.hashes {
            self.hashes.entry(algorithm.clone()).or_default().extend(values.iter().cloned());
        }
    }
}

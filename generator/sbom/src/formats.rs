//! The formats in which one BOM is written: the CycloneDX JSON is the document, the others are made of it.

use std::{borrow::Cow, fmt, str::FromStr};

use serde_json::Value;

use crate::{
    spdx,
    xml::{self, ConvertError},
};

/// A format in which a BOM is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// CycloneDX in JSON.
    #[default]
    Json,
    /// CycloneDX in XML: everything that the JSON says.
    Xml,
    /// SPDX 2.3 in JSON: packages, licences, hashes, package URLs and relationships; what SPDX has no field for stands in
    /// comments.
    SpdxJson,
}

/// The text names no format of a BOM.
#[derive(Debug, thiserror::Error)]
#[error("SBOMs are not written as `{0}`; `json`, `xml` and `spdx-json` are known")]
pub struct NotAFormat(pub String);

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Json, Self::Xml, Self::SpdxJson];

    /// The name in the configuration and on the command line, `spdx-json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::SpdxJson => "spdx-json",
        }
    }

    /// The file's name in the published record, `bom.spdx.json`.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Json => "bom.json",
            Self::Xml => "bom.xml",
            Self::SpdxJson => "bom.spdx.json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = NotAFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| NotAFormat(text.to_owned()))
    }
}

/// Writes a BOM that [`crate::generate`] wrote in another format. The serial number stays: it is the same BOM.
///
/// # Errors
/// When the bytes are not such a BOM, or say something that the format's writer does not know.
pub fn convert(json: &[u8], format: Format) -> Result<Cow<'_, [u8]>, ConvertError> {
    if format == Format::Json {
        return Ok(Cow::Borrowed(json));
    }
    let bom: Value = serde_json::from_slice(json).map_err(|error| ConvertError::NotABom(error.to_string()))?;
    if bom.get("bomFormat").and_then(Value::as_str) != Some("CycloneDX") {
        return Err(ConvertError::NotABom("`bomFormat` is not `CycloneDX`".to_owned()));
    }
    match format {
        Format::Json | Format::Xml => xml::write(&bom).map(Cow::Owned),
        Format::SpdxJson => spdx::write(&bom).map(Cow::Owned),
    }
}

//! Our own rules: written from what the issuers of tokens say publicly of their form, one file a subject.

use std::sync::Arc;

use avouch_model::diagnostic::{Diagnostic, Source};

use super::{
    Rules,
    merge::{Building, Layer, read},
};

/// Name and text of each file.
const FILES: &[(&str, &str)] = &[
    ("clouds.toml", include_str!("../../rules/clouds.toml")),
    ("forges.toml", include_str!("../../rules/forges.toml")),
    ("models.toml", include_str!("../../rules/models.toml")),
    ("services.toml", include_str!("../../rules/services.toml")),
    ("keys.toml", include_str!("../../rules/keys.toml")),
    ("files.toml", include_str!("../../rules/files.toml")),
    ("generic.toml", include_str!("../../rules/generic.toml")),
];

/// The files of our own rules, name and text: for whoever wants to read or copy them.
pub fn own_rule_files() -> &'static [(&'static str, &'static str)] {
    FILES
}

pub(super) fn rules() -> Result<Rules, Vec<Diagnostic>> {
    let mut building = Building::default();
    for layer in layers()? {
        building.add(layer);
    }
    building.finish()
}

pub(super) fn layers() -> Result<Vec<Layer>, Vec<Diagnostic>> {
    let layer = |(name, text): &(&str, &str)| {
        let source = Arc::new(Source { path: format!("avouch's own {name}"), text: (*text).to_owned() });
        Ok(Layer { written: read(&source)?, source, own: true })
    };
    FILES.iter().map(layer).collect()
}

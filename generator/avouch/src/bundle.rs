//! Bundles: observations of an ephemeral runner, to be recorded where the key is.

use std::fs;

use anyhow::{Context as _, bail};
use avouch_model::{
    canonical,
    observation::Detail,
    payload::{Run, Scope},
};
use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::{
    exit::Usage,
    files::{self, Readers},
};

/// The largest bundle that is read.
const BYTES_MAX: u64 = 64 << 20;

/// What `check --bundle` writes: canonical JSON. It is not signed; whoever imports it vouches for it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bundle {
    /// Format version, 1.
    pub(crate) v: u32,
    /// What was judged by.
    pub(crate) scope: Scope,
    /// What was answered.
    pub(crate) run: Run,
    /// What failures looked like: not for everyone.
    pub(crate) details: Vec<Detail>,
}

impl Bundle {
    /// Writes it, readable by its owner alone.
    pub(crate) fn write(&self, file: &Utf8Path) -> anyhow::Result<()> {
        let bytes = canonical::to_bytes(self)?;
        files::put(file, &bytes, Readers::Owner).with_context(|| format!("cannot write the bundle `{file}`"))
    }

    /// Reads it strictly.
    pub(crate) fn read(file: &Utf8Path) -> anyhow::Result<Self> {
        let size = fs::metadata(file).map_err(|error| Usage(format!("cannot read `{file}`: {error}")))?.len();
        if size > BYTES_MAX {
            bail!(Usage(format!("`{file}` has {size} bytes; a bundle has at most {BYTES_MAX}")));
        }
        let bytes = fs::read(file).with_context(|| format!("cannot read `{file}`"))?;
        let bundle: Self =
            canonical::from_bytes(&bytes).map_err(|error| Usage(format!("`{file}` is no bundle of `avouch check`: {error}")))?;
        if bundle.v != 1 {
            bail!(Usage(format!("`{file}` is a bundle of version {}, and this program reads 1", bundle.v)));
        }
        if bundle.run.scope != canonical::digest(&bundle.scope)? {
            bail!(Usage(format!("the run in `{file}` was judged by another scope than the one beside it")));
        }
        Ok(bundle)
    }
}

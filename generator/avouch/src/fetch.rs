//! Published records, wherever they are: a folder, or a site behind HTTP.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context as _, bail};
use avouch_log::{Source, SourceError};
use avouch_model::product::{ProbeClass, Target};
use avouch_probe::{Prober, Request};
use camino::Utf8Path;

use crate::exit::Usage;

/// The largest file of a record that is read.
const FILE_BYTES_MAX: usize = 256 << 20;
/// The most files of a site that are asked for.
const REQUESTS_MAX: u32 = 1_000_000;

/// Opens what the user named: a URL or a folder.
pub(crate) fn open(place: &str) -> anyhow::Result<Box<dyn Source>> {
    if place.starts_with("https://") || place.starts_with("http://") {
        return Ok(Box::new(Site::open(place)?));
    }
    if !Utf8Path::new(place).is_dir() {
        bail!(Usage(format!("`{place}` is no folder and no http:// or https:// address")));
    }
    Ok(Box::new(avouch_record::Folder::new(place)))
}

/// A published site. It cannot be listed, so files that nobody names are not noticed.
struct Site {
    prober: Prober,
    prefix: String,
}

impl Site {
    fn open(address: &str) -> anyhow::Result<Self> {
        let url = url::Url::parse(address).map_err(|error| Usage(format!("`{address}` is not an address: {error}")))?;
        let Some(host) = url.host_str() else { bail!(Usage(format!("`{address}` names no host"))) };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let target = Target {
            name: "site".to_owned(),
            url: format!("{}://{host}{port}", url.scheme()),
            plain_url: None,
            allow: BTreeSet::from([ProbeClass::Passive]),
            environment: "published".to_owned(),
            release_from: None,
            ca_file: std::env::var("AVOUCH_CA_FILE").ok(),
            source_addresses: Vec::new(),
            requests_per_address: u32::MAX,
            requests_max: REQUESTS_MAX,
            principals: BTreeMap::new(),
            routes: BTreeMap::new(),
        };
        let authorities = target.ca_file.as_ref().map(|file| fs::read(file).with_context(|| format!("cannot read `{file}`")));
        let authorities = authorities.transpose()?;
        let prober = Prober::new(&target, "verify", 0, &|_| None, authorities.as_deref()).context("cannot ask the site")?;
        Ok(Self { prober, prefix: url.path().trim_end_matches('/').to_owned() })
    }
}

impl Source for Site {
    fn get(&self, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>| SourceError { path: path.to_owned(), cause };
        let request = Request::new(ProbeClass::Passive, "GET", &format!("{}/{path}", self.prefix)).body_max(FILE_BYTES_MAX);
        let response = self.prober.send(&request).map_err(|error| failed(Box::new(error)))?;
        match response.status {
            200 if response.truncated => Err(failed("the answer is larger than a file of a record may be".into())),
            200 => Ok(Some(response.body)),
            404 | 410 => Ok(None),
            status => Err(failed(format!("the site answered {status}").into())),
        }
    }

    fn list(&self) -> Option<Result<Vec<String>, SourceError>> {
        None
    }
}

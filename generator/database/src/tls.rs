//! TLS to servers: certificate, name and dates are always verified, and there is no way to do less.

use std::{fs, io, path::Path, sync::Arc};

use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, crypto::ring};

/// The public authorities.
pub(crate) fn public() -> RootCertStore {
    RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
}

/// The authorities in a file of PEM, and no others.
///
/// # Errors
/// When the file cannot be read or holds what is none, with the cause; without one when it holds none at all.
pub(crate) fn of_file(path: &Path) -> Result<RootCertStore, Option<io::Error>> {
    let mut roots = RootCertStore::empty();
    let pem = fs::read(path)?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    if roots.is_empty() { Err(None) } else { Ok(roots) }
}

/// A client that believes these authorities.
///
/// # Errors
/// When the cryptography knows none of the versions of TLS.
pub(crate) fn trusting(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(config.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}

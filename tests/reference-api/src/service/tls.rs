//! TLS: an authority of our own, made at every start, and a certificate of it for loopback.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
        version::{TLS12, TLS13},
    },
};

use crate::defect::{Chosen, Defect};

/// A certificate for loopback, and the authority that signed it; the authority's key is forgotten.
pub(crate) struct Issued {
    /// The authority's certificate, PEM.
    pub(crate) authority: String,
    /// The certificate, PEM.
    pub(crate) certificate: String,
    /// Its key, PKCS #8 as PEM.
    pub(crate) key: String,
    der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

/// Issues a certificate that is valid for so many days.
pub(crate) fn issue(now: DateTime<Utc>, days: u64) -> anyhow::Result<Issued> {
    let authority_key = KeyPair::generate().context("cannot make the authority's key")?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "Reference API authority");
    valid(&mut authority, now, 120);
    let certificate = authority.self_signed(&authority_key).context("cannot sign the authority's certificate")?;

    let key = KeyPair::generate().context("cannot make the service's key")?;
    let mut leaf = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .context("cannot name the service in its certificate")?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    valid(&mut leaf, now, days);
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf
        .signed_by(&key, &Issuer::from_params(&authority, &authority_key))
        .context("cannot sign the service's certificate")?;
    Ok(Issued {
        authority: certificate.pem(),
        certificate: leaf.pem(),
        key: key.serialize_pem(),
        der: CertificateDer::from(leaf.der().to_vec()),
        key_der: key.serialize_der(),
    })
}

/// An acceptor with a fresh certificate; the authority's certificate goes to `ca_out`, its key nowhere.
pub(super) fn acceptor(now: DateTime<Utc>, ca_out: &Path, chosen: Chosen) -> anyhow::Result<TlsAcceptor> {
    let issued = issue(now, if chosen.is(Defect::CertificateExpiresSoon) { 5 } else { 90 })?;
    std::fs::write(ca_out, &issued.authority)
        .with_context(|| format!("cannot write the authority's certificate `{}`", ca_out.display()))?;

    let versions = match chosen.0 {
        Some(Defect::Tls12) => &[&TLS12][..],
        Some(Defect::Tls12Allowed) => &[&TLS13, &TLS12],
        _ => &[&TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .context("cannot choose the versions of TLS")?
        .with_no_client_auth()
        .with_single_cert(vec![issued.der], PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.key_der)))
        .context("cannot use the service's certificate")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Valid from yesterday's midnight to the midnight that is so many days away.
fn valid(certificate: &mut CertificateParams, now: DateTime<Utc>, days: u64) {
    let today = now.date_naive();
    let moment = |date: NaiveDate| {
        let (month, day) = (u8::try_from(date.month()).unwrap_or(1), u8::try_from(date.day()).unwrap_or(1));
        rcgen::date_time_ymd(date.year(), month, day)
    };
    certificate.not_before = moment(today.pred_opt().unwrap_or(today));
    certificate.not_after = moment(today.checked_add_days(Days::new(days)).unwrap_or(today));
}

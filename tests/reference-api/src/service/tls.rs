//! TLS: an authority of our own, made at every start, and a certificate of it for loopback.

use std::{io, path::Path, sync::Arc};

use anyhow::Context as _;
use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::net::TcpStream;
use tokio_rustls::{
    LazyConfigAcceptor, TlsAcceptor,
    rustls::{
        CipherSuite, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
        version::{TLS12, TLS13},
    },
    server::TlsStream,
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
pub(super) fn acceptor(now: DateTime<Utc>, ca_out: &Path, chosen: Chosen) -> anyhow::Result<Acceptor> {
    let issued = issue(now, if chosen.is(Defect::CertificateExpiresSoon) { 5 } else { 90 })?;
    std::fs::write(ca_out, &issued.authority)
        .with_context(|| format!("cannot write the authority's certificate `{}`", ca_out.display()))?;

    let versions = if chosen.is(Defect::Tls12) {
        &[&TLS12][..]
    } else if chosen.is_any(&[Defect::Tls12Allowed, Defect::Tls12OfOneSuite]) {
        &[&TLS13, &TLS12][..]
    } else {
        &[&TLS13][..]
    };
    let mut provider = ring::default_provider();
    if chosen.is(Defect::Tls12OfOneSuite) {
        let kept = |suite: &SupportedCipherSuite| {
            suite.tls13().is_some() || suite.suite() == CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        };
        provider.cipher_suites.retain(kept);
    }
    let older =
        chosen.is(Defect::Tls12ForBoth).then(|| configuration(&issued, ring::default_provider(), &[&TLS12])).transpose()?;
    Ok(Acceptor { usual: configuration(&issued, provider, versions)?, older })
}

fn configuration(
    issued: &Issued,
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
) -> anyhow::Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .context("cannot choose the versions of TLS")?
        .with_no_client_auth()
        .with_single_cert(vec![issued.der.clone()], PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.key_der.clone())))
        .context("cannot use the service's certificate")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What takes handshakes.
#[derive(Clone)]
pub(super) struct Acceptor {
    usual: Arc<ServerConfig>,
    /// What clients are given that offer suites of before TLS 1.3, beside newer ones or not.
    older: Option<Arc<ServerConfig>>,
}

impl Acceptor {
    /// A handshake.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let Some(older) = &self.older else { return TlsAcceptor::from(Arc::clone(&self.usual)).accept(stream).await };
        let started = LazyConfigAcceptor::new(Default::default(), stream).await?;
        // The suites of TLS 1.3 begin with 0x13 (RFC 8446, appendix B.4); 0x00ff is no suite.
        let is_older = |suite: &CipherSuite| u16::from(*suite) >> 8 != 0x13 && u16::from(*suite) != 0x00ff;
        let before = started.client_hello().cipher_suites().iter().any(is_older);
        started.into_stream(Arc::clone(if before { older } else { &self.usual })).await
    }
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

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
    /// The certificate, and that of an intermediate authority where one signed it.
    chain: Vec<CertificateDer<'static>>,
    key_der: Vec<u8>,
}

/// Issues a certificate that is valid for so many days.
pub(crate) fn issue(now: DateTime<Utc>, days: u64) -> anyhow::Result<Issued> {
    issue_by(now, days, None)
}

/// Issues a certificate; by an intermediate authority that is valid for so many days, if any.
fn issue_by(now: DateTime<Utc>, days: u64, intermediate_days: Option<u64>) -> anyhow::Result<Issued> {
    let authority_key = KeyPair::generate().context("cannot make the authority's key")?;
    let authority = authority("Reference API authority", u8::from(intermediate_days.is_some()), now, 120);
    let certificate = authority.self_signed(&authority_key).context("cannot sign the authority's certificate")?;

    let key = KeyPair::generate().context("cannot make the service's key")?;
    let mut leaf = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])
        .context("cannot name the service in its certificate")?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    valid(&mut leaf, now, days);
    leaf.use_authority_key_identifier_extension = true;
    let root = Issuer::from_params(&authority, &authority_key);
    let (leaf, between) = match intermediate_days {
        None => (leaf.signed_by(&key, &root), None),
        Some(days) => {
            let between_key = KeyPair::generate().context("cannot make the intermediate authority's key")?;
            let between = self::authority("Reference API issuing authority", 0, now, days);
            let signed =
                between.signed_by(&between_key, &root).context("cannot sign the intermediate authority's certificate")?;
            (leaf.signed_by(&key, &Issuer::from_params(&between, &between_key)), Some(signed))
        }
    };
    let leaf = leaf.context("cannot sign the service's certificate")?;
    Ok(Issued {
        authority: certificate.pem(),
        certificate: leaf.pem(),
        key: key.serialize_pem(),
        chain: [Some(&leaf), between.as_ref()].into_iter().flatten().map(|one| one.der().clone()).collect(),
        key_der: key.serialize_der(),
    })
}

/// A certificate authority with room for so many others below it.
fn authority(name: &str, below: u8, now: DateTime<Utc>, days: u64) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, name);
    valid(&mut authority, now, days);
    authority
}

/// An acceptor with a fresh certificate; the authority's certificate goes to `ca_out`, its key nowhere.
pub(super) fn acceptor(now: DateTime<Utc>, ca_out: &Path, chosen: Chosen) -> anyhow::Result<Acceptor> {
    let days = if chosen.is(Defect::CertificateExpiresSoon) { 5 } else { 90 };
    let issued = issue_by(now, days, chosen.is(Defect::IntermediateExpiresSoon).then_some(6))?;
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
        .with_single_cert(issued.chain.clone(), PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.key_der.clone())))
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

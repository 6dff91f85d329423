//! Where a target is, and connections to it.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, OnceLock},
    time::Duration,
};

use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, crypto::ring, version},
};
use url::Url;

use crate::{ProbeError, wire::Connection};

/// A host and port; its addresses are resolved at the first use and pinned.
pub(crate) struct Place {
    target: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) https: bool,
    addresses: OnceLock<Vec<SocketAddr>>,
}

impl Place {
    /// From a configured URL: scheme, host and port alone.
    pub(crate) fn parse(target: &str, text: &str) -> Result<Self, ProbeError> {
        let wrong = || ProbeError::Url { target: target.to_owned(), url: text.to_owned() };
        let url = Url::parse(text).map_err(|_| wrong())?;
        let alone = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        if !alone || !nobody || !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        Ok(Self {
            target: target.to_owned(),
            host: url.host_str().ok_or_else(wrong)?.to_owned(),
            port: url.port_or_known_default().ok_or_else(wrong)?,
            https: url.scheme() == "https",
            addresses: OnceLock::new(),
        })
    }

    /// The value of the Host field: without the port where it is the scheme's own.
    pub(crate) fn authority(&self) -> String {
        match (self.https, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// The host as it is resolved: an IPv6 address has no brackets here.
    fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    fn resolved(&self) -> Result<&[SocketAddr], ProbeError> {
        if let Some(addresses) = self.addresses.get() {
            return Ok(addresses);
        }
        let found: Result<Vec<SocketAddr>, io::Error> = (self.name(), self.port).to_socket_addrs().map(Iterator::collect);
        let failed = |cause| ProbeError::Resolve { target: self.target.clone(), cause };
        let found = found.map_err(failed)?;
        if found.is_empty() {
            return Err(failed(io::Error::other("the name has no address")));
        }
        Ok(self.addresses.get_or_init(|| found))
    }

    /// Whether all its addresses are of the loopback network: what is sent there stays on this machine.
    pub(crate) fn is_loopback(&self) -> Result<bool, ProbeError> {
        Ok(self.resolved()?.iter().all(|address| address.ip().to_canonical().is_loopback()))
    }

    /// As [`Place::is_loopback`], for who may not resolve a name: `localhost` is one of the loopback network (RFC 6761 section 6.3).
    pub(crate) fn is_loopback_by_name(&self) -> bool {
        let address = self.name().parse::<IpAddr>();
        address.map_or_else(|_| self.host.eq_ignore_ascii_case("localhost"), |address| address.to_canonical().is_loopback())
    }

    /// A TCP connection from the given source address, or from the machine's choice.
    pub(crate) async fn tcp(&self, from: Option<IpAddr>, within: Duration) -> Result<TcpStream, ProbeError> {
        let mut last = None;
        for &to in self.resolved()?.iter().filter(|to| from.is_none_or(|from| from.is_ipv4() == to.is_ipv4())) {
            match tokio::time::timeout(within, dial(to, from)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(Dial::Bind(cause))) => {
                    return Err(ProbeError::Bind { target: self.target.clone(), address: from.unwrap_or(to.ip()), cause });
                }
                Ok(Err(Dial::Connect(cause))) => last = Some(self.failed(cause)),
                Err(_) => {
                    last = Some(ProbeError::TimedOut { target: self.target.clone(), after: within });
                }
            }
        }
        Err(last.unwrap_or_else(|| ProbeError::Connect {
            target: self.target.clone(),
            cause: io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "the host has no address of the same family as the source address",
            ),
        }))
    }

    fn failed(&self, cause: io::Error) -> ProbeError {
        let target = self.target.clone();
        match cause.kind() {
            io::ErrorKind::ConnectionRefused => ProbeError::Refused { target },
            io::ErrorKind::ConnectionReset => ProbeError::Reset { target },
            _ => ProbeError::Connect { target, cause },
        }
    }

    /// A connection ready for HTTP.
    pub(crate) async fn connect(&self, trust: &Trust, from: Option<IpAddr>, within: Duration) -> Result<Connection, ProbeError> {
        let tcp = self.tcp(from, within).await?;
        let stream: Box<dyn crate::wire::Stream> =
            if self.https { Box::new(self.tls(&trust.any, tcp, within).await?) } else { Box::new(tcp) };
        Ok(Connection { stream, ahead: Vec::new(), used: false })
    }

    /// A TLS handshake with the host's own name.
    pub(crate) async fn tls(
        &self,
        config: &Arc<ClientConfig>,
        tcp: TcpStream,
        within: Duration,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ProbeError> {
        let tls = |cause| ProbeError::Tls { target: self.target.clone(), cause };
        let name = ServerName::try_from(self.name().to_owned()).map_err(|error| tls(io::Error::other(error)))?;
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name, tcp);
        match tokio::time::timeout(within, handshake).await {
            Ok(done) => done.map_err(tls),
            Err(_) => Err(ProbeError::TimedOut { target: self.target.clone(), after: within }),
        }
    }

    /// The name for SNI: none for an address (RFC 6066 section 3).
    pub(crate) fn server_name(&self) -> Option<&str> {
        self.name().parse::<IpAddr>().is_err().then(|| self.name())
    }
}

enum Dial {
    Bind(io::Error),
    Connect(io::Error),
}

async fn dial(to: SocketAddr, from: Option<IpAddr>) -> Result<TcpStream, Dial> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(Dial::Connect)?;
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0)).map_err(Dial::Bind)?;
    }
    let stream = socket.connect(to).await.map_err(Dial::Connect)?;
    // A small request must not wait for the acknowledgement of another: durations are measured here.
    stream.set_nodelay(true).map_err(Dial::Connect)?;
    Ok(stream)
}

/// Whom the probes trust: the public authorities, or the target's own.
pub(crate) struct Trust {
    roots: Arc<RootCertStore>,
    any: Arc<ClientConfig>,
}

impl Trust {
    pub(crate) fn new(target: &str, ca_pem: Option<&[u8]>) -> Result<Self, ProbeError> {
        let mut roots = RootCertStore::empty();
        match ca_pem {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(pem) => {
                let wrong = || ProbeError::CertificateAuthorities { target: target.to_owned() };
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|_| wrong())?;
                    roots.add(certificate).map_err(|_| wrong())?;
                }
                if roots.is_empty() {
                    return Err(wrong());
                }
            }
        }
        let roots = Arc::new(roots);
        let any = config(&roots, &[&version::TLS13, &version::TLS12])?;
        Ok(Self { roots, any })
    }

    /// A configuration that speaks this one version.
    pub(crate) fn only(&self, version: &'static SupportedProtocolVersion) -> Result<Arc<ClientConfig>, ProbeError> {
        config(&self.roots, &[version])
    }
}

fn config(roots: &Arc<RootCertStore>, versions: &[&'static SupportedProtocolVersion]) -> Result<Arc<ClientConfig>, ProbeError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .map_err(|error| ProbeError::Runtime { cause: io::Error::other(error) })?
        .with_root_certificates(Arc::clone(roots))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_scheme_a_host_and_a_port_alone() {
        assert_eq!(Place::parse("t", "https://h.example").unwrap().authority(), "h.example");
        assert_eq!(Place::parse("t", "http://h.example:8787/").unwrap().authority(), "h.example:8787");
        assert_eq!(Place::parse("t", "http://[::1]:8787").unwrap().authority(), "[::1]:8787");
        for text in ["ftp://h", "https://h/x", "https://u@h", "https://h/?q", "h:80", "", "https://", "file:///etc/passwd"] {
            assert!(Place::parse("t", text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_on_this_machine_is_known_by_its_addresses() {
        for (url, here) in [
            ("http://127.0.0.1:1", true),
            ("https://127.3.2.1", true),
            ("http://[::1]:1", true),
            ("http://[::ffff:127.0.0.1]:1", true),
            ("http://0.0.0.0:1", false),
            ("http://192.0.2.7", false),
            ("http://[2001:db8::1]", false),
        ] {
            let place = Place::parse("t", url).unwrap();
            assert_eq!((place.is_loopback().unwrap(), place.is_loopback_by_name()), (here, here), "{url}");
        }
        assert!(Place::parse("t", "http://LocalHost:1").unwrap().is_loopback_by_name());
        assert!(!Place::parse("t", "http://localhost.example").unwrap().is_loopback_by_name());
    }

    #[test]
    fn authorities_that_cannot_be_read_are_an_error_not_the_public_ones() {
        assert!(Trust::new("t", Some(b"")).is_err());
        assert!(Trust::new("t", Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")).is_err());
        assert!(Trust::new("t", None).is_ok());
    }
}

//! A small client for the service: what its tests and its ordinary traffic speak through.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Request, StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpSocket, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, IpAddr as CertificateAddress, ServerName, pem::PemObject as _},
        version::{TLS12, TLS13},
    },
};

/// The longest that a request may take.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// The most of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Where requests go, from where, and how they are protected.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    source: Option<IpAddr>,
    tls: Option<TlsConnector>,
}

impl Client {
    /// Over TLS 1.3, or 1.2 where that is refused, trusting this authority (PEM).
    ///
    /// # Errors
    /// When the PEM holds no certificate.
    pub fn https(address: SocketAddr, authority: &[u8]) -> anyhow::Result<Self> {
        Self::https_with(address, authority, &[&TLS13, &TLS12])
    }

    /// Over one of these versions of TLS.
    ///
    /// # Errors
    /// When the PEM holds no certificate.
    pub fn https_with(
        address: SocketAddr,
        authority: &[u8],
        versions: &[&'static SupportedProtocolVersion],
    ) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority) {
            roots.add(certificate.context("cannot read the authority's certificate")?).context("cannot trust the authority")?;
        }
        if roots.is_empty() {
            bail!("the file of the authority holds no certificate");
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .context("cannot choose the versions of TLS")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { address, source: None, tls: Some(TlsConnector::from(Arc::new(config))) })
    }

    /// Without TLS.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, source: None, tls: None }
    }

    /// The same, sending from this address of the machine.
    #[must_use]
    pub fn from_address(&self, source: IpAddr) -> Self {
        Self { source: Some(source), ..self.clone() }
    }

    /// Opens a connection for several requests, one after the other.
    ///
    /// # Errors
    /// When it cannot be opened, or the handshake fails.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.context("no socket")?;
        if let Some(source) = self.source {
            socket.bind(SocketAddr::new(source, 0)).with_context(|| format!("cannot send from {source}"))?;
        }
        let connecting = timeout(REQUEST_MAX, socket.connect(self.address));
        let stream = connecting
            .await
            .context("connecting took too long")?
            .with_context(|| format!("cannot connect to {}", self.address))?;
        stream.set_nodelay(true).context("cannot set the socket's options")?;
        let sender = match &self.tls {
            Some(tls) => {
                let name = ServerName::IpAddress(CertificateAddress::from(self.address.ip()));
                let handshake = timeout(REQUEST_MAX, tls.connect(name, stream));
                let stream = handshake.await.context("the handshake took too long")?.context("the handshake failed")?;
                handshake_http(TokioIo::new(stream)).await?
            }
            None => handshake_http(TokioIo::new(stream)).await?,
        };
        Ok(Connection { sender, host: self.address.to_string() })
    }

    /// Sends one request on a connection of its own.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn send(&self, ask: Ask<'_>) -> anyhow::Result<Reply> {
        self.connect().await?.send(ask).await
    }
}

async fn handshake_http<S>(stream: TokioIo<S>) -> anyhow::Result<SendRequest<Payload>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(stream).await.context("cannot speak HTTP/1.1")?;
    // What goes wrong on the connection is told to whoever waits for an answer.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

/// An open connection.
pub struct Connection {
    sender: SendRequest<Payload>,
    host: String,
}

impl Connection {
    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn send(&mut self, ask: Ask<'_>) -> anyhow::Result<Reply> {
        let began = Instant::now();
        let mut request = Request::builder().method(ask.method).uri(ask.path).header("host", &self.host);
        if let Some(key) = ask.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(ask.body).context("cannot build the request")?;
        let exchange = async {
            self.sender.ready().await.context("the connection is closed")?;
            let response = self.sender.send_request(request).await.context("no answer came")?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|cause| anyhow::anyhow!(cause)).context("cannot read the answer")?.to_bytes();
            Ok::<_, anyhow::Error>(Reply { status: head.status, headers: head.headers, body, took: began.elapsed() })
        };
        timeout(REQUEST_MAX, exchange).await.context("the answer took too long")?
    }
}

/// A request.
pub struct Ask<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The key, if one is presented.
    pub key: Option<&'a str>,
    /// Other headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: Payload,
}

impl<'a> Ask<'a> {
    /// A request without body and further headers.
    pub fn new(method: &'a str, path: &'a str, key: Option<&'a str>) -> Self {
        Self { method, path, key, headers: &[], body: Payload::declared(Bytes::new()) }
    }

    /// With this body.
    #[must_use]
    pub fn body(self, body: Payload) -> Self {
        Self { body, ..self }
    }

    /// With these headers.
    #[must_use]
    pub fn headers(self, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { headers, ..self }
    }
}

/// What came back.
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// From sending the request to the end of the answer.
    pub took: Duration,
}

impl Reply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header as text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A body, with its length declared or sent in chunks.
pub struct Payload {
    bytes: Option<Bytes>,
    declared: bool,
}

impl Payload {
    /// A body whose length is declared.
    pub fn declared(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: Some(bytes.into()), declared: true }
    }

    /// A body sent in chunks, whose length only its end tells.
    pub fn chunked(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: Some(bytes.into()), declared: false }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.bytes {
            Some(bytes) if self.declared => SizeHint::with_exact(bytes.len() as u64),
            None if self.declared => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.as_ref().is_none_or(|bytes| bytes.is_empty() && self.declared)
    }
}

//! Connections for HTTP/1.1: over TLS but to a loopback address. No redirect is followed.

use std::{
    error::Error,
    io,
    net::{IpAddr, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    body::{Body, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::ClientConfig};
use url::Url;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the host of a URL. What is sent on the connection goes while the runtime of the caller runs.
pub(crate) async fn connect<B>(url: &Url, trust: &Arc<ClientConfig>) -> io::Result<SendRequest<B>>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    timeout(CONNECT_TIMEOUT, connecting(url, trust)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn connecting<B>(url: &Url, trust: &Arc<ClientConfig>) -> io::Result<SendRequest<B>>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or_default();
    let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    let https = url.scheme() == "https";
    if !https && !addresses.iter().all(|address| address.ip().is_loopback()) {
        return Err(io::Error::other("without TLS only a loopback address is connected to"));
    }
    let stream = TcpStream::connect(&addresses[..]).await?;
    stream.set_nodelay(true)?;
    if !https {
        return handshake(stream).await;
    }
    let name = match host.parse::<IpAddr>() {
        Ok(address) => ServerName::from(address),
        Err(_) => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
    };
    handshake(TlsConnector::from(Arc::clone(trust)).connect(name, stream).await?).await
}

async fn handshake<S, B>(stream: S) -> io::Result<SendRequest<B>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // It ends with the sender; what went wrong is told by the request that waited for it.
    tokio::spawn(async { drop(connection.await) });
    Ok(sender)
}

/// The value of `Host` for a URL.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The whole body. One that is larger than `bytes_max` is none.
pub(crate) async fn whole(mut body: Incoming, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            let data: Bytes = data;
            bytes.extend_from_slice(&data);
            if bytes.len() > bytes_max {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
    }
    Ok(bytes)
}

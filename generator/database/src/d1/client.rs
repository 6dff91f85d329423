//! Requests over one connection that is kept, over TLS but for a loopback address. No redirect is followed, and the token is in no
//! error and in no output.

use std::{
    env, io,
    net::{IpAddr, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};

use avouch_model::product::D1;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::{budget, error::D1Error};
use crate::{DatabaseError, tls};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The way to one database.
pub(super) struct Client {
    url: Url,
    authority: String,
    token: HeaderValue,
    // Before the runtime, which it lives in.
    connection: Option<SendRequest<Full<Bytes>>>,
    runtime: Runtime,
}

/// What came back.
pub(super) struct Said {
    pub(super) status: u16,
    /// How long not to ask again, in seconds.
    pub(super) retry_after: Option<u64>,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// Reads the token. Connects at the first request.
    pub(super) fn new(database: &str, place: &D1, variable: &str) -> Result<Self, DatabaseError> {
        let token = env::var(variable).ok().filter(|token| !token.trim().is_empty());
        let no_token = || DatabaseError::NoToken { database: database.to_owned(), variable: variable.to_owned() };
        let mut token =
            HeaderValue::try_from(format!("Bearer {}", token.ok_or_else(no_token)?.trim())).map_err(|_| no_token())?;
        token.set_sensitive(true);
        let failed = |cause| DatabaseError::D1 { database: database.to_owned(), cause };
        let wrong = || failed(D1Error::Endpoint { endpoint: place.endpoint.clone() });
        let text = format!("{}/accounts/{}/d1/database/{}/raw", place.endpoint, place.account, place.database);
        let url = Url::parse(&text).map_err(|_| wrong())?;
        let host = url.host_str().ok_or_else(wrong)?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|cause| DatabaseError::Unready { database: database.to_owned(), cause })?;
        Ok(Self { authority, url, token, connection: None, runtime })
    }

    /// Sends one request, and waits for the whole answer. An answer that is larger than `bytes_max` is none.
    pub(super) fn post(&mut self, body: Vec<u8>, within: Duration, bytes_max: usize) -> Result<Said, D1Error> {
        if self.url.scheme() == "https" {
            std::thread::sleep(budget::wait());
        }
        let body = Bytes::from(body);
        let mut sender = match self.connection.take() {
            Some(kept) => kept,
            None => self.connect()?,
        };
        // It may have been closed since.
        if self.runtime.block_on(sender.ready()).is_err() {
            sender = self.connect()?;
        }
        let request = Request::post(self.url.path())
            .header(HOST, &self.authority)
            .header(AUTHORIZATION, &self.token)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "avouch")
            .body(Full::new(body));
        let request = request.map_err(|_| D1Error::Endpoint { endpoint: self.authority.clone() })?;
        let unanswered = |cause| D1Error::Unanswered { cause };
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(io::Error::other)?;
            let status = answer.status().as_u16();
            let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            Ok(Said { status, retry_after, body: whole(answer.into_body(), bytes_max).await? })
        };
        let said = self.runtime.block_on(async { timeout(within, exchange).await });
        let said = said.map_err(|_| unanswered(io::ErrorKind::TimedOut.into()))?.map_err(unanswered)?;
        self.connection = Some(sender);
        Ok(said)
    }

    fn connect(&self) -> Result<SendRequest<Full<Bytes>>, D1Error> {
        let connecting = self.runtime.block_on(async { timeout(CONNECT_TIMEOUT, self.connecting()).await });
        connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(|cause| D1Error::Unreachable { cause })
    }

    async fn connecting(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.url.port_or_known_default().unwrap_or_default();
        let addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
        let https = self.url.scheme() == "https";
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
        let trust = Arc::new(tls::trusting(tls::public()).map_err(io::Error::other)?);
        handshake(TlsConnector::from(trust).connect(name, stream).await?).await
    }
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> io::Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // It ends with the sender; what went wrong is told by the request that waited for it.
    tokio::spawn(async { drop(connection.await) });
    Ok(sender)
}

async fn whole(mut body: Incoming, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            bytes.extend_from_slice(&data);
            if bytes.len() > bytes_max {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
    }
    Ok(bytes)
}

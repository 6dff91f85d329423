//! Requests over one connection that is kept, over TLS but for a loopback address. No redirect is followed, and the token is in no
//! error and in no output.

use std::{env, io, sync::Arc, time::Duration};

use avouch_model::product::D1;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request,
    client::conn::http1::SendRequest,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_rustls::rustls::ClientConfig;
use url::Url;

use super::{budget, error::D1Error};
use crate::{DatabaseError, http, tls};

/// The way to one database.
pub(super) struct Client {
    url: Url,
    authority: String,
    token: HeaderValue,
    trust: Arc<ClientConfig>,
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
        url.host_str().ok_or_else(wrong)?;
        let unready = |cause| DatabaseError::Unready { database: database.to_owned(), cause };
        let trust = Arc::new(tls::trusting(tls::public()).map_err(|cause| unready(io::Error::other(cause)))?);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(unready)?;
        Ok(Self { authority: http::authority(&url), url, token, trust, connection: None, runtime })
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
            Ok(Said { status, retry_after, body: http::whole(answer.into_body(), bytes_max).await? })
        };
        let said = self.runtime.block_on(async { timeout(within, exchange).await });
        let said = said.map_err(|_| unanswered(io::ErrorKind::TimedOut.into()))?.map_err(unanswered)?;
        self.connection = Some(sender);
        Ok(said)
    }

    fn connect(&self) -> Result<SendRequest<Full<Bytes>>, D1Error> {
        self.runtime.block_on(http::connect(&self.url, &self.trust)).map_err(|cause| D1Error::Unreachable { cause })
    }
}

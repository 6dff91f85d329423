//! What carries the requests of `object_store`: one connection that is kept, and what was heard on it last.

use std::{
    io, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use hyper::{
    Uri,
    client::conn::http1::SendRequest,
    header::{HOST, HeaderValue, USER_AGENT},
};
use object_store::{
    ClientOptions,
    client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpService},
};
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use url::Url;

use super::error::code;
use crate::http;

/// How long one request with its answer may take: an object of several hundred megabytes, or a line that hangs.
const PATIENCE: Duration = Duration::from_secs(45);

/// The way to the store of one bucket.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    trust: Arc<ClientConfig>,
    connection: Mutex<Option<SendRequest<HttpRequestBody>>>,
    heard: Mutex<Heard>,
    bytes_max: AtomicUsize,
}

/// What came of the last request.
#[derive(Debug, Default)]
pub(super) enum Heard {
    /// None was sent.
    #[default]
    Nothing,
    /// It could not be sent.
    Unreachable(io::Error),
    /// It was sent, and no whole answer came.
    Unanswered(io::Error),
    /// A status; and what S3 calls the error, where it does.
    Answer(u16, Option<String>),
}

impl Wire {
    pub(super) fn trusting(trust: ClientConfig) -> Self {
        let trust = Arc::new(trust);
        Self(Arc::new(Kept { trust, connection: Mutex::default(), heard: Mutex::default(), bytes_max: AtomicUsize::new(0) }))
    }

    /// The next answer has at most so many bytes.
    pub(super) fn expect(&self, bytes_max: usize) {
        self.0.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    /// What came of the last request.
    pub(super) fn heard(&self) -> Heard {
        mem::take(&mut *lock(&self.0.heard))
    }

    async fn exchange(&self, mut request: HttpRequest) -> Result<HttpResponse, Heard> {
        let unreachable = |cause| Heard::Unreachable(cause);
        let wrong = |_| Heard::Unreachable(io::ErrorKind::InvalidInput.into());
        let url = Url::parse(&request.uri().to_string()).map_err(|cause| unreachable(io::Error::other(cause)))?;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let path = Uri::try_from(path).map_err(|cause| unreachable(io::Error::other(cause)))?;
        *request.uri_mut() = path;
        request.headers_mut().insert(HOST, HeaderValue::try_from(http::authority(&url)).map_err(wrong)?);
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("avouch"));
        let mut kept = lock(&self.0.connection).take();
        // It may have been closed since.
        if let Some(sender) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let mut sender = match kept {
            Some(sender) => sender,
            None => http::connect(&url, &self.0.trust).await.map_err(unreachable)?,
        };
        let unanswered = |cause| Heard::Unanswered(cause);
        let answer = sender.send_request(request).await.map_err(|cause| unanswered(io::Error::other(cause)))?;
        let (parts, body) = answer.into_parts();
        let body = http::whole(body, self.0.bytes_max.load(Ordering::Relaxed)).await.map_err(unanswered)?;
        *lock(&self.0.connection) = Some(sender);
        *lock(&self.0.heard) = Heard::Answer(parts.status.as_u16(), code(&body));
        Ok(HttpResponse::from_parts(parts, Bytes::from(body).into()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let late = || Err(Heard::Unanswered(io::ErrorKind::TimedOut.into()));
        let answer = timeout(PATIENCE, self.exchange(request)).await.unwrap_or_else(|_| late());
        answer.map_err(|heard| {
            *lock(&self.0.heard) = heard;
            HttpError::new(HttpErrorKind::Unknown, io::Error::other("no answer"))
        })
    }
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

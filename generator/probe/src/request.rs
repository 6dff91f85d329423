//! What is sent: a method and a path, never a URL.

use std::{sync::Arc, time::Duration};

use avouch_model::product::ProbeClass;

use crate::{Credential, ProbeError};

/// A class as configurations write it.
pub(crate) const fn named(class: ProbeClass) -> &'static str {
    match class {
        ProbeClass::Passive => "passive",
        ProbeClass::Active => "active",
        ProbeClass::Intrusive => "intrusive",
    }
}

/// How a request body is sent.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Body {
    /// No body.
    #[default]
    None,
    /// With its length declared (RFC 9112 section 6.2).
    Declared(Arc<[u8]>),
    /// In chunks of 16 KiB (RFC 9112 section 7.1), with no length declared.
    Chunked(Arc<[u8]>),
    /// In chunks, beside a Content-Length that says something else (RFC 9112 section 6.3: the chunks count).
    ChunkedBesideLength(Arc<[u8]>, u64),
    /// With its length declared, and only after the target has agreed (`Expect: 100-continue`, RFC 9110 section
    /// 10.1.1) or has kept silent for a second.
    Expecting(Arc<[u8]>),
}

impl Body {
    /// The bytes of the content.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Declared(bytes) | Self::Chunked(bytes) | Self::ChunkedBesideLength(bytes, _) | Self::Expecting(bytes) => bytes,
        }
    }
}

/// A request of a class to the configured target.
#[derive(Clone)]
pub struct Request {
    pub(crate) class: ProbeClass,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) host: Option<String>,
    pub(crate) body: Body,
    pub(crate) credential: Credential,
    pub(crate) seed: Option<u64>,
    pub(crate) plain: bool,
    pub(crate) timeout: Duration,
    pub(crate) body_max: usize,
    pub(crate) held: Duration,
}

impl Request {
    /// The most bytes of an answer's body that are read unless another bound is set.
    pub const BODY_MAX: usize = 1 << 20;

    /// A request without credential and body, answered within 30 seconds.
    pub fn new(class: ProbeClass, method: &str, path: &str) -> Self {
        Self {
            class,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            host: None,
            body: Body::None,
            credential: Credential::None,
            seed: None,
            plain: false,
            timeout: Duration::from_secs(30),
            body_max: Self::BODY_MAX,
            held: Duration::ZERO,
        }
    }

    /// With one more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asking for this host (RFC 9110 section 7.2); the connection is still made to the target alone.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// With a JSON body whose length is declared.
    #[must_use]
    pub fn json(self, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.header("Content-Type", "application/json").body(Body::Declared(bytes.into()))
    }

    /// As somebody.
    #[must_use]
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// With a wrong credential made from this number: the same one whenever the number is the same. Without, each is another.
    #[must_use]
    pub const fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// To the target's `plain_url`.
    #[must_use]
    pub const fn plain(mut self) -> Self {
        self.plain = true;
        self
    }

    /// Answered within this time.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With at most this many bytes of the answer's body read.
    #[must_use]
    pub const fn body_max(mut self, bytes: usize) -> Self {
        self.body_max = bytes;
        self
    }

    /// With the end of its head held back for this long after the rest was sent: an answer that is known to come later.
    #[must_use]
    pub const fn held(mut self, time: Duration) -> Self {
        self.held = time;
        self
    }

    /// Refuses what would not be one request with these parts: names, paths and values with foreign characters.
    pub(crate) fn check(&self) -> Result<(), ProbeError> {
        let unsendable = |reason: String| Err(ProbeError::Unsendable { reason });
        if !is_token(&self.method) {
            return unsendable("the method is no token".to_owned());
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(|byte| byte.is_ascii_graphic()) || self.path.contains('#') {
            return unsendable("the path does not begin with `/` or holds a character that must be percent-encoded".to_owned());
        }
        if let Some(host) = &self.host
            && (host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)))
        {
            return unsendable("the host is no name with a port".to_owned());
        }
        for (name, value) in &self.headers {
            let framing = ["host", "content-length", "transfer-encoding", "connection", "expect"];
            if !is_token(name) || framing.iter().any(|each| name.eq_ignore_ascii_case(each)) {
                return unsendable(format!("the header `{}` is not ours to set", name.escape_debug()));
            }
            if !is_field_value(value) {
                return unsendable(format!("the value of the header `{name}` holds a control character"));
            }
        }
        Ok(())
    }
}

/// Whether this is a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Whether this can be a field value (RFC 9110 section 5.5).
pub(crate) fn is_field_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// Shows no header values and no body.
impl std::fmt::Debug for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Request")
            .field("class", &self.class)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.bytes().len())
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_request_cannot_be_smuggled_into_a_path_or_header() {
        let ask = |path: &str| Request::new(ProbeClass::Passive, "GET", path);
        assert!(ask("/v1/items?x=1").check().is_ok());
        for path in ["", "v1", "http://other/", "/a b", "/a\r\nX: y", "/é", "/a#b"] {
            assert!(ask(path).check().is_err(), "{path}");
        }
        assert!(ask("/").header("X-A", "b\r\nX-C: d").check().is_err());
        assert!(ask("/").header("Host", "other").check().is_err());
        assert!(ask("/").header("content-LENGTH", "1").check().is_err());
        assert!(ask("/").host("acme.example:8443").check().is_ok());
        assert!(ask("/").host("a\r\nX: y").check().is_err() && ask("/").host("").check().is_err());
        assert!(Request::new(ProbeClass::Passive, "GET /", "/").check().is_err());
    }
}

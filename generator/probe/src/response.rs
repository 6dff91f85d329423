//! What a target answered.

use std::time::Duration;

/// What a target answered. The body is bounded; [`Response::truncated`] tells whether there was more.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields in their order; names in lower case, values as text (bytes beyond ASCII are replaced).
    pub headers: Vec<(String, String)>,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether the body was longer than what was read, or ended before it was whole.
    pub truncated: bool,
    /// From the first byte sent to the last byte of the answer's head.
    pub took: Duration,
    /// Whether the answer came before the whole request body was sent.
    pub early: bool,
    /// When the answer's head was there, counted from the start of the burst or of the request.
    pub at: Duration,
}

impl Response {
    /// The first header field of this name (any case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(&field.1)
    }

    /// Every header field of this name (any case), in order.
    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; none when it is not whole or not JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        if self.truncated {
            return None;
        }
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The duration in whole microseconds.
    pub fn micros(&self) -> u64 {
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Shows no header values and no body: they may hold what must not be in a log.
impl std::fmt::Debug for Response {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .field("truncated", &self.truncated)
            .field("took", &self.took)
            .finish_non_exhaustive()
    }
}

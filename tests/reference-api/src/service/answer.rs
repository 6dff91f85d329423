//! Answers: JSON, or a closed envelope for whatever is not a success.

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

/// An answer with its body.
pub(super) type Answer = Response<Full<Bytes>>;

/// Why a request is not served: the status, a code that programs read, a sentence that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
}

const fn refusal(status: StatusCode, code: &'static str, message: &'static str) -> Refusal {
    Refusal { status, code, message }
}

pub(super) const UNAUTHORIZED: Refusal =
    refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "The request could not be authenticated.");
pub(super) const TOO_MANY_REQUESTS: Refusal =
    refusal(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", "Too many requests; try again later.");
pub(super) const UNAVAILABLE: Refusal =
    refusal(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "The service cannot answer now; try again later.");
pub(super) const NOT_FOUND: Refusal = refusal(StatusCode::NOT_FOUND, "NOT_FOUND", "There is nothing here.");
pub(super) const FORBIDDEN: Refusal = refusal(StatusCode::FORBIDDEN, "FORBIDDEN", "This belongs to somebody else.");
pub(super) const METHOD_NOT_ALLOWED: Refusal =
    refusal(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "This cannot be done here.");
pub(super) const TOO_LARGE: Refusal = refusal(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", "The body is too large.");
pub(super) const TOO_MANY_ITEMS: Refusal =
    refusal(StatusCode::UNPROCESSABLE_ENTITY, "TOO_MANY_ITEMS", "The batch holds too many interactions.");
pub(super) const INVALID_BODY: Refusal =
    refusal(StatusCode::BAD_REQUEST, "INVALID_BODY", "The body is not what this call takes.");
pub(super) const TOO_SLOW: Refusal = refusal(StatusCode::REQUEST_TIMEOUT, "TOO_SLOW", "The body did not arrive in time.");
pub(super) const TOO_MANY_KEYS: Refusal =
    refusal(StatusCode::CONFLICT, "TOO_MANY_KEYS", "The organisation has as many keys as it may have.");

/// A refusal in its envelope.
pub(super) fn refuse(refusal: Refusal, request_id: &str) -> Answer {
    let body = json!({ "error": { "code": refusal.code, "message": refusal.message }, "requestId": request_id });
    let mut answer = json_answer(refusal.status, &body);
    if refusal.status == StatusCode::UNAUTHORIZED {
        set(&mut answer, HeaderName::from_static("www-authenticate"), "Bearer");
    }
    answer
}

/// A refusal that says when to come back.
pub(super) fn refuse_until(refusal: Refusal, seconds: u32, request_id: &str) -> Answer {
    let mut answer = refuse(refusal, request_id);
    set(&mut answer, HeaderName::from_static("retry-after"), &seconds.to_string());
    answer
}

/// A success with a JSON body.
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A success with nothing to say.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

/// Sets a header; a value that cannot be one is left out.
pub(super) fn set(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

//! Cross-origin answers: preflights by one list for the whole service, real answers by the organisation's own list.

use hyper::{
    HeaderMap, StatusCode,
    header::{HeaderName, ORIGIN, VARY},
};

use super::answer::{Answer, empty, set};
use crate::{
    defect::{Chosen, Defect},
    fixture::PREFLIGHT_ORIGINS,
};

const ALLOW_ORIGIN: HeaderName = HeaderName::from_static("access-control-allow-origin");
const ALLOW_CREDENTIALS: HeaderName = HeaderName::from_static("access-control-allow-credentials");

/// The answer to a preflight, which carries no key and so knows no organisation.
pub(super) fn preflight(headers: &HeaderMap, chosen: Chosen) -> Answer {
    let mut answer = empty(StatusCode::NO_CONTENT);
    vary(&mut answer, chosen);
    let local = |origin: &str| chosen.is(Defect::LocalhostPreflight) && origin.starts_with("http://localhost");
    let listed = origin(headers).filter(|origin| PREFLIGHT_ORIGINS.contains(origin) || local(origin));
    let allowed = if chosen.is(Defect::PreflightStar) { Some("*") } else { listed };
    if let Some(origin) = allowed {
        set(&mut answer, ALLOW_ORIGIN, origin);
        set(&mut answer, HeaderName::from_static("access-control-allow-methods"), "GET, POST, DELETE");
        set(&mut answer, HeaderName::from_static("access-control-allow-headers"), "authorization, content-type");
        set(&mut answer, HeaderName::from_static("access-control-max-age"), "600");
    }
    answer
}

/// Lets the pages of the organisation's origins read an answer.
pub(super) fn allow(answer: &mut Answer, headers: &HeaderMap, allowed_origins: &[String], chosen: Chosen) {
    if chosen.is(Defect::StarWithCredentials) {
        return anybody(answer);
    }
    let Some(origin) = origin(headers) else { return };
    let is_this =
        |allowed: &String| allowed == origin || chosen.is(Defect::OriginByItsBeginning) && origin.starts_with(allowed.as_str());
    if chosen.is(Defect::ReflectOrigin) || allowed_origins.iter().any(is_this) {
        set(answer, ALLOW_ORIGIN, origin);
        set(answer, HeaderName::from_static("access-control-expose-headers"), "x-request-id");
    }
}

/// Lets pages of any origin read an answer, with what the browser sends along.
pub(super) fn anybody(answer: &mut Answer) {
    set(answer, ALLOW_ORIGIN, "*");
    set(answer, ALLOW_CREDENTIALS, "true");
}

/// Says that the answer depends on the origin, whether or not this one was allowed.
pub(super) fn vary(answer: &mut Answer, chosen: Chosen) {
    if !chosen.is(Defect::NoVary) {
        set(answer, VARY, "Origin");
    }
}

fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(ORIGIN)?.to_str().ok()
}

//! What becomes of a request: counted by address, authenticated, routed, answered, logged.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use chrono::{DateTime, Days, SecondsFormat, Utc};
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE},
};
use serde_json::json;

use super::{
    Settings,
    answer::{Answer, NOT_FOUND, Refusal, TOO_MANY_REQUESTS, UNAVAILABLE, empty, json_answer, refuse, refuse_until, set},
    authentication::{self, Caller, Outcome},
    cors, floor, interactions, issued_keys,
    journal::{Journal, Logged},
    limits::{AddressLimiter, Admission, FixedWindows, SlidingWindows},
    mcp,
    store::{Store, Unavailable},
};
use crate::defect::{Chosen, Defect};

const SECURITY_PAGE: &str = include_str!("../../template/security.html");

/// Who is at the other end of a connection.
#[derive(Clone, Copy)]
pub(super) struct Peer {
    /// The address.
    pub(super) address: IpAddr,
    /// Whether the connection is encrypted.
    pub(super) encrypted: bool,
}

/// The service's state.
pub(super) struct App {
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) fixed_windows: Arc<FixedWindows>,
    pub(super) sliding_windows: Arc<SlidingWindows>,
    pub(super) remembered: floor::Remembered,
    pub(super) issued: issued_keys::Issued,
    journal: Journal,
    addresses: AddressLimiter,
    https: SocketAddr,
}

/// A request as the handlers see it.
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    pub(super) segments: &'a [&'a str],
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) at: DateTime<Utc>,
    pub(super) request_id: &'a str,
}

/// An answer with what the log says of it.
struct Answered {
    answer: Answer,
    route: &'static str,
    reason: Option<&'static str>,
}

impl App {
    pub(super) fn new(mut settings: Settings, store: Store, journal: Journal, https: SocketAddr) -> Self {
        settings.limits = settings.limits.with(settings.chosen);
        let limits = &settings.limits;
        let addresses = AddressLimiter::of(limits, settings.chosen);
        Self {
            settings,
            store,
            fixed_windows: Arc::default(),
            sliding_windows: Arc::default(),
            remembered: floor::Remembered::default(),
            issued: issued_keys::Issued::default(),
            journal,
            addresses,
            https,
        }
    }

    pub(super) fn chosen(&self) -> Chosen {
        self.settings.chosen
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Answer {
        let (began, at) = (Instant::now(), (self.settings.clock)());
        if !peer.encrypted && !self.chosen().is(Defect::PlainHttpServed) && !self.is_forwarded(&request) {
            return self.redirect(&request);
        }
        let method = request.method().clone();
        let Some(request_id) = random_id() else { return refuse(UNAVAILABLE, "") };
        let Answered { mut answer, route, reason } = self.admit(request, peer, began, at, &request_id).await;
        set(&mut answer, HeaderName::from_static("x-request-id"), &request_id);
        if peer.encrypted && !self.chosen().is(Defect::NoHsts) {
            set(&mut answer, HeaderName::from_static("strict-transport-security"), "max-age=31536000; includeSubDomains");
        }
        self.journal.request(&Logged {
            at,
            id: &request_id,
            method: method.as_str(),
            route,
            status: answer.status().as_u16(),
            ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            reason: reason.filter(|_| self.chosen().is(Defect::ReasonInLog)),
            hint: (self.chosen().is(Defect::HintInLog) && reason == Some("expired_key")).then_some("renew"),
        });
        answer
    }

    /// Whether the request says that it came over HTTPS to somebody before this service, and is believed.
    fn is_forwarded(&self, request: &Request<Incoming>) -> bool {
        self.chosen().is(Defect::ForwardedProtoTrusted)
            && request.headers().get("x-forwarded-proto").is_some_and(|proto| proto == "https")
    }

    /// Points to the same path over HTTPS, at this service and nowhere else.
    fn redirect(&self, request: &Request<Incoming>) -> Answer {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let mut answer = empty(StatusCode::PERMANENT_REDIRECT);
        set(&mut answer, LOCATION, &format!("https://{}{path}", self.https));
        answer
    }

    async fn admit(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        began: Instant,
        at: DateTime<Utc>,
        request_id: &str,
    ) -> Answered {
        let unrouted = |answer| Answered { answer, route: "-", reason: None };
        let counted = if self.chosen().is(Defect::PathsCountedApart) {
            self.addresses.admit_apart(peer.address, request.uri().path(), began)
        } else {
            self.addresses.admit(peer.address, began)
        };
        match counted {
            Ok(Admission::Admitted) => {}
            Ok(Admission::Refused(seconds)) => return unrouted(refuse_until(TOO_MANY_REQUESTS, seconds, request_id)),
            Err(_) if self.chosen().is(Defect::FailsOpen) => {}
            Err(_) => return unrouted(refuse_until(UNAVAILABLE, self.settings.limits.address_window, request_id)),
        }
        let (parts, body) = request.into_parts();
        let segments: Vec<&str> = parts.uri.path().trim_start_matches('/').split('/').collect();
        let call = Call {
            method: &parts.method,
            segments: &segments,
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            at,
            request_id,
        };
        match (call.method, call.segments) {
            (&Method::GET, ["version"]) => Answered { answer: self.version(), route: "/version", reason: None },
            (&Method::GET, [".well-known", "security.txt"]) => {
                Answered { answer: self.security_txt(at), route: "/.well-known/security.txt", reason: None }
            }
            (&Method::GET, ["security"]) => Answered { answer: self.security_page(), route: "/security", reason: None },
            (&Method::OPTIONS, ["v1", ..]) => {
                Answered { answer: cors::preflight(call.headers, self.chosen()), route: "preflight", reason: None }
            }
            (_, ["v1", ..]) => self.authenticated(&call, body, began).await,
            _ => unrouted(refuse(NOT_FOUND, request_id)),
        }
    }

    async fn authenticated(&self, call: &Call<'_>, body: Incoming, began: Instant) -> Answered {
        let outcome = authentication::authenticate(self, call, began).await;
        let reason = outcome.reason();
        let (mut answer, route, origins) = match outcome {
            Outcome::Admitted(caller) => {
                if self.chosen().is(Defect::PepperInDebugLog) {
                    self.journal.compared(call.at, &self.settings.pepper);
                }
                let (route, done) = self.route(call, body, &caller).await;
                (done.unwrap_or_else(|refusal| refuse(refusal, call.request_id)), route, Some(caller.allowed_origins))
            }
            Outcome::Refused(authentication::Reason::Expired) if self.chosen().is(Defect::SaysExpired) => {
                let told = Refusal { message: "The key has expired.", ..super::answer::UNAUTHORIZED };
                (refuse(told, call.request_id), "-", None)
            }
            Outcome::Refused(reason) => {
                let mut answer = refuse(super::answer::UNAUTHORIZED, call.request_id);
                if reason == authentication::Reason::Inactive && self.chosen().is(Defect::ExtraHeaderInactive) {
                    set(&mut answer, HeaderName::from_static("x-key-status"), "1");
                }
                // RFC 6750, section 3: no error code for whoever sent no credential.
                if reason != authentication::Reason::Missing && self.chosen().is(Defect::InvalidTokenTold) {
                    set(&mut answer, WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"");
                }
                if self.chosen().is(Defect::StarOnRefusals) {
                    cors::anybody(&mut answer);
                }
                (answer, "-", None)
            }
            Outcome::Limited(seconds) => (refuse_until(TOO_MANY_REQUESTS, seconds, call.request_id), "-", None),
            Outcome::Unavailable => (refuse(UNAVAILABLE, call.request_id), "-", None),
        };
        cors::vary(&mut answer, self.chosen());
        if let Some(origins) = origins {
            cors::allow(&mut answer, call.headers, &origins, self.chosen());
        }
        Answered { answer, route, reason }
    }

    async fn route(&self, call: &Call<'_>, body: Incoming, caller: &Caller) -> (&'static str, Result<Answer, Refusal>) {
        match call.segments {
            ["v1", "interactions"] => ("/v1/interactions", interactions::collection(self, call, body, caller).await),
            ["v1", "interactions", "batch"] => ("/v1/interactions/batch", interactions::batch(self, call, body, caller).await),
            ["v1", "interactions", id] => ("/v1/interactions/{id}", interactions::one(self, call, caller, id).await),
            ["v1", "keys"] => ("/v1/keys", issued_keys::collection(self, call, caller).await),
            ["v1", "mcp"] => ("/v1/mcp", mcp::endpoint(self, call, body).await),
            ["v1", "keys", id] => ("/v1/keys/{id}", issued_keys::one(self, call, caller, id).await),
            _ => ("-", Err(NOT_FOUND)),
        }
    }

    fn version(&self) -> Answer {
        let body = json!({ "commit": self.settings.commit, "version": env!("CARGO_PKG_VERSION") });
        json_answer(StatusCode::OK, &body)
    }

    /// The public security page.
    fn security_page(&self) -> Answer {
        let mut page = SECURITY_PAGE.to_owned();
        if self.chosen().is(Defect::TrustPageCut)
            && let (Some(start), Some(end)) = (page.find("<h2>Threat model"), page.find("<h2>Disclosure"))
        {
            page.replace_range(start..end, "");
        }
        if self.chosen().is(Defect::TrustPageEmptySection)
            && let (Some(start), Some(end)) = (page.find("<p>Each promise"), page.find("<h2>Threat model"))
        {
            page.replace_range(start..end, "<p></p>\n");
        }
        let mut answer = Response::new(Full::new(Bytes::from(page)));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        answer
    }

    /// The contact for people who found something (RFC 9116).
    fn security_txt(&self, at: DateTime<Utc>) -> Answer {
        let expires = if self.chosen().is(Defect::SecurityTxtExpired) {
            at.checked_sub_days(Days::new(1))
        } else {
            at.checked_add_days(Days::new(180))
        };
        let expires = expires.unwrap_or(at).to_rfc3339_opts(SecondsFormat::Secs, true);
        let contact = if self.chosen().is(Defect::SecurityTxtObfuscated) {
            "[email\u{a0}protected]"
        } else if self.chosen().is(Defect::ContactUndefined) {
            "mailto:undefined"
        } else {
            "mailto:security@ck.example"
        };
        let text =
            format!("Contact: {contact}\nExpires: {expires}\nPreferred-Languages: en, fr\nPolicy: https://ck.example/security\n");
        let mut answer = Response::new(Full::new(Bytes::from(text)));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        answer
    }
}

/// A job that the database could not do is told without its cause.
impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Self {
        UNAVAILABLE
    }
}

/// 128 random bits in hexadecimal; none when the system has no randomness to give.
pub(super) fn random_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}

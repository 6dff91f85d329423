//! A rehearsal: what would be sent, without a socket. Every request is noted and answered as a target would that does what
//! the configuration says: with the status of its route, and an id where the route has one.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use avouch_model::product::{ProbeClass, Route, Target};
use serde_json::Value;

use crate::{Body, Credential, Request, Response, Version, request::named};

/// The id of everything that a rehearsal makes.
const ID: &str = "rehearsal";
/// How much of a header's value is shown.
const VALUE_MAX: usize = 80;

/// A request that would be sent, and how often one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// The class that the target must allow.
    pub class: ProbeClass,
    /// Method, path, who asks, headers, and the size of the body.
    pub request: String,
    /// How often.
    pub times: usize,
}

impl fmt::Display for Rehearsed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", named(self.class), self.request)?;
        if self.times > 1 { write!(formatter, " ({} times)", self.times) } else { Ok(()) }
    }
}

/// What was noted so far.
#[derive(Debug, Default)]
pub(crate) struct Rehearsal {
    noted: Mutex<Vec<Rehearsed>>,
}

impl Rehearsal {
    /// Notes a request, and answers it.
    pub(crate) fn answer(&self, target: &Target, request: &Request, times: usize) -> Response {
        self.note(request.class, shown(request), times);
        answer(target, request)
    }

    /// Notes a line of its own.
    pub(crate) fn note(&self, class: ProbeClass, request: String, times: usize) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        match noted.last_mut() {
            Some(last) if last.class == class && last.request == request => last.times += times,
            _ => noted.push(Rehearsed { class, request, times }),
        }
    }

    pub(crate) fn offer(&self, version: Version) {
        self.note(ProbeClass::Passive, format!("a ClientHello that offers TLS {version} alone"), 1);
    }

    pub(crate) fn noted(&self) -> Vec<Rehearsed> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A request for a person to read. Credentials are named, never shown.
fn shown(request: &Request) -> String {
    let who = match &request.credential {
        Credential::None => "as nobody".to_owned(),
        Credential::Principal(name) => format!("as {name}"),
        Credential::Malformed(name) => format!("with what is no key, in the place of {name}'s"),
        Credential::Unknown(name) => format!("with a key that nobody has, in the form of {name}'s"),
        Credential::Altered(name) => format!("with an altered key of {name}"),
    };
    let mut text = format!("{} {} {who}", request.method, request.path);
    if request.plain {
        text.push_str(", in plain HTTP");
    }
    if !request.held.is_zero() {
        text.push_str(&format!(", held back for {} ms", request.held.as_millis()));
    }
    if let Some(host) = &request.host {
        text.push_str(&format!(", Host: {host}"));
    }
    for (name, value) in &request.headers {
        let cut: String = value.chars().take(VALUE_MAX).collect();
        let more = if cut.len() < value.len() { "…" } else { "" };
        text.push_str(&format!(", {name}: {cut}{more}"));
    }
    let bytes = request.body.bytes().len();
    match &request.body {
        Body::None => {}
        Body::Declared(_) => text.push_str(&format!(", {bytes} bytes")),
        Body::Expecting(_) => text.push_str(&format!(", {bytes} bytes after 100-continue")),
        Body::Chunked(_) => text.push_str(&format!(", {bytes} bytes in chunks")),
        Body::ChunkedBesideLength(_, length) => {
            text.push_str(&format!(", {bytes} bytes in chunks beside a Content-Length of {length}"));
        }
    }
    text
}

fn answer(target: &Target, request: &Request) -> Response {
    let route = target.routes.values().find(|route| route.method == request.method && is_path(route, &request.path));
    let body = route.and_then(|route| route.id.as_deref()).map(made).unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    Response {
        status: route.map_or(200, |route| route.ok),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
        truncated: false,
        took: Duration::ZERO,
        early: false,
        at: Duration::ZERO,
    }
}

/// Whether a path is one of a route's, whatever stands for `{id}`.
fn is_path(route: &Route, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    match route.path.split_once("{id}") {
        Some((before, after)) => path.len() >= before.len() + after.len() && path.starts_with(before) && path.ends_with(after),
        None => route.path == path,
    }
}

/// A body with the id at this pointer.
fn made(pointer: &str) -> Value {
    let names: Vec<&str> = pointer.split('/').skip(1).collect();
    names.into_iter().rev().fold(Value::String(ID.to_owned()), |inner, name| {
        Value::Object(serde_json::Map::from_iter([(name.replace("~1", "/").replace("~0", "~"), inner)]))
    })
}

//! What the kinds that ask a running system share: the names in their parameters made into requests.

use std::{sync::Arc, time::Duration};

use avouch_model::{
    Span,
    percent::encoded,
    product::{ProbeClass, Route, Target},
};
use avouch_probe::{Body, Credential, Exchanged, ProbeError, Prober, Request, Response, Then};
use avouch_repository::Files;
use serde::Deserialize;

use crate::{Unasked, World};

/// The longest that a target's Retry-After is waited for.
const PATIENCE_SECONDS_MAX: u64 = 65;
/// How soon it is looked again for what a target writes after its answer went out, and how far looks may come to be apart.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LOOK_MAX: Duration = Duration::from_millis(320);
/// The largest request body that is read from a file.
const BODY_MAX: u64 = 16 << 20;

/// A target with its prober.
pub(super) struct Site<'w> {
    world: &'w World<'w>,
    pub(super) target: &'w Target,
    pub(super) prober: &'w Prober,
}

/// A call that can be sent: a route's, or one that is written out.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Option<Vec<u8>>,
    pub(super) media_type: &'static str,
    pub(super) ok: u16,
}

/// A way not to be let in (or to be): by a wrong credential, or as a configured principal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cause {
    pub(super) name: String,
    #[serde(default)]
    credential: Option<Wrong>,
    #[serde(default)]
    principal: Option<String>,
}

/// A credential that is made wrong.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wrong {
    None,
    Malformed,
    Unknown,
    Altered,
}

impl Wrong {
    /// Made from the right one of this principal.
    pub(super) fn of(self, principal: &str) -> Credential {
        match self {
            Self::None => Credential::None,
            Self::Malformed => Credential::Malformed(principal.to_owned()),
            Self::Unknown => Credential::Unknown(principal.to_owned()),
            Self::Altered => Credential::Altered(principal.to_owned()),
        }
    }
}

impl Cause {
    /// What is sent, where `valid` is the check's own principal.
    pub(super) fn credential(&self, valid: &str) -> Result<Credential, Unasked> {
        cause(&self.name, self.credential, self.principal.as_deref(), valid)
    }
}

/// What a cause with these keys sends.
pub(super) fn cause(name: &str, wrong: Option<Wrong>, principal: Option<&str>, valid: &str) -> Result<Credential, Unasked> {
    match (wrong, principal) {
        (Some(wrong), None) => Ok(wrong.of(valid)),
        (None, Some(principal)) => Ok(Credential::Principal(principal.to_owned())),
        _ => Err(Unasked(format!("`{name}` needs either `credential` or `principal`"))),
    }
}

impl<'w> Site<'w> {
    /// The target of this name.
    pub(super) fn of(world: &'w World<'w>, name: &str) -> Result<Self, Unasked> {
        let target = world.configuration.targets.get(name);
        match (target, world.probers.get(name)) {
            (Some(target), Some(prober)) => Ok(Self { world, target, prober }),
            (None, _) => Err(Unasked(format!("no target is named `{name}`: add `[targets.{name}]`"))),
            (Some(_), None) => Err(Unasked(format!("the target `{name}` cannot be probed in this run"))),
        }
    }

    /// The route of this name.
    pub(super) fn route(&self, name: &str) -> Result<&'w Route, Unasked> {
        let target = &self.target.name;
        self.target
            .routes
            .get(name)
            .ok_or_else(|| Unasked(format!("no route is named `{name}`: add `[targets.{target}.routes.{name}]`")))
    }

    /// The call of a route, its body read and filled.
    pub(super) fn call_of(&self, route: &Route) -> Result<Call, Unasked> {
        self.call_filled(route, &|| self.random())
    }

    /// The call of a route with the same `mark` at every `{{random}}` of its body.
    pub(super) fn call_marked(&self, route: &Route, mark: &str) -> Result<Call, Unasked> {
        self.call_filled(route, &|| mark.to_owned())
    }

    fn call_filled(&self, route: &Route, random: &dyn Fn() -> String) -> Result<Call, Unasked> {
        let body = route.body.as_deref().map(|path| self.body(path, random)).transpose()?;
        let json = route.body.as_deref().is_none_or(|path| path.ends_with(".json"));
        Ok(Call {
            method: route.method.clone(),
            path: route.path.clone(),
            body,
            media_type: if json { "application/json" } else { "application/octet-stream" },
            ok: route.ok,
        })
    }

    /// The call of exactly one of `route` and `call`.
    pub(super) fn call(&self, route: Option<&str>, call: Option<&str>) -> Result<Call, Unasked> {
        match (route, call) {
            (Some(route), None) => self.call_of(self.route(route)?),
            (None, Some(call)) => {
                let (method, path) = call
                    .split_once(' ')
                    .ok_or_else(|| Unasked(format!("`{call}` is no call: write a method and a path, `GET /path`")))?;
                Ok(Call { method: method.to_owned(), path: path.to_owned(), body: None, media_type: "application/json", ok: 200 })
            }
            _ => Err(Unasked("give either `route` or `call`".to_owned())),
        }
    }

    /// A body from the release's tree, or else from the folder, with its place holders filled.
    fn body(&self, path: &str, random: &dyn Fn() -> String) -> Result<Vec<u8>, Unasked> {
        let unread = |error: &dyn std::fmt::Display| Unasked(format!("the request body `{path}` cannot be read: {error}"));
        let found = match self.world.tree.read(path, BODY_MAX).map_err(|error| unread(&error))? {
            Some(bytes) => bytes,
            None => self
                .world
                .folder
                .read(path, BODY_MAX)
                .map_err(|error| unread(&error))?
                .ok_or_else(|| Unasked(format!("the request body `{path}` is not in the repository")))?,
        };
        let Ok(text) = std::str::from_utf8(&found) else {
            return Ok(found);
        };
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{random}}") {
            filled.push_str(before);
            filled.push_str(&random());
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled.into_bytes())
    }

    /// Looks until what is waited for is there, at once and again after pauses that double; for `wait` altogether.
    pub(super) fn look(&self, wait: Span, mut is_there: impl FnMut() -> Result<bool, Unasked>) -> Result<(), Unasked> {
        let mut left = Duration::from_secs(wait.seconds_min());
        let mut pause = FIRST_LOOK;
        while !is_there()? && !left.is_zero() {
            pause = pause.min(left);
            self.prober.pause(pause);
            left -= pause;
            pause = (pause * 2).min(LOOK_MAX);
        }
        Ok(())
    }

    /// Sixteen fresh hexadecimal digits.
    pub(super) fn random(&self) -> String {
        format!("{:016x}", (self.world.random)())
    }

    /// The answer to a request that is not about limits: one that is refused for coming too often is repeated when the
    /// target says so, twice.
    pub(super) fn ask(&self, request: &Request) -> Result<Response, Unasked> {
        for _ in 0..3 {
            let answer = self.prober.send(request).map_err(|error| unasked(&error))?;
            if answer.status != 429 {
                return Ok(answer);
            }
            let seconds = answer.header("retry-after").and_then(|after| after.trim().parse::<u64>().ok());
            self.prober.pause(Duration::from_secs(seconds.unwrap_or(1).clamp(1, PATIENCE_SECONDS_MAX)));
        }
        Err(Unasked("the target still answers 429 (too many requests) after waiting as long as it asked for".to_owned()))
    }

    /// The answers to requests that do not depend on one another, in their order; for limits as [`Site::ask`].
    pub(super) fn ask_together(&self, requests: Vec<Request>) -> Result<Vec<Result<Response, Unasked>>, Unasked> {
        let sent = self.prober.together(requests.clone(), None).map_err(|error| unasked(&error))?;
        Ok(requests.iter().zip(sent).map(|(request, Exchanged { answer, .. })| self.again(request, answer)).collect())
    }

    /// As [`Site::ask_together`]; what a success made is removed at once, where the route has an `undo`. With each answer
    /// whether nothing is left of it.
    pub(super) fn try_together(
        &self,
        route: Option<&Route>,
        requests: Vec<Request>,
        credential: &Credential,
    ) -> Result<Vec<(Response, bool)>, Unasked> {
        let then = route.cloned().map(|route| -> Then {
            let credential = credential.clone();
            Arc::new(move |made| is_success(made.status).then(|| removal(&route, made, &credential)).flatten())
        });
        let sent = self.prober.together(requests.clone(), then.as_ref()).map_err(|error| unasked(&error))?;
        let gone = |request: &Request, Exchanged { answer, then, .. }| {
            let answer = self.again(request, answer)?;
            let removed = match (then, route) {
                (Some(Ok(removed)), _) if is_gone(removed.status) => true,
                (_, Some(route)) if is_success(answer.status) => self.undo(route, &answer, credential),
                _ => true,
            };
            Ok((answer, removed))
        };
        // All are looked at before the first that was not answered ends it: what was made is removed whatever happened.
        let each: Vec<_> = requests.iter().zip(sent).map(|(request, one)| gone(request, one)).collect();
        each.into_iter().collect()
    }

    /// The answer to a request that was sent already, which is asked again where it came too often.
    fn again(&self, request: &Request, answer: Result<Response, ProbeError>) -> Result<Response, Unasked> {
        match answer {
            Ok(answer) if answer.status == 429 => self.ask(request),
            other => other.map_err(|error| unasked(&error)),
        }
    }

    /// As [`Site::undo`], of many that do not depend on one another; how many may still be there.
    pub(super) fn undo_together(&self, made: &[(&Route, &Response, &Credential)]) -> u64 {
        let removals = made.iter().map(|(route, made, credential)| removal(route, made, credential));
        let (mut left, mut requests) = (0, Vec::new());
        for (removal, (route, made, _)) in removals.zip(made) {
            match removal {
                Some(request) => requests.push(request),
                None => left += u64::from(route.undo.is_some() || made_id(route, made).is_some()),
            }
        }
        let count = requests.len() as u64;
        let gone = |answers: Vec<Result<Response, Unasked>>| {
            answers.iter().filter(|answer| matches!(answer, Ok(answer) if is_gone(answer.status))).count() as u64
        };
        left + count.saturating_sub(self.ask_together(requests).map_or(0, gone))
    }

    /// Removes what a route made, as whoever made it. False when it may still be there.
    pub(super) fn undo(&self, route: &Route, made: &Response, credential: &Credential) -> bool {
        match removal(route, made, credential) {
            Some(request) => matches!(self.ask(&request), Ok(answer) if is_gone(answer.status)),
            None => route.undo.is_none() && made_id(route, made).is_none(),
        }
    }
}

/// The request that removes what a route made, where there is one.
fn removal(route: &Route, made: &Response, credential: &Credential) -> Option<Request> {
    let (method, path) = route.undo.as_ref()?;
    let path = with_id(path, &made_id(route, made)?);
    Some(Request::new(ProbeClass::Intrusive, method, &path).credential(credential.clone()))
}

/// Whether what was to be removed is not there any more.
fn is_gone(status: u16) -> bool {
    is_success(status) || matches!(status, 404 | 410)
}

/// Whether a request was served (RFC 9110 section 15.3).
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

impl Call {
    /// As a request of this class.
    pub(super) fn request(&self, class: ProbeClass, credential: Credential) -> Request {
        let request = Request::new(class, &self.method, &self.path).credential(credential);
        match &self.body {
            Some(body) => request.header("Content-Type", self.media_type).body(Body::Declared(body.clone().into())),
            None => request,
        }
    }

    /// With `{id}` filled.
    pub(super) fn with_id(mut self, id: &str) -> Self {
        self.path = with_id(&self.path, id);
        self
    }
}

/// A JSON body with members set, or taken out where there is no value; what is wrong with it otherwise.
pub(super) fn edited<'c>(
    body: &[u8],
    changes: impl IntoIterator<Item = (&'c str, Option<&'c serde_json::Value>)>,
) -> Result<Vec<u8>, String> {
    let mut json: serde_json::Value = serde_json::from_slice(body).map_err(|error| format!("is not JSON: {error}"))?;
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').ok_or_else(|| format!("has no place `{pointer}`"))?;
        let members = json.pointer_mut(parent).and_then(serde_json::Value::as_object_mut);
        let members = members.ok_or_else(|| format!("has no object at `{parent}`"))?;
        match value {
            Some(value) => drop(members.insert(name.to_owned(), value.clone())),
            None => drop(members.remove(name)),
        }
    }
    serde_json::to_vec(&json).map_err(|error| error.to_string())
}

/// The id of what a route made, where its answer tells it.
pub(super) fn made_id(route: &Route, made: &Response) -> Option<String> {
    match made.json()?.pointer(route.id.as_deref()?)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A path with `{id}` filled, percent-encoded (RFC 3986 section 2).
pub(super) fn with_id(path: &str, id: &str) -> String {
    path.replace("{id}", &encoded(id))
}

/// The texts that a slot was filled with. A slot holds one text: several pointers in it stand apart by commas.
pub(super) fn apart(texts: &[String]) -> Vec<&str> {
    texts.iter().flat_map(|text| text.split(',')).map(str::trim).collect()
}

/// Why a request was not answered, as the reason that a question could not be put.
pub(super) fn unasked(error: &ProbeError) -> Unasked {
    Unasked(error.chain())
}

/// Why answers that were asked for together cannot be told apart: there are too few.
pub(super) fn not_all() -> Unasked {
    Unasked("not as many answers came as were asked for".to_owned())
}

/// How a status stands in a list that is not given: the call's own success.
pub(super) fn or_ok(statuses: &[u16], ok: u16) -> Vec<u16> {
    if statuses.is_empty() { vec![ok] } else { statuses.to_vec() }
}

/// Statuses for a sentence: `400, 413`.
pub(super) fn listed(statuses: &[u16]) -> String {
    statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

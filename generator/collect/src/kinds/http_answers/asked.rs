//! The parameters of `http.answers`, and the requests that are made of them.

use std::collections::BTreeMap;

use avouch_model::product::{ProbeClass, Route};
use avouch_probe::{Body, Credential, Request, Response};
use serde::Deserialize;
use serde_json::Value;

use super::super::{
    http_call::{Call, Site, edited, is_success, unasked, with_id},
    http_figure::Figure,
};
use crate::{Unasked, World, parameters::Pattern};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Asked {
    pub(super) target: String,
    #[serde(default)]
    pub(super) principal: Option<String>,
    pub(super) cases: Vec<Case>,
    #[serde(default)]
    pub(super) control: Option<Case>,
    #[serde(default)]
    pub(super) codes: BTreeMap<String, u16>,
    #[serde(default = "error_code")]
    pub(super) code_at: String,
    #[serde(default)]
    pub(super) error: Option<Shape>,
    #[serde(default)]
    pub(super) success: Option<Shape>,
    #[serde(default)]
    pub(super) trace: Option<TraceAsked>,
    #[serde(default)]
    pub(super) forbids: Vec<Pattern>,
}

fn error_code() -> String {
    "/error/code".to_owned()
}

/// The properties that an answer may have, and those that it must.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    #[serde(default)]
    pub(super) allowed: Vec<String>,
    #[serde(default)]
    pub(super) required: Vec<String>,
}

/// Where answers carry the id of their request, and what it may look like.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TraceAsked {
    #[serde(default)]
    pub(super) header: Option<String>,
    #[serde(default)]
    pub(super) body: Option<String>,
    #[serde(default)]
    pub(super) form: Option<Pattern>,
    #[serde(default)]
    pub(super) forbids: Vec<Pattern>,
}

/// One call, and what its answer must be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(default)]
    route: Option<String>,
    #[serde(default)]
    call: Option<String>,
    #[serde(default)]
    every: Option<Every>,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    anonymous: bool,
    #[serde(default)]
    headers: BTreeMap<String, Word>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    over: Option<Figure>,
    #[serde(default)]
    until: Option<Figure>,
    #[serde(default)]
    pub(super) status: Vec<u16>,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) header_matches: BTreeMap<String, Pattern>,
    #[serde(default)]
    pub(super) header_numbers: BTreeMap<String, Figure>,
    #[serde(default)]
    pub(super) header_moments: BTreeMap<String, Moment>,
    #[serde(default)]
    pub(super) header_absent: Vec<String>,
    #[serde(default)]
    pub(super) json: Vec<Place>,
    #[serde(default)]
    pub(super) trace_from: Option<String>,
    #[serde(default)]
    pub(super) trace_not_from: Option<String>,
}

/// Which of the configured routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Every {
    /// All of them.
    Route,
    /// Those with a request body.
    Body,
}

/// What stands at a place of the body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub(super) at: String,
    pub(super) is: Value,
}

/// A text, or one that is repeated.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Word {
    Once(String),
    Often { text: String, times: usize },
}

/// A moment ahead, as a header tells it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moment {
    pub(super) within: avouch_model::Span,
    #[serde(default)]
    pub(super) unit: Option<super::Unit>,
}

/// A request of a case, ready to be sent.
pub(super) struct Ready<'w> {
    pub(super) call: String,
    pub(super) ok: u16,
    pub(super) sent: BTreeMap<String, String>,
    request: Request,
    credential: Credential,
    /// How often it is sent at most.
    times: u64,
    undo: Option<&'w Route>,
}

impl Case {
    /// Whether this case expects to be let in.
    pub(super) fn lets_in(&self) -> bool {
        self.status.is_empty() || self.status.iter().any(|status| is_success(*status))
    }

    /// The requests of this case: one, or one for each of the configured routes.
    pub(super) fn requests<'w>(
        &self,
        world: &World<'_>,
        site: &Site<'w>,
        principal: Option<&str>,
    ) -> Result<Vec<Ready<'w>>, Unasked> {
        let Some(every) = self.every else {
            let call = site.call(self.route.as_deref(), self.call.as_deref())?;
            let route = self.route.as_deref().map(|name| site.route(name)).transpose()?;
            return Ok(vec![self.ready(world, site, call, route, principal)?]);
        };
        if self.route.is_some() || self.call.is_some() {
            return Err(Unasked(format!("`{}`: give either `every` or one `route` or `call`", self.name)));
        }
        let routes = site.target.routes.values().filter(|route| every == Every::Route || route.body.is_some());
        let made: Vec<_> = routes
            .map(|route| self.ready(world, site, site.call_of(route)?, Some(route), principal))
            .collect::<Result<_, _>>()?;
        if made.is_empty() { Err(Unasked(format!("`{}`: the target has no such route", self.name))) } else { Ok(made) }
    }

    fn ready<'w>(
        &self,
        world: &World<'_>,
        site: &Site<'w>,
        mut call: Call,
        route: Option<&'w Route>,
        principal: Option<&str>,
    ) -> Result<Ready<'w>, Unasked> {
        let shown = format!("{} {}", call.method, call.path);
        call.path = with_id(&call.path, &site.random());
        self.edit(world, &mut call)?;
        let credential = match self.principal.as_deref().or(principal) {
            Some(name) if !self.anonymous => Credential::Principal(name.to_owned()),
            _ => Credential::None,
        };
        // What goes beyond one ordinary request is for targets that allow it.
        let class = if self.until.is_some() || self.over.is_some() { ProbeClass::Intrusive } else { ProbeClass::Active };
        let mut request = Request::new(class, &call.method, &call.path).credential(credential.clone());
        let mut sent = BTreeMap::new();
        for (name, word) in &self.headers {
            let value = match word {
                Word::Once(text) => text.replace("{{random}}", &site.random()),
                Word::Often { text, times } => text.repeat((*times).min(65_536)),
            };
            request = request.header(name, &value);
            sent.insert(name.to_ascii_lowercase(), value);
        }
        if let Some(host) = &self.host {
            request = request.host(host);
        }
        if let Some(body) = call.body {
            if !sent.contains_key("content-type") {
                request = request.header("Content-Type", call.media_type);
            }
            request = request.body(Body::Declared(body.into()));
        }
        // Twice the figure, so that what was let through a little late does not keep it from being reached.
        let times = self.until.as_ref().map_or(Ok(1), |until| until.number(world).map(|most| most.clamp(1, 5_000) * 2 + 1))?;
        Ok(Ready { call: shown, ok: call.ok, sent, request, credential, times, undo: route.filter(|route| route.undo.is_some()) })
    }

    /// Changes the body as the case says.
    fn edit(&self, world: &World<'_>, call: &mut Call) -> Result<(), Unasked> {
        let wrong = |what: &str| Unasked(format!("`{}`: the body {what}", self.name));
        if let Some(body) = &self.body {
            call.body = Some(body.clone().into_bytes());
        }
        if !self.set.is_empty() || !self.remove.is_empty() {
            let bytes = call.body.as_deref().ok_or_else(|| wrong("is missing: give the route a `body` file"))?;
            let set = self.set.iter().map(|(pointer, value)| (pointer.as_str(), Some(value)));
            let removed = self.remove.iter().map(|pointer| (pointer.as_str(), None));
            call.body = Some(edited(bytes, set.chain(removed)).map_err(|what| wrong(&what))?);
        }
        if let Some(over) = &self.over {
            let size = usize::try_from(over.number(world)?).ok().and_then(|size| size.checked_add(1));
            let body = call.body.get_or_insert_default();
            let size =
                size.filter(|size| *size >= body.len() && *size <= 1 << 28).ok_or_else(|| wrong("cannot have that size"))?;
            body.resize(size, b' ');
        }
        Ok(())
    }

    /// Sends one request until it is answered as the case expects, or as often as it says; removes what was made.
    pub(super) fn ask(&self, site: &Site<'_>, ready: &Ready<'_>) -> Result<Response, Unasked> {
        let limited = self.status.contains(&429);
        let mut left = ready.times;
        loop {
            let answer = if limited || self.until.is_some() {
                site.prober.send(&ready.request).map_err(|error| unasked(&error))?
            } else {
                site.ask(&ready.request)?
            };
            if let Some(route) = ready.undo
                && is_success(answer.status)
            {
                site.undo(route, &answer, &ready.credential);
            }
            left -= 1;
            if left == 0 || self.status.contains(&answer.status) {
                return Ok(answer);
            }
        }
    }
}

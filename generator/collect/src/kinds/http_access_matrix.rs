//! `http.access-matrix`: may each role do exactly what the table says?

use std::collections::BTreeMap;

use avouch_model::{
    observation::{Population, PositiveControl},
    product::{ProbeClass, Route},
    state::Outcome,
};
use avouch_probe::{Credential, Response};
use serde::{Deserialize, Serialize};

use super::http_call::{Call, Site, is_success, listed, made_id};
use crate::{Example, Judgement, Question, Unasked, Vantage, World};

/// See the module.
pub(super) struct AccessMatrix;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    owners: Vec<String>,
    outsider: String,
    operations: BTreeMap<String, Operation>,
    cells: Vec<Cell>,
    #[serde(default = "refusals")]
    status: Vec<u16>,
}

fn refusals() -> Vec<u16> {
    vec![403, 404]
}

/// Something that a role may do or not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    route: String,
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    effect: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cell {
    role: String,
    operation: String,
    allowed: bool,
}

/// What each operation did for those who may and for a stranger, and for each role that was asked about.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    operations: BTreeMap<String, Ground>,
    /// In the order of the cells.
    cells: Vec<Tried>,
    /// How many things that were made could not be removed again.
    left_behind: u64,
}

/// The controls of one operation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ground {
    ok: u16,
    /// Whether the operation has an effect that can be seen.
    visible: bool,
    /// Each owner that was tried, in order, the last one let in if any was.
    owners: Vec<Attempt>,
    outsider: Attempt,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tried {
    /// Somebody else than the role, of the same tenant, was let in.
    control: bool,
    attempt: Attempt,
}

/// One try: how it was answered, and whether it happened; none where nobody could tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt {
    who: String,
    status: u16,
    happened: Option<bool>,
}

impl Question for AccessMatrix {
    const ID: &'static str = "http.access-matrix";
    const QUESTION: &'static str = "May each role do exactly what the table says?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Intrusive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-access-matrix.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        tenants(&site, asked)?;
        let mut seen = Seen { operations: BTreeMap::new(), cells: Vec::new(), left_behind: 0 };
        for cell in &asked.cells {
            let operation = asked
                .operations
                .get(&cell.operation)
                .ok_or_else(|| Unasked(format!("no operation is named `{}`: add it to `operations`", cell.operation)))?;
            let mut field = Field { site: &site, asked, operation, route: site.route(&operation.route)?, left_behind: 0 };
            let attempt = field.attempt(&cell.role)?;
            if !seen.operations.contains_key(&cell.operation) {
                // Checks that ask about other cells of the same table share the controls.
                let key = format!("access {operation:?} {:?} {}", asked.owners, asked.outsider);
                let unfit = |error: serde_json::Error| Unasked(format!("the controls cannot be kept: {error}"));
                let ground = site.prober.remember(&key, unfit, || field.ground())?;
                seen.operations.insert(cell.operation.clone(), ground);
            }
            let control = seen.operations.get(&cell.operation).is_some_and(|ground| ground.is_let_in(&cell.role));
            seen.left_behind += field.left_behind;
            seen.cells.push(Tried { control, attempt });
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let mut held = true;
        for (cell, Tried { control, attempt }) in asked.cells.iter().zip(&seen.cells) {
            let Some(ground) = seen.operations.get(&cell.operation) else {
                held = false;
                continue;
            };
            // What a stranger may do as well shows nothing of a permission, and what nobody may do nothing of a refusal.
            held &= if cell.allowed { ground.is_closed(&asked.status) } else { *control };
            held &= cell.allowed || !ground.visible || attempt.happened.is_some();
            findings.extend(wrong(cell, attempt, ground, &asked.status));
        }
        let [allowed, refused] = [true, false].map(|way| asked.cells.iter().filter(|cell| cell.allowed == way).count());
        Judgement::decide(
            Population { examined: seen.cells.len() as u64, required: asked.cells.len() as u64 },
            if held { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!(
                "{allowed} permissions were granted and {refused} refusals given as the table says, with the effects looked at."
            ),
        )
    }
}

/// What is wrong with a cell.
fn wrong(cell: &Cell, attempt: &Attempt, ground: &Ground, refusals: &[u16]) -> Option<String> {
    let Cell { role, operation, .. } = cell;
    let Attempt { status, happened, .. } = attempt;
    match (cell.allowed, happened) {
        (true, _) if *status != ground.ok => {
            Some(format!("`{role}` may do `{operation}` and is answered {status}, expected {}", ground.ok))
        }
        (true, Some(false)) => Some(format!("`{role}` is answered {status} for `{operation}`, and it has no effect")),
        (false, Some(true)) => Some(format!("`{role}` may not do `{operation}`, is answered {status}, and it happens")),
        (false, _) if !refusals.contains(status) => {
            Some(format!("`{role}` may not do `{operation}` and is answered {status}, expected {}", listed(refusals)))
        }
        _ => None,
    }
}

impl Ground {
    /// Whether an owner other than this role was let in, and it happened.
    fn is_let_in(&self, role: &str) -> bool {
        self.owners.iter().any(|tried| tried.who != role && self.is_done(tried))
    }

    fn is_done(&self, tried: &Attempt) -> bool {
        tried.status == self.ok && tried.happened == self.visible.then_some(true)
    }

    /// Whether the stranger was kept out: refused, not known at all (401), or let in without reaching anything of this tenant,
    /// as where everybody may make things of their own.
    fn is_closed(&self, refusals: &[u16]) -> bool {
        let Attempt { status, happened, .. } = &self.outsider;
        match happened {
            Some(happened) => !happened,
            None => refusals.contains(status) || *status == 401,
        }
    }
}

/// One operation in one world.
struct Field<'a> {
    site: &'a Site<'a>,
    asked: &'a Asked,
    operation: &'a Operation,
    route: &'a Route,
    left_behind: u64,
}

impl<'a> Field<'a> {
    /// Tries the owners until one is let in, and the stranger.
    fn ground(&mut self) -> Result<Ground, Unasked> {
        let mut owners = Vec::new();
        for owner in &self.asked.owners {
            let attempt = self.attempt(owner)?;
            let done = self.is_done(&attempt);
            owners.push(attempt);
            if done {
                break;
            }
        }
        let outsider = self.attempt(&self.asked.outsider)?;
        Ok(Ground { ok: self.route.ok, visible: self.visible(), owners, outsider })
    }

    fn is_done(&self, attempt: &Attempt) -> bool {
        attempt.status == self.route.ok && attempt.happened == self.visible().then_some(true)
    }

    /// Whether anybody can tell that the operation happened: by what an owner sees afterwards, or by what is read.
    fn visible(&self) -> bool {
        self.operation.effect.is_some() || (self.reads() && self.operation.object.is_some())
    }

    fn reads(&self) -> bool {
        self.route.method == "GET"
    }

    /// One try, on an object of its own, which is removed again together with whatever the try made.
    fn attempt(&mut self, who: &str) -> Result<Attempt, Unasked> {
        let mark = self.site.random();
        let object = self.operation.object.as_deref().map(|name| self.prepare(name, &mark)).transpose()?;
        let outcome = self.try_once(who, &mark, object.as_ref());
        if let Some(made) = object
            && !self.remove(made.route, &made.answer, &[made.owner.as_str()])
        {
            self.left_behind += 1;
        }
        outcome
    }

    fn try_once(&mut self, who: &str, mark: &str, object: Option<&Made<'_>>) -> Result<Attempt, Unasked> {
        let id = object.map(|made| made.id.as_str());
        // What is read carries the object's mark already; what is written brings one of its own.
        let sent = if self.reads() { mark.to_owned() } else { self.site.random() };
        let call = self.call(self.route, &sent, id)?;
        let marks = holds(&call, &sent);
        let answer = self.send(&call, who)?;
        let made = made_id(self.route, &answer);
        let happened = if self.reads() {
            id.map(|_| answer.text().contains(mark))
        } else {
            let id = id.map(str::to_owned).or_else(|| made.clone());
            let shows_object = object.is_some_and(|made| made.marked);
            self.effect(id.as_deref())?.map(|(status, text, ok)| match marks {
                true => text.contains(&sent),
                // Nothing new was written, so the object is gone.
                false => status != ok || (shows_object && !text.contains(mark)),
            })
        };
        if is_success(answer.status) && made.is_some() && self.route.undo.is_some() {
            let mut removers = vec![who];
            removers.extend(self.asked.owners.iter().map(String::as_str));
            if !self.remove(self.route, &answer, &removers) {
                self.left_behind += 1;
            }
        }
        Ok(Attempt { who: who.to_owned(), status: answer.status, happened })
    }

    /// What an owner sees afterwards, with the status that it would have if all is there; none where no owner is let in.
    fn effect(&self, id: Option<&str>) -> Result<Option<(u16, String, u16)>, Unasked> {
        let Some(name) = &self.operation.effect else { return Ok(None) };
        let route = self.site.route(name)?;
        if route.path.contains("{id}") && id.is_none() {
            return Ok(None);
        }
        let call = self.call(route, "", id)?;
        let mut gone = None;
        for owner in &self.asked.owners {
            let answer = self.send(&call, owner)?;
            if answer.truncated {
                return Err(Unasked(format!("the answer of the route `{name}` is too long to look for an effect in it")));
            }
            if answer.status == route.ok {
                return Ok(Some((answer.status, answer.text().into_owned(), route.ok)));
            }
            // That an object is gone is an effect; that somebody may not look is not.
            if matches!(answer.status, 404 | 410) {
                gone = Some((answer.status, String::new(), route.ok));
            }
        }
        Ok(gone)
    }

    /// An object made by the first owner who may.
    fn prepare(&self, name: &str, mark: &str) -> Result<Made<'a>, Unasked> {
        let route = self.site.route(name)?;
        let call = self.call(route, mark, None)?;
        let marked = holds(&call, mark);
        let mut statuses = Vec::new();
        for owner in &self.asked.owners {
            let answer = self.send(&call, owner)?;
            if let (true, Some(id)) = (answer.status == route.ok, made_id(route, &answer)) {
                return Ok(Made { route, owner: owner.clone(), id, answer, marked });
            }
            statuses.push(answer.status);
        }
        let statuses = listed(&statuses);
        Err(Unasked(format!("no owner could make an object with the route `{name}`: it answers {statuses}, or tells no id")))
    }

    fn call(&self, route: &Route, mark: &str, id: Option<&str>) -> Result<Call, Unasked> {
        let call = self.site.call_marked(route, mark)?;
        Ok(match id {
            Some(id) => call.with_id(id),
            None => call,
        })
    }

    fn send(&self, call: &Call, who: &str) -> Result<Response, Unasked> {
        self.site.ask(&call.request(ProbeClass::Intrusive, Credential::Principal(who.to_owned())))
    }

    /// Whether one of these could remove what was made, or it is gone already.
    fn remove(&self, route: &Route, made: &Response, who: &[&str]) -> bool {
        who.iter().any(|who| self.site.undo(route, made, &Credential::Principal((*who).to_owned())))
    }
}

/// Whether a call's body holds this text.
fn holds(call: &Call, text: &str) -> bool {
    call.body.as_ref().is_some_and(|body| String::from_utf8_lossy(body).contains(text))
}

/// An object, and how it is removed.
struct Made<'a> {
    route: &'a Route,
    owner: String,
    id: String,
    answer: Response,
    /// Whether it holds the mark, so that whoever shows it shows the mark.
    marked: bool,
}

/// The outsider must be of another tenant than everybody else.
fn tenants(site: &Site<'_>, asked: &Asked) -> Result<(), Unasked> {
    if asked.owners.is_empty() {
        return Err(Unasked("`owners` names nobody: give at least one principal who may do everything".to_owned()));
    }
    let tenant = |name: &str| site.target.principals.get(name).and_then(|principal| principal.tenant.as_deref());
    let outside = tenant(&asked.outsider);
    for name in asked.owners.iter().chain(asked.cells.iter().map(|cell| &cell.role)) {
        if tenant(name).is_none() || outside.is_none() || tenant(name) == outside {
            return Err(Unasked(format!(
                "`{name}` and `{}` must be of two tenants: set `tenant` in `[targets.{}.principals]`",
                asked.outsider, asked.target
            )));
        }
    }
    Ok(())
}

const ASKED: &str = r#"{"target":"api","owners":["admin"],"outsider":"stranger",
    "operations":{"read":{"route":"item","object":"make"},"write":{"route":"make","effect":"list"}},
    "cells":[{"role":"reader","operation":"read","allowed":true},{"role":"reader","operation":"write","allowed":false}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the reader may read and may not write",
        asked: ASKED,
        seen: r#"{"left_behind":0,"operations":{
            "read":{"ok":200,"visible":true,"owners":[{"who":"admin","status":200,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}},
            "write":{"ok":201,"visible":true,"owners":[{"who":"admin","status":201,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}}},
            "cells":[{"control":true,"attempt":{"who":"reader","status":200,"happened":true}},
            {"control":true,"attempt":{"who":"reader","status":403,"happened":false}}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the reader may write",
        asked: ASKED,
        seen: r#"{"left_behind":0,"operations":{
            "read":{"ok":200,"visible":true,"owners":[{"who":"admin","status":200,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}},
            "write":{"ok":201,"visible":true,"owners":[{"who":"admin","status":201,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}}},
            "cells":[{"control":true,"attempt":{"who":"reader","status":200,"happened":true}},
            {"control":true,"attempt":{"who":"reader","status":201,"happened":true}}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the write is refused and happens all the same",
        asked: ASKED,
        seen: r#"{"left_behind":0,"operations":{
            "read":{"ok":200,"visible":true,"owners":[{"who":"admin","status":200,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}},
            "write":{"ok":201,"visible":true,"owners":[{"who":"admin","status":201,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}}},
            "cells":[{"control":true,"attempt":{"who":"reader","status":200,"happened":true}},
            {"control":true,"attempt":{"who":"reader","status":403,"happened":true}}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the reader may not read",
        asked: ASKED,
        seen: r#"{"left_behind":0,"operations":{
            "read":{"ok":200,"visible":true,"owners":[{"who":"admin","status":200,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}},
            "write":{"ok":201,"visible":true,"owners":[{"who":"admin","status":201,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}}},
            "cells":[{"control":true,"attempt":{"who":"reader","status":403,"happened":false}},
            {"control":true,"attempt":{"who":"reader","status":403,"happened":false}}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nobody may write, so that the refusal shows nothing",
        asked: ASKED,
        seen: r#"{"left_behind":0,"operations":{
            "read":{"ok":200,"visible":true,"owners":[{"who":"admin","status":200,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}},
            "write":{"ok":201,"visible":true,"owners":[{"who":"admin","status":404,"happened":false}],"outsider":{"who":"stranger","status":404,"happened":false}}},
            "cells":[{"control":true,"attempt":{"who":"reader","status":200,"happened":true}},
            {"control":false,"attempt":{"who":"reader","status":404,"happened":false}}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "anybody may read, so that the permission shows nothing",
        asked: ASKED,
        seen: r#"{"left_behind":0,"operations":{
            "read":{"ok":200,"visible":true,"owners":[{"who":"admin","status":200,"happened":true}],"outsider":{"who":"stranger","status":200,"happened":true}},
            "write":{"ok":201,"visible":true,"owners":[{"who":"admin","status":201,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}}},
            "cells":[{"control":true,"attempt":{"who":"reader","status":200,"happened":true}},
            {"control":true,"attempt":{"who":"reader","status":403,"happened":false}}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "nobody could look whether the refused write happened",
        asked: ASKED,
        seen: r#"{"left_behind":0,"operations":{
            "read":{"ok":200,"visible":true,"owners":[{"who":"admin","status":200,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}},
            "write":{"ok":201,"visible":true,"owners":[{"who":"admin","status":201,"happened":true}],"outsider":{"who":"stranger","status":404,"happened":false}}},
            "cells":[{"control":true,"attempt":{"who":"reader","status":200,"happened":true}},
            {"control":true,"attempt":{"who":"reader","status":403,"happened":null}}]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "no cell was tried",
        asked: r#"{"target":"api","owners":["admin"],"outsider":"stranger","operations":{},"cells":[]}"#,
        seen: r#"{"left_behind":0,"operations":{},"cells":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
#[path = "http_access_matrix_tests.rs"]
mod tests;

//! `source.calls`: does every call of a function say what it must, and does what it gives pass a check first?

use std::collections::BTreeSet;

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::javascript::{Call, Script, Sort};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern, one},
    pipelines::{count, decide},
    scripts::{callee, carriers, says, sources},
    sources::{Place, place},
};

/// How far a function that only hands on what it got is followed.
const HANDED_ON_MAX: usize = 3;

/// See the module.
pub(super) struct SourceCalls;

/// Which calls, and what is asked of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Left out: the sources below `src` that are no tests.
    files: Option<Globs>,
    #[serde(default)]
    exclude: Globs,
    /// What is called, in whole: `fetch`, `(?:c\.)?req\.json`.
    callee: Pattern,
    /// Only calls whose arguments say this count.
    about: Option<Pattern>,
    /// The arguments say each of these.
    #[serde(default)]
    require: Vec<Pattern>,
    /// The arguments say none of these.
    #[serde(default)]
    forbid: Vec<Pattern>,
    /// What the call gives goes into a call of this before anything else is done with it.
    through: Option<Pattern>,
    #[serde(default = "one")]
    calls_min: u64,
}

/// The calls that count; never what they say.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    files: u64,
    calls: Vec<CallSeen>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallSeen {
    place: Place,
    /// Which of `require` its arguments do not say, counted from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<u64>,
    /// Which of `forbid` they say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    forbidden: Vec<u64>,
    /// What it gives is used without a check.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unchecked: bool,
}

impl Question for SourceCalls {
    const ID: &'static str = "source.calls";
    const QUESTION: &'static str = "Does every call of a function say what it must, and is what it gives checked first?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/source-calls.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.require.is_empty() && asked.forbid.is_empty() && asked.through.is_none() {
            return Err(Unasked("nothing is asked of the calls: give `require`, `forbid` or `through`".to_owned()));
        }
        let sources = sources(world, asked.files.as_ref(), &asked.exclude)?;
        let scripts: Vec<Script<'_>> = sources.iter().map(|source| Script::parse(&source.text)).collect();
        let about = asked.about.as_ref().map(|about| (about, carriers(&scripts, about)));
        let require: Vec<_> = asked.require.iter().map(|pattern| (pattern, carriers(&scripts, pattern))).collect();
        let forbid: Vec<_> = asked.forbid.iter().map(|pattern| (pattern, carriers(&scripts, pattern))).collect();
        let mut handing_on = BTreeSet::new();
        if let Some(through) = &asked.through {
            for _ in 0..HANDED_ON_MAX {
                let more: Vec<String> =
                    scripts.iter().flat_map(|script| hands_on(script, &asked.callee, through, &handing_on)).collect();
                let before = handing_on.len();
                handing_on.extend(more);
                if handing_on.len() == before {
                    break;
                }
            }
        }
        let mut seen = Seen { files: sources.len() as u64, calls: vec![] };
        for (source, script) in sources.iter().zip(&scripts) {
            for call in script.calls() {
                let name = callee(script, &call);
                let own = asked.callee.is_whole(&name);
                if !own && !handing_on.contains(&name) {
                    continue;
                }
                let inside = call.open + 1..call.close;
                if own && about.as_ref().is_some_and(|(about, names)| !says(script, inside.clone(), about, names)) {
                    continue;
                }
                let which = |patterns: &[(&Pattern, BTreeSet<String>)], wanted: bool| -> Vec<u64> {
                    let found = patterns.iter().enumerate();
                    let found = found.filter(|(_, (pattern, names))| says(script, inside.clone(), pattern, names) == wanted);
                    found.map(|(index, _)| index as u64).collect()
                };
                let unchecked = asked
                    .through
                    .as_ref()
                    .is_some_and(|through| !goes_through(script, &call, through) && !is_handed_on(script, &call));
                let at = script.tokens.get(call.first).map_or(0, |token| token.span.start);
                let (missing, forbidden) = if own { (which(&require, false), which(&forbid, true)) } else { (vec![], vec![]) };
                seen.calls.push(CallSeen { place: place(source, at), missing, forbidden, unchecked });
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for call in &seen.calls {
            let said = |patterns: &[Pattern], index: u64| {
                usize::try_from(index)
                    .ok()
                    .and_then(|index| patterns.get(index))
                    .map_or("", |pattern| pattern.as_str())
                    .to_owned()
            };
            for index in &call.missing {
                findings.push(format!("the call at {} does not say `{}`", call.place, said(&asked.require, *index)));
            }
            for index in &call.forbidden {
                findings.push(format!("the call at {} says `{}`", call.place, said(&asked.forbid, *index)));
            }
            if call.unchecked {
                findings.push(format!("what the call at {} gives is used without a check", call.place));
            }
        }
        let calls = seen.calls.len() as u64;
        let sentence =
            format!("{} say what they must, and what they give is checked as promised.", count(calls, "call", "calls"));
        decide(Population { examined: calls, required: asked.calls_min }, &[], findings, sentence)
    }
}

/// Whether what a call gives goes into a call of `through`: around it, or as the first use of the name that it is given.
fn goes_through(script: &Script<'_>, call: &Call, through: &Pattern) -> bool {
    if is_within(script, call.first, through) {
        return true;
    }
    let mut before = call.first;
    while let Some(place) = before.checked_sub(1)
        && (script.text(place) == "await" || script.is_sign(place, "("))
    {
        before = place;
    }
    let Some(equals) = before.checked_sub(1).filter(|place| script.is_sign(*place, "=")) else { return false };
    let Some(name) = equals.checked_sub(1).filter(|place| script.is(*place, Sort::Word)) else { return false };
    let end = script.expression_end(before);
    let first_use = (end..script.tokens.len()).find(|place| {
        script.text(*place) == script.text(name)
            && script.is(*place, Sort::Word)
            && !script.is_sign(place.saturating_sub(1), ".")
            && !script.is_sign(place.saturating_sub(1), "?.")
    });
    first_use.is_some_and(|place| is_within(script, place, through))
}

/// Whether a place stands in the brackets of a call of `through`.
fn is_within(script: &Script<'_>, place: usize, through: &Pattern) -> bool {
    let mut at = place;
    while let Some(open) = script.enclosing(at) {
        if !script.is_sign(open, "(") {
            return false;
        }
        if let Some(call) = script.call_at(open)
            && through.is_whole(&callee(script, &call))
        {
            return true;
        }
        at = open;
    }
    false
}

/// Whether a function gives what the call gives, so that its callers have it.
fn is_handed_on(script: &Script<'_>, call: &Call) -> bool {
    let mut before = call.first;
    while let Some(place) = before.checked_sub(1)
        && (script.text(place) == "await" || script.is_sign(place, "("))
    {
        before = place;
    }
    before.checked_sub(1).is_some_and(|place| script.text(place) == "return" || script.is_sign(place, "=>"))
}

/// The names of functions that give what a call of `callee` gives.
fn hands_on(script: &Script<'_>, wanted: &Pattern, through: &Pattern, known: &BTreeSet<String>) -> Vec<String> {
    let definitions = script.definitions();
    let calls = script.calls().filter(|call| {
        let name = callee(script, call);
        (wanted.is_whole(&name) || known.contains(&name)) && is_handed_on(script, call) && !goes_through(script, call, through)
    });
    // The innermost definition that the call stands in.
    let around = calls.filter_map(|call| {
        let around = definitions.iter().filter(|(_, places)| places.contains(&call.first));
        around.min_by_key(|(_, places)| places.len()).map(|(name, _)| (*name).to_owned())
    });
    around.collect()
}

const ASKED: &str = r#"{"callee":"fetch","about":"gateway\\.ai\\.cloudflare\\.com","require":["cf-aig-authorization"]}"#;
const CHECKED: &str = r#"{"callee":"(?:request|c\\.req)\\.json","through":"(?:\\w+\\.)*(?:safeParse|parse)"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "every call carries the header",
        asked: ASKED,
        seen: r#"{"files":6,"calls":[{"place":{"file":"src/ai.js","line":14,"column":20}},{"place":{"file":"src/ai.js","line":30,"column":9}}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "every body goes through a schema",
        asked: CHECKED,
        seen: r#"{"files":6,"calls":[{"place":{"file":"src/chat.js","line":14,"column":20}}]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one call lacks the header",
        asked: ASKED,
        seen: r#"{"files":6,"calls":[{"place":{"file":"src/ai.js","line":14,"column":20}},{"place":{"file":"src/ai.js","line":30,"column":9},"missing":[0]}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a body is used as it came",
        asked: CHECKED,
        seen: r#"{"files":6,"calls":[{"place":{"file":"src/chat.js","line":14,"column":20},"unchecked":true}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nothing of the kind is called",
        asked: ASKED,
        seen: r#"{"files":6,"calls":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example { name: "there is no source", asked: CHECKED, seen: r#"{"files":0,"calls":[]}"#, outcome: Outcome::NotExercised },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(text: &str, asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = Scene::of([("src/a.js", text)]).with(|world| SourceCalls::gather(world, &asked)).unwrap();
        SourceCalls::judge(&seen, &asked)
    }

    #[test]
    fn a_header_is_found_wherever_the_call_gets_it_from() {
        let good = "const HOST = 'https://gateway.ai.cloudflare.com/v1';\n\
                    const headers = (env) => ({ 'cf-aig-authorization': `Bearer ${env.KEY}` });\n\
                    export const ask = (env) => fetch(`${HOST}/a`, { headers: headers(env) });\n\
                    fetch('https://other.example');\n";
        let judgement = judge(good, ASKED);
        assert_eq!((judgement.outcome, judgement.population.examined), (Outcome::Pass, 1));
        let bare = good.replace("headers: headers(env)", "headers: {}");
        assert_eq!(judge(&bare, ASKED).findings, ["the call at src/a.js:3:29 does not say `cf-aig-authorization`"]);
        // A comment sets no header.
        let said = good.replace("headers: headers(env)", "/* cf-aig-authorization */");
        assert_eq!(judge(&said, ASKED).outcome, Outcome::Fail);
        assert_eq!(judge("// fetch('https://gateway.ai.cloudflare.com')", ASKED).outcome, Outcome::NotExercised);
    }

    #[test]
    fn what_comes_in_goes_through_a_schema_first() {
        for good in [
            "const body = schema.parse(await request.json());",
            "const body = await c.req.json();\nconst { a } = Chat.safeParse(body);",
            "let body;\ntry { body = await request.json(); } catch {}\nparse(body)",
            "async function read(request) { return await request.json(); }\nconst x = parse(await read(request));",
        ] {
            assert_eq!(judge(good, CHECKED).outcome, Outcome::Pass, "{good}: {:?}", judge(good, CHECKED).findings);
        }
        for bad in [
            "const { model } = await request.json();",
            "const body = await request.json();\nrun(body.model);\nschema.parse(body);",
            "import { z } from 'zod';\nrun((await request.json()).model);",
            "async function read(request) { return request.json(); }\nrun(await read(request));",
        ] {
            assert_eq!(judge(bad, CHECKED).outcome, Outcome::Fail, "{bad}");
        }
    }
}

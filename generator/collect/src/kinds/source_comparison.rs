//! `source.comparison`: are secrets compared in constant time, everywhere?

use std::collections::BTreeSet;

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::javascript::{Script, Sort};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern, one},
    pipelines::{Spot, count, decide, listed, spot},
    scripts::{callee, carriers, sources},
};

/// Names that functions of comparison go by.
const COMPARES: &str = r"(?i)timing_?safe|constant_?time|safe_?(?:equal|compare)|secure_?(?:equal|compare)";

/// Methods that compare, or stop at the first difference.
const METHODS: &[&str] = &["localeCompare", "startsWith", "endsWith", "includes", "indexOf", "is", "equals", "match", "test"];

/// See the module.
pub(super) struct SourceComparison;

/// What counts as a secret, and as a comparison in constant time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Left out: the sources below `src` that are no tests.
    files: Option<Globs>,
    #[serde(default)]
    exclude: Globs,
    /// Names of secrets; the last of a chain of members counts.
    secrets: Option<Pattern>,
    /// The function that compares in constant time, in whole.
    call: Option<Pattern>,
    #[serde(default = "one")]
    calls_min: u64,
}

const SECRETS: &str = r"(?i)(?:token|secret|password|passphrase|api_?key|private_?key|signature|hmac|digest|credential)s?$";
const CALL: &str = r"^(?:globalThis\.|self\.)?crypto\.subtle\.timingSafeEqual$";

/// How secrets are compared; the words are those of the source, cut off where they get long.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    files: u64,
    /// Comparisons in constant time.
    calls: u64,
    /// Comparisons of secrets that stop at the first difference.
    plain: Vec<Spot>,
    /// Functions that are called as if they compared in constant time and ask nobody who does.
    homemade: Vec<Spot>,
}

impl Question for SourceComparison {
    const ID: &'static str = "source.comparison";
    const QUESTION: &'static str = "Are secrets compared in constant time, everywhere?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/source-comparison.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let compiled = |text: &str| Regex::new(text).map_err(|error| Unasked(error.to_string()));
        let secrets = asked.secrets.as_ref().map_or_else(|| compiled(SECRETS), |pattern| Ok((**pattern).clone()))?;
        let call = match &asked.call {
            Some(pattern) => compiled(&format!("^(?:{})$", pattern.as_str()))?,
            None => compiled(CALL)?,
        };
        let compares = compiled(COMPARES)?;
        let sources = sources(world, asked.files.as_ref(), &asked.exclude)?;
        let scripts: Vec<Script<'_>> = sources.iter().map(|source| Script::parse(&source.text)).collect();
        // Functions that ask the right one, themselves or through others: they may be called in its place.
        let inner = compiled(call.as_str().trim_start_matches('^').trim_end_matches('$'))?;
        let sound = carriers(&scripts, &inner);
        let mut seen = Seen { files: sources.len() as u64, ..Seen::default() };
        for (source, script) in sources.iter().zip(&scripts) {
            let at = |place: usize| script.tokens.get(place).map_or(0, |token| token.span.start);
            let known = Known { script, secrets: &secrets, aliases: aliases(script, &secrets) };
            for place in 0..script.tokens.len() {
                if let Some(what) = known.compared(place) {
                    seen.plain.push(spot(source, at(place), &what));
                }
            }
            for one in script.calls() {
                let name = callee(script, &one);
                if call.is_match(&name) {
                    seen.calls += 1;
                } else if known.is_compared_by(&name, one.first, one.callee, one.open + 1..one.close) {
                    seen.plain.push(spot(source, at(one.callee), &name));
                }
            }
            for (name, places) in script.definitions() {
                let start = places.start;
                if compares.is_match(name) && !sound.contains(name) && script.tokens.get(start).is_some() {
                    seen.homemade.push(spot(source, at(start), name));
                }
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        if !seen.plain.is_empty() {
            findings.push(format!("a secret is compared otherwise than in constant time: {}", listed(&seen.plain)));
        }
        if !seen.homemade.is_empty() {
            findings.push(format!("a comparison is home-made: {}", listed(&seen.homemade)));
        }
        let sentence = format!(
            "{} in constant time, and no other comparison of a secret in {}.",
            count(seen.calls, "comparison", "comparisons"),
            count(seen.files, "source", "sources")
        );
        decide(Population { examined: seen.calls, required: asked.calls_min }, &[], findings, sentence)
    }
}

/// Names of one source that were given a secret.
fn aliases<'a>(script: &Script<'a>, secrets: &Regex) -> BTreeSet<&'a str> {
    let definitions = script.definitions();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for _ in 0..4 {
        let before = known.len();
        for (name, places) in &definitions {
            // Only what is the secret itself: `const given = request.headers.get(…)` is not, nor is a call that digests it.
            let last = places.end.saturating_sub(1);
            let whole = places.start < places.end && script.chain_start(last) == places.start;
            if whole && script.is(last, Sort::Word) && (secrets.is_match(script.text(last)) || known.contains(script.text(last)))
            {
                known.insert(name);
            }
        }
        if known.len() == before {
            break;
        }
    }
    known
}

struct Known<'s, 'a> {
    script: &'s Script<'a>,
    secrets: &'s Regex,
    aliases: BTreeSet<&'a str>,
}

impl Known<'_, '_> {
    fn is_secret(&self, last: usize) -> bool {
        let text = self.script.text(last);
        self.script.is(last, Sort::Word) && (self.secrets.is_match(text) || self.aliases.contains(text))
    }

    /// What the sign at a place compares, where it is a secret that stops at the first difference.
    fn compared(&self, place: usize) -> Option<String> {
        let script = self.script;
        if !script.is(place, Sort::Sign) {
            return None;
        }
        let sign = script.text(place);
        let left = place.checked_sub(1)?;
        let right = script.chain_end(place + 1);
        let shown = || script.shown(script.chain_start(left)..right + 1);
        match sign {
            "===" | "!==" | "==" | "!=" => {
                let asks_type = script.chain_start(left).checked_sub(1).is_some_and(|before| script.text(before) == "typeof");
                let empty = |at: usize| {
                    matches!(script.text(at), "undefined" | "null" | "true" | "false")
                        || script.is(at, Sort::Number)
                        || (script.is(at, Sort::Text) && script.text(at).is_empty())
                };
                let secret = self.is_secret(left) || self.is_secret(right);
                (secret && !asks_type && !empty(left) && !empty(place + 1)).then(shown)
            }
            // A loop over characters that says so by the way it mixes them.
            "^" => {
                let code = |range: std::ops::Range<usize>| {
                    range.into_iter().any(|at| matches!(script.text(at), "charCodeAt" | "codePointAt"))
                };
                let indexed = |at: usize| script.is_sign(at, "]");
                let mixes =
                    code(script.chain_start(left)..place) || code(place + 1..right + 1) || (indexed(left) && indexed(right));
                mixes.then(shown)
            }
            _ => None,
        }
    }

    /// Whether a call compares a secret: `given.startsWith(token)`, `Object.is(token, given)`.
    fn is_compared_by(&self, name: &str, first: usize, callee: usize, arguments: std::ops::Range<usize>) -> bool {
        let script = self.script;
        let method = script.text(callee);
        if !METHODS.contains(&method) || (method == "is" && name != "Object.is") || first == callee {
            return false;
        }
        let receiver = callee.checked_sub(2);
        let of_secret = receiver.is_some_and(|receiver| {
            let listed = script.partner(receiver).filter(|_| script.is_sign(receiver, "]"));
            listed.map_or_else(|| self.is_secret(receiver), |open| (open..receiver).any(|place| self.is_secret(place)))
        });
        let mut words = arguments.clone().filter(|place| script.is(*place, Sort::Word));
        let with_secret = arguments.clone().any(|place| self.is_secret(place) && !script.is_sign(place + 1, "."));
        // A beginning that everybody knows, `startsWith("Bearer ")`, compares no secret.
        with_secret || (of_secret && method != "test" && method != "match" && words.next().is_some())
    }
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "the token is compared in constant time",
        asked: "{}",
        seen: r#"{"files":6,"calls":1,"plain":[],"homemade":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one of two comparisons stops at the first difference",
        asked: "{}",
        seen: r#"{"files":6,"calls":1,"plain":[{"place":{"file":"src/auth.js","line":12,"column":14},"what":"given===env.GATEWAY_TOKEN"}],"homemade":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a function of that name compares by itself",
        asked: "{}",
        seen: r#"{"files":6,"calls":0,"plain":[],"homemade":[{"place":{"file":"src/auth.js","line":3,"column":10},"what":"timingSafeEqual"}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nothing is compared",
        asked: "{}",
        seen: r#"{"files":6,"calls":0,"plain":[],"homemade":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(text: &str) -> Judgement {
        let asked: Asked = serde_json::from_str("{}").unwrap();
        let seen = Scene::of([("src/a.ts", text)]).with(|world| SourceComparison::gather(world, &asked)).unwrap();
        SourceComparison::judge(&seen, &asked)
    }

    const GOOD: &str = "export async function same(given, wanted) {\n  const [a, b] = await digests(given, wanted);\n  \
                        return crypto.subtle.timingSafeEqual(a, b);\n}\n\
                        if (typeof env.GATEWAY_TOKEN !== 'string' || env.GATEWAY_TOKEN === '') throw new Error('no token');\n\
                        if (header.startsWith('Bearer ')) ok = await same(header.slice(7), env.GATEWAY_TOKEN);\n\
                        if (token.length === 0 || kind === 'secret') {}\n";

    #[test]
    fn what_is_asked_of_a_secret_is_no_comparison_of_it() {
        let judgement = judge(GOOD);
        assert_eq!(judgement.outcome, Outcome::Pass, "{:?}", judgement.findings);
    }

    #[test]
    fn a_comparison_that_stops_at_the_first_difference_is_found() {
        for bad in [
            "given === env.GATEWAY_TOKEN",
            "env['x'].apiKey != given",
            "Object.is(given, env.GATEWAY_TOKEN)",
            "given.startsWith(env.GATEWAY_TOKEN)",
            "token.includes(given)",
            "[env.GATEWAY_TOKEN].includes(given)",
            "const wanted = env.GATEWAY_TOKEN;\nif (given === wanted) {}",
            "for (;;) different |= a.charCodeAt(i) ^ b.charCodeAt(i)",
            "for (;;) different |= a[i] ^ b[i]",
            "token === 'letmein'",
        ] {
            let judgement = judge(&format!("{GOOD}{bad};\n"));
            assert_eq!(judgement.outcome, Outcome::Fail, "{bad}");
        }
        assert_eq!(judge(&format!("{GOOD}// given === env.GATEWAY_TOKEN\n'token === x';")).outcome, Outcome::Pass);
    }

    #[test]
    fn a_function_of_the_right_name_must_ask_the_right_one() {
        let home = "export function timingSafeEqual(a, b) {\n  if (a.length !== b.length) return false;\n  return a.every((x, i) => x == b[i]);\n}\nok = timingSafeEqual(given, env.TOKEN);\n";
        let judgement = judge(home);
        assert_eq!(judgement.outcome, Outcome::Fail);
        assert!(judgement.findings[0].contains("home-made"), "{:?}", judgement.findings);
        assert_eq!(judge("send(env.TOKEN)").outcome, Outcome::NotExercised);
    }
}

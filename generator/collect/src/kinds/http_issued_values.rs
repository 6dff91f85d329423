//! `http.issued-values`: do issued values have the promised form, and do they look random?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    observation::{Population, PositiveControl},
    product::ProbeClass,
    state::Outcome,
};
use avouch_probe::Credential;
use serde::{Deserialize, Serialize};

use super::http_call::Site;
use crate::{Example, Judgement, Question, Unasked, Vantage, World, parameters::Pattern};

/// See the module.
pub(super) struct IssuedValues;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    target: String,
    route: String,
    principal: String,
    value: String,
    pattern: Pattern,
    #[serde(default = "two_hundred")]
    samples: u64,
    #[serde(default)]
    prefix: String,
    #[serde(default = "crate::parameters::one")]
    min_symbols: u64,
}

const fn two_hundred() -> u64 {
    200
}

/// Counts alone: an issued value is never kept.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    asked_for: u64,
    issued: u64,
    /// Answers that issued nothing, by status.
    not_issued: BTreeMap<u16, u64>,
    /// Values that do not match in whole, by how they differ.
    mismatches: BTreeMap<Mismatch, u64>,
    duplicates: u64,
    /// The number of distinct symbols in each position after the prefix.
    symbols: Vec<u64>,
    left_behind: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mismatch {
    Prefix,
    Form,
}

impl Question for IssuedValues {
    const ID: &'static str = "http.issued-values";
    const QUESTION: &'static str = "Do issued values have the promised form, and do they look random?";
    const VANTAGE: Vantage = Vantage::Target(ProbeClass::Intrusive);
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/http-issued-values.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let site = Site::of(world, &asked.target)?;
        let route = site.route(&asked.route)?;
        if route.undo.is_none() || route.id.is_none() {
            let (target, name) = (&asked.target, &asked.route);
            return Err(Unasked(format!(
                "values that are issued must be removed again: set `id` and `undo` in `[targets.{target}.routes.{name}]`"
            )));
        }
        let credential = Credential::Principal(asked.principal.clone());
        let mut seen = Seen { asked_for: asked.samples, ..Seen::default() };
        let mut values = BTreeSet::new();
        let mut symbols: Vec<BTreeSet<char>> = Vec::new();
        let request = |_| Ok(site.call_of(route)?.request(ProbeClass::Intrusive, credential.clone()));
        let requests = (0..asked.samples).map(request).collect::<Result<Vec<_>, Unasked>>()?;
        for (answer, removed) in site.try_together(Some(route), requests, &credential)? {
            let json = answer.json();
            let value = json.as_ref().and_then(|json| json.pointer(&asked.value)).and_then(|value| value.as_str());
            match value {
                Some(value) if answer.status == route.ok => {
                    seen.issued += 1;
                    if !asked.pattern.is_whole(value) {
                        let class = if value.starts_with(&asked.prefix) { Mismatch::Form } else { Mismatch::Prefix };
                        *seen.mismatches.entry(class).or_default() += 1;
                    }
                    let varying = value.strip_prefix(&asked.prefix).unwrap_or(value);
                    for (position, symbol) in varying.chars().enumerate().take(256) {
                        if symbols.len() <= position {
                            symbols.push(BTreeSet::new());
                        }
                        symbols.get_mut(position).map(|set| set.insert(symbol));
                    }
                    if !values.insert(value.to_owned()) {
                        seen.duplicates += 1;
                    }
                }
                _ => *seen.not_issued.entry(answer.status).or_default() += 1,
            }
            seen.left_behind += u64::from(!removed);
        }
        seen.symbols = symbols.iter().map(|set| set.len() as u64).collect();
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        if seen.duplicates > 0 {
            findings.push(format!("{} of {} values were issued twice", seen.duplicates, seen.issued));
        }
        for (class, count) in &seen.mismatches {
            let how = match class {
                Mismatch::Prefix => "do not begin as promised",
                Mismatch::Form => "have another length or alphabet than promised",
            };
            findings.push(format!("{count} of {} values {how}", seen.issued));
        }
        let poor = |(_, count): &(usize, &u64)| **count < asked.min_symbols;
        let few: Vec<String> =
            seen.symbols.iter().enumerate().filter(poor).map(|(at, count)| format!("{} ({count})", at + 1)).collect();
        if !few.is_empty() {
            let (places, least) = (few.join(", "), asked.min_symbols);
            findings.push(format!("fewer than {least} different symbols stand in the positions {places} after the prefix"));
        }
        Judgement::decide(
            Population { examined: seen.issued, required: asked.samples },
            if seen.issued > 0 { PositiveControl::Held } else { PositiveControl::Broken },
            findings,
            format!(
                "{} values were issued: all of the promised form, none twice, at least {} symbols in every position.",
                seen.issued,
                seen.symbols.iter().min().copied().unwrap_or(0)
            ),
        )
    }
}

const ASKED: &str = r#"{"target":"api","route":"issue","principal":"a","value":"/key","pattern":"ck_[0-9A-Z]{3}",
    "prefix":"ck_","samples":50,"min_symbols":8}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "fifty values of the promised form vary everywhere",
        asked: ASKED,
        seen: r#"{"asked_for":50,"issued":50,"not_issued":{},"mismatches":{},"duplicates":0,"symbols":[25,27,26],"left_behind":0}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the first position is constant, as in a value that begins with the time",
        asked: ASKED,
        seen: r#"{"asked_for":50,"issued":50,"not_issued":{},"mismatches":{},"duplicates":0,"symbols":[1,9,26],"left_behind":0}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a value is too short",
        asked: ASKED,
        seen: r#"{"asked_for":50,"issued":50,"not_issued":{},"mismatches":{"form":1},"duplicates":0,"symbols":[25,27,26],"left_behind":0}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one value is issued twice",
        asked: ASKED,
        seen: r#"{"asked_for":50,"issued":50,"not_issued":{},"mismatches":{},"duplicates":1,"symbols":[25,27,26],"left_behind":0}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "fewer values were issued than asked for",
        asked: ASKED,
        seen: r#"{"asked_for":50,"issued":10,"not_issued":{"429":40},"mismatches":{},"duplicates":0,"symbols":[9,9,9],"left_behind":0}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "nothing was issued",
        asked: ASKED,
        seen: r#"{"asked_for":50,"issued":0,"not_issued":{"403":50},"mismatches":{},"duplicates":0,"symbols":[],"left_behind":0}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::{
        kinds::http_testing::{Caps, ask, json, route, serve, target},
        testing::Scene,
    };

    #[test]
    fn a_counter_is_told_from_values_that_vary() {
        let outcome = |value: fn(u64) -> u64| {
            let next = AtomicU64::new(0);
            let at = serve(Caps::NONE, move |got| {
                if got.method == "DELETE" {
                    return (204, vec![], String::new());
                }
                let number = next.fetch_add(1, Ordering::Relaxed);
                json(201, format!(r#"{{"id":{number},"key":"ck_{:08x}"}}"#, value(number)))
            });
            let mut target = target(at);
            let (name, mut made) = route("issue", "POST /v1/keys", 201);
            made.id = Some("/id".to_owned());
            made.undo = Some(("DELETE".to_owned(), "/v1/keys/{id}".to_owned()));
            target.routes.insert(name, made);
            let asked = r#"{"target":"api","route":"issue","principal":"a","value":"/key","pattern":"ck_[0-9a-f]{8}",
                "prefix":"ck_","samples":60,"min_symbols":6}"#;
            ask::<IssuedValues>(Scene::default(), &target, asked).outcome
        };
        assert_eq!(outcome(|number| (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32), Outcome::Pass);
        assert_eq!(outcome(|number| number), Outcome::Fail);
        assert_eq!(outcome(|number| (number % 50 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32), Outcome::Fail);
        assert_eq!(outcome(|number| (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)), Outcome::Fail);
    }
}

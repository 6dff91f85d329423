//! `agent.permissions`: may agents do only what they were given?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::{
    structured::Node,
    workflow::shell::{Shell, said},
};
use serde::{Deserialize, Serialize};

use super::{
    agent_rules::{Rule, Verdict},
    config_value::form,
};
use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern, one},
    selector::Selector,
    sources::{FILE_BYTES_MAX, Place, place},
};

/// How many places are kept.
const PLACES_MAX: usize = 50;

/// Where agents look for what they may do (Claude Code: "Settings"; Cursor: "CLI permissions").
const USUAL: &[&str] = &["**/.claude/settings.json", "**/.cursor/cli.json"];

/// See the module.
pub(super) struct AgentPermissions;

/// What agents must not be able to do, and what was given to them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    #[serde(default)]
    actions: Vec<Action>,
    /// No rule that allows something matches one of these, nor does a command of a script that it allows to start.
    #[serde(default)]
    never_allowed: Vec<Pattern>,
    /// The pipelines that agents may start: no rule allows to start another.
    pipelines: Option<Globs>,
    ladder: Option<Ladder>,
    /// The rung that is asked about; left out, all of them, and every rule must be of one.
    rung: Option<String>,
    #[serde(default = "one")]
    files_min: u64,
}

/// Something that an agent might do, `Bash(wrangler deploy)`, `Edit(.env)`, and what may come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    #[serde(rename = "do")]
    act: String,
    #[serde(default = "denied")]
    is: Vec<Verdict>,
}

fn denied() -> Vec<Verdict> {
    vec![Verdict::Deny]
}

/// Rungs of capability, the lowest first, and which of them were given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ladder {
    rungs: Vec<Rung>,
    granted: Granted,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rung {
    name: String,
    /// The rules that allow what belongs to it.
    rules: Vec<Pattern>,
}

/// Where the rungs that were given are written down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Granted {
    files: Globs,
    at: Selector,
}

/// What the rules of the agents say.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    files: u64,
    /// For each action, where what comes of it is something else than it may be.
    actions: Vec<Vec<Place>>,
    /// Rules that allow what is never allowed.
    never: Vec<Place>,
    /// Rules that allow to start a pipeline that agents may not start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pipelines: Vec<Place>,
    /// Rules that allow what belongs to a rung, by the rung.
    rungs: BTreeMap<String, Vec<Place>>,
    /// Rules that belong to no rung.
    rungless: Vec<Place>,
    /// Rungs that were given.
    granted: BTreeSet<String>,
    /// Files in which nothing is asked before it is done.
    unasked: Vec<Place>,
    /// Rules that nobody can read.
    unreadable: Vec<Place>,
}

impl Question for AgentPermissions {
    const ID: &'static str = "agent.permissions";
    const QUESTION: &'static str = "May agents do only what they were given?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/agent-permissions.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        if asked.actions.is_empty() && asked.never_allowed.is_empty() && asked.ladder.is_none() && asked.pipelines.is_none() {
            return Err(Unasked("nothing is asked: give `actions`, `never_allowed`, `pipelines` or `ladder`".to_owned()));
        }
        let scripts = world.package_scripts()?;
        let usual = Globs::new(USUAL.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked)?;
        let mut seen = Seen { actions: asked.actions.iter().map(|_| vec![]).collect(), ..Seen::default() };
        for path in world.matching(asked.files.as_ref().unwrap_or(&usual), &Globs::default())? {
            let document = world.document(&path, form(&path)?, FILE_BYTES_MAX)?;
            let at = |node: &Node| place(&document.source, node.span.start);
            seen.files += 1;
            let permissions = document.root.get("permissions");
            let mut rules: Vec<(Verdict, Rule, &Node)> = Vec::new();
            for (key, verdict) in [("deny", Verdict::Deny), ("ask", Verdict::Ask), ("allow", Verdict::Allow)] {
                for node in permissions.and_then(|table| table.get(key)).and_then(Node::as_list).unwrap_or_default() {
                    match node.as_text().and_then(Rule::parse) {
                        Some(rule) => rules.push((verdict, rule, node)),
                        None => add(&mut seen.unreadable, at(node)),
                    }
                }
            }
            let mode = permissions.and_then(|table| table.get("defaultMode"));
            if let Some(mode) = mode.filter(|mode| mode.as_text() == Some("bypassPermissions")) {
                add(&mut seen.unasked, at(mode));
            }
            let edits = mode.and_then(Node::as_text) == Some("acceptEdits");
            for (action, wrong) in asked.actions.iter().zip(&mut seen.actions) {
                let act =
                    Rule::parse(&action.act).ok_or_else(|| Unasked(format!("`{}` is no action of an agent", action.act)))?;
                // Deny counts before ask, ask before allow, whatever the order of the rules; what no rule means is asked.
                let said = rules.iter().find(|(_, rule, _)| rule.means(&act));
                let unsaid = if edits && act.is_edit() { Verdict::Allow } else { Verdict::Ask };
                if !action.is.contains(&said.map_or(unsaid, |(verdict, ..)| *verdict)) {
                    add(wrong, said.map_or_else(|| at(&document.root), |(_, _, node)| at(node)));
                }
            }
            if !asked.never_allowed.is_empty() {
                for act in scripts.names().flat_map(started) {
                    let decides = rules.iter().find(|(_, rule, _)| rule.means(&act));
                    let Some((Verdict::Allow, _, node)) = decides else { continue };
                    let commands = scripts.commands(act.command().unwrap_or_default(), Shell::PLAIN);
                    let mut commands = commands.iter().map(|(command, ..)| said(command.program()));
                    if commands.any(|command| asked.never_allowed.iter().any(|pattern| pattern.is_match(&command))) {
                        add(&mut seen.never, at(node));
                    }
                }
            }
            for (_, rule, node) in rules.iter().filter(|(verdict, ..)| *verdict == Verdict::Allow) {
                let text = node.as_text().unwrap_or_default();
                if asked.pipelines.as_ref().is_some_and(|pipelines| rule.starts_other_pipeline(pipelines)) {
                    add(&mut seen.pipelines, at(node));
                }
                if asked.never_allowed.iter().any(|pattern| pattern.is_match(text)) {
                    add(&mut seen.never, at(node));
                }
                let Some(ladder) = &asked.ladder else { continue };
                match ladder.rungs.iter().find(|rung| rung.rules.iter().any(|pattern| pattern.is_whole(text))) {
                    Some(rung) => add(seen.rungs.entry(rung.name.clone()).or_default(), at(node)),
                    None => add(&mut seen.rungless, at(node)),
                }
            }
        }
        if let Some(ladder) = &asked.ladder {
            for path in world.matching(&ladder.granted.files, &Globs::default())? {
                let document = world.document(&path, form(&path)?, FILE_BYTES_MAX)?;
                let found = ladder.granted.at.select(&document.root);
                seen.granted.extend(found.into_iter().filter_map(Node::as_written).map(str::to_owned));
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for (action, wrong) in asked.actions.iter().zip(&seen.actions) {
            for place in wrong {
                let wanted: Vec<&str> = action.is.iter().map(|verdict| verdict.shown()).collect();
                findings.push(format!("`{}` is not {} by {place}", action.act, wanted.join(" or ")));
            }
        }
        findings.extend(seen.never.iter().map(|place| format!("the rule at {place} allows what no agent may do")));
        let other = |place| format!("the rule at {place} allows to start a pipeline that agents may not start");
        findings.extend(seen.pipelines.iter().map(other));
        findings.extend(seen.unasked.iter().map(|place| format!("nothing is asked before it is done, by {place}")));
        let mut examined = seen.files;
        if asked.ladder.is_some() {
            let meant = |name: &String| asked.rung.as_ref().is_none_or(|rung| rung == name);
            for (name, places) in seen.rungs.iter().filter(|(name, _)| meant(name)) {
                if !seen.granted.contains(name) {
                    let at: Vec<String> = places.iter().map(ToString::to_string).collect();
                    findings.push(format!("rung {name} was given to nobody, and {} allows it", at.join(", ")));
                }
            }
            if asked.rung.is_none() {
                findings.extend(seen.rungless.iter().map(|place| format!("the rule at {place} belongs to no rung")));
            } else if !seen.rungs.keys().any(meant) && !asked.rung.as_ref().is_some_and(|rung| seen.granted.contains(rung)) {
                // Neither given nor used: nothing shows how this rung is handled.
                examined = 0;
            }
        }
        findings.extend(seen.unreadable.iter().map(|place| format!("the rule at {place} cannot be read")));
        Judgement::decide(
            Population { examined, required: asked.files_min },
            PositiveControl::NotNeeded,
            findings,
            "The rules of the agents allow only what was given to them.",
        )
    }
}

/// The ways in which a script of the manifest is started.
fn started(script: &str) -> impl Iterator<Item = Rule> {
    let ways = ["pnpm", "pnpm run", "npm run", "yarn", "yarn run", "bun run"];
    ways.into_iter().filter_map(move |way| Rule::parse(&format!("Bash({way} {script})")))
}

fn add(places: &mut Vec<Place>, place: Place) {
    if places.len() < PLACES_MAX && !places.contains(&place) {
        places.push(place);
    }
}

const ASKED: &str = r#"{"actions":[{"do":"Edit(.env)"},{"do":"Bash(wrangler dns create x)","is":["deny","ask"]}]}"#;
const LADDER: &str = r#"{"ladder":{"rungs":[{"name":"1","rules":["Read\\(.*\\)"]},{"name":"2","rules":["Edit\\(.*\\)"]}],"granted":{"files":"registers/grants.toml","at":"grant[*].rung"}},"rung":"2"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "what must be refused is refused",
        asked: ASKED,
        seen: r#"{"files":1,"actions":[[],[]],"never":[],"rungs":{},"rungless":[],"granted":[],"unasked":[],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "secrets can be edited",
        asked: ASKED,
        seen: r#"{"files":1,"actions":[[{"file":".claude/settings.json","line":9,"column":7}],[]],"never":[],"rungs":{},"rungless":[],"granted":[],"unasked":[],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nothing is asked at all",
        asked: ASKED,
        seen: r#"{"files":1,"actions":[[],[]],"never":[],"rungs":{},"rungless":[],"granted":[],"unasked":[{"file":".claude/settings.json","line":3,"column":20}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a rung that was given is used",
        asked: LADDER,
        seen: r#"{"files":1,"actions":[],"never":[],"rungs":{"2":[{"file":".claude/settings.json","line":9,"column":7}]},"rungless":[],"granted":["1","2"],"unasked":[],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a rung that was not given is used",
        asked: LADDER,
        seen: r#"{"files":1,"actions":[],"never":[],"rungs":{"2":[{"file":".claude/settings.json","line":9,"column":7}]},"rungless":[],"granted":["1"],"unasked":[],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the rung is neither given nor used",
        asked: LADDER,
        seen: r#"{"files":1,"actions":[],"never":[],"rungs":{},"rungless":[],"granted":["1"],"unasked":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "a rule that nobody can read",
        asked: ASKED,
        seen: r#"{"files":1,"actions":[[],[]],"never":[],"rungs":{},"rungless":[],"granted":[],"unasked":[],"unreadable":[{"file":".claude/settings.json","line":5,"column":7}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "no agent has rules",
        asked: ASKED,
        seen: r#"{"files":0,"actions":[[],[]],"never":[],"rungs":{},"rungless":[],"granted":[],"unasked":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn judge(settings: &str, asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let grants = "[[grant]]\nrung = 1\n";
        let scene = Scene::of([(".claude/settings.json", settings), ("registers/grants.toml", grants)]);
        let seen = scene.with(|world| AgentPermissions::gather(world, &asked)).unwrap();
        AgentPermissions::judge(&seen, &asked)
    }

    #[test]
    fn a_rule_that_denies_counts_before_one_that_allows() {
        let settings = |allow: &str, deny: &str| format!(r#"{{"permissions":{{"allow":[{allow}],"deny":[{deny}]}}}}"#);
        let deny = r#""Edit(.env)","Bash(wrangler dns:*)""#;
        assert_eq!(judge(&settings(r#""Edit(*)""#, deny), ASKED).outcome, Outcome::Pass);
        assert_eq!(judge(&settings(r#""Edit(*)""#, r#""Bash(wrangler dns:*)""#), ASKED).outcome, Outcome::Fail);
        // Edits are asked about, and the promise is that they are refused.
        assert_eq!(judge(&settings("", ""), ASKED).outcome, Outcome::Fail);
        assert_eq!(judge(&settings("", r#""Edit(.env)""#), ASKED).outcome, Outcome::Pass);
        assert_eq!(judge(&settings(r#""Bash(wrangler:*)""#, r#""Edit(.env)""#), ASKED).outcome, Outcome::Fail);
        let bypassed = settings("", deny).replace(r#""allow""#, r#""defaultMode":"bypassPermissions","allow""#);
        assert_eq!(judge(&bypassed, ASKED).outcome, Outcome::Fail);
    }

    #[test]
    fn a_script_that_may_be_started_does_nothing_that_is_never_allowed() {
        let asked: Asked = serde_json::from_str(r#"{"never_allowed":["wrangler d1 .*--remote"]}"#).unwrap();
        let judged = |allow: &str| {
            let settings = format!(r#"{{"permissions":{{"allow":["{allow}"],"deny":["Bash(pnpm run db:up)"]}}}}"#);
            let manifest =
                r#"{"scripts":{"test":"node --test","db:up":"wrangler d1 migrations apply shop --remote","up":"pnpm db:up"}}"#;
            let scene = Scene::of([(".claude/settings.json", settings.as_str()), ("package.json", manifest)]);
            let seen = scene.with(|world| AgentPermissions::gather(world, &asked)).unwrap();
            AgentPermissions::judge(&seen, &asked).outcome
        };
        assert_eq!(judged("Bash(pnpm test:*)"), Outcome::Pass);
        assert_eq!(judged("Bash(pnpm run db:up)"), Outcome::Pass, "it is refused as well");
        for allow in ["Bash(pnpm db:up:*)", "Bash(pnpm:*)", "Bash(npm run up)"] {
            assert_eq!(judged(allow), Outcome::Fail, "{allow}");
        }
    }

    #[test]
    fn only_pipelines_that_are_named_may_be_started() {
        let asked = r#"{"pipelines":".github/workflows/{deploy,preview-*}.yml"}"#;
        let judged = |rule: &str| judge(&format!(r#"{{"permissions":{{"allow":["{rule}"]}}}}"#), asked).outcome;
        for rule in
            ["Bash(gh workflow run deploy.yml:*)", "Bash(gh workflow run deploy)", "Bash(gh workflow view:*)", "Read(docs/**)"]
        {
            assert_eq!(judged(rule), Outcome::Pass, "{rule}");
        }
        for rule in
            ["Bash(gh workflow run cache.yml:*)", "Bash(gh workflow run:*)", "Bash(gh workflow run *)", "Bash(gh:*)", "Bash"]
        {
            assert_eq!(judged(rule), Outcome::Fail, "{rule}");
        }
    }

    #[test]
    fn a_rung_that_nobody_gave_is_found_where_it_is_used() {
        let used = r#"{"permissions":{"allow":["Read(docs/**)","Edit(src/**)"]}}"#;
        let judgement = judge(used, LADDER);
        assert_eq!(judgement.findings, ["rung 2 was given to nobody, and .claude/settings.json:1:42 allows it"]);
        assert_eq!(judge(used, &LADDER.replace(r#""rung":"2""#, r#""rung":"1""#)).outcome, Outcome::Pass);
        assert_eq!(judge(r#"{"permissions":{"allow":["Read(docs/**)"]}}"#, LADDER).outcome, Outcome::NotExercised);
        let all = LADDER.replace(r#","rung":"2""#, "");
        assert_eq!(judge(r#"{"permissions":{"allow":["Read(docs/**)","WebFetch"]}}"#, &all).outcome, Outcome::Fail);
    }
}

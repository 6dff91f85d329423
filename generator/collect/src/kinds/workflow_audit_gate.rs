//! `workflow.audit-gate`: does the pipeline stop when a dependency is known to be vulnerable?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::workflow::{
    Format, Job, Step, Trigger, Workflow,
    expression::condition,
    shell::{Shell, Unheard},
};
use globset::GlobBuilder;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    ecosystems::{PackageScripts, lockfiles},
    kinds::workflow_audit_tools::{Level, Tool, of_action, of_command},
    parameters::Globs,
    pipelines::{Pipelines, Within, after, decide},
    sources::{Place, place},
};

/// How many patterns of paths of a trigger are read.
const PATTERNS_MAX: usize = 500;

/// See the module.
pub(super) struct WorkflowAuditGate;

/// What the gate must be like.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    /// The gate closes at this severity at the latest.
    #[serde(default = "high")]
    level: Level,
    /// One of them triggers it.
    #[serde(default = "events")]
    events: BTreeSet<String>,
    /// Which ecosystems need a gate; left out, those with a lockfile.
    #[serde(default)]
    ecosystems: BTreeSet<String>,
    /// Lockfiles that are not shipped.
    #[serde(default)]
    exclude: Globs,
}

const fn high() -> Level {
    Level::High
}

fn events() -> BTreeSet<String> {
    ["pull_request", "push", "merge_group"].map(str::to_owned).into()
}

/// The ecosystems and the gates.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The lockfiles of each ecosystem.
    ecosystems: BTreeMap<String, BTreeSet<String>>,
    workflows: u64,
    gates: Vec<Gate>,
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Gate {
    place: Place,
    tool: String,
    /// The ecosystems that it looks at; none given: all.
    covers: BTreeSet<String>,
    /// The lowest severity at which it closes.
    closes: Level,
    /// What triggers it, and the lockfiles whose change does not, each.
    events: BTreeMap<String, BTreeSet<String>>,
    /// Why it does not close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lame: Option<String>,
}

impl Question for WorkflowAuditGate {
    const ID: &'static str = "workflow.audit-gate";
    const QUESTION: &'static str = "Does the pipeline stop when a dependency is known to be vulnerable?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/workflow-audit-gate.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let pipelines = Pipelines::of(world, asked.files.as_ref())?;
        let scripts = world.package_scripts()?;
        let locks = lockfiles(world, &asked.exclude)?;
        let every: BTreeSet<&String> = locks.values().flatten().collect();
        let triggers = pipelines.triggers();
        let mut gates = Vec::new();
        for workflow in pipelines.workflows() {
            let own = triggers.get(workflow.source.path.as_str()).map_or(&[][..], Vec::as_slice);
            let before = after(&workflow.jobs);
            for job in &workflow.jobs {
                let waits = before.get(&job.id).into_iter().flatten();
                let stuck = waits.filter_map(|id| workflow.jobs.iter().find(|job| job.id == *id)).find(|job| job.off);
                for within in pipelines.steps(workflow, job) {
                    for (at, tool, unheard) in tools(&within, &scripts, workflow.format) {
                        gates.push(Gate {
                            place: place(&within.workflow.source, at),
                            tool: tool.name.to_owned(),
                            covers: tool.covers.iter().map(|one| (*one).to_owned()).collect(),
                            closes: tool.closes,
                            events: reached(workflow, job, within.step, own, &every),
                            lame: lame(job, &within, stuck, &tool, unheard),
                        });
                    }
                }
                // A reusable workflow of others that is known to be a gate.
                if let Some(tool) = job.uses.as_ref().and_then(|uses| of_action(&uses.name(), &[])) {
                    gates.push(Gate {
                        place: place(&workflow.source, job.span.start),
                        tool: tool.name.to_owned(),
                        covers: tool.covers.iter().map(|one| (*one).to_owned()).collect(),
                        closes: tool.closes,
                        events: reached(workflow, job, &Step::default(), own, &every),
                        lame: if job.off { Some("its job never runs".to_owned()) } else { tool.toothless.map(str::to_owned) },
                    });
                }
            }
        }
        Ok(Seen {
            ecosystems: locks.into_iter().map(|(name, paths)| (name.to_owned(), paths)).collect(),
            workflows: pipelines.workflows().count() as u64,
            gates,
            unreadable: pipelines.unreadable.clone(),
        })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let wanted: BTreeSet<&str> = if asked.ecosystems.is_empty() {
            seen.ecosystems.keys().map(String::as_str).collect()
        } else {
            asked.ecosystems.iter().map(String::as_str).collect()
        };
        let mut findings = Vec::new();
        for ecosystem in &wanted {
            let nothing = BTreeSet::new();
            let locks = seen.ecosystems.get(*ecosystem).unwrap_or(&nothing);
            let for_it = seen.gates.iter().filter(|gate| gate.covers.is_empty() || gate.covers.contains(*ecosystem));
            let mut wrong = Vec::new();
            let mut holds = false;
            for gate in for_it {
                match falls_short(gate, asked, locks) {
                    Some(why) => wrong.push(format!("`{}` at {}: {why}", gate.tool, gate.place)),
                    None => holds = true,
                }
            }
            if !holds && wrong.is_empty() {
                findings.push(format!("no pipeline audits the dependencies of `{ecosystem}`"));
            } else if !holds {
                findings.push(format!("no gate for `{ecosystem}` holds: {}", wrong.join("; ")));
            }
        }
        let examined = if seen.workflows == 0 { 0 } else { wanted.len() as u64 };
        // Without any pipeline nothing was examined, and nothing is claimed to be missing in one.
        if seen.workflows == 0 {
            findings.clear();
        }
        let tools: BTreeSet<&str> = seen.gates.iter().map(|gate| gate.tool.as_str()).collect();
        let sentence = format!(
            "The pipeline stops at advisories of severity {} ({}).",
            asked.level.shown(),
            tools.into_iter().collect::<Vec<_>>().join(", ")
        );
        decide(Population { examined, required: 1 }, &seen.unreadable, findings, sentence)
    }
}

/// Why a gate does not count; none if it does.
fn falls_short(gate: &Gate, asked: &Asked, locks: &BTreeSet<String>) -> Option<String> {
    if let Some(lame) = &gate.lame {
        return Some(lame.clone());
    }
    if gate.closes > asked.level {
        return Some(format!("it closes at {} only", gate.closes.shown()));
    }
    let mut blind = None;
    for (event, hidden) in gate.events.iter().filter(|(event, _)| asked.events.contains(*event)) {
        match hidden.iter().find(|lock| locks.contains(*lock)) {
            Some(lock) => blind = Some(format!("on `{event}` a change of `{lock}` does not trigger it")),
            None => return None,
        }
    }
    blind.or_else(|| Some(format!("none of {} triggers it", asked.events.iter().cloned().collect::<Vec<_>>().join(", "))))
}

/// The audits that a step runs, each with its place and why nobody hears of its failure.
fn tools<'a>(within: &Within<'a>, scripts: &PackageScripts, format: Format) -> Vec<(usize, Tool, Option<Unheard>)> {
    let step = within.step;
    if let Some(uses) = &step.uses {
        return of_action(&uses.name(), &step.with).map(|tool| (uses.span.start, tool, None)).into_iter().collect();
    }
    let Some(run) = &step.run else { return vec![] };
    let shell = if format == Format::Gitlab { Shell::GITLAB } else { Shell::of_step(step.shell.as_deref()) };
    let commands = scripts.commands(&run.text, shell).into_iter();
    commands
        .filter_map(|(command, at, unheard)| {
            let tool = of_command(command.program())?;
            let line = run.text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default();
            Some((within.workflow.locate(run, line.trim(), 0), tool, unheard))
        })
        .collect()
}

fn lame(job: &Job, within: &Within<'_>, stuck: Option<&Job>, tool: &Tool, unheard: Option<Unheard>) -> Option<String> {
    let after_failure = |text: &Option<String>| {
        text.as_ref().is_some_and(|text| {
            (text.contains("failure()") || text.contains("cancelled()")) && !text.contains('!') && !text.contains("||")
        })
    };
    if job.off || within.off {
        Some("it never runs".to_owned())
    } else if let Some(stuck) = stuck {
        Some(format!("its job waits for `{}`, which never runs", stuck.id))
    } else if after_failure(&job.condition) || after_failure(&within.step.condition) {
        Some("it runs only after something else failed".to_owned())
    } else if job.may_fail || within.may_fail {
        Some("it may fail without stopping the pipeline".to_owned())
    } else if let Some(unheard) = unheard {
        Some(unheard.shown().to_owned())
    } else {
        tool.toothless.map(str::to_owned)
    }
}

/// What triggers a step, with the lockfiles whose change does not.
fn reached(
    workflow: &Workflow,
    job: &Job,
    step: &Step,
    triggers: &[Trigger],
    locks: &BTreeSet<&String>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for trigger in job.triggers.as_deref().unwrap_or(triggers) {
        let filtered = |name: &str| !trigger.filter(name).is_empty();
        // A push of tags alone is no push of changes.
        if trigger.event == "push" && filtered("tags") && !filtered("branches") && !filtered("branches-ignore") {
            continue;
        }
        let only = BTreeSet::from([trigger.event.clone()]);
        let conditions = [&job.condition, &step.condition].into_iter().flatten();
        if workflow.format == Format::Actions && conditions.clone().any(|text| condition(text, &only) == Some(false)) {
            continue;
        }
        let hidden: BTreeSet<String> =
            locks.iter().filter(|lock| !triggers_on(trigger, lock)).map(|lock| (*lock).clone()).collect();
        // Of two triggers by the same event the one that hides less counts.
        found.entry(trigger.event.clone()).and_modify(|known| known.retain(|lock| hidden.contains(lock))).or_insert(hidden);
    }
    found
}

/// Whether a change of this file alone triggers ("Filter pattern cheat sheet": the last pattern that matches decides).
fn triggers_on(trigger: &Trigger, path: &str) -> bool {
    let matches = |pattern: &str| {
        let glob = GlobBuilder::new(pattern.trim_start_matches('/')).literal_separator(true).build();
        glob.is_ok_and(|glob| glob.compile_matcher().is_match(path))
    };
    let wanted = |patterns: &[String]| {
        patterns.iter().fold(false, |state, pattern| match pattern.strip_prefix('!') {
            Some(unwanted) => state && !matches(unwanted),
            None => state || matches(pattern),
        })
    };
    let (paths, ignored) = (trigger.filter("paths"), trigger.filter("paths-ignore"));
    // With more than anybody reads, nobody can say that it does.
    if paths.len() + ignored.len() > PATTERNS_MAX {
        return false;
    }
    (paths.is_empty() || wanted(paths)) && !wanted(ignored)
}

const ASKED: &str = r#"{"level":"high"}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the audit closes at high on every pull request",
        asked: ASKED,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"workflows":2,"gates":[{"place":{"file":"ci.yml","line":9,"column":9},"tool":"pnpm audit","covers":["npm"],"closes":"high","events":{"pull_request":[]}}],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "there is no audit",
        asked: ASKED,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"workflows":2,"gates":[],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the audit closes at critical only",
        asked: ASKED,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"workflows":2,"gates":[{"place":{"file":"ci.yml","line":9,"column":9},"tool":"pnpm audit","covers":["npm"],"closes":"critical","events":{"pull_request":[]}}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the audit's failure is excused with `|| true`",
        asked: ASKED,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"workflows":2,"gates":[{"place":{"file":"ci.yml","line":9,"column":9},"tool":"pnpm audit","covers":["npm"],"closes":"high","events":{"pull_request":[]},"lame":"its failure is excused with `||`"}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a change of the lockfile does not trigger the audit",
        asked: ASKED,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"workflows":2,"gates":[{"place":{"file":"ci.yml","line":9,"column":9},"tool":"pnpm audit","covers":["npm"],"closes":"high","events":{"pull_request":["pnpm-lock.yaml"]}}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the audit runs at night only",
        asked: ASKED,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"workflows":2,"gates":[{"place":{"file":"ci.yml","line":9,"column":9},"tool":"pnpm audit","covers":["npm"],"closes":"high","events":{"schedule":[]}}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one of two ecosystems has no audit",
        asked: ASKED,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"],"cargo":["Cargo.lock"]},"workflows":2,"gates":[{"place":{"file":"ci.yml","line":9,"column":9},"tool":"pnpm audit","covers":["npm"],"closes":"high","events":{"pull_request":[]}}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no pipeline",
        asked: ASKED,
        seen: r#"{"ecosystems":{"npm":["pnpm-lock.yaml"]},"workflows":0,"gates":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    const GOOD: &str = "on:\n  pull_request:\n  push:\n    branches: [main]\njobs:\n  audit:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n\
                        \x20     - run: pnpm audit --audit-level high\n";

    fn judge(files: &[(&str, &str)], asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = Scene::of(files.iter().copied()).with(|world| WorkflowAuditGate::gather(world, &asked)).unwrap();
        WorkflowAuditGate::judge(&seen, &asked)
    }

    fn of(text: &str) -> Judgement {
        judge(&[(".github/workflows/ci.yml", text), ("pnpm-lock.yaml", "")], "{}")
    }

    #[test]
    fn a_gate_that_closes_counts() {
        assert_eq!(of(GOOD).findings, Vec::<String>::new());
        for level in ["low", "moderate"] {
            assert_eq!(of(&GOOD.replace("high", level)).outcome, Outcome::Pass);
        }
        assert_eq!(of(&GOOD.replace("--audit-level high", "")).outcome, Outcome::Pass, "pnpm closes at low by itself");
    }

    #[test]
    fn every_way_to_take_its_teeth_is_told() {
        for (from, to) in [
            ("audit --audit-level high", "audit --audit-level high || true"),
            ("audit --audit-level high", "audit --audit-level high; true"),
            ("pnpm audit", "set +e; pnpm audit --audit-level high; echo #"),
            ("--audit-level high", "--audit-level critical"),
            ("--audit-level high", "--audit-level high --ignore-registry-errors"),
            ("--audit-level high", "--audit-level high | tee log"),
            ("    runs-on: x\n", "    runs-on: x\n    continue-on-error: true\n"),
            ("    runs-on: x\n", "    runs-on: x\n    if: false\n"),
            ("    runs-on: x\n", "    runs-on: x\n    if: ${{ failure() }}\n"),
            ("    runs-on: x\n", "    runs-on: x\n    if: github.event_name == 'schedule'\n"),
            ("      - run: pnpm", "      - if: ${{ false }}\n        run: pnpm"),
            ("      - run: pnpm audit", "      - run: exit 0; pnpm audit"),
            ("      - run: pnpm audit", "      - run: echo pnpm audit"),
            ("      - run: pnpm", "      # - run: pnpm"),
            ("  pull_request:\n  push:\n    branches: [main]\n", "  workflow_dispatch:\n"),
            ("  pull_request:\n  push:\n    branches: [main]\n", "  push:\n    tags: ['v*']\n"),
            ("  pull_request:\n  push:\n    branches: [main]\n", "  pull_request:\n    paths-ignore: ['**/*.yaml', '*.yaml']\n"),
            ("  pull_request:\n  push:\n    branches: [main]\n", "  pull_request:\n    paths: ['src/**']\n"),
            ("jobs:\n", "jobs:\n  never:\n    if: false\n    steps: []\n"),
        ] {
            let text = GOOD
                .replace(from, to)
                .replace("  audit:\n", if to.contains("never:") { "  audit:\n    needs: never\n" } else { "  audit:\n" });
            assert_ne!(text, GOOD, "{to}");
            assert_eq!(of(&text).outcome, Outcome::Fail, "{text}");
        }
    }

    #[test]
    fn every_ecosystem_needs_its_gate_unless_one_looks_at_all() {
        let both = |text: &str| judge(&[(".github/workflows/ci.yml", text), ("pnpm-lock.yaml", ""), ("Cargo.lock", "")], "{}");
        assert!(both(GOOD).findings[0].contains("`cargo`"), "{:?}", both(GOOD).findings);
        assert_eq!(both(&GOOD.replace("pnpm audit --audit-level high", "osv-scanner -r .")).outcome, Outcome::Pass);
        let action = GOOD.replace("run: pnpm audit --audit-level high", "uses: actions/dependency-review-action@v4");
        assert_eq!(both(&action).outcome, Outcome::Pass);
        assert_eq!(both(&format!("{action}        with: {{ warn-only: true }}\n")).outcome, Outcome::Fail);
    }

    #[test]
    fn a_gate_in_gitlab_in_a_script_and_behind_a_call_counts() {
        let gitlab = "audit:\n  script: npm audit --audit-level=high\n";
        assert_eq!(judge(&[(".gitlab-ci.yml", gitlab), ("package-lock.json", "")], "{}").outcome, Outcome::Pass);
        let lame = format!("{gitlab}  allow_failure: true\n");
        assert_eq!(judge(&[(".gitlab-ci.yml", &lame), ("package-lock.json", "")], "{}").outcome, Outcome::Fail);
        let by_script = GOOD.replace("pnpm audit --audit-level high", "pnpm run secure");
        let files = |script: &'static str| {
            judge(&[(".github/workflows/ci.yml", &by_script), ("pnpm-lock.yaml", ""), ("package.json", script)], "{}")
        };
        assert_eq!(files(r#"{"scripts":{"secure":"pnpm audit --audit-level high"}}"#).outcome, Outcome::Pass);
        assert_eq!(files(r#"{"scripts":{"secure":"pnpm audit --audit-level high || true"}}"#).outcome, Outcome::Fail);
        let called = GOOD.replace("  pull_request:\n  push:\n    branches: [main]\n", "  workflow_call:\n");
        let caller = "on: pull_request\njobs:\n  a:\n    uses: ./.github/workflows/audit.yml\n";
        let pair =
            [(".github/workflows/audit.yml", called.as_str()), (".github/workflows/ci.yml", caller), ("pnpm-lock.yaml", "")];
        assert_eq!(judge(&pair, "{}").outcome, Outcome::Pass);
        assert_eq!(judge(&[pair[0], pair[2]], "{}").outcome, Outcome::Fail, "nobody calls it");
    }

    #[test]
    fn without_lockfile_or_pipeline_nothing_is_said() {
        assert_eq!(judge(&[(".github/workflows/ci.yml", GOOD)], "{}").outcome, Outcome::NotExercised);
        assert_eq!(judge(&[("pnpm-lock.yaml", "")], "{}").outcome, Outcome::NotExercised);
    }
}

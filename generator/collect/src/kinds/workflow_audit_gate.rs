//! `workflow.audit-gate`: does the pipeline stop when a dependency is known to be vulnerable?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::workflow::{
    Format, Job, Trigger,
    shell::{Shell, Unheard},
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    ecosystems::{PackageScripts, lockfiles},
    kinds::workflow_audit_tools::{Level, Settings, Tool, of_action, of_command},
    parameters::Globs,
    pipelines::{PATTERNS_MAX, Pipelines, Within, commands, decide, is_after_failure, is_wanted, waits_in_vain},
    sources::{Place, place, texts},
};

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
    /// Whether what is only used to develop must be audited, too.
    #[serde(default)]
    development: bool,
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
    /// It leaves out what is only used to develop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shipped_only: bool,
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
        let npmrc = npmrc(world)?;
        let mut gates = Vec::new();
        for workflow in pipelines.workflows() {
            let own = triggers.get(workflow.source.path.as_str()).map_or(&[][..], Vec::as_slice);
            let unstarted = (!pipelines.is_started(workflow)).then(|| "no pipeline includes its file".to_owned());
            for job in &workflow.jobs {
                let stuck = waits_in_vain(workflow, job);
                let mut settings = Settings::of(&npmrc, [&workflow.variables, &job.variables], workflow.format == Format::Gitlab);
                let mut push = |at, tool: &Tool, starting: Vec<&Trigger>, lame: Option<String>| {
                    gates.push(Gate {
                        place: at,
                        tool: tool.name.to_owned(),
                        covers: tool.covers.iter().map(|one| (*one).to_owned()).collect(),
                        closes: tool.closes,
                        events: reached(world, tool, &starting, &every),
                        shipped_only: tool.shipped_only,
                        lame: unstarted.clone().or(lame),
                    });
                };
                for within in pipelines.steps(workflow, job) {
                    for (at, tool, unheard) in tools(&within, &scripts, workflow.format, &mut settings) {
                        let starting = pipelines.starting(workflow, job, Some(&within), own);
                        let lame = lame(job, &within, stuck, &tool, unheard);
                        push(place(&within.workflow.source, at), &tool, starting, lame);
                    }
                }
                // A reusable workflow of others that is known to be a gate.
                if let Some(tool) = job.uses.as_ref().and_then(|uses| of_action(&uses.name(), &[])) {
                    let starting = pipelines.starting(workflow, job, None, own);
                    let lame = lame_job(job, stuck).or_else(|| tool.toothless.map(str::to_owned));
                    push(place(&workflow.source, job.span.start), &tool, starting, lame);
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
    if asked.development && gate.shipped_only {
        return Some("it leaves out what is only used to develop".to_owned());
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

/// What the tree's `.npmrc` sets; nothing where there is none.
fn npmrc(world: &World<'_>) -> Result<String, Unasked> {
    let found = texts(world, &Globs::new(vec![".npmrc".to_owned()]).map_err(Unasked)?, &Globs::default())?;
    Ok(found.into_iter().next().map(|source| source.text.clone()).unwrap_or_default())
}

/// The audits that a step runs, each with its place and why nobody hears of its failure.
fn tools(
    within: &Within<'_>,
    scripts: &PackageScripts,
    format: Format,
    settings: &mut Settings,
) -> Vec<(usize, Tool, Option<Unheard>)> {
    let step = within.step;
    if let Some(uses) = &step.uses {
        return of_action(&uses.name(), &step.with).map(|tool| (uses.span.start, tool, None)).into_iter().collect();
    }
    let Some(run) = &step.run else { return vec![] };
    let shell = if format == Format::Gitlab { Shell::GITLAB } else { Shell::of_step(step.shell.as_deref()) };
    settings.begin(&step.variables);
    let mut found = Vec::new();
    for (command, at, unheard) in commands(step, scripts, shell) {
        let tool = of_command(command.program(), &settings.before(&command));
        settings.learn(&command);
        let Some(tool) = tool else { continue };
        let line = run.text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        found.push((within.workflow.locate(run, line.trim(), 0), tool, unheard));
    }
    found
}

fn lame(job: &Job, within: &Within<'_>, stuck: Option<&Job>, tool: &Tool, unheard: Option<Unheard>) -> Option<String> {
    if within.off {
        Some("it never runs".to_owned())
    } else if is_after_failure(job, within) {
        Some("it runs only after something else failed".to_owned())
    } else if within.may_fail {
        Some("it may fail without stopping the pipeline".to_owned())
    } else {
        let own = || unheard.map(|unheard| unheard.shown().to_owned()).or_else(|| tool.toothless.map(str::to_owned));
        lame_job(job, stuck).or_else(own)
    }
}

fn lame_job(job: &Job, stuck: Option<&Job>) -> Option<String> {
    if job.off {
        Some("it never runs".to_owned())
    } else if job.manual {
        Some("somebody has to start it".to_owned())
    } else if let Some(stuck) = stuck {
        let why = if stuck.off { "which never runs" } else { "which somebody has to start" };
        Some(format!("its job waits for `{}`, {why}", stuck.id))
    } else if job.may_fail {
        Some("it may fail without stopping the pipeline".to_owned())
    } else {
        None
    }
}

/// What triggers a step, with the lockfiles whose change does not.
fn reached(
    world: &World<'_>,
    tool: &Tool,
    triggers: &[&Trigger],
    locks: &BTreeSet<&String>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for trigger in triggers {
        let filtered = |name: &str| !trigger.filter(name).is_empty();
        // A push of tags alone is no push of changes.
        if trigger.event == "push" && filtered("tags") && !filtered("branches") && !filtered("branches-ignore") {
            continue;
        }
        if tool.reviews_changes && !matches!(trigger.event.as_str(), "pull_request" | "pull_request_target" | "merge_group") {
            continue;
        }
        // A file that must be there, and is not (GitLab's `rules:exists`).
        let there = |path: &String| {
            Globs::new(vec![path.clone()])
                .is_ok_and(|globs| world.matching(&globs, &Globs::default()).is_ok_and(|paths| !paths.is_empty()))
        };
        if filtered("exists") && !trigger.filter("exists").iter().take(PATTERNS_MAX).any(there) {
            continue;
        }
        let hidden: BTreeSet<String> =
            locks.iter().filter(|lock| !triggers_on(trigger, lock)).map(|lock| (*lock).clone()).collect();
        // Of two triggers by the same event the one that hides less counts.
        found.entry(trigger.event.clone()).and_modify(|known| known.retain(|lock| hidden.contains(lock))).or_insert(hidden);
    }
    found
}

/// Whether a change of this file alone triggers.
fn triggers_on(trigger: &Trigger, path: &str) -> bool {
    let (paths, ignored) = (trigger.filter("paths"), trigger.filter("paths-ignore"));
    // With more than anybody reads, nobody can say that it does.
    if paths.len() + ignored.len() > PATTERNS_MAX {
        return false;
    }
    (paths.is_empty() || is_wanted(paths, path)) && !is_wanted(ignored, path)
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
            ("--audit-level high", "--help"),
            ("pnpm audit --audit-level high", "npm_config_audit_level=none pnpm audit"),
            ("pnpm audit --audit-level high", "export NPM_CONFIG_AUDIT_LEVEL=critical; pnpm audit"),
            ("pnpm audit --audit-level high", "pnpm config set audit-level none; pnpm audit"),
            ("pnpm audit --audit-level high", "bash -c 'pnpm audit || true'"),
            (
                "      - run: pnpm audit --audit-level high",
                "      - run: echo npm_config_audit_level=none >> $GITHUB_ENV\n      - run: pnpm audit",
            ),
            ("--audit-level high", "\n        env: { npm_config_audit_level: critical }"),
            ("    runs-on: x\n", "    runs-on: x\n    strategy: { matrix: { node: [] } }\n"),
            ("    runs-on: x\n", "    runs-on: x\n    strategy: { matrix: { node: [18], exclude: [{ node: 18 }] } }\n"),
            ("    runs-on: x\n", "    runs-on: x\n    if: contains(fromJSON('[\"schedule\"]'), github.event_name)\n"),
            ("    runs-on: x\n", "    runs-on: x\n    if: startsWith(github.ref, 'refs/tags/')\n"),
            ("    runs-on: x\n", "    runs-on: x\n    defaults: { run: { shell: 'cat {0}' } }\n"),
            ("  pull_request:\n  push:\n    branches: [main]\n", "  pull_request:\n    types: [closed]\n"),
            ("  pull_request:\n  push:\n    branches: [main]\n", "  push:\n    branches-ignore: ['**']\n"),
            ("  pull_request:\n  push:\n    branches: [main]\n", "  push:\n    branches: ['**', '!**']\n"),
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
        let waits = caller.replace("  a:\n", "  n: { if: false, steps: [] }\n  a:\n    needs: n\n");
        let night = caller
            .replace("on: pull_request", "on: [pull_request, schedule]")
            .replace("  a:\n", "  a:\n    if: github.event_name == 'schedule'\n");
        for caller in [&waits, &night] {
            assert_eq!(judge(&[pair[0], (pair[1].0, caller), pair[2]], "{}").outcome, Outcome::Fail, "{caller}");
        }
    }

    #[test]
    fn what_is_set_around_it_counts_as_well() {
        let plain = GOOD.replace(" --audit-level high", "");
        let with =
            |npmrc: &str| judge(&[(".github/workflows/ci.yml", &plain), ("pnpm-lock.yaml", ""), (".npmrc", npmrc)], "{}").outcome;
        assert_eq!(with("# audit-level=none\naudit-level = high"), Outcome::Pass);
        assert_eq!(with("audit-level=none"), Outcome::Fail);
        let shipped = GOOD.replace("high", "high --prod");
        let asked = |asked: &str| judge(&[(".github/workflows/ci.yml", &shipped), ("pnpm-lock.yaml", "")], asked).outcome;
        assert_eq!(asked("{}"), Outcome::Pass);
        assert_eq!(asked(r#"{"development":true}"#), Outcome::Fail);
        let review = GOOD.replace("run: pnpm audit --audit-level high", "uses: actions/dependency-review-action@v4");
        assert_eq!(of(&review).outcome, Outcome::Pass);
        assert_eq!(of(&review.replace("  pull_request:\n", "")).outcome, Outcome::Fail, "there is no change to review");
    }

    #[test]
    fn a_gate_in_gitlab_loses_its_teeth_in_its_own_ways() {
        let good = "audit:\n  script:\n    - npm audit --audit-level=high\n";
        let of = |text: &str| judge(&[(".gitlab-ci.yml", text), ("package-lock.json", "")], "{}").outcome;
        for more in [
            "",
            "  rules:\n    - if: $CI_PIPELINE_SOURCE == 'schedule'\n      when: never\n    - when: on_success\n",
            "  rules:\n    - if: $CI_PIPELINE_SOURCE == 'merge_request_event'\n",
            "  rules:\n    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH\n",
            "  rules:\n    - exists: [package-lock.json]\n",
            "  except: [tags]\n",
            "  only: { changes: [package-lock.json] }\n",
        ] {
            assert_eq!(of(&format!("{good}{more}")), Outcome::Pass, "{more}");
        }
        for more in [
            "  when: on_failure\n",
            "  rules:\n    - when: never\n    - if: $CI_COMMIT_BRANCH\n",
            "  rules:\n    - if: '$CI_PIPELINE_SOURCE == \"nothing\"'\n",
            "  rules:\n    - if: '\"a\" == \"b\"'\n",
            "  rules:\n    - if: $CI_COMMIT_TAG && $CI_COMMIT_BRANCH\n",
            "  rules:\n    - if: $NOBODY_SETS == 'yes'\n",
            "  rules:\n    - when: manual\n",
            "  rules:\n    - exists: [nothing.txt]\n",
            "  only: [tags]\n",
            "  only: { variables: [$NOBODY_SETS] }\n",
            "  except: [branches, merge_requests]\n",
            "  except: { variables: [$CI] }\n",
            "  before_script: [set +e]\n  after_script: [x]\n",
            "  variables: { npm_config_audit_level: none }\n",
            "  needs: [hand]\nhand:\n  script: x\n  when: manual\n",
        ] {
            let text = if more.contains("npm_config") { good.replace(" --audit-level=high", "") } else { good.to_owned() };
            let text = if more.contains("set +e") { format!("{text}    - echo done\n{more}") } else { format!("{text}{more}") };
            assert_eq!(of(&text), Outcome::Fail, "{text}");
        }
        let root = "build:\n  script: x\n";
        let beside = |root: &str| {
            judge(&[(".gitlab-ci.yml", root), (".gitlab/ci/audit.yml", good), ("package-lock.json", "")], "{}").outcome
        };
        assert_eq!(beside(root), Outcome::Fail, "nobody includes it");
        assert_eq!(beside(&format!("include: [.gitlab/ci/audit.yml]\n{root}")), Outcome::Pass);
        assert_eq!(beside(&format!("include: {{ local: '/.gitlab/ci/*.yml' }}\n{root}")), Outcome::Pass);
    }

    #[test]
    fn without_lockfile_or_pipeline_nothing_is_said() {
        assert_eq!(judge(&[(".github/workflows/ci.yml", GOOD)], "{}").outcome, Outcome::NotExercised);
        assert_eq!(judge(&[("pnpm-lock.yaml", "")], "{}").outcome, Outcome::NotExercised);
    }
}

//! `workflow.steps`: do the pipelines contain the steps that the promise needs, where they run and can fail?

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::{
    source_text::{Strip, strip},
    workflow::{
        Format, Step, Trigger, Workflow,
        shell::{Script, Shell, Unheard},
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern},
    pipelines::{Pipelines, Within, after, decide, is_after_failure, waits_in_vain},
    sources::{Place, place},
};

/// How far scripts that are handed to another shell are followed.
const INNER_MAX: usize = 4;

/// How many steps may be like one that is wanted: with more, the pattern says too little.
const CANDIDATES_MAX: usize = 200;

/// See the module.
pub(super) struct WorkflowSteps;

/// Which steps, in which workflows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    /// One of them triggers the workflow.
    #[serde(default)]
    events: Vec<String>,
    /// All of them trigger the workflow.
    #[serde(default)]
    every_event: Vec<String>,
    /// A step: whatever triggers a workflow in which it runs, that workflow has the others too.
    wherever: Option<String>,
    steps: Vec<Wanted>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    run: Option<Pattern>,
    uses: Option<Pattern>,
    /// What its command or its inputs must not say.
    forbid: Option<Pattern>,
    before: Option<String>,
    #[serde(default)]
    optional: bool,
}

/// The workflows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    workflows: Vec<WorkflowSeen>,
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkflowSeen {
    file: String,
    /// Whether the events trigger it.
    triggered: bool,
    /// For each job, all jobs that must succeed before it.
    after: BTreeMap<String, BTreeSet<String>>,
    /// For each step that is wanted, where something like it stands.
    steps: Vec<Vec<Candidate>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Candidate {
    place: Place,
    job: String,
    /// Its place among the steps of its job.
    order: u64,
    /// Why it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lame: Option<Lame>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Lame {
    /// It or its job is switched off.
    Off,
    /// The pipeline goes on when it fails.
    MayFail,
    /// Its own script hides its failure.
    Swallowed,
    /// Its own script only prints it, or never comes to it.
    Unrun,
    /// It says what it must not say.
    Forbidden,
    /// It runs only when something else failed.
    AfterFailure,
    /// None of the events that are asked for starts it.
    Unreached,
}

impl Question for WorkflowSteps {
    const ID: &'static str = "workflow.steps";
    const QUESTION: &'static str = "Do the pipelines contain the steps that the promise needs, where they run and can fail?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/workflow-steps.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        check(asked)?;
        let pipelines = Pipelines::of(world, asked.files.as_ref())?;
        let triggers = pipelines.triggers();
        let mut workflows = Vec::new();
        for workflow in pipelines.workflows() {
            let mut events = workflow.events();
            let own = triggers.get(workflow.source.path.as_str()).map_or(&[][..], Vec::as_slice);
            for trigger in own {
                events.insert(trigger.event.clone());
                events.extend(trigger.filters.keys().map(|filter| format!("{}:{filter}", trigger.event)));
            }
            let triggered = (asked.events.is_empty() || asked.events.iter().any(|event| events.contains(event)))
                && asked.every_event.iter().all(|event| events.contains(event));
            // Where other events start the workflow, it is not asked when its steps run.
            let reaches = |starting: &[&Trigger]| !triggered || is_reached(asked, starting);
            let of = |wanted| candidates(wanted, &pipelines, workflow, own, &reaches);
            workflows.push(WorkflowSeen {
                file: workflow.source.path.clone(),
                triggered,
                after: after(&workflow.jobs),
                steps: asked.steps.iter().map(of).collect::<Result<_, _>>()?,
            });
        }
        Ok(Seen { workflows, unreadable: pipelines.unreadable.clone() })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        if !seen.workflows.is_empty() {
            // The workflow that comes nearest is the one that was meant.
            let nearest = seen
                .workflows
                .iter()
                .filter(|workflow| workflow.triggered)
                .map(|workflow| missing(workflow, &asked.steps))
                .min_by_key(Vec::len);
            let events = [asked.events.join(" or "), asked.every_event.join(" and ")];
            let events: Vec<_> = events.iter().map(String::as_str).filter(|events| !events.is_empty()).collect();
            findings = nearest.unwrap_or_else(|| vec![format!("no workflow is triggered by {}", events.join(" and "))]);
            for workflow in seen.workflows.iter().filter(|workflow| does_it(workflow, asked)) {
                let told: BTreeSet<String> = findings.iter().cloned().collect();
                findings.extend(missing(workflow, &asked.steps).into_iter().filter(|finding| !told.contains(finding)));
            }
        }
        let examined = seen.workflows.len() as u64;
        let names: Vec<_> = asked.steps.iter().map(|step| format!("`{}`", step.name)).collect();
        let sentence = format!("The pipeline has {}, where they run and can fail.", names.join(", "));
        decide(Population { examined, required: 1 }, &seen.unreadable, findings, sentence)
    }
}

fn check(asked: &Asked) -> Result<(), Unasked> {
    if asked.steps.is_empty() {
        return Err(Unasked("the check names no `steps`".to_owned()));
    }
    for step in &asked.steps {
        if step.run.is_none() == step.uses.is_none() {
            return Err(Unasked(format!("the step `{}` needs `run` or `uses`, one of the two", step.name)));
        }
        if let Some(before) = &step.before
            && !asked.steps.iter().any(|other| other.name == *before)
        {
            return Err(Unasked(format!("the step `{}` stands before `{before}`, and there is no such step", step.name)));
        }
    }
    if let Some(wherever) = &asked.wherever
        && !asked.steps.iter().any(|step| step.name == *wherever)
    {
        return Err(Unasked(format!("`wherever` names `{wherever}`, and there is no such step")));
    }
    Ok(())
}

/// Whether the step that `wherever` names runs in a workflow. One that may fail, or hides its failure, runs all the same.
fn does_it(workflow: &WorkflowSeen, asked: &Asked) -> bool {
    let steps = asked.steps.iter().zip(&workflow.steps).filter(|(step, _)| asked.wherever.as_ref() == Some(&step.name));
    steps.flat_map(|(_, found)| found).any(|one| !matches!(one.lame, Some(Lame::Off | Lame::Unrun | Lame::Forbidden)))
}

/// Where something like a wanted step stands in a workflow.
fn candidates(
    wanted: &Wanted,
    pipelines: &Pipelines,
    workflow: &Workflow,
    triggers: &[Trigger],
    reaches: &dyn Fn(&[&Trigger]) -> bool,
) -> Result<Vec<Candidate>, Unasked> {
    let mut candidates = Vec::new();
    for job in &workflow.jobs {
        let stuck = job.off || waits_in_vain(workflow, job).is_some() || !pipelines.is_started(workflow);
        let reached = |within: Option<&Within<'_>>| reaches(&pipelines.starting(workflow, job, within, triggers));
        let shell = |step: &Step| match workflow.format {
            Format::Gitlab => Shell::GITLAB,
            _ => Shell::of_step(step.shell.as_deref()),
        };
        for (order, within) in pipelines.steps(workflow, job).into_iter().enumerate() {
            let Some(own) = like(wanted, within.step, shell(within.step)) else { continue };
            if candidates.len() >= CANDIDATES_MAX {
                return Err(Unasked(format!("more than {CANDIDATES_MAX} steps are like `{}`; narrow its pattern", wanted.name)));
            }
            let lame = if stuck || within.off {
                Some(Lame::Off)
            } else if own == Some(Lame::Unrun) || own == Some(Lame::Forbidden) {
                own
            } else if job.may_fail || within.may_fail {
                Some(Lame::MayFail)
            } else if is_after_failure(job, &within) {
                Some(Lame::AfterFailure)
            } else if !reached(Some(&within)) {
                Some(Lame::Unreached)
            } else {
                own
            };
            candidates.push(Candidate {
                place: place(&within.workflow.source, within.step.span.start),
                job: job.id.clone(),
                order: order as u64,
                lame,
            });
        }
        if let (Some(pattern), Some(uses)) = (&wanted.uses, &job.uses)
            && pattern.is_match(&uses.what)
        {
            let lame = if stuck { Some(Lame::Off) } else { (!reached(None)).then_some(Lame::Unreached) };
            candidates.push(Candidate { place: place(&workflow.source, uses.span.start), job: job.id.clone(), order: 0, lame });
        }
    }
    Ok(candidates)
}

/// Whether the events that are asked for are among those that start a step.
fn is_reached(asked: &Asked, starting: &[&Trigger]) -> bool {
    let is_among = |event: &String| {
        starting.iter().any(|trigger| {
            let filtered = |name: &str| !trigger.filter(name).is_empty();
            // A push of tags alone is no push of changes.
            let tags = trigger.event == "push" && filtered("tags") && !filtered("branches") && !filtered("branches-ignore");
            (trigger.event == *event && !tags)
                || event.strip_prefix(&trigger.event).and_then(|rest| rest.strip_prefix(':')).is_some_and(filtered)
        })
    };
    (asked.events.is_empty() || asked.events.iter().any(is_among)) && asked.every_event.iter().all(is_among)
}

/// Whether a step is like the one that is wanted, and then what its own words take away from it.
fn like(wanted: &Wanted, step: &Step, shell: Shell) -> Option<Option<Lame>> {
    if let (Some(pattern), Some(uses)) = (&wanted.uses, &step.uses) {
        let forbids = |text: &str| wanted.forbid.as_ref().is_some_and(|pattern| pattern.is_match(text));
        let forbidden = step.with.iter().any(|(name, value)| forbids(&format!("{name}: {}", value.text)));
        return pattern.is_match(&uses.what).then_some(forbidden.then_some(Lame::Forbidden));
    }
    let (pattern, run) = (wanted.run.as_ref()?, step.run.as_ref()?);
    let (whole, from) = step.whole.as_ref().map_or((&*run.text, 0), |(whole, from)| (&**whole, *from));
    said_in(wanted, pattern, whole, from..from + run.text.len(), shell, 0)
}

/// Whether a part of a script says what is wanted, and then what takes away from it. One command that counts is enough;
/// otherwise what is wrong with the first is told.
fn said_in(
    wanted: &Wanted,
    pattern: &Pattern,
    script: &str,
    part: Range<usize>,
    shell: Shell,
    depth: usize,
) -> Option<Option<Lame>> {
    let text = strip("step.sh", script, Strip::Comments);
    let parsed = Script::parse(script);
    let within: Vec<usize> = (0..parsed.commands.len())
        .filter(|place| parsed.commands.get(*place).is_some_and(|command| part.contains(&command.span.start)))
        .collect();
    let mut found: Vec<Option<usize>> = pattern
        .find_iter(text.get(part.clone()).unwrap_or_default())
        .take(CANDIDATES_MAX)
        .map(|found| part.start + found.start())
        .map(|at| {
            within.iter().rev().copied().find(|place| parsed.commands.get(*place).is_some_and(|one| one.span.contains(&at)))
        })
        .collect();
    // Over the end of a line, or behind what only starts it, the words say it.
    if found.is_empty() {
        let says = |place: &usize| parsed.commands.get(*place).is_some_and(|one| pattern.is_match(&one.program().join(" ")));
        found = within.iter().copied().filter(says).map(Some).take(CANDIDATES_MAX).collect();
    }
    let mut first = None;
    for place in found {
        let lame =
            place.map_or(Some(Lame::Swallowed), |place| lame_command(wanted, pattern, script, (&parsed, place), shell, depth));
        if lame.is_none() {
            return Some(None);
        }
        first = first.or(Some(lame));
    }
    first
}

/// What takes away from a command that says what is wanted.
fn lame_command(
    wanted: &Wanted,
    pattern: &Pattern,
    script: &str,
    (parsed, place): (&Script, usize),
    shell: Shell,
    depth: usize,
) -> Option<Lame> {
    let command = parsed.commands.get(place)?;
    let own = script.get(command.span.clone()).unwrap_or_default();
    let unheard = parsed.unheard(place, shell);
    // What only explains itself does nothing.
    let explains = command.program().iter().any(|word| matches!(word.as_str(), "--help" | "--version"));
    if explains || matches!(unheard, Some(Unheard::Printed | Unheard::Never)) {
        return Some(Lame::Unrun);
    }
    if wanted.forbid.as_ref().is_some_and(|forbid| forbid.is_match(own)) {
        return Some(Lame::Forbidden);
    }
    if let Some((inner, inner_shell)) = command.inner().filter(|_| depth < INNER_MAX)
        && let Some(Some(lame)) = said_in(wanted, pattern, inner, 0..inner.len(), inner_shell, depth + 1)
    {
        return Some(lame);
    }
    unheard.map(|_| Lame::Swallowed)
}

/// What one workflow lacks of the steps that are wanted.
fn missing(workflow: &WorkflowSeen, wanted: &[Wanted]) -> Vec<String> {
    let file = &workflow.file;
    let counting = |name: &str| {
        let steps = wanted.iter().zip(&workflow.steps).filter(move |(wanted, _)| wanted.name == name);
        steps.flat_map(|(_, found)| found).filter(|one| one.lame.is_none()).collect::<Vec<_>>()
    };
    let mut missing = Vec::new();
    for (one, found) in wanted.iter().zip(&workflow.steps) {
        let name = &one.name;
        let here = counting(name);
        if here.is_empty() {
            if let Some((lame, candidate)) = found.iter().find_map(|one| Some((one.lame?, one))) {
                missing.push(format!("the step `{name}` at {} {}", candidate.place, lame.shown()));
            } else if !one.optional {
                missing.push(format!("`{file}` has no step `{name}`"));
            }
            continue;
        }
        let Some(before) = &one.before else { continue };
        // What runs at another time runs all the same.
        let place = wanted.iter().position(|wanted| wanted.name == *before);
        let there = place.and_then(|place| workflow.steps.get(place)).into_iter().flatten();
        let there = there.filter(|one| matches!(one.lame, None | Some(Lame::AfterFailure | Lame::Unreached)));
        let precedes = |left: &Candidate, right: &Candidate| {
            (left.job == right.job && left.order < right.order)
                || workflow.after.get(&right.job).is_some_and(|after| after.contains(&left.job))
        };
        // Whatever it must guard is guarded only if nothing of it comes without the step before it.
        for unguarded in there.filter(|right| !here.iter().any(|left| precedes(left, right))) {
            missing.push(format!("the step `{before}` at {} does not wait for `{name}`", unguarded.place));
        }
    }
    missing
}

impl Lame {
    const fn shown(self) -> &'static str {
        match self {
            Self::Off => "is switched off",
            Self::MayFail => "may fail without stopping the pipeline",
            Self::Swallowed => "hides its own failure",
            Self::Unrun => "is never run",
            Self::Forbidden => "says what takes the edge off it",
            Self::AfterFailure => "runs only after something else failed",
            Self::Unreached => "is not started by the events that are asked for",
        }
    }
}

const ASKED: &str = r#"{"events":["push:tags","release"],"steps":[{"name":"sbom","run":"avouch sbom|cyclonedx","before":"upload"},{"name":"upload","uses":"^softprops/action-gh-release@"}]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the bill of materials is made before it is published",
        asked: ASKED,
        seen: r#"{"workflows":[{"file":"release.yml","triggered":true,"after":{"release":[]},"steps":[[{"place":{"file":"release.yml","line":9,"column":9},"job":"release","order":1}],[{"place":{"file":"release.yml","line":12,"column":9},"job":"release","order":2}]]}],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the step is gone",
        asked: ASKED,
        seen: r#"{"workflows":[{"file":"release.yml","triggered":true,"after":{"release":[]},"steps":[[],[{"place":{"file":"release.yml","line":12,"column":9},"job":"release","order":2}]]}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the step may fail without stopping the pipeline",
        asked: ASKED,
        seen: r#"{"workflows":[{"file":"release.yml","triggered":true,"after":{"release":[]},"steps":[[{"place":{"file":"release.yml","line":9,"column":9},"job":"release","order":1,"lame":"may_fail"}],[{"place":{"file":"release.yml","line":12,"column":9},"job":"release","order":2}]]}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the step comes after what it must precede",
        asked: ASKED,
        seen: r#"{"workflows":[{"file":"release.yml","triggered":true,"after":{"release":[]},"steps":[[{"place":{"file":"release.yml","line":15,"column":9},"job":"release","order":3}],[{"place":{"file":"release.yml","line":12,"column":9},"job":"release","order":2}]]}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the pipeline is not the one that releases",
        asked: ASKED,
        seen: r#"{"workflows":[{"file":"ci.yml","triggered":false,"after":{"build":[]},"steps":[[{"place":{"file":"ci.yml","line":9,"column":9},"job":"build","order":1}],[]]}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the step has an option that takes the edge off it",
        asked: r#"{"steps":[{"name":"scan","run":"gitleaks","forbid":"--exit-code[= ]0"}]}"#,
        seen: r#"{"workflows":[{"file":"ci.yml","triggered":true,"after":{"build":[]},"steps":[[{"place":{"file":"ci.yml","line":9,"column":9},"job":"build","order":1,"lame":"forbidden"}]]}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a pipeline cannot be read",
        asked: ASKED,
        seen: r#"{"workflows":[],"unreadable":["ci.yml:3:1: this is not YAML"]}"#,
        outcome: Outcome::Error,
    },
    Example {
        name: "there is no workflow",
        asked: ASKED,
        seen: r#"{"workflows":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    const GOOD: &str = "on:\n  push:\n    tags: ['v*']\njobs:\n  build:\n    steps:\n      - run: |\n          # make it\n          avouch sbom -o bom.json\n  \
                        publish:\n    needs: build\n    steps:\n      - uses: softprops/action-gh-release@v2\n";

    fn judge(text: &str, asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let scene = Scene::of([(".github/workflows/release.yml", text)]);
        let seen = scene.with(|world| WorkflowSteps::gather(world, &asked)).unwrap();
        WorkflowSteps::judge(&seen, &asked)
    }

    #[test]
    fn a_step_counts_where_it_runs_and_can_fail() {
        assert_eq!(judge(GOOD, ASKED).findings, Vec::<String>::new());
        assert_eq!(judge(GOOD, ASKED).outcome, Outcome::Pass);
        for (from, to) in [
            ("avouch sbom -o bom.json", "avouch sbom -o bom.json || true"),
            ("avouch sbom", "# avouch sbom"),
            ("  build:\n", "  build:\n    if: false\n"),
            ("  build:\n", "  build:\n    continue-on-error: true\n"),
            ("    needs: build\n", ""),
            ("    tags: ['v*']\n", "    branches: [main]\n"),
            ("softprops/action-gh-release", "actions/upload-artifact"),
        ] {
            let broken = GOOD.replace(from, to);
            assert_ne!(broken, GOOD);
            assert_eq!(judge(&broken, ASKED).outcome, Outcome::Fail, "{broken}");
        }
    }

    #[test]
    fn an_option_that_is_forbidden_takes_the_step_away() {
        let asked = r#"{"steps":[{"name":"scan","run":"gitleaks (git|dir)","forbid":"--exit-code[= ]0"}]}"#;
        let text = "on: push\njobs:\n  a:\n    steps:\n      - run: gitleaks git .\n";
        assert_eq!(judge(text, asked).outcome, Outcome::Pass);
        assert_eq!(judge(&text.replace("git .", "git . --exit-code 0"), asked).outcome, Outcome::Fail);
        assert_eq!(judge(&text.replace("gitleaks git .", "echo gitleaks git ."), asked).outcome, Outcome::Fail);
    }

    #[test]
    fn a_step_that_no_change_starts_or_that_hides_in_another_shell_does_not_count() {
        let asked = r#"{"events":["pull_request","push"],"steps":[{"name":"scan","run":"gitleaks (git|dir)"}]}"#;
        let text = "on: [push, schedule]\njobs:\n  a:\n    steps:\n      - run: gitleaks git .\n";
        assert_eq!(judge(text, asked).outcome, Outcome::Pass);
        assert_eq!(judge(&text.replace("run: gitleaks git .", "run: bash -c 'gitleaks git .'"), asked).outcome, Outcome::Pass);
        assert_eq!(
            judge(&text.replace("run: gitleaks git .", "run: |\n          gitleaks \\\n            git ."), asked).outcome,
            Outcome::Pass
        );
        for (from, to) in [
            ("gitleaks git .", "bash -c 'gitleaks git . || true'"),
            ("gitleaks git .", "gitleaks git --help"),
            ("[push, schedule]", "{ push: { tags: ['v*'] } }"),
            ("[push, schedule]", "{ push: { branches: ['**', '!**'] } }"),
            ("  a:\n", "  a:\n    if: github.event_name == 'schedule'\n"),
            ("  a:\n", "  a:\n    if: failure()\n"),
            ("  a:\n", "  n: { if: false, steps: [] }\n  a:\n    needs: n\n"),
        ] {
            let broken = text.replace(from, to);
            assert_ne!(broken, text);
            assert_eq!(judge(&broken, asked).outcome, Outcome::Fail, "{broken}");
        }
    }

    #[test]
    fn every_event_that_is_asked_for_must_trigger_it() {
        let asked = r#"{"every_event":["push","pull_request"],"steps":[{"name":"t","run":"make test"}]}"#;
        let text = "on: [push, pull_request]\njobs:\n  a:\n    steps:\n      - run: make test\n";
        assert_eq!(judge(text, asked).outcome, Outcome::Pass);
        assert_eq!(judge(&text.replace(", pull_request", ""), asked).outcome, Outcome::Fail);
    }

    #[test]
    fn what_is_done_in_another_workflow_needs_the_same_steps_there() {
        let asked = r#"{"every_event":["push:tags"],"wherever":"deploy","steps":[{"name":"evidence","run":"avouch run","before":"deploy"},{"name":"deploy","run":"wrangler deploy","forbid":"--env preview"}]}"#;
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let release =
            "on:\n  push:\n    tags: ['v*']\njobs:\n  a:\n    steps:\n      - run: avouch run\n      - run: wrangler deploy\n";
        let outcome = |other: &str| {
            let scene = Scene::of([(".github/workflows/release.yml", release), (".github/workflows/hotfix.yml", other)]);
            WorkflowSteps::judge(&scene.with(|world| WorkflowSteps::gather(world, &asked)).unwrap(), &asked).outcome
        };
        let hotfix = "on: workflow_dispatch\njobs:\n  a:\n    steps:\n      - run: wrangler deploy\n";
        assert_eq!(outcome(hotfix), Outcome::Fail);
        assert_eq!(outcome(&hotfix.replace("wrangler deploy", "wrangler deploy || true")), Outcome::Fail);
        assert_eq!(
            outcome(&hotfix.replace("      - run: wrangler", "      - run: avouch run\n      - run: wrangler")),
            Outcome::Pass
        );
        assert_eq!(outcome(&hotfix.replace("wrangler deploy", "wrangler deploy --env preview")), Outcome::Pass);
        assert_eq!(outcome(&hotfix.replace("wrangler deploy", "echo wrangler deploy")), Outcome::Pass);
        assert_eq!(outcome(&hotfix.replace("  a:\n", "  a:\n    if: false\n")), Outcome::Pass);
    }

    #[test]
    fn a_step_in_gitlab_and_in_a_composite_action_counts_as_well() {
        let asked: Asked = serde_json::from_str(r#"{"steps":[{"name":"t","run":"make test"}]}"#).unwrap();
        let outcome = |files: &[(&str, &str)]| {
            let scene = Scene::of(files.iter().copied());
            WorkflowSteps::judge(&scene.with(|world| WorkflowSteps::gather(world, &asked)).unwrap(), &asked).outcome
        };
        assert_eq!(outcome(&[(".gitlab-ci.yml", "t:\n  script: make test\n")]), Outcome::Pass);
        assert_eq!(outcome(&[(".gitlab-ci.yml", "t:\n  script: make test\n  allow_failure: true\n")]), Outcome::Fail);
        let action = ("t/action.yml", "runs:\n  using: composite\n  steps:\n    - run: make test\n      shell: bash\n");
        let workflow = "on: push\njobs:\n  a:\n    steps:\n      - uses: ./t\n";
        assert_eq!(outcome(&[action, (".github/workflows/a.yml", workflow)]), Outcome::Pass);
        assert_eq!(outcome(&[action]), Outcome::NotExercised, "an action that nobody uses runs nowhere");
    }

    #[test]
    fn a_question_that_asks_nothing_is_not_put() {
        for asked in [r#"{"steps":[]}"#, r#"{"steps":[{"name":"a"}]}"#, r#"{"steps":[{"name":"a","run":"x","before":"b"}]}"#] {
            let asked: Asked = serde_json::from_str(asked).unwrap();
            assert!(Scene::default().with(|world| WorkflowSteps::gather(world, &asked)).is_err());
        }
    }
}

//! The pipelines of a tree, read once for a question; one that cannot be read stops none of the others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use avouch_model::{
    diagnostic::Source,
    observation::{Population, PositiveControl},
};
use avouch_read::workflow::{Format, Job, Step, Trigger, Workflow};
use serde::{Deserialize, Serialize};

use crate::{
    Judgement, Unasked, World,
    ecosystems::folder,
    parameters::Globs,
    sources::{Place, place},
};

/// Where pipelines and the composite actions beside them lie.
const USUAL: &[&str] = &[
    ".github/workflows/*.{yml,yaml}",
    "**/action.{yml,yaml}",
    ".gitlab-ci.{yml,yaml}",
    ".gitlab/ci/**/*.{yml,yaml}",
    ".gitlab/*.gitlab-ci.{yml,yaml}",
];

/// What was brought along from others.
const FOREIGN: &[&str] = &["**/node_modules/**", "**/vendor/**"];

/// How many spots a transcript keeps.
pub(crate) const SPOTS_MAX: usize = 500;

/// How far composite actions and reusable workflows of the repository are followed.
const DEPTH_MAX: usize = 4;

/// How many steps of a job are looked at, those of composite actions too.
const STEPS_MAX: usize = 5_000;

/// The pipelines of a tree.
#[derive(Debug, Default)]
pub(crate) struct Pipelines {
    /// Those that could be read, by path in order.
    pub(crate) read: Vec<Arc<Workflow>>,
    /// What is wrong with the others, a sentence each.
    pub(crate) unreadable: Vec<String>,
    /// The composite actions by their folder, as places in `read`.
    actions: HashMap<String, usize>,
}

/// Something at a place of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spot {
    /// Where.
    pub(crate) place: Place,
    /// What, in the words of the file.
    pub(crate) what: String,
}

/// What stands at a byte of a text. What strangers wrote is cut off where it gets long.
pub(crate) fn spot(source: &Source, offset: usize, what: &str) -> Spot {
    Spot { place: place(source, offset), what: what.chars().take(120).collect() }
}

/// `2 of 5 …: a at x:1:2, b at …`, with the first ten.
pub(crate) fn listed(spots: &[Spot]) -> String {
    let shown: Vec<_> = spots.iter().take(10).map(|spot| format!("`{}` at {}", spot.what, spot.place)).collect();
    let more = if spots.len() > shown.len() { format!(", and {} more", spots.len() - shown.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// The rule of every kind that reads files of which some may be broken: what is wrong with the others is a failure; with
/// nothing wrong in them a file that cannot be read leaves the question open.
pub(crate) fn decide(
    population: Population,
    unreadable: &[String],
    mut findings: Vec<String>,
    seen: impl Into<String>,
) -> Judgement {
    let control =
        if findings.is_empty() && !unreadable.is_empty() { PositiveControl::Broken } else { PositiveControl::NotNeeded };
    findings.extend(unreadable.iter().cloned());
    Judgement::decide(population, control, findings, seen)
}

/// `1 workflow`, `2 workflows`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

impl Pipelines {
    /// The pipelines that globs mean; without globs, those at the usual places.
    pub(crate) fn of(world: &World<'_>, files: Option<&Globs>) -> Result<Arc<Self>, Unasked> {
        match files {
            Some(files) => Ok(Arc::new(Self::at(world, &world.matching(files, &Globs::default())?))),
            None => world.usual_pipelines(),
        }
    }

    /// The pipelines at the usual places. Who asks of them takes [`World::usual_pipelines`].
    pub(crate) fn usual(world: &World<'_>) -> Result<Self, Unasked> {
        let globs = |texts: &[&str]| Globs::new(texts.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked);
        Ok(Self::at(world, &world.matching(&globs(USUAL)?, &globs(FOREIGN)?)?))
    }

    fn at(world: &World<'_>, paths: &[String]) -> Self {
        let mut pipelines = Self::default();
        for path in paths {
            match world.workflow(path) {
                Ok(workflow) => {
                    if workflow.format == Format::CompositeAction {
                        pipelines.actions.entry(folder(path).to_owned()).or_insert(pipelines.read.len());
                    }
                    pipelines.read.push(workflow);
                }
                Err(Unasked(why)) => pipelines.unreadable.push(why),
            }
        }
        pipelines
    }

    /// The workflows and pipelines, without composite actions.
    pub(crate) fn workflows(&self) -> impl Iterator<Item = &Workflow> {
        self.read.iter().map(|workflow| &**workflow).filter(|workflow| workflow.format != Format::CompositeAction)
    }

    /// The steps of a job, those of the repository's composite actions in place of the step that uses them. A step that
    /// is switched off or may fail takes its inner ones with it.
    pub(crate) fn steps<'a>(&'a self, workflow: &'a Workflow, job: &'a Job) -> Vec<Within<'a>> {
        let mut found = Vec::new();
        self.follow(workflow, &job.steps, (false, false), 0, &mut found);
        found
    }

    fn follow<'a>(
        &'a self,
        workflow: &'a Workflow,
        steps: &'a [Step],
        outer: (bool, bool),
        depth: usize,
        found: &mut Vec<Within<'a>>,
    ) {
        for step in steps {
            if found.len() >= STEPS_MAX {
                return;
            }
            let state = (outer.0 || step.off, outer.1 || step.may_fail);
            let inner = step.uses.as_ref().and_then(|uses| self.local(uses.path()?));
            match inner {
                // One without steps is a step itself, so that what is followed always ends in something.
                Some(action) if depth < DEPTH_MAX && action.jobs.iter().any(|job| !job.steps.is_empty()) => {
                    let steps = action.jobs.iter().flat_map(|job| &job.steps);
                    for step in steps {
                        self.follow(action, std::slice::from_ref(step), state, depth + 1, found);
                    }
                }
                _ => found.push(Within { workflow, step, off: state.0, may_fail: state.1 }),
            }
        }
    }

    /// The action of the repository in a folder.
    fn local(&self, folder: &str) -> Option<&Workflow> {
        self.read.get(*self.actions.get(folder.trim_end_matches('/'))?).map(|action| &**action)
    }

    /// What triggers each workflow in the end: a reusable one is triggered by what triggers those that call it. A job
    /// that is switched off calls nobody.
    pub(crate) fn triggers(&self) -> BTreeMap<&str, Vec<Trigger>> {
        let mut found: BTreeMap<&str, Vec<Trigger>> =
            self.workflows().map(|workflow| (workflow.source.path.as_str(), workflow.triggers.clone())).collect();
        for _ in 0..DEPTH_MAX {
            let mut more: Vec<(&str, Vec<Trigger>)> = Vec::new();
            for workflow in self.workflows() {
                let path = workflow.source.path.as_str();
                let uses = workflow.jobs.iter().filter(|job| !job.off).filter_map(|job| job.uses.as_ref()?.path());
                let called: BTreeSet<&str> = uses.filter(|path| found.contains_key(path)).collect();
                more.extend(called.into_iter().map(|called| (called, found.get(path).cloned().unwrap_or_default())));
            }
            if more.is_empty() {
                break;
            }
            for (called, triggers) in more {
                let known = found.entry(called).or_default();
                for trigger in triggers {
                    if !known.iter().any(|one| one.event == trigger.event && one.filters == trigger.filters) {
                        known.push(trigger);
                    }
                }
            }
        }
        found
    }
}

/// A step where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within<'a> {
    /// The file that it stands in.
    pub(crate) workflow: &'a Workflow,
    /// The step.
    pub(crate) step: &'a Step,
    /// Whether it, or what uses its action, is switched off.
    pub(crate) off: bool,
    /// Whether it, or what uses its action, may fail.
    pub(crate) may_fail: bool,
}

/// All jobs that must succeed before each job.
pub(crate) fn after(jobs: &[Job]) -> BTreeMap<String, BTreeSet<String>> {
    let needs: BTreeMap<&str, &[String]> = jobs.iter().map(|job| (job.id.as_str(), job.needs.as_slice())).collect();
    let mut all = BTreeMap::new();
    for job in jobs {
        let mut before = BTreeSet::new();
        let mut left: Vec<&str> = job.needs.iter().map(String::as_str).collect();
        while let Some(next) = left.pop() {
            if before.insert(next.to_owned()) {
                left.extend(needs.get(next).copied().unwrap_or_default().iter().map(String::as_str));
            }
        }
        all.insert(job.id.clone(), before);
    }
    all
}

/// An exception from a rule, with its reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allowed {
    /// The files in which it holds.
    #[serde(default)]
    pub(crate) files: Option<Globs>,
    /// The jobs in which it holds, by id.
    #[serde(default)]
    pub(crate) jobs: Option<Globs>,
    /// What is allowed, in the words of the rule.
    pub(crate) what: Globs,
    /// Why.
    pub(crate) reason: String,
}

impl Allowed {
    /// Whether one of the exceptions is meant. An exception without a reason has no effect.
    pub(crate) fn any(allowed: &[Self], file: &str, job: &str, what: &str) -> bool {
        allowed.iter().any(|one| {
            one.reason.trim().len() >= 3
                && one.what.matches(what)
                && one.files.as_ref().is_none_or(|files| files.matches(file))
                && one.jobs.as_ref().is_none_or(|jobs| jobs.matches(job))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn one_bad_file_never_stops_the_others() {
        let scene = Scene::of([
            (".github/workflows/a.yml", "on: push\njobs: {}"),
            (".github/workflows/b.yml", "on: [push\n"),
            (".github/workflows/c.yml", "x: &a [*a]"),
            ("node_modules/x/action.yml", "x"),
        ]);
        let pipelines = scene.with(|world| Pipelines::of(world, None)).unwrap();
        assert_eq!((pipelines.read.len(), pipelines.unreadable.len()), (1, 2));
        assert!(pipelines.unreadable[0].contains(".github/workflows/b.yml:"), "{:?}", pipelines.unreadable);
        let judged = decide(Population { examined: 1, required: 1 }, &pipelines.unreadable, vec![], "");
        assert_eq!(judged.outcome, avouch_model::state::Outcome::Error);
        let judged = decide(Population { examined: 1, required: 1 }, &pipelines.unreadable, vec!["x".into()], "");
        assert_eq!(judged.outcome, avouch_model::state::Outcome::Fail);
    }

    #[test]
    fn actions_and_workflows_of_the_repository_are_followed() {
        let scene = Scene::of([
            (".github/workflows/ci.yml", "on: pull_request\njobs:\n  a:\n    uses: ./.github/workflows/re.yml\n"),
            (
                ".github/workflows/re.yml",
                "on: workflow_call\njobs:\n  b:\n    steps:\n      - uses: ./tools/x\n        continue-on-error: true\n",
            ),
            ("tools/x/action.yml", "runs:\n  using: composite\n  steps:\n    - run: make\n      shell: bash\n"),
        ]);
        let pipelines = scene.with(|world| Pipelines::of(world, None)).unwrap();
        let called = &pipelines.triggers()[".github/workflows/re.yml"];
        assert!(called.iter().any(|trigger| trigger.event == "pull_request"));
        let reusable = &pipelines.read[1];
        let steps = pipelines.steps(reusable, &reusable.jobs[0]);
        assert_eq!(steps[0].step.run.as_ref().unwrap().text, "make");
        assert!(steps[0].may_fail);
    }
}

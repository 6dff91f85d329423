//! The pipelines of a tree, read once for a question; one that cannot be read stops none of the others.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use avouch_model::{
    diagnostic::Source,
    observation::{Population, PositiveControl},
};
use avouch_read::workflow::{
    Format, Job, Step, Trigger, Uses, Workflow,
    expression::condition,
    shell::{Command, Shell, Unheard},
};
use globset::GlobBuilder;
use serde::{Deserialize, Serialize};

use crate::{
    Judgement, Unasked, World,
    ecosystems::{PackageScripts, folder},
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

/// How many patterns of a trigger are read.
pub(crate) const PATTERNS_MAX: usize = 500;

/// What branches are called that changes go to.
const USUAL_BRANCHES: &[&str] = &["main", "master", "develop", "trunk"];

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
    /// The branches that the repository knows of; none where there is none to ask.
    branches: Vec<String>,
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
        // A repository that does not answer knows no branch; other questions tell of that.
        let branches = world.repository.and_then(|repository| repository.branches().ok()).unwrap_or_default();
        let mut pipelines = Self { branches, ..Self::default() };
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
        self.follow(workflow, &job.steps, (false, false, None), 0, &mut found);
        found
    }

    fn follow<'a>(
        &'a self,
        workflow: &'a Workflow,
        steps: &'a [Step],
        outer: (bool, bool, Option<&'a Step>),
        depth: usize,
        found: &mut Vec<Within<'a>>,
    ) {
        for step in steps {
            if found.len() >= STEPS_MAX {
                return;
            }
            let state = (outer.0 || step.off, outer.1 || step.may_fail, outer.2.or(Some(step)));
            let inner = step.uses.as_ref().and_then(|uses| self.local(uses.path()?));
            match inner {
                // One without steps is a step itself, so that what is followed always ends in something.
                Some(action) if depth < DEPTH_MAX && action.jobs.iter().any(|job| !job.steps.is_empty()) => {
                    let steps = action.jobs.iter().flat_map(|job| &job.steps);
                    for step in steps {
                        self.follow(action, std::slice::from_ref(step), state, depth + 1, found);
                    }
                }
                _ => found.push(Within { workflow, step, off: state.0, may_fail: state.1, outer: state.2 }),
            }
        }
    }

    /// The action of the repository in a folder.
    fn local(&self, folder: &str) -> Option<&Workflow> {
        self.read.get(*self.actions.get(folder.trim_end_matches('/'))?).map(|action| &**action)
    }

    /// What triggers each workflow in the end: a reusable one is triggered by what starts the jobs that call it. A job that never
    /// comes to run calls nobody.
    pub(crate) fn triggers(&self) -> BTreeMap<&str, Vec<Trigger>> {
        let mut found: BTreeMap<&str, Vec<Trigger>> =
            self.workflows().map(|workflow| (workflow.source.path.as_str(), workflow.triggers.clone())).collect();
        for _ in 0..DEPTH_MAX {
            let mut more: Vec<(&str, Vec<Trigger>)> = Vec::new();
            for workflow in self.workflows() {
                let path = workflow.source.path.as_str();
                for job in workflow.jobs.iter().filter(|job| !job.off && waits_in_vain(workflow, job).is_none()) {
                    let Some(called) = job.uses.as_ref().and_then(|uses| uses.path()) else { continue };
                    let Some((called, _)) = found.get_key_value(called) else { continue };
                    let own = found.get(path).map_or(&[][..], Vec::as_slice);
                    let starting = own.iter().filter(|trigger| lets_through(workflow, job, None, trigger));
                    more.push((*called, starting.cloned().collect()));
                }
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

    /// Of what triggers a workflow, what starts a step of a job: conditions may keep some of it away, and a filter may let no
    /// change through. Without a step, what starts the job.
    pub(crate) fn starting<'a>(
        &self,
        workflow: &Workflow,
        job: &'a Job,
        within: Option<&Within<'_>>,
        triggers: &'a [Trigger],
    ) -> Vec<&'a Trigger> {
        let all = job.triggers_alone.as_deref().unwrap_or(triggers).iter();
        all.filter(|trigger| lets_through(workflow, job, within, trigger) && self.is_ever_pulled(trigger)).collect()
    }

    /// Whether changes can trigger at all: a filter of branches leaves one that there is, and one of types new commits.
    fn is_ever_pulled(&self, trigger: &Trigger) -> bool {
        let types = trigger.filter("types");
        if matches!(trigger.event.as_str(), "pull_request" | "pull_request_target")
            && !types.is_empty()
            && !types.iter().any(|one| one == "synchronize")
        {
            return false;
        }
        let (wanted, ignored) = (trigger.filter("branches"), trigger.filter("branches-ignore"));
        if wanted.is_empty() && ignored.is_empty() {
            return true;
        }
        // With more than anybody reads, nobody can say that it is.
        if wanted.len() + ignored.len() > PATTERNS_MAX {
            return false;
        }
        // A clone may know one branch alone, so the usual ones may be there; without any, what is named is taken to be there.
        let named = wanted.iter().filter(|_| self.branches.is_empty()).map(|name| name.replace('*', "x"));
        let mut all = self.branches.iter().cloned().chain(USUAL_BRANCHES.iter().map(|name| (*name).to_owned())).chain(named);
        all.any(|branch| (wanted.is_empty() || is_wanted(wanted, &branch)) && !is_wanted(ignored, &branch))
    }

    /// Whether a pipeline is one that the forge starts: of GitLab's files that of the root, and what it includes.
    pub(crate) fn is_started(&self, workflow: &Workflow) -> bool {
        let is_root = |workflow: &Workflow| matches!(workflow.source.path.as_str(), ".gitlab-ci.yml" | ".gitlab-ci.yaml");
        let pipelines = || self.workflows().filter(|workflow| workflow.format == Format::Gitlab);
        if workflow.format != Format::Gitlab || is_root(workflow) || !pipelines().any(is_root) {
            return true;
        }
        let mut reached: BTreeSet<&str> = pipelines().filter(|one| is_root(one)).map(|one| one.source.path.as_str()).collect();
        for _ in 0..DEPTH_MAX {
            let from = pipelines().filter(|one| reached.contains(one.source.path.as_str()));
            let patterns: Vec<&str> = from.flat_map(|one| &one.includes).filter_map(Uses::path).take(PATTERNS_MAX).collect();
            let more: Vec<&str> = pipelines()
                .map(|one| one.source.path.as_str())
                .filter(|path| patterns.iter().any(|pattern| is_wanted(&[(*pattern).to_owned()], path)))
                .collect();
            reached.extend(more);
        }
        reached.contains(workflow.source.path.as_str())
    }
}

/// Whether a trigger may start a step of a job, as far as conditions tell: its own, its job's, and those of the jobs for which it waits.
fn lets_through(workflow: &Workflow, job: &Job, within: Option<&Within<'_>>, trigger: &Trigger) -> bool {
    if workflow.format != Format::Actions {
        return true;
    }
    let filters = trigger.filters.keys().map(|filter| format!("{}:{filter}", trigger.event));
    let events: BTreeSet<String> = filters.chain([trigger.event.clone()]).collect();
    let holds = |text: &str| condition(text, &events) != Some(false);
    let waits = if runs_whatever_comes_before(job) { vec![] } else { before(workflow, job) };
    job.condition.as_deref().is_none_or(holds)
        && within.is_none_or(|within| within.conditions().all(holds))
        && waits.iter().all(|job| job.condition.as_deref().is_none_or(holds))
}

/// The job for which a job waits in vain: it never runs, or somebody has to start it.
pub(crate) fn waits_in_vain<'a>(workflow: &'a Workflow, job: &Job) -> Option<&'a Job> {
    if runs_whatever_comes_before(job) {
        return None;
    }
    before(workflow, job).into_iter().find(|job| job.off || job.manual)
}

/// Whether a step runs only after something else failed.
pub(crate) fn is_after_failure(job: &Job, within: &Within<'_>) -> bool {
    let only =
        |text: &str| (text.contains("failure()") || text.contains("cancelled()")) && !text.contains('!') && !text.contains("||");
    job.condition.as_deref().is_some_and(only) || within.conditions().any(only)
}

fn runs_whatever_comes_before(job: &Job) -> bool {
    job.condition.as_ref().is_some_and(|text| text.contains("always()") || text.contains("!cancelled()"))
}

/// The jobs that come before a job.
fn before<'a>(workflow: &'a Workflow, job: &Job) -> Vec<&'a Job> {
    let all = after(&workflow.jobs);
    let names = all.get(&job.id);
    workflow.jobs.iter().filter(|job| names.is_some_and(|names| names.contains(&job.id))).collect()
}

/// Whether patterns mean a path or a branch ("Filter pattern cheat sheet": the last pattern that matches decides).
pub(crate) fn is_wanted(patterns: &[String], text: &str) -> bool {
    let matches = |pattern: &str| {
        let glob = GlobBuilder::new(pattern.trim_start_matches('/')).literal_separator(true).build();
        glob.is_ok_and(|glob| glob.compile_matcher().is_match(text))
    };
    patterns.iter().fold(false, |state, pattern| match pattern.strip_prefix('!') {
        Some(unwanted) => state && !matches(unwanted),
        None => state || matches(pattern),
    })
}

/// The commands of a step in the end, see [`PackageScripts::commands`]; with each, the byte of the step's own script. Where the
/// step is a line of a longer script, what stands before and after it counts.
pub(crate) fn commands(step: &Step, scripts: &PackageScripts, shell: Shell) -> Vec<(Command, usize, Option<Unheard>)> {
    let Some(run) = &step.run else { return vec![] };
    let (whole, from) = step.whole.as_ref().map_or((&*run.text, 0), |(whole, from)| (&**whole, *from));
    let all = scripts.commands(whole, shell).into_iter();
    let own = all.filter(|(_, at, _)| (from..from + run.text.len().max(1)).contains(at));
    own.map(|(command, at, unheard)| (command, at - from, unheard)).collect()
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
    /// The step of the job itself that it is, or whose action it is of.
    outer: Option<&'a Step>,
}

impl Within<'_> {
    /// The conditions under which it runs.
    fn conditions(&self) -> impl Iterator<Item = &str> {
        [self.outer.and_then(|outer| outer.condition.as_deref()), self.step.condition.as_deref()].into_iter().flatten()
    }
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

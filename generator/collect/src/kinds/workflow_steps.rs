//! `workflow.steps`: do the pipelines contain the steps that the promise needs, where they run and can fail?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{
    observation::{Population, PositiveControl},
    state::Outcome,
};
use avouch_read::{
    source_text::{Strip, strip},
    workflow::{self, Job, Step, Workflow, is_swallowed},
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::{Globs, Pattern},
    sources::{Place, bytes, matching, place},
};

/// How many places are kept of what is not pinned.
const UNPINNED_MAX: usize = 500;

/// How many steps may be like one that is wanted: with more, the pattern says too little.
const CANDIDATES_MAX: usize = 200;

/// See the module.
pub(super) struct WorkflowSteps;

/// Which steps, in which workflows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    steps: Vec<Wanted>,
    #[serde(default)]
    pinned: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    run: Option<Pattern>,
    uses: Option<Pattern>,
    before: Option<String>,
    #[serde(default)]
    optional: bool,
}

/// The workflows, and what they use that is not pinned.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    workflows: Vec<WorkflowSeen>,
    /// How many actions and reusable workflows are used.
    uses: u64,
    unpinned: Vec<Place>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkflowSeen {
    file: String,
    /// Whether one of the events triggers it.
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
        let usual = Globs::new(vec![".github/workflows/*.{yml,yaml}".to_owned()]).map_err(Unasked)?;
        let mut seen = Seen { workflows: vec![], uses: 0, unpinned: vec![] };
        for path in matching(world.tree, asked.files.as_ref().unwrap_or(&usual), &Globs::default())? {
            let bytes = bytes(world.tree, &path)?.ok_or_else(|| Unasked(format!("`{path}` vanished while it was read")))?;
            let workflow = workflow::parse(&path, &bytes).map_err(|error| Unasked(error.to_string()))?;
            for uses in
                workflow.jobs.iter().flat_map(|job| job.uses.iter().chain(job.steps.iter().filter_map(|step| step.uses.as_ref())))
            {
                seen.uses += 1;
                if !uses.is_pinned() && seen.unpinned.len() < UNPINNED_MAX {
                    seen.unpinned.push(place(&workflow.source, uses.span.start));
                }
            }
            seen.workflows.push(WorkflowSeen {
                file: path,
                triggered: asked.events.is_empty() || asked.events.iter().any(|event| workflow.events.contains(event)),
                after: after(&workflow.jobs),
                steps: asked.steps.iter().map(|wanted| candidates(wanted, &workflow)).collect::<Result<_, _>>()?,
            });
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        if !asked.steps.is_empty() && !seen.workflows.is_empty() {
            // The workflow that comes nearest is the one that was meant.
            let nearest = seen
                .workflows
                .iter()
                .filter(|workflow| workflow.triggered)
                .map(|workflow| missing(workflow, &asked.steps))
                .min_by_key(Vec::len);
            findings = nearest.unwrap_or_else(|| vec![format!("no workflow is triggered by {}", asked.events.join(" or "))]);
        }
        if asked.pinned && !seen.unpinned.is_empty() {
            let places: Vec<_> = seen.unpinned.iter().take(10).map(ToString::to_string).collect();
            findings.push(format!(
                "{}{} of {} actions are not named by a full commit id: {}",
                if seen.unpinned.len() < UNPINNED_MAX { "" } else { "at least " },
                seen.unpinned.len(),
                seen.uses,
                places.join(", ")
            ));
        }
        let examined = if asked.steps.is_empty() { seen.uses } else { seen.workflows.len() as u64 };
        Judgement::decide(Population { examined, required: 1 }, PositiveControl::NotNeeded, findings, sentence(seen, asked))
    }
}

fn sentence(seen: &Seen, asked: &Asked) -> String {
    let steps = match asked.steps.len() {
        0 => String::new(),
        many => format!("All {many} steps are in one pipeline, run there, and stop it when they fail. "),
    };
    let pinned = if asked.pinned { format!("All {} actions are named by their full commit.", seen.uses) } else { String::new() };
    format!("{steps}{pinned}").trim_end().to_owned()
}

fn check(asked: &Asked) -> Result<(), Unasked> {
    if asked.steps.is_empty() && !asked.pinned {
        return Err(Unasked("nothing is asked: give `steps` or `pinned = true`".to_owned()));
    }
    for wanted in &asked.steps {
        if wanted.run.is_some() == wanted.uses.is_some() {
            return Err(Unasked(format!("the step `{}` needs either `run` or `uses`", wanted.name)));
        }
        if let Some(before) = &wanted.before
            && !asked.steps.iter().any(|other| other.name == *before)
        {
            return Err(Unasked(format!(
                "the step `{}` is to stand before `{before}`, which is not among the steps",
                wanted.name
            )));
        }
    }
    Ok(())
}

/// For each job, the jobs that it waits for, and those that they wait for.
fn after(jobs: &[Job]) -> BTreeMap<String, BTreeSet<String>> {
    let needs: BTreeMap<&str, &[String]> = jobs.iter().map(|job| (job.id.as_str(), job.needs.as_slice())).collect();
    jobs.iter()
        .map(|job| {
            let mut all = BTreeSet::new();
            let mut next: Vec<&String> = job.needs.iter().collect();
            while let Some(one) = next.pop() {
                if all.insert(one.clone()) {
                    next.extend(needs.get(one.as_str()).copied().unwrap_or_default());
                }
            }
            (job.id.clone(), all)
        })
        .collect()
}

fn candidates(wanted: &Wanted, workflow: &Workflow) -> Result<Vec<Candidate>, Unasked> {
    let mut candidates = Vec::new();
    for job in &workflow.jobs {
        if candidates.len() > CANDIDATES_MAX {
            return Err(Unasked(format!(
                "more than {CANDIDATES_MAX} steps of `{}` are like the step `{}`; narrow its pattern",
                workflow.source.path, wanted.name
            )));
        }
        for (order, step) in job.steps.iter().enumerate() {
            if candidates.len() <= CANDIDATES_MAX
                && let Some(swallowed) = like(wanted, step)
            {
                candidates.push(Candidate {
                    place: place(&workflow.source, step.span.start),
                    job: job.id.clone(),
                    order: order as u64,
                    lame: if job.off || step.off {
                        Some(Lame::Off)
                    } else if job.may_fail || step.may_fail {
                        Some(Lame::MayFail)
                    } else if swallowed {
                        Some(Lame::Swallowed)
                    } else {
                        None
                    },
                });
            }
        }
        if let (Some(pattern), Some(uses)) = (&wanted.uses, &job.uses)
            && pattern.is_match(&uses.what)
        {
            candidates.push(Candidate {
                place: place(&workflow.source, uses.span.start),
                job: job.id.clone(),
                order: 0,
                lame: job.off.then_some(Lame::Off),
            });
        }
    }
    Ok(candidates)
}

/// Whether a step is like the one that is wanted, and then whether all that is like it hides its failure.
fn like(wanted: &Wanted, step: &Step) -> Option<bool> {
    if let (Some(pattern), Some(uses)) = (&wanted.uses, &step.uses) {
        return pattern.is_match(&uses.what).then_some(false);
    }
    let (pattern, script) = (wanted.run.as_ref()?, step.run.as_ref()?);
    let script = strip("step.sh", script, Strip::Comments);
    let mut swallowed = pattern.find_iter(&script).map(|found| is_swallowed(&script, found.start())).peekable();
    swallowed.peek()?;
    Some(swallowed.all(|swallowed| swallowed))
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
        let there = counting(before);
        let precedes = |left: &Candidate, right: &Candidate| {
            (left.job == right.job && left.order < right.order)
                || workflow.after.get(&right.job).is_some_and(|after| after.contains(&left.job))
        };
        // Whatever it must guard is guarded only if nothing of it comes without the step before it.
        for unguarded in there.iter().filter(|right| !here.iter().any(|left| precedes(left, right))) {
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
        }
    }
}

const ASKED: &str = r#"{"events":["push:tags","release"],"steps":[{"name":"sbom","run":"avouch sbom|cyclonedx","before":"upload"},{"name":"upload","uses":"^softprops/action-gh-release@"}]}"#;
const PINNED: &str = r#"{"pinned":true}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "the bill of materials is made before it is published",
        asked: ASKED,
        seen: r#"{"workflows":[{"file":"release.yml","triggered":true,"after":{"release":[]},"steps":[[{"place":{"file":"release.yml","line":9,"column":9},"job":"release","order":1}],[{"place":{"file":"release.yml","line":12,"column":9},"job":"release","order":2}]]}],"uses":2,"unpinned":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the step is gone",
        asked: ASKED,
        seen: r#"{"workflows":[{"file":"release.yml","triggered":true,"after":{"release":[]},"steps":[[],[{"place":{"file":"release.yml","line":12,"column":9},"job":"release","order":2}]]}],"uses":2,"unpinned":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the step may fail without stopping the pipeline",
        asked: ASKED,
        seen: r#"{"workflows":[{"file":"release.yml","triggered":true,"after":{"release":[]},"steps":[[{"place":{"file":"release.yml","line":9,"column":9},"job":"release","order":1,"lame":"may_fail"}],[{"place":{"file":"release.yml","line":12,"column":9},"job":"release","order":2}]]}],"uses":2,"unpinned":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the step comes after what it must precede",
        asked: ASKED,
        seen: r#"{"workflows":[{"file":"release.yml","triggered":true,"after":{"release":[]},"steps":[[{"place":{"file":"release.yml","line":15,"column":9},"job":"release","order":3}],[{"place":{"file":"release.yml","line":12,"column":9},"job":"release","order":2}]]}],"uses":2,"unpinned":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "the pipeline is not the one that releases",
        asked: ASKED,
        seen: r#"{"workflows":[{"file":"ci.yml","triggered":false,"after":{"build":[]},"steps":[[{"place":{"file":"ci.yml","line":9,"column":9},"job":"build","order":1}],[]]}],"uses":2,"unpinned":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "an action is named by a tag",
        asked: PINNED,
        seen: r#"{"workflows":[{"file":"ci.yml","triggered":true,"after":{},"steps":[]}],"uses":3,"unpinned":[{"file":"ci.yml","line":8,"column":15}]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "every action is named by its commit",
        asked: PINNED,
        seen: r#"{"workflows":[{"file":"ci.yml","triggered":true,"after":{},"steps":[]}],"uses":3,"unpinned":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "there is no workflow",
        asked: ASKED,
        seen: r#"{"workflows":[],"uses":0,"unpinned":[]}"#,
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
    fn actions_by_tag_are_named_with_their_place() {
        let judgement = judge(GOOD, PINNED);
        assert!(judgement.findings[0].ends_with(".github/workflows/release.yml:13:15"), "{:?}", judgement.findings);
        let pinned = GOOD.replace("@v2", &format!("@{}", "a".repeat(40)));
        assert_eq!(judge(&pinned, PINNED).outcome, Outcome::Pass);
    }

    #[test]
    fn a_question_that_asks_nothing_is_not_put() {
        for asked in ["{}", r#"{"steps":[{"name":"a"}]}"#, r#"{"steps":[{"name":"a","run":"x","before":"b"}]}"#] {
            let asked: Asked = serde_json::from_str(asked).unwrap();
            assert!(Scene::default().with(|world| WorkflowSteps::gather(world, &asked)).is_err());
        }
    }
}

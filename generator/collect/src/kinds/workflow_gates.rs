//! `workflow.gates`: does every job that changes production pass a gate that can be shown?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{Span, observation::Population, state::Outcome};
use avouch_read::{
    protection::{Branch, Environment},
    workflow::{
        Format, Job, Step, Trigger, Workflow,
        shell::{Shell, said},
    },
};
use serde::{Deserialize, Serialize};

use super::{
    forge_protection::answers,
    typed_files::is_of_its_schema,
    workflow_duties::{Duties, Duty, duties_of, usual},
};
use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    ecosystems::PackageScripts,
    parameters::{Globs, Pattern, one},
    pipelines::{Pipelines, commands, count, decide},
    sources::{Place, place},
};

/// See the module.
pub(super) struct WorkflowGates;

/// Which jobs, and which gates count for them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    /// Left out: `deploy` and `migrate`, by the usual commands.
    #[serde(default)]
    duties: Vec<Duty>,
    accepted: Accepted,
    /// Gates that every job passes; left out, any one that is accepted is enough.
    #[serde(default)]
    each: BTreeSet<Gate>,
    /// The gate that is asked about alone: no job relies on it without its proof.
    shown: Option<Gate>,
    /// How old an answer of the forge may be.
    #[serde(default = "a_month")]
    given_within: Span,
    #[serde(default = "one")]
    jobs_min: u64,
}

/// The gates that count, each with what shows it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    review: Option<Review>,
    environment: Option<Answered>,
    #[serde(default)]
    dispatch: bool,
    broker: Option<Earlier>,
    policy: Option<Earlier>,
    backup: Option<Earlier>,
}

/// The job is started by pushes to a branch alone that takes reviewed changes alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Review {
    answers: Globs,
    branch: String,
    #[serde(default = "one")]
    approvals_min: u64,
}

/// The job names an environment that asks for approval.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    answers: Globs,
    #[serde(default = "one")]
    approvals_min: u64,
}

/// A step before the change, in the job or in one that it needs, which stops the job when it fails.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Earlier {
    run: Option<Pattern>,
    uses: Option<Pattern>,
    /// Files of the commit that the step reads: without any the gate does not count, nor with one that is not of the schema that it
    /// names.
    files: Option<Globs>,
}

/// What stops a change until somebody or something lets it go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Gate {
    Review,
    Environment,
    Dispatch,
    Broker,
    Policy,
    Backup,
}

const fn a_month() -> Span {
    Span::Seconds(30 * 86_400)
}

/// The jobs that change production, with the gates that are shown for each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    jobs: Vec<JobSeen>,
    /// Answers of the forge that show nothing of today: why.
    undated: Vec<String>,
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobSeen {
    id: String,
    place: Place,
    duties: BTreeSet<String>,
    /// The gates that are shown.
    gates: BTreeSet<Gate>,
    /// Those that the pipeline speaks of, shown or not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    spoken_of: BTreeSet<Gate>,
}

impl Question for WorkflowGates {
    const ID: &'static str = "workflow.gates";
    const QUESTION: &'static str = "Does every job that changes production pass a gate that can be shown?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/workflow-gates.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let usual = usual()?;
        let pipelines = Pipelines::of(world, asked.files.as_ref())?;
        let triggers = pipelines.triggers();
        let mut seen = Seen { jobs: vec![], undated: vec![], unreadable: pipelines.unreadable.clone() };
        let looker = Looker {
            pipelines: &pipelines,
            duties: Duties { asked: &asked.duties, usual: &usual },
            scripts: &*world.package_scripts()?,
            proofs: Proofs::of(world, asked, &mut seen.undated)?,
            accepted: &asked.accepted,
        };
        for workflow in pipelines.workflows() {
            let own = triggers.get(workflow.source.path.as_str()).map_or(&[][..], Vec::as_slice);
            for job in workflow.jobs.iter().filter(|job| !job.off) {
                seen.jobs.extend(looker.see(workflow, job, own));
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let mut examined = seen.jobs.len() as u64;
        let sentence = if let Some(gate) = asked.shown {
            let through = seen.jobs.iter().filter(|job| job.gates.contains(&gate)).count() as u64;
            let relying = seen.jobs.iter().filter(|job| job.gates.is_empty() && job.spoken_of.contains(&gate));
            findings.extend(relying.map(|job| {
                format!("the job `{}` at {} relies on the gate {}, which stops nothing", job.id, job.place, gate.shown())
            }));
            examined = through + findings.len() as u64;
            let jobs = count(through, "job that changes production passes", "jobs that change production pass");
            format!("{jobs} the gate {}.", gate.shown())
        } else {
            findings.extend(seen.jobs.iter().filter_map(|job| ungated(job, asked)));
            let jobs =
                count(examined, "job that changes production passes its gates", "jobs that change production pass their gates");
            let gates: BTreeSet<Gate> = seen.jobs.iter().flat_map(|job| job.gates.iter().copied()).collect();
            let gates: Vec<&str> = gates.into_iter().map(Gate::shown).collect();
            format!("{jobs}: {}.", gates.join("; "))
        };
        if !findings.is_empty() {
            findings.extend(seen.undated.iter().cloned());
        }
        decide(Population { examined, required: asked.jobs_min }, &seen.unreadable, findings, sentence)
    }
}

/// What is wrong with the gates of a job.
fn ungated(job: &JobSeen, asked: &Asked) -> Option<String> {
    let duties: Vec<&str> = job.duties.iter().map(String::as_str).collect();
    let duties = duties.join(", ");
    let missing: Vec<&str> = asked.each.difference(&job.gates).map(|gate| gate.shown()).collect();
    if !missing.is_empty() {
        return Some(format!(
            "the job `{}` at {} does `{duties}` without the gate {}",
            job.id,
            job.place,
            missing.join(", nor ")
        ));
    }
    job.gates.is_empty().then(|| format!("the job `{}` at {} does `{duties}` and passes no gate that counts", job.id, job.place))
}

/// What shows the gates that do not stand in the pipeline itself.
struct Proofs {
    reviewed: bool,
    environments: Vec<Environment>,
    /// For broker, policy and backup, whether the files that they read are there.
    files: BTreeMap<Gate, bool>,
}

impl Proofs {
    fn of(world: &World<'_>, asked: &Asked, undated: &mut Vec<String>) -> Result<Self, Unasked> {
        let mut proofs = Self { reviewed: false, environments: vec![], files: BTreeMap::new() };
        let accepted = &asked.accepted;
        // Answers that nobody can date prove nothing of today, and the sound ones beside them cannot be told apart.
        let mut dated = |globs: &Globs| -> Result<(Vec<Branch>, Vec<Environment>), Unasked> {
            let given = answers(world, globs, asked.given_within)?;
            if given.undated.is_empty() {
                return Ok((given.branches, given.environments));
            }
            undated.extend(given.undated);
            Ok((vec![], vec![]))
        };
        if let Some(review) = &accepted.review {
            let (branches, _) = dated(&review.answers)?;
            let about = |branch: &&Branch| branch.name.is_empty() || branch.name == review.branch;
            let mut about = branches.iter().filter(about).peekable();
            proofs.reviewed =
                about.peek().is_some() && about.all(|branch| branch.approvals >= review.approvals_min && !branch.force_push);
        }
        if let Some(environment) = &accepted.environment {
            let (_, mut environments) = dated(&environment.answers)?;
            environments.retain(|one| one.approvals >= environment.approvals_min);
            proofs.environments = environments;
        }
        for (gate, earlier) in accepted.earlier() {
            let there = match &earlier.files {
                None => true,
                Some(files) => {
                    let found = world.matching(files, &Globs::default())?;
                    let mut typed = !found.is_empty();
                    for path in &found {
                        typed &= is_of_its_schema(world, path)?;
                    }
                    typed
                }
            };
            proofs.files.insert(gate, there);
        }
        Ok(proofs)
    }
}

impl Accepted {
    fn earlier(&self) -> impl Iterator<Item = (Gate, &Earlier)> {
        let all = [(Gate::Broker, &self.broker), (Gate::Policy, &self.policy), (Gate::Backup, &self.backup)];
        all.into_iter().filter_map(|(gate, earlier)| Some((gate, earlier.as_ref()?)))
    }
}

struct Looker<'a> {
    pipelines: &'a Pipelines,
    duties: Duties<'a>,
    scripts: &'a PackageScripts,
    proofs: Proofs,
    accepted: &'a Accepted,
}

impl Looker<'_> {
    /// A job with its gates; none if it does no duty.
    fn see(&self, workflow: &Workflow, job: &Job, triggers: &[Trigger]) -> Option<JobSeen> {
        let mut duties = BTreeSet::new();
        let (mut gates, mut spoken_of) = self.of_needed(workflow, job);
        for within in self.pipelines.steps(workflow, job) {
            let (shown, told) = self.of_step(workflow.format, within.step);
            if !within.off {
                let done = duties_of(&within, workflow.format, &self.duties, self.scripts);
                // What comes after the change is no gate before it.
                if duties.is_empty() && done.is_empty() && !within.may_fail {
                    gates.extend(shown);
                }
                duties.extend(done);
            }
            spoken_of.extend(told);
        }
        if duties.is_empty() {
            return None;
        }
        if let (Some(_), Some(own)) = (&self.accepted.environment, &job.environment)
            && self.proofs.environments.iter().any(|one| one.name == own.text.trim())
        {
            gates.insert(Gate::Environment);
        }
        // An approval in a job beside it, for which this one does not wait.
        if self.accepted.environment.is_some() && workflow.jobs.iter().any(|other| other.environment.is_some()) {
            spoken_of.insert(Gate::Environment);
        }
        let by_hand = |trigger: &Trigger| trigger.event == "workflow_dispatch";
        if self.accepted.dispatch && (job.manual || triggers.iter().any(by_hand)) {
            spoken_of.insert(Gate::Dispatch);
            if job.manual || triggers.iter().all(by_hand) {
                gates.insert(Gate::Dispatch);
            }
        }
        if let Some(review) = &self.accepted.review {
            let to_branch = |trigger: &Trigger| trigger.event == "push" && trigger.filter("branches") == [review.branch.clone()];
            // One that also runs for other branches speaks of review, and passes none.
            let names_branch = |trigger: &Trigger| trigger.event == "push" && trigger.filter("branches").contains(&review.branch);
            if triggers.iter().any(names_branch) {
                spoken_of.insert(Gate::Review);
                if self.proofs.reviewed && triggers.iter().all(to_branch) {
                    gates.insert(Gate::Review);
                }
            }
        }
        let place = place(&workflow.source, job.span.start);
        Some(JobSeen { id: job.id.clone(), place, duties, gates, spoken_of })
    }

    /// The gates of the jobs that must succeed before this one: those that are shown, and those that are spoken of.
    fn of_needed(&self, workflow: &Workflow, job: &Job) -> (BTreeSet<Gate>, BTreeSet<Gate>) {
        let (mut gates, mut spoken_of) = (BTreeSet::new(), BTreeSet::new());
        let mut left: Vec<&String> = job.needs.iter().collect();
        let mut met = BTreeSet::new();
        while let Some(id) = left.pop() {
            let Some(needed) = workflow.jobs.iter().find(|job| job.id == *id) else { continue };
            if !met.insert(id) {
                continue;
            }
            let counts = !needed.off && !needed.may_fail;
            for within in self.pipelines.steps(workflow, needed) {
                let (shown, told) = self.of_step(workflow.format, within.step);
                if counts && !within.off && !within.may_fail {
                    gates.extend(shown);
                }
                spoken_of.extend(told);
            }
            left.extend(&needed.needs);
        }
        (gates, spoken_of)
    }

    /// The gates that one step is, and those that it would be if it could fail and its files were there.
    fn of_step(&self, format: Format, step: &Step) -> (BTreeSet<Gate>, BTreeSet<Gate>) {
        let (mut shown, mut spoken_of) = (BTreeSet::new(), BTreeSet::new());
        for (gate, earlier) in self.accepted.earlier() {
            let mut found = None;
            if let (Some(pattern), Some(uses)) = (&earlier.uses, &step.uses) {
                found = pattern.is_match(&uses.what).then_some(true);
            } else if let (Some(pattern), Some(_)) = (&earlier.run, &step.run) {
                let shell = if format == Format::Gitlab { Shell::GITLAB } else { Shell::of_step(step.shell.as_deref()) };
                let commands = commands(step, self.scripts, shell).into_iter();
                let meant = commands.filter(|(command, _, _)| pattern.is_match(&said(command.program())));
                found = meant.map(|(_, _, unheard)| unheard.is_none()).reduce(|one, other| one || other);
            }
            let Some(heard) = found else { continue };
            spoken_of.insert(gate);
            if heard && self.proofs.files.get(&gate).copied().unwrap_or_default() {
                shown.insert(gate);
            }
        }
        (shown, spoken_of)
    }
}

impl Gate {
    const fn shown(self) -> &'static str {
        match self {
            Self::Review => "of a reviewed change",
            Self::Environment => "of a protected environment",
            Self::Dispatch => "of a deliberate start",
            Self::Broker => "of a broker's approval",
            Self::Policy => "of a policy that is checked",
            Self::Backup => "of a backup before it",
        }
    }
}

const ASKED: &str = r#"{"accepted":{"environment":{"answers":"a.json"},"dispatch":true}}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "every job passes one gate",
        asked: ASKED,
        seen: r#"{"jobs":[{"id":"deploy","place":{"file":"d.yml","line":4,"column":3},"duties":["deploy"],"gates":["environment"]},{"id":"dns","place":{"file":"n.yml","line":4,"column":3},"duties":["dns"],"gates":["dispatch"]}],"undated":[],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "one job passes none",
        asked: ASKED,
        seen: r#"{"jobs":[{"id":"deploy","place":{"file":"d.yml","line":4,"column":3},"duties":["deploy"],"gates":[]}],"undated":[],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "started by hand, and a person's approval is asked for",
        asked: r#"{"accepted":{"environment":{"answers":"a.json"},"dispatch":true},"each":["environment"]}"#,
        seen: r#"{"jobs":[{"id":"dns","place":{"file":"n.yml","line":4,"column":3},"duties":["dns"],"gates":["dispatch"]}],"undated":[],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a job relies on a gate that stops nothing",
        asked: r#"{"accepted":{"backup":{"run":"d1 export"}},"shown":"backup"}"#,
        seen: r#"{"jobs":[{"id":"migrate","place":{"file":"m.yml","line":4,"column":3},"duties":["migrate"],"gates":[],"spoken_of":["backup"]}],"undated":[],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "no job speaks of the gate that is asked about",
        asked: r#"{"accepted":{"backup":{"run":"d1 export"}},"shown":"backup"}"#,
        seen: r#"{"jobs":[{"id":"migrate","place":{"file":"m.yml","line":4,"column":3},"duties":["migrate"],"gates":[]}],"undated":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "no job changes production",
        asked: ASKED,
        seen: r#"{"jobs":[],"undated":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
    Example {
        name: "a pipeline that cannot be read leaves the question open",
        asked: ASKED,
        seen: r#"{"jobs":[{"id":"deploy","place":{"file":"d.yml","line":4,"column":3},"duties":["deploy"],"gates":["environment"]}],"undated":[],"unreadable":["x.yml:1:1: no YAML"]}"#,
        outcome: Outcome::Error,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    const PROTECTED: &str = "HTTP/2.0 200 OK\nDate: Fri, 20 Nov 2026 09:00:00 GMT\n\n";

    fn judge(text: &str, asked: &str) -> (Outcome, String) {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let mut scene = Scene::of([(".github/workflows/w.yml", text), ("policy.json", "{}")]);
        let rules = r#"{"environments":[{"name":"production","protection_rules":[{"type":"required_reviewers","reviewers":[{"type":"User","reviewer":{"login":"a"}}]}]},{"name":"open","protection_rules":[]}]}"#;
        scene.folder.insert("exports/environments.json".into(), format!("{PROTECTED}{rules}"));
        let branch = r#"{"url":"https://api.github.com/repos/o/n/branches/main/protection","required_pull_request_reviews":{"required_approving_review_count":1},"allow_force_pushes":{"enabled":false},"allow_deletions":{"enabled":false}}"#;
        scene.folder.insert("exports/main.json".into(), format!("{PROTECTED}{branch}"));
        let seen = scene.with(|world| WorkflowGates::gather(world, &asked)).unwrap();
        let judgement = WorkflowGates::judge(&seen, &asked);
        (judgement.outcome, judgement.findings.join("; "))
    }

    const ALL: &str = r#"{"accepted":{"review":{"answers":"exports/main.json","branch":"main"},"environment":{"answers":"exports/environments.json"},
        "dispatch":true,"policy":{"run":"node scripts/policy.mjs","files":"policy.json"},"backup":{"run":"wrangler d1 export"},"broker":{"run":"broker verify"}}}"#;

    fn workflow(on: &str, job: &str) -> String {
        format!("on: {on}\njobs:\n  ship:\n    runs-on: ubuntu-latest\n{job}")
    }

    #[test]
    fn each_gate_is_recognised_by_its_proof_and_by_nothing_less() {
        let ship = "    steps:\n      - run: wrangler deploy\n";
        let any = "{push: {branches: [release]}}";
        for (on, job, gated) in [
            (any, ship.to_owned(), false),
            ("{push: {branches: [main]}}", ship.to_owned(), true),
            ("{push: {branches: [main, next]}}", ship.to_owned(), false),
            ("{push: {branches: [main]}, schedule: [{cron: '1 1 * * *'}]}", ship.to_owned(), false),
            ("workflow_dispatch", ship.to_owned(), true),
            ("[workflow_dispatch, push]", ship.to_owned(), false),
            (any, format!("    environment: production\n{ship}"), true),
            (any, format!("    environment: open\n{ship}"), false),
            (any, "    steps:\n      - run: wrangler d1 export shop\n      - run: wrangler deploy\n".to_owned(), true),
            (any, "    steps:\n      - run: wrangler deploy\n      - run: wrangler d1 export shop\n".to_owned(), false),
            (any, "    steps:\n      - run: wrangler d1 export shop || true\n      - run: wrangler deploy\n".to_owned(), false),
            (any, "    steps:\n      - run: node scripts/policy.mjs\n        continue-on-error: true\n      - run: wrangler deploy\n".to_owned(), false),
            (any, "    steps:\n      - run: node scripts/policy.mjs\n      - run: wrangler deploy\n".to_owned(), true),
            (any, "    needs: ask\n    steps:\n      - run: wrangler deploy\n  ask:\n    runs-on: x\n    steps:\n      - run: broker verify 7\n".to_owned(), true),
            (any, "    needs: ask\n    steps:\n      - run: wrangler deploy\n  ask:\n    if: false\n    runs-on: x\n    steps:\n      - run: broker verify 7\n".to_owned(), false),
        ] {
            let text = workflow(on, &job);
            let (outcome, findings) = judge(&text, ALL);
            assert_eq!(outcome == Outcome::Pass, gated, "{text}\n{findings}");
        }
    }

    #[test]
    fn a_gate_that_a_job_relies_on_alone_is_shown_or_told() {
        let shown = |gate: &str| ALL.replacen("{\"accepted\"", &format!("{{\"shown\":\"{gate}\",\"accepted\""), 1);
        let ship = |before: &str| workflow("push", &format!("    steps:\n      - run: {before}\n      - run: wrangler deploy\n"));
        assert_eq!(judge(&ship("node scripts/policy.mjs"), &shown("policy")).0, Outcome::Pass);
        let (outcome, findings) = judge(&ship("node scripts/policy.mjs || true"), &shown("policy"));
        assert_eq!(outcome, Outcome::Fail);
        assert!(findings.contains("relies on the gate of a policy"), "{findings}");
        assert_eq!(judge(&ship("node scripts/policy.mjs || true"), &shown("backup")).0, Outcome::NotExercised);
        let by_hand = workflow("[workflow_dispatch, push]", "    steps:\n      - run: wrangler deploy\n");
        assert_eq!(judge(&by_hand, &shown("dispatch")).0, Outcome::Fail);
        // Whoever passes another gate does not rely on the one that stops nothing.
        let both =
            workflow("[workflow_dispatch, push]", "    environment: production\n    steps:\n      - run: wrangler deploy\n");
        assert_eq!(judge(&both, &shown("dispatch")).0, Outcome::NotExercised);
    }

    #[test]
    fn a_job_that_also_runs_for_another_branch_or_beside_its_approval_relies_on_what_stops_nothing() {
        let shown = |gate: &str| ALL.replacen("{\"accepted\"", &format!("{{\"shown\":\"{gate}\",\"accepted\""), 1);
        let ship = "    steps:\n      - run: wrangler deploy\n";
        assert_eq!(judge(&workflow("{push: {branches: [main]}}", ship), &shown("review")).0, Outcome::Pass);
        assert_eq!(judge(&workflow("{push: {branches: [main, 'release/**']}}", ship), &shown("review")).0, Outcome::Fail);
        let beside = format!("{ship}  ask:\n    runs-on: x\n    environment: production\n    steps:\n      - run: echo yes\n");
        assert_eq!(judge(&workflow("push", &beside), &shown("environment")).0, Outcome::Fail);
        // The option of a program comes before its command as well.
        let told = "    steps:\n      - run: npx wrangler --env production deploy\n";
        assert_eq!(judge(&workflow("push", told), ALL).0, Outcome::Fail);
    }

    #[test]
    fn a_policy_without_its_file_and_an_answer_without_its_day_count_for_nothing() {
        let text = workflow("push", "    steps:\n      - run: node scripts/policy.mjs\n      - run: wrangler deploy\n");
        assert_eq!(judge(&text, &ALL.replace("\"policy.json\"", "\"none.json\"")).0, Outcome::Fail);
        let text = workflow("push", "    environment: production\n    steps:\n      - run: wrangler deploy\n");
        let asked = ALL.replacen("{\"accepted\"", "{\"given_within\":\"1 hour\",\"accepted\"", 1);
        let (outcome, findings) = judge(&text, &asked);
        assert_eq!(outcome, Outcome::Fail);
        assert!(findings.contains("was given on"), "{findings}");
    }
}

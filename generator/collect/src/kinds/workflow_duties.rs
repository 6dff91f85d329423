//! `workflow.duties`: does every job that changes production pass a gate, with secrets of its own?

use std::collections::{BTreeMap, BTreeSet};

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::workflow::{
    Format, Job, Step, Text, Trigger, Workflow,
    shell::{Shell, Unheard, said},
};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    ecosystems::PackageScripts,
    parameters::{Globs, Pattern, one},
    pipelines::{Pipelines, Within, commands, count, decide},
    sources::{Place, place},
};

/// See the module.
pub(super) struct WorkflowDuties;

/// Which duties there are, and what each needs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    /// Left out: `deploy` and `migrate`, by the usual commands.
    #[serde(default)]
    duties: Vec<Duty>,
    /// Whether each duty, and each environment of it, has secrets of its own.
    #[serde(default = "yes")]
    separate: bool,
    /// Whether two environments may not name the same secret either. (Each environment can hold its own under one name.)
    #[serde(default)]
    separate_environments: bool,
    /// Pairs of secrets that no job sees together.
    #[serde(default)]
    apart: Vec<(Globs, Globs)>,
    /// Secrets that no job may see.
    #[serde(default)]
    forbidden: Globs,
    /// Secrets that duties may share, because they open nothing.
    #[serde(default)]
    shared: Globs,
    #[serde(default = "one")]
    jobs_min: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Duty {
    pub(super) name: String,
    pub(super) run: Option<Pattern>,
    pub(super) uses: Option<Pattern>,
    #[serde(default)]
    gate: Wanted,
}

/// What stops a duty until somebody lets it go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Wanted {
    /// The job names an environment, which can be protected.
    #[default]
    Environment,
    /// The job names an environment, or a person starts it (`workflow_dispatch` alone, `when: manual`).
    Any,
    /// Nothing.
    None,
}

const fn yes() -> bool {
    true
}

/// The jobs that do a duty or see secrets.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    jobs: Vec<JobSeen>,
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobSeen {
    id: String,
    place: Place,
    /// The duties that it does, with the secrets that the steps doing it see.
    duties: BTreeMap<String, BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    /// Only a person starts it.
    by_hand: bool,
    /// All secrets that any step of it sees.
    secrets: BTreeSet<String>,
    /// It hands every secret on to what it calls.
    hands_on: bool,
}

impl Question for WorkflowDuties {
    const ID: &'static str = "workflow.duties";
    const QUESTION: &'static str = "Does every job that changes production pass a gate, with secrets of its own?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/workflow-duties.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let usual = usual()?;
        let duties = Duties { asked: &asked.duties, usual: &usual };
        if let Some(duty) = asked.duties.iter().find(|duty| duty.run.is_none() && duty.uses.is_none()) {
            return Err(Unasked(format!("the duty `{}` needs `run`, `uses` or both", duty.name)));
        }
        let pipelines = Pipelines::of(world, asked.files.as_ref())?;
        let scripts = world.package_scripts()?;
        let triggers = pipelines.triggers();
        let mut jobs = Vec::new();
        for workflow in pipelines.workflows() {
            let own = triggers.get(workflow.source.path.as_str()).map_or(&[][..], Vec::as_slice);
            let of_workflow: BTreeSet<String> = named(workflow.variables.entries.iter().map(|(_, text)| text));
            for job in workflow.jobs.iter().filter(|job| !job.off) {
                let seen = see(&pipelines, workflow, job, own, &of_workflow, &duties, &scripts);
                if !seen.duties.is_empty() || !seen.secrets.is_empty() || seen.hands_on {
                    jobs.push(seen);
                }
            }
        }
        Ok(Seen { jobs, unreadable: pipelines.unreadable.clone() })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        let gate = |duty: &str| asked.duties.iter().find(|one| one.name == duty).map_or(Wanted::Environment, |duty| duty.gate);
        for job in &seen.jobs {
            for duty in job.duties.keys() {
                let gated = match gate(duty) {
                    Wanted::Environment => job.environment.is_some(),
                    Wanted::Any => job.environment.is_some() || job.by_hand,
                    Wanted::None => true,
                };
                if !gated {
                    findings.push(format!("the job `{}` at {} does `{duty}` without an environment", job.id, job.place));
                }
            }
            for (left, right) in &asked.apart {
                let first = |globs: &Globs| job.secrets.iter().find(|name| globs.matches(name));
                if let (Some(left), Some(right)) = (first(left), first(right)) {
                    findings.push(format!("the job `{}` at {} sees both `{left}` and `{right}`", job.id, job.place));
                }
            }
            for name in job.secrets.iter().filter(|name| asked.forbidden.matches(name)) {
                findings.push(format!("the job `{}` at {} sees `{name}`, which nothing may use", job.id, job.place));
            }
            if job.hands_on && (!asked.apart.is_empty() || !job.duties.is_empty()) {
                findings.push(format!("the job `{}` at {} hands every secret on (`secrets: inherit`)", job.id, job.place));
            }
        }
        if asked.separate {
            shared(seen, asked, &mut findings);
        }
        let on_duty = seen.jobs.iter().filter(|job| !job.duties.is_empty()).count() as u64;
        // Where only secrets are asked about, the jobs that see some are what is examined.
        let only_secrets = (!asked.apart.is_empty() || !asked.forbidden.shown().is_empty()) && asked.duties.is_empty();
        let examined = if only_secrets { seen.jobs.len() as u64 } else { on_duty };
        let sentence = format!(
            "{} that {} production {} gated, with secrets of {} own.",
            count(on_duty, "job", "jobs"),
            if on_duty == 1 { "changes" } else { "change" },
            if on_duty == 1 { "is" } else { "are" },
            if on_duty == 1 { "its" } else { "their" }
        );
        decide(Population { examined, required: asked.jobs_min }, &seen.unreadable, findings, sentence)
    }
}

/// Secrets that two duties, or two environments of one duty, have in common.
fn shared(seen: &Seen, asked: &Asked, findings: &mut Vec<String>) {
    let mut users: BTreeMap<&str, BTreeMap<(String, String), &Place>> = BTreeMap::new();
    for job in &seen.jobs {
        for (duty, secrets) in &job.duties {
            let environment = job.environment.clone().unwrap_or_default();
            for name in secrets.iter().filter(|name| !asked.shared.matches(name)) {
                users.entry(name).or_default().insert((duty.clone(), environment.clone()), &job.place);
            }
        }
    }
    for (name, users) in users {
        let duties: BTreeSet<&str> = users.keys().map(|(duty, _)| duty.as_str()).collect();
        let environments: BTreeSet<&str> = users.keys().map(|(_, environment)| environment.as_str()).collect();
        if asked.separate_environments && environments.len() > 1 {
            findings.push(format!("the secret `{name}` is named in {} environments", environments.len()));
        }
        if duties.len() > 1 {
            let places: Vec<String> = users.iter().map(|((duty, _), place)| format!("`{duty}` at {place}")).collect();
            findings.push(format!("the secret `{name}` serves more than one duty: {}", places.join(", ")));
        }
    }
}

/// The usual commands of the usual duties.
pub(super) fn usual() -> Result<Vec<(&'static str, Regex)>, Unasked> {
    [
        (
            "deploy",
            r"^(?:wrangler (?:pages )?(?:deploy|publish|versions (?:deploy|upload))|(?:terraform|tofu|terragrunt) apply|pulumi up|cdk deploy|sst deploy|(?:serverless|sls) deploy|kubectl (?:apply|set image|rollout)|helm (?:upgrade|install)|(?:fly|flyctl) deploy|netlify deploy .*--prod|vercel (?:deploy )?.*--prod|firebase deploy|gcloud (?:run|app|functions) deploy|aws (?:cloudformation deploy|ecs update-service|lambda update-function-code))",
        ),
        ("migrate", r"^(?:wrangler d1 (?:migrations apply|execute) .*--remote|prisma migrate deploy)"),
    ]
    .into_iter()
    .map(|(name, pattern)| Ok((name, Regex::new(pattern).map_err(|error| Unasked(error.to_string()))?)))
    .collect()
}

pub(super) struct Duties<'a> {
    pub(super) asked: &'a [Duty],
    pub(super) usual: &'a [(&'static str, Regex)],
}

impl Duties<'_> {
    fn of_command(&self, words: &[String]) -> BTreeSet<String> {
        let text = said(words);
        if self.asked.is_empty() {
            if text.contains("--dry-run") {
                return BTreeSet::new();
            }
            return self
                .usual
                .iter()
                .filter(|(_, pattern)| pattern.is_match(&text))
                .map(|(name, _)| (*name).to_owned())
                .collect();
        }
        let meant = |duty: &&Duty| duty.run.as_ref().is_some_and(|pattern| pattern.is_match(&text));
        self.asked.iter().filter(meant).map(|duty| duty.name.clone()).collect()
    }

    fn of_action(&self, what: &str, with: &[(String, Text)]) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = self
            .asked
            .iter()
            .filter(|duty| duty.uses.as_ref().is_some_and(|pattern| pattern.is_match(what)))
            .map(|duty| duty.name.clone())
            .collect();
        // This action runs the command that it is handed, `deploy` if none.
        if what.to_ascii_lowercase().starts_with("cloudflare/wrangler-action") {
            let command = with.iter().find(|(name, _)| name == "command").map_or("deploy", |(_, text)| text.text.as_str());
            for line in command.lines() {
                let words: Vec<String> = ["wrangler"].into_iter().chain(line.split_whitespace()).map(str::to_owned).collect();
                found.extend(self.of_command(&words));
            }
        }
        found
    }
}

#[allow(clippy::too_many_arguments, reason = "all of it is what a job is seen by")]
fn see(
    pipelines: &Pipelines,
    workflow: &Workflow,
    job: &Job,
    triggers: &[Trigger],
    of_workflow: &BTreeSet<String>,
    duties: &Duties<'_>,
    scripts: &PackageScripts,
) -> JobSeen {
    let mut whole: BTreeSet<String> = of_workflow.clone();
    whole.extend(job.secrets.iter().map(|secret| secret.text.clone()));
    let mut secrets = whole.clone();
    let mut done: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for within in pipelines.steps(workflow, job).into_iter().filter(|within| !within.off) {
        let mut visible: BTreeSet<String> = within.step.secrets.iter().map(|secret| secret.text.clone()).collect();
        if workflow.format == Format::Gitlab {
            visible.extend(from_outside(workflow, job, within.step));
        }
        for duty in duties_of(&within, workflow.format, duties, scripts) {
            let of_duty = done.entry(duty).or_default();
            of_duty.extend(visible.iter().cloned());
            of_duty.extend(whole.iter().cloned());
        }
        secrets.extend(visible);
    }
    let environment =
        job.environment.as_ref().map(|environment| environment.text.trim().to_owned()).filter(|name| !name.is_empty());
    JobSeen {
        id: job.id.clone(),
        place: place(&workflow.source, job.span.start),
        duties: done,
        environment,
        by_hand: job.manual || (!triggers.is_empty() && triggers.iter().all(|trigger| trigger.event == "workflow_dispatch")),
        secrets,
        hands_on: job.hands_on_secrets,
    }
}

/// The duties that a step does.
pub(super) fn duties_of(within: &Within<'_>, format: Format, duties: &Duties<'_>, scripts: &PackageScripts) -> BTreeSet<String> {
    if let Some(uses) = &within.step.uses {
        return duties.of_action(&uses.what, &within.step.with);
    }
    let shell = if format == Format::Gitlab { Shell::GITLAB } else { Shell::of_step(within.step.shell.as_deref()) };
    let commands = commands(within.step, scripts, shell).into_iter();
    let run = commands.filter(|(_, _, unheard)| !matches!(unheard, Some(Unheard::Printed | Unheard::Never)));
    run.flat_map(|(command, _, _)| duties.of_command(command.program())).collect()
}

/// The secrets that texts name.
fn named<'a>(texts: impl Iterator<Item = &'a Text>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in texts {
        for piece in text.text.split("secrets.").skip(1) {
            let name: String = piece.chars().take_while(|each| each.is_ascii_alphanumeric() || *each == '_').collect();
            let name = name.to_ascii_uppercase();
            if !name.is_empty() && name != "GITHUB_TOKEN" {
                found.insert(name);
            }
        }
    }
    found
}

/// In GitLab a secret is a variable that the file does not set; it is told from others by its name.
fn from_outside(workflow: &Workflow, job: &Job, step: &Step) -> BTreeSet<String> {
    let Some(run) = &step.run else { return BTreeSet::new() };
    let set = |name: &str| workflow.variables.entries.iter().chain(&job.variables.entries).any(|(known, _)| known == name);
    let mut found = BTreeSet::new();
    for piece in run.text.split('$').skip(1) {
        let piece = piece.strip_prefix('{').unwrap_or(piece);
        let name: String = piece.chars().take_while(|each| each.is_ascii_alphanumeric() || *each == '_').collect();
        let telling = ["TOKEN", "SECRET", "KEY", "PASSWORD", "CREDENTIAL"].iter().any(|word| name.contains(word));
        if telling && !name.starts_with("CI_") && !set(&name) {
            found.insert(name);
        }
    }
    found
}

const ASKED: &str = r#"{"duties":[{"name":"deploy","run":"wrangler deploy"},{"name":"migrate","run":"d1 migrations apply"}],"apart":[["*_API_KEY","CLOUDFLARE_*"]]}"#;

const EXAMPLES: &[Example] = &[
    Example {
        name: "deploying and migrating are gated, each with a secret of its own",
        asked: ASKED,
        seen: r#"{"jobs":[{"id":"deploy","place":{"file":"d.yml","line":5,"column":3},"duties":{"deploy":["CLOUDFLARE_DEPLOY"]},"environment":"production","by_hand":false,"secrets":["CLOUDFLARE_DEPLOY"],"hands_on":false},{"id":"migrate","place":{"file":"d.yml","line":9,"column":3},"duties":{"migrate":["CLOUDFLARE_D1"]},"environment":"production","by_hand":false,"secrets":["CLOUDFLARE_D1"],"hands_on":false}],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a job deploys without an environment",
        asked: ASKED,
        seen: r#"{"jobs":[{"id":"deploy","place":{"file":"d.yml","line":5,"column":3},"duties":{"deploy":["CLOUDFLARE_DEPLOY"]},"by_hand":false,"secrets":["CLOUDFLARE_DEPLOY"],"hands_on":false}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "one secret serves deploying and migrating",
        asked: ASKED,
        seen: r#"{"jobs":[{"id":"deploy","place":{"file":"d.yml","line":5,"column":3},"duties":{"deploy":["CLOUDFLARE_API_TOKEN"],"migrate":["CLOUDFLARE_API_TOKEN"]},"environment":"production","by_hand":false,"secrets":["CLOUDFLARE_API_TOKEN"],"hands_on":false}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "a model's key lies beside the token that deploys",
        asked: ASKED,
        seen: r#"{"jobs":[{"id":"deploy","place":{"file":"d.yml","line":5,"column":3},"duties":{"deploy":["CLOUDFLARE_DEPLOY"]},"environment":"production","by_hand":false,"secrets":["CLOUDFLARE_DEPLOY","OPENAI_API_KEY"],"hands_on":false}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "no job does any of the duties",
        asked: ASKED,
        seen: r#"{"jobs":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    const GOOD: &str = "on:\n  push:\n    branches: [main]\njobs:\n  deploy:\n    environment: production\n    steps:\n      - run: pnpm exec wrangler deploy\n        env:\n          T: ${{ secrets.DEPLOY }}\n\
                        \x20 migrate:\n    environment: { name: production }\n    steps:\n      - run: npx wrangler d1 migrations apply main --remote\n        env:\n          T: ${{ secrets.MIGRATE }}\n";

    fn judge(files: &[(&str, &str)], asked: &str) -> Judgement {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = Scene::of(files.iter().copied()).with(|world| WorkflowDuties::gather(world, &asked)).unwrap();
        WorkflowDuties::judge(&seen, &asked)
    }

    fn of(text: &str, asked: &str) -> Judgement {
        judge(&[(".github/workflows/d.yml", text)], asked)
    }

    #[test]
    fn jobs_that_change_production_are_gated_and_separated() {
        assert_eq!(of(GOOD, "{}").findings, Vec::<String>::new());
        assert_eq!(of(GOOD, "{}").outcome, Outcome::Pass);
        for (from, to) in [
            ("    environment: production\n", ""),
            ("    environment: { name: production }\n", ""),
            ("secrets.MIGRATE", "secrets.DEPLOY"),
            ("wrangler deploy\n", "wrangler deploy && wrangler d1 execute x --remote\n"),
        ] {
            let broken = GOOD.replace(from, to);
            assert_ne!(broken, GOOD);
            assert_eq!(of(&broken, "{}").outcome, Outcome::Fail, "{broken}");
        }
        assert_eq!(of(&GOOD.replace("secrets.MIGRATE", "secrets.DEPLOY"), r#"{"separate":false}"#).outcome, Outcome::Pass);
    }

    #[test]
    fn a_duty_behind_an_action_or_a_script_is_found() {
        let action = "on: push\njobs:\n  a:\n    steps:\n      - uses: cloudflare/wrangler-action@v3\n";
        assert_eq!(of(action, "{}").outcome, Outcome::Fail);
        let gated = action.replace("  a:\n", "  a:\n    environment: production\n");
        assert_eq!(of(&gated, "{}").outcome, Outcome::Pass);
        let script = "on: push\njobs:\n  a:\n    steps:\n      - run: npm run ship\n";
        let files = [(".github/workflows/d.yml", script), ("package.json", r#"{"scripts":{"ship":"wrangler deploy --minify"}}"#)];
        assert_eq!(judge(&files, "{}").outcome, Outcome::Fail);
        assert_eq!(
            of("on: push\njobs:\n  a:\n    steps:\n      - run: wrangler deploy --dry-run\n", "{}").outcome,
            Outcome::NotExercised
        );
    }

    #[test]
    fn a_person_who_starts_it_is_a_gate_only_where_that_is_enough() {
        let by_hand = "on: workflow_dispatch\njobs:\n  a:\n    steps:\n      - run: wrangler deploy\n";
        assert_eq!(of(by_hand, "{}").outcome, Outcome::Fail);
        let any = r#"{"duties":[{"name":"deploy","run":"wrangler deploy","gate":"any"}]}"#;
        assert_eq!(of(by_hand, any).outcome, Outcome::Pass);
        assert_eq!(of(&by_hand.replace("workflow_dispatch", "[workflow_dispatch, push]"), any).outcome, Outcome::Fail);
        let gitlab = "deploy:\n  script: wrangler deploy\n  when: manual\n";
        assert_eq!(judge(&[(".gitlab-ci.yml", gitlab)], any).outcome, Outcome::Pass);
        assert_eq!(judge(&[(".gitlab-ci.yml", "deploy:\n  script: wrangler deploy\n")], any).outcome, Outcome::Fail);
    }

    #[test]
    fn secrets_that_are_to_be_apart_or_unused_are_told() {
        let both = GOOD.replace(
            "          T: ${{ secrets.DEPLOY }}\n",
            "          T: ${{ secrets.DEPLOY }}\n          O: ${{ secrets.openai_api_key }}\n",
        );
        let apart = r#"{"apart":[["OPENAI_API_KEY","DEPLOY"]]}"#;
        assert_eq!(of(&both, apart).outcome, Outcome::Fail);
        assert_eq!(of(GOOD, apart).outcome, Outcome::Pass);
        assert_eq!(of(GOOD, r#"{"forbidden":"MIGR*"}"#).outcome, Outcome::Fail);
        let two = "on: push\njobs:\n  a:\n    environment: staging\n    steps: [{ run: wrangler deploy, env: { T: \"${{ secrets.T }}\" } }]\n  b:\n    environment: production\n    steps: [{ run: wrangler deploy, env: { T: \"${{ secrets.T }}\" } }]\n";
        assert_eq!(of(two, "{}").outcome, Outcome::Pass);
        assert_eq!(of(two, r#"{"separate_environments":true}"#).outcome, Outcome::Fail);
        let top = format!("env:\n  X: ${{{{ secrets.OPENAI_API_KEY }}}}\n{GOOD}");
        assert_eq!(of(&top, apart).outcome, Outcome::Fail, "the top's variables are seen by every job");
    }
}

//! `workflow.permissions`: may the token of every job do no more than it must?

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::workflow::{Format, Granted, Permissions, Workflow};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::Globs,
    pipelines::{Allowed, Pipelines, count, decide},
    sources::{Place, place},
};

/// See the module.
pub(super) struct WorkflowPermissions;

/// Which workflows, and which jobs may write what.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    /// What jobs may write, each with its reason; left out, a job may write what it lists itself.
    #[serde(default)]
    writes: Option<Vec<Allowed>>,
}

/// What the tokens may do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    workflows: Vec<WorkflowSeen>,
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkflowSeen {
    /// Where its permissions stand, or its beginning.
    place: Place,
    grant: Grant,
    /// Only other workflows trigger it: it has at most what its caller has.
    called: bool,
    jobs: Vec<JobSeen>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobSeen {
    id: String,
    place: Place,
    grant: Grant,
    /// It calls a reusable workflow.
    calls: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Grant {
    Unsaid,
    ReadAll,
    WriteAll,
    /// What may be written, with where it stands; nothing, if all that is listed is read.
    Writes(Vec<(String, Place)>),
}

impl Question for WorkflowPermissions {
    const ID: &'static str = "workflow.permissions";
    const QUESTION: &'static str = "May the token of every job do no more than it must?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/workflow-permissions.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let pipelines = Pipelines::of(world, asked.files.as_ref())?;
        let workflows =
            pipelines.read.iter().filter(|workflow| workflow.format == Format::Actions).map(|workflow| see(workflow)).collect();
        Ok(Seen { workflows, unreadable: pipelines.unreadable.clone() })
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        for workflow in &seen.workflows {
            wide(workflow, asked, &mut findings);
        }
        let jobs: usize = seen.workflows.iter().map(|workflow| workflow.jobs.len()).sum();
        let sentence = format!(
            "The tokens of {} in {} are held to what they need.",
            count(jobs as u64, "job", "jobs"),
            count(seen.workflows.len() as u64, "workflow", "workflows")
        );
        decide(Population { examined: jobs as u64, required: 1 }, &seen.unreadable, findings, sentence)
    }
}

fn see(workflow: &Workflow) -> WorkflowSeen {
    let at = |permissions: &Permissions, otherwise: usize| {
        place(&workflow.source, permissions.span.as_ref().map_or(otherwise, |span| span.start))
    };
    let grant = |permissions: &Permissions| match &permissions.granted {
        Granted::Unsaid => Grant::Unsaid,
        Granted::ReadAll => Grant::ReadAll,
        Granted::WriteAll => Grant::WriteAll,
        Granted::Listed(listed) => {
            let writes = listed.iter().filter(|(_, write, _)| *write);
            Grant::Writes(writes.map(|(name, _, span)| (name.clone(), place(&workflow.source, span.start))).collect())
        }
    };
    WorkflowSeen {
        place: at(&workflow.permissions, workflow.start),
        grant: grant(&workflow.permissions),
        called: !workflow.triggers.is_empty() && workflow.triggers.iter().all(|trigger| trigger.event == "workflow_call"),
        jobs: workflow
            .jobs
            .iter()
            .map(|job| JobSeen {
                id: job.id.clone(),
                place: at(&job.permissions, job.span.start),
                grant: grant(&job.permissions),
                calls: job.uses.is_some(),
            })
            .collect(),
    }
}

/// What is granted too widely in a workflow.
fn wide(workflow: &WorkflowSeen, asked: &Asked, findings: &mut Vec<String>) {
    let file = &workflow.place.file;
    let all_say = workflow.jobs.iter().all(|job| job.grant != Grant::Unsaid);
    // What stands at the top holds for every job that says nothing. With one job, or where all say, it is no wider than
    // theirs; a workflow that is only called has at most what its caller has.
    let shared = workflow.jobs.len() > 1 && !all_say && !workflow.called;
    match &workflow.grant {
        Grant::WriteAll => findings.push(format!("every job may write everything: `write-all` at {}", workflow.place)),
        Grant::ReadAll if shared => findings.push(format!("every job may read everything: `read-all` at {}", workflow.place)),
        Grant::Writes(writes) if shared => {
            findings.extend(writes.iter().map(|(name, place)| format!("every job may write `{name}`: {place}")));
        }
        Grant::Unsaid if shared => findings.push(format!("nothing at the top says what jobs may do: {}", workflow.place)),
        _ => {}
    }
    for job in &workflow.jobs {
        let (id, place) = (&job.id, &job.place);
        match &job.grant {
            Grant::WriteAll => findings.push(format!("the job `{id}` may write everything: {place}")),
            Grant::ReadAll if job.calls || !workflow.called => {
                findings.push(format!("the job `{id}` may read everything: {place}"))
            }
            Grant::Unsaid if workflow.grant == Grant::Unsaid && (job.calls || !workflow.called) => {
                findings.push(format!("the job `{id}` has whatever the repository's setting grants: {place}"));
            }
            Grant::Writes(writes) => {
                let Some(allowed) = &asked.writes else { continue };
                let unwanted = writes.iter().filter(|(name, _)| !Allowed::any(allowed, file, id, name));
                findings
                    .extend(unwanted.map(|(name, place)| format!("the job `{id}` may write `{name}` without a reason: {place}")));
            }
            _ => {}
        }
    }
    if let (Some(allowed), Grant::Writes(writes), false) = (&asked.writes, &workflow.grant, shared) {
        for job in workflow.jobs.iter().filter(|job| job.grant == Grant::Unsaid) {
            let unwanted = writes.iter().filter(|(name, _)| !Allowed::any(allowed, file, &job.id, name));
            findings.extend(
                unwanted.map(|(name, place)| format!("the job `{}` may write `{name}` without a reason: {place}", job.id)),
            );
        }
    }
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "the top grants nothing, and one job may write what it lists",
        asked: r#"{"writes":[{"what":"contents","jobs":"release","reason":"uploads the release"}]}"#,
        seen: r#"{"workflows":[{"place":{"file":"ci.yml","line":2,"column":14},"grant":{"writes":[]},"called":false,"jobs":[{"id":"test","place":{"file":"ci.yml","line":5,"column":3},"grant":"unsaid","calls":false},{"id":"release","place":{"file":"ci.yml","line":9,"column":7},"grant":{"writes":[["contents",{"file":"ci.yml","line":9,"column":7}]]},"calls":false}]}],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "a job may write without a reason",
        asked: r#"{"writes":[]}"#,
        seen: r#"{"workflows":[{"place":{"file":"ci.yml","line":2,"column":14},"grant":{"writes":[]},"called":false,"jobs":[{"id":"release","place":{"file":"ci.yml","line":9,"column":7},"grant":{"writes":[["contents",{"file":"ci.yml","line":9,"column":7}]]},"calls":false}]}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "nothing is said, so the repository's setting rules",
        asked: "{}",
        seen: r#"{"workflows":[{"place":{"file":"ci.yml","line":1,"column":1},"grant":"unsaid","called":false,"jobs":[{"id":"test","place":{"file":"ci.yml","line":5,"column":3},"grant":"unsaid","calls":false}]}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "everything may be written",
        asked: "{}",
        seen: r#"{"workflows":[{"place":{"file":"ci.yml","line":2,"column":14},"grant":"write_all","called":false,"jobs":[{"id":"test","place":{"file":"ci.yml","line":5,"column":3},"grant":"unsaid","calls":false}]}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no workflow",
        asked: "{}",
        seen: r#"{"workflows":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn findings(text: &str, asked: &str) -> Vec<String> {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let scene = Scene::of([(".github/workflows/a.yml", text)]);
        let seen = scene.with(|world| WorkflowPermissions::gather(world, &asked)).unwrap();
        WorkflowPermissions::judge(&seen, &asked).findings
    }

    const JOBS: &str = "jobs:\n  a: { steps: [] }\n  b: { steps: [] }\n";

    #[test]
    fn least_privilege_is_read_only_or_nothing_at_the_top() {
        for good in ["permissions: {}\n", "permissions:\n  contents: read\n"] {
            assert_eq!(findings(&format!("on: push\n{good}{JOBS}"), "{}"), Vec::<String>::new(), "{good}");
        }
        assert_eq!(findings(&format!("on: push\n{JOBS}"), "{}").len(), 3);
        for bad in ["permissions: write-all\n", "permissions: read-all\n", "permissions:\n  contents: write\n"] {
            assert_eq!(findings(&format!("on: push\n{bad}{JOBS}"), "{}").len(), 1, "{bad}");
        }
    }

    #[test]
    fn what_is_only_called_is_bound_by_its_caller() {
        assert_eq!(findings(&format!("on: workflow_call\n{JOBS}"), "{}"), Vec::<String>::new());
        assert_eq!(findings("on: workflow_call\njobs:\n  a: { uses: ./x.yml }\n", "{}").len(), 1);
    }

    #[test]
    fn writes_need_their_reason_wherever_they_stand() {
        let job = "on: push\npermissions: {}\njobs:\n  a:\n    permissions: { contents: write }\n    steps: []\n";
        let top = "on: push\npermissions: { contents: write }\njobs:\n  a: { steps: [] }\n";
        for text in [job, top] {
            assert_eq!(findings(text, "{}"), Vec::<String>::new());
            assert_eq!(findings(text, r#"{"writes":[]}"#).len(), 1, "{text}");
            let allowed = r#"{"writes":[{"what":"contents","jobs":"a","reason":"pushes tags"}]}"#;
            assert_eq!(findings(text, allowed), Vec::<String>::new());
        }
    }
}

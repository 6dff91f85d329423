//! `workflow.injection`: can nobody write commands into a script through an expression?

use std::collections::{BTreeSet, HashMap};

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::{
    structured::{Node, Value},
    workflow::{
        Format, Job, Step, Text, Workflow,
        expression::{Expression, Flow, fences},
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    parameters::Globs,
    pipelines::{Pipelines, SPOTS_MAX, Spot, count, decide, listed, spot},
};

/// See the module.
pub(super) struct WorkflowInjection;

/// Which pipelines, and whose text counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    #[serde(default = "all")]
    from: BTreeSet<Whose>,
}

fn all() -> BTreeSet<Whose> {
    [Whose::Anyone, Whose::Caller, Whose::Computed].into()
}

/// Whose text an expression brings into a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Whose {
    /// Of whoever opens an issue, names a branch, writes a commit.
    Anyone,
    /// Of whoever starts the workflow or calls it.
    Caller,
    /// Of an earlier step, a variable or a matrix of which the file does not say what it holds.
    Computed,
}

/// What is brought into scripts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// How many scripts were looked at.
    scripts: u64,
    anyone: Vec<Spot>,
    caller: Vec<Spot>,
    computed: Vec<Spot>,
    unreadable: Vec<String>,
}

impl Question for WorkflowInjection {
    const ID: &'static str = "workflow.injection";
    const QUESTION: &'static str = "Can nobody write commands into a script through an expression?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/workflow-injection.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let pipelines = Pipelines::of(world, asked.files.as_ref())?;
        let mut seen = Seen { scripts: 0, anyone: vec![], caller: vec![], computed: vec![], unreadable: vec![] };
        // GitLab puts its variables into the environment, never into the text of a script.
        for workflow in pipelines.read.iter().filter(|workflow| workflow.format != Format::Gitlab) {
            for job in &workflow.jobs {
                for step in &job.steps {
                    for script in scripts(step) {
                        seen.scripts += 1;
                        look(workflow, job, step, script, &mut seen);
                    }
                }
            }
        }
        seen.unreadable = pipelines.unreadable.clone();
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let groups = [
            (Whose::Anyone, &seen.anyone, "that anybody can write"),
            (Whose::Caller, &seen.caller, "of whoever starts the workflow"),
            (Whose::Computed, &seen.computed, "of which the file does not say what it holds"),
        ];
        let mut findings = Vec::new();
        for (from, spots, whose) in groups {
            if asked.from.contains(&from) && !spots.is_empty() {
                findings.push(format!("text {whose} becomes part of a script: {}", listed(spots)));
            }
        }
        let sentence = format!("{} take text of others through the environment only.", count(seen.scripts, "script", "scripts"));
        decide(Population { examined: seen.scripts, required: 1 }, &seen.unreadable, findings, sentence)
    }
}

/// How many expressions of one script are read; GitHub takes no script that holds so many.
const FENCES_MAX: usize = 2_000;

/// Actions that run an input of theirs as code.
const RUNNERS: &[(&str, &[&str])] = &[
    ("actions/github-script", &["script"]),
    ("addnab/docker-run-action", &["run", "options"]),
    ("appleboy/ssh-action", &["script"]),
    ("azure/cli", &["inlinescript"]),
    ("azure/powershell", &["inlinescript"]),
    ("jannekem/run-python-script-action", &["script"]),
    ("mikefarah/yq", &["cmd"]),
];

/// What a step runs as code.
fn scripts(step: &Step) -> impl Iterator<Item = &Text> {
    let name = step.uses.as_ref().map(avouch_read::workflow::Uses::name);
    let inputs = RUNNERS.iter().find(|(runner, _)| name.as_deref() == Some(runner)).map_or(&[][..], |(_, inputs)| inputs);
    step.run.iter().chain(step.with.iter().filter(|(input, _)| inputs.contains(&input.as_str())).map(|(_, text)| text))
}

fn look(workflow: &Workflow, job: &Job, step: &Step, script: &Text, seen: &mut Seen) {
    let mut pieces: HashMap<&str, usize> = HashMap::new();
    for (number, fence) in fences(&script.text).into_iter().enumerate() {
        let Some(piece) = script.text.get(fence.span.clone()) else { continue };
        let before = *pieces.entry(piece).and_modify(|count| *count += 1).or_default();
        let mut put = |from: Whose, what: &str| {
            let spots = match from {
                Whose::Anyone => &mut seen.anyone,
                Whose::Caller => &mut seen.caller,
                Whose::Computed => &mut seen.computed,
            };
            if spots.len() < SPOTS_MAX {
                spots.push(spot(&workflow.source, workflow.locate(script, piece, before), what));
            }
        };
        if number >= FENCES_MAX {
            put(Whose::Computed, "more expressions than are read");
            break;
        }
        match Expression::parse(fence.inner) {
            // What cannot be understood is not taken for harmless.
            None => put(Whose::Computed, fence.inner.trim()),
            Some(parsed) => {
                for flow in parsed.flows() {
                    match flow {
                        Flow::Unknown => put(Whose::Computed, fence.inner.trim()),
                        Flow::Path(path) => {
                            if let Some(from) = whose(&path, workflow, job, step) {
                                put(from, &path);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Whose text the value at a path is; none if its form is fixed, so that it cannot hold a command.
fn whose(path: &str, workflow: &Workflow, job: &Job, step: &Step) -> Option<Whose> {
    let parts: Vec<&str> = path.split('.').collect();
    match &parts[..] {
        // A secret is of those who own the repository.
        ["secrets", ..] => None,
        ["needs", _, "result"] | ["steps", _, "outcome" | "conclusion"] => None,
        ["runner", "arch" | "os" | "temp" | "tool_cache" | "debug" | "environment" | "name"] => None,
        ["job", "status"] | ["strategy", "job-index" | "job-total" | "fail-fast" | "max-parallel"] => None,
        ["inputs", name] => (workflow.inputs.get(*name) != Some(&true)).then_some(Whose::Caller),
        ["inputs", ..] | ["github", "event", "inputs", ..] => Some(Whose::Caller),
        ["env", name] => is_open(name, workflow, job, step).then_some(Whose::Computed),
        ["matrix", rest @ ..] => matrix(job.matrix.as_ref(), rest).then_some(Whose::Computed),
        ["github", "event", rest @ ..] => (!is_fixed_event(rest)).then_some(Whose::Anyone),
        ["github", name] => (!FIXED.contains(name)).then_some(Whose::Anyone),
        ["github", ..] => Some(Whose::Anyone),
        _ => Some(Whose::Computed),
    }
}

/// Parts of the `github` context whose form is fixed: numbers, ids, hashes, and what only owners of the repository name
/// ("Contexts reference").
const FIXED: &[&str] = &[
    "action_path",
    "action_status",
    "actor_id",
    "api_url",
    "env",
    "event_name",
    "event_path",
    "graphql_url",
    "job",
    "path",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "repository_visibility",
    "repositoryurl",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "secret_source",
    "server_url",
    "sha",
    "token",
    "triggering_actor",
    "workflow_sha",
    "workspace",
];

/// Whether the form of a part of the event is fixed, by its name: numbers, truths, times, hashes of commits, and words out of a list
/// ("Webhook events and payloads").
fn is_fixed_event(path: &[&str]) -> bool {
    let Some(leaf) = path.last() else { return false };
    match leaf {
        &"id"
        | &"number"
        | &"after"
        | &"before"
        | &"draft"
        | &"merged"
        | &"mergeable"
        | &"rebaseable"
        | &"private"
        | &"fork"
        | &"locked"
        | &"forced"
        | &"created"
        | &"deleted"
        | &"prerelease"
        | &"archived"
        | &"disabled"
        | &"additions"
        | &"deletions"
        | &"changed_files"
        | &"commits"
        | &"comments"
        | &"review_comments"
        | &"author_association"
        | &"state"
        | &"state_reason"
        | &"conclusion"
        | &"status"
        | &"run_number"
        | &"run_attempt"
        | &"run_id"
        | &"site_admin"
        | &"is_template"
        | &"size"
        | &"open_issues"
        | &"watchers"
        | &"forks"
        | &"node_id" => path.len() > 1 || matches!(*leaf, "number" | "after" | "before" | "created" | "deleted" | "forced"),
        &"sha" => path.iter().any(|part| matches!(*part, "head" | "base")),
        &"merge_commit_sha" => true,
        leaf => leaf.ends_with("_count") || leaf.ends_with("_id") || leaf.starts_with("has_") || leaf.starts_with("allow_"),
    }
}

/// Whether a variable holds something that the file does not spell out.
fn is_open(name: &str, workflow: &Workflow, job: &Job, step: &Step) -> bool {
    for variables in [&step.variables, &job.variables, &workflow.variables] {
        if variables.computed {
            return true;
        }
        if let Some((_, value)) = variables.entries.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return value.text.contains("${{");
        }
    }
    // Not set here: an earlier step may have written it to the job's environment.
    true
}

/// Whether a value of the matrix is computed. A value that the matrix does not have is empty.
fn matrix(matrix: Option<&Node>, path: &[&str]) -> bool {
    let Some(matrix) = matrix else { return false };
    let Some(table) = matrix.as_table() else { return true };
    let Some((first, rest)) = path.split_first() else { return computed(matrix) };
    let at = |node: &Node| rest.iter().try_fold(node, |node, key| under(node, key)).is_none_or(computed);
    for entry in table.entries() {
        let open = match entry.key.as_str() {
            "exclude" => false,
            "include" => match entry.value.as_list() {
                Some(items) => items.iter().any(|item| match item.as_table() {
                    Some(_) => under(item, first).is_some_and(&at),
                    None => computed(item),
                }),
                None => true,
            },
            key if key.eq_ignore_ascii_case(first) => match entry.value.as_list() {
                Some(items) => items.iter().any(&at),
                None => computed(&entry.value),
            },
            _ => false,
        };
        if open {
            return true;
        }
    }
    false
}

fn under<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let entries = node.as_table()?.entries();
    entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(key)).map(|entry| &entry.value)
}

fn computed(node: &Node) -> bool {
    match &node.value {
        Value::Text(text) => text.contains("${{"),
        Value::List(items) => items.iter().any(computed),
        Value::Table(table) => table.entries().iter().any(|entry| computed(&entry.value)),
        _ => false,
    }
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "scripts take what others wrote from the environment",
        asked: "{}",
        seen: r#"{"scripts":12,"anyone":[],"caller":[],"computed":[],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the title of a pull request becomes part of a script",
        asked: r#"{"from":["anyone"]}"#,
        seen: r#"{"scripts":12,"anyone":[{"place":{"file":"ci.yml","line":9,"column":20},"what":"github.event.pull_request.title"}],"caller":[],"computed":[],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "an output of a step becomes part of a script",
        asked: "{}",
        seen: r#"{"scripts":12,"anyone":[],"caller":[],"computed":[{"place":{"file":"ci.yml","line":9,"column":20},"what":"steps.a.outputs.b"}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there is no script",
        asked: "{}",
        seen: r#"{"scripts":0,"anyone":[],"caller":[],"computed":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn gather(text: &str) -> Seen {
        let asked: Asked = serde_json::from_str("{}").unwrap();
        let path = if text.starts_with("runs") { "action.yml" } else { ".github/workflows/a.yml" };
        Scene::of([(path, text)]).with(|world| WorkflowInjection::gather(world, &asked)).unwrap()
    }

    fn found(script: &str) -> [usize; 3] {
        let seen = gather(&format!(
            "on:\n  workflow_dispatch:\n    inputs:\n      flag: {{ type: boolean }}\n      text: {{ type: string }}\nenv: {{ FIXED: a, OPEN: \"${{{{ github.head_ref }}}}\" }}\n\
             jobs:\n  a:\n    strategy:\n      matrix:\n        os: [x, y]\n        dyn: \"${{{{ fromJSON(needs.a.outputs.b) }}}}\"\n        include: [{{ extra: 1 }}]\n    steps:\n      - run: |\n          {script}\n"
        ));
        [seen.anyone.len(), seen.caller.len(), seen.computed.len()]
    }

    #[test]
    fn whose_text_it_is_is_told_apart() {
        for (script, expected) in [
            ("echo ${{ github.event.pull_request.title }}", [1, 0, 0]),
            ("echo ${{ github.head_ref }} ${{ github.ref_name }}", [2, 0, 0]),
            ("echo ${{ GITHUB.EVENT.Issue.Body }}", [1, 0, 0]),
            ("echo ${{ inputs.text }} ${{ github.event.inputs.flag }}", [0, 2, 0]),
            ("echo ${{ steps.a.outputs.b }} ${{ vars.X }} ${{ env.OPEN }} ${{ env.UNSET }} ${{ matrix.dyn }}", [0, 0, 5]),
            ("echo ${{ format('{0}', github.head_ref) }}", [1, 0, 0]),
            ("echo ${{ a b }}", [0, 0, 1]),
        ] {
            assert_eq!(found(script), expected, "{script}");
        }
    }

    #[test]
    fn what_has_a_fixed_form_is_no_way_in() {
        for script in [
            "echo ${{ github.sha }} ${{ github.run_id }} ${{ github.event.number }} ${{ github.event.pull_request.head.sha }}",
            "echo ${{ inputs.flag }} ${{ secrets.X }} ${{ env.FIXED }} ${{ matrix.os }} ${{ matrix.extra }} ${{ matrix.none }}",
            "echo ${{ needs.a.result }} ${{ steps.a.outcome }} ${{ runner.os }}",
            "echo ${{ github.event.pull_request.title == 'x' }} ${{ contains(github.head_ref, 'y') && 'a' || 'b' }}",
            "echo $TITLE",
        ] {
            assert_eq!(found(script), [0, 0, 0], "{script}");
        }
    }

    #[test]
    fn composite_actions_and_actions_that_run_code_are_looked_at() {
        let seen = gather("runs:\n  using: composite\n  steps:\n    - run: echo ${{ inputs.x }}\n");
        assert_eq!(seen.caller.len(), 1);
        let seen = gather(
            "on: issues\njobs:\n  a:\n    steps:\n      - uses: actions/github-script@v7\n        with:\n          script: x(`${{ github.event.issue.title }}`)\n",
        );
        assert_eq!((seen.anyone.len(), seen.anyone[0].place.line), (1, 7));
        let handed = gather(
            "on: issues\njobs:\n  a:\n    steps:\n      - run: echo \"$T\"\n        env:\n          T: ${{ github.event.issue.title }}\n",
        );
        assert!(handed.anyone.is_empty());
    }

    #[test]
    fn the_place_is_that_of_the_expression() {
        let seen = gather(
            "on: push\njobs:\n  a:\n    steps:\n      - run: |\n          one\n          two ${{ github.ref }}\n          three ${{ github.ref }}\n",
        );
        let lines: Vec<_> = seen.anyone.iter().map(|spot| spot.place.line).collect();
        assert_eq!(lines, [7, 8]);
    }
}

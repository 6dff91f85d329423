//! GitHub Actions: workflows and composite actions.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    BYTES_MAX, Format, Granted, Job, Permissions, Step, Text, Trigger, Uses, Variables, Workflow,
    expression::{Expression, condition, fences},
};
use crate::structured::{Document, Node, Unreadable, Value, parse_yaml};

pub(super) fn workflow(path: &str, bytes: &[u8]) -> Result<Workflow, Unreadable> {
    let document = parse_yaml(path, bytes, BYTES_MAX)?;
    let root = &document.root;
    let Some(on) = root.get("on") else {
        let error = missing(&document, "workflow", "on");
        let truth = root.get("true").is_some();
        return Err(if truth { error.help("`true:` is what a YAML 1.1 tool makes of `on:`; write `on:` again") } else { error });
    };
    let jobs = root.get("jobs").and_then(Node::as_table).ok_or_else(|| missing(&document, "workflow", "jobs"))?;
    let triggers = triggers(on);
    let filters = triggers.iter().flat_map(|trigger| trigger.filters.keys().map(|filter| format!("{}:{filter}", trigger.event)));
    let events: BTreeSet<String> = triggers.iter().map(|trigger| trigger.event.clone()).chain(filters).collect();
    // A workflow that is called sees the event of its caller.
    let known = if events.contains("workflow_call") { None } else { Some(&events) };
    let shell = default_shell(root);
    let jobs = jobs
        .entries()
        .iter()
        .map(|entry| job(&entry.key, entry.key_span.clone(), &entry.value, known, shell.as_deref()))
        .collect();
    Ok(Workflow {
        format: Format::Actions,
        triggers,
        permissions: permissions(root),
        variables: variables(root.get("env")),
        inputs: inputs(on),
        start: root.span.start,
        jobs,
        includes: vec![],
        source: document.source,
    })
}

pub(super) fn action(path: &str, bytes: &[u8]) -> Result<Workflow, Unreadable> {
    let document = parse_yaml(path, bytes, BYTES_MAX)?;
    let root = &document.root;
    let runs = root.get("runs").ok_or_else(|| missing(&document, "action", "runs"))?;
    let mut job = Job { id: "runs".to_owned(), span: runs.span.clone(), ..Job::default() };
    job.steps = runs.get("steps").and_then(Node::as_list).unwrap_or_default().iter().map(|node| step(node, None, None)).collect();
    // `using: docker` names an image of a registry, or a Dockerfile of its own.
    if let Some(image) = runs.get("image")
        && let Some(what) = image.as_text().filter(|what| what.starts_with("docker://"))
    {
        job.uses = Some(Uses { what: what.to_owned(), span: image.span.clone() });
    }
    let inputs = root.get("inputs").and_then(Node::as_table).map_or(&[][..], |inputs| inputs.entries());
    Ok(Workflow {
        format: Format::CompositeAction,
        triggers: vec![],
        permissions: Permissions::default(),
        variables: Variables::default(),
        // The inputs of an action have no types.
        inputs: inputs.iter().map(|input| (input.key.to_ascii_lowercase(), false)).collect(),
        start: root.span.start,
        jobs: vec![job],
        includes: vec![],
        source: document.source,
    })
}

fn missing(document: &Document, what: &str, key: &str) -> Unreadable {
    let span = document.root.span.clone();
    let article = if what == "action" { "an" } else { "a" };
    let message = format!("{article} {what} needs `{key}`, and there is none");
    Unreadable::at(&document.source, if what == "action" { "no-action" } else { "no-workflow" }, span, message)
}

fn triggers(on: &Node) -> Vec<Trigger> {
    let of = |node: &Node| {
        let event = node.as_written()?.to_owned();
        Some(Trigger { event, span: node.span.clone(), filters: BTreeMap::new() })
    };
    match &on.value {
        Value::List(items) => items.iter().filter_map(of).collect(),
        Value::Table(table) => table
            .entries()
            .iter()
            .map(|entry| {
                let filters = entry.value.as_table().map_or(&[][..], |filters| filters.entries());
                let filters = filters.iter().map(|filter| (filter.key.clone(), texts(&filter.value))).collect();
                Trigger { event: entry.key.clone(), span: entry.key_span.clone(), filters }
            })
            .collect(),
        _ => of(on).into_iter().collect(),
    }
}

/// A text or a list of them.
pub(super) fn texts(node: &Node) -> Vec<String> {
    match node.as_list() {
        Some(items) => items.iter().filter_map(Node::as_written).map(str::to_owned).collect(),
        None => node.as_written().map(str::to_owned).into_iter().collect(),
    }
}

/// The inputs of dispatch and call. An input that both know is fixed only if both say so.
fn inputs(on: &Node) -> BTreeMap<String, bool> {
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    for event in ["workflow_dispatch", "workflow_call"] {
        let Some(inputs) = on.get(event).and_then(|event| event.get("inputs")).and_then(Node::as_table) else { continue };
        for input in inputs.entries() {
            let kind = input.value.get("type").and_then(Node::as_text);
            let fixed = matches!(kind, Some("boolean" | "number" | "choice"));
            let entry = found.entry(input.key.to_ascii_lowercase()).or_insert(true);
            *entry &= fixed;
        }
    }
    found
}

fn permissions(node: &Node) -> Permissions {
    let Some(node) = node.get("permissions") else { return Permissions::default() };
    let granted = match &node.value {
        Value::Text(text) if text == "read-all" => Granted::ReadAll,
        Value::Text(text) if text == "write-all" => Granted::WriteAll,
        Value::Table(table) => Granted::Listed(
            table
                .entries()
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.as_text() == Some("write"), entry.key_span.clone()))
                .collect(),
        ),
        // `permissions:` with nothing behind it is refused by GitHub; an expression cannot stand there.
        _ => Granted::Unsaid,
    };
    Permissions { granted, span: Some(node.span.clone()) }
}

fn variables(node: Option<&Node>) -> Variables {
    let Some(node) = node else { return Variables::default() };
    match &node.value {
        Value::Table(table) => Variables {
            entries: table.entries().iter().filter_map(|entry| Some((entry.key.clone(), text(&entry.value)?))).collect(),
            computed: false,
        },
        Value::Null => Variables::default(),
        _ => Variables { entries: vec![], computed: true },
    }
}

pub(super) fn text(node: &Node) -> Option<Text> {
    Some(Text { text: node.as_written()?.to_owned(), span: node.span.clone() })
}

fn default_shell(node: &Node) -> Option<String> {
    node.pointer("/defaults/run/shell").and_then(Node::as_text).map(str::to_owned)
}

fn job(id: &str, span: std::ops::Range<usize>, node: &Node, events: Option<&BTreeSet<String>>, shell: Option<&str>) -> Job {
    let own_shell = default_shell(node);
    let shell = own_shell.as_deref().or(shell);
    let environment = node.get("environment").and_then(|environment| text(environment.get("name").unwrap_or(environment)));
    let mut secrets = Vec::new();
    for key in ["env", "with", "secrets", "container", "services", "environment", "strategy"] {
        if let Some(node) = node.get(key) {
            name_secrets(node, &mut secrets);
        }
    }
    Job {
        id: id.to_owned(),
        span,
        needs: node.get("needs").map(texts).unwrap_or_default(),
        off: is_off(node, events) || node.pointer("/strategy/matrix").is_some_and(is_empty_matrix),
        may_fail: may_fail(node),
        manual: false,
        condition: node.get("if").and_then(Node::as_written).map(str::to_owned),
        permissions: permissions(node),
        environment,
        variables: variables(node.get("env")),
        secrets,
        hands_on_secrets: node.get("secrets").and_then(Node::as_text) == Some("inherit"),
        uses: uses(node),
        matrix: node.pointer("/strategy/matrix").cloned(),
        triggers: None,
        triggers_alone: None,
        steps: node
            .get("steps")
            .and_then(Node::as_list)
            .unwrap_or_default()
            .iter()
            .map(|node| step(node, events, shell))
            .collect(),
    }
}

fn step(node: &Node, events: Option<&BTreeSet<String>>, shell: Option<&str>) -> Step {
    let mut secrets = Vec::new();
    name_secrets(node, &mut secrets);
    let with = node.get("with").and_then(Node::as_table).map_or(&[][..], |with| with.entries());
    Step {
        run: node.get("run").and_then(text),
        whole: None,
        shell: node.get("shell").and_then(Node::as_text).or(shell).map(str::to_owned),
        uses: uses(node),
        with: with.iter().filter_map(|entry| Some((entry.key.to_ascii_lowercase(), text(&entry.value)?))).collect(),
        variables: variables(node.get("env")),
        secrets,
        condition: node.get("if").and_then(Node::as_written).map(str::to_owned),
        off: is_off(node, events),
        may_fail: may_fail(node),
        span: node.span.clone(),
    }
}

fn uses(node: &Node) -> Option<Uses> {
    let node = node.get("uses")?;
    Some(Uses { what: node.as_text()?.trim().to_owned(), span: node.span.clone() })
}

/// The secrets that are named anywhere in a value, `secrets.NAME`. The token of the job itself is none of them.
fn name_secrets(node: &Node, found: &mut Vec<Text>) {
    match &node.value {
        Value::Text(text) => {
            for fence in fences(text) {
                let Some(parsed) = Expression::parse(fence.inner) else { continue };
                for path in parsed.paths() {
                    if let Some(name) = path.strip_prefix("secrets.")
                        && name != "github_token"
                    {
                        found.push(Text { text: name.to_ascii_uppercase(), span: node.span.clone() });
                    }
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| name_secrets(item, found)),
        Value::Table(table) => table.entries().iter().for_each(|entry| name_secrets(&entry.value, found)),
        _ => {}
    }
}

/// How many combinations of a matrix are looked at.
const COMBINATIONS_MAX: usize = 1_000;

/// A matrix without any combination: an empty list, or everything in it excluded ("`jobs.<job_id>.strategy.matrix`").
fn is_empty_matrix(matrix: &Node) -> bool {
    let Some(table) = matrix.as_table() else { return false };
    let include = matrix.get("include");
    let adds = include.is_some_and(|include| include.as_list().is_none_or(|items| !items.is_empty()));
    let axes: Vec<_> = table.entries().iter().filter(|entry| !matches!(entry.key.as_str(), "include" | "exclude")).collect();
    if axes.is_empty() {
        return include.is_some() && !adds;
    }
    let lists: Option<Vec<&[Node]>> = axes.iter().map(|axis| axis.value.as_list()).collect();
    let Some(lists) = lists.filter(|_| !adds) else { return false };
    if lists.iter().any(|list| list.is_empty()) {
        return true;
    }
    let Some(excludes) = matrix.get("exclude").and_then(Node::as_list) else { return false };
    let all = lists.iter().try_fold(1_usize, |all, list| all.checked_mul(list.len()).filter(|all| *all <= COMBINATIONS_MAX));
    let Some(all) = all else { return false };
    (0..all).all(|mut number| {
        let chosen: Vec<(&str, Option<&str>)> = axes
            .iter()
            .zip(&lists)
            .map(|(axis, list)| {
                let one = list.get(number % list.len()).and_then(Node::as_written);
                number /= list.len();
                (axis.key.as_str(), one)
            })
            .collect();
        excludes.iter().filter_map(Node::as_table).any(|exclude| {
            !exclude.entries().is_empty()
                && exclude.entries().iter().all(|entry| {
                    let written = entry.value.as_written();
                    written.is_some() && chosen.iter().any(|(key, one)| *key == entry.key && *one == written)
                })
        })
    })
}

/// A condition that never holds. Where the caller's events are not known, nothing is taken to hold of them.
fn is_off(node: &Node, events: Option<&BTreeSet<String>>) -> bool {
    let Some(written) = node.get("if").and_then(Node::as_written) else { return false };
    match events {
        Some(events) => condition(written, events) == Some(false),
        None => {
            // Any event may be the caller's: what is false for two made-up ones that are unlike is false for all.
            let unlike = ["push", "pull_request"].map(|event| BTreeSet::from([event.to_owned()]));
            !written.contains("event_name") && unlike.iter().all(|events| condition(written, events) == Some(false))
        }
    }
}

/// `continue-on-error`; an expression may be true.
fn may_fail(node: &Node) -> bool {
    node.get("continue-on-error").is_some_and(|value| {
        let written = value.as_written().unwrap_or("false");
        condition(written, &BTreeSet::new()) != Some(false)
    })
}

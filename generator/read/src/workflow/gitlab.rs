//! GitLab CI: jobs with scripts, brought into the nouns of workflows.
//!
//! `extends`, `default`, merge keys and `!reference` are followed within the file, as GitLab does before it runs anything.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use avouch_model::diagnostic::Source;

use super::{
    BYTES_MAX, Format, Job, Permissions, Step, Text, Trigger, Uses, Variables, Workflow,
    actions::{text, texts},
    gitlab_rules::{self, Known, Pipeline, holds},
};
use crate::structured::{Entry, Node, Unreadable, parse_yaml};

/// How far `extends` is followed ("`extends`": at most eleven levels).
const EXTENDS_MAX: usize = 11;

/// How many tables a job may be joined of.
const LAYERS_MAX: usize = 100;

/// How many jobs are read; GitLab itself runs no such pipeline.
const JOBS_MAX: usize = 5_000;

/// How many lines of a script are read as one; those of a longer one are read each by itself.
const LINES_MAX: usize = 300;

/// How many values of a script or of rules are looked at, references followed.
const VALUES_MAX: usize = 5_000;

/// What stands for a merge key `<<`, which our YAML does not have: as many bytes, so every place stays where it is.
const MERGE: &str = "«";

/// Keys of the outermost level that are no jobs.
const NO_JOBS: &[&str] = &[
    "default",
    "include",
    "stages",
    "variables",
    "workflow",
    "image",
    "services",
    "before_script",
    "after_script",
    "cache",
    "spec",
    "types",
];

pub(super) fn parse(path: &str, bytes: &[u8]) -> Result<Workflow, Unreadable> {
    let replaced = std::str::from_utf8(bytes).map_or(Cow::Borrowed(bytes), |text| Cow::Owned(merges(text).into_bytes()));
    let document = parse_yaml(path, &replaced, BYTES_MAX)?;
    let root = &document.root;
    let Some(table) = root.as_table() else {
        let message = "a pipeline is a table of jobs, and this is none";
        return Err(Unreadable::at(&document.source, "no-pipeline", root.span.clone(), message));
    };
    let mut jobs = Vec::new();
    for entry in table.entries() {
        if entry.key.starts_with('.') || NO_JOBS.contains(&entry.key.as_str()) {
            continue;
        }
        let mut layers = Vec::new();
        layer(&entry.value, root, 0, &mut layers);
        let fields = Fields(layers);
        if ["script", "trigger", "run"].iter().any(|key| fields.get(key).is_some()) {
            if jobs.len() >= JOBS_MAX {
                let message = format!("the pipeline has more than {JOBS_MAX} jobs");
                return Err(Unreadable::at(&document.source, "too-many-jobs", entry.key_span.clone(), message));
            }
            jobs.push(job(entry, &fields, root));
        }
    }
    // Child pipelines are files that are included elsewhere.
    let children = table.entries().iter().filter_map(|entry| entry.value.pointer("/trigger/include"));
    let children: Vec<Uses> = children.flat_map(includes).take(JOBS_MAX).collect();
    let mut triggers: Vec<Trigger> = Vec::new();
    for trigger in jobs.iter().filter(|job| !job.off).flat_map(|job| job.triggers.iter().flatten()) {
        if !triggers.iter().any(|known| known.event == trigger.event && known.filters == trigger.filters) {
            triggers.push(trigger.clone());
        }
    }
    let text = document.source.text.replace(MERGE, "<<");
    Ok(Workflow {
        format: Format::Gitlab,
        triggers,
        permissions: Permissions::default(),
        variables: Variables { entries: variables(root.get("variables")), computed: false },
        inputs: BTreeMap::new(),
        start: root.span.start,
        jobs,
        includes: root.get("include").map(includes).into_iter().flatten().chain(children).collect(),
        source: Arc::new(Source { path: document.source.path.clone(), text }),
    })
}

/// The text with its merge keys written so that they can be read.
fn merges(text: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let found = line.find("<<").filter(|at| {
            let (before, after) = line.split_at(*at);
            before.trim_start_matches([' ', '\t', '-', '{', ',']).is_empty()
                && after.get(2..).is_some_and(|after| after.trim_start().starts_with(':'))
        });
        match found {
            Some(at) => {
                replaced.push_str(line.get(..at).unwrap_or_default());
                replaced.push_str(MERGE);
                replaced.push_str(line.get(at + 2..).unwrap_or_default());
            }
            None => replaced.push_str(line),
        }
    }
    replaced
}

/// A job with what it extends and merges: tables of fields, of which the later one rules.
struct Fields<'a>(Vec<&'a Node>);

impl<'a> Fields<'a> {
    fn get(&self, key: &str) -> Option<&'a Node> {
        self.0.iter().rev().find_map(|layer| layer.get(key))
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &'a Node> {
        self.0.iter().filter_map(move |layer| layer.get(key))
    }
}

/// What a table is joined of, the ruling one last.
fn layer<'a>(node: &'a Node, root: &'a Node, depth: usize, layers: &mut Vec<&'a Node>) {
    if depth > EXTENDS_MAX || layers.len() >= LAYERS_MAX {
        return;
    }
    for parent in node.get("extends").map(texts).unwrap_or_default().into_iter().take(LAYERS_MAX) {
        if let Some(parent) = root.get(&parent) {
            layer(parent, root, depth + 1, layers);
        }
    }
    if let Some(merged) = node.get(MERGE) {
        match merged.as_list() {
            // Of several merged tables the first one rules (YAML 1.1, "Merge Key Language-Independent Type").
            Some(items) => items.iter().rev().for_each(|item| layer(item, root, depth + 1, layers)),
            None => layer(merged, root, depth + 1, layers),
        }
    }
    layers.push(node);
}

fn job(entry: &Entry, node: &Fields<'_>, root: &Node) -> Job {
    let mut lines = Vec::new();
    let mut left = VALUES_MAX;
    let before =
        node.get("before_script").or_else(|| root.pointer("/default/before_script")).or_else(|| root.get("before_script"));
    for part in [before, node.get("script")].into_iter().flatten() {
        script(part, root, 0, &mut left, &mut lines);
    }
    let rules = node.get("rules").map(|rules| flat(rules, root, 0, &mut left));
    let when = node.get("when").and_then(Node::as_text).unwrap_or("on_success");
    let may = |node: Option<&Node>| node.is_some_and(|value| value.as_written() != Some("false"));
    let (triggers, running) = triggers(node, root, rules.as_deref(), false, entry);
    let (alone, _) = self::triggers(node, root, rules.as_deref(), true, entry);
    let whens: Vec<&str> = match &rules {
        Some(_) => running.iter().map(|rule| rule.get("when").and_then(Node::as_text).unwrap_or(when)).collect(),
        None => vec![when],
    };
    let all_are = |what: &str| !whens.is_empty() && whens.iter().all(|when| *when == what);
    let manual = all_are("manual");
    // A manual job outside of rules blocks nothing unless it says so ("`allow_failure`": defaults).
    let unsaid_manual = rules.is_none() && manual && node.get("allow_failure").is_none();
    let uses = node.get("trigger").and_then(|trigger| {
        let what = trigger.as_text().or_else(|| trigger.get("project").and_then(Node::as_text))?;
        Some(Uses { what: what.to_owned(), span: trigger.span.clone() })
    });
    Job {
        id: entry.key.clone(),
        span: entry.key_span.clone(),
        needs: needs(node),
        off: triggers.is_empty() || (rules.is_none() && when == "never"),
        may_fail: may(node.get("allow_failure")) || running.iter().any(|rule| may(rule.get("allow_failure"))) || unsaid_manual,
        manual,
        // In the words of workflows.
        condition: all_are("on_failure").then(|| "failure()".to_owned()),
        environment: node.get("environment").and_then(|environment| text(environment.get("name").unwrap_or(environment))),
        variables: Variables {
            entries: node.all("variables").flat_map(|variables_of| variables(Some(variables_of))).collect(),
            computed: false,
        },
        secrets: node.all("secrets").flat_map(secrets).collect(),
        uses,
        triggers: Some(triggers),
        triggers_alone: Some(alone),
        steps: steps(lines),
        ..Job::default()
    }
}

/// The lines of a job as steps. One shell runs them one after the other, so each knows the whole.
fn steps(lines: Vec<Text>) -> Vec<Step> {
    let whole: Option<Arc<str>> = (lines.len() > 1 && lines.len() <= LINES_MAX)
        .then(|| lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n").into());
    let mut from = 0;
    let one = |run: Text| {
        let at = from;
        from += run.text.len() + 1;
        Step { span: run.span.clone(), whole: whole.clone().map(|whole| (whole, at)), run: Some(run), ..Step::default() }
    };
    lines.into_iter().map(one).collect()
}

/// The rules, lists within lists and references joined.
fn flat<'a>(node: &'a Node, root: &'a Node, depth: usize, left: &mut usize) -> Vec<&'a Node> {
    if depth > EXTENDS_MAX || *left == 0 {
        return vec![];
    }
    *left -= 1;
    match node.as_list() {
        Some(items) => match referred(items, root, depth) {
            Some(found) => flat(found, root, depth + 1, left),
            None => items.iter().flat_map(|item| flat(item, root, depth + 1, left)).collect(),
        },
        None => vec![node],
    }
}

/// What `!reference [job, key]` stands for.
fn referred<'a>(items: &[Node], root: &'a Node, depth: usize) -> Option<&'a Node> {
    let [first, rest @ ..] = items else { return None };
    if depth == 0 || rest.is_empty() {
        return None;
    }
    let job = root.get(first.as_text()?)?;
    rest.iter().try_fold(job, |node, key| node.get(key.as_text()?))
}

/// The lines of a script; lists within lists are joined, and `!reference [job, key]` is what stands there.
fn script(node: &Node, root: &Node, depth: usize, left: &mut usize, lines: &mut Vec<Text>) {
    if depth > EXTENDS_MAX || *left == 0 {
        return;
    }
    *left -= 1;
    match node.as_list() {
        Some(items) => match referred(items, root, depth) {
            Some(found) => script(found, root, depth + 1, left, lines),
            None => items.iter().for_each(|item| script(item, root, depth + 1, left, lines)),
        },
        None => lines.extend(text(node)),
    }
}

fn needs(node: &Fields<'_>) -> Vec<String> {
    let Some(items) = node.get("needs").and_then(Node::as_list) else {
        return node.get("dependencies").map(texts).unwrap_or_default();
    };
    items
        .iter()
        .filter_map(|item| item.as_text().or_else(|| item.get("job").and_then(Node::as_text)))
        .map(str::to_owned)
        .collect()
}

fn variables(node: Option<&Node>) -> Vec<(String, Text)> {
    let Some(node) = node else { return vec![] };
    let mut layers = Vec::new();
    layer(node, node, 0, &mut layers);
    let entries = layers.into_iter().filter_map(Node::as_table).flat_map(|table| table.entries());
    let value = |entry: &Entry| text(entry.value.get("value").unwrap_or(&entry.value));
    entries.filter_map(|entry| Some((entry.key.clone(), value(entry)?))).collect()
}

/// `secrets:` of a job names what it reads from a store of secrets.
fn secrets(node: &Node) -> Vec<Text> {
    let entries = node.get("secrets").and_then(Node::as_table).map_or(&[][..], |table| table.entries());
    entries.iter().map(|entry| Text { text: entry.key.clone(), span: entry.key_span.clone() }).collect()
}

/// What a job is triggered by, its rules (or those of the whole pipeline) or `only` and `except`; and those of its rules by which it
/// runs. `alone` says that nobody sets a variable from outside.
fn triggers<'a>(
    node: &Fields<'_>,
    root: &Node,
    rules: Option<&[&'a Node]>,
    alone: bool,
    entry: &Entry,
) -> (Vec<Trigger>, Vec<&'a Node>) {
    let of_pipeline: Option<Vec<&Node>> =
        root.pointer("/workflow/rules").and_then(Node::as_list).map(|rules| rules.iter().take(VALUES_MAX).collect());
    let texts_of = |node: Option<&Node>| node.map(texts).unwrap_or_default();
    let (only, except) = (node.get("only"), node.get("except"));
    let variables_of = |filter: Option<&Node>| texts_of(filter.and_then(|filter| filter.get("variables")));
    let (only_variables, except_variables) = (variables_of(only), variables_of(except));
    let declared: BTreeSet<String> = std::iter::once(root)
        .filter_map(|root| root.get("variables"))
        .chain(node.all("variables"))
        .flat_map(|variables_of| variables(Some(variables_of)))
        .map(|(name, _)| name)
        .collect();
    let known = Known { declared: &declared, alone };
    let conditions = rules.into_iter().flatten().chain(of_pipeline.iter().flatten());
    let conditions = conditions.filter_map(|rule| rule.get("if").and_then(Node::as_text));
    let conditions = conditions.chain(only_variables.iter().chain(&except_variables).map(String::as_str));
    let mut found: Vec<Trigger> = Vec::new();
    let mut running: Vec<&Node> = Vec::new();
    for pipeline in gitlab_rules::all(conditions) {
        if of_pipeline.as_ref().is_some_and(|rules| deciding(rules, &pipeline, &known).is_empty()) {
            continue;
        }
        let may_hold = |text: &String| holds(text, &pipeline, &known) != Some(false);
        let filters: Vec<BTreeMap<String, Vec<String>>> = if let Some(rules) = rules {
            let deciding = deciding(rules, &pipeline, &known);
            running.extend(
                deciding.iter().filter(|rule| !running.iter().any(|one| std::ptr::eq(*one, **rule))).copied().collect::<Vec<_>>(),
            );
            deciding.iter().map(|rule| filters(rule)).collect()
        } else {
            let refs = only.map(|only| texts(only.get("refs").unwrap_or(only))).filter(|refs| !refs.is_empty());
            let usual = if of_pipeline.is_some() { true } else { matches!(pipeline.event, "push" | "schedule") };
            let named = match &refs {
                Some(refs) => is_of(refs, &pipeline),
                None => usual.then(Vec::new),
            };
            let unwanted = texts_of(except.map(|except| except.get("refs").unwrap_or(except)));
            let refused = !unwanted.is_empty() && is_of(&unwanted, &pipeline).is_some_and(|branches| branches.is_empty())
                || except_variables.iter().any(|text| holds(text, &pipeline, &known) == Some(true))
                || !only_variables.is_empty() && !only_variables.iter().any(may_hold);
            named
                .filter(|_| !refused)
                .into_iter()
                .map(|branches| {
                    let mut found = only.map(filters).unwrap_or_default();
                    if !branches.is_empty() {
                        found.insert("branches".to_owned(), branches);
                    }
                    found
                })
                .collect()
        };
        for mut filters in filters {
            let (event, tags) = match pipeline.event {
                "push:tags" => ("push", true),
                event => (event, false),
            };
            // `push:tags` is a push with a filter, as in a workflow.
            if tags {
                filters.insert("tags".to_owned(), vec!["*".to_owned()]);
            }
            if let Some(branch) = pipeline.named_branch() {
                filters.entry("branches".to_owned()).or_insert_with(|| vec![branch.to_owned()]);
            }
            let same = |one: &Trigger| one.event == event && one.filters == filters;
            // Of a push to any branch and one to a branch that is named, the first says all.
            let wider = |one: &Trigger| {
                one.event == event && pipeline.named_branch().is_some() && {
                    let mut without = filters.clone();
                    without.remove("branches");
                    one.filters == without
                }
            };
            if !found.iter().any(|one| same(one) || wider(one)) {
                found.push(Trigger { event: event.to_owned(), span: entry.key_span.clone(), filters });
            }
        }
    }
    found.sort_by(|left, right| left.event.cmp(&right.event));
    (found, running)
}

/// The rules that may decide about a job in a pipeline, the first that holds being the last; none by which it does not run.
fn deciding<'a>(rules: &[&'a Node], pipeline: &Pipeline, known: &Known<'_>) -> Vec<&'a Node> {
    let mut found = Vec::new();
    for rule in rules {
        let held = rule.get("if").and_then(Node::as_text).map_or(Some(true), |text| holds(text, pipeline, known));
        if held == Some(false) {
            continue;
        }
        if rule.get("when").and_then(Node::as_text) != Some("never") {
            found.push(*rule);
        }
        if held == Some(true) && rule.get("changes").is_none() && rule.get("exists").is_none() {
            break;
        }
    }
    found
}

/// What a rule, or `only`, asks of the files.
fn filters(rule: &Node) -> BTreeMap<String, Vec<String>> {
    let mut filters = BTreeMap::new();
    for (key, name) in [("changes", "paths"), ("exists", "exists")] {
        if let Some(asked) = rule.get(key) {
            filters.insert(name.to_owned(), texts(asked.get("paths").unwrap_or(asked)));
        }
    }
    filters
}

/// Whether the words of `only` or `except` mean a pipeline; with the branches that they name, none of them for every branch.
fn is_of(refs: &[String], pipeline: &Pipeline) -> Option<Vec<String>> {
    let mut branches = Vec::new();
    let mut meant = false;
    for name in refs {
        let event = match name.as_str() {
            "merge_requests" | "external_pull_requests" => "pull_request",
            "schedules" => "schedule",
            "web" | "api" | "triggers" | "pipelines" | "chat" => "workflow_dispatch",
            "tags" => "push:tags",
            _ => "push",
        };
        if event != pipeline.event {
            continue;
        }
        meant = true;
        if event == "push" && !matches!(name.as_str(), "branches" | "pushes") && !name.starts_with('/') {
            branches.push(name.clone());
        } else {
            return Some(vec![]);
        }
    }
    meant.then_some(branches)
}

/// What is included from elsewhere, as `what@reference`. A file of this repository is local.
fn includes(node: &Node) -> Vec<Uses> {
    let one = |node: &Node| {
        let get = |key: &str| node.get(key).and_then(Node::as_text);
        let what = if let Some(text) = node.as_text() {
            if text.contains("://") { text.to_owned() } else { format!("./{}", text.trim_start_matches('/')) }
        } else if let Some(local) = get("local") {
            format!("./{}", local.trim_start_matches('/'))
        } else if let Some(project) = get("project") {
            get("ref").map_or_else(|| project.to_owned(), |reference| format!("{project}@{reference}"))
        } else if let Some(component) = get("component") {
            component.to_owned()
        } else if let Some(remote) = get("remote") {
            // `integrity` binds a remote file to its SHA-256, in base 64.
            match get("integrity").and_then(|integrity| integrity.strip_prefix("sha256-")) {
                Some(_) => format!("./{remote}"),
                None => remote.to_owned(),
            }
        } else {
            // `template` comes with the GitLab that runs it.
            return None;
        };
        Some(Uses { what, span: node.span.clone() })
    };
    match node.as_list() {
        Some(items) => items.iter().filter_map(one).collect(),
        None => one(node).into_iter().collect(),
    }
}

//! GitHub Actions workflows: what triggers them, their jobs and steps, and what makes a step not count.
//!
//! The format: "Workflow syntax for GitHub Actions". Only what decides whether a step runs, and whether its failure
//! stops the job, is read. Steps within composite actions and reusable workflows are not followed.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use avouch_model::diagnostic::Source;

use crate::structured::{Node, Unreadable, Value, parse_yaml};

/// The largest workflow that is read, in bytes.
pub const BYTES_MAX: u64 = 1024 * 1024;

/// A workflow.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// The text; spans are of this text.
    pub source: Arc<Source>,
    /// What triggers it: `push`, and with a filter also `push:tags`, `push:branches`.
    pub events: BTreeSet<String>,
    /// Its jobs, in the order of the text.
    pub jobs: Vec<Job>,
}

/// A job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// The jobs that must succeed before it.
    pub needs: Vec<String>,
    /// Whether it is switched off (`if: false`).
    pub off: bool,
    /// Whether the workflow goes on when it fails.
    pub may_fail: bool,
    /// The reusable workflow that it calls.
    pub uses: Option<Uses>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its script.
    pub run: Option<String>,
    /// The action that it uses.
    pub uses: Option<Uses>,
    /// Whether it is switched off.
    pub off: bool,
    /// Whether the job goes on when it fails.
    pub may_fail: bool,
    /// Where it stands.
    pub span: Range<usize>,
}

/// An action or a reusable workflow that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uses {
    /// As it is written, `actions/checkout@v4`.
    pub what: String,
    /// Where it stands.
    pub span: Range<usize>,
}

impl Uses {
    /// Whether what is used can change only with this repository: a local path, a full commit id, or an image's digest.
    pub fn is_pinned(&self) -> bool {
        let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if self.what.starts_with("./") {
            return true;
        }
        if let Some(image) = self.what.strip_prefix("docker://") {
            return image.rsplit_once("@sha256:").is_some_and(|(_, digest)| digest.len() == 64 && is_hex(digest));
        }
        self.what.rsplit_once('@').is_some_and(|(_, reference)| matches!(reference.len(), 40 | 64) && is_hex(reference))
    }
}

/// Reads a workflow.
///
/// # Errors
/// When the bytes are no YAML, or the text has no `on` or no `jobs`: it is no workflow.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Workflow, Unreadable> {
    let document = parse_yaml(path, bytes, BYTES_MAX)?;
    let missing = |key: &str| {
        Unreadable::at(
            &document.source,
            "no-workflow",
            document.root.span.clone(),
            format!("a workflow needs `{key}`, and there is none"),
        )
    };
    let triggers = document.root.get("on").ok_or_else(|| missing("on"))?;
    let jobs = document.root.get("jobs").and_then(Node::as_table).ok_or_else(|| missing("jobs"))?;
    Ok(Workflow {
        events: events(triggers),
        jobs: jobs.entries().iter().map(|entry| job(&entry.key, &entry.value)).collect(),
        source: document.source,
    })
}

/// A script with its comments blanked out, and whether a failure of the command at a byte of it stops the step: not after
/// `set +e`, and not where the line goes on with `|| true` or the like.
pub fn is_swallowed(script: &str, at: usize) -> bool {
    let start = script.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |newline| newline + 1));
    let mut end = start;
    // A backslash before the line break goes on with the next line.
    for line in script.get(start..).unwrap_or_default().split_inclusive('\n') {
        end += line.len();
        if end > at && !line.trim_end().ends_with('\\') {
            break;
        }
    }
    let command = script.get(at..end).unwrap_or_default();
    let excused = command.split("||").skip(1).any(|fallback| {
        let fallback = fallback.trim_start();
        let word = fallback.split(|each: char| each.is_whitespace() || each == ';').next().unwrap_or_default();
        matches!(word, "true" | ":" | "echo" | "printf") || fallback.starts_with("exit 0")
    });
    let ends_in_true = command.split(';').skip(1).any(|next| matches!(next.trim(), "true" | ":" | "exit 0"));
    let before = script.get(..start).unwrap_or_default();
    let ignoring = before.rfind("set +e").is_some_and(|off| before.rfind("set -e").is_none_or(|on| on < off));
    excused || ends_in_true || ignoring
}

fn events(node: &Node) -> BTreeSet<String> {
    let mut events = BTreeSet::new();
    match &node.value {
        Value::List(items) => events.extend(items.iter().filter_map(Node::as_text).map(str::to_owned)),
        Value::Table(table) => {
            for entry in table.entries() {
                events.insert(entry.key.clone());
                let filters = entry.value.as_table().map_or(&[][..], |filters| filters.entries());
                events.extend(filters.iter().map(|filter| format!("{}:{}", entry.key, filter.key)));
            }
        }
        _ => events.extend(node.as_text().map(str::to_owned)),
    }
    events
}

fn job(id: &str, node: &Node) -> Job {
    let needs = match node.get("needs") {
        Some(needs) => match needs.as_list() {
            Some(items) => items.iter().filter_map(Node::as_text).map(str::to_owned).collect(),
            None => needs.as_text().map(str::to_owned).into_iter().collect(),
        },
        None => vec![],
    };
    Job {
        id: id.to_owned(),
        needs,
        off: is_off(node),
        may_fail: may_fail(node),
        uses: uses(node),
        steps: node
            .get("steps")
            .and_then(Node::as_list)
            .unwrap_or_default()
            .iter()
            .map(|step| Step {
                run: step.get("run").and_then(Node::as_text).map(str::to_owned),
                uses: uses(step),
                off: is_off(step),
                may_fail: may_fail(step),
                span: step.span.clone(),
            })
            .collect(),
    }
}

fn uses(node: &Node) -> Option<Uses> {
    let node = node.get("uses")?;
    Some(Uses { what: node.as_text()?.trim().to_owned(), span: node.span.clone() })
}

/// `if: false`, in an expression or not. Other conditions are taken to hold.
fn is_off(node: &Node) -> bool {
    node.get("if").and_then(Node::as_written).is_some_and(|condition| {
        let condition = condition.trim();
        let bare = condition.strip_prefix("${{").and_then(|inner| inner.strip_suffix("}}")).unwrap_or(condition).trim();
        matches!(bare, "false" | "0" | "''" | "null") || bare.starts_with("false &&") || bare.ends_with("&& false")
    })
}

/// `continue-on-error`; an expression may be true.
fn may_fail(node: &Node) -> bool {
    node.get("continue-on-error").is_some_and(|value| value.as_written().map(str::trim) != Some("false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "on:\n  push:\n    tags: ['v*']\n  release:\njobs:\n  build:\n    steps:\n      - uses: actions/checkout@v4\n\
                        \x20     - run: make sbom\n  publish:\n    needs: build\n    if: ${{ false }}\n    continue-on-error: true\n    steps: []\n";

    #[test]
    fn events_jobs_and_steps_are_read() {
        let workflow = parse("w.yml", TEXT.as_bytes()).unwrap();
        let events: Vec<_> = workflow.events.iter().map(String::as_str).collect();
        assert_eq!(events, ["push", "push:tags", "release"]);
        let [build, publish] = &workflow.jobs[..] else { panic!() };
        assert_eq!(build.steps[1].run.as_deref(), Some("make sbom"));
        assert!(!build.off && !build.may_fail && publish.off && publish.may_fail);
        assert_eq!(publish.needs, ["build"]);
        assert_eq!(workflow.source.position(build.steps[0].uses.as_ref().unwrap().span.start), (8, 15));
    }

    #[test]
    fn triggers_have_three_spellings() {
        for on in ["on: push", "on: [push]", "on:\n  push:"] {
            let workflow = parse("w.yml", format!("{on}\njobs: {{}}").as_bytes()).unwrap();
            assert!(workflow.events.contains("push"), "{on}");
        }
    }

    #[test]
    fn only_a_full_commit_or_a_digest_is_pinned() {
        let is_pinned = |what: &str| Uses { what: what.into(), span: 0..0 }.is_pinned();
        let commit = "a".repeat(40);
        let digest = "0".repeat(64);
        assert!(is_pinned("./.github/actions/x") && is_pinned(&format!("a/b/c@{commit}")));
        assert!(is_pinned(&format!("docker://alpine@sha256:{digest}")));
        for what in ["a/b@v4", "a/b@main", "a/b", "docker://alpine:3", &format!("a/b@{}", &commit[1..])] {
            assert!(!is_pinned(what), "{what}");
        }
    }

    #[test]
    fn a_failure_can_be_swallowed_in_several_ways() {
        let at = |script: &str| is_swallowed(script, script.find("audit").unwrap());
        for script in [
            "npm audit || true",
            "npm audit \\\n  --high || :",
            "set +e\nnpm audit",
            "npm audit; true",
            "npm audit || echo failed",
            "npm audit || exit 0",
        ] {
            assert!(at(script), "{script}");
        }
        for script in [
            "npm audit",
            "npm test || true\nnpm audit",
            "npm audit\nnpm test || true",
            "npm audit || exit 1",
            "set +e\nx\nset -e\nnpm audit",
            "npm ci && npm audit",
        ] {
            assert!(!at(script), "{script}");
        }
    }

    #[test]
    fn what_is_no_workflow_is_refused() {
        assert!(parse("w.yml", b"a: 1").unwrap_err().to_string().contains("`on`"));
        assert!(parse("w.yml", b"on: push").unwrap_err().to_string().contains("`jobs`"));
        assert!(parse("w.yml", b"on: [").is_err());
    }
}

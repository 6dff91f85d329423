//! `hook.steps`: does a hook on every developer's machine look before a commit is made?

use avouch_model::{observation::Population, state::Outcome};
use avouch_read::{
    structured::{Document, Node},
    workflow::shell::{Script, Shell},
};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::{
    Example, Judgement, Question, Unasked, Vantage, World,
    ecosystems::PackageScripts,
    parameters::{Globs, Pattern},
    parsed::Form,
    pipelines::decide,
    sources::{FILE_BYTES_MAX, Place, bytes, place},
};

/// Where the configurations of hooks lie.
const USUAL: &[&str] = &[".pre-commit-config.{yaml,yml}", ".husky/*", "{lefthook,.lefthook}.{yml,yaml}", ".githooks/*"];

/// Programs that look for secrets.
const SCANNERS: &str =
    r"(?i)\b(?:gitleaks|betterleaks|trufflehog|detect-secrets|ripsecrets|kingfisher|secretlint|git-secrets|avouch scan)\b";

/// The largest configuration that is read, in bytes.
const BYTES_MAX: u64 = 1024 * 1024;

/// See the module.
pub(super) struct HookSteps;

/// Which hook, at which moment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    files: Option<Globs>,
    /// What the hook is called or runs; left out, a scanner of secrets.
    hook: Option<Pattern>,
    /// The moment, as git names it.
    #[serde(default = "pre_commit")]
    moment: String,
}

fn pre_commit() -> String {
    "pre-commit".to_owned()
}

/// The hooks that are like the one that is wanted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// How many configurations of hooks there are.
    files: u64,
    hooks: Vec<HookSeen>,
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HookSeen {
    place: Place,
    tool: String,
    /// Why it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lame: Option<String>,
}

impl Question for HookSteps {
    const ID: &'static str = "hook.steps";
    const QUESTION: &'static str = "Does a hook look before a commit is made?";
    const VANTAGE: Vantage = Vantage::Repository;
    const EXPLANATION: &'static str = include_str!("../../../../docs/kinds/hook-steps.md");
    const EXAMPLES: &'static [Example] = EXAMPLES;
    type Asked = Asked;
    type Seen = Seen;

    fn gather(world: &World<'_>, asked: &Asked) -> Result<Seen, Unasked> {
        let usual = Globs::new(USUAL.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked)?;
        let scanners = Regex::new(SCANNERS).map_err(|error| Unasked(error.to_string()))?;
        let pattern: &Regex = asked.hook.as_deref().unwrap_or(&scanners);
        let scripts = world.package_scripts()?;
        let mut seen = Seen { files: 0, hooks: vec![], unreadable: vec![] };
        let looking = Looking { pattern, moment: &asked.moment, scripts: &scripts };
        for path in world.matching(asked.files.as_ref().unwrap_or(&usual), &Globs::default())? {
            let name = path.rsplit('/').next().unwrap_or_default();
            let is_yaml = name.ends_with(".yml") || name.ends_with(".yaml");
            // `.husky/_` and helpers beside the hooks are no hooks of git.
            if !is_yaml && name != asked.moment {
                continue;
            }
            if !is_yaml {
                let Some(bytes) = bytes(world.tree, &path, FILE_BYTES_MAX)? else { continue };
                seen.files += 1;
                looking.script_file(&path, &bytes, &mut seen);
                continue;
            }
            seen.files += 1;
            match world.document(&path, Form::Yaml, BYTES_MAX) {
                Ok(document) if name.contains("lefthook") => looking.lefthook(&document, &mut seen),
                Ok(document) => looking.pre_commit(&document, &mut seen),
                Err(Unasked(why)) => seen.unreadable.push(why),
            }
        }
        Ok(seen)
    }

    fn judge(seen: &Seen, asked: &Asked) -> Judgement {
        let mut findings = Vec::new();
        // A file that cannot be read may hold the hook.
        let unread = !seen.unreadable.is_empty() && seen.hooks.is_empty();
        if seen.files > 0 && !unread && !seen.hooks.iter().any(|hook| hook.lame.is_none()) {
            let wrong: Vec<String> = seen
                .hooks
                .iter()
                .filter_map(|hook| Some(format!("the hook at {} {}", hook.place, hook.lame.as_ref()?)))
                .collect();
            findings.push(if wrong.is_empty() {
                format!("no `{}` hook is like the one that is wanted", asked.moment)
            } else {
                wrong.join("; ")
            });
        }
        let mut tools: Vec<&str> = seen.hooks.iter().filter(|hook| hook.lame.is_none()).map(|hook| hook.tool.as_str()).collect();
        tools.dedup();
        let sentence = format!(
            "A {} hook is configured ({}). A hook can be skipped: the pipeline must look as well.",
            asked.moment,
            tools.join(", ")
        );
        decide(Population { examined: seen.files, required: 1 }, &seen.unreadable, findings, sentence)
    }
}

struct Looking<'a> {
    pattern: &'a Regex,
    moment: &'a str,
    scripts: &'a PackageScripts,
}

impl Looking<'_> {
    /// A hook of git itself, as husky keeps them; it runs with `sh -e`.
    fn script_file(&self, path: &str, bytes: &[u8], seen: &mut Seen) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let source = avouch_model::diagnostic::Source { path: path.to_owned(), text };
        let tool = if path.starts_with(".husky/") { "husky" } else { "git" };
        for (at, lame) in self.commands(&source.text, Shell::ACTIONS) {
            seen.hooks.push(HookSeen { place: place(&source, at), tool: tool.to_owned(), lame });
        }
    }

    /// The commands of a script that are meant, and why each does not count.
    fn commands(&self, script: &str, shell: Shell) -> Vec<(usize, Option<String>)> {
        let commands = self.scripts.commands(script, shell).into_iter();
        commands
            .filter(|(command, _, _)| self.pattern.is_match(&command.program().join(" ")))
            .map(|(_, at, unheard)| (at, unheard.map(|unheard| format!("does not stop the commit: {}", unheard.shown()))))
            .collect()
    }

    /// `.pre-commit-config.yaml` ("pre-commit-config.yaml - top level").
    fn pre_commit(&self, document: &Document, seen: &mut Seen) {
        let texts = |node: Option<&Node>| -> Vec<String> {
            node.and_then(Node::as_list).unwrap_or_default().iter().filter_map(Node::as_text).map(str::to_owned).collect()
        };
        let root = &document.root;
        let default_stages = texts(root.get("default_stages"));
        for repo in root.get("repos").and_then(Node::as_list).unwrap_or_default() {
            let from = repo.get("repo").and_then(Node::as_text).unwrap_or_default();
            let rev = repo.get("rev").and_then(Node::as_written);
            for hook in repo.get("hooks").and_then(Node::as_list).unwrap_or_default() {
                let text = |key: &str| hook.get(key).and_then(Node::as_written).unwrap_or_default();
                let whole = format!("{from} {} {}", text("id"), text("entry"));
                if !self.pattern.is_match(&whole) {
                    continue;
                }
                let own = texts(hook.get("stages"));
                let stages = if own.is_empty() { &default_stages } else { &own };
                let at_moment = stages.is_empty()
                    || stages.iter().any(|stage| stage == self.moment || (stage == "commit" && self.moment == "pre-commit"));
                let local = matches!(from, "local" | "meta");
                let everything = |pattern: &str| matches!(pattern, ".*" | "." | "" | "^.*$" | ".+") || pattern.starts_with("^.*");
                let excluded = [hook.get("exclude"), root.get("exclude")].into_iter().flatten();
                let excluded = excluded.filter_map(Node::as_text).any(everything);
                let nothing = [hook.get("files"), root.get("files")]
                    .into_iter()
                    .flatten()
                    .filter_map(Node::as_text)
                    .any(|files| files == "^$");
                let entry = Script::parse(text("entry"));
                let excused = entry.commands.len() > 1
                    && (0..entry.commands.len()).any(|place| entry.unheard(place, Shell::PLAIN).is_some());
                let lame = if !local && !rev.is_some_and(is_fixed) {
                    Some("has no fixed version (`rev`)".to_owned())
                } else if !at_moment {
                    Some(format!("runs at {} only", stages.join(", ")))
                } else if excluded || nothing {
                    Some("leaves out every file".to_owned())
                } else if excused {
                    Some("does not stop the commit".to_owned())
                } else {
                    None
                };
                seen.hooks.push(HookSeen {
                    place: place(&document.source, hook.span.start),
                    tool: "pre-commit".to_owned(),
                    lame,
                });
            }
        }
    }

    /// `lefthook.yml` ("Configuration", `commands`, `jobs`, `scripts`, `skip`).
    fn lefthook(&self, document: &Document, seen: &mut Seen) {
        let Some(hook) = document.root.get(self.moment) else { return };
        let skipped = |node: &Node| {
            node.get("skip").and_then(Node::as_bool) == Some(true) || node.get("only").and_then(Node::as_bool) == Some(false)
        };
        let commands = hook.get("commands").and_then(Node::as_table).map_or(&[][..], |table| table.entries());
        let mut jobs: Vec<&Node> = commands.iter().map(|entry| &entry.value).collect();
        gather_jobs(hook, 0, &mut jobs);
        for job in jobs {
            let Some(run) = job.get("run") else { continue };
            for (_, lame) in self.commands(run.as_text().unwrap_or_default(), Shell::PLAIN) {
                let lame = if skipped(job) || skipped(hook) { Some("is skipped".to_owned()) } else { lame };
                seen.hooks.push(HookSeen { place: place(&document.source, run.span.start), tool: "lefthook".to_owned(), lame });
            }
        }
    }
}

/// The jobs of a hook, those in groups too.
fn gather_jobs<'a>(node: &'a Node, depth: usize, found: &mut Vec<&'a Node>) {
    for job in node.get("jobs").and_then(Node::as_list).unwrap_or_default() {
        found.push(job);
        if let Some(group) = job.get("group")
            && depth < 8
        {
            gather_jobs(group, depth + 1, found);
        }
    }
}

/// A version or a full commit; no branch.
fn is_fixed(rev: &str) -> bool {
    let rev = rev.trim();
    let is_commit = rev.len() == 40 && rev.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = rev.trim_start_matches(|each: char| each.is_ascii_alphabetic() || matches!(each, '-' | '_' | '/'));
    let parts: Vec<&str> = number.split(['.', '-', '+']).collect();
    let is_version =
        parts.len() >= 2 && parts.iter().take(2).all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_commit || is_version
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "gitleaks runs before every commit, at a fixed version",
        asked: "{}",
        seen: r#"{"files":1,"hooks":[{"place":{"file":".pre-commit-config.yaml","line":5,"column":9},"tool":"pre-commit"}],"unreadable":[]}"#,
        outcome: Outcome::Pass,
    },
    Example {
        name: "the hook follows a branch",
        asked: "{}",
        seen: r#"{"files":1,"hooks":[{"place":{"file":".pre-commit-config.yaml","line":5,"column":9},"tool":"pre-commit","lame":"has no fixed version (`rev`)"}],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there are hooks, and none looks for secrets",
        asked: "{}",
        seen: r#"{"files":1,"hooks":[],"unreadable":[]}"#,
        outcome: Outcome::Fail,
    },
    Example {
        name: "there are no hooks",
        asked: "{}",
        seen: r#"{"files":0,"hooks":[],"unreadable":[]}"#,
        outcome: Outcome::NotExercised,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn outcome(files: &[(&str, &str)], asked: &str) -> Outcome {
        let asked: Asked = serde_json::from_str(asked).unwrap();
        let seen = Scene::of(files.iter().copied()).with(|world| HookSteps::gather(world, &asked)).unwrap();
        HookSteps::judge(&seen, &asked).outcome
    }

    const PRE_COMMIT: &str =
        "repos:\n  - repo: https://github.com/gitleaks/gitleaks\n    rev: v8.30.1\n    hooks:\n      - id: gitleaks\n";

    #[test]
    fn a_hook_of_pre_commit_counts_where_it_runs() {
        let of = |text: &str| outcome(&[(".pre-commit-config.yaml", text)], "{}");
        assert_eq!(of(PRE_COMMIT), Outcome::Pass);
        for (from, to) in [
            ("rev: v8.30.1", "rev: main"),
            ("    rev: v8.30.1\n", ""),
            ("      - id: gitleaks\n", "      # - id: gitleaks\n      - id: other\n"),
            ("      - id: gitleaks\n", "      - id: gitleaks\n        stages: [manual]\n"),
            ("      - id: gitleaks\n", "      - id: gitleaks\n        exclude: .*\n"),
            ("repos:", "default_stages: [pre-push]\nrepos:"),
        ] {
            let text = PRE_COMMIT
                .replace(from, to)
                .replace("gitleaks/gitleaks", if to.contains("other") { "x/y" } else { "gitleaks/gitleaks" });
            assert_eq!(of(&text), Outcome::Fail, "{text}");
        }
        assert_eq!(of("repos: [\n"), Outcome::Error);
        let local = "repos:\n  - repo: local\n    hooks:\n      - { id: x, entry: gitleaks git --staged, language: system }\n";
        assert_eq!(of(local), Outcome::Pass);
        assert_eq!(of(&local.replace("--staged", "--staged || true")), Outcome::Fail);
    }

    #[test]
    fn husky_and_lefthook_are_read() {
        let husky = |text: &str| outcome(&[(".husky/pre-commit", text)], "{}");
        assert_eq!(husky("npx lint-staged\ngitleaks git --staged\n"), Outcome::Pass);
        assert_eq!(husky("gitleaks git --staged || true\n"), Outcome::Fail);
        assert_eq!(husky("# gitleaks git\n"), Outcome::Fail);
        assert_eq!(outcome(&[(".husky/pre-push", "gitleaks git\n")], "{}"), Outcome::NotExercised);
        let lefthook = |text: &str| outcome(&[("lefthook.yml", text)], "{}");
        assert_eq!(lefthook("pre-commit:\n  commands:\n    s:\n      run: gitleaks git --staged\n"), Outcome::Pass);
        assert_eq!(
            lefthook("pre-commit:\n  jobs:\n    - group:\n        jobs:\n          - run: gitleaks git --staged\n"),
            Outcome::Pass
        );
        assert_eq!(
            lefthook("pre-commit:\n  commands:\n    s:\n      run: gitleaks git --staged\n      skip: true\n"),
            Outcome::Fail
        );
        assert_eq!(lefthook("pre-push:\n  commands:\n    s:\n      run: gitleaks git\n"), Outcome::Fail);
    }

    #[test]
    fn another_hook_can_be_asked_for() {
        let asked = r#"{"hook":"\\bclippy\\b","moment":"pre-push"}"#;
        assert_eq!(outcome(&[(".husky/pre-push", "cargo clippy\n")], asked), Outcome::Pass);
        let manifest = r#"{"scripts":{"lint":"cargo clippy"}}"#;
        assert_eq!(outcome(&[(".husky/pre-push", "npm run lint\n"), ("package.json", manifest)], asked), Outcome::Pass);
    }
}

//! The commands that a repository runs: in shell scripts, package scripts, makefiles, pipelines, and programs that start others.

use std::{ops::Range, sync::Arc};

use avouch_model::diagnostic::Source;
use avouch_read::{
    javascript::{Call, Script as JavaScript, Sort},
    structured::Node,
    workflow::shell::{Script, Shell},
};

use crate::{
    Unasked, World,
    confirmed::{Asked, after_yes},
    parameters::Globs,
    parsed::Form,
    pipelines::Pipelines,
    sources::{FILE_BYTES_MAX, Place, place, texts},
};

/// Where scripts lie.
const USUAL: &[&str] =
    &["**/*.{sh,bash,zsh}", "**/package.json", "**/{Makefile,makefile,GNUmakefile,*.mk}", ".husky/*", "{scripts,bin,tools}/**"];
const FOREIGN: &[&str] = &["**/node_modules/**", "**/vendor/**", "**/*.{test,spec}.*"];

/// Programs that only show text.
const SHOWS: &[&str] = &["echo", "printf", ":", "true", "print"];

/// Functions that start a program: with a line of a shell, or with its words.
const STARTS: &[&str] = &["exec", "execSync", "execFile", "execFileSync", "spawn", "spawnSync", "run", "execa"];

/// How many commands before one are looked at, and in scripts of how many at most.
const BEFORE_MAX: usize = 20;
const COMMANDS_MAX: usize = 500;

/// A command where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    source: Arc<Source>,
    at: At,
    /// Its words, and as it is written with what it reads and writes.
    pub(crate) words: String,
    pub(crate) written: String,
    /// A person has to say yes before it runs.
    pub(crate) confirmed: bool,
    /// The commands of its script without whose success it does not run: the last few, and none of a long script.
    pub(crate) before: Vec<String>,
}

/// Where a command stands in its file. Lines are counted for those that somebody is told of: a file may hold many commands.
#[derive(Clone, Debug)]
enum At {
    /// At this byte.
    Byte(usize),
    /// In the text of a step that stands there: where this line begins, as it is written.
    Step(Range<usize>, String),
}

impl Heard {
    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        let at = match &self.at {
            At::Byte(at) => *at,
            At::Step(span, line) => {
                let text = self.source.text.get(span.clone()).unwrap_or_default();
                span.start + text.find(line.as_str()).unwrap_or_default()
            }
        };
        place(&self.source, at)
    }
}

/// The commands of the files that are asked about, and of pipelines.
pub(crate) fn commands(world: &World<'_>, files: Option<&Globs>, pipelines: bool) -> Result<(Vec<Heard>, Vec<String>), Unasked> {
    let globs = |texts: &[&str]| Globs::new(texts.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked);
    let usual = globs(USUAL)?;
    let mut heard = Vec::new();
    let mut unreadable = Vec::new();
    for source in texts(world, files.unwrap_or(&usual), &globs(FOREIGN)?)?.into_iter().map(Arc::new) {
        let name = source.path.rsplit('/').next().unwrap_or_default();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        if name == "package.json" {
            match world.document(&source.path, Form::Json, FILE_BYTES_MAX) {
                Ok(document) => {
                    let scripts = document.root.get("scripts").and_then(Node::as_table);
                    for entry in scripts.map_or(&[][..], |table| table.entries()) {
                        let at = |_| At::Byte(entry.value.span.start);
                        shell(&source, entry.value.as_text().unwrap_or_default(), at, false, &mut heard);
                    }
                }
                Err(Unasked(why)) => unreadable.push(why),
            }
        } else if matches!(extension, "js" | "mjs" | "cjs" | "ts" | "mts" | "cts") {
            programs(&source, &mut heard);
        } else if matches!(extension, "sh" | "bash" | "zsh") || source.path.starts_with(".husky/") || is_shell(&source.text) {
            shell(&source, &source.text, At::Byte, false, &mut heard);
        } else if name.ends_with("akefile") || extension == "mk" {
            makefile(&source, &mut heard);
        }
    }
    if pipelines {
        steps(world, &mut heard, &mut unreadable)?;
    }
    Ok((heard, unreadable))
}

fn is_shell(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    first.starts_with("#!") && ["sh", "bash", "zsh", "dash"].iter().any(|shell| first.trim_end().ends_with(shell))
}

fn shell(source: &Arc<Source>, text: &str, at: impl Fn(usize) -> At, confirmed: bool, heard: &mut Vec<Heard>) {
    let script = Script::parse(text);
    let yes = after_yes(text, &script.commands);
    for (index, command) in script.commands.iter().enumerate() {
        if command.program().first().is_some_and(|program| SHOWS.contains(&program.as_str())) {
            continue;
        }
        let line = text.get(command.span.start..).unwrap_or_default();
        let end = line.match_indices('\n').find(|(end, _)| !line[..*end].ends_with('\\')).map_or(line.len(), |(end, _)| end);
        heard.push(Heard {
            source: Arc::clone(source),
            at: at(command.span.start),
            words: command.words.join(" "),
            written: line.get(..end).unwrap_or_default().to_owned(),
            confirmed: confirmed || yes.get(index) == Some(&true),
            before: (index.saturating_sub(BEFORE_MAX)..index)
                .filter(|_| script.commands.len() <= COMMANDS_MAX)
                .filter(|earlier| script.is_after_success(index, *earlier, Shell::PLAIN))
                .filter_map(|earlier| Some(script.commands.get(earlier)?.words.join(" ")))
                .collect(),
        });
    }
}

/// Recipes: the lines of a target are one script, so that a question is heard by what comes after it.
fn makefile(source: &Arc<Source>, heard: &mut Vec<Heard>) {
    let mut start = 0;
    let mut recipe: Option<(usize, String)> = None;
    for line in source.text.split_inclusive('\n') {
        if line.starts_with('\t') {
            let (_, text) = recipe.get_or_insert((start, String::new()));
            // What make says of a line (quiet, may fail) is no part of the command; the length stays.
            let body = line.trim_start_matches(['\t', '@', '-', '+']);
            text.push_str(&" ".repeat(line.len() - body.len()));
            text.push_str(body);
        } else if let Some((from, text)) = recipe.take() {
            shell(source, &text, |at| At::Byte(from + at), false, heard);
        }
        start += line.len();
    }
    if let Some((from, text)) = recipe {
        shell(source, &text, |at| At::Byte(from + at), false, heard);
    }
}

fn steps(world: &World<'_>, heard: &mut Vec<Heard>, unreadable: &mut Vec<String>) -> Result<(), Unasked> {
    let pipelines = Pipelines::of(world, None)?;
    let triggers = pipelines.triggers();
    for workflow in pipelines.workflows() {
        let own = triggers.get(workflow.source.path.as_str()).map_or(&[][..], Vec::as_slice);
        let by_hand = !own.is_empty() && own.iter().all(|trigger| trigger.event == "workflow_dispatch");
        let set = |variables: &[(String, avouch_read::workflow::Text)], heard: &mut Vec<Heard>| {
            heard.extend(variables.iter().map(|(name, value)| Heard {
                source: Arc::clone(&workflow.source),
                at: At::Byte(value.span.start),
                words: format!("{name}={}", value.text),
                written: String::new(),
                confirmed: false,
                before: vec![],
            }));
        };
        set(&workflow.variables.entries, heard);
        for job in workflow.jobs.iter().filter(|job| !job.off) {
            set(&job.variables.entries, heard);
            let confirmed = job.environment.is_some() || job.manual || by_hand;
            for within in pipelines.steps(workflow, job).into_iter().filter(|within| !within.off) {
                set(&within.step.variables.entries, heard);
                if let Some(run) = &within.step.run {
                    let at = |at: usize| {
                        let line = run.text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default();
                        At::Step(run.span.clone(), line.to_owned())
                    };
                    shell(&within.workflow.source, &run.text, at, confirmed, heard);
                }
            }
        }
    }
    unreadable.extend(pipelines.unreadable.iter().cloned());
    Ok(())
}

/// What programs start: `execFileSync("wrangler", ["deploy", …])`, `exec("wrangler deploy")`, `` $`wrangler deploy` ``.
fn programs(source: &Arc<Source>, heard: &mut Vec<Heard>) {
    let script = JavaScript::parse(&source.text);
    let asked = Asked::of(&script);
    for open in 0..script.tokens.len() {
        // What is called is looked at first: where its chain begins is a long way back, and most calls start nothing.
        let name = open.checked_sub(1).map_or("", |before| script.text(before));
        if !STARTS.contains(&name) {
            continue;
        }
        let Some(call) = script.call_at(open) else { continue };
        let words = match name {
            "exec" | "execSync" => script.is(call.open + 1, Sort::Text).then(|| script.text(call.open + 1).to_owned()),
            _ => started(&script, &call),
        };
        if let Some(words) = words {
            heard.push(Heard {
                source: Arc::clone(source),
                at: At::Byte(script.tokens.get(call.first).map_or(0, |token| token.span.start)),
                written: words.clone(),
                words,
                confirmed: asked.before(call.first),
                before: vec![],
            });
        }
    }
}

/// The words of a program and its arguments; what is computed stands as `$`.
fn started(script: &JavaScript<'_>, call: &Call) -> Option<String> {
    let first = call.open + 1;
    if !script.is(first, Sort::Text) {
        return None;
    }
    let mut words = vec![script.text(first)];
    let list = (first + 1..call.close).find(|place| script.is_sign(*place, "["));
    if let Some(open) = list
        && let Some(close) = script.partner(open)
    {
        let mut place = open + 1;
        while place < close {
            let end = script.expression_end(place).min(close);
            let literal = script.is(place, Sort::Text) && end == place + 1;
            words.push(if literal { script.text(place) } else { "$" });
            place = end + 1;
        }
    }
    Some(words.join(" "))
}

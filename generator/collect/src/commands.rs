//! The commands that a repository runs: in shell scripts, package scripts, makefiles, pipelines, and programs that start others.

use avouch_model::diagnostic::Source;
use avouch_read::{
    javascript::{Call, Script as JavaScript, Sort},
    structured::Node,
    workflow::shell::{Command, Script, Shell},
};

use crate::{
    Unasked, World,
    parameters::Globs,
    parsed::Form,
    pipelines::Pipelines,
    scripts::callee,
    sources::{FILE_BYTES_MAX, Place, place, texts},
};

/// Where scripts lie.
const USUAL: &[&str] =
    &["**/*.{sh,bash,zsh}", "**/package.json", "**/{Makefile,makefile,GNUmakefile,*.mk}", ".husky/*", "{scripts,bin,tools}/**"];
const FOREIGN: &[&str] = &["**/node_modules/**", "**/vendor/**", "**/*.{test,spec}.*"];

/// Programs that only show text.
const SHOWS: &[&str] = &["echo", "printf", ":", "true", "print"];

/// Commands that ask a person, or whether a person said yes.
const ASKS: &[&str] = &["read", "confirm", "gum", "whiptail", "dialog", "select"];

/// How many commands before one are looked at, and in scripts of how many at most.
const BEFORE_MAX: usize = 20;
const COMMANDS_MAX: usize = 500;

/// A command where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Where.
    pub(crate) place: Place,
    /// Its words, and as it is written with what it reads and writes.
    pub(crate) words: String,
    pub(crate) written: String,
    /// A person has to say yes before it runs.
    pub(crate) confirmed: bool,
    /// The commands of its script without whose success it does not run: the last few, and none of a long script.
    pub(crate) before: Vec<String>,
}

/// The commands of the files that are asked about, and of pipelines.
pub(crate) fn commands(world: &World<'_>, files: Option<&Globs>, pipelines: bool) -> Result<(Vec<Heard>, Vec<String>), Unasked> {
    let globs = |texts: &[&str]| Globs::new(texts.iter().map(|text| (*text).to_owned()).collect()).map_err(Unasked);
    let usual = globs(USUAL)?;
    let mut heard = Vec::new();
    let mut unreadable = Vec::new();
    for source in texts(world, files.unwrap_or(&usual), &globs(FOREIGN)?)? {
        let name = source.path.rsplit('/').next().unwrap_or_default();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        if name == "package.json" {
            match world.document(&source.path, Form::Json, FILE_BYTES_MAX) {
                Ok(document) => {
                    let scripts = document.root.get("scripts").and_then(Node::as_table);
                    for entry in scripts.map_or(&[][..], |table| table.entries()) {
                        let at = |_| entry.value.span.start;
                        shell(&source, entry.value.as_text().unwrap_or_default(), at, false, &mut heard);
                    }
                }
                Err(Unasked(why)) => unreadable.push(why),
            }
        } else if matches!(extension, "js" | "mjs" | "cjs" | "ts" | "mts" | "cts") {
            programs(&source, &mut heard);
        } else if matches!(extension, "sh" | "bash" | "zsh") || source.path.starts_with(".husky/") || is_shell(&source.text) {
            shell(&source, &source.text, |at| at, false, &mut heard);
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

fn shell(source: &Source, text: &str, at: impl Fn(usize) -> usize, confirmed: bool, heard: &mut Vec<Heard>) {
    let script = Script::parse(text);
    for (index, command) in script.commands.iter().enumerate() {
        if command.program().first().is_some_and(|program| SHOWS.contains(&program.as_str())) {
            continue;
        }
        let line = text.get(command.span.start..).unwrap_or_default();
        let end = line.match_indices('\n').find(|(end, _)| !line[..*end].ends_with('\\')).map_or(line.len(), |(end, _)| end);
        heard.push(Heard {
            place: place(source, at(command.span.start)),
            words: command.words.join(" "),
            written: line.get(..end).unwrap_or_default().to_owned(),
            confirmed: confirmed || is_confirmed(text, &script.commands, index),
            before: (index.saturating_sub(BEFORE_MAX)..index)
                .filter(|_| script.commands.len() <= COMMANDS_MAX)
                .filter(|earlier| script.is_after_success(index, *earlier, Shell::PLAIN))
                .filter_map(|earlier| Some(script.commands.get(earlier)?.words.join(" ")))
                .collect(),
        });
    }
}

/// Whether a person was asked before, and nothing goes on without a yes: after the question something ends the script, or the
/// command stands where only a yes leads.
fn is_confirmed(text: &str, commands: &[Command], index: usize) -> bool {
    let Some((command, before)) = commands.get(index).zip(commands.get(..index)) else { return false };
    let program = |command: &Command| command.program().first().cloned().unwrap_or_default();
    let asks = |command: &Command| {
        let program = program(command);
        ASKS.contains(&program.as_str())
            || program.ends_with("confirm")
            || (matches!(program.as_str(), "[" | "[[" | "test" | "case")
                && command.words.iter().any(|word| {
                    let given = word.trim_start_matches(['$', '{']);
                    word.starts_with('$')
                        && (given.starts_with(['1', '2', '3', '@', '*']) || given.to_ascii_lowercase().contains("confirm"))
                }))
    };
    let Some(question) = before.iter().position(asks) else { return false };
    let after = before.get(question + 1..).unwrap_or_default();
    let ends = after.iter().any(|one| matches!(program(one).as_str(), "exit" | "return" | "die" | "abort"));
    // `if [ "$answer" = yes ]; then …`: the command stands between `then` and `fi`.
    let tests = before.iter().skip(question).filter(|one| matches!(program(one).as_str(), "[" | "[[" | "test" | "confirm"));
    let leads = tests.into_iter().any(|test| {
        let between = text.get(test.span.end..command.span.start).unwrap_or_default();
        let words: Vec<&str> = between.split(|each: char| each.is_whitespace() || each == ';').collect();
        words.contains(&"then") && !words.contains(&"fi") && !words.contains(&"else")
    });
    ends || leads
}

/// Recipes: the lines of a target are one script, so that a question is heard by what comes after it.
fn makefile(source: &Source, heard: &mut Vec<Heard>) {
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
            shell(source, &text, |at| from + at, false, heard);
        }
        start += line.len();
    }
    if let Some((from, text)) = recipe {
        shell(source, &text, |at| from + at, false, heard);
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
                place: place(&workflow.source, value.span.start),
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
                    let source = &within.workflow.source;
                    let at = |at: usize| {
                        let line = run.text.get(at..).and_then(|rest| rest.lines().next()).unwrap_or_default();
                        within.workflow.locate(run, line, 0)
                    };
                    shell(source, &run.text, at, confirmed, heard);
                }
            }
        }
    }
    unreadable.extend(pipelines.unreadable.iter().cloned());
    Ok(())
}

/// What programs start: `execFileSync("wrangler", ["deploy", …])`, `exec("wrangler deploy")`, `` $`wrangler deploy` ``.
fn programs(source: &Source, heard: &mut Vec<Heard>) {
    let script = JavaScript::parse(&source.text);
    for call in script.calls() {
        let name = callee(&script, &call);
        let words = match name.rsplit('.').next().unwrap_or_default() {
            "exec" | "execSync" => script.is(call.open + 1, Sort::Text).then(|| script.text(call.open + 1).to_owned()),
            "execFile" | "execFileSync" | "spawn" | "spawnSync" | "run" | "execa" => started(&script, &call),
            _ => None,
        };
        if let Some(words) = words {
            heard.push(Heard {
                place: place(source, script.tokens.get(call.first).map_or(0, |token| token.span.start)),
                written: words.clone(),
                words,
                confirmed: is_asked_before(&script, call.first),
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

/// Whether a call stands behind a condition on somebody's yes, in its own block or around it: `if (!confirmed) return`, or
/// `if (await confirm(…)) { … }`.
fn is_asked_before(script: &JavaScript<'_>, call: usize) -> bool {
    let mut at = call;
    loop {
        let open = script.enclosing(at);
        let from = open.map_or(0, |open| open + 1);
        for place in from..at {
            if script.text(place) != "if" || !script.is(place, Sort::Word) || script.enclosing(place) != open {
                continue;
            }
            let Some(close) = script.partner(place + 1) else { continue };
            let yes = (place + 2..close).any(|word| {
                let text = script.text(word).to_ascii_lowercase();
                ["confirm", "yes", "approved", "agreed"].iter().any(|wanted| text.contains(wanted))
            });
            let body_end = if script.is_sign(close + 1, "{") { script.partner(close + 1) } else { None };
            let body_end = body_end.unwrap_or_else(|| script.expression_end(close + 1));
            // Of the body itself, what ends the run; of a body that the call stands in, that it is there.
            let stops = (close + 1..=body_end).any(|word| matches!(script.text(word), "return" | "throw" | "exit"));
            let within = (close + 1..=body_end).contains(&call);
            let negated = script.is_sign(place + 2, "!");
            if yes && ((stops && !within && negated) || (within && !negated)) {
                return true;
            }
        }
        match open {
            // A question outside of the function does not guard every call of it, but one in its block does.
            Some(open) => at = open,
            None => return false,
        }
    }
}

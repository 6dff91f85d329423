//! Shell scripts of pipelines: which commands they run, and whether the failure of one stops the step.
//!
//! The language is POSIX `sh` with what `bash` adds, as far as it decides whether a failure is heard: lists, pipes,
//! groups, conditions, substitutions, here-documents and `set -e` ("Shell Command Language", IEEE Std 1003.1, 2.8.1 and
//! 2.9). What is not understood is left out, and a command that is left out is nobody's gate.

use std::ops::Range;

mod scan;

/// How deep `$( … )` is followed.
const DEPTH_MAX: usize = 8;
/// How deep groups, conditions and loops are followed.
const OPEN_MAX: usize = 64;
/// How many commands of a script are read. What comes after them is left out, and is nobody's gate.
const COMMANDS_MAX: usize = 2_000;

/// A command, `pnpm audit --audit-level high`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its words, without quotes. Assignments before it are words too.
    pub words: Vec<String>,
    /// Where it stands in the script.
    pub span: Range<usize>,
    next: Link,
    /// The groups around it, outermost first: what stands after each, and where that begins.
    groups: Vec<usize>,
    /// It is asked, not demanded: after `if`, `while`, `until` or `!`, or in a `$( … )` whose failure nobody hears.
    asked: bool,
    /// It stands where nothing ever comes by: after `if false; then`.
    never: bool,
    /// It stands at the outermost level, where an `exit` ends everything.
    outermost: bool,
}

/// What stands between a command and the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// A new line or the end.
    Line,
    Semicolon,
    And,
    Or,
    Pipe,
    Background,
}

/// What the shell does about failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shell {
    /// A failing command ends the script (`-e`).
    pub stops: bool,
    /// A pipe fails when any of its commands does (`-o pipefail`).
    pub pipes: bool,
}

/// A script as its commands.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The commands, in the order of the text.
    pub commands: Vec<Command>,
    /// What stands after each group.
    groups: Vec<(Link, usize)>,
    /// Where an unconditional end stands: nothing after it is reached.
    cut_off: Option<usize>,
}

impl Shell {
    /// As GitHub runs `run:` where no shell is named: `bash -e {0}`.
    pub const ACTIONS: Self = Self { stops: true, pipes: false };
    /// As GitLab's runner runs a job: `set -eo pipefail`.
    pub const GITLAB: Self = Self { stops: true, pipes: true };
    /// As a package manager runs a script, and git a hook: `sh -c`.
    pub const PLAIN: Self = Self { stops: false, pipes: false };

    /// As a step's `shell:` says ("Workflow syntax for GitHub Actions", `jobs.<job_id>.steps[*].shell`).
    pub fn of_step(shell: Option<&str>) -> Self {
        match shell.map(str::trim) {
            None | Some("sh") => Self::ACTIONS,
            Some("bash") => Self { stops: true, pipes: true },
            Some(custom) if custom.contains("{0}") => Self {
                stops: custom.split_whitespace().any(|word| word == "errexit" || word.starts_with('-') && word.contains('e')),
                pipes: custom.contains("pipefail"),
            },
            Some(_) => Self::ACTIONS,
        }
    }
}

impl Command {
    /// Its words from the program on: without assignments and without what only starts another program.
    pub fn program(&self) -> &[String] {
        let is_assignment = |word: &String| {
            word.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            })
        };
        let mut words = &self.words[..];
        while let Some((first, rest)) = words.split_first() {
            let starts_another =
                matches!(first.as_str(), "sudo" | "env" | "time" | "command" | "exec" | "nohup" | "npx" | "bunx" | "pnpx")
                    || first == "corepack"
                    || (matches!(first.as_str(), "pnpm" | "yarn" | "npm")
                        && matches!(rest.first().map(String::as_str), Some("exec" | "dlx")));
            if is_assignment(first) {
                words = rest;
            } else if starts_another && !rest.is_empty() {
                words = if matches!(first.as_str(), "pnpm" | "yarn" | "npm") { rest.get(1..).unwrap_or_default() } else { rest };
                while let Some((flag, rest)) = words.split_first()
                    && flag.starts_with('-')
                {
                    words = rest;
                }
            } else {
                break;
            }
        }
        words
    }

    /// Whether it ends the script with a failure.
    fn gives_up(&self) -> bool {
        let is_failure = |code: Option<&String>| code.is_none_or(|code| code != "0");
        match self.words.split_first() {
            Some((first, rest)) if first == "exit" || first == "return" => !rest.is_empty() && is_failure(rest.first()),
            Some((first, _)) => first == "false",
            None => false,
        }
    }
}

/// Words from the program on as one text, in the order in which people mostly write them: wrangler takes its general options before
/// its command as well, and package managers start it by its bare name (Wrangler docs, "General commands"; pnpm docs, "pnpm exec").
pub fn said(words: &[String]) -> String {
    let words = match words {
        [manager, rest @ ..]
            if matches!(manager.as_str(), "pnpm" | "yarn" | "bun") && rest.first().is_some_and(|word| word == "wrangler") =>
        {
            rest
        }
        words => words,
    };
    let Some((program, rest)) = words.split_first().filter(|(program, _)| *program == "wrangler") else { return words.join(" ") };
    let mut options = 0;
    while let Some(option) = rest.get(options).filter(|word| word.starts_with('-')) {
        options += if matches!(option.as_str(), "--config" | "-c" | "--cwd" | "--env" | "-e" | "--env-file") { 2 } else { 1 };
    }
    let (options, command) = rest.split_at(options.min(rest.len()));
    [std::slice::from_ref(program), command, options].concat().join(" ")
}

/// Why a failure of a command is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// `|| true` or the like.
    Excused,
    /// `; true`, or another command whose end is the script's end.
    Overruled,
    /// `set +e`, or a shell without `-e`.
    Ignored,
    /// A pipe into something else, without `pipefail`.
    Piped,
    /// It runs in the background.
    Background,
    /// It is asked (`if …`, `!`, `echo $( … )`), and nothing fails after it.
    Asked,
    /// It is never reached.
    Never,
    /// It is only printed.
    Printed,
    /// `trap 'exit 0'`.
    Trapped,
}

impl Unheard {
    /// For a sentence: `the step hides its failure: `….
    pub const fn shown(self) -> &'static str {
        match self {
            Self::Excused => "its failure is excused with `||`",
            Self::Overruled => "its failure is overruled by what follows it on the line",
            Self::Ignored => "failures are ignored there (`set +e`, or a shell without `-e`)",
            Self::Piped => "its failure is lost in a pipe (no `pipefail`)",
            Self::Background => "it runs in the background",
            Self::Asked => "its failure only decides a condition, and nothing fails after it",
            Self::Never => "it is never reached",
            Self::Printed => "it is only printed",
            Self::Trapped => "a trap ends the script with success",
        }
    }
}

/// Whether the failure of what stands at a byte of a GitHub script is not heard; also where no command stands there.
pub fn is_swallowed(script: &str, at: usize) -> bool {
    let script = Script::parse(script);
    let found = script.commands.iter().rposition(|command| command.span.contains(&at));
    found.is_none_or(|place| script.unheard(place, Shell::ACTIONS).is_some())
}

impl Script {
    /// The commands of a script.
    pub fn parse(text: &str) -> Self {
        let mut script = scan::scan(text);
        script.cut_off = script.cut_off();
        script
    }

    /// Whether the command at a place runs only where one before it succeeded.
    pub fn is_after_success(&self, place: usize, earlier: usize, shell: Shell) -> bool {
        let between = self.commands.get(earlier..place).unwrap_or_default();
        let chained = !between.is_empty() && between.iter().all(|command| command.next == Link::And);
        chained || self.unheard(earlier, shell).is_none()
    }

    /// Why nobody hears when the command at this place fails; none if its failure is the step's.
    pub fn unheard(&self, place: usize, shell: Shell) -> Option<Unheard> {
        let command = self.commands.get(place)?;
        let (before, after) = (self.commands.get(..place)?, self.commands.get(place + 1..)?);
        if command.never || self.is_cut_off(before, command) {
            return Some(Unheard::Never);
        }
        if matches!(command.words.first().map(String::as_str), Some("echo" | "printf" | ":" | "true")) {
            return Some(Unheard::Printed);
        }
        let is_trap = |other: &Command| matches!(&other.words[..], [trap, action, ..] if trap == "trap" && (action.trim() == "exit 0" || action.trim() == "true"));
        if before.iter().any(is_trap) {
            return Some(Unheard::Trapped);
        }
        let fails_later = after.iter().any(Command::gives_up);
        if command.asked && !fails_later {
            return Some(Unheard::Asked);
        }
        if command.asked {
            return None;
        }
        let (mut stops, mut pipes) = (shell.stops, shell.pipes);
        for other in before {
            if let [set, flags @ ..] = &other.words[..]
                && set == "set"
            {
                options(flags, &mut stops, &mut pipes);
            }
        }
        // Its own link, then those of the groups around it, innermost first.
        let own = std::iter::once((command.next, command.span.end));
        let around = command.groups.iter().rev().filter_map(|group| self.groups.get(*group).copied());
        for (out, (link, end)) in own.chain(around).enumerate() {
            let depth = command.groups.len().saturating_sub(out);
            let found = self.link(command, link, (end, depth), pipes, fails_later);
            if found.is_some() {
                return found;
            }
        }
        let is_last = !after.iter().any(|other| other.span.start >= command.span.end);
        (!stops && !is_last && !fails_later).then_some(Unheard::Ignored)
    }

    fn link(
        &self,
        command: &Command,
        link: Link,
        (end, depth): (usize, usize),
        pipes: bool,
        fails_later: bool,
    ) -> Option<Unheard> {
        let following = || self.commands.iter().filter(move |other| other.span.start >= end);
        match link {
            Link::Line => None,
            Link::Semicolon => {
                let next = following().next().filter(|next| next.groups.len() >= depth)?;
                let is_quiet = matches!(&next.words[..], [word] if word == "true" || word == ":")
                    || matches!(&next.words[..], [exit, code] if exit == "exit" && code == "0");
                is_quiet.then_some(Unheard::Overruled)
            }
            Link::Background => Some(Unheard::Background),
            Link::Pipe => {
                // In `audit | tee log || exit 1` the pipe's end decides.
                (!pipes).then_some(Unheard::Piped)
            }
            Link::And => {
                // The failure skips the rest of the list; `set -e` does not see it unless the list is the script's end.
                let mut rest = following();
                let list_end = rest.find(|other| matches!(other.next, Link::Line | Link::Semicolon | Link::Background));
                let or = following().take_while(|other| list_end.is_none_or(|end| other.span.start <= end.span.start));
                if let Some(fallback) = or.clone().find(|other| other.next == Link::Or) {
                    return self.link(command, Link::Or, (fallback.span.end, depth), pipes, fails_later);
                }
                let more = list_end.is_some_and(|list| self.commands.iter().any(|other| other.span.start >= list.span.end));
                (more && !fails_later).then_some(Unheard::Overruled)
            }
            Link::Or => {
                let mut heard = fails_later;
                for other in following() {
                    let same = !other.program().is_empty() && other.program().first() == command.program().first();
                    heard |= other.gives_up() || same;
                    if matches!(other.next, Link::Line | Link::Background)
                        || (other.next == Link::Semicolon && other.groups.len() <= depth)
                    {
                        break;
                    }
                }
                (!heard).then_some(Unheard::Excused)
            }
        }
    }

    /// Whether an unconditional end, or a list that never goes on, stands before a command.
    fn is_cut_off(&self, before: &[Command], command: &Command) -> bool {
        let skipped = before.last().is_some_and(|last| {
            let word = match &last.words[..] {
                [word] => word.as_str(),
                _ => return false,
            };
            (last.next == Link::And && word == "false") || (last.next == Link::Or && matches!(word, "true" | ":"))
        });
        skipped || self.cut_off.is_some_and(|end| end <= command.span.start)
    }

    /// Where the first `exit` stands that is neither within something nor after `&&`, `||` or a pipe.
    fn cut_off(&self) -> Option<usize> {
        let mut before: Option<&Command> = None;
        for command in self.commands.iter().filter(|command| command.outermost) {
            let listed = before.is_some_and(|before| matches!(before.next, Link::And | Link::Or | Link::Pipe));
            let ends = match command.words.first().map(String::as_str) {
                Some("exit" | "return") => true,
                Some("exec") => command.words.len() > 1,
                _ => false,
            };
            if ends && !listed && !command.never && !command.asked {
                return Some(command.span.end);
            }
            before = Some(command);
        }
        None
    }
}

/// What `set` changes.
fn options(flags: &[String], stops: &mut bool, pipes: &mut bool) {
    let mut named = None;
    for flag in flags {
        if let Some(on) = named.take() {
            match flag.as_str() {
                "errexit" => *stops = on,
                "pipefail" => *pipes = on,
                _ => {}
            }
            continue;
        }
        let on = flag.starts_with('-');
        if on || flag.starts_with('+') {
            if flag.contains('e') {
                *stops = on;
            }
            if flag.contains('o') {
                named = Some(on);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unheard(script: &str, shell: Shell) -> Option<Unheard> {
        let parsed = Script::parse(script);
        let place = parsed.commands.iter().rposition(|command| command.words.iter().any(|word| word == "audit"));
        parsed.unheard(place.unwrap_or_else(|| panic!("{script}\n{parsed:#?}")), shell)
    }

    #[test]
    fn a_command_runs_after_the_success_of_those_that_stop_it() {
        for (script, stopped) in [
            ("guard && ship", true),
            ("guard && build && ship", true),
            ("guard || exit 1; ship", true),
            ("guard; ship", false),
            ("guard || true; ship", false),
            ("guard && build; ship", false),
        ] {
            let parsed = Script::parse(script);
            let last = parsed.commands.len() - 1;
            assert_eq!(parsed.is_after_success(last, 0, Shell::PLAIN), stopped, "{script}");
        }
    }

    #[test]
    fn general_options_of_wrangler_come_last() {
        for (script, said_so) in [
            (
                "npx wrangler --env production d1 migrations apply DB --remote",
                "wrangler d1 migrations apply DB --remote --env production",
            ),
            ("pnpm wrangler -c a.jsonc --x-remote deploy", "wrangler deploy -c a.jsonc --x-remote"),
            ("wrangler deploy --env production", "wrangler deploy --env production"),
            ("wrangler --env", "wrangler --env"),
            ("pnpm deploy", "pnpm deploy"),
            ("terraform -chdir=a apply", "terraform -chdir=a apply"),
        ] {
            assert_eq!(said(Script::parse(script).commands[0].program()), said_so);
        }
        assert_eq!(said(&[]), "");
    }

    #[test]
    fn a_failure_that_stops_the_step_is_heard() {
        for script in [
            "pnpm audit",
            "npm test || true\nnpm audit",
            "npm audit\nnpm test || true",
            "npm audit || exit 1",
            "npm audit || { echo bad; exit 1; }",
            "set +e\nx\nset -e\nnpm audit",
            "npm ci && npm audit",
            "cd api && npm audit --audit-level=high",
            "if ! npm audit; then\n  echo bad\n  exit 1\nfi",
            "set -o pipefail\nnpm audit | tee log",
            "x=$(npm audit)",
            "npm audit 2>&1 >log",
            "npm audit &> log",
            "if ! command -v jq &> /dev/null\nthen\n  apt install jq\nfi\nnpm audit &>> log",
            "for d in a b; do\n  (cd $d && npm audit)\ndone",
            "npm audit || npm audit",
            "set +e\nnpm audit\ncode=$?\nexit $code",
            "if [ -f x ]; then exit 0; fi\nnpm audit",
            "[ -f x ] && exit 0\nnpm audit",
            "cat <<EOF\nexit 0\nEOF\nnpm audit",
        ] {
            assert_eq!(unheard(script, Shell::ACTIONS), None, "{script}");
        }
    }

    #[test]
    fn a_failure_that_is_hidden_is_told_and_how() {
        for (script, how) in [
            ("npm audit || true", Unheard::Excused),
            ("npm audit \\\n  --high || :", Unheard::Excused),
            ("npm audit || echo failed", Unheard::Excused),
            ("npm audit || exit 0", Unheard::Excused),
            ("npm audit || { echo bad; }", Unheard::Excused),
            ("(npm audit) || true", Unheard::Excused),
            ("{ npm audit; } || true", Unheard::Excused),
            ("npm ci && npm audit || true", Unheard::Excused),
            ("npm audit && echo fine || true", Unheard::Excused),
            ("npm audit; true", Unheard::Overruled),
            ("npm audit && echo fine\nnpm test", Unheard::Overruled),
            ("set +e\nnpm audit\nnpm test", Unheard::Ignored),
            ("set +o errexit\nnpm audit\necho", Unheard::Ignored),
            ("npm audit | tee log", Unheard::Piped),
            ("npm audit &", Unheard::Background),
            ("if npm audit; then\n  echo fine\nfi", Unheard::Asked),
            ("! npm audit", Unheard::Asked),
            ("echo $(npm audit)", Unheard::Asked),
            ("exit 0\nnpm audit", Unheard::Never),
            ("if false; then\n  npm audit\nfi", Unheard::Never),
            ("false && npm audit", Unheard::Never),
            ("true || npm audit", Unheard::Never),
            ("echo npm audit", Unheard::Printed),
            ("trap 'exit 0' EXIT\nnpm audit", Unheard::Trapped),
        ] {
            assert_eq!(unheard(script, Shell::ACTIONS), Some(how), "{script}");
        }
        assert_eq!(unheard("npm audit\nnpm test", Shell::PLAIN), Some(Unheard::Ignored));
        assert_eq!(unheard("npm audit | tee log", Shell::GITLAB), None);
        assert_eq!(unheard("npm audit\ntrue", Shell::of_step(Some("bash {0}"))), Some(Unheard::Ignored));
    }

    #[test]
    fn what_is_a_comment_a_text_or_a_document_is_no_command() {
        let script = "# pnpm audit\ncat <<'EOF'\npnpm audit\nEOF\necho 'pnpm audit'";
        let words: Vec<_> = Script::parse(script).commands.into_iter().map(|command| command.words).collect();
        assert_eq!(words, [vec!["cat"], vec!["echo", "pnpm audit"]]);
        assert!(is_swallowed(script, script.find("audit").unwrap()));
    }

    #[test]
    fn the_program_is_what_is_started_in_the_end() {
        let program = |text: &str| Script::parse(text).commands[0].program().join(" ");
        assert_eq!(program("CI=1 sudo -E npx --yes osv-scanner -r ."), "osv-scanner -r .");
        assert_eq!(program("pnpm dlx audit-ci --high"), "audit-ci --high");
        assert_eq!(program("pnpm audit --prod"), "pnpm audit --prod");
    }

    proptest! {
        #[test]
        fn any_signs_are_read_to_their_end(text in "[a&|<>;(){}$'\"`#! \n0-9-]{0,60}") {
            let script = Script::parse(&text);
            prop_assert!(script.commands.iter().all(|command| command.span.end <= text.len()));
        }

        #[test]
        fn any_script_is_read_without_harm(text in "([a-c$(){}'\"`#;&|<>=! \n\\\\é-]|if |then |fi |done |EOF|false|\\$\\(|\\$\\{\\{){0,40}") {
            let script = Script::parse(&text);
            for (place, command) in script.commands.iter().enumerate() {
                prop_assert!(command.span.start <= command.span.end && command.span.end <= text.len());
                let _ = script.unheard(place, Shell::ACTIONS);
            }
        }
    }
}

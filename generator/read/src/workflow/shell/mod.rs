//! Shell scripts of pipelines: which commands they run, and whether the failure of one stops the step.
//!
//! The language is POSIX `sh` with what `bash` adds, as far as it decides whether a failure is heard: lists, pipes,
//! groups, conditions, substitutions, here-documents and `set -e` ("Shell Command Language", IEEE Std 1003.1, 2.8.1 and
//! 2.9). What is not understood is left out, and a command that is left out is nobody's gate.

use std::ops::Range;

mod heard;
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
    /// Where its output is kept: files that it is sent to, a variable that takes it.
    kept_in: Vec<String>,
    /// The groups around it, outermost first: brackets, conditions, loops and functions.
    groups: Vec<usize>,
    /// It is asked, not demanded: after `if`, `while`, `until` or `!`, or in a `$( … )` whose failure nobody hears.
    asked: bool,
    /// It stands after `!`.
    negated: bool,
    /// It stands in a `$( … )`.
    captured: bool,
    /// The condition or loop that asks it.
    asked_in: Option<usize>,
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

/// Brackets, a condition, a loop or the body of a function.
#[derive(Clone, Debug)]
struct Group {
    /// What stands after it, and where that begins.
    next: Link,
    end: usize,
    start: usize,
    /// The function whose body it is.
    function: Option<String>,
    /// Where a condition's `then` and its `elif` or `else` stand, and whether it is `then`.
    branches: Vec<(usize, bool)>,
}

/// What the shell does about failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shell {
    /// A failing command ends the script (`-e`).
    pub stops: bool,
    /// A pipe fails when any of its commands does (`-o pipefail`).
    pub pipes: bool,
    /// It is no shell at all (`cat {0}`): nothing in the script is a command that can fail.
    pub foreign: bool,
}

/// A script as its commands.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The commands, in the order of the text.
    pub commands: Vec<Command>,
    groups: Vec<Group>,
    /// Where an unconditional end stands: nothing after it is reached.
    cut_off: Option<usize>,
}

impl Shell {
    /// As GitHub runs `run:` where no shell is named: `bash -e {0}`.
    pub const ACTIONS: Self = Self { stops: true, pipes: false, foreign: false };
    /// As GitLab's runner runs a job: `set -eo pipefail`.
    pub const GITLAB: Self = Self { stops: true, pipes: true, foreign: false };
    /// As a package manager runs a script, and git a hook: `sh -c`.
    pub const PLAIN: Self = Self { stops: false, pipes: false, foreign: false };

    /// As a step's `shell:` says ("Workflow syntax for GitHub Actions", `jobs.<job_id>.steps[*].shell`).
    pub fn of_step(shell: Option<&str>) -> Self {
        match shell.map(str::trim) {
            None | Some("sh") => Self::ACTIONS,
            Some("bash") => Self { stops: true, pipes: true, ..Self::ACTIONS },
            // Of several programs the last one's end is the step's.
            Some("pwsh" | "powershell" | "cmd") => Self::PLAIN,
            Some(custom) => {
                let words: Vec<&str> = custom.split_whitespace().collect();
                let name = |word: &str| word.rsplit('/').next().is_some_and(is_shell);
                let own = |word: &str| ["sh", "shell"].iter().any(|end| word.ends_with(end)) || word.starts_with("msys2");
                if words.iter().any(|word| name(word)) {
                    Self::PLAIN.with(&words)
                } else if words.first().is_some_and(|first| ["pwsh", "powershell", "cmd"].contains(first)) {
                    Self::PLAIN
                } else if words.first().is_some_and(|first| own(first)) {
                    // `alpine.sh {0}`, `micromamba-shell {0}`: they start a shell as GitHub does.
                    Self::ACTIONS
                } else {
                    Self { foreign: true, ..Self::PLAIN }
                }
            }
        }
    }

    /// With the options of a command line, `-eo pipefail`.
    fn with(mut self, words: &[&str]) -> Self {
        let short = |word: &str| word.starts_with('-') && !word.starts_with("--");
        self.stops |= words.iter().any(|word| *word == "errexit" || short(word) && word.contains('e'));
        self.pipes |= words.contains(&"pipefail");
        self
    }
}

/// Whether a program is a shell of the sort that is read here.
fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "busybox")
}

impl Command {
    /// Its words from the program on: without assignments and without what only starts another program.
    pub fn program(&self) -> &[String] {
        let mut words = &self.words[..];
        while let Some((first, rest)) = words.split_first() {
            if assigned(first).is_some() {
                words = rest;
                continue;
            }
            // What the starter's own options take with them.
            let valued: &[&str] = match (first.as_str(), rest.first().map(String::as_str)) {
                ("sudo" | "doas", _) => &["-u", "-g", "-C", "-D", "-h", "-p", "-R", "-T"],
                ("env", _) => &["-u", "-C"],
                ("nice", _) => &["-n"],
                ("ionice", _) => &["-c", "-n"],
                ("timeout", _) => &["-k", "-s"],
                ("stdbuf", _) => &["-i", "-o", "-e"],
                ("pnpm" | "yarn" | "npm", Some("exec" | "dlx")) => &[],
                ("time" | "command" | "exec" | "nohup" | "chronic" | "setsid" | "npx" | "bunx" | "pnpx" | "corepack", _) => &[],
                _ => break,
            };
            if rest.is_empty() {
                break;
            }
            words = if matches!(first.as_str(), "pnpm" | "yarn" | "npm") { rest.get(1..).unwrap_or_default() } else { rest };
            while let Some((flag, rest)) = words.split_first()
                && flag.starts_with('-')
            {
                words = if valued.contains(&flag.as_str()) { rest.get(1..).unwrap_or_default() } else { rest };
            }
            if first == "timeout" {
                words = words.get(1..).unwrap_or_default();
            }
        }
        words
    }

    /// The names that it sets for what it starts, and what they are set to.
    pub fn sets(&self) -> impl Iterator<Item = (&str, &str)> {
        let before = self.words.len() - self.program().len();
        let own = matches!(self.words.first().map(String::as_str), Some("export" | "declare" | "typeset" | "readonly"));
        let words = self.words.iter().take(if own { self.words.len() } else { before });
        words.filter_map(|word| Some((assigned(word)?, word.split_once('=')?.1)))
    }

    /// Where its output is kept: files that it is sent to, a variable that takes it.
    pub fn kept_in(&self) -> &[String] {
        &self.kept_in
    }

    /// The script that it hands to another shell, `bash -ec 'npm audit'`, and how that shell takes failures.
    pub fn inner(&self) -> Option<(&str, Shell)> {
        let (program, rest) = self.program().split_first()?;
        if !is_shell(program.rsplit('/').next()?) {
            return None;
        }
        let mut words = rest.iter().map(String::as_str);
        let (mut flags, mut takes) = (Vec::new(), false);
        loop {
            let word = words.next()?;
            if !word.starts_with('-') {
                return takes.then_some((word, Shell::PLAIN.with(&flags)));
            }
            flags.push(word);
            if !word.starts_with("--") {
                takes |= word.contains('c');
                // `-o pipefail` stands before the script.
                if word.ends_with('o') {
                    flags.push(words.next()?);
                }
            }
        }
    }
}

/// The name that an assignment before a command sets, `CI=1`.
fn assigned(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).then_some(name)
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
    /// What runs the script is no shell.
    Foreign,
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
            Self::Foreign => "what runs the script is no shell that is known",
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
            "npm audit | tee log\nexit ${PIPESTATUS[0]}",
            "check() {\n  npm audit\n}\ncheck",
            "function check {\n  npm audit\n}\ncheck || exit 1",
            "for i in 1 2; do\n  npm audit && exit 0\ndone\nexit 1",
            "failed=0\nnpm audit || failed=1\nexit $failed",
            "npm audit --json > out.json || true\nif jq -e .high out.json; then exit 1; fi",
            "set +e\nnpm audit\nif [ $? -ne 0 ]; then exit 1; fi",
            "trap 'rm -f log' EXIT\nnpm audit",
            "if npm audit; then echo fine; else exit 1; fi",
            "if false; then\n  :\nelif npm audit; then\n  echo fine\nelse\n  exit 1\nfi",
            "if [ -n \"$(npm audit)\" ]; then exit 1; fi",
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
            ("npm audit || echo bad || exit 1", Unheard::Excused),
            ("if npm audit; then echo fine; else exit 1; fi &", Unheard::Background),
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
            ("trap 'echo done; exit 0' EXIT\nnpm audit", Unheard::Trapped),
            ("end() { exit 0; }\ntrap end EXIT\nnpm audit", Unheard::Trapped),
            // What fails later fails for another reason.
            ("npm audit || true\nnpm test || exit 1", Unheard::Excused),
            ("set +e\nnpm audit\nnpm test || exit 1", Unheard::Ignored),
            ("if npm audit; then echo fine; fi\nnpm test || exit 1", Unheard::Asked),
            ("npm audit | tee log\nnpm test || exit 1", Unheard::Piped),
            ("npm audit && echo fine\nnpm test || exit 1", Unheard::Overruled),
            // No `-e` holds on the left of a list, nor in a function that is called there.
            ("{ npm audit; echo done; } || exit 1", Unheard::Ignored),
            ("check() {\n  npm audit\n  echo done\n}\ncheck || exit 1", Unheard::Ignored),
            ("check() {\n  npm audit\n}\ncheck || true", Unheard::Excused),
            ("check() {\n  npm audit\n}\necho done", Unheard::Never),
            ("for d in a b; do\n  npm audit\ndone || true", Unheard::Excused),
            ("if true; then\n  npm audit\nfi || true", Unheard::Excused),
            ("( npm audit ) > log || true", Unheard::Excused),
            ("export X=$(npm audit)", Unheard::Asked),
            ("if [ 1 -eq 0 ]; then\n  npm audit\nfi", Unheard::Never),
            ("[ yes = no ] && npm audit", Unheard::Never),
            ("if npm audit; then exit 1; fi", Unheard::Asked),
            ("if npm audit || echo no; then echo fine; else exit 1; fi", Unheard::Asked),
            ("set +e\nnpm audit\ncode=$?\nexit $code | cat", Unheard::Ignored),
            ("for d in; do npm audit; done", Unheard::Never),
        ] {
            assert_eq!(unheard(script, Shell::ACTIONS), Some(how), "{script}");
        }
        assert_eq!(unheard("npm audit\nnpm test", Shell::PLAIN), Some(Unheard::Ignored));
        assert_eq!(unheard("npm audit | tee log", Shell::GITLAB), None);
        for (shell, how) in [
            ("bash {0}", Some(Unheard::Ignored)),
            ("bash --noprofile --norc {0}", Some(Unheard::Ignored)),
            ("/bin/bash -leo pipefail {0}", None),
            ("alpine.sh {0}", None),
            ("cmd", Some(Unheard::Ignored)),
            ("cat {0}", Some(Unheard::Foreign)),
            ("true {0}", Some(Unheard::Foreign)),
        ] {
            assert_eq!(unheard("npm audit\ntrue", Shell::of_step(Some(shell))), how, "{shell}");
        }
        assert_eq!(unheard("npm ci && npm audit && npm test", Shell::PLAIN), None);
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
        assert_eq!(program("sudo -u ci timeout -k 5 300 nice -n 10 npm audit"), "npm audit");
        let inner = |text: &str| Script::parse(text).commands[0].inner().map(|(script, shell)| (script.to_owned(), shell));
        assert_eq!(inner("bash -eo pipefail -c 'npm audit || true'"), Some(("npm audit || true".into(), Shell::GITLAB)));
        assert_eq!(inner("timeout 9 sh -c \"npm audit\" x"), Some(("npm audit".into(), Shell::PLAIN)));
        assert_eq!(inner("bash check.sh"), None);
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

//! Printing: results on standard output, everything said about them on standard error, hostile text made harmless.

use std::io::{self, IsTerminal as _, Write as _};

use annotate_snippets::{AnnotationKind, Level as Shown, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use avouch_model::{
    diagnostic::{Diagnostic, Level},
    state::{Standing, State},
};

use crate::{
    cli::{Colour, Global},
    exit,
    exit::Exit,
};

/// Where the program speaks.
pub(crate) struct Output {
    quiet: bool,
    verbose: bool,
    /// Whether a line on standard error may be written over: only on a terminal.
    rewrites: bool,
    colour: bool,
    colour_stderr: bool,
}

impl Output {
    /// Decides on colours once: never in a pipe, with NO_COLOR or in CI, unless asked for.
    pub(crate) fn new(global: &Global) -> Self {
        let wanted = |terminal: bool| match global.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                let refused =
                    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || std::env::var_os("CI").is_some();
                terminal && !refused && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        let (verbose, rewrites) = (global.verbose > 0, io::stderr().is_terminal() && std::env::var_os("CI").is_none());
        Self {
            quiet: global.quiet,
            verbose,
            rewrites,
            colour: wanted(io::stdout().is_terminal()),
            colour_stderr: wanted(io::stderr().is_terminal()),
        }
    }

    /// Writes a result to standard output. A closed pipe ends the program quietly, as `head` expects.
    pub(crate) fn result(&self, text: &str) -> anyhow::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Writes the bytes of a result to standard output.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            done => Ok(done?),
        }
    }

    /// Says something about the work, unless `--quiet`.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.stderr(text);
        }
    }

    /// Says how far the work is: with `-v` as a line of its own, otherwise on a terminal as a line that the next one replaces.
    pub(crate) fn progress(&self, text: &str) {
        if self.verbose {
            self.stderr(text);
        } else if self.rewrites && !self.quiet {
            let shown: String = text.chars().take(78).collect();
            // Standard error may be closed; there is nobody left to tell.
            let _ = write!(io::stderr().lock(), "\r\u{1b}[2K{shown}");
        }
    }

    /// Ends the line of [`Self::progress`].
    pub(crate) fn progress_done(&self) {
        if self.rewrites && !self.verbose && !self.quiet {
            let _ = write!(io::stderr().lock(), "\r\u{1b}[2K");
        }
    }

    /// Says something that must be read.
    pub(crate) fn warn(&self, text: &str) {
        self.stderr(&format!("{}: {text}", self.paint_stderr(AnsiColor::Yellow, "warning")));
    }

    /// Shows what somebody wrote wrongly, in its place.
    pub(crate) fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        for diagnostic in diagnostics {
            self.stderr(&self.diagnostic(diagnostic));
            self.stderr("");
        }
    }

    /// Shows an error with its causes, once, and chooses the exit code.
    pub(crate) fn failed(&self, error: &anyhow::Error) -> Exit {
        if let Some(shown) = error.downcast_ref::<exit::Shown>() {
            self.stderr(&format!("{}: {shown}", self.paint_stderr(AnsiColor::Red, "error")));
            return Exit::Usage;
        }
        let mut text = format!("{}: {}", self.paint_stderr(AnsiColor::Red, "error"), plain(&error.to_string()));
        for cause in error.chain().skip(1) {
            text.push_str(&format!("\n  because: {}", plain(&cause.to_string())));
        }
        self.stderr(&text);
        if error.chain().any(|cause| cause.is::<exit::Usage>()) { Exit::Usage } else { Exit::CouldNotTell }
    }

    /// A state as it is shown on a terminal: shape, word, colour.
    pub(crate) fn state(&self, state: State) -> String {
        let (shape, colour) = match state {
            State::Pass => ("●", AnsiColor::Green),
            State::Fail => ("✕", AnsiColor::Red),
            State::Error | State::Stale | State::Waived | State::Inherited => ("◐", AnsiColor::Yellow),
            State::NoData | State::NotConfigured | State::Planned | State::NotApplicable => ("○", AnsiColor::BrightBlack),
        };
        self.paint(colour, &format!("{shape} {}", word(state)))
    }

    /// A standing as it is shown on a terminal.
    pub(crate) fn standing(&self, standing: Standing) -> String {
        match standing {
            Standing::Satisfied => self.paint(AnsiColor::Green, "● satisfied"),
            Standing::NotSatisfied => self.paint(AnsiColor::Red, "✕ not satisfied"),
            Standing::Undetermined => self.paint(AnsiColor::Yellow, "◐ undetermined"),
            Standing::Gap => self.paint(AnsiColor::BrightBlack, "○ gap"),
            Standing::NotApplicable => self.paint(AnsiColor::BrightBlack, "○ not applicable"),
        }
    }

    /// Bold, where colours are shown.
    pub(crate) fn strong(&self, text: &str) -> String {
        if self.colour { format!("{0}{text}{0:#}", Style::new().bold()) } else { text.to_owned() }
    }

    /// Dimmed, where colours are shown.
    pub(crate) fn faint(&self, text: &str) -> String {
        if self.colour { format!("{0}{text}{0:#}", Style::new().dimmed()) } else { text.to_owned() }
    }

    fn paint(&self, colour: AnsiColor, text: &str) -> String {
        if self.colour { format!("{0}{text}{0:#}", colour.on_default()) } else { text.to_owned() }
    }

    fn paint_stderr(&self, colour: AnsiColor, text: &str) -> String {
        let style = colour.on_default().bold();
        if self.colour_stderr { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn diagnostic(&self, diagnostic: &Diagnostic) -> String {
        let source = &diagnostic.source;
        let level = if diagnostic.level == Level::Error { Shown::ERROR } else { Shown::WARNING };
        let end = source.text.len();
        let span = diagnostic.span.start.min(end)..diagnostic.span.end.min(end).max(diagnostic.span.start.min(end));
        let (path, text) = (plain(&source.path), neutral(&excerpt(&source.text, diagnostic.code)));
        let (message, label) = (plain(&diagnostic.message), plain(&diagnostic.label));
        let help = diagnostic.help.as_deref().map(plain);
        let snippet = Snippet::source(text.as_str())
            .path(path.as_str())
            .annotation(AnnotationKind::Primary.span(span).label(label.as_str()));
        let mut group = level.primary_title(message.as_str()).id(diagnostic.code).element(snippet);
        if let Some(help) = &help {
            group = group.element(Shown::HELP.message(help.as_str()));
        }
        let renderer = if self.colour_stderr { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group]).to_string()
    }

    fn stderr(&self, text: &str) {
        // Standard error may be closed; there is nobody left to tell.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// The word for a state, in English.
pub(crate) const fn word(state: State) -> &'static str {
    match state {
        State::Pass => "passed",
        State::Fail => "failed",
        State::Error => "could not be tested",
        State::NoData => "not tested",
        State::Stale => "out of date",
        State::NotConfigured => "not configured",
        State::Waived => "waived",
        State::Inherited => "inherited",
        State::Planned => "planned",
        State::NotApplicable => "not applicable",
    }
}

/// `1 tag counts`, `2 tags count`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// An error and its causes on one line.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Text from outside, made harmless for a terminal and for a CI log: control characters (escape sequences and line ends
/// among them, so that a name forges no line of its own) and characters that change the direction of writing are replaced,
/// and workflow commands lose their first colon.
pub(crate) fn plain(text: &str) -> String {
    let replaced = |character: char| if character == '\n' || is_hostile(character) { '\u{fffd}' } else { character };
    let cleaned: String = text.chars().map(replaced).collect();
    cleaned.replace("::", ":\u{200b}:").replace("##[", "#\u{200b}#[")
}

/// Several lines, made harmless for a terminal and for a CI log; workflow commands are kept.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|character| if is_hostile(character) { '\u{fffd}' } else { character }).collect()
}

/// What may be shown of a text around a mistake: no secret in it, every sign in its place. A baseline may be the report of another
/// scanner, with values of any form, so nothing in quotes is shown of one.
fn excerpt(text: &str, code: &str) -> String {
    if code != "bad-baseline" {
        return avouch_scan::masked(text);
    }
    let mut quoted = false;
    let mut out = String::with_capacity(text.len());
    for each in text.chars() {
        let mark = matches!(each, '"' | '\'');
        quoted ^= mark;
        if quoted && !mark && each != '\n' { out.extend(std::iter::repeat_n('*', each.len_utf8())) } else { out.push(each) }
    }
    out
}

/// As [`plain`], keeping the length in bytes of every character, so that spans stay where they were.
fn neutral(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hostile(character) {
            out.extend(std::iter::repeat_n('?', character.len_utf8()));
        } else {
            out.push(character);
        }
    }
    out
}

fn is_hostile(character: char) -> bool {
    let direction = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}');
    (character.is_control() && character != '\n' && character != '\t') || direction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_workflow_commands_are_made_harmless() {
        let shown = plain("\u{1b}]8;;http://x\u{7}link\u{202e}\n::set-output name=a::b");
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}') && !shown.contains("::") && !shown.contains('\n'));
        assert_eq!(neutral("a\u{1b}é").len(), "a\u{1b}é".len());
    }
}

//! Whether a failing command ends the step, or nobody hears of it.

use std::ops::Range;

use super::{Command, Group, Link, Script, Shell, Unheard, assigned};

/// How far functions that call each other are followed.
const CALLS_MAX: usize = 8;

impl Script {
    /// Whether the command at a place runs only where one before it succeeded.
    pub fn is_after_success(&self, place: usize, earlier: usize, shell: Shell) -> bool {
        let between = self.commands.get(earlier..place).unwrap_or_default();
        let chained = !between.is_empty() && between.iter().all(|command| command.next == Link::And);
        chained || self.unheard(earlier, shell).is_none()
    }

    /// Why nobody hears when the command at this place fails; none if its failure is the step's.
    pub fn unheard(&self, place: usize, shell: Shell) -> Option<Unheard> {
        self.lost(place, shell, 0)
    }

    fn lost(&self, place: usize, shell: Shell, calls: usize) -> Option<Unheard> {
        let command = self.commands.get(place)?;
        let before = self.commands.get(..place)?;
        if shell.foreign {
            return Some(Unheard::Foreign);
        }
        if command.never || self.is_cut_off(before, command) {
            return Some(Unheard::Never);
        }
        if matches!(command.words.first().map(String::as_str), Some("echo" | "printf" | ":" | "true")) {
            return Some(Unheard::Printed);
        }
        if before.iter().any(|other| self.is_trap(other)) {
            return Some(Unheard::Trapped);
        }
        let body = command.groups.iter().rev().find(|group| self.group(**group).is_some_and(|group| group.function.is_some()));
        let mut quiet = false;
        if let Some(body) = body {
            match self.called(*body, shell, calls) {
                Ok(condition) => quiet = condition,
                Err(why) => return Some(why),
            }
        }
        let saved = self.is_told(command) || self.ends_badly(command.span.end);
        if command.asked {
            if command.groups.iter().filter_map(|group| self.group(*group)).any(|group| group.next == Link::Background) {
                return Some(Unheard::Background);
            }
            let decided = command.asked_in.and_then(|group| self.group(group)).is_some_and(|group| {
                let within = group.on_failure(command);
                self.commands.iter().any(|other| within.contains(&other.span.start) && other.gives_up())
            });
            return (!decided && !saved).then_some(Unheard::Asked);
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
        let around = command.groups.iter().rev().filter_map(|group| self.group(*group).map(|group| (group.next, group.end)));
        for (out, (link, end)) in own.chain(around).enumerate() {
            let depth = command.groups.len().saturating_sub(out);
            let found = self.link(command, link, (end, depth), pipes, saved);
            if found.is_some() {
                return found;
            }
        }
        // On the left of `&&` and `||` no `-e` holds, within groups neither: there the last command decides.
        let mut around = command.groups.iter().filter_map(|group| self.group(*group));
        let listed = around.rfind(|group| matches!(group.next, Link::And | Link::Or));
        let within = match (listed, body.and_then(|body| self.group(*body))) {
            (Some(group), _) => Some(group.end),
            (None, Some(function)) if quiet || !stops => Some(function.end),
            _ => None,
        };
        let list_end = self.list_end(command);
        // `npm audit || exit 1` ends the script by itself.
        let mut list = self.commands.iter().filter(|other| (command.span.start..list_end).contains(&other.span.start));
        if list.any(|other| other.next == Link::Or) {
            return None;
        }
        let is_last = !self.commands.iter().any(|other| {
            other.span.start >= list_end && within.is_none_or(|end| other.span.start < end) && !self.is_of_another(other, body)
        });
        ((within.is_some() || !stops) && !is_last && !saved).then_some(Unheard::Ignored)
    }

    fn group(&self, group: usize) -> Option<&Group> {
        self.groups.get(group)
    }

    /// Whether a command stands in the body of a function that is not this one.
    fn is_of_another(&self, command: &Command, body: Option<&usize>) -> bool {
        command.groups.iter().any(|group| body != Some(group) && self.group(*group).is_some_and(|group| group.function.is_some()))
    }

    /// What becomes of a failure in the body of a function: whether `-e` holds nowhere in it, or why nobody hears of it.
    fn called(&self, body: usize, shell: Shell, calls: usize) -> Result<bool, Unheard> {
        let Some(Group { function: Some(name), start, end, .. }) = self.group(body) else { return Ok(false) };
        let mut why = Unheard::Never;
        if calls >= CALLS_MAX {
            return Err(why);
        }
        for (place, call) in self.commands.iter().enumerate() {
            if (*start..*end).contains(&call.span.start) || !call.words.contains(name) {
                continue;
            }
            match self.lost(place, shell, calls + 1) {
                None => return Ok(call.asked || matches!(call.next, Link::And | Link::Or)),
                Some(found) if why == Unheard::Never => why = found,
                Some(_) => {}
            }
        }
        Err(why)
    }

    /// Where the list of `&&`, `||` and pipes ends in which a command stands.
    fn list_end(&self, command: &Command) -> usize {
        let ends = |other: &&Command| matches!(other.next, Link::Line | Link::Semicolon | Link::Background);
        let mut from = self.commands.iter().filter(|other| other.span.start >= command.span.start);
        from.find(ends).map_or(command.span.end, |last| last.span.end)
    }

    fn link(&self, command: &Command, link: Link, (end, depth): (usize, usize), pipes: bool, saved: bool) -> Option<Unheard> {
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
                let asks = |other: &Command| other.words.iter().any(|word| word.contains("PIPESTATUS"));
                let asked = following().find(|other| asks(other)).is_some_and(|asked| self.gives_up_from(asked.span.start));
                (!pipes && !asked && !saved).then_some(Unheard::Piped)
            }
            Link::And => {
                // The failure skips the rest of the list; `set -e` does not see it unless the list is the script's end.
                let mut rest = following();
                let list_end = rest.find(|other| matches!(other.next, Link::Line | Link::Semicolon | Link::Background));
                let or = following().take_while(|other| list_end.is_none_or(|end| other.span.start <= end.span.start));
                if let Some(fallback) = or.clone().find(|other| other.next == Link::Or) {
                    return self.link(command, Link::Or, (fallback.span.end, depth), pipes, saved);
                }
                let more = list_end.is_some_and(|list| self.commands.iter().any(|other| other.span.start >= list.span.end));
                (more && !saved).then_some(Unheard::Overruled)
            }
            Link::Or => {
                let mut heard = saved;
                for other in following() {
                    let same = !other.program().is_empty() && other.program().first() == command.program().first();
                    heard |= other.gives_up() || same;
                    // What always succeeds ends the list: in `audit || true || exit 1` nothing gives up.
                    let quiet = matches!(other.words.first().map(String::as_str), Some("echo" | "printf" | "true" | ":"));
                    if matches!(other.next, Link::Line | Link::Background)
                        || (other.next == Link::Or && quiet)
                        || (other.next == Link::Semicolon && other.groups.len() <= depth)
                    {
                        break;
                    }
                }
                (!heard).then_some(Unheard::Excused)
            }
        }
    }

    /// Whether something ends the script with a failure from here on, be it under a condition.
    fn gives_up_from(&self, from: usize) -> bool {
        self.commands.iter().any(|other| other.span.start >= from && other.gives_up())
    }

    /// Whether what came of a command is asked later, and something may fail then: its code (`code=$?`, `|| failed=1`), or its output.
    fn is_told(&self, command: &Command) -> bool {
        let mut names: Vec<&str> = command.kept_in.iter().map(String::as_str).collect();
        let mut following = self.commands.iter().filter(|other| other.span.start >= command.span.end).peekable();
        let mut from = command.span.end;
        // `npm audit || failed=1`: up to the end of the list.
        let list_end = self.list_end(command);
        let fallback = following.clone().take_while(|other| other.span.start < list_end);
        names.extend(fallback.flat_map(|other| &other.words).filter_map(|word| assigned(word)));
        if let Some(next) = following.peek()
            && next.words.iter().any(|word| word.contains("$?"))
        {
            match next.words.iter().find_map(|word| assigned(word)) {
                Some(name) => names.push(name),
                None => return self.gives_up_from(next.span.start),
            }
            from = next.span.end;
        }
        let says = |word: &str| {
            names.iter().any(|name| word.contains(&format!("${name}")) || word.contains(&format!("${{{name}")) || word == *name)
        };
        let later = self.commands.iter().filter(|other| other.span.start >= from);
        let asked = later.filter(|other| other.words.iter().any(|word| says(word))).map(|other| other.span.start).min();
        !names.is_empty() && asked.is_some_and(|asked| self.gives_up_from(asked))
    }

    /// Whether the script fails in any case that gets beyond a place: `exit 1` at its outermost level.
    fn ends_badly(&self, from: usize) -> bool {
        let later = self.commands.iter().enumerate().filter(|(_, command)| command.span.start >= from);
        let mut sure = later.filter(|(place, command)| command.groups.is_empty() && self.is_sure(*place, command));
        let ends = |command: &Command| matches!(command.words.first().map(String::as_str), Some("exit" | "return" | "false"));
        sure.find(|(_, command)| ends(command)).is_some_and(|(_, command)| command.next == Link::Line && command.gives_up())
    }

    /// Whether a command runs whenever the script comes to its place: neither within something nor after `&&`, `||` or a pipe.
    fn is_sure(&self, place: usize, command: &Command) -> bool {
        let before = place.checked_sub(1).and_then(|before| self.commands.get(before));
        let joins = |link: Link| matches!(link, Link::And | Link::Or | Link::Pipe);
        let start = command.span.start;
        let after_group = self
            .groups
            .iter()
            .any(|group| joins(group.next) && group.end <= start && before.is_none_or(|before| before.span.start < group.end));
        command.outermost && !command.never && !command.asked && !after_group && !before.is_some_and(|before| joins(before.next))
    }

    /// Whether a command sets a trap that ends the script with success.
    fn is_trap(&self, command: &Command) -> bool {
        let [trap, action, ..] = &command.words[..] else { return false };
        if trap != "trap" {
            return false;
        }
        let succeeds = |command: &Command| matches!(&command.words[..], [exit, code] if exit == "exit" && code == "0");
        let action = Self::parse(action);
        action.commands.iter().any(|own| {
            let of_function = |other: &&Command| {
                other.groups.iter().any(|group| {
                    let function = self.group(*group).and_then(|group| group.function.as_ref());
                    function.is_some() && function == own.words.first()
                })
            };
            succeeds(own) || self.commands.iter().filter(of_function).any(succeeds)
        })
    }

    /// Whether an unconditional end, or a list that never goes on, stands before a command.
    fn is_cut_off(&self, before: &[Command], command: &Command) -> bool {
        let skipped = before.last().is_some_and(|last| match last.constant() {
            Some(false) => last.next == Link::And,
            Some(true) => last.next == Link::Or,
            None => false,
        });
        skipped || self.cut_off.is_some_and(|end| end <= command.span.start)
    }

    /// Where the first `exit` stands that is neither within something nor after `&&`, `||` or a pipe.
    pub(super) fn cut_off(&self) -> Option<usize> {
        let ends = |command: &Command| match command.words.first().map(String::as_str) {
            Some("exit" | "return") => true,
            Some("exec") => command.words.len() > 1,
            _ => false,
        };
        let mut sure = self.commands.iter().enumerate().filter(|(place, command)| self.is_sure(*place, command));
        sure.find(|(_, command)| ends(command)).map(|(_, command)| command.span.end)
    }
}

impl Group {
    /// What of a condition or loop is gone through when a command that it asks fails; nothing where something excuses it.
    fn on_failure(&self, command: &Command) -> Range<usize> {
        let asked_at = command.span.start;
        let Some((then, _)) = self.branches.iter().find(|(at, is_then)| *is_then && *at >= asked_at) else {
            return self.start..self.end;
        };
        let otherwise = self.branches.iter().find(|(at, is_then)| !*is_then && at > then).map_or(self.end, |(at, _)| *at);
        if command.captured {
            // What it prints decides, and nobody can say how.
            asked_at..self.end
        } else if command.negated {
            *then..otherwise
        } else if command.next == Link::Or {
            self.end..self.end
        } else {
            otherwise..self.end
        }
    }
}

impl Command {
    /// Whether it ends the script with a failure.
    fn gives_up(&self) -> bool {
        // What runs beside the script does not end it.
        if matches!(self.next, Link::Pipe | Link::Background) {
            return false;
        }
        let is_failure = |code: Option<&String>| code.is_none_or(|code| code != "0");
        match self.words.split_first() {
            Some((first, rest)) if first == "exit" || first == "return" => !rest.is_empty() && is_failure(rest.first()),
            Some((first, _)) => first == "false",
            None => false,
        }
    }

    /// Whether it always succeeds, or always fails, whatever the world is like: `false`, `[ 1 -eq 0 ]`.
    pub(super) fn constant(&self) -> Option<bool> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let plain = |word: &str| !word.contains(['$', '`', '*', '?', '~']);
        let compared = |left: &str, sign: &str, right: &str| {
            if !plain(left) || !plain(right) {
                return None;
            }
            let numbers = || Some((left.parse::<i64>().ok()?, right.parse::<i64>().ok()?));
            match sign {
                "=" | "==" => Some(left == right),
                "!=" => Some(left != right),
                "-eq" => numbers().map(|(left, right)| left == right),
                "-ne" => numbers().map(|(left, right)| left != right),
                "-gt" => numbers().map(|(left, right)| left > right),
                "-lt" => numbers().map(|(left, right)| left < right),
                "-ge" => numbers().map(|(left, right)| left >= right),
                "-le" => numbers().map(|(left, right)| left <= right),
                _ => None,
            }
        };
        match words[..] {
            ["true" | ":"] => Some(true),
            ["false"] => Some(false),
            ["[", left, sign, right, "]"] | ["[[", left, sign, right, "]]"] | ["test", left, sign, right] => {
                compared(left, sign, right)
            }
            ["[", "-n", text, "]"] | ["[[", "-n", text, "]]"] | ["test", "-n", text] if plain(text) => Some(!text.is_empty()),
            ["[", "-z", text, "]"] | ["[[", "-z", text, "]]"] | ["test", "-z", text] if plain(text) => Some(text.is_empty()),
            _ => None,
        }
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

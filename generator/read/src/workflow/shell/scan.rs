//! From the text of a script to its commands.

use super::{COMMANDS_MAX, Command, DEPTH_MAX, Group, Link, OPEN_MAX, Script};

/// What declares variables, and succeeds whatever a `$( … )` in it does.
const DECLARES: &[&str] = &["export", "local", "readonly", "declare", "typeset"];

/// The commands of a script.
pub(super) fn scan(text: &str) -> Script {
    let mut script = Script::default();
    let mut scanner = Scanner {
        text,
        at: 0,
        end: text.len(),
        script: &mut script,
        open: vec![],
        around: vec![],
        heredocs: vec![],
        kept_in: vec![],
        captured_by: None,
        function: None,
        depth: 0,
    };
    scanner.run(false);
    script.commands.sort_by_key(|command| (command.span.start, std::cmp::Reverse(command.span.end)));
    script
}

/// An `if`, loop, group or substitution that is not closed yet.
struct Open {
    closed_by: &'static str,
    /// Its condition is being read.
    asking: bool,
    /// Its condition is `false`.
    never: bool,
    group: usize,
}

struct Scanner<'a, 's> {
    text: &'a str,
    at: usize,
    end: usize,
    script: &'s mut Script,
    open: Vec<Open>,
    /// The groups around a `$( … )`, outermost first, and the innermost of those that ask.
    around: Vec<(usize, bool)>,
    heredocs: Vec<String>,
    /// Where the output of the command that is being read is sent.
    kept_in: Vec<String>,
    /// The variable that takes what the `$( … )` prints.
    captured_by: Option<String>,
    /// The name of the function whose body comes next.
    function: Option<String>,
    depth: usize,
}

impl Scanner<'_, '_> {
    fn peek(&self, ahead: usize) -> u8 {
        let at = self.at + ahead;
        if at < self.end { self.text.as_bytes().get(at).copied().unwrap_or(0) } else { 0 }
    }

    fn run(&mut self, captured: bool) {
        let mut words: Vec<String> = Vec::new();
        let mut start = None;
        let mut asked = false;
        while self.at < self.end {
            let byte = self.peek(0);
            let link = match (byte, self.peek(1)) {
                (b'\n', _) => Some((Link::Line, 1)),
                (b';', b';') => Some((Link::Line, 2)),
                (b';', _) => Some((Link::Semicolon, 1)),
                (b'&', b'&') => Some((Link::And, 2)),
                (b'|', b'|') => Some((Link::Or, 2)),
                (b'|', b'&') => Some((Link::Pipe, 2)),
                (b'|', _) => Some((Link::Pipe, 1)),
                (b'&', b'>') => None,
                (b'&', _) => Some((Link::Background, 1)),
                _ => None,
            };
            if let Some((link, long)) = link {
                self.finish(&mut words, &mut start, &mut asked, captured, link);
                self.at += long;
                if byte == b'\n' {
                    self.skip_heredocs();
                }
                continue;
            }
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if matches!(self.peek(1), b'\n' | b'\r') => {
                    self.at += if self.peek(2) == b'\n' && self.peek(1) == b'\r' { 3 } else { 2 }
                }
                b'#' => {
                    while self.at < self.end && self.peek(0) != b'\n' {
                        self.at += 1;
                    }
                }
                b'(' if words.len() == 1 && self.is_empty_brackets() => {
                    self.function = words.pop();
                    start = None;
                    self.skip_brackets();
                }
                b'(' => {
                    self.finish(&mut words, &mut start, &mut asked, captured, Link::Line);
                    self.at += 1;
                    self.enter(")");
                }
                b')' => {
                    self.finish(&mut words, &mut start, &mut asked, captured, Link::Line);
                    self.at += 1;
                    self.leave(")");
                }
                // `&>` sends both outputs away, and is no background.
                b'>' | b'<' | b'&' => self.redirect(),
                _ => {
                    let from = self.at;
                    let word = self.word(words.first().is_some_and(|first| DECLARES.contains(&first.as_str())));
                    if self.at == from {
                        // Nothing was taken: whatever stands here is passed over, so that reading always goes on.
                        self.at += 1;
                        continue;
                    }
                    if words.is_empty() && start.is_none() && self.keyword(&word, &mut asked) {
                        continue;
                    }
                    if words == ["function"] {
                        // `function name {`, also with brackets.
                        words.clear();
                        start = None;
                        self.function = Some(word);
                        if self.is_empty_brackets() {
                            self.skip_brackets();
                        }
                        continue;
                    }
                    start.get_or_insert(from);
                    words.push(word);
                }
            }
        }
        self.finish(&mut words, &mut start, &mut asked, captured, Link::Line);
    }

    /// A word of the language where a command would begin.
    fn keyword(&mut self, word: &str, asked: &mut bool) -> bool {
        match word {
            "if" => self.ask("fi"),
            "while" | "until" => self.ask("done"),
            "elif" => {
                self.branch(false);
                if let Some(open) = self.open.last_mut() {
                    (open.asking, open.never) = (true, false);
                }
            }
            "then" | "do" => {
                self.branch(true);
                if let Some(open) = self.open.last_mut() {
                    open.asking = false;
                }
            }
            "else" => {
                self.branch(false);
                if let Some(open) = self.open.last_mut() {
                    (open.asking, open.never) = (false, false);
                }
            }
            "!" => *asked = true,
            "{" => self.enter("}"),
            "}" | "fi" | "done" | "esac" => self.leave(word),
            _ => return false,
        }
        true
    }

    fn branch(&mut self, is_then: bool) {
        let group = self.open.last().map(|open| open.group);
        if let Some(group) = group.and_then(|group| self.script.groups.get_mut(group)) {
            group.branches.push((self.at, is_then));
        }
    }

    fn ask(&mut self, closed_by: &'static str) {
        self.push(closed_by, true, false);
    }

    fn enter(&mut self, closed_by: &'static str) {
        self.push(closed_by, false, false);
    }

    /// Opens something; what is nested deeper than anybody writes ends the reading.
    fn push(&mut self, closed_by: &'static str, asking: bool, never: bool) {
        if self.open.len() >= OPEN_MAX {
            self.end = self.at;
            return;
        }
        let group = self.script.groups.len();
        let function = self.function.take();
        self.script.groups.push(Group { next: Link::Line, end: self.end, start: self.at, function, branches: vec![] });
        self.open.push(Open { closed_by, asking, never, group });
    }

    fn leave(&mut self, word: &str) {
        if self.open.last().is_none_or(|open| open.closed_by != word) {
            return;
        }
        let Some(Open { group, .. }) = self.open.pop() else { return };
        // What stands after the group holds for everything in it; a redirection between them does not matter.
        loop {
            while matches!(self.peek(0), b' ' | b'\t') {
                self.at += 1;
            }
            let digits = (0..).take_while(|ahead| self.peek(*ahead).is_ascii_digit()).count();
            let both = self.peek(0) == b'&' && self.peek(1) == b'>';
            let one = matches!(self.peek(digits), b'>' | b'<') && self.peek(digits + 1) != b'(';
            if !(both || one) {
                break;
            }
            self.at += digits;
            self.redirect();
        }
        let link = match (self.peek(0), self.peek(1)) {
            (b'&', b'&') => Link::And,
            (b'|', b'|') => Link::Or,
            (b'|', _) => Link::Pipe,
            (b'&', _) => Link::Background,
            (b';', next) if next != b';' => Link::Semicolon,
            _ => Link::Line,
        };
        self.kept_in.clear();
        let end = self.at;
        if let Some(entry) = self.script.groups.get_mut(group) {
            (entry.next, entry.end) = (link, end);
        }
    }

    /// Whether `()` stands here, as after the name of a function.
    fn is_empty_brackets(&self) -> bool {
        let rest = self.text.get(self.at..self.end).unwrap_or_default();
        rest.trim_start_matches([' ', '\t'])
            .strip_prefix('(')
            .is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with(')'))
    }

    fn skip_brackets(&mut self) {
        let rest = self.text.get(self.at..self.end).unwrap_or_default();
        self.at += rest.find(')').map_or(rest.len(), |found| found + 1);
    }

    fn finish(&mut self, words: &mut Vec<String>, start: &mut Option<usize>, asked: &mut bool, captured: bool, next: Link) {
        let words = std::mem::take(words);
        let start = start.take();
        let negated = std::mem::replace(asked, false);
        let Some(start) = start else { return };
        let mut kept_in = std::mem::take(&mut self.kept_in);
        kept_in.extend(self.captured_by.iter().cloned());
        match words.first().map(String::as_str) {
            // The words of a loop's or a choice's head are no command. A loop over nothing never goes round.
            Some("for" | "select") => {
                self.push("done", false, words.len() == 3 && words.get(2).is_some_and(|word| word == "in"));
                return;
            }
            Some("case") => {
                self.push("esac", false, false);
                return;
            }
            _ => {}
        }
        if self.script.commands.len() >= COMMANDS_MAX {
            self.end = self.at;
            return;
        }
        let asking = self.open.iter().rev().find(|open| open.asking).map(|open| open.group);
        let asking_around = self.around.iter().rev().find(|(_, asking)| *asking).map(|(group, _)| *group);
        let groups = self.around.iter().map(|(group, _)| *group).chain(self.open.iter().map(|open| open.group)).collect();
        let command = Command {
            words,
            span: start..self.at,
            next,
            kept_in,
            groups,
            asked: negated || captured || asking.is_some(),
            negated,
            captured: captured || self.depth > 0,
            asked_in: asking.or(asking_around),
            never: self.open.iter().any(|open| open.never && !open.asking),
            outermost: self.open.is_empty() && self.depth == 0,
        };
        if let Some(open) = self.open.last_mut()
            && open.asking
            && next != Link::Or
            && command.constant() == Some(false)
        {
            open.never = true;
        }
        self.script.commands.push(command);
    }

    /// `> file`, `2>&1`, `<<EOF`: no words of the command.
    fn redirect(&mut self) {
        if self.peek(0) == b'<' && self.peek(1) == b'<' && self.peek(2) != b'<' {
            self.at += if self.peek(2) == b'-' { 3 } else { 2 };
            while matches!(self.peek(0), b' ' | b'\t') {
                self.at += 1;
            }
            let word = self.word(false);
            if !word.is_empty() {
                self.heredocs.push(word);
            }
            return;
        }
        let mut sent = false;
        while matches!(self.peek(0), b'>' | b'<' | b'&' | b'|') {
            sent |= self.peek(0) == b'>';
            self.at += 1;
        }
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        if !matches!(self.peek(0), 0 | b'\n' | b';' | b'(') {
            let word = self.word(false);
            if sent && !word.is_empty() && !word.starts_with("/dev/") && !word.bytes().all(|byte| byte.is_ascii_digit()) {
                self.kept_in.push(word);
            }
        }
    }

    fn skip_heredocs(&mut self) {
        for word in std::mem::take(&mut self.heredocs) {
            while self.at < self.end {
                let rest = self.text.get(self.at..self.end).unwrap_or_default();
                let line = rest.split_inclusive('\n').next().unwrap_or_default();
                self.at += line.len().max(1);
                if line.trim() == word {
                    break;
                }
            }
        }
    }

    /// A word without its quotes; what stands in `$( … )` is read as commands of its own.
    /// Where the command only declares, `export x=$(audit)`, the failure of what is taken is lost.
    fn word(&mut self, declares: bool) -> String {
        let mut word = Vec::new();
        while self.at < self.end {
            let byte = self.peek(0);
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b'(' | b')' => break,
                b'>' | b'<' if !word.iter().all(u8::is_ascii_digit) => break,
                b'>' | b'<' => {
                    // `2>&1`: the digits belong to the redirection.
                    word.clear();
                    self.redirect();
                    break;
                }
                b'\'' => {
                    self.at += 1;
                    while self.at < self.end && self.peek(0) != b'\'' {
                        word.push(self.peek(0));
                        self.at += 1;
                    }
                    self.at += 1;
                }
                b'"' => {
                    self.at += 1;
                    while self.at < self.end && self.peek(0) != b'"' {
                        if self.peek(0) == b'$' {
                            self.dollar(&mut word, declares);
                        } else {
                            if self.peek(0) == b'\\' && matches!(self.peek(1), b'"' | b'\\' | b'$' | b'`' | b'\n') {
                                self.at += 1;
                            }
                            word.push(self.peek(0));
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                }
                b'\\' => {
                    if self.peek(1) != b'\n' && self.peek(1) != 0 {
                        word.push(self.peek(1));
                    }
                    self.at += 2;
                }
                b'$' => self.dollar(&mut word, declares),
                _ => {
                    word.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at = self.at.min(self.end);
        String::from_utf8_lossy(&word).into_owned()
    }

    /// `$name`, `${…}`, `${{ … }}` and `$( … )`, which stay in the word as they are written.
    fn dollar(&mut self, word: &mut Vec<u8>, declares: bool) {
        let from = self.at;
        let (open, close): (&str, &str) = match (self.peek(1), self.peek(2)) {
            (b'{', b'{') => ("${{", "}}"),
            (b'{', _) => ("${", "}"),
            (b'(', _) => ("$(", ")"),
            _ => {
                word.push(b'$');
                self.at += 1;
                return;
            }
        };
        self.at += open.len();
        if open == "$(" {
            let end = self.closing();
            if self.depth < DEPTH_MAX && self.peek(0) != b'(' {
                let assigned = word.ends_with(b"=");
                let name = word.strip_suffix(b"=").map(|name| String::from_utf8_lossy(name).into_owned());
                let outer_end = self.end;
                let (outer_open, heredocs) = (std::mem::take(&mut self.open), std::mem::take(&mut self.heredocs));
                let (kept_in, function) = (std::mem::take(&mut self.kept_in), self.function.take());
                let captured_by = std::mem::replace(&mut self.captured_by, name);
                let around = self.around.len();
                self.around.extend(outer_open.iter().map(|open| (open.group, open.asking)));
                (self.end, self.depth) = (end, self.depth + 1);
                // `x=$(audit)` fails with it; elsewhere nobody hears.
                self.run(!assigned || declares);
                (self.end, self.depth) = (outer_end, self.depth - 1);
                self.around.truncate(around);
                (self.open, self.heredocs) = (outer_open, heredocs);
                (self.kept_in, self.captured_by, self.function) = (kept_in, captured_by, function);
            }
            self.at = (end + 1).min(self.end);
        } else {
            let rest = self.text.get(self.at..self.end).unwrap_or_default();
            self.at += rest.find(close).map_or(rest.len(), |found| found + close.len());
        }
        word.extend(self.text.get(from..self.at).unwrap_or_default().bytes());
    }

    /// Where the bracket that is open here closes.
    fn closing(&self) -> usize {
        let (mut depth, mut at) = (1_usize, self.at);
        let bytes = self.text.as_bytes();
        let mut quote = 0_u8;
        while at < self.end {
            let byte = bytes.get(at).copied().unwrap_or(0);
            match byte {
                b'\\' => at += 1,
                b'\'' | b'"' if quote == 0 => quote = byte,
                _ if byte == quote => quote = 0,
                b'(' if quote == 0 => depth += 1,
                b')' if quote == 0 => {
                    depth -= 1;
                    if depth == 0 {
                        return at;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.end
    }
}

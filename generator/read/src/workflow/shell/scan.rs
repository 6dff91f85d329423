//! From the text of a script to its commands.

use super::{COMMANDS_MAX, Command, DEPTH_MAX, Link, OPEN_MAX, Script};

/// The commands of a script.
pub(super) fn scan(text: &str) -> Script {
    let mut script = Script::default();
    let mut scanner = Scanner { text, at: 0, end: text.len(), script: &mut script, open: vec![], heredocs: vec![], depth: 0 };
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
    group: Option<usize>,
}

struct Scanner<'a, 's> {
    text: &'a str,
    at: usize,
    end: usize,
    script: &'s mut Script,
    open: Vec<Open>,
    heredocs: Vec<String>,
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
        let mut asked = captured;
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
                b'(' => {
                    self.finish(&mut words, &mut start, &mut asked, captured, Link::Line);
                    self.at += 1;
                    self.enter(")", true);
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
                    let word = self.word();
                    if self.at == from {
                        // Nothing was taken: whatever stands here is passed over, so that reading always goes on.
                        self.at += 1;
                        continue;
                    }
                    if words.is_empty() && start.is_none() && self.keyword(&word, &mut asked) {
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
                if let Some(open) = self.open.last_mut() {
                    (open.asking, open.never) = (true, false);
                }
            }
            "then" | "do" => {
                if let Some(open) = self.open.last_mut() {
                    open.asking = false;
                }
            }
            "else" => {
                if let Some(open) = self.open.last_mut() {
                    (open.asking, open.never) = (false, false);
                }
            }
            "!" => *asked = true,
            "{" => self.enter("}", true),
            "}" | "fi" | "done" | "esac" => self.leave(word),
            _ => return false,
        }
        true
    }

    fn ask(&mut self, closed_by: &'static str) {
        self.push(Open { closed_by, asking: true, never: false, group: None });
    }

    /// Opens something; what is nested deeper than anybody writes ends the reading.
    fn push(&mut self, open: Open) {
        if self.open.len() >= OPEN_MAX {
            self.end = self.at;
        } else {
            self.open.push(open);
        }
    }

    fn enter(&mut self, closed_by: &'static str, group: bool) {
        let group = group.then(|| {
            self.script.groups.push((Link::Line, self.end));
            self.script.groups.len() - 1
        });
        self.push(Open { closed_by, asking: false, never: false, group });
    }

    fn leave(&mut self, word: &str) {
        if self.open.last().is_none_or(|open| open.closed_by != word) {
            return;
        }
        let Some(Open { group: Some(group), .. }) = self.open.pop() else { return };
        // What stands after the group holds for everything in it.
        let mut ahead = 0;
        while matches!(self.peek(ahead), b' ' | b'\t') {
            ahead += 1;
        }
        let link = match (self.peek(ahead), self.peek(ahead + 1)) {
            (b'&', b'&') => Link::And,
            (b'|', b'|') => Link::Or,
            (b'|', _) => Link::Pipe,
            (b'&', next) if next != b'>' => Link::Background,
            (b';', _) => Link::Semicolon,
            _ => Link::Line,
        };
        if let Some(entry) = self.script.groups.get_mut(group) {
            *entry = (link, self.at);
        }
    }

    fn finish(&mut self, words: &mut Vec<String>, start: &mut Option<usize>, asked: &mut bool, captured: bool, next: Link) {
        let words = std::mem::take(words);
        let start = start.take();
        let was_asked = std::mem::replace(asked, captured);
        let Some(start) = start else { return };
        match words.first().map(String::as_str) {
            // The words of a loop's or a choice's head are no command.
            Some("for" | "select") => {
                self.push(Open { closed_by: "done", asking: false, never: false, group: None });
                return;
            }
            Some("case") => {
                self.push(Open { closed_by: "esac", asking: false, never: false, group: None });
                return;
            }
            _ => {}
        }
        if self.script.commands.len() >= COMMANDS_MAX {
            self.end = self.at;
            return;
        }
        let asking = self.open.iter().any(|open| open.asking);
        if let Some(open) = self.open.last_mut()
            && open.asking
            && next != Link::Or
            && matches!(&words[..], [word] if word == "false")
        {
            open.never = true;
        }
        self.script.commands.push(Command {
            words,
            span: start..self.at,
            next,
            groups: self.open.iter().filter_map(|open| open.group).collect(),
            asked: was_asked || asking,
            never: self.open.iter().any(|open| open.never && !open.asking),
            outermost: self.open.is_empty() && self.depth == 0,
        });
    }

    /// `> file`, `2>&1`, `<<EOF`: no words of the command.
    fn redirect(&mut self) {
        if self.peek(0) == b'<' && self.peek(1) == b'<' && self.peek(2) != b'<' {
            self.at += if self.peek(2) == b'-' { 3 } else { 2 };
            while matches!(self.peek(0), b' ' | b'\t') {
                self.at += 1;
            }
            let word = self.word();
            if !word.is_empty() {
                self.heredocs.push(word);
            }
            return;
        }
        while matches!(self.peek(0), b'>' | b'<' | b'&' | b'|') {
            self.at += 1;
        }
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        if !matches!(self.peek(0), 0 | b'\n' | b';' | b'(') {
            let _ = self.word();
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
    fn word(&mut self) -> String {
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
                            self.dollar(&mut word);
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
                b'$' => self.dollar(&mut word),
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
    fn dollar(&mut self, word: &mut Vec<u8>) {
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
                let (outer_end, outer_open) = (self.end, std::mem::take(&mut self.open));
                let heredocs = std::mem::take(&mut self.heredocs);
                (self.end, self.depth) = (end, self.depth + 1);
                // `x=$(audit)` fails with it; elsewhere nobody hears.
                self.run(!assigned);
                (self.end, self.depth) = (outer_end, self.depth - 1);
                self.open = outer_open;
                self.heredocs = heredocs;
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
